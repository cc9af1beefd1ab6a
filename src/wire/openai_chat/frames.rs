//! Chunks: what all of them have in common, around what is told.

use crate::ir::{Json, Start, Usage};
use crate::wire::convert::Telling;
use crate::wire::json::Writer;

use super::reply_write::Ids;
use super::usage;

/// Of what log probabilities are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Text,
    Refusal,
}

/// What all chunks have in common.
pub(super) struct Frames {
    pub(super) telling: Telling,
    created: u64,
    /// A chunk up to its tier.
    head: Vec<u8>,
    /// A chunk up to its choices.
    tiered: Vec<u8>,
}

impl Frames {
    pub(super) fn new(telling: Telling) -> Frames {
        let mut frames = Frames {
            created: telling.now,
            telling,
            head: Vec::new(),
            tiered: Vec::new(),
        };
        frames.start(&Start::default());
        frames
    }

    pub(super) fn start(&mut self, start: &Start<'_>) {
        self.created = start.created.unwrap_or(self.telling.now);
        self.head.clear();
        self.head.extend_from_slice(b"data: ");
        let mut writer = Writer::new(&mut self.head);
        let id = self.telling.id("chatcmpl-", &start.id);
        writer.open_object().key("id").text(&id);
        writer.key("object").text("chat.completion.chunk");
        writer.key("created").number(self.created);
        let model = self.telling.model(&start.model);
        writer.key("model").text(model);
        self.tier(None);
    }

    pub(super) fn tier(&mut self, tier: Option<&str>) {
        self.tiered.clone_from(&self.head);
        if let Some(tier) = tier {
            self.tiered.extend_from_slice(b",\"service_tier\":");
            Writer::new(&mut self.tiered).text(tier);
        }
        self.tiered.extend_from_slice(b",\"choices\":[");
    }

    pub(super) fn ids(&self) -> Ids<'_> {
        Ids {
            telling: &self.telling,
            created: self.created,
        }
    }

    fn open(&self, choice: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tiered);
        out.extend_from_slice(b"{\"index\":");
        Writer::new(out).number(choice.into());
        out.extend_from_slice(b",\"delta\":{");
    }

    /// From the choice's end on.
    fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.telling.usage {
            true => b"}],\"usage\":null}\n\n",
            false => b"}]}\n\n",
        });
    }

    /// A chunk of one delta.
    pub(super) fn delta(
        &self,
        choice: u32,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Writer<'_>),
    ) {
        self.open(choice, out);
        write(&mut Writer::new(out));
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null");
        self.close(out);
    }

    pub(super) fn call(
        &self,
        choice: u32,
        index: u32,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Writer<'_>),
    ) {
        self.delta(choice, out, |writer| {
            let call = writer.key("tool_calls").open_list().open_object();
            write(call.key("index").number(index.into()));
            writer.close_object().close_list();
        });
    }

    pub(super) fn audio(&self, choice: u32, key: &'static str, text: &str, out: &mut Vec<u8>) {
        self.delta(choice, out, |writer| {
            let audio = writer.key("audio").open_object();
            audio.key(key).text(text).close_object();
        });
    }

    pub(super) fn logprobs(&self, choice: u32, tokens: &[Json<'_>], of: Of, out: &mut Vec<u8>) {
        let (of, other) = match of {
            Of::Refusal => ("refusal", "content"),
            Of::Text => ("content", "refusal"),
        };
        self.open(choice, out);
        out.extend_from_slice(b"},\"logprobs\":");
        let mut writer = Writer::new(out);
        writer.open_object().key(of).open_list();
        for token in tokens {
            writer.json(token);
        }
        writer.close_list().key(other).null().close_object();
        out.extend_from_slice(b",\"finish_reason\":null");
        self.close(out);
    }

    pub(super) fn finish(&self, choice: u32, reason: &'static str, out: &mut Vec<u8>) {
        self.open(choice, out);
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":");
        Writer::new(out).text(reason);
        self.close(out);
    }

    pub(super) fn usage(&self, usage: &Usage, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tiered);
        out.extend_from_slice(b"],\"usage\":");
        usage::write(usage, &mut Writer::new(out));
        out.extend_from_slice(b"}\n\n");
    }
}
