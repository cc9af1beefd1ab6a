//! Streams between formats: the same however the bytes are cut, an end only where there was one, and garbage harms nobody.

use proptest::prelude::*;
use tidegate::ir::Format;
use tidegate::wire::convert::{Manner, Transcode, answer};
use tidegate::wire::relay::End;

use super::laws::ground::{collected, converted, course};
use super::laws::meaning::meaning;
use super::laws::stream::holds;
use super::recorded::recorded;

fn streams() -> Vec<(String, Format, Vec<u8>)> {
    let own = [
        ("anthropic.signature_only.sse", Format::Anthropic),
        ("anthropic.tools.sse", Format::Anthropic),
        ("gemini.text.sse", Format::Gemini),
        ("openai_chat.text.sse", Format::OpenaiChat),
        ("openai_chat.tools.sse", Format::OpenaiChat),
        ("openai_chat.two_choices.sse", Format::OpenaiChat),
        ("openai_responses.text.sse", Format::OpenaiResponses),
    ];
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire_stream");
    let own = own.into_iter().map(|(name, format)| {
        let bytes = std::fs::read(dir.join(name)).unwrap();
        (name.to_owned(), format, bytes)
    });
    let recorded = recorded();
    let good = recorded
        .into_iter()
        .filter(|recorded| recorded.stream && recorded.status == 200);
    own.chain(good.map(|recorded| (recorded.id, recorded.format, recorded.response.into_bytes())))
        .collect()
}

#[test]
fn a_stream_is_the_same_however_its_bytes_are_cut() {
    for (name, from, bytes) in streams() {
        for to in Format::ALL {
            let whole = converted(from, to, &[&bytes], End::Clean);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let cut = converted(from, to, &single, End::Clean);
            assert_eq!(
                (String::from_utf8_lossy(&cut.0), cut.1.is_ok()),
                (String::from_utf8_lossy(&whole.0), whole.1.is_ok()),
                "{name} -> {to}"
            );
        }
    }
}

#[test]
fn line_ends_and_comments_make_no_difference() {
    for (name, from, bytes) in streams() {
        let text = String::from_utf8(bytes.clone())
            .unwrap()
            .replace("\r\n", "\n");
        let crlf = text
            .replace('\n', "\r\n")
            .replace("\r\n\r\n", "\r\n\r\n: a comment\r\n\r\n");
        for to in Format::ALL {
            let plain = converted(from, to, &[text.as_bytes()], End::Clean);
            let other = converted(from, to, &[crlf.as_bytes()], End::Clean);
            assert_eq!(plain.0, other.0, "{name} -> {to}");
        }
    }
}

#[test]
fn a_stream_cut_anywhere_never_ends_well_before_its_finish() {
    for (name, from, bytes) in streams() {
        let Some(whole) = collected(from, &bytes) else {
            continue;
        };
        let last = bytes.len();
        for to in Format::ALL {
            for at in (0..last).step_by((last / 40).max(1)) {
                let (out, ended) = converted(from, to, &[&bytes[..at]], End::Cut);
                if ended.is_ok() {
                    // Then all of it had come.
                    let got = collected(to, &out).map(|reply| meaning(&reply));
                    assert_eq!(got, Some(meaning(&whole)), "{name} -> {to} at {at}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn garbage_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), places: (u16, u16)) {
        let framed = [b"data: ", &bytes[..], b"\n\n"].concat();
        for from in Format::ALL {
            holds(from, &framed, &[places.0, places.1]);
        }
    }
}

#[test]
fn counts_are_heard_wherever_a_stream_has_them() {
    let chunk = |rest: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",{rest}}}\n\n"
        )
    };
    let text = chunk(r#""choices":[{"index":0,"delta":{"content":"hi"}}]"#);
    let stop = chunk(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#);
    let counts = chunk(
        r#""choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}"#,
    );
    let done = "data: [DONE]\n\n".to_owned();
    for order in [
        [&text, &counts, &stop, &done],
        [&text, &stop, &counts, &done],
        [&text, &stop, &done, &counts],
    ] {
        let stream: String = order.into_iter().map(String::as_str).collect();
        for to in Format::ALL {
            for chunks in [
                vec![stream.as_bytes()],
                stream.as_bytes().chunks(1).collect(),
            ] {
                let mut transcode = Transcode::stream(course(Format::OpenaiChat, to));
                let mut out = Vec::new();
                for chunk in chunks {
                    let chunk = chunk.to_vec().into();
                    transcode.push(chunk, &mut out).unwrap();
                }
                transcode.finish(End::Clean, &mut out).unwrap();
                let usage = transcode.usage();
                assert_eq!(
                    (usage.input, usage.output),
                    (Some(7), Some(3)),
                    "{to}: {stream}"
                );
            }
        }
    }
}

#[test]
fn an_answer_that_breaks_off_before_it_said_anything_is_none() {
    let parts = |parts: &str| format!(r#"{{"parts":[{parts}],"role":"model"}}"#);
    let nothing = [
        "{}".to_owned(),
        parts(""),
        parts(r#"{"text":"hm","thought":true}"#),
    ];
    let something = parts(r#"{"text":"so"}"#);
    let called = parts(r#"{"functionCall":{"name":"f","args":{}}}"#);
    let reasons = [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "OTHER",
        "LANGUAGE",
        "NO_IMAGE",
        "A_NEW_REASON",
    ];
    for reason in reasons {
        let body = |content: &str| {
            format!(
                r#"{{"candidates":[{{"content":{content},"finishReason":"{reason}","index":0}}],"modelVersion":"g","responseId":"r"}}"#
            )
        };
        for to in Format::ALL {
            for content in &nothing {
                let body = body(content);
                for manner in [Manner::Whole, Manner::Stream] {
                    let told = answer(course(Format::Gemini, to), body.as_bytes(), manner);
                    assert!(told.is_err(), "{reason} to {to}: {content}");
                }
                let stream = format!("data: {body}\n\n");
                let (_, ended) = converted(Format::Gemini, to, &[stream.as_bytes()], End::Clean);
                assert!(ended.is_err(), "{reason} to {to}: {content}");
            }
            for content in [&something, &called] {
                let told = answer(
                    course(Format::Gemini, to),
                    body(content).as_bytes(),
                    Manner::Whole,
                );
                let told = String::from_utf8(told.unwrap().body).unwrap();
                let looks_whole = [r#""end_turn""#, r#""finish_reason":"stop""#]
                    .iter()
                    .any(|good| told.contains(good));
                let is_malformed = !reason.starts_with("TOO") && reason.ends_with("_CALL");
                assert!(!(is_malformed && looks_whole), "{reason} to {to}: {told}");
            }
        }
    }
}

#[test]
fn a_stream_without_a_reason_to_have_ended_is_cut_whatever_it_says() {
    let text = r#"data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
    for end in ["", "data: [DONE]\n\n"] {
        let stream = format!("{text}\n\n{end}");
        for to in Format::ALL {
            let (_, ended) = converted(Format::OpenaiChat, to, &[stream.as_bytes()], End::Clean);
            assert!(ended.is_err(), "{to}: {end}");
        }
    }
}
