//! The recorded traffic, where `TIDEGATE_FIXTURES` names it.

use serde_json::Value;
use tidegate::ir::Format;
use tidegate::wire::Asked;

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
