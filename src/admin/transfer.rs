//! Calls that take a whole configuration in or out, and that put it in force again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use xxhash_rust::xxh3::xxh3_64;

use super::Admin;
use super::condition::Condition;
use super::door::{Viewer, may};
use super::guard::For;
use super::house::{House, Refusal};
use super::input::{Asked, Body, wrong_body};
use super::problem::{Flaw, Problem, Why};
use super::trouble::Trouble;
use crate::config::hidden;
use crate::config::transfer::{self, Diff, Form, Mode, Secrets, What};
use crate::config::{Object, Report};
use crate::store::{Change, Note, Shelf, Stored};

/// What of it is written.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// `true`: with its secrets, for admins alone. Else a variable stands for each.
    #[serde(default)]
    secrets: bool,
}

/// A configuration that comes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    /// All of it, as it stands in its file.
    text: String,
    /// `auto`, `tidegate`, `provider_json`, `app_yml`, `litellm`; `auto` where nothing is said.
    #[schema(example = "auto")]
    format: Option<String>,
    /// Objects of the database that it does not have go; else they stay.
    #[serde(default)]
    replace: bool,
    /// It is put in force; else it is only said what would change.
    #[serde(default)]
    apply: bool,
}

/// What an import changes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Imported {
    /// In which form it was written.
    format: &'static str,
    applied: bool,
    /// Of what is compared here. With it as `If-Match` an import holds only if it would still change just this.
    etag: String,
    added: usize,
    changed: usize,
    removed: usize,
    same: usize,
    /// Object by object, secrets masked.
    #[schema(value_type = Vec<Value>)]
    changes: Value,
    /// What does not come over as it was, each with its place.
    #[schema(value_type = Vec<Value>)]
    notes: Value,
    /// The same for people.
    text: String,
    /// What takes effect at the next start only.
    restart: Vec<String>,
    /// Why it could not be put in force as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    problems: Vec<Flaw>,
}

/// What was put in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// What has changed and takes effect at the next start only.
    restart: Vec<String>,
}

/// What is wrong with a configuration, line by line.
pub(super) fn of_report(report: &Report, detail: &str) -> Problem {
    let problem = Problem::new(Why::Invalid, detail);
    let lines = report.lines().into_iter().zip(report.problems());
    lines.fold(problem, |problem, (line, told)| {
        problem.flaw(Flaw {
            field: told.field.clone(),
            message: line,
            line: report.line_of(told),
            help: Some(told.help.join("; ")).filter(|help| !help.is_empty()),
            ..Flaw::default()
        })
    })
}

/// The whole configuration, as one file
///
/// It means what file and database mean together; `tidegate --conf` takes it, and so does an import.
#[utoipa::path(
    get,
    path = "/export",
    tag = "configuration",
    params(How),
    responses((status = 200, description = "YAML", body = Object, content_type = "application/yaml"))
)]
pub(super) async fn export(
    State(admin): State<Arc<Admin>>,
    Viewer(who): Viewer,
    Asked(how): Asked<How>,
) -> Result<Response, Problem> {
    let secrets = match how.secrets {
        false => Secrets::LeftOut,
        true => {
            may(&who, For::Admins)?;
            let note = Note {
                action: "export secrets",
                kind: None,
                name: None,
                before: None,
                after: None,
            };
            admin.desk()?.note(&note, &who.author()).await;
            Secrets::Plain
        }
    };
    let house = admin.house.clone();
    let exported = tokio::task::spawn_blocking(move || house.export(secrets)).await;
    let exported = exported.map_err(|_| Trouble::Inside)?;
    let exported = exported.map_err(|report| of_report(&report, "The configuration is broken."))?;
    let head = [
        (CONTENT_TYPE, "application/yaml"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"tidegate.yaml\"",
        ),
    ];
    let text = match may(&who, For::Admins) {
        Ok(()) => exported.text,
        Err(_) => without_hashes(&exported.text),
    };
    Ok((head, text).into_response())
}

/// Who may only look gets no hash of a client key: a short key could be found from it.
fn without_hashes(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("sha256:…");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    out
}

/// See what a configuration would change, and put it in force
///
/// Ours, or `provider.json`, `app.yml` or LiteLLM's `config.yaml`. What was looked at first is put in force as it was looked
/// at, or not at all, where `If-Match` says its ETag.
#[utoipa::path(
    post,
    path = "/import",
    tag = "configuration",
    params(("If-Match" = Option<String>, Header, description = "Only if this is still the ETag of what would change")),
    request_body = Import,
    responses((status = 200, description = "What changes, or has changed", body = Imported))
)]
pub(super) async fn import(
    State(admin): State<Arc<Admin>>,
    Viewer(who): Viewer,
    headers: HeaderMap,
    Body(asked): Body<Import>,
) -> Result<Response, Problem> {
    let form = Form::of_name(asked.format.as_deref().unwrap_or("auto"))
        .map_err(|e| wrong_body(Some("format"), e))?;
    let mut read = transfer::import("import", &asked.text, form)
        .map_err(|report| of_report(&report, "This configuration cannot be imported."))?;
    let mode = match asked.replace {
        true => Mode::Replace,
        false => Mode::Merge,
    };
    let desk = admin.desk()?;
    let declared = admin.house.loaded();
    let condition = Condition::of(&headers);
    let shelf = desk.shelf().await?;
    read.objects
        .iter_mut()
        .for_each(|object| keep_secrets(object, &shelf, &*admin.house));
    let compare = |shelf: &Shelf| {
        let now: Vec<Object> = shelf.objects.iter().map(Stored::object).collect();
        let diff = transfer::diff(&now, &read.objects, mode, &declared.declared);
        let etag = etag(shelf, &diff);
        match condition.is_met_by(Some(&etag)) {
            true => Ok((diff, etag)),
            false => Err(Trouble::Outdated),
        }
    };
    let compared = compare(&shelf)?;
    let ((diff, etag), restart, problems) = match asked.apply {
        true => {
            // Of the objects that it is made with, whoever was faster.
            let last = Mutex::new(compared);
            let plan = |shelf: &Shelf| {
                let compared = compare(shelf)?;
                let changes = changes(&compared.0, &read.objects);
                *last.lock() = compared;
                Ok(changes)
            };
            let done = desk.change(&who.author(), plan).await?;
            (last.into_inner(), done.restart, Vec::new())
        }
        // What would change is shown also where it cannot be.
        false => {
            let changes = changes(&compared.0, &read.objects);
            match desk.try_on(&shelf, &changes).await {
                Ok(tried) => (compared, tried.restart, Vec::new()),
                Err(Trouble::Wrong(flaws)) => (compared, Vec::new(), flaws),
                Err(other) => return Err(other.into()),
            }
        }
    };
    let imported = Imported {
        format: read.form.name(),
        applied: asked.apply,
        etag: etag.clone(),
        added: diff.count(What::Added),
        changed: diff.count(What::Changed),
        removed: diff.count(What::Removed),
        same: diff.count(What::Same),
        changes: serde_json::to_value(&diff.changes).unwrap_or_default(),
        notes: serde_json::to_value(&read.notes).unwrap_or_default(),
        text: diff.to_string(),
        restart,
        problems,
    };
    Ok(([(ETAG, etag)], Json(imported)).into_response())
}

/// Of a comparison with objects of this generation, and with the file as it is: what would change is another thing where
/// either has changed.
fn etag(shelf: &Shelf, diff: &Diff) -> String {
    let shown = serde_json::to_vec(&diff.changes).unwrap_or_default();
    format!("\"{}-{:016x}\"", shelf.generation, xxh3_64(&shown))
}

/// An export says a variable where a secret was: where nobody has set it, it means the secret that is there.
fn keep_secrets(object: &mut Object, shelf: &Shelf, house: &dyn House) {
    let Some(stored) = shelf.find(object.kind, &object.name) else {
        return;
    };
    let Ok(mut body) = serde_json::from_str::<Value>(&object.body) else {
        return;
    };
    let mut kept = false;
    for place in hidden::references(object.kind, &object.name, &body) {
        let secret = stored.body.secrets.get(&place);
        let (Some(slot), Some(secret)) = (body.pointer_mut(&place), secret) else {
            continue;
        };
        let name = slot.as_str().and_then(|said| said.strip_prefix("${"));
        let name = name.and_then(|said| said.strip_suffix('}'));
        if name.is_some_and(|name| !name.contains(":-") && !house.has_variable(name)) {
            *slot = Value::String(secret.clone());
            kept = true;
        }
    }
    if kept {
        object.body = body.to_string();
    }
}

fn changes(diff: &Diff, coming: &[Object]) -> Vec<Change> {
    let differ = diff
        .changes
        .iter()
        .filter(|change| change.what != What::Same);
    let made = differ.filter_map(|change| {
        let kind = crate::config::Kind::of_name(change.kind)?;
        let name = change.name.clone();
        if change.what == What::Removed {
            return Some(Change::Delete { kind, name });
        }
        let mut all = coming.iter();
        let object = all.find(|object| object.kind == kind && object.name == name)?;
        let body: Value = serde_json::from_str(&object.body).ok()?;
        let body = hidden::hide(kind, &name, &body);
        Some(Change::Put { kind, name, body })
    });
    made.collect()
}

/// Read the configuration's files again
#[utoipa::path(
    post,
    path = "/reload",
    tag = "configuration",
    responses((status = 200, description = "It is in force", body = Reloaded),
              (status = 422, description = "It is broken; what was in force stays so", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn reload(
    State(admin): State<Arc<Admin>>,
    Viewer(who): Viewer,
) -> Result<Json<Reloaded>, Problem> {
    let house = admin.house.clone();
    let reloaded = tokio::task::spawn_blocking(move || house.reload()).await;
    let restart = reloaded
        .map_err(|_| Trouble::Inside)?
        .map_err(|refusal| match refusal {
            Refusal::Wrong(report) => of_report(
                &report,
                "The configuration is broken; what was in force stays so.",
            ),
            Refusal::Wiring(why) => Problem::new(Why::Invalid, why),
        })?;
    let note = Note {
        action: "reload",
        kind: None,
        name: None,
        before: None,
        after: None,
    };
    if let Ok(desk) = admin.desk() {
        desk.note(&note, &who.author()).await;
    }
    Ok(Json(Reloaded { restart }))
}
