use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Tick;
use crate::config::{Keys, Provider, ProviderKey};
use crate::route::pick::{Judge, Moment, Rotor, Select};
use crate::route::{
    Ask, Blow, Draw, Entry, Field, Held, HeldBy, KeyMark, Load, Look, Pool, Seat, Seats, Spot,
    Stage, Ticket,
};

use super::meter::Meter;
use super::registry::{Course, Registry, Unwell};
use super::standing::{KeyStanding, News, Pass, Standing};

/// A pool together with the living state of its endpoints and keys: the [`Field`] of every plan over that pool.
#[derive(Debug)]
pub struct Lane {
    pool: Arc<Pool>,
    stages: Vec<Arc<LiveStage>>,
    course: Arc<Course>,
    /// The real name, where the pool was made for one.
    real: Option<String>,
}

/// One stage with its living state. A fallback's stages are the same objects in every pool that leads to it, so that
/// their rotation goes on.
#[derive(Debug)]
pub(super) struct LiveStage {
    pub stage: Arc<Stage>,
    pub select: Arc<dyn Select>,
    pub standings: Arc<[Arc<Standing>]>,
    keys: Vec<SeatKeys>,
    /// By seat; nothing at all where no endpoint has a quota.
    meters: Vec<Option<Arc<Meter>>>,
    suspects: Mutex<Suspects>,
    news: News,
}

/// The keys of one endpoint: each with its own state for this model, in the rotation of the provider.
#[derive(Debug)]
struct SeatKeys {
    ring: Arc<Ring>,
    standings: Vec<Arc<KeyStanding>>,
}

/// A provider's keys taking turns.
#[derive(Debug)]
pub(super) struct Ring {
    enabled: Vec<bool>,
    /// How each is shown, for records; none of a key that is no value.
    masks: Vec<Option<Arc<str>>>,
    rotor: Mutex<Rotor>,
}

/// The seats of whom something bad is known, as of a number of the news.
#[derive(Debug)]
struct Suspects {
    as_of: u64,
    seats: Seats,
}

impl Ring {
    pub(super) fn new(provider: &Provider) -> Ring {
        let keys = match &provider.keys {
            Keys::Own(keys) => keys.as_slice(),
            Keys::Passthrough => &[],
        };
        Ring {
            enabled: keys.iter().map(|key| key.enabled).collect(),
            masks: masks(keys),
            rotor: Mutex::new(Rotor::new(keys.iter().map(|key| key.weight))),
        }
    }
}

/// Keys of one vendor may look the same once they are masked: the second of them is `sk-…wxyz (2)`.
fn masks(keys: &[ProviderKey]) -> Vec<Option<Arc<str>>> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut mask = |key: &ProviderKey| -> Option<Arc<str>> {
        let masked = key.value.as_ref()?.masked();
        let before = seen.entry(masked.clone()).or_default();
        *before += 1;
        match *before {
            1 => Some(masked.into()),
            n => Some(format!("{masked} ({n})").into()),
        }
    };
    keys.iter().map(&mut mask).collect()
}

impl SeatKeys {
    pub(super) fn new(
        registry: &Registry,
        provider: &Provider,
        ring: &Arc<Ring>,
        seat: &Seat,
    ) -> SeatKeys {
        let standings = match &provider.keys {
            Keys::Own(keys) => keys
                .iter()
                .map(|key| registry.key(provider, key, seat))
                .collect(),
            Keys::Passthrough => Vec::new(),
        };
        SeatKeys {
            ring: ring.clone(),
            standings,
        }
    }

    fn are_well(&self) -> bool {
        self.standings.iter().all(|key| key.is_well())
    }

    /// What holds all of the usable keys, and when one is back; `Ok` if one is free now, or none is needed.
    fn free(&self, now: Tick) -> Result<(), Held> {
        let enabled = self
            .standings
            .iter()
            .zip(&self.ring.enabled)
            .filter(|(_, enabled)| **enabled);
        let mut soonest = None;
        let mut why = HeldBy::Keys;
        for (key, _) in enabled {
            let Some(until) = key.held(now) else {
                return Ok(());
            };
            soonest = Some(soonest.map_or(until, |soonest: Tick| soonest.min(until)));
            // A key that the vendor refused is of no use when its time is over, either.
            if key.mark().is_none() {
                why = HeldBy::Limited;
            }
        }
        if self.standings.is_empty() {
            return Ok(());
        }
        let until = soonest.unwrap_or(now);
        Err(Held { why, until })
    }

    fn choose(&self, barred: &dyn Fn(usize) -> bool, now: Tick) -> Result<usize, Option<Tick>> {
        let usable = |key: &usize| self.ring.enabled[*key] && !barred(*key);
        let free = |key: &usize| usable(key) && self.standings[*key].held(now).is_none();
        let count = self.standings.len();
        if count == 1 && free(&0) {
            return Ok(0);
        }
        let picked = self.ring.rotor.lock().take((0..count).filter(free));
        let back = || {
            (0..count)
                .filter(usable)
                .filter_map(|key| self.standings[key].held(now))
                .min()
        };
        picked.ok_or_else(back)
    }
}

/// How one stage chooses among the standings of its seats: `balance::selection::arrange` in the gateway.
pub type Arrange = fn(&Stage, &Arc<[Arc<Standing>]>) -> Arc<dyn Select>;

impl LiveStage {
    pub(super) fn new(
        stage: &Arc<Stage>,
        registry: &Registry,
        (providers, rings): (&[Provider], &[Arc<Ring>]),
        select: impl FnOnce(&Arc<[Arc<Standing>]>) -> Arc<dyn Select>,
    ) -> LiveStage {
        let standings: Arc<[Arc<Standing>]> = stage
            .seats
            .iter()
            .map(|seat| registry.endpoint(seat))
            .collect();
        let keys = |seat: &Seat| {
            SeatKeys::new(
                registry,
                &providers[seat.provider],
                &rings[seat.provider],
                seat,
            )
        };
        let metered = stage.seats.iter().any(|seat| seat.quota.is_some());
        let seats = stage.seats.iter().filter(|_| metered);
        LiveStage {
            meters: seats
                .map(|seat| registry.meter(&stage.model, seat))
                .collect(),
            keys: stage.seats.iter().map(keys).collect(),
            select: select(&standings),
            standings,
            suspects: Mutex::new(Suspects {
                as_of: u64::MAX,
                seats: Seats::none(stage.seats.len()),
            }),
            news: registry.news.clone(),
            stage: stage.clone(),
        }
    }

    pub(super) fn meters(&self) -> impl Iterator<Item = &Arc<Meter>> {
        self.meters.iter().flatten()
    }

    /// Of whom something bad is known.
    pub(super) fn unwell(&self) -> impl Iterator<Item = Unwell> {
        let endpoints = self.standings.iter().filter(|standing| !standing.is_well());
        let keys = self.keys.iter().flat_map(|keys| &keys.standings);
        let keys = keys.filter(|key| !key.is_well());
        let keys = keys.cloned().map(Unwell::Key);
        endpoints.cloned().map(Unwell::Endpoint).chain(keys)
    }

    fn meter(&self, seat: usize) -> Option<&Arc<Meter>> {
        self.meters.get(seat)?.as_ref()
    }

    /// Looks at every seat only when there was news since the last time.
    fn suspects(&self, among: &mut Seats) -> Seats {
        let news = self.news.number();
        let mut known = self.suspects.lock();
        if known.as_of != news {
            let mut seats = Seats::none(self.standings.len());
            for (at, standing) in self.standings.iter().enumerate() {
                let spent = self.meter(at).is_some_and(|meter| meter.is_full());
                if spent || !standing.is_well() || !self.keys[at].are_well() {
                    seats.insert(at);
                }
            }
            *known = Suspects { as_of: news, seats };
        }
        let mut suspects = known.seats.clone();
        drop(known);
        suspects.keep(among);
        among.drop_all(&suspects);
        suspects
    }
}

impl Lane {
    pub(super) fn new(
        pool: Pool,
        stages: Vec<Arc<LiveStage>>,
        course: Arc<Course>,
        real: Option<String>,
    ) -> Lane {
        Lane {
            pool: Arc::new(pool),
            stages,
            course,
            real,
        }
    }

    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The upstream name, where the pool was made for a real name.
    pub fn real(&self) -> Option<&str> {
        self.real.as_deref()
    }

    /// The living state of one endpoint.
    pub fn standing(&self, spot: Spot) -> &Arc<Standing> {
        &self.stage(spot.stage).standings[usize::from(spot.seat)]
    }

    /// What counts against an endpoint's quota, if it has one.
    pub fn meter(&self, spot: Spot) -> Option<&Arc<Meter>> {
        self.stage(spot.stage).meter(usize::from(spot.seat))
    }

    /// The living state of one key of an endpoint.
    pub fn key(&self, spot: Spot, key: usize) -> &Arc<KeyStanding> {
        &self.keys(spot).standings[key]
    }

    /// How that key is shown in records.
    pub fn masked(&self, spot: Spot, key: usize) -> Option<Arc<str>> {
        self.keys(spot).ring.masks.get(key)?.clone()
    }

    /// Its own tiers, then those of its fallbacks.
    pub(super) fn stages(&self) -> &[Arc<LiveStage>] {
        &self.stages
    }

    fn stage(&self, stage: u16) -> &LiveStage {
        &self.stages[usize::from(stage)]
    }

    fn keys(&self, spot: Spot) -> &SeatKeys {
        &self.stage(spot.stage).keys[usize::from(spot.seat)]
    }
}

impl Field for Lane {
    type Pass = Pass;

    fn suspects(&self, stage: u16, among: &mut Seats) -> Seats {
        self.stage(stage).suspects(among)
    }

    fn select(
        &self,
        stage: u16,
        among: &mut Seats,
        at: Moment,
        judge: &mut dyn Judge,
    ) -> Option<usize> {
        self.stage(stage).select.select(among, at, judge)
    }

    fn look(&self, spot: Spot, draw: Option<Draw>, now: Tick) -> Look {
        let look = self.standing(spot).look(now, &self.pool.seat(spot).policy);
        if matches!(look, Look::Held(_)) {
            return look;
        }
        if let (Some(meter), Some(draw)) = (self.meter(spot), draw)
            && let Err(held) = meter.look(draw, now)
        {
            return Look::Held(held);
        }
        match self.keys(spot).free(now) {
            Ok(()) => look,
            Err(held) => Look::Held(held),
        }
    }

    fn enter(&self, spot: Spot, draw: Option<Draw>, now: Tick) -> Result<Entry<Pass>, Held> {
        let mut pass = self
            .standing(spot)
            .enter(now, &self.pool.seat(spot).policy)?;
        if let (Some(meter), Some(draw)) = (self.meter(spot), draw) {
            pass = pass.holding(meter.reserve(draw, now)?);
        }
        let probe = pass.ticket();
        Ok(Entry { pass, probe })
    }

    fn leave(&self, spot: Spot, ticket: Ticket) {
        self.standing(spot).leave(ticket);
    }

    fn choose_key(
        &self,
        spot: Spot,
        barred: &dyn Fn(usize) -> bool,
        now: Tick,
    ) -> Result<usize, Option<Tick>> {
        self.keys(spot).choose(barred, now)
    }

    fn key_held(&self, spot: Spot, key: usize, now: Tick) -> Option<Tick> {
        self.key(spot, key).held(now)
    }

    fn load(&self, spot: Spot, among: &Seats) -> Load {
        let stage = self.stage(spot.stage);
        let weight = |seat: usize| u64::from(stage.stage.seats[seat].weight.max(1));
        let busy = |seat: usize| u64::from(stage.standings[seat].in_flight());
        let mut load = Load {
            own: busy(spot.seat.into()),
            weight: weight(spot.seat.into()),
            ..Load::default()
        };
        among.iter().for_each(|seat| {
            load.total += busy(seat);
            load.weights += weight(seat);
        });
        load
    }

    fn answered(&self, ask: Ask, first_token: Option<Duration>, now: Tick) {
        self.standing(ask.spot)
            .answered(ask.probe, first_token, now);
        if let Some(key) = ask.key {
            self.key(ask.spot, key).answered(ask.began);
        }
    }

    fn finished(&self, ask: Ask) {
        self.standing(ask.spot).finished(ask.began);
    }

    fn failed(&self, spot: Spot, blow: Blow, now: Tick) {
        self.standing(spot)
            .failed(blow, now, &self.pool.seat(spot).policy);
    }

    fn key_limited(&self, ask: Ask, retry_after: Option<Duration>, now: Tick) {
        let policy = &self.pool.seat(ask.spot).policy.cooldown;
        if let Some(key) = ask.key {
            self.key(ask.spot, key)
                .limited(ask.began, retry_after, now, policy);
        }
    }

    fn key_refused(&self, ask: Ask, mark: KeyMark, now: Tick) {
        let policy = &self.pool.seat(ask.spot).policy.cooldown;
        if let Some(key) = ask.key {
            self.key(ask.spot, key)
                .refused(ask.began, mark, now, policy);
        }
    }

    fn count_request(&self, now: Tick) {
        self.course.budget.lock().request(now);
        if self.pool.hedge.is_some() {
            self.course.hedges.lock().request(now);
        }
    }

    fn take_retry(&self, share: f64, now: Tick) -> bool {
        self.course.budget.lock().retry(now, share)
    }

    fn take_hedge(&self, share: f64, now: Tick) -> bool {
        self.course.hedges.lock().retry(now, share)
    }

    fn slow(&self, ask: Ask, waited: Duration, now: Tick) {
        self.standing(ask.spot).slow(waited, now);
    }

    fn bound(&self, conversation: u64, now: Tick) -> Option<u64> {
        self.course.sticky.lock().find(conversation, now)
    }

    fn bind(&self, conversation: u64, identity: u64, now: Tick) {
        self.course.sticky.lock().bind(conversation, identity, now);
    }
}
