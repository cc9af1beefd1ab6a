//! What to say about text that is not YAML: the parser knows where it stopped, people want to know what they forgot.

use super::report::Problem;
use super::text::{Span, Text};

/// The problem of a parser that stopped at byte `at` for the reason `info`.
pub(super) fn explain(text: &Text, at: usize, info: &str) -> Problem {
    let rest = text.body().get(at..).unwrap_or("");
    let width = rest.chars().next().map_or(0, char::len_utf8);
    let span = Span::new(text.origin, at, at + width);
    let problem = Problem::error(span, format!("this is not YAML: {info}"));
    let number = text.position(at).line;
    let line = text.line(number);
    if info.contains("quoted scalar") && rest.starts_with(['"', '\'']) {
        return problem.label("this quote is not closed");
    }
    if line.trim_start_matches(' ').starts_with('\t') {
        return problem.help("indent with spaces: YAML allows no tabs there");
    }
    if line.contains("${") && rest.starts_with('{') {
        return problem.help("within [ ] and { } a variable must be quoted: \"${VAR}\"");
    }
    if rest.starts_with(['*', '&', '@', '`', '%', '!']) {
        return problem.help("text that begins with one of * & @ ` % ! must be quoted");
    }
    if let Some(open) = unclosed(text.body().get(..at).unwrap_or("")) {
        let what = text.body().get(open..open + 1).unwrap_or("[");
        return problem.earlier(
            Span::new(text.origin, open, open + 1),
            format!("this `{what}` is not closed"),
        );
    }
    match indentation(text, number) {
        Some((before, here)) => problem.help(format!(
            "this line begins with {here} spaces, the one above it with {before}"
        )),
        None if line.matches(": ").count() > 1 => {
            problem.help("text that holds `: ` must be quoted")
        }
        None => problem,
    }
}

/// Where the innermost bracket stands that was opened and not closed.
fn unclosed(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote: Option<char> = None;
    let mut before = ' ';
    let mut comment = false;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('\n', _) => comment = false,
            _ if comment => {}
            (c, Some(end)) if c == end && before != '\\' => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) if !before.is_alphanumeric() => quote = Some(c),
            ('#', None) if before.is_whitespace() => comment = true,
            ('[' | '{', None) if before != '$' => open.push(at),
            (']' | '}', None) => {
                open.pop();
            }
            _ => {}
        }
        before = c;
    }
    open.pop()
}

/// The indentation of the last line with content before a line, and its own, if they differ.
fn indentation(text: &Text, number: usize) -> Option<(usize, usize)> {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let before = (1..number)
        .rev()
        .map(|number| text.line(number))
        .find(content)?;
    let (before, here) = (indent(before), indent(text.line(number)));
    (before != here).then_some((before, here))
}
