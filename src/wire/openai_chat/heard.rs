//! One choice of an answer, as it is heard: its parts in the order that the law of events asks for.
//!
//! Only the first part that is not over is told as it comes. Texts, reasoning and audio are over as soon as anything else
//! begins; a call only when its arguments are complete. What comes for later parts until then is held back.

use std::collections::VecDeque;

use crate::ir::{
    Arguments, At, Body, Call, Citation, Delta, Event, Json, Media, Part, Source, Stop, StopReason,
    Text, Thinking,
};

use super::called::{Called, Done, Key, Piece};
use super::reasoning::{Detail, DetailKind};

type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Parts that are not over at once. No vendor has so many calls in the air; each piece of one is looked for among them.
const MOST_OPEN: usize = 1_024;

#[derive(Debug)]
pub(super) struct Heard {
    pub(super) index: u32,
    /// Parts that are not over. The first is the one that is told.
    slots: VecDeque<Slot>,
    done: Done,
    calls: u32,
    texts: u32,
    refused: bool,
    /// Of a text that is still to come.
    logprobs: Vec<Json<'static>>,
    stop: Option<Stop<'static>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Thinking,
    Audio,
    Call,
    /// Citations of texts that are over.
    Cited,
    /// It came whole.
    Whole,
}

#[derive(Debug)]
struct Slot {
    kind: Kind,
    /// Until it is told.
    head: Option<Part<'static>>,
    /// What came while another part was told.
    held: Vec<Delta<'static>>,
    call: Option<Called>,
    /// Of reasoning: the block that it is, and whether its seal has come.
    block: Option<u64>,
    sealed: bool,
    summarised: bool,
}

impl Slot {
    fn new(kind: Kind, body: Body<'static>) -> Slot {
        Slot {
            kind,
            head: Some(Part::new(At::NOWHERE, body)),
            held: Vec::new(),
            call: None,
            block: None,
            sealed: false,
            summarised: false,
        }
    }

    fn is_over(&self) -> bool {
        self.call.as_ref().is_none_or(Called::is_over)
    }

    /// Whether it is known what the part is.
    fn is_ready(&self) -> bool {
        self.call.as_ref().is_none_or(Called::is_ready)
    }

    fn open(&mut self, choice: u32, tell: Tell<'_>) {
        let Some(mut part) = self.head.take() else {
            return;
        };
        if let (Body::Call(call), Some(called)) = (&mut part.body, &mut self.call) {
            call.id = called.key.id.clone().into();
            call.name = called.name.clone().into();
        }
        tell(Event::Open { choice, part });
        for delta in self.held.drain(..) {
            tell(Event::Delta { choice, delta });
        }
    }

    fn close(mut self, choice: u32, tell: Tell<'_>) -> Option<Key> {
        if self.call.as_ref().is_some_and(Called::is_nothing) {
            return None;
        }
        self.open(choice, tell);
        if let Some(rest) = self.call.as_mut().and_then(Called::take_rest) {
            let delta = Delta::Arguments(rest.into());
            tell(Event::Delta { choice, delta });
        }
        tell(Event::Close { choice });
        self.call.map(|called| called.key)
    }
}

impl Heard {
    pub(super) fn new(index: u32) -> Heard {
        Heard {
            index,
            slots: VecDeque::new(),
            done: Done::default(),
            calls: 0,
            texts: 0,
            refused: false,
            logprobs: Vec::new(),
            stop: None,
        }
    }

    pub(super) fn text(&mut self, words: &str, tell: Tell<'_>) {
        self.go_on(Kind::Text, tell);
        self.add(Delta::Text(words.into()), tell);
    }

    pub(super) fn refusal(&mut self, words: &str, tell: Tell<'_>) {
        self.refused = true;
        self.go_on(Kind::Refusal, tell);
        self.add(Delta::Refusal(words.into()), tell);
    }

    pub(super) fn thinking(&mut self, words: &str, tell: Tell<'_>) {
        self.go_on(Kind::Thinking, tell);
        self.add(Delta::Thinking(words.into()), tell);
    }

    /// `mime`: what the audio seems to be; only the request said it.
    pub(super) fn audio(&mut self, id: Option<&str>, mime: &'static str, tell: Tell<'_>) {
        if self.is_open(Kind::Audio) {
            return;
        }
        let mut media = Media::new(Source::Inline {
            mime: mime.into(),
            base64: "".into(),
        });
        media.id = id.map(|id| id.to_owned().into());
        self.begin(Slot::new(Kind::Audio, Body::Audio(media)), tell);
    }

    /// More of the part that came last.
    pub(super) fn add(&mut self, delta: Delta<'_>, tell: Tell<'_>) {
        let choice = self.index;
        let last = self.slots.len().saturating_sub(1);
        self.add_to(last, choice, delta, tell);
    }

    pub(super) fn whole(&mut self, body: Body<'static>, tell: Tell<'_>) {
        self.begin(Slot::new(Kind::Whole, body), tell);
    }

    /// A citation belongs to a text, even if it is an empty one. Its place is counted over all that the answer says: of
    /// several texts it is told apart.
    pub(super) fn cite(&mut self, citation: Citation<'_>, tell: Tell<'_>) {
        let is_of_open = match self.texts {
            0 => true,
            1 => self.is_open(Kind::Text),
            _ => false,
        };
        let kind = if is_of_open { Kind::Text } else { Kind::Cited };
        self.go_on(kind, tell);
        self.add(Delta::Citation(citation), tell);
    }

    /// Log probabilities of what was said last; where that is no text (vLLM has some of reasoning), of the next text.
    pub(super) fn logprobs(&mut self, tokens: Vec<Json<'_>>, tell: Tell<'_>) {
        if self.is_open(Kind::Text) || self.is_open(Kind::Refusal) {
            self.add(Delta::Logprobs(tokens), tell);
        } else {
            let tokens = tokens.into_iter().map(Json::into_owned);
            self.logprobs.extend(tokens);
        }
    }

    pub(super) fn detail(&mut self, detail: Detail<'_>, tell: Tell<'_>) {
        let goes_on = self.slots.back().is_some_and(|slot| {
            let same = slot.block.is_none() || detail.index.is_none() || slot.block == detail.index;
            slot.kind == Kind::Thinking && !slot.sealed && same
        });
        let block = detail.index;
        if !goes_on {
            let part = match detail.kind {
                DetailKind::Encrypted => detail.clone().redacted(),
                DetailKind::Text | DetailKind::Summary => detail.head(),
            };
            let mut slot = Slot::new(Kind::Thinking, part.into_owned().body);
            slot.block = block;
            slot.sealed = detail.kind == DetailKind::Encrypted;
            self.begin(slot, tell);
        }
        if let Some(slot) = self.slots.back_mut() {
            slot.block = slot.block.or(block);
        }
        if detail.kind == DetailKind::Encrypted && !goes_on {
            return;
        }
        self.add_words(&detail, tell);
        if let (Some(seal), Some(slot)) = (detail.seal, self.slots.back_mut()) {
            slot.sealed = true;
            self.add(Delta::Seal(seal.value), tell);
        }
    }

    fn add_words(&mut self, detail: &Detail<'_>, tell: Tell<'_>) {
        let words = &*detail.text;
        match detail.kind {
            DetailKind::Text if !words.is_empty() => {
                self.add(Delta::Thinking(words.into()), tell);
            }
            DetailKind::Summary if !words.is_empty() => {
                let first = self.slots.back_mut().is_some_and(|slot| {
                    let first = !slot.summarised;
                    slot.summarised = true;
                    first
                });
                if first {
                    self.add(Delta::NextSummary, tell);
                }
                self.add(Delta::Summary(words.into()), tell);
            }
            DetailKind::Text | DetailKind::Summary | DetailKind::Encrypted => {}
        }
    }

    /// A piece of a call. `seed`: what an id is made from.
    pub(super) fn call(&mut self, piece: &Piece<'_>, seed: &str, tell: Tell<'_>) {
        let Some(at) = self.slot_of(piece, seed, tell) else {
            return;
        };
        let choice = self.index;
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        let is_told = slot.head.is_none();
        let news = slot.call.as_mut().and_then(|called| {
            called.learn(piece, is_told);
            called.arguments(&piece.arguments)
        });
        if at == 0 && slot.is_ready() {
            slot.open(choice, tell);
        }
        if let Some(news) = news {
            self.add_to(at, choice, Delta::Arguments(news.into()), tell);
        }
        if let Some(seal) = &piece.seal {
            self.add_to(at, choice, Delta::Seal((&**seal).into()), tell);
        }
        self.advance(tell);
    }

    /// Where the call of this piece is; `None`: it is over.
    fn slot_of(&mut self, piece: &Piece<'_>, seed: &str, tell: Tell<'_>) -> Option<usize> {
        let live = |slot: &Slot| slot.call.as_ref().is_some_and(|called| called.is_of(piece));
        if let Some(at) = self.slots.iter().rposition(live) {
            return Some(at);
        }
        if self.done.holds(piece) {
            return None;
        }
        let made = || format!("call_{seed}_{}_{}", self.index, self.calls);
        let called = Called::new(piece, made);
        self.calls += 1;
        let arguments = match piece.free {
            true => Arguments::Free("".into()),
            false => Arguments::Json("".into()),
        };
        let call = Call {
            arguments,
            ..Call::default()
        };
        let mut slot = Slot::new(Kind::Call, Body::Call(call));
        slot.call = Some(called);
        self.begin(slot, tell);
        Some(self.slots.len().saturating_sub(1))
    }

    fn is_open(&self, kind: Kind) -> bool {
        self.slots
            .back()
            .is_some_and(|slot| slot.kind == kind && !slot.sealed)
    }

    fn go_on(&mut self, kind: Kind, tell: Tell<'_>) {
        if self.is_open(kind) {
            return;
        }
        let body = match kind {
            Kind::Refusal => Body::Refusal("".into()),
            Kind::Thinking => Body::Thinking(Thinking::default()),
            Kind::Text | Kind::Cited | Kind::Audio | Kind::Call | Kind::Whole => {
                Body::Text(Text::default())
            }
        };
        self.texts += u32::from(kind == Kind::Text);
        self.begin(Slot::new(kind, body), tell);
        let has_logprobs = matches!(kind, Kind::Text | Kind::Refusal);
        if has_logprobs && !self.logprobs.is_empty() {
            let tokens = std::mem::take(&mut self.logprobs);
            self.add(Delta::Logprobs(tokens), tell);
        }
    }

    fn begin(&mut self, slot: Slot, tell: Tell<'_>) {
        self.slots.push_back(slot);
        if self.slots.len() > MOST_OPEN {
            self.close_first(tell);
        }
        self.advance(tell);
    }

    /// Closes what is over now that something else has begun, and tells what was held back for its sake.
    fn advance(&mut self, tell: Tell<'_>) {
        while self.slots.len() > 1 && self.slots.front().is_some_and(Slot::is_over) {
            self.close_first(tell);
        }
        if let Some(first) = self.slots.front_mut()
            && first.is_ready()
        {
            first.open(self.index, tell);
        }
    }

    fn close_first(&mut self, tell: Tell<'_>) {
        if let Some(first) = self.slots.pop_front()
            && let Some(key) = first.close(self.index, tell)
        {
            self.done.add(key);
        }
    }

    fn add_to(&mut self, at: usize, choice: u32, delta: Delta<'_>, tell: Tell<'_>) {
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        if slot.head.is_none() {
            return tell(Event::Delta { choice, delta });
        }
        hold(&mut slot.held, delta);
    }

    /// What the vendor says of why the choice ended. The last word counts.
    pub(super) fn stop(&mut self, stop: Stop<'static>) {
        self.stop = Some(stop);
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// The answer is over.
    pub(super) fn finish(&mut self, tell: Tell<'_>) {
        while !self.slots.is_empty() {
            self.close_first(tell);
        }
        let Some(mut stop) = self.stop.clone() else {
            return;
        };
        // Many vendors say `stop` whatever the model did.
        if stop.reason == StopReason::End && self.calls > 0 {
            stop.reason = StopReason::ToolUse;
        } else if stop.reason == StopReason::End && self.refused {
            stop.reason = StopReason::Refusal;
        }
        tell(Event::Stop {
            choice: self.index,
            stop,
        });
    }
}

/// Keeps a delta for later, as one with those of its kind before it.
fn hold(held: &mut Vec<Delta<'static>>, delta: Delta<'_>) {
    match (held.last_mut(), &delta) {
        (Some(Delta::Text(text)), Delta::Text(more))
        | (Some(Delta::Refusal(text)), Delta::Refusal(more))
        | (Some(Delta::Thinking(text)), Delta::Thinking(more))
        | (Some(Delta::Summary(text)), Delta::Summary(more))
        | (Some(Delta::Arguments(text)), Delta::Arguments(more))
        | (Some(Delta::Audio(text)), Delta::Audio(more))
        | (Some(Delta::Transcript(text)), Delta::Transcript(more)) => text.to_mut().push_str(more),
        (_, _) => held.push(owned(delta)),
    }
}

fn owned(delta: Delta<'_>) -> Delta<'static> {
    let own = |text: crate::ir::Str<'_>| text.into_owned().into();
    match delta {
        Delta::Text(text) => Delta::Text(own(text)),
        Delta::Refusal(text) => Delta::Refusal(own(text)),
        Delta::Thinking(text) => Delta::Thinking(own(text)),
        Delta::Summary(text) => Delta::Summary(own(text)),
        Delta::NextSummary => Delta::NextSummary,
        Delta::Seal(text) => Delta::Seal(own(text)),
        Delta::Arguments(text) => Delta::Arguments(own(text)),
        Delta::Citation(citation) => Delta::Citation(citation.into_owned()),
        Delta::Logprobs(list) => Delta::Logprobs(list.into_iter().map(Json::into_owned).collect()),
        Delta::Audio(text) => Delta::Audio(own(text)),
        Delta::Transcript(text) => Delta::Transcript(own(text)),
    }
}
