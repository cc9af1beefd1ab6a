use std::borrow::Cow;

use crate::ir::{Stop, StopReason};

/// Reads a `finishReason` and its `finishMessage`. What the vocabulary's reason does not tell stands in its words: the name,
/// and the message behind a colon.
pub(super) fn read(reason: &str, message: Option<&str>, has_calls: bool) -> Stop<'static> {
    let known = match reason {
        // It is STOP also where calls wait for their outcomes.
        "STOP" if has_calls => StopReason::ToolUse,
        "STOP" => StopReason::End,
        "MAX_TOKENS" => StopReason::Length,
        "MALFORMED_FUNCTION_CALL" => StopReason::MalformedCall,
        reason if FILTERS.contains(&reason) => StopReason::ContentFilter,
        "UNEXPECTED_TOOL_CALL" => StopReason::MalformedCall,
        _ => StopReason::Other,
    };
    let words = match (known, message) {
        // The message of a good end says so.
        (StopReason::End | StopReason::ToolUse | StopReason::Length, _) => None,
        (_, Some(message)) if reason == "MALFORMED_FUNCTION_CALL" => Some(message.to_owned()),
        (_, None) if matches!(reason, "MALFORMED_FUNCTION_CALL" | "OTHER") => None,
        (_, Some(message)) => Some(format!("{reason}: {message}")),
        (_, None) => Some(reason.to_owned()),
    };
    Stop {
        words: words.map(Cow::Owned),
        ..Stop::of(known)
    }
}

/// The prompt was refused: that is the answer.
pub(super) fn of_block(reason: &str, message: Option<&str>) -> Stop<'static> {
    let words = match message {
        Some(message) => format!("{reason}: {message}"),
        None => reason.to_owned(),
    };
    Stop {
        words: Some(Cow::Owned(words)),
        ..Stop::of(StopReason::ContentFilter)
    }
}

/// The `blockReason` and `blockReasonMessage` that a stop of an answer without content comes from, where no `finishReason`
/// has its name.
pub(super) fn block<'s>(stop: &'s Stop<'_>) -> Option<(&'static str, Option<&'s str>)> {
    let (reason, message) = named(stop.words.as_deref(), &["MODEL_ARMOR", "JAILBREAK"], "");
    let is_block = stop.reason == StopReason::ContentFilter && !reason.is_empty();
    is_block.then_some((reason, message))
}

const FILTERS: [&str; 9] = [
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
];

/// Others that have no reason of their own in the vocabulary.
const OTHERS: [&str; 6] = [
    "LANGUAGE",
    "NO_IMAGE",
    "IMAGE_OTHER",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "OTHER",
];

/// What of an answer its reason to have ended has to tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// It holds words of refusal, which are text here; only the reason can tell them from an answer.
    pub(super) refusal: bool,
    /// A call of it was left out, since it broke off or cannot be read: no good end.
    pub(super) cut: bool,
}

/// The `finishReason` and `finishMessage` of a stop.
pub(super) fn write<'s>(stop: &'s Stop<'_>, held: Held) -> (&'static str, Option<&'s str>) {
    let words = stop.words.as_deref();
    let plain = match stop.reason {
        StopReason::End | StopReason::Sequence | StopReason::ToolUse if held.cut => {
            "MALFORMED_FUNCTION_CALL"
        }
        StopReason::End if held.refusal => "SAFETY",
        StopReason::End | StopReason::Sequence | StopReason::ToolUse => "STOP",
        StopReason::Length | StopReason::ContextFull => "MAX_TOKENS",
        StopReason::Refusal => "SAFETY",
        StopReason::ContentFilter => return named(words, &FILTERS, "SAFETY"),
        // There is a reason for goings-on, but it needs a token which only Google gives.
        StopReason::Pause => "OTHER",
        StopReason::MalformedCall => {
            return named(words, &["UNEXPECTED_TOOL_CALL"], "MALFORMED_FUNCTION_CALL");
        }
        StopReason::Other => return named(words, &OTHERS, "OTHER"),
    };
    (plain, words)
}

/// The reason whose name the words begin with, and the rest of them; else the usual one.
fn named<'s>(
    words: Option<&'s str>,
    names: &[&'static str],
    usual: &'static str,
) -> (&'static str, Option<&'s str>) {
    let (name, rest) = match words.and_then(|words| words.split_once(": ")) {
        Some((name, rest)) => (Some(name), Some(rest)),
        None => (words, None),
    };
    match names.iter().find(|known| name == Some(known)) {
        Some(known) => (known, rest),
        None => (usual, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_come_back_as_they_were() {
        for reason in
            FILTERS
                .iter()
                .chain(&OTHERS)
                .chain(&["STOP", "MAX_TOKENS", "MALFORMED_FUNCTION_CALL"])
        {
            for message in [None, Some("why: so")] {
                let stop = read(reason, message, false);
                let (written, words) = write(&stop, Held::default());
                assert_eq!(written, *reason);
                if !matches!(*reason, "STOP" | "MAX_TOKENS") {
                    assert_eq!(words, message, "{reason}");
                }
            }
        }
    }

    #[test]
    fn calls_and_refusals_are_told_from_a_plain_end() {
        assert_eq!(
            read("STOP", Some("called"), true).reason,
            StopReason::ToolUse
        );
        assert_eq!(
            write(&Stop::of(StopReason::ToolUse), Held::default()).0,
            "STOP"
        );
        let refused = Held {
            refusal: true,
            ..Held::default()
        };
        assert_eq!(write(&Stop::of(StopReason::End), refused).0, "SAFETY");
        assert_eq!(read("NEW_REASON", None, false).reason, StopReason::Other);
    }
}
