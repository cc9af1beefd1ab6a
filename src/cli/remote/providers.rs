//! `providers`: vendors found out about by their URL, asked for their models, and tried.

use serde_json::{Value, json};

use super::args::{NewProvider, ProvidersWhat};
use super::client::escaped;
use super::objects::{Column, begun, delete, list, written};
use super::table::{Table, cell, plain, took};
use super::{Desk, Failed, access};
use crate::cli::Exit;
use crate::config::Secret;

const COLUMNS: [Column; 4] = [
    ("FORMAT", |body| cell(&body["format"])),
    ("BASE URL", |body| cell(&body["base_url"])),
    ("KEYS", |body| match &body["keys"] {
        Value::Array(keys) => keys.len().to_string(),
        other => cell(other),
    }),
    ("MODELS", |body| match &body["models"] {
        Value::Array(models) => models.len().to_string(),
        _ => "-".to_owned(),
    }),
];

pub(super) fn providers(what: &ProvidersWhat, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    match what {
        ProvidersWhat::List => list(desk, "/providers", "no providers", &COLUMNS),
        ProvidersWhat::Add(new) => add(new, desk),
        ProvidersWhat::Test { name, model } => test(name, model.as_deref(), desk),
        ProvidersWhat::Pull { name } => pull(name, desk),
        ProvidersWhat::Delete { name } => delete(desk, "/providers", "provider", name),
    }
}

/// A key that is typed, or comes by standard input, where no list of processes shows it.
pub(super) fn secret(told: &str) -> Result<Secret, Failed> {
    match told {
        "-" => access::read_secret(),
        key => Ok(Secret::new(key)),
    }
}

fn add(new: &NewProvider, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let mut body = begun(new.name.as_deref(), new.from.as_deref())?;
    let key = new.api_key.as_deref().map(secret).transpose()?;
    if let Some(url) = &new.base_url {
        body.insert("base_url".to_owned(), json!(url));
    }
    if let Some(key) = &key {
        body.insert("keys".to_owned(), json!([key.reveal()]));
    }
    match new.format.as_slice() {
        [] => {}
        [one] => drop(body.insert("format".to_owned(), json!(one))),
        several => drop(body.insert("format".to_owned(), json!(several))),
    }
    let mut others = String::new();
    if !body.contains_key("format") {
        let mut asked = json!({ "base_url": body.get("base_url") });
        if let Some(key) = &key {
            asked["key"] = json!(key.reveal());
        }
        let found = desk.client.post("/providers/probe", &asked)?;
        let mut formats = found["formats"].as_array().into_iter().flatten();
        let first = formats.next().cloned().unwrap_or_default();
        let rest: Vec<String> = formats.map(cell).collect();
        if !rest.is_empty() {
            others = format!(
                " (it lists its models in {} as well: --format)",
                rest.join(", ")
            );
        }
        body.insert("format".to_owned(), first);
    }
    let answer = desk.client.post("/providers", &Value::Object(body))?;
    let name = cell(&answer["name"]);
    let more = format!(", format {}{others}", cell(&answer["body"]["format"]));
    if !new.pull || answer["home"] == "shadowed" {
        return written(&answer, "provider", &more, desk);
    }
    if !desk.json {
        written(&answer, "provider", &more, desk)?;
    }
    pull(&name, desk)
}

fn pull(name: &str, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let path = format!("/providers/{}/pull", escaped(name));
    let answer = desk.client.post(&path, &json!({}))?;
    if desk.json {
        return desk.json(&answer);
    }
    let mut table = Table::new(&["MODEL", "CONTEXT"]);
    let models = answer["models"].as_array().map_or(&[][..], Vec::as_slice);
    for model in models {
        table.line(vec![cell(&model["id"]), cell(&model["max_context"])]);
    }
    desk.table(&table, "it lists no models")?;
    let kept = match answer["saved"] == true {
        true => "are kept as its `models`",
        false => "are not kept: the provider stands in the configuration file",
    };
    let unusable = answer["unusable"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> = unusable.iter().map(cell).collect();
    let without = match names.is_empty() {
        true => String::new(),
        false => format!(
            "; left out, as no model can have such a name here: {}",
            names.join(", ")
        ),
    };
    let words = format!("{} models of {name} {kept}{without}", models.len());
    desk.said(&Value::Null, &words)
}

/// Failed where the provider has not answered well.
fn test(name: &str, model: Option<&str>, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let path = format!("/providers/{}/test", escaped(name));
    let body = model.map_or_else(|| json!({}), |model| json!({ "model": model }));
    let answer = desk.client.post(&path, &body)?;
    let well = answer["ok"] == true;
    if desk.json {
        desk.json(&answer)?;
    } else if well {
        let said = plain(answer["answer"].as_str().unwrap_or("").trim());
        let words = format!(
            "{name}/{} answers within {}: {said}",
            cell(&answer["model"]),
            took(&answer["took_ms"])
        );
        desk.said(&Value::Null, &words)?;
    } else {
        return Err(Failed::Odd(plain(&format!(
            "{name}/{} answers {}: {}",
            cell(&answer["model"]),
            cell(&answer["status"]),
            cell(&answer["error"])
        ))));
    }
    Ok(match well {
        true => Exit::Well,
        false => Exit::Failed,
    })
}
