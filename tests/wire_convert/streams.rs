//! Streams between formats: the same however the bytes are cut, an end only where there was one, and garbage harms nobody.

use proptest::prelude::*;
use tidegate::ir::Format;
use tidegate::wire::relay::End;

use super::laws::ground::{collected, converted};
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
