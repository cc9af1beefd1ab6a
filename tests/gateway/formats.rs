//! Conversions as a client and its vendors see them: failover across formats, streams for those who have none, opaque state
//! that stays with its issuer, and what the configuration says of all this.

use serde_json::{Value, json};
use tidegate::demo::{Break, Match, Place, Step};

use crate::harness::{Answer, Gateway, TestVendor, attempts};

pub const FORMATS: [(&str, &str); 4] = [
    ("openai_chat", "/v1"),
    ("openai_responses", "/v1"),
    ("anthropic", "/v1"),
    ("gemini", "/v1beta"),
];

/// A vendor of each format behind a model of its own, `m-FORMAT`, with `endpoint` in its endpoint; `more` under `gateway:`.
pub async fn each(endpoint: &str, more: &str) -> (Vec<TestVendor>, Gateway) {
    let mut vendors = Vec::new();
    let (mut providers, mut models) = (String::new(), String::new());
    for (format, version) in FORMATS {
        let vendor = TestVendor::start().await;
        providers += &format!(
            "    - {{ name: {format}, format: {format}, base_url: \"http://{}{version}\", keys: [ key-of-the-test ] }}\n",
            vendor.addr
        );
        models += &format!(
            "    - {{ name: m-{format}, endpoints: [ {{ provider: {format}, model: demo-sonnet{endpoint} }} ] }}\n"
        );
        vendors.push(vendor);
    }
    let section = format!("{more}  providers:\n{providers}  models:\n{models}");
    (vendors, Gateway::start(&section).await)
}

/// One question in each format: path and body.
pub fn question(format: &str, model: &str, stream: bool) -> (String, Value) {
    let turn = json!([{ "role": "user", "content": "say: tide" }]);
    match format {
        "openai_chat" => (
            "/v1/chat/completions".into(),
            json!({ "model": model, "stream": stream, "messages": turn }),
        ),
        "openai_responses" => (
            "/v1/responses".into(),
            json!({ "model": model, "stream": stream, "input": "say: tide" }),
        ),
        "anthropic" => (
            "/v1/messages".into(),
            json!({ "model": model, "stream": stream, "max_tokens": 99, "messages": turn }),
        ),
        _ => {
            let verb = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            let contents = json!([{ "role": "user", "parts": [{ "text": "say: tide" }] }]);
            (
                format!("/v1beta/models/{model}:{verb}"),
                json!({ "contents": contents }),
            )
        }
    }
}

pub fn is_stream(answer: &Answer) -> bool {
    answer
        .header("content-type")
        .starts_with("text/event-stream")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_stream_is_asked_whole_and_the_reverse() {
    for endpoint in [", streaming: false", ", non_streaming: false"] {
        let (_vendors, gateway) = each(endpoint, "").await;
        for (from, _) in FORMATS {
            for (to, _) in FORMATS {
                for stream in [false, true] {
                    let (path, body) = question(from, &format!("m-{to}"), stream);
                    let answer = gateway.post(&path, &body).await;
                    let what = format!("{from} -> {to}, stream {stream}{endpoint}");
                    assert_eq!(
                        (answer.status.as_u16(), answer.clean, is_stream(&answer)),
                        (200, true, stream),
                        "{what}: {}",
                        answer.text()
                    );
                    assert!(answer.text().contains("tide"), "{what}: {}", answer.text());
                    let record = gateway.record(answer.id()).await;
                    assert_eq!(record["ending"], "complete", "{what}: {record}");
                    assert!(record["output"].as_u64().unwrap() > 0, "{what}: {record}");
                    assert!(record["usage_estimated"].is_null(), "{what}: {record}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_on_in_another_format_when_the_first_endpoint_fails() {
    let (anthropic, gemini) = (TestVendor::start().await, TestVendor::start().await);
    let gateway = Gateway::start(&format!(
        "  breaker: {{ failures: 1000 }}
  cooldown: {{ base: 10ms, max: 10ms, probe_after: 10ms }}
  providers:
    - {{ name: anthropic, format: anthropic, base_url: \"http://{}/v1\", keys: [ key-of-the-test ] }}
    - {{ name: gemini, format: gemini, base_url: \"http://{}/v1beta\", keys: [ key-of-the-test ] }}
  models:
    - name: mixed
      endpoints:
        - {{ provider: anthropic, model: demo-sonnet, priority: 1, retries: 0 }}
        - {{ provider: gemini, model: demo-sonnet, priority: 2 }}
",
        anthropic.addr, gemini.addr
    ))
    .await;
    let overloaded = Some(Step::status(529));
    anthropic.vendor.always(Match::default(), overloaded);
    for stream in [false, true] {
        for (from, _) in FORMATS {
            let (path, body) = question(from, "mixed", stream);
            let answer = gateway.post(&path, &body).await;
            assert_eq!(answer.status, 200, "{from}: {}", answer.text());
            assert_eq!(answer.route(), "gemini/demo-sonnet", "{from}");
            assert!(answer.text().contains("tide"), "{}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converted_stream_that_breaks_ends_in_an_error_of_the_clients_format() {
    let (vendors, gateway) = each("", "").await;
    for vendor in &vendors {
        let broken = Step::broken(Place::Events(4), Break::Reset);
        vendor.vendor.always(Match::default(), Some(broken));
    }
    for (from, _) in FORMATS {
        for (to, _) in FORMATS {
            let (path, body) = question(from, &format!("m-{to}"), true);
            let answer = gateway.post(&path, &body).await;
            let text = answer.text();
            if answer.status != 200 {
                // Nothing had been said yet.
                continue;
            }
            assert!(text.contains("error"), "{from} -> {to}: {text}");
            for end in [
                "[DONE]",
                "message_stop",
                "response.completed",
                "finishReason",
            ] {
                assert!(!text.contains(end), "{from} -> {to}: {text}");
            }
            assert_eq!(gateway.record(answer.id()).await["ending"], "broken");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_refuses_what_would_be_lost_and_names_it() {
    let (vendors, gateway) = each("", "  strict: true\n").await;
    let body = json!({
        "model": "m-gemini", "max_tokens": 9, "container": "c", "metadata": { "user_id": "u" },
        "messages": [{ "role": "user", "content": "say: tide" }],
    });
    let answer = gateway.post("/v1/messages", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let message = answer.error()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("cannot say: container (`strict` is on)."),
        "{message}"
    );
    assert!(vendors[3].vendor.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_lets_pass_what_leaves_the_answer_as_it_is() {
    let (_vendors, gateway) = each("", "  strict: true\n").await;
    let body = json!({
        "model": "m-gemini", "store": false, "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k", "client_metadata": { "a": "b" },
        "input": [{ "type": "message", "id": "msg_1", "role": "user", "content": "say: tide" }],
    });
    let answer = gateway.post("/v1/responses", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = "input[0].id, prompt_cache_key, client_metadata";
    let mut named: Vec<_> = answer.header("x-tidegate-dropped").split(", ").collect();
    let mut expected: Vec<_> = told.split(", ").collect();
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_named_in_a_header() {
    let (_vendors, gateway) = each("", "").await;
    let body = json!({
        "model": "m-gemini", "max_tokens": 9, "metadata": { "user_id": "u" },
        "messages": [{ "role": "user", "content": "say: tide" }],
    });
    let answer = gateway.post("/v1/messages", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tidegate-dropped"), "metadata.user_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_in_answers_is_the_one_that_was_asked_for_where_that_is_wanted() {
    let (_vendors, gateway) = each("", "  reply_model: requested\n").await;
    for (from, _) in FORMATS {
        for (to, _) in FORMATS {
            for stream in [false, true] {
                let model = format!("m-{to}");
                let (path, body) = question(from, &model, stream);
                let text = gateway.post(&path, &body).await.text();
                let said = format!("\"{model}\"");
                assert!(text.contains(&said), "{from} -> {to}, {stream}: {text}");
                assert!(
                    !text.contains("\"demo-sonnet\""),
                    "{from} -> {to}, {stream}: {text}"
                );
            }
        }
    }
}

/// A turn of tools whose thinking was signed by `signature`.
fn later_turn(model: &str, signature: &str, call: &Value) -> Value {
    json!({
        "model": model, "max_tokens": 4000,
        "thinking": { "type": "enabled", "budget_tokens": 2000 },
        "tools": [{ "name": "look", "input_schema": { "type": "object", "properties": {} } }],
        "messages": [
            { "role": "user", "content": "use the tool look" },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "hm", "signature": signature },
                call,
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": call["id"], "content": "seen" },
            ] },
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_the_vendor_refuses_is_left_out_once() {
    let (vendors, gateway) = each("", "").await;
    let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "look", "input": {} });
    let body = later_turn("m-anthropic", "bm90IG1pbmU=", &call);
    let answer = gateway.post("/v1/messages", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = vendors[2].vendor.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].json().to_string().contains("bm90IG1pbmU="));
    let again = asked[1].json();
    assert!(!again.to_string().contains("bm90IG1pbmU="), "{again}");
    assert_eq!(again["thinking"]["type"], "disabled", "{again}");
    assert_eq!(again["tools"], body["tools"]);
    let record = gateway.record(answer.id()).await;
    let twice = ["anthropic/demo-sonnet:status", "anthropic/demo-sonnet:ok"];
    assert_eq!(attempts(&record), twice);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_goes_back_to_its_issuer_and_to_nobody_else() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let section = format!(
        "  providers:
    - {{ name: a, format: anthropic, base_url: \"{}\", keys: [ key-of-the-test ] }}
    - {{ name: b, format: anthropic, base_url: \"{}\", keys: [ key-of-the-test ] }}
  models:
    - name: m
      sticky: off
      endpoints:
        - {{ provider: a, model: demo-sonnet, priority: 1, retries: 0 }}
        - {{ provider: b, model: demo-sonnet, priority: 2 }}
",
        a.base_url(),
        b.base_url()
    );
    let gateway = Gateway::start(&section).await;
    let first = json!({
        "model": "m", "max_tokens": 4000, "thinking": { "type": "enabled", "budget_tokens": 2000 },
        "tools": [{ "name": "look", "input_schema": { "type": "object", "properties": {} } }],
        "messages": [{ "role": "user", "content": "use the tool look" }],
    });
    let said = gateway.post("/v1/messages", &first).await.json();
    let content = said["content"].as_array().unwrap();
    let signature = content[0]["signature"].as_str().unwrap().to_owned();
    let call = content.last().unwrap().clone();
    let mut second = later_turn("m", &signature, &call);
    second["messages"][1]["content"] = said["content"].clone();
    let answer = gateway.post("/v1/messages", &second).await;
    assert_eq!(
        (answer.status.as_u16(), answer.route()),
        (200, "a/demo-sonnet"),
        "{}",
        answer.text()
    );
    let last = a.vendor.requests().last().unwrap().json();
    assert_eq!(last["messages"], second["messages"]);
    // The issuer is away: the other vendor gets the turn without what it did not issue.
    a.vendor.always(Match::default(), Some(Step::status(500)));
    let answer = gateway.post("/v1/messages", &second).await;
    assert_eq!(
        (answer.status.as_u16(), answer.route()),
        (200, "b/demo-sonnet"),
        "{}",
        answer.text()
    );
    let asked = b.vendor.requests();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].json().to_string().contains(&signature));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shapes_of_s1_and_of_gemini_are_served() {
    let (_vendors, gateway) = each("", "").await;
    let turn = json!([{ "role": "user", "content": "say: tide" }]);
    let contents = json!([{ "role": "user", "parts": [{ "text": "say: tide" }] }]);
    for model in ["m-gemini", "m-openai_chat"] {
        let body = json!({ "model": model, "max_tokens": 9, "messages": turn });
        let answer = gateway.post("/v1/anthropic/completions", &body).await;
        assert_eq!(
            answer.json()["content"][0]["text"],
            "tide",
            "{}",
            answer.text()
        );
        let body = json!({ "model": model, "contents": contents });
        let answer = gateway.post("/v1/gemini/completions", &body).await;
        let text = &answer.json()["candidates"][0]["content"]["parts"][0]["text"];
        assert_eq!(text, "tide", "{}", answer.text());
        // Without `alt=sse` the stream is one JSON array.
        let path = format!("/v1beta/models/{model}:streamGenerateContent");
        let answer = gateway.post(&path, &json!({ "contents": contents })).await;
        assert!(
            answer
                .header("content-type")
                .starts_with("application/json")
        );
        let all = answer.json();
        let parts = all.as_array().unwrap().iter();
        let said: String = parts
            .filter_map(|chunk| chunk["candidates"][0]["content"]["parts"][0]["text"].as_str())
            .collect();
        assert_eq!(said, "tide");
    }
    let models = gateway.get("/v1beta/models").await.unwrap().json();
    assert_eq!(
        models["models"][0]["name"], "models/m-openai_chat",
        "{models}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_read_is_told_where() {
    let (vendors, gateway) = each("", "").await;
    let rows = [
        (
            "/v1/chat/completions",
            json!({ "model": "m-gemini", "messages": "hello" }),
            "messages",
        ),
        (
            "/v1/messages",
            json!({ "model": "m-gemini", "max_tokens": 9, "messages": [{ "role": "user", "content": [{ "type": "text", "text": 5 }] }] }),
            "messages[0].content[0].text",
        ),
        (
            "/v1/responses",
            json!({ "model": "m-anthropic", "input": [{ "role": "user", "content": 5 }] }),
            "input[0].content",
        ),
        (
            "/v1/responses",
            json!({ "model": "m-anthropic", "input": "a", "previous_response_id": "resp_1" }),
            "previous_response_id",
        ),
        (
            "/v1beta/models/m-anthropic:generateContent",
            json!({ "contents": [{ "parts": [{ "text": 5 }] }] }),
            "contents[0].parts[0].text",
        ),
    ];
    for (path, body, place) in rows {
        let answer = gateway.post(path, &body).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(place), "{path}: {message}");
    }
    assert!(
        vendors
            .iter()
            .all(|vendor| vendor.vendor.requests().is_empty())
    );
}
