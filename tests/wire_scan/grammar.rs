//! Bodies by hand: what is refused and where, and that the walk never loses its way.

use tidegate::ir::Format;
use tidegate::wire::scan::{MAX_DEPTH, Scan, ScanError, Subject, scan};

fn chat(body: &str) -> Result<Scan, ScanError> {
    scan(body.as_bytes(), Subject::Format(Format::OpenaiChat))
}

fn malformed(at: usize, expected: &'static str) -> ScanError {
    ScanError::Malformed { at, expected }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for (body, error) in [
        ("", ScanError::Empty),
        (" \r\n\t", ScanError::Empty),
        ("[]", ScanError::NotAnObject),
        ("\"model\"", ScanError::NotAnObject),
        ("null", ScanError::NotAnObject),
        ("\0{}", ScanError::NotAnObject),
        ("model=gpt-4o&stream=true", ScanError::NotAnObject),
        ("\u{feff}{}", ScanError::ByteOrderMark),
    ] {
        assert_eq!(chat(body), Err(error), "{body:?}");
    }
}

#[test]
fn the_grammar_of_the_outermost_object_is_checked() {
    let (key, colon, value) = ("a key in quotes", "a colon", "a value");
    let due = "a comma or the object's end";
    for (body, error) in [
        ("{a:1}", malformed(1, key)),
        ("{,}", malformed(1, key)),
        ("{1:2}", malformed(1, key)),
        ("{\"a\":1,}", malformed(7, key)),
        ("{\"a\":1,,\"b\":2}", malformed(7, key)),
        ("{'a':1}", malformed(1, key)),
        ("{\"a\" 1}", malformed(5, colon)),
        ("{\"a\"::1}", malformed(5, value)),
        ("{\"a\":}", malformed(5, value)),
        ("{\"a\":,\"b\":1}", malformed(5, value)),
        ("{\"a\":1 2}", malformed(7, due)),
        ("{\"a\":1\"b\":2}", malformed(6, due)),
        ("{\"a\":{}{}}", malformed(7, due)),
        ("{\"a\":\"b\"\"c\"}", malformed(8, due)),
        ("{\"a\":1]", malformed(6, due)),
        ("{\"a\":1\0}", malformed(6, due)),
        ("{\0\"a\":1}", malformed(1, key)),
        ("{\"a\":\0}", malformed(5, value)),
        ("{\"a\":\u{1}1}", malformed(5, value)),
        ("{\u{a0}}", malformed(1, key)),
        ("{\"a\":1}}", ScanError::TrailingData { at: 7 }),
        ("{} {}", ScanError::TrailingData { at: 3 }),
        ("{}\0", ScanError::TrailingData { at: 2 }),
        ("{\"a\nb\":1}", ScanError::BrokenString { at: 1 }),
        ("{\"a\":2,\"\\x\":1}", ScanError::BrokenString { at: 7 }),
        ("{\"\\ud800\":1}", ScanError::BrokenString { at: 1 }),
    ] {
        assert_eq!(chat(body), Err(error), "{body:?}");
    }
}

#[test]
fn brackets_must_match_wherever_they_are() {
    for body in [
        r#"{"x":[}"#,
        r#"{"x":[1}}"#,
        r#"{"x":{"y":[1,2}]}"#,
        r#"{"messages":[{]}]}"#,
        r#"{"messages":[{"content":[1}]}"#,
        r#"{"messages":[{"x":{"y":[}]}}]}"#,
        r#"{"messages":[1,]}"#,
        r#"{"tools":[{"a":[}]}]}"#,
    ] {
        assert!(
            matches!(chat(body), Err(ScanError::Malformed { .. })),
            "{body}: {:?}",
            chat(body)
        );
    }
}

#[test]
fn what_is_not_closed_is_refused() {
    for body in [
        "{",
        "{\"",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":\"",
        "{\"a\":\"\\\"}",
        "{\"a\":[",
        "{\"a\":[{}",
        "{\"messages\":[{\"content\":\"",
        "{\"messages\":[{},",
        "{\"messages\":[",
        "{\"a\":{\"b\":\"}}",
    ] {
        let at = body.len();
        assert_eq!(chat(body), Err(ScanError::Truncated { at }), "{body:?}");
    }
}

#[test]
fn a_long_body_that_ends_early_is_refused_wherever_it_ends() {
    let tool = r#"{"name":"a","parameters":{"properties":{"b":{"enum":["c",{},[]]}}}},"#;
    let turn = r#"{"role":"user","content":[{"type":"text","text":"d {[\"]} e"},{"x":[[{}]]}]},"#;
    let (tools, turns) = (tool.repeat(70), turn.repeat(60));
    let body = format!(r#"{{"tools":[{tools}{{}}],"messages":[{turns}{{}}],"z":{{"y":[[]]}}}}"#);
    assert!(chat(&body).is_ok() && body.len() > 8192);
    for end in 0..body.len() {
        assert!(chat(&body[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn nesting_is_bounded_and_counts_from_the_outermost_object() {
    let nested = |levels: usize| {
        format!(
            "{{\"x\":{}{}}}",
            "[".repeat(levels - 1),
            "]".repeat(levels - 1)
        )
    };
    assert!(chat(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(
        chat(&nested(MAX_DEPTH + 1)),
        Err(ScanError::TooDeep {
            at: 5 + MAX_DEPTH - 1
        })
    );

    // The same where the scan reads on its way.
    let nested = |levels: usize| {
        let parts = levels - 3;
        format!(
            r#"{{"messages":[{{"content":{}{}}}]}}"#,
            "[".repeat(parts),
            "]".repeat(parts)
        )
    };
    assert!(chat(&nested(MAX_DEPTH)).is_ok());
    assert!(matches!(
        chat(&nested(MAX_DEPTH + 1)),
        Err(ScanError::TooDeep { .. })
    ));
}

#[test]
fn deep_nesting_of_both_kinds_is_matched_exactly() {
    for levels in [2, 63, 64, 65, 127, 128, 129, 300, MAX_DEPTH - 1] {
        let kinds: Vec<bool> = (0..levels).map(|level| level * level % 7 < 3).collect();
        let open: String = kinds
            .iter()
            .map(|list| if *list { "[" } else { "{\"k\":" })
            .collect();
        let close: Vec<&str> = kinds
            .iter()
            .rev()
            .map(|list| if *list { "]" } else { "}" })
            .collect();
        assert!(
            chat(&format!("{{\"x\":{open}1{}}}", close.concat())).is_ok(),
            "{levels}"
        );
        for wrong in 0..levels {
            let mut close = close.clone();
            close[wrong] = if close[wrong] == "]" { "}" } else { "]" };
            let body = format!("{{\"x\":{open}1{}}}", close.concat());
            assert!(
                chat(&body).is_err(),
                "{levels} levels, {wrong} closed wrong"
            );
        }
    }
}

#[test]
fn a_key_given_twice_is_refused_however_it_is_spelled() {
    for (body, key, at) in [
        (r#"{"model":"a","model":"a"}"#, "model", 13),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "model", 13),
        (r#"{"mo\u0064el":"a","\u006dodel":"b"}"#, "model", 18),
        (r#"{"x/y":1,"x\/y":2}"#, "x/y", 9),
        (
            r#"{"temperature":1,"b":{"b":1},"temperature":1}"#,
            "temperature",
            29,
        ),
        (r#"{"é":1,"\u00E9":2}"#, "é", 8),
        (r#"{"😀":1,"\ud83d\ude00":2}"#, "😀", 10),
        (r#"{"":1,"":2}"#, "", 6),
    ] {
        let key = key.to_owned();
        assert_eq!(
            chat(body),
            Err(ScanError::DuplicateKey { key, at }),
            "{body}"
        );
    }
    assert!(chat(r#"{"a":{"b":1,"b":2},"A":1,"a ":1}"#).is_ok());
}

#[test]
fn among_many_keys_a_double_is_found_too() {
    let keys = |times: usize| {
        (0..times)
            .map(|nth| format!("\"k{nth}\":{nth}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert!(chat(&format!("{{{}}}", keys(50_000))).is_ok());
    for double in [0, 3, 23, 24, 25, 49_999] {
        let body = format!(
            "{{{},\"k\\u00{:x}{}\":0}}",
            keys(50_000),
            b'0' + double.to_string().as_bytes()[0] - b'0',
            &double.to_string()[1..]
        );
        assert!(
            matches!(chat(&body), Err(ScanError::DuplicateKey { .. })),
            "{double}"
        );
    }
}

#[test]
fn backslash_runs_of_every_length_at_every_place_do_not_lose_the_walk() {
    for run in 0..=130 {
        for lead in 0..=64 {
            let (lead, run) = ("x".repeat(lead), "\\".repeat(run * 2));
            let body = format!(
                r#"{{"a{lead}":"{run}","messages":[{{"content":"{lead}{run}\"}}]{run}"}}],"model":"m"}}"#
            );
            let scan = chat(&body).unwrap();
            assert_eq!(
                (scan.model.unwrap().value, scan.messages),
                ("m".to_owned(), 1)
            );
            let open = format!(r#"{{"a":"{lead}\{run}","model":"m"}}"#);
            assert!(
                chat(&open).is_err(),
                "an odd run escapes the quote after it"
            );
        }
    }
}

#[test]
fn strings_that_end_at_any_place_of_any_batch_are_found() {
    for len in (4000..4300).chain(8150..8250) {
        let text = "y".repeat(len);
        let body = format!(
            r#"{{"k":{{"t":"{text}"}},"messages":[{{"content":[{{"text":"{text}"}}],"role":"assistant"}}],"model":"m"}}"#
        );
        let scan = chat(&body).unwrap();
        assert!(scan.prefill && scan.model.is_some(), "{len}");
    }
}
