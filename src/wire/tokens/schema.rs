//! Schemas of tools in the short form in which OpenAI's models see them.

use super::vocabulary::Counter;
use crate::wire::json::{Document, Kind, Value};

/// Levels of a schema that are read; what lies deeper is counted as it is written.
const MOST_LEVELS: u8 = 12;

/// Tokens by the recipe of OpenAI's Cookbook ("How to count tokens with tiktoken", "Counting tokens for tool calls"): for
/// every property its name, type and description and 3 tokens; for every value of an enumeration the value and 3 tokens,
/// less 3 for the list. Objects in objects and in lists are not in the recipe and are counted alike.
pub(super) fn tokens(schema: &str, counter: &mut Counter<'_>) -> u64 {
    let mut document = Document::default();
    match document.read(schema.as_bytes()) {
        Ok(root) => level(root, MOST_LEVELS, counter),
        Err(_) => counter.text(schema),
    }
}

fn level(schema: Value<'_, '_>, levels: u8, counter: &mut Counter<'_>) -> u64 {
    let Some(deeper) = levels.checked_sub(1) else {
        return counter.text(schema.raw());
    };
    let mut tokens = 0;
    if let Some(properties) = schema.member("properties")
        && properties.members().next().is_some()
    {
        tokens += 3;
        for (name, property) in properties.members() {
            let said = |key: &str| property.member_text(key).unwrap_or_default();
            let description = said("description");
            let description = description.trim_end_matches('.');
            let line = format!("{name}:{}:{description}", said("type"));
            tokens += 3 + counter.text(&line) + level(property, deeper, counter);
        }
    }
    if let Some(values) = schema.member("enum") {
        for value in values.items() {
            tokens += 3 + counter.text(value.raw().trim_matches('"'));
        }
        tokens = tokens.saturating_sub(3);
    }
    for key in ["items", "additionalProperties", "$defs", "definitions"] {
        let inner = schema.member(key);
        if let Some(inner) = inner.filter(|inner| inner.kind() == Kind::Object) {
            tokens += match key {
                "items" | "additionalProperties" => level(inner, deeper, counter),
                _ => each(inner, deeper, counter),
            };
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        let choices = schema.member(key).into_iter().flat_map(Value::items);
        for choice in choices {
            tokens += level(choice, deeper, counter);
        }
    }
    tokens
}

fn each(definitions: Value<'_, '_>, levels: u8, counter: &mut Counter<'_>) -> u64 {
    let inner = definitions.members();
    inner
        .map(|(_, schema)| level(schema, levels, counter))
        .sum()
}
