use serde_json::{Value, json};
use tidegate::demo::Setup;

use crate::client::{Stand, joined, stand};

const MESSAGES: &str = "/v1/messages";

fn ask(prompt: &str) -> Value {
    json!({"model": "demo-large", "max_tokens": 4096, "messages": [{"role": "user", "content": prompt}]})
}

fn with(mut body: Value, more: Value) -> Value {
    let (Some(fields), Value::Object(more)) = (body.as_object_mut(), more) else {
        panic!("two objects")
    };
    fields.extend(more);
    body
}

fn bash() -> Value {
    let schema = json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
    json!([{"name": "Bash", "description": "Runs", "input_schema": schema}])
}

fn thinking() -> Value {
    json!({"thinking": {"type": "enabled", "budget_tokens": 1024}})
}

#[tokio::test]
async fn a_stream_has_the_vendors_sequence_and_says_what_the_whole_answer_says() {
    let stand = stand().await;
    let whole = stand.post(MESSAGES, ask("Hi")).await.json();
    assert_eq!(whole["type"], "message");
    assert_eq!(whole["stop_reason"], "end_turn");
    let stream = stand
        .post(MESSAGES, with(ask("Hi"), json!({"stream": true})))
        .await;
    let names = stream.names();
    assert_eq!(names[..3], ["message_start", "content_block_start", "ping"]);
    let deltas = names.iter().filter(|n| *n == "content_block_delta").count();
    assert_eq!(
        names[3 + deltas..],
        ["content_block_stop", "message_delta", "message_stop"]
    );
    let events = stream.events();
    assert_eq!(
        joined(&events, "/delta/text"),
        whole["content"][0]["text"].as_str().unwrap()
    );
    assert_eq!(
        events[names.len() - 2]["usage"]["output_tokens"],
        whole["usage"]["output_tokens"]
    );
    assert_eq!(
        deltas as u64,
        whole["usage"]["output_tokens"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn thinking_is_signed_and_comes_back_only_unchanged_and_to_its_issuer() {
    let stand = stand().await;
    let first = with(
        with(ask("run: echo 7"), thinking()),
        json!({"tools": bash()}),
    );
    let answer = stand.post(MESSAGES, first.clone()).await.json();
    let content = &answer["content"];
    assert_eq!(content[0]["type"], "thinking");
    assert_eq!(content[1]["input"], json!({"command": "echo 7"}));
    assert_eq!(answer["stop_reason"], "tool_use");

    let stream = stand
        .post(MESSAGES, with(first.clone(), json!({"stream": true})))
        .await
        .events();
    assert_eq!(
        joined(&stream, "/delta/thinking"),
        content[0]["thinking"].as_str().unwrap()
    );
    assert_eq!(
        joined(&stream, "/delta/signature"),
        content[0]["signature"].as_str().unwrap()
    );
    assert_eq!(
        joined(&stream, "/delta/partial_json"),
        r#"{"command":"echo 7"}"#
    );

    let back = |blocks: Value| {
        let result =
            json!([{"type": "tool_result", "tool_use_id": content[1]["id"], "content": "7\n"}]);
        let turns = json!([
            {"role": "user", "content": "run: echo 7"}, {"role": "assistant", "content": blocks},
            {"role": "user", "content": result}
        ]);
        with(first.clone(), json!({"messages": turns}))
    };
    let quoted = stand.post(MESSAGES, back(content.clone())).await.json();
    assert_eq!(quoted["content"][1]["text"], "The tool answered: “7”");

    let mut forged = content.clone();
    forged[0]["thinking"] = json!("Something else");
    let refused = stand.post(MESSAGES, back(forged)).await;
    assert_eq!(refused.status, 400);
    let message = refused.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("Invalid `signature` in `thinking` block"),
        "{message}"
    );

    let other = Stand::new(Setup {
        name: "other".to_owned(),
        ..Setup::default()
    });
    assert_eq!(
        other
            .await
            .post(MESSAGES, back(content.clone()))
            .await
            .status,
        400
    );

    let bare = stand.post(MESSAGES, back(json!([content[1]]))).await;
    let message = bare.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("must start with a thinking block"),
        "{message}"
    );
}

#[tokio::test]
async fn thinking_may_be_redacted_or_omitted() {
    let stand = stand().await;
    let secret = with(
        with(ask("think in secret"), thinking()),
        json!({"stream": true}),
    );
    let secret = stand.post(MESSAGES, secret).await.events();
    let block = secret
        .iter()
        .find(|e| e["content_block"]["type"] == "redacted_thinking");
    assert!(block.unwrap()["content_block"]["data"].is_string());
    let omitted = json!({"thinking": {"type": "adaptive", "display": "omitted"}});
    let omitted = stand.post(MESSAGES, with(ask("hi"), omitted)).await.json();
    assert_eq!(omitted["content"][0]["thinking"], "");
    assert!(omitted["content"][0]["signature"].as_str().unwrap().len() > 40);
}

#[tokio::test]
async fn stops_limits_and_empty_arguments_are_spelled_as_the_vendor_does() {
    let stand = stand().await;
    let stopped = with(ask("words: 9"), json!({"stop_sequences": [" 4"]}));
    let stopped = stand.post(MESSAGES, stopped).await.json();
    assert_eq!(
        (&stopped["stop_reason"], &stopped["stop_sequence"]),
        (&json!("stop_sequence"), &json!(" 4"))
    );
    assert_eq!(stopped["content"][0]["text"], "1 2 3");
    let cut = stand
        .post(MESSAGES, with(ask("words: 9"), json!({"max_tokens": 2})))
        .await
        .json();
    assert_eq!(
        (&cut["stop_reason"], &cut["content"][0]["text"]),
        (&json!("max_tokens"), &json!("1 2"))
    );

    let tools = json!([{"name": "now", "input_schema": {"type": "object", "properties": {}}}]);
    let call = with(
        ask("use the tool now"),
        json!({"tools": tools, "stream": true}),
    );
    let events = stand.post(MESSAGES, call).await.events();
    let parts: Vec<_> = events
        .iter()
        .filter_map(|e| e["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(parts, [""]);
}

#[tokio::test]
async fn usage_tells_what_the_cache_read_and_wrote() {
    let stand = stand().await;
    let system = json!([{"type": "text", "text": "word ".repeat(2000), "cache_control": {"type": "ephemeral"}}]);
    let first = with(ask("a"), json!({"system": system}));
    let usage = stand.post(MESSAGES, first.clone()).await.json()["usage"].clone();
    assert_eq!(
        (
            &usage["cache_creation_input_tokens"],
            &usage["cache_read_input_tokens"]
        ),
        (&json!(2500), &json!(0))
    );
    let turns = json!([
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}
    ]);
    let later = with(first.clone(), json!({"messages": turns}));
    let usage = stand.post(MESSAGES, later).await.json()["usage"].clone();
    assert_eq!(
        (
            &usage["cache_creation_input_tokens"],
            &usage["cache_read_input_tokens"]
        ),
        (&json!(0), &json!(2500))
    );

    let counted = stand.post("/v1/messages/count_tokens", first).await.json();
    assert_eq!(counted["input_tokens"].as_u64().unwrap(), 2500 + 5);
}

#[tokio::test]
async fn bad_requests_are_refused_as_the_vendor_does() {
    let stand = stand().await;
    for (body, status, kind, says) in [
        (
            with(ask("x"), json!({"model": "claude-9"})),
            404,
            "not_found_error",
            "model: claude-9",
        ),
        (
            json!({"model": "demo", "messages": [{"role": "user", "content": "x"}]}),
            400,
            "invalid_request_error",
            "max_tokens: Field required",
        ),
        (
            with(ask("x"), json!({"stop": "y"})),
            400,
            "invalid_request_error",
            "stop: Extra inputs",
        ),
        (
            with(
                ask("x"),
                json!({"thinking": {"type": "enabled", "budget_tokens": 5000}}),
            ),
            400,
            "invalid_request_error",
            "must be greater than",
        ),
    ] {
        let reply = stand.post(MESSAGES, body).await;
        assert_eq!(reply.status, status);
        let json = reply.json();
        assert_eq!(
            (&json["type"], &json["error"]["type"]),
            (&json!("error"), &json!(kind))
        );
        assert!(
            json["error"]["message"].as_str().unwrap().contains(says),
            "{json}"
        );
        assert_eq!(json["request_id"], reply.header("request-id"));
    }
    let request = http::Request::post(MESSAGES)
        .body(ask("x").to_string().into())
        .unwrap();
    let unversioned = stand.connect().await.send(request).await.unwrap();
    assert_eq!(unversioned.status, 400);
}

#[tokio::test]
async fn side_calls_of_agents_are_answered_plainly() {
    let stand = stand().await;
    let title = with(
        ask("Write a title for: run: echo 1"),
        json!({"system": "You make titles."}),
    );
    let title = stand.post(MESSAGES, title).await.json();
    assert_eq!(title["stop_reason"], "end_turn");
    assert_eq!(title["content"][0]["type"], "text");
}
