//! The place in a client's stream of items.

use crate::ir::{Body, Reply};
use crate::wire::convert::Telling;
use crate::wire::json::{Document, Value};
use crate::wire::resume::{Kind, parts};
use crate::wire::{Bookmark, Landing};

use super::items;
use super::stream_write::{Place, StreamWriter};

/// Knows the numbers, and the items that are finished: the last event repeats them.
#[derive(Default)]
pub(super) struct ItemMark {
    document: Document,
    begun: bool,
    place: Place,
    item: Item,
    /// Between the events that end a part, nothing else fits.
    between: bool,
    closed: bool,
}

/// The item that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Item {
    #[default]
    Nothing,
    Message {
        in_part: bool,
    },
    Reasoning,
}

impl ItemMark {
    fn added(&mut self, event: Value<'_, '_>) {
        let Some(item) = event.member("item") else {
            return;
        };
        let index = event.member("output_index").and_then(Value::count);
        let in_turn = index.is_none_or(|index| index == self.place.items);
        self.closed |= self.item != Item::Nothing || !in_turn;
        self.place.id = item.member_text("id").unwrap_or_default().into_owned();
        self.place.content.clear();
        self.place.parts = 0;
        self.place.in_summary = false;
        match item.member_text("type").as_deref() {
            Some("message") => self.item = Item::Message { in_part: false },
            Some("reasoning") => self.item = Item::Reasoning,
            _ => self.closed = true,
        }
    }

    fn done(&mut self, event: Value<'_, '_>) {
        let Some(item) = event.member("item") else {
            return;
        };
        add(&mut self.place.output, item);
        self.place.items += 1;
        self.item = Item::Nothing;
        self.between = false;
    }

    fn part_added(&mut self, event: Value<'_, '_>) {
        self.between = false;
        if self.item == Item::Reasoning {
            return;
        }
        let part = event.member("part");
        let is_text =
            part.and_then(|part| part.member_text("type")).as_deref() == Some("output_text");
        let index = event.member("content_index").and_then(Value::count);
        let in_turn = index.is_none_or(|index| index == self.place.parts);
        self.closed |= self.item != (Item::Message { in_part: false }) || !is_text || !in_turn;
        self.item = Item::Message { in_part: true };
    }

    fn part_done(&mut self, event: Value<'_, '_>) {
        self.between = self.item == Item::Reasoning;
        if let (Item::Message { .. }, Some(part)) = (self.item, event.member("part")) {
            add(&mut self.place.content, part);
            self.place.parts += 1;
            self.item = Item::Message { in_part: false };
        }
    }
}

impl Bookmark for ItemMark {
    fn see(&mut self, _name: Option<&[u8]>, data: &[u8]) {
        // What reads it and what it changes are apart.
        let mut document = std::mem::take(&mut self.document);
        if let Ok(event) = document.read(data) {
            let number = event.member("sequence_number").and_then(Value::count);
            self.place.number = number.map_or(self.place.number + 1, |number| number + 1);
            let kind = event.member_text("type").unwrap_or_default();
            match kind.strip_prefix("response.").unwrap_or(&kind) {
                "created" => self.begun = true,
                "output_item.added" => self.added(event),
                "output_item.done" => self.done(event),
                "content_part.added" => self.part_added(event),
                "content_part.done" => self.part_done(event),
                "reasoning_summary_part.added" => {
                    self.place.in_summary = true;
                    self.between = false;
                }
                "reasoning_summary_part.done" => {
                    self.place.in_summary = false;
                    self.between = false;
                }
                "output_text.done" | "reasoning_summary_text.done" | "reasoning_text.done" => {
                    self.between = true;
                }
                "in_progress"
                | "queued"
                | "output_text.delta"
                | "reasoning_summary_text.delta"
                | "reasoning_text.delta" => {}
                "keepalive" | "ping" => {}
                // An end, an error, or what only belongs to parts that cannot be gone on with.
                _ => self.closed = true,
            }
        }
        self.document = document;
    }

    fn is_open(&self) -> bool {
        !self.closed
    }

    fn writer(
        &self,
        telling: Telling,
        said: &Reply<'static>,
        open: Option<Kind>,
    ) -> Option<Landing> {
        let last = parts(said).last().map(|part| &part.body);
        let (opened, last) = match (self.item, last) {
            _ if self.between => return None,
            (Item::Nothing | Item::Message { in_part: false }, _) => (None, None),
            (Item::Message { in_part: true }, Some(last @ Body::Text(_))) if open.is_some() => {
                (Some(Kind::Text), Some(last))
            }
            // Nothing was said in it yet.
            (Item::Message { in_part: true }, _) => (Some(Kind::Text), None),
            (Item::Reasoning, Some(last @ Body::Thinking(_))) if open.is_some() => {
                (Some(Kind::Thinking), Some(last))
            }
            (Item::Reasoning, _) => return None,
        };
        let mut writer = StreamWriter::new(telling);
        if self.begun {
            let is_message = matches!(self.item, Item::Message { .. });
            writer.land(&said.start, &self.place, is_message);
            writer.land_in(opened, last, &self.place);
        }
        Some((Box::new(writer), opened))
    }
}

/// Adds a value to what stands in a list.
fn add(list: &mut Vec<u8>, value: Value<'_, '_>) {
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(items::one_line(value.raw()).as_bytes());
}
