//! The configuration as written: the YAML tree with the position of every key and value.
//!
//! A mapping is a list of entries in the order of the file: a key that stands twice is kept and reported, not lost.
//! Scalars stay text: what is a number or a duration is decided by who reads them, so that `1.0` may be a model's name.

use serde_json::{Number, Value as Json};

use super::text::Span;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing, `~` or `null`: as if the key were absent.
    Null,
    Scalar(Scalar),
    /// A single value whose variables could not be filled in, which was reported: nobody knows what it would be.
    Unknown,
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub text: String,
    /// Written in quotes or as a block: text, whatever it looks like.
    pub quoted: bool,
    /// A variable was filled in: it may be read as a number even in quotes, since `{ a: ${B} }` needs them.
    pub filled: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Key,
    pub node: Node,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub text: String,
    pub span: Span,
}

impl Node {
    /// The value of a key, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key)
            .map(|entry| &entry.node)
            .filter(|node| !node.is_null())
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.text == key)
    }

    /// The entries of a mapping; none for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// Whether it is a single value, known or not.
    pub(super) fn is_single(&self) -> bool {
        matches!(self.value, Value::Scalar(_) | Value::Unknown)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// The same as JSON. What looks like a number is one only where it comes out as it went in.
    pub(super) fn as_written(&self) -> Json {
        match &self.value {
            Value::Null | Value::Unknown => Json::Null,
            Value::Scalar(scalar) => scalar.as_written(),
            Value::List(items) => items.iter().map(Node::as_written).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.text.clone(), entry.node.as_written()))
                .collect(),
        }
    }

    /// What it is, for a sentence: "found a list".
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) | Value::Unknown => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Calls `visit` on every scalar below, this one included.
    pub(super) fn scalars_mut(&mut self, visit: &mut dyn FnMut(Span, &mut Value)) {
        match &mut self.value {
            Value::Null | Value::Unknown => {}
            Value::Scalar(_) => visit(self.span, &mut self.value),
            Value::List(items) => items.iter_mut().for_each(|item| item.scalars_mut(visit)),
            Value::Map(entries) => entries
                .iter_mut()
                .for_each(|entry| entry.node.scalars_mut(visit)),
        }
    }
}

impl Scalar {
    /// Text where it is no number, and no truth, that JSON writes the same.
    pub(super) fn as_written(&self) -> Json {
        let text = self.text.as_str();
        if self.quoted {
            return Json::from(text);
        }
        let same = |number: &Number| number.to_string() == text;
        let whole = text.parse::<i64>().ok().map(Number::from);
        let number = whole.or_else(|| text.parse().ok().and_then(Number::from_f64));
        match (text, number.filter(same)) {
            ("true", _) => Json::Bool(true),
            ("false", _) => Json::Bool(false),
            (_, Some(number)) => Json::Number(number),
            (_, None) => Json::from(text),
        }
    }

    /// What a scalar stands for where nothing is quoted: `~`, `null` and the empty text are nothing.
    pub(super) fn means_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}
