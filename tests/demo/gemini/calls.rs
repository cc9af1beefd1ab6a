use serde_json::{Value, json};
use tidegate::demo::Setup;

use super::{EVENTS, WHOLE, ask, message, parts, thinking, tools, with};
use crate::client::{Stand, stand};

/// The conversation goes on with the answer's content and the results of its calls.
fn go_on(body: &Value, answer: &Value, results: Value) -> Value {
    let mut contents = body["contents"].as_array().unwrap().clone();
    contents.push(answer["candidates"][0]["content"].clone());
    let mut turn = json!({"role": "user"});
    turn["parts"] = results;
    contents.push(turn);
    with(body.clone(), json!({"contents": contents}))
}

#[tokio::test]
async fn declared_functions_are_called_and_their_responses_quoted() {
    let stand = stand().await;
    let body = with(ask("use the tools weather and clock"), tools());
    let first = stand.post(WHOLE, body.clone()).await.json();
    let calls = parts(&first).as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["functionCall"]["name"], "weather");
    assert_eq!(calls[0]["functionCall"]["args"], json!({"city": "demo"}));
    assert_eq!(calls[1]["functionCall"]["args"], json!({}));
    assert_ne!(
        calls[0]["functionCall"]["id"],
        calls[1]["functionCall"]["id"]
    );
    assert_eq!(first["candidates"][0]["finishReason"], "STOP");

    let events = stand.post(EVENTS, body.clone()).await.events();
    assert_eq!(parts(&events[0])[0], calls[0]);
    assert_eq!(parts(&events[1])[0], calls[1]);

    let response = |call: &Value, value: Value| {
        let id = &call["functionCall"]["id"];
        json!({"functionResponse": {"id": id, "name": call["functionCall"]["name"], "response": value}})
    };
    let sunny = response(&calls[0], json!({"output": "sunny"}));
    let noon = response(&calls[1], json!({"hour": 12, "minute": 0}));
    let results = json!([noon, sunny]);
    let done = stand.post(WHOLE, go_on(&body, &first, results)).await;
    assert_eq!(
        parts(&done.json())[0]["text"],
        r#"The tool answered: “{"hour":12,"minute":0}”, and “sunny”"#
    );
    for (results, says) in [
        (json!([sunny]), "number of function response parts is equal"),
        (json!([sunny, sunny]), "the name and the id"),
        (
            json!([{"text": "never mind"}]),
            "number of function response parts",
        ),
    ] {
        let reply = stand.post(WHOLE, go_on(&body, &first, results)).await;
        assert_eq!(reply.status, 400);
        assert!(message(&reply).contains(says), "{}", message(&reply));
    }
    let stray = json!({"contents": [{"role": "user", "parts": [sunny]}]});
    let stray = stand.post(WHOLE, stray).await;
    assert!(message(&stray).contains("immediately after a function call turn"));
}

#[tokio::test]
async fn a_shell_runs_commands_and_older_models_call_without_ids() {
    let stand = stand().await;
    let path = "/v1beta/models/demo-no-ids:generateContent";
    let body = with(ask("run: echo 5"), tools());
    let first = stand.post(path, body.clone()).await.json();
    let call =
        json!({"functionCall": {"name": "run_shell_command", "args": {"command": "echo 5"}}});
    assert_eq!(parts(&first), &json!([call]));
    let response =
        json!({"functionResponse": {"name": "run_shell_command", "response": {"output": "5"}}});
    let done = stand
        .post(path, go_on(&body, &first, json!([response])))
        .await;
    assert_eq!(parts(&done.json())[0]["text"], "The tool answered: “5”");
    let path = "/v1beta/models/demo-no-ids:streamGenerateContent?alt=sse";
    let events = stand.post(path, body).await.events();
    assert_eq!(events.len(), 1);
    assert_eq!(parts(&events[0])[0], call);
    assert_eq!(events[0]["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn the_calling_mode_is_obeyed() {
    let stand = stand().await;
    let mode = async |prompt: &str, config: Value| {
        let config = json!({"toolConfig": {"functionCallingConfig": config}});
        let answer = stand
            .post(WHOLE, with(with(ask(prompt), tools()), config))
            .await;
        parts(&answer.json())[0]["functionCall"]["name"].clone()
    };
    assert_eq!(mode("hi", json!({"mode": "AUTO"})).await, Value::Null);
    assert_eq!(mode("hi", json!({"mode": "ANY"})).await, "weather");
    let named = json!({"mode": "ANY", "allowedFunctionNames": ["clock"]});
    assert_eq!(mode("hi", named).await, "clock");
    let never = mode("use the tool clock", json!({"mode": "NONE"})).await;
    assert_eq!(never, Value::Null);
}

#[tokio::test]
async fn a_signature_comes_back_with_its_call_and_to_its_issuer() {
    let stand = stand().await;
    let body = with(thinking("use the tools weather and clock"), tools());
    let first = stand.post(WHOLE, body.clone()).await.json();
    let content = &first["candidates"][0]["content"]["parts"];
    assert!(content[1]["thoughtSignature"].is_string());
    assert_eq!(content[2].get("thoughtSignature"), None);
    let response =
        |name: &str| json!({"functionResponse": {"name": name, "response": {"output": name}}});
    let results = json!([response("weather"), response("clock")]);
    let back = |change: &dyn Fn(&mut Value)| {
        let mut answer = first.clone();
        change(&mut answer["candidates"][0]["content"]["parts"]);
        go_on(&body, &answer, results.clone())
    };
    assert_eq!(stand.post(WHOLE, back(&|_| {})).await.status, 200);
    let without_thought = back(&|parts| drop(parts.as_array_mut().unwrap().remove(0)));
    assert_eq!(stand.post(WHOLE, without_thought.clone()).await.status, 200);
    for stand_in in [
        "skip_thought_signature_validator",
        "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
    ] {
        let foreign = back(&|parts| parts[1]["thoughtSignature"] = json!(stand_in));
        assert_eq!(stand.post(WHOLE, foreign).await.status, 200);
    }

    let missing = back(&|parts| parts[1]["thoughtSignature"] = Value::Null);
    let missing = stand.post(WHOLE, missing).await;
    assert_eq!(missing.status, 400);
    assert!(
        message(&missing).contains("missing a thought_signature")
            && message(&missing).contains("`default_api:weather`")
    );
    let moved = back(&|parts| {
        parts[2]["thoughtSignature"] = parts[1]["thoughtSignature"].take();
    });
    let moved = stand.post(WHOLE, moved).await;
    assert_eq!(
        (moved.status.as_u16(), message(&moved).as_str()),
        (400, "Corrupted thought signature.")
    );
    let other = Stand::new(Setup {
        name: "other".to_owned(),
        ..Setup::default()
    });
    let foreign = other.await.post(WHOLE, without_thought).await;
    assert_eq!(foreign.status, 400);
}
