//! Limits of client keys and tenants, and what answers cost: who gets in, who is told what, and what is counted over
//! aborts, failures, reloads and crashes.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tidegate::demo::{Break, Fault, Place, Seen, Step};
use tokio::net::TcpStream;

use crate::harness::{Answer, Gateway, TestVendor, chat_body, post, try_send, until};
use crate::journal;

const A_MINUTE: Duration = Duration::from_secs(60);
/// A window that no test sees the end of, unless it runs at New Year.
const YEAR: &str = "reset: \"0 0 1 1 *\"";

/// The model `m` at one vendor, one attempt a request, with its price; and whatever keys and tenants there are.
fn section(vendor: &TestVendor, rest: &str) -> String {
    format!(
        "  retry: {{ retries: 0, max_attempts: 1 }}
  cooldown: {{ base: 10ms, max: 10ms, probe_after: 10ms }}
  breaker: {{ failures: 1000000, open_for: 10ms }}
  providers:
    - {{ name: a, format: [ openai_chat, openai_responses, anthropic, gemini ], base_url: \"{}\", keys: [ k-a ] }}
  models:
    - {{ name: m, endpoints: [ {{ provider: a, model: demo-a }} ] }}
    - {{ name: unpriced, endpoints: [ {{ provider: a, model: demo-b }} ] }}
  prices: {{ demo-a: {{ input: 1, output: 2 }} }}
{rest}",
        vendor.vendor_url()
    )
}

impl TestVendor {
    /// Without a version: every format adds its own.
    fn vendor_url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

fn key(name: &str, more: &str) -> String {
    format!("    - {{ name: {name}, value: value-of-{name}, {more} }}\n")
}

fn keys(of: &[(&str, &str)]) -> String {
    let rows = of
        .iter()
        .map(|(name, limits)| key(name, &format!("limits: {{ {limits} }}")));
    ["  client_keys:\n".to_owned()]
        .into_iter()
        .chain(rows)
        .collect()
}

/// One call in each of the four formats.
const FORMATS: [&str; 4] = ["openai_chat", "openai_responses", "anthropic", "gemini"];

fn call(format: &str, key: &str) -> Request<Full<Bytes>> {
    let user = json!([ { "role": "user", "content": "hello" } ]);
    let parts = json!([ { "role": "user", "parts": [ { "text": "hello" } ] } ]);
    let request = match format {
        "openai_chat" => post(
            "/v1/chat/completions",
            &json!({ "model": "m", "messages": user }),
        ),
        "openai_responses" => post("/v1/responses", &json!({ "model": "m", "input": "hello" })),
        "anthropic" => {
            let body = json!({ "model": "m", "max_tokens": 40, "messages": user });
            post("/v1/messages", &body)
        }
        _ => post(
            "/v1beta/models/m:generateContent",
            &json!({ "contents": parts }),
        ),
    };
    by(key, request)
}

fn by(key: &str, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let value = HeaderValue::try_from(format!("Bearer value-of-{key}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

fn message(answer: &Answer) -> String {
    answer.error()["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Seconds.
fn retry_after(answer: &Answer) -> u64 {
    answer
        .header("retry-after")
        .parse()
        .unwrap_or_else(|_| panic!("{}", answer.text()))
}

async fn used(gateway: &Gateway, of: (&str, &str), limit: &str) -> f64 {
    gauge(gateway, "used", of, limit).await
}

async fn gauge(gateway: &Gateway, which: &str, (owner, name): (&str, &str), limit: &str) -> f64 {
    let metric = format!("tidegate_limit_{which}");
    let labels = [("owner", owner), ("name", name), ("limit", limit)];
    gateway.metric(&metric, &labels).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_told_of_a_limit_in_its_own_words() {
    let vendor = TestVendor::start().await;
    let rest = keys(&FORMATS.map(|format| (format, "rpm: 1")));
    let gateway = Gateway::start(&section(&vendor, &rest)).await;
    for format in FORMATS {
        let first = gateway.send(call(format, format)).await;
        assert_eq!(first.status, 200, "{}", first.text());
        let second = gateway.send(call(format, format)).await;
        assert_eq!(second.status, 429, "{format}");
        let wait = retry_after(&second);
        assert!((50..=61).contains(&wait), "{format}: {wait}");
        let told = message(&second);
        let begins = format!(
            "The API key `{format}` has reached its limit of 1 requests a minute: 0 left; try again in "
        );
        assert!(told.starts_with(&begins), "{told}");
        let error = second.json();
        match format {
            "anthropic" => {
                assert_eq!(
                    (&error["type"], &error["error"]["type"]),
                    (&json!("error"), &json!("rate_limit_error"))
                );
            }
            "gemini" => assert_eq!(error["error"]["status"], "RESOURCE_EXHAUSTED"),
            _ => assert!(error["error"]["type"].is_string(), "{error}"),
        }
        let record = gateway.record(second.id()).await;
        assert_eq!(record["limited"], "key.rpm");
        assert!(record["cost_usd"].is_null() && record["attempts"].is_null());
        let (owner, limit) = (("owner", "key"), ("limit", "rpm"));
        assert!(
            gateway
                .metric("tidegate_limit_refusals_total", &[owner, limit])
                .await
                >= 1.0
        );
    }
    assert_eq!(vendor.vendor.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_is_told_with_what_is_left_and_when_it_ends() {
    let vendor = TestVendor::start().await;
    let limits = [
        (
            "tpm",
            "tpm: 60".to_owned(),
            "limit of 60 tokens a minute",
            61,
        ),
        (
            "requests",
            format!("quota: {{ requests: 1, {YEAR} }}"),
            "quota of 1 requests",
            u64::MAX,
        ),
        (
            "tokens",
            format!("quota: {{ tokens: 60, {YEAR} }}"),
            "quota of 60 tokens",
            u64::MAX,
        ),
        (
            "budget",
            format!("budget: {{ usd: 0.00012, {YEAR} }}"),
            "budget of 0.00012 USD",
            u64::MAX,
        ),
    ];
    // Each for two formats: its own key, and a key whose tenant has it.
    let mut rest = "  tenants:\n".to_owned();
    for (name, limit, ..) in &limits {
        rest.push_str(&format!(
            "    - {{ name: of-{name}, limits: {{ {limit} }} }}\n"
        ));
    }
    rest.push_str("  client_keys:\n");
    for (name, limit, ..) in &limits {
        rest.push_str(&key(name, &format!("limits: {{ {limit} }}")));
        rest.push_str(&key(&format!("t-{name}"), &format!("tenant: of-{name}")));
    }
    let gateway = Gateway::start(&section(&vendor, &rest)).await;
    for (name, _, told, most) in limits {
        let (own, tenants) = (name.to_owned(), format!("t-{name}"));
        for (key, format, whose) in [
            (own, "anthropic", format!("The API key `{name}`")),
            (tenants, "openai_chat", format!("The tenant `of-{name}`")),
        ] {
            let first = gateway.send(call(format, &key)).await;
            assert_eq!(first.status, 200, "{key}: {}", first.text());
            let refused = gateway.send(call(format, &key)).await;
            assert_eq!(refused.status, 429, "{key}: {}", refused.text());
            let wait = retry_after(&refused);
            assert!(wait > 1 && wait <= most, "{key}: {wait}");
            let begins = format!("{whose} has reached its {told}: ");
            assert!(
                message(&refused).starts_with(&begins),
                "{}",
                message(&refused)
            );
            assert!(message(&refused).contains(" left"), "{}", message(&refused));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_at_once_as_are_allowed_and_then_the_next() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&section(&vendor, &keys(&[("c", "concurrency: 2")]))).await;
    vendor.vendor.script(
        "demo-a",
        vec![Fault::SlowFirstToken(Duration::from_secs(3)).into(); 2],
    );
    let addr = gateway.addr;
    let slow =
        || tokio::spawn(async move { try_send(addr, call("openai_chat", "c")).await.unwrap() });
    let both = [slow(), slow()];
    until("two are under way", A_MINUTE, async || {
        used(&gateway, ("key", "c"), "concurrency").await == 2.0
    })
    .await;
    for format in ["anthropic", "gemini"] {
        let third = gateway.send(call(format, "c")).await;
        assert_eq!((third.status.as_u16(), retry_after(&third)), (429, 1));
        let told = "The API key `c` has reached its limit of 2 requests at once; try again in 1 s.";
        assert_eq!(message(&third), told);
    }
    for one in both {
        assert_eq!(one.await.unwrap().status, 200);
    }
    until("they have left", A_MINUTE, async || {
        used(&gateway, ("key", "c"), "concurrency").await == 0.0
    })
    .await;
    assert_eq!(gateway.send(call("anthropic", "c")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_call_at_all_is_told_why() {
    let vendor = TestVendor::start().await;
    let rest = "  tenants: [ { name: gone, enabled: false }, { name: rich, limits: { budget: { usd: 1 } } } ]
  client_keys:
    - { name: off, value: value-of-off, tenant: gone }
    - { name: rich, value: value-of-rich, tenant: rich }
    - { name: small, value: value-of-small, limits: { tpm: 20, budget: { usd: 1 } } }
";
    let gateway = Gateway::start(&section(&vendor, rest)).await;
    for format in FORMATS {
        let refused = gateway.send(call(format, "off")).await;
        assert_eq!(refused.status, 403, "{format}");
        assert_eq!(message(&refused), "The tenant of this API key is disabled.");
    }
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let body = json!({ "model": "unpriced", "max_tokens": 9, "messages": [ { "role": "user", "content": "hello" } ] });
        let refused = gateway.send(by("rich", post(path, &body))).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        let told = "This API key has a budget, and what has no price may not be called with one: there is none for `demo-b`, which `unpriced` leads to.";
        assert_eq!(message(&refused), told);
    }
    let allowed = gateway.send(call("openai_chat", "rich")).await;
    assert_eq!(allowed.status, 200);
    let record = gateway.record(allowed.id()).await;
    assert_eq!(
        (&record["key"], &record["tenant"]),
        (&json!("rich"), &json!("rich"))
    );
    // Forty tokens of an answer are more than it has in a minute: to wait is of no use.
    let never = gateway.send(call("anthropic", "small")).await;
    assert_eq!(
        (never.status.as_u16(), never.header("retry-after")),
        (400, "")
    );
    assert!(
        message(&never).contains("more than the whole limit of 20 tokens a minute"),
        "{}",
        message(&never)
    );
    assert_eq!(vendor.vendor.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_count_tokens_takes_nothing() {
    let vendor = TestVendor::start().await;
    let limits = "rpm: 1, tpm: 1000, concurrency: 1, quota: { requests: 1 }";
    let gateway = Gateway::start(&section(&vendor, &keys(&[("k", limits)]))).await;
    let count = || {
        let body = json!({ "model": "m", "messages": [ { "role": "user", "content": "hello" } ] });
        by("k", post("/v1/messages/count_tokens", &body))
    };
    for _ in 0..3 {
        assert_eq!(gateway.send(count()).await.status, 200);
    }
    assert_eq!(gateway.send(call("anthropic", "k")).await.status, 200);
    assert_eq!(gateway.send(call("anthropic", "k")).await.status, 429);
    assert_eq!(gateway.send(count()).await.status, 200);
    assert_eq!(used(&gateway, ("key", "k"), "requests").await, 1.0);
}

/// Of the answer's own usage, in nanodollars: 1 a million in, 2 out.
fn price(usage: &Value) -> u64 {
    let of = |name: &str| usage[name].as_u64().unwrap_or(0);
    1000 * (of("input") + of("cache_read") + of("cache_write"))
        + 2000 * (of("output") + of("reasoning"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_costs_is_in_its_record_and_what_nobody_knows_is_not() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&section(
        &vendor,
        &keys(&[("k", "budget: { usd: 5 }"), ("free", "rpm: 99")]),
    ))
    .await;
    let mut sum = 0;
    for format in FORMATS {
        let answer = gateway.send(call(format, "k")).await;
        let record = gateway.record(answer.id()).await;
        let nano = price(&record);
        assert!(nano > 0);
        let shown = record["cost_usd"].as_f64().unwrap();
        assert!((shown - nano as f64 / 1e9).abs() < 1e-12, "{record}");
        sum += nano;
    }
    let total = gateway
        .metric("tidegate_cost_usd_total", &[("model", "m")])
        .await;
    assert!((total - sum as f64 / 1e9).abs() < 1e-9);
    let budget = used(&gateway, ("key", "k"), "budget").await;
    assert!((budget - sum as f64 / 1e9).abs() < 1e-12);
    let unknown = gateway
        .send(by(
            "free",
            post("/v1/chat/completions", &chat_body("unpriced", false)),
        ))
        .await;
    let record = gateway.record(unknown.id()).await;
    assert!(
        record["output"].is_number() && record["cost_usd"].is_null(),
        "{record}"
    );
    assert_eq!(
        gateway
            .metric("tidegate_cost_usd_total", &[("model", "unpriced")])
            .await,
        0.0
    );
}

/// What happens to the vendor's calls, over and over; heads are late, so that many are under way at once.
fn weather(n: usize) -> Vec<Step> {
    let cut = |at| {
        Step::from(Fault::Break {
            at,
            how: Break::Close,
        })
    };
    let kinds = [
        Step::answer(),
        Step::status(500),
        cut(Place::Events(1)),
        Step::answer(),
        Step::from(Fault::Reset),
        Step::from(Fault::SlowFirstToken(Duration::from_millis(200))),
        Step::status(503),
        Step::from(Fault::EmptyAnswer),
        Step::from(Fault::NoUsage),
    ];
    let late = |(n, step): (usize, Step)| {
        let late = Duration::from_millis([50, 400, 150, 250][n % 4]);
        let faults = [Fault::SlowHead(late)].into_iter().chain(step.faults);
        Step {
            faults: faults.collect(),
        }
    };
    let steps = kinds.into_iter().cycle().take(n);
    steps.enumerate().map(late).collect()
}

fn body(stream: bool) -> Value {
    let mut body = chat_body("m", stream);
    body["max_tokens"] = json!(50);
    body
}

/// A stream of which the client takes the first bytes and leaves.
async fn leave(addr: SocketAddr) {
    let Ok(stream) = TcpStream::connect(addr).await else {
        return;
    };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        return;
    };
    let driver = tokio::spawn(connection);
    let request = by("ci", post("/v1/chat/completions", &body(true)));
    if let Ok(mut response) = sender.send_request(request).await {
        let _first = response.frame().await;
    }
    driver.abort();
}

async fn storm(gateway: &Gateway, calls: usize) {
    let addr = gateway.addr;
    let call = |n: usize| async move {
        if n % 5 == 4 {
            return leave(addr).await;
        }
        let request = by(
            "ci",
            post("/v1/chat/completions", &body(n.is_multiple_of(2))),
        );
        let asked = try_send(addr, request);
        let _answer = tokio::time::timeout(A_MINUTE, asked).await.expect("an end");
    };
    let calls: Vec<_> = (0..calls).map(|n| tokio::spawn(call(n))).collect();
    for call in calls {
        call.await.unwrap();
    }
}

fn taken(vendor: &TestVendor) -> usize {
    let took = |seen: &&Seen| seen.status == Some(200);
    vendor.vendor.requests().iter().filter(took).count()
}

async fn nothing_is_reserved(gateway: &Gateway, of: (&str, &str)) {
    until("nothing is reserved", A_MINUTE, async || {
        for limit in ["requests", "tokens", "budget"] {
            if gauge(gateway, "reserved", of, limit).await != 0.0 {
                return false;
            }
        }
        used(gateway, of, "concurrency").await == 0.0
    })
    .await;
}

/// Until the journal says so much of the key's quota and budget.
async fn until_kept(gateway: &Gateway, (requests, counted): (u64, f64)) {
    let data = gateway.dir().join("data");
    until("the journal has it", A_MINUTE, async || {
        let last = |name: &str| {
            let of = json!({ "key": "ci", "limit": name });
            journal::kept(&data, &of)["used"].clone()
        };
        let kept = |used: &Value| used["nano_usd"].as_f64().unwrap_or(0.0) / 1e9;
        last("quota")["requests"] == requests && (kept(&last("budget")) - counted).abs() < 1e-12
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_at_once_no_more_get_in_than_requests_and_money_allow() {
    let vendor = TestVendor::start().await;
    // What fifty calls reserve at most, were they all to say fifty tokens.
    let budget = 50.0 * (10.0 + 2.0 * 50.0) / 1e6;
    let rest = |usd: f64| {
        format!(
            "  tenants: [ {{ name: t, limits: {{ concurrency: 500, quota: {{ requests: 1000, {YEAR} }} }} }} ]
  client_keys:
    - {{ name: ci, value: value-of-ci, tenant: t, limits: {{ concurrency: 400, quota: {{ requests: 100, tokens: 10000000, {YEAR} }}, budget: {{ usd: {usd:.6}, {YEAR} }} }} }}
"
        )
    };
    let mut gateway = Gateway::start(&section(&vendor, &rest(budget))).await;
    let of = ("key", "ci");
    vendor.vendor.script("demo-a", weather(1000));
    storm(&gateway, 500).await;
    nothing_is_reserved(&gateway, of).await;
    let requests = used(&gateway, of, "requests").await;
    assert_eq!(requests, taken(&vendor) as f64);
    assert!((1.0..=100.0).contains(&requests), "{requests}");
    assert!(used(&gateway, of, "budget").await <= budget * 1.1);
    let refusals = [("owner", "key"), ("limit", "budget")];
    let refused = gateway
        .metric("tidegate_limit_refusals_total", &refusals)
        .await;
    assert!(refused >= 1.0, "the money was not the limit");
    // On to the end of the money, and to that of the requests with more of it.
    vendor.vendor.clear_script();
    let ask = || by("ci", post("/v1/chat/completions", &body(true)));
    for _ in 0..200 {
        if gateway.send(ask()).await.status == 429 {
            break;
        }
    }
    assert!(used(&gateway, of, "requests").await <= 100.0);
    gateway.rewrite(&section(&vendor, &rest(9.0)));
    until("there is more money", A_MINUTE, async || {
        gauge(&gateway, "most", of, "budget").await == 9.0
    })
    .await;
    assert!(
        used(&gateway, of, "requests").await >= requests,
        "a reload keeps what was used"
    );
    storm(&gateway, 300).await;
    nothing_is_reserved(&gateway, of).await;
    assert_eq!(taken(&vendor), 100);
    assert_eq!(used(&gateway, of, "requests").await, 100.0);
    assert_eq!(used(&gateway, ("tenant", "t"), "requests").await, 100.0);
    let refused = gateway.send(ask()).await;
    assert!(
        message(&refused).contains("quota of 100 requests"),
        "{}",
        refused.text()
    );

    // What the records say is what was counted.
    let records = gateway.records();
    let cost: f64 = records
        .iter()
        .filter_map(|record| record["cost_usd"].as_f64())
        .sum();
    let counted = used(&gateway, of, "budget").await;
    assert!((cost - counted).abs() < 1e-9, "{cost} {counted}");
    until_kept(&gateway, (100, counted)).await;
    gateway.kill();
    gateway.start_again().await;
    assert_eq!(used(&gateway, of, "requests").await, 100.0);
    assert!((used(&gateway, of, "budget").await - counted).abs() < 1e-12);
    assert_eq!(gateway.send(ask()).await.status, 429);
    assert_eq!(taken(&vendor), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_shown_and_reset_by_hand() {
    let vendor = TestVendor::start().await;
    let limits = format!("budget: {{ usd: 0.00012, {YEAR} }}, quota: {{ requests: 9, {YEAR} }}");
    let gateway = Gateway::start(&section(&vendor, &keys(&[("k", &limits)]))).await;
    assert_eq!(gateway.send(call("openai_chat", "k")).await.status, 200);
    assert_eq!(gateway.send(call("openai_chat", "k")).await.status, 429);
    let told = || -> Value {
        let (_, text) = gateway.command(&["quota", "--json"]);
        let limits: Value = serde_json::from_str(&text).unwrap_or_default();
        limits["client_keys"][0].clone()
    };
    until("it is told", A_MINUTE, async || {
        told()["terms"][0]["requests"]["used"] == 1
    })
    .await;
    let told = told();
    assert_eq!(told["name"], "k");
    assert!(
        told.get("rpm").is_none() && told.get("tpm").is_none(),
        "{told}"
    );
    let [quota, budget] = [&told["terms"][0], &told["terms"][1]];
    assert_eq!(
        (&quota["limit"], &budget["limit"]),
        (&json!("quota"), &json!("budget"))
    );
    assert_eq!(budget["cost_usd"]["limit"], json!(0.00012));
    let (_, text) = gateway.command(&["quota"]);
    assert!(
        text.contains("key k") && text.contains(" / 0.00012"),
        "{text}"
    );
    let (code, text) = gateway.command(&["quota", "reset", "--key", "k"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        text,
        "ok quota of key k begins anew\nok budget of key k begins anew\n"
    );
    assert_eq!(gateway.send(call("openai_chat", "k")).await.status, 200);
    let out = gateway.output(&["quota", "reset", "--tenant", "t"]);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.ends_with("there are: key k\n"), "{said}");
}
