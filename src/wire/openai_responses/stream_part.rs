//! The part of a vendor's stream that is open, and how much of it was told.
//!
//! Vendors say the same up to three times: in deltas, in `done` events, and in the finished item. What was told is counted,
//! so that each is told once, and whatever of the three is missing does no harm.

use crate::ir::{Citation, Delta, Event, Json, Str};
use crate::wire::json::{Document, Kind};

use super::input_read::BETWEEN;

pub(super) type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// The part that is open.
pub(super) struct Open {
    /// Position of its item.
    pub(super) item: usize,
    /// The vendor has said that it is complete; its item's end may still add to it.
    pub(super) complete: bool,
    pub(super) what: What,
}

pub(super) enum What {
    /// `part`: its index in the message.
    Text {
        part: u64,
        told: usize,
        citations: usize,
        logprobs: usize,
    },
    Refusal {
        part: u64,
        told: usize,
    },
    Thinking {
        summary: Told,
        text: Told,
    },
    Call {
        text: String,
    },
}

/// Words that came: a piece of a text, or the whole of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Words<'w> {
    More(&'w str),
    Whole(&'w str),
}

impl<'w> Words<'w> {
    /// What of them is new after `told` bytes of their text.
    fn after(self, told: usize) -> &'w str {
        match self {
            Words::More(words) => words,
            Words::Whole(words) => words.get(told..).unwrap_or_default(),
        }
    }
}

/// How far a list of texts was told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// The index of the last, and how much of it.
    last: Option<(u64, usize)>,
}

impl Told {
    /// Takes in more of the text at `index`. Gives whether it is another text than before, and what of it is new.
    fn more<'w>(&mut self, index: u64, words: Words<'w>) -> (bool, &'w str) {
        let (is_new, told) = match self.last {
            Some((last, told)) if last == index => (false, told),
            // Of an earlier one all was told.
            Some((last, _)) if last > index => return (false, ""),
            Some(_) | None => (true, 0),
        };
        let new = words.after(told);
        self.last = Some((index, told + new.len()));
        (is_new, new)
    }

    fn index(self) -> u64 {
        self.last.map_or(0, |(index, _)| index)
    }
}

impl Open {
    /// Whether nothing more is to come but what its item's end repeats: the vendor said so, or it is a call whose arguments
    /// are whole by themselves.
    pub(super) fn is_complete(&self) -> bool {
        if self.complete {
            return true;
        }
        let What::Call { text } = &self.what else {
            return false;
        };
        let mut document = Document::default();
        let value = document.read(text.as_bytes());
        value.is_ok_and(|value| value.kind() == Kind::Object)
    }

    /// Words of the part, if it is a text, a refusal or a call; anything else takes none.
    pub(super) fn say(&mut self, words: Words<'_>, tell: Tell<'_>) {
        let new = match &mut self.what {
            What::Text { told, .. } | What::Refusal { told, .. } => {
                let new = words.after(*told);
                *told += new.len();
                new
            }
            What::Call { text } => {
                let new = words.after(text.len());
                text.push_str(new);
                new
            }
            What::Thinking { .. } => "",
        };
        // An empty whole says nothing: some servers write it where they mean that nothing was said yet.
        self.complete |= matches!(words, Words::Whole(words) if !words.is_empty());
        if new.is_empty() {
            return;
        }
        let new = Str::Borrowed(new);
        let delta = match self.what {
            What::Text { .. } => Delta::Text(new),
            What::Refusal { .. } => Delta::Refusal(new),
            What::Call { .. } => Delta::Arguments(new),
            What::Thinking { .. } => return,
        };
        tell_delta(delta, tell);
    }

    pub(super) fn cite(&mut self, citation: Citation<'_>, tell: Tell<'_>) {
        if let What::Text { citations, .. } = &mut self.what {
            *citations += 1;
            tell_delta(Delta::Citation(citation), tell);
        }
    }

    /// All citations of a text.
    pub(super) fn cite_all(&mut self, all: Vec<Citation<'_>>, tell: Tell<'_>) {
        let What::Text { citations, .. } = self.what else {
            return;
        };
        for citation in all.into_iter().skip(citations) {
            self.cite(citation, tell);
        }
    }

    /// Log probabilities: those of a delta, or all.
    pub(super) fn count(&mut self, tokens: Vec<Json<'_>>, are_all: bool, tell: Tell<'_>) {
        let What::Text { logprobs, .. } = &mut self.what else {
            return;
        };
        let skip = if are_all { *logprobs } else { 0 };
        let new: Vec<_> = tokens.into_iter().skip(skip).collect();
        *logprobs += new.len();
        if !new.is_empty() {
            tell_delta(Delta::Logprobs(new), tell);
        }
    }

    pub(super) fn summarize(&mut self, index: Option<u64>, words: Words<'_>, tell: Tell<'_>) {
        let What::Thinking { summary, .. } = &mut self.what else {
            return;
        };
        let index = index.unwrap_or(summary.index());
        let (is_new, new) = summary.more(index, words);
        if is_new {
            tell_delta(Delta::NextSummary, tell);
        }
        if !new.is_empty() {
            tell_delta(Delta::Summary(new.into()), tell);
        }
    }

    pub(super) fn reason(&mut self, index: Option<u64>, words: Words<'_>, tell: Tell<'_>) {
        let What::Thinking { text, .. } = &mut self.what else {
            return;
        };
        let index = index.unwrap_or(text.index());
        let is_first = text.last.is_none();
        let (is_new, new) = text.more(index, words);
        if is_new && !is_first {
            tell_delta(Delta::Thinking(BETWEEN.into()), tell);
        }
        if !new.is_empty() {
            tell_delta(Delta::Thinking(new.into()), tell);
        }
    }
}

pub(super) fn tell_delta(delta: Delta<'_>, tell: Tell<'_>) {
    tell(Event::Delta { choice: 0, delta });
}
