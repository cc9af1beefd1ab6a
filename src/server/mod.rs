//! The composition root: everything is made once, here, and handed to whoever needs it.
//!
//! Owns the order of a start ([`run`]): log, database, configuration with what the database declares, listeners, services.
//! Never: does anything for a request; whatever runs beside requests is a service of `services.rs`.
//!
//! Start with [`run`].

mod services;

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::listeners::tls::TlsSettings;
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{RunArgs, Server};
use pingora::services::ServiceWithDependents;
use pingora::services::background::{BackgroundService, background_service};
use pingora::services::listening::Service;

use crate::admin;
use crate::balance::hosts::HostKeeper;
use crate::balance::{Hosts, selection};
use crate::config::{Database, Gateway, Listen, Loaded, Secret};
use crate::live::Live;
use crate::proxy::{AccessLog, DataPlane, Door, Proxy, Till, Wiring};
use crate::reload::{self, Holds, Inputs, Objects, Reloader, Shelves, Works};
use crate::store::{Cipher, Fault, Keeper, Store};
use crate::telemetry::{Sink, logger};
use services::{
    AdminService, Announcer, DemoService, DrainService, KeeperService, RecordsService,
    ReloadService, VendorPages,
};

/// Pingora's own default.
const GRACE: Duration = Duration::from_secs(300);

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
    let gateway = &loaded.gateway;
    for warning in loaded.warnings.lines() {
        log::warn!("{warning}");
    }
    let mut server = make_server(&start)?;
    server.bootstrap();
    let live = Arc::new(Live::new(gateway.clone(), selection::arrange));
    let keeper = Arc::new(Keeper::start(live.clone(), &gateway.data));
    let store = shelves.as_ref().map(|shelves| shelves.store.clone());
    let sockets = admin::Sockets::made(&gateway.data);
    let works = make_works(&server, &live, (&sink, store.as_ref(), &sockets))?;
    let (hosts, proxy) = (works.hosts.clone(), works.proxy.clone());
    add_listeners(&mut server, gateway, (&proxy, &sockets))?;
    let reloader = Reloader::new(start.inputs, (holds, objects), shelves.clone(), works);
    let reloader = Arc::new(reloader);
    let parts = admin::Parts {
        shelves: shelves.map(|shelves| (shelves.store, shelves.cipher)),
        live: live.clone(),
        house: reloader.clone(),
        vendors: Arc::new(VendorPages),
        show_password: start.show_password,
    };
    let till = proxy.till().clone();
    let grace = server.configuration.grace_period_seconds;
    let drain = DrainService {
        proxy,
        keeper: keeper.clone(),
        store: store.clone(),
        sink: sink.clone(),
        grace: grace.map_or(GRACE, Duration::from_secs),
    };
    let announcer = Announcer::new((sink, till), start.announce, loaded);
    let mut add = |service: Box<dyn ServiceWithDependents>| drop(server.add_boxed_service(service));
    add(background("admin", AdminService::new(sockets, parts)));
    add(background("vendor hosts", HostKeeper(hosts)));
    if let Some(listener) = start.demo {
        add(background("demo vendor", DemoService(listener)));
    }
    add(background("quotas", KeeperService(keeper)));
    if let Some(store) = store {
        add(background("records", RecordsService(store, live)));
    }
    add(background("reload", ReloadService(reloader)));
    add(background("drain", drain));
    add(background("banner", announcer));
    server.run(RunArgs::default());
    Ok(())
}

fn background<S: BackgroundService + Send + Sync + 'static>(
    name: &str,
    service: S,
) -> Box<dyn ServiceWithDependents> {
    Box::new(background_service(name, service))
}

/// What is made of a configuration, for the first time.
fn make_works(
    server: &Server,
    live: &Arc<Live>,
    (sink, store, sockets): (&Sink, Option<&Arc<Store>>, &admin::Sockets),
) -> anyhow::Result<Works> {
    let options = ConnectorOptions::from_server_conf(&server.configuration);
    let connector = Arc::new(Connector::new(Some(options)));
    let hosts = Arc::new(Hosts::new(connector.clone(), health_observer(live)));
    let snapshot = live.snapshot();
    let log = AccessLog::of(&snapshot.gateway, sink);
    let wiring = Wiring::new(snapshot, &hosts).map_err(|e| anyhow!(e))?;
    let outbox = store.map(|store| store.outbox());
    let door = sockets.admin.to_string_lossy();
    let till = Arc::new(Till::new(log, outbox));
    let proxy = Proxy::new(wiring, connector, till, &door);
    Ok(Works {
        live: live.clone(),
        hosts,
        proxy: Arc::new(proxy.map_err(|e| anyhow!(e))?),
        sink: sink.clone(),
    })
}

/// The configuration with what the database declares. Objects that do not go with the file are left out; a database that
/// is away comes later, and what only it knows is not made up meanwhile.
fn with_objects(start: &Start, shelves: Option<&Shelves>) -> (Holds, Objects) {
    let objects = shelves.map_or_else(Objects::default, |shelves| {
        match shelves.store.shelf_now(&shelves.cipher) {
            Ok(shelf) => Objects::of(&shelf),
            Err(e) => {
                log::error!(
                    "what the database declares cannot be read: {e}; it is tried again every second. \
                     Until then this gateway is not ready, and serves what the file decides by itself"
                );
                Objects::unknown()
            }
        }
    });
    let holds = reload::beside(&start.inputs, start.loaded.clone(), &objects);
    (holds, objects)
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
            match store.settle_now(&cipher) {
                Ok(settled) => reload::tell_settled(settled),
                Err(e @ Fault::NoKey(_)) => return Err(anyhow!("{e}")),
                Err(e) if store.is_away() => log::debug!("{e}"),
                Err(e) => log::error!("{e}"),
            }
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

fn add_listeners(
    server: &mut Server,
    gateway: &Gateway,
    (proxy, sockets): (&Arc<Proxy>, &admin::Sockets),
) -> anyhow::Result<()> {
    let everybodys = match gateway.admin_listen {
        None => Door::Both,
        Some(_) => Door::Data,
    };
    let plane = |door| DataPlane::new(proxy.clone(), door);
    add_plane(server, &gateway.listen, ("data plane", plane(everybodys)))?;
    if let Some(plane_of_ours) = &sockets.plane {
        let mut service = Service::new("calls of ours".to_owned(), plane(Door::Ours));
        let owner_alone = Permissions::from_mode(0o600);
        service.add_uds(&plane_of_ours.to_string_lossy(), Some(owner_alone));
        server.add_service(service);
    }
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
    let mut service = Service::new(name.to_owned(), plane);
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
