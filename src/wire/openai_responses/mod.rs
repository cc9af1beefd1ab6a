//! OpenAI Responses.
//!
//! Source: the types of the official SDK (`openai/types/responses`).
//!
//! Same-format traffic: `stream` says what an event is, `usage` reads token counts, `fault` writes errors, `types` holds
//! their shapes.
//!
//! Conversion. Requests: `request_read` with `input_read` (items become turns), `content_read` and `tools_read`;
//! `request_write` with `input_write`, `content_write`, `tools_write` and `schema`. Whole answers: `reply_read` and
//! `reply_write`. Streams: `stream_read` with `stream_items`, `stream_done` and `stream_part`; `stream_write` with
//! `part_write`, `thinking_write` and `sequence`. `items` writes the items of both, `annotation` what a text has from
//! somewhere, `echo` what a response repeats of its request.
//!
//! An answer here is a list of items, each with an id and an index; what stands together in other formats (thinking, text,
//! calls) is an item each here, but text and refusals that follow each other are one message.
//!
//! Never imports another format.

mod annotation;
mod content_read;
mod content_write;
mod counting;
mod echo;
mod fault;
mod input_read;
mod input_write;
mod items;
mod part_write;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod schema;
mod sequence;
mod stream;
mod stream_done;
mod stream_items;
mod stream_part;
mod stream_read;
mod stream_write;
#[cfg(test)]
mod tests;
mod thinking_write;
mod tools_read;
mod tools_write;
mod types;
mod unfold;
mod usage;

use crate::ir::{Fault, Format, Reply, Request, Usage};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling, Unfolded};
use crate::wire::counting::Counting;
use crate::wire::json::{Misfit, Value};
use crate::wire::{Asked, EventReader, EventWriter};

use super::{Codec, EventKind, Rule, error};

pub(super) struct OpenaiResponses;

impl Codec for OpenaiResponses {
    fn format(&self) -> Format {
        Format::OpenaiResponses
    }

    fn write_fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write(fault, out);
    }

    fn write_fault_event(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write_event(fault, out);
    }

    fn write_fault_behind(&self, seen: &[u8], fault: &Fault, out: &mut Vec<u8>) {
        let next = sequence::last_in(seen).map_or(0, |last| last.saturating_add(1));
        fault::write_numbered(fault, next, out);
    }

    fn numbers_events(&self) -> bool {
        true
    }

    fn status(&self, fault: &Fault) -> u16 {
        error::usual_status(fault, &error::OPENAIS)
    }

    fn ping(&self) -> &'static [u8] {
        b": ping\n\n"
    }

    /// Nothing: the last event holds the whole response and cannot be made up.
    fn end_marker(&self) -> &'static [u8] {
        b""
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

    fn unfold(&self, kind: &str, piece: Value<'_, '_>) -> Unfolded {
        unfold::unfold(kind, piece)
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

    fn echo(&self, request: Value<'_, '_>) -> String {
        echo::echo(request)
    }

    fn reader(&self, seed: &str) -> Box<dyn EventReader> {
        Box::new(stream_read::StreamReader::new(seed))
    }

    fn writer(&self, telling: Telling) -> Box<dyn EventWriter> {
        Box::new(stream_write::StreamWriter::new(telling))
    }
}
