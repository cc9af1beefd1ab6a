//! Clients that do what HTTP allows and few do, and some that do what it forbids.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tidegate::demo::{Break, Fault, Match, Place, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{
    Gateway, TestVendor, chat_body, collect, dead_addr, messages_body, post, send_h2, try_send,
};
use crate::pools::{Twist, Two, section};
use crate::rows::is_from;

fn raw_chat(stream: bool) -> String {
    let body = chat_body("m", stream).to_string();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Connects and writes.
async fn say(gateway: &Gateway, text: &str) -> TcpStream {
    let mut client = TcpStream::connect(gateway.addr).await.unwrap();
    client.write_all(text.as_bytes()).await.unwrap();
    client
}

/// Reads until the gateway closes.
async fn hear(client: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut got)).await;
    assert!(read.is_ok(), "an open connection and nothing on it");
    String::from_utf8_lossy(&got).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_ahead_of_an_answer_waits_its_turn() {
    let next = "GET /v1/models/m HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    for stream in [false, true] {
        let two = Two::start(Twist::default()).await;
        let slow = Fault::SlowFirstToken(Duration::from_millis(400));
        two.a.vendor.script("demo-sonnet", [Step::from(slow)]);
        let mut client = say(&two.gateway, &raw_chat(stream)).await;
        let asked = two.a.vendor.until(Duration::from_secs(5), |seen| {
            seen.iter().any(|seen| seen.received.is_some())
        });
        asked.await.unwrap();
        client.write_all(next.as_bytes()).await.unwrap();
        let got = hear(&mut client).await;
        let (first, second) = got.split_at(got.rfind("HTTP/1.1 ").unwrap());
        assert!(
            first.starts_with("HTTP/1.1 200") && first.contains("hello"),
            "{got}"
        );
        assert_eq!(stream, first.contains("data: [DONE]"), "{got}");
        assert!(
            second.starts_with("HTTP/1.1 200") && second.contains("\"id\":\"m\""),
            "{got}"
        );
        let all_at_once = [raw_chat(stream), raw_chat(stream), next.to_owned()].concat();
        let got = hear(&mut say(&two.gateway, &all_at_once).await).await;
        assert_eq!(got.matches("HTTP/1.1 200").count(), 3, "{got}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_in_a_stream_gets_no_proper_end() {
    let two = Two::start(Twist::default()).await;
    let stalls = Step::broken(Place::Events(2), Break::Stall);
    two.a.vendor.always(Match::default(), Some(stalls));
    let mut client = TcpStream::connect(two.gateway.addr).await.unwrap();
    client.write_all(raw_chat(true).as_bytes()).await.unwrap();
    let mut got = vec![0; 1 << 16];
    assert!(client.read(&mut got).await.unwrap() > 0);
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    // A reset is as good as an end here.
    client.read_to_end(&mut rest).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&rest);
    assert!(!text.contains("0\r\n\r\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_an_end_that_can_be_found_is_the_connections_last() {
    let two = Two::start(Twist::default()).await;
    for (path, chunk) in [
        ("/v1/chat/completions", "zz\r\n"),
        ("/v1/messages", "ffffffffffffffffff\r\n"),
        ("/v1/messages", "-1\r\n"),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n{chunk}"
        );
        let smuggled = "GET /v1/models/m HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut client = say(&two.gateway, &head).await;
        client.readable().await.unwrap();
        // The gateway may have closed already, which is as good.
        client
            .write_all(smuggled.as_bytes())
            .await
            .unwrap_or_default();
        let got = hear(&mut client).await;
        assert!(got.starts_with("HTTP/1.1 400"), "{chunk}: {got}");
        assert!(got.contains("\"error\""), "{chunk}: {got}");
        assert_eq!(got.matches("HTTP/1.1").count(), 1, "{chunk}: {got}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_the_connection_usable_and_reaches_who_still_writes() {
    let two = Two::start(Twist::default()).await;
    let stream = TcpStream::connect(two.gateway.addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let wrong_type = |size: usize| {
        Request::post("/v1/chat/completions")
            .header("host", "localhost")
            .header("content-type", "text/plain")
            .body(Full::from("x".repeat(size)))
            .unwrap()
    };
    let rows = [
        (wrong_type(500), 415),
        (wrong_type(3 << 20), 415),
        (post("/v1/nothing/../x", &chat_body("m", false)), 404),
        (post("/v1/chat/completions", &chat_body("m", false)), 200),
    ];
    for (request, status) in rows {
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let answer = collect(answer, Instant::now()).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    }
    driver.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_ours_is_refused_over_http2_too() {
    let two = Two::start(Twist::default()).await;
    for (authority, status) in [("localhost", 200), ("tidegate.example.com", 401)] {
        let mut request = post("/v1/chat/completions", &chat_body("m", false));
        request.headers_mut().remove("host");
        *request.uri_mut() = format!("http://{authority}/v1/chat/completions")
            .parse()
            .unwrap();
        let answer = send_h2(two.gateway.addr, request).await.unwrap();
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{authority}: {}",
            answer.text()
        );
    }
}

/// The client's own credential goes to the vendor of `keys: passthrough`; the key that let it in here never does.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_key_never_leaves_the_house() {
    let two = Two::start(Twist {
        gateway: "  auth: keys
  client_keys: [ { name: ci, value: tg-ci-0123456789 } ]
",
        keys_a: "passthrough",
        ..Twist::default()
    })
    .await;
    let key = "tg-ci-0123456789";
    let bearer = format!("Bearer {key}");
    let own = ("authorization", "Bearer sk-own-9876543210");
    let ours = ("authorization", bearer.as_str());
    for (headers, own) in [
        (vec![ours], None),
        (vec![("x-api-key", key), own], Some("sk-own")),
        (vec![("x-tidegate-key", key), own], Some("sk-own")),
        (vec![("x-api-key", key), ours], None),
    ] {
        let mut request = post("/v1/chat/completions", &chat_body("m", false));
        for (name, value) in headers {
            let name = http::HeaderName::try_from(name).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        two.gateway.send(request).await;
        let seen = two.a.vendor.requests().pop().unwrap();
        let all = format!("{:?}", seen.headers);
        assert!(!all.contains(key), "{all}");
        if let Some(own) = own {
            assert!(all.contains(own), "{all}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decoding_a_body_takes_no_more_memory_than_there_may_be() {
    let two = Two::start(Twist {
        gateway: "  limits: { max_body: 8MiB, max_body_in_flight: 8MiB }\n",
        ..Twist::default()
    })
    .await;
    two.a
        .vendor
        .script("demo-sonnet", [Step::from(Fault::NoAnswer)]);
    let mut large = chat_body("m", false);
    large["messages"][0]["content"] = "x".repeat(6 << 20).into();
    let addr = two.gateway.addr;
    let held =
        tokio::spawn(async move { try_send(addr, post("/v1/chat/completions", &large)).await });
    two.a
        .vendor
        .until(Duration::from_secs(10), |seen| {
            seen.iter().any(|seen| seen.received.is_some())
        })
        .await
        .unwrap();
    let bomb = zstd::encode_all(&vec![b' '; 7 << 20][..], 3).unwrap();
    let before = two.gateway.resident();
    // Were they decoded, they would be 210 MiB; what the allocator keeps of what was begun is a part of one, by thread.
    for _ in 0..30 {
        let request = Request::post("/v1/chat/completions")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("content-encoding", "zstd")
            .body(Full::from(bomb.clone()))
            .unwrap();
        let answer = two.gateway.send(request).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(!answer.header("retry-after").is_empty());
    }
    let after = two.gateway.resident();
    assert!(after < before + (64 << 20), "{before} -> {after}");
    held.abort();
    is_from(&two.gateway.chat("m", false).await, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_costs_no_patience() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&section(
        "http://no-such-host.invalid/v1",
        &vendor.base_url(),
        &Twist::default(),
    ))
    .await;
    let answer = gateway.chat("m", false).await;
    assert_eq!(answer.route(), "b/demo-sonnet", "{}", answer.text());
    assert!(answer.total < Duration::from_secs(5), "{:?}", answer.total);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_does_not_read_is_left_when_it_is_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let holding = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&section(
        &format!("http://{addr}/v1"),
        &vendor.base_url(),
        &Twist {
            gateway: "  timeouts: { response: 1s, first_token: 1s, total: 20s }\n",
            ..Twist::default()
        },
    ))
    .await;
    let mut body = chat_body("m", false);
    body["messages"][0]["content"] = format!("hello {}", "x".repeat(20 << 20)).into();
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.route(), "b/demo-sonnet", "{}", answer.status);
    assert!(answer.total < Duration::from_secs(8), "{:?}", answer.total);
    let record = gateway.record(answer.id()).await;
    assert_eq!(
        crate::harness::attempts(&record)[0],
        "a/demo-sonnet:no_first_token"
    );
    holding.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_got_is_what_is_counted() {
    let dead = dead_addr();
    let gateway = Gateway::start(&format!(
        "  providers:
    - {{ name: a, format: [ openai_chat, anthropic ], base_url: \"http://{dead}/v1\", keys: [ k ] }}
  models: [ {{ name: m, endpoints: [ {{ provider: a, model: x, retries: 0 }} ] }} ]
"
    ))
    .await;
    for answer in [
        gateway.chat("m", false).await,
        gateway.messages("m", true).await,
        gateway
            .post("/v1/messages", &messages_body("nobody", false))
            .await,
    ] {
        let record = gateway.record(answer.id()).await;
        assert_eq!(record["status"], answer.status.as_u16(), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_statuses_of_vendors_become_errors_that_http_knows() {
    for (status, told) in [(529, 503), (999, 502), (600, 502)] {
        let two = Two::start(Twist {
            endpoint_a: ", retries: 0",
            endpoint_b: ", retries: 0",
            ..Twist::default()
        })
        .await;
        for vendor in [&two.a, &two.b] {
            vendor
                .vendor
                .always(Match::default(), Some(Step::status(status)));
        }
        let answer = two.gateway.chat("m", false).await;
        assert_eq!(answer.status.as_u16(), told, "{status}: {}", answer.text());
        let told = told.to_string();
        let labels = [("status", told.as_str())];
        let counted = two.gateway.metric("tidegate_requests_total", &labels);
        assert_eq!(counted.await, 1.0, "{status}");
    }
}
