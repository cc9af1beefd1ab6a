use crate::ir::{Fault, FaultKind};

use super::super::members::{count, each_item, each_member, is_filled, members, text};
use super::super::walk::Broken;
use super::super::{Dull, EventKind, Part, Rule, error};
use super::usage;

/// A chunk of the first choice without finish reason, usage or error. `usage: null` stands in every chunk where usage was
/// asked for.
pub(super) const RULES: &[Rule] = &[
    rule(1, b"choices", Dull::Present),
    rule(1, b"usage", Dull::Null),
    rule(1, b"error", Dull::Null),
    rule(3, b"finish_reason", Dull::Null),
    rule(3, b"index", Dull::Zero),
    rule(3, b"error", Dull::Null),
];

const fn rule(level: u32, key: &'static [u8], dull: Dull) -> Rule {
    Rule { level, key, dull }
}

pub(super) fn read_event(name: Option<&[u8]>, data: &[u8]) -> EventKind {
    if data.trim_ascii().starts_with(b"[DONE]") {
        return EventKind::End(Part::default());
    }
    if name == Some(b"error") {
        return EventKind::Fault(Box::new(error::read(None, data)));
    }
    let Ok(chunk) = Chunk::read(data) else {
        return EventKind::Malformed;
    };
    if chunk.is_fault() {
        return EventKind::Fault(Box::new(error::read(None, data)));
    }
    match chunk.part() {
        Ok(part) => EventKind::Part(part),
        Err(fault) => EventKind::Fault(Box::new(fault)),
    }
}

struct Chunk<'a> {
    choices: Option<&'a [u8]>,
    usage: Option<&'a [u8]>,
    model: Option<&'a [u8]>,
    error: Option<&'a [u8]>,
    /// `object`, `type`: both are `error` where vendors send the error object itself.
    object: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    message: Option<&'a [u8]>,
    code: Option<&'a [u8]>,
}

impl<'a> Chunk<'a> {
    fn read(data: &'a [u8]) -> Result<Chunk<'a>, Broken> {
        std::str::from_utf8(data).map_err(|_| Broken)?;
        let names = [
            "choices", "usage", "model", "error", "object", "type", "message", "code",
        ];
        let [choices, usage, model, error, object, kind, message, code] = members(data, names)?;
        Ok(Chunk {
            choices,
            usage,
            model,
            error,
            object,
            kind,
            message,
            code,
        })
    }

    fn is_fault(&self) -> bool {
        let says_error = |value: Option<&[u8]>| value == Some(b"\"error\"");
        let is_bare =
            self.choices.is_none() && self.message.is_some_and(is_filled) && self.code.is_some();
        self.error.is_some_and(is_filled)
            || says_error(self.object)
            || says_error(self.kind)
            || is_bare
    }

    fn part(&self) -> Result<Part, Fault> {
        let mut part = Part {
            usage: self.usage.map(usage::read).unwrap_or_default(),
            model: self.model.and_then(text).map(|model| model.into_owned()),
            usage_only: self.usage.is_some_and(is_filled) && !self.choices.is_some_and(is_filled),
            ..Part::default()
        };
        let mut failed = None;
        let read = each_item(self.choices.unwrap_or(b"[]"), |choice| {
            failed = failed.take().or(add_choice(choice, &mut part).err());
        });
        // `choices` of an unexpected type: nothing is known of it, and the client may still make sense of it.
        part.content |= read.is_err() && self.choices.is_some_and(is_filled);
        failed.map_or(Ok(part), Err)
    }
}

fn add_choice(choice: &[u8], part: &mut Part) -> Result<(), Fault> {
    let names = [
        "index",
        "delta",
        "message",
        "text",
        "finish_reason",
        "error",
    ];
    let Ok([index, delta, message, written, finish, error]) = members(choice, names) else {
        return Ok(());
    };
    if error.is_some_and(is_filled) {
        return Err(error::read(None, choice));
    }
    let index = count(index).unwrap_or(0);
    part.begun.insert(index);
    part.content |=
        [delta, message].into_iter().flatten().any(has_content) || written.is_some_and(is_filled);
    if let Some(reason) = finish.and_then(text).filter(|reason| !reason.is_empty()) {
        failure(&reason).map_or(Ok(()), Err)?;
        part.finished.insert(index);
    }
    Ok(())
}

/// Anything but the role is content: vendors have names of their own for reasoning, images, citations. What is empty is
/// not, and flags and numbers are not.
fn has_content(delta: &[u8]) -> bool {
    let mut found = false;
    let read = each_member(delta, |key, value| {
        found |= !matches!(key, "role" | "channel" | "name" | "id") && is_filled(value);
    });
    read.is_ok() && found
}

/// Finish reasons that say that the answer did not finish.
///
/// Sources: OpenRouter and Mistral (`error`), Zhipu (`network_error`), DeepSeek (`insufficient_system_resource`), vLLM and
/// SGLang (`abort`).
pub(super) fn failure(reason: &str) -> Option<Fault> {
    let kind = match reason {
        "error" | "network_error" | "server_error" | "internal_error" | "abort" | "aborted" => {
            FaultKind::Internal
        }
        "insufficient_system_resource" => FaultKind::Overloaded,
        "timeout" => FaultKind::Timeout,
        _ => return None,
    };
    let message = format!("the provider broke off the answer ({reason})");
    Some(Fault::new(kind, error::status_of(kind), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Usage;
    use crate::wire::Choices;

    fn part(data: &str) -> Part {
        match read_event(None, data.as_bytes()) {
            EventKind::Part(part) => part,
            other => panic!("{data}: {other:?}"),
        }
    }

    fn fault(data: &str) -> Fault {
        match read_event(None, data.as_bytes()) {
            EventKind::Fault(fault) => *fault,
            other => panic!("{data}: {other:?}"),
        }
    }

    fn delta(delta: &str) -> Part {
        part(&format!(
            r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
        ))
    }

    #[test]
    fn roles_and_emptiness_are_no_content() {
        for empty in [
            r#"{"role":"assistant"}"#,
            r#"{"role":"assistant","content":""}"#,
            r#"{"role":"assistant","content":null,"refusal":null,"tool_calls":[]}"#,
            r#"{"content":"","reasoning":null,"reasoning_details":[]}"#,
            "{}",
            "null",
        ] {
            assert!(!delta(empty).content, "{empty}");
        }
    }

    #[test]
    fn text_reasoning_calls_refusals_and_audio_are_content() {
        for filled in [
            r#"{"content":" "}"#,
            r#"{"content":[{"type":"thinking"}]}"#,
            r#"{"content":null,"reasoning_content":"a"}"#,
            r#"{"reasoning":"a"}"#,
            r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#,
            r#"{"function_call":{"name":"f"}}"#,
            r#"{"refusal":"no"}"#,
            r#"{"audio":{"id":"a"}}"#,
        ] {
            assert!(delta(filled).content, "{filled}");
        }
        assert!(part(r#"{"choices":[{"text":"a","index":0}]}"#).content);
        assert!(!part(r#"{"choices":[{"text":"","index":0}]}"#).content);
    }

    #[test]
    fn choices_begin_and_finish_by_their_index() {
        let two = part(
            r#"{"choices":[{"index":1,"delta":{"content":"a"},"finish_reason":"stop"},{"index":0,"delta":{}}]}"#,
        );
        let mut both = Choices::FIRST;
        both.insert(1);
        assert_eq!(two.begun, both);
        assert!(!two.finished.is_empty() && !both.is_within(two.finished));
    }

    #[test]
    fn usage_and_model_are_found_wherever_they_stand() {
        let with_choices = part(
            r#"{"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage" : {"prompt_tokens":3}}"#,
        );
        assert_eq!(
            (with_choices.usage.input, with_choices.model.as_deref()),
            (Some(3), Some("m"))
        );
        assert!(!with_choices.usage_only);
        assert!(part(r#"{"choices":[],"usage":{"prompt_tokens":3}}"#).usage_only);
        assert!(part(r#"{"us\u0061ge":{"prompt_tokens":3}}"#).usage_only);
        let none = part(r#"{"choices":[],"usage":null,"prompt_filter_results":[{}]}"#);
        assert!(!none.usage_only && none.usage == Usage::default());
    }

    #[test]
    fn errors_are_faults_in_every_shape() {
        assert_eq!(
            fault(r#"{"error":{"message":"m","type":"server_error"}}"#).message,
            "m"
        );
        assert_eq!(
            fault(r#"{"error":"overloaded"}"#).kind,
            FaultKind::Overloaded
        );
        assert_eq!(
            fault(r#"{"object":"error","message":"m","code":400}"#).status,
            400
        );
        assert_eq!(fault(r#"{"code":"1302","message":"m"}"#).message, "m");
        let with_choices = r#"{"error":{"code":429,"message":"m"},"choices":[{"index":0,"delta":{},"finish_reason":null}]}"#;
        assert_eq!(fault(with_choices).kind, FaultKind::RateLimit);
        let in_choice = r#"{"choices":[{"index":0,"error":{"code":503,"message":"m"},"finish_reason":"error"}]}"#;
        assert_eq!(
            (fault(in_choice).kind, fault(in_choice).message.as_str()),
            (FaultKind::Overloaded, "m")
        );
        assert!(matches!(
            read_event(Some(b"error"), b"gone"),
            EventKind::Fault(_)
        ));
    }

    #[test]
    fn a_finish_reason_may_say_that_it_failed() {
        for reason in [
            "error",
            "network_error",
            "abort",
            "insufficient_system_resource",
        ] {
            fault(&format!(
                r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#
            ));
        }
    }

    #[test]
    fn null_errors_are_none() {
        let part =
            part(r#"{"error":null,"choices":[{"index":0,"delta":{"content":"a"},"error":null}]}"#);
        assert!(part.content);
    }

    #[test]
    fn done_is_the_end_and_garbage_is_malformed() {
        assert!(matches!(read_event(None, b"[DONE]"), EventKind::End(_)));
        assert!(matches!(read_event(None, b" [DONE] "), EventKind::End(_)));
        for garbage in [
            "",
            "nope",
            "{",
            "[]",
            "null",
            "{\"choices\":[}",
            "\"x\"",
            "{\"a\":1}{",
        ] {
            assert_eq!(
                read_event(None, garbage.as_bytes()),
                EventKind::Malformed,
                "{garbage}"
            );
        }
    }
}
