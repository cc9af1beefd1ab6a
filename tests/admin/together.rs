//! Homes of objects: the file and the database with the same name; two gateways with one database.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::{Heard, Operator, call};
use crate::harness::{Gateway, TestVendor, until};
use crate::house::{KEY, PASSWORD, PATIENCE, Visitor, house, with};
use crate::postgres::Postgres;

const SEAL: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
/// What one gateway has done the other knows.
const SOON: Duration = Duration::from_secs(3);

fn operator(gateway: &Gateway) -> Operator<'_> {
    Operator {
        gateway,
        visitor: Visitor::bearer(KEY),
        heard: Heard::default(),
    }
}

fn section(vendor: &TestVendor, keys: &str) -> String {
    format!(
        "  auth: keys
  providers: [ {{ name: a, format: [ openai_chat, anthropic ], base_url: \"http://{}\", keys: [ k-a ] }} ]
  models: [ {{ name: m, endpoints: [ {{ provider: a, model: demo-a }} ] }} ]
{keys}",
        vendor.addr
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_key_whose_name_the_file_has_is_shadowed_labelled_and_comes_out_again() {
    let vendor = TestVendor::start().await;
    let declared = "  client_keys: [ { name: ci, value: value-of-the-file } ]\n";
    let gateway = house(&section(&vendor, declared)).await;
    let operator = operator(&gateway);
    let status = async |key: &str| {
        let answer = gateway.send(call("anthropic", key, "m")).await;
        answer.status.as_u16()
    };
    let made = operator
        .post("/client-keys", &json!({ "name": "ci" }), 201)
        .await;
    assert_eq!(made["home"], "shadowed", "{made}");
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(
        (status(&key).await, status("value-of-the-file").await),
        (401, 200)
    );
    let homes = async || -> Vec<Value> {
        let list = operator.get("/client-keys").await;
        let items = list["items"].as_array().unwrap();
        items.iter().map(|one| one["home"].clone()).collect()
    };
    assert_eq!(homes().await, ["file", "shadowed"]);
    let one = operator.get("/client-keys/ci").await;
    assert_eq!(one["home"], "file", "that which is in force");
    // Without the file's, it is what it says.
    gateway.rewrite(&section(&vendor, ""));
    until("the made key", PATIENCE, async || status(&key).await == 200).await;
    assert_eq!(status("value-of-the-file").await, 401);
    assert_eq!(homes().await, ["database"]);
    gateway.rewrite(&section(&vendor, declared));
    until("the file's key", PATIENCE, async || {
        status(&key).await == 401
    })
    .await;
    operator.delete("/client-keys/ci").await;
    assert_eq!(homes().await, ["file"]);
    let refused = operator.ask("DELETE", "/client-keys/ci", None).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(
        refused.text().contains("configuration file"),
        "{}",
        refused.text()
    );
}

/// Each is written, whoever was faster.
async fn both_at_once(one: &Operator<'_>, other: &Operator<'_>) {
    let tenant = |name: &str| json!({ "name": name });
    for n in 0..10 {
        let (ours, theirs) = (tenant(&format!("a{n}")), tenant(&format!("b{n}")));
        let (left, right) = tokio::join!(
            one.post("/tenants", &ours, 201),
            other.post("/tenants", &theirs, 201)
        );
        assert_eq!(
            (&left["home"], &right["home"]),
            (&json!("database"), &json!("database"))
        );
    }
    for operator in [one, other] {
        until("all tenants", SOON, async || {
            let list = operator.get("/tenants").await;
            list["items"].as_array().unwrap().len() == 20
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_on_one_postgresql_see_each_others_changes_within_three_seconds() {
    let (server, vendor) = (Postgres::start(), TestVendor::start().await);
    let section = [
        &format!("  database: \"{}\"\n", server.url()),
        &*section(&vendor, ""),
    ]
    .concat();
    let env = [
        ("ADMIN_PASSWORD", PASSWORD),
        ("ADMIN_KEY", KEY),
        ("TIDEGATE_SECRET_KEY", SEAL),
    ];
    let (first, second) = tokio::join!(with(&section, &env), with(&section, &env));
    let (one, other) = (operator(&first), operator(&second));
    let status = async |gateway: &Gateway, key: &str, model: &str| {
        let answer = gateway.send(call("openai_chat", key, model)).await;
        answer.status.as_u16()
    };
    let made = one
        .post("/client-keys", &json!({ "name": "ci" }), 201)
        .await;
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(status(&first, &key, "m").await, 200);
    until("the key", SOON, async || {
        status(&second, &key, "m").await == 200
    })
    .await;

    // A vendor's key that one has sealed, the other opens.
    let provider = json!({
        "name": "b", "format": "openai_chat", "keys": ["sk-sealed-by-the-other"],
        "base_url": format!("http://{}/v1", vendor.addr),
    });
    other.post("/providers", &provider, 201).await;
    let pool = json!({ "name": "n", "endpoints": [{ "provider": "b", "model": "demo-b" }] });
    other.post("/models", &pool, 201).await;
    until("the pool", SOON, async || {
        status(&first, &key, "n").await == 200
    })
    .await;
    let seen = vendor.vendor.requests();
    assert_eq!(
        seen.last().unwrap().key.as_deref(),
        Some("sk-sealed-by-the-other")
    );
    both_at_once(&one, &other).await;
    other.delete("/client-keys/ci").await;
    assert_eq!(status(&second, &key, "m").await, 401);
    until("it is revoked", SOON, async || {
        status(&first, &key, "m").await == 401
    })
    .await;
    let session = Visitor::logged_in(&first, "admin", PASSWORD).await;
    assert_eq!(session.get(&second, "/session").await.status, 200);
}
