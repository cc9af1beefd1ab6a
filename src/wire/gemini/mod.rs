//! Google Gemini `generateContent` and `streamGenerateContent` (with `alt=sse`).
//!
//! Source: `GenerateContentResponse` and `UsageMetadata` in the API reference, the types of the official SDK
//! (`google/genai/types.py`), and `google.rpc` for errors.
//!
//! Same-format relay needs `stream` (what an event is), `usage`, `fault` and `types` only. Conversion: `request_read` (with
//! `config_read`, `tools_read`) and `request_write` (`contents_write`, `outcomes_write`, `tools_write`, `config_write`) for
//! requests; `answer_read` (and `candidate_read`) is the machine that reads answers, whole (`reply_read`) or in steps (`stream_read`, `partial`),
//! `answer_write` what `reply_write` and `stream_write` share; `parts_read` and `parts_write` know the parts of a content,
//! `sources`, `logprobs` and `stop` what stands beside it. Keys are read in camel case and in snake case, as the API reads
//! them, and written in camel case.
//!
//! Never imports another format. Start with [`Gemini`].

mod answer_read;
mod answer_write;
mod candidate_read;
mod config_read;
mod config_write;
mod contents_write;
mod counting;
mod fault;
mod logprobs;
mod outcomes_write;
mod partial;
mod parts_read;
mod parts_write;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod sources;
mod stop;
mod stream;
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

use super::{Codec, EventKind, Rule};

pub(super) struct Gemini;

impl Codec for Gemini {
    fn format(&self) -> Format {
        Format::Gemini
    }

    fn write_fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write(fault, out);
    }

    fn write_fault_event(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write_event(fault, out);
    }

    fn status(&self, fault: &Fault) -> u16 {
        fault::status(fault)
    }

    /// Google's SDKs choke on comments.
    fn ping(&self) -> &'static [u8] {
        b"data: {\"candidates\":[]}\n\n"
    }

    /// Nothing: the finish reason stands in the last event.
    fn end_marker(&self) -> &'static [u8] {
        b""
    }

    fn counting(&self) -> Option<Counting> {
        Some(counting::COUNTING)
    }

    fn read_event(&self, _name: Option<&[u8]>, data: &[u8]) -> EventKind {
        stream::read_event(data)
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
        Box::new(stream_write::Writer::new(telling))
    }
}
