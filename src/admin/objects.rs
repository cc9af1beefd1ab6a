//! Calls on objects of the configuration: providers, models, routes, client keys, tenants, prices, settings. The same six
//! for each kind; a body is what the configuration file would say.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Admin;
use super::desk::{Condition, Desk, Done, View};
use super::door::Who;
use super::mint;
use super::problem::Problem;
use super::time::rfc3339;
use super::trouble::Trouble;
use crate::config::{Home, Kind};

/// An object of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigObject {
    /// `provider`, `model`, `route`, `client_key`, `tenant`, `price`, `setting`
    #[schema(example = "provider")]
    kind: &'static str,
    name: String,
    /// `file`, `environment`, `database`; `shadowed`: the file has one of this name, which wins; `builtin`.
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
    /// Why it is not in force although it is not shadowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// A client key that was just made. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// What of the change takes effect at the next start only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    restart: Vec<String>,
}

/// ConfigObjects of one kind, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigObjects {
    items: Vec<ConfigObject>,
}

/// Names, in the order in which they shall be tried.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    names: Vec<String>,
}

impl ConfigObject {
    fn of(view: View) -> ConfigObject {
        let facts = view.stored;
        let facts = facts.as_ref();
        ConfigObject {
            kind: view.kind.name(),
            name: view.name,
            home: home(view.home),
            etag: facts.map(|facts| facts.etag.clone()),
            created_at: facts.map(|facts| rfc3339(facts.created_at)),
            updated_at: facts.map(|facts| rfc3339(facts.updated_at)),
            body: view.body,
            fault: view.fault,
            key: None,
            restart: Vec::new(),
        }
    }
}

fn home(home: Home) -> &'static str {
    match home {
        Home::File => "file",
        Home::Environment => "environment",
        Home::Database => "database",
        Home::Shadowed => "shadowed",
    }
}

fn condition(headers: &HeaderMap) -> Condition {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Condition {
        matches: text(&IF_MATCH).map(str::to_owned),
        is_new: text(&IF_NONE_MATCH).is_some_and(|told| told.trim() == "*"),
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

async fn show(admin: &Admin, kind: Kind, name: &str) -> Result<Response, Problem> {
    let view = admin.desk()?.show(kind, name, false).await?;
    Ok(answer(StatusCode::OK, ConfigObject::of(view)))
}

fn changed(desk: &Desk, done: Done, (kind, name): (Kind, &str)) -> Result<ConfigObject, Problem> {
    let view = desk.view_of(&done, kind, name)?;
    Ok(ConfigObject {
        restart: done.restart,
        ..ConfigObject::of(view)
    })
}

async fn create(
    admin: &Admin,
    (kind, path): (Kind, &str),
    mut body: Value,
    who: &Who,
) -> Result<Response, Problem> {
    let name = name_of(kind, &body)?;
    if matches!(kind, Kind::Price | Kind::Setting) {
        body = unnamed(kind, body);
    }
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
    let location = format!("{}{path}/{}", super::routes::ROOT, encoded(&name));
    if let Ok(location) = HeaderValue::from_str(&location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

/// As one segment of a path (RFC 3986).
fn encoded(name: &str) -> String {
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
    let is_there = desk.show(kind, name, true).await.is_ok();
    let key = match is_there {
        true => mint::told_for(kind, &mut body),
        false => mint::key_for(kind, &mut body),
    };
    let condition = condition(headers);
    let done = desk
        .put((kind, name), body, &condition, &who.author())
        .await?;
    let object = ConfigObject {
        key,
        ..changed(desk, done, (kind, name))?
    };
    let status = if is_there {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(answer(status, object))
}

async fn patch(
    admin: &Admin,
    (kind, name): (Kind, &str),
    (headers, mut patch): (&HeaderMap, Value),
    who: &Who,
) -> Result<Response, Problem> {
    mint::told_for(kind, &mut patch);
    let desk = admin.desk()?;
    let condition = condition(headers);
    let done = desk
        .patch((kind, name), &patch, &condition, &who.author())
        .await?;
    Ok(answer(StatusCode::OK, changed(desk, done, (kind, name))?))
}

async fn delete(
    admin: &Admin,
    (kind, name): (Kind, &str),
    headers: &HeaderMap,
    who: &Who,
) -> Result<StatusCode, Problem> {
    let condition = condition(headers);
    let desk = admin.desk()?;
    desk.delete((kind, name), &condition, &who.author()).await?;
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
    super::door::Viewer(who): super::door::Viewer,
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
    responses((status = 200, description = "All routes, in their new order", body = ConfigObjects))
)]
pub(super) async fn order_routes(
    State(admin): State<Arc<Admin>>,
    super::door::Viewer(who): super::door::Viewer,
    super::input::Body(order): super::input::Body<Order>,
) -> Result<Json<ConfigObjects>, Problem> {
    let desk = admin.desk()?;
    desk.order(Kind::Route, &order.names, &who.author()).await?;
    list(&admin, Kind::Route).await
}

/// The calls of one kind.
macro_rules! calls {
    ($module:ident, $kind:expr, $all:literal, $one:literal, $tag:literal, $ids:tt) => {
        calls!(@ $module, $kind, $all, $one, $tag, $ids);
    };
    (@ $module:ident, $kind:expr, $all:literal, $one:literal, $tag:literal,
     [$list:literal $create:literal $show:literal $put:literal $patch:literal $delete:literal]) => {
        pub(super) mod $module {
            use std::sync::Arc;

            use axum::Json;
            use axum::extract::{Path, State};
            use axum::http::{HeaderMap, StatusCode};
            use axum::response::Response;

            use super::super::Admin;
            use super::super::door::Viewer;
            use super::super::input::AnyBody;
            use super::super::problem::Problem;
            use super::{ConfigObject, ConfigObjects};
            use crate::config::Kind;

            const KIND: Kind = $kind;

            /// All, those of the file first
            #[utoipa::path(get, path = $all, tag = $tag, operation_id = $list,
                responses((status = 200, description = "All of them", body = ConfigObjects)))]
            pub(in super::super) async fn list(
                State(admin): State<Arc<Admin>>,
            ) -> Result<Json<ConfigObjects>, Problem> {
                super::list(&admin, KIND).await
            }

            /// A new one
            #[utoipa::path(post, path = $all, tag = $tag, operation_id = $create,
                request_body(content = Value, description = "As the configuration file says it, with its `name`; of a setting `name` and `value`"),
                responses((status = 201, description = "It is in force", body = ConfigObject),
                          (status = 409, description = "There is one of this name", body = super::super::problem::Problem, content_type = "application/problem+json")))]
            pub(in super::super) async fn create(
                State(admin): State<Arc<Admin>>,
                Viewer(who): Viewer,
                AnyBody(body): AnyBody,
            ) -> Result<Response, Problem> {
                super::create(&admin, (KIND, $all), body, &who).await
            }

            /// One
            #[utoipa::path(get, path = $one, tag = $tag, operation_id = $show,
                params(("name" = String, Path, description = "Its name")),
                responses((status = 200, description = "The one in force", body = ConfigObject)))]
            pub(in super::super) async fn show(
                State(admin): State<Arc<Admin>>,
                Path(name): Path<String>,
            ) -> Result<Response, Problem> {
                super::show(&admin, KIND, &name).await
            }

            /// Say it anew, or make it
            #[utoipa::path(put, path = $one, tag = $tag, operation_id = $put,
                params(("name" = String, Path, description = "Its name"),
                       ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag"),
                       ("If-None-Match" = Option<String>, Header, description = "`*`: only if it is not there yet")),
                request_body(content = Value, description = "As the configuration file says it"),
                responses((status = 200, description = "It is in force", body = ConfigObject),
                          (status = 201, description = "It was made, and is in force", body = ConfigObject)))]
            pub(in super::super) async fn put(
                State(admin): State<Arc<Admin>>,
                Path(name): Path<String>,
                Viewer(who): Viewer,
                headers: HeaderMap,
                AnyBody(body): AnyBody,
            ) -> Result<Response, Problem> {
                super::put(&admin, (KIND, &name), (&headers, body), &who).await
            }

            /// Change members of it (RFC 7396)
            #[utoipa::path(patch, path = $one, tag = $tag, operation_id = $patch,
                params(("name" = String, Path, description = "Its name"),
                       ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag")),
                request_body(content = Value, description = "The members that change; `null` takes one away"),
                responses((status = 200, description = "It is in force", body = ConfigObject)))]
            pub(in super::super) async fn patch(
                State(admin): State<Arc<Admin>>,
                Path(name): Path<String>,
                Viewer(who): Viewer,
                headers: HeaderMap,
                AnyBody(body): AnyBody,
            ) -> Result<Response, Problem> {
                super::patch(&admin, (KIND, &name), (&headers, body), &who).await
            }

            /// Take it away
            #[utoipa::path(delete, path = $one, tag = $tag, operation_id = $delete,
                params(("name" = String, Path, description = "Its name"),
                       ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag")),
                responses((status = 204, description = "It is gone")))]
            pub(in super::super) async fn delete(
                State(admin): State<Arc<Admin>>,
                Path(name): Path<String>,
                Viewer(who): Viewer,
                headers: HeaderMap,
            ) -> Result<StatusCode, Problem> {
                super::delete(&admin, (KIND, &name), &headers, &who).await
            }
        }
    };
}

calls!(providers, Kind::Provider, "/providers", "/providers/{name}", "providers",
    ["list_providers" "create_provider" "show_provider" "put_provider" "patch_provider" "delete_provider"]);
calls!(models, Kind::Model, "/models", "/models/{name}", "models",
    ["list_models" "create_model" "show_model" "put_model" "patch_model" "delete_model"]);
calls!(rules, Kind::Route, "/routes", "/routes/{name}", "routes",
    ["list_routes" "create_route" "show_route" "put_route" "patch_route" "delete_route"]);
calls!(client_keys, Kind::ClientKey, "/client-keys", "/client-keys/{name}", "client keys",
    ["list_client_keys" "create_client_key" "show_client_key" "put_client_key" "patch_client_key" "delete_client_key"]);
calls!(tenants, Kind::Tenant, "/tenants", "/tenants/{name}", "tenants",
    ["list_tenants" "create_tenant" "show_tenant" "put_tenant" "patch_tenant" "delete_tenant"]);
calls!(prices, Kind::Price, "/prices", "/prices/{name}", "prices",
    ["list_prices" "create_price" "show_price" "put_price" "patch_price" "delete_price"]);
calls!(settings, Kind::Setting, "/settings", "/settings/{name}", "settings",
    ["list_settings" "create_setting" "show_setting" "put_setting" "patch_setting" "delete_setting"]);
