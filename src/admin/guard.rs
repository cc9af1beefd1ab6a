//! The document as the law: what it does not have is not served, a parameter that it does not name is refused, and
//! whom an operation is for is asked before its handler is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, PathItem, RefOr};

use super::door::{self, Stranger};
use super::problem::{Flaw, Problem, Why};
use super::{Admin, routes};

/// Whom an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Everybody,
    /// Also who comes with nothing, or with a session that is over; nobody who comes with something wrong.
    Strangers,
    /// Whoever has an account.
    Viewers,
    Admins,
}

/// What changes nothing that others see is for viewers also where it is no `GET`; below the API's root.
const FOR_VIEWERS: &[&str] = &["/explain", "/logout", "/session/password"];
const FOR_EVERYBODY: &[&str] = &["/login", "/openapi.json"];
const FOR_STRANGERS: &[&str] = &["/session"];

impl For {
    /// Of the operation at a path.
    pub(super) fn of(method: &str, path: &str) -> For {
        let below = path.strip_prefix(routes::ROOT).unwrap_or(path);
        if FOR_EVERYBODY.contains(&below) {
            For::Everybody
        } else if FOR_STRANGERS.contains(&below) {
            For::Strangers
        } else if matches!(method, "GET" | "HEAD") || FOR_VIEWERS.contains(&below) {
            For::Viewers
        } else {
            For::Admins
        }
    }
}

/// What the document says, for each request to look up.
pub(super) struct Law {
    /// By path as it is routed, and method: the names of the query's parameters.
    operations: BTreeMap<String, BTreeMap<&'static str, BTreeSet<String>>>,
    /// The document as it is served.
    pub text: Bytes,
}

impl Law {
    pub(super) fn of(document: &OpenApi) -> Law {
        let paths = document.paths.paths.iter();
        let operations = paths.map(|(path, item)| {
            let operations = operations(item).into_iter();
            let named = operations.map(|(method, operation)| (method, queries(operation)));
            (path.clone(), named.collect())
        });
        Law {
            operations: operations.collect(),
            text: serde_json::to_vec(document).unwrap_or_default().into(),
        }
    }

    /// The query's parameters of an operation. `HEAD` is a `GET` without its body.
    fn parameters(&self, method: &Method, path: &str) -> Option<&BTreeSet<String>> {
        let method = if method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        self.operations.get(path)?.get(method)
    }
}

/// The operations at a path, by their methods.
pub(super) fn operations(item: &PathItem) -> Vec<(&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("DELETE", &item.delete),
        ("PATCH", &item.patch),
    ];
    let there = all.into_iter();
    there
        .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
        .collect()
}

fn queries(operation: &Operation) -> BTreeSet<String> {
    let all = operation.parameters.iter().flatten();
    let own = all.filter_map(|parameter| match parameter {
        RefOr::T(Parameter {
            name,
            parameter_in: ParameterIn::Query,
            ..
        }) => Some(name.clone()),
        _ => None,
    });
    own.collect()
}

/// Before each handler of the API.
pub(super) async fn guard(
    State(admin): State<Arc<Admin>>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let path = routes::unaliased(path.as_str());
    let Some(named) = admin.law.parameters(request.method(), &path) else {
        log::error!(
            "admin: {} {path} is served, and not in the document",
            request.method()
        );
        return Problem::new(Why::NotFound, "There is nothing at this path.").into_response();
    };
    let whom = For::of(request.method().as_str(), &path);
    let entered = match door::who(&admin, request.method(), request.headers()).await {
        Err(_) if whom == For::Everybody => Ok(()),
        Err(Stranger::Nobody(_)) if whom == For::Strangers => Ok(()),
        Err(stranger) => Err(stranger.into()),
        Ok(who) => {
            let allowed = door::may(&who, whom);
            request.extensions_mut().insert(Arc::new(who));
            allowed
        }
    };
    let entered = entered.and_then(|()| is_known(request.uri().query(), named));
    let entered = entered.and_then(|()| is_plain(request.uri()));
    match entered {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// What nobody types, a terminal would obey, and one of the databases refuses.
fn is_plain(uri: &Uri) -> Result<(), Problem> {
    let pairs = uri.query().unwrap_or("").split('&');
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let values = pairs.map(|(name, value)| (percent(name), percent(value)));
    let of_path = ("path".to_owned(), percent(uri.path()));
    let mut all = values.chain([of_path]);
    let Some((name, _)) = all.find(|(_, value)| value.contains(char::is_control)) else {
        return Ok(());
    };
    let detail = "The request holds control characters, which nothing here has in its name.";
    Err(Problem::new(Why::BadRequest, detail).flaw(Flaw {
        field: Some(name),
        message: "holds control characters".to_owned(),
        ..Flaw::default()
    }))
}

fn is_known(query: Option<&str>, named: &BTreeSet<String>) -> Result<(), Problem> {
    let pairs = query
        .unwrap_or("")
        .split('&')
        .filter(|pair| !pair.is_empty());
    let names = pairs.map(|pair| pair.split('=').next().unwrap_or(pair));
    let decoded = names.map(percent);
    let unknown: BTreeSet<String> = decoded.filter(|name| !named.contains(name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known = match named.len() {
        0 => "none".to_owned(),
        _ => named
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let detail = format!("This call does not know a parameter of that name; it takes: {known}.");
    let problem = Problem::new(Why::BadRequest, detail);
    Err(unknown.into_iter().fold(problem, |problem, name| {
        let message = "unknown parameter".to_owned();
        problem.flaw(Flaw {
            field: Some(name),
            message,
            ..Flaw::default()
        })
    }))
}

/// A name as it is meant (RFC 3986, section 2.1; `+` is a space in forms).
fn percent(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let mut digit = || char::from(ahead.next()?).to_digit(16);
        match (byte, digit(), digit()) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                bytes = ahead;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_is_for_admins_unless_it_is_said_here() {
        let of = |method, path: &str| For::of(method, &[routes::ROOT, path].concat());
        assert_eq!(of("GET", "/accounts"), For::Viewers);
        assert_eq!(of("HEAD", "/accounts"), For::Viewers);
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(of(method, "/accounts"), For::Admins);
        }
        assert_eq!(of("POST", "/login"), For::Everybody);
        assert_eq!(of("GET", "/session"), For::Strangers);
        assert_eq!(of("POST", "/logout"), For::Viewers);
        assert_eq!(For::of("GET", "/admin/stats"), For::Viewers);
        assert_eq!(For::of("POST", "/admin/reload"), For::Admins);
    }

    #[test]
    fn control_characters_are_refused_by_the_place_where_they_stand() {
        for (uri, field) in [
            ("/requests?model=x&endpoint=a%00b", "endpoint"),
            ("/prices/a%00b", "path"),
            ("/prices/a%0Ab?x=1", "path"),
            ("/audit?name=%7f", "name"),
        ] {
            let told = serde_json::to_value(is_plain(&uri.parse().unwrap()).unwrap_err());
            let told = told.unwrap();
            assert_eq!(
                (&told["status"], &told["problems"][0]["field"]),
                (&400.into(), &field.into())
            );
        }
        assert!(is_plain(&"/prices/a%20%C3%A9?x=%2B+%C3%A9".parse().unwrap()).is_ok());
    }

    #[test]
    fn a_parameter_that_the_document_does_not_name_is_refused_by_name() {
        let named: BTreeSet<String> = ["from", "by day"].map(str::to_owned).into();
        for query in [
            None,
            Some(""),
            Some("from=1"),
            Some("%66rom=1&by+day"),
            Some("from"),
        ] {
            assert!(is_known(query, &named).is_ok(), "{query:?}");
        }
        let refused = is_known(Some("from=1&form=2"), &named).unwrap_err();
        let told = serde_json::to_value(refused).unwrap();
        assert_eq!(told["problems"][0]["field"], "form");
        assert!(told["detail"].as_str().unwrap().contains("by day, from"));
    }
}
