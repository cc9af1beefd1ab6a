//! Reasoning in a stream for a client.
//!
//! Its words are told as summaries, since these are what clients show; only what a vendor tells beside its summaries is
//! `reasoning_text`.

use crate::ir::{self, Delta, Str};

use super::items::{Shown, write_words};
use super::sequence::Sequence;

/// A reasoning item that is being written. It may hold nothing but its seal.
pub(super) struct Thinking {
    pub(super) id: String,
    pub(super) seal: Option<String>,
    summaries: Vec<Str<'static>>,
    /// The last summary is open.
    in_summary: bool,
    /// The vendor tells summaries itself.
    has_own: bool,
    /// `reasoning_text`; open if it is not empty.
    text: String,
}

impl Thinking {
    pub(super) fn new(id: String) -> Thinking {
        Thinking {
            id,
            seal: None,
            summaries: Vec::new(),
            in_summary: false,
            has_own: false,
            text: String::new(),
        }
    }

    /// One that has said something already. `in_summary`: its last summary is open.
    pub(super) fn at(id: String, said: &ir::Thinking<'_>, in_summary: bool) -> Thinking {
        let own = |text: &Str<'_>| Str::Owned(text.clone().into_owned());
        Thinking {
            seal: said.seal.as_ref().map(|seal| seal.value.to_string()),
            summaries: said.summaries.iter().map(own).collect(),
            in_summary,
            has_own: !said.text.is_empty(),
            text: said.text.to_string(),
            ..Thinking::new(id)
        }
    }

    /// What the part brought with it when it opened.
    pub(super) fn open(
        &mut self,
        thinking: ir::Thinking<'_>,
        wire: &mut Sequence,
        out: &mut Vec<u8>,
    ) {
        for summary in thinking.summaries {
            self.delta(&Delta::NextSummary, wire, out);
            self.delta(&Delta::Summary(summary), wire, out);
        }
        self.delta(&Delta::Thinking(thinking.text), wire, out);
        self.seal = thinking.seal.map(|seal| seal.value.into_owned());
    }

    pub(super) fn delta(&mut self, delta: &Delta<'_>, wire: &mut Sequence, out: &mut Vec<u8>) {
        match delta {
            Delta::NextSummary => {
                self.has_own = true;
                self.next_summary(wire, out);
            }
            Delta::Summary(words) => {
                self.has_own = true;
                self.summary(words, wire, out);
            }
            Delta::Thinking(words) if self.has_own => self.words(words, wire, out),
            Delta::Thinking(words) => self.summary(words, wire, out),
            // They belong to other parts.
            Delta::Text(_)
            | Delta::Refusal(_)
            | Delta::Seal(_)
            | Delta::Arguments(_)
            | Delta::Citation(_)
            | Delta::Logprobs(_)
            | Delta::Audio(_)
            | Delta::Transcript(_) => {}
        }
    }

    fn summary(&mut self, words: &str, wire: &mut Sequence, out: &mut Vec<u8>) {
        if words.is_empty() {
            return;
        }
        if !self.in_summary {
            self.next_summary(wire, out);
        }
        let index = self.index();
        if let Some(last) = self.summaries.last_mut() {
            last.to_mut().push_str(words);
        }
        wire.item_event("response.reasoning_summary_text.delta", out, |w| {
            w.key("summary_index").number(index);
            w.key("delta").text(words);
        });
    }

    fn next_summary(&mut self, wire: &mut Sequence, out: &mut Vec<u8>) {
        self.close_summary(wire, out);
        self.summaries.push("".into());
        self.in_summary = true;
        let index = self.index();
        wire.item_event("response.reasoning_summary_part.added", out, |w| {
            w.key("summary_index").number(index).key("part");
            write_words("summary_text", "", w);
        });
    }

    fn close_summary(&mut self, wire: &mut Sequence, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.in_summary) {
            return;
        }
        let index = self.index();
        let words = self.summaries.last().map_or("", |words| &**words);
        wire.item_event("response.reasoning_summary_text.done", out, |w| {
            w.key("summary_index").number(index);
            w.key("text").text(words);
        });
        wire.item_event("response.reasoning_summary_part.done", out, |w| {
            w.key("summary_index").number(index).key("part");
            write_words("summary_text", words, w);
        });
    }

    /// The index of the last summary.
    fn index(&self) -> u64 {
        self.summaries.len().saturating_sub(1) as u64
    }

    fn words(&mut self, words: &str, wire: &mut Sequence, out: &mut Vec<u8>) {
        if words.is_empty() {
            return;
        }
        self.close_summary(wire, out);
        if self.text.is_empty() {
            wire.item_event("response.content_part.added", out, |w| {
                w.key("content_index").number(0).key("part");
                write_words("reasoning_text", "", w);
            });
        }
        self.text.push_str(words);
        wire.item_event("response.reasoning_text.delta", out, |w| {
            w.key("content_index").number(0).key("delta").text(words);
        });
    }

    /// Closes what is open of it. The item itself is the caller's to finish.
    pub(super) fn close(&mut self, wire: &mut Sequence, out: &mut Vec<u8>) {
        self.close_summary(wire, out);
        if self.text.is_empty() {
            return;
        }
        let words = &*self.text;
        wire.item_event("response.reasoning_text.done", out, |w| {
            w.key("content_index").number(0).key("text").text(words);
        });
        wire.item_event("response.content_part.done", out, |w| {
            w.key("content_index").number(0).key("part");
            write_words("reasoning_text", words, w);
        });
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        Shown {
            summaries: &self.summaries,
            text: &self.text,
            seal: self.seal.as_deref(),
        }
    }
}
