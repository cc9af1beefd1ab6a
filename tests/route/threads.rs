//! The same pool, many threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tidegate::route::{Outcome, Plan, Spot, Step};

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

/// Half-open: of all who come at the same moment one finds out and the others are served elsewhere, round after round,
/// while the configuration is loaded anew again and again.
#[test]
fn of_all_who_come_at_once_exactly_one_finds_out_also_through_reloads() {
    const THREADS: usize = 8;
    const ROUNDS: u64 = 300;
    let config = simple(&[(1, 1), (1, 2)]);
    let house = live(config.clone());
    let fails = |plan: &mut Plan, lane: &tidegate::live::Lane, now| {
        plan.record(lane, &failed(tidegate::route::Failure::Silence), now);
    };
    {
        let lane = lane(&house, "m");
        let mut plan = Plan::new(lane.pool().clone(), needs(), at(0));
        drop(plan.next(&*lane, at(0), 0));
        fails(&mut plan, &lane, at(0));
    }
    let (probes, others) = (AtomicU32::new(0), AtomicU32::new(0));
    let (step, over) = (Barrier::new(THREADS), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reloads = scope.spawn(|| {
            let mut reloads = 0;
            while !over.load(Ordering::Relaxed) {
                house.replace(config.clone());
                reloads += 1;
            }
            reloads
        });
        let clients: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for round in 1..=ROUNDS {
                        let now = at(round * 100);
                        step.wait();
                        let lane = lane(&house, "m");
                        let mut plan = Plan::new(lane.pool().clone(), needs(), now);
                        let Step::Try(attempt) = plan.next(&*lane, now, 0) else {
                            panic!("nobody to ask")
                        };
                        let count = if attempt.probe { &probes } else { &others };
                        count.fetch_add(1, Ordering::SeqCst);
                        let is_a = lane.pool().seat(attempt.spot).model.as_ref() == "A";
                        assert_eq!(attempt.probe, is_a);
                        // Nobody knows how it ends before everybody has asked.
                        step.wait();
                        match attempt.probe {
                            true => fails(&mut plan, &lane, now),
                            false => {
                                plan.record(&*lane, &ok(), now);
                                plan.record(&*lane, &Outcome::Finished, now);
                            }
                        }
                        drop(attempt);
                        if step.wait().is_leader() {
                            assert_eq!(probes.swap(0, Ordering::SeqCst), 1, "round {round}");
                            let others = others.swap(0, Ordering::SeqCst);
                            assert_eq!(others as usize, THREADS - 1, "round {round}");
                        }
                    }
                })
            })
            .collect();
        let ended: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        over.store(true, Ordering::Relaxed);
        assert!(reloads.join().unwrap() > 10);
        assert!(ended.iter().all(Result::is_ok));
    });
}
