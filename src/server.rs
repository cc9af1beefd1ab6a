//! The composition root: everything is made once, here, and handed to whoever needs it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use pingora::apps::HttpServerOptions;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::listeners::tls::TlsSettings;
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{RunArgs, Server, ShutdownWatch};
use pingora::services::background::{BackgroundService, background_service};
use pingora_proxy::ProxyServiceBuilder;

use crate::admin;
use crate::balance::hosts::HostKeeper;
use crate::balance::{Hosts, selection};
use crate::config::{Database, Gateway, Listen, Loaded, Secret};
use crate::demo;
use crate::live::Live;
use crate::proxy::{AccessLog, DataPlane, Door, Proxy, Wiring};
use crate::reload::{self, Holds, Inputs, Objects, Reloader, Shelves, Works, keep_reloading};
use crate::store::{Cipher, Fault, Keeper, Store};
use crate::telemetry::{Sink, logger, metrics};

/// An HTTP/2 connection of a client without a stream is closed after so long.
const H2_IDLE: Duration = Duration::from_secs(300);
/// How long a start may take to accept connections before its banner comes all the same.
const UP_PATIENCE: Duration = Duration::from_secs(10);
/// Pingora's own default.
const GRACE: Duration = Duration::from_secs(300);

/// How long the last records may take on their way to the database.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// How long what is asked of the admin side may take once no request to a model is in flight.
const LAST_VISITS: Duration = Duration::from_secs(5);

/// How the process was started.
pub struct Start {
    pub inputs: Inputs,
    pub loaded: Loaded,
    /// The listener of the demo vendor in this process, where it is used.
    pub demo: Option<TcpListener>,
    /// Pingora's own flags.
    pub daemon: bool,
    pub upgrade: bool,
    /// Says where we listen, once we do.
    pub announce: Box<dyn FnOnce(&Loaded) + Send>,
    /// Shows the password that a first start has made, where no log keeps it.
    pub show_password: Box<dyn Fn(&str) + Send + Sync>,
}

/// Runs the gateway until it is told to leave.
///
/// # Errors
/// What keeps it from starting: an address in use, a certificate that cannot be read.
pub fn run(start: Start) -> anyhow::Result<()> {
    let first = &start.loaded.gateway;
    let sink = open_sink(first)?;
    logger::install(&sink, first.log.format, start.loaded.log_level);
    let shelves = open_store(first)?;
    let (holds, objects) = with_objects(&start, shelves.as_ref());
    let loaded = holds.loaded.clone();
    let gateway = loaded.gateway.clone();
    for warning in holds.loaded.warnings.lines() {
        log::warn!("{warning}");
    }
    let mut server = make_server(&start)?;
    server.bootstrap();
    let connector = Arc::new(Connector::new(Some(ConnectorOptions::from_server_conf(
        &server.configuration,
    ))));
    let live = Arc::new(Live::new(gateway.clone(), selection::arrange));
    let keeper = Arc::new(Keeper::start(live.clone(), &gateway.data));
    let store = shelves.as_ref().map(|shelves| shelves.store.clone());
    let hosts = Arc::new(Hosts::new(connector.clone(), health_observer(&live)));
    let wiring = Wiring::new(live.snapshot(), &hosts).map_err(|e| anyhow!(e))?;
    let socket = admin::place(&gateway.data);
    let proxy = Proxy::new(
        wiring,
        connector,
        AccessLog::of(&gateway, &sink),
        store.as_ref().map(|store| store.outbox()),
        &socket.to_string_lossy(),
    );
    let proxy = Arc::new(proxy.map_err(|e| anyhow!(e))?);
    add_listeners(&mut server, &gateway, &proxy)?;
    server.add_service(background_service(
        "vendor hosts",
        HostKeeper(hosts.clone()),
    ));
    if let Some(listener) = start.demo {
        server.add_service(background_service("demo vendor", DemoService(listener)));
    }
    server.add_service(background_service("quotas", KeeperService(keeper.clone())));
    if let Some(store) = &store {
        let service = RecordsService(store.clone(), live.clone());
        server.add_service(background_service("records", service));
    }
    let admin_live = live.clone();
    let works = Works {
        live,
        hosts,
        proxy: proxy.clone(),
        sink: sink.clone(),
    };
    let reloader = Arc::new(Reloader::new(
        start.inputs,
        (holds, objects),
        shelves.clone(),
        works,
    ));
    let parts = admin::Parts {
        kept: shelves.map(|shelves| (shelves.store, shelves.cipher)),
        live: admin_live,
        house: reloader.clone(),
        show_password: start.show_password,
    };
    let service = AdminService::new(socket, parts);
    server.add_service(background_service("admin", service));
    server.add_service(background_service("reload", ReloadService(reloader)));
    let grace = server.configuration.grace_period_seconds;
    let drain = DrainService {
        proxy,
        keeper,
        store,
        sink: sink.clone(),
        grace: grace.map_or(GRACE, Duration::from_secs),
    };
    server.add_service(background_service("drain", drain));
    let announcer = Announcer {
        sink,
        say: parking_lot::Mutex::new(Some((start.announce, loaded))),
    };
    server.add_service(background_service("banner", announcer));
    server.run(RunArgs::default());
    Ok(())
}

/// The configuration with what the database declares. Objects that do not go with the file are left out; a database that
/// is away comes later.
fn with_objects(start: &Start, shelves: Option<&Shelves>) -> (Holds, Objects) {
    let objects = shelves.map_or_else(Objects::default, |shelves| {
        match shelves.store.shelf_now(&shelves.cipher) {
            Ok(shelf) => Objects::of(&shelf),
            Err(e) => {
                log::error!(
                    "what the database declares cannot be read: {e}; it is tried again every second"
                );
                Objects::default()
            }
        }
    });
    match reload::load(&start.inputs, &objects, |_, _| true) {
        Ok(holds) => (holds, objects),
        Err(report) => {
            log::error!("what the database declares is left out:\n{report}");
            let holds = Holds {
                loaded: start.loaded.clone(),
                left_out: Vec::new(),
            };
            (holds, Objects::default())
        }
    }
}

fn make_server(start: &Start) -> anyhow::Result<Server> {
    let conf = ServerConf::from_yaml(&start.loaded.pingora_yaml).map_err(|e| anyhow!("{e}"))?;
    let opt = Opt {
        upgrade: start.upgrade,
        daemon: start.daemon,
        nocapture: false,
        test: false,
        conf: None,
    };
    if !start.upgrade {
        let gateway = &start.loaded.gateway;
        check_addresses(gateway.listen.iter().chain(&gateway.admin_listen))?;
    }
    Ok(Server::new_with_opt_and_conf(opt, conf))
}

fn open_sink(gateway: &Gateway) -> anyhow::Result<Sink> {
    match &gateway.log.file {
        None => Ok(Sink::stderr()),
        Some(path) => Sink::file(path.clone())
            .with_context(|| format!("cannot open the log file {}", path.display())),
    }
}

/// A database that was asked for must be one that can be used. The one that nobody asked for may be missing: a gateway on
/// a disk that cannot be written answers requests as well, and keeps no record of them.
fn open_store(gateway: &Gateway) -> anyhow::Result<Option<Shelves>> {
    let place = match &gateway.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(_) => "PostgreSQL".to_owned(),
    };
    match Store::open(&gateway.database, gateway.data.clone()) {
        Ok(store) => {
            let key = gateway.secret_key.as_ref().map(Secret::reveal);
            let cipher = Cipher::of(key, &gateway.data)
                .context("secrets of the database can be neither kept nor opened")?;
            Ok(Some(Shelves {
                store: Arc::new(store),
                cipher: Arc::new(cipher),
            }))
        }
        Err(e @ Fault::Newer { .. }) => Err(anyhow!("cannot use the database {place}: {e}")),
        Err(e) if gateway.database_told => Err(anyhow!("cannot open the database {place}: {e}")),
        Err(e) => {
            log::warn!("cannot open the database {place}: {e}; no record of requests is kept");
            Ok(None)
        }
    }
}

/// Pingora would panic on an address in use; we say it.
fn check_addresses<'a>(listen: impl Iterator<Item = &'a Listen>) -> anyhow::Result<()> {
    for Listen { addr, .. } in listen {
        TcpListener::bind(addr).with_context(|| format!("cannot listen on {addr}"))?;
    }
    Ok(())
}

fn health_observer(live: &Arc<Live>) -> crate::balance::hosts::Observer {
    let live = live.clone();
    Box::new(move |provider, healthy| {
        if healthy {
            live.snapshot().reachable(provider, crate::clock::now());
        }
    })
}

fn add_listeners(server: &mut Server, gateway: &Gateway, proxy: &Arc<Proxy>) -> anyhow::Result<()> {
    let everybodys = match gateway.admin_listen {
        None => Door::Both,
        Some(_) => Door::Data,
    };
    let plane = |door| DataPlane(proxy.clone(), door);
    add_plane(server, &gateway.listen, ("data plane", plane(everybodys)))?;
    match &gateway.admin_listen {
        Some(own) => add_plane(
            server,
            std::slice::from_ref(own),
            ("admin side", plane(Door::Admin)),
        ),
        None => Ok(()),
    }
}

fn add_plane(
    server: &mut Server,
    listen: &[Listen],
    (name, plane): (&str, DataPlane),
) -> anyhow::Result<()> {
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    options.h2_idle_timeout = Some(H2_IDLE);
    let mut service = ProxyServiceBuilder::new(&server.configuration, plane)
        .name(name)
        .server_options(options)
        .build();
    for listen in listen {
        let addr = listen.addr.to_string();
        let Some(tls) = &listen.tls else {
            service.add_tcp(&addr);
            continue;
        };
        let (cert, key) = (tls.cert.to_string_lossy(), tls.key.to_string_lossy());
        let mut settings = TlsSettings::intermediate(&cert, &key)
            .map_err(|e| anyhow!("cannot use the certificate {cert} with the key {key}: {e}"))?;
        settings.enable_h2();
        service.add_tls_with_settings(&addr, None, settings);
    }
    server.add_service(service);
    Ok(())
}

/// The admin side, on a thread and runtime of its own.
struct AdminService {
    socket: PathBuf,
    parts: parking_lot::Mutex<Option<admin::Parts>>,
}

impl AdminService {
    fn new(socket: PathBuf, parts: admin::Parts) -> AdminService {
        AdminService {
            socket,
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
        if let Err(e) = admin::serve(parts, &self.socket, shutdown).await {
            log::error!("no admin side: {}: {e}", self.socket.display());
        }
    }
}

/// The reloads of this process.
struct ReloadService(Arc<Reloader>);

#[async_trait]
impl BackgroundService for ReloadService {
    async fn start(&self, shutdown: ShutdownWatch) {
        keep_reloading(&self.0, shutdown).await;
    }
}

/// What is used of quotas, on its way to the disk.
struct KeeperService(Arc<Keeper>);

#[async_trait]
impl BackgroundService for KeeperService {
    async fn start(&self, _shutdown: ShutdownWatch) {
        self.0.clone().keep().await;
    }
}

/// The thread that writes records, begun where the process has gone to.
struct RecordsService(Arc<Store>, Arc<Live>);

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
struct DemoService(TcpListener);

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
struct DrainService {
    proxy: Arc<Proxy>,
    keeper: Arc<Keeper>,
    store: Option<Arc<Store>>,
    sink: Sink,
    grace: Duration,
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
        if let Some(store) = &self.store {
            store.finish(LAST_RECORDS);
        }
        self.sink.flush();
        std::process::exit(0);
    }
}

/// What to say, and about what.
type Announcement = (Box<dyn FnOnce(&Loaded) + Send>, Loaded);

/// Says where we listen, once we do; and starts the log's own thread, now that the process has gone where it stays.
struct Announcer {
    sink: Sink,
    say: parking_lot::Mutex<Option<Announcement>>,
}

#[async_trait]
impl BackgroundService for Announcer {
    async fn start(&self, _shutdown: ShutdownWatch) {
        if let Err(e) = self.sink.keep_writing() {
            log::error!("no thread for the log: {e}");
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
