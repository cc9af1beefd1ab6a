//! Whole answers for clients, and what streams share with them.

use crate::ir::{
    Arguments, At, Body, Call, Choice, Citation, Media, Part, Reply, Source, Stop, StopReason,
    Thinking,
};
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::Writer;

use super::usage::{self, Audio};

/// What stands between two pieces of reasoning that become one text.
pub(super) const BREAK: &str = "\n\n";

pub(super) fn write(reply: &Reply<'_>, telling: &Telling, out: &mut Vec<u8>, losses: &mut Losses) {
    let writer = &mut Writer::new(out);
    let created = reply.start.created.unwrap_or(telling.now);
    let id = telling.id("chatcmpl-", &reply.start.id);
    writer.open_object().key("id").text(&id);
    writer.key("object").text("chat.completion");
    writer.key("created").number(created);
    let model = telling.model(&reply.start.model);
    writer.key("model").text(model);
    if let Some(tier) = reply
        .tier
        .as_deref()
        .and_then(|tier| tier_for(tier, losses))
    {
        writer.key("service_tier").text(tier);
    }
    let mut audio = Audio::Input;
    writer.key("choices").open_list();
    for choice in &reply.choices {
        let mut message = Message::of(choice, losses);
        if message.audio.is_some() {
            audio = Audio::Output;
        }
        message.write(choice, &Ids { telling, created }, writer, losses);
    }
    writer.close_list();
    if reply.usage.is_known() {
        usage::write(&reply.usage, audio, writer.key("usage"));
    }
    writer.close_object();
}

/// What ids and times are made from.
pub(super) struct Ids<'t> {
    pub(super) telling: &'t Telling,
    pub(super) created: u64,
}

impl Ids<'_> {
    /// The id of a call that has none.
    pub(super) fn call(&self, index: u32, number: usize) -> String {
        format!("call_{}_{index}_{number}", self.telling.seed)
    }

    pub(super) fn write_audio_head(&self, media: &Media<'_>, writer: &mut Writer<'_>) {
        match &media.id {
            Some(id) => writer.key("id").text(id),
            None => writer.key("id").text_of(&["audio_", &self.telling.seed]),
        };
        // Clients want a time until which the vendor keeps it. It does not: it can be heard, but not referred to.
        writer.key("expires_at").number(self.created);
    }
}

/// OpenAI's names of tiers. Of others there is nothing that a client of this format could make.
pub(super) fn tier_for<'t>(tier: &'t str, losses: &mut Losses) -> Option<&'t str> {
    match tier {
        "auto" | "default" | "flex" | "scale" | "priority" | "fast" => Some(tier),
        "standard" => Some("default"),
        _ => {
            losses.add(At::NOWHERE, "service tier");
            None
        }
    }
}

/// An answer by kinds, as Chat keeps them apart.
#[derive(Default)]
struct Message<'r, 'a> {
    text: Option<String>,
    refusal: Option<String>,
    reasoning: String,
    audio: Option<&'r Media<'a>>,
    calls: Vec<&'r Call<'a>>,
    /// With the characters of the text that they belong to.
    citations: Vec<(&'r Citation<'a>, (u64, u64))>,
}

impl<'r, 'a> Message<'r, 'a> {
    fn of(choice: &'r Choice<'a>, losses: &mut Losses) -> Message<'r, 'a> {
        let mut message = Message::default();
        for part in &choice.parts {
            message.add(part, losses);
        }
        message
    }

    fn add(&mut self, part: &'r Part<'a>, losses: &mut Losses) {
        match &part.body {
            Body::Text(text) => {
                let all = self.text.get_or_insert_default();
                let start = match text.citations.is_empty() {
                    true => 0,
                    false => characters(all),
                };
                all.push_str(&text.text);
                let end = start + characters(&text.text);
                let cited = text.citations.iter();
                self.citations.extend(
                    cited.map(|citation| (citation, citation.span.unwrap_or((start, end)))),
                );
            }
            Body::Refusal(text) => self.refusal.get_or_insert_default().push_str(text),
            Body::Thinking(thinking) => self.add_thinking(thinking),
            Body::Call(call) => self.calls.push(call),
            Body::Audio(media) if self.audio.is_none() => self.audio = Some(media),
            body @ (Body::Audio(_)
            | Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_)
            | Body::Foreign(_)) => losses.add(At::NOWHERE, lost(body)),
        }
    }

    fn add_thinking(&mut self, thinking: &Thinking<'_>) {
        let summaries = thinking.summaries.iter().map(|summary| &**summary);
        for words in summaries.chain([&*thinking.text]) {
            if words.is_empty() {
                continue;
            }
            if !self.reasoning.is_empty() {
                self.reasoning.push_str(BREAK);
            }
            self.reasoning.push_str(words);
        }
    }

    fn write(
        &mut self,
        choice: &Choice<'_>,
        ids: &Ids<'_>,
        writer: &mut Writer<'_>,
        losses: &mut Losses,
    ) {
        let said = Said {
            called: !self.calls.is_empty(),
            refused: self.refusal.is_some(),
        };
        let end = End::of(choice.stop.as_ref(), said, losses);
        if let Some(words) = end.refusal {
            self.refusal = Some(words.to_owned());
        }
        writer.open_object();
        writer.key("index").number(choice.index.into());
        writer.key("message").open_object();
        writer.key("role").text("assistant").key("content");
        let bare = self.refusal.is_some() || said.called || self.audio.is_some();
        match &self.text {
            Some(text) => writer.text(text),
            None if bare => writer.null(),
            None => writer.text(""),
        };
        match &self.refusal {
            Some(refusal) => writer.key("refusal").text(refusal),
            None => writer.key("refusal").null(),
        };
        if !self.reasoning.is_empty() {
            writer.key("reasoning_content").text(&self.reasoning);
        }
        write_annotations(&self.citations, writer, losses);
        if let Some(media) = self.audio {
            write_audio(media, ids, writer.key("audio"));
        }
        if !self.calls.is_empty() {
            writer.key("tool_calls").open_list();
            for (number, call) in self.calls.iter().enumerate() {
                let made = || ids.call(choice.index, number);
                write_call(call, made, writer);
            }
            writer.close_list();
        }
        writer.close_object();
        self.write_logprobs(choice, writer);
        writer.key("finish_reason").text(end.reason).close_object();
    }

    fn write_logprobs(&self, choice: &Choice<'_>, writer: &mut Writer<'_>) {
        writer.key("logprobs");
        if choice.logprobs.is_empty() {
            writer.null();
            return;
        }
        // They are the refusal's only where there is nothing else.
        let (of, other) = match self.text.is_none() && self.refusal.is_some() {
            true => ("refusal", "content"),
            false => ("content", "refusal"),
        };
        writer.open_object().key(of).open_list();
        for token in &choice.logprobs {
            writer.json(token);
        }
        writer.close_list().key(other).null().close_object();
    }
}

pub(super) fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

/// The name of what an answer of this format cannot hold.
pub(super) fn lost(body: &Body<'_>) -> &'static str {
    match body {
        Body::Image(_) => "an image in an answer",
        Body::Audio(_) => "a second audio in an answer",
        Body::Video(_) => "a video in an answer",
        Body::Document(_) => "a document in an answer",
        Body::Outcome(_) => "the outcome of a call in an answer",
        Body::Foreign(_) => "a part of another format",
        Body::Text(_) | Body::Refusal(_) | Body::Thinking(_) | Body::Call(_) => "a part",
    }
}

/// What the choice has said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) called: bool,
    pub(super) refused: bool,
}

/// How a choice ends.
pub(super) struct End<'s> {
    pub(super) reason: &'static str,
    /// Words of refusal that were told with the reason alone.
    pub(super) refusal: Option<&'s str>,
}

impl<'s> End<'s> {
    pub(super) fn of(stop: Option<&'s Stop<'_>>, said: Said, losses: &mut Losses) -> End<'s> {
        let Some(stop) = stop else {
            return End {
                reason: "stop",
                refusal: None,
            };
        };
        if stop.sequence.is_some() {
            losses.add(At::NOWHERE, "the stop sequence that was met");
        }
        let reason = match stop.reason {
            StopReason::End if said.called => "tool_calls",
            // What OpenAI's models refuse in words ends as any other answer.
            StopReason::Refusal if said.refused => "stop",
            StopReason::End | StopReason::Sequence => "stop",
            StopReason::Length | StopReason::ContextFull => "length",
            StopReason::ToolUse => "tool_calls",
            StopReason::Refusal | StopReason::ContentFilter => "content_filter",
            StopReason::Pause => {
                losses.add(At::NOWHERE, "that the vendor paused");
                "stop"
            }
            StopReason::MalformedCall => {
                losses.add(At::NOWHERE, "that a call was malformed");
                "stop"
            }
            StopReason::Other => "stop",
        };
        let mut end = End {
            reason,
            refusal: None,
        };
        let words = stop.words.as_deref().filter(|words| !words.is_empty());
        match words {
            Some(words) if stop.reason == StopReason::Refusal && !said.refused => {
                end.refusal = Some(words);
            }
            Some(_) => losses.add(At::NOWHERE, "the vendor's words about the end"),
            None => {}
        }
        end
    }
}

/// Writes the member `annotations`, unless there is no page to name.
pub(super) fn write_annotations(
    citations: &[(&Citation<'_>, (u64, u64))],
    writer: &mut Writer<'_>,
    losses: &mut Losses,
) {
    let mut open = false;
    for (citation, (start, end)) in citations {
        let Some(url) = citation.url.as_deref() else {
            losses.add(At::NOWHERE, "a citation of no page");
            continue;
        };
        if citation.quote.is_some() {
            losses.add(At::NOWHERE, "the quote of a citation");
        }
        if !std::mem::replace(&mut open, true) {
            writer.key("annotations").open_list();
        }
        writer.open_object().key("type").text("url_citation");
        let page = writer.key("url_citation").open_object();
        page.key("end_index").number(*end);
        page.key("start_index").number(*start);
        let title = citation.title.as_deref().unwrap_or(url);
        page.key("title").text(title).key("url").text(url);
        page.close_object().close_object();
    }
    if open {
        writer.close_list();
    }
}

fn write_audio(media: &Media<'_>, ids: &Ids<'_>, writer: &mut Writer<'_>) {
    writer.open_object();
    ids.write_audio_head(media, writer);
    writer.key("data").text(base64_of(media));
    let transcript = media.transcript.as_deref().unwrap_or_default();
    writer.key("transcript").text(transcript).close_object();
}

pub(super) fn base64_of<'m>(media: &'m Media<'_>) -> &'m str {
    match &media.source {
        Source::Inline { base64, .. } => base64,
        Source::Url { .. }
        | Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => "",
    }
}

fn write_call(call: &Call<'_>, made: impl Fn() -> String, writer: &mut Writer<'_>) {
    writer.open_object().key("id");
    match call.id.is_empty() {
        true => writer.text(&made()),
        false => writer.text(&call.id),
    };
    match &call.arguments {
        Arguments::Json(arguments) => {
            let function = writer.key("type").text("function").key("function");
            function.open_object().key("name").text(&call.name);
            let arguments = if arguments.is_empty() {
                "{}"
            } else {
                arguments
            };
            function.key("arguments").text(arguments);
        }
        Arguments::Free(input) => {
            let custom = writer.key("type").text("custom").key("custom");
            custom.open_object().key("name").text(&call.name);
            custom.key("input").text(input);
        }
    }
    writer.close_object().close_object();
}
