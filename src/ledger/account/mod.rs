//! What one client key or tenant has used of what it is allowed: reserved before a call, settled after it.
//!
//! Requests and calls at once are exact. Of tokens and money a call reserves its estimated input and all of the output
//! that it allows, so that only an estimate's error can overshoot. Owns the order in which limits are asked, and that a
//! refusal leaves nothing reserved. Never: knows whose account it is, or waits: `live/purse` shares it behind a lock.
//!
//! Start with [`Account::reserve`].

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Tick;
use crate::config::{Allowance, Quota, Rate};

use super::cost::nano;
use super::past::Past;
use super::slide::{Count, Mark, Slide};
use super::tally::{Amount, Reservation, Short, Take, Tally, Used};
use super::window::Window;

/// What others have reserved may be free again at any moment: one asks again after so long.
const SOON: Duration = Duration::from_secs(1);

/// What a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Estimated.
    pub input: u64,
    pub output: Output,
    /// The most that a token of input and of output may cost. `None`: nobody knows; a budget is not asked then.
    pub rates: Option<(Rate, Rate)>,
}

/// How many tokens an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The request says so.
    Said(u64),
    /// It does not: a guess, which makes no request larger than a whole limit.
    Guessed(u64),
}

impl Claim {
    /// The tokens to reserve of a limit of so many.
    fn tokens(&self, most: u64) -> u64 {
        match self.output {
            Output::Said(output) => self.input.saturating_add(output),
            Output::Guessed(output) => {
                let most = most.saturating_sub(self.input);
                self.input.saturating_add(output.min(most))
            }
        }
    }

    /// The money to reserve of a budget of so much.
    fn nano_usd(&self, most: u64) -> u64 {
        let Some((input_rate, output_rate)) = self.rates else {
            return 0;
        };
        let input = u128::from(self.input) * u128::from(input_rate);
        let all = |output: u64| nano(input + u128::from(output) * u128::from(output_rate));
        match self.output {
            Output::Said(output) => all(output),
            Output::Guessed(output) => all(output).min(most.max(nano(input))),
        }
    }
}

/// What a call took in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// No vendor has taken it: everything is given back.
    Nothing,
    Took {
        tokens: u64,
        /// `None`: nobody knows what it cost; then it is what was reserved.
        nano_usd: Option<u64>,
    },
}

/// Which of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    Rpm,
    Tpm,
    Concurrency,
    Requests,
    Tokens,
    Budget,
}

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub limit: Limit,
    /// In the limit's own unit: requests, tokens, calls at once, nanodollars.
    pub most: u64,
    pub left: u64,
    /// What the call would take.
    pub asked: u64,
    /// When it may fit. `None`: never, it is larger than the whole limit.
    pub retry_after: Option<Duration>,
}

/// A quota or a budget: they have windows, from one reset to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    Quota,
    Budget,
}

impl Term {
    pub const BOTH: [Term; 2] = [Term::Quota, Term::Budget];

    pub fn name(self) -> &'static str {
        match self {
            Term::Quota => "quota",
            Term::Budget => "budget",
        }
    }
}

/// How a quota or a budget stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermState {
    pub term: Term,
    pub quota: Arc<Quota>,
    pub window: Window,
    pub used: Amount,
    pub reserved: Amount,
}

/// The counters of one key or tenant.
#[derive(Debug)]
pub struct Account {
    allowance: Allowance,
    slide: Slide,
    running: u64,
    /// Counted on while no configuration has a limit for them: one that comes back finds what was used.
    terms: [Option<Tally>; 2],
}

/// What one call has reserved. Give it back: [`Account::settle`].
#[derive(Debug)]
#[must_use = "what is reserved has to be settled"]
pub struct Booking {
    mark: Option<(Mark, u64)>,
    terms: [Option<(Reservation, Take)>; 2],
}

impl Account {
    pub fn new(allowance: Allowance, wall: Duration) -> Account {
        let mut account = Account {
            allowance: Allowance::default(),
            slide: Slide::default(),
            running: 0,
            terms: [None, None],
        };
        account.follow(allowance, wall);
        account
    }

    pub fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Other limits than before, and the same counters.
    pub fn follow(&mut self, allowance: Allowance, wall: Duration) {
        self.turn_terms(wall);
        for term in Term::BOTH {
            let Some(next) = quota(&allowance, term) else {
                continue;
            };
            let before = quota(&self.allowance, term);
            let same = before.is_some_and(|before| before.calendar == next.calendar);
            match self.tally(term) {
                Some(_) if same => {}
                Some(tally) => {
                    tally.turn(&next.calendar, wall);
                    tally.reschedule(&next.calendar, wall);
                }
                none => *none = Some(Tally::new(&next.calendar, wall)),
            }
        }
        self.allowance = allowance;
    }

    /// Reserves what a call may take.
    ///
    /// # Errors
    /// [`Exceeded`]: the first limit that has no room; nothing is reserved then.
    pub fn reserve(
        &mut self,
        claim: &Claim,
        now: Tick,
        wall: Duration,
    ) -> Result<Booking, Exceeded> {
        self.turn(now, wall);
        self.fits_now(claim, now)?;
        let mut terms = [None, None];
        for term in Term::BOTH {
            match self.reserve_term(term, claim, wall) {
                Ok(reserved) => terms[term as usize] = reserved,
                Err(exceeded) => {
                    self.release_terms(terms);
                    return Err(exceeded);
                }
            }
        }
        let mark = self.has_rate().then(|| {
            let tokens = claim.tokens(self.allowance.tpm.unwrap_or(u64::MAX));
            (self.slide.add(tokens, now, wall), tokens)
        });
        self.running += 1;
        Ok(Booking { mark, terms })
    }

    /// The call is over.
    pub fn settle(&mut self, booking: Booking, spent: Spent) {
        self.running = self.running.saturating_sub(1);
        let Spent::Took { tokens, nano_usd } = spent else {
            if let Some((mark, reserved)) = booking.mark {
                self.slide.take_back(mark, reserved);
            }
            return self.release_terms(booking.terms);
        };
        if let Some((mark, reserved)) = booking.mark {
            self.slide.correct(mark, reserved, tokens);
        }
        for (tally, reserved) in self.terms.iter_mut().zip(booking.terms) {
            if let (Some(tally), Some((reservation, take))) = (tally, reserved) {
                let nano_usd = nano_usd.unwrap_or(take.nano_usd);
                tally.settle(reservation, Take { tokens, nano_usd });
            }
        }
    }

    /// Of the quota and the budget, as far as there are any.
    pub fn terms(&mut self, wall: Duration) -> Vec<TermState> {
        self.turn_terms(wall);
        let of = |term: Term| {
            let tally = self.terms[term as usize].as_ref()?;
            Some(TermState {
                term,
                quota: quota(&self.allowance, term)?.clone(),
                window: tally.window(),
                used: tally.used(),
                reserved: tally.reserved(),
            })
        };
        Term::BOTH.into_iter().filter_map(of).collect()
    }

    /// Requests and tokens within the last 60 s, and calls under way.
    pub fn lately(&mut self, now: Tick) -> (u64, u64, u64) {
        self.slide.turn(now);
        let count = |what| self.slide.count(what);
        (count(Count::Requests), count(Count::Tokens), self.running)
    }

    /// Whether requests and tokens of the last 60 s are counted.
    pub fn has_rate(&self) -> bool {
        self.allowance.rpm.is_some() || self.allowance.tpm.is_some()
    }

    /// What was used and what is reserved of every quota and budget that it has, or had and may have again.
    pub fn kept(&mut self, wall: Duration) -> Vec<(Term, Used, Amount)> {
        self.turn_terms(wall);
        let of = |term: Term| {
            let tally = self.terms[term as usize].as_ref()?;
            let used = Used {
                window: tally.window(),
                amount: tally.used(),
            };
            (!used.window.is_over(wall)).then_some((term, used, tally.reserved()))
        };
        Term::BOTH.into_iter().filter_map(of).collect()
    }

    /// What its rate has let in lately.
    pub fn past(&mut self, now: Tick) -> Vec<Past> {
        self.slide.past(now)
    }

    /// Takes over what its rate had let in before a restart.
    pub fn restore_rate(&mut self, past: &[Past], now: Tick, wall: Duration) {
        self.slide.take_over(past, now, wall);
    }

    /// Forgets what its rate has let in: requests and tokens. `None`: it has none.
    pub fn reset_rate(&mut self, now: Tick) -> Option<(u64, u64)> {
        let (requests, tokens, _) = self.lately(now);
        self.slide.clear();
        (self.has_rate() || requests > 0).then_some((requests, tokens))
    }

    /// Takes over what was used before a restart.
    pub fn restore(&mut self, term: Term, saved: Used, wall: Duration) {
        if let Some(tally) = self.tally(term) {
            tally.restore(saved, wall);
        }
    }

    /// Sets what was used to nothing.
    pub fn reset(&mut self, term: Term, wall: Duration) -> Option<Used> {
        self.turn_terms(wall);
        self.tally(term).as_mut().map(|tally| tally.reset(wall))
    }

    fn tally(&mut self, term: Term) -> &mut Option<Tally> {
        &mut self.terms[term as usize]
    }

    fn turn(&mut self, now: Tick, wall: Duration) {
        self.slide.turn(now);
        self.turn_terms(wall);
    }

    fn turn_terms(&mut self, wall: Duration) {
        for term in Term::BOTH {
            if let (Some(tally), Some(quota)) =
                (&mut self.terms[term as usize], quota(&self.allowance, term))
            {
                tally.turn(&quota.calendar, wall);
            }
        }
    }

    /// What has no window.
    fn fits_now(&self, claim: &Claim, now: Tick) -> Result<(), Exceeded> {
        let Allowance {
            rpm,
            tpm,
            concurrency,
            ..
        } = self.allowance;
        if let Some(most) = concurrency.filter(|most| self.running >= *most) {
            return Err(Exceeded {
                limit: Limit::Concurrency,
                most,
                left: 0,
                asked: 1,
                retry_after: Some(SOON),
            });
        }
        let slides = [
            (Limit::Rpm, Count::Requests, rpm, 1),
            (
                Limit::Tpm,
                Count::Tokens,
                tpm,
                claim.tokens(tpm.unwrap_or(0)).max(1),
            ),
        ];
        for (limit, count, most, asked) in slides {
            let (Some(most), used) = (most, self.slide.count(count)) else {
                continue;
            };
            if used.saturating_add(asked) > most {
                let at_most = most.checked_sub(asked);
                return Err(Exceeded {
                    limit,
                    most,
                    left: most.saturating_sub(used),
                    asked,
                    retry_after: at_most.map(|at_most| self.slide.until(count, at_most, now)),
                });
            }
        }
        Ok(())
    }

    fn reserve_term(
        &mut self,
        term: Term,
        claim: &Claim,
        wall: Duration,
    ) -> Result<Option<(Reservation, Take)>, Exceeded> {
        let (Some(quota), Some(tally)) =
            (quota(&self.allowance, term), &mut self.terms[term as usize])
        else {
            return Ok(None);
        };
        let take = Take {
            tokens: claim.tokens(quota.tokens.unwrap_or(u64::MAX)),
            nano_usd: claim.nano_usd(quota.nano_usd.unwrap_or(u64::MAX)),
        };
        match tally.reserve(quota, take) {
            Ok(reservation) => Ok(Some((reservation, take))),
            Err(short) => Err(exceeded(quota, tally, take, (short, wall))),
        }
    }

    fn release_terms(&mut self, terms: [Option<(Reservation, Take)>; 2]) {
        for (tally, reserved) in self.terms.iter_mut().zip(terms) {
            if let (Some(tally), Some((reservation, _))) = (tally, reserved) {
                tally.release(reservation);
            }
        }
    }
}

fn quota(allowance: &Allowance, term: Term) -> Option<&Arc<Quota>> {
    match term {
        Term::Quota => allowance.quota.as_ref(),
        Term::Budget => allowance.budget.as_ref(),
    }
}

/// Which part of a quota has no room.
fn exceeded(
    quota: &Quota,
    tally: &Tally,
    take: Take,
    (short, wall): (Short, Duration),
) -> Exceeded {
    let (used, reserved) = (tally.used(), tally.reserved());
    let parts = [
        (
            Limit::Requests,
            quota.requests,
            (used.requests, reserved.requests),
            1,
        ),
        (
            Limit::Tokens,
            quota.tokens,
            (used.tokens, reserved.tokens),
            take.tokens.max(1),
        ),
        (
            Limit::Budget,
            quota.nano_usd,
            (used.nano_usd, reserved.nano_usd),
            take.nano_usd,
        ),
    ];
    let over = parts
        .into_iter()
        .find_map(|(limit, most, (used, reserved), asked)| {
            let (most, taken) = (most?, used.saturating_add(reserved));
            (taken.saturating_add(asked) > most).then_some((limit, most, taken, asked))
        });
    let (limit, most, taken, asked) = over.unwrap_or((Limit::Requests, 0, 0, 1));
    let ends = u64::try_from(tally.window().ends).unwrap_or(0);
    let reset = Duration::from_secs(ends).saturating_sub(wall);
    let retry_after = match short {
        _ if asked > most => None,
        Short::Spent => Some(reset),
        Short::Reserved => Some(reset.min(SOON)),
    };
    Exceeded {
        limit,
        most,
        left: most.saturating_sub(taken),
        asked,
        retry_after,
    }
}

#[cfg(test)]
mod tests;
