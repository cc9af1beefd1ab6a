//! The scan and the splices against a JSON parser: whatever the body, they find and change what the tree says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "wire_scan/grammar.rs"]
mod grammar;
#[path = "wire_scan/oracle.rs"]
mod oracle;
#[path = "wire_scan/prefix.rs"]
mod prefix;
#[path = "wire_scan/recorded.rs"]
mod recorded;
#[path = "wire_scan/shapes.rs"]
mod shapes;
#[path = "wire_scan/traits.rs"]
mod traits;

use std::ops::Range;

use bytes::Bytes;
use oracle::{Traits, Wrong};
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use shapes::Spelling;
use tidegate::ir::Format;
use tidegate::wire::same::{Edits, splice};
use tidegate::wire::scan::{Scan, ScanError, StreamOptions, Subject, scan};

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(&Format::ALL[..])
}

/// A body as anybody may write it.
fn body() -> impl Strategy<Value = Vec<u8>> {
    (shapes::request(), any::<u64>()).prop_map(|(members, seed)| Spelling(seed).write(&members))
}

fn tree(body: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(body).unwrap()
}

/// The scan of a body, or which of its values is refused.
fn scanned(body: &[u8], subject: Subject) -> Result<Scan, Wrong> {
    match scan(body, subject) {
        Ok(scan) => Ok(scan),
        Err(ScanError::ModelNotAString { .. }) => Err(Wrong::Model),
        Err(ScanError::StreamNotABool { .. }) => Err(Wrong::Stream),
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(body)),
    }
}

/// Which of two wrong values comes first is a matter of their order, which the tree does not know.
fn agree<T: PartialEq + std::fmt::Debug>(found: Result<T, Wrong>, expected: Result<T, Wrong>) {
    match (found, expected) {
        (Err(_), Err(_)) => {}
        (found, expected) => assert_eq!(found, expected),
    }
}

fn finds_what_the_tree_says(body: &[u8]) {
    let tree = tree(body);
    for format in Format::ALL {
        let scan = scanned(body, Subject::Format(format));
        agree(
            scan.map(|scan| Traits::of(&scan)),
            oracle::conversation(&tree, format).map(|(traits, _)| traits),
        );
    }
    let scan = scanned(body, Subject::Other);
    agree(scan.map(|scan| Traits::of(&scan)), oracle::common(&tree));
}

/// Changes a body, and compares with what the same change does to the tree.
fn splices_like_the_tree(body: &[u8], model: Option<&str>, include_usage: bool) {
    let Ok(scan) = scan(body, Subject::Other) else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let edits = Edits {
        model,
        include_usage,
    };
    let pieces = splice(&body, &scan, edits);
    let changed = pieces.concat();

    let mut expected = tree(&body);
    if let (Some(name), Some(model)) = (model, expected.get_mut("model")) {
        *model = Value::from(name);
    }
    if include_usage && !matches!(scan.stream_options, StreamOptions::Wrong) {
        let options = expected.entry("stream_options").or_insert(Value::Null);
        if options.is_null() {
            *options = Value::Object(Map::new());
        }
        options["include_usage"] = Value::Bool(true);
    }
    assert_eq!(tree(&changed), expected);

    // What was not copied is what is left of the body when the edited places are cut out of it.
    let memory = body.as_ptr_range();
    let kept = pieces
        .into_iter()
        .filter(|piece| memory.contains(&piece.as_ptr()));
    let mut uncut = body.to_vec();
    for span in edited(&scan, edits) {
        uncut.drain(span);
    }
    assert_eq!(kept.collect::<Vec<_>>().concat(), uncut);
}

/// The places that these edits change, the last one first.
fn edited(scan: &Scan, edits: Edits<'_>) -> Vec<Range<usize>> {
    let model = scan
        .model
        .iter()
        .filter(|model| edits.model.is_some_and(|name| name != model.value));
    let mut spans: Vec<Range<usize>> = model.map(|model| model.span.clone()).collect();
    if edits.include_usage {
        spans.extend(match &scan.stream_options {
            StreamOptions::Null(span) => Some(span.clone()),
            StreamOptions::Said { value, asked } => Some(value.clone()).filter(|_| !asked),
            _ => None,
        });
    }
    spans.sort_by_key(|span| std::cmp::Reverse(span.start));
    spans
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_scan_finds_what_a_parser_finds(body in body()) {
        finds_what_the_tree_says(&body);
    }

    #[test]
    fn images_and_documents_are_not_counted_as_text(members in shapes::request(), format in any_format()) {
        let body = Spelling(0).write(&members);
        let expected = oracle::conversation(&tree(&body), format);
        if let (Ok(scan), Ok((_, media))) = (scan(&body, Subject::Format(format)), expected) {
            let text = (body.len() - media.bytes) as u64;
            prop_assert_eq!(scan.estimated_tokens, text.div_ceil(4) + media.tokens);
        }
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
        let found = scan(&body, Subject::Format(format));
        let refused_by_type = matches!(found, Err(ScanError::ModelNotAString { .. } | ScanError::StreamNotABool { .. }));
        if has_distinct_keys(&body) && !refused_by_type {
            prop_assert!(found.is_ok(), "{:?}: {}", found, String::from_utf8_lossy(&body));
        }
    }
}

/// Whether it is a JSON object whose keys differ.
fn has_distinct_keys(body: &[u8]) -> bool {
    struct Keys(Vec<String>);
    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
            deserializer.deserialize_map(Keys(vec![]))
        }
    }
    impl<'de> Visitor<'de> for Keys {
        type Value = Keys;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Keys, A::Error> {
            while let Some((key, _)) = members.next_entry::<_, Value>()? {
                self.0.push(key);
            }
            Ok(self)
        }
    }
    let Ok(Keys(mut keys)) = serde_json::from_slice(body) else {
        return false;
    };
    keys.sort();
    keys.windows(2).all(|pair| pair[0] != pair[1])
}
