//! An answer in chunks, as OpenAI's own stream looks.

use crate::ir::{
    Arguments, At, Body, Call, Citation, Delta, Event, Fault, Media, Part, Start, Stop, Usage,
};
use crate::wire::EventWriter;
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::Writer;
use crate::wire::resume::Kind;

use super::ending::{End, SIGNATURE, Said};
use super::fault;
use super::frames::{Frames, Of};
use super::media::{can_show, write_images};
use super::reply_write::{
    BREAK, base64_of, characters, lost, span_of, tier_for, write_annotations,
};

pub(super) struct StreamWriter {
    frames: Frames,
    choices: Vec<Told>,
    usage: Usage,
    ended: bool,
    losses: Losses,
}

/// What was told of a choice.
#[derive(Debug, Default)]
struct Told {
    begun: bool,
    open: Open,
    /// There is a text, even if an empty one.
    texted: bool,
    refused: bool,
    heard: bool,
    images: u64,
    calls: u32,
    /// Of the call that is open: something of its arguments was told.
    argued: bool,
    reasoned: bool,
    /// Reasoning has come to another piece.
    break_due: bool,
    /// The part that is open has shown summaries.
    summarised: bool,
    /// Of text so far, and where the text that is open begins.
    characters: u64,
    start: u64,
    /// Told at the end: clients put lists of several chunks together by an index that their items would have to have.
    citations: Vec<(Citation<'static>, (u64, u64))>,
    /// Of the text that is open: what they belong to is not known before it ends.
    cited: Vec<Citation<'static>>,
    stop: Option<Stop<'static>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Text,
    Refusal,
    Thinking,
    Function,
    Custom,
    Audio,
}

/// No vendor gives more choices.
const MAX_CHOICE: u32 = 127;

impl StreamWriter {
    pub(super) fn new(telling: Telling) -> StreamWriter {
        StreamWriter {
            frames: Frames::new(telling),
            choices: Vec::new(),
            usage: Usage::default(),
            ended: false,
            losses: Losses::default(),
        }
    }

    /// Goes on in a stream whose one choice has said these texts, and reasoning or not.
    pub(super) fn land(
        &mut self,
        start: &Start<'_>,
        texts: &[&str],
        (reasoned, open): (bool, Option<Kind>),
    ) {
        self.frames.start(start);
        let told = texts.iter().map(|text| characters(text)).sum();
        let last = texts.last().filter(|_| open == Some(Kind::Text));
        self.choices = vec![Told {
            begun: true,
            open: match open {
                Some(Kind::Text) => Open::Text,
                Some(Kind::Thinking) => Open::Thinking,
                None => Open::Nothing,
            },
            texted: !texts.is_empty(),
            reasoned,
            characters: told,
            start: told - last.map_or(0, |text| characters(text)),
            ..Told::default()
        }];
    }

    /// Begins the choice if it has not. Clients put choices into a list as they come, so that those before it begin too.
    /// `content`: what the first chunk says of it.
    fn begin(&mut self, choice: u32, content: Option<&str>, out: &mut Vec<u8>) {
        let choice = choice.min(MAX_CHOICE);
        let count = choice as usize + 1;
        if self.choices.len() < count {
            self.choices.resize_with(count, Told::default);
        }
        for (index, told) in (0..=choice).zip(&mut self.choices) {
            if told.begun {
                continue;
            }
            told.begun = true;
            let content = content.filter(|_| index == choice);
            self.frames.delta(index, out, |writer| {
                writer.key("role").text("assistant").key("content");
                match content {
                    Some(content) => writer.text(content),
                    None => writer.null(),
                };
                writer.key("refusal").null();
            });
        }
    }

    fn open(&mut self, choice: u32, part: &Part<'_>, out: &mut Vec<u8>) {
        let is_text = matches!(part.body, Body::Text(_));
        self.begin(choice, is_text.then_some(""), out);
        let Some(told) = told(&mut self.choices, choice) else {
            return;
        };
        told.open = match &part.body {
            Body::Text(_) => {
                if part.seal.is_some() {
                    self.losses.add(At::NOWHERE, SIGNATURE);
                }
                told.texted = true;
                told.start = told.characters;
                Open::Text
            }
            Body::Refusal(_) => {
                told.refused = true;
                Open::Refusal
            }
            Body::Thinking(_) => {
                told.break_due = told.reasoned;
                told.summarised = false;
                Open::Thinking
            }
            Body::Call(call) => told.open_call(choice, call, &self.frames, out),
            Body::Audio(media) if !told.heard => told.open_audio(choice, media, &self.frames, out),
            Body::Image(media) if can_show(media) => {
                let index = told.images;
                told.images += 1;
                self.frames.delta(choice, out, |writer| {
                    write_images(&[media], index, writer);
                });
                Open::Nothing
            }
            body @ (Body::Audio(_)
            | Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_)
            | Body::Foreign(_)) => {
                self.losses.add(At::NOWHERE, lost(body));
                Open::Nothing
            }
        };
    }

    fn stop(&mut self, choice: u32, stop: Stop<'_>, out: &mut Vec<u8>) {
        self.begin(choice, None, out);
        if let Some(told) = told(&mut self.choices, choice) {
            told.stop = Some(stop.into_owned());
        }
    }

    /// Reasons to have ended are told when the answer is known to be whole, and its tier, too. A choice without one ends as
    /// in a whole answer: a library that was shown its beginning waits for its end.
    fn end(&mut self, out: &mut Vec<u8>) {
        for (choice, told) in (0..).zip(&self.choices) {
            let said = Said {
                called: told.calls > 0,
                refused: told.refused,
            };
            let end = End::of(told.stop.as_ref(), said, &mut self.losses);
            told.write_rest(choice, end.refusal, &self.frames, (&mut self.losses, out));
            self.frames.finish(choice, end.reason, out);
        }
        if self.frames.telling.usage && self.usage.is_known() {
            self.frames.usage(&self.usage, out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }
}

impl EventWriter for StreamWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.frames.start(&start),
            Event::Open { choice, part } => self.open(choice, &part, out),
            Event::Delta { choice, delta } => {
                if let Some(told) = told(&mut self.choices, choice) {
                    if told.open == Open::Text && matches!(delta, Delta::Seal(_)) {
                        self.losses.add(At::NOWHERE, SIGNATURE);
                    }
                    told.delta(choice, delta, &self.frames, out);
                }
            }
            Event::Close { choice } => {
                if let Some(told) = told(&mut self.choices, choice) {
                    told.close(choice, &self.frames, out);
                }
            }
            Event::Stop { choice, stop } => self.stop(choice, stop, out),
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Tier(tier) => {
                let tier = tier_for(&tier, &mut self.losses);
                self.frames.tier(tier);
            }
            Event::End => self.end(out),
        }
    }

    fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.ended, true) {
            fault::write_event(fault, out);
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

fn told(choices: &mut [Told], choice: u32) -> Option<&mut Told> {
    choices.get_mut(choice.min(MAX_CHOICE) as usize)
}

impl Told {
    fn open_call(
        &mut self,
        choice: u32,
        call: &Call<'_>,
        frames: &Frames,
        out: &mut Vec<u8>,
    ) -> Open {
        let index = self.calls;
        self.calls += 1;
        self.argued = false;
        let (open, kind, key) = match call.arguments {
            Arguments::Json(_) => (Open::Function, "function", "arguments"),
            Arguments::Free(_) => (Open::Custom, "custom", "input"),
        };
        frames.call(choice, index, out, |writer| {
            match call.id.is_empty() {
                true => writer
                    .key("id")
                    .text(&frames.ids().call(choice, index as usize)),
                false => writer.key("id").text(&call.id),
            };
            writer.key("type").text(kind).key(kind).open_object();
            writer.key("name").text(&call.name);
            writer.key(key).text("").close_object();
        });
        open
    }

    fn open_audio(
        &mut self,
        choice: u32,
        media: &Media<'_>,
        frames: &Frames,
        out: &mut Vec<u8>,
    ) -> Open {
        self.heard = true;
        frames.delta(choice, out, |writer| {
            writer.key("audio").open_object();
            frames.ids().write_audio_head(media, writer);
            writer.key("data").text(base64_of(media));
            let transcript = media.transcript.as_deref().unwrap_or_default();
            writer.key("transcript").text(transcript).close_object();
        });
        Open::Audio
    }

    fn delta(&mut self, choice: u32, delta: Delta<'_>, frames: &Frames, out: &mut Vec<u8>) {
        match (delta, self.open) {
            (Delta::Text(words), Open::Text) if !words.is_empty() => {
                self.characters += characters(&words);
                frames.delta(choice, out, |writer| {
                    writer.key("content").text(&words);
                });
            }
            (Delta::Refusal(words), Open::Refusal) => frames.delta(choice, out, |writer| {
                writer.key("refusal").text(&words);
            }),
            (Delta::Thinking(words), Open::Thinking) => {
                self.break_due |= std::mem::take(&mut self.summarised);
                self.reason(choice, &words, frames, out);
            }
            (Delta::NextSummary, Open::Thinking) => self.break_due = self.reasoned,
            (Delta::Summary(words), Open::Thinking) => {
                self.summarised |= !words.is_empty();
                self.reason(choice, &words, frames, out);
            }
            (Delta::Arguments(text), Open::Function | Open::Custom) if !text.is_empty() => {
                self.argue(choice, &text, frames, out);
            }
            (Delta::Citation(citation), Open::Text) => {
                self.cited.push(citation.into_owned());
            }
            (Delta::Logprobs(tokens), open) => {
                let of = match open == Open::Refusal {
                    true => Of::Refusal,
                    false => Of::Text,
                };
                frames.logprobs(choice, &tokens, of, out);
            }
            (Delta::Audio(base64), Open::Audio) => {
                frames.audio(choice, "data", &base64, out);
            }
            (Delta::Transcript(words), Open::Audio) => {
                frames.audio(choice, "transcript", &words, out);
            }
            // Seals have no place here; who called keeps those of calls and thinking. What does not fit the part that is open breaks the law of
            // `Event`, or belongs to a part that is lost.
            (
                Delta::Seal(_)
                | Delta::Text(_)
                | Delta::Refusal(_)
                | Delta::Thinking(_)
                | Delta::NextSummary
                | Delta::Summary(_)
                | Delta::Arguments(_)
                | Delta::Citation(_)
                | Delta::Audio(_)
                | Delta::Transcript(_),
                _,
            ) => {}
        }
    }

    fn reason(&mut self, choice: u32, words: &str, frames: &Frames, out: &mut Vec<u8>) {
        if words.is_empty() {
            return;
        }
        let before = match std::mem::take(&mut self.break_due) {
            true => BREAK,
            false => "",
        };
        self.reasoned = true;
        frames.delta(choice, out, |writer| {
            writer.key("reasoning_content").text_of(&[before, words]);
        });
    }

    fn argue(&mut self, choice: u32, text: &str, frames: &Frames, out: &mut Vec<u8>) {
        self.argued = true;
        let (kind, key) = match self.open == Open::Custom {
            true => ("custom", "input"),
            false => ("function", "arguments"),
        };
        let index = self.calls.saturating_sub(1);
        frames.call(choice, index, out, |writer| {
            let inner = writer.key(kind).open_object();
            inner.key(key).text(text).close_object();
        });
    }

    fn close(&mut self, choice: u32, frames: &Frames, out: &mut Vec<u8>) {
        if self.open == Open::Function && !self.argued {
            self.argue(choice, "{}", frames, out);
        }
        if self.open == Open::Text {
            let (start, end) = (self.start, self.characters);
            let cited = self.cited.drain(..);
            let cited = cited.map(|citation| {
                let span = span_of(&citation, start, end);
                (citation, span)
            });
            self.citations.extend(cited);
        }
        self.open = Open::Nothing;
    }

    /// What can be said only now, and that the content is an empty text where it is one.
    fn write_rest(
        &self,
        choice: u32,
        refusal: Option<&str>,
        frames: &Frames,
        (losses, out): (&mut Losses, &mut Vec<u8>),
    ) {
        let bare = refusal.is_some() || self.refused || self.calls > 0 || self.heard;
        let is_empty = self.characters == 0 && (self.texted || !bare);
        let has_pages = self.citations.iter().any(|(c, _)| c.url.is_some());
        let citations = self.citations.iter().map(|(c, span)| (c, *span));
        let citations: Vec<_> = citations.collect();
        if is_empty || refusal.is_some() || has_pages {
            frames.delta(choice, out, |writer| {
                if is_empty {
                    writer.key("content").text("");
                }
                if let Some(words) = refusal {
                    writer.key("refusal").text(words);
                }
                write_annotations(&citations, writer, losses);
            });
        } else {
            // Notes what is lost.
            write_annotations(&citations, &mut Writer::new(&mut Vec::new()), losses);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::proof::telling;
    use super::*;
    use crate::ir::{FaultKind, StopReason, Text};

    fn text() -> Part<'static> {
        Part::new(At::NOWHERE, Body::Text(Text::default()))
    }

    fn written(usage: bool, events: Vec<Event<'_>>) -> Vec<String> {
        let mut writer = StreamWriter::new(Telling { usage, ..telling() });
        let mut out = Vec::new();
        for event in events {
            writer.write(event, &mut out);
        }
        let out = String::from_utf8(out).unwrap();
        let events = out.split_terminator("\n\n").map(ToOwned::to_owned);
        events.collect()
    }

    fn hello() -> Vec<Event<'static>> {
        let start = Start {
            id: "resp_9".into(),
            model: "m".into(),
            created: Some(3),
        };
        let delta = |text: &'static str| Event::Delta {
            choice: 0,
            delta: Delta::Text(text.into()),
        };
        vec![
            Event::Start(start),
            Event::Tier("flex".into()),
            Event::Open {
                choice: 0,
                part: text(),
            },
            delta("hi"),
            delta(""),
            Event::Close { choice: 0 },
            Event::Stop {
                choice: 0,
                stop: Stop::of(StopReason::End),
            },
            Event::Usage(Usage {
                input: Some(1),
                output: Some(2),
                ..Usage::default()
            }),
            Event::End,
        ]
    }

    #[test]
    fn a_stream_looks_as_openais_own() {
        let head = r#"data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":3,"model":"m","service_tier":"flex","choices":["#;
        let chunk = |rest: &str| [head, rest].concat();
        assert_eq!(
            written(false, hello()),
            [
                &*chunk(
                    r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}"#
                ),
                &*chunk(
                    r#"{"index":0,"delta":{"content":"hi"},"logprobs":null,"finish_reason":null}]}"#
                ),
                &*chunk(r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#),
                "data: [DONE]",
            ]
        );
    }

    #[test]
    fn usage_is_for_the_client_that_asked() {
        let events = written(true, hello());
        let usage = &events[events.len() - 2];
        assert!(usage.contains(
            r#""choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3"#
        ));
        let others = &events[..events.len() - 2];
        assert!(
            others
                .iter()
                .all(|event| event.ends_with(r#","usage":null}"#))
        );
        let unasked = written(false, hello());
        assert!(!unasked.iter().any(|event| event.contains("usage")));
    }

    #[test]
    fn choices_begin_in_their_order() {
        let events = written(
            false,
            vec![
                Event::Start(Start::default()),
                Event::Open {
                    choice: 2,
                    part: text(),
                },
            ],
        );
        let begun: Vec<bool> = (0..3)
            .map(|index| events[index].contains(&format!(r#"{{"index":{index},"delta":{{"role""#)))
            .collect();
        assert_eq!(begun, [true; 3]);
    }

    #[test]
    fn nothing_follows_a_fault() {
        let mut writer = StreamWriter::new(telling());
        let mut out = Vec::new();
        let mut events = hello();
        let end = events.pop().unwrap();
        events
            .into_iter()
            .for_each(|event| writer.write(event, &mut out));
        assert!(
            !String::from_utf8_lossy(&out).contains("\"stop\""),
            "not known to be whole"
        );
        let fault = Fault::new(FaultKind::Overloaded, 529, "later");
        writer.write_fault(&fault, &mut out);
        let so_far = out.len();
        writer.write(end, &mut out);
        writer.write_fault(&fault, &mut out);
        assert_eq!(out.len(), so_far);
        assert!(
            String::from_utf8(out)
                .unwrap()
                .ends_with("\"code\":\"server_overloaded\"}}\n\n")
        );
    }
}
