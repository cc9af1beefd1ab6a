use super::MAX_DEPTH;
use super::cursor::Result;
use super::error::ScanError;

const WORD: usize = 64;

/// Whether every closing bracket has the kind of the opening one. One bit a level, of which the upper 64 are at hand.
pub(super) struct Nest {
    depth: usize,
    room: usize,
    /// Set: an object. The innermost level is the lowest bit.
    kinds: u64,
    /// `kinds` of the levels below, a word each 64.
    below: [u64; MAX_DEPTH / WORD],
}

impl Nest {
    /// At most `room` levels.
    pub(super) fn new(room: usize) -> Nest {
        Nest {
            depth: 0,
            room,
            kinds: 0,
            below: [0; MAX_DEPTH / WORD],
        }
    }

    /// Takes the next bracket; true when it closes the outermost container.
    #[inline]
    pub(super) fn take(&mut self, bracket: u8, at: usize) -> Result<bool> {
        // `[` 0x5b, `]` 0x5d, `{` 0x7b, `}` 0x7d.
        let kind = u64::from(bracket >> 5 & 1);
        if bracket & 0x02 != 0 {
            return self.open(kind, at);
        }
        if self.kinds & 1 != kind {
            let expected = if kind == 1 { "`]`" } else { "`}`" };
            return Err(Box::new(ScanError::Malformed { at, expected }));
        }
        let Some(depth) = self.depth.checked_sub(1) else {
            return Ok(true);
        };
        self.kinds >>= 1;
        self.depth = depth;
        if let Some(word) = self.word() {
            self.kinds = *word;
        }
        Ok(self.depth == 0)
    }

    #[inline]
    fn open(&mut self, kind: u64, at: usize) -> Result<bool> {
        if self.depth == self.room {
            return Err(Box::new(ScanError::TooDeep { at }));
        }
        let kinds = self.kinds;
        if let Some(word) = self.word() {
            *word = kinds;
        }
        self.kinds = self.kinds << 1 | kind;
        self.depth += 1;
        Ok(false)
    }

    /// Where `kinds` goes when the levels at hand are full, and comes from when they are used up.
    #[inline]
    fn word(&mut self) -> Option<&mut u64> {
        match self.depth % WORD {
            0 => self.below.get_mut(self.depth / WORD),
            _ => None,
        }
    }
}
