use std::borrow::Cow;

use crate::ir::{Arguments, At, Body, Delta, Event, Fault, Part, Said, Source, Start, Str, Usage};
use crate::wire::EventWriter;
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::{self, Document};

use super::answer_write::{self, Ending, Written};
use super::{fault, parts_write, stop, usage};

/// Writes a stream: each event is a `GenerateContentResponse`. Texts and thoughts go out as they come, everything else whole
/// at its close, since Gemini knows no half calls; the reasons to have ended, the sources and the usage are in the last.
pub(super) struct Writer {
    telling: Telling,
    losses: Losses,
    /// What stands behind the candidates in every object.
    tail: Vec<u8>,
    start: Start<'static>,
    choices: Vec<Choice>,
    usage: Usage,
    tier: Option<String>,
    document: Document,
    /// An object has been written.
    has_begun: bool,
    has_ended: bool,
    /// Where in what is written the last object began.
    began_at: usize,
}

struct Choice {
    index: u32,
    /// How many parts there are already.
    parts: usize,
    open: Option<Open>,
    ending: Ending<'static>,
}

/// A part that is being told.
struct Open {
    part: Part<'static>,
    /// Some of it has gone out.
    is_told: bool,
    /// What comes next of a thought begins anew: another summary, or the thought itself behind summaries of it.
    is_next: bool,
    in_summary: bool,
}

impl Writer {
    pub(super) fn new(telling: Telling) -> Writer {
        Writer {
            telling,
            losses: Losses::default(),
            tail: Vec::new(),
            start: Start::default(),
            choices: Vec::new(),
            usage: Usage::default(),
            tier: None,
            document: Document::default(),
            has_begun: false,
            has_ended: false,
            began_at: 0,
        }
    }

    /// Goes on in a stream that has said something.
    pub(super) fn land(&mut self) {
        self.has_begun = true;
        if let Some(choice) = self.choice(0) {
            choice.parts = 1;
        }
    }

    fn choice(&mut self, index: u32) -> Option<&mut Choice> {
        let at = self.choices.partition_point(|choice| choice.index < index);
        if self
            .choices
            .get(at)
            .is_none_or(|choice| choice.index != index)
        {
            let choice = Choice {
                index,
                parts: 0,
                open: None,
                ending: Ending::default(),
            };
            self.choices.insert(at, choice);
        }
        self.choices.get_mut(at)
    }

    /// What precedes an object.
    fn before(&mut self, out: &mut Vec<u8>) {
        self.began_at = out.len();
        let before: &[u8] = match (self.telling.array, self.has_begun) {
            (true, false) => b"[",
            (true, true) => b",\r\n",
            (false, _) => b"data: ",
        };
        out.extend_from_slice(before);
        if self.tail.is_empty() {
            let mut object = Vec::new();
            let mut writer = json::Writer::new(&mut object);
            writer.open_object();
            answer_write::write_start(&mut writer, &self.start, &self.telling);
            // Without the brace.
            self.tail.push(b',');
            self.tail.extend(object.into_iter().skip(1));
        }
        self.has_begun = true;
    }

    fn after(&self, out: &mut Vec<u8>) {
        json::escape_separators(out, self.began_at);
        let after: &[u8] = if self.telling.array {
            b"\r\n"
        } else {
            b"}\r\n\r\n"
        };
        if self.telling.array {
            out.push(b'}');
        }
        out.extend_from_slice(after);
    }

    /// Writes an object with one part of a choice.
    fn chunk(&mut self, index: u32, out: &mut Vec<u8>, part: impl FnOnce(&mut json::Writer<'_>)) {
        self.before(out);
        out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[");
        part(&mut json::Writer::new(out));
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":");
        out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
        self.after(out);
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index) else {
            return;
        };
        if let Delta::Logprobs(tokens) = delta {
            let tokens = tokens.into_iter().map(crate::ir::Json::into_owned);
            choice.ending.logprobs.extend(tokens);
            return;
        }
        let Some(open) = &mut choice.open else {
            return;
        };
        match (&mut open.part.body, delta) {
            (Body::Text(text), Delta::Text(more)) => {
                text.text.to_mut().push_str(&more);
                self.text(index, &more, out);
            }
            (Body::Text(text), Delta::Citation(citation)) => {
                text.citations.push(citation.into_owned());
            }
            (Body::Refusal(_), Delta::Refusal(more)) => self.text(index, &more, out),
            (Body::Thinking(_), Delta::Thinking(more)) => {
                open.is_next |= std::mem::take(&mut open.in_summary);
                self.thought(index, &more, out);
            }
            (Body::Thinking(_), Delta::NextSummary) => {
                open.is_next = true;
                open.in_summary = true;
            }
            (Body::Thinking(_), Delta::Summary(more)) => {
                open.is_next |= !std::mem::replace(&mut open.in_summary, true);
                self.thought(index, &more, out);
            }
            (Body::Thinking(thinking), Delta::Seal(seal)) => {
                thinking.seal = Some(said(seal));
            }
            (_, Delta::Seal(seal)) => open.part.seal = Some(said(seal)),
            (Body::Call(call), Delta::Arguments(more)) => match &mut call.arguments {
                Arguments::Json(text) | Arguments::Free(text) => text.to_mut().push_str(&more),
            },
            (Body::Audio(media), Delta::Audio(more)) => {
                if let Source::Inline { base64, .. } = &mut media.source {
                    base64.to_mut().push_str(&more);
                }
            }
            (Body::Audio(media), Delta::Transcript(more)) => {
                let words = media.transcript.get_or_insert_with(Cow::default);
                words.to_mut().push_str(&more);
            }
            // A delta that does not fit its part breaks the law of `Event`.
            (
                Body::Text(_)
                | Body::Refusal(_)
                | Body::Image(_)
                | Body::Audio(_)
                | Body::Video(_)
                | Body::Document(_)
                | Body::Thinking(_)
                | Body::Call(_)
                | Body::Outcome(_)
                | Body::Foreign(_),
                _,
            ) => {}
        }
    }

    fn text(&mut self, index: u32, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if let Some(open) = self.choice(index).and_then(|choice| choice.open.as_mut()) {
            open.is_told = true;
        }
        self.chunk(index, out, |writer| parts_write::text(writer, text, None));
    }

    fn thought(&mut self, index: u32, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let mut before = "";
        if let Some(open) = self.choice(index).and_then(|choice| choice.open.as_mut()) {
            if std::mem::take(&mut open.is_next) && open.is_told {
                before = "\n\n";
            }
            open.is_told = true;
        }
        self.chunk(index, out, |writer| {
            writer.open_object().key("text").text_of(&[before, text]);
            writer.key("thought").bool(true).close_object();
        });
    }

    /// The part is complete: what has not gone out yet does.
    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index) else {
            return;
        };
        let Some(Open {
            mut part, is_told, ..
        }) = choice.open.take()
        else {
            return;
        };
        match &mut part.body {
            Body::Text(text) => {
                let words = std::mem::take(&mut text.text).into_owned();
                if !text.citations.is_empty() {
                    let citations = std::mem::take(&mut text.citations);
                    choice.ending.cited.push((choice.parts, words, citations));
                }
            }
            Body::Refusal(_) => choice.ending.held.refusal = true,
            Body::Thinking(_)
            | Body::Audio(_)
            | Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
        let written = self.rest(index, &part, out);
        if let Some(choice) = self.choice(index) {
            choice.parts += usize::from(is_told || written == Written::Yes);
            choice.ending.held.cut |= written == Written::Cut;
        }
    }

    /// Writes what is left of a part that has come in pieces, a signature mostly, or a part that goes out whole.
    fn rest(&mut self, index: u32, part: &Part<'_>, out: &mut Vec<u8>) -> Written {
        if matches!(part.body, Body::Refusal(_)) && part.seal.is_none() {
            return Written::Nothing;
        }
        let mut written = Vec::new();
        let mut writer = json::Writer::new(&mut written);
        let document = &mut self.document;
        let became = answer_write::part(&mut writer, part, &mut self.losses, document);
        if became != Written::Yes {
            return became;
        }
        self.chunk(index, out, |writer| {
            writer.raw(std::str::from_utf8(&written).unwrap_or_default());
        });
        Written::Yes
    }

    /// The last object.
    fn end(&mut self, out: &mut Vec<u8>) {
        self.before(out);
        let mut writer = json::Writer::new(out);
        writer.open_object();
        let block = match self.choices.as_slice() {
            [only] if only.parts == 0 => only.ending.stop.as_ref().and_then(stop::block),
            _ => None,
        };
        match block {
            Some(block) => answer_write::write_block(&mut writer, block),
            None => write_endings(&mut writer, &self.choices, &mut self.losses),
        }
        let tier = self.tier.as_deref();
        usage::write(&mut writer, &self.usage, tier);
        out.extend_from_slice(&self.tail);
        self.after(out);
        if self.telling.array {
            out.push(b']');
        }
        self.has_ended = true;
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        match event {
            Event::Start(start) => {
                self.start = start.into_owned();
                self.tail.clear();
            }
            Event::Open { choice, part } => {
                if let Some(choice) = self.choice(choice) {
                    choice.open = Some(Open {
                        part: part.into_owned(),
                        is_told: false,
                        is_next: false,
                        in_summary: false,
                    });
                }
            }
            Event::Delta { choice, delta } => self.delta(choice, delta, out),
            Event::Close { choice } => self.close(choice, out),
            Event::Stop { choice, stop } => {
                if let Some(choice) = self.choice(choice) {
                    choice.ending.stop = Some(stop.into_owned());
                }
            }
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Tier(tier) => self.tier = Some(tier.into_owned()),
            Event::End => self.end(out),
        }
    }

    fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        if !self.telling.array {
            fault::write_event(fault, out);
            return;
        }
        out.extend_from_slice(if self.has_begun { b",\r\n" } else { b"[" });
        fault::write(fault, out);
        out.extend_from_slice(b"\r\n]");
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

fn said(seal: Str<'_>) -> Said<Str<'static>> {
    Said::new(At::NOWHERE, Cow::Owned(seal.into_owned()))
}

fn write_endings(writer: &mut json::Writer<'_>, choices: &[Choice], losses: &mut Losses) {
    writer.key("candidates").open_list();
    for choice in choices {
        // An empty text, as the API itself ends its streams: some clients look for parts in every object.
        writer.open_object().key("content").open_object();
        writer.key("parts").open_list();
        parts_write::text(writer, "", None);
        writer.close_list().key("role").text("model").close_object();
        choice.ending.write(writer, losses);
        let index = u64::from(choice.index);
        writer.key("index").number(index).close_object();
    }
    writer.close_list();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{
        Collector, FaultKind, Foreign, Format, Json, Reply, Stop, StopReason, Thinking, replay,
    };
    use crate::wire::gemini::reply_write::tests::{
        answer, call, owned, part, placeless, sealed, text,
    };
    use crate::wire::gemini::{reply_read, reply_write, stream_read};
    use crate::wire::{EventReader as _, Unheard};

    fn streamed(reply: Reply<'_>, telling: Telling) -> (String, Vec<&'static str>) {
        let (mut writer, mut out) = (Writer::new(telling), Vec::new());
        replay(reply, &mut |event| writer.write(event, &mut out));
        let losses = writer.losses().iter().map(|loss| loss.what).collect();
        (String::from_utf8(out).unwrap(), losses)
    }

    fn heard(stream: &str) -> Reply<'static> {
        let mut reader = stream_read::Reader::new("seed");
        let mut collector = Collector::default();
        let mut tell = |event: Event<'_>| collector.push(event);
        for event in stream.split_terminator("\r\n\r\n") {
            let data = event.strip_prefix("data: ").unwrap();
            reader.read(None, data.as_bytes(), &mut tell).unwrap();
        }
        reader.finish(&mut tell);
        assert!(collector.has_ended());
        collector.finish()
    }

    #[test]
    fn a_stream_and_a_whole_reply_say_the_same() {
        let (stream, losses) = streamed(answer(), Telling::default());
        assert!(losses.is_empty());
        assert_eq!(placeless(heard(&stream)), answer());
    }

    #[test]
    fn a_stream_is_written_as_the_api_writes_it() {
        let mut reply = answer();
        reply.choices.truncate(1);
        reply.start.created = None;
        reply.tier = None;
        reply.choices[0].logprobs.clear();
        reply.choices[0].parts = vec![part(text("Hi")), sealed(call("a", ""))];
        let (stream, _) = streamed(reply, Telling::default());
        let expected = concat!(
            r#"data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"r"}"#,
            "\r\n\r\n",
            r#"data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"a","name":"f","args":{}},"thoughtSignature":"c2Vh"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"r"}"#,
            "\r\n\r\n",
            r#"data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":14,"candidatesTokenCount":5,"thoughtsTokenCount":6,"cachedContentTokenCount":4,"totalTokenCount":25},"modelVersion":"m","responseId":"r"}"#,
            "\r\n\r\n",
        );
        assert_eq!(stream, expected);
    }

    #[test]
    fn without_sse_a_stream_is_one_array() {
        let telling = || Telling {
            array: true,
            ..Telling::default()
        };
        let (stream, _) = streamed(answer(), telling());
        let mut document = Document::default();
        let list = document.read(stream.as_bytes()).unwrap();
        let whole = reply_read::read(list, "seed").unwrap();
        assert_eq!(placeless(owned(whole)), answer());
        let fault = Fault::new(FaultKind::Overloaded, 503, "m");
        let mut out = Vec::new();
        Writer::new(telling()).write_fault(&fault, &mut out);
        assert!(Document::default().read(&out).is_ok());
    }

    #[test]
    fn after_a_fault_nothing_follows() {
        let (mut writer, mut out) = (Writer::new(Telling::default()), Vec::new());
        let fault = Fault::new(FaultKind::Overloaded, 503, "m");
        writer.write(Event::Start(Start::default()), &mut out);
        writer.write_fault(&fault, &mut out);
        let data = out.strip_prefix(b"data: ").unwrap().trim_ascii_end();
        let read = stream_read::Reader::new("").read(None, data, &mut |_| {});
        assert!(matches!(read, Err(Unheard::Fault(_))));
        let length = out.len();
        writer.write(Event::End, &mut out);
        writer.write_fault(&fault, &mut out);
        assert_eq!(out.len(), length);
    }

    #[test]
    fn summaries_are_thoughts_with_a_line_between_them() {
        let thinking = Thinking {
            summaries: vec!["a".into(), "b".into()],
            text: "c".into(),
            ..Thinking::default()
        };
        let mut reply = answer();
        reply.choices.truncate(1);
        reply.choices[0].parts = vec![part(Body::Thinking(thinking))];
        let (stream, _) = streamed(reply.clone(), Telling::default());
        let from_stream = placeless(heard(&stream));
        let mut out = Vec::new();
        let telling = Telling::default();
        reply_write::write(&reply, &telling, &mut out, &mut Losses::default());
        let mut document = Document::default();
        let whole = reply_read::read(document.read(&out).unwrap(), "seed").unwrap();
        assert_eq!(placeless(owned(whole)), from_stream);
        match &from_stream.choices[0].parts[0].body {
            Body::Thinking(thinking) => assert_eq!(thinking.text, "a\n\nb\n\nc"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_are_text_that_the_reason_tells_from_answers() {
        let mut reply = answer();
        reply.choices.truncate(1);
        reply.choices[0].parts = vec![part(Body::Refusal("no".into()))];
        reply.choices[0].stop = Some(Stop {
            words: Some("why".into()),
            ..Stop::of(StopReason::End)
        });
        let (stream, _) = streamed(reply, Telling::default());
        let choice = heard(&stream).choices.remove(0);
        assert!(matches!(&choice.parts[0].body, Body::Text(text) if text.text == "no"));
        assert_eq!(choice.stop.unwrap().reason, StopReason::ContentFilter);
        assert!(stream.contains(r#""finishReason":"SAFETY","finishMessage":"why""#));
    }

    #[test]
    fn what_cannot_be_said_is_told() {
        let mut reply = answer();
        reply.choices.truncate(1);
        let foreign = Foreign {
            format: Format::Anthropic,
            kind: "server_tool_use".into(),
            json: Json::EMPTY_OBJECT,
        };
        reply.choices[0].parts = vec![part(Body::Foreign(foreign))];
        reply.choices[0].stop = Some(Stop {
            sequence: Some("X".into()),
            ..Stop::of(StopReason::Sequence)
        });
        let (_, losses) = streamed(reply, Telling::default());
        assert_eq!(
            losses,
            ["step of a server tool", "stop sequence that was met"]
        );
    }
}
