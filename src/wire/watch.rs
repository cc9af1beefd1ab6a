//! Opaque state that goes by in answers of their own format: noted with its issuer, so that it does not go to another.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;

use super::convert::{Issuer, Keepsake, SealNote};
use super::edit::may_be_sealed;
use super::json::{Document, Value};
use super::sse;
use crate::ir::Format;

/// Watches one answer.
#[derive(Debug)]
pub struct SealWatch {
    issuer: Issuer,
    document: Document,
    found: Vec<Keepsake>,
    /// Responses: its own id is found.
    named: bool,
}

impl SealWatch {
    pub fn new(issuer: Issuer) -> SealWatch {
        SealWatch {
            issuer,
            document: Document::default(),
            found: Vec::new(),
            named: false,
        }
    }

    /// Runs of whole events go by.
    pub fn events(&mut self, runs: &[Bytes]) {
        for run in runs {
            self.name(run);
            if may_be_sealed(run, self.issuer.format) || has_signature(run, self.issuer.format) {
                for event in sse::events(run) {
                    if let Some(data) = &event.data {
                        self.read(data);
                    }
                }
            }
        }
    }

    /// A whole answer goes by.
    pub fn whole(&mut self, body: &[u8]) {
        self.name(body);
        if may_be_sealed(body, self.issuer.format) {
            self.read(body);
        }
    }

    /// What was found since the last time.
    pub fn take(&mut self) -> Vec<Keepsake> {
        std::mem::take(&mut self.found)
    }

    /// A response that the vendor stores is opaque state as well: a later turn may go on from it by its id.
    fn name(&mut self, bytes: &[u8]) {
        if self.named || self.issuer.format != Format::OpenaiResponses {
            return;
        }
        let Some(id) = response_id(bytes) else {
            return;
        };
        self.named = true;
        if !says_unstored(bytes) {
            self.keep(id.to_owned());
        }
    }

    fn keep(&mut self, seal: String) {
        self.found.push(Keepsake::Seal {
            seal: seal.clone(),
            note: SealNote {
                issuer: self.issuer,
                seal,
                redacted: false,
                item: None,
            },
        });
    }

    fn read(&mut self, text: &[u8]) {
        let Ok(root) = self.document.read(text) else {
            return;
        };
        let mut seals = Vec::new();
        match self.issuer.format {
            Format::OpenaiChat => {}
            Format::OpenaiResponses => {
                let items = root.member("output").into_iter().flat_map(Value::items);
                for item in items.chain(root.member("item")) {
                    seals.extend(item.member_text("encrypted_content"));
                }
            }
            Format::Anthropic => {
                let blocks = root.member("content").into_iter().flat_map(Value::items);
                let others = root.member("content_block").into_iter();
                for block in blocks.chain(others).chain(root.member("delta")) {
                    seals.extend(block.member_text("signature"));
                    seals.extend(block.member_text("data"));
                }
            }
            Format::Gemini => {
                let candidates = root.member("candidates");
                for candidate in candidates.into_iter().flat_map(Value::items) {
                    let parts = candidate.member("content").and_then(|c| c.member("parts"));
                    for part in parts.into_iter().flat_map(Value::items) {
                        seals.extend(part.member_text("thoughtSignature"));
                    }
                }
            }
        }
        let filled = seals.into_iter().filter(|seal| !seal.is_empty());
        let filled: Vec<String> = filled.map(Cow::into_owned).collect();
        filled.into_iter().for_each(|seal| self.keep(seal));
    }
}

/// The id of a response, as its vendors write them.
fn response_id(bytes: &[u8]) -> Option<&str> {
    let at = memmem::find(bytes, b"\"resp_")?;
    let text = bytes.get(at + 1..)?;
    let end = memchr::memchr(b'"', text)?;
    std::str::from_utf8(text.get(..end)?).ok()
}

/// Whether a response says that nobody stores it.
fn says_unstored(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"\"store\":";
    let value = memmem::find(bytes, KEY).and_then(|at| bytes.get(at + KEY.len()..));
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"false"))
}

/// Anthropic's streams say a signature in an event of its own, without a word of thinking.
fn has_signature(run: &[u8], format: Format) -> bool {
    format == Format::Anthropic && memmem::find(run, b"signature_delta").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seals(format: Format, events: &str) -> Vec<String> {
        let mut watch = SealWatch::new(Issuer { vendor: 1, format });
        watch.events(&[Bytes::from(events.to_owned())]);
        let seal = |kept| match kept {
            Keepsake::Seal { seal, .. } => seal,
            Keepsake::Call { id, .. } => id,
        };
        watch.take().into_iter().map(seal).collect()
    }

    #[test]
    fn seals_are_found_where_each_format_says_them() {
        for (format, events) in [
            (
                Format::Anthropic,
                r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            ),
            (
                Format::Anthropic,
                r#"data: {"type":"content_block_start","content_block":{"type":"redacted_thinking","data":"s"}}"#,
            ),
            (
                Format::OpenaiResponses,
                r#"data: {"type":"response.output_item.done","item":{"type":"reasoning","encrypted_content":"s"}}"#,
            ),
            (
                Format::Gemini,
                r#"data: {"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"s"}]}}]}"#,
            ),
        ] {
            assert_eq!(seals(format, &format!("{events}\n\n")), ["s"], "{events}");
        }
        let created = |store: &str| {
            format!(
                "data: {{\"response\":{{\"id\":\"resp_1\",\"store\":{store}}}}}\n\ndata: {{\"response\":{{\"id\":\"resp_1\"}}}}\n\n"
            )
        };
        assert_eq!(seals(Format::OpenaiResponses, &created("true")), ["resp_1"]);
        assert!(seals(Format::OpenaiResponses, &created(" false")).is_empty());
        assert!(seals(Format::Anthropic, "data: {\"delta\":{\"text\":\"a\"}}\n\n").is_empty());
    }
}
