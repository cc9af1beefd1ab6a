//! Times as the API says them: RFC 3339, UTC, milliseconds.

use jiff::Timestamp;

use crate::clock;

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    i64::try_from(clock::wall().as_millis()).unwrap_or(i64::MAX)
}

/// `2026-01-31T08:00:00.000Z`.
pub(super) fn rfc3339(millis: i64) -> String {
    let at = Timestamp::from_millisecond(millis).unwrap_or_default();
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_milliseconds_also_where_they_are_none() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
    }
}
