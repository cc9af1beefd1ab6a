//! A connection to a vendor while one request is on it.

use std::io::IoSlice;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONTENT_ENCODING, HeaderName};
use pingora::connectors::http::Connector;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Stream;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as HttpSession1;
use pingora::time::timeout;
use pingora::upstreams::peer::Peer as _;
use tokio::io::AsyncWriteExt;

use crate::balance::host::Address;
use crate::clock::Tick;
use crate::proxy::alarm::{Alarm, TooLate};
use crate::proxy::decode::Decoder;
use crate::proxy::headers::{BadTarget, Outgoing};
use crate::proxy::spool::{Freight, Piece, Unloading};

/// Bodies go over HTTP/2 in parts of this size.
const WRITE_PIECE: usize = 256 << 10;
/// How long the rest of an answer may take whose meaning is complete, for the sake of its connection.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
/// The most that one chunk may grow to by decoding.
const MOST_DECODED: usize = 16 << 20;

/// Pieces of a body up to this size travel in one buffer with the head: copying them is cheaper than a write of their own.
const SMALL_PIECE: usize = 4 << 10;

/// A connection with no request on it yet.
pub struct Connection {
    pub line: Line,
    /// It has served another request before.
    pub reused: bool,
    /// When it was asked for.
    pub began: Tick,
    /// When it was there.
    pub ready: Tick,
    pub connector: Arc<Connector>,
    pub address: Arc<Address>,
}

/// What requests go over. Small: it is handed on several times before it is used.
pub enum Line {
    /// HTTP/1, as the bare stream that we write to.
    H1(Stream),
    /// HTTP/2.
    Other(Box<HttpSession>),
}

impl Line {
    pub fn of(session: HttpSession) -> Line {
        match session {
            HttpSession::H1(h1) => Line::H1(h1.into_inner()),
            session => Line::Other(Box::new(session)),
        }
    }
}

/// Dropped without [`Upstream::release`], it closes the connection (HTTP/1) or resets the stream (HTTP/2): the vendor
/// stops at once.
pub struct Upstream {
    session: HttpSession,
    connector: Arc<Connector>,
    address: Arc<Address>,
    decoder: Option<Decoder>,
    /// The request went out whole: only then the connection may serve another.
    sent: bool,
    ended: bool,
}

/// How reading an answer broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFailure {
    /// The connection broke, or what came was not HTTP or not in its encoding.
    Cut,
    /// The read timeout passed.
    Stall,
}

impl Upstream {
    /// Sends a request in time; whether it went out whole. Where it did not, the connection broke, or the vendor
    /// stopped reading: an answer may be there all the same.
    ///
    /// # Errors
    /// When the request cannot be written down.
    pub async fn send(
        connection: Connection,
        outgoing: &Outgoing<'_>,
        body: &Freight,
        (alarm, limit): (&mut Alarm, Tick),
    ) -> Result<(Box<Upstream>, Result<(), SendError>), BadTarget> {
        let Connection {
            line,
            connector,
            address,
            ..
        } = connection;
        let length = body.length();
        let stalled = |TooLate| Err(SendError::Stalled);
        let (session, sent) = match line {
            Line::H1(mut stream) => {
                let head = outgoing.http1_head(length)?;
                // Written by ourselves: head and body in one, where Pingora would take two writes and a copy.
                let sent = match body {
                    Freight::Held(body) => {
                        let sending = pin!(send_http1(&mut stream, head, body));
                        alarm.within(limit, sending).await
                    }
                    Freight::Spooled(body) => {
                        let mut sending = Box::pin(unload_http1(&mut stream, head, body));
                        alarm.within(limit, sending.as_mut()).await
                    }
                };
                let sent = sent.unwrap_or_else(stalled);
                let h1 = HttpSession1::new_with_options(stream, &address.peer);
                (HttpSession::H1(h1), sent)
            }
            Line::Other(mut session) => {
                let head = outgoing.http2_head(length)?;
                let sent = match body {
                    Freight::Held(body) => {
                        let sending = pin!(send_http2(&mut session, head, body));
                        alarm.within(limit, sending).await
                    }
                    Freight::Spooled(body) => {
                        let mut sending = Box::pin(unload_http2(&mut session, head, body));
                        alarm.within(limit, sending.as_mut()).await
                    }
                };
                (*session, sent.unwrap_or_else(stalled))
            }
        };
        let upstream = Upstream {
            session,
            connector,
            address,
            decoder: None,
            sent: sent.is_ok(),
            ended: false,
        };
        Ok((Box::new(upstream), sent))
    }

    /// Reads the head of the answer, past informational ones.
    ///
    /// # Errors
    /// When the connection broke or what came was no HTTP.
    pub async fn read_head(&mut self) -> pingora::Result<()> {
        loop {
            self.session.read_response_header().await?;
            let informational = self
                .head()
                .is_some_and(|head| head.status.is_informational());
            if !informational || !matches!(self.session, HttpSession::H1(_)) {
                break;
            }
        }
        self.address.welcome();
        if let Some(encoding) = self.header(&CONTENT_ENCODING) {
            self.decoder = Decoder::for_encoding(encoding).map_err(|e| {
                pingora::Error::explain(
                    pingora::ErrorType::InvalidHTTPHeader,
                    format!("vendor: {e}"),
                )
            })?;
        }
        Ok(())
    }

    /// Says that nobody waits for the answer any more, and listens whether it had begun by then: its status.
    ///
    /// HTTP/1 can do both, by ending its own side of the connection. HTTP/2 resets the stream and is told nothing more:
    /// of an answer that is on its way at that moment nobody hears.
    pub async fn part(mut self: Box<Self>) -> Option<u16> {
        match &mut self.session {
            HttpSession::H1(h1) => {
                h1.shutdown().await;
                self.read_head().await.ok()?;
            }
            _ => self.read_head().now_or_never()?.ok()?,
        }
        self.head().map(|head| head.status.as_u16())
    }

    /// A header of the answer, where it is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.head()?.headers.get(name)?.to_str().ok()
    }

    pub fn head(&self) -> Option<&ResponseHeader> {
        self.session.response_header()
    }

    /// Whether the answer's bytes come as the vendor sent them.
    pub fn is_decoding(&self) -> bool {
        self.decoder.is_some()
    }

    /// For every read from now on.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.session.set_read_timeout(timeout);
    }

    /// The next bytes of the answer, decoded; `None` at its end.
    ///
    /// # Errors
    /// [`ReadFailure`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ReadFailure> {
        loop {
            if self.ended {
                return Ok(None);
            }
            let read = self.session.read_response_body().await;
            let Some(chunk) = read.map_err(|e| failure(&e))? else {
                self.ended = true;
                let Some(decoder) = self.decoder.take() else {
                    return Ok(None);
                };
                let rest = decoder.finish().map_err(|_| ReadFailure::Cut)?;
                return Ok((!rest.is_empty()).then_some(rest));
            };
            let chunk = match &mut self.decoder {
                None => chunk,
                Some(decoder) => decoder
                    .push(&chunk, MOST_DECODED)
                    .map_err(|_| ReadFailure::Cut)?,
            };
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }

    /// The next bytes if they are there already. Reading is cancel-safe, as in Pingora's own proxy loop.
    pub fn chunk_at_hand(&mut self) -> Option<Result<Option<Bytes>, ReadFailure>> {
        self.chunk().now_or_never()
    }

    /// Gives the connection back to the pool, if request and answer went over it whole.
    pub fn release(mut self: Box<Self>) {
        if self.sent && (self.ended || self.session.response_done()) {
            let Upstream {
                session,
                connector,
                address,
                ..
            } = *self;
            let idle = address.peer.idle_timeout();
            // Waits for nothing but a farewell to a vendor that does not keep the connection; closed without one.
            connector
                .release_http_session(session, &address.peer, idle)
                .now_or_never();
        }
    }

    /// Reads what is left of an answer whose meaning is complete, away from the request, to keep the connection.
    pub fn release_when_read(mut self: Box<Self>) {
        tokio::spawn(async move {
            let rest = async { while let Ok(Some(_)) = self.chunk().await {} };
            // Too slow to be worth keeping: dropped, and so closed.
            if timeout(DRAIN_PATIENCE, rest).await.is_ok() {
                self.release();
            }
        });
    }
}

/// Why a request did not go out whole.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("the connection broke: {0}")]
    Broken(#[from] std::io::Error),
    #[error("the vendor takes nothing more")]
    Stalled,
    #[error("{0}")]
    Http2(#[from] Box<pingora::Error>),
}

async fn send_http1(stream: &mut Stream, head: Vec<u8>, body: &[Bytes]) -> Result<(), SendError> {
    let small = body
        .iter()
        .take_while(|piece| piece.len() <= SMALL_PIECE)
        .count();
    let (small, large) = body.split_at(small);
    let mut front = head;
    front.reserve_exact(small.iter().map(Bytes::len).sum());
    for piece in small {
        front.extend_from_slice(piece);
    }
    let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(1 + large.len());
    slices.push(IoSlice::new(&front));
    slices.extend(large.iter().map(|piece| IoSlice::new(piece)));
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match stream.write_vectored(rest).await? {
            0 => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()),
            written => IoSlice::advance_slices(&mut rest, written),
        }
    }
    stream.flush().await?;
    Ok(())
}

/// The same for a body that is read from a file meanwhile.
async fn unload_http1(stream: &mut Stream, head: Vec<u8>, body: &[Piece]) -> Result<(), SendError> {
    stream.write_all(&head).await?;
    let mut unloading = Unloading::of(body);
    while let Some(part) = unloading.next().await? {
        stream.write_all(part).await?;
    }
    stream.flush().await?;
    Ok(())
}

async fn unload_http2(
    session: &mut HttpSession,
    head: Box<RequestHeader>,
    body: &[Piece],
) -> Result<(), SendError> {
    session.write_request_header(head).await?;
    let mut unloading = Unloading::of(body);
    while let Some(part) = unloading.next().await? {
        let part = Bytes::copy_from_slice(part);
        session.write_request_body(part, false).await?;
    }
    session.finish_request_body().await?;
    Ok(())
}

async fn send_http2(
    session: &mut HttpSession,
    head: Box<RequestHeader>,
    body: &[Bytes],
) -> Result<(), SendError> {
    session.write_request_header(head).await?;
    for (i, piece) in body.iter().enumerate() {
        let mut rest = piece.clone();
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(WRITE_PIECE));
            let last = rest.is_empty() && i + 1 == body.len();
            session.write_request_body(part, last).await?;
        }
    }
    session.finish_request_body().await?;
    Ok(())
}

fn failure(error: &pingora::Error) -> ReadFailure {
    match error.etype() {
        pingora::ErrorType::ReadTimedout => ReadFailure::Stall,
        _ => ReadFailure::Cut,
    }
}
