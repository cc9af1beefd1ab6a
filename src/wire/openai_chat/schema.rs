//! Schemas in Gemini's dialect (types in capitals, `nullable`) as JSON schemas.

use std::borrow::Cow;

use crate::ir::Json;
use crate::wire::json::{Document, Kind, Value, Writer};

/// The schema as a JSON schema. What is no JSON object stays as it is.
pub(super) fn standard<'a>(schema: &'a Json<'_>) -> Cow<'a, str> {
    let mut document = Document::default();
    let Ok(value) = document.read(schema.0.as_bytes()) else {
        return Cow::Borrowed(&schema.0);
    };
    let mut out = Vec::with_capacity(schema.0.len());
    write(value, &mut Writer::new(&mut out));
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

fn write(schema: Value<'_, '_>, writer: &mut Writer<'_>) {
    if schema.kind() != Kind::Object {
        writer.raw(schema.raw());
        return;
    }
    let nullable = schema.member("nullable").and_then(Value::bool) == Some(true);
    let any_of = |key: &str| key == "anyOf" || key == "any_of";
    let has_type = schema.member("type").is_some();
    writer.open_object();
    for (key, value) in schema.members() {
        match &*key {
            "nullable" if value.bool().is_some() => {}
            "type" if value.text().as_deref() == Some("TYPE_UNSPECIFIED") => {}
            "type" => write_type(value, nullable, writer),
            "enum" if nullable => {
                writer.key("enum").open_list();
                value.items().for_each(|item| {
                    writer.raw(item.raw());
                });
                writer.null().close_list();
            }
            key if any_of(key) => {
                writer.key("anyOf").open_list();
                value.items().for_each(|item| write(item, writer));
                if nullable && !has_type {
                    writer.open_object().key("type").text("null").close_object();
                }
                writer.close_list();
            }
            "items" | "additionalProperties" | "additional_properties" => {
                writer.key(standard_key(&key).unwrap_or("items"));
                write(value, writer);
            }
            "properties" | "defs" | "$defs" => {
                writer.any_key(if key == "defs" { "$defs" } else { &key });
                write_named(value, writer);
            }
            key => {
                match standard_key(key) {
                    Some(key) => writer.key(key),
                    None => writer.any_key(key),
                };
                write_bound(key, value, writer);
            }
        }
    }
    writer.close_object();
}

/// Gemini takes names with underscores too.
fn standard_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "items" => "items",
        "additionalProperties" | "additional_properties" => "additionalProperties",
        "min_items" => "minItems",
        "max_items" => "maxItems",
        "min_length" => "minLength",
        "max_length" => "maxLength",
        "min_properties" => "minProperties",
        "max_properties" => "maxProperties",
        "property_ordering" => "propertyOrdering",
        "ref" => "$ref",
        _ => return None,
    })
}

fn write_type(value: Value<'_, '_>, nullable: bool, writer: &mut Writer<'_>) {
    writer.key("type");
    let Some(name) = value.text() else {
        writer.raw(value.raw());
        return;
    };
    let name = name.to_ascii_lowercase();
    if nullable && name != "null" {
        writer.open_list().text(&name).text("null").close_list();
    } else {
        writer.text(&name);
    }
}

fn write_named(schemas: Value<'_, '_>, writer: &mut Writer<'_>) {
    if schemas.kind() != Kind::Object {
        writer.raw(schemas.raw());
        return;
    }
    writer.open_object();
    for (name, schema) in schemas.members() {
        writer.any_key(&name);
        write(schema, writer);
    }
    writer.close_object();
}

/// Bounds are 64 bit numbers to Google, which its JSON writes as strings.
fn write_bound(key: &str, value: Value<'_, '_>, writer: &mut Writer<'_>) {
    let is_bound = ["min", "max"].iter().any(|begin| key.starts_with(begin));
    let number = value.text().filter(|text| {
        is_bound && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    match number.and_then(|text| text.parse().ok()) {
        Some(number) => writer.number(number),
        None => writer.raw(value.raw()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geminis_dialect_becomes_json_schema() {
        for (gemini, expected) in [
            (r#"{"type":"STRING"}"#, r#"{"type":"string"}"#),
            (
                r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"n":{"type":"INTEGER","nullable":false}},"required":["n"],"propertyOrdering":["n"]}"#,
                r#"{"type":"object","properties":{"type":{"type":["string","null"]},"n":{"type":"integer"}},"required":["n"],"propertyOrdering":["n"]}"#,
            ),
            (
                r#"{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"1","max_items":2}"#,
                r#"{"type":"array","items":{"type":"number"},"minItems":1,"maxItems":2}"#,
            ),
            (
                r#"{"anyOf":[{"type":"STRING"},{"type":"BOOLEAN"}],"nullable":true}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"boolean"},{"type":"null"}]}"#,
            ),
            (
                r#"{"type":"STRING","format":"enum","enum":["A","B"],"nullable":true}"#,
                r#"{"type":["string","null"],"format":"enum","enum":["A","B",null]}"#,
            ),
            (
                r#"{"type":"TYPE_UNSPECIFIED","description":"d","default":{"type":"STRING"}}"#,
                r#"{"description":"d","default":{"type":"STRING"}}"#,
            ),
        ] {
            assert_eq!(standard(&Json(gemini.into())), expected);
        }
    }

    #[test]
    fn json_schemas_pass_as_they_are() {
        let schema = r##"{"type":["string","null"],"$ref":"#/$defs/a","$defs":{"a":{"const":1}},"additionalProperties":false}"##;
        assert_eq!(standard(&Json(schema.into())), schema);
    }
}
