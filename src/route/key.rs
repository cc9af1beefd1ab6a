//! Whether a provider key may be used for one upstream model.

use std::time::Duration;

use crate::clock::Tick;
use crate::config;

use super::cooldown::{Cause, Cooldown, LONGEST_TOLD};

/// Why a vendor refused a key, for metrics and UI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyMark {
    /// 401.
    Unauthenticated,
    /// 402, or a quota that only money refills.
    Unpaid,
    /// 403.
    Forbidden,
}

impl KeyMark {
    /// The word in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            KeyMark::Unauthenticated => "unauthenticated",
            KeyMark::Unpaid => "unpaid",
            KeyMark::Forbidden => "forbidden",
        }
    }
}

/// The state of one key for one upstream model. No half-open and no early probe: a rate limit is over when its time is
/// over, and a vendor's `Retry-After` is to be respected.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyHealth {
    cooldown: Cooldown,
    mark: Option<KeyMark>,
}

impl KeyHealth {
    /// 429: alone until the vendor's time, else as long as the cooldown says.
    pub fn limited(
        &mut self,
        began: Tick,
        now: Tick,
        retry_after: Option<Duration>,
        policy: &config::Cooldown,
    ) {
        match retry_after {
            Some(wait) => self.cooldown.fail_until(now, now + wait.min(LONGEST_TOLD)),
            None => self.cooldown.fail(began, now, Cause::Answer, policy),
        }
    }

    /// 401, 402, 403.
    pub fn refused(&mut self, began: Tick, now: Tick, mark: KeyMark, policy: &config::Cooldown) {
        self.cooldown.fail(began, now, Cause::Answer, policy);
        self.mark = Some(mark);
    }

    /// The vendor took the key. An attempt that began before the failure proves nothing.
    pub fn answered(&mut self, began: Tick) {
        self.cooldown.answered(began);
        self.cooldown.finished(began);
        if self.cooldown.is_proven() {
            self.mark = None;
        }
    }

    /// When it may be used again, if not now.
    pub fn held(&self, now: Tick) -> Option<Tick> {
        let until = self.cooldown.until();
        (now < until).then_some(until)
    }

    /// Nothing bad is known.
    pub fn is_well(&self) -> bool {
        self.cooldown.is_proven()
    }

    /// Stays until the vendor takes the key again.
    pub fn mark(&self) -> Option<KeyMark> {
        self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::fixture::policy;

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    #[test]
    fn a_rate_limit_lasts_as_long_as_the_vendor_says_and_no_further_than_a_day() {
        let mut key = KeyHealth::default();
        key.limited(
            at(1),
            at(1),
            Some(Duration::from_secs(90)),
            &policy().cooldown,
        );
        assert_eq!(key.held(at(2)), Some(at(91)));
        assert_eq!(key.held(at(91)), None);
        key.limited(at(91), at(91), Some(Duration::MAX), &policy().cooldown);
        assert_eq!(key.held(at(92)), Some(at(91) + LONGEST_TOLD));
    }

    #[test]
    fn without_a_time_it_doubles() {
        let mut key = KeyHealth::default();
        key.limited(at(1), at(1), None, &policy().cooldown);
        assert_eq!(key.held(at(1)), Some(at(6)));
        key.limited(at(7), at(7), None, &policy().cooldown);
        assert_eq!(key.held(at(7)), Some(at(17)));
        key.answered(at(17));
        key.limited(at(20), at(20), None, &policy().cooldown);
        assert_eq!(key.held(at(20)), Some(at(25)));
    }

    #[test]
    fn a_mark_stays_until_the_key_is_taken_again() {
        let mut key = KeyHealth::default();
        key.refused(at(1), at(1), KeyMark::Unpaid, &policy().cooldown);
        assert_eq!(
            (key.held(at(10)), key.mark()),
            (None, Some(KeyMark::Unpaid))
        );
        key.answered(at(0));
        assert_eq!(key.mark(), Some(KeyMark::Unpaid));
        key.answered(at(10));
        assert_eq!(key.mark(), None);
    }
}
