//! Hours of outages on made-up time: 3 vendors × 4 endpoints × 2 keys, 100,000 requests over the four strategies.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use tidegate::clock::Tick;
use tidegate::config::{Balance, Gateway};
use tidegate::live::{Lane, Pass};
use tidegate::route::{Attempt, Failure, Outcome, Plan, Spot, Step};

use crate::harness::*;

const REQUESTS: u64 = 25_000;
/// Between two requests.
const EVERY: Duration = Duration::from_millis(100);
/// From content to the end.
const STREAMS: Duration = Duration::from_secs(2);

/// What an endpoint does at a time.
#[derive(Clone, Copy, PartialEq)]
enum Weather {
    Fine,
    Slow,
    /// Connections are refused.
    Dead,
    /// 503 after a while.
    Overloaded,
    /// No answer at all.
    Silent,
    /// 429 with Retry-After for key 0.
    Limited,
}

/// Outages by second: who (upstream model by its beginning), from, to, what.
const OUTAGES: [(&str, u64, u64, Weather); 7] = [
    ("v0", 200, 500, Weather::Dead),
    ("v1e2", 300, 420, Weather::Overloaded),
    ("v1", 700, 900, Weather::Limited),
    ("v0e1", 1000, 1400, Weather::Silent),
    ("v2", 1100, 1300, Weather::Slow),
    ("v0", 1600, 1900, Weather::Overloaded),
    ("v1", 1650, 1850, Weather::Dead),
];

fn weather(model: &str, now: Tick) -> Weather {
    let second = now.since(at(0)).as_secs();
    let now = OUTAGES
        .iter()
        .find(|(who, from, to, _)| model.starts_with(who) && (*from..*to).contains(&second));
    now.map_or(Weather::Fine, |(_, _, _, weather)| *weather)
}

/// How an attempt goes and how long that takes.
fn answer(model: &str, key: Option<usize>, now: Tick) -> (Outcome, Duration) {
    match weather(model, now) {
        Weather::Fine => (ok(), ms(300)),
        Weather::Slow => (
            Outcome::Answered {
                first_token: secs(8),
            },
            secs(8),
        ),
        Weather::Dead => (failed(Failure::Connect), ms(2)),
        Weather::Overloaded => (status(503), ms(400)),
        Weather::Silent => (failed(Failure::NoFirstToken), secs(60)),
        Weather::Limited if key == Some(0) => (limited(secs(20)), ms(50)),
        Weather::Limited => (ok(), ms(300)),
    }
}

fn house(balance: Balance) -> Gateway {
    let providers = (0..3).map(|v| provider(&format!("v{v}"), 2)).collect();
    let endpoints = (0..3).flat_map(|v| {
        (0..4).map(move |e| endpoint(v, &format!("v{v}e{e}"), 1 + u32::from(v == 2)))
    });
    let mut model = model("m", endpoints.collect());
    model.balance = balance;
    gateway(providers, vec![model])
}

/// A request and what it does next.
struct Running {
    plan: Plan,
    attempt: Option<(Attempt<Pass>, Outcome)>,
}

#[derive(Default)]
struct Seen {
    served: u64,
    refused: u64,
    /// Attempts by endpoint, while all is well.
    shares: BTreeMap<String, u64>,
    /// `(when, probe)` of the attempts at an endpoint.
    asked: BTreeMap<Spot, Vec<(Tick, bool)>>,
    probes_running: BTreeMap<Spot, u32>,
}

struct Simulation<'a> {
    lane: &'a Lane,
    seen: Seen,
    running: Vec<Option<Running>>,
    /// What happens when, to which request.
    agenda: BinaryHeap<Reverse<(Tick, usize)>>,
    dice: u64,
}

impl Simulation<'_> {
    fn run(&mut self) {
        for n in 0..REQUESTS {
            self.agenda.push(Reverse((
                at(0) + EVERY * u32::try_from(n).unwrap(),
                usize::try_from(n).unwrap(),
            )));
            self.running.push(None);
        }
        while let Some(Reverse((now, which))) = self.agenda.pop() {
            let running = self.running[which].take();
            let running = running.unwrap_or_else(|| Running {
                plan: Plan::new(self.lane.pool().clone(), needs(), now),
                attempt: None,
            });
            self.go(running, which, now);
        }
    }

    fn go(&mut self, mut running: Running, which: usize, now: Tick) {
        if let Some((attempt, outcome)) = running.attempt.take() {
            if attempt.probe {
                *self.seen.probes_running.entry(attempt.spot).or_default() -= 1;
            }
            running.plan.record(self.lane, &outcome, now);
            match outcome {
                Outcome::Answered { .. } => {
                    running.attempt = Some((
                        Attempt {
                            probe: false,
                            ..attempt
                        },
                        Outcome::Finished,
                    ));
                    return self.later(running, which, now + STREAMS);
                }
                Outcome::Finished => {
                    self.seen.served += 1;
                    return;
                }
                _ => drop(attempt),
            }
        }
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match running.plan.next(self.lane, now, self.dice) {
            Step::Stop(_) => self.seen.refused += 1,
            Step::Wait(wait) => self.later(running, which, now + wait),
            Step::Try(attempt) => {
                let (outcome, takes) = self.ask(&attempt, now);
                running.attempt = Some((attempt, outcome));
                self.later(running, which, now + takes);
            }
        }
    }

    fn ask(&mut self, attempt: &Attempt<Pass>, now: Tick) -> (Outcome, Duration) {
        let model = &self.lane.pool().seat(attempt.spot).model;
        if now < at(200) {
            *self.seen.shares.entry(model.to_string()).or_default() += 1;
        }
        self.seen
            .asked
            .entry(attempt.spot)
            .or_default()
            .push((now, attempt.probe));
        if attempt.probe {
            let running = self.seen.probes_running.entry(attempt.spot).or_default();
            *running += 1;
            assert_eq!(*running, 1, "two probes at once of {model}");
        }
        answer(model, attempt.key, now)
    }

    fn later(&mut self, running: Running, which: usize, when: Tick) {
        self.running[which] = Some(running);
        self.agenda.push(Reverse((when, which)));
    }
}

/// Attempts at an endpoint within these seconds.
fn within(asked: &[(Tick, bool)], from: u64, to: u64) -> Vec<(Tick, bool)> {
    asked
        .iter()
        .filter(|(when, _)| *when >= at(from) && *when < at(to))
        .copied()
        .collect()
}

fn simulate(balance: Balance) -> (tidegate::live::Live, Seen) {
    let house = live(house(balance));
    let lane = lane(&house, "m");
    let agenda = BinaryHeap::new();
    let mut simulation = Simulation {
        lane: &lane,
        seen: Seen::default(),
        running: Vec::new(),
        agenda,
        dice: 7,
    };
    simulation.run();
    let seen = simulation.seen;
    for spot in lane.pool().spots() {
        assert_eq!(lane.standing(spot).in_flight(), 0);
    }
    (house, seen)
}

#[test]
fn clients_notice_no_outage_as_long_as_one_endpoint_is_healthy() {
    for balance in [
        Balance::RoundRobin,
        Balance::Weighted,
        Balance::LeastBusy,
        Balance::Fastest,
    ] {
        let (_house, seen) = simulate(balance);
        println!(
            "{balance:?}: {} served, {} refused; while well {:?}",
            seen.served, seen.refused, seen.shares
        );
        assert_eq!(seen.served + seen.refused, REQUESTS);
        assert!(
            seen.refused * 1000 <= REQUESTS,
            "{balance:?} refused {}",
            seen.refused
        );
    }
}

#[test]
fn a_dead_endpoint_sees_its_probes_and_no_more_and_is_back_soon() {
    let (house, seen) = simulate(Balance::RoundRobin);
    let lane = lane(&house, "m");
    for (model, from, to) in [
        ("v0e0", 200, 500),
        ("v0e3", 200, 500),
        ("v0e2", 1600, 1900),
        ("v1e1", 1650, 1850),
    ] {
        let asked = &seen.asked[&spot(&lane, model)];
        let first_failure = 3;
        let later = within(asked, from + first_failure, to);
        assert!(
            later.iter().all(|(_, probe)| *probe),
            "{model} was asked beyond its probes"
        );
        let most = usize::try_from((to - from) / 10 + 2).unwrap();
        assert!(
            (to - from) / 20 <= later.len() as u64 && later.len() <= most,
            "{model}: {} probes",
            later.len()
        );
        let back = within(asked, to, to + 600)
            .into_iter()
            .find(|(_, probe)| !probe)
            .expect("traffic");
        let recovered = back.0.since(at(to));
        assert!(
            recovered <= secs(10) + ms(300) + 40 * EVERY,
            "{model} was back after {recovered:?}"
        );
    }
}

#[test]
fn a_silent_endpoint_is_left_alone_after_its_first_silence() {
    let (house, seen) = simulate(Balance::RoundRobin);
    let asked = &seen.asked[&spot(&lane(&house, "m"), "v0e1")];
    let known = 1000 + 60 + 3;
    let later = within(asked, known, 1400);
    assert!(later.iter().all(|(_, probe)| *probe));
    assert!(
        later.len() <= 1 + (1400 - 1060) / 70 + 1,
        "a probe takes 60 s and the wait after it 10: {}",
        later.len()
    );
}

#[test]
fn a_limited_key_is_left_alone_for_its_time() {
    let (house, seen) = simulate(Balance::RoundRobin);
    let lane = lane(&house, "m");
    let asked = &seen.asked[&spot(&lane, "v1e0")];
    assert!(within(asked, 700, 900).len() > 150, "its other key goes on");
}
