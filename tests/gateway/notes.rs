//! What an operator sees of a request: its access line, its log lines, its endpoint also where it failed.

use serde_json::json;
use tidegate::demo::{Match, Step};

use crate::harness::chat_body;
use crate::pools::{Pair, Twist, Two};

#[tokio::test(flavor = "multi_thread")]
async fn the_access_line_says_who_was_passed_over_and_why() {
    let two = Two::start(Twist {
        endpoint_a: ", retries: 0",
        ..Twist::default()
    })
    .await;
    two.a
        .vendor
        .always(Match::default(), Some(Step::status(500)));
    let failed_over = two.gateway.chat("m", false).await;
    let record = two.gateway.record(failed_over.id()).await;
    assert_eq!(record.get("skipped"), None, "both were asked");
    let next = two.gateway.chat("m", false).await;
    let record = two.gateway.record(next.id()).await;
    let skipped = &record["skipped"][0];
    assert_eq!(
        (&skipped["provider"], &skipped["tier"], &skipped["why"]),
        (&json!("a"), &json!(1), &json!("cooling")),
        "{record}"
    );
    assert!(skipped["wait_ms"].as_f64().is_some_and(|wait| wait > 0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_its_first_endpoint_answers_has_nothing_to_explain() {
    let two = Two::start(Twist::default()).await;
    let answer = two.gateway.chat("m", false).await;
    let record = two.gateway.record(answer.id()).await;
    assert_eq!((record.get("skipped"), record.get("dropped")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_carry_the_requests_id_and_say_switching_only_where_that_is_so() {
    let two = Two::start(Twist {
        endpoint_a: ", retries: 1",
        ..Twist::default()
    })
    .await;
    two.a
        .vendor
        .always(Match::default(), Some(Step::status(500)));
    let answer = two.gateway.chat("m", false).await;
    let id = answer.id();
    let log = two.gateway.stderr();
    let lines: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once(&format!("id={id} ")))
        .map(|(_, said)| said.trim_end_matches("\"}"))
        .filter(|said| said.contains("attempt"))
        .filter(|said| !said.starts_with("client"))
        .collect();
    assert_eq!(
        lines,
        [
            "attempt 1 at a/demo-sonnet: 500",
            "attempt 2 at a/demo-sonnet: 500",
            "switching provider: attempt 3 goes to b/demo-sonnet"
        ],
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_endpoint_that_it_is_of() {
    let two = Two::start(Twist::default()).await;
    for vendor in [&two.a, &two.b] {
        vendor
            .vendor
            .always(Match::default(), Some(Step::status(400)));
    }
    let answer = two.gateway.chat("m", false).await;
    assert_eq!(
        (answer.status.as_u16(), answer.route()),
        (400, "a/demo-sonnet")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_vendor_refuses_is_the_gateways_matter() {
    let two = Two::start(Twist::default()).await;
    for vendor in [&two.a, &two.b] {
        vendor
            .vendor
            .always(Match::default(), Some(Step::status(401)));
    }
    let answer = two.gateway.chat("m", false).await;
    let message = answer.error()["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("The provider refused the gateway's key: "),
        "{message}"
    );
    let log = two.gateway.stderr();
    let warned = "key #1 of a rests for demo-sonnet: the vendor does not know it";
    assert!(log.contains(warned), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_has_lost_is_in_its_access_line() {
    let pair = Pair::of("gemini", "gemini").await;
    let mut body = chat_body("m", true);
    body["logit_bias"] = json!({ "1": 2 });
    let answer = pair.gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.header("x-tidegate-dropped"), "logit_bias");
    let record = pair.gateway.record(answer.id()).await;
    assert_eq!(record["dropped"], "logit_bias");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_prompt_caches_have_served_is_counted_by_endpoint() {
    let two = Two::start(Twist::default()).await;
    let body = json!({ "model": "m", "messages": [
        { "role": "system", "content": "word ".repeat(3000) }, { "role": "user", "content": "hello" } ] });
    for _ in 0..2 {
        let answer = two.gateway.post("/v1/chat/completions", &body).await;
        assert_eq!(answer.status, 200);
    }
    let mut sum = 0.0;
    for bucket in ["input", "cache_read", "cache_write"] {
        let labels = [
            ("provider", "a"),
            ("model", "demo-sonnet"),
            ("bucket", bucket),
        ];
        sum += two
            .gateway
            .metric("tidegate_endpoint_input_tokens_total", &labels)
            .await;
    }
    assert!(sum >= 6000.0, "{sum}");
}
