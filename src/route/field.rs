use std::time::Duration;

use crate::clock::Tick;

use super::health::{Blow, Held, Ticket};
use super::key::KeyMark;
use super::needs::Draw;
use super::pick::{Judge, Moment};
use super::pool::Spot;
use super::seats::Seats;

/// What a plan sees, and changes, of the living state of its pool. `live::Lane` is the real one; it takes settings
/// (cooldown, breaker) from the pool's seats.
pub trait Field {
    /// Held while an attempt runs; dropping it gives back what the attempt occupies (in-flight count, probe slot,
    /// reserved quota).
    type Pass;

    /// Takes out of `among` (seats of a stage) those about whom anything bad is known, endpoint or key, and returns
    /// them: only they need a closer look.
    fn suspects(&self, stage: u16, among: &mut Seats) -> Seats;

    /// Chooses among the seats of a stage by its strategy.
    fn select(
        &self,
        stage: u16,
        among: &mut Seats,
        at: Moment,
        judge: &mut dyn Judge,
    ) -> Option<usize>;

    /// Whether an endpoint could be asked now: its health, its keys, and what its quota leaves for such a request.
    fn look(&self, spot: Spot, draw: Option<Draw>, now: Tick) -> Look;

    /// Occupies an endpoint for one attempt, as its probe where it is half-open, and reserves of its quota. `Err`: not to
    /// be had now.
    fn enter(&self, spot: Spot, draw: Option<Draw>, now: Tick) -> Result<Entry<Self::Pass>, Held>;

    /// Frees a probe slot before the pass is dropped: the attempt is over.
    fn leave(&self, spot: Spot, ticket: Ticket);

    /// Chooses one of the endpoint's keys, by rotation, among those that `barred` does not name. `Err`: none, with the
    /// soonest return where one is cooling.
    fn choose_key(
        &self,
        spot: Spot,
        barred: &dyn Fn(usize) -> bool,
        now: Tick,
    ) -> Result<usize, Option<Tick>>;

    /// When a key may be used again, if not now.
    fn key_held(&self, spot: Spot, key: usize, now: Tick) -> Option<Tick>;

    /// How busy an endpoint is beside the others `among` its stage.
    fn load(&self, spot: Spot, among: &Seats) -> Load;

    /// Content came. `first_token`: `None` where nobody measured it.
    fn answered(&self, ask: Ask, first_token: Option<Duration>, now: Tick);

    /// The proper end came.
    fn finished(&self, ask: Ask);

    /// The request gave the endpoint up.
    fn failed(&self, spot: Spot, blow: Blow, now: Tick);

    /// 429.
    fn key_limited(&self, ask: Ask, retry_after: Option<Duration>, now: Tick);

    /// 401, 402, 403.
    fn key_refused(&self, ask: Ask, mark: KeyMark, now: Tick);

    /// A request begins (for the retry budget).
    fn count_request(&self, now: Tick);

    /// Takes one same-endpoint retry out of the budget, `share` of the requests.
    fn take_retry(&self, share: f64, now: Tick) -> bool;

    /// Takes one hedge out of the budget, `share` of the requests.
    fn take_hedge(&self, share: f64, now: Tick) -> bool;

    /// Another endpoint was faster: nobody waits for this one any more.
    fn slow(&self, ask: Ask, waited: Duration, now: Tick);

    /// The identity of the endpoint where this conversation was.
    fn bound(&self, conversation: u64, now: Tick) -> Option<u64>;

    fn bind(&self, conversation: u64, identity: u64, now: Tick);
}

/// How an endpoint looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Free,
    /// One request may find out, and nobody does yet.
    Probe,
    Held(Held),
}

/// An endpoint was entered.
#[derive(Debug)]
pub struct Entry<P> {
    pub pass: P,
    /// The claim of the probe slot, where the endpoint is half-open.
    pub probe: Option<Ticket>,
}

/// Who was asked, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    pub spot: Spot,
    /// `None`: passthrough.
    pub key: Option<usize>,
    /// The claim of the probe slot, where it was half-open.
    pub probe: Option<Ticket>,
    pub began: Tick,
}

/// Requests in flight, and weights, at one endpoint and at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    pub own: u64,
    pub total: u64,
    pub weight: u64,
    pub weights: u64,
}
