//! The place in a client's stream of blocks.

use crate::ir::Reply;
use crate::wire::convert::Telling;
use crate::wire::json::{Document, Value};
use crate::wire::resume::Kind;
use crate::wire::{Bookmark, Landing};

use super::stream_write::StreamWriter;

#[derive(Default)]
pub(super) struct BlockMark {
    document: Document,
    started: bool,
    /// How many blocks have begun.
    blocks: u64,
    /// The block that is open: the last one.
    open: Option<Kind>,
    closed: bool,
}

impl Bookmark for BlockMark {
    fn see(&mut self, _name: Option<&[u8]>, data: &[u8]) {
        let Ok(event) = self.document.read(data) else {
            return;
        };
        let index = event.member("index").and_then(Value::count);
        match event.member_text("type").as_deref() {
            Some("message_start") => self.started = true,
            Some("content_block_start") => {
                let block = event.member("content_block");
                self.open = match block.and_then(|b| b.member_text("type")).as_deref() {
                    Some("text") => Some(Kind::Text),
                    Some("thinking") => Some(Kind::Thinking),
                    _ => None,
                };
                let in_turn = index.is_none_or(|index| index == self.blocks);
                self.closed |= self.open.is_none() || !in_turn;
                self.blocks += 1;
            }
            Some("content_block_stop") => {
                self.closed |= index.is_some_and(|index| index + 1 != self.blocks);
                self.open = None;
            }
            Some("message_delta" | "message_stop" | "error") => self.closed = true,
            _ => {}
        }
    }

    fn is_open(&self) -> bool {
        !self.closed
    }

    fn writer(
        &self,
        telling: Telling,
        _said: &Reply<'static>,
        open: Option<Kind>,
    ) -> Option<Landing> {
        if self.open.is_some() && self.open != open {
            return None;
        }
        let mut writer = StreamWriter::new(telling);
        if self.started {
            writer.land(self.blocks, self.open);
        }
        Some((Box::new(writer), self.open))
    }
}
