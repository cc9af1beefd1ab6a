//! What would become of a request, whoever sends it; and why a vendor cannot be asked: in words for programs.

use serde_json::{Value, json};
use tidegate::demo::{ErrorKind, Fault};

use crate::caller::{Heard, Operator};
use crate::harness::{Gateway, TestVendor, dead_addr};
use crate::house::{KEY, Visitor, house, problem};

fn operator(gateway: &Gateway) -> Operator<'_> {
    Operator {
        gateway,
        visitor: Visitor::bearer(KEY),
        heard: Heard::default(),
    }
}

fn chat(model: &str) -> Value {
    json!({ "path": "/v1/chat/completions", "body": {
        "model": model, "messages": [{ "role": "user", "content": "hello" }] } })
}

fn of(key: &str, model: &str) -> Value {
    let mut question = chat(model);
    question["client_key"] = json!(key);
    question
}

async fn made(operator: &Operator<'_>, vendor: &TestVendor) {
    for (provider, model, able) in [("p", "m", true), ("q", "blind", false)] {
        let body = json!({ "name": provider, "format": "openai_chat", "base_url": vendor.base_url(),
            "keys": ["sk-0123456789-of-the-test"], "capabilities": { "tools": able } });
        operator.post("/providers", &body, 201).await;
        let endpoint = json!({ "provider": provider, "model": "demo-b" });
        let pool = json!({ "name": model, "endpoints": [endpoint] });
        operator.post("/models", &pool, 201).await;
    }
    operator
        .post(
            "/tenants",
            &json!({ "name": "team", "limits": { "rpm": 7 } }),
            201,
        )
        .await;
    let key = json!({ "name": "kä", "tenant": "team", "models": ["m"], "limits": { "rpm": 1 } });
    operator.post("/client-keys", &key, 201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_is_of_whose_request_it_would_be_and_tells_a_refusal() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    made(&operator, &vendor).await;

    let told = operator.post("/explain", &of("kä", "m"), 200).await;
    assert_eq!(
        (&told["outlook_code"], &told["candidates"][0]["reasons"]),
        (&json!("asks"), &json!(["asked"]))
    );
    assert_eq!(told["candidates"][0]["attempts"], json!([1]));
    let key = &told["client_key"];
    assert_eq!(
        (&key["name"], &key["tenant"], &key["models"]),
        (&json!("kä"), &json!("team"), &json!(["m"]))
    );
    assert_eq!(key["limits"]["rpm"]["limit"], 1, "{key}");
    assert_eq!(key["tenant_limits"]["rpm"]["limit"], 7, "{key}");
    // To ask takes nothing of a limit of one.
    let again = operator.post("/explain", &of("kä", "m"), 200).await;
    assert!(again["refused"].is_null(), "{again}");
    assert_eq!(again["client_key"]["limits"]["rpm"]["used"], 0);

    for (question, code, status) in [
        (of("kä", "blind"), "model_not_allowed", 403),
        (chat("no-such"), "unknown_model", 404),
        (
            json!({ "path": "/v1/chat/completions", "body": {} }),
            "no_model",
            400,
        ),
    ] {
        let told = operator.post("/explain", &question, 200).await;
        let refused = &told["refused"];
        assert_eq!(
            (&refused["code"], &refused["status"]),
            (&json!(code), &json!(status)),
            "{told}"
        );
        assert!(refused["message"].is_string() && told["pool"].is_null());
    }
    operator
        .told(
            ("PATCH", "/client-keys/kä".replace('ä', "%C3%A4").as_str()),
            Some(&json!({ "enabled": false })),
            200,
        )
        .await;
    let told = operator.post("/explain", &of("kä", "m"), 200).await;
    assert_eq!(told["refused"]["code"], "disabled_key", "{told}");
    for wrong in [of("nobody", "m"), json!({ "path": "x", "body": {} })] {
        let refused = operator.ask("POST", "/explain", Some(&wrong)).await;
        assert_eq!(problem(&refused), "invalid", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_lacks_is_told_in_each_word() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    made(&operator, &vendor).await;
    let mut question = chat("blind");
    let tool = json!({ "type": "function", "function": { "name": "f", "parameters": {} } });
    question["body"]["tools"] = json!([tool]);
    let told = operator.post("/explain", &question, 200).await;
    let reasons = told["candidates"][0]["reasons"].as_array().unwrap();
    assert!(reasons.contains(&json!("tools")), "{told}");
    assert_eq!(told["outlook_code"], "incapable");
    let document = operator.get("/openapi.json").await;
    let words = &document["components"]["schemas"]["SeenCode"]["enum"];
    let words = words.as_array().unwrap();
    assert!(reasons.iter().all(|word| words.contains(word)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_cannot_be_asked_says_why_in_a_word() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    made(&operator, &vendor).await;
    let probed = async |url: String| {
        let probe = json!({ "base_url": url, "key": "sk-0123456789-of-the-test" });
        operator.post("/providers/probe", &probe, 422).await
    };
    let dead = probed(format!("http://{}", dead_addr())).await;
    assert_eq!(dead["reason"], "unconnected", "{dead}");
    let unknown = probed("http://no-such-host.invalid/v1".to_owned()).await;
    assert_eq!(unknown["reason"], "unresolved", "{unknown}");
    // The gateway itself answers there, and has no such page.
    let elsewhere = probed(format!("http://{}/nothing/here", gateway.addr)).await;
    assert_eq!(
        (&elsewhere["reason"], &elsewhere["vendor_status"]),
        (&json!("no_list_there"), &json!(404)),
        "{elsewhere}"
    );
    let plain = probed(format!("https://{}/v1", vendor.addr)).await;
    assert_eq!(plain["reason"], "tls", "{plain}");

    vendor
        .vendor
        .script("demo-b", [Fault::Error(ErrorKind::InvalidKey).into()]);
    let test = json!({ "model": "demo-b" });
    let tested = operator.post("/providers/p/test", &test, 200).await;
    assert_eq!(
        (&tested["ok"], &tested["reason"]),
        (&json!(false), &json!("key_refused")),
        "{tested}"
    );
}
