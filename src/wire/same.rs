//! The splices: what may change in a body that goes to a vendor of its own format.
//!
//! [`splice`] changes the value of `model` and `stream_options.include_usage`, where [`Edits`] asks for it, and not one byte
//! else: vendors' prompt caches depend on them.
//! Where these stand is the scan's to know.

use std::ops::Range;

use bytes::Bytes;

use super::scan::{Scan, StreamOptions};

/// What is to change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Edits<'a> {
    /// The model's name at the vendor. A body without `model` stays without.
    pub model: Option<&'a str>,
    /// The vendor shall say the usage of the stream, also where the client did not ask (OpenAI's chat and completions).
    pub include_usage: bool,
}

/// What stands in `span` gives way to `text`.
struct Splice<'a> {
    span: Range<usize>,
    text: Text<'a>,
}

enum Text<'a> {
    /// JSON as it is.
    Json(&'static str),
    /// To be written as a JSON string.
    Name(&'a str),
}

/// The body with these edits, in pieces that share its memory: nothing of it is copied. No piece is empty.
///
/// `scan` must be of this body. Where nothing changes it is the same `Bytes`. A model that is the same but spelled with
/// escapes is no change.
pub fn splice(body: &Bytes, scan: &Scan, edits: Edits<'_>) -> Vec<Bytes> {
    let mut pieces = Vec::with_capacity(5);
    let mut kept = 0;
    for splice in plan(scan, edits).into_iter().flatten() {
        pieces.push(part(body, kept..splice.span.start));
        pieces.push(splice.text.to_bytes());
        kept = splice.span.end;
    }
    pieces.push(part(body, kept..body.len()));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn part(body: &Bytes, span: Range<usize>) -> Bytes {
    match body.get(span.clone()) {
        Some(_) => body.slice(span),
        None => Bytes::new(),
    }
}

/// The edits that change something, in the order of their places.
fn plan<'a>(scan: &Scan, edits: Edits<'a>) -> [Option<Splice<'a>>; 2] {
    let model = edits.model.and_then(|name| rename(scan, name));
    let usage = edits.include_usage.then(|| include_usage(scan)).flatten();
    let mut splices = [model, usage];
    splices.sort_unstable_by_key(|splice| splice.as_ref().map(|splice| splice.span.start));
    splices
}

fn rename<'a>(scan: &Scan, name: &'a str) -> Option<Splice<'a>> {
    let model = scan.model.as_ref().filter(|model| model.value != name)?;
    Some(Splice {
        span: model.span.clone(),
        text: Text::Name(name),
    })
}

fn include_usage(scan: &Scan) -> Option<Splice<'static>> {
    let (span, text) = match &scan.stream_options {
        StreamOptions::Said { asked: true, .. } | StreamOptions::Wrong => return None,
        StreamOptions::Said {
            value,
            asked: false,
        } => (value.clone(), "true"),
        StreamOptions::Null(span) => (span.clone(), r#"{"include_usage":true}"#),
        StreamOptions::Unsaid {
            inside,
            empty: true,
        } => (*inside..*inside, r#""include_usage":true"#),
        StreamOptions::Unsaid {
            inside,
            empty: false,
        } => (*inside..*inside, r#""include_usage":true,"#),
        StreamOptions::Absent => {
            let text = match scan.empty {
                true => r#""stream_options":{"include_usage":true}"#,
                false => r#""stream_options":{"include_usage":true},"#,
            };
            (scan.insert_at..scan.insert_at, text)
        }
    };
    let text = Text::Json(text);
    Some(Splice { span, text })
}

impl Text<'_> {
    fn to_bytes(&self) -> Bytes {
        match self {
            Text::Json(json) => Bytes::from_static(json.as_bytes()),
            Text::Name(name) => {
                let mut out = Vec::with_capacity(name.len() + 2);
                out.push(b'"');
                name.bytes().for_each(|byte| push_escaped(byte, &mut out));
                out.push(b'"');
                Bytes::from(out)
            }
        }
    }
}

/// Writes a byte of a text as it stands in a JSON string (RFC 8259, section 7).
fn push_escaped(byte: u8, out: &mut Vec<u8>) {
    let hex = |digit: u8| {
        if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        }
    };
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        0x00..=0x1f => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[hex(byte >> 4), hex(byte & 0x0f)]);
        }
        _ => out.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Format;
    use crate::wire::scan::{Subject, scan};

    fn spliced(body: &str, edits: Edits<'_>) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let scan = scan(&body, Subject::Format(Format::OpenaiChat)).unwrap();
        String::from_utf8(splice(&body, &scan, edits).concat()).unwrap()
    }

    fn renamed(body: &str, name: &str) -> String {
        let model = Some(name);
        spliced(
            body,
            Edits {
                model,
                ..Edits::default()
            },
        )
    }

    fn with_usage(body: &str) -> String {
        let include_usage = true;
        spliced(
            body,
            Edits {
                include_usage,
                ..Edits::default()
            },
        )
    }

    #[test]
    fn only_the_model_changes() {
        let body = " {\"a\" : 1.0e2,\n \"model\" : \"m\" ,\"z\":{\"model\":\"m\"}}\n";
        let expected = " {\"a\" : 1.0e2,\n \"model\" : \"gpt\" ,\"z\":{\"model\":\"m\"}}\n";
        assert_eq!(renamed(body, "gpt"), expected);
    }

    #[test]
    fn an_escaped_key_is_the_model_too() {
        assert_eq!(
            renamed(r#"{"mod\u0065l":"m"}"#, "n"),
            r#"{"mod\u0065l":"n"}"#
        );
    }

    #[test]
    fn a_model_name_is_written_as_json() {
        let name = "a\"b\\c\n\u{1f}é";
        let body = renamed(r#"{"model":"m"}"#, name);
        assert_eq!(body, r#"{"model":"a\"b\\c\u000a\u001fé"}"#);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["model"], name);
    }

    #[test]
    fn the_same_model_is_no_change_and_no_copy() {
        for text in [
            r#"{"model":"m-1","stream":true}"#,
            r#"{"model":"m\u002d1"}"#,
            r#"{"stream":true}"#,
        ] {
            let body = Bytes::from_static(text.as_bytes());
            let scan = scan(&body, Subject::Other).unwrap();
            let model = Some("m-1");
            let same = splice(
                &body,
                &scan,
                Edits {
                    model,
                    ..Edits::default()
                },
            );
            assert_eq!(same[0].as_ptr(), body.as_ptr(), "{text}");
            assert_eq!(same, [body]);
        }
    }

    #[test]
    fn usage_is_asked_for_wherever_it_has_to_stand() {
        let cases = [
            (r#"{}"#, r#"{"stream_options":{"include_usage":true}}"#),
            (r#"{ }"#, r#"{"stream_options":{"include_usage":true} }"#),
            (
                r#"{ "a":1}"#,
                r#"{"stream_options":{"include_usage":true}, "a":1}"#,
            ),
            (
                r#"{"stream_options":null}"#,
                r#"{"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{}}"#,
                r#"{"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{ }}"#,
                r#"{"stream_options":{"include_usage":true }}"#,
            ),
            (
                r#"{"stream_options":{"x":1}}"#,
                r#"{"stream_options":{"include_usage":true,"x":1}}"#,
            ),
            (
                r#"{"stream_options":{"include_usage": false}}"#,
                r#"{"stream_options":{"include_usage": true}}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":null}}"#,
                r#"{"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{"include\u005fusage":false}}"#,
                r#"{"stream_options":{"include\u005fusage":true}}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":true}}"#,
                r#"{"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":"wrong"}"#,
                r#"{"stream_options":"wrong"}"#,
            ),
            (
                r#"{"a":{"stream_options":{}}}"#,
                r#"{"stream_options":{"include_usage":true},"a":{"stream_options":{}}}"#,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(with_usage(body), expected);
        }
    }

    #[test]
    fn both_edits_go_in_whichever_stands_first() {
        let (model, include_usage) = (Some("n"), true);
        for (body, expected) in [
            (
                r#"{"model":"m","stream_options":{"include_usage":false}}"#,
                r#"{"model":"n","stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":false},"model":"m"}"#,
                r#"{"stream_options":{"include_usage":true},"model":"n"}"#,
            ),
            (
                r#"{"model":"m"}"#,
                r#"{"stream_options":{"include_usage":true},"model":"n"}"#,
            ),
        ] {
            assert_eq!(
                spliced(
                    body,
                    Edits {
                        model,
                        include_usage
                    }
                ),
                expected
            );
        }
    }
}
