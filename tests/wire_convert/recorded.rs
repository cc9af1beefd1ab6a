//! The recorded traffic, where `TIDEGATE_FIXTURES` names it.

use serde_json::Value;
use tidegate::ir::Format;
use tidegate::wire::Asked;

use super::words::{EVERY_WORD, EVERY_WORD_ID};

/// One recorded exchange of a conversation.
pub(crate) struct Recorded {
    pub id: String,
    pub format: Format,
    pub path: String,
    pub stream: bool,
    pub request: Value,
    pub status: u16,
    pub response: String,
}

impl Recorded {
    pub(crate) fn asked(&self) -> Asked<'_> {
        let model = self
            .path
            .split("/models/")
            .nth(1)
            .and_then(|rest| rest.split(':').next())
            .unwrap_or("");
        Asked {
            model,
            stream: self.stream,
            ..Asked::default()
        }
    }
}

pub(crate) fn recorded() -> Vec<Recorded> {
    let Some(dir) = std::env::var_os("TIDEGATE_FIXTURES") else {
        return Vec::new();
    };
    let path = std::path::Path::new(&dir).join("recorded.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().filter_map(one).collect()
}

fn one(line: &str) -> Option<Recorded> {
    let value: Value = serde_json::from_str(line).unwrap();
    let format = match value["api"].as_str()? {
        "chat" => Format::OpenaiChat,
        "responses" => Format::OpenaiResponses,
        "messages" => Format::Anthropic,
        "gemini" => Format::Gemini,
        _ => return None,
    };
    if !value["request"].is_object() {
        return None;
    }
    Some(Recorded {
        id: value["id"].as_str()?.to_owned(),
        format,
        path: value["request_path"].as_str()?.to_owned(),
        stream: value["stream"].as_bool()?,
        request: value["request"].clone(),
        status: u16::try_from(value["status"].as_u64()?).ok()?,
        response: value["response_body"].as_str()?.to_owned(),
    })
}

/// The requests of the goldens, and those that have every word.
pub(crate) fn own() -> Vec<Recorded> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire_golden/requests");
    let mut found: Vec<Recorded> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let format = name.split('.').next().and_then(Format::from_name).unwrap();
            hand_written(&name, format, &std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.extend(
        EVERY_WORD
            .iter()
            .map(|(format, request)| hand_written(EVERY_WORD_ID, *format, request)),
    );
    found
}

fn hand_written(name: &str, format: Format, request: &str) -> Recorded {
    Recorded {
        id: name.to_owned(),
        format,
        path: "/models/m:generateContent".to_owned(),
        stream: false,
        request: serde_json::from_str(request).unwrap(),
        status: 200,
        response: String::new(),
    }
}
