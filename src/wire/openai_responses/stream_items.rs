//! The items of a vendor's stream, told one part after the other.
//!
//! An item is known by its index in the output; ids are only looked at where there is none, since some relays change them
//! from event to event.

use std::collections::BTreeMap;

use crate::ir::{Arguments, At, Body, Call, Event, Part, Text, Thinking};
use crate::wire::json::Value;

use super::content_read::citation;
use super::reply_read::{ItemKind, call};
use super::stream_part::{Open, Tell, Told, What, Words};
use super::stream_read::Said;

pub(super) struct Items {
    pub(super) seed: String,
    /// In the order in which they came.
    pub(super) items: Vec<Item>,
    /// Where they are, by what events call them.
    pub(super) by_index: BTreeMap<u64, usize>,
    pub(super) by_id: BTreeMap<String, usize>,
    pub(super) open: Option<Open>,
    pub(super) calls: bool,
}

pub(super) struct Item {
    /// All of it was told.
    pub(super) done: bool,
    /// The index of the first part of a message that was not closed.
    pub(super) next_part: u64,
}

impl Items {
    pub(super) fn new(seed: &str) -> Items {
        Items {
            seed: seed.to_owned(),
            items: Vec::new(),
            by_index: BTreeMap::new(),
            by_id: BTreeMap::new(),
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
        if let Some(index) = said.output_index {
            return self.by_index.get(&index).copied();
        }
        let own = said.item.and_then(|item| item.member_text("id"));
        let id = own.as_deref().unwrap_or(&said.item_id);
        if id.is_empty() {
            return self.items.iter().rposition(|item| !item.done);
        }
        self.by_id.get(id).copied()
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
        }
        let own = said.item.and_then(|item| item.member_text("id"));
        let id = own.as_deref().unwrap_or(&said.item_id);
        self.add(said.output_index, id)
    }

    pub(super) fn add(&mut self, index: Option<u64>, id: &str) -> usize {
        let n = self.items.len();
        if let Some(index) = index {
            self.by_index.insert(index, n);
        }
        if !id.is_empty() {
            self.by_id.entry(id.to_owned()).or_insert(n);
        }
        self.items.push(Item {
            done: false,
            next_part: 0,
        });
        n
    }

    pub(super) fn set_done(&mut self, n: usize) {
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

    /// The text at that index, opened if it is not. `None`: it was closed before.
    pub(super) fn text(&mut self, n: usize, index: u64, tell: Tell<'_>) -> Option<&mut Open> {
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

    pub(super) fn refusal(&mut self, n: usize, index: u64, tell: Tell<'_>) -> Option<&mut Open> {
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
    pub(super) fn think(&mut self, n: usize, id: &str, tell: Tell<'_>) -> Option<&mut Open> {
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

    pub(super) fn call(&mut self, n: usize, mut call: Call<'_>, tell: Tell<'_>) {
        match &mut call.arguments {
            Arguments::Json(text) | Arguments::Free(text) => *text = "".into(),
        }
        self.calls = true;
        let text = String::new();
        self.open(n, Body::Call(call), What::Call { text }, tell);
    }

    /// More of what the open call is called with.
    pub(super) fn argue(&mut self, words: Words<'_>, tell: Tell<'_>) {
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

    pub(super) fn close(&mut self, tell: Tell<'_>) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Delta;
    use crate::wire::EventReader;
    use crate::wire::openai_responses::stream_read::StreamReader;
    use crate::wire::openai_responses::tests::*;

    #[test]
    fn what_is_said_three_times_is_told_once() {
        let text = r#""content_index":0,"text":"Hello""#;
        let annotation = r#""content_index":0,"annotation_index":0,"annotation":{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":5}"#;
        let part = r#""content_index":0,"part":{"type":"output_text","text":"","annotations":[]}"#;
        let done = r#""content_index":0,"part":{"type":"output_text","text":"Hello","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":5}]}"#;
        let summary = |rest: &str| format!(r#""item_id":"rs_1",{rest}"#);
        let events = [
            created(),
            added(0, REASONING),
            piece(
                "reasoning_summary_part.added",
                0,
                &summary(r#""summary_index":0,"part":{}"#),
            ),
            piece(
                "reasoning_summary_text.delta",
                0,
                &summary(r#""summary_index":0,"delta":"a""#),
            ),
            piece(
                "reasoning_summary_text.delta",
                0,
                &summary(r#""summary_index":0,"delta":"b""#),
            ),
            piece(
                "reasoning_summary_text.done",
                0,
                &summary(r#""summary_index":0,"text":"ab""#),
            ),
            piece(
                "reasoning_summary_text.done",
                0,
                &summary(r#""summary_index":1,"text":"c""#),
            ),
            piece(
                "reasoning_text.delta",
                0,
                &summary(r#""content_index":0,"delta":"x""#),
            ),
            item("done", 0, REASONING),
            added(1, MESSAGE),
            piece("content_part.added", 1, part),
            piece(
                "output_text.delta",
                1,
                r#""content_index":0,"delta":"Hel","logprobs":[]"#,
            ),
            piece("output_text.delta", 1, r#""content_index":0,"delta":"""#),
            piece("output_text.delta", 1, r#""content_index":0,"delta":"lo""#),
            piece("output_text.annotation.added", 1, annotation),
            piece("output_text.done", 1, text),
            piece("content_part.done", 1, done),
            item("done", 1, MESSAGE),
            added(2, CALL),
            piece("function_call_arguments.delta", 2, r#""delta":"{\"a\"""#),
            piece("function_call_arguments.delta", 2, r#""delta":":1}""#),
            piece(
                "function_call_arguments.done",
                2,
                r#""arguments":"{\"a\":1}""#,
            ),
            item("done", 2, CALL),
            completed(&[REASONING, MESSAGE, CALL]),
        ];
        assert_tells(&events, &[REASONING, MESSAGE, CALL]);
    }

    #[test]
    fn calls_that_come_at_once_are_told_one_after_the_other() {
        let events = [
            created(),
            added(0, CALL),
            added(1, OTHER),
            piece("function_call_arguments.delta", 1, r#""delta":"{\"b\"""#),
            piece("function_call_arguments.delta", 0, r#""delta":"{\"a\"""#),
            piece("function_call_arguments.delta", 1, r#""delta":":2}""#),
            piece("function_call_arguments.delta", 0, r#""delta":":1}""#),
            item("done", 1, OTHER),
            item("done", 0, CALL),
            completed(&[CALL, OTHER]),
        ];
        assert_tells(&events, &[CALL, OTHER]);
        // Without any word that they are finished.
        let cut: Vec<_> = events[..7]
            .iter()
            .cloned()
            .chain([completed(&[])])
            .collect();
        assert_tells(&cut, &[CALL, OTHER]);
    }

    #[test]
    fn a_call_whose_arguments_are_whole_makes_room_for_the_next() {
        let mut reader = StreamReader::new("seed");
        let mut list = Vec::new();
        let events = [
            added(0, CALL),
            piece("function_call_arguments.delta", 0, r#""delta":"{\"a\":1}""#),
            added(1, OTHER),
        ];
        for data in &events {
            let mut tell = |event: Event<'_>| list.push(own(event));
            reader.read(None, data.as_bytes(), &mut tell).unwrap();
        }
        assert!(matches!(
            list.last(),
            Some(Event::Open { part, .. }) if matches!(&part.body, Body::Call(call) if call.name == "g")
        ));
    }

    #[test]
    fn ids_that_change_and_indexes_that_do_not_are_no_trouble() {
        let renamed = |id: &str, text: &str| text.replace("msg_1", id);
        let rotating = [
            created(),
            renamed("a", &added(0, MESSAGE)),
            piece(
                "output_text.delta",
                0,
                r#""item_id":"b","content_index":0,"delta":"Hello""#,
            ),
            renamed("c", &item("done", 0, MESSAGE)),
            renamed("d", &completed(&[MESSAGE])),
        ];
        assert_tells(&rotating, &[MESSAGE]);
        let same = [
            created(),
            added(0, REASONING),
            item("done", 0, REASONING),
            added(0, MESSAGE),
            piece(
                "output_text.delta",
                0,
                r#""content_index":0,"delta":"Hello""#,
            ),
            item("done", 0, MESSAGE),
            completed(&[]),
        ];
        assert_tells(&same, &[REASONING, MESSAGE]);
    }

    #[test]
    fn without_indexes_the_ids_tell_the_items() {
        let bare =
            |data: String, index: u64| data.replace(&format!("\"output_index\":{index},"), "");
        let events = [
            created(),
            bare(added(0, REASONING), 0),
            bare(item("done", 0, REASONING), 0),
            bare(added(1, MESSAGE), 1),
            bare(
                piece("output_text.delta", 1, r#""item_id":"msg_1","delta":"He""#),
                1,
            ),
            bare(item("done", 1, MESSAGE), 1),
            completed(&[]),
        ];
        assert_tells(&events, &[REASONING, MESSAGE]);
    }

    #[test]
    fn log_probabilities_are_told_once() {
        let token = |name: &str| format!(r#"{{"token":"{name}","logprob":-1}}"#);
        let (a, b) = (token("a"), token("b"));
        let events = [
            created(),
            added(0, MESSAGE),
            piece(
                "output_text.delta",
                0,
                &format!(r#""content_index":0,"delta":"a","logprobs":[{a}]"#),
            ),
            piece(
                "output_text.done",
                0,
                &format!(r#""content_index":0,"text":"ab","logprobs":[{a},{b}]"#),
            ),
            completed(&[]),
        ];
        let all: usize = told_of(&events)
            .iter()
            .map(|event| match event {
                Event::Delta {
                    delta: Delta::Logprobs(tokens),
                    ..
                } => tokens.len(),
                _ => 0,
            })
            .sum();
        assert_eq!(all, 2);
    }
}
