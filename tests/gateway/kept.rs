//! What records keep of keys and bodies.

use std::time::Duration;

use tidegate::config::Database;
use tidegate::demo::Step;
use tidegate::store::{Bodies, KeyFigures, Store};

use crate::harness::{Answer, Gateway, post, until};
use crate::pools::{Twist, Two};

const WHILE: Duration = Duration::from_secs(30);
const KEYS: &str = "[ sk-the-first-key-1, sk-a-second-key-2 ]";

async fn until_written(gateway: &Gateway, rows: f64) {
    until("the rows", WHILE, async || {
        gateway.metric("tidegate_records_written_total", &[]).await == rows
    })
    .await;
}

async fn store(gateway: &Gateway) -> Store {
    let database = Database::Sqlite(gateway.dir().join("data/tidegate.db"));
    let dir = gateway.dir();
    let opened = tokio::task::spawn_blocking(move || Store::open(&database, dir));
    opened.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_counted_with_the_key_that_it_used() {
    let two = Two::start(Twist {
        keys_a: KEYS,
        endpoint_a: ", retries: 0",
        ..Twist::default()
    })
    .await;
    two.a.vendor.script("demo-sonnet", [Step::status(429)]);
    let answer = two.gateway.chat("m", false).await;
    assert_eq!(answer.status, 200);
    until_written(&two.gateway, 1.0).await;
    let store = store(&two.gateway).await;
    let row = store.request(answer.id()).await.unwrap().unwrap();
    let used: Vec<_> = row
        .attempts
        .iter()
        .map(|attempt| (attempt.key_masked.as_deref().unwrap(), attempt.status))
        .collect();
    let (masks, statuses): (Vec<_>, Vec<_>) = used.into_iter().unzip();
    assert_eq!(statuses, [Some(429), Some(200)]);
    assert!(
        masks.contains(&"sk-…ey-1") && masks.contains(&"sk-…ey-2"),
        "{masks:?}"
    );
    let all = store.key_statistics(Duration::ZERO, Duration::from_secs(1 << 33));
    let mut all: Vec<KeyFigures> = all.await.unwrap();
    all.sort_by_key(|key| key.ok);
    let told: Vec<_> = all
        .iter()
        .map(|key| (&*key.key, key.ok, key.failed, key.statuses.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (masks[0], 0, 1, [(429, 1)].into()),
            (masks[1], 1, 0, [(200, 1)].into())
        ]
    );
    assert_eq!(all[1].last_at, row.at);
}

/// A client that says what it should not.
async fn careless(gateway: &Gateway, stream: bool) -> Answer {
    let said = serde_json::json!({
        "model": "m", "stream": stream,
        "messages": [ { "role": "user", "content": "is sk-the-first-key-1 or tg-client-key-of-mine a key?" } ],
        "metadata": { "api_key": "hunter-22" },
    });
    let mut request = post("/v1/chat/completions", &said);
    let own = "Bearer tg-client-key-of-mine".parse().unwrap();
    request.headers_mut().insert("authorization", own);
    gateway.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_kept_where_that_is_asked_for_and_hold_no_secret() {
    let two = Two::start(Twist {
        gateway: "  log: { file: access.log, bodies: true }\n",
        keys_a: KEYS,
        ..Twist::default()
    })
    .await;
    let whole = careless(&two.gateway, false).await;
    let stream = careless(&two.gateway, true).await;
    let refused = two.gateway.chat("nobody", false).await;
    until_written(&two.gateway, 3.0).await;
    let store = store(&two.gateway).await;
    let kept =
        async |answer: &Answer| -> Bodies { store.bodies(answer.id()).await.unwrap().unwrap() };
    for answer in [&whole, &stream] {
        assert_eq!(answer.status, 200);
        let Bodies { request, response } = kept(answer).await;
        let request = String::from_utf8(request.bytes).unwrap();
        assert!(
            request.contains("is [hidden] or [hidden] a key?"),
            "{request}"
        );
        assert!(request.contains(r#""api_key":"[hidden]""#), "{request}");
        let text = answer.text();
        let text = text.replace("sk-the-first-key-1", "[hidden]");
        let text = text.replace("tg-client-key-of-mine", "[hidden]");
        let response_text = String::from_utf8(response.bytes).unwrap();
        assert_eq!((response_text, response.cut), (text, false));
    }
    let error = kept(&refused).await.response.bytes;
    assert_eq!(String::from_utf8(error).unwrap(), refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_cut_where_they_are_too_long() {
    let two = Two::start(Twist {
        gateway: "  log: { file: access.log, bodies: { max: 1KiB } }\n",
        ..Twist::default()
    })
    .await;
    let said = serde_json::json!({
        "model": "m", "messages": [ { "role": "user", "content": "x".repeat(100_000) } ],
    });
    let answer = two.gateway.post("/v1/chat/completions", &said).await;
    until_written(&two.gateway, 1.0).await;
    let Bodies { request, .. } = store(&two.gateway)
        .await
        .bodies(answer.id())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((request.bytes.len(), request.cut), (1024, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_is_kept_that_nobody_asked_for() {
    let two = Two::start(Twist::default()).await;
    let answer = two.gateway.chat("m", false).await;
    until_written(&two.gateway, 1.0).await;
    let store = store(&two.gateway).await;
    assert_eq!(store.bodies(answer.id()).await.unwrap(), None);
    assert!(store.bodies("x").await.is_err());
}
