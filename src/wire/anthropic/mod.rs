//! Anthropic Messages.
//!
//! Source: the types of the official SDK (`anthropic/types`), "Streaming messages" and "Errors" in its API guide, and what
//! compatible vendors send.
//!
//! Requests: `request_read`, `content_read`, `tools_read`; `plan` (what stands where), `request_write`, `content_write`,
//! `tools_write`, `reasoning_write`, `schema`, `base64`. Answers: `reply_read`, `reply_write`, and what the two kinds of
//! answers share, `answer`. Streams: `stream_read` with `stream_blocks`, `stream_write`. Besides, `stream` says what an
//! event of same-format traffic is, `usage` reads token counts, `fault` writes errors, `types` holds their shapes. Never
//! imports another format.

mod answer;
mod base64;
mod content_read;
mod content_write;
mod counting;
mod fault;
mod plan;
mod reasoning_write;
#[cfg(test)]
mod recorded;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod schema;
mod stream;
mod stream_blocks;
mod stream_read;
mod stream_write;
mod tools_read;
mod tools_write;
mod types;
mod usage;

use crate::ir::{Fault, Format, Reply, Request, Usage};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling};
use crate::wire::counting::Counting;
use crate::wire::json::{Misfit, Value};
use crate::wire::{Asked, EventReader, EventWriter};

use super::{Codec, EventKind, Rule, error};

pub(super) struct Anthropic;

impl Codec for Anthropic {
    fn format(&self) -> Format {
        Format::Anthropic
    }

    fn write_fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write(fault, out);
    }

    fn write_fault_event(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write_event(fault, out);
    }

    fn status(&self, fault: &Fault) -> u16 {
        error::usual_status(fault, 529)
    }

    fn ping(&self) -> &'static [u8] {
        b"event: ping\ndata: {\"type\": \"ping\"}\n\n"
    }

    fn end_marker(&self) -> &'static [u8] {
        b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    }

    fn counting(&self) -> Option<Counting> {
        Some(counting::COUNTING)
    }

    fn read_event(&self, name: Option<&[u8]>, data: &[u8]) -> EventKind {
        stream::read_event(name, data)
    }

    fn rules(&self) -> &'static [Rule] {
        stream::RULES
    }

    fn read_usage(&self, usage: &[u8]) -> Usage {
        usage::read(usage)
    }

    fn read_request<'a>(
        &self,
        asked: Asked<'a>,
        body: Value<'_, 'a>,
    ) -> Result<Request<'a>, Misfit> {
        request_read::read(asked, body)
    }

    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        lowered: &mut Lowered,
    ) -> Result<(), Refused> {
        request_write::write(request, target, lowered)
    }

    fn read_reply<'a>(&self, body: Value<'_, 'a>, seed: &str) -> Result<Reply<'a>, Misfit> {
        reply_read::read(body, seed)
    }

    fn write_reply(
        &self,
        reply: &Reply<'_>,
        telling: &Telling,
        out: &mut Vec<u8>,
        losses: &mut Losses,
    ) {
        reply_write::write(reply, telling, out, losses);
    }

    fn reader(&self, seed: &str) -> Box<dyn EventReader> {
        Box::new(stream_read::Reader::new(seed))
    }

    fn writer(&self, telling: Telling) -> Box<dyn EventWriter> {
        Box::new(stream_write::StreamWriter::new(telling))
    }
}
