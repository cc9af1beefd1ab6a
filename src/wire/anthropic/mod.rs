//! Anthropic Messages.
//!
//! Source: the types of the official SDK (`anthropic/types`), "Streaming messages" and "Errors" in its API guide, and what
//! compatible vendors send.
//!
//! Requests are read by `request_read`, `content_read` and `tools_read`; for their writing `plan` says what stands where,
//! and `request_write`, `content_write`, `tools_write`, `settings_write`, `reasoning_write`, `schema` and `base64` do it.
//! Answers: `reply_read`, `reply_write`; streams: `stream_read` with `stream_blocks`, `stream_write`; what the writers of
//! both share: `answer`. Besides, `stream` says what an event of same-format traffic is, `usage` reads token counts, `fault`
//! writes errors, `types` holds their shapes. Never imports another format.

mod answer;
mod base64;
mod content_read;
mod content_write;
mod counting;
mod fault;
mod plan;
mod reasoning_write;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod schema;
mod settings_write;
mod stream;
mod stream_blocks;
mod stream_read;
mod stream_write;
mod tools_read;
mod tools_write;
mod types;
mod usage;

use crate::ir::{Fault, Format, Reply, Request, Usage};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling, Unfolded};
use crate::wire::counting::Counting;
use crate::wire::json::{Misfit, Value};
use crate::wire::{Asked, EventReader, EventWriter};

use super::{Codec, EventKind, Rule};

pub(super) struct Anthropic;

impl Codec for Anthropic {
    fn format(&self) -> Format {
        Format::Anthropic
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

    fn ping(&self) -> &'static [u8] {
        b"event: ping\ndata: {\"type\": \"ping\"}\n\n"
    }

    fn end_marker(&self) -> &'static [u8] {
        b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    }

    fn counting(&self) -> Option<Counting> {
        Some(counting::COUNTING)
    }

    fn read_event(&self, name: Option<&[u8]>, data: &[u8]) -> EventKind {
        stream::read_event(name, data)
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

    fn unfold(&self, kind: &str, piece: Value<'_, '_>) -> Unfolded {
        content_read::unfold(kind, piece)
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
        Box::new(stream_write::StreamWriter::new(telling))
    }
}

#[cfg(test)]
mod tests {
    //! The laws on recorded traffic, where `TIDEGATE_FIXTURES` names a folder that has it (`recorded.jsonl`).

    use std::path::Path;

    use serde_json::Value as Tree;

    use crate::ir::{Arguments, Body, Call, Collector, Event, Format, Reply, replay};
    use crate::wire::convert::{Losses, Lowered, Target, Telling, Traits};
    use crate::wire::json::{Document, path_of};
    use crate::wire::{Asked, codec};

    #[allow(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "a test is told by its environment where the recordings are, and says if it is not"
    )]
    fn recorded() -> Vec<Tree> {
        let Ok(folder) = std::env::var("TIDEGATE_FIXTURES") else {
            println!("TIDEGATE_FIXTURES is not set: no recorded traffic");
            return Vec::new();
        };
        let lines = std::fs::read_to_string(Path::new(&folder).join("recorded.jsonl")).unwrap();
        let rows = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        rows.filter(|row: &Tree| row["api"] == "messages").collect()
    }

    fn has_cut_call(reply: &Reply<'_>) -> bool {
        let parts = reply.choices.iter().flat_map(|choice| &choice.parts);
        parts.into_iter().any(|part| match &part.body {
            Body::Call(Call {
                arguments: Arguments::Json(json),
                ..
            }) => serde_json::from_str::<Tree>(json).is_err(),
            _ => false,
        })
    }

    /// The texts and numbers of a tree, each with its path.
    fn leaves(tree: &Tree, path: &str, found: &mut Vec<(String, String)>) {
        match tree {
            Tree::Object(members) => {
                for (key, value) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    leaves(value, &format!("{path}{dot}{key}"), found);
                }
            }
            Tree::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    leaves(item, &format!("{path}[{index}]"), found);
                }
            }
            Tree::String(text) if !text.is_empty() => found.push((path.to_owned(), text.clone())),
            Tree::Number(number) => found.push((path.to_owned(), number.to_string())),
            Tree::String(_) | Tree::Bool(_) | Tree::Null => {}
        }
    }

    #[test]
    fn every_leaf_of_a_request_is_written_or_told_as_lost() {
        let anthropic = codec(Format::Anthropic);
        for row in recorded().iter().filter(|row| row["request"].is_object()) {
            let body = row["request"].to_string();
            let mut document = Document::default();
            let root = document.read(body.as_bytes()).unwrap();
            let request = anthropic.read_request(Asked::default(), root).unwrap();
            let mut lowered = Lowered::default();
            let traits = Traits {
                // Recorded with models that take both.
                adaptive_thinking: row["request"]["output_config"]["effort"].is_string(),
                ..Traits::default()
            };
            let target = Target {
                model: &request.model,
                stream: request.stream,
                traits: &traits,
            };
            anthropic
                .write_request(&request, &target, &mut lowered)
                .unwrap();
            let mut lost = lowered.losses.paths(root);
            lost.extend(request.unsaid.iter().map(|at| path_of(root, *at)));
            let (mut asked, mut written) = (Vec::new(), Vec::new());
            leaves(&row["request"], "", &mut asked);
            let tree: Tree = serde_json::from_slice(&lowered.body).unwrap();
            leaves(&tree, "", &mut written);
            for (path, leaf) in asked {
                let is_written = written.iter().any(|(_, other)| *other == leaf);
                let is_lost = lost.iter().any(|lost| path.starts_with(lost.as_str()));
                assert!(is_written || is_lost, "{}: {path}: {leaf}", row["id"]);
            }
        }
    }

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let anthropic = codec(Format::Anthropic);
        for row in recorded().iter().filter(|row| row["status"] == 200) {
            let body = row["response_body"].as_str().unwrap();
            let telling = Telling::default();
            let mut vendors = Collector::default();
            if row["stream"] == true {
                let mut reader = anthropic.reader("seed");
                let mut data = body.lines().filter_map(|line| line.strip_prefix("data:"));
                let is_heard = data.all(|data| {
                    let mut tell = |event: Event<'_>| vendors.push(event);
                    reader.read(None, data.as_bytes(), &mut tell).is_ok()
                });
                // One is an answer within an answer.
                if !is_heard {
                    assert!(body.matches("event: message_start").count() > 1);
                    continue;
                }
                reader.finish(&mut |event| vendors.push(event));
            } else {
                let mut document = Document::default();
                let root = document.read(body.as_bytes()).unwrap();
                let reply = anthropic.read_reply(root, "seed").unwrap();
                replay(reply, &mut |event| vendors.push(event));
            }
            assert!(vendors.has_ended(), "{}", row["id"]);
            let reply = vendors.finish();
            // A call that was cut is told as it came in a stream, and wrapped in a whole answer.
            if has_cut_call(&reply) {
                continue;
            }

            let mut whole = Vec::new();
            anthropic.write_reply(&reply, &telling, &mut whole, &mut Losses::default());
            let mut document = Document::default();
            let root = document.read(&whole).unwrap();
            let mut whole = anthropic.read_reply(root, "seed").unwrap();

            let mut out = Vec::new();
            let mut writer = anthropic.writer(telling);
            replay(reply, &mut |event| writer.write(event, &mut out));
            let stream = String::from_utf8(out).unwrap();
            let mut told = Collector::default();
            let mut reader = anthropic.reader("seed");
            for event in stream.split_terminator("\n\n") {
                let (name, data) = event.split_once("\ndata: ").unwrap();
                let name = name.strip_prefix("event: ").map(str::as_bytes);
                let mut tell = |event: Event<'_>| told.push(event);
                reader.read(name, data.as_bytes(), &mut tell).unwrap();
            }
            assert!(told.has_ended());
            whole.unsaid.clear();
            let told = told.finish();
            // Vendors' own JSON loses its line feeds on the way through a stream.
            let plain = |text: String| text.replace("\\n", "").replace(' ', "");
            assert_eq!(
                plain(format!("{told:?}")),
                plain(format!("{whole:?}")),
                "{}",
                row["id"]
            );
        }
    }
}
