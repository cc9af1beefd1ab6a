//! `set` of an endpoint: values of requests that the configuration decides.

use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};

use super::Check;
use crate::config::file::{Node, Scalar, Value};
use crate::config::gateway::Setting;
use crate::config::report::Problem;

/// What the gateway itself writes there, or what makes up the conversation.
const OURS: &[(&str, &str)] = &[
    ("model", "`model` of the endpoint says it"),
    (
        "stream",
        "`streaming` and `non_streaming` of the endpoint say it",
    ),
    ("messages", "it is the conversation"),
    ("input", "it is the conversation"),
    ("contents", "it is the conversation"),
];

impl Check<'_> {
    pub(super) fn settings_of(&mut self, node: Option<&Node>) -> Arc<[Setting]> {
        let mut settings: Vec<Setting> = Vec::new();
        for entry in node.map_or(&[][..], Node::entries) {
            let key = &entry.key;
            let path: Vec<String> = key.text.split('.').map(str::to_owned).collect();
            if path.iter().any(String::is_empty) {
                let text = format!("the path `{}` has an empty step", key.text);
                self.push(Problem::error(key.span, text).help("for example reasoning.effort"));
                continue;
            }
            let ours = OURS
                .iter()
                .find(|(name, _)| key.text.split(['.', '[']).next() == Some(*name));
            if let Some((name, why)) = ours {
                let problem = Problem::error(key.span, format!("`{name}` cannot be set here"));
                self.push(problem.label(*why));
                continue;
            }
            if key.text.contains(['[', ']']) {
                let text = format!("the path `{}` leads into a list", key.text);
                let problem = Problem::error(key.span, text).label("steps are names of members");
                self.push(match key.text.split_once('[') {
                    Some((list, _)) if !list.is_empty() => {
                        problem.help(format!("set the whole list: `{list}: [ … ]`"))
                    }
                    _ => problem,
                });
                continue;
            }
            let meets =
                |other: &Setting| other.path.starts_with(&path) || path.starts_with(&other.path);
            if settings.iter().any(meets) {
                let text = format!("`{}` and a key before it set the same value", key.text);
                self.push(Problem::error(key.span, text));
                continue;
            }
            let value = match &entry.node.value {
                Value::Null => None,
                _ => self.json(&entry.node).map(|json| json.to_string()),
            };
            settings.push(Setting { path, value });
        }
        settings.into()
    }

    /// What a YAML value says, in JSON (YAML 1.2, core schema). `None`: a problem, which was reported.
    fn json(&mut self, node: &Node) -> Option<Json> {
        match &node.value {
            Value::Null => Some(Json::Null),
            Value::Unknown => None,
            Value::Scalar(scalar) => {
                let json = scalar_json(scalar);
                if json.is_none() {
                    let text = format!("`{}` is no number that JSON has", scalar.text);
                    self.push(Problem::error(node.span, text));
                }
                json
            }
            Value::List(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    map.insert(entry.key.text.clone(), self.json(&entry.node)?);
                }
                Some(Json::Object(map))
            }
        }
    }
}

pub(in crate::config) fn scalar_json(scalar: &Scalar) -> Option<Json> {
    let text = scalar.text.as_str();
    if scalar.quoted && !scalar.filled {
        return Some(Json::String(text.to_owned()));
    }
    let json = match text {
        "true" | "True" | "TRUE" => Json::Bool(true),
        "false" | "False" | "FALSE" => Json::Bool(false),
        ".inf" | "-.inf" | ".nan" | ".NaN" | ".Inf" | "-.Inf" => return None,
        _ => match text.parse::<i64>() {
            Ok(whole) => Json::from(whole),
            Err(_) if looks_like_a_number(text) => {
                let number = text.parse::<f64>().ok().and_then(Number::from_f64);
                Json::Number(number?)
            }
            Err(_) => Json::String(text.to_owned()),
        },
    };
    Some(json)
}

/// Rust reads more as a number than YAML does: `inf`, `NaN`.
fn looks_like_a_number(text: &str) -> bool {
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    digits
        && text.parse::<f64>().is_ok()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_as_yaml_says() {
        let read = |text: &str, quoted| {
            let scalar = Scalar {
                text: text.into(),
                quoted,
                filled: false,
            };
            scalar_json(&scalar).map(|json| json.to_string())
        };
        for (text, json) in [
            ("0.2", "0.2"),
            ("7", "7"),
            ("-1", "-1"),
            ("1e3", "1000.0"),
            ("true", "true"),
            ("high", "\"high\""),
            ("1.2.3", "\"1.2.3\""),
            ("inf", "\"inf\""),
            ("2026-01-01", "\"2026-01-01\""),
        ] {
            assert_eq!(read(text, false).as_deref(), Some(json));
        }
        assert_eq!(read("0.2", true).as_deref(), Some("\"0.2\""));
        assert_eq!(read(".inf", false), None);
    }
}
