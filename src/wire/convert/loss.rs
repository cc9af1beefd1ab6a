use crate::ir::At;
use crate::wire::json::{Misfit, Value, path_of};

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
    /// It is there, but as the nearest that the other side can say (a budget as an effort).
    pub rounded: bool,
}

impl Losses {
    /// Notes that the value at `at` is lost. `what` names it where it stands nowhere.
    pub fn add(&mut self, at: At, what: &'static str) {
        self.put(Loss {
            at,
            what,
            rounded: false,
        });
    }

    /// Notes that the other side is told the nearest that it knows, by a documented table.
    pub fn round(&mut self, at: At, what: &'static str) {
        self.put(Loss {
            at,
            what,
            rounded: true,
        });
    }

    fn put(&mut self, loss: Loss) {
        if loss.at != At::OURS && !self.list.contains(&loss) {
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

    /// Whether something is not there at all, not even nearly.
    pub fn lacks(&self) -> bool {
        self.list.iter().any(|loss| !loss.rounded)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.list.iter()
    }

    /// The paths of what was lost, in the order of the document, each once. `root`: the document that was read.
    pub fn paths(&self, root: Value<'_, '_>) -> Vec<String> {
        let mut list = self.list.clone();
        list.sort_by_key(|loss| loss.at);
        let mut paths: Vec<String> = Vec::with_capacity(list.len());
        for loss in list {
            let path = match loss.at {
                At::NOWHERE => loss.what.to_owned(),
                at => path_of(root, at),
            };
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
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
