//! Two gateways beside each other, vendors that are switched off or checked, and commands in a pipe.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tidegate::demo::Step;

use crate::harness::{Gateway, TestVendor, chat_body, messages_body, post, until};
use crate::journal::kept;

const SOON: Duration = Duration::from_secs(10);

fn metered(vendor: &TestVendor, data: &str) -> String {
    format!(
        "  data: \"{data}\"
  providers:
    - {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ k-a ] }}
  models:
    - name: m
      endpoints:
        - {{ provider: a, model: demo-a, quota: {{ requests: 9, reset: \"0 0 1 1 *\" }} }}
",
        vendor.base_url()
    )
}

fn used(data: &Path) -> u64 {
    let line = kept(data, &json!({ "pool": "m" }));
    line["used"]["requests"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_gateways_in_one_directory_one_keeps_and_the_other_takes_over() {
    let vendor = TestVendor::start().await;
    let shared = tempfile::tempdir().unwrap();
    let data = shared.path().display().to_string();
    let mut first = Gateway::start(&metered(&vendor, &data)).await;
    for _ in 0..3 {
        assert_eq!(first.chat("m", false).await.status, 200);
    }
    until("three are kept", SOON, async || used(shared.path()) == 3).await;
    let second = Gateway::start(&metered(&vendor, &data)).await;
    let said = "another gateway keeps its quotas in";
    until("it is said", SOON, async || second.stderr().contains(said)).await;
    assert!(second.stderr().contains(&data));
    assert!(!first.stderr().contains(said));
    let counted = [("pool", "m"), ("of", "requests")];
    let name = "tidegate_endpoint_quota_used";
    assert_eq!(second.metric(name, &counted).await, 3.0);
    assert_eq!(second.chat("m", false).await.status, 200);
    assert_eq!(first.chat("m", false).await.status, 200);
    until("four are kept", SOON, async || used(shared.path()) == 4).await;
    first.kill();
    until("all are kept", SOON, async || used(shared.path()) == 5).await;
    assert_eq!(second.metric(name, &counted).await, 5.0);
    assert_eq!(second.stderr().matches(said).count(), 1, "said once");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nothing_can_be_kept_is_said_at_the_start() {
    let vendor = TestVendor::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let gateway = Gateway::start(&metered(&vendor, &file.path().display().to_string())).await;
    let said = "will not survive a restart";
    until("it is said", SOON, async || gateway.stderr().contains(said)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_told_alike_whichever_way_leads_there() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&format!(
        "  providers:
    - {{ name: off, format: openai_chat, base_url: \"{0}\", keys: [ k ], enabled: false }}
    - {{ name: on, format: openai_chat, base_url: \"{0}\", keys: [ k ] }}
  models:
    - {{ name: pool, endpoints: [ {{ provider: off, model: x }}, {{ provider: on, model: x, enabled: false }} ] }}
    - {{ name: model, enabled: false, endpoints: [ {{ provider: on, model: x }} ] }}
  routes:
    - {{ when: {{ model: routed }}, use: {{ provider: off, model: x }} }}
",
        vendor.base_url()
    ))
    .await;
    for name in ["routed", "pool", "off/x", "model"] {
        let answer = gateway
            .post("/v1/chat/completions", &chat_body(name, false))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (503, "10"),
            "{name}"
        );
        assert_eq!(answer.error()["code"], "model_disabled", "{name}");
        let answer = gateway
            .post("/v1/messages", &messages_body(name, true))
            .await;
        assert_eq!(answer.status, 503, "{name}");
        assert_eq!(answer.error()["type"], "api_error", "{name}");
        let body = serde_json::json!({ "contents": [ { "parts": [ { "text": "hi" } ] } ] });
        let path = format!("/v1beta/models/{name}:generateContent");
        let answer = gateway.send(post(&path, &body)).await;
        assert_eq!(answer.status, 503, "{name}");
        assert_eq!(answer.error()["status"], "UNAVAILABLE", "{name}");
    }
    assert!(vendor.vendor.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_keep_to_their_own_interval_and_name_the_provider() {
    let vendor = TestVendor::start().await;
    vendor.vendor.script("demo-a", [Step::answer()]);
    let gateway = Gateway::start(&format!(
        "  providers:
    - {{ name: watched, format: openai_chat, base_url: \"{}\", keys: [ k ], health: {{ active: {{ path: /models, every: 100ms }} }} }}
  models:
    - {{ name: m, endpoints: [ {{ provider: watched, model: demo-a }} ] }}
",
        vendor.base_url()
    ))
    .await;
    let checks = || {
        let seen = vendor.vendor.requests();
        seen.iter()
            .filter(|seen| seen.path.ends_with("/models"))
            .count()
    };
    let before = checks();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let in_three_seconds = checks() - before;
    // Every 200 ms would be 15.
    assert!((19..=34).contains(&in_three_seconds), "{in_three_seconds}");
    drop(vendor);
    until("it is said", SOON, async || {
        gateway
            .stderr()
            .contains("health check: watched at 127.0.0.1:")
            && gateway.stderr().contains(" is unhealthy")
    })
    .await;
}

#[test]
fn who_reads_no_further_hears_no_complaint() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("t.yaml"), "gateway:\n  auth: open\n").unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["check", "t.yaml"])
        .current_dir(dir.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(check.stdout.take());
    let output = check.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
