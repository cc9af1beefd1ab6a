use serde_json::{Value, json};

use super::bodies::{Text, object};
use super::cases::Kind;

pub(super) fn chat() -> String {
    let message = json!({"role": "assistant", "content": Text::new(3).prose(500), "refusal": null});
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"});
    object(&[
        ("id", json!("chatcmpl-0123456789")),
        ("object", json!("chat.completion")),
        ("created", json!(1_735_689_600)),
        ("model", json!(Kind::Chat.upstream_model())),
        ("choices", json!([choice])),
        (
            "usage",
            json!({"prompt_tokens": 500, "completion_tokens": 120, "total_tokens": 620}),
        ),
    ])
}

pub(super) fn messages() -> String {
    object(&[
        ("id", json!("msg_0123456789")),
        ("type", json!("message")),
        ("role", json!("assistant")),
        ("model", json!(Kind::Messages.upstream_model())),
        (
            "content",
            json!([{"type": "text", "text": Text::new(3).prose(500)}]),
        ),
        ("stop_reason", json!("end_turn")),
        ("stop_sequence", Value::Null),
        (
            "usage",
            json!({"input_tokens": 500, "cache_read_input_tokens": 20000, "output_tokens": 120}),
        ),
    ])
}

/// A role, 47 deltas, a finish reason and `[DONE]`: 50 events, 51 with usage. Without the `"usage":null` that
/// some vendors put into every other chunk: whoever asks for usage on its own account has only one chunk to take out.
pub(super) fn chat_events(include_usage: bool) -> Vec<String> {
    let head = r#""id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1735689600,"model":"upstream-model-chatstream","service_tier":"default","system_fingerprint":"fp_0123456789""#;
    let event = |delta: &str, finish: &str| {
        let choice =
            format!(r#"{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}"#);
        format!("data: {{{head},\"choices\":[{choice}]}}\n\n")
    };
    let mut events = vec![event(
        r#"{"role":"assistant","content":"","refusal":null}"#,
        "null",
    )];
    events.extend((0..47).map(|i| event(&format!(r#"{{"content":" word {i}"}}"#), "null")));
    events.push(event("{}", "\"stop\""));
    if include_usage {
        let usage = r#"{"prompt_tokens":500,"completion_tokens":47,"total_tokens":547}"#;
        events.push(format!(
            "data: {{{head},\"usage\":{usage},\"choices\":[]}}\n\n"
        ));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// 50 events in Anthropic's order.
pub(super) fn messages_events() -> Vec<String> {
    let event = |name: &str, data: String| {
        format!("event: {name}\ndata: {{\"type\":\"{name}\"{data}}}\n\n")
    };
    let start = r#","message":{"id":"msg_0123456789","type":"message","role":"assistant","model":"upstream-model-messagesstream","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":500,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}"#;
    let mut events = vec![
        event("message_start", start.to_owned()),
        event(
            "content_block_start",
            r#","index":0,"content_block":{"type":"text","text":""}"#.to_owned(),
        ),
        "event: ping\ndata: {\"type\": \"ping\"}\n\n".to_owned(),
    ];
    events.extend((0..44).map(|i| {
        let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":" word {i}"}}"#);
        event("content_block_delta", delta)
    }));
    events.push(event("content_block_stop", r#","index":0"#.to_owned()));
    let delta =
        r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":44}"#;
    events.push(event("message_delta", delta.to_owned()));
    events.push(event("message_stop", String::new()));
    events
}
