//! Points in time: RFC 3339 dates and date-times, as seconds since the Unix epoch.

/// When something that expires at `text` is over: that time, or the end of that day in UTC. `None`: not a time, or before 1970.
pub(super) fn expiry(text: &str) -> Option<u64> {
    let (date, time) = match text.split_at_checked(10) {
        Some((date, "")) => (date, None),
        Some((date, rest)) => (date, Some(rest.strip_prefix(['T', 't', ' '])?)),
        None => return None,
    };
    let days = i64::from(days_since_epoch(date)?);
    let seconds = match time {
        None => (days + 1) * 86_400,
        Some(time) => days * 86_400 + seconds_of_day(time)?,
    };
    u64::try_from(seconds).ok()
}

fn days_since_epoch(date: &str) -> Option<i32> {
    let mut parts = date.split('-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some()
        || !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
    {
        return None;
    }
    // Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil; years count from March.
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    Some(year.div_euclid(400) * 146_097 + day_of_era - 719_468)
}

fn days_in(year: i32, month: i32) -> i32 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `18:00:00Z`, `18:00:00.5+01:00`, in UTC; an offset may lead into the day before or after.
fn seconds_of_day(time: &str) -> Option<i64> {
    let (clock, rest) = time.split_at_checked(8)?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return None;
            }
            zone
        }
        None => rest,
    };
    Some(i64::from(hour * 3600 + minute * 60 + second) - zone_offset(zone)?)
}

/// Seconds east of Greenwich.
fn zone_offset(zone: &str) -> Option<i64> {
    let east = match zone.chars().next()? {
        'Z' | 'z' if zone.len() == 1 => return Some(0),
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 23 && minutes <= 59).then(|| east * i64::from(hours * 3600 + minutes * 60))
}

fn digits(text: &str, len: usize) -> Option<i32> {
    let plain = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_point_and_a_date_the_end_of_its_day() {
        assert_eq!(expiry("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(expiry("1970-01-01"), Some(86_400));
        assert_eq!(expiry("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(expiry("2027-01-31T18:00:00.25+01:00"), Some(1_801_414_800));
        assert_eq!(expiry("2027-01-31 17:00:00z"), Some(1_801_414_800));
        assert_eq!(expiry("2100-12-31"), Some(4_133_980_800));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for bad in [
            "",
            "2027",
            "2027-1-1",
            "2027-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-01-32",
            "1969-12-30",
            "2027-01-01T",
            "2027-01-01T10:00",
            "2027-01-01T24:00:00Z",
            "2027-01-01T10:00:00",
            "2027-01-01T10:00:00.Z",
            "2027-01-01T10:00:00+1:00",
            "2027-01-01x",
            "2027-01-0ü1",
            "tomorrow-ü",
            "2027-01-01T10:00:00Zz",
        ] {
            assert_eq!(expiry(bad), None, "{bad}");
        }
    }
}
