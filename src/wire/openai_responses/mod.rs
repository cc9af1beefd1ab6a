//! OpenAI Responses.
//!
//! Source: the types of the official SDK (`openai/types/responses`).
//!
//! `stream` says what an event is, `usage` reads token counts, `fault` writes errors, `types` holds the shapes. Requests
//! and replies (`request`, `reply`) have their place here once conversion needs them. Never imports another format.

mod fault;
mod stream;
mod types;
mod usage;

use crate::ir::{Fault, Format, Usage};

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

    fn status(&self, fault: &Fault) -> u16 {
        error::usual_status(fault, 503)
    }

    fn ping(&self) -> &'static [u8] {
        b": ping\n\n"
    }

    /// Nothing: the last event holds the whole response and cannot be made up.
    fn end_marker(&self) -> &'static [u8] {
        b""
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
}
