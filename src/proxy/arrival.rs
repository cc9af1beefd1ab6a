//! A request as it arrives: who, what, and with which configuration. The first stage of its walk.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::HeaderValue;
use pingora::protocols::http::ServerSession;

use crate::clock::{self, Tick};
use crate::id::RequestId;
use crate::ir::Usage;
use crate::ledger::{Ending, Record, brief};
use crate::proxy::access::Caller;
use crate::proxy::cors::CorsAnswer;
use crate::proxy::paths::{Ask, Place};
use crate::proxy::reply::Stamp;
use crate::proxy::tab::CLIENT_GONE;
use crate::proxy::wiring::Wiring;

/// Bytes of a method that a record has whole.
const LONGEST_METHOD: usize = 32;

/// What the head of a request says.
pub struct Arrival {
    pub at: Tick,
    pub wiring: Arc<Wiring>,
    /// As the client wrote it.
    pub query: Option<String>,
    /// The peer of the connection.
    pub peer: Option<IpAddr>,
    /// This process itself calls, over a socket that nobody else has.
    pub ours: bool,
    pub stamp: Stamp,
}

impl Arrival {
    /// Reads the head: the request, what it asks for, and the record that goes with it.
    pub fn of(session: &ServerSession, wiring: Arc<Wiring>) -> (Arrival, Ask, Record) {
        let (at, wall) = (clock::now(), clock::wall());
        let head = session.req_header();
        let method = head.method.as_str();
        let path = head.uri.path();
        let place = Place::of(path);
        let peer = session
            .client_addr()
            .and_then(|addr| addr.as_inet())
            .map(|addr| addr.ip());
        let cors = CorsAnswer::to(&head.headers, method, &wiring.snapshot.gateway.cors_origins);
        let ask = place.ask(method, head.uri.query());
        let stamp = Stamp {
            id: RequestId::made(wall),
            format: match &ask {
                Ask::Vendor(call) => call.format,
                _ => place.error_format(),
            },
            cors,
            route: None,
            dropped: None,
            upstream_id: None,
            estimate: false,
            array: match &ask {
                Ask::Vendor(call) => call.named.as_ref().is_some_and(|named| named.array),
                _ => false,
            },
        };
        let record = Record {
            id: stamp.id,
            at: wall,
            client: wiring.access.client_address(&head.headers, peer),
            client_key: None,
            tenant: None,
            limited: None,
            refusal: None,
            method: short(&head.method),
            path: brief(path).into_owned(),
            format: match &ask {
                Ask::Vendor(call) => Some(call.format),
                _ => None,
            },
            asked_model: None,
            model: None,
            route: None,
            stream: false,
            status: CLIENT_GONE,
            ending: Ending::ClientGone,
            bytes_in: 0,
            bytes_out: 0,
            first_content: None,
            total: std::time::Duration::ZERO,
            usage: Usage::default(),
            usage_estimated: false,
            attempts: Vec::new(),
            dropped: None,
            candidates: Vec::new(),
            bodies: None,
        };
        let arrival = Arrival {
            at,
            query: head.uri.query().map(str::to_owned),
            peer,
            ours: false,
            stamp,
            wiring,
        };
        (arrival, ask, record)
    }

    /// What the request says of its sender.
    pub fn caller<'a>(&'a self, session: &'a ServerSession) -> Caller<'a> {
        let head = session.req_header();
        Caller {
            headers: &head.headers,
            query: self.query.as_deref(),
            peer: self.peer,
            authority: head.uri.authority().map(|authority| authority.as_str()),
        }
    }

    /// Names what was lost in conversion, for `x-tidegate-dropped`.
    pub fn dropped(&mut self, list: &str) {
        self.stamp.dropped = HeaderValue::from_str(list).ok();
    }

    /// Names the endpoint that answers, with what the client gets or with an error, for `x-tidegate-route`.
    pub fn routed(&mut self, provider: &str, model: &str) {
        if self.wiring.snapshot.gateway.debug_headers {
            let route = Bytes::from([provider, "/", model].concat());
            self.stamp.route = HeaderValue::from_maybe_shared(route).ok();
        }
    }
}

/// A method as records have it: its name may be as long as a head.
fn short(method: &Method) -> Method {
    let cut = method.as_str().get(..LONGEST_METHOD);
    let cut = cut.filter(|_| method.as_str().len() > LONGEST_METHOD);
    let cut = cut.and_then(|cut| Method::from_bytes([cut, "..."].concat().as_bytes()).ok());
    cut.unwrap_or_else(|| method.clone())
}
