use std::borrow::Cow;

use crate::ir::{Fault, FaultKind};

use super::super::error::{self, put};
use super::types::{ErrorBody, ErrorObject};

pub(super) fn write(fault: &Fault, out: &mut Vec<u8>) {
    let own = fault
        .type_name
        .as_deref()
        .filter(|name| TYPES.contains(name));
    let body = ErrorBody {
        kind: "error",
        error: ErrorObject {
            kind: own.unwrap_or_else(|| type_of(fault.kind)),
            message: &message(fault),
        },
    };
    put(&body, out);
}

/// Anthropic itself says 400 to an account that is empty, in the words of a wrong request.
pub(super) fn status(fault: &Fault) -> u16 {
    let is_said_wrong = fault.type_name.as_deref() == Some("invalid_request_error");
    if fault.kind == FaultKind::Billing && is_said_wrong {
        return 400;
    }
    error::usual_status(fault, &error::ANTHROPICS)
}

/// The SDKs raise on the event's name, not on its data.
pub(super) fn write_event(fault: &Fault, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    write(fault, out);
    out.extend_from_slice(b"\n\n");
}

/// Claude Code knows a full context by these words of the message, and compacts the conversation when it reads them.
fn message(fault: &Fault) -> Cow<'_, str> {
    let told = fault.message.to_ascii_lowercase();
    let is_clear = told.contains("prompt is too long") || told.contains("exceed context limit");
    if fault.kind == FaultKind::ContextLength && !is_clear {
        return Cow::Owned(format!("prompt is too long: {}", fault.message));
    }
    Cow::Borrowed(&fault.message)
}

/// The types that exist (`ErrorType` in the SDK, and `request_too_large` of the guide). Clients match on them, so no other
/// vendor's type may stand here.
const TYPES: &[&str] = &[
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "api_error",
    "overloaded_error",
    "conflict_error",
];

fn type_of(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::InvalidRequest
        | FaultKind::MethodNotAllowed
        | FaultKind::UnsupportedMedia
        | FaultKind::ContextLength
        | FaultKind::ContentPolicy => "invalid_request_error",
        FaultKind::Authentication => "authentication_error",
        FaultKind::Billing => "billing_error",
        FaultKind::Permission => "permission_error",
        FaultKind::NotFound => "not_found_error",
        FaultKind::TooLarge => "request_too_large",
        FaultKind::RateLimit => "rate_limit_error",
        FaultKind::Timeout => "timeout_error",
        FaultKind::Overloaded => "overloaded_error",
        FaultKind::Internal => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Codec, error};

    fn written(fault: &Fault) -> String {
        let mut out = Vec::new();
        write(fault, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_an_anthropic_vendor_said_comes_out_as_it_was() {
        let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        let fault = error::read(Some(529), body.as_bytes());
        assert_eq!(written(&fault), body);
        assert_eq!(super::super::Anthropic.status(&fault), 529);
    }

    #[test]
    fn types_of_other_formats_are_translated() {
        let body =
            br#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        let fault = error::read(Some(429), body);
        assert_eq!(
            written(&fault),
            r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#
        );
    }

    #[test]
    fn a_full_context_is_said_in_the_words_that_clients_know() {
        let fault = Fault::new(FaultKind::ContextLength, 400, "maximum context length is 5");
        assert!(written(&fault).contains("prompt is too long: maximum context length is 5"));
        let fault = Fault::new(FaultKind::ContextLength, 400, "prompt is too long: 9 > 8");
        assert!(written(&fault).contains("\"prompt is too long: 9 > 8\""));
    }
}
