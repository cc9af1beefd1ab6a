//! LiteLLM's `config.yaml`: deployments of model groups (`model_list`) and the settings of its router.
//!
//! Owns what its keys mean here. A group is a virtual model, a deployment an endpoint; whatever deployments have the same
//! vendor, URL, key and headers of is one provider. `os.environ/NAME` becomes `${NAME}`, or what `environment_variables`
//! says of it. What its vendors are called and where they are is `vendors`, a deployment is `deployment`, the rest `settings`.
//! Sources: https://docs.litellm.ai/docs/proxy/configs, /config_settings, /load_balancing, /reliability.

mod deployment;
mod settings;
mod vendors;

use std::collections::BTreeMap;

use serde_json::json;

use self::deployment::Shares;
use self::settings::Settings;
use super::carry::{self, Cargo, Pool};
use super::note::Notes;
use crate::config::file::{Entry, Node};
use crate::config::fill;
use crate::config::objects::Object;
use crate::config::text::Span;

struct Proxy<'a, 't> {
    notes: &'a mut Notes<'t>,
    cargo: Cargo,
    settings: Settings,
    /// Those that the file itself sets.
    variables: BTreeMap<String, String>,
    /// By name.
    credentials: BTreeMap<String, &'a Node>,
    pools: Vec<(Pool, Vec<Shares>)>,
}

pub(super) fn read(root: &Node, notes: &mut Notes<'_>) -> Vec<Object> {
    let mut proxy = Proxy {
        notes,
        cargo: Cargo::default(),
        settings: Settings::default(),
        variables: BTreeMap::new(),
        credentials: BTreeMap::new(),
        pools: Vec::new(),
    };
    proxy.outside(root);
    // The router's settings go over those of the library.
    for section in ["litellm_settings", "router_settings", "general_settings"] {
        if let Some(node) = root.get(section) {
            let entries = proxy.notes.entries(node);
            entries
                .iter()
                .for_each(|entry| proxy.setting(section, entry));
        }
    }
    for entry in root.entries().iter().filter(|entry| !entry.node.is_null()) {
        match entry.key.text.as_str() {
            "model_list" => {
                let items = proxy.notes.items(&entry.node);
                items.iter().for_each(|item| proxy.deployment(item));
            }
            "litellm_settings"
            | "router_settings"
            | "general_settings"
            | "environment_variables"
            | "credential_list" => {}
            _ => proxy
                .notes
                .left_out(entry.key.span, "there is no such section here"),
        }
    }
    proxy.finish();
    proxy.cargo.objects()
}

impl<'a> Proxy<'a, '_> {
    /// What deployments refer to.
    fn outside(&mut self, root: &'a Node) {
        let variables = root.get("environment_variables");
        for Entry { key, node } in variables.map_or(&[][..], |node| self.notes.entries(node)) {
            if let Some(text) = self.notes.text(node) {
                // One may be called by another's name.
                let other = text
                    .strip_prefix(ENVIRONMENT)
                    .map(|name| format!("${{{name}}}"));
                self.variables
                    .insert(key.text.clone(), other.unwrap_or(text));
            }
            if !names_variable(root, &key.text) {
                self.notes.left_out(key.span, "no deployment refers to this variable: set it where the gateway runs, if it is needed");
            }
        }
        let credentials = root.get("credential_list");
        for item in credentials.map_or(&[][..], |node| self.notes.items(node)) {
            self.credential(item);
        }
    }

    fn credential(&mut self, item: &'a Node) {
        let (mut name, mut values) = (None, None);
        for Entry { key, node } in self.notes.entries(item) {
            match key.text.as_str() {
                "credential_name" => name = self.notes.text(node),
                "credential_values" => values = Some(node),
                _ => self
                    .notes
                    .left_out(key.span, "there is nothing to know of credentials here"),
            }
        }
        match name.zip(values) {
            Some((name, values)) => drop(self.credentials.insert(name, values)),
            None => self
                .notes
                .left_out(item.span, "a credential needs a name and values"),
        }
    }

    /// A text, with what it refers to put in.
    fn value(&mut self, node: &Node) -> Option<String> {
        let text = self.notes.text(node)?;
        let Some(name) = text.strip_prefix(ENVIRONMENT) else {
            return Some(text);
        };
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        if !fill::is_name(name) {
            self.notes
                .left_out(node.span, "this is no name of a variable");
            return None;
        }
        Some(format!("${{{name}}}"))
    }

    fn finish(&mut self) {
        let mut pools = std::mem::take(&mut self.pools);
        for (pool, shares) in &mut pools {
            deployment::weigh(pool, shares);
            self.settings.apply(pool);
        }
        let mut pools: Vec<Pool> = pools.into_iter().map(|(pool, _)| pool).collect();
        let aliases = self.aliases(&mut pools);
        self.fallbacks(&mut pools, &aliases);
        self.cargo.pools = pools;
    }

    /// Other names of groups, and whose they are.
    fn aliases(&mut self, pools: &mut [Pool]) -> Vec<(String, String)> {
        let mut known: Vec<(String, String)> = Vec::new();
        for (alias, target, span) in std::mem::take(&mut self.settings.aliases) {
            let clash = pools.iter().any(|pool| pool.name == alias)
                || known.iter().any(|(other, _)| *other == alias);
            match pools.iter_mut().find(|pool| pool.name == target) {
                Some(pool) if !clash && carry::is_model_name(&alias.replace('*', "x")) => {
                    let aliases = pool.body.entry("aliases").or_insert_with(|| json!([]));
                    if let Some(aliases) = aliases.as_array_mut() {
                        aliases.push(json!(alias));
                    }
                    known.push((alias, target));
                }
                Some(_) => self
                    .notes
                    .left_out(span, "this name is a model's own already"),
                None => self
                    .notes
                    .left_out(span, "it leads to no model of this file"),
            }
        }
        known
    }

    fn fallbacks(&mut self, pools: &mut [Pool], aliases: &[(String, String)]) {
        let find = |pools: &[Pool], name: &str| {
            let alias = aliases.iter().find(|(alias, _)| alias == name);
            let name = alias.map_or(name, |(_, target)| target.as_str());
            pools.iter().position(|pool| pool.name == name)
        };
        let mut leads: Vec<Vec<usize>> = vec![Vec::new(); pools.len()];
        let own = std::mem::take(&mut self.settings.fallbacks);
        let default = std::mem::take(&mut self.settings.default_fallbacks);
        for (from, to, span) in &own {
            let (Some(from), Some(to)) = (find(pools, from), find(pools, to)) else {
                self.notes
                    .left_out(*span, "it leads from or to no model of this file");
                continue;
            };
            self.fallback(&mut leads, (from, to), *span);
        }
        // Theirs are for groups that have none of their own.
        let bare: Vec<usize> = (0..pools.len())
            .filter(|at| leads.get(*at).is_some_and(Vec::is_empty))
            .collect();
        for (to, span) in &default {
            let Some(to) = find(pools, to) else {
                self.notes
                    .left_out(*span, "it leads to no model of this file");
                continue;
            };
            for from in bare.iter().copied().filter(|from| *from != to) {
                self.fallback(&mut leads, (from, to), *span);
            }
        }
        let names: Vec<String> = pools.iter().map(|pool| pool.name.clone()).collect();
        for (pool, leads) in pools.iter_mut().zip(&leads) {
            let names: Vec<&String> = leads.iter().filter_map(|at| names.get(*at)).collect();
            if !names.is_empty() {
                pool.body.insert("fallbacks".to_owned(), json!(names));
            }
        }
    }

    fn fallback(&mut self, leads: &mut [Vec<usize>], (from, to): (usize, usize), span: Span) {
        if reaches(leads, to, from) {
            self.notes
                .left_out(span, "a fallback may not lead back to where it came from");
        } else if let Some(own) = leads.get_mut(from).filter(|own| !own.contains(&to)) {
            own.push(to);
        }
    }
}

const ENVIRONMENT: &str = "os.environ/";

/// Whether one leads to the other, over any number of steps; every one leads to itself.
fn reaches(leads: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(at) = seen.get(next).copied() {
        next += 1;
        for step in leads.get(at).into_iter().flatten() {
            if !seen.contains(step) {
                seen.push(*step);
            }
        }
    }
    seen.contains(&to)
}

/// Whether anything in the file refers to a variable.
fn names_variable(node: &Node, name: &str) -> bool {
    let refers = node.text().and_then(|text| text.strip_prefix(ENVIRONMENT)) == Some(name);
    refers
        || node.items().iter().any(|item| names_variable(item, name))
        || node
            .entries()
            .iter()
            .any(|entry| names_variable(&entry.node, name))
}
