//! What would become of a request: our own admin side asks it of a whole request, and nobody is asked for an answer.

use serde_json::{Value, json};

use crate::live::foresee;
use crate::proxy::intake::Call;
use crate::proxy::reply::Page;
use crate::route::{Explanation, Seen};

/// Set by calls of ours that want to know, and get no answer.
pub const HEADER: &str = "x-tidegate-explain";

/// As JSON: the pool, the route that has led there, each endpoint and how it is seen, and what happens first.
pub fn explain(call: &Call, route: Option<&str>) -> Page {
    let (explanation, outlook) = foresee(
        &call.lane,
        call.needs.clone(),
        crate::clock::now(),
        fastrand::u64(..),
    );
    let first = explanation.first();
    let page = json!({
        "asked_model": call.model(),
        "pool": explanation.pool,
        "route": route,
        "format": call.format.name(),
        "estimated_tokens": call.needs.estimated_tokens,
        "first": first.map(|one| json!({ "provider": *one.provider, "model": *one.model })),
        "outlook": outlook.to_string(),
        "candidates": candidates(&explanation),
    });
    Page::json(200, page.to_string())
}

fn candidates(explanation: &Explanation) -> Vec<Value> {
    let all = explanation.candidates.iter();
    all.map(|one| {
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
        })
    })
    .collect()
}
