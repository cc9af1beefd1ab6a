//! One timer for the limits of an attempt, one after the other.
//!
//! Most of what is waited for is there at once, or long before its limit: a timer is made only when something is not, and
//! serves the next limit as well. It may ring before that; what is left then is slept anew.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use pingora::time::sleep;

use crate::clock::{self, Tick};

/// The limit passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLate;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Rings when a limit has passed.
#[derive(Default)]
pub struct Alarm {
    /// The timer, and when it rings.
    set: Option<(Tick, Sleep)>,
}

impl Alarm {
    /// Runs `work`, for no longer than up to a point in time. It is borrowed: a future that owned it would hold it twice.
    ///
    /// # Errors
    /// [`TooLate`]; `work` is left as it is.
    pub async fn within<T>(
        &mut self,
        limit: Tick,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, TooLate> {
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(limit, cx).map(Err),
        })
        .await
    }

    fn poll(&mut self, limit: Tick, cx: &mut Context<'_>) -> Poll<TooLate> {
        loop {
            let sleep = match &mut self.set {
                Some((rings, sleep)) if *rings <= limit => sleep,
                set => {
                    let left = limit.since(clock::now());
                    if left.is_zero() {
                        return Poll::Ready(TooLate);
                    }
                    &mut set.insert((limit, Box::pin(sleep(left)))).1
                }
            };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.set = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_there_needs_no_timer() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.within(Tick(0), pin!(ready(1))).await, Ok(1));
        assert!(alarm.set.is_none());
    }

    #[tokio::test]
    async fn a_timer_serves_later_limits_and_makes_way_for_earlier_ones() {
        let mut alarm = Alarm::default();
        let begun = clock::now();
        let after = |millis| begun + Duration::from_millis(millis);
        let mut waits = Vec::new();
        for millis in [30, 80, 60, 100] {
            let ended = alarm.within(after(millis), pin!(pending::<()>())).await;
            assert_eq!(ended, Err(TooLate));
            waits.push(clock::now().since(begun).as_millis());
        }
        assert!(waits[0] >= 30 && waits[1] >= 80, "{waits:?}");
        // It had passed already.
        assert!(waits[2] < 100 && waits[3] >= 100, "{waits:?}");

        let soon = clock::now() + Duration::from_millis(20);
        let late = soon + Duration::from_secs(3600);
        let napping = pin!(sleep(Duration::from_millis(5)));
        assert_eq!(alarm.within(late, napping).await, Ok(()));
        assert_eq!(
            alarm.within(soon, pin!(pending::<()>())).await,
            Err(TooLate)
        );
    }
}
