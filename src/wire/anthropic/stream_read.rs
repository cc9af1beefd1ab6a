//! A vendor's stream: blocks one after another, each begun, grown and stopped by events of its own.
//!
//! The API sends one block at a time. Compatible vendors forget to stop blocks, leave out indexes or the last event, or
//! grow two calls in turn; `stream_blocks` puts that in order.

use super::super::error;
use super::super::members::is_filled;
use super::reply_read;
use super::stream_blocks::Blocks;
use super::usage;
use crate::ir::{Event, Fault, FaultKind, Start, Stop};
use crate::wire::json::{Document, Value};
use crate::wire::{EventReader, Unheard};

pub(super) struct Reader {
    document: Document,
    progress: Progress,
}

struct Progress {
    started: bool,
    /// The vendor's id of the answer.
    id: String,
    ended: bool,
    blocks: Blocks,
    /// Told at the end only: some vendors say it before the last block.
    stop: Option<Stop<'static>>,
}

impl Reader {
    pub(super) fn new(seed: &str) -> Reader {
        Reader {
            document: Document::default(),
            progress: Progress {
                started: false,
                id: String::new(),
                ended: false,
                blocks: Blocks::new(seed),
                stop: None,
            },
        }
    }
}

impl EventReader for Reader {
    fn read(
        &mut self,
        name: Option<&[u8]>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        match name {
            Some(b"error") => return Err(fault(data)),
            Some(b"ping") => return Ok(()),
            _ => {}
        }
        let Ok(event) = self.document.read(data) else {
            return Err(Unheard::Malformed);
        };
        if event.want_object().is_err() {
            return Err(Unheard::Malformed);
        }
        self.progress.event(event, data, tell)
    }

    fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        self.progress.end(tell);
    }
}

fn fault(data: &[u8]) -> Unheard {
    Unheard::Fault(Box::new(error::read(None, data)))
}

/// The members of an event that count, found in one pass.
#[derive(Default)]
struct Members<'d, 'a> {
    kind: Option<Value<'d, 'a>>,
    index: Option<u64>,
    message: Option<Value<'d, 'a>>,
    block: Option<Value<'d, 'a>>,
    delta: Option<Value<'d, 'a>>,
    usage: Option<Value<'d, 'a>>,
    error: Option<Value<'d, 'a>>,
}

impl<'d, 'a> Members<'d, 'a> {
    fn of(event: Value<'d, 'a>) -> Members<'d, 'a> {
        let mut found = Members::default();
        for (key, value) in event.members() {
            if value.is_null() {
                continue;
            }
            match &*key {
                "type" => found.kind = Some(value),
                "index" => found.index = value.count(),
                "message" => found.message = Some(value),
                "content_block" => found.block = Some(value),
                "delta" => found.delta = Some(value),
                "usage" => found.usage = Some(value),
                // Some vendors put an empty one into every event.
                "error" if is_filled(value.raw().as_bytes()) => found.error = Some(value),
                _ => {}
            }
        }
        found
    }
}

impl Progress {
    fn event(
        &mut self,
        event: Value<'_, '_>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        let members = Members::of(event);
        let kind = members.kind.and_then(Value::text).unwrap_or_default();
        if kind == "error" || members.error.is_some() {
            return Err(fault(data));
        }
        if self.ended {
            return Ok(());
        }
        match &*kind {
            "message_start" => {
                if let Some(message) = members.message {
                    return self.message(message, tell);
                }
            }
            "content_block_start" => {
                self.start(Start::default(), tell);
                if let Some(block) = members.block {
                    self.blocks.begin(members.index, block, tell);
                }
            }
            "content_block_delta" => {
                self.start(Start::default(), tell);
                if let Some(delta) = members.delta {
                    self.blocks.grow(members.index, delta, tell);
                }
            }
            "content_block_stop" => self.blocks.stop(members.index, tell),
            "message_delta" => {
                self.start(Start::default(), tell);
                if let Some(stop) = members.delta.and_then(reply_read::stop) {
                    self.stop = Some(stop.into_owned());
                }
                tell_usage(members.usage, tell);
            }
            "message_stop" => {
                tell_usage(members.usage, tell);
                self.end(tell);
            }
            // Pings, and what will be invented.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, start: Start<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        if !self.started {
            self.started = true;
            tell(Event::Start(start));
        }
    }

    fn message(
        &mut self,
        message: Value<'_, '_>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        let start = reply_read::start(message);
        // Relays that lose their upstream in mid-answer put a second answer behind the half of the first: the thinking and
        // calls of both are no turn that a vendor would take back.
        let is_another = !start.id.is_empty() && start.id != self.id;
        if is_another && self.blocks.has_begun() {
            let told = "the vendor began another answer within its answer";
            let fault = Fault::new(FaultKind::Internal, 502, told);
            return Err(Unheard::Fault(Box::new(fault)));
        }
        if is_another {
            self.id = start.id.to_string();
        }
        self.start(start, tell);
        tell_usage(message.member("usage"), tell);
        // Empty, but for vendors that have answered already.
        let content = message.member("content");
        let mut has_answered = false;
        for block in content.into_iter().flat_map(Value::items) {
            self.blocks.begin(None, block, tell);
            self.blocks.stop(None, tell);
            has_answered = true;
        }
        // Before there is an answer nothing can have ended it.
        if has_answered && let Some(stop) = reply_read::stop(message) {
            self.stop = Some(stop.into_owned());
        }
        Ok(())
    }

    /// Ends the answer, if the vendor has said why it ended.
    fn end(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        if self.ended {
            return;
        }
        self.blocks.finish(tell);
        if let Some(stop) = self.stop.take() {
            self.ended = true;
            tell(Event::Stop { choice: 0, stop });
            tell(Event::End);
        }
    }
}

fn tell_usage(counts: Option<Value<'_, '_>>, tell: &mut dyn FnMut(Event<'_>)) {
    let Some(counts) = counts else {
        return;
    };
    let usage = usage::read(counts.raw().as_bytes());
    if usage.is_known() {
        tell(Event::Usage(usage));
    }
    if let Some(tier) = counts.member_text("service_tier") {
        tell(Event::Tier(tier));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Collector, FaultKind, Reply, StopReason};

    fn told(events: &[&str]) -> (Reply<'static>, bool) {
        let mut reader = Reader::new("s");
        let mut collector = Collector::default();
        for data in events {
            let mut tell = |event: Event<'_>| collector.push(event);
            reader.read(None, data.as_bytes(), &mut tell).unwrap();
        }
        reader.finish(&mut |event| collector.push(event));
        let ended = collector.has_ended();
        (collector.finish(), ended)
    }

    const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":5,"output_tokens":1,"service_tier":"standard"}}}"#;
    const TEXT: &str =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#;
    const STOP: &str = r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"output_tokens":9}}"#;

    #[test]
    fn another_answer_within_an_answer_is_an_error_and_the_same_start_again_is_none() {
        let mut reader = Reader::new("s");
        let mut read = |data: &str| reader.read(None, data.as_bytes(), &mut |_| {});
        let other = START.replace("msg_1", "msg_2");
        // Before anything was said it may begin anew.
        assert_eq!(read(&other), Ok(()));
        assert_eq!(read(START), Ok(()));
        assert_eq!(read(TEXT), Ok(()));
        assert_eq!(read(START), Ok(()));
        assert!(matches!(read(&other), Err(Unheard::Fault(_))));
    }

    #[test]
    fn the_last_count_of_each_kind_wins() {
        let (reply, ended) = told(&[START, TEXT, STOP, r#"{"type":"message_stop"}"#]);
        assert!(ended);
        assert_eq!(reply.start.id, "msg_1");
        assert_eq!((reply.usage.input, reply.usage.output), (Some(5), Some(9)));
        assert_eq!(reply.tier.as_deref(), Some("standard"));
        let stop = reply.choices[0].stop.clone().unwrap();
        assert_eq!(stop.reason, StopReason::Sequence);
        assert_eq!(stop.sequence.as_deref(), Some("END"));
    }

    #[test]
    fn an_answer_is_whole_where_the_vendor_said_why_it_ended() {
        assert!(told(&[START, TEXT, STOP]).1);
        assert!(!told(&[START, TEXT]).1);
        assert!(!told(&[START, TEXT, r#"{"type":"message_stop"}"#]).1);
        let null = r#"{"type":"message_delta","delta":{"stop_reason":null}}"#;
        assert!(!told(&[START, TEXT, null]).1);
        // A reason that stands before the answer is none; behind one that came whole it is.
        let stop = r#""stop_reason":"end_turn","content":"#;
        let early = START.replace("\"usage\"", &format!("{stop}[],\"usage\""));
        assert!(!told(&[&early, TEXT, r#"{"type":"message_stop"}"#]).1);
        let content = r#"[{"type":"text","text":"hi"}]"#;
        let whole = START.replace("\"usage\"", &format!("{stop}{content},\"usage\""));
        assert!(told(&[&whole, r#"{"type":"message_stop"}"#]).1);
    }

    #[test]
    fn a_block_that_comes_after_the_reason_is_still_told() {
        let (reply, ended) = told(&[START, STOP, TEXT, r#"{"type":"message_stop"}"#]);
        assert!(ended);
        assert_eq!(reply.choices[0].parts.len(), 1);
    }

    #[test]
    fn the_start_is_told_first_even_where_the_vendor_leaves_it_out() {
        let mut reader = Reader::new("s");
        let mut first = None;
        let mut tell = |event: Event<'_>| {
            first.get_or_insert(matches!(event, Event::Start(_)));
        };
        reader.read(None, TEXT.as_bytes(), &mut tell).unwrap();
        assert_eq!(first, Some(true));
    }

    #[test]
    fn errors_and_garbage_are_told_apart() {
        let mut reader = Reader::new("s");
        let mut heard = |name: Option<&[u8]>, data: &str| {
            reader.read(name, data.as_bytes(), &mut |_| panic!("nothing to tell"))
        };
        assert_eq!(heard(None, "{\"type\":"), Err(Unheard::Malformed));
        assert_eq!(heard(None, "[]"), Err(Unheard::Malformed));
        assert_eq!(heard(Some(b"ping"), ""), Ok(()));
        assert_eq!(heard(None, r#"{"type":"something_new"}"#), Ok(()));
        let data = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        for name in [None, Some(&b"error"[..])] {
            match heard(name, data) {
                Err(Unheard::Fault(fault)) => assert_eq!(fault.kind, FaultKind::Overloaded),
                other => panic!("{other:?}"),
            }
        }
    }
}
