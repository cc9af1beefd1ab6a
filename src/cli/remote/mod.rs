//! Commands that ask a running gateway: a thin client of the admin API (`/admin/api/v1`).
//!
//! Owns what is typed ([`args`]) and printed. What a call means, and whether it is right, the API decides; `--json` prints
//! what it answered. It never looks into the database, but for a backup, nor
//! into the journal, but for quotas where no gateway runs. Start with [`remote`], then `client`.
//! Exit codes: 0 well, 1 failed or refused, 2 usage, 3 the gateway was not reached or let nobody in.

mod access;
mod args;
mod carry;
mod client;
mod figures;
mod journal;
mod keys;
mod objects;
mod providers;
mod quota;
mod table;
mod tail;
mod tls;

use std::io::{self, Write};

use serde_json::Value;

use self::client::Client;
use super::Exit;
use crate::config::{Env, Style};

pub use args::Remote;

/// Why a command did not do what it was asked for.
pub(super) enum Failed {
    /// Nothing can be printed any more, or a file not be read or written.
    Io(io::Error),
    /// Usage or configuration, in words.
    Wrong(String),
    /// The gateway is not reached.
    Away(String),
    /// By the API: a problem of RFC 9457.
    Refused(Value),
    /// What came is not what the API says, or what was asked for has failed.
    Odd(String),
}

impl From<io::Error> for Failed {
    fn from(e: io::Error) -> Failed {
        Failed::Io(e)
    }
}

/// Where a command speaks.
pub struct Voice<'a> {
    pub style: Style,
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// What went wrong, and what is only said to people.
    pub err: &'a mut dyn Write,
}

/// A gateway that is asked, and where the answer goes.
struct Desk<'a, 'b> {
    client: Client,
    json: bool,
    voice: &'a mut Voice<'b>,
}

impl Desk<'_, '_> {
    /// The API's answer.
    fn json(&mut self, answer: &Value) -> Result<Exit, Failed> {
        writeln!(self.voice.out, "{answer:#}")?;
        Ok(Exit::Well)
    }

    /// The answer, or in words what has happened.
    fn said(&mut self, answer: &Value, words: &str) -> Result<Exit, Failed> {
        if self.json {
            return self.json(answer);
        }
        let ok = self.voice.style.green("ok");
        writeln!(self.voice.out, "{ok} {}", table::plain(words))?;
        let restart = answer["restart"].as_array();
        for what in restart.into_iter().flatten().filter_map(Value::as_str) {
            let word = self.voice.style.yellow("note");
            writeln!(
                self.voice.out,
                "{word} {} takes effect at the next start",
                table::plain(what)
            )?;
        }
        for note in answer["notes"].as_array().into_iter().flatten() {
            let word = self.voice.style.yellow("note");
            writeln!(
                self.voice.out,
                "{word} {}",
                table::plain(note.as_str().unwrap_or_default())
            )?;
        }
        Ok(Exit::Well)
    }

    fn table(&mut self, table: &table::Table, nothing: &str) -> Result<Exit, Failed> {
        table.print(nothing, self.voice.style, self.voice.out)?;
        Ok(Exit::Well)
    }
}

/// Does it, and says what went wrong where something did.
///
/// # Errors
/// Nothing can be printed any more.
pub fn remote(asked: &Remote, env: &Env, mut voice: Voice<'_>) -> io::Result<Exit> {
    match asked.done(env, &mut voice) {
        Ok(exit) => Ok(exit),
        Err(Failed::Io(e)) if e.kind() == io::ErrorKind::BrokenPipe => Err(e),
        Err(failed) => complain(&failed, asked.access().json, &mut voice),
    }
}

fn complain(failed: &Failed, json: bool, voice: &mut Voice<'_>) -> io::Result<Exit> {
    let bad = voice.style.red("bad");
    let (exit, words) = match failed {
        Failed::Refused(problem) => {
            if json {
                writeln!(voice.out, "{problem:#}")?;
            }
            write!(voice.err, "{bad} {}", told(problem))?;
            return Ok(match problem["status"].as_u64() {
                Some(401 | 403) => Exit::Away,
                _ => Exit::Failed,
            });
        }
        Failed::Io(e) => (Exit::Failed, e.to_string()),
        Failed::Wrong(words) => (Exit::Wrong, words.clone()),
        Failed::Away(words) => (Exit::Away, words.clone()),
        Failed::Odd(words) => (Exit::Failed, words.clone()),
    };
    if json {
        writeln!(
            voice.out,
            "{:#}",
            serde_json::json!({ "ok": false, "message": words })
        )?;
    }
    writeln!(voice.err, "{bad} {words}")?;
    Ok(exit)
}

/// A problem in words: the detail, then each flaw with its place and what helps.
fn told(problem: &Value) -> String {
    let line = |value: &Value| table::plain(value.as_str().unwrap_or(""));
    let mut text = format!("{}\n", line(&problem["detail"]));
    for flaw in problem["problems"].as_array().into_iter().flatten() {
        let place = [&flaw["object"], &flaw["field"]];
        let place: Vec<String> = place
            .into_iter()
            .filter(|part| part.is_string())
            .map(line)
            .collect();
        let place = match place.is_empty() {
            true => String::new(),
            false => format!("{}: ", place.join(" ")),
        };
        text.push_str(&format!("  {place}{}\n", line(&flaw["message"])));
        if flaw["help"].is_string() {
            text.push_str(&format!("    help: {}\n", line(&flaw["help"])));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complained(failed: &Failed, json: bool) -> (Exit, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut voice = Voice {
            style: Style::Plain,
            out: &mut out,
            err: &mut err,
        };
        let exit = complain(failed, json, &mut voice).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (exit, text(out), text(err))
    }

    #[test]
    fn a_problem_is_told_with_its_fields_and_what_helps() {
        let problem = json!({ "status": 422, "detail": "It is not valid.", "problems": [
            { "object": "model m", "field": "endpoints[0].weight", "message": "expected a number", "help": "default 10" },
            { "message": "and \u{1b}[31mthat" },
        ] });
        let (exit, out, err) = complained(&Failed::Refused(problem.clone()), false);
        assert_eq!((exit, &*out), (Exit::Failed, ""));
        assert_eq!(
            err,
            "bad It is not valid.\n  model m endpoints[0].weight: expected a number\n    help: default 10\n  and  [31mthat\n"
        );
        let (_, out, _) = complained(&Failed::Refused(problem.clone()), true);
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), problem);
    }

    #[test]
    fn who_is_not_let_in_or_reaches_nobody_gets_an_exit_code_of_its_own() {
        for status in [401, 403] {
            let problem = json!({ "status": status, "detail": "No." });
            assert_eq!(complained(&Failed::Refused(problem), false).0, Exit::Away);
        }
        let (exit, out, err) = complained(&Failed::Away("nobody".to_owned()), true);
        assert_eq!((exit, &*err), (Exit::Away, "bad nobody\n"));
        assert!(out.contains("\"ok\": false"), "{out}");
        assert_eq!(
            complained(&Failed::Wrong(String::new()), false).0,
            Exit::Wrong
        );
    }
}
