//! Product §5: tiers, strategies, capabilities, keys, stickiness, fallbacks.

use std::collections::BTreeMap;

use tidegate::clock::Tick;
use tidegate::config::{Balance, Gateway};
use tidegate::ir::Format;
use tidegate::live::{Lane, Pass};
use tidegate::route::{Attempt, By, Failure, Field, Lack, Needs, Plan, Purpose, Seats, Step, Why};

use crate::harness::*;

/// The next attempt of a new request.
fn ask(lane: &Lane, needs: Needs, now: Tick, dice: u64) -> (Plan, Attempt<Pass>) {
    let mut plan = Plan::new(lane.pool().clone(), needs, now);
    let Step::Try(attempt) = plan.next(lane, now, dice) else {
        panic!("nobody to ask")
    };
    (plan, attempt)
}

/// Which upstream model the next request goes to; it is answered at once.
fn next(lane: &Lane, needs: Needs, now: Tick) -> String {
    let (mut plan, attempt) = ask(lane, needs, now, now.0.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    plan.record(lane, &ok(), now);
    plan.record(lane, &tidegate::route::Outcome::Finished, now);
    lane.pool().seat(attempt.spot).model.to_string()
}

fn counts(lane: &Lane, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    (0..times).for_each(|n| {
        *counts
            .entry(next(lane, needs(), at(0) + ms(n as u64)))
            .or_default() += 1
    });
    counts
}

fn of(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

/// `a` with endpoints A1 (weight 3) and A2 (1), `b` with B; provider weights a 2, b 1.
fn two_levels(balance: Balance) -> Gateway {
    let mut endpoints = vec![
        endpoint(0, "A1", 1),
        endpoint(1, "B", 1),
        endpoint(0, "A2", 1),
    ];
    endpoints[0].weight = 3;
    let mut model = model("m", endpoints);
    model.balance = balance;
    model.provider_weights = vec![(0, 2)];
    gateway(vec![provider("a", 1), provider("b", 1)], vec![model])
}

#[test]
fn round_robin_turns_over_providers_then_over_their_endpoints() {
    let house = live(two_levels(Balance::RoundRobin));
    assert_eq!(
        counts(&lane(&house, "m"), 120),
        of(&[("A1", 60), ("A2", 20), ("B", 40)])
    );
}

#[test]
fn weighted_turns_over_endpoints_by_their_weight_alone() {
    let house = live(two_levels(Balance::Weighted));
    assert_eq!(
        counts(&lane(&house, "m"), 100),
        of(&[("A1", 60), ("A2", 20), ("B", 20)])
    );
}

#[test]
fn least_busy_goes_where_least_is_in_flight_by_weight() {
    let house = live(two_levels(Balance::LeastBusy));
    let lane = lane(&house, "m");
    let held: Vec<_> = (0..50)
        .map(|n| {
            ask(
                &lane,
                needs(),
                at(0),
                u64::wrapping_mul(n, 0x9E37_79B9_7F4A_7C15),
            )
            .1
        })
        .collect();
    let mut counts = BTreeMap::new();
    held.iter().for_each(|a| {
        *counts
            .entry(lane.pool().seat(a.spot).model.to_string())
            .or_default() += 1
    });
    assert_eq!(counts, of(&[("A1", 30), ("A2", 10), ("B", 10)]));
}

#[test]
fn fastest_prefers_who_is_quick_but_forgets_nobody() {
    let mut config = simple(&[(1, 1), (1, 1), (1, 1)]);
    config.models[0].balance = Balance::Fastest;
    let house = live(config);
    let lane = lane(&house, "m");
    let mut counts = BTreeMap::new();
    for n in 0..3000u64 {
        let now = at(0) + ms(100 * n);
        let (mut plan, attempt) = ask(&lane, needs(), now, n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let model = lane.pool().seat(attempt.spot).model.to_string();
        let takes = if model == "A" { ms(200) } else { ms(2000) };
        plan.record(
            &*lane,
            &tidegate::route::Outcome::Answered { first_token: takes },
            now + takes,
        );
        plan.record(&*lane, &tidegate::route::Outcome::Finished, now + takes);
        *counts.entry(model).or_insert(0) += 1;
    }
    assert!(counts["A"] > 1800, "{counts:?}");
    assert!(counts["B"] > 100 && counts["C"] > 100, "{counts:?}");
}

#[test]
fn a_lower_tier_is_not_touched_while_the_upper_has_somebody() {
    let house = live(simple(&[(1, 5), (1, 1), (1, 5), (1, 1)]));
    assert_eq!(counts(&lane(&house, "m"), 100), of(&[("B", 50), ("D", 50)]));
}

#[test]
fn the_incapable_are_never_asked() {
    let mut config = simple(&[(1, 1); 8]);
    config.providers[0].enabled = false;
    config.providers[1].capabilities.tools = false;
    config.providers[2].capabilities.images = false;
    config.providers[3].capabilities.prefill = false;
    config.providers[4].offers = vec![offer("e", Format::Anthropic)];
    config.models[0].endpoints[5].streaming = false;
    config.models[0].endpoints[6].enabled = false;
    let house = live(config);
    let lane = lane(&house, "m");
    let needs = Needs {
        tools: true,
        images: true,
        prefill: true,
        ..needs()
    };
    for n in 0..50 {
        assert_eq!(next(&lane, needs.clone(), at(n)), "H");
    }
}

#[test]
fn nobody_able_says_what_the_nearest_lack() {
    let mut config = simple(&[(1, 1), (1, 1)]);
    config.providers[0].offers = vec![offer("a", Format::Anthropic)];
    config.providers[0].capabilities.tools = false;
    config.providers[1].capabilities.tools = false;
    let house = live(config);
    let lane = lane(&house, "m");
    let mut plan = Plan::new(
        lane.pool().clone(),
        Needs {
            tools: true,
            ..needs()
        },
        at(0),
    );
    let Step::Stop(stop) = plan.next(&*lane, at(0), 0) else {
        panic!("somebody was asked")
    };
    let Why::Incapable(lacks) = stop.why else {
        panic!("{stop:?}")
    };
    assert_eq!(lacks.iter().collect::<Vec<_>>(), [Lack::Tools]);
    assert_eq!((stop.best, stop.retry_after), (None, None));
}

#[test]
fn a_stream_is_not_asked_of_who_has_none_nor_the_reverse() {
    let mut config = simple(&[(1, 1), (1, 1)]);
    config.models[0].endpoints[0].streaming = false;
    config.models[0].endpoints[1].non_streaming = false;
    let house = live(config);
    let lane = lane(&house, "m");
    for n in 0..10 {
        assert_eq!(next(&lane, needs(), at(n)), "B");
        assert_eq!(next(&lane, Needs::of(Format::OpenaiChat), at(n)), "A");
    }
}

#[test]
fn keys_take_turns_by_weight_and_those_switched_off_do_not() {
    let mut config = simple(&[(4, 1)]);
    let tidegate::config::Keys::Own(keys) = &mut config.providers[0].keys else {
        panic!("own keys")
    };
    keys[1].weight = 2;
    keys[2].enabled = false;
    let house = live(config);
    let lane = lane(&house, "m");
    let turns: Vec<_> = (0..8)
        .map(|n| ask(&lane, needs(), at(n), 0).1.key.unwrap())
        .collect();
    assert_eq!(turns, [1, 0, 3, 1, 1, 0, 3, 1]);
}

#[test]
fn a_limited_key_is_passed_over_until_its_time() {
    let house = live(simple(&[(2, 1)]));
    let lane = lane(&house, "m");
    let mut now = at(0);
    run(
        &lane,
        needs(),
        &mut now,
        &mut script([("A#0", vec![limited(secs(60))])]),
    );
    let key = |secs| ask(&lane, needs(), at(secs), 0).1.key.unwrap();
    assert_eq!([key(10), key(20), key(59)], [1, 1, 1]);
    let later: Vec<_> = (62..66).map(key).collect();
    assert_eq!(later.iter().filter(|key| **key == 0).count(), 2);
}

#[test]
fn fallbacks_come_after_the_last_tier_the_nearest_first_and_without_loops() {
    let models = vec![
        model("m", vec![endpoint(0, "A", 1), endpoint(0, "A2", 2)]),
        model("f", vec![endpoint(1, "B", 1)]),
        model("g", vec![endpoint(2, "C", 1)]),
        model("h", vec![endpoint(3, "D", 1)]),
    ];
    let mut config = gateway(
        ["a", "b", "c", "d"].map(|name| provider(name, 1)).into(),
        models,
    );
    config.models[0].fallbacks = vec![1, 2];
    config.models[1].fallbacks = vec![3, 0];
    let dead =
        &mut script(["A", "A2", "B", "C", "D"].map(|name| (name, vec![failed(Failure::Silence)])));
    let steps = once(config.clone(), dead);
    assert_eq!(steps[..6], ["A#0", "A2#0", "B#0", "C#0", "D#0", "Failed"]);
    config.models[1].enabled = false;
    let steps = once(config, dead);
    assert_eq!(
        steps[..4],
        ["A#0", "A2#0", "C#0", "Failed"],
        "what is switched off is no fallback"
    );
}

#[test]
fn an_endpoint_that_a_fallback_shares_is_not_asked_twice() {
    let models = vec![
        model("m", vec![endpoint(0, "A", 1)]),
        model("f", vec![endpoint(0, "A", 1), endpoint(1, "B", 1)]),
    ];
    let mut config = gateway(vec![provider("a", 1), provider("b", 1)], models);
    config.models[0].fallbacks = vec![1];
    let steps = once(config, &mut script([("A", vec![failed(Failure::Silence)])]));
    assert_eq!(steps, ["A#0", "B#0", "ok"]);
}

fn turn(conversation: u64, later_turn: bool) -> Needs {
    Needs {
        conversation: Some(conversation),
        later_turn,
        ..needs()
    }
}

fn sticky(mut config: Gateway) -> tidegate::live::Live {
    config.models[0].sticky = true;
    live(config)
}

#[test]
fn later_turns_stay_and_first_turns_are_balanced() {
    let house = sticky(simple(&[(1, 1); 4]));
    let lane = lane(&house, "m");
    let homes: Vec<String> = (0..8).map(|c| next(&lane, turn(c, false), at(0))).collect();
    assert_eq!(homes, ["A", "B", "C", "D", "A", "B", "C", "D"]);
    for minute in 1..20 {
        for (conversation, home) in homes.iter().enumerate() {
            assert_eq!(
                &next(&lane, turn(conversation as u64, true), at(60 * minute)),
                home
            );
        }
    }
    assert_eq!(next(&lane, turn(3, true), at(60 * 19 + 299)), "D");
    let forgotten: Vec<String> = (0..4)
        .map(|n| next(&lane, turn(1, true), at(3000 + 400 * n)))
        .collect();
    assert!(
        forgotten.iter().any(|home| home != "B"),
        "after five minutes it is balanced: {forgotten:?}"
    );
}

#[test]
fn a_conversation_moves_when_its_endpoint_fails_and_stays_there() {
    let house = sticky(simple(&[(1, 1), (1, 1)]));
    let lane = lane(&house, "m");
    assert_eq!(next(&lane, turn(1, false), at(0)), "A");
    let mut now = at(10);
    let dead = &mut script([("A", vec![failed(Failure::Silence)])]);
    assert_eq!(
        run(&lane, turn(1, true), &mut now, dead),
        ["A#0", "B#0", "ok"]
    );
    for n in 0..4 {
        let mut now = at(120 + n);
        run(&lane, needs(), &mut now, &mut script([]));
        assert_eq!(next(&lane, turn(1, true), at(130 + n)), "B");
    }
}

#[test]
fn a_conversation_is_spilled_over_the_bound_but_keeps_its_home() {
    let house = sticky(simple(&[(1, 1); 4]));
    let lane = lane(&house, "m");
    assert_eq!(next(&lane, turn(1, false), at(0)), "A");
    let held: Vec<_> = (0..6)
        .map(|_| ask(&lane, turn(1, true), at(1), 0).1)
        .collect();
    let at_home = held
        .iter()
        .filter(|a| lane.pool().seat(a.spot).model.as_ref() == "A")
        .count();
    assert!(
        at_home <= 2 + 1,
        "1.25 times a quarter of six, rounded up, and its turn in the rotation: {at_home}"
    );
    let (mut plan, spilled) = ask(&lane, turn(1, true), at(1), 0);
    plan.record(&*lane, &ok(), at(2));
    drop((held, spilled));
    assert_eq!(next(&lane, turn(1, true), at(3)), "A");
}

#[test]
fn a_second_first_turn_of_a_session_does_not_move_its_home() {
    let house = sticky(simple(&[(1, 1), (1, 1)]));
    let lane = lane(&house, "m");
    assert_eq!(next(&lane, turn(1, false), at(0)), "A");
    assert_eq!(next(&lane, turn(1, false), at(1)), "B", "balanced");
    for n in 0..4 {
        assert_eq!(next(&lane, turn(1, true), at(2 + n)), "A");
    }
}

/// A later turn with opaque state of these providers.
fn sealed(issuers: &[usize]) -> Needs {
    Needs {
        issuers: issuers.to_vec(),
        ..turn(7, true)
    }
}

#[test]
fn opaque_state_goes_back_to_who_issued_it_whatever_the_strategy() {
    for balance in [
        Balance::RoundRobin,
        Balance::Weighted,
        Balance::LeastBusy,
        Balance::Fastest,
    ] {
        let mut config = simple(&[(1, 1); 4]);
        config.models[0].balance = balance;
        let house = live(config);
        let lane = lane(&house, "m");
        for n in 0..40u64 {
            let dice = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (mut plan, attempt) = ask(&lane, sealed(&[2]), at(n), dice);
            plan.record(&*lane, &ok(), at(n));
            assert_eq!(&*lane.pool().seat(attempt.spot).model, "C", "{balance:?}");
        }
    }
}

#[test]
fn of_several_issuers_the_conversations_own_else_each_in_its_turn() {
    let house = live(simple(&[(1, 1); 4]));
    let lane_of = lane(&house, "m");
    let picks: Vec<String> = (0..4)
        .map(|n| next(&lane_of, sealed(&[1, 3]), at(n)))
        .collect();
    assert_eq!(picks, ["B", "D", "B", "D"]);
    let house = sticky(simple(&[(1, 1); 4]));
    let lane_of = lane(&house, "m");
    let first = next(&lane_of, sealed(&[1, 3]), at(0));
    for n in 1..6 {
        assert_eq!(next(&lane_of, sealed(&[1, 3]), at(n)), first);
    }
    // State weighs more than a warm prompt cache.
    assert_eq!(next(&lane_of, sealed(&[0]), at(9)), "A");
}

#[test]
fn an_issuer_that_cools_or_is_over_its_bound_is_done_without() {
    let house = live(simple(&[(1, 1), (1, 1)]));
    let lane_of = lane(&house, "m");
    let held: Vec<_> = (0..3)
        .map(|n| ask(&lane_of, sealed(&[1]), at(n), 0).1)
        .collect();
    let asked: Vec<&str> = held
        .iter()
        .map(|attempt| &*lane_of.pool().seat(attempt.spot).model)
        .collect();
    assert_eq!(
        asked,
        ["B", "B", "A"],
        "1.25 times the half of three is two"
    );
    drop(held);
    let mut now = at(10);
    let dead = &mut script([("B", vec![failed(Failure::Silence)])]);
    assert_eq!(
        run(&lane_of, sealed(&[1]), &mut now, dead),
        ["B#0", "A#0", "ok"]
    );
    assert_eq!(next(&lane_of, sealed(&[1]), at(11)), "A");
}

#[test]
fn an_issuer_in_a_lower_tier_waits_for_its_tier() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    assert_eq!(next(&lane, sealed(&[1]), at(0)), "A");
    let dead = &mut script([("A", vec![failed(Failure::Silence)])]);
    assert_eq!(
        run(&lane, sealed(&[1]), &mut at(1), dead),
        ["A#0", "B#0", "ok"]
    );
}

#[test]
fn who_failed_since_is_looked_at_closer() {
    let house = live(simple(&[(1, 1), (1, 1), (2, 1)]));
    let lane = lane(&house, "m");
    let suspects = || {
        let mut among = Seats::all(3);
        let suspects = lane.suspects(0, &mut among);
        assert_eq!(suspects.count() + among.count(), 3);
        suspects.iter().collect::<Vec<_>>()
    };
    assert!(suspects().is_empty());
    let mut now = at(0);
    run(
        &lane,
        needs(),
        &mut now,
        &mut script([("A", vec![failed(Failure::Silence)])]),
    );
    assert_eq!(suspects(), [0]);
    run(
        &lane,
        needs(),
        &mut now,
        &mut script([("C#0", vec![limited(secs(9))])]),
    );
    assert_eq!(suspects(), [0, 2], "a key too");
    let mut now = at(60);
    run(&lane, needs(), &mut now, &mut script([]));
    assert_eq!(suspects(), [2]);
}

#[test]
fn a_home_in_a_lower_tier_does_not_keep_a_conversation_from_the_upper() {
    let house = sticky(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let dead = &mut script([("A", vec![failed(Failure::Silence)])]);
    assert_eq!(
        run(&lane, turn(1, false), &mut at(0), dead),
        ["A#0", "B#0", "ok"]
    );
    assert_eq!(
        run(&lane, turn(1, true), &mut at(60), &mut script([])),
        ["A?#0", "ok"]
    );
}

#[test]
fn an_attempt_tells_what_has_decided_for_its_endpoint_and_between_how_many() {
    let why = |lane: &Lane, needs: Needs, n: u64| {
        let (mut plan, attempt) = ask(lane, needs, at(n), 0);
        plan.record(lane, &ok(), at(n));
        (attempt.chosen.by, attempt.chosen.of)
    };
    for balance in [
        Balance::RoundRobin,
        Balance::Weighted,
        Balance::LeastBusy,
        Balance::Fastest,
    ] {
        let mut config = simple(&[(1, 1), (1, 1), (1, 1), (1, 2)]);
        config.models[0].balance = balance;
        let house = sticky(config);
        let lane = lane(&house, "m");
        let first = why(&lane, turn(7, false), 0);
        assert_eq!(first, (By::Strategy(balance), 3));
        assert_eq!(why(&lane, turn(7, true), 1), (By::Conversation, 3));
        assert_eq!(why(&lane, sealed(&[1]), 2), (By::Issuer, 3));
    }
}

#[test]
fn of_those_that_are_left_the_last_is_alone_and_a_retry_was_asked_before() {
    let mut config = simple(&[(1, 1), (1, 1)]);
    config.models[0].endpoints[0].policy.retry.retries = 1;
    let house = live(config);
    let lane = lane(&house, "m");
    let (mut plan, first) = ask(&lane, needs(), at(0), 0);
    assert_eq!((first.purpose, first.chosen.of), (Purpose::First, 2));
    drop(first);
    plan.record(&*lane, &status(500), at(0));
    let (mut seen, mut now) = (Vec::new(), at(0));
    loop {
        match plan.next(&*lane, now, 0) {
            Step::Try(attempt) => {
                seen.push((attempt.purpose, attempt.chosen.by));
                drop(attempt);
                plan.record(&*lane, &status(500), now);
            }
            Step::Wait(wait) => now = now + wait,
            Step::Stop(_) => break,
        }
    }
    assert!(seen.starts_with(&[(Purpose::Retry, By::Again)]), "{seen:?}");
    assert!(
        seen.contains(&(Purpose::OtherEndpoint, By::Alone)),
        "{seen:?}"
    );
}

#[test]
fn who_has_failed_before_is_asked_as_its_own_probe() {
    let house = live(simple(&[(1, 1), (1, 1)]));
    let lane = lane(&house, "m");
    let dead = &mut script([("A", vec![failed(Failure::Silence)])]);
    let mut now = at(0);
    run(&lane, needs(), &mut now, dead);
    let (_, alone) = ask(&lane, needs(), now, 0);
    assert_eq!((alone.chosen.by, alone.chosen.of), (By::Alone, 1));
    let (_, probe) = ask(&lane, needs(), now + secs(61), 0);
    assert!(probe.probe);
    assert_eq!((probe.chosen.by, probe.chosen.of), (By::Probe, 1));
}
