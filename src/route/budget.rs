//! How many same-endpoint retries, or hedges, a virtual model may make.

use crate::clock::Tick;

/// Seconds that count.
const WINDOW: u64 = 10;
/// Retries that are always allowed within the window: without them a quiet model could never retry at all.
const FLOOR: u64 = 10;

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    /// Which second of the clock the counts are of.
    second: u64,
    requests: u32,
    retries: u32,
}

/// Retries as a share of the requests of the last 10 s. A vendor that fails everything must not see every request
/// several times.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    seconds: [Second; WINDOW as usize],
}

impl Budget {
    pub fn request(&mut self, now: Tick) {
        let second = self.second(now);
        second.requests = second.requests.saturating_add(1);
    }

    /// Takes one retry out, if there is one left. `share`: 0.0 to 1.0 (and more, where somebody wants it).
    pub fn retry(&mut self, now: Tick, share: f64) -> bool {
        let (requests, retries) = self.totals(now);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "counts of 10 s are far below 2^53, and a negative share saturates to zero"
        )]
        let allowed = ((requests as f64 * share) as u64).max(FLOOR);
        if retries >= allowed {
            return false;
        }
        self.second(now).retries += 1;
        true
    }

    fn second(&mut self, now: Tick) -> &mut Second {
        let this = now.0 / 1_000_000;
        let slot = &mut self.seconds[(this % WINDOW) as usize];
        if slot.second != this {
            *slot = Second {
                second: this,
                ..Second::default()
            };
        }
        slot
    }

    fn totals(&self, now: Tick) -> (u64, u64) {
        let oldest = (now.0 / 1_000_000).saturating_sub(WINDOW - 1);
        self.seconds
            .iter()
            .filter(|s| s.second >= oldest)
            .fold((0, 0), |(requests, retries), s| {
                (
                    requests + u64::from(s.requests),
                    retries + u64::from(s.retries),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    fn take_all(budget: &mut Budget, now: Tick, share: f64) -> usize {
        (0..10_000).take_while(|_| budget.retry(now, share)).count()
    }

    #[test]
    fn ten_are_always_allowed() {
        assert_eq!(take_all(&mut Budget::default(), at(5), 0.0), 10);
    }

    #[test]
    fn a_share_of_the_requests_of_the_last_ten_seconds() {
        let mut budget = Budget::default();
        (0..1000).for_each(|_| budget.request(at(1)));
        assert_eq!(take_all(&mut budget, at(3), 0.2), 200);
        assert_eq!(take_all(&mut budget, at(10), 0.2), 0);
        (0..100).for_each(|_| budget.request(at(12)));
        assert_eq!(
            take_all(&mut budget, at(12), 0.2),
            0,
            "the 200 retries of second 3 still count"
        );
        assert_eq!(take_all(&mut budget, at(13), 0.2), 20);
    }

    #[test]
    fn a_long_silence_forgets_everything() {
        let mut budget = Budget::default();
        take_all(&mut budget, at(3), 0.2);
        assert_eq!(take_all(&mut budget, at(3 + WINDOW), 0.2), 10);
    }
}
