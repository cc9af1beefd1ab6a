//! Requests in, answers out: the data plane, and the exchange with the vendor.
//!
//! The walk of a request, room by room: [`arrival`] (the head) → [`intake`] (who, body, scan, pool) → [`serve`] (the
//! attempts, one after the other; in [`race`] two beside each other, in [`resume`] one that goes on with another) →
//! [`attempt`] (what is asked) → [`exchange`] (one attempt, up to its first content) → [`pump`] (the rest of the answer) →
//! [`tab`] (the record, exactly once) → [`till`] (what is told of it). What Pingora runs is [`plane`]: an application of
//! its own, not Pingora's proxy, whose upstream path can neither hold a head back nor send a body again; it answers by
//! futures that are used again (`coroutine`).
//!
//! Only this room, `balance/` and `server.rs` know Pingora. It never imports `store`, `cluster` or `admin`: nothing of
//! ours is waited for between bytes in and bytes out.

pub mod access;
pub mod again;
pub mod alarm;
pub mod arrival;
mod asked;
pub mod attempt;
pub mod bodies;
pub mod body;
mod coroutine;
pub mod cors;
pub mod counting;
pub mod decode;
pub mod exchange;
pub mod explain;
pub mod headers;
pub mod hold;
pub mod intake;
pub mod limits;
mod loopback;
pub mod notes;
pub mod pages;
pub mod paths;
pub mod plane;
pub mod pump;
pub mod race;
pub mod refusal;
mod refusal_code;
pub mod reply;
pub mod resume;
pub mod retry_after;
pub mod routing;
pub mod serve;
pub mod side_door;
pub mod spool;
pub mod tab;
pub mod telling;
pub mod till;
pub mod upstream;
pub mod waiting;
pub mod way;
pub mod wiring;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::EXPECT;
use pingora::connectors::http::Connector;
use pingora::protocols::http::{HttpTask, ServerSession};

use crate::config::Awaits;
use crate::live::Vault;
use crate::proxy::arrival::Arrival;
use crate::proxy::body::{BodyError, Held};
use crate::proxy::counting::Counter;
use crate::proxy::paths::{Ask, VendorCall};
pub use crate::proxy::plane::DataPlane;
use crate::proxy::refusal::Refusal;
use crate::proxy::reply::{Page, write_page};
use crate::proxy::serve::Unserved;
pub use crate::proxy::side_door::Door;
use crate::proxy::side_door::SideDoor;
use crate::proxy::tab::Tab;
pub use crate::proxy::till::{AccessLog, Till};
use crate::proxy::waiting::Gone;
pub use crate::proxy::wiring::Wiring;

/// No client sends half as many. Pingora itself refuses what has more than 256, with an empty 400.
const MOST_HEADERS: usize = 128;

/// The data plane. Shared by all connections.
pub struct Proxy {
    wiring: ArcSwap<Wiring>,
    connector: Arc<Connector>,
    held: Arc<Held>,
    vault: Arc<Vault>,
    counter: Counter,
    till: Arc<Till>,
    draining: AtomicBool,
    side_door: SideDoor,
}

impl Proxy {
    /// Finished requests are told to `till`. The admin side listens on `socket`.
    ///
    /// # Errors
    /// That can be no socket.
    pub fn new(
        wiring: Wiring,
        connector: Arc<Connector>,
        till: Arc<Till>,
        socket: &str,
    ) -> Result<Proxy, String> {
        Ok(Proxy {
            wiring: ArcSwap::from_pointee(wiring),
            connector,
            held: Arc::default(),
            vault: Arc::default(),
            counter: Counter::default(),
            till,
            draining: AtomicBool::new(false),
            side_door: SideDoor::at(socket)?,
        })
    }

    /// Puts a new configuration in force. Requests in flight keep theirs.
    pub fn replace(&self, wiring: Wiring, log: AccessLog) {
        self.wiring.store(Arc::new(wiring));
        self.till.log_to(log);
    }

    /// No longer ready: the process is about to leave.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Requests of the admin side that are in flight.
    pub fn visits(&self) -> usize {
        self.side_door.inside()
    }

    fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    fn vault(&self) -> &Vault {
        &self.vault
    }

    fn counter(&self) -> &Counter {
        &self.counter
    }

    fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// Where finished requests are told.
    pub fn till(&self) -> &Arc<Till> {
        &self.till
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`Gone`]: the client left, or the connection to it is of no more use. It must not serve another request.
    async fn answer(&self, session: &mut ServerSession, door: Door) -> Result<(), Gone> {
        let (mut arrival, mut ask, record) = Arrival::of(session, self.wiring.load_full());
        arrival.ours = door == Door::Ours;
        ask = through(door, ask);
        if matches!(ask, Ask::Admin) {
            let caller = arrival.caller(session);
            let visit = self.side_door.enter(session, &arrival.wiring, caller);
            return Box::pin(self.side_door.carry(session, &visit, &self.connector)).await;
        }
        let mut tab = Tab::open(record, arrival.at, self.till.clone());
        let got = session.req_header().headers.len();
        let is_preflight = arrival.stamp.cors.as_ref();
        if is_preflight.is_some_and(|cors| cors.is_preflight()) {
            let nothing = Page::text(204, Bytes::new());
            Box::pin(page(session, &arrival, nothing, &mut tab)).await?;
        } else if got > MOST_HEADERS {
            let most = MOST_HEADERS;
            let refusal = Refusal::TooManyHeaders { got, most };
            Box::pin(refuse(session, &arrival, refusal, &mut tab)).await?;
        } else if let Ask::Vendor(call) = ask {
            let arrival = &mut arrival;
            self.answer_call(session, arrival, call, &mut tab).await?;
        } else {
            match self.own_page(session, &arrival, &ask, &mut tab) {
                Ok(made) => Box::pin(page(session, &arrival, made, &mut tab)).await?,
                Err(refusal) => Box::pin(refuse(session, &arrival, refusal, &mut tab)).await?,
            }
        }
        Ok(())
    }

    fn own_page(
        &self,
        session: &ServerSession,
        arrival: &Arrival,
        ask: &Ask,
        tab: &mut Tab,
    ) -> Result<Page, Refusal> {
        let headers = &session.req_header().headers;
        let path = || session.req_header().uri.path().to_owned();
        let awaits = arrival.wiring.snapshot.gateway.awaits;
        match ask {
            Ask::Health => Ok(pages::health()),
            Ask::Ready => Ok(pages::ready(self.draining.load(Ordering::Acquire), awaits)),
            Ask::Metrics => {
                let access = &arrival.wiring.access;
                if access.admit_operator(arrival.caller(session)) {
                    self.till.tell();
                    Ok(pages::show_metrics(&arrival.wiring))
                } else {
                    Err(Refusal::UnknownPath(path()))
                }
            }
            Ask::ListModels => {
                let who = intake::admit(session, arrival, tab)?.who;
                if awaits == Awaits::Objects {
                    return Err(Refusal::NotYet(None));
                }
                let format = arrival.stamp.format;
                Ok(pages::list_models(&arrival.wiring, &who, headers, format))
            }
            Ask::ShowModel(id) => {
                let who = intake::admit(session, arrival, tab)?.who;
                routing::resolve(arrival, &who, id)?;
                Ok(pages::show_model(id, headers, arrival.stamp.format))
            }
            // Any origin may ask what a path takes; which may call it, only `cors` says.
            Ask::WrongMethod(allow) if session.req_header().method == "OPTIONS" => Ok(Page {
                allow: Some(allow),
                ..Page::text(204, Bytes::new())
            }),
            Ask::WrongMethod(allow) => Err(Refusal::WrongMethod { allow }),
            Ask::NotServed(why) => Err(Refusal::NotServed(why)),
            Ask::Unknown | Ask::Admin | Ask::Vendor(_) => Err(Refusal::UnknownPath(path())),
        }
    }

    async fn answer_call(
        &self,
        session: &mut ServerSession,
        arrival: &mut Arrival,
        call: VendorCall,
        tab: &mut Tab,
    ) -> Result<(), Gone> {
        let explained = arrival.ours && session.req_header().headers.contains_key(explain::HEADER);
        if explained {
            tab.forget();
        }
        let call = match intake::take_in(self, session, arrival, call, tab).await {
            Ok(call) => call,
            Err(Refusal::Body(BodyError::ClientGone)) => return Err(Gone),
            Err(refusal) if explained => {
                let made = explain::refused(refusal, tab);
                return Box::pin(page(session, arrival, made, tab)).await;
            }
            Err(refusal) => return Box::pin(refuse(session, arrival, refusal, tab)).await,
        };
        if explained {
            let route = tab.record.route.as_deref();
            let made = explain::explain(&call, route);
            return Box::pin(page(session, arrival, made, tab)).await;
        }
        let unserved = match serve::serve(self, session, arrival, &call, tab).await {
            Ok(()) => return Ok(()),
            Err(unserved) => unserved,
        };
        Box::pin(unanswered_call(session, arrival, unserved, tab)).await
    }
}

/// A call that no vendor has answered.
async fn unanswered_call(
    session: &mut ServerSession,
    arrival: &Arrival,
    unserved: Unserved,
    tab: &mut Tab,
) -> Result<(), Gone> {
    match unserved {
        Unserved::ClientGone => Err(Gone),
        Unserved::Counted(made) => page(session, arrival, made, tab).await,
        Unserved::Refused {
            refusal,
            committed: false,
            ..
        } => refuse(session, arrival, refusal, tab).await,
        Unserved::Refused {
            refusal,
            committed: true,
            sent,
        } => refuse_in_stream(session, arrival, refusal, (tab, sent)).await,
    }
}

/// What a request wants of the listener that it came to.
fn through(door: Door, ask: Ask) -> Ask {
    match (door, &ask) {
        (Door::Data | Door::Ours, Ask::Admin) => Ask::Unknown,
        (Door::Both | Door::Data | Door::Ours, _) => ask,
        (Door::Admin, Ask::Health | Ask::Ready | Ask::Metrics) => ask,
        (Door::Admin, _) => Ask::Admin,
    }
}

async fn page(
    session: &mut ServerSession,
    arrival: &Arrival,
    page: Page,
    tab: &mut Tab,
) -> Result<(), Gone> {
    take_the_rest(session).await;
    let status = page.status;
    tab.answered(&page.body);
    let bytes = write_page(session, &arrival.stamp, page)
        .await
        .map_err(|_| Gone)?;
    tab.record.status = status;
    tab.record.bytes_out = bytes;
    tab.record.ending = crate::ledger::Ending::Complete;
    Ok(())
}

/// The one place where a refusal becomes an answer.
async fn refuse(
    session: &mut ServerSession,
    arrival: &Arrival,
    refusal: Refusal,
    tab: &mut Tab,
) -> Result<(), Gone> {
    tab.record.refusal = Some(refusal.code());
    let allow = match &refusal {
        Refusal::WrongMethod { allow } => Some(*allow),
        _ => None,
    };
    match &refusal {
        // Where its body ends is not known, or nobody will wait for it.
        Refusal::Body(BodyError::TooSlow { .. } | BodyError::Malformed) => {
            session.set_keepalive(None);
        }
        _ => take_the_rest(session).await,
    }
    let page = Page {
        allow,
        ..Page::fault(&refusal.fault(), arrival.stamp.format)
    };
    let status = page.status;
    tab.answered(&page.body);
    let bytes = write_page(session, &arrival.stamp, page)
        .await
        .map_err(|_| Gone)?;
    tab.refused(status, bytes);
    Ok(())
}

/// Reads what is left of a request's body, for a while, so that its sender gets to read the answer and the connection
/// can serve another request. Who still waits for a `100 Continue` sends nothing before it has the answer.
async fn take_the_rest(session: &mut ServerSession) {
    let waits = session.req_header().headers.contains_key(EXPECT);
    if waits || session.drain_request_body().await.is_err() {
        session.set_keepalive(None);
    }
}

/// The same once a ping has committed the head: the error is the stream's last event.
async fn refuse_in_stream(
    session: &mut ServerSession,
    arrival: &Arrival,
    refusal: Refusal,
    (tab, sent): (&mut Tab, u64),
) -> Result<(), Gone> {
    tab.record.refusal = Some(refusal.code());
    let mut event = Vec::with_capacity(256);
    crate::wire::codec(arrival.stamp.format).write_fault_event(&refusal.fault(), &mut event);
    tab.answered(&event);
    let bytes = sent + u64::try_from(event.len()).unwrap_or(0);
    let tasks = vec![
        HttpTask::Body(Some(event.into()), false),
        HttpTask::Body(None, true),
    ];
    let written = session.response_duplex_vec(tasks).await;
    written.map_err(|_| Gone)?;
    tab.refused(200, bytes);
    Ok(())
}
