//! More than one attempt for one answer: a second beside one that is late, and one that goes on with an answer that broke
//! off.

use proptest::prelude::*;

use tidegate::clock::Tick;
use tidegate::config::{Gateway, Hedge, Keys, Resume};
use tidegate::live::{Lane, Pass};
use tidegate::route::{Attempt, Failure, Field, Look, Outcome, Plan, Purpose, Step, Why};

use crate::harness::*;

fn hedged(sides: &[(usize, u32)], budget: f64) -> Gateway {
    let mut gateway = simple(sides);
    let after = ms(400);
    gateway.models[0].hedge = Some(Hedge { after, budget });
    gateway
}

fn first(plan: &mut Plan, lane: &Lane, now: Tick) -> Attempt<Pass> {
    match plan.next(lane, now, 0) {
        Step::Try(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

fn model(lane: &Lane, attempt: &Attempt<Pass>) -> String {
    lane.pool().seat(attempt.spot).model.to_string()
}

fn plan(lane: &Lane) -> Plan {
    Plan::new(lane.pool().clone(), needs(), at(0))
}

#[test]
fn another_of_the_tier_is_asked_then_of_the_next() {
    let of_tier = live(hedged(&[(1, 1), (1, 1), (1, 2)], 1.0));
    let lane = lane(&of_tier, "m");
    let mut plan = plan(&lane);
    let asked = first(&mut plan, &lane, at(0));
    assert_eq!(plan.hedges_after(), Some(ms(400)));
    let beside = plan.hedge(&*lane, at(1), 0).unwrap();
    assert_eq!(
        (model(&lane, &asked), model(&lane, &beside)),
        ("A".into(), "B".into())
    );
    assert_eq!((beside.number, beside.purpose), (2, Purpose::Hedge));
    assert!(plan.hedges_after().is_none() && plan.hedge(&*lane, at(2), 0).is_none());
    // A tier in which everybody else is cooling is passed over.
    let live = live(hedged(&[(1, 1), (1, 1), (1, 2)], 1.0));
    let lane = crate::harness::lane(&live, "m");
    let b = spot(&lane, "B");
    run(
        &lane,
        needs(),
        &mut at(0),
        &mut script([("A", vec![status(404)]), ("B", vec![status(404)])]),
    );
    let mut plan = Plan::new(lane.pool().clone(), needs(), at(1));
    assert!(matches!(lane.look(b, None, at(1)), Look::Held(_)));
    let asked = first(&mut plan, &lane, at(1));
    assert_eq!(model(&lane, &asked), "C");
    assert!(plan.hedge(&*lane, at(2), 0).is_none(), "nobody is left");
}

#[test]
fn who_loses_is_not_blamed_but_known_to_be_slow() {
    let live = live(hedged(&[(1, 1), (1, 1)], 1.0));
    let lane = lane(&live, "m");
    let mut plan = plan(&lane);
    let asked = first(&mut plan, &lane, at(0));
    let beside = plan.hedge(&*lane, at(1), 0).unwrap();
    plan.won(&*lane, beside.number, at(2));
    let (slow, fast) = (asked.spot, beside.spot);
    drop(asked);
    plan.record(&*lane, &ok(), at(2));
    plan.record(&*lane, &Outcome::Finished, at(2));
    drop(beside);
    assert_eq!(lane.look(slow, None, at(2)), Look::Free);
    assert!(
        lane.standing(slow).cost(at(2)) >= 2e6,
        "two seconds and no word"
    );
    assert!(lane.standing(fast).cost(at(2)) < 1e6);
    assert_eq!(lane.standing(slow).in_flight(), 0);
    assert!(plan.failed().is_empty());
}

#[test]
fn the_other_is_the_attempt_when_one_fails_and_the_plan_goes_on_when_both_do() {
    let live = live(hedged(&[(1, 1), (1, 1), (1, 2)], 1.0));
    let lane = lane(&live, "m");
    let mut plan = plan(&lane);
    let asked = first(&mut plan, &lane, at(0));
    let beside = plan.hedge(&*lane, at(1), 0).unwrap();
    let told = (&status(500), at(2));
    assert!(plan.record_beside(&*lane, asked.number, told));
    // It is given up at once: no retry is made while another is at it.
    assert!(matches!(lane.look(asked.spot, None, at(2)), Look::Held(_)));
    drop(asked);
    plan.record(&*lane, &failed(Failure::NoFirstToken), at(3));
    drop(beside);
    let last = first(&mut plan, &lane, at(3));
    assert_eq!((model(&lane, &last), last.number), ("C".into(), 3));
}

#[test]
fn the_clients_own_affair_ends_both() {
    let live = live(hedged(&[(1, 1), (1, 1)], 1.0));
    let lane = lane(&live, "m");
    let mut plan = plan(&lane);
    let asked = first(&mut plan, &lane, at(0));
    let beside = plan.hedge(&*lane, at(1), 0).unwrap();
    assert!(!plan.record_beside(&*lane, beside.number, (&status(400), at(2))));
    drop((asked, beside));
    match plan.next(&*lane, at(2), 0) {
        Step::Stop(stop) => assert_eq!((stop.why, stop.best), (Why::Answer, Some(2))),
        other => panic!("{other:?}"),
    }
}

fn resumed(resume: Resume) -> Gateway {
    let mut gateway = simple(&[(1, 1), (1, 1), (1, 2)]);
    gateway.models[0].resume = resume;
    gateway
}

/// An answer that broke off, and whether another may go on.
fn broken(lane: &Lane) -> (Plan, bool) {
    let mut plan = plan(lane);
    let asked = first(&mut plan, lane, at(0));
    plan.record(lane, &ok(), at(1));
    plan.record(lane, &failed(Failure::CutAfterContent), at(700));
    drop(asked);
    let may = plan.resume(at(700));
    (plan, may)
}

#[test]
fn who_broke_off_is_blamed_and_not_asked_again() {
    let live = live(resumed(Resume::Restart));
    let lane = lane(&live, "m");
    let (mut plan, may) = broken(&lane);
    assert!(may);
    assert!(matches!(
        lane.look(spot(&lane, "A"), None, at(700)),
        Look::Held(_)
    ));
    // `total` has long passed since the request came: it begins anew.
    let next = first(&mut plan, &lane, at(700));
    assert_eq!(
        (model(&lane, &next), next.purpose),
        ("B".into(), Purpose::Resume)
    );
    plan.record(&*lane, &failed(Failure::NoFirstToken), at(701));
    drop(next);
    let last = first(&mut plan, &lane, at(701));
    assert_eq!(
        (model(&lane, &last), last.purpose),
        ("C".into(), Purpose::Resume)
    );
    plan.record(&*lane, &failed(Failure::OtherWords), at(702));
    drop(last);
    assert!(matches!(plan.next(&*lane, at(702), 0), Step::Stop(stop) if stop.why == Why::Answer));
    assert_eq!(
        lane.look(spot(&lane, "C"), None, at(702)),
        Look::Free,
        "other words are no fault"
    );
}

#[test]
fn nobody_goes_on_where_it_is_off_or_with_the_clients_own_credential() {
    let off = live(resumed(Resume::Off));
    let (mut plan, may) = broken(&lane(&off, "m"));
    assert!(!may);
    let lane_off = lane(&off, "m");
    assert!(matches!(plan.next(&*lane_off, at(701), 0), Step::Stop(stop) if stop.why == Why::Over));
    let mut gateway = resumed(Resume::Prefill);
    for provider in &mut gateway.providers {
        provider.keys = Keys::Passthrough;
    }
    let own = live(gateway);
    assert!(!broken(&lane(&own, "m")).1);
}

#[derive(Debug, Clone)]
enum Event {
    Begin,
    /// Of the requests that run, one goes a step on: by itself, with a second attempt, or with how one of two has ended.
    Step(usize),
    Hedge(usize),
    End {
        which: usize,
        second: bool,
        how: usize,
    },
    Pass(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => Just(Event::Begin),
        6 => any::<usize>().prop_map(Event::Step),
        4 => any::<usize>().prop_map(Event::Hedge),
        6 => (any::<usize>(), any::<bool>(), 0usize..8)
            .prop_map(|(which, second, how)| Event::End { which, second, how }),
        2 => (0u64..1500).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 1..300)
}

fn outcome(how: usize) -> Outcome {
    match how {
        0..=2 => ok(),
        3 => status(500),
        4 => limited(ms(1500)),
        5 => failed(Failure::NoFirstToken),
        6 => status(401),
        _ => status(400),
    }
}

struct Request {
    plan: Plan,
    running: Vec<Attempt<Pass>>,
    hedges: usize,
}

impl Request {
    fn end(&mut self, lane: &Lane, second: bool, outcome: &Outcome, now: Tick) {
        let at = usize::from(second && self.running.len() > 1);
        if self.running.is_empty() {
            return;
        }
        let attempt = self.running.remove(at);
        let is_answer = matches!(outcome, Outcome::Answered { .. });
        match (self.running.is_empty(), is_answer) {
            (false, false) => {
                if !self
                    .plan
                    .record_beside(lane, attempt.number, (outcome, now))
                {
                    self.running.clear();
                }
            }
            (alone, _) => {
                if !alone {
                    self.plan.won(lane, attempt.number, now);
                    self.running.clear();
                }
                self.plan.record(lane, outcome, now);
                if is_answer {
                    self.plan.record(lane, &Outcome::Finished, now);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_of_two_hold_in_any_weather(
        sides in prop::collection::vec((0usize..3, 1u32..3), 2..6),
        events in events(),
        share in 0u32..60,
    ) {
        let share = f64::from(share) / 100.0;
        let mut gateway = hedged(&sides, share);
        for (provider, (keys, _)) in gateway.providers.iter_mut().zip(&sides) {
            if *keys == 0 {
                provider.keys = Keys::Passthrough;
            }
        }
        let live = live(gateway);
        let lane = lane(&live, "m");
        let (mut now, mut requests) = (at(0), Vec::<Request>::new());
        let (mut begun, mut hedges) = (Vec::<Tick>::new(), Vec::<Tick>::new());
        for event in events {
            let count = requests.len();
            match event {
                Event::Begin => requests.push(Request {
                    plan: Plan::new(lane.pool().clone(), needs(), now),
                    running: Vec::new(),
                    hedges: 0,
                }),
                Event::Pass(millis) => now = now + ms(millis),
                Event::Step(which) if count > 0 => {
                    let request = &mut requests[which % count];
                    if !request.running.is_empty() {
                        continue;
                    }
                    if request.plan.attempts() == 0 {
                        begun.push(now);
                    }
                    match request.plan.next(&*lane, now, which as u64) {
                        Step::Try(attempt) => request.running.push(attempt),
                        Step::Wait(wait) => now = now + wait,
                        Step::Stop(_) => {
                            requests.swap_remove(which % count);
                        }
                    }
                }
                Event::Hedge(which) if count > 0 => {
                    let request = &mut requests[which % count];
                    let looks: Vec<_> = lane.pool().spots().map(|spot| (spot, lane.look(spot, None, now))).collect();
                    let running = request.running.len();
                    if running == 0 {
                        continue;
                    }
                    if let Some(attempt) = request.plan.hedge(&*lane, now, which as u64) {
                        prop_assert_eq!(running, 1, "beside one, and no other");
                        request.hedges += 1;
                        prop_assert_eq!(request.hedges, 1, "once a request");
                        let seat = lane.pool().seat(attempt.spot);
                        let first = lane.pool().seat(request.running[0].spot);
                        prop_assert_ne!(seat.identity, first.identity);
                        prop_assert!(!seat.passthrough && !first.passthrough && !attempt.probe);
                        prop_assert!(attempt.number <= 6);
                        let look = looks.iter().find(|(spot, _)| *spot == attempt.spot).unwrap().1;
                        prop_assert_eq!(look, Look::Free, "never one that is cooling, nor its probe");
                        hedges.push(now);
                        // Whole seconds count, so that a second more is looked back at most.
                        let within = |ticks: &[Tick], secs: u64| ticks.iter().filter(|at| now.since(**at) < crate::harness::secs(secs)).count();
                        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
                        let most = ((within(&begun, 10) as f64 * share) as usize).max(10);
                        prop_assert!(within(&hedges, 9) <= most, "over the budget");
                        request.running.push(attempt);
                    }
                }
                Event::End { which, second, how } if count > 0 => {
                    requests[which % count].end(&lane, second, &outcome(how), now);
                }
                Event::Step(_) | Event::Hedge(_) | Event::End { .. } => {}
            }
        }
        drop(requests);
        for spot in lane.pool().spots() {
            prop_assert_eq!(lane.standing(spot).in_flight(), 0);
        }
    }
}
