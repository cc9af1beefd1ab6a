//! The data plane as Pingora runs it: the requests of a connection, one after the other.
//!
//! Pingora accepts, speaks TLS, HTTP/1 and HTTP/2; what it hands over is a session whose head has not been read. Only what a
//! connection without TLS begins with is looked at here: for HTTP/2's preface Pingora waits for as many bytes as that has,
//! 24, and a request may have less (`GET / HTTP/1.0`, as health checks of load balancers send it). Its own
//! proxy (`pingora_proxy::HttpProxy`) is not in between: it would carry the whole way to an upstream, which no request of
//! ours goes, in each request's future, 52 KB that are moved twice a request.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use pingora::ErrorType;
use pingora::apps::{
    HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp,
};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use pingora::time::timeout;

use crate::proxy::Proxy;
use crate::proxy::coroutine::Coroutine;
use crate::proxy::side_door::Door;

/// An HTTP/2 connection of a client without a stream is closed after so long.
const H2_IDLE: Duration = Duration::from_secs(300);
/// A client that takes nothing of what is written for so long is gone.
const CLIENT_WRITE_PATIENCE: Duration = Duration::from_secs(120);
/// The rest of a refused request's body is read so long, so that its sender gets to read the refusal.
const REFUSED_BODY_PATIENCE: Duration = Duration::from_secs(2);

/// Futures of requests that are over, kept by a thread for those to come.
const MOST_IDLE: usize = 64;

/// A connection on which nothing comes for so long, at its beginning or between two requests, is closed.
const IDLE_PATIENCE: Duration = Duration::from_secs(60);

/// The data plane on the listeners of one door.
pub struct DataPlane {
    requests: Arc<Requests>,
}

/// What answers its requests.
struct Requests {
    proxy: Arc<Proxy>,
    door: Door,
    options: HttpServerOptions,
}

impl DataPlane {
    pub fn new(proxy: Arc<Proxy>, door: Door) -> DataPlane {
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        options.h2_idle_timeout = Some(H2_IDLE);
        let requests = Requests {
            proxy,
            door,
            options,
        };
        DataPlane {
            requests: Arc::new(requests),
        }
    }
}

#[async_trait]
impl ServerApp for DataPlane {
    async fn process_new(
        self: &Arc<Self>,
        mut stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        // TLS has agreed on a protocol already.
        let is_http1 = stream.get_ssl_digest().is_none() && {
            let mut begins = [0; 4];
            let peeked = timeout(IDLE_PATIENCE, stream.try_peek(&mut begins)).await;
            peeked.ok()?.ok()? && begins != *b"PRI "
        };
        if !is_http1 {
            return self.requests.process_new(stream, shutdown).await;
        }
        let mut session = ServerSession::new_http1(stream);
        let idle = (!*shutdown.borrow()).then_some(IDLE_PATIENCE.as_secs());
        session.set_keepalive(idle);
        let mut left = self.requests.process_new_http(session, shutdown).await;
        while let Some((stream, settings)) = left.map(ReusedHttpStream::consume) {
            let mut session = ServerSession::new_http1(stream);
            if let Some(settings) = settings {
                settings.apply_to_session(&mut session);
            }
            left = self.requests.process_new_http(session, shutdown).await;
        }
        None
    }
}

#[async_trait]
impl HttpServerApp for Requests {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        // Large, and handed on several times.
        let mut session = Box::new(session);
        let is_read = {
            let mut shutdown = shutdown.clone();
            tokio::select! {
                biased;
                read = session.read_request() => read,
                // No other request comes in; the client opens another connection, elsewhere.
                _ = shutdown.wait_for(|leaving| *leaving) => return None,
            }
        };
        match is_read {
            Ok(true) if session.req_header().method == Method::CONNECT => {
                return Box::pin(refused(session, 405)).await;
            }
            Ok(true) => {}
            Ok(false) => return None,
            Err(e) if matches!(e.etype(), ErrorType::InvalidHTTPHeader) => {
                log::debug!("not HTTP: {e}");
                return Box::pin(refused(session, 400)).await;
            }
            Err(e) => {
                log::debug!("a client's connection broke: {e}");
                session.shutdown().await;
                return None;
            }
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        let idle = IDLE.with_borrow_mut(Vec::pop);
        let answering = idle.unwrap_or_else(|| Coroutine::new(answer));
        let requests = Arc::clone(self);
        let (answering, left) = answering.run(Visit { requests, session }).await;
        IDLE.with_borrow_mut(|idle| {
            if idle.len() < MOST_IDLE {
                idle.push(answering);
            }
        });
        left
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}

/// A request whose head has been read.
struct Visit {
    requests: Arc<Requests>,
    session: Box<ServerSession>,
}

/// What answers requests, and is idle; the one that was busy last is the next.
type Answering = Coroutine<Visit, Option<ReusedHttpStream>>;

thread_local! {
    static IDLE: RefCell<Vec<Answering>> = const { RefCell::new(Vec::new()) };
}

async fn answer(visit: Visit) -> Option<ReusedHttpStream> {
    let Visit {
        requests,
        mut session,
    } = visit;
    session.set_write_timeout(Some(CLIENT_WRITE_PATIENCE));
    session.set_total_drain_timeout(Some(REFUSED_BODY_PATIENCE));
    // What a client sends ahead of an answer is its next request, not a farewell.
    session.set_pipelining_enabled(true);
    // Where the client is gone nothing more is written, neither an error nor the end of an answer that has none, and the
    // connection is closed.
    let answered = requests.proxy.answer(&mut session, requests.door);
    answered.await.ok()?;
    let settings = HttpPersistentSettings::for_session(&session);
    let stream = session.finish().await.ok()??;
    Some(ReusedHttpStream::from_reusable_stream(stream, settings))
}

/// What is no request that anybody here could answer.
async fn refused(mut session: Box<ServerSession>, status: u16) -> Option<ReusedHttpStream> {
    if let Err(e) = session.respond_error(status).await {
        log::debug!("nobody is there to be told: {e}");
    }
    session.shutdown().await;
    None
}
