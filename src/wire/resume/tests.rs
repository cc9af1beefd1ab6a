use std::borrow::Cow;

use bytes::Bytes;

use super::{Shown, Way, parts};
use crate::ir::{
    At, Body, Call, Choice, Collector, Fault, Format, Part, Reply, Start, Stop, StopReason, Text,
    Thinking, Usage, replay,
};
use crate::wire::convert::{Adaptation, Course, Issuer, Telling, Transcode};
use crate::wire::relay::{End, Progress};
use crate::wire::{codec, sse};

const FORMATS: [Format; 4] = [
    Format::OpenaiChat,
    Format::OpenaiResponses,
    Format::Anthropic,
    Format::Gemini,
];

fn telling() -> Telling {
    Telling {
        seed: "s".into(),
        now: 7,
        usage: true,
        ..Telling::default()
    }
}

fn text(text: &str) -> Part<'static> {
    let text = Cow::Owned(text.to_owned());
    let citations = Vec::new();
    Part::new(At::NOWHERE, Body::Text(Text { text, citations }))
}

fn thought(text: &str) -> Part<'static> {
    let thinking = Thinking {
        text: Cow::Owned(text.to_owned()),
        ..Thinking::default()
    };
    Part::new(At::NOWHERE, Body::Thinking(thinking))
}

fn reply(model: &str, said: Vec<Part<'static>>) -> Reply<'static> {
    Reply {
        start: Start {
            id: Cow::Owned(format!("id_of_{model}")),
            model: Cow::Owned(model.to_owned()),
            created: Some(5),
        },
        choices: vec![Choice {
            index: 0,
            parts: said,
            stop: Some(Stop::of(StopReason::End)),
            logprobs: Vec::new(),
        }],
        usage: Usage {
            input: Some(model.len() as u64),
            output: Some(9),
            ..Usage::default()
        },
        ..Reply::default()
    }
}

/// The events of a stream in that format, words by themselves.
fn stream(format: Format, reply: Reply<'static>) -> Vec<String> {
    let mut writer = codec(format).writer(telling());
    let mut out = Vec::new();
    replay(reply, &mut |event| match event {
        crate::ir::Event::Delta { choice, delta } => {
            for delta in pieces(delta) {
                writer.write(crate::ir::Event::Delta { choice, delta }, &mut out);
            }
        }
        event => writer.write(event, &mut out),
    });
    let events = sse::events(&out).map(|event| event.bytes.to_vec());
    events
        .map(|event| String::from_utf8(event).unwrap())
        .collect()
}

fn pieces(delta: crate::ir::Delta<'_>) -> Vec<crate::ir::Delta<'_>> {
    use crate::ir::Delta;
    let cut =
        |words: &str| -> Vec<String> { words.split_inclusive(' ').map(str::to_owned).collect() };
    match delta {
        Delta::Text(words) => {
            let cut = cut(&words).into_iter();
            cut.map(|word| Delta::Text(Cow::Owned(word))).collect()
        }
        Delta::Thinking(words) => {
            let cut = cut(&words).into_iter();
            cut.map(|word| Delta::Thinking(Cow::Owned(word))).collect()
        }
        other => vec![other],
    }
}

fn collected(format: Format, stream: &str) -> Collector {
    let mut collector = Collector::default();
    let mut reader = codec(format).reader("s");
    for event in sse::events(stream.as_bytes()) {
        if let Some(data) = &event.data {
            reader
                .read(event.name, data, &mut |event| collector.push(event))
                .unwrap();
        }
    }
    reader.finish(&mut |event| collector.push(event));
    collector
}

fn shown(client: Format, events: &[String]) -> Shown {
    let mut shown = Shown::new(client);
    for event in events {
        shown.see(&Bytes::from(event.clone()));
    }
    shown
}

/// What the client gets after the break, and the machine that said it.
fn goes_on(
    shown: &Shown,
    way: Way,
    (from, events): (Format, &[String]),
    client: Format,
) -> Option<(Result<(), Fault>, String, Transcode)> {
    let (seam, writer) = shown.resume(way, telling())?;
    let course = Course {
        from: Issuer {
            vendor: 1,
            format: from,
        },
        client,
        back: Adaptation::default(),
        telling: telling(),
    };
    let mut transcode = Transcode::resumed(course, seam, writer);
    let mut out = Vec::new();
    let mut ended = Ok(());
    for event in events {
        ended = transcode.push(Bytes::from(event.clone()), &mut out);
        if ended.is_err() {
            break;
        }
    }
    if ended.is_ok() {
        ended = transcode.finish(End::Clean, &mut out);
    }
    let out = String::from_utf8(out.concat()).unwrap();
    Some((ended, out, transcode))
}

/// Numbers, indexes and ids go on, and there is one beginning and one end.
fn is_well_formed(format: Format, stream: &str) {
    let data: Vec<serde_json::Value> = sse::events(stream.as_bytes())
        .filter_map(|event| serde_json::from_slice(&event.data?).ok())
        .collect();
    let of_type = |kind: &str| data.iter().filter(|event| event["type"] == kind).count();
    match format {
        Format::OpenaiChat => {
            assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
            assert!(data.iter().all(|chunk| chunk["id"] == data[0]["id"]));
            assert!(
                data.iter()
                    .all(|chunk| chunk["created"] == data[0]["created"])
            );
            let roles = stream.matches("\"role\"").count();
            let ends = stream.matches("\"finish_reason\":\"stop\"").count();
            assert_eq!((roles, ends), (1, 1), "{stream}");
        }
        Format::OpenaiResponses => {
            for (n, event) in data.iter().enumerate() {
                assert_eq!(event["sequence_number"], n, "{stream}");
            }
            assert_eq!(of_type("response.created"), 1);
            let last = data.last().unwrap();
            assert_eq!(last["type"], "response.completed");
            assert_eq!(last["response"]["id"], data[0]["response"]["id"]);
            let output = last["response"]["output"].as_array().unwrap();
            let done = data
                .iter()
                .filter(|e| e["type"] == "response.output_item.done");
            assert!(done.map(|event| &event["item"]).eq(output), "{stream}");
            let mut open = serde_json::Value::Null;
            for event in &data {
                if event["type"] == "response.output_item.added" {
                    open = event["item"]["id"].clone();
                }
                if !event["item_id"].is_null() {
                    assert_eq!(event["item_id"], open, "{stream}");
                }
            }
        }
        Format::Anthropic => {
            assert_eq!(of_type("message_start"), 1);
            assert_eq!(of_type("message_stop"), 1);
            assert_eq!(of_type("message_delta"), 1);
            let mut open: Option<u64> = None;
            let mut next = 0;
            for event in &data {
                let index = event["index"].as_u64();
                match event["type"].as_str().unwrap() {
                    "content_block_start" => {
                        assert_eq!((open, index), (None, Some(next)), "{stream}");
                        open = index;
                        next += 1;
                    }
                    "content_block_delta" => assert_eq!(index, open, "{stream}"),
                    "content_block_stop" => assert_eq!(index, open.take(), "{stream}"),
                    _ => assert_eq!(open, None, "{stream}"),
                }
            }
        }
        Format::Gemini => {
            assert!(
                data.iter()
                    .all(|piece| piece["responseId"] == data[0]["responseId"])
            );
            assert_eq!(stream.matches("finishReason").count(), 1, "{stream}");
        }
    }
}

fn words(reply: &Reply<'static>) -> Vec<(bool, String)> {
    let words = parts(reply).iter().map(|part| match &part.body {
        Body::Text(text) => (true, text.text.to_string()),
        Body::Thinking(thinking) => (false, thinking.summaries.concat() + thinking.text.as_ref()),
        other => (true, format!("{other:?}")),
    });
    words.collect()
}

fn said() -> Vec<Part<'static>> {
    vec![
        thought("First I think of it."),
        text("Hello you there, all of you."),
    ]
}

/// The places where an answer may break off and be gone on with, in every format.
fn breaks() -> impl Iterator<Item = (Format, Vec<String>, usize)> {
    FORMATS.into_iter().flat_map(|client| {
        let events = stream(client, reply("first", said()));
        (0..events.len()).map(move |at| (client, events.clone(), at))
    })
}

#[test]
fn asked_anew_the_same_answer_is_one_stream_with_what_came_before() {
    let mut resumed = 0;
    for (client, events, at) in breaks() {
        let shown = shown(client, &events[..at]);
        for from in FORMATS {
            let other = stream(from, reply("second", said()));
            let Some((ended, rest, transcode)) = goes_on(&shown, Way::Anew, (from, &other), client)
            else {
                continue;
            };
            resumed += 1;
            assert_eq!(ended, Ok(()), "{client} {from} {at}");
            assert_eq!(transcode.progress(), Progress::Done);
            let whole = events[..at].concat() + &rest;
            is_well_formed(client, &whole);
            let collector = collected(client, &whole);
            assert!(collector.has_ended(), "{whole}");
            let reply = collector.finish();
            let original = collected(client, &events.concat()).finish();
            assert_eq!(
                words(&reply),
                words(&original),
                "{client} {from} {at}: {whole}"
            );
            assert_eq!(reply.choices[0].stop, original.choices[0].stop);
            assert_eq!(transcode.usage().input, Some(6));
            if client != Format::Anthropic {
                let first = usize::from(client == Format::OpenaiChat);
                assert!(at <= first || rest.contains("second"), "{rest}");
            }
            assert_eq!(reply.usage.input, Some(6), "{whole}");
        }
    }
    assert!(resumed > 150, "{resumed}");
}

#[test]
fn every_break_in_the_words_can_be_resumed() {
    for (client, events, at) in breaks() {
        let shown = shown(client, &events[..at]);
        let before = events[..at].concat();
        let has_words = before.contains("think") || before.contains("Hello");
        let is_at_words = events[at].contains("it.") || events[at].contains("you");
        if has_words && is_at_words && !events[at].contains(".done") {
            assert!(shown.is_open(), "{client} {at}");
            assert!(
                shown.resume(Way::Anew, telling()).is_some(),
                "{client} {at}: {before}"
            );
        }
    }
}

#[test]
fn gone_on_with_whatever_comes_is_the_rest() {
    for (client, events, at) in breaks() {
        let shown = shown(client, &events[..at]);
        let Some(partial) = shown.partial() else {
            continue;
        };
        let full = "Hello you there, all of you.";
        assert!(full.starts_with(&partial));
        for from in FORMATS {
            // Another model thinks again, and says the white space that it was not given.
            let rest = [" and", " so on."].concat();
            let other = stream(from, reply("second", vec![thought("Hm."), text(&rest)]));
            let Some((ended, rest, _)) = goes_on(&shown, Way::GoOn, (from, &other), client) else {
                continue;
            };
            assert_eq!(ended, Ok(()), "{client} {from} {at}");
            let whole = events[..at].concat() + &rest;
            is_well_formed(client, &whole);
            let reply = collected(client, &whole).finish();
            let text: String = words(&reply)
                .into_iter()
                .filter(|(is_text, _)| *is_text)
                .map(|(_, text)| text)
                .collect();
            assert_eq!(
                text,
                partial.clone() + " and so on.",
                "{client} {from} {at}: {whole}"
            );
            assert!(!whole.contains("Hm."), "{whole}");
        }
    }
}

#[test]
fn other_words_are_never_spliced() {
    let others = [
        vec![thought("First I think of it."), text("Hallo you there.")],
        vec![thought("First I think of it."), text("Hello you")],
        vec![
            thought("Then I think."),
            text("Hello you there, all of you."),
        ],
        vec![text("Hello you there, all of you.")],
        vec![],
    ];
    for (client, events, at) in breaks() {
        let shown = shown(client, &events[..at]);
        if shown.partial().is_none_or(|partial| partial.len() < 12) {
            continue;
        }
        for from in FORMATS {
            for other in &others {
                let other = stream(from, reply("second", other.clone()));
                let Some((ended, rest, transcode)) =
                    goes_on(&shown, Way::Anew, (from, &other), client)
                else {
                    continue;
                };
                assert!(
                    ended.is_err() && transcode.differs(),
                    "{client} {from} {at}"
                );
                assert_eq!(rest, "", "{client} {from} {at}");
            }
        }
    }
}

#[test]
fn who_only_refuses_to_go_on_is_no_end() {
    for (client, events, at) in breaks() {
        let shown = shown(client, &events[..at]);
        if shown.partial().is_none() {
            continue;
        }
        for from in FORMATS {
            let mut refusal = reply("second", Vec::new());
            refusal.choices[0].stop = Some(Stop::of(StopReason::ContentFilter));
            let other = stream(from, refusal);
            let told = goes_on(&shown, Way::GoOn, (from, &other), client);
            let Some((ended, rest, transcode)) = told else {
                continue;
            };
            assert!(
                ended.is_err() && transcode.differs(),
                "{client} {from} {at}"
            );
            assert_eq!(rest, "");
        }
    }
}

#[test]
fn a_stream_with_a_call_in_it_is_closed_to_others() {
    let call = Call {
        id: "c".into(),
        name: "f".into(),
        ..Call::default()
    };
    for client in FORMATS {
        let call = Part::new(At::NOWHERE, Body::Call(call.clone()));
        let events = stream(client, reply("first", vec![text("Hello you"), call]));
        let at = events
            .iter()
            .position(|event| event.contains("\"f\""))
            .unwrap();
        assert!(shown(client, &events[..at]).is_open(), "{client}");
        for at in at + 1..=events.len() {
            let shown = shown(client, &events[..at]);
            assert!(!shown.is_open(), "{client}: {}", events[..at].concat());
            assert!(shown.resume(Way::Anew, telling()).is_none());
        }
    }
}

#[test]
fn calls_may_follow_in_the_answer_that_goes_on() {
    for client in FORMATS {
        let events = stream(client, reply("first", vec![text("Hello you there.")]));
        let at = events
            .iter()
            .position(|event| event.contains("there"))
            .unwrap();
        let shown = shown(client, &events[..at]);
        for from in FORMATS {
            let call = Call {
                id: "c".into(),
                name: "f".into(),
                ..Call::default()
            };
            let call = Part::new(At::NOWHERE, Body::Call(call));
            let other = stream(from, reply("second", vec![text("Hello you there."), call]));
            let (ended, rest, _) = goes_on(&shown, Way::Anew, (from, &other), client).unwrap();
            assert_eq!(ended, Ok(()));
            let whole = events[..at].concat() + &rest;
            let reply = collected(client, &whole).finish();
            let found = parts(&reply);
            assert!(
                matches!(found, [
                Part { body: Body::Text(text), .. },
                Part { body: Body::Call(call), .. },
            ] if text.text == "Hello you there." && call.name == "f"),
                "{client} {from}: {whole}"
            );
        }
    }
}

#[test]
fn an_answer_beyond_what_is_remembered_is_not_resumed() {
    let long = "word ".repeat(super::MOST / 5 + 200);
    let events = stream(Format::OpenaiChat, reply("first", vec![text(&long)]));
    let most = events.len() - 20;
    assert!(!shown(Format::OpenaiChat, &events[..most]).is_open());
    assert!(shown(Format::OpenaiChat, &events[..most / 2]).is_open());
}
