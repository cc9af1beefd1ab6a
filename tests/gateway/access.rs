//! Who is let in, from where, and by which path.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tidegate::demo::{Match, Step};

use crate::harness::{Gateway, TestVendor, chat_body, messages_body, post};
use crate::pools::{Twist, Two, section};
use crate::rows::is_from;

async fn house(gateway: &'static str) -> Two {
    Two::start(Twist {
        gateway,
        ..Twist::default()
    })
    .await
}

fn with(mut request: Request<Full<Bytes>>, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    for (name, value) in headers {
        let name = http::HeaderName::try_from(*name).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

fn chat(headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    with(
        post("/v1/chat/completions", &chat_body("m", false)),
        headers,
    )
}

fn preflight(origin: &str) -> Request<Full<Bytes>> {
    Request::options("/v1/chat/completions")
        .header("host", "localhost")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .body(Full::default())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_call_and_others_are_told_nothing() {
    let two = house(
        "  auth: keys
  client_keys: [ { name: page, value: tg-page-0123456789 } ]
  cors: { origins: [ \"https://app.example\" ] }
",
    )
    .await;
    let allowed = two.gateway.send(preflight("https://app.example")).await;
    assert_eq!((allowed.status.as_u16(), allowed.body.len()), (204, 0));
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        "authorization,content-type"
    );
    assert!(
        allowed
            .header("access-control-allow-methods")
            .contains("POST")
    );
    assert_eq!(allowed.header("vary"), "Origin");
    let refused = two.gateway.send(preflight("https://evil.example")).await;
    assert_eq!((refused.status.as_u16(), refused.body.len()), (204, 0));
    assert_eq!(refused.header("allow"), "POST, OPTIONS");
    for (name, _) in &refused.headers {
        assert!(!name.as_str().starts_with("access-control"), "{name}");
    }

    let key = ("authorization", "Bearer tg-page-0123456789");
    for (stream, status, key) in [
        (false, 200, key),
        (true, 200, key),
        (false, 401, ("accept", "*/*")),
    ] {
        let body = chat_body("m", stream);
        let request = with(
            post("/v1/chat/completions", &body),
            &[("origin", "https://app.example"), key],
        );
        let answer = two.gateway.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "https://app.example",
            "also of an error, or the page cannot read it"
        );
        let exposed = answer.header("access-control-expose-headers");
        assert!(exposed.contains("x-request-id"), "{exposed}");
    }
    let foreign = chat(&[("origin", "https://evil.example"), key]);
    let foreign = two.gateway.send(foreign).await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    assert_eq!(two.a.vendor.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_only_direct_callers_of_this_machine_are_served() {
    let two = house("").await;
    is_from(&two.gateway.send(chat(&[])).await, "a");
    let any = [("authorization", "Bearer whatever")];
    is_from(&two.gateway.send(chat(&any)).await, "a");
    for (header, why) in [
        (("host", "tidegate.example.com"), "a rebound name"),
        (("origin", "https://evil.example"), "a page of another site"),
        (("x-forwarded-for", "203.0.113.7"), "a proxy in between"),
        (("via", "1.1 proxy"), "a proxy in between"),
    ] {
        for (path, body) in [
            ("/v1/chat/completions", chat_body("m", false)),
            ("/v1/messages", messages_body("m", false)),
        ] {
            let answer = two.gateway.send(with(post(path, &body), &[header])).await;
            assert_eq!(answer.status, 401, "{why}: {}", answer.text());
            let error = answer.error();
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("client_keys"), "{why}: {message}");
            if path == "/v1/messages" {
                assert_eq!(error["type"], "authentication_error");
            }
        }
    }
    assert_eq!(two.asked(), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_key_closes_the_door_to_callers_without_one() {
    let two = house("  client_keys: [ { name: ci, value: tg-ci-0123456789 } ]\n").await;
    assert_eq!(two.gateway.send(chat(&[])).await.status, 401);
    let remote = [
        ("x-api-key", "tg-ci-0123456789"),
        ("host", "tidegate.example.com"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    let answer = two.gateway.send(chat(&remote)).await;
    is_from(&answer, "a");
    let record = two.gateway.record(answer.id()).await;
    assert_eq!(record["key"], "ci");
    assert_eq!(
        record["client"], "127.0.0.1",
        "nobody said that this proxy is to be trusted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_who_the_caller_is() {
    let two = house("  auth: open\n  trusted_proxies: [ \"127.0.0.0/8\" ]\n").await;
    let forwarded = [("x-forwarded-for", "6.6.6.6, 203.0.113.7")];
    let answer = two.gateway.send(chat(&forwarded)).await;
    let record = two.gateway.record(answer.id()).await;
    assert_eq!(record["client"], "203.0.113.7");
}

/// A vendor of each format behind one gateway that converts nothing.
async fn of_each_format() -> (Vec<TestVendor>, Gateway) {
    let mut vendors = Vec::new();
    for _ in 0..3 {
        vendors.push(TestVendor::start().await);
    }
    let gateway = Gateway::start(&format!(
        "  providers:
    - {{ name: chat, format: openai_chat, base_url: \"{}\", keys: [ k-chat ] }}
    - {{ name: responses, format: openai_responses, base_url: \"{}\", keys: [ k-responses ] }}
    - {{ name: anthropic, format: anthropic, base_url: \"{}\", keys: [ k-anthropic ] }}
  models:
    - name: m
      mode: direct
      endpoints:
        - {{ provider: chat, model: demo-sonnet }}
        - {{ provider: responses, model: demo-sonnet }}
        - {{ provider: anthropic, model: demo-sonnet }}
    - {{ name: only-chat, mode: direct, endpoints: [ {{ provider: chat, model: demo-sonnet }} ] }}
",
        vendors[0].base_url(),
        vendors[1].base_url(),
        vendors[2].base_url()
    ))
    .await;
    (vendors, gateway)
}

fn responses_body(stream: bool) -> serde_json::Value {
    json!({ "model": "m", "stream": stream, "input": "hello" })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_goes_to_the_endpoints_that_speak_it() {
    let (vendors, gateway) = of_each_format().await;
    for stream in [false, true] {
        let rows = [
            (
                "/v1/chat/completions",
                chat_body("m", stream),
                "chat/demo-sonnet",
            ),
            (
                "/v1/responses",
                responses_body(stream),
                "responses/demo-sonnet",
            ),
            (
                "/v1/messages",
                messages_body("m", stream),
                "anthropic/demo-sonnet",
            ),
        ];
        for (path, body, route) in rows {
            let answer = gateway.post(path, &body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.clean),
                (200, true),
                "{path}: {}",
                answer.text()
            );
            assert_eq!(answer.route(), route);
            assert!(answer.text().contains("hello"), "{}", answer.text());
            let record = gateway.record(answer.id()).await;
            assert_eq!(record["ending"], "complete", "{record}");
            assert!(record["output"].as_u64().unwrap() > 0, "{record}");
            assert!(record["usage_estimated"].is_null(), "{record}");
        }
    }
    assert!(
        vendors
            .iter()
            .all(|vendor| vendor.vendor.requests().len() == 2)
    );
    let answer = gateway.messages("only-chat", false).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.error()["type"], "invalid_request_error");
    assert!(answer.text().contains("format"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_responses_stream_that_breaks_ends_in_an_error_event() {
    let (vendors, gateway) = of_each_format().await;
    vendors[1].vendor.always(
        Match::default(),
        Some(Step::broken(
            tidegate::demo::Place::Events(1),
            tidegate::demo::Break::Reset,
        )),
    );
    let answer = gateway.post("/v1/responses", &responses_body(true)).await;
    let last = answer.events().pop().unwrap();
    assert_eq!(
        (answer.status.as_u16(), &last["type"]),
        (200, &json!("error")),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("response.completed"));
    assert_eq!(gateway.record(answer.id()).await["ending"], "broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_name_the_format_and_are_not_sent_on() {
    let (vendors, gateway) = of_each_format().await;
    let rows = [
        ("/openai/v1/chat/completions", chat_body("m", false), 0),
        ("/openai/v1/responses", responses_body(false), 1),
        ("/anthropic/v1/messages", messages_body("m", false), 2),
        (
            "/anthropic/v1/messages/count_tokens",
            messages_body("m", false),
            2,
        ),
        (
            "/openai/v1/embeddings",
            json!({ "model": "m", "input": "hello" }),
            0,
        ),
        (
            "/v1/completions",
            json!({ "model": "m", "prompt": "hello" }),
            0,
        ),
    ];
    for (path, body, to) in rows {
        let answer = gateway.post(path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let seen = vendors[to].vendor.requests().pop().unwrap();
        let sent = path
            .trim_start_matches("/openai")
            .trim_start_matches("/anthropic");
        assert_eq!(seen.path, sent);
        assert_eq!(seen.model.as_deref(), Some("demo-sonnet"), "{path}");
    }
    for (path, to) in [("/anthropic/v1/new/path", 2), ("/openai/v1/new/path", 0)] {
        let answer = gateway.post(path, &json!({ "model": "m" })).await;
        assert_eq!(answer.status, 404, "the vendor's word: {}", answer.text());
        let seen = vendors[to].vendor.requests().pop().unwrap();
        assert_eq!(seen.path, "/v1/new/path");
        let anthropic = answer.json()["type"] == "error";
        assert_eq!(anthropic, to == 2, "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pingoras_own_flags_are_taken_beside_ours() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&section(
        &vendor.base_url(),
        &vendor.base_url(),
        &Twist::default(),
    ))
    .await;
    let file = gateway.dir().join("tidegate.yaml");
    let test = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .arg("-t")
        .arg("-c")
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    assert!(
        test.status.success(),
        "{}",
        String::from_utf8_lossy(&test.stderr)
    );
    assert!(
        vendor.vendor.requests().is_empty(),
        "a test asks nobody anything"
    );
}
