//! What has been: `stats`, `stats requests`, `audit`.

use serde_json::Value;

use super::args::{AuditArgs, StatsArgs, StatsWhat};
use super::client::with_query;
use super::table::{Table, cell, time, took, usd};
use super::{Desk, Failed};
use crate::cli::Exit;

pub(super) fn stats(asked: &StatsArgs, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    if let Some(StatsWhat::Requests { limit }) = asked.what {
        return requests(asked, limit, desk);
    }
    let range = &asked.range;
    let mut told = of_range(asked);
    told.push(("by", asked.by.clone()));
    told.push(("every", asked.every.clone()));
    if told.iter().all(|(_, value)| value.is_none()) {
        return overview(desk);
    }
    if let Some(status) = &range.status
        && status.parse::<u16>().is_err()
    {
        return Err(Failed::Wrong(format!(
            "--status {status}: figures are kept by exact statuses, such as 429"
        )));
    }
    let answer = desk.client.get(&with_query("/stats", &told))?;
    if desk.json {
        return desk.json(&answer);
    }
    const BY: [(&str, &str); 7] = [
        ("model", "MODEL"),
        ("provider", "PROVIDER"),
        ("endpoint", "ENDPOINT"),
        ("client_key", "KEY"),
        ("tenant", "TENANT"),
        ("outcome", "OUTCOME"),
        ("status", "STATUS"),
    ];
    let by = asked.by.as_deref().unwrap_or("");
    let by: Vec<_> = BY
        .iter()
        .filter(|(name, _)| by.split(',').any(|told| told.trim() == *name))
        .collect();
    let mut head = Vec::new();
    if asked.every.is_some() {
        head.push("BEGINS");
    }
    head.extend(by.iter().map(|(_, head)| *head));
    head.extend(FIGURES);
    let mut table = Table::new(&head);
    for item in answer["items"].as_array().into_iter().flatten() {
        let mut line = Vec::new();
        if asked.every.is_some() {
            line.push(time(&item["begins"]));
        }
        line.extend(by.iter().map(|(name, _)| match cell(&item["of"][*name]) {
            none if none.is_empty() => "-".to_owned(),
            name => name,
        }));
        line.extend(figures(item));
        table.line(line);
    }
    desk.table(&table, "no requests")
}

fn of_range(asked: &StatsArgs) -> Vec<(&'static str, Option<String>)> {
    let range = &asked.range;
    vec![
        ("from", range.from.clone()),
        ("until", range.until.clone()),
        ("model", range.model.clone()),
        ("provider", range.provider.clone()),
        ("client_key", range.client_key.clone()),
        ("tenant", range.tenant.clone()),
        ("status", range.status.clone()),
    ]
}

const FIGURES: [&str; 8] = [
    "REQUESTS",
    "ERRORS",
    "INPUT",
    "OUTPUT",
    "USD",
    "UNPRICED",
    "FIRST P50",
    "P95",
];

/// Input and output with all that belongs to each; and how many requests there are whose cost is not in the sum.
fn figures(of: &Value) -> [String; 8] {
    let sum = |names: &[&str]| {
        let each = names.iter().map(|name| of["tokens"][*name].as_i64());
        each.map(Option::unwrap_or_default).sum::<i64>().to_string()
    };
    [
        cell(&of["requests"]),
        cell(&of["errors"]),
        sum(&["input", "cache_read", "cache_write", "audio_input"]),
        sum(&["output", "reasoning", "audio_output"]),
        usd(&of["cost_usd"]),
        match of["unpriced"].as_u64() {
            None | Some(0) => "-".to_owned(),
            Some(requests) => requests.to_string(),
        },
        took(&of["first_content_ms"]["p50"]),
        took(&of["first_content_ms"]["p95"]),
    ]
}

fn overview(desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let answer = desk.client.get("/stats/overview")?;
    if desk.json {
        return desk.json(&answer);
    }
    let mut head = vec!["WHEN"];
    head.extend(FIGURES);
    let mut table = Table::new(&head);
    for (name, words) in [
        ("lately", "last hours"),
        ("today", "today"),
        ("total", "in all"),
    ] {
        let mut line = vec![words.to_owned()];
        line.extend(figures(&answer[name]));
        table.line(line);
    }
    desk.table(&table, "no requests")
}

fn requests(asked: &StatsArgs, limit: u32, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let mut told = of_range(asked);
    told.push(("limit", Some(limit.to_string())));
    let answer = desk.client.get(&with_query("/requests", &told))?;
    if desk.json {
        return desk.json(&answer);
    }
    let mut table = Table::new(&REQUEST);
    for request in answer["items"].as_array().into_iter().flatten() {
        table.line(request_line(request).to_vec());
    }
    desk.table(&table, "no requests")
}

const REQUEST: [&str; 9] = [
    "AT (UTC)", "STATUS", "MODEL", "ENDPOINT", "KEY", "TOKENS", "USD", "TOOK", "ID",
];

/// As columns.
fn request_line(of: &Value) -> [String; 9] {
    let endpoint = match of["provider"].as_str() {
        None => "-".to_owned(),
        Some(provider) => format!("{provider}/{}", cell(&of["endpoint"])),
    };
    [
        time(&of["at"]),
        status(of),
        model(of),
        endpoint,
        cell(&of["client_key"]),
        tokens(&of["tokens"]),
        usd(&of["cost_usd"]),
        took(&of["total_ms"]),
        cell(&of["id"]),
    ]
}

/// The virtual model; of what has led to none, the name that was asked for.
fn model(of: &Value) -> String {
    match &of["model"] {
        Value::Null => cell(&of["asked_model"]),
        model => cell(model),
    }
}

/// With how it ended, where that was not well.
pub(super) fn status(of: &Value) -> String {
    match of["ending"].as_str() {
        None | Some("complete") => cell(&of["status"]),
        Some(ending) => format!("{} {}", cell(&of["status"]), ending.replace('_', " ")),
    }
}

/// In and out: `1200+35`
pub(super) fn tokens(of: &Value) -> String {
    let sum = |names: &[&str]| {
        let each: Vec<i64> = names.iter().filter_map(|name| of[*name].as_i64()).collect();
        (!each.is_empty()).then(|| each.iter().sum::<i64>().to_string())
    };
    let input = sum(&["input", "cache_read", "cache_write", "audio_input"]);
    let output = sum(&["output", "reasoning", "audio_output"]);
    match (input, output) {
        (None, None) => "-".to_owned(),
        (input, output) => {
            let told = |sum: Option<String>| sum.unwrap_or_else(|| "?".to_owned());
            format!("{}+{}", told(input), told(output))
        }
    }
}

pub(super) fn audit(asked: &AuditArgs, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let told = [
        ("account", asked.account.clone()),
        ("action", asked.action.clone()),
        ("kind", asked.kind.clone()),
        ("name", asked.name.clone()),
        ("limit", Some(asked.limit.to_string())),
    ];
    let answer = desk.client.get(&with_query("/audit", &told))?;
    if desk.json {
        return desk.json(&answer);
    }
    let mut table = Table::new(&["AT (UTC)", "WHO", "FROM", "DID", "WHAT", "NAME"]);
    for line in answer["items"].as_array().into_iter().flatten() {
        table.line(vec![
            time(&line["at"]),
            cell(&line["account"]),
            cell(&line["client"]),
            cell(&line["action"]),
            cell(&line["kind"]).replace('_', " "),
            cell(&line["name"]),
        ]);
    }
    desk.table(&table, "nothing was changed")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_a_line_and_what_is_not_known_is_not_nought() {
        let of = json!({
            "id": "01x", "at": "2026-01-02T03:04:05.678Z", "status": 200, "ending": "client_gone", "model": "m",
            "tokens": { "input": 10, "cache_read": 2 }, "total_ms": 1500.0,
        });
        assert_eq!(
            request_line(&of),
            [
                "2026-01-02 03:04:05",
                "200 client gone",
                "m",
                "-",
                "-",
                "12+?",
                "-",
                "1.5 s",
                "01x"
            ]
            .map(str::to_owned)
        );
        assert_eq!(tokens(&json!({})), "-");
    }
}
