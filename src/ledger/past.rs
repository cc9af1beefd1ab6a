//! What a rate has let in lately, as it is kept over restarts: a few sums of ten seconds each.
//!
//! Who takes them over counts a sum as if all of it had come at its end. So never more is let in within a minute than the
//! limit says, and at most ten seconds too little; and a rate is seven numbers to write, not six hundred.

use std::time::Duration;

use super::window::seconds;

/// How long a sum is.
const LONG: i64 = 10;
/// How long something counts.
const COUNTS: i64 = 60;

/// What was let in within ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Their end, in seconds since the Unix epoch: a multiple of ten, and later than all of it.
    pub until: i64,
    pub requests: u64,
    pub tokens: u64,
}

impl Past {
    /// The end of the ten seconds that a moment (since the Unix epoch) is in.
    pub fn until(moment: Duration) -> i64 {
        (seconds(moment).div_euclid(LONG) + 1).saturating_mul(LONG)
    }

    pub fn is_over(&self, moment: Duration) -> bool {
        self.until.saturating_add(COUNTS) < seconds(moment)
    }

    /// Whether all of it counts still.
    fn is_whole(&self, moment: Duration) -> bool {
        self.until.saturating_add(COUNTS - LONG) >= seconds(moment)
    }

    fn of(sums: &[Past], until: i64) -> Past {
        let found = sums.iter().find(|sum| sum.until == until);
        found.copied().unwrap_or(Past {
            until,
            requests: 0,
            tokens: 0,
        })
    }

    /// Whether others have to be told what is counted now, who know what was `told`. That some of the oldest has ceased
    /// to count is no news: it goes with time.
    pub fn is_news(told: &[Past], now: &[Past], moment: Duration) -> bool {
        let added = now.iter().any(|sum| {
            let before = Past::of(told, sum.until);
            match sum.is_whole(moment) {
                true => before != *sum,
                false => sum.requests > before.requests || sum.tokens > before.tokens,
            }
        });
        let mut gone = told.iter().filter(|sum| sum.is_whole(moment));
        added || gone.any(|sum| Past::of(now, sum.until) != *sum)
    }

    /// What of `sums` is beyond what is `known`.
    pub fn beyond(sums: &[Past], known: &[Past]) -> Vec<Past> {
        let more = sums.iter().map(|sum| {
            let known = Past::of(known, sum.until);
            Past {
                until: sum.until,
                requests: sum.requests.saturating_sub(known.requests),
                tokens: sum.tokens.saturating_sub(known.tokens),
            }
        });
        more.filter(|sum| sum.requests > 0 || sum.tokens > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(until: i64, requests: u64) -> Past {
        Past {
            until,
            requests,
            tokens: 10 * requests,
        }
    }

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn its_end_is_later_than_all_of_it() {
        assert_eq!(Past::until(at(100)), 110);
        assert_eq!(Past::until(Duration::from_millis(109_999)), 110);
        assert!(!sum(110, 1).is_over(at(170)) && sum(110, 1).is_over(at(171)));
    }

    #[test]
    fn only_time_that_passes_is_no_news() {
        let told = [sum(110, 4), sum(120, 2)];
        let news = |now: &[Past], second| Past::is_news(&told, now, at(second));
        assert!(!news(&told, 125));
        assert!(news(&[sum(110, 4), sum(120, 3)], 125));
        assert!(news(&[sum(110, 4), sum(120, 1)], 125), "given back");
        assert!(news(&[], 125), "reset");
        assert!(!news(&[sum(110, 1), sum(120, 2)], 165), "the oldest go");
        assert!(!news(&[sum(120, 2)], 172));
        assert!(news(&[sum(110, 5), sum(120, 2)], 165), "it took more");
        assert!(!news(&[], 190), "all is old");
        assert!(!Past::is_news(&[], &[], at(1)));
    }

    #[test]
    fn what_is_known_is_not_told_twice() {
        let there = [sum(110, 4), sum(120, 2), sum(130, 1)];
        let known = [sum(110, 4), sum(120, 1), sum(140, 9)];
        assert_eq!(Past::beyond(&there, &known), [sum(120, 1), sum(130, 1)]);
    }
}
