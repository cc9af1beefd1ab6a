use std::time::Duration;

use crate::clock::Tick;

use super::attempt::Purpose;
use super::field::Ask;
use super::health::HeldBy;
use super::needs::{Lack, Lacks};
use super::outcome::Failure;
use super::plan::{Last, Plan};
use super::pool::Spot;

/// Skips that are kept of one request; of two hundred cooling endpoints nobody reads every line.
const MOST: usize = 64;

/// Why an endpoint that could serve the request was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skip {
    pub spot: Spot,
    pub why: Skipped,
    /// Until when, where that is known.
    pub until: Option<Tick>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    Held(HeldBy),
    /// This request has already given it up.
    Spent,
    /// For this request only: context too small for what another endpoint refused, or the credential.
    Lacks(Lack),
    /// The conversation's own endpoint was over its bound of load.
    Crowded,
}

/// One attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub number: u32,
    pub ask: Ask,
    pub purpose: Purpose,
    pub failure: Failure,
    pub lasted: Duration,
}

/// How a request looked at one endpoint of its pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It cannot serve such a request at all.
    Incapable(Lacks),
    /// It was asked in these attempts.
    Asked(Vec<u32>),
    Skipped {
        why: Skipped,
        until: Option<Tick>,
    },
    /// It was not its turn.
    NotReached,
}

/// What a plan remembers for an explanation. Empty, and without allocation, as long as all goes well.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub skips: Vec<Skip>,
    pub failed: Vec<Failed>,
}

impl Trace {
    /// A stage is looked at anew: what was said of its endpoints before is no longer so.
    pub(super) fn anew(&mut self, stage: u16) {
        self.skips.retain(|skip| skip.spot.stage != stage);
    }

    pub(super) fn skip(&mut self, spot: Spot, why: Skipped, until: Option<Tick>) {
        if self.skips.len() < MOST {
            self.skips.push(Skip { spot, why, until });
        }
    }
}

impl Plan {
    /// The attempts that failed, in order.
    pub fn failed(&self) -> &[Failed] {
        &self.trace.failed
    }

    /// Who was passed over, and why (at most 64 endpoints).
    pub fn skips(&self) -> &[Skip] {
        &self.trace.skips
    }

    /// Every endpoint of the pool in its order, and how this request looked at it.
    pub fn trace(&self) -> Vec<(Spot, Sight)> {
        self.pool
            .spots()
            .map(|spot| (spot, self.sight(spot)))
            .collect()
    }

    fn sight(&self, spot: Spot) -> Sight {
        let running = self
            .last
            .iter()
            .chain(&self.rival)
            .chain(&self.lost)
            .filter(|last| last.ask.spot == spot)
            .map(|last| last.number);
        let failed = self
            .trace
            .failed
            .iter()
            .filter(|failed| failed.ask.spot == spot)
            .map(|failed| failed.number);
        let mut numbers: Vec<u32> = failed.chain(running).collect();
        numbers.dedup();
        if !numbers.is_empty() {
            return Sight::Asked(numbers);
        }
        let lacks = self.pool.seat(spot).lacks(&self.needs);
        if !lacks.is_empty() {
            return Sight::Incapable(lacks);
        }
        match self.trace.skips.iter().rfind(|skip| skip.spot == spot) {
            Some(skip) => Sight::Skipped {
                why: skip.why,
                until: skip.until,
            },
            None => Sight::NotReached,
        }
    }

    pub(super) fn note(&mut self, failure: &Failure, rank: u8, last: &Last, now: Tick) {
        if self.best.is_none_or(|(most, _)| rank >= most) {
            self.best = Some((rank, last.number));
        }
        let lasted: Duration = now.since(last.ask.began);
        let (number, ask, purpose) = (last.number, last.ask, last.purpose);
        self.trace.failed.push(Failed {
            number,
            ask,
            purpose,
            failure: failure.clone(),
            lasted,
        });
    }
}
