//! The way to the admin side: its requests are proxied, the stock way, to a server of this process on a Unix socket.
//!
//! That server believes what three headers say of the caller. So whatever outsiders send under `x-tidegate-` stays
//! outside, and the socket's folder is this process's alone.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::upstreams::peer::HttpPeer;
use pingora::{ErrorSource, ErrorType};
use pingora_proxy::Session;

use crate::clock::{self, Tick};
use crate::proxy::access::Caller;
use crate::proxy::loopback::is_direct_loopback;
use crate::proxy::wiring::Wiring;

/// The client's own address.
static CLIENT: HeaderName = HeaderName::from_static("x-tidegate-client");
/// `1`: a direct caller of this machine.
static DIRECT: HeaderName = HeaderName::from_static("x-tidegate-direct");
/// `1`: the client speaks TLS, with us or with a trusted proxy.
static TLS: HeaderName = HeaderName::from_static("x-tidegate-tls");
const OURS: &str = "x-tidegate-";

/// The socket is on this machine: who does not take a connection for so long is stuck.
const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);

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
        peer.options.idle_timeout = Some(IDLE);
        Ok(SideDoor {
            peer,
            inside: Arc::default(),
        })
    }

    pub(super) fn peer(&self) -> Box<HttpPeer> {
        Box::new(self.peer.clone())
    }

    /// Requests of the admin side that are not answered to their end.
    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::Acquire)
    }

    pub(super) fn enter(&self, session: &Session, wiring: &Wiring, caller: Caller<'_>) -> Visit {
        self.inside.fetch_add(1, Ordering::AcqRel);
        let (access, headers) = (&wiring.access, caller.headers);
        let digest = session.as_downstream().digest();
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
    pub(super) fn tell(&self, session: &Session) {
        let head = session.req_header();
        let status = session
            .response_written()
            .map_or(0, |head| head.status.as_u16());
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

/// Says that the admin side has not answered, where something can still be said. The status.
pub(super) async fn unanswered(session: &mut Session, e: &pingora::Error) -> u16 {
    let gone = matches!(
        e.etype(),
        ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed
    );
    let (status, title, detail) = match (e.etype(), e.esource()) {
        (_, ErrorSource::Downstream) if gone => return 0,
        (ErrorType::HTTPStatus(400..=499), _) | (_, ErrorSource::Downstream) => (
            400,
            "Bad request",
            "The request cannot be understood as HTTP.",
        ),
        _ => (
            503,
            "Unavailable",
            "The admin side of this gateway does not answer.",
        ),
    };
    if session.response_written().is_some() {
        return status;
    }
    let name = if status == 400 {
        "bad-request"
    } else {
        "unavailable"
    };
    let body = serde_json::json!({
        "type": format!("urn:tidegate:problem:{name}"),
        "title": title,
        "status": status,
        "detail": detail,
    });
    write(session, status, body.to_string().into())
        .await
        .unwrap_or_else(|e| log::debug!("admin: nobody is there to be told: {e}"));
    status
}

async fn write(session: &mut Session, status: u16, body: Bytes) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(status, Some(4))?;
    head.insert_header(CONTENT_TYPE, "application/problem+json")?;
    head.insert_header(CACHE_CONTROL, "no-store")?;
    head.set_content_length(body.len())?;
    session.set_keepalive(None);
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(body), true).await
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
