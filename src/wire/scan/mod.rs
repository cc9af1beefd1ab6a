//! The scan of a request body: one pass over the bytes, no tree, and out come the traits that choosing needs.
//!
//! [`scan`] is the door, [`Scan`] what it finds. A body goes on to the vendor as the very bytes that came in, so the scan does
//! not judge values: it finds the top-level keys, checks their grammar, that each is there once (however it is spelled), that
//! every bracket is closed by its own kind within [`MAX_DEPTH`] levels, and that every string is closed. The rest it skips.
//! Whatever parses as a JSON object with distinct top-level keys is accepted, unless it nests too deep.
//! It does not check UTF-8, but what it hands out as text is valid.
//!
//! `blocks` classifies 64 bytes at a time into bit masks; `cursor` walks JSON on them, reading what it is told to and skipping
//! the rest; `request` knows the top-level keys, `turns` the messages and their parts, `prefix` what identifies a conversation.
//! Start at `request`.
//!
//! It never copies the body, never allocates by its size, and never panics.

mod blocks;
mod cursor;
mod error;
mod keys;
mod nest;
mod prefix;
mod reasoning;
mod request;
mod session;
mod text;
mod turns;

use std::ops::Range;

pub use error::ScanError;

use crate::ir::Format;

/// Levels of objects and arrays, the outermost counted.
pub const MAX_DEPTH: usize = 512;

/// What kind of request a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A conversation in that format.
    Format(Format),
    /// Embeddings, completions, moderations and so on: of these only `model`, `stream`, `stream_options` and the size are read.
    Other,
}

/// What a request body tells about itself. All positions are byte offsets into the body.
///
/// Where a nested object has a key twice, which of the two counts is not defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// `None` when the body names no model.
    pub model: Option<Text>,
    /// `stream: true`.
    pub stream: bool,
    pub stream_options: StreamOptions,
    /// `tools` (or OpenAI's old `functions`) is a list and not empty.
    pub tools: bool,
    /// A part of a message, or of a tool's result, is an image. A text that looks like one is not.
    pub images: bool,
    /// The last message is the assistant's: the answer is to go on from it.
    pub prefill: bool,
    /// Some message is the assistant's, or the request builds on a stored response: this is no first turn.
    pub assistant_turn: bool,
    /// Reasoning is asked for: `reasoning_effort` but `none`, `reasoning`, `thinking` enabled or adaptive, `enable_thinking`,
    /// Gemini's `thinkingConfig` with a budget. An answer may then be silent for long.
    pub reasoning: bool,
    /// The most that the answer may have, in tokens; the largest where several are given.
    pub max_tokens: Option<u64>,
    pub messages: usize,
    /// Tokens of the input, roughly: a quarter of the body's bytes without its images and documents, of which each counts
    /// flat. About right for English text and code; JSON around it counts too.
    pub estimated_tokens: u64,
    /// Identifies the conversation: the system prompt and everything up to and including the user's first turn. The same in all
    /// later turns of it, whatever the model. `None` when the user has no turn.
    pub prefix_hash: Option<u64>,
    /// The client's own name for the session: `prompt_cache_key`, or the session in Claude Code's `metadata.user_id`.
    pub session: Option<String>,
    /// Right after the opening brace, where a new member can go.
    pub insert_at: usize,
    /// The object has no members: no comma after what is inserted.
    pub empty: bool,
}

/// A string value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Where it stands, with its quotes.
    pub span: Range<usize>,
    /// What it spells.
    pub value: String,
}

/// OpenAI's `stream_options`, as far as the usage of a stream goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamOptions {
    Absent,
    /// `null`, standing there.
    Null(Range<usize>),
    /// An object without `include_usage`: `inside` is right after its brace, `empty` says that no comma is needed.
    Unsaid {
        inside: usize,
        empty: bool,
    },
    /// `include_usage` has its value there; `asked`: it is true.
    Said {
        value: Range<usize>,
        asked: bool,
    },
    /// Something that the vendor will refuse.
    Wrong,
}

impl StreamOptions {
    /// Whether the client wants to see the usage of the stream.
    pub fn asked(&self) -> bool {
        matches!(self, StreamOptions::Said { asked: true, .. })
    }
}

/// Reads the traits of a request body. See [`Scan`] for what is found and [`ScanError`] for what is refused.
pub fn scan(body: &[u8], subject: Subject) -> Result<Scan, ScanError> {
    request::read(body, subject).map_err(|error| *error)
}
