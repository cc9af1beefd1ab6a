//! The way to the admin side: its requests are passed on to a server of this process on a Unix socket, as they come, and
//! its answers back.
//!
//! That server believes what three headers say of the caller. So whatever outsiders send under `x-tidegate-` stays
//! outside, and the socket's folder is this process's alone.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, HeaderValue,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use pingora::ErrorType;
use pingora::connectors::http::Connector;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as HttpSession1;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::time::{sleep, timeout};
use pingora::upstreams::peer::HttpPeer;

use crate::clock::{self, Tick};
use crate::proxy::access::Caller;
use crate::proxy::body::{self, BodyError, answer_expectation};
use crate::proxy::loopback::is_direct_loopback;
use crate::proxy::take_the_rest;
use crate::proxy::waiting::Gone;
use crate::proxy::wiring::Wiring;

/// The client's own address.
static CLIENT: HeaderName = HeaderName::from_static("x-tidegate-client");
/// `1`: a direct caller of this machine.
static DIRECT: HeaderName = HeaderName::from_static("x-tidegate-direct");
/// `1`: the client speaks TLS, with us or with a trusted proxy.
static TLS: HeaderName = HeaderName::from_static("x-tidegate-tls");
const OURS: &str = "x-tidegate-";
/// Headers of a connection and not of a request (RFC 9110, section 7.6.1), beside those that `Connection` names.
static OF_A_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    UPGRADE,
];

/// The socket is on this machine: who does not take a connection for so long is stuck.
const CONNECT: Duration = Duration::from_secs(5);
/// Who takes no part of a body for so long takes no more of it.
const TAKE: Duration = Duration::from_secs(5);
/// Whose body was not taken waits so long for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Which requests a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The data plane and the admin side.
    Both,
    /// The admin side has a listener of its own, and this is not it.
    Data,
    /// The admin side, and the process's own pages.
    Admin,
    /// The data plane, for calls of this process itself: nobody is asked for a key.
    Ours,
}

/// Where the admin side listens, and who is there.
pub(super) struct SideDoor {
    peer: HttpPeer,
    inside: Arc<AtomicUsize>,
}

impl SideDoor {
    /// # Errors
    /// The path is too long for a socket.
    pub(super) fn at(socket: &str) -> Result<SideDoor, String> {
        let mut peer = HttpPeer::new_uds(socket, false, String::new())
            .map_err(|e| format!("{socket} can be no socket: {e}"))?;
        peer.options.connection_timeout = Some(CONNECT);
        Ok(SideDoor {
            peer,
            inside: Arc::default(),
        })
    }

    /// Requests of the admin side that are not answered to their end.
    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::Acquire)
    }

    pub(super) fn enter(
        &self,
        session: &ServerSession,
        wiring: &Wiring,
        caller: Caller<'_>,
    ) -> Visit {
        self.inside.fetch_add(1, Ordering::AcqRel);
        let (access, headers) = (&wiring.access, caller.headers);
        let digest = session.digest();
        let encrypted = digest.is_some_and(|digest| digest.ssl_digest.is_some());
        Visit {
            at: clock::now(),
            client: access.client_address(headers, caller.peer),
            direct: is_direct_loopback(caller),
            tls: encrypted || access.forwarded_over_tls(headers, caller.peer),
            inside: self.inside.clone(),
        }
    }
}

/// A request on its way to the admin side.
pub struct Visit {
    at: Tick,
    client: Option<IpAddr>,
    direct: bool,
    tls: bool,
    inside: Arc<AtomicUsize>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Visit {
    /// Says who asks, and takes away what others have said of it.
    pub(super) fn introduce(&self, head: &mut RequestHeader) -> pingora::Result<()> {
        let names = head.headers.keys();
        let foreign: Vec<HeaderName> = names
            .filter(|name| name.as_str().starts_with(OURS))
            .cloned()
            .collect();
        for name in foreign {
            head.remove_header(&name);
        }
        if let Some(client) = self.client {
            head.insert_header(CLIENT.clone(), client.to_string())?;
        }
        let yes = HeaderValue::from_static("1");
        if self.direct {
            head.insert_header(DIRECT.clone(), yes.clone())?;
        }
        if self.tls {
            head.insert_header(TLS.clone(), yes)?;
        }
        Ok(())
    }

    /// The admin side's line of the log: never with a query, which may hold anything.
    pub(super) fn tell(&self, session: &ServerSession) {
        let head = session.req_header();
        let status = answered(session).unwrap_or(0);
        let client = self.client.map(|client| client.to_string());
        log::debug!(
            "admin: {} {} {status} {} {} ms",
            head.method,
            head.uri.path(),
            client.as_deref().unwrap_or("-"),
            clock::now().since(self.at).as_millis()
        );
    }
}

/// How an answer of the admin side did not come.
enum Failure {
    /// The client left.
    Gone,
    /// The request's body cannot be read.
    Malformed,
    /// The admin side broke off.
    Unanswered,
}

impl SideDoor {
    /// Passes a request on and its answer back, each as it comes.
    ///
    /// # Errors
    /// [`Gone`]: the client left, or its connection is of no more use.
    pub(super) async fn carry(
        &self,
        session: &mut ServerSession,
        visit: &Visit,
        connector: &Connector,
    ) -> Result<(), Gone> {
        let carried = self.exchange(session, visit, connector).await;
        let ended = match carried {
            Ok(()) => Ok(()),
            Err(Failure::Gone) => Err(Gone),
            Err(_) if answered(session).is_some() => Err(Gone),
            Err(Failure::Malformed) => refuse(session, MALFORMED).await,
            Err(Failure::Unanswered) => refuse(session, UNANSWERED).await,
        };
        if ended.is_ok() {
            take_the_rest(session).await;
        }
        visit.tell(session);
        ended
    }

    async fn exchange(
        &self,
        session: &mut ServerSession,
        visit: &Visit,
        connector: &Connector,
    ) -> Result<(), Failure> {
        let has_body = !session.is_body_empty();
        let head = passed_on(session.req_header(), visit, has_body);
        let head = head.map_err(|_| Failure::Malformed)?;
        let open = connector.get_http_session(&self.peer).await;
        let Ok((HttpSession::H1(mut inner), _)) = open else {
            return Err(Failure::Unanswered);
        };
        answer_expectation(session)
            .await
            .map_err(|_| Failure::Gone)?;
        let sent = inner.write_request_header(Box::new(head)).await;
        sent.map_err(|_| Failure::Unanswered)?;
        pass(session, &mut inner).await
    }
}

/// The head as the admin side gets it: by HTTP/1.1, of the request alone, with who asks.
fn passed_on(
    head: &RequestHeader,
    visit: &Visit,
    has_body: bool,
) -> pingora::Result<RequestHeader> {
    let mut head = head.clone();
    head.set_version(Version::HTTP_11);
    let named: Vec<HeaderName> = head
        .headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // How the body ends is no header of a connection, whoever says so.
        .filter(|name| ![CONTENT_LENGTH, TRANSFER_ENCODING, HOST].contains(name))
        .collect();
    for name in OF_A_CONNECTION.iter().chain(&named).chain([&EXPECT]) {
        head.remove_header(name);
    }
    // HTTP/2 says both in other words.
    if !head.headers.contains_key(HOST)
        && let Some(authority) = head.uri.authority().map(ToString::to_string)
    {
        head.insert_header(HOST, authority)?;
    }
    let is_framed = [CONTENT_LENGTH, TRANSFER_ENCODING]
        .iter()
        .any(|name| head.headers.contains_key(name));
    if has_body && !is_framed {
        head.insert_header(TRANSFER_ENCODING, "chunked")?;
    }
    visit.introduce(&mut head)?;
    Ok(head)
}

/// The status of what the client was answered, but of a `100 Continue`.
fn answered(session: &ServerSession) -> Option<u16> {
    let head = session.response_written()?;
    (!head.status.is_informational()).then_some(head.status.as_u16())
}

/// The body there and the answer back, beside each other: an answer may come before the body's end.
async fn pass(session: &mut ServerSession, inner: &mut HttpSession1) -> Result<(), Failure> {
    let (mut is_read, mut is_begun) = (session.is_body_empty(), false);
    // Whether the admin side takes the body; once it does not, how long its answer is waited for.
    let mut is_wanted = !is_read || send(inner, None, true).await;
    let mut until = clock::now() + ANSWER;
    loop {
        tokio::select! {
            biased;
            told = inner.read_response_task() => {
                let task = told.map_err(|_| Failure::Unanswered)?;
                let is_end = task.is_end();
                if let Some(task) = for_client(session, task, &mut is_begun) {
                    let written = session.response_duplex_vec(vec![task]).await;
                    written.map_err(|_| Failure::Gone)?;
                }
                if is_end && is_begun {
                    return Ok(());
                }
                is_wanted &= is_read || !is_begun;
            }
            part = session.read_body_or_idle(is_read) => {
                if is_read {
                    return Err(Failure::Gone);
                }
                let part = part.map_err(|e| unreadable(&e))?;
                is_read = part.is_none() || session.is_body_done();
                if is_wanted {
                    is_wanted = send(inner, part, is_read).await;
                    until = clock::now() + ANSWER;
                }
            }
            () = sleep(until.since(clock::now())), if !is_wanted && !is_begun => {
                return Err(Failure::Unanswered);
            }
        }
    }
}

fn unreadable(e: &pingora::Error) -> Failure {
    match (e.etype(), body::broken(e)) {
        (ErrorType::ReadTimedout, _) | (_, BodyError::Malformed) => Failure::Malformed,
        _ => Failure::Gone,
    }
}

/// Sends a part of the body; whether it was taken. While it is not, nobody reads the answer: so not for long.
async fn send(inner: &mut HttpSession1, part: Option<Bytes>, is_last: bool) -> bool {
    let sending = async {
        // To a body in chunks nothing would be its end.
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            inner.write_body(&part).await?;
        }
        if is_last {
            inner.finish_body().await?;
        }
        Ok::<(), Box<pingora::Error>>(())
    };
    matches!(timeout(TAKE, sending).await, Ok(Ok(())))
}

/// A piece of the answer as the client's protocol has it.
fn for_client(
    session: &mut ServerSession,
    task: HttpTask,
    is_begun: &mut bool,
) -> Option<HttpTask> {
    let HttpTask::Header(mut head, is_end) = task else {
        return Some(task);
    };
    if head.status.is_informational() {
        return None;
    }
    *is_begun = true;
    for name in &OF_A_CONNECTION {
        head.remove_header(name);
    }
    if session.req_header().version == Version::HTTP_10
        && head.remove_header(&TRANSFER_ENCODING).is_some()
    {
        // It ends with the connection.
        session.set_keepalive(None);
    }
    Some(HttpTask::Header(head, is_end))
}

/// An error that the admin side cannot tell: status, name, title and detail of a problem.
type Trouble = (u16, &'static str, &'static str, &'static str);

const MALFORMED: Trouble = (
    400,
    "bad-request",
    "Bad request",
    "The request cannot be understood as HTTP.",
);
const UNANSWERED: Trouble = (
    503,
    "unavailable",
    "Unavailable",
    "The admin side of this gateway does not answer.",
);

/// Answers with a problem, the last thing on this connection.
async fn refuse(session: &mut ServerSession, trouble: Trouble) -> Result<(), Gone> {
    let (status, name, title, detail) = trouble;
    let body = serde_json::json!({
        "type": format!("urn:tidegate:problem:{name}"),
        "title": title,
        "status": status,
        "detail": detail,
    });
    session.set_keepalive(None);
    write(session, status, body.to_string().into())
        .await
        .map_err(|_| Gone)
}

async fn write(session: &mut ServerSession, status: u16, body: Bytes) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(status, Some(4))?;
    head.insert_header(CONTENT_TYPE, "application/problem+json")?;
    head.insert_header(CACHE_CONTROL, "no-store")?;
    head.set_content_length(body.len())?;
    session.write_response_header(Box::new(head)).await?;
    session.write_response_body(body, true).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outsiders_say_of_themselves_stays_outside() {
        let mut head = RequestHeader::build("GET", b"/admin", None).unwrap();
        for (name, value) in [
            ("X-Tidegate-Direct", "1"),
            ("x-tidegate-client", "127.0.0.1"),
            ("x-tidegate-client", "10.0.0.1"),
            ("x-tidegate-made-up", "1"),
            ("x-other", "stays"),
        ] {
            head.append_header(name, value).unwrap();
        }
        let door = SideDoor::at("/tmp/x").unwrap();
        door.inside.fetch_add(1, Ordering::AcqRel);
        let visit = Visit {
            at: Tick(1),
            client: Some("203.0.113.7".parse().unwrap()),
            direct: false,
            tls: true,
            inside: door.inside.clone(),
        };
        visit.introduce(&mut head).unwrap();
        let said = |name: &str| {
            let values = head.headers.get_all(name).into_iter();
            values
                .map(|value| value.to_str().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(said("x-tidegate-client"), ["203.0.113.7"]);
        assert_eq!(said("x-tidegate-tls"), ["1"]);
        assert_eq!(said("x-other"), ["stays"]);
        assert!(said("x-tidegate-direct").is_empty() && said("x-tidegate-made-up").is_empty());
        drop(visit);
        assert_eq!(door.inside(), 0);
    }
}
