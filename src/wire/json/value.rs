use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::document::{Node, Tag};
use crate::ir::{At, Json, Said, Str};

/// A value in a document. `'a` is the text's life, `'d` the document's: what is taken out borrows from the text alone.
#[derive(Debug, Clone, Copy)]
pub struct Value<'d, 'a> {
    text: &'a str,
    nodes: &'d [Node],
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Object,
}

/// A value is not what its place calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    pub at: At,
    /// What is called for: "a string".
    pub wanted: &'static str,
}

impl<'d, 'a> Value<'d, 'a> {
    pub(super) fn root(text: &'a str, nodes: &'d [Node]) -> Value<'d, 'a> {
        Value { text, nodes, at: 0 }
    }

    /// The outermost value of its document.
    pub fn outermost(self) -> Value<'d, 'a> {
        Value { at: 0, ..self }
    }

    /// Where it stands.
    pub fn at(self) -> At {
        At(self.node().start)
    }

    pub fn kind(self) -> Kind {
        match self.node().tag {
            Tag::Null => Kind::Null,
            Tag::False | Tag::True => Kind::Bool,
            Tag::Number => Kind::Number,
            Tag::Plain | Tag::Escaped => Kind::Text,
            Tag::List => Kind::List,
            Tag::Object => Kind::Object,
        }
    }

    pub fn is_null(self) -> bool {
        self.node().tag == Tag::Null
    }

    /// As it is written.
    pub fn raw(self) -> &'a str {
        let node = self.node();
        self.text
            .get(node.start as usize..node.end as usize)
            .unwrap_or_default()
    }

    /// The value as a piece of JSON.
    pub fn json(self) -> Json<'a> {
        Json(Cow::Borrowed(self.raw()))
    }

    /// The text of a string, escapes undone. Half a surrogate pair becomes U+FFFD: it stands for no character, and no
    /// vendor takes it.
    pub fn text(self) -> Option<Str<'a>> {
        let inner = || {
            self.raw()
                .get(1..self.raw().len().saturating_sub(1))
                .unwrap_or_default()
        };
        match self.node().tag {
            Tag::Plain => Some(Cow::Borrowed(inner())),
            Tag::Escaped => Some(Cow::Owned(unescaped(inner()))),
            _ => None,
        }
    }

    pub fn bool(self) -> Option<bool> {
        match self.node().tag {
            Tag::False => Some(false),
            Tag::True => Some(true),
            _ => None,
        }
    }

    /// A number that is whole and not negative, also as `12.0`.
    pub fn count(self) -> Option<u64> {
        if self.node().tag != Tag::Number {
            return None;
        }
        let raw = self.raw();
        raw.parse().ok().or_else(|| {
            let number: f64 = raw.parse().ok()?;
            let is_count = number.fract() == 0.0 && (0.0..9e15).contains(&number);
            is_count.then_some(number as u64)
        })
    }

    /// The items of an array; none of any other value.
    pub fn items(self) -> impl Iterator<Item = Value<'d, 'a>> {
        let is_list = self.node().tag == Tag::List;
        let mut at = self.at + 1;
        let end = if is_list {
            self.node().next as usize
        } else {
            at
        };
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let item = Value { at, ..self };
            at = item.node().next as usize;
            Some(item)
        })
    }

    /// The members of an object, in their order; none of any other value.
    pub fn members(self) -> impl Iterator<Item = (Str<'a>, Value<'d, 'a>)> {
        let is_object = self.node().tag == Tag::Object;
        let mut at = self.at + 1;
        let end = if is_object {
            self.node().next as usize
        } else {
            at
        };
        std::iter::from_fn(move || {
            if at + 1 >= end {
                return None;
            }
            let key = Value { at, ..self };
            let value = Value { at: at + 1, ..self };
            at = value.node().next as usize;
            Some((key.text().unwrap_or_default(), value))
        })
    }

    /// Where it stands in the text.
    pub fn span(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its members (from key to value) or items, each with where it stands.
    pub fn spans(self) -> Vec<Range<usize>> {
        let mut at = self.at + 1;
        let end = self.node().next as usize;
        let step = usize::from(self.kind() == Kind::Object);
        let mut spans = Vec::new();
        while at + step < end {
            let first = Value { at, ..self };
            let last = Value {
                at: at + step,
                ..self
            };
            spans.push(first.span().start..last.span().end);
            at = last.node().next as usize;
        }
        spans
    }

    /// The member of that name that is not null; the last one if there are several.
    pub fn member(self, name: &str) -> Option<Value<'d, 'a>> {
        let named = self.members().filter(|(key, _)| key == name);
        named
            .last()
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// The text of the member of that name.
    pub fn member_text(self, name: &str) -> Option<Str<'a>> {
        self.member(name).and_then(Value::text)
    }

    /// # Errors
    /// [`Misfit`] if it is no string.
    pub fn want_text(self) -> Result<Str<'a>, Misfit> {
        self.text().ok_or(self.misfit("a string"))
    }

    /// # Errors
    /// [`Misfit`] if it is no string.
    pub fn want_said(self) -> Result<Said<Str<'a>>, Misfit> {
        Ok(Said::new(self.at(), self.want_text()?))
    }

    /// # Errors
    /// [`Misfit`] if it is not true or false.
    pub fn want_bool(self) -> Result<Said<bool>, Misfit> {
        let value = self.bool().ok_or(self.misfit("true or false"))?;
        Ok(Said::new(self.at(), value))
    }

    /// # Errors
    /// [`Misfit`] if it is no whole number from 0 on.
    pub fn want_count(self) -> Result<Said<u64>, Misfit> {
        let value = self
            .count()
            .ok_or(self.misfit("a whole number, not negative"))?;
        Ok(Said::new(self.at(), value))
    }

    /// A number, as written.
    ///
    /// # Errors
    /// [`Misfit`] if it is none.
    pub fn want_number(self) -> Result<Said<Json<'a>>, Misfit> {
        match self.kind() {
            Kind::Number => Ok(Said::new(self.at(), self.json())),
            _ => Err(self.misfit("a number")),
        }
    }

    /// An object, as written.
    ///
    /// # Errors
    /// [`Misfit`] if it is none.
    pub fn want_json_object(self) -> Result<Said<Json<'a>>, Misfit> {
        Ok(Said::new(self.at(), self.want_object()?.json()))
    }

    /// # Errors
    /// [`Misfit`] if it is no object.
    pub fn want_object(self) -> Result<Value<'d, 'a>, Misfit> {
        match self.kind() {
            Kind::Object => Ok(self),
            _ => Err(self.misfit("an object")),
        }
    }

    /// # Errors
    /// [`Misfit`] if it is no array.
    pub fn want_list(self) -> Result<Value<'d, 'a>, Misfit> {
        match self.kind() {
            Kind::List => Ok(self),
            _ => Err(self.misfit("an array")),
        }
    }

    /// That the value is not what is called for.
    pub fn misfit(self, wanted: &'static str) -> Misfit {
        Misfit {
            at: self.at(),
            wanted,
        }
    }

    fn node(self) -> Node {
        const NOTHING: Node = Node {
            start: 0,
            end: 0,
            next: 0,
            tag: Tag::Null,
        };
        self.nodes.get(self.at).copied().unwrap_or(NOTHING)
    }
}

fn unescaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let mut after = rest.chars();
        match after.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                rest = after.as_str();
                out.push(unicode(&mut rest));
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    out
}

/// The character of `XXXX`, or of `XXXX\uXXXX` where the two are a surrogate pair.
fn unicode(rest: &mut &str) -> char {
    let high = four(rest);
    if (0xD800..0xDC00).contains(&high)
        && let Some(mut second) = rest.strip_prefix("\\u")
    {
        let low = four(&mut second);
        if (0xDC00..0xE000).contains(&low) {
            *rest = second;
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn four(rest: &mut &str) -> u32 {
    let digits = rest.get(..4).unwrap_or_default();
    *rest = rest.get(4..).unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or(0xFFFD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Document;

    #[test]
    fn members_and_items_come_in_order_and_borrow_what_has_no_escapes() {
        let text = br#"{"a":[1,"x",{"b":null}],"c\u0064":"e\n","a":2}"#;
        let mut document = Document::default();
        let value = document.read(text).unwrap();
        let keys: Vec<_> = value
            .members()
            .map(|(key, value)| (key.into_owned(), value.raw()))
            .collect();
        let expected = [
            ("a", "[1,\"x\",{\"b\":null}]"),
            ("cd", "\"e\\n\""),
            ("a", "2"),
        ];
        assert_eq!(keys, expected.map(|(key, raw)| (key.to_owned(), raw)));
        assert_eq!(value.member("a").unwrap().count(), Some(2));
        let list = value.members().next().unwrap().1;
        let items: Vec<_> = list.items().map(Value::raw).collect();
        assert_eq!(items, ["1", "\"x\"", "{\"b\":null}"]);
        assert!(matches!(
            list.items().nth(1).unwrap().text(),
            Some(Cow::Borrowed("x"))
        ));
        assert!(list.items().nth(2).unwrap().member("b").is_none());
    }

    #[test]
    fn escapes_are_undone_and_half_a_pair_is_no_character() {
        let text = br#""\ud83d\ude00 \u00e9 \/ \ud83d x \udc00""#;
        let mut document = Document::default();
        assert_eq!(
            document.read(text).unwrap().text().unwrap(),
            "😀 é / \u{fffd} x \u{fffd}"
        );
    }

    #[test]
    fn counts_are_whole_numbers() {
        for (text, count) in [
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1e3", Some(1000)),
            ("-1", None),
            ("1.5", None),
            ("\"1\"", None),
            ("null", None),
        ] {
            let mut document = Document::default();
            assert_eq!(
                document.read(text.as_bytes()).unwrap().count(),
                count,
                "{text}"
            );
        }
    }
}
