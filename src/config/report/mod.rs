//! What is wrong with a configuration, and where.
//!
//! Owns [`Problem`] (one error or warning) and [`Report`] (all of them, with the texts they point into), and how they look:
//! for people (`snippet`: the line, a caret under the span, what was probably meant), for programs (JSON), for a log (one line each).
//! It never decides what is wrong: that is `check`. It never shows a secret: spans that hold one are blotted out in every line that it prints.
//!
//! Start at [`Report::render`].

mod blot;
mod snippet;

use std::fmt;

use serde_json::{Value, json};

use super::suggest;
use super::text::{Origin, Position, Span, Text};

pub(super) use blot::names_a_secret;
pub use snippet::Style;

/// Whether a configuration can be used in spite of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// Where a problem stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Text(Span),
    /// A file as a whole: it cannot be read, or is no text.
    File(String),
    /// An environment variable of this process.
    Variable(String),
    /// A command-line option.
    Flag(&'static str),
    /// The configuration as a whole.
    Whole,
}

impl From<Span> for Place {
    fn from(span: Span) -> Place {
        Place::Text(span)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    pub severity: Severity,
    /// What is wrong, in one line; lower case, no full stop.
    pub message: String,
    pub place: Place,
    /// Stands beside the caret. May be empty.
    pub label: String,
    /// What to do about it.
    pub help: Vec<String>,
    /// Another place that belongs to it, and what stands there.
    pub earlier: Option<(Span, String)>,
    /// What of an object it is about (`keys[0].value`); `None` where it is not about one of those beside the file.
    pub field: Option<String>,
}

impl Problem {
    pub fn error(place: impl Into<Place>, message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            message: message.into(),
            place: place.into(),
            label: String::new(),
            help: Vec::new(),
            earlier: None,
            field: None,
        }
    }

    pub fn warning(place: impl Into<Place>, message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Warning,
            ..Problem::error(place, message)
        }
    }

    pub fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = label.into();
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help.push(help.into());
        self
    }

    /// ``did you mean `x`?`` beside the caret, if there is an `x`.
    pub fn meant(self, meant: Option<&str>) -> Problem {
        match meant {
            Some(meant) => self.label(format!("did you mean `{meant}`?")),
            None => self,
        }
    }

    /// What was probably meant among `known`, else all of them, beside the caret.
    pub fn among<'a>(self, word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Problem {
        match suggest::closest(word, known.clone()) {
            Some(meant) => self.meant(Some(meant)),
            None => self.label(format!("expected {}", suggest::one_of(known))),
        }
    }

    pub fn earlier(mut self, span: Span, label: impl Into<String>) -> Problem {
        self.earlier = Some((span, label.into()));
        self
    }

    /// Problems in the order in which a reader meets them.
    fn order(&self) -> (u8, u32, usize) {
        match &self.place {
            Place::File(_) => (0, 0, 0),
            Place::Text(span) => match span.origin {
                Origin::File => (1, 0, span.start),
                Origin::Object(nth) => (2, nth, span.start),
                Origin::Dotenv => (3, 0, span.start),
            },
            Place::Variable(_) => (4, 0, 0),
            Place::Flag(_) => (5, 0, 0),
            Place::Whole => (6, 0, 0),
        }
    }
}

/// All problems of a configuration, in reading order, with the texts they point into.
#[derive(Clone, Default)]
pub struct Report {
    problems: Vec<Problem>,
    texts: Vec<(Origin, Text)>,
    secrets: Secrets,
}

/// What is not to be shown.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    /// Spans that hold a secret.
    pub spans: Vec<Span>,
    /// The file was not understood: what looks like a secret is taken for one.
    pub guess: bool,
}

impl Report {
    pub(super) fn new(
        mut problems: Vec<Problem>,
        texts: Vec<(Origin, Text)>,
        secrets: Secrets,
    ) -> Report {
        problems.sort_by_key(Problem::order);
        // An alias of YAML repeats what it stands for, and its problems.
        problems.dedup_by(|a, b| {
            a.place == b.place && a.message == b.message && matches!(a.place, Place::Text(_))
        });
        Report {
            problems,
            texts,
            secrets,
        }
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }

    /// For people, every problem with its line. Ends with a line break unless empty.
    pub fn render(&self, style: Style) -> String {
        let blocks: Vec<String> = self
            .problems
            .iter()
            .map(|problem| snippet::render(self, problem, style))
            .collect();
        blocks.join("\n")
    }

    /// For a log: one line a problem.
    pub fn lines(&self) -> Vec<String> {
        self.problems
            .iter()
            .map(|problem| self.one_line(problem))
            .collect()
    }

    /// The line of its text in which a problem is, from 1. `None`: it is in no text.
    pub fn line_of(&self, problem: &Problem) -> Option<usize> {
        match problem.place {
            Place::Text(span) => Some(self.text(span.origin)?.position(span.start).line),
            _ => None,
        }
    }

    /// For programs: a list of objects.
    pub fn to_json(&self) -> Value {
        self.problems
            .iter()
            .map(|problem| self.problem_json(problem))
            .collect()
    }

    /// `3 errors, 1 warning`
    pub fn summary(&self) -> String {
        let count = |n: usize, what: &str| match n {
            0 => None,
            1 => Some(format!("1 {what}")),
            n => Some(format!("{n} {what}s")),
        };
        let errors = count(self.count(Severity::Error), "error");
        let warnings = count(self.count(Severity::Warning), "warning");
        let parts: Vec<String> = errors.into_iter().chain(warnings).collect();
        if parts.is_empty() {
            "no problem".to_owned()
        } else {
            parts.join(", ")
        }
    }

    fn text(&self, origin: Origin) -> Option<&Text> {
        self.texts
            .iter()
            .find(|(of, _)| *of == origin)
            .map(|(_, text)| text)
    }

    /// The objects beside the file that have errors, by their place among them.
    pub fn objects_at_fault(&self) -> Vec<u32> {
        let errors = self
            .problems
            .iter()
            .filter(|p| p.severity == Severity::Error);
        let mut objects: Vec<u32> = errors
            .filter_map(|problem| match problem.place {
                Place::Text(span) => match span.origin {
                    Origin::Object(nth) => Some(nth),
                    Origin::File | Origin::Dotenv => None,
                },
                _ => None,
            })
            .collect();
        objects.dedup();
        objects
    }

    /// The errors of one of the objects beside the file.
    pub fn about_object(&self, nth: usize) -> Report {
        let of = |problem: &&Problem| match problem.place {
            Place::Text(span) => match span.origin {
                Origin::Object(at) => usize::try_from(at) == Ok(nth),
                Origin::File | Origin::Dotenv => false,
            },
            _ => false,
        };
        let errors = self.problems.iter().filter(of);
        let errors = errors.filter(|problem| problem.severity == Severity::Error);
        Report {
            problems: errors.cloned().collect(),
            ..self.clone()
        }
    }

    /// `file:line:column`, or whatever else names the place; `None` for the whole.
    fn spot(&self, place: &Place) -> Option<String> {
        match place {
            Place::Text(span) => {
                let text = self.text(span.origin)?;
                let Position { line, column } = text.position(span.start);
                Some(format!("{}:{line}:{column}", text.name))
            }
            Place::File(name) => Some(name.clone()),
            Place::Variable(name) => Some(format!("environment variable {name}")),
            Place::Flag(flag) => Some(format!("option {flag}")),
            Place::Whole => None,
        }
    }

    fn one_line(&self, problem: &Problem) -> String {
        let mut line = match self.spot(&problem.place) {
            Some(spot) => format!("{spot}: {}", problem.message),
            None => problem.message.clone(),
        };
        if !problem.label.is_empty() {
            line = format!("{line}: {}", problem.label);
        }
        problem
            .help
            .iter()
            .fold(line, |line, help| format!("{line}; {help}"))
    }

    fn problem_json(&self, problem: &Problem) -> Value {
        let mut object = json!({
            "severity": match problem.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "message": problem.message,
            "place": self.spot(&problem.place),
            "label": problem.label,
            "help": problem.help,
        });
        if let Some(field) = &problem.field {
            object["field"] = json!(field);
        }
        if let Place::Text(span) = problem.place
            && let Some(text) = self.text(span.origin)
        {
            let (start, end) = (text.position(span.start), text.position(span.end));
            object["file"] = json!(text.name);
            object["line"] = json!(start.line);
            object["column"] = json!(start.column);
            object["end_line"] = json!(end.line);
            object["end_column"] = json!(end.column);
        }
        object
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

/// As displayed: the texts hold secrets.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Report {}
