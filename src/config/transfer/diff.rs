//! What an import would change: object by object, field by field, with secrets masked.

use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

use super::tree;
use crate::config::hidden;
use crate::config::objects::{Declared, Home, Kind, Object};
use crate::config::text::Text;
use crate::config::yaml;

/// What becomes of objects that an import does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They stay.
    #[default]
    Merge,
    /// They go.
    Replace,
}

/// What would change. Its text is for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    pub mode: Mode,
    /// In the order of what comes, then what goes.
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub kind: &'static str,
    pub name: String,
    pub what: What,
    /// File or environment have the name as well: the object will count for nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shadowed: bool,
    /// What differs; all of it where the object is added or removed.
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Added,
    Changed,
    Removed,
    Same,
}

/// A value of an object, its secrets masked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// `endpoints[0].weight`; empty: the object itself.
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
    /// What is shown of both is the same: they differ in a secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// Compares the objects of the database with those that come, both with their secrets. `declared` is what holds now.
pub fn diff(now: &[Object], coming: &[Object], mode: Mode, declared: &[Declared]) -> Diff {
    let is = |one: &Object, other: &Object| one.kind == other.kind && one.name == other.name;
    let mut changes: Vec<Change> = coming
        .iter()
        .map(|object| {
            let before = now.iter().find(|other| is(other, object));
            let outside = declared.iter().find(|one| {
                matches!(one.home, Home::File | Home::Environment)
                    && one.kind == object.kind
                    && one.name == object.name
            });
            let mut change = change(object, (before, Some(object)), outside.is_some());
            // What the file says already need not be written beside it.
            if before.is_none() && outside.is_some_and(|one| one.body == Both::of(object).real) {
                change.what = What::Same;
                change.fields.clear();
            }
            change
        })
        .collect();
    if mode == Mode::Replace {
        let gone = now
            .iter()
            .filter(|object| !coming.iter().any(|other| is(other, object)));
        changes.extend(gone.map(|object| change(object, (Some(object), None), false)));
    }
    Diff { mode, changes }
}

fn change(
    named: &Object,
    (before, after): (Option<&Object>, Option<&Object>),
    shadowed: bool,
) -> Change {
    let (before, after) = (before.map(Both::of), after.map(Both::of));
    let mut fields = Vec::new();
    compare("", (before.as_ref(), after.as_ref()), &mut fields);
    let what = match (&before, &after) {
        (None, _) => What::Added,
        (_, None) => What::Removed,
        _ if fields.is_empty() => What::Same,
        _ => What::Changed,
    };
    Change {
        kind: named.kind.name(),
        name: named.name.clone(),
        what,
        shadowed,
        fields,
    }
}

/// A value as it is, and as it is shown.
#[derive(Clone)]
struct Both {
    real: Json,
    shown: Json,
}

impl Both {
    fn of(object: &Object) -> Both {
        let (root, _) = yaml::parse(&Text::new("", object.body.as_str()));
        let real = root.map_or(Json::Null, |root| match object.kind {
            Kind::Setting => tree::json_under(&object.name, &root),
            _ => tree::json(&root),
        });
        let shown = hidden::hide(object.kind, &object.name, &real).shown;
        Both { real, shown }
    }

    fn member(&self, name: &str) -> Option<Both> {
        Some(Both {
            real: self.real.get(name)?.clone(),
            shown: self.shown.get(name)?.clone(),
        })
    }

    fn item(&self, at: usize) -> Option<Both> {
        Some(Both {
            real: self.real.get(at)?.clone(),
            shown: self.shown.get(at)?.clone(),
        })
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.real
            .as_object()
            .into_iter()
            .flat_map(|members| members.keys())
    }

    fn len(&self) -> usize {
        self.real.as_array().map_or(0, Vec::len)
    }

    /// A list whose items have members of their own.
    fn is_list_of_objects(&self) -> bool {
        let items = self.real.as_array();
        items.is_some_and(|items| !items.is_empty() && items.iter().all(Json::is_object))
    }
}

fn compare(path: &str, (before, after): (Option<&Both>, Option<&Both>), fields: &mut Vec<Field>) {
    let any = |test: fn(&Both) -> bool| before.is_some_and(test) || after.is_some_and(test);
    let all = |test: fn(&Both) -> bool| before.is_none_or(test) && after.is_none_or(test);
    if before.map(|both| &both.real) == after.map(|both| &both.real) {
        return;
    }
    if any(|both| both.real.is_object()) && all(|both| both.real.is_object()) {
        // Members stand in the order of their names, `name` first.
        let names = |both: Option<&Both>| {
            both.map_or_else(Vec::new, |both| both.names().cloned().collect())
        };
        let mut all: Vec<String> = [names(before), names(after)].concat();
        all.sort_by_key(|name| (name != "name", name.clone()));
        all.dedup();
        for name in &all {
            let below = match path.is_empty() {
                true => name.clone(),
                false => format!("{path}.{name}"),
            };
            let of = |both: Option<&Both>| both.and_then(|both| both.member(name));
            compare(&below, (of(before).as_ref(), of(after).as_ref()), fields);
        }
        return;
    }
    if before.is_some() && after.is_some() && all(Both::is_list_of_objects) {
        let most = before.map_or(0, Both::len).max(after.map_or(0, Both::len));
        for at in 0..most {
            let of = |both: Option<&Both>| both.and_then(|both| both.item(at));
            let (before, after) = (of(before), of(after));
            let below = format!("{path}[{at}]");
            match before.is_some() && after.is_some() {
                true => compare(&below, (before.as_ref(), after.as_ref()), fields),
                // A whole item that comes or goes is one field.
                false => fields.push(field(&below, before.as_ref(), after.as_ref())),
            }
        }
        return;
    }
    fields.push(field(path, before, after));
}

fn field(path: &str, before: Option<&Both>, after: Option<&Both>) -> Field {
    let shown = |both: Option<&Both>| both.map(|both| both.shown.clone());
    Field {
        path: path.to_owned(),
        secret: shown(before) == shown(after),
        before: shown(before),
        after: shown(after),
    }
}

impl Diff {
    pub fn count(&self, what: What) -> usize {
        self.changes
            .iter()
            .filter(|change| change.what == what)
            .count()
    }

    /// Whether the import would change nothing.
    pub fn is_empty(&self) -> bool {
        self.count(What::Same) == self.changes.len()
    }

    /// `2 added, 1 changed, 5 the same`
    pub fn summary(&self) -> String {
        let parts = [
            (What::Added, "added"),
            (What::Changed, "changed"),
            (What::Removed, "removed"),
            (What::Same, "the same"),
        ];
        let counted = parts.iter().map(|(what, word)| (self.count(*what), word));
        let said: Vec<String> = counted
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        match said.is_empty() {
            true => "nothing to import".to_owned(),
            false => said.join(", "),
        }
    }
}

/// For a terminal: what is the same is only counted.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in self
            .changes
            .iter()
            .filter(|change| change.what != What::Same)
        {
            let sign = match change.what {
                What::Added => '+',
                What::Removed => '-',
                What::Changed | What::Same => '~',
            };
            write!(
                f,
                "{sign} {} {}",
                change.kind.replace('_', " "),
                change.name
            )?;
            match change.shadowed {
                true => writeln!(
                    f,
                    " (the file or the environment has it as well, and holds)"
                )?,
                false => writeln!(f)?,
            }
            for field in &change.fields {
                let path = match field.path.as_str() {
                    "name" if change.what != What::Changed => continue,
                    "" => String::new(),
                    path => format!("{path}: "),
                };
                let shown =
                    |value: &Option<Json>| value.as_ref().map_or("nothing".to_owned(), plain);
                match (change.what, &field.before) {
                    (What::Added, _) => writeln!(f, "    {path}{}", shown(&field.after))?,
                    (What::Removed, before) => writeln!(f, "    {path}{}", shown(before))?,
                    (_, before) if field.secret => {
                        writeln!(f, "    {path}{} (another secret)", shown(before))?
                    }
                    _ => writeln!(
                        f,
                        "    {path}{} → {}",
                        shown(&field.before),
                        shown(&field.after)
                    )?,
                }
            }
        }
        writeln!(f, "{}", self.summary())
    }
}

/// On one line, without the quotes that nobody needs.
fn plain(value: &Json) -> String {
    let many = |parts: Vec<String>, (open, close): (&str, &str)| match parts.is_empty() {
        true => [open, close].concat(),
        false => format!("{open} {} {close}", parts.join(", ")),
    };
    match value {
        Json::String(text) if !text.is_empty() && !text.contains(char::is_control) => text.clone(),
        Json::Array(items) => many(items.iter().map(plain).collect(), ("[", "]")),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| format!("{name}: {}", plain(value));
            many(members.iter().map(member).collect(), ("{", "}"))
        }
        other => other.to_string(),
    }
}
