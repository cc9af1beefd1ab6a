//! Every row of the table of product §6, each as the exact sequence of steps.

use tidegate::config::Keys;
use tidegate::ir::FaultKind;
use tidegate::live::State;
use tidegate::route::{Failure, KeyMark, Needs, Outcome, PathKind, Plan, Purpose, Step};

use crate::harness::*;

fn state(live: &tidegate::live::Live, model: &str, now: tidegate::clock::Tick) -> State {
    let lane = lane(live, "m");
    lane.standing(spot(&lane, model)).state(now)
}

/// Connect errors, resets, TLS errors, 5xx, 529, 408, empty and truncated answers, and streams that are such an error.
fn again() -> Vec<Outcome> {
    let streamed = Failure::StreamError {
        kind: FaultKind::Overloaded,
        retry_after: None,
    };
    let failures = [
        Failure::Connect,
        Failure::Tls,
        Failure::ResetBeforeHead,
        Failure::EmptyAnswer,
        Failure::Truncated,
        streamed,
    ];
    failures
        .map(failed)
        .into_iter()
        .chain([500, 502, 503, 529, 408].map(status))
        .collect()
}

#[test]
fn a_failing_endpoint_is_asked_again_with_backoff_then_the_next_one() {
    for outcome in again() {
        let house = live(simple(&[(1, 1), (1, 2)]));
        let mut now = at(0);
        let steps = run(
            &lane(&house, "m"),
            needs(),
            &mut now,
            &mut script([("A", vec![outcome.clone()])]),
        );
        assert_eq!(
            steps,
            ["A#0", "125ms", "A#0", "250ms", "A#0", "B#0", "ok"],
            "{outcome:?}"
        );
        let failed_last = at(0) + 3 * TAKES + ms(375);
        assert_eq!(
            state(&house, "A", now),
            State::Cooling {
                until: failed_last + secs(5)
            },
            "from the last retry on"
        );
        assert_eq!(state(&house, "B", now), State::Well);
    }
}

#[test]
fn it_does_not_cool_as_long_as_it_has_retries() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let mut now = at(0);
    let flaky = &mut script([("A", vec![status(500), status(500), ok()])]);
    let steps = run(&lane(&house, "m"), needs(), &mut now, flaky);
    assert_eq!(steps, ["A#0", "125ms", "A#0", "250ms", "A#0", "ok"]);
    assert_eq!(state(&house, "A", now), State::Well);
}

#[test]
fn the_breaker_counts_one_a_request() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let dead = &mut script([("A", vec![status(500)])]);
    let mut now = at(0);
    for n in 1..=5 {
        now = now + secs(61);
        let steps = run(&lane(&house, "m"), needs(), &mut now, dead);
        assert_eq!(
            steps.len(),
            if n == 1 { 7 } else { 3 },
            "a probe is not retried: {steps:?}"
        );
        assert_eq!(
            matches!(state(&house, "A", now), State::Open { .. }),
            n == 5
        );
    }
}

#[test]
fn the_silent_one_is_left_at_once_and_not_asked_again() {
    for failure in [
        Failure::ConnectTimeout,
        Failure::NoFirstToken,
        Failure::Silence,
    ] {
        let house = live(simple(&[(1, 1), (1, 2)]));
        let mut now = at(0);
        let steps = run(
            &lane(&house, "m"),
            needs(),
            &mut now,
            &mut script([("A", vec![failed(failure)])]),
        );
        assert_eq!(steps, ["A#0", "B#0", "ok"]);
        assert_eq!(
            state(&house, "A", now),
            State::Cooling {
                until: at(0) + TAKES + secs(5)
            }
        );
    }
    let mut quick = simple(&[(1, 1)]);
    quick.models[0].endpoints[0].policy.cooldown.base = ms(500);
    let steps = once(
        quick,
        &mut script([("A", vec![failed(Failure::Silence), ok()])]),
    );
    assert_eq!(
        steps,
        ["A#0", "Failed", "best 1", "back in 500ms"],
        "not even when it would be back within patience"
    );
}

#[test]
fn a_rate_limit_takes_another_key_then_another_endpoint_of_the_tier_then_the_tier_below() {
    let house = live(simple(&[(2, 1), (1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let storm = &mut script([
        ("A", vec![limited(secs(30))]),
        ("B", vec![limited(secs(40))]),
    ]);
    let mut now = at(0);
    let steps = run(&lane, needs(), &mut now, storm);
    assert_eq!(steps, ["A#0", "A#1", "B#0", "C#0", "ok"]);
    let key = |model, key| lane.key(spot(&lane, model), key).held(now);
    assert_eq!(key("A", 0), Some(at(30) + TAKES));
    assert_eq!(key("A", 1), Some(at(30) + 2 * TAKES));
    assert_eq!(key("B", 0), Some(at(40) + 3 * TAKES));
    assert_eq!(key("C", 0), None);
    assert_eq!(
        state(&house, "A", now),
        State::Well,
        "only the keys cool, and nothing counts"
    );
}

#[test]
fn a_rate_limit_without_a_time_cools_the_key_by_the_cooldown() {
    let house = live(simple(&[(1, 1), (1, 1)]));
    let lane = lane(&house, "m");
    let mut now = at(0);
    let steps = run(
        &lane,
        needs(),
        &mut now,
        &mut script([("A", vec![status(429)])]),
    );
    assert_eq!(steps, ["A#0", "B#0", "ok"]);
    assert_eq!(lane.key(spot(&lane, "A"), 0).held(now), Some(at(5) + TAKES));
}

#[test]
fn before_going_down_a_tier_a_short_retry_after_is_waited_for() {
    let house = || simple(&[(1, 1), (1, 1), (1, 2)]);
    let storm = || ("B", vec![limited(secs(30))]);
    let soon = &mut script([("A", vec![limited(secs(2)), ok()]), storm()]);
    assert_eq!(once(house(), soon), ["A#0", "B#0", "1900ms", "A#0", "ok"]);
    let late = &mut script([("A", vec![limited(secs(3))]), storm()]);
    assert_eq!(once(house(), late), ["A#0", "B#0", "C#0", "ok"]);
}

#[test]
fn who_is_limited_again_and_again_is_waited_for_no_longer_than_patience_while_others_are_below() {
    let house = || simple(&[(1, 1), (1, 2)]);
    let lasts = &mut script([("A", vec![limited(secs(1))])]);
    assert_eq!(
        once(house(), lasts),
        ["A#0", "1000ms", "A#0", "1000ms", "A#0", "B#0", "ok"]
    );
}

#[test]
fn a_time_that_did_not_hold_is_not_taken_for_less_than_a_backoff() {
    let lasts = &mut script([("A", vec![limited(ms(6))])]);
    let steps = once(simple(&[(1, 1), (1, 2)]), lasts);
    let waits: Vec<&String> = steps.iter().filter(|step| step.ends_with("ms")).collect();
    assert_eq!(waits, ["6ms", "125ms"], "each is a retry: {steps:?}");
    let told = &mut script([("A", vec![limited(ms(600))])]);
    let steps = once(simple(&[(1, 1), (1, 2)]), told);
    assert_eq!(steps.iter().filter(|step| *step == "600ms").count(), 2);
}

#[test]
fn without_retry_after_the_limited_one_is_asked_again_as_after_a_500() {
    let house = || simple(&[(1, 1), (1, 2)]);
    let recovers = &mut script([("A", vec![status(429), status(429), ok()])]);
    assert_eq!(
        once(house(), recovers),
        ["A#0", "125ms", "A#0", "250ms", "A#0", "ok"]
    );
    let lasts = &mut script([("A", vec![status(429)])]);
    assert_eq!(
        once(house(), lasts),
        ["A#0", "125ms", "A#0", "250ms", "A#0", "B#0", "ok"]
    );
}

#[test]
fn when_nobody_is_left_a_rate_limit_is_waited_for_within_patience() {
    let house = || simple(&[(1, 1)]);
    assert_eq!(
        once(house(), &mut script([("A", vec![limited(ms(2500)), ok()])])),
        ["A#0", "2500ms", "A#0", "ok"]
    );
    let late = once(house(), &mut script([("A", vec![limited(ms(2501)), ok()])]));
    assert_eq!(late, ["A#0", "Failed", "best 1", "back in 2501ms"]);
}

#[test]
fn a_refused_key_is_replaced_then_the_endpoint_is() {
    let marks = [
        (401, KeyMark::Unauthenticated),
        (402, KeyMark::Unpaid),
        (403, KeyMark::Forbidden),
    ];
    for (code, mark) in marks {
        let house = live(simple(&[(2, 1), (1, 2)]));
        let lane = lane(&house, "m");
        let mut now = at(0);
        let steps = run(
            &lane,
            needs(),
            &mut now,
            &mut script([("A", vec![status(code)])]),
        );
        assert_eq!(steps, ["A#0", "A#1", "B#0", "ok"]);
        let key = lane.key(spot(&lane, "A"), 0);
        assert_eq!(
            (key.held(now), key.mark()),
            (Some(at(5) + TAKES), Some(mark))
        );
        assert_eq!(state(&house, "A", now), State::Well);
    }
}

#[test]
fn a_key_that_is_wrong_for_one_model_is_not_tried_for_another_of_its_provider() {
    for (code, expected) in [
        (401, vec!["A#0", "B#0", "ok"]),
        (403, vec!["A#0", "AA#0", "B#0", "ok"]),
    ] {
        let mut house = simple(&[(1, 1), (1, 2)]);
        house.models[0].endpoints.push(endpoint(0, "AA", 1));
        let refusing = &mut script([("A", vec![status(code)]), ("AA", vec![status(code)])]);
        assert_eq!(once(house, refusing), expected);
    }
}

#[test]
fn what_befalls_the_clients_own_credential_is_the_clients_answer() {
    for code in [429, 401, 402, 403] {
        let mut config = simple(&[(1, 1), (1, 2)]);
        config.providers[0].keys = Keys::Passthrough;
        let house = live(config);
        let mut now = at(0);
        let steps = run(
            &lane(&house, "m"),
            needs(),
            &mut now,
            &mut script([("A", vec![status(code)])]),
        );
        assert_eq!(steps, ["A#-", "Answer", "best 1"]);
        assert_eq!(state(&house, "A", now), State::Well);
    }
}

#[test]
fn the_clients_credential_goes_to_no_second_provider() {
    let mut config = simple(&[(1, 1), (1, 1), (1, 2)]);
    config.providers[0].keys = Keys::Passthrough;
    config.providers[1].keys = Keys::Passthrough;
    let steps = once(config, &mut script([("A", vec![status(404)])]));
    assert_eq!(steps, ["A#-", "C#0", "ok"], "b has passthrough too");
}

#[test]
fn who_brings_a_credential_is_not_served_on_anothers_account() {
    for failure in [
        status(500),
        failed(Failure::Connect),
        failed(Failure::NoFirstToken),
    ] {
        let mut config = simple(&[(1, 1), (1, 2)]);
        config.providers[0].keys = Keys::Passthrough;
        let steps = once(config, &mut script([("A", vec![failure])]));
        assert_eq!(steps, ["A#-", "Answer", "best 1"]);
    }
}

#[test]
fn an_unknown_model_upstream_cools_its_endpoint_on_chat_paths_only() {
    for (path, expected) in [
        (
            PathKind::Chat,
            State::Cooling {
                until: at(5) + TAKES,
            },
        ),
        (PathKind::Other, State::Well),
    ] {
        let house = live(simple(&[(2, 1), (1, 2)]));
        let mut now = at(0);
        let needs = Needs { path, ..needs() };
        let steps = run(
            &lane(&house, "m"),
            needs,
            &mut now,
            &mut script([("A", vec![status(404)])]),
        );
        assert_eq!(steps, ["A#0", "B#0", "ok"]);
        assert_eq!(state(&house, "A", now), expected);
    }
}

#[test]
fn unknown_models_do_not_open_the_breaker() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let mut now = at(0);
    for _ in 0..10 {
        now = now + secs(61);
        run(
            &lane(&house, "m"),
            needs(),
            &mut now,
            &mut script([("A", vec![status(404)])]),
        );
        assert!(matches!(state(&house, "A", now), State::Cooling { .. }));
    }
}

fn with_contexts(contexts: &[Option<u64>]) -> tidegate::config::Gateway {
    let mut house = simple(&contexts.iter().map(|_| (1, 1)).collect::<Vec<_>>());
    for (endpoint, context) in house.models[0].endpoints.iter_mut().zip(contexts) {
        endpoint.max_context = *context;
    }
    house
}

#[test]
fn what_does_not_fit_goes_to_a_larger_or_undeclared_context_and_never_to_the_same() {
    let long = || vec![said(400, FaultKind::ContextLength)];
    let house = with_contexts(&[Some(8000), Some(8000), Some(32000), None]);
    let steps = once(house, &mut script([("A", long()), ("C", long())]));
    assert_eq!(steps, ["A#0", "C#0", "D#0", "ok"]);
    let house = with_contexts(&[Some(8000), Some(8000)]);
    assert_eq!(
        once(house, &mut script([("A", long())])),
        ["A#0", "Failed", "best 1"]
    );
}

#[test]
fn a_context_that_is_too_small_for_the_estimate_is_not_asked() {
    let house = live(with_contexts(&[Some(8000), Some(32000)]));
    let big = |estimated_tokens| Needs {
        estimated_tokens,
        ..needs()
    };
    let lane = lane(&house, "m");
    assert_eq!(
        run(&lane, big(9000), &mut at(0), &mut script([])),
        ["B#0", "ok"]
    );
    let none = run(&lane, big(90_000), &mut at(0), &mut script([]));
    assert_eq!(none, ["Incapable({Context})"]);
}

#[test]
fn what_is_the_clients_own_fault_is_its_answer_at_once() {
    let faults = [
        said(400, FaultKind::ContentPolicy),
        said(400, FaultKind::InvalidRequest),
        said(413, FaultKind::TooLarge),
        said(422, FaultKind::InvalidRequest),
        failed(Failure::StreamError {
            kind: FaultKind::ContentPolicy,
            retry_after: None,
        }),
    ];
    for fault in faults {
        let house = live(simple(&[(1, 1), (1, 1)]));
        let mut now = at(0);
        let steps = run(
            &lane(&house, "m"),
            needs(),
            &mut now,
            &mut script([("A", vec![fault])]),
        );
        assert_eq!(steps, ["A#0", "Answer", "best 1"]);
        assert_eq!(state(&house, "A", now), State::Well);
    }
}

#[test]
fn a_cut_after_content_cools_and_counts_and_nothing_follows() {
    for failure in [Failure::CutAfterContent, Failure::StallAfterContent] {
        let house = live(simple(&[(1, 1)]));
        let lane = lane(&house, "m");
        let mut now = at(0);
        for n in 1..=5 {
            now = now + secs(61);
            let mut plan = Plan::new(lane.pool().clone(), needs(), now);
            let Step::Try(attempt) = plan.next(&*lane, now, 0) else {
                panic!("nobody to ask")
            };
            plan.record(&*lane, &ok(), now);
            assert!(
                matches!(plan.next(&*lane, now, 0), Step::Stop(_)),
                "committed"
            );
            plan.record(&*lane, &failed(failure.clone()), now + secs(1));
            drop(attempt);
            assert!(matches!(plan.next(&*lane, now, 0), Step::Stop(_)));
            let state = state(&house, "A", now + secs(1));
            assert_eq!(
                matches!(state, State::Open { .. }),
                n == 5,
                "answers without an end do not end the row"
            );
            assert!(!matches!(state, State::Well));
        }
    }
}

#[test]
fn a_client_that_goes_away_blames_nobody() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let mut plan = Plan::new(lane.pool().clone(), needs(), at(0));
    let Step::Try(attempt) = plan.next(&*lane, at(0), 0) else {
        panic!("nobody to ask")
    };
    plan.record(&*lane, &Outcome::ClientGone, at(1));
    drop(attempt);
    assert!(matches!(plan.next(&*lane, at(1), 0), Step::Stop(_)));
    assert_eq!(state(&house, "A", at(1)), State::Well);
    assert_eq!(lane.standing(spot(&lane, "A")).in_flight(), 0);
}

#[test]
fn a_probe_whose_client_goes_away_frees_its_slot() {
    for told in [true, false] {
        let house = live(simple(&[(1, 1)]));
        let lane = lane(&house, "m");
        let mut now = at(0);
        run(
            &lane,
            needs(),
            &mut now,
            &mut script([("A", vec![failed(Failure::Silence)])]),
        );
        now = now + secs(10);
        let mut plan = Plan::new(lane.pool().clone(), needs(), now);
        let Step::Try(attempt) = plan.next(&*lane, now, 0) else {
            panic!("nobody to ask")
        };
        assert!(attempt.probe);
        let mut kept = None;
        if told {
            plan.record(&*lane, &Outcome::ClientGone, now);
            kept = Some(attempt);
        } else {
            drop((plan, attempt));
        }
        assert_eq!(
            run(&lane, needs(), &mut now, &mut script([])),
            ["A?#0", "ok"],
            "told: {told}"
        );
        drop(kept);
    }
}

#[test]
fn attempts_of_a_request_say_what_they_are_for() {
    let house = live(simple(&[(2, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let mut plan = Plan::new(lane.pool().clone(), needs(), at(0));
    let mut purposes = Vec::new();
    for outcome in [status(500), status(429), status(429), status(500)] {
        let attempt = loop {
            match plan.next(&*lane, at(1), 0) {
                Step::Try(attempt) => break attempt,
                Step::Wait(_) => {}
                Step::Stop(stop) => panic!("{stop:?}"),
            }
        };
        purposes.push(attempt.purpose);
        plan.record(&*lane, &outcome, at(1));
    }
    assert_eq!(
        purposes,
        [
            Purpose::First,
            Purpose::Retry,
            Purpose::OtherKey,
            Purpose::Retry
        ]
    );
}
