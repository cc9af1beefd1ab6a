//! Every leaf of every recorded request is changed in turn: through every pair of formats the change must be seen upstream,
//! or its path among what was dropped.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate::ir::Format;
use tidegate::wire::convert::Ready;

use super::laws::ground::{lowered, text_of};
use super::recorded::{Recorded, recorded};

/// Where a leaf stands.
#[derive(Clone, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

fn path(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Key(key) if out.is_empty() => out.push_str(key),
            Step::Key(key) => {
                out.push('.');
                out.push_str(key);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

fn leaves(value: &Value, at: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                at.push(Step::Key(key.clone()));
                leaves(value, at, found);
                at.pop();
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                at.push(Step::Index(index));
                leaves(value, at, found);
                at.pop();
            }
        }
        Value::String(_) | Value::Number(_) => found.push(at.clone()),
        Value::Bool(_) | Value::Null => {}
    }
}

fn leaf<'v>(value: &'v mut Value, steps: &[Step]) -> &'v mut Value {
    steps.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

/// Strings that are one of a few words, or that say what something is: changing them makes another request or none.
const WORDS: &[&str] = &[
    "type",
    "role",
    "model",
    "object",
    "status",
    "syntax",
    "mode",
    "cache_control",
    "thinkingLevel",
    "mimeType",
    "mime_type",
    "media_type",
    "format",
    "detail",
    "effort",
    "reasoning_effort",
    "summary",
    "service_tier",
    "verbosity",
    "truncation",
    "tool_choice",
    "ttl",
    "prompt_cache_retention",
    "category",
    "threshold",
    "responseMimeType",
    "modalities",
    "include",
    "responseModalities",
    "voice",
    "language",
    "search_context_size",
    "display",
    "function_call",
    "image_url",
    "file_data",
    "phase",
    "stream",
    "keep",
    "mediaResolution",
    "behavior",
    "scheduling",
];

/// Base64: a sentinel in it has to be base64 as well.
const BASE64: &[&str] = &[
    "data",
    "signature",
    "encrypted_content",
    "thoughtSignature",
    "thought_signature",
];

/// Another value for the leaf, and what of it must be seen.
fn another(steps: &[Step], value: &Value) -> Option<(Value, String)> {
    let inside = |names: &[&str]| {
        steps
            .iter()
            .any(|step| matches!(step, Step::Key(key) if names.contains(&key.as_str())))
    };
    let key = steps.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    })?;
    // Schemas, arguments and what an object of a tool's holds are the client's: any string there is a text.
    let free = inside(&[
        "parameters",
        "input_schema",
        "schema",
        "parametersJsonSchema",
        "responseSchema",
        "responseJsonSchema",
        "args",
        "input",
        "response",
        "arguments",
    ]);
    match value {
        Value::String(_) if BASE64.contains(&key) => Some((
            Value::String("c2VudGluZWwxMjM0".into()),
            "c2VudGluZWwxMjM0".into(),
        )),
        Value::String(_) if WORDS.contains(&key) || inside(&["metadata", "labels"]) => None,
        // In schemas these are words.
        Value::String(_)
            if free
                && inside(&[
                    "enum",
                    "required",
                    "anyOf",
                    "$ref",
                    "type",
                    "propertyOrdering",
                    "required",
                ]) =>
        {
            None
        }
        Value::String(_) => Some((Value::String("zqsentinelqz".into()), "zqsentinelqz".into())),
        Value::Number(number) => {
            let new = match number.as_u64() {
                Some(n) => serde_json::Number::from(n * 2 + 1),
                None => serde_json::Number::from_f64(number.as_f64()? / 2.0)?,
            };
            let seen = new.to_string();
            Some((Value::Number(new), seen))
        }
        _ => None,
    }
}

fn is_told(ready: &Ready, at: &str) -> bool {
    ready.dropped.iter().any(|dropped| {
        at == dropped
            || (at.starts_with(dropped.as_str()) && at[dropped.len()..].starts_with(['.', '[']))
    })
}

/// What does not reach the other side, by target and the path without indexes.
type Silent = BTreeMap<(String, String), Vec<String>>;

fn check(recorded: &Recorded, to: Format, silent: &mut Silent, seen: &mut (usize, usize)) {
    let send = |request: &Value| {
        lowered(
            recorded.format,
            to,
            recorded.asked(),
            request.to_string().as_bytes(),
        )
    };
    let Ok(before) = send(&recorded.request) else {
        return;
    };
    let before = text_of(&before.lowered);
    let mut found = Vec::new();
    leaves(&recorded.request, &mut Vec::new(), &mut found);
    for steps in found {
        let mut request = recorded.request.clone();
        let place = leaf(&mut request, &steps);
        let Some((new, sign)) = another(&steps, place) else {
            continue;
        };
        *place = new;
        let Ok(ready) = send(&request) else {
            seen.1 += 1;
            continue;
        };
        seen.0 += 1;
        let text = text_of(&ready.lowered);
        let at = path(&steps);
        let is_number = sign.parse::<f64>().is_ok();
        // A number may become another (a budget an effort), but not nothing.
        let is_seen = text.contains(&sign) || (is_number && text != before);
        if !is_seen && !is_told(&ready, &at) {
            let shape: String = at.chars().filter(|c| !c.is_ascii_digit()).collect();
            let pair = format!("{} -> {}", recorded.format, to);
            silent
                .entry((pair, shape))
                .or_default()
                .push(recorded.id.clone());
        }
    }
}

#[test]
fn whatever_a_request_says_is_seen_upstream_or_told_as_dropped() {
    let mut silent = Silent::new();
    let mut seen = (0, 0);
    for recorded in &recorded() {
        for to in Format::ALL {
            if to != recorded.format {
                check(recorded, to, &mut silent, &mut seen);
            }
        }
    }
    let list: Vec<String> = silent
        .iter()
        .map(|((pair, shape), ids)| format!("{pair}: {shape} ({} times, {})", ids.len(), ids[0]))
        .collect();
    assert!(list.is_empty(), "lost without a word:\n{}", list.join("\n"));
    println!("{} changes seen or told, {} refused", seen.0, seen.1);
}
