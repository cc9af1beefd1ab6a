//! Quotas of endpoints under everything at once: two thousand calls, streams and whole answers, second attempts beside
//! the first, answers gone on with, clients that leave at any moment, vendors that fail in every way, a crash.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tidegate::clock::{self, Tick};
use tidegate::demo::{Break, ErrorKind, Fault, Place, Seen, Step};
use tokio::net::TcpStream;

use crate::harness::{
    Gateway, TestVendor, chat_body, dead_addr, messages_body, post, tally, try_send, until,
};

const A_MINUTE: Duration = Duration::from_secs(60);
/// The journal is written once a second, and writing takes its time, too.
const NOT_KEPT: Duration = Duration::from_secs(2);
const ALWAYS: Tick = Tick(u64::MAX);

/// `a` and `b`, each with its quota, in one tier, so that each of them is asked first as well as beside the other, and
/// `dead` with them, whom nobody reaches; `c` behind them, where nothing is limited.
struct Storm {
    a: TestVendor,
    b: TestVendor,
    _c: TestVendor,
    gateway: Gateway,
    quota: usize,
}

impl Storm {
    async fn start(quota: usize) -> Storm {
        let a = TestVendor::start().await;
        let b = TestVendor::start().await;
        let c = TestVendor::start().await;
        let mut section = "  cooldown: { base: 1ms, max: 1ms, probe_after: 1ms }
  breaker: { failures: 1000000, open_for: 1ms }
  timeouts: { first_token: 2s }
  retry: { retries: 2, base: 10ms, max: 40ms, max_attempts: 8, patience: 300ms, budget: 100% }
  limits: { max_body: 64KiB }
  providers:
"
        .to_owned();
        let mut endpoints = String::new();
        let limit = format!("priority: 1, quota: {{ requests: {quota}, reset: \"0 0 1 1 *\" }}");
        for (name, addr, standing) in [
            ("a", a.addr, &*limit),
            ("b", b.addr, &limit),
            ("dead", dead_addr(), &limit),
            ("c", c.addr, "priority: 2"),
        ] {
            section += &format!(
                "    - {{ name: {name}, format: [ openai_chat, anthropic ], base_url: \"http://{addr}/v1\", keys: [ k-1, k-2 ], capabilities: {{ prefill: true }} }}\n"
            );
            endpoints +=
                &format!("        - {{ provider: {name}, model: demo-{name}, {standing} }}\n");
        }
        section += &format!(
            "  models:\n    - name: m\n      hedge: {{ after: 100ms, budget: 100% }}\n      resume: prefill\n      endpoints:\n{endpoints}"
        );
        Storm {
            a,
            b,
            _c: c,
            gateway: Gateway::start(&section).await,
            quota,
        }
    }

    fn limited(&self) -> [(&'static str, &TestVendor); 2] {
        [("a", &self.a), ("b", &self.b)]
    }

    /// What the vendors' own ledgers say: the calls of `a` and of `b` that they took, by then.
    fn taken(&self, by: Tick) -> [usize; 2] {
        self.limited().map(|(_, vendor)| {
            let took = |seen: &&Seen| {
                let good = seen.status.is_some_and(|status| status < 300);
                good && seen.answered.is_some_and(|at| at <= by)
            };
            vendor.vendor.requests().iter().filter(took).count()
        })
    }

    /// `used` or `reserved`, of `requests` or `tokens`.
    async fn quota(&self, provider: &str, which: &str, of: &str) -> f64 {
        let name = format!("tidegate_endpoint_quota_{which}");
        let labels = [("pool", "m"), ("provider", provider), ("of", of)];
        self.gateway.metric(&name, &labels).await
    }

    /// Of `a` and of `b`.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small counts"
    )]
    async fn used(&self) -> [usize; 2] {
        let [a, b] = ["a", "b"].map(|provider| self.quota(provider, "used", "requests"));
        [a.await as usize, b.await as usize]
    }

    async fn until_nothing_is_reserved(&self) {
        until("nothing is reserved", A_MINUTE, async || {
            let mut reserved = 0.0;
            for provider in ["a", "b", "dead"] {
                reserved += self.quota(provider, "reserved", "requests").await;
                reserved += self.quota(provider, "reserved", "tokens").await;
            }
            reserved == 0.0
        })
        .await;
    }

    /// So many at once, and what became of them.
    async fn breaks_loose(&self, calls: usize, weather: fn() -> Vec<Step>) -> Vec<&'static str> {
        self.scripts(calls, weather);
        let addr = self.gateway.addr;
        let calls: Vec<_> = (0..calls).map(|n| tokio::spawn(call(addr, n))).collect();
        let mut ends = Vec::new();
        for call in calls {
            ends.push(call.await.unwrap());
        }
        ends
    }

    /// What happens to the vendors' calls, over and over.
    fn scripts(&self, calls: usize, weather: fn() -> Vec<Step>) {
        for (n, (name, vendor)) in self.limited().into_iter().enumerate() {
            vendor.vendor.clear_script();
            let kinds = weather().into_iter().cycle().skip(n * 5);
            let steps = kinds.take(calls * 2).enumerate().map(late);
            vendor.vendor.script(&format!("demo-{name}"), steps);
        }
    }

    /// In fair weather, until only `c` is left.
    async fn use_up(&self) {
        self.a.vendor.clear_script();
        self.b.vendor.clear_script();
        for _ in 0..200 {
            let calls = (0..20).map(|n| self.gateway.chat("m", n % 2 == 0));
            let answers = join_all(calls).await;
            assert!(answers.iter().all(|answer| answer.status == 200));
            if answers.iter().all(|answer| answer.route() == "c/demo-c") {
                return;
            }
        }
        panic!("the quotas have no end: {:?}", self.taken(ALWAYS));
    }

    /// By outcome.
    fn attempts(&self) -> BTreeMap<String, usize> {
        let records = self.gateway.records();
        let rows = records
            .iter()
            .filter_map(|record| record["attempts"].as_array());
        tally(
            rows.flatten()
                .map(|row| row["outcome"].as_str().unwrap_or("").to_owned()),
        )
    }
}

/// Every second call fails.
fn foul() -> Vec<Step> {
    let cut = |at| Step::broken(at, Break::Close);
    vec![
        Step::answer(),
        Step::status(500),
        cut(Place::Events(1)),
        Step::answer(),
        Step::from(Fault::SlowBody(Duration::from_millis(30))),
        Step::status(413),
        cut(Place::Preamble),
        Step::from(Fault::Reset),
        Step::from(Fault::SlowFirstToken(Duration::from_millis(400))),
        Step::answer(),
        Step::status(429).retry_after(1),
        Step::status(503),
        Step::from(Fault::EmptyAnswer),
        Step::broken(Place::Events(2), Break::Error(ErrorKind::Overloaded)),
        Step::from(Fault::NoUsage),
        Step::from(Fault::SlowFirstToken(Duration::from_millis(2500))),
        Step::status(400),
        Step::from(Fault::CloseBeforeHead),
        Step::from(Fault::CloseAfter),
    ]
}

/// Hardly any fails: nobody cools for long, and the quotas are fought for.
fn fair() -> Vec<Step> {
    vec![
        Step::answer(),
        Step::from(Fault::SlowBody(Duration::from_millis(30))),
        Step::from(Fault::SlowFirstToken(Duration::from_millis(400))),
        Step::answer(),
        Step::from(Fault::NoUsage),
        Step::broken(Place::Events(2), Break::Close),
        Step::from(Fault::SlowFirstToken(Duration::from_millis(200))),
        Step::answer(),
    ]
}

/// Late heads: many calls are under way before the first of them is taken or refused, and so are second ones.
fn late((n, step): (usize, Step)) -> Step {
    let late = Duration::from_millis([50, 400, 150, 250, 0, 90][n % 6]);
    let faults = [Fault::SlowHead(late)].into_iter().chain(step.faults);
    Step {
        faults: faults.collect(),
    }
}

/// The `n`th client, and what became of it.
async fn call(addr: SocketAddr, n: usize) -> &'static str {
    let stream = !n.is_multiple_of(3);
    let (path, mut body) = match n % 2 {
        0 => ("/v1/chat/completions", chat_body("m", stream)),
        _ => ("/v1/messages", messages_body("m", stream)),
    };
    if n.is_multiple_of(31) {
        body["messages"][0]["content"] = "x".repeat(100 << 10).into();
    }
    let request = post(path, &body);
    // Somewhere between at once and later than every late head.
    let later = Duration::from_micros(u64::try_from(n * 7919 % 500_000).unwrap());
    match n % 7 {
        3 | 5 => {
            let _left = tokio::time::timeout(later, try_send(addr, request)).await;
            "left at some time"
        }
        6 => {
            leave(addr, request).await;
            "left in the middle"
        }
        _ => {
            let asked = tokio::time::timeout(A_MINUTE, try_send(addr, request)).await;
            match asked.expect("an end") {
                Ok(answer) if answer.status == 200 && answer.clean => "answered",
                Ok(answer) if answer.status == 413 => "too large",
                Ok(_) => "refused",
                Err(_) => "broken off",
            }
        }
    }
}

/// Takes the first bytes of an answer and goes.
async fn leave(addr: SocketAddr, request: Request<Full<Bytes>>) {
    let Ok(stream) = TcpStream::connect(addr).await else {
        return;
    };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        return;
    };
    let driver = tokio::spawn(connection);
    if let Ok(mut response) = sender.send_request(request).await {
        let _first = response.frame().await;
    }
    driver.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_thousand_at_once_each_vendor_takes_its_quota_and_no_more() {
    let mut storm = Storm::start(500).await;
    for weather in [foul, fair, fair] {
        let ends = storm.breaks_loose(2_000, weather).await;
        storm.until_nothing_is_reserved().await;
        let taken = storm.taken(ALWAYS);
        println!("2000 calls: {:?}; taken so far: {taken:?}", tally(ends));
        assert_eq!(storm.used().await, taken);
        assert!(taken.iter().all(|taken| *taken <= 500), "{taken:?}");
    }
    let attempts = storm.attempts();
    println!("their attempts: {attempts:?}");
    // Every way in which an attempt can end was taken often, and by calls that were taken as well as by others.
    for outcome in [
        "ok",
        "status",
        "lost",
        "client_gone",
        "cut",
        "reset",
        "truncated",
        "connect",
    ] {
        let often = attempts.get(outcome).is_some_and(|count| *count > 10);
        assert!(often, "{outcome}: {attempts:?}");
    }
    storm.use_up().await;
    assert_eq!(storm.taken(ALWAYS), [500, 500]);
    assert_eq!(storm.used().await, [500, 500]);
    assert_eq!(storm.quota("dead", "used", "requests").await, 0.0);

    // What was used is kept, to the last one.
    tokio::time::sleep(NOT_KEPT).await;
    storm.gateway.kill();
    storm.gateway.start_again().await;
    assert_eq!(storm.used().await, [500, 500]);
    storm.until_nothing_is_reserved().await;
    storm.use_up().await;
    assert_eq!(storm.taken(ALWAYS), [500, 500]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_costs_the_last_second_and_what_was_in_flight() {
    let mut storm = Storm::start(1_000).await;
    storm.scripts(2_000, fair);
    let addr = storm.gateway.addr;
    let over = Arc::new(AtomicBool::new(false));
    let clients = (0..40).map(|client| {
        let over = over.clone();
        tokio::spawn(async move {
            for n in (client..).step_by(40) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                call(addr, n).await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    tokio::time::sleep(Duration::from_secs(4)).await;
    storm.gateway.kill();
    let certain = storm.taken(clock::now() - NOT_KEPT);
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    storm.gateway.start_again().await;
    let (used, taken) = (storm.used().await, storm.taken(ALWAYS));
    println!(
        "taken: {taken:?}, {certain:?} of them {NOT_KEPT:?} before the crash; known after it: {used:?}"
    );
    for n in 0..2 {
        assert!(0 < certain[n] && certain[n] < taken[n]);
        assert!((certain[n]..=taken[n]).contains(&used[n]));
    }
    storm.until_nothing_is_reserved().await;
    // What nobody knows any more is all that is taken beyond the quota.
    storm.use_up().await;
    let beyond = |n: usize| storm.quota + taken[n] - used[n];
    assert_eq!(storm.taken(ALWAYS), [beyond(0), beyond(1)]);
    assert_eq!(storm.used().await, [storm.quota; 2]);
}
