//! `quota` where no gateway answers: the journal that one keeps, and the limits that the file says.
//!
//! It says what it finds in the shape of the API's `/limits`. Of what was made while a gateway ran (objects of the
//! database) it knows what was used, not the limit.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::QuotaReset;
use crate::config::{self, Gateway};
use crate::ledger::{Amount, Term, Window};
use crate::live::{MeterName, Owner};
use crate::store::{Counters, Journal, Kept, Name};

/// What has a limit, or had one.
struct Row {
    name: Name,
    most: Most,
    kept: Option<Kept>,
}

/// What is allowed.
enum Most {
    Window(config::Quota),
    Rate {
        rpm: Option<u64>,
        tpm: Option<u64>,
    },
    /// The file does not say it.
    Unknown,
}

/// Everything that has a limit, as `/limits` would say it.
pub(super) fn limits(gateway: &Gateway, wall: Duration) -> std::io::Result<Value> {
    let mut endpoints = Vec::new();
    let mut accounts: BTreeMap<Owner, Value> = BTreeMap::new();
    for row in rows(gateway, wall)? {
        let account = |owner: &Owner| json!({ "name": owner.name(), "terms": [] });
        match &row.name {
            Name::Endpoint(name) => {
                let mut told = row.window("quota", wall);
                told["pool"] = name.pool.clone().into();
                told["provider"] = name.provider.clone().into();
                told["model"] = name.model.clone().into();
                endpoints.push(told);
            }
            Name::Term((owner, term)) => {
                let account = accounts
                    .entry(owner.clone())
                    .or_insert_with(|| account(owner));
                if let Some(terms) = account["terms"].as_array_mut() {
                    terms.push(row.window(term.name(), wall));
                }
            }
            Name::Rate(owner) => {
                let account = accounts
                    .entry(owner.clone())
                    .or_insert_with(|| account(owner));
                [account["rpm"], account["tpm"]] = row.rates();
            }
        }
    }
    let (keys, tenants): (Vec<_>, Vec<_>) = accounts
        .into_iter()
        .partition(|(owner, _)| matches!(owner, Owner::Key(_)));
    let told = |of: Vec<(Owner, Value)>| of.into_iter().map(|(_, told)| told).collect::<Vec<_>>();
    Ok(json!({
        "client_keys": told(keys),
        "tenants": told(tenants),
        "endpoints": endpoints,
        "journal": Journal::below(&gateway.data).path(),
    }))
}

/// Asks for a reset, of the gateway that runs or of its next start: what will begin anew.
pub(super) fn reset(
    asked: &QuotaReset,
    gateway: &Gateway,
    wall: Duration,
) -> std::io::Result<Vec<String>> {
    let journal = Journal::below(&gateway.data);
    let mut done = Vec::new();
    for row in rows(gateway, wall)? {
        let (wanted, told) = match &row.name {
            Name::Endpoint(name) => {
                let at = format!("{}/{}", name.provider, name.model);
                (
                    asked.is_endpoint(&name.pool, &at),
                    format!("quota of {name}"),
                )
            }
            Name::Term((owner, term)) => (
                is_whose(asked, owner),
                format!("{} of {owner}", term.name()),
            ),
            Name::Rate(owner) => (is_whose(asked, owner), format!("rate of {owner}")),
        };
        if wanted {
            journal.ask_reset(&row.name, wall)?;
            done.push(told);
        }
    }
    Ok(done)
}

fn is_whose(asked: &QuotaReset, owner: &Owner) -> bool {
    match owner {
        Owner::Key(name) => asked.key.as_ref() == Some(name),
        Owner::Tenant(name) => asked.tenant.as_ref() == Some(name),
    }
}

fn rows(gateway: &Gateway, wall: Duration) -> std::io::Result<Vec<Row>> {
    let mut kept: Counters = Journal::below(&gateway.data).load()?;
    kept.retain(|_, kept| match kept {
        Kept::Window { used, .. } => !used.window.is_over(wall),
        Kept::Rate(past) => {
            past.retain(|sum| !sum.is_over(wall));
            !past.is_empty()
        }
    });
    let owners = owners(gateway).flat_map(|(owner, allowance)| of_owner(&owner, allowance));
    let mut rows: Vec<Row> = of_endpoints(gateway)
        .chain(owners)
        .map(|(name, most)| Row {
            kept: kept.remove(&name),
            name,
            most,
        })
        .collect();
    rows.extend(kept.into_iter().map(|(name, kept)| Row {
        name,
        most: Most::Unknown,
        kept: Some(kept),
    }));
    Ok(rows)
}

fn of_endpoints(gateway: &Gateway) -> impl Iterator<Item = (Name, Most)> {
    let models = gateway.models.iter();
    let endpoints = models.flat_map(|model| model.endpoints.iter().map(move |one| (model, one)));
    endpoints.filter_map(|(model, endpoint)| {
        let name = MeterName {
            pool: model.name.clone(),
            provider: gateway.providers.get(endpoint.provider)?.name.clone(),
            model: endpoint.model.clone(),
        };
        let quota = endpoint.quota.clone()?;
        Some((Name::Endpoint(name), Most::Window(quota)))
    })
}

fn owners(gateway: &Gateway) -> impl Iterator<Item = (Owner, &config::Allowance)> {
    let tenants = gateway.tenants.iter();
    let tenants = tenants.map(|one| (Owner::Tenant(one.name.clone()), &one.allowance));
    let keys = gateway.client_keys.iter();
    tenants.chain(keys.map(|one| (Owner::Key(one.name.clone()), &one.allowance)))
}

fn of_owner(owner: &Owner, allowance: &config::Allowance) -> Vec<(Name, Most)> {
    let both = [
        (Term::Quota, allowance.quota.as_deref()),
        (Term::Budget, allowance.budget.as_deref()),
    ];
    let terms = both.into_iter().filter_map(|(term, quota)| {
        let name = Name::Term((owner.clone(), term));
        Some((name, Most::Window(quota?.clone())))
    });
    let (rpm, tpm) = (allowance.rpm, allowance.tpm);
    let rate = (rpm.is_some() || tpm.is_some())
        .then(|| (Name::Rate(owner.clone()), Most::Rate { rpm, tpm }));
    terms.chain(rate).collect()
}

impl Row {
    /// Of a quota or a budget.
    fn window(&self, limit: &str, wall: Duration) -> Value {
        let quota = match &self.most {
            Most::Window(quota) => Some(quota),
            Most::Rate { .. } | Most::Unknown => None,
        };
        let (window, used, reserved) = match &self.kept {
            Some(Kept::Window { used, reserved }) => (used.window, used.amount, *reserved),
            Some(Kept::Rate(_)) | None => {
                let of_now = |quota: &config::Quota| Window::at(&quota.calendar, wall);
                let window = quota.map_or(Window { began: 0, ends: 0 }, of_now);
                (window, Amount::default(), Amount::default())
            }
        };
        let mut told = json!({
            "limit": limit,
            "since": time(window.began),
            "resets_at": time(window.ends),
        });
        let unknown = quota.is_none();
        let mut say = |name: &str, used: Value, reserved: Value, limit: Option<Value>| {
            told[name] = json!({ "used": used, "reserved": reserved });
            if let Some(limit) = limit {
                told[name]["limit"] = limit;
            }
        };
        let most = |of: fn(&config::Quota) -> Option<u64>| quota.and_then(of);
        for (name, used, reserved, most) in [
            (
                "requests",
                used.requests,
                reserved.requests,
                most(|quota| quota.requests),
            ),
            (
                "tokens",
                used.tokens,
                reserved.tokens,
                most(|quota| quota.tokens),
            ),
        ] {
            if unknown || most.is_some() {
                say(name, used.into(), reserved.into(), most.map(Value::from));
            }
        }
        let most = most(|quota| quota.nano_usd);
        if most.is_some() || unknown && used.nano_usd > 0 {
            let (used, reserved) = (usd(used.nano_usd), usd(reserved.nano_usd));
            say("cost_usd", used, reserved, most.map(usd));
        }
        told
    }

    /// `rpm` and `tpm`, as the last minute of the journal has them.
    fn rates(&self) -> [Value; 2] {
        let past = match &self.kept {
            Some(Kept::Rate(past)) => past.as_slice(),
            Some(Kept::Window { .. }) | None => &[],
        };
        let requests: u64 = past.iter().map(|sum| sum.requests).sum();
        let tokens: u64 = past.iter().map(|sum| sum.tokens).sum();
        let (rpm, tpm) = match &self.most {
            Most::Rate { rpm, tpm } => (*rpm, *tpm),
            Most::Window(_) | Most::Unknown => (None, None),
        };
        [(requests, rpm), (tokens, tpm)].map(|(used, most)| match most {
            None => json!({ "used": used }),
            Some(most) => json!({ "used": used, "limit": most }),
        })
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "exact up to nine million USD, and shown, not counted with"
)]
fn usd(nano: u64) -> Value {
    json!(nano as f64 / 1e9)
}

fn time(second: i64) -> String {
    Timestamp::from_second(second)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}
