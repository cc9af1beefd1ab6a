use serde_json::{Value, json};
use tidegate::demo::Setup;

use crate::client::{Reply, Stand, joined, stand};

const WHOLE: &str = "/v1beta/models/demo-large:generateContent";
const EVENTS: &str = "/v1beta/models/demo-large:streamGenerateContent?alt=sse";
const LIST: &str = "/v1beta/models/demo-large:streamGenerateContent";
const TEXTS: &str = "/candidates/0/content/parts/0/text";

fn ask(prompt: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]})
}

fn with(mut body: Value, more: Value) -> Value {
    let (Some(fields), Value::Object(more)) = (body.as_object_mut(), more) else {
        panic!("two objects")
    };
    fields.extend(more);
    body
}

fn configured(prompt: &str, config: Value) -> Value {
    with(ask(prompt), json!({"generationConfig": config}))
}

fn thinking(prompt: &str) -> Value {
    configured(
        prompt,
        json!({"thinkingConfig": {"includeThoughts": true, "thinkingLevel": "HIGH"}}),
    )
}

fn tools() -> Value {
    let city =
        json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]});
    let command = json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
    json!({"tools": [{"functionDeclarations": [
        {"name": "weather", "parameters": city},
        {"name": "run_shell_command", "parametersJsonSchema": command},
        {"name": "clock"}
    ]}]})
}

fn parts(answer: &Value) -> &Value {
    &answer["candidates"][0]["content"]["parts"]
}

/// The conversation goes on with the answer's content and the results of its calls.
fn go_on(body: &Value, answer: &Value, results: Value) -> Value {
    let mut contents = body["contents"].as_array().unwrap().clone();
    contents.push(answer["candidates"][0]["content"].clone());
    contents.push(json!({"role": "user", "parts": results}));
    with(body.clone(), json!({"contents": contents}))
}

fn message(reply: &Reply) -> String {
    let error = &reply.json()["error"];
    error["message"].as_str().unwrap().to_owned()
}

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

#[tokio::test]
async fn bad_requests_are_refused_as_the_vendor_does() {
    let stand = stand().await;
    let text = |role: &str| json!([{"role": role, "parts": [{"text": "x"}]}]);
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    for (body, says) in [
        (json!("x"), "Invalid JSON payload received."),
        (json!({}), "contents is not specified"),
        (
            json!({"contents": [{"parts": []}]}),
            "contents.parts must not be empty",
        ),
        (
            json!({"contents": [{"parts": [{}]}]}),
            "must have one initialized field",
        ),
        (
            json!({"contents": text("assistant")}),
            "Please use a valid role: user, model.",
        ),
        (
            json!({"contents": [{"role": "model", "parts": [call]}]}),
            "function call turn comes immediately",
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
        (
            with(ask("x"), json!({"cachedContent": "cachedContents/1"})),
            "CachedContent not found",
        ),
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
            configured(
                "x",
                json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}),
            ),
            "only one of thinking budget and thinking level",
        ),
        (
            with(
                ask("x"),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
            ),
            "without function_declarations",
        ),
        (
            with(
                ask("x"),
                json!({"tools": [{"functionDeclarations": [{"name": "a b"}]}]}),
            ),
            "Invalid function name",
        ),
    ] {
        let reply = stand.post(WHOLE, body.clone()).await;
        let error = &reply.json()["error"];
        let forbidden = body["cachedContent"].is_string();
        let expected = if forbidden {
            (403, "PERMISSION_DENIED")
        } else {
            (400, "INVALID_ARGUMENT")
        };
        assert_eq!(reply.status, expected.0, "{body}");
        assert_eq!(
            (&error["code"], &error["status"]),
            (&json!(expected.0), &json!(expected.1))
        );
        assert!(message(&reply).contains(says), "{error}");
    }
    let unknown = stand
        .post("/v1beta/models/gemini-9:generateContent", ask("x"))
        .await;
    assert_eq!(unknown.status, 404);
    assert!(message(&unknown).starts_with("models/gemini-9 is not found for API version v1beta"));
    let elsewhere = stand.post("/v1beta/nothing", ask("x")).await;
    assert_eq!(
        (
            elsewhere.status.as_u16(),
            &elsewhere.json()["error"]["status"]
        ),
        (404, &json!("NOT_FOUND"))
    );
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

#[tokio::test]
async fn tokens_are_counted_as_they_are_charged() {
    let stand = stand().await;
    let body = with(
        with(ask("Hi"), tools()),
        json!({"systemInstruction": {"parts": [{"text": "s"}]}}),
    );
    let charged = stand.post(WHOLE, body.clone()).await.json();
    let path = "/v1beta/models/demo-large:countTokens";
    let request = with(body, json!({"model": "models/demo-large"}));
    let counted = stand
        .post(path, json!({"generateContentRequest": request}))
        .await
        .json();
    assert_eq!(
        counted["totalTokens"],
        charged["usageMetadata"]["promptTokenCount"]
    );
    let plain = stand.post(path, ask("Hi")).await.json();
    assert_eq!(plain["totalTokens"], 5);
    assert_eq!(stand.post(path, json!({"messages": []})).await.status, 400);
}

#[tokio::test]
async fn vectors_depend_on_the_text_and_are_those_of_the_other_format() {
    let stand = stand().await;
    let one = "/v1beta/models/demo-embedding:embedContent";
    let batch = "/v1beta/models/demo-embedding:batchEmbedContents";
    let request = |text: &str| json!({"model": "models/demo-embedding", "content": {"parts": [{"text": text}]}, "outputDimensionality": 4});
    let single = stand.post(one, request("a")).await.json();
    let both = stand
        .post(batch, json!({"requests": [request("b"), request("a")]}))
        .await
        .json();
    assert_eq!(single["embedding"], both["embeddings"][1]);
    assert_ne!(both["embeddings"][0], both["embeddings"][1]);
    let chat = json!({"model": "demo-embedding", "input": "a", "dimensions": 4});
    let chat = stand.post("/v1/embeddings", chat).await.json();
    assert_eq!(single["embedding"]["values"], chat["data"][0]["embedding"]);

    let mut foreign = request("a");
    foreign["model"] = json!("models/other");
    let foreign = stand.post(batch, json!({"requests": [foreign]})).await;
    assert!(message(&foreign).contains("requests[0].model"));
    assert_eq!(stand.post(batch, json!({"requests": []})).await.status, 400);
    assert_eq!(
        stand
            .post(one, json!({"content": {"parts": []}}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn models_are_listed_in_pages_and_found() {
    let stand = stand().await;
    let mut client = stand.connect().await;
    let all = client.get("/v1beta/models").await.unwrap().json();
    assert_eq!(all["models"][0]["name"], "models/demo-large");
    assert_eq!(all.get("nextPageToken"), None);
    let first = client
        .get("/v1beta/models?pageSize=3")
        .await
        .unwrap()
        .json();
    let next = first["nextPageToken"].as_str().unwrap();
    let path = format!("/v1beta/models?pageSize=3&pageToken={next}");
    let second = client.get(&path).await.unwrap().json();
    assert_eq!(second["models"], json!([all["models"][3]]));
    let one = client
        .get("/v1beta/models/demo-small")
        .await
        .unwrap()
        .json();
    assert_eq!(one, all["models"][1]);
    assert_eq!(client.get("/v1beta/models/none").await.unwrap().status, 404);
    let chat = client.get("/v1/models").await.unwrap().json();
    assert_eq!(chat["object"], "list");
}
