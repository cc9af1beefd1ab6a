use serde_json::{Map, Value, json};

use super::Tool;

/// How deep references and nesting are followed before giving up.
const DEPTH: usize = 12;

/// Names under which agents offer a shell, compared without case.
const SHELLS: &[&str] = &[
    "bash",
    "shell",
    "run_shell_command",
    "exec_command",
    "shell_command",
    "local_shell",
    "container.exec",
    "execute_command",
    "run_terminal_cmd",
    "terminal",
];

/// Where a shell tool wants its command.
pub(super) struct Slot {
    property: &'static str,
    /// The schema wants an argument vector.
    list: bool,
}

/// The place for the command in this tool, if it is a shell.
pub(super) fn shell(tool: &Tool) -> Option<Slot> {
    let name = tool.name.to_ascii_lowercase();
    let is_shell = SHELLS
        .iter()
        .any(|s| name == *s || name.ends_with(&format!("__{s}")));
    if !is_shell {
        return None;
    }
    let properties = &tool.schema["properties"];
    let property = ["command", "cmd", "script", "commands"]
        .into_iter()
        .find(|p| properties.get(p).is_some())?;
    Some(Slot {
        property,
        list: properties[property]["type"] == "array",
    })
}

impl Slot {
    /// The tool's arguments, with this command and whatever else is required.
    pub(super) fn fill(&self, schema: &Value, command: &str) -> String {
        let mut arguments = legal(schema);
        arguments[self.property] = match self.list {
            true => json!(["bash", "-lc", command]),
            false => json!(command),
        };
        arguments.to_string()
    }
}

/// A small value that this JSON schema accepts. Required properties only. `pattern`, `not` and conditions are not
/// understood.
pub(super) fn legal(schema: &Value) -> Value {
    match build(schema, schema, DEPTH) {
        Value::Null if schema.get("type").is_none() => json!({}),
        value => value,
    }
}

fn build(schema: &Value, root: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else {
        return Value::Null;
    };
    if let Some(target) = schema["$ref"].as_str() {
        let target = target.strip_prefix('#').and_then(|p| root.pointer(p));
        return target.map_or(Value::Null, |t| build(t, root, depth));
    }
    if let Some(value) = given(schema) {
        return value;
    }
    for union in ["anyOf", "oneOf"] {
        let branches = schema[union]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if let Some(branch) = branches.iter().find(|b| b["type"] != "null") {
            return merged(schema, build(branch, root, depth), (root, depth));
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|p| build(p, root, depth));
        return parts.fold(plain(schema, root, depth), overlay);
    }
    plain(schema, root, depth)
}

/// The schema's own word for a legal value.
fn given(schema: &Value) -> Option<Value> {
    let first = |key: &str| schema[key].as_array().and_then(|a| a.first()).cloned();
    let own = |key: &str| schema.get(key).cloned();
    own("const")
        .or_else(|| first("enum"))
        .or_else(|| own("default").filter(|d| !d.is_null()))
        .or_else(|| first("examples"))
}

/// A branch of a union, together with the properties that stand beside the union.
fn merged(schema: &Value, branch: Value, place: (&Value, usize)) -> Value {
    match schema["properties"].is_object() {
        true => overlay(object(schema, place.0, place.1), branch),
        false => branch,
    }
}

fn overlay(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            base.extend(over);
            Value::Object(base)
        }
        (base, Value::Null) => base,
        (_, over) => over,
    }
}

fn plain(schema: &Value, root: &Value, depth: usize) -> Value {
    let kind = match &schema["type"] {
        Value::String(kind) => kind.as_str(),
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|k| *k != "null")
            .unwrap_or("null"),
        _ if schema["properties"].is_object() => "object",
        _ if schema["items"].is_object() => "array",
        _ => "",
    };
    match kind {
        "object" => object(schema, root, depth),
        "array" => array(schema, root, depth),
        "string" => Value::String(string(schema)),
        "integer" => json!(number(schema).ceil() as i64),
        "number" => json!(number(schema)),
        "boolean" => json!(true),
        _ => Value::Null,
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let required = schema["required"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let entry = |name: &Value| {
        let name = name.as_str()?;
        let value = match schema["properties"].get(name) {
            Some(property) => build(property, root, depth),
            None => json!("demo"),
        };
        Some((name.to_owned(), value))
    };
    Value::Object(required.iter().filter_map(entry).collect::<Map<_, _>>())
}

fn array(schema: &Value, root: &Value, depth: usize) -> Value {
    let count = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 32);
    let fixed = schema["prefixItems"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let item = |i: u64| {
        let own = usize::try_from(i).ok().and_then(|i| fixed.get(i));
        build(own.unwrap_or(&schema["items"]), root, depth)
    };
    Value::Array((0..count).map(item).filter(|v| !v.is_null()).collect())
}

fn string(schema: &Value) -> String {
    let text = match schema["format"].as_str() {
        Some("date-time") => "2025-01-01T00:00:00Z",
        Some("date") => "2025-01-01",
        Some("time") => "00:00:00Z",
        Some("email") => "demo@example.com",
        Some("uri" | "url") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("ipv4") => "192.0.2.1",
        _ => "demo",
    };
    let length = |key: &str| schema[key].as_u64().and_then(|n| usize::try_from(n).ok());
    let mut text = text.to_owned();
    if let Some(min) = length("minLength").filter(|min| *min <= 10_000) {
        while text.len() < min {
            text.push('o');
        }
    }
    text.truncate(length("maxLength").unwrap_or(text.len()));
    text
}

fn number(schema: &Value) -> f64 {
    let bound = |key: &str| schema[key].as_f64();
    let low = bound("minimum").or(bound("exclusiveMinimum").map(|n| n + 1.0));
    let high = bound("maximum").or(bound("exclusiveMaximum").map(|n| n - 1.0));
    let within = low.unwrap_or(1.0).max(1.0).min(high.unwrap_or(f64::MAX));
    let within = within.max(low.unwrap_or(within));
    match bound("multipleOf") {
        Some(step) if step > 0.0 => (within / step).ceil() * step,
        _ => within,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_obey_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "unit": {"enum": ["c", "f"]},
                "city": {"$ref": "#/$defs/city"},
                "days": {"type": "integer", "minimum": 3, "maximum": 7},
                "share": {"type": ["null", "number"], "maximum": 0.5},
                "tags": {"type": "array", "items": {"type": "string", "maxLength": 2}, "minItems": 2},
                "when": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]},
                "optional": {"type": "string"}
            },
            "required": ["unit", "city", "days", "share", "tags", "when"],
            "$defs": {"city": {"type": "object", "properties": {"name": {"const": "Rome"}}, "required": ["name"]}}
        });
        let expected = json!({
            "unit": "c", "city": {"name": "Rome"}, "days": 3, "share": 0.5, "tags": ["de", "de"], "when": "2025-01-01"
        });
        assert_eq!(legal(&schema), expected);
    }

    #[test]
    fn no_schema_and_endless_schemas_still_give_a_value() {
        assert_eq!(legal(&json!({})), json!({}));
        assert_eq!(legal(&json!({"type": "object"})), json!({}));
        let endless =
            json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
        assert!(legal(&endless).is_object());
    }

    #[test]
    fn a_shell_is_found_by_name_and_gets_its_command_as_it_wants_it() {
        let codex = Tool {
            name: "shell".to_owned(),
            schema: json!({"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}, "required": ["command"]}),
        };
        let arguments = shell(&codex).unwrap().fill(&codex.schema, "ls");
        assert_eq!(arguments, r#"{"command":["bash","-lc","ls"]}"#);
        let opencode = Tool {
            name: "bash".to_owned(),
            schema: json!({"type": "object", "properties": {"command": {"type": "string"}, "description": {"type": "string"}}, "required": ["command", "description"]}),
        };
        let arguments = shell(&opencode).unwrap().fill(&opencode.schema, "ls");
        assert_eq!(arguments, r#"{"command":"ls","description":"demo"}"#);
        let other = Tool {
            name: "bashful".to_owned(),
            ..opencode
        };
        assert!(shell(&other).is_none());
    }
}
