//! Anthropic Messages.
//!
//! Source: the types of the official SDK (`anthropic/types`), "Streaming messages" and "Errors" in its API guide, and what
//! compatible vendors send.
//!
//! `stream` says what an event is, `usage` reads token counts, `fault` writes errors, `types` holds the shapes. Requests
//! and replies (`request`, `reply`) have their place here once conversion needs them. Never imports another format.

mod fault;
mod stream;
mod types;
mod usage;

use crate::ir::{Fault, Format, Reply, Request, Usage};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling};
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
        _asked: Asked<'a>,
        _body: Value<'_, 'a>,
    ) -> Result<Request<'a>, Misfit> {
        unimplemented!()
    }

    fn write_request(
        &self,
        _request: &Request<'_>,
        _target: &Target<'_>,
        _lowered: &mut Lowered,
    ) -> Result<(), Refused> {
        unimplemented!()
    }

    fn read_reply<'a>(&self, _body: Value<'_, 'a>, _seed: &str) -> Result<Reply<'a>, Misfit> {
        unimplemented!()
    }

    fn write_reply(
        &self,
        _reply: &Reply<'_>,
        _telling: &Telling,
        _out: &mut Vec<u8>,
        _losses: &mut Losses,
    ) {
        unimplemented!()
    }

    fn reader(&self, _seed: &str) -> Box<dyn EventReader> {
        unimplemented!()
    }

    fn writer(&self, _telling: Telling) -> Box<dyn EventWriter> {
        unimplemented!()
    }
}
