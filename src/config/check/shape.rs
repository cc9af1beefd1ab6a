//! The shape of the tree against the tables of `keys`: unknown keys, a list where a mapping belongs.
//!
//! It also notes which spans hold a secret, so that no report shows one.

use super::Check;
use super::keys;
use super::pingora::{Kind, TOP};
use super::section::{self, Section, Shape};
use crate::config::file::{Entry, Node, Value};
use crate::config::hidden;
use crate::config::report::{Problem, names_a_secret};
use crate::config::suggest;
use crate::ir::Format;

impl Check<'_> {
    pub(in crate::config) fn shape(&mut self, root: &Node) {
        self.shape_of(root, Shape::Table(&TOP));
    }

    fn shape_of(&mut self, node: &Node, shape: Shape) {
        if node.is_null() {
            return;
        }
        match shape {
            Shape::Any => {}
            Shape::Value => self.expect(node, node.is_single(), "a single value"),
            Shape::Scheme => {
                if node.text().is_some_and(hidden::is_secret_scheme) {
                    self.keep_secret(node);
                }
                self.expect(node, node.is_single(), "a single value");
            }
            Shape::Headers => {
                self.expect(node, node.is_map(), "a mapping");
                for entry in node.entries() {
                    let said = entry.node.text().unwrap_or_default();
                    if hidden::is_secret_header(&entry.key.text, said) {
                        self.keep_secret(&entry.node);
                    }
                    self.named(entry, Shape::Value);
                }
            }
            Shape::Secret | Shape::Guarded => {
                self.keep_secret(node);
                self.expect(node, node.is_single(), "a single value");
            }
            Shape::Table(section) => self.table(node, section),
            Shape::List(of) => {
                self.expect(node, node.is_list(), "a list");
                node.items().iter().for_each(|item| self.item(item, *of));
            }
            Shape::Names => {
                self.expect(node, node.is_map(), "a mapping");
                node.entries()
                    .iter()
                    .for_each(|entry| self.named(entry, Shape::Value));
            }
            Shape::NamesOf(of) => {
                self.expect(node, node.is_map(), "a mapping");
                node.entries()
                    .iter()
                    .for_each(|entry| self.named(entry, *of));
            }
            Shape::Either(shapes) => self.either(node, shapes),
            Shape::PerFormat(of) => self.per_format(node, *of),
            Shape::Pingora(Kind::Ipv4List | Kind::Ipv6List) => {
                self.shape_of(node, Shape::List(&Shape::Value))
            }
            Shape::Pingora(_) => self.shape_of(node, Shape::Value),
        }
    }

    fn item(&mut self, item: &Node, shape: Shape) {
        if item.is_null() {
            self.push(Problem::error(item.span, "an item of this list is empty"));
        }
        self.shape_of(item, shape);
    }

    fn table(&mut self, node: &Node, section: &'static Section) {
        self.expect(node, node.is_map(), "a mapping");
        for entry in node.entries() {
            match section.key(&entry.key.text) {
                Some(key) => self.shape_of(&entry.node, key.shape),
                None => self.unknown(node, entry, section),
            }
        }
    }

    fn unknown(&mut self, object: &Node, entry: &Entry, section: &'static Section) {
        let key = &entry.key;
        let known = || section.keys.iter().map(|key| key.name);
        let synonym = keys::SYNONYMS.iter().find(|(other, ours)| {
            key.text.eq_ignore_ascii_case(other) && section.key(ours).is_some()
        });
        let meant = synonym
            .map(|(_, ours)| *ours)
            .or_else(|| suggest::closest(&key.text, known()));
        if names_a_secret(&key.text) || meant.is_some_and(names_a_secret) {
            self.keep_secret(&entry.node);
        }
        let problem = Problem::error(
            key.span,
            format!("unknown key `{}` {}", key.text, section.place),
        );
        let problem = match (meant, section::homes(&key.text).as_slice()) {
            (Some(meant), _) => {
                self.misspelt.push((object.span, meant));
                problem.meant(Some(meant))
            }
            (None, [home, ..]) => problem.label(format!("this belongs {home}")),
            (None, []) => problem.help(format!(
                "known here: {}",
                known().collect::<Vec<_>>().join(", ")
            )),
        };
        self.push(problem);
    }

    /// A key of the reader's own choosing.
    fn named(&mut self, entry: &Entry, shape: Shape) {
        if names_a_secret(&entry.key.text) {
            self.keep_secret(&entry.node);
        }
        if entry.node.is_null() && !matches!(shape, Shape::Any) {
            self.push(Problem::error(
                entry.key.span,
                format!("`{}` has no value", entry.key.text),
            ));
        }
        self.shape_of(&entry.node, shape);
    }

    fn either(&mut self, node: &Node, shapes: &[Shape]) {
        let fits = |shape: &&Shape| match shape {
            Shape::Table(_) | Shape::NamesOf(_) => node.is_map(),
            Shape::List(_) => node.is_list(),
            _ => node.is_single(),
        };
        match shapes.iter().find(fits) {
            Some(shape) => self.shape_of(node, *shape),
            None => {
                let kinds = shapes.iter().map(|shape| match shape {
                    Shape::Table(_) | Shape::NamesOf(_) => "a mapping",
                    Shape::List(_) => "a list",
                    _ => "a single value",
                });
                let kinds: Vec<&str> = kinds.collect();
                self.expect(node, false, &kinds.join(" or "));
            }
        }
    }

    fn per_format(&mut self, node: &Node, shape: Shape) {
        let by_format = is_per_format(node) || (node.is_map() && matches!(shape, Shape::Value));
        if !by_format {
            return self.shape_of(node, shape);
        }
        for entry in node.entries() {
            if Format::from_name(&entry.key.text).is_none() {
                let problem = Problem::error(
                    entry.key.span,
                    format!("unknown format `{}`", entry.key.text),
                );
                self.push(problem.among(
                    &entry.key.text,
                    Format::ALL.iter().map(|format| format.name()),
                ));
            }
            self.shape_of(&entry.node, shape);
        }
    }

    fn expect(&mut self, node: &Node, fits: bool, what: &str) {
        if fits {
            return;
        }
        let mut problem =
            Problem::error(node.span, format!("expected {what}, found {}", node.kind()));
        if what == "a list" && node.is_single() {
            problem = problem.label("put it in [ ]");
        }
        self.push(problem);
    }

    /// Notes every scalar below as one that is not shown, unless it only refers to a secret.
    fn keep_secret(&mut self, node: &Node) {
        match &node.value {
            Value::Null | Value::Unknown => {}
            Value::Scalar(scalar) => {
                let refers = scalar.filled
                    || scalar.text.starts_with("file:")
                    || scalar.text.contains("${")
                    || scalar.text == "passthrough";
                if !refers {
                    self.secrets.push(node.span);
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.keep_secret(item)),
            Value::Map(entries) => entries
                .iter()
                .for_each(|entry| self.keep_secret(&entry.node)),
        }
    }
}

/// Whether a mapping is one from formats to values, rather than a value that happens to be a mapping.
pub(in crate::config) fn is_per_format(node: &Node) -> bool {
    node.entries()
        .iter()
        .any(|entry| Format::from_name(&entry.key.text).is_some())
}
