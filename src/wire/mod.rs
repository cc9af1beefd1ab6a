//! The four formats as they are on the wire: requests, replies, streams and errors, in bytes.
//!
//! Owns all knowledge of what a vendor's bytes mean. [`Codec`] is the door to a format: one zero-sized type each, in
//! `openai_chat`, `openai_responses`, `anthropic` and `gemini`; each folder holds the format's shapes (`types`), its
//! requests, replies, streams and errors (`fault`). A format folder never imports another: what they share is in the files
//! beside them, and [`convert`] leads from one to the other. Same-format traffic passes as bytes: [`sse`] cuts a stream into events,
//! [`relay`] passes them on and watches them, [`reply`] watches replies that are no streams. `walk` is the JSON parser
//! under both: it checks bytes without building anything; `members` picks values out of small documents. [`counting`] says how
//! vendors are asked how many tokens a request has, [`tokens`] counts them where none is.
//!
//! Never does: I/O, waiting, clocks, randomness, logging. Everything here is bytes in, bytes out, and the same bytes give
//! the same answer however they were cut. Nothing here panics on what strangers send; the lints below see to that.
//!
//! Start with [`Codec`], then [`relay::Relay::push`].
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these bytes come from strangers"
)]

mod anthropic;
pub mod convert;
pub mod counting;
pub mod edit;
pub mod embed;
pub mod error;
pub mod find;
mod gemini;
mod glance;
pub mod json;
mod members;
pub mod multipart;
mod openai_chat;
mod openai_responses;
pub mod passage;
pub mod provenance;
pub mod relay;
pub mod rename;
pub mod reply;
pub mod same;
pub mod scan;
pub mod set;
pub mod sse;
pub mod tokens;
mod trail;
mod walk;
pub mod watch;

use convert::{Losses, Lowered, Refused, Target, Telling, Unfolded};
use counting::Counting;
use json::{Misfit, Value};

use crate::ir::{Event, Fault, Format, Reply, Request, Usage};

pub use glance::{Dull, Rule};

/// A format: how its errors, events and usage are read and written.
pub trait Codec: Sync {
    fn format(&self) -> Format;

    /// Reads an error reply. Never fails: pages, empty bodies and garbage are faults too. The message is scrubbed; the
    /// caller has [`error::scrub_fault`] remove what only it knows, and adds what the headers say (`retry-after`).
    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        error::read((status >= 400).then_some(status), body)
    }

    /// Writes the body of an error reply.
    fn write_fault(&self, fault: &Fault, out: &mut Vec<u8>);

    /// Writes the fault as the last of a stream's events.
    fn write_fault_event(&self, fault: &Fault, out: &mut Vec<u8>);

    /// The same behind events that went on as they came: a format that numbers its events goes on counting. `seen`: the last
    /// of them, if [`numbers_events`](Codec::numbers_events).
    fn write_fault_behind(&self, seen: &[u8], fault: &Fault, out: &mut Vec<u8>) {
        let _unnumbered = seen;
        self.write_fault_event(fault, out);
    }

    /// Whether each event of a stream says its number.
    fn numbers_events(&self) -> bool {
        false
    }

    /// The HTTP status with which a client of this format is told the fault: the vendor's where the format knows it.
    fn status(&self, fault: &Fault) -> u16;

    /// An event that every client of this format swallows; keeps a waiting connection alive.
    fn ping(&self) -> &'static [u8];

    /// What a stream ends with when the vendor has ended it well but without saying so. Empty where there is nothing to add.
    fn end_marker(&self) -> &'static [u8];

    /// How this format asks how many tokens a request has; `None`: it has no path for that.
    fn counting(&self) -> Option<Counting> {
        None
    }

    /// What one event of a stream is, by its name (the `event` field) and its data.
    fn read_event(&self, name: Option<&[u8]>, data: &[u8]) -> EventKind;

    /// What makes an event worth [`read_event`](Codec::read_event) once content flows. An event that breaks none of these
    /// rules must be content that neither ends the answer nor tells usage.
    fn rules(&self) -> &'static [Rule];

    /// Reads what a reply says under `usage` (Gemini: `usageMetadata`).
    fn read_usage(&self, usage: &[u8]) -> Usage;

    /// Reads a request. Whatever the vocabulary has no word for is in `unsaid`.
    ///
    /// # Errors
    /// [`Misfit`]: a value is not what its place calls for.
    fn read_request<'a>(
        &self,
        asked: Asked<'a>,
        body: Value<'_, 'a>,
    ) -> Result<Request<'a>, Misfit>;

    /// Writes a request for a vendor. What the format cannot say goes to `lowered.losses`; `request.unsaid` is not its
    /// business.
    ///
    /// # Errors
    /// [`Refused`]: leaving it out would make it another request.
    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        lowered: &mut Lowered,
    ) -> Result<(), Refused>;

    /// What a piece that only this format knows ([`crate::ir::Foreign`]) is in the words that all formats have.
    fn unfold(&self, kind: &str, piece: Value<'_, '_>) -> Unfolded {
        let _nothing = (kind, piece);
        Unfolded::Lost
    }

    /// Reads a whole answer. `seed`: what ids are made from where the vendor gives none.
    ///
    /// # Errors
    /// [`Misfit`]: it is no answer.
    fn read_reply<'a>(&self, body: Value<'_, 'a>, seed: &str) -> Result<Reply<'a>, Misfit>;

    /// Writes a whole answer for a client.
    fn write_reply(
        &self,
        reply: &Reply<'_>,
        telling: &Telling,
        out: &mut Vec<u8>,
        losses: &mut Losses,
    );

    /// What the answers of this format repeat of their request, as the inside of a JSON object. Most repeat nothing.
    fn echo(&self, request: Value<'_, '_>) -> String {
        let _nothing = request;
        String::new()
    }

    /// A machine that reads a vendor's stream. `seed`: what ids are made from where the vendor gives none.
    fn reader(&self, seed: &str) -> Box<dyn EventReader>;

    /// A machine that writes a stream for a client.
    fn writer(&self, telling: Telling) -> Box<dyn EventWriter>;
}

/// What a request says outside of its body: Gemini's paths hold the model and whether a stream is wanted, OpenAI's
/// whether a prompt is to be completed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Empty where the body says it.
    pub model: &'a str,
    pub stream: bool,
    /// OpenAI: it is a completion of a prompt, no conversation yet.
    pub completion: bool,
}

/// Reads a vendor's stream, event by event.
pub trait EventReader: Send {
    /// Reads an event, by its name (the `event` field) and its data, and tells what it means in the order that
    /// [`Event`]'s law asks for.
    ///
    /// # Errors
    /// [`Unheard`].
    fn read(
        &mut self,
        name: Option<&[u8]>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard>;

    /// The transport has ended well: tells what was held back, and [`Event::End`] if the answer is whole without a
    /// terminal event (every choice that began has a reason to have ended). Nothing where [`Event::End`] was told.
    fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>));
}

/// Why an event tells nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unheard {
    /// It says an error, in place of the rest of the answer.
    Fault(Box<Fault>),
    /// It is no event of this format: broken JSON, or no object. The stream goes on.
    Malformed,
}

/// Writes a stream for a client, event by event.
pub trait EventWriter: Send {
    /// Appends what the event is in this format: whole events of the wire, or nothing. At [`Event::End`] the stream gets
    /// its proper end.
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>);

    /// Ends the stream with an error.
    fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>);

    /// What the format could not say.
    fn losses(&self) -> &Losses;
}

/// The codec of a format.
pub fn codec(format: Format) -> &'static dyn Codec {
    match format {
        Format::OpenaiChat => &openai_chat::OpenaiChat,
        Format::OpenaiResponses => &openai_responses::OpenaiResponses,
        Format::Anthropic => &anthropic::Anthropic,
        Format::Gemini => &gemini::Gemini,
    }
}

/// What one event of a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// Says nothing about the answer: a ping.
    Silent,
    /// A piece of the answer.
    Part(Part),
    /// The event after which the answer is complete, if any choice has finished by then.
    End(Part),
    /// An error, in place of the rest of the answer.
    Fault(Box<Fault>),
    /// Not an event of this format: broken JSON, or no object.
    Malformed,
}

/// What an event tells of the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Text, reasoning (also a signature alone), a tool call, a refusal, audio.
    pub content: bool,
    /// The choices that it belongs to.
    pub begun: Choices,
    /// The choices that it gives a reason to have finished.
    pub finished: Choices,
    /// It holds nothing but the usage: the chunk that OpenAI sends for `include_usage`.
    pub usage_only: bool,
    pub usage: Usage,
    pub model: Option<String>,
}

/// A set of choices by their index. Indexes beyond 127 count as 127: no vendor gives more choices than 128.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices(u128);

impl Choices {
    pub const FIRST: Choices = Choices(1);

    pub fn insert(&mut self, index: u64) {
        self.0 |= 1 << index.min(127);
    }

    pub fn has(self, index: u64) -> bool {
        self.0 & (1 << index.min(127)) != 0
    }

    pub fn add(&mut self, other: Choices) {
        self.0 |= other.0;
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `self` are in `other`.
    pub fn is_within(self, other: Choices) -> bool {
        self.0 & !other.0 == 0
    }
}
