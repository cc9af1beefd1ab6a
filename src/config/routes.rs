//! `routes` as meant: where requests go that meet conditions.

use std::sync::Arc;

use crate::ir::Format;

use super::gateway::Glob;

/// One of `routes`. The first that a request meets decides, before names do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// As given, or `routes[2]`.
    pub name: Arc<str>,
    pub when: When,
    pub target: Target,
    /// Nothing is converted, as with a model's `mode: direct`.
    pub direct: bool,
}

/// What a request has to be. All of it; of a list any item. Nothing at all: every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// The model that was asked for.
    pub models: Vec<Glob>,
    /// Parts of its name, in lower case; the name may have any.
    pub model_contains: Vec<String>,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<Glob>)>,
    /// Names of client keys.
    pub client_keys: Vec<Glob>,
    pub formats: Vec<Format>,
    /// Estimated tokens of the input: more than this.
    pub tokens_over: Option<u64>,
    /// Fewer than this.
    pub tokens_under: Option<u64>,
    pub tools: Option<bool>,
    pub images: Option<bool>,
    pub stream: Option<bool>,
    /// Values in the body: texts as they are, everything else as JSON.
    pub body: Vec<(BodyPath, Vec<Glob>)>,
}

impl When {
    /// Whether it says something of the model's name, and that name is meant.
    pub fn names(&self, name: &str) -> bool {
        (!self.models.is_empty() || !self.model_contains.is_empty()) && self.means(name)
    }

    /// Whether a model of that name is meant, in as far as the name decides.
    pub fn means(&self, name: &str) -> bool {
        let fits = self.models.is_empty() || self.models.iter().any(|glob| glob.matches(name));
        let has_part = || {
            let name = name.to_lowercase();
            let mut parts = self.model_contains.iter();
            parts.any(|part| name.contains(part.as_str()))
        };
        fits && (self.model_contains.is_empty() || has_part())
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To what the client asked for.
    Asked,
    /// As if the client had asked for this name; other routes do not see it.
    Name(String),
    /// To this pool, by index into `Gateway::models`.
    Model(usize),
}

/// A place in a request's body: `metadata.user_id`, `messages[0].role`, `tools[*].name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyPath {
    pub steps: Vec<BodyStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyStep {
    Member(String),
    /// Counted from 0.
    Item(usize),
    /// Any item of a list.
    AnyItem,
}

/// Longer keys are not told apart when a body is read.
const LONGEST: usize = 64;

impl BodyPath {
    /// Steps are separated by dots; what holds a dot or a bracket stands in quotes: `metadata["a.b"]`.
    ///
    /// # Errors
    /// What is wrong, to go after the path in a sentence.
    pub fn parse(text: &str) -> Result<BodyPath, &'static str> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (step, after) = if let Some(quoted) = rest.strip_prefix("[\"") {
                let (name, after) = quoted.split_once("\"]").ok_or("has no `\"]` after `[\"`")?;
                (BodyStep::Member(name.to_owned()), after)
            } else if let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']').ok_or("has no `]` after `[`")?;
                (item(index)?, after)
            } else {
                let name = if steps.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.').ok_or("has no `.` after `]`")?
                };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (name, after) = name.split_at(end);
                if name.is_empty() {
                    return Err("has an empty step");
                }
                (BodyStep::Member(name.to_owned()), after)
            };
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() {
            return Err("is empty");
        }
        let long = |step: &BodyStep| matches!(step, BodyStep::Member(name) if name.len() > LONGEST);
        if steps.iter().any(long) {
            return Err("has a step of more than 64 bytes");
        }
        Ok(BodyPath { steps })
    }
}

fn item(index: &str) -> Result<BodyStep, &'static str> {
    if index == "*" {
        return Ok(BodyStep::AnyItem);
    }
    let plain = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    let index = plain.then(|| index.parse().ok()).flatten();
    index
        .map(BodyStep::Item)
        .ok_or("has something else than a number or `*` in brackets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_step_by_step() {
        let member = |name: &str| BodyStep::Member(name.to_owned());
        let read = |text: &str| BodyPath::parse(text).map(|path| path.steps);
        assert_eq!(
            read("messages[0].content[*].text"),
            Ok(vec![
                member("messages"),
                BodyStep::Item(0),
                member("content"),
                BodyStep::AnyItem,
                member("text")
            ])
        );
        assert_eq!(
            read("metadata[\"a.b\"].c"),
            Ok(vec![member("metadata"), member("a.b"), member("c")])
        );
        assert_eq!(read("[0]"), Ok(vec![BodyStep::Item(0)]));
    }

    #[test]
    fn what_is_no_path_is_said_to_be_none() {
        for bad in [
            "", ".", "a.", "a..b", "a[", "a[]", "a[-1]", "a[x]", "a[0]b", "a[\"b", "a[+1]",
        ] {
            assert!(BodyPath::parse(bad).is_err(), "{bad}");
        }
    }
}
