use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::quote;

/// Status, message, `type` and `code`.
type Words = (u16, String, &'static str, Option<&'static str>);

const INVALID: &str = "invalid_request_error";

/// OpenAI's errors in its own words: they name keys, addresses and accounts as the real ones do, so that whoever
/// passes them on can be seen to clean them.
fn words(complaint: &Complaint) -> Words {
    let model = &complaint.model;
    let (status, text, kind, code) = match complaint.kind {
        ErrorKind::ModelNotFound => {
            let text =
                format!("The model `{model}` does not exist or you do not have access to it.");
            return (404, text, INVALID, Some("model_not_found"));
        }
        ErrorKind::RateLimit => {
            let text = format!(
                "Rate limit reached for {model} in organization org-demo0123456789 on requests per min (RPM): Limit \
                 3, Used 3, Requested 1. Please try again in 1s."
            );
            return (429, text, "requests", Some("rate_limit_exceeded"));
        }
        ErrorKind::InsufficientQuota => (
            429,
            "You exceeded your current quota, please check your plan and billing details. For more information on \
             this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
            "insufficient_quota",
            Some("insufficient_quota"),
        ),
        ErrorKind::InvalidKey => (
            401,
            "Incorrect API key provided: sk-demo-0123456789abcdef0123456789abcdef. You can find your API key at \
             https://platform.openai.com/account/api-keys.",
            INVALID,
            Some("invalid_api_key"),
        ),
        ErrorKind::Permission => (
            403,
            "You are not allowed to sample from this model.",
            INVALID,
            Some("permission_denied"),
        ),
        ErrorKind::Overloaded => (
            503,
            "The server is currently overloaded with other requests. Sorry about that! You can retry your request.",
            "server_error",
            None,
        ),
        ErrorKind::Timeout => (408, "Request timed out.", "server_error", Some("timeout")),
        ErrorKind::Internal => (
            500,
            "The server had an error while processing your request. Sorry about that!",
            "server_error",
            None,
        ),
        _ => return wrong_request(complaint.kind),
    };
    (status, text.to_owned(), kind, code)
}

/// What is wrong with the request itself.
fn wrong_request(kind: ErrorKind) -> Words {
    let (status, text, code) = match kind {
        ErrorKind::ContextLength => (
            400,
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens. \
             Please reduce the length of the messages.",
            Some("context_length_exceeded"),
        ),
        ErrorKind::ContentPolicy => (
            400,
            "Your request was rejected as a result of our safety system. Your prompt may contain text that is not \
             allowed by our safety system.",
            Some("content_policy_violation"),
        ),
        ErrorKind::BadSignature => (
            400,
            "The encrypted content could not be verified.",
            Some("invalid_encrypted_content"),
        ),
        ErrorKind::NotFound => (404, "Invalid URL", None),
        ErrorKind::MethodNotAllowed => (405, "Not allowed to use this method on this URL.", None),
        ErrorKind::TooLarge => (413, "Request body is too large.", None),
        _ => (400, "Invalid request.", None),
    };
    (status, text.to_owned(), INVALID, code)
}

/// The object under `error`.
pub(in crate::demo) fn object(complaint: &Complaint) -> String {
    let (_, text, kind, code) = words(complaint);
    let message = complaint.message.as_deref().unwrap_or(&text);
    let optional = |value: Option<&str>| value.map_or("null".to_owned(), quote);
    format!(
        r#"{{"message":{},"type":"{kind}","param":{},"code":{}}}"#,
        quote(message),
        optional(complaint.param.as_deref()),
        optional(code),
    )
}

/// Status and body.
pub(in crate::demo) fn spelled(complaint: &Complaint) -> (u16, String) {
    let status = complaint.status.unwrap_or(words(complaint).0);
    (
        status,
        format!("{{\n  \"error\": {}\n}}\n", object(complaint)),
    )
}
