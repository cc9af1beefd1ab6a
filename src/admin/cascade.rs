//! What goes with a provider: its endpoints in models of the database, and models that have no other. With a model: its
//! name where others fall back to it.

use serde_json::Value;

use crate::config::{Kind, hidden};
use crate::store::{Change, Shelf};

/// Before a provider goes: everything of the database that would hang on nothing.
pub(super) fn of_provider(shelf: &Shelf, provider: &str) -> Vec<Change> {
    let models = shelf.objects.iter().filter(|one| one.kind == Kind::Model);
    let bodies: Vec<(&str, Value)> = models
        .map(|model| (&*model.name, hidden::reveal(&model.body)))
        .collect();
    let is_empty = |body: &Value| {
        let all = body["endpoints"].as_array();
        all.is_some_and(|all| !all.is_empty() && all.iter().all(|one| is_of(one, provider)))
    };
    let gone: Vec<&str> = bodies
        .iter()
        .filter(|(_, body)| is_empty(body))
        .map(|(name, _)| *name)
        .collect();
    bodies
        .iter()
        .filter_map(|(name, body)| {
            let (kind, name) = (Kind::Model, (*name).to_owned());
            if gone.contains(&&*name) {
                return Some(Change::Delete { kind, name });
            }
            let left = without(body, provider, &gone)?;
            let body = hidden::hide(kind, &name, &left);
            Some(Change::Put { kind, name, body })
        })
        .collect()
}

/// Before a model goes: it is nobody's fallback in the database any more.
pub(super) fn of_model(shelf: &Shelf, model: &str) -> Vec<Change> {
    let others = shelf.objects.iter().filter(|one| one.kind == Kind::Model);
    others
        .filter(|one| one.name != model)
        .filter_map(|one| {
            let mut left = hidden::reveal(&one.body);
            if !without_fallbacks(&mut left, &[model]) {
                return None;
            }
            let (kind, name) = (Kind::Model, one.name.clone());
            let body = hidden::hide(kind, &name, &left);
            Some(Change::Put { kind, name, body })
        })
        .collect()
}

fn is_of(endpoint: &Value, provider: &str) -> bool {
    endpoint["provider"] == provider
}

/// A model without that provider and these fallbacks. `None`: it has neither.
fn without(body: &Value, provider: &str, gone: &[&str]) -> Option<Value> {
    let mut left = body.clone();
    if let Some(endpoints) = left["endpoints"].as_array_mut() {
        endpoints.retain(|one| !is_of(one, provider));
    }
    let members = left.as_object_mut()?;
    if let Some(Value::Object(weights)) = members.get_mut("provider_weights") {
        weights.remove(provider);
        if weights.is_empty() {
            members.remove("provider_weights");
        }
    }
    without_fallbacks(&mut left, gone);
    (left != *body).then_some(left)
}

/// Whether it had one of them.
fn without_fallbacks(body: &mut Value, gone: &[&str]) -> bool {
    let Some(members) = body.as_object_mut() else {
        return false;
    };
    let Some(Value::Array(fallbacks)) = members.get_mut("fallbacks") else {
        return false;
    };
    let before = fallbacks.len();
    fallbacks.retain(|one| one.as_str().is_none_or(|one| !gone.contains(&one)));
    let had = fallbacks.len() < before;
    if fallbacks.is_empty() {
        members.remove("fallbacks");
    }
    had
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_loses_what_goes_and_nothing_else() {
        let body = json!({
            "endpoints": [{ "provider": "a", "model": "x" }, { "provider": "b", "model": "y" }],
            "provider_weights": { "a": 2 }, "fallbacks": ["m", "n"], "balance": "weighted",
        });
        let left = without(&body, "a", &["m"]).unwrap();
        let whole = json!({
            "endpoints": [{ "provider": "b", "model": "y" }],
            "fallbacks": ["n"], "balance": "weighted",
        });
        assert_eq!(left, whole);
        assert_eq!(without(&left, "a", &["m"]), None);
    }
}
