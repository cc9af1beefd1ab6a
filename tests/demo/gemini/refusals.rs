use serde_json::{Value, json};
use tidegate::demo::Setup;

use super::{EVENTS, LIST, WHOLE, ask, configured, message, with};
use crate::client::{Stand, stand};

/// Every body is refused with a 400 that says so.
async fn refused(cases: &[(Value, &str)]) {
    let stand = stand().await;
    for (body, says) in cases {
        let reply = stand.post(WHOLE, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        let error = &reply.json()["error"];
        let (code, status) = (json!(400), json!("INVALID_ARGUMENT"));
        assert_eq!((&error["code"], &error["status"]), (&code, &status));
        assert!(message(&reply).contains(says), "{error}");
    }
}

#[tokio::test]
async fn contents_are_refused_as_the_vendor_does() {
    let contents = |contents: Value| json!({ "contents": contents });
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let both = json!({"text": "x", "inlineData": {"mimeType": "a/b", "data": ""}});
    let nameless = json!({"functionResponse": {"response": {}}});
    refused(&[
        (json!("x"), "Invalid JSON payload received."),
        (json!({}), "contents is not specified"),
        (
            contents(json!([{"parts": []}])),
            "contents.parts must not be empty",
        ),
        (
            contents(json!([{"parts": [{}]}])),
            "must have one initialized field",
        ),
        (
            contents(json!([{"parts": [both]}])),
            "oneof field 'data' is already set",
        ),
        (
            contents(json!([{"role": "assistant", "parts": [{"text": "x"}]}])),
            "valid role: user, model.",
        ),
        (
            contents(json!([{"role": "model", "parts": [call]}])),
            "function call turn comes immediately",
        ),
        (
            contents(json!([{"parts": [nameless]}])),
            "Name cannot be empty",
        ),
        (
            with(ask("x"), json!({"messages": []})),
            "Unknown name \"messages\": Cannot find field.",
        ),
        (
            with(ask("x"), json!({"stream": true})),
            "Unknown name \"stream\"",
        ),
        (
            with(ask("x"), json!({"systemInstruction": "x"})),
            "Invalid value at 'system_instruction'",
        ),
    ])
    .await;
}

#[tokio::test]
async fn configurations_are_refused_as_the_vendor_does() {
    let thinking = json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}});
    refused(&[
        (
            configured("x", json!({"max_tokens": 1})),
            "\"max_tokens\" at 'generation_config'",
        ),
        (
            configured("x", json!({"maxOutputTokens": 0})),
            "must be positive",
        ),
        (
            configured("x", json!({"temperature": 3})),
            "range [0.0, 2.0]",
        ),
        (
            configured("x", json!({"responseMimeType": "json"})),
            "allowed mimetypes",
        ),
        (
            configured("x", json!({"responseSchema": {"type": "STRING"}})),
            "response_mime_type",
        ),
        (
            configured("x", thinking),
            "only one of thinking budget and thinking level",
        ),
    ])
    .await;
}

#[tokio::test]
async fn tools_are_refused_as_the_vendor_does() {
    let declared = |function: Value| {
        with(
            ask("x"),
            json!({"tools": [{"functionDeclarations": [function]}]}),
        )
    };
    let mode = |config: Value| {
        let one = declared(json!({"name": "f"}));
        with(
            one,
            json!({"toolConfig": {"functionCallingConfig": config}}),
        )
    };
    let any = json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}});
    refused(&[
        (with(ask("x"), any), "without function_declarations"),
        (declared(json!({"name": "a b"})), "Invalid function name"),
        (
            declared(json!({"name": "f", "parameters": {"type": "object", "additionalProperties": false}})),
            "\"additionalProperties\" at 'tools[0].function_declarations[0].parameters'",
        ),
        (
            declared(json!({"name": "f", "parameters": {}, "parametersJsonSchema": {}})),
            "only one of parameters",
        ),
        (mode(json!({"mode": "SOME"})), "Invalid value at 'tool_config.function_calling_config.mode'"),
        (mode(json!({"mode": "ANY", "allowedFunctionNames": ["g"]})), "g is not one of the declared"),
        (mode(json!({"allowedFunctionNames": ["f"]})), "only when the function calling mode is ANY"),
    ])
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_shape_of_the_format() {
    let stand = stand().await;
    let unknown = stand
        .post("/v1beta/models/gemini-9:generateContent", ask("x"))
        .await;
    assert_eq!(unknown.status, 404);
    assert!(message(&unknown).starts_with("models/gemini-9 is not found for API version v1beta"));
    let elsewhere = stand.post("/v1beta/nothing", ask("x")).await;
    assert_eq!(elsewhere.status, 404);
    assert_eq!(elsewhere.json()["error"]["status"], "NOT_FOUND");
    let cached = with(ask("x"), json!({"cachedContent": "cachedContents/1"}));
    let cached = stand.post(WHOLE, cached).await;
    assert_eq!(cached.status, 403);
    assert!(message(&cached).starts_with("CachedContent not found"));
    assert_eq!(stand.connect().await.get(WHOLE).await.unwrap().status, 405);
    let listed = stand.post(LIST, json!({})).await;
    assert_eq!(listed.json()[0]["error"]["code"], 400);
}

#[tokio::test]
async fn keys_come_in_a_header_or_in_the_query() {
    let setup = Setup {
        keys: vec!["good".to_owned()],
        ..Setup::default()
    };
    let stand = Stand::new(setup).await;
    let denied = stand.post(WHOLE, ask("x")).await;
    assert_eq!(denied.status, 400);
    let error = &denied.json()["error"];
    assert_eq!(
        error["message"],
        "API key not valid. Please pass a valid API key."
    );
    assert_eq!(error["details"][0]["reason"], "API_KEY_INVALID");
    let query = format!("{EVENTS}&key=good");
    assert_eq!(stand.post(&query, ask("x")).await.status, 200);
    let request = http::Request::post(WHOLE).header("x-goog-api-key", "good");
    let request = request.body(ask("x").to_string().into()).unwrap();
    assert_eq!(
        stand.connect().await.send(request).await.unwrap().status,
        200
    );
    let seen = &stand.vendor.requests()[1];
    assert_eq!(seen.key.as_deref(), Some("good"));
    assert_eq!(seen.model.as_deref(), Some("demo-large"));
}
