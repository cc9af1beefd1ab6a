//! Secrets that an export leaves out, and the variables that stand in their place.

use serde::Serialize;

use super::tree;
use crate::config::file::{Node, Value};
use crate::config::hidden;
use crate::config::objects::Kind;
use crate::config::{check, fill};

/// A secret that is not in the export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Stands in its place: has to be set where the file is loaded.
    pub variable: String,
    /// Whose it is: `provider relay-a: keys[0].value`.
    pub place: String,
    /// How it is shown.
    pub masked: String,
}

/// The variables of one export.
#[derive(Default)]
pub(super) struct Placeholders {
    list: Vec<LeftOut>,
    /// The secret of each, so that equal ones share a variable.
    secrets: Vec<String>,
    taken: Vec<String>,
}

impl Placeholders {
    /// `root` is what will be exported: its own variables keep their meaning.
    pub(super) fn beside(root: &mut Node) -> Placeholders {
        let mut taken: Vec<String> = check::NAMES
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        root.scalars_mut(&mut |_, value| {
            if let Value::Scalar(scalar) = value {
                let named = scalar.text.split("${").skip(1);
                taken.extend(named.filter_map(|rest| {
                    let name = rest.split(['}', ':']).next()?;
                    fill::is_name(name).then(|| name.to_owned())
                }));
            }
        });
        Placeholders {
            taken,
            ..Placeholders::default()
        }
    }

    /// Takes the secrets out of an object.
    pub(super) fn strip(&mut self, kind: Kind, name: &str, object: &mut Node) {
        let hidden = hidden::hide(kind, name, &tree::json_under(name, object));
        for (place, secret) in hidden.secrets {
            if is_no_secret((kind, name), &secret) {
                continue;
            }
            let shown = hidden
                .shown
                .pointer(&place)
                .and_then(|shown| shown.as_str());
            let variable = self.variable((kind, name), &place, &secret);
            if let Some(node) = tree::at_mut(object, &place) {
                node.value = tree::scalar(format!("${{{variable}}}"), true);
            }
            self.secrets.push(secret);
            self.list.push(LeftOut {
                variable,
                place: match tree::path_of(&place) {
                    path if path.is_empty() => name.to_owned(),
                    path => format!("{} {name}: {path}", kind.name().replace('_', " ")),
                },
                masked: shown.unwrap_or("…").to_owned(),
            });
        }
    }

    fn variable(&mut self, (kind, name): (Kind, &str), place: &str, secret: &str) -> String {
        let same = self.secrets.iter().position(|other| other == secret);
        if let Some(known) = same.and_then(|at| self.list.get(at)) {
            return known.variable.clone();
        }
        if kind == Kind::Setting {
            // Only the database has one, and that is its own variable.
            return "DATABASE_URL".to_owned();
        }
        let header = place.strip_prefix("/headers/");
        let wanted = constant(&format!("{name}_{}", header.unwrap_or("KEY")));
        let numbered = (2_usize..).map(|n| format!("{wanted}_{n}"));
        let mut names = std::iter::once(wanted.clone()).chain(numbered);
        let free = names
            .find(|name| !self.taken.contains(name))
            .unwrap_or(wanted);
        self.taken.push(free.clone());
        free
    }

    pub(super) fn done(self) -> Vec<LeftOut> {
        self.list
    }
}

/// A database without a password is no secret, though its place is one.
fn is_no_secret((kind, name): (Kind, &str), value: &str) -> bool {
    kind == Kind::Setting
        && name == "database"
        && (value.starts_with("sqlite") || !value.contains(['@', '?']))
}

/// `relay-a_KEY` as the name of a variable: `RELAY_A_KEY`.
fn constant(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c.is_ascii_alphanumeric() {
            true => out.push(c.to_ascii_uppercase()),
            false if out.is_empty() || out.ends_with('_') => {}
            false => out.push('_'),
        }
    }
    match out.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("N{out}"),
        false => out,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_named_by_whose_secret_it_is_and_never_twice() {
        let mut root = tree::node(&json!({"a": "${RELAY_A_KEY:-x}"}));
        let mut names = Placeholders::beside(&mut root);
        let mut one = tree::node(
            &json!({"keys": ["sk-one-0123456789", "${B}", {"value": "sk-two-0123456789"}], "headers": {"X-Token": "header-0123456789"}}),
        );
        names.strip(Kind::Provider, "relay-a", &mut one);
        let mut two = tree::node(&json!({"keys": ["sk-one-0123456789"]}));
        names.strip(Kind::Provider, "other", &mut two);
        let mut admin = tree::node(&json!({"value": "tg-admin-0123456789"}));
        names.strip(Kind::ClientKey, "admin", &mut admin);
        assert_eq!(
            tree::json(&one),
            json!({"keys": ["${RELAY_A_KEY_2}", "${B}", {"value": "${RELAY_A_KEY_3}"}], "headers": {"X-Token": "${RELAY_A_X_TOKEN}"}})
        );
        assert_eq!(tree::json(&two), json!({"keys": ["${RELAY_A_KEY_2}"]}));
        assert_eq!(tree::json(&admin), json!({"value": "${ADMIN_KEY_2}"}));
        let list = names.done();
        assert_eq!(
            (list[2].place.as_str(), list[2].masked.as_str()),
            ("provider relay-a: keys[2].value", "sk-…6789")
        );
        assert!(!format!("{list:?}").contains("0123456789"));
        assert_eq!(constant("9 lives"), "N9_LIVES");
        assert_eq!(constant("日本_KEY"), "KEY");
    }

    #[test]
    fn a_database_is_a_secret_only_with_a_password() {
        let stripped = |url: &str| {
            let mut node = tree::node(&json!(url));
            Placeholders::default().strip(Kind::Setting, "database", &mut node);
            node.text().unwrap().to_owned()
        };
        assert_eq!(
            stripped("sqlite://data/tidegate.db"),
            "sqlite://data/tidegate.db"
        );
        assert_eq!(stripped("postgres://db/tidegate"), "postgres://db/tidegate");
        assert_eq!(
            stripped("postgres://me:pass@db/tidegate"),
            "${DATABASE_URL}"
        );
    }
}
