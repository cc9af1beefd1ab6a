//! Who gets how much, and that everybody gets some, over random pools.

use std::time::Duration;

use proptest::prelude::*;

use tidegate::clock::Tick;
use tidegate::config::Balance;
use tidegate::live::{Lane, Live, Pass};
use tidegate::route::{Attempt, Outcome, Plan, Step};

use crate::harness::*;
use crate::properties::outcome;

const BALANCES: [Balance; 4] = [
    Balance::RoundRobin,
    Balance::Weighted,
    Balance::LeastBusy,
    Balance::Fastest,
];

/// `(provider, weight)` by endpoint, and the weights of the three providers.
type Shares = (Vec<(usize, u32)>, [u32; 3]);

fn shares() -> impl Strategy<Value = Shares> {
    let endpoints = prop::collection::vec((0usize..3, 1u32..6), 1..9);
    (endpoints, [1u32..5, 1u32..5, 1u32..5])
}

fn house((sides, of_providers): &Shares, balance: Balance) -> Live {
    let providers = ["a", "b", "c"].map(|name| provider(name, 1));
    let endpoints = sides.iter().enumerate().map(|(n, (provider, weight))| {
        let mut endpoint = endpoint(*provider, &n.to_string(), 1);
        endpoint.weight = *weight;
        endpoint
    });
    let mut model = model("m", endpoints.collect());
    model.balance = balance;
    model.provider_weights = of_providers.iter().copied().enumerate().collect();
    live(gateway(providers.into(), vec![model]))
}

/// The next attempt, and the number of its endpoint. `None`: the only one is being tried out.
fn ask(lane: &Lane, now: Tick, dice: u64) -> Option<(Plan, Attempt<Pass>, usize)> {
    let mut plan = Plan::new(lane.pool().clone(), needs(), now);
    let Step::Try(attempt) = plan.next(lane, now, dice) else {
        return None;
    };
    let n = lane.pool().seat(attempt.spot).model.parse().unwrap();
    Some((plan, attempt, n))
}

fn answered(lane: &Lane, plan: &mut Plan, first_token: Duration, now: Tick) {
    plan.record(lane, &Outcome::Answered { first_token }, now);
    plan.record(lane, &Outcome::Finished, now);
}

/// In any full cycle of these weights, wherever it begins, everybody is picked as often as it weighs, give or take one.
fn is_smooth(picks: &[usize], weights: &[u32]) -> Result<(), TestCaseError> {
    let cycle: u32 = weights.iter().sum();
    for window in picks.windows(usize::try_from(cycle).unwrap()) {
        for (who, weight) in weights.iter().enumerate() {
            let got = window.iter().filter(|pick| **pick == who).count();
            let off = got.abs_diff(usize::try_from(*weight).unwrap());
            prop_assert!(
                off <= 1,
                "{} got {} in {:?} of {:?}",
                who,
                got,
                window,
                weights
            );
        }
    }
    Ok(())
}

/// How often each endpoint is asked in 200 quiet seconds, a while after these outcomes; each takes its time to answer.
fn asked_in_quiet(live: &Live, (outcomes, takes): (&[usize], &[u64]), seed: u64) -> Vec<usize> {
    let lane = lane(live, "m");
    let mut dice = seed;
    let mut roll = || {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        dice
    };
    let mut now = at(0);
    for told in outcomes {
        now = now + ms(500);
        let mut plan = Plan::new(lane.pool().clone(), needs(), now);
        if let Step::Try(attempt) = plan.next(&*lane, now, roll()) {
            plan.record(&*lane, &outcome(*told), now);
            drop(attempt);
        }
    }
    now = now + secs(61);
    let mut counts = vec![0; lane.pool().spots().count()];
    let mut running: Vec<(Tick, Duration, Plan, Attempt<Pass>)> = Vec::new();
    for n in 0..1300 {
        now = now + ms(200);
        let done = running.extract_if(.., |(until, ..)| *until <= now);
        for (_, took, mut plan, attempt) in done {
            answered(&lane, &mut plan, took, now);
            drop(attempt);
        }
        let Some((plan, attempt, picked)) = ask(&lane, now, roll()) else {
            continue;
        };
        let took = ms(takes[picked]);
        counts[picked] += usize::from(n >= 300);
        running.push((now + took, took, plan, attempt));
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_every_full_cycle_everybody_gets_its_weight_give_or_take_one(shares in shares()) {
        let (sides, of_providers) = &shares;
        let picks = |balance| {
            let live = house(&shares, balance);
            let lane = lane(&live, "m");
            (0..400u64).map(|n| {
                let now = at(0) + ms(n);
                let (mut plan, attempt, picked) = ask(&lane, now, n).unwrap();
                answered(&lane, &mut plan, ms(100), now);
                drop(attempt);
                picked
            }).collect::<Vec<_>>()
        };
        let weights: Vec<u32> = sides.iter().map(|(_, weight)| *weight).collect();
        is_smooth(&picks(Balance::Weighted), &weights)?;

        // Over providers, and over each one's endpoints whenever it is its turn.
        let picks = picks(Balance::RoundRobin);
        let has_any = |provider: usize| sides.iter().any(|(of, _)| *of == provider);
        let of = |provider: usize| if has_any(provider) { of_providers[provider] } else { 0 };
        let providers: Vec<usize> = picks.iter().map(|pick| sides[*pick].0).collect();
        is_smooth(&providers, &[of(0), of(1), of(2)])?;
        for provider in (0..3).filter(|provider| has_any(*provider)) {
            let own = picks.iter().copied().filter(|pick| sides[*pick].0 == provider);
            let weight = |(of, weight): &(usize, u32)| if *of == provider { *weight } else { 0 };
            let weights: Vec<u32> = sides.iter().map(weight).collect();
            is_smooth(&own.collect::<Vec<_>>(), &weights)?;
        }
    }

    /// Whatever has happened, and however slow somebody is: in quiet times everybody is asked.
    #[test]
    fn nobody_starves(
        shares in shares(),
        outcomes in prop::collection::vec(0usize..16, 0..60),
        takes in prop::collection::vec(100u64..4000, 9),
        seed in any::<u64>(),
    ) {
        for balance in BALANCES {
            let live = house(&shares, balance);
            let counts = asked_in_quiet(&live, (&outcomes, &takes), seed);
            prop_assert!(counts.iter().all(|count| *count > 0), "{:?}: {:?}", balance, counts);
        }
    }
}
