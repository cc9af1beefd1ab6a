//! `keys`: what clients come with; with `--provider`, what a provider is asked with.

use serde_json::{Value, json};

use super::args::{KeysWhat, NewKey};
use super::client::escaped;
use super::objects::{Column, begun, delete, limit, limits, list, written};
use super::providers::secret;
use super::table::{Table, cell};
use super::{Desk, Failed};
use crate::cli::Exit;

const PATH: &str = "/client-keys";
const COLUMNS: [Column; 5] = [
    ("KEY", |body| match &body["masked"] {
        Value::Null => cell(&body["value"]),
        masked => cell(masked),
    }),
    ("MODELS", |body| cell(&body["models"])),
    ("TENANT", |body| cell(&body["tenant"])),
    ("LIMITS", |body| limits(&body["limits"])),
    ("EXPIRES", |body| cell(&body["expires"])),
];

pub(super) fn keys(what: &KeysWhat, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    match what {
        KeysWhat::List { provider: None } => list(desk, PATH, "no client keys", &COLUMNS),
        KeysWhat::List {
            provider: Some(provider),
        } => {
            let answer = desk.client.get(&of_provider(provider))?;
            of_a_provider(&answer, desk)
        }
        KeysWhat::Add(new) => match &new.provider {
            Some(provider) => give(provider, new, desk),
            None => add(new, desk),
        },
        KeysWhat::Rotate { name, quiet } => {
            let path = format!("{PATH}/{}/rotate", escaped(name));
            let answer = desk.client.post(&path, &json!({}))?;
            made(&answer, *quiet, desk)
        }
        KeysWhat::Revoke {
            name,
            provider: None,
        } => delete(desk, PATH, "client key", name),
        KeysWhat::Revoke {
            name,
            provider: Some(provider),
        } => {
            let what = format!("the key of {provider} with the number");
            delete(desk, &of_provider(provider), &what, name)
        }
    }
}

fn of_provider(name: &str) -> String {
    format!("/providers/{}/keys", escaped(name))
}

fn of_a_provider(answer: &Value, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    if desk.json {
        return desk.json(answer);
    }
    let mut table = Table::new(&["NUMBER", "KEY", "WEIGHT", "ENABLED"]);
    for key in answer["items"].as_array().into_iter().flatten() {
        let columns = ["number", "masked", "weight", "enabled"];
        table.line(columns.map(|name| cell(&key[name])).to_vec());
    }
    desk.table(&table, "no keys")
}

fn give(provider: &str, new: &NewKey, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let key = secret(new.api_key.as_deref().unwrap_or("-"))?;
    let mut body = json!({ "value": key.reveal() });
    if let Some(weight) = new.weight {
        body["weight"] = json!(weight);
    }
    let answer = desk.client.post(&of_provider(provider), &body)?;
    of_a_provider(&answer, desk)
}

fn add(new: &NewKey, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let mut body = begun(new.name.as_deref(), new.from.as_deref())?;
    if let Some(value) = &new.value {
        body.insert("value".to_owned(), json!(secret(value)?.reveal()));
    }
    if !new.models.is_empty() {
        body.insert("models".to_owned(), json!(new.models));
    }
    for (name, told) in [("expires", &new.expires), ("tenant", &new.tenant)] {
        if let Some(told) = told {
            body.insert(name.to_owned(), json!(told));
        }
    }
    limit(&mut body, &new.limits);
    let answer = desk.client.post(PATH, &Value::Object(body))?;
    made(&answer, new.quiet, desk)
}

/// The key is told this once: alone where a script asks.
fn made(answer: &Value, quiet: bool, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let key = answer["key"].as_str();
    if quiet {
        if let Some(key) = key {
            writeln!(desk.voice.out, "{key}")?;
        }
        return Ok(match answer["home"] == "shadowed" {
            true => Exit::Failed,
            false => Exit::Well,
        });
    }
    let exit = written(answer, "client key", "", desk)?;
    if let (Some(key), false) = (key, desk.json) {
        writeln!(
            desk.voice.out,
            "\n    {key}\n\nIt is shown only now: the gateway keeps its hash."
        )?;
    }
    Ok(exit)
}
