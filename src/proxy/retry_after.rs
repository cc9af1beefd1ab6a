//! When a vendor wants to be asked again, in the habits of all of them.
//!
//! What it says outright comes first: `retry-after-ms`, then `Retry-After` (RFC 9110, section 10.2.3) in seconds or as a
//! date. Of a 429 that says neither, the headers of its limits are read: of those that have nothing remaining the one that
//! is reset last, since all of them have to be; where none says that it is used up, the one that is reset first. Of tokens
//! some may remain and be too few; a limit of requests that has one left is not what the 429 is about, and when it is reset
//! (OpenAI: in some milliseconds) says nothing.
//!
//! | who | headers |
//! |---|---|
//! | OpenAI, Groq, Azure | `x-ratelimit-remaining-requests`, `x-ratelimit-reset-requests: 6m0s` (also `20ms`, `10`), the same of `-tokens` |
//! | Anthropic | `anthropic-ratelimit-requests-remaining`, `-reset` (RFC 3339), the same of `tokens`, `input-tokens`, `output-tokens` |
//! | Anthropic's plans | `anthropic-ratelimit-unified-reset` (seconds since 1970) |
//! | OpenRouter, others | `x-ratelimit-remaining`, `x-ratelimit-reset` (seconds, or seconds or milliseconds since 1970) |
//! | the draft of the IETF | `ratelimit-remaining`, `ratelimit-reset` (seconds) |

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;

use crate::ir::{Fault, FaultKind};
use crate::route::LONGEST_TOLD;

/// What is said about one limit.
struct Limit {
    remaining: HeaderName,
    reset: HeaderName,
    /// It counts requests, so that one that remains is enough.
    requests: bool,
}

const fn limit(remaining: &'static str, reset: &'static str) -> Limit {
    Limit {
        remaining: HeaderName::from_static(remaining),
        reset: HeaderName::from_static(reset),
        requests: false,
    }
}

const fn of_requests(remaining: &'static str, reset: &'static str) -> Limit {
    Limit {
        remaining: HeaderName::from_static(remaining),
        reset: HeaderName::from_static(reset),
        requests: true,
    }
}

static LIMITS: [Limit; 9] = [
    of_requests(
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    limit("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    of_requests(
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    limit(
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    limit(
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ),
    limit(
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
    ),
    limit(
        "anthropic-ratelimit-unified-remaining",
        "anthropic-ratelimit-unified-reset",
    ),
    limit("x-ratelimit-remaining", "x-ratelimit-reset"),
    limit("ratelimit-remaining", "ratelimit-reset"),
];

/// What a rate limit takes whose end is now or was before: `Retry-After` counts seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// A number beyond this is a point in time: nobody has to wait for eleven days.
const POINT_IN_TIME: f64 = 1e6;
/// And beyond this it is in milliseconds.
const IN_MILLISECONDS: f64 = 1e11;

/// How long to wait, as the head of an error says. `wall`: now, since the Unix epoch.
pub fn retry_after(headers: &HeaderMap, status: u16, wall: Duration) -> Option<Duration> {
    let said = outright(headers, wall);
    if said.is_some() || status != 429 {
        return said;
    }
    let mut latest_spent = None;
    let mut soonest = None;
    for limit in &LIMITS {
        let Some(reset) = text(headers, &limit.reset).and_then(|value| wait(value, wall)) else {
            continue;
        };
        let remaining = text(headers, &limit.remaining).and_then(|value| value.parse::<f64>().ok());
        if remaining.is_some_and(|remaining| remaining <= 0.0) {
            latest_spent = latest_spent.max(Some(reset));
        } else if limit.requests && remaining.is_some() {
            continue;
        }
        soonest = Some(soonest.map_or(reset, |soonest: Duration| soonest.min(reset)));
    }
    latest_spent.or(soonest)
}

/// Leaves of a fault's time what is kept to here, so that its own client is told the same as the next: at most a day. "At
/// once" is a rate limit's shortest end, and of other faults no time at all.
pub fn settle(fault: &mut Fault) {
    let shortest = (fault.kind == FaultKind::RateLimit).then_some(SHORTEST);
    fault.retry_after = match fault.retry_after {
        Some(wait) if wait.is_zero() => shortest,
        wait => wait.map(|wait| wait.min(LONGEST_TOLD)),
    };
}

fn outright(headers: &HeaderMap, wall: Duration) -> Option<Duration> {
    let millis = text(headers, &HeaderName::from_static("retry-after-ms"));
    if let Some(millis) = millis.and_then(|value| value.parse::<f64>().ok()) {
        return seconds(millis / 1000.0);
    }
    let value = text(headers, &http::header::RETRY_AFTER)?;
    if let Ok(number) = value.parse::<f64>() {
        return seconds(number);
    }
    let at = httpdate::parse_http_date(value).ok()?;
    let since_epoch = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since_epoch.saturating_sub(wall))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Until a reset: a number, a point in time (RFC 3339), or a span as Go writes it.
fn wait(value: &str, wall: Duration) -> Option<Duration> {
    if let Ok(number) = value.parse::<f64>() {
        return match number {
            _ if number < POINT_IN_TIME => seconds(number),
            _ if number < IN_MILLISECONDS => Some(seconds(number)?.saturating_sub(wall)),
            _ => Some(seconds(number / 1000.0)?.saturating_sub(wall)),
        };
    }
    if let Ok(at) = value.parse::<jiff::Timestamp>() {
        let at = Duration::try_from(at.as_duration()).ok()?;
        return Some(at.saturating_sub(wall));
    }
    span(value)
}

/// `1h2m3.5s`, `20ms`.
fn span(mut value: &str) -> Option<Duration> {
    let mut sum = 0.0;
    if value.is_empty() {
        return None;
    }
    while !value.is_empty() {
        let end = value.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = value.split_at(end);
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "d" => 86_400.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * unit;
        value = rest;
    }
    seconds(sum)
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-10-21T07:28:00Z
    const NOW: Duration = Duration::from_secs(1_445_412_480);

    fn after(status: u16, lines: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        retry_after(&headers, status, NOW)
    }

    fn ms(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn a_time_is_told_as_it_is_kept_to() {
        for (kind, said, told) in [
            (FaultKind::RateLimit, 0, ms(1000)),
            (FaultKind::RateLimit, 8, ms(8)),
            (FaultKind::RateLimit, 1_000_000_000_000, ms(86_400_000)),
            (FaultKind::Overloaded, 0, None),
            (FaultKind::Overloaded, 1_000_000_000_000, ms(86_400_000)),
        ] {
            let mut fault = Fault::new(kind, 500, "x");
            fault.retry_after = ms(said);
            settle(&mut fault);
            assert_eq!(fault.retry_after, told, "{kind:?} {said}");
        }
    }

    #[test]
    fn what_is_said_outright_is_read_in_every_habit() {
        assert_eq!(after(503, &[("retry-after", "3")]), ms(3000));
        assert_eq!(after(429, &[("retry-after", " 0.5 ")]), ms(500));
        assert_eq!(
            after(429, &[("retry-after-ms", "250"), ("retry-after", "9")]),
            ms(250)
        );
        let date = "Wed, 21 Oct 2015 07:28:30 GMT";
        assert_eq!(after(429, &[("retry-after", date)]), ms(30_000));
        let past = "Wed, 21 Oct 2015 07:27:00 GMT";
        assert_eq!(after(429, &[("retry-after", past)]), ms(0));
        for nonsense in ["soon", "-1", "NaN", "1e300"] {
            assert_eq!(after(429, &[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn of_limits_that_are_used_up_the_last_reset_counts() {
        let openai = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1.5s"),
        ];
        assert_eq!(after(429, &openai), ms(360_000));
        assert_eq!(
            after(429, &[&openai[..], &[("retry-after", "2")]].concat()),
            ms(2000)
        );
        assert_eq!(after(500, &openai), None, "which says nothing of limits");
        let anthropic = [
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2015-10-21T07:29:00Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "2015-10-21T07:28:12Z",
            ),
        ];
        assert_eq!(after(429, &anthropic), ms(12_000));
        let unified = [("anthropic-ratelimit-unified-reset", "1445412500")];
        assert_eq!(after(429, &unified), ms(20_000));
    }

    #[test]
    fn where_nothing_is_said_to_be_used_up_the_first_reset_counts() {
        let lines = [
            ("x-ratelimit-remaining-requests", "10"),
            ("x-ratelimit-reset-requests", "8.64s"),
            ("x-ratelimit-remaining-tokens", "100"),
            ("x-ratelimit-reset-tokens", "120ms"),
        ];
        assert_eq!(after(429, &lines), ms(120));
    }

    #[test]
    fn a_limit_of_requests_that_has_some_left_says_nothing() {
        let openai = [
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
        ];
        assert_eq!(after(429, &openai), None);
        let tokens = [
            ("x-ratelimit-remaining-tokens", "100"),
            ("x-ratelimit-reset-tokens", "2s"),
        ];
        assert_eq!(after(429, &[openai, tokens].concat()), ms(2000));
        let anthropic = [
            ("anthropic-ratelimit-requests-remaining", "3999"),
            ("anthropic-ratelimit-requests-reset", "2015-10-21T07:28:01Z"),
        ];
        assert_eq!(after(429, &anthropic), None);
        let unsaid = [("x-ratelimit-reset-requests", "6ms")];
        assert_eq!(after(429, &unsaid), ms(6));
    }

    #[test]
    fn resets_are_seconds_points_in_time_or_spans() {
        for (value, wanted) in [
            ("10", ms(10_000)),
            ("1445412481", ms(1000)),
            ("1445412481500", ms(1500)),
            ("2m59.56s", ms(179_560)),
            ("1h2m3s", ms(3_723_000)),
            ("1d", ms(86_400_000)),
            ("2015-10-21T09:28:01+02:00", ms(1000)),
            ("2015-10-21T07:27:00Z", ms(0)),
            ("soon", None),
            ("5x", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(
                after(429, &[("x-ratelimit-reset", value)]),
                wanted,
                "{value}"
            );
        }
    }
}
