//! Calls that are tried out: through the data plane, as a client's, or only explained.

use std::sync::Arc;

use axum::Json;
use axum::body::Body as Answered;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Admin;
use super::input::{Body, wrong_body};
use super::objects::encoded;
use super::plane;
use super::problem::{Problem, Why};
use super::reasons::{RefusalCode, SeenCode};
use super::standings::{Account, account};
use super::trouble::Trouble;
use crate::clock;
use crate::live::{Owner, Snapshot};

/// Headers that a client may send, and that mean something there.
const SENT: [&str; 6] = [
    "anthropic-beta",
    "anthropic-version",
    "openai-beta",
    "session_id",
    "x-session-id",
    "user-agent",
];
/// Headers of the answer that are passed on.
const PASSED: [&str; 6] = [
    "content-type",
    "retry-after",
    "x-request-id",
    "x-tidegate-dropped",
    "x-tidegate-route",
    "x-upstream-request-id",
];

/// A request as a client would send it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// Which call, as a client would ask for it.
    #[schema(example = "/v1/chat/completions")]
    path: String,
    /// As a client would send it.
    #[schema(value_type = Object)]
    body: Map<String, Value>,
    /// Of those that clients send: `anthropic-version`, `x-session-id`, …; for an explanation, any.
    #[schema(value_type = Option<Object>)]
    headers: Option<Map<String, Value>>,
}

/// A request that is only looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// Which call, as a client would ask for it.
    #[schema(example = "/v1/chat/completions")]
    path: String,
    /// As a client would send it.
    #[schema(value_type = Object)]
    body: Map<String, Value>,
    /// Any that a client may send.
    #[schema(value_type = Option<Object>)]
    headers: Option<Map<String, Value>>,
    /// The client key, by its name, whose request it would be: with its models and its limits. Else nobody's in particular.
    client_key: Option<String>,
}

/// What would become of a request.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct Explanation {
    /// Left out, as all that follows: it is refused before that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_model: Option<String>,
    /// The virtual model, or the real name, that it becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    /// The route that has led there.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_tokens: Option<u64>,
    /// Why it would be refused before any endpoint was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusedShown>,
    /// Whose request it would be.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    client_key: Option<KeyShown>,
    /// Who would be asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<EndpointNamed>,
    /// What it would meet with first, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook: Option<String>,
    /// The same in a word: `asks`, `waits`, or why it would be refused then.
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook_code: Option<String>,
    /// Until the first endpoint is back.
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook_wait_ms: Option<u64>,
    candidates: Vec<CandidateSeen>,
}

/// What a client would be told.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct RefusedShown {
    #[schema(value_type = RefusalCode)]
    code: String,
    status: u16,
    message: String,
    /// Whose limit, and which: `key rpm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    limited: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// A client key, with what it may do.
#[derive(Debug, Serialize, ToSchema)]
struct KeyShown {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// The models that it may use, also as patterns. Left out: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
    /// Left out: it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Account>,
    /// Of its tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_limits: Option<Account>,
}

impl KeyShown {
    fn of(snapshot: &Snapshot, name: &str) -> Option<KeyShown> {
        let gateway = &snapshot.gateway;
        let mut all = gateway.client_keys.iter();
        let at = all.position(|key| key.name == name)?;
        let key = gateway.client_keys.get(at)?;
        let tenant = key.tenant.and_then(|tenant| gateway.tenants.get(tenant));
        let now = clock::now();
        let of = |is_key: bool| {
            let mut purses = snapshot.purses(at).iter();
            let purse = purses.find(|purse| matches!(purse.owner(), Owner::Key(_)) == is_key);
            purse.map(|purse| account(purse, now))
        };
        let models = key.models.as_ref();
        Some(KeyShown {
            name: key.name.clone(),
            tenant: tenant.map(|tenant| tenant.name.clone()),
            models: models.map(|globs| {
                let patterns = globs.iter().map(|glob| glob.pattern().to_owned());
                patterns.collect()
            }),
            limits: of(true),
            tenant_limits: of(false),
        })
    }
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct EndpointNamed {
    provider: String,
    model: String,
}

/// An endpoint of the pool, and how the request would see it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct CandidateSeen {
    provider: String,
    model: String,
    tier: u16,
    /// `asked`, `incapable`, `skipped`, `not_reached`
    state: String,
    /// The same in words.
    why: String,
    /// And in words for programs: one, or all that it lacks.
    #[schema(value_type = Vec<SeenCode>)]
    reasons: Vec<String>,
    /// In which attempts it would be asked, from 1.
    attempts: Vec<u32>,
    /// How much longer it is so, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<u64>,
}

impl Trial {
    fn request(&self, all: bool) -> Result<Request<Full<Bytes>>, Problem> {
        let is_call = ["/v1/", "/v1beta/", "/openai/", "/anthropic/", "/gemini/"]
            .iter()
            .any(|head| self.path.starts_with(head));
        if !is_call || !self.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong_body(
                Some("path"),
                "expected a call such as /v1/chat/completions",
            ));
        }
        let body = Value::Object(self.body.clone()).to_string();
        let mut request = Request::post(&self.path).header(CONTENT_TYPE, "application/json");
        for (name, value) in self.headers.iter().flatten() {
            let name = name.to_ascii_lowercase();
            let ours =
                name.starts_with("x-tidegate-") || name == "content-length" || name == "host";
            if ours || !(all || SENT.contains(&name.as_str())) {
                let known = format!("expected some of {}", SENT.join(", "));
                return Err(wrong_body(Some(&format!("headers.{name}")), &known));
            }
            let value = value
                .as_str()
                .and_then(|value| HeaderValue::from_str(value).ok());
            let value = value
                .ok_or_else(|| wrong_body(Some(&format!("headers.{name}")), "expected text"))?;
            request = request.header(name, value);
        }
        request
            .body(Full::new(body.into()))
            .map_err(|_| wrong_body(Some("path"), "expected a call such as /v1/chat/completions"))
    }
}

fn unreached(e: &str) -> Problem {
    Problem::new(
        Why::Unavailable,
        format!("The data plane does not answer: {e}."),
    )
}

/// Send a request as a client would
///
/// It goes the way of every client's, and is counted and logged like them; no client key is asked for. The answer is what
/// a client would get, also where it is an error.
#[utoipa::path(
    post,
    path = "/playground",
    tag = "playground",
    request_body = Trial,
    responses((status = 200, description = "What the vendor has answered, as a stream where one was asked for", content(
        (Object = "application/json"), (String = "text/event-stream"))))
)]
pub(super) async fn send(
    State(admin): State<Arc<Admin>>,
    Body(trial): Body<Trial>,
) -> Result<Response<Answered>, Problem> {
    let request = trial.request(false)?;
    let answer = plane::send(admin.plane()?, request).await;
    let (head, body) = answer.map_err(|e| unreached(&e))?.into_parts();
    let mut made = Response::new(Answered::new(body));
    *made.status_mut() = head.status;
    for name in PASSED {
        if let Some(value) = head.headers.get(name) {
            made.headers_mut().insert(name, value.clone());
        }
    }
    let no_store = HeaderValue::from_static("no-store");
    made.headers_mut().insert(CACHE_CONTROL, no_store);
    // What is an error there is the answer here.
    made.extensions_mut().insert(super::problem::AsItIs);
    Ok(made)
}

/// What would become of a request; nobody is asked
#[utoipa::path(
    post,
    path = "/explain",
    tag = "playground",
    request_body = Question,
    responses((status = 200, description = "How each endpoint is seen, and who would be asked first; or why it would be refused", body = Explanation),
              (status = 422, description = "It is no request that could be sent", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn explain(
    State(admin): State<Arc<Admin>>,
    Body(asked): Body<Question>,
) -> Result<Json<Explanation>, Problem> {
    let Question {
        path,
        body,
        headers,
        client_key,
    } = asked;
    let trial = Trial {
        path,
        body,
        headers,
    };
    let mut request = trial.request(true)?;
    let yes = HeaderValue::from_static("1");
    request.headers_mut().insert("x-tidegate-explain", yes);
    let key = match client_key {
        None => None,
        Some(name) => {
            let key = KeyShown::of(&admin.live.snapshot(), &name).ok_or_else(|| {
                wrong_body(Some("client_key"), "there is no client key of this name")
            })?;
            if let Ok(name) = HeaderValue::from_str(&encoded(&name)) {
                request.headers_mut().insert("x-tidegate-explain-key", name);
            }
            Some(key)
        }
    };
    let answer = plane::whole(admin.plane()?, request).await;
    let answer = answer.map_err(|e| unreached(&e))?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status != 200 {
        let said = ["/error/message", "/message", "/error"].iter();
        let mut said = said.filter_map(|at| json.pointer(at)?.as_str());
        let said = said.next().unwrap_or("no reason was told");
        let detail = format!("The request could not be sent ({}): {said}", answer.status);
        return Err(Problem::new(Why::Invalid, detail));
    }
    let told: Explanation = serde_json::from_value(json).map_err(|_| Trouble::Inside)?;
    Ok(Json(Explanation {
        client_key: key,
        ..told
    }))
}
