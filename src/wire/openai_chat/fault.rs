use crate::ir::{Fault, FaultKind};

use super::super::error::put;
use super::types::{ErrorBody, ErrorObject};

pub(super) fn write(fault: &Fault, out: &mut Vec<u8>) {
    let (kind, code) = names(fault.kind);
    let vendors = fault.type_name.as_deref().filter(|name| is_openais(name));
    let body = ErrorBody {
        error: ErrorObject {
            message: &fault.message,
            kind: vendors.unwrap_or(kind),
            param: fault.param.as_deref(),
            code: fault.code.as_deref().or(code),
        },
    };
    put(&body, out);
}

/// Plain `data`, without a name: the SDKs raise on an `error` member and some clients never see named events.
pub(super) fn write_event(fault: &Fault, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    write(fault, out);
    out.extend_from_slice(b"\n\n");
}

/// OpenAI's own type and code for the kind. Source: "Error codes" in its API guide, and what the API answers.
fn names(kind: FaultKind) -> (&'static str, Option<&'static str>) {
    match kind {
        FaultKind::Authentication => ("invalid_request_error", Some("invalid_api_key")),
        FaultKind::Billing => ("insufficient_quota", Some("insufficient_quota")),
        FaultKind::Permission => ("permission_error", None),
        FaultKind::RateLimit => ("rate_limit_error", Some("rate_limit_exceeded")),
        FaultKind::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
        FaultKind::ContentPolicy => ("invalid_request_error", Some("content_policy_violation")),
        FaultKind::Timeout => ("server_error", Some("timeout")),
        FaultKind::Overloaded => ("server_error", Some("server_overloaded")),
        FaultKind::Internal => ("server_error", None),
        FaultKind::InvalidRequest
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia => ("invalid_request_error", None),
    }
}

/// Compatible vendors have types of their own and these survive; those that only Anthropic or Google use do not.
fn is_openais(name: &str) -> bool {
    const ANTHROPICS: &[&str] = &[
        "api_error",
        "overloaded_error",
        "billing_error",
        "timeout_error",
        "request_too_large",
        "authentication_error",
        "not_found_error",
    ];
    let is_googles = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    !is_googles && !ANTHROPICS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fault: &Fault) -> String {
        let mut out = Vec::new();
        write(fault, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_an_openai_vendor_said_comes_out_as_it_was() {
        let body = r#"{"error":{"message":"no \"such\" thing","type":"invalid_request_error","param":"input","code":"unsupported_file"}}"#;
        assert_eq!(
            written(&crate::wire::error::read(Some(400), body.as_bytes())),
            body
        );
    }

    #[test]
    fn every_kind_has_a_type_of_openais() {
        let fault = Fault::new(FaultKind::RateLimit, 429, "slow");
        assert_eq!(
            written(&fault),
            r#"{"error":{"message":"slow","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#
        );
    }

    #[test]
    fn types_of_other_formats_are_translated() {
        for foreign in ["overloaded_error", "RESOURCE_EXHAUSTED"] {
            let mut fault = Fault::new(FaultKind::Overloaded, 529, "x");
            fault.type_name = Some(foreign.to_owned());
            assert!(written(&fault).contains("\"type\":\"server_error\""));
        }
    }
}
