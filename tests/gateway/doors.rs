//! What stands around conversations in every format: prefixes, methods, keys in queries, pages of other origins, and the
//! vendor's own name for a request.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tidegate::demo::{ErrorKind, Match, Step};

use crate::formats::{FORMATS, each, question};
use crate::harness::{Answer, Gateway, post};

async fn ask(gateway: &Gateway, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    gateway
        .send(request.body(Full::<Bytes>::default()).unwrap())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_changes_nothing() {
    let (_vendors, gateway) = each("", "").await;
    let mut asked: Vec<(String, serde_json::Value)> = Vec::new();
    for (from, _) in FORMATS {
        for stream in [false, true] {
            asked.push(question(from, "m-gemini", stream));
            asked.push(question(from, "m-anthropic", stream));
        }
    }
    let turn = json!([{ "role": "user", "content": "say: tide" }]);
    let contents = json!([{ "role": "user", "parts": [{ "text": "say: tide" }] }]);
    let s1 = json!({ "model": "m-gemini", "max_tokens": 9, "messages": turn });
    asked.push(("/v1/anthropic/completions".into(), s1.clone()));
    asked.push(("/v1/messages/count_tokens".into(), s1));
    let s1 = json!({ "model": "m-openai_chat", "contents": contents });
    asked.push(("/v1/gemini/completions".into(), s1));
    for verb in ["countTokens", "streamGenerateContent"] {
        let path = format!("/v1beta/models/m-anthropic:{verb}");
        asked.push((path, json!({ "contents": contents })));
    }
    let embed = json!({ "content": { "parts": [{ "text": "ship" }] } });
    asked.push(("/v1beta/models/m-openai_chat:embedContent".into(), embed));
    for (path, input) in [
        (
            "/v1/embeddings",
            json!({ "model": "m-gemini", "input": "ship" }),
        ),
        (
            "/v1/completions",
            json!({ "model": "m-anthropic", "prompt": "say: tide" }),
        ),
        (
            "/v1/responses/input_tokens",
            json!({ "model": "m-gemini", "input": "ship" }),
        ),
    ] {
        asked.push((path.into(), input));
    }
    for (path, body) in asked {
        let plain = gateway.post(&path, &body).await;
        assert_eq!(plain.status, 200, "{path}: {}", plain.text());
        for prefix in ["/openai", "/anthropic", "/gemini"] {
            let answer = gateway.post(&[prefix, &path].concat(), &body).await;
            let what = format!("{prefix}{path}: {}", answer.text());
            assert_eq!(answer.status, 200, "{what}");
            assert_eq!(answer.route(), plain.route(), "{what}");
            let kind = "content-type";
            assert_eq!(answer.header(kind), plain.header(kind), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn geminis_paths_know_their_methods_and_their_verbs() {
    let (_vendors, gateway) = each("", "").await;
    for prefix in ["", "/gemini", "/openai"] {
        let at = |rest: &str| format!("{prefix}/v1beta/models{rest}");
        for (method, path, status, allow) in [
            ("POST", at("/m-gemini:fooBar"), 404, ""),
            ("POST", at("/m-gemini%3AfooBar"), 404, ""),
            (
                "GET",
                at("/m-gemini%3agenerateContent"),
                405,
                "POST, OPTIONS",
            ),
            ("GET", at("/m-gemini:fooBar"), 404, ""),
            ("GET", at("/m-gemini:generateContent"), 405, "POST, OPTIONS"),
            ("PUT", at("/m-gemini:countTokens"), 405, "POST, OPTIONS"),
            ("POST", at(""), 405, "GET, HEAD, OPTIONS"),
            ("POST", at("/m-gemini"), 405, "GET, HEAD, OPTIONS"),
            ("POST", at("/nobody:generateContent"), 400, ""),
        ] {
            let answer = ask(&gateway, method, &path, &[]).await;
            let what = format!("{method} {path}: {} {}", answer.status, answer.text());
            assert_eq!(answer.status.as_u16(), status, "{what}");
            assert_eq!(answer.header("allow"), allow, "{what}");
            let error = answer.error();
            assert_eq!(error["code"], status, "{what}");
            assert!(error["status"].is_string(), "{what}");
        }
        let answer = ask(&gateway, "OPTIONS", &at("/m-gemini:generateContent"), &[]).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        assert_eq!(answer.header("allow"), "POST, OPTIONS");
        for path in [at(""), at("/m-gemini")] {
            let answer = ask(&gateway, "HEAD", &path, &[]).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
            let answer = ask(&gateway, "GET", &path, &[]).await;
            assert!(
                answer.text().contains("models/m-gemini"),
                "{path}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_may_call_geminis_paths_as_any_other() {
    let (_vendors, gateway) = each(
        "",
        "  auth: open\n  cors: { origins: [ \"https://app.example\" ] }\n",
    )
    .await;
    let origin = ("origin", "https://app.example");
    let path = "/v1beta/models/m-anthropic:generateContent";
    let wants = [
        origin,
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "x-goog-api-key,content-type",
        ),
    ];
    let allowed = ask(&gateway, "OPTIONS", path, &wants).await;
    assert_eq!((allowed.status.as_u16(), allowed.body.len()), (204, 0));
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        "x-goog-api-key,content-type"
    );
    let body =
        json!({ "contents": [{ "parts": [{ "text": "say: tide" }] }], "labels": { "a": "b" } });
    for path in [
        path,
        "/v1beta/models/m-anthropic:streamGenerateContent?alt=sse",
    ] {
        let mut request = post(path, &body);
        request
            .headers_mut()
            .insert("origin", origin.1.parse().unwrap());
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), origin.1);
        let exposed = answer.header("access-control-expose-headers");
        assert!(!answer.header("x-tidegate-dropped").is_empty());
        assert!(exposed.contains("x-tidegate-dropped"), "{exposed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_query_lets_in_and_is_never_seen_again() {
    const KEY: &str = "tg-in-the-query-0123456789";
    let keys = format!("  auth: keys\n  client_keys: [ {{ name: page, value: {KEY} }} ]\n");
    let (vendors, gateway) = each("", &keys).await;
    let body = json!({ "contents": [{ "parts": [{ "text": "say: tide" }] }] });
    for (to, _) in FORMATS {
        for path in [
            format!("/v1beta/models/m-{to}:generateContent?key={KEY}"),
            format!("/v1beta/models/m-{to}:streamGenerateContent?alt=sse&key={KEY}"),
            format!("/gemini/v1beta/models/m-{to}:countTokens?%6bey={KEY}"),
        ] {
            let answer = gateway.post(&path, &body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            gateway.record(answer.id()).await;
        }
        let wrong = format!("/v1beta/models/m-{to}:generateContent?key={KEY}x");
        let answer = gateway.post(&wrong, &body).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(answer.error()["status"], "UNAUTHENTICATED");
        assert!(!answer.text().contains(KEY), "{}", answer.text());
        gateway.record(answer.id()).await;
    }
    assert!(!gateway.stderr().contains("tg-in-the-query"));
    for vendor in &vendors {
        for seen in vendor.vendor.requests() {
            let seen = format!("{seen:?}");
            assert!(!seen.contains("tg-in-the-query"), "{seen}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_name_for_a_request_comes_with_its_answer_and_with_its_error() {
    let (vendors, gateway) = each(", retries: 0", "").await;
    for (vendor, (to, _)) in vendors.iter().zip(FORMATS).take(3) {
        for (from, _) in FORMATS {
            for stream in [false, true] {
                let (path, body) = question(from, &format!("m-{to}"), stream);
                let answer = gateway.post(&path, &body).await;
                let what = format!("{from} -> {to}, {stream}: {}", answer.text());
                assert!(
                    answer.header("x-upstream-request-id").starts_with("req_"),
                    "{what}"
                );
                assert_eq!(answer.header("x-request-id").len(), 26, "{what}");
                let error = Step::error(ErrorKind::InvalidRequest);
                vendor.vendor.always(Match::default(), Some(error));
                let answer = gateway.post(&path, &body).await;
                let what = format!("{from} -> {to}, {stream}: {}", answer.text());
                assert_eq!(answer.status, 400, "{what}");
                assert!(
                    answer.header("x-upstream-request-id").starts_with("req_"),
                    "{what}"
                );
                vendor.vendor.always(Match::default(), None);
            }
        }
    }
}
