//! The request body: read whole, under a size limit and a deadline, within what all bodies together may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use pingora::ErrorType;
use pingora::time::timeout;
use pingora_proxy::Session;

use crate::config::Limits;
use crate::proxy::decode::{DecodeError, Grant, decode_whole};
use crate::telemetry::metrics;

/// Compressed bodies of this size and more are decoded off the reactor: they may be a thousand times as large then.
const DECODE_HERE: usize = 4 << 10;
/// Memory taken in advance for a body that says its length; the rest as it comes.
const TRUSTED_LENGTH: usize = 1 << 20;

/// Pingora's name for the error.
const INVALID_CHUNK: &str = "InvalidChunk";

/// A whole request body; its share of the common memory is given back when it is dropped.
#[derive(Debug)]
pub struct Body {
    pub bytes: Bytes,
    /// As it came, before decoding.
    pub received: u64,
    _share: Share,
    /// Of what decoding has made of it.
    _decoded: Option<Arc<Share>>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the request body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the request body did not arrive within {seconds} s")]
    TooSlow { seconds: u64 },
    #[error("the gateway holds as many request bodies as it may; try again shortly")]
    NoRoom,
    #[error("{0}")]
    Encoding(#[from] DecodeError),
    #[error("the request body is not framed as HTTP says (RFC 9112, section 7)")]
    Malformed,
    #[error("the client went away")]
    ClientGone,
}

/// Bytes of all request bodies held at once, with their cap.
#[derive(Debug, Default)]
pub struct Held(AtomicUsize);

/// One body's share of [`Held`].
#[derive(Debug)]
struct Share {
    held: Arc<Held>,
    bytes: AtomicUsize,
    most: usize,
}

impl Share {
    fn new(held: &Arc<Held>, limits: Limits) -> Share {
        Share {
            held: held.clone(),
            bytes: AtomicUsize::new(0),
            most: limits.max_body_in_flight,
        }
    }

    fn grow(&self, more: usize) -> Result<(), BodyError> {
        let before = self.held.0.fetch_add(more, Ordering::Relaxed);
        self.bytes.fetch_add(more, Ordering::Relaxed);
        metrics::BODY_BYTES.add(i64::try_from(more).unwrap_or(0));
        if before + more > self.most {
            Err(BodyError::NoRoom)
        } else {
            Ok(())
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.held.0.fetch_sub(bytes, Ordering::Relaxed);
        metrics::BODY_BYTES.sub(i64::try_from(bytes).unwrap_or(0));
    }
}

/// Reads the body of a request, decoded.
///
/// # Errors
/// [`BodyError`], with a text for the caller.
pub async fn read(
    session: &mut Session,
    limits: Limits,
    held: &Arc<Held>,
) -> Result<Body, BodyError> {
    let header = |name| {
        session
            .req_header()
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let declared = header(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    let encodings = session.req_header().headers.get_all(CONTENT_ENCODING);
    let encodings: Vec<&str> = encodings.iter().filter_map(|e| e.to_str().ok()).collect();
    let encoding = (!encodings.is_empty()).then(|| encodings.join(", "));
    if declared.is_some_and(|length| length > limits.max_body) {
        return Err(BodyError::TooLarge {
            limit: limits.max_body,
        });
    }
    answer_expectation(session).await?;
    let share = Share::new(held, limits);
    let reading = collect(session, declared, limits.max_body, &share);
    let bytes = match timeout(limits.body_read, reading).await {
        Ok(bytes) => bytes?,
        Err(_) => {
            return Err(BodyError::TooSlow {
                seconds: limits.body_read.as_secs(),
            });
        }
    };
    let received = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let (bytes, decoded) = match encoding {
        None => (bytes, None),
        Some(encoding) => {
            let share = Arc::new(Share::new(held, limits));
            let bytes = decoded(encoding, bytes, limits.max_body, share.clone()).await?;
            (bytes, Some(share))
        }
    };
    Ok(Body {
        bytes,
        received,
        _share: share,
        _decoded: decoded,
    })
}

fn broken(error: &pingora::Error) -> BodyError {
    match error.etype() {
        ErrorType::Custom(INVALID_CHUNK) | ErrorType::InvalidHTTPHeader => BodyError::Malformed,
        _ => BodyError::ClientGone,
    }
}

/// Pingora leaves `Expect: 100-continue` to whoever reads the body.
async fn answer_expectation(session: &mut Session) -> Result<(), BodyError> {
    if session.req_header_mut().remove_header(&EXPECT).is_none() {
        return Ok(());
    }
    let answered = session.as_downstream_mut().write_continue_response().await;
    answered.map_err(|_| BodyError::ClientGone)
}

async fn collect(
    session: &mut Session,
    declared: Option<usize>,
    limit: usize,
    share: &Share,
) -> Result<Bytes, BodyError> {
    let downstream = session.as_downstream_mut();
    let mut whole: Option<BytesMut> = None;
    let mut only = Bytes::new();
    loop {
        let read = downstream.read_request_body().await;
        let Some(chunk) = read.map_err(|e| broken(&e))? else {
            break;
        };
        let so_far = whole.as_ref().map_or(only.len(), BytesMut::len);
        if so_far + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        share.grow(chunk.len())?;
        // A single chunk is taken as it is. One of several is copied at once, while it is in the processor's cache.
        if so_far == 0 && declared.is_none_or(|length| length <= chunk.len()) {
            only = chunk;
            continue;
        }
        let capacity = declared.unwrap_or(0).clamp(
            so_far + chunk.len(),
            TRUSTED_LENGTH.max(so_far + chunk.len()),
        );
        let whole = whole.get_or_insert_with(|| {
            let mut whole = BytesMut::with_capacity(capacity);
            whole.extend_from_slice(&only);
            whole
        });
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.map_or(only, BytesMut::freeze))
}

async fn decoded(
    encoding: String,
    body: Bytes,
    limit: usize,
    share: Arc<Share>,
) -> Result<Bytes, BodyError> {
    let grant: Grant = Box::new(move |more| share.grow(more).is_ok());
    let decoded = if body.len() < DECODE_HERE {
        decode_whole(&encoding, &body, limit, Some(grant))
    } else {
        let decoding = move || decode_whole(&encoding, &body, limit, Some(grant));
        let decoding = tokio::task::spawn_blocking(decoding);
        decoding.await.unwrap_or(Err(DecodeError::Corrupt))
    };
    decoded.map_err(|e| match e {
        DecodeError::NoRoom => BodyError::NoRoom,
        e => e.into(),
    })
}
