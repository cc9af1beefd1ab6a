//! What is declared beside the file: objects that somebody made while the gateway ran, kept in a database.
//!
//! They are written as the file is, one object a text, and join the file's tree before anything is checked: the same rules
//! hold for both. The file wins: an object whose name the file has as well is left out, and told to be shadowed.

use serde_json::Value as Json;

use super::file::{Entry, Key, Node, Value};
use super::text::{Origin, Span, Text};

/// What an object is, by the section that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Provider,
    Model,
    Route,
    ClientKey,
    Tenant,
    /// What a model costs.
    Price,
    /// A key of `gateway` that is no list of objects.
    Setting,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Provider,
        Kind::Model,
        Kind::Route,
        Kind::ClientKey,
        Kind::Tenant,
        Kind::Price,
        Kind::Setting,
    ];

    /// As an object of this kind is called, in sentences and as a key.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Provider => "provider",
            Kind::Model => "model",
            Kind::Route => "route",
            Kind::ClientKey => "client_key",
            Kind::Tenant => "tenant",
            Kind::Price => "price",
            Kind::Setting => "setting",
        }
    }

    pub fn of_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The key of `gateway` under which the file declares them.
    pub(super) fn section(self) -> Option<&'static str> {
        match self {
            Kind::Provider => Some("providers"),
            Kind::Model => Some("models"),
            Kind::Route => Some("routes"),
            Kind::ClientKey => Some("client_keys"),
            Kind::Tenant => Some("tenants"),
            Kind::Price => Some("prices"),
            Kind::Setting => None,
        }
    }

    /// Whether the section is a mapping from names, and no list of objects that hold theirs.
    fn is_named_outside(self) -> bool {
        matches!(self, Kind::Price | Kind::Setting)
    }
}

/// An object as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    pub kind: Kind,
    pub name: String,
    /// What the file would say at its place, as YAML or JSON; of prices and settings what stands behind the name.
    pub body: String,
}

impl Object {
    /// Why this cannot be a setting in the database: what to do instead.
    pub(super) fn is_no_setting(&self) -> Option<&'static str> {
        let sections = Kind::ALL.into_iter().filter_map(Kind::section);
        match &*self.name {
            _ if self.kind != Kind::Setting => None,
            "data" | "database" => Some(
                "the gateway needs it before it can read its database: it stands in the file, or in the environment",
            ),
            name => sections
                .into_iter()
                .any(|section| section == name)
                .then_some("each of these is an object of its own"),
        }
    }
}

/// Without the body, which may hold secrets.
impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.kind.name(), self.name)
    }
}

/// Where something of a configuration was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    File,
    /// A vendor whose key stands in the environment, where the file declares no provider.
    Environment,
    Database,
    /// Nobody has declared it: it is there while nothing else has its name.
    BuiltIn,
    /// In the database, but file or environment have the name as well: it counts for nothing.
    Shadowed,
}

/// Something that a configuration declares by a name.
#[derive(Clone, PartialEq, Eq)]
pub struct Declared {
    pub kind: Kind,
    pub name: String,
    pub home: Home,
    /// As it is written there, with variables unfilled; secrets may stand in it.
    pub body: Json,
}

/// Without the body, which may hold secrets.
impl std::fmt::Debug for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Declared {
            kind, name, home, ..
        } = self;
        write!(f, "{} {name:?} of {home:?}", kind.name())
    }
}

/// An object whose text has been read.
pub(super) struct Read {
    pub kind: Kind,
    pub name: String,
    /// As it is written, and with its variables filled in.
    pub written: Json,
    pub node: Node,
}

/// An object's text, under the name by which it is shown.
pub(super) fn text_of(object: &Object, nth: u32) -> Text {
    let name = format!("database: {} `{}`", object.kind.name(), object.name);
    Text::of(Origin::Object(nth), name, object.body.as_str())
}

/// Puts objects into the file's tree, behind what the file says; what the whole declares then. `written` is the tree with
/// variables unfilled; `vendors` are the providers of the environment.
pub(super) fn join<'v>(
    (written, root): (Option<&Node>, &mut Option<Node>),
    objects: Vec<Read>,
    vendors: impl Iterator<Item = &'v str>,
) -> Vec<Declared> {
    let gateway = root.as_ref().and_then(|root| root.get("gateway"));
    let written = written.and_then(|root| root.get("gateway"));
    let mut declared = match (gateway, written) {
        (Some(gateway), Some(written)) => of_file(gateway, written),
        _ => Vec::new(),
    };
    if gateway.is_none_or(|gateway| gateway.get("providers").is_none()) {
        declared.extend(vendors.map(|name| Declared {
            kind: Kind::Provider,
            name: name.to_owned(),
            home: Home::Environment,
            body: Json::Null,
        }));
    }
    let Some(first) = objects.first() else {
        return declared;
    };
    let span = first.node.span;
    let root = root.get_or_insert_with(|| map(span));
    let Some(gateway) = slot(root, "gateway", (span, map)) else {
        return declared;
    };
    for object in objects {
        let taken = |other: &Declared| {
            matches!(other.home, Home::File | Home::Environment)
                && other.kind == object.kind
                && other.name == object.name
        };
        let home = match declared.iter().any(taken) {
            true => Home::Shadowed,
            false => Home::Database,
        };
        declared.push(Declared {
            kind: object.kind,
            name: object.name.clone(),
            home,
            body: object.written.clone(),
        });
        if home == Home::Database {
            put(gateway, object);
        }
    }
    declared
}

/// What the file declares: names as they are meant, bodies as they are written. Routes need no name, and get one here.
fn of_file(gateway: &Node, written: &Node) -> Vec<Declared> {
    let mut declared = Vec::new();
    let mut add = |kind, name: &str, node: &Node| {
        declared.push(Declared {
            kind,
            name: name.to_owned(),
            home: Home::File,
            body: node.as_written(),
        });
    };
    for kind in Kind::ALL {
        let Some((section, written)) = kind
            .section()
            .and_then(|section| gateway.get(section).zip(written.get(section)))
        else {
            continue;
        };
        if kind.is_named_outside() {
            let entries = written.entries().iter();
            entries.for_each(|entry| add(kind, &entry.key.text, &entry.node));
        } else {
            for (nth, (item, written)) in section.items().iter().zip(written.items()).enumerate() {
                match item.get("name").and_then(Node::text) {
                    Some(name) => add(kind, name, written),
                    None if kind == Kind::Route => add(kind, &format!("#{}", nth + 1), written),
                    None => {}
                }
            }
        }
    }
    let sections: Vec<&str> = Kind::ALL.into_iter().filter_map(Kind::section).collect();
    let settings = written.entries().iter();
    settings
        .filter(|entry| !sections.contains(&&*entry.key.text) && !entry.node.is_null())
        .for_each(|entry| add(Kind::Setting, &entry.key.text, &entry.node));
    declared
}

fn put(gateway: &mut Node, object: Read) {
    let span = object.node.span;
    let named = |name: String, node| Entry {
        key: Key { text: name, span },
        node,
    };
    let Some(section) = object.kind.section() else {
        if let Value::Map(entries) = &mut gateway.value {
            entries.retain(|entry| entry.key.text != object.name);
            entries.push(named(object.name, object.node));
        }
        return;
    };
    let empty = match object.kind.is_named_outside() {
        true => map,
        false => list,
    };
    match slot(gateway, section, (span, empty)).map(|section| &mut section.value) {
        Some(Value::List(items)) if !object.kind.is_named_outside() => items.push(object.node),
        Some(Value::Map(entries)) if object.kind.is_named_outside() => {
            entries.push(named(object.name, object.node));
        }
        // What stands there is wrong, and said to be by the check.
        _ => {}
    }
}

/// The value of a key of a mapping; where there is none it is made, as if it stood where the object stands.
fn slot<'n>(
    node: &'n mut Node,
    key: &str,
    (span, empty): (Span, fn(Span) -> Node),
) -> Option<&'n mut Node> {
    let Value::Map(entries) = &mut node.value else {
        return None;
    };
    let at = match entries.iter().position(|entry| entry.key.text == key) {
        Some(at) => at,
        None => {
            let key = Key {
                text: key.to_owned(),
                span,
            };
            entries.push(Entry {
                key,
                node: empty(span),
            });
            entries.len() - 1
        }
    };
    let node = &mut entries.get_mut(at)?.node;
    if node.is_null() {
        *node = empty(span);
    }
    Some(node)
}

fn map(span: Span) -> Node {
    Node {
        span,
        value: Value::Map(Vec::new()),
    }
}

fn list(span: Span) -> Node {
    Node {
        span,
        value: Value::List(Vec::new()),
    }
}

/// The path from an object to what a span in it is about: `keys[0].value`; empty for the object itself.
pub(super) fn path_to(node: &Node, span: Span) -> String {
    let mut path = String::new();
    let mut node = node;
    let holds = |of: Span| of.origin == span.origin && of.start <= span.start && span.end <= of.end;
    loop {
        let next = match &node.value {
            Value::Map(entries) => entries
                .iter()
                .find(|entry| holds(entry.key.span) || holds(entry.node.span))
                .map(|entry| {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&entry.key.text);
                    (&entry.node, holds(entry.key.span))
                }),
            Value::List(items) => {
                let found = items.iter().enumerate().find(|(_, item)| holds(item.span));
                found.map(|(at, item)| {
                    path.push_str(&format!("[{at}]"));
                    (item, false)
                })
            }
            Value::Null | Value::Scalar(_) | Value::Unknown => None,
        };
        match next {
            Some((below, false)) => node = below,
            Some((_, true)) | None => return path,
        }
    }
}
