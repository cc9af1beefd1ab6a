//! The same pool, many threads.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Barrier, Mutex};

use tidegate::route::{Failure, Plan, Spot, Step};

use crate::harness::*;
use crate::properties::outcome;

/// Many threads over one pool: nobody waits for ever, no probe runs beside another, nothing is left behind.
#[test]
fn threads_share_a_pool_without_loss() {
    let live = live(simple(&[(2, 1), (2, 1), (1, 2)]));
    let lane = lane(&live, "m");
    let probes: Vec<AtomicU32> = lane.pool().spots().map(|_| AtomicU32::new(0)).collect();
    let (probed, clock) = (AtomicU32::new(0), AtomicU32::new(0));
    let index = &|spot: Spot| lane.pool().spots().position(|other| other == spot).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (lane, probes, probed, clock) = (&lane, &probes, &probed, &clock);
            scope.spawn(move || {
                for n in 0..3000u64 {
                    let dice = (thread * 3000 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    let mut now = at(0) + ms(100) * clock.fetch_add(1, Ordering::Relaxed);
                    let mut plan = Plan::new(lane.pool().clone(), needs(), now);
                    let told = outcome(usize::try_from(dice >> 60).unwrap());
                    for _ in 0..60 {
                        match plan.next(&**lane, now, dice) {
                            Step::Wait(wait) => now = now + wait,
                            Step::Stop(_) => break,
                            Step::Try(attempt) => {
                                let running = &probes[index(attempt.spot)];
                                if attempt.probe {
                                    probed.fetch_add(1, Ordering::Relaxed);
                                    assert_eq!(
                                        running.fetch_add(1, Ordering::SeqCst),
                                        0,
                                        "two probes at once"
                                    );
                                    std::thread::yield_now();
                                    running.fetch_sub(1, Ordering::SeqCst);
                                }
                                plan.record(&**lane, &told, now);
                                drop(attempt);
                            }
                        }
                    }
                }
            });
        }
    });
    let probed = probed.into_inner();
    assert!(probed > 100, "{probed}");
    for spot in lane.pool().spots() {
        assert_eq!(lane.standing(spot).in_flight(), 0);
    }
    assert_eq!(
        run(&lane, needs(), &mut at(10_000), &mut script([]))
            .last()
            .map(String::as_str),
        Some("ok")
    );
}

/// What became of those who came at the same moment.
#[derive(Debug, Default, PartialEq)]
struct Round {
    find_out: usize,
    elsewhere: usize,
    /// Nobody was asked, or an endpoint in another way than it should be.
    astray: usize,
}

/// Half-open: of all who come at the same moment one finds out and the others are served elsewhere, round after round,
/// while the configuration is loaded anew again and again.
#[test]
fn of_all_who_come_at_once_exactly_one_finds_out_also_through_reloads() {
    const THREADS: usize = 8;
    let config = simple(&[(1, 1), (1, 2)]);
    let house = live(config.clone());
    run(
        &lane(&house, "m"),
        needs(),
        &mut at(0),
        &mut script([("A", vec![failed(Failure::Silence)])]),
    );
    let rounds: Vec<Mutex<Round>> = (0..300).map(|_| Mutex::default()).collect();
    let (step, over) = (Barrier::new(THREADS), AtomicBool::new(false));
    // Nothing is asserted in a thread: the others would wait for it for ever.
    let client = || {
        for (n, round) in rounds.iter().enumerate() {
            let now = at(100 * (n as u64 + 1));
            step.wait();
            let lane = lane(&house, "m");
            let mut plan = Plan::new(lane.pool().clone(), needs(), now);
            let next = plan.next(&*lane, now, 0);
            // Nobody knows how it ends before everybody has asked.
            step.wait();
            let Step::Try(attempt) = next else {
                round.lock().unwrap().astray += 1;
                continue;
            };
            let model = &*lane.pool().seat(attempt.spot).model;
            let outcome = match (attempt.probe, model) {
                (true, "A") => {
                    round.lock().unwrap().find_out += 1;
                    failed(Failure::Silence)
                }
                (false, "B") => {
                    round.lock().unwrap().elsewhere += 1;
                    ok()
                }
                _ => {
                    round.lock().unwrap().astray += 1;
                    ok()
                }
            };
            plan.record(&*lane, &outcome, now);
            drop(attempt);
        }
    };
    let reload = || {
        let mut reloads = 0;
        while !over.load(Ordering::Relaxed) {
            house.replace(config.clone());
            reloads += 1;
        }
        reloads
    };
    let reloads = std::thread::scope(|scope| {
        let reloads = scope.spawn(reload);
        let clients: Vec<_> = (0..THREADS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().for_each(|c| c.join().unwrap());
        over.store(true, Ordering::Relaxed);
        reloads.join().unwrap()
    });
    assert!(reloads > 10, "{reloads}");
    let expected = Round {
        find_out: 1,
        elsewhere: THREADS - 1,
        astray: 0,
    };
    for (n, round) in rounds.into_iter().enumerate() {
        assert_eq!(round.into_inner().unwrap(), expected, "round {n}");
    }
}
