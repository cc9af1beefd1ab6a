//! The table of outcomes, row by row: what the client gets, what each vendor is asked and when, and what cools.

use std::time::Duration;

use serde_json::json;
use tidegate::demo::{Early, ErrorBody, ErrorKind, Fault, Hollow, Match, Step, Unread};

use crate::harness::{Answer, attempts, chat_body, post};
use crate::pools::{Twist, Two};

const READY: f64 = 0.0;
const COOLING: f64 = 2.0;

pub fn is_from(answer: &Answer, provider: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.clean),
        (200, true),
        "{}",
        answer.text()
    );
    assert_eq!(
        answer.route(),
        format!("{provider}/demo-sonnet"),
        "{answer:?}"
    );
    assert!(answer.said().contains("hello"), "{}", answer.text());
}

fn hollow(what: Hollow) -> Step {
    Fault::Hollow(what).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_answers_are_retried_with_backoff_then_the_next_endpoint_answers_and_the_first_cools()
 {
    let rows: [(&str, Step); 10] = [
        ("status", Step::status(500)),
        ("status", Step::status(503).body(ErrorBody::Html)),
        ("status", Step::status(529)),
        ("status", Step::status(408)),
        ("reset", Fault::Reset.into()),
        ("reset", Fault::CloseBeforeHead.into()),
        ("empty", hollow(Hollow::Empty)),
        ("truncated", hollow(Hollow::Html)),
        ("stream_error", hollow(Hollow::Error(ErrorKind::Overloaded))),
        (
            "reset",
            Fault::Wire("HTTP/1.1 what is this\r\n\r\n".into()).into(),
        ),
    ];
    for (outcome, step) in rows {
        for stream in [false, true] {
            let two = Two::start(Twist::default()).await;
            two.a.vendor.always(Match::default(), Some(step.clone()));
            let answer = two.gateway.chat("m", stream).await;
            is_from(&answer, "b");
            assert_eq!(two.asked(), (3, 1), "{step:?}");
            let seen = two.a.vendor.requests();
            let gap = |n: usize| seen[n].arrived.since(seen[n - 1].arrived);
            assert!(
                gap(1) >= Duration::from_millis(5),
                "{step:?}: first backoff {:?}",
                gap(1)
            );
            assert!(
                gap(2) >= Duration::from_millis(10),
                "{step:?}: second backoff {:?}",
                gap(2)
            );
            let record = two.gateway.record(answer.id()).await;
            let a = format!("a/demo-sonnet:{outcome}");
            assert_eq!(
                attempts(&record),
                [a.clone(), a.clone(), a, "b/demo-sonnet:ok".into()],
                "{step:?}"
            );
            assert_eq!(
                (two.state("a").await, two.state("b").await),
                (COOLING, READY),
                "{step:?}"
            );
            is_from(&two.gateway.messages("m", stream).await, "b");
            assert_eq!(
                two.asked(),
                (3, 2),
                "{step:?}: a cooling endpoint is not asked"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_is_not_passed_on() {
    for step in [
        hollow(Hollow::Truncated),
        Step::broken(tidegate::demo::Place::Content, tidegate::demo::Break::Close),
    ] {
        let two = Two::start(Twist {
            endpoint_a: ", retries: 0",
            ..Twist::default()
        })
        .await;
        two.a.vendor.always(Match::default(), Some(step));
        is_from(&two.gateway.chat("m", false).await, "b");
        is_from(&two.gateway.messages("m", false).await, "b");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_retried_too() {
    let b = crate::harness::TestVendor::start().await;
    let dead = format!("http://{}/v1", crate::harness::dead_addr());
    let section = crate::pools::section(&dead, &b.base_url(), &Twist::default());
    let gateway = crate::harness::Gateway::start(&section).await;
    let answer = gateway.chat("m", true).await;
    is_from(&answer, "b");
    let record = gateway.record(answer.id()).await;
    let a = "a/demo-sonnet:connect".to_owned();
    assert_eq!(
        attempts(&record),
        [a.clone(), a.clone(), a, "b/demo-sonnet:ok".into()]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_is_healed_by_a_retry_and_nothing_cools() {
    let two = Two::start(Twist::default()).await;
    two.a.vendor.script("demo-sonnet", [Step::status(500)]);
    is_from(&two.gateway.chat("m", true).await, "a");
    assert_eq!(two.asked(), (2, 0));
    assert_eq!(two.state("a").await, READY);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_silent_are_asked_once() {
    let silent: [Step; 2] = [
        Fault::NoAnswer.into(),
        Step::broken(
            tidegate::demo::Place::Preamble,
            tidegate::demo::Break::Stall,
        ),
    ];
    for step in silent {
        for stream in [true, false] {
            let timeouts = "  timeouts: { first_token: 300ms, response: 300ms }\n";
            let two = Two::start(Twist {
                gateway: timeouts,
                ..Twist::default()
            })
            .await;
            two.a.vendor.always(Match::default(), Some(step.clone()));
            let answer = two.gateway.messages("m", stream).await;
            is_from(&answer, "b");
            assert_eq!(
                two.asked(),
                (1, 1),
                "{step:?} {stream}: {:?}",
                two.a.vendor.requests()
            );
            assert!(
                answer.total >= Duration::from_millis(290) && answer.total < Duration::from_secs(3)
            );
            assert_eq!(two.state("a").await, COOLING);
            let record = two.gateway.record(answer.id()).await;
            assert_eq!(
                attempts(&record),
                ["a/demo-sonnet:no_first_token", "b/demo-sonnet:ok"]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_key_gives_way_to_another_and_rests_until_it_may() {
    let two = Two::start(Twist {
        keys_a: "[ k-the-first-1111, k-the-second-2222 ]",
        ..Twist::default()
    })
    .await;
    two.a.vendor.always(
        Match::key("k-the-first-1111"),
        Some(Step::status(429).retry_after(60)),
    );
    for _ in 0..4 {
        is_from(&two.gateway.chat("m", false).await, "a");
    }
    let keys: Vec<_> = two
        .a
        .vendor
        .requests()
        .into_iter()
        .filter_map(|seen| seen.key)
        .collect();
    assert_eq!(
        keys.iter().filter(|key| *key == "k-the-first-1111").count(),
        1,
        "{keys:?}"
    );
    assert_eq!(two.asked().1, 0);
    assert_eq!(two.state("a").await, READY, "the endpoint does not cool");
    let limited = two
        .gateway
        .metric("tidegate_key_state", &[("provider", "a")])
        .await;
    assert_eq!(limited, 1.0, "one key rests");
    let first = [("provider", "a"), ("key", "#1 k-t…1111")];
    let state = two.gateway.metric("tidegate_key_state", &first).await;
    assert_eq!(state, 1.0, "it is named by its place, and masked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_rate_limit_is_waited_for_before_going_down_a_tier() {
    let two = Two::start(Twist::default()).await;
    two.a.vendor.script(
        "demo-sonnet",
        [Step::status(429).header("retry-after-ms", "200")],
    );
    let answer = two.gateway.chat("m", true).await;
    is_from(&answer, "a");
    assert_eq!(two.asked(), (2, 0));
    let seen = two.a.vendor.requests();
    let gap = seen[1].arrived.since(seen[0].arrived);
    assert!(gap >= Duration::from_millis(195), "{gap:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_rate_limit_goes_down_a_tier_at_once() {
    let two = Two::start(Twist::default()).await;
    two.a
        .vendor
        .always(Match::default(), Some(Step::status(429).retry_after(60)));
    is_from(&two.gateway.chat("m", true).await, "b");
    is_from(&two.gateway.chat("m", true).await, "b");
    assert_eq!(two.asked(), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_that_nobody_can_serve_reaches_the_client_with_its_time() {
    let two = Two::start(Twist::default()).await;
    for vendor in [&two.a, &two.b] {
        vendor
            .vendor
            .always(Match::default(), Some(Step::status(429).retry_after(60)));
    }
    let answer = two.gateway.messages("m", true).await;
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.error()["type"],
        "rate_limit_error",
        "{}",
        answer.text()
    );
    let after: u64 = answer.header("retry-after").parse().unwrap();
    assert!((55..=60).contains(&after), "{after}");
    let again = two.gateway.chat("m", false).await;
    assert_eq!(again.status, 429, "{}", again.text());
    assert_eq!(again.error()["code"], "rate_limit_exceeded");
    assert!(again.header("retry-after").parse::<u64>().unwrap() > 50);
    assert_eq!(two.asked(), (1, 1), "nobody is asked while all rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_cools_after_a_failure_a_rate_limit_of_the_other_is_no_rate_limit_of_all() {
    let two = Two::start(Twist {
        endpoint_b: ", retries: 0",
        ..Twist::default()
    })
    .await;
    let limited = Step::status(429).retry_after(60);
    two.a.vendor.always(Match::default(), Some(limited));
    two.b
        .vendor
        .always(Match::default(), Some(Step::status(401)));
    two.gateway.chat("m", false).await;
    let again = two.gateway.chat("m", false).await;
    assert_eq!(again.status, 503, "{}", again.text());
    assert!(again.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(two.asked(), (1, 1), "nobody is asked while all rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_gives_way_and_is_marked() {
    for status in [401, 402, 403] {
        let two = Two::start(Twist {
            keys_a: "[ k-the-first-1111, k-the-second-2222 ]",
            ..Twist::default()
        })
        .await;
        two.a
            .vendor
            .always(Match::default(), Some(Step::status(status)));
        is_from(&two.gateway.chat("m", true).await, "b");
        assert_eq!(
            two.asked(),
            (2, 1),
            "{status}: each key once, then the next endpoint"
        );
        assert_eq!(two.state("a").await, READY, "{status}");
        let marked = two
            .gateway
            .metric("tidegate_key_state", &[("provider", "a")])
            .await;
        assert_eq!(marked, 4.0, "{status}: both keys are marked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_credential_goes_to_one_provider_and_its_refusal_is_the_answer() {
    for status in [401, 402, 403, 429, 500] {
        let twist = Twist {
            keys_a: "passthrough",
            gateway: "  auth: open\n",
            endpoint_a: ", retries: 0",
            ..Twist::default()
        };
        let two = Two::start(twist).await;
        two.a
            .vendor
            .always(Match::default(), Some(Step::status(status)));
        let mut request = post("/v1/chat/completions", &chat_body("m", false));
        request.headers_mut().insert(
            "authorization",
            "Bearer sk-the-clients-own".parse().unwrap(),
        );
        let answer = two.gateway.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert_eq!(two.asked(), (1, 0), "{status}");
        let seen = &two.a.vendor.requests()[0];
        assert_eq!(
            seen.header("authorization"),
            Some("Bearer sk-the-clients-own")
        );
        assert_eq!(two.state("a").await, READY, "{status}: nothing cools");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_upstream_moves_on_and_cools_on_chat_paths_only() {
    let two = Two::start(Twist::default()).await;
    two.a
        .vendor
        .always(Match::default(), Some(Step::status(404)));
    let embeddings = json!({ "model": "m", "input": "hello" });
    let answer = two.gateway.post("/v1/embeddings", &embeddings).await;
    assert_eq!(
        (answer.status.as_u16(), answer.route()),
        (200, "b/demo-sonnet"),
        "{}",
        answer.text()
    );
    assert_eq!(two.state("a").await, READY);
    is_from(&two.gateway.chat("m", false).await, "b");
    assert_eq!(two.state("a").await, COOLING);
    assert_eq!(two.asked(), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_for_one_context_is_asked_of_a_larger_one_else_said() {
    let too_long = Some(Step::error(ErrorKind::ContextLength));
    let larger = Twist {
        endpoint_a: ", max_context: 8000",
        endpoint_b: ", max_context: 32000",
        ..Twist::default()
    };
    let two = Two::start(larger).await;
    two.a.vendor.always(Match::default(), too_long.clone());
    is_from(&two.gateway.chat("m", true).await, "b");
    assert_eq!(two.asked(), (1, 1));
    assert_eq!(two.state("a").await, READY);

    let smaller = Twist {
        endpoint_a: ", max_context: 8000",
        endpoint_b: ", max_context: 4000",
        ..Twist::default()
    };
    let two = Two::start(smaller).await;
    two.a.vendor.always(Match::default(), too_long);
    let answer = two.gateway.chat("m", true).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()["code"].as_str()),
        (400, Some("context_length_exceeded"))
    );
    let answer = two.gateway.messages("m", false).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()["type"].as_str()),
        (400, Some("invalid_request_error"))
    );
    assert_eq!(two.asked(), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_did_wrong_is_its_answer_at_once() {
    let rows = [
        (Step::error(ErrorKind::ContentPolicy), 400),
        (Step::error(ErrorKind::InvalidRequest), 400),
        (Step::status(422), 422),
        (Step::status(413), 413),
    ];
    for (step, status) in rows {
        let two = Two::start(Twist::default()).await;
        two.a.vendor.always(Match::default(), Some(step.clone()));
        for answer in [
            two.gateway.chat("m", true).await,
            two.gateway.messages("m", false).await,
        ] {
            assert_eq!(
                answer.status.as_u16(),
                status,
                "{step:?}: {}",
                answer.text()
            );
            assert!(
                answer.error()["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{}",
                answer.text()
            );
            assert!(
                answer
                    .header("content-type")
                    .starts_with("application/json")
            );
        }
        assert_eq!(two.asked(), (2, 0), "{step:?}");
        assert_eq!(two.state("a").await, READY);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_request_that_is_not_read_counts_as_what_it_says() {
    for then in [Unread::Close, Unread::Hold, Unread::Drain] {
        let two = Two::start(Twist::default()).await;
        let early = Fault::EarlyAnswer(Early { status: 429, then });
        two.a.vendor.script("demo-sonnet", [early.into()]);
        let mut body = chat_body("m", false);
        body["messages"][0]["content"] = format!("hello {}", "x".repeat(5 << 20)).into();
        let answer = two.gateway.post("/v1/chat/completions", &body).await;
        assert_eq!(answer.status, 200, "{then:?}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_fail_the_client_gets_one_error_in_its_format() {
    let two = Two::start(Twist {
        endpoint_a: ", retries: 0",
        endpoint_b: ", retries: 0",
        ..Twist::default()
    })
    .await;
    two.a
        .vendor
        .always(Match::default(), Some(Step::status(503)));
    two.b
        .vendor
        .always(Match::default(), Some(Fault::Reset.into()));
    let answer = two.gateway.chat("m", true).await;
    assert!(
        [502, 503].contains(&answer.status.as_u16()),
        "{}",
        answer.text()
    );
    let error = answer.error();
    assert!(
        error["message"].is_string() && error["type"].is_string(),
        "{error}"
    );
    let cooling = two.gateway.messages("m", true).await;
    assert_eq!(cooling.status, 503);
    assert_eq!(cooling.json()["type"], "error");
    assert_eq!(cooling.error()["type"], "overloaded_error");
    assert!(cooling.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(two.asked(), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_opens_after_failures_in_a_row_and_one_request_decides_when_it_is_over() {
    let twist = Twist {
        gateway: "  breaker: { failures: 2, open_for: 700ms }\n  cooldown: { base: 50ms, max: 50ms, probe_after: 10s }\n",
        endpoint_a: ", retries: 0",
        ..Twist::default()
    };
    let two = Two::start(twist).await;
    two.a
        .vendor
        .always(Match::default(), Some(Step::status(500)));
    is_from(&two.gateway.chat("m", false).await, "b");
    crate::harness::until("half-open", Duration::from_secs(3), async || {
        two.state("a").await == 1.0
    })
    .await;
    is_from(&two.gateway.chat("m", false).await, "b");
    assert_eq!(
        (two.asked().0, two.state("a").await),
        (2, 3.0),
        "open after two"
    );
    two.a.vendor.always(Match::default(), None);
    is_from(&two.gateway.chat("m", false).await, "b");
    crate::harness::until("half-open again", Duration::from_secs(3), async || {
        two.state("a").await == 1.0
    })
    .await;
    is_from(&two.gateway.chat("m", false).await, "a");
    assert_eq!(two.state("a").await, READY);
}
