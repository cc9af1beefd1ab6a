//! What every answer of the admin side is like, and what each error is.

use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;

use crate::harness::send_h2;
use crate::house::{API, KEY, Visitor, asked, house, problem};

const BEARER: &str = "Bearer tg-admin-key-of-the-test";

/// Method, path, content type, body; then status, name of the problem, and what its text says.
const ERRORS: &[&str] = &[
    "GET|/admin/nothing|||404|not-found|nothing",
    "GET|/admin|||404|not-found|nothing",
    "GET|/ui/~0/x|||404|not-found|nothing",
    "GET|/docs/nothing|||404|not-found|nothing",
    "PATCH|LOGIN|JSON|{}|405|method-not-allowed|PATCH",
    "TRACE|LOGIN|||405|method-not-allowed|TRACE",
    "POST|LOGIN|||415|media-type|Content-Type",
    "POST|LOGIN|text/plain|{}|415|media-type|text/plain",
    "POST|LOGIN|JSON||400|bad-request|no body",
    "POST|LOGIN|JSON|{|400|bad-request|not JSON",
    "POST|LOGIN|JSON|{\"password\": \"\u{1}\"}|400|bad-request|not JSON",
    "POST|LOGIN|JSON|DEEP|422|invalid|password",
    "POST|LOGIN|JSON|LARGE|413|too-large|8 MiB",
    "POST|LOGIN|JSON|{}|422|invalid|password",
    "POST|LOGIN|JSON|[\"admin\"]|422|invalid|an object",
    "POST|LOGIN|JSON|{\"password\": 1}|422|invalid|string",
    "POST|LOGIN|JSON|{\"password\": \"x\", \"user\": \"y\"}|422|invalid|user",
    "POST|LOGIN?x|JSON|{}|400|bad-request|x",
    "GET|/admin/api/v1/status?verbose=1|||400|bad-request|verbose",
    "GET|/admin/api/v1/requests?endpoint=a%00b|||400|bad-request|\"field\":\"endpoint\"",
    "GET|/admin/api/v1/stats?model=a%00b|||400|bad-request|\"field\":\"model\"",
    "GET|/admin/api/v1/audit?account=a%0Ab|||400|bad-request|\"field\":\"account\"",
    "GET|/admin/api/v1/requests?limit=-1|||400|bad-request|\"field\":\"limit\"",
    "PUT|/admin/api/v1/prices/a%00b|JSON|{\"input\": 1}|400|bad-request|\"field\":\"path\"",
    "POST|/admin/api/v1/prices|JSON|{\"name\": \"a\\u0007b\", \"input\": 1}|422|invalid|\"field\":\"name\"",
    "POST|LOGIN|JSON|{\"account\": \"a\\u0000b\", \"password\": \"x\"}|422|invalid|\"field\":\"account\"",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem_that_says_what_is_wrong() {
    let gateway = house("").await;
    let large = format!("{{\"password\": \"{}\"}}", "x".repeat(9 << 20));
    let deep = ["{\"password\": ", &"[".repeat(100_000)].concat();
    for line in ERRORS {
        let [method, path, of, body, status, name, text] =
            line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let path = path.replace("LOGIN", &[API, "/login"].concat());
        let mut request = asked(method, &path, &[("authorization", BEARER)], None);
        if !of.is_empty() {
            let of = of.replace("JSON", "application/json");
            request
                .headers_mut()
                .insert("content-type", of.parse().unwrap());
        }
        *request.body_mut() = Full::new(match body {
            "LARGE" => Bytes::from(large.clone()),
            "DEEP" => Bytes::from(deep.clone()),
            body => Bytes::from_static(body.as_bytes()),
        });
        let answer = gateway.send(request).await;
        assert_eq!(answer.status.as_str(), status, "{line}: {}", answer.text());
        assert_eq!(problem(&answer), name, "{line}");
        assert!(answer.text().contains(text), "{line}: {}", answer.text());
        if status == "405" {
            assert_eq!(answer.header("allow"), "POST", "{line}");
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
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_of_the_ui_is_its_page_and_its_files_are_kept_for_good() {
    let gateway = house("").await;
    let home = gateway.get("/").await.unwrap();
    assert_eq!(
        (home.status.as_u16(), home.header("cache-control")),
        (200, "no-cache")
    );
    for path in ["/ui", "/ui/", "/ui/requests?model=m", "/ui/models/a%2Fb.js"] {
        let page = gateway.get(path).await.unwrap();
        assert_eq!(
            (page.status.as_u16(), page.text()),
            (200, home.text()),
            "{path}"
        );
    }
    let page = home.text();
    let named = page.split('"').filter(|part| part.starts_with("/ui/~"));
    let named: Vec<&str> = named.collect();
    let policy = home.header("content-security-policy");
    assert_eq!(policy.matches("'self' 'sha256-").count(), 2, "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for file in ["/styles.css", "/app.js", "/icon.svg"] {
        let is_named = named.iter().any(|path| path.ends_with(file));
        assert!(is_named, "{file}: {page}");
    }
    for path in named {
        let plain = gateway.get(path).await.unwrap();
        assert_eq!(plain.status, 200, "{path}");
        assert!(
            plain.header("cache-control").contains("immutable"),
            "{path}"
        );
        let policy = plain.header("content-security-policy");
        assert!(
            policy.contains("script-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let headers = [("accept-encoding", "br, gzip")];
        let small = gateway.send(asked("GET", path, &headers, None)).await;
        assert_eq!(small.header("vary"), "accept-encoding");
        if small.header("content-encoding") == "gzip" {
            let mut text = String::new();
            let mut reader = flate2::read::GzDecoder::new(&small.body[..]);
            std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
            assert_eq!(text, plain.text(), "{path}");
        }
    }
    let gone = gateway.get("/ui/~0/nothing.js").await.unwrap();
    assert_eq!(gone.status, 404);
    let earlier = gateway.get("/ui/~0/app.js").await.unwrap();
    assert_eq!(
        (earlier.status.as_u16(), earlier.header("cache-control")),
        (200, "no-cache")
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
