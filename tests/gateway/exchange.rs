//! The exchange with a vendor: who hangs up, which connections are kept, which headers pass.

use std::time::Duration;

use http::Request;
use tidegate::demo::{ErrorKind, Fault, Match, Step};

use crate::harness::{attempts, messages_body};
use crate::pools::{Twist, Two};
use crate::rows::is_from;

const READY: f64 = 0.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_cancels_the_vendor_at_once_and_nothing_cools() {
    let before_the_head = Step::from(Fault::NoAnswer);
    let in_the_stream = Step::broken(
        tidegate::demo::Place::Events(2),
        tidegate::demo::Break::Stall,
    );
    for (step, after) in [(before_the_head, 0), (in_the_stream, 1)] {
        let two = Two::start(Twist::default()).await;
        two.a.vendor.always(Match::default(), Some(step));
        let body = messages_body("m", true).to_string();
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = tokio::net::TcpStream::connect(two.gateway.addr)
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut client, head.as_bytes())
            .await
            .unwrap();
        if after > 0 {
            let mut first = [0; 64];
            assert!(
                tokio::io::AsyncReadExt::read(&mut client, &mut first)
                    .await
                    .unwrap()
                    > 0
            );
        } else {
            two.a
                .vendor
                .until(Duration::from_secs(5), |seen| {
                    seen.iter().any(|seen| seen.received.is_some())
                })
                .await
                .unwrap();
        }
        let left = tidegate::clock::now();
        drop(client);
        let seen = two
            .a
            .vendor
            .until(Duration::from_secs(5), |seen| seen[0].ended.is_some())
            .await
            .unwrap();
        let (ended, ending) = seen[0].ended.unwrap();
        assert_eq!(ending, tidegate::demo::Ending::ClientGone);
        assert!(
            ended.since(left) < Duration::from_millis(500),
            "{:?}",
            ended.since(left)
        );
        assert_eq!(two.state("a").await, READY);
        crate::harness::until("a record", Duration::from_secs(5), async || {
            two.gateway.records().iter().any(|record| {
                record["ending"] == "client_gone" && record["usage_estimated"] == true
            })
        })
        .await;
        assert_eq!(two.asked(), (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_time_that_a_call_was_sent_is_in_its_record() {
    let two = Two::start(Twist::default()).await;
    assert_eq!(two.gateway.chat("m", false).await.status, 200);
    // Over a kept connection nobody can tell whether the vendor has read the call: it is sent once more, and said to be.
    two.a
        .vendor
        .script("demo-sonnet", [Step::from(Fault::Reset)]);
    let answer = two.gateway.chat("m", false).await;
    assert_eq!((answer.status.as_u16(), two.asked()), (200, (3, 0)));
    let record = two.gateway.record(answer.id()).await;
    let said = ["a/demo-sonnet:resent", "a/demo-sonnet:ok"];
    assert_eq!(attempts(&record), said);
    assert_eq!(record["attempts"][0]["status"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_answer_leaves_the_connection_usable() {
    let two = Two::start(Twist {
        endpoint_a: ", retries: 2",
        ..Twist::default()
    })
    .await;
    two.a.vendor.script(
        "demo-sonnet",
        [
            Step::status(500),
            Step::status(503),
            Step::answer(),
            Step::error(ErrorKind::InvalidRequest),
        ],
    );
    is_from(&two.gateway.chat("m", false).await, "a");
    assert_eq!(two.gateway.chat("m", false).await.status, 400);
    is_from(&two.gateway.chat("m", true).await, "a");
    let connections: Vec<u64> = two
        .a
        .vendor
        .requests()
        .iter()
        .map(|seen| seen.connection)
        .collect();
    assert_eq!(connections.len(), 5);
    assert!(
        connections
            .iter()
            .all(|connection| *connection == connections[0]),
        "{connections:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_the_vendor_closed_is_replaced_without_counting() {
    let two = Two::start(Twist {
        endpoint_a: ", retries: 0",
        ..Twist::default()
    })
    .await;
    for _ in 0..5 {
        two.a
            .vendor
            .script("demo-sonnet", [Fault::CloseAfter.into()]);
        is_from(&two.gateway.chat("m", false).await, "a");
    }
    assert_eq!(two.state("a").await, READY);
    assert_eq!(two.asked().1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_carry_what_vendors_read_and_nothing_else() {
    let two = Two::start(Twist {
        provider_a: ", headers: { X-Team: search }",
        gateway: "  auth: open\n",
        ..Twist::default()
    })
    .await;
    let request = Request::post("/v1/messages?beta=true&key=tg-secret")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "one,two")
        .header("user-agent", "claude-cli/2")
        .header("x-api-key", "tg-secret")
        .header("authorization", "Bearer tg-secret")
        .header("cookie", "session=tg-secret")
        .header("x-forwarded-for", "10.1.2.3")
        .header("x-unknown", "private")
        .body(http_body_util::Full::from(
            messages_body("m", false).to_string(),
        ))
        .unwrap();
    let answer = two.gateway.send(request).await;
    is_from(&answer, "a");
    assert!(!answer.header("x-upstream-request-id").is_empty());
    assert_eq!(answer.header("request-id"), answer.id());
    let seen = &two.a.vendor.requests()[0];
    assert_eq!(
        (seen.path.as_str(), seen.query.as_deref()),
        ("/v1/messages", Some("beta=true"))
    );
    assert_eq!(seen.header("anthropic-beta"), Some("one,two"));
    assert_eq!(seen.header("user-agent"), Some("claude-cli/2"));
    assert_eq!(seen.header("x-team"), Some("search"));
    assert_eq!(seen.header("x-api-key"), Some("k-a"));
    let all = format!("{:?}", seen.headers);
    assert!(
        !all.contains("tg-secret") && !all.contains("10.1.2.3") && !all.contains("private"),
        "{all}"
    );
    assert!(
        !two.gateway.stderr().contains("tg-secret"),
        "a key is never logged"
    );
}
