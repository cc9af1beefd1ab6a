//! Every leaf of every recorded request is changed in turn: through every pair of formats the change must be seen upstream,
//! or its path among what was dropped.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate::ir::Format;
use tidegate::wire::convert::{Ready, Unsayable};

use super::laws::ground::{lowered, text_of};
use super::recorded::{Recorded, recorded};
use super::same::{SAME, same};
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
    /// Which of the words that mean the same were needed.
    same: BTreeSet<usize>,
    seen: usize,
    refused: usize,
}

/// A request on its way to a target, as it was recorded.
struct Probe<'r> {
    recorded: &'r Recorded,
    to: Format,
    before: Ready,
    text_before: String,
}

impl Probe<'_> {
    fn send(recorded: &Recorded, to: Format, request: &Value) -> Result<Ready, Unsayable> {
        let body = request.to_string();
        lowered(recorded.format, to, recorded.asked(), body.as_bytes())
    }

    fn check(&self, found: &mut Found) {
        let mut places = Vec::new();
        leaves(&self.recorded.request, &mut Vec::new(), &mut places);
        for steps in places {
            let mut request = self.recorded.request.clone();
            let was = leaf(&mut request, &steps).clone();
            if key_of(&steps) == Some("role")
                && let Some((_, message)) = steps.split_last()
                && !has_free_role(leaf(&mut request, message))
            {
                continue;
            }
            for (new, sign) in changes(self.recorded.format, &steps, &was) {
                *leaf(&mut request, &steps) = new.clone();
                self.judge(&request, &path(&steps), (&was, &new, sign), found);
            }
        }
    }

    fn judge(
        &self,
        request: &Value,
        at: &str,
        (was, new, sign): (&Value, &Value, Option<String>),
        found: &mut Found,
    ) {
        let is_text = new.is_string() && sign.is_some();
        let mut complain = |how: String| {
            let pair = format!("{} -> {}", self.recorded.format, self.to);
            let ids = found.silent.entry((pair, format!("{}{how}", shape(at))));
            ids.or_default().push(self.recorded.id.clone());
        };
        let ready = match Probe::send(self.recorded, self.to, request) {
            Ok(ready) => ready,
            Err(refused) => {
                if !is_related(&refused.path, at) {
                    complain(format!(", refused for {refused}"));
                }
                found.refused += 1;
                return;
            }
        };
        let text = text_of(&ready.lowered);
        // A number may become another (a budget an effort), but not nothing.
        let is_other = text != self.text_before || ready.stream_usage != self.before.stream_usage;
        let is_seen = match &sign {
            Some(sign) if is_text => text.contains(sign),
            Some(sign) => text.contains(sign) || is_other,
            None => is_other,
        };
        // A word may be the one that goes without saying, so that only the other was lost.
        let is_told = is_told(&ready, at) || (sign.is_none() && is_told(&self.before, at));
        if !is_seen && !is_told {
            match same(self.to, &self.text_before, &shape(at), (was, new)) {
                Some(place) => {
                    found.same.insert(place);
                }
                None if is_text => complain(String::new()),
                None => complain(format!(": {was} as {new}")),
            }
        }
        found.seen += 1;
    }
}

#[test]
fn whatever_a_request_says_is_seen_upstream_or_told_as_dropped() {
    let mut found = Found::default();
    for recorded in &recorded()
        .into_iter()
        .chain(words::own())
        .collect::<Vec<_>>()
    {
        for to in Format::ALL.into_iter().filter(|to| *to != recorded.format) {
            match Probe::send(recorded, to, &recorded.request) {
                Ok(before) => {
                    let text_before = text_of(&before.lowered);
                    let probe = Probe {
                        recorded,
                        to,
                        before,
                        text_before,
                    };
                    probe.check(&mut found);
                }
                // These are made so that every target takes them.
                Err(refused) => assert_ne!(recorded.id, EVERY_WORD_ID, "{to}: {refused}"),
            }
        }
    }
    let list: Vec<String> = found
        .silent
        .iter()
        .map(|((pair, shape), ids)| format!("{pair}: {shape} ({} times, {})", ids.len(), ids[0]))
        .collect();
    assert!(list.is_empty(), "lost without a word:\n{}", list.join("\n"));
    if !recorded().is_empty() {
        let all: BTreeSet<usize> = (0..SAME.len()).collect();
        assert_eq!(found.same, all, "which of what means the same is needed");
    }
    println!("{} changes judged, {} refused", found.seen, found.refused);
}
