//! Tables for people: columns that stand below each other, whatever the letters' width.

use std::io::{self, Write};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::config::Style;

/// Columns of a cell at most.
const WIDEST: usize = 56;

/// What is shown as a table: a head, and lines of as many cells.
pub(super) struct Table {
    head: Vec<&'static str>,
    lines: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&'static str]) -> Table {
        Table {
            head: head.to_vec(),
            lines: Vec::new(),
        }
    }

    pub(super) fn line(&mut self, cells: Vec<String>) {
        self.lines
            .push(cells.into_iter().map(|cell| fit(&cell)).collect());
    }

    /// `nothing`: what is said in place of an empty table.
    pub(super) fn print(&self, nothing: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
        if self.lines.is_empty() {
            return writeln!(out, "{nothing}");
        }
        let mut widths: Vec<usize> = self.head.iter().map(|head| head.width()).collect();
        for line in &self.lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.width());
            }
        }
        let head: Vec<String> = self.head.iter().map(|head| (*head).to_owned()).collect();
        writeln!(out, "{}", style.bold(&joined(&head, &widths)))?;
        for line in &self.lines {
            writeln!(out, "{}", joined(line, &widths))?;
        }
        Ok(())
    }
}

fn joined(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
    }
    text.trim_end().to_owned()
}

/// Short, and nothing in it that a terminal would obey: some of it was said by strangers.
fn fit(text: &str) -> String {
    let text = plain(text);
    if text.width() <= WIDEST {
        return text;
    }
    let mut cut = String::new();
    for letter in text.chars() {
        if cut.width() + letter.to_string().width() >= WIDEST {
            break;
        }
        cut.push(letter);
    }
    cut.push('…');
    cut
}

/// Without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    let plain = |letter: char| match letter.is_control() {
        true => ' ',
        false => letter,
    };
    text.chars().map(plain).collect()
}

/// A member as text; "-" where there is none.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let pairs = members.iter();
            let pairs = pairs.map(|(name, value)| format!("{name} {}", cell(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A time as it is read: to the second, in UTC.
pub(super) fn time(value: &Value) -> String {
    let text = value.as_str().unwrap_or("-");
    match text.split_once('.') {
        Some((seconds, _)) => seconds.replace('T', " "),
        None => text.replace('T', " ").trim_end_matches('Z').to_owned(),
    }
}

/// Milliseconds: `850 ms`, `12.3 s`.
pub(super) fn took(value: &Value) -> String {
    match value.as_f64() {
        None => "-".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.1} ms"),
        Some(ms) if ms < 1000.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{:.1} s", ms / 1000.0),
    }
}

/// USD: six places, without the noughts at their end.
pub(super) fn usd(value: &Value) -> String {
    let Some(usd) = value.as_f64() else {
        return "-".to_owned();
    };
    let text = format!("{usd:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(table: &Table) -> String {
        let mut out = Vec::new();
        table.print("none", Style::Plain, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_below_each_other_also_where_letters_are_wide() {
        let mut table = Table::new(&["NAME", "WHAT"]);
        assert_eq!(printed(&table), "none\n");
        table.line(vec!["模型".to_owned(), "a".to_owned()]);
        table.line(vec!["long-name".to_owned(), "b".to_owned()]);
        assert_eq!(
            printed(&table),
            "NAME       WHAT\n模型       a\nlong-name  b\n"
        );
    }

    #[test]
    fn a_cell_is_short_and_no_terminal_obeys_it() {
        assert_eq!(fit("a\x1b[31mb\nc"), "a [31mb c");
        let cut = fit(&"宽".repeat(100));
        assert!(cut.width() <= WIDEST && cut.ends_with('…'), "{cut}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(took(&json!(3.21)), "3.2 ms");
        assert_eq!(took(&json!(850.4)), "850 ms");
        assert_eq!(took(&json!(12_345)), "12.3 s");
        assert_eq!(took(&Value::Null), "-");
        assert_eq!(usd(&json!(0.0125)), "0.0125");
        assert_eq!(usd(&json!(20)), "20");
        assert_eq!(usd(&json!(0.0)), "0");
        assert_eq!(
            time(&json!("2026-01-02T03:04:05.678Z")),
            "2026-01-02 03:04:05"
        );
    }
}
