use std::borrow::Cow;

use crate::ir::{
    Arguments, At, Body, Call, Delta, Event, Part, Start, Stop, Str, Text, Thinking, Usage,
};
use crate::wire::json::Value;

use super::partial::Partial;
use super::parts_read::{Data, Piece, foreign};
use super::{logprobs, sources, stop, usage};

/// What an answer tells, object by object: a whole reply is one object, a stream several.
///
/// Chunks that go on with a text or a thought are one part; it stays open until something else comes. Nothing says that an
/// object is the last, and some vendors say `finishReason` more than once, so that the ends are told at the very end.
pub(super) struct Answer {
    seed: String,
    /// How many calls had no id.
    made_ids: u32,
    has_started: bool,
    has_ended: bool,
    choices: Vec<Choice>,
    usage: Usage,
    tier: Option<String>,
    /// What the vocabulary has no word for.
    pub(super) unsaid: Vec<At>,
}

struct Choice {
    index: u32,
    open: Open,
    /// The text of the part that is open, by which sources are found.
    text: String,
    has_calls: bool,
    stop: Option<(String, Option<String>)>,
    /// The prompt was refused.
    block: Option<Stop<'static>>,
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

type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

impl Answer {
    pub(super) fn new(seed: &str) -> Answer {
        Answer {
            seed: seed.to_owned(),
            made_ids: 0,
            has_started: false,
            has_ended: false,
            choices: Vec::new(),
            usage: Usage::default(),
            tier: None,
            unsaid: Vec::new(),
        }
    }

    /// Whether there is an answer at all.
    pub(super) fn has_begun(&self) -> bool {
        !self.choices.is_empty()
    }

    /// Takes a `GenerateContentResponse`.
    pub(super) fn take(&mut self, object: Value<'_, '_>, tell: Tell<'_>) {
        let (mut candidates, mut feedback, mut counts) = (None, None, None);
        let mut start = Start::default();
        for (key, value) in object.members() {
            if value.is_null() {
                continue;
            }
            match &*key {
                "candidates" => candidates = Some(value),
                "promptFeedback" => feedback = Some(value),
                "usageMetadata" => counts = Some(value),
                "modelVersion" => start.model = value.text().unwrap_or_default(),
                "responseId" => start.id = value.text().unwrap_or_default(),
                "createTime" => start.created = value.text().and_then(|text| seconds(&text)),
                _ => self.unsaid.push(value.at()),
            }
        }
        let is_ping = start == Start::default()
            && feedback.is_none()
            && candidates.is_none_or(|list| list.items().next().is_none());
        if !is_ping && !self.has_started {
            self.has_started = true;
            tell(Event::Start(start));
        }
        for candidate in candidates.into_iter().flat_map(Value::items) {
            self.take_candidate(candidate, tell);
        }
        if let Some(feedback) = feedback {
            self.take_feedback(feedback);
        }
        if let Some(counts) = counts {
            self.take_usage(counts, tell);
        }
    }

    fn take_usage(&mut self, counts: Value<'_, '_>, tell: Tell<'_>) {
        let usage = usage::read(counts.raw().as_bytes());
        if usage != self.usage {
            self.usage.merge(usage);
            tell(Event::Usage(usage));
        }
        if let Some(tier) = counts.member_text("serviceTier")
            && self.tier.as_deref() != Some(&tier)
        {
            self.tier = Some(tier.to_string());
            tell(Event::Tier(tier));
        }
    }

    fn take_feedback(&mut self, feedback: Value<'_, '_>) {
        for (key, member) in feedback.members() {
            if !matches!(&*key, "blockReason" | "blockReasonMessage") && !member.is_null() {
                self.unsaid.push(member.at());
            }
        }
        let Some(reason) = feedback.member_text("blockReason") else {
            return;
        };
        let message = feedback.member_text("blockReasonMessage");
        let block = stop::of_block(&reason, message.as_deref());
        let at = self.choice(0);
        if let Some(choice) = self.choices.get_mut(at) {
            choice.block = Some(block);
        }
    }

    /// Where the choice of that index is among the choices.
    fn choice(&mut self, index: u32) -> usize {
        let at = self.choices.partition_point(|choice| choice.index < index);
        if self
            .choices
            .get(at)
            .is_none_or(|choice| choice.index != index)
        {
            self.choices.insert(at, Choice::new(index));
        }
        at
    }

    fn take_candidate(&mut self, candidate: Value<'_, '_>, tell: Tell<'_>) {
        let index = candidate.member("index").and_then(Value::count);
        let index = index.and_then(|index| u32::try_from(index).ok());
        let at = self.choice(index.unwrap_or(0));
        let Answer {
            seed,
            made_ids,
            choices,
            unsaid,
            ..
        } = self;
        let Some(choice) = choices.get_mut(at) else {
            return;
        };
        let (mut finish, mut message, mut logprobs) = (None, None, None);
        for (key, value) in candidate.members() {
            match &*key {
                _ if value.is_null() => {}
                "index" => {}
                "content" => {
                    let mut make_id = || {
                        *made_ids += 1;
                        format!("call_{seed}_{made_ids}")
                    };
                    choice.take_content(value, &mut make_id, unsaid, tell);
                }
                "finishReason" => finish = value.text(),
                "finishMessage" => message = value.text(),
                "logprobsResult" => logprobs = Some(value),
                "groundingMetadata" => choice.take_grounding(value, unsaid),
                "citationMetadata" => choice.citations = Some(value.raw().to_owned()),
                _ => unsaid.push(value.at()),
            }
        }
        if let Some(value) = logprobs
            && !matches!(choice.open, Open::Nothing)
        {
            let delta = Delta::Logprobs(logprobs::read(value));
            tell(Event::Delta {
                choice: choice.index,
                delta,
            });
        }
        if let Some(reason) = finish.filter(|reason| !reason.is_empty()) {
            choice.stop = Some((reason.into_owned(), message.map(Str::into_owned)));
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, tell: Tell<'_>) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        let mut is_whole = !self.choices.is_empty();
        for choice in &mut self.choices {
            choice.cite(tell);
            choice.close(tell);
            match choice.take_stop() {
                Some(stop) => tell(Event::Stop {
                    choice: choice.index,
                    stop,
                }),
                None => is_whole = false,
            }
        }
        if is_whole {
            tell(Event::End);
        }
    }
}

impl Choice {
    fn new(index: u32) -> Choice {
        Choice {
            index,
            open: Open::Nothing,
            text: String::new(),
            has_calls: false,
            stop: None,
            block: None,
            grounding: None,
            citations: None,
        }
    }

    fn take_content(
        &mut self,
        content: Value<'_, '_>,
        make_id: &mut dyn FnMut() -> String,
        unsaid: &mut Vec<At>,
        tell: Tell<'_>,
    ) {
        for part in content.member("parts").into_iter().flat_map(Value::items) {
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
                match piece.media(media, unsaid) {
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
        if !matches!(self.open, Open::Text { is_sealed: false }) {
            let part = Part::new(piece.at, Body::Text(Text::default()));
            self.begin(part, Open::Text { is_sealed: false }, tell);
        }
        self.text.push_str(&text);
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
        self.begin(part, Open::Whole, tell);
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
            let call = Call {
                id: id.unwrap_or_else(|| Cow::Owned(make_id())),
                name,
                ..Call::default()
            };
            let part = piece.with(Body::Call(call));
            self.has_calls = true;
            if !goes_on && pieces.is_none() {
                self.begin(part, Open::Whole, tell);
                let args = args.map_or("{}", Value::raw);
                self.delta(Delta::Arguments(Cow::Borrowed(args)), tell);
                return;
            }
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
        self.close(tell);
        self.text.clear();
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

    /// Tells the sources. They come with the end, when the text is still open, as a rule; else they are a part by themselves.
    fn cite(&mut self, tell: Tell<'_>) {
        let text = std::mem::take(&mut self.text);
        let grounding = self.grounding.take();
        let citations = self.citations.take();
        let grounding = grounding.map(|json| sources::read_grounding(&json, &text));
        let citations = citations.map(|json| sources::read_citations(&json, &text));
        let all: Vec<_> = citations.into_iter().chain(grounding).flatten().collect();
        if all.is_empty() {
            return;
        }
        if !matches!(self.open, Open::Text { .. }) {
            let part = Part::new(At::NOWHERE, Body::Text(Text::default()));
            self.begin(part, Open::Text { is_sealed: true }, tell);
        }
        for citation in all {
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

/// The seconds since the epoch of an RFC 3339 time in UTC, as Google writes them.
fn seconds(time: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Days of the civil calendar: years begin in March, so that the leap day is their last.
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let month = (month + 9) % 12;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_the_epoch() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2026-05-19T14:59:42.780296Z"), Some(1_779_202_782));
        assert_eq!(seconds("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        assert_eq!(seconds("soon"), None);
    }
}
