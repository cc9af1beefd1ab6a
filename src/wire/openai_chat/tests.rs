//! The laws on recorded traffic, where `TIDEGATE_FIXTURES` names a folder that has it (`recorded.jsonl`).

use serde_json::Value as Tree;

use super::OpenaiChat;
use super::proof::{events, hear, leaves, read_reply, try_write, write_reply, write_stream};
use crate::ir::Reply;
use crate::wire::convert::Traits;
use crate::wire::json::{Document, path_of};
use crate::wire::{Asked, Codec, Unheard};

const SENTINEL: &str = "SeNtInEl";
const NUMBER: u64 = 9_876_543_210;

#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test is told by its environment where the recordings are, and says if it is not"
)]
fn exchanges() -> Vec<Tree> {
    let Ok(folder) = std::env::var("TIDEGATE_FIXTURES") else {
        println!("TIDEGATE_FIXTURES is not set: no recorded traffic");
        return Vec::new();
    };
    let lines = std::fs::read_to_string(format!("{folder}/recorded.jsonl")).unwrap();
    let all = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    all.filter(|exchange: &Tree| exchange["api"] == "chat")
        .collect()
}

fn requests() -> Vec<(String, Tree)> {
    let name = |exchange: &Tree| exchange["id"].as_str().unwrap().to_owned();
    exchanges()
        .iter()
        .map(|exchange| (name(exchange), exchange["request"].clone()))
        .filter(|(_, request)| request.is_object())
        .collect()
}

/// What a request becomes, and the paths of what is known to be lost; `None`: refused by name.
fn converted(request: &str) -> Option<(String, Vec<String>)> {
    let traits = Traits {
        echo_reasoning: true,
        ..Traits::default()
    };
    let mut document = Document::default();
    let body = document.read(request.as_bytes()).unwrap();
    let read = OpenaiChat.read_request(Asked::default(), body).ok()?;
    let lowered = try_write(&read, &traits).ok()?;
    let mut paths: Vec<String> = read.unsaid.iter().map(|at| path_of(body, *at)).collect();
    paths.extend(lowered.losses.paths(body));
    Some((String::from_utf8(lowered.body).unwrap(), paths))
}

fn is_known_lost(path: &str, lost: &[String]) -> bool {
    lost.iter().any(|lost| path.starts_with(&**lost))
}

/// Tags and what only counts.
fn is_without_meaning(path: &str) -> bool {
    path.ends_with(".type") || path.ends_with(".index") || path == "model"
}

#[test]
fn every_leaf_of_a_request_is_written_or_known_to_be_lost() {
    for (id, request) in requests() {
        let (written, lost) = converted(&request.to_string()).unwrap_or_else(|| panic!("{id}"));
        let written: Tree = serde_json::from_str(&written).unwrap();
        let mut there = Vec::new();
        leaves(&written, "", &mut there);
        let mut wanted = Vec::new();
        leaves(&request, "", &mut wanted);
        for (path, leaf) in wanted {
            let is_there = there.iter().any(|(_, other)| match (other, &leaf) {
                (Tree::String(other), Tree::String(leaf)) => other.contains(&**leaf),
                (other, leaf) => other == leaf,
            });
            let is_mistrals = path == "tool_choice" && leaf == "any";
            let excused = is_known_lost(&path, &lost) || is_without_meaning(&path) || is_mistrals;
            assert!(is_there || excused, "{id}: {path} {leaf}\n{lost:?}");
        }
    }
}

#[test]
fn a_leaf_of_any_other_value_is_written_or_known_to_be_lost() {
    for (id, request) in requests() {
        let mut places = Vec::new();
        leaves(&request, "", &mut places);
        for (path, leaf) in places {
            if is_without_meaning(&path) {
                continue;
            }
            let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
            let mut changed = request.clone();
            let Some(slot) = changed.pointer_mut(&pointer) else {
                continue;
            };
            let sentinel = match leaf.is_string() {
                true => Tree::from(SENTINEL),
                false => Tree::from(NUMBER),
            };
            *slot = sentinel.clone();
            let Some((written, lost)) = converted(&changed.to_string()) else {
                continue;
            };
            let is_there = written.contains(sentinel.as_str().unwrap_or("9876543210"));
            assert!(
                is_there || is_known_lost(&path, &lost),
                "{id}: {path}\n{written}"
            );
        }
    }
}

/// What the format can say of an answer: an id of its own, no seals and unknown places.
fn plain(mut reply: Reply<'static>) -> String {
    reply.start.id = "".into();
    reply.unsaid.clear();
    reply.tier = reply.tier.filter(|tier| *tier != "on_demand");
    for choice in &mut reply.choices {
        if let Some(stop) = &mut choice.stop {
            stop.words = None;
        }
    }
    format!("{reply:#?}")
}

#[test]
fn an_answer_survives_being_written_and_read_whole_and_in_chunks() {
    for exchange in exchanges() {
        let body = exchange["response_body"].as_str().unwrap();
        let (id, is_stream) = (&exchange["id"], exchange["stream"] == true);
        if exchange["status"] != 200 || body.contains("\"error\":") {
            continue;
        }
        let reply = match is_stream {
            true => {
                let (reply, whole) = hear(events(body));
                assert!(whole, "{id}");
                reply
            }
            false => read_reply(body),
        };
        let (written, _) = write_reply(&reply);
        let (stream, _) = write_stream(&reply);
        let again = read_reply(&written);
        let (heard, whole) = hear(events(&stream));
        assert!(whole, "{id}");
        assert_eq!(plain(heard), plain(again.clone()), "{id}\n{stream}");
        // Seals have no place in an answer of this format.
        let had_seals = body.contains("reasoning_details") || body.contains("\"file\"");
        if !had_seals && !body.contains("\"audio\"") {
            let mut usage = again;
            usage.usage = reply.usage;
            assert_eq!(plain(usage), plain(reply), "{id}");
        }
    }
}

#[test]
fn errors_in_streams_are_faults() {
    for exchange in exchanges() {
        let body = exchange["response_body"].as_str().unwrap();
        if exchange["stream"] != true || !body.contains("\"error\":") {
            continue;
        }
        let mut reader = OpenaiChat.reader("seed");
        let heard: Vec<_> = events(&body.replace("event: error\n", ""))
            .map(|data| reader.read(None, data.as_bytes(), &mut |_| {}))
            .collect();
        let is_fault = |heard: &Result<(), Unheard>| matches!(heard, Err(Unheard::Fault(_)));
        assert!(heard.iter().any(is_fault), "{}", exchange["id"]);
    }
}
