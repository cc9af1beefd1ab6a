//! What every answer of the admin side is like, and what each error is.

use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;

use crate::harness::send_h2;
use crate::house::{API, KEY, Visitor, asked, house, problem};

const BEARER: &str = "Bearer tg-admin-key-of-the-test";

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem_that_says_what_is_wrong() {
    let gateway = house("").await;
    let login = [API, "/login"].concat();
    let raw = |method: &str, path: &str, of: &str, body: &str| {
        let mut request = asked(method, path, &[("authorization", BEARER)], None);
        if !of.is_empty() {
            request
                .headers_mut()
                .insert("content-type", of.parse().unwrap());
        }
        *request.body_mut() = Full::new(Bytes::from(body.to_owned()));
        request
    };
    let json = "application/json";
    let large = format!("{{\"password\": \"{}\"}}", "x".repeat(9 << 20));
    let deep = "[".repeat(100_000);
    for (request, status, name, text) in [
        (
            raw("GET", "/admin/nothing", "", ""),
            404,
            "not-found",
            "nothing",
        ),
        (raw("GET", "/admin", "", ""), 404, "not-found", "nothing"),
        (raw("GET", "/ui/x", "", ""), 404, "not-found", "nothing"),
        (
            raw("GET", "/docs/../x", "", ""),
            404,
            "not-found",
            "nothing",
        ),
        (
            raw("PATCH", &login, json, "{}"),
            405,
            "method-not-allowed",
            "PATCH",
        ),
        (
            raw("TRACE", &login, "", ""),
            405,
            "method-not-allowed",
            "TRACE",
        ),
        (
            raw("POST", &login, "", ""),
            415,
            "media-type",
            "Content-Type",
        ),
        (
            raw("POST", &login, "text/plain", "{}"),
            415,
            "media-type",
            "text/plain",
        ),
        (raw("POST", &login, json, ""), 400, "bad-request", "no body"),
        (
            raw("POST", &login, json, "{"),
            400,
            "bad-request",
            "not JSON",
        ),
        (
            raw("POST", &login, json, &deep),
            422,
            "invalid",
            "an object",
        ),
        (
            raw("POST", &login, json, "{\"password\": \"\u{1}\"}"),
            400,
            "bad-request",
            "not JSON",
        ),
        (raw("POST", &login, json, "{}"), 422, "invalid", "password"),
        (
            raw("POST", &login, json, "[\"admin\"]"),
            422,
            "invalid",
            "an object",
        ),
        (
            raw("POST", &login, json, "{\"password\": 1}"),
            422,
            "invalid",
            "string",
        ),
        (
            raw(
                "POST",
                &login,
                json,
                "{\"password\": \"x\", \"user\": \"y\"}",
            ),
            422,
            "invalid",
            "user",
        ),
        (raw("POST", &login, json, &large), 413, "too-large", "8 MiB"),
        (
            raw("GET", &[API, "/status?verbose=1"].concat(), "", ""),
            400,
            "bad-request",
            "verbose",
        ),
        (
            raw("POST", &[&login, "?x"].concat(), json, "{}"),
            400,
            "bad-request",
            "x",
        ),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = gateway.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text());
        assert_eq!(problem(&answer), name, "{what}");
        assert!(answer.text().contains(text), "{what}: {}", answer.text());
        if status == 405 {
            assert_eq!(answer.header("allow"), "POST", "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_kept_guessed_or_framed() {
    let gateway = house("  cors: { origins: [ \"*\" ] }\n").await;
    for (path, page) in [
        ("/docs", true),
        ("/docs/docs.js", true),
        ("/docs/docs.css", true),
        ("/admin/api/v1/status", false),
        ("/admin/api/v1/openapi.json", false),
        ("/admin/nothing", false),
    ] {
        let headers = [
            ("authorization", BEARER),
            ("origin", "https://evil.example"),
        ];
        let answer = gateway.send(asked("GET", path, &headers, None)).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains("http"),
            "{path}: {policy}"
        );
        assert_eq!(policy.contains("script-src 'self'"), page, "{path}");
        let kept = if page { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), kept, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        let cors = answer.header("access-control-allow-origin");
        assert_eq!(cors, "", "`cors` is about models: {path}");
    }
    let home = gateway.get("/").await.unwrap();
    assert_eq!(
        (home.status.as_u16(), home.header("location")),
        (303, "/docs")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_clients_are_served_alike_and_the_other_name_of_the_api_too() {
    let gateway = house("").await;
    let uri = format!("http://{}/api/admin/session", gateway.addr);
    let mut request = asked("GET", "/", &[("authorization", BEARER)], None);
    request.headers_mut().remove("host");
    *request.uri_mut() = uri.parse().unwrap();
    let answer = send_h2(gateway.addr, request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["account"], "admin-key");
    let body = json!({ "name": "eva", "role": "viewer", "password": "long enough" });
    let headers = [("authorization", BEARER)];
    let made = gateway
        .send(asked("POST", "/api/admin/accounts", &headers, Some(&body)))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let unknown = gateway
        .send(asked("GET", "/api/admin/accounts?x=1", &headers, None))
        .await;
    assert_eq!(unknown.status, 400);
    let nobody = gateway
        .send(asked("GET", "/api/admin/accounts", &[], None))
        .await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_page_is_no_request_to_a_model() {
    let gateway = house("").await;
    for _ in 0..5 {
        let status = Visitor::bearer(KEY).get(&gateway, "/status").await.json();
        assert_eq!(
            (&status["in_flight"], &status["records"]["lost"]),
            (&json!(0), &json!(0))
        );
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    }
    assert_eq!(
        gateway
            .records()
            .iter()
            .filter(|line| line["path"]
                .as_str()
                .is_some_and(|path| path.starts_with("/admin")))
            .count(),
        0
    );
}
