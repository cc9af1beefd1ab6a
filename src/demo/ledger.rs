use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::connection::Link;
use super::fault::Step;
use crate::clock::{self, Tick};

/// Requests kept; the oldest go first.
const KEPT: usize = 10_000;

/// Bytes of bodies kept in all; the oldest go first.
const KEPT_BYTES: usize = 256 << 20;

/// A request as the vendor saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Counts from 0 over the vendor's life.
    pub number: u64,
    /// Which connection brought it, and as its how many-th request (from 1).
    pub connection: u64,
    pub on_connection: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    /// In the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body read so far.
    pub body_bytes: u64,
    /// Lower-case hex, once the body is whole.
    pub body_sha256: Option<String>,
    /// The body, unless it is over the cap ([`Setup::keep_body`](super::Setup::keep_body)).
    pub body: Option<Bytes>,
    pub model: Option<String>,
    pub key: Option<String>,
    /// How it was treated.
    pub step: Step,
    /// Status of the answer.
    pub status: Option<u16>,
    /// When the head came, when the body was whole, when the answer's head was given, when it ended.
    pub arrived: Tick,
    pub received: Option<Tick>,
    pub answered: Option<Tick>,
    pub ended: Option<(Tick, Ending)>,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The whole answer was given.
    Whole,
    /// The vendor broke off, as its script says.
    Broken,
    /// The client went away first.
    ClientGone,
}

impl Seen {
    /// The value of this header, if it came.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name)?;
        Some(value)
    }

    /// How it ended, if it did.
    pub fn ending(&self) -> Option<Ending> {
        self.ended.map(|(_, ending)| ending)
    }

    /// The body as JSON, null if it is none or was not kept.
    pub fn json(&self) -> Value {
        let body = self.body.as_deref().unwrap_or_default();
        serde_json::from_slice(body).unwrap_or(Value::Null)
    }

    /// For the control API: times in microseconds, the body as text.
    pub(super) fn view(&self) -> Value {
        let micros = |tick: Option<Tick>| tick.map(|t| t.0);
        json!({
            "number": self.number, "connection": self.connection, "on_connection": self.on_connection,
            "version": self.version, "method": self.method, "path": self.path, "query": self.query,
            "headers": self.headers, "body_bytes": self.body_bytes, "body_sha256": self.body_sha256,
            "body": self.body.as_deref().map(String::from_utf8_lossy), "model": self.model, "step": self.step,
            "status": self.status, "arrived_us": self.arrived.0, "received_us": micros(self.received),
            "answered_us": micros(self.answered), "ended_us": micros(self.ended.map(|e| e.0)),
            "ending": self.ending().map(|e| format!("{e:?}")),
        })
    }
}

/// What the vendor has seen.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Book {
    seen: VecDeque<Seen>,
    next: u64,
    kept_bytes: usize,
}

impl Ledger {
    pub(super) fn requests(&self) -> Vec<Seen> {
        self.book.lock().seen.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        let mut book = self.book.lock();
        book.seen.clear();
        book.kept_bytes = 0;
    }

    /// Waits until what was seen is as `wanted`, at most for `patience`. `Err` has what was seen by then.
    /// `wanted` is asked under the ledger's lock: nothing is copied for a condition that does not hold yet.
    pub(super) async fn until(
        &self,
        patience: Duration,
        wanted: impl Fn(&[Seen]) -> bool,
    ) -> Result<Vec<Seen>, Vec<Seen>> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if wanted(self.book.lock().seen.make_contiguous()) {
                    return self.requests();
                }
                changed.await;
            }
        };
        let outcome = tokio::time::timeout(patience, wait).await;
        outcome.map_err(|_| self.requests())
    }

    /// A request's head has come.
    pub(super) fn open<B>(self: &Arc<Ledger>, request: &Request<B>, link: &Arc<Link>) -> Watch {
        let mut book = self.book.lock();
        let number = book.next;
        book.next += 1;
        book.seen.push_back(head(request, number, link));
        if book.seen.len() > KEPT {
            let oldest = book.seen.pop_front();
            book.kept_bytes -= oldest.map_or(0, |s| s.kept());
        }
        Watch {
            ledger: Arc::clone(self),
            link: Arc::clone(link),
            number,
            over: false,
        }
    }
}

impl Seen {
    fn kept(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }
}

fn head<B>(request: &Request<B>, number: u64, link: &Link) -> Seen {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = request.headers().iter();
    Seen {
        number,
        connection: link.number,
        on_connection: link.count_request(),
        version: format!("{:?}", request.version()),
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().map(str::to_owned),
        headers: headers.map(|(n, v)| (n.to_string(), text(v))).collect(),
        body_bytes: 0,
        body_sha256: None,
        body: None,
        model: None,
        key: None,
        step: Step::default(),
        status: None,
        arrived: clock::now(),
        received: None,
        answered: None,
        ended: None,
    }
}

impl Book {
    /// Keeps memory bounded whatever the bodies are.
    fn shed(&mut self) {
        for seen in &mut self.seen {
            if self.kept_bytes <= KEPT_BYTES {
                return;
            }
            self.kept_bytes -= seen.kept();
            seen.body = None;
        }
    }
}

/// The ledger's hold on one exchange: whoever drops it without saying how it ended was left by the client.
#[derive(Debug)]
pub(super) struct Watch {
    ledger: Arc<Ledger>,
    link: Arc<Link>,
    number: u64,
    over: bool,
}

impl Watch {
    pub(super) fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut book = self.ledger.book.lock();
        let first = book.seen.front().map_or(0, |s| s.number);
        let at = self
            .number
            .checked_sub(first)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(seen) = at.and_then(|at| book.seen.get_mut(at)) {
            let before = seen.kept();
            change(seen);
            let after = seen.kept();
            book.kept_bytes = book.kept_bytes + after - before;
            book.shed();
        }
        drop(book);
        self.ledger.changed.notify_waiters();
    }

    pub(super) fn answered(&self, status: u16) {
        self.note(|seen| {
            seen.status = Some(status);
            seen.answered = Some(clock::now());
        });
    }

    pub(super) fn end(&mut self, ending: Ending) {
        if !self.over {
            self.over = true;
            self.note(|seen| seen.ended = Some((clock::now(), ending)));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let broken = self.link.is_doomed();
        self.end(if broken {
            Ending::Broken
        } else {
            Ending::ClientGone
        });
    }
}
