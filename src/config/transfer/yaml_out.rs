//! A tree as YAML that people like to read: what is short on one line, quotes where they are needed.

use crate::config::file::{Entry, Node, Value};

/// A line ends before that, where it can.
const WIDTH: usize = 110;
/// Lists and mappings within each other, on one line.
const DEEPEST: usize = 2;

/// How much stands on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// What fits.
    Few,
    /// Every item of this list, and every member of it, has its own.
    Many,
}

/// `key: value`, with all that is below it.
pub(super) fn entry(out: &mut String, indent: usize, entry: &Entry, lines: Lines) {
    pad(out, indent);
    out.push_str(&text(&entry.key.text, true));
    out.push(':');
    after(out, indent, &entry.node, lines);
}

/// What follows a colon or a dash.
fn after(out: &mut String, indent: usize, node: &Node, lines: Lines) {
    let line = out.rfind('\n').map_or(out.len(), |at| out.len() - at - 1);
    if let Some(short) = one_line(node)
        && (lines == Lines::Few || !has_maps(node))
        && (height(node) == 0 || line + 1 + short.chars().count() <= WIDTH)
    {
        out.push(' ');
        out.push_str(&short);
        out.push('\n');
        return;
    }
    out.push('\n');
    match &node.value {
        Value::Map(entries) => members(out, indent + 2, entries, Lines::Few),
        Value::List(items) => items
            .iter()
            .for_each(|node| item(out, indent + 2, node, lines)),
        Value::Null | Value::Unknown | Value::Scalar(_) => {}
    }
}

fn members(out: &mut String, indent: usize, entries: &[Entry], lines: Lines) {
    for one in entries {
        entry(out, indent, one, lines);
    }
}

fn item(out: &mut String, indent: usize, node: &Node, lines: Lines) {
    let mut below = String::new();
    match &node.value {
        Value::Map(entries)
            if !entries.is_empty() && (lines == Lines::Many || !fits(node, indent + 2)) =>
        {
            members(&mut below, indent + 2, entries, Lines::Few);
        }
        Value::List(items) if !items.is_empty() && !fits(node, indent + 2) => items
            .iter()
            .for_each(|node| item(&mut below, indent + 2, node, Lines::Few)),
        _ => {}
    }
    pad(out, indent);
    out.push('-');
    match below.get(indent + 2..) {
        Some(first) if !first.is_empty() => {
            out.push(' ');
            out.push_str(first);
        }
        _ => after(out, indent, node, Lines::Few),
    }
}

fn fits(node: &Node, indent: usize) -> bool {
    one_line(node).is_some_and(|short| indent + short.chars().count() <= WIDTH)
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn has_maps(node: &Node) -> bool {
    node.items().iter().any(Node::is_map)
}

fn height(node: &Node) -> usize {
    let items = node.items().iter();
    let below = items.chain(node.entries().iter().map(|entry| &entry.node));
    match node.is_list() || node.is_map() {
        true => 1 + below.map(height).max().unwrap_or(0),
        false => 0,
    }
}

/// `None`: it cannot stand on one line.
fn one_line(node: &Node) -> Option<String> {
    match &node.value {
        Value::Map(_) | Value::List(_) => (height(node) <= DEEPEST).then(|| flow(node)).flatten(),
        _ => written(node, false),
    }
}

fn flow(node: &Node) -> Option<String> {
    let joined = |parts: Vec<String>, (open, close): (&str, &str)| match parts.is_empty() {
        true => [open, close].concat(),
        false => format!("{open} {} {close}", parts.join(", ")),
    };
    match &node.value {
        Value::Map(entries) => {
            let member = |entry: &Entry| {
                let value = flow(&entry.node)?;
                Some(format!("{}: {value}", text(&entry.key.text, true)))
            };
            let members: Option<Vec<_>> = entries.iter().map(member).collect();
            Some(joined(members?, ("{", "}")))
        }
        Value::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(flow).collect();
            Some(joined(items?, ("[", "]")))
        }
        _ => written(node, true),
    }
}

/// A single value. `None`: not within brackets.
fn written(node: &Node, in_flow: bool) -> Option<String> {
    let Some(scalar) = node.scalar() else {
        return Some("null".to_owned());
    };
    if scalar.quoted {
        return Some(text(&scalar.text, in_flow));
    }
    // In quotes an empty variable would be text, and not nothing.
    let variable = scalar.text.contains("${");
    match is_special(&scalar.text) || is_plain(&scalar.text, in_flow) {
        true => Some(scalar.text.clone()),
        false if variable => (!in_flow).then(|| scalar.text.clone()),
        false => Some(quoted(&scalar.text)),
    }
}

/// Text that stays text.
fn text(text: &str, in_flow: bool) -> String {
    match !is_special(text) && is_plain(text, in_flow) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Whether it would be read as something else than text: nothing, true or false, a number.
fn is_special(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare = lower.trim_start_matches(['+', '-']);
    let number = text.bytes().any(|byte| byte.is_ascii_digit())
        && (text.parse::<f64>().is_ok() || bare.starts_with("0x") || bare.starts_with("0o"));
    number || matches!(bare, "" | "~" | "null" | "true" | "false" | ".inf" | ".nan")
}

/// Whether it needs no quotes. Stricter than YAML, which allows more of what is hard to read.
fn is_plain(text: &str, in_flow: bool) -> bool {
    let first = text.chars().next();
    let begins = first.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_'));
    let mut before = ' ';
    let mut fine = true;
    for c in text.chars() {
        // A colon before a space, or at the end, would make a key of what stands before it.
        fine &= before != ':' || c != ' ';
        fine &= c.is_alphanumeric()
            || matches!(
                c,
                '-' | '_' | '.' | '/' | '@' | '+' | '%' | '=' | '~' | '*' | ':' | ' ' | '(' | ')'
            )
            || (!in_flow && c == ',');
        before = c;
    }
    begins
        && fine
        && !matches!(before, ' ' | ':')
        && !(text.starts_with("---") || text.starts_with("..."))
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control()
                || matches!(
                    c,
                    '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                ) =>
            {
                out.push_str(&match u32::from(c) {
                    code @ 0..=0xff => format!("\\x{code:02x}"),
                    code => format!("\\u{code:04x}"),
                });
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::super::tree;
    use super::*;
    use crate::config::text::Text;
    use crate::config::yaml;

    fn shown(json: &Json) -> String {
        let mut out = String::new();
        entry(&mut out, 0, &tree::entry("k", tree::node(json)), Lines::Few);
        out
    }

    fn back(text: &str) -> Json {
        let (root, problems) = yaml::parse(&Text::new("t", text));
        assert!(problems.is_empty(), "{text}: {problems:?}");
        tree::json(
            root.unwrap()
                .get("k")
                .map_or(&tree::node(&Json::Null), |node| node),
        )
    }

    #[test]
    fn what_is_short_stands_on_one_line_and_quotes_stand_where_they_are_needed() {
        assert_eq!(
            shown(&json!([{"a": "x", "b": ["gpt-*", "*", "1.0", "off", "a: b", "${V}", 5, true, "true", null]}])),
            "k: \n  - { a: x, b: [ gpt-*, \"*\", \"1.0\", off, \"a: b\", \"${V}\", 5, true, \"true\", null ] }\n".replace(": \n", ":\n")
        );
        assert_eq!(
            shown(&json!("https://a.example.com/v1")),
            "k: https://a.example.com/v1\n"
        );
        assert_eq!(shown(&json!("0 0 * * *")), "k: 0 0 * * *\n");
        assert_eq!(shown(&json!({})), "k: {}\n");
        let long = "x".repeat(80);
        assert_eq!(
            shown(&json!({"a": [long, long]})),
            format!("k:\n  a:\n    - {long}\n    - {long}\n")
        );
        assert_eq!(
            shown(&json!([[long, long], {"a": long, "b": {"c": long}}])),
            format!("k:\n  - - {long}\n    - {long}\n  - a: {long}\n    b: {{ c: {long} }}\n")
        );
    }

    fn value() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Json::from),
            any::<bool>().prop_map(Json::from),
            "[ -~]{0,12}".prop_map(Json::from),
            "\\PC{0,8}".prop_map(Json::from),
            any::<String>().prop_map(Json::from),
            "(true|null|~|yes|1e5|0x1f|\\.inf|-|- a|a:|a: b|a #b|#|\\?|\\? a|<<|=|---|\\.\\.\\.|\\$\\{A\\}|[*&!%@`]x|[0-9]{1,3}:[0-9]{2})".prop_map(Json::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
                prop::collection::vec(("[a-z]{1,3}|\\PC{0,6}|[ -~]{0,6}|null|1", inner), 0..5)
                    .prop_map(|members| members
                        .into_iter()
                        .filter(|(key, _)| key != "<<")
                        .collect::<serde_json::Map<_, _>>()
                        .into()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn what_was_written_is_read(value in value()) {
            let text = shown(&value);
            prop_assert_eq!(back(&text), value, "{}", text);
        }
    }
}
