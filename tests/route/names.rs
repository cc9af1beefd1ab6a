//! Product §2: what a name stands for.

use tidegate::config::{Gateway, Glob};
use tidegate::route::{Resolved, Table, Unknown, permits};

use crate::harness::*;

fn globs(patterns: &[&str]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::new(*pattern)).collect()
}

/// Virtual models `sonnet` and `opus` with aliases; `relay` lists `gpt-4o` and everything `gpt-*`, `other` lists
/// `gpt-4o` and `o3`, `off` is switched off.
fn house() -> Gateway {
    let mut providers = ["relay", "other", "off"].map(|name| provider(name, 1));
    providers[0].expose = globs(&["gpt-4o", "gpt-*"]);
    providers[1].expose = globs(&["gpt-4o", "o3", "claude-listed"]);
    providers[2].expose = globs(&["only-off"]);
    providers[2].enabled = false;
    let mut models = ["sonnet", "opus", "gone"].map(|name| model(name, vec![endpoint(0, "up", 1)]));
    models[0].aliases = globs(&["claude-*", "claude-*-sonnet-*", "gpt-alias-*"]);
    models[1].aliases = globs(&["claude-*opus*", "claude-exact"]);
    models[2].enabled = false;
    models[2].aliases = globs(&["gone-*"]);
    gateway(providers.into(), models.into())
}

fn resolve(gateway: &Gateway, name: &str) -> Result<Resolved, Unknown> {
    Table::new(gateway).resolve(name)
}

fn real(model: &str, providers: &[usize]) -> Result<Resolved, Unknown> {
    Ok(Resolved::Real {
        model: model.to_owned(),
        providers: providers.to_vec(),
    })
}

#[test]
fn each_kind_of_name_in_its_order() {
    let house = house();
    let table = [
        ("sonnet", Ok(Resolved::Virtual(0))),
        ("gpt-4o", real("gpt-4o", &[0, 1])),
        ("o3", real("o3", &[1])),
        ("claude-listed", real("claude-listed", &[1])),
        ("relay/anything", real("anything", &[0])),
        ("relay/vendor/model", real("vendor/model", &[0])),
        ("claude-3-5-sonnet-20241022", Ok(Resolved::Virtual(0))),
        ("claude-opus-4", Ok(Resolved::Virtual(1))),
        ("claude-exact", Ok(Resolved::Virtual(1))),
        ("claude-else", Ok(Resolved::Virtual(0))),
        ("gpt-alias-x", Ok(Resolved::Virtual(0))),
        ("gpt-5", real("gpt-5", &[0])),
        ("llama", Err(Unknown::NoSuchModel)),
        ("", Err(Unknown::NoSuchModel)),
        ("relay/", Err(Unknown::NoSuchModel)),
    ];
    for (name, expected) in table {
        assert_eq!(resolve(&house, name), expected, "{name}");
    }
}

#[test]
fn names_are_case_sensitive() {
    for name in ["Sonnet", "GPT-4o", "Relay/x", "CLAUDE-exact"] {
        assert_eq!(resolve(&house(), name), Err(Unknown::NoSuchModel), "{name}");
    }
}

#[test]
fn what_is_switched_off_does_not_exist_and_says_so() {
    let mut house = house();
    house.default_model = Some(0);
    assert_eq!(resolve(&house, "gone"), Err(Unknown::Disabled));
    assert_eq!(resolve(&house, "off/x"), Err(Unknown::Disabled));
    assert_eq!(
        resolve(&house, "gone-by-alias"),
        Ok(Resolved::Virtual(0)),
        "only the name itself says so"
    );
    house.default_model = Some(2);
    assert_eq!(
        resolve(&house, "llama"),
        Err(Unknown::NoSuchModel),
        "a default that is switched off is none"
    );
}

#[test]
fn what_nobody_knows_goes_to_the_default_or_the_preferred_provider_as_it_is() {
    let mut house = house();
    house.preferred_provider = Some(1);
    assert_eq!(resolve(&house, "llama"), real("llama", &[1]));
    assert_eq!(
        resolve(&house, "gpt-4o"),
        real("gpt-4o", &[1, 0]),
        "the preferred one first"
    );
    house.default_model = Some(1);
    assert_eq!(resolve(&house, "llama"), Ok(Resolved::Virtual(1)));
}

#[test]
fn the_longest_provider_name_wins() {
    let house = gateway(vec![provider("a", 1), provider("a/b", 1)], vec![]);
    assert_eq!(resolve(&house, "a/b/c"), real("c", &[1]));
    assert_eq!(resolve(&house, "a/x/c"), real("x/c", &[0]));
}

#[test]
fn a_real_name_of_several_providers_is_one_pool_with_the_preferred_in_front() {
    let mut config = house();
    config.preferred_provider = Some(1);
    let house = live(config);
    let lane = lane(&house, "gpt-4o");
    let seats: Vec<_> = lane
        .pool()
        .spots()
        .map(|spot| (spot.stage, lane.pool().seat(spot).provider))
        .collect();
    assert_eq!(seats, [(0, 1), (1, 0)]);
    let mut now = at(0);
    let dead = &mut script([(
        "gpt-4o",
        vec![failed(tidegate::route::Failure::Silence), ok()],
    )]);
    assert_eq!(
        run(&lane, needs(), &mut now, dead),
        ["gpt-4o#0", "gpt-4o#0", "ok"]
    );
}

#[test]
fn a_real_name_keeps_its_rotation_and_its_state_from_request_to_request() {
    let house = live(house());
    let provider_of_next = || {
        let lane = lane(&house, "gpt-4o");
        let mut plan = tidegate::route::Plan::new(lane.pool().clone(), needs(), at(0));
        let tidegate::route::Step::Try(attempt) = plan.next(&*lane, at(0), 0) else {
            panic!("nobody to ask")
        };
        lane.pool().seat(attempt.spot).provider
    };
    assert_eq!(
        [provider_of_next(), provider_of_next(), provider_of_next()],
        [0, 1, 0]
    );
}

#[test]
fn names_made_up_by_strangers_leave_no_trace() {
    let house = live(house());
    let snapshot = house.snapshot();
    let popular = snapshot.lane("relay/popular").unwrap();
    for n in 0..5000 {
        snapshot.lane(&format!("relay/{n}")).unwrap();
        snapshot.lane("relay/popular").unwrap();
    }
    assert!(std::sync::Arc::ptr_eq(
        &popular,
        &snapshot.lane("relay/popular").unwrap()
    ));
    assert!(
        snapshot.registry().endpoints().len() <= 1030,
        "{}",
        snapshot.registry().endpoints().len()
    );
    assert!(snapshot.registry().keys().len() <= 1030);
    assert_eq!(
        snapshot
            .lane(&format!("relay/{}", "x".repeat(10_000)))
            .unwrap_err(),
        Unknown::NoSuchModel
    );
}

#[test]
fn the_list_has_virtual_models_and_listed_names_that_the_key_may_call() {
    let table = Table::new(&house());
    assert_eq!(
        table.names(None),
        ["sonnet", "opus", "gpt-4o", "o3", "claude-listed"]
    );
    assert_eq!(table.names(Some(&globs(&["son*", "o3"]))), ["sonnet", "o3"]);
    assert_eq!(table.names(Some(&[])), [""; 0]);
}

#[test]
fn a_key_is_asked_about_what_the_name_stands_for() {
    let house = live(house());
    let snapshot = house.snapshot();
    let allowed = globs(&["sonnet", "gpt-4o"]);
    let may = |name| snapshot.allows(Some(&allowed), &snapshot.lane(name).unwrap());
    assert!(may("sonnet") && may("claude-3-5-sonnet-1") && may("gpt-4o") && may("relay/gpt-4o"));
    assert!(!may("opus") && !may("claude-opus-4") && !may("relay/o3"));
    assert!(permits(None, "anything"));
}
