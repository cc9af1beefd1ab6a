//! A whole answer, and the `response` object that the events of a stream hold too.

use std::borrow::Cow;

use crate::ir::{
    Arguments, At, Body, Choice, Format, Json, Media, Reply, Start, Stop, StopReason, Thinking,
    Usage,
};
use crate::wire::convert::{Losses, Telling, input_total, output_total};
use crate::wire::json::Writer;

use super::annotation::without_place;
use super::echo;
use super::items::{self, Output, Shown};

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending<'e> {
    NotYet,
    Completed,
    /// With what the API gives as the reason, if it has a word for it.
    Incomplete(Option<&'static str>),
    Failed {
        code: &'e str,
        message: &'e str,
    },
}

impl Ending<'_> {
    pub(super) fn status(self) -> &'static str {
        match self {
            Ending::NotYet => "in_progress",
            Ending::Completed => "completed",
            Ending::Incomplete(_) => "incomplete",
            Ending::Failed { .. } => "failed",
        }
    }

    /// The status of a message that was open when the answer ended.
    pub(super) fn message_status(self) -> &'static str {
        match self {
            Ending::Completed | Ending::NotYet => "completed",
            Ending::Incomplete(_) | Ending::Failed { .. } => "incomplete",
        }
    }
}

/// How an answer ends. `refused`: it holds words of refusal.
pub(super) fn ending(
    stop: Option<&Stop<'_>>,
    refused: bool,
    losses: &mut Losses,
) -> Ending<'static> {
    let Some(stop) = stop else {
        return Ending::Completed;
    };
    if stop.sequence.is_some() {
        losses.add(At::NOWHERE, "which stop sequence was met");
    }
    match stop.reason {
        StopReason::End | StopReason::ToolUse | StopReason::Sequence => Ending::Completed,
        StopReason::Length | StopReason::ContextFull => {
            Ending::Incomplete(Some("max_output_tokens"))
        }
        StopReason::Refusal if refused => Ending::Completed,
        StopReason::Refusal | StopReason::ContentFilter => {
            Ending::Incomplete(Some("content_filter"))
        }
        // The answer is not over; the API has no word for why.
        StopReason::Pause | StopReason::MalformedCall | StopReason::Other => {
            losses.add(At::NOWHERE, "reason of the end");
            Ending::Incomplete(None)
        }
    }
}

/// Words of refusal that came beside the answer: they become a part of it, where it has none of its own.
pub(super) fn words_of<'s>(
    stop: &'s Stop<'_>,
    refused: bool,
    losses: &mut Losses,
) -> Option<&'s str> {
    let words = stop.words.as_deref()?;
    if stop.reason == StopReason::Refusal && !refused {
        return Some(words);
    }
    losses.add(At::NOWHERE, "words about the end");
    None
}

pub(super) fn write(reply: &Reply<'_>, telling: &Telling, out: &mut Vec<u8>, losses: &mut Losses) {
    let mut choices = reply.choices.iter();
    let first = choices.find(|choice| choice.index == 0);
    if reply.choices.iter().any(|choice| choice.index != 0) {
        losses.add(At::NOWHERE, FURTHER);
    }
    let mut whole = Whole {
        output: Output::default(),
        seed: &telling.seed,
        losses,
        refused: false,
    };
    let ending = match first {
        Some(choice) => whole.choice(choice),
        None => Ending::Completed,
    };
    let Whole { output, .. } = whole;
    let response = Response {
        telling,
        start: &reply.start,
        usage: reply.usage,
        tier: reply.tier.as_deref(),
    };
    response.write(ending, output.json(), &mut Writer::new(out), losses);
}

/// The API gives one answer.
pub(super) const FURTHER: &str = "further answers";

struct Whole<'w> {
    output: Output,
    seed: &'w str,
    losses: &'w mut Losses,
    refused: bool,
}

impl Whole<'_> {
    fn choice(&mut self, choice: &Choice<'_>) -> Ending<'static> {
        let mut logprobs = choice.logprobs.as_slice();
        for part in &choice.parts {
            if part.seal.is_some() {
                self.losses.add(At::NOWHERE, SEAL);
            }
            match &part.body {
                // A text without words is none; what it cites was said of others.
                Body::Text(text) if text.text.is_empty() && logprobs.is_empty() => {
                    for _too_late in &text.citations {
                        self.losses.add(At::NOWHERE, "citation");
                    }
                }
                Body::Text(text) => {
                    let citations: Vec<_> =
                        text.citations.iter().cloned().map(without_place).collect();
                    self.output.open_message(self.seed);
                    let losses = &mut *self.losses;
                    let write = |w: &mut Writer<'_>| {
                        items::write_text(&text.text, &citations, logprobs, w, losses);
                    };
                    self.output.add_part(write);
                    logprobs = &[];
                }
                Body::Refusal(words) => self.refuse(words),
                Body::Audio(media) => {
                    self.losses.add(At::NOWHERE, AUDIO);
                    self.output.open_message(self.seed);
                    let words = media.transcript.as_deref().unwrap_or_default();
                    let losses = &mut *self.losses;
                    let write = |w: &mut Writer<'_>| items::write_text(words, &[], &[], w, losses);
                    self.output.add_part(write);
                }
                Body::Thinking(_)
                | Body::Call(_)
                | Body::Image(_)
                | Body::Video(_)
                | Body::Document(_)
                | Body::Outcome(_)
                | Body::Foreign(_) => self.item(&part.body),
            }
        }
        if !logprobs.is_empty() {
            self.losses.add(At::NOWHERE, "log probabilities");
        }
        let stop = choice.stop.as_ref();
        let words = stop.and_then(|stop| words_of(stop, self.refused, self.losses));
        if let Some(words) = words {
            self.refuse(words);
        }
        let ending = ending(stop, self.refused, self.losses);
        self.output.close_message(ending.message_status());
        ending
    }

    fn refuse(&mut self, words: &str) {
        self.refused = true;
        self.output.open_message(self.seed);
        self.output.add_part(|w| items::write_refusal(words, w));
    }

    /// A part that is an item by itself.
    fn item(&mut self, body: &Body<'_>) {
        self.output.close_message("completed");
        match body {
            Body::Thinking(thinking) => self.thinking(thinking),
            Body::Call(call) => {
                let id = self.id(call.item.as_deref(), items::call_prefix(call));
                let text = items::arguments(call, text_of(&call.arguments));
                let status = items::call_status(call, text);
                let write = |w: &mut Writer<'_>| items::write_call(&id, status, call, text, w);
                self.output.add_item(write);
            }
            Body::Image(Media {
                origin: Some((Format::OpenaiResponses, json)),
                ..
            }) => self.own(json),
            Body::Image(media) => match items::image_of(media) {
                Some(image) => {
                    let id = self.id(None, "ig_");
                    let write = |w: &mut Writer<'_>| items::write_image(&id, Some(image), w);
                    self.output.add_item(write);
                }
                None => self.losses.add(At::NOWHERE, "image"),
            },
            Body::Foreign(foreign) if foreign.format == Format::OpenaiResponses => {
                self.own(&foreign.json);
            }
            Body::Foreign(_) => self.losses.add(At::NOWHERE, "piece of a server tool"),
            Body::Document(_) | Body::Video(_) | Body::Outcome(_) => {
                self.losses.add(At::NOWHERE, "medium");
            }
            // They are parts of messages.
            Body::Text(_) | Body::Refusal(_) | Body::Audio(_) => {}
        }
    }

    /// An item of this format, as it was.
    fn own(&mut self, json: &Json<'_>) {
        let json = items::one_line(&json.0);
        self.output.add_item(|w| {
            w.raw(&json);
        });
    }

    fn thinking(&mut self, thinking: &Thinking<'_>) {
        let id = self.id(thinking.id.as_deref(), "rs_");
        let as_summary = [Cow::Borrowed(&*thinking.text)];
        let mut shown = Shown {
            summaries: &thinking.summaries,
            text: &thinking.text,
            seal: thinking.seal.as_ref().map(|seal| &*seal.value),
        };
        // Clients show summaries: words that stand alone are told as one.
        if thinking.summaries.is_empty() && !thinking.text.is_empty() {
            shown.summaries = &as_summary;
            shown.text = "";
        }
        let write = |w: &mut Writer<'_>| items::write_reasoning(&id, &shown, w);
        self.output.add_item(write);
    }

    fn id(&self, known: Option<&str>, prefix: &str) -> String {
        match known.filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => self.output.id(prefix, self.seed),
        }
    }
}

/// State that the format has no place for.
pub(super) const SEAL: &str = "opaque state of a part";
pub(super) const AUDIO: &str = "audio";

fn text_of<'c>(arguments: &'c Arguments<'_>) -> &'c str {
    match arguments {
        Arguments::Json(text) | Arguments::Free(text) => text,
    }
}

/// What a `response` object says beside its items.
pub(super) struct Response<'r> {
    pub(super) telling: &'r Telling,
    pub(super) start: &'r Start<'r>,
    pub(super) usage: Usage,
    pub(super) tier: Option<&'r str>,
}

impl Response<'_> {
    /// `output`: what stands in the list.
    pub(super) fn write(
        &self,
        ending: Ending<'_>,
        output: &str,
        w: &mut Writer<'_>,
        losses: &mut Losses,
    ) {
        let start = self.start;
        w.open_object().key("id");
        w.text(&self.telling.id("resp_", &start.id));
        w.key("object").text("response").key("created_at");
        w.number(start.created.unwrap_or(self.telling.now));
        w.key("status").text(ending.status());
        w.key("error");
        match ending {
            Ending::Failed { code, message } => {
                w.open_object().key("code").text(code);
                w.key("message").text(message).close_object();
            }
            Ending::NotYet | Ending::Completed | Ending::Incomplete(_) => {
                w.null();
            }
        }
        w.key("incomplete_details");
        match ending {
            Ending::Incomplete(Some(reason)) => {
                w.open_object().key("reason").text(reason).close_object();
            }
            Ending::NotYet
            | Ending::Completed
            | Ending::Incomplete(None)
            | Ending::Failed { .. } => {
                w.null();
            }
        }
        w.key("model").text(self.telling.model(&start.model));
        w.key("output").open_list();
        if !output.is_empty() {
            w.raw(output);
        }
        w.close_list().key("usage");
        match ending {
            Ending::NotYet | Ending::Failed { .. } => {
                w.null();
            }
            Ending::Completed | Ending::Incomplete(_) => usage(&self.usage, w, losses),
        }
        w.key("service_tier").text(tier(self.tier, losses));
        match self.telling.echo.as_str() {
            "" => w.raw(echo::NOTHING_SAID),
            echo => w.raw(echo),
        };
        w.close_object();
    }
}

fn usage(usage: &Usage, w: &mut Writer<'_>, losses: &mut Losses) {
    if !usage.is_known() {
        w.null();
        return;
    }
    if usage.audio().is_some_and(|tokens| tokens > 0) {
        losses.add(At::NOWHERE, "audio tokens");
    }
    let input = input_total(usage).unwrap_or(0);
    let output = output_total(usage).unwrap_or(0);
    w.open_object().key("input_tokens").number(input);
    w.key("input_tokens_details").open_object();
    w.key("cached_tokens").number(usage.cache_read.unwrap_or(0));
    w.key("cache_write_tokens")
        .number(usage.cache_write.unwrap_or(0));
    w.close_object().key("output_tokens").number(output);
    w.key("output_tokens_details").open_object();
    w.key("reasoning_tokens")
        .number(usage.reasoning.unwrap_or(0));
    w.close_object().key("total_tokens");
    w.number(input.saturating_add(output)).close_object();
}

/// The tier in the API's words. Where nothing was said it is the usual one.
fn tier(said: Option<&str>, losses: &mut Losses) -> &'static str {
    const OWN: [&str; 7] = [
        "default",
        "auto",
        "flex",
        "scale",
        "priority",
        "fast",
        "ultrafast",
    ];
    let Some(said) = said else {
        return "default";
    };
    let own = OWN.into_iter().find(|name| *name == said);
    if own.is_none() && said != "standard" {
        losses.add(At::NOWHERE, "service tier");
    }
    own.unwrap_or("default")
}
