//! Every leaf of every recorded request is changed in turn: through every pair of formats the change must be seen upstream,
//! or its path among what was dropped.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate::ir::Format;
use tidegate::wire::convert::Ready;

use super::laws::ground::{lowered, text_of};
use super::recorded::{Recorded, own, recorded};
use super::words::{self, EVERY_WORD_ID};

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
        Value::String(_) | Value::Number(_) | Value::Bool(_) => found.push(at.clone()),
        Value::Null => {}
    }
}

fn leaf<'v>(value: &'v mut Value, steps: &[Step]) -> &'v mut Value {
    steps.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

/// What makes another request of it, or none: which kind of thing an object is, which its other members depend on. Such a
/// word is tested where it is one of a few by itself (`words`).
const TAGS: &[&str] = &["type", "object"];

/// What the gateway decides itself, for the request as a whole: its own model, and the manner of the answer.
const OURS: &[&str] = &["model", "stream"];

/// Base64: a sentinel in it has to be base64 as well.
const BASE64: &[&str] = &[
    "data",
    "signature",
    "encrypted_content",
    "thoughtSignature",
    "thought_signature",
];

/// What holds the client's own JSON: any string there is a text.
const FREE: &[&str] = &["args", "input", "response", "arguments"];

const SCHEMAS: &[&str] = &[
    "parameters",
    "input_schema",
    "schema",
    "parametersJsonSchema",
    "parameters_json_schema",
    "responseSchema",
    "response_schema",
    "responseJsonSchema",
    "response_json_schema",
];

/// Another value for a leaf, and what of it must be seen; nothing particular: only that the request is another.
type Change = (Value, Option<String>);

fn key_of(steps: &[Step]) -> Option<&str> {
    steps.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    })
}

fn is_inside(steps: &[Step], names: &[&str]) -> bool {
    let outer = steps.split_last().map_or(&[][..], |(_, outer)| outer);
    outer
        .iter()
        .any(|step| matches!(step, Step::Key(key) if names.contains(&key.as_str())))
}

/// The path without its indexes.
fn shape(at: &str) -> String {
    at.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Other values for the leaf.
fn changes(format: Format, steps: &[Step], value: &Value) -> Vec<Change> {
    let Some(key) = key_of(steps) else {
        return Vec::new();
    };
    match value {
        Value::String(text) => of_text(format, steps, key, text),
        Value::Number(number) => {
            let new = match number.as_u64() {
                Some(n) => Some(serde_json::Number::from(n * 2 + 1)),
                None => number
                    .as_f64()
                    .and_then(|n| serde_json::Number::from_f64(n / 2.0)),
            };
            let sign = new.as_ref().map(ToString::to_string);
            new.into_iter()
                .map(|new| (Value::Number(new), sign.clone()))
                .collect()
        }
        Value::Bool(_) if steps.len() == 1 && OURS.contains(&key) => Vec::new(),
        Value::Bool(is) => vec![(Value::Bool(!is), None)],
        _ => Vec::new(),
    }
}

fn of_text(format: Format, steps: &[Step], key: &str, text: &str) -> Vec<Change> {
    let sentinel = |text: &str| vec![(Value::from(text), Some(text.to_owned()))];
    let words = |words: Vec<&'static str>| {
        let changes = words.into_iter().map(|word| (Value::from(word), None));
        changes.collect()
    };
    if is_inside(steps, SCHEMAS) {
        return match key {
            "type" => words(words::other_types(text)),
            // One of the schema's own definitions, or none at all.
            "$ref" => Vec::new(),
            _ => sentinel("zqsentinelqz"),
        };
    }
    if is_inside(steps, FREE) && format != Format::OpenaiResponses {
        return sentinel("zqsentinelqz");
    }
    if steps.len() == 1 && OURS.contains(&key) {
        return Vec::new();
    }
    if let Some(others) = words::others(format, &shape(&path(steps)), text) {
        return words(others);
    }
    match key {
        _ if TAGS.contains(&key) => Vec::new(),
        _ if BASE64.contains(&key) => sentinel("c2VudGluZWwxMjM0"),
        "url" | "image_url" | "file_data" if text.starts_with("data:") => {
            let head = text.split(',').next().unwrap_or_default();
            let changed = format!("{head},c2VudGluZWwxMjM0");
            vec![(Value::from(changed), Some("c2VudGluZWwxMjM0".to_owned()))]
        }
        "url" | "image_url" | "file_url" | "fileUri" | "file_uri" => {
            let changed = "https://example.com/zqsentinelqz.png";
            vec![(Value::from(changed), Some("zqsentinelqz".to_owned()))]
        }
        _ => sentinel("zqsentinelqz"),
    }
}

/// Whether somebody else might have said the message: what calls, answers calls or shows something has a role of its own,
/// and what says nothing has none.
fn has_free_role(message: &Value) -> bool {
    let is_text = |part: &Value| {
        let kind = part["type"].as_str().unwrap_or("text");
        let text = part["text"].as_str().unwrap_or_default();
        kind.ends_with("text") && !text.is_empty()
    };
    let content = [&message["content"], &message["parts"]];
    let said = content.into_iter().find(|content| !content.is_null());
    match said {
        Some(Value::String(text)) => !text.is_empty() && message["tool_calls"].is_null(),
        Some(Value::Array(parts)) => !parts.is_empty() && parts.iter().all(is_text),
        _ => false,
    }
}

/// Words that mean the same to that target: the path's end, and the words.
struct Same {
    to: &'static [Format],
    end: &'static str,
    words: &'static [&'static str],
    /// What must not be in the upstream request for it to be so; empty: it always is.
    without: &'static str,
    /// Why it is so.
    #[expect(dead_code, reason = "it is for whoever reads the list")]
    why: &'static str,
}

const SAME: &[Same] = &[
    Same {
        to: &[Format::Anthropic, Format::Gemini],
        end: "role",
        words: &["system", "developer"],
        without: "",
        why: "they know one kind of instructions",
    },
    Same {
        to: &[Format::Gemini],
        end: "effort",
        words: &["high", "xhigh", "max"],
        without: "",
        why: "its highest budget is that of `high`",
    },
    Same {
        to: &[Format::Anthropic, Format::Gemini],
        end: "strict",
        words: &["true", "false"],
        without: "",
        why: "an answer by a schema always keeps to it",
    },
    Same {
        to: &[
            Format::OpenaiChat,
            Format::OpenaiResponses,
            Format::Anthropic,
        ],
        end: "fileData.mimeType",
        words: &["image/png", "image/jpeg", "image/webp"],
        without: "",
        why: "an image by its address says itself what it is",
    },
    Same {
        to: &[Format::OpenaiResponses, Format::Anthropic, Format::Gemini],
        end: "tool_choice",
        words: &["any", "required"],
        without: "",
        why: "Mistral calls it so",
    },
    Same {
        to: &[Format::Gemini],
        end: "tool_choice",
        words: &["auto", "none"],
        without: "\"tools\"",
        why: "no tool is left to choose, which is told",
    },
];

/// The place of what says that both mean the same.
fn same(to: Format, upstream: &str, shape: &str, (was, new): (&Value, &Value)) -> Option<usize> {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (was, new) = (word(was), word(new));
    let shape = shape.replace("file_data.mime_type", "fileData.mimeType");
    SAME.iter().position(|same| {
        let has = |word: &String| same.words.contains(&word.as_str());
        let is_so = same.without.is_empty() || !upstream.contains(same.without);
        same.to.contains(&to) && shape.ends_with(same.end) && has(&was) && has(&new) && is_so
    })
}

/// Whether a refusal speaks of the value, or of what it is a part of.
fn is_related(refused: &str, at: &str) -> bool {
    let outer = at.rfind(['.', '[']).map_or("", |end| &at[..end]);
    at.starts_with(refused) || refused.starts_with(outer)
}

fn is_told(ready: &Ready, at: &str) -> bool {
    ready.dropped.iter().any(|dropped| {
        at == dropped
            || (at.starts_with(dropped.as_str()) && at[dropped.len()..].starts_with(['.', '[']))
    })
}

#[derive(Default)]
struct Found {
    /// What does not reach the other side, by pair and the path without indexes.
    silent: BTreeMap<(String, String), Vec<String>>,
    /// Which of `SAME` were needed.
    same: BTreeSet<usize>,
    seen: usize,
    refused: usize,
}

fn check(recorded: &Recorded, to: Format, found: &mut Found) {
    let send = |request: &Value| {
        lowered(
            recorded.format,
            to,
            recorded.asked(),
            request.to_string().as_bytes(),
        )
    };
    let before = match send(&recorded.request) {
        Ok(before) => before,
        Err(refused) => {
            assert_ne!(recorded.id, EVERY_WORD_ID, "{to}: {refused}");
            return;
        }
    };
    let text_before = text_of(&before.lowered);
    let mut places = Vec::new();
    leaves(&recorded.request, &mut Vec::new(), &mut places);
    for steps in places {
        let mut request = recorded.request.clone();
        let at = path(&steps);
        let was = leaf(&mut request, &steps).clone();
        if steps.last() == Some(&Step::Key("role".to_owned()))
            && let Some((_, message)) = steps.split_last()
            && !has_free_role(leaf(&mut request, message))
        {
            continue;
        }
        for (new, sign) in changes(recorded.format, &steps, &was) {
            *leaf(&mut request, &steps) = new.clone();
            let ready = match send(&request) {
                Ok(ready) => ready,
                Err(refused) => {
                    found.refused += 1;
                    if !is_related(&refused.path, &at) {
                        let pair = format!("{} -> {}, refused", recorded.format, to);
                        let key = (pair, format!("{} for {refused}", shape(&at)));
                        found
                            .silent
                            .entry(key)
                            .or_default()
                            .push(recorded.id.clone());
                    }
                    continue;
                }
            };
            found.seen += 1;
            let text = text_of(&ready.lowered);
            // A number may become another (a budget an effort), but not nothing.
            let is_text = new.is_string() && sign.is_some();
            let is_seen = match &sign {
                Some(sign) if is_text => text.contains(sign),
                Some(sign) => text.contains(sign) || text != text_before,
                None => text != text_before || ready.stream_usage != before.stream_usage,
            };
            // A word may be the one that goes without saying, so that only the other was lost.
            let is_told = is_told(&ready, &at) || (sign.is_none() && is_told(&before, &at));
            if is_seen || is_told {
                continue;
            }
            if let Some(place) = same(to, &text_before, &shape(&at), (&was, &new)) {
                found.same.insert(place);
            } else {
                let pair = format!("{} -> {}", recorded.format, to);
                let change = if is_text {
                    String::new()
                } else {
                    format!(": {was} as {new}")
                };
                let key = (pair, format!("{}{change}", shape(&at)));
                found
                    .silent
                    .entry(key)
                    .or_default()
                    .push(recorded.id.clone());
            }
        }
    }
}

#[test]
fn whatever_a_request_says_is_seen_upstream_or_told_as_dropped() {
    let mut found = Found::default();
    for recorded in recorded().into_iter().chain(own()) {
        for to in Format::ALL {
            if to != recorded.format {
                check(&recorded, to, &mut found);
            }
        }
    }
    let list: Vec<String> = found
        .silent
        .iter()
        .map(|((pair, shape), ids)| format!("{pair}: {shape} ({} times, {})", ids.len(), ids[0]))
        .collect();
    assert!(list.is_empty(), "lost without a word:\n{}", list.join("\n"));
    println!(
        "{} changes seen or told, {} refused",
        found.seen, found.refused
    );
}
