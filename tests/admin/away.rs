//! A gateway that starts while its database is away: it serves what the file decides, and nothing else.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::caller::{Heard, Operator, call};
use crate::harness::{Answer, Gateway, TestVendor, chat_body, post, until};
use crate::house::{KEY, PASSWORD, PATIENCE, Visitor, with};
use crate::postgres::Postgres;

const SEAL: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

async fn keyless(gateway: &Gateway, model: &str) -> Answer {
    let request = post("/v1/chat/completions", &chat_body(model, false));
    gateway.send(request).await
}

fn is_not_yet(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), "1");
    let said = answer.error()["message"].to_string();
    assert!(said.contains("database"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_gateway_makes_nothing_up() {
    let (mut server, vendor) = (Postgres::start(), TestVendor::start().await);
    let section = format!("  database: \"{}\"\n", server.url());
    let env = [
        ("ADMIN_PASSWORD", PASSWORD),
        ("ADMIN_KEY", KEY),
        ("TIDEGATE_SECRET_KEY", SEAL),
    ];
    let mut gateway = with(&section, &env).await;
    let visitor = Visitor::logged_in(&gateway, "admin", PASSWORD).await;
    let operator = Operator {
        gateway: &gateway,
        visitor,
        heard: Heard::default(),
    };
    let provider = json!({
        "name": "b", "format": ["openai_chat", "anthropic"], "keys": ["sk-b"],
        "base_url": format!("http://{}/v1", vendor.addr),
    });
    operator.post("/providers", &provider, 201).await;
    let pool = json!({ "name": "n", "endpoints": [{ "provider": "b", "model": "demo-b" }] });
    operator.post("/models", &pool, 201).await;
    let made = operator
        .post("/client-keys", &json!({ "name": "ci" }), 201)
        .await;
    let key = made["key"].as_str().unwrap().to_owned();

    gateway.kill();
    server.stop();
    let begun = Instant::now();
    gateway.start_again_unready().await;
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "it listens at once"
    );
    let ready = gateway.get("/ready").await.unwrap();
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("database"), "{}", ready.text());
    for model in ["sonnet", "n", "demo-sonnet"] {
        is_not_yet(&keyless(&gateway, model).await);
        for format in ["openai_chat", "anthropic"] {
            is_not_yet(&gateway.send(call(format, &key, model)).await);
            // Let in by the environment, and nothing is made up for it either.
            is_not_yet(&gateway.send(call(format, KEY, model)).await);
        }
    }
    is_not_yet(&gateway.get("/v1/models").await.unwrap());
    assert!(vendor.vendor.requests().is_empty());

    server.resume();
    until("it is ready", PATIENCE, async || {
        gateway.get("/ready").await.unwrap().status == 200
    })
    .await;
    let answer = gateway.send(call("openai_chat", &key, "n")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(keyless(&gateway, "n").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_decides_is_served_without_the_database() {
    let (mut server, vendor) = (Postgres::start(), TestVendor::start().await);
    let section = format!(
        "  database: \"{}\"
  providers: [ {{ name: a, format: [ openai_chat, anthropic ], base_url: \"http://{}\", keys: [ k-a ] }} ]
  models: [ {{ name: m, endpoints: [ {{ provider: a, model: demo-a }} ] }} ]
  client_keys: [ {{ name: of-file, value: value-of-the-file-1 }} ]
",
        server.url(),
        vendor.addr
    );
    let env = [("ADMIN_KEY", KEY), ("TIDEGATE_SECRET_KEY", SEAL)];
    let mut gateway = with(&section, &env).await;
    gateway.kill();
    server.stop();
    gateway.start_again_unready().await;
    for key in ["value-of-the-file-1", KEY] {
        let answer = gateway.send(call("anthropic", key, "m")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        is_not_yet(&gateway.send(call("anthropic", key, "of-nobody")).await);
    }
    is_not_yet(&gateway.send(call("anthropic", "unknown", "m")).await);
    is_not_yet(&keyless(&gateway, "m").await);
    server.resume();
    until("it is ready", PATIENCE, async || {
        gateway.get("/ready").await.unwrap().status == 200
    })
    .await;
    let answer = gateway.send(call("anthropic", "unknown", "m")).await;
    assert_eq!(answer.status, 401);
}
