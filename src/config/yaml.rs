//! YAML text to tree, with positions.
//!
//! The parser (saphyr) gives events; this builds the tree from them, because a ready-made tree keeps the last of two equal keys and forgets the first.
//! Anchors, aliases and merge keys (`<<`) work; tags do not. Sizes are bounded: depth by [`MAX_DEPTH`], nodes (aliases are copies) by [`MAX_NODES`].

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::file::{Entry, Key, Node, Scalar, Value};
use super::report::Problem;
use super::syntax;
use super::text::{Span, Text};

/// Deeper nesting than any configuration has; recursion over the tree stays shallow.
const MAX_DEPTH: usize = 48;
/// A billion laughs end here.
const MAX_NODES: usize = 200_000;

/// The tree of the one document of a text, and what is wrong with it. `None`: nothing can be read (then there is a problem), or it is empty.
pub(super) fn parse(text: &Text) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder::new(text);
    let outcome = builder.run(text.body());
    let mut problems = builder.problems;
    match outcome {
        Ok(root) => (root, problems),
        Err(problem) => {
            problems.push(*problem);
            (None, problems)
        }
    }
}

type Fatal = Box<Problem>;

/// A list or mapping whose end has not come yet.
struct Open {
    start: usize,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map(Mapping),
}

#[derive(Default)]
struct Mapping {
    entries: Vec<Entry>,
    /// Where each key stands first.
    seen: HashMap<String, Span>,
    /// The key whose value comes next.
    key: Option<Key>,
}

struct Builder<'a> {
    text: &'a Text,
    /// Byte offset of every character: the parser counts characters.
    offsets: Vec<usize>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a Text) -> Builder<'a> {
        Builder {
            text,
            offsets: text.body().char_indices().map(|(at, _)| at).collect(),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            root: None,
            problems: Vec::new(),
        }
    }

    fn run(&mut self, body: &str) -> Result<Option<Node>, Fatal> {
        for event in Parser::new_from_str(body) {
            let (event, at) = event.map_err(|fault| self.syntax(&fault))?;
            let span = self.span(at.start, at.end);
            self.event(event, span)?;
        }
        Ok(self.root.take())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fatal> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => Err(fatal(
                span,
                "a second document starts here",
                "one file, one document: remove this `---`",
            )),
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || self.is_text(tag.as_deref(), span);
                let scalar = Scalar {
                    text: text.into_owned(),
                    quoted,
                    filled: false,
                };
                self.scalar(scalar, anchor, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_text(tag.as_deref(), span);
                self.opens(Inside::List(Vec::new()), anchor, span)
            }
            Event::MappingStart(anchor, tag) => {
                self.is_text(tag.as_deref(), span);
                self.opens(Inside::Map(Mapping::default()), anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.closes(span),
        }
    }

    fn scalar(&mut self, scalar: Scalar, anchor: usize, span: Span) -> Result<(), Fatal> {
        let span = self.trimmed(span);
        let value = if scalar.means_null() {
            Value::Null
        } else {
            Value::Scalar(scalar)
        };
        self.complete(Node { span, value }, anchor)
    }

    fn opens(&mut self, inside: Inside, anchor: usize, span: Span) -> Result<(), Fatal> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fatal(
                span,
                &format!("nested deeper than {MAX_DEPTH} levels"),
                "",
            ));
        }
        self.open.push(Open {
            start: span.start,
            anchor,
            inside,
        });
        Ok(())
    }

    fn closes(&mut self, span: Span) -> Result<(), Fatal> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.inside {
            Inside::List(items) => Value::List(items),
            Inside::Map(mapping) => Value::Map(self.merged(mapping.entries)),
        };
        let flow = matches!(self.text.slice(span), "]" | "}");
        let end = if flow { span.end } else { span.start };
        let span = self.trimmed(Span::new(span.origin, open.start, end.max(open.start)));
        self.complete(Node { span, value }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fatal> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(fatal(span, "this alias stands within what it names", ""));
        };
        self.nodes += size(&node);
        self.complete(node, 0)
    }

    /// Puts a whole node where it belongs: as key, value, item or root.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Fatal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(fatal(
                node.span,
                &format!("more than {MAX_NODES} values, aliases counted as what they stand for"),
                "",
            ));
        }
        if anchor > 0 {
            self.nodes += size(&node);
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map(mapping)) => match mapping.key.take() {
                Some(key) => mapping.push(Entry { key, node }, &mut self.problems),
                None => mapping.key = Some(key_of(&node)?),
            },
        }
        Ok(())
    }

    /// Merge keys: what `<<` brings in, where the mapping itself does not say it.
    fn merged(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let Some(at) = entries.iter().position(|entry| entry.key.text == "<<") else {
            return entries;
        };
        let merge = entries.remove(at);
        let sources: Vec<&Node> = match &merge.node.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![&merge.node],
        };
        let mut known: HashSet<String> =
            entries.iter().map(|entry| entry.key.text.clone()).collect();
        for source in sources {
            if !source.is_map() {
                let message = format!(
                    "`<<` takes a mapping or a list of mappings, not {}",
                    source.kind()
                );
                self.problems.push(Problem::error(source.span, message));
            }
            for entry in source.entries() {
                if known.insert(entry.key.text.clone()) {
                    self.nodes += size(&entry.node);
                    entries.push(entry.clone());
                }
            }
        }
        entries
    }

    /// Whether a tag makes a scalar text. Other tags are not understood.
    fn is_text(&mut self, tag: Option<&Tag>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        let known =
            tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "str" | "map" | "seq");
        if !known {
            let problem = Problem::error(self.trimmed(span), "tags are not understood here");
            self.problems
                .push(problem.help("write the value without its `!tag`"));
        }
        known && tag.suffix == "str"
    }

    fn syntax(&self, fault: &ScanError) -> Fatal {
        Box::new(syntax::explain(
            self.text,
            self.offset(fault.marker().index()),
            fault.info(),
        ))
    }

    fn offset(&self, character: usize) -> usize {
        self.offsets
            .get(character)
            .copied()
            .unwrap_or(self.text.body().len())
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        let (start, end) = (self.offset(start.index()), self.offset(end.index()));
        Span::new(self.text.origin, start, end.max(start))
    }

    /// Without the white space and the line breaks that the parser counts in.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.slice(span);
        Span {
            end: span.start + text.trim_end().len(),
            ..span
        }
    }
}

impl Mapping {
    fn push(&mut self, entry: Entry, problems: &mut Vec<Problem>) {
        let key = &entry.key;
        if let Some(first) = self.seen.get(&key.text) {
            let problem = Problem::error(key.span, format!("`{}` is given twice", key.text));
            problems.push(
                problem
                    .label("given again here")
                    .earlier(*first, "first given here"),
            );
            return;
        }
        self.seen.insert(key.text.clone(), key.span);
        self.entries.push(entry);
    }
}

fn key_of(node: &Node) -> Result<Key, Fatal> {
    let text = match &node.value {
        Value::Scalar(scalar) => scalar.text.clone(),
        Value::Null | Value::Unknown => String::new(),
        Value::List(_) | Value::Map(_) => {
            let help = "a value that begins with `{` or `[` must be quoted: \"${VAR}\"";
            return Err(fatal(
                node.span,
                &format!("a key must be text, not {}", node.kind()),
                help,
            ));
        }
    };
    Ok(Key {
        text,
        span: node.span,
    })
}

/// Nodes of a tree, to charge a copy of it.
fn size(node: &Node) -> usize {
    let items = node.items().iter().map(size).sum::<usize>();
    1 + items
        + node
            .entries()
            .iter()
            .map(|entry| size(&entry.node))
            .sum::<usize>()
}

fn fatal(span: Span, message: &str, help: &str) -> Fatal {
    let problem = Problem::error(span, message);
    Box::new(if help.is_empty() {
        problem
    } else {
        problem.help(help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<Node>, Vec<String>) {
        let (root, problems) = parse(&Text::new("t", body));
        (
            root,
            problems
                .into_iter()
                .map(|problem| problem.message)
                .collect(),
        )
    }

    fn good(body: &str) -> Node {
        let (root, problems) = read(body);
        assert!(problems.is_empty(), "{problems:?}");
        root.unwrap()
    }

    #[test]
    fn every_span_covers_what_was_written() {
        for newline in ["\n", "\r\n"] {
            let body = "ü: b  # c\nk: \"x y\"  \nlist: [ a, { b: 'c' }, ]\nseq:\n- 1\n-  x: ${V}\nblock: |\n  foo\n".replace('\n', newline);
            let text = Text::new("t", body.as_str());
            let root = good(&body);
            let shown = |key: &str| text.slice(root.entry(key).unwrap().node.span).to_owned();
            assert_eq!(
                (shown("ü"), shown("k"), shown("list")),
                ("b".into(), "\"x y\"".into(), "[ a, { b: 'c' }, ]".into())
            );
            let seq = root.get("seq").unwrap().items();
            assert_eq!(text.slice(seq[1].get("x").unwrap().span), "${V}");
            assert_eq!(text.slice(root.entry("block").unwrap().key.span), "block");
        }
    }

    #[test]
    fn scalars_stay_as_written_and_nothing_is_null() {
        let root = good("a: 1.0\nb: 007\nc: ~\nd:\ne: ''\nf: !!str null\n");
        assert_eq!(
            (root.get("a").unwrap().text(), root.get("b").unwrap().text()),
            (Some("1.0"), Some("007"))
        );
        assert!(root.get("c").is_none() && root.get("d").is_none());
        assert_eq!(
            (root.get("e").unwrap().text(), root.get("f").unwrap().text()),
            (Some(""), Some("null"))
        );
    }

    #[test]
    fn aliases_and_merge_keys_stand_for_what_they_name() {
        let root = good(
            "x: &x { a: 1, b: 2 }\ny: *x\nz: { <<: *x, b: 3 }\nw: { <<: [ { c: 4 }, *x ], a: 5 }\n",
        );
        let text = |map: &str, key: &str| {
            root.get(map)
                .unwrap()
                .get(key)
                .and_then(Node::text)
                .map(str::to_owned)
        };
        assert_eq!(
            (text("y", "a"), text("z", "a"), text("z", "b")),
            (Some("1".into()), Some("1".into()), Some("3".into()))
        );
        assert_eq!(
            (text("w", "a"), text("w", "b"), text("w", "c")),
            (Some("5".into()), Some("2".into()), Some("4".into()))
        );
    }

    #[test]
    fn what_grows_without_end_is_stopped() {
        let laughs = (1..40).fold("a0: &a0 [ x, x, x, x, x, x, x, x, x, x ]\n".to_owned(), |text, n| {
            let before = n - 1;
            text + &format!("a{n}: &a{n} [ *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before} ]\n")
        });
        assert!(read(&laughs).1[0].contains("more than"));
        assert!(read(&("[ ".repeat(60) + &"]".repeat(60))).1[0].contains("nested deeper"));
        assert!(!read(&"[".repeat(100_000)).1.is_empty());
        assert!(!read(&"- ".repeat(100_000)).1.is_empty());
        assert!(!read("a: &a [ *a ]").1.is_empty());
    }

    #[test]
    fn tags_and_keys_that_are_no_text_are_refused() {
        assert!(read("a: !vault x").1[0].contains("tags"));
        assert!(read("? [ a ]\n: b").1[0].contains("a key must be text"));
    }
}
