use std::collections::VecDeque;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connection::{Fate, Link};
use super::ledger::{Ending, Watch};

/// What the body of a reply is made of, in order. Its end is a proper end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Data(Bytes),
    /// Waits until all data so far is in the socket's buffer: the next data is a write of its own.
    Flush,
    Pause(Duration),
    /// Nothing more comes.
    Stall,
    /// The connection (HTTP/1) or the stream (HTTP/2) breaks off.
    Cut,
    /// The connection ends in this way.
    Seal(Fate),
}

/// The vendor broke off on purpose. The HTTP server ends the connection (HTTP/1) or the stream (HTTP/2) on it.
#[derive(Debug, thiserror::Error)]
#[error("broken off by script")]
pub(super) struct BrokenOff;

/// The body of a reply: its pieces as fast as the client takes them.
pub(super) struct ReplyBody {
    pieces: VecDeque<Piece>,
    /// Bytes to come, where the head announces them.
    left: Option<u64>,
    link: Arc<Link>,
    /// None for what the ledger does not list.
    watch: Option<Watch>,
    /// Taken whenever data is handed out, so that a flush that happens before anybody waits for it counts.
    mark: u64,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl ReplyBody {
    pub(super) fn new(
        pieces: Vec<Piece>,
        length: Option<u64>,
        link: &Arc<Link>,
        watch: Option<Watch>,
    ) -> ReplyBody {
        let mut body = ReplyBody {
            pieces: pieces.into(),
            left: length,
            link: Arc::clone(link),
            watch,
            mark: link.mark(),
            waiting: None,
        };
        if body.pieces.is_empty() {
            body.end(Ending::Whole);
        }
        body
    }

    fn end(&mut self, ending: Ending) {
        if let Some(watch) = &mut self.watch {
            watch.end(ending);
        }
    }

    fn wait(&mut self, what: impl Future<Output = ()> + Send + 'static) {
        self.waiting = Some(Box::pin(what));
    }

    fn wait_for_flush(&mut self) {
        let (link, mark) = (Arc::clone(&self.link), self.mark);
        self.wait(async move { link.flushed_since(mark).await });
    }

    fn give(&mut self, data: Bytes) -> Frame<Bytes> {
        self.mark = self.link.mark();
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        self.settle();
        Frame::data(data)
    }

    /// With the last data handed out the server may never ask again: what remains to be done is done now.
    fn settle(&mut self) {
        match self.pieces.front() {
            None => self.end(Ending::Whole),
            Some(Piece::Seal(Fate::Retire)) => {
                self.link.seal(Fate::Retire);
                self.end(Ending::Whole);
            }
            Some(_) => {}
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        loop {
            if let Some(waiting) = &mut this.waiting {
                ready!(waiting.as_mut().poll(cx));
                this.waiting = None;
            }
            match this.pieces.pop_front() {
                None => {
                    this.end(Ending::Whole);
                    return Poll::Ready(None);
                }
                Some(Piece::Data(data)) => return Poll::Ready(Some(Ok(this.give(data)))),
                Some(Piece::Flush) => this.wait_for_flush(),
                Some(Piece::Pause(time)) => this.wait(tokio::time::sleep(time)),
                Some(Piece::Stall) => this.wait(future::pending()),
                Some(Piece::Cut) => {
                    this.end(Ending::Broken);
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                Some(Piece::Seal(Fate::Retire)) => this.link.seal(Fate::Retire),
                Some(Piece::Seal(fate)) => {
                    this.end(Ending::Broken);
                    this.link.seal(fate);
                    this.wait(future::pending());
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.waiting.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
