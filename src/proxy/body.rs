//! The request body: read whole, under a size limit and a deadline, within what all bodies together may hold. A form over
//! [`MOST_HELD`] goes to a file instead.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use futures_util::poll;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use pingora::ErrorType;
use pingora::protocols::http::ServerSession;
use pingora::time::timeout;
use prometheus::IntGauge;

use crate::config::Limits;
use crate::proxy::decode::{DecodeError, Grant, decode_whole};
use crate::proxy::spool::Spool;
use crate::telemetry::metrics;
use crate::wire::multipart::{Form, FormError, Found};

/// Compressed bodies of this size and more are decoded off the reactor: they may be a thousand times as large then.
const DECODE_HERE: usize = 4 << 10;
/// Memory taken in advance for a body that says its length; the rest as it comes.
const TRUSTED_LENGTH: usize = 1 << 20;

/// A form up to this size is held in memory.
const MOST_HELD: usize = 1 << 20;
/// What of a larger one is written at once.
const WRITE_PIECE: usize = 256 << 10;

/// Pingora's name for the error.
const INVALID_CHUNK: &str = "InvalidChunk";

/// A whole request body; its share of the common memory is given back when it is dropped.
#[derive(Debug)]
pub struct Body {
    /// Empty where all of it is in the spool.
    pub bytes: Bytes,
    pub spool: Option<Spool>,
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
    #[error("{0}")]
    Form(#[from] FormError),
    /// The file system does not take it.
    #[error("the gateway has no place for a request body of this size; try again shortly")]
    NotSpooled,
    #[error("the client went away")]
    ClientGone,
}

/// Bytes of all request bodies held at once, in memory and in files, each with the same cap.
#[derive(Debug, Default)]
pub struct Held {
    memory: AtomicUsize,
    files: AtomicUsize,
}

/// Where a share of [`Held`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    Memory,
    File,
}

/// One body's share of [`Held`].
#[derive(Debug)]
struct Share {
    held: Arc<Held>,
    store: Store,
    bytes: AtomicUsize,
    most: usize,
}

impl Share {
    fn new(held: &Arc<Held>, limits: Limits) -> Share {
        Share::of(Store::Memory, held, limits)
    }

    fn of(store: Store, held: &Arc<Held>, limits: Limits) -> Share {
        Share {
            held: held.clone(),
            store,
            bytes: AtomicUsize::new(0),
            most: limits.max_body_in_flight,
        }
    }

    fn all(&self) -> (&AtomicUsize, &IntGauge) {
        match self.store {
            Store::Memory => (&self.held.memory, &metrics::BODY_BYTES),
            Store::File => (&self.held.files, &metrics::SPOOLED_BYTES),
        }
    }

    fn grow(&self, more: usize) -> Result<(), BodyError> {
        let (all, gauge) = self.all();
        let before = all.fetch_add(more, Ordering::Relaxed);
        self.bytes.fetch_add(more, Ordering::Relaxed);
        gauge.add(i64::try_from(more).unwrap_or(0));
        if before + more > self.most {
            Err(BodyError::NoRoom)
        } else {
            Ok(())
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let (all, gauge) = self.all();
        all.fetch_sub(bytes, Ordering::Relaxed);
        gauge.sub(i64::try_from(bytes).unwrap_or(0));
    }
}

/// Reads the body of a request, decoded.
///
/// # Errors
/// [`BodyError`], with a text for the caller.
pub async fn read(
    session: &mut ServerSession,
    limits: Limits,
    held: &Arc<Held>,
) -> Result<Body, BodyError> {
    let declared = declared(session, limits)?;
    let encoding = encoding(session);
    answer_expectation(session).await?;
    let share = Share::new(held, limits);
    let bytes = {
        let reading = pin!(collect(session, declared, limits.max_body, &share));
        in_time(limits, reading).await?
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
        spool: None,
        received,
        _share: share,
        _decoded: decoded,
    })
}

/// Reads a body that is a form: what it says, and all of it, in a file if it is large.
///
/// # Errors
/// [`BodyError`], with a text for the caller.
pub async fn read_form(
    session: &mut ServerSession,
    mut form: Form,
    limits: Limits,
    held: &Arc<Held>,
) -> Result<(Body, Found), BodyError> {
    if encoding(session).is_some() {
        // Nobody compresses a form, or then hardly a large one.
        let body = read(session, limits, held).await?;
        form.push(&body.bytes)?;
        return Ok((body, form.finish()?));
    }
    declared(session, limits)?;
    answer_expectation(session).await?;
    let filling = Filling {
        pending: BytesMut::new(),
        memory: Share::new(held, limits),
        disk: Share::of(Store::File, held, limits),
        spool: None,
    };
    let body = {
        let reading = pin!(fill(session, filling, &mut form, limits.max_body));
        in_time(limits, reading).await?
    };
    Ok((body, form.finish()?))
}

/// A form as it comes.
struct Filling {
    /// What is in memory.
    pending: BytesMut,
    memory: Share,
    disk: Share,
    spool: Option<Spool>,
}

async fn fill(
    session: &mut ServerSession,
    mut filling: Filling,
    form: &mut Form,
    limit: usize,
) -> Result<Body, BodyError> {
    let mut received = 0;
    loop {
        let read = session.read_request_body().await;
        let Some(chunk) = read.map_err(|e| broken(&e))? else {
            return filling.finish(received).await;
        };
        received += chunk.len();
        if received > limit {
            return Err(BodyError::TooLarge { limit });
        }
        form.push(&chunk)?;
        filling.take(&chunk).await?;
    }
}

impl Filling {
    async fn take(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        if self.spool.is_none() {
            self.memory.grow(chunk.len())?;
        }
        self.pending.extend_from_slice(chunk);
        let most = match self.spool {
            None => MOST_HELD,
            Some(_) => WRITE_PIECE,
        };
        if self.pending.len() > most {
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), BodyError> {
        let refused = |e: std::io::Error| {
            log::error!("cannot keep a request body in a temporary file: {e}");
            BodyError::NotSpooled
        };
        let buffer = std::mem::take(&mut self.pending);
        self.disk.grow(buffer.len())?;
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::create().await.map_err(refused)?),
        };
        self.pending = spool.append(buffer).await.map_err(refused)?;
        Ok(())
    }

    async fn finish(mut self, received: usize) -> Result<Body, BodyError> {
        if self.spool.is_some() && !self.pending.is_empty() {
            self.write().await?;
        }
        let share = match self.spool {
            Some(_) => self.disk,
            None => self.memory,
        };
        Ok(Body {
            bytes: match self.spool {
                Some(_) => Bytes::new(),
                None => self.pending.freeze(),
            },
            spool: self.spool,
            received: u64::try_from(received).unwrap_or(u64::MAX),
            _share: share,
            _decoded: None,
        })
    }
}

/// The length that is announced, unless it is too large.
fn declared(session: &ServerSession, limits: Limits) -> Result<Option<usize>, BodyError> {
    let length = session.req_header().headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match length {
        Some(length) if length > limits.max_body => Err(BodyError::TooLarge {
            limit: limits.max_body,
        }),
        length => Ok(length),
    }
}

/// The content encodings, where there are any.
fn encoding(session: &ServerSession) -> Option<String> {
    let encodings = session.req_header().headers.get_all(CONTENT_ENCODING);
    let encodings: Vec<&str> = encodings.iter().filter_map(|e| e.to_str().ok()).collect();
    (!encodings.is_empty()).then(|| encodings.join(", "))
}

async fn in_time<T>(
    limits: Limits,
    mut reading: Pin<&mut impl Future<Output = Result<T, BodyError>>>,
) -> Result<T, BodyError> {
    // Mostly it is there already, and no timer is made.
    if let Poll::Ready(read) = poll!(&mut reading) {
        return read;
    }
    match timeout(limits.body_read, reading).await {
        Ok(read) => read,
        Err(_) => Err(BodyError::TooSlow {
            seconds: limits.body_read.as_secs(),
        }),
    }
}

pub(super) fn broken(error: &pingora::Error) -> BodyError {
    match error.etype() {
        ErrorType::Custom(INVALID_CHUNK) | ErrorType::InvalidHTTPHeader => BodyError::Malformed,
        _ => BodyError::ClientGone,
    }
}

/// Pingora leaves `Expect: 100-continue` to whoever reads the body.
pub(super) async fn answer_expectation(session: &mut ServerSession) -> Result<(), BodyError> {
    if session.req_header_mut().remove_header(&EXPECT).is_none() {
        return Ok(());
    }
    let answered = session.write_continue_response().await;
    answered.map_err(|_| BodyError::ClientGone)
}

async fn collect(
    session: &mut ServerSession,
    declared: Option<usize>,
    limit: usize,
    share: &Share,
) -> Result<Bytes, BodyError> {
    let mut whole: Option<BytesMut> = None;
    let mut only = Bytes::new();
    loop {
        // Asked only where it may have more to say: whoever waits for bytes makes a timer.
        if session.is_body_done() {
            break;
        }
        let read = session.read_request_body().await;
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
