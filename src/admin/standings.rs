//! How everything stands now: endpoints and their keys, quotas, what client keys and tenants have used.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Admin;
use super::door::Viewer;
use super::input::{Body, wrong_body};
use super::problem::{Problem, Why};
use super::time::whole_millis;
use crate::clock::{self, Tick};
use crate::ledger::{Amount, Term, Window};
use crate::live::{KeyStanding, Lane, MeterName, Owner, Purse, Snapshot, Standing};
use crate::route::{Seat, Spot};
use crate::store::{self, Name, Note};

/// Endpoints, pool by pool, tier by tier.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Endpoints {
    items: Vec<Endpoint>,
}

/// An endpoint of a pool.
#[derive(Debug, Serialize, ToSchema)]
struct Endpoint {
    /// The virtual model.
    #[schema(example = "sonnet")]
    pool: String,
    /// Whose tier it is: the pool itself, or one of its fallbacks.
    of: String,
    /// Counts from 1, on over fallbacks.
    tier: u16,
    priority: u32,
    weight: u32,
    provider: String,
    /// The upstream model; `*`: the one that was asked for.
    model: String,
    enabled: bool,
    /// `well`; `half_open`: its deadline is over, one request at a time finds out; `cooling`; `open`.
    #[schema(example = "well")]
    state: &'static str,
    /// Of one that is cooling or open.
    #[serde(skip_serializing_if = "Option::is_none")]
    back_in_ms: Option<u64>,
    in_flight: u32,
    keys: Vec<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Usage>,
}

/// A provider key, for this endpoint's model.
#[derive(Debug, Serialize, ToSchema)]
struct Key {
    #[schema(example = "sk-…wxyz")]
    masked: String,
    /// `well`, `limited`, or why the vendor refused it: `unauthenticated`, `unpaid`, `forbidden`.
    #[schema(example = "well")]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    back_in_ms: Option<u64>,
}

/// What is used of a quota or a budget since its last reset.
#[derive(Debug, Serialize, ToSchema)]
struct Usage {
    /// `quota` or `budget`
    limit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<Money>,
    #[schema(format = DateTime)]
    since: String,
    #[schema(format = DateTime)]
    resets_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Count {
    used: u64,
    /// By calls under way.
    reserved: u64,
    limit: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Money {
    used: f64,
    reserved: f64,
    limit: f64,
}

/// Everything that has a limit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Limits {
    client_keys: Vec<Account>,
    tenants: Vec<Account>,
    endpoints: Vec<EndpointQuota>,
}

/// What a client key or a tenant uses of its limits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Account {
    name: String,
    /// Requests within the last 60 s: counted where there is an `rpm` or a `tpm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rpm: Option<Rate>,
    /// Tokens within the last 60 s, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    tpm: Option<Rate>,
    /// Calls under way.
    concurrency: Rate,
    terms: Vec<Usage>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Rate {
    used: u64,
    /// Left out: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct EndpointQuota {
    pool: String,
    provider: String,
    model: String,
    #[serde(flatten)]
    usage: Usage,
}

/// Whose quota, budget and rate (`rpm`, `tpm`) begin anew: one of these. Also of one that was deleted, for the next of that name.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    client_key: Option<String>,
    tenant: Option<String>,
    endpoint: Option<EndpointName>,
}

/// An endpoint with a quota.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndpointName {
    /// The virtual model.
    pool: String,
    provider: String,
    model: String,
}

/// What was used up to the reset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WasReset {
    reset: Vec<String>,
}

/// How every endpoint stands
#[utoipa::path(
    get,
    path = "/endpoints",
    tag = "gateway",
    responses((status = 200, description = "All of them, by pool and tier", body = Endpoints))
)]
pub(super) async fn endpoints(State(admin): State<Arc<Admin>>) -> Json<Endpoints> {
    let (snapshot, now) = (admin.live.snapshot(), clock::now());
    let lanes = snapshot.lanes().iter();
    let items = lanes
        .flat_map(|lane| of_lane(&snapshot, lane, now))
        .collect();
    Json(Endpoints { items })
}

fn of_lane(snapshot: &Snapshot, lane: &Lane, now: Tick) -> Vec<Endpoint> {
    let mut all = Vec::new();
    for (stage, tier) in (0_u16..).zip(&lane.pool().stages) {
        for (seat, one) in (0_u16..).zip(&tier.seats) {
            let spot = Spot { stage, seat };
            let standing = lane.standing(spot);
            let (state, back_in_ms) = state(standing, now);
            all.push(Endpoint {
                pool: lane.pool().name.clone(),
                of: tier.model.clone(),
                tier: stage + 1,
                priority: tier.priority,
                weight: one.weight,
                provider: one.provider_name.to_string(),
                model: one.model.to_string(),
                enabled: one.enabled,
                state,
                back_in_ms,
                in_flight: standing.in_flight(),
                keys: keys(snapshot, lane, (spot, one), now),
                quota: lane.meter(spot).map(|meter| {
                    let reading = meter.read(now);
                    usage(
                        ("quota", reading.quota.requests, reading.quota.tokens, None),
                        reading.window,
                        (reading.used, reading.reserved),
                    )
                }),
            });
        }
    }
    all
}

pub(super) fn state(standing: &Standing, now: Tick) -> (&'static str, Option<u64>) {
    use crate::live::State;
    match standing.state(now) {
        State::Well => ("well", None),
        State::HalfOpen => ("half_open", None),
        State::Cooling { until } => ("cooling", Some(millis(until, now))),
        State::Open { until } => ("open", Some(millis(until, now))),
    }
}

fn millis(until: Tick, now: Tick) -> u64 {
    whole_millis(until.since(now))
}

fn keys(snapshot: &Snapshot, lane: &Lane, (spot, seat): (Spot, &Seat), now: Tick) -> Vec<Key> {
    let provider = snapshot.gateway.providers.get(seat.provider);
    let of = |key: &Arc<KeyStanding>| {
        let held = key.held(now);
        Key {
            masked: key.masked().to_owned(),
            state: match (key.mark(), held) {
                (Some(mark), _) => mark.name(),
                (None, Some(_)) => "limited",
                (None, None) => "well",
            },
            back_in_ms: held.map(|until| millis(until, now)),
        }
    };
    provider.map_or_else(Vec::new, |_| {
        (0..seat.keys).map(|key| of(lane.key(spot, key))).collect()
    })
}

/// `limits`: which it is, and its requests, tokens and nanodollars.
fn usage(
    (limit, requests, tokens, nano_usd): (&'static str, Option<u64>, Option<u64>, Option<u64>),
    window: Window,
    (used, reserved): (Amount, Amount),
) -> Usage {
    let count = |used, reserved, limit: Option<u64>| {
        limit.map(|limit| Count {
            used,
            reserved,
            limit,
        })
    };
    Usage {
        limit,
        requests: count(used.requests, reserved.requests, requests),
        tokens: count(used.tokens, reserved.tokens, tokens),
        cost_usd: nano_usd.map(|limit| Money {
            used: usd(used.nano_usd),
            reserved: usd(reserved.nano_usd),
            limit: usd(limit),
        }),
        since: time(window.began),
        resets_at: time(window.ends),
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "exact up to nine million USD, and shown, not counted with"
)]
fn usd(nano: u64) -> f64 {
    nano as f64 / 1e9
}

fn time(second: i64) -> String {
    Timestamp::from_second(second)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

/// What is used of every limit
#[utoipa::path(
    get,
    path = "/limits",
    tag = "limits",
    responses((status = 200, description = "Of client keys, tenants and endpoints that have any", body = Limits))
)]
pub(super) async fn limits(State(admin): State<Arc<Admin>>) -> Json<Limits> {
    let (snapshot, now) = (admin.live.snapshot(), clock::now());
    let mut limits = Limits {
        client_keys: Vec::new(),
        tenants: Vec::new(),
        endpoints: Vec::new(),
    };
    for purse in snapshot.limited() {
        let account = account(purse, now);
        match purse.owner() {
            Owner::Key(_) => limits.client_keys.push(account),
            Owner::Tenant(_) => limits.tenants.push(account),
        }
    }
    for meter in snapshot.meters() {
        let (name, reading) = (meter.name().clone(), meter.read(now));
        let told = ("quota", reading.quota.requests, reading.quota.tokens, None);
        limits.endpoints.push(EndpointQuota {
            pool: name.pool,
            provider: name.provider,
            model: name.model,
            usage: usage(told, reading.window, (reading.used, reading.reserved)),
        });
    }
    Json(limits)
}

pub(super) fn account(purse: &Purse, now: Tick) -> Account {
    let state = purse.read(now);
    let terms = state.terms.iter().map(|term| {
        let quota = &term.quota;
        let told = (
            term.term.name(),
            quota.requests,
            quota.tokens,
            quota.nano_usd,
        );
        usage(told, term.window, (term.used, term.reserved))
    });
    let rate = |used, limit: Option<u64>| Rate { used, limit };
    let (rpm, tpm) = (state.allowance.rpm, state.allowance.tpm);
    let lately = |used, limit| (rpm.is_some() || tpm.is_some()).then(|| rate(used, limit));
    Account {
        name: purse.owner().name().to_owned(),
        rpm: lately(state.requests, rpm),
        tpm: lately(state.tokens, tpm),
        concurrency: rate(state.running, state.allowance.concurrency),
        terms: terms.collect(),
    }
}

/// Let a quota, a budget and a rate begin anew
#[utoipa::path(
    post,
    path = "/limits/reset",
    tag = "limits",
    request_body = Reset,
    responses((status = 200, description = "What has begun anew", body = WasReset),
              (status = 404, description = "It has none of them", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn reset(
    State(admin): State<Arc<Admin>>,
    Viewer(who): Viewer,
    Body(asked): Body<Reset>,
) -> Result<Json<WasReset>, Problem> {
    let (snapshot, now) = (admin.live.snapshot(), clock::now());
    let registry = snapshot.registry();
    let done = |name: Name, told: String| store::reset(registry, &name, now).then_some(told);
    let of_owner = |owner: Owner| -> Vec<String> {
        let terms = Term::BOTH.into_iter().filter_map(|term| {
            let told = format!("{} of {owner}", term.name());
            done(Name::Term((owner.clone(), term)), told)
        });
        let rate = done(Name::Rate(owner.clone()), format!("rate of {owner}"));
        terms.chain(rate).collect()
    };
    let reset = match asked {
        Reset {
            client_key: Some(name),
            tenant: None,
            endpoint: None,
        } => of_owner(Owner::Key(name)),
        Reset {
            client_key: None,
            tenant: Some(name),
            endpoint: None,
        } => of_owner(Owner::Tenant(name)),
        Reset {
            client_key: None,
            tenant: None,
            endpoint:
                Some(EndpointName {
                    pool,
                    provider,
                    model,
                }),
        } => {
            let name = MeterName {
                pool,
                provider,
                model,
            };
            let told = format!("quota of {name}");
            done(Name::Endpoint(name), told).into_iter().collect()
        }
        _ => {
            let needed = "one of `client_key`, `tenant` and `endpoint` is needed";
            return Err(wrong_body(None, needed));
        }
    };
    if reset.is_empty() {
        return Err(Problem::new(
            Why::NotFound,
            "It has no quota, budget or rate that could begin anew.",
        ));
    }
    let after = serde_json::json!(reset);
    let note = Note {
        action: "reset",
        kind: Some("limit"),
        name: None,
        before: None,
        after: Some(&after),
    };
    if let Ok(desk) = admin.desk() {
        desk.note(&note, &who.author()).await;
    }
    Ok(Json(WasReset { reset }))
}
