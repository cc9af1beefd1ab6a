//! The laws of choosing, under random weather: many requests at once over random pools, random outcomes, time that
//! passes at random.
//!
//! What an endpoint may be asked is judged here by what the pool was made of and by what became of the attempts, not by
//! what the plan says of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use tidegate::clock::Tick;
use tidegate::config::{Balance, Calendar, Cron, Gateway, Keys, Quota};
use tidegate::ir::FaultKind;
use tidegate::live::{Lane, Live, Pass};
use tidegate::route::{
    Attempt, Draw, Failure, Field, HeldBy, Look, Needs, Outcome, Plan, Purpose, Spot, Step,
};

use crate::harness::*;

/// One endpoint of a pool.
#[derive(Debug, Clone)]
struct Side {
    provider: usize,
    tier: u32,
    weight: u32,
    enabled: bool,
    streaming: bool,
    small: bool,
    /// Of requests, of tokens.
    quota: (Option<u64>, Option<u64>),
}

#[derive(Debug, Clone)]
struct House {
    sides: Vec<Side>,
    /// By provider; none: the client's own credential.
    keys: Vec<usize>,
    /// By provider: no tools, no images.
    cannot: Vec<(bool, bool)>,
    balance: Balance,
    base: u64,
    retries: u32,
}

/// What `small` endpoints take at most.
const SMALL: u64 = 8000;

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.15)
}

fn side() -> impl Strategy<Value = Side> {
    let quota = (
        prop::option::weighted(0.3, 1u64..6),
        prop::option::weighted(0.2, 20u64..2000),
    );
    let switches = (rarely(), rarely(), any::<bool>());
    (0usize..3, 1u32..4, 1u32..5, switches, quota).prop_map(
        |(provider, tier, weight, (disabled, whole, small), quota)| Side {
            provider,
            tier,
            weight,
            enabled: !disabled,
            streaming: !whole,
            small,
            quota,
        },
    )
}

fn houses() -> impl Strategy<Value = House> {
    let balances = vec![
        Balance::RoundRobin,
        Balance::Weighted,
        Balance::LeastBusy,
        Balance::Fastest,
    ];
    (
        prop::collection::vec(side(), 1..9),
        prop::collection::vec(0usize..3, 3),
        prop::collection::vec((rarely(), rarely()), 3),
        prop::sample::select(balances),
        prop::sample::select(vec![100u64, 1000, 5000]),
        prop::sample::select(vec![0u32, 2]),
    )
        .prop_map(|(sides, keys, cannot, balance, base, retries)| House {
            sides,
            keys,
            cannot,
            balance,
            base,
            retries,
        })
}

impl House {
    fn build(&self) -> Gateway {
        let names = ["a", "b", "c"].iter().zip(&self.keys);
        let mut providers: Vec<_> = names.map(|(name, keys)| provider(name, *keys)).collect();
        for (at, provider) in providers.iter_mut().enumerate() {
            if self.keys[at] == 0 {
                provider.keys = Keys::Passthrough;
            }
            let (no_tools, no_images) = self.cannot[at];
            provider.capabilities.tools = !no_tools;
            provider.capabilities.images = !no_images;
        }
        let endpoints = self.sides.iter().enumerate().map(|(n, side)| {
            let mut endpoint = endpoint(side.provider, &format!("e{n}"), side.tier);
            endpoint.weight = side.weight;
            endpoint.enabled = side.enabled;
            endpoint.streaming = side.streaming;
            endpoint.max_context = side.small.then_some(SMALL);
            endpoint.policy.cooldown.base = ms(self.base);
            endpoint.policy.retry.retries = self.retries;
            endpoint.quota = yearly(side.quota);
            endpoint
        });
        let mut model = model("m", endpoints.collect());
        model.balance = self.balance;
        model.sticky = true;
        gateway(providers, vec![model])
    }

    /// In the middle of a year: no quota is reset meanwhile.
    fn open(&self) -> Live {
        let live = live(self.build());
        let snapshot = live.snapshot();
        let june = secs(150 * 86_400);
        snapshot.registry().quotas().tell_time(at(0), june);
        for meter in snapshot.meters() {
            meter.reset(at(0));
        }
        live
    }

    fn side(&self, lane: &Lane, spot: Spot) -> (usize, &Side) {
        let model = &lane.pool().seat(spot).model;
        let n: usize = model[1..].parse().unwrap();
        (n, &self.sides[n])
    }

    /// Whether an endpoint can be asked that at all.
    fn is_able(&self, side: &Side, needs: &Needs) -> bool {
        let (no_tools, no_images) = self.cannot[side.provider];
        let fits = !side.small || needs.estimated_tokens <= SMALL;
        let over = |most: u64| needs.draw.is_some_and(|draw| tokens(draw) > most);
        side.enabled
            && side.streaming
            && !(needs.tools && no_tools)
            && !(needs.images && no_images)
            && fits
            && !side.quota.1.is_some_and(over)
    }
}

fn yearly((requests, tokens): (Option<u64>, Option<u64>)) -> Option<Quota> {
    let calendar = Calendar {
        cron: Cron::parse("0 0 1 1 *").unwrap(),
        zone: jiff::tz::TimeZone::UTC,
    };
    (requests.is_some() || tokens.is_some()).then_some(Quota {
        requests,
        tokens,
        nano_usd: None,
        calendar,
    })
}

fn tokens(draw: Draw) -> u64 {
    draw.input + draw.output.unwrap()
}

#[derive(Debug, Clone)]
struct Ask {
    big: bool,
    tools: bool,
    images: bool,
    conversation: u64,
    later_turn: bool,
    issuers: Vec<usize>,
    output: u64,
}

fn asks() -> impl Strategy<Value = Ask> {
    let issuers = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(0usize..3, 1..3)];
    let features = (any::<bool>(), any::<bool>(), any::<bool>());
    (features, 0u64..5, any::<bool>(), issuers, 1u64..400).prop_map(
        |((big, tools, images), conversation, later_turn, issuers, output)| Ask {
            big,
            tools,
            images,
            conversation,
            later_turn,
            issuers,
            output,
        },
    )
}

impl Ask {
    fn needs(&self) -> Needs {
        Needs {
            estimated_tokens: if self.big { SMALL + 1 } else { 100 },
            tools: self.tools,
            images: self.images,
            conversation: Some(self.conversation),
            later_turn: self.later_turn,
            issuers: self.issuers.clone(),
            draw: Some(Draw {
                input: 10,
                output: Some(self.output),
            }),
            ..needs()
        }
    }
}

#[derive(Debug, Clone)]
enum Event {
    Begin(Ask),
    /// Of the requests that run: call `next`, or say how the attempt went.
    Go {
        which: usize,
        outcome: usize,
        dice: u64,
    },
    Pass(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => asks().prop_map(Event::Begin),
        8 => (any::<usize>(), 0usize..16, any::<u64>())
            .prop_map(|(which, outcome, dice)| Event::Go { which, outcome, dice }),
        2 => (0u64..8000).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 1..250)
}

pub(crate) fn outcome(n: usize) -> Outcome {
    match n {
        0..=4 => ok(),
        5 => status(500),
        6 => failed(Failure::Connect),
        7 => failed(Failure::NoFirstToken),
        8 => status(429),
        9 => limited(ms(1500)),
        10 => status(401),
        11 => status(403),
        12 => status(404),
        13 => said(400, FaultKind::ContextLength),
        14 => Outcome::ClientGone,
        _ => failed(Failure::Truncated),
    }
}

/// Whether such an end cools the endpoint; where there are no retries, at once.
fn cools(outcome: &Outcome) -> bool {
    let Outcome::Failed(failure) = outcome else {
        return false;
    };
    !matches!(failure, Failure::Status { status, .. } if matches!(status, 400..=403 | 429))
}

struct Request {
    plan: Plan,
    attempt: Option<(Attempt<Pass>, Tick)>,
    silent: Vec<Spot>,
    steps: usize,
}

/// What became of an endpoint's attempts.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    /// Since when it is held to be ill: until one that was to find out was answered.
    failed: Option<Tick>,
    /// The vendor took them.
    took: (u64, u64),
    running: u64,
    probes: u64,
    /// Reserved by those that run.
    tokens: u64,
}

/// A house, what runs in it, and what has become of everything.
struct World<'a> {
    house: &'a House,
    lane: &'a Lane,
    now: Tick,
    lives: BTreeMap<Spot, Life>,
    asked: usize,
}

impl World<'_> {
    fn begin(&self, ask: &Ask) -> Request {
        Request {
            plan: Plan::new(self.lane.pool().clone(), ask.needs(), self.now),
            attempt: None,
            silent: Vec::new(),
            steps: 0,
        }
    }

    /// One step of a request. Whether it is over.
    fn go(&mut self, request: &mut Request, told: usize, dice: u64) -> bool {
        if let Some((attempt, began)) = request.attempt.take() {
            self.ends(request, (attempt, began), &outcome(told));
            return false;
        }
        let before = Before::of(self, &request.plan);
        match request.plan.next(self.lane, self.now, dice) {
            Step::Try(attempt) => {
                self.may_be_asked(request, &attempt);
                self.begins(&attempt, request.plan.needs());
                before.agrees(self, request, &attempt);
                request.attempt = Some((attempt, self.now));
            }
            Step::Wait(wait) => {
                assert!(!wait.is_zero() && wait <= secs(5), "{wait:?}");
                self.now = self.now + wait;
            }
            Step::Stop(_) => return true,
        }
        request.steps += 1;
        false
    }

    /// Never one that is incapable, too small, silent in this request, cooling or open.
    fn may_be_asked(&self, request: &Request, attempt: &Attempt<Pass>) {
        let (_, side) = self.house.side(self.lane, attempt.spot);
        assert!(self.house.is_able(side, request.plan.needs()), "{side:?}");
        assert!(attempt.number <= 6, "too many");
        let silent = request.silent.contains(&attempt.spot);
        assert!(!silent, "the silent one again");
        let life = self.lives.get(&attempt.spot).copied().unwrap_or_default();
        if let Some(failed) = life.failed {
            assert!(attempt.probe, "one that is ill, and not to find out");
            let soonest = ms(self.house.base).min(secs(10));
            let is_over = self.now >= failed + soonest;
            assert!(is_over, "one that is cooling: {life:?} at {:?}", self.now);
        }
    }

    /// Never two that find out at once, and never one that is spent.
    fn begins(&mut self, attempt: &Attempt<Pass>, needs: &Needs) {
        let (_, side) = self.house.side(self.lane, attempt.spot);
        let life = self.lives.entry(attempt.spot).or_default();
        life.running += 1;
        life.probes += u64::from(attempt.probe);
        life.tokens += needs.draw.map_or(0, tokens);
        assert!(life.probes <= 1, "two probes at once");
        let (requests, tokens) = life.took;
        let most = side.quota.0.unwrap_or(u64::MAX);
        assert!(requests + life.running <= most, "{life:?} of {side:?}");
        let most = side.quota.1.unwrap_or(u64::MAX);
        assert!(tokens + life.tokens <= most, "{life:?} of {side:?}");
        self.asked += 1;
    }

    fn ends(&mut self, request: &mut Request, ended: (Attempt<Pass>, Tick), outcome: &Outcome) {
        let ((attempt, _), lane, now) = (ended, self.lane, self.now);
        let (_, side) = self.house.side(lane, attempt.spot);
        let own = self.house.keys[side.provider] > 0;
        let life = self.lives.entry(attempt.spot).or_default();
        life.running -= 1;
        life.probes -= u64::from(attempt.probe);
        life.tokens -= request.plan.needs().draw.map_or(0, tokens);
        request.plan.record(lane, outcome, now);
        if *outcome == failed(Failure::NoFirstToken) {
            request.silent.push(attempt.spot);
        }
        if matches!(outcome, Outcome::Answered { .. }) {
            attempt.pass.accepted(200);
            request.plan.record(lane, &Outcome::Finished, now);
            attempt.pass.settle(7);
            life.took = (life.took.0 + 1, life.took.1 + 7);
            life.failed = life.failed.filter(|_| !attempt.probe);
        } else if cools(outcome) && own && self.house.retries == 0 {
            // Who was let in before proves nothing new.
            let first = life.failed.filter(|_| !attempt.probe);
            life.failed = Some(first.unwrap_or(now));
        }
    }
}

const SMALLEST: Option<Draw> = Some(Draw {
    input: 0,
    output: Some(0),
});

/// How everybody stands before a choice.
struct Before {
    looks: Vec<(Spot, Look)>,
    /// How everybody looks to the smallest of calls: who has no room for this one shares the load all the same.
    small: Vec<(Spot, Look)>,
    /// The conversation's own endpoint.
    home: Option<u64>,
    in_flight: BTreeMap<Spot, u64>,
}

impl Before {
    fn of(world: &World<'_>, plan: &Plan) -> Before {
        let (lane, now, needs) = (world.lane, world.now, plan.needs());
        let spots = || lane.pool().spots();
        let conversation = needs.conversation.filter(|_| needs.later_turn);
        Before {
            looks: spots()
                .map(|spot| (spot, lane.look(spot, needs.draw, now)))
                .collect(),
            small: spots()
                .map(|spot| (spot, lane.look(spot, SMALLEST, now)))
                .collect(),
            home: conversation.and_then(|conversation| lane.bound(conversation, now)),
            in_flight: spots()
                .map(|spot| (spot, lane.standing(spot).in_flight().into()))
                .collect(),
        }
    }

    fn agrees(&self, world: &World<'_>, request: &Request, attempt: &Attempt<Pass>) {
        let look = self.looks.iter().find(|(spot, _)| *spot == attempt.spot);
        match look.unwrap().1 {
            Look::Free => assert!(!attempt.probe),
            Look::Probe => assert!(attempt.probe),
            Look::Held(held) => {
                let by_its_keys = matches!(held.why, HeldBy::Keys | HeldBy::Limited);
                assert!(by_its_keys && attempt.purpose == Purpose::Retry, "{held:?}");
            }
        }
        if attempt.number == 1 && request.steps == 0 {
            self.tiers(world, request, attempt);
            self.stays(world, request, attempt);
        }
    }

    /// The able who look like that.
    fn able(
        &self,
        world: &World<'_>,
        needs: &Needs,
        (looks, look): (&[(Spot, Look)], Look),
    ) -> Vec<Spot> {
        let looks = looks.iter().filter(|(_, it)| *it == look);
        let able = looks.filter(|(spot, _)| {
            let (_, side) = world.house.side(world.lane, *spot);
            world.house.is_able(side, needs)
        });
        able.map(|(spot, _)| *spot).collect()
    }

    fn tiers(&self, world: &World<'_>, request: &Request, attempt: &Attempt<Pass>) {
        let needs = request.plan.needs();
        for look in [Look::Free, Look::Probe] {
            let able = self.able(world, needs, (&self.looks, look));
            let missed = able.iter().find(|spot| spot.stage < attempt.spot.stage);
            assert_eq!(missed, None, "an upper tier had somebody");
        }
    }

    /// Opaque state goes back to its issuer, a conversation stays, each within the bound; then who has to be tried out.
    fn stays(&self, world: &World<'_>, request: &Request, attempt: &Attempt<Pass>) {
        let (lane, needs) = (world.lane, request.plan.needs());
        let mut sharing = self.able(world, needs, (&self.small, Look::Free));
        sharing.retain(|spot| spot.stage == attempt.spot.stage);
        let mut free = self.able(world, needs, (&self.looks, Look::Free));
        free.retain(|spot| spot.stage == attempt.spot.stage);
        let weight = |spot: &Spot| u64::from(world.house.side(lane, *spot).1.weight);
        let weights: u64 = sharing.iter().map(weight).sum();
        let total: u64 = sharing.iter().map(|spot| self.in_flight[spot]).sum();
        let within = |spot: &&Spot| {
            let most = (5 * (total + 1) * weight(spot)).div_ceil(4 * weights);
            self.in_flight[*spot] < most
        };
        let at_home = |spot: &&Spot| Some(lane.pool().seat(**spot).identity) == self.home;
        let issued = |spot: &&Spot| needs.issuers.contains(&lane.pool().seat(**spot).provider);
        let own: Vec<&Spot> = free.iter().filter(issued).filter(within).collect();
        let home = free.iter().find(at_home).filter(within);
        let expected = match (home, own.is_empty()) {
            (Some(home), true) => vec![home],
            (Some(home), false) if own.contains(&home) => vec![home],
            (_, false) => own,
            (None, true) => {
                let mut probes = self.able(world, needs, (&self.looks, Look::Probe));
                probes.retain(|spot| spot.stage == attempt.spot.stage);
                assert!(probes.is_empty() || attempt.probe, "nobody finds out");
                return;
            }
        };
        assert!(expected.contains(&&attempt.spot), "{expected:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_in_any_weather(house in houses(), events in events()) {
        let live = house.open();
        let lane = lane(&live, "m");
        let mut world = World { house: &house, lane: &lane, now: at(0), lives: BTreeMap::new(), asked: 0 };
        let mut running = Vec::<Request>::new();
        for event in events {
            match event {
                Event::Begin(ask) => running.push(world.begin(&ask)),
                Event::Pass(millis) => world.now = world.now + ms(millis),
                Event::Go { which, outcome, dice } if !running.is_empty() => {
                    let at = which % running.len();
                    if world.go(&mut running[at], outcome, dice) {
                        running.swap_remove(at);
                    }
                }
                Event::Go { .. } => {}
            }
        }
        drop(running);
        let later = world.now + secs(61);
        for spot in lane.pool().spots() {
            prop_assert_eq!(lane.standing(spot).in_flight(), 0);
            let held = lane.look(spot, None, later);
            prop_assert!(!matches!(held, Look::Held(held) if held.why != HeldBy::Keys), "lost");
            if let Some(meter) = lane.meter(spot) {
                let reading = meter.read(world.now);
                let took = world.lives.get(&spot).map_or((0, 0), |life| life.took);
                prop_assert_eq!((reading.used.requests, reading.used.tokens), took);
                prop_assert_eq!((reading.reserved.requests, reading.reserved.tokens), (0, 0));
            }
        }
    }

    /// A request alone always comes to its end, and asks nobody who could answer in vain.
    #[test]
    fn every_request_ends(house in houses(), ask in asks(), outcomes in prop::collection::vec(5usize..14, 6), dice in any::<u64>()) {
        let live = house.open();
        let lane = lane(&live, "m");
        let mut world = World { house: &house, lane: &lane, now: at(0), lives: BTreeMap::new(), asked: 0 };
        let mut request = world.begin(&ask);
        let mut told = outcomes.into_iter();
        let mut ended = false;
        for _ in 0..200 {
            let outcome = if request.attempt.is_some() { told.next().unwrap_or(0) } else { 0 };
            if world.go(&mut request, outcome, dice) {
                ended = true;
                break;
            }
        }
        prop_assert!(ended);
        let able = house.sides.iter().any(|side| house.is_able(side, &ask.needs()));
        prop_assert_eq!(world.asked > 0, able);
    }
}
