//! What changes while the gateway runs, and when: an import on a condition, a setting that waits for the next start.

use serde_json::{Value, json};

use crate::caller::{Heard, Operator};
use crate::harness::{Gateway, until};
use crate::house::{KEY, PATIENCE, Visitor, house, problem};

const COMES: &str = "gateway:\n  tenants: [ { name: comes } ]\n";

fn operator<'g>(gateway: &'g Gateway, condition: Option<&Value>) -> Operator<'g> {
    let told = condition.map(|etag| ("if-match", etag.as_str().unwrap().to_owned()));
    Operator {
        gateway,
        visitor: Visitor {
            more: told.into_iter().collect(),
            ..Visitor::bearer(KEY)
        },
        heard: Heard::default(),
    }
}

fn import(apply: bool) -> Value {
    json!({ "text": COMES, "apply": apply })
}

async fn tenants(gateway: &Gateway) -> Vec<String> {
    let list = operator(gateway, None).get("/tenants").await;
    let items = list["items"].as_array().unwrap();
    items.iter().map(|one| one["name"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_put_in_force_as_it_was_looked_at_or_not_at_all() {
    let gateway = house("").await;
    let anyone = operator(&gateway, None);
    let look = async || {
        let answer = anyone.ask("POST", "/import", Some(&import(false))).await;
        let looked = answer.json();
        assert_eq!(looked["etag"], answer.header("etag"));
        looked
    };
    let first = look().await;
    assert_eq!(
        (&first["added"], &first["applied"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(
        look().await["etag"],
        first["etag"],
        "as long as nothing changes"
    );

    let refused = async |etag: &Value| {
        let on = operator(&gateway, Some(etag));
        for apply in [true, false] {
            let answer = on.ask("POST", "/import", Some(&import(apply))).await;
            assert_eq!(answer.status, 412, "{}", answer.text());
            assert_eq!(problem(&answer), "precondition-failed");
        }
    };
    // Somebody else is faster.
    anyone
        .post("/tenants", &json!({ "name": "other" }), 201)
        .await;
    refused(&first["etag"]).await;
    assert_eq!(tenants(&gateway).await, ["\"other\""]);
    // The file has the name now: the object would count for nothing.
    let second = look().await;
    gateway.rewrite("  tenants: [ { name: comes } ]\n");
    until("the file's tenant", PATIENCE, async || {
        tenants(&gateway).await.len() == 2
    })
    .await;
    refused(&second["etag"]).await;
    gateway.rewrite("");
    until("no tenant of the file", PATIENCE, async || {
        tenants(&gateway).await.len() == 1
    })
    .await;

    let on = operator(&gateway, Some(&second["etag"]));
    let done = on.post("/import", &import(true), 200).await;
    assert_eq!(
        (&done["added"], &done["applied"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(tenants(&gateway).await.len(), 2);
    // What it was looked at for has happened.
    refused(&second["etag"]).await;
    // Without a condition it holds of what is there.
    let again = anyone.post("/import", &import(true), 200).await;
    assert_eq!(again["same"], 1, "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_next_start_is_said_until_then() {
    let mut gateway = house("").await;
    let waiting = async |gateway: &Gateway| {
        let status = operator(gateway, None).get("/status").await;
        status["restart_needed"].clone()
    };
    assert_eq!(waiting(&gateway).await, json!([]));
    let other = "  database: \"sqlite://other.db\"\n";
    gateway.rewrite(other);
    until("it is said", PATIENCE, async || {
        waiting(&gateway).await == json!(["gateway.database"])
    })
    .await;
    // Taken back, it waits for nothing.
    gateway.rewrite("");
    until("it is said no more", PATIENCE, async || {
        waiting(&gateway).await == json!([])
    })
    .await;
    gateway.rewrite(other);
    until("it is said again", PATIENCE, async || {
        waiting(&gateway).await == json!(["gateway.database"])
    })
    .await;
    gateway.kill();
    gateway.start_again().await;
    crate::house::until_there(&gateway).await;
    assert_eq!(waiting(&gateway).await, json!([]));
}
