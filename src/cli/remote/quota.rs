//! `quota`: what is used of every limit, and letting it begin anew by hand.
//!
//! It asks the gateway that runs. Where none does, it reads and writes the journal that one keeps.

use serde_json::{Value, json};

use super::args::{QuotaArgs, QuotaReset, QuotaWhat};
use super::table::{Table, cell, time};
use super::{Desk, Failed, Voice, journal};
use crate::cli::Exit;
use crate::clock;
use crate::config::Env;

const PATH: &str = "/limits";
const NONE: &str = "nothing has a limit";

pub(super) fn quota(asked: &QuotaArgs, env: &Env, voice: &mut Voice<'_>) -> Result<Exit, Failed> {
    let access = &asked.access;
    if let Some((gateway, why)) = access.nobody_here(env, voice.style)? {
        let wall = clock::wall();
        let note = voice.style.yellow("note");
        writeln!(
            voice.err,
            "{note} {why}: this is by the journal in {}",
            gateway.data.display()
        )?;
        return match &asked.what {
            None | Some(QuotaWhat::List) => {
                show(&journal::limits(&gateway, wall)?, access.json, voice)
            }
            Some(QuotaWhat::Reset(reset)) => {
                let done = journal::reset(reset, &gateway, wall)?;
                if done.is_empty() {
                    return Err(no_such(reset, &journal::limits(&gateway, wall)?));
                }
                begun(
                    &done,
                    "begins anew: at the next start, or within a second where one runs",
                    access.json,
                    voice,
                )
            }
        };
    }
    let desk = &mut Desk {
        client: access.client(env, voice.style)?,
        json: access.json,
        voice,
    };
    match &asked.what {
        None | Some(QuotaWhat::List) => {
            let limits = desk.client.get(PATH)?;
            show(&limits, desk.json, desk.voice)
        }
        Some(QuotaWhat::Reset(asked)) => {
            let done = reset(asked, desk)?;
            begun(&done, "begins anew", desk.json, desk.voice)
        }
    }
}

/// What has begun anew.
fn reset(asked: &QuotaReset, desk: &Desk<'_, '_>) -> Result<Vec<String>, Failed> {
    let bodies = match (&asked.key, &asked.tenant) {
        (Some(key), _) => vec![json!({ "client_key": key })],
        (None, Some(tenant)) => vec![json!({ "tenant": tenant })],
        (None, None) => {
            let limits = desk.client.get(PATH)?;
            let wanted = items(&limits, "endpoints").filter(|one| {
                let at = format!("{}/{}", cell(&one["provider"]), cell(&one["model"]));
                asked.is_endpoint(&cell(&one["pool"]), &at)
            });
            let name = |one: &Value| json!({ "pool": one["pool"], "provider": one["provider"], "model": one["model"] });
            wanted.map(|one| json!({ "endpoint": name(one) })).collect()
        }
    };
    let mut done = Vec::new();
    for body in &bodies {
        match desk.client.post("/limits/reset", body) {
            Ok(answer) => done.extend(items(&answer, "reset").map(cell)),
            Err(Failed::Refused(problem)) if problem["status"] == 404 => {}
            Err(failed) => return Err(failed),
        }
    }
    match done.is_empty() {
        true => Err(no_such(asked, &desk.client.get(PATH)?)),
        false => Ok(done),
    }
}

fn begun(done: &[String], how: &str, json: bool, voice: &mut Voice<'_>) -> Result<Exit, Failed> {
    if json {
        writeln!(voice.out, "{:#}", json!({ "reset": done }))?;
        return Ok(Exit::Well);
    }
    for name in done {
        let ok = voice.style.green("ok");
        writeln!(voice.out, "{ok} {} {how}", super::table::plain(name))?;
    }
    Ok(Exit::Well)
}

fn no_such(asked: &QuotaReset, limits: &Value) -> Failed {
    let whose = match (&asked.key, &asked.tenant, &asked.model, &asked.endpoint) {
        (Some(key), ..) => format!("key {key}"),
        (_, Some(tenant), ..) => format!("tenant {tenant}"),
        (_, _, Some(model), Some(endpoint)) => format!("{model} at {endpoint}"),
        (_, _, model, _) => model.clone().unwrap_or_default(),
    };
    let mut known = Vec::new();
    for (kind, list) in ACCOUNTS {
        let begins = |one: &&Value| {
            let terms = one["terms"].as_array();
            one["rpm"].is_object() || terms.is_some_and(|terms| !terms.is_empty())
        };
        let named = items(limits, list).filter(begins);
        known.extend(named.map(|one| format!("{kind} {}", cell(&one["name"]))));
    }
    known.extend(items(limits, "endpoints").map(|one| {
        let [pool, provider, model] = ["pool", "provider", "model"].map(|name| cell(&one[name]));
        format!("{pool} {provider}/{model}")
    }));
    let known = match known.is_empty() {
        true => "nothing has".to_owned(),
        false => format!("there are: {}", known.join(", ")),
    };
    Failed::Odd(super::table::plain(&format!(
        "{whose} has no quota, budget or rate that could begin anew; {known}"
    )))
}

const ACCOUNTS: [(&str, &str); 2] = [("tenant", "tenants"), ("key", "client_keys")];

fn items<'a>(of: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    of[list].as_array().into_iter().flatten()
}

fn show(limits: &Value, json: bool, voice: &mut Voice<'_>) -> Result<Exit, Failed> {
    if json {
        writeln!(voice.out, "{limits:#}")?;
    } else {
        table(limits).print(NONE, voice.style, voice.out)?;
    }
    Ok(Exit::Well)
}

/// Endpoints, tenants, keys: a line for each of their limits.
fn table(limits: &Value) -> Table {
    let mut table = Table::new(&[
        "OF",
        "WHICH",
        "REQUESTS",
        "TOKENS",
        "USD",
        "RESETS AT (UTC)",
    ]);
    for one in items(limits, "endpoints") {
        let at = format!("{}/{}", cell(&one["provider"]), cell(&one["model"]));
        table.line(window(cell(&one["pool"]), at, one));
    }
    for (kind, list) in ACCOUNTS {
        for one in items(limits, list) {
            let of = || format!("{kind} {}", cell(&one["name"]));
            let none = || "-".to_owned();
            if one["rpm"].is_object() {
                let (requests, tokens) = (rate(&one["rpm"]), rate(&one["tpm"]));
                let which = "a minute".to_owned();
                table.line(vec![of(), which, requests, tokens, none(), none()]);
            }
            if one["concurrency"]["limit"].is_number() {
                let running = rate(&one["concurrency"]);
                let which = "at once".to_owned();
                table.line(vec![of(), which, running, none(), none(), none()]);
            }
            for term in items(one, "terms") {
                table.line(window(of(), cell(&term["limit"]), term));
            }
        }
    }
    table
}

fn window(of: String, which: String, told: &Value) -> Vec<String> {
    vec![
        of,
        which,
        used(&told["requests"], cell),
        used(&told["tokens"], cell),
        used(&told["cost_usd"], usd),
        time(&told["resets_at"]),
    ]
}

/// `5 / 60`; without a limit `5`.
fn rate(told: &Value) -> String {
    match &told["limit"] {
        Value::Null => cell(&told["used"]),
        limit => format!("{} / {limit}", cell(&told["used"])),
    }
}

/// `5 (+1) / 100`: one is reserved by a call under way; a limit that is not known is `?`.
fn used(told: &Value, number: fn(&Value) -> String) -> String {
    if told.is_null() {
        return "-".to_owned();
    }
    let reserved = match number(&told["reserved"]) {
        none if none == "0" || none == "-" => String::new(),
        some => format!(" (+{some})"),
    };
    let limit = match &told["limit"] {
        Value::Null => "?".to_owned(),
        limit => number(limit),
    };
    format!("{}{reserved} / {limit}", number(&told["used"]))
}

/// To the billionth, in which it is counted.
fn usd(value: &Value) -> String {
    let Some(usd) = value.as_f64() else {
        return "-".to_owned();
    };
    let text = format!("{usd:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Style;

    #[test]
    fn every_limit_is_a_line_and_what_is_not_limited_is_no_number() {
        let limits = json!({
            "client_keys": [
                { "name": "ci", "rpm": { "used": 12, "limit": 60 }, "tpm": { "used": 3000 }, "concurrency": { "used": 2, "limit": 8 },
                  "terms": [ { "limit": "budget", "cost_usd": { "used": 0.00012, "reserved": 0.5, "limit": 20.0 }, "resets_at": "2027-01-01T00:00:00Z" } ] },
                { "name": "old", "concurrency": { "used": 0 }, "terms": [ { "limit": "quota", "requests": { "used": 7, "reserved": 0 }, "resets_at": "2027-01-01T00:00:00Z" } ] },
            ],
            "tenants": [],
            "endpoints": [ { "pool": "m", "provider": "a", "model": "x/y", "requests": { "used": 1, "reserved": 1, "limit": 9 }, "resets_at": "2027-01-01T00:00:00Z" } ],
        });
        let mut out = Vec::new();
        table(&limits).print(NONE, Style::Plain, &mut out).unwrap();
        let expected = "\
OF       WHICH     REQUESTS    TOKENS  USD                  RESETS AT (UTC)
m        a/x/y     1 (+1) / 9  -       -                    2027-01-01 00:00:00
key ci   a minute  12 / 60     3000    -                    -
key ci   at once   2 / 8       -       -                    -
key ci   budget    -           -       0.00012 (+0.5) / 20  2027-01-01 00:00:00
key old  quota     7 / ?       -       -                    2027-01-01 00:00:00
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let asked = QuotaReset {
            key: Some("x".to_owned()),
            ..QuotaReset::default()
        };
        let Failed::Odd(words) = no_such(&asked, &limits) else {
            panic!("another kind")
        };
        assert!(
            words.starts_with("key x has no quota")
                && words.ends_with("there are: key ci, key old, m a/x/y"),
            "{words}"
        );
    }
}
