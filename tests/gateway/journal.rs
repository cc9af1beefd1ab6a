//! What the journal keeps of rates over a crash, and the commands that work on it where no gateway answers.

use std::path::Path;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Gateway, TestVendor, chat_body, post, until};

/// The journal is written once a second.
const KEPT: Duration = Duration::from_secs(20);

/// The last line of a journal in that directory whose members are so.
pub fn kept(data: &Path, members: &Value) -> Value {
    let text = std::fs::read_to_string(data.join("quotas.journal")).unwrap_or_default();
    let mut lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let wanted = |line: &Value| {
        let members = members.as_object().unwrap().iter();
        members.into_iter().all(|(name, is)| line[name] == *is)
    };
    lines.rfind(wanted).unwrap_or_default()
}

fn section(vendor: &TestVendor) -> String {
    format!(
        "  providers:
    - {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ k-a ] }}
  models:
    - {{ name: m, endpoints: [ {{ provider: a, model: demo-a }} ] }}
  tenants: [ {{ name: t, limits: {{ tpm: 100000 }} }} ]
  client_keys:
    - {{ name: ci, value: value-of-ci, tenant: t, limits: {{ rpm: 4 }} }}
",
        vendor.base_url()
    )
}

async fn called(gateway: &Gateway) -> StatusCode {
    let mut request = post("/v1/chat/completions", &chat_body("m", false));
    let value = HeaderValue::from_static("Bearer value-of-ci");
    request.headers_mut().insert(AUTHORIZATION, value);
    gateway.send(request).await.status
}

/// Requests and tokens of the last line of a rate.
fn lately(gateway: &Gateway, members: &Value) -> (u64, u64) {
    let line = kept(&gateway.dir().join("data"), members);
    let sums = line["lately"].as_array().into_iter().flatten();
    sums.fold((0, 0), |(requests, tokens), sum| {
        let of = |at: usize| sum[at].as_u64().unwrap();
        (requests + of(1), tokens + of(2))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_gives_nobody_a_second_minute() {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&section(&vendor)).await;
    for _ in 0..2 {
        assert_eq!(called(&gateway).await, 200);
    }
    let labels = [("owner", "tenant"), ("name", "t"), ("limit", "tpm")];
    let tokens = async || gateway.metric("tidegate_limit_used", &labels).await;
    let of_key = json!({ "key": "ci", "limit": "rate" });
    let of_tenant = json!({ "tenant": "t", "limit": "rate" });
    let mut spent = 0.0;
    until("the journal has it", KEPT, async || {
        spent = tokens().await;
        lately(&gateway, &of_key).0 == 2 && lately(&gateway, &of_tenant).1 as f64 == spent
    })
    .await;
    assert!(spent > 0.0);
    gateway.kill();
    gateway.start_again().await;
    assert_eq!(gateway.metric("tidegate_limit_used", &labels).await, spent);
    for expected in [200, 200, 429] {
        assert_eq!(called(&gateway).await, expected);
    }
    until("the journal has it", KEPT, async || {
        lately(&gateway, &of_key).0 == 4
    })
    .await;

    // By hand, while nobody is there.
    gateway.kill();
    let out = gateway.output(&["quota", "reset", "--key", "ci"]);
    let (said, told) = (text(&out.stderr), text(&out.stdout));
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(told.starts_with("ok rate of key ci begins anew"), "{told}");
    assert!(
        said.starts_with("note no gateway answers at http://127.0.0.1:")
            && said.lines().count() == 1,
        "{said}"
    );
    gateway.start_again().await;
    assert_eq!(called(&gateway).await, 200);
    until("the journal has it", KEPT, async || {
        lately(&gateway, &of_key).0 == 1
    })
    .await;
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_named_and_away_is_an_error_and_the_journal_is_not_read() {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&section(&vendor)).await;
    let url = format!("http://{}", gateway.addr);
    gateway.kill();
    let line = ["quota", "--url", &url, "--admin-key", "k"];
    let out = gateway.output(&line);
    assert_eq!(
        (out.status.code(), text(&out.stdout)),
        (Some(3), String::new())
    );
    let out = gateway.output(&["quota", "--json"]);
    assert_eq!(out.status.code(), Some(0));
    let limits: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        limits["client_keys"][0]["rpm"],
        json!({ "used": 0, "limit": 4 })
    );
    assert_eq!(
        limits["tenants"][0]["tpm"],
        json!({ "used": 0, "limit": 100_000 })
    );
    assert!(limits["journal"].is_string());
}
