//! Answers that break off and are not gone on with: what the client is told, and what is never told.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::demo::{Break, ErrorKind, Fault, Match, Place, Step};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::{Answer, Gateway, TestVendor, attempts};
use crate::resume::{Case, Cases, breaks_off, full, question, said};

/// The stream ends in one error, and what was said is the beginning of the answer and nothing else.
fn is_broken_off(format: &str, answer: &Answer) {
    ends_in_one_error(format, answer);
    assert_ne!(said(format, answer), full(), "{}", answer.text());
}

/// The same, where all may have been said but that this was all.
pub fn ends_in_one_error(format: &str, answer: &Answer) {
    let text = answer.text();
    assert!(answer.clean, "{text}");
    let said = said(format, answer);
    assert!(!said.is_empty() && full().starts_with(&said), "{text}");
    let events = answer.events();
    let is_error = |event: &&Value| {
        event["error"].is_object()
            || event["type"] == "error"
            || event["response"]["error"].is_object()
    };
    let errors = events.iter().filter(is_error).count();
    // Responses has two, where the gateway writes the stream.
    let most = if format == "openai_responses" { 2 } else { 1 };
    assert!((1..=most).contains(&errors), "{text}");
    assert!(is_error(&events.last().unwrap()), "{text}");
    for end in ["[DONE]", "message_stop", "response.completed"] {
        assert!(!text.contains(end), "{text}");
    }
    if format == "openai_responses" {
        for (n, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], n, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_words_are_an_error_and_never_spliced() {
    let every = Case::every();
    let cases = Cases::start(&every, "restart", breaks_off()).await;
    // A longer answer that is another one, and a shorter one that is the beginning.
    for other in [200, 3] {
        let step = Step::from(Fault::BigAnswer(other));
        cases.b.vendor.always(Match::default(), Some(step));
        for (case, answer) in cases.ask_all(&every).await {
            // Who broke off is cooling, so that the second vendor may be the only one that is asked.
            let record = cases.gateway.record(answer.id()).await;
            if attempts(&record).len() < 2 {
                continue;
            }
            is_broken_off(case.client, &answer);
            assert_eq!(record["ending"], "broken");
            assert!(attempts(&record)[1].ends_with(":other_words"), "{record}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_go_on_the_client_is_told_in_its_stream() {
    let ends = [
        Step::status(500),
        Step::status(429),
        Step::from(Fault::Error(ErrorKind::ContentPolicy)),
        Step::from(Fault::Reset),
        Step::broken(Place::Events(2), Break::Close),
    ];
    for resume in ["prefill", "restart"] {
        for end in &ends {
            let few = Case::few();
            let cases = Cases::start(&few, resume, breaks_off()).await;
            cases.b.vendor.always(Match::default(), Some(end.clone()));
            for (case, answer) in cases.ask_all(&few).await {
                is_broken_off(case.client, &answer);
                let record = cases.gateway.record(answer.id()).await;
                assert_eq!(record["ending"], "broken", "{record}");
                assert!(attempts(&record).len() >= 2, "{record}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_sent_call_is_an_error() {
    let few = Case::few();
    for resume in ["prefill", "restart"] {
        let step = Step::broken(Place::Content, Break::Close);
        let cases = Cases::start(&few, resume, step).await;
        for case in &few {
            let model = format!("m-{}", case.name());
            let body = match case.client {
                "openai_chat" => json!({ "model": model, "stream": true,
                    "tools": [{ "type": "function", "function": { "name": "look", "parameters": { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] } } }],
                    "messages": [{ "role": "user", "content": "use the tool look" }] }),
                "anthropic" => json!({ "model": model, "stream": true, "max_tokens": 99,
                    "tools": [{ "name": "look", "input_schema": { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] } }],
                    "messages": [{ "role": "user", "content": "use the tool look" }] }),
                "openai_responses" => json!({ "model": model, "stream": true,
                    "tools": [{ "type": "function", "name": "look", "strict": false, "parameters": { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] } }],
                    "input": "use the tool look" }),
                // Calls come whole there.
                _ => continue,
            };
            let (path, _) = question(case.client, &model);
            let answer = cases.gateway.post(&path, &body).await;
            assert!(answer.text().contains("look"), "{}", answer.text());
            let record = cases.gateway.record(answer.id()).await;
            assert_eq!(attempts(&record).len(), 1, "{record}");
            assert_eq!(record["ending"], "broken", "{}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_the_rest_is_awaited_is_gone() {
    let few = Case::few();
    let cases = Cases::start(&few, "restart", breaks_off()).await;
    let never = Step::from(Fault::NoAnswer);
    cases.b.vendor.always(Match::default(), Some(never));
    let (path, body) = question(few[0].client, &format!("m-{}", few[0].name()));
    let mut tcp = TcpStream::connect(cases.gateway.addr).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    tcp.write_all((head + &body).as_bytes()).await.unwrap();
    while cases.b.vendor.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(tcp);
    let left = async {
        loop {
            let mut records = cases.gateway.records().into_iter();
            let found = records.find(|record| record["attempts"].is_array());
            if let Some(record) = found.filter(|_| cases.b.vendor.connections().1 == 0) {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let record = tokio::time::timeout(Duration::from_secs(10), left).await;
    let record = record.unwrap();
    let name = few[0].name();
    let expected = [
        format!("a-openai_chat/demo-one-{name}:cut"),
        format!("b-openai_responses/demo-two-{name}:client_gone"),
    ];
    assert_eq!(attempts(&record), expected);
    assert_eq!(
        (&record["ending"], &record["status"]),
        (&json!("client_gone"), &json!(200))
    );
    assert!(record["output"].as_u64().unwrap() > 0, "{record}");
    let last = &record["attempts"][1];
    assert!(last["input"].as_u64().unwrap() > 0, "{record}");
    assert_eq!(last["usage_estimated"], true, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_resume_nothing_goes_on() {
    let few = Case::few();
    let cases = Cases::start(&few, "off", breaks_off()).await;
    for (case, answer) in cases.ask_all(&few).await {
        is_broken_off(case.client, &answer);
    }
    assert_eq!(cases.b.vendor.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_collected_from_a_stream_is_simply_asked_of_the_next() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    a.vendor.always(Match::default(), Some(breaks_off()));
    let section = format!(
        "  providers:
    - {{ name: a, format: anthropic, base_url: \"http://{}\", keys: [ key-a ] }}
    - {{ name: b, format: gemini, base_url: \"http://{}\", keys: [ key-b ] }}
  models:
    - {{ name: m, endpoints: [ {{ provider: a, model: demo-one, priority: 1, non_streaming: false, retries: 0 }}, {{ provider: b, model: demo-two, priority: 2 }} ] }}
",
        a.addr, b.addr
    );
    let gateway = Gateway::start(&section).await;
    let answer = gateway.chat("m", false).await;
    assert_eq!(answer.route(), "b/demo-two", "{}", answer.text());
    let record = gateway.record(answer.id()).await;
    assert_eq!(attempts(&record), ["a/demo-one:truncated", "b/demo-two:ok"]);
}
