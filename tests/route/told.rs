//! What a vendor says of when it wants to be asked again: within `patience` it is waited for, and nobody is asked before.

use std::time::Duration;

use tidegate::config::Gateway;
use tidegate::ir::FaultKind;
use tidegate::live::State;
use tidegate::route::{Failure, Outcome};

use crate::harness::*;

/// A 503 with Retry-After.
fn away(wait: Duration) -> Outcome {
    failed(Failure::Status {
        status: 503,
        kind: FaultKind::Overloaded,
        retry_after: Some(wait),
    })
}

/// The same in a stream that began well.
fn away_in_a_stream(wait: Duration) -> Outcome {
    failed(Failure::StreamError {
        kind: FaultKind::Overloaded,
        retry_after: Some(wait),
    })
}

fn with_retries(sides: &[(usize, u32)], retries: u32) -> Gateway {
    let mut config = simple(sides);
    for endpoint in &mut config.models[0].endpoints {
        endpoint.policy.retry.retries = retries;
    }
    config
}

#[test]
fn the_waits_for_a_rate_limit_share_one_patience() {
    let steps = once(
        with_retries(&[(1, 1)], 9),
        &mut script([("A", vec![limited(ms(1200))])]),
    );
    assert_eq!(
        steps,
        [
            "A#0",
            "1200ms",
            "A#0",
            "1200ms",
            "A#0",
            "Failed",
            "best 3",
            "back in 1200ms"
        ],
        "a third wait would go beyond 2500ms"
    );
}

#[test]
fn waits_at_different_endpoints_share_it_too() {
    let storm = &mut script([
        ("A", vec![limited(ms(1500)), status(500)]),
        ("B", vec![limited(ms(1500)), ok()]),
    ]);
    let steps = once(with_retries(&[(1, 1), (1, 2)], 1), storm);
    assert_eq!(
        steps,
        [
            "A#0",
            "1500ms",
            "A#0",
            "B#0",
            "Failed",
            "best 3",
            "back in 1500ms"
        ],
        "what is left is too little for the second"
    );
}

#[test]
fn each_wait_for_a_rate_limit_is_one_of_the_endpoints_retries() {
    for (retries, asked) in [(0, 1), (1, 2), (3, 4)] {
        let storm = &mut script([("A", vec![limited(ms(8))])]);
        let steps = once(with_retries(&[(1, 1)], retries), storm);
        let times = steps.iter().filter(|step| *step == "A#0").count();
        assert_eq!(times, asked, "{retries} retries: {steps:?}");
    }
}

#[test]
fn who_asked_to_be_left_alone_is_so_and_everybody_is_told() {
    for outcome in [away(secs(20)), away_in_a_stream(secs(20))] {
        let house = live(simple(&[(1, 1)]));
        let lane = lane(&house, "m");
        let mut now = at(0);
        let steps = run(
            &lane,
            needs(),
            &mut now,
            &mut script([("A", vec![outcome])]),
        );
        assert_eq!(steps, ["A#0", "Failed", "best 1", "back in 20000ms"]);
        let cooling = State::Cooling {
            until: at(20) + TAKES,
        };
        assert_eq!(lane.standing(spot(&lane, "A")).state(now), cooling);
        now = at(15);
        assert_eq!(
            run(&lane, needs(), &mut now, &mut script([])),
            ["Cooling", "back in 5100ms"],
            "nor tried out from `probe_after` on"
        );
        now = at(21);
        assert_eq!(
            run(&lane, needs(), &mut now, &mut script([])),
            ["A?#0", "ok"]
        );
    }
}

#[test]
fn its_own_cooldown_holds_where_that_is_later() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let mut now = at(0);
    let steps = run(
        &lane,
        needs(),
        &mut now,
        &mut script([("A", vec![away(secs(2))])]),
    );
    assert_eq!(steps, ["A#0", "B#0", "ok"], "not asked again before");
    let cooling = State::Cooling {
        until: at(5) + TAKES,
    };
    assert_eq!(lane.standing(spot(&lane, "A")).state(now), cooling);
}

#[test]
fn where_nobody_else_is_left_it_is_waited_for_within_patience() {
    let flaky = &mut script([("A", vec![away(secs(1)), ok()])]);
    assert_eq!(
        once(simple(&[(1, 1)]), flaky),
        ["A#0", "1000ms", "A#0", "ok"]
    );
    let down = &mut script([("A", vec![away(ms(1500))])]);
    assert_eq!(
        once(simple(&[(1, 1)]), down),
        ["A#0", "1500ms", "A#0", "Failed", "best 2", "back in 5000ms"],
        "a second wait would go beyond 2500ms"
    );
}

#[test]
fn a_time_within_the_backoff_changes_nothing() {
    let flaky = &mut script([("A", vec![away(ms(100)), ok()])]);
    assert_eq!(
        once(simple(&[(1, 1), (1, 2)]), flaky),
        ["A#0", "125ms", "A#0", "ok"]
    );
}

#[test]
fn nobody_is_left_alone_for_longer_than_a_day() {
    for outcome in [away(Duration::MAX), limited(Duration::MAX)] {
        let steps = once(simple(&[(1, 1)]), &mut script([("A", vec![outcome])]));
        assert_eq!(steps, ["A#0", "Failed", "best 1", "back in 86400000ms"]);
    }
}
