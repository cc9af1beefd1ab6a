use std::fmt;

use crate::config::Quota;
use crate::ir::Format;

/// What a request asks of an endpoint, as found by the scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The client's format.
    pub format: Format,
    /// Another format that the request can be said in, though not in all of them (embeddings).
    pub also: Option<Format>,
    /// The request can be said in other formats too, and asked for in another manner (as a stream, or whole) than the
    /// client's: a conversation, unless its model is `direct`.
    pub convertible: bool,
    pub path: PathKind,
    pub stream: bool,
    pub tools: bool,
    pub images: bool,
    /// The last message is the assistant's and has to be continued.
    pub prefill: bool,
    /// Of the input; compared with `max_context`.
    pub estimated_tokens: u64,
    /// Session header or prefix hash, as one number. `None`: never sticky.
    pub conversation: Option<u64>,
    /// The request has an assistant turn: only then its conversation is looked up (first turns are balanced).
    pub later_turn: bool,
    /// The providers whose opaque state the request holds: of equals they are asked first, whatever the strategy.
    pub issuers: Vec<usize>,
    /// What it takes of an endpoint's quota. `None`: nothing (tokens are counted).
    pub draw: Option<Draw>,
}

/// What a request may take of a quota of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Estimated.
    pub input: u64,
    /// The most that the answer may have, as the request says. `None`: it does not say.
    pub output: Option<u64>,
}

impl Draw {
    /// An answer's tokens where the request sets them no limit.
    pub const USUAL_OUTPUT: u64 = 4096;

    /// The tokens to reserve. A guess makes no request larger than the whole quota.
    pub fn tokens(self, quota: &Quota) -> u64 {
        let output = self.output.unwrap_or_else(|| {
            let most = quota.tokens.unwrap_or(u64::MAX);
            Draw::USUAL_OUTPUT.min(most.saturating_sub(self.input))
        });
        self.input.saturating_add(output)
    }
}

impl Needs {
    /// The least a request can need: a whole answer on a chat path in that format.
    pub fn of(format: Format) -> Needs {
        Needs {
            format,
            also: None,
            convertible: false,
            path: PathKind::Chat,
            stream: false,
            tools: false,
            images: false,
            prefill: false,
            estimated_tokens: 0,
            conversation: None,
            later_turn: false,
            draw: None,
            issuers: Vec::new(),
        }
    }
}

/// Whether a 404 says something about the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// Conversations: every endpoint of the format has the path, so a 404 means an unknown model.
    Chat,
    /// Embeddings, images, moderations, …: a 404 may mean that the vendor has no such path.
    Other,
}

/// One reason why an endpoint cannot serve a request at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lack {
    /// The endpoint, its provider or every one of its keys is switched off.
    Disabled,
    Format,
    Streaming,
    NonStreaming,
    Tools,
    Images,
    Prefill,
    /// `estimated_tokens` is over `max_context`, or the vendor said that it does not fit.
    Context,
    /// The client's own credential was already given to another provider.
    Credential,
    /// The request may take more tokens than the endpoint's quota has in all.
    Quota,
}

impl Lack {
    pub const ALL: [Lack; 10] = [
        Lack::Disabled,
        Lack::Format,
        Lack::Streaming,
        Lack::NonStreaming,
        Lack::Tools,
        Lack::Images,
        Lack::Prefill,
        Lack::Context,
        Lack::Credential,
        Lack::Quota,
    ];
}

/// A set of [`Lack`]s.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Lacks(u16);

impl fmt::Debug for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Lacks {
    pub fn add(&mut self, lack: Lack) {
        self.0 |= 1 << lack as u16;
    }

    pub fn merge(&mut self, other: Lacks) {
        self.0 |= other.0;
    }

    pub fn has(self, lack: Lack) -> bool {
        self.0 & (1 << lack as u16) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Lack> {
        Lack::ALL.into_iter().filter(move |lack| self.has(*lack))
    }
}
