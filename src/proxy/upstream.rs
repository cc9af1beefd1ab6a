//! A connection to a vendor while one request is on it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::CONTENT_ENCODING;
use pingora::connectors::http::Connector;
use pingora::http::ResponseHeader;
use pingora::protocols::http::client::HttpSession;

use crate::balance::host::Address;
use crate::proxy::decode::Decoder;

/// One write to a vendor may take so long. A vendor that answers early without reading is found out by it.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Bodies are written in pieces, so that the patience is for each of them.
const WRITE_PIECE: usize = 256 << 10;
/// How long the rest of an answer may take whose meaning is complete, for the sake of its connection.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
/// The most that one chunk may grow to by decoding.
const MOST_DECODED: usize = 16 << 20;

/// Dropped without [`Upstream::release`], it closes the connection (HTTP/1) or resets the stream (HTTP/2): the vendor
/// stops at once.
pub struct Upstream {
    session: HttpSession,
    connector: Arc<Connector>,
    address: Arc<Address>,
    pub reused: bool,
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
    pub fn new(
        session: HttpSession,
        reused: bool,
        connector: Arc<Connector>,
        address: Arc<Address>,
    ) -> Upstream {
        Upstream {
            session,
            connector,
            address,
            reused,
            decoder: None,
            sent: false,
            ended: false,
        }
    }

    /// Sends the request.
    ///
    /// # Errors
    /// When the connection broke; an answer may be there all the same.
    pub async fn send(
        &mut self,
        head: Box<pingora::http::RequestHeader>,
        body: &Bytes,
    ) -> pingora::Result<()> {
        self.session.set_write_timeout(Some(WRITE_PATIENCE));
        self.session.write_request_header(head).await?;
        let mut rest = body.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(WRITE_PIECE));
            let last = rest.is_empty();
            self.session.write_request_body(piece, last).await?;
        }
        self.session.finish_request_body().await?;
        self.sent = true;
        Ok(())
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
        if let HttpSession::H1(h1) = &mut self.session {
            h1.respect_keepalive();
        }
        self.address.welcome();
        let encoding = self.head().and_then(|head| {
            head.headers
                .get(CONTENT_ENCODING)?
                .to_str()
                .ok()
                .map(str::to_owned)
        });
        if let Some(encoding) = encoding {
            self.decoder = Decoder::for_encoding(&encoding).map_err(|e| {
                pingora::Error::explain(
                    pingora::ErrorType::InvalidHTTPHeader,
                    format!("vendor: {e}"),
                )
            })?;
        }
        Ok(())
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
    pub async fn release(mut self) {
        if self.sent && (self.ended || self.session.response_done()) {
            let Upstream {
                session,
                connector,
                address,
                ..
            } = self;
            let idle = address.peer.options.idle_timeout;
            connector
                .release_http_session(session, &address.peer, idle)
                .await;
        }
    }

    /// Reads what is left of an answer whose meaning is complete, away from the request, to keep the connection.
    pub fn release_when_read(mut self) {
        tokio::spawn(async move {
            let rest = async {
                while let Ok(Some(_)) = self.chunk().await {}
                self.release().await;
            };
            // Too slow to be worth keeping: dropped, and so closed.
            pingora::time::timeout(DRAIN_PATIENCE, rest)
                .await
                .unwrap_or_default();
        });
    }
}

fn failure(error: &pingora::Error) -> ReadFailure {
    match error.etype() {
        pingora::ErrorType::ReadTimedout => ReadFailure::Stall,
        _ => ReadFailure::Cut,
    }
}
