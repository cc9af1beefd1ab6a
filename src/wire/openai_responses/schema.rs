//! Schemas for this format: those in Gemini's dialect become JSON schema, and a function's says that it is an object.

use crate::ir::Json;
use crate::wire::json::{Document, Kind, Value, Writer};

/// Writes a schema in Gemini's dialect as JSON schema: types in small letters, `nullable` as a type or value of its own,
/// counts that came as strings as numbers.
pub(super) fn write_gemini(schema: &Json<'_>, w: &mut Writer<'_>) {
    let mut document = Document::default();
    match document.read(schema.0.as_bytes()) {
        Ok(value) => translate(value, w),
        Err(_) => {
            w.json(schema);
        }
    }
}

/// Writes the schema of a function's arguments. The API wants an object with properties at the top, also where there are
/// none; what the schema says itself is left as it is.
pub(super) fn write_arguments(schema: &Json<'_>, gemini_dialect: bool, w: &mut Writer<'_>) {
    let mut translated = Vec::new();
    let text: &str = if gemini_dialect {
        write_gemini(schema, &mut Writer::new(&mut translated));
        std::str::from_utf8(&translated).unwrap_or_default()
    } else {
        &schema.0
    };
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

fn translate(value: Value<'_, '_>, w: &mut Writer<'_>) {
    if value.kind() != Kind::Object {
        w.raw(value.raw());
        return;
    }
    let nullable = value.member("nullable").and_then(Value::bool) == Some(true);
    w.open_object();
    for (key, member) in value.members() {
        match &*key {
            "nullable" => {}
            "type" => write_type(member, nullable, w),
            "enum" => {
                w.key("enum").open_list();
                for item in member.items() {
                    w.raw(item.raw());
                }
                if nullable && !member.items().any(Value::is_null) {
                    w.null();
                }
                w.close_list();
            }
            "ref" | "$ref" => write_reference(member, w),
            key => inner(key, member, w),
        }
    }
    w.close_object();
}

fn write_type(member: Value<'_, '_>, nullable: bool, w: &mut Writer<'_>) {
    let Some(name) = member.text() else {
        w.key("type").raw(member.raw());
        return;
    };
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        // Says nothing.
        "type_unspecified" => {}
        "null" => {
            w.key("type").text("null");
        }
        name if nullable => {
            w.key("type").open_list().text(name).text("null");
            w.close_list();
        }
        name => {
            w.key("type").text(name);
        }
    }
}

/// Gemini calls its definitions `defs`.
fn write_reference(member: Value<'_, '_>, w: &mut Writer<'_>) {
    w.key("$ref");
    match member.text().as_deref() {
        Some(path) => match path.strip_prefix("#/defs/") {
            Some(name) => w.text_of(&["#/$defs/", name]),
            None => w.text(path),
        },
        None => w.raw(member.raw()),
    };
}

fn inner(key: &str, member: Value<'_, '_>, w: &mut Writer<'_>) {
    let key = match key {
        "any_of" => "anyOf",
        "one_of" => "oneOf",
        "all_of" => "allOf",
        "prefix_items" => "prefixItems",
        "additional_properties" => "additionalProperties",
        "min_items" => "minItems",
        "max_items" => "maxItems",
        "min_length" => "minLength",
        "max_length" => "maxLength",
        "min_properties" => "minProperties",
        "max_properties" => "maxProperties",
        "property_ordering" => "propertyOrdering",
        "defs" => "$defs",
        key => key,
    };
    w.any_key(key);
    match key {
        "items" | "additionalProperties" | "not" => translate(member, w),
        "anyOf" | "oneOf" | "allOf" | "prefixItems" if member.kind() == Kind::List => {
            w.open_list();
            member.items().for_each(|item| translate(item, w));
            w.close_list();
        }
        "properties" | "$defs" | "definitions" if member.kind() == Kind::Object => {
            w.open_object();
            for (name, schema) in member.members() {
                w.any_key(&name);
                translate(schema, w);
            }
            w.close_object();
        }
        "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
            count(member, w);
        }
        _ => {
            w.raw(member.raw());
        }
    }
}

/// Google writes numbers of 64 bits as strings.
fn count(member: Value<'_, '_>, w: &mut Writer<'_>) {
    match member.text().and_then(|text| text.parse().ok()) {
        Some(number) => w.number(number),
        None => w.raw(member.raw()),
    };
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
    fn geminis_dialect_becomes_json_schema() {
        let schema = r##"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"enum":["a"]},
            "list":{"type":"ARRAY","items":{"type":"INTEGER","format":"int64"},"maxItems":"5"},
            "any":{"any_of":[{"type":"NUMBER"},{"ref":"#/defs/X"}]}},"required":["type"],"defs":{"X":{"type":"BOOLEAN"}}}"##;
        let found = written(|w| write_gemini(&Json(schema.into()), w));
        let expected = r##"{"type":"object","properties":{"type":{"type":["string","null"],"enum":["a",null]},"list":{"type":"array","items":{"type":"integer","format":"int64"},"maxItems":5},"any":{"anyOf":[{"type":"number"},{"$ref":"#/$defs/X"}]}},"required":["type"],"$defs":{"X":{"type":"boolean"}}}"##;
        assert_eq!(found, expected);
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
