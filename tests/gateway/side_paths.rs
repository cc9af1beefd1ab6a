//! Paths beside conversations: embeddings and legacy completions.

use serde_json::{Value, json};
use tidegate::demo::{Break, ErrorKind, Fault, Match, Place, Seen, Step};

use crate::harness::{Answer, Gateway, TestVendor};
use crate::pools::{Pair, paths};

impl Pair {
    async fn embed(&self, body: Value) -> Answer {
        self.gateway.post("/v1/embeddings", &body).await
    }

    async fn complete(&self, body: Value) -> Answer {
        self.gateway.post("/v1/completions", &body).await
    }
}

fn body_of(seen: &Seen) -> Value {
    serde_json::from_slice(seen.body.as_ref().unwrap()).unwrap()
}

/// Little-endian 32-bit floats in base64.
fn floats(base64: &str) -> Vec<f32> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u32> = base64
        .bytes()
        .filter(|b| *b != b'=')
        .map(|b| u32::from(digit(b)))
        .collect();
    let bytes: Vec<u8> = digits
        .chunks(4)
        .flat_map(|four| {
            let bits = four.iter().fold(0, |bits, d| bits << 6 | d) << (6 * (4 - four.len()));
            let bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
            bytes.into_iter().take(four.len() * 6 / 8)
        })
        .collect();
    let floats = bytes.chunks_exact(4);
    floats
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_reach_a_vendor_of_their_own_format_as_they_are() {
    let pair = Pair::of("openai_chat", "gemini").await;
    let answer = pair
        .embed(json!({ "model": "m", "input": [1, 2], "user": "u" }))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.route()),
        (200, "a/demo-one")
    );
    assert_eq!(answer.header("x-tidegate-dropped"), "");
    let seen = &pair.a.vendor.requests()[0];
    assert_eq!(
        body_of(seen),
        json!({ "model": "demo-one", "input": [1, 2], "user": "u" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_are_converted_for_a_vendor_that_has_only_gemini() {
    let pair = Pair::of("gemini", "openai_chat").await;
    let one = json!({ "model": "m", "input": "ship", "dimensions": 4, "user": "u" });
    let answer = pair.embed(one.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tidegate-dropped"), "user");
    assert_eq!(answer.header("content-type"), "application/json");
    let said = answer.json();
    assert_eq!(
        (&said["object"], &said["model"]),
        (&json!("list"), &json!("demo-one"))
    );
    assert_eq!(said["data"][0]["embedding"].as_array().unwrap().len(), 4);
    assert!(said["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
    let record = pair.gateway.record(answer.id()).await;
    assert_eq!(record["input"], said["usage"]["prompt_tokens"]);

    let mut coded = one;
    coded["encoding_format"] = json!("base64");
    let coded = pair.embed(coded).await.json();
    let expected: Vec<f32> = said["data"][0]["embedding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_f64().unwrap() as f32)
        .collect();
    assert_eq!(
        floats(coded["data"][0]["embedding"].as_str().unwrap()),
        expected
    );

    let many = pair
        .embed(json!({ "model": "m", "input": ["a", "b", "a"] }))
        .await
        .json();
    let data = many["data"].as_array().unwrap();
    let indexes: Vec<u64> = data.iter().map(|d| d["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 1, 2]);
    assert_eq!(data[0]["embedding"], data[2]["embedding"]);
    assert_ne!(data[0]["embedding"], data[1]["embedding"]);
    assert_eq!(
        paths(&pair.a),
        [
            "/v1beta/models/demo-one:embedContent",
            "/v1beta/models/demo-one:embedContent",
            "/v1beta/models/demo-one:batchEmbedContents"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_go_on_to_an_endpoint_that_takes_them_or_are_a_clear_400() {
    let pair = Pair::of("gemini", "openai_chat").await;
    let tokens = json!({ "model": "m", "input": [[1, 2]] });
    let answer = pair.embed(tokens.clone()).await;
    assert_eq!(answer.route(), "b/demo-two");
    assert!(paths(&pair.a).is_empty());

    let alone = Pair::of("gemini", "gemini").await;
    let refused = alone.embed(tokens).await;
    assert_eq!(refused.status, 400);
    let error = refused.error();
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["param"], "input[0]");
    assert!(error["message"].as_str().unwrap().contains("tokenizer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_fail_over_between_formats_and_fail_in_the_callers() {
    let pair = Pair::of("gemini", "openai_chat").await;
    pair.a.vendor.script("demo-one", [Step::status(500)]);
    let asked = json!({ "model": "m", "input": "a" });
    let answer = pair.embed(asked.clone()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.route()),
        (200, "b/demo-two")
    );

    let alone = Pair::of("gemini", "anthropic").await;
    alone
        .a
        .vendor
        .script("demo-one", [Step::from(Fault::Error(ErrorKind::RateLimit))]);
    let refused = alone.embed(asked).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.error()["message"].is_string());
    // The second speaks a format that has no embeddings: it is not even asked.
    assert!(paths(&alone.b).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_makes_a_loss_in_embeddings_a_400() {
    let pair = Pair::with("gemini", "gemini", "  strict: true\n").await;
    let answer = pair
        .embed(json!({ "model": "m", "input": "a", "user": "u" }))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.error()["param"]),
        (400, &json!("user"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gemini_client_gets_embeddings_from_either_format() {
    for (format, path) in [
        ("gemini", "/v1beta/models/demo-one:batchEmbedContents"),
        ("openai_chat", "/v1/embeddings"),
    ] {
        let pair = Pair::of(format, format).await;
        let request =
            |text: &str| json!({ "model": "models/m", "content": { "parts": [{ "text": text }] } });
        let body = json!({ "requests": [request("a"), request("b")] });
        let answer = pair
            .gateway
            .post("/v1beta/models/m:batchEmbedContents", &body)
            .await;
        assert_eq!(answer.status, 200, "{format}: {}", answer.text());
        let said = answer.json();
        assert_eq!(said["embeddings"].as_array().unwrap().len(), 2, "{format}");
        assert!(said["embeddings"][1]["values"][0].is_number());
        assert_eq!(paths(&pair.a), [path]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_reaches_a_vendor_that_has_them_as_it_is() {
    let pair = Pair::of("openai_chat", "anthropic").await;
    let answer = pair
        .complete(json!({ "model": "m", "prompt": ["a", "b"], "echo": true }))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(paths(&pair.a), ["/v1/completions"]);
}

fn told(answer: &Answer) -> String {
    let events = answer.events();
    let texts = events
        .iter()
        .filter_map(|e| e["choices"][0]["text"].as_str());
    texts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_are_conversations_for_every_other_format() {
    for (format, path) in [
        ("anthropic", "/v1/messages"),
        ("openai_responses", "/v1/responses"),
        ("gemini", "/v1beta/models/demo-one:generateContent"),
    ] {
        let pair = Pair::of(format, format).await;
        let asked =
            json!({ "model": "m", "prompt": "say: it is done", "max_tokens": 50, "best_of": 2 });
        let answer = pair.complete(asked).await;
        assert_eq!(answer.status, 200, "{format}: {}", answer.text());
        assert_eq!(answer.header("x-tidegate-dropped"), "best_of");
        let said = answer.json();
        assert_eq!(said["object"], "text_completion");
        let choice = &said["choices"][0];
        assert_eq!(choice["text"], "it is done", "{format}");
        assert_eq!(choice["finish_reason"], "stop");
        assert!(said["usage"]["completion_tokens"].as_u64().unwrap() > 0);
        assert_eq!(paths(&pair.a), [path]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converted_completion_streams_text_completions_to_a_proper_end() {
    for format in ["anthropic", "openai_responses", "gemini"] {
        let pair = Pair::of(format, format).await;
        for usage in [false, true] {
            let asked = json!({
                "model": "m", "prompt": "words: 5", "stream": true,
                "stream_options": { "include_usage": usage }
            });
            let answer = pair.complete(asked).await;
            assert!(answer.clean && answer.status == 200, "{format}");
            assert!(
                told(&answer).starts_with("1 2 3 4 5"),
                "{format}: {}",
                answer.text()
            );
            let events = answer.events();
            let (done, events) = events.split_last().unwrap();
            assert_eq!(done, "[DONE]");
            assert!(events.iter().all(|e| e["object"] == "text_completion"));
            let finishes = events
                .iter()
                .filter(|e| e["choices"][0]["finish_reason"] == "stop");
            assert_eq!(finishes.count(), 1);
            let counts = events
                .iter()
                .filter(|e| e["usage"]["total_tokens"].is_u64());
            assert_eq!(counts.count(), usize::from(usage));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_without_the_path_is_asked_for_a_conversation_and_remembered() {
    for status in [404, 405] {
        let pair = Pair::of("openai_chat", "anthropic").await;
        let no_path = Step::status(status);
        pair.a
            .vendor
            .script_for(Match::path("/v1/completions"), [no_path.clone(), no_path]);
        for stream in [false, true] {
            let asked = json!({ "model": "m", "prompt": "say: yes", "stream": stream });
            let answer = pair.complete(asked).await;
            assert_eq!(answer.route(), "a/demo-one", "{}", answer.text());
            let text = match stream {
                true => told(&answer),
                false => answer.json()["choices"][0]["text"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            };
            assert_eq!(text, "yes");
        }
        assert_eq!(
            paths(&pair.a),
            [
                "/v1/completions",
                "/v1/chat/completions",
                "/v1/chat/completions"
            ]
        );
        assert!(paths(&pair.b).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_nowhere_is_not_taken_for_a_missing_path() {
    let pair = Pair::of("openai_chat", "anthropic").await;
    pair.a.vendor.script_for(
        Match::path("completions"),
        [Step::status(404), Step::status(404)],
    );
    for _ in 0..2 {
        let answer = pair
            .complete(json!({ "model": "m", "prompt": "say: yes" }))
            .await;
        assert!(answer.json()["choices"][0].is_object(), "{}", answer.text());
    }
    assert_eq!(
        paths(&pair.a),
        ["/v1/completions", "/v1/chat/completions", "/v1/completions"]
    );
    assert_eq!(paths(&pair.b), ["/v1/messages"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_conversation_can_say_is_a_400_with_its_place() {
    let pair = Pair::of("anthropic", "gemini").await;
    for (more, param) in [
        (json!({ "prompt": ["a", "b"] }), "prompt"),
        (json!({ "prompt": [1, 2] }), "prompt"),
        (json!({ "prompt": "a", "echo": true }), "echo"),
        (json!({ "prompt": "a", "suffix": "b" }), "suffix"),
    ] {
        let mut asked = more;
        asked["model"] = json!("m");
        let answer = pair.complete(asked).await;
        let error = answer.error();
        assert_eq!(
            (answer.status.as_u16(), &error["param"]),
            (400, &json!(param)),
            "{error}"
        );
    }
    assert!(paths(&pair.a).is_empty() && paths(&pair.b).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_fail_over_between_formats_and_break_with_an_error() {
    let pair = Pair::of("gemini", "anthropic").await;
    pair.a.vendor.script("demo-one", [Step::status(500)]);
    let stream = json!({ "model": "m", "prompt": "say: yes", "stream": true });
    let answer = pair.complete(stream.clone()).await;
    assert_eq!(
        (answer.route(), told(&answer)),
        ("b/demo-two", "yes".to_owned())
    );

    let alone = Pair::of("anthropic", "anthropic").await;
    let cut = Fault::Break {
        at: Place::Events(6),
        how: Break::Close,
    };
    alone.a.vendor.script("demo-one", [cut.into()]);
    let broken = alone
        .complete(json!({ "model": "m", "prompt": "words: 9", "stream": true }))
        .await;
    assert!(told(&broken).starts_with("1 2"), "{}", broken.text());
    assert!(broken.error()["message"].is_string());
    assert!(!broken.text().contains("[DONE]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_model_converts_none_of_it() {
    let vendor = TestVendor::start().await;
    let section = format!(
        "  providers: [ {{ name: a, format: gemini, base_url: \"http://{}\", keys: [ k ] }} ]
  models: [ {{ name: m, mode: direct, endpoints: [ {{ provider: a, model: demo }} ] }} ]
",
        vendor.addr
    );
    let gateway = Gateway::start(&section).await;
    for (path, body) in [
        ("/v1/embeddings", json!({ "model": "m", "input": "a" })),
        ("/v1/completions", json!({ "model": "m", "prompt": "a" })),
    ] {
        let answer = gateway.post(path, &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("speaks this format"));
    }
}
