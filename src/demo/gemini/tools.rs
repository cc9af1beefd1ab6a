use serde_json::{Map, Value};

use super::read::{list, refused};
use crate::demo::complaint::Complaint;
use crate::demo::mind::{Choice, Tool};

/// The functions that the request declares, checked.
pub(super) fn tools(request: &Value) -> Result<Vec<Tool>, Complaint> {
    let mut tools: Vec<Tool> = Vec::new();
    for (i, tool) in list(&request["tools"]).iter().enumerate() {
        for (k, declaration) in list(&tool["functionDeclarations"]).iter().enumerate() {
            let at = format!("tools[{i}].function_declarations[{k}]");
            let tool = declared(declaration, &at)?;
            if tools.iter().any(|t| t.name == tool.name) {
                let message = format!("Duplicate function declaration found: {}", tool.name);
                return Err(Complaint::invalid(message, &at));
            }
            tools.push(tool);
        }
    }
    Ok(tools)
}

fn declared(declaration: &Value, at: &str) -> Result<Tool, Complaint> {
    let name = declaration["name"].as_str().unwrap_or_default();
    if !is_legal(name) {
        let why = "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, \
                   0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.";
        return Err(refused(&format!("{at}.name"), why));
    }
    let (reduced, full) = (
        declaration.get("parameters"),
        declaration.get("parametersJsonSchema"),
    );
    let schema = match (reduced, full) {
        (Some(_), Some(_)) => {
            let why = "only one of parameters and parameters_json_schema may be set";
            return Err(refused(at, why));
        }
        (Some(schema), None) => {
            check(schema, &format!("{at}.parameters"))?;
            json_schema(schema)
        }
        (None, Some(schema)) => schema.clone(),
        (None, None) => Value::Object(Map::new()),
    };
    Ok(Tool {
        name: name.to_owned(),
        schema,
    })
}

fn is_legal(name: &str) -> bool {
    let first = name.chars().next();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 128
        && name.chars().all(legal)
}

/// What Gemini demands of a reduced schema beyond its fields.
pub(super) fn check(schema: &Value, at: &str) -> Result<(), Complaint> {
    let kind = schema["type"].as_str().map(str::to_ascii_uppercase);
    let kind = kind.as_deref();
    let known = [
        "TYPE_UNSPECIFIED",
        "STRING",
        "NUMBER",
        "INTEGER",
        "BOOLEAN",
        "ARRAY",
        "OBJECT",
        "NULL",
    ];
    if let Some(other) = kind.filter(|k| !known.contains(k)) {
        let message = format!(
            "Invalid value at '{at}.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"{other}\""
        );
        return Err(Complaint::invalid(message, at));
    }
    if kind == Some("ARRAY") && schema["items"].is_null() {
        return Err(refused(&format!("{at}.items"), "missing field."));
    }
    if !list(&schema["enum"]).is_empty() && kind.is_some_and(|k| k != "STRING") {
        return Err(refused(
            &format!("{at}.enum"),
            "only allowed for STRING type",
        ));
    }
    for (i, name) in list(&schema["required"]).iter().enumerate() {
        let name = name.as_str().unwrap_or_default();
        if schema["properties"].get(name).is_none() {
            let at = format!("{at}.required[{i}]");
            return Err(refused(&at, "property is not defined"));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        check(property, &format!("{at}.properties[{name}]"))?;
    }
    for (i, branch) in list(&schema["anyOf"]).iter().enumerate() {
        check(branch, &format!("{at}.any_of[{i}]"))?;
    }
    match &schema["items"] {
        Value::Null => Ok(()),
        items => check(items, &format!("{at}.items")),
    }
}

/// A reduced schema as a JSON schema: types in small letters, numbers as numbers, what may be null left out.
pub(super) fn json_schema(schema: &Value) -> Value {
    let Some(object) = schema.as_object() else {
        return schema.clone();
    };
    let mut out = Map::new();
    for (key, value) in object {
        let value = match (key.as_str(), value) {
            ("type", Value::String(kind)) => Value::from(kind.to_ascii_lowercase()),
            ("properties", Value::Object(properties)) => {
                let members = properties.iter();
                Value::Object(members.map(|(n, p)| (n.clone(), json_schema(p))).collect())
            }
            ("items", items) => json_schema(items),
            ("anyOf", Value::Array(branches)) => branches.iter().map(json_schema).collect(),
            ("nullable" | "propertyOrdering", _) => continue,
            ("default" | "example" | "pattern" | "format" | "title" | "description", value) => {
                value.clone()
            }
            (_, Value::String(number)) => number
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| number.parse::<f64>().map(Value::from))
                .unwrap_or_else(|_| value.clone()),
            _ => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    Value::Object(out)
}

/// What the client says about calling the functions.
pub(super) fn choice(request: &Value, tools: &[Tool]) -> Result<Choice, Complaint> {
    let config = &request["toolConfig"]["functionCallingConfig"];
    let at = "tool_config.function_calling_config";
    let mode = config["mode"].as_str().map(str::to_ascii_uppercase);
    let names: Vec<&str> = list(&config["allowedFunctionNames"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let forced = match mode.as_deref() {
        None | Some("MODE_UNSPECIFIED" | "AUTO" | "VALIDATED") => false,
        Some("NONE") => return Ok(Choice::None),
        Some("ANY") => true,
        Some(other) => {
            let message = format!(
                "Invalid value at '{at}.mode' \
                 (type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode), \"{other}\""
            );
            return Err(Complaint::invalid(message, &format!("{at}.mode")));
        }
    };
    if forced && tools.is_empty() {
        let message = "Function calling config is set without function_declarations.";
        return Err(Complaint::invalid(message, at));
    }
    let at = format!("{at}.allowed_function_names");
    if !names.is_empty() && !matches!(mode.as_deref(), Some("ANY" | "VALIDATED")) {
        let why = "should be set only when the function calling mode is ANY or VALIDATED.";
        return Err(refused(&at, why));
    }
    if let Some(stray) = names.iter().find(|n| !tools.iter().any(|t| t.name == **n)) {
        let why = format!("{stray} is not one of the declared functions.");
        return Err(refused(&at, &why));
    }
    Ok(match (forced, names.first()) {
        (false, _) => Choice::Auto,
        (true, None) => Choice::Any,
        (true, Some(first)) => Choice::Named((*first).to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declare(parameters: &Value) -> Result<Vec<Tool>, Complaint> {
        tools(
            &json!({"tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]}),
        )
    }

    #[test]
    fn a_reduced_schema_means_what_the_json_schema_means() {
        let reduced = json!({"type": "OBJECT", "required": ["a"], "propertyOrdering": ["b", "a"], "properties": {
            "a": {"type": "ARRAY", "items": {"type": "STRING", "enum": ["1"]}, "minItems": "2"},
            "b": {"anyOf": [{"type": "NUMBER"}], "nullable": true}
        }});
        assert_eq!(
            declare(&reduced).unwrap()[0].schema,
            json!({"type": "object", "required": ["a"], "properties": {
                "a": {"type": "array", "items": {"type": "string", "enum": ["1"]}, "minItems": 2},
                "b": {"anyOf": [{"type": "number"}]}
            }})
        );
    }

    #[test]
    fn a_reduced_schema_that_gemini_refuses_is_refused() {
        for (schema, expected) in [
            (json!({"type": "ARRAY"}), "parameters.items: missing field."),
            (
                json!({"type": "INTEGER", "enum": ["1"]}),
                "parameters.enum: only allowed for STRING type",
            ),
            (
                json!({"type": "OBJECT", "required": ["a"]}),
                "parameters.required[0]: property is not defined",
            ),
            (
                json!({"type": "OBJECT", "properties": {"a": {"type": "any"}}}),
                "parameters.properties[a].type'",
            ),
        ] {
            let message = declare(&schema).unwrap_err().message.unwrap();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn names_of_functions_are_legal_and_different() {
        let named = |a: &str, b: &str| {
            tools(&json!({"tools": [{"functionDeclarations": [{"name": a}, {"name": b}]}]})).is_ok()
        };
        assert!(named("a_1", "b.c:d-e"));
        assert!(!named("a", "a") && !named("1a", "b") && !named("a b", "b") && !named("", "b"));
        assert!(!named(&"a".repeat(129), "b"));
    }
}
