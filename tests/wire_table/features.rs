//! The features, read from their text files; `requests.txt` says how they are written.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate::ir::Format;

/// Whose words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A client's.
    Request,
    /// A vendor's.
    Answer,
}

/// Whose the opaque state in a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Memory {
    #[default]
    Nobodys,
    Targets,
    Anothers,
}

#[derive(Debug, Default)]
pub(crate) struct Feature {
    pub(crate) section: String,
    pub(crate) name: String,
    pub(crate) memory: Memory,
    /// In the formats that have a word for it.
    pub(crate) says: BTreeMap<Format, Value>,
    /// By format, the best first.
    seen: Vec<(Format, Sight)>,
}

/// How a feature is known in what came of a conversion.
#[derive(Debug)]
struct Sight {
    nearly: bool,
    pieces: Vec<String>,
}

/// How much of a feature is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Whole,
    Nearly,
    Not,
}

impl Feature {
    pub(crate) fn seen(&self, format: Format, text: &str) -> Seen {
        let own = self.seen.iter().filter(|(of, _)| *of == format);
        let mut own = own.map(|(_, sight)| sight);
        match own.find(|sight| sight.is_in(text)) {
            Some(sight) if sight.nearly => Seen::Nearly,
            Some(_) => Seen::Whole,
            None => Seen::Not,
        }
    }
}

impl Sight {
    fn is_in(&self, text: &str) -> bool {
        let mut rest = Some(text);
        for piece in &self.pieces {
            rest = rest.and_then(|rest| Some(rest.split_once(piece.as_str())?.1));
        }
        rest.is_some()
    }
}

const NAMES: [(&str, Format); 4] = [
    ("chat", Format::OpenaiChat),
    ("responses", Format::OpenaiResponses),
    ("anthropic", Format::Anthropic),
    ("gemini", Format::Gemini),
];

pub(crate) fn features(text: &str, kind: Kind) -> Vec<Feature> {
    let mut features: Vec<Feature> = Vec::new();
    let mut section = String::new();
    let (_introduction, text) = text.split_once("\n\n").unwrap();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("== ") {
            section = name.to_owned();
            continue;
        }
        let Some(line) = line.strip_prefix("  ") else {
            features.push(Feature {
                section: section.clone(),
                name: line.to_owned(),
                ..Feature::default()
            });
            continue;
        };
        let feature = features.last_mut().unwrap();
        match line.split_once(' ').unwrap() {
            ("memory", whose) => feature.memory = memory(whose),
            ("to", rest) => {
                let (formats, sight) = formats(rest);
                let nearly = sight.starts_with("~ ");
                let sight = sight.strip_prefix("~ ").unwrap_or(sight);
                let pieces = sight.split(" … ").map(str::to_owned);
                let pieces: Vec<String> = pieces.filter(|piece| piece != "given").collect();
                for format in formats {
                    let pieces = pieces.clone();
                    let sight = Sight { nearly, pieces };
                    feature.seen.push((format, sight));
                }
            }
            _ => {
                let (formats, members) = formats(line);
                for format in formats {
                    let whole = over(plain(format, kind), &filled(members, format));
                    feature.says.insert(format, whole);
                }
            }
        }
    }
    features
}

fn memory(whose: &str) -> Memory {
    match whose {
        "own" => Memory::Targets,
        "other" => Memory::Anothers,
        _ => panic!("whose is `{whose}`?"),
    }
}

/// The formats that a line begins with, and the rest of it.
fn formats(line: &str) -> (Vec<Format>, &str) {
    let mut formats = Vec::new();
    let mut rest = line;
    while let Some((word, more)) = rest.split_once(' ') {
        let Some((_, format)) = NAMES.iter().find(|(name, _)| *name == word) else {
            break;
        };
        formats.push(*format);
        rest = more;
    }
    assert!(!formats.is_empty(), "no format: {line}");
    (formats, rest)
}

/// A request or an answer that says nothing of note.
fn plain(format: Format, kind: Kind) -> Value {
    let text = match (format, kind) {
        (Format::OpenaiChat, Kind::Request) => {
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#
        }
        (Format::OpenaiResponses, Kind::Request) => {
            r#"{"model":"m","input":[{"role":"user","content":"hi"}]}"#
        }
        (Format::Anthropic, Kind::Request) => {
            r#"{"model":"m","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#
        }
        (Format::Gemini, Kind::Request) => {
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#
        }
        (Format::OpenaiChat, Kind::Answer) => {
            r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#
        }
        (Format::OpenaiResponses, Kind::Answer) => {
            r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]}]}"#
        }
        (Format::Anthropic, Kind::Answer) => {
            r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null}"#
        }
        (Format::Gemini, Kind::Answer) => {
            r#"{"responseId":"1","modelVersion":"m","candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP"}]}"#
        }
    };
    serde_json::from_str(text).unwrap()
}

/// The members, with functions for `$tool` (one), `$tools` (a list of one) and `$two`.
fn filled(members: &str, format: Format) -> String {
    let tool = |name: &str| match format {
        Format::OpenaiChat => format!(
            r#"{{"type":"function","function":{{"name":"{name}","parameters":{{"type":"object","properties":{{}}}}}}}}"#
        ),
        Format::OpenaiResponses => format!(
            r#"{{"type":"function","name":"{name}","parameters":{{"type":"object","properties":{{}}}},"strict":false}}"#
        ),
        Format::Anthropic => {
            format!(r#"{{"name":"{name}","input_schema":{{"type":"object","properties":{{}}}}}}"#)
        }
        Format::Gemini => format!(
            r#"{{"name":"{name}","parametersJsonSchema":{{"type":"object","properties":{{}}}}}}"#
        ),
    };
    let list = |tools: String| match format {
        Format::Gemini => format!(r#""tools":[{{"functionDeclarations":[{tools}]}}]"#),
        Format::OpenaiChat | Format::OpenaiResponses | Format::Anthropic => {
            format!(r#""tools":[{tools}]"#)
        }
    };
    members
        .replace("$tools", &list(tool("f")))
        .replace("$two", &list([tool("f"), tool("g")].join(",")))
        .replace("$tool", &tool("f"))
}

fn over(mut plain: Value, members: &str) -> Value {
    let members: Value =
        serde_json::from_str(members).unwrap_or_else(|error| panic!("{error}: {members}"));
    for (key, value) in members.as_object().unwrap() {
        plain[key] = value.clone();
    }
    plain
}
