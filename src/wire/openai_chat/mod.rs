//! OpenAI Chat Completions, as spoken by OpenAI and by everybody who is compatible with it.
//!
//! Source: the types of the official SDK (`openai/types/chat`), and what compatible vendors are seen to send beyond or
//! short of it. Also serves the other JSON paths of that API (completions, embeddings, moderations, images …): their
//! errors and their usage are the same, and a legacy completion's stream differs in `choices[].text` only.
//!
//! `stream` says what an event is that passes as it came, `usage` counts tokens, `fault` writes errors, `types` holds the
//! shape of these. Conversions: requests are read by `request_read` (with `message_read`, `content_read`, `tools_read`) and
//! written by `request_write` (with `message_write`, `content_write`, `tools_write`, `schema`); answers are read by
//! `answer`, whole ones as a stream of one chunk, choice by choice (`heard`), and written by `reply_write` and
//! `stream_write`. What only compatible vendors say is read wherever it means something; what is written is OpenAI's, and
//! beyond that only what `Traits` name. A legacy completion is told as a conversation by `completion_read` and
//! `completion_write`, for endpoints that take nothing else. Never imports another format.
//!
//! Start with [`OpenaiChat`].

mod answer;
mod assistant_write;
mod balance;
mod called;
mod completion_read;
mod completion_write;
mod content_read;
mod content_write;
mod ending;
mod fault;
mod frames;
mod heard;
mod media;
mod message_read;
mod message_write;
mod out;
#[cfg(test)]
mod proof;
mod reasoning;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod stream;
mod stream_read;
mod stream_write;
#[cfg(test)]
mod tests;
mod tools_read;
mod tools_write;
mod types;
mod usage;

use crate::ir::{Fault, Format, Reply, Request, Usage};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling};
use crate::wire::json::{Misfit, Value};
use crate::wire::{Asked, EventReader, EventWriter};

use super::{Codec, EventKind, Rule, error};

pub(super) struct OpenaiChat;

impl Codec for OpenaiChat {
    fn format(&self) -> Format {
        Format::OpenaiChat
    }

    fn write_fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write(fault, out);
    }

    fn write_fault_event(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write_event(fault, out);
    }

    fn status(&self, fault: &Fault) -> u16 {
        error::usual_status(fault, &error::OPENAIS)
    }

    fn ping(&self) -> &'static [u8] {
        b": ping\n\n"
    }

    fn end_marker(&self) -> &'static [u8] {
        b"data: [DONE]\n\n"
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
        if asked.completion {
            completion_read::read(asked, body)
        } else {
            request_read::read(asked, body)
        }
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
        if telling.completion {
            completion_write::write(reply, telling, out, losses);
        } else {
            reply_write::write(reply, telling, out, losses);
        }
    }

    fn reader(&self, seed: &str) -> Box<dyn EventReader> {
        Box::new(stream_read::StreamReader::new(seed))
    }

    fn writer(&self, telling: Telling) -> Box<dyn EventWriter> {
        if telling.completion {
            Box::new(completion_write::StreamWriter::new(telling))
        } else {
            Box::new(stream_write::StreamWriter::new(telling))
        }
    }
}
