//! One attempt: connect, send, read the head, classify, and hold until there is content.
//!
//! Nothing here touches the client. What comes back is either a reply that may be committed, or a [`Miss`] that says
//! what happened, for `route::attempt` to decide what next.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use pingora::ErrorType;
use pingora::connectors::http::Connector;
use pingora::time::timeout;

use crate::clock::{self, Tick};
use crate::config::Timeouts;
use crate::id::RequestId;
use crate::ir::{Fault, FaultKind, Usage};
use crate::live::Pass;
use crate::proxy::alarm::{Alarm, TooLate};
use crate::proxy::asked::Asked;
use crate::proxy::headers::{Outgoing, UPSTREAM_REQUEST_ID, for_client, vendors_id};
use crate::proxy::paths::CallKind;
use crate::proxy::retry_after::{self, retry_after};
use crate::proxy::spool::Freight;
use crate::proxy::telling::Teller;
use crate::proxy::upstream::{Connection, Line, ReadFailure, SendError, Upstream};
use crate::route::{Failure, Outcome};
use crate::wire::convert::{Keepsake, Manner};
use crate::wire::passage::Passage;
use crate::wire::reply::ReplyTap;
use crate::wire::{self, error};

/// The most that is held back before an attempt is committed all the same.
pub const HOLD: usize = 64 << 10;
/// The most of an error's body that is read.
const MOST_ERROR: usize = 64 << 10;
/// An error's body that takes longer is done without.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);
/// An answer may be waiting although the request could not be written whole.
const EARLY_ANSWER: Duration = Duration::from_millis(500);
/// Addresses of one host tried within one attempt.
const MOST_ADDRESSES: usize = 3;
/// Dead idle connections passed over within one attempt.
const MOST_STALE: usize = 64;

/// What is asked of the vendor.
pub struct Order<'a> {
    pub connector: &'a Arc<Connector>,
    pub outgoing: Outgoing<'a>,
    pub body: &'a Freight,
    pub kind: CallKind,
    /// The vendor is asked for a stream.
    pub stream: bool,
    /// How the answer becomes the client's where it does not go on as it comes.
    pub teller: Teller<'a>,
    /// The answer is looked at for opaque state: the next turn may go to another vendor.
    pub watched: bool,
    /// The name that the answer says for the model, in an answer that goes on in its own format.
    pub rename: Option<&'a str>,
    /// The request asked for reasoning: silence before the first token is normal.
    pub reasoning: bool,
    /// The client did not ask for the usage that we asked for.
    pub strip_usage: bool,
    pub timeouts: Timeouts,
    /// When content has to be there, over all attempts.
    pub deadline: Tick,
    /// Never to be shown.
    pub secrets: &'a [String],
    /// Told when the vendor has taken the call.
    pub pass: &'a Pass,
}

/// A good answer that has begun.
pub struct Reply {
    pub status: u16,
    /// What the client may see of the vendor's head.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// From the request sent to the first content.
    pub first_token: Duration,
    pub body: ReplyBody,
    /// Opaque state to be remembered before the client has the answer.
    pub keepsakes: Vec<Keepsake>,
    /// What was lost on the way there, and what the client's format cannot say of a whole answer.
    pub dropped: Vec<String>,
}

pub enum ReplyBody {
    /// Events, of which those up to the first content are held.
    Stream(Box<Streaming>),
    /// All of it.
    Whole { bytes: Bytes, usage: Usage },
    /// All of it, as the events of a stream.
    Events { bytes: Bytes, usage: Usage },
    /// The beginning of it.
    Long(Box<Long>),
}

pub struct Streaming {
    pub up: Box<Upstream>,
    pub passage: Passage,
    pub held: Vec<Bytes>,
    /// The longest silence between two events.
    pub idle: Duration,
    /// The vendor's answer has come to its end and `passage` knows.
    pub ended: bool,
}

pub struct Long {
    pub up: Box<Upstream>,
    /// `None`: not JSON, its end is the end of the transport.
    pub tap: Option<ReplyTap>,
    pub held: Vec<Bytes>,
    pub length: Option<usize>,
    /// The whole answer has to be there by then.
    pub deadline: Tick,
}

/// An attempt that gave nothing to commit.
#[derive(Debug)]
pub struct Miss {
    pub outcome: Outcome,
    /// What the client would be told if this were the last attempt.
    pub fault: Fault,
    pub status: Option<u16>,
    /// The vendor's id of the request, for whoever asks the vendor about it.
    pub request_id: Option<HeaderValue>,
    /// The vendor had taken the call, and has not said that it failed.
    pub cost: Option<Box<Cost>>,
}

/// What is known of what an answer cost that nobody sees.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// What the vendor had said of it.
    pub said: Usage,
    /// What it had sent.
    pub bytes: u64,
}

impl Order<'_> {
    /// Runs the attempt up to its first content. Dropping the future cancels it at the vendor.
    ///
    /// # Errors
    /// [`Miss`].
    pub async fn run(&self) -> Result<Box<Reply>, Box<Miss>> {
        let mut alarm = Alarm::default();
        for _ in 0..MOST_STALE {
            let connection = self.connect(&mut alarm).await?;
            let (reused, began) = (connection.reused, connection.began);
            match self.converse(connection, &mut alarm).await {
                Err(miss)
                    if reused
                        && matches!(miss.outcome, Outcome::Failed(Failure::ResetBeforeHead)) =>
                {
                    log::debug!(
                        "id={} a reused connection was closed by the vendor; connecting again",
                        self.id()
                    );
                    // Whether the vendor has read it before, nobody can say.
                    self.pass.sent_again(clock::now().since(began));
                }
                ended => return ended,
            }
        }
        Err(self.miss(Failure::ResetBeforeHead))
    }

    async fn connect(&self, alarm: &mut Alarm) -> Result<Connection, Box<Miss>> {
        let host = &self.outgoing.line.host;
        let asked = clock::now();
        let mut now = asked;
        let limit = now + self.timeouts.connect;
        let tries = host.addresses().clamp(1, MOST_ADDRESSES);
        let mut last = Failure::Connect;
        for left in (1..=tries).rev() {
            let wait = limit.since(now) / u32::try_from(left).unwrap_or(1);
            let Ok(address) = host.address(wait).await else {
                return Err(self.miss(Failure::Connect));
            };
            let connected = {
                let connecting = pin!(self.connector.get_http_session(&address.peer));
                alarm.within(now + wait, connecting).await
            };
            match connected {
                Ok(Ok((session, reused))) => {
                    // One that was there cost no time.
                    let ready = if reused { now } else { clock::now() };
                    let took = (!reused).then(|| ready.since(asked));
                    self.pass.marks.connected(took);
                    return Ok(Connection {
                        line: Line::of(session),
                        reused,
                        began: now,
                        ready,
                        connector: self.connector.clone(),
                        address,
                    });
                }
                Ok(Err(e)) => {
                    log::debug!("id={} cannot connect to {}: {e}", self.id(), host.name());
                    last = connect_failure(e.etype());
                }
                Err(TooLate) => last = Failure::ConnectTimeout,
            }
            now = clock::now();
            address.shun(now);
        }
        Err(self.miss(last))
    }

    async fn converse(
        &self,
        connection: Connection,
        alarm: &mut Alarm,
    ) -> Result<Box<Reply>, Box<Miss>> {
        let (up, sent_at) = self.ask(connection, alarm).await?;
        self.pass.marks.head(clock::now());
        let limit = self.limit(sent_at);
        let Some(head) = up.head() else {
            return Err(self.miss(Failure::ResetBeforeHead));
        };
        let status = head.status.as_u16();
        if !(200..300).contains(&status) {
            return Err(self.refused(up, status).await);
        }
        self.pass.accepted(status);
        let headers = for_client(&head.headers);
        let limit = match is_events(&up) {
            true => limit,
            // It does not stream, whatever it was asked for: the first of it comes with the last.
            false => (sent_at + self.timeouts.response).min(self.deadline),
        };
        let patience = self.patience(sent_at, limit);
        let holding = pin!(self.hold(up, limit));
        let held = alarm.within(patience, holding).await;
        let held = held.unwrap_or_else(|TooLate| Err(self.late(limit)));
        let mut held = held.map_err(|mut miss| {
            miss.request_id = shown_id(&headers);
            miss.cost = cost(&miss);
            miss
        })?;
        let now = clock::now();
        self.pass.marks.content(now);
        let first_token = now.since(sent_at);
        if let ReplyBody::Stream(streaming) = &mut held.body {
            streaming.up.set_read_timeout(Some(self.timeouts.idle));
        }
        Ok(Box::new(Reply {
            status: if held.retold { 200 } else { status },
            headers: match held.retold {
                true => self.shown(headers),
                false => headers,
            },
            first_token,
            body: held.body,
            keepsakes: held.keepsakes,
            dropped: self.teller.dropped(held.dropped),
        }))
    }

    /// Sends the request, and waits for the head of the answer. When it was sent.
    async fn ask(
        &self,
        connection: Connection,
        alarm: &mut Alarm,
    ) -> Result<(Box<Upstream>, Tick), Box<Miss>> {
        let host = self.outgoing.line.host.name();
        let sent_by = self.limit(connection.ready);
        let limit = (&mut *alarm, sent_by);
        let sending = Upstream::send(connection, &self.outgoing, self.body, limit).await;
        let (up, sent) = sending.map_err(|e| {
            log::error!("id={} cannot make a request to {host}: {e}", self.id());
            self.miss(Failure::Connect)
        })?;
        let mut asked = Asked::new(up, self.pass);
        let sent_at = clock::now();
        let limit = self.limit(sent_at);
        if let Err(e) = sent {
            log::debug!("id={} cannot send to {host}: {e}", self.id());
            let early = timeout(EARLY_ANSWER, asked.read_head()).await;
            if !matches!(early, Ok(Ok(()))) {
                return Err(match e {
                    SendError::Stalled => self.late(sent_by),
                    SendError::Broken(_) | SendError::Http2(_) => {
                        self.miss(Failure::ResetBeforeHead)
                    }
                });
            }
        } else {
            match alarm.within(limit, pin!(asked.read_head())).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => {
                    log::debug!("id={} no answer from {host}: {e}", self.id());
                    return Err(self.miss(Failure::ResetBeforeHead));
                }
                Err(TooLate) => return Err(self.late(limit)),
            }
        }
        let up = asked.answer();
        let up = up.ok_or_else(|| self.miss(Failure::ResetBeforeHead))?;
        Ok((up, sent_at))
    }

    /// What the client may see of the vendor's head when the answer is told anew: nothing that is said of its bytes.
    fn shown(&self, headers: Vec<(HeaderName, HeaderValue)>) -> Vec<(HeaderName, HeaderValue)> {
        let mut shown = headers;
        shown.retain(|(name, _)| name != CONTENT_TYPE);
        if self.teller.manner() == Manner::Whole {
            shown.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        shown
    }

    /// When content has to be there: the attempt's own limit, or that of the whole request where it is earlier.
    fn limit(&self, sent_at: Tick) -> Tick {
        let own = if self.stream && !self.reasoning {
            self.timeouts.first_token
        } else {
            self.timeouts.response
        };
        (sent_at + own).min(self.deadline)
    }

    /// When there has to be something that the client may see.
    fn patience(&self, sent_at: Tick, limit: Tick) -> Tick {
        if self.resumes() {
            limit.max((sent_at + self.timeouts.response).min(self.deadline))
        } else {
            limit
        }
    }

    /// For log lines.
    fn id(&self) -> RequestId {
        self.teller.arrival.stamp.id
    }

    /// Whether it goes on with an answer that broke off.
    pub(super) fn resumes(&self) -> bool {
        self.teller.resumes.is_some()
    }

    pub(super) fn late(&self, limit: Tick) -> Box<Miss> {
        let fault = Fault::new(
            FaultKind::Timeout,
            504,
            "The endpoint did not answer in time.",
        );
        Box::new(Miss {
            outcome: if limit == self.deadline {
                Outcome::OutOfTime
            } else {
                Outcome::Failed(Failure::NoFirstToken)
            },
            fault,
            status: None,
            request_id: None,
            cost: None,
        })
    }

    /// An error answer: its body is read, so that its connection can be used again.
    async fn refused(&self, mut up: Box<Upstream>, status: u16) -> Box<Miss> {
        let headers = up.head().map(|head| &head.headers);
        let asked_to_wait = headers.and_then(|headers| retry_after(headers, status, clock::wall()));
        let request_id = headers.and_then(vendors_id).cloned();
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(chunk)) = up.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > MOST_ERROR {
                    return false;
                }
            }
            true
        };
        if let Ok(true) = timeout(ERROR_PATIENCE, reading).await {
            up.release();
        }
        let mut fault = self.codec().read_fault(status, &body);
        fault.retry_after = asked_to_wait.or(fault.retry_after);
        retry_after::settle(&mut fault);
        let kind = fault.kind;
        let retry_after = fault.retry_after;
        Box::new(Miss {
            outcome: Outcome::Failed(Failure::Status {
                status,
                kind,
                retry_after,
            }),
            fault: self.scrubbed(fault, false),
            status: Some(status),
            request_id,
            cost: None,
        })
    }

    pub(super) fn codec(&self) -> &'static dyn wire::Codec {
        wire::codec(self.outgoing.line.format)
    }

    /// A 200 that says an error.
    pub(super) fn stream_error(&self, mut fault: Fault) -> Box<Miss> {
        retry_after::settle(&mut fault);
        let (kind, retry_after) = (fault.kind, fault.retry_after);
        Box::new(Miss {
            outcome: Outcome::Failed(Failure::StreamError { kind, retry_after }),
            fault: self.scrubbed(fault, true),
            status: Some(200),
            request_id: None,
            cost: None,
        })
    }

    /// A vendor's fault as the client may see it. `answered`: it came under a good status.
    fn scrubbed(&self, mut fault: Fault, answered: bool) -> Fault {
        let way = (self.teller.issuer.format, self.teller.client());
        error::translate(&mut fault, way, answered);
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        error::scrub_fault(&mut fault, &secrets);
        fault
    }

    /// The same for a failure of which more is known.
    pub(super) fn miss_by(&self, failure: Failure, fault: Fault) -> Box<Miss> {
        let mut miss = self.miss(failure);
        miss.fault = fault;
        miss
    }

    pub(super) fn miss(&self, failure: Failure) -> Box<Miss> {
        let (status, kind, text) = match failure {
            Failure::Connect => (502, FaultKind::Internal, "The endpoint cannot be reached."),
            Failure::Tls => (
                502,
                FaultKind::Internal,
                "No secure connection to the endpoint can be made.",
            ),
            Failure::ConnectTimeout => (
                504,
                FaultKind::Timeout,
                "The endpoint cannot be reached in time.",
            ),
            Failure::EmptyAnswer => (
                502,
                FaultKind::Internal,
                "The endpoint gave an empty answer.",
            ),
            Failure::Truncated => (
                502,
                FaultKind::Internal,
                "The endpoint gave an answer that is not whole.",
            ),
            _ => (
                502,
                FaultKind::Internal,
                "The endpoint ended the connection without an answer.",
            ),
        };
        Box::new(Miss {
            outcome: Outcome::Failed(failure),
            fault: Fault::new(kind, status, text),
            status: None,
            request_id: None,
            cost: None,
        })
    }
}

/// Of a call that the vendor had taken: it counts, unless the vendor says itself that it failed.
fn cost(miss: &Miss) -> Option<Box<Cost>> {
    match miss.outcome {
        Outcome::Failed(Failure::StreamError { .. }) => None,
        _ => Some(miss.cost.clone().unwrap_or_default()),
    }
}

fn shown_id(shown: &[(HeaderName, HeaderValue)]) -> Option<HeaderValue> {
    let id = shown.iter().find(|(name, _)| *name == UPSTREAM_REQUEST_ID);
    id.map(|(_, value)| value.clone())
}

/// Whether an answer says that it comes as events.
pub(super) fn is_events(up: &Upstream) -> bool {
    let content_type = up.header(&CONTENT_TYPE).unwrap_or("");
    content_type.trim_start().starts_with("text/event-stream")
}

/// The stream machine's word for a kind of call.
pub(super) fn stream_kind(kind: CallKind) -> wire::relay::StreamKind {
    match kind {
        CallKind::Conversation => wire::relay::StreamKind::Conversation,
        CallKind::Count | CallKind::Embeddings | CallKind::Completion | CallKind::Other => {
            wire::relay::StreamKind::Other
        }
    }
}

/// The pieces as one; a single one is not copied.
pub fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() <= 1 {
        return pieces.pop().unwrap_or_default();
    }
    pieces.concat().into()
}

fn connect_failure(error: &ErrorType) -> Failure {
    match error {
        ErrorType::ConnectTimedout => Failure::ConnectTimeout,
        ErrorType::TLSHandshakeTimedout
        | ErrorType::TLSHandshakeFailure
        | ErrorType::TLSWantX509Lookup
        | ErrorType::InvalidCert
        | ErrorType::HandshakeError => Failure::Tls,
        _ => Failure::Connect,
    }
}

impl From<ReadFailure> for Failure {
    /// What a broken read means once content went out.
    fn from(failure: ReadFailure) -> Failure {
        match failure {
            ReadFailure::Cut => Failure::CutAfterContent,
            ReadFailure::Stall => Failure::StallAfterContent,
        }
    }
}
