//! What the tests of this folder read and write with.

use serde_json::Value as Tree;

use super::OpenaiChat;
use crate::ir::{
    Arguments, At, Body, Call, Collector, Event, Media, Outcome, Part, Reply, Request, Role, Said,
    Source, Text, Thinking, Turn, replay,
};
use crate::wire::convert::{Losses, Lowered, Refused, Target, Telling, Traits};
use crate::wire::json::{Document, Misfit, path_of};
use crate::wire::{Asked, Codec, Unheard};

pub(super) fn try_read(text: &str) -> Result<Request<'_>, Misfit> {
    let mut document = Document::default();
    let body = document.read(text.as_bytes()).unwrap();
    OpenaiChat.read_request(Asked::default(), body)
}

pub(super) fn read(text: &str) -> Request<'_> {
    try_read(text).unwrap()
}

/// The paths of what the reader could not say.
pub(super) fn unsaid(text: &str) -> Vec<String> {
    let mut document = Document::default();
    let body = document.read(text.as_bytes()).unwrap();
    let request = OpenaiChat.read_request(Asked::default(), body).unwrap();
    request.unsaid.iter().map(|at| path_of(body, *at)).collect()
}

/// The same of what the answer is the same without.
pub(super) fn hints(text: &str) -> Vec<String> {
    let mut document = Document::default();
    let body = document.read(text.as_bytes()).unwrap();
    let request = OpenaiChat.read_request(Asked::default(), body).unwrap();
    request.hints.iter().map(|at| path_of(body, *at)).collect()
}

pub(super) fn try_write(request: &Request<'_>, traits: &Traits) -> Result<Lowered, Refused> {
    let target = Target {
        model: "target",
        stream: request.stream,
        traits,
    };
    let mut lowered = Lowered::default();
    OpenaiChat.write_request(request, &target, &mut lowered)?;
    Ok(lowered)
}

pub(super) fn write(request: &Request<'_>, traits: &Traits) -> Tree {
    serde_json::from_slice(&try_write(request, traits).unwrap().body).unwrap()
}

/// The names of what was lost.
pub(super) fn lost(request: &Request<'_>, traits: &Traits) -> Vec<&'static str> {
    let lowered = try_write(request, traits).unwrap();
    lowered.losses.iter().map(|loss| loss.what).collect()
}

pub(super) fn read_reply(text: &str) -> Reply<'static> {
    let mut document = Document::default();
    super::reply_read::read(document.read(text.as_bytes()).unwrap(), "seed").unwrap()
}

pub(super) fn telling() -> Telling {
    Telling {
        seed: "seed".to_owned(),
        now: 7,
        usage: true,
        ..Telling::default()
    }
}

pub(super) fn write_reply(reply: &Reply<'_>) -> (String, Losses) {
    let (mut out, mut losses) = (Vec::new(), Losses::default());
    OpenaiChat.write_reply(reply, &telling(), &mut out, &mut losses);
    (String::from_utf8(out).unwrap(), losses)
}

/// The bytes of a stream that tells the answer.
pub(super) fn write_stream(reply: &Reply<'_>) -> (String, Losses) {
    let mut writer = OpenaiChat.writer(telling());
    let mut out = Vec::new();
    replay(reply.clone(), &mut |event| writer.write(event, &mut out));
    let losses = writer.losses().clone();
    (String::from_utf8(out).unwrap(), losses)
}

/// The data of each event.
pub(super) fn events(stream: &str) -> impl Iterator<Item = &str> {
    stream
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
}

/// What the events tell, checked against the law of their order, and whether the answer is whole.
pub(super) fn hear<'e>(events: impl IntoIterator<Item = &'e str>) -> (Reply<'static>, bool) {
    let (told, reply, whole) = listen(events);
    check_order(&told);
    (reply, whole)
}

pub(super) fn listen<'e>(
    events: impl IntoIterator<Item = &'e str>,
) -> (Vec<String>, Reply<'static>, bool) {
    let mut reader = OpenaiChat.reader("seed");
    let mut collector = Collector::default();
    let mut told = Vec::new();
    let mut tell = |event: Event<'_>| {
        told.push(format!("{event:?}"));
        collector.push(event);
    };
    for event in events {
        match reader.read(None, event.as_bytes(), &mut tell) {
            Ok(()) | Err(Unheard::Malformed) => {}
            Err(Unheard::Fault(fault)) => panic!("{fault:?}"),
        }
    }
    reader.finish(&mut tell);
    let whole = collector.has_ended();
    (told, collector.finish(), whole)
}

/// `Start` first, parts of a choice one at a time, its `Stop` behind them, `End` last.
fn check_order(told: &[String]) {
    let mut open = std::collections::BTreeMap::new();
    for (at, event) in told.iter().enumerate() {
        let name = event.split([' ', '(']).next().unwrap();
        let choice = event.split("choice: ").nth(1);
        let choice = choice.map(|rest| rest.split([',', ' ']).next().unwrap().to_owned());
        let is_open = choice.map(|choice| open.entry(choice).or_insert(Some(false)));
        let is_right = match (name, is_open) {
            ("Start", None) => at == 0,
            ("End", None) => at + 1 == told.len(),
            ("Open", Some(open)) => open.replace(true) == Some(false),
            ("Delta", Some(open)) => *open == Some(true),
            ("Close", Some(open)) => open.replace(false) == Some(true),
            ("Stop", Some(open)) => open.take() == Some(false),
            _ => at > 0,
        };
        assert!(is_right, "{at}: {told:#?}");
    }
    assert!(!open.values().any(|open| *open == Some(true)));
}

/// A chunk of one choice.
pub(super) fn delta(delta: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","created":5,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
    )
}

pub(super) fn finish(reason: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","created":5,"model":"m","choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#
    )
}

/// The strings and numbers of a document, with their paths as `path_of` writes them.
pub(super) fn leaves(tree: &Tree, path: &str, found: &mut Vec<(String, Tree)>) {
    match tree {
        Tree::Object(members) => {
            for (key, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(value, &format!("{path}{dot}{key}"), found);
            }
        }
        Tree::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{path}[{index}]"), found);
            }
        }
        Tree::String(_) | Tree::Number(_) => found.push((path.to_owned(), tree.clone())),
        Tree::Null | Tree::Bool(_) => {}
    }
}

pub(super) fn part(body: Body<'static>) -> Part<'static> {
    Part::new(At(1), body)
}

pub(super) fn text(words: &'static str) -> Part<'static> {
    let text = Text {
        text: words.into(),
        citations: Vec::new(),
    };
    part(Body::Text(text))
}

pub(super) fn image() -> Part<'static> {
    part(Body::Image(Media::new(Source::Inline {
        mime: "image/png".into(),
        base64: "QUJD".into(),
    })))
}

pub(super) fn call(id: &'static str, arguments: Arguments<'static>) -> Part<'static> {
    part(Body::Call(Call {
        id: id.into(),
        name: "f".into(),
        arguments,
        ..Call::default()
    }))
}

pub(super) fn outcome(call: &'static str, parts: Vec<Part<'static>>) -> Part<'static> {
    part(Body::Outcome(Outcome {
        call: call.into(),
        parts,
        ..Outcome::default()
    }))
}

pub(super) fn thinking(words: &'static str, seal: &'static str) -> Part<'static> {
    part(Body::Thinking(Thinking {
        text: words.into(),
        seal: (!seal.is_empty()).then(|| Said::new(At(2), seal.into())),
        redacted: words.is_empty(),
        ..Thinking::default()
    }))
}

pub(super) fn request(turns: Vec<(Role, Vec<Part<'static>>)>) -> Request<'static> {
    let turns = turns.into_iter();
    Request {
        turns: turns
            .map(|(role, parts)| Turn::new(At(1), role, parts))
            .collect(),
        ..Request::default()
    }
}

pub(super) fn messages(turns: Vec<(Role, Vec<Part<'static>>)>, traits: &Traits) -> Tree {
    write(&request(turns), traits)["messages"].clone()
}
