//! The same laws on recorded traffic, where `TIDEGATE_FIXTURES` names a folder that has it (`recorded.jsonl`).
//!
//! What is right is found out here in another way than the product does: events by splitting text, JSON by serde_json, token
//! counts as the vendors' sums.

use serde_json::Value;
use tidegate::ir::{FaultKind, Format, Usage};
use tidegate::wire::codec;
use tidegate::wire::relay::{End, Progress, Relay, StreamKind};
use tidegate::wire::reply::ReplyTap;

use super::laws::relay::{conversation, relayed, whole};

struct Exchange {
    id: String,
    format: Format,
    api: String,
    stream: bool,
    status: u16,
    body: String,
}

#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test is told by its environment where the recordings are, and says if it is not"
)]
fn exchanges() -> Vec<Exchange> {
    let Ok(folder) = std::env::var("TIDEGATE_FIXTURES") else {
        println!("TIDEGATE_FIXTURES is not set: no recorded traffic");
        return Vec::new();
    };
    let lines = std::fs::read_to_string(format!("{folder}/recorded.jsonl")).unwrap();
    let read = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        let api = record["api"].as_str().unwrap().to_owned();
        let format = match api.split('.').next().unwrap() {
            "chat" | "completions" | "embeddings" | "models" => Format::OpenaiChat,
            "responses" => Format::OpenaiResponses,
            "messages" => Format::Anthropic,
            "gemini" => Format::Gemini,
            other => panic!("unknown api {other}"),
        };
        Exchange {
            id: record["id"].as_str().unwrap().to_owned(),
            format,
            api,
            stream: record["stream"] == true,
            status: u16::try_from(record["status"].as_u64().unwrap()).unwrap(),
            body: record["response_body"].as_str().unwrap().to_owned(),
        }
    };
    lines.lines().map(read).collect()
}

fn streams() -> Vec<Exchange> {
    exchanges()
        .into_iter()
        .filter(|e| e.stream && e.status == 200)
        .collect()
}

/// The JSON of every event.
fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    lines
        .filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect()
}

fn says_error(stream: &str) -> bool {
    data(stream)
        .iter()
        .any(|event| event["error"].is_object() || event["type"] == "error")
}

/// Where events end.
fn boundaries(stream: &str) -> Vec<usize> {
    let blank = if stream.contains("\r\n") {
        "\r\n\r\n"
    } else {
        "\n\n"
    };
    stream
        .match_indices(blank)
        .map(|(at, blank)| at + blank.len())
        .collect()
}

#[test]
fn recorded_streams_pass_untouched_in_any_split() {
    for Exchange {
        id, format, body, ..
    } in streams().iter().filter(|e| !says_error(&e.body))
    {
        let outcome = whole(*format, body.as_bytes(), End::Clean);
        assert_eq!(outcome.result, Ok(()), "{id}");
        assert!(outcome.out == body.as_bytes(), "{id}");
        assert_eq!(
            (outcome.progress, outcome.malformed),
            (Progress::Done, 0),
            "{id}"
        );
        for size in [1, 2, 7, 61, 1460, 16_384] {
            let parts = relayed(
                conversation(*format),
                body.as_bytes().chunks(size),
                End::Clean,
            );
            assert!(parts == outcome, "{id} in parts of {size}");
        }
    }
}

#[test]
fn recorded_streams_show_content_before_their_end() {
    for Exchange {
        id, format, body, ..
    } in streams().iter().filter(|e| !says_error(&e.body))
    {
        let mut relay = conversation(*format);
        let mut out = Vec::new();
        let mut seen = Vec::new();
        let mut from = 0;
        for to in boundaries(body) {
            relay
                .push(
                    bytes::Bytes::copy_from_slice(&body.as_bytes()[from..to]),
                    &mut out,
                )
                .unwrap();
            seen.push(relay.progress());
            from = to;
        }
        assert!(seen.is_sorted(), "{id}");
        // A recorded answer of Gemini may be one event.
        assert!(seen.contains(&Progress::Content) || seen.len() == 1, "{id}");
    }
}

#[test]
fn recorded_errors_in_streams_are_told() {
    for Exchange {
        id, format, body, ..
    } in streams().iter().filter(|e| says_error(&e.body))
    {
        let outcome = whole(*format, body.as_bytes(), End::Clean);
        let fault = outcome.result.unwrap_err();
        assert!(
            body.as_bytes().starts_with(&outcome.out) && outcome.out.len() < body.len(),
            "{id}"
        );
        assert!(
            fault.message.len() > 10 && !fault.message.contains("the provider"),
            "{id}: {fault:?}"
        );
    }
}

#[test]
fn recorded_streams_cut_before_their_end_are_faults() {
    for Exchange {
        id, format, body, ..
    } in streams().iter().filter(|e| !says_error(&e.body))
    {
        let ends = boundaries(body);
        // The end of the first event behind which the answer is whole; some recordings hold two answers.
        let is_done = |end: &&usize| {
            whole(*format, &body.as_bytes()[..**end], End::Cut)
                .result
                .is_ok()
        };
        let step = ends.len().div_ceil(40);
        let done = *ends
            .iter()
            .rev()
            .take_while(|end| is_done(end))
            .last()
            .unwrap();
        for end in ends.iter().filter(|end| **end < done).step_by(step) {
            for at in [*end, end + 1, end.saturating_sub(1), end.saturating_sub(30)] {
                let outcome = whole(*format, &body.as_bytes()[..at.min(done - 3)], End::Cut);
                assert!(outcome.result.is_err(), "{id} at {at} of {done}");
            }
        }
    }
}

/// Input and output tokens as the vendor sums them up.
fn sums(format: Format, usage: &Value) -> Option<(u64, u64)> {
    let n = |name: &str| usage[name].as_u64().unwrap_or(0);
    let known = |name: &str| usage[name].is_u64();
    match format {
        Format::OpenaiChat => {
            known("prompt_tokens").then(|| (n("prompt_tokens"), n("completion_tokens")))
        }
        Format::OpenaiResponses => {
            known("input_tokens").then(|| (n("input_tokens"), n("output_tokens")))
        }
        Format::Anthropic => known("output_tokens").then(|| {
            let input =
                n("input_tokens") + n("cache_read_input_tokens") + n("cache_creation_input_tokens");
            (input, n("output_tokens"))
        }),
        Format::Gemini => known("promptTokenCount").then(|| {
            let input = n("promptTokenCount") + n("toolUsePromptTokenCount");
            (input, n("candidatesTokenCount") + n("thoughtsTokenCount"))
        }),
    }
}

/// The same sums of our buckets.
fn ours(usage: Usage) -> (u64, u64) {
    let sum = |parts: &[Option<u64>]| parts.iter().flatten().sum();
    (
        sum(&[
            usage.input,
            usage.cache_read,
            usage.cache_write,
            usage.audio_input,
        ]),
        sum(&[usage.output, usage.reasoning, usage.audio_output]),
    )
}

fn assert_usage(id: &str, format: Format, ours_is: Usage, said: Option<&Value>) {
    match said.and_then(|usage| sums(format, usage)) {
        Some(sums) => assert_eq!(ours(ours_is), sums, "{id}"),
        None => assert!(!ours_is.is_known(), "{id}"),
    }
}

#[test]
fn recorded_streams_tell_the_usage_that_their_events_tell() {
    for Exchange {
        id, format, body, ..
    } in streams().iter().filter(|e| !says_error(&e.body))
    {
        let mut told = Value::Null;
        for event in data(body) {
            let places = [
                &event["usage"],
                &event["usageMetadata"],
                &event["response"]["usage"],
                &event["message"]["usage"],
            ];
            for usage in places.into_iter().filter_map(Value::as_object) {
                if !told.is_object() {
                    told = Value::Object(serde_json::Map::new());
                }
                let fields = usage.iter().filter(|(_, value)| !value.is_null());
                fields.for_each(|(name, value)| told[name] = value.clone());
            }
        }
        let outcome = whole(*format, body.as_bytes(), End::Clean);
        assert_usage(
            id,
            *format,
            outcome.usage,
            told.is_object().then_some(&told),
        );
    }
}

#[test]
fn recorded_usage_chunks_are_left_out_for_who_did_not_ask() {
    let mut left_out = 0;
    for Exchange {
        id, format, body, ..
    } in streams()
        .iter()
        .filter(|e| e.api == "chat" && !says_error(&e.body))
    {
        let relay = Relay::new(*format, StreamKind::Conversation, true);
        let outcome = relayed(relay, body.as_bytes().chunks(100), End::Clean);
        assert_eq!(outcome.result, Ok(()), "{id}");
        assert_eq!(
            outcome.usage,
            whole(*format, body.as_bytes(), End::Clean).usage,
            "{id}"
        );
        let is_kept =
            |event: &&str| !(event.contains("\"choices\":[]") && event.contains("\"usage\":{"));
        let expected: String = body.split_inclusive("\n\n").filter(is_kept).collect();
        assert!(outcome.out == expected.as_bytes(), "{id}");
        left_out += usize::from(expected.len() < body.len());
    }
    println!("usage chunks left out: {left_out}");
}

#[test]
fn recorded_replies_are_whole_and_tell_their_usage() {
    for Exchange {
        id, format, body, ..
    } in exchanges().iter().filter(|e| !e.stream && e.status == 200)
    {
        let reply: Value = serde_json::from_str(body).unwrap();
        for size in [1, 100, usize::MAX] {
            let mut tap = ReplyTap::new(*format);
            body.as_bytes().chunks(size).for_each(|part| tap.push(part));
            let end = tap.finish();
            assert!(
                end.whole && !end.empty && end.error.is_none(),
                "{id}: {end:?}"
            );
            let usage = ["usage", "usageMetadata"]
                .into_iter()
                .find_map(|name| reply.get(name).filter(|u| u.is_object()));
            assert_usage(id, *format, end.usage, usage);
            let told = usage.map_or_else(Usage::default, |usage| {
                codec(*format).read_usage(usage.to_string().as_bytes())
            });
            assert_eq!(end.usage, told, "{id}");
        }
        for at in (0..body.trim_end().len()).step_by(body.len() / 20 + 1) {
            let mut tap = ReplyTap::new(*format);
            tap.push(&body.as_bytes()[..at]);
            assert!(!tap.finish().whole, "{id} at {at}");
        }
    }
}

#[test]
fn recorded_errors_are_understood_and_survive() {
    for Exchange {
        id,
        format,
        body,
        status,
        ..
    } in exchanges().iter().filter(|e| e.status >= 400)
    {
        let codec = codec(*format);
        let fault = codec.read_fault(*status, body.as_bytes());
        let is_unknown_model = body.contains("is not supported. Supported models");
        let kind = match status {
            400 if is_unknown_model => FaultKind::NotFound,
            400 => FaultKind::InvalidRequest,
            401 => FaultKind::Authentication,
            404 => FaultKind::NotFound,
            429 => FaultKind::RateLimit,
            other => panic!("{id}: {other}"),
        };
        assert_eq!(
            (fault.kind, fault.status, codec.status(&fault)),
            (kind, *status, *status),
            "{id}"
        );
        assert_eq!(
            fault.retry_after.is_some(),
            body.contains("retryDelay"),
            "{id}"
        );

        let mut out = Vec::new();
        codec.write_fault(&fault, &mut out);
        let (said, told): (Value, Value) = (
            serde_json::from_str(body).unwrap(),
            serde_json::from_slice(&out).unwrap(),
        );
        let message = said["error"]["message"]
            .as_str()
            .or(said["detail"].as_str())
            .unwrap();
        if !message.contains("://") {
            assert_eq!(told["error"]["message"], message, "{id}");
        }
        for name in ["type", "code", "param", "status"] {
            if said["error"][name].is_string() {
                assert_eq!(told["error"][name], said["error"][name], "{id}");
            }
        }
    }
}
