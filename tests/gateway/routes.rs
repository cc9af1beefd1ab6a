//! Routes: which requests they meet, where they lead, with which keys, and who may go there.

use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::harness::{Answer, Gateway, TestVendor, chat_body, post};

/// Two vendors of Chat and one of Anthropic, models `small` and `big`, and these routes.
struct House {
    a: TestVendor,
    b: TestVendor,
    gateway: Gateway,
}

async fn house(routes: &str, more: &str) -> House {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let section = format!(
        "  providers:
    - {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ key-of-a-one ], expose: [ \"demo-real-*\" ] }}
    - {{ name: b, format: [ openai_chat, anthropic ], base_url: \"{}\", keys: [ key-of-b-one ] }}
  models:
    - {{ name: small, endpoints: [ {{ provider: a, model: demo-small }} ] }}
    - {{ name: big, aliases: [ \"gross-*\" ], endpoints: [ {{ provider: b, model: demo-big }} ] }}
    - {{ name: both, endpoints: [ {{ provider: a, model: demo-both }}, {{ provider: b, model: demo-both }} ] }}
    - {{ name: off, enabled: false, endpoints: [ {{ provider: a, model: demo-off }} ] }}
  routes:
{routes}
{more}",
        a.base_url(),
        b.base_url()
    );
    let gateway = Gateway::start(&section).await;
    House { a, b, gateway }
}

impl House {
    async fn ask(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = post("/v1/chat/completions", body);
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        self.gateway.send(request).await
    }

    /// Who answers `model`, asked with that header.
    async fn goes(&self, model: &str, headers: &[(&str, &str)]) -> String {
        let answer = self.ask(&chat_body(model, false), headers).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.route().to_owned()
    }
}

fn credential(vendor: &TestVendor, at: usize) -> String {
    let seen = vendor.vendor.requests();
    seen[at]
        .header("authorization")
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_route_that_is_met_decides_before_names_do() {
    let house = house(
        r#"    - { name: teams, when: { model: small, header: { X-Team: [ search, "ads-*" ] } }, use: big }
    - { when: { model_contains: [ GPT, gemini ] }, use: small }
    - { when: { model: exact }, use: { provider: b, model: demo-fixed } }
    - { when: { model: renamed }, use: demo-real-one }
    - { when: { model: qualified }, use: b/demo-qualified }
    - { when: { model: aliased }, use: gross-artig }"#,
        "",
    )
    .await;
    assert_eq!(house.goes("small", &[]).await, "a/demo-small");
    assert_eq!(
        house.goes("small", &[("x-team", "search")]).await,
        "b/demo-big"
    );
    assert_eq!(
        house.goes("small", &[("X-TEAM", "ads-eu")]).await,
        "b/demo-big"
    );
    assert_eq!(
        house.goes("small", &[("x-team", "other")]).await,
        "a/demo-small"
    );
    assert_eq!(
        house
            .goes("small", &[("x-team", "other"), ("x-team", "search")])
            .await,
        "b/demo-big",
        "any of a header's values"
    );
    assert_eq!(house.goes("openai/gpt-9", &[]).await, "a/demo-small");
    assert_eq!(house.goes("exact", &[]).await, "b/demo-fixed");
    assert_eq!(house.goes("renamed", &[]).await, "a/demo-real-one");
    assert_eq!(house.goes("qualified", &[]).await, "b/demo-qualified");
    assert_eq!(house.goes("aliased", &[]).await, "b/demo-big");
    let unknown = house.ask(&chat_body("nothing", false), &[]).await;
    assert_eq!(unknown.status, 404, "what no route meets is a name");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_and_the_log_name_the_route() {
    let house = house(
        "    - { name: teams, when: { model: small }, use: big }",
        "",
    )
    .await;
    let answer = house.ask(&chat_body("small", false), &[]).await;
    let record = house.gateway.record(answer.id()).await;
    assert_eq!(
        (&record["asked"], &record["model"], &record["route"]),
        (&json!("small"), &json!("big"), &json!("teams"))
    );
    let other = house.ask(&chat_body("big", false), &[]).await;
    assert_eq!(house.gateway.record(other.id()).await.get("route"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_decides_where_a_route_asks_for_it() {
    let house = house(
        r#"    - { when: { body: { metadata.tier: gold, "messages[0].role": system } }, use: big }
    - { when: { body: { "tools[*].function.name": [ search, "find_*" ] } }, use: big }
    - { when: { body: { temperature: "0" } }, use: { provider: b, model: demo-cold } }
    - { when: { tokens_over: 2000 }, use: { provider: b, model: demo-long } }
    - { when: { images: true }, use: { provider: b, model: demo-eyes } }
    - { when: { stream: true, tools: false }, use: { provider: b, model: demo-stream } }"#,
        "",
    )
    .await;
    let ask = async |change: Value| {
        let mut body =
            json!({ "model": "small", "messages": [ { "role": "user", "content": "hi" } ] });
        let body = match (&mut body, change) {
            (Value::Object(body), Value::Object(change)) => {
                body.extend(change);
                Value::Object(body.clone())
            }
            _ => unreachable!(),
        };
        let answer = house.ask(&body, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.route().to_owned()
    };
    let system = json!([{ "role": "system", "content": "s" }, { "role": "user", "content": "hi" }]);
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } });
    let image = json!([{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } } ] }]);
    let cases = [
        (json!({}), "a/demo-small"),
        (json!({ "metadata": { "tier": "gold" } }), "a/demo-small"),
        (
            json!({ "metadata": { "tier": "gold" }, "messages": system }),
            "b/demo-big",
        ),
        (
            json!({ "tools": [tool("other"), tool("find_it")] }),
            "b/demo-big",
        ),
        (json!({ "tools": [tool("other")] }), "a/demo-small"),
        (json!({ "temperature": 0 }), "b/demo-cold"),
        (json!({ "temperature": 0.5 }), "a/demo-small"),
        (
            json!({ "messages": [{ "role": "user", "content": "word ".repeat(4000) }] }),
            "b/demo-long",
        ),
        (json!({ "messages": image }), "b/demo-eyes"),
        (json!({ "stream": true }), "b/demo-stream"),
    ];
    for (change, goes) in cases {
        let shown: String = change.to_string().chars().take(200).collect();
        assert_eq!(ask(change).await, goes, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_asks_with_keys_of_its_own() {
    let house = house(
        r#"    - { when: { header: { x-team: search } }, use: { provider: a, model: demo-own }, keys: [ key-of-search ] }
    - { when: { header: { x-team: ads } }, use: both, keys: { b: [ key-of-ads ] } }"#,
        "",
    )
    .await;
    house.goes("small", &[("x-team", "search")]).await;
    house.goes("small", &[]).await;
    assert_eq!(credential(&house.a, 0), "Bearer key-of-search");
    assert_eq!(credential(&house.a, 1), "Bearer key-of-a-one");
    for _ in 0..2 {
        house.goes("small", &[("x-team", "ads")]).await;
    }
    assert_eq!(credential(&house.a, 2), "Bearer key-of-a-one");
    assert_eq!(credential(&house.b, 0), "Bearer key-of-ads");
    // A pool of a route has no name.
    let listed = house.gateway.get("/v1/models").await.unwrap().json();
    let names: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["small", "big", "both"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_route_converts_nothing() {
    let house = house(
        "    - { when: { header: { x-mode: direct } }, mode: direct }",
        "",
    )
    .await;
    let body = json!({ "model": "small", "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] });
    let ask = async |direct: bool| {
        let mut request: Request<Full<Bytes>> = post("/v1/messages", &body);
        if direct {
            request
                .headers_mut()
                .insert("x-mode", "direct".parse().unwrap());
        }
        house.gateway.send(request).await
    };
    assert_eq!(ask(false).await.status, 200, "converted");
    let refused = ask(true).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(refused.json()["error"]["type"], "invalid_request_error");
    let same = house
        .ask(&chat_body("small", false), &[("x-mode", "direct")])
        .await;
    assert_eq!(same.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_ask_for_the_name_may_go_where_its_route_leads() {
    let house = house(
        r#"    - { when: { client_key: lowly, tokens_over: 2000 }, use: big }
    - { when: { model: secret }, use: big }
    - { when: { model: closed }, use: off }"#,
        "  client_keys:
    - { name: lowly, value: client-key-lowly, models: [ small, closed ] }
    - { name: other, value: client-key-other, models: [ small ] }",
    )
    .await;
    let long = json!({ "model": "small", "messages": [{ "role": "user", "content": "word ".repeat(4000) }] });
    let ask = async |key: &str, body: &Value| {
        let key = format!("Bearer {key}");
        house.ask(body, &[("authorization", &key)]).await
    };
    assert_eq!(ask("client-key-lowly", &long).await.route(), "b/demo-big");
    assert_eq!(ask("client-key-other", &long).await.route(), "a/demo-small");
    let refused = ask("client-key-lowly", &chat_body("secret", false)).await;
    assert_eq!(refused.status, 403, "neither the name nor where it leads");
    let off = ask("client-key-lowly", &chat_body("closed", false)).await;
    assert_eq!(off.status, 503, "{}", off.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_sets_stands_over_what_the_client_says() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let gateway = Gateway::start(&format!(
        "  providers:
    - {{ name: a, format: openai_chat, base_url: \"{}\" }}
    - {{ name: b, format: anthropic, base_url: \"{}\" }}
  models:
    - name: m
      endpoints:
        - {{ provider: a, model: demo-a, priority: 1, set: {{ temperature: 0.2, metadata.team: search, user: null, stop: [ a, \"1\", 2 ] }} }}
    - name: n
      endpoints:
        - {{ provider: b, model: demo-b, set: {{ temperature: 0.2, thinking: {{ type: disabled }} }} }}
",
        a.base_url(),
        b.base_url()
    ))
    .await;
    let body = r#"{"model":"m", "user":"u","temperature":1.0,"messages":[{"role":"user","content":"hi"}],"seed":7}"#;
    let ask = async |path: &str, body: String| {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json");
        let answer = gateway.send(request.body(Full::from(body)).unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    ask("/v1/chat/completions", body.to_owned()).await;
    let seen = |vendor: &TestVendor, at: usize| {
        let seen = vendor.vendor.requests();
        String::from_utf8(seen[at].body.clone().unwrap().to_vec()).unwrap()
    };
    assert_eq!(
        seen(&a, 0),
        r#"{"model":"demo-a","temperature":0.2,"messages":[{"role":"user","content":"hi"}],"seed":7,"metadata":{"team":"search"},"stop":["a","1",2]}"#,
        "and not one byte else"
    );
    ask("/v1/chat/completions", body.replace("\"m\"", "\"n\"")).await;
    let said: Value = serde_json::from_str(&seen(&b, 0)).unwrap();
    assert_eq!(
        (&said["temperature"], &said["thinking"]),
        (&json!(0.2), &json!({ "type": "disabled" })),
        "in the words of the vendor's format"
    );
    ask(
        "/v1/embeddings",
        json!({ "model": "m", "input": "x" }).to_string(),
    )
    .await;
    let said: Value = serde_json::from_str(&seen(&a, 1)).unwrap();
    assert_eq!(
        said,
        json!({ "model": "demo-a", "input": "x" }),
        "conversations only"
    );
}

/// The models that a vendor was asked for.
fn asked_for(vendor: &TestVendor) -> Vec<String> {
    let seen = vendor.vendor.requests();
    let model = |body: &Value| body["model"].as_str().unwrap_or_default().to_owned();
    seen.iter().map(|seen| model(&seen.json())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_a_model_is_asked_for_the_name_that_the_client_asked_for() {
    let (a, b) = (TestVendor::start().await, TestVendor::start().await);
    let section = format!(
        "  providers:
    - {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ key-of-a-one ] }}
    - {{ name: b, format: anthropic, base_url: \"{}\", keys: [ key-of-b-one ] }}
  models:
    - name: demo-scheme
      aliases: [ \"demo-alias-*\" ]
      endpoints:
        - {{ provider: a, retry: {{ retries: 0 }} }}
        - {{ provider: b, model: demo-own, priority: 2 }}
    - {{ name: demo-other, endpoints: [ {{ provider: b }} ] }}
  default_model: demo-scheme
  routes:
    - {{ when: {{ model: old-name }}, use: demo-alias-new }}
    - {{ when: {{ model: demo-fixed }}, use: {{ provider: b }} }}
",
        a.base_url(),
        b.base_url()
    );
    let gateway = Gateway::start(&section).await;
    let goes = async |model: &str| {
        let answer = gateway.chat(model, false).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.route().to_owned()
    };
    assert_eq!(goes("demo-alias-one").await, "a/demo-alias-one");
    assert_eq!(goes("demo-scheme").await, "a/demo-scheme", "its own name");
    assert_eq!(goes("demo-unheard").await, "a/demo-unheard", "the default");
    assert_eq!(goes("old-name").await, "a/demo-alias-new", "after routes");
    assert_eq!(goes("demo-fixed").await, "b/demo-fixed", "of a route");
    assert_eq!(goes("demo-other").await, "b/demo-other", "converted");
    assert_eq!(
        asked_for(&a),
        [
            "demo-alias-one",
            "demo-scheme",
            "demo-unheard",
            "demo-alias-new"
        ]
    );
    assert_eq!(asked_for(&b), ["demo-fixed", "demo-other"]);

    // A name that the vendor has not is this client's affair.
    let answer = gateway.chat("no-such-name", true).await;
    assert_eq!(answer.route(), "b/demo-own");
    let record = gateway.record(answer.id()).await;
    let tried = |at: usize| record["attempts"][at]["model"].clone();
    assert_eq!(
        (tried(0), tried(1)),
        (json!("no-such-name"), json!("demo-own"))
    );
    assert_eq!(goes("demo-alias-two").await, "a/demo-alias-two");

    let labels = [("provider", "a"), ("model", "*"), ("outcome", "ok")];
    let passed = gateway.metric("tidegate_attempts_total", &labels).await;
    assert_eq!(passed, 5.0);
    let page = gateway.get("/metrics").await.unwrap().text();
    assert!(!page.contains("demo-alias"), "names of strangers: {page}");
}
