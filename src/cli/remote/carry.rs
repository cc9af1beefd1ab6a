//! Whole configurations and databases, out and in: `export`, `import`, `backup`, `reload`; and `explain`.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::args::{ExplainArgs, ExportArgs, ImportArgs};
use super::client::escaped;
use super::table::{Table, cell, plain};
use super::{Desk, Failed, Voice, access};
use crate::cli::Exit;
use crate::config::{Database, Gateway};
use crate::store;

pub(super) fn reload(desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let answer = desk.client.post("/reload", &json!({}))?;
    desk.said(&answer, "the configuration was read again and is in force")
}

pub(super) fn export(asked: &ExportArgs, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let path = match asked.secrets {
        true => "/export?secrets=true",
        false => "/export",
    };
    let text = desk.client.text(path)?;
    let Some(file) = &asked.output else {
        match desk.json {
            true => writeln!(
                desk.voice.out,
                "{:#}",
                json!({ "text": String::from_utf8_lossy(&text) })
            )?,
            false => desk.voice.out.write_all(&text)?,
        }
        return Ok(Exit::Well);
    };
    let mut options = OpenOptions::new();
    // A file that others may read would stay so: it is made anew, or nothing is written.
    let options = options.write(true).create_new(true).mode(0o600);
    let written = options
        .open(file)
        .and_then(|mut open| open.write_all(&text));
    written.map_err(|e| Failed::Odd(format!("{}: {e}", file.display())))?;
    let answer = json!({ "ok": true, "file": file, "bytes": text.len() });
    desk.said(
        &answer,
        &format!("the configuration is in {}", file.display()),
    )
}

/// Shows what would change, asks, and does it.
pub(super) fn import(asked: &ImportArgs, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let text = access::read_file(&asked.file)?;
    let body = |apply: bool| json!({ "text": text, "format": asked.format, "replace": asked.replace, "apply": apply });
    let diff = desk.client.post("/import", &body(false))?;
    let changes: u64 = ["added", "changed", "removed"]
        .iter()
        .filter_map(|name| diff[*name].as_u64())
        .sum();
    if !desk.json {
        show(&diff, changes, desk)?;
    }
    if !asked.yes && !told_problems(&diff, desk)? {
        return Ok(Exit::Failed);
    }
    if changes == 0 || asked.dry_run {
        return match desk.json {
            true => desk.json(&diff),
            false => Ok(Exit::Well),
        };
    }
    if !asked.yes && !agreed(asked, desk)? {
        return Err(Failed::Odd("nothing was changed".to_owned()));
    }
    // What was shown, or nothing: others may have changed objects meanwhile.
    let etag = diff["etag"].as_str().unwrap_or("*");
    let answer = desk.client.post_if(etag, "/import", &body(true))?;
    let count = |name: &str| cell(&answer[name]);
    let words = format!(
        "in force: {} added, {} changed, {} removed, {} as before",
        count("added"),
        count("changed"),
        count("removed"),
        count("same")
    );
    desk.said(&answer, &words)
}

fn show(diff: &Value, changes: u64, desk: &mut Desk<'_, '_>) -> Result<(), Failed> {
    for line in diff["text"].as_str().unwrap_or("").lines() {
        let line = plain(line);
        let style = desk.voice.style;
        let line = match line.chars().next() {
            Some('+') => style.green(&line),
            Some('-') => style.red(&line),
            Some('~') => style.yellow(&line),
            _ => line,
        };
        writeln!(desk.voice.out, "{line}")?;
    }
    if changes == 0 {
        writeln!(desk.voice.out, "nothing changes")?;
    }
    for note in diff["notes"].as_array().into_iter().flatten() {
        let word = desk.voice.style.yellow("note");
        let words = format!("{}: {}", cell(&note["place"]), cell(&note["message"]));
        writeln!(desk.voice.out, "{word} {}", plain(&words))?;
    }
    Ok(())
}

/// Whether it could be put in force as it is.
fn told_problems(diff: &Value, desk: &mut Desk<'_, '_>) -> Result<bool, Failed> {
    let problems = diff["problems"].as_array().map_or(&[][..], Vec::as_slice);
    if problems.is_empty() {
        return Ok(true);
    }
    if desk.json {
        desk.json(diff)?;
        return Ok(false);
    }
    let detail = "It cannot be put in force as it is.";
    let bad = desk.voice.style.red("bad");
    let told = super::told(&json!({ "detail": detail, "problems": problems }));
    write!(desk.voice.err, "{bad} {told}")?;
    Ok(false)
}

/// Only a person can be asked.
fn agreed(asked: &ImportArgs, desk: &mut Desk<'_, '_>) -> Result<bool, Failed> {
    let from_stdin = asked.file == Path::new("-");
    if from_stdin || desk.json || !io::stdin().is_terminal() {
        return Err(Failed::Wrong(
            "--yes puts it in force, --dry-run only shows what would change".to_owned(),
        ));
    }
    desk.voice.out.flush()?;
    write!(desk.voice.err, "put this in force? [y/N] ")?;
    desk.voice.err.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(
        line.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

/// Copies SQLite's database; of PostgreSQL it says who does that.
pub(super) fn backup(
    file: &Path,
    gateway: &Gateway,
    json: bool,
    voice: &mut Voice<'_>,
) -> Result<Exit, Failed> {
    if let Database::Postgres(_) = gateway.database {
        return Err(Failed::Odd(format!(
            "PostgreSQL is copied by its own tool: pg_dump --format=custom --file={} \"$DATABASE_URL\"",
            file.display()
        )));
    }
    store::backup(&gateway.database, file).map_err(|e| {
        Failed::Odd(match file.exists() {
            true => format!("{} is there already, and stays as it is", file.display()),
            false => format!("no backup was made: {e}"),
        })
    })?;
    let key = gateway.data.join(store::KEY_FILE);
    if json {
        let answer = json!({ "ok": true, "file": file });
        writeln!(voice.out, "{answer:#}")?;
        return Ok(Exit::Well);
    }
    let ok = voice.style.green("ok");
    writeln!(
        voice.out,
        "{ok} the database is in {}; its secrets open with {} (or {}) alone: keep a copy of that elsewhere",
        file.display(),
        key.display(),
        store::KEY_VARIABLE
    )?;
    Ok(Exit::Well)
}

pub(super) fn explain(asked: &ExplainArgs, desk: &mut Desk<'_, '_>) -> Result<Exit, Failed> {
    let answer = desk.client.post("/explain", &trial(asked)?)?;
    if desk.json {
        return desk.json(&answer);
    }
    if let Some(refused) = answer["refused"].as_object() {
        let text = format!(
            "refused ({}, {}): {}",
            cell(&refused["status"]),
            cell(&refused["code"]).replace('_', " "),
            cell(&refused["message"])
        );
        writeln!(desk.voice.out, "{}", plain(&text))?;
        return Ok(Exit::Well);
    }
    let route = match &answer["route"] {
        Value::Null => String::new(),
        route => format!(", by the route {}", cell(route)),
    };
    let words = format!(
        "{} is {}{route} ({}, about {} tokens)\n{}\n",
        cell(&answer["asked_model"]),
        cell(&answer["pool"]),
        cell(&answer["format"]),
        cell(&answer["estimated_tokens"]),
        cell(&answer["outlook"])
    );
    for line in words.lines() {
        writeln!(desk.voice.out, "{}", plain(line))?;
    }
    writeln!(desk.voice.out)?;
    let mut table = Table::new(&["TIER", "ENDPOINT", "STATE", "WHY"]);
    for seen in answer["candidates"].as_array().into_iter().flatten() {
        table.line(vec![
            cell(&seen["tier"]),
            format!("{}/{}", cell(&seen["provider"]), cell(&seen["model"])),
            cell(&seen["state"]).replace('_', " "),
            cell(&seen["why"]),
        ]);
    }
    desk.table(&table, "no endpoints")
}

/// A whole request of a file, or the shortest that asks for a model.
fn trial(asked: &ExplainArgs) -> Result<Value, Failed> {
    let file = Path::new(&asked.what);
    let is_file = asked.what == "-" || asked.what.ends_with(".json") || file.is_file();
    let mut body: Map<String, Value> = match is_file {
        true => access::read_object(file)?,
        false => Map::new(),
    };
    let format = asked.format.as_deref().unwrap_or_else(|| looks_like(&body));
    let model = match is_file {
        true => asked.model.as_deref(),
        false => Some(asked.what.as_str()),
    };
    if !is_file {
        body = shortest(format);
    }
    let stream = body.get("stream") == Some(&Value::Bool(true));
    let path = match format {
        "openai_chat" => "/v1/chat/completions".to_owned(),
        "openai_responses" => "/v1/responses".to_owned(),
        "anthropic" => "/v1/messages".to_owned(),
        "gemini" => {
            let model = model.ok_or_else(|| {
                Failed::Wrong("a gemini request says no model: --model NAME".to_owned())
            })?;
            let call = match stream {
                true => "streamGenerateContent",
                false => "generateContent",
            };
            format!("/v1beta/models/{}:{call}", escaped(model))
        }
        other => {
            return Err(Failed::Wrong(format!(
                "--format {other}: expected openai_chat, openai_responses, anthropic or gemini"
            )));
        }
    };
    if let (Some(model), true) = (model, format != "gemini") {
        body.insert("model".to_owned(), json!(model));
    }
    let mut headers = Map::new();
    for header in &asked.header {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Failed::Wrong("--header: expected NAME: VALUE".to_owned()))?;
        headers.insert(name.trim().to_owned(), json!(value.trim()));
    }
    let mut trial = json!({ "path": path, "body": body, "headers": headers });
    if let Some(name) = &asked.client_key {
        trial["client_key"] = json!(name);
    }
    Ok(trial)
}

fn looks_like(body: &Map<String, Value>) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| body.contains_key(*name));
    if has(&["contents"]) {
        "gemini"
    } else if has(&["input"]) {
        "openai_responses"
    } else if has(&["system", "thinking", "stop_sequences"]) {
        "anthropic"
    } else {
        "openai_chat"
    }
}

fn shortest(format: &str) -> Map<String, Value> {
    let body = match format {
        "gemini" => json!({ "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }] }),
        "openai_responses" => json!({ "input": "hello" }),
        "anthropic" => {
            json!({ "max_tokens": 64, "messages": [{ "role": "user", "content": "hello" }] })
        }
        _ => json!({ "messages": [{ "role": "user", "content": "hello" }] }),
    };
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(what: &str, format: Option<&str>, model: Option<&str>) -> Option<Value> {
        let asked = ExplainArgs {
            what: what.to_owned(),
            format: format.map(str::to_owned),
            model: model.map(str::to_owned),
            header: vec!["x-team: a:b".to_owned()],
            client_key: Some("ci".to_owned()),
            access: access::Access::default(),
        };
        trial(&asked).ok()
    }

    #[test]
    fn a_model_is_asked_for_in_every_format() {
        for (format, path) in [
            (None, "/v1/chat/completions"),
            (Some("openai_responses"), "/v1/responses"),
            (Some("anthropic"), "/v1/messages"),
            (Some("gemini"), "/v1beta/models/a%2Fb:generateContent"),
        ] {
            let trial = tried("a/b", format, None).unwrap();
            assert_eq!(trial["path"], path);
            assert_eq!(trial["headers"], json!({ "x-team": "a:b" }));
            assert_eq!(trial["body"]["model"] == "a/b", format != Some("gemini"));
        }
        assert!(tried("m", Some("smtp"), None).is_none());
    }

    #[test]
    fn a_file_is_asked_as_what_it_looks_like() {
        let dir = tempfile::tempdir().unwrap();
        for (text, path) in [
            (r#"{"model":"m","messages":[]}"#, "/v1/chat/completions"),
            (
                r#"{"model":"m","system":"x","messages":[]}"#,
                "/v1/messages",
            ),
            (r#"{"model":"m","input":"x"}"#, "/v1/responses"),
            (r#"{"contents":[]}"#, "/v1beta/models/g:generateContent"),
        ] {
            let file = dir.path().join("request.json");
            std::fs::write(&file, text).unwrap();
            let model = text.contains("contents").then_some("g");
            let trial = tried(file.to_str().unwrap(), None, model).unwrap();
            assert_eq!(trial["path"], path, "{text}");
        }
    }
}
