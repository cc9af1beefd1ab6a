use super::request_id;
use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::{Ids, quote};

/// Status, `type` and message of Anthropic's errors, in its own words.
fn words(complaint: &Complaint) -> (u16, &'static str, String) {
    const INVALID: &str = "invalid_request_error";
    let (status, kind, text) = match complaint.kind {
        ErrorKind::InvalidRequest => (400, INVALID, "invalid request"),
        ErrorKind::ContextLength => (
            400,
            INVALID,
            "prompt is too long: 210011 tokens > 200000 maximum",
        ),
        ErrorKind::ContentPolicy => (400, INVALID, "Output blocked by content filtering policy"),
        ErrorKind::InsufficientQuota => (
            400,
            INVALID,
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or \
             purchase credits.",
        ),
        ErrorKind::InvalidKey => (401, "authentication_error", "invalid x-api-key"),
        ErrorKind::Permission => (
            403,
            "permission_error",
            "Your API key does not have permission to use the specified resource.",
        ),
        ErrorKind::ModelNotFound => {
            return (
                404,
                "not_found_error",
                format!("model: {}", complaint.model),
            );
        }
        ErrorKind::NotFound => (404, "not_found_error", "Not found"),
        ErrorKind::MethodNotAllowed => (405, INVALID, "Method Not Allowed"),
        ErrorKind::TooLarge => (413, "request_too_large", "Request exceeds the maximum size"),
        ErrorKind::RateLimit => (
            429,
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 50 requests per minute (org: \
             demo-0123-4567). For details, refer to: https://docs.claude.com/en/api/rate-limits.",
        ),
        ErrorKind::Overloaded => (529, "overloaded_error", "Overloaded"),
        ErrorKind::Timeout => (504, "timeout_error", "Request timed out."),
        ErrorKind::Internal => (500, "api_error", "Internal server error"),
        ErrorKind::BadSignature => (400, INVALID, "Invalid `signature` in `thinking` block"),
    };
    // A bare 402 is this vendor's billing error; an empty account as such is a 400.
    let kind = if complaint.status == Some(402) {
        "billing_error"
    } else {
        kind
    };
    (status, kind, text.to_owned())
}

/// Status and body.
pub(super) fn spelled(complaint: &Complaint, ids: &Ids) -> (u16, String) {
    let (status, kind, text) = words(complaint);
    let message = quote(complaint.message.as_deref().unwrap_or(&text));
    let body = format!(
        r#"{{"type":"error","error":{{"type":"{kind}","message":{message}}},"request_id":"{}"}}"#,
        request_id(ids)
    );
    (complaint.status.unwrap_or(status), body)
}
