use serde_json::{Value, json};

use crate::client::{joined, stand};

const RESPONSES: &str = "/v1/responses";

#[tokio::test]
async fn a_stream_is_numbered_without_a_gap_and_completes_with_the_whole_response() {
    let stand = stand().await;
    let body = json!({"model": "demo", "input": "Hi", "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"]});
    let whole = stand.post(RESPONSES, body.clone()).await.json();
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["output"][0]["type"], "reasoning");
    let mut streamed = body;
    streamed["stream"] = json!(true);
    let stream = stand.post(RESPONSES, streamed).await;
    let events = stream.events();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number as u64);
    }
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(
        last["response"]["output"][1]["content"],
        whole["output"][1]["content"]
    );
    assert_eq!(last["response"]["usage"], whole["usage"]);
    let texts: Vec<Value> = events
        .into_iter()
        .filter(|e| e["type"] == "response.output_text.delta")
        .collect();
    assert_eq!(
        joined(&texts, "/delta"),
        whole["output"][1]["content"][0]["text"].as_str().unwrap()
    );
}

#[tokio::test]
async fn functions_are_called_and_sealed_reasoning_is_checked() {
    let stand = stand().await;
    let parameters = json!({"type": "object", "properties": {"command": {"type": "array"}}, "required": ["command"]});
    let ask = json!({"role": "user", "content": [{"type": "input_text", "text": "run: echo 5"}]});
    let body = json!({"model": "demo", "input": [ask], "store": false, "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "tools": [{"type": "function", "name": "shell", "parameters": parameters}]});
    let output = stand.post(RESPONSES, body.clone()).await.json()["output"].clone();
    assert_eq!(
        output[1]["arguments"],
        r#"{"command":["bash","-lc","echo 5"]}"#
    );

    let next = |reasoning: &Value| {
        let result =
            json!({"type": "function_call_output", "call_id": output[1]["call_id"], "output": "5"});
        let mut next = body.clone();
        next["input"] = json!([ask, reasoning, output[1], result]);
        stand.post(RESPONSES, next)
    };
    let done = next(&output[0]).await.json();
    assert_eq!(
        done["output"][1]["content"][0]["text"],
        "The tool answered: “5”"
    );
    let mut forged = output[0].clone();
    forged["encrypted_content"] = json!("gAAAA");
    let refused = next(&forged).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["code"], "invalid_encrypted_content");
}

#[tokio::test]
async fn tokens_of_an_input_are_counted_without_what_is_about_the_answer() {
    let stand = stand().await;
    let path = "/v1/responses/input_tokens";
    let mut body = json!({"model": "demo", "input": "Hi"});
    let counted = stand.post(path, body.clone()).await.json();
    let answered = stand.post(RESPONSES, body.clone()).await.json();
    assert_eq!(counted["object"], "response.input_tokens");
    assert_eq!(counted["input_tokens"], answered["usage"]["input_tokens"]);
    body["stream"] = json!(true);
    let refused = stand.post(path, body).await;
    assert_eq!(refused.status, 400);
}
