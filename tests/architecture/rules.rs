//! The rules of the house (`src/README.md`), as a table and a function for each.

use std::collections::BTreeSet;
use std::fmt;

use crate::source::{Named, Source, Target};

/// A rule that a file breaks, and where.
#[derive(Debug)]
pub struct Breach {
    pub path: String,
    pub line: usize,
    pub what: String,
    pub rule: &'static str,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}\n    rule: {}",
            self.path, self.line, self.what, self.rule
        )
    }
}

/// A room: its level, and the rooms of its own level that it may use. Of lower levels it may use every room.
struct Room {
    name: &'static str,
    level: u8,
    beside: &'static [&'static str],
}

const fn room(name: &'static str, level: u8, beside: &'static [&'static str]) -> Room {
    Room {
        name,
        level,
        beside,
    }
}

const ROOMS: &[Room] = &[
    room("clock", 0, &[]),
    // An id begins with the time of its making.
    room("id", 0, &["clock"]),
    room("ir", 0, &[]),
    room("wire", 1, &[]),
    // Pools, limits and prices are built from the configuration as meant.
    room("route", 1, &["config"]),
    room("ledger", 1, &["config"]),
    room("config", 1, &[]),
    room("live", 2, &[]),
    // It writes `ledger`'s records as `config` wants them; who is below it returns values instead of speaking.
    room("telemetry", 2, &[]),
    room("balance", 3, &[]),
    room("proxy", 3, &["balance"]),
    room("store", 3, &[]),
    room("cluster", 3, &[]),
    room("admin", 3, &["store"]),
    room("demo", 3, &[]),
    room("reload", 4, &[]),
    room("server", 4, &["reload"]),
    room("cli", 4, &["server", "reload"]),
    room("main", 4, &["cli", "server"]),
];

const ARROWS: &str = "L0 id clock ir <- L1 wire route ledger config <- L2 live telemetry <- L3 balance proxy store cluster \
                      admin demo <- L4 reload server cli main; beside it, a room uses only what the table here grants";

/// Rooms tested without a runtime: time and dice are arguments.
const PURE: &[&str] = &["ir", "wire", "route", "ledger"];

const FORMATS: &[&str] = &["openai_chat", "openai_responses", "anthropic", "gemini"];

/// Crates (by the beginning of their name) with one home.
const HOMES: &[(&str, &[&str], &str)] = &[
    (
        "pingora",
        &["proxy", "balance", "server"],
        "only proxy/, balance/ and server.rs know Pingora",
    ),
    ("sqlx", &["store"], "sqlx only in store/"),
    ("redis", &["cluster"], "redis only in cluster/"),
    ("axum", &["admin"], "axum only in admin/"),
    (
        "anyhow",
        &["main", "cli", "server"],
        "anyhow only in main, cli and server: a room has its own small error enum",
    ),
];

/// Crates and parts of std that a pure room does not name.
const IMPURE: &[&str] = &[
    "tokio",
    "pingora",
    "axum",
    "sqlx",
    "redis",
    "log",
    "env_logger",
    "fastrand",
    "rand",
    "getrandom",
];
const IMPURE_STD: &[&str] = &["fs", "process", "thread", "env"];
const RUNTIMES: &[&str] = &["tokio", "pingora"];

const NO_NAMES: &[&str] = &[
    "utils", "util", "common", "helpers", "helper", "manager", "service", "core", "handler",
];

/// Everything that these sources break.
pub fn breaches(sources: &[Source]) -> Vec<Breach> {
    let vocabulary: BTreeSet<&str> = sources
        .iter()
        .filter(|s| s.room() == Some("ir"))
        .flat_map(|s| s.enums.iter().map(String::as_str))
        .collect();
    let mut found = Vec::new();
    for source in sources {
        let mut report = Report {
            source,
            found: &mut found,
        };
        shape(&mut report);
        let Some(name) = source.room() else {
            continue;
        };
        let Some(room) = ROOMS.iter().find(|r| r.name == name) else {
            report.add(1, format!("`{name}` is no room"), ARROWS);
            continue;
        };
        arrows(&mut report, room);
        crates(&mut report, room);
        if PURE.contains(&name) {
            purity(&mut report);
        }
        if name == "wire" {
            formats(&mut report);
            losses(&mut report, &vocabulary);
            panics(&mut report);
        }
        if ["ir", "route", "ledger", "live"].contains(&name) {
            serialize(&mut report);
        }
    }
    found
}

struct Report<'a> {
    source: &'a Source,
    found: &'a mut Vec<Breach>,
}

impl Report<'_> {
    fn add(&mut self, line: usize, what: String, rule: &'static str) {
        let path = self.source.path.clone();
        self.found.push(Breach {
            path,
            line,
            what,
            rule,
        });
    }
}

/// Size, name and opening of the file itself.
fn shape(report: &mut Report<'_>) {
    let source = report.source;
    if source.lines > 600 {
        report.add(
            600,
            format!("{} lines", source.lines),
            "a file over 600 lines is more than one noun",
        );
    }
    if let Some(stem) = source
        .module
        .iter()
        .find(|part| part.split('_').any(|w| NO_NAMES.contains(&w)))
    {
        report.add(
            1,
            format!("`{stem}` says nothing"),
            "if code has no home, the domain word is still missing",
        );
    }
    if source.path.starts_with("src/")
        && source.path.ends_with("/mod.rs")
        && !(5..=20).contains(&source.head)
    {
        let rule =
            "a mod.rs opens with 5 to 20 lines: what it owns, what it never does, where to start";
        report.add(
            1,
            format!("opens with {} lines of `//!`", source.head),
            rule,
        );
    }
    if source.path.starts_with("src/") {
        for &line in &source.macros {
            report.add(line, "`macro_rules!`".to_owned(), "no macros of our own");
        }
    }
    for attribute in &source.attributes {
        if attribute.text == "ignore" {
            report.add(
                attribute.line,
                "`#[ignore]`".to_owned(),
                "a test that is not run is no test",
            );
        }
    }
}

/// Rooms that this room uses. Unit tests may set up what they like.
fn arrows(report: &mut Report<'_>, room: &Room) {
    for named in code(report.source) {
        let Target::Inside(path) = &named.target else {
            continue;
        };
        let Some(other) = path.first().filter(|p| *p != room.name) else {
            continue;
        };
        let allowed = match ROOMS.iter().find(|r| r.name == other) {
            Some(r) => r.level < room.level || room.beside.contains(&r.name),
            None => other != "*" && other.starts_with(char::is_uppercase),
        };
        if !allowed {
            report.add(named.line, format!("{} -> {other}", room.name), ARROWS);
        } else if room.name == "admin" && other == "wire" {
            let rule = "admin imports neither proxy nor wire: what it asks of vendors goes through the data plane";
            report.add(named.line, "admin -> wire".to_owned(), rule);
        }
    }
}

fn crates(report: &mut Report<'_>, room: &Room) {
    for named in code(report.source) {
        let Target::Outside(path) = &named.target else {
            continue;
        };
        for &(prefix, homes, rule) in HOMES {
            if is_crate(&path[0], prefix) && !homes.contains(&room.name) {
                report.add(named.line, format!("{} -> {}", room.name, path[0]), rule);
            }
        }
    }
}

fn purity(report: &mut Report<'_>) {
    let rule = "ir, wire, route and ledger are pure: no runtime, no I/O, no log; time and dice are arguments";
    for named in &report.source.named {
        let bad = match &named.target {
            Target::Outside(path) if path[0] == "std" => {
                let clock = path.iter().any(|p| p == "Instant" || p == "SystemTime");
                !named.test
                    && (clock
                        || path
                            .get(1)
                            .is_some_and(|p| IMPURE_STD.contains(&p.as_str())))
            }
            Target::Outside(path) => {
                let of = if named.test { RUNTIMES } else { IMPURE };
                of.iter().any(|c| is_crate(&path[0], c))
            }
            Target::Inside(path) => !named.test && reads_clock(path),
            Target::Local(path) => !named.test && reads_clock(path),
        };
        if bad {
            let (Target::Inside(path) | Target::Outside(path) | Target::Local(path)) =
                &named.target;
            report.add(named.line, path.join("::"), rule);
        }
    }
}

fn reads_clock(path: &[String]) -> bool {
    matches!(path, [clock, read] if clock == "clock" && ["now", "wall", "*"].contains(&read.as_str()))
}

fn formats(report: &mut Report<'_>) {
    let Some(own) = report
        .source
        .module
        .get(1)
        .filter(|m| FORMATS.contains(&m.as_str()))
    else {
        return;
    };
    for named in code(report.source) {
        let Target::Inside(path) = &named.target else {
            continue;
        };
        let other = path
            .get(1)
            .filter(|m| path[0] == "wire" && FORMATS.contains(&m.as_str()) && *m != own);
        if let Some(other) = other {
            let rule = "a format folder never imports another: what two share is said in ir";
            report.add(named.line, format!("wire/{own} -> wire/{other}"), rule);
        }
    }
}

fn losses(report: &mut Report<'_>, vocabulary: &BTreeSet<&str>) {
    let rule = "no catch-all arm over an ir enum inside wire/: what a format cannot say is a value, never silence";
    for found in report.source.matches.iter().filter(|m| !m.test) {
        if let Some(name) = found.types.iter().find(|t| vocabulary.contains(t.as_str())) {
            report.add(
                found.line,
                format!("a match over `{name}` has an arm for everything else"),
                rule,
            );
        }
    }
    for named in code(report.source) {
        let (Target::Inside(path) | Target::Local(path)) = &named.target else {
            continue;
        };
        if let [.., owner, glob] = path.as_slice()
            && glob == "*"
            && vocabulary.contains(owner.as_str())
        {
            report.add(
                named.line,
                format!("`use {owner}::*` hides whose variants are matched"),
                rule,
            );
        }
    }
}

const PANICS: [&str; 4] = ["indexing_slicing", "unwrap_used", "expect_used", "panic"];

fn panics(report: &mut Report<'_>) {
    let rule =
        "in wire/ slicing, unwrap, expect and panic are denied: its bytes come from strangers";
    let source = report.source;
    for lint in PANICS {
        let lint = format!("clippy::{lint}");
        let says = |a: &&crate::source::Attribute, verb: &str| {
            a.text
                .strip_prefix(verb)
                .is_some_and(|rest| rest.split(['(', ',', ')']).any(|w| w == lint))
        };
        if source.path == "src/wire/mod.rs"
            && !source
                .attributes
                .iter()
                .any(|a| says(&a, "deny") || says(&a, "forbid"))
        {
            report.add(1, format!("no `#![deny({lint})]`"), rule);
        }
        let relaxed =
            |a: &&crate::source::Attribute| !a.test && (says(a, "allow") || says(a, "expect"));
        for attribute in source.attributes.iter().filter(relaxed) {
            report.add(attribute.line, format!("allows {lint}"), rule);
        }
    }
}

fn serialize(report: &mut Report<'_>) {
    for named in code(report.source) {
        let (Target::Inside(path) | Target::Outside(path) | Target::Local(path)) = &named.target;
        if path
            .last()
            .is_some_and(|p| p == "Serialize" || p == "Serializer")
        {
            let rule = "ir, route, ledger and live are not Serialize: shapes live in wire/*/types, config/file, admin/ and store/";
            report.add(named.line, path.join("::"), rule);
        }
    }
}

/// Crates that `manifest` (a `Cargo.toml`) asks for and no source names.
pub fn unused(manifest: &str, sources: &[Source]) -> Vec<String> {
    let named: BTreeSet<&str> = sources
        .iter()
        .flat_map(|s| &s.named)
        .filter_map(|n| match &n.target {
            Target::Outside(path) => path.first(),
            Target::Local(path) if path.len() > 1 => path.first(),
            _ => None,
        })
        .map(String::as_str)
        .collect();
    dependencies(manifest)
        .into_iter()
        .filter(|d| !named.contains(d.replace('-', "_").as_str()))
        .collect()
}

fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            inside = matches!(
                section.trim_end_matches(']'),
                "dependencies" | "dev-dependencies" | "build-dependencies"
            );
        } else if inside
            && let Some((name, _)) = line.split_once('=')
            && !name.starts_with(['#', ' '])
        {
            found.push(name.trim().to_owned());
        }
    }
    found
}

fn code(source: &Source) -> impl Iterator<Item = &Named> {
    source.named.iter().filter(|n| !n.test)
}

/// `pingora` is also `pingora_proxy`; `log` is not `logos`.
fn is_crate(name: &str, prefix: &str) -> bool {
    name == prefix
        || name
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('_'))
}

/// What stands at the top, beside dotfiles and what `.gitignore` names.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "benches",
    "build",
    "build.rs",
    "clippy.toml",
    "conf",
    "deny.toml",
    "docker-compose.yml",
    "docs",
    "scripts",
    "src",
    "tests",
];

/// Names at the top of the package that have no place there.
pub fn misplaced(names: impl Iterator<Item = String>, ignored: &str) -> Vec<String> {
    let is_ignored = |name: &str| {
        ignored.lines().any(|line| match line.strip_prefix("*.") {
            Some(ending) => name.ends_with(&format!(".{ending}")),
            None => line.trim_matches('/') == name,
        })
    };
    let known =
        |name: &String| name.starts_with('.') || TOP.contains(&name.as_str()) || is_ignored(name);
    names.filter(|name| !known(name)).collect()
}
