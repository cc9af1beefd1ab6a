//! How long things took, as counts in classes: two histograms are added by adding their counts.
//!
//! The classes grow by 1.6, so that a percentile is off by a fraction of itself, whatever its size.

use std::time::Duration;

/// How many classes there are: columns of `rollups`.
pub(super) const CLASSES: usize = 24;

/// Upper ends in microseconds, `8 ms * 1.6^n`; the last class has none.
const ENDS: [i64; CLASSES - 1] = [
    8_000,
    12_800,
    20_480,
    32_768,
    52_429,
    83_886,
    134_218,
    214_748,
    343_597,
    549_756,
    879_609,
    1_407_375,
    2_251_800,
    3_602_880,
    5_764_608,
    9_223_372,
    14_757_395,
    23_611_832,
    37_778_932,
    60_446_291,
    96_714_066,
    154_742_505,
    247_588_008,
];

/// How classes are named where they are text: in their order.
const NAMES: [&str; CLASSES] = [
    "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15",
    "16", "17", "18", "19", "20", "21", "22", "23",
];

/// The class that so many microseconds are in.
pub(super) fn class_name(micros: i64) -> &'static str {
    let class = ENDS.partition_point(|end| *end < micros);
    NAMES.get(class).copied().unwrap_or_default()
}

/// Counts by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram(pub(super) [i64; CLASSES]);

impl Histogram {
    pub(super) fn add(&mut self, micros: i64) {
        let class = ENDS.partition_point(|end| *end < micros);
        if let Some(count) = self.0.get_mut(class) {
            *count += 1;
        }
    }

    pub fn merge(&mut self, other: &Histogram) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(n, more)| *n += more);
    }

    pub fn count(&self) -> i64 {
        self.0.iter().sum()
    }

    /// The time that so many of a thousand did not exceed: an estimate within its class. `None` of nothing.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate within a class of at most five minutes"
    )]
    pub fn permille(&self, share: u16) -> Option<Duration> {
        let (class, within) = self.class_of(share)?;
        let (low, high) = ends(class);
        // The first class has no beginning to speak of, the last no end.
        let low = low.unwrap_or(ENDS[0] / 8) as f64;
        let high = high.map_or(low * 1.6, |end| end as f64);
        // Within a class times are as good as evenly spread by their logarithm.
        Some(Duration::from_micros(
            (low * (high / low).powf(within)) as u64,
        ))
    }

    /// Between which times it lies for certain: those of its class. The last class has no end.
    pub fn bounds(&self, share: u16) -> Option<(Duration, Option<Duration>)> {
        let (low, high) = ends(self.class_of(share)?.0);
        let time = |micros: i64| Duration::from_micros(micros.unsigned_abs());
        Some((low.map_or(Duration::ZERO, time), high.map(time)))
    }

    /// The class of the one that so many of a thousand come before, and how far within.
    #[allow(clippy::cast_precision_loss, reason = "counts below 2^53")]
    fn class_of(&self, share: u16) -> Option<(usize, f64)> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (count as f64 * f64::from(share.min(1000)) / 1000.0).max(1.0);
        let mut below = 0.0;
        for (class, n) in self.0.iter().enumerate() {
            let n = *n as f64;
            if n > 0.0 && below + n >= rank {
                return Some((class, (rank - below) / n));
            }
            below += n;
        }
        None
    }
}

/// Where a class begins and ends, in microseconds.
fn ends(class: usize) -> (Option<i64>, Option<i64>) {
    let end = |class: usize| ENDS.get(class).copied();
    (class.checked_sub(1).and_then(end), end(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_its_class() {
        let mut all = Histogram::default();
        for ms in 1..=10_000_i64 {
            all.add(ms * 1000);
        }
        for (share, ms) in [(500_u16, 5_000_u64), (900, 9_000), (990, 9_900)] {
            let told = all.permille(share).unwrap().as_millis();
            let off = (told as f64 / ms as f64).ln().abs();
            assert!(off < 1.6_f64.ln(), "{share}: {told} for {ms}");
            let (low, high) = all.bounds(share).unwrap();
            assert!(low <= Duration::from_millis(ms) && Duration::from_millis(ms) <= high.unwrap());
        }
        assert_eq!(Histogram::default().permille(500), None);
        let mut slow = Histogram::default();
        slow.add(i64::MAX);
        let (low, high) = slow.bounds(500).unwrap();
        assert_eq!((low.as_secs(), high), (247, None));
        assert_eq!((class_name(0), class_name(i64::MAX)), ("00", "23"));
    }

    #[test]
    fn merged_ones_are_as_one() {
        let (mut a, mut b, mut both) = <(Histogram, Histogram, Histogram)>::default();
        for (n, micros) in [0, 8_000, 8_001, 90_000, i64::MAX].into_iter().enumerate() {
            if n % 2 == 0 {
                a.add(micros)
            } else {
                b.add(micros)
            }
            both.add(micros);
        }
        a.merge(&b);
        assert_eq!((a, a.count()), (both, 5));
    }
}
