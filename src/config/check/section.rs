//! What may stand where in a configuration file: sections, their keys and the shapes of these.

use super::keys::GATEWAY;
use super::pingora;

/// A mapping with known keys.
pub(crate) struct Section {
    /// For messages: "unknown key `x` {place}".
    pub place: &'static str,
    pub keys: &'static [Key],
}

pub(crate) struct Key {
    pub name: &'static str,
    pub shape: Shape,
}

/// What may stand at a place.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// A single value.
    Value,
    /// A single value that is never shown.
    Secret,
    /// A single value that is no secret but could be one by mistake: reports do not show it.
    Guarded,
    Table(&'static Section),
    /// A list of these.
    List(&'static Shape),
    /// A mapping whose keys are the reader's own, to single values: header names, provider names.
    Names,
    /// The same, to these.
    NamesOf(&'static Shape),
    /// Names of headers and their values, most of which are secrets.
    Headers,
    /// How a key is said in a header: a secret where more than a scheme stands beside it.
    Scheme,
    /// A single value or one of the others, by the kind of the node.
    Either(&'static [Shape]),
    /// Either this, or a mapping from format names to this.
    PerFormat(&'static Shape),
    /// Whatever YAML can say that JSON can.
    Any,
    /// One of Pingora's own settings.
    Pingora(pingora::Kind),
}

pub(super) const fn value(name: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Value,
    }
}

pub(super) const fn table(name: &'static str, section: &'static Section) -> Key {
    Key {
        name,
        shape: Shape::Table(section),
    }
}

pub(super) const fn list(name: &'static str, of: &'static Shape) -> Key {
    Key {
        name,
        shape: Shape::List(of),
    }
}

pub(super) const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, shape }
}

impl Section {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// The sections in which a key of this name may stand, outermost first.
pub(super) fn homes(name: &str) -> Vec<&'static str> {
    let mut homes = Vec::new();
    each_section(&GATEWAY, &mut |section| {
        if section.key(name).is_some() && !homes.contains(&section.place) {
            homes.push(section.place);
        }
    });
    homes
}

fn each_section(section: &'static Section, visit: &mut dyn FnMut(&'static Section)) {
    visit(section);
    for key in section.keys {
        each_shape(key.shape, visit);
    }
}

fn each_shape(shape: Shape, visit: &mut dyn FnMut(&'static Section)) {
    match shape {
        Shape::Table(section) => each_section(section, visit),
        Shape::List(of) | Shape::PerFormat(of) | Shape::NamesOf(of) => each_shape(*of, visit),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| each_shape(*shape, visit)),
        Shape::Value
        | Shape::Secret
        | Shape::Guarded
        | Shape::Names
        | Shape::Headers
        | Shape::Scheme
        | Shape::Any
        | Shape::Pingora(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::SYNONYMS;
    use super::super::pingora::TOP;
    use super::*;
    use crate::config::file::Node;
    use crate::config::text::Text;
    use crate::config::yaml;

    /// Strikes the keys that stand in a tree off the list of all.
    fn strike(node: &Node, shape: Shape, missing: &mut Vec<(&'static str, &'static str)>) {
        match shape {
            Shape::Table(section) => {
                for entry in node.entries() {
                    let key = section.key(&entry.key.text).unwrap();
                    missing.retain(|known| *known != (section.place, key.name));
                    strike(&entry.node, key.shape, missing);
                }
            }
            Shape::List(of) => node
                .items()
                .iter()
                .for_each(|item| strike(item, *of, missing)),
            Shape::PerFormat(of) if super::super::shape::is_per_format(node) => {
                node.entries()
                    .iter()
                    .for_each(|entry| strike(&entry.node, *of, missing));
            }
            Shape::PerFormat(of) => strike(node, *of, missing),
            Shape::Either(shapes) => shapes
                .iter()
                .for_each(|shape| strike(node, *shape, missing)),
            Shape::NamesOf(of) => node
                .entries()
                .iter()
                .for_each(|entry| strike(&entry.node, *of, missing)),
            _ => {}
        }
    }

    #[test]
    fn the_full_example_shows_every_key() {
        let example = include_str!("../../../conf/full.yaml");
        let (root, _) = yaml::parse(&Text::new("full.yaml", example));
        let mut missing = Vec::new();
        each_section(&TOP, &mut |section| {
            missing.extend(section.keys.iter().map(|key| (section.place, key.name)))
        });
        strike(&root.unwrap(), Shape::Table(&TOP), &mut missing);
        // What cannot be shown in place is shown in comments: what needs files.
        let comments: Vec<&str> = example
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("# "))
            .collect();
        missing.retain(|(_, name)| {
            !comments
                .iter()
                .any(|line| line.contains(&format!("{name}:")))
        });
        missing.retain(|(_, name)| *name != "s2n_config_cache_size");
        assert!(missing.is_empty(), "not in conf/full.yaml: {missing:?}");
    }

    #[test]
    fn every_synonym_leads_to_a_key() {
        for (other, ours) in SYNONYMS {
            assert!(!homes(ours).is_empty(), "{other} -> {ours}");
        }
    }
}
