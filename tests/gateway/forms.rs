//! Forms: audio and images go on byte for byte, but for the model, whatever their size.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use sha2::{Digest, Sha256};
use tidegate::demo::{Fault, Step};

use crate::harness::{Gateway, PATIENCE, send_h2};
use crate::pools::{Pair, paths};

const BOUNDARY: &str = "----form-7f3a";

/// A form with a file of that many bytes, and what stands behind the file.
pub fn form(model: &str, size: usize, more: &str) -> Vec<u8> {
    let file: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
    );
    let rest = format!(
        "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n{more}--{BOUNDARY}--\r\n"
    );
    [head.as_bytes(), &file, rest.as_bytes()].concat()
}

pub fn form_request(path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("host", "localhost")
        .header(
            "content-type",
            format!("multipart/form-data; boundary=\"{BOUNDARY}\""),
        )
        .body(Full::from(body))
        .unwrap()
}

pub fn hash(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

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
    let open = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap();
    let open = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let files: Vec<_> = open
        .filter(|path| path.to_string_lossy().ends_with("(deleted)"))
        .collect();
    assert!(files.is_empty(), "{files:?}");
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
    // What a few at once need stays with the allocator.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_form_arrives_over_http2() {
    let pair = Pair::of("openai_chat", "openai_chat").await;
    let uri = format!("http://{}{TRANSCRIPTIONS}", pair.gateway.addr);
    let mut request = form_request(&uri, form("m", 2 << 20, ""));
    request.headers_mut().remove("host");
    let sent = tokio::time::timeout(PATIENCE, send_h2(pair.gateway.addr, request));
    let answer = sent.await.unwrap().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = &pair.a.vendor.requests()[0];
    let expected = hash(&form("demo-one", 2 << 20, ""));
    assert_eq!(seen.body_sha256, Some(expected));
}
