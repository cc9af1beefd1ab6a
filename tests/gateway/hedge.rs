//! A second endpoint beside one whose first token is late.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tidegate::demo::{Fault, Match, Step};

use crate::harness::{Gateway, TestVendor, attempts};

/// Two vendors in one tier, and their model `m`.
struct Both {
    a: TestVendor,
    b: TestVendor,
    gateway: Gateway,
}

impl Both {
    /// `model`: more of the model, ending with a comma; `providers`: more of them, beginning with one.
    async fn start(model: &str, provider: &str) -> Both {
        let (a, b) = (TestVendor::start().await, TestVendor::start().await);
        let mut section =
            "  retry: { retries: 0, base: 10ms, max: 40ms, patience: 300ms }\n  providers:\n"
                .to_owned();
        for (name, vendor) in [("a", &a), ("b", &b)] {
            section += &format!(
                "    - {{ name: {name}, format: openai_chat, base_url: \"{}\"{provider} }}\n",
                vendor.base_url()
            );
        }
        section += &format!(
            "  models:\n    - {{ name: m, {model} endpoints: [ {{ provider: a, model: demo-sonnet, priority: 1 }}, {{ provider: b, model: demo-sonnet, priority: 2 }} ] }}\n"
        );
        let gateway = Gateway::start(&section).await;
        Both { a, b, gateway }
    }

    fn asked(&self) -> (usize, usize) {
        (
            self.a.vendor.requests().len(),
            self.b.vendor.requests().len(),
        )
    }
}

const KEYS: &str = ", keys: [ key-of-the-test ]";

fn slow(millis: u64) -> Step {
    Step::from(Fault::SlowFirstToken(Duration::from_millis(millis)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_to_speak_wins_and_nothing_is_held_against_the_other() {
    let both = Both::start("hedge: { after: 100ms },", KEYS).await;
    both.a.vendor.always(Match::default(), Some(slow(5000)));
    for _ in 0..3 {
        let answer = both.gateway.chat("m", true).await;
        assert_eq!(answer.route(), "b/demo-sonnet");
        assert!(answer.total < Duration::from_secs(3), "{:?}", answer.total);
        let record = both.gateway.record(answer.id()).await;
        assert_eq!(
            attempts(&record),
            ["a/demo-sonnet:lost", "b/demo-sonnet:ok"]
        );
        let lost = &record["attempts"][0];
        assert_eq!(lost["usage_estimated"], true, "{record}");
        assert!(lost["input"].as_u64().unwrap() > 0, "{record}");
    }
    assert_eq!(both.asked(), (3, 3));
    let state = [("provider", "a"), ("model", "demo-sonnet")];
    let state = both.gateway.metric("tidegate_endpoint_state", &state).await;
    assert_eq!(state, 0.0);
    // Its connection was closed at once: the vendor has written its answer to nobody.
    let broken_off = async {
        while both.a.vendor.connections().1 > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let limit = Duration::from_secs(3);
    assert!(tokio::time::timeout(limit, broken_off).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_may_still_win() {
    let both = Both::start("hedge: { after: 50ms },", KEYS).await;
    both.a.vendor.always(Match::default(), Some(slow(300)));
    both.b.vendor.always(Match::default(), Some(slow(9000)));
    let answer = both.gateway.chat("m", true).await;
    assert_eq!(answer.route(), "a/demo-sonnet");
    let record = both.gateway.record(answer.id()).await;
    assert_eq!(
        attempts(&record),
        ["b/demo-sonnet:lost", "a/demo-sonnet:ok"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_leaves_the_other_and_if_both_fail_the_request_goes_on() {
    let both = Both::start("hedge: { after: 50ms },", KEYS).await;
    let fails_late = Step {
        faults: vec![Fault::SlowHead(Duration::from_millis(150)), Fault::Reset],
    };
    both.a.vendor.script("demo-sonnet", [fails_late]);
    both.b.vendor.script("demo-sonnet", [slow(400)]);
    let answer = both.gateway.chat("m", true).await;
    assert_eq!(answer.route(), "b/demo-sonnet", "{}", answer.text());
    let record = both.gateway.record(answer.id()).await;
    assert_eq!(
        attempts(&record),
        ["a/demo-sonnet:reset", "b/demo-sonnet:ok"]
    );

    let both = Both::start("hedge: { after: 50ms },", KEYS).await;
    both.a.vendor.script("demo-sonnet", [slow(400)]);
    both.b
        .vendor
        .always(Match::default(), Some(Step::status(500)));
    let answer = both.gateway.chat("m", true).await;
    assert_eq!(answer.route(), "a/demo-sonnet", "{}", answer.text());
    let record = both.gateway.record(answer.id()).await;
    assert_eq!(
        attempts(&record),
        ["b/demo-sonnet:status", "a/demo-sonnet:ok"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_answers_and_the_clients_own_credential_are_not_hedged() {
    let both = Both::start("hedge: { after: 50ms },", KEYS).await;
    both.a.vendor.always(Match::default(), Some(slow(200)));
    assert_eq!(both.gateway.chat("m", false).await.status, 200);
    assert_eq!(both.asked(), (1, 0));
    let both = Both::start("hedge: { after: 50ms },", ", keys: passthrough").await;
    both.a.vendor.always(Match::default(), Some(slow(200)));
    assert_eq!(both.gateway.chat("m", true).await.route(), "a/demo-sonnet");
    assert_eq!(both.asked(), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_bounds_the_extra_calls() {
    let both = Both::start("hedge: { after: 30ms, budget: 10% },", KEYS).await;
    both.a.vendor.always(Match::default(), Some(slow(1500)));
    let answers = join_all((0..200).map(|_| both.gateway.chat("m", true))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let (first, second) = both.asked();
    // A tenth of the requests that had begun by then; ten in any case.
    assert_eq!(first, 200);
    assert!((10..=20).contains(&second), "{second}");
}

/// As the clients see it, in milliseconds: the 99th percentile of the time to the first token, over so many times fifty
/// calls of which one is late by two seconds.
async fn p99(both: &Both, fifties: usize) -> f64 {
    let mut first_tokens = Vec::new();
    for wave in 0..fifties {
        let at = (wave * 17) % 50;
        let steps = (0..50).map(|n| if n == at { slow(2000) } else { Step::answer() });
        both.a.vendor.script("demo-sonnet", steps);
        for answer in join_all((0..50).map(|_| both.gateway.chat("m", true))).await {
            assert!(answer.status == 200 && answer.clean);
            // The head of a stream comes with its first token and no sooner.
            first_tokens.push(answer.first_byte.as_secs_f64() * 1000.0);
        }
    }
    first_tokens.sort_by(f64::total_cmp);
    first_tokens[first_tokens.len() * 99 / 100 - 1]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_in_fifty_late_by_two_seconds_is_not_seen_in_the_99th_percentile() {
    let fifties = 12;
    let hedged = Both::start("hedge: { after: 400ms, budget: 5% },", KEYS).await;
    let plain = Both::start("", KEYS).await;
    let began = Instant::now();
    let (with, without) = tokio::join!(p99(&hedged, fifties), p99(&plain, 3));
    let (calls, extra) = (50 * fifties, hedged.asked().1);
    println!(
        "hedging: p99 of the first token {with:.0} ms, {without:.0} ms without; {extra} extra calls of {calls}"
    );
    assert!(with < 700.0, "{with}");
    assert!(without >= 2000.0 && plain.asked() == (150, 0));
    // Every late one has a second beside it. Of few requests in 10 s ten are always allowed.
    let windows = usize::try_from(began.elapsed().as_secs() / 10).unwrap() + 1;
    let most = (calls / 20).max(10 * windows);
    assert!((fifties..=most).contains(&extra), "{extra} of {most}");
}
