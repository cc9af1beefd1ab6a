//! Calls on objects of the configuration: providers, models, routes, client keys, tenants, prices, settings. The same six
//! for each kind; a body is what the configuration file would say.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::path::PathsBuilder;
use utoipa::openapi::{HttpMethod, PathItem, RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::call::Call;
use super::condition::Condition;
use super::desk::{Desk, Done, With};
use super::door::{Viewer, Who};
use super::effective::Effective;
use super::input::{AnyBody, Body, query};
use super::mint;
use super::problem::Problem;
use super::time::rfc3339;
use super::trouble::Trouble;
use super::view::View;
use super::{Admin, bodies};
use crate::config::{Home, Kind};

/// An object of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigObject {
    /// `provider`, `model`, `route`, `client_key`, `tenant`, `price`, `setting`
    #[schema(example = "provider")]
    kind: &'static str,
    name: String,
    /// `file`, `environment`, `database`; `shadowed`: the file has one of this name, which wins; `builtin`: nobody has
    /// declared it, as built-in models, shipped prices, and settings with their defaults.
    #[schema(example = "database")]
    home: &'static str,
    /// For `If-Match`. Of objects of the database only, as all times are.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    updated_at: Option<String>,
    /// As the configuration file would say it, with secrets masked. A masked secret that is sent back stands for itself.
    #[schema(value_type = Value)]
    body: Value,
    /// Of a setting: what holds where nobody says anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
    /// Of a setting: this, with defaults for what it leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    effective: Option<Value>,
    /// Of a setting with members: where each of them comes from, as `home` says it, by its place (`bodies.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<BTreeMap<String, &'static str>>,
    /// Why it is not in force although it is not shadowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// Of a shipped price: where the vendor says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// When that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-06-01")]
    date: Option<String>,
    /// A client key that was just made. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// What of the change takes effect at the next start only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    restart: Vec<String>,
    /// What else the change has done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notes: Vec<String>,
}

/// ConfigObjects of one kind, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigObjects {
    items: Vec<ConfigObject>,
}

/// Names, in the order in which they shall be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    names: Vec<String>,
}

impl ConfigObject {
    fn of(view: View) -> ConfigObject {
        let facts = view.stored;
        let (source, date) = view.source.unzip();
        let shown = Effective::of(view.kind, &view.name, &view.body, home(view.home));
        let facts = facts.as_ref();
        ConfigObject {
            kind: view.kind.name(),
            name: view.name,
            home: home(view.home),
            etag: facts.map(|facts| facts.etag.clone()),
            created_at: facts.map(|facts| rfc3339(facts.created_at)),
            updated_at: facts.map(|facts| rfc3339(facts.updated_at)),
            default: shown.default,
            effective: shown.effective,
            from: shown.from,
            body: view.body,
            fault: view.fault,
            source,
            date,
            key: None,
            restart: Vec::new(),
            notes: Vec::new(),
        }
    }
}

fn home(home: Home) -> &'static str {
    match home {
        Home::File => "file",
        Home::Environment => "environment",
        Home::Database => "database",
        Home::Shadowed => "shadowed",
        Home::BuiltIn => "builtin",
    }
}

/// With its ETag.
fn answer(status: StatusCode, object: ConfigObject) -> Response {
    let etag = object.etag.as_deref().map(HeaderValue::from_str);
    let mut answer = (status, Json(object)).into_response();
    if let Some(Ok(etag)) = etag {
        answer.headers_mut().insert(ETAG, etag);
    }
    answer
}

async fn list(admin: &Admin, kind: Kind) -> Result<Json<ConfigObjects>, Problem> {
    let views = admin.desk()?.list(kind).await?;
    let items = views.into_iter().map(ConfigObject::of).collect();
    Ok(Json(ConfigObjects { items }))
}

/// Which of two of one name is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    home: Option<Stored>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Database,
}

/// What goes with it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Taking {
    #[serde(default)]
    cascade: bool,
}

async fn show(admin: &Admin, (kind, name): (Kind, &str), uri: &Uri) -> Result<Response, Problem> {
    let whose: Whose = query(uri)?;
    let desk = admin.desk()?;
    let view = desk.show(kind, name, whose.home.is_some()).await?;
    Ok(answer(StatusCode::OK, ConfigObject::of(view)))
}

fn changed(desk: &Desk, done: Done, (kind, name): (Kind, &str)) -> Result<ConfigObject, Problem> {
    let view = desk.view_of(&done, kind, name)?;
    Ok(ConfigObject {
        notes: gone(&done),
        restart: done.restart,
        ..ConfigObject::of(view)
    })
}

/// Built-in models are filled by the vendors of the environment, or by the demo vendor while there is no other provider.
fn gone(done: &Done) -> Vec<String> {
    let names = done.gone.join(", ");
    match done.gone.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "the built-in models {names} were filled by the demo vendor, which has gone now that there is another provider: make models of these names"
        )],
    }
}

async fn create(
    admin: &Admin,
    (kind, segment): (Kind, &str),
    mut body: Value,
    who: &Who,
) -> Result<Response, Problem> {
    let name = name_of(kind, &body)?;
    if matches!(kind, Kind::Price | Kind::Setting) {
        body = unnamed(kind, body);
    }
    mint::check(kind, &name, &body)?;
    let key = mint::key_for(kind, &mut body);
    let desk = admin.desk()?;
    let new = Condition {
        is_new: true,
        ..Condition::default()
    };
    let done = desk.put((kind, &name), body, &new, &who.author()).await?;
    let object = ConfigObject {
        key,
        ..changed(desk, done, (kind, &name))?
    };
    let mut answer = answer(StatusCode::CREATED, object);
    let location = format!("{}/{segment}/{}", super::routes::ROOT, encoded(&name));
    if let Ok(location) = HeaderValue::from_str(&location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

/// As one segment of a path (RFC 3986).
pub(super) fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn name_of(kind: Kind, body: &Value) -> Result<String, Problem> {
    match body.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(name.clone()),
        _ => Err(Trouble::field(kind, "", "name", "a name is needed").into()),
    }
}

/// What stands behind the name: of a setting its `value`, of a price the other members.
fn unnamed(kind: Kind, mut body: Value) -> Value {
    if let Value::Object(members) = &mut body {
        members.remove("name");
        if kind == Kind::Setting && members.len() == 1 && members.contains_key("value") {
            return members.remove("value").unwrap_or_default();
        }
    }
    body
}

async fn put(
    admin: &Admin,
    (kind, name): (Kind, &str),
    (headers, mut body): (&HeaderMap, Value),
    who: &Who,
) -> Result<Response, Problem> {
    let desk = admin.desk()?;
    mint::check(kind, name, &body)?;
    let is_there = desk.show(kind, name, true).await.is_ok();
    let key = match is_there {
        true => mint::told_for(kind, &mut body),
        false => mint::key_for(kind, &mut body),
    };
    let condition = Condition::of(headers);
    let done = desk
        .put((kind, name), body, &condition, &who.author())
        .await?;
    let status = match done.made {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let object = ConfigObject {
        key,
        ..changed(desk, done, (kind, name))?
    };
    Ok(answer(status, object))
}

async fn patch(
    admin: &Admin,
    (kind, name): (Kind, &str),
    (headers, mut patch): (&HeaderMap, Value),
    who: &Who,
) -> Result<Response, Problem> {
    mint::check(kind, name, &patch)?;
    mint::told_for(kind, &mut patch);
    let desk = admin.desk()?;
    let condition = Condition::of(headers);
    let done = desk
        .patch((kind, name), &patch, &condition, &who.author())
        .await?;
    Ok(answer(StatusCode::OK, changed(desk, done, (kind, name))?))
}

async fn delete(
    admin: &Admin,
    (kind, name): (Kind, &str),
    (headers, uri): (&HeaderMap, &Uri),
    who: &Who,
) -> Result<StatusCode, Problem> {
    let condition = Condition::of(headers);
    let taking: Taking = query(uri)?;
    let with = match taking.cascade {
        true => With::WhatHangsOnIt,
        false => With::Nothing,
    };
    let desk = admin.desk()?;
    desk.delete((kind, name), with, &condition, &who.author())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new key for a client key that is there: the old one is refused from now on.
#[utoipa::path(
    post,
    path = "/client-keys/{name}/rotate",
    tag = "client keys",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The new key, shown this once", body = ConfigObject))
)]
pub(super) async fn rotate(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Viewer(who): Viewer,
) -> Result<Response, Problem> {
    let desk = admin.desk()?;
    let kind = Kind::ClientKey;
    let mut patch = Value::Object(Map::new());
    let key = mint::key_for(kind, &mut patch);
    let any = Condition::default();
    let done = desk
        .patch((kind, &name), &patch, &any, &who.author())
        .await?;
    let object = ConfigObject {
        key,
        ..changed(desk, done, (kind, &name))?
    };
    Ok(answer(StatusCode::OK, object))
}

/// The order in which routes are tried. Those of the file come first; those that are not named here come last.
#[utoipa::path(
    put,
    path = "/routes/order",
    tag = "routes",
    request_body = Order,
    responses((status = 200, description = "All routes, in their new order", body = ConfigObjects),
              (status = 404, description = "There is none of such a name", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn order_routes(
    State(admin): State<Arc<Admin>>,
    Viewer(who): Viewer,
    Body(order): Body<Order>,
) -> Result<Json<ConfigObjects>, Problem> {
    let desk = admin.desk()?;
    desk.order(Kind::Route, &order.names, &who.author()).await?;
    list(&admin, Kind::Route).await
}

/// The kind's segment of a path, and what one and several are called.
pub(super) fn names(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Provider => ("providers", "provider", "providers"),
        Kind::Model => ("models", "virtual model", "models"),
        Kind::Route => ("routes", "route", "routes"),
        Kind::ClientKey => ("client-keys", "client key", "client keys"),
        Kind::Tenant => ("tenants", "tenant", "tenants"),
        Kind::Price => ("prices", "price", "prices"),
        Kind::Setting => ("settings", "setting", "settings"),
    }
}

/// The same calls for each kind.
pub(super) fn routes() -> OpenApiRouter<Arc<Admin>> {
    let all = OpenApiRouter::new();
    Kind::ALL.into_iter().fold(all, |all, kind| {
        let (segment, ..) = names(kind);
        all.routes(on_all(kind, &format!("/{segment}")))
            .routes(on_one(kind, &format!("/{segment}/{{name}}")))
    })
}

fn on_all(kind: Kind, path: &str) -> UtoipaMethodRouter<Arc<Admin>> {
    let (segment, one, many) = names(kind);
    let [new, _] = bodies::names(kind);
    let list_all = Call::new(
        kind,
        ("list", many),
        &format!("All {many}, those of the file first"),
    );
    let list_all = list_all.answers(200, "All of them", "ConfigObjects");
    let make = Call::new(kind, ("create", one), &format!("A new {one}"));
    let make = make
        .takes(
            new,
            "As the configuration file says it, with its `name`; of a setting, `name` and `value`",
        )
        .answers(201, "It is in force", "ConfigObject")
        .fails(409, "There is one of this name");
    let item = PathItem::builder()
        .operation(HttpMethod::Get, list_all.built())
        .operation(HttpMethod::Post, make.built());
    let list_all = move |State(admin): State<Arc<Admin>>| async move { list(&admin, kind).await };
    let make = move |State(admin): State<Arc<Admin>>,
                     Viewer(who): Viewer,
                     AnyBody(body): AnyBody| async move {
        create(&admin, (kind, segment), body, &who).await
    };
    let served = get(list_all).post(make);
    (
        schemas(kind),
        PathsBuilder::new().path(path, item.build()).build(),
        served,
    )
}

fn on_one(kind: Kind, path: &str) -> UtoipaMethodRouter<Arc<Admin>> {
    let (_, one, _) = names(kind);
    let [_, said] = bodies::names(kind);
    let call = |verb, summary: &str| Call::new(kind, (verb, one), summary).named();
    let see = call("show", &format!("One {one}: that which is in force"));
    let see = see.queried(
        "home",
        Stored::schema(),
        "`database`: the one that the database holds, also where one of the file wins over it",
    );
    let say = call("put", &format!("Say a {one} anew, or make it"))
        .on_condition(&["If-Match", "If-None-Match"])
        .takes(
            said,
            match kind {
                Kind::Setting => "The value alone, as the configuration file says it behind the name",
                Kind::Price => "The rates alone, as the configuration file says them behind the name",
                _ => "As the configuration file says it. A masked secret stands for the one that is there",
            },
        )
        .answers(201, "It was made, and is in force", "ConfigObject");
    let change = call("patch", &format!("Change members of a {one} (RFC 7396)"))
        .on_condition(&["If-Match"])
        .takes(said, "The members that change; `null` takes one away");
    let take = call("delete", &format!("Take a {one} away")).on_condition(&["If-Match"]);
    let take = match kind {
        Kind::Provider => take
            .queried("cascade", bool::schema(), "With its endpoints in models of the database, and models that have no others; in one write")
            .fails(409, "Something uses it: `problems` says what"),
        Kind::Model => take
            .queried("cascade", bool::schema(), "Out of the fallbacks of the other models in the database, too; in one write")
            .fails(409, "Something uses it: `problems` says what"),
        _ => take,
    };
    let item = PathItem::builder()
        .operation(
            HttpMethod::Get,
            see.answers(200, "It", "ConfigObject").built(),
        )
        .operation(
            HttpMethod::Put,
            say.answers(200, "It is in force", "ConfigObject").built(),
        )
        .operation(
            HttpMethod::Patch,
            change
                .answers(200, "It is in force", "ConfigObject")
                .built(),
        )
        .operation(
            HttpMethod::Delete,
            take.fails_not(204, "It is gone").built(),
        );
    let paths = PathsBuilder::new().path(path, item.build()).build();
    (schemas(kind), paths, served_on_one(kind))
}

fn served_on_one(kind: Kind) -> MethodRouter<Arc<Admin>> {
    type At = State<Arc<Admin>>;
    let see = move |State(admin): At, Path(name): Path<String>, uri: Uri| async move {
        show(&admin, (kind, &name), &uri).await
    };
    let say = move |State(admin): At,
                    Path(name): Path<String>,
                    Viewer(who): Viewer,
                    headers: HeaderMap,
                    AnyBody(body): AnyBody| async move {
        put(&admin, (kind, &name), (&headers, body), &who).await
    };
    let change = move |State(admin): At,
                       Path(name): Path<String>,
                       Viewer(who): Viewer,
                       headers: HeaderMap,
                       AnyBody(body): AnyBody| async move {
        patch(&admin, (kind, &name), (&headers, body), &who).await
    };
    let take = move |State(admin): At,
                     Path(name): Path<String>,
                     Viewer(who): Viewer,
                     uri: Uri,
                     headers: HeaderMap| async move {
        delete(&admin, (kind, &name), (&headers, &uri), &who).await
    };
    get(see).put(say).patch(change).delete(take)
}

fn schemas(kind: Kind) -> Vec<(String, RefOr<Schema>)> {
    let of = |name: &str, schema| (name.to_owned(), schema);
    let mut all = vec![
        of("ConfigObject", ConfigObject::schema()),
        of("ConfigObjects", ConfigObjects::schema()),
    ];
    ConfigObject::schemas(&mut all);
    all.extend(bodies::schemas(kind));
    all
}
