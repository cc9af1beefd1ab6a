//! What an outcome means: the left column of the table of product §6, brought to its rows.

use std::time::Duration;

use crate::ir::FaultKind;

use super::cooldown::Cause;
use super::key::KeyMark;
use super::outcome::Failure;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Same endpoint up to `retries`, then the next, not before the vendor's time. Cools and counts when given up.
    Again(Cause, Option<Duration>),
    /// The next endpoint at once, this one never again. Cools and counts.
    Silent,
    /// Another key, another endpoint of the tier, or wait. The key cools.
    Limited(Option<Duration>),
    /// Another key, then the next endpoint. The key cools with a mark.
    Refused(KeyMark),
    /// The next endpoint; on chat paths this one cools.
    Missing,
    /// An endpoint with a larger or undeclared context; nothing cools.
    TooLong,
    /// Another endpoint; nothing cools.
    Unfit,
    /// The client's own affair; nothing cools.
    Final,
    /// Committed and broken off: cools and counts, and there is no other attempt.
    Broken,
}

pub(super) fn class(failure: &Failure) -> Class {
    match failure {
        Failure::Connect | Failure::Tls => Class::Again(Cause::Unreached, None),
        Failure::ResetBeforeHead | Failure::EmptyAnswer | Failure::Truncated => {
            Class::Again(Cause::Answer, None)
        }
        Failure::ConnectTimeout | Failure::NoFirstToken | Failure::Silence => Class::Silent,
        Failure::Status {
            status,
            kind,
            retry_after,
        } => by_kind(*kind, *status, *retry_after),
        Failure::StreamError { kind, retry_after } => by_kind(*kind, 200, *retry_after),
        Failure::CutAfterContent | Failure::StallAfterContent => Class::Broken,
        Failure::Unsayable => Class::Unfit,
        // What the client has is the beginning of nobody's answer but who broke off.
        Failure::OtherWords => Class::Final,
    }
}

/// The kind comes first: vendors say "no such key" with a 400 and "out of money" with a 429.
fn by_kind(kind: FaultKind, status: u16, retry_after: Option<Duration>) -> Class {
    let told = retry_after.filter(|wait| !wait.is_zero());
    match kind {
        FaultKind::RateLimit => Class::Limited(told),
        FaultKind::Authentication => Class::Refused(KeyMark::Unauthenticated),
        FaultKind::Billing => Class::Refused(KeyMark::Unpaid),
        FaultKind::Permission => Class::Refused(KeyMark::Forbidden),
        FaultKind::NotFound => Class::Missing,
        FaultKind::ContextLength => Class::TooLong,
        FaultKind::ContentPolicy => Class::Final,
        FaultKind::Timeout | FaultKind::Overloaded | FaultKind::Internal => match status {
            400..=407 | 409..=499 => Class::Final,
            _ => Class::Again(Cause::Answer, told),
        },
        FaultKind::InvalidRequest
        | FaultKind::MethodNotAllowed
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia => match status {
            500.. => Class::Again(Cause::Answer, told),
            _ => Class::Final,
        },
    }
}

/// How much a failure tells the client, for "the most useful upstream error": first what it can change itself, then
/// when to come back, then what the vendor said, then what only we saw, last what only the operator can change.
pub(super) fn rank(failure: &Failure) -> u8 {
    match (class(failure), failure) {
        (Class::TooLong, _) => 9,
        (Class::Final | Class::Unfit, _) => 8,
        (Class::Limited(Some(_)), _) => 7,
        (Class::Limited(None), _) => 6,
        (Class::Again(..), Failure::Status { .. } | Failure::StreamError { .. }) => 5,
        (Class::Broken, _) => 4,
        (Class::Silent, _) => 4,
        (Class::Again(..), Failure::EmptyAnswer | Failure::Truncated) => 3,
        (Class::Again(..), _) => 2,
        (Class::Missing, _) => 1,
        (Class::Refused(_), _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, kind: FaultKind) -> Failure {
        Failure::Status {
            status,
            kind,
            retry_after: None,
        }
    }

    #[test]
    fn every_row_of_the_table() {
        let rows = [
            (Failure::Connect, Class::Again(Cause::Unreached, None)),
            (Failure::Tls, Class::Again(Cause::Unreached, None)),
            (Failure::ResetBeforeHead, Class::Again(Cause::Answer, None)),
            (
                status(500, FaultKind::Internal),
                Class::Again(Cause::Answer, None),
            ),
            (
                status(503, FaultKind::Overloaded),
                Class::Again(Cause::Answer, None),
            ),
            (
                status(529, FaultKind::Overloaded),
                Class::Again(Cause::Answer, None),
            ),
            (
                status(408, FaultKind::Timeout),
                Class::Again(Cause::Answer, None),
            ),
            (
                status(504, FaultKind::Timeout),
                Class::Again(Cause::Answer, None),
            ),
            (Failure::EmptyAnswer, Class::Again(Cause::Answer, None)),
            (Failure::Truncated, Class::Again(Cause::Answer, None)),
            (Failure::ConnectTimeout, Class::Silent),
            (Failure::NoFirstToken, Class::Silent),
            (Failure::Silence, Class::Silent),
            (status(429, FaultKind::RateLimit), Class::Limited(None)),
            (
                status(401, FaultKind::Authentication),
                Class::Refused(KeyMark::Unauthenticated),
            ),
            (
                status(402, FaultKind::Billing),
                Class::Refused(KeyMark::Unpaid),
            ),
            (
                status(403, FaultKind::Permission),
                Class::Refused(KeyMark::Forbidden),
            ),
            (status(404, FaultKind::NotFound), Class::Missing),
            (status(400, FaultKind::ContextLength), Class::TooLong),
            (status(400, FaultKind::ContentPolicy), Class::Final),
            (status(400, FaultKind::InvalidRequest), Class::Final),
            (status(413, FaultKind::TooLarge), Class::Final),
            (status(409, FaultKind::Internal), Class::Final),
            (Failure::CutAfterContent, Class::Broken),
            (Failure::StallAfterContent, Class::Broken),
        ];
        for (failure, expected) in rows {
            assert_eq!(class(&failure), expected, "{failure:?}");
        }
    }

    #[test]
    fn what_the_body_says_beats_the_status() {
        assert_eq!(
            class(&status(429, FaultKind::Billing)),
            Class::Refused(KeyMark::Unpaid)
        );
        assert_eq!(
            class(&status(400, FaultKind::Authentication)),
            Class::Refused(KeyMark::Unauthenticated)
        );
        assert_eq!(
            class(&status(500, FaultKind::ContextLength)),
            Class::TooLong
        );
    }

    #[test]
    fn a_stream_that_is_an_error_counts_as_its_kind() {
        let said = |kind| {
            class(&Failure::StreamError {
                kind,
                retry_after: None,
            })
        };
        assert_eq!(
            said(FaultKind::Overloaded),
            Class::Again(Cause::Answer, None)
        );
        assert_eq!(said(FaultKind::RateLimit), Class::Limited(None));
        assert_eq!(said(FaultKind::ContentPolicy), Class::Final);
        assert_eq!(said(FaultKind::InvalidRequest), Class::Final);
    }

    #[test]
    fn a_zero_retry_after_is_none() {
        let now = Failure::Status {
            status: 429,
            kind: FaultKind::RateLimit,
            retry_after: Some(Duration::ZERO),
        };
        assert_eq!(class(&now), Class::Limited(None));
    }

    #[test]
    fn what_the_client_can_change_tells_it_most() {
        let mut failures = [
            status(403, FaultKind::Permission),
            Failure::Connect,
            status(503, FaultKind::Overloaded),
            status(400, FaultKind::ContextLength),
            status(429, FaultKind::RateLimit),
            Failure::NoFirstToken,
            status(404, FaultKind::NotFound),
        ];
        failures.sort_by_key(|failure| std::cmp::Reverse(rank(failure)));
        let expected = [
            status(400, FaultKind::ContextLength),
            status(429, FaultKind::RateLimit),
            status(503, FaultKind::Overloaded),
            Failure::NoFirstToken,
            Failure::Connect,
            status(404, FaultKind::NotFound),
            status(403, FaultKind::Permission),
        ];
        assert_eq!(failures, expected);
    }
}
