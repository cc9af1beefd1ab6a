//! Passwords, sessions, keys.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tidegate::config::{Database, Secret};
use tidegate::store::Store;

use crate::harness::{Gateway, until};
use crate::house::{
    KEY, PASSWORD, PATIENCE, Visitor, house, log_in, problem, shown, until_there, with,
};
use crate::postgres::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_makes_a_password_shows_it_once_and_writes_it_nowhere() {
    let mut gateway = with("", &[]).await;
    let terminal = || std::fs::read_to_string(gateway.dir().join("stderr.log")).unwrap();
    let password = shown(&terminal()).expect("a password");
    assert_eq!(terminal().matches(&password).count(), 1);
    assert_eq!(log_in(&gateway, "admin", &password).await.status, 200);
    let log = std::fs::read_to_string(gateway.dir().join("access.log")).unwrap();
    assert!(!log.contains(&password));
    let data = gateway.dir().join("data");
    for entry in std::fs::read_dir(&data).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(&password));
    }
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    gateway.start_again().await;
    until("the admin side", PATIENCE, async || {
        log_in(&gateway, "admin", &password).await.status == 200
    })
    .await;
    let said = std::fs::read_to_string(gateway.dir().join("stderr.log")).unwrap();
    assert_eq!(said.matches("first start").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_start_together_one_makes_the_password() {
    let server = Postgres::start();
    let section = format!("  database: \"{}\"\n", server.url());
    let starting: Vec<_> = (0..3)
        .map(|_| {
            let section = section.clone();
            tokio::spawn(async move {
                let dir = tempfile::tempdir().unwrap();
                Gateway::start_in(dir, &section, &[]).await
            })
        })
        .collect();
    let mut gateways = Vec::new();
    for start in starting {
        gateways.push(start.await.unwrap());
    }
    let said = |gateways: &[Gateway]| {
        let all = gateways.iter().map(Gateway::stderr);
        all.filter_map(|said| shown(&said)).collect::<Vec<_>>()
    };
    until("a password", PATIENCE, async || !said(&gateways).is_empty()).await;
    let password = said(&gateways).remove(0);
    for gateway in &gateways {
        until("a login", PATIENCE, async || {
            log_in(gateway, "admin", &password).await.status == 200
        })
        .await;
    }
    assert_eq!(said(&gateways).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variables_password_holds_and_a_changed_one_until_the_variable_changes() {
    let mut gateway = house("").await;
    let admin = Visitor::logged_in(&gateway, "admin", PASSWORD).await;
    let body = json!({ "old": PASSWORD, "new": "changed by hand" });
    let changed = admin
        .ask(&gateway, "PUT", "/session/password", Some(&body))
        .await;
    assert_eq!(changed.status, 204, "{}", changed.text());
    assert_eq!(
        admin.get(&gateway, "/session").await.status,
        200,
        "one's own stays"
    );
    let start = async |gateway: &mut Gateway, password: &str| {
        gateway.signal("TERM");
        gateway.ended().await;
        gateway
            .start_again_with(&[("ADMIN_PASSWORD", password)])
            .await;
    };
    start(&mut gateway, PASSWORD).await;
    until("a login", PATIENCE, async || {
        log_in(&gateway, "admin", "changed by hand").await.status == 200
    })
    .await;
    assert_eq!(log_in(&gateway, "admin", PASSWORD).await.status, 401);
    start(&mut gateway, "another of the variable").await;
    until("a login", PATIENCE, async || {
        log_in(&gateway, "admin", "another of the variable")
            .await
            .status
            == 200
    })
    .await;
    assert_eq!(
        log_in(&gateway, "admin", "changed by hand").await.status,
        401
    );
    let over = admin.get(&gateway, "/session").await;
    assert_eq!(over.status, 200);
    assert_eq!(
        over.json(),
        json!({ "account": null }),
        "sessions of the old password end"
    );
    assert_eq!(admin.get(&gateway, "/status").await.status, 401);
    for secret in [PASSWORD, "changed by hand", "another of the variable"] {
        assert!(!gateway.stderr().contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_account_are_told_the_same() {
    let gateway = house("").await;
    let wrong = log_in(&gateway, "admin", "wrong horse").await;
    let unknown = log_in(&gateway, "nobody", PASSWORD).await;
    assert_eq!((wrong.status.as_u16(), unknown.status.as_u16()), (401, 401));
    assert_eq!(problem(&wrong), "unauthenticated");
    assert_eq!(wrong.json()["detail"], unknown.json()["detail"]);
    assert!(wrong.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(wrong.header("set-cookie"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_wrong_too_often_waits_and_the_right_password_waits_too() {
    let gateway = house("").await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        let answer = log_in(&gateway, "admin", &format!("wrong horse {n}")).await;
        statuses.push(answer.status.as_u16());
        if answer.status == 429 {
            assert_eq!(problem(&answer), "too-many");
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
    }
    assert_eq!(statuses[..6], [401; 6]);
    assert!(statuses[6..].contains(&429), "{statuses:?}");
    let body = json!({ "password": PASSWORD });
    let elsewhere = Visitor::default();
    let right = elsewhere.ask(&gateway, "POST", "/login", Some(&body)).await;
    assert!(
        [429, 200].contains(&right.status.as_u16()),
        "{}",
        right.text()
    );
    assert_eq!(
        Visitor::bearer(KEY).get(&gateway, "/session").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let gateway = house("  trusted_proxies: [ 127.0.0.1 ]\n").await;
    let plain = log_in(&gateway, "admin", PASSWORD).await;
    let cookie = plain.header("set-cookie").to_owned();
    for part in ["tidegate_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let over_tls = Visitor {
        more: vec![("x-forwarded-proto", "https".to_owned())],
        ..Visitor::default()
    };
    let body = json!({ "password": PASSWORD });
    let secure = over_tls.ask(&gateway, "POST", "/login", Some(&body)).await;
    assert!(secure.header("set-cookie").contains("; Secure"));

    let session = plain.json();
    assert_eq!(
        (&session["account"], &session["role"]),
        (&json!("admin"), &json!("admin"))
    );
    let admin = Visitor::logged_in(&gateway, "admin", PASSWORD).await;
    let told = admin.get(&gateway, "/session").await.json();
    assert_eq!(told["csrf"].as_str(), admin.csrf.as_deref());
    let out = admin.ask(&gateway, "POST", "/logout", None).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("tidegate_session=; "));
    for nobody in [admin, Visitor::default()] {
        let told = nobody.get(&gateway, "/session").await;
        assert_eq!(told.status, 200, "an opened console has no error to show");
        assert_eq!(told.json(), json!({ "account": null }));
        assert_eq!(nobody.get(&gateway, "/status").await.status, 401);
    }
    let wrong = Visitor::bearer("tg-another-key");
    assert_eq!(wrong.get(&gateway, "/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_needs_what_only_our_own_page_knows() {
    let gateway = house("").await;
    let admin = Visitor::logged_in(&gateway, "admin", PASSWORD).await;
    let body = json!({ "name": "eva", "role": "viewer", "password": "long enough" });
    for csrf in [
        None,
        Some(String::new()),
        Some("x".to_owned()),
        admin.cookie.clone(),
    ] {
        let forged = Visitor {
            csrf,
            ..admin.clone()
        };
        let refused = forged.ask(&gateway, "POST", "/accounts", Some(&body)).await;
        assert_eq!(
            (refused.status.as_u16(), &*problem(&refused)),
            (403, "forbidden")
        );
        assert!(refused.text().contains("x-csrf-token"));
        let out = forged.ask(&gateway, "POST", "/logout", None).await;
        assert_eq!(out.status, 403);
        assert_eq!(forged.get(&gateway, "/accounts").await.status, 200);
    }
    let other = Visitor::logged_in(&gateway, "admin", PASSWORD).await;
    let mixed = Visitor {
        csrf: other.csrf,
        ..admin.clone()
    };
    let refused = mixed.ask(&gateway, "POST", "/accounts", Some(&body)).await;
    assert_eq!(refused.status, 403, "each session has its own");
    let made = admin.ask(&gateway, "POST", "/accounts", Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_key_and_the_token_of_this_machine_open_the_api_and_no_other() {
    let gateway = house("").await;
    let path = gateway.dir().join("data/admin.token");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&path).unwrap();
    for (key, account) in [(KEY, "admin-key"), (token.trim(), "local")] {
        let session = Visitor::bearer(key).get(&gateway, "/session").await;
        let said = session.json();
        assert_eq!(
            (&said["account"], &said["role"]),
            (&json!(account), &json!("admin"))
        );
        assert!(said.get("csrf").is_none() && said.get("expires_at").is_none());
        let body = json!({ "name": account.replace('-', ""), "role": "viewer", "password": "long enough" });
        let bearer = Visitor::bearer(key);
        let made = bearer.ask(&gateway, "POST", "/accounts", Some(&body)).await;
        let made = made.status.as_u16();
        assert_eq!(made, if account == "local" { 422 } else { 201 });
    }
    for wrong in ["", "x", PASSWORD, &KEY[1..], &format!("{KEY}x")] {
        let refused = Visitor::bearer(wrong).get(&gateway, "/session").await;
        assert_eq!(
            (refused.status.as_u16(), &*problem(&refused)),
            (401, "unauthenticated")
        );
    }
    let basic = Visitor {
        bearer: Some("Basic YWRtaW46YWRtaW4=".to_owned()),
        ..Visitor::default()
    };
    assert_eq!(basic.get(&gateway, "/status").await.status, 401);
    assert!(!gateway.stderr().contains(KEY) && !gateway.stderr().contains(token.trim()));
}

fn sqlite(gateway: &Gateway) -> Database {
    Database::Sqlite(gateway.dir().join("data/tidegate.db"))
}

async fn session_of(gateway: &Gateway, database: Database, token: &str, begun: i64) -> Visitor {
    let hash = Sha256::digest(token.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let dir = gateway.dir();
    let opened = tokio::task::spawn_blocking(move || Store::open(&database, dir));
    let store = opened.await.unwrap().unwrap();
    store.begin_session(&hash, "admin", begun).await.unwrap();
    Visitor {
        cookie: Some(format!("tidegate_session={token}")),
        ..Visitor::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_has_used_for_half_a_day_is_over() {
    let server = Postgres::start();
    let on_postgres = house(&format!("  database: \"{}\"\n", server.url())).await;
    let on_sqlite = house("").await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ago = |hours: u64| {
        i64::try_from(now.as_millis()).unwrap() - i64::try_from(hours * 3_600_000).unwrap()
    };
    for (gateway, database) in [
        (&on_sqlite, sqlite(&on_sqlite)),
        (&on_postgres, Database::Postgres(Secret::new(server.url()))),
    ] {
        let young = session_of(gateway, database.clone(), "young", ago(11)).await;
        let old = session_of(gateway, database, "old", ago(13)).await;
        assert_eq!(young.get(gateway, "/status").await.status, 200);
        let over = old.get(gateway, "/status").await;
        assert_eq!(over.status, 401);
        assert!(over.text().contains("over"), "{}", over.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_away_keys_open_and_sessions_wait() {
    let mut server = Postgres::start();
    let gateway = house(&format!("  database: \"{}\"\n", server.url())).await;
    let admin = Visitor::logged_in(&gateway, "admin", PASSWORD).await;
    let tenants = async || Visitor::bearer(KEY).get(&gateway, "/tenants").await.json();
    let before = tenants().await;
    server.stop();
    assert_eq!(tenants().await, before, "as they were read last");
    let away = admin.get(&gateway, "/status").await;
    assert_eq!(
        (away.status.as_u16(), &*problem(&away)),
        (503, "unavailable")
    );
    assert!(!away.text().contains("postgres"), "{}", away.text());
    for _ in 0..3 {
        let logins = (0..4).map(|_| log_in(&gateway, "admin", PASSWORD));
        for login in futures_util::future::join_all(logins).await {
            assert_eq!(login.status, 503, "which counts for no wrong password");
        }
    }
    until("its state", PATIENCE, async || {
        let status = Visitor::bearer(KEY).get(&gateway, "/status").await;
        status.json()["database"]["state"] == "away"
    })
    .await;
    server.resume();
    until("the database", PATIENCE, async || {
        let status = admin.get(&gateway, "/status").await;
        status.status == 200
            && status.json()["database"] == json!({ "kind": "postgresql", "state": "up" })
    })
    .await;
    until_there(&gateway).await;
}
