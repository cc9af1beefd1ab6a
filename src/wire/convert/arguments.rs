//! The object that a tool is called with: two formats (Anthropic's, Gemini's) have no other way to say it.

use crate::wire::json::{Document, Kind};

/// Of an answer: the model stopped in the middle of its call, or wrote something that is none. No arguments are made up for
/// it, since clients run what they are told.
pub const CUT: &str = "call that was cut off";
/// Of a request: what is no object goes on within one.
pub const WRAPPED: &str = "arguments that are no object";

/// The object in a call's arguments, as written; nothing is an empty one. `None`: they broke off, or are something else.
pub fn object<'t>(text: &'t str, document: &mut Document) -> Option<&'t str> {
    let text = text.trim();
    if matches!(text, "" | "null") {
        return Some("{}");
    }
    let read = document.read(text.as_bytes());
    let is_object = read.is_ok_and(|value| value.kind() == Kind::Object);
    is_object.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_object_is_one() {
        let mut document = Document::default();
        for (text, expected) in [
            (" {\"a\" : 1.50}\n", Some("{\"a\" : 1.50}")),
            ("", Some("{}")),
            (" null ", Some("{}")),
            ("{\"a\":", None),
            ("{\"a\":1}}", None),
            ("[1]", None),
            ("words", None),
        ] {
            assert_eq!(object(text, &mut document), expected, "{text}");
        }
    }
}
