//! Made-up sources: each forbidden arrow is caught, and its lawful neighbour is not.

use crate::rules::{breaches, misplaced, unused};
use crate::source::Source;

/// What is reported of one file, beside a small `ir/`.
fn reported(path: &str, text: &str) -> Vec<String> {
    let ir = Source::parse(
        "src/ir/event.rs",
        "pub enum Event { Text, End }\npub enum Stop { Length }",
    );
    let file = Source::parse(path, text);
    breaches(&[ir, file])
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[track_caller]
fn caught(path: &str, text: &str, what: &str) {
    let found = reported(path, text);
    assert!(
        found.iter().any(|f| f.contains(what)),
        "`{what}` was not caught in {path}:\n{text}\n{found:#?}"
    );
}

#[track_caller]
fn lawful(path: &str, text: &str) {
    let found = reported(path, text);
    assert!(found.is_empty(), "{path}:\n{text}\n{found:#?}");
}

#[test]
fn an_arrow_upwards_is_caught_however_it_is_written() {
    for text in [
        "use crate::live::Snapshot;",
        "use crate::{ir::Event, live};",
        "use super::super::live::Snapshot;",
        "use crate::live as alive;",
        "fn f(s: &crate::live::Snapshot) {}",
        "fn f() { use crate::live::Snapshot; }",
        "fn f() { assert!(crate::live::standing().is_up()); }",
        "fn f() { vec![(1, crate::live::standing())]; }",
        "impl crate::live::Field for u8 {}",
        "#[derive(crate::live::Derived)] struct S;",
        "mod deeper { use super::super::super::live::Snapshot; }",
        "pub use tidegate::live::Snapshot;",
    ] {
        caught("src/route/pick.rs", text, "route -> live");
    }
    caught(
        "src/route/pick.rs",
        "\n\nuse crate::live::Snapshot;",
        "src/route/pick.rs:3: route -> live",
    );
    caught("src/route/pick.rs", "use crate::*;", "route -> *");
}

#[test]
fn a_name_in_a_comment_or_a_string_is_no_arrow() {
    lawful(
        "src/route/pick.rs",
        "//! See crate::live.\n/// [`crate::live::Snapshot`]\nconst S: &str = \"crate::live\";",
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn an_arrow_that_the_table_does_not_grant_is_caught() {
    for (path, text, what) in [
        ("src/clock.rs", "use crate::ir::Event;", "clock -> ir"),
        ("src/clock.rs", "use crate::id::RequestId;", "clock -> id"),
        (
            "src/route/pick.rs",
            "use crate::telemetry::metrics;",
            "route -> telemetry",
        ),
        (
            "src/live/lane.rs",
            "use crate::telemetry::metrics;",
            "live -> telemetry",
        ),
        ("src/ir/fault.rs", "use crate::wire::Codec;", "ir -> wire"),
        (
            "src/wire/sse.rs",
            "use crate::config::Gateway;",
            "wire -> config",
        ),
        (
            "src/config/check.rs",
            "use crate::route::Table;",
            "config -> route",
        ),
        (
            "src/live/snapshot.rs",
            "use crate::balance::Hosts;",
            "live -> balance",
        ),
        (
            "src/proxy/intake.rs",
            "use crate::store::Writer;",
            "proxy -> store",
        ),
        (
            "src/proxy/intake.rs",
            "use crate::cluster::Bus;",
            "proxy -> cluster",
        ),
        (
            "src/proxy/intake.rs",
            "use crate::admin::Pages;",
            "proxy -> admin",
        ),
        (
            "src/proxy/intake.rs",
            "use crate::demo::Vendor;",
            "proxy -> demo",
        ),
        (
            "src/balance/health.rs",
            "use crate::proxy::X;",
            "balance -> proxy",
        ),
        (
            "src/store/writer.rs",
            "use crate::server::run;",
            "store -> server",
        ),
        (
            "src/admin/pull.rs",
            "use crate::proxy::X;",
            "admin -> proxy",
        ),
        (
            "src/admin/pull.rs",
            "use crate::wire::Codec;",
            "admin -> wire",
        ),
        ("src/reload.rs", "use crate::cli::Options;", "reload -> cli"),
    ] {
        caught(path, text, what);
    }
}

#[test]
fn an_arrow_down_or_beside_as_granted_is_lawful() {
    for (path, text) in [
        ("src/route/table.rs", "use crate::config::Gateway;"),
        ("src/route/table.rs", "use crate::{clock::Tick, ir::Event};"),
        ("src/id.rs", "use crate::clock;"),
        ("src/telemetry/access.rs", "use crate::ledger::Record;"),
        ("src/live/snapshot.rs", "use crate::config::Gateway;"),
        ("src/live/snapshot.rs", "use crate::route::Table;"),
        ("src/proxy/exchange.rs", "use crate::balance::Selection;"),
        ("src/proxy/exchange.rs", "use crate::wire::Relay;"),
        ("src/admin/stats.rs", "use crate::store::Rows;"),
        ("src/main.rs", "fn main() { tidegate::cli::run(); }"),
    ] {
        lawful(path, text);
    }
}

#[test]
fn a_room_that_the_house_does_not_know_is_caught() {
    caught("src/cache/disk.rs", "", "`cache` is no room");
    caught(
        "src/route/pick.rs",
        "use crate::cache::Disk;",
        "route -> cache",
    );
}

#[test]
fn unit_tests_may_cross_rooms() {
    lawful(
        "src/proxy/intake.rs",
        "#[cfg(test)] mod tests { use crate::demo::Vendor; }",
    );
    lawful("src/route/tests.rs", "use crate::demo::Vendor;");
    caught(
        "src/proxy/intake.rs",
        "#[cfg(not(test))] mod real { use crate::demo::Vendor; }",
        "proxy -> demo",
    );
}

#[test]
fn a_pure_room_names_no_runtime_no_log_and_no_dice() {
    for (text, what) in [
        ("use tokio::sync::Mutex;", "tokio::sync::Mutex"),
        ("use tokio;", "tokio"),
        ("fn f() { tokio::spawn(g()); }", "tokio::spawn"),
        (
            "use tokio_util::codec::Decoder;",
            "tokio_util::codec::Decoder",
        ),
        (
            "use pingora_http::RequestHeader;",
            "pingora_http::RequestHeader",
        ),
        ("fn f() { log::info!(\"x\"); }", "log::info"),
        ("use log::info as say;", "log::info"),
        ("fn f() -> u64 { fastrand::u64(..) }", "fastrand::u64"),
        ("extern crate rand;", "rand"),
        (
            "fn f() -> String { std::fs::read_to_string(\"x\").unwrap() }",
            "std::fs::read_to_string",
        ),
        ("use std::thread::spawn;", "std::thread::spawn"),
    ] {
        caught("src/ledger/window.rs", text, what);
        caught("src/ledger/window.rs", text, "are pure");
    }
}

#[test]
fn a_pure_room_reads_no_clock() {
    for text in [
        "fn f() { crate::clock::now(); }",
        "use crate::clock::wall;",
        "use crate::clock; fn f() { clock::now(); }",
        "use std::time::Instant;",
        "use std::time::{Duration, SystemTime};",
        "fn f(since: std::time::Instant) {}",
    ] {
        caught("src/route/cooldown.rs", text, "are pure");
    }
    lawful(
        "src/route/cooldown.rs",
        "use crate::clock::Tick; use std::time::Duration;",
    );
    lawful(
        "src/live/standing.rs",
        "use crate::clock; fn f() { clock::now(); }",
    );
}

#[test]
fn a_pure_room_is_tested_without_a_runtime() {
    caught(
        "src/route/pick.rs",
        "#[cfg(test)] mod tests { #[tokio::test] async fn t() {} }",
        "tokio::test",
    );
    lawful(
        "src/route/pick.rs",
        "#[cfg(test)] mod tests { use proptest::prelude::*; use std::time::Instant; }",
    );
}

#[test]
fn a_module_named_like_a_crate_is_not_that_crate() {
    lawful("src/ledger/record.rs", "mod log; fn f() { log::append(); }");
    lawful(
        "src/ledger/record.rs",
        "use super::log; fn f() { log::append(); }",
    );
}

#[test]
fn crates_with_one_home_are_caught_elsewhere() {
    caught(
        "src/live/outbox.rs",
        "use pingora::server::Server;",
        "live -> pingora",
    );
    caught(
        "src/demo/mod.rs",
        "use pingora_core::protocols::Digest;",
        "demo -> pingora_core",
    );
    caught(
        "src/reload.rs",
        "use pingora::server::Server;",
        "reload -> pingora",
    );
    caught("src/admin/stats.rs", "use sqlx::query;", "admin -> sqlx");
    caught(
        "src/store/writer.rs",
        "use redis::Client;",
        "store -> redis",
    );
    caught("src/proxy/intake.rs", "use axum::Router;", "proxy -> axum");
    caught(
        "src/config/check.rs",
        "use anyhow::Result;",
        "config -> anyhow",
    );
    lawful(
        "src/server.rs",
        "use pingora::server::Server; use anyhow::Result;",
    );
    lawful(
        "src/balance/health.rs",
        "use pingora_load_balancing::health_check::HealthCheck;",
    );
}

#[test]
fn a_format_never_imports_another() {
    caught(
        "src/wire/anthropic/stream.rs",
        "use crate::wire::gemini::types::Part;",
        "wire/anthropic -> wire/gemini",
    );
    caught(
        "src/wire/gemini/mod.rs",
        "use super::openai_chat;",
        "wire/gemini -> wire/openai_chat",
    );
    lawful(
        "src/wire/anthropic/stream.rs",
        "use super::types::Block; use crate::wire::sse::Framing;",
    );
}

#[test]
fn a_catch_all_over_the_vocabulary_is_caught_in_wire() {
    for arm in ["_ => {}", "other => drop(other)", "Event::End | _ => {}"] {
        let text = format!("fn f(e: Event) {{ match e {{ Event::Text => {{}} {arm} }} }}");
        caught("src/wire/sse.rs", &text, "a match over `Event`");
        lawful("src/route/attempt.rs", &text);
    }
    caught(
        "src/wire/sse.rs",
        "use crate::ir::Stop as S; fn f(s: S) { match s { S::Length => {} _ => {} } }",
        "`Stop`",
    );
    caught(
        "src/wire/sse.rs",
        "fn f(s: Option<Stop>) { match s { Some(Stop::Length) => {} _ => {} } }",
        "`Stop`",
    );
    caught(
        "src/wire/sse.rs",
        "use crate::ir::Event::*;",
        "`use Event::*`",
    );
    lawful(
        "src/wire/sse.rs",
        "fn f(e: Event) { match e { Event::Text => {} Event::End => {} } }",
    );
    lawful(
        "src/wire/sse.rs",
        "fn f(b: u8) { match b { b'{' => {} _ => {} } }",
    );
}

#[test]
fn wire_denies_what_panics() {
    let deny = "#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]";
    let head = "//! a\n//! b\n//! c\n//! d\n//! e\n";
    lawful("src/wire/mod.rs", &format!("{head}{deny}"));
    caught(
        "src/wire/mod.rs",
        &format!("{head}{}", deny.replace("clippy::panic", "clippy::todo")),
        "clippy::panic",
    );
    caught(
        "src/wire/sse.rs",
        "#[allow(clippy::indexing_slicing, reason = \"x\")] fn f() {}",
        "allows clippy::indexing_slicing",
    );
    lawful(
        "src/wire/sse.rs",
        "#[cfg(test)] mod tests { #[allow(clippy::panic)] fn f() {} }",
    );
}

#[test]
fn inner_rooms_are_not_serialize() {
    for text in [
        "#[derive(Debug, Serialize)] struct S;",
        "#[derive(serde::Serialize)] struct S;",
        "use serde::{Deserialize, Serialize};",
        "impl serde::Serialize for S {}",
    ] {
        caught("src/live/standing.rs", text, "not Serialize");
        lawful("src/config/file.rs", text);
    }
}

#[test]
fn size_name_and_opening_of_a_file_are_watched() {
    let head = "//! a\n//! b\n//! c\n//! d\n";
    caught("src/route/mod.rs", head, "opens with 4 lines");
    caught("src/route/mod.rs", &head.repeat(6), "opens with 24 lines");
    lawful("src/route/mod.rs", &format!("{head}//! e\n"));
    caught("src/route/pick.rs", &"//\n".repeat(601), "601 lines");
    caught("tests/config.rs", &"//\n".repeat(601), "601 lines");
    lawful("src/route/pick.rs", &"//\n".repeat(600));
    caught(
        "src/route/pick_helpers.rs",
        "",
        "`pick_helpers` says nothing",
    );
    caught("src/proxy/utils/mod.rs", "", "`utils` says nothing");
    caught(
        "src/route/pick.rs",
        "macro_rules! m { () => {} }",
        "no macros of our own",
    );
    caught(
        "tests/config.rs",
        "#[test] #[ignore = \"slow\"] fn t() {}",
        "`#[ignore]`",
    );
}

#[test]
fn a_crate_that_nobody_names_is_unused() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\nlog = \"0.4\"\nhttp-body = \"1\"\n# serde = \"1\"\n[dev-dependencies]\ninsta = \"1\"\n";
    let file = |text| [Source::parse("src/proxy/intake.rs", text)];
    assert_eq!(
        unused(manifest, &file("use http_body::Body;")),
        ["log", "insta"]
    );
    assert!(
        unused(
            manifest,
            &file("fn f() { log::info!(\"\"); http_body::x(); insta::y(); }")
        )
        .is_empty()
    );
}

#[test]
fn what_has_no_place_at_the_top_is_caught() {
    let names = [
        "src",
        "Cargo.toml",
        ".ci",
        "target",
        "trace.log",
        "NOTES.md",
        "utils",
    ];
    let found = misplaced(names.map(str::to_owned).into_iter(), "/target\n*.log\n");
    assert_eq!(found, ["NOTES.md", "utils"]);
}
