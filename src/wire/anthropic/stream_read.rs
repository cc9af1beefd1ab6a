//! A vendor's stream: blocks one after another, each begun, grown and stopped by events of its own.
//!
//! The API sends one block at a time. Compatible vendors forget to stop blocks, leave out indexes or the last event, or
//! grow two calls in turn; `stream_blocks` puts that in order.

use super::super::error;
use super::reply_read;
use super::stream_blocks::Blocks;
use super::usage;
use crate::ir::{Event, Start, Stop};
use crate::wire::json::{Document, Value};
use crate::wire::{EventReader, Unheard};

pub(super) struct Reader {
    document: Document,
    progress: Progress,
}

struct Progress {
    started: bool,
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
                "error" => found.error = Some(value),
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
                    self.message(message, tell);
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

    fn message(&mut self, message: Value<'_, '_>, tell: &mut dyn FnMut(Event<'_>)) {
        // A second one begins the answer anew: what was open is cut.
        self.blocks.finish(tell);
        self.start(reply_read::start(message), tell);
        tell_usage(message.member("usage"), tell);
        // Empty, but for vendors that have answered already.
        let content = message.member("content");
        for block in content.into_iter().flat_map(Value::items) {
            self.blocks.begin(None, block, tell);
            self.blocks.stop(None, tell);
        }
        if let Some(stop) = reply_read::stop(message) {
            self.stop = Some(stop.into_owned());
        }
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
