//! An answer in steps becomes a whole one, and the reverse.

use std::borrow::Cow;

use super::event::{Delta, Event};
use super::part::{Arguments, Body, Part, Text, Thinking};
use super::reply::{Choice, Reply};
use super::text::{At, Json, Said, Str};

/// Collects the events of a stream to the answer that they make.
#[derive(Debug, Default)]
pub struct Collector {
    reply: Reply<'static>,
    ended: bool,
}

impl Collector {
    pub fn push(&mut self, event: Event<'_>) {
        match event {
            Event::Start(start) => self.reply.start = start.into_owned(),
            Event::Open { choice, part } => self.choice(choice).parts.push(part.into_owned()),
            Event::Delta {
                choice,
                delta: Delta::Logprobs(tokens),
            } => {
                let tokens = tokens.into_iter().map(Json::into_owned);
                self.choice(choice).logprobs.extend(tokens);
            }
            Event::Delta { choice, delta } => {
                if let Some(part) = self.choice(choice).parts.last_mut() {
                    grow(part, delta);
                }
            }
            Event::Close { .. } => {}
            Event::Stop { choice, stop } => self.choice(choice).stop = Some(stop.into_owned()),
            Event::Usage(usage) => self.reply.usage.merge(usage),
            Event::Tier(tier) => self.reply.tier = Some(Cow::Owned(tier.into_owned())),
            Event::End => self.ended = true,
        }
    }

    /// Whether the vendor has said that the answer is whole.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The answer, as far as it came.
    pub fn finish(mut self) -> Reply<'static> {
        let choices = self.reply.choices.iter_mut();
        choices.for_each(|choice| place_late(&mut choice.parts));
        self.reply
    }

    fn choice(&mut self, index: u32) -> &mut Choice<'static> {
        let choices = &mut self.reply.choices;
        let at = choices.partition_point(|choice| choice.index < index);
        if choices.get(at).is_none_or(|choice| choice.index != index) {
            let choice = Choice {
                index,
                ..Choice::default()
            };
            choices.insert(at, choice);
        }
        &mut choices[at]
    }
}

fn grow(part: &mut Part<'static>, delta: Delta<'_>) {
    let add = |text: &mut Str<'static>, more: &str| text.to_mut().push_str(more);
    match (&mut part.body, delta) {
        (Body::Thinking(thinking), Delta::Seal(seal)) => {
            thinking.seal = Some(Said::new(At::NOWHERE, Cow::Owned(seal.into_owned())));
        }
        (_, Delta::Seal(seal)) => {
            part.seal = Some(Said::new(At::NOWHERE, Cow::Owned(seal.into_owned())));
        }
        (Body::Text(text), Delta::Text(more)) => add(&mut text.text, &more),
        (Body::Text(text), Delta::Citation(citation)) => text.citations.push(citation.into_owned()),
        (Body::Refusal(text), Delta::Refusal(more)) => add(text, &more),
        (Body::Thinking(thinking), Delta::Thinking(more)) => add(&mut thinking.text, &more),
        (Body::Thinking(thinking), Delta::NextSummary) => {
            thinking.summaries.push(Cow::Borrowed(""))
        }
        (Body::Thinking(thinking), Delta::Summary(more)) => match thinking.summaries.last_mut() {
            Some(last) => add(last, &more),
            None => thinking.summaries.push(Cow::Owned(more.into_owned())),
        },
        (Body::Call(call), Delta::Arguments(more)) => match &mut call.arguments {
            Arguments::Json(text) | Arguments::Free(text) => add(text, &more),
        },
        (Body::Audio(media), Delta::Audio(more)) => {
            if let super::Source::Inline { base64, .. } = &mut media.source {
                add(base64, &more);
            }
        }
        (Body::Audio(media), Delta::Transcript(more)) => {
            add(media.transcript.get_or_insert(Cow::Borrowed("")), &more)
        }
        // A delta that does not fit its part breaks the law of `Event`; there is nothing that it could be added to.
        _ => {}
    }
}

/// Citations that came when their texts were closed go to them: here nothing is too late.
fn place_late(parts: &mut Vec<Part<'static>>) {
    let is_late = |part: &Part<'_>| match &part.body {
        Body::Text(text) => {
            text.text.is_empty() && !text.citations.is_empty() && part.seal.is_none()
        }
        _ => false,
    };
    let has_words =
        |part: &Part<'_>| matches!(&part.body, Body::Text(text) if !text.text.is_empty());
    if !parts.iter().any(is_late) || !parts.iter().any(has_words) {
        return;
    }
    let mut late = Vec::new();
    parts.retain_mut(|part| {
        let moves = is_late(part);
        if let (true, Body::Text(text)) = (moves, &mut part.body) {
            late.append(&mut text.citations);
        }
        !moves
    });
    let mut texts = Vec::new();
    let mut end = 0;
    for part in parts {
        if let Body::Text(text) = &mut part.body {
            let begin = end;
            end += text.text.chars().count() as u64;
            texts.push((begin, end, text));
        }
    }
    for mut citation in late {
        let first = citation.span.map_or(u64::MAX, |(first, _)| first);
        let at = texts.partition_point(|(_, end, _)| *end <= first);
        let at = at.min(texts.len().saturating_sub(1));
        if let Some((begin, end, text)) = texts.get_mut(at) {
            citation.span = citation.span.filter(|(first, _)| first < end);
            if let Some((first, last)) = &mut citation.span {
                *first = first.saturating_sub(*begin);
                *last = (*last).min(*end).saturating_sub(*begin);
            }
            text.citations.push(citation);
        }
    }
}

/// Tells a whole answer in steps.
pub fn replay<'a>(reply: Reply<'a>, tell: &mut dyn FnMut(Event<'a>)) {
    tell(Event::Start(reply.start));
    // What the input costs is told first, as the vendors do.
    tell(Event::Usage(super::Usage {
        output: None,
        reasoning: None,
        ..reply.usage
    }));
    if let Some(tier) = reply.tier {
        tell(Event::Tier(tier));
    }
    for choice in reply.choices {
        let index = choice.index;
        let mut logprobs = choice.logprobs;
        for part in choice.parts {
            replay_part(index, part, &mut logprobs, tell);
        }
        if let Some(stop) = choice.stop {
            tell(Event::Stop {
                choice: index,
                stop,
            });
        }
    }
    tell(Event::Usage(reply.usage));
    tell(Event::End);
}

fn replay_part<'a>(
    choice: u32,
    mut part: Part<'a>,
    logprobs: &mut Vec<Json<'a>>,
    tell: &mut dyn FnMut(Event<'a>),
) {
    let mut deltas = Vec::new();
    match &mut part.body {
        Body::Text(text) => {
            let Text { text, citations } = std::mem::take(text);
            deltas.push(Delta::Text(text));
            deltas.extend(citations.into_iter().map(Delta::Citation));
            if !logprobs.is_empty() {
                deltas.push(Delta::Logprobs(std::mem::take(logprobs)));
            }
        }
        Body::Refusal(text) => deltas.push(Delta::Refusal(std::mem::take(text))),
        Body::Thinking(thinking) if !thinking.redacted => {
            let whole = std::mem::take(thinking);
            *thinking = Thinking {
                id: whole.id,
                ..Thinking::default()
            };
            for summary in whole.summaries {
                deltas.push(Delta::NextSummary);
                deltas.push(Delta::Summary(summary));
            }
            if !whole.text.is_empty() {
                deltas.push(Delta::Thinking(whole.text));
            }
            deltas.extend(whole.seal.map(|seal| Delta::Seal(seal.value)));
        }
        Body::Call(call) => {
            let empty = match &call.arguments {
                Arguments::Json(_) => Arguments::Json(Cow::Borrowed("")),
                Arguments::Free(_) => Arguments::Free(Cow::Borrowed("")),
            };
            match std::mem::replace(&mut call.arguments, empty) {
                Arguments::Json(text) | Arguments::Free(text) => {
                    deltas.push(Delta::Arguments(text));
                }
            }
        }
        // These come whole.
        Body::Thinking(_)
        | Body::Image(_)
        | Body::Audio(_)
        | Body::Video(_)
        | Body::Document(_)
        | Body::Outcome(_)
        | Body::Foreign(_) => {}
    }
    tell(Event::Open { choice, part });
    for delta in deltas {
        tell(Event::Delta { choice, delta });
    }
    tell(Event::Close { choice });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Call, Citation, Start, Stop, StopReason, Usage};

    fn answer() -> Reply<'static> {
        let thinking = Thinking {
            summaries: vec!["a".into(), "b".into()],
            text: "words".into(),
            seal: Some(Said::new(At::NOWHERE, "seal".into())),
            id: Some("rs_1".into()),
            redacted: false,
        };
        let redacted = Thinking {
            seal: Some(Said::new(At::NOWHERE, "data".into())),
            redacted: true,
            ..Thinking::default()
        };
        let call = Call {
            id: "c".into(),
            name: "f".into(),
            arguments: Arguments::Json("{\"x\":1}".into()),
            ..Call::default()
        };
        let text = Text {
            text: "hello".into(),
            citations: Vec::new(),
        };
        let part = |body| Part::new(At::NOWHERE, body);
        let choice = |index| Choice {
            index,
            parts: vec![
                part(Body::Thinking(thinking.clone())),
                part(Body::Thinking(redacted.clone())),
                part(Body::Text(text.clone())),
                part(Body::Call(call.clone())),
                part(Body::Refusal("no".into())),
            ],
            stop: Some(Stop::of(StopReason::ToolUse)),
            logprobs: vec![Json("{}".into())],
        };
        Reply {
            start: Start {
                id: "r".into(),
                model: "m".into(),
                created: Some(5),
            },
            choices: vec![choice(0), choice(1)],
            usage: Usage {
                input: Some(1),
                output: Some(2),
                ..Usage::default()
            },
            tier: Some("default".into()),
            unsaid: Vec::new(),
        }
    }

    #[test]
    fn citations_that_come_late_find_their_texts() {
        let text = |words: &'static str, spans: &[Option<(u64, u64)>]| {
            let citations = spans.iter().map(|span| Citation {
                span: *span,
                ..Citation::default()
            });
            let citations = citations.collect();
            let text = words.into();
            Part::new(At::NOWHERE, Body::Text(Text { text, citations }))
        };
        let call = Part::new(At::NOWHERE, Body::Call(Call::default()));
        let late = text("", &[Some((1, 3)), Some((3, 9)), None, Some((70, 90))]);
        let mut parts = vec![
            text("abc", &[]),
            call.clone(),
            text("dé", &[]),
            late.clone(),
        ];
        place_late(&mut parts);
        let second = text("dé", &[Some((0, 2)), None, None]);
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], text("abc", &[Some((1, 3))]));
        assert_eq!(parts[1], call);
        assert_eq!(parts[2], second);
        let mut alone = vec![late.clone()];
        place_late(&mut alone);
        assert_eq!(alone, [late]);
    }

    #[test]
    fn an_answer_told_in_steps_is_the_same_answer() {
        let mut collector = Collector::default();
        replay(answer(), &mut |event| collector.push(event));
        assert!(collector.has_ended());
        assert_eq!(collector.finish(), answer());
    }
}
