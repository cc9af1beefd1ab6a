//! `reasoning_details`: reasoning piece by piece, as OpenRouter tells it and wants it back.

use crate::ir::{At, Body, Part, Said, Str, Thinking};
use crate::wire::json::{Kind, Value};

use super::request_read::filled;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DetailKind {
    Text,
    Summary,
    /// There is nothing to show; all is in the seal.
    Encrypted,
}

/// One piece.
#[derive(Debug, Clone)]
pub(super) struct Detail<'a> {
    pub(super) at: At,
    pub(super) kind: DetailKind,
    pub(super) text: Str<'a>,
    pub(super) seal: Option<Said<Str<'a>>>,
    pub(super) id: Option<Str<'a>>,
    /// Of the block of reasoning that it is a piece of.
    pub(super) index: Option<u64>,
}

impl<'a> Detail<'a> {
    /// `None`: a kind that is not known. What is known but has no place in the vocabulary goes to `unsaid`.
    pub(super) fn read(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Option<Detail<'a>> {
        let kind = match value.member_text("type").as_deref() {
            Some("reasoning.text") => DetailKind::Text,
            Some("reasoning.summary") => DetailKind::Summary,
            Some("reasoning.encrypted") => DetailKind::Encrypted,
            _ => return None,
        };
        let mut detail = Detail {
            at: value.at(),
            kind,
            text: "".into(),
            seal: None,
            id: None,
            index: None,
        };
        for (key, value) in filled(value) {
            let text = || value.text().filter(|text| !text.is_empty());
            match &*key {
                "type" => {}
                "index" => detail.index = value.count(),
                "text" | "summary" => detail.text = value.text().unwrap_or_default(),
                "signature" | "data" => {
                    detail.seal = text().map(|text| Said::new(value.at(), text));
                }
                "id" => detail.id = text(),
                _ => unsaid.push(value.at()),
            }
        }
        Some(detail)
    }

    /// A thinking part that begins with this piece, without its text and seal.
    pub(super) fn head(&self) -> Part<'a> {
        let thinking = Thinking {
            id: self.id.clone(),
            ..Thinking::default()
        };
        Part::new(self.at, Body::Thinking(thinking))
    }

    /// A thinking part of nothing but the seal.
    pub(super) fn redacted(self) -> Part<'a> {
        let thinking = Thinking {
            seal: self.seal,
            id: self.id,
            redacted: true,
            ..Thinking::default()
        };
        Part::new(self.at, Body::Thinking(thinking))
    }
}

/// Whether pieces say any words, so that what is said beside them (`reasoning`) is the same once more.
pub(super) fn has_words(details: Value<'_, '_>) -> bool {
    let is_filled = |value: Value<'_, '_>| value.kind() == Kind::Text && value.raw().len() > 2;
    details.items().any(|detail| {
        let words = detail.member("text").or(detail.member("summary"));
        words.is_some_and(is_filled)
    })
}

/// Thinking parts of a turn, put together of pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// The block that the last part is.
    index: Option<u64>,
}

impl<'a> Pieces<'a> {
    /// Reasoning that stands by itself, not in pieces.
    pub(super) fn add_words(&mut self, words: Said<Str<'a>>) {
        let thinking = Thinking {
            text: words.value,
            ..Thinking::default()
        };
        self.index = None;
        self.parts
            .push(Part::new(words.at, Body::Thinking(thinking)));
    }

    pub(super) fn add(&mut self, detail: Detail<'a>) {
        let goes_on = self.index.is_none() || detail.index.is_none() || self.index == detail.index;
        let last = self.last().filter(|last| goes_on && last.seal.is_none());
        if detail.kind == DetailKind::Encrypted {
            match last {
                Some(last) => last.seal = detail.seal,
                None => {
                    self.index = detail.index;
                    self.parts.push(detail.redacted());
                }
            }
            return;
        }
        if last.is_none() {
            self.index = detail.index;
            self.parts.push(detail.head());
        }
        let Some(last) = self.last() else {
            return;
        };
        match detail.kind {
            DetailKind::Summary => match last.summaries.last_mut() {
                Some(summary) => summary.to_mut().push_str(&detail.text),
                None => last.summaries.push(detail.text),
            },
            DetailKind::Text | DetailKind::Encrypted if last.text.is_empty() => {
                last.text = detail.text;
            }
            DetailKind::Text | DetailKind::Encrypted => last.text.to_mut().push_str(&detail.text),
        }
        last.seal = detail.seal.or(last.seal.take());
    }

    fn last(&mut self) -> Option<&mut Thinking<'a>> {
        let part = self.parts.last_mut()?;
        let Body::Thinking(thinking) = &mut part.body else {
            return None;
        };
        Some(thinking)
    }

    /// All words, as `reasoning` says them beside the pieces.
    pub(super) fn words(&self) -> String {
        let mut words = String::new();
        for part in &self.parts {
            if let Body::Thinking(thinking) = &part.body {
                thinking.summaries.iter().for_each(|s| words.push_str(s));
                words.push_str(&thinking.text);
            }
        }
        words
    }
}
