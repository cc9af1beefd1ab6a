//! Calls on the log of who has changed what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::input::{Asked, wrong_query};
use super::problem::Problem;
use super::time::rfc3339;
use crate::id::RequestId;
use crate::store::{AuditQuestion, Entry, LONGEST_PAGE};

/// Which lines: all that is told must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    account: Option<String>,
    /// `create`, `update`, `delete`, `order`, `reset`, …
    action: Option<String>,
    /// `provider`, `model`, `route`, `client_key`, `tenant`, `price`, `setting`, …
    kind: Option<String>,
    /// Of what was changed.
    name: Option<String>,
    /// Only those that are older than this id: `next` of the page before.
    before: Option<String>,
    /// At most so many; 50 where nothing is said, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of the log, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditLog {
    items: Vec<AuditEntry>,
    /// For `before` of the next page. Left out: that was all.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Who has changed what.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntry {
    id: String,
    #[schema(format = DateTime)]
    at: String,
    account: String,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// With secrets masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    after: Option<Value>,
}

impl AuditEntry {
    fn of(entry: Entry) -> AuditEntry {
        AuditEntry {
            at: rfc3339(entry.at),
            before: entry.before.map(unhashed),
            after: entry.after.map(unhashed),
            id: entry.id,
            account: entry.account,
            client: entry.client,
            action: entry.action,
            kind: entry.kind,
            name: entry.name,
        }
    }
}

/// The hash of a client key is nobody's matter.
fn unhashed(mut body: Value) -> Value {
    if let Value::Object(members) = &mut body {
        members.remove("hash");
    }
    body
}

/// Who has changed what, newest first
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    params(Which),
    responses((status = 200, description = "A page of it", body = AuditLog))
)]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Asked(which): Asked<Which>,
) -> Result<Json<AuditLog>, Problem> {
    let before = match &which.before {
        None => None,
        Some(id) => match RequestId::parse(id) {
            None => return Err(wrong_query(Some("before"), "this is no id of a line")),
            id => id,
        },
    };
    let limit = which.limit.unwrap_or(50);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(wrong_query(Some("limit"), "expected 1 to 1000"));
    }
    let question = AuditQuestion {
        account: which.account,
        action: which.action,
        kind: which.kind,
        name: which.name,
        before,
    };
    // One more says whether there is more.
    let mut lines = admin.store()?.audit(&question, limit + 1).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    Ok(Json(AuditLog {
        next: lines.last().filter(|_| more).map(|line| line.id.clone()),
        items: lines.into_iter().map(AuditEntry::of).collect(),
    }))
}
