//! Between the tree of a text and JSON, so that neither says something else than the other.

use serde_json::{Map, Value as Json, json};

use crate::config::check;
use crate::config::file::{Entry, Key, Node, Scalar, Value};
use crate::config::text::{Origin, Span};

/// Of nodes that stand in no text.
pub(super) const NOWHERE: Span = Span {
    origin: Origin::File,
    start: 0,
    end: 0,
};

/// Keys whose values are names: `007` and `1.10` stay what they are.
const NAMED: &[&str] = &[
    "name",
    "model",
    "provider",
    "use",
    "aliases",
    "models",
    "expose",
    "fallbacks",
    "value",
    "tenant",
    "model_contains",
    "client_key",
    "default_model",
    "preferred_provider",
    "keys",
    "header",
    "body",
];

/// A tree as JSON that reads the same.
pub(super) fn json(node: &Node) -> Json {
    of_node(node, "")
}

/// What stands under a key.
pub(super) fn json_under(key: &str, node: &Node) -> Json {
    of_node(node, key)
}

fn of_node(node: &Node, key: &str) -> Json {
    match &node.value {
        Value::Null | Value::Unknown => Json::Null,
        Value::Scalar(scalar) => of_scalar(scalar, key),
        Value::List(items) => items.iter().map(|item| of_node(item, key)).collect(),
        Value::Map(entries) => {
            let member = |entry: &Entry| {
                let below = match key {
                    // Requests' own members: they are read as YAML says.
                    "set" => "set",
                    _ => entry.key.text.as_str(),
                };
                (entry.key.text.clone(), of_node(&entry.node, below))
            };
            Json::Object(entries.iter().map(member).collect::<Map<_, _>>())
        }
    }
}

fn of_scalar(scalar: &Scalar, key: &str) -> Json {
    let text = scalar.text.as_str();
    if key == "set" && !scalar.quoted {
        return check::scalar_json(scalar).unwrap_or_else(|| json!(text));
    }
    let written = scalar.as_written();
    if scalar.quoted || !written.is_string() || NAMED.contains(&key) {
        return written;
    }
    // What is no JSON as it stands: a number that begins with 0, a word in capitals.
    match text {
        "True" | "TRUE" => Json::Bool(true),
        "False" | "FALSE" => Json::Bool(false),
        _ => text.parse::<u64>().map_or(written, Json::from),
    }
}

/// JSON as a tree.
pub(super) fn node(json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::String(text) => scalar(text.clone(), true),
        Json::Bool(_) | Json::Number(_) => scalar(json.to_string(), false),
        Json::Array(items) => Value::List(items.iter().map(node).collect()),
        Json::Object(members) => Value::Map(
            members
                .iter()
                .map(|(key, json)| entry(key, node(json)))
                .collect(),
        ),
    };
    Node {
        span: NOWHERE,
        value,
    }
}

pub(super) fn entry(key: &str, node: Node) -> Entry {
    let key = Key {
        text: key.to_owned(),
        span: NOWHERE,
    };
    Entry { key, node }
}

pub(super) fn scalar(text: String, quoted: bool) -> Value {
    Value::Scalar(Scalar {
        text,
        quoted,
        filled: false,
    })
}

/// The node at a place (RFC 6901).
pub(super) fn at_mut<'n>(node: &'n mut Node, place: &str) -> Option<&'n mut Node> {
    let mut node = node;
    for step in place.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        node = match &mut node.value {
            Value::Map(entries) => {
                let entry = entries.iter_mut().find(|entry| entry.key.text == step)?;
                &mut entry.node
            }
            Value::List(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(node)
}

/// A place as reports write it: `keys[0].value`.
pub(super) fn path_of(place: &str) -> String {
    let mut path = String::new();
    for step in place.split('/').skip(1) {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{step}]"));
            continue;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&step.replace("~1", "/").replace("~0", "~"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::Text;
    use crate::config::yaml;

    #[test]
    fn json_says_what_the_tree_says() {
        let text = "{ name: 007, model: 1.10, weight: 007, on: True, max: 1.5, size: 32MiB, quoted: '5', set: { a: 1e3, b: yes }, none: ~, big: 1.10 }";
        let (root, _) = yaml::parse(&Text::new("t", text));
        assert_eq!(
            json(&root.unwrap()).to_string(),
            r#"{"big":"1.10","max":1.5,"model":"1.10","name":"007","none":null,"on":true,"quoted":"5","set":{"a":1000.0,"b":"yes"},"size":"32MiB","weight":7}"#
        );
    }

    #[test]
    fn places_are_found_and_shown() {
        let mut root = node(&serde_json::json!({"keys": [{"value": 1}], "a/b": {"c~": 2}}));
        assert_eq!(
            at_mut(&mut root, "/keys/0/value").unwrap().text(),
            Some("1")
        );
        assert_eq!(at_mut(&mut root, "/a~1b/c~0").unwrap().text(), Some("2"));
        assert!(at_mut(&mut root, "/keys/1").is_none());
        assert_eq!(
            (path_of("/keys/0/value"), path_of("")),
            ("keys[0].value".into(), String::new())
        );
    }
}
