//! The events of a stream for a client: their names, their numbers, and the item that they are about.

use crate::wire::json::{Document, Writer};
use crate::wire::sse;

/// How events are put on the wire.
#[derive(Default)]
pub(super) struct Sequence {
    number: u64,
    /// What every event about the open item says of where it belongs.
    place: Vec<u8>,
    /// How much of that is about the item as a whole.
    item_place: usize,
}

impl Sequence {
    /// Writes an event: its name, its number, and what `write` adds.
    pub(super) fn event(
        &mut self,
        name: &'static str,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Writer<'_>),
    ) {
        self.head(name, out);
        out.push(b',');
        write(&mut Writer::new(out));
        out.extend_from_slice(b"}\n\n");
    }

    /// Writes an event about the open item.
    pub(super) fn item_event(
        &mut self,
        name: &'static str,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Writer<'_>),
    ) {
        self.head(name, out);
        out.extend_from_slice(&self.place);
        out.push(b',');
        write(&mut Writer::new(out));
        out.extend_from_slice(b"}\n\n");
    }

    /// An item is open from here on.
    pub(super) fn set_place(&mut self, id: &str, index: u64) {
        self.place.clear();
        self.place.push(b',');
        let mut w = Writer::new(&mut self.place);
        w.key("item_id").text(id).key("output_index").number(index);
        self.item_place = self.place.len();
    }

    /// A part of the open message is open from here on.
    pub(super) fn set_content(&mut self, index: u64) {
        self.place.truncate(self.item_place);
        self.place.extend_from_slice(b",\"content_index\":");
        let mut number = itoa::Buffer::new();
        self.place
            .extend_from_slice(number.format(index).as_bytes());
    }

    /// The number of the next event.
    pub(super) fn next(&mut self) -> u64 {
        let number = self.number;
        self.number += 1;
        number
    }

    fn head(&mut self, name: &'static str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: {\"type\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"sequence_number\":");
        out.extend_from_slice(itoa::Buffer::new().format(self.next()).as_bytes());
    }
}

/// The highest number that these events say.
pub(super) fn last_in(events: &[u8]) -> Option<u64> {
    let mut document = Document::default();
    let numbers = sse::events(events).filter_map(|event| {
        let data = event.data?;
        let root = document.read(&data).ok()?;
        root.member("sequence_number")?.count()
    });
    numbers.max()
}
