//! The items of a vendor's stream, told one part after the other.
//!
//! Vendors say the same up to three times: in deltas, in `done` events, and in the finished item. What was told is counted,
//! so that each is told once, and whatever of the three is missing does no harm. An item is known by its index in the
//! output; ids are only looked at where there is none, since some relays change them from event to event.

use crate::ir::{Arguments, At, Body, Call, Delta, Event, Part, Text, Thinking};
use crate::wire::json::{Document, Kind, Value};

use super::content_read::citation;
use super::input_read::BETWEEN;
use super::reply_read::{ItemKind, call, content, foreign, given, logprobs, pieces, seal};
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

/// The part that is open.
struct Open {
    /// Position of its item.
    item: usize,
    /// The vendor has said that it is complete; its item's end may still add to it.
    complete: bool,
    what: What,
}

enum What {
    Text {
        part: u64,
        told: usize,
        citations: usize,
        logprobs: usize,
    },
    Refusal {
        part: u64,
        told: usize,
    },
    Thinking {
        summary: Told,
        text: Told,
    },
    Call {
        text: String,
    },
}

/// How far a list of texts was told.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    /// The index of the last, and how much of it.
    last: Option<(u64, usize)>,
}

type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

impl Told {
    /// Takes in more of the text at `index`: a piece, or the whole of it. Gives whether it is another text than before, and
    /// what of it is new.
    fn more<'w>(&mut self, index: u64, words: &'w str, is_whole: bool) -> (bool, &'w str) {
        let (is_new, told) = match self.last {
            Some((last, told)) if last == index => (false, told),
            // Of an earlier one all was told.
            Some((last, _)) if last > index => return (false, ""),
            Some(_) | None => (true, 0),
        };
        let new = if is_whole { rest(words, told) } else { words };
        self.last = Some((index, told + new.len()));
        (is_new, new)
    }

    fn index(self) -> u64 {
        self.last.map_or(0, |(index, _)| index)
    }
}

/// What of a whole was not told.
fn rest(whole: &str, told: usize) -> &str {
    whole.get(told..).unwrap_or_default()
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
    pub(super) fn knows(&self, kind: &str) -> bool {
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

    /// Whether the event has to wait, since it is about another item than the one that is open. One that is evidently
    /// complete is closed for it.
    pub(super) fn must_wait(&mut self, said: &Said<'_, '_>, tell: Tell<'_>) -> bool {
        let Some(open) = &self.open else {
            return false;
        };
        if self.find(said) == Some(open.item) {
            return false;
        }
        let is_call = matches!(open.what, What::Call { .. });
        if !open.complete && !holds_object(open) {
            return true;
        }
        let item = open.item;
        self.close(tell);
        if let Some(item) = self.items.get_mut(item) {
            item.done |= is_call;
        }
        false
    }

    pub(super) fn read(&mut self, said: &Said<'_, '_>, tell: Tell<'_>) {
        let n = self.find_or_add(said, tell);
        if self.items.get(n).is_none_or(|item| item.done) {
            return;
        }
        let index = said.index.unwrap_or(0);
        match said.kind.strip_prefix("response.").unwrap_or_default() {
            "output_item.added" => {
                if let Some(item) = said.item {
                    self.begin(n, item, tell);
                }
            }
            "output_item.done" => {
                if let Some(item) = said.item {
                    self.finish(n, item, tell);
                }
            }
            "content_part.added" => {
                let kind = said.part.and_then(|part| part.member_text("type"));
                match kind.as_deref() {
                    Some("output_text") => drop(self.text(n, index, tell)),
                    Some("refusal") => drop(self.refusal(n, index, tell)),
                    _ => {}
                }
            }
            "content_part.done" => {
                if let Some(part) = said.part {
                    self.part(n, index, part, tell);
                }
            }
            "output_text.delta" => self.say(n, index, said, tell),
            "output_text.done" => self.say(n, index, said, tell),
            "output_text.annotation.added" => {
                if let Some(annotation) = said.annotation {
                    self.annotate(n, index, annotation, tell);
                }
            }
            "refusal.delta" => self.refuse(n, index, &said.delta, false, tell),
            "refusal.done" => {
                let whole = said.whole.as_deref().unwrap_or_default();
                self.refuse(n, index, whole, true, tell);
            }
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                self.argue(&said.delta, false, tell);
            }
            "function_call_arguments.done" | "custom_tool_call_input.done" => {
                self.argue(said.whole.as_deref().unwrap_or_default(), true, tell);
            }
            kind => self.read_reasoning(n, kind, said, tell),
        }
    }

    fn read_reasoning(&mut self, n: usize, kind: &str, said: &Said<'_, '_>, tell: Tell<'_>) {
        let whole = said.whole.as_deref();
        let (words, is_whole, is_summary) = match kind {
            "reasoning_summary_part.added" => ("", false, true),
            "reasoning_summary_text.delta" => (&*said.delta, false, true),
            "reasoning_summary_text.done" => (whole.unwrap_or_default(), true, true),
            "reasoning_text.delta" => (&*said.delta, false, false),
            "reasoning_text.done" => (whole.unwrap_or_default(), true, false),
            _ => return,
        };
        self.think(n, &said.item_id, tell);
        if is_summary {
            self.summarize(said.index, words, is_whole, tell);
        } else {
            self.reason(said.index, words, is_whole, tell);
        }
    }

    fn find(&self, said: &Said<'_, '_>) -> Option<usize> {
        if let Some(index) = said.output_index {
            return self.items.iter().position(|item| item.index == Some(index));
        }
        let own = said.item.and_then(|item| item.member_text("id"));
        let id = own.as_deref().unwrap_or(&said.item_id);
        if id.is_empty() {
            return self.items.iter().rposition(|item| !item.done);
        }
        self.items.iter().position(|item| item.id == id)
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
            if let Some(item) = self.items.get_mut(n) {
                item.index = None;
                item.done = true;
            }
        }
        let own = said.item.and_then(|item| item.member_text("id"));
        self.items.push(Item {
            index: said.output_index,
            id: own.as_deref().unwrap_or(&said.item_id).to_owned(),
            done: false,
            next_part: 0,
        });
        self.items.len() - 1
    }

    fn begin(&mut self, n: usize, item: Value<'_, '_>, tell: Tell<'_>) {
        match ItemKind::of(item) {
            ItemKind::Reasoning => {
                let id = item.member_text("id");
                self.think(n, id.as_deref().unwrap_or_default(), tell);
            }
            // A call without a name is told when it is finished.
            ItemKind::Call if item.member_text("name").is_some_and(|n| !n.is_empty()) => {
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
            ItemKind::Reasoning => {
                let id = item.member_text("id");
                self.think(n, id.as_deref().unwrap_or_default(), tell);
                for (index, words) in (0..).zip(pieces(item, "summary")) {
                    self.summarize(Some(index), &words, true, tell);
                }
                for (index, words) in (0..).zip(pieces(item, "content")) {
                    self.reason(Some(index), &words, true, tell);
                }
                if let Some(seal) = seal(item) {
                    tell_delta(Delta::Seal(seal.value), tell);
                }
            }
            ItemKind::Call => {
                let whole = given(item, "arguments");
                let free = given(item, "input");
                if self.open.is_none() {
                    self.call(n, call(item, &self.seed, n), tell);
                }
                self.argue(if free.is_empty() { &whole } else { &free }, true, tell);
            }
            ItemKind::Other => {
                self.close(tell);
                let part = foreign(item);
                tell(Event::Open { choice: 0, part });
                tell(Event::Close { choice: 0 });
            }
        }
        self.close(tell);
        if let Some(item) = self.items.get_mut(n) {
            item.done = true;
        }
    }

    /// A part of a message as it is when finished.
    fn part(&mut self, n: usize, index: u64, value: Value<'_, '_>, tell: Tell<'_>) {
        let Some((part, _)) = content(value, &mut Vec::new()) else {
            return;
        };
        match part.body {
            Body::Text(text) => {
                let Some((told, cited, counted)) = self.text(n, index, tell) else {
                    return;
                };
                let new = rest(&text.text, *told);
                *told += new.len();
                if !new.is_empty() {
                    tell_delta(Delta::Text(new.into()), tell);
                }
                for citation in text.citations.into_iter().skip(*cited) {
                    *cited += 1;
                    tell_delta(Delta::Citation(citation), tell);
                }
                tell_logprobs(Some(value), counted, tell);
            }
            Body::Refusal(words) => self.refuse(n, index, &words, true, tell),
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
        self.complete();
    }

    /// The text at that index, opened if it is not: how much of it was told, and of its citations and log probabilities.
    /// `None`: it was closed before.
    fn text(
        &mut self,
        n: usize,
        index: u64,
        tell: Tell<'_>,
    ) -> Option<(&mut usize, &mut usize, &mut usize)> {
        let is_open = |what: &What| matches!(what, What::Text { part, .. } if *part == index);
        if !self.has_open(n, is_open) {
            if !self.is_next(n, index) {
                return None;
            }
            let body = Body::Text(Text::default());
            let what = What::Text {
                part: index,
                told: 0,
                citations: 0,
                logprobs: 0,
            };
            self.open(n, body, what, tell);
        }
        match &mut self.open.as_mut()?.what {
            What::Text {
                told,
                citations,
                logprobs,
                ..
            } => Some((told, citations, logprobs)),
            What::Refusal { .. } | What::Thinking { .. } | What::Call { .. } => None,
        }
    }

    fn refusal(&mut self, n: usize, index: u64, tell: Tell<'_>) -> Option<&mut usize> {
        let is_open = |what: &What| matches!(what, What::Refusal { part, .. } if *part == index);
        if !self.has_open(n, is_open) {
            if !self.is_next(n, index) {
                return None;
            }
            let what = What::Refusal {
                part: index,
                told: 0,
            };
            self.open(n, Body::Refusal("".into()), what, tell);
        }
        match &mut self.open.as_mut()?.what {
            What::Refusal { told, .. } => Some(told),
            What::Text { .. } | What::Thinking { .. } | What::Call { .. } => None,
        }
    }

    fn has_open(&self, n: usize, is: impl Fn(&What) -> bool) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.item == n && is(&open.what))
    }

    /// Whether the part of the message was not closed yet.
    fn is_next(&self, n: usize, index: u64) -> bool {
        let item = self.items.get(n);
        item.is_some_and(|item| index >= item.next_part)
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

    fn complete(&mut self) {
        if let Some(open) = &mut self.open {
            open.complete = true;
        }
    }

    fn say(&mut self, n: usize, index: u64, said: &Said<'_, '_>, tell: Tell<'_>) {
        let Some((told, _, counted)) = self.text(n, index, tell) else {
            return;
        };
        let new = match &said.whole {
            Some(whole) => rest(whole, *told),
            None => &said.delta,
        };
        *told += new.len();
        if !new.is_empty() {
            tell_delta(Delta::Text(new.into()), tell);
        }
        let Some(tokens) = said.logprobs else {
            return self.complete_if(said.whole.is_some());
        };
        // A delta has those of its own text, the whole has all.
        let skip = if said.whole.is_some() { *counted } else { 0 };
        let new: Vec<_> = tokens.items().map(Value::json).skip(skip).collect();
        *counted += new.len();
        if !new.is_empty() {
            tell_delta(Delta::Logprobs(new), tell);
        }
        self.complete_if(said.whole.is_some());
    }

    fn complete_if(&mut self, is_whole: bool) {
        if is_whole {
            self.complete();
        }
    }

    fn annotate(&mut self, n: usize, index: u64, value: Value<'_, '_>, tell: Tell<'_>) {
        if let Some((_, cited, _)) = self.text(n, index, tell) {
            *cited += 1;
            let citation = citation(value, &mut Vec::new());
            tell_delta(Delta::Citation(citation), tell);
        }
    }

    fn refuse(&mut self, n: usize, index: u64, words: &str, is_whole: bool, tell: Tell<'_>) {
        let Some(told) = self.refusal(n, index, tell) else {
            return;
        };
        let new = if is_whole { rest(words, *told) } else { words };
        *told += new.len();
        if !new.is_empty() {
            tell_delta(Delta::Refusal(new.into()), tell);
        }
        self.complete_if(is_whole);
    }

    /// Opens the item as reasoning, if it is not.
    fn think(&mut self, n: usize, id: &str, tell: Tell<'_>) {
        if self.has_open(n, |what| matches!(what, What::Thinking { .. })) {
            return;
        }
        let what = What::Thinking {
            summary: Told::default(),
            text: Told::default(),
        };
        let thinking = Thinking {
            id: (!id.is_empty()).then(|| id.into()),
            ..Thinking::default()
        };
        self.open(n, Body::Thinking(thinking), what, tell);
    }

    fn summarize(&mut self, index: Option<u64>, words: &str, is_whole: bool, tell: Tell<'_>) {
        let Some(What::Thinking { summary, .. }) = self.what() else {
            return;
        };
        let index = index.unwrap_or(summary.index());
        let (is_new, new) = summary.more(index, words, is_whole);
        if is_new {
            tell_delta(Delta::NextSummary, tell);
        }
        if !new.is_empty() {
            tell_delta(Delta::Summary(new.into()), tell);
        }
    }

    fn reason(&mut self, index: Option<u64>, words: &str, is_whole: bool, tell: Tell<'_>) {
        let Some(What::Thinking { text, .. }) = self.what() else {
            return;
        };
        let index = index.unwrap_or(text.index());
        let is_first = text.last.is_none();
        let (is_new, new) = text.more(index, words, is_whole);
        if is_new && !is_first {
            tell_delta(Delta::Thinking(BETWEEN.into()), tell);
        }
        if !new.is_empty() {
            tell_delta(Delta::Thinking(new.into()), tell);
        }
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
    fn argue(&mut self, words: &str, is_whole: bool, tell: Tell<'_>) {
        let Some(What::Call { text }) = self.what() else {
            return;
        };
        let new = if is_whole {
            rest(words, text.len())
        } else {
            words
        };
        text.push_str(new);
        if !new.is_empty() {
            tell_delta(Delta::Arguments(new.into()), tell);
        }
        self.complete_if(is_whole && !words.is_empty());
    }

    fn what(&mut self) -> Option<&mut What> {
        self.open.as_mut().map(|open| &mut open.what)
    }

    /// Closes what is open, with what the completed response says of it.
    pub(super) fn close_open(&mut self, output: Option<Value<'_, '_>>, tell: Tell<'_>) {
        let Some(n) = self.open.as_ref().map(|open| open.item) else {
            return;
        };
        let items = output.into_iter().flat_map(Value::items);
        let mut own = (0..).zip(items);
        let found = own.find(|(index, item)| self.position(*index, *item) == Some(n));
        match found {
            Some((_, item)) => self.finish(n, item, tell),
            None => self.close(tell),
        }
    }

    /// Tells what of the completed response was not told.
    pub(super) fn add_missing(&mut self, output: Value<'_, '_>, tell: Tell<'_>) {
        for (index, item) in (0..).zip(output.items()) {
            let n = match self.position(index, item) {
                Some(n) if self.items.get(n).is_some_and(|item| item.done) => continue,
                Some(n) => n,
                None => {
                    self.items.push(Item {
                        index: Some(index),
                        id: String::new(),
                        done: false,
                        next_part: 0,
                    });
                    self.items.len() - 1
                }
            };
            self.finish(n, item, tell);
        }
    }

    /// The item that stands at `index` of the completed response.
    fn position(&self, index: u64, item: Value<'_, '_>) -> Option<usize> {
        let id = item.member_text("id").unwrap_or_default();
        let by_id = || {
            let mut own = self.items.iter();
            own.position(|item| !id.is_empty() && item.id == id)
        };
        let by_index = || self.items.iter().position(|item| item.index == Some(index));
        by_id().or_else(by_index)
    }
}

fn tell_delta(delta: Delta<'_>, tell: Tell<'_>) {
    tell(Event::Delta { choice: 0, delta });
}

fn tell_logprobs(holder: Option<Value<'_, '_>>, counted: &mut usize, tell: Tell<'_>) {
    let all = holder.into_iter().flat_map(logprobs);
    let new: Vec<_> = all.skip(*counted).collect();
    *counted += new.len();
    if !new.is_empty() {
        tell_delta(Delta::Logprobs(new), tell);
    }
}

/// Whether the open part is a call with arguments that are whole by themselves.
fn holds_object(open: &Open) -> bool {
    let What::Call { text } = &open.what else {
        return false;
    };
    let mut document = Document::default();
    let value = document.read(text.as_bytes());
    value.is_ok_and(|value| value.kind() == Kind::Object)
}
