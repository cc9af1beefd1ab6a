use super::super::members::{each_member, is_filled, members, text};
use super::super::walk::Broken;
use super::super::{Choices, Dull, EventKind, Part, Rule, error};
use super::usage;

/// The events of content blocks. Whether the answer ends, and its usage, is said in others.
pub(super) const RULES: &[Rule] = &[
    Rule {
        level: 1,
        key: b"type",
        dull: Dull::OneOf(&[
            b"content_block_delta",
            b"content_block_start",
            b"content_block_stop",
            b"ping",
        ]),
    },
    Rule {
        level: 1,
        key: b"error",
        dull: Dull::Null,
    },
];

pub(super) fn read_event(name: Option<&[u8]>, data: &[u8]) -> EventKind {
    if name == Some(b"error") {
        return EventKind::Fault(Box::new(error::read(None, data)));
    }
    if name == Some(b"ping") {
        return EventKind::Silent;
    }
    read_data(data).unwrap_or(EventKind::Malformed)
}

fn read_data(data: &[u8]) -> Result<EventKind, Broken> {
    std::str::from_utf8(data).map_err(|_| Broken)?;
    let names = [
        "type",
        "message",
        "content_block",
        "delta",
        "usage",
        "error",
    ];
    let [kind, message, block, delta, counts, error] = members(data, names)?;
    let kind = kind.and_then(text).unwrap_or_default();
    if kind == "error" || error.is_some_and(is_filled) {
        return Ok(EventKind::Fault(Box::new(error::read(None, data))));
    }
    let counts = counts.map(usage::read).unwrap_or_default();
    let mut part = Part {
        begun: Choices::FIRST,
        usage: counts,
        ..Part::default()
    };
    match &*kind {
        "ping" => return Ok(EventKind::Silent),
        "message_start" => add_message(message.unwrap_or_default(), &mut part),
        "content_block_start" => part.content = block.is_some_and(block_has_content),
        "content_block_delta" => part.content = delta.is_some_and(has_content),
        "message_delta" if has_stopped(delta) => part.finished = Choices::FIRST,
        "message_stop" => return Ok(EventKind::End(part)),
        _ => {}
    }
    Ok(EventKind::Part(part))
}

fn add_message(message: &[u8], part: &mut Part) {
    if let Ok([model, counts]) = members(message, ["model", "usage"]) {
        part.model = model.and_then(text).map(|model| model.into_owned());
        part.usage = counts.map(usage::read).unwrap_or_default();
    }
}

fn has_stopped(delta: Option<&[u8]>) -> bool {
    let reason = delta.and_then(|delta| members(delta, ["stop_reason"]).ok());
    matches!(reason, Some([Some(reason)]) if is_filled(reason))
}

/// A block of text or thinking opens empty; any other (a tool call, its result, redacted thinking) is content by itself.
fn block_has_content(block: &[u8]) -> bool {
    let kind = match members(block, ["type"]) {
        Ok([Some(kind)]) => kind,
        _ => return false,
    };
    !matches!(kind, b"\"text\"" | b"\"thinking\"") || has_content(block)
}

/// Any member but the type: text, thinking, a signature alone, arguments, citations.
fn has_content(value: &[u8]) -> bool {
    let mut found = false;
    let read = each_member(value, |key, value| {
        found |= key != "type" && is_filled(value)
    });
    read.is_ok() && found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FaultKind;

    fn part(data: &str) -> Part {
        match read_event(None, data.as_bytes()) {
            EventKind::Part(part) => part,
            other => panic!("{data}: {other:?}"),
        }
    }

    #[test]
    fn the_start_tells_model_and_usage_and_is_no_content() {
        let start = part(
            r#"{"type":"message_start","message":{"id":"m","model":"claude","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"#,
        );
        assert_eq!(
            (start.model.as_deref(), start.usage.input, start.content),
            (Some("claude"), Some(5), false)
        );
        assert!(!start.begun.is_empty());
    }

    #[test]
    fn empty_blocks_and_deltas_are_no_content() {
        for empty in [
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":null}}"#,
            r#"{"type":"something_new","x":"y"}"#,
        ] {
            let part = part(empty);
            assert!(!part.content && part.finished.is_empty(), "{empty}");
        }
    }

    #[test]
    fn text_thinking_signatures_and_calls_are_content() {
        for filled in [
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"a"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#,
        ] {
            assert!(part(filled).content, "{filled}");
        }
    }

    #[test]
    fn the_stop_reason_finishes_and_message_stop_ends() {
        let delta = part(
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
        );
        assert!(!delta.finished.is_empty());
        assert_eq!(delta.usage.output, Some(9));
        assert!(matches!(
            read_event(None, br#"{"type":"message_stop" }"#),
            EventKind::End(_)
        ));
    }

    #[test]
    fn errors_are_told_by_the_name_or_by_the_data() {
        let data =
            br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        for name in [None, Some(&b"error"[..]), Some(b"message_delta")] {
            match read_event(name, data) {
                EventKind::Fault(fault) => assert_eq!(fault.kind, FaultKind::Overloaded),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            read_event(Some(b"error"), b"<html>"),
            EventKind::Fault(_)
        ));
        assert!(matches!(
            read_event(None, br#"{"error":{"message":"m"}}"#),
            EventKind::Fault(_)
        ));
    }

    #[test]
    fn pings_say_nothing_and_garbage_is_malformed() {
        assert_eq!(read_event(Some(b"ping"), b""), EventKind::Silent);
        assert_eq!(read_event(None, br#"{"type": "ping"}"#), EventKind::Silent);
        assert_eq!(
            read_event(Some(b"content_block_delta"), b"{\"type\":"),
            EventKind::Malformed
        );
    }
}
