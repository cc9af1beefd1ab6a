//! Where one answer ends and another goes on.

use std::borrow::Cow;

use super::Way;
use crate::ir::{At, Body, Delta, Event, Part, Start, Stop, StopReason, Text, Thinking};

/// A part that a stream may be resumed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Thinking,
}

impl Kind {
    /// `None`: any other.
    pub(super) fn of(body: &Body<'_>) -> Option<Kind> {
        match body {
            Body::Text(_) => Some(Kind::Text),
            Body::Thinking(thinking) => (!thinking.redacted).then_some(Kind::Thinking),
            Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => None,
        }
    }

    fn part(self) -> Part<'static> {
        let body = match self {
            Kind::Text => Body::Text(Text::default()),
            Kind::Thinking => Body::Thinking(Thinking::default()),
        };
        Part::new(At::NOWHERE, body)
    }
}

/// The way of the other answer's events to the writer of the client's stream.
///
/// Of an answer asked for anew it lets nothing pass before all that was said has come again, byte by byte; if it says
/// anything else, the answers [differ](Seam::differs) and nothing passes any more. Reasoning in front of the rest of a text is
/// left out: it belongs to words that the client has already.
#[derive(Debug)]
pub struct Seam {
    way: Way,
    /// The stream's id and time, which stay.
    start: Start<'static>,
    /// What has to come again.
    thinking: Rest,
    text: Rest,
    /// The white space at the end of the text, which the vendor was not given: it may come again.
    space: String,
    /// The part of the client's stream that is open.
    open: Option<Shape>,
    /// The part of the other answer that is open.
    within: Within,
    /// Something went through to the client.
    spoken: bool,
    differs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain(Kind),
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    LeftOut,
    Plain(Kind),
    Other,
}

/// Words of which some are still to come.
#[derive(Debug, Default)]
struct Rest {
    words: String,
    at: usize,
}

impl Rest {
    fn is_over(&self) -> bool {
        self.at >= self.words.len()
    }

    fn was_any(&self) -> bool {
        !self.words.is_empty()
    }

    /// What of `words` goes beyond. `None`: they are others.
    fn beyond<'w>(&mut self, words: &'w str) -> Option<&'w str> {
        let rest = self.words.get(self.at..)?;
        let both = rest.len().min(words.len());
        if rest.as_bytes().get(..both) != words.as_bytes().get(..both) {
            return None;
        }
        self.at += both;
        words.get(both..)
    }
}

type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

impl Seam {
    /// `open`: the part of the client's stream that is open.
    pub(super) fn new(
        way: Way,
        start: Start<'static>,
        (thinking, text): (String, String),
        open: Option<Kind>,
    ) -> Seam {
        let mut seam = Seam {
            way,
            start,
            thinking: Rest::default(),
            text: Rest::default(),
            space: String::new(),
            open: open.map(Shape::Plain),
            within: Within::Nothing,
            spoken: false,
            differs: false,
        };
        match way {
            Way::GoOn => {
                let kept = text.trim_end().len();
                seam.space = text.get(kept..).unwrap_or_default().to_owned();
            }
            Way::Anew => {
                seam.thinking.words = thinking;
                seam.text.words = text;
            }
        }
        seam
    }

    /// The other answer is another one than that which the client has the beginning of.
    pub fn differs(&self) -> bool {
        self.differs
    }

    /// Whether something has gone through.
    pub fn has_spoken(&self) -> bool {
        self.spoken
    }

    /// All that was said has come again.
    fn is_through(&self) -> bool {
        self.thinking.is_over() && self.text.is_over()
    }

    pub fn pass(&mut self, event: Event<'_>, tell: Tell<'_>) {
        if self.differs {
            return;
        }
        match event {
            Event::Start(start) => tell(Event::Start(Start {
                model: start.model,
                ..self.start.clone()
            })),
            Event::Usage(usage) => tell(Event::Usage(usage)),
            Event::Tier(tier) => tell(Event::Tier(tier)),
            Event::Open { choice: 0, part } => self.begin(part, tell),
            Event::Delta { choice: 0, delta } => self.delta(delta, tell),
            Event::Close { choice: 0 } => self.end_part(tell),
            // The stream has one choice.
            Event::Open { .. } | Event::Delta { .. } | Event::Close { .. } => {}
            Event::Stop { choice, .. } if choice != 0 => {}
            Event::Stop { .. } | Event::End if !self.is_through() => self.differs = true,
            Event::Stop { stop, .. } if self.refuses(&stop) => self.differs = true,
            event @ (Event::Stop { .. } | Event::End) => {
                self.close(tell);
                tell(event);
            }
        }
    }

    /// Who was to go on has said nothing but that it does not.
    fn refuses(&self, stop: &Stop<'_>) -> bool {
        let is_refusal = matches!(
            stop.reason,
            StopReason::Refusal | StopReason::ContentFilter | StopReason::MalformedCall
        );
        self.way == Way::GoOn && !self.spoken && is_refusal
    }

    fn begin(&mut self, part: Part<'_>, tell: Tell<'_>) {
        let Some(kind) = Kind::of(&part.body) else {
            let is_thought = matches!(part.body, Body::Thinking(_));
            if is_thought && self.leaves_out_thoughts() {
                self.within = Within::LeftOut;
            } else if self.is_through() {
                self.close(tell);
                self.open = Some(Shape::Other);
                self.within = Within::Other;
                self.spoken = true;
                tell(Event::Open { choice: 0, part });
            } else {
                self.differs = true;
            }
            return;
        };
        if kind == Kind::Thinking && self.leaves_out_thoughts() {
            self.within = Within::LeftOut;
            return;
        }
        self.within = Within::Plain(kind);
        // Before its turn, and in the part that is open anyway, it begins with its first new words.
        if self.is_through() && self.open != Some(Shape::Plain(kind)) {
            self.close(tell);
            self.open = Some(Shape::Plain(kind));
            tell(Event::Open { choice: 0, part });
        }
    }

    /// Whether reasoning belongs to words that the client has: in front of the rest of a text, if there was none to compare.
    fn leaves_out_thoughts(&self) -> bool {
        match self.way {
            Way::GoOn => !self.spoken,
            Way::Anew => !self.thinking.was_any() && !self.text.is_over(),
        }
    }

    fn delta(&mut self, delta: Delta<'_>, tell: Tell<'_>) {
        let kind = match self.within {
            Within::Nothing | Within::LeftOut => return,
            Within::Other => return tell(Event::Delta { choice: 0, delta }),
            Within::Plain(kind) => kind,
        };
        match (delta, kind) {
            (Delta::Text(words), Kind::Text) => {
                if let Some(words) = self.new_text(&words).filter(|words| !words.is_empty()) {
                    self.say(kind, Delta::Text(Cow::Borrowed(words)), tell);
                }
            }
            (Delta::Thinking(words), Kind::Thinking) => {
                if let Some(words) = self.new_thinking(&words) {
                    self.say(kind, Delta::Thinking(Cow::Borrowed(words)), tell);
                }
            }
            (Delta::Summary(words), Kind::Thinking) => {
                if let Some(words) = self.new_thinking(&words) {
                    self.say(kind, Delta::Summary(Cow::Borrowed(words)), tell);
                }
            }
            // What goes with words that the client has is left out with them.
            (
                delta @ (Delta::Seal(_)
                | Delta::NextSummary
                | Delta::Citation(_)
                | Delta::Logprobs(_)),
                kind,
            ) => {
                if self.is_through() && self.open == Some(Shape::Plain(kind)) {
                    tell(Event::Delta { choice: 0, delta });
                }
            }
            // They do not fit their part.
            (
                Delta::Text(_)
                | Delta::Thinking(_)
                | Delta::Summary(_)
                | Delta::Refusal(_)
                | Delta::Arguments(_)
                | Delta::Audio(_)
                | Delta::Transcript(_),
                Kind::Text | Kind::Thinking,
            ) => {}
        }
    }

    fn new_text<'w>(&mut self, words: &'w str) -> Option<&'w str> {
        if !self.thinking.is_over() {
            self.differs = true;
            return None;
        }
        let Some(new) = self.text.beyond(words) else {
            self.differs = true;
            return None;
        };
        Some(self.without_space(new))
    }

    /// The words without the white space that the client has already.
    fn without_space<'w>(&mut self, words: &'w str) -> &'w str {
        let mut rest = words;
        while let Some(space) = self.space.chars().next() {
            match rest.strip_prefix(space) {
                Some(after) => {
                    rest = after;
                    self.space.remove(0);
                }
                None if rest.is_empty() => break,
                None => self.space.clear(),
            }
        }
        rest
    }

    fn new_thinking<'w>(&mut self, words: &'w str) -> Option<&'w str> {
        let new = self.thinking.beyond(words);
        // More of it than stood before the text that the client has.
        let is_other = new.is_none_or(|new| !new.is_empty() && !self.text.is_over());
        self.differs |= is_other;
        new.filter(|new| !is_other && !new.is_empty())
    }

    fn say(&mut self, kind: Kind, delta: Delta<'_>, tell: Tell<'_>) {
        if self.open != Some(Shape::Plain(kind)) {
            self.close(tell);
            self.open = Some(Shape::Plain(kind));
            let part = kind.part();
            tell(Event::Open { choice: 0, part });
        }
        self.spoken = true;
        tell(Event::Delta { choice: 0, delta });
    }

    fn end_part(&mut self, tell: Tell<'_>) {
        let within = std::mem::replace(&mut self.within, Within::Nothing);
        let ends = match (within, self.open) {
            (Within::Plain(kind), Some(Shape::Plain(open))) => kind == open && self.is_through(),
            (Within::Other, Some(Shape::Other)) => true,
            _ => false,
        };
        if ends {
            self.close(tell);
        }
    }

    /// Closes the part of the client's stream that is open.
    fn close(&mut self, tell: Tell<'_>) {
        if self.open.take().is_some() {
            tell(Event::Close { choice: 0 });
        }
    }
}
