use std::time::Duration;

use crate::config::Retry;

use super::cooldown::doubled;

/// The wait before same-endpoint retry number `nth` (from 0): `base` doubled each time, at most `max`, and of that
/// between half and all, by the dice, so that requests that failed together do not come back together.
pub(super) fn backoff(retry: &Retry, nth: u32, dice: u64) -> Duration {
    let whole = doubled(retry.base, nth, retry.max);
    let half = whole / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
    let part = (u128::from(dice) * u128::from(micros)) >> 64;
    half + Duration::from_micros(u64::try_from(part).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::fixture::policy;

    #[test]
    fn doubles_up_to_max_with_half_of_it_left_to_chance() {
        let retry = policy().retry;
        let range = |nth| {
            (
                backoff(&retry, nth, 0).as_millis(),
                backoff(&retry, nth, u64::MAX).as_millis(),
            )
        };
        assert_eq!(
            [range(0), range(1), range(4)],
            [(125, 249), (250, 499), (2000, 3999)]
        );
        assert_eq!((range(5), range(63)), ((2500, 4999), (2500, 4999)));
    }
}
