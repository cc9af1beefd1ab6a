//! The environment, as a value: variables of the process over those of a `.env` file.

use std::collections::BTreeMap;
use std::fmt;

use super::dotenv::Line;
use super::report::Place;
use super::text::Span;

/// Variables by name. Read once by `cli` and passed in; [`load`](super::load) lays the `.env` file under it.
#[derive(Clone, Default)]
pub struct Env {
    variables: BTreeMap<String, Variable>,
}

#[derive(Clone)]
struct Variable {
    value: String,
    /// Where in the `.env` file; `None`: in the process.
    span: Option<Span>,
}

impl Env {
    pub fn new<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Env {
        let variable = |(name, value): (N, V)| {
            (
                name.into(),
                Variable {
                    value: value.into(),
                    span: None,
                },
            )
        };
        Env {
            variables: variables.into_iter().map(variable).collect(),
        }
    }

    /// The value of a variable that is set, if only to nothing.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(|variable| variable.value.as_str())
    }

    /// The value of a variable without the white space around it, unless nothing is left.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.value(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Where a variable is set.
    pub fn place(&self, name: &str) -> Place {
        match self.variables.get(name).and_then(|variable| variable.span) {
            Some(span) => Place::Text(span),
            None => Place::Variable(name.to_owned()),
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// Adds what a `.env` file says and the process does not. Of two equal names in the file the last holds, as in a shell.
    pub(super) fn under(mut self, lines: Vec<Line>) -> Env {
        for line in lines {
            let of_process = self
                .variables
                .get(&line.name)
                .is_some_and(|variable| variable.span.is_none());
            if !of_process {
                self.variables.insert(
                    line.name,
                    Variable {
                        value: line.value,
                        span: Some(line.span),
                    },
                );
            }
        }
        self
    }
}

/// Names only: values are secrets.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
