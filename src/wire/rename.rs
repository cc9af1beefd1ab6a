//! The model's name in answers that go on in their own format: where a client is to see the name that it asked for, exactly
//! that value changes, and not one byte else.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

use super::json::{Document, Value, Writer};
use crate::ir::Format;

/// Puts the name that was asked for where the vendor says its own.
#[derive(Debug)]
pub struct Rename {
    format: Format,
    /// The name, as JSON.
    name: Bytes,
    document: Document,
}

impl Rename {
    pub fn new(format: Format, name: &str) -> Rename {
        let mut json = Vec::with_capacity(name.len() + 2);
        Writer::new(&mut json).text(name);
        Rename {
            format,
            name: json.into(),
            document: Document::default(),
        }
    }

    /// A whole answer, in pieces that share its memory.
    pub fn whole(&mut self, body: &Bytes) -> Vec<Bytes> {
        let spans = self.spans(body);
        self.cut(body, spans.into_iter(), 0)
    }

    /// A run of whole events.
    pub fn events(&mut self, run: Bytes, out: &mut Vec<Bytes>) {
        let key = self.key();
        if memmem::find(&run, key).is_none() {
            out.push(run);
            return;
        }
        let mut kept = 0;
        for data in data_lines(&run) {
            let line = run.slice(data.clone());
            for span in self.spans(&line) {
                out.push(run.slice(kept..data.start + span.start));
                out.push(self.name.clone());
                kept = data.start + span.end;
            }
        }
        out.push(run.slice(kept..));
        out.retain(|piece| !piece.is_empty());
    }

    fn cut(
        &self,
        body: &Bytes,
        spans: impl Iterator<Item = Range<usize>>,
        mut kept: usize,
    ) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(3);
        for span in spans {
            pieces.push(body.slice(kept..span.start));
            pieces.push(self.name.clone());
            kept = span.end;
        }
        pieces.push(body.slice(kept..));
        pieces
    }

    fn key(&self) -> &'static [u8] {
        match self.format {
            Format::OpenaiChat | Format::OpenaiResponses | Format::Anthropic => b"\"model\"",
            Format::Gemini => b"\"modelVersion\"",
        }
    }

    /// Where the vendor says its model in a document; nowhere if it is none.
    fn spans(&mut self, text: &[u8]) -> Vec<Range<usize>> {
        let Ok(root) = self.document.read(text) else {
            return Vec::new();
        };
        let named = |value: Value<'_, '_>, key: &str| {
            let member = value.member(key)?;
            member.text().map(|_| member.span())
        };
        let found = match self.format {
            Format::OpenaiChat => named(root, "model"),
            Format::Gemini => named(root, "modelVersion"),
            // In a stream the answer stands in the event.
            Format::Anthropic => {
                let message = root.member("message").unwrap_or(root);
                named(message, "model")
            }
            Format::OpenaiResponses => {
                let response = root.member("response").unwrap_or(root);
                named(response, "model")
            }
        };
        found.into_iter().collect()
    }
}

/// Where the values of `data` lines stand in a run of events. An event whose data goes over several lines is none of a vendor
/// that writes JSON, and stays as it is.
fn data_lines(run: &[u8]) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in run.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if let Some(value) = text.strip_prefix(b"data:") {
            let start = at + text.len() - value.len();
            lines.push(start..at + text.len());
        }
        at += line.len();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(format: Format, body: &str) -> String {
        let pieces = Rename::new(format, "mine").whole(&Bytes::from(body.to_owned()));
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn exactly_the_vendors_name_changes() {
        for (format, body, expected) in [
            (
                Format::OpenaiChat,
                r#"{ "model" : "a", "choices":[{"message":{"content":"\"model\":\"a\"","model":"a"}}]}"#,
                r#"{ "model" : "mine", "choices":[{"message":{"content":"\"model\":\"a\"","model":"a"}}]}"#,
            ),
            (Format::Anthropic, r#"{"model":"a"}"#, r#"{"model":"mine"}"#),
            (
                Format::Gemini,
                r#"{"candidates":[],"modelVersion":"a"}"#,
                r#"{"candidates":[],"modelVersion":"mine"}"#,
            ),
            (
                Format::OpenaiResponses,
                r#"{"model":"a","x":1}"#,
                r#"{"model":"mine","x":1}"#,
            ),
            (Format::OpenaiChat, r#"{"model":null}"#, r#"{"model":null}"#),
            (Format::OpenaiChat, "no JSON", "no JSON"),
        ] {
            assert_eq!(whole(format, body), expected);
        }
    }

    #[test]
    fn events_change_where_they_say_it_and_nowhere_else() {
        let run = "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"a\",\"content\":[]}}\r\n\r\ndata: {\"delta\":{\"text\":\"\\\"model\\\"\"}}\n\n";
        let mut out = Vec::new();
        Rename::new(Format::Anthropic, "mine").events(Bytes::from(run), &mut out);
        let said = String::from_utf8(out.concat()).unwrap();
        assert_eq!(said, run.replace("\"a\"", "\"mine\""));
    }
}
