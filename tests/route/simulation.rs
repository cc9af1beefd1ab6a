//! Hours of outages on made-up time: 3 vendors × 4 endpoints × 2 keys, 100,000 requests for each strategy.
//!
//! What is promised is asserted of every strategy, and printed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write;
use std::time::Duration;

use tidegate::clock::Tick;
use tidegate::config::{Balance, Gateway};
use tidegate::live::{Lane, Live, Pass};
use tidegate::route::{Attempt, Failure, Outcome, Plan, Spot, Step};

use crate::harness::*;

const REQUESTS: u32 = 100_000;
/// Between two requests.
const EVERY: Duration = Duration::from_millis(100);
/// A good answer's first token.
const FIRST_TOKEN: Duration = Duration::from_millis(300);
/// From content to the end.
const STREAMS: Duration = Duration::from_secs(2);
/// The default of the configuration.
const PROBE_AFTER: Duration = Duration::from_secs(10);
/// So long after its first failure an endpoint is known to be dead: the retries are over.
const KNOWN: Duration = Duration::from_secs(3);
/// The first one.
const COOLDOWN: Duration = Duration::from_secs(5);
/// Nobody is made out to be silent before.
const SILENCE: Duration = Duration::from_secs(60);

/// What an endpoint does at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Weather {
    Fine,
    Slow,
    /// Connections are refused.
    Dead,
    /// 503 after a while.
    Overloaded,
    /// No answer at all.
    Silent,
    /// 429 with Retry-After, for key 0.
    Limited,
    /// 429 for every key, and not until when.
    Stormy,
}

use Weather::{Dead, Fine, Limited, Overloaded, Silent, Slow, Stormy};

/// Seconds after which it begins anew, with the first two vendors in each other's place.
const ROUND: u64 = 2000;
/// A round: who (upstream model by its beginning), from, to, what.
const OUTAGES: [(&str, u64, u64, Weather); 9] = [
    ("v0", 200, 500, Dead),
    ("v1e2", 300, 420, Overloaded),
    ("v1", 700, 900, Limited),
    ("v0", 920, 980, Stormy),
    ("v0e1", 1000, 1400, Silent),
    ("v2", 1100, 1300, Slow),
    ("v0", 1600, 1900, Overloaded),
    ("v1", 1650, 1850, Dead),
    ("v", 1950, 1970, Dead),
];
/// Nobody is healthy, nor known to be healthy again: between these seconds of a round.
const DARK: (u64, u64) = (1950, 1970 + 10 + 1);

const WEIGHTS: [[u32; 4]; 3] = [[4, 2, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]];

/// The second of the whole, and that of its round with the number of it.
fn second(now: Tick) -> (u64, u64, u64) {
    let second = now.since(at(0)).as_secs();
    (second, second % ROUND, second / ROUND)
}

/// As it is called in that round.
fn called(model: &str, round: u64) -> String {
    match (round.is_multiple_of(2), model.split_at(2)) {
        (false, ("v0", endpoint)) => format!("v1{endpoint}"),
        (false, ("v1", endpoint)) => format!("v0{endpoint}"),
        _ => model.to_owned(),
    }
}

fn weather(model: &str, now: Tick) -> Weather {
    let (_, second, round) = second(now);
    let model = called(model, round);
    let now = OUTAGES
        .iter()
        .find(|(who, from, to, _)| model.starts_with(who) && (*from..*to).contains(&second));
    now.map_or(Fine, |(_, _, _, weather)| *weather)
}

/// How an attempt goes and how long that takes.
fn answer(model: &str, key: Option<usize>, now: Tick) -> (Outcome, Duration) {
    let first_token = secs(8);
    match weather(model, now) {
        Fine => (ok(), FIRST_TOKEN),
        Slow => (Outcome::Answered { first_token }, first_token),
        Dead => (failed(Failure::Connect), ms(2)),
        Overloaded => (status(503), ms(400)),
        Silent => (failed(Failure::NoFirstToken), SILENCE),
        Limited if key == Some(0) => (limited(secs(20)), ms(50)),
        Limited => (ok(), FIRST_TOKEN),
        Stormy => (status(429), ms(50)),
    }
}

fn house(balance: Balance) -> Gateway {
    let providers = (0..3).map(|v| provider(&format!("v{v}"), 2)).collect();
    let endpoints = (0..3).flat_map(|v| {
        (0..4).map(move |e| {
            let mut endpoint = endpoint(v, &format!("v{v}e{e}"), 1 + u32::from(v == 2));
            endpoint.weight = WEIGHTS[v][e];
            endpoint
        })
    });
    let mut model = model("m", endpoints.collect());
    model.balance = balance;
    gateway(providers, vec![model])
}

/// A request and what it does next.
struct Running {
    plan: Plan,
    began: Tick,
    attempt: Option<(Attempt<Pass>, Outcome)>,
}

/// An attempt at an endpoint.
#[derive(Clone, Copy)]
struct Asked {
    when: Tick,
    until: Tick,
    key: Option<usize>,
    probe: bool,
}

#[derive(Default)]
struct Seen {
    served: u32,
    /// While somebody was healthy, and while nobody was.
    refused: (u32, u32),
    /// First attempts by endpoint, while all was well.
    shares: BTreeMap<String, u32>,
    asked: BTreeMap<Spot, Vec<Asked>>,
    probes_running: BTreeMap<Spot, u32>,
    /// Endpoints by the time of which nothing was known against them any more, after each time that something was.
    well: BTreeMap<Spot, Vec<Tick>>,
    ill: BTreeMap<Spot, bool>,
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
            let which = usize::try_from(n).unwrap();
            self.agenda.push(Reverse((at(0) + EVERY * n, which)));
            self.running.push(None);
        }
        while let Some(Reverse((now, which))) = self.agenda.pop() {
            let running = self.running[which].take();
            let running = running.unwrap_or_else(|| Running {
                plan: Plan::new(self.lane.pool().clone(), needs(), now),
                began: now,
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
            self.look_at(attempt.spot, now);
            match outcome {
                Outcome::Answered { .. } => {
                    let attempt = Attempt {
                        probe: false,
                        ..attempt
                    };
                    running.attempt = Some((attempt, Outcome::Finished));
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
            Step::Stop(_) => self.refuse(running.began),
            Step::Wait(wait) => self.later(running, which, now + wait),
            Step::Try(attempt) => {
                let (outcome, takes) = self.ask(&attempt, now);
                running.attempt = Some((attempt, outcome));
                self.later(running, which, now + takes);
            }
        }
    }

    fn refuse(&mut self, began: Tick) {
        let (healthy, dark) = &mut self.seen.refused;
        match (DARK.0..DARK.1).contains(&second(began).1) {
            true => *dark += 1,
            false => *healthy += 1,
        }
    }

    fn ask(&mut self, attempt: &Attempt<Pass>, now: Tick) -> (Outcome, Duration) {
        let model = &self.lane.pool().seat(attempt.spot).model;
        if now < at(200) {
            *self.seen.shares.entry(model.to_string()).or_default() += 1;
        }
        let (outcome, takes) = answer(model, attempt.key, now);
        self.seen
            .asked
            .entry(attempt.spot)
            .or_default()
            .push(Asked {
                when: now,
                until: now + takes,
                key: attempt.key,
                probe: attempt.probe,
            });
        if attempt.probe {
            let running = self.seen.probes_running.entry(attempt.spot).or_default();
            *running += 1;
            assert_eq!(*running, 1, "two probes at once of {model}");
        }
        (outcome, takes)
    }

    /// Notes who has become well.
    fn look_at(&mut self, spot: Spot, now: Tick) {
        let ill = !self.lane.standing(spot).is_well();
        let was_ill = self.seen.ill.insert(spot, ill) == Some(true);
        if was_ill && !ill {
            self.seen.well.entry(spot).or_default().push(now);
        }
    }

    fn later(&mut self, running: Running, which: usize, when: Tick) {
        self.running[which] = Some(running);
        self.agenda.push(Reverse((when, which)));
    }
}

/// What was seen, and of whom.
struct Told {
    balance: Balance,
    house: Live,
    seen: Seen,
    /// Of every outage of an endpoint: how long until it was well, and from then on among the others.
    back: Vec<(Duration, Duration)>,
}

fn simulate(balance: Balance) -> Told {
    let house = live(house(balance));
    let lane = lane(&house, "m");
    let mut simulation = Simulation {
        lane: &lane,
        seen: Seen::default(),
        running: Vec::new(),
        agenda: BinaryHeap::new(),
        dice: 7,
    };
    simulation.run();
    let seen = simulation.seen;
    for spot in lane.pool().spots() {
        assert_eq!(lane.standing(spot).in_flight(), 0);
    }
    Told {
        balance,
        house,
        seen,
        back: Vec::new(),
    }
}

/// One endpoint while something was wrong with it.
struct Outage<'a> {
    model: String,
    from: Tick,
    to: Tick,
    what: Weather,
    asked: &'a [Asked],
    well: &'a [Tick],
}

impl Outage<'_> {
    fn within(&self, from: Tick, to: Tick) -> impl Iterator<Item = &Asked> {
        let asked = self.asked.iter();
        asked.filter(move |asked| asked.when >= from && asked.when < to)
    }
}

impl Told {
    /// Of the first tier, where somebody comes by every moment.
    fn outages(&self) -> Vec<Outage<'_>> {
        let lane = lane(&self.house, "m");
        let mut all = Vec::new();
        for spot in lane.pool().spots().filter(|spot| spot.stage == 0) {
            let model = lane.pool().seat(spot).model.to_string();
            for round in 0..u64::from(REQUESTS) / 10 / ROUND {
                let mine = OUTAGES.iter();
                let mine = mine.filter(|(who, ..)| called(&model, round).starts_with(who));
                all.extend(mine.map(|(_, from, to, what)| Outage {
                    model: model.clone(),
                    from: at(round * ROUND + from),
                    to: at(round * ROUND + to),
                    what: *what,
                    asked: &self.seen.asked[&spot],
                    well: self.seen.well.get(&spot).map_or(&[], Vec::as_slice),
                }));
            }
        }
        all
    }

    /// What a first attempt of a hundred is worth to an endpoint while all is well.
    fn share(&self, model: &str) -> f64 {
        f64::from(self.seen.shares[model]) / 20.0
    }

    fn figures(&self) -> String {
        let Seen {
            served,
            refused: (healthy, dark),
            ..
        } = self.seen;
        let available = 100.0 * (1.0 - f64::from(healthy) / f64::from(REQUESTS - dark));
        let mut text = format!(
            "{:?}: {served} served, {available:.3} % while somebody was healthy, {dark} refused while nobody was; shares:",
            self.balance
        );
        for model in self.seen.shares.keys() {
            write!(text, " {model} {:.1} %", self.share(model)).unwrap();
        }
        let (well, among): (Vec<_>, Vec<_>) = self.back.iter().copied().unzip();
        write!(
            text,
            "; {} outages of an endpoint: well after at most {:?}, among the others {:?} later",
            self.back.len(),
            well.iter().max().unwrap(),
            among.iter().max().unwrap()
        )
        .unwrap();
        text
    }
}

/// Everything that is promised, of one strategy.
fn holds(balance: Balance) -> Told {
    let mut told = simulate(balance);
    let (healthy, dark) = told.seen.refused;
    assert_eq!(told.seen.served + healthy + dark, REQUESTS);
    assert!(healthy * 1000 <= REQUESTS - dark, "{healthy} refused");
    assert!(dark > 0, "it was dark");
    let mut back = Vec::new();
    for outage in told.outages() {
        match outage.what {
            Dead | Overloaded | Silent => {
                sees_its_probes(&outage);
                back.push(is_back(&outage));
            }
            Limited => left_alone(&outage),
            Fine | Slow | Stormy => {}
        }
    }
    told.back = back;
    told
}

/// Once it is known to be dead: its probes and no more, each after its time.
fn sees_its_probes(outage: &Outage<'_>) {
    let Outage {
        model, from, to, ..
    } = outage;
    let Some(first) = outage.within(*from, *to).next() else {
        return;
    };
    let known = first.until + KNOWN;
    let later: Vec<&Asked> = outage.within(known, *to).collect();
    assert!(later.iter().all(|asked| asked.probe), "{model} was asked");
    for pair in later.windows(2) {
        // The cooldown begins with less than `probe_after`.
        let wait = pair[1].when.since(pair[0].until);
        assert!(wait >= COOLDOWN, "{model} was probed after {wait:?}");
    }
    let takes = first.until.since(first.when);
    let (rarely, often) = (PROBE_AFTER + EVERY + takes, PROBE_AFTER + takes);
    let (least, most) = (
        to.since(known).div_duration_f64(rarely),
        to.since(known).div_duration_f64(often),
    );
    let probes = f64::from(u32::try_from(later.len()).unwrap());
    assert!(probes >= least.floor(), "{model}: {probes} for {least}");
    assert!(probes <= most + 2.0, "{model}: {probes} for {most}");
}

/// Well again within `probe_after` and one probe, and among the others soon; how long both took.
fn is_back(outage: &Outage<'_>) -> (Duration, Duration) {
    let Outage { model, to, .. } = outage;
    // Who is being asked at that moment finds out first that it was dead.
    let asked = outage.asked.iter();
    let asked = asked.filter(|asked| asked.when < *to && asked.until > *to);
    let able = asked.map(|asked| asked.until).max().unwrap_or(*to);
    let back = outage.well.iter().find(|well| **well >= *to);
    let back = back.unwrap_or_else(|| panic!("{model} never came back"));
    let took = back.since(able);
    assert!(
        took <= PROBE_AFTER + EVERY + FIRST_TOKEN,
        "{model} was back after {took:?}"
    );
    let mut asked = outage.asked.iter();
    let asked = asked.find(|asked| asked.when >= *back && !asked.probe);
    let asked = asked.unwrap_or_else(|| panic!("{model} is never asked again"));
    let took_part = asked.when.since(*back);
    assert!(
        took_part <= secs(10),
        "{model} was passed over for {took_part:?}"
    );
    (took, took_part)
}

/// A limited key is, until its time, while the other one goes on.
fn left_alone(outage: &Outage<'_>) {
    let Outage {
        model, from, to, ..
    } = outage;
    let (limited, other): (Vec<&Asked>, Vec<&Asked>) = outage
        .within(*from + secs(1), *to)
        .partition(|asked| asked.key == Some(0));
    for pair in limited.windows(2) {
        // Two may be on their way when the first of them is told.
        let wait = pair[1].when.since(pair[0].when);
        assert!(wait <= ms(50) || wait >= secs(20), "{model}: {wait:?}");
    }
    assert!(other.len() > 10 * limited.len(), "{model}: {}", other.len());
}

/// What is shared out while all is well, of a hundred, give or take so much.
fn shares(told: &Told, expected: impl Fn(usize, usize) -> f64, tolerance: f64) {
    for v in 0..2 {
        for e in 0..4 {
            let (model, wanted) = (format!("v{v}e{e}"), expected(v, e));
            let got = told.share(&model);
            assert!(
                (got - wanted).abs() <= tolerance,
                "{model}: {got} for {wanted}"
            );
        }
    }
    assert_eq!(told.seen.shares.len(), 8, "nobody of the lower tier");
}

fn weight(v: usize, e: usize) -> f64 {
    f64::from(WEIGHTS[v][e])
}

#[test]
fn round_robin_keeps_its_promises() {
    let told = holds(Balance::RoundRobin);
    println!("{}", told.figures());
    let of = |v: usize| f64::from(WEIGHTS[v].iter().sum::<u32>());
    shares(&told, |v, e| 50.0 * weight(v, e) / of(v), 0.1);
}

#[test]
fn weighted_keeps_its_promises() {
    let told = holds(Balance::Weighted);
    println!("{}", told.figures());
    shares(&told, |v, e| 100.0 * weight(v, e) / 12.0, 0.1);
}

#[test]
fn least_busy_keeps_its_promises() {
    let told = holds(Balance::LeastBusy);
    println!("{}", told.figures());
    shares(&told, |v, e| 100.0 * weight(v, e) / 12.0, 3.0);
}

#[test]
fn fastest_keeps_its_promises() {
    let told = holds(Balance::Fastest);
    println!("{}", told.figures());
    shares(&told, |_, _| 12.5, 2.0);
}
