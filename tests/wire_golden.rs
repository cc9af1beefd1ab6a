//! Conversions as they look: each case in `tests/wire_golden` through every format, as snapshots beside them.
//!
//! A new case is a new file, `requests/<format>.<name>.json`, `answers/<format>.<name>.json` or `streams/<format>.<name>.sse`.
//! `TIDEGATE_FIXTURES` adds recorded traffic, of which nothing is committed: there only the laws are checked.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; the recorded traffic is where the environment says"
)]

#[path = "laws/mod.rs"]
mod laws;
#[path = "wire_convert/recorded.rs"]
mod recorded;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use laws::ground::{course, lowered, text_of};
use laws::stream::told;
use laws::{answer, request, stream};
use recorded::recorded;
use serde_json::Value;
use tidegate::ir::Format;
use tidegate::wire::convert::{self, Manner};
use tidegate::wire::relay::End;

/// A case, by the name of its file.
struct Case {
    name: String,
    from: Format,
    bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire_golden")
}

fn cases(of: &str) -> Vec<Case> {
    let mut found: Vec<Case> = std::fs::read_dir(folder().join(of))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let from = name.split('.').next().and_then(Format::from_name);
            Case {
                from: from.unwrap_or_else(|| panic!("{name} begins with no format")),
                name,
                bytes: std::fs::read(&path).unwrap(),
            }
        })
        .collect();
    assert!(found.len() > 10, "{of}");
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Shows what the case becomes in each format, and compares it with what was shown before.
fn show(of: &str, show: impl Fn(&Case, Format, &mut String)) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder().join("snapshots").join(of));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for case in cases(of) {
        let mut shown = String::new();
        for to in Format::ALL {
            writeln!(shown, "=== {to}").unwrap();
            show(&case, to, &mut shown);
        }
        settings.bind(|| insta::assert_snapshot!(case.name.as_str(), shown));
    }
}

/// JSON with a line for each value, its members in their order and its numbers as they are written.
fn pretty(text: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if in_string {
            out.push(c);
            (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                if let Some(close) = characters.next_if(|next| "}]".contains(*next)) {
                    out.push(close);
                    continue;
                }
                depth += 1;
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    out
}

fn tell_dropped(dropped: &[String], shown: &mut String) {
    for path in dropped {
        writeln!(shown, "dropped: {path}").unwrap();
    }
}

#[test]
fn requests_look_as_before_for_every_target() {
    show("requests", |case, to, shown| {
        let streams = serde_json::from_slice::<Value>(&case.bytes).unwrap()["stream"] == true;
        let asked = request::asked(case.from, streams);
        match lowered(case.from, to, asked, &case.bytes) {
            Ok(ready) => {
                tell_dropped(&ready.dropped, shown);
                writeln!(shown, "{}", pretty(&text_of(&ready.lowered))).unwrap();
            }
            Err(why) => writeln!(shown, "refused: {why}").unwrap(),
        }
    });
}

#[test]
fn answers_look_as_before_for_every_client() {
    show("answers", |case, to, shown| {
        match convert::answer(course(case.from, to), &case.bytes, Manner::Whole) {
            Ok(answer) => {
                tell_dropped(&answer.dropped, shown);
                let text = String::from_utf8(answer.body).unwrap();
                writeln!(shown, "{}", pretty(&text)).unwrap();
            }
            Err(fault) => writeln!(shown, "fault: {}", fault.message).unwrap(),
        }
    });
}

#[test]
fn streams_look_as_before_for_every_client() {
    show("streams", |case, to, shown| {
        let told = told(course(case.from, to), &[&case.bytes], End::Clean);
        shown.push_str(&told.out.replace("\r\n", "\n"));
        if let Err(fault) = told.ended {
            writeln!(shown, "fault: {}", fault.message).unwrap();
        }
    });
}

#[test]
fn what_is_shown_of_a_case_keeps_the_laws() {
    for case in cases("requests") {
        request::holds(case.from, request::asked(case.from, true), &case.bytes);
    }
    for case in cases("answers") {
        answer::holds(case.from, &case.bytes, &[20_000, 40_000]);
    }
    for case in cases("streams") {
        stream::holds(case.from, &case.bytes, &[20_000, 40_000]);
    }
}

#[test]
fn recorded_traffic_keeps_the_laws() {
    for recorded in recorded() {
        // Shown where a law is broken.
        println!("{}", recorded.id);
        let body = recorded.request.to_string();
        request::holds(recorded.format, recorded.asked(), body.as_bytes());
        let response = recorded.response.as_bytes();
        if recorded.stream && recorded.status == 200 {
            stream::holds(recorded.format, response, &[20_000, 40_000]);
        } else {
            answer::holds(recorded.format, response, &[20_000, 40_000]);
        }
    }
}
