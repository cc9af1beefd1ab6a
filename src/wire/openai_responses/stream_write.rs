//! A stream for a client: `response.created` and `response.in_progress`; for every item `output_item.added`, its pieces,
//! `output_item.done`; and the whole response again in `response.completed` or `response.incomplete`.
//!
//! Every event has the next `sequence_number`. What an item holds is written by `items`, so that the last event says
//! exactly what a whole reply would. An error is told as the API does: `error`, which the SDKs raise, then
//! `response.failed`, which is the one that Codex listens to.

use std::borrow::Cow;

use crate::ir::{
    Arguments, At, Call, Citation, Delta, Event, Fault, Json, Start, Stop, Str, Usage,
};
use crate::wire::EventWriter;
use crate::wire::convert::{Losses, Telling};

use super::annotation::without_place;
use super::fault;
use super::items::{self, Output};
use super::reply_write::{Ending, FURTHER, Response, SEAL, ending, words_of};
use super::sequence::Sequence;
use super::thinking_write::Thinking;

pub(super) struct StreamWriter {
    pub(super) telling: Telling,
    pub(super) start: Start<'static>,
    pub(super) begun: bool,
    pub(super) wire: Sequence,
    pub(super) output: Output,
    pub(super) open: Open,
    /// What the open part has said so far.
    pub(super) text: String,
    pub(super) citations: Vec<Citation<'static>>,
    pub(super) logprobs: Vec<Json<'static>>,
    /// Words of refusal were told.
    pub(super) refused: bool,
    pub(super) stop: Option<Stop<'static>>,
    pub(super) usage: Usage,
    pub(super) tier: Option<Str<'static>>,
    pub(super) losses: Losses,
}

/// The part that is open.
pub(super) enum Open {
    Nothing,
    /// A text that has said nothing yet: without words it is none.
    NewText,
    Text,
    Refusal,
    Thinking(Thinking),
    Call {
        id: String,
        call: Call<'static>,
    },
    /// It is told whole, or not at all.
    Silent,
}

impl StreamWriter {
    pub(super) fn new(telling: Telling) -> StreamWriter {
        StreamWriter {
            telling,
            start: Start::default(),
            begun: false,
            wire: Sequence::default(),
            output: Output::default(),
            open: Open::Nothing,
            text: String::new(),
            citations: Vec::new(),
            logprobs: Vec::new(),
            refused: false,
            stop: None,
            usage: Usage::default(),
            tier: None,
            losses: Losses::default(),
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.begun {
            self.begun = true;
            self.whole("response.created", Ending::NotYet, out);
            self.whole("response.in_progress", Ending::NotYet, out);
        }
    }

    /// An event that holds the whole response.
    fn whole(&mut self, name: &'static str, ending: Ending<'_>, out: &mut Vec<u8>) {
        let response = Response {
            telling: &self.telling,
            start: &self.start,
            usage: self.usage,
            tier: self.tier.as_deref(),
        };
        let (output, losses) = (self.output.json(), &mut self.losses);
        self.wire.event(name, out, |w| {
            response.write(ending, output, w.key("response"), losses);
        });
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text)
            | Delta::Refusal(text)
            | Delta::Arguments(text)
            | Delta::Transcript(text) => self.say(&text, out),
            Delta::Thinking(_) | Delta::Summary(_) | Delta::NextSummary => {
                if let Open::Thinking(thinking) = &mut self.open {
                    thinking.delta(&delta, &mut self.wire, out);
                }
            }
            Delta::Seal(seal) => match &mut self.open {
                Open::Thinking(thinking) => thinking.seal = Some(seal.into_owned()),
                Open::Nothing
                | Open::NewText
                | Open::Text
                | Open::Refusal
                | Open::Call { .. }
                | Open::Silent => {
                    self.losses.add(At::NOWHERE, SEAL);
                }
            },
            Delta::Citation(citation) => {
                if matches!(self.open, Open::NewText | Open::Text) {
                    self.citations.push(own_citation(citation));
                }
            }
            Delta::Logprobs(tokens) => self.tokens(tokens, out),
            // That it is lost was told when the part opened.
            Delta::Audio(_) => {}
        }
    }

    fn begin_text(&mut self, out: &mut Vec<u8>) {
        if let Open::NewText = self.open {
            self.open_content(Open::Text, out);
        }
    }

    /// More of the words of the open part.
    pub(super) fn say(&mut self, words: &str, out: &mut Vec<u8>) {
        if words.is_empty() {
            return;
        }
        self.begin_text(out);
        let name = match &self.open {
            Open::Text => "response.output_text.delta",
            Open::Refusal => "response.refusal.delta",
            Open::Call { call, .. } => match call.arguments {
                Arguments::Json(_) => "response.function_call_arguments.delta",
                Arguments::Free(_) => "response.custom_tool_call_input.delta",
            },
            Open::Nothing | Open::NewText | Open::Thinking(_) | Open::Silent => return,
        };
        self.text.push_str(words);
        let is_text = matches!(self.open, Open::Text);
        self.wire.item_event(name, out, |w| {
            w.key("delta").text(words);
            if is_text {
                w.key("logprobs").raw("[]");
            }
        });
    }

    /// Clients collect them from the deltas.
    fn tokens(&mut self, tokens: Vec<Json<'_>>, out: &mut Vec<u8>) {
        self.begin_text(out);
        if !matches!(self.open, Open::Text) {
            self.losses.add(At::NOWHERE, "log probabilities");
            return;
        }
        self.wire
            .item_event("response.output_text.delta", out, |w| {
                w.key("delta").text("").key("logprobs");
                items::write_logprobs(&tokens, w);
            });
        self.logprobs
            .extend(tokens.into_iter().map(Json::into_owned));
    }

    /// The answer ends: what words of refusal came with that are a part of it.
    fn stop(&mut self, stop: Stop<'_>, out: &mut Vec<u8>) {
        self.close_part(out);
        if let Some(words) = words_of(&stop, self.refused, &mut self.losses) {
            self.open_content(Open::Refusal, out);
            self.say(words, out);
            self.close_part(out);
        }
        let ending = ending(Some(&stop), self.refused, &mut self.losses);
        self.close_message(ending.message_status(), out);
        self.stop = Some(stop.into_owned());
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close_part(out);
        let ending = ending(self.stop.as_ref(), self.refused, &mut self.losses);
        self.close_message(ending.message_status(), out);
        let name = match ending {
            Ending::Incomplete(_) => "response.incomplete",
            Ending::NotYet | Ending::Completed | Ending::Failed { .. } => "response.completed",
        };
        self.whole(name, ending, out);
    }

    /// Whether the event is of the one answer that the format has.
    fn is_ours(&mut self, choice: u32) -> bool {
        if choice != 0 {
            self.losses.add(At::NOWHERE, FURTHER);
        }
        choice == 0
    }
}

impl EventWriter for StreamWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if let Event::Start(start) = event {
            self.start = start.into_owned();
            return self.begin(out);
        }
        self.begin(out);
        match event {
            Event::Start(_) => {}
            Event::Open { choice, part } if self.is_ours(choice) => self.open_part(part, out),
            Event::Delta { choice, delta } if self.is_ours(choice) => self.delta(delta, out),
            Event::Close { choice } if self.is_ours(choice) => self.close_part(out),
            Event::Stop { choice, stop } if self.is_ours(choice) => self.stop(stop, out),
            Event::Open { .. } | Event::Delta { .. } | Event::Close { .. } | Event::Stop { .. } => {
            }
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Tier(tier) => self.tier = Some(Cow::Owned(tier.into_owned())),
            Event::End => self.end(out),
        }
    }

    fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        fault::write_numbered(fault, self.wire.next(), out);
        let code = fault::code(fault);
        let message = &fault.message;
        self.whole("response.failed", Ending::Failed { code, message }, out);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

pub(super) fn own_citation(citation: Citation<'_>) -> Citation<'static> {
    without_place(citation).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::Value as Tree;

    use super::*;
    use crate::ir::{
        Body, Choice, FaultKind, Foreign, Format, Media, Part, Reply, Said, Source, StopReason,
        Text, Thinking, replay,
    };
    use crate::wire::Codec;
    use crate::wire::openai_responses::OpenaiResponses;
    use crate::wire::openai_responses::tests::{bare, collected, data_of, read_reply, told};

    fn telling() -> Telling {
        Telling {
            seed: "s".into(),
            now: 7,
            ..Telling::default()
        }
    }

    fn written(reply: Reply<'static>) -> String {
        let mut writer = StreamWriter::new(telling());
        let mut out = Vec::new();
        replay(reply, &mut |event| writer.write(event, &mut out));
        String::from_utf8(out).unwrap()
    }

    fn events(stream: &str) -> Vec<Tree> {
        let data = data_of(stream).into_iter();
        data.map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    fn part(body: Body<'static>) -> Part<'static> {
        Part::new(At::NOWHERE, body)
    }

    fn parts() -> impl Strategy<Value = Body<'static>> {
        let words = "[a-z\n\"é]{0,6}";
        let thinking = (vec(words, 0..3), words, proptest::option::of("[a-z]{1,4}"));
        prop_oneof![
            words.prop_map(|text| {
                let text = text.into();
                let citations = Vec::new();
                Body::Text(Text { text, citations })
            }),
            words.prop_map(|text| Body::Refusal(text.into())),
            thinking.prop_map(|(summaries, text, seal)| Body::Thinking(Thinking {
                summaries: summaries.into_iter().map(Cow::Owned).collect(),
                text: text.into(),
                seal: seal.map(|seal| Said::new(At::NOWHERE, seal.into())),
                ..Thinking::default()
            })),
            words.prop_map(|text| Body::Call(Call {
                id: "call_1".into(),
                name: "f".into(),
                arguments: Arguments::Json(text.into()),
                ..Call::default()
            })),
            words.prop_map(|text| Body::Call(Call {
                id: "call_2".into(),
                name: "g".into(),
                arguments: Arguments::Free(text.into()),
                ..Call::default()
            })),
            Just(Body::Foreign(Foreign {
                format: Format::OpenaiResponses,
                kind: "web_search_call".into(),
                json: Json("{\"type\":\"web_search_call\",\n\"id\":\"ws_1\"}".into()),
            })),
            Just(Body::Image(Media::new(Source::Inline {
                mime: "image/png".into(),
                base64: "QUJD".into(),
            }))),
        ]
    }

    fn replies() -> impl Strategy<Value = Reply<'static>> {
        let reason = prop_oneof![
            Just(StopReason::End),
            Just(StopReason::Length),
            Just(StopReason::ContentFilter),
            Just(StopReason::Refusal),
        ];
        (vec(parts(), 0..6), reason, proptest::option::of("[a-z]{3}")).prop_map(
            |(bodies, reason, words)| Reply {
                start: Start {
                    id: "msg_1".into(),
                    model: "m".into(),
                    created: None,
                },
                choices: vec![Choice {
                    parts: bodies.into_iter().map(part).collect(),
                    stop: Some(Stop {
                        words: words.map(Cow::Owned),
                        ..Stop::of(reason)
                    }),
                    ..Choice::default()
                }],
                usage: Usage {
                    input: Some(3),
                    output: Some(4),
                    ..Usage::default()
                },
                ..Reply::default()
            },
        )
    }

    /// What a client's accumulator makes of the events.
    fn accumulated(events: &[Tree]) -> Vec<Tree> {
        let mut output: Vec<Tree> = Vec::new();
        for event in events {
            let kind = event["type"].as_str().unwrap();
            let index = event["output_index"].as_u64().map(|n| n as usize);
            let content = event["content_index"].as_u64().map(|n| n as usize);
            match kind {
                "response.output_item.added" => {
                    assert_eq!(index, Some(output.len()));
                    output.push(event["item"].clone());
                }
                "response.output_item.done" => {
                    let index = index.unwrap();
                    assert_eq!(output[index]["id"], event["item"]["id"]);
                    for key in ["arguments", "input"] {
                        assert_eq!(output[index][key], event["item"][key]);
                    }
                    if event["item"]["type"] == "message" {
                        assert_eq!(output[index]["content"], event["item"]["content"]);
                    }
                    output[index] = event["item"].clone();
                }
                "response.content_part.added" if event["part"]["type"] != "reasoning_text" => {
                    let item = &mut output[index.unwrap()];
                    let parts = item["content"].as_array_mut().unwrap();
                    assert_eq!(content, Some(parts.len()));
                    parts.push(event["part"].clone());
                }
                "response.output_text.delta" | "response.refusal.delta" => {
                    let item = &mut output[index.unwrap()];
                    assert_eq!(item["id"], event["item_id"]);
                    let part = &mut item["content"][content.unwrap()];
                    let key = if kind.contains("text") {
                        "text"
                    } else {
                        "refusal"
                    };
                    add(&mut part[key], &event["delta"]);
                }
                "response.function_call_arguments.delta" => {
                    add(&mut output[index.unwrap()]["arguments"], &event["delta"]);
                }
                "response.custom_tool_call_input.delta" => {
                    add(&mut output[index.unwrap()]["input"], &event["delta"]);
                }
                "response.content_part.done" if event["part"]["type"] != "reasoning_text" => {
                    let item = &output[index.unwrap()];
                    assert_eq!(item["content"][content.unwrap()], event["part"]);
                }
                _ => {}
            }
        }
        output
    }

    fn add(text: &mut Tree, more: &Tree) {
        *text = Tree::String([text.as_str().unwrap(), more.as_str().unwrap()].concat());
    }

    proptest! {
        #[test]
        fn a_stream_makes_the_same_object_as_a_whole_reply(reply in replies()) {
            let stream = written(reply.clone());
            let events = events(&stream);
            let numbers = events.iter().map(|event| event["sequence_number"].as_u64().unwrap());
            prop_assert!(numbers.eq(0..events.len() as u64));
            let (mut out, mut losses) = (Vec::new(), Losses::default());
            OpenaiResponses.write_reply(&reply, &telling(), &mut out, &mut losses);
            let whole: Tree = serde_json::from_slice(&out).unwrap();
            let last = &events.last().unwrap()["response"];
            prop_assert_eq!(last, &whole);
            prop_assert_eq!(&Tree::Array(accumulated(&events)), &whole["output"]);
            // And it reads as the whole does.
            let found = bare(collected(&told(&stream)));
            prop_assert_eq!(found, read_reply(std::str::from_utf8(&out).unwrap()));
        }
    }

    #[test]
    fn an_error_has_the_next_number_and_the_response_fails_after_it() {
        let mut writer = StreamWriter::new(telling());
        let mut out = Vec::new();
        writer.write(Event::Start(Start::default()), &mut out);
        let fault = Fault::new(FaultKind::ContextLength, 400, "too long");
        writer.write_fault(&fault, &mut out);
        let events = events(std::str::from_utf8(&out).unwrap());
        let found: Vec<_> = events
            .iter()
            .map(|event| (event["type"].as_str().unwrap(), &event["sequence_number"]))
            .collect();
        assert_eq!(found[2], ("error", &2.into()));
        assert_eq!(found[3], ("response.failed", &3.into()));
        let error = &events[3]["response"]["error"];
        assert_eq!(error["code"], "context_length_exceeded");
        assert_eq!(events[3]["response"]["status"], "failed");
    }

    #[test]
    fn an_error_may_be_the_first_event() {
        let mut out = Vec::new();
        let fault = Fault::new(FaultKind::Billing, 429, "no money");
        StreamWriter::new(telling()).write_fault(&fault, &mut out);
        let events = events(std::str::from_utf8(&out).unwrap());
        assert_eq!(events[0]["type"], "error");
        assert_eq!(events[0]["sequence_number"], 0);
        assert_eq!(events[1]["response"]["id"], "resp_s");
    }

    #[test]
    fn a_call_without_arguments_has_an_empty_object_of_them() {
        let call = Call {
            name: "f".into(),
            ..Call::default()
        };
        let reply = Reply {
            choices: vec![Choice {
                parts: vec![part(Body::Call(call))],
                ..Choice::default()
            }],
            ..Reply::default()
        };
        let found = events(&written(reply));
        let done = "response.function_call_arguments.done";
        let done = found.iter().find(|event| event["type"] == done).unwrap();
        assert_eq!(done["arguments"], "{}");
        assert_eq!(done["name"], "f");
    }

    #[test]
    fn what_the_format_cannot_say_is_told() {
        let mut reply = Reply::default();
        let citation = Citation {
            quote: Some("q".into()),
            ..Citation::default()
        };
        let text = Text {
            text: "t".into(),
            citations: vec![citation],
        };
        let foreign = Foreign {
            format: Format::Anthropic,
            kind: "server_tool_use".into(),
            json: Json::default(),
        };
        reply.choices = vec![
            Choice {
                parts: vec![part(Body::Text(text)), part(Body::Foreign(foreign))],
                stop: Some(Stop::of(StopReason::Pause)),
                ..Choice::default()
            },
            Choice {
                index: 1,
                ..Choice::default()
            },
        ];
        reply.choices[1].parts = vec![part(Body::Refusal("x".into()))];
        let mut losses = Losses::default();
        OpenaiResponses.write_reply(&reply, &telling(), &mut Vec::new(), &mut losses);
        let whole: Vec<_> = losses.iter().map(|loss| loss.what).collect();
        for what in [
            "citation",
            "piece of a server tool",
            FURTHER,
            "reason of the end",
        ] {
            assert!(whole.contains(&what), "{what}");
        }
        let mut writer = StreamWriter::new(telling());
        replay(reply, &mut |event| writer.write(event, &mut Vec::new()));
        for loss in losses.iter() {
            assert!(
                writer.losses().iter().any(|other| other == loss),
                "{loss:?}"
            );
        }
    }
}
