//! Numbers with units: `10s`, `32MiB`, `20%`. Errors say what is wrong, to stand after the value.

use std::time::Duration;

/// Longer is a slip of the unit; and sums of durations stay far from overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

const DURATIONS: &[(&str, f64)] = &[
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86400.0),
];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// `250ms`, `10s`, `1.5h`, `1m30s`, `0`.
pub(in crate::config) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = number(rest).ok_or("is not a duration like `10s`")?;
        let (unit, after) = after.split_at(
            after
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(after.len()),
        );
        if unit.is_empty() && after.is_empty() {
            return Err(format!("needs a unit: `{text}s` or `{text}ms`"));
        }
        if unit.is_empty() {
            return Err("is not a duration like `10s`".to_owned());
        }
        let Some((_, factor)) = DURATIONS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!(
                "has the unit `{unit}`: ms, s, m, h and d are known"
            ));
        };
        seconds += number * factor;
        rest = after;
    }
    if text.is_empty() {
        return Err("is not a duration like `10s`".to_owned());
    }
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| "is too long")?;
    // Rounded to what can be written, so that `0.3s` is 300 ms and not a nanosecond more.
    let duration = Duration::from_micros(
        u64::try_from((duration.as_nanos() + 500) / 1000).unwrap_or(u64::MAX),
    );
    if duration > LONGEST {
        Err("is longer than a year".to_owned())
    } else {
        Ok(duration)
    }
}

/// `32MiB`, `500KB`, `65536`.
pub(in crate::config) fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = number(text).ok_or("is not a size like `32MiB`")?;
    let unit = unit.trim_start();
    let factor = match SIZES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
    {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => {
            return Err(format!(
                "has the unit `{unit}`: B, KB, MB, GB, KiB, MiB and GiB are known"
            ));
        }
    };
    let bytes = number * factor as f64;
    if bytes > (1_u64 << 46) as f64 {
        return Err("is more than 64 TiB".to_owned());
    }
    Ok(bytes.round() as usize)
}

/// `20%`, as 0.2.
pub(in crate::config) fn percent(text: &str) -> Result<f64, String> {
    let Some(number_part) = text.strip_suffix('%') else {
        return Err(match number(text) {
            Some((share, "")) if share <= 1.0 => {
                format!("is not a share: write `{}%`", share * 100.0)
            }
            Some((percent, "")) => format!("is not a share: write `{percent}%`"),
            _ => "is not a share like `20%`".to_owned(),
        });
    };
    match number(number_part.trim_end()) {
        Some((percent, "")) if percent <= 100.0 => Ok(percent / 100.0),
        Some((_, "")) => Err("is more than 100%".to_owned()),
        _ => Err("is not a share like `20%`".to_owned()),
    }
}

/// The decimal number that a text begins with, and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.len() <= 18;
    plain
        .then(|| digits.parse().ok())
        .flatten()
        .map(|number| (number, rest))
}

/// A duration as one would write it: `1m30s`, `250ms`.
pub(in crate::config) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        ms if ms % 1000 != 0 => format!("{ms}ms"),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_that_is_known() {
        let ms = |text| duration(text).unwrap().as_millis();
        assert_eq!(
            (
                ms("10s"),
                ms("250ms"),
                ms("1m30s"),
                ms("1.5h"),
                ms("0"),
                ms("0.3s")
            ),
            (10_000, 250, 90_000, 5_400_000, 0, 300)
        );
        for bad in [
            "",
            "10",
            "s",
            "-1s",
            "1 s",
            "10sec",
            "1e9s",
            "ten",
            "999999d",
            "1..2s",
            "99999999999999999999s",
            "1s2",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(duration("10").unwrap_err(), "needs a unit: `10s` or `10ms`");
    }

    #[test]
    fn sizes_may_be_bytes_or_have_a_unit() {
        assert_eq!(
            (size("65536"), size("32MiB"), size("1GB"), size("1.5 KiB")),
            (Ok(65536), Ok(32 << 20), Ok(1_000_000_000), Ok(1536))
        );
        for bad in ["", "MiB", "-1", "1XB", "1 2", "99999999GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_written_with_its_percent_sign() {
        assert_eq!(
            (percent("20%"), percent("0%"), percent("12.5%")),
            (Ok(0.2), Ok(0.0), Ok(0.125))
        );
        assert_eq!(percent("0.2").unwrap_err(), "is not a share: write `20%`");
        for bad in ["20", "%", "101%", "x%", "1%%"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for text in ["10s", "250ms", "5m", "2h", "0s"] {
            assert_eq!(show(duration(text).unwrap()), text);
        }
    }
}
