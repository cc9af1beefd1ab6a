//! What an answer means, whatever its format.

use tidegate::ir::{Arguments, Body, Format, Reply, StopReason};
use tidegate::wire::codec;
use tidegate::wire::convert::{input_total, output_total};
use tidegate::wire::json::Document;

/// What an answer means, as far as every format can say it.
#[derive(Debug, PartialEq)]
pub struct Meaning {
    pub text: String,
    pub thinking: String,
    pub calls: Vec<(String, serde_json::Value)>,
    pub stop: Option<StopReason>,
    pub input: Option<u64>,
    pub output: Option<u64>,
    /// Part of it is sound, which not every format has.
    pub spoken: bool,
}

pub fn meaning(reply: &Reply<'_>) -> Meaning {
    let mut meaning = Meaning {
        text: String::new(),
        thinking: String::new(),
        calls: Vec::new(),
        stop: None,
        spoken: false,
        // Formats that must say a number say 0 where none is known.
        input: input_total(&reply.usage).filter(|n| *n > 0),
        output: output_total(&reply.usage).filter(|n| *n > 0),
    };
    let Some(choice) = reply.choices.first() else {
        return meaning;
    };
    for part in &choice.parts {
        match &part.body {
            Body::Text(text) => meaning.text.push_str(&text.text),
            Body::Refusal(text) => meaning.text.push_str(text),
            Body::Thinking(thinking) => {
                meaning.thinking.push_str(&thinking.text);
                meaning
                    .thinking
                    .extend(thinking.summaries.iter().map(|text| &**text));
            }
            Body::Call(call) => {
                let arguments = match &call.arguments {
                    Arguments::Json(text) | Arguments::Free(text) => text,
                };
                let parsed = serde_json::from_str(arguments).unwrap_or(serde_json::Value::Null);
                let parsed = if parsed.is_null() {
                    serde_json::json!({})
                } else {
                    parsed
                };
                meaning.calls.push((call.name.clone().into_owned(), parsed));
            }
            Body::Audio(_) => meaning.spoken = true,
            Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
    }
    meaning.thinking.retain(|c| !c.is_whitespace());
    meaning.stop = choice.stop.as_ref().map(|stop| match stop.reason {
        StopReason::Sequence | StopReason::Pause => StopReason::End,
        StopReason::ContextFull | StopReason::MalformedCall | StopReason::Other => {
            StopReason::Length
        }
        StopReason::ContentFilter => StopReason::Refusal,
        reason if !meaning.calls.is_empty() && reason == StopReason::End => StopReason::ToolUse,
        reason => reason,
    });
    meaning
}

/// What a whole answer means, if it is one.
pub fn read(format: Format, body: &[u8]) -> Option<Meaning> {
    let mut document = Document::default();
    let root = document.read(body).ok()?;
    Some(meaning(&codec(format).read_reply(root, "seed").ok()?))
}
