//! What finished items repeat in a vendor's stream: each of them when it is done, and all of them in the completed response.
//! Only what was not told yet is told.

use crate::ir::{Body, Delta, Event};
use crate::wire::json::Value;

use super::reply_read::{ItemKind, call, content, given, other, pieces, seal};
use super::stream_items::Items;
use super::stream_part::{Tell, Words, tell_delta};

impl Items {
    /// Tells what of the finished item was not told, and closes it.
    pub(super) fn finish(&mut self, n: usize, item: Value<'_, '_>, tell: Tell<'_>) {
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
                let part = other(item, &mut Vec::new());
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
    pub(super) fn part(&mut self, n: usize, index: u64, value: Value<'_, '_>, tell: Tell<'_>) {
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
        let by_id = self.by_id.get(&*id);
        by_id.or_else(|| self.by_index.get(&index)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::StopReason;
    use crate::wire::openai_responses::tests::*;

    #[test]
    fn a_completed_response_alone_is_an_answer() {
        let items = [REASONING, MESSAGE, SEARCH, CALL];
        assert_tells(&[completed(&items)], &items);
        assert_tells(&[created(), completed(&items)], &items);
    }

    #[test]
    fn finished_items_alone_are_an_answer() {
        let items = [REASONING, MESSAGE, SEARCH, CALL];
        let mut events = vec![created()];
        for (index, whole) in (0..).zip(items) {
            events.push(added(index, whole));
            events.push(item("done", index, whole));
        }
        events.push(completed(&[]));
        assert_tells(&events, &items);
    }

    #[test]
    fn a_call_without_an_id_gets_one_of_the_seed() {
        let nameless = r#"{"type":"custom_tool_call","name":"h","input":"free"}"#;
        let reply = collected(&told_of(&[created(), completed(&[nameless])]));
        let Body::Call(call) = &reply.choices[0].parts[0].body else {
            panic!("{reply:?}")
        };
        assert_eq!(call.id, "call_seed_0");
        assert_eq!(call.arguments, crate::ir::Arguments::Free("free".into()));
        let stop = reply.choices[0].stop.as_ref().unwrap();
        assert_eq!(stop.reason, StopReason::ToolUse);
    }
}
