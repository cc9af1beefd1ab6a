//! Paths and shapes that scripts of other gateways know: statistics of keys, of providers and of channels, channels as
//! they are listed and changed there. Each says the same as a call of ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Admin;
use super::channels;
use super::door::Viewer;
use super::input::{Asked, wrong_query};
use super::problem::Problem;
use super::time::rfc3339;
use super::transfer::{self, Reloaded};
use super::trouble::Trouble;
use crate::clock;
use crate::config::{Gateway, Kind};
use crate::live::Meter;
use crate::store::{By, Figures, Filter, KeyFigures, Place, Question};

/// Lines of `/admin/logs`.
const LINES: usize = 200;

/// The calls, at the paths where their scripts look for them.
pub(super) fn routes() -> OpenApiRouter<Arc<Admin>> {
    OpenApiRouter::new()
        .routes(routes!(key_statistics))
        .routes(routes!(statistics))
        .routes(routes!(reload))
        .routes(routes!(providers_of))
        .routes(routes!(logs))
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(channels::put_channel, channels::delete))
}

/// What became of the attempts with a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyStatistics {
    total_requests: i64,
    successful_requests: i64,
    failed_requests: i64,
    /// 0 to 1.
    success_rate: f64,
    #[schema(format = DateTime)]
    last_used: String,
    status_codes: BTreeMap<String, i64>,
}

/// Statistics of provider keys: by provider, then by masked key
#[utoipa::path(
    get,
    path = "/v1/api-keys/stats",
    tag = "other gateways' shapes",
    responses((status = 200, description = "Of all that is kept", body = BTreeMap<String, BTreeMap<String, KeyStatistics>>))
)]
pub(super) async fn key_statistics(
    State(admin): State<Arc<Admin>>,
) -> Result<Json<BTreeMap<String, BTreeMap<String, KeyStatistics>>>, Problem> {
    let until = clock::wall() + Duration::from_secs(3600);
    let figures = admin.store()?.key_statistics(Duration::ZERO, until).await?;
    let mut all: BTreeMap<String, BTreeMap<String, KeyStatistics>> = BTreeMap::new();
    for of in figures {
        let key = match of.key.as_str() {
            "" => "none".to_owned(),
            key => key.to_owned(),
        };
        let told = KeyStatistics::of(&of);
        all.entry(of.provider).or_default().insert(key, told);
    }
    Ok(Json(all))
}

impl KeyStatistics {
    fn of(of: &KeyFigures) -> KeyStatistics {
        let told = of.statuses.iter().filter(|(status, _)| **status > 0);
        KeyStatistics {
            total_requests: of.attempts,
            successful_requests: of.ok,
            failed_requests: of.failed,
            success_rate: share(of.ok, of.ok + of.failed),
            last_used: rfc3339(of.last_at),
            status_codes: told.map(|(status, n)| (status.to_string(), *n)).collect(),
        }
    }
}

/// Three digits of it.
#[allow(clippy::cast_precision_loss, reason = "a share, and shown")]
fn share(part: i64, whole: i64) -> f64 {
    match whole {
        0 => 0.0,
        whole => (part as f64 / whole as f64 * 1000.0).round() / 1000.0,
    }
}

/// In which shape.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// `channels`; else by virtual model and provider
    view: Option<String>,
}

/// Statistics by virtual model and provider, or of channels
#[utoipa::path(
    get,
    path = "/admin/stats",
    tag = "other gateways' shapes",
    params(How),
    responses((status = 200, description = "What was used since the last reset of each quota; where there is none, today", body = Object))
)]
pub(super) async fn statistics(
    State(admin): State<Arc<Admin>>,
    Asked(how): Asked<How>,
) -> Result<Json<Value>, Problem> {
    match how.view.as_deref() {
        None => by_provider(&admin).await.map(Json),
        Some("channels") => of_channels(&admin).await.map(Json),
        Some(_) => Err(wrong_query(Some("view"), "expected channels, or nothing")),
    }
}

async fn by_provider(admin: &Admin) -> Result<Value, Problem> {
    let (snapshot, wall) = (admin.live.snapshot(), clock::wall());
    let gateway = &snapshot.gateway;
    let today = Question {
        by: vec![By::Model, By::Provider],
        ..Question::day(wall, &TimeZone::system())
    };
    let today = admin.store()?.statistics(&today).await?;
    let meters = snapshot.meters();
    let mut all = Map::new();
    for model in gateway.virtual_models() {
        let mut of_model = Map::new();
        for provider in providers_in(gateway, &model.name) {
            let mine = |meter: &&Arc<Meter>| {
                meter.name().pool == model.name && meter.name().provider == provider
            };
            let told = match meters.iter().filter(mine).collect::<Vec<_>>().as_slice() {
                [] => {
                    let mut found = today.iter();
                    let found = found.find(|of| of.of == [model.name.as_str(), provider]);
                    unlimited(found, wall)
                }
                meters => limited(meters),
            };
            of_model.insert(provider.to_owned(), told);
        }
        all.insert(model.name.clone(), Value::Object(of_model));
    }
    Ok(Value::Object(all))
}

/// The names of a pool's providers, each once.
fn providers_in<'g>(gateway: &'g Gateway, model: &str) -> Vec<&'g str> {
    let mut names = Vec::new();
    let found = gateway.virtual_models().find(|one| one.name == model);
    for endpoint in found.iter().flat_map(|model| &model.endpoints) {
        if let Some(provider) = gateway.providers.get(endpoint.provider)
            && !names.contains(&provider.name.as_str())
        {
            names.push(provider.name.as_str());
        }
    }
    names
}

fn limited(meters: &[&Arc<Meter>]) -> Value {
    let now = clock::now();
    let readings: Vec<_> = meters.iter().map(|meter| meter.read(now)).collect();
    let sum = |of: fn(&crate::live::Reading) -> u64| readings.iter().map(of).sum::<u64>();
    let limit = |of: fn(&crate::live::Reading) -> Option<u64>| {
        let limits: Option<Vec<u64>> = readings.iter().map(of).collect();
        limits.map(|limits| limits.iter().sum::<u64>())
    };
    json!({
        "requests": sum(|reading| reading.used.requests),
        "tokens": sum(|reading| reading.used.tokens),
        "last_reset": readings.iter().map(|reading| reading.window.began).min().map(local),
        "limit_requests": limit(|reading| reading.quota.requests),
        "limit_tokens": limit(|reading| reading.quota.tokens),
    })
}

fn unlimited(today: Option<&Figures>, wall: Duration) -> Value {
    let midnight = Timestamp::from_millisecond(i64::try_from(wall.as_millis()).unwrap_or(0))
        .unwrap_or_default()
        .to_zoned(TimeZone::system())
        .start_of_day();
    json!({
        "requests": today.map_or(0, |of| of.requests),
        "tokens": today.map_or(0, tokens),
        "last_reset": midnight.ok().map(|at: Zoned| local(at.timestamp().as_second())),
        "limit_requests": null,
        "limit_tokens": null,
    })
}

fn tokens(of: &Figures) -> i64 {
    of.tokens.iter().sum()
}

/// As the gateway's own clock on the wall shows it: `2024-01-15T00:00:00`.
fn local(second: i64) -> String {
    let at = Timestamp::from_second(second).unwrap_or_default();
    let at = at.to_zoned(TimeZone::system());
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// A channel is an endpoint with its provider, a scheme is a virtual model.
async fn of_channels(admin: &Admin) -> Result<Value, Problem> {
    let (store, wall) = (admin.store()?, clock::wall());
    let by = vec![By::Provider];
    let all = Question {
        by: by.clone(),
        ..Question::of(Duration::ZERO, wall + Duration::from_secs(3600))
    };
    let today = Question {
        by,
        ..Question::day(wall, &TimeZone::system())
    };
    let (all, today) = (
        store.statistics(&all).await?,
        store.statistics(&today).await?,
    );
    let sum = |of: &[Figures]| {
        let requests: i64 = of.iter().map(|of| of.requests).sum();
        let errors: i64 = of.iter().map(|of| of.errors).sum();
        json!({ "total": requests, "success": requests - errors, "failure": errors })
    };
    let channels = |of: &[Figures]| -> Map<String, Value> {
        let named = of
            .iter()
            .filter(|of| of.of.iter().any(|name| !name.is_empty()));
        named
            .map(|of| {
                let told = json!({
                    "total": of.attempts,
                    "success": of.attempts - of.failed_attempts,
                    "failure": of.failed_attempts,
                });
                (of.of.concat(), told)
            })
            .collect()
    };
    Ok(json!({
        "total": sum(&all),
        "today": sum(&today),
        "channels": channels(&all),
        "today_by_channel": channels(&today),
    }))
}

/// Read the configuration's files again
#[utoipa::path(
    post,
    path = "/admin/reload",
    tag = "other gateways' shapes",
    operation_id = "reload_as_others",
    responses((status = 200, description = "It is in force", body = Reloaded),
              (status = 422, description = "It is broken; what was in force stays so", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn reload(
    admin: State<Arc<Admin>>,
    who: Viewer,
) -> Result<Json<Reloaded>, Problem> {
    transfer::reload(admin, who).await
}

/// A provider of a virtual model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderOf {
    name: String,
    /// Its base URL.
    endpoint: String,
    /// The name sent upstream.
    model: String,
    priority: u32,
    weight: u32,
    enabled: bool,
}

/// The providers of a virtual model, the preferred first
#[utoipa::path(
    get,
    path = "/admin/providers/{model}",
    tag = "other gateways' shapes",
    params(("model" = String, Path, description = "The virtual model")),
    responses((status = 200, description = "Its endpoints", body = Vec<ProviderOf>))
)]
pub(super) async fn providers_of(
    State(admin): State<Arc<Admin>>,
    Path(model): Path<String>,
) -> Result<Json<Vec<ProviderOf>>, Problem> {
    let snapshot = admin.live.snapshot();
    let gateway = &snapshot.gateway;
    let found = gateway.virtual_models().find(|one| one.name == model);
    let found = found.ok_or_else(|| Trouble::NoObject(Kind::Model, model.clone()))?;
    let endpoints = found.endpoints.iter().filter_map(|endpoint| {
        let provider = gateway.providers.get(endpoint.provider)?;
        Some(ProviderOf {
            name: provider.name.clone(),
            endpoint: channels::url(provider),
            model: endpoint.model.clone(),
            priority: endpoint.priority,
            weight: endpoint.weight,
            enabled: endpoint.enabled && provider.enabled,
        })
    });
    let mut endpoints: Vec<ProviderOf> = endpoints.collect();
    endpoints.sort_by_key(|endpoint| endpoint.priority);
    Ok(Json(endpoints))
}

/// The latest requests, a line each.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Logs {
    logs: Vec<String>,
}

/// The latest requests as lines, newest first
#[utoipa::path(
    get,
    path = "/admin/logs",
    tag = "other gateways' shapes",
    responses((status = 200, description = "At most 200", body = Logs))
)]
pub(super) async fn logs(State(admin): State<Arc<Admin>>) -> Result<Json<Logs>, Problem> {
    let all = Filter::default();
    let page = admin.store()?.requests(&all, Place::Newest, LINES).await?;
    let rows = page.rows.into_iter();
    let lines = rows.map(|row| {
        let endpoint = row
            .endpoint()
            .map(|attempt| format!("{}/{}", attempt.provider, attempt.model));
        format!(
            "{} {} {} {} {} {} {} ms",
            rfc3339(row.at),
            row.method,
            row.path,
            row.status,
            row.model.as_deref().unwrap_or("-"),
            endpoint.as_deref().unwrap_or("-"),
            row.total_us / 1000
        )
    });
    Ok(Json(Logs {
        logs: lines.collect(),
    }))
}
