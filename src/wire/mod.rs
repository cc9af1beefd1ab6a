//! The four formats as they are on the wire: requests, replies, streams and errors, in bytes.
//!
//! Owns all knowledge of what a vendor's bytes mean. [`Codec`] is the door to a format: one zero-sized type each, in
//! `openai_chat`, `openai_responses`, `anthropic` and `gemini`; each folder holds the format's shapes (`types`), its
//! streams (`stream`), its errors (`fault`), and will hold its requests and replies. A format folder never imports another:
//! what they share is in the files beside them. Same-format traffic passes as bytes: [`sse`] cuts a stream into events,
//! [`relay`] passes them on and watches them, [`reply`] watches replies that are no streams. `walk` is the JSON parser
//! under both: it checks bytes without building anything; `members` picks values out of small documents.
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
pub mod error;
mod gemini;
mod glance;
mod members;
mod openai_chat;
mod openai_responses;
pub mod relay;
pub mod reply;
pub mod same;
pub mod scan;
pub mod sse;
mod walk;

use crate::ir::{Fault, Format, Usage};

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

    /// The HTTP status with which a client of this format is told the fault: the vendor's where the format knows it.
    fn status(&self, fault: &Fault) -> u16;

    /// An event that every client of this format swallows; keeps a waiting connection alive.
    fn ping(&self) -> &'static [u8];

    /// What a stream ends with when the vendor has ended it well but without saying so. Empty where there is nothing to add.
    fn end_marker(&self) -> &'static [u8];

    /// What one event of a stream is, by its name (the `event` field) and its data.
    fn read_event(&self, name: Option<&[u8]>, data: &[u8]) -> EventKind;

    /// What makes an event worth [`read_event`](Codec::read_event) once content flows. An event that breaks none of these
    /// rules must be content that neither ends the answer nor tells usage.
    fn rules(&self) -> &'static [Rule];

    /// Reads what a reply says under `usage` (Gemini: `usageMetadata`).
    fn read_usage(&self, usage: &[u8]) -> Usage;
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
