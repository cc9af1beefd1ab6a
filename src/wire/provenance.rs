//! Whose answers a request goes on from: the opaque state in it, and the calls that state may be kept for, without reading
//! it into a tree. What is found here are names to look up; a wrong one is merely not known.

use std::borrow::Cow;
use std::collections::VecDeque;

use memchr::{memchr, memmem};

use super::members::unescaped;
use crate::ir::Format;

/// Seals that are looked up at most: the latest says whose turn it is, unless nobody remembers it.
const MOST_SEALS: usize = 8;
/// The same of calls, of which only those have anything kept for them that reasoning led to.
const MOST_CALLS: usize = 32;
/// How far behind the name of a call or of a block its members may stand.
const NEAR: usize = 512;

/// Something that an earlier answer has left in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark<'b> {
    Seal(Cow<'b, str>),
    /// The id of a call.
    Call(Cow<'b, str>),
}

/// What the request says of earlier answers, the latest first.
pub fn marks(body: &[u8], format: Format) -> Vec<Mark<'_>> {
    let mut found: Vec<(usize, Mark<'_>)> = Vec::new();
    let (seals, calls) = keys(format);
    for key in seals {
        find(body, key, (MOST_SEALS, Mark::Seal), &mut found);
    }
    for key in calls {
        find(body, key, (MOST_CALLS, Mark::Call), &mut found);
    }
    match format {
        Format::Anthropic => redacted(body, &mut found),
        Format::Gemini => called(body, &mut found),
        Format::OpenaiChat | Format::OpenaiResponses => {}
    }
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    found.into_iter().map(|(_, mark)| mark).collect()
}

/// The keys whose values are seals, and those whose values are ids of calls.
fn keys(format: Format) -> (&'static [&'static str], &'static [&'static str]) {
    match format {
        Format::OpenaiChat => (
            &["\"signature\"", "\"thought_signature\""],
            &["\"tool_call_id\""],
        ),
        Format::OpenaiResponses => (
            &["\"encrypted_content\"", "\"previous_response_id\""],
            &["\"call_id\""],
        ),
        Format::Anthropic => (&["\"signature\""], &["\"tool_use_id\""]),
        Format::Gemini => (&["\"thoughtSignature\"", "\"thought_signature\""], &[]),
    }
}

fn find<'b>(
    body: &'b [u8],
    key: &str,
    (most, mark): (usize, fn(Cow<'b, str>) -> Mark<'b>),
    found: &mut Vec<(usize, Mark<'b>)>,
) {
    for at in last(body, key.as_bytes(), most) {
        let value = value_at(body, at + key.len());
        found.extend(value.map(|value| (at, mark(value))));
    }
}

/// The places of the last `most` of them. In a text a key stands with its quotes escaped, and is not found.
fn last(body: &[u8], key: &[u8], most: usize) -> impl Iterator<Item = usize> + use<> {
    let mut places = VecDeque::new();
    for at in memmem::find_iter(body, key) {
        if places.len() == most {
            places.pop_front();
        }
        places.push_back(at);
    }
    places.into_iter()
}

/// Anthropic's redacted blocks call their seal `data`, as images do their bytes; it stands on either side of the type.
fn redacted<'b>(body: &'b [u8], found: &mut Vec<(usize, Mark<'b>)>) {
    const DATA: &[u8] = b"\"data\"";
    for at in last(body, b"\"redacted_thinking\"", MOST_SEALS) {
        let before = body.get(..at).unwrap_or_default();
        let behind = body.get(at..(at + NEAR).min(body.len()));
        let places = [
            memmem::rfind(before, DATA),
            behind
                .and_then(|near| memmem::find(near, DATA))
                .map(|n| at + n),
        ];
        for place in places.into_iter().flatten() {
            let value = value_at(body, place + DATA.len());
            found.extend(value.map(|value| (place, Mark::Seal(value))));
        }
    }
}

/// Gemini's calls and outcomes, of which only some clients say the ids.
fn called<'b>(body: &'b [u8], found: &mut Vec<(usize, Mark<'b>)>) {
    const ID: &[u8] = b"\"id\"";
    for key in [
        "\"functionCall\"",
        "\"function_call\"",
        "\"functionResponse\"",
        "\"function_response\"",
    ] {
        for at in last(body, key.as_bytes(), MOST_CALLS) {
            let near = body.get(at..(at + NEAR).min(body.len()));
            let place = near.and_then(|near| memmem::find(near, ID));
            let value = place.and_then(|n| value_at(body, at + n + ID.len()));
            found.extend(value.map(|value| (at, Mark::Call(value))));
        }
    }
}

/// The text that a key has for its value, from behind the key on.
fn value_at(body: &[u8], from: usize) -> Option<Cow<'_, str>> {
    let rest = body.get(from..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    let text = rest.strip_prefix(b"\"")?;
    let mut end = 0;
    loop {
        end += memchr(b'"', text.get(end..)?)?;
        let slashes = text.get(..end)?.iter().rev().take_while(|b| **b == b'\\');
        if slashes.count() % 2 == 0 {
            break;
        }
        end += 1;
    }
    let value = text.get(..end).filter(|value| !value.is_empty())?;
    Some(unescaped(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(format: Format, body: &str) -> Vec<String> {
        let name = |mark| match mark {
            Mark::Seal(text) => format!("seal {text}"),
            Mark::Call(id) => format!("call {id}"),
        };
        marks(body.as_bytes(), format)
            .into_iter()
            .map(name)
            .collect()
    }

    #[test]
    fn the_latest_comes_first_in_every_format() {
        for (format, body, expected) in [
            (
                Format::Anthropic,
                r#"{"messages":[{"content":[{"type":"thinking","signature" : "a\/b"},{"data":"r1","type":"redacted_thinking"},{"type":"redacted_thinking","data":"r2"}]},{"content":[{"tool_use_id":"t"}]}]}"#,
                &["call t", "seal r2", "seal r2", "seal r1", "seal a/b"][..],
            ),
            (
                Format::OpenaiChat,
                r#"{"messages":[{"reasoning_details":[{"signature":"s"}]},{"role":"tool","tool_call_id":"c"}]}"#,
                &["call c", "seal s"],
            ),
            (
                Format::OpenaiResponses,
                r#"{"previous_response_id":"resp_1","input":[{"encrypted_content":"e"},{"call_id":"c"}]}"#,
                &["call c", "seal e", "seal resp_1"],
            ),
            (
                Format::Gemini,
                r#"{"contents":[{"parts":[{"functionCall":{"name":"f","id":"i"},"thoughtSignature":"g"}]}]}"#,
                &["seal g", "call i"],
            ),
        ] {
            let mut found = found(format, body);
            found.dedup();
            let mut expected = expected.to_vec();
            expected.dedup();
            assert_eq!(found, expected, "{format}");
        }
    }

    #[test]
    fn what_a_text_says_and_what_is_no_text_is_not_found() {
        let body = r#"{"a":"\"signature\":\"x\"","signature":5,"signature":null,"signature":"","signature""#;
        assert!(found(Format::Anthropic, body).is_empty());
        assert!(found(Format::Anthropic, r#"{"signature":"open\"#).is_empty());
        let escaped = r#"{"signature":"a\\","b":"\""}"#;
        assert_eq!(found(Format::Anthropic, escaped), ["seal a\\"]);
    }

    #[test]
    fn of_very_many_the_last_are_looked_at() {
        let body: String = (0..100)
            .map(|n| format!("{{\"tool_call_id\":\"c{n}\"}}"))
            .collect();
        let found = found(Format::OpenaiChat, &body);
        assert_eq!((found.len(), found[0].as_str()), (MOST_CALLS, "call c99"));
    }
}
