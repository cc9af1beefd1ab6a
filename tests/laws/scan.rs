//! The scan and the splices against a JSON parser: whatever the body, they find and change what the tree says.

use std::ops::Range;

use bytes::Bytes;
use serde_json::{Map, Value};
use tidegate::ir::Format;
use tidegate::wire::same::{Edits, splice};
use tidegate::wire::scan::{Scan, ScanError, StreamOptions, Subject, scan};

use super::distinct::is_object_of_distinct_keys;
use super::oracle::{self, Traits, Wrong};

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

/// A body is a JSON object whose members differ; then the scan finds in it what its tree says.
pub fn finds_what_the_tree_says(body: &[u8]) {
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
pub fn splices_like_the_tree(body: &[u8], model: Option<&str>, include_usage: bool) {
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

/// Images and documents count flat, text by its bytes, in a body without white space.
pub fn media_are_not_counted_as_text(body: &[u8], format: Format) {
    let expected = oracle::conversation(&tree(body), format);
    if let (Ok(scan), Ok((_, media))) = (scan(body, Subject::Format(format)), expected) {
        let text = (body.len() - media.bytes) as u64;
        assert_eq!(scan.estimated_tokens, text.div_ceil(4) + media.tokens);
    }
}

/// Whatever a parser takes as an object of distinct keys, the scan takes too, unless the model or the stream flag is none.
pub fn is_refused_only_if_a_parser_does(body: &[u8], format: Format) {
    let found = scan(body, Subject::Format(format));
    let refused_by_type = matches!(
        found,
        Err(ScanError::ModelNotAString { .. } | ScanError::StreamNotABool { .. })
    );
    if is_object_of_distinct_keys(body) && !refused_by_type {
        assert!(
            found.is_ok(),
            "{found:?}: {}",
            String::from_utf8_lossy(body)
        );
    }
}

/// All of these laws, on bytes of which nothing is known.
pub fn holds(body: &[u8], model: &str) {
    for format in Format::ALL {
        is_refused_only_if_a_parser_does(body, format);
    }
    let _survived = scan(body, Subject::Other);
    if !is_object_of_distinct_keys(body) {
        return;
    }
    finds_what_the_tree_says(body);
    for include_usage in [false, true] {
        splices_like_the_tree(body, Some(model), include_usage);
        splices_like_the_tree(body, None, include_usage);
    }
    let dense = serde_json::to_vec(&tree(body)).unwrap();
    for format in Format::ALL {
        media_are_not_counted_as_text(&dense, format);
    }
}
