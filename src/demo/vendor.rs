use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::connection::{Fate, Gauged, Link, Socket};
use super::fault::Step;
use super::ledger::{Ledger, Seen};
use super::reception;
use super::script::{Match, Script};

/// How a vendor differs from others.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Stands in its answers, and its signatures hold for this name only.
    pub name: String,
    /// The credentials it accepts; none = any and none at all.
    pub keys: Vec<String>,
    /// Models it serves besides those whose name begins with `demo`.
    pub models: Vec<String>,
    /// Serves every name.
    pub any_model: bool,
    /// Bodies up to this many bytes are kept in the ledger.
    pub keep_body: usize,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            name: "demo".to_owned(),
            keys: Vec::new(),
            models: Vec::new(),
            any_model: false,
            keep_body: 1 << 20,
        }
    }
}

/// A vendor. Clones are the same vendor.
#[derive(Debug, Clone)]
pub struct Vendor {
    state: Arc<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) setup: Setup,
    pub(super) script: Script,
    pub(super) ledger: Arc<Ledger>,
    accepted: AtomicU64,
    open: AtomicUsize,
}

impl Default for Vendor {
    fn default() -> Vendor {
        Vendor::new(Setup::default())
    }
}

impl Vendor {
    pub fn new(setup: Setup) -> Vendor {
        let state = State {
            setup,
            script: Script::default(),
            ledger: Arc::default(),
            accepted: AtomicU64::new(0),
            open: AtomicUsize::new(0),
        };
        Vendor {
            state: Arc::new(state),
        }
    }

    /// The next requests for this upstream model take these steps, one each; then it answers again.
    pub fn script(&self, model: &str, steps: impl IntoIterator<Item = Step>) {
        self.script_for(Match::model(model), steps);
    }

    /// The same for any kind of request.
    pub fn script_for(&self, when: Match, steps: impl IntoIterator<Item = Step>) {
        self.state.script.push(when, steps);
    }

    /// From now on every such request takes this step, unless a step waits for it. `None` ends it.
    pub fn always(&self, when: Match, step: Option<Step>) {
        self.state.script.always(when, step);
    }

    /// Forgets all steps.
    pub fn clear_script(&self) {
        self.state.script.clear();
    }

    /// Steps that no request has taken.
    pub fn steps_waiting(&self) -> usize {
        self.state.script.waiting()
    }

    /// What was asked so far, oldest first (at most the last 10,000).
    pub fn requests(&self) -> Vec<Seen> {
        self.state.ledger.requests()
    }

    /// Forgets what was asked.
    pub fn clear_requests(&self) {
        self.state.ledger.clear();
    }

    /// Waits until the requests seen are as `wanted`. `Err` has them as they were when `patience` ended.
    /// `wanted` must not ask the vendor: it is called under the ledger's lock.
    pub async fn until(
        &self,
        patience: Duration,
        wanted: impl Fn(&[Seen]) -> bool,
    ) -> Result<Vec<Seen>, Vec<Seen>> {
        self.state.ledger.until(patience, wanted).await
    }

    /// Connections accepted over its life, and open now.
    pub fn connections(&self) -> (u64, usize) {
        let accepted = self.state.accepted.load(Ordering::Relaxed);
        (accepted, self.state.open.load(Ordering::Relaxed))
    }

    /// Serves HTTP/1.1 and HTTP/2 (prior knowledge) until it is dropped; then all its connections end.
    pub fn serve(&self, listener: TcpListener) -> impl Future<Output = ()> + Send + use<> {
        self.serve_wrapped(listener, |socket| async { Ok(socket) })
    }

    /// The same with something around every connection, such as TLS.
    pub fn serve_wrapped<W, F, T>(
        &self,
        listener: TcpListener,
        wrap: W,
    ) -> impl Future<Output = ()> + Send + use<W, F, T>
    where
        W: Fn(Socket) -> F + Send,
        F: Future<Output = io::Result<T>> + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let vendor = self.clone();
        async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((tcp, _)) => {
                            let (socket, connection) = vendor.open(tcp);
                            let wrapping = wrap(socket);
                            connections.spawn(async move {
                                if let Ok(io) = wrapping.await {
                                    connection.serve(io).await;
                                }
                            });
                        }
                        // Out of descriptors: others have to end before the next can begin.
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        }
    }

    /// Takes a connection that somebody else accepted: wrap the socket, then [`Connection::serve`] it.
    pub fn open(&self, tcp: TcpStream) -> (Socket, Connection) {
        let connection = self.connection();
        // An answer's events go out when they are written.
        tcp.set_nodelay(true).ok();
        (Socket::new(tcp, Arc::clone(&connection.link)), connection)
    }

    /// Serves one connection of any kind. A reset is a plain end here.
    pub fn serve_connection<T>(&self, io: T) -> impl Future<Output = ()> + Send + use<T>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.connection().serve(io)
    }

    fn connection(&self) -> Connection {
        let number = self.state.accepted.fetch_add(1, Ordering::Relaxed);
        self.state.open.fetch_add(1, Ordering::Relaxed);
        Connection {
            state: Arc::clone(&self.state),
            link: Arc::new(Link::new(number)),
        }
    }
}

/// A connection that was accepted and is not served yet.
#[derive(Debug)]
pub struct Connection {
    state: Arc<State>,
    link: Arc<Link>,
}

impl Connection {
    /// Serves it to its end.
    pub async fn serve<T>(self, io: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (state, link) = (Arc::clone(&self.state), Arc::clone(&self.link));
        let io = TokioIo::new(Gauged::new(io, Arc::clone(&link)));
        let mut server = auto::Builder::new(TokioExecutor::new());
        // No date: the same request gets the same bytes.
        server.http1().auto_date_header(false);
        server
            .http2()
            .auto_date_header(false)
            .max_concurrent_streams(1000);
        let serve =
            service_fn(|request| reception::serve(Arc::clone(&state), Arc::clone(&link), request));
        let mut serving = pin!(server.serve_connection(io, serve));
        tokio::select! {
            // How a client ends its connection is no news.
            _ = serving.as_mut() => {}
            () = self.link.sealed(Fate::Close) => {}
            () = self.link.sealed(Fate::Retire) => {
                serving.as_mut().graceful_shutdown();
                tokio::select! {
                    _ = serving => {}
                    () = self.link.sealed(Fate::Close) => {}
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.state.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a vendor alone on this address until the process ends. Says where through `listening`.
///
/// # Errors
/// When the address cannot be bound.
pub async fn alone(
    listen: SocketAddr,
    setup: Setup,
    listening: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    listening(listener.local_addr()?);
    Vendor::new(setup).serve(listener).await;
    Ok(())
}
