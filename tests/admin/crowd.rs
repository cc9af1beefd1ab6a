//! A crowd at a client key of the database, while the vendor fails and clients leave: nobody gets in over a limit, and
//! afterwards what the API says is what the vendor has counted.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tidegate::demo::{Break, Fault, Place, Seen, Step};
use tokio::net::TcpStream;

use crate::caller::{Heard, Operator, call, found};
use crate::harness::{Gateway, TestVendor, tally, try_send, until};
use crate::house::{KEY, PATIENCE, Visitor, house};

const CALLS: usize = 500;
const ALLOWED: u64 = 100;
/// A window that no test sees the end of, unless it runs at New Year.
const YEAR: &str = "0 0 1 1 *";
/// What fifty calls reserve at most, each forty tokens of an answer and ten that it says itself; in USD, at 2 and 1 a
/// million.
const BUDGET: f64 = 0.0045;

/// What happens to the vendor's calls, over and over; heads are late, so that many are under way at once.
fn weather() -> impl Iterator<Item = Step> {
    let cut = Fault::Break {
        at: Place::Events(1),
        how: Break::Close,
    };
    let kinds = [
        Step::answer(),
        Step::status(500),
        cut.into(),
        Step::answer(),
        Step::from(Fault::Reset),
        Step::from(Fault::SlowFirstToken(Duration::from_millis(150))),
        Step::status(429),
        Step::answer(),
    ];
    let late = |(n, step): (usize, Step)| {
        let late = Duration::from_millis([50, 300, 120, 200][n % 4]);
        let faults = [Fault::SlowHead(late)].into_iter().chain(step.faults);
        Step {
            faults: faults.collect(),
        }
    };
    kinds.into_iter().cycle().enumerate().map(late)
}

/// Takes the head of an answer, and leaves.
async fn leave(addr: SocketAddr, key: &str) {
    let Ok(stream) = TcpStream::connect(addr).await else {
        return;
    };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        return;
    };
    let driver = tokio::spawn(connection);
    if let Ok(mut answer) = sender.send_request(call("anthropic", key, "m")).await {
        let _first = answer.frame().await;
    }
    driver.abort();
}

/// How many were answered with which status.
async fn crowd(gateway: &Gateway, key: &str) -> std::collections::BTreeMap<u16, usize> {
    let addr = gateway.addr;
    let one = |n: usize, key: String| async move {
        if n % 7 == 6 {
            leave(addr, &key).await;
            return None;
        }
        let format = ["anthropic", "openai_chat"][n % 2];
        let asked = try_send(addr, call(format, &key, "m"));
        let answer = tokio::time::timeout(crate::harness::PATIENCE, asked).await;
        Some(answer.expect("an end").ok()?.status.as_u16())
    };
    let all: Vec<_> = (0..CALLS)
        .map(|n| tokio::spawn(one(n, key.to_owned())))
        .collect();
    let mut statuses = Vec::new();
    for call in all {
        statuses.extend(call.await.unwrap());
    }
    tally(statuses)
}

fn taken(vendor: &TestVendor) -> u64 {
    let took = |seen: &&Seen| seen.status == Some(200);
    vendor.vendor.requests().iter().filter(took).count() as u64
}

/// The key's term once nothing is reserved and nobody is under way.
async fn settled(operator: &Operator<'_>, key: &str, limit: &str) -> Value {
    until("nothing is reserved", PATIENCE, async || {
        let limits = operator.get("/limits").await;
        let account = found(&limits["client_keys"], "name", key);
        let terms = account["terms"].as_array().unwrap();
        let none = |term: &Value| {
            let of = |what: &str| term[what]["reserved"].as_f64().unwrap_or(0.0);
            of("requests") == 0.0 && of("tokens") == 0.0 && of("cost_usd") == 0.0
        };
        account["concurrency"]["used"] == 0 && terms.iter().all(none)
    })
    .await;
    operator.used(key, limit).await
}

async fn made(operator: &Operator<'_>, name: &str, limits: Value) -> String {
    let body = json!({ "name": name, "limits": limits });
    let made = operator.post("/client-keys", &body, 201).await;
    made["key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_no_more_get_in_than_are_allowed_and_the_vendor_has_counted_the_same() {
    let vendor = TestVendor::start().await;
    let section = format!(
        "  retry: {{ retries: 0, max_attempts: 1 }}
  cooldown: {{ base: 10ms, max: 10ms, probe_after: 10ms }}
  breaker: {{ failures: 1000000, open_for: 10ms }}
  providers: [ {{ name: a, format: [ openai_chat, anthropic ], base_url: \"http://{}\", keys: [ k-a ] }} ]
  models: [ {{ name: m, endpoints: [ {{ provider: a, model: demo-a }} ] }} ]
  prices: {{ demo-a: {{ input: 1, output: 2 }} }}
",
        vendor.addr
    );
    let gateway = house(&section).await;
    let operator = Operator {
        gateway: &gateway,
        visitor: Visitor::bearer(KEY),
        heard: Heard::default(),
    };
    let quota = json!({ "quota": { "requests": ALLOWED, "reset": YEAR } });
    let key = made(&operator, "hundred", quota).await;
    vendor.vendor.script("demo-a", weather().take(CALLS));
    let statuses = crowd(&gateway, &key).await;
    let used = settled(&operator, "hundred", "quota").await["requests"]["used"].clone();
    assert_eq!(used, json!(taken(&vendor)), "{statuses:?}");
    assert!(statuses[&429] >= 200, "{statuses:?}");
    // Those that the vendor has failed were given back: on, until all are used.
    vendor.vendor.clear_script();
    let statuses = crowd(&gateway, &key).await;
    let used = settled(&operator, "hundred", "quota").await["requests"]["used"].clone();
    assert_eq!(
        (used, taken(&vendor)),
        (json!(ALLOWED), ALLOWED),
        "{statuses:?}"
    );
    assert!(
        !statuses.keys().any(|status| ![200, 429].contains(status)),
        "{statuses:?}"
    );

    let limits = json!({ "budget": { "usd": BUDGET, "reset": YEAR } });
    let key = made(&operator, "fifty", limits).await;
    vendor.vendor.script("demo-a", weather().take(CALLS));
    crowd(&gateway, &key).await;
    vendor.vendor.clear_script();
    crowd(&gateway, &key).await;
    let used = settled(&operator, "fifty", "budget").await;
    let used = used["cost_usd"]["used"].as_f64().unwrap();
    assert!(used > 0.0 && used <= BUDGET * 1.1, "{used} of {BUDGET}");
    figures_agree(&operator, used).await;
    ledgers_agree(&operator, &vendor).await;
}

/// Every call is a row, and their money is what was counted.
async fn figures_agree(operator: &Operator<'_>, used: f64) {
    until("every row", PATIENCE, async || {
        let figures = operator.get("/stats").await;
        figures["items"][0]["requests"] == json!(4 * CALLS)
    })
    .await;
    until("the money of all rows", PATIENCE, async || {
        let figures = operator.get("/stats?client_key=fifty").await;
        let cost = figures["items"][0]["cost_usd"].as_f64().unwrap();
        (cost - used).abs() < 1e-9
    })
    .await;
}

/// Every request that the vendor has seen is an attempt in a row, with the status that it gave; and there are no others.
async fn ledgers_agree(operator: &Operator<'_>, vendor: &TestVendor) {
    let file = operator.ask("GET", "/requests/export", None).await.text();
    let rows: Vec<Value> = file
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 4 * CALLS);
    let attempts = rows
        .iter()
        .flat_map(|row| row["attempts"].as_array().into_iter().flatten());
    let kept = tally(attempts.map(|one| one["status"].as_u64()));
    let seen = vendor.vendor.requests();
    let seen = tally(seen.iter().map(|seen| seen.status.map(u64::from)));
    assert_eq!(kept, seen, "rows, and the vendor");
    assert!(seen[&None] > 0, "connections were reset: {seen:?}");
    let figures = operator.get("/stats").await;
    let attempts: usize = kept.values().sum();
    assert_eq!(figures["items"][0]["attempts"], json!(attempts));
}
