use super::super::members::{is_filled, members, text};
use super::super::walk::Broken;
use super::super::{Choices, Dull, EventKind, Part, Rule, error};
use super::usage;

/// The events that stream pieces of items; what begins and ends the response is said in others.
pub(super) const RULES: &[Rule] = &[
    Rule {
        level: 1,
        key: b"type",
        dull: Dull::OneOf(&[
            b"response.output_text.delta",
            b"response.output_text.done",
            b"response.function_call_arguments.delta",
            b"response.function_call_arguments.done",
            b"response.custom_tool_call_input.delta",
            b"response.custom_tool_call_input.done",
            b"response.reasoning_summary_text.delta",
            b"response.reasoning_summary_text.done",
            b"response.reasoning_text.delta",
            b"response.reasoning_text.done",
            b"response.refusal.delta",
            b"response.refusal.done",
            b"response.output_item.added",
            b"response.output_item.done",
            b"response.content_part.added",
            b"response.content_part.done",
            b"response.image_generation_call.partial_image",
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
    // Relays add it; here it ends nothing, since only the completed response does.
    if data.trim_ascii().starts_with(b"[DONE]") {
        return EventKind::Silent;
    }
    read_data(data).unwrap_or(EventKind::Malformed)
}

fn read_data(data: &[u8]) -> Result<EventKind, Broken> {
    std::str::from_utf8(data).map_err(|_| Broken)?;
    let names = ["type", "response", "delta", "item", "part", "error"];
    let [kind, response, delta, item, added, error] = members(data, names)?;
    let kind = kind.and_then(text).unwrap_or_default();
    if kind == "error" || error.is_some_and(is_filled) {
        return Ok(EventKind::Fault(Box::new(error::read(None, data))));
    }
    let mut part = Part {
        begun: Choices::FIRST,
        ..Part::default()
    };
    match &*kind {
        "" | "keepalive" | "ping" => return Ok(EventKind::Silent),
        "response.created" | "response.in_progress" | "response.queued" => {
            add_response(response, &mut part)
        }
        "response.failed" | "response.cancelled" => return Ok(failed(response)),
        "response.completed" | "response.incomplete" => {
            if has_error(response) {
                return Ok(failed(response));
            }
            add_response(response, &mut part);
            part.finished = Choices::FIRST;
            return Ok(EventKind::End(part));
        }
        "response.output_item.added" => part.content = item.is_some_and(is_call),
        "response.content_part.added" | "response.reasoning_summary_part.added" => {
            part.content = added.is_some_and(has_text);
        }
        _ if delta.is_some() => part.content = delta.is_some_and(is_filled),
        _ => part.content = true,
    }
    Ok(EventKind::Part(part))
}

fn add_response(response: Option<&[u8]>, part: &mut Part) {
    if let Some(Ok([model, counts])) = response.map(|json| members(json, ["model", "usage"])) {
        part.model = model.and_then(text).map(|model| model.into_owned());
        part.usage = counts.map(usage::read).unwrap_or_default();
    }
}

fn has_error(response: Option<&[u8]>) -> bool {
    matches!(response.map(|json| members(json, ["error"])), Some(Ok([Some(error)])) if is_filled(error))
}

/// The response's `error` says why.
fn failed(response: Option<&[u8]>) -> EventKind {
    let error = match response.map(|json| members(json, ["error"])) {
        Some(Ok([Some(error)])) => error,
        _ => b"null",
    };
    EventKind::Fault(Box::new(error::read(None, error)))
}

/// A message or a reasoning item opens empty; any other item is a call of a tool.
fn is_call(item: &[u8]) -> bool {
    match members(item, ["type"]) {
        Ok([Some(kind)]) => !matches!(kind, b"\"message\"" | b"\"reasoning\""),
        _ => false,
    }
}

fn has_text(part: &[u8]) -> bool {
    match members(part, ["text", "refusal", "transcript"]) {
        Ok(found) => found.into_iter().flatten().any(is_filled),
        Err(Broken) => false,
    }
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

    fn fault(data: &str) -> FaultKind {
        match read_event(None, data.as_bytes()) {
            EventKind::Fault(fault) => fault.kind,
            other => panic!("{data}: {other:?}"),
        }
    }

    #[test]
    fn what_only_opens_is_no_content() {
        for opening in [
            r#"{"type":"response.created","response":{"model":"m","usage":null,"error":null}}"#,
            r#"{"type":"response.in_progress","response":{}}"#,
            r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
            r#"{"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}"#,
            r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
            r#"{"type":"response.output_text.delta","delta":""}"#,
        ] {
            assert!(!part(opening).content, "{opening}");
        }
    }

    #[test]
    fn deltas_calls_and_finished_items_are_content() {
        for content in [
            r#"{"type":"response.output_text.delta","delta":"a"}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"a"}"#,
            r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#,
            r#"{"type":"response.output_item.done","item":{"type":"reasoning","encrypted_content":"x"}}"#,
            r#"{"type":"response.web_search_call.in_progress"}"#,
        ] {
            assert!(part(content).content, "{content}");
        }
    }

    #[test]
    fn completed_and_incomplete_end_with_usage_and_model() {
        for kind in ["completed", "incomplete"] {
            let data = format!(
                r#"{{"type":"response.{kind}","response":{{"model":"m","error":null,"usage":{{"input_tokens":3}}}}}}"#
            );
            match read_event(None, data.as_bytes()) {
                EventKind::End(part) => assert_eq!(
                    (part.usage.input, part.model.as_deref()),
                    (Some(3), Some("m"))
                ),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn failures_are_faults_in_every_shape() {
        let nested = r#"{"type":"error","sequence_number":2,"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"m"}}"#;
        assert_eq!(fault(nested), FaultKind::Billing);
        let flat = r#"{"type":"error","code":"rate_limit_exceeded","message":"m","param":null}"#;
        assert_eq!(fault(flat), FaultKind::RateLimit);
        let failed = r#"{"type":"response.failed","response":{"error":{"code":"context_length_exceeded","message":"m"}}}"#;
        assert_eq!(fault(failed), FaultKind::ContextLength);
        let odd = r#"{"type":"response.completed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}}"#;
        assert_eq!(fault(odd), FaultKind::Internal);
    }

    #[test]
    fn done_ends_nothing() {
        assert_eq!(read_event(None, b"[DONE]"), EventKind::Silent);
    }
}
