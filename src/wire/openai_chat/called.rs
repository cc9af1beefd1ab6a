//! A call as vendors tell it in pieces, and how pieces find their call.

use std::collections::BTreeSet;

use crate::ir::Str;

use super::balance::Balance;

/// What one delta says of one call. What is empty was not said.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    pub(super) index: Option<u64>,
    pub(super) id: Str<'a>,
    pub(super) name: Str<'a>,
    pub(super) arguments: Str<'a>,
    /// Of a custom tool.
    pub(super) free: bool,
    pub(super) seal: Option<Str<'a>>,
}

/// By what pieces name their call.
#[derive(Debug)]
pub(super) struct Key {
    index: Option<u64>,
    pub(super) id: String,
    /// The vendor gave no id, or not yet.
    made: bool,
}

impl Key {
    /// Whether the piece is one of this call: the same id; without an id the same index; without either the last call,
    /// unless the piece has a name, with which a new one begins. Some vendors give every call index 0, so that another id
    /// means another call.
    pub(super) fn is_of(&self, piece: &Piece<'_>) -> bool {
        let same_index = self.index == piece.index;
        match piece.id.is_empty() {
            false => self.id == piece.id || (self.made && same_index && piece.index.is_some()),
            true if piece.index.is_some() => same_index,
            true => piece.name.is_empty(),
        }
    }
}

/// Calls that are over: what still comes for them is nothing new.
#[derive(Debug, Default)]
pub(super) struct Done {
    ids: BTreeSet<String>,
    indexes: BTreeSet<Option<u64>>,
}

impl Done {
    pub(super) fn add(&mut self, key: Key) {
        self.ids.insert(key.id);
        self.indexes.insert(key.index);
    }

    /// Whether the piece only repeats something of one of them.
    pub(super) fn holds(&self, piece: &Piece<'_>) -> bool {
        match piece.id.is_empty() {
            false => self.ids.contains(&*piece.id),
            true => piece.name.is_empty() && self.indexes.contains(&piece.index),
        }
    }
}

/// A call of which not all has come.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) key: Key,
    pub(super) name: String,
    free: bool,
    balance: Balance,
    /// Something of the arguments has come.
    begun: bool,
    /// The arguments are `{}` so far. Some vendors begin with that and then tell the real ones.
    empty: bool,
}

impl Called {
    pub(super) fn new(piece: &Piece<'_>, made: impl Fn() -> String) -> Called {
        let is_made = piece.id.is_empty();
        Called {
            key: Key {
                index: piece.index,
                id: if is_made {
                    made()
                } else {
                    piece.id.to_string()
                },
                made: is_made,
            },
            name: String::new(),
            free: piece.free,
            balance: Balance::default(),
            begun: false,
            empty: false,
        }
    }

    /// See [`Key::is_of`]. A named piece with arguments for a call whose arguments are complete begins another.
    pub(super) fn is_of(&self, piece: &Piece<'_>) -> bool {
        let another = piece.id.is_empty()
            && !piece.name.is_empty()
            && !piece.arguments.is_empty()
            && self.balance.is_complete();
        self.key.is_of(piece) && !another
    }

    /// Takes over an id and a name. A name may come in pieces, and again with every piece of the arguments.
    pub(super) fn learn(&mut self, piece: &Piece<'_>, is_told: bool) {
        if is_told {
            return;
        }
        if self.key.made && !piece.id.is_empty() {
            self.key.id = piece.id.to_string();
            self.key.made = false;
        }
        if self.name != piece.name {
            self.name.push_str(&piece.name);
        }
    }

    /// What of these arguments is news. Vendors may tell all of them once more when they are complete.
    pub(super) fn arguments<'p>(&mut self, arguments: &'p str) -> Option<&'p str> {
        if arguments.is_empty() {
            return None;
        }
        if self.free {
            self.begun = true;
            return Some(arguments);
        }
        if !self.begun && arguments.trim() == "{}" {
            (self.begun, self.empty) = (true, true);
            self.balance.push(arguments);
            return None;
        }
        if self.empty && arguments.trim_start().starts_with('{') && arguments.trim() != "{}" {
            self.empty = false;
            self.balance = Balance::default();
        }
        if self.balance.is_complete() {
            return None;
        }
        self.begun = true;
        self.balance.push(arguments);
        Some(arguments)
    }

    /// Whether it is known what is called: arguments come when the name and the id have.
    pub(super) fn is_ready(&self) -> bool {
        self.begun && !self.name.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        !self.free && self.balance.is_complete()
    }

    /// Nothing was said but that there is a call.
    pub(super) fn is_nothing(&self) -> bool {
        self.key.made && self.name.is_empty() && !self.begun
    }

    /// The arguments that were held back because others might have taken their place.
    pub(super) fn take_rest(&mut self) -> Option<&'static str> {
        std::mem::take(&mut self.empty).then_some("{}")
    }
}
