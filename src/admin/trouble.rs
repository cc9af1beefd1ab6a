//! Why an object is not shown or not changed.

use super::problem::Flaw;
use crate::config::{Home, Kind, Object, Origin, Place, Problem, Report, Severity};
use crate::store::Fault;

/// Whose fault it is decides the status: `problem` says which.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("There is no {} `{}`.", words(*.0), .1)]
    NoObject(Kind, String),
    #[error("There is a {} `{}` already.", words(*.0), .1)]
    Exists(Kind, String),
    #[error("The {} `{name}` is used by {by}: change that first.", words(*.kind))]
    InUse {
        kind: Kind,
        name: String,
        by: String,
        flaws: Vec<Flaw>,
    },
    #[error("It is there already.")]
    IsThere,
    #[error("{}", read_only(*.kind, *.home))]
    ReadOnly { kind: Kind, home: Home },
    #[error("It has changed since you have read it: read it again.")]
    Changed,
    #[error("Others have changed objects since this import was looked at: look at it again.")]
    Outdated,
    #[error("Others change objects all the time: try it again.")]
    Overtaken,
    #[error("The configuration would not be valid.")]
    Wrong(Vec<Flaw>),
    #[error("It is written, but not in force: {0}")]
    NotInForce(String),
    #[error(transparent)]
    Database(#[from] Fault),
    #[error("It failed inside.")]
    Inside,
}

impl Trouble {
    pub(super) fn field(kind: Kind, name: &str, field: &str, message: &str) -> Trouble {
        Trouble::Wrong(vec![Flaw {
            object: Some(format!("{} {name}", words(kind))),
            field: Some(field.to_owned()).filter(|field| !field.is_empty()),
            message: message.to_owned(),
            ..Flaw::default()
        }])
    }

    /// What would be wrong without an object are those who use it.
    pub(super) fn in_use(self, kind: Kind, name: &str) -> Trouble {
        let Trouble::Wrong(flaws) = self else {
            return self;
        };
        let mut by: Vec<String> = Vec::new();
        for flaw in &flaws {
            let user = flaw.object.clone();
            let user = user.unwrap_or_else(|| "the configuration file".to_owned());
            if !by.contains(&user) {
                by.push(user);
            }
        }
        Trouble::InUse {
            kind,
            name: name.to_owned(),
            by: by.join(", "),
            flaws,
        }
    }

    /// What a report says of these objects, and of everything else.
    pub(super) fn wrong(report: &Report, objects: &[Object]) -> Trouble {
        let problems = report.problems().iter();
        let errors = problems.filter(|problem| problem.severity == Severity::Error);
        let lines = report.lines();
        let flaw = |problem: &Problem| {
            let object = match problem.place {
                Place::Text(span) => match span.origin {
                    Origin::Object(nth) => usize::try_from(nth).ok().and_then(|n| objects.get(n)),
                    Origin::File | Origin::Dotenv => None,
                },
                _ => None,
            };
            let message = match (object, problem.label.as_str()) {
                // Its place is what the report's own line begins with.
                (None, _) => {
                    let mut lines = lines.iter();
                    let line = lines.find(|line| line.contains(&problem.message));
                    line.unwrap_or(&problem.message).clone()
                }
                (Some(_), "") => problem.message.clone(),
                (Some(_), label) => format!("{}: {label}", problem.message),
            };
            Flaw {
                object: object.map(|object| format!("{} {}", words(object.kind), object.name)),
                field: problem.field.clone().filter(|field| !field.is_empty()),
                message,
                line: None,
                help: Some(problem.help.join("; ")).filter(|help| !help.is_empty()),
            }
        };
        Trouble::Wrong(errors.map(flaw).collect())
    }
}

/// A kind in a sentence.
pub(super) fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::ClientKey => "client key",
        other => other.name(),
    }
}

fn read_only(kind: Kind, home: Home) -> String {
    let kind = words(kind);
    match home {
        Home::Environment => format!(
            "This {kind} comes from the environment: change the variable, or make a {kind} of another name."
        ),
        Home::BuiltIn => format!(
            "This {kind} is built in: it can be said otherwise (PUT), and not be taken away."
        ),
        _ => format!(
            "This {kind} is declared in the configuration file, which wins: change it there and it is in force at once."
        ),
    }
}
