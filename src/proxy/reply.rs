//! Answers that we write ourselves: errors in the caller's format, pages, and the heads of vendors' answers.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    TRANSFER_ENCODING,
};
use http::response::{Parts as HeadParts, Response};
use http::{StatusCode, Version};
use pingora::http::ResponseHeader;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::{ErrorType, OrErr};

use crate::id::RequestId;
use crate::ir::{Fault, Format};
use crate::proxy::cors::CorsAnswer;
use crate::proxy::headers::UPSTREAM_REQUEST_ID;
use crate::wire;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const DROPPED: HeaderName = HeaderName::from_static("x-tidegate-dropped");
const COUNT: HeaderName = HeaderName::from_static("x-tidegate-count");
const ROUTE: HeaderName = HeaderName::from_static("x-tidegate-route");
/// Asks nginx-like proxies in front of us not to hold events back.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What every answer to one request carries.
#[derive(Debug)]
pub struct Stamp {
    pub id: RequestId,
    pub format: Format,
    pub cors: Option<CorsAnswer>,
    /// `provider/model`, once there is one and `debug_headers` allows.
    pub route: Option<HeaderValue>,
    /// What was lost in conversion.
    pub dropped: Option<HeaderValue>,
    /// The vendor's id of the request, where its error is what the client gets.
    pub upstream_id: Option<HeaderValue>,
    /// The stream is one JSON array.
    pub array: bool,
    /// The tokens were counted here, by no vendor.
    pub estimate: bool,
}

impl Stamp {
    /// A head with our own headers.
    fn head(&self, status: u16) -> pingora::Result<HeadParts> {
        let status = StatusCode::from_u16(status)
            .or_err(ErrorType::InvalidHTTPHeader, "a status of our own")?;
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = status;
        let head = &mut parts.headers;
        head.reserve(10);
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            if self.format == Format::Anthropic {
                head.insert(ANTHROPIC_REQUEST_ID, id.clone());
            }
            head.insert(REQUEST_ID, id);
        }
        let mut insert = |name, value: &Option<HeaderValue>| {
            if let Some(value) = value {
                head.insert(name, value.clone());
            }
        };
        insert(ROUTE, &self.route);
        insert(UPSTREAM_REQUEST_ID, &self.upstream_id);
        insert(DROPPED, &self.dropped);
        if self.estimate {
            head.insert(COUNT, HeaderValue::from_static("estimate"));
        }
        if let Some(cors) = &self.cors {
            cors.mark(head);
        }
        Ok(parts)
    }

    /// The head of an answer whose length is known.
    ///
    /// # Errors
    /// For a status that is none.
    pub fn sized(&self, status: u16, length: usize) -> pingora::Result<HeadParts> {
        let mut head = self.head(status)?;
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
        Ok(head)
    }

    /// The head of an answer that ends when it ends.
    ///
    /// # Errors
    /// For a status that is none.
    pub fn unsized_for(&self, session: &ServerSession, status: u16) -> pingora::Result<HeadParts> {
        let mut head = self.head(status)?;
        if session.req_header().version == Version::HTTP_11 {
            head.headers
                .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Ok(head)
    }

    /// The head of an event stream.
    ///
    /// # Errors
    /// Never: 200 is a status.
    pub fn event_stream(&self, session: &ServerSession) -> pingora::Result<HeadParts> {
        let mut parts = self.unsized_for(session, 200)?;
        let head = &mut parts.headers;
        head.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(if self.array {
                "application/json"
            } else {
                "text/event-stream; charset=utf-8"
            }),
        );
        head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        head.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Ok(parts)
    }
}

/// A page of our own.
pub struct Page {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Bytes,
    pub allow: Option<&'static str>,
    pub retry_after: Option<Duration>,
}

impl Page {
    pub fn json(status: u16, body: impl Into<Bytes>) -> Page {
        Page {
            status,
            content_type: "application/json",
            body: body.into(),
            allow: None,
            retry_after: None,
        }
    }

    pub fn text(status: u16, body: impl Into<Bytes>) -> Page {
        Page {
            content_type: "text/plain; charset=utf-8",
            ..Page::json(status, body)
        }
    }

    /// An error, written in a format.
    pub fn fault(fault: &Fault, format: Format) -> Page {
        let mut body = Vec::with_capacity(256);
        let codec = wire::codec(format);
        codec.write_fault(fault, &mut body);
        let status = match fault.status {
            // Anthropic's own; everybody knows 503.
            529 => codec.status(fault),
            status @ 400..=599 => status,
            // No error that HTTP knows (RFC 9110, section 15), though a vendor said it.
            _ => 502,
        };
        Page {
            retry_after: fault.retry_after,
            ..Page::json(status, body)
        }
    }
}

/// Writes a page as the whole answer; its bytes.
///
/// # Errors
/// When the client is gone.
pub async fn write_page(
    session: &mut ServerSession,
    stamp: &Stamp,
    page: Page,
) -> pingora::Result<u64> {
    let mut parts = stamp.sized(page.status, page.body.len())?;
    let head = &mut parts.headers;
    head.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    if let Some(allow) = page.allow {
        head.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(after) = page.retry_after {
        // Whole seconds, rounded up: nobody should come back too early.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        head.insert(RETRY_AFTER, HeaderValue::from(seconds));
        let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        head.insert("retry-after-ms", HeaderValue::from(millis));
    }
    write_whole(session, parts, page.body).await
}

/// Writes head and body as one, and ends the answer; the body's bytes.
///
/// # Errors
/// When the client is gone.
pub async fn write_whole(
    session: &mut ServerSession,
    head: HeadParts,
    body: Bytes,
) -> pingora::Result<u64> {
    let head = Box::new(ResponseHeader::from(head));
    let sent = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let tasks = if session.req_header().method == http::Method::HEAD || body.is_empty() {
        vec![HttpTask::Header(head, true)]
    } else {
        vec![
            HttpTask::Header(head, false),
            HttpTask::Body(Some(body), true),
        ]
    };
    session.response_duplex_vec(tasks).await?;
    Ok(sent)
}
