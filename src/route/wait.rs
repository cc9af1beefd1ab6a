//! Who is worth waiting for, and what is said when nobody is.

use std::time::Duration;

use crate::clock::Tick;

use super::attempt::Why;
use super::backoff::backoff;
use super::field::{Field, Look};
use super::health::HeldBy;
use super::needs::Lacks;
use super::pick::Moment;
use super::plan::{Again, Plan, Tried, Turn};
use super::pool::Spot;

/// How often one looks whether another request's probe has come back: nobody can say when it will.
const POLL: Duration = Duration::from_millis(100);
/// `Retry-After` while another request is finding out.
const SOON: Duration = Duration::from_secs(1);

/// Somebody to wait for.
#[derive(Debug, Clone, Copy)]
struct Return {
    at: Tick,
    then: Then,
}

/// What the wait is for. All but the first are of the request's patience, all but the last same-endpoint retries, which
/// take from the endpoint's and from the budget.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// The backoff after a 429 without a time: exactly that one is asked again.
    Again(Again),
    /// The time that a 429 told of this endpoint: chosen is anew.
    Limited(Spot),
    /// Somebody who was not asked yet.
    Choose,
}

impl Plan {
    /// Product §6, 429: before going down a tier, those of this one that were asked and are back soon. Whoever is limited
    /// again and again is not waited for longer than for one that is limited once: there is somebody below.
    pub(super) fn wait_before_going_down<F: Field>(
        &mut self,
        field: &F,
        at: Moment,
    ) -> Option<Duration> {
        let below = self.stage + 1;
        if usize::from(below) >= self.pool.stages.len() || self.tried.is_empty() {
            return None;
        }
        let back = self.limited_return(field, at, Some(self.stage))?;
        if matches!(back.then, Then::Limited(_)) && back.at > self.patience_below() {
            return None;
        }
        if self.untried_are_at_least(field, below, self.left(), at.now) {
            return None;
        }
        self.wait_for(field, back, at)
    }

    /// Nobody is left: whoever is back soonest, of those who were asked and limited and of those who were never asked.
    pub(super) fn wait_for_anybody<F: Field>(&mut self, field: &F, at: Moment) -> Option<Duration> {
        let limited = self.limited_return(field, at, None);
        let held = self.held_return(field, at);
        let soonest = limited.into_iter().chain(held).min_by_key(|back| back.at)?;
        self.wait_for(field, soonest, at)
            .or_else(|| self.wait_for(field, held?, at))
    }

    fn wait_for<F: Field>(&mut self, field: &F, back: Return, at: Moment) -> Option<Duration> {
        let wait = back.at.since(at.now);
        let again = match back.then {
            Then::Again(again) => Some(again.spot),
            Then::Limited(spot) => Some(spot),
            Then::Choose => None,
        };
        if again.is_some() && !field.take_retry(self.pool.policy.retry.budget, at.now) {
            return None;
        }
        if let Some(spot) = again {
            self.tried(spot).retries += 1;
        }
        match back.then {
            Then::Again(again) => self.turn = Turn::Again(again),
            Then::Limited(_) | Then::Choose => self.waited += wait,
        }
        Some(wait)
    }

    /// The soonest of those who answered 429, in one stage or in all.
    fn limited_return<F: Field>(
        &self,
        field: &F,
        at: Moment,
        stage: Option<u16>,
    ) -> Option<Return> {
        let here = self
            .tried
            .iter()
            .filter(|tried| stage.is_none_or(|stage| tried.spot.stage == stage));
        here.filter_map(|tried| self.back_from_limit(field, tried, at))
            .min_by_key(|back| back.at)
    }

    fn back_from_limit<F: Field>(&self, field: &F, tried: &Tried, at: Moment) -> Option<Return> {
        let limited = tried
            .limited
            .filter(|_| !tried.spent && self.objection(tried.spot).is_none())?;
        if matches!(field.look(tried.spot, self.needs.draw, at.now), Look::Held(held) if !matches!(held.why, HeldBy::Keys | HeldBy::Limited))
        {
            return None;
        }
        let retry = &self.pool.seat(tried.spot).policy.retry;
        if tried.retries >= retry.retries {
            return None;
        }
        if limited.told {
            let back = field.key_held(tried.spot, limited.key, at.now)?;
            // A word that did not hold is not taken for another time before what a failure is given.
            let back = match limited.again {
                true => back.max(at.now + backoff(retry, 0, at.dice)),
                false => back,
            };
            let then = Then::Limited(tried.spot);
            return self
                .is_soon(back, at.now)
                .then_some(Return { at: back, then });
        }
        let back = at.now + backoff(retry, tried.retries, at.dice);
        let again = Again {
            spot: tried.spot,
            key: Some(limited.key),
            nth: tried.retries,
            not_before: Tick::default(),
            owed: None,
        };
        let then = Then::Again(again);
        (back < self.deadline()).then_some(Return { at: back, then })
    }

    /// The soonest of those who are able, cooling, and were not asked by this request.
    fn held_return<F: Field>(&self, field: &F, at: Moment) -> Option<Return> {
        let able = self
            .pool
            .spots()
            .filter(|spot| self.pool.seat(*spot).lacks(&self.needs).is_empty());
        let untried = able.filter(|spot| self.objection(*spot).is_none() && !self.was_tried(*spot));
        let backs = untried.filter_map(|spot| {
            let back = match field.look(spot, self.needs.draw, at.now) {
                Look::Held(held) if held.why == HeldBy::Probing => at.now + POLL,
                Look::Held(held) => held.until,
                Look::Free | Look::Probe => return None,
            };
            (back > at.now && self.is_soon(back, at.now)).then_some(back)
        });
        let then = Then::Choose;
        backs.min().map(|at| Return { at, then })
    }

    fn was_tried(&self, spot: Spot) -> bool {
        let identity = self.pool.seat(spot).identity;
        self.tried.iter().any(|tried| tried.identity == identity)
    }

    /// Whether that is worth waiting for: within what is left of the request's patience, and of its time.
    pub(super) fn is_soon(&self, back: Tick, now: Tick) -> bool {
        let patience = self.pool.policy.retry.patience;
        back <= now + patience.saturating_sub(self.waited) && back < self.deadline()
    }

    /// Until when those of this tier that were limited are waited for, while others are below.
    fn patience_below(&self) -> Tick {
        let here = self
            .tried
            .iter()
            .filter(|tried| tried.spot.stage == self.stage);
        let first = here
            .filter_map(|tried| tried.limited)
            .map(|limited| limited.since);
        let first = first.min().unwrap_or(self.started);
        first + self.pool.policy.retry.patience
    }

    /// Whether so many different endpoints, from that stage on, could still be asked for the first time.
    pub(super) fn untried_are_at_least<F: Field>(
        &self,
        field: &F,
        from: u16,
        many: u32,
        now: Tick,
    ) -> bool {
        let mut seen: Vec<u64> = Vec::new();
        for spot in self.pool.spots().filter(|spot| spot.stage >= from) {
            if seen.len() >= many as usize {
                break;
            }
            let seat = self.pool.seat(spot);
            let fresh = !self.was_tried(spot)
                && !seen.contains(&seat.identity)
                && self.objection(spot).is_none();
            if fresh
                && seat.lacks(&self.needs).is_empty()
                && !matches!(field.look(spot, self.needs.draw, now), Look::Held(_))
            {
                seen.push(seat.identity);
            }
        }
        seen.len() >= many as usize
    }

    /// When the first of the able, tried or not, can be asked again; `None` where nobody cools.
    pub(super) fn soonest_return<F: Field>(&self, field: &F, now: Tick) -> Option<Tick> {
        let able = self
            .pool
            .spots()
            .filter(|spot| self.pool.seat(*spot).lacks(&self.needs).is_empty());
        let backs = able.filter_map(|spot| match field.look(spot, self.needs.draw, now) {
            Look::Held(held) if held.why == HeldBy::Probing => Some(now + SOON),
            Look::Held(held) => Some(held.until),
            Look::Free | Look::Probe => None,
        });
        backs.min()
    }

    /// Nothing was tried: because nobody can, or because everybody who can is cooling, limited or has no quota left.
    pub(super) fn why_nobody<F: Field>(&self, field: &F, now: Tick) -> Why {
        let all: Vec<Lacks> = self
            .pool
            .spots()
            .map(|spot| self.pool.seat(spot).lacks(&self.needs))
            .collect();
        if all.iter().any(|lacks| lacks.is_empty()) {
            let able = self
                .pool
                .spots()
                .zip(&all)
                .filter(|(_, lacks)| lacks.is_empty());
            let (mut spent, mut limited) = (true, true);
            for (spot, _) in able {
                let look = field.look(spot, self.needs.draw, now);
                let by = |why| matches!(look, Look::Held(held) if held.why == why);
                spent &= by(HeldBy::Quota);
                limited &= by(HeldBy::Quota) || by(HeldBy::Limited);
            }
            return match (spent, limited) {
                (true, _) => Why::Spent,
                (false, true) => Why::Limited,
                (false, false) => Why::Cooling,
            };
        }
        let count = |lacks: &Lacks| lacks.iter().count();
        let least = all.iter().map(count).min().unwrap_or(0);
        let mut union = Lacks::default();
        all.iter()
            .filter(|lacks| count(lacks) == least)
            .for_each(|lacks| union.merge(*lacks));
        Why::Incapable(union)
    }
}
