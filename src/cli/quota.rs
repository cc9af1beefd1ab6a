//! `tidegate quota`: what is used of the quotas and budgets of endpoints, client keys and tenants, and resetting it by hand.
//!
//! It reads and writes the journal that the gateway keeps (`store`), and so works whether one runs or not; what is shown
//! is a second old at most. Of what was made while the gateway ran (objects of the database) it knows what was used, not
//! the limit.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Exit, Quota, QuotaWhat, source};
use crate::clock;
use crate::config::{self, Env, Gateway, Overrides, Style};
use crate::ledger::{Amount, Term, Usd, Window};
use crate::live::{MeterName, Owner};
use crate::store::{Journal, Name};

/// Stands for the demo vendor, which is not asked anything.
const DEMO: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8898);

/// Shows or resets. [`Exit::Wrong`] where the configuration is no good or has no such quota.
pub fn quota(asked: &Quota, env: &Env, style: Style, out: &mut dyn Write) -> std::io::Result<Exit> {
    let source = source(asked.conf.clone());
    let loaded = match config::load(&source, env, &Overrides::default(), Some(DEMO)) {
        Ok(loaded) => loaded,
        Err(report) => {
            writeln!(out, "{}", report.render(style).trim_end())?;
            return Ok(Exit::Wrong);
        }
    };
    let (gateway, wall) = (&loaded.gateway, clock::wall());
    match &asked.what {
        None | Some(QuotaWhat::List) => {
            let rows = rows(gateway, wall)?;
            if asked.json {
                let rows: Vec<Value> = rows.iter().map(Row::json).collect();
                writeln!(out, "{:#}", Value::Array(rows))?;
            } else {
                print(&rows, style, out)?;
            }
            Ok(Exit::Well)
        }
        Some(QuotaWhat::Reset {
            model,
            endpoint,
            key,
            tenant,
        }) => {
            let wanted = |name: &Name| match name {
                Name::Endpoint(name) => {
                    let at = format!("{}/{}", name.provider, name.model);
                    Some(&name.pool) == model.as_ref()
                        && endpoint.as_ref().is_none_or(|wanted| *wanted == at)
                }
                Name::Term((Owner::Key(name), _)) => Some(name) == key.as_ref(),
                Name::Term((Owner::Tenant(name), _)) => Some(name) == tenant.as_ref(),
            };
            let all: Vec<Name> = rows(gateway, wall)?
                .into_iter()
                .map(|row| row.name)
                .collect();
            let chosen: Vec<&Name> = all.iter().filter(|name| wanted(name)).collect();
            reset(&chosen, &all, gateway, (asked.json, style, out))
        }
    }
}

fn reset(
    chosen: &[&Name],
    all: &[Name],
    gateway: &Gateway,
    (json, style, out): (bool, Style, &mut dyn Write),
) -> std::io::Result<Exit> {
    let journal = Journal::below(&gateway.data);
    for name in chosen {
        journal.ask_reset(name, clock::wall())?;
    }
    let shown = |names: &mut dyn Iterator<Item = &Name>| -> Vec<String> {
        names.map(|name| words(name).join(" ")).collect()
    };
    let done = shown(&mut chosen.iter().copied());
    if json {
        writeln!(out, "{}", json!({ "ok": !done.is_empty(), "reset": done }))?;
    } else if done.is_empty() {
        let known = shown(&mut all.iter());
        let known = if known.is_empty() {
            "nothing has a quota".to_owned()
        } else {
            format!("there are: {}", known.join(", "))
        };
        writeln!(
            out,
            "{} no such quota, or nothing was used of it; {known}",
            style.red("bad")
        )?;
    }
    for name in done.iter().filter(|_| !json) {
        writeln!(
            out,
            "{} {name} is reset; a running gateway knows within a second",
            style.green("ok")
        )?;
    }
    Ok(if done.is_empty() {
        Exit::Wrong
    } else {
        Exit::Well
    })
}

/// Every quota of a configuration: of endpoints, then of tenants, then of client keys.
fn quotas(gateway: &Gateway) -> impl Iterator<Item = (Name, &config::Quota)> {
    let tenants = gateway.tenants.iter();
    let tenants = tenants.map(|one| (Owner::Tenant(one.name.clone()), &one.allowance));
    let keys = gateway.client_keys.iter();
    let keys = keys.map(|one| (Owner::Key(one.name.clone()), &one.allowance));
    let terms = tenants.chain(keys).flat_map(|(owner, allowance)| {
        let both = [
            (Term::Quota, allowance.quota.as_deref()),
            (Term::Budget, allowance.budget.as_deref()),
        ];
        both.into_iter()
            .filter_map(move |(term, quota)| Some((Name::Term((owner.clone(), term)), quota?)))
    });
    of_endpoints(gateway).chain(terms)
}

fn of_endpoints(gateway: &Gateway) -> impl Iterator<Item = (Name, &config::Quota)> {
    let endpoints = gateway.models.iter().flat_map(|model| {
        model
            .endpoints
            .iter()
            .map(move |endpoint| (model, endpoint))
    });
    endpoints.filter_map(|(model, endpoint)| {
        let name = MeterName {
            pool: model.name.clone(),
            provider: gateway.providers.get(endpoint.provider)?.name.clone(),
            model: endpoint.model.clone(),
        };
        Some((Name::Endpoint(name), endpoint.quota.as_ref()?))
    })
}

/// Whose it is, and which of theirs.
fn words(name: &Name) -> [String; 2] {
    match name {
        Name::Endpoint(name) => [
            name.pool.clone(),
            format!("{}/{}", name.provider, name.model),
        ],
        Name::Term((owner, term)) => [owner.to_string(), term.name().to_owned()],
    }
}

/// One quota as it is shown.
struct Row {
    name: Name,
    /// `None`: the configuration does not say it.
    quota: Option<config::Quota>,
    window: Window,
    used: Amount,
    reserved: Amount,
}

fn rows(gateway: &Gateway, wall: Duration) -> std::io::Result<Vec<Row>> {
    let mut kept = Journal::below(&gateway.data).load()?;
    kept.retain(|_, kept| !kept.used.window.is_over(wall));
    let row = |(name, quota): (Name, &config::Quota)| {
        let kept = kept.remove(&name);
        Row {
            window: kept.as_ref().map_or_else(
                || Window::at(&quota.calendar, wall),
                |kept| kept.used.window,
            ),
            used: kept
                .as_ref()
                .map(|kept| kept.used.amount)
                .unwrap_or_default(),
            reserved: kept.map(|kept| kept.reserved).unwrap_or_default(),
            quota: Some(quota.clone()),
            name,
        }
    };
    let mut rows: Vec<Row> = quotas(gateway).map(row).collect();
    rows.extend(kept.into_iter().map(|(name, kept)| Row {
        name,
        quota: None,
        window: kept.used.window,
        used: kept.used.amount,
        reserved: kept.reserved,
    }));
    Ok(rows)
}

impl Row {
    fn json(&self) -> Value {
        let of = |used, reserved, limit: Option<u64>| json!({ "used": used, "reserved": reserved, "limit": limit });
        let quota = self.quota.as_ref();
        let limit = |which: fn(&config::Quota) -> Option<u64>| quota.and_then(which);
        let (requests, tokens) = (limit(|quota| quota.requests), limit(|quota| quota.tokens));
        let mut row = json!({
            "requests": of(self.used.requests, self.reserved.requests, requests),
            "tokens": of(self.used.tokens, self.reserved.tokens, tokens),
            "since": time(self.window.began),
            "resets_at": time(self.window.ends),
        });
        match quota {
            None => row["unlisted"] = true.into(),
            Some(quota) => {
                row["reset"] = quota.calendar.cron.text().into();
                row["time_zone"] = quota.calendar.zone.iana_name().into();
            }
        }
        let [whose, which] = words(&self.name);
        let mut say = |key: &str, value: String| row[key] = Value::String(value);
        match &self.name {
            Name::Endpoint(_) => {
                say("model", whose);
                say("endpoint", which);
            }
            Name::Term((owner, _)) => {
                say(owner.kind(), owner.name().to_owned());
                say("limit", which);
            }
        }
        if let Some(limit) = limit(|quota| quota.nano_usd) {
            let [used, reserved, limit] = self.money(limit);
            row["usd"] = json!({ "used": used, "reserved": reserved, "limit": limit });
        }
        row
    }

    /// Used, reserved and limit in USD, exact and so as text.
    fn money(&self, limit: u64) -> [String; 3] {
        [self.used.nano_usd, self.reserved.nano_usd, limit].map(|nano| Usd(nano).to_string())
    }

    /// As columns.
    fn cells(&self) -> [String; 6] {
        let quota = self.quota.as_ref();
        let of = |used: u64, reserved: u64, limit: Option<u64>| {
            let limit = match (quota, limit) {
                (None, _) => "?".to_owned(),
                (_, None) => "no limit".to_owned(),
                (_, Some(limit)) => limit.to_string(),
            };
            let reserved = match reserved {
                0 => String::new(),
                n => format!(" (+{n})"),
            };
            format!("{used}{reserved} / {limit}")
        };
        let ends = Timestamp::from_second(self.window.ends).unwrap_or(Timestamp::MAX);
        let zone = quota.map_or(TimeZone::UTC, |quota| quota.calendar.zone.clone());
        let ends = ends.to_zoned(zone);
        let limit = quota.and_then(|quota| quota.nano_usd);
        let usd = match limit.map(|limit| self.money(limit)) {
            None if quota.is_none() && self.used.nano_usd > 0 => {
                format!("{} / ?", Usd(self.used.nano_usd))
            }
            None => "-".to_owned(),
            Some([used, reserved, limit]) if reserved == "0" => format!("{used} / {limit}"),
            Some([used, reserved, limit]) => format!("{used} (+{reserved}) / {limit}"),
        };
        let [whose, which] = words(&self.name);
        [
            whose,
            which,
            of(
                self.used.requests,
                self.reserved.requests,
                quota.and_then(|quota| quota.requests),
            ),
            of(
                self.used.tokens,
                self.reserved.tokens,
                quota.and_then(|quota| quota.tokens),
            ),
            usd,
            ends.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        ]
    }
}

fn time(second: i64) -> String {
    Timestamp::from_second(second)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

fn print(rows: &[Row], style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "nothing has a quota");
    }
    let head = ["OF", "WHICH", "REQUESTS", "TOKENS", "USD", "RESETS AT"].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(head)
        .chain(rows.iter().map(Row::cells))
        .collect();
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for (at, line) in lines.iter().enumerate() {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let text = cells.collect::<Vec<_>>().join("  ");
        let text = text.trim_end();
        writeln!(
            out,
            "{}",
            if at == 0 {
                style.bold(text)
            } else {
                text.to_owned()
            }
        )?;
    }
    Ok(())
}
