//! What a finished request tells of itself: when in each attempt what happened, why it was refused, what of it is kept.

use serde_json::{Value, json};
use tidegate::demo::{ErrorKind, Fault};

use crate::caller::{Events, Heard, Operator};
use crate::harness::{Answer, Gateway, TestVendor, chat_body, until};
use crate::house::{KEY, PATIENCE, Visitor, house};

fn operator(gateway: &Gateway) -> Operator<'_> {
    Operator {
        gateway,
        visitor: Visitor::bearer(KEY),
        heard: Heard::default(),
    }
}

fn config(first: &TestVendor, second: &TestVendor) -> String {
    let provider = |name: &str, vendor: &TestVendor| {
        format!(
            "    - {{ name: {name}, format: openai_chat, base_url: \"{}\", keys: [sk-of-the-test-{name}] }}\n",
            vendor.base_url()
        )
    };
    format!(
        "  auth: open\n  log: {{ bodies: true }}\n  providers:\n{}{}  models:\n    - name: m\n      endpoints:\n        - {{ provider: a, model: demo-a, retries: 0 }}\n        - {{ provider: b, model: demo-b, priority: 2 }}\n",
        provider("a", first),
        provider("b", second),
    )
}

/// The row of an answered request.
async fn row(operator: &Operator<'_>, answer: &Answer) -> Value {
    let path = format!("/requests/{}", answer.id());
    until("the row", PATIENCE, async || {
        operator.ask("GET", &path, None).await.status == 200
    })
    .await;
    operator.get(&path).await
}

fn ms(of: &Value, member: &str) -> f64 {
    of[member]
        .as_f64()
        .unwrap_or_else(|| panic!("no {member} in {of}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_tells_when_what_happened_in_it() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let gateway = house(&config(&a, &b)).await;
    let operator = operator(&gateway);
    a.vendor
        .script("demo-a", [Fault::Error(ErrorKind::Internal).into()]);
    let mut events = Events::open(&operator).await;
    let answer = gateway.chat("m", true).await;
    assert_eq!((answer.status.as_u16(), answer.route()), (200, "b/demo-b"));
    // What each endpoint had of this second, and how late the first content was at most.
    let failed = r#""model":"demo-a","requests":0,"errors":0,"attempts":1,"failed_attempts":1"#;
    let served = r#""model":"demo-b","requests":1,"errors":0,"attempts":1,"failed_attempts":0"#;
    events
        .until(&[failed, served, "first_content_p99_ms"])
        .await;
    let over = row(&operator, &answer).await;
    let (failed, won) = (&over["attempts"][0], &over["attempts"][1]);
    for one in [failed, won] {
        // A hair for what is rounded.
        assert!(ms(one, "connect_ms") <= ms(one, "head_ms") + 0.01, "{one}");
        assert!(ms(one, "head_ms") <= ms(one, "took_ms") + 0.01, "{one}");
        assert_eq!(one["reused"], false);
    }
    assert!(failed["first_content_ms"].is_null(), "{failed}");
    assert!(ms(won, "head_ms") <= ms(won, "first_content_ms") + 0.01);
    assert!(ms(won, "began_ms") + 0.01 >= ms(failed, "began_ms") + ms(failed, "took_ms"));
    let first = ms(won, "began_ms") + ms(won, "first_content_ms");
    assert!(first <= ms(&over, "first_content_ms") + 0.01, "{over}");

    let why = |one: &Value| {
        let of = |member: &str| one[member].clone();
        json!([of("purpose"), of("chosen_by"), of("chosen_of"), of("tier")])
    };
    assert_eq!(why(failed), json!(["first", "alone", 1, 1]));
    assert_eq!(why(won), json!(["other_endpoint", "alone", 1, 2]));

    let again = row(&operator, &gateway.chat("m", true).await).await;
    let only = &again["attempts"][0];
    assert_eq!(
        (&only["reused"], &only["outcome"]),
        (&json!(true), &json!("ok"))
    );
    assert!(only["connect_ms"].is_null(), "{only}");

    let found = async |least: u64| {
        let list = operator
            .get(&format!("/requests?min_attempts={least}"))
            .await;
        let items = list["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|row| row["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(2).await, [over["id"].clone()]);
    assert_eq!((found(1).await.len(), found(3).await.len()), (2, 0));
    let refused = operator.ask("GET", "/requests?min_attempts=0", None).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why_in_a_word_and_a_row_whether_its_bodies_are_kept() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let gateway = house(&config(&a, &b)).await;
    let operator = operator(&gateway);
    let told = row(&operator, &gateway.chat("nothing-like-it", false).await).await;
    assert_eq!(
        (&told["refusal"], &told["status"]),
        (&json!("unknown_model"), &json!(404))
    );
    let told = row(
        &operator,
        &gateway.post("/v1/chat/completions", &json!({})).await,
    )
    .await;
    assert_eq!(told["refusal"], "no_model");
    let served = gateway
        .post("/v1/chat/completions", &chat_body("m", false))
        .await;
    let told = row(&operator, &served).await;
    assert!(told["refusal"].is_null(), "{told}");
    assert_eq!(told["bodies_kept"], true);
    for vendor in [&a, &b] {
        for model in ["demo-a", "demo-b"] {
            let sick = [(); 4].map(|()| Fault::Error(ErrorKind::InvalidKey).into());
            vendor.vendor.script(model, sick);
        }
    }
    let told = row(&operator, &gateway.chat("m", false).await).await;
    assert_eq!(told["refusal"], "attempts_failed", "{told}");
    let document = operator.get("/openapi.json").await;
    let words = &document["components"]["schemas"]["RefusalCode"]["enum"];
    let words = words.as_array().unwrap();
    assert!(words.contains(&json!("attempts_failed")), "{words:?}");
}
