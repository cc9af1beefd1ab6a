/// Seats that need no heap: 256.
const INLINE_WORDS: usize = 4;
const BITS: usize = 64;

/// A set of seats of one stage, by index. Up to 256 seats without allocation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seats {
    inline: [u64; INLINE_WORDS],
    /// Words after the inline ones; of fixed length from construction on.
    rest: Vec<u64>,
}

impl Seats {
    /// The empty set, able to hold `len` seats.
    pub fn none(len: usize) -> Seats {
        let words = len.div_ceil(BITS);
        Seats {
            inline: [0; INLINE_WORDS],
            rest: vec![0; words.saturating_sub(INLINE_WORDS)],
        }
    }

    /// All of `len` seats.
    pub fn all(len: usize) -> Seats {
        let mut seats = Seats::none(len);
        let words = seats.inline.iter_mut().chain(&mut seats.rest);
        for (at, word) in words.enumerate() {
            let bits = len.saturating_sub(at * BITS).min(BITS);
            *word = u64::MAX
                .checked_shr(u32::try_from(BITS - bits).unwrap_or(0))
                .unwrap_or(0);
        }
        seats
    }

    /// Seats beyond what the set was made for are ignored.
    pub fn insert(&mut self, seat: usize) {
        if let Some(word) = self.word_mut(seat / BITS) {
            *word |= 1 << (seat % BITS);
        }
    }

    pub fn remove(&mut self, seat: usize) {
        if let Some(word) = self.word_mut(seat / BITS) {
            *word &= !(1 << (seat % BITS));
        }
    }

    pub fn has(&self, seat: usize) -> bool {
        self.word(seat / BITS) & (1 << (seat % BITS)) != 0
    }

    pub fn is_empty(&self) -> bool {
        self.words().all(|word| word == 0)
    }

    pub fn count(&self) -> usize {
        self.words().map(|word| word.count_ones() as usize).sum()
    }

    /// Keeps only what `other` has too.
    pub fn keep(&mut self, other: &Seats) {
        self.combine(other, |mine, its| mine & its);
    }

    /// Takes out what `other` has.
    pub fn drop_all(&mut self, other: &Seats) {
        self.combine(other, |mine, its| mine & !its);
    }

    /// Takes in what `other` has.
    pub fn join(&mut self, other: &Seats) {
        self.combine(other, |mine, its| mine | its);
    }

    /// The seats, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.words()
            .enumerate()
            .flat_map(|(at, word)| Ones(word).map(move |bit| at * BITS + bit))
    }

    /// Those that are not below `first`, in rising order.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = usize> {
        let words = self.words().enumerate().skip(first / BITS);
        words.flat_map(move |(at, word)| {
            let below = if at == first / BITS { first % BITS } else { 0 };
            Ones(word & (u64::MAX << below)).map(move |bit| at * BITS + bit)
        })
    }

    /// The members that `other` has too, in rising order.
    pub fn shared(&self, other: &Seats) -> impl Iterator<Item = usize> {
        let both = self
            .words()
            .zip(other.words())
            .map(|(mine, its)| mine & its);
        both.enumerate()
            .flat_map(|(at, word)| Ones(word).map(move |bit| at * BITS + bit))
    }

    /// Whether the two have a member in common.
    pub fn meets(&self, other: &Seats) -> bool {
        self.words()
            .zip(other.words())
            .any(|(mine, its)| mine & its != 0)
    }

    /// The seat with exactly `n` members before it.
    pub fn nth(&self, n: usize) -> Option<usize> {
        let mut left = n;
        for (at, word) in self.words().enumerate() {
            let ones = word.count_ones() as usize;
            if left < ones {
                return Ones(word).nth(left).map(|bit| at * BITS + bit);
            }
            left -= ones;
        }
        None
    }

    fn combine(&mut self, other: &Seats, with: impl Fn(u64, u64) -> u64) {
        for (mine, its) in self.inline.iter_mut().zip(other.inline) {
            *mine = with(*mine, its);
        }
        for (at, mine) in self.rest.iter_mut().enumerate() {
            *mine = with(*mine, other.rest.get(at).copied().unwrap_or(0));
        }
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        self.inline.iter().chain(&self.rest).copied()
    }

    fn word(&self, at: usize) -> u64 {
        self.inline
            .get(at)
            .or_else(|| self.rest.get(at.checked_sub(INLINE_WORDS)?))
            .copied()
            .unwrap_or(0)
    }

    fn word_mut(&mut self, at: usize) -> Option<&mut u64> {
        if at < INLINE_WORDS {
            self.inline.get_mut(at)
        } else {
            self.rest.get_mut(at - INLINE_WORDS)
        }
    }
}

/// The set bits of a word, in rising order.
struct Ones(u64);

impl Iterator for Ones {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set_of_numbers(ops in prop::collection::vec((0usize..400, any::<bool>()), 0..200)) {
            let mut seats = Seats::none(400);
            let mut oracle = BTreeSet::new();
            for (seat, put) in ops {
                if put { seats.insert(seat); oracle.insert(seat); } else { seats.remove(seat); oracle.remove(&seat); }
            }
            prop_assert_eq!(seats.iter().collect::<Vec<_>>(), oracle.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(seats.count(), oracle.len());
            prop_assert_eq!(seats.is_empty(), oracle.is_empty());
            for (n, seat) in oracle.iter().enumerate() {
                prop_assert_eq!(seats.nth(n), Some(*seat));
                prop_assert!(seats.has(*seat));
            }
            prop_assert_eq!(seats.nth(oracle.len()), None);
            for first in [0, 1, 63, 64, 200, 399] {
                let rest: Vec<_> = oracle.range(first..).copied().collect();
                prop_assert_eq!(seats.iter_from(first).collect::<Vec<_>>(), rest);
            }
        }

        #[test]
        fn combines_like_sets(a in prop::collection::btree_set(0usize..300, 0..40), b in prop::collection::btree_set(0usize..300, 0..40)) {
            let of = |set: &BTreeSet<usize>| {
                let mut seats = Seats::none(300);
                set.iter().for_each(|seat| seats.insert(*seat));
                seats
            };
            let (mut both, mut less, mut either) = (of(&a), of(&a), of(&a));
            both.keep(&of(&b));
            less.drop_all(&of(&b));
            either.join(&of(&b));
            prop_assert_eq!(both, of(&a.intersection(&b).copied().collect()));
            prop_assert_eq!(less, of(&a.difference(&b).copied().collect()));
            prop_assert_eq!(either, of(&a.union(&b).copied().collect()));
        }
    }

    #[test]
    fn all_of_any_number() {
        for len in [0, 1, 63, 64, 65, 200, 256, 257, 320, 321] {
            assert_eq!(
                Seats::all(len).iter().collect::<Vec<_>>(),
                (0..len).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn ignores_seats_that_it_was_not_made_for() {
        let mut seats = Seats::none(3);
        seats.insert(700);
        assert!(seats.is_empty());
        assert!(!seats.has(700));
    }
}
