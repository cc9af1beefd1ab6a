//! The place in a client's stream of answers.

use crate::ir::Reply;
use crate::wire::convert::Telling;
use crate::wire::json::{Document, Value};
use crate::wire::resume::Kind;
use crate::wire::{Bookmark, Landing};

use super::stream_write::Writer;

/// Every piece is a part of its own, so that nothing is ever open.
#[derive(Default)]
pub(super) struct PieceMark {
    document: Document,
    begun: bool,
    closed: bool,
}

impl Bookmark for PieceMark {
    fn see(&mut self, _name: Option<&[u8]>, data: &[u8]) {
        let Ok(piece) = self.document.read(data) else {
            return;
        };
        self.closed |= piece.member("error").is_some() || piece.member("promptFeedback").is_some();
        let candidates = piece.member("candidates").into_iter();
        for candidate in candidates.flat_map(Value::items) {
            let is_first = candidate
                .member("index")
                .and_then(Value::count)
                .is_none_or(|n| n == 0);
            let has_ended = candidate
                .member("finishReason")
                .is_some_and(|r| !r.is_null());
            self.closed |= !is_first || has_ended;
            let parts = candidate.member("content").and_then(|c| c.member("parts"));
            for part in parts.into_iter().flat_map(Value::items) {
                self.begun = true;
                let mut keys = part.members();
                self.closed |=
                    keys.any(|(key, _)| !matches!(&*key, "text" | "thought" | "thoughtSignature"));
            }
        }
    }

    fn is_open(&self) -> bool {
        !self.closed
    }

    fn writer(
        &self,
        telling: Telling,
        _said: &Reply<'static>,
        _open: Option<Kind>,
    ) -> Option<Landing> {
        let mut writer = Writer::new(telling);
        if self.begun {
            writer.land();
        }
        Some((Box::new(writer), None))
    }
}
