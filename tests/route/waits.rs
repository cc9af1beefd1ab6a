//! Bounds of a request: attempts, time, budget, patience; and who is waited for.

use tidegate::config::Gateway;
use tidegate::live::State;
use tidegate::route::{Failure, HeldBy, Outcome, Plan, Sight, Skipped, Step};

use crate::harness::*;

#[test]
fn max_attempts_bounds_retries_keys_and_endpoints_together() {
    let house = simple(&[(3, 1), (1, 2), (1, 3)]);
    let dead = &mut script([
        ("A", vec![status(401)]),
        ("B", vec![status(500)]),
        ("C", vec![status(500)]),
    ]);
    let steps = once(house, dead);
    assert_eq!(
        steps,
        [
            "A#0",
            "A#1",
            "A#2",
            "B#0",
            "125ms",
            "B#0",
            "C#0",
            "Attempts",
            "best 6",
            "back in 4375ms"
        ]
    );
}

#[test]
fn retries_stop_where_the_attempts_left_are_needed_for_the_untried() {
    let sides = [(1, 1); 6];
    let dead = &mut script(["A", "B", "C", "D", "E", "F"].map(|name| (name, vec![status(500)])));
    let steps = once(simple(&sides), dead);
    assert_eq!(steps[..6], ["A#0", "B#0", "C#0", "D#0", "E#0", "F#0"]);
    let five = &mut script(["A", "B", "C", "D", "E"].map(|name| (name, vec![status(500)])));
    let steps = once(simple(&sides[..5]), five);
    assert_eq!(
        steps[..7],
        ["A#0", "125ms", "A#0", "B#0", "C#0", "D#0", "E#0"]
    );
}

#[test]
fn who_is_cooling_is_not_waited_for_by_the_retries_of_others() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let mut now = at(0);
    run(
        &lane,
        needs(),
        &mut now,
        &mut script([
            ("A", vec![status(500)]),
            ("B", vec![failed(Failure::Silence)]),
        ]),
    );
    let mut now = at(20);
    let steps = run(
        &lane,
        needs(),
        &mut now,
        &mut script([("A", vec![status(500)]), ("B", vec![status(500)])]),
    );
    assert_eq!(steps[..2], ["A?#0", "B?#0"], "probes have no retries");
}

#[test]
fn what_others_found_dead_meanwhile_is_not_asked_again() {
    let mut config = simple(&[(1, 1), (1, 2)]);
    config.models[0].endpoints[0].policy.breaker.failures = 3;
    let house = live(config);
    let lane = lane(&house, "m");
    let begin = || {
        let mut plan = Plan::new(lane.pool().clone(), needs(), at(0));
        let Step::Try(attempt) = plan.next(&*lane, at(0), 0) else {
            panic!("nobody to ask")
        };
        (plan, attempt)
    };
    let (mut before, mut during, mut other) = (begin(), begin(), begin());
    during.0.record(&*lane, &status(500), at(1));
    drop(during.1);
    assert!(
        matches!(during.0.next(&*lane, at(1), 0), Step::Wait(_)),
        "the endpoint is still well"
    );
    other.0.record(&*lane, &failed(Failure::Silence), at(1));
    before.0.record(&*lane, &status(500), at(2));
    for plan in [&mut before.0, &mut during.0] {
        let Step::Try(next) = plan.next(&*lane, at(2), 0) else {
            panic!("a retry of the dead")
        };
        assert_eq!(lane.pool().seat(next.spot).model.as_ref(), "B");
    }
    let state = lane.standing(spot(&lane, "A")).state(at(2));
    assert!(
        matches!(state, State::Open { .. }),
        "each of the three requests counts: {state:?}"
    );
}

#[test]
fn the_budget_bounds_same_endpoint_retries_only() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let begin = |_| {
        let mut plan = Plan::new(lane.pool().clone(), needs(), at(0));
        let Step::Try(first) = plan.next(&*lane, at(0), 0) else {
            panic!("nobody to ask")
        };
        (plan, first)
    };
    let begun: Vec<_> = (0..80).map(begin).collect();
    let mut retries = 0;
    for (mut plan, first) in begun {
        plan.record(&*lane, &status(500), at(0));
        drop(first);
        match plan.next(&*lane, at(0), 0) {
            Step::Wait(_) => retries += 1,
            Step::Try(other) => {
                assert_eq!(
                    lane.pool().seat(other.spot).model.as_ref(),
                    "B",
                    "switching goes on"
                )
            }
            Step::Stop(stop) => panic!("{stop:?}"),
        }
    }
    assert_eq!(retries, 16, "a fifth of 80 requests, over the floor of ten");
}

#[test]
fn total_bounds_all_of_it() {
    let mut config = simple(&[(1, 1), (1, 2)]);
    config.models[0].policy.timeouts.total = ms(500);
    let slow = &mut script([("A", vec![status(500)])]);
    let steps = once(config.clone(), slow);
    assert_eq!(
        steps,
        ["A#0", "125ms", "A#0", "B#0", "ok"],
        "a backoff that would end too late is not begun"
    );
    config.models[0].policy.timeouts.total = ms(100);
    let steps = once(config, &mut script([("A", vec![status(500)])]));
    assert_eq!(
        steps,
        ["A#0", "OutOfTime", "best 1", "back in 5000ms"],
        "the failure still counts"
    );
}

#[test]
fn an_attempt_that_ran_out_of_the_requests_time_blames_nobody() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let steps = run(
        &lane,
        needs(),
        &mut at(0),
        &mut script([("A", vec![Outcome::OutOfTime])]),
    );
    assert_eq!(steps, ["A#0", "OutOfTime"]);
    assert!(lane.standing(spot(&lane, "A")).is_well());
}

/// One endpoint, cooling for that long.
fn cooling(base: u64) -> (tidegate::live::Live, tidegate::clock::Tick) {
    let mut config = simple(&[(1, 1)]);
    config.models[0].endpoints[0].policy.cooldown.base = ms(base);
    let house = live(config);
    let mut now = at(0);
    run(
        &lane(&house, "m"),
        needs(),
        &mut now,
        &mut script([("A", vec![failed(Failure::Silence)])]),
    );
    (house, now)
}

#[test]
fn when_everybody_cools_the_soonest_back_is_waited_for_within_patience() {
    let (house, mut now) = cooling(2500);
    assert_eq!(
        run(&lane(&house, "m"), needs(), &mut now, &mut script([])),
        ["2500ms", "A?#0", "ok"]
    );
    let (house, mut now) = cooling(2501);
    assert_eq!(
        run(&lane(&house, "m"), needs(), &mut now, &mut script([])),
        ["Cooling", "back in 2501ms"]
    );
}

#[test]
fn from_probe_after_on_a_cooling_one_is_the_last_resort() {
    let (house, now) = cooling(60_000);
    let mut early = now + ms(9_999);
    assert_eq!(
        run(&lane(&house, "m"), needs(), &mut early, &mut script([])),
        ["1ms", "A?#0", "ok"]
    );
}

#[test]
fn while_another_request_finds_out_one_waits_within_patience() {
    let (house, now) = cooling(1000);
    let lane = lane(&house, "m");
    let now = now + secs(1);
    let mut first = Plan::new(lane.pool().clone(), needs(), now);
    let Step::Try(attempt) = first.next(&*lane, now, 0) else {
        panic!("nobody to ask")
    };
    let mut later = now;
    let steps = run(&lane, needs(), &mut later, &mut script([]));
    assert_eq!(steps.len(), 27, "25 looks, then the end: {steps:?}");
    assert_eq!(steps[25..], ["Cooling", "back in 1000ms"]);
    first.record(&*lane, &ok(), later);
    assert_eq!(
        run(&lane, needs(), &mut later, &mut script([])),
        ["A#0", "ok"],
        "its content lets everybody in"
    );
    drop(attempt);
}

#[test]
fn after_one_who_found_out_in_vain_the_wait_begins_anew_whoever_else_fails_meanwhile() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let ask = |now| {
        let mut plan = Plan::new(lane.pool().clone(), needs(), now);
        let Step::Try(attempt) = plan.next(&*lane, now, 0) else {
            panic!("nobody to ask")
        };
        let model = lane.pool().seat(attempt.spot).model.to_string();
        (plan, attempt, model)
    };
    let fails = |(mut plan, attempt, _): (Plan, _, String), now| {
        plan.record(&*lane, &failed(Failure::Silence), now);
        drop::<tidegate::route::Attempt<tidegate::live::Pass>>(attempt);
    };
    let (first, other) = (ask(at(0)), ask(at(0)));
    fails(first, at(0));
    let probe = ask(at(5));
    assert!(probe.1.probe);
    // Nobody knows whether it was let in before the first had failed.
    fails(other, at(6));
    fails(probe, at(7));
    assert_eq!(ask(at(16)).2, "B");
    assert_eq!(ask(at(17)).2, "A", "`probe_after`");
}

#[test]
fn all_keys_limited_is_a_rate_limit() {
    let house = live(simple(&[(2, 1)]));
    let lane = lane(&house, "m");
    let storm = &mut script([
        ("A#0", vec![limited(secs(9))]),
        ("A#1", vec![limited(secs(7))]),
    ]);
    let mut now = at(0);
    let steps = run(&lane, needs(), &mut now, storm);
    assert_eq!(steps, ["A#0", "A#1", "Failed", "best 2", "back in 7000ms"]);
    assert_eq!(
        run(&lane, needs(), &mut now, &mut script([])),
        ["Limited", "back in 7000ms"]
    );
    let mut plan = Plan::new(lane.pool().clone(), needs(), now);
    drive(&mut plan, &lane, &mut now, &mut script([]));
    let expected = Sight::Skipped {
        why: Skipped::Held(HeldBy::Limited),
        until: Some(now + secs(7)),
    };
    assert_eq!(plan.trace(), [(spot(&lane, "A"), expected)]);
}

#[test]
fn a_wait_does_not_outlast_the_request() {
    let mut config = simple(&[(1, 1)]);
    config.models[0].policy.timeouts.total = secs(1);
    let steps = once(config, &mut script([("A", vec![limited(secs(2))])]));
    assert_eq!(steps, ["A#0", "Failed", "best 1", "back in 2000ms"]);
}

#[test]
fn a_key_that_stays_limited_is_asked_until_its_retries_are_over() {
    let steps = once(
        simple(&[(1, 1)]),
        &mut script([("A", vec![limited(secs(1))])]),
    );
    let asked = steps.iter().filter(|step| *step == "A#0").count();
    assert_eq!(asked, 3);
    assert_eq!(steps.last().map(String::as_str), Some("back in 1000ms"));
}

#[test]
fn the_most_useful_error_is_named() {
    let useful = |a: Outcome, b: Outcome| {
        let dead = &mut script([("A", vec![a]), ("B", vec![b])]);
        let mut steps = once(simple(&[(1, 1), (1, 2)]), dead);
        steps.retain(|step| step.starts_with("best"));
        steps
    };
    assert_eq!(
        useful(limited(secs(30)), failed(Failure::Silence)),
        ["best 1"]
    );
    assert_eq!(
        useful(failed(Failure::Silence), limited(secs(30))),
        ["best 2"]
    );
    assert_eq!(useful(status(404), status(403)), ["best 1"]);
    assert_eq!(
        useful(failed(Failure::NoFirstToken), failed(Failure::Silence)),
        ["best 2"],
        "among equals the latest"
    );
}

#[test]
fn an_explanation_has_everybody() {
    let mut config: Gateway = simple(&[(1, 1), (1, 1), (1, 1), (1, 2), (1, 3)]);
    config.models[0].endpoints[2].enabled = false;
    let house = live(config);
    let lane = lane(&house, "m");
    let mut now = at(0);
    run(
        &lane,
        needs(),
        &mut now,
        &mut script([("A", vec![failed(Failure::Silence)])]),
    );
    let mut plan = Plan::new(lane.pool().clone(), needs(), now);
    drive(
        &mut plan,
        &lane,
        &mut now,
        &mut script([("B", vec![failed(Failure::Silence)])]),
    );
    let sights: Vec<Sight> = plan.trace().into_iter().map(|(_, sight)| sight).collect();
    let cooling = Sight::Skipped {
        why: Skipped::Held(HeldBy::Cooling),
        until: Some(at(5) + TAKES),
    };
    assert_eq!(sights[0], cooling);
    assert_eq!(sights[1], Sight::Asked(vec![1]));
    assert!(matches!(sights[2], Sight::Incapable(_)));
    assert_eq!(sights[3], Sight::Asked(vec![2]));
    assert_eq!(sights[4], Sight::NotReached);
    assert_eq!(plan.failed().len(), 1);
    assert_eq!(plan.failed()[0].lasted, TAKES);
}
