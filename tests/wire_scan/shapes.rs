//! Bodies to scan: of any shape, and of the shapes that requests have, in any spelling that JSON allows.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

const ROLES: &[&str] = &[
    "user",
    "assistant",
    "model",
    "system",
    "developer",
    "tool",
    "assistant ",
    "",
];
const TYPES: &[&str] = &[
    "text",
    "image",
    "image_url",
    "input_image",
    "input_text",
    "output_text",
    "tool_result",
    "tool_use",
    "document",
    "file",
    "input_file",
    "input_audio",
    "thinking",
    "message",
    "function_call",
    "function_call_output",
    "reasoning",
    "base64",
    "content",
    "images",
    "web_search_call",
    "image_generation_call",
    "computer_screenshot",
];
const TEXTS: &[&str] = &[
    "",
    "m",
    "hello",
    "none",
    "high",
    "enabled",
    "adaptive",
    "image/png",
    "application/pdf",
    r#"{"type":"image"}"#,
    "\"type\": \"image_url\"",
    "\\",
    "\\\"",
    "\"}],",
    "{[",
    "]}",
    "a\nb\tc",
    "grün → 使用 😀",
    "\u{0}\u{1f}",
    "session_",
    "user_x_account__session_0b0e",
    r#"{"device_id":"d","session_id":"5ee0"}"#,
    "/",
    "include_usage",
];
/// Every key that means something anywhere, and some that do not.
const KEYS: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "include_usage",
    "messages",
    "input",
    "contents",
    "system",
    "instructions",
    "systemInstruction",
    "system_instruction",
    "generationConfig",
    "generation_config",
    "thinkingConfig",
    "thinking_config",
    "thinkingBudget",
    "thinking_budget",
    "tools",
    "functions",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "effort",
    "enabled",
    "prompt_cache_key",
    "metadata",
    "user_id",
    "session_id",
    "previous_response_id",
    "role",
    "type",
    "text",
    "content",
    "parts",
    "output",
    "source",
    "inlineData",
    "inline_data",
    "fileData",
    "functionResponse",
    "mimeType",
    "mime_type",
    "cache_control",
    "id",
    "name",
    "data",
    "temperature",
    "",
    "mod",
    "модель",
    "a\"b",
    "a\\",
    "\n",
];

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(names).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => one_of(TEXTS),
        1 => one_of(TYPES),
        1 => one_of(ROLES),
        2 => "\\PC{0,40}",
        1 => (one_of(TEXTS), 0usize..60).prop_map(|(text, times)| text.repeat(times)).prop_filter("short", |text| text.len() < 400),
    ]
}

fn short() -> impl Strategy<Value = String> {
    text().prop_filter("short however it is spelled", |text| text.len() <= 80)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        2 => prop_oneof![Just(0i64), -5i64..100_000, any::<i64>()].prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i16>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        5 => text().prop_map(Value::from),
    ]
}

/// Any JSON value; its keys mean something elsewhere.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((one_of(KEYS), inner), 0..6).prop_map(object),
        ]
    })
}

fn object(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect::<Map<_, _>>())
}

/// A part of a message, with other parts in it now and then.
fn part() -> impl Strategy<Value = Value> {
    let leaf = (one_of(TYPES), text(), vec((one_of(KEYS), scalar()), 0..3)).prop_map(
        |(kind, text, mut more)| {
            more.push(("type".to_owned(), Value::from(kind)));
            more.push(("text".to_owned(), Value::from(text)));
            object(more)
        },
    );
    leaf.prop_recursive(3, 16, 4, |inner| {
        let holder = prop::sample::select(
            &[
                "content",
                "source",
                "parts",
                "output",
                "inlineData",
                "functionResponse",
                "input",
                "data",
            ][..],
        );
        let held = prop_oneof![inner.clone(), vec(inner, 0..4).prop_map(Value::from)];
        (one_of(TYPES), holder, held, prop::option::of(any_value())).prop_map(
            |(kind, holder, held, other)| {
                let mut members = vec![
                    ("type".to_owned(), Value::from(kind)),
                    (holder.to_owned(), held),
                ];
                members.extend(other.map(|other| ("extra".to_owned(), other)));
                object(members)
            },
        )
    })
}

fn message() -> impl Strategy<Value = Value> {
    let content = prop_oneof![
        text().prop_map(Value::from),
        vec(part(), 0..4).prop_map(Value::from),
        any_value()
    ];
    let key = prop::sample::select(&["content", "parts", "output"][..]);
    (
        prop::option::weighted(0.9, one_of(ROLES)),
        key,
        content,
        prop::option::of(one_of(TYPES)),
    )
        .prop_map(|(role, key, content, kind)| {
            let mut members = vec![(key.to_owned(), content)];
            members.extend(role.map(|role| ("role".to_owned(), Value::from(role))));
            members.extend(kind.map(|kind| ("type".to_owned(), Value::from(kind))));
            object(members)
        })
}

fn member() -> impl Strategy<Value = (String, Value)> {
    let name = |names: &'static [&'static str]| one_of(names);
    let turns = vec(prop_oneof![9 => message(), 1 => any_value()], 0..6).prop_map(Value::from);
    let options = vec((one_of(&["include_usage", "other", ""]), scalar()), 0..3).prop_map(object);
    let thinking = vec(
        (
            one_of(&["type", "effort", "enabled", "thinkingBudget", "x"]),
            scalar(),
        ),
        0..3,
    )
    .prop_map(object)
    .boxed();
    let config = vec(
        (
            one_of(&["maxOutputTokens", "thinkingConfig", "x"]),
            prop_oneof![scalar(), thinking.clone()],
        ),
        0..3,
    )
    .prop_map(object);
    prop_oneof![
        3 => (name(&["model"]), short().prop_map(Value::from)),
        2 => (name(&["stream"]), prop_oneof![any::<bool>().prop_map(Value::from), Just(Value::Null)]),
        2 => (name(&["stream_options"]), prop_oneof![options, Just(Value::Null), scalar()]),
        6 => (name(&["messages", "input", "contents"]), turns),
        2 => (name(&["system", "instructions", "systemInstruction"]), prop_oneof![text().prop_map(Value::from), vec(part(), 0..3).prop_map(Value::from)]),
        2 => (name(&["thinking", "reasoning", "reasoning_effort", "enable_thinking"]), prop_oneof![thinking, scalar()]),
        1 => (name(&["generationConfig", "generation_config"]), config),
        2 => (name(&["max_tokens", "max_completion_tokens", "max_output_tokens"]), scalar()),
        1 => (name(&["prompt_cache_key"]), short().prop_map(Value::from)),
        1 => (name(&["metadata"]), vec((one_of(&["user_id", "x"]), short().prop_map(Value::from)), 0..2).prop_map(object)),
        2 => (name(&["tools", "functions", "previous_response_id"]), any_value()),
        4 => (one_of(KEYS).prop_filter("its own strategy", |key| key != "prompt_cache_key" && key != "metadata"), any_value()),
    ]
}

/// The members of a request body, each key once, in any order.
pub(crate) fn request() -> impl Strategy<Value = Vec<(String, Value)>> {
    vec(member(), 0..9).prop_map(|members| {
        let mut seen = std::collections::BTreeSet::new();
        members
            .into_iter()
            .filter(|(key, _)| seen.insert(key.clone()))
            .collect()
    })
}

/// How a body is spelled: white space and escapes, drawn from the seed. Zero: as tight as can be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling(pub(crate) u64);

impl Spelling {
    pub(crate) fn write(mut self, members: &[(String, Value)]) -> Vec<u8> {
        let mut out = String::new();
        self.space(&mut out);
        self.object(members.iter().map(|(key, value)| (key, value)), &mut out);
        out.into_bytes()
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn space(&mut self, out: &mut String) {
        if self.0 != 0 && self.draw(4) == 0 {
            let indent = " ".repeat(self.draw(30) as usize);
            out.push_str(["\n", "\t", " ", "\r\n", "\n\n\t "][self.draw(5) as usize]);
            out.push_str(&indent);
        }
    }

    fn object<'a>(
        &mut self,
        members: impl Iterator<Item = (&'a String, &'a Value)>,
        out: &mut String,
    ) {
        out.push('{');
        for (nth, (key, value)) in members.enumerate() {
            if nth > 0 {
                out.push(',');
            }
            self.space(out);
            self.string(key, out);
            self.space(out);
            out.push(':');
            self.value(value, out);
        }
        self.space(out);
        out.push('}');
    }

    fn value(&mut self, value: &Value, out: &mut String) {
        self.space(out);
        match value {
            Value::Object(members) => self.object(members.iter(), out),
            Value::Array(items) => {
                out.push('[');
                for (nth, item) in items.iter().enumerate() {
                    if nth > 0 {
                        out.push(',');
                    }
                    self.value(item, out);
                }
                out.push(']');
            }
            Value::String(text) => self.string(text, out),
            other => out.push_str(&other.to_string()),
        }
        self.space(out);
    }

    fn string(&mut self, text: &str, out: &mut String) {
        if self.0 == 0 || self.draw(2) == 0 {
            out.push_str(&serde_json::to_string(text).unwrap());
            return;
        }
        out.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => out.extend(['\\', char]),
                '/' if self.draw(2) == 0 => out.push_str("\\/"),
                '\n' => out.push_str("\\n"),
                '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", char as u32)),
                _ if self.draw(6) == 0 => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        out.push_str(&if self.draw(2) == 0 {
                            format!("\\u{unit:04x}")
                        } else {
                            format!("\\u{unit:04X}")
                        });
                    }
                }
                _ => out.push(char),
            }
        }
        out.push('"');
    }
}
