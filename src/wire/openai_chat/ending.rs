//! Reasons to stop, in OpenAI's words.

use crate::ir::{At, Stop, StopReason};
use crate::wire::convert::Losses;

/// Gemini's `thoughtSignature` of a text. Those of calls and thinking are kept by whoever asked for the writing.
pub(super) const SIGNATURE: &str = "signature of a text";

/// What the choice has said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) called: bool,
    pub(super) refused: bool,
}

/// How a choice ends.
pub(super) struct End<'s> {
    pub(super) reason: &'static str,
    /// Words of refusal that were told with the reason alone.
    pub(super) refusal: Option<&'s str>,
}

impl<'s> End<'s> {
    pub(super) fn of(stop: Option<&'s Stop<'_>>, said: Said, losses: &mut Losses) -> End<'s> {
        let Some(stop) = stop else {
            return End {
                reason: "stop",
                refusal: None,
            };
        };
        if stop.sequence.is_some() {
            losses.add(At::NOWHERE, "the stop sequence that was met");
        }
        let reason = match stop.reason {
            StopReason::End if said.called => "tool_calls",
            // What OpenAI's models refuse in words ends as any other answer.
            StopReason::Refusal if said.refused => "stop",
            StopReason::End | StopReason::Sequence => "stop",
            StopReason::Length | StopReason::ContextFull => "length",
            StopReason::ToolUse => "tool_calls",
            StopReason::Refusal | StopReason::ContentFilter => "content_filter",
            StopReason::Pause => {
                losses.add(At::NOWHERE, "that the vendor paused");
                "stop"
            }
            StopReason::MalformedCall => {
                losses.add(At::NOWHERE, "that a call was malformed");
                broken_off(said)
            }
            StopReason::Other => {
                losses.add(At::NOWHERE, "why the answer ended");
                broken_off(said)
            }
        };
        let mut end = End {
            reason,
            refusal: None,
        };
        let words = stop.words.as_deref().filter(|words| !words.is_empty());
        match words {
            Some(words) if stop.reason == StopReason::Refusal && !said.refused => {
                end.refusal = Some(words);
            }
            Some(_) => losses.add(At::NOWHERE, "the vendor's words about the end"),
            None => {}
        }
        end
    }
}

/// Of an answer that is not what it should have become nothing must look whole but its good calls.
fn broken_off(said: Said) -> &'static str {
    if said.called { "tool_calls" } else { "length" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(stop: &Stop<'_>) -> (&'static str, Vec<&'static str>) {
        let said = Said {
            called: false,
            refused: false,
        };
        let mut losses = Losses::default();
        let reason = End::of(Some(stop), said, &mut losses).reason;
        (reason, losses.iter().map(|loss| loss.what).collect())
    }

    #[test]
    fn every_reason_to_stop_has_a_name_of_openais() {
        for (reason, expected, losses) in [
            (StopReason::End, "stop", vec![]),
            (StopReason::Sequence, "stop", vec![]),
            (StopReason::Length, "length", vec![]),
            (StopReason::ContextFull, "length", vec![]),
            (StopReason::ToolUse, "tool_calls", vec![]),
            (StopReason::Refusal, "content_filter", vec![]),
            (StopReason::ContentFilter, "content_filter", vec![]),
            (StopReason::Pause, "stop", vec!["that the vendor paused"]),
            (
                StopReason::MalformedCall,
                "length",
                vec!["that a call was malformed"],
            ),
            (StopReason::Other, "length", vec!["why the answer ended"]),
        ] {
            assert_eq!(end(&Stop::of(reason)), (expected, losses), "{reason:?}");
        }
        let sequence = Stop {
            sequence: Some("END".into()),
            words: Some("w".into()),
            ..Stop::of(StopReason::Sequence)
        };
        let expected = [
            "the stop sequence that was met",
            "the vendor's words about the end",
        ];
        assert_eq!(end(&sequence), ("stop", expected.to_vec()));
    }
}
