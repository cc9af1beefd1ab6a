//! Who may log in, and what they may.

use serde_json::{Value, json};
use tidegate::config::{Database, Secret};
use tidegate::store::{AuditQuestion, Store};

use crate::harness::Gateway;
use crate::house::{KEY, PASSWORD, Visitor, house, log_in, problem};
use crate::postgres::Postgres;

async fn make(gateway: &Gateway, name: &str, role: &str) -> Visitor {
    let body = json!({ "name": name, "role": role, "password": "long enough" });
    let key = Visitor::bearer(KEY);
    let made = key.ask(gateway, "POST", "/accounts", Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(
        made.header("location"),
        format!("/admin/api/v1/accounts/{name}")
    );
    assert!(!made.text().contains("argon2") && !made.text().contains("long enough"));
    Visitor::logged_in(gateway, name, "long enough").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_and_changes_nothing() {
    let gateway = house("").await;
    let viewer = make(&gateway, "eva", "viewer").await;
    for path in ["/status", "/accounts", "/accounts/admin", "/session"] {
        assert_eq!(viewer.get(&gateway, path).await.status, 200, "{path}");
    }
    let account = json!({ "name": "x", "role": "admin", "password": "long enough" });
    let promoted = json!({ "role": "admin" });
    for (method, path, body) in [
        ("POST", "/accounts", Some(&account)),
        ("PUT", "/accounts/eva", Some(&promoted)),
        ("PUT", "/accounts/admin", Some(&promoted)),
        ("DELETE", "/accounts/admin", None),
    ] {
        let refused = viewer.ask(&gateway, method, path, body).await;
        assert_eq!(
            (refused.status.as_u16(), &*problem(&refused)),
            (403, "forbidden"),
            "{path}"
        );
        assert!(refused.text().contains("viewer"), "{}", refused.text());
    }
    let own = json!({ "old": "long enough", "new": "longer than before" });
    let changed = viewer
        .ask(&gateway, "PUT", "/session/password", Some(&own))
        .await;
    assert_eq!(changed.status, 204);
    assert_eq!(
        log_in(&gateway, "eva", "longer than before").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_and_a_name_is_given_once_on_both_databases() {
    let server = Postgres::start();
    let postgres = Database::Postgres(Secret::new(server.url()));
    for database in [None, Some(postgres)] {
        let section = match &database {
            None => String::new(),
            Some(_) => format!("  database: \"{}\"\n", server.url()),
        };
        let gateway = house(&section).await;
        let file = Database::Sqlite(gateway.dir().join("data/tidegate.db"));
        life(&gateway, database.unwrap_or(file)).await;
    }
}

async fn life(gateway: &Gateway, database: Database) {
    let key = Visitor::bearer(KEY);
    let ask = async |method: &str, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        key.ask(gateway, method, path, body.as_ref()).await
    };
    for (method, body) in [
        ("DELETE", Value::Null),
        ("PUT", json!({ "role": "viewer" })),
    ] {
        let refused = ask(method, "/accounts/admin", body).await;
        assert_eq!(
            (refused.status.as_u16(), &*problem(&refused)),
            (409, "conflict")
        );
    }
    let second = make(gateway, "second", "admin").await;
    let body = json!({ "name": "second", "role": "viewer", "password": "long enough" });
    let again = ask("POST", "/accounts", body).await;
    assert_eq!(
        (again.status.as_u16(), &*problem(&again)),
        (409, "conflict")
    );

    let viewer = ask("PUT", "/accounts/admin", json!({ "role": "viewer" })).await;
    assert_eq!(
        (viewer.status.as_u16(), &viewer.json()["role"]),
        (200, &json!("viewer"))
    );
    assert_eq!(second.get(gateway, "/session").await.status, 200);
    let changed = ask(
        "PUT",
        "/accounts/second",
        json!({ "password": "a new password" }),
    )
    .await;
    assert_eq!(changed.status, 200);
    assert_eq!(
        second.get(gateway, "/status").await.status,
        401,
        "its sessions end"
    );
    assert_eq!(log_in(gateway, "second", "long enough").await.status, 401);
    assert_eq!(
        log_in(gateway, "second", "a new password").await.status,
        200
    );

    assert_eq!(
        ask("DELETE", "/accounts/admin", Value::Null).await.status,
        204
    );
    for path in ["/accounts/admin", "/accounts/nobody"] {
        for (method, body) in [
            ("GET", Value::Null),
            ("DELETE", Value::Null),
            ("PUT", json!({})),
        ] {
            let gone = ask(method, path, body).await;
            assert_eq!((gone.status.as_u16(), &*problem(&gone)), (404, "not-found"));
        }
    }
    assert_eq!(log_in(gateway, "admin", PASSWORD).await.status, 401);
    let names: Vec<Value> = key.get(gateway, "/accounts").await.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["name"].clone())
        .collect();
    assert_eq!(names, ["second"]);
    told(gateway, database).await;
}

/// Every change is a line of the audit log, without a secret.
async fn told(gateway: &Gateway, database: Database) {
    let dir = gateway.dir();
    let opened = tokio::task::spawn_blocking(move || Store::open(&database, dir));
    let store = opened.await.unwrap().unwrap();
    let entries = store.audit(&AuditQuestion::default(), 100).await.unwrap();
    let lines: Vec<String> = entries
        .iter()
        .rev()
        .filter(|entry| entry.kind.as_deref() == Some("account"))
        .map(|entry| {
            let name = entry.name.as_deref().unwrap_or("");
            let after = entry.after.as_ref().map(Value::to_string);
            format!(
                "{} {} {name} {}",
                entry.account,
                entry.action,
                after.unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            r#"gateway create admin {"role":"admin"}"#,
            r#"admin-key create second {"role":"admin"}"#,
            r#"admin-key update admin {"role":"viewer"}"#,
            r#"admin-key update second {"password":"changed","role":"admin"}"#,
            "admin-key delete admin ",
        ]
    );
    assert!(entries.iter().all(|entry| entry.account == "gateway" || entry.client.as_deref() == Some("127.0.0.1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_an_account_is_told_with_its_member() {
    let gateway = house("").await;
    for (body, field) in [
        (
            json!({ "name": "", "role": "viewer", "password": "long enough" }),
            "name",
        ),
        (
            json!({ "name": "a b", "role": "viewer", "password": "long enough" }),
            "name",
        ),
        (
            json!({ "name": "admin-key", "role": "viewer", "password": "long enough" }),
            "name",
        ),
        (
            json!({ "name": "x", "role": "viewer", "password": "short" }),
            "password",
        ),
        (
            json!({ "name": "x", "role": "god", "password": "long enough" }),
            "role",
        ),
        (
            json!({ "name": "x", "role": "viewer", "pasword": "long enough" }),
            "pasword",
        ),
    ] {
        let refused = Visitor::bearer(KEY)
            .ask(&gateway, "POST", "/accounts", Some(&body))
            .await;
        assert_eq!(
            (refused.status.as_u16(), &*problem(&refused)),
            (422, "invalid"),
            "{body}"
        );
        let flaw = &refused.json()["problems"][0];
        assert!(flaw.to_string().contains(field), "{flaw}");
    }
}
