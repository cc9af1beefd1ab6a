//! Reads the sources and fails on a forbidden arrow, naming it and the rule. The rules are those of `src/README.md`.
//!
//! The checker is tested itself (`made_up`): a rule that cannot fail guards nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by a panic"
)]
#![allow(
    unreachable_pub,
    reason = "in a test binary nothing is reachable from outside"
)]

use std::fs;
use std::path::Path;

#[path = "architecture/made_up.rs"]
mod made_up;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use source::Source;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn no_source_breaks_a_rule_of_the_house() {
    let sources = sources();
    let found: Vec<String> = rules::breaches(&sources)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        found.is_empty(),
        "{} broken:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn every_room_that_lib_declares_was_read() {
    let sources = sources();
    let lib = fs::read_to_string(Path::new(ROOT).join("src/lib.rs")).unwrap();
    for room in lib
        .lines()
        .filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'))
    {
        assert!(
            sources.iter().any(|s| s.room() == Some(room)),
            "no source of `{room}` was read"
        );
    }
}

#[test]
fn no_crate_is_asked_for_in_vain() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let unused = rules::unused(&manifest, &sources());
    assert!(
        unused.is_empty(),
        "Cargo.toml names them, no source does: {}",
        unused.join(", ")
    );
}

#[test]
fn the_top_level_holds_what_the_house_says() {
    let ignored = fs::read_to_string(Path::new(ROOT).join(".gitignore")).unwrap();
    let names = fs::read_dir(ROOT)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let misplaced = rules::misplaced(names, &ignored);
    assert!(
        misplaced.is_empty(),
        "no place at the top level: {}",
        misplaced.join(", ")
    );
}

/// Every Rust file of the package.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches"] {
        read_folder(folder, &mut found);
    }
    found
}

fn read_folder(folder: &str, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(Path::new(ROOT).join(folder)) else {
        return;
    };
    for entry in entries {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if name.ends_with(".rs") {
            let text = fs::read_to_string(Path::new(ROOT).join(&path)).unwrap();
            found.push(Source::parse(&path, &text));
        } else if !name.contains('.') {
            read_folder(&path, found);
        }
    }
}
