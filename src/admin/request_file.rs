//! Finished requests as a file: all that fit, a line each.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::input::queries;
use super::problem::Problem;
use super::requests::{Request, Which};
use crate::store::Row;

/// In which form requests are written to a file.
#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum As {
    /// A JSON object a line.
    #[default]
    Ndjson,
    /// RFC 4180.
    Csv,
}

/// The form, beside all that says which.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// `ndjson` (default) or `csv`
    #[serde(default, rename = "as")]
    #[param(rename = "as", inline)]
    form: As,
}

/// All of them, as a file
#[utoipa::path(
    get,
    path = "/requests/export",
    tag = "requests",
    params(Which, How),
    responses((status = 200, description = "A line a request, newest first", content(
        (String = "application/x-ndjson"), (String = "text/csv"))))
)]
pub(super) async fn export(
    State(admin): State<Arc<Admin>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (which, How { form }): (Which, How) = queries(query.as_deref(), &["as"])?;
    let export = admin.store()?.export(which.filter()?);
    let (media_type, name, head) = match form {
        As::Ndjson => ("application/x-ndjson", "requests.ndjson", String::new()),
        As::Csv => ("text/csv; charset=utf-8", "requests.csv", csv_head()),
    };
    let first = stream::iter([Ok::<Bytes, std::io::Error>(head.into())]);
    let rows = stream::unfold(Some(export), move |export| async move {
        let mut export = export?;
        match export.next().await {
            Ok(rows) if rows.is_empty() => None,
            Ok(rows) => {
                let text: String = rows.into_iter().map(|row| line(row, form)).collect();
                Some((Ok(text.into()), Some(export)))
            }
            // The answer breaks off: nobody takes half of it for all.
            Err(e) => Some((Err(std::io::Error::other(e.to_string())), None)),
        }
    });
    let body = Body::from_stream(first.chain(rows));
    let attachment = format!("attachment; filename=\"{name}\"");
    let head = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_DISPOSITION, attachment),
    ];
    Ok((head, body).into_response())
}

fn line(row: Row, form: As) -> String {
    let request = Request::of(row);
    match form {
        As::Ndjson => {
            let mut line = serde_json::to_string(&request).unwrap_or_default();
            line.push('\n');
            line
        }
        As::Csv => csv(&request),
    }
}

/// The tokens of the answer; what all attempts have used; and what that has cost.
const COLUMNS: [&str; 33] = [
    "id",
    "at",
    "client",
    "client_key",
    "tenant",
    "method",
    "path",
    "format",
    "stream",
    "asked_model",
    "model",
    "provider",
    "endpoint",
    "status",
    "ending",
    "attempts",
    "first_content_ms",
    "total_ms",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "cost_usd",
    "audio_input",
    "audio_output",
    "spent_input",
    "spent_cache_read",
    "spent_cache_write",
    "spent_output",
    "spent_reasoning",
    "spent_audio_input",
    "spent_audio_output",
];

fn csv_head() -> String {
    [&COLUMNS.join(","), "\r\n"].concat()
}

fn csv(request: &Request) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |n: Option<i64>| n.map_or_else(String::new, |n| n.to_string());
    let (tokens, spent) = (request.tokens, request.spent);
    let cells = [
        request.id.clone(),
        request.at.clone(),
        text(&request.client),
        text(&request.client_key),
        text(&request.tenant),
        request.method.clone(),
        request.path.clone(),
        text(&request.format),
        request.stream.to_string(),
        text(&request.asked_model),
        text(&request.model),
        text(&request.provider),
        text(&request.endpoint),
        request.status.to_string(),
        request.ending.clone(),
        request.attempts.len().to_string(),
        request
            .first_content_ms
            .map_or_else(String::new, |ms| ms.to_string()),
        request.total_ms.to_string(),
        number(tokens.input),
        number(tokens.cache_read),
        number(tokens.cache_write),
        number(tokens.output),
        number(tokens.reasoning),
        request
            .cost_usd
            .map_or_else(String::new, |usd| usd.to_string()),
        number(tokens.audio_input),
        number(tokens.audio_output),
        number(spent.input),
        number(spent.cache_read),
        number(spent.cache_write),
        number(spent.output),
        number(spent.reasoning),
        number(spent.audio_input),
        number(spent.audio_output),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    [&cells.join(","), "\r\n"].concat()
}

/// RFC 4180; and what a table calculator would take for a formula is text.
fn quoted(cell: &str) -> String {
    let formula =
        cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let cell = if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        for (cell, told) in [
            ("a", "a"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=1+1", "'=1+1"),
            ("-1.5", "-1.5"),
            ("@x,y", "\"'@x,y\""),
        ] {
            assert_eq!(quoted(cell), told);
        }
    }
}
