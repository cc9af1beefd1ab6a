//! Times as the API says them: RFC 3339, UTC, milliseconds.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock;

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    i64::try_from(clock::wall().as_millis()).unwrap_or(i64::MAX)
}

/// For members that end in `_ms`.
pub(super) fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `2026-01-31T08:00:00.000Z`.
pub(super) fn rfc3339(millis: i64) -> String {
    let at = Timestamp::from_millisecond(millis).unwrap_or_default();
    format!("{at:.3}")
}

/// A moment since the Unix epoch as somebody asks for it: RFC 3339, or a time ago (`30m`, `1h`, `7d`).
///
/// # Errors
/// What is expected.
pub(super) fn moment(text: &str) -> Result<Duration, String> {
    if let Some(ago) = ago(text) {
        return Ok(clock::wall().saturating_sub(ago));
    }
    let at: Timestamp = text.parse().map_err(|_| {
        "expected a time such as 2026-01-31T08:00:00Z, or a time ago such as 1h or 7d".to_owned()
    })?;
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    Ok(Duration::from_millis(millis))
}

fn ago(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number: u64 = text.get(..text.len() - 1)?.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(unit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_milliseconds_also_where_they_are_none() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn a_moment_is_a_time_or_a_time_ago() {
        let at = |text| moment(text).unwrap();
        assert_eq!(
            at("2023-11-14T22:13:20.120Z").as_millis(),
            1_700_000_000_120
        );
        assert_eq!(at("2023-11-14T23:13:20+01:00").as_secs(), 1_700_000_000);
        let ago = at("1h");
        let hour = clock::wall() - ago;
        assert!((3600..3660).contains(&hour.as_secs()));
        for wrong in [
            "",
            "h",
            "1",
            "1y",
            "yesterday",
            "-1h",
            "99999999999999999999d",
        ] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
