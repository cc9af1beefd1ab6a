use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::quote;

/// Status and message of Gemini's errors, in its own words.
fn words(complaint: &Complaint) -> (u16, String) {
    let (status, text) = match complaint.kind {
        ErrorKind::ModelNotFound => {
            let text = format!(
                "models/{} is not found for API version v1beta, or is not supported for generateContent. Call \
                 ListModels to see the list of available models and their supported methods.",
                complaint.model
            );
            return (404, text);
        }
        ErrorKind::InvalidRequest => (400, "Request contains an invalid argument."),
        ErrorKind::ContextLength => (
            400,
            "The input token count (1200011) exceeds the maximum number of tokens allowed (1048576).",
        ),
        ErrorKind::ContentPolicy => (
            400,
            "The prompt could not be submitted. It contains content that violates the usage policies.",
        ),
        ErrorKind::InsufficientQuota => (
            429,
            "You exceeded your current quota, please check your plan and billing details. For more information on \
             this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
        ),
        ErrorKind::InvalidKey if complaint.status == Some(401) => (
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
             valid authentication credential.",
        ),
        ErrorKind::InvalidKey => (400, "API key not valid. Please pass a valid API key."),
        ErrorKind::Permission => (
            403,
            "Permission denied: Consumer 'projects/demo-0123456789' has been suspended.",
        ),
        ErrorKind::NotFound => (404, "Requested entity was not found."),
        ErrorKind::MethodNotAllowed => (405, "Method not allowed."),
        ErrorKind::TooLarge => (
            400,
            "Request payload size exceeds the limit: 20971520 bytes.",
        ),
        ErrorKind::RateLimit => (429, "Resource has been exhausted (e.g. check quota)."),
        ErrorKind::Overloaded => (503, "The model is overloaded. Please try again later."),
        ErrorKind::Timeout => (504, "Deadline expired before operation could complete."),
        ErrorKind::Internal => (
            500,
            "An internal error has occurred. Please retry or report in \
             https://developers.generativeai.google/guide/troubleshooting",
        ),
        ErrorKind::BadSignature => (400, "Corrupted thought signature."),
    };
    (status, text.to_owned())
}

/// The name that Google has for a status (`google.rpc.Code`).
fn name(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 501 => "UNIMPLEMENTED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 | 529 => "UNAVAILABLE",
        408 | 504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// The members of `details`, each with its type.
fn details(complaint: &Complaint, message: &str) -> Vec<String> {
    let typed = |kind: &str, fields: &str| {
        format!(r#"{{"@type":"type.googleapis.com/google.rpc.{kind}",{fields}}}"#)
    };
    let quota = |metric: &str, id: &str| {
        let fields = format!(
            concat!(
                r#""violations":[{{"quotaMetric":"generativelanguage.googleapis.com/{}","#,
                r#""quotaId":"{}","quotaDimensions":{{"location":"global","model":{}}},"quotaValue":"50"}}]"#
            ),
            metric,
            id,
            quote(&complaint.model)
        );
        typed("QuotaFailure", &fields)
    };
    match (complaint.kind, &complaint.param) {
        (ErrorKind::InvalidRequest, Some(field)) => {
            let (field, description) = (quote(field), quote(message));
            let violation =
                format!(r#""fieldViolations":[{{"field":{field},"description":{description}}}]"#);
            vec![typed("BadRequest", &violation)]
        }
        (ErrorKind::InvalidKey, _) => {
            let info = r#""reason":"API_KEY_INVALID","domain":"googleapis.com","metadata":{"service":"generativelanguage.googleapis.com"}"#;
            vec![typed("ErrorInfo", info)]
        }
        (ErrorKind::RateLimit, _) => vec![
            quota(
                "generate_requests_per_model",
                "GenerateRequestsPerMinutePerProjectPerModel",
            ),
            typed("RetryInfo", r#""retryDelay":"1s""#),
        ],
        (ErrorKind::InsufficientQuota, _) => vec![
            quota(
                "generate_requests_per_model_per_day",
                "GenerateRequestsPerDayPerProjectPerModel",
            ),
            typed(
                "Help",
                r#""links":[{"description":"Learn more about Gemini API quotas","url":"https://ai.google.dev/gemini-api/docs/rate-limits"}]"#,
            ),
        ],
        _ => Vec::new(),
    }
}

/// Status and compact body.
pub(super) fn spelled(complaint: &Complaint) -> (u16, String) {
    let (own, text) = words(complaint);
    let message = complaint.message.as_deref().unwrap_or(&text);
    let status = complaint.status.unwrap_or(own);
    // An error that comes as a success still says what it is.
    let code = if status < 400 { own } else { status };
    let details = details(complaint, message);
    let details = match details.is_empty() {
        true => String::new(),
        false => format!(r#","details":[{}]"#, details.join(",")),
    };
    let body = format!(
        r#"{{"error":{{"code":{code},"message":{},"status":"{}"{details}}}}}"#,
        quote(message),
        name(code)
    );
    (status, body)
}
