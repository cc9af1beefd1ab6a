//! Answers that broke off: no call is made of what the model had only begun to say, and nothing looks whole that is not.

use serde_json::{Value, json};
use tidegate::ir::Format;
use tidegate::wire::Asked;
use tidegate::wire::convert::{Manner, answer};
use tidegate::wire::relay::End;

use super::laws::ground::{converted, course, lowered};

const CUT: &str = "call that was cut off";

/// A whole call, and one that is cut, as a Chat vendor tells them.
fn chat(finish: &str) -> Value {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let message = json!({"role": "assistant", "content": "so", "tool_calls": [
        call("c1", r#"{"a":1}"#), call("c2", r#"{"b": "x"#)]});
    json!({"id": "x", "model": "m", "choices": [
        {"index": 0, "message": message, "finish_reason": finish}]})
}

fn told(answered: &Value, to: Format, manner: Manner) -> (String, Vec<String>) {
    let body = answered.to_string();
    let told = answer(course(Format::OpenaiChat, to), body.as_bytes(), manner).unwrap();
    (String::from_utf8(told.body).unwrap(), told.dropped)
}

fn whole(answered: &Value, to: Format) -> (Value, Vec<String>) {
    let (body, dropped) = told(answered, to, Manner::Whole);
    (serde_json::from_str(&body).unwrap(), dropped)
}

#[test]
fn gemini_clients_are_not_given_a_call_that_was_cut() {
    for (finish, expected) in [
        ("length", "MAX_TOKENS"),
        ("tool_calls", "MALFORMED_FUNCTION_CALL"),
        ("stop", "MALFORMED_FUNCTION_CALL"),
    ] {
        let (said, dropped) = whole(&chat(finish), Format::Gemini);
        let candidate = &said["candidates"][0];
        let parts = candidate["content"]["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 2, "{parts:?}");
        assert_eq!(parts[1]["functionCall"]["id"], "c1");
        assert_eq!(candidate["finishReason"], expected, "{finish}");
        assert_eq!(dropped, [CUT]);
        let (stream, dropped) = told(&chat(finish), Format::Gemini, Manner::Stream);
        assert!(stream.contains(&format!(r#""finishReason":"{expected}""#)));
        assert!(stream.contains(r#""id":"c1""#) && !stream.contains("c2"));
        assert_eq!(dropped, [CUT]);
    }
}

#[test]
fn anthropic_clients_are_given_no_arguments_of_a_call_that_was_cut() {
    for (finish, expected) in [("length", "max_tokens"), ("tool_calls", "tool_use")] {
        let (said, dropped) = whole(&chat(finish), Format::Anthropic);
        assert_eq!(said["content"][1]["input"], json!({"a": 1}));
        assert_eq!(said["content"][2]["input"], json!({}));
        assert_eq!(said["stop_reason"], expected);
        assert_eq!(dropped, [CUT]);
        // What the model said, as the API's own streams do.
        let (stream, _) = told(&chat(finish), Format::Anthropic, Manner::Stream);
        assert!(stream.contains(r#""partial_json":"{\"b\": \"x""#));
        assert!(stream.contains(&format!(r#""stop_reason":"{expected}""#)));
    }
}

#[test]
fn responses_clients_are_told_that_a_call_is_incomplete() {
    let (said, dropped) = whole(&chat("length"), Format::OpenaiResponses);
    let statuses: Vec<_> = (1..3)
        .map(|n| said["output"][n]["status"].clone())
        .collect();
    assert_eq!(statuses, ["completed", "incomplete"]);
    assert_eq!(said["output"][2]["arguments"], r#"{"b": "x"#);
    assert!(dropped.is_empty());
    let (stream, _) = told(&chat("length"), Format::OpenaiResponses, Manner::Stream);
    let mut datas = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let last: Value = serde_json::from_str(datas.next_back().unwrap()).unwrap();
    assert_eq!(last["response"]["output"], said["output"]);
}

#[test]
fn an_earlier_call_that_is_no_object_is_wrapped_and_told() {
    let chat = json!({"model": "m", "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "r"}]});
    let responses = json!({"model": "m", "input": [
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "[1]"},
        {"type": "function_call_output", "call_id": "c", "output": "r"}]});
    for (from, body, path, wrapped) in [
        (
            Format::OpenaiChat,
            chat,
            "messages[1].tool_calls[0].function.arguments",
            r#"{"arguments":"{\"a\":"}"#,
        ),
        (
            Format::OpenaiResponses,
            responses,
            "input[1].arguments",
            r#"{"arguments":"[1]"}"#,
        ),
    ] {
        for to in [Format::Anthropic, Format::Gemini] {
            let ready = lowered(from, to, Asked::default(), body.to_string().as_bytes());
            let ready = ready.unwrap();
            let written = String::from_utf8(ready.lowered.body).unwrap();
            assert!(written.contains(wrapped), "{written}");
            assert_eq!(ready.dropped, [path], "{from} to {to}");
            assert!(ready.lacking.is_empty());
        }
    }
}

#[test]
fn what_ended_for_an_unknown_reason_looks_whole_in_no_format() {
    let gemini = |reason: &str| {
        let candidate = json!({"content": {"role": "model", "parts": [{"text": "pa"}]}, "index": 0,
            "finishReason": reason});
        json!({"candidates": [candidate], "modelVersion": "m", "responseId": "r"}).to_string()
    };
    let anthropic = json!({"id": "m", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "pa"}], "stop_reason": "brand_new",
        "usage": {"input_tokens": 1, "output_tokens": 1}})
    .to_string();
    let answers = ["OTHER", "TOO_MANY_TOOL_CALLS", "BRAND_NEW"].map(gemini);
    let answers = answers.into_iter().map(|body| (Format::Gemini, body));
    for (from, body) in answers.chain([(Format::Anthropic, anthropic)]) {
        for (to, end) in [
            (Format::OpenaiChat, r#""finish_reason":"length""#),
            (Format::OpenaiResponses, r#""status":"incomplete","error""#),
            (Format::Anthropic, r#""stop_reason":"max_tokens""#),
        ] {
            if from == to {
                continue;
            }
            for manner in [Manner::Whole, Manner::Stream] {
                let told = answer(course(from, to), body.as_bytes(), manner).unwrap();
                let written = String::from_utf8(told.body).unwrap();
                assert!(written.contains(end), "{from} to {to}: {written}");
                assert!(!told.dropped.is_empty());
            }
        }
    }
}

#[test]
fn a_stream_without_a_reason_to_have_ended_is_an_error() {
    let events = [
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
            "model": "m", "content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_stop"}),
    ];
    let stream: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    for to in Format::ALL {
        let (_, ended) = converted(Format::Anthropic, to, &[stream.as_bytes()], End::Clean);
        assert!(ended.is_err(), "{to}");
    }
}
