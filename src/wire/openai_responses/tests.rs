//! The laws of this format on recorded traffic, where `TIDEGATE_FIXTURES` names a folder that has it (`recorded.jsonl`); and
//! the pieces that made-up streams are made of.

use serde_json::{Value as Tree, json};

use crate::ir::{
    At, Body, Collector, Effort, Event, Json, Part, Reply, Request, Role, Said, Text, Turn,
};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling, Traits};
use crate::wire::json::Document;
use crate::wire::{Asked, Codec, EventReader};

use super::OpenaiResponses;
use super::stream_read::StreamReader;

/// The recorded exchanges of this format.
#[allow(
    clippy::disallowed_methods,
    reason = "a test is told by its environment where the recordings are"
)]
fn exchanges() -> Vec<Tree> {
    let Ok(folder) = std::env::var("TIDEGATE_FIXTURES") else {
        return Vec::new();
    };
    let lines = std::fs::read_to_string(format!("{folder}/recorded.jsonl")).unwrap();
    let all = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    all.filter(|record: &Tree| record["api"] == "responses")
        .collect()
}

/// All events of a stream, by their data.
pub(super) fn data_of(stream: &str) -> Vec<&str> {
    let lines = stream.lines();
    lines
        .filter_map(|line| line.strip_prefix("data:"))
        .collect()
}

/// What a stream tells.
pub(super) fn told(stream: &str) -> Vec<Event<'static>> {
    let mut reader = OpenaiResponses.reader("seed");
    let mut events = Vec::new();
    let mut tell = |event: Event<'_>| events.push(own(event));
    for data in data_of(stream) {
        reader
            .read(None, data.trim().as_bytes(), &mut tell)
            .unwrap();
    }
    reader.finish(&mut tell);
    events
}

pub(super) fn own(event: Event<'_>) -> Event<'static> {
    // A collector owns what it is told; there is no other way to keep an event of which the kind is not known.
    match event {
        Event::Start(start) => Event::Start(start.into_owned()),
        Event::Open { choice, part } => Event::Open {
            choice,
            part: part.into_owned(),
        },
        Event::Delta { choice, delta } => Event::Delta {
            choice,
            delta: own_delta(delta),
        },
        Event::Close { choice } => Event::Close { choice },
        Event::Stop { choice, stop } => Event::Stop {
            choice,
            stop: stop.into_owned(),
        },
        Event::Usage(usage) => Event::Usage(usage),
        Event::Tier(tier) => Event::Tier(tier.into_owned().into()),
        Event::End => Event::End,
    }
}

fn own_delta(delta: crate::ir::Delta<'_>) -> crate::ir::Delta<'static> {
    use crate::ir::Delta;
    let text = |text: crate::ir::Str<'_>| text.into_owned().into();
    match delta {
        Delta::Text(more) => Delta::Text(text(more)),
        Delta::Refusal(more) => Delta::Refusal(text(more)),
        Delta::Thinking(more) => Delta::Thinking(text(more)),
        Delta::Summary(more) => Delta::Summary(text(more)),
        Delta::NextSummary => Delta::NextSummary,
        Delta::Seal(more) => Delta::Seal(text(more)),
        Delta::Arguments(more) => Delta::Arguments(text(more)),
        Delta::Citation(citation) => Delta::Citation(citation.into_owned()),
        Delta::Logprobs(all) => {
            Delta::Logprobs(all.into_iter().map(crate::ir::Json::into_owned).collect())
        }
        Delta::Audio(more) => Delta::Audio(text(more)),
        Delta::Transcript(more) => Delta::Transcript(text(more)),
    }
}

pub(super) fn collected(events: &[Event<'static>]) -> Reply<'static> {
    let mut collector = Collector::default();
    events
        .iter()
        .cloned()
        .for_each(|event| collector.push(event));
    assert!(collector.has_ended());
    collector.finish()
}

/// Without the places, which are of one document only, and without what a stream does not tell.
pub(super) fn bare(mut reply: Reply<'static>) -> Reply<'static> {
    reply.unsaid.clear();
    // What was not said is written as nothing.
    let usage = &mut reply.usage;
    for slot in [
        &mut usage.cache_read,
        &mut usage.cache_write,
        &mut usage.reasoning,
    ] {
        slot.get_or_insert(0);
    }
    reply.tier.get_or_insert("default".into());
    for choice in &mut reply.choices {
        // A text without words is not written.
        let is_nothing =
            |part: &Part<'_>| matches!(&part.body, Body::Text(text) if text.text.is_empty());
        choice.parts.retain(|part| !is_nothing(part));
        choice.parts.iter_mut().for_each(bare_part);
    }
    reply
}

fn bare_part(part: &mut Part<'static>) {
    part.at = At::NOWHERE;
    match &mut part.body {
        Body::Text(text) => {
            for citation in &mut text.citations {
                citation.at = At::NOWHERE;
            }
        }
        Body::Thinking(thinking) => {
            if let Some(seal) = &mut thinking.seal {
                seal.at = At::NOWHERE;
            }
        }
        Body::Call(call) => {
            if let Some(space) = &mut call.namespace {
                space.at = At::NOWHERE;
            }
        }
        // Streams of other vendors write its members in another order.
        Body::Image(media) => media.origin = None,
        Body::Refusal(_)
        | Body::Audio(_)
        | Body::Video(_)
        | Body::Document(_)
        | Body::Outcome(_)
        | Body::Foreign(_) => {}
    }
}

pub(super) fn read_reply(text: &str) -> Reply<'static> {
    let mut document = Document::default();
    let body = document.read(text.as_bytes()).unwrap();
    let reply = OpenaiResponses.read_reply(body, "seed").unwrap();
    // A collected replay owns everything.
    let mut collector = Collector::default();
    crate::ir::replay(reply, &mut |event| collector.push(event));
    bare(collector.finish())
}

/// Compares, and tells the first line that differs rather than all of it.
pub(super) fn assert_same(found: &Reply<'_>, expected: &Reply<'_>, id: &str) {
    let lines = [format!("{found:#?}"), format!("{expected:#?}")];
    let [found, expected] = &lines;
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "{id}");
    }
    assert_eq!(found, expected, "{id}");
}

/// The texts and numbers of a tree, each with its path as `json::path_of` writes it.
fn leaves(tree: &Tree, path: &str, found: &mut Vec<(String, String)>) {
    match tree {
        Tree::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(value, &path, found);
            }
        }
        Tree::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}[{index}]"), found);
            }
        }
        Tree::String(text) => found.push((path.to_owned(), text.clone())),
        Tree::Number(number) => found.push((path.to_owned(), number.to_string())),
        Tree::Null | Tree::Bool(_) => {}
    }
}

#[test]
fn every_leaf_of_a_recorded_request_is_written_again_or_told_as_lost() {
    for record in exchanges() {
        if !record["request"].is_object() {
            continue;
        }
        let id = &record["id"];
        let text = record["request"].to_string();
        let mut document = Document::default();
        let body = document.read(text.as_bytes()).unwrap();
        let request = OpenaiResponses
            .read_request(Asked::default(), body)
            .unwrap();
        let traits = Traits::default();
        let target = Target {
            model: &request.model,
            stream: request.stream,
            traits: &traits,
        };
        let mut lowered = Lowered::default();
        let written = OpenaiResponses.write_request(&request, &target, &mut lowered);
        if let Err(refused) = written {
            assert!(!request.tags.stateful.is_empty(), "{id}: {refused:?}");
            continue;
        }
        lowered.losses.add_all(&request.unsaid, "unsaid");
        let lost = lowered.losses.paths(body);
        let written: Tree = serde_json::from_slice(&lowered.body).unwrap();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(&record["request"], "", &mut before);
        leaves(&written, "", &mut after);
        for (path, leaf) in before {
            let is_known = after.iter().any(|(_, text)| *text == leaf);
            let is_told = lost.iter().any(|lost| path.starts_with(lost.as_str()));
            // A word that goes without saying, or that says what an item is.
            let is_plain = path.ends_with(".status") || path.ends_with(".type")
                // The first system prompt is `instructions`, and an empty message of the model's is none.
                || path.ends_with(".role");
            assert!(is_known || is_told || is_plain, "{id}: {path} = {leaf}");
        }
    }
}

#[test]
fn a_recorded_reply_is_the_same_after_it_was_written() {
    for record in exchanges() {
        if record["stream"] == true || record["status"] != 200 {
            continue;
        }
        let text = record["response_body"].as_str().unwrap();
        let reply = read_reply(text);
        let (mut out, mut losses) = (Vec::new(), Losses::default());
        OpenaiResponses.write_reply(&reply, &Telling::default(), &mut out, &mut losses);
        assert!(losses.is_empty(), "{losses:?}");
        let again = read_reply(std::str::from_utf8(&out).unwrap());
        assert_same(&again, &reply, &record["id"].to_string());
    }
}

#[test]
fn a_recorded_stream_tells_what_its_completed_response_says() {
    for record in exchanges() {
        if record["stream"] != true || record["status"] != 200 {
            continue;
        }
        let stream = record["response_body"].as_str().unwrap();
        let Some(last) = data_of(stream)
            .into_iter()
            .find(|data| data.contains("\"response.completed\""))
        else {
            continue;
        };
        let last: Tree = serde_json::from_str(last).unwrap();
        let whole = read_reply(&last["response"].to_string());
        let mut told = bare(collected(&told(stream)));
        for (told, whole) in told.choices[0]
            .parts
            .iter_mut()
            .zip(&whole.choices[0].parts)
        {
            // The vendor seals the same reasoning anew in the last event, and repeats its own tools' items with more in them.
            match (&mut told.body, &whole.body) {
                (Body::Thinking(told), Body::Thinking(whole)) => told.seal = whole.seal.clone(),
                (Body::Foreign(told), Body::Foreign(whole)) => told.json = whole.json.clone(),
                _ => {}
            }
            if let (Body::Text(told), Body::Text(whole)) = (&mut told.body, &whole.body) {
                for (told, whole) in told.citations.iter_mut().zip(&whole.citations) {
                    told.origin = whole.origin.clone();
                }
            }
        }
        assert_same(&told, &whole, &record["id"].to_string());
    }
}

#[test]
fn a_recorded_stream_is_the_same_after_it_was_written() {
    for record in exchanges() {
        if record["stream"] != true || record["status"] != 200 {
            continue;
        }
        let stream = record["response_body"].as_str().unwrap();
        if !stream.contains("\"response.completed\"") {
            continue;
        }
        let events = told(stream);
        let telling = Telling::default();
        let mut writer = OpenaiResponses.writer(telling.clone());
        let mut out = Vec::new();
        for event in &events {
            writer.write(event.clone(), &mut out);
        }
        let out = String::from_utf8(out).unwrap();
        let reply = collected(&events);
        let id = record["id"].to_string();
        assert_same(&bare(collected(&told(&out))), &bare(reply.clone()), &id);
        let (mut whole, mut losses) = (Vec::new(), Losses::default());
        OpenaiResponses.write_reply(&reply, &telling, &mut whole, &mut losses);
        let last: Tree = serde_json::from_str(data_of(&out).pop().unwrap()).unwrap();
        let whole: Tree = serde_json::from_slice(&whole).unwrap();
        assert_eq!(last["response"], whole, "{}", record["id"]);
        assert_eq!(losses, *writer.losses());
    }
}

pub(super) const MESSAGE: &str = r#"{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":5}]}]}"#;
pub(super) const REASONING: &str = r#"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"ab"},{"type":"summary_text","text":"c"}],"content":[{"type":"reasoning_text","text":"x"},{"type":"reasoning_text","text":"y"}],"encrypted_content":"seal"}"#;
pub(super) const CALL: &str =
    r#"{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{\"a\":1}"}"#;
pub(super) const OTHER: &str =
    r#"{"type":"function_call","id":"fc_2","call_id":"call_2","name":"g","arguments":"{\"b\":2}"}"#;
pub(super) const SEARCH: &str = r#"{"type":"web_search_call","id":"ws_1","status":"completed"}"#;

pub(super) fn item(step: &str, index: u64, item: &str) -> String {
    format!(r#"{{"type":"response.output_item.{step}","output_index":{index},"item":{item}}}"#)
}

/// The item as it begins: with nothing in it.
pub(super) fn added(index: u64, whole: &str) -> String {
    let mut bare: serde_json::Value = serde_json::from_str(whole).unwrap();
    for (key, empty) in [("content", "[]"), ("summary", "[]"), ("arguments", "\"\"")] {
        if bare.get(key).is_some() {
            bare[key] = serde_json::from_str(empty).unwrap();
        }
    }
    bare.as_object_mut().unwrap().remove("encrypted_content");
    item("added", index, &bare.to_string())
}

pub(super) fn piece(kind: &str, index: u64, rest: &str) -> String {
    format!(r#"{{"type":"response.{kind}","output_index":{index},{rest}}}"#)
}

pub(super) fn created() -> String {
    r#"{"type":"response.created","response":{"id":"resp_1","model":"m","created_at":5.5,"service_tier":"auto","usage":null}}"#.to_owned()
}

pub(super) fn completed(items: &[&str]) -> String {
    format!(
        r#"{{"type":"response.completed","response":{}}}"#,
        response(items)
    )
}

pub(super) fn response(items: &[&str]) -> String {
    format!(
        r#"{{"id":"resp_1","model":"m","created_at":5,"status":"completed","service_tier":"flex","error":null,"output":[{}],"usage":{{"input_tokens":3,"output_tokens":4}}}}"#,
        items.join(",")
    )
}

pub(super) fn told_of(events: &[String]) -> Vec<Event<'static>> {
    let mut reader = StreamReader::new("seed");
    let mut list = Vec::new();
    let mut tell = |event: Event<'_>| list.push(own(event));
    for data in events {
        reader.read(None, data.as_bytes(), &mut tell).unwrap();
    }
    reader.finish(&mut tell);
    assert_in_order(&list);
    list
}

/// The law of the order of events.
pub(super) fn assert_in_order(events: &[Event<'_>]) {
    let mut open = false;
    let mut stopped = false;
    for (n, event) in events.iter().enumerate() {
        match event {
            Event::Start(_) => assert_eq!(n, 0),
            Event::Open { .. } => {
                assert!(!open && !stopped);
                open = true;
            }
            Event::Delta { .. } => assert!(open),
            Event::Close { .. } => {
                assert!(open);
                open = false;
            }
            Event::Stop { .. } => {
                assert!(!open && !stopped);
                stopped = true;
            }
            Event::Usage(_) | Event::Tier(_) => {}
            Event::End => assert_eq!(n + 1, events.len()),
        }
    }
}

pub(super) fn expected(items: &[&str]) -> Reply<'static> {
    read_reply(&response(items))
}

pub(super) fn assert_tells(events: &[String], items: &[&str]) {
    assert_eq!(bare(collected(&told_of(events))), expected(items));
}

pub(super) fn lower(
    request: &Request<'_>,
    traits: &Traits,
) -> Result<(Tree, Vec<&'static str>), Refused> {
    let target = Target {
        model: "gpt-4.1",
        stream: true,
        traits,
    };
    let mut lowered = Lowered::default();
    OpenaiResponses.write_request(request, &target, &mut lowered)?;
    assert_eq!(lowered.suffix, "/responses");
    let losses = lowered.losses.iter().map(|loss| loss.what).collect();
    Ok((serde_json::from_slice(&lowered.body).unwrap(), losses))
}

pub(super) fn lowered(request: &Request<'_>) -> (Tree, Vec<&'static str>) {
    lower(request, &Traits::default()).unwrap()
}

pub(super) fn part(body: Body<'static>) -> Part<'static> {
    Part::new(At::NOWHERE, body)
}

pub(super) fn text(words: &'static str) -> Part<'static> {
    part(Body::Text(Text {
        text: words.into(),
        citations: Vec::new(),
    }))
}

pub(super) fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn::new(At::NOWHERE, role, parts)
}

pub(super) fn turns(turns: Vec<Turn<'static>>) -> Request<'static> {
    Request {
        turns,
        ..Request::default()
    }
}

pub(super) fn said<T>(value: T) -> Option<Said<T>> {
    Some(Said::new(At::NOWHERE, value))
}

#[test]
fn what_says_nothing_is_no_loss_and_asks_for_nothing() {
    let mut request = Request::default();
    request.sampling.presence_penalty = said(Json("0".into()));
    request.sampling.frequency_penalty = said(Json("0.0".into()));
    request.tags.logit_bias = said(Json("{}".into()));
    request.sampling.top_logprobs = said(0);
    let (body, losses) = lowered(&request);
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(body.get("top_logprobs"), None);
    request.sampling.presence_penalty = said(Json("0.5".into()));
    request.tags.logit_bias = said(Json(r#"{"1":1}"#.into()));
    assert_eq!(lowered(&request).1, ["presence penalty", "logit bias"]);
}

#[test]
fn a_model_is_asked_for_reasoning_as_it_takes_it() {
    let asked = |model: &str, effort| {
        let mut request = Request::default();
        request.reasoning.effort = said(effort);
        let (body, losses) = lower(&request, &Traits::default().of_model(model)).unwrap();
        (body["reasoning"]["effort"].clone(), losses.len())
    };
    assert_eq!(asked("gpt-4o", Effort::None), (json!(null), 0));
    assert_eq!(asked("gpt-4o", Effort::High), (json!(null), 1));
    assert_eq!(asked("gpt-5", Effort::None), (json!("minimal"), 1));
    assert_eq!(asked("o3", Effort::Minimal), (json!("low"), 1));
    assert_eq!(asked("gpt-5.1", Effort::None), (json!("none"), 0));
    assert_eq!(asked("gpt-5.1", Effort::XHigh), (json!("high"), 1));
    assert_eq!(asked("grok", Effort::XHigh), (json!("xhigh"), 0));
}
