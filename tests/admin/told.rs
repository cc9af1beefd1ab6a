//! What is told of objects: what uses them, what shadows them, what they cost, what an import would change.

use serde_json::{Value, json};

use crate::caller::{Heard, Operator, call, found};
use crate::harness::{Gateway, TestVendor};
use crate::house::{KEY, PASSWORD, Visitor, house, problem, with};

const SEAL: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const NEXT: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

fn operator(gateway: &Gateway) -> Operator<'_> {
    Operator {
        gateway,
        visitor: Visitor::bearer(KEY),
        heard: Heard::default(),
    }
}

fn provider(vendor: &TestVendor, name: &str) -> Value {
    json!({
        "name": name, "format": ["openai_chat", "anthropic"], "keys": ["sk-0123456789-of-the-test"],
        "base_url": format!("http://{}/v1", vendor.addr),
    })
}

fn pool(name: &str, provider: &str) -> Value {
    json!({ "name": name, "endpoints": [{ "provider": provider, "model": "demo-b" }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_provider_says_that_the_built_in_models_go() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    let made = operator
        .post("/providers", &provider(&vendor, "p"), 201)
        .await;
    let note = made["notes"][0].as_str().unwrap_or_default();
    assert!(note.contains("haiku, sonnet, opus"), "{made}");
    let made = operator.post("/models", &pool("sonnet", "p"), 201).await;
    assert!(made["notes"].is_null(), "{made}");
    // Who is asked is one that chats.
    let exposed = json!({ "expose": ["aaa-embed", "demo-chat"] });
    operator
        .told(("PATCH", "/providers/p"), Some(&exposed), 200)
        .await;
    operator.delete("/models/sonnet").await;
    let tested = operator.post("/providers/p/test", &json!({}), 200).await;
    assert_eq!(
        (&tested["ok"], &tested["model"]),
        (&json!(true), &json!("demo-chat"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_used_stays_and_names_that_mean_something_else_are_not_taken() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    operator
        .post("/providers", &provider(&vendor, "p"), 201)
        .await;
    operator.post("/models", &pool("m", "p"), 201).await;
    let refused = operator.ask("DELETE", "/providers/p", None).await;
    assert_eq!(problem(&refused), "conflict");
    assert!(
        refused.text().contains("is used by model m"),
        "{}",
        refused.text()
    );
    for (path, body) in [
        (
            "/routes",
            json!({ "name": "order", "when": { "model": "x" }, "use": "m" }),
        ),
        ("/client-keys", json!({ "name": "admin" })),
        ("/client-keys", json!({ "name": "k", "value": "short" })),
        (
            "/client-keys",
            json!({ "name": "k", "value": "fifteen-letters" }),
        ),
    ] {
        let refused = operator.ask("POST", path, Some(&body)).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text());
    }
    let twice = [
        ("authorization", ["Bearer ", KEY].concat()),
        ("content-type", "application/json".to_owned()),
    ];
    let mut request = http::Request::post("/admin/api/v1/tenants").header("host", "localhost");
    for (name, value) in &twice {
        request = request.header(*name, value);
    }
    let body = bytes::Bytes::from_static(b"{\"name\":\"one\",\"name\":\"two\"}");
    let request = request.body(http_body_util::Full::from(body)).unwrap();
    let refused = gateway.send(request).await;
    assert!(
        refused.status == 400 || refused.status == 422,
        "{}",
        refused.text()
    );
    assert!(refused.text().contains("twice"), "{}", refused.text());
    let mut careful = operator.visitor.clone();
    careful.more.push(("if-none-match", "*".to_owned()));
    let body = json!({ "name": "t" });
    let put = async || {
        let answer = careful
            .ask(&gateway, "PUT", "/tenants/t", Some(&body))
            .await;
        answer.status.as_u16()
    };
    assert_eq!((put().await, put().await), (201, 412));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_where_nobody_says_anything_is_listed() {
    let gateway = house("  auth: open\n").await;
    let operator = operator(&gateway);
    let price = operator.get("/prices/gpt-5.5").await;
    assert_eq!(
        (&price["home"], &price["body"]["input"]),
        (&json!("builtin"), &json!(5))
    );
    assert!(price["source"].is_string() && price["date"].is_string());
    let own = json!({ "input": 1, "output": 2 });
    operator
        .told(("PUT", "/prices/gpt-5.5"), Some(&own), 201)
        .await;
    let list = operator.get("/prices").await;
    let rows = list["items"].as_array().unwrap();
    let named = |row: &&Value| row["name"] == "gpt-5.5";
    assert_eq!(rows.iter().filter(named).count(), 1);
    assert_eq!(found(&list["items"], "name", "gpt-5.5")["home"], "database");
    operator.delete("/prices/gpt-5.5").await;
    let refused = operator.ask("DELETE", "/prices/gpt-5.5", None).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    let homes = [
        ("auth", "file"),
        ("strict", "builtin"),
        ("timeouts", "builtin"),
    ];
    let list = operator.get("/settings").await;
    for (name, home) in homes {
        assert_eq!(found(&list["items"], "name", name)["home"], home, "{name}");
    }
    let shown = operator.get("/settings/ping").await;
    assert_eq!(
        (&shown["home"], &shown["body"]),
        (&json!("builtin"), &json!("10s"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_comes_back_into_the_gateway_that_has_its_secrets() {
    let vendor = TestVendor::start().await;
    let gateway = house("").await;
    let operator = operator(&gateway);
    let mut body = provider(&vendor, "p");
    body["headers"] = json!({ "X-Tok": "token-of-a-header-1", "User-Agent": "ours" });
    operator.post("/providers", &body, 201).await;
    let shown = operator.get("/providers/p").await;
    assert_eq!(
        shown["body"]["headers"],
        json!({ "X-Tok": "tok…er-1", "User-Agent": "ours" })
    );
    operator.post("/models", &pool("m", "p"), 201).await;
    let exported = operator.ask("GET", "/export", None).await.text();
    assert!(exported.contains("${P_KEY}"), "{exported}");
    let dry = operator
        .post("/import", &json!({ "text": exported }), 200)
        .await;
    assert!(dry["problems"].is_null(), "{dry}");
    assert_eq!(
        (&dry["changed"], &dry["added"]),
        (&json!(0), &json!(0)),
        "{dry}"
    );
    // Into one that has not, what would change is shown all the same.
    let other = exported
        .replace("name: p\n", "name: q\n")
        .replace("provider: p", "provider: q");
    let dry = operator
        .post("/import", &json!({ "text": other }), 200)
        .await;
    assert!(dry["problems"].to_string().contains("P_KEY"), "{dry}");
    assert!(dry["text"].as_str().unwrap().contains('q'), "{dry}");
    let refused = operator
        .ask(
            "POST",
            "/import",
            Some(&json!({ "text": other, "apply": true })),
        )
        .await;
    assert_eq!(refused.status, 422);
    assert_eq!(gateway.send(call("anthropic", KEY, "m")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_says_what_is_shadowed_and_fails() {
    let gateway = house("  client_keys: [ { name: ci, value: value-of-the-file } ]\n").await;
    let (code, said) = gateway.command(&["keys", "add", "ci", "--admin-key", KEY]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("shadowed") && !said.contains("is in force"),
        "{said}"
    );
    let (code, said) = gateway.command(&["keys", "revoke", "ci", "--admin-key", KEY]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("(file) stays in force"), "{said}");
    let (code, said) = gateway.command(&["prices", "show", "gpt-5.5", "--admin-key", KEY]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("builtin"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_the_admin_key_waits() {
    let gateway = house("").await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        let guess = Visitor::bearer(&format!("guess-{n}"));
        statuses.push(guess.get(&gateway, "/status").await.status.as_u16());
    }
    assert!(
        statuses.starts_with(&[401, 401, 401, 401, 401]),
        "{statuses:?}"
    );
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!(gateway.stderr().contains("a wrong admin key"));
    // The command's token cannot be guessed, and does not wait.
    let (code, said) = gateway.command(&["models", "list"]);
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_the_secrets_is_exchanged_by_putting_the_new_one_first() {
    let vendor = TestVendor::start().await;
    let env = |seal: &'static str| {
        [
            ("ADMIN_PASSWORD", PASSWORD),
            ("ADMIN_KEY", KEY),
            ("TIDEGATE_SECRET_KEY", seal),
        ]
    };
    let mut gateway = with("", &env(SEAL)).await;
    {
        let operator = operator(&gateway);
        operator
            .post("/providers", &provider(&vendor, "p"), 201)
            .await;
        operator.post("/models", &pool("m", "p"), 201).await;
    }
    let both: &'static str = Box::leak([NEXT, ",", SEAL].concat().into_boxed_str());
    for seal in [both, NEXT] {
        gateway.kill();
        gateway.start_again_with(&env(seal)).await;
        let answer = gateway.send(call("openai_chat", KEY, "m")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert!(
        gateway
            .stderr()
            .contains("are sealed with the first key now")
    );
    // The old one opens nothing any more, and says so.
    gateway.kill();
    gateway.start_again_with(&env(SEAL)).await;
    assert!(gateway.stderr().contains("sealed with another key"));
    assert_eq!(
        gateway.send(call("openai_chat", KEY, "m")).await.status,
        404
    );
}
