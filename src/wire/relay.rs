//! A stream that goes on in the format in which it came: the vendor's bytes by whole events, watched but not touched.
//!
//! What is left out: the usage chunk that only we asked for (its `usage: null` in the other chunks stays, as does usage in
//! a chunk that holds more), events that are no events of the format (broken JSON kills the clients' parsers; skipped and
//! counted), an incomplete event at a cut, and errors, which the caller tells in clean words. What is added: the end marker
//! that some vendors forget.
//!
//! The verdict on a stream is the same however its bytes were cut, and a stream is whole only if it says so: by its
//! terminal event, or by a finish reason for every choice and a clean end of the transport.

use bytes::Bytes;

use crate::ir::{Fault, Format, Usage};

use super::error::broken_answer;
use super::glance::Glance;
use super::sse::{self, Event, Framing, Lines};
use super::trail::Trail;
use super::{Choices, Codec, EventKind, Part, codec};

/// Whether the stream is an answer in a conversation, whose parts are known, or something else that the vendor streams
/// (speech, images, transcripts), of which any event is content and any clean end an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    Conversation,
    Other,
}

/// How the transport ended: at the end of the HTTP message, or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Clean,
    Cut,
}

/// How far the answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Nothing that a client could see: the attempt may still be given up for another. Also an answer that has finished
    /// empty, until its terminal event.
    Preamble,
    /// Text, reasoning, a tool call, a refusal or audio has come.
    Content,
    /// The terminal event has come: the answer is whole, whatever the transport says.
    Done,
}

const TOO_EARLY: &str = "the provider's stream ended before the answer was complete";

/// The stream machine of same-format traffic.
pub struct Relay {
    codec: &'static dyn Codec,
    kind: StreamKind,
    strip_usage: bool,
    framing: Framing,
    glance: Glance,
    progress: Progress,
    begun: Choices,
    finished: Choices,
    usage: Usage,
    model: Option<String>,
    malformed: u32,
    /// What became of the last event: a blank line behind it shares its fate.
    last: Fate,
    /// What went on last ends in half a line end, of a stream that has whole ones: its line feed is still to come.
    awaits_line_feed: bool,
    /// Events with a field in them, of whatever worth.
    events: u64,
    trail: Trail,
    /// An error was said, or the bytes could not be framed: nothing more goes on.
    failed: bool,
    said_error: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Drop,
}

impl Relay {
    /// `strip_usage`: the client did not ask for usage, so that the chunk which only holds it is not for it.
    pub fn new(format: Format, kind: StreamKind, strip_usage: bool) -> Relay {
        let codec = codec(format);
        Relay {
            codec,
            kind,
            strip_usage,
            framing: Framing::default(),
            glance: Glance::new(codec.rules()),
            progress: Progress::Preamble,
            begun: Choices::default(),
            finished: Choices::default(),
            usage: Usage::default(),
            model: None,
            malformed: 0,
            last: Fate::Keep,
            awaits_line_feed: false,
            events: 0,
            trail: Trail::of(codec),
            failed: false,
            said_error: false,
        }
    }

    /// Takes what came from the vendor and appends to `out` what goes to the client: the whole events that it completes.
    ///
    /// `Err` when the stream says an error, or what can only be one: an event beyond [`sse::MAX_EVENT`], an end marker
    /// without a finish reason. The events before it are in `out`; it and what follows are not, now or later. The caller
    /// asks elsewhere, or tells the client ([`Codec::write_fault_event`]).
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if self.failed {
            return Ok(());
        }
        let runs = self.framing.push(chunk).map_err(|sse::TooLarge| {
            self.failed = true;
            broken_answer("the provider sent an event that is too large")
        })?;
        for run in runs {
            self.pass(run, out)?;
        }
        Ok(())
    }

    /// The transport has ended. `Ok` if the answer is whole; missing pieces of its end are appended to `out`.
    ///
    /// `Err` if it is not: the caller must not let the client see a clean end. The fault is the vendor's own where its last
    /// words were an error without framing, else that the stream ended too early.
    pub fn finish(&mut self, end: End, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.awaits_line_feed = false;
        let tail = self.framing.finish();
        if !tail.is_empty() && !self.failed && self.progress < Progress::Done {
            self.pass_tail(&tail, end, out)?;
        }
        if self.progress == Progress::Done {
            return Ok(());
        }
        let is_whole = match self.kind {
            StreamKind::Conversation => {
                !self.finished.is_empty() && self.begun.is_within(self.finished)
            }
            StreamKind::Other => self.progress == Progress::Content,
        };
        if self.failed || end == End::Cut || !is_whole {
            self.failed = true;
            return Err(broken_answer(TOO_EARLY));
        }
        self.progress = Progress::Done;
        let marker = self.codec.end_marker();
        if self.kind == StreamKind::Conversation && !marker.is_empty() {
            out.push(Bytes::from_static(marker));
        }
        Ok(())
    }

    /// How far the answer has come. It is not done before the last of its bytes that may belong to it.
    pub fn progress(&self) -> Progress {
        if self.awaits_line_feed {
            self.progress.min(Progress::Content)
        } else {
            self.progress
        }
    }

    /// How many events have come. Comments are none.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether the fault that [`push`](Relay::push) or [`finish`](Relay::finish) gave is the vendor's own word, so that its
    /// kind says what to do; else the stream is merely cut or broken.
    pub fn said_error(&self) -> bool {
        self.said_error
    }

    /// What the vendor has said so far; the last word on each bucket counts.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The model that the vendor says it is.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// How many events were skipped because they were no events of the format.
    pub fn malformed(&self) -> u32 {
        self.malformed
    }

    /// Ends the stream with an error.
    pub fn write_fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        self.codec.write_fault_behind(self.trail.last(), fault, out);
    }

    fn pass(&mut self, run: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let begun = self.trail.begin(&run);
        let passed = self.pass_events(run, out);
        self.trail.end(begun);
        passed
    }

    /// Passes on a run of whole events: as it is, or in slices around what is left out.
    fn pass_events(&mut self, run: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let (mut kept, mut at) = (0, 0);
        if !run.is_empty() {
            self.awaits_line_feed = run.ends_with(b"\r\n\r");
        }
        for event in sse::events(&run) {
            let fate = self.judge(&event);
            let went_on = fate == Ok(Fate::Keep) && event.kind == Lines::Fields;
            self.trail.note(went_on);
            if !matches!(fate, Ok(Fate::Keep)) {
                put(run.slice(kept..at), out);
                kept = at + event.bytes.len();
            }
            at += event.bytes.len();
            self.last = fate.inspect_err(|_| self.failed = true)?;
        }
        put(if kept == 0 { run } else { run.slice(kept..) }, out);
        Ok(())
    }

    /// The last event when no blank line ended it. At a clean end it counts if its JSON is whole, and gets its line ends, so
    /// that another event may follow; at a cut only an error in it does.
    fn pass_tail(&mut self, tail: &Bytes, end: End, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let event = sse::fields(tail);
        if end == End::Cut {
            let data = event.data.as_deref().unwrap_or(tail);
            return match self.codec.read_event(event.name, data) {
                EventKind::Fault(fault) => Err(self.fail(*fault)),
                _ => Ok(()),
            };
        }
        if self.judge(&event)? == Fate::Keep && event.kind == Lines::Fields {
            put(tail.clone(), out);
            let begun = self.trail.begin(tail);
            self.trail.note(true);
            self.trail.end(begun);
            let ends_line = tail.ends_with(b"\n");
            out.push(Bytes::from_static(if ends_line { b"\n" } else { b"\n\n" }));
        }
        Ok(())
    }

    fn judge(&mut self, event: &Event<'_>) -> Result<Fate, Fault> {
        self.events += u64::from(event.kind == Lines::Fields);
        match (&event.data, event.kind) {
            (_, Lines::Blank) => Ok(self.last),
            (_, Lines::Comments) => Ok(Fate::Keep),
            (_, Lines::Foreign) => self.judge_bare(event.bytes),
            (None, Lines::Fields) => Ok(Fate::Keep),
            (Some(data), Lines::Fields) => self.judge_data(event.name, data),
        }
    }

    /// No event at all: a page, or an error in bare JSON under the head of a stream.
    fn judge_bare(&mut self, bytes: &[u8]) -> Result<Fate, Fault> {
        match self.codec.read_event(None, bytes.trim_ascii()) {
            EventKind::Fault(fault) if self.progress < Progress::Done => Err(self.fail(*fault)),
            _ => Ok(self.skip()),
        }
    }

    fn judge_data(&mut self, name: Option<&[u8]>, data: &[u8]) -> Result<Fate, Fault> {
        let is_flowing =
            self.progress == Progress::Content && self.kind == StreamKind::Conversation;
        if is_flowing && name != Some(b"error") && self.glance.is_dull(data) {
            self.begun.add(Choices::FIRST);
            return Ok(Fate::Keep);
        }
        match self.codec.read_event(name, data) {
            EventKind::Silent => Ok(Fate::Keep),
            EventKind::Part(part) => Ok(self.take(part)),
            EventKind::End(part) => self.end(part),
            EventKind::Fault(_) | EventKind::Malformed if self.progress == Progress::Done => {
                Ok(self.skip())
            }
            EventKind::Fault(fault) => Err(self.fail(*fault)),
            EventKind::Malformed if self.kind == StreamKind::Other => {
                self.progress = self.progress.max(Progress::Content);
                Ok(Fate::Keep)
            }
            EventKind::Malformed => Ok(self.skip()),
        }
    }

    fn take(&mut self, part: Part) -> Fate {
        let is_unasked = part.usage_only && self.strip_usage;
        if part.content || self.kind == StreamKind::Other {
            self.progress = self.progress.max(Progress::Content);
        }
        self.begun.add(part.begun);
        self.finished.add(part.finished);
        self.usage.merge(part.usage);
        if self.model.is_none() {
            self.model = part.model.filter(|model| !model.is_empty());
        }
        if is_unasked { Fate::Drop } else { Fate::Keep }
    }

    /// The terminal event. `[DONE]` and `message_stop` say nothing by themselves, and relays write them also when what they
    /// relayed was cut: then nothing has finished. Where a finish reason is the end (Gemini), it is when the last choice has
    /// one.
    fn end(&mut self, part: Part) -> Result<Fate, Fault> {
        let is_by_finish = !part.finished.is_empty();
        let fate = self.take(part);
        if self.kind == StreamKind::Conversation {
            if self.finished.is_empty() {
                return Err(broken_answer(TOO_EARLY));
            }
            if is_by_finish && !self.begun.is_within(self.finished) {
                return Ok(fate);
            }
        }
        self.progress = Progress::Done;
        Ok(fate)
    }

    fn fail(&mut self, fault: Fault) -> Fault {
        self.said_error = true;
        fault
    }

    fn skip(&mut self) -> Fate {
        self.malformed = self.malformed.saturating_add(1);
        Fate::Drop
    }
}

fn put(bytes: Bytes, out: &mut Vec<Bytes>) {
    if !bytes.is_empty() {
        out.push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FaultKind;

    const TEXT: &str = "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
    const STOP: &str =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    fn chat() -> Relay {
        Relay::new(Format::OpenaiChat, StreamKind::Conversation, false)
    }

    fn push(relay: &mut Relay, text: &str) -> Result<String, Box<(String, Fault)>> {
        let mut out = Vec::new();
        let result = relay.push(Bytes::copy_from_slice(text.as_bytes()), &mut out);
        let out = String::from_utf8(out.concat()).unwrap();
        result
            .map(|()| out.clone())
            .map_err(|fault| Box::new((out, fault)))
    }

    fn finish(relay: &mut Relay, end: End) -> Result<String, Fault> {
        let mut out = Vec::new();
        relay.finish(end, &mut out)?;
        Ok(String::from_utf8(out.concat()).unwrap())
    }

    #[test]
    fn an_answer_is_not_done_before_its_last_line_feed() {
        let mut relay = chat();
        let crlf = [TEXT, STOP, DONE].concat().replace('\n', "\r\n");
        let mut passed = String::new();
        for byte in crlf.chars() {
            assert!(relay.progress() < Progress::Done, "{passed:?}");
            passed += &push(&mut relay, &byte.to_string()).unwrap();
        }
        assert_eq!((relay.progress(), passed), (Progress::Done, crlf));
        assert_eq!(relay.events(), 3);
    }

    #[test]
    fn a_chunk_of_whole_events_goes_on_as_the_very_same_bytes() {
        let chunk = Bytes::from([TEXT, TEXT, STOP].concat());
        let mut out = Vec::new();
        chat().push(chunk.clone(), &mut out).unwrap();
        assert_eq!(out.len(), 1);
        assert_eq!(
            (out[0].as_ptr(), out[0].len()),
            (chunk.as_ptr(), chunk.len())
        );
    }

    #[test]
    fn progress_goes_from_preamble_to_content_to_done() {
        let mut relay = chat();
        let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
        for (event, progress) in [
            (": waiting\n\n", Progress::Preamble),
            (role, Progress::Preamble),
            (TEXT, Progress::Content),
            (STOP, Progress::Content),
            (USAGE, Progress::Content),
            (DONE, Progress::Done),
        ] {
            assert_eq!(push(&mut relay, event).as_deref(), Ok(event));
            assert_eq!(relay.progress(), progress, "{event}");
        }
        assert_eq!((relay.model(), relay.usage().input), (Some("m"), Some(5)));
        assert_eq!(finish(&mut relay, End::Cut), Ok(String::new()));
    }

    #[test]
    fn an_empty_answer_is_preamble_until_its_end() {
        let mut relay = chat();
        push(&mut relay, STOP).unwrap();
        assert_eq!(relay.progress(), Progress::Preamble);
        assert_eq!(finish(&mut relay, End::Clean).as_deref(), Ok(DONE));
        assert_eq!(relay.progress(), Progress::Done);
    }

    #[test]
    fn only_the_chunk_that_was_not_asked_for_is_left_out() {
        let both = STOP.replace("}]}", "}],\"usage\":{\"prompt_tokens\":4}}");
        let null = TEXT.replace("}]}", "}],\"usage\":null}");
        for line_end in ["\n", "\r\n", "\r"] {
            let stream = |parts: &[&str]| parts.concat().replace('\n', line_end);
            let all = stream(&[&null, &both, USAGE, "\n", DONE]);
            for at in 0..all.len() {
                let mut relay = Relay::new(Format::OpenaiChat, StreamKind::Conversation, true);
                let mut out = push(&mut relay, &all[..at]).unwrap();
                out += &push(&mut relay, &all[at..]).unwrap();
                assert_eq!(out, stream(&[&null, &both, DONE]), "{line_end:?} at {at}");
                assert_eq!(relay.usage().input, Some(5));
            }
        }
    }

    #[test]
    fn an_error_takes_the_place_of_the_rest() {
        let mut relay = chat();
        let error = "data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n";
        let (out, fault) = *push(&mut relay, &[TEXT, error, TEXT].concat()).unwrap_err();
        assert_eq!((out.as_str(), fault.kind), (TEXT, FaultKind::RateLimit));
        assert_eq!(push(&mut relay, DONE).as_deref(), Ok(""));
        assert!(finish(&mut relay, End::Clean).is_err());
    }

    #[test]
    fn an_error_may_come_without_framing() {
        let error =
            "{\n  \"error\": {\"message\": \"no money\", \"code\": \"insufficient_quota\"}\n}";
        for end in [End::Clean, End::Cut] {
            let mut relay = chat();
            assert_eq!(push(&mut relay, error).as_deref(), Ok(""));
            assert_eq!(
                finish(&mut relay, end).unwrap_err().kind,
                FaultKind::Billing
            );
            assert!(relay.said_error());
        }
        let mut relay = chat();
        let (_, fault) = *push(&mut relay, &[error, "\n\n"].concat()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Billing);
    }

    #[test]
    fn a_reply_or_a_page_under_the_head_of_a_stream_is_no_answer() {
        for body in [
            "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}",
            "<html>\n\n</html>\n\n",
            "",
        ] {
            let mut relay = chat();
            assert_eq!(push(&mut relay, body).as_deref(), Ok(""));
            assert!(finish(&mut relay, End::Clean).is_err(), "{body}");
            assert_eq!(relay.progress(), Progress::Preamble);
        }
    }

    #[test]
    fn single_malformed_events_are_skipped_and_counted() {
        let mut relay = chat();
        let broken = [
            "data: {\"choices\":[}\n\n",
            "data: oops\n\n",
            "data:\n\n",
            "data: {\"a\":\"\u{1}\"}\n\n",
            "junk\n\n",
        ];
        let stream = format!("{}{TEXT}{}{STOP}{DONE}", broken[0], broken.concat());
        assert_eq!(push(&mut relay, &stream), Ok([TEXT, STOP, DONE].concat()));
        assert_eq!(relay.malformed(), 6);
    }

    #[test]
    fn an_end_marker_without_finish_reason_is_a_cut() {
        let mut relay = chat();
        let (out, fault) = *push(&mut relay, &[TEXT, DONE].concat()).unwrap_err();
        assert_eq!((out.as_str(), fault.status), (TEXT, 502));
        assert!(!relay.said_error());
        assert!(push(&mut chat(), DONE).is_err());
    }

    #[test]
    fn every_choice_that_has_begun_must_finish_unless_the_marker_says_so() {
        let second = TEXT.replace("\"index\":0", "\"index\":1");
        let mut relay = chat();
        push(&mut relay, &[TEXT, &second, TEXT, STOP].concat()).unwrap();
        assert!(finish(&mut relay, End::Clean).is_err());
        let mut relay = chat();
        push(
            &mut relay,
            &[&second, TEXT, &STOP.replace("\"index\":0", "\"index\":1")].concat(),
        )
        .unwrap();
        assert!(finish(&mut relay, End::Clean).is_err());
        let mut relay = chat();
        push(&mut relay, &[TEXT, &second, STOP, DONE].concat()).unwrap();
        assert!(finish(&mut relay, End::Cut).is_ok());
    }

    #[test]
    fn where_finish_reasons_are_the_end_the_last_one_is() {
        let candidate = |index: u8, finish: &str| {
            format!(
                "data: {{\"candidates\":[{{\"index\":{index},\"content\":{{\"parts\":[{{\"text\":\"a\"}}]}}{finish}}}]}}\n\n"
            )
        };
        let stop = ",\"finishReason\":\"STOP\"";
        let mut relay = Relay::new(Format::Gemini, StreamKind::Conversation, false);
        push(
            &mut relay,
            &[candidate(0, ""), candidate(1, ""), candidate(1, stop)].concat(),
        )
        .unwrap();
        assert_eq!(relay.progress(), Progress::Content);
        push(&mut relay, &candidate(0, stop)).unwrap();
        assert_eq!(relay.progress(), Progress::Done);
    }

    #[test]
    fn what_comes_after_the_end_neither_fails_nor_leaks() {
        let mut relay = chat();
        let late = "data: {\"error\":{\"message\":\"key sk-123456789\"}}\n\n: bye\n\n";
        let out = push(&mut relay, &[TEXT, STOP, DONE, late].concat()).unwrap();
        assert_eq!(out, [TEXT, STOP, DONE, ": bye\n\n"].concat());
        assert!(finish(&mut relay, End::Cut).is_ok());
    }

    #[test]
    fn an_event_that_is_too_large_is_a_fault() {
        let mut relay = chat();
        let part = Bytes::from(vec![b'x'; 1 << 20]);
        let failed = (0..17).find_map(|_| relay.push(part.clone(), &mut Vec::new()).err());
        assert_eq!(failed.map(|fault| fault.status), Some(502));
    }

    #[test]
    fn other_streams_are_content_and_end_as_they_like() {
        let other = || Relay::new(Format::OpenaiChat, StreamKind::Other, true);
        let mut relay = other();
        let speech = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\n";
        assert_eq!(push(&mut relay, speech).as_deref(), Ok(speech));
        assert_eq!(relay.progress(), Progress::Content);
        assert_eq!(finish(&mut relay, End::Clean).as_deref(), Ok(""));

        let mut relay = other();
        push(&mut relay, speech).unwrap();
        assert!(finish(&mut relay, End::Cut).is_err());
        assert!(finish(&mut other(), End::Clean).is_err());
        assert!(push(&mut other(), "data: {\"error\":{\"message\":\"m\"}}\n\n").is_err());
    }
}
