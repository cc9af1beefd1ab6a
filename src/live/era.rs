//! The clock on the wall, for counters that begin anew at a time of day.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{self, Tick};

/// What has to be added to a tick to make it a time of day, in microseconds: a tick knows no clock on the wall.
#[derive(Debug, Default)]
pub(super) struct Era(AtomicI64);

impl Era {
    pub(super) fn wall(&self, now: Tick) -> Duration {
        let micros = now.0.saturating_add_signed(self.0.load(Ordering::Relaxed));
        Duration::from_micros(micros)
    }

    pub(super) fn tick(&self, second: i64) -> Tick {
        let micros = second.saturating_mul(1_000_000);
        let tick = micros.saturating_sub(self.0.load(Ordering::Relaxed));
        Tick(u64::try_from(tick).unwrap_or(0))
    }

    /// Compares the clocks.
    pub(super) fn tell(&self, now: Tick, wall: Duration) {
        let wall = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
        let now = i64::try_from(now.0).unwrap_or(i64::MAX);
        self.0.store(wall.saturating_sub(now), Ordering::Relaxed);
    }

    /// Compares them for the first time, if nobody has.
    pub(super) fn begin(&self, now: Tick) {
        if self.0.load(Ordering::Relaxed) == 0 {
            self.tell(now, clock::wall());
        }
    }
}
