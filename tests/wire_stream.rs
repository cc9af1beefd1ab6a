//! Laws of streams and replies that pass in their own format.
//!
//! The samples in `tests/wire_stream/` are written by hand; their name begins with their format, and each is one whole
//! answer. `TIDEGATE_FIXTURES` adds recorded traffic.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;

use bytes::Bytes;
use laws::ground::place;
use laws::relay::{
    a_reply_tells_the_same, any_fault_is_told_as_one, any_split_gives_the_same,
    assert_ends_between_events, conversation, relayed, whole, whole_is_what_a_client_sees_as_whole,
};
use proptest::prelude::*;
use tidegate::ir::Format;
use tidegate::wire::codec;
use tidegate::wire::relay::{End, Progress, Relay};
use tidegate::wire::reply::ReplyTap;

#[path = "laws/mod.rs"]
mod laws;
#[path = "wire_stream/recorded.rs"]
mod recorded;

struct Sample {
    name: String,
    format: Format,
    bytes: Vec<u8>,
}

/// Every sample with each kind of line end.
fn samples() -> Vec<Sample> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire_stream");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str())
            .filter(|name| name.ends_with(".sse"))
        else {
            continue;
        };
        let format = Format::from_name(name.split('.').next().unwrap()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (label, line_end) in [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")] {
            found.push(Sample {
                name: format!("{name} ({label})"),
                format,
                bytes: text.replace('\n', line_end).into_bytes(),
            });
        }
    }
    assert!(found.len() > 20);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// What must stand in a stream before it can have ended well.
fn finish_mark(format: Format) -> &'static str {
    match format {
        Format::OpenaiChat => "\"finish_reason\":",
        Format::OpenaiResponses => "\"type\":\"response.completed\"",
        Format::Anthropic => "\"stop_reason\":\"",
        Format::Gemini => "\"finishReason\"",
    }
}

#[test]
fn a_good_stream_passes_untouched_and_is_done() {
    for sample in samples() {
        for end in [End::Clean, End::Cut] {
            let outcome = whole(sample.format, &sample.bytes, end);
            assert_eq!(outcome.result, Ok(()), "{}", sample.name);
            assert_eq!(outcome.out, sample.bytes, "{}", sample.name);
            assert_eq!(
                (outcome.progress, outcome.malformed),
                (Progress::Done, 0),
                "{}",
                sample.name
            );
            assert!(outcome.model.is_some(), "{}", sample.name);
        }
    }
}

#[test]
fn a_split_at_every_offset_gives_the_same() {
    for sample in samples() {
        let expected = whole(sample.format, &sample.bytes, End::Clean);
        for at in 0..=sample.bytes.len() {
            let (a, b) = sample.bytes.split_at(at);
            assert_eq!(
                relayed(conversation(sample.format), [a, b], End::Clean),
                expected,
                "{} at {at}",
                sample.name
            );
        }
        let singly = relayed(
            conversation(sample.format),
            sample.bytes.chunks(1),
            End::Clean,
        );
        assert_eq!(singly, expected, "{} byte by byte", sample.name);
    }
}

#[test]
fn a_cut_before_the_terminal_event_is_never_a_clean_end() {
    for sample in samples() {
        // The last line feed of CRLF adds nothing: the event has ended.
        let complete = sample.bytes.len() - usize::from(sample.bytes.ends_with(b"\r\n"));
        for at in 0..complete {
            let outcome = whole(sample.format, &sample.bytes[..at], End::Cut);
            assert!(outcome.result.is_err(), "{} at {at}", sample.name);
            assert!(outcome.progress < Progress::Done, "{} at {at}", sample.name);
            assert!(
                sample.bytes.starts_with(&outcome.out),
                "{} at {at}",
                sample.name
            );
            assert_ends_between_events(&outcome.out);
        }
    }
}

#[test]
fn a_clean_end_of_the_transport_before_the_finish_reason_is_no_clean_end() {
    for sample in samples() {
        let text = String::from_utf8(sample.bytes.clone()).unwrap();
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let seen = &text[..at];
            let outcome = whole(sample.format, seen.as_bytes(), End::Clean);
            if outcome.result.is_ok() {
                assert!(
                    seen.contains(finish_mark(sample.format)),
                    "{} at {at}",
                    sample.name
                );
                assert_eq!(outcome.progress, Progress::Done);
                assert!(
                    whole(sample.format, &outcome.out, End::Cut).result.is_ok(),
                    "{} at {at}",
                    sample.name
                );
            }
            assert_ends_between_events(&outcome.out);
        }
    }
}

#[test]
fn a_missing_end_marker_is_added_after_a_finish_reason_and_a_clean_end() {
    for sample in samples()
        .iter()
        .filter(|sample| sample.name.ends_with("(lf)"))
    {
        let marker = codec(sample.format).end_marker();
        let Some(without) = sample
            .bytes
            .strip_suffix(marker)
            .filter(|_| !marker.is_empty())
        else {
            continue;
        };
        let outcome = whole(sample.format, without, End::Clean);
        assert_eq!(outcome.result, Ok(()), "{}", sample.name);
        assert_eq!(outcome.out, sample.bytes, "{}", sample.name);
        assert!(
            whole(sample.format, without, End::Cut).result.is_err(),
            "{}",
            sample.name
        );
    }
}

#[test]
fn a_stream_that_stops_before_its_last_blank_line_is_completed() {
    for sample in samples()
        .iter()
        .filter(|sample| !sample.name.ends_with("(cr)"))
    {
        let trimmed = sample.bytes.trim_ascii_end();
        for missing in [trimmed, &sample.bytes[..trimmed.len() + 1]] {
            let outcome = whole(sample.format, missing, End::Clean);
            assert_eq!(outcome.result, Ok(()), "{}", sample.name);
            assert_ends_between_events(&outcome.out);
            assert!(outcome.out.starts_with(trimmed), "{}", sample.name);
        }
    }
}

#[test]
fn our_own_events_are_read_as_what_they_are() {
    for format in Format::ALL {
        let codec = codec(format);
        let fault = codec.read_fault(
            429,
            br#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#,
        );
        let mut event = codec.ping().to_vec();
        codec.write_fault_event(&fault, &mut event);
        let outcome = whole(format, &event, End::Clean);
        let told = outcome.result.unwrap_err();
        assert_eq!(
            (told.kind, told.message.as_str()),
            (fault.kind, "slow down"),
            "{format}"
        );
        assert_eq!(outcome.out, codec.ping(), "{format}");
        assert_eq!(outcome.progress, Progress::Preamble);

        let mut body = Vec::new();
        codec.write_fault(&fault, &mut body);
        let read = codec.read_fault(429, &body);
        assert_eq!(
            (read.kind, read.message),
            (fault.kind, fault.message),
            "{format}"
        );
    }
}

#[test]
fn an_event_of_text_allocates_nothing() {
    let words: Vec<String> = (0..40)
        .map(|i| format!(" word{}", "y".repeat(i % 7)))
        .collect();
    let chat = |word: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-aaaaaaaaaaaaaaaaaaaa\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}],\"obfuscation\":\"{}\"}}\n\n",
            &word[3..]
        )
    };
    let anthropic = |word: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{word}\"}}}}\n\n"
        )
    };
    let streams = [
        (
            Format::OpenaiChat,
            words.iter().map(|word| chat(word)).collect::<Vec<_>>(),
        ),
        (
            Format::Anthropic,
            words.iter().map(|word| anthropic(word)).collect(),
        ),
    ];
    for (format, events) in streams {
        let mut relay = conversation(format);
        let mut out = Vec::with_capacity(events.len());
        let chunks: Vec<Bytes> = events.into_iter().map(Bytes::from_owner).collect();
        // What events have in common is learnt from the first ones.
        let (first, rest) = chunks.split_at(10);
        for chunk in first {
            relay.push(chunk.clone(), &mut out).unwrap();
        }
        let counted = allocation_counter::measure(|| {
            for chunk in rest {
                relay.push(chunk.clone(), &mut out).unwrap();
            }
        });
        assert_eq!(counted.count_total, 0, "{format}");
        assert_eq!(out, chunks, "{format}");
    }
}

#[test]
fn the_machines_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Relay>();
    is_send::<ReplyTap>();
}

/// A sample with something done to it.
fn spoiled() -> impl Strategy<Value = (Format, Vec<u8>)> {
    let piece = prop_oneof![
        Just(&b"\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\n\n"[..]),
        Just(&b"data:"[..]),
        Just(&b"data: [DONE]\n\n"[..]),
        Just(&b"\"usage\":{"[..]),
        Just(&b"\\u00"[..]),
        Just(&b"\xff"[..]),
        Just(&b"{"[..]),
        Just(&b"}"[..]),
        Just(&b"\""[..]),
        Just(&b": c\n\n"[..]),
        Just(&b"\xEF\xBB\xBF"[..]),
        Just(&b"event: error\n"[..]),
        Just(&b"\0"[..]),
        Just(&b""[..]),
    ];
    let edit = (any::<u16>(), 0..40usize, piece);
    let samples = samples();
    (0..samples.len(), proptest::collection::vec(edit, 0..6)).prop_map(move |(i, edits)| {
        let mut bytes = samples[i].bytes.clone();
        for (at, len, piece) in edits {
            let from = place(at, &bytes);
            let to = (from + len).min(bytes.len());
            bytes.splice(from..to, piece.iter().copied());
        }
        (samples[i].format, bytes)
    })
}

fn formats() -> impl Strategy<Value = Format> {
    proptest::sample::select(Format::ALL.to_vec())
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Clean), Just(End::Cut)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_a_spoiled_stream_gives_the_same((format, bytes) in spoiled(), cuts in any::<Vec<u16>>(), end in ends()) {
        any_split_gives_the_same(format, &bytes, &cuts, end);
    }

    #[test]
    fn a_spoiled_stream_is_whole_only_if_it_says_so((format, bytes) in spoiled(), end in ends()) {
        let outcome = whole_is_what_a_client_sees_as_whole(format, &bytes, end);
        if outcome.result.is_ok() {
            prop_assert!(String::from_utf8_lossy(&outcome.out).contains(finish_mark(format)));
        }
    }

    #[test]
    fn garbage_never_panics_and_is_never_whole(format in formats(), bytes in any::<Vec<u8>>(), cuts in any::<Vec<u16>>(), end in ends()) {
        any_split_gives_the_same(format, &bytes, &cuts, end);
        prop_assert!(whole(format, &bytes, end).result.is_err());
        any_fault_is_told_as_one(format, &bytes);
    }

    #[test]
    fn a_reply_tells_the_same_however_it_is_split(format in formats(), bytes in json_like(), cuts in any::<Vec<u16>>()) {
        a_reply_tells_the_same(format, &bytes, &cuts);
    }
}

/// Replies, mostly whole, some with something missing or too much.
fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just("null"),
        Just("\"a\\\"b\\u00e9\""),
        Just("-1.5e3"),
        Just("{\"prompt_tokens\":3,\"input_tokens\":3}"),
        Just("[1,[],{}]"),
        Just("{\"message\":\"m\",\"code\":429}"),
        Just("tru"),
        Just("[{\"finish_reason\":\"error\",\"x\":[0]}]"),
        Just("\"error\""),
    ];
    let key = prop_oneof![
        Just("usage"),
        Just("usageMetadata"),
        Just("model"),
        Just("error"),
        Just("choices"),
        Just("type"),
        Just("message"),
        Just("code"),
        Just("us\\u0061ge"),
        Just("x"),
    ];
    let text = proptest::collection::vec((key, value), 0..8).prop_map(|members| {
        let mut text = String::from("{");
        for (i, (key, value)) in members.iter().enumerate() {
            let comma = if i == 0 { "" } else { " ,\n" };
            write!(text, "{comma}\"{key}\" : {value}").unwrap();
        }
        text + "}"
    });
    (text, any::<u16>(), any::<bool>()).prop_map(|(text, cut, whole)| {
        let mut bytes = text.into_bytes();
        if !whole {
            bytes.truncate(place(cut, &bytes));
        }
        bytes
    })
}
