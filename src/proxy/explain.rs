//! What would become of a request: our own admin side asks it of a whole request, and nobody is asked for an answer.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::live::{Outlook, foresee};
use crate::proxy::intake::Call;
use crate::proxy::paths::percent_decoded;
use crate::proxy::refusal::Refusal;
use crate::proxy::refusal_code::of_stop;
use crate::proxy::reply::Page;
use crate::proxy::tab::Tab;
use crate::route::{Explanation, Seen};

/// Set by calls of ours that want to know, and get no answer.
pub const HEADER: &str = "x-tidegate-explain";

/// The client key whose request it would be: its name, percent-encoded.
pub const AS_KEY: &str = "x-tidegate-explain-key";

/// The name in [`AS_KEY`].
pub fn as_key(headers: &HeaderMap) -> Option<String> {
    let said = headers.get(AS_KEY)?.to_str().ok()?;
    Some(percent_decoded(said).into_owned())
}

/// A request that would be refused: why, with what was known of it by then.
pub fn refused(refusal: Refusal, tab: &Tab) -> Page {
    let (code, record) = (refusal.code(), &tab.record);
    let fault = refusal.fault();
    let page = json!({
        "asked_model": record.asked_model.as_deref(),
        "pool": record.model.as_deref(),
        "route": record.route.as_deref(),
        "format": record.format.map(|format| format.name()),
        "refused": {
            "code": code.name(),
            "status": fault.status,
            "message": fault.message,
            "limited": record.limited.map(|(owner, limit)| format!("{owner} {limit}")),
            "retry_after_ms": fault.retry_after.map(millis),
        },
        "candidates": [],
    });
    Page::json(200, page.to_string())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// As JSON: the pool, the route that has led there, each endpoint and how it is seen, and what happens first.
pub fn explain(call: &Call, route: Option<&str>) -> Page {
    let (explanation, outlook) = foresee(
        &call.lane,
        call.needs.clone(),
        crate::clock::now(),
        fastrand::u64(..),
    );
    let first = explanation.first();
    let (code, wait) = match &outlook {
        Outlook::Asks => ("asks", None),
        Outlook::Waits(wait) => ("waits", Some(*wait)),
        Outlook::Refused(stop) => (of_stop(stop.why).name(), stop.retry_after),
    };
    let page = json!({
        "asked_model": call.model(),
        "pool": explanation.pool,
        "route": route,
        "format": call.format.name(),
        "estimated_tokens": call.needs.estimated_tokens,
        "first": first.map(|one| json!({ "provider": *one.provider, "model": *one.model })),
        "outlook": outlook.to_string(),
        "outlook_code": code,
        "outlook_wait_ms": wait.map(millis),
        "candidates": candidates(&explanation),
    });
    Page::json(200, page.to_string())
}

fn candidates(explanation: &Explanation) -> Vec<Value> {
    let all = explanation.candidates.iter();
    all.map(|one| {
        let (attempts, wait) = match &one.seen {
            Seen::Asked(attempts) => (&attempts[..], None),
            Seen::Skipped { wait, .. } => (&[][..], *wait),
            Seen::Incapable(_) | Seen::NotReached => (&[][..], None),
        };
        let state = match &one.seen {
            Seen::Asked(_) => "asked",
            Seen::Incapable(_) => "incapable",
            Seen::Skipped { .. } => "skipped",
            Seen::NotReached => "not_reached",
        };
        json!({
            "provider": *one.provider,
            "model": *one.model,
            "tier": one.tier,
            "state": state,
            "why": one.seen.to_string(),
            "reasons": one.seen.names(),
            "attempts": attempts,
            "wait_ms": wait.map(millis),
        })
    })
    .collect()
}
