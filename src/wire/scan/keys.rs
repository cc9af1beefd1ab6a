use std::borrow::Cow;
use std::collections::BTreeSet;

/// Keys that one look along the list still finds fast.
const FEW: usize = 24;

/// The keys of one object, each once. A tree beyond the usual few: a body of nothing but keys must not cost a square.
#[derive(Default)]
pub(super) struct Keys<'a> {
    few: Vec<Cow<'a, [u8]>>,
    more: BTreeSet<Cow<'a, [u8]>>,
}

impl<'a> Keys<'a> {
    /// Takes the key in, and gives it back when it is there already.
    pub(super) fn add(&mut self, key: Cow<'a, [u8]>) -> Option<Cow<'a, [u8]>> {
        if self.few.contains(&key) || self.more.contains(&key) {
            return Some(key);
        }
        if self.few.len() < FEW {
            self.few.push(key);
        } else {
            self.more.insert(key);
        }
        None
    }
}
