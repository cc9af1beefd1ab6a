//! Counts of recorded requests beside what the vendors counted, where `TIDEGATE_FIXTURES` names a folder that has them
//! (`recorded.jsonl`).

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::path::Path;

use serde_json::Value as Tree;

use tidegate::ir::{Body, Format, Part, Request, ToolKind, Usage};
use tidegate::wire::convert::input_total;
use tidegate::wire::json::Document;
use tidegate::wire::tokens::Tokenizers;
use tidegate::wire::{Asked, codec};

/// A request, and what was counted for it.
struct Row {
    id: String,
    model: String,
    has_tools: bool,
    ours: u64,
    vendors: u64,
}

impl Row {
    fn off(&self) -> u64 {
        self.ours.abs_diff(self.vendors)
    }

    fn percent(&self) -> u64 {
        self.off() * 100 / self.vendors.max(1)
    }
}

#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test is told by its environment where the recordings are, and says if it is not"
)]
fn rows() -> Vec<Row> {
    let Ok(folder) = std::env::var("TIDEGATE_FIXTURES") else {
        println!("TIDEGATE_FIXTURES is not set: no recorded traffic");
        return Vec::new();
    };
    let lines = std::fs::read_to_string(Path::new(&folder).join("recorded.jsonl")).unwrap();
    let tokenizers = Tokenizers::default();
    let mut rows = Vec::new();
    for line in lines.lines() {
        let recorded: Tree = serde_json::from_str(line).unwrap();
        rows.extend(row(&recorded, &tokenizers));
    }
    for row in &rows {
        let Row {
            id, ours, vendors, ..
        } = row;
        println!("{id} {} {ours} {vendors}: {} %", row.model, row.percent());
    }
    assert!(rows.len() > 90, "{} rows", rows.len());
    rows
}

fn row(recorded: &Tree, tokenizers: &Tokenizers) -> Option<Row> {
    let format = match recorded["api"].as_str()? {
        "chat" => Format::OpenaiChat,
        "responses" => Format::OpenaiResponses,
        "messages" | "messages.count_tokens" => Format::Anthropic,
        "gemini" | "gemini.count_tokens" => Format::Gemini,
        _ => return None,
    };
    if !recorded["request"].is_object() || recorded["status"] != 200 {
        return None;
    }
    let path = recorded["request_path"].as_str()?;
    let named = path.split("/models/").nth(1);
    let model = match named.and_then(|rest| rest.split(':').next()) {
        Some(model) => model,
        None => recorded["request"]["model"].as_str()?,
    };
    let text = recorded["request"].to_string();
    let mut document = Document::default();
    let root = document.read(text.as_bytes()).unwrap();
    let asked = Asked {
        model,
        ..Asked::default()
    };
    let request = codec(format).read_request(asked, root).ok()?;
    if !is_told_whole(&request) {
        return None;
    }
    Some(Row {
        id: recorded["id"].as_str()?.to_owned(),
        model: model.to_owned(),
        has_tools: !request.tools.is_empty(),
        ours: tokenizers.count(&request, model),
        vendors: counted(format, recorded["response_body"].as_str()?)?,
    })
}

/// Nothing in it whose size only the vendor knows: media, thinking that is sealed, tools that it runs, what it has stored.
fn is_told_whole(request: &Request<'_>) -> bool {
    fn is_plain(part: &Part<'_>) -> bool {
        part.seal.is_none()
            && match &part.body {
                Body::Text(_) | Body::Refusal(_) | Body::Call(_) => true,
                Body::Outcome(outcome) => outcome.parts.iter().all(is_plain),
                Body::Image(_)
                | Body::Audio(_)
                | Body::Video(_)
                | Body::Document(_)
                | Body::Thinking(_)
                | Body::Foreign(_) => false,
            }
    }
    let mut parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let is_ours = |kind: &ToolKind<'_>| !matches!(kind, ToolKind::Server(_));
    parts.all(is_plain)
        && request.tools.iter().all(|tool| is_ours(&tool.kind))
        && request.tags.previous.is_none()
        && request.tags.stateful.is_empty()
}

/// The tokens of the input by the vendor, of an answer or of its events.
fn counted(format: Format, body: &str) -> Option<u64> {
    let whole = serde_json::from_str::<Tree>(body);
    let trees = match whole {
        Ok(tree) => vec![tree],
        Err(_) => {
            let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
            data.filter_map(|data| serde_json::from_str(data.trim()).ok())
                .collect()
        }
    };
    let mut usage = Usage::default();
    for tree in &trees {
        if let Some(total) = tree["totalTokens"]
            .as_u64()
            .or(tree["input_tokens"].as_u64())
        {
            return Some(total);
        }
        let places = [
            &tree["usage"],
            &tree["usageMetadata"],
            &tree["message"]["usage"],
            &tree["response"]["usage"],
        ];
        for place in places.into_iter().filter(|place| place.is_object()) {
            usage.merge(codec(format).read_usage(place.to_string().as_bytes()));
        }
    }
    input_total(&usage)
}

/// The middle one of how far the counts are off, in per cent.
fn median(rows: &[&Row]) -> u64 {
    let mut percents: Vec<u64> = rows.iter().map(|row| row.percent()).collect();
    percents.sort_unstable();
    percents.get(percents.len() / 2).copied().unwrap_or(0)
}

#[test]
fn texts_cost_what_the_vendors_counted_within_four_per_cent() {
    let rows = rows();
    for name in ["gpt-", "claude", "gemini"] {
        let of_family = |row: &&Row| row.model.contains(name) && !row.has_tools;
        // Vendors of open models put prompts of their own before the client's.
        let is_own = |row: &&Row| !row.model.contains("oss") && !row.model.contains(":free");
        let texts: Vec<&Row> = rows.iter().filter(of_family).filter(is_own).collect();
        let near = texts
            .iter()
            .filter(|row| row.off() <= 5 || row.percent() <= 4);
        let far = texts.len() - near.count();
        assert!(far * 10 <= texts.len(), "{name}: {far} of {}", texts.len());
    }
}

#[test]
fn tools_cost_about_what_the_vendors_counted() {
    let rows = rows();
    for (name, most) in [("gpt-", 10), ("claude", 25)] {
        let of_family = |row: &&Row| row.model.contains(name) && row.has_tools;
        let rows: Vec<&Row> = rows.iter().filter(of_family).collect();
        assert!(median(&rows) <= most, "{name}: {} %", median(&rows));
    }
}
