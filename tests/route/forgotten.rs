//! What is remembered of endpoints that a configuration lacks for a while.

use tidegate::live::State;
use tidegate::route::Failure;

use crate::harness::*;

#[test]
fn who_is_taken_out_and_put_back_stands_as_before() {
    let house = live(simple(&[(1, 1), (1, 1)]));
    let mut now = at(0);
    let storm = &mut script([
        ("A", vec![failed(Failure::Silence)]),
        ("B", vec![limited(secs(90))]),
    ]);
    run(&lane(&house, "m"), needs(), &mut now, storm);
    let cooling = State::Cooling {
        until: at(5) + TAKES,
    };
    let registered = |house: &tidegate::live::Live| {
        let snapshot = house.snapshot();
        let registry = snapshot.registry();
        (registry.endpoints().len(), registry.keys().len())
    };
    assert_eq!(registered(&house), (2, 2));

    let mut without = simple(&[(1, 1), (1, 1)]);
    without.models.clear();
    house.replace(without);
    assert_eq!(registered(&house), (0, 0), "and in no metric meanwhile");

    house.replace(simple(&[(1, 1), (1, 1)]));
    let lane = lane(&house, "m");
    let (a, b) = (spot(&lane, "A"), spot(&lane, "B"));
    assert_eq!(lane.standing(a).state(now), cooling);
    assert!(lane.key(b, 0).held(now).is_some());
}

#[test]
fn who_was_well_leaves_nothing() {
    let house = live(simple(&[(1, 1)]));
    let well = std::sync::Arc::downgrade(lane(&house, "m").standing(spot(&lane(&house, "m"), "A")));
    let mut without = simple(&[(1, 1)]);
    without.models.clear();
    house.replace(without);
    assert!(well.upgrade().is_none());
}
