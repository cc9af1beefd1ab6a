//! How long somebody's first token takes.

use std::time::Duration;

use crate::clock::Tick;

/// After that long without news a figure has lost 63 % of its weight. LLM requests are seconds apart, so Finagle's 10 s
/// would forget between two of them.
const TAU: Duration = Duration::from_secs(30);
/// What an endpoint with no figure but with requests in flight is taken for: else everybody would rush to a new one.
const UNKNOWN: f64 = 1_000_000.0;
/// Right after a failure a first token counts as this many times as long as usual …
const PENALTY: f64 = 4.0;
/// … and at least as that long, microseconds. Both fade. However many fail at once or in a row: a penalty upon a penalty
/// would be as high as the outage was long, and who is well again would not be asked for as long again.
const LEAST_PENALTY: f64 = 1_000_000.0;

/// Peak EWMA of first-token time (Finagle's `PeakEwma`, also linkerd2-proxy's `ewma`): rises at once, falls slowly, and
/// decays while there is no news, so that a slow endpoint gets its next chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ewma {
    /// Microseconds; 0: nothing known.
    value: f64,
    at: Tick,
    /// The latest failure.
    failed: Option<Tick>,
}

impl Ewma {
    pub fn sample(&mut self, first_token: Duration, now: Tick) {
        self.take(first_token.as_secs_f64() * 1e6, now);
    }

    /// Somebody waited that long and then no more: it is at least as slow.
    pub fn at_least(&mut self, waited: Duration, now: Tick) {
        let micros = waited.as_secs_f64() * 1e6;
        if micros > self.usual(now) {
            self.take(micros, now);
        }
    }

    /// A failed attempt, so that failing fast does not look fast.
    pub fn fail(&mut self, now: Tick) {
        self.failed = self.failed.max(Some(now));
    }

    /// What one more request costs there: the figure, times everybody who waits.
    pub fn cost(&self, in_flight: u32, now: Tick) -> f64 {
        let figure = self.figure(now);
        if figure == 0.0 && in_flight > 0 {
            return UNKNOWN * f64::from(in_flight + 1);
        }
        figure * f64::from(in_flight.saturating_add(1))
    }

    fn take(&mut self, micros: f64, now: Tick) {
        let usual = self.usual(now);
        if micros >= usual || self.value == 0.0 {
            self.value = micros;
        } else {
            let weight = decay(self.at, now);
            self.value = self.value * weight + micros * (1.0 - weight);
        }
        self.at = self.at.max(now);
    }

    fn usual(&self, now: Tick) -> f64 {
        self.value * decay(self.at, now)
    }

    /// What is usual, and more than that for whoever failed lately.
    fn figure(&self, now: Tick) -> f64 {
        let usual = self.usual(now);
        let Some(failed) = self.failed else {
            return usual;
        };
        let fresh = decay(failed, now);
        (usual * (1.0 + (PENALTY - 1.0) * fresh)).max(LEAST_PENALTY * fresh)
    }
}

fn decay(at: Tick, now: Tick) -> f64 {
    (-now.since(at).as_secs_f64() / TAU.as_secs_f64()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    fn after(first_tokens: &[(u64, u64)]) -> Ewma {
        let mut ewma = Ewma::default();
        for (secs, ms) in first_tokens {
            ewma.sample(Duration::from_millis(*ms), at(*secs));
        }
        ewma
    }

    #[test]
    fn rises_at_once_and_falls_slowly() {
        let up = after(&[(1, 200), (2, 2000)]);
        assert!((up.cost(0, at(2)) - 2e6).abs() < 1.0);
        let down = after(&[(1, 2000), (2, 200)]);
        assert!(down.cost(0, at(2)) > 1.8e6);
    }

    #[test]
    fn a_slow_one_gets_its_next_chance() {
        let slow = after(&[(1, 10_000)]);
        assert!(slow.cost(0, at(200)) < after(&[(200, 100)]).cost(0, at(200)));
    }

    #[test]
    fn failing_fast_is_not_fast() {
        let mut ewma = after(&[(1, 500)]);
        ewma.fail(at(1));
        assert!(ewma.cost(0, at(1)) >= 2e6);
        let mut fresh = Ewma::default();
        fresh.fail(at(1));
        assert!(fresh.cost(0, at(1)) >= 1e6);
    }

    #[test]
    fn a_long_outage_is_forgotten_as_soon_as_a_short_one() {
        let (mut short, mut long) = (after(&[(1, 500)]), after(&[(1, 500)]));
        short.fail(at(600));
        // Many at once, then probe after probe.
        (0..50).for_each(|_| long.fail(at(2)));
        (1..=60).for_each(|n| long.fail(at(10 * n)));
        assert_eq!(short.cost(0, at(600)), long.cost(0, at(600)));
        long.sample(Duration::from_millis(500), at(601));
        assert!(long.cost(0, at(601)) < 2e6);
        assert!(long.cost(0, at(700)) < 6e5, "as if nothing had been");
    }

    #[test]
    fn who_was_not_waited_for_is_at_least_that_slow() {
        let mut ewma = after(&[(1, 500)]);
        ewma.at_least(Duration::from_millis(100), at(1));
        assert!((ewma.cost(0, at(1)) - 5e5).abs() < 1.0);
        ewma.at_least(Duration::from_millis(900), at(1));
        assert!((ewma.cost(0, at(1)) - 9e5).abs() < 1.0);
    }

    #[test]
    fn an_unknown_one_is_tried_but_not_rushed_to() {
        let fresh = Ewma::default();
        assert_eq!(fresh.cost(0, at(1)), 0.0);
        assert!(fresh.cost(1, at(1)) > after(&[(1, 300)]).cost(1, at(1)));
    }
}
