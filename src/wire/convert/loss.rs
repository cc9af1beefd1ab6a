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

    /// Whether something is not there at all, not even nearly.
    pub fn lacks(&self) -> bool {
        self.list.iter().any(|loss| !loss.rounded)
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
