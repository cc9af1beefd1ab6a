//! Whole answers for clients.

use super::answer::{Seen, write_stop, write_tier, write_usage};
use super::content_write::{is_sayable, write_answers_citation, write_input, write_thinking};
use crate::ir::{At, Body, Format, Part, Reply, Text, Thinking};
use crate::wire::convert::arguments::CUT;
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::Writer;

pub(super) fn write(reply: &Reply<'_>, telling: &Telling, out: &mut Vec<u8>, losses: &mut Losses) {
    let out = &mut Writer::new(out);
    let start = &reply.start;
    out.open_object()
        .key("model")
        .text(telling.model(&start.model));
    out.key("id").text(&telling.id("msg_", &start.id));
    out.key("type")
        .text("message")
        .key("role")
        .text("assistant");
    out.key("content").open_list();
    let mut seen = Seen::default();
    let choice = reply.choices.first();
    for part in choice.into_iter().flat_map(|choice| &choice.parts) {
        write_part(part, &mut seen, losses, out);
    }
    out.close_list();
    let stop = choice.and_then(|choice| choice.stop.as_ref());
    write_stop(stop, seen, losses, out);
    out.key("usage").open_object();
    write_usage(&reply.usage, out);
    write_tier(reply.tier.as_deref(), losses, out);
    out.close_object().close_object();
    if reply.choices.len() > 1 {
        losses.add(At::NOWHERE, OTHER_CHOICES);
    }
    if choice.is_some_and(|choice| !choice.logprobs.is_empty()) {
        losses.add(At::NOWHERE, LOGPROBS);
    }
    if reply.usage.audio().is_some_and(|tokens| tokens > 0) {
        losses.add(At::NOWHERE, AUDIO_TOKENS);
    }
}

pub(super) const OTHER_CHOICES: &str = "choices but the first";
pub(super) const LOGPROBS: &str = "logprobs";
pub(super) const AUDIO_TOKENS: &str = "tokens of audio";
pub(super) const SIGNATURE: &str = "signature of what is no thinking";

/// What the API's answers have no place for; `None`: it has one.
pub(super) fn misplaced(part: &Part<'_>) -> Option<&'static str> {
    match &part.body {
        Body::Text(_) | Body::Refusal(_) | Body::Thinking(_) | Body::Call(_) => None,
        Body::Image(_) => Some("image of the answer"),
        Body::Audio(_) => Some("audio of the answer"),
        Body::Video(_) => Some("video of the answer"),
        Body::Document(_) => Some("document of the answer"),
        Body::Outcome(_) => Some("outcome of a call in the answer"),
        Body::Foreign(foreign) => match foreign.format {
            Format::Anthropic => None,
            Format::OpenaiChat | Format::OpenaiResponses | Format::Gemini => {
                Some("part that only another format knows")
            }
        },
    }
}

/// Thinking of which nothing is known is not shown.
pub(super) fn is_hollow(thinking: &Thinking<'_>) -> bool {
    thinking.text.is_empty() && thinking.summaries.is_empty() && thinking.seal.is_none()
}

fn lose_citations(text: &Text<'_>, losses: &mut Losses) {
    for _too_late in &text.citations {
        losses.add(At::NOWHERE, "citation");
    }
}

fn cite(text: &Text<'_>, losses: &mut Losses, out: &mut Writer<'_>) {
    let mut is_open = false;
    for citation in &text.citations {
        if !is_sayable(citation) {
            losses.add(At::NOWHERE, "citation");
            continue;
        }
        if !std::mem::replace(&mut is_open, true) {
            out.key("citations").open_list();
        }
        write_answers_citation(citation, losses, out);
    }
    if is_open {
        out.close_list();
    }
}

fn write_words(words: &str, out: &mut Writer<'_>) {
    if !words.is_empty() {
        out.open_object().key("type").text("text");
        out.key("text").text(words).close_object();
    }
}

fn write_part(part: &Part<'_>, seen: &mut Seen, losses: &mut Losses, out: &mut Writer<'_>) {
    if let Some(what) = misplaced(part) {
        losses.add(At::NOWHERE, what);
    }
    match &part.body {
        // Sent back to it, an empty text is refused by the API.
        Body::Text(text) if text.text.is_empty() => {
            lose_citations(text, losses);
        }
        Body::Text(text) => {
            out.open_object().key("type").text("text");
            out.key("text").text(&text.text);
            cite(text, losses, out);
            out.close_object();
        }
        Body::Refusal(text) => {
            seen.refusal = true;
            write_words(text, out);
        }
        // Of speech the words are told.
        Body::Audio(media) => write_words(media.transcript.as_deref().unwrap_or_default(), out),
        Body::Thinking(thinking) if is_hollow(thinking) => {}
        Body::Thinking(thinking) => write_thinking(thinking, out),
        Body::Call(call) => {
            seen.call = true;
            out.open_object().key("type").text("tool_use");
            out.key("id").text(&call.id).key("name").text(&call.name);
            out.key("input");
            // A stream passes the pieces as they came, which clients do not make an object of either.
            if !write_input(&call.arguments, out) {
                losses.add(At::NOWHERE, CUT);
                out.raw("{}");
            }
            out.close_object();
        }
        Body::Foreign(foreign) if foreign.format == Format::Anthropic => {
            out.json(&foreign.json);
        }
        Body::Foreign(_)
        | Body::Image(_)
        | Body::Video(_)
        | Body::Document(_)
        | Body::Outcome(_) => {}
    }
    if part.seal.is_some() {
        losses.add(At::NOWHERE, SIGNATURE);
    }
}
