//! Quotas of endpoints: what the vendor takes is what is counted, also over a crash.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tidegate::clock::{self, Tick};
use tidegate::demo::{Break, Fault, Place, Seen, Step};
use tokio::net::TcpStream;

use crate::harness::{Gateway, TestVendor, chat_body, post, try_send, until};

const A_MINUTE: Duration = Duration::from_secs(60);
/// The journal is written once a second.
const KEPT: Duration = Duration::from_secs(5);

/// A quota at `a`, and `b` behind it where nothing is limited. It lasts a year unless it says how long: a test may run at
/// midnight.
fn section(a: &TestVendor, b: Option<&TestVendor>, quota: &str) -> String {
    let quota = match quota.contains("reset") {
        true => quota.to_owned(),
        false => quota.replace(" }", ", reset: \"0 0 1 1 *\" }"),
    };
    let mut text = format!(
        "  cooldown: {{ base: 10ms, max: 10ms, probe_after: 10ms }}
  breaker: {{ failures: 1000000, open_for: 10ms }}
  providers:
    - {{ name: a, format: [ openai_chat, anthropic ], base_url: \"{}\", keys: [ k-a ] }}
",
        a.base_url()
    );
    let mut endpoints =
        format!("        - {{ provider: a, model: demo-a, priority: 1, quota: {quota} }}\n");
    if let Some(b) = b {
        text.push_str(&format!(
            "    - {{ name: b, format: [ openai_chat, anthropic ], base_url: \"{}\", keys: [ k-b ] }}\n",
            b.base_url()
        ));
        endpoints.push_str("        - { provider: b, model: demo-b, priority: 2 }\n");
    }
    text.push_str(&format!(
        "  models:\n    - name: m\n      endpoints:\n{endpoints}"
    ));
    text
}

/// What the vendor's own ledger says: it took the call, by then.
fn taken(vendor: &TestVendor, by: Tick) -> usize {
    let took = |seen: &&Seen| seen.status == Some(200) && seen.answered.is_some_and(|at| at <= by);
    vendor.vendor.requests().iter().filter(took).count()
}

fn taken_in_all(vendor: &TestVendor) -> usize {
    taken(vendor, Tick(u64::MAX))
}

/// `used`, `reserved` or `limit`, of `requests` or `tokens`.
async fn quota(gateway: &Gateway, which: &str, of: &str) -> f64 {
    let name = format!("tidegate_endpoint_quota_{which}");
    let labels = [("pool", "m"), ("provider", "a"), ("of", of)];
    gateway.metric(&name, &labels).await
}

/// What `tidegate quota --json` says of the requests used.
fn kept(gateway: &Gateway) -> u64 {
    let (code, text) = gateway.command(&["quota", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let rows: Value = serde_json::from_str(&text).unwrap();
    rows[0]["requests"]["used"].as_u64().unwrap()
}

async fn until_kept(gateway: &Gateway, used: u64) {
    until("the journal has it", KEPT, async || kept(gateway) == used).await;
}

/// What happens to the vendor's calls, over and over.
fn weather(n: usize) -> Vec<Step> {
    let cut = |at| {
        Step::from(Fault::Break {
            at,
            how: Break::Close,
        })
    };
    let kinds = [
        Step::answer(),
        Step::status(500),
        cut(Place::Events(1)),
        Step::answer(),
        Step::from(Fault::SlowBody(Duration::from_millis(30))),
        cut(Place::Preamble),
        Step::from(Fault::Reset),
        Step::from(Fault::SlowFirstToken(Duration::from_millis(200))),
        Step::status(503),
        Step::from(Fault::EmptyAnswer),
        Step::from(Fault::NoUsage),
    ];
    // Late heads: many calls are under way before the first of them is taken or refused.
    let late = |(n, step): (usize, Step)| {
        let late = Duration::from_millis([50, 400, 150, 250][n % 4]);
        let faults = [Fault::SlowHead(late)].into_iter().chain(step.faults);
        Step {
            faults: faults.collect(),
        }
    };
    let steps = kinds.into_iter().cycle().take(n);
    steps.enumerate().map(late).collect()
}

/// A stream of which the client takes the first bytes and leaves.
async fn leave(addr: std::net::SocketAddr) {
    let Ok(stream) = TcpStream::connect(addr).await else {
        return;
    };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        return;
    };
    let driver = tokio::spawn(connection);
    let request: Request<Full<Bytes>> = post("/v1/chat/completions", &chat_body("m", true));
    if let Ok(mut response) = sender.send_request(request).await {
        let _first = response.frame().await;
    }
    driver.abort();
}

async fn storm(gateway: &Gateway, calls: usize) {
    let addr = gateway.addr;
    let call = |n: usize| async move {
        if n % 5 == 4 {
            return leave(addr).await;
        }
        let body = chat_body("m", n.is_multiple_of(2));
        let asked = try_send(addr, post("/v1/chat/completions", &body));
        let _answer = tokio::time::timeout(A_MINUTE, asked).await.expect("an end");
    };
    let calls: Vec<_> = (0..calls).map(|n| tokio::spawn(call(n))).collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_thousand_at_once_the_vendor_takes_five_hundred() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let mut gateway = Gateway::start(&section(&a, Some(&b), "{ requests: 500 }")).await;
    a.vendor.script("demo-a", weather(4000));
    storm(&gateway, 2_000).await;
    until("nothing is reserved", A_MINUTE, async || {
        quota(&gateway, "reserved", "requests").await == 0.0
            && quota(&gateway, "reserved", "tokens").await == 0.0
    })
    .await;
    let used = quota(&gateway, "used", "requests").await;
    assert_eq!(used, taken_in_all(&a) as f64);
    assert!((1.0..=500.0).contains(&used), "{used}");
    // The rest of it, to the very last one.
    a.vendor.clear_script();
    for _ in 0..1_000 {
        if gateway.chat("m", true).await.route() == "b/demo-b" {
            break;
        }
    }
    assert_eq!(taken_in_all(&a), 500);
    assert_eq!(quota(&gateway, "used", "requests").await, 500.0);

    until_kept(&gateway, 500).await;
    gateway.kill();
    gateway.start_again().await;
    assert_eq!(quota(&gateway, "used", "requests").await, 500.0);
    assert_eq!(quota(&gateway, "reserved", "requests").await, 0.0);
    assert_eq!(gateway.chat("m", false).await.route(), "b/demo-b");
    assert_eq!(taken_in_all(&a), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_costs_the_last_second_and_what_was_in_flight() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let mut gateway = Gateway::start(&section(&a, Some(&b), "{ requests: 100000 }")).await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(4) {
        storm(&gateway, 20).await;
        // The vendor remembers only so many.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gateway.kill();
    let now = clock::now();
    // The write itself takes its time, too.
    let certain = taken(&a, now - Duration::from_secs(2));
    let all = taken_in_all(&a);
    gateway.start_again().await;
    let used = quota(&gateway, "used", "requests").await;
    assert!(certain > 0 && certain < all, "{certain} of {all}");
    assert!(
        (certain as f64..=all as f64).contains(&used),
        "{certain} <= {used} <= {all}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everybody_is_spent_the_client_is_told_when_to_come_back() {
    let a = TestVendor::start().await;
    let gateway = Gateway::start(&section(
        &a,
        None,
        "{ requests: 2, reset: \"0 0 * * *\", time_zone: UTC }",
    ))
    .await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(gateway.chat("m", true).await.status, 200);
    let of_day = clock::wall().as_secs() % 86_400;
    for (path, body) in [
        ("/v1/chat/completions", chat_body("m", true)),
        ("/v1/messages", crate::harness::messages_body("m", false)),
    ] {
        let answer = gateway.post(path, &body).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        let after: u64 = answer.header("retry-after").parse().unwrap();
        let midnight = 86_400 - of_day;
        assert!(after.abs_diff(midnight) <= 5, "{after} {midnight}");
        let said = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(said.contains("quota") && said.contains("`m`"), "{said}");
        assert_eq!(answer.error()["type"], "rate_limit_error");
    }
    // To count costs nothing, and is not refused.
    let count = gateway
        .post(
            "/v1/messages/count_tokens",
            &crate::harness::messages_body("m", false),
        )
        .await;
    assert_eq!(count.status, 200);
    assert_eq!(quota(&gateway, "used", "requests").await, 2.0);
    assert_eq!(quota(&gateway, "limit", "requests").await, 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_those_that_the_vendor_says() {
    let a = TestVendor::start().await;
    let gateway = Gateway::start(&section(&a, None, "{ tokens: 100000 }")).await;
    let mut told = 0;
    for stream in [false, true] {
        let answer = gateway.chat("m", stream).await;
        let record = gateway.record(answer.id()).await;
        let buckets = ["input", "cache_read", "cache_write", "output", "reasoning"];
        let tokens = buckets.iter().filter_map(|bucket| record[*bucket].as_u64());
        told += tokens.sum::<u64>();
    }
    assert!(told > 0);
    assert_eq!(quota(&gateway, "used", "tokens").await, told as f64);
    // Over the whole quota: no reset will help.
    let mut body = chat_body("m", false);
    body["max_tokens"] = 200_000.into();
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(a.vendor.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_reset_by_hand_in_the_running_gateway_and_in_a_stopped_one() {
    let a = TestVendor::start().await;
    let mut gateway = Gateway::start(&section(&a, None, "{ requests: 1 }")).await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(gateway.chat("m", false).await.status, 429);
    until_kept(&gateway, 1).await;
    let (code, text) = gateway.command(&["quota"]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("a/demo-a") && text.contains("1 / 1"),
        "{text}"
    );

    let (code, text) = gateway.command(&["quota", "reset", "m", "a/demo-a"]);
    assert_eq!(code, Some(0), "{text}");
    until("it is heard", KEPT, async || {
        gateway.chat("m", false).await.status == 200
    })
    .await;
    until("it is told", KEPT, async || {
        gateway
            .stderr()
            .contains("reset usage by hand: m at a/demo-a: 1 requests")
    })
    .await;

    until_kept(&gateway, 1).await;
    gateway.kill();
    assert_eq!(gateway.command(&["quota", "reset", "m"]).0, Some(0));
    gateway.start_again().await;
    assert_eq!(quota(&gateway, "used", "requests").await, 0.0);
    assert_eq!(gateway.chat("m", false).await.status, 200);

    let (code, text) = gateway.command(&["quota", "reset", "m", "a/other"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("there are: m a/demo-a"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_kept_requests_go_on() {
    let a = TestVendor::start().await;
    let blocked = "  data: /dev/null/data\n";
    let body = section(&a, None, "{ requests: 5 }") + blocked;
    let gateway = Gateway::start(&body).await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    let errors = "tidegate_quota_journal_errors_total";
    until("it is counted", KEPT, async || {
        gateway.metric(errors, &[]).await >= 2.0
    })
    .await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(quota(&gateway, "used", "requests").await, 2.0);
    let said = gateway.stderr().matches("will not survive").count();
    assert_eq!(said, 1, "{}", gateway.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_end_keeps_everything_and_a_reload_changes_no_counter() {
    let a = TestVendor::start().await;
    let mut gateway = Gateway::start(&section(&a, None, "{ requests: 2 }")).await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(gateway.chat("m", false).await.status, 200);
    gateway.rewrite(&section(&a, None, "{ requests: 3 }"));
    until("another limit", Duration::from_secs(10), async || {
        quota(&gateway, "limit", "requests").await == 3.0
    })
    .await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(gateway.chat("m", false).await.status, 429);
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    gateway.start_again().await;
    assert_eq!(quota(&gateway, "used", "requests").await, 3.0);
    assert_eq!(gateway.chat("m", false).await.status, 429);
}
