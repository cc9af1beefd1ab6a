use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Reply;
use super::fault::Step;
use super::script::Match;
use super::vendor::State;

/// The body of `POST /demo/script`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    model: Option<String>,
    key: Option<String>,
    path: Option<String>,
    #[serde(default)]
    steps: Vec<Step>,
    always: Option<Step>,
}

/// Answers a request to the control API.
pub(super) async fn answer(state: &State, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    match (path.as_str(), method) {
        ("/demo/script", Method::POST) => match request.into_body().collect().await {
            Ok(body) => script(state, &body.to_bytes()),
            Err(error) => reply(400, &json!({"error": error.to_string()})),
        },
        ("/demo/script", Method::DELETE) => {
            state.script.clear();
            reply(200, &json!({}))
        }
        ("/demo/requests", Method::GET) => {
            let query = request.uri().query().unwrap_or_default();
            let since = query.strip_prefix("since=").and_then(|n| n.parse().ok());
            reply(200, &requests(state, since.unwrap_or(0)))
        }
        ("/demo/requests", Method::DELETE) => {
            state.ledger.clear();
            reply(200, &json!({}))
        }
        _ => reply(
            404,
            &json!({"error": "POST or DELETE /demo/script, GET or DELETE /demo/requests"}),
        ),
    }
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply::whole(status, "application/json", format!("{body}\n"))
}

fn script(state: &State, body: &[u8]) -> Reply {
    let order: Order = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return reply(400, &json!({"error": error.to_string()})),
    };
    let when = Match {
        model: order.model,
        key: order.key,
        path: order.path,
    };
    if order.always.is_some() {
        state.script.always(when.clone(), order.always);
    }
    state.script.push(when, order.steps);
    reply(200, &json!({"waiting": state.script.waiting()}))
}

fn requests(state: &State, since: u64) -> Value {
    let seen = state.ledger.requests();
    let seen = seen.iter().filter(|s| s.number >= since).map(|s| s.view());
    json!({"requests": seen.collect::<Vec<_>>()})
}
