//! Quotas of endpoints: what is counted, what is said, what is kept. `storm` has them under load.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate::clock;

use crate::harness::{Gateway, PATIENCE, TestVendor, chat_body, until};
use crate::journal;

/// The journal is written once a second.
const KEPT: Duration = Duration::from_secs(5);

/// A quota at `a`. It lasts a year unless it says how long: a test may run at midnight.
fn section(a: &TestVendor, quota: &str) -> String {
    let quota = match quota.contains("reset") {
        true => quota.to_owned(),
        false => quota.replace(" }", ", reset: \"0 0 1 1 *\" }"),
    };
    format!(
        "  providers:
    - {{ name: a, format: [ openai_chat, anthropic ], base_url: \"{}\", keys: [ k-a ] }}
  models:
    - name: m
      endpoints:
        - {{ provider: a, model: demo-a, quota: {quota} }}
",
        a.base_url()
    )
}

/// `used`, `reserved` or `limit`, of `requests` or `tokens`.
async fn quota(gateway: &Gateway, which: &str, of: &str) -> f64 {
    let name = format!("tidegate_endpoint_quota_{which}");
    let labels = [("pool", "m"), ("provider", "a"), ("of", of)];
    gateway.metric(&name, &labels).await
}

async fn until_kept(gateway: &Gateway, used: u64) {
    let data = gateway.dir().join("data");
    until("the journal has it", KEPT, async || {
        journal::kept(&data, &json!({ "pool": "m" }))["used"]["requests"] == used
    })
    .await;
}

/// What `tidegate quota --json` says of the requests used.
fn told(gateway: &Gateway) -> u64 {
    let (code, text) = gateway.command(&["quota", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let limits: Value = serde_json::from_str(&text).unwrap();
    limits["endpoints"][0]["requests"]["used"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everybody_is_spent_the_client_is_told_when_to_come_back() {
    let a = TestVendor::start().await;
    let gateway = Gateway::start(&section(
        &a,
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
    let gateway = Gateway::start(&section(&a, "{ tokens: 100000 }")).await;
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
    let mut gateway = Gateway::start(&section(&a, "{ requests: 1 }")).await;
    administered(&gateway).await;
    let (code, text) = gateway.command(&["quota", "reset", "m"]);
    assert_eq!(code, Some(0), "before anything was used: {text}");
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(gateway.chat("m", false).await.status, 429);
    let (code, text) = gateway.command(&["quota"]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("a/demo-a") && text.contains("1 / 1"),
        "{text}"
    );

    let (code, text) = gateway.command(&["quota", "reset", "m", "a/demo-a"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(told(&gateway), 0);
    let line = "reset usage by hand: m at a/demo-a: 1 requests";
    assert!(gateway.stderr().contains(line), "{}", gateway.stderr());
    assert_eq!(gateway.chat("m", false).await.status, 200, "at once");
    until_kept(&gateway, 1).await;
    gateway.kill();
    assert_eq!(told(&gateway), 1, "by the journal");
    assert_eq!(gateway.command(&["quota", "reset", "m"]).0, Some(0));
    gateway.start_again().await;
    assert_eq!(quota(&gateway, "used", "requests").await, 0.0);
    assert_eq!(gateway.chat("m", false).await.status, 200);

    administered(&gateway).await;
    let out = gateway.output(&["quota", "reset", "m", "a/other"]);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("there are: m a/demo-a"), "{said}");
}

/// Until commands are let in.
async fn administered(gateway: &Gateway) {
    until("the admin side", PATIENCE, async || {
        gateway.command(&["quota"]).0 == Some(0)
    })
    .await;
}

/// Who is not found where the configuration says still reads its journal.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_in_the_journal_is_heard_by_the_gateway_that_runs() {
    let a = TestVendor::start().await;
    let gateway = Gateway::start(&section(&a, "{ requests: 1 }")).await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(gateway.chat("m", false).await.status, 429);
    until_kept(&gateway, 1).await;
    let text = std::fs::read_to_string(gateway.dir().join("tidegate.yaml")).unwrap();
    let dead = crate::harness::dead_addr();
    let other = text.replace(&gateway.addr.to_string(), &dead.to_string());
    std::fs::write(gateway.dir().join("other.yaml"), other).unwrap();
    let asked = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["quota", "reset", "m", "--conf", "other.yaml"])
        .current_dir(gateway.dir())
        .env_clear()
        .output();
    assert_eq!(asked.unwrap().status.code(), Some(0));
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
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_kept_requests_go_on() {
    let a = TestVendor::start().await;
    let blocked = "  data: /dev/null/data\n";
    let body = section(&a, "{ requests: 5 }") + blocked;
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
    let mut gateway = Gateway::start(&section(&a, "{ requests: 2 }")).await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    assert_eq!(gateway.chat("m", false).await.status, 200);
    gateway.rewrite(&section(&a, "{ requests: 3 }"));
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
