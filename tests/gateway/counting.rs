//! Token counts: by the vendor where one can be asked, in whatever format; else here.

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tidegate::demo::{ErrorBody, ErrorKind, Fault, Hollow, Match, Step};

use crate::harness::{Answer, Gateway, TestVendor, attempts, post};

const ANTHROPIC: &str = "/v1/messages/count_tokens";
const RESPONSES: &str = "/v1/responses/input_tokens";
const GEMINI: &str = "/v1beta/models/m:countTokens";

/// A vendor that is asked in these formats, behind the model `m`; `more`: lines under `gateway:`, indented by two.
async fn house(formats: &str, more: &str) -> (TestVendor, Gateway) {
    let vendor = TestVendor::start().await;
    let url = format!("http://{}", vendor.addr);
    let section = format!(
        "{more}  providers:
    - {{ name: a, format: [ {formats} ], base_url: \"{url}\", keys: [ k-a ] }}
  models:
    - {{ name: m, endpoints: [ {{ provider: a, model: demo-sonnet, retries: 0 }} ] }}
"
    );
    (vendor, Gateway::start(&section).await)
}

const HELLO: &str = "How many tokens are there in the words that you are reading right now?";

/// A question in each format, with what the answer's number is called.
fn questions() -> [(&'static str, Value, &'static str); 3] {
    let turn = json!({ "role": "user", "content": HELLO });
    let contents = json!([{ "role": "user", "parts": [{ "text": HELLO }] }]);
    [
        (
            ANTHROPIC,
            json!({ "model": "m", "messages": [turn] }),
            "input_tokens",
        ),
        (
            RESPONSES,
            json!({ "model": "m", "input": [turn] }),
            "input_tokens",
        ),
        (GEMINI, json!({ "contents": contents }), "totalTokens"),
    ]
}

/// The number, of an answer in its format's shape and nothing else.
fn total(answer: &Answer, path: &str, name: &str) -> u64 {
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert!(
        answer
            .header("content-type")
            .starts_with("application/json")
    );
    let json = answer.json();
    assert_eq!(
        json["object"] == "response.input_tokens",
        path == RESPONSES,
        "{json}"
    );
    json[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{path}: {json}"))
}

fn is_estimate(answer: &Answer) -> bool {
    match answer.header("x-tidegate-count") {
        "estimate" => true,
        "" => false,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_of_the_clients_format_is_asked_as_the_client_asks() {
    for (format, at) in [("anthropic", 0), ("openai_responses", 1), ("gemini", 2)] {
        let (vendor, gateway) = house(format, "").await;
        let (path, body, name) = questions()[at].clone();
        let answer = gateway.post(path, &body).await;
        assert!(total(&answer, path, name) > 0 && !is_estimate(&answer));
        assert_eq!(answer.route(), "a/demo-sonnet");
        let seen = vendor.vendor.requests().pop().unwrap();
        let sent = String::from_utf8(seen.body.clone().unwrap().to_vec()).unwrap();
        assert_eq!(seen.path, path.replace("/m:", "/demo-sonnet:"));
        assert_eq!(sent, body.to_string().replace("\"m\"", "\"demo-sonnet\""));
        let record = gateway.record(answer.id()).await;
        assert_eq!(record["ending"], "complete", "{record}");
        assert!(
            record["input"].is_null() && record["usage_estimated"].is_null(),
            "counting costs nothing: {record}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_request_of_geminis_is_counted_for_the_vendors_model() {
    let (vendor, gateway) = house("gemini", "").await;
    let contents = &questions()[2].1["contents"];
    let whole = json!({ "model": "models/m", "contents": contents });
    let body = json!({ "generateContentRequest": whole });
    let answer = gateway.post(GEMINI, &body).await;
    assert!(total(&answer, GEMINI, "totalTokens") > 0);
    let sent = vendor.vendor.requests().pop().unwrap().json();
    let expected = body.to_string().replace("models/m", "models/demo-sonnet");
    assert_eq!(sent.to_string(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_of_another_format_is_asked_in_its_own() {
    let paths = [
        ("anthropic", ANTHROPIC),
        ("openai_responses", RESPONSES),
        ("gemini", "/v1beta/models/demo-sonnet:countTokens"),
    ];
    for (format, vendors) in paths {
        let (vendor, gateway) = house(format, "").await;
        let mut totals = Vec::new();
        for (path, body, name) in questions() {
            let answer = gateway.post(path, &body).await;
            totals.push(total(&answer, path, name));
            assert!(!is_estimate(&answer), "{format} {path}");
            assert_eq!(answer.route(), "a/demo-sonnet");
            let seen = vendor.vendor.requests().pop().unwrap();
            assert_eq!((seen.path.as_str(), seen.status), (vendors, Some(200)));
            assert!(seen.json().to_string().contains(HELLO));
        }
        // The demo vendor counts a text alone and one in a list differently.
        let near = totals.iter().all(|total| total.abs_diff(totals[0]) <= 4);
        assert!(near, "{format}: {totals:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_converted_count_loses_is_named() {
    let (_vendor, gateway) = house("gemini", "").await;
    let mark = json!({ "type": "ephemeral" });
    let content = json!([{ "type": "text", "text": "hello", "cache_control": mark }]);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": content }] });
    let answer = gateway.post(ANTHROPIC, &body).await;
    assert!(total(&answer, ANTHROPIC, "input_tokens") > 0 && !is_estimate(&answer));
    let dropped = answer.header("x-tidegate-dropped");
    assert_eq!(dropped, "messages[0].content[0].cache_control");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_only_chat_the_tokens_are_counted_here() {
    let (vendor, gateway) = house("openai_chat", "").await;
    let mut totals = Vec::new();
    for (path, body, name) in questions() {
        let answer = gateway.post(path, &body).await;
        assert!(is_estimate(&answer), "{path}");
        totals.push(total(&answer, path, name));
        let record = gateway.record(answer.id()).await;
        assert_eq!(attempts(&record), ["a/demo-sonnet:unsayable"]);
        assert_eq!(
            (&record["ending"], &record["status"]),
            (&json!("complete"), &json!(200))
        );
        assert!(record["input"].is_null(), "{record}");
    }
    // 15 of o200k_base for the words, 4 for the message, 3 for the answer.
    assert_eq!(totals, [22, 22, 22]);
    assert!(vendor.vendor.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_has_no_such_path_is_spared_and_the_tokens_are_counted_here() {
    let rows = [
        ("anthropic", Step::status(404)),
        ("anthropic", Step::status(405)),
        ("gemini", Step::status(501)),
        ("openai_responses", Step::status(404).body(ErrorBody::Html)),
        (
            "anthropic",
            Step::status(400).body(ErrorBody::Text("count_tokens is not implemented".into())),
        ),
    ];
    for (format, step) in rows {
        let (vendor, gateway) = house(format, "").await;
        vendor.vendor.always(Match::default(), Some(step));
        for (path, body, name) in questions() {
            let answer = gateway.post(path, &body).await;
            assert!(
                total(&answer, path, name) > 5 && is_estimate(&answer),
                "{format} {path}"
            );
        }
        assert_eq!(vendor.vendor.requests().len(), 3);
        vendor.vendor.clear_script();
        let answer = gateway.messages("m", false).await;
        assert_eq!(answer.status, 200, "nothing cools: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_counts_an_estimate_is_worth_more_than_an_error() {
    let steps = [
        Step::status(500),
        Step::status(429),
        Step::status(401),
        Fault::Reset.into(),
        Fault::Hollow(Hollow::Html).into(),
        Fault::Hollow(Hollow::Empty).into(),
    ];
    for step in steps {
        let (vendor, gateway) = house("anthropic", "").await;
        vendor.vendor.always(Match::default(), Some(step.clone()));
        for (path, body, name) in questions() {
            let answer = gateway.post(path, &body).await;
            assert!(
                total(&answer, path, name) > 5 && is_estimate(&answer),
                "{step:?} {path}"
            );
        }
        assert!(!vendor.vendor.requests().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendor_says_of_the_clients_own_request_reaches_it() {
    let (vendor, gateway) = house("anthropic", "").await;
    vendor.vendor.always(
        Match::default(),
        Some(Step::error(ErrorKind::InvalidRequest)),
    );
    let (path, body, _) = questions()[0].clone();
    let answer = gateway.post(path, &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["type"], "error");
    // What it says of a request that we have written is our affair.
    let (path, body, name) = questions()[2].clone();
    let answer = gateway.post(path, &body).await;
    assert!(total(&answer, path, name) > 5 && is_estimate(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_request_is_refused_in_the_clients_format() {
    for format in ["openai_chat", "anthropic, gemini, openai_responses"] {
        let (_vendor, gateway) = house(format, "").await;
        let rows = [
            (ANTHROPIC, "{\"model\":\"m\"}", "/error/type"),
            (ANTHROPIC, "{\"model\":\"m\",\"messages\":7}", "/error/type"),
            (ANTHROPIC, "{\"messages\":[]}", "/error/type"),
            (
                ANTHROPIC,
                "{\"model\":\"m\",\"model\":\"m\",\"messages\":[]}",
                "/error/type",
            ),
            (ANTHROPIC, "{\"model\":\"m\",\"messages\":[}", "/error/type"),
            (RESPONSES, "{\"model\":\"m\",\"input\":7}", "/error/type"),
            (RESPONSES, "", "/error/type"),
            (GEMINI, "{}", "/error/status"),
            (GEMINI, "{\"contents\":7}", "/error/status"),
            (
                GEMINI,
                "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"generateContentRequest\":{}}",
                "/error/status",
            ),
            (GEMINI, "[]", "/error/status"),
        ];
        for (path, body, kind) in rows {
            let request = Request::post(path)
                .header("host", "localhost")
                .header("content-type", "application/json")
                .body(Full::from(body))
                .unwrap();
            let answer = gateway.send(request).await;
            assert_eq!(
                answer.status,
                400,
                "{format} {path} {body}: {}",
                answer.text()
            );
            assert!(
                answer.json().pointer(kind).is_some_and(Value::is_string),
                "{}",
                answer.text()
            );
            assert!(!is_estimate(&answer));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_key_is_told_no_number() {
    let keys = "  auth: keys\n  client_keys: [ { name: ci, value: tg-ci-0123456789 } ]\n";
    let (vendor, gateway) = house("openai_chat", keys).await;
    for (path, body, name) in questions() {
        let answer = gateway.post(path, &body).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
        let mut request = post(path, &body);
        let key = "tg-ci-0123456789".parse().unwrap();
        request.headers_mut().insert("x-api-key", key);
        assert!(total(&gateway.send(request).await, path, name) > 5);
    }
    assert!(vendor.vendor.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_is_unknown_and_a_direct_one_is_not_converted() {
    let (_vendor, gateway) = house("openai_chat", "").await;
    let body = json!({ "model": "nobody", "messages": [] });
    assert_eq!(gateway.post(ANTHROPIC, &body).await.status, 404);
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&format!(
        "  providers:
    - {{ name: a, format: gemini, base_url: \"http://{}\", keys: [ k-a ] }}
  models:
    - {{ name: m, mode: direct, endpoints: [ {{ provider: a, model: demo-sonnet }} ] }}
",
        vendor.addr
    ))
    .await;
    let (path, body, _) = questions()[0].clone();
    let answer = gateway.post(path, &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_request_is_counted_while_others_are_served() {
    let (vendor, gateway) = house("openai_chat, anthropic", "").await;
    let turn = json!({ "role": "user", "content": "a".repeat(2 << 20) });
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": turn["content"] }] }] });
    let no_path = Step::status(404);
    vendor
        .vendor
        .always(Match::path("/count_tokens"), Some(no_path));
    let counting = gateway.post(GEMINI, &body);
    let others = async {
        for _ in 0..5 {
            assert_eq!(gateway.chat("m", false).await.status, 200);
        }
        tidegate::clock::now()
    };
    let counted = async {
        let answer = counting.await;
        (answer, tidegate::clock::now())
    };
    let ((answer, counted), others) = tokio::join!(counted, others);
    let tokens = total(&answer, GEMINI, "totalTokens");
    assert!((200_000..600_000).contains(&tokens), "{tokens}");
    assert!(
        others < counted,
        "one worker thread, and it was not busy counting"
    );
}
