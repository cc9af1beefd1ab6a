//! Request bodies of every size and framing, each retried onto a second endpoint: what arrives is what was sent, but for
//! the splices.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tidegate::demo::{Fault, Match, Setup, Step, Vendor};
use tokio::net::TcpStream;

use crate::harness::{Answer, Gateway, TestVendor, collect, send_h2};

/// A chat request of exactly that many bytes, for this model.
fn body_of(size: usize, model: &str) -> String {
    let body = |filler: &str| {
        format!(
            "{{ \"model\":\"{model}\" ,\"messages\":[{{\"role\":\"user\",\"content\":\"{filler}\"}}],\"x\":1.10}}"
        )
    };
    let frame = body("").len();
    let filler: String = "Zeile\\n\\\"ü\\\" "
        .chars()
        .cycle()
        .take(size.saturating_sub(frame))
        .collect();
    // Cut where neither a character nor an escape is broken, and filled up to the byte.
    let mut kept = String::new();
    for word in filler.split_inclusive(' ') {
        if word.ends_with(' ') && frame + kept.len() + word.len() <= size {
            kept.push_str(word);
        }
    }
    kept.push_str(&"x".repeat(size.saturating_sub(frame + kept.len())));
    let whole = body(&kept);
    assert!(serde_json::from_str::<serde_json::Value>(&whole).is_ok());
    whole
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunked,
    H2,
}

async fn send(gateway: &Gateway, framing: Framing, body: String) -> Answer {
    let request = |uri: &str| {
        Request::post(uri)
            .header("host", "localhost")
            .header("content-type", "application/json")
    };
    let whole = |uri: &str, body: String| request(uri).body(Full::from(body)).unwrap();
    match framing {
        Framing::Length => gateway.send(whole("/v1/chat/completions", body)).await,
        Framing::H2 => {
            let uri = format!("http://{}/v1/chat/completions", gateway.addr);
            let mut request = whole(&uri, body);
            request.headers_mut().remove("host");
            tokio::time::timeout(crate::harness::PATIENCE, send_h2(gateway.addr, request))
                .await
                .unwrap()
                .unwrap()
        }
        Framing::Chunked => {
            let started = std::time::Instant::now();
            let tcp = TcpStream::connect(gateway.addr).await.unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
            tokio::spawn(connection);
            let pieces: Vec<Result<_, std::convert::Infallible>> = body
                .as_bytes()
                .chunks(50_000)
                .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
                .collect();
            let request = request("/v1/chat/completions")
                .body(StreamBody::new(stream::iter(pieces)).boxed())
                .unwrap();
            collect(sender.send_request(request).await.unwrap(), started).await
        }
    }
}

fn hash(body: &str) -> String {
    Sha256::digest(body.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

async fn two_vendors(response: &str) -> (TestVendor, TestVendor, Gateway) {
    let setup = || Setup {
        keep_body: 0,
        ..Setup::default()
    };
    let a = TestVendor::serve(Vendor::new(setup())).await;
    let b = TestVendor::serve(Vendor::new(setup())).await;
    let section = format!(
        "  limits: {{ max_body: 32MiB }}
  cooldown: {{ base: 1ms, max: 1ms, probe_after: 1ms }}
  breaker: {{ failures: 1000 }}
  timeouts: {{ response: {response} }}
  providers:
    - {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ k ] }}
    - {{ name: b, format: openai_chat, base_url: \"{}\", keys: [ k ] }}
  models:
    - name: m
      endpoints:
        - {{ provider: a, model: demo-sonnet, priority: 1, retries: 0 }}
        - {{ provider: b, model: demo-opus-2, priority: 2, retries: 0 }}
",
        a.base_url(),
        b.base_url()
    );
    let gateway = Gateway::start(&section).await;
    (a, b, gateway)
}

async fn carry(sizes: &[usize], framing: Framing, response: &str) {
    let steps: [(&str, Step); 4] = [
        ("500", Step::status(500)),
        ("reset", Fault::Reset.into()),
        ("silence", Fault::NoAnswer.into()),
        // Last: the key rests afterwards.
        ("429", Step::status(429).retry_after(60)),
    ];
    for size in sizes {
        let (a, b, gateway) = two_vendors(response).await;
        for (name, step) in &steps {
            a.vendor.clear_requests();
            b.vendor.clear_requests();
            a.vendor.always(Match::default(), Some(step.clone()));
            let sent = body_of(*size, "m");
            let answer = send(&gateway, framing, sent.clone()).await;
            assert_eq!(
                answer.status,
                200,
                "{size} {framing:?} {name}: {}",
                answer.text()
            );
            assert_eq!(answer.route(), "b/demo-opus-2");
            let expected = sent.replacen("\"m\"", "\"demo-opus-2\"", 1);
            let seen = b.vendor.requests();
            assert_eq!(seen.len(), 1, "{size} {framing:?} {name}");
            assert_eq!(seen[0].body_bytes, expected.len() as u64);
            assert_eq!(
                seen[0].body_sha256.as_deref(),
                Some(hash(&expected).as_str()),
                "{size} {framing:?} {name}"
            );
            let first = a.vendor.requests();
            assert!(
                !first.is_empty(),
                "{size} {framing:?} {name}: the first endpoint was asked"
            );
            let spliced = hash(&sent.replacen("\"m\"", "\"demo-sonnet\"", 1));
            let whole = first
                .iter()
                .filter_map(|seen| seen.body_sha256.as_deref())
                .all(|hash| hash == spliced);
            assert!(
                whole,
                "{size} {framing:?} {name}: what the first endpoint got"
            );
            assert_eq!(
                gateway.metric("tidegate_body_bytes_in_flight", &[]).await,
                0.0
            );
        }
    }
}

const SMALL: usize = 80;
const EDGE: [usize; 4] = [SMALL, (64 << 10) - 1, 64 << 10, (64 << 10) + 1];

#[tokio::test(flavor = "multi_thread")]
async fn small_and_edge_bodies_with_a_length() {
    carry(&EDGE, Framing::Length, "1500ms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_and_edge_bodies_in_chunks() {
    carry(&EDGE, Framing::Chunked, "1500ms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_and_edge_bodies_over_http2() {
    carry(&EDGE, Framing::H2, "1500ms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_5_and_20_mb_in_every_framing() {
    for framing in [Framing::Length, Framing::Chunked, Framing::H2] {
        carry(&[5 << 20, 20 << 20], framing, "5s").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expect_100_continue_is_answered_before_the_body() {
    let (_a, _b, gateway) = two_vendors("5s").await;
    let body = body_of(2000, "m");
    let mut client = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut client, head.as_bytes())
        .await
        .unwrap();
    let mut got = vec![0; 256];
    let read = tokio::io::AsyncReadExt::read(&mut client, &mut got);
    let n = tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap()
        .unwrap();
    assert!(got[..n].starts_with(b"HTTP/1.1 100 Continue\r\n"));
    tokio::io::AsyncWriteExt::write_all(&mut client, body.as_bytes())
        .await
        .unwrap();
    let n = tokio::io::AsyncReadExt::read(&mut client, &mut got)
        .await
        .unwrap();
    assert!(
        got[..n].starts_with(b"HTTP/1.1 200 OK\r\n"),
        "{}",
        String::from_utf8_lossy(&got[..n])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_request_bodies_arrive_as_what_they_say() {
    use std::io::Write;
    let (_a, _b, gateway) = two_vendors("5s").await;
    let body = body_of(300_000, "m");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4096, 4, 20);
    brotli.write_all(body.as_bytes()).unwrap();
    let encoded = [
        ("gzip", gzip.finish().unwrap()),
        ("br", brotli.into_inner()),
        ("zstd", zstd::encode_all(body.as_bytes(), 1).unwrap()),
    ];
    let expected = hash(&body.replacen("\"m\"", "\"demo-sonnet\"", 1));
    for (encoding, bytes) in encoded {
        _a.vendor.clear_requests();
        let request = Request::post("/v1/chat/completions")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("content-encoding", encoding)
            .body(Full::from(bytes))
            .unwrap();
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200, "{encoding}: {}", answer.text());
        let seen = &_a.vendor.requests()[0];
        assert_eq!(
            seen.body_sha256.as_deref(),
            Some(expected.as_str()),
            "{encoding}"
        );
        assert_eq!(seen.header("content-encoding"), None);
    }
}

/// A text of so many bytes is a stream of ten million.
const IN_EVENTS: usize = 220 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_10_mb_answer_arrives_whole_and_a_slow_reader_costs_no_memory() {
    let vendor = TestVendor::start().await;
    let section = format!(
        "  providers: [ {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ k ] }} ]
  models: [ {{ name: m, endpoints: [ {{ provider: a, model: demo-sonnet }} ] }} ]
",
        vendor.base_url()
    );
    for top in [
        "threads: 1\n",
        "threads: 4\nwork_stealing: true\n",
        "threads: 4\nwork_stealing: false\n",
    ] {
        let gateway = Gateway::start_with(&section, top).await;
        vendor.vendor.script(
            "demo-sonnet",
            [
                Fault::BigAnswer(10 << 20).into(),
                Fault::BigAnswer(IN_EVENTS).into(),
            ],
        );
        for stream in [false, true] {
            let answer = gateway.chat("m", stream).await;
            assert!(
                answer.clean && answer.body.len() >= 10 << 20,
                "{top} {stream}: {}",
                answer.body.len()
            );
        }
        let before = gateway.resident();
        vendor.vendor.script(
            "demo-sonnet",
            vec![Step::from(Fault::BigAnswer(IN_EVENTS)); 20],
        );
        let mut slow = Vec::new();
        for _ in 0..20 {
            let mut client = TcpStream::connect(gateway.addr).await.unwrap();
            let body = crate::harness::chat_body("m", true).to_string();
            let head = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            tokio::io::AsyncWriteExt::write_all(&mut client, head.as_bytes())
                .await
                .unwrap();
            let mut first = [0; 1024];
            assert!(
                tokio::io::AsyncReadExt::read(&mut client, &mut first)
                    .await
                    .unwrap()
                    > 0
            );
            slow.push(client);
        }
        // 200 MB of answers are under way; what is read of them is what the gateway may hold.
        let grown = gateway.resident().saturating_sub(before);
        assert!(
            grown < 40 << 20,
            "{top}: {} MB for 20 readers that do not read",
            grown >> 20
        );
        drop(slow);
        vendor.vendor.clear_script();
    }
}
