//! Choosing within one stage: who issued the opaque state in the request, the conversation's own endpoint, then who has to
//! be tried out, then the strategy.

use crate::clock::Tick;

use super::attempt::{By, Chosen};
use super::field::{Entry, Field, Look};
use super::health::{Held, HeldBy};
use super::needs::Lack;
use super::pick::{Judge, Moment};
use super::plan::{Home, Plan};
use super::pool::Spot;
use super::seats::Seats;
use super::sticky::within_bound;
use super::trace::{Skipped, Trace};

/// An endpoint that was entered, with its key.
pub(super) struct Taken<P> {
    pub spot: Spot,
    pub key: Option<usize>,
    pub entry: Entry<P>,
    pub chosen: Chosen,
}

impl<P> Taken<P> {
    /// Chosen for that, from among so many.
    fn because(mut self, by: By, among: &Seats) -> Taken<P> {
        self.chosen = chosen(by, among);
        self
    }
}

impl Plan {
    pub(super) fn choose<F: Field>(
        &mut self,
        field: &F,
        stage: u16,
        at: Moment,
    ) -> Option<Taken<F::Pass>> {
        self.trace.anew(stage);
        let mut among = self.admitted(stage);
        if among.is_empty() {
            return None;
        }
        let probes = self.examine(field, stage, &mut among, at.now);
        if let Some(taken) = self.hand_back(field, stage, &among, at) {
            return Some(taken);
        }
        if let Some(taken) = self.stay(field, stage, (&among, &among), at) {
            return Some(taken.because(By::Conversation, &among));
        }
        for seat in probes.iter() {
            if let Some(taken) = self.take(field, spot(stage, seat), at.now) {
                return Some(taken.because(By::Probe, &probes));
            }
        }
        self.by_strategy(field, stage, &mut among, at)
    }

    /// The seats of a stage that this request could use, whoever is well.
    pub(super) fn admitted(&mut self, stage: u16) -> Seats {
        let tier = &self.pool.stages[usize::from(stage)];
        let mut among = tier.able(&self.needs);
        if self.tried.is_empty() && self.credential.is_none() {
            return among;
        }
        for (at, seat) in tier.seats.iter().enumerate() {
            let why = self.objection(spot(stage, at));
            if let Some(why) = why.filter(|_| among.has(at)) {
                among.remove(at);
                if !self
                    .tried
                    .iter()
                    .any(|tried| tried.identity == seat.identity)
                {
                    self.trace.skip(spot(stage, at), why, None);
                }
            }
        }
        among
    }

    /// Why this request does not want an endpoint (any more), for reasons of its own.
    pub(super) fn objection(&self, spot: Spot) -> Option<Skipped> {
        let seat = self.pool.seat(spot);
        if self
            .tried
            .iter()
            .any(|tried| tried.identity == seat.identity && tried.spent)
        {
            return Some(Skipped::Spent);
        }
        if seat.passthrough
            && self
                .credential
                .is_some_and(|provider| provider != seat.provider)
        {
            return Some(Skipped::Lacks(Lack::Credential));
        }
        let small = self
            .context_floor
            .is_some_and(|floor| seat.max_context.is_some_and(|max| max <= floor));
        small.then_some(Skipped::Lacks(Lack::Context))
    }

    /// Looks closer at those of whom something bad is known: who is well after all stays `among` the others, who has
    /// to be tried out is returned.
    fn examine<F: Field>(&mut self, field: &F, stage: u16, among: &mut Seats, now: Tick) -> Seats {
        let mut probes = Seats::none(self.pool.stages[usize::from(stage)].seats.len());
        for seat in field.suspects(stage, among).iter() {
            match field.look(spot(stage, seat), self.needs.draw, now) {
                Look::Free => among.insert(seat),
                Look::Probe => probes.insert(seat),
                Look::Held(held) => self.skip_held(spot(stage, seat), held),
            }
        }
        probes
    }

    fn skip_held(&mut self, spot: Spot, held: Held) {
        let until = (held.why != HeldBy::Probing).then_some(held.until);
        self.trace.skip(spot, Skipped::Held(held.why), until);
    }

    /// Who issued the opaque state in the request, if well and not over its share of the load. Of several (accounts at one
    /// vendor) the conversation's own endpoint, else as the strategy has it.
    fn hand_back<F: Field>(
        &mut self,
        field: &F,
        stage: u16,
        among: &Seats,
        at: Moment,
    ) -> Option<Taken<F::Pass>> {
        if self.needs.issuers.is_empty() {
            return None;
        }
        let tier = self.pool.stages[usize::from(stage)].clone();
        let mut own = Seats::none(tier.seats.len());
        among
            .iter()
            .filter(|seat| self.needs.issuers.contains(&tier.seats[*seat].provider))
            .for_each(|seat| own.insert(seat));
        if let Some(taken) = self.stay(field, stage, (&own, among), at) {
            return Some(taken.because(By::Issuer, among));
        }
        for seat in own.clone().iter() {
            if !is_within(field, spot(stage, seat), among) {
                self.trace.skip(spot(stage, seat), Skipped::Crowded, None);
                own.remove(seat);
            }
        }
        let taken = self.by_strategy(field, stage, &mut own, at)?;
        Some(taken.because(By::Issuer, among))
    }

    /// Where the conversation's prompt cache is warm, if that endpoint is one of the first set and not over its share of the
    /// load of the second.
    fn stay<F: Field>(
        &mut self,
        field: &F,
        stage: u16,
        (own, among): (&Seats, &Seats),
        at: Moment,
    ) -> Option<Taken<F::Pass>> {
        let conversation = self
            .needs
            .conversation
            .filter(|_| self.pool.sticky && self.needs.later_turn)?;
        if self.home == Home::Unknown {
            self.home = field
                .bound(conversation, at.now)
                .map_or(Home::None, Home::At);
        }
        let Home::At(identity) = self.home else {
            return None;
        };
        let seats = &self.pool.stages[usize::from(stage)].seats;
        let seat = own.iter().find(|seat| seats[*seat].identity == identity)?;
        if !is_within(field, spot(stage, seat), among) {
            self.home = Home::Crowded;
            self.trace.skip(spot(stage, seat), Skipped::Crowded, None);
            return None;
        }
        self.take(field, spot(stage, seat), at.now)
    }

    pub(super) fn by_strategy<F: Field>(
        &mut self,
        field: &F,
        stage: u16,
        among: &mut Seats,
        at: Moment,
    ) -> Option<Taken<F::Pass>> {
        let balance = self.pool.stages[usize::from(stage)].balance;
        let chosen = chosen(By::Strategy(balance), among);
        let trace = std::mem::take(&mut self.trace);
        let mut door = Door {
            plan: self,
            field,
            stage,
            now: at.now,
            chosen,
            taken: None,
            trace,
        };
        field.select(stage, among, at, &mut door);
        let Door { taken, trace, .. } = door;
        self.trace = trace;
        taken
    }

    fn take<F: Field>(&mut self, field: &F, spot: Spot, now: Tick) -> Option<Taken<F::Pass>> {
        match self.enter(field, spot, now) {
            Ok((key, entry)) => Some(Taken {
                spot,
                key,
                entry,
                chosen: AGAIN,
            }),
            Err(held) => {
                self.skip_held(spot, held);
                None
            }
        }
    }

    /// Occupies an endpoint and chooses a key for it.
    pub(super) fn enter<F: Field>(
        &self,
        field: &F,
        spot: Spot,
        now: Tick,
    ) -> Result<(Option<usize>, Entry<F::Pass>), Held> {
        let entry = field.enter(spot, self.needs.draw, now)?;
        let seat = self.pool.seat(spot);
        if seat.passthrough {
            return Ok((None, entry));
        }
        let is_barred = |key: usize| {
            self.barred.iter().any(|barred| {
                let same = barred.provider == seat.provider && barred.key == key;
                same && barred
                    .identity
                    .is_none_or(|identity| identity == seat.identity)
            })
        };
        match field.choose_key(spot, &is_barred, now) {
            Ok(key) => Ok((Some(key), entry)),
            Err(back) => Err(Held {
                why: HeldBy::Keys,
                until: back.unwrap_or(now),
            }),
        }
    }
}

/// Where the strategy's choice is taken or sent back.
struct Door<'p, F: Field> {
    plan: &'p Plan,
    field: &'p F,
    stage: u16,
    now: Tick,
    chosen: Chosen,
    taken: Option<Taken<F::Pass>>,
    trace: Trace,
}

impl<F: Field> Judge for Door<'_, F> {
    fn fits(&mut self, seat: usize, among: &mut Seats) -> bool {
        let spot = spot(self.stage, seat);
        match self.plan.enter(self.field, spot, self.now) {
            Ok((key, entry)) => {
                self.taken = Some(Taken {
                    spot,
                    key,
                    entry,
                    chosen: self.chosen,
                });
            }
            Err(held) => {
                among.remove(seat);
                self.trace
                    .skip(spot, Skipped::Held(held.why), Some(held.until));
            }
        }
        self.taken.is_some()
    }
}

/// An endpoint that was asked before.
pub(super) const AGAIN: Chosen = Chosen {
    by: By::Again,
    of: 1,
};

/// Of one there is no choice, whatever would have decided.
fn chosen(by: By, among: &Seats) -> Chosen {
    let of = u16::try_from(among.count()).unwrap_or(u16::MAX);
    let by = match by {
        By::Strategy(_) if of < 2 => By::Alone,
        by => by,
    };
    Chosen { by, of }
}

/// Whether an endpoint may take one more, beside the others `among` its stage.
fn is_within<F: Field>(field: &F, spot: Spot, among: &Seats) -> bool {
    let load = field.load(spot, among);
    within_bound(load.own, load.total, load.weight, load.weights)
}

pub(super) fn spot(stage: u16, seat: usize) -> Spot {
    Spot {
        stage,
        seat: u16::try_from(seat).unwrap_or(u16::MAX),
    }
}
