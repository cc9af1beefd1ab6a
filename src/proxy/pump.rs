//! After the commit: the answer goes on to the client as it comes, no faster than the client takes it.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::response::Parts as HeadParts;
use pingora::http::ResponseHeader;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::time::timeout;

use crate::clock::{self, Tick};
use crate::ir::{Fault, FaultKind, Usage};
use crate::ledger::Bodies;
use crate::live::Vault;
use crate::proxy::exchange::{Long, Reply, ReplyBody, Streaming};
use crate::proxy::reply::{Stamp, write_whole};
use crate::proxy::upstream::{ReadFailure, Upstream};
use crate::proxy::waiting::{Gone, Waiting, unless_gone};
use crate::route::Failure;
use crate::wire;
use crate::wire::convert::Keepsake;
use crate::wire::passage::Passage;
use crate::wire::relay::{End, Progress};
use crate::wire::resume::Shown;

/// Chunks that are there already and go on in one write.
const BATCH: usize = 32;

/// How a committed answer ended.
#[derive(Debug)]
pub enum PumpEnd {
    /// Properly.
    Complete,
    /// The vendor broke off; the client was told.
    Broken(Failure),
    /// The vendor broke off, and another may go on: the client knows of nothing.
    Cut(Failure, Box<Cut>),
    ClientGone,
}

/// What to tell the client if nobody goes on.
pub struct Cut {
    pub fault: Fault,
    pub passage: Passage,
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fault.fmt(f)
    }
}

/// What went on, and how it ended.
#[derive(Debug)]
pub struct Pumped {
    pub end: PumpEnd,
    pub usage: Usage,
    pub bytes: u64,
    pub malformed: u32,
    /// What the client's format could not say of a stream.
    pub dropped: Vec<&'static str>,
}

/// Where opaque state goes before the client has its answer.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    pub vault: &'a Vault,
    pub scope: u64,
}

impl Shelf<'_> {
    fn keep(&self, keepsakes: Vec<Keepsake>) {
        if !keepsakes.is_empty() {
            self.vault.keep(self.scope, keepsakes, clock::now());
        }
    }
}

/// What goes along with an answer.
pub struct Along<'a> {
    pub shelf: Shelf<'a>,
    /// Never to be shown.
    pub secrets: &'a [String],
    /// Watches what the client sees of a stream that may be resumed.
    pub shown: Option<&'a mut Shown>,
    /// Where answers are kept.
    pub bodies: Option<&'a mut Bodies>,
}

/// What the client may see of a vendor's head.
type Head = Vec<(HeaderName, HeaderValue)>;

/// Commits a reply and passes it on to its end.
pub async fn pump(
    waiting: &mut Waiting<'_>,
    stamp: &Stamp,
    reply: Box<Reply>,
    along: Along<'_>,
) -> Pumped {
    let Along {
        shelf,
        secrets,
        shown,
        bodies: mut kept,
    } = along;
    let committed = std::mem::replace(&mut waiting.committed, true);
    let sent = waiting.sent;
    let session = &mut *waiting.session;
    let Reply {
        status,
        headers,
        body,
        keepsakes,
        ..
    } = *reply;
    shelf.keep(keepsakes);
    match body {
        ReplyBody::Events { bytes, usage } => {
            let head = (!committed).then(|| stream_head(session, stamp, headers));
            let length = sent + length(&bytes);
            keep(&mut kept, &bytes);
            let written = send_events(session, head.and_then(Result::ok), bytes).await;
            told_whole(written.map(|()| length), usage)
        }
        ReplyBody::Whole { bytes, usage } => {
            keep(&mut kept, &bytes);
            let sent = send_whole(session, stamp, (status, headers), bytes).await;
            told_whole(sent.map_err(|_| Gone), usage)
        }
        // What goes on for long is boxed: most answers are short, and every call's future is as large as the largest.
        ReplyBody::Long(long) => {
            Box::pin(pump_long(session, stamp, (status, headers), (*long, kept))).await
        }
        ReplyBody::Stream(streaming) => {
            let head = (!committed).then(|| stream_head(session, stamp, headers));
            let Streaming {
                up,
                passage,
                held,
                idle,
                ended,
            } = *streaming;
            let stream = Stream {
                session,
                up,
                passage,
                shelf,
                shown,
                idle,
                idling: None,
                secrets,
                kept,
                sent,
            };
            Box::pin(stream.run(head.and_then(Result::ok), held, ended)).await
        }
    }
}

/// An answer that was there before any of it went on.
fn told_whole(sent: Result<u64, Gone>, usage: Usage) -> Pumped {
    Pumped {
        end: if sent.is_ok() {
            PumpEnd::Complete
        } else {
            PumpEnd::ClientGone
        },
        usage,
        bytes: sent.unwrap_or(0),
        malformed: 0,
        dropped: Vec::new(),
    }
}

fn show(vendor: Head, head: &mut HeadParts) {
    for (name, value) in vendor {
        head.headers.insert(name, value);
    }
}

fn stream_head(
    session: &ServerSession,
    stamp: &Stamp,
    vendor: Head,
) -> pingora::Result<ResponseHeader> {
    let mut head = stamp.event_stream(session)?;
    let content_type = head.headers.get(CONTENT_TYPE).cloned();
    show(vendor, &mut head);
    if let Some(content_type) = content_type {
        head.headers.insert(CONTENT_TYPE, content_type);
    }
    Ok(head.into())
}

async fn send_whole(
    session: &mut ServerSession,
    stamp: &Stamp,
    (status, vendor): (u16, Head),
    bytes: Bytes,
) -> pingora::Result<u64> {
    let mut head = stamp.sized(status, bytes.len())?;
    show(vendor, &mut head);
    write_whole(session, head, bytes).await
}

pub(super) async fn send_events(
    session: &mut ServerSession,
    head: Option<ResponseHeader>,
    bytes: Bytes,
) -> Result<(), Gone> {
    let mut tasks = Vec::with_capacity(3);
    tasks.extend(head.map(|head| HttpTask::Header(Box::new(head), false)));
    tasks.push(HttpTask::Body(Some(bytes), false));
    tasks.push(HttpTask::Body(None, true));
    session.response_duplex_vec(tasks).await.map_err(|_| Gone)?;
    Ok(())
}

/// An answer over the hold: no error can follow what went out, so a break ends the connection without its end.
async fn pump_long(
    session: &mut ServerSession,
    stamp: &Stamp,
    (status, vendor): (u16, Head),
    (mut long, mut kept): (Long, Option<&mut Bodies>),
) -> Pumped {
    let mut bytes = 0;
    long.held.iter().for_each(|bytes| keep(&mut kept, bytes));
    let end = match begin_long(session, stamp, (status, vendor), &mut long, &mut bytes).await {
        Err(_) => PumpEnd::ClientGone,
        Ok(()) => pass_long(session, &mut long, (&mut bytes, kept)).await,
    };
    let told = long.tap.map(|tap| tap.finish());
    let usage = told.as_ref().map_or_else(Usage::default, |told| told.usage);
    let whole = told.is_none_or(|told| told.whole);
    let end = match end {
        PumpEnd::Complete if !whole => PumpEnd::Broken(Failure::CutAfterContent),
        end => end,
    };
    match end {
        PumpEnd::Complete => {
            if finish(session).await.is_ok() {
                long.up.release();
            }
        }
        PumpEnd::Broken(_) | PumpEnd::Cut(..) => session.shutdown().await,
        PumpEnd::ClientGone => {}
    }
    Pumped {
        end,
        usage,
        bytes,
        malformed: 0,
        dropped: Vec::new(),
    }
}

async fn begin_long(
    session: &mut ServerSession,
    stamp: &Stamp,
    (status, vendor): (u16, Head),
    long: &mut Long,
    bytes: &mut u64,
) -> pingora::Result<()> {
    let mut head = stamp.unsized_for(session, status)?;
    show(vendor, &mut head);
    if let Some(length) = long.length {
        head.headers.remove(TRANSFER_ENCODING);
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    session.write_response_header(Box::new(head.into())).await?;
    for piece in std::mem::take(&mut long.held) {
        *bytes += length(&piece);
        session.write_response_body(piece, false).await?;
    }
    Ok(())
}

async fn pass_long(
    session: &mut ServerSession,
    long: &mut Long,
    (bytes, mut kept): (&mut u64, Option<&mut Bodies>),
) -> PumpEnd {
    loop {
        let left = long.deadline.since(clock::now());
        let Ok(read) = unless_gone(session, pin!(timeout(left, long.up.chunk()))).await else {
            return PumpEnd::ClientGone;
        };
        let chunk = match read {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return PumpEnd::Complete,
            Ok(Err(failure)) => return PumpEnd::Broken(failure.into()),
            Err(_) => return PumpEnd::Broken(Failure::StallAfterContent),
        };
        if let Some(tap) = &mut long.tap {
            tap.push(&chunk);
        }
        *bytes += length(&chunk);
        keep(&mut kept, &chunk);
        if session.write_response_body(chunk, false).await.is_err() {
            return PumpEnd::ClientGone;
        }
    }
}

async fn finish(session: &mut ServerSession) -> Result<(), Gone> {
    session
        .response_duplex_vec(vec![HttpTask::Done])
        .await
        .map_err(|_| Gone)?;
    Ok(())
}

/// An event stream on its way.
struct Stream<'a> {
    session: &'a mut ServerSession,
    up: Box<Upstream>,
    passage: Passage,
    shelf: Shelf<'a>,
    shown: Option<&'a mut Shown>,
    idle: Duration,
    /// Since when nothing has come but comments.
    idling: Option<Tick>,
    /// Never to be shown.
    secrets: &'a [String],
    kept: Option<&'a mut Bodies>,
    sent: u64,
}

/// What the last chunks led to.
enum Turn {
    GoOn,
    /// A proper end; whether the vendor's transport ended with it.
    Over {
        ended: bool,
    },
    Broken(Failure, Fault),
}

impl Stream<'_> {
    async fn run(mut self, head: Option<ResponseHeader>, held: Vec<Bytes>, ended: bool) -> Pumped {
        let mut out = held;
        let mut turn = match (ended, self.passage.progress()) {
            (false, Progress::Done) => Turn::Over { ended: false },
            (false, _) => self.more_at_hand(&mut out),
            (true, _) => Turn::Over { ended: true },
        };
        let mut head = head;
        loop {
            if let Some(shown) = &mut self.shown {
                out.iter().for_each(|bytes| shown.see(bytes));
            }
            let may_go_on = self.shown.as_ref().is_some_and(|shown| shown.is_open());
            let last = match turn {
                Turn::GoOn => false,
                Turn::Broken(..) => !may_go_on,
                Turn::Over { .. } => true,
            };
            if let Turn::Broken(_, fault) = &mut turn {
                scrub(fault, self.secrets);
            }
            if let Turn::Broken(_, fault) = &mut turn
                && !may_go_on
            {
                let mut event = Vec::with_capacity(256);
                self.passage.write_fault(fault, &mut event);
                out.push(event.into());
            }
            self.shelf.keep(self.passage.keepsakes());
            if self.write(head.take(), &mut out, last).await.is_err() {
                return self.pumped(PumpEnd::ClientGone);
            }
            match turn {
                Turn::GoOn => {}
                Turn::Over { ended: true } => return self.complete(true),
                Turn::Over { ended: false } => return self.complete(false),
                Turn::Broken(failure, fault) if may_go_on => return self.cut(failure, fault),
                Turn::Broken(failure, _) => return self.pumped(PumpEnd::Broken(failure)),
            }
            let Ok(read) = unless_gone(self.session, pin!(self.up.chunk())).await else {
                return self.pumped(PumpEnd::ClientGone);
            };
            turn = match self.take(read, &mut out) {
                Turn::GoOn => self.more_at_hand(&mut out),
                turn => turn,
            };
        }
    }

    /// Takes what is there without waiting, so that one write carries it all.
    fn more_at_hand(&mut self, out: &mut Vec<Bytes>) -> Turn {
        for _ in 0..BATCH {
            let Some(read) = self.up.chunk_at_hand() else {
                break;
            };
            match self.take(read, out) {
                Turn::GoOn => {}
                turn => return turn,
            }
        }
        Turn::GoOn
    }

    fn take(&mut self, read: Result<Option<Bytes>, ReadFailure>, out: &mut Vec<Bytes>) -> Turn {
        let events = self.passage.events();
        match read {
            Ok(Some(chunk)) => match self.passage.push(chunk, out) {
                Err(fault) => Turn::Broken(Failure::CutAfterContent, fault),
                Ok(()) if self.passage.progress() == Progress::Done => Turn::Over { ended: false },
                Ok(()) if self.has_idled(events) => self.stalled(out),
                Ok(()) => Turn::GoOn,
            },
            Ok(None) => match self.passage.finish(End::Clean, out) {
                Ok(()) => Turn::Over { ended: true },
                Err(fault) => Turn::Broken(Failure::CutAfterContent, fault),
            },
            Err(ReadFailure::Cut) => match self.passage.finish(End::Cut, out) {
                Ok(()) => Turn::Over { ended: true },
                Err(fault) => Turn::Broken(Failure::CutAfterContent, fault),
            },
            Err(ReadFailure::Stall) => self.stalled(out),
        }
    }

    /// Nothing but comments, for longer than events may be apart: the vendor's front end lives, its model may not.
    fn has_idled(&mut self, events: u64) -> bool {
        if self.passage.events() != events {
            self.idling = None;
            return false;
        }
        let now = clock::now();
        now.since(*self.idling.get_or_insert(now)) > self.idle
    }

    fn stalled(&mut self, out: &mut Vec<Bytes>) -> Turn {
        if self.passage.finish(End::Cut, out).is_ok() {
            return Turn::Over { ended: false };
        }
        let fault = Fault::new(
            FaultKind::Timeout,
            504,
            "The endpoint stopped in the middle of its answer.",
        );
        Turn::Broken(Failure::StallAfterContent, fault)
    }

    async fn write(
        &mut self,
        head: Option<ResponseHeader>,
        out: &mut Vec<Bytes>,
        last: bool,
    ) -> Result<(), Gone> {
        let session = &mut *self.session;
        if head.is_none() && out.is_empty() && !last {
            return Ok(());
        }
        self.sent += out.iter().map(length).sum::<u64>();
        out.iter().for_each(|bytes| keep(&mut self.kept, bytes));
        let written = match (head, out.len(), last) {
            (None, 1, false) => {
                session
                    .write_response_body(out.pop().unwrap_or_default(), false)
                    .await
            }
            (head, _, last) => {
                let mut tasks = Vec::with_capacity(out.len() + 2);
                tasks.extend(head.map(|head| HttpTask::Header(Box::new(head), false)));
                tasks.extend(
                    out.drain(..)
                        .map(|bytes| HttpTask::Body(Some(bytes), false)),
                );
                if last {
                    tasks.push(HttpTask::Body(None, true));
                }
                session.response_duplex_vec(tasks).await.map(|_| ())
            }
        };
        written.map_err(|_| Gone)
    }

    fn complete(mut self, ended: bool) -> Pumped {
        // The end of the transport is mostly there together with the end of the meaning.
        let ended = ended || matches!(self.up.chunk_at_hand(), Some(Ok(None)));
        let Stream {
            up, passage, sent, ..
        } = self;
        if ended {
            up.release();
        } else {
            up.release_when_read();
        }
        pumped(&passage, sent, PumpEnd::Complete)
    }

    fn cut(self, failure: Failure, fault: Fault) -> Pumped {
        let told = pumped(&self.passage, self.sent, PumpEnd::Complete);
        let passage = self.passage;
        Pumped {
            end: PumpEnd::Cut(failure, Box::new(Cut { fault, passage })),
            ..told
        }
    }

    fn pumped(self, end: PumpEnd) -> Pumped {
        pumped(&self.passage, self.sent, end)
    }
}

fn pumped(passage: &Passage, bytes: u64, end: PumpEnd) -> Pumped {
    Pumped {
        end,
        usage: passage.usage(),
        bytes,
        malformed: passage.malformed(),
        dropped: passage.dropped(),
    }
}

fn scrub(fault: &mut Fault, secrets: &[String]) {
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    wire::error::scrub_fault(fault, &secrets);
}

fn keep(kept: &mut Option<&mut Bodies>, bytes: &Bytes) {
    if let Some(kept) = kept {
        kept.answer(bytes);
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
