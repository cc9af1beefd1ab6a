//! The one home of the clocks.
//!
//! Pure rooms take a [`Tick`] as an argument and never ask for one; everything else asks here, so that a simulation
//! can run on made-up time and `clippy.toml` can forbid `Instant::now` and `SystemTime::now` everywhere else.

use std::ops::{Add, Sub};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use once_cell::sync::Lazy;

/// A point in monotonic time: microseconds since this process first looked at its clock. Fits an atomic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

impl Tick {
    /// The time from `earlier` to `self`, zero if `earlier` is not earlier.
    pub fn since(self, earlier: Tick) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Tick;

    fn add(self, d: Duration) -> Tick {
        let micros = u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        Tick(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Tick {
    type Output = Tick;

    fn sub(self, d: Duration) -> Tick {
        let micros = u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        Tick(self.0.saturating_sub(micros))
    }
}

static START: Lazy<Instant> = Lazy::new(instant);

/// Now, on the monotonic clock. The first tick of a process is not zero, so that zero can mean "never".
pub fn now() -> Tick {
    let since = START.elapsed();
    Tick(1 + u64::try_from(since.as_micros()).unwrap_or(u64::MAX - 1))
}

/// Now, on the wall clock, as time since the Unix epoch.
pub fn wall() -> Duration {
    system_time().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[allow(
    clippy::disallowed_methods,
    reason = "this module is the one home of the clocks"
)]
fn instant() -> Instant {
    Instant::now()
}

#[allow(
    clippy::disallowed_methods,
    reason = "this module is the one home of the clocks"
)]
fn system_time() -> SystemTime {
    SystemTime::now()
}
