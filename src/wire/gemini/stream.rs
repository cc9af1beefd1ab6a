use super::super::members::{count, each_item, is_filled, members, text};
use super::super::walk::Broken;
use super::super::{Dull, EventKind, Part, Rule, error};
use super::usage;

/// Nearly every event tells usage, so nearly every event is read: they are few and large.
pub(super) const RULES: &[Rule] = &[
    rule(1, b"candidates", Dull::Present),
    rule(1, b"usageMetadata", Dull::Null),
    rule(1, b"promptFeedback", Dull::Null),
    rule(1, b"error", Dull::Null),
    rule(3, b"finishReason", Dull::Null),
    rule(3, b"index", Dull::Zero),
];

const fn rule(level: u32, key: &'static [u8], dull: Dull) -> Rule {
    Rule { level, key, dull }
}

pub(super) fn read_event(data: &[u8]) -> EventKind {
    read_data(data).unwrap_or(EventKind::Malformed)
}

fn read_data(data: &[u8]) -> Result<EventKind, Broken> {
    std::str::from_utf8(data).map_err(|_| Broken)?;
    let names = [
        "candidates",
        "usageMetadata",
        "modelVersion",
        "promptFeedback",
        "error",
    ];
    let [candidates, counts, model, feedback, error] = members(data, names)?;
    if error.is_some_and(is_filled) {
        return Ok(EventKind::Fault(Box::new(error::read(None, data))));
    }
    let mut part = Part {
        usage: counts.map(usage::read).unwrap_or_default(),
        model: model.and_then(text).map(|model| model.into_owned()),
        ..Part::default()
    };
    each_item(candidates.unwrap_or(b"[]"), |candidate| {
        add_candidate(candidate, &mut part)
    })?;
    if feedback.is_some_and(is_blocked) {
        part.begun.insert(0);
        part.finished.insert(0);
    }
    Ok(if part.finished.is_empty() {
        EventKind::Part(part)
    } else {
        // There is no other sign of the end.
        EventKind::End(part)
    })
}

fn add_candidate(candidate: &[u8], part: &mut Part) {
    let Ok([index, content, finish]) = members(candidate, ["index", "content", "finishReason"])
    else {
        return;
    };
    let index = count(index).unwrap_or(0);
    part.begun.insert(index);
    part.content |= content.is_some_and(has_content);
    if finish.is_some_and(is_filled) {
        part.finished.insert(index);
    }
}

/// Whether any part says something: a text that is not empty, or anything that is no text (a call, code, data), also a
/// signature alone.
fn has_content(content: &[u8]) -> bool {
    let Ok([Some(parts)]) = members(content, ["parts"]) else {
        return false;
    };
    let mut found = false;
    let read = each_item(parts, |item| {
        found |= match members(item, ["text", "thoughtSignature"]) {
            Ok([Some(text), signature]) => is_filled(text) || signature.is_some_and(is_filled),
            Ok([None, _]) => is_filled(item),
            Err(Broken) => false,
        };
    });
    read.is_ok() && found
}

/// The prompt was refused: no candidates come, and that is the answer.
fn is_blocked(feedback: &[u8]) -> bool {
    matches!(members(feedback, ["blockReason"]), Ok([Some(reason)]) if is_filled(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FaultKind;

    #[test]
    fn text_calls_and_signatures_are_content() {
        for (parts, content) in [
            (r#"[{"text":"a"}]"#, true),
            (r#"[{"text":"a","thought":true}]"#, true),
            (r#"[{"text":"","thoughtSignature":"x"}]"#, true),
            (r#"[{"functionCall":{"name":"f","args":{}}}]"#, true),
            (r#"[{"text":""}]"#, false),
            ("[]", false),
        ] {
            let data = format!(
                r#"{{"candidates":[{{"content":{{"parts":{parts},"role":"model"}}}}],"modelVersion":"g"}}"#
            );
            match read_event(data.as_bytes()) {
                EventKind::Part(part) => assert_eq!(
                    (part.content, part.model.as_deref()),
                    (content, Some("g")),
                    "{parts}"
                ),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_finish_reason_or_a_blocked_prompt_ends() {
        for data in [
            r#"{"candidates":[{"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":3}}"#,
            r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#,
        ] {
            match read_event(data.as_bytes()) {
                EventKind::End(part) => assert_eq!(part.usage.input, Some(3)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn errors_are_faults_and_pings_are_nothing() {
        match read_event(br#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#) {
            EventKind::Fault(fault) => assert_eq!(fault.kind, FaultKind::Overloaded),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            read_event(br#"{"candidates":[]}"#),
            EventKind::Part(Part::default())
        );
        assert_eq!(read_event(b"{"), EventKind::Malformed);
    }
}
