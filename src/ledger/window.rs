//! Which window of a quota a moment is in, and when that ends.
//!
//! A reset is a time of day in a time zone, which summer time may skip or give twice: a reset that is skipped is at the
//! moment when the clocks are put forward, and one that comes twice is the first of the two. So resets never go back in
//! time, none is left out, and none happens twice.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;

use crate::config::{Calendar, Cron};

/// A minute of the clock on the wall may come again after so long at most.
const LONGEST_FOLD: i64 = 25 * 3600;
/// No expression is silent for longer: a leap day on a given weekday, over a century without one.
const MOST_YEARS: i16 = 50;

/// From one reset to the next, in seconds since the Unix epoch; its end is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub began: i64,
    pub ends: i64,
}

impl Window {
    /// The window that a moment (since the Unix epoch) is in.
    pub fn at(calendar: &Calendar, moment: Duration) -> Window {
        let now = seconds(moment);
        let Ok(stamp) = Timestamp::from_second(now) else {
            return Window {
                began: 0,
                ends: i64::MAX,
            };
        };
        let here = calendar.zone.to_datetime(stamp);
        let ends = after(&calendar.cron, here)
            .map(|reset| calendar.second(reset))
            .find(|reset| *reset > now);
        let ahead = jiff::Span::new().seconds(LONGEST_FOLD);
        let from = here.checked_add(ahead).unwrap_or(here);
        let began = before(&calendar.cron, from)
            .map(|reset| calendar.second(reset))
            .find(|reset| *reset <= now);
        Window {
            began: began.unwrap_or(0),
            ends: ends.unwrap_or(i64::MAX),
        }
    }

    pub fn has(&self, moment: Duration) -> bool {
        (self.began..self.ends).contains(&seconds(moment))
    }

    pub fn is_over(&self, moment: Duration) -> bool {
        seconds(moment) >= self.ends
    }
}

pub(super) fn seconds(moment: Duration) -> i64 {
    i64::try_from(moment.as_secs()).unwrap_or(i64::MAX)
}

impl Calendar {
    /// When the clock on the wall first shows that time, or is put forward past it.
    fn second(&self, time: DateTime) -> i64 {
        let ambiguous = self.zone.to_ambiguous_zoned(time);
        let offset = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            // Read with the offset of after, it is before the change, and no other is in between.
            AmbiguousOffset::Gap { after, .. } => {
                let there = after.to_timestamp(time).ok();
                let change = there.and_then(|there| self.zone.following(there).next());
                return change.map_or(i64::MAX, |change| change.timestamp().as_second());
            }
        };
        offset
            .to_timestamp(time)
            .map_or(i64::MAX, |stamp| stamp.as_second())
    }
}

/// The resets after that minute of the clock, in order.
fn after(cron: &Cron, minute: DateTime) -> impl Iterator<Item = DateTime> {
    let last = minute.date().year().saturating_add(MOST_YEARS);
    let mut day = Some(minute.date());
    let days = std::iter::from_fn(move || {
        let mut date = day?;
        while !cron.has_month(date.month()) && date.year() <= last {
            date = date.last_of_month().tomorrow().ok()?;
        }
        day = date.tomorrow().ok();
        (date.year() <= last).then_some(date)
    });
    days.filter(|date| cron.has_day(*date))
        .flat_map(|date| times(cron).map(move |time| date.to_datetime(time)))
        .filter(move |time| *time > minute)
}

/// The resets up to that minute of the clock, the latest first.
fn before(cron: &Cron, minute: DateTime) -> impl Iterator<Item = DateTime> {
    let first = minute.date().year().saturating_sub(MOST_YEARS);
    let mut day = Some(minute.date());
    let days = std::iter::from_fn(move || {
        let mut date = day?;
        while !cron.has_month(date.month()) && date.year() >= first {
            date = date.first_of_month().yesterday().ok()?;
        }
        day = date.yesterday().ok();
        (date.year() >= first).then_some(date)
    });
    days.filter(|date| cron.has_day(*date))
        .flat_map(|date: Date| times(cron).rev().map(move |time| date.to_datetime(time)))
        .filter(move |time| *time <= minute)
}

/// The resets of one day.
fn times(cron: &Cron) -> impl DoubleEndedIterator<Item = Time> {
    let minutes = move |hour: i8| {
        let some = (0..60).filter(|minute| cron.has_minute(*minute));
        some.map(move |minute| jiff::civil::time(hour, minute, 0, 0))
    };
    (0..24)
        .filter(|hour| cron.has_hour(*hour))
        .flat_map(minutes)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn calendar(cron: &str, zone: &str) -> Calendar {
        Calendar {
            cron: Cron::parse(cron).unwrap(),
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    fn moment(text: &str) -> Duration {
        let stamp: Timestamp = text.parse().unwrap();
        Duration::from_secs(stamp.as_second().try_into().unwrap())
    }

    /// The window of a moment, as text.
    fn window(cron: &str, zone: &str, at: &str) -> (String, String) {
        let window = Window::at(&calendar(cron, zone), moment(at));
        let show = |second| Timestamp::from_second(second).unwrap().to_string();
        (show(window.began), show(window.ends))
    }

    fn pair(began: &str, ends: &str) -> (String, String) {
        (began.to_owned(), ends.to_owned())
    }

    #[test]
    fn a_day_is_the_zones_day() {
        assert_eq!(
            window("0 0 * * *", "Europe/Berlin", "2024-07-01T21:59:59Z"),
            pair("2024-06-30T22:00:00Z", "2024-07-01T22:00:00Z")
        );
        assert_eq!(
            window("0 0 * * *", "Europe/Berlin", "2024-07-01T22:00:00Z"),
            pair("2024-07-01T22:00:00Z", "2024-07-02T22:00:00Z")
        );
        assert_eq!(
            window("0 0 * * *", "Asia/Shanghai", "2024-01-15T16:00:00Z"),
            pair("2024-01-15T16:00:00Z", "2024-01-16T16:00:00Z")
        );
    }

    #[test]
    fn days_of_the_change_are_an_hour_shorter_and_longer() {
        assert_eq!(
            window("0 0 * * *", "Europe/Berlin", "2024-03-31T12:00:00Z"),
            pair("2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z")
        );
        assert_eq!(
            window("0 0 * * *", "Europe/Berlin", "2024-10-27T12:00:00Z"),
            pair("2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z")
        );
    }

    #[test]
    fn a_reset_in_the_gap_is_when_the_clocks_are_put_forward() {
        // 02:30 does not exist on that day: 01:59:59 is followed by 03:00, at 01:00 UTC.
        assert_eq!(
            window("30 2 * * *", "Europe/Berlin", "2024-03-31T00:59:59Z"),
            pair("2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z")
        );
        assert_eq!(
            window("30 2 * * *", "Europe/Berlin", "2024-03-31T01:00:00Z"),
            pair("2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z")
        );
    }

    #[test]
    fn a_reset_that_comes_twice_is_the_first() {
        // 02:30 is at 00:30 UTC and again at 01:30 UTC.
        for at in [
            "2024-10-27T00:30:00Z",
            "2024-10-27T01:29:00Z",
            "2024-10-27T01:30:00Z",
        ] {
            assert_eq!(
                window("30 2 * * *", "Europe/Berlin", at),
                pair("2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"),
                "{at}"
            );
        }
        // Every hour: the doubled one is one window of two hours.
        assert_eq!(
            window("0 * * * *", "Europe/Berlin", "2024-10-27T01:10:00Z"),
            pair("2024-10-27T00:00:00Z", "2024-10-27T02:00:00Z")
        );
    }

    #[test]
    fn a_day_that_a_country_skipped_is_no_day_without_a_reset() {
        // Samoa went from 29 to 31 December 2011.
        assert_eq!(
            window("0 0 * * *", "Pacific/Apia", "2011-12-30T09:59:00Z"),
            pair("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z")
        );
        assert_eq!(
            window("0 0 * * *", "Pacific/Apia", "2011-12-30T10:00:00Z"),
            pair("2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z")
        );
    }

    #[test]
    fn months_end_and_leap_years_come() {
        assert_eq!(
            window("0 0 31 * *", "UTC", "2023-02-10T00:00:00Z"),
            pair("2023-01-31T00:00:00Z", "2023-03-31T00:00:00Z")
        );
        assert_eq!(
            window("0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z"),
            pair("2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z")
        );
        assert_eq!(
            window("0 0 1 * *", "UTC", "2024-02-29T23:59:59Z"),
            pair("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z")
        );
    }

    const ZONES: [&str; 7] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
        "Africa/Casablanca",
    ];

    const CRONS: [&str; 9] = [
        "0 0 * * *",
        "30 2 * * *",
        "0 * * * *",
        "*/15 1-3 * * *",
        "0 0 1 * *",
        "0 0 31 * *",
        "15 2 * 3,10 sun",
        "0 12 29 2 *",
        "59 23 13 * fri",
    ];

    proptest! {
        /// Every moment is in one window, windows follow each other without a gap, and each begins at a time that the
        /// expression means or at a change of the clocks.
        #[test]
        fn windows_tile_time(
            cron in prop::sample::select(&CRONS[..]),
            zone in prop::sample::select(&ZONES[..]),
            at in 946_684_800_u64..2_500_000_000,
            within in 0.0..1.0_f64,
        ) {
            let calendar = calendar(cron, zone);
            let now = Duration::from_secs(at);
            let window = Window::at(&calendar, now);
            prop_assert!(window.has(now), "{window:?}");
            let other = window.began + ((window.ends - window.began) as f64 * within) as i64;
            let other = other.clamp(window.began, window.ends - 1);
            let of = |second: i64| Window::at(&calendar, Duration::from_secs(second.try_into().unwrap()));
            prop_assert_eq!(of(other), window);
            prop_assert_eq!(of(window.ends - 1), window);
            prop_assert_eq!(of(window.ends).began, window.ends);
            prop_assert_eq!(of(window.began - 1).ends, window.began);
        }

        /// Against the plain definition: minute by minute, what the clock on the wall shows for the first time.
        #[test]
        fn a_reset_is_where_the_clock_says(
            cron in prop::sample::select(&CRONS[..4]),
            zone in prop::sample::select(&ZONES[..]),
            change in 0_usize..60,
            off in -200_i64..200,
        ) {
            let calendar = calendar(cron, zone);
            // Near a change of the clocks, where there are any.
            let from: Timestamp = "2005-01-01T00:00:00Z".parse().unwrap();
            let near = calendar.zone.following(from).nth(change % 30).map_or(from, |c| c.timestamp());
            let now = near.as_second() + off * 60;
            let window = Window::at(&calendar, Duration::from_secs(now.try_into().unwrap()));
            let next = (1..3000).map(|n| now - now.rem_euclid(60) + n * 60).find(|second| resets_at(&calendar, *second));
            prop_assert_eq!(Some(window.ends), next, "{} {}", cron, zone);
        }
    }

    /// Whether the wall clock shows a time of the expression then, for the first time, or jumps over one.
    fn resets_at(calendar: &Calendar, second: i64) -> bool {
        let shown = |second| {
            calendar
                .zone
                .to_datetime(Timestamp::from_second(second).unwrap())
        };
        let (before, now) = (shown(second - 60), shown(second));
        let means = |time: DateTime| {
            let cron = &calendar.cron;
            cron.has_day(time.date())
                && cron.has_hour(time.hour())
                && cron.has_minute(time.minute())
        };
        // Every minute that the clock passed on its way here; none where it went back.
        let mut passed = before
            .series(jiff::Span::new().minutes(1))
            .skip(1)
            .take_while(|time| *time <= now);
        let already = |time: &DateTime| (1..=180).any(|n| shown(second - n * 60) == *time);
        passed.any(|time| means(time) && !already(&time))
    }
}
