//! Opens after a number of failed requests in a row.

use crate::clock::Tick;
use crate::config;

/// Closed until `failures` requests in a row failed, then open for `open_for`; what comes after is decided by one live
/// request (`health`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Breaker {
    /// Requests in a row that failed.
    row: u32,
    /// When it last opened.
    since: Tick,
    /// Zero: closed.
    until: Tick,
}

impl Breaker {
    /// A request whose last attempt began at `began` failed. Those that began before it opened say nothing new.
    pub(super) fn fail(&mut self, began: Tick, now: Tick, policy: &config::Breaker) {
        self.row = self.row.saturating_add(1);
        let straggler = !self.is_closed() && began < self.since;
        if self.row >= policy.failures && !straggler {
            self.since = now;
            self.until = self.until.max(now + policy.open_for);
        }
    }

    /// Content came on an attempt that was made to find out. The row is not over before its proper end.
    pub(super) fn close(&mut self) {
        self.until = Tick::default();
    }

    /// The answer came to its proper end: the row is over.
    pub(super) fn finished(&mut self, began: Tick) {
        if self.is_closed() || began >= self.since {
            self.row = 0;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.until == Tick::default()
    }

    pub(super) fn until(&self) -> Tick {
        self.until
    }

    pub(super) fn since(&self) -> Tick {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const POLICY: config::Breaker = config::Breaker {
        failures: 3,
        open_for: Duration::from_secs(60),
    };

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    #[test]
    fn opens_after_that_many_in_a_row_and_no_sooner() {
        let mut breaker = Breaker::default();
        breaker.fail(at(1), at(1), &POLICY);
        breaker.fail(at(2), at(2), &POLICY);
        assert!(breaker.is_closed());
        breaker.fail(at(3), at(3), &POLICY);
        assert_eq!(breaker.until(), at(63));
    }

    #[test]
    fn a_proper_end_breaks_the_row() {
        let mut breaker = Breaker::default();
        breaker.fail(at(1), at(1), &POLICY);
        breaker.fail(at(2), at(2), &POLICY);
        breaker.finished(at(3));
        breaker.fail(at(4), at(4), &POLICY);
        breaker.fail(at(5), at(5), &POLICY);
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_failed_probe_opens_it_again_and_a_good_one_closes_it() {
        let mut breaker = Breaker::default();
        (1..=3).for_each(|n| breaker.fail(at(n), at(n), &POLICY));
        breaker.fail(at(63), at(64), &POLICY);
        assert_eq!(breaker.until(), at(124));
        breaker.close();
        assert!(breaker.is_closed());
    }

    #[test]
    fn what_began_before_it_opened_neither_ends_the_row_nor_prolongs() {
        let mut breaker = Breaker::default();
        (1..=3).for_each(|n| breaker.fail(at(n), at(n), &POLICY));
        breaker.finished(at(2));
        breaker.fail(at(2), at(30), &POLICY);
        assert_eq!(breaker.until(), at(63));
    }
}
