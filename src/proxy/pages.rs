//! What the gateway answers by itself: model lists, health, readiness, metrics.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;

use crate::config::Awaits;
use crate::ir::Format;
use crate::proxy::access::Who;
use crate::proxy::reply::Page;
use crate::proxy::wiring::Wiring;
use crate::telemetry::metrics;

/// `created` of every listed model: the lists' consumers want a number, and a virtual model has no birthday.
const CREATED: u64 = 1_700_000_000;
const CREATED_TEXT: &str = "2023-11-14T22:13:20Z";

/// The names that this caller may ask for.
pub fn names<'a>(wiring: &'a Wiring, who: &Who) -> Vec<&'a str> {
    wiring.snapshot.table.names(who.models())
}

/// `GET /v1/models`: OpenAI's shape, or Anthropic's where `anthropic-version` is sent; `GET /v1beta/models`: Gemini's.
pub fn list_models(wiring: &Wiring, who: &Who, headers: &HeaderMap, format: Format) -> Page {
    let names = names(wiring, who);
    let body = if format == Format::Gemini {
        let models: Vec<_> = names.iter().map(|name| gemini_model(name)).collect();
        json!({ "models": models })
    } else if wants_anthropic(headers) {
        let data: Vec<_> = names.iter().map(|name| anthropic_model(name)).collect();
        json!({
            "data": data,
            "has_more": false,
            "first_id": names.first(),
            "last_id": names.last(),
        })
    } else {
        let data: Vec<_> = names.iter().map(|name| openai_model(name)).collect();
        json!({ "object": "list", "data": data })
    };
    Page::json(200, body.to_string())
}

/// `GET /v1/models/{id}`, for a name that exists.
pub fn show_model(name: &str, headers: &HeaderMap, format: Format) -> Page {
    let body = if format == Format::Gemini {
        gemini_model(name)
    } else if wants_anthropic(headers) {
        anthropic_model(name)
    } else {
        openai_model(name)
    };
    Page::json(200, body.to_string())
}

fn wants_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

fn openai_model(name: &str) -> serde_json::Value {
    json!({ "id": name, "object": "model", "created": CREATED, "owned_by": "tidegate" })
}

fn anthropic_model(name: &str) -> serde_json::Value {
    json!({ "type": "model", "id": name, "display_name": name, "created_at": CREATED_TEXT })
}

fn gemini_model(name: &str) -> serde_json::Value {
    json!({
        "name": format!("models/{name}"),
        "displayName": name,
        "supportedGenerationMethods": [
            "generateContent",
            "streamGenerateContent",
            "countTokens",
        ],
    })
}

/// `GET /health`: the process is there.
pub fn health() -> Page {
    Page::json(200, Bytes::from_static(b"{\"status\":\"ok\"}"))
}

/// `GET /ready`: it takes new requests.
pub fn ready(draining: bool, awaits: Awaits) -> Page {
    if draining {
        Page::json(503, Bytes::from_static(b"{\"status\":\"draining\"}"))
    } else if awaits != Awaits::Nothing {
        let body = json!({
            "status": "waiting",
            "reason": "the database has not been read since the gateway has started",
        });
        Page::json(503, body.to_string())
    } else {
        Page::json(200, Bytes::from_static(b"{\"status\":\"ready\"}"))
    }
}

/// `GET /metrics`, with the states as of now.
pub fn show_metrics(wiring: &Wiring) -> Page {
    let runtime = tokio::runtime::Handle::current().metrics();
    metrics::TASKS.set(i64::try_from(runtime.num_alive_tasks()).unwrap_or(i64::MAX));
    wiring.show_states();
    Page {
        content_type: "text/plain; version=0.0.4; charset=utf-8",
        ..Page::text(200, metrics::render())
    }
}
