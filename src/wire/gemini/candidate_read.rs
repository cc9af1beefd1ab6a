use std::borrow::Cow;

use crate::ir::{Arguments, At, Body, Call, Delta, Event, Part, Stop, Str, Text, Thinking};
use crate::wire::json::Value;

use super::answer_read::Tell;
use super::partial::Partial;
use super::parts_read::{Data, Piece, foreign};
use super::sources::Texts;
use super::{logprobs, stop};

/// What a candidate has told so far.
pub(super) struct Choice {
    pub(super) index: u32,
    open: Open,
    /// The texts so far, by which sources are found.
    texts: Texts,
    /// How many parts its content has had.
    parts: usize,
    /// Whole parts that came while a text was open. Its sources come with the end, as a rule: until then it stays open, and
    /// they wait, unless other text comes before.
    held: Vec<Part<'static>>,
    has_calls: bool,
    stop: Option<(String, Option<String>)>,
    /// The prompt was refused.
    pub(super) block: Option<Stop<'static>>,
    grounding: Option<String>,
    citations: Option<String>,
}

#[derive(Debug)]
enum Open {
    Nothing,
    /// Goes on until it is sealed.
    Text {
        is_sealed: bool,
    },
    Thinking {
        is_sealed: bool,
    },
    /// A call whose arguments come piece by piece.
    Call(Partial),
    /// A part that came whole.
    Whole,
}

impl Choice {
    pub(super) fn new(index: u32) -> Choice {
        Choice {
            index,
            open: Open::Nothing,
            texts: Texts::default(),
            parts: 0,
            held: Vec::new(),
            has_calls: false,
            stop: None,
            block: None,
            grounding: None,
            citations: None,
        }
    }

    /// Takes a `Candidate`. `make_id`: of a call that has none.
    pub(super) fn take(
        &mut self,
        candidate: Value<'_, '_>,
        make_id: &mut dyn FnMut() -> String,
        unsaid: &mut Vec<At>,
        tell: Tell<'_>,
    ) {
        let (mut finish, mut message, mut tokens) = (None, None, None);
        for (key, value) in candidate.members() {
            match &*key {
                _ if value.is_null() => {}
                "index" => {}
                "content" => self.take_content(value, make_id, unsaid, tell),
                "finishReason" => finish = value.text(),
                "finishMessage" => message = value.text(),
                "logprobsResult" => tokens = Some(value),
                "groundingMetadata" => self.take_grounding(value, unsaid),
                "citationMetadata" => self.citations = Some(value.raw().to_owned()),
                _ => unsaid.push(value.at()),
            }
        }
        if let Some(tokens) = tokens
            && !matches!(self.open, Open::Nothing)
        {
            self.delta(Delta::Logprobs(logprobs::read(tokens)), tell);
        }
        if let Open::Whole = self.open {
            self.close(tell);
        }
        if let Some(reason) = finish.filter(|reason| !reason.is_empty()) {
            self.stop = Some((reason.into_owned(), message.map(Str::into_owned)));
        }
    }

    /// Nothing more comes. Whether there was a reason to have ended.
    pub(super) fn finish(&mut self, tell: Tell<'_>) -> bool {
        self.cite(tell);
        self.flush(tell);
        self.close(tell);
        let Some(stop) = self.take_stop() else {
            return false;
        };
        tell(Event::Stop {
            choice: self.index,
            stop,
        });
        true
    }

    fn take_content(
        &mut self,
        content: Value<'_, '_>,
        make_id: &mut dyn FnMut() -> String,
        unsaid: &mut Vec<At>,
        tell: Tell<'_>,
    ) {
        for part in content.member("parts").into_iter().flat_map(Value::items) {
            self.parts += 1;
            // A part that is not made as it should be is no reason to lose the others.
            match Piece::read(part, unsaid) {
                Ok(piece) => self.take_piece(&piece, make_id, unsaid, tell),
                Err(_) => unsaid.push(part.at()),
            }
        }
    }

    fn take_piece(
        &mut self,
        piece: &Piece<'_, '_>,
        make_id: &mut dyn FnMut() -> String,
        unsaid: &mut Vec<At>,
        tell: Tell<'_>,
    ) {
        match piece.data {
            None if piece.seal.is_some() => self.take_text(piece, Str::Borrowed(""), tell),
            None => {}
            Some((Data::Text, text)) => {
                let text = text.text().unwrap_or_default();
                if piece.thought {
                    self.take_thought(piece, text, tell);
                } else {
                    self.take_text(piece, text, tell);
                }
            }
            Some((Data::Inline | Data::File, media)) if !piece.thought => {
                match piece.told_media(media, unsaid) {
                    Ok(body) => self.take_whole(piece.with(body), tell),
                    Err(_) => unsaid.push(media.at()),
                }
            }
            // A picture of a thought would be content to others; a response to a call is not the model's to give.
            Some((Data::Inline | Data::File | Data::Response, value)) => unsaid.push(value.at()),
            Some((Data::Call, call)) => self.take_call(piece, call, make_id, tell),
            Some((Data::Own(kind), own)) => {
                self.take_whole(piece.with(foreign(kind, own)), tell);
            }
        }
    }

    fn take_text(&mut self, piece: &Piece<'_, '_>, text: Str<'_>, tell: Tell<'_>) {
        if text.is_empty() && piece.seal.is_none() {
            return;
        }
        if !self.held.is_empty() || !matches!(self.open, Open::Text { is_sealed: false }) {
            let part = Part::new(piece.at, Body::Text(Text::default()));
            self.begin(part, Open::Text { is_sealed: false }, tell);
            self.texts.begin(self.parts.saturating_sub(1));
        }
        self.texts.push(&text);
        if !text.is_empty() {
            self.delta(Delta::Text(text), tell);
        }
        if self.seal(piece, tell) {
            self.open = Open::Text { is_sealed: true };
        }
    }

    fn take_thought(&mut self, piece: &Piece<'_, '_>, text: Str<'_>, tell: Tell<'_>) {
        if text.is_empty() && piece.seal.is_none() {
            return;
        }
        if !matches!(self.open, Open::Thinking { is_sealed: false }) {
            let part = Part::new(piece.at, Body::Thinking(Thinking::default()));
            self.begin(part, Open::Thinking { is_sealed: false }, tell);
        }
        if !text.is_empty() {
            self.delta(Delta::Thinking(text), tell);
        }
        if self.seal(piece, tell) {
            self.open = Open::Thinking { is_sealed: true };
        }
    }

    /// Tells the signature of a part that is open, if the piece has one.
    fn seal(&self, piece: &Piece<'_, '_>, tell: Tell<'_>) -> bool {
        let Some(seal) = &piece.seal else {
            return false;
        };
        self.delta(Delta::Seal(seal.value.clone()), tell);
        true
    }

    fn take_whole(&mut self, part: Part<'_>, tell: Tell<'_>) {
        if let Open::Text { .. } = self.open {
            return self.held.push(part.into_owned());
        }
        self.begin_whole(part, tell);
    }

    /// Begins a part that came whole, the arguments of a call with it.
    fn begin_whole(&mut self, mut part: Part<'_>, tell: Tell<'_>) {
        let arguments = match &mut part.body {
            Body::Call(call) => Some(std::mem::take(&mut call.arguments)),
            Body::Text(_)
            | Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Thinking(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => None,
        };
        self.close(tell);
        self.open = Open::Whole;
        tell(Event::Open {
            choice: self.index,
            part,
        });
        if let Some(Arguments::Json(text) | Arguments::Free(text)) = arguments {
            self.delta(Delta::Arguments(text), tell);
        }
    }

    /// Tells what was held back.
    fn flush(&mut self, tell: Tell<'_>) {
        for part in std::mem::take(&mut self.held) {
            self.begin_whole(part, tell);
        }
    }

    fn take_call(
        &mut self,
        piece: &Piece<'_, '_>,
        value: Value<'_, '_>,
        make_id: &mut dyn FnMut() -> String,
        tell: Tell<'_>,
    ) {
        let name = value.member_text("name").unwrap_or_default();
        let goes_on = value.member("willContinue").and_then(Value::bool) == Some(true);
        let pieces = value.member("partialArgs");
        let args = value.member("args");
        let is_more = matches!(self.open, Open::Call(_));
        if name.is_empty() && !is_more {
            return;
        }
        if !name.is_empty() {
            let id = value.member_text("id").filter(|id| !id.is_empty());
            let mut call = Call {
                id: id.unwrap_or_else(|| Cow::Owned(make_id())),
                name,
                ..Call::default()
            };
            self.has_calls = true;
            if !goes_on && pieces.is_none() {
                let args = args.map_or("{}", Value::raw);
                call.arguments = Arguments::Json(Cow::Borrowed(args));
                return self.take_whole(piece.with(Body::Call(call)), tell);
            }
            let part = piece.with(Body::Call(call));
            self.begin(part, Open::Call(Partial::new()), tell);
        } else {
            self.seal(piece, tell);
        }
        let Open::Call(partial) = &mut self.open else {
            return;
        };
        if let Some(args) = args {
            partial.take_whole(args);
        }
        for piece in pieces.into_iter().flat_map(Value::items) {
            partial.take(piece);
        }
        if !goes_on {
            self.end_call(tell);
        }
    }

    /// The arguments that came piece by piece are complete.
    fn end_call(&mut self, tell: Tell<'_>) {
        if let Open::Call(partial) = std::mem::replace(&mut self.open, Open::Whole) {
            self.delta(Delta::Arguments(Cow::Owned(partial.json())), tell);
        }
    }

    fn begin(&mut self, part: Part<'_>, open: Open, tell: Tell<'_>) {
        self.flush(tell);
        self.close(tell);
        self.open = open;
        tell(Event::Open {
            choice: self.index,
            part,
        });
    }

    fn delta(&self, delta: Delta<'_>, tell: Tell<'_>) {
        tell(Event::Delta {
            choice: self.index,
            delta,
        });
    }

    fn close(&mut self, tell: Tell<'_>) {
        if let Open::Call(_) = self.open {
            self.end_call(tell);
        }
        if !matches!(self.open, Open::Nothing) {
            self.open = Open::Nothing;
            tell(Event::Close { choice: self.index });
        }
    }

    /// Later sources say all that earlier ones said, or nothing.
    fn take_grounding(&mut self, grounding: Value<'_, '_>, unsaid: &mut Vec<At>) {
        let mut is_told = false;
        for (key, member) in grounding.members() {
            match &*key {
                _ if member.is_null() => {}
                "groundingChunks" | "groundingSupports" => is_told = true,
                _ => unsaid.push(member.at()),
            }
        }
        if is_told {
            self.grounding = Some(grounding.raw().to_owned());
        }
    }

    /// Tells the sources: those of the text that is open, and, in a text without words, those of texts that are closed.
    fn cite(&mut self, tell: Tell<'_>) {
        let grounding = self.grounding.take();
        let citations = self.citations.take();
        if grounding.is_none() && citations.is_none() {
            return;
        }
        let said = [citations, grounding];
        let [own, late] = match self.open {
            Open::Text { .. } => self.texts.cited_by_open(&said),
            Open::Nothing | Open::Thinking { .. } | Open::Call(_) | Open::Whole => {
                [Vec::new(), self.texts.cited(&said)]
            }
        };
        for citation in own {
            self.delta(Delta::Citation(citation), tell);
        }
        if late.is_empty() {
            return;
        }
        self.flush(tell);
        let part = Part::new(At::NOWHERE, Body::Text(Text::default()));
        self.begin(part, Open::Text { is_sealed: true }, tell);
        for citation in late {
            self.delta(Delta::Citation(citation), tell);
        }
    }

    fn take_stop(&mut self) -> Option<Stop<'static>> {
        let stop = self.stop.take();
        let stop =
            stop.map(|(reason, message)| stop::read(&reason, message.as_deref(), self.has_calls));
        stop.or(self.block.take())
    }
}
