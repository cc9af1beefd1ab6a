//! The blocks of a stream, told one at a time in the order in which they began.

use std::collections::VecDeque;

use super::reply_read::{cited, part};
use crate::ir::{
    Arguments, At, Body, Citation, Delta, Event, Foreign, Json, Part, Str, Text, Thinking,
};
use crate::wire::json::{Document, Value, Writer};

#[derive(Debug)]
pub(super) struct Blocks {
    seed: String,
    /// How many began.
    begun: usize,
    /// The first one is told as it comes; those behind it wait until it ends.
    queue: VecDeque<Block>,
}

#[derive(Debug)]
struct Block {
    index: u64,
    kind: Kind,
    /// Not told yet.
    part: Option<Part<'static>>,
    /// Of a block that waits.
    held: Vec<Delta<'static>>,
    /// Of a call and of a server tool's: the pieces of the input so far.
    input: String,
    /// Of a call: the input that it began with, which counts if no piece follows.
    first_input: String,
    /// Of a foreign block: members that a delta brought.
    members: Vec<(String, String)>,
    stopped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
    /// Comes whole, at its end: what only this format knows, and redacted thinking.
    Whole,
}

impl Blocks {
    pub(super) fn new(seed: &str) -> Blocks {
        Blocks {
            seed: seed.to_owned(),
            begun: 0,
            queue: VecDeque::new(),
        }
    }

    /// Whether anything has been told.
    pub(super) fn has_begun(&self) -> bool {
        self.begun > 0
    }

    /// A block begins. Without an index it is the next one.
    pub(super) fn begin(
        &mut self,
        index: Option<u64>,
        block: Value<'_, '_>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let part = part(block, &self.seed, self.begun).into_owned();
        self.add(index.unwrap_or(self.begun as u64), part, tell);
    }

    fn add(&mut self, index: u64, part: Part<'static>, tell: &mut dyn FnMut(Event<'_>)) {
        self.begun += 1;
        // Texts and thoughts do not come interleaved: the next block ends them, also where the vendor does not say so. So
        // it is with a call whose arguments are complete.
        if let Some(last) = self.queue.back_mut()
            && (last.kind != Kind::Call || last.index == index || last.has_its_input())
        {
            last.stopped = true;
        }
        self.queue.push_back(Block::of(index, part));
        self.advance(tell);
    }

    /// A block grows.
    pub(super) fn grow(
        &mut self,
        index: Option<u64>,
        delta: Value<'_, '_>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let Some(more) = More::of(delta) else {
            return;
        };
        if let Some(at) = self.place(index, &more) {
            self.apply(at, more, tell);
        } else if let Some(part) = more.bare_part() {
            // Its block has never begun, or has ended: it makes one of its own.
            self.add(index.unwrap_or(self.begun as u64), part, tell);
            self.apply(self.queue.len().saturating_sub(1), more, tell);
        }
    }

    /// Which block a piece belongs to.
    fn place(&self, index: Option<u64>, more: &More<'_, '_>) -> Option<usize> {
        let fits = |block: &Block| !block.stopped && more.fits(block.kind);
        match index {
            Some(index) => self
                .queue
                .iter()
                .rposition(|block| block.index == index && fits(block)),
            None => self.queue.iter().rposition(fits),
        }
    }

    fn apply(&mut self, at: usize, more: More<'_, '_>, tell: &mut dyn FnMut(Event<'_>)) {
        let Some(block) = self.queue.get_mut(at) else {
            return;
        };
        let delta = match more {
            More::Text(text) => Delta::Text(text),
            More::Thinking(text) => Delta::Thinking(text),
            More::Seal(seal) => Delta::Seal(seal),
            More::Citation(citation) => Delta::Citation(*citation),
            More::Input(piece) => {
                block.input.push_str(&piece);
                if block.kind == Kind::Whole {
                    return;
                }
                Delta::Arguments(piece)
            }
            More::Members(delta) => {
                let members = delta.members().filter(|(key, _)| key != "type");
                let owned = members.map(|(key, value)| (key.into_owned(), value.raw().to_owned()));
                block.members.extend(owned);
                return;
            }
        };
        if block.part.is_none() {
            tell(Event::Delta { choice: 0, delta });
        } else {
            block.held.push(owned(delta));
        }
    }

    /// A block ends; without an index the one that began last.
    pub(super) fn stop(&mut self, index: Option<u64>, tell: &mut dyn FnMut(Event<'_>)) {
        let is_it =
            |block: &&mut Block| !block.stopped && index.is_none_or(|index| block.index == index);
        if let Some(block) = self.queue.iter_mut().rev().find(is_it) {
            block.stopped = true;
            self.advance(tell);
        }
    }

    /// All blocks end.
    pub(super) fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        for block in &mut self.queue {
            block.stopped = true;
        }
        self.advance(tell);
    }

    /// Tells what no longer has to wait.
    fn advance(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        while let Some(first) = self.queue.front_mut() {
            first.open(tell);
            if !first.stopped {
                return;
            }
            first.close(tell);
            self.queue.pop_front();
        }
    }
}

impl Block {
    fn of(index: u64, mut part: Part<'static>) -> Block {
        let mut block = Block {
            index,
            kind: Kind::Whole,
            part: None,
            held: Vec::new(),
            input: String::new(),
            first_input: String::new(),
            members: Vec::new(),
            stopped: false,
        };
        // What the block begins with is its first piece.
        match &mut part.body {
            Body::Text(Text { text, citations }) => {
                block.kind = Kind::Text;
                let text = std::mem::take(text);
                if !text.is_empty() {
                    block.held.push(Delta::Text(text));
                }
                let citations = std::mem::take(citations).into_iter();
                block.held.extend(citations.map(Delta::Citation));
            }
            Body::Thinking(thinking) if !thinking.redacted => {
                block.kind = Kind::Thinking;
                let whole = std::mem::take(thinking);
                if !whole.text.is_empty() {
                    block.held.push(Delta::Thinking(whole.text));
                }
                let seal = whole.seal.map(|seal| Delta::Seal(seal.value));
                block.held.extend(seal);
            }
            Body::Call(call) => {
                block.kind = Kind::Call;
                let arguments = std::mem::take(&mut call.arguments);
                let (Arguments::Json(input) | Arguments::Free(input)) = arguments;
                block.first_input = input.into_owned();
            }
            Body::Thinking(_)
            | Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
        block.part = Some(part);
        block
    }

    fn has_its_input(&self) -> bool {
        if self.input.is_empty() {
            return !matches!(&*self.first_input, "" | "{}");
        }
        is_object(&self.input)
    }

    fn open(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        if self.kind == Kind::Whole && !self.stopped {
            return;
        }
        let Some(mut part) = self.part.take() else {
            return;
        };
        if let Body::Foreign(foreign) = &mut part.body {
            self.complete(foreign);
        }
        tell(Event::Open { choice: 0, part });
        for delta in self.held.drain(..) {
            tell(Event::Delta { choice: 0, delta });
        }
    }

    fn close(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        let first_input = std::mem::take(&mut self.first_input);
        if self.kind == Kind::Call && self.input.is_empty() && !first_input.is_empty() {
            let delta = Delta::Arguments(Str::Owned(first_input));
            tell(Event::Delta { choice: 0, delta });
        }
        tell(Event::Close { choice: 0 });
    }

    /// Puts what the deltas brought in its place.
    fn complete(&mut self, foreign: &mut Foreign<'static>) {
        if is_object(&self.input) {
            let input = std::mem::take(&mut self.input);
            self.members.push(("input".to_owned(), input));
        }
        if self.members.is_empty() {
            return;
        }
        let mut document = Document::default();
        let Ok(block) = document.read(foreign.json.0.as_bytes()) else {
            return;
        };
        let mut out = Vec::with_capacity(foreign.json.0.len() + self.input.len());
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        for (key, value) in block.members() {
            let later = self.members.iter().rposition(|(name, _)| *name == key);
            writer.any_key(&key);
            match later.map(|at| self.members.swap_remove(at)) {
                Some((_, raw)) => writer.raw(&raw),
                None => writer.raw(value.raw()),
            };
        }
        for (key, raw) in &self.members {
            writer.any_key(key).raw(raw);
        }
        writer.close_object();
        foreign.json = Json(Str::Owned(String::from_utf8_lossy(&out).into_owned()));
    }
}

/// What a delta brings.
enum More<'d, 'a> {
    Text(Str<'a>),
    Thinking(Str<'a>),
    Seal(Str<'a>),
    Citation(Box<Citation<'a>>),
    Input(Str<'a>),
    /// Members for a foreign block (`compaction_delta`).
    Members(Value<'d, 'a>),
}

impl<'d, 'a> More<'d, 'a> {
    /// `None`: nothing.
    fn of(delta: Value<'d, 'a>) -> Option<More<'d, 'a>> {
        let text = |key| delta.member_text(key).filter(|text| !text.is_empty());
        Some(match &*delta.member_text("type")? {
            "text_delta" => More::Text(text("text")?),
            "thinking_delta" => More::Thinking(text("thinking")?),
            "signature_delta" => More::Seal(text("signature")?),
            "input_json_delta" => More::Input(text("partial_json")?),
            "citations_delta" => More::Citation(Box::new(cited(delta.member("citation")?))),
            _ => More::Members(delta),
        })
    }

    fn fits(&self, kind: Kind) -> bool {
        match self {
            More::Text(_) | More::Citation(_) => kind == Kind::Text,
            More::Thinking(_) | More::Seal(_) => kind == Kind::Thinking,
            More::Input(_) => matches!(kind, Kind::Call | Kind::Whole),
            More::Members(_) => kind == Kind::Whole,
        }
    }

    /// The part that it makes without a block that it belongs to. A piece of a call says too little.
    fn bare_part(&self) -> Option<Part<'static>> {
        let body = match self {
            More::Text(_) | More::Citation(_) => Body::Text(Text::default()),
            More::Thinking(_) | More::Seal(_) => Body::Thinking(Thinking::default()),
            More::Input(_) | More::Members(_) => return None,
        };
        Some(Part::new(At::NOWHERE, body))
    }
}

fn is_object(json: &str) -> bool {
    let mut document = Document::default();
    let value = document.read(json.as_bytes());
    value.is_ok_and(|value| value.want_object().is_ok())
}

/// The delta, to outlive its event. Only those that [`Blocks::apply`] makes.
fn owned(delta: Delta<'_>) -> Delta<'static> {
    let own = |text: Str<'_>| Str::Owned(text.into_owned());
    match delta {
        Delta::Text(text) => Delta::Text(own(text)),
        Delta::Thinking(text) => Delta::Thinking(own(text)),
        Delta::Seal(seal) => Delta::Seal(own(seal)),
        Delta::Arguments(piece) => Delta::Arguments(own(piece)),
        Delta::Citation(citation) => Delta::Citation(citation.into_owned()),
        Delta::Refusal(text) => Delta::Refusal(own(text)),
        Delta::Summary(text) => Delta::Summary(own(text)),
        Delta::NextSummary => Delta::NextSummary,
        Delta::Logprobs(tokens) => {
            Delta::Logprobs(tokens.into_iter().map(Json::into_owned).collect())
        }
        Delta::Audio(base64) => Delta::Audio(own(base64)),
        Delta::Transcript(text) => Delta::Transcript(own(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(steps: &[(&str, u64, &str)]) -> Vec<String> {
        let mut blocks = Blocks::new("s");
        let mut told = Vec::new();
        let mut tell = |event: Event<'_>| {
            told.push(match event {
                Event::Open { part, .. } => match part.body {
                    Body::Call(call) => format!("open {}", call.id),
                    Body::Foreign(foreign) => format!("foreign {}", foreign.json.0),
                    Body::Text(_) => "open text".to_owned(),
                    other => format!("open {other:?}"),
                },
                Event::Delta { delta, .. } => match delta {
                    Delta::Text(text) | Delta::Arguments(text) => text.into_owned(),
                    other => format!("{other:?}"),
                },
                Event::Close { .. } => "close".to_owned(),
                other => format!("{other:?}"),
            });
        };
        for (step, index, json) in steps {
            let mut document = Document::default();
            let index = Some(*index);
            match *step {
                "stop" => blocks.stop(index, &mut tell),
                "end" => blocks.finish(&mut tell),
                "begin" => {
                    let block = document.read(json.as_bytes()).unwrap();
                    blocks.begin(index, block, &mut tell);
                }
                _ => {
                    let delta = document.read(json.as_bytes()).unwrap();
                    blocks.grow(index, delta, &mut tell);
                }
            }
        }
        told
    }

    const A: &str = r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#;
    const B: &str = r#"{"type":"tool_use","id":"b","name":"f","input":{}}"#;

    #[test]
    fn a_call_that_begins_while_another_grows_waits_for_it() {
        let steps = [
            ("begin", 0, A),
            (
                "grow",
                0,
                r#"{"type":"input_json_delta","partial_json":"{\"x\":"}"#,
            ),
            ("begin", 1, B),
            (
                "grow",
                1,
                r#"{"type":"input_json_delta","partial_json":"{\"y\":"}"#,
            ),
            (
                "grow",
                0,
                r#"{"type":"input_json_delta","partial_json":"1}"}"#,
            ),
            ("stop", 0, ""),
            (
                "grow",
                1,
                r#"{"type":"input_json_delta","partial_json":"2}"}"#,
            ),
            ("stop", 1, ""),
        ];
        let expected = [
            "open a", "{\"x\":", "1}", "close", "open b", "{\"y\":", "2}", "close",
        ];
        assert_eq!(told(&steps), expected);
    }

    #[test]
    fn a_block_that_is_never_stopped_ends_where_the_next_begins() {
        let steps = [
            ("begin", 0, r#"{"type":"text","text":""}"#),
            ("grow", 0, r#"{"type":"text_delta","text":"t"}"#),
            ("begin", 1, A),
            (
                "grow",
                1,
                r#"{"type":"input_json_delta","partial_json":"{}"}"#,
            ),
            ("begin", 2, B),
            ("end", 0, ""),
        ];
        let expected = [
            "open text",
            "t",
            "close",
            "open a",
            "{}",
            "close",
            "open b",
            "{}",
            "close",
        ];
        assert_eq!(told(&steps), expected);
    }

    #[test]
    fn input_that_comes_with_the_start_counts_only_where_no_piece_follows() {
        let whole = r#"{"type":"tool_use","id":"a","name":"f","input":{"x": 1}}"#;
        let piece = r#"{"type":"input_json_delta","partial_json":"{\"x\":1}"}"#;
        assert_eq!(
            told(&[("begin", 0, whole), ("stop", 0, "")]),
            ["open a", "{\"x\": 1}", "close"]
        );
        assert_eq!(
            told(&[("begin", 0, whole), ("grow", 0, piece), ("stop", 0, "")]),
            ["open a", "{\"x\":1}", "close"]
        );
    }

    #[test]
    fn a_server_tools_block_comes_whole_with_its_input_in_place() {
        let block = r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{},"caller":{"type":"direct"}}"#;
        let steps = [
            ("begin", 0, block),
            (
                "grow",
                0,
                r#"{"type":"input_json_delta","partial_json":""}"#,
            ),
            (
                "grow",
                0,
                r#"{"type":"input_json_delta","partial_json":"{\"q\":"}"#,
            ),
            (
                "grow",
                0,
                r#"{"type":"input_json_delta","partial_json":"1}"}"#,
            ),
            ("stop", 0, ""),
        ];
        let whole = r#"foreign {"type":"server_tool_use","id":"s","name":"web_search","input":{"q":1},"caller":{"type":"direct"}}"#;
        assert_eq!(told(&steps), [whole, "close"]);
    }

    #[test]
    fn a_compaction_comes_whole() {
        let steps = [
            ("begin", 0, r#"{"type":"compaction","content":null}"#),
            (
                "grow",
                0,
                r#"{"type":"compaction_delta","content":"sum","encrypted_content":"e"}"#,
            ),
            ("stop", 0, ""),
        ];
        let whole = r#"foreign {"type":"compaction","content":"sum","encrypted_content":"e"}"#;
        assert_eq!(told(&steps), [whole, "close"]);
    }

    #[test]
    fn a_piece_without_a_block_makes_one() {
        let steps = [
            ("grow", 0, r#"{"type":"text_delta","text":"a"}"#),
            ("grow", 0, r#"{"type":"text_delta","text":"b"}"#),
            ("end", 0, ""),
        ];
        assert_eq!(told(&steps), ["open text", "a", "b", "close"]);
    }
}
