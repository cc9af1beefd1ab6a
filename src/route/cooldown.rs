//! How long somebody is left alone after a failure.

use std::time::Duration;

use crate::clock::Tick;
use crate::config;

/// A vendor's `Retry-After` beyond this is not believed: a typo in a header must not retire anybody for ever.
pub const LONGEST_TOLD: Duration = Duration::from_secs(24 * 3600);

/// What a failure says about who can prove the contrary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Not reached in time: connect, TLS, timeouts. A good active check ends it.
    Unreached,
    /// Reached, and the answer was bad. Only a real request can prove it well.
    Answer,
}

/// Doubles from `base` to `max` with every failure in a row; the later deadline wins; a success resets.
///
/// `until` and `since` are zero before the first failure.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cooldown {
    until: Tick,
    /// What the vendor itself told (`Retry-After`): nobody is asked before, and no check ends it.
    told: Tick,
    /// When the latest counted failure was told.
    since: Tick,
    /// Failures in a row, for the doubling.
    steps: u32,
    /// Failed, and nothing good was seen since: half-open once `until` is over.
    unproven: bool,
    cause: Option<Cause>,
}

impl Cooldown {
    /// A failure of an attempt that began at `began`.
    ///
    /// Many requests meet the same outage at once; only those that began after the cooldown know something new. The
    /// others keep it from ending early, but do not double it: else one burst would jump from `base` to `max`.
    pub(super) fn fail(&mut self, began: Tick, now: Tick, cause: Cause, policy: &config::Cooldown) {
        let straggler = self.unproven && began < self.since;
        if !straggler {
            self.steps = self.steps.saturating_add(1);
            self.since = now;
            self.cause = Some(cause);
        }
        self.unproven = true;
        self.until = self.until.max(now + length(self.steps, policy));
    }

    /// The vendor said when it wants to be asked again.
    pub(super) fn tell(&mut self, told: Tick) {
        self.told = self.told.max(told);
    }

    /// Leaves alone until `until` at least, whatever the doubling says (`Retry-After`).
    pub(super) fn fail_until(&mut self, now: Tick, until: Tick) {
        self.since = now;
        self.unproven = true;
        self.cause = Some(Cause::Answer);
        self.until = self.until.max(until);
    }

    /// Content came on an attempt that began at `began`. What began before the failure proves nothing about now.
    pub(super) fn answered(&mut self, began: Tick) {
        if began >= self.since {
            self.prove();
        }
    }

    /// Well again: content came on an attempt that was made to find out.
    pub(super) fn prove(&mut self) {
        self.until = Tick::default();
        self.told = Tick::default();
        self.unproven = false;
    }

    /// The answer came to its proper end: the next failure starts at `base` again.
    pub(super) fn finished(&mut self, began: Tick) {
        if began >= self.since {
            self.steps = 0;
        }
    }

    /// An active check was answered: ends the wait where that is what failed, never the half-open state.
    pub(super) fn reachable(&mut self, now: Tick) {
        if self.cause == Some(Cause::Unreached) {
            self.until = self.until.min(now);
        }
    }

    /// Nothing bad is known.
    pub(super) fn is_proven(&self) -> bool {
        !self.unproven
    }

    pub(super) fn until(&self) -> Tick {
        self.until.max(self.told)
    }

    pub(super) fn told(&self) -> Tick {
        self.told
    }

    pub(super) fn since(&self) -> Tick {
        self.since
    }
}

fn length(steps: u32, policy: &config::Cooldown) -> Duration {
    doubled(policy.base, steps.saturating_sub(1), policy.max)
}

/// `base` doubled `times` times, at most `max`.
pub(super) fn doubled(base: Duration, times: u32, max: Duration) -> Duration {
    let factor = 1u32.checked_shl(times).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: config::Cooldown = config::Cooldown {
        base: Duration::from_secs(5),
        max: Duration::from_secs(60),
        probe_after: Duration::from_secs(10),
    };

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    fn fail(cooldown: &mut Cooldown, secs: u64) -> u64 {
        cooldown.fail(at(secs), at(secs), Cause::Answer, &POLICY);
        cooldown.until().0 / 1_000_000 - secs
    }

    #[test]
    fn doubles_from_base_to_max_and_starts_anew_after_a_success() {
        let mut cooldown = Cooldown::default();
        let lengths: Vec<u64> = (1..=6).map(|n| fail(&mut cooldown, n * 100)).collect();
        assert_eq!(lengths, [5, 10, 20, 40, 60, 60]);
        cooldown.answered(at(700));
        assert!(cooldown.is_proven());
        cooldown.finished(at(700));
        assert_eq!(fail(&mut cooldown, 800), 5);
    }

    #[test]
    fn an_answer_without_its_proper_end_does_not_reset_the_doubling() {
        let mut cooldown = Cooldown::default();
        fail(&mut cooldown, 1);
        cooldown.answered(at(10));
        assert!(cooldown.is_proven());
        assert_eq!(fail(&mut cooldown, 20), 10);
    }

    #[test]
    fn a_burst_of_failures_that_began_before_counts_once() {
        let mut cooldown = Cooldown::default();
        for ms in 0..100 {
            cooldown.fail(
                at(1),
                at(2) + Duration::from_millis(ms),
                Cause::Answer,
                &POLICY,
            );
        }
        assert_eq!(cooldown.until(), at(7) + Duration::from_millis(99));
    }

    #[test]
    fn the_later_deadline_wins() {
        let mut cooldown = Cooldown::default();
        cooldown.fail_until(at(1), at(100));
        fail(&mut cooldown, 2);
        assert_eq!(cooldown.until(), at(100));
        cooldown.fail_until(at(3), at(50));
        assert_eq!(cooldown.until(), at(100));
    }

    #[test]
    fn an_answer_to_what_began_before_the_failure_proves_nothing() {
        let mut cooldown = Cooldown::default();
        fail(&mut cooldown, 10);
        cooldown.answered(at(9));
        cooldown.finished(at(9));
        assert!(!cooldown.is_proven());
        assert_eq!(fail(&mut cooldown, 20), 10);
    }

    #[test]
    fn a_check_ends_only_what_a_check_can_know() {
        for (cause, until) in [(Cause::Unreached, at(3)), (Cause::Answer, at(6))] {
            let mut cooldown = Cooldown::default();
            cooldown.fail(at(1), at(1), cause, &POLICY);
            cooldown.reachable(at(3));
            assert_eq!(cooldown.until(), until);
            assert!(!cooldown.is_proven());
        }
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        assert_eq!(
            doubled(Duration::from_secs(5), 400, Duration::from_secs(60)),
            Duration::from_secs(60)
        );
        assert_eq!(doubled(Duration::MAX, 3, Duration::MAX), Duration::MAX);
    }
}
