//! Channels, as a gateway of schemes has them: a channel is an endpoint with its provider, a scheme is a virtual model.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Admin;
use super::desk::Desk;
use super::door::Viewer;
use super::input::Body;
use super::problem::Problem;
use super::trouble::Trouble;
use crate::config::{Endpoint, Gateway, Keys, Kind, Model, PASSED, Provider, Secret, hidden};
use crate::store::{Change, Shelf};

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Channel {
    /// `SCHEME:NAME`, and `:MODEL` where a scheme has several of one name.
    id: String,
    name: String,
    url: String,
    /// Masked.
    api_key: Option<String>,
    /// The name sent upstream; null: the one that was asked for.
    model: Option<String>,
    /// The smallest is preferred.
    priority: u32,
    scheme: String,
    enabled: bool,
    /// Failures in a row that open its breaker.
    failures_to_open: u32,
    open_seconds: u64,
}

/// A channel that is made or changed: what is not said stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    #[allow(
        dead_code,
        reason = "a channel that is sent back as it was read has one"
    )]
    id: Option<String>,
    name: Option<String>,
    url: Option<String>,
    api_key: Option<String>,
    model: Option<String>,
    priority: Option<u32>,
    /// The first virtual model, where nothing is said.
    scheme: Option<String>,
    enabled: Option<bool>,
    failures_to_open: Option<u32>,
    open_seconds: Option<u64>,
}

/// The base URL of a provider's first format.
pub(super) fn url(provider: &Provider) -> String {
    let Some(offer) = provider.offers.first() else {
        return String::new();
    };
    let scheme = if offer.base.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", offer.base.authority(), offer.base.path)
}

fn all(gateway: &Gateway) -> Vec<Channel> {
    let of = |model: &Model| -> Vec<Channel> {
        let endpoints = model.endpoints.iter();
        endpoints
            .filter_map(|endpoint| channel(gateway, model, endpoint))
            .collect()
    };
    gateway.virtual_models().flat_map(of).collect()
}

fn channel(gateway: &Gateway, model: &Model, endpoint: &Endpoint) -> Option<Channel> {
    let provider = gateway.providers.get(endpoint.provider)?;
    let alike = model
        .endpoints
        .iter()
        .filter(|one| one.provider == endpoint.provider);
    let id = match alike.count() {
        1 => format!("{}:{}", model.name, provider.name),
        _ => format!("{}:{}:{}", model.name, provider.name, endpoint.model),
    };
    let key = match &provider.keys {
        Keys::Own(keys) => keys.iter().find_map(|key| key.value.as_ref()),
        Keys::Passthrough => None,
    };
    let breaker = endpoint.policy.breaker;
    Some(Channel {
        id,
        name: provider.name.clone(),
        url: url(provider),
        api_key: key.map(Secret::masked),
        model: Some(endpoint.model.clone()).filter(|model| model != PASSED),
        priority: endpoint.priority,
        scheme: model.name.clone(),
        enabled: endpoint.enabled && provider.enabled,
        failures_to_open: breaker.failures,
        open_seconds: breaker.open_for.as_secs(),
    })
}

/// All channels
#[utoipa::path(
    get,
    path = "/admin/config",
    tag = "other gateways' shapes",
    operation_id = "list_channels",
    responses((status = 200, description = "Scheme by scheme", body = Vec<Channel>))
)]
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Json<Vec<Channel>> {
    Json(all(&admin.live.snapshot().gateway))
}

/// A new channel: a provider, and its endpoint in a scheme
#[utoipa::path(
    post,
    path = "/admin/config",
    tag = "other gateways' shapes",
    operation_id = "create_channel",
    request_body = Told,
    responses((status = 201, description = "It is in force", body = Channel),
              (status = 409, description = "There is one of this name", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn create(
    State(admin): State<Arc<Admin>>,
    Viewer(who): Viewer,
    Body(told): Body<Told>,
) -> Result<(StatusCode, Json<Channel>), Problem> {
    let missing = |field| Trouble::field(Kind::Provider, "", field, "it is needed");
    let name = told.name.clone().ok_or_else(|| missing("name"))?;
    told.url.as_ref().ok_or_else(|| missing("url"))?;
    let gateway = admin.live.snapshot().gateway.clone();
    let first = gateway
        .virtual_models()
        .next()
        .map(|model| model.name.clone());
    let scheme = told
        .scheme
        .clone()
        .or(first)
        .unwrap_or_else(|| "default".to_owned());
    let desk = admin.desk()?;
    let plan = |shelf: &Shelf| {
        if shelf.find(Kind::Provider, &name).is_some() {
            return Err(Trouble::Exists(Kind::Provider, name.clone()));
        }
        let provider = json!({ "name": name, "format": "openai_chat" });
        let mut endpoint = json!({ "provider": name, "model": PASSED });
        tell_endpoint(&mut endpoint, &told);
        let mut pool = pool(desk, shelf, &scheme)?;
        edit(&mut pool, |endpoints| endpoints.push(endpoint));
        Ok(vec![
            put(Kind::Provider, &name, &tell_provider(provider, &told)),
            put(Kind::Model, &scheme, &pool),
        ])
    };
    desk.change(&who.author(), plan).await?;
    Ok((
        StatusCode::CREATED,
        Json(found(&admin, &scheme, &name, None)?),
    ))
}

/// Change a channel
#[utoipa::path(
    put,
    path = "/admin/config/{id}",
    tag = "other gateways' shapes",
    operation_id = "put_channel",
    params(("id" = String, Path, description = "As it is listed")),
    request_body = Told,
    responses((status = 200, description = "It is in force", body = Channel))
)]
pub(super) async fn put_channel(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Viewer(who): Viewer,
    Body(told): Body<Told>,
) -> Result<Json<Channel>, Problem> {
    let before = of_id(&admin, &id)?;
    let desk = admin.desk()?;
    let plan = |shelf: &Shelf| {
        let provider = stored(shelf, Kind::Provider, &before.name)?;
        let mut pool = stored(shelf, Kind::Model, &before.scheme)?;
        edit(&mut pool, |endpoints| {
            let mine = endpoints.iter_mut().filter(|one| is(one, &before));
            mine.for_each(|endpoint| tell_endpoint(endpoint, &told));
        });
        Ok(vec![
            put(
                Kind::Provider,
                &before.name,
                &tell_provider(provider, &told),
            ),
            put(Kind::Model, &before.scheme, &pool),
        ])
    };
    desk.change(&who.author(), plan).await?;
    let model = told.model.as_deref().or(before.model.as_deref());
    Ok(Json(found(&admin, &before.scheme, &before.name, model)?))
}

/// Take a channel away; its provider too, where no other scheme has it
#[utoipa::path(
    delete,
    path = "/admin/config/{id}",
    tag = "other gateways' shapes",
    operation_id = "delete_channel",
    params(("id" = String, Path, description = "As it is listed")),
    responses((status = 204, description = "It is gone"))
)]
pub(super) async fn delete(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Viewer(who): Viewer,
) -> Result<StatusCode, Problem> {
    let before = of_id(&admin, &id)?;
    let others = all(&admin.live.snapshot().gateway);
    let used = others
        .iter()
        .any(|other| other.name == before.name && other.id != before.id);
    let desk = admin.desk()?;
    let plan = |shelf: &Shelf| {
        let mut pool = stored(shelf, Kind::Model, &before.scheme)?;
        let left = edit(&mut pool, |endpoints| {
            endpoints.retain(|endpoint| !is(endpoint, &before));
        });
        let (kind, name) = (Kind::Model, before.scheme.clone());
        let mut changes = vec![match left == 0 {
            true => Change::Delete { kind, name },
            false => put(kind, &name, &pool),
        }];
        if !used && shelf.find(Kind::Provider, &before.name).is_some() {
            changes.push(Change::Delete {
                kind: Kind::Provider,
                name: before.name.clone(),
            });
        }
        Ok(changes)
    };
    desk.change(&who.author(), plan).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn of_id(admin: &Admin, id: &str) -> Result<Channel, Problem> {
    let mut all = all(&admin.live.snapshot().gateway).into_iter();
    let found = all.find(|channel| channel.id == id);
    found.ok_or_else(|| Trouble::NoObject(Kind::Provider, id.to_owned()).into())
}

fn found(admin: &Admin, scheme: &str, name: &str, model: Option<&str>) -> Result<Channel, Problem> {
    let all = all(&admin.live.snapshot().gateway);
    let mut all: Vec<Channel> = all
        .into_iter()
        .filter(|channel| channel.scheme == scheme && channel.name == name)
        .collect();
    let at = all
        .iter()
        .position(|channel| channel.model.as_deref() == model);
    match all.is_empty() {
        true => Err(Trouble::NoObject(Kind::Provider, name.to_owned()).into()),
        false => Ok(all.swap_remove(at.unwrap_or(0))),
    }
}

fn is(endpoint: &Value, channel: &Channel) -> bool {
    let model = endpoint
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or(PASSED);
    endpoint.get("provider").and_then(Value::as_str) == Some(&*channel.name)
        && channel.model.as_deref().unwrap_or(PASSED) == model
}

/// An object of the database, with its secrets.
fn stored(shelf: &Shelf, kind: Kind, name: &str) -> Result<Value, Trouble> {
    match shelf.find(kind, name) {
        Some(stored) => Ok(hidden::reveal(&stored.body)),
        None => Err(Trouble::ReadOnly {
            kind,
            home: crate::config::Home::File,
        }),
    }
}

/// The pool that gets an endpoint: a new one where there is none.
fn pool(desk: &Desk, shelf: &Shelf, scheme: &str) -> Result<Value, Trouble> {
    if let Some(stored) = shelf.find(Kind::Model, scheme) {
        return Ok(hidden::reveal(&stored.body));
    }
    let loaded = desk.house().loaded();
    let mut declared = loaded.declared.iter();
    match declared.find(|one| one.kind == Kind::Model && one.name == scheme) {
        Some(one) => Err(Trouble::ReadOnly {
            kind: Kind::Model,
            home: one.home,
        }),
        None => Ok(json!({ "name": scheme })),
    }
}

/// The endpoints of a pool's body, taken out and put back changed.
fn edit(pool: &mut Value, edit: impl FnOnce(&mut Vec<Value>)) -> usize {
    let mut endpoints = match pool.get_mut("endpoints").map(Value::take) {
        Some(Value::Array(endpoints)) => endpoints,
        _ => Vec::new(),
    };
    edit(&mut endpoints);
    let left = endpoints.len();
    pool["endpoints"] = Value::Array(endpoints);
    left
}

fn put(kind: Kind, name: &str, body: &Value) -> Change {
    Change::Put {
        kind,
        name: name.to_owned(),
        body: hidden::hide(kind, name, body),
    }
}

fn tell_provider(mut provider: Value, told: &Told) -> Value {
    let Value::Object(members) = &mut provider else {
        return provider;
    };
    let mut say = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    say("base_url", told.url.clone().map(Value::from));
    // Masked, it is the one that was there.
    let key = told.api_key.clone().filter(|key| !key.contains('…'));
    say("keys", key.map(|key| json!([key])));
    provider
}

fn tell_endpoint(endpoint: &mut Value, told: &Told) {
    let Value::Object(members) = endpoint else {
        return;
    };
    let mut breaker = match members.remove("breaker") {
        Some(Value::Object(breaker)) => breaker,
        _ => Map::new(),
    };
    let said = [
        ("failures", told.failures_to_open.map(|n| json!(n))),
        (
            "open_for",
            told.open_seconds.map(|secs| json!(format!("{secs}s"))),
        ),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            breaker.insert(name.to_owned(), value);
        }
    }
    if !breaker.is_empty() {
        members.insert("breaker".to_owned(), Value::Object(breaker));
    }
    let said = [
        ("model", told.model.clone().map(Value::from)),
        ("priority", told.priority.map(Value::from)),
        ("enabled", told.enabled.map(Value::from)),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    }
}
