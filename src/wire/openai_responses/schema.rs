//! Schemas of functions: they say that they are objects.

use std::borrow::Cow;

use crate::ir::Json;
use crate::wire::convert::schema::standard;
use crate::wire::json::{Document, Kind, Writer};

/// Writes the schema of a function's arguments. The API wants an object with properties at the top, also where there are
/// none; what the schema says itself is left as it is.
pub(super) fn write_arguments(schema: &Json<'_>, gemini_dialect: bool, w: &mut Writer<'_>) {
    let text = if gemini_dialect {
        standard(schema)
    } else {
        Cow::Borrowed(&*schema.0)
    };
    let text = &*text;
    let mut document = Document::default();
    let Ok(value) = document.read(text.as_bytes()) else {
        w.raw(text);
        return;
    };
    let lacks = |name| value.members().all(|(key, _)| key != name);
    let (no_type, no_properties) = (lacks("type"), lacks("properties"));
    if value.kind() != Kind::Object || !(no_type || no_properties) {
        w.raw(text);
        return;
    }
    w.open_object();
    if no_type {
        w.key("type").text("object");
    }
    for (key, member) in value.members() {
        w.any_key(&key).raw(member.raw());
    }
    if no_properties {
        w.key("properties").open_object().close_object();
    }
    w.close_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn arguments_are_an_object_and_else_as_written() {
        for (schema, expected) in [
            ("{}", r#"{"type":"object","properties":{}}"#),
            (
                r#"{"type":"object"}"#,
                r#"{"type":"object","properties":{}}"#,
            ),
            (
                r#"{"properties":{"a":{}}}"#,
                r#"{"type":"object","properties":{"a":{}}}"#,
            ),
            (
                "{\"type\":\"object\",\n \"properties\": {} }",
                "{\"type\":\"object\",\n \"properties\": {} }",
            ),
        ] {
            let found = written(|w| write_arguments(&Json(schema.into()), false, w));
            assert_eq!(found, expected);
        }
    }
}
