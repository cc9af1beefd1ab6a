//! Schemas in Gemini's dialect (types in capitals, `nullable`, names with underscores, counts as strings) as JSON schemas.

use std::borrow::Cow;

use crate::ir::Json;
use crate::wire::json::{Document, Kind, Value, Writer};

/// The schema as a JSON schema. What is no JSON object stays as it is.
pub fn standard<'a>(schema: &'a Json<'_>) -> Cow<'a, str> {
    let mut document = Document::default();
    let Ok(value) = document.read(schema.0.as_bytes()) else {
        return Cow::Borrowed(&schema.0);
    };
    let mut out = Vec::with_capacity(schema.0.len());
    write(value, &mut Writer::new(&mut out));
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

fn write(schema: Value<'_, '_>, out: &mut Writer<'_>) {
    if schema.kind() != Kind::Object {
        out.raw(schema.raw());
        return;
    }
    let nullable = schema.member("nullable").and_then(Value::bool) == Some(true);
    let has_type = schema.member("type").is_some();
    out.open_object();
    for (key, value) in schema.members() {
        match standard_key(&key) {
            "nullable" if value.bool().is_some() => {}
            "type" => write_type(value, nullable, out),
            "enum" if nullable && value.kind() == Kind::List => write_enum(value, out),
            "anyOf" if nullable && !has_type && value.kind() == Kind::List => {
                out.key("anyOf").open_list();
                value.items().for_each(|item| write(item, out));
                out.open_object().key("type").text("null").close_object();
                out.close_list();
            }
            "$ref" => write_reference(value, out),
            key => {
                out.any_key(key);
                write_member(key, value, out);
            }
        }
    }
    out.close_object();
}

/// Google's SDKs write names with underscores, and `$ref` and `$defs` without their sign.
fn standard_key(key: &str) -> &str {
    match key {
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
        "ref" => "$ref",
        key => key,
    }
}

fn write_type(value: Value<'_, '_>, nullable: bool, out: &mut Writer<'_>) {
    let Some(name) = value.text() else {
        out.key("type").raw(value.raw());
        return;
    };
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        // Says nothing.
        "type_unspecified" => {}
        name if nullable && name != "null" => {
            out.key("type").open_list().text(name).text("null");
            out.close_list();
        }
        name => {
            out.key("type").text(name);
        }
    }
}

fn write_enum(values: Value<'_, '_>, out: &mut Writer<'_>) {
    out.key("enum").open_list();
    for value in values.items().filter(|value| !value.is_null()) {
        out.raw(value.raw());
    }
    out.null().close_list();
}

fn write_reference(value: Value<'_, '_>, out: &mut Writer<'_>) {
    out.key("$ref");
    match value.text().as_deref() {
        Some(path) => match path.strip_prefix("#/defs/") {
            Some(name) => out.text_of(&["#/$defs/", name]),
            None => out.text(path),
        },
        None => out.raw(value.raw()),
    };
}

/// A member's value, with the schemas in it.
fn write_member(key: &str, value: Value<'_, '_>, out: &mut Writer<'_>) {
    match (key, value.kind()) {
        ("items" | "additionalProperties" | "not", Kind::Object) => write(value, out),
        ("anyOf" | "oneOf" | "allOf" | "prefixItems", Kind::List) => {
            out.open_list();
            value.items().for_each(|item| write(item, out));
            out.close_list();
        }
        ("properties" | "$defs" | "definitions", Kind::Object) => {
            out.open_object();
            for (name, schema) in value.members() {
                out.any_key(&name);
                write(schema, out);
            }
            out.close_object();
        }
        (key, Kind::Text) if is_bound(key) => write_bound(value, out),
        _ => {
            out.raw(value.raw());
        }
    }
}

fn is_bound(key: &str) -> bool {
    key.starts_with("min") || key.starts_with("max")
}

/// Google writes numbers of 64 bits as strings.
fn write_bound(value: Value<'_, '_>, out: &mut Writer<'_>) {
    match value.text().and_then(|text| text.parse().ok()) {
        Some(number) => out.number(number),
        None => out.raw(value.raw()),
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
                r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"n":{"type":"INTEGER","nullable":false}},"required":["n"],"property_ordering":["n"]}"#,
                r#"{"type":"object","properties":{"type":{"type":["string","null"]},"n":{"type":"integer"}},"required":["n"],"propertyOrdering":["n"]}"#,
            ),
            (
                r#"{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"1","max_items":2}"#,
                r#"{"type":"array","items":{"type":"number"},"minItems":1,"maxItems":2}"#,
            ),
            (
                r#"{"any_of":[{"type":"STRING"},{"type":"BOOLEAN"}],"nullable":true}"#,
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
            (
                r##"{"properties":{"x":{"ref":"#/defs/X"}},"defs":{"X":{"type":"BOOLEAN"}}}"##,
                r##"{"properties":{"x":{"$ref":"#/$defs/X"}},"$defs":{"X":{"type":"boolean"}}}"##,
            ),
        ] {
            assert_eq!(standard(&Json(gemini.into())), expected);
        }
    }

    #[test]
    fn json_schemas_pass_as_they_are() {
        let schema = r##"{"type":["string","null"],"$ref":"#/$defs/a","$defs":{"a":{"const":1}},"additionalProperties":false,"minimum":1.50}"##;
        assert_eq!(standard(&Json(schema.into())), schema);
        assert_eq!(standard(&Json("true".into())), "true");
    }
}
