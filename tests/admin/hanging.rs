//! What hangs on an object, what stands behind one of the file, what a setting comes to, and keys one by one.

use serde_json::{Value, json};

use crate::caller::{Heard, Operator, found};
use crate::certs::Authority;
use crate::harness::{Gateway, TestVendor, dead_addr};
use crate::house::{KEY, PASSWORD, Visitor, house, problem, with};

fn operator(gateway: &Gateway) -> Operator<'_> {
    Operator {
        gateway,
        visitor: Visitor::bearer(KEY),
        heard: Heard::default(),
    }
}

async fn provider(operator: &Operator<'_>, vendor: &TestVendor, name: &str) {
    let body = json!({ "name": name, "format": "openai_chat", "base_url": vendor.base_url(),
        "keys": ["sk-0123456789-first", { "value": "sk-0123456789-other", "weight": 2 }] });
    operator.post("/providers", &body, 201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_provider_is_told_and_goes_with_it_in_one_write() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    for name in ["a", "b"] {
        provider(&operator, &vendor, name).await;
    }
    let end = |provider: &str| json!({ "provider": provider, "model": "demo-b" });
    for body in [
        json!({ "name": "alone", "endpoints": [end("a")] }),
        json!({ "name": "both", "endpoints": [end("a"), end("b")], "fallbacks": ["alone"] }),
    ] {
        operator.post("/models", &body, 201).await;
    }
    let refused = operator.ask("DELETE", "/providers/a", None).await;
    assert_eq!(problem(&refused), "conflict");
    let by = refused.json()["problems"].clone();
    for model in ["model alone", "model both"] {
        assert_ne!(found(&by, "object", model), Value::Null, "{by}");
    }
    operator.delete("/providers/a?cascade=true").await;
    let left = operator.get("/models/both").await;
    assert_eq!(left["body"]["endpoints"], json!([end("b")]));
    assert!(left["body"]["fallbacks"].is_null(), "{left}");
    let gone = operator.ask("GET", "/models/alone", None).await;
    assert_eq!(gone.status, 404);
    let audit = operator.get("/audit?limit=20").await;
    let rows = audit["items"].as_array().unwrap();
    let deleted = |name: &str| {
        let mut rows = rows.iter();
        rows.any(|row| row["action"] == "delete" && row["name"] == name)
    };
    assert!(deleted("a") && deleted("alone"), "{audit}");
    // A route that leads to a model that would go is in the way, and nothing is written.
    operator.delete("/models/both").await;
    operator
        .post(
            "/models",
            &json!({ "name": "m", "endpoints": [end("b")] }),
            201,
        )
        .await;
    let route = json!({ "name": "r", "when": { "model": "x" }, "use": "m" });
    operator.post("/routes", &route, 201).await;
    let refused = operator
        .ask("DELETE", "/providers/b?cascade=true", None)
        .await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_ne!(
        found(&refused.json()["problems"], "object", "route r"),
        Value::Null
    );
    operator.get("/models/m").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_goes_out_of_the_fallbacks_of_others_with_itself_or_not_at_all() {
    let gateway = house("").await;
    let operator = operator(&gateway);
    let provider = json!({ "name": "a", "format": "openai_chat", "base_url": "http://127.0.0.1:9", "keys": ["sk-of-the-test-a"] });
    operator.post("/providers", &provider, 201).await;
    let model = |name: &str, fallbacks: &[&str]| {
        let end = json!({ "provider": "a", "model": "x" });
        json!({ "name": name, "endpoints": [end], "fallbacks": fallbacks })
    };
    for (name, fallbacks) in [
        ("gone", &[][..]),
        ("kept", &[]),
        ("one", &["gone"]),
        ("two", &["gone", "kept"]),
    ] {
        operator.post("/models", &model(name, fallbacks), 201).await;
    }
    let fallbacks = async |name: &str| {
        let told = operator.get(&format!("/models/{name}")).await;
        told["body"]["fallbacks"].clone()
    };
    let route = json!({ "name": "r", "when": { "model": "x" }, "use": "gone" });
    operator.post("/routes", &route, 201).await;
    let refused = operator
        .ask("DELETE", "/models/gone?cascade=true", None)
        .await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(fallbacks("one").await, json!(["gone"]));
    operator.delete("/routes/r").await;
    operator.delete("/models/gone?cascade=true").await;
    assert_eq!(fallbacks("one").await, json!(null));
    assert_eq!(fallbacks("two").await, json!(["kept"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_shadows_can_be_read_and_taken_away() {
    let gateway = house("  tenants: [ { name: team, limits: { rpm: 5 } } ]\n").await;
    let operator = operator(&gateway);
    let body = json!({ "name": "team", "limits": { "rpm": 9 } });
    let made = operator.post("/tenants", &body, 201).await;
    assert_eq!(made["home"], "shadowed");
    let wins = operator.get("/tenants/team").await;
    assert_eq!(
        (&wins["home"], &wins["body"]["limits"]["rpm"]),
        (&json!("file"), &json!(5))
    );
    let behind = operator.get("/tenants/team?home=database").await;
    assert_eq!(
        (&behind["home"], &behind["body"]["limits"]["rpm"]),
        (&json!("shadowed"), &json!(9))
    );
    assert!(behind["etag"].is_string());
    let refused = operator.ask("GET", "/tenants/team?home=file", None).await;
    assert_eq!(refused.status, 400);
    operator.delete("/tenants/team").await;
    let gone = operator
        .ask("GET", "/tenants/team?home=database", None)
        .await;
    assert_eq!(gone.status, 404);
    operator.get("/tenants/team").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_tells_its_default_what_holds_and_whose_each_member_is() {
    let gateway = house("  timeouts: { connect: 3s }\n").await;
    let operator = operator(&gateway);
    let told = operator.get("/settings/timeouts").await;
    assert_eq!(
        (&told["home"], &told["body"]),
        (&json!("file"), &json!({ "connect": "3s" }))
    );
    assert_eq!(
        (&told["default"]["connect"], &told["effective"]["connect"]),
        (&json!("10s"), &json!("3s"))
    );
    assert_eq!(told["effective"]["idle"], told["default"]["idle"]);
    assert_eq!(
        (&told["from"]["connect"], &told["from"]["idle"]),
        (&json!("file"), &json!("builtin"))
    );
    let ping = json!({ "name": "ping", "value": "7s" });
    let made = operator.post("/settings", &ping, 201).await;
    assert_eq!(
        (&made["default"], &made["effective"]),
        (&json!("10s"), &json!("7s"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_of_a_provider_changes_and_the_others_are_not_sent() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    provider(&operator, &vendor, "p").await;
    let patched = async |number: u8, patch: Value, status: u16| {
        let path = format!("/providers/p/keys/{number}");
        operator.told(("PATCH", &path), Some(&patch), status).await
    };
    let off = patched(1, json!({ "enabled": false }), 200).await;
    assert_eq!(off["items"][0]["enabled"], false);
    assert_eq!(off["items"][1]["weight"], 2);
    let on = patched(1, json!({ "enabled": true, "weight": 3 }), 200).await;
    assert_eq!(
        (&on["items"][0]["enabled"], &on["items"][0]["weight"]),
        (&json!(true), &json!(3))
    );
    let other = patched(2, json!({ "value": "sk-0123456789-third" }), 200).await;
    assert_eq!(other["items"][1]["weight"], 2);
    let test = json!({ "model": "demo-b" });
    patched(1, json!({ "enabled": false }), 200).await;
    operator.post("/providers/p/test", &test, 200).await;
    let asked = vendor.vendor.requests();
    assert_eq!(
        asked.last().unwrap().key.as_deref(),
        Some("sk-0123456789-third")
    );
    patched(3, json!({ "enabled": false }), 422).await;
    patched(1, json!({ "weight": 0 }), 422).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_asks_over_tls_and_believes_whom_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "of-the-test");
    let stranger = Authority::new(dir.path(), "stranger");
    let pair = authority.issue(dir.path(), "localhost");
    let secure = dead_addr();
    let section = format!(
        "  admin: {{ listen: {{ addr: \"{secure}\", tls: {{ cert: \"{}\", key: \"{}\" }} }} }}\n",
        pair.cert.display(),
        pair.key.display()
    );
    let env = [("ADMIN_PASSWORD", PASSWORD), ("ADMIN_KEY", KEY)];
    let _gateway = with(&section, &env).await;
    let url = format!("https://localhost:{}", secure.port());
    let typed = |ca: &[&str]| {
        let words = [
            &[
                "models",
                "list",
                "--json",
                "--url",
                &*url,
                "--admin-key",
                KEY,
            ][..],
            ca,
        ]
        .concat();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let output = command.args(words).env_clear().output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let beside = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said, beside)
    };
    let (code, said, beside) = typed(&["--ca", authority.pem.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}{beside}");
    assert!(said.contains("\"items\""), "{said}");
    for ca in [&["--ca", stranger.pem.to_str().unwrap()][..], &[]] {
        let (code, said, beside) = typed(ca);
        assert_eq!(code, Some(3), "{said}{beside}");
        assert!([said, beside].concat().contains("not believed"));
    }
}
