use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// What every part of one connection shares: its name, and the means to end it from within a request.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: u64,
    requests: AtomicU64,
    fate: AtomicU8,
    /// How often everything written so far has reached the socket.
    flushes: AtomicU64,
    closed: AtomicBool,
    /// Bytes that go out in place of what the HTTP server writes.
    raw: Mutex<Option<Bytes>>,
    /// Any of the above has changed.
    changed: Notify,
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Open = 0,
    /// It ends after the answers that are under way.
    Retire = 1,
    /// It is closed at once.
    Close = 2,
    /// It is reset at once.
    Reset = 3,
}

impl Link {
    pub(super) fn new(number: u64) -> Link {
        Link {
            number,
            requests: AtomicU64::new(0),
            fate: AtomicU8::new(Fate::Open as u8),
            flushes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            raw: Mutex::new(None),
            changed: Notify::new(),
        }
    }

    pub(super) fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Decides how the connection ends; a harder fate replaces a softer one.
    pub(super) fn seal(&self, fate: Fate) {
        self.fate.fetch_max(fate as u8, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// Waits until this or a harder fate is sealed.
    pub(super) async fn sealed(&self, fate: Fate) {
        self.until(|| self.is(fate)).await;
    }

    /// Whether the vendor itself ends the connection with requests under way.
    pub(super) fn is_doomed(&self) -> bool {
        self.is(Fate::Close)
    }

    fn is(&self, fate: Fate) -> bool {
        self.fate.load(Ordering::Acquire) >= fate as u8
    }

    /// From now on these bytes go out in place of the HTTP server's.
    pub(super) fn speak_raw(&self, bytes: Bytes) {
        *self.raw.lock() = Some(bytes);
    }

    /// A point in the flow of bytes, for [`Link::flushed_since`].
    pub(super) fn mark(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    /// Waits until what was given to the HTTP server before `mark` was taken is in the socket's buffer.
    pub(super) async fn flushed_since(&self, mark: u64) {
        self.until(|| self.mark() > mark).await;
    }

    /// Waits for the end of the connection.
    pub(super) async fn closed(&self) {
        self.until(|| self.closed.load(Ordering::Acquire)).await;
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if condition() {
                return;
            }
            changed.await;
        }
    }
}

/// A TCP connection that can be reset from within a request, also through TLS wrapped around it.
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    link: Arc<Link>,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, link: Arc<Link>) -> Socket {
        Socket { tcp, link }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.link.is(Fate::Reset) {
            // With no time to linger the kernel sends RST in place of FIN. If it cannot, the connection is gone already.
            self.tcp.set_zero_linger().ok();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// What the HTTP server writes to: counts flushes, and replaces the server's bytes where a script wants raw ones.
pub(super) struct Gauged<T> {
    io: T,
    link: Arc<Link>,
}

impl<T> Gauged<T> {
    pub(super) fn new(io: T, link: Arc<Link>) -> Gauged<T> {
        Gauged { io, link }
    }
}

impl<T> Drop for Gauged<T> {
    fn drop(&mut self) {
        self.link.closed.store(true, Ordering::Release);
        self.link.changed.notify_waiters();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gauged<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gauged<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.link.raw.lock().is_some() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let raw = this.link.raw.lock().clone();
        if let Some(mut left) = raw {
            while left.has_remaining() {
                let wrote = ready!(Pin::new(&mut this.io).poll_write(cx, &left))?;
                left.advance(wrote);
                *this.link.raw.lock() = Some(left.clone());
            }
        }
        ready!(Pin::new(&mut this.io).poll_flush(cx))?;
        this.link.flushes.fetch_add(1, Ordering::AcqRel);
        this.link.changed.notify_waiters();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
