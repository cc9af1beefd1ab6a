//! Everything that a configuration says, the file and the objects beside it, as one file.
//!
//! It means what both mean together, under the same environment; it does not say what the environment or the command line
//! say. Comments of the file do not survive, variables do.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::left_out::{LeftOut, Placeholders};
use super::tree;
use super::yaml_out::{self, Lines};
use crate::config::check::{self, Shape};
use crate::config::env::Env;
use crate::config::file::{Entry, Node, Value};
use crate::config::fill;
use crate::config::gateway::Gateway;
use crate::config::hidden;
use crate::config::load::{Overrides, Source, Variables, Written, load};
use crate::config::objects::{Declared, Home, Kind};
use crate::config::report::Report;

/// What becomes of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrets {
    /// A variable stands in the place of each. What refers to a variable or a file already goes on to.
    #[default]
    LeftOut,
    /// Written out, also those that variables and files fill in: the file stands by itself.
    Plain,
}

/// A configuration as one file.
#[derive(Debug, Clone)]
pub struct Exported {
    pub text: String,
    pub left_out: Vec<LeftOut>,
}

/// A secret is a line, not a book.
const MAX_SECRET: u64 = 64 << 10;

/// The keys of `gateway` in their groups, as `conf/full.yaml` has them.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Where, for whom",
        &[
            "listen",
            "admin",
            "auth",
            "trusted_proxies",
            "limits",
            "debug_headers",
            "ping",
            "cors",
        ],
    ),
    (
        "When things go wrong",
        &["timeouts", "retry", "cooldown", "breaker"],
    ),
    ("Vendor accounts", &["providers"]),
    ("Models that clients ask for", &["models"]),
    (
        "Where requests go, before names decide",
        &[
            "routes",
            "default_model",
            "preferred_provider",
            "reply_model",
            "strict",
        ],
    ),
    (
        "What clients authenticate with",
        &["client_keys", "tenants"],
    ),
    (
        "What models cost, over the shipped table: USD a million tokens",
        &["prices"],
    ),
    ("What is kept", &["data", "database"]),
    ("Log", &["log"]),
];

/// Lists whose items have many members.
const LARGE: &[&str] = &["providers", "models"];

/// Writes a configuration as one file of our own format.
///
/// # Errors
/// What [`load`] says of it: what cannot be loaded is not exported.
pub fn export(source: &Source, env: &Env, secrets: Secrets) -> Result<Exported, Report> {
    let loaded = load(source, env, &Overrides::default(), None)?;
    let written = Written::read(source, env, Variables::AsWritten);
    let mut root = written.root.unwrap_or_else(|| tree::node(&json!({})));
    if stands_on_environment(&written.declared) {
        tell_environment(&mut root, &written.env, &loaded.gateway);
    }
    root = ordered(root, Shape::Table(&check::TOP));
    let mut placeholders = Placeholders::beside(&mut root);
    each_object(&mut root, &mut |kind, name, object| match secrets {
        Secrets::LeftOut => placeholders.strip(kind, name, object),
        Secrets::Plain => fill_in((kind, name), object, &written.env, &source.base),
    });
    let left_out = placeholders.done();
    let shadowed = written
        .declared
        .iter()
        .filter(|one| one.home == Home::Shadowed);
    let mut text = head(&left_out, shadowed);
    body(&mut text, &root);
    Ok(Exported { text, left_out })
}

/// Whether providers of the environment stand beside those of the database: a file with providers would replace them.
fn stands_on_environment(declared: &[Declared]) -> bool {
    let is = |home| move |one: &&Declared| one.kind == Kind::Provider && one.home == home;
    declared.iter().any(|one| is(Home::Environment)(&one))
        && declared.iter().any(|one| is(Home::Database)(&one))
}

/// Writes down what holds by itself: the environment's providers, and the models that are made of them.
fn tell_environment(root: &mut Node, env: &Env, gateway: &Gateway) {
    let shipped = check::shipped();
    let vendors = shipped.iter().filter(|vendor| vendor.has_key(env));
    let providers = vendors.filter_map(|vendor| Some(tree::node(&vendor.declaration()?)));
    prepend(root, "providers", providers.collect());
    let built_in = gateway.models.iter().filter(|model| model.built_in);
    let models = built_in.map(|model| {
        let aliases: Vec<&str> = model.aliases.iter().map(|glob| glob.pattern()).collect();
        let endpoints = model.endpoints.iter().map(|endpoint| {
            let provider = gateway.providers.get(endpoint.provider);
            json!({
                "provider": provider.map(|provider| &provider.name),
                "model": endpoint.model,
                "priority": endpoint.priority,
            })
        });
        let endpoints: Vec<Json> = endpoints.collect();
        tree::node(&match aliases.is_empty() {
            true => json!({ "name": model.name, "endpoints": endpoints }),
            false => json!({ "name": model.name, "aliases": aliases, "endpoints": endpoints }),
        })
    });
    append(root, "models", models.collect());
}

fn section<'n>(root: &'n mut Node, key: &str) -> Option<&'n mut Vec<Node>> {
    let list = tree::at_mut(root, &format!("/gateway/{key}"));
    if list.is_none() {
        let gateway = tree::at_mut(root, "/gateway")?;
        let Value::Map(entries) = &mut gateway.value else {
            return None;
        };
        entries.push(tree::entry(key, tree::node(&json!([]))));
    }
    let list = tree::at_mut(root, &format!("/gateway/{key}"))?;
    if list.is_null() {
        *list = tree::node(&json!([]));
    }
    match &mut list.value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

fn prepend(root: &mut Node, key: &str, nodes: Vec<Node>) {
    if let Some(items) = section(root, key) {
        items.splice(0..0, nodes);
    }
}

fn append(root: &mut Node, key: &str, nodes: Vec<Node>) {
    if let Some(items) = section(root, key).filter(|_| !nodes.is_empty()) {
        items.extend(nodes);
    }
}

/// The members of every object in the order in which they are documented.
fn ordered(node: Node, shape: Shape) -> Node {
    let value = match (node.value, shape) {
        (Value::Map(mut entries), Shape::Table(section)) => {
            let place = |entry: &Entry| {
                section
                    .keys
                    .iter()
                    .position(|key| key.name == entry.key.text)
            };
            entries.sort_by_key(|entry| place(entry).unwrap_or(usize::MAX));
            let below = |entry: Entry| {
                let shape = section
                    .key(&entry.key.text)
                    .map_or(Shape::Any, |key| key.shape);
                Entry {
                    node: ordered(entry.node, shape),
                    ..entry
                }
            };
            Value::Map(entries.into_iter().map(below).collect())
        }
        (Value::Map(entries), Shape::NamesOf(of)) => {
            let below = |entry: Entry| Entry {
                node: ordered(entry.node, *of),
                ..entry
            };
            Value::Map(entries.into_iter().map(below).collect())
        }
        (Value::List(items), Shape::List(of)) => {
            Value::List(items.into_iter().map(|item| ordered(item, *of)).collect())
        }
        (value, Shape::PerFormat(of)) => {
            let node = Node { value, ..node };
            return match check::is_per_format(&node) {
                true => ordered(node, Shape::NamesOf(of)),
                false => ordered(node, *of),
            };
        }
        (value, Shape::Either(shapes)) => {
            let is_map = matches!(value, Value::Map(_));
            let fits = |shape: &&Shape| match shape {
                Shape::Table(_) | Shape::NamesOf(_) => is_map,
                Shape::List(_) => matches!(value, Value::List(_)),
                _ => false,
            };
            let shape = shapes.iter().find(fits).copied().unwrap_or(Shape::Any);
            return ordered(Node { value, ..node }, shape);
        }
        (value, _) => value,
    };
    Node { value, ..node }
}

/// Every object of a configuration that may hold secrets, and its name.
fn each_object(root: &mut Node, visit: &mut dyn FnMut(Kind, &str, &mut Node)) {
    let Some(Value::Map(entries)) = tree::at_mut(root, "/gateway").map(|node| &mut node.value)
    else {
        return;
    };
    for entry in entries {
        let section = entry.key.text.as_str();
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.section() == Some(section));
        match (kind, &mut entry.node.value) {
            (None, _) => visit(Kind::Setting, section, &mut entry.node),
            (Some(kind), Value::List(items)) => {
                for (at, item) in items.iter_mut().enumerate() {
                    let name = item.get("name").and_then(Node::text).map(str::to_owned);
                    let name = name.unwrap_or_else(|| format!("{} {}", kind.name(), at + 1));
                    visit(kind, &name, item);
                }
            }
            // Prices hold none.
            (Some(_), _) => {}
        }
    }
}

/// Puts into an object what variables and files say of its secrets. What cannot be said plainly stays as it is.
fn fill_in((kind, name): (Kind, &str), object: &mut Node, env: &Env, base: &Path) {
    for place in hidden::references(kind, name, &tree::json_under(name, object)) {
        let Some(node) = tree::at_mut(object, &place) else {
            continue;
        };
        let plain = node.text().and_then(|text| plain(text, env, base));
        if let Some(plain) = plain {
            node.value = tree::scalar(plain.replace("${", "$${"), true);
        }
    }
}

fn plain(text: &str, env: &Env, base: &Path) -> Option<String> {
    let filled = fill::fill(text, env).ok()?;
    let filled = filled.unwrap_or_else(|| text.to_owned());
    let value = match filled.strip_prefix("file:") {
        Some(name) => {
            let content = check::read(&base.join(name), MAX_SECRET).ok()?;
            String::from_utf8(content).ok()?.trim().to_owned()
        }
        None => filled,
    };
    let means_more = value.is_empty() || value.starts_with("file:") || value == "passthrough";
    (!means_more).then_some(value)
}

fn head<'d>(left_out: &[LeftOut], shadowed: impl Iterator<Item = &'d Declared>) -> String {
    let mut text = format!(
        "# Configuration of a Tidegate gateway, exported by version {}.\n",
        env!("CARGO_PKG_VERSION")
    );
    if !left_out.is_empty() {
        text.push_str("#\n# Secrets are left out. These variables have to be set where this file is loaded:\n");
        let width = left_out
            .iter()
            .map(|one| one.variable.len())
            .max()
            .unwrap_or(0);
        for one in left_out {
            let (variable, masked) = (&one.variable, &one.masked);
            text.push_str(&format!(
                "#   {variable:width$}  {}, {masked}\n",
                comment(&one.place)
            ));
        }
    }
    for (nth, one) in shadowed.enumerate() {
        if nth == 0 {
            text.push_str("#\n# Not in it, since the file has the name as well and holds:\n");
        }
        let kind = one.kind.name().replace('_', " ");
        text.push_str(&format!("#   {kind} {}\n", comment(&one.name)));
    }
    text
}

/// A name within a comment.
fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn body(out: &mut String, root: &Node) {
    let (ours, top): (Vec<&Entry>, Vec<&Entry>) = root
        .entries()
        .iter()
        .partition(|entry| entry.key.text == "gateway");
    if !top.iter().any(|entry| entry.key.text == "version") {
        out.push_str("version: 1\n");
    }
    for entry in top {
        yaml_out::entry(out, 0, entry, Lines::Few);
    }
    let entries = ours.first().map_or(&[][..], |entry| entry.node.entries());
    if entries.is_empty() {
        out.push_str("gateway: {}\n");
        return;
    }
    out.push_str("\ngateway:\n");
    for (nth, (title, keys)) in groups_of(entries).into_iter().enumerate() {
        if nth > 0 {
            out.push('\n');
        }
        out.push_str(&format!(
            "  # ---- {title} {}\n",
            "-".repeat(100_usize.saturating_sub(title.len()))
        ));
        for entry in keys {
            let lines = match LARGE.contains(&entry.key.text.as_str()) {
                true => Lines::Many,
                false => Lines::Few,
            };
            yaml_out::entry(out, 2, entry, lines);
        }
    }
}

/// What is there of each group.
fn groups_of(entries: &[Entry]) -> Vec<(&'static str, Vec<&Entry>)> {
    let find = |key: &&str| entries.iter().find(|entry| entry.key.text == *key);
    let mut groups: Vec<(&str, Vec<&Entry>)> = GROUPS
        .iter()
        .map(|(title, keys)| (*title, keys.iter().filter_map(find).collect()))
        .collect();
    let grouped = |entry: &&Entry| {
        GROUPS
            .iter()
            .any(|(_, keys)| keys.contains(&entry.key.text.as_str()))
    };
    groups.push((
        "More",
        entries.iter().filter(|entry| !grouped(entry)).collect(),
    ));
    groups.retain(|(_, entries)| !entries.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check::GATEWAY;

    #[test]
    fn every_key_has_its_group_and_they_are_in_the_order_of_the_full_example() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, keys)| keys.iter().copied())
            .collect();
        let missing: Vec<&str> = GATEWAY
            .keys
            .iter()
            .map(|key| key.name)
            .filter(|key| !grouped.contains(key))
            .collect();
        assert!(missing.is_empty(), "no group has {missing:?}");
        let full = include_str!("../../../conf/full.yaml");
        let places: Vec<(usize, &str)> = grouped
            .iter()
            .filter_map(|key| Some((full.find(&format!("\n  {key}:"))?, *key)))
            .collect();
        assert!(places.is_sorted(), "{places:?}");
    }
}
