//! More than one attempt for one answer: a second beside one whose first token is late, and one that goes on with an answer
//! that broke off.

use std::time::Duration;

use crate::clock::Tick;
use crate::config::Resume;

use super::attempt::{Attempt, Purpose, Why};
use super::choose::{Taken, spot};
use super::field::{Ask, Field, Look};
use super::outcome::Outcome;
use super::pick::Moment;
use super::plan::{Last, Plan, Turn};
use super::pool::Spot;
use super::seats::Seats;

impl Plan {
    /// After how long without a first token a second endpoint may be asked beside the one that is asked now; `None`: it may
    /// not. Once a request, never with the client's own credential, never for an answer that broke off.
    pub fn hedges_after(&self) -> Option<Duration> {
        let hedge = self.pool.hedge?;
        let first = self.last.filter(|last| !last.answered)?;
        let may = !self.hedged
            && !self.resuming
            && self.left() > 0
            && !self.pool.seat(first.ask.spot).passthrough;
        may.then_some(hedge.after)
    }

    /// Another endpoint to be asked beside the one whose first token is late: of this tier, else of the next, in the order of
    /// the strategy; well, and never as its probe. `None`: nobody, or the budget is used up. From then on two attempts run
    /// until one of them has [won](Plan::won) or [failed](Plan::record_beside).
    pub fn hedge<F: Field>(&mut self, field: &F, now: Tick, dice: u64) -> Option<Attempt<F::Pass>> {
        self.hedges_after()?;
        let share = self.pool.hedge?.budget;
        let first = self.last?.ask.spot;
        if now >= self.deadline() {
            return None;
        }
        let at = Moment { now, dice };
        let stages = u16::try_from(self.pool.stages.len()).unwrap_or(u16::MAX);
        let mut paid = false;
        for stage in self.stage..stages {
            let mut among = self.beside(field, stage, first, now);
            if among.is_empty() {
                continue;
            }
            paid = paid || field.take_hedge(share, now);
            if !paid {
                return None;
            }
            let Some(taken) = self.by_strategy(field, stage, &mut among, at) else {
                continue;
            };
            if taken.entry.probe.is_some() {
                return None;
            }
            return Some(self.begin_hedge(taken, now));
        }
        None
    }

    fn begin_hedge<P>(&mut self, taken: Taken<P>, now: Tick) -> Attempt<P> {
        let Taken {
            spot,
            key,
            entry,
            chosen,
        } = taken;
        self.attempts += 1;
        self.hedged = true;
        let (number, purpose) = (self.attempts, Purpose::Hedge);
        self.rival = Some(Last {
            number,
            ask: Ask {
                spot,
                key,
                probe: None,
                began: now,
            },
            purpose,
            answered: false,
        });
        Attempt {
            number,
            spot,
            key,
            purpose,
            chosen,
            probe: false,
            pass: entry.pass,
        }
    }

    /// The seats of a stage that may be asked beside `first`: those that look free.
    fn beside<F: Field>(&mut self, field: &F, stage: u16, first: Spot, now: Tick) -> Seats {
        let mut among = self.admitted(stage);
        let asked = self.pool.seat(first).identity;
        for (at, seat) in self.pool.stages[usize::from(stage)]
            .seats
            .iter()
            .enumerate()
        {
            if seat.identity == asked || seat.passthrough {
                among.remove(at);
            }
        }
        for seat in field.suspects(stage, &mut among).iter() {
            if field.look(spot(stage, seat), self.needs.draw, now) == Look::Free {
                among.insert(seat);
            }
        }
        among
    }

    /// Of two attempts the one with that number spoke first. The other is cancelled: nothing is held against it but that it
    /// was slow.
    pub fn won<F: Field>(&mut self, field: &F, number: u32, now: Tick) {
        let (Some(last), Some(rival)) = (self.last, self.rival.take()) else {
            return;
        };
        let (winner, loser) = if rival.number == number {
            (rival, last)
        } else {
            (last, rival)
        };
        self.last = Some(winner);
        self.lost = Some(loser);
        if let Some(ticket) = loser.ask.probe {
            field.leave(loser.ask.spot, ticket);
        }
        let waited = now.since(loser.ask.began);
        if self.pool.hedge.is_some_and(|hedge| waited >= hedge.after) {
            field.slow(loser.ask, waited, now);
        }
    }

    /// Of two attempts the one with that number failed first. Whether the other is to be waited for; then it is simply the
    /// attempt.
    pub fn record_beside<F: Field>(
        &mut self,
        field: &F,
        number: u32,
        (outcome, now): (&Outcome, Tick),
    ) -> bool {
        let (Some(last), Some(rival)) = (self.last, self.rival.take()) else {
            return false;
        };
        let (failed, other) = if rival.number == number {
            (rival, last)
        } else {
            (last, rival)
        };
        self.last = Some(failed);
        self.beside = true;
        self.record(field, outcome, now);
        self.beside = false;
        if let Turn::Done(_) = self.turn {
            if let Some(ticket) = other.ask.probe {
                field.leave(other.ask.spot, ticket);
            }
            return false;
        }
        self.turn = Turn::Choose;
        self.last = Some(other);
        true
    }

    /// The answer broke off, and the client's stream stands where another can go on with it: whether there may be one. Then
    /// `next` says who; who broke off is not asked again. `total` begins anew: it bounds the time until content.
    pub fn resume(&mut self, now: Tick) -> bool {
        let Turn::Done(stop) = &self.turn else {
            return false;
        };
        let own = self
            .last
            .is_some_and(|last| !self.pool.seat(last.ask.spot).passthrough);
        let may =
            self.pool.resume != Resume::Off && stop.why == Why::Over && own && self.left() > 0;
        if may {
            self.started = now;
            self.resuming = true;
            self.turn = Turn::Choose;
        }
        may
    }
}
