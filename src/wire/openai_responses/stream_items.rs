//! The items of a vendor's stream, told one part after the other.
//!
//! An item is known by its index in the output; ids are only looked at where there is none, since some relays change them
//! from event to event.

use crate::ir::{Arguments, At, Body, Call, Delta, Event, Part, Text, Thinking};
use crate::wire::json::Value;

use super::content_read::citation;
use super::reply_read::{ItemKind, call, content, foreign, given, pieces, seal};
use super::stream_part::{Open, Tell, Told, What, Words, tell_delta};
use super::stream_read::Said;

pub(super) struct Items {
    seed: String,
    /// In the order in which they came.
    items: Vec<Item>,
    open: Option<Open>,
    calls: bool,
}

struct Item {
    index: Option<u64>,
    id: String,
    /// All of it was told.
    done: bool,
    /// The index of the first part of a message that was not closed.
    next_part: u64,
}

impl Items {
    pub(super) fn new(seed: &str) -> Items {
        Items {
            seed: seed.to_owned(),
            items: Vec::new(),
            open: None,
            calls: false,
        }
    }

    /// Whether events of this kind are about items.
    pub(super) fn knows(kind: &str) -> bool {
        const KINDS: [&str; 7] = [
            "output_text.",
            "function_call_arguments.",
            "reasoning_",
            "output_item.",
            "content_part.",
            "refusal.",
            "custom_tool_call_input.",
        ];
        let kind = kind.strip_prefix("response.").unwrap_or_default();
        KINDS.iter().any(|known| kind.starts_with(known))
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a tool of the client's is called.
    pub(super) fn has_calls(&self) -> bool {
        self.calls
    }

    /// Whether the event is about the item that is open.
    pub(super) fn goes_on(&self, said: &Said<'_, '_>) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| self.find(said) == Some(open.item))
    }

    /// Whether another item may begin: nothing is open, or what is open is evidently complete and is closed.
    pub(super) fn make_room(&mut self, tell: Tell<'_>) -> bool {
        let Some(open) = &self.open else {
            return true;
        };
        if !open.is_complete() {
            return false;
        }
        let item = open.item;
        let is_call = matches!(open.what, What::Call { .. });
        self.close(tell);
        if is_call {
            self.set_done(item);
        }
        true
    }

    pub(super) fn read(&mut self, said: &Said<'_, '_>, tell: Tell<'_>) {
        let n = self.find_or_add(said, tell);
        if self.items.get(n).is_none_or(|item| item.done) {
            return;
        }
        let index = said.index.unwrap_or(0);
        let words = match &said.whole {
            Some(whole) => Words::Whole(whole),
            None => Words::More(&said.delta),
        };
        match said.kind.strip_prefix("response.").unwrap_or_default() {
            "output_text.delta" | "output_text.done" => {
                if let Some(open) = self.text(n, index, tell) {
                    open.say(words, tell);
                    let tokens = said.logprobs.into_iter().flat_map(Value::items);
                    let tokens = tokens.map(Value::json).collect();
                    open.count(tokens, said.whole.is_some(), tell);
                }
            }
            "refusal.delta" | "refusal.done" => {
                if let Some(open) = self.refusal(n, index, tell) {
                    open.say(words, tell);
                }
            }
            "function_call_arguments.delta"
            | "function_call_arguments.done"
            | "custom_tool_call_input.delta"
            | "custom_tool_call_input.done" => self.argue(words, tell),
            "output_text.annotation.added" => {
                if let (Some(annotation), Some(open)) = (said.annotation, self.text(n, index, tell))
                {
                    open.cite(citation(annotation, &mut Vec::new()), tell);
                }
            }
            "reasoning_summary_part.added" => {
                if let Some(open) = self.think(n, &said.item_id, tell) {
                    open.summarize(said.index, Words::More(""), tell);
                }
            }
            "reasoning_summary_text.delta" | "reasoning_summary_text.done" => {
                if let Some(open) = self.think(n, &said.item_id, tell) {
                    open.summarize(said.index, words, tell);
                }
            }
            "reasoning_text.delta" | "reasoning_text.done" => {
                if let Some(open) = self.think(n, &said.item_id, tell) {
                    open.reason(said.index, words, tell);
                }
            }
            kind => self.bounds(n, kind, said, tell),
        }
    }

    /// What begins and ends items and parts.
    fn bounds(&mut self, n: usize, kind: &str, said: &Said<'_, '_>, tell: Tell<'_>) {
        let index = said.index.unwrap_or(0);
        match (kind, said.item, said.part) {
            ("output_item.added", Some(item), _) => self.begin(n, item, tell),
            ("output_item.done", Some(item), _) => self.finish(n, item, tell),
            ("content_part.added", _, Some(part)) => match part.member_text("type").as_deref() {
                Some("output_text") => {
                    self.text(n, index, tell);
                }
                Some("refusal") => {
                    self.refusal(n, index, tell);
                }
                _ => {}
            },
            ("content_part.done", _, Some(part)) => self.part(n, index, part, tell),
            _ => {}
        }
    }

    fn find(&self, said: &Said<'_, '_>) -> Option<usize> {
        let mut items = self.items.iter();
        if let Some(index) = said.output_index {
            return items.position(|item| item.index == Some(index));
        }
        let own = said.item.and_then(|item| item.member_text("id"));
        let id = own.as_deref().unwrap_or(&said.item_id);
        if id.is_empty() {
            return items.rposition(|item| !item.done);
        }
        items.position(|item| item.id == id)
    }

    fn find_or_add(&mut self, said: &Said<'_, '_>, tell: Tell<'_>) -> usize {
        let found = self.find(said);
        let is_new = &*said.kind == "response.output_item.added";
        if let Some(n) = found.filter(|_| !is_new) {
            return n;
        }
        // Some servers give every item the same index: what begins there ends what was there.
        if let Some(n) = found {
            if self.open.as_ref().is_some_and(|open| open.item == n) {
                self.close(tell);
            }
            self.set_done(n);
            if let Some(item) = self.items.get_mut(n) {
                item.index = None;
            }
        }
        let own = said.item.and_then(|item| item.member_text("id"));
        let id = own.as_deref().unwrap_or(&said.item_id);
        self.add(said.output_index, id)
    }

    fn add(&mut self, index: Option<u64>, id: &str) -> usize {
        self.items.push(Item {
            index,
            id: id.to_owned(),
            done: false,
            next_part: 0,
        });
        self.items.len() - 1
    }

    fn set_done(&mut self, n: usize) {
        if let Some(item) = self.items.get_mut(n) {
            item.done = true;
        }
    }

    fn begin(&mut self, n: usize, item: Value<'_, '_>, tell: Tell<'_>) {
        match ItemKind::of(item) {
            ItemKind::Reasoning => {
                let id = item.member_text("id");
                self.think(n, id.as_deref().unwrap_or_default(), tell);
            }
            // A call without a name is told when it is finished.
            ItemKind::Call
                if item
                    .member_text("name")
                    .is_some_and(|name| !name.is_empty()) =>
            {
                self.call(n, call(item, &self.seed, n), tell);
            }
            ItemKind::Call | ItemKind::Message | ItemKind::Other => {}
        }
    }

    /// Tells what of the finished item was not told, and closes it.
    fn finish(&mut self, n: usize, item: Value<'_, '_>, tell: Tell<'_>) {
        match ItemKind::of(item) {
            ItemKind::Message => {
                let parts = item.member("content").into_iter().flat_map(Value::items);
                for (index, part) in (0..).zip(parts) {
                    self.part(n, index, part, tell);
                }
            }
            ItemKind::Reasoning => self.finish_reasoning(n, item, tell),
            ItemKind::Call => {
                if self.open.is_none() {
                    self.call(n, call(item, &self.seed, n), tell);
                }
                self.argue(Words::Whole(&given(item, "arguments")), tell);
                self.argue(Words::Whole(&given(item, "input")), tell);
            }
            ItemKind::Other => {
                self.close(tell);
                let part = foreign(item);
                tell(Event::Open { choice: 0, part });
                tell(Event::Close { choice: 0 });
            }
        }
        self.close(tell);
        self.set_done(n);
    }

    fn finish_reasoning(&mut self, n: usize, item: Value<'_, '_>, tell: Tell<'_>) {
        let id = item.member_text("id");
        let Some(open) = self.think(n, id.as_deref().unwrap_or_default(), tell) else {
            return;
        };
        for (index, words) in (0..).zip(pieces(item, "summary")) {
            open.summarize(Some(index), Words::Whole(&words), tell);
        }
        for (index, words) in (0..).zip(pieces(item, "content")) {
            open.reason(Some(index), Words::Whole(&words), tell);
        }
        if let Some(seal) = seal(item) {
            tell_delta(Delta::Seal(seal.value), tell);
        }
    }

    /// A part of a message as it is when finished.
    fn part(&mut self, n: usize, index: u64, value: Value<'_, '_>, tell: Tell<'_>) {
        let Some((part, tokens)) = content(value, &mut Vec::new()) else {
            return;
        };
        match part.body {
            Body::Text(text) => {
                if let Some(open) = self.text(n, index, tell) {
                    open.say(Words::Whole(&text.text), tell);
                    open.cite_all(text.citations, tell);
                    open.count(tokens, true, tell);
                }
            }
            Body::Refusal(words) => {
                if let Some(open) = self.refusal(n, index, tell) {
                    open.say(Words::Whole(&words), tell);
                }
            }
            // A message holds no others.
            Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Thinking(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
    }

    /// The text at that index, opened if it is not. `None`: it was closed before.
    fn text(&mut self, n: usize, index: u64, tell: Tell<'_>) -> Option<&mut Open> {
        let is_open = |what: &What| matches!(what, What::Text { part, .. } if *part == index);
        if !self.has_open(n, is_open) {
            if !self.is_to_come(n, index) {
                return None;
            }
            let what = What::Text {
                part: index,
                told: 0,
                citations: 0,
                logprobs: 0,
            };
            self.open(n, Body::Text(Text::default()), what, tell);
        }
        self.open.as_mut()
    }

    fn refusal(&mut self, n: usize, index: u64, tell: Tell<'_>) -> Option<&mut Open> {
        let is_open = |what: &What| matches!(what, What::Refusal { part, .. } if *part == index);
        if !self.has_open(n, is_open) {
            if !self.is_to_come(n, index) {
                return None;
            }
            let what = What::Refusal {
                part: index,
                told: 0,
            };
            self.open(n, Body::Refusal("".into()), what, tell);
        }
        self.open.as_mut()
    }

    fn has_open(&self, n: usize, is: impl Fn(&What) -> bool) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.item == n && is(&open.what))
    }

    /// Whether the part of the message was not closed yet.
    fn is_to_come(&self, n: usize, index: u64) -> bool {
        let item = self.items.get(n);
        item.is_some_and(|item| index >= item.next_part)
    }

    /// The item as reasoning, opened if it is not.
    fn think(&mut self, n: usize, id: &str, tell: Tell<'_>) -> Option<&mut Open> {
        if !self.has_open(n, |what| matches!(what, What::Thinking { .. })) {
            let thinking = Thinking {
                id: (!id.is_empty()).then(|| id.into()),
                ..Thinking::default()
            };
            let what = What::Thinking {
                summary: Told::default(),
                text: Told::default(),
            };
            self.open(n, Body::Thinking(thinking), what, tell);
        }
        self.open.as_mut()
    }

    fn call(&mut self, n: usize, mut call: Call<'_>, tell: Tell<'_>) {
        match &mut call.arguments {
            Arguments::Json(text) | Arguments::Free(text) => *text = "".into(),
        }
        self.calls = true;
        let text = String::new();
        self.open(n, Body::Call(call), What::Call { text }, tell);
    }

    /// More of what the open call is called with.
    fn argue(&mut self, words: Words<'_>, tell: Tell<'_>) {
        let open = self.open.as_mut();
        if let Some(open) = open.filter(|open| matches!(open.what, What::Call { .. })) {
            open.say(words, tell);
        }
    }

    fn open(&mut self, n: usize, body: Body<'_>, what: What, tell: Tell<'_>) {
        self.close(tell);
        self.open = Some(Open {
            item: n,
            complete: false,
            what,
        });
        let part = Part::new(At::NOWHERE, body);
        tell(Event::Open { choice: 0, part });
    }

    fn close(&mut self, tell: Tell<'_>) {
        let Some(open) = self.open.take() else {
            return;
        };
        if let (What::Text { part, .. } | What::Refusal { part, .. }, Some(item)) =
            (open.what, self.items.get_mut(open.item))
        {
            item.next_part = part + 1;
        }
        tell(Event::Close { choice: 0 });
    }

    /// Closes what is open, with what the completed response says of it.
    pub(super) fn close_open(&mut self, output: Option<Value<'_, '_>>, tell: Tell<'_>) {
        let Some(n) = self.open.as_ref().map(|open| open.item) else {
            return;
        };
        let mut items = (0..).zip(output.into_iter().flat_map(Value::items));
        let found = items.find(|(index, item)| self.position(*index, *item) == Some(n));
        match found {
            Some((_, item)) => self.finish(n, item, tell),
            None => self.close(tell),
        }
    }

    /// Tells what of the completed response was not told.
    pub(super) fn add_missing(&mut self, output: Value<'_, '_>, tell: Tell<'_>) {
        for (index, item) in (0..).zip(output.items()) {
            let known = self.position(index, item);
            let n = known.unwrap_or_else(|| self.add(Some(index), ""));
            if self.items.get(n).is_some_and(|item| !item.done) {
                self.finish(n, item, tell);
            }
        }
    }

    /// The item that stands at `index` of the completed response.
    fn position(&self, index: u64, item: Value<'_, '_>) -> Option<usize> {
        let id = item.member_text("id").unwrap_or_default();
        let mut own = self.items.iter();
        let by_id = own.position(|item| !id.is_empty() && item.id == id);
        let mut all = self.items.iter();
        by_id.or_else(|| all.position(|item| item.index == Some(index)))
    }
}
