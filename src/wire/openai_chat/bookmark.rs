//! The place in a client's stream of chunks.

use crate::ir::{Body, Reply};
use crate::wire::convert::Telling;
use crate::wire::json::{Document, Value};
use crate::wire::resume::Kind;
use crate::wire::{Bookmark, Landing};

use super::stream_write::StreamWriter;

/// Chunks have no place of their own: what has to be known is that nothing but words has come.
#[derive(Default)]
pub(super) struct ChunkMark {
    document: Document,
    begun: bool,
    closed: bool,
}

impl Bookmark for ChunkMark {
    fn see(&mut self, _name: Option<&[u8]>, data: &[u8]) {
        let Ok(chunk) = self.document.read(data) else {
            self.closed |= data.trim_ascii().starts_with(b"[DONE]");
            return;
        };
        for choice in chunk.member("choices").into_iter().flat_map(Value::items) {
            self.begun = true;
            let is_first = choice
                .member("index")
                .and_then(Value::count)
                .is_none_or(|n| n == 0);
            self.closed |= !is_first || choice.member("finish_reason").is_some_and(is_something);
            let delta = choice.member("delta");
            let others = ["tool_calls", "function_call", "audio", "refusal"];
            self.closed |= others.iter().any(|key| {
                let value = delta.and_then(|delta| delta.member(key));
                value.is_some_and(is_something)
            });
        }
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
        let parts = crate::wire::resume::parts(said);
        let texts = parts.iter().filter_map(|part| match &part.body {
            Body::Text(text) => Some(&*text.text),
            Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Thinking(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => None,
        });
        let texts: Vec<&str> = texts.collect();
        let mut writer = StreamWriter::new(telling);
        if self.begun {
            let reasoned = parts.len() > texts.len();
            writer.land(&said.start, &texts, (reasoned, open));
        }
        Some((Box::new(writer), open))
    }
}

fn is_something(value: Value<'_, '_>) -> bool {
    !value.is_null()
        && value.text().is_none_or(|text| !text.is_empty())
        && (value.text().is_some() || value.raw() != "[]")
}
