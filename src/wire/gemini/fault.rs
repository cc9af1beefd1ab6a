use std::time::Duration;

use crate::ir::{Fault, FaultKind};

use super::super::error::{put, status_of};
use super::types::{ErrorBody, ErrorObject, RetryInfo};

pub(super) fn write(fault: &Fault, out: &mut Vec<u8>) {
    let retry = fault.retry_after.map(|wait| RetryInfo {
        kind: "type.googleapis.com/google.rpc.RetryInfo",
        retry_delay: seconds(wait),
    });
    let code = status(fault);
    let body = ErrorBody {
        error: ErrorObject {
            code,
            message: &fault.message,
            status: match code {
                // Also of a wrong key.
                400 => "INVALID_ARGUMENT",
                503 => "UNAVAILABLE",
                _ => name(fault.kind),
            },
            details: retry.map(|info| [info]),
        },
    };
    put(&body, out);
}

/// A duration as Google writes one: whole seconds, or three digits more. Never earlier than it is.
fn seconds(wait: Duration) -> String {
    let wait = wait.as_nanos().div_ceil(1_000_000);
    match (wait / 1_000, wait % 1_000) {
        (seconds, 0) => format!("{seconds}s"),
        (seconds, rest) => format!("{seconds}.{rest:03}s"),
    }
}

/// An event like any other: the SDKs look for `error` in its data.
pub(super) fn write_event(fault: &Fault, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    write(fault, out);
    out.extend_from_slice(b"\n\n");
}

/// Statuses are kept as far as HTTP knows them: Google itself says 400 for a wrong key.
pub(super) fn status(fault: &Fault) -> u16 {
    match (fault.kind, fault.status) {
        (FaultKind::Overloaded, _) => 503,
        (FaultKind::Billing, _) => 429,
        (_, 400..=504) => fault.status,
        (kind, _) => status_of(kind),
    }
}

/// The `google.rpc.Code` of the kind.
fn name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::InvalidRequest
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia
        | FaultKind::ContextLength
        | FaultKind::ContentPolicy => "INVALID_ARGUMENT",
        FaultKind::Authentication => "UNAUTHENTICATED",
        FaultKind::Billing | FaultKind::RateLimit => "RESOURCE_EXHAUSTED",
        FaultKind::Permission => "PERMISSION_DENIED",
        FaultKind::NotFound => "NOT_FOUND",
        FaultKind::MethodNotAllowed => "UNIMPLEMENTED",
        FaultKind::Timeout => "DEADLINE_EXCEEDED",
        FaultKind::Overloaded => "UNAVAILABLE",
        FaultKind::Internal => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_limit_says_when_to_come_back() {
        let mut fault = Fault::new(FaultKind::RateLimit, 429, "slow");
        fault.retry_after = Some(Duration::from_millis(34_400));
        let mut out = Vec::new();
        write_event(&fault, &mut out);
        let expected = concat!(
            r#"data: {"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":["#,
            r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.400s"}]}}"#,
            "\n\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_code_is_a_status_that_http_knows() {
        assert_eq!(status(&Fault::new(FaultKind::Overloaded, 529, "")), 503);
        assert_eq!(status(&Fault::new(FaultKind::Authentication, 400, "")), 400);
        assert_eq!(status(&Fault::new(FaultKind::Billing, 402, "")), 429);
        assert_eq!(status(&Fault::new(FaultKind::Internal, 520, "")), 502);
    }
}
