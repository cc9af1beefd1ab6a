//! Objects of the database beside a file that is broken, or that has taken something away from under them.

use serde_json::{Value, json};

use crate::caller::{Heard, Operator, call, found};
use crate::harness::{Gateway, TestVendor, post, until};
use crate::house::{KEY, PATIENCE, Visitor, house};

fn operator(gateway: &Gateway) -> Operator<'_> {
    Operator {
        gateway,
        visitor: Visitor::bearer(KEY),
        heard: Heard::default(),
    }
}

fn section(vendor: &TestVendor, provider: &str, more: &str) -> String {
    format!(
        "  providers: [ {{ name: {provider}, format: openai_chat, base_url: \"http://{}\", keys: [ k-a ] }} ]
  models: [ {{ name: m, endpoints: [ {{ provider: {provider}, model: demo-a }} ] }} ]
{more}",
        vendor.addr
    )
}

fn pool(name: &str, provider: &str) -> Value {
    json!({ "name": name, "endpoints": [{ "provider": provider, "model": "demo-b" }] })
}

async fn status(gateway: &Gateway, key: &str, model: &str) -> u16 {
    let answer = gateway.send(call("openai_chat", key, model)).await;
    answer.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_keeps_nobody_from_revoking_a_key() {
    let vendor = TestVendor::start().await;
    let good = section(&vendor, "a", "  auth: keys\n");
    let gateway = house(&good).await;
    let operator = operator(&gateway);
    let made = operator
        .post("/client-keys", &json!({ "name": "leaked" }), 201)
        .await;
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(status(&gateway, &key, "m").await, 200);
    gateway.rewrite(&section(&vendor, "a", "  auth: keys\n  bogus: 1\n"));
    let refused = operator.ask("POST", "/reload", None).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let told = operator.get("/status").await;
    let problem = &told["refused"]["problems"][0];
    assert!(problem.as_str().unwrap().contains("bogus"), "{told}");
    assert!(told["refused"]["since"].is_string(), "{told}");
    let file = std::path::Path::new(told["file"].as_str().unwrap());
    assert!(file.is_absolute() && file.exists(), "{told}");
    operator.delete("/client-keys/leaked").await;
    assert_eq!(status(&gateway, &key, "m").await, 401);
    let made = operator
        .post("/client-keys", &json!({ "name": "next" }), 201)
        .await;
    let next = made["key"].as_str().unwrap();
    assert_eq!(status(&gateway, next, "m").await, 200);
    let exported = operator.ask("GET", "/export", None).await;
    assert_eq!(exported.status, 200, "{}", exported.text());
    // Its own faults are still the writer's.
    let wrong = operator
        .ask("POST", "/models", Some(&pool("n", "nobody")))
        .await;
    assert_eq!(wrong.status, 422);
    assert!(!wrong.text().contains("bogus"), "{}", wrong.text());
    gateway.rewrite(&good);
    operator.told(("POST", "/reload"), None, 200).await;
    assert_eq!(operator.get("/status").await["refused"], json!(null));
    assert_eq!(status(&gateway, next, "m").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_dangle_are_left_out_and_lock_nothing() {
    let vendor = TestVendor::start().await;
    let gateway = house(&section(&vendor, "a", "")).await;
    let operator = operator(&gateway);
    for name in ["m1", "m2", "m3"] {
        operator.post("/models", &pool(name, "a"), 201).await;
    }
    // The file's provider has another name now.
    gateway.rewrite(&section(&vendor, "b", ""));
    operator.told(("POST", "/reload"), None, 200).await;
    let shown = operator.get("/models").await;
    for name in ["m1", "m2", "m3"] {
        let fault = found(&shown["items"], "name", name)["fault"].clone();
        let fault = fault.as_str().unwrap_or_default();
        assert!(
            fault.contains("no provider is named `a`"),
            "{name}: {fault}"
        );
        assert_eq!(fault.matches("no provider").count(), 1, "its own: {fault}");
        assert_eq!(status(&gateway, KEY, name).await, 404);
    }
    assert_eq!(status(&gateway, KEY, "m").await, 200);
    let exported = operator.ask("GET", "/export", None).await;
    assert_eq!(exported.status, 200);
    assert!(exported.text().contains("m2"), "told: {}", exported.text());
    // In any order.
    operator
        .post("/tenants", &json!({ "name": "t" }), 201)
        .await;
    operator.delete("/models/m1").await;
    let mended = json!({ "endpoints": [{ "provider": "b", "model": "demo-b" }] });
    operator
        .told(("PATCH", "/models/m2"), Some(&mended), 200)
        .await;
    assert_eq!(status(&gateway, KEY, "m2").await, 200);
    // Who touches one has to mend it.
    let same = json!({ "aliases": ["other"] });
    let refused = operator.ask("PATCH", "/models/m3", Some(&same)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    // What they miss is back, and so are they.
    gateway.rewrite(&section(&vendor, "a", ""));
    until("m3", PATIENCE, async || {
        status(&gateway, KEY, "m3").await == 200
    })
    .await;
    let shown = operator.get("/models").await;
    assert!(found(&shown["items"], "name", "m2")["fault"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_key_that_is_left_out_does_not_open_the_gateway() {
    let vendor = TestVendor::start().await;
    let tenants = "  tenants: [ { name: t } ]\n";
    let gateway = house(&section(&vendor, "a", tenants)).await;
    let operator = operator(&gateway);
    operator
        .post("/client-keys", &json!({ "name": "k", "tenant": "t" }), 201)
        .await;
    let keyless = || {
        post(
            "/v1/chat/completions",
            &crate::harness::chat_body("m", false),
        )
    };
    assert_eq!(gateway.send(keyless()).await.status, 401);
    gateway.rewrite(&section(&vendor, "a", ""));
    operator.told(("POST", "/reload"), None, 200).await;
    let shown = operator.get("/client-keys/k").await;
    assert!(shown["fault"].is_string(), "{shown}");
    assert_eq!(gateway.send(keyless()).await.status, 401);
    assert_eq!(status(&gateway, KEY, "m").await, 200);
}
