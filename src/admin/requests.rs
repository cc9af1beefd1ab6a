//! Calls on finished requests: pages of them, one with all that was tried for it, and what it said.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::input::{queries, wrong_query};
use super::problem::{Problem, Why};
use super::reasons::{RefusalCode, SeenCode};
use super::time::{moment, rfc3339};
use crate::id::RequestId;
use crate::ir::Format;
use crate::ledger::Ending;
use crate::store::{Filter, LONGEST_PAGE, Place, Row, Status, Tokens};

/// No request takes longer.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Which requests: all that is told must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The first moment that belongs to it: RFC 3339, or a time ago such as `1h`, `7d`.
    #[param(example = "1h")]
    pub from: Option<String>,
    /// The first that does not any more.
    pub until: Option<String>,
    pub client_key: Option<String>,
    pub tenant: Option<String>,
    /// The virtual model.
    pub model: Option<String>,
    /// Who has answered; where nobody has, who was asked last.
    pub provider: Option<String>,
    /// The upstream model there.
    pub endpoint: Option<String>,
    /// `429`, or a class: `2xx`, `4xx`, `5xx`
    pub status: Option<String>,
    /// `complete`, `refused`, `broken`, `client_gone`
    pub ending: Option<String>,
    /// The client's: `openai_chat`, `openai_responses`, `anthropic`, `gemini`
    pub format: Option<String>,
    pub stream: Option<bool>,
    /// More than one endpoint was asked.
    pub failover: Option<bool>,
    /// So many attempts were made, or more; also at one endpoint.
    #[param(minimum = 1, maximum = 1000)]
    pub min_attempts: Option<u16>,
    /// A conversion has lost something.
    pub losses: Option<bool>,
    /// Took so long, to the end of the answer, or longer; a day at most.
    #[param(maximum = 86400000)]
    pub slower_than_ms: Option<u64>,
}

/// Which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Leaf {
    /// Only those that are older than this id: `next` of the page before.
    before: Option<String>,
    /// Only those that are newer than this id.
    after: Option<String>,
    /// At most so many; 50 where nothing is said, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of requests, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Requests {
    items: Vec<Request>,
    /// For `before` of the next page. Left out: that was all.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A finished request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Request {
    #[schema(example = "01hf2k3m4n5p6q7r8s9t0v1w2x")]
    pub(super) id: String,
    #[schema(format = DateTime)]
    pub(super) at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    pub(super) method: String,
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
    pub(super) stream: bool,
    /// As the client has asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked_model: Option<String>,
    /// The virtual model, or the real name, that this became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<String>,
    /// Who has answered; where nobody has, who was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<String>,
    /// The upstream model there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<String>,
    pub(super) status: i64,
    /// `complete`, `refused`, `broken`, `client_gone`
    pub(super) ending: String,
    /// Whose limit has refused it, and which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limited: Option<String>,
    /// Why it was refused, in a word that stays; where the gateway has done so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RefusalCode>)]
    pub(super) refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_content_ms: Option<f64>,
    pub(super) total_ms: f64,
    /// Of the answer that the client has got.
    pub(super) tokens: TokensShown,
    /// They are ours, not the vendor's.
    pub(super) tokens_estimated: bool,
    /// What all attempts have used, also those that were passed over or cancelled: what was paid for, and what `/stats`
    /// adds up.
    pub(super) spent: TokensShown,
    /// Of all attempts. Left out: nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_usd: Option<f64>,
    pub(super) bytes_in: i64,
    pub(super) bytes_out: i64,
    /// What conversions have lost.
    pub(super) losses: Vec<String>,
    pub(super) attempts: Vec<Attempt>,
    /// How every endpoint of the pool was seen, where that is more than "the first was asked and has answered".
    pub(super) candidates: Vec<Candidate>,
    /// What was said is kept: see `/requests/{id}/bodies`.
    pub(super) bodies_kept: bool,
}

/// Disjoint: a token is in one of them.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct TokensShown {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_read: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audio_input: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audio_output: Option<i64>,
}

/// One try of one endpoint with one key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Attempt {
    provider: String,
    /// The upstream model.
    model: String,
    /// Which of the provider's keys, from 1; 0: the client's own.
    key: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_masked: Option<String>,
    /// The vendor's, where one came.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// `ok`, or why it has ended. `resent`: a kept connection ended without a word, and it was sent once more; whether the
    /// vendor had read it nobody knows.
    outcome: String,
    /// Why there was this attempt: `first`, `retry`, `other_key`, `other_endpoint`, `hedge` (beside one that was late),
    /// `resume` (of an answer that broke off).
    #[serde(skip_serializing_if = "String::is_empty")]
    purpose: String,
    /// What has decided between the endpoints of the tier: its strategy (`round_robin`, `weighted`, `least_busy`,
    /// `fastest`); `alone`: nobody else could be asked; `conversation`: its prompt cache is warm there; `issuer`: the
    /// request holds opaque state of it; `probe`: it had failed, and has to be tried out; `again`: it was asked before.
    #[serde(skip_serializing_if = "String::is_empty")]
    chosen_by: String,
    /// How many could be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen_of: Option<u16>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u16>,
    took_ms: f64,
    /// Since the request's arrival.
    #[serde(skip_serializing_if = "Option::is_none")]
    began_ms: Option<f64>,
    /// How long it took to connect, where a connection was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_ms: Option<f64>,
    /// Whether a connection that had served another request was there. Left out: there was none of either.
    #[serde(skip_serializing_if = "Option::is_none")]
    reused: Option<bool>,
    /// From its begin to the head of the vendor's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    head_ms: Option<f64>,
    /// From its begin to the first content.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_ms: Option<f64>,
    tokens: TokensShown,
    tokens_estimated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

/// An endpoint of the pool, and why it was asked or not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Candidate {
    provider: String,
    model: String,
    tier: u16,
    /// `asked`, `not_reached`, or why not: `cooling`, `tools`, …
    #[schema(value_type = SeenCode)]
    seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<f64>,
}

/// What a request and its answer have said, as far as it was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Bodies {
    request: Said,
    response: Said,
}

/// One of the two.
#[derive(Debug, Serialize, ToSchema)]
struct Said {
    /// Where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// There was more.
    cut: bool,
}

pub(super) fn millis(micros: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "exact up to 285 years")]
    let micros = micros as f64;
    micros / 1000.0
}

pub(super) fn usd(nano: i64) -> f64 {
    #[allow(
        clippy::cast_precision_loss,
        reason = "exact up to nine million USD, and shown, not counted with"
    )]
    let nano = nano as f64;
    nano / 1e9
}

impl TokensShown {
    fn of(tokens: &Tokens) -> TokensShown {
        TokensShown {
            input: tokens.input,
            cache_read: tokens.cache_read,
            cache_write: tokens.cache_write,
            output: tokens.output,
            reasoning: tokens.reasoning,
            audio_input: tokens.audio_input,
            audio_output: tokens.audio_output,
        }
    }
}

impl Request {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn of(row: Row) -> Request {
        let decisive = row.endpoint();
        Request {
            provider: decisive.map(|attempt| attempt.provider.clone()),
            endpoint: decisive.map(|attempt| attempt.endpoint().to_owned()),
            at: rfc3339(row.at),
            first_content_ms: row.first_us.map(millis),
            total_ms: millis(row.total_us),
            tokens: TokensShown::of(&row.tokens),
            tokens_estimated: row.estimated,
            spent: TokensShown::of(&row.spent()),
            cost_usd: row.cost.map(usd),
            losses: losses(row.dropped.as_deref()),
            attempts: row.attempts.iter().map(Attempt::of).collect(),
            candidates: row.candidates.iter().map(Candidate::of).collect(),
            id: row.id,
            client: row.client,
            client_key: row.client_key,
            tenant: row.tenant,
            method: row.method,
            path: row.path,
            format: row.format,
            stream: row.stream,
            asked_model: row.asked_model,
            model: row.model,
            route: row.route,
            status: row.status,
            ending: row.ending,
            limited: row.limited,
            refusal: row.refusal,
            bodies_kept: row.kept,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
        }
    }
}

/// As in `x-tidegate-dropped`.
fn losses(dropped: Option<&str>) -> Vec<String> {
    let parts = dropped.unwrap_or("").split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Attempt {
    fn of(attempt: &crate::store::Attempt) -> Attempt {
        Attempt {
            provider: attempt.provider.clone(),
            model: attempt.model.clone(),
            key: attempt.key,
            key_masked: attempt.key_masked.clone(),
            status: attempt.status,
            outcome: attempt.outcome.clone(),
            purpose: attempt.choice.purpose.clone(),
            chosen_by: attempt.choice.by.clone(),
            chosen_of: Some(attempt.choice.of).filter(|of| *of > 0),
            tier: Some(attempt.choice.tier).filter(|tier| *tier > 0),
            took_ms: millis(attempt.took_us),
            began_ms: attempt.began_us.map(millis),
            connect_ms: attempt.connect_us.map(millis),
            reused: (attempt.reused || attempt.connect_us.is_some()).then_some(attempt.reused),
            head_ms: attempt.head_us.map(millis),
            first_content_ms: attempt.first_us.map(millis),
            tokens: TokensShown::of(&attempt.tokens),
            tokens_estimated: attempt.estimated,
            cost_usd: attempt.cost.map(usd),
        }
    }
}

impl Candidate {
    fn of(candidate: &crate::store::Candidate) -> Candidate {
        Candidate {
            provider: candidate.provider.clone(),
            model: candidate.model.clone(),
            tier: candidate.tier,
            seen: candidate.seen.clone(),
            wait_ms: candidate.wait_us.map(millis),
        }
    }
}

impl Which {
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let at = |field: &str, text: &Option<String>| -> Result<Option<Duration>, Problem> {
            let told = text.as_deref().map(moment).transpose();
            told.map_err(|e| wrong_query(Some(field), &e))
        };
        let ending = |name: &str| {
            let all = [
                Ending::Complete,
                Ending::Refused,
                Ending::Broken,
                Ending::ClientGone,
            ];
            let found = all.into_iter().find(|ending| ending.name() == name);
            found.ok_or_else(|| {
                wrong_query(
                    Some("ending"),
                    "expected complete, refused, broken or client_gone",
                )
            })
        };
        let format = |name: &str| {
            Format::from_name(name).ok_or_else(|| {
                let all = "expected openai_chat, openai_responses, anthropic or gemini";
                wrong_query(Some("format"), all)
            })
        };
        Ok(Filter {
            from: at("from", &self.from)?,
            until: at("until", &self.until)?,
            client_key: self.client_key.clone(),
            tenant: self.tenant.clone(),
            model: self.model.clone(),
            provider: self.provider.clone(),
            endpoint: self.endpoint.clone(),
            status: self.status.as_deref().map(status).transpose()?,
            ending: self.ending.as_deref().map(ending).transpose()?,
            format: self.format.as_deref().map(format).transpose()?,
            stream: self.stream,
            failover: self.failover,
            attempts: self.min_attempts.map(attempts).transpose()?,
            losses: self.losses,
            slower: self.slower_than_ms.map(slower).transpose()?,
        })
    }
}

impl Leaf {
    const NAMES: [&str; 3] = ["before", "after", "limit"];

    fn place(&self) -> Result<Place, Problem> {
        let id = |field: &str, text: &str| {
            RequestId::parse(text)
                .ok_or_else(|| wrong_query(Some(field), "this is no id of a request"))
        };
        match (&self.before, &self.after) {
            (None, None) => Ok(Place::Newest),
            (Some(before), None) => id("before", before).map(Place::Before),
            (None, Some(after)) => id("after", after).map(Place::After),
            (Some(_), Some(_)) => Err(wrong_query(Some("after"), "either `before` or `after`")),
        }
    }

    fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=LONGEST_PAGE => Ok(limit),
            _ => Err(wrong_query(Some("limit"), "expected 1 to 1000")),
        }
    }
}

fn attempts(least: u16) -> Result<u16, Problem> {
    match least {
        1..=1000 => Ok(least),
        _ => Err(wrong_query(Some("min_attempts"), "expected 1 to 1000")),
    }
}

fn slower(ms: u64) -> Result<Duration, Problem> {
    match Duration::from_millis(ms) {
        time if time <= LONGEST => Ok(time),
        _ => Err(wrong_query(
            Some("slower_than_ms"),
            "expected a day (86400000) at most",
        )),
    }
}

fn status(text: &str) -> Result<Status, Problem> {
    match text {
        "2xx" => Ok(Status::Class(2)),
        "4xx" => Ok(Status::Class(4)),
        "5xx" => Ok(Status::Class(5)),
        text => match text.parse::<u16>() {
            Ok(code @ 100..=599) => Ok(Status::Exactly(code)),
            _ => Err(wrong_query(
                Some("status"),
                "expected a status such as 429, or 2xx, 4xx or 5xx",
            )),
        },
    }
}

/// Finished requests, newest first
#[utoipa::path(
    get,
    path = "/requests",
    tag = "requests",
    params(Which, Leaf),
    responses((status = 200, description = "A page of them", body = Requests))
)]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Requests>, Problem> {
    let (which, leaf): (Which, Leaf) = queries(query.as_deref(), &Leaf::NAMES)?;
    let (filter, place, limit) = (which.filter()?, leaf.place()?, leaf.limit()?);
    let page = admin.store()?.requests(&filter, place, limit).await?;
    Ok(Json(Requests {
        items: page.rows.into_iter().map(Request::of).collect(),
        next: page.next.map(|id| id.to_string()),
    }))
}

/// One request, with everything that was tried for it
#[utoipa::path(
    get,
    path = "/requests/{id}",
    tag = "requests",
    params(("id" = String, Path, description = "As in `x-request-id`")),
    responses((status = 200, description = "The request", body = Request))
)]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Json<Request>, Problem> {
    let found = admin.store()?.request(&id).await?;
    let row = found.ok_or_else(|| gone(&id))?;
    Ok(Json(Request::of(row)))
}

fn gone(id: &str) -> Problem {
    let detail =
        format!("There is no request `{id}`: it is too old, or its record has not arrived yet.");
    Problem::new(Why::NotFound, detail)
}

/// What a request and its answer have said
///
/// Only where `log.bodies` was on; with known secrets taken out, and cut at `log.bodies`' length.
#[utoipa::path(
    get,
    path = "/requests/{id}/bodies",
    tag = "requests",
    params(("id" = String, Path, description = "As in `x-request-id`")),
    responses((status = 200, description = "Both", body = Bodies))
)]
pub(super) async fn bodies(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Json<Bodies>, Problem> {
    let found = admin.store()?.bodies(&id).await?;
    let found = found.ok_or_else(|| {
        let detail = format!("No body of `{id}` is kept: `log.bodies` was off, or it is too old.");
        Problem::new(Why::NotFound, detail)
    })?;
    let said = |body: crate::ledger::Body| {
        let (text, base64) = match String::from_utf8(body.bytes) {
            Ok(text) => (Some(text), None),
            Err(e) => (None, Some(STANDARD.encode(e.as_bytes()))),
        };
        Said {
            text,
            base64,
            cut: body.cut,
        }
    };
    Ok(Json(Bodies {
        request: said(found.request),
        response: said(found.response),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_exact_or_a_class() {
        assert_eq!(status("429").unwrap(), Status::Exactly(429));
        assert_eq!(status("5xx").unwrap(), Status::Class(5));
        for wrong in ["", "6xx", "99", "x", "4"] {
            assert!(status(wrong).is_err(), "{wrong}");
        }
    }
}
