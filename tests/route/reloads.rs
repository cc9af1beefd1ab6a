//! What survives a reload, and what does not.

use tidegate::config::{Keys, Secret};
use tidegate::live::State;
use tidegate::route::{Failure, Outcome, Plan, Step};

use crate::harness::*;

#[test]
fn standings_survive_by_identity_also_where_everything_else_changed() {
    let house = live(simple(&[(2, 1), (1, 1)]));
    let mut now = at(0);
    let storm = &mut script([
        ("A#0", vec![limited(secs(90))]),
        ("A#1", vec![failed(Failure::Silence)]),
    ]);
    run(&lane(&house, "m"), needs(), &mut now, storm);
    let mut next = simple(&[(1, 3), (2, 1), (1, 2)]);
    next.providers.swap(0, 1);
    next.models[0].endpoints[0].provider = 1;
    next.models[0].endpoints[1].provider = 0;
    next.models[0].name = "renamed".to_owned();
    let Keys::Own(keys) = &mut next.providers[1].keys else {
        panic!("own keys")
    };
    keys[0].weight = 7;
    house.replace(next);
    let lane = lane(&house, "renamed");
    let a = spot(&lane, "A");
    assert_eq!(
        lane.standing(a).state(now),
        State::Cooling {
            until: at(5) + 2 * TAKES
        }
    );
    assert_eq!(lane.key(a, 0).held(now), Some(at(90) + TAKES));
    assert_eq!(lane.standing(spot(&lane, "B")).state(now), State::Well);
}

#[test]
fn another_key_value_or_base_url_is_somebody_else() {
    let house = live(simple(&[(1, 1)]));
    let mut now = at(0);
    run(
        &lane(&house, "m"),
        needs(),
        &mut now,
        &mut script([("A", vec![limited(secs(90))])]),
    );
    let mut next = simple(&[(1, 1)]);
    let Keys::Own(keys) = &mut next.providers[0].keys else {
        panic!("own keys")
    };
    keys[0].value = Some(Secret::new("sk-new"));
    house.replace(next);
    assert_eq!(
        run(&lane(&house, "m"), needs(), &mut now, &mut script([])),
        ["A#0", "ok"]
    );

    run(
        &lane(&house, "m"),
        needs(),
        &mut now,
        &mut script([("A", vec![failed(Failure::Silence)])]),
    );
    let mut moved = simple(&[(1, 1)]);
    moved.providers[0].offers[0].base.host = "elsewhere.example".to_owned();
    // The old key's rate limit is remembered.
    let Keys::Own(keys) = &mut moved.providers[0].keys else {
        panic!("own keys")
    };
    keys[0].value = Some(Secret::new("sk-new"));
    house.replace(moved);
    assert_eq!(
        run(&lane(&house, "m"), needs(), &mut now, &mut script([])),
        ["A#0", "ok"]
    );
}

#[test]
fn requests_in_flight_keep_their_snapshot_and_are_still_counted() {
    let house = live(simple(&[(1, 1)]));
    let before = lane(&house, "m");
    let mut plan = Plan::new(before.pool().clone(), needs(), at(0));
    let Step::Try(attempt) = plan.next(&*before, at(0), 0) else {
        panic!("nobody to ask")
    };
    house.replace(simple(&[(1, 1), (1, 1)]));
    let after = lane(&house, "m");
    assert_eq!(after.standing(spot(&after, "A")).in_flight(), 1);
    plan.record(&*before, &failed(Failure::Silence), at(1));
    drop(attempt);
    assert_eq!(after.standing(spot(&after, "A")).in_flight(), 0);
    assert_eq!(
        after.standing(spot(&after, "A")).state(at(1)),
        State::Cooling { until: at(6) }
    );
}

#[test]
fn rotation_conversations_and_real_names_go_on() {
    let mut config = simple(&[(1, 1), (1, 1)]);
    config.models[0].sticky = true;
    let house = live(config.clone());
    let mut now = at(0);
    let first = tidegate::route::Needs {
        conversation: Some(9),
        ..needs()
    };
    assert_eq!(
        run(&lane(&house, "m"), first.clone(), &mut now, &mut script([])),
        ["A#0", "ok"]
    );
    run(
        &lane(&house, "a/x"),
        needs(),
        &mut now,
        &mut script([("x", vec![failed(Failure::Silence)])]),
    );
    for _ in 0..3 {
        house.replace(config.clone());
    }
    assert_eq!(
        run(&lane(&house, "m"), needs(), &mut now, &mut script([])),
        ["B#0", "ok"],
        "its turn"
    );
    let later = tidegate::route::Needs {
        later_turn: true,
        ..first
    };
    for _ in 0..3 {
        assert_eq!(
            run(&lane(&house, "m"), later.clone(), &mut now, &mut script([])),
            ["A#0", "ok"]
        );
    }
    let real = lane(&house, "a/x");
    assert!(!real.standing(spot(&real, "x")).is_well());
}

#[test]
fn the_same_endpoint_in_two_pools_has_one_state() {
    let mut config = simple(&[(1, 1)]);
    config.models.push(model("n", vec![endpoint(0, "A", 1)]));
    let house = live(config);
    let mut now = at(0);
    run(
        &lane(&house, "m"),
        needs(),
        &mut now,
        &mut script([("A", vec![failed(Failure::Silence)])]),
    );
    assert_eq!(
        run(&lane(&house, "n"), needs(), &mut now, &mut script([])),
        ["Cooling", "back in 5000ms"]
    );
}

#[test]
fn a_good_check_of_the_vendor_ends_what_came_from_not_reaching_it() {
    for (failure, after) in [
        (Failure::Connect, State::HalfOpen),
        (Failure::ConnectTimeout, State::HalfOpen),
        (Failure::EmptyAnswer, State::Cooling { until: at(6) }),
    ] {
        let mut config = simple(&[(1, 1)]);
        config.models[0].endpoints[0].policy.retry.retries = 0;
        let house = live(config);
        let lane = lane(&house, "m");
        let mut plan = Plan::new(lane.pool().clone(), needs(), at(1));
        drop(plan.next(&*lane, at(1), 0));
        plan.record(&*lane, &Outcome::Failed(failure), at(1));
        house.snapshot().reachable("a", at(2));
        house.snapshot().reachable("b", at(2));
        assert_eq!(lane.standing(spot(&lane, "A")).state(at(2)), after);
    }
}
