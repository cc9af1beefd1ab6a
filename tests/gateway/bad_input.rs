//! Bad input: each kind has its answer, in the caller's format.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tidegate::demo::{Fault, Match};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Answer, Gateway, chat_body, messages_body, post};
use crate::pools::{Twist, Two};

async fn house() -> Two {
    let gateway = "  auth: keys
  limits: { max_body: 64KiB, max_body_in_flight: 128KiB, body_read: 700ms }
  client_keys:
    - { name: all, value: tg-all-0123456789 }
    - { name: few, value: tg-few-0123456789, models: [ \"gpt-*\" ] }
    - { name: old, value: tg-old-0123456789, expires: 2020-01-01 }
    - { name: off, value: tg-off-0123456789, enabled: false }
";
    Two::start(Twist {
        gateway,
        ..Twist::default()
    })
    .await
}

fn request(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", "Bearer tg-all-0123456789")
        .body(Full::from(body.into()))
        .unwrap()
}

fn is_refused(answer: &Answer, status: u16, what: &str) {
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text());
    let error = answer.error();
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.len() > 10, "{what}: {}", answer.text());
    assert!(error["type"].is_string(), "{what}: {}", answer.text());
    assert!(!answer.id().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_requests() {
    let two = house().await;
    let deep = format!(
        "{{\"model\":\"m\",\"messages\":{}{}}}",
        "[".repeat(2000),
        "]".repeat(2000)
    );
    let rows: [(&str, String, u16); 13] = [
        ("empty", String::new(), 400),
        ("no JSON", "hello".into(), 400),
        ("an array", "[]".into(), 400),
        ("cut", "{\"model\":\"m\",\"messages\":[".into(), 400),
        (
            "more behind it",
            "{\"model\":\"m\",\"messages\":[]} x".into(),
            400,
        ),
        (
            "a NUL byte",
            "{\"model\":\"m\",\0\"messages\":[]}".into(),
            400,
        ),
        ("too deep", deep, 400),
        ("no model", "{\"messages\":[]}".into(), 400),
        (
            "a model that is a number",
            "{\"model\":1,\"messages\":[]}".into(),
            400,
        ),
        (
            "a key twice",
            "{\"model\":\"m\",\"model\":\"n\",\"messages\":[]}".into(),
            400,
        ),
        (
            "a key twice in disguise",
            "{\"model\":\"m\",\"mod\\u0065l\":\"n\",\"messages\":[]}".into(),
            400,
        ),
        (
            "stream is text",
            "{\"model\":\"m\",\"stream\":\"yes\",\"messages\":[]}".into(),
            400,
        ),
        (
            "unknown model",
            "{\"model\":\"gpt-9\",\"messages\":[]}".into(),
            404,
        ),
    ];
    for (what, body, status) in rows {
        for path in [
            "/v1/chat/completions",
            "/v1/messages",
            "/openai/v1/chat/completions",
            "/anthropic/v1/messages",
        ] {
            let answer = two.gateway.send(request(path, body.clone())).await;
            is_refused(&answer, status, what);
            let anthropic = path.ends_with("messages");
            assert_eq!(
                answer.json()["type"] == "error",
                anthropic,
                "{what}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(two.asked(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_times_and_kinds_of_bodies() {
    let two = house().await;
    let large = "x".repeat(70 << 10);
    is_refused(
        &two.gateway
            .send(request("/v1/messages", large.clone()))
            .await,
        413,
        "too large",
    );
    let mut typed = request("/v1/messages", messages_body("m", false).to_string());
    typed
        .headers_mut()
        .insert("content-type", "text/xml".parse().unwrap());
    is_refused(&two.gateway.send(typed).await, 415, "wrong type");
    let mut coded = request("/v1/messages", messages_body("m", false).to_string());
    coded
        .headers_mut()
        .insert("content-encoding", "lzma".parse().unwrap());
    is_refused(&two.gateway.send(coded).await, 415, "unknown encoding");
    let mut corrupt = request("/v1/messages", "not gzip");
    corrupt
        .headers_mut()
        .insert("content-encoding", "gzip".parse().unwrap());
    is_refused(&two.gateway.send(corrupt).await, 400, "corrupt encoding");
    let bomb = zstd::encode_all(vec![b' '; 64 << 20].as_slice(), 3).unwrap();
    let mut bomb = request("/v1/messages", bomb);
    bomb.headers_mut()
        .insert("content-encoding", "zstd".parse().unwrap());
    is_refused(&two.gateway.send(bomb).await, 413, "a bomb");
    assert_eq!(
        raw(&two.gateway, &head(1000, "{\"model\":")).await.0,
        408,
        "slow"
    );
    assert_eq!(two.asked(), (0, 0));
}

/// A head for a body of that length, and the beginning of it.
fn head(length: usize, beginning: &str) -> String {
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-api-key: tg-all-0123456789\r\ncontent-length: {length}\r\n\r\n{beginning}"
    )
}

/// Writes bytes and reads what comes: the status, and all of it.
async fn raw(gateway: &Gateway, bytes: &str) -> (u16, String) {
    let mut client = TcpStream::connect(gateway.addr).await.unwrap();
    client.write_all(bytes.as_bytes()).await.unwrap();
    let mut got = vec![0; 64 << 10];
    let read = tokio::time::timeout(Duration::from_secs(20), client.read(&mut got)).await;
    let n = read.expect("an answer in time").unwrap_or(0);
    let text = String::from_utf8_lossy(&got[..n]).into_owned();
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    (status, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn more_bodies_than_may_be_held_are_told_to_come_again() {
    let two = house().await;
    let mut holders = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect(two.gateway.addr).await.unwrap();
        client
            .write_all(head(60 << 10, &"x".repeat(50 << 10)).as_bytes())
            .await
            .unwrap();
        holders.push(client);
    }
    let mut statuses = Vec::new();
    for mut client in holders {
        let mut got = [0; 256];
        let n = client.read(&mut got).await.unwrap();
        statuses.push(
            String::from_utf8_lossy(&got[..n])
                .split(' ')
                .nth(1)
                .unwrap_or("")
                .to_owned(),
        );
    }
    assert!(statuses.contains(&"503".to_owned()), "{statuses:?}");
    crate::harness::until("room again", Duration::from_secs(5), async || {
        two.gateway
            .send(request(
                "/v1/messages",
                messages_body("m", false).to_string(),
            ))
            .await
            .status
            == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_may_not() {
    let two = house().await;
    let with = |key: Option<&str>, model: &str| {
        let mut request = post("/v1/chat/completions", &chat_body(model, false));
        if let Some(key) = key {
            request
                .headers_mut()
                .insert("authorization", format!("Bearer {key}").parse().unwrap());
        }
        request
    };
    for (key, status) in [
        (None, 401),
        (Some("tg-nobody-0123456789"), 401),
        (Some("tg-old-0123456789"), 401),
        (Some("tg-off-0123456789"), 401),
        (Some("tg-few-0123456789"), 403),
        (Some("tg-all-0123456789"), 200),
    ] {
        let answer = two.gateway.send(with(key, "m")).await;
        assert_eq!(answer.status.as_u16(), status, "{key:?}: {}", answer.text());
    }
    assert_eq!(two.gateway.get("/v1/models").await.unwrap().status, 401);
    assert_eq!(two.gateway.get("/health").await.unwrap().status, 200);
    assert!(
        !two.gateway.stderr().contains("tg-nobody"),
        "no key in a log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_paths() {
    let two = house().await;
    let answer = two.gateway.get("/v1/messages").await.unwrap();
    is_refused(&answer, 405, "GET of messages");
    assert_eq!(answer.header("allow"), "POST, OPTIONS");
    for path in [
        "/nothing",
        "/v1/nothing/../x",
        "/v2/chat/completions",
        "/v1/files",
    ] {
        is_refused(&two.gateway.send(request(path, "{}")).await, 404, path);
    }
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let mut many = request(path, chat_body("m", false).to_string());
        for n in 0..150 {
            let name = http::HeaderName::try_from(format!("x-h-{n}")).unwrap();
            many.headers_mut()
                .insert(name, http::HeaderValue::from_static("1"));
        }
        is_refused(&two.gateway.send(many).await, 431, path);
    }
    let many: String = (0..400).map(|n| format!("x-h-{n}: 1\r\n")).collect();
    let (status, text) = raw(
        &two.gateway,
        &format!("GET /health HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
    )
    .await;
    // Pingora answers what it cannot parse by itself, with an empty body, before any of ours is asked.
    assert_eq!(status, 400, "too many headers: {text}");
    assert!(text.contains("Content-Length: 0"), "{text}");
    assert_eq!(two.gateway.get("/health").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_request_may_be_shorter_than_the_preface_of_http2() {
    let two = house().await;
    for short in ["GET / HTTP/1.0\r\n\r\n", "OPTIONS / HTTP/1.0\r\n\r\n"] {
        let long = short.replace("\r\n\r\n", "\r\nuser-agent: as long as it takes\r\n\r\n");
        let (status, text) = raw(&two.gateway, short).await;
        assert_eq!(status, raw(&two.gateway, &long).await.0, "{short}: {text}");
        assert!(status >= 200, "{short}: {text}");
    }
    let (status, text) = raw(&two.gateway, "nothing\r\n\r\n").await;
    assert_eq!(status, 400, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn model_lists_in_both_shapes() {
    let two = house().await;
    let list = |anthropic: bool| {
        let mut request = Request::get("/v1/models")
            .header("host", "localhost")
            .header("x-api-key", "tg-all-0123456789");
        if anthropic {
            request = request.header("anthropic-version", "2023-06-01");
        }
        request.body(Full::default()).unwrap()
    };
    let openai = two.gateway.send(list(false)).await.json();
    assert_eq!(
        (openai["object"].as_str(), openai["data"][0]["id"].as_str()),
        (Some("list"), Some("m"))
    );
    let anthropic = two.gateway.send(list(true)).await.json();
    assert_eq!(
        (
            anthropic["data"][0]["type"].as_str(),
            anthropic["has_more"].as_bool()
        ),
        (Some("model"), Some(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vendors_send_wrong_hurts_nobody() {
    for fault in [
        Fault::GiganticEvent(2 << 20),
        Fault::Wire("\u{0}\u{1}\u{2} no http at all".into()),
        Fault::Wire("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{\"a\"".into()),
        Fault::Wire("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".into()),
    ] {
        let two = Two::start(Twist { endpoint_a: ", retries: 0", ..Twist::default() }).await;
        two.a.vendor.always(Match::default(), Some(fault.clone().into()));
        for stream in [false, true] {
            let answer = two.gateway.chat("m", stream).await;
            assert_eq!((answer.status.as_u16(), answer.clean), (200, true), "{fault:?}: {}", answer.text());
        }
        assert_eq!(two.gateway.get("/health").await.unwrap().status, 200);
    }
}
