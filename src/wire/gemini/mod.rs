//! Google Gemini `generateContent` and `streamGenerateContent` (with `alt=sse`).
//!
//! Source: `GenerateContentResponse` and `UsageMetadata` in the API reference, the types of the official SDK
//! (`google/genai/types.py`), and `google.rpc` for errors.
//!
//! Same-format relay needs `stream` (what an event is), `usage`, `fault` and `types` only. Conversion: `request_read` (with
//! `config_read`, `tools_read`) and `request_write` (`contents_write`, `outcomes_write`, `tools_write`, `config_write`) for
//! requests; `answer_read` (and `candidate_read`) is the machine that reads answers, whole (`reply_read`) or in steps (`stream_read`, `partial`),
//! `answer_write` what `reply_write` and `stream_write` share; `parts_read` and `parts_write` know the parts of a content,
//! `sources`, `logprobs` and `stop` what stands beside it. Keys are read in camel case and in snake case, as the API reads
//! them, and written in camel case.
//!
//! Never imports another format. Start with [`Gemini`].

mod answer_read;
mod answer_write;
mod candidate_read;
mod characters;
mod config_read;
mod config_write;
mod contents_write;
mod counting;
mod fault;
mod logprobs;
mod outcomes_write;
mod partial;
mod parts_read;
mod parts_write;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod sources;
mod stop;
mod stream;
mod stream_read;
mod stream_write;
mod tools_read;
mod tools_write;
mod types;
mod usage;

use crate::ir::{Fault, Format, Reply, Request, Usage};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling};
use crate::wire::counting::Counting;
use crate::wire::json::{Misfit, Value};
use crate::wire::{Asked, EventReader, EventWriter};

use super::{Codec, EventKind, Rule};

pub(super) struct Gemini;

impl Codec for Gemini {
    fn format(&self) -> Format {
        Format::Gemini
    }

    fn write_fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write(fault, out);
    }

    fn write_fault_event(&self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write_event(fault, out);
    }

    fn status(&self, fault: &Fault) -> u16 {
        fault::status(fault)
    }

    /// Google's SDKs choke on comments.
    fn ping(&self) -> &'static [u8] {
        b"data: {\"candidates\":[]}\n\n"
    }

    /// Nothing: the finish reason stands in the last event.
    fn end_marker(&self) -> &'static [u8] {
        b""
    }

    fn counting(&self) -> Option<Counting> {
        Some(counting::COUNTING)
    }

    fn read_event(&self, _name: Option<&[u8]>, data: &[u8]) -> EventKind {
        stream::read_event(data)
    }

    fn rules(&self) -> &'static [Rule] {
        stream::RULES
    }

    fn read_usage(&self, usage: &[u8]) -> Usage {
        usage::read(usage)
    }

    fn read_request<'a>(
        &self,
        asked: Asked<'a>,
        body: Value<'_, 'a>,
    ) -> Result<Request<'a>, Misfit> {
        request_read::read(asked, body)
    }

    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        lowered: &mut Lowered,
    ) -> Result<(), Refused> {
        request_write::write(request, target, lowered)
    }

    fn read_reply<'a>(&self, body: Value<'_, 'a>, seed: &str) -> Result<Reply<'a>, Misfit> {
        reply_read::read(body, seed)
    }

    fn write_reply(
        &self,
        reply: &Reply<'_>,
        telling: &Telling,
        out: &mut Vec<u8>,
        losses: &mut Losses,
    ) {
        reply_write::write(reply, telling, out, losses);
    }

    fn reader(&self, seed: &str) -> Box<dyn EventReader> {
        Box::new(stream_read::Reader::new(seed))
    }

    fn writer(&self, telling: Telling) -> Box<dyn EventWriter> {
        Box::new(stream_write::Writer::new(telling))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value as Json;

    use super::*;
    use crate::wire::convert::Traits;
    use crate::wire::json::{Document, path_of};

    /// The recorded requests of this format, where `TIDEGATE_FIXTURES` names a folder that has some.
    fn recorded() -> Vec<Json> {
        #[allow(
            clippy::disallowed_methods,
            reason = "the tests' data are named by the environment"
        )]
        let Some(folder) = std::env::var_os("TIDEGATE_FIXTURES") else {
            println!("TIDEGATE_FIXTURES is not set: no recorded traffic");
            return Vec::new();
        };
        let lines = std::fs::read_to_string(Path::new(&folder).join("recorded.jsonl")).unwrap();
        let rows = lines
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap());
        rows.filter(|row| row["api"] == "gemini" && row["request"].is_object())
            .map(|mut row| row["request"].take())
            .collect()
    }

    /// Every text in a value, with its path.
    fn texts(value: &Json, path: &str, found: &mut Vec<(String, String)>) {
        match value {
            Json::String(text) => found.push((path.to_owned(), text.clone())),
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    texts(item, &format!("{path}[{index}]"), found);
                }
            }
            Json::Object(members) => {
                for (key, member) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    texts(member, &format!("{path}{dot}{key}"), found);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    #[test]
    fn no_text_of_a_recorded_request_is_lost_in_silence() {
        for request in recorded() {
            let text = request.to_string();
            let mut document = Document::default();
            let root = document.read(text.as_bytes()).unwrap();
            let asked = Asked {
                model: "g",
                stream: false,
                ..Asked::default()
            };
            let read = Gemini.read_request(asked, root).unwrap();
            let traits = Traits::default();
            let target = Target {
                model: "g",
                stream: false,
                traits: &traits,
            };
            let mut lowered = Lowered::default();
            Gemini.write_request(&read, &target, &mut lowered).unwrap();
            let mut lost = lowered.losses.paths(root);
            lost.extend(read.unsaid.iter().map(|at| path_of(root, *at)));
            let (mut before, mut after) = (Vec::new(), Vec::new());
            texts(&request, "", &mut before);
            let written = serde_json::from_slice(&lowered.body).unwrap();
            texts(&written, "", &mut after);
            for (path, text) in before {
                // Base64 for URLs becomes the standard one.
                let standard = text.replace('-', "+").replace('_', "/");
                let is_kept = after
                    .iter()
                    .any(|(_, kept)| *kept == text || *kept == standard);
                // Known words that are said by being left out.
                let is_word = path.ends_with(".role") || text == "TEXT" || text == "AUTO";
                let is_told = lost.iter().any(|lost| path.starts_with(lost.as_str()));
                assert!(is_kept || is_word || is_told, "{path}: {text}");
            }
        }
    }
}
