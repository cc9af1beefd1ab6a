//! Endpoints whose quota is used up.

use tidegate::clock::{self, Tick};
use tidegate::config::Gateway;
use tidegate::live::{Lane, Live, Pass};
use tidegate::route::{
    Attempt, Draw, HeldBy, Lack, Needs, Outcome, Plan, Sight, Skipped, Step, Stop, Why,
};

use crate::harness::{failed, gateway, lane, live, model, ms, needs, quota, secs, simple, spot};

const HOUR: u64 = 3600;

/// `a` in the first tier, `b` in the second, both with that quota of requests.
fn pair(of_a: u64, of_b: u64) -> Gateway {
    let mut config = simple(&[(1, 1), (1, 2)]);
    config.models[0].endpoints[0].quota = quota(Some(of_a), None);
    config.models[0].endpoints[1].quota = quota(Some(of_b), None);
    config
}

fn drawing(input: u64, output: Option<u64>) -> Needs {
    Needs {
        draw: Some(Draw { input, output }),
        ..needs()
    }
}

/// A house whose clock on the wall shows ten to nine.
fn at_ten_to_nine(config: Gateway) -> (Live, Tick) {
    let house = live(config);
    let now = clock::now();
    let snapshot = house.snapshot();
    snapshot
        .registry()
        .quotas()
        .tell_time(now, secs(8 * HOUR + 50 * 60));
    // The quotas were made by the real clock; their window is that of the made-up one from here on.
    snapshot.meters().iter().for_each(|meter| {
        meter.reset(now);
    });
    (house, now)
}

fn first(lane: &Lane, needs: Needs, now: Tick) -> Result<Attempt<Pass>, Box<(Plan, Stop)>> {
    let mut plan = Plan::new(lane.pool().clone(), needs, now);
    match plan.next(lane, now, 0) {
        Step::Try(attempt) => Ok(attempt),
        Step::Stop(stop) => Err(Box::new((plan, stop))),
        Step::Wait(wait) => panic!("waits {wait:?}"),
    }
}

fn asked(lane: &Lane, now: Tick) -> String {
    let attempt = first(lane, drawing(1, None), now)
        .map_err(|ended| ended.1)
        .unwrap();
    attempt.pass.settle(1);
    lane.pool().seat(attempt.spot).model.to_string()
}

#[test]
fn the_spent_are_skipped_until_the_reset_and_then_come_first_again() {
    let (house, now) = at_ten_to_nine(pair(2, 5));
    let lane = lane(&house, "m");
    let order: Vec<String> = (0..4).map(|_| asked(&lane, now)).collect();
    assert_eq!(order, ["A", "A", "B", "B"]);
    assert_eq!(asked(&lane, now + secs(599)), "B");
    assert_eq!(asked(&lane, now + secs(600)), "A");
}

#[test]
fn where_everybody_is_spent_it_says_so_and_until_when() {
    let (house, now) = at_ten_to_nine(pair(1, 1));
    let lane = lane(&house, "m");
    assert_eq!(
        (asked(&lane, now), asked(&lane, now)),
        ("A".into(), "B".into())
    );
    let (plan, stop) = *first(&lane, drawing(1, None), now).unwrap_err();
    assert_eq!((stop.why, stop.best), (Why::Spent, None));
    assert_eq!(stop.retry_after, Some(secs(600)));
    for (_, sight) in plan.trace() {
        let until = Some(now + secs(600));
        let why = Skipped::Held(HeldBy::Quota);
        assert_eq!(sight, Sight::Skipped { why, until });
    }
}

#[test]
fn one_who_cools_beside_the_spent_is_a_503() {
    let (house, now) = at_ten_to_nine(pair(1, 1));
    let lane = lane(&house, "m");
    assert_eq!(asked(&lane, now), "A");
    let mut plan = Plan::new(lane.pool().clone(), drawing(1, None), now);
    while let Step::Try(attempt) = plan.next(&*lane, now, 0) {
        attempt.pass.close();
        plan.record(&*lane, &failed(tidegate::route::Failure::NoFirstToken), now);
    }
    let (_, stop) = *first(&lane, drawing(1, None), now).unwrap_err();
    assert_eq!((stop.why, stop.retry_after), (Why::Cooling, Some(secs(5))));
}

#[test]
fn what_others_have_reserved_is_waited_for() {
    let (house, now) = at_ten_to_nine(pair(1, 1));
    let lane = lane(&house, "m");
    let a = first(&lane, drawing(1, None), now).unwrap();
    let b = first(&lane, drawing(1, None), now).unwrap();
    let mut plan = Plan::new(lane.pool().clone(), drawing(1, None), now);
    let Step::Wait(wait) = plan.next(&*lane, now, 0) else {
        panic!("no wait")
    };
    assert_eq!(wait, ms(250));
    drop(a);
    let Step::Try(attempt) = plan.next(&*lane, now + wait, 0) else {
        panic!("the reservation came back")
    };
    assert_eq!(attempt.spot, spot(&lane, "A"));
    drop(b);
}

#[test]
fn a_failed_attempt_leaves_room_for_its_own_retry() {
    let mut config = simple(&[(1, 1)]);
    config.models[0].endpoints[0].quota = quota(Some(1), None);
    let (house, now) = at_ten_to_nine(config);
    let lane = lane(&house, "m");
    let mut plan = Plan::new(lane.pool().clone(), drawing(1, None), now);
    let Step::Try(attempt) = plan.next(&*lane, now, 0) else {
        panic!("nobody was asked")
    };
    attempt.pass.close();
    plan.record(&*lane, &failed(tidegate::route::Failure::Connect), now);
    drop(attempt);
    assert!(matches!(plan.next(&*lane, now, 0), Step::Wait(_)));
    let Step::Try(again) = plan.next(&*lane, now + ms(125), 0) else {
        panic!("no retry")
    };
    again.pass.accepted(200);
    let answered = Outcome::Answered { first_token: ms(1) };
    plan.record(&*lane, &answered, now + ms(130));
    again.pass.settle(7);
    drop(again);
    let used = lane.meter(spot(&lane, "A")).unwrap().read(now).used;
    assert_eq!((used.requests, used.tokens), (1, 7));
}

#[test]
fn tokens_are_reserved_with_what_the_answer_may_have() {
    let mut config = simple(&[(1, 1), (1, 2)]);
    config.models[0].endpoints[0].quota = quota(None, Some(10_000));
    let (house, now) = at_ten_to_nine(config);
    let lane = lane(&house, "m");
    let who = |needs: Needs| {
        let attempt = first(&lane, needs, now).unwrap();
        let model = lane.pool().seat(attempt.spot).model.to_string();
        (model, attempt)
    };
    let (model, _held) = who(drawing(1000, Some(5000)));
    assert_eq!(model, "A");
    assert_eq!(who(drawing(1000, Some(4000))).0, "B", "6,000 are reserved");
    let (model, small) = who(drawing(100, Some(200)));
    assert_eq!(model, "A");
    small.pass.settle(300);
    let reading = lane.meter(spot(&lane, "A")).unwrap().read(now);
    assert_eq!((reading.used.tokens, reading.reserved.tokens), (300, 6000));
}

#[test]
fn a_request_over_the_whole_quota_is_no_matter_of_time() {
    let mut config = simple(&[(1, 1)]);
    config.models[0].endpoints[0].quota = quota(None, Some(1000));
    let (house, now) = at_ten_to_nine(config);
    let lane = lane(&house, "m");
    let (_, stop) = *first(&lane, drawing(10, Some(1000)), now).unwrap_err();
    let Why::Incapable(lacks) = stop.why else {
        panic!("{stop:?}")
    };
    assert_eq!(lacks.iter().collect::<Vec<_>>(), [Lack::Quota]);
    // Who says no limit gets what a quota of this size can give.
    assert!(first(&lane, drawing(10, None), now).is_ok());
}

#[test]
fn counting_takes_nothing_and_is_let_in_where_nothing_is_left() {
    let (house, now) = at_ten_to_nine(pair(1, 1));
    let lane = lane(&house, "m");
    asked(&lane, now);
    let attempt = first(&lane, needs(), now).unwrap();
    assert_eq!(attempt.spot, spot(&lane, "A"));
}

#[test]
fn counters_survive_a_reload_that_changes_the_limits() {
    let (house, now) = at_ten_to_nine(pair(1, 5));
    assert_eq!(asked(&lane(&house, "m"), now), "A");
    house.replace(pair(2, 5));
    let order: Vec<String> = (0..2).map(|_| asked(&lane(&house, "m"), now)).collect();
    assert_eq!(order, ["A", "B"]);
    house.replace(simple(&[(1, 1), (1, 2)]));
    assert_eq!(asked(&lane(&house, "m"), now), "A");
    house.replace(pair(2, 5));
    assert_eq!(asked(&lane(&house, "m"), now), "B");
}

#[test]
fn a_quota_belongs_to_the_model_and_is_shared_by_who_falls_back_to_it() {
    let mut config = simple(&[(1, 1), (1, 1)]);
    let mut of_m = config.models[0].endpoints.clone();
    let mut last = of_m.split_off(1);
    last[0].quota = quota(Some(1), None);
    let mut m = model("m", of_m);
    m.endpoints[0].enabled = false;
    m.fallbacks = vec![1];
    config = gateway(config.providers, vec![m, model("n", last)]);
    let (house, now) = at_ten_to_nine(config);
    assert_eq!(asked(&lane(&house, "m"), now), "B");
    let (_, stop) = *first(&lane(&house, "n"), drawing(1, None), now).unwrap_err();
    assert_eq!(stop.why, Why::Spent);
    assert_eq!(house.snapshot().meters().len(), 1);
}
