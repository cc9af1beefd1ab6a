//! From the configuration as written to the configuration as meant.
//!
//! Owns every rule about what a configuration may say. All problems are collected, never only the first: a reader reports what is wrong,
//! gives back something harmless and goes on; the result counts only if nothing was reported.
//! It reads the files that the configuration names (secrets, certificates) and nothing else: no clock, no network.
//!
//! Order: `shape` compares the tree with the tables of `keys` (unknown keys, lists and mappings), then [`Check::gateway`] reads values, section by
//! section; names are resolved when all of them are known. `settings` are the environment variables that stand over the file.

mod access;
mod database;
mod gateway;
mod headers;
pub(super) mod keys;
mod models;
mod money;
mod names;
pub(super) mod pingora;
pub(super) mod policy;
mod providers;
mod quota;
mod routes;
mod section;
mod set;
mod settings;
mod shape;
mod time;
mod traits;
pub(super) mod units;
mod url;
mod values;
mod vendors;

use std::path::{Path, PathBuf};

use super::env::Env;
use super::held::Reader;
use super::report::{Problem, Severity};
use super::text::Span;

pub(super) use access::socket_address;
pub(super) use gateway::Outside;
pub(super) use headers::{is_ours, usual_auth};
pub(super) use keys::GATEWAY;
pub(super) use money::shipped_nodes;
pub use names::is_model_name;
pub(super) use pingora::TOP;
pub(super) use section::{Section, Shape};
pub(super) use set::scalar_json;
pub(super) use settings::{LEVELS, NAMES, log_level};
pub(super) use shape::is_per_format;
pub(super) use url::REQUEST_PATHS;
pub(super) use values::read;
pub(super) use vendors::shipped;

/// What the readers share: where they look, and what they found.
pub(super) struct Check<'a> {
    pub env: &'a Env,
    /// What relative paths are relative to.
    base: &'a Path,
    pub problems: Vec<Problem>,
    pub reader: Reader,
    /// Secret files that were read.
    pub files: Vec<PathBuf>,
    /// Where secrets stand in plain text.
    pub secrets: Vec<Span>,
    /// Objects, and keys of theirs that stand there under another name: they are not missing as well.
    misspelt: Vec<(Span, &'static str)>,
    /// Of resets that name none; once somebody asks.
    zone: Option<jiff::tz::TimeZone>,
}

impl<'a> Check<'a> {
    pub(super) fn new(env: &'a Env, base: &'a Path) -> Check<'a> {
        Check {
            env,
            base,
            problems: Vec::new(),
            reader: Reader::default(),
            files: Vec::new(),
            secrets: Vec::new(),
            misspelt: Vec::new(),
            zone: None,
        }
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }
}
