//! `logs tail`: the last requests, then each as it ends.

use std::collections::BTreeSet;

use serde_json::Value;

use super::args::LogsWhat;
use super::figures::{status, tokens};
use super::table::{cell, plain, time, took, usd};
use super::{Desk, Failed};
use crate::cli::Exit;
use crate::config::Style;

pub(super) fn logs(what: &LogsWhat, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let LogsWhat::Tail { last } = what;
    let (json, style) = (desk.json, desk.voice.style);
    let (client, out) = (&desk.client, &mut *desk.voice.out);
    let mut events = Events::default();
    let mut shown = BTreeSet::new();
    let mut since = 0;
    client.follow("/events", |line| {
        let Some(line) = line else {
            // What ends from now on waits in the connection that is open already: nothing falls between.
            for request in the_last(client, *last)? {
                shown.insert(cell(&request["id"]));
                print(&request, json, style, out)?;
            }
            return Ok(());
        };
        match events.line(line) {
            Some((name, request)) if name == "request" => {
                since += 1;
                if !shown.contains(&cell(&request["id"])) {
                    print(&request, json, style, out)?;
                }
            }
            Some((name, second)) if name == "stats" => {
                let more = second["requests"]
                    .as_u64()
                    .unwrap_or(0)
                    .saturating_sub(since);
                since = 0;
                if more > 0 && !json {
                    writeln!(out, "… and {more} more in this second")?;
                }
            }
            _ => {}
        }
        Ok(out.flush()?)
    })?;
    Ok(Exit::Well)
}

/// The oldest first.
fn the_last(client: &super::client::Client, many: u32) -> Result<Vec<Value>, Failed> {
    if many == 0 {
        return Ok(Vec::new());
    }
    let mut answer = client.get(&format!("/requests?limit={many}"))?;
    let Value::Array(mut items) = answer["items"].take() else {
        return Ok(Vec::new());
    };
    items.reverse();
    Ok(items)
}

/// A line for each; JSON is a line for each as well.
fn print(
    request: &Value,
    json: bool,
    style: Style,
    out: &mut dyn std::io::Write,
) -> Result<(), Failed> {
    if json {
        return Ok(writeln!(out, "{request}")?);
    }
    let status = status(request);
    let well = request["ending"] == "complete" && request["status"].as_u64() < Some(400);
    let status = match well {
        true => style.green(&status),
        false => style.red(&status),
    };
    let who = match request["provider"].as_str() {
        None => "nobody was asked".to_owned(),
        Some(provider) => format!("{provider}/{}", cell(&request["endpoint"])),
    };
    let asked = match &request["asked_model"] {
        Value::Null => cell(&request["path"]),
        model => cell(model),
    };
    let words = format!(
        "{asked} -> {who}  key {}  tokens {}  USD {}  {}  {}",
        cell(&request["client_key"]),
        tokens(&request["tokens"]),
        usd(&request["cost_usd"]),
        took(&request["total_ms"]),
        cell(&request["id"]),
    );
    writeln!(out, "{}  {status}  {}", time(&request["at"]), plain(&words))?;
    Ok(())
}

/// Server-sent events, line by line.
#[derive(Default)]
struct Events {
    name: String,
    data: String,
}

impl Events {
    /// The event that a line ends.
    fn line(&mut self, line: &str) -> Option<(String, Value)> {
        if line.is_empty() {
            let data = serde_json::from_str(&std::mem::take(&mut self.data));
            return Some((std::mem::take(&mut self.name), data.ok()?));
        }
        match line.split_once(':') {
            Some(("event", name)) => name.trim().clone_into(&mut self.name),
            Some(("data", data)) => self.data.push_str(data.strip_prefix(' ').unwrap_or(data)),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        let mut events = Events::default();
        let lines = [
            ":",
            "",
            "id: 1",
            "event: request",
            "data: {\"id\":\"a\"}",
            "",
            "data: {}",
            "",
        ];
        let read: Vec<_> = lines.iter().filter_map(|line| events.line(line)).collect();
        assert_eq!(
            read,
            [
                ("request".to_owned(), json!({ "id": "a" })),
                (String::new(), json!({}))
            ]
        );
    }

    #[test]
    fn a_request_that_nobody_was_asked_for_says_so() {
        let mut out = Vec::new();
        let request = json!({ "at": "2026-01-02T03:04:05.678Z", "id": "a", "status": 429, "ending": "refused",
            "asked_model": "m\u{1b}", "total_ms": 0.5, "tokens": {} });
        let printed = print(&request, false, Style::Plain, &mut out);
        assert!(printed.is_ok());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "2026-01-02 03:04:05  429 refused  m  -> nobody was asked  key -  tokens -  USD -  0.5 ms  a\n"
        );
    }
}
