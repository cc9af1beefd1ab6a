//! All vendor hosts of a configuration, and the background service that keeps them resolved and checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::connectors::http::Connector;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use pingora::tls::x509::X509;
use pingora_load_balancing::health_check::HealthCheck;
use xxhash_rust::xxh3::xxh3_64;

use crate::balance::health::PageCheck;
use crate::balance::host::{Host, PeerTemplate};
use crate::clock::{self, Tick};
use crate::config::{Gateway, Keys, Offer, Provider};

/// `getaddrinfo` tells no time to live; vendors' front ends move within minutes.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);
/// After a failed look-up.
const RESOLVE_AGAIN: Duration = Duration::from_secs(2);
/// The longest without a look at who is due: a reload may have added somebody.
const TICK: Duration = Duration::from_millis(200);

/// Told of a provider whose active check passed (`true`) or failed.
pub type Observer = Box<dyn Fn(&str, bool) + Send + Sync>;

/// What makes a host the same host after a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    provider: String,
    text: String,
}

struct Entry {
    identity: Identity,
    provider: String,
    host: Arc<Host>,
}

/// The hosts in use. Cheap to share.
pub struct Hosts {
    connector: Arc<Connector>,
    entries: ArcSwap<Vec<Arc<Entry>>>,
    observer: Observer,
}

impl Hosts {
    pub fn new(connector: Arc<Connector>, observer: Observer) -> Hosts {
        Hosts {
            connector,
            entries: ArcSwap::from_pointee(Vec::new()),
            observer,
        }
    }

    /// Takes over a configuration: known hosts stay as they are, new ones are made, others go. The result holds, by
    /// provider and offer index, the host of each.
    ///
    /// # Errors
    /// When a CA file cannot be read or holds no certificate.
    pub fn adopt(&self, gateway: &Gateway) -> Result<Vec<Vec<Arc<Host>>>, String> {
        let known = self.entries.load_full();
        let mut entries: Vec<Arc<Entry>> = Vec::new();
        let mut table = Vec::with_capacity(gateway.providers.len());
        for provider in &gateway.providers {
            let mut row = Vec::with_capacity(provider.offers.len());
            for offer in &provider.offers {
                let identity = identity(provider, offer);
                let same = |entry: &&Arc<Entry>| entry.identity == identity;
                let entry = match entries
                    .iter()
                    .find(same)
                    .or_else(|| known.iter().find(same))
                {
                    Some(entry) => entry.clone(),
                    None => self.make(identity.clone(), provider, offer)?,
                };
                row.push(entry.host.clone());
                if !entries.iter().any(|known| Arc::ptr_eq(known, &entry)) {
                    entries.push(entry);
                }
            }
            table.push(row);
        }
        self.entries.store(Arc::new(entries));
        Ok(table)
    }

    fn make(
        &self,
        identity: Identity,
        provider: &Provider,
        offer: &Offer,
    ) -> Result<Arc<Entry>, String> {
        let template = template(provider, offer, xxh3_64(identity.text.as_bytes()))?;
        let check = provider.health.as_ref().map(|health| {
            let check: Box<dyn HealthCheck + Send + Sync> = Box::new(PageCheck {
                connector: self.connector.clone(),
                provider: provider.name.clone(),
                template: template.clone(),
                path: format!("{}{}", offer.base.path, health.path),
                auth: credential(provider, offer),
            });
            (check, health.every)
        });
        Ok(Arc::new(Entry {
            identity,
            provider: provider.name.clone(),
            host: Arc::new(Host::new(&offer.base, template, check)),
        }))
    }

    /// Resolves every host that never was, and waits for it. For the start, so that the first request need not wait.
    pub async fn resolve_all(&self) {
        for entry in self.entries.load_full().iter() {
            if entry.host.addresses() == 0 {
                entry.host.resolve().await;
            }
        }
    }

    /// Starts whatever is due, each in a task of its own: a slow resolver holds up nobody else. When to look again.
    fn tend(self: &Arc<Self>, now: Tick) -> Tick {
        let mut next = now + TICK;
        for entry in self.entries.load().iter() {
            let mut schedule = entry.host.schedule.lock();
            let resolve = schedule.resolve_at <= now;
            let check = schedule.check_at.is_some_and(|at| at <= now) && !schedule.checking;
            if resolve {
                schedule.resolve_at = now + RESOLVE_EVERY;
            }
            if check {
                schedule.check_at = Some(now + jittered(schedule.check_every));
                schedule.checking = true;
            }
            if let Some(at) = schedule.check_at.filter(|at| *at > now) {
                next = next.min(at);
            }
            drop(schedule);
            if resolve || check {
                let (hosts, entry) = (self.clone(), entry.clone());
                tokio::spawn(async move {
                    if resolve {
                        resolve_host(&entry.host).await;
                    }
                    if check {
                        hosts.check_host(&entry).await;
                        entry.host.schedule.lock().checking = false;
                    }
                });
            }
        }
        next
    }

    async fn check_host(&self, entry: &Entry) {
        if let Some(healthy) = entry.host.check().await {
            (self.observer)(&entry.provider, healthy);
        }
    }
}

/// What all peers of a vendor's host have in common. `group` keeps its connections apart from others'.
pub(super) fn template(
    provider: &Provider,
    offer: &Offer,
    group: u64,
) -> Result<PeerTemplate, String> {
    let tls = &provider.tls;
    let server_name = tls.server_name.clone();
    Ok(PeerTemplate {
        tls: offer.base.tls,
        server_name: server_name.unwrap_or_else(|| offer.base.host.clone()),
        authority: offer.base.authority(),
        http: tls.http,
        ca: tls.ca.as_deref().map(read_ca).transpose()?,
        group,
    })
}

async fn resolve_host(host: &Host) {
    if !host.resolve().await {
        host.schedule.lock().resolve_at = clock::now() + RESOLVE_AGAIN;
    }
}

/// Ten per cent either way, so that the checks of many gateways do not fall together.
fn jittered(every: Duration) -> Duration {
    every.mul_f64(0.9 + 0.2 * fastrand::f64())
}

fn identity(provider: &Provider, offer: &Offer) -> Identity {
    Identity {
        provider: provider.name.clone(),
        text: format!(
            "{}|{:?}|{:?}|{:?}|{:?}",
            provider.name,
            (offer.base.tls, &offer.base.host, offer.base.port),
            provider.tls,
            provider.health,
            provider
                .health
                .as_ref()
                .map(|_| (&offer.base.path, credential_hash(provider, offer))),
        ),
    }
}

fn credential_hash(provider: &Provider, offer: &Offer) -> u64 {
    let (name, value) = credential(provider, offer).unwrap_or_default();
    xxh3_64(format!("{name}:{value}").as_bytes())
}

/// The credential header that a health check presents: that of the first enabled key.
fn credential(provider: &Provider, offer: &Offer) -> Option<(String, String)> {
    let Keys::Own(keys) = &provider.keys else {
        return None;
    };
    let key = keys.iter().find(|key| key.enabled)?.value.as_ref()?;
    let auth = &offer.auth;
    Some((
        auth.header.clone(),
        format!("{}{}{}", auth.prefix, key.reveal(), auth.suffix),
    ))
}

fn read_ca(path: &Path) -> Result<Arc<Box<[X509]>>, String> {
    let pem = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let certs =
        X509::stack_from_pem(&pem).map_err(|e| format!("{} is not PEM: {e}", path.display()))?;
    if certs.is_empty() {
        return Err(format!("{} holds no certificate", path.display()));
    }
    Ok(Arc::new(certs.into_boxed_slice()))
}

/// The background service over [`Hosts`].
pub struct HostKeeper(pub Arc<Hosts>);

#[async_trait]
impl BackgroundService for HostKeeper {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        loop {
            let now = clock::now();
            let pause = self.0.tend(now).since(now);
            tokio::select! {
                _ = tokio::time::sleep(pause) => {}
                _ = shutdown.changed() => return,
            }
        }
    }
}
