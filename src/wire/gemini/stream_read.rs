use crate::ir::Event;
use crate::wire::error;
use crate::wire::json::{Document, Kind};
use crate::wire::{EventReader, Unheard};

use super::answer_read::Answer;

/// Reads a stream: each event is a `GenerateContentResponse`.
pub(super) struct Reader {
    document: Document,
    answer: Answer,
}

impl Reader {
    pub(super) fn new(seed: &str) -> Reader {
        Reader {
            document: Document::default(),
            answer: Answer::new(seed),
        }
    }
}

impl EventReader for Reader {
    fn read(
        &mut self,
        _name: Option<&[u8]>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        let object = self.document.read(data).map_err(|_| Unheard::Malformed)?;
        if object.kind() != Kind::Object {
            return Err(Unheard::Malformed);
        }
        if object.member("error").is_some() {
            return Err(Unheard::Fault(Box::new(error::read(None, data))));
        }
        self.answer.take(object, tell);
        // Nobody asks a stream for the places of what it could not say.
        self.answer.unsaid.clear();
        Ok(())
    }

    fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        self.answer.finish(tell);
    }
}
