//! Variables in values: `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`.
//!
//! They are filled in after the YAML is read, so that a value cannot add keys to the configuration.

use super::env::Env;

/// Defaults may hold variables, to this depth.
const MAX_DEPTH: usize = 8;

/// What cannot be filled in, and at which bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub start: usize,
    pub end: usize,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// No such variable, and no default.
    Unset(String),
    /// `${` without its `}`.
    Open,
    /// What stands between the braces is no name.
    BadName(String),
    TooDeep,
}

/// The text with its variables filled in; `None` where there are none. All faults, not only the first.
pub(super) fn fill(text: &str, env: &Env) -> Result<Option<String>, Vec<Fault>> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filler = Filler {
        env,
        faults: Vec::new(),
    };
    let out = filler.fill(text, 0, 0);
    if filler.faults.is_empty() {
        Ok(Some(out))
    } else {
        Err(filler.faults)
    }
}

struct Filler<'a> {
    env: &'a Env,
    faults: Vec<Fault>,
}

impl Filler<'_> {
    /// `at` is where `text` begins in the whole.
    fn fill(&mut self, text: &str, at: usize, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = text;
        let mut start = at;
        while let Some(dollar) = rest.find("${") {
            let (before, from) = rest.split_at(dollar);
            if let Some(before) = before.strip_suffix('$') {
                out += before;
                out += "${";
                rest = from.get(2..).unwrap_or("");
                start += dollar + 2;
                continue;
            }
            out += before;
            let Some(close) = closing(from) else {
                self.faults.push(Fault {
                    start: start + dollar,
                    end: at + text.len(),
                    kind: FaultKind::Open,
                });
                return out;
            };
            let inner = from.get(2..close).unwrap_or("");
            out += &self.variable(inner, start + dollar + 2, depth);
            rest = from.get(close + 1..).unwrap_or("");
            start += dollar + close + 1;
        }
        out + rest
    }

    /// What stands between the braces; `at` is where it begins.
    fn variable(&mut self, inner: &str, at: usize, depth: usize) -> String {
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let fault = |kind| Fault {
            start: at.saturating_sub(2),
            end: at + inner.len() + 1,
            kind,
        };
        if !is_name(name) {
            self.faults.push(fault(FaultKind::BadName(name.to_owned())));
            return String::new();
        }
        match (self.env.value(name), default) {
            (Some(value), None) => value.to_owned(),
            (Some(value), Some(_)) if !value.is_empty() => value.to_owned(),
            (None, None) => {
                self.faults.push(fault(FaultKind::Unset(name.to_owned())));
                String::new()
            }
            (_, Some(_)) if depth >= MAX_DEPTH => {
                self.faults.push(fault(FaultKind::TooDeep));
                String::new()
            }
            (_, Some(default)) => self.fill(default, at + name.len() + 2, depth + 1),
        }
    }
}

/// Offset of the brace that closes the `${` at the beginning of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes.get(at - 1) == Some(&b'$') => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

pub(super) fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        let env = Env::new([("A", "1"), ("EMPTY", ""), ("YAML", "x: [y")]);
        match fill(text, &env) {
            Ok(text) => text.unwrap_or_else(|| "-".to_owned()),
            Err(faults) => faults
                .iter()
                .map(|f| format!("{:?}@{}..{} ", f.kind, f.start, f.end))
                .collect(),
        }
    }

    #[test]
    fn variables_and_defaults_are_filled_in() {
        assert_eq!(filled("plain"), "-");
        assert_eq!(filled("a${A}b${A}"), "a1b1");
        assert_eq!(filled("${B:-d}${EMPTY:-e}${EMPTY}"), "de");
        assert_eq!(filled("${B:-}"), "");
        assert_eq!(filled("${B:-${C:-${A}}}!"), "1!");
        assert_eq!(filled("${YAML}"), "x: [y");
    }

    #[test]
    fn two_dollars_are_a_literal_one() {
        assert_eq!(filled("$${A} ${A}"), "${A} 1");
        assert_eq!(filled("cost: $5"), "-");
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        assert_eq!(
            filled("${X} ${A} ${Y}"),
            "Unset(\"X\")@0..4 Unset(\"Y\")@10..14 "
        );
        assert_eq!(filled("a${A"), "Open@1..4 ");
        assert_eq!(filled("${1x}"), "BadName(\"1x\")@0..5 ");
        assert_eq!(filled("${}"), "BadName(\"\")@0..3 ");
    }

    #[test]
    fn endless_nesting_ends() {
        let deep = "${B:-".repeat(10_000) + &"}".repeat(10_000);
        assert!(filled(&deep).contains("TooDeep"));
        assert!(filled(&"${B:-".repeat(10_000)).contains("Open"));
    }
}
