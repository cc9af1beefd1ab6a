//! The scan and the splices against a JSON parser: whatever the body, they find and change what the tree says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "wire_scan/grammar.rs"]
mod grammar;
#[path = "laws/mod.rs"]
mod laws;
#[path = "wire_scan/prefix.rs"]
mod prefix;
#[path = "wire_scan/recorded.rs"]
mod recorded;
#[path = "wire_scan/shapes.rs"]
mod shapes;
#[path = "wire_scan/traits.rs"]
mod traits;

use laws::scan::{
    finds_what_the_tree_says, is_refused_only_if_a_parser_does, media_are_not_counted_as_text,
    splices_like_the_tree,
};
use proptest::prelude::*;
use shapes::Spelling;
use tidegate::ir::Format;
use tidegate::wire::scan::{Subject, scan};

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(&Format::ALL[..])
}

/// A body as anybody may write it.
fn body() -> impl Strategy<Value = Vec<u8>> {
    (shapes::request(), any::<u64>()).prop_map(|(members, seed)| Spelling(seed).write(&members))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_scan_finds_what_a_parser_finds(body in body()) {
        finds_what_the_tree_says(&body);
    }

    #[test]
    fn images_and_documents_are_not_counted_as_text(members in shapes::request(), format in any_format()) {
        media_are_not_counted_as_text(&Spelling(0).write(&members), format);
    }

    #[test]
    fn a_splice_changes_what_it_should_and_not_a_byte_else(body in body(), model in prop::option::of("\\PC{0,12}|[a-z\\\"\\\\\n]{1,9}"), usage: bool) {
        splices_like_the_tree(&body, model.as_deref(), usage);
    }

    #[test]
    fn a_body_that_ends_early_is_refused(
        body in body(),
        ends in prop::collection::vec(any::<prop::sample::Index>(), 40),
        format in any_format(),
    ) {
        let body = body.trim_ascii_end();
        for end in ends {
            let end = end.index(body.len());
            prop_assert!(scan(&body[..end], Subject::Format(format)).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn any_bytes_are_answered(body: Vec<u8>, format in any_format()) {
        for subject in [Subject::Format(format), Subject::Other] {
            let accepted = scan(&body, subject).is_ok();
            prop_assert!(!accepted || body.contains(&0x7b), "an object has a brace");
        }
    }

    #[test]
    fn a_damaged_body_is_answered_and_refused_only_if_a_parser_does(
        body in body(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..4),
        format in any_format(),
    ) {
        let mut body = body;
        for (place, byte, how) in damage {
            let place = place.index(body.len());
            match how {
                0 => body[place] = byte,
                1 => body[place] = b"\"\\{}[],: "[byte as usize % 9],
                2 => body.insert(place, b"\"\\{}[],:\0"[byte as usize % 9]),
                _ => drop(body.remove(place)),
            }
            if body.is_empty() {
                body.push(b'{');
            }
        }
        is_refused_only_if_a_parser_does(&body, format);
    }
}
