//! JSON schemas as the API takes them.

use std::borrow::Cow;

use crate::ir::{Json, Said, Str};
use crate::wire::convert::schema::standard;
use crate::wire::json::{Document, Kind, Value, Writer};

/// How a schema has to change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules<'r> {
    /// It is in Gemini's dialect.
    pub(super) gemini_dialect: bool,
    /// Objects have to say that they have no other members (structured outputs, strict tools).
    pub(super) closed: bool,
    /// Its outermost type has to be `object` (tools).
    pub(super) object: bool,
    /// What it is called, where it says nothing itself.
    pub(super) title: Option<&'r Said<Str<'r>>>,
    pub(super) description: Option<&'r Said<Str<'r>>>,
}

impl Rules<'_> {
    /// Whether a member is written where there is none.
    fn replaces(self, key: &str) -> bool {
        match key {
            "type" => self.object,
            "title" => self.title.is_some(),
            "description" => self.description.is_some(),
            "additionalProperties" => self.closed,
            _ => false,
        }
    }

    /// For what is inside of the schema.
    fn inner(self) -> Rules<'static> {
        Rules {
            closed: self.closed,
            ..Rules::default()
        }
    }
}

/// Writes the schema; `false`: it is no object, and a schema that takes anything stands in its place.
pub(super) fn write(schema: &Json<'_>, rules: Rules<'_>, out: &mut Writer<'_>) -> bool {
    let mut document = Document::default();
    let text = if rules.gemini_dialect {
        standard(schema)
    } else {
        Cow::Borrowed(&*schema.0)
    };
    match document.read(text.as_bytes()) {
        Ok(root) if root.kind() == Kind::Object => {
            write_schema(root, rules, out);
            true
        }
        _ => {
            out.raw(r#"{"type":"object","properties":{}}"#);
            false
        }
    }
}

/// What the schema calls itself.
pub(super) fn title(schema: &Json<'_>) -> Option<String> {
    let mut document = Document::default();
    let root = document.read(schema.0.as_bytes()).ok()?;
    root.member_text("title").map(Cow::into_owned)
}

fn write_schema(schema: Value<'_, '_>, rules: Rules<'_>, out: &mut Writer<'_>) {
    // `true` and `false` are schemas too.
    if schema.kind() != Kind::Object || rules.changes_nothing(schema) {
        out.raw(schema.raw());
        return;
    }
    out.open_object();
    if rules.object && schema.member("type").is_none() {
        out.key("type").text("object");
    }
    for (key, value) in schema.members() {
        match &*key {
            // `member` does not see it, so that another is written in its place.
            key if value.kind() == Kind::Null && rules.replaces(key) => {}
            "type" => {
                out.key("type");
                write_type(value, rules, out);
            }
            _ => {
                out.any_key(&key);
                write_member(&key, value, rules.inner(), out);
            }
        }
    }
    if let Some(title) = rules.title
        && schema.member("title").is_none()
    {
        out.key("title").text(&title.value);
    }
    if let Some(description) = rules.description
        && schema.member("description").is_none()
    {
        out.key("description").text(&description.value);
    }
    if rules.closed && is_open_object(schema) {
        out.key("additionalProperties").bool(false);
    }
    out.close_object();
}

impl Rules<'_> {
    /// Whether the schema may stand as it is written.
    fn changes_nothing(self, root: Value<'_, '_>) -> bool {
        let named = self.title.is_some() || self.description.is_some();
        let typed = !self.object || root.member_text("type").as_deref() == Some("object");
        !self.closed && !named && typed
    }
}

fn is_open_object(schema: Value<'_, '_>) -> bool {
    let kind = schema.member("type");
    let named = |kind: Value<'_, '_>| {
        kind.text()
            .is_some_and(|name| name.eq_ignore_ascii_case("object"))
    };
    let is_object = kind.is_some_and(|kind| named(kind) || kind.items().any(named))
        || (kind.is_none() && schema.member("properties").is_some());
    is_object && schema.member("additionalProperties").is_none()
}

fn write_type(kind: Value<'_, '_>, rules: Rules<'_>, out: &mut Writer<'_>) {
    // An object that may also be null: where an object has to be, there is no null.
    let is_object = |kind: Value<'_, '_>| kind.text().as_deref() == Some("object");
    if rules.object && kind.items().any(is_object) {
        out.text("object");
    } else {
        out.raw(kind.raw());
    }
}

/// A member's value, with the schemas in it.
fn write_member(key: &str, value: Value<'_, '_>, rules: Rules<'_>, out: &mut Writer<'_>) {
    match (key, value.kind()) {
        (
            "properties" | "$defs" | "definitions" | "patternProperties" | "dependentSchemas",
            Kind::Object,
        ) => {
            out.open_object();
            for (name, schema) in value.members() {
                out.any_key(&name);
                write_schema(schema, rules, out);
            }
            out.close_object();
        }
        ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Kind::List) => {
            out.open_list();
            for schema in value.items() {
                write_schema(schema, rules, out);
            }
            out.close_list();
        }
        (
            "items"
            | "additionalProperties"
            | "not"
            | "contains"
            | "propertyNames"
            | "if"
            | "then"
            | "else",
            Kind::Object,
        ) => write_schema(value, rules, out),
        _ => {
            out.raw(value.raw());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(schema: &str, rules: Rules<'_>) -> String {
        let mut out = Vec::new();
        write(&Json(schema.into()), rules, &mut Writer::new(&mut out));
        String::from_utf8(out).unwrap()
    }

    const TOOL: Rules<'_> = Rules {
        gemini_dialect: false,
        closed: false,
        object: true,
        title: None,
        description: None,
    };

    #[test]
    fn what_fits_stays_as_it_was_written() {
        let schema =
            r#"{ "properties": {"a": {"type": "integer", "minimum": 1.50}}, "type": "object" }"#;
        assert_eq!(written(schema, TOOL), schema);
    }

    #[test]
    fn the_outermost_type_is_object() {
        for (schema, expected) in [
            ("{}", r#"{"type":"object"}"#),
            (r#"{"type":null,"x":1}"#, r#"{"type":"object","x":1}"#),
            (
                r#"{"properties":{"a":{}}}"#,
                r#"{"type":"object","properties":{"a":{}}}"#,
            ),
            (
                r#"{"type":["object","null"],"x":1}"#,
                r#"{"type":"object","x":1}"#,
            ),
            ("true", r#"{"type":"object","properties":{}}"#),
        ] {
            assert_eq!(written(schema, TOOL), expected, "{schema}");
        }
    }

    #[test]
    fn geminis_dialect_becomes_json_schema() {
        let schema = r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"enum":["A"]},"l":{"type":"ARRAY","minItems":"2","items":{"type":"NUMBER"}},"o":{"anyOf":[{"type":"NULL"}]}},"required":["type"]}"#;
        let rules = Rules {
            gemini_dialect: true,
            ..TOOL
        };
        assert_eq!(
            written(schema, rules),
            r#"{"type":"object","properties":{"type":{"type":["string","null"],"enum":["A",null]},"l":{"type":"array","minItems":2,"items":{"type":"number"}},"o":{"anyOf":[{"type":"null"}]}},"required":["type"]}"#
        );
    }

    #[test]
    fn objects_are_closed_where_the_api_wants_it_and_names_go_to_the_title() {
        let schema = r#"{"type":"object","properties":{"a":{"type":"object","additionalProperties":true},"b":{"type":"array","items":{"properties":{}}}}}"#;
        let title = Said::new(Default::default(), Str::Borrowed("answer"));
        let rules = Rules {
            closed: true,
            title: Some(&title),
            ..Rules::default()
        };
        assert_eq!(
            written(schema, rules),
            r#"{"type":"object","properties":{"a":{"type":"object","additionalProperties":true},"b":{"type":"array","items":{"properties":{},"additionalProperties":false}}},"title":"answer","additionalProperties":false}"#
        );
    }
}
