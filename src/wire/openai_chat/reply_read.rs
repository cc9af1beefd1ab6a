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
        "stop" | "eos" | "eos_token" | "end_turn" | "complete" | "completed" => StopReason::End,
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

#[cfg(test)]
mod tests {
    use super::super::proof::{delta, finish, hear, read_reply};
    use super::*;
    use crate::ir::Body;
    use crate::wire::json::{Document, path_of};

    fn reply(message: &str, reason: &str) -> String {
        format!(
            r#"{{"id":"chatcmpl-1","created":5,"model":"m","choices":[{{"index":0,"message":{message},"finish_reason":"{reason}"}}]}}"#
        )
    }

    fn stop(choice: &str) -> Stop<'static> {
        let text = format!(r#"{{"choices":[{choice}]}}"#);
        read_reply(&text).choices.remove(0).stop.unwrap()
    }

    #[test]
    fn a_whole_answer_means_what_its_stream_means() {
        for message in [
            r#"{"role":"assistant","content":"a","refusal":null,"annotations":[]}"#,
            r#"{"content":null,"refusal":"no"}"#,
            r#"{"content":"a","reasoning_content":"b"}"#,
            r#"{"reasoning":"b","reasoning_details":[{"type":"reasoning.summary","summary":"b","index":0},{"type":"reasoning.encrypted","data":"c","index":0}]}"#,
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"a"}]}"#,
            r#"{"content":"x","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"index":1,"id":"b","type":"custom","custom":{"name":"g","input":"x"}}]}"#,
            r#"{"function_call":{"name":"f","arguments":"{}"}}"#,
            r#"{"audio":{"id":"a","data":"UklGRg","transcript":"t","expires_at":5}}"#,
            r#"{"content":"a","images":[{"image_url":{"url":"https://a"}}]}"#,
        ] {
            let (streamed, whole) = hear([&*delta(message), &*finish("stop")]);
            assert!(whole);
            let mut read = read_reply(&reply(message, "stop"));
            read.unsaid.clear();
            assert_eq!(read, streamed, "{message}");
            assert!(!read.choices[0].parts.is_empty(), "{message}");
        }
    }

    #[test]
    fn reasons_of_all_vendors_are_known() {
        for (reason, expected) in [
            ("stop", StopReason::End),
            ("eos", StopReason::End),
            ("end_turn", StopReason::End),
            ("length", StopReason::Length),
            ("MAX_TOKENS", StopReason::Length),
            ("model_length", StopReason::Length),
            ("model_context_window_exceeded", StopReason::ContextFull),
            ("tool_calls", StopReason::ToolUse),
            ("function_call", StopReason::ToolUse),
            ("tool_use", StopReason::ToolUse),
            ("content_filter", StopReason::ContentFilter),
            ("sensitive", StopReason::ContentFilter),
            ("refusal", StopReason::Refusal),
            ("pause_turn", StopReason::Pause),
        ] {
            let stop = stop(&format!(r#"{{"message":{{}},"finish_reason":"{reason}"}}"#));
            assert_eq!((stop.reason, stop.words), (expected, None), "{reason}");
        }
        let odd = stop(r#"{"message":{},"finish_reason":"tired"}"#);
        assert_eq!(
            (odd.reason, odd.words.as_deref()),
            (StopReason::Other, Some("tired"))
        );
    }

    #[test]
    fn what_the_model_did_outweighs_a_plain_stop() {
        let called = stop(
            r#"{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}"#,
        );
        assert_eq!(called.reason, StopReason::ToolUse);
        let refused = stop(r#"{"message":{"refusal":"no"},"finish_reason":"stop"}"#);
        assert_eq!(refused.reason, StopReason::Refusal);
        let met = stop(r#"{"message":{"content":"a"},"finish_reason":"stop","stop_reason":"END"}"#);
        assert_eq!(
            (met.reason, met.sequence.as_deref()),
            (StopReason::Sequence, Some("END"))
        );
        let not_met =
            stop(r#"{"message":{"content":"a"},"finish_reason":"stop","stop_reason":"stop"}"#);
        assert_eq!(not_met.reason, StopReason::End);
    }

    #[test]
    fn only_what_is_no_answer_at_all_is_a_misfit() {
        let read = |text: &str| {
            let mut document = Document::default();
            read(document.read(text.as_bytes()).unwrap(), "seed").map(|_| ())
        };
        for text in [
            "[]",
            "{}",
            r#"{"choices":null}"#,
            r#"{"choices":[]}"#,
            r#"{"error":{"message":"m"}}"#,
            r#"{"error":{"message":"m"},"choices":[{"message":{}}]}"#,
            r#"{"choices":[{"finish_reason":"error","message":{}}]}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in [
            r#"{"choices":[{}]}"#,
            r#"{"id":5,"created":"x","choices":[{"index":"a","message":{"content":7,"tool_calls":{}}}],"usage":"none"}"#,
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn members_of_an_answer_that_nobody_knows_are_noted() {
        let text = reply(
            r#"{"content":"a","annotations":[{"type":"file"}],"hologram":{"x":1},"empty":null,"none":[]}"#,
            "stop",
        );
        let mut document = Document::default();
        let root = document.read(text.as_bytes()).unwrap();
        let reply = super::read(root, "seed").unwrap();
        let paths: Vec<String> = reply.unsaid.iter().map(|at| path_of(root, *at)).collect();
        let expected = [
            "choices[0].message.annotations[0]",
            "choices[0].message.hologram",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn the_signature_of_a_call_is_a_seal() {
        let text = reply(
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}"#,
            "tool_calls",
        );
        let reply = read_reply(&text);
        let part = &reply.choices[0].parts[0];
        assert!(matches!(part.body, Body::Call(_)));
        assert_eq!(part.seal.as_ref().unwrap().value, "s");
    }
}
