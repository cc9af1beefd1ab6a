//! The whole life of a gateway by HTTP, the same on both databases: first start, objects, calls, figures, limits, rotation,
//! export, wipe, import. What it has printed, told and stored meanwhile holds none of its secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tidegate::demo::{ErrorKind, Fault};

use crate::caller::{Events, Heard, Operator, call, found};
use crate::harness::{Gateway, TestVendor, post, until};
use crate::house::{PATIENCE, Visitor, shown, with};
use crate::postgres::Postgres;
use crate::secrets::{Sought, files, leaks, spooled_bodies};

const VENDOR_KEY: &str = "sk-vendor+of/acme=&421f";
const VENDOR_HEADER: &str = "header+token/of=the&vendor";
const ADMIN_KEY: &str = "tg-admin+key/of=the&life";
const SEAL: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
/// Calls that the client key may make.
const ALLOWED: u64 = 4;
/// A window that no test sees the end of, unless it runs at New Year.
const YEAR: &str = "0 0 1 1 *";

/// The client keys that this life has shown, and when each was current.
struct Shown {
    password: String,
    session: String,
    first: String,
    second: String,
    other: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_on_sqlite() {
    let gateway = born("").await;
    let vendor = TestVendor::start().await;
    let (heard, shown) = life(&gateway, &vendor).await;
    nothing_leaked(&gateway, &heard, &shown, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_on_postgresql() {
    let mut server = Postgres::start();
    let gateway = born(&format!("  database: \"{}\"\n", server.url())).await;
    let vendor = TestVendor::start().await;
    let (heard, shown) = life(&gateway, &vendor).await;
    let reset = json!({ "client_key": "ci" });
    let operator = Operator {
        gateway: &gateway,
        visitor: Visitor::bearer(ADMIN_KEY),
        heard: heard.clone(),
    };
    operator.post("/limits/reset", &reset, 200).await;
    server.stop();
    // What waits for the database now is searched as well.
    spooled(&gateway, &heard, &shown.second).await;
    nothing_leaked(&gateway, &heard, &shown, Some(&server)).await;
}

/// It has an admin key, but no password yet, and everything that could be told of is.
async fn born(database: &str) -> Gateway {
    let rest = "  auth: keys\n  log: { format: json, file: access.log, bodies: true }\n";
    let env = [
        ("ADMIN_KEY", ADMIN_KEY),
        ("TIDEGATE_SECRET_KEY", SEAL),
        ("LOG_LEVEL", "debug"),
    ];
    with(&[database, rest].concat(), &env).await
}

async fn life(gateway: &Gateway, vendor: &TestVendor) -> (Heard, Shown) {
    let terminal = std::fs::read_to_string(gateway.dir().join("stderr.log")).unwrap();
    let password = shown(&terminal).expect("the first start shows a password");
    let operator = Operator {
        gateway,
        visitor: Visitor::logged_in(gateway, "admin", &password).await,
        heard: Heard::default(),
    };
    provider(&operator, vendor).await;
    let first = pool_tenant_and_key(&operator).await;
    calls_are_seen(&operator, vendor, &first).await;
    limits_hold(&operator, &first).await;
    let (second, other) = rotated_and_revoked(&operator, &first).await;
    wrong_bodies_are_told_of(&operator).await;
    wiped_and_imported(&operator, &second).await;
    let cookie = operator.visitor.cookie.unwrap();
    let heard = operator.heard;
    let shown = Shown {
        password,
        session: cookie.split_once('=').unwrap().1.to_owned(),
        first,
        second,
        other,
    };
    (heard, shown)
}

async fn provider(operator: &Operator<'_>, vendor: &TestVendor) {
    let url = format!("http://{}", vendor.addr);
    let probe = json!({ "base_url": url, "key": VENDOR_KEY });
    let probed = operator.post("/providers/probe", &probe, 200).await;
    let formats = probed["formats"].as_array().unwrap();
    assert!(formats.contains(&json!("anthropic")), "{probed}");
    assert!(!probed["models"].as_array().unwrap().is_empty());
    let body = json!({
        "name": "acme", "format": ["openai_chat", "anthropic"], "base_url": url,
        "keys": [VENDOR_KEY], "headers": { "x-relay-token": VENDOR_HEADER },
    });
    let made = operator.post("/providers", &body, 201).await;
    assert_eq!(
        (&made["home"], &made["kind"]),
        (&json!("database"), &json!("provider"))
    );
    let pulled = operator.post("/providers/acme/pull", &json!({}), 200).await;
    assert_eq!(pulled["saved"], true);
    let acme = operator.get("/providers/acme").await;
    let ids: Vec<&Value> = pulled["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["id"])
        .collect();
    assert_eq!(json!(ids), acme["body"]["models"]);
    assert!(ids.contains(&&json!("demo-large")), "{ids:?}");
    let test = json!({ "model": "demo-large" });
    let tested = operator.post("/providers/acme/test", &test, 200).await;
    assert_eq!(tested["ok"], true, "{tested}");
    let seen = vendor.vendor.requests();
    let last = seen.last().unwrap();
    assert_eq!(last.key.as_deref(), Some(VENDOR_KEY));
    assert_eq!(last.header("x-relay-token"), Some(VENDOR_HEADER));
}

/// The client's key, shown this once.
async fn pool_tenant_and_key(operator: &Operator<'_>) -> String {
    let endpoint = json!({ "provider": "acme", "model": "demo-large", "retries": 0 });
    let pool = json!({ "name": "sonnet", "endpoints": [endpoint] });
    operator.post("/models", &pool, 201).await;
    let sick = json!({ "name": "sick", "endpoints": [{ "provider": "acme", "model": "demo-sick", "retries": 0 }] });
    operator.post("/models", &sick, 201).await;
    let route = json!({ "name": "small-talk", "when": { "model": "talk" }, "use": "sonnet" });
    operator.post("/routes", &route, 201).await;
    let price = json!({ "name": "demo-large", "input": 1, "output": 2 });
    operator.post("/prices", &price, 201).await;
    operator
        .post("/tenants", &json!({ "name": "team" }), 201)
        .await;
    operator
        .post(
            "/settings",
            &json!({ "name": "strict", "value": false }),
            201,
        )
        .await;
    let quota = json!({ "requests": ALLOWED, "reset": YEAR });
    let body = json!({ "name": "ci", "tenant": "team", "limits": { "quota": quota } });
    let made = operator
        .visitor
        .ask(operator.gateway, "POST", "/client-keys", Some(&body))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let shown = operator.get("/client-keys/ci").await;
    assert!(
        shown.get("key").is_none() && shown["body"].get("hash").is_none(),
        "{shown}"
    );
    key
}

async fn calls_are_seen(operator: &Operator<'_>, vendor: &TestVendor, key: &str) {
    let gateway = operator.gateway;
    let mut events = Events::open(operator).await;
    let mut ids = Vec::new();
    for format in ["openai_chat", "anthropic", "gemini"] {
        let answer = gateway.send(call(format, key, "sonnet")).await;
        operator.heard.note(format, &answer);
        assert_eq!(
            (answer.status.as_u16(), answer.route()),
            (200, "acme/demo-large"),
            "{format}: {}",
            answer.text()
        );
        ids.push(answer.id().to_owned());
    }
    // A vendor that refuses our key says so in its own words.
    vendor
        .vendor
        .script("demo-sick", [Fault::Error(ErrorKind::InvalidKey).into()]);
    let failed = gateway.send(call("openai_chat", key, "sick")).await;
    operator.heard.note("failed", &failed);
    assert!(!failed.status.is_success(), "{}", failed.text());
    ids.push(failed.id().to_owned());

    let told: Vec<&str> = ids.iter().map(String::as_str).collect();
    events.until(&told).await;
    events.until(&["event: stats", "event: request"]).await;
    operator.heard.note_text(&events.text);
    until("the rows", PATIENCE, async || {
        let list = operator.get("/requests?client_key=ci").await;
        list["items"].as_array().unwrap().len() == ids.len()
    })
    .await;
    for id in &ids {
        let row = operator.get(&format!("/requests/{id}")).await;
        assert_eq!(
            (&row["client_key"], &row["tenant"]),
            (&json!("ci"), &json!("team"))
        );
        assert_eq!(row["attempts"][0]["provider"], "acme", "{row}");
        let bodies = operator.get(&format!("/requests/{id}/bodies")).await;
        assert!(
            bodies["request"]["text"]
                .as_str()
                .unwrap()
                .contains("hello")
        );
    }
    let chat = operator.get(&format!("/requests/{}", ids[0])).await;
    assert!(chat["cost_usd"].as_f64().unwrap() > 0.0, "{chat}");
    let one = operator
        .get("/requests?format=anthropic&client_key=ci")
        .await;
    assert_eq!(one["items"][0]["id"], json!(ids[1]));
    for form in ["ndjson", "csv"] {
        let file = operator
            .ask("GET", &format!("/requests/export?as={form}"), None)
            .await;
        assert!(ids.iter().all(|id| file.text().contains(id)), "{form}");
    }
    figures_say_so(operator, ids.len()).await;
}

async fn figures_say_so(operator: &Operator<'_>, calls: usize) {
    let stats = operator
        .get("/stats?by=client_key,tenant&client_key=ci")
        .await;
    let row = &stats["items"][0];
    assert_eq!(row["requests"], json!(calls), "{stats}");
    assert_eq!(row["of"], json!({ "client_key": "ci", "tenant": "team" }));
    assert_eq!(row["errors"], 1);
    assert!(row["tokens"]["output"].as_i64().unwrap() > 0);
    let overview = operator.get("/stats/overview").await;
    assert!(
        overview["total"]["requests"].as_u64().unwrap() >= calls as u64,
        "{overview}"
    );
    let made = operator.get("/audit?action=create").await;
    let made = made["items"].as_array().unwrap();
    for (kind, name) in [
        ("provider", "acme"),
        ("model", "sonnet"),
        ("client_key", "ci"),
        ("tenant", "team"),
    ] {
        let is = |line: &&Value| line["kind"] == kind && line["name"] == name;
        let line = made
            .iter()
            .find(is)
            .unwrap_or_else(|| panic!("{kind} {name}: {made:?}"));
        assert_eq!(line["account"], "admin");
        assert!(
            line.get("before").is_none() && line["after"].is_object(),
            "{line}"
        );
    }
    let trial = json!({
        "path": "/v1/messages",
        "body": { "model": "talk", "max_tokens": 9, "messages": [{ "role": "user", "content": "hello" }] },
    });
    let explained = operator.post("/explain", &trial, 200).await;
    assert_eq!(
        (&explained["pool"], &explained["route"]),
        (&json!("sonnet"), &json!("small-talk"))
    );
    assert_eq!(
        explained["first"],
        json!({ "provider": "acme", "model": "demo-large" })
    );
    let played = operator.ask("POST", "/playground", Some(&trial)).await;
    assert_eq!(played.status, 200, "{}", played.text());
    let endpoints = operator.get("/endpoints").await;
    let sick = found(&endpoints["items"], "pool", "sick");
    assert_eq!(sick["keys"][0]["state"], "unauthenticated", "{sick}");
}

async fn limits_hold(operator: &Operator<'_>, key: &str) {
    let gateway = operator.gateway;
    let quota = operator.used("ci", "quota").await;
    let calls = quota["requests"]["used"].as_u64().unwrap();
    assert_eq!(quota["requests"]["reserved"], 0);
    for _ in calls..ALLOWED {
        assert_eq!(
            gateway.send(call("anthropic", key, "sonnet")).await.status,
            200
        );
    }
    for format in ["openai_chat", "anthropic", "gemini"] {
        let over = gateway.send(call(format, key, "sonnet")).await;
        operator.heard.note(format, &over);
        assert_eq!(over.status, 429, "{}", over.text());
        assert!(over.header("retry-after").parse::<u64>().unwrap() > 0);
        let error = over.json();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("The API key `ci` has reached its quota of 4 requests"),
            "{message}"
        );
        match format {
            "anthropic" => assert_eq!(error["error"]["type"], "rate_limit_error"),
            "gemini" => assert_eq!(error["error"]["status"], "RESOURCE_EXHAUSTED"),
            _ => assert_eq!(error["error"]["code"], "rate_limit_exceeded", "{error}"),
        }
    }
    let reset = json!({ "client_key": "ci" });
    operator.post("/limits/reset", &reset, 200).await;
    assert_eq!(operator.used("ci", "quota").await["requests"]["used"], 0);
    assert_eq!(
        gateway.send(call("anthropic", key, "sonnet")).await.status,
        200
    );
    let nothing = json!({ "client_key": "nobody" });
    operator.post("/limits/reset", &nothing, 404).await;
    let resets = operator.get("/audit?action=reset").await;
    assert_eq!(resets["items"].as_array().unwrap().len(), 1, "{resets}");
}

/// The key after its rotation, and that of another that is gone.
async fn rotated_and_revoked(operator: &Operator<'_>, first: &str) -> (String, String) {
    let gateway = operator.gateway;
    let asked = async |path: &str, body: Option<&Value>| {
        // Shown by design: not among what was heard.
        let answer = operator.visitor.ask(gateway, "POST", path, body).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.json()["key"].as_str().unwrap().to_owned()
    };
    let second = asked("/client-keys/ci/rotate", None).await;
    let refused = gateway.send(call("anthropic", first, "sonnet")).await;
    operator.heard.note("rotated", &refused);
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_eq!(
        gateway
            .send(call("openai_chat", &second, "sonnet"))
            .await
            .status,
        200
    );
    assert_eq!(
        operator.used("ci", "quota").await["requests"]["used"],
        2,
        "it is the same client's"
    );

    let other = asked("/client-keys", Some(&json!({ "name": "leaver" }))).await;
    assert_eq!(
        gateway
            .send(call("anthropic", &other, "sonnet"))
            .await
            .status,
        200
    );
    let off = json!({ "enabled": false });
    operator
        .told(("PATCH", "/client-keys/leaver"), Some(&off), 200)
        .await;
    let refused = gateway.send(call("anthropic", &other, "sonnet")).await;
    assert!(
        [401, 403].contains(&refused.status.as_u16()),
        "{}",
        refused.text()
    );
    operator.delete("/client-keys/leaver").await;
    for format in ["openai_chat", "anthropic", "gemini"] {
        let refused = gateway.send(call(format, &other, "sonnet")).await;
        operator.heard.note("revoked", &refused);
        assert_eq!(refused.status, 401, "{}", refused.text());
    }
    (second, other)
}

async fn wrong_bodies_are_told_of(operator: &Operator<'_>) {
    let endpoint = json!({ "provider": "nobody", "model": "x", "weight": 1 });
    let pool =
        json!({ "name": "p", "endpoints": [{ "provider": "acme", "model": "x" }, endpoint] });
    let limits = json!({ "name": "k", "limits": { "quota": { "requests": "many" } } });
    for (path, body, field) in [
        ("/models", pool, "endpoints[1].provider"),
        ("/client-keys", limits, "limits.quota.requests"),
        (
            "/providers",
            json!({ "name": "b", "format": "opnai", "base_url": "http://x" }),
            "format",
        ),
        (
            "/providers",
            json!({ "name": "b", "formt": "anthropic", "base_url": "http://x" }),
            "formt",
        ),
        ("/tenants", json!({}), "name"),
    ] {
        let told = operator.post(path, &body, 422).await;
        let problems = told["problems"].as_array().unwrap();
        let fields: Vec<&str> = problems
            .iter()
            .filter_map(|one| one["field"].as_str())
            .collect();
        assert!(
            fields.iter().any(|one| one.contains(field)),
            "{path}: {told}"
        );
    }
    let seen = operator
        .visitor
        .get(operator.gateway, "/tenants/team")
        .await;
    let etag = seen.header("etag").to_owned();
    assert!(!etag.is_empty());
    let change = |etag: &str| Operator {
        visitor: Visitor {
            more: vec![("if-match", etag.to_owned())],
            ..operator.visitor.clone()
        },
        gateway: operator.gateway,
        heard: operator.heard.clone(),
    };
    let body = json!({ "name": "team", "limits": { "rpm": 1000 } });
    let put = ("PUT", "/tenants/team");
    change(&etag).told(put, Some(&body), 200).await;
    change(&etag).told(put, Some(&body), 412).await;
    change("\"nothing\"")
        .told(("DELETE", "/tenants/team"), None, 412)
        .await;
    operator.post("/tenants", &body, 409).await;
}

const SEGMENTS: [&str; 7] = [
    "client-keys",
    "routes",
    "models",
    "tenants",
    "prices",
    "providers",
    "settings",
];

/// What the database has of each kind.
async fn stored(operator: &Operator<'_>) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for segment in SEGMENTS {
        let list = operator.get(&format!("/{segment}")).await;
        let items = list["items"].as_array().unwrap().clone();
        let ours = items.iter().filter(|one| one["etag"].is_string());
        all.extend(ours.map(|one| (segment, one["name"].as_str().unwrap().to_owned())));
    }
    all
}

async fn wiped_and_imported(operator: &Operator<'_>, key: &str) {
    let gateway = operator.gateway;
    let export = async || {
        let visitor = &operator.visitor;
        visitor.get(gateway, "/export?secrets=true").await.text()
    };
    let before = export().await;
    assert!(
        before.contains(VENDOR_KEY) && !before.contains(key),
        "{before}"
    );
    operator.ask("GET", "/export", None).await;
    let had = stored(operator).await;
    assert!(had.len() >= 8, "{had:?}");
    for (segment, name) in &had {
        operator.delete(&format!("/{segment}/{name}")).await;
    }
    assert!(stored(operator).await.is_empty());
    assert_eq!(
        gateway.send(call("anthropic", key, "sonnet")).await.status,
        401
    );

    let import = |apply: bool| json!({ "text": before, "apply": apply });
    let diff = operator.post("/import", &import(false), 200).await;
    assert_eq!(diff["applied"], false);
    assert!(
        diff["added"].as_u64().unwrap() >= had.len() as u64,
        "{diff}"
    );
    assert!(
        stored(operator).await.is_empty(),
        "nothing is written before it is asked for"
    );
    let done = operator.post("/import", &import(true), 200).await;
    assert_eq!(
        (&done["applied"], &done["added"]),
        (&json!(true), &diff["added"])
    );
    let answer = gateway.send(call("anthropic", key, "sonnet")).await;
    assert_eq!(
        answer.status,
        200,
        "the same key works again: {}",
        answer.text()
    );
    assert_eq!(export().await, before, "the same again");
    let again = operator.post("/import", &import(true), 200).await;
    assert_eq!(
        (&again["added"], &again["changed"]),
        (&json!(0), &json!(0)),
        "{again}"
    );
}

/// Calls that say secrets in their bodies and are answered with them, while the database is away.
async fn spooled(gateway: &Gateway, heard: &Heard, key: &str) {
    let secrets = [VENDOR_KEY, VENDOR_HEADER, ADMIN_KEY, key];
    let all = secrets.map(|secret| [secret, &STANDARD.encode(secret)].join(" "));
    let mut ids = Vec::new();
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let text = format!("say: {MARK} {}", all.join(" "));
        let said = json!([{ "role": "user", "content": text }]);
        let body = json!({ "model": "sonnet", "max_tokens": 999, "messages": said });
        let mut request = post(path, &body);
        let bearer = ["Bearer ", key].concat().parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains(MARK), "{}", answer.text());
        ids.push(answer.id().to_owned());
    }
    let file = gateway.dir().join("data/records.spool");
    let there = |id: &String| {
        let bytes = std::fs::read(&file).unwrap_or_default();
        memchr::memmem::find(&bytes, id.as_bytes()).is_some()
    };
    until("records in the spool", PATIENCE, async || {
        ids.iter().all(there)
    })
    .await;
    // The file itself is searched with all others; here what is compressed in it.
    let bodies = spooled_bodies(&std::fs::read(&file).unwrap());
    let marked = bodies.iter().filter(|text| text.contains(MARK)).count();
    assert_eq!(marked, 2 * ids.len(), "requests and answers: {bodies:#?}");
    bodies.iter().for_each(|text| heard.note_text(text));
}

const MARK: &str = "zebra-of-the-spool";

async fn nothing_leaked(
    gateway: &Gateway,
    heard: &Heard,
    shown: &Shown,
    server: Option<&Postgres>,
) {
    let sought = [
        ("the vendor's key", VENDOR_KEY),
        ("the vendor's header", VENDOR_HEADER),
        ("the admin key", ADMIN_KEY),
        ("the seal", SEAL),
        ("the session", &*shown.session),
        ("the first key", &*shown.first),
        ("the second key", &*shown.second),
        ("the other key", &*shown.other),
        ("the password", &*shown.password),
    ]
    .map(|(name, secret)| Sought::new(name, secret));
    let metrics = gateway.get("/metrics").await.unwrap().text();
    let told = heard.all();
    assert!(told.len() > 50, "{}", told.len());
    let mut places: Vec<(String, &[u8])> = vec![("metrics".to_owned(), metrics.as_bytes())];
    places.extend(told.iter().map(|text| (text.clone(), text.as_bytes())));

    // The password is shown once, where somebody looks, and by design.
    let terminal = std::fs::read(gateway.dir().join("stderr.log")).unwrap();
    let [.., password] = &sought;
    assert_eq!(password.times(&terminal), 1);
    let terminal = String::from_utf8_lossy(&terminal).replace(&shown.password, "");
    places.push(("stderr".to_owned(), terminal.as_bytes()));

    let mut kept = files(&gateway.dir(), &["stderr.log"]);
    let log = kept.iter().find(|(path, _)| path.ends_with("access.log"));
    let log = String::from_utf8_lossy(&log.expect("a log").1);
    assert!(
        log.contains("\"key\":\"ci\""),
        "it was looked at what calls leave behind"
    );
    kept.extend(
        server
            .map(|server| files(server.dir(), &[]))
            .unwrap_or_default(),
    );
    places.extend(
        kept.iter()
            .map(|(path, bytes)| (path.display().to_string(), &**bytes)),
    );
    let leaks = leaks(&sought, places);
    assert!(leaks.is_empty(), "{leaks:#?}");
}
