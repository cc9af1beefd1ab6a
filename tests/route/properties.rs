//! The laws of choosing, under random weather: many requests at once over random pools, random outcomes, time that
//! passes at random.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use tidegate::clock::Tick;
use tidegate::config::{Balance, Gateway, Keys};
use tidegate::ir::FaultKind;
use tidegate::live::{Lane, Pass};
use tidegate::route::{
    Attempt, Failure, Field, HeldBy, Look, Needs, Outcome, Plan, Purpose, Spot, Step,
};

use crate::harness::*;

/// A pool: for each endpoint its provider, tier, weight, and a number whose bits take capabilities away.
#[derive(Debug, Clone)]
struct House {
    endpoints: Vec<(usize, u32, u32, u8)>,
    keys: Vec<usize>,
    balance: usize,
    base: u64,
}

fn houses() -> impl Strategy<Value = House> {
    let endpoints = prop::collection::vec((0usize..3, 1u32..4, 1u32..5, any::<u8>()), 1..9);
    (
        endpoints,
        prop::collection::vec(0usize..3, 3),
        0usize..4,
        prop::sample::select(vec![100u64, 1000, 5000]),
    )
        .prop_map(|(endpoints, keys, balance, base)| House {
            endpoints,
            keys,
            balance,
            base,
        })
}

fn build(house: &House) -> Gateway {
    let mut providers: Vec<_> = ["a", "b", "c"]
        .iter()
        .zip(&house.keys)
        .map(|(name, keys)| provider(name, *keys))
        .collect();
    for (provider, keys) in providers.iter_mut().zip(&house.keys) {
        if *keys == 0 {
            provider.keys = Keys::Passthrough;
        }
    }
    let endpoints =
        house
            .endpoints
            .iter()
            .enumerate()
            .map(|(n, (provider, tier, weight, less))| {
                let mut endpoint = endpoint(*provider, &format!("e{n}"), *tier);
                endpoint.weight = *weight;
                endpoint.enabled = less & 7 != 0;
                endpoint.streaming = less & 0x18 != 0;
                endpoint.max_context = (less & 0x20 != 0).then_some(8000);
                endpoint.policy.cooldown.base = ms(house.base);
                endpoint
            });
    let mut model = model("m", endpoints.collect());
    model.balance = [
        Balance::RoundRobin,
        Balance::Weighted,
        Balance::LeastBusy,
        Balance::Fastest,
    ][house.balance];
    model.sticky = true;
    gateway(providers, vec![model])
}

#[derive(Debug, Clone)]
enum Event {
    Begin {
        big: bool,
        conversation: u64,
        later_turn: bool,
    },
    /// Of the requests that run: call `next`, or say how the attempt went.
    Go {
        which: usize,
        outcome: usize,
        dice: u64,
    },
    Pass(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => (any::<bool>(), 0u64..5, any::<bool>())
            .prop_map(|(big, conversation, later_turn)| Event::Begin { big, conversation, later_turn }),
        8 => (any::<usize>(), 0usize..16, any::<u64>())
            .prop_map(|(which, outcome, dice)| Event::Go { which, outcome, dice }),
        2 => (0u64..8000).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 1..250)
}

fn outcome(n: usize) -> Outcome {
    match n {
        0..=4 => ok(),
        5 => status(500),
        6 => failed(Failure::Connect),
        7 => failed(Failure::NoFirstToken),
        8 => status(429),
        9 => limited(ms(1500)),
        10 => status(401),
        11 => status(403),
        12 => status(404),
        13 => said(400, FaultKind::ContextLength),
        14 => Outcome::ClientGone,
        _ => failed(Failure::Truncated),
    }
}

struct Request {
    plan: Plan,
    attempt: Option<Attempt<Pass>>,
    silent: Vec<Spot>,
    steps: usize,
}

/// What is asserted of every step.
struct Laws<'a> {
    lane: &'a Lane,
    now: Tick,
}

impl Laws<'_> {
    fn looks(&self) -> Vec<(Spot, Look)> {
        self.lane
            .pool()
            .spots()
            .map(|spot| (spot, self.lane.look(spot, None, self.now)))
            .collect()
    }

    fn attempt(&self, request: &Request, attempt: &Attempt<Pass>, before: &[(Spot, Look)]) {
        let seat = self.lane.pool().seat(attempt.spot);
        assert!(seat.lacks(request.plan.needs()).is_empty(), "incapable");
        assert!(attempt.number <= 6, "too many");
        assert!(
            !request.silent.contains(&attempt.spot),
            "the silent one again"
        );
        let look = before
            .iter()
            .find(|(spot, _)| *spot == attempt.spot)
            .map(|(_, look)| *look);
        match look {
            Some(Look::Free) => assert!(!attempt.probe),
            Some(Look::Probe) => assert!(attempt.probe),
            Some(Look::Held(held)) => {
                let by_its_keys = matches!(held.why, HeldBy::Keys | HeldBy::Limited);
                assert!(by_its_keys && attempt.purpose == Purpose::Retry, "{held:?}");
            }
            None => panic!("no such endpoint"),
        }
        if attempt.number == 1 && request.steps == 0 {
            let missed = before.iter().find(|(spot, look)| {
                let able = self
                    .lane
                    .pool()
                    .seat(*spot)
                    .lacks(request.plan.needs())
                    .is_empty();
                spot.stage < attempt.spot.stage && able && *look == Look::Free
            });
            assert_eq!(missed, None, "an upper tier had somebody");
        }
    }
}

fn begin(lane: &Lane, now: Tick, (big, conversation, later_turn): (bool, u64, bool)) -> Request {
    let estimated_tokens = if big { 9000 } else { 100 };
    let needs = Needs {
        estimated_tokens,
        conversation: Some(conversation),
        later_turn,
        ..needs()
    };
    Request {
        plan: Plan::new(lane.pool().clone(), needs, now),
        attempt: None,
        silent: Vec::new(),
        steps: 0,
    }
}

/// Whether the request is over.
fn go(lane: &Lane, request: &mut Request, told: usize, dice: u64, now: &mut Tick) -> bool {
    if let Some(attempt) = request.attempt.take() {
        let outcome = outcome(told);
        request.plan.record(lane, &outcome, *now);
        if outcome == failed(Failure::NoFirstToken) {
            request.silent.push(attempt.spot);
        }
        if matches!(outcome, Outcome::Answered { .. }) {
            request.plan.record(lane, &Outcome::Finished, *now);
        }
        return false;
    }
    let laws = Laws { lane, now: *now };
    let before = laws.looks();
    let step = request.plan.next(lane, *now, dice);
    match step {
        Step::Try(attempt) => {
            laws.attempt(request, &attempt, &before);
            request.attempt = Some(attempt);
        }
        Step::Wait(wait) => {
            assert!(!wait.is_zero() && wait <= secs(5), "{wait:?}");
            *now = *now + wait;
        }
        Step::Stop(_) => return true,
    }
    request.steps += 1;
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_in_any_weather(house in houses(), events in events()) {
        let live = live(build(&house));
        let lane = lane(&live, "m");
        let (mut now, mut running) = (at(0), Vec::<Request>::new());
        for event in events {
            match event {
                Event::Begin { big, conversation, later_turn } => running.push(begin(&lane, now, (big, conversation, later_turn))),
                Event::Pass(millis) => now = now + ms(millis),
                Event::Go { which, outcome, dice } if !running.is_empty() => {
                    let at = which % running.len();
                    if go(&lane, &mut running[at], outcome, dice, &mut now) {
                        running.swap_remove(at);
                    }
                }
                Event::Go { .. } => {}
            }
            let probes = running.iter().filter_map(|request| request.attempt.as_ref()).filter(|attempt| attempt.probe);
            let mut spots: Vec<Spot> = probes.map(|attempt| attempt.spot).collect();
            let count = spots.len();
            spots.sort();
            spots.dedup();
            prop_assert_eq!(spots.len(), count, "two probes at once");
        }
        drop(running);
        for spot in lane.pool().spots() {
            prop_assert_eq!(lane.standing(spot).in_flight(), 0);
            prop_assert!(!matches!(lane.look(spot, None, now + secs(61)), Look::Held(held) if held.why != HeldBy::Keys), "lost");
        }
    }

    /// A request alone always comes to its end, and asks nobody who could answer in vain.
    #[test]
    fn every_request_ends(house in houses(), outcomes in prop::collection::vec(5usize..14, 6), dice in any::<u64>()) {
        let live = live(build(&house));
        let lane = lane(&live, "m");
        let mut now = at(0);
        let mut request = begin(&lane, now, (false, 1, true));
        let mut told = outcomes.into_iter();
        let mut ended = false;
        for _ in 0..200 {
            let outcome = if request.attempt.is_some() { told.next().unwrap_or(0) } else { 0 };
            if go(&lane, &mut request, outcome, dice, &mut now) {
                ended = true;
                break;
            }
        }
        prop_assert!(ended);
    }
}

/// Many threads over one pool: nobody waits for ever, no probe runs beside another, nothing is left behind.
#[test]
fn threads_share_a_pool_without_loss() {
    let live = live(simple(&[(2, 1), (2, 1), (1, 2)]));
    let lane = lane(&live, "m");
    let probes: Vec<AtomicU32> = lane.pool().spots().map(|_| AtomicU32::new(0)).collect();
    let index = &|spot: Spot| lane.pool().spots().position(|other| other == spot).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (lane, probes) = (&lane, &probes);
            scope.spawn(move || {
                for n in 0..3000u64 {
                    let dice = (thread * 3000 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    let mut now = at(n / 50);
                    let mut plan = Plan::new(lane.pool().clone(), needs(), now);
                    let told = outcome(usize::try_from(dice >> 60).unwrap());
                    for _ in 0..60 {
                        match plan.next(&**lane, now, dice) {
                            Step::Wait(wait) => now = now + wait,
                            Step::Stop(_) => break,
                            Step::Try(attempt) => {
                                let running = &probes[index(attempt.spot)];
                                if attempt.probe {
                                    assert_eq!(
                                        running.fetch_add(1, Ordering::SeqCst),
                                        0,
                                        "two probes at once"
                                    );
                                    std::thread::yield_now();
                                    running.fetch_sub(1, Ordering::SeqCst);
                                }
                                plan.record(&**lane, &told, now);
                                drop(attempt);
                            }
                        }
                    }
                }
            });
        }
    });
    for spot in lane.pool().spots() {
        assert_eq!(lane.standing(spot).in_flight(), 0);
    }
    assert_eq!(
        run(&lane, needs(), &mut at(10_000), &mut script([]))
            .last()
            .map(String::as_str),
        Some("ok")
    );
}
