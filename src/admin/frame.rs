//! What is around every answer. Its headers: nothing is kept, guessed, framed or told to others. Its end: a stream of
//! events ends when the process leaves. And before it: a small body is read to its end first, so that who is refused
//! before has sent all of it, and the connection can serve another request.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::Admin;
use super::problem::{Problem, Why};

/// A body up to this size is read before anything is answered.
const SMALL: usize = 64 << 10;

/// An answer of the API is no page.
const DATA: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// A page takes everything from here, and nothing that stands within it (but what the console's names by its hash).
pub(super) const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

pub(super) async fn frame(
    State(admin): State<Arc<Admin>>,
    request: Request,
    next: Next,
) -> Response {
    let mut answer = match with_its_body(request).await {
        Ok(request) => next.run(request).await,
        Err(broken) => broken.into_response(),
    };
    let of = answer.headers().get(CONTENT_TYPE);
    if of.is_some_and(|of| of.as_bytes().starts_with(b"text/event-stream")) {
        let mut leaving = admin.leaving.clone();
        let left = Box::pin(async move {
            // Who closes it without a word has left, too.
            leaving.changed().await.unwrap_or_default();
        });
        answer = answer.map(|body| Body::from_stream(body.into_data_stream().take_until(left)));
    }
    let headers = answer.headers_mut();
    let unless_told = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, DATA),
    ];
    for (name, value) in unless_told {
        headers.entry(name).or_insert(value);
    }
    let always = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

async fn with_its_body(request: Request) -> Result<Request, Problem> {
    let (head, body) = request.into_parts();
    let length = body.size_hint().upper();
    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
        return Ok(Request::from_parts(head, body));
    };
    if length == 0 || length > SMALL {
        return Ok(Request::from_parts(head, body));
    }
    let broken = |_| Problem::new(Why::BadRequest, "The body of the request breaks off.");
    let bytes = to_bytes(body, SMALL).await.map_err(broken)?;
    Ok(Request::from_parts(head, Body::from(bytes)))
}
