//! Answers that break off when the client has seen some of them, and who goes on: from every format to every format.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tidegate::demo::{Break, ErrorKind, Fault, Match, Place, Step};

use crate::harness::{Answer, Gateway, TestVendor, attempts};

const FORMATS: [&str; 4] = ["openai_chat", "openai_responses", "anthropic", "gemini"];
/// What `words: 30` asks the vendors to say.
const WORDS: u32 = 30;

pub fn full() -> String {
    let words: Vec<String> = (1..=WORDS).map(|n| n.to_string()).collect();
    words.join(" ")
}

/// One request: the client's format, and those of the vendor that breaks off and of the one that goes on.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub client: &'static str,
    pub first: &'static str,
    pub second: &'static str,
}

impl Case {
    pub fn every() -> Vec<Case> {
        let mut every = Vec::new();
        for client in FORMATS {
            for first in FORMATS {
                for second in FORMATS {
                    every.push(Case {
                        client,
                        first,
                        second,
                    });
                }
            }
        }
        every
    }

    /// Each client with its own format first, and another one behind it.
    pub fn few() -> Vec<Case> {
        let next = |at: usize| FORMATS[(at + 1) % 4];
        let of = |at: usize| Case {
            client: FORMATS[at],
            first: FORMATS[at],
            second: next(at),
        };
        (0..4).map(of).collect()
    }

    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.client, self.first, self.second)
    }
}

/// Two vendors, and a model for every case that is the first vendor's and, behind it, the second's.
pub struct Cases {
    _a: TestVendor,
    pub b: TestVendor,
    pub gateway: Gateway,
}

impl Cases {
    pub async fn start(cases: &[Case], resume: &str, step: Step) -> Cases {
        Cases::with(cases, resume, step, ("", "")).await
    }

    /// `more`: lines under `gateway:`, indented by two; `second`: more of the second endpoint, beginning with a comma.
    pub async fn with(
        cases: &[Case],
        resume: &str,
        step: Step,
        (more, second): (&str, &str),
    ) -> Cases {
        let (a, b) = (TestVendor::start().await, TestVendor::start().await);
        a.vendor.always(Match::default(), Some(step));
        let mut section = format!(
            "{more}  retry: {{ retries: 0, base: 10ms, max: 40ms, patience: 300ms }}\n  timeouts: {{ idle: 300ms }}\n  providers:\n"
        );
        for format in FORMATS {
            for (name, vendor, more) in [
                ("a", &a, ""),
                ("b", &b, ", capabilities: { prefill: true }"),
            ] {
                section += &format!(
                    "    - {{ name: {name}-{format}, format: {format}, base_url: \"http://{}\", keys: [ key-{name} ]{more} }}\n",
                    vendor.addr
                );
            }
        }
        section += "  models:\n";
        for case in cases {
            let name = case.name();
            section += &format!(
                "    - {{ name: m-{name}, resume: {resume}, endpoints: [ {{ provider: a-{}, model: demo-one-{name}, priority: 1 }}, {{ provider: b-{}, model: demo-two-{name}, priority: 2{second} }} ] }}\n",
                case.first, case.second
            );
        }
        let gateway = Gateway::start(&section).await;
        Cases { _a: a, b, gateway }
    }

    pub async fn ask(&self, case: Case) -> Answer {
        let (path, body) = question(case.client, &format!("m-{}", case.name()));
        self.gateway.post(&path, &body).await
    }

    pub async fn ask_all(&self, cases: &[Case]) -> Vec<(Case, Answer)> {
        let answers = cases
            .iter()
            .map(|case| async { (*case, self.ask(*case).await) });
        join_all(answers).await
    }
}

pub fn question(format: &str, model: &str) -> (String, Value) {
    let words = format!("words: {WORDS}");
    let turn = json!([{ "role": "user", "content": words }]);
    match format {
        "openai_chat" => {
            let options = json!({ "include_usage": true });
            let body = json!({ "model": model, "stream": true, "messages": turn, "stream_options": options });
            ("/v1/chat/completions".into(), body)
        }
        "openai_responses" => {
            let body = json!({ "model": model, "stream": true, "input": words });
            ("/v1/responses".into(), body)
        }
        "anthropic" => {
            let body =
                json!({ "model": model, "stream": true, "max_tokens": 999, "messages": turn });
            ("/v1/messages".into(), body)
        }
        _ => {
            let contents = json!([{ "role": "user", "parts": [{ "text": words }] }]);
            let path = format!("/v1beta/models/{model}:streamGenerateContent?alt=sse");
            (path, json!({ "contents": contents }))
        }
    }
}

/// The text that a stream has said.
pub fn said(format: &str, answer: &Answer) -> String {
    let of = |event: &Value| -> String {
        let text = match format {
            "openai_chat" => &event["choices"][0]["delta"]["content"],
            "openai_responses" if event["type"] == "response.output_text.delta" => &event["delta"],
            "anthropic" if event["type"] == "content_block_delta" => &event["delta"]["text"],
            "gemini" => &event["candidates"][0]["content"]["parts"][0]["text"],
            _ => &Value::Null,
        };
        text.as_str().unwrap_or_default().to_owned()
    };
    answer.events().iter().map(of).collect()
}

/// The stream has one beginning and one proper end, and its numbers, indexes and ids go on.
pub fn is_one_stream(format: &str, answer: &Answer) {
    let text = answer.text();
    let events = answer.events();
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    let same = |of: fn(&Value) -> &Value| {
        let found: BTreeSet<String> = events
            .iter()
            .map(of)
            .filter(|value| !value.is_null())
            .map(Value::to_string)
            .collect();
        assert_eq!(found.len(), 1, "{text}");
    };
    assert!(answer.clean, "{text}");
    let last = events.last().unwrap();
    match format {
        "openai_chat" => {
            assert_eq!(last, &json!("[DONE]"), "{text}");
            assert_eq!(text.matches("\"role\"").count(), 1, "{text}");
            assert_eq!(
                text.matches("\"finish_reason\":\"stop\"").count(),
                1,
                "{text}"
            );
            same(|event| &event["id"]);
            same(|event| &event["created"]);
        }
        "openai_responses" => {
            assert_eq!(count("response.created"), 1, "{text}");
            assert_eq!(last["type"], "response.completed", "{text}");
            for (n, event) in events.iter().enumerate() {
                assert_eq!(event["sequence_number"], n, "{text}");
            }
            same(|event| &event["response"]["id"]);
            same(|event| &event["item_id"]);
            let output = last["response"]["output"].as_array().unwrap();
            assert_eq!(output.len(), 1, "{text}");
            let said = said(format, answer);
            assert_eq!(output[0]["content"][0]["text"], said, "{text}");
        }
        "anthropic" => {
            for kind in ["message_start", "content_block_start", "content_block_stop"] {
                assert_eq!(count(kind), 1, "{text}");
            }
            assert_eq!(
                (count("message_delta"), count("message_stop")),
                (1, 1),
                "{text}"
            );
            same(|event| &event["index"]);
        }
        _ => {
            assert_eq!(text.matches("\"finishReason\"").count(), 1, "{text}");
            same(|event| &event["responseId"]);
        }
    }
    assert!(!text.contains("\"error\":{"), "{text}");
}

/// What a stream tells of who answered, and of what that cost.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// The latest name; in Anthropic's format that of the head, which is gone when another goes on.
    pub model: Option<String>,
    pub input: u64,
    pub output: u64,
}

pub fn told(format: &str, answer: &Answer) -> Told {
    let (model, input, output): (&str, &str, &str) = match format {
        "openai_chat" => ("/model", "/usage/prompt_tokens", "/usage/completion_tokens"),
        "openai_responses" => (
            "/response/model",
            "/response/usage/input_tokens",
            "/response/usage/output_tokens",
        ),
        "anthropic" => (
            "/message/model",
            "/usage/input_tokens",
            "/usage/output_tokens",
        ),
        _ => (
            "/modelVersion",
            "/usageMetadata/promptTokenCount",
            "/usageMetadata/candidatesTokenCount",
        ),
    };
    let events = answer.events();
    let last = |path: &str| {
        let mut found = events.iter().rev().filter_map(|event| event.pointer(path));
        found.find(|value| !value.is_null()).cloned()
    };
    let tokens = |path: &str| last(path).and_then(|tokens| tokens.as_u64()).unwrap_or(0);
    // Its head has the input, and its end may do without.
    let input = match tokens(input) {
        0 => tokens("/message/usage/input_tokens"),
        told => told,
    };
    Told {
        model: last(model).and_then(|model| model.as_str().map(str::to_owned)),
        input,
        output: tokens(output),
    }
}

/// `failed`: how the first vendor's attempt ended, and what went before the second's answer.
async fn is_whole(cases: &Cases, case: Case, answer: &Answer, failed: &str) {
    assert_eq!(
        said(case.client, answer),
        full(),
        "{case:?}: {}",
        answer.text()
    );
    is_one_stream(case.client, answer);
    let Told { model, input, .. } = told(case.client, answer);
    let name = case.name();
    // Anthropic's head is gone when the other answers.
    let answered = case.client == "anthropic" || model.is_some_and(|model| model.contains("two"));
    assert!(answered, "{case:?}: {}", answer.text());
    let record = cases.gateway.record(answer.id()).await;
    let (first, then) = failed.split_once(' ').unwrap_or((failed, ""));
    let mut expected = vec![format!("a-{}/demo-one-{name}:{first}", case.first)];
    let second = then.split_whitespace().chain(["ok"]);
    expected.extend(second.map(|how| format!("b-{}/demo-two-{name}:{how}", case.second)));
    assert_eq!(attempts(&record), expected);
    assert_eq!(record["ending"], "complete");
    // The client is told what the one that answered has counted; every attempt has what it cost by itself.
    let rows = record["attempts"].as_array().unwrap();
    let last = rows.last().unwrap();
    assert_eq!(record["input"], last["input"], "{record}");
    let all: u64 = ["input", "cache_read", "cache_write"]
        .iter()
        .filter_map(|bucket| record[*bucket].as_u64())
        .sum();
    // Anthropic's `input_tokens` are without those of the cache.
    let told = if case.client == "anthropic" {
        record["input"].as_u64().unwrap()
    } else {
        all
    };
    assert_eq!(input, told, "{case:?}: {record} {}", answer.text());
    assert!(rows[0]["output"].as_u64().unwrap() > 0, "{record}");
    assert_eq!(rows[0]["usage_estimated"], true, "{record}");
    assert_eq!(last["usage_estimated"], Value::Null, "{record}");
}

pub fn breaks_off() -> Step {
    Step::broken(Place::Events(7), Break::Close)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_goes_on_from_the_beginning_that_it_is_given() {
    let every = Case::every();
    let cases = Cases::start(&every, "prefill", breaks_off()).await;
    for (case, answer) in cases.ask_all(&every).await {
        is_whole(&cases, case, &answer, "cut").await;
    }
    for seen in cases.b.vendor.requests() {
        let body = String::from_utf8(seen.body.unwrap().to_vec()).unwrap();
        assert!(body.contains("1 2 3"), "{body}");
    }
    assert_eq!(cases.b.vendor.requests().len(), every.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_anew_only_what_goes_beyond_is_passed_on() {
    let every = Case::every();
    let cases = Cases::start(&every, "restart", breaks_off()).await;
    for (case, answer) in cases.ask_all(&every).await {
        is_whole(&cases, case, &answer, "cut").await;
    }
    for seen in cases.b.vendor.requests() {
        let body = String::from_utf8(seen.body.unwrap().to_vec()).unwrap();
        assert!(!body.contains("1 2 3"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_refuses_to_go_on_is_asked_anew() {
    let every = Case::every();
    let cases = Cases::start(&every, "prefill", breaks_off()).await;
    for case in &every {
        let model = format!("demo-two-{}", case.name());
        let refused = Step::from(Fault::Error(ErrorKind::InvalidRequest));
        cases.b.vendor.script(&model, [refused]);
    }
    for (case, answer) in cases.ask_all(&every).await {
        is_whole(&cases, case, &answer, "cut status").await;
    }
    assert_eq!(cases.b.vendor.requests().len(), 2 * every.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_break_off_is_resumed() {
    let ways = [
        ("cut", Step::broken(Place::Events(1), Break::Reset)),
        ("cut", Step::broken(Place::Events(5), Break::End)),
        ("cut", Step::broken(Place::Content, Break::End)),
        (
            "cut",
            Step::broken(Place::Events(5), Break::Error(ErrorKind::Overloaded)),
        ),
        ("stall", Step::broken(Place::Events(5), Break::Stall)),
    ];
    for (outcome, step) in ways {
        for resume in ["prefill", "restart"] {
            let few = Case::few();
            let cases = Cases::start(&few, resume, step.clone()).await;
            for (case, answer) in cases.ask_all(&few).await {
                is_whole(&cases, case, &answer, outcome).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_break_off_more_than_once() {
    let every = Case::few();
    for resume in ["prefill", "restart"] {
        let c = TestVendor::start().await;
        let (a, b) = (TestVendor::start().await, TestVendor::start().await);
        a.vendor.always(Match::default(), Some(breaks_off()));
        // Of an answer asked anew that is behind what the first has said.
        let place = if resume == "prefill" { 5 } else { 12 };
        let step = Step::broken(Place::Events(place), Break::Close);
        b.vendor.always(Match::default(), Some(step));
        let mut section = "  providers:\n".to_owned();
        for (name, vendor, format) in [
            ("a", &a, "openai_responses"),
            ("b", &b, "anthropic"),
            ("c", &c, "gemini"),
        ] {
            section += &format!(
                "    - {{ name: {name}, format: {format}, base_url: \"http://{}\", keys: [ key-{name} ], capabilities: {{ prefill: true }} }}\n",
                vendor.addr
            );
        }
        section += "  models:\n";
        for case in &every {
            let name = case.client;
            section += &format!(
                "    - {{ name: m-{name}, resume: {resume}, endpoints: [ {{ provider: a, model: demo-{name}, priority: 1 }}, {{ provider: b, model: demo-{name}, priority: 2 }}, {{ provider: c, model: demo-{name}, priority: 3 }} ] }}\n",
            );
        }
        let gateway = Gateway::start(&section).await;
        for case in &every {
            let (path, body) = question(case.client, &format!("m-{}", case.client));
            let answer = gateway.post(&path, &body).await;
            assert_eq!(said(case.client, &answer), full(), "{}", answer.text());
            is_one_stream(case.client, &answer);
            let record = gateway.record(answer.id()).await;
            let name = case.client;
            let expected = [
                format!("a/demo-{name}:cut"),
                format!("b/demo-{name}:cut"),
                format!("c/demo-{name}:ok"),
            ];
            assert_eq!(attempts(&record), expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_the_rest_is_pinged() {
    let few = Case::few();
    let more = ("  ping: 50ms\n", "");
    let cases = Cases::with(&few, "restart", breaks_off(), more).await;
    let slow = Step::from(Fault::SlowFirstToken(Duration::from_millis(250)));
    cases.b.vendor.always(Match::default(), Some(slow));
    for (case, answer) in cases.ask_all(&few).await {
        assert_eq!(said(case.client, &answer), full(), "{}", answer.text());
        let ping = match case.client {
            "anthropic" => "event: ping",
            "gemini" => "data: {\"candidates\":[]}",
            _ => ": ping",
        };
        assert!(
            answer.text().matches(ping).count() >= 2,
            "{}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_streams_goes_on_as_well() {
    let every = Case::every();
    for resume in ["prefill", "restart"] {
        let more = ("", ", streaming: false");
        let cases = Cases::with(&every, resume, breaks_off(), more).await;
        for (case, answer) in cases.ask_all(&every).await {
            is_whole(&cases, case, &answer, "cut").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reasoning_that_was_shown_stays_and_is_not_shown_again() {
    let every = Case::every();
    for resume in ["prefill", "restart"] {
        // Well behind the reasoning.
        let step = Step::broken(Place::Events(25), Break::Close);
        let cases = Cases::start(&every, resume, step).await;
        let answers = every.iter().map(|case| async {
            let (path, mut body) = question(case.client, &format!("m-{}", case.name()));
            match case.client {
                "openai_chat" => body["reasoning_effort"] = json!("high"),
                "openai_responses" => {
                    body["reasoning"] = json!({ "effort": "high", "summary": "auto" });
                }
                "anthropic" => {
                    body["max_tokens"] = json!(9000);
                    body["thinking"] = json!({ "type": "enabled", "budget_tokens": 2000 });
                }
                _ => {
                    let thinking = json!({ "includeThoughts": true, "thinkingBudget": 2000 });
                    body["generationConfig"] = json!({ "thinkingConfig": thinking });
                }
            }
            (*case, cases.gateway.post(&path, &body).await)
        });
        let mut resumed = 0;
        for (case, answer) in join_all(answers).await {
            let text = answer.text();
            let record = cases.gateway.record(answer.id()).await;
            if record["ending"] == "broken" {
                // The one vendor shows its reasoning and the other does not: then these are other words.
                assert_eq!(attempts(&record).len(), 2, "{record}");
                assert!(
                    attempts(&record)[1].ends_with("other_words"),
                    "{record} {text}"
                );
                continue;
            }
            resumed += 1;
            assert!(
                said(case.client, &answer).ends_with(&full()),
                "{case:?}: {text}"
            );
            // Responses says it all again at the end of a part, of an item, and of the whole.
            let shown = text.matches("short answer").count();
            assert!(shown <= 4, "{case:?}: {text}");
        }
        assert!(resumed >= 40, "{resume}: {resumed}");
    }
}
