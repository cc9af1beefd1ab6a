//! A stream for a client: `response.created` and `response.in_progress`; for every item `output_item.added`, its pieces,
//! `output_item.done`; and the whole response again in `response.completed` or `response.incomplete`.
//!
//! Every event has the next `sequence_number`. What an item holds is written by `items`, so that the last event says
//! exactly what a whole reply would. An error is told as the API does: `error`, which the SDKs raise, then
//! `response.failed`, which is the one that Codex listens to.

use std::borrow::Cow;

use crate::ir::{
    Arguments, At, Body, Call, Citation, Delta, Event, Fault, Format, Json, Media, Part, Start,
    Stop, Str, Usage,
};
use crate::wire::EventWriter;
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::Writer;

use super::annotation::without_place;
use super::items::{self, Output};
use super::reply_write::{AUDIO, Ending, FURTHER, Response, SEAL, ending, words_of};
use super::sequence::Sequence;
use super::thinking_write::Thinking;
use super::{annotation, fault};

pub(super) struct StreamWriter {
    telling: Telling,
    start: Start<'static>,
    begun: bool,
    wire: Sequence,
    output: Output,
    open: Open,
    /// What the open part has said so far.
    text: String,
    citations: Vec<Citation<'static>>,
    logprobs: Vec<Json<'static>>,
    /// Words of refusal were told.
    refused: bool,
    stop: Option<Stop<'static>>,
    usage: Usage,
    tier: Option<Str<'static>>,
    losses: Losses,
}

/// The part that is open.
enum Open {
    Nothing,
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

    fn open_part(&mut self, part: Part<'_>, out: &mut Vec<u8>) {
        self.close_part(out);
        if part.seal.is_some() {
            self.losses.add(At::NOWHERE, SEAL);
        }
        match part.body {
            Body::Text(text) => {
                self.open_content(Open::Text, out);
                self.citations
                    .extend(text.citations.into_iter().map(own_citation));
                self.say(&text.text, out);
            }
            Body::Refusal(words) => {
                self.open_content(Open::Refusal, out);
                self.say(&words, out);
            }
            Body::Audio(media) => {
                self.losses.add(At::NOWHERE, AUDIO);
                self.open_content(Open::Text, out);
                self.say(media.transcript.as_deref().unwrap_or_default(), out);
            }
            Body::Thinking(thinking) => {
                let mut open = self.open_thinking(thinking.id.as_deref(), out);
                open.open(thinking, &mut self.wire, out);
                self.open = Open::Thinking(open);
            }
            Body::Call(call) => self.open_call(call, out),
            Body::Image(media) => self.image(&media, out),
            Body::Foreign(foreign) if foreign.format == Format::OpenaiResponses => {
                self.close_message("completed", out);
                let json = items::one_line(&foreign.json.0);
                let write = |w: &mut Writer<'_>| {
                    w.raw(&json);
                };
                self.added(out, write);
                self.item(out, write);
                self.open = Open::Silent;
            }
            Body::Foreign(_) => self.lose("piece of a server tool"),
            Body::Document(_) | Body::Video(_) | Body::Outcome(_) => self.lose("medium"),
        }
    }

    fn lose(&mut self, what: &'static str) {
        self.losses.add(At::NOWHERE, what);
        self.open = Open::Silent;
    }

    /// A part of a message, which is opened for it if none is.
    fn open_content(&mut self, open: Open, out: &mut Vec<u8>) {
        if self.output.message().is_none() {
            let index = self.output.index();
            self.output.open_message(&self.telling.seed);
            let id = self.output.message().map_or("", |message| &message.id);
            self.wire.set_place(id, index);
            self.wire.event("response.output_item.added", out, |w| {
                w.key("output_index").number(index).key("item");
                items::write_message(id, "in_progress", "", w);
            });
        }
        let content = self.output.message().map_or(0, |message| message.parts);
        self.wire.set_content(content);
        self.wire
            .item_event("response.content_part.added", out, |w| {
                w.key("part");
                match open {
                    Open::Refusal => items::write_refusal("", w),
                    Open::Nothing
                    | Open::Text
                    | Open::Thinking(_)
                    | Open::Call { .. }
                    | Open::Silent => {
                        items::write_text("", &[], &[], w, &mut Losses::default());
                    }
                }
            });
        self.open = open;
    }

    fn open_thinking(&mut self, known: Option<&str>, out: &mut Vec<u8>) -> Thinking {
        self.close_message("completed", out);
        let id = self.id(known, "rs_");
        let thinking = Thinking::new(id);
        self.added(out, |w| {
            items::write_reasoning(&thinking.id, &items::Shown::default(), w);
        });
        self.wire.set_place(&thinking.id, self.output.index());
        thinking
    }

    fn open_call(&mut self, call: Call<'_>, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let Body::Call(mut call) = Body::Call(call).into_owned() else {
            return;
        };
        let id = self.id(call.item.as_deref(), items::call_prefix(&call));
        self.added(out, |w| {
            items::write_call(&id, "in_progress", &call, "", w);
        });
        self.wire.set_place(&id, self.output.index());
        let said = match &mut call.arguments {
            Arguments::Json(text) | Arguments::Free(text) => std::mem::take(text),
        };
        self.open = Open::Call { id, call };
        self.say(&said, out);
    }

    fn image(&mut self, media: &Media<'_>, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let Some(image) = items::image_of(media) else {
            return self.lose("image");
        };
        let id = self.id(None, "ig_");
        self.added(out, |w| items::write_image(&id, None, w));
        self.item(out, |w| items::write_image(&id, Some(image), w));
        self.open = Open::Silent;
    }

    fn id(&self, known: Option<&str>, prefix: &str) -> String {
        match known.filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => self.output.id(prefix, &self.telling.seed),
        }
    }

    /// An item begins.
    fn added(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        let index = self.output.index();
        self.wire.event("response.output_item.added", out, |w| {
            w.key("output_index").number(index).key("item");
            write(w);
        });
    }

    /// An item is finished.
    fn item(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        let index = self.output.index();
        let json = self.output.add_item(write);
        self.wire.event("response.output_item.done", out, |w| {
            w.key("output_index").number(index).key("item").raw(json);
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
                Open::Nothing | Open::Text | Open::Refusal | Open::Call { .. } | Open::Silent => {
                    self.losses.add(At::NOWHERE, SEAL);
                }
            },
            Delta::Citation(citation) => {
                if matches!(self.open, Open::Text) {
                    self.citations.push(own_citation(citation));
                }
            }
            Delta::Logprobs(tokens) => self.tokens(tokens, out),
            // That it is lost was told when the part opened.
            Delta::Audio(_) => {}
        }
    }

    /// More of the words of the open part.
    fn say(&mut self, words: &str, out: &mut Vec<u8>) {
        if words.is_empty() {
            return;
        }
        let name = match &self.open {
            Open::Text => "response.output_text.delta",
            Open::Refusal => "response.refusal.delta",
            Open::Call { call, .. } => match call.arguments {
                Arguments::Json(_) => "response.function_call_arguments.delta",
                Arguments::Free(_) => "response.custom_tool_call_input.delta",
            },
            Open::Nothing | Open::Thinking(_) | Open::Silent => return,
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

    fn close_part(&mut self, out: &mut Vec<u8>) {
        if let Open::Call { call, .. } = &self.open
            && self.text.is_empty()
        {
            let nothing = items::arguments(call, "");
            self.say(nothing, out);
        }
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::Silent => {}
            Open::Text => self.close_text(out),
            Open::Refusal => {
                let text = std::mem::take(&mut self.text);
                self.refused = true;
                self.wire.item_event("response.refusal.done", out, |w| {
                    w.key("refusal").text(&text);
                });
                self.part_done(out, |w| items::write_refusal(&text, w));
            }
            Open::Thinking(mut thinking) => {
                thinking.close(&mut self.wire, out);
                self.item(out, |w| {
                    items::write_reasoning(&thinking.id, &thinking.shown(), w);
                });
            }
            Open::Call { id, call } => self.close_call(&id, &call, out),
        }
        self.text.clear();
    }

    fn close_text(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.text);
        let citations = std::mem::take(&mut self.citations);
        let logprobs = std::mem::take(&mut self.logprobs);
        let mut index = 0;
        for citation in &citations {
            let mut json = Vec::new();
            let mut w = Writer::new(&mut json);
            annotation::write(citation, &text, &mut w, &mut self.losses);
            if json.is_empty() {
                continue;
            }
            let json = std::str::from_utf8(&json).unwrap_or_default();
            let name = "response.output_text.annotation.added";
            self.wire.item_event(name, out, |w| {
                w.key("annotation_index").number(index);
                w.key("annotation").raw(json);
            });
            index += 1;
        }
        self.wire.item_event("response.output_text.done", out, |w| {
            w.key("text").text(&text).key("logprobs");
            items::write_logprobs(&logprobs, w);
        });
        let mut losses = std::mem::take(&mut self.losses);
        self.part_done(out, |w| {
            items::write_text(&text, &citations, &logprobs, w, &mut losses);
        });
        self.losses = losses;
        // Its room is for the next part.
        self.text = text;
    }

    fn part_done(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        let json = self.output.add_part(write);
        self.wire
            .item_event("response.content_part.done", out, |w| {
                w.key("part").raw(json);
            });
    }

    fn close_call(&mut self, id: &str, call: &Call<'_>, out: &mut Vec<u8>) {
        let said = std::mem::take(&mut self.text);
        let name = match call.arguments {
            Arguments::Json(_) => "response.function_call_arguments.done",
            Arguments::Free(_) => "response.custom_tool_call_input.done",
        };
        self.wire.item_event(name, out, |w| {
            match call.arguments {
                Arguments::Json(_) => w.key("name").text(&call.name).key("arguments"),
                Arguments::Free(_) => w.key("input"),
            };
            w.text(&said);
        });
        self.item(out, |w| {
            items::write_call(id, "completed", call, &said, w);
        });
        self.text = said;
    }

    fn close_message(&mut self, status: &str, out: &mut Vec<u8>) {
        let index = self.output.index();
        if let Some(json) = self.output.close_message(status) {
            self.wire.event("response.output_item.done", out, |w| {
                w.key("output_index").number(index).key("item").raw(json);
            });
        }
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

fn own_citation(citation: Citation<'_>) -> Citation<'static> {
    without_place(citation).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::Value as Tree;

    use super::*;
    use crate::ir::{
        Choice, FaultKind, Foreign, Reply, Said, Source, StopReason, Text, Thinking, replay,
    };
    use crate::wire::Codec;
    use crate::wire::openai_responses::OpenaiResponses;
    use crate::wire::openai_responses::recorded::{bare, collected, data_of, read_reply, told};

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
