//! What runs beside requests: each a background service of Pingora's, on a thread of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;

use crate::admin;
use crate::balance::page;
use crate::config::{Loaded, Offer, Provider};
use crate::demo;
use crate::live::Live;
use crate::proxy::{Proxy, Till};
use crate::reload::{Reloader, keep_reloading};
use crate::store::{Keeper, Store};
use crate::telemetry::{Sink, metrics};

/// How long a start may take to accept connections before its banner comes all the same.
const UP_PATIENCE: Duration = Duration::from_secs(10);
/// How long the last records may take on their way to the database.
const LAST_RECORDS: Duration = Duration::from_secs(5);
/// How long what is asked of the admin side may take once no request to a model is in flight.
const LAST_VISITS: Duration = Duration::from_secs(5);

/// The admin side, on a thread and runtime of its own.
pub(super) struct AdminService {
    sockets: admin::Sockets,
    parts: parking_lot::Mutex<Option<admin::Parts>>,
}

impl AdminService {
    pub(super) fn new(sockets: admin::Sockets, parts: admin::Parts) -> AdminService {
        AdminService {
            sockets,
            parts: parking_lot::Mutex::new(Some(parts)),
        }
    }
}

#[async_trait]
impl BackgroundService for AdminService {
    async fn start(&self, shutdown: ShutdownWatch) {
        let parts = self.parts.lock().take();
        let Some(parts) = parts else {
            return;
        };
        if let Err(e) = admin::serve(parts, &self.sockets, shutdown).await {
            log::error!("no admin side: {}: {e}", self.sockets.admin.display());
        }
    }
}

/// The reloads of this process.
pub(super) struct ReloadService(pub(super) Arc<Reloader>);

#[async_trait]
impl BackgroundService for ReloadService {
    async fn start(&self, shutdown: ShutdownWatch) {
        keep_reloading(&self.0, shutdown).await;
    }
}

/// What is used of quotas, on its way to the disk.
pub(super) struct KeeperService(pub(super) Arc<Keeper>);

#[async_trait]
impl BackgroundService for KeeperService {
    async fn start(&self, _shutdown: ShutdownWatch) {
        self.0.clone().keep().await;
    }
}

/// The thread that writes records, begun where the process has gone to.
pub(super) struct RecordsService(pub(super) Arc<Store>, pub(super) Arc<Live>);

#[async_trait]
impl BackgroundService for RecordsService {
    async fn start(&self, _shutdown: ShutdownWatch) {
        let live = self.1.clone();
        let retention = Box::new(move || live.snapshot().gateway.log.retention);
        if let Err(e) = self.0.keep_writing(retention) {
            log::error!("no thread for the records of requests: {e}");
        }
    }
}

/// The demo vendor in this process.
pub(super) struct DemoService(pub(super) TcpListener);

#[async_trait]
impl BackgroundService for DemoService {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let listener = self.0.try_clone().and_then(|listener| {
            listener.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(listener)
        });
        match listener {
            Err(e) => log::error!("the demo vendor cannot listen: {e}"),
            Ok(listener) => {
                let vendor = demo::Vendor::default();
                tokio::select! {
                    _ = vendor.serve(listener) => {}
                    () = drained(&mut shutdown) => {}
                }
            }
        }
    }
}

/// The demo vendor answers on while requests are drained; the process takes it along in the end.
async fn drained(shutdown: &mut ShutdownWatch) {
    if shutdown.changed().await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// After SIGTERM: leaves as soon as nothing is in flight, at the latest when the grace period is over. Pingora alone
/// would always wait for the whole of it.
pub(super) struct DrainService {
    pub proxy: Arc<Proxy>,
    pub keeper: Arc<Keeper>,
    pub store: Option<Arc<Store>>,
    pub sink: Sink,
    pub grace: Duration,
}

#[async_trait]
impl BackgroundService for DrainService {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        if shutdown.changed().await.is_err() {
            return;
        }
        self.proxy.drain();
        let until = crate::clock::now() + self.grace;
        log::info!("leaving: {} requests in flight", metrics::IN_FLIGHT.get());
        while metrics::IN_FLIGHT.get() > 0 && crate::clock::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let until = until.min(crate::clock::now() + LAST_VISITS);
        while self.proxy.visits() > 0 && crate::clock::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The last answers' bytes are in the kernel; their connections close with the process.
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.keeper.write();
        self.proxy.till().tell();
        if let Some(store) = &self.store {
            store.finish(LAST_RECORDS);
        }
        self.sink.flush();
        std::process::exit(0);
    }
}

/// What to say, and about what.
type Announcement = (Box<dyn FnOnce(&Loaded) + Send>, Loaded);

/// Says where we listen, once we do; and starts the log's own threads, now that the process has gone where it stays.
pub(super) struct Announcer {
    sink: Sink,
    till: Arc<Till>,
    say: parking_lot::Mutex<Option<Announcement>>,
}

impl Announcer {
    pub(super) fn new(
        (sink, till): (Sink, Arc<Till>),
        say: Box<dyn FnOnce(&Loaded) + Send>,
        loaded: Loaded,
    ) -> Announcer {
        Announcer {
            sink,
            till,
            say: parking_lot::Mutex::new(Some((say, loaded))),
        }
    }
}

#[async_trait]
impl BackgroundService for Announcer {
    async fn start(&self, _shutdown: ShutdownWatch) {
        let threads = self.sink.keep_writing();
        if let Err(e) = threads.and_then(|()| self.till.keep_telling()) {
            log::error!("no threads for the log: {e}");
        }
        let announcement = self.say.lock().take();
        let Some((say, loaded)) = announcement else {
            return;
        };
        if let Some(listen) = loaded.gateway.listen.first() {
            let up = async { while !accepts(listen.addr).await {} };
            if pingora::time::timeout(UP_PATIENCE, up).await.is_err() {
                log::warn!("{} does not accept connections yet", listen.addr);
            }
        }
        say(&loaded);
    }
}

async fn accepts(mut addr: SocketAddr) -> bool {
    if addr.ip().is_unspecified() {
        let loopback: std::net::IpAddr = if addr.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        addr.set_ip(loopback);
    }
    let there = tokio::net::TcpStream::connect(addr).await.is_ok();
    if !there {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    there
}

/// Reaches vendors for the admin side.
pub(super) struct VendorPages;

#[async_trait]
impl admin::Vendors for VendorPages {
    async fn page(
        &self,
        provider: &Provider,
        offer: &Offer,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<admin::VendorPage, admin::Unreached> {
        let page = page::page(provider, offer, path, headers).await;
        let page = page.map_err(|none| admin::Unreached {
            why: match none.way {
                page::Way::Unresolved => admin::Reason::Unresolved,
                page::Way::Unconnected => admin::Reason::Unconnected,
                page::Way::Tls => admin::Reason::Tls,
                page::Way::TooLate => admin::Reason::Timeout,
                page::Way::Broken => admin::Reason::Broken,
            },
            words: none.words,
        })?;
        Ok(admin::VendorPage {
            status: page.status,
            body: page.body.into(),
        })
    }
}
