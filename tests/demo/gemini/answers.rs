use serde_json::{Value, json};

use super::{EVENTS, LIST, TEXTS, WHOLE, ask, configured, parts, thinking, with};
use crate::client::{joined, stand};

#[tokio::test]
async fn whole_events_and_list_say_the_same() {
    let stand = stand().await;
    let reply = stand.post(WHOLE, ask("Hi")).await;
    assert_eq!(
        reply.header("content-type"),
        "application/json; charset=UTF-8"
    );
    let whole = reply.json();
    let text = parts(&whole)[0]["text"].as_str().unwrap();
    assert_eq!(text, "Hello from demo-large at demo. You said: “Hi”.");
    assert_eq!(whole["candidates"][0]["finishReason"], "STOP");
    assert_eq!(whole["modelVersion"], "demo-large");
    let usage = &whole["usageMetadata"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(
        count("totalTokenCount"),
        count("promptTokenCount") + count("candidatesTokenCount")
    );

    let stream = stand.post(EVENTS, ask("Hi")).await;
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert!(stream.text().starts_with("data: {\"candidates\": [{"));
    assert!(stream.text().ends_with("}\r\n\r\n"));
    let list = stand.post(LIST, ask("Hi")).await;
    assert_eq!(
        list.header("content-type"),
        "application/json; charset=UTF-8"
    );
    assert!(list.text().starts_with("[{\n  \"candidates\": [\n"));
    assert!(list.text().contains("\n}\n,\r\n{\n"));
    assert!(list.frames.len() > stream.events().len());
    for events in [stream.events(), list.json().as_array().unwrap().clone()] {
        assert_eq!(joined(&events, TEXTS), text);
        let last = events.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert_eq!(last["usageMetadata"], whole["usageMetadata"]);
        assert_eq!(last["responseId"], whole["responseId"]);
        let before = &events[..events.len() - 1];
        assert!(
            before
                .iter()
                .all(|e| e["candidates"][0]["finishReason"].is_null())
        );
    }
}

#[tokio::test]
async fn both_spellings_of_names_are_taken() {
    let stand = stand().await;
    let camel = json!({
        "contents": [{"parts": [{"text": "a"}]}], "systemInstruction": {"parts": [{"text": "s"}]},
        "generationConfig": {"maxOutputTokens": 2, "candidateCount": 2}
    });
    let snake = json!({
        "contents": {"parts": {"text": "a"}}, "system_instruction": {"parts": {"text": "s"}},
        "generation_config": {"max_output_tokens": 2, "candidate_count": 2}
    });
    for body in [camel, snake] {
        let answer = stand.post(WHOLE, body).await.json();
        assert_eq!(parts(&answer)[0]["text"], "Hello from");
        assert_eq!(answer["candidates"][1]["index"], 1);
        assert_eq!(answer["candidates"][1]["finishReason"], "MAX_TOKENS");
        assert_eq!(answer["usageMetadata"]["candidatesTokenCount"], 4);
    }
}

#[tokio::test]
async fn thoughts_are_shown_if_asked_for_and_always_counted() {
    let stand = stand().await;
    let shown = stand.post(WHOLE, thinking("Hi")).await.json();
    assert_eq!(parts(&shown)[0]["thought"], true);
    assert!(parts(&shown)[0]["text"].as_str().unwrap().contains("“Hi”"));
    assert!(parts(&shown)[1]["thoughtSignature"].is_string());
    let thoughts = &shown["usageMetadata"]["thoughtsTokenCount"];
    assert!(thoughts.as_u64().unwrap() > 0);

    let events = stand.post(EVENTS, thinking("Hi")).await.events();
    let (thought, said): (Vec<Value>, Vec<Value>) = events
        .iter()
        .cloned()
        .partition(|e| parts(e)[0]["thought"] == true);
    assert_eq!(joined(&thought, TEXTS), parts(&shown)[0]["text"]);
    assert_eq!(joined(&said, TEXTS), parts(&shown)[1]["text"]);
    let last = events.last().unwrap();
    assert_eq!(
        parts(last)[0]["thoughtSignature"],
        parts(&shown)[1]["thoughtSignature"]
    );
    assert_eq!(last["usageMetadata"], shown["usageMetadata"]);

    let hidden = configured("Hi", json!({"thinkingConfig": {"thinkingBudget": -1}}));
    let hidden = stand.post(WHOLE, hidden).await.json();
    assert_eq!(parts(&hidden)[0].get("thought"), None);
    assert_eq!(&hidden["usageMetadata"]["thoughtsTokenCount"], thoughts);
    let off = configured("Hi", json!({"thinkingConfig": {"thinkingBudget": 0}}));
    let off = stand.post(WHOLE, off).await.json();
    assert_eq!(off["usageMetadata"].get("thoughtsTokenCount"), None);
    let secret = stand.post(WHOLE, thinking("think in secret")).await.json();
    assert_eq!(parts(&secret).as_array().unwrap().len(), 1);
    assert!(parts(&secret)[0]["thoughtSignature"].is_string());
}

#[tokio::test]
async fn json_obeys_the_schema_in_either_dialect() {
    let stand = stand().await;
    let reduced = json!({"type": "OBJECT", "required": ["ok", "tags"], "properties": {
        "ok": {"type": "BOOLEAN", "nullable": true}, "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "2"}
    }});
    let full = json!({"type": "object", "required": ["ok"], "additionalProperties": false,
        "properties": {"ok": {"const": 3}}});
    for (config, expected) in [
        (
            json!({"responseSchema": reduced}),
            r#"{"ok":true,"tags":["demo","demo"]}"#,
        ),
        (json!({"responseJsonSchema": full}), r#"{"ok":3}"#),
        (json!({}), r#"{"answer":"demo"}"#),
    ] {
        let config = with(config, json!({"responseMimeType": "application/json"}));
        let answer = stand.post(WHOLE, configured("x", config)).await.json();
        assert_eq!(parts(&answer)[0]["text"], expected);
    }
}

#[tokio::test]
async fn limits_stops_refusals_and_logprobs_are_spelled_as_the_vendor_does() {
    let stand = stand().await;
    let end = async |prompt: &str, config: Value| {
        let answer = stand.post(WHOLE, configured(prompt, config)).await.json();
        let reason = answer["candidates"][0]["finishReason"].clone();
        (reason, parts(&answer)[0]["text"].clone())
    };
    assert_eq!(
        end("words: 9", json!({"maxOutputTokens": "2"})).await,
        (json!("MAX_TOKENS"), json!("1 2"))
    );
    assert_eq!(
        end("words: 9", json!({"stopSequences": [" 4"]})).await,
        (json!("STOP"), json!("1 2 3"))
    );
    assert_eq!(end("please refuse", json!({})).await.0, json!("SAFETY"));
    let chosen = configured("words: 2", json!({"responseLogprobs": true, "logprobs": 1}));
    let chosen = stand.post(WHOLE, chosen).await.json();
    let chosen = &chosen["candidates"][0]["logprobsResult"]["chosenCandidates"];
    assert_eq!(chosen[1]["token"], " 2");
}

#[tokio::test]
async fn attachments_are_acknowledged_and_long_prefixes_cached() {
    let stand = stand().await;
    let image = json!({"inline_data": {"mime_type": "image/png", "data": "iVBORw0KGgo="}});
    let file = json!({"fileData": {"mimeType": "application/pdf", "fileUri": "https://x/y.pdf"}});
    let body = json!({"contents": [{"parts": [{"text": "See"}, image, file]}]});
    let seen = stand.post(WHOLE, body).await.json();
    let text = parts(&seen)[0]["text"].as_str().unwrap();
    assert!(text.contains("(image/png, 8 bytes)") && text.contains("(application/pdf, by URL)"));

    let turn = |role: &str, text: &str| json!({"role": role, "parts": [{"text": text}]});
    let later = json!({
        "systemInstruction": {"parts": [{"text": "word ".repeat(2000)}]},
        "contents": [turn("user", "a"), turn("model", "b"), turn("user", "c")]
    });
    let usage = stand.post(WHOLE, later).await.json()["usageMetadata"].clone();
    assert_eq!(usage["cachedContentTokenCount"], 2432);
    assert!(usage["promptTokenCount"].as_u64().unwrap() > 2432);
}
