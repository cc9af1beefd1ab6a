use std::sync::Arc;
use std::time::Duration;

use crate::clock::Tick;

use super::attempt::{Attempt, Purpose, Step, Stop, Why};
use super::backoff::backoff;
use super::choose::{AGAIN, Taken};
use super::field::{Ask, Entry, Field};
use super::health::Blow;
use super::needs::Needs;
use super::pick::Moment;
use super::pool::{Pool, Seat, Spot};
use super::trace::Trace;

/// The course of one request through its pool: which endpoint and key next, after which wait, and when to stop.
///
/// `next` says what to do, `record` how it went; between the two of them stands the table of product §6 (`class`). What
/// is chosen is in `choose`, who is waited for in `wait`, what follows from an outcome in `after`. Allocates nothing as
/// long as nothing fails.
#[derive(Debug)]
pub struct Plan {
    pub(super) pool: Arc<Pool>,
    pub(super) needs: Needs,
    pub(super) started: Tick,
    pub(super) turn: Turn,
    /// The stage from which the next choice is made. Only a wait for anybody at all goes back to the first.
    pub(super) stage: u16,
    pub(super) attempts: u32,
    pub(super) last: Option<Last>,
    /// One for each endpoint that failed in this request.
    pub(super) tried: Vec<Tried>,
    pub(super) barred: Vec<Barred>,
    /// Only endpoints with a larger or undeclared context.
    pub(super) context_floor: Option<u64>,
    /// The provider that was given the client's own credential: no second one is.
    pub(super) credential: Option<usize>,
    /// Rank and number of the attempt whose error tells most.
    pub(super) best: Option<(u8, u32)>,
    /// Of the patience with those who are not back yet, over the whole request.
    pub(super) waited: Duration,
    pub(super) home: Home,
    /// The second of two attempts that run beside each other.
    pub(super) rival: Option<Last>,
    /// The one of two that was not the first to speak.
    pub(super) lost: Option<Last>,
    pub(super) hedged: bool,
    /// One of two attempts has failed and the other runs on: nothing is retried.
    pub(super) beside: bool,
    /// An answer broke off and is to be gone on with.
    pub(super) resuming: bool,
    pub(super) trace: Trace,
}

/// What `next` begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Begin,
    Choose,
    OtherKey(Spot),
    /// The same again, after a backoff that has yet to be waited.
    Backoff(Again),
    /// The same again, now.
    Again(Again),
    Done(Stop),
}

/// A same-endpoint retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    pub spot: Spot,
    pub key: Option<usize>,
    /// How many there were before.
    pub nth: u32,
    /// When the vendor wants to be asked again; zero where it did not say.
    pub not_before: Tick,
    /// What the endpoint is blamed for if the retry does not come about; `None` for a rate limit, which only its key
    /// is blamed for, and was.
    pub owed: Option<Blow>,
}

/// The attempt that is running or ran last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub number: u32,
    pub ask: Ask,
    pub purpose: Purpose,
    pub answered: bool,
}

/// What happened at one endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    pub spot: Spot,
    pub identity: u64,
    /// Never again in this request.
    pub spent: bool,
    /// Same-endpoint retries made.
    pub retries: u32,
    pub limited: Option<Limited>,
}

/// The latest 429 of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limited {
    pub key: usize,
    /// Whether the vendor said when to come back.
    pub told: bool,
    /// When this key was first limited in this request.
    pub since: Tick,
    /// It was limited again when it came back.
    pub again: bool,
}

/// A key that was refused in this request: at its provider, or for one endpoint only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Barred {
    pub provider: usize,
    pub key: usize,
    pub identity: Option<u64>,
}

/// Where the conversation is at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Unknown,
    None,
    At(u64),
    /// At an endpoint that is over its load bound: served elsewhere this once, its home stays.
    Crowded,
}

impl Plan {
    pub fn new(pool: Arc<Pool>, needs: Needs, now: Tick) -> Plan {
        Plan {
            pool,
            needs,
            started: now,
            turn: Turn::Begin,
            stage: 0,
            attempts: 0,
            last: None,
            tried: Vec::new(),
            barred: Vec::new(),
            context_floor: None,
            credential: None,
            best: None,
            waited: Duration::ZERO,
            home: Home::Unknown,
            rival: None,
            lost: None,
            hedged: false,
            beside: false,
            resuming: false,
            trace: Trace::default(),
        }
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    pub fn seat(&self, spot: Spot) -> &Seat {
        self.pool.seat(spot)
    }

    /// When `total` ends: content has to have come by then.
    pub fn deadline(&self) -> Tick {
        self.started + self.pool.policy.timeouts.total
    }

    /// Attempts made so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The attempt whose error tells the client most, so far.
    pub fn best(&self) -> Option<u32> {
        self.best.map(|(_, number)| number)
    }

    /// What to do next. `dice`: fresh random bits for each call. Drop the last attempt's `pass` before, unless it was
    /// `Answered`.
    pub fn next<F: Field>(&mut self, field: &F, now: Tick, dice: u64) -> Step<F::Pass> {
        let at = Moment { now, dice };
        let turn = match &self.turn {
            Turn::Done(stop) => return Step::Stop(stop.clone()),
            other => other.clone(),
        };
        if turn == Turn::Begin {
            field.count_request(now);
        }
        self.turn = Turn::Choose;
        if now >= self.deadline() {
            self.pay(field, &turn, now);
            return self.stop(field, Why::OutOfTime, now);
        }
        match turn {
            Turn::Backoff(again) => self.back_off(field, again, at),
            Turn::Again(again) => self.again(field, again, at),
            Turn::OtherKey(spot) => self.other_key(field, spot, at),
            Turn::Begin | Turn::Choose | Turn::Done(_) => self.choose_or_wait(field, at),
        }
    }

    /// Attempts that `max_attempts` leaves.
    pub(super) fn left(&self) -> u32 {
        self.pool
            .policy
            .retry
            .max_attempts
            .saturating_sub(self.attempts)
    }

    fn back_off<F: Field>(&mut self, field: &F, again: Again, at: Moment) -> Step<F::Pass> {
        let retry = &self.pool.seat(again.spot).policy.retry;
        let wait = backoff(retry, again.nth, at.dice).max(again.not_before.since(at.now));
        if at.now + wait >= self.deadline() {
            self.pay(field, &Turn::Again(again), at.now);
            return self.choose_or_wait(field, at);
        }
        self.turn = Turn::Again(again);
        Step::Wait(wait)
    }

    /// The retry itself. Somebody else may have found the endpoint dead meanwhile: then it is given up. A key that only
    /// this request's own 429 holds back is asked again all the same: that is what the backoff was for.
    fn again<F: Field>(&mut self, field: &F, again: Again, at: Moment) -> Step<F::Pass> {
        let Ok(entry) = field.enter(again.spot, self.needs.draw, at.now) else {
            self.pay(field, &Turn::Again(again), at.now);
            return self.choose_or_wait(field, at);
        };
        let held = again
            .key
            .is_some_and(|key| field.key_held(again.spot, key, at.now).is_some());
        if !held || again.owed.is_none() {
            return self.attempt(once_more(again.spot, again.key, entry), at.now);
        }
        drop(entry);
        let Ok((key, entry)) = self.enter(field, again.spot, at.now) else {
            self.pay(field, &Turn::Again(again), at.now);
            return self.choose_or_wait(field, at);
        };
        self.attempt(once_more(again.spot, key, entry), at.now)
    }

    fn other_key<F: Field>(&mut self, field: &F, spot: Spot, at: Moment) -> Step<F::Pass> {
        if self.left() == 0 {
            return self.choose_or_wait(field, at);
        }
        match self.enter(field, spot, at.now) {
            Ok((key, entry)) => self.attempt(once_more(spot, key, entry), at.now),
            Err(_) => self.choose_or_wait(field, at),
        }
    }

    fn choose_or_wait<F: Field>(&mut self, field: &F, at: Moment) -> Step<F::Pass> {
        if self.left() == 0 {
            return self.stop(field, Why::Attempts, at.now);
        }
        while usize::from(self.stage) < self.pool.stages.len() {
            if let Some(taken) = self.choose(field, self.stage, at) {
                return self.attempt(taken, at.now);
            }
            if let Some(wait) = self.wait_before_going_down(field, at) {
                return Step::Wait(wait);
            }
            self.stage += 1;
        }
        if let Some(wait) = self.wait_for_anybody(field, at) {
            self.stage = 0;
            return Step::Wait(wait);
        }
        let why = if self.attempts > 0 {
            Why::Failed
        } else {
            self.why_nobody(field, at.now)
        };
        self.stop(field, why, at.now)
    }

    /// A failure that was kept back for its retries, which now do not come.
    pub(super) fn pay<F: Field>(&mut self, field: &F, turn: &Turn, now: Tick) {
        let (Turn::Again(again) | Turn::Backoff(again)) = turn else {
            return;
        };
        if let Some(blow) = again.owed {
            field.failed(again.spot, blow, now);
            self.tried(again.spot).spent = true;
        }
    }

    pub(super) fn attempt<P>(&mut self, taken: Taken<P>, now: Tick) -> Step<P> {
        let Taken {
            spot,
            key,
            entry,
            chosen,
        } = taken;
        let purpose = self.purpose(spot, key);
        let seat = self.pool.seat(spot);
        if seat.passthrough {
            self.credential = Some(seat.provider);
        }
        self.attempts += 1;
        let ask = Ask {
            spot,
            key,
            probe: entry.probe,
            began: now,
        };
        self.last = Some(Last {
            number: self.attempts,
            ask,
            purpose,
            answered: false,
        });
        let probe = entry.probe.is_some();
        Step::Try(Attempt {
            number: self.attempts,
            spot,
            key,
            purpose,
            chosen,
            probe,
            pass: entry.pass,
        })
    }

    fn purpose(&self, spot: Spot, key: Option<usize>) -> Purpose {
        let mut before = self
            .trace
            .failed
            .iter()
            .map(|failed| failed.ask)
            .filter(|ask| ask.spot == spot);
        let Some(first) = before.next() else {
            return if self.resuming {
                Purpose::Resume
            } else if self.attempts == 0 {
                Purpose::First
            } else {
                Purpose::OtherEndpoint
            };
        };
        let same = first.key == key || before.any(|ask| ask.key == key);
        if same {
            Purpose::Retry
        } else {
            Purpose::OtherKey
        }
    }

    fn stop<F: Field>(&mut self, field: &F, why: Why, now: Tick) -> Step<F::Pass> {
        let retry_after = self.soonest_return(field, now).map(|back| back.since(now));
        let stop = Stop {
            why,
            best: self.best(),
            retry_after,
        };
        self.turn = Turn::Done(stop.clone());
        Step::Stop(stop)
    }

    /// The record of an endpoint in this request, begun if need be.
    pub(super) fn tried(&mut self, spot: Spot) -> &mut Tried {
        let identity = self.pool.seat(spot).identity;
        let known = self
            .tried
            .iter()
            .position(|tried| tried.identity == identity);
        let at = known.unwrap_or_else(|| {
            self.tried.push(Tried {
                spot,
                identity,
                spent: false,
                retries: 0,
                limited: None,
            });
            self.tried.len() - 1
        });
        &mut self.tried[at]
    }
}

fn once_more<P>(spot: Spot, key: Option<usize>, entry: Entry<P>) -> Taken<P> {
    Taken {
        spot,
        key,
        entry,
        chosen: AGAIN,
    }
}
