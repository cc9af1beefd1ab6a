//! What whole answers and streams to clients share: names, usage, and why it ended.

use crate::ir::{At, Stop, StopReason, Usage};
use crate::wire::convert::{Losses, output_total};
use crate::wire::json::Writer;

/// What is told when an answer ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// It calls a tool of the client's.
    pub(super) call: bool,
    /// It has words of refusal.
    pub(super) refusal: bool,
}

/// Writes `stop_reason` and what belongs to it.
pub(super) fn write_stop(
    stop: Option<&Stop<'_>>,
    seen: Seen,
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    let Some(stop) = stop else {
        out.key("stop_reason").null().key("stop_sequence").null();
        out.key("stop_details").null();
        return;
    };
    let reason = match stop.reason {
        // Clients run the tools only where the reason says so.
        StopReason::End | StopReason::Other | StopReason::ToolUse if seen.call => "tool_use",
        StopReason::End | StopReason::Other if seen.refusal => "refusal",
        StopReason::End | StopReason::Other => "end_turn",
        StopReason::Sequence => "stop_sequence",
        StopReason::Length => "max_tokens",
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal | StopReason::ContentFilter => "refusal",
        StopReason::Pause => "pause_turn",
        StopReason::MalformedCall => {
            losses.add(At::NOWHERE, "malformed call of a tool");
            "end_turn"
        }
    };
    out.key("stop_reason").text(reason).key("stop_sequence");
    match &stop.sequence {
        Some(sequence) => out.text(sequence),
        None => out.null(),
    };
    out.key("stop_details");
    match &stop.words {
        Some(words) if reason == "refusal" => {
            out.open_object().key("type").text("refusal");
            out.key("category").null();
            out.key("explanation").text(words).close_object();
        }
        words => {
            if words.is_some() {
                losses.add(At::NOWHERE, "words about the stop reason");
            }
            out.null();
        }
    }
}

/// Writes the counts, as the inside of an object. What the vendor has not said counts as nothing: clients add these up.
pub(super) fn write_usage(usage: &Usage, out: &mut Writer<'_>) {
    out.key("input_tokens").number(usage.input.unwrap_or(0));
    out.key("cache_creation_input_tokens");
    out.number(usage.cache_write.unwrap_or(0));
    out.key("cache_read_input_tokens");
    out.number(usage.cache_read.unwrap_or(0));
    out.key("output_tokens");
    out.number(output_total(usage).unwrap_or(0));
    if let Some(reasoning) = usage.reasoning {
        out.key("output_tokens_details").open_object();
        out.key("thinking_tokens").number(reasoning).close_object();
    }
}

/// The tier, in the words that the API has for it.
pub(super) fn write_tier(tier: Option<&str>, losses: &mut Losses, out: &mut Writer<'_>) {
    match tier {
        Some("standard" | "default") => {
            out.key("service_tier").text("standard");
        }
        Some(known @ ("priority" | "batch")) => {
            out.key("service_tier").text(known);
        }
        Some(_) => losses.add(At::NOWHERE, "service tier"),
        None => {}
    }
}
