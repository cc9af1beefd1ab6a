//! Choosing among 200 endpoints, by strategy and by how many of them are cooling.
//!
//! `choose` is what a request pays before its first attempt: plan, stage, strategy, endpoint and key entered. `whole`
//! adds what follows an answer. The budget is 1 µs and no allocation; the latter is asserted here and in
//! `tests/selection_cost.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on has failed"
)]

#[path = "../tests/route/harness.rs"]
#[allow(
    dead_code,
    reason = "the bench needs less of the harness than the tests"
)]
mod harness;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate::config::{Balance, Gateway};
use tidegate::live::{Lane, Live};
use tidegate::route::{Failure, Field, Needs, Outcome, Plan, Step};

use harness::*;

const ENDPOINTS: usize = 200;
const PROVIDERS: usize = 20;

fn gateway_of(balance: Balance, providers: usize, keys: usize) -> Gateway {
    let endpoints = (0..ENDPOINTS)
        .map(|n| endpoint(n % providers, &format!("up-{n}"), 1))
        .collect();
    let mut model = model("m", endpoints);
    model.balance = balance;
    model.sticky = true;
    gateway(
        (0..providers)
            .map(|n| provider(&format!("p{n}"), keys))
            .collect(),
        vec![model],
    )
}

/// The first `cooling` endpoints have just failed.
fn house(balance: Balance, providers: usize, keys: usize, cooling: usize) -> (Live, Arc<Lane>) {
    let live = live(gateway_of(balance, providers, keys));
    let lane = lane(&live, "m");
    let spots: Vec<_> = lane.pool().spots().take(cooling).collect();
    for spot in spots {
        let blow = tidegate::route::Blow::new(at(0), tidegate::route::Cause::Answer);
        lane.failed(spot, blow, at(0));
    }
    (live, lane)
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

fn choose(lane: &Lane, needs: &Needs, dice: &mut Dice) {
    let mut plan = Plan::new(lane.pool().clone(), needs.clone(), at(1));
    let Step::Try(attempt) = plan.next(lane, at(1), dice.next()) else {
        panic!("nobody to ask")
    };
    black_box(&attempt);
}

fn whole(lane: &Lane, needs: &Needs, dice: &mut Dice) {
    let mut plan = Plan::new(lane.pool().clone(), needs.clone(), at(1));
    let Step::Try(attempt) = plan.next(lane, at(1), dice.next()) else {
        panic!("nobody to ask")
    };
    plan.record(
        lane,
        &Outcome::Answered {
            first_token: ms(300),
        },
        at(1),
    );
    plan.record(lane, &Outcome::Finished, at(2));
    black_box(&attempt);
}

fn without_allocation(name: &str, mut work: impl FnMut()) {
    work();
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| work()));
    assert_eq!(counted.count_total, 0, "{name} allocates");
}

fn strategies(c: &mut Criterion) {
    let houses = [
        (
            "round_robin, 1 provider",
            house(Balance::RoundRobin, 1, 1, 0),
        ),
        (
            "round_robin, 20 providers",
            house(Balance::RoundRobin, PROVIDERS, 1, 0),
        ),
        (
            "round_robin, 20 providers × 4 keys",
            house(Balance::RoundRobin, PROVIDERS, 4, 0),
        ),
        ("weighted", house(Balance::Weighted, PROVIDERS, 1, 0)),
        ("least_busy", house(Balance::LeastBusy, PROVIDERS, 1, 0)),
        ("fastest", house(Balance::Fastest, PROVIDERS, 1, 0)),
    ];
    for (name, (_live, lane)) in &houses {
        let mut dice = Dice(7);
        without_allocation(name, || whole(lane, &needs(), &mut dice));
        c.bench_function(&format!("choose of 200, {name}"), |b| {
            b.iter(|| choose(lane, &needs(), &mut dice))
        });
    }
    let (_, (_, lane)) = &houses[1];
    let mut dice = Dice(7);
    c.bench_function("whole of 200, round_robin, 20 providers", |b| {
        b.iter(|| whole(lane, &needs(), &mut dice))
    });
}

fn cooling(c: &mut Criterion) {
    for cooling in [1, 20, 150] {
        for balance in [Balance::RoundRobin, Balance::LeastBusy] {
            let (_live, lane) = house(balance, PROVIDERS, 1, cooling);
            let mut dice = Dice(7);
            let name = format!("choose of 200, {balance:?}, {cooling} cooling");
            c.bench_function(&name, |b| b.iter(|| choose(&lane, &needs(), &mut dice)));
        }
    }
}

fn sticky(c: &mut Criterion) {
    let (_live, lane) = house(Balance::RoundRobin, PROVIDERS, 1, 0);
    let mut dice = Dice(7);
    let first = Needs {
        conversation: Some(5),
        ..needs()
    };
    whole(&lane, &first, &mut dice);
    let later = Needs {
        later_turn: true,
        ..first
    };
    without_allocation("sticky", || whole(&lane, &later, &mut dice));
    c.bench_function("choose of 200, sticky", |b| {
        b.iter(|| choose(&lane, &later, &mut dice))
    });
}

fn few(c: &mut Criterion) {
    let live = live(simple(&[(2, 1), (2, 1), (1, 2)]));
    let lane = lane(&live, "m");
    let mut dice = Dice(7);
    without_allocation("few", || whole(&lane, &needs(), &mut dice));
    c.bench_function("whole of 3", |b| {
        b.iter(|| whole(&lane, &needs(), &mut dice))
    });
}

fn failing(c: &mut Criterion) {
    let live = live(simple(&[(1, 1), (1, 1), (1, 2)]));
    let lane = lane(&live, "m");
    let silent = || failed(Failure::Silence);
    c.bench_function("all 3 fail", |b| {
        b.iter(|| {
            let mut dead = script([
                ("A", vec![silent()]),
                ("B", vec![silent()]),
                ("C", vec![silent()]),
            ]);
            let mut now = at(0);
            black_box(run(&lane, needs(), &mut now, &mut dead))
        });
    });
}

fn names(c: &mut Criterion) {
    let mut gateway = gateway_of(Balance::RoundRobin, PROVIDERS, 1);
    gateway.models[0].aliases = vec![tidegate::config::Glob::new("claude-*sonnet*")];
    let live = live(gateway);
    let snapshot = live.snapshot();
    for name in ["m", "claude-sonnet-4-20250514", "p3/gpt-4o"] {
        c.bench_function(&format!("resolve {name}"), |b| {
            b.iter(|| black_box(snapshot.lane(black_box(name)).is_ok()))
        });
    }
}

criterion_group!(benches, strategies, cooling, sticky, few, failing, names);
criterion_main!(benches);
