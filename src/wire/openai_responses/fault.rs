use crate::ir::{Fault, FaultKind};

use super::super::error::put;
use super::types::{ErrorBody, ErrorEvent, ErrorObject};

pub(super) fn write(fault: &Fault, out: &mut Vec<u8>) {
    put(
        &ErrorBody {
            error: object(fault),
        },
        out,
    );
}

/// An `error` event. The `response.failed` that follows it at OpenAI needs the response's id and the number of the event:
/// the stream writer of this format adds it. The number is 0 here: nobody compares it on an error.
pub(super) fn write_event(fault: &Fault, out: &mut Vec<u8>) {
    write_numbered(fault, 0, out);
}

/// An `error` event of that `sequence_number`.
pub(super) fn write_numbered(fault: &Fault, number: u64, out: &mut Vec<u8>) {
    let error = object(fault);
    let event = ErrorEvent {
        kind: "error",
        sequence_number: number,
        code: error.code,
        message: error.message,
        param: error.param,
        error,
    };
    out.extend_from_slice(b"event: error\ndata: ");
    put(&event, out);
    out.extend_from_slice(b"\n\n");
}

/// The code by which the `error` of a response names the fault.
pub(super) fn code(fault: &Fault) -> &str {
    object(fault).code.unwrap_or("server_error")
}

fn object(fault: &Fault) -> ErrorObject<'_> {
    let (kind, code) = names(fault.kind);
    let own = fault
        .type_name
        .as_deref()
        .filter(|name| TYPES.contains(name));
    ErrorObject {
        message: &fault.message,
        kind: own.unwrap_or(kind),
        param: fault.param.as_deref(),
        code: fault.code.as_deref().or(code),
    }
}

/// Types that the API uses itself.
const TYPES: &[&str] = &[
    "invalid_request_error",
    "insufficient_quota",
    "server_error",
    "rate_limit_error",
    "tokens",
    "requests",
];

fn names(kind: FaultKind) -> (&'static str, Option<&'static str>) {
    match kind {
        FaultKind::Authentication => ("invalid_request_error", Some("invalid_api_key")),
        FaultKind::Billing => ("insufficient_quota", Some("insufficient_quota")),
        FaultKind::Permission => ("permission_error", None),
        FaultKind::RateLimit => ("rate_limit_error", Some("rate_limit_exceeded")),
        FaultKind::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
        FaultKind::ContentPolicy => ("invalid_request_error", Some("invalid_prompt")),
        FaultKind::Timeout | FaultKind::Internal => ("server_error", Some("server_error")),
        FaultKind::Overloaded => ("server_error", Some("server_is_overloaded")),
        FaultKind::InvalidRequest
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia => ("invalid_request_error", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_openai_vendor_said_comes_out_as_it_was() {
        let body = r#"{"error":{"message":"m","type":"invalid_request_error","param":"input","code":"unsupported_file"}}"#;
        let mut out = Vec::new();
        write(
            &crate::wire::error::read(Some(400), body.as_bytes()),
            &mut out,
        );
        assert_eq!(String::from_utf8(out).unwrap(), body);
    }

    #[test]
    fn the_event_says_it_nested_and_flat() {
        let mut out = Vec::new();
        write_event(&Fault::new(FaultKind::RateLimit, 429, "slow"), &mut out);
        let text = String::from_utf8(out).unwrap();
        let data = text
            .strip_prefix("event: error\ndata: ")
            .unwrap()
            .trim_end();
        let value: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(value["type"], "error");
        assert_eq!(value["message"], value["error"]["message"]);
        assert_eq!(value["error"]["code"], "rate_limit_exceeded");
    }
}
