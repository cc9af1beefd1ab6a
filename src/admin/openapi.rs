//! The document of the API: OpenAPI 3.1, made from the code of the calls themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, Object, OpenApi, Ref, RefOr, Response as Said, ResponseBuilder,
};

use super::guard::{For, operations};
use super::problem::{Flaw, MEDIA_TYPE, Problem};
use super::{Admin, door, routes};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tidegate admin API",
        description = "Everything that can be seen and changed of a gateway. Times are RFC 3339 in UTC; durations end in `_ms`, \
                       money in `_usd`. What is not known is left out, never 0. A member or a parameter that a call does \
                       not know is refused.",
        license(name = "MIT", identifier = "MIT"),
    ),
    components(schemas(Problem, Flaw)),
    tags(
        (name = "session", description = "Logging in and out"),
        (name = "accounts", description = "Who may log in"),
        (name = "gateway", description = "The process, and how everything stands"),
        (name = "providers", description = "Vendor accounts, their keys, and what they list"),
        (name = "models", description = "Virtual models: the names that clients ask for, and their pools"),
        (name = "routes", description = "Rules that pick the virtual model, tried in their order"),
        (name = "client keys", description = "What clients authenticate with"),
        (name = "tenants", description = "Whose client keys share limits"),
        (name = "prices", description = "What models cost, over the shipped table"),
        (name = "settings", description = "Every other key of the configuration's `gateway`"),
        (name = "limits", description = "What is used of them, and beginning anew"),
        (name = "statistics", description = "Sums by hour, with percentiles"),
        (name = "requests", description = "Finished requests, with everything that was tried for each"),
        (name = "audit", description = "Who has changed what"),
        (name = "configuration", description = "All of it, out and in"),
        (name = "playground", description = "Requests that are tried out, or explained"),
        (name = "other gateways' shapes", description = "Paths that scripts of other gateways know"),
    )
)]
struct Head;

/// The document without its paths.
pub(super) fn head() -> OpenApi {
    Head::openapi()
}

/// The whole document, as the routes make it.
pub(super) fn document() -> OpenApi {
    let mut document = routes::documented().into_openapi();
    let schemes = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    schemes.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let cookie = ApiKeyValue::new(door::COOKIE_NAME);
    schemes.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    for (path, item) in &mut document.paths.paths {
        let methods: Vec<&str> = operations(item).iter().map(|(method, _)| *method).collect();
        for method in methods {
            let operation = match method {
                "GET" => &mut item.get,
                "PUT" => &mut item.put,
                "POST" => &mut item.post,
                "DELETE" => &mut item.delete,
                _ => &mut item.patch,
            };
            let Some(operation) = operation else {
                continue;
            };
            let whom = For::of(method, path);
            operation.security = Some(security(whom));
            operation.operation_id = Some(id(method, path));
            let more = [
                of_body(operation.request_body.is_some()),
                of_one(path.contains('{')),
                of_condition(has_condition(operation)),
            ];
            let responses = &mut operation.responses.responses;
            for (status, what) in failures(whom).iter().chain(more.into_iter().flatten()) {
                responses
                    .entry((*status).to_owned())
                    .or_insert_with(|| RefOr::T(problem(what)));
            }
            if path.ends_with("/playground") {
                answers_as_vendors_do(responses);
            }
        }
    }
    document
}

/// One for each: `get_accounts_name`.
fn id(method: &str, path: &str) -> String {
    let below = path.strip_prefix(routes::ROOT).unwrap_or(path);
    let words = below.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(str::to_owned);
    let all: Vec<String> = std::iter::once(method.to_ascii_lowercase())
        .chain(words)
        .collect();
    all.join("_")
}

/// Role names, as 3.1 has them for every scheme.
fn security(whom: For) -> Vec<SecurityRequirement> {
    let role = match whom {
        For::Everybody | For::Strangers => return vec![SecurityRequirement::default()],
        For::Viewers => "viewer",
        For::Admins => "admin",
    };
    let need = |scheme: &str| SecurityRequirement::new(scheme, [role]);
    vec![need("bearer"), need("session")]
}

fn failures(whom: For) -> &'static [(&'static str, &'static str)] {
    match whom {
        For::Everybody => &[("400", "The request is not what the call takes")],
        For::Strangers => &[MALFORMED, WRONG, GUESSED, AWAY],
        For::Viewers => &[MALFORMED, NOBODY, NOT_ALLOWED, GUESSED, AWAY],
        For::Admins => &[
            MALFORMED,
            NOBODY,
            NOT_ALLOWED,
            GUESSED,
            AWAY,
            (
                "409",
                "It is there already, it is not for this API to change, or others are faster",
            ),
            ("422", "What would come of it is not valid"),
        ],
    }
}

const MALFORMED: (&str, &str) = ("400", "The request is not what the call takes");
const WRONG: (&str, &str) = ("401", "What you come with is wrong");
const NOBODY: (&str, &str) = ("401", "Not logged in");
const NOT_ALLOWED: (&str, &str) = (
    "403",
    "The account may not do this, or `x-csrf-token` is missing",
);
const GUESSED: (&str, &str) = ("429", "Wrong admin keys came too often from this address");
const AWAY: (&str, &str) = ("503", "The database does not answer");

fn of_one(one: bool) -> &'static [(&'static str, &'static str)] {
    match one {
        false => &[],
        true => &[("404", "There is none of this name")],
    }
}

fn of_condition(condition: bool) -> &'static [(&'static str, &'static str)] {
    match condition {
        false => &[],
        true => &[("412", "It has changed since its ETag was read")],
    }
}

fn has_condition(operation: &Operation) -> bool {
    let all = operation.parameters.iter().flatten();
    let mut own = all.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(&*parameter.name),
        RefOr::Ref(_) => None,
    });
    own.any(|name| name == "If-Match")
}

/// A call that goes through the data plane is answered as there: with any status, and with errors in the client's format.
fn answers_as_vendors_do(responses: &mut BTreeMap<String, RefOr<Said>>) {
    let any = || ContentBuilder::new().schema(Some(Object::new())).build();
    for answer in responses.values_mut() {
        if let RefOr::T(answer) = answer {
            let any = RefOr::T(any());
            answer.content.insert("application/json".to_owned(), any);
        }
    }
    let answer = ResponseBuilder::new().description("What a client would get");
    let answer = answer.content("application/json", any()).build();
    responses.insert("default".to_owned(), RefOr::T(answer));
}

fn of_body(body: bool) -> &'static [(&'static str, &'static str)] {
    match body {
        false => &[],
        true => &[
            ("413", "The body is too large"),
            ("415", "The body is not JSON"),
            ("422", "A member of the body is wrong"),
        ],
    }
}

fn problem(what: &str) -> Said {
    let shape = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    let answer = ResponseBuilder::new().description(what);
    answer.content(MEDIA_TYPE, shape.build()).build()
}

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "gateway",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn serve(State(admin): State<Arc<Admin>>) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    (json, admin.law.text.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_call_has_an_id_of_its_own_a_group_that_is_described_and_a_line_that_says_what_it_does()
    {
        let document = document();
        let tags = document.tags.iter().flatten();
        let tags: BTreeSet<&str> = tags.map(|tag| tag.name.as_str()).collect();
        let mut ids = BTreeSet::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in operations(item) {
                let what = format!("{method} {path}");
                assert!(ids.insert(operation.operation_id.clone()), "{what}");
                assert!(operation.summary.is_some(), "{what}");
                let of = operation.tags.clone().unwrap_or_default();
                assert!(of.len() == 1 && tags.contains(&*of[0]), "{what}: {of:?}");
                assert!(operation.security.is_some(), "{what}");
            }
        }
        assert!(
            ids.contains(&Some("put_accounts_name".to_owned())),
            "{ids:?}"
        );
    }
}
