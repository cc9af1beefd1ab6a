//! Objects of the configuration: listed, made, deleted. `models`, `routes` and `tenants` are nothing more.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::args::{Limits, ModelsWhat, NewModel, NewRoute, PricesWhat, RoutesWhat, TenantsWhat};
use super::client::escaped;
use super::table::{Table, cell, plain};
use super::{Desk, Failed, access};
use crate::cli::Exit;

pub(super) fn models(what: &ModelsWhat, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    match what {
        ModelsWhat::List => list(desk, "/models", "no models", &MODELS),
        ModelsWhat::Create(new) => create(desk, "/models", "model", model(new)?),
        ModelsWhat::Delete { name } => delete(desk, "/models", "model", name),
    }
}

pub(super) fn routes(what: &RoutesWhat, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    match what {
        RoutesWhat::List => list(desk, "/routes", "no routes", &ROUTES),
        RoutesWhat::Add(new) => create(desk, "/routes", "route", route(new)?),
        RoutesWhat::Delete { name } => delete(desk, "/routes", "route", name),
    }
}

pub(super) fn tenants(what: &TenantsWhat, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    match what {
        TenantsWhat::List => list(desk, "/tenants", "no tenants", &TENANTS),
        TenantsWhat::Add(new) => {
            let mut body = begun(new.name.as_deref(), new.from.as_deref())?;
            limit(&mut body, &new.limits);
            create(desk, "/tenants", "tenant", body)
        }
        TenantsWhat::Delete { name } => delete(desk, "/tenants", "tenant", name),
    }
}

pub(super) fn prices(what: &PricesWhat, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    match what {
        PricesWhat::List => list(desk, "/prices", "no prices", &PRICES),
        PricesWhat::Show { model } => {
            let price = desk.client.get(&format!("/prices/{}", escaped(model)))?;
            if desk.json {
                return desk.json(&price);
            }
            let mut table = Table::new(&["MODEL", "INPUT", "CACHED", "OUTPUT", "FROM", "SOURCE"]);
            let mut line = vec![cell(&price["name"])];
            line.extend(PRICES.iter().map(|(_, cell)| cell(&price["body"])));
            let source = format!("{} {}", cell(&price["source"]), cell(&price["date"]));
            line.extend([cell(&price["home"]), source]);
            table.line(line);
            desk.table(&table, "no price")
        }
        PricesWhat::Set {
            model,
            input,
            cached,
            cache_write,
            output,
        } => {
            let mut body = json!({ "input": input });
            for (name, told) in [
                ("cached", cached),
                ("cache_write", cache_write),
                ("output", output),
            ] {
                if let Some(told) = told {
                    body[name] = json!(told);
                }
            }
            let answer = desk
                .client
                .put(&format!("/prices/{}", escaped(model)), &body)?;
            written(&answer, "price", "", desk)
        }
        PricesWhat::Delete { model } => delete(desk, "/prices", "price", model),
    }
}

/// A column of a kind: its head, and the cell of a body.
pub(super) type Column = (&'static str, fn(&Value) -> String);

const MODELS: [Column; 3] = [
    ("ENDPOINTS", |body| endpoints(&body["endpoints"])),
    ("ALIASES", |body| cell(&body["aliases"])),
    ("BALANCE", |body| cell(&body["balance"])),
];
const ROUTES: [Column; 2] = [
    ("WHEN", |body| cell(&body["when"])),
    ("USE", |body| match &body["use"] {
        Value::Object(_) => endpoint(&body["use"]),
        other => cell(other),
    }),
];
const PRICES: [Column; 3] = [
    ("INPUT", |body| cell(&body["input"])),
    ("CACHED", |body| cell(&body["cached"])),
    ("OUTPUT", |body| cell(&body["output"])),
];
const TENANTS: [Column; 1] = [("LIMITS", |body| limits(&body["limits"]))];

fn endpoints(all: &Value) -> String {
    match all.as_array() {
        Some(all) if !all.is_empty() => all.iter().map(endpoint).collect::<Vec<_>>().join(", "),
        _ => "-".to_owned(),
    }
}

fn endpoint(of: &Value) -> String {
    match of["model"].as_str() {
        Some(model) => format!("{}/{model}", cell(&of["provider"])),
        None => cell(&of["provider"]),
    }
}

/// Short: `rpm 60, quota 5000 requests, budget 20 USD`.
pub(super) fn limits(of: &Value) -> String {
    let mut said = Vec::new();
    for name in ["rpm", "tpm", "concurrency"] {
        if !of[name].is_null() {
            said.push(format!("{name} {}", cell(&of[name])));
        }
    }
    for name in ["requests", "tokens"] {
        if !of["quota"][name].is_null() {
            said.push(format!("quota {} {name}", cell(&of["quota"][name])));
        }
    }
    if !of["budget"]["usd"].is_null() {
        said.push(format!("budget {} USD", cell(&of["budget"]["usd"])));
    }
    match said.is_empty() {
        true => "-".to_owned(),
        false => said.join(", "),
    }
}

pub(super) fn list(
    desk: &mut Desk<'_, '_>,
    path: &str,
    nothing: &str,
    columns: &[Column],
) -> Result<Exit, Failed> {
    let answer = desk.client.get(path)?;
    if desk.json {
        return desk.json(&answer);
    }
    let mut head = vec!["NAME"];
    head.extend(columns.iter().map(|(head, _)| *head));
    head.push("FROM");
    let mut table = Table::new(&head);
    for item in answer["items"].as_array().into_iter().flatten() {
        let mut line = vec![cell(&item["name"])];
        line.extend(columns.iter().map(|(_, cell)| cell(&item["body"])));
        let off = item["body"]["enabled"] == false;
        line.push(match (&item["fault"], off) {
            (Value::String(_), _) => format!("{}, not in force", cell(&item["home"])),
            (_, true) => format!("{}, off", cell(&item["home"])),
            _ => cell(&item["home"]),
        });
        table.line(line);
    }
    desk.table(&table, nothing)
}

/// The object of a file, if there is one, with this name.
pub(super) fn begun(name: Option<&str>, from: Option<&Path>) -> Result<Map<String, Value>, Failed> {
    let mut body = match from {
        None => Map::new(),
        Some(file) => access::read_object(file)?,
    };
    if let Some(name) = name {
        body.insert("name".to_owned(), name.into());
    }
    Ok(body)
}

pub(super) fn create(
    desk: &mut Desk<'_, '_>,
    path: &str,
    what: &str,
    body: Map<String, Value>,
) -> Result<Exit, Failed> {
    let answer = desk.client.post(path, &Value::Object(body))?;
    written(&answer, what, "", desk)
}

/// Says what has become of something that was written: in force, or why not. Then the command has failed: what it was to
/// bring about is not so.
pub(super) fn written(
    answer: &Value,
    what: &str,
    more: &str,
    desk: &mut Desk<'_, '_>,
) -> Result<Exit, Failed> {
    let name = cell(&answer["name"]);
    let why = match (&answer["home"], &answer["fault"]) {
        (Value::String(home), _) if home == "shadowed" => {
            "shadowed: the configuration file or the environment declares one of this name, which wins".to_owned()
        }
        (_, Value::String(fault)) => format!("not in force: {fault}"),
        _ => return desk.said(answer, &format!("{what} {name} is in force{more}")),
    };
    if desk.json {
        desk.json(answer)?;
    } else {
        let note = desk.voice.style.yellow("note");
        let words = plain(&format!("{what} {name} is written, and {why}"));
        writeln!(desk.voice.out, "{note} {words}")?;
    }
    Ok(Exit::Failed)
}

pub(super) fn delete(
    desk: &mut Desk<'_, '_>,
    path: &str,
    what: &str,
    name: &str,
) -> Result<Exit, Failed> {
    let path = format!("{path}/{}", escaped(name));
    desk.client.delete(&path)?;
    let answer = json!({ "ok": true, "deleted": name });
    let stays = match desk.client.get(&path) {
        Ok(other) => format!(
            " from the database; that of the same name ({}) stays in force",
            cell(&other["home"])
        ),
        Err(_) => String::new(),
    };
    desk.said(&answer, &format!("{what} {name} is gone{stays}"))
}

/// A later endpoint is asked when those before it cannot.
fn model(new: &NewModel) -> Result<Map<String, Value>, Failed> {
    let name = new.name.as_deref().or(new.route_key.as_deref());
    let mut body = begun(name, new.from.as_deref())?;
    let mut told = Vec::new();
    for endpoint in &new.endpoint {
        let (provider, model) = endpoint.split_once('/').ok_or_else(|| {
            Failed::Wrong(format!("--endpoint {endpoint}: expected PROVIDER/MODEL"))
        })?;
        told.push((provider, model));
    }
    told.extend(new.provider.as_deref().zip(new.target_model.as_deref()));
    if !told.is_empty() {
        let all = (1..).zip(told).map(|(priority, (provider, model))| {
            json!({ "provider": provider, "model": model, "priority": priority })
        });
        body.insert("endpoints".to_owned(), all.collect());
    }
    if !new.alias.is_empty() {
        body.insert("aliases".to_owned(), json!(new.alias));
    }
    if let Some(balance) = &new.balance {
        body.insert("balance".to_owned(), json!(balance));
    }
    Ok(body)
}

fn route(new: &NewRoute) -> Result<Map<String, Value>, Failed> {
    let mut body = begun(new.name.as_deref(), new.from.as_deref())?;
    let mut when = Map::new();
    for condition in &new.when {
        let (what, value) = condition
            .split_once('=')
            .ok_or_else(|| Failed::Wrong(format!("--when {condition}: expected WHAT=VALUE")))?;
        match what.split_once('.') {
            None => drop(when.insert(what.to_owned(), meant(what, value))),
            Some((what, member)) => {
                let within = when.entry(what).or_insert_with(|| json!({}));
                within[member] = meant(what, value);
            }
        }
    }
    if !when.is_empty() {
        body.insert("when".to_owned(), Value::Object(when));
    }
    if let Some(target) = &new.target {
        body.insert("use".to_owned(), json!(target));
    }
    Ok(body)
}

/// Text where the configuration wants text; a number, a switch or a list where it looks like one elsewhere.
fn meant(what: &str, value: &str) -> Value {
    let text = || Value::String(value.to_owned());
    match what {
        "model" | "model_contains" | "header" | "client_key" | "format" => {
            match value.starts_with('[') {
                true => serde_json::from_str(value).unwrap_or_else(|_| text()),
                false => text(),
            }
        }
        _ => serde_json::from_str(value).unwrap_or_else(|_| text()),
    }
}

pub(super) fn limit(body: &mut Map<String, Value>, told: &Limits) {
    let mut limits = match body.remove("limits") {
        Some(Value::Object(limits)) => limits,
        _ => Map::new(),
    };
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            limits.insert(name.to_owned(), value);
        }
    };
    put("rpm", told.rpm.map(Value::from));
    put("tpm", told.tpm.map(Value::from));
    put("concurrency", told.concurrency.map(Value::from));
    put("quota", told.requests.map(|n| json!({ "requests": n })));
    put(
        "budget",
        told.budget.as_ref().map(|usd| json!({ "usd": usd })),
    );
    if !limits.is_empty() {
        body.insert("limits".to_owned(), Value::Object(limits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_by_flags_is_what_the_file_would_say() {
        let new = NewModel {
            route_key: Some("fast".to_owned()),
            target_model: Some("gpt-4o".to_owned()),
            provider: Some("relay-a".to_owned()),
            endpoint: vec!["b/x/y".to_owned()],
            ..NewModel::default()
        };
        let Ok(body) = model(&new) else {
            panic!("refused")
        };
        assert_eq!(
            Value::Object(body),
            json!({ "name": "fast", "endpoints": [
                { "provider": "b", "model": "x/y", "priority": 1 },
                { "provider": "relay-a", "model": "gpt-4o", "priority": 2 },
            ] })
        );
        let new = NewModel {
            endpoint: vec!["b".to_owned()],
            ..NewModel::default()
        };
        assert!(matches!(model(&new), Err(Failed::Wrong(_))));
    }

    #[test]
    fn conditions_of_a_route_are_texts_numbers_and_switches() {
        let when = [
            "model=4",
            "header.x-team=7",
            "tokens_over=100",
            "tools=true",
            "body.a.b=gold",
        ];
        let new = NewRoute {
            name: Some("r".to_owned()),
            when: when.map(str::to_owned).to_vec(),
            target: Some("m".to_owned()),
            from: None,
        };
        let Ok(body) = route(&new) else {
            panic!("refused")
        };
        assert_eq!(
            Value::Object(body),
            json!({ "name": "r", "use": "m", "when": {
                "model": "4", "header": { "x-team": "7" }, "tokens_over": 100, "tools": true, "body": { "a.b": "gold" } } })
        );
    }

    #[test]
    fn limits_are_short() {
        let of = json!({ "rpm": 60, "quota": { "requests": 5 }, "budget": { "usd": 20 } });
        assert_eq!(limits(&of), "rpm 60, quota 5 requests, budget 20 USD");
        assert_eq!(limits(&Value::Null), "-");
    }
}
