//! A stream for a client, as the API's own: `message_start`, blocks, `message_delta`, `message_stop`.
//!
//! The start waits for the first part, so that it can tell what the input costs. A block of text or thinking waits for its
//! first piece: the API has no empty ones.

use super::answer::{Seen, write_stop, write_tier, write_usage};
use super::content_write::{is_sayable, on_one_line, write_answers_citation};
use super::fault;
use super::reply_write::{AUDIO_TOKENS, LOGPROBS, OTHER_CHOICES, SIGNATURE, misplaced};
use crate::ir::{
    Arguments, At, Body, Call, Citation, Delta, Event, Fault, Format, Part, Start, Stop, Thinking,
    Usage,
};
use crate::wire::EventWriter;
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::Writer;

pub(super) struct StreamWriter {
    telling: Telling,
    losses: Losses,
    start: Start<'static>,
    started: bool,
    usage: Usage,
    tier: Option<String>,
    /// The choice that is told.
    choice: Option<u32>,
    /// How many blocks have begun.
    blocks: u64,
    open: Open,
    /// Of a text that has said nothing yet.
    citations: Vec<Citation<'static>>,
    /// Something of the thinking that is open has been told, and the piece that comes next is apart from it.
    apart: Apart,
    seen: Seen,
    stop: Option<Stop<'static>>,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// Text that nothing was told of yet.
    NewText,
    Text,
    NewThinking,
    Thinking,
    Call,
    /// A call with free text, which goes into an object.
    FreeCall,
    /// Told whole when it began.
    Whole,
    /// What the API has no place for.
    Unsaid,
}

/// Between the pieces of thinking: which kind the last one was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apart {
    No,
    AfterSummary,
    AfterText,
    /// Another summary begins.
    Due,
}

impl StreamWriter {
    pub(super) fn new(telling: Telling) -> StreamWriter {
        StreamWriter {
            telling,
            losses: Losses::default(),
            start: Start::default(),
            started: false,
            usage: Usage::default(),
            tier: None,
            choice: None,
            blocks: 0,
            open: Open::Nothing,
            citations: Vec::new(),
            apart: Apart::No,
            seen: Seen::default(),
            stop: None,
            ended: false,
        }
    }
}

impl EventWriter for StreamWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start = start.into_owned(),
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Tier(tier) => {
                // What every answer is that says nothing of it.
                let usual = matches!(&*tier, "standard" | "default");
                if self.started && !usual && self.tier.as_deref() != Some(&tier) {
                    self.losses.add(At::NOWHERE, "service tier");
                }
                self.tier = Some(tier.into_owned());
            }
            Event::Open { choice, part } if self.is_told(choice) => self.open(&part, out),
            Event::Delta { choice, delta } if self.is_told(choice) => self.delta(delta, out),
            Event::Close { choice } if self.is_told(choice) => self.close(out),
            Event::Stop { choice, stop } if self.is_told(choice) => {
                self.stop = Some(stop.into_owned());
            }
            Event::Open { .. } | Event::Delta { .. } | Event::Close { .. } | Event::Stop { .. } => {
            }
            Event::End => self.end(out),
        }
    }

    fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if !self.ended {
            self.ended = true;
            fault::write_event(fault, out);
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

/// Begins an event of that name; its data has its type already.
fn event(name: &'static str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: {\"type\":\"");
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

fn finish(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}\n\n");
}

impl StreamWriter {
    /// The API gives one answer: the first choice that is told.
    fn is_told(&mut self, choice: u32) -> bool {
        let told = *self.choice.get_or_insert(choice) == choice;
        if !told {
            self.losses.add(At::NOWHERE, OTHER_CHOICES);
        }
        told
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        event("message_start", out);
        out.extend_from_slice(b",\"message\":");
        let writer = &mut Writer::new(out);
        writer.open_object().key("model");
        writer.text(self.telling.model(&self.start.model));
        writer
            .key("id")
            .text(&self.telling.id("msg_", &self.start.id));
        writer
            .key("type")
            .text("message")
            .key("role")
            .text("assistant");
        writer.key("content").open_list().close_list();
        write_stop(None, Seen::default(), &mut self.losses, writer);
        writer.key("usage").open_object();
        write_usage(&self.usage, writer);
        write_tier(self.tier.as_deref(), &mut self.losses, writer);
        writer.close_object().close_object();
        finish(out);
    }

    fn open(&mut self, part: &Part<'_>, out: &mut Vec<u8>) {
        self.start(out);
        self.apart = Apart::No;
        if part.seal.is_some() {
            self.losses.add(At::NOWHERE, SIGNATURE);
        }
        if let Some(what) = misplaced(part) {
            self.losses.add(At::NOWHERE, what);
            self.open = Open::Unsaid;
        }
        match &part.body {
            Body::Text(_) => self.open = Open::NewText,
            // Of speech the words are told.
            Body::Audio(media) => {
                self.open = Open::NewText;
                self.text(media.transcript.as_deref().unwrap_or_default(), out);
            }
            Body::Refusal(_) => {
                self.seen.refusal = true;
                self.open = Open::NewText;
            }
            Body::Thinking(thinking) if thinking.redacted => self.redacted(thinking, out),
            Body::Thinking(_) => self.open = Open::NewThinking,
            Body::Call(call) => self.call(call, out),
            Body::Foreign(foreign) if foreign.format == Format::Anthropic => {
                self.block(out, |writer| {
                    writer.raw(&on_one_line(&foreign.json));
                });
                self.open = Open::Whole;
            }
            Body::Foreign(_)
            | Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_) => {}
        }
    }

    /// Begins a block.
    fn block(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        event("content_block_start", out);
        self.index(self.blocks, out);
        self.blocks += 1;
        out.extend_from_slice(b",\"content_block\":");
        write(&mut Writer::new(out));
        finish(out);
    }

    fn index(&self, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"index\":");
        Writer::new(out).number(index);
    }

    fn redacted(&mut self, thinking: &Thinking<'_>, out: &mut Vec<u8>) {
        let Some(seal) = &thinking.seal else {
            self.open = Open::Unsaid;
            return;
        };
        self.block(out, |writer| {
            writer.open_object().key("type").text("redacted_thinking");
            writer.key("data").text(&seal.value).close_object();
        });
        self.open = Open::Whole;
    }

    fn call(&mut self, call: &Call<'_>, out: &mut Vec<u8>) {
        self.seen.call = true;
        self.block(out, |writer| {
            writer.open_object().key("type").text("tool_use");
            writer.key("id").text(&call.id).key("name").text(&call.name);
            writer.key("input").raw("{}").close_object();
        });
        match call.arguments {
            Arguments::Json(_) => self.open = Open::Call,
            Arguments::Free(_) => {
                self.open = Open::FreeCall;
                self.piece(out, |writer| {
                    writer.key("type").text("input_json_delta");
                    writer.key("partial_json").text("{\"input\":\"");
                });
            }
        }
    }

    /// Writes a piece of the block that is open: the inside of `delta`.
    fn piece(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        event("content_block_delta", out);
        self.index(self.blocks.saturating_sub(1), out);
        out.extend_from_slice(b",\"delta\":");
        let mut writer = Writer::new(out);
        writer.open_object();
        write(&mut writer);
        writer.close_object();
        finish(out);
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if self.open == Open::Unsaid {
            return;
        }
        match delta {
            Delta::Text(text) | Delta::Refusal(text) | Delta::Transcript(text) => {
                self.text(&text, out);
            }
            Delta::Thinking(text) => self.thinking(&text, Apart::AfterText, out),
            Delta::Summary(text) => self.thinking(&text, Apart::AfterSummary, out),
            // The blank line comes with the first words of the next one.
            Delta::NextSummary if self.apart != Apart::No => self.apart = Apart::Due,
            Delta::NextSummary => {}
            Delta::Seal(seal) => self.seal(&seal, out),
            Delta::Arguments(piece) => self.arguments(&piece, out),
            Delta::Citation(citation) => self.citation(&citation, out),
            Delta::Logprobs(_) => self.losses.add(At::NOWHERE, LOGPROBS),
            Delta::Audio(_) => {}
        }
    }

    fn begin_text(&mut self, out: &mut Vec<u8>) {
        if self.open == Open::NewText {
            self.open = Open::Text;
            self.block(out, |writer| {
                writer.raw(r#"{"type":"text","text":""}"#);
            });
            for citation in std::mem::take(&mut self.citations) {
                self.citation(&citation, out);
            }
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.begin_text(out);
        self.piece(out, |writer| {
            writer.key("type").text("text_delta").key("text").text(text);
        });
    }

    fn begin_thinking(&mut self, out: &mut Vec<u8>) {
        if self.open == Open::NewThinking {
            self.open = Open::Thinking;
            self.block(out, |writer| {
                writer.raw(r#"{"type":"thinking","thinking":"","signature":""}"#);
            });
        }
    }

    /// Summaries and words are one text here, a blank line between each two.
    fn thinking(&mut self, text: &str, kind: Apart, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.begin_thinking(out);
        let between = match self.apart {
            Apart::No => "",
            last if last == kind => "",
            Apart::AfterSummary | Apart::AfterText | Apart::Due => "\n\n",
        };
        self.apart = kind;
        self.piece(out, |writer| {
            writer.key("type").text("thinking_delta");
            writer.key("thinking").text_of(&[between, text]);
        });
    }

    fn seal(&mut self, seal: &str, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::NewThinking | Open::Thinking) {
            self.losses.add(At::NOWHERE, SIGNATURE);
            return;
        }
        self.begin_thinking(out);
        self.piece(out, |writer| {
            writer.key("type").text("signature_delta");
            writer.key("signature").text(seal);
        });
    }

    fn arguments(&mut self, piece: &str, out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        let is_free = self.open == Open::FreeCall;
        self.piece(out, |writer| {
            writer.key("type").text("input_json_delta");
            writer.key("partial_json");
            if is_free {
                // The inside of a string within the object, which itself is told as a string.
                let mut quoted = Vec::with_capacity(piece.len() + 2);
                Writer::new(&mut quoted).text(piece);
                let inside = quoted.get(1..quoted.len().saturating_sub(1));
                writer.text(&String::from_utf8_lossy(inside.unwrap_or_default()));
            } else {
                writer.text(piece);
            }
        });
    }

    fn citation(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        if !is_sayable(citation) {
            self.losses.add(At::NOWHERE, "citation");
            return;
        }
        if self.open == Open::NewText {
            return self.citations.push(citation.clone().into_owned());
        }
        let mut losses = std::mem::take(&mut self.losses);
        self.piece(out, |writer| {
            writer.key("type").text("citations_delta").key("citation");
            write_answers_citation(citation, &mut losses, writer);
        });
        self.losses = losses;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let open = std::mem::replace(&mut self.open, Open::Nothing);
        if open == Open::FreeCall {
            self.piece(out, |writer| {
                writer.key("type").text("input_json_delta");
                writer.key("partial_json").text("\"}");
            });
        }
        for _of_nothing in self.citations.drain(..) {
            self.losses.add(At::NOWHERE, "citation");
        }
        match open {
            Open::Nothing | Open::NewText | Open::NewThinking | Open::Unsaid => {}
            Open::Text | Open::Thinking | Open::Call | Open::FreeCall | Open::Whole => {
                event("content_block_stop", out);
                self.index(self.blocks.saturating_sub(1), out);
                finish(out);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        self.start(out);
        self.close(out);
        if self.usage.audio().is_some_and(|tokens| tokens > 0) {
            self.losses.add(At::NOWHERE, AUDIO_TOKENS);
        }
        event("message_delta", out);
        out.extend_from_slice(b",\"delta\":");
        let writer = &mut Writer::new(out);
        writer.open_object();
        write_stop(self.stop.as_ref(), self.seen, &mut self.losses, writer);
        writer.close_object();
        out.extend_from_slice(b",\"usage\":");
        let writer = &mut Writer::new(out);
        writer.open_object();
        write_usage(&self.usage, writer);
        writer.close_object();
        finish(out);
        event("message_stop", out);
        finish(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{FaultKind, Text};

    #[test]
    fn after_an_error_nothing_follows() {
        let mut writer = StreamWriter::new(Telling::default());
        let mut out = Vec::new();
        let part = Part::new(At::NOWHERE, Body::Text(Text::default()));
        writer.write(Event::Open { choice: 0, part }, &mut out);
        out.clear();
        let fault = Fault::new(FaultKind::Overloaded, 529, "Overloaded");
        writer.write_fault(&fault, &mut out);
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
        assert_eq!(String::from_utf8_lossy(&out), error);
        writer.write(Event::End, &mut out);
        writer.write_fault(&fault, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), error);
    }
}
