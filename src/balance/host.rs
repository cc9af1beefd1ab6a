//! One vendor host: its addresses, their health, and the peers made of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora::protocols::ALPN;
use pingora::protocols::l4::ext::TcpKeepalive;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::tls::x509::X509;
use pingora::upstreams::peer::HttpPeer;
use pingora_load_balancing::health_check::HealthCheck;
use pingora_load_balancing::selection::RoundRobin;
use pingora_load_balancing::{Backend, Backends, LoadBalancer};
use tokio::sync::watch;

use crate::balance::discovery::Dns;
use crate::balance::peer::VendorPeer;
use crate::clock::{self, Tick};
use crate::config::{BaseUrl, HttpVersions};

/// An address that refused a connection is passed over for so long while there is another.
const SHUN: Duration = Duration::from_secs(15);
/// How long an idle connection to a vendor is kept. Below what the big vendors' front ends allow.
const IDLE: Duration = Duration::from_secs(55);
/// One slow reader may have so much buffered for it on an HTTP/2 connection, whatever the vendor would send.
const H2_STREAM_WINDOW: u32 = 256 << 10;
const H2_CONNECTION_WINDOW: u32 = 16 << 20;
const H2_STREAMS: usize = 100;
const H2_PING: Duration = Duration::from_secs(20);
/// Candidates looked at before any address is taken.
const MOST_ADDRESSES: usize = 64;

/// What all peers of a host have in common.
#[derive(Clone)]
pub struct PeerTemplate {
    pub tls: bool,
    /// For SNI and verification.
    pub server_name: String,
    /// For `Host` and `:authority`.
    pub authority: String,
    pub http: HttpVersions,
    pub ca: Option<Arc<Box<[X509]>>>,
    /// Keeps connections of different providers apart: CA and HTTP versions are not part of the pool's own key.
    pub group: u64,
}

impl PeerTemplate {
    /// The peer for one address.
    pub fn peer(&self, addr: SocketAddr) -> HttpPeer {
        let mut peer = HttpPeer {
            _address: addr,
            scheme: pingora::upstreams::peer::Scheme::from_tls_bool(self.tls),
            sni: if self.tls {
                self.server_name.clone()
            } else {
                String::new()
            },
            proxy: None,
            client_cert_key: None,
            group_key: self.group,
            options: pingora::upstreams::peer::PeerOptions::new(),
        };
        let options = &mut peer.options;
        options.alpn = match (self.http, self.tls) {
            (HttpVersions::Http1, _) | (HttpVersions::Auto, false) => ALPN::H1,
            (HttpVersions::Auto, true) => ALPN::H2H1,
            (HttpVersions::Http2, _) => ALPN::H2,
        };
        options.ca.clone_from(&self.ca);
        options.idle_timeout = Some(IDLE);
        options.max_h2_streams = H2_STREAMS;
        options.h2_ping_interval = Some(H2_PING);
        options.h2_stream_window_size = Some(H2_STREAM_WINDOW);
        options.h2_connection_window_size = Some(H2_CONNECTION_WINDOW);
        options.tcp_keepalive = Some(TcpKeepalive {
            idle: Duration::from_secs(60),
            interval: Duration::from_secs(15),
            count: 4,
            user_timeout: Duration::ZERO,
        });
        peer
    }
}

/// Why there is no peer to connect to.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error("{host} does not resolve")]
    Unresolved { host: String },
}

/// One address of a host, ready to connect to.
pub struct Address {
    pub peer: VendorPeer,
    shunned_until: AtomicU64,
}

impl Address {
    /// Passes this address over for a while.
    pub fn shun(&self, now: Tick) {
        self.shunned_until.store((now + SHUN).0, Ordering::Relaxed);
    }

    /// It works.
    pub fn welcome(&self) {
        if self.shunned_until.load(Ordering::Relaxed) != 0 {
            self.shunned_until.store(0, Ordering::Relaxed);
        }
    }
}

/// How the last look-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolved {
    NotYet,
    Well,
    Failed,
}

/// A vendor host.
pub struct Host {
    pub template: PeerTemplate,
    name: String,
    balancer: LoadBalancer<RoundRobin>,
    known: ArcSwap<Vec<(SocketAddr, Arc<Address>)>>,
    resolved: watch::Sender<Resolved>,
    checked: bool,
    /// When the check is due next, and how often.
    pub(super) schedule: Mutex<Schedule>,
}

/// When a host is looked at next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub resolve_at: Tick,
    pub check_at: Option<Tick>,
    pub check_every: Duration,
    /// One is under way: the next waits for it.
    pub checking: bool,
}

impl Host {
    /// A host with the given check, which runs `every`.
    pub fn new(
        base: &BaseUrl,
        template: PeerTemplate,
        check: Option<(Box<dyn HealthCheck + Send + Sync>, Duration)>,
    ) -> Host {
        let mut backends = Backends::new(Box::new(Dns::new(base.host.clone(), base.port)));
        let mut schedule = Schedule {
            resolve_at: Tick(0),
            check_at: None,
            check_every: Duration::MAX,
            checking: false,
        };
        let checked = check.is_some();
        if let Some((check, every)) = check {
            backends.set_health_check(check);
            schedule.check_at = Some(clock::now());
            schedule.check_every = every;
        }
        Host {
            template,
            name: base.host.clone(),
            balancer: LoadBalancer::from_backends(backends),
            known: ArcSwap::from_pointee(Vec::new()),
            resolved: watch::Sender::new(Resolved::NotYet),
            checked,
            schedule: Mutex::new(schedule),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next address to connect to, preferring those that are healthy and did not refuse lately. Waits for the
    /// first look-up, and for no other.
    ///
    /// # Errors
    /// When the host has no address: the last look-up failed, or none ends within `wait`.
    pub async fn address(&self, wait: Duration) -> Result<Arc<Address>, PeerError> {
        if let Some(address) = self.choose() {
            return Ok(address);
        }
        let mut resolved = self.resolved.subscribe();
        let looked_up = resolved.wait_for(|resolved| *resolved != Resolved::NotYet);
        if let Ok(Ok(_)) = pingora::time::timeout(wait, looked_up).await
            && let Some(address) = self.choose()
        {
            return Ok(address);
        }
        Err(PeerError::Unresolved {
            host: self.name.clone(),
        })
    }

    /// How many addresses there are to try.
    pub fn addresses(&self) -> usize {
        self.known.load().len()
    }

    fn choose(&self) -> Option<Arc<Address>> {
        let known = self.known.load();
        if let [(_, only)] = known.as_slice() {
            return Some(only.clone());
        }
        let now = clock::now();
        let find = |backend: &Backend| known.iter().find(|(addr, _)| *addr == backend.addr);
        let fresh = |backend: &Backend| {
            find(backend)
                .is_some_and(|(_, address)| address.shunned_until.load(Ordering::Relaxed) <= now.0)
        };
        let chosen = self
            .balancer
            .select_with(b"", MOST_ADDRESSES, |backend, healthy| {
                healthy && fresh(backend)
            })
            .or_else(|| {
                self.balancer
                    .select_with(b"", MOST_ADDRESSES, |backend, _| fresh(backend))
            })
            .or_else(|| self.balancer.select_with(b"", MOST_ADDRESSES, |_, _| true))?;
        find(&chosen).map(|(_, address)| address.clone())
    }

    /// Asks DNS. On failure the last known addresses stay.
    pub async fn resolve(&self) -> bool {
        if let Err(e) = self.balancer.update().await {
            let before = self.resolved.send_replace(Resolved::Failed);
            // Said once, not every time that it is tried again.
            if before == Resolved::Failed {
                log::debug!("{}: {e}", self.name);
            } else {
                log::warn!("{}: {e}; looked up again every few seconds", self.name);
            }
            return self.addresses() > 0;
        }
        let before = self.known.load_full();
        let after = self
            .balancer
            .backends()
            .get_backend()
            .iter()
            .map(|backend| {
                let kept = before.iter().find(|(addr, _)| *addr == backend.addr);
                let address = kept.map(|(_, address)| address.clone()).unwrap_or_else(|| {
                    Arc::new(Address {
                        peer: self.template.peer(backend.addr.clone()).into(),
                        shunned_until: AtomicU64::new(0),
                    })
                });
                (backend.addr.clone(), address)
            })
            .collect();
        self.known.store(Arc::new(after));
        if self.resolved.send_replace(Resolved::Well) == Resolved::Failed {
            log::info!("{} resolves again", self.name);
        }
        true
    }

    /// Runs the active check on every address; whether one of them answers. `None` without a check or address.
    pub async fn check(&self) -> Option<bool> {
        if !self.checked || self.addresses() == 0 {
            return None;
        }
        let backends = self.balancer.backends();
        backends.run_health_check(true).await;
        Some(
            backends
                .get_backend()
                .iter()
                .any(|backend| backends.ready(backend)),
        )
    }
}
