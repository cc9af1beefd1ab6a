//! What a `response` object repeats of its request: the inside of a JSON object, with the API's own values for what the
//! client did not say.

use crate::wire::json::{Value, Writer};

use super::items::one_line;

/// The members and what stands there where the request says nothing. `service_tier` is not among them: the response says
/// the one that was used. What is not asked to be stored is not ([`super::request_write`]).
const MEMBERS: [(&str, &str); 20] = [
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("prompt_cache_retention", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("store", "false"),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("truncation", r#""disabled""#),
    ("user", "null"),
];

/// What is repeated of a request that said nothing.
pub(super) const NOTHING_SAID: &str = r#""metadata":{},"parallel_tool_calls":true,"temperature":1.0,"tool_choice":"auto","tools":[],"top_p":1.0"#;

pub(super) fn echo(request: Value<'_, '_>) -> String {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    for (name, usual) in MEMBERS {
        let said = request.member(name).map(Value::raw);
        w.key(name).raw(&one_line(said.unwrap_or(usual)));
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Document;

    #[test]
    fn what_was_said_is_repeated_on_one_line_and_the_rest_is_as_usual() {
        let text = b"{\"model\":\"m\",\"tools\":[\n{\"type\":\"function\"}\r\n],\"temperature\":null,\"instructions\":\"a\\nb\"}";
        let mut document = Document::default();
        let found = echo(document.read(text).unwrap());
        assert!(!found.contains(['\n', '\r']));
        let found: serde_json::Value = serde_json::from_str(&format!("{{{found}}}")).unwrap();
        assert_eq!(found["tools"][0]["type"], "function");
        assert_eq!(found["temperature"], 1.0);
        assert_eq!(found["instructions"], "a\nb");
        assert!(found.get("model").is_none());
    }

    #[test]
    fn nothing_said_is_valid() {
        let text = format!("{{{NOTHING_SAID}}}");
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}
