use std::io::{ErrorKind as IoError, Read};
use std::pin::Pin;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate::demo::{
    Break, Coding, Early, Ending, ErrorBody, ErrorKind, Fault, Hollow, Place, Raw, Setup, Step,
    Unread, Vendor,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Client, PATIENCE, Reply, Stand, stand};

const CHAT: &str = "/v1/chat/completions";

fn stream() -> Value {
    json!({"model": "demo", "stream": true, "messages": [{"role": "user", "content": "words: 9"}]})
}

async fn streamed(stand: &Stand, step: impl Into<Step>) -> Reply {
    stand.vendor.script("demo", [step.into()]);
    stand.post(CHAT, stream()).await
}

/// Sends a request by hand and reads until the end, which may be an error.
async fn raw(stand: &Stand, body: &str) -> (Vec<u8>, std::io::Result<()>) {
    let mut tcp = TcpStream::connect(stand.addr).await.unwrap();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    tcp.write_all(body.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let end = tcp.read_to_end(&mut seen).await.map(drop);
    (seen, end)
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let stand = stand().await;
    stand
        .vendor
        .script("demo", [Fault::Reset.into(), Fault::CloseBeforeHead.into()]);
    let (seen, end) = raw(&stand, &stream().to_string()).await;
    assert!(seen.is_empty());
    assert_eq!(end.unwrap_err().kind(), IoError::ConnectionReset);
    let (seen, end) = raw(&stand, &stream().to_string()).await;
    assert!(seen.is_empty() && end.is_ok());
    let endings: Vec<_> = stand.vendor.requests().iter().map(|s| s.ending()).collect();
    assert_eq!(endings, [Some(Ending::Broken), Some(Ending::Broken)]);
}

#[tokio::test]
async fn what_was_said_before_a_cut_arrives_whole() {
    let stand = stand().await;
    for how in [Break::Close, Break::Reset] {
        stand
            .vendor
            .script("demo", [Step::broken(Place::Events(3), how)]);
        let (seen, end) = raw(&stand, &stream().to_string()).await;
        let seen = String::from_utf8(seen).unwrap();
        assert!(
            seen.contains(r#""content":" 3""#) && !seen.contains(r#""content":" 4""#),
            "{seen}"
        );
        assert_eq!(end.is_err(), how == Break::Reset);
        assert!(!seen.ends_with("0\r\n\r\n"));
    }
    stand
        .vendor
        .script("demo", [Step::broken(Place::Events(3), Break::Close)]);
    let mut h2 = Client::h2(stand.addr).await;
    let reply = h2.post(CHAT, stream()).await.unwrap();
    assert!(reply.end.is_err());
    assert!(reply.text().contains(r#""content":" 3""#));
    assert_eq!(h2.post(CHAT, stream()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_cut_of_much_text_loses_nothing_of_it() {
    let stand = stand().await;
    let half = 1 << 19;
    let step = Step::from(Fault::BigAnswer(2 * half)).and(Fault::Break {
        at: Place::Bytes(half),
        how: Break::Close,
    });
    assert_eq!(streamed(&stand, step).await.bytes().len(), half);
}

#[tokio::test]
async fn silence_lasts_until_the_client_goes_and_the_ledger_says_so() {
    let stand = stand().await;
    let stalls = [
        Fault::NoAnswer.into(),
        Step::broken(Place::Events(2), Break::Stall),
    ];
    stand.vendor.script("demo", stalls);
    for number in 0..2 {
        for h2 in [false, true] {
            stand.vendor.clear_requests();
            let mut client = if h2 {
                Client::h2(stand.addr).await
            } else {
                stand.connect().await
            };
            if h2 {
                let again = [
                    Fault::NoAnswer.into(),
                    Step::broken(Place::Events(2), Break::Stall),
                ];
                stand
                    .vendor
                    .script("demo", again.into_iter().skip(number).take(1));
            }
            let waiting = tokio::spawn(async move { client.post(CHAT, stream()).await.map(drop) });
            stand
                .vendor
                .until(PATIENCE, |s| {
                    s.first().is_some_and(|s| s.received.is_some())
                })
                .await
                .unwrap();
            waiting.abort();
            let gone = |s: &[tidegate::demo::Seen]| s[0].ending() == Some(Ending::ClientGone);
            stand.vendor.until(PATIENCE, gone).await.unwrap();
        }
    }
}

#[tokio::test]
async fn errors_have_the_status_headers_and_body_that_the_step_says() {
    let stand = stand().await;
    let vendor = streamed(&stand, Step::status(529)).await;
    assert_eq!(vendor.status, 529);
    assert_eq!(vendor.json()["error"]["type"], "server_error");
    let html = streamed(
        &stand,
        Step::status(502).body(ErrorBody::Html).header("x-a", "b"),
    )
    .await;
    assert!(html.text().starts_with("<html>") && html.header("x-a") == "b");
    let empty = streamed(&stand, Step::status(503).body(ErrorBody::Empty)).await;
    assert!(empty.bytes().is_empty());
    let garbage = streamed(&stand, Step::status(500).body(ErrorBody::Garbage)).await;
    assert!(String::from_utf8(garbage.bytes()).is_err());
    for (kind, status, code) in [
        (
            ErrorKind::ContextLength,
            400,
            json!("context_length_exceeded"),
        ),
        (
            ErrorKind::ContentPolicy,
            400,
            json!("content_policy_violation"),
        ),
        (
            ErrorKind::InsufficientQuota,
            429,
            json!("insufficient_quota"),
        ),
        (ErrorKind::InvalidKey, 401, json!("invalid_api_key")),
        (ErrorKind::ModelNotFound, 404, json!("model_not_found")),
        (ErrorKind::Overloaded, 503, Value::Null),
    ] {
        let reply = streamed(&stand, Step::error(kind)).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]["code"]),
            (status, &code)
        );
    }
}

#[tokio::test]
async fn a_hollow_success_is_a_200_without_an_answer() {
    let stand = stand().await;
    let hollow = async |hollow| streamed(&stand, Fault::Hollow(hollow)).await;
    assert!(hollow(Hollow::Empty).await.bytes().is_empty());
    assert!(hollow(Hollow::Html).await.text().contains("502"));
    let error = hollow(Hollow::Error(ErrorKind::RateLimit)).await;
    assert_eq!(
        (
            error.status.as_u16(),
            error.json()["error"]["code"].as_str()
        ),
        (200, Some("rate_limit_exceeded"))
    );
    let truncated = hollow(Hollow::Truncated).await;
    assert!(truncated.end.is_ok() && truncated.text().starts_with(r#"{"id""#));
    assert!(serde_json::from_slice::<Value>(&truncated.bytes()).is_err());
}

#[tokio::test]
async fn streams_fail_at_their_place_in_the_way_that_the_step_says() {
    let stand = stand().await;
    let error = Break::Error(ErrorKind::InsufficientQuota);
    let first = streamed(&stand, Step::broken(Place::Start, error))
        .await
        .events();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["error"]["code"], "insufficient_quota");
    let second = streamed(&stand, Step::broken(Place::Preamble, error))
        .await
        .events();
    assert_eq!(
        (second.len(), &second[0]["choices"][0]["delta"]["role"]),
        (2, &json!("assistant"))
    );
    let unfinished = streamed(&stand, Step::broken(Place::Content, Break::End)).await;
    assert!(unfinished.end.is_ok() && !unfinished.text().contains(r#""finish_reason":"stop""#));
    let undone = streamed(&stand, Step::broken(Place::Finish, Break::End)).await;
    assert!(
        undone.end.is_ok()
            && undone.text().contains(r#""stop""#)
            && !undone.text().contains("[DONE]")
    );
    let malformed = streamed(&stand, Fault::MalformedEventAt(3)).await.events();
    assert_eq!(malformed.iter().filter(|e| e.is_string()).count(), 2);
    let empty = streamed(&stand, Fault::EmptyAnswer).await.events();
    assert_eq!(empty.len(), 3);
}

#[tokio::test]
async fn odd_framing_changes_the_bytes_on_the_way_but_not_the_answer() {
    let stand = stand().await;
    let plain = stand.post(CHAT, stream()).await;
    let crlf = streamed(&stand, Fault::CrLf).await.text();
    assert_eq!(crlf.replace("\r\n", "\n"), plain.text());
    assert!(!crlf.replace("\r\n", "").contains('\n'));
    let bytes = streamed(&stand, Fault::OneByteChunks).await;
    assert_eq!(bytes.bytes(), plain.bytes());
    assert!(bytes.frames.len() > plain.bytes().len() / 2);
    let comments = streamed(&stand, Fault::Comments).await.text();
    assert_eq!(comments.replace(": still here\n\n", ""), plain.text());
    let split = Step::from(Fault::SplitUtf8).and(Fault::BigAnswer(64));
    assert!(streamed(&stand, split).await.end.is_ok());
    let giant = streamed(&stand, Fault::GiganticEvent(4 << 20))
        .await
        .events();
    assert_eq!(
        giant[1]["choices"][0]["delta"]["content"]
            .as_str()
            .unwrap()
            .len(),
        4 << 20
    );

    let coded = async |coding| streamed(&stand, Fault::Compressed(coding)).await;
    let gzip = coded(Coding::Gzip).await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&gzip.bytes()[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text());
    let zstd = coded(Coding::Zstd).await.bytes();
    assert_eq!(zstd::stream::decode_all(&zstd[..]).unwrap(), plain.bytes());
    let mut text = String::new();
    let br = coded(Coding::Br).await.bytes();
    brotli::Decompressor::new(&br[..], 4096)
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text());
}

#[tokio::test(start_paused = true)]
async fn slowness_comes_before_the_head_the_content_or_every_event() {
    let stand = stand().await;
    let began = tokio::time::Instant::now();
    streamed(&stand, Fault::SlowHead(Duration::from_secs(2))).await;
    let head = began.elapsed();
    assert!(head >= Duration::from_secs(2), "{head:?}");
    streamed(&stand, Fault::SlowFirstToken(Duration::from_secs(5))).await;
    assert!(began.elapsed() - head >= Duration::from_secs(5));
    streamed(&stand, Fault::SlowBody(Duration::from_secs(1))).await;
    assert!(began.elapsed() - head >= Duration::from_secs(17));
}

#[tokio::test]
async fn an_early_answer_does_not_read_the_request() {
    let stand = stand().await;
    let big = "x".repeat(8 << 20);
    for then in [Unread::Close, Unread::Hold, Unread::Drain] {
        stand.vendor.clear_requests();
        stand.vendor.script(
            "demo",
            [Fault::EarlyAnswer(Early { status: 429, then }).into()],
        );
        let mut tcp = TcpStream::connect(stand.addr).await.unwrap();
        let body = format!(r#"{{"model":"demo","messages":"{big}"}}"#);
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        tcp.write_all(head.as_bytes()).await.unwrap();
        tcp.write_all(&body.as_bytes()[..2000]).await.unwrap();
        let mut start = [0; 12];
        tcp.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 429");
        let rest = tokio::time::timeout(
            Duration::from_millis(300),
            tcp.write_all(&body.as_bytes()[2000..]),
        );
        match (then, rest.await) {
            (Unread::Hold, outcome) => assert!(outcome.is_err(), "the rest must not be read"),
            (Unread::Drain, outcome) => outcome.unwrap().unwrap(),
            (Unread::Close, outcome) => assert!(outcome.is_ok_and(|o| o.is_err())),
        }
        assert_eq!(stand.vendor.requests()[0].body_sha256, None);
    }
}

#[tokio::test]
async fn raw_replies_are_word_for_word_and_wires_need_not_be_http() {
    let stand = stand().await;
    let raw_reply = Raw {
        status: 203,
        headers: [("content-type".to_owned(), "text/event-stream".to_owned())].into(),
        chunks: vec!["data: \u{e4}".into(), "\n\n".into()],
    };
    let reply = streamed(&stand, Fault::Raw(raw_reply)).await;
    assert_eq!(
        (reply.status.as_u16(), reply.text().as_str()),
        (203, "data: \u{e4}\n\n")
    );
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let wire = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort";
    stand
        .vendor
        .script("demo", [Fault::Wire(wire.to_owned()).into()]);
    let (seen, end) = raw(&stand, &stream().to_string()).await;
    assert_eq!(String::from_utf8(seen).unwrap(), wire);
    assert!(end.is_ok());
}

#[tokio::test]
async fn a_connection_is_closed_after_the_answer_without_a_word() {
    let stand = stand().await;
    for body in [
        stream(),
        json!({"model": "demo", "messages": [{"role": "user", "content": "x"}]}),
    ] {
        stand.vendor.script("demo", [Fault::CloseAfter.into()]);
        let (seen, end) = raw(&stand, &body.to_string()).await;
        let seen = String::from_utf8(seen).unwrap();
        assert!(
            end.is_ok() && !seen.to_lowercase().contains("connection: close"),
            "{seen}"
        );
        assert!(
            seen.ends_with("0\r\n\r\n") || seen.ends_with("}\n"),
            "{seen}"
        );
        assert_eq!(stand.vendor.requests()[0].ending(), Some(Ending::Whole));
    }
}

#[tokio::test]
async fn a_reset_goes_through_tls() {
    use openssl::ssl::{Ssl, SslAcceptor, SslConnector, SslMethod, SslVerifyMode};
    let (key, certificate) = certificate();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    let acceptor = acceptor.build();

    let vendor = Vendor::new(Setup::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(vendor.serve_wrapped(listener, move |socket| {
        let ssl = Ssl::new(acceptor.context()).unwrap();
        async move {
            let mut tls = tokio_openssl::SslStream::new(ssl, socket).unwrap();
            Pin::new(&mut tls)
                .accept()
                .await
                .map_err(std::io::Error::other)?;
            Ok(tls)
        }
    }));
    let connect = async || {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        let ssl = connector
            .build()
            .configure()
            .unwrap()
            .into_ssl("localhost")
            .unwrap();
        let tcp = TcpStream::connect(addr).await.unwrap();
        let mut tls = tokio_openssl::SslStream::new(ssl, tcp).unwrap();
        Pin::new(&mut tls).connect().await.unwrap();
        tls
    };
    let reply = Client::over(connect().await)
        .await
        .post(CHAT, stream())
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    vendor.script("demo", [Fault::Reset.into()]);
    let mut tls = connect().await;
    let body = stream().to_string();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    let error = tls.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), IoError::ConnectionReset);
    serving.abort();
}

fn certificate() -> (
    openssl::pkey::PKey<openssl::pkey::Private>,
    openssl::x509::X509,
) {
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key =
        openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (key, builder.build())
}
