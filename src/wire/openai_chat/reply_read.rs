//! Whole answers, and what streams share with them: reasons to stop, and citations.

use crate::ir::{Citation, Collector, Format, Reply, Stop, StopReason};
use crate::wire::json::{Misfit, Value};

use super::answer::{Answer, is_heard};
use super::request_read::filled;

pub(super) fn read(body: Value<'_, '_>, seed: &str) -> Result<Reply<'static>, Misfit> {
    let no_answer = body.misfit("an answer with choices");
    let choices = body.want_object()?.member("choices").ok_or(no_answer)?;
    let mut answer = Answer::new(seed);
    let mut collector = Collector::default();
    answer
        .take(body, &mut |event| collector.push(event))
        .map_err(|_| no_answer)?;
    answer.finish(&mut |event| collector.push(event));
    let mut reply = collector.finish();
    if reply.choices.is_empty() && choices.items().next().is_none() {
        return Err(no_answer);
    }
    for message in choices.want_list()?.items() {
        let message = message.member("message").into_iter().flat_map(filled);
        for (key, value) in message {
            if !is_heard(&key, value, &mut reply.unsaid) {
                reply.unsaid.push(value.at());
            }
        }
    }
    Ok(reply)
}

/// `choice`: what the reason stands in. vLLM and SGLang say beside it which stop sequence was met.
pub(super) fn stop_of(reason: &str, choice: Value<'_, '_>) -> Stop<'static> {
    let known = reason_named(reason);
    let mut stop = Stop::of(known.unwrap_or(StopReason::Other));
    if known.is_none() {
        stop.words = Some(reason.to_owned().into());
    }
    let met = ["stop_reason", "matched_stop"]
        .into_iter()
        .filter_map(|name| choice.member_text(name));
    let mut met = met.filter(|met| reason_named(met).is_none());
    if stop.reason == StopReason::End
        && let Some(met) = met.next()
    {
        stop.reason = StopReason::Sequence;
        stop.sequence = Some(met.into_owned().into());
    }
    stop
}

/// OpenAI's reasons, and those that vendors which are compatible with it pass on from elsewhere.
fn reason_named(reason: &str) -> Option<StopReason> {
    Some(match &*reason.to_ascii_lowercase() {
        "stop" | "eos" | "eos_token" | "end_turn" | "end" | "complete" | "completed" => {
            StopReason::End
        }
        "stop_sequence" => StopReason::Sequence,
        "length" | "max_tokens" | "max_output_tokens" | "model_length" => StopReason::Length,
        "model_context_window_exceeded" => StopReason::ContextFull,
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => StopReason::ToolUse,
        "refusal" => StopReason::Refusal,
        "content_filter" | "content_filtered" | "safety" | "sensitive" | "recitation"
        | "prohibited_content" | "blocklist" => StopReason::ContentFilter,
        "pause_turn" => StopReason::Pause,
        "malformed_function_call" => StopReason::MalformedCall,
        _ => return None,
    })
}

/// An item of `annotations`. `None`: it cites no page.
pub(super) fn citation<'a>(value: Value<'_, 'a>) -> Option<Citation<'a>> {
    let page = value.member("url_citation")?;
    let count = |name| page.member(name).and_then(Value::count);
    let url = page.member_text("url")?;
    Some(Citation {
        at: value.at(),
        url: Some(url),
        title: page.member_text("title").filter(|title| !title.is_empty()),
        // OpenRouter tells what it read.
        quote: page.member_text("content"),
        span: count("start_index").zip(count("end_index")),
        origin: Some((Format::OpenaiChat, value.json())),
    })
}
