//! What a quota has given away from one reset to the next: reserved before a call, settled after it.
//!
//! Never more than the limit is reserved and used together, so that of many calls at once no one slips through; only
//! tokens and money may overshoot, by as much as an estimate was too small.

use std::time::Duration;

use crate::config::{Calendar, Quota};

use super::window::Window;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    pub requests: u64,
    pub tokens: u64,
    /// Billionths of a USD.
    pub nano_usd: u64,
}

/// What one call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Take {
    pub tokens: u64,
    pub nano_usd: u64,
}

/// Only tokens.
impl From<u64> for Take {
    fn from(tokens: u64) -> Take {
        Take {
            tokens,
            nano_usd: 0,
        }
    }
}

/// What was used in a window, as it is kept over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    pub window: Window,
    pub amount: Amount,
}

/// The counters of one quota.
#[derive(Debug, Clone)]
pub struct Tally {
    window: Window,
    used: Amount,
    reserved: Amount,
    /// Counts windows: what was reserved in one is never given back to the next.
    turn: u64,
}

/// What one call has reserved. Give it back: [`Tally::settle`] or [`Tally::release`].
#[derive(Debug)]
#[must_use = "what is reserved has to be settled or released"]
pub struct Reservation {
    turn: u64,
    take: Take,
    accepted: bool,
}

impl Reservation {
    /// The vendor has taken the call.
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }
}

/// Why nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Short {
    /// Used up, until the window ends.
    Spent,
    /// Others have reserved what is left and may give it back at any moment.
    Reserved,
}

impl Tally {
    pub fn new(calendar: &Calendar, now: Duration) -> Tally {
        Tally {
            window: Window::at(calendar, now),
            used: Amount::default(),
            reserved: Amount::default(),
            turn: 0,
        }
    }

    pub fn window(&self) -> Window {
        self.window
    }

    pub fn used(&self) -> Amount {
        self.used
    }

    pub fn reserved(&self) -> Amount {
        self.reserved
    }

    /// Begins a new window if the old one is over, and gives back what was used in that. A clock that was put back
    /// begins none: its window is the one that it shows, with what was counted so far.
    pub fn turn(&mut self, calendar: &Calendar, now: Duration) -> Option<Used> {
        if self.window.has(now) {
            return None;
        }
        let over = self.window.is_over(now).then_some(Used {
            window: self.window,
            amount: self.used,
        });
        self.window = Window::at(calendar, now);
        if over.is_some() {
            self.used = Amount::default();
            self.reserved = Amount::default();
            self.turn += 1;
        }
        over
    }

    /// Other resets than before: what was used stays used until the next of them.
    pub fn reschedule(&mut self, calendar: &Calendar, now: Duration) {
        self.window.ends = Window::at(calendar, now).ends;
    }

    /// Takes over what was used before a restart, if its window is not over.
    pub fn restore(&mut self, saved: Used, now: Duration) {
        if saved.window.is_over(now) {
            return;
        }
        self.window.began = saved.window.began;
        self.used.requests += saved.amount.requests;
        self.used.tokens += saved.amount.tokens;
        self.used.nano_usd += saved.amount.nano_usd;
    }

    /// Sets what was used to nothing. What is reserved stays so: those calls are under way.
    pub fn reset(&mut self, now: Duration) -> Used {
        let before = Used {
            window: self.window,
            amount: std::mem::take(&mut self.used),
        };
        self.window.began = super::window::seconds(now).min(self.window.ends);
        before
    }

    /// Whether a call that takes so much would be let in.
    ///
    /// # Errors
    /// [`Short`].
    pub fn fits(&self, quota: &Quota, take: impl Into<Take>) -> Result<(), Short> {
        let take = take.into();
        let with = |reserved: Amount| Amount {
            requests: self.used.requests + reserved.requests + 1,
            // Without any left, not even a call that takes none is let in.
            tokens: self
                .used
                .tokens
                .saturating_add(reserved.tokens)
                .saturating_add(take.tokens.max(1)),
            nano_usd: self
                .used
                .nano_usd
                .saturating_add(reserved.nano_usd)
                .saturating_add(take.nano_usd),
        };
        let within = |amount: Amount| {
            quota.requests.is_none_or(|most| amount.requests <= most)
                && quota.tokens.is_none_or(|most| amount.tokens <= most)
                && quota.nano_usd.is_none_or(|most| amount.nano_usd <= most)
        };
        if within(with(self.reserved)) {
            Ok(())
        } else if within(with(Amount::default())) {
            Err(Short::Reserved)
        } else {
            Err(Short::Spent)
        }
    }

    /// Reserves a request and what it takes.
    ///
    /// # Errors
    /// [`Short`]; nothing is reserved then.
    pub fn reserve(&mut self, quota: &Quota, take: impl Into<Take>) -> Result<Reservation, Short> {
        let take = take.into();
        self.fits(quota, take)?;
        let reserved = &mut self.reserved;
        reserved.requests += 1;
        reserved.tokens = reserved.tokens.saturating_add(take.tokens);
        reserved.nano_usd = reserved.nano_usd.saturating_add(take.nano_usd);
        Ok(Reservation {
            turn: self.turn,
            take,
            accepted: false,
        })
    }

    /// The vendor has taken the call: from now on it counts as a request, whatever becomes of it.
    pub fn accept(&mut self, reservation: &mut Reservation) {
        if reservation.accepted {
            return;
        }
        reservation.accepted = true;
        if reservation.turn == self.turn {
            self.reserved.requests = self.reserved.requests.saturating_sub(1);
            self.used.requests += 1;
        }
    }

    /// The call is over and took so much.
    pub fn settle(&mut self, mut reservation: Reservation, took: impl Into<Take>) {
        let took = took.into();
        self.accept(&mut reservation);
        if reservation.turn == self.turn {
            let used = &mut self.used;
            used.tokens = used.tokens.saturating_add(took.tokens);
            used.nano_usd = used.nano_usd.saturating_add(took.nano_usd);
        }
        self.release(reservation);
    }

    /// The vendor did not take the call. One that it has taken stays a request, of no tokens.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "what is reserved is given back once"
    )]
    pub fn release(&mut self, reservation: Reservation) {
        let Reservation {
            turn,
            take,
            accepted,
        } = reservation;
        if turn == self.turn {
            let reserved = &mut self.reserved;
            reserved.requests = reserved.requests.saturating_sub(u64::from(!accepted));
            reserved.tokens = reserved.tokens.saturating_sub(take.tokens);
            reserved.nano_usd = reserved.nano_usd.saturating_sub(take.nano_usd);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Cron;

    const DAY: u64 = 86_400;

    fn quota(requests: Option<u64>, tokens: Option<u64>) -> Quota {
        Quota {
            requests,
            tokens,
            nano_usd: None,
            calendar: Calendar {
                cron: Cron::daily(),
                zone: TimeZone::UTC,
            },
        }
    }

    fn at(secs: u64) -> Duration {
        Duration::from_secs(100 * DAY + secs)
    }

    fn tally(quota: &Quota) -> Tally {
        Tally::new(&quota.calendar, at(0))
    }

    fn amount(requests: u64, tokens: u64) -> Amount {
        Amount {
            requests,
            tokens,
            nano_usd: 0,
        }
    }

    #[test]
    fn what_does_not_fit_is_not_reserved_and_says_whether_waiting_helps() {
        let quota = quota(Some(2), Some(100));
        let mut tally = tally(&quota);
        let first = tally.reserve(&quota, 60).unwrap();
        assert_eq!(tally.reserve(&quota, 60).unwrap_err(), Short::Reserved);
        let second = tally.reserve(&quota, 40).unwrap();
        assert_eq!(tally.reserve(&quota, 0).unwrap_err(), Short::Reserved);
        tally.settle(first, 70);
        assert_eq!(tally.reserve(&quota, 60).unwrap_err(), Short::Spent);
        tally.release(second);
        assert_eq!(
            (tally.used(), tally.reserved()),
            (amount(1, 70), amount(0, 0))
        );
        assert!(tally.reserve(&quota, 30).is_ok());
    }

    #[test]
    fn a_call_that_was_taken_counts_whatever_becomes_of_it() {
        let quota = quota(Some(1), None);
        let mut tally = tally(&quota);
        let mut call = tally.reserve(&quota, 5).unwrap();
        tally.accept(&mut call);
        tally.accept(&mut call);
        assert_eq!(
            (tally.used(), tally.reserved()),
            (amount(1, 0), amount(0, 5))
        );
        tally.release(call);
        assert_eq!(
            (tally.used(), tally.reserved()),
            (amount(1, 0), amount(0, 0))
        );
        assert_eq!(tally.fits(&quota, 1), Err(Short::Spent));
    }

    #[test]
    fn a_new_window_begins_with_nothing_and_owes_the_old_one_nothing() {
        let quota = quota(Some(1), Some(10));
        let mut tally = tally(&quota);
        let mut early = tally.reserve(&quota, 10).unwrap();
        assert_eq!(tally.turn(&quota.calendar, at(DAY - 1)), None);
        let over = tally.turn(&quota.calendar, at(DAY)).unwrap();
        assert_eq!(over.amount, amount(0, 0));
        let late = tally.reserve(&quota, 10).unwrap();
        tally.accept(&mut early);
        tally.settle(early, 10);
        assert_eq!(
            (tally.used(), tally.reserved()),
            (amount(0, 0), amount(1, 10))
        );
        tally.settle(late, 8);
        assert_eq!(
            (tally.used(), tally.reserved()),
            (amount(1, 8), amount(0, 0))
        );
    }

    #[test]
    fn a_clock_that_is_put_back_frees_nothing() {
        let quota = quota(Some(1), None);
        let mut tally = tally(&quota);
        let call = tally.reserve(&quota, 0).unwrap();
        tally.settle(call, 3);
        let yesterday = at(0) - Duration::from_secs(10);
        assert_eq!(tally.turn(&quota.calendar, yesterday), None);
        assert!(tally.window().has(yesterday));
        assert_eq!(tally.used(), amount(1, 3));
    }

    #[test]
    fn a_restart_goes_on_where_the_window_is_the_same() {
        let quota = quota(Some(5), None);
        let saved = Used {
            window: tally(&quota).window(),
            amount: amount(3, 30),
        };
        let mut same = tally(&quota);
        same.restore(saved, at(10));
        assert_eq!(same.used(), amount(3, 30));
        let mut next = Tally::new(&quota.calendar, at(DAY));
        next.restore(saved, at(DAY));
        assert_eq!(next.used(), amount(0, 0));
    }

    #[test]
    fn a_reset_by_hand_forgets_what_was_used_and_not_what_is_under_way() {
        let quota = quota(Some(2), None);
        let mut tally = tally(&quota);
        let done = tally.reserve(&quota, 0).unwrap();
        tally.settle(done, 7);
        let under_way = tally.reserve(&quota, 1).unwrap();
        assert_eq!(tally.reset(at(50)).amount, amount(1, 7));
        assert_eq!(
            (tally.used(), tally.reserved()),
            (amount(0, 0), amount(1, 1))
        );
        tally.settle(under_way, 1);
        assert_eq!(tally.used(), amount(1, 1));
    }

    #[derive(Debug, Clone)]
    enum Op {
        Reserve(u64),
        Accept(usize),
        Settle(usize, u64),
        Release(usize),
        Wait(u64),
        Reset,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (0_u64..50).prop_map(Op::Reserve),
            3 => any::<usize>().prop_map(Op::Accept),
            3 => (any::<usize>(), 0_u64..60).prop_map(|(n, tokens)| Op::Settle(n, tokens)),
            2 => any::<usize>().prop_map(Op::Release),
            1 => (0_u64..DAY).prop_map(Op::Wait),
            1 => Just(Op::Reset),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: never more than the limit, never a reservation that nobody holds, and the
        /// counters are the sum of the outcomes.
        #[test]
        fn never_over_never_below_and_nothing_leaks(
            ops in prop::collection::vec(op(), 1..200),
            requests in prop::option::of(1_u64..8),
            tokens in prop::option::of(1_u64..200),
        ) {
            let quota = quota(requests, tokens);
            let (mut tally, mut now) = (tally(&quota), at(0));
            let mut held: Vec<Reservation> = Vec::new();
            let (mut accepted, mut settled) = (0_u64, 0_u64);
            for op in ops {
                let before = tally.turn;
                match op {
                    Op::Reserve(n) => match tally.reserve(&quota, n) {
                        Ok(reservation) => {
                            let all = tally.used.tokens + tally.reserved.tokens;
                            prop_assert!(tokens.is_none_or(|most| all <= most));
                            held.push(reservation);
                        }
                        Err(_) => prop_assert!(requests.is_some() || tokens.is_some()),
                    },
                    Op::Accept(n) if !held.is_empty() => {
                        let at = n % held.len();
                        let first = !held[at].accepted && held[at].turn == before;
                        tally.accept(&mut held[at]);
                        accepted += u64::from(first);
                    }
                    Op::Settle(n, used) if !held.is_empty() => {
                        let call = held.swap_remove(n % held.len());
                        let current = call.turn == before;
                        accepted += u64::from(current && !call.accepted);
                        settled += if current { used } else { 0 };
                        tally.settle(call, used);
                    }
                    Op::Release(n) if !held.is_empty() => tally.release(held.swap_remove(n % held.len())),
                    Op::Wait(secs) => {
                        now += Duration::from_secs(secs);
                        if let Some(over) = tally.turn(&quota.calendar, now) {
                            prop_assert_eq!(over.amount, amount(accepted, settled));
                            (accepted, settled) = (0, 0);
                        }
                    }
                    Op::Reset => {
                        prop_assert_eq!(tally.reset(now).amount, amount(accepted, settled));
                        (accepted, settled) = (0, 0);
                    }
                    Op::Accept(_) | Op::Settle(..) | Op::Release(_) => {}
                }
                prop_assert_eq!(tally.used, amount(accepted, settled));
                prop_assert!(requests.is_none_or(|most| tally.used.requests + tally.reserved.requests <= most));
                let current = held.iter().filter(|call| call.turn == tally.turn);
                let waiting = current.clone().filter(|call| !call.accepted).count() as u64;
                let tokens: u64 = current.map(|call| call.take.tokens).sum();
                prop_assert_eq!(tally.reserved, amount(waiting, tokens));
            }
            for call in held {
                tally.release(call);
            }
            prop_assert_eq!(tally.reserved, Amount::default());
        }
    }
}
