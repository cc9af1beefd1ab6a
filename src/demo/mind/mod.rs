//! What the demo vendor says, apart from any format: a conversation in, an answer out.
//!
//! Owns the rules by which it answers ([`think`]), the phrases in a prompt that steer it ([`wish`]), arguments that
//! are legal for a tool's schema ([`schema`]), and the counting of tokens ([`tokens`]). It never sees a wire format
//! and never looks at a clock or dice: the same conversation gets the same answer.
//! Start at [`Ask`], the conversation as a format's reader gives it, and [`Thought`], the answer its writer spells.

mod schema;
mod think;
mod tokens;
mod wish;

use serde_json::Value;

pub(super) use think::think;
pub(super) use tokens::{Caching, Spent, estimate, pieces};

/// A conversation that wants an answer.
#[derive(Debug, Default)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) turns: Vec<Turn>,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    /// Whether several calls in one answer are welcome.
    pub(super) parallel: bool,
    pub(super) max_tokens: Option<u64>,
    pub(super) stop: Vec<String>,
    pub(super) reasoning: Reasoning,
    /// The schema that the answer's text has to obey, where one is asked for.
    pub(super) schema: Option<Value>,
    pub(super) stream: bool,
    /// The prompt in the order in which a prompt cache sees it: tools, system, messages.
    pub(super) sections: Vec<Section>,
}

/// A part of the prompt, for counting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) tokens: u64,
    /// Whether the client set a cache breakpoint behind it.
    pub(super) marked: bool,
    /// Whether it is an assistant's turn.
    pub(super) assistant: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
}

/// One turn. What a tool gave back stands in a user's turn, whichever role the format gives it.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) role: Role,
    pub(super) text: String,
    pub(super) images: Vec<Image>,
    pub(super) results: Vec<String>,
    /// How many tools an assistant's turn called.
    pub(super) calls: usize,
}

impl Turn {
    pub(super) fn new(role: Role) -> Turn {
        Turn {
            role,
            text: String::new(),
            images: Vec::new(),
            results: Vec::new(),
            calls: 0,
        }
    }

    /// Adds a paragraph.
    pub(super) fn say(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }
}

/// An image or another attachment that the vendor pretends to look at.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) media_type: String,
    /// Size after base64, or `None` for a URL.
    pub(super) bytes: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) schema: Value,
}

/// What the client says about using tools.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    #[default]
    Auto,
    None,
    Any,
    Named(String),
}

/// Whether to reason before answering, and what the client sees of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reasoning {
    #[default]
    Off,
    /// Counted, not shown.
    Hidden,
    Shown,
}

/// An answer, in pieces of about one token: a stream has an event for each.
#[derive(Debug, Default)]
pub(super) struct Thought {
    pub(super) thinking: Vec<String>,
    /// The thinking is of the kind that the vendor does not show in the clear.
    pub(super) redacted: bool,
    pub(super) text: Vec<String>,
    pub(super) refused: bool,
    pub(super) calls: Vec<Call>,
    pub(super) end: End,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) name: String,
    /// A JSON object.
    pub(super) arguments: String,
}

/// Why an answer ends.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Done,
    Tools,
    MaxTokens,
    Stop(String),
    Refusal,
}

impl Thought {
    pub(super) fn text(&self) -> String {
        self.text.concat()
    }

    pub(super) fn thinking(&self) -> String {
        self.thinking.concat()
    }

    /// Tokens of the answer: reasoning, and everything else.
    pub(super) fn spent(&self) -> (u64, u64) {
        let calls: u64 = self.calls.iter().map(|c| 8 + estimate(&c.arguments)).sum();
        let said: u64 = self.text.iter().map(|p| piece_tokens(p)).sum();
        (self.thinking.len() as u64, said + calls)
    }
}

/// A piece counts one, but for those that a fault script has blown up.
fn piece_tokens(piece: &str) -> u64 {
    if piece.len() > 64 { estimate(piece) } else { 1 }
}
