//! S1's `app.yml`: pools of keys for the vendors that it knows, and settings of the process.

use serde_json::{Value as Json, json};

use super::carry::{Cargo, Members};
use super::note::Notes;
use crate::config::check;
use crate::config::file::{Entry, Node};
use crate::config::objects::Object;
use crate::ir::Format;

/// By these it is known.
pub(super) const KEYS: &[&str] = &[
    "API_KEY_POOLS",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "PREFERRED_PROVIDER",
];

/// What they call vendors, and what we do.
const VENDORS: &[(&str, &str)] = &[
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("claude", "anthropic"),
    ("gemini", "gemini"),
    ("google", "gemini"),
];

/// The keys of one vendor.
#[derive(Default)]
struct Pool {
    keys: Vec<Json>,
    header: Option<String>,
    format: Option<String>,
}

pub(super) fn read(root: &Node, notes: &mut Notes<'_>) -> Vec<Object> {
    let mut cargo = Cargo::default();
    let mut pools: Vec<(&'static str, Pool)> = Vec::new();
    let mut preferred = None;
    for Entry { key, node } in root.entries() {
        match key.text.as_str() {
            "API_KEY_POOLS" => {
                for entry in notes.entries(node) {
                    pool(entry, &mut pools, notes);
                }
            }
            "OPENAI_API_KEY" => single(node, slot(&mut pools, "openai"), notes),
            "ANTHROPIC_API_KEY" => single(node, slot(&mut pools, "anthropic"), notes),
            "GEMINI_API_KEY" => single(node, slot(&mut pools, "gemini"), notes),
            "PREFERRED_PROVIDER" => preferred = notes.text(node).map(|name| (name, key.span)),
            "MODE" => match notes.text(node).as_deref() {
                Some("direct") => cargo.routes.push(json!({ "name": "direct", "mode": "direct" })),
                Some("transformer") | None => {}
                Some(_) => notes.left_out(key.span, "expected transformer or direct"),
            },
            "PORT" | "HOST" => notes.left_out(
                key.span,
                "where to listen is said by the file that the gateway starts with, or --host and --port",
            ),
            "DEBUG" => {
                if notes.flag(node) == Some(true) {
                    notes.left_out(key.span, "the environment says how much is logged: LOG_LEVEL=debug");
                }
            }
            _ => notes.left_out(key.span, "there is no such setting here"),
        }
    }
    for (name, pool) in pools.into_iter().filter(|(_, pool)| !pool.keys.is_empty()) {
        provider(name, &pool, &mut cargo);
    }
    if let Some((wanted, span)) = preferred {
        let known = vendor(&wanted).filter(|name| cargo.has_provider(name));
        match known {
            Some(name) => drop(
                cargo
                    .settings
                    .insert("preferred_provider".to_owned(), json!(name)),
            ),
            None => notes.left_out(span, "no keys of this vendor are here"),
        }
    }
    cargo.objects()
}

fn vendor(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    VENDORS
        .iter()
        .find(|(theirs, _)| *theirs == name)
        .map(|(_, ours)| *ours)
}

fn slot<'p>(pools: &'p mut Vec<(&'static str, Pool)>, name: &'static str) -> &'p mut Pool {
    let at = pools
        .iter()
        .position(|(other, _)| *other == name)
        .unwrap_or_else(|| {
            pools.push((name, Pool::default()));
            pools.len() - 1
        });
    &mut pools[at].1
}

fn single(node: &Node, pool: &mut Pool, notes: &mut Notes<'_>) {
    if let Some(key) = notes
        .text(node)
        .map(Json::from)
        .filter(|key| !pool.keys.contains(key))
    {
        pool.keys.push(key);
    }
}

fn pool(Entry { key, node }: &Entry, pools: &mut Vec<(&'static str, Pool)>, notes: &mut Notes<'_>) {
    let Some(name) = vendor(&key.text) else {
        return notes.left_out(key.span, "where this vendor is reached is not said");
    };
    let pool = slot(pools, name);
    for Entry { key, node } in notes.entries(node) {
        match key.text.as_str() {
            "keys" => {
                for item in notes.items(node) {
                    single(item, pool, notes);
                }
            }
            "auth_header" => pool.header = notes.text(node),
            "auth_format" => pool.format = notes.text(node),
            _ => notes.left_out(key.span, "there is no such setting of keys here"),
        }
    }
}

/// As the shipped table has the vendor, with these keys.
fn provider(name: &str, pool: &Pool, cargo: &mut Cargo) {
    let shipped = check::shipped();
    let declared = shipped
        .iter()
        .find(|vendor| vendor.name == name)
        .and_then(|vendor| vendor.declaration());
    let Some(Json::Object(mut body)) = declared else {
        return;
    };
    body.remove("name");
    body.insert("keys".to_owned(), Json::Array(pool.keys.clone()));
    let format = match name {
        "anthropic" => Format::Anthropic,
        "gemini" => Format::Gemini,
        _ => Format::OpenaiChat,
    };
    if let Some(auth) = auth(pool, format) {
        let auth = match format {
            // Its OpenAI door asks in another way.
            Format::Gemini => json!({ "gemini": auth }),
            _ => Json::Object(auth),
        };
        body.insert("auth".to_owned(), auth);
    }
    cargo.provider(name, body, 0);
}

/// How the key is presented, where that is not usual.
fn auth(pool: &Pool, format: Format) -> Option<Members> {
    let usual = check::usual_auth(format);
    let usual_format = format!("{}{{key}}{}", usual.prefix, usual.suffix);
    let header = pool.header.clone().unwrap_or_else(|| usual.header.clone());
    // Theirs is the bare key where nothing is said of another header.
    let pattern = match (&pool.format, header.eq_ignore_ascii_case(&usual.header)) {
        (Some(pattern), _) => pattern.clone(),
        (None, true) => usual_format.clone(),
        (None, false) => "{key}".to_owned(),
    };
    if header.eq_ignore_ascii_case(&usual.header) && pattern == usual_format {
        return None;
    }
    let mut auth = Members::new();
    auth.insert("header".to_owned(), json!(header));
    auth.insert("format".to_owned(), json!(pattern));
    Some(auth)
}
