//! When a quota begins anew: a cron expression of five fields, in a time zone.
//!
//! The expression is read here and says which days and which minutes of a day it means; what time that is in a zone with
//! summer time is worked out in `ledger/window`.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The days of a calendar come again after so many years, leap years and weekdays included, but for the skipped leap
/// day of a century.
const YEARS: i16 = 48;

/// The resets of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub cron: Cron,
    pub zone: TimeZone,
}

/// `MINUTE HOUR DAY MONTH WEEKDAY`, as sets.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 0.
    weekdays: u64,
    /// Both day and weekday are chosen: one of them is enough, as in every cron since the first.
    either: bool,
}

struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        least: 0,
        most: 59,
        names: &[],
    },
    Field {
        name: "hour",
        least: 0,
        most: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        least: 1,
        most: 31,
        names: &[],
    },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        name: "weekday",
        least: 0,
        most: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

/// What other crons call some expressions.
const SHORT: [(&str, &str); 5] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

impl Cron {
    /// Every midnight.
    pub fn daily() -> Cron {
        Cron {
            text: "0 0 * * *".to_owned(),
            minutes: 1,
            hours: 1,
            days: u64::MAX,
            months: u64::MAX,
            weekdays: u64::MAX,
            either: false,
        }
    }

    /// The first of every month.
    pub fn monthly() -> Cron {
        Cron {
            text: "0 0 1 * *".to_owned(),
            days: 1 << 1,
            ..Cron::daily()
        }
    }

    /// Reads an expression. The error says what is wrong with it, to stand after the expression.
    ///
    /// # Errors
    /// Not five fields, a field that is none, a day that never comes.
    pub fn parse(text: &str) -> Result<Cron, String> {
        let long = SHORT.iter().find(|(short, _)| *short == text);
        let long = long.map_or(text, |(_, long)| long);
        if long.starts_with('@') {
            let known: Vec<&str> = SHORT.iter().map(|(short, _)| *short).collect();
            return Err(format!("is none of {}", known.join(", ")));
        }
        let words: Vec<&str> = long.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = words.as_slice() else {
            return Err(format!(
                "has {} fields: five are expected, MINUTE HOUR DAY MONTH WEEKDAY",
                words.len()
            ));
        };
        let [minute, hour, day, month, weekday] = &FIELDS;
        let chosen = |word: &str| !word.starts_with('*');
        let mut cron = Cron {
            text: text.to_owned(),
            minutes: minute.set(minutes)?,
            hours: hour.set(hours)?,
            days: day.set(days)?,
            months: month.set(months)?,
            weekdays: weekday.set(weekdays)?,
            either: chosen(days) && chosen(weekdays),
        };
        // Sunday is 7 as well.
        cron.weekdays |= cron.weekdays >> 7;
        if cron.comes() {
            Ok(cron)
        } else {
            Err("means a day that never comes".to_owned())
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn has_day(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let suits = if self.either {
            day || weekday
        } else {
            day && weekday
        };
        suits && self.has_month(date.month())
    }

    pub fn has_month(&self, month: i8) -> bool {
        has(self.months, month)
    }

    pub fn has_hour(&self, hour: i8) -> bool {
        has(self.hours, hour)
    }

    pub fn has_minute(&self, minute: i8) -> bool {
        has(self.minutes, minute)
    }

    fn comes(&self) -> bool {
        let first = jiff::civil::date(2000, 1, 1);
        let last = jiff::civil::date(2000 + YEARS, 1, 1);
        first
            .series(jiff::Span::new().days(1))
            .take_while(|date| *date < last)
            .any(|date| self.has_day(date))
    }
}

fn has(set: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| set & 1_u64.checked_shl(number).unwrap_or(0) != 0)
}

impl Field {
    /// `*`, `5`, `1-5`, `*/15`, `10-50/20`, and lists of these.
    fn set(&self, word: &str) -> Result<u64, String> {
        let mut set = 0;
        for part in word.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(self.step(step)?)),
                None => (part, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (self.least, self.last()),
                Some((first, last)) => (self.number(first)?, self.number(last)?),
                // `5/15` is from 5 on.
                None if step.is_some() => (self.number(range)?, self.last()),
                None => (self.number(range)?, self.number(range)?),
            };
            if first > last {
                let name = self.name;
                return Err(format!("has the {name} `{part}`, which runs backwards"));
            }
            (first..=last)
                .step_by(step.unwrap_or(1))
                .for_each(|number| set |= 1 << number);
        }
        Ok(set)
    }

    /// Sunday stands once where all weekdays are meant.
    fn last(&self) -> u8 {
        self.most.min(if self.least == 0 && self.most == 7 {
            6
        } else {
            self.most
        })
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        let step = text.parse().ok().filter(|step| (1..=59).contains(step));
        step.ok_or_else(|| format!("has the {} step `{text}`", self.name))
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let lower = text.to_ascii_lowercase();
        let named = self.names.iter().position(|name| *name == lower);
        let named = named.and_then(|at| u8::try_from(at).ok());
        let plain = || text.parse().ok().filter(|_| !text.starts_with('+'));
        let number = named.map(|at| at + self.least).or_else(plain);
        let (name, least, most) = (self.name, self.least, self.most);
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("has the {name} `{text}`: {least} to {most} are known"))
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?})", self.text)
    }
}

/// The time zone of that name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("utc") {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(name).ok()
}

/// As `TZ` may say it: a name, also after a colon, or rules like `CET-1CEST,M3.5.0,M10.5.0/3`.
pub(super) fn zone_of_variable(value: &str) -> Option<TimeZone> {
    let value = value.strip_prefix(':').unwrap_or(value);
    zone(value).or_else(|| TimeZone::posix(value).ok())
}

/// Of this machine, else UTC.
pub(super) fn zone_of_machine() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// Every name that [`zone`] knows.
pub(super) fn zone_names() -> Vec<String> {
    jiff::tz::db()
        .available()
        .map(|name| name.as_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn fields_are_sets() {
        let cron = Cron::parse("*/15 9-17/4,23 1 JAN-mar *").unwrap();
        let minutes: Vec<i8> = (0..60).filter(|m| cron.has_minute(*m)).collect();
        let hours: Vec<i8> = (0..24).filter(|h| cron.has_hour(*h)).collect();
        assert_eq!(minutes, [0, 15, 30, 45]);
        assert_eq!(hours, [9, 13, 17, 23]);
        assert!(cron.has_day(date(2024, 3, 1)));
        assert!(!cron.has_day(date(2024, 4, 1)) && !cron.has_day(date(2024, 3, 2)));
        let from = Cron::parse("50/3 0 * * *").unwrap();
        assert!(from.has_minute(56) && !from.has_minute(47));
    }

    #[test]
    fn sunday_is_nought_and_seven() {
        for text in ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "@weekly"] {
            let cron = Cron::parse(text).unwrap();
            assert!(cron.has_day(date(2024, 6, 2)), "{text}");
            assert!(!cron.has_day(date(2024, 6, 3)), "{text}");
        }
        let week = Cron::parse("0 0 * * 5-7").unwrap();
        let days: Vec<i8> = (2..9).filter(|d| week.has_day(date(2024, 6, *d))).collect();
        assert_eq!(days, [2, 7, 8]);
        let every_other = Cron::parse("0 0 * * */2").unwrap();
        let days: Vec<i8> = (2..9)
            .filter(|d| every_other.has_day(date(2024, 6, *d)))
            .collect();
        assert_eq!(days, [2, 4, 6, 8]);
    }

    #[test]
    fn of_a_day_and_a_weekday_one_is_enough() {
        let cron = Cron::parse("0 0 13 * fri").unwrap();
        assert!(cron.has_day(date(2024, 6, 13)) && cron.has_day(date(2024, 6, 14)));
        assert!(!cron.has_day(date(2024, 6, 15)));
        let both = Cron::parse("0 0 */2 * fri").unwrap();
        assert!(both.has_day(date(2024, 6, 7)) && !both.has_day(date(2024, 6, 14)));
    }

    #[test]
    fn what_is_no_expression_is_said() {
        for (text, why) in [
            ("", "0 fields"),
            ("0 0 * *", "4 fields"),
            ("0 0 0 * * *", "6 fields"),
            ("60 0 * * *", "minute `60`: 0 to 59"),
            ("0 24 * * *", "hour `24`: 0 to 23"),
            ("0 0 0 * *", "day of the month `0`: 1 to 31"),
            ("0 0 * 13 *", "month `13`"),
            ("0 0 * foo *", "month `foo`"),
            ("0 0 * * 8", "weekday `8`: 0 to 7"),
            ("0 0 5-1 * *", "`5-1`, which runs backwards"),
            ("*/0 0 * * *", "minute step `0`"),
            ("+5 0 * * *", "minute `+5`"),
            (",5 0 * * *", "minute ``"),
            ("0 0 30 2 *", "never comes"),
            ("0 0 31 4,6,9,11 *", "never comes"),
            ("@fortnightly", "is none of @hourly"),
        ] {
            let fault = Cron::parse(text).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
        assert!(Cron::parse("0 0 29 2 *").is_ok());
        assert_eq!(
            Cron::parse("@daily").unwrap().minutes,
            Cron::daily().minutes
        );
    }

    #[test]
    fn zones_have_names_and_the_variable_has_habits() {
        assert!(zone("Europe/Berlin").is_some() && zone("europe/berlin").is_some());
        assert!(zone("Europe/Berln").is_none() && zone("../etc/passwd").is_none());
        assert_eq!(zone_of_variable(":Europe/Berlin"), zone("Europe/Berlin"));
        assert!(zone_of_variable("CET-1CEST,M3.5.0,M10.5.0/3").is_some());
        assert!(zone_of_variable("nowhere at all").is_none());
        assert!(zone_names().iter().any(|name| name == "Asia/Shanghai"));
    }
}
