//! Names: what one may look like, that none is given twice, and that none leads nowhere.

use std::collections::HashMap;

use super::Check;
use crate::config::file::Node;
use crate::config::gateway::Glob;
use crate::config::report::{Place, Problem};
use crate::config::suggest;
use crate::config::text::Span;

/// Longer names help nobody, and end up in logs and metrics.
const MAX_NAME: usize = 128;

/// What a name is for: a provider's stands before a slash in `provider/model`, a model's may hold slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum NameOf {
    Provider,
    Model,
    ClientKey,
    Tenant,
}

impl NameOf {
    fn word(self) -> &'static str {
        match self {
            NameOf::Provider => "provider",
            NameOf::Model => "model",
            NameOf::ClientKey => "client key",
            NameOf::Tenant => "tenant",
        }
    }
}

/// Why a text is no such name; `None` if it is one.
pub(in crate::config) fn name_fault(name: &str, of: NameOf) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > MAX_NAME {
        return Some("is longer than 128 bytes");
    }
    let spaced = matches!(of, NameOf::ClientKey | NameOf::Tenant);
    if name.contains(|c: char| c.is_whitespace() || c.is_control()) && !spaced {
        return Some("holds white space");
    }
    if name.contains(char::is_control) {
        return Some("holds control characters");
    }
    match of {
        NameOf::Provider if name.contains('/') => {
            Some("holds a `/`, which stands between provider and model")
        }
        NameOf::Provider | NameOf::Model if name.contains('*') => {
            Some("holds a `*`, which stands for any text in patterns")
        }
        _ => None,
    }
}

/// Whether an endpoint's model may have this name.
pub fn is_model_name(name: &str) -> bool {
    name_fault(name, NameOf::Model).is_none()
}

/// The names of one kind that were given, and where first.
#[derive(Default)]
pub(super) struct Names {
    first: HashMap<String, Span>,
}

impl Check<'_> {
    /// The `name` of an object, checked and unlike those before it. A missing or bad one becomes a name that nobody can mean.
    pub(super) fn name(&mut self, object: &Node, of: NameOf, names: &mut Names) -> String {
        let nameless = format!("\0{}", object.span.start);
        let Some(node) = self.required(object, "name", of.word()) else {
            return nameless;
        };
        let Some(name) = self.string(node) else {
            return nameless;
        };
        if let Some(fault) = name_fault(&name, of) {
            self.push(Problem::error(
                node.span,
                format!("the name `{name}` {fault}"),
            ));
        }
        if let Some(first) = names.first.get(&name) {
            let problem =
                Problem::error(node.span, format!("two {}s are named `{name}`", of.word()));
            self.push(problem.label("the second").earlier(*first, "the first"));
            return nameless;
        }
        names.first.insert(name.clone(), node.span);
        name
    }

    /// A key that must be there.
    pub(super) fn required<'n>(
        &mut self,
        object: &'n Node,
        key: &'static str,
        what: &str,
    ) -> Option<&'n Node> {
        let node = object.get(key);
        let misspelt = self.misspelt.contains(&(object.span, key));
        if node.is_none() && object.is_map() && !misspelt {
            let at = object
                .entry(key)
                .map_or(object.span, |entry| entry.key.span);
            let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) {
                "an"
            } else {
                "a"
            };
            self.push(Problem::error(
                at,
                format!("{article} {what} needs `{key}`"),
            ));
        }
        node
    }

    /// The index of a name among `known`, or a problem that says what was probably meant.
    pub(super) fn lookup(
        &mut self,
        name: &str,
        place: impl Into<Place>,
        what: &str,
        known: &[String],
    ) -> Option<usize> {
        let found = known.iter().position(|other| other == name);
        if found.is_none() {
            let problem = Problem::error(place, format!("no {what} is named `{name}`"));
            let real = || {
                known
                    .iter()
                    .map(String::as_str)
                    .filter(|name| !name.starts_with('\0'))
            };
            let problem = match suggest::closest(name, real()) {
                Some(meant) => problem.meant(Some(meant)),
                None if known.is_empty() => problem.label(format!("there is no {what} at all")),
                None if known.len() <= 8 => {
                    problem.help(format!("known: {}", real().collect::<Vec<_>>().join(", ")))
                }
                None => problem,
            };
            self.push(problem);
        }
        found
    }

    /// Patterns of names, each given once.
    pub(super) fn globs(&mut self, node: Option<&Node>, what: &str) -> Vec<(Glob, Span)> {
        let mut globs: Vec<(Glob, Span)> = Vec::new();
        for item in node.map_or(&[][..], Node::items) {
            let Some(pattern) = self.string(item) else {
                continue;
            };
            if let Some(fault) = name_fault(&pattern.replace('*', "x"), NameOf::Model) {
                self.push(Problem::error(
                    item.span,
                    format!("the {what} `{pattern}` {fault}"),
                ));
            }
            if let Some((_, first)) = globs.iter().find(|(other, _)| other.pattern() == pattern) {
                let problem =
                    Problem::error(item.span, format!("the {what} `{pattern}` is given twice"));
                self.push(problem.label("again here").earlier(*first, "first here"));
                continue;
            }
            globs.push((Glob::new(pattern), item.span));
        }
        globs
    }
}
