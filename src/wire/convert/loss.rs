use crate::ir::At;
use crate::wire::json::{Misfit, Value, paths_of};

/// Losses that are noted at most: nobody reads more.
const MOST: usize = 10_000;

/// What a conversion could not carry across. Nothing is left out without a word here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    list: Vec<Loss>,
}

/// A value that does not reach the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Where it stands in the document that was read.
    pub at: At,
    /// What it is, for values that stand nowhere: in the words of the vocabulary (`thinking signature`).
    pub what: &'static str,
    pub weight: Weight,
}

/// What a loss does to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is another answer without it, or may be one.
    Lost,
    /// It is there, but as the nearest that the other side can say (a budget as an effort).
    Rounded,
    /// The answer is the same without it: an id that names something at one vendor, a mark for its cache, a note for its
    /// account's owner, thinking that no vendor takes back.
    Hint,
}

impl Losses {
    /// Notes that the value at `at` is lost. `what` names it where it stands nowhere.
    pub fn add(&mut self, at: At, what: &'static str) {
        self.put(Loss {
            at,
            what,
            weight: Weight::Lost,
        });
    }

    /// Notes that the other side is told the nearest that it knows, by a documented table.
    pub fn round(&mut self, at: At, what: &'static str) {
        self.put(Loss {
            at,
            what,
            weight: Weight::Rounded,
        });
    }

    /// Notes that the value at `at` is not told to the other side, which answers the same without it.
    pub fn hint(&mut self, at: At, what: &'static str) {
        self.put(Loss {
            at,
            what,
            weight: Weight::Hint,
        });
    }

    fn put(&mut self, loss: Loss) {
        if loss.at == At::OURS || self.list.last() == Some(&loss) {
            return;
        }
        if self.list.len() < MOST {
            self.list.push(loss);
        }
    }

    pub fn add_all(&mut self, all: &[At], what: &'static str) {
        for at in all {
            self.add(*at, what);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.list.iter()
    }

    /// The paths of what was lost, in the order of the document, each once. `root`: the document that was read.
    pub fn paths(&self, root: Value<'_, '_>) -> Vec<String> {
        let placed = self.list.iter().map(|loss| loss.at);
        let mut places: Vec<At> = placed.filter(|at| *at != At::NOWHERE).collect();
        places.sort_unstable();
        places.dedup();
        let mut paths = paths_of(root, &places);
        let nowhere = self.list.iter().filter(|loss| loss.at == At::NOWHERE);
        for loss in nowhere {
            if !paths.iter().any(|path| path == loss.what) {
                paths.push(loss.what.to_owned());
            }
        }
        paths
    }

    /// The same, and those of them without which it may be another answer.
    pub fn paths_and_lacking(&self, root: Value<'_, '_>) -> (Vec<String>, Vec<String>) {
        let all = self.paths(root);
        let list = self.list.iter().copied();
        let list: Vec<Loss> = list.filter(|loss| loss.weight == Weight::Lost).collect();
        let lacking = match list.len() {
            0 => Vec::new(),
            most if most == self.list.len() => all.clone(),
            _ => Losses { list }.paths(root),
        };
        (all, lacking)
    }
}

/// The request cannot be said in the target's format without saying something else. The caller's mistake, a 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where in the request.
    pub at: At,
    pub why: String,
}

impl Refused {
    pub fn new(at: At, why: impl Into<String>) -> Refused {
        Refused {
            at,
            why: why.into(),
        }
    }
}

impl From<Misfit> for Refused {
    fn from(misfit: Misfit) -> Refused {
        Refused::new(misfit.at, format!("this must be {}", misfit.wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Document;

    #[test]
    fn only_what_may_change_the_answer_is_lacking() {
        let mut document = Document::default();
        let root = document.read(br#"{"a":1,"b":2,"c":3}"#).unwrap();
        let at = |key| root.member(key).unwrap().at();
        let mut losses = Losses::default();
        losses.hint(at("a"), "");
        losses.round(at("b"), "");
        assert_eq!(losses.paths_and_lacking(root).1, [""; 0]);
        losses.add(at("c"), "");
        losses.add(At::OURS, "never said");
        let (all, lacking) = losses.paths_and_lacking(root);
        assert_eq!(
            (all, lacking),
            (vec!["a".into(), "b".into(), "c".into()], vec!["c".into()])
        );
    }
}
