//! Explanations: of requests that were made, and of those that might be.

use tidegate::clock::Tick;
use tidegate::config::Balance;
use tidegate::live::{Lane, Outlook, foresee};
use tidegate::route::{Explanation, Failure, Needs, Outcome, Plan, Seen, Step, Why};

use crate::harness::*;

fn shown(explanation: &Explanation) -> Vec<String> {
    let text = explanation.to_string();
    let lines = text.lines().skip(1);
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn foreseen(lane: &Lane, now: Tick) -> (Vec<String>, Outlook) {
    let (explanation, outlook) = foresee(lane, needs(), now, 7);
    (shown(&explanation), outlook)
}

#[test]
fn what_is_foreseen_first_is_what_the_next_request_asks() {
    for balance in [
        Balance::RoundRobin,
        Balance::Weighted,
        Balance::LeastBusy,
        Balance::Fastest,
    ] {
        let mut endpoints = vec![
            endpoint(0, "A", 1),
            endpoint(1, "B", 1),
            endpoint(2, "C", 1),
        ];
        endpoints[0].weight = 3;
        let mut model = model("m", endpoints);
        model.balance = balance;
        let providers = ["a", "b", "c"].map(|name| provider(name, 2)).into();
        let house = live(gateway(providers, vec![model]));
        let lane = lane(&house, "m");
        for n in 0..40 {
            let now = at(0) + ms(n * 100);
            let dice = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (first, outlook) = foresee(&lane, needs(), now, dice);
            assert_eq!(outlook, Outlook::Asks);
            let again = foresee(&lane, needs(), now, dice);
            assert_eq!(again.0, first, "looking changes nothing");
            let mut plan = Plan::new(lane.pool().clone(), needs(), now);
            let Step::Try(attempt) = plan.next(&*lane, now, dice) else {
                panic!("nobody to ask");
            };
            let asked = lane.pool().seat(attempt.spot).model.clone();
            assert_eq!(
                first.first().map(|one| &one.model),
                Some(&asked),
                "{balance:?} {n}"
            );
            plan.record(&*lane, &ok(), now);
            plan.record(&*lane, &Outcome::Finished, now);
        }
    }
}

#[test]
fn every_endpoint_is_named_with_its_turn_or_why_it_has_none() {
    let mut house = simple(&[(1, 1), (1, 1), (1, 1), (1, 2), (1, 3)]);
    house.providers[4].capabilities.tools = false;
    let house = live(house);
    let lane = lane(&house, "m");
    let mut now = at(0);
    let mut plan = Plan::new(lane.pool().clone(), needs(), now);
    let mut dead = script([("A", vec![failed(Failure::ConnectTimeout)])]);
    drive(&mut plan, &lane, &mut now, &mut dead);
    assert_eq!(
        shown(&plan.explain(now)),
        [
            "tier 1 a/A attempt 1",
            "tier 1 b/B attempt 2",
            "tier 1 c/C not its turn",
            "tier 2 d/D not its turn",
            "tier 3 e/E not its turn"
        ]
    );
    let tools = Needs {
        tools: true,
        ..needs()
    };
    let (explanation, outlook) = foresee(&lane, tools, now + secs(1), 7);
    assert_eq!(outlook, Outlook::Asks);
    assert_eq!(
        shown(&explanation),
        [
            "tier 1 a/A cooling after a failure for 3.9 s more",
            "tier 1 b/B attempt 2",
            "tier 1 c/C attempt 1",
            "tier 2 d/D attempt 3",
            "tier 3 e/E takes no tools"
        ]
    );
}

#[test]
fn a_look_takes_no_probe() {
    let house = live(simple(&[(1, 1), (1, 2)]));
    let lane = lane(&house, "m");
    let mut now = at(0);
    let mut dead = script([("A", vec![failed(Failure::ConnectTimeout)])]);
    run(&lane, needs(), &mut now, &mut dead);
    let later = now + secs(20);
    for _ in 0..3 {
        let (lines, _) = foreseen(&lane, later);
        assert_eq!(lines, ["tier 1 a/A attempt 1", "tier 2 b/B attempt 2"]);
    }
    let mut later = later;
    assert_eq!(
        run(&lane, needs(), &mut later, &mut script([])),
        ["A?#0", "ok"]
    );
}

#[test]
fn who_is_waited_for_and_who_is_refused_is_said() {
    let house = live(simple(&[(1, 1)]));
    let lane = lane(&house, "m");
    let mut now = at(0);
    let mut dead = script([("A", vec![failed(Failure::ConnectTimeout)])]);
    run(&lane, needs(), &mut now, &mut dead);
    let (lines, outlook) = foreseen(&lane, now + ms(500));
    assert_eq!(lines, ["tier 1 a/A cooling after a failure for 4.5 s more"]);
    let Outlook::Refused(stop) = &outlook else {
        panic!("{outlook:?}");
    };
    assert_eq!((stop.why, stop.retry_after), (Why::Cooling, Some(ms(4500))));
    assert_eq!(
        outlook.to_string(),
        "refused: nobody is there, the first is back in 4.5 s"
    );
    let (_, outlook) = foreseen(&lane, now + ms(3000));
    assert_eq!(outlook, Outlook::Waits(ms(2000)), "within its patience");
}

#[test]
fn a_request_that_nobody_can_serve_is_foreseen_with_what_they_lack() {
    let mut house = simple(&[(1, 1)]);
    house.models[0].endpoints[0].max_context = Some(1000);
    let house = live(house);
    let long = Needs {
        estimated_tokens: 2000,
        ..needs()
    };
    let (explanation, outlook) = foresee(&lane(&house, "m"), long, at(0), 7);
    assert!(matches!(explanation.candidates[0].seen, Seen::Incapable(_)));
    assert_eq!(shown(&explanation), ["tier 1 a/A its context is too small"]);
    assert_eq!(outlook.to_string(), "refused: no endpoint can serve it");
}
