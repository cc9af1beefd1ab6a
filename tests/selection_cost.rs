//! Choosing an endpoint among 200, and everything that follows a good answer, allocates nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a proof that cannot go on has failed"
)]

#[path = "route/harness.rs"]
#[allow(
    dead_code,
    reason = "this needs less of the harness than the tests of route"
)]
mod harness;

use tidegate::config::{Balance, Endpoint, Quota};
use tidegate::live::Lane;
use tidegate::route::{Draw, Needs, Outcome, Plan, Step};

use harness::*;

fn answered(lane: &Lane, needs: Needs, dice: u64) {
    let mut plan = Plan::new(lane.pool().clone(), needs, at(1));
    let Step::Try(attempt) = plan.next(lane, at(1), dice) else {
        panic!("nobody to ask")
    };
    attempt.pass.accepted(200);
    plan.record(
        lane,
        &Outcome::Answered {
            first_token: ms(300),
        },
        at(1),
    );
    plan.record(lane, &Outcome::Finished, at(2));
    attempt.pass.settle(7);
    drop(attempt);
}

#[test]
fn choosing_among_200_endpoints_allocates_nothing() {
    choosing_allocates_nothing(None);
}

#[test]
fn nor_does_a_quota_at_every_one_of_them() {
    choosing_allocates_nothing(quota(Some(1_000_000), Some(1_000_000_000_000)).as_ref());
}

fn choosing_allocates_nothing(quota: Option<&Quota>) {
    for balance in [
        Balance::RoundRobin,
        Balance::Weighted,
        Balance::LeastBusy,
        Balance::Fastest,
    ] {
        let endpoints = (0..200)
            .map(|n| Endpoint {
                quota: quota.cloned(),
                ..endpoint(n % 20, &format!("up-{n}"), 1)
            })
            .collect();
        let mut model = model("m", endpoints);
        (model.balance, model.sticky) = (balance, true);
        let house = live(gateway(
            (0..20).map(|n| provider(&format!("p{n}"), 2)).collect(),
            vec![model],
        ));
        let lane = lane(&house, "m");
        // Ten past midnight: no window ends while it is measured.
        let snapshot = house.snapshot();
        snapshot.registry().quotas().tell_time(at(0), secs(600));
        for meter in snapshot.meters() {
            meter.read(at(0));
        }
        let needs = Needs {
            tools: true,
            conversation: Some(1),
            draw: Some(Draw {
                input: 1000,
                output: None,
            }),
            ..needs()
        };
        answered(&lane, needs.clone(), 0);
        let counted = allocation_counter::measure(|| {
            for dice in 0..10_000u64 {
                let dice = dice.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let needs = Needs {
                    later_turn: dice.is_multiple_of(2),
                    ..needs.clone()
                };
                answered(&lane, needs, dice);
            }
        });
        assert_eq!(counted.count_total, 0, "{balance:?} allocates");
    }
}
