use crate::ir::Event;
use crate::wire::json::{Document, Kind};
use crate::wire::{EventReader, Unheard, error};

use super::answer::Answer;

/// Reads a vendor's stream. A reason to stop is told when the stream is over, since vendors say it more than once, and say
/// more after it: usage, the rest of the reasoning, or that the answer failed after all.
pub(super) struct StreamReader {
    document: Document,
    answer: Answer,
}

impl StreamReader {
    pub(super) fn new(seed: &str) -> StreamReader {
        StreamReader {
            document: Document::default(),
            answer: Answer::new(seed),
        }
    }
}

impl EventReader for StreamReader {
    fn read(
        &mut self,
        name: Option<&[u8]>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        if self.answer.is_finished() {
            return Ok(());
        }
        if data.trim_ascii_start().starts_with(b"[DONE]") {
            self.answer.finish(tell);
            return Ok(());
        }
        if name == Some(b"error") {
            return Err(Unheard::Fault(Box::new(error::read(None, data))));
        }
        let chunk = self.document.read(data).map_err(|_| Unheard::Malformed)?;
        if chunk.kind() != Kind::Object {
            return Err(Unheard::Malformed);
        }
        self.answer.take(chunk, tell).map_err(Unheard::Fault)
    }

    fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        self.answer.finish(tell);
    }
}
