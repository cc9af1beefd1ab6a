//! What an import did not carry over as it was, each with its place.

use serde::Serialize;

use crate::config::file::Node;
use crate::config::objects::path_to;
use crate::config::text::{Span, Text};

/// How much of it came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Nothing: there is no such thing here.
    LeftOut,
    /// All, but it means something slightly else here.
    Changed,
}

/// One thing to know about an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    pub weight: Weight,
    /// Where it stands in the text that was imported: `model_list[0].litellm_params.rpm`.
    pub place: String,
    /// From 1; absent where the text was read as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Without values of the text: some are secrets.
    pub message: String,
}

/// The notes of one import.
pub(super) struct Notes<'t> {
    text: &'t Text,
    root: &'t Node,
    list: Vec<Note>,
}

impl<'t> Notes<'t> {
    pub(super) fn new(text: &'t Text, root: &'t Node) -> Notes<'t> {
        Notes {
            text,
            root,
            list: Vec::new(),
        }
    }

    pub(super) fn left_out(&mut self, span: Span, message: impl Into<String>) {
        self.push(Weight::LeftOut, span, message.into());
    }

    pub(super) fn changed(&mut self, span: Span, message: impl Into<String>) {
        self.push(Weight::Changed, span, message.into());
    }

    fn push(&mut self, weight: Weight, span: Span, message: String) {
        let note = Note {
            weight,
            place: path_to(self.root, span),
            line: Some(self.text.position(span.start).line),
            message,
        };
        if !self.list.contains(&note) {
            self.list.push(note);
        }
    }

    /// In the order of the text.
    pub(super) fn done(mut self) -> Vec<Note> {
        self.list.sort_by_key(|note| note.line);
        self.list
    }
}
