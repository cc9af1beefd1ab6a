//! What goes wrong, and the one place where it becomes an answer: problem+json of RFC 9457.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::reasons::Reason;
use super::trouble::Trouble;
use crate::store::Fault;

pub(super) const MEDIA_TYPE: &str = "application/problem+json";
/// Of a text that is not ours, at most.
const LONGEST_TEXT: usize = 4096;

/// Which kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    PreconditionFailed,
    TooLarge,
    MediaType,
    Invalid,
    TooMany,
    Internal,
    Unavailable,
}

impl Why {
    /// Status, last part of the type's URN, and title.
    fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Why::BadRequest => (400, "bad-request", "Bad request"),
            Why::Unauthenticated => (401, "unauthenticated", "Not logged in"),
            Why::Forbidden => (403, "forbidden", "Not allowed"),
            Why::NotFound => (404, "not-found", "Not found"),
            Why::MethodNotAllowed => (405, "method-not-allowed", "Method not allowed"),
            Why::Conflict => (409, "conflict", "Conflict"),
            Why::PreconditionFailed => (412, "precondition-failed", "Changed meanwhile"),
            Why::TooLarge => (413, "too-large", "Too large"),
            Why::MediaType => (415, "media-type", "Media type not served"),
            Why::Invalid => (422, "invalid", "Not valid"),
            Why::TooMany => (429, "too-many", "Too many attempts"),
            Why::Internal => (500, "internal", "Internal error"),
            Why::Unavailable => (503, "unavailable", "Unavailable"),
        }
    }

    /// What a status that somebody else has chosen comes nearest to.
    fn of(status: StatusCode) -> Why {
        match status.as_u16() {
            401 => Why::Unauthenticated,
            403 => Why::Forbidden,
            404 => Why::NotFound,
            405 => Why::MethodNotAllowed,
            409 => Why::Conflict,
            412 => Why::PreconditionFailed,
            413 => Why::TooLarge,
            415 => Why::MediaType,
            422 => Why::Invalid,
            429 => Why::TooMany,
            503 => Why::Unavailable,
            400..=499 => Why::BadRequest,
            _ => Why::Internal,
        }
    }
}

/// An error of the API (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:tidegate:problem:NAME`
    #[serde(rename = "type")]
    #[schema(example = "urn:tidegate:problem:not-found")]
    kind: String,
    title: &'static str,
    #[schema(example = 404)]
    status: u16,
    /// What is wrong, and what to do about it.
    detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Why, in a word for programs; of what a vendor could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// What the vendor has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_status: Option<u16>,
    /// Its own words, or those of the system that has not reached it.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_words: Option<String>,
    /// What exactly, where it can be named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    problems: Vec<Flaw>,
    #[serde(skip)]
    #[schema(ignore)]
    headers: HeaderMap,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Flaw {
    /// Of which object: `provider relay-a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The member of the body, or the parameter: `endpoints[0].weight`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub message: String,
    /// Where it is in the text that was sent, or in the file that was read: from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Problem {
    /// `detail`: whole sentences for who has asked.
    pub(crate) fn new(why: Why, detail: impl Into<String>) -> Problem {
        let (status, name, title) = why.facts();
        Problem {
            kind: ["urn:tidegate:problem:", name].concat(),
            title,
            status,
            detail: detail.into(),
            instance: None,
            reason: None,
            vendor_status: None,
            vendor_words: None,
            problems: Vec::new(),
            headers: HeaderMap::new(),
        }
    }

    /// Nobody who may ask has asked.
    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Problem {
        let bearer = HeaderValue::from_static("Bearer realm=\"tidegate\"");
        Problem::new(Why::Unauthenticated, detail).header(WWW_AUTHENTICATE, bearer)
    }

    /// A vendor is why.
    pub(super) fn because(mut self, reason: Reason, status: Option<u16>, words: &str) -> Problem {
        self.reason = Some(reason);
        self.vendor_status = status;
        self.vendor_words = Some(words.to_owned()).filter(|words| !words.is_empty());
        self
    }

    pub(crate) fn flaw(mut self, flaw: Flaw) -> Problem {
        self.problems.push(flaw);
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.insert(name, value);
        self
    }

    /// Whole seconds, and one at least.
    pub(crate) fn retry_after(self, after: Duration) -> Problem {
        let secs = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(secs.max(1)))
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        match fault {
            Fault::NoId(_) => {
                Problem::new(Why::NotFound, format!("There is no such request: {fault}."))
            }
            fault if fault.is_about_values() => {
                log::debug!("admin: the database does not take it: {fault}");
                let detail = "The database does not take what was asked: a text or a number is not one for it.";
                Problem::new(Why::Invalid, detail)
            }
            Fault::OtherKey { .. } | Fault::NoKey(_) | Fault::Keyless(_) | Fault::Unsealed(_) => {
                Problem::new(Why::Conflict, format!("Nothing is written: {fault}."))
            }
            fault => {
                log::warn!("admin: the database does not answer: {fault}");
                let detail =
                    "The database does not answer. Requests to models go on; try this again later.";
                Problem::new(Why::Unavailable, detail).retry_after(Duration::from_secs(1))
            }
        }
    }
}

/// Whose fault it is decides the status.
impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Problem {
        let why = match &trouble {
            Trouble::NoObject(..) => Why::NotFound,
            Trouble::Exists(..)
            | Trouble::ReadOnly { .. }
            | Trouble::InUse { .. }
            | Trouble::Overtaken => Why::Conflict,
            Trouble::Changed | Trouble::Outdated | Trouble::IsThere => Why::PreconditionFailed,
            Trouble::Wrong(_) => Why::Invalid,
            Trouble::NotInForce(_) | Trouble::Inside => Why::Internal,
            Trouble::Database(_) => Why::Unavailable,
        };
        let detail = trouble.to_string();
        match trouble {
            Trouble::Database(fault) => fault.into(),
            Trouble::Wrong(flaws) | Trouble::InUse { flaws, .. } => {
                let problem = Problem::new(why, detail);
                flaws.into_iter().fold(problem, Problem::flaw)
            }
            _ => Problem::new(why, detail),
        }
    }
}

/// Without a body: that comes in [`tell`], which knows what was asked for.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = status(&self);
        answer.extensions_mut().insert(self);
        answer
    }
}

fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Of an answer that is no problem of ours, whatever its status.
#[derive(Clone)]
pub(super) struct AsItIs;

/// Around everything: writes problems, also those that the framework has found.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut answer = next.run(request).await;
    if answer.extensions_mut().remove::<AsItIs>().is_some() {
        return answer;
    }
    if let Some(problem) = answer.extensions_mut().remove::<Problem>() {
        return written(problem, path, answer.headers());
    }
    let failed = answer.status().is_client_error() || answer.status().is_server_error();
    if !failed || is_made(answer.headers()) {
        return answer;
    }
    let (head, body) = answer.into_parts();
    let text = to_bytes(body, LONGEST_TEXT).await.unwrap_or_default();
    let problem = Problem::new(
        Why::of(head.status),
        detail(&head.headers, &text, head.status),
    );
    let problem = Problem {
        status: head.status.as_u16(),
        ..problem
    };
    written(problem, path, &head.headers)
}

/// An answer in a shape of its own stays.
fn is_made(headers: &HeaderMap) -> bool {
    let of = headers.get(CONTENT_TYPE).and_then(|of| of.to_str().ok());
    of.is_some_and(|of| !of.starts_with("text/plain"))
}

fn detail(headers: &HeaderMap, text: &Bytes, status: StatusCode) -> String {
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = headers.get("allow").and_then(|allow| allow.to_str().ok());
        return format!(
            "This path takes {}.",
            allow.unwrap_or("another method").replace(',', ", ")
        );
    }
    match String::from_utf8_lossy(text).trim() {
        "" if status == StatusCode::NOT_FOUND => "There is nothing at this path.".to_owned(),
        "" => format!("{}.", status.canonical_reason().unwrap_or("It failed")),
        text if text.ends_with('.') => text.to_owned(),
        text => format!("{text}."),
    }
}

/// With the headers that the answer had so far (`Allow`).
fn written(mut problem: Problem, path: String, headers: &HeaderMap) -> Response {
    problem.instance = Some(path);
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status(&problem);
    *answer.headers_mut() = headers.clone();
    answer.headers_mut().remove(CONTENT_LENGTH);
    answer.headers_mut().extend(problem.headers);
    let media_type = HeaderValue::from_static(MEDIA_TYPE);
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_is_never_told_as_none() {
        for (millis, told) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            let problem =
                Problem::new(Why::TooMany, "x").retry_after(Duration::from_millis(millis));
            assert_eq!(problem.headers[RETRY_AFTER], told, "{millis}");
        }
    }

    #[test]
    fn a_database_that_fails_is_not_quoted() {
        let problem = Problem::from(Fault::Silent(5));
        assert_eq!(problem.status, 503);
        assert!(!problem.detail.contains("5 s"), "{}", problem.detail);
    }
}
