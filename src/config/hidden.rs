//! The secrets of an object: where they are, how the object is shown without them, and how it gets them back.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check::{GATEWAY, Shape};
use super::objects::Kind;
use super::secret::Secret;
use crate::ir::Format;

/// What stands where a secret could, and is none.
const OPEN: [&str; 1] = ["passthrough"];
/// Headers of a provider whose values are no secrets, whatever they look like.
const OPEN_HEADERS: [&str; 11] = [
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "http-referer",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "user-agent",
    "x-title",
];
/// Headers, and members of `set`, whose names have one of these in them hold secrets, but for one that every client sends.
const SECRET_NAMES: [&str; 7] = [
    "auth",
    "key",
    "token",
    "secret",
    "cookie",
    "password",
    "credential",
];
const OPEN_MEMBERS: [&str; 1] = ["prompt_cache_key"];
/// A value that nobody has named a secret is one from so many characters on.
const SHORTEST_SECRET: usize = 12;
/// What may stand beside a key in its header.
const SCHEMES: [&str; 7] = ["", "bearer", "basic", "token", "key", "apikey", "api-key"];

/// An object in two parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden {
    /// It, with its secrets masked.
    pub shown: Value,
    /// By their places in it (RFC 6901).
    pub secrets: BTreeMap<String, String>,
}

/// Without the secrets.
impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} and {} secrets", self.shown, self.secrets.len())
    }
}

/// Takes the secrets out of an object's body. What a variable or a file fills in (`${NAME}`, `file:/path`) is none.
pub fn hide(kind: Kind, name: &str, body: &Value) -> Hidden {
    let mut shown = body.clone();
    let mut secrets = BTreeMap::new();
    for place in places(kind, name, body, is_secret) {
        let Some(slot) = shown.pointer_mut(&place) else {
            continue;
        };
        let secret = text(slot);
        *slot = Value::String(Secret::new(secret.as_str()).masked());
        secrets.insert(place, secret);
    }
    Hidden { shown, secrets }
}

/// Puts the secrets back.
pub fn reveal(hidden: &Hidden) -> Value {
    let mut body = hidden.shown.clone();
    for (place, secret) in &hidden.secrets {
        if let Some(slot) = body.pointer_mut(place) {
            *slot = Value::String(secret.clone());
        }
    }
    body
}

/// Where `body` has a secret as it is shown, it means the one that `before` has: of the same place, else the only one
/// that is shown so.
///
/// # Errors
/// The places of those that are shown like several, or like none.
pub fn keep(
    kind: Kind,
    name: &str,
    body: &mut Value,
    before: Option<&Hidden>,
) -> Result<(), Vec<String>> {
    let mut unknown = Vec::new();
    for place in places(kind, name, body, is_secret) {
        let Some(slot) = body.pointer_mut(&place) else {
            continue;
        };
        let said = text(slot);
        if !said.contains('…') {
            continue;
        }
        match before.and_then(|before| meant(before, &place, &said)) {
            Some(secret) => *slot = Value::String(secret.to_owned()),
            None => unknown.push(place),
        }
    }
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(unknown),
    }
}

fn meant<'h>(before: &'h Hidden, place: &str, said: &str) -> Option<&'h str> {
    let shown_so = |secret: &str| Secret::new(secret).masked() == said;
    if let Some(secret) = before.secrets.get(place).filter(|secret| shown_so(secret)) {
        return Some(secret);
    }
    let mut alike = before.secrets.values().filter(|secret| shown_so(secret));
    let first = alike.next()?;
    alike.all(|other| other == first).then_some(first.as_str())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Where variables or files fill a secret in.
pub fn references(kind: Kind, name: &str, body: &Value) -> Vec<String> {
    places(kind, name, body, is_reference)
}

fn places(kind: Kind, name: &str, body: &Value, wanted: fn(&str) -> bool) -> Vec<String> {
    let key = GATEWAY.key(kind.section().unwrap_or(name));
    let Some(shape) = key.map(|key| key.shape) else {
        return Vec::new();
    };
    let one = match shape {
        Shape::List(of) | Shape::NamesOf(of) if kind.section().is_some() => *of,
        other => other,
    };
    let mut walk = Walk {
        wanted,
        path: String::new(),
        places: Vec::new(),
    };
    walk.visit(one, body);
    walk.places
}

/// Through a body along its shape.
struct Walk {
    wanted: fn(&str) -> bool,
    path: String,
    places: Vec<String>,
}

impl Walk {
    fn visit(&mut self, shape: Shape, value: &Value) {
        match (shape, value) {
            (Shape::Either(shapes), _) => {
                let fits = shapes.iter().find(|shape| fits(**shape, value));
                fits.into_iter().for_each(|shape| self.visit(*shape, value));
            }
            (Shape::Secret, Value::String(_) | Value::Number(_)) => self.meet(value),
            (Shape::Table(section), Value::Object(members)) => {
                for (name, value) in members {
                    if let Some(key) = section.key(name) {
                        self.below(name, |walk| walk.visit(key.shape, value));
                    }
                }
            }
            (Shape::List(of), Value::Array(items)) => {
                for (at, item) in items.iter().enumerate() {
                    self.below(&at.to_string(), |walk| walk.visit(*of, item));
                }
            }
            (Shape::PerFormat(of), Value::Object(members))
                if members
                    .keys()
                    .all(|name| Format::ALL.iter().any(|format| format.name() == name)) =>
            {
                for (name, value) in members {
                    self.below(name, |walk| walk.visit(*of, value));
                }
            }
            (Shape::PerFormat(of), _) => self.visit(*of, value),
            (Shape::NamesOf(Shape::Any), Value::Object(_)) => self.anything(value),
            (Shape::NamesOf(of), Value::Object(members)) => {
                for (name, value) in members {
                    self.below(name, |walk| walk.visit(*of, value));
                }
            }
            (Shape::Headers, Value::Object(members)) => {
                for (name, value) in members {
                    if value
                        .as_str()
                        .is_some_and(|said| is_secret_header(name, said))
                    {
                        self.below(name, |walk| walk.meet(value));
                    }
                }
            }
            (Shape::Scheme, Value::String(said)) if is_secret_scheme(said) => self.meet(value),
            (Shape::Any, _) => self.anything(value),
            _ => {}
        }
    }

    /// What has no shape: texts whose names say that they are secrets.
    fn anything(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let secret = value.is_string() && is_secret_member(name);
                    self.below(name, |walk| match secret {
                        true => walk.meet(value),
                        false => walk.anything(value),
                    });
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.below(&at.to_string(), |walk| walk.anything(item));
                }
            }
            _ => {}
        }
    }

    fn meet(&mut self, value: &Value) {
        if (self.wanted)(&text(value)) {
            self.places.push(self.path.clone());
        }
    }

    fn below(&mut self, name: &str, then: impl FnOnce(&mut Walk)) {
        let length = self.path.len();
        self.path.push('/');
        self.path
            .push_str(&name.replace('~', "~0").replace('/', "~1"));
        then(self);
        self.path.truncate(length);
    }
}

fn fits(shape: Shape, value: &Value) -> bool {
    match shape {
        Shape::Table(_) | Shape::Names | Shape::Headers | Shape::NamesOf(_) => value.is_object(),
        Shape::List(_) => value.is_array(),
        Shape::Value | Shape::Secret | Shape::Guarded | Shape::Scheme => {
            !value.is_object() && !value.is_array()
        }
        Shape::Either(_) | Shape::PerFormat(_) | Shape::Any | Shape::Pingora(_) => true,
    }
}

fn is_secret(value: &str) -> bool {
    !value.is_empty() && !is_reference(value) && !OPEN.contains(&value)
}

/// Whether all of it comes from variables, or from a file. A default within a variable is said here, and so is a secret.
fn is_reference(value: &str) -> bool {
    if value.starts_with("file:") {
        return true;
    }
    let mut rest = value;
    while let Some((inner, after)) = rest.strip_prefix("${").and_then(|r| r.split_once('}')) {
        if inner.split_once(":-").is_some_and(|(_, d)| !d.is_empty()) {
            return false;
        }
        rest = after;
    }
    rest.is_empty() && !value.is_empty()
}

/// Whether the value of a provider's header is one: its name says so, or it looks like one.
pub(super) fn is_secret_header(name: &str, said: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let named = || SECRET_NAMES.iter().any(|part| name.contains(part));
    !OPEN_HEADERS.contains(&&*name) && (named() || is_like_a_secret(said))
}

/// Long, of one word, with letters and digits; or credentials with their scheme (RFC 9110, section 11.4); or what stands for
/// one: its mask, or a variable.
fn is_like_a_secret(said: &str) -> bool {
    let scheme = said.split_once(' ').map(|(scheme, _)| scheme);
    let has_scheme = scheme.is_some_and(|scheme| {
        let known = SCHEMES.iter().filter(|known| !known.is_empty());
        known
            .into_iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    });
    let has = |what: fn(&char) -> bool| said.chars().any(|c| what(&c));
    let is_word = said.len() >= SHORTEST_SECRET && !has(|c| c.is_whitespace());
    let is_mixed = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
    has_scheme || said.contains('…') || is_reference(said) || is_word && is_mixed
}

fn is_secret_member(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !OPEN_MEMBERS.contains(&&*name) && SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Whether more than a scheme stands beside the key: `Bearer {key}` is none.
pub(super) fn is_secret_scheme(said: &str) -> bool {
    let beside = said.replace("{key}", "").trim().to_ascii_lowercase();
    !SCHEMES.contains(&&*beside)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider() -> Value {
        json!({
            "name": "a", "base_url": "https://a.example.com",
            "keys": ["sk-0123456789abcdef", "${A}", {"value": "sk-second-0123456789", "weight": 2}, {"value": "file:/run/a"}],
            "headers": {"User-Agent": "search", "X-Tok": "token-0123456789"},
            "auth": {"header": "X", "format": "Bearer literal-secret-{key}"},
        })
    }

    #[test]
    fn what_is_hidden_comes_back_and_is_not_shown() {
        let hidden = hide(Kind::Provider, "a", &provider());
        let places: Vec<&str> = hidden.secrets.keys().map(String::as_str).collect();
        assert_eq!(
            places,
            ["/auth/format", "/headers/X-Tok", "/keys/0", "/keys/2/value"]
        );
        assert_eq!(
            hidden.shown["keys"],
            json!(["sk-…cdef", "${A}", {"value": "sk-…6789", "weight": 2}, {"value": "file:/run/a"}])
        );
        assert_eq!(hidden.shown["headers"]["User-Agent"], "search");
        assert_eq!(reveal(&hidden), provider());
        assert!(!format!("{hidden:?}").contains("0123456789"));
        let open = json!({"name": "a", "keys": "passthrough"});
        assert_eq!(hide(Kind::Provider, "a", &open).shown, open);
        let one = hide(Kind::Provider, "a", &json!({"keys": "sk-0123456789abcdef"}));
        assert_eq!(one.shown["keys"], "sk-…cdef");
    }

    #[test]
    fn members_of_set_are_secrets_by_their_names_and_schemes_by_what_is_in_them() {
        let model = json!({"name": "m", "endpoints": [{ "provider": "a", "set": {
            "api_key": "set-secret-xyz123", "temperature": 1, "max_tokens": 5,
            "prompt_cache_key": "shared", "more": [{"auth_token": "deep-secret-xyz123"}],
        } }]});
        let hidden = hide(Kind::Model, "m", &model);
        let places: Vec<&str> = hidden.secrets.keys().map(String::as_str).collect();
        assert_eq!(
            places,
            [
                "/endpoints/0/set/api_key",
                "/endpoints/0/set/more/0/auth_token"
            ]
        );
        assert_eq!(reveal(&hidden), model);
        for open in ["Bearer {key}", "{key}", "Api-Key {key}", "token {key}"] {
            assert!(!is_secret_scheme(open), "{open}");
        }
        assert!(is_secret_scheme("Bearer x-{key}"));
        for (name, said) in [
            ("X-Goog", "AIzaSyA1234567890"),
            ("X-Goog", "Basic dXNlcg=="),
            ("X-Goog", "AIza…7890"),
            ("X-Goog", "${GOOG}"),
            ("X-Api-Token", "x"),
        ] {
            assert!(is_secret_header(name, said), "{name}: {said}");
        }
        for (name, said) in [
            ("User-Agent", "tidegate-0.1.0-abcdef"),
            ("X-Team", "search"),
            ("X-Team", "search and ranking 2"),
            ("Host", "other.example.com"),
        ] {
            assert!(!is_secret_header(name, said), "{name}: {said}");
        }
    }

    #[test]
    fn what_a_variable_may_leave_to_its_default_is_a_secret() {
        for open in ["${A}", "${A}${B:-}", "file:/run/x", "file:${DIR:-/run}/x"] {
            assert!(!is_secret(open) && is_reference(open), "{open}");
        }
        for secret in ["${A:-sk-0123}", "${A}-0123", "$${A}", "sk-0123", "${A"] {
            assert!(is_secret(secret), "{secret}");
        }
    }

    #[test]
    fn a_masked_secret_that_is_sent_back_is_the_one_that_was_there() {
        let before = hide(Kind::Provider, "a", &provider());
        let mut sent = before.shown.clone();
        keep(Kind::Provider, "a", &mut sent, Some(&before)).unwrap();
        assert_eq!(sent, provider());
        // In another order, one gone, one new.
        let mut sent = json!({"keys": [{"value": "sk-…6789"}, "sk-new-0123456789", "sk-…cdef"]});
        keep(Kind::Provider, "a", &mut sent, Some(&before)).unwrap();
        assert_eq!(
            sent["keys"],
            json!([{"value": "sk-second-0123456789"}, "sk-new-0123456789", "sk-0123456789abcdef"])
        );
        let mut sent = json!({"keys": ["sk-…none"]});
        assert_eq!(
            keep(Kind::Provider, "a", &mut sent, Some(&before)),
            Err(vec!["/keys/0".to_owned()])
        );
        assert_eq!(
            keep(Kind::Provider, "a", &mut sent, None),
            Err(vec!["/keys/0".to_owned()])
        );
    }
}
