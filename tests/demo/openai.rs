use serde_json::{Value, json};
use tidegate::demo::Setup;

use crate::client::{Stand, joined, stand};

const CHAT: &str = "/v1/chat/completions";

fn chat(prompt: &str) -> Value {
    json!({"model": "demo-large", "messages": [{"role": "user", "content": prompt}]})
}

fn with(mut body: Value, more: Value) -> Value {
    let (Some(body_fields), Value::Object(more)) = (body.as_object_mut(), more) else {
        panic!("two objects")
    };
    body_fields.extend(more);
    body
}

fn weather() -> Value {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!([
        {"type": "function", "function": {"name": "weather", "parameters": parameters}},
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
    ])
}

#[tokio::test]
async fn a_whole_answer_names_the_model_and_quotes_the_prompt() {
    let reply = stand().await.post(CHAT, chat("Good morning")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    let json = reply.json();
    let text = json["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        text.contains("demo-large") && text.contains("“Good morning”"),
        "{text}"
    );
    assert_eq!(json["choices"][0]["finish_reason"], "stop");
    let usage = &json["usage"];
    let sum =
        usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], sum);
    assert!(reply.bytes().starts_with(br#"{"id":"chatcmpl-"#));
}

#[tokio::test]
async fn the_same_request_gets_the_same_bytes() {
    let (one, two) = (stand().await, stand().await);
    for body in [chat("hi"), with(chat("hi"), json!({"stream": true}))] {
        let (a, b) = (
            one.post(CHAT, body.clone()).await,
            two.post(CHAT, body).await,
        );
        assert_eq!(a.bytes(), b.bytes());
        assert_eq!(a.headers, b.headers);
        assert_ne!(a.bytes(), one.post(CHAT, chat("ho")).await.bytes());
    }
}

#[tokio::test]
async fn a_stream_has_role_content_finish_and_done_and_usage_only_if_asked() {
    let stand = stand().await;
    let plain = stand
        .post(CHAT, with(chat("words: 5"), json!({"stream": true})))
        .await;
    assert_eq!(
        plain.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    let events = plain.events();
    assert_eq!(events.len(), 1 + 5 + 1 + 1);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(joined(&events, "/choices/0/delta/content"), "1 2 3 4 5");
    assert_eq!(events[6]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[7], "[DONE]");
    assert!(!plain.text().contains("usage"));

    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let counted = stand
        .post(CHAT, with(chat("words: 5"), options))
        .await
        .events();
    assert_eq!(counted.len(), 9);
    assert_eq!(counted[3]["usage"], Value::Null);
    assert_eq!(counted[7]["choices"], json!([]));
    assert_eq!(counted[7]["usage"]["completion_tokens"], 5);
    assert_eq!(counted[8], "[DONE]");
}

#[tokio::test]
async fn tools_are_called_with_legal_arguments_and_their_results_quoted() {
    let stand = stand().await;
    let ask = with(
        chat("Please use the tools weather and clock."),
        json!({"tools": weather()}),
    );
    let whole = stand.post(CHAT, ask.clone()).await.json();
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        calls[0]["function"],
        json!({"name": "weather", "arguments": r#"{"city":"demo"}"#})
    );
    assert_eq!(
        calls[1]["function"],
        json!({"name": "clock", "arguments": "{}"})
    );

    let events = stand
        .post(CHAT, with(ask.clone(), json!({"stream": true})))
        .await
        .events();
    assert_eq!(
        joined(&events, "/choices/0/delta/tool_calls/0/function/name"),
        "weatherclock"
    );
    let arguments = joined(&events, "/choices/0/delta/tool_calls/0/function/arguments");
    assert_eq!(arguments, r#"{"city":"demo"}{}"#);

    let mut messages = ask["messages"].as_array().unwrap().clone();
    messages.push(whole["choices"][0]["message"].clone());
    messages.push(json!({"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny"}));
    let missing = stand
        .post(CHAT, with(ask.clone(), json!({"messages": messages})))
        .await;
    assert_eq!(missing.status, 400);
    messages.push(json!({"role": "tool", "tool_call_id": calls[1]["id"], "content": "noon"}));
    let done = stand
        .post(CHAT, with(ask, json!({"messages": messages})))
        .await
        .json();
    let text = done["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text, "The tool answered: “sunny”, and “noon”");
}

#[tokio::test]
async fn limits_choices_logprobs_schemas_and_reasoning_are_honoured() {
    let stand = stand().await;
    let ask = |prompt, more| stand.post(CHAT, with(chat(prompt), more));
    let cut = ask("words: 9", json!({"max_tokens": 2})).await.json();
    assert_eq!(cut["choices"][0]["message"]["content"], "1 2");
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    assert_eq!(cut["usage"]["completion_tokens"], 2);

    let two = ask("words: 2", json!({"n": 2, "logprobs": true}))
        .await
        .json();
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    assert_eq!(two["choices"][1]["logprobs"]["content"][1]["token"], " 2");

    let schema =
        json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let shaped = ask("hi", json!({"response_format": format})).await.json();
    assert_eq!(shaped["choices"][0]["message"]["content"], r#"{"ok":true}"#);

    let hidden = ask("hi", json!({"reasoning_effort": "high"})).await.json();
    assert!(
        hidden["usage"]["completion_tokens_details"]["reasoning_tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
    let shown = ask("hi", json!({"model": "demo-reasoner", "stream": true}))
        .await
        .events();
    assert!(joined(&shown, "/choices/0/delta/reasoning_content").contains("hi"));
    assert!(!joined(&shown, "/choices/0/delta/content").contains("short answer"));

    let refused = ask("please refuse", json!({})).await.json();
    assert_eq!(refused["choices"][0]["message"]["content"], Value::Null);
    assert!(refused["choices"][0]["message"]["refusal"].is_string());
}

#[tokio::test]
async fn images_are_acknowledged_and_long_prefixes_cached() {
    let stand = stand().await;
    let image =
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    let content = json!([{"type": "text", "text": "See"}, image]);
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": content}]});
    let seen = stand.post(CHAT, body).await.json();
    let text = seen["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("an image (image/png, 8 bytes)"), "{text}");

    let long = "word ".repeat(2000);
    let turns = json!([
        {"role": "system", "content": long}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}
    ]);
    let later = stand
        .post(CHAT, json!({"model": "demo", "messages": turns}))
        .await
        .json();
    let cached = later["usage"]["prompt_tokens_details"]["cached_tokens"]
        .as_u64()
        .unwrap();
    assert!(
        cached > 2000
            && cached % 128 == 0
            && cached < later["usage"]["prompt_tokens"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn bad_requests_are_refused_as_the_vendor_does() {
    let stand = stand().await;
    let refused = |body: Value| stand.post(CHAT, body);
    for (body, status, code, param) in [
        (json!({"messages": []}), 400, Value::Null, Value::Null),
        (
            json!({"model": "demo"}),
            400,
            Value::Null,
            json!("messages"),
        ),
        (
            json!({"model": "demo", "messages": []}),
            400,
            Value::Null,
            json!("messages"),
        ),
        (
            with(chat("x"), json!({"system": "y"})),
            400,
            Value::Null,
            Value::Null,
        ),
        (
            with(chat("x"), json!({"model": "gpt-9"})),
            404,
            json!("model_not_found"),
            Value::Null,
        ),
        (json!("text"), 400, Value::Null, Value::Null),
    ] {
        let reply = refused(body.clone()).await;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, status, "{body}");
        assert_eq!((&error["code"], &error["param"]), (&code, &param), "{body}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(stand.post("/v1/nothing", chat("x")).await.status, 404);
    assert_eq!(stand.connect().await.get(CHAT).await.unwrap().status, 405);
}

#[tokio::test]
async fn only_configured_keys_are_let_in() {
    let setup = Setup {
        keys: vec!["good".to_owned()],
        ..Setup::default()
    };
    let stand = Stand::new(setup).await;
    let denied = stand.post(CHAT, chat("x")).await;
    assert_eq!(denied.status, 401);
    assert_eq!(denied.json()["error"]["code"], "invalid_api_key");
    let request = http::Request::post(CHAT).header("authorization", "Bearer good");
    let request = request.body(chat("x").to_string().into()).unwrap();
    assert_eq!(
        stand.connect().await.send(request).await.unwrap().status,
        200
    );
    assert_eq!(stand.vendor.requests()[1].key.as_deref(), Some("good"));
}

#[tokio::test]
async fn the_other_paths_of_the_api_answer() {
    let stand = stand().await;
    let vectors = json!({"model": "demo-embedding", "input": ["a", "b"], "dimensions": 4});
    let vectors = stand.post("/v1/embeddings", vectors).await.json();
    assert_eq!(vectors["data"][1]["embedding"].as_array().unwrap().len(), 4);
    let coded = json!({"model": "demo-embedding", "input": "a", "encoding_format": "base64"});
    let coded = stand.post("/v1/embeddings", coded).await.json();
    assert_eq!(coded["data"][0]["embedding"].as_str().unwrap().len(), 44);

    let legacy = json!({"model": "demo", "prompt": "Once", "stream": true, "max_tokens": 3});
    let legacy = stand.post("/v1/completions", legacy).await.events();
    assert_eq!(joined(&legacy, "/choices/0/text"), " Hello from demo.");
    assert_eq!(legacy[3]["choices"][0]["finish_reason"], "length");

    let moderation = json!({"model": "demo", "input": "violence"});
    let moderation = stand.post("/v1/moderations", moderation).await.json();
    assert_eq!(moderation["results"][0]["flagged"], true);
    let speech = stand
        .post("/v1/audio/speech", json!({"model": "demo", "input": "abc"}))
        .await;
    assert_eq!(
        (speech.header("content-type"), speech.bytes().len()),
        ("audio/mpeg", 3)
    );

    let mut client = stand.connect().await;
    let models = client.get("/v1/models").await.unwrap().json();
    assert_eq!(models["data"][0]["id"], "demo-large");
    assert_eq!(
        client.get("/v1/models/demo-small").await.unwrap().json()["id"],
        "demo-small"
    );
    assert_eq!(client.get("/v1/models/none").await.unwrap().status, 404);
}
