//! Requests on their way to every target.

use tidegate::ir::Format;
use tidegate::wire::Asked;

use super::distinct::keeps_keys_distinct;
use super::ground::{is_json, lowered, text_of};

/// What a request of a format says beside its body.
pub fn asked(from: Format, stream: bool) -> Asked<'static> {
    Asked {
        model: match from {
            Format::OpenaiChat | Format::OpenaiResponses | Format::Anthropic => "",
            Format::Gemini => "gemini-model",
        },
        stream,
        ..Asked::default()
    }
}

/// Whatever a client sends, it is refused, or becomes for every target a body that the target's own reader takes. Written
/// again and again it may find simpler forms (turns without content go, their neighbours are joined), but comes to rest.
pub fn holds(from: Format, asked: Asked<'_>, body: &[u8]) {
    for to in Format::ALL {
        let Ok(ready) = lowered(from, to, asked, body) else {
            continue;
        };
        let first = text_of(&ready.lowered);
        let is_object = first.starts_with('{') && is_json(first.as_bytes());
        assert!(is_object, "{from} -> {to}: {first}");
        assert!(
            keeps_keys_distinct(body, first.as_bytes()),
            "{from} -> {to}: {first}"
        );
        let mut text = first.clone();
        let is_at_rest = (0..8).any(|_| {
            let before = std::mem::take(&mut text);
            text = again(to, asked.stream, &before);
            text == before
        });
        assert!(is_at_rest, "{from} -> {to}: {first}\n{text}");
    }
}

fn again(format: Format, stream: bool, text: &str) -> String {
    match lowered(format, format, asked(format, stream), text.as_bytes()) {
        Ok(ready) => text_of(&ready.lowered),
        Err(why) => panic!("{format} does not take what was written for it: {why}: {text}"),
    }
}
