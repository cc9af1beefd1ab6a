//! The way through the data plane: what the admin side is told of the caller, and how bodies and streams pass.
//!
//! A server of the test's own stands where the admin side's socket was: it sees and sends every byte.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::harness::{Gateway, send_h2, until};
use crate::house::{PATIENCE, asked, socket, untouched};

/// Takes the place of the admin side.
fn taken_over(gateway: &Gateway) -> UnixListener {
    let socket = socket(gateway);
    std::fs::remove_file(&socket).unwrap();
    UnixListener::bind(&socket).unwrap()
}

async fn accepted(listener: &UnixListener) -> UnixStream {
    let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
    accepted.expect("a connection comes").unwrap().0
}

/// Reads up to the end of a head; the head, and what came behind it.
async fn head(stream: &mut UnixStream) -> (String, Vec<u8>) {
    let mut read = Vec::new();
    loop {
        let n = stream.read_buf(&mut read).await.unwrap();
        assert!(n > 0, "the request ends early");
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return (String::from_utf8(read).unwrap().to_ascii_lowercase(), body);
        }
    }
}

/// A request with a body of a length that it tells.
fn upload(body: Vec<u8>) -> http::Request<Full<Bytes>> {
    let mut request = asked("POST", "/admin/x", &[], None);
    let length = http::HeaderValue::from(body.len());
    request.headers_mut().insert("content-length", length);
    *request.body_mut() = Full::new(body.into());
    request
}

const NOTHING: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// The headers that the admin side gets of a request.
async fn told(gateway: &Gateway, listener: &UnixListener, headers: &[(&str, &str)]) -> Vec<String> {
    let serving = async {
        let mut stream = accepted(listener).await;
        let (head, _) = head(&mut stream).await;
        stream.write_all(NOTHING).await.unwrap();
        // The next request has a connection of its own.
        drop(stream);
        let lines = head.lines().filter(|line| line.starts_with("x-tidegate-"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let asking = gateway.send(asked("GET", "/admin/x", headers, None));
    let (mut told, answer) = tokio::join!(serving, asking);
    assert_eq!(answer.status, 204);
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_told_by_the_data_plane_alone() {
    let gateway = untouched("  trusted_proxies: [ 127.0.0.1 ]\n").await;
    let listener = taken_over(&gateway);
    let direct = ["x-tidegate-client: 127.0.0.1", "x-tidegate-direct: 1"];
    assert_eq!(told(&gateway, &listener, &[]).await, direct);
    let made_up = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-tidegate-direct", "1"),
        ("X-Tidegate-Client", "127.0.0.1"),
        ("x-tidegate-tls", "1"),
        ("x-tidegate-anything", "1"),
        ("connection", "x-tidegate-client, x-tidegate-direct"),
    ];
    let outsider = told(&gateway, &listener, &made_up).await;
    assert_eq!(outsider, ["x-tidegate-client: 203.0.113.7"]);
    for foreign in [
        ("host", "tidegate.example.com"),
        ("origin", "https://evil.example"),
        ("via", "1.1 proxy"),
    ] {
        let told = told(&gateway, &listener, &[foreign]).await;
        assert_eq!(told, ["x-tidegate-client: 127.0.0.1"], "{foreign:?}");
    }
    let tls = told(
        &gateway,
        &listener,
        &[
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", "https"),
        ],
    )
    .await;
    assert_eq!(tls, ["x-tidegate-client: 203.0.113.7", "x-tidegate-tls: 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_arrives_whole_over_both_versions() {
    let gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for http2 in [false, true] {
        let serving = async {
            let mut stream = accepted(&listener).await;
            let (head, mut body) = head(&mut stream).await;
            assert!(head.contains("content-length: 3000000"), "{head}");
            while body.len() < sent.len() {
                assert!(stream.read_buf(&mut body).await.unwrap() > 0);
            }
            stream.write_all(NOTHING).await.unwrap();
            body
        };
        let mut request = upload(sent.clone());
        let asking = async {
            if !http2 {
                return gateway.send(request).await;
            }
            request.headers_mut().remove("host");
            let uri = format!("http://{}/admin/x", gateway.addr);
            *request.uri_mut() = uri.parse().unwrap();
            send_h2(gateway.addr, request).await.unwrap()
        };
        let (got, answer) = tokio::join!(serving, asking);
        assert_eq!(answer.status, 204);
        assert!(got == sent, "http2: {http2}");
    }
}

/// What the gateway answers to bytes, up to the end of the connection.
async fn raw(gateway: &Gateway, request: &[u8]) -> String {
    let mut client = TcpStream::connect(gateway.addr).await.unwrap();
    client.write_all(request).await.unwrap();
    let mut read = Vec::new();
    let reading = client.read_to_end(&mut read);
    let ended = tokio::time::timeout(PATIENCE, reading).await;
    ended.expect("the connection ends").unwrap();
    String::from_utf8(read).unwrap().to_ascii_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_end_of_a_body_comes_through() {
    let gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let serving = async {
        let mut stream = accepted(&listener).await;
        head(&mut stream).await;
        let refusal = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\n\r\nlarge";
        stream.write_all(refusal.as_bytes()).await.unwrap();
        // Closed with most of the body unread.
    };
    let sending = gateway.send(upload(vec![b'x'; 3_000_000]));
    let ((), answer) = tokio::join!(serving, sending);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.text(), "large");
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_body_arrive_in_pieces_and_an_old_client_gets_an_answer_without() {
    let gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let serving = async {
        let mut stream = accepted(&listener).await;
        let (head, mut body) = head(&mut stream).await;
        while !body.ends_with(b"0\r\n\r\n") {
            assert!(stream.read_buf(&mut body).await.unwrap() > 0);
        }
        stream.write_all(chunked).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    };
    let request = b"POST /admin/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\
        connection: close, x-named\r\nx-named: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let ((head, body), answer) = tokio::join!(serving, raw(&gateway, request));
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(
        !head.contains("x-named") && !head.contains("expect"),
        "{head}"
    );
    assert!(body.contains("abc"), "{body}");
    assert!(answer.starts_with("http/1.1 100 continue\r\n"), "{answer}");
    assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
    assert!(answer.ends_with("2\r\nok\r\n0\r\n\r\n"), "{answer}");

    let serving = async {
        let mut stream = accepted(&listener).await;
        let got = self::head(&mut stream).await.0;
        stream.write_all(chunked).await.unwrap();
        got
    };
    let (head, answer) = tokio::join!(
        serving,
        raw(&gateway, b"GET /admin/x HTTP/1.0\r\nhost: a\r\n\r\n")
    );
    assert!(head.starts_with("get /admin/x http/1.1\r\n"), "{head}");
    assert!(!answer.contains("transfer-encoding"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_in_bits_is_whole_behind_the_gateway() {
    let gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let serving = async {
        let mut stream = accepted(&listener).await;
        let mut body = head(&mut stream).await.1;
        while !body.ends_with(b"0\r\n\r\n") {
            assert!(stream.read_buf(&mut body).await.unwrap() > 0);
        }
        stream.write_all(NOTHING).await.unwrap();
        String::from_utf8(body).unwrap()
    };
    // Wherever a packet ends: in a size, behind it, within the line's end, between two pieces, in the last.
    let bits = [
        "1",
        "0\r\n",
        "0123456789abc",
        "def\r",
        "\n3",
        "\r",
        "\n",
        "xyz\r\n",
        "0\r\n",
        "\r\n",
    ];
    let asking = async {
        let mut client = TcpStream::connect(gateway.addr).await.unwrap();
        client.set_nodelay(true).unwrap();
        let head = b"POST /admin/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        client.write_all(head).await.unwrap();
        for bit in bits {
            // Nothing tells outside when a bit has been read. Where two come as one, less is tried, and nothing fails.
            tokio::time::sleep(Duration::from_millis(60)).await;
            client.write_all(bit.as_bytes()).await.unwrap();
        }
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (body, answer) = tokio::join!(serving, asking);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    assert_eq!(body.matches("0\r\n\r\n").count(), 1, "{body:?}");
    let said: String = body.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(said, "0123456789abcdefxyz");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_waits_for_nobody_is_whole_and_a_body_that_nobody_takes_ends_in_time() {
    let gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let large = vec![b'a'; 1_000_000];
    let serving = async {
        let mut stream = accepted(&listener).await;
        head(&mut stream).await;
        // More than a socket holds, and nothing of the body is read.
        let begin = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", large.len());
        stream.write_all(begin.as_bytes()).await.unwrap();
        stream.write_all(&large).await.unwrap();
        stream
    };
    let request = || upload(vec![b'x'; 3_000_000]);
    let both = async { tokio::join!(serving, gateway.send(request())) };
    let (_stream, answer) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body[..] == large[..], "{} bytes", answer.body.len());

    // No answer either: that is told.
    let serving = async {
        let mut stream = accepted(&listener).await;
        head(&mut stream).await;
        stream
    };
    let both = async { tokio::join!(serving, gateway.send(request())) };
    let (_stream, answer) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_head_alone_was_asked_of_has_no_body_and_the_connection_serves_on() {
    let gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let serving = async {
        for _ in 0..2 {
            let mut stream = accepted(&listener).await;
            head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n")
                .await
                .unwrap();
        }
    };
    let request = b"HEAD /admin/x HTTP/1.1\r\nhost: a\r\n\r\nHEAD /admin/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let ((), answer) = tokio::join!(serving, raw(&gateway, request));
    assert_eq!(answer.matches("content-length: 7").count(), 2, "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_one_by_one_and_a_client_that_leaves_is_noticed() {
    let gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let client = TcpStream::connect(gateway.addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(client)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = asked("GET", "/admin/api/v1/x", &[], None);
    let serving = async {
        let mut stream = accepted(&listener).await;
        head(&mut stream).await;
        let begin = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(begin.as_bytes()).await.unwrap();
        stream
    };
    let (answer, mut stream) = tokio::join!(sender.send_request(request), serving);
    let mut body = answer.unwrap().into_body();
    for n in 0..5 {
        let event = format!("data: {n}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        // The next is sent only when this one has come.
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        let data = frame.unwrap().unwrap().unwrap().into_data().unwrap();
        assert_eq!(data, event);
    }
    drop((body, sender));
    driver.abort();
    let mut rest = [0; 16];
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut rest)).await;
    assert!(
        !matches!(ended.unwrap(), Ok(n) if n > 0),
        "its connection is closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_side_that_is_gone_is_told_and_models_are_served_on() {
    let gateway = untouched("").await;
    drop(taken_over(&gateway));
    let told =
        b"POST /admin/x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}";
    let answer = raw(&gateway, told).await;
    assert!(answer.contains("http/1.1 503 "), "{answer}");
    for method in ["GET", "POST"] {
        let answer = gateway
            .send(asked(method, "/admin/api/v1/status", &[], None))
            .await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["type"], "urn:tidegate:problem:unavailable");
    }
    assert_eq!(gateway.chat("haiku", false).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_lets_an_answer_of_the_admin_side_finish_and_clears_up() {
    let mut gateway = untouched("").await;
    let listener = taken_over(&gateway);
    let folder = socket(&gateway).parent().unwrap().to_owned();
    let (addr, request) = (gateway.addr, asked("GET", "/admin/x", &[], None));
    let asking =
        tokio::spawn(async move { crate::harness::try_send(addr, request).await.unwrap() });
    let mut stream = accepted(&listener).await;
    head(&mut stream).await;
    gateway.signal("TERM");
    until("closed doors", Duration::from_secs(10), async || {
        TcpStream::connect(addr).await.is_err()
    })
    .await;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await
        .unwrap();
    assert_eq!(asking.await.unwrap().text(), "ok");
    assert_eq!(gateway.ended().await, Some(0));
    assert!(!folder.exists() && !gateway.dir().join("data/admin.token").exists());
}
