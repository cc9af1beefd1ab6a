//! Vendors that answer in another manner than they were asked for: whole to a stream request, in events to a plain one.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate::demo::{Fault, Match, Raw, Step};

use crate::formats::{FORMATS, each, is_stream, question};
use crate::harness::{Answer, Gateway, TestVendor, post, try_send};

/// What a vendor answers to that question in its own format.
async fn answer_of(vendor: &TestVendor, format: &str, question: (String, Value)) -> Answer {
    let answer = asked_directly(vendor, format, question).await;
    assert_eq!(answer.status, 200, "{format}: {}", answer.text());
    answer
}

/// The same whatever it answers.
pub async fn asked_directly(
    vendor: &TestVendor,
    format: &str,
    (path, mut body): (String, Value),
) -> Answer {
    if format == "openai_chat" && body["stream"] == true {
        body["stream_options"] = json!({ "include_usage": true });
    }
    let key = match format {
        "anthropic" => "x-api-key",
        "gemini" => "x-goog-api-key",
        _ => "authorization",
    };
    let mut request = post(&path, &body);
    let value = match key {
        "authorization" => "Bearer key-of-the-test",
        _ => "key-of-the-test",
    };
    request.headers_mut().insert(key, value.parse().unwrap());
    let version = "2023-06-01".parse().unwrap();
    request.headers_mut().insert("anthropic-version", version);
    try_send(vendor.addr, request).await.unwrap()
}

/// From now on the vendor says these bytes to everything.
pub fn says(vendor: &TestVendor, answer: &Answer, bytes: Bytes) {
    let content_type = answer.header("content-type").to_owned();
    let raw = Raw {
        status: 200,
        headers: BTreeMap::from([("content-type".to_owned(), content_type)]),
        chunks: vec![bytes],
    };
    let step = Step::from(Fault::Raw(raw));
    vendor.vendor.always(Match::default(), Some(step));
}

/// The text of an answer, whole or in events, in any format.
fn text(answer: &Answer) -> String {
    let of = |value: &Value| {
        let places = [
            "/choices/0/delta/content",
            "/choices/0/message/content",
            "/delta/text",
            "/content/0/text",
            "/output/0/content/0/text",
            "/candidates/0/content/parts/0/text",
        ];
        let is_delta = value["type"] == "response.output_text.delta";
        let delta = value["delta"].as_str().filter(|_| is_delta);
        let found = places
            .iter()
            .find_map(|place| value.pointer(place)?.as_str());
        delta.or(found).unwrap_or_default().to_owned()
    };
    match is_stream(answer) {
        true => answer.events().iter().map(of).collect(),
        false => of(&answer.json()),
    }
}

async fn is_told(gateway: &Gateway, answer: &Answer, stream: bool, what: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.clean, is_stream(answer)),
        (200, true, stream),
        "{what}: {}",
        answer.text()
    );
    assert_eq!(answer.error(), Value::Null, "{what}: {}", answer.text());
    let record = gateway.record(answer.id()).await;
    assert_eq!(record["ending"], "complete", "{what}: {record}");
    assert!(record["output"].as_u64().unwrap() > 0, "{what}: {record}");
    assert!(record["usage_estimated"].is_null(), "{what}: {record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_the_other_manner_becomes_what_was_asked_for() {
    for stream in [true, false] {
        let (vendors, gateway) = each("", "").await;
        for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
            let other = answer_of(vendor, to, question(to, "demo-sonnet", !stream)).await;
            says(vendor, &other, other.body.clone());
            for (from, _) in FORMATS {
                let (path, body) = question(from, &format!("m-{to}"), stream);
                let answer = gateway.post(&path, &body).await;
                let what = format!("{from} -> {to}, stream {stream}");
                is_told(&gateway, &answer, stream, &what).await;
                assert_eq!(text(&answer), "tide", "{what}: {}", answer.text());
                if stream {
                    let ends = ["[DONE]", "response.completed", "message_stop", "STOP"];
                    assert!(
                        ends.iter().any(|end| answer.text().contains(end)),
                        "{what}: {}",
                        answer.text()
                    );
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_not_passed_on_in_the_wrong_manner() {
    let (vendors, gateway) = each("", "").await;
    for (vendor, (format, _)) in vendors.iter().zip(FORMATS) {
        for stream in [true, false] {
            let long = "tide ".repeat(15_000);
            let (path, mut body) = question(format, "demo-sonnet", !stream);
            body = serde_json::from_str(&body.to_string().replace("tide", &long)).unwrap();
            if format == "anthropic" {
                body["max_tokens"] = json!(100_000);
            }
            let other = answer_of(vendor, format, (path, body)).await;
            assert!(other.body.len() > 70_000, "{format}");
            says(vendor, &other, other.body.clone());
            let (path, body) = question(format, &format!("m-{format}"), stream);
            let answer = gateway.post(&path, &body).await;
            let what = format!("{format}, stream {stream}");
            is_told(&gateway, &answer, stream, &what).await;
            assert!(text(&answer).len() > 70_000, "{what}");
            vendor.vendor.always(Match::default(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_in_the_other_manner_is_an_error_and_never_an_answer() {
    for stream in [true, false] {
        let (vendors, gateway) = each(", retries: 0", "  cooldown: { base: 1ms, max: 1ms, probe_after: 1ms }\n  breaker: { failures: 10000 }\n").await;
        for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
            let other = answer_of(vendor, to, question(to, "demo-sonnet", !stream)).await;
            for share in [2, 4, 6] {
                let cut = other.body.len() * share / 10;
                says(vendor, &other, other.body.slice(..cut));
                for (from, _) in FORMATS {
                    let (path, body) = question(from, &format!("m-{to}"), stream);
                    let answer = gateway.post(&path, &body).await;
                    let what = format!("{from} -> {to}, stream {stream}, {share}");
                    assert!(
                        [502, 503].contains(&answer.status.as_u16()),
                        "{what}: {} {}",
                        answer.status,
                        answer.text()
                    );
                    assert!(answer.error().is_object(), "{what}: {}", answer.text());
                }
            }
            vendor.vendor.always(Match::default(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_in_a_stream_that_was_made_here_is_for_who_asked() {
    let (vendors, gateway) = each("", "").await;
    let (path, body) = question("openai_chat", "demo-sonnet", false);
    let other = answer_of(&vendors[0], "openai_chat", (path, body)).await;
    says(&vendors[0], &other, other.body.clone());
    let (path, mut body) = question("openai_chat", "m-openai_chat", true);
    let answer = gateway.post(&path, &body).await;
    let has_usage = |answer: &Answer| answer.events().iter().any(|e| e["usage"].is_object());
    assert!(!has_usage(&answer), "{}", answer.text());
    body["stream_options"] = json!({ "include_usage": true });
    let answer = gateway.post(&path, &body).await;
    assert!(has_usage(&answer), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_in_the_other_manner_is_no_answer() {
    let (vendors, gateway) = each(", retries: 0", "").await;
    let body =
        |stream: bool| json!({ "model": "m-openai_chat", "prompt": "say: tide", "stream": stream });
    let whole = gateway.post("/v1/completions", &body(false)).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    says(&vendors[0], &whole, whole.body.clone());
    let answer = gateway.post("/v1/completions", &body(true)).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
}
