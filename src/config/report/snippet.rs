//! One problem as people see it: message, place, the line, a caret under the span, help.

use unicode_width::UnicodeWidthChar;

use super::{Place, Problem, Report, Severity, blot};
use crate::config::text::{Span, Text};

/// Columns of a source line that are shown at most; a longer line is cut around the span.
const WINDOW: usize = 120;
/// Columns before the span that are kept when a line is cut.
const LEAD: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// ANSI colours.
    Colour,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    pub fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    pub fn green(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Gutters, arrows, and what else only guides the eye.
    fn faint(self, text: &str) -> String {
        self.paint("1;34", text)
    }
}

/// A place in the snippet: its line, the columns it covers, and the words beside it.
struct Mark<'a> {
    line: usize,
    span: Span,
    label: &'a str,
    main: bool,
}

pub(super) fn render(report: &Report, problem: &Problem, style: Style) -> String {
    let (word, paint): (&str, fn(Style, &str) -> String) = match problem.severity {
        Severity::Error => ("error", Style::red),
        Severity::Warning => ("warning", Style::yellow),
    };
    let mut out = format!(
        "{}{}\n",
        paint(style, word),
        style.bold(&format!(": {}", printable(&problem.message)))
    );
    let text = match problem.place {
        Place::Text(span) => report.text(span.origin),
        _ => None,
    };
    let marks = text.map(|text| marks(problem, text)).unwrap_or_default();
    let gutter = marks
        .iter()
        .map(|mark| mark.line.to_string().len())
        .max()
        .unwrap_or(1);
    if let Some(spot) = report.spot(&problem.place) {
        out += &format!(
            "{}{} {}\n",
            " ".repeat(gutter),
            style.faint("-->"),
            printable(&spot)
        );
    }
    if let Some(text) = text {
        out += &snippet(report, text, &marks, (gutter, style, paint));
    }
    if text.is_none() && !problem.label.is_empty() {
        out += &format!(
            "{} {} {}\n",
            " ".repeat(gutter),
            style.faint("="),
            printable(&problem.label)
        );
    }
    for help in &problem.help {
        let indent = " ".repeat(gutter);
        let help = wrapped(&printable(help)).join(&format!("\n{indent}         "));
        out += &format!(
            "{indent} {} {} {help}\n",
            style.faint("="),
            style.bold("help:")
        );
    }
    out
}

/// The problem's own place and the earlier one, if that is in the same text, by line.
fn marks<'a>(problem: &'a Problem, text: &Text) -> Vec<Mark<'a>> {
    let Place::Text(span) = problem.place else {
        return Vec::new();
    };
    let line = |span: Span| text.position(span.start).line;
    let mut marks = vec![Mark {
        line: line(span),
        span,
        label: &problem.label,
        main: true,
    }];
    if let Some((earlier, label)) = &problem.earlier
        && earlier.origin == span.origin
    {
        marks.push(Mark {
            line: line(*earlier),
            span: *earlier,
            label,
            main: false,
        });
    }
    marks.sort_by_key(|mark| (mark.line, mark.span.start));
    marks
}

type Look = (usize, Style, fn(Style, &str) -> String);

fn snippet(
    report: &Report,
    text: &Text,
    marks: &[Mark<'_>],
    (gutter, style, paint): Look,
) -> String {
    let blank = " ".repeat(gutter);
    let bar = style.faint("|");
    let mut out = format!("{blank} {bar}\n");
    let mut before: Option<usize> = None;
    for mark in marks {
        let line = Line::new(report, text, mark);
        if before.is_some_and(|before| mark.line > before + 1) {
            out += &style.faint("...");
            out.push('\n');
        }
        if before != Some(mark.line) {
            let number = style.faint(&format!("{:>gutter$}", mark.line));
            out += format!("{number} {bar} {}", line.shown).trim_end();
            out.push('\n');
        }
        let pointer = if mark.main { "^" } else { "-" }.repeat(line.width);
        let words = format!("{pointer} {}", printable(mark.label));
        let words = words.trim_end();
        let words = if mark.main {
            paint(style, words)
        } else {
            style.faint(words)
        };
        out += &format!("{blank} {bar} {}{words}\n", " ".repeat(line.indent));
        before = Some(mark.line);
    }
    out
}

/// A source line made printable, and where the mark stands in it, in terminal columns.
struct Line {
    shown: String,
    indent: usize,
    width: usize,
}

impl Line {
    fn new(report: &Report, text: &Text, mark: &Mark<'_>) -> Line {
        let source = text.line(mark.line);
        let offset = text.line_start(mark.line);
        let secrets: Vec<Span> = report
            .secrets
            .spans
            .iter()
            .copied()
            .filter(|span| span.origin == mark.span.origin)
            .collect();
        let blots = blot::blots(source, offset, &secrets, report.secrets.guess);
        let cells = cells(source, &blots);
        let columns = |until: usize| {
            cells
                .iter()
                .filter(|cell| cell.at + offset < until)
                .map(|cell| cell.width)
                .sum::<usize>()
        };
        let start = columns(mark.span.start);
        let end = columns(mark.span.end.min(offset + source.len())).max(start + 1);
        cut(&cells, start, end)
    }
}

/// One character of a line as it is shown.
struct Cell {
    /// Byte offset in the line.
    at: usize,
    shown: String,
    width: usize,
}

fn cells(line: &str, blots: &[(usize, usize)]) -> Vec<Cell> {
    let cell = |(at, c): (usize, char)| {
        let width = c.width().unwrap_or(1);
        let hidden = blots.iter().any(|(from, to)| (*from..*to).contains(&at));
        let (shown, width) = match c {
            _ if hidden => ("*".repeat(width), width),
            '\t' => ("    ".to_owned(), 4),
            c if is_unprintable(c) => ("\u{fffd}".to_owned(), 1),
            c => (c.to_string(), width),
        };
        Cell { at, shown, width }
    };
    line.char_indices().map(cell).collect()
}

/// The part of a line around columns `start..end`.
fn cut(cells: &[Cell], start: usize, end: usize) -> Line {
    let total: usize = cells.iter().map(|cell| cell.width).sum();
    let from = if total <= WINDOW {
        0
    } else {
        start.saturating_sub(LEAD)
    };
    let to = if total <= WINDOW {
        total
    } else {
        from + WINDOW
    };
    let (mut shown, mut column, mut skipped) = (String::new(), 0, 0);
    for cell in cells {
        if column < from {
            skipped = column + cell.width;
        } else if column + cell.width <= to {
            shown += &cell.shown;
        }
        column += cell.width;
    }
    let lead = if skipped > 0 { "… " } else { "" };
    let tail = if column > to { " …" } else { "" };
    let indent = start.saturating_sub(skipped) + lead.chars().count();
    let width = end.min(to).saturating_sub(start).max(1);
    Line {
        shown: format!("{lead}{shown}{tail}"),
        indent,
        width,
    }
}

/// A text in lines of at most [`WINDOW`] characters, where its words allow.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WINDOW => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Control characters and what reorders text: a configuration must not steer the terminal that shows it.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_unprintable(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Secrets;
    use super::*;
    use crate::config::text::Origin;

    fn shown(body: &str, problem: Problem) -> String {
        Report::new(
            vec![problem],
            vec![(Origin::File, Text::new("t.yaml", body))],
            Secrets::default(),
        )
        .to_string()
    }

    fn span(body: &str, part: &str) -> Span {
        let start = body.find(part).unwrap();
        Span::new(Origin::File, start, start + part.len())
    }

    #[test]
    fn the_caret_stands_under_the_span() {
        let body = "a: 1\nretrys: 2\n";
        let problem = Problem::error(span(body, "retrys"), "unknown key `retrys`")
            .meant(Some("retries"))
            .help("x");
        let want = "error: unknown key `retrys`\n --> t.yaml:2:1\n  |\n2 | retrys: 2\n  | ^^^^^^ did you mean `retries`?\n  = help: x\n";
        assert_eq!(shown(body, problem), want);
    }

    #[test]
    fn wide_characters_and_tabs_do_not_move_the_caret() {
        let body = "\t模型: xy";
        let out = shown(body, Problem::error(span(body, "xy"), "m"));
        assert!(
            out.ends_with("1 |     模型: xy\n  |           ^^\n"),
            "{out}"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_span() {
        let body = format!("{}here{}", "a".repeat(500), "b".repeat(500));
        let out = shown(&body, Problem::error(span(&body, "here"), "m"));
        let line = out.lines().nth(3).unwrap();
        assert!(line.chars().count() < 130 && line.contains("here"), "{out}");
        let caret = out.lines().nth(4).unwrap();
        assert_eq!(
            line.chars().position(|c| c == 'h'),
            caret.chars().position(|c| c == '^'),
            "{out}"
        );
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let body = "a: \u{1b}[31mred\u{202e}";
        let out = shown(body, Problem::error(span(body, "red"), "\u{7}"));
        assert!(!out.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{out}");
    }

    #[test]
    fn an_earlier_place_is_shown_in_the_same_snippet() {
        let body = "a: 1\nb: 2\nc: 3\na: 4\n";
        let later = Span::new(Origin::File, 15, 16);
        let out = shown(
            body,
            Problem::error(later, "twice")
                .label("again")
                .earlier(span(body, "a"), "first"),
        );
        assert!(
            out.contains("1 | a: 1\n  | - first\n...\n4 | a: 4\n  | ^ again\n"),
            "{out}"
        );
    }
}
