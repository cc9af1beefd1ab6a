//! Paths beside conversations: embeddings, legacy completions, forms.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tidegate::demo::{Break, ErrorKind, Fault, Match, Place, Seen, Step};

use crate::harness::{Answer, Gateway, PATIENCE, TestVendor};

/// Two vendors, and a gateway whose model `m` is `demo-one` at the first and, behind it, `demo-two` at the second.
struct Pair {
    a: TestVendor,
    b: TestVendor,
    gateway: Gateway,
}

impl Pair {
    async fn of(format_a: &str, format_b: &str) -> Pair {
        Pair::with(format_a, format_b, "").await
    }

    /// `more`: lines under `gateway:`, indented by two.
    async fn with(format_a: &str, format_b: &str, more: &str) -> Pair {
        let (a, b) = (TestVendor::start().await, TestVendor::start().await);
        let section = format!(
            "{more}  providers:
    - {{ name: a, format: {format_a}, base_url: \"http://{}\", keys: [ k-a ] }}
    - {{ name: b, format: {format_b}, base_url: \"http://{}\", keys: [ k-b ] }}
  models:
    - name: m
      endpoints:
        - {{ provider: a, model: demo-one, priority: 1, retries: 0 }}
        - {{ provider: b, model: demo-two, priority: 2, retries: 0 }}
",
            a.addr, b.addr
        );
        let gateway = Gateway::start(&section).await;
        Pair { a, b, gateway }
    }

    async fn embed(&self, body: Value) -> Answer {
        self.gateway.post("/v1/embeddings", &body).await
    }

    async fn complete(&self, body: Value) -> Answer {
        self.gateway.post("/v1/completions", &body).await
    }
}

fn paths(vendor: &TestVendor) -> Vec<String> {
    let seen = vendor.vendor.requests();
    seen.into_iter().map(|seen| seen.path).collect()
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
    for format in ["anthropic", "gemini"] {
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
        assert_eq!(
            answer.json()["choices"][0].is_object(),
            true,
            "{}",
            answer.text()
        );
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

const BOUNDARY: &str = "----form-7f3a";

/// A form with a file of that many bytes, and what stands behind the file.
fn form(model: &str, size: usize, more: &str) -> Vec<u8> {
    let file: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
    );
    let rest = format!(
        "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n{more}--{BOUNDARY}--\r\n"
    );
    [head.as_bytes(), &file, rest.as_bytes()].concat()
}

fn form_request(path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("host", "localhost")
        .header(
            "content-type",
            format!("multipart/form-data; boundary=\"{BOUNDARY}\""),
        )
        .body(Full::from(body))
        .unwrap()
}

fn hash(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_any_size_arrives_with_nothing_changed_but_the_model() {
    let pair = Pair::of("openai_chat", "openai_chat").await;
    let mib = 1 << 20;
    for size in [0, 1000, mib - 500, mib, mib + 1, 3 * mib] {
        pair.a.vendor.clear_requests();
        let answer = pair
            .gateway
            .send(form_request(TRANSCRIPTIONS, form("m", size, "")))
            .await;
        assert_eq!(answer.status, 200, "{size}: {}", answer.text());
        let expected = form("demo-one", size, "");
        let seen = &pair.a.vendor.requests()[0];
        assert_eq!(seen.body_bytes, expected.len() as u64);
        assert_eq!(seen.body_sha256, Some(hash(&expected)), "{size}");
        assert_eq!(
            seen.header("content-type").unwrap(),
            format!("multipart/form-data; boundary=\"{BOUNDARY}\"")
        );
        let length = expected.len().to_string();
        assert_eq!(seen.header("content-length"), Some(length.as_str()));
        assert!(
            answer.json()["text"]
                .as_str()
                .unwrap()
                .starts_with("demo-one heard a.wav")
        );
        let record = pair.gateway.record(answer.id()).await;
        assert_eq!(record["bytes_in"], form("m", size, "").len());
    }
    idle(&pair.gateway).await;
}

/// Nothing of any body is left.
async fn idle(gateway: &Gateway) {
    for gauge in [
        "tidegate_body_bytes_in_flight",
        "tidegate_body_bytes_spooled",
    ] {
        assert_eq!(gateway.metric(gauge, &[]).await, 0.0, "{gauge}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_form_fails_over_with_the_same_bytes() {
    for step in [Step::status(500), Fault::Reset.into()] {
        let pair = Pair::of("openai_chat", "openai_chat").await;
        pair.a.vendor.script("demo-one", [step]);
        let size = 5 << 20;
        let request = form_request(TRANSCRIPTIONS, form("m", size, ""));
        let answer = pair.gateway.send(request).await;
        assert_eq!(answer.route(), "b/demo-two", "{}", answer.text());
        for (vendor, model) in [(&pair.a, "demo-one"), (&pair.b, "demo-two")] {
            let seen = vendor.vendor.requests();
            assert_eq!(seen.len(), 1, "{model}");
            assert_eq!(seen[0].body_sha256, Some(hash(&form(model, size, ""))));
        }
        idle(&pair.gateway).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_form_is_not_held_in_memory() {
    let more = "  limits: { max_body: 64MiB }\n";
    let pair = Pair::with("openai_chat", "openai_chat", more).await;
    let small = form_request(TRANSCRIPTIONS, form("m", 1000, ""));
    assert_eq!(pair.gateway.send(small).await.status, 200);
    let before = pair.gateway.resident();
    let answers = (0..4).map(|_| {
        let request = form_request(TRANSCRIPTIONS, form("m", 32 << 20, ""));
        pair.gateway.send(request)
    });
    let answers = futures_util::future::join_all(answers).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let grown = pair.gateway.resident().saturating_sub(before);
    assert!(grown < 48 << 20, "{} MB for 128 MB of forms", grown >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_transcription_and_a_binary_answer_pass() {
    let pair = Pair::of("openai_chat", "openai_chat").await;
    let stream =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n");
    let answer = pair
        .gateway
        .send(form_request(TRANSCRIPTIONS, form("m", 2 << 20, &stream)))
        .await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/event-stream")
    );
    let events = answer.events();
    assert_eq!(events.last().unwrap()["type"], "transcript.text.done");
    assert!(events.len() > 3 && answer.clean);

    let body = json!({ "model": "m", "input": "x".repeat(300_000), "voice": "v" });
    let sound = pair.gateway.post("/v1/audio/speech", &body).await;
    assert_eq!(sound.header("content-type"), "audio/mpeg");
    assert_eq!(sound.body.len(), 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_none_is_a_clear_400_and_asks_nobody() {
    let pair = Pair::of("openai_chat", "openai_chat").await;
    let good = form("m", 100, "");
    let field = |name: &str, value: &str| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let no_model: Vec<u8> = [field("prompt", "x"), format!("--{BOUNDARY}--\r\n")]
        .concat()
        .into();
    let long = field(&"x".repeat(9000), "");
    for (body, says) in [
        (no_model, "names no model"),
        (form("m", 100, &field("model", "n")), "`model` twice"),
        (form("m", 100, &long), "headers of more than"),
        (good[..good.len() - 4].to_vec(), "before its last boundary"),
        (good[10..150].to_vec(), "before its last boundary"),
        (Vec::new(), "before its last boundary"),
    ] {
        let answer = pair.gateway.send(form_request(TRANSCRIPTIONS, body)).await;
        let error = answer.error();
        assert_eq!(answer.status, 400, "{says}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains(says),
            "{says}: {error}"
        );
    }
    let no_boundary = Request::post(TRANSCRIPTIONS)
        .header("host", "localhost")
        .header("content-type", "multipart/form-data")
        .body(Full::from(good.clone()))
        .unwrap();
    let answer = pair.gateway.send(no_boundary).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("names no boundary"));
    for (path, status) in [
        ("/v1/chat/completions", 415),
        ("/v1/embeddings", 415),
        ("/v1/messages", 415),
    ] {
        let answer = pair.gateway.send(form_request(path, good.clone())).await;
        assert_eq!(answer.status, status, "{path}");
    }
    let unknown = form_request(TRANSCRIPTIONS, form("nobody", 10, ""));
    assert_eq!(pair.gateway.send(unknown).await.status, 404);
    assert!(paths(&pair.a).is_empty());
    idle(&pair.gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_stay_within_the_limits() {
    let more = "  limits: { max_body: 4MiB, max_body_in_flight: 6MiB }\n";
    let pair = Pair::with("openai_chat", "openai_chat", more).await;
    let large = form_request(TRANSCRIPTIONS, form("m", 4 << 20, ""));
    assert_eq!(pair.gateway.send(large).await.status, 413);
    pair.a
        .vendor
        .script("demo-one", [Step::from(Fault::NoAnswer)]);
    let fits = || form_request(TRANSCRIPTIONS, form("m", 3_900_000, ""));
    let waiting = pair.gateway.send(fits());
    let second = async {
        let seen = pair.a.vendor.until(PATIENCE, |seen| {
            seen.iter().any(|seen| seen.received.is_some())
        });
        seen.await.unwrap();
        pair.gateway.send(fits()).await
    };
    tokio::select! {
        answer = waiting => panic!("answered: {}", answer.text()),
        answer = second => {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_form_arrives_as_what_it_says() {
    let pair = Pair::of("openai_chat", "openai_chat").await;
    let body = form("m", 2 << 20, "");
    let mut request = form_request(TRANSCRIPTIONS, zstd::encode_all(&body[..], 1).unwrap());
    let encoding = "zstd".parse().unwrap();
    request.headers_mut().insert("content-encoding", encoding);
    let answer = pair.gateway.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = &pair.a.vendor.requests()[0];
    assert_eq!(seen.body_sha256, Some(hash(&form("demo-one", 2 << 20, ""))));
}
