use std::borrow::Cow;
use std::ops::Range;

use super::blocks::Blocks;
use super::error::ScanError;
use super::text;
use super::{MAX_DEPTH, nest::Nest};

/// Boxed, so that what succeeds stays small.
pub(super) type Result<T> = std::result::Result<T, Box<ScanError>>;

/// A walk over JSON text that reads where it is told to and skips the rest: strings from quote to quote, containers from
/// bracket to bracket, on the masks of [`Blocks`]. What it skips is checked for its nesting and nothing else.
///
/// Invariant: between calls `at` is outside of strings, before a value or after one.
pub(super) struct Cursor<'a> {
    body: &'a [u8],
    blocks: Blocks<'a>,
    at: usize,
    /// Objects and arrays that the walk has opened and not closed.
    depth: usize,
}

/// Whether a comma is due before the next member.
pub(super) enum Member {
    First,
    Later,
}

/// A string as it is written between its quotes.
pub(super) struct Written<'a> {
    pub(super) raw: &'a [u8],
    /// Where its first quote is.
    pub(super) at: usize,
    /// Whether there may be a backslash in it: most have none, and this is known for nothing.
    escaped: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a [u8]) -> Cursor<'a> {
        Cursor {
            body,
            blocks: Blocks::new(body),
            at: 0,
            depth: 0,
        }
    }

    /// The position after what was read last.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, and moves to it; `None` at the end.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.body.get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_far(),
        }
    }

    #[inline(never)]
    fn peek_far(&mut self) -> Option<u8> {
        let rest = self.body.get(self.at..)?;
        // Indentation goes by eight.
        let eol = usize::from(rest.first() == Some(&b'\n'));
        let (eights, _) = rest.get(eol..)?.as_chunks::<8>();
        let wide = eol
            + eights
                .iter()
                .take_while(|eight| **eight == [b' '; 8])
                .count()
                * 8;
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
        let narrow = rest.get(wide..)?.iter().take_while(is_space).count();
        self.at += wide + narrow;
        self.body.get(self.at).copied()
    }

    /// Enters the object or array that stands next; its members follow by [`next_key`](Cursor::next_key) or
    /// [`next_item`](Cursor::next_item), until these say that it was left.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<Member> {
        if self.depth == MAX_DEPTH {
            return Err(Box::new(ScanError::TooDeep { at: self.at }));
        }
        self.depth += 1;
        self.at += 1;
        Ok(Member::First)
    }

    /// Enters the object that stands next; skips a value that is none.
    pub(super) fn enter_object(&mut self) -> Result<Option<Member>> {
        if self.peek() == Some(b'{') {
            return self.enter().map(Some);
        }
        self.skip()?;
        Ok(None)
    }

    /// Moves to the value of the next member of an object, or leaves the object.
    #[inline(always)]
    pub(super) fn next_key(&mut self, member: &mut Member) -> Result<Option<Written<'a>>> {
        let Some(byte) = self.next_member(member, b'}', "a comma or the object's end")? else {
            return Ok(None);
        };
        if byte != b'"' {
            return Err(self.expected("a key in quotes"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.expected("a colon"));
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Moves to the next item of an array, or leaves the array: then it says false.
    #[inline]
    pub(super) fn next_item(&mut self, member: &mut Member) -> Result<bool> {
        let byte = self.next_member(member, b']', "a comma or the array's end")?;
        Ok(byte.is_some())
    }

    #[inline(always)]
    fn next_member(
        &mut self,
        member: &mut Member,
        end: u8,
        due: &'static str,
    ) -> Result<Option<u8>> {
        let byte = self.peek();
        if byte == Some(end) {
            self.at += 1;
            self.depth -= 1;
            return Ok(None);
        }
        let byte = match member {
            Member::First => byte,
            Member::Later if byte == Some(b',') => {
                self.at += 1;
                self.peek()
            }
            Member::Later => return Err(self.expected(due)),
        };
        *member = Member::Later;
        byte.map(Some).ok_or_else(|| self.expected(due))
    }

    /// Reads the string that stands next.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Written<'a>> {
        let Some((open, close)) = self.blocks.next_string() else {
            return Err(self.truncated());
        };
        debug_assert_eq!(open, self.at, "the masks and the walk see the same strings");
        self.at = close + 1;
        Ok(Written {
            raw: self.slice(&(open + 1..close)),
            at: open,
            escaped: self.blocks.may_have_slash(open, close),
        })
    }

    /// Reads a value if it is a string, skips it if not.
    #[inline(always)]
    pub(super) fn string_value(&mut self) -> Result<Option<Written<'a>>> {
        if self.peek() == Some(b'"') {
            return self.string().map(Some);
        }
        self.skip()?;
        Ok(None)
    }

    /// Reads a value: what is written there.
    pub(super) fn written(&mut self) -> Result<&'a [u8]> {
        let span = self.skip()?;
        Ok(self.slice(&span))
    }

    /// What is written in that place.
    pub(super) fn slice(&self, span: &Range<usize>) -> &'a [u8] {
        self.body.get(span.clone()).unwrap_or_default()
    }

    /// Reads a value of any kind; gives where it stands.
    #[inline(always)]
    pub(super) fn skip(&mut self) -> Result<Range<usize>> {
        let byte = self.peek();
        let start = self.at;
        match byte {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{' | b'[') => self.skip_nest()?,
            _ => self.skip_scalar()?,
        }
        Ok(start..self.at)
    }

    fn skip_nest(&mut self) -> Result<()> {
        let mut nest = Nest::new(MAX_DEPTH - self.depth);
        let mut place = self.at;
        while let Some((base, mut bits)) = self.blocks.brackets(place) {
            while bits != 0 {
                let at = base + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let byte = self.body.get(at).copied().unwrap_or_default();
                if nest.take(byte, at)? {
                    self.at = at + 1;
                    self.blocks.go(self.at);
                    return Ok(());
                }
            }
            place = base + Blocks::BLOCK;
        }
        Err(self.truncated())
    }

    /// Literals and numbers: which ones there are is the vendor's to judge.
    fn skip_scalar(&mut self) -> Result<()> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let is_part =
            |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        match rest.iter().take_while(is_part).count() {
            0 => Err(self.expected("a value")),
            len => {
                self.at += len;
                Ok(())
            }
        }
    }

    /// What is wrong at this place.
    #[cold]
    pub(super) fn expected(&self, expected: &'static str) -> Box<ScanError> {
        match self.body.get(self.at) {
            Some(_) => Box::new(ScanError::Malformed {
                at: self.at,
                expected,
            }),
            None => self.truncated(),
        }
    }

    #[cold]
    fn truncated(&self) -> Box<ScanError> {
        Box::new(ScanError::Truncated {
            at: self.body.len(),
        })
    }
}

impl<'a> Written<'a> {
    /// What it spells, for comparison: as it is written where its escapes are broken.
    #[inline]
    pub(super) fn name(&self) -> Cow<'a, [u8]> {
        if self.escaped {
            return text::spelled(self.raw).unwrap_or(Cow::Borrowed(self.raw));
        }
        Cow::Borrowed(self.raw)
    }
}
