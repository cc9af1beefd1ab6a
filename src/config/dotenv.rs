//! The `.env` file: `NAME=value` lines as shells and Docker read them.
//!
//! `export` before the name, `#` comments on their own lines and after a space, single quotes (verbatim), double quotes (`\n`, `\t`, `\"`, `\\`, `\$`).
//! A value stays on its line, and no variable is filled in: what looks like `${X}` is that text.

use super::fill::is_name;
use super::report::{Problem, names_a_secret};
use super::text::{Origin, Span, Text};

pub(super) struct Line {
    pub name: String,
    pub value: String,
    /// Of the value.
    pub span: Span,
}

#[derive(Default)]
pub(super) struct Parsed {
    pub lines: Vec<Line>,
    pub problems: Vec<Problem>,
    /// Values that are not to be shown, by the names they have.
    pub secrets: Vec<Span>,
}

pub(super) fn parse(text: &Text) -> Parsed {
    let mut parsed = Parsed::default();
    let mut at = 0;
    for raw in text.body().split_inclusive('\n') {
        parsed.line(raw.trim_end(), at);
        at += raw.len();
    }
    parsed
}

impl Parsed {
    /// One line, which begins at `at`.
    fn line(&mut self, raw: &str, at: usize) {
        let span = |part: &str| {
            // `part` is a piece of `raw`: its place is where it points.
            let start = at + (part.as_ptr() as usize).saturating_sub(raw.as_ptr() as usize);
            Span::new(Origin::Dotenv, start, start + part.len())
        };
        let content = raw.trim_start();
        if content.is_empty() || content.starts_with('#') {
            return;
        }
        let content = content
            .strip_prefix("export ")
            .map_or(content, str::trim_start);
        let Some((name, value)) = content.split_once('=') else {
            if names_a_secret(content) {
                self.secrets.push(span(content));
            }
            return self
                .problems
                .push(Problem::error(span(content), "expected `NAME=value`"));
        };
        let (name, value) = (name.trim_end(), value.trim_start());
        if names_a_secret(name) {
            self.secrets.push(span(value));
        }
        if !is_name(name) {
            let problem = Problem::error(span(name), format!("`{name}` is no name of a variable"));
            return self
                .problems
                .push(problem.help("letters, digits and `_`, not beginning with a digit"));
        }
        match unquoted(value) {
            Some(read) => self.lines.push(Line {
                name: name.to_owned(),
                value: read,
                span: span(value),
            }),
            None => self.problems.push(Problem::error(
                span(value),
                "a quote is not closed on its line",
            )),
        }
    }
}

/// The value itself; `None` where a quote is not closed or something follows it.
fn unquoted(value: &str) -> Option<String> {
    match value.chars().next() {
        Some('\'') => {
            let (inner, rest) = value.get(1..)?.split_once('\'')?;
            is_rest(rest).then(|| inner.to_owned())
        }
        Some('"') => double_quoted(value.get(1..)?),
        _ => {
            let comment = value.match_indices('#').find(|(at, _)| {
                *at == 0
                    || value
                        .get(..*at)
                        .is_some_and(|before| before.ends_with([' ', '\t']))
            });
            let end = comment.map_or(value.len(), |(at, _)| at);
            Some(value.get(..end)?.trim_end().to_owned())
        }
    }
}

fn double_quoted(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return is_rest(text.get(at + 1..)?).then_some(out),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                c @ ('"' | '\\' | '$') => out.push(c),
                c => out.extend(['\\', c]),
            },
            c => out.push(c),
        }
    }
    None
}

/// What may follow a closed quote: nothing or a comment.
fn is_rest(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<(String, String)> {
        let parsed = parse(&Text::new(".env", body));
        assert!(parsed.problems.is_empty(), "{}", parsed.problems.len());
        parsed
            .lines
            .into_iter()
            .map(|line| (line.name, line.value))
            .collect()
    }

    fn value(line: &str) -> String {
        read(line).remove(0).1
    }

    #[test]
    fn lines_are_read_as_a_shell_reads_them() {
        assert_eq!(read("\n# c\n  \nA=1\r\nexport B = 2\n").len(), 2);
        assert_eq!(value("A=x y # comment"), "x y");
        assert_eq!(value("A=x#y"), "x#y");
        assert_eq!(value("A="), "");
        assert_eq!(value("A=# nothing"), "");
        assert_eq!(value("A='x # \\n' # c"), "x # \\n");
        assert_eq!(value(r#"A="x \"y\" \\ \n""#), "x \"y\" \\ \n");
        assert_eq!(value("A=a=b"), "a=b");
    }

    #[test]
    fn a_line_that_is_none_is_a_problem_at_its_place() {
        let Parsed {
            lines, problems, ..
        } = parse(&Text::new(
            ".env",
            "A=1\nrubbish\n1X=2\nB=\"open\nC='a' b\nD=4",
        ));
        assert_eq!(lines.len(), 2);
        let spans: Vec<_> = problems.iter().map(|p| p.place.clone()).collect();
        assert_eq!(
            spans.first(),
            Some(&Span::new(Origin::Dotenv, 4, 11).into())
        );
        assert_eq!(problems.len(), 4);
    }
}
