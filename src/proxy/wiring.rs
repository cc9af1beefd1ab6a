//! A configuration made ready for requests: the snapshot, and for every provider its hosts and its header values.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use prometheus::GaugeVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::balance::{Host, Hosts};
use crate::clock::{self, Tick};
use crate::config::{Gateway, Keys, Offer, Provider, Secret};
use crate::ir::{Format, Traits};
use crate::ledger::{Secrets, TermState};
use crate::live::{Lane, Snapshot, State};
use crate::proxy::access::Access;
use crate::proxy::headers::auth_header;
use crate::route::{MADE_UP, is_listed};
use crate::telemetry::metrics;
use crate::wire::convert::Issuer;

/// What a request holds on to from its arrival to its end.
pub struct Wiring {
    pub snapshot: Arc<Snapshot>,
    pub access: Access,
    /// Keys of all vendors, where bodies are kept: never to be stored.
    pub secrets: Arc<Secrets>,
    /// By provider index.
    vendors: Vec<Vendor>,
}

/// A provider, ready to be asked.
pub struct Vendor {
    pub name: Arc<str>,
    lines: Vec<Line>,
    /// Never to be shown to a client: keys and host names of this vendor.
    pub secrets: Vec<String>,
}

/// One format of a provider, ready to be asked.
pub struct Line {
    pub format: Format,
    pub host: Arc<Host>,
    /// With the version, without a slash at the end.
    pub base_path: String,
    pub authority: HeaderValue,
    pub auth_name: HeaderName,
    /// By key index; `None`: this key sends no credential.
    pub keys: Vec<Option<HeaderValue>>,
    /// What the configuration adds.
    pub extra: Vec<(HeaderName, HeaderValue)>,
    pub traits: Traits,
    /// Whose opaque state the answers hold: the vendor is its host, whatever the account.
    pub issuer: Issuer,
}

impl Wiring {
    /// Makes everything of a snapshot's configuration.
    ///
    /// # Errors
    /// Says what cannot be made: a CA file without certificates, a key that no header can carry.
    pub fn new(snapshot: Arc<Snapshot>, hosts: &Hosts) -> Result<Wiring, String> {
        let gateway: &Gateway = &snapshot.gateway;
        let table = hosts.adopt(gateway)?;
        let vendors = gateway
            .providers
            .iter()
            .zip(table)
            .map(|(provider, hosts)| vendor(provider, hosts))
            .collect::<Result<_, _>>()?;
        Ok(Wiring {
            access: Access::new(gateway),
            secrets: Arc::new(secrets(gateway)),
            vendors,
            snapshot,
        })
    }

    pub fn vendor(&self, provider: usize) -> Option<&Vendor> {
        self.vendors.get(provider)
    }
}

impl Wiring {
    /// A pool's name in metrics: bounded by the configuration, whatever names strangers make up below a glob.
    pub fn label(&self, lane: &Lane) -> Arc<str> {
        if lane.real().is_none() {
            lane.pool().name.as_str().into()
        } else {
            MADE_UP.into()
        }
    }

    /// Puts the states of endpoints and keys, as they are now, into the metrics.
    pub fn show_states(&self) {
        let now = clock::now();
        let registry = self.snapshot.registry();
        let names = Names::of(&self.snapshot.gateway);
        let mut states = Worst::default();
        for standing in registry.endpoints() {
            let state = match standing.state(now) {
                State::Well => 0.0,
                State::HalfOpen => 1.0,
                State::Cooling { .. } => 2.0,
                State::Open { .. } => 3.0,
            };
            let (provider, model) = (standing.provider(), standing.model());
            states.add([provider, names.label(provider, model), ""], state);
        }
        metrics::ENDPOINT_STATE.reset();
        for ([provider, model, _], state) in states.0 {
            metrics::ENDPOINT_STATE
                .with_label_values(&[provider, model])
                .set(state);
        }
        self.show_quotas(now);
        self.show_limits(now);
        let mut states = Worst::default();
        for key in registry.keys() {
            let state = match (key.mark(), key.held(now)) {
                (Some(_), _) => 2.0,
                (None, Some(_)) => 1.0,
                (None, None) => 0.0,
            };
            let (provider, model) = (key.provider(), key.model());
            states.add(
                [provider, names.label(provider, model), key.masked()],
                state,
            );
        }
        metrics::KEY_STATE.reset();
        for (labels, state) in states.0 {
            metrics::KEY_STATE.with_label_values(&labels).set(state);
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "a metric is a float, and exact up to 2^53"
    )]
    fn show_quotas(&self, now: Tick) {
        let gauges = [
            &metrics::QUOTA_USED,
            &metrics::QUOTA_RESERVED,
            &metrics::QUOTA_LIMIT,
            &metrics::QUOTA_RESET,
        ];
        gauges.iter().for_each(|gauge| gauge.reset());
        for meter in self.snapshot.meters() {
            let (name, reading) = (meter.name(), meter.read(now));
            let labels = [&*name.pool, &*name.provider, &*name.model];
            metrics::QUOTA_RESET
                .with_label_values(&labels)
                .set(reading.window.ends as f64);
            let [pool, provider, model] = labels;
            let (used, reserved, quota) = (reading.used, reading.reserved, &reading.quota);
            for (of, used, reserved, limit) in [
                ("requests", used.requests, reserved.requests, quota.requests),
                ("tokens", used.tokens, reserved.tokens, quota.tokens),
            ] {
                let labels = [pool, provider, model, of];
                let set = |gauge: &prometheus::GaugeVec, n: u64| {
                    gauge.with_label_values(&labels).set(n as f64);
                };
                set(&metrics::QUOTA_USED, used);
                set(&metrics::QUOTA_RESERVED, reserved);
                if let Some(limit) = limit {
                    set(&metrics::QUOTA_LIMIT, limit);
                }
            }
        }
    }
}

impl Wiring {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a metric is a float, and exact up to 2^53"
    )]
    fn show_limits(&self, now: Tick) {
        let gauges = [
            &metrics::LIMIT_USED,
            &metrics::LIMIT_RESERVED,
            &metrics::LIMIT_MOST,
        ];
        gauges.iter().for_each(|gauge| gauge.reset());
        for purse in self.snapshot.limited() {
            let (owner, state) = (purse.owner(), purse.read(now));
            let set = |gauge: &GaugeVec, of: &str, n: f64| {
                let labels = [owner.kind(), owner.name(), of];
                gauge.with_label_values(&labels).set(n);
            };
            let allowed = &state.allowance;
            for (of, most, used) in [
                ("rpm", allowed.rpm, state.requests),
                ("tpm", allowed.tpm, state.tokens),
                ("concurrency", allowed.concurrency, state.running),
            ] {
                if let Some(most) = most {
                    set(&metrics::LIMIT_MOST, of, most as f64);
                    set(&metrics::LIMIT_USED, of, used as f64);
                }
            }
            for TermState {
                quota,
                used,
                reserved,
                ..
            } in &state.terms
            {
                for (of, most, used, reserved, unit) in [
                    (
                        "requests",
                        quota.requests,
                        used.requests,
                        reserved.requests,
                        1.0,
                    ),
                    ("tokens", quota.tokens, used.tokens, reserved.tokens, 1.0),
                    (
                        "budget",
                        quota.nano_usd,
                        used.nano_usd,
                        reserved.nano_usd,
                        1e9,
                    ),
                ] {
                    if let Some(most) = most {
                        set(&metrics::LIMIT_MOST, of, most as f64 / unit);
                        set(&metrics::LIMIT_USED, of, used as f64 / unit);
                        set(&metrics::LIMIT_RESERVED, of, reserved as f64 / unit);
                    }
                }
            }
        }
    }
}

/// The models that figures may name.
struct Names<'a> {
    gateway: &'a Gateway,
    endpoints: HashSet<(&'a str, &'a str)>,
}

impl<'a> Names<'a> {
    fn of(gateway: &'a Gateway) -> Names<'a> {
        let endpoints = gateway.models.iter().flat_map(|model| &model.endpoints);
        let named = endpoints.filter_map(|endpoint| {
            let provider = gateway.providers.get(endpoint.provider)?;
            Some((&*provider.name, &*endpoint.model))
        });
        Names {
            endpoints: named.collect(),
            gateway,
        }
    }

    fn label<'m>(&self, provider: &str, model: &'m str) -> &'m str {
        let listed = || {
            let mut providers = self.gateway.providers.iter();
            let provider = providers.find(|known| known.name == provider);
            provider.is_some_and(|provider| is_listed(self.gateway, provider, model))
        };
        match self.endpoints.contains(&(provider, model)) || listed() {
            true => model,
            false => MADE_UP,
        }
    }
}

/// States by their labels: of those that share them, the worst.
#[derive(Default)]
struct Worst(BTreeMap<[String; 3], f64>);

impl Worst {
    fn add(&mut self, labels: [&str; 3], state: f64) {
        let worst = self.0.entry(labels.map(str::to_owned)).or_default();
        *worst = worst.max(state);
    }
}

impl Vendor {
    pub fn line(&self, format: Format) -> Option<&Line> {
        self.lines.iter().find(|line| line.format == format)
    }
}

/// Keys and admin key, and what the configuration's own headers carry.
fn secrets(gateway: &Gateway) -> Secrets {
    if gateway.log.bodies.is_none() {
        return Secrets::default();
    }
    let providers = gateway.providers.iter();
    let keys = providers.clone().flat_map(|provider| provider.keys.own());
    let keys = keys.filter_map(|key| key.value.as_ref());
    let keys = keys.chain(&gateway.admin_key).map(Secret::reveal);
    let headers = providers.flat_map(|provider| &provider.headers);
    Secrets::of(keys.chain(headers.map(|(_, value)| value.as_str())))
}

fn vendor(provider: &Provider, hosts: Vec<Arc<Host>>) -> Result<Vendor, String> {
    let mut secrets: Vec<String> = provider
        .offers
        .iter()
        .map(|offer| offer.base.authority())
        .collect();
    secrets.extend(provider.offers.iter().map(|offer| offer.base.host.clone()));
    if let Keys::Own(keys) = &provider.keys {
        secrets.extend(
            keys.iter()
                .filter_map(|key| key.value.as_ref())
                .map(|key| key.reveal().to_owned()),
        );
    }
    let lines = provider
        .offers
        .iter()
        .zip(hosts)
        .map(|(offer, host)| line(provider, offer, host));
    Ok(Vendor {
        name: provider.name.as_str().into(),
        lines: lines.collect::<Result<_, _>>()?,
        secrets,
    })
}

fn line(provider: &Provider, offer: &Offer, host: Arc<Host>) -> Result<Line, String> {
    let auth = &offer.auth;
    let (auth_name, _) = auth_header(&auth.header, "", "", "")?;
    let keys = match &provider.keys {
        Keys::Passthrough => Vec::new(),
        Keys::Own(keys) => keys
            .iter()
            .map(|key| match &key.value {
                None => Ok(None),
                Some(value) => {
                    auth_header(&auth.header, &auth.prefix, value.reveal(), &auth.suffix)
                        .map(|(_, value)| Some(value))
                }
            })
            .collect::<Result<_, String>>()?,
    };
    let extra = provider
        .headers
        .iter()
        .map(|(name, value)| auth_header(name, value, "", ""))
        .collect::<Result<_, _>>()?;
    Ok(Line {
        format: offer.format,
        traits: offer.traits.clone(),
        issuer: Issuer {
            vendor: xxh3_64(offer.base.authority().as_bytes()),
            format: offer.format,
        },
        host,
        base_path: offer.base.path.clone(),
        authority: HeaderValue::try_from(offer.base.authority()).map_err(|_| {
            format!(
                "{}: the base URL's host cannot stand in a header",
                provider.name
            )
        })?,
        auth_name,
        keys,
        extra,
    })
}
