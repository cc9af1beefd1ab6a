//! Opaque state of vendors, which belongs to who issued it: what goes back, what stays away, what is remembered.

use std::borrow::Cow;

use super::loss::Losses;
use crate::ir::{
    At, Body, Call, Delta, Event, Format, Part, Request, Role, Said, Str, Thinking, Turn,
};

/// Who issued opaque state: a vendor, and the format in which it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Issuer {
    /// A number of our own for the vendor: not the account, not the endpoint.
    pub vendor: u64,
    pub format: Format,
}

/// What is remembered of a seal that a client was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealNote {
    pub issuer: Issuer,
    /// As the vendor wrote it: clients may write its bytes in another alphabet (Google's SDKs do).
    pub seal: String,
    /// It came as a redacted block.
    pub redacted: bool,
    /// The id of the item that it came in (Responses); the vendor wants it back with the seal.
    pub item: Option<String>,
}

/// What is remembered of a call because its client may not say it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallNote {
    pub issuer: Issuer,
    /// The reasoning that stood before it, with its seals.
    pub before: Vec<Part<'static>>,
    /// The call's own seal (Gemini).
    pub seal: Option<String>,
}

/// Something to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keepsake {
    Seal { seal: String, note: SealNote },
    Call { id: String, note: CallNote },
}

/// Where keepsakes are asked for.
pub trait Memory {
    fn seal(&self, seal: &str) -> Option<SealNote>;
    fn call(&self, id: &str) -> Option<CallNote>;
}

/// A request on its way from a client's format to a target.
#[derive(Clone, Copy)]
pub struct Crossing<'m> {
    pub from: Format,
    pub to: Issuer,
    pub memory: &'m dyn Memory,
    /// The target has refused the state: all of it stays away.
    pub leave_out: bool,
}

/// What Google's clients send for a signature that there is none of ("Thought signatures" in Gemini's API guide).
const STAND_INS: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

impl Crossing<'_> {
    /// Puts back what the target issued and the client's format could not hold, and takes out what others issued.
    pub fn settle(&self, request: &mut Request<'_>, losses: &mut Losses) {
        for turn in &mut request.turns {
            if turn.role != Role::Assistant {
                continue;
            }
            self.filter(turn, losses);
            if !self.leave_out {
                self.put_back(turn);
            }
        }
    }

    fn filter(&self, turn: &mut Turn<'_>, losses: &mut Losses) {
        for part in &mut turn.parts {
            if let Some(seal) = &mut part.seal {
                match self.noted(seal) {
                    None if STAND_INS.contains(&&*seal.value) => {
                        losses.hint(seal.at, "a stand-in for a signature");
                        part.seal = None;
                    }
                    None => {
                        losses.add(seal.at, "a signature of another provider");
                        part.seal = None;
                    }
                    Some(Some(note)) => seal.value = Cow::Owned(note.seal),
                    Some(None) => {}
                }
            }
            if let Body::Thinking(thinking) = &mut part.body {
                self.filter_thinking(thinking, losses);
            }
        }
        // Redacted thinking is nothing without its seal.
        turn.parts.retain(|part| {
            let empty = matches!(&part.body, Body::Thinking(thinking) if thinking.is_empty());
            if empty {
                losses.add(part.at, "reasoning of another provider");
            }
            !empty
        });
    }

    fn filter_thinking(&self, thinking: &mut Thinking<'_>, losses: &mut Losses) {
        let Some(seal) = &mut thinking.seal else {
            // Made by us for an answer that had none: no vendor knows it.
            thinking.id = None;
            return;
        };
        match self.noted(seal) {
            None => {
                losses.add(seal.at, "reasoning state of another provider");
                thinking.seal = None;
                thinking.id = None;
            }
            Some(Some(note)) => {
                seal.value = Cow::Owned(note.seal);
                thinking.redacted |= note.redacted;
                if thinking.id.is_none() {
                    thinking.id = note.item.map(Cow::Owned);
                }
            }
            Some(None) => {}
        }
    }

    /// What is known of a seal that the target issued; `None` if it did not. What is not remembered was issued by somebody of
    /// the client's format: the state came from another gateway, or from before a restart.
    fn noted(&self, seal: &Said<Str<'_>>) -> Option<Option<SealNote>> {
        if self.leave_out {
            return None;
        }
        match self.memory.seal(&seal.value) {
            Some(note) => (note.issuer == self.to).then_some(Some(note)),
            None => (self.from == self.to.format).then_some(None),
        }
    }

    fn put_back(&self, turn: &mut Turn<'_>) {
        let mut at = 0;
        while let Some(part) = turn.parts.get_mut(at) {
            at += 1;
            let Body::Call(call) = &part.body else {
                continue;
            };
            let Some(note) = self.memory.call(&call.id) else {
                continue;
            };
            if note.issuer != self.to {
                continue;
            }
            if let (None, Some(seal)) = (&part.seal, note.seal) {
                part.seal = Some(Said::new(At::OURS, Cow::Owned(seal)));
            }
            let sealed = |part: &Part<'_>| matches!(&part.body, Body::Thinking(thinking) if thinking.seal.is_some());
            let before = turn.parts.get(..at - 1).unwrap_or_default();
            let has_words = before
                .iter()
                .any(|part| matches!(part.body, Body::Thinking(_)));
            let is_sealed = note.before.iter().any(sealed);
            if note.before.is_empty() || before.iter().any(sealed) || (has_words && !is_sealed) {
                continue;
            }
            // The client may have sent the words back without their seal.
            let words = |part: &Part<'_>| matches!(part.body, Body::Thinking(_));
            let mut kept = 0;
            let call_at = at - 1;
            let mut index = 0;
            turn.parts.retain(|part| {
                let keep = index >= call_at || !words(part);
                kept += usize::from(keep && index < call_at);
                index += 1;
                keep
            });
            let count = note.before.len();
            // Reasoning stands before all that it led to.
            turn.parts.splice(0..0, note.before);
            at = kept + count + 1;
        }
    }
}

impl Thinking<'_> {
    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.summaries.is_empty() && self.seal.is_none()
    }
}

/// Watches an answer for what has to be remembered.
#[derive(Debug)]
pub(super) struct Keeping {
    issuer: Issuer,
    /// Reasoning of the turn so far: formats have no place for it (Chat), and clients that have one drop it all the same
    /// (Gemini CLI its thoughts; Claude Code what another model than the one that it asks for has thought).
    before: Vec<Part<'static>>,
    /// The part that is open, if it is reasoning or a call.
    open: Option<Part<'static>>,
    kept: Vec<Keepsake>,
}

impl Keeping {
    pub(super) fn new(issuer: Issuer) -> Keeping {
        Keeping {
            issuer,
            before: Vec::new(),
            open: None,
            kept: Vec::new(),
        }
    }

    /// What there is to remember since the last time.
    pub(super) fn take(&mut self) -> Vec<Keepsake> {
        std::mem::take(&mut self.kept)
    }

    /// Sees an event of the first choice go by.
    pub(super) fn see(&mut self, event: &Event<'_>) {
        match event {
            Event::Open { choice: 0, part } => {
                let wanted = matches!(part.body, Body::Thinking(_) | Body::Call(_));
                self.open = wanted.then(|| part.clone().into_owned());
            }
            Event::Delta { choice: 0, delta } => self.grow(delta),
            Event::Close { choice: 0 } => {
                if let Some(part) = self.open.take() {
                    self.keep(part);
                }
            }
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Start(_)
            | Event::Stop { .. }
            | Event::Usage(_)
            | Event::Tier(_)
            | Event::End => {}
        }
    }

    fn grow(&mut self, delta: &Delta<'_>) {
        let Some(part) = &mut self.open else {
            return;
        };
        match (&mut part.body, delta) {
            (Body::Thinking(thinking), Delta::Seal(seal)) => {
                thinking.seal = Some(Said::new(Default::default(), own(seal)));
            }
            (_, Delta::Seal(seal)) => part.seal = Some(Said::new(Default::default(), own(seal))),
            (Body::Thinking(thinking), delta) => grow(thinking, delta),
            (_, _) => {}
        }
    }

    /// A part of an answer is complete.
    pub(super) fn keep(&mut self, part: Part<'static>) {
        match part.body {
            Body::Thinking(ref thinking) => {
                if let Some(seal) = &thinking.seal {
                    self.kept.push(Keepsake::Seal {
                        seal: seal.value.clone().into_owned(),
                        note: SealNote {
                            issuer: self.issuer,
                            seal: seal.value.clone().into_owned(),
                            redacted: thinking.redacted,
                            item: thinking.id.clone().map(Cow::into_owned),
                        },
                    });
                }
                self.before.push(ours(part));
            }
            Body::Call(call) => self.keep_call(call, part.seal),
            Body::Text(_)
            | Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
    }

    fn keep_call(&mut self, call: Call<'static>, seal: Option<Said<Str<'static>>>) {
        let seal = seal.map(|seal| seal.value.into_owned());
        if let Some(seal) = &seal {
            self.kept.push(Keepsake::Seal {
                seal: seal.clone(),
                note: SealNote {
                    issuer: self.issuer,
                    seal: seal.clone(),
                    redacted: false,
                    item: None,
                },
            });
        }
        if seal.is_none() && self.before.is_empty() {
            return;
        }
        self.kept.push(Keepsake::Call {
            id: call.id.into_owned(),
            note: CallNote {
                issuer: self.issuer,
                before: self.before.clone(),
                seal,
            },
        });
    }
}

fn grow(thinking: &mut Thinking<'static>, delta: &Delta<'_>) {
    match delta {
        Delta::Thinking(text) => thinking.text.to_mut().push_str(text),
        Delta::NextSummary => thinking.summaries.push(Cow::Borrowed("")),
        Delta::Summary(text) => match thinking.summaries.last_mut() {
            Some(last) => last.to_mut().push_str(text),
            None => thinking.summaries.push(own(text)),
        },
        Delta::Text(_)
        | Delta::Refusal(_)
        | Delta::Seal(_)
        | Delta::Arguments(_)
        | Delta::Citation(_)
        | Delta::Logprobs(_)
        | Delta::Audio(_)
        | Delta::Transcript(_) => {}
    }
}

/// A part that will come back from here.
fn ours(mut part: Part<'static>) -> Part<'static> {
    part.at = At::OURS;
    if let Body::Thinking(thinking) = &mut part.body
        && let Some(seal) = &mut thinking.seal
    {
        seal.at = At::OURS;
    }
    part
}

fn own(text: &Str<'_>) -> Str<'static> {
    Cow::Owned(text.clone().into_owned())
}
