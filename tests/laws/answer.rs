//! Whole answers on their way to every client.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tidegate::ir::{Body, Format};
use tidegate::wire::codec;
use tidegate::wire::convert::{Manner, answer};
use tidegate::wire::json::Document;

use super::distinct::keeps_keys_distinct;
use super::ground::{breaks_off, collected, course, is_json};
use super::meaning::{Meaning, meaning, read};
use super::{relay, shown};

/// Whatever a vendor answers, it is refused, or becomes for every client an answer that can be read; told as a stream it
/// says what it says whole.
pub fn holds(from: Format, body: &[u8], places: &[u16]) {
    relay::a_reply_tells_the_same(from, body, places);
    relay::any_fault_is_told_as_one(from, body);
    let plain = is_plain(from, body);
    for to in Format::ALL {
        let whole = answer(course(from, to), body, Manner::Whole);
        let stream = answer(course(from, to), body, Manner::Stream);
        let (Ok(whole), Ok(stream)) = (&whole, &stream) else {
            // Line breaks are taken out of what is to be told on one line, also where JSON allows none.
            let is_broken = body.iter().any(|byte| b"\r\n".contains(byte)) && !is_json(body);
            assert!(
                whole.is_err() && (stream.is_err() || is_broken),
                "{from} -> {to}"
            );
            continue;
        };
        let text = String::from_utf8_lossy(&whole.body);
        assert!(is_json(&whole.body), "{from} -> {to}: {text}");
        assert!(
            keeps_keys_distinct(body, &whole.body),
            "{from} -> {to}: {text}"
        );
        shown::is_well_formed(to, &stream.body, true);
        let told = read(to, &whole.body).map(comparable);
        assert!(told.is_some(), "{from} -> {to}: {text}");
        let streamed = collected(to, &stream.body).map(|reply| comparable(meaning(&reply)));
        let stream = String::from_utf8_lossy(&stream.body);
        let is_same = match &streamed {
            Some(_) => !plain || streamed == told,
            None => breaks_off(to, &stream),
        };
        assert!(
            is_same,
            "{from} -> {to}:\n{told:?}\n{streamed:?}\n{text}\n{stream}"
        );
    }
}

/// Calls by what every format can say of them. Arguments that are no object are wrapped into one where an object is due,
/// which a stream cannot know in time.
fn comparable(mut meaning: Meaning) -> Meaning {
    for (_, arguments) in &mut meaning.calls {
        let is_sound = arguments.as_object().is_some_and(|all| {
            all.len() != 1 || !all.get("arguments").is_some_and(Value::is_string)
        });
        if !is_sound {
            *arguments = Value::Object(Map::new());
        }
    }
    meaning
}

/// Whether the answer says in every format the same: it begins with the first choice, refuses or answers, and each call has
/// a name and an id of its own (else who reads a stream has to guess which pieces belong together).
fn is_plain(format: Format, body: &[u8]) -> bool {
    let mut document = Document::default();
    let Ok(root) = document.read(body) else {
        return false;
    };
    let Ok(reply) = codec(format).read_reply(root, "seed") else {
        return false;
    };
    if reply.choices.first().is_none_or(|first| first.index != 0) {
        return false;
    }
    // Chat has a place for what is said and one for what is refused; which came first it cannot say.
    let mut parts = reply.choices.iter().flat_map(|choice| &choice.parts);
    if parts.any(|part| matches!(part.body, Body::Refusal(_)))
        && reply.choices.iter().any(|choice| choice.parts.len() > 1)
    {
        return false;
    }
    let mut ids = BTreeSet::new();
    let mut parts = reply.choices.iter().flat_map(|choice| &choice.parts);
    parts.all(|part| match &part.body {
        Body::Call(call) => !call.name.is_empty() && ids.insert(call.id.clone()),
        _ => true,
    })
}
