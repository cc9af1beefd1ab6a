//! The client while it waits: watched for going away, and pinged so that nobody in between hangs up on it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use pingora::protocols::http::ServerSession;
use pingora::time::sleep;

use crate::clock::{self, Tick};
use crate::proxy::reply::Stamp;
use crate::wire;

/// The client went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// A waiting client. Its first ping commits the head of the answer, never an attempt.
pub struct Waiting<'a> {
    pub session: &'a mut ServerSession,
    /// `None`: this client is not pinged (it asked for no stream, or pings are off).
    every: Option<Duration>,
    next: Tick,
    /// The head went out with a ping: errors are events from now on.
    pub committed: bool,
    pub sent: u64,
}

impl<'a> Waiting<'a> {
    pub fn new(session: &'a mut ServerSession, every: Option<Duration>) -> Waiting<'a> {
        Waiting {
            session,
            every,
            next: every.map_or(Tick(u64::MAX), |every| clock::now() + every),
            committed: false,
            sent: 0,
        }
    }

    /// Bytes go to the client by another way: the next ping is due after a silence from now on.
    pub fn rest(&mut self) {
        if let Some(every) = self.every {
            self.next = clock::now() + every;
        }
    }

    /// Runs `work`, unless the client goes away first; the caller then drops it.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn during<T>(
        &mut self,
        stamp: &Stamp,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Gone> {
        loop {
            let until_ping = match self.every {
                Some(_) => self.next.since(clock::now()),
                None => Duration::MAX,
            };
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                _ = self.session.read_body_or_idle(true) => return Err(Gone),
                () = sleep(until_ping), if self.every.is_some() => {}
            }
            self.ping(stamp).await?;
        }
    }

    async fn ping(&mut self, stamp: &Stamp) -> Result<(), Gone> {
        let Some(every) = self.every else {
            return Ok(());
        };
        self.next = clock::now() + every;
        self.commit(stamp).await?;
        let ping = wire::codec(stamp.format).ping();
        self.sent += u64::try_from(ping.len()).unwrap_or(0);
        self.session
            .write_response_body(Bytes::from_static(ping), false)
            .await
            .map_err(|_| Gone)
    }

    async fn commit(&mut self, stamp: &Stamp) -> Result<(), Gone> {
        if self.committed {
            return Ok(());
        }
        self.committed = true;
        let head = stamp.event_stream(self.session).map_err(|_| Gone)?;
        self.session
            .write_response_header(Box::new(head.into()))
            .await
            .map_err(|_| Gone)
    }
}

/// Runs `work`, unless the client goes away first.
///
/// # Errors
/// [`Gone`].
pub async fn unless_gone<T>(
    session: &mut ServerSession,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Gone> {
    tokio::select! {
        biased;
        done = &mut work => Ok(done),
        _ = session.read_body_or_idle(true) => Err(Gone),
    }
}
