//! Streams: what is held back, what is an error, what is an end; pings; events that go on untouched.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::demo::{Break, Coding, ErrorKind, Fault, Match, Place, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Answer, Gateway, attempts, chat_body};
use crate::pools::{Twist, Two};

const ONE_TRY: &str = ", retries: 0";

fn one_try() -> Twist {
    Twist {
        endpoint_a: ONE_TRY,
        ..Twist::default()
    }
}

async fn both(two: &Two) -> [Answer; 2] {
    [
        two.gateway.chat("m", true).await,
        two.gateway.messages("m", true).await,
    ]
}

/// Ended as HTTP and as its format says.
fn is_whole(answer: &Answer) {
    assert!(answer.clean, "{}", answer.text());
    let last = answer.events().pop().unwrap();
    assert!(
        last == json!("[DONE]") || last["type"] == "message_stop",
        "{}",
        answer.text()
    );
    assert_eq!(answer.error(), Value::Null, "{}", answer.text());
    assert!(answer.said().contains("hello"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_before_content_is_never_seen() {
    let steps = [
        (
            "stream_error",
            Step::broken(Place::Start, Break::Error(ErrorKind::Overloaded)),
        ),
        (
            "stream_error",
            Step::broken(Place::Preamble, Break::Error(ErrorKind::Internal)),
        ),
        (
            "stream_error",
            Step::broken(Place::Preamble, Break::Error(ErrorKind::RateLimit)),
        ),
        ("empty", Step::broken(Place::Start, Break::End)),
        ("truncated", Step::broken(Place::Preamble, Break::Close)),
        ("truncated", Step::broken(Place::Preamble, Break::Reset)),
        ("truncated", Step::broken(Place::Preamble, Break::End)),
    ];
    for (outcome, step) in steps {
        for n in 0..2 {
            let two = Two::start(one_try()).await;
            two.a.vendor.always(Match::default(), Some(step.clone()));
            let answer = if n == 0 {
                two.gateway.chat("m", true).await
            } else {
                two.gateway.messages("m", true).await
            };
            is_whole(&answer);
            assert_eq!(answer.route(), "b/demo-sonnet", "{step:?}");
            let record = two.gateway.record(answer.id()).await;
            assert_eq!(
                attempts(&record)[0],
                format!("a/demo-sonnet:{outcome}"),
                "{step:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_attempt_is_held_back_as_well() {
    let two = Two::start(Twist {
        endpoint_a: ONE_TRY,
        endpoint_b: ", retries: 1",
        ..Twist::default()
    })
    .await;
    let dies = Step::broken(Place::Preamble, Break::Close);
    two.a.vendor.always(Match::default(), Some(dies.clone()));
    two.b.vendor.script("demo-sonnet", [dies]);
    let answer = two.gateway.messages("m", true).await;
    is_whole(&answer);
    let starts = answer
        .events()
        .iter()
        .filter(|event| event["type"] == "message_start")
        .count();
    assert_eq!((starts, two.asked()), (1, (1, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn quota_that_shows_in_the_stream_rests_the_key() {
    let two = Two::start(one_try()).await;
    let error = Step::broken(Place::Preamble, Break::Error(ErrorKind::InsufficientQuota));
    two.a.vendor.always(Match::default(), Some(error));
    is_whole(&two.gateway.chat("m", true).await);
    assert_eq!(two.state("a").await, 0.0);
    assert!(
        two.gateway
            .metric("tidegate_key_state", &[("provider", "a")])
            .await
            > 0.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_that_ends_properly_is_an_answer() {
    let two = Two::start(one_try()).await;
    two.a
        .vendor
        .always(Match::default(), Some(Fault::EmptyAnswer.into()));
    for answer in both(&two).await {
        assert_eq!(
            (answer.status.as_u16(), answer.clean, answer.route()),
            (200, true, "a/demo-sonnet")
        );
        assert_eq!(answer.error(), Value::Null);
    }
    assert_eq!(two.gateway.chat("m", false).await.route(), "a/demo-sonnet");
    assert_eq!(two.asked(), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_after_content_ends_in_one_error_event_and_never_cleanly() {
    let steps = [
        ("cut", Step::broken(Place::Events(2), Break::Close)),
        ("cut", Step::broken(Place::Events(2), Break::Reset)),
        ("cut", Step::broken(Place::Events(2), Break::End)),
        ("cut", Step::broken(Place::Content, Break::End)),
        ("cut", Step::broken(Place::Finish, Break::Close)),
        (
            "cut",
            Step::broken(Place::Events(2), Break::Error(ErrorKind::Overloaded)),
        ),
        ("stall", Step::broken(Place::Events(2), Break::Stall)),
    ];
    for (outcome, step) in steps {
        for n in 0..2 {
            let two = Two::start(Twist {
                gateway: "  timeouts: { idle: 300ms }\n",
                ..one_try()
            })
            .await;
            two.a.vendor.always(Match::default(), Some(step.clone()));
            let answer = if n == 0 {
                two.gateway.chat("m", true).await
            } else {
                two.gateway.messages("m", true).await
            };
            let events = answer.events();
            let errors = events
                .iter()
                .filter(|event| event["error"].is_object())
                .count();
            assert_eq!(errors, 1, "{step:?}: {}", answer.text());
            assert!(
                events.last().unwrap()["error"].is_object(),
                "{step:?}: the error is the last event: {}",
                answer.text()
            );
            assert!(
                !answer.text().contains("[DONE]") && !answer.text().contains("message_stop"),
                "{step:?}"
            );
            assert!(
                answer.said().starts_with("Hello"),
                "{step:?}: what was said stays: {}",
                answer.text()
            );
            assert_eq!(two.asked(), (1, 0), "{step:?}: nobody else is asked");
            let record = two.gateway.record(answer.id()).await;
            assert_eq!(
                (record["ending"].as_str(), attempts(&record)[0].as_str()),
                (Some("broken"), format!("a/demo-sonnet:{outcome}").as_str())
            );
            assert_eq!(two.state("a").await, 2.0, "{step:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_terminal_event_after_the_finish_reason_is_an_end() {
    let two = Two::start(one_try()).await;
    two.a.vendor.always(
        Match::default(),
        Some(Step::broken(Place::Finish, Break::End)),
    );
    for answer in both(&two).await {
        is_whole(&answer);
    }
    assert_eq!(two.asked(), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_that_is_not_a_stream_never_ends_cleanly_when_it_is_cut() {
    let two = Two::start(one_try()).await;
    let cut = Step::broken(Place::Content, Break::Close).and(Fault::BigAnswer(1 << 20));
    two.a.vendor.always(Match::default(), Some(cut));
    let answer = two.gateway.chat("m", false).await;
    assert!(!answer.clean, "{} bytes", answer.body.len());
    let record = two.gateway.record(answer.id()).await;
    assert_eq!(record["ending"], "broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_on_byte_for_byte_however_they_are_cut_and_framed() {
    for twist in [
        None,
        Some(Fault::OneByteChunks),
        Some(Fault::SplitUtf8),
        Some(Fault::CrLf),
        Some(Fault::Comments),
    ] {
        let two = Two::start(one_try()).await;
        two.a
            .vendor
            .always(Match::default(), twist.clone().map(Step::from));
        let body = json!({ "model": "demo-sonnet", "stream": true, "stream_options": { "include_usage": true },
            "messages": [ { "role": "user", "content": "hello Grüße 你好 🎉" } ] });
        let direct = crate::harness::try_send(
            two.a.addr,
            crate::harness::post("/v1/chat/completions", &body),
        )
        .await
        .unwrap();
        let mut asked = body.clone();
        asked["model"] = "m".into();
        let through = two.gateway.post("/v1/chat/completions", &asked).await;
        assert_eq!(through.text(), direct.text(), "{twist:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_always_and_shown_only_where_asked_for() {
    let two = Two::start(one_try()).await;
    let silent = two.gateway.chat("m", true).await;
    assert!(
        silent
            .events()
            .iter()
            .all(|event| !event["usage"].is_object()),
        "{}",
        silent.text()
    );
    let record = two.gateway.record(silent.id()).await;
    assert!(
        record["output"].as_u64().unwrap() > 0 && record["usage_estimated"].is_null(),
        "{record}"
    );
    assert_eq!(
        two.a.vendor.requests()[0].json()["stream_options"]["include_usage"],
        true
    );

    let mut body = chat_body("m", true);
    body["stream_options"] = json!({ "include_usage": true });
    let asked = two.gateway.post("/v1/chat/completions", &body).await;
    assert!(
        asked
            .events()
            .iter()
            .any(|event| event["usage"].is_object()),
        "{}",
        asked.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_client_is_pinged_and_failover_goes_on_behind_the_pings() {
    let slow = || Twist {
        gateway: "  ping: 100ms\n  timeouts: { first_token: 450ms }\n",
        ..one_try()
    };
    let two = Two::start(slow()).await;
    two.a
        .vendor
        .always(Match::default(), Some(Fault::NoAnswer.into()));
    let chat = two.gateway.chat("m", true).await;
    is_whole(&chat);
    assert!(chat.text().starts_with(": ping\n\n"), "{}", chat.text());
    assert!(
        chat.first_byte < Duration::from_millis(400),
        "{:?}",
        chat.first_byte
    );
    assert_eq!(
        chat.route(),
        "",
        "the head went out before the route was known"
    );
    assert_eq!(two.gateway.chat("m", false).await.route(), "b/demo-sonnet");

    let two = Two::start(slow()).await;
    two.a
        .vendor
        .always(Match::default(), Some(Fault::NoAnswer.into()));
    let messages = two.gateway.messages("m", true).await;
    is_whole(&messages);
    assert!(
        messages.text().starts_with("event: ping\n"),
        "{}",
        messages.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_fail_behind_pings_the_error_is_an_event() {
    let twist = Twist {
        gateway: "  ping: 50ms\n  timeouts: { first_token: 300ms }\n",
        endpoint_b: ONE_TRY,
        ..one_try()
    };
    let two = Two::start(twist).await;
    for vendor in [&two.a, &two.b] {
        vendor
            .vendor
            .always(Match::default(), Some(Fault::NoAnswer.into()));
    }
    let answer = two.gateway.messages("m", true).await;
    assert_eq!((answer.status.as_u16(), answer.clean), (200, true));
    assert_eq!(
        answer.events().last().unwrap()["type"],
        "error",
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("message_stop"));
    let record = two.gateway.record(answer.id()).await;
    assert_eq!(record["ending"], "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_compresses_unasked_is_understood() {
    for coding in [Coding::Gzip, Coding::Br, Coding::Zstd] {
        let two = Two::start(one_try()).await;
        two.a
            .vendor
            .always(Match::default(), Some(Fault::Compressed(coding).into()));
        for answer in both(&two).await {
            is_whole(&answer);
            assert_eq!(answer.header("content-encoding"), "");
        }
        assert!(two.gateway.chat("m", false).await.said().contains("hello"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_malformed_event_is_counted_and_harms_nobody() {
    let two = Two::start(one_try()).await;
    two.a
        .vendor
        .always(Match::default(), Some(Fault::MalformedEventAt(2).into()));
    for answer in both(&two).await {
        assert!(answer.clean);
        assert!(answer.said().contains("hello"), "{}", answer.text());
    }
    let counted = two
        .gateway
        .metric("tidegate_malformed_events_total", &[("provider", "a")])
        .await;
    assert_eq!(counted, 2.0);
    assert_eq!(two.asked(), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reasoning_may_be_silent_for_longer_than_the_first_token_of_others() {
    let timeouts = "  timeouts: { first_token: 200ms, response: 5s }\n";
    let two = Two::start(Twist {
        gateway: timeouts,
        ..one_try()
    })
    .await;
    let slow = Fault::SlowFirstToken(Duration::from_millis(700));
    two.a.vendor.always(Match::default(), Some(slow.into()));
    let mut body = crate::harness::messages_body("m", true);
    body["max_tokens"] = 4000.into();
    body["thinking"] = json!({ "type": "enabled", "budget_tokens": 1024 });
    let answer = two.gateway.post("/v1/messages", &body).await;
    assert_eq!(answer.route(), "a/demo-sonnet", "{}", answer.text());
    assert_eq!(
        two.gateway.messages("m", true).await.route(),
        "b/demo-sonnet"
    );
}

/// One event of content, and then only comments, for as long as somebody reads.
async fn comments_only() -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1 << 16];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
             data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hel\"},\"finish_reason\":null}]}\n\n";
        stream.write_all(begun.as_bytes()).await.unwrap();
        while stream.write_all(b": still here\n\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    (addr, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_do_not_keep_a_silent_vendor_alive() {
    let (addr, serving) = comments_only().await;
    let gateway = Gateway::start(&format!(
        "  timeouts: {{ idle: 700ms }}
  providers: [ {{ name: a, format: openai_chat, base_url: \"http://{addr}/v1\", keys: [ k ] }} ]
  models: [ {{ name: m, endpoints: [ {{ provider: a, model: x, retries: 0 }} ] }} ]
"
    ))
    .await;
    let answer = gateway.chat("m", true).await;
    assert!(
        answer.total > Duration::from_millis(600) && answer.total < Duration::from_secs(5),
        "{:?}",
        answer.total
    );
    assert!(answer.text().contains("hel") && !answer.text().contains("[DONE]"));
    assert_eq!(answer.error()["code"], "timeout", "{}", answer.text());
    let record = gateway.record(answer.id()).await;
    assert_eq!(attempts(&record), ["a/x:stall"]);
    serving.await.unwrap();
}
