//! JSON without a tree: a push parser that checks text and tells what it passes.
//!
//! Owns the grammar (RFC 8259), over bytes that may be cut anywhere, with a bound on nesting and nothing allocated. A
//! [`Sight`] says what it wants to hear of; `glance`, `members` and `reply` are such. `string` finds the ends of strings,
//! which is where the bytes are.
//!
//! Never does: undoing escapes, reading numbers, checking UTF-8. Whoever takes a value out does that.

mod string;

pub(super) use string::string_end;

use string::{Escape, scan_string};

/// Levels of nesting that are followed; deeper text counts as broken (serde_json and the vendors' parsers stop near it too).
const MAX_DEPTH: u32 = 127;
/// Longest key that a reader can ask for. Longer ones are given cut to this length, which is no key that anybody knows.
const MAX_KEY: usize = 64;

/// The text is not JSON, or nests too deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// What a reader is told while the walk passes. Offsets are into the bytes of the current push.
pub(super) trait Sight {
    /// Levels that are reported: 0 is the document itself, 1 the members of the outermost object or array.
    const LEVELS: u32;

    /// A key at `level`, without its quotes, its escapes as written.
    fn key(&mut self, level: u32, key: &[u8]);
    /// A value begins with the byte `first` at the offset `at`.
    fn begin(&mut self, level: u32, at: usize, first: u8);
    /// The value that began last at this level ends before the offset `at`.
    fn end(&mut self, level: u32, at: usize);
}

/// A push parser of JSON (RFC 8259): it builds nothing, checks the whole grammar, and tells a [`Sight`] what it passes.
///
/// The text may be cut anywhere between two pushes, and a clone taken at a cut goes on from there by itself.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// Open brackets, the innermost in the lowest bit: 1 is an object, 0 an array.
    open: u128,
    depth: u32,
    expect: Expect,
    /// The token that a cut has split. `None` while a push is at work between tokens.
    token: Token,
    /// The beginning of the key that a cut has split. Empty between keys.
    key: Key,
}

/// What may come next, between tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// After `[`: a value or the end.
    FirstItem,
    /// After `{`: a key or the end.
    FirstKey,
    /// After a comma in an object.
    Key,
    Colon,
    /// After a value within a bracket.
    Next,
    /// The document is closed: only white space.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    None,
    Key(Escape),
    Text(Escape),
    /// The rest of `true`, `false` or `null`.
    Word(&'static [u8]),
    Number(Number),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Digits,
    Dot,
    Fraction,
    E,
    Sign,
    Exponent,
}

#[derive(Debug, Clone, Copy)]
struct Key {
    bytes: [u8; MAX_KEY],
    len: usize,
}

impl Walk {
    pub(super) fn new() -> Walk {
        Walk {
            open: 0,
            depth: 0,
            expect: Expect::Value,
            token: Token::None,
            key: Key {
                bytes: [0; MAX_KEY],
                len: 0,
            },
        }
    }

    /// Whether the document is complete: what was pushed is one whole JSON value.
    pub(super) fn is_whole(&self) -> bool {
        match self.token {
            Token::None => self.expect == Expect::Nothing,
            Token::Number(number) => self.depth == 0 && number.may_end(),
            _ => false,
        }
    }

    /// Whether nothing but white space has come yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.depth == 0 && self.expect == Expect::Value && self.token == Token::None
    }

    /// Whether it stands within a string that is a value, and not within an escape of it.
    pub(super) fn is_in_text(&self) -> bool {
        self.token == Token::Text(Escape::No)
    }

    /// Goes over `bytes` from the offset `at` on.
    ///
    /// After an error the walk is of no more use.
    #[inline]
    pub(super) fn push<S: Sight>(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        sight: &mut S,
    ) -> Result<(), Broken> {
        if at < bytes.len() {
            at = match std::mem::replace(&mut self.token, Token::None) {
                Token::None => at,
                Token::Key(escape) => self.key(bytes, at, escape, sight)?,
                Token::Text(escape) => self.text(bytes, at, escape, sight)?,
                Token::Word(rest) => self.word(bytes, at, rest, sight)?,
                Token::Number(number) => self.number(bytes, at, number, sight)?,
            };
        }
        while let Some(&byte) = bytes.get(at) {
            at = match byte {
                b' ' | b'\n' | b'\r' | b'\t' => at + 1 + white_run(bytes, at + 1),
                b'"' if matches!(self.expect, Expect::FirstKey | Expect::Key) => {
                    self.key(bytes, at + 1, Escape::No, sight)?
                }
                b':' | b',' | b'}' | b']' => self.joint(byte, at, sight)?,
                _ => self.value(bytes, at, byte, sight)?,
            };
        }
        Ok(())
    }

    #[inline]
    fn joint<S: Sight>(&mut self, byte: u8, at: usize, sight: &mut S) -> Result<usize, Broken> {
        let in_object = self.open & 1 == 1;
        match (byte, self.expect) {
            (b':', Expect::Colon) => self.expect = Expect::Value,
            (b',', Expect::Next) if in_object => self.expect = Expect::Key,
            (b',', Expect::Next) => self.expect = Expect::Value,
            (b'}', Expect::Next | Expect::FirstKey) if in_object => self.close(at, sight),
            (b']', Expect::Next | Expect::FirstItem) if !in_object => self.close(at, sight),
            _ => return Err(Broken),
        }
        Ok(at + 1)
    }

    #[inline]
    fn value<S: Sight>(
        &mut self,
        bytes: &[u8],
        at: usize,
        first: u8,
        sight: &mut S,
    ) -> Result<usize, Broken> {
        if !matches!(self.expect, Expect::Value | Expect::FirstItem) {
            return Err(Broken);
        }
        if self.depth <= S::LEVELS {
            sight.begin(self.depth, at, first);
        }
        let next = at + 1;
        match first {
            b'"' => self.text(bytes, next, Escape::No, sight),
            b'{' => self.enter(1, Expect::FirstKey).map(|()| next),
            b'[' => self.enter(0, Expect::FirstItem).map(|()| next),
            b'n' => self.word(bytes, next, b"ull", sight),
            b't' => self.word(bytes, next, b"rue", sight),
            b'f' => self.word(bytes, next, b"alse", sight),
            b'-' => self.number(bytes, next, Number::Minus, sight),
            b'0' => self.number(bytes, next, Number::Zero, sight),
            b'1'..=b'9' => self.number(bytes, next, Number::Digits, sight),
            _ => Err(Broken),
        }
    }

    fn enter(&mut self, kind: u128, expect: Expect) -> Result<(), Broken> {
        if self.depth == MAX_DEPTH {
            return Err(Broken);
        }
        self.depth += 1;
        self.open = self.open << 1 | kind;
        self.expect = expect;
        Ok(())
    }

    fn close<S: Sight>(&mut self, at: usize, sight: &mut S) {
        self.depth -= 1;
        self.open >>= 1;
        self.ended(at + 1, sight);
    }

    /// A value has ended before the offset `at`.
    #[inline]
    fn ended<S: Sight>(&mut self, at: usize, sight: &mut S) {
        if self.depth <= S::LEVELS {
            sight.end(self.depth, at);
        }
        self.expect = if self.depth == 0 {
            Expect::Nothing
        } else {
            Expect::Next
        };
    }

    #[inline]
    fn key<S: Sight>(
        &mut self,
        bytes: &[u8],
        at: usize,
        escape: Escape,
        sight: &mut S,
    ) -> Result<usize, Broken> {
        let end = match scan_string(bytes, at, escape)? {
            Ok(end) => end,
            Err(cut) => {
                self.key.push(bytes.get(at..).unwrap_or_default());
                self.token = Token::Key(cut);
                return Ok(bytes.len());
            }
        };
        if self.depth <= S::LEVELS {
            let part = bytes.get(at..end).unwrap_or_default();
            if self.key.len == 0 {
                sight.key(self.depth, part.get(..MAX_KEY).unwrap_or(part));
            } else {
                self.key.push(part);
                sight.key(
                    self.depth,
                    self.key.bytes.get(..self.key.len).unwrap_or_default(),
                );
            }
        }
        self.key.len = 0;
        self.expect = Expect::Colon;
        Ok(end + 1)
    }

    #[inline]
    fn text<S: Sight>(
        &mut self,
        bytes: &[u8],
        at: usize,
        escape: Escape,
        sight: &mut S,
    ) -> Result<usize, Broken> {
        match scan_string(bytes, at, escape)? {
            Ok(end) => {
                self.ended(end + 1, sight);
                Ok(end + 1)
            }
            Err(cut) => {
                self.token = Token::Text(cut);
                Ok(bytes.len())
            }
        }
    }

    #[inline]
    fn word<S: Sight>(
        &mut self,
        bytes: &[u8],
        at: usize,
        rest: &'static [u8],
        sight: &mut S,
    ) -> Result<usize, Broken> {
        let here = bytes.get(at..).unwrap_or_default();
        if here.starts_with(rest) {
            self.ended(at + rest.len(), sight);
            return Ok(at + rest.len());
        }
        let missing = rest.strip_prefix(here).ok_or(Broken)?;
        self.token = Token::Word(missing);
        Ok(bytes.len())
    }

    #[inline]
    fn number<S: Sight>(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        mut number: Number,
        sight: &mut S,
    ) -> Result<usize, Broken> {
        loop {
            if matches!(number, Number::Digits | Number::Fraction | Number::Exponent) {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().take_while(|b| b.is_ascii_digit()).count();
            }
            let Some(&byte) = bytes.get(at) else {
                self.token = Token::Number(number);
                return Ok(at);
            };
            match number.after(byte) {
                Some(next) => number = next,
                None if number.may_end() => {
                    self.ended(at, sight);
                    return Ok(at);
                }
                None => return Err(Broken),
            }
            at += 1;
        }
    }
}

/// How many bytes of white space come next (RFC 8259, section 2).
#[inline]
fn white_run(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let is_white = |b: &&u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    rest.iter().take_while(is_white).count()
}

impl Number {
    fn after(self, byte: u8) -> Option<Number> {
        use Number::*;
        Some(match (self, byte) {
            (Minus, b'0') => Zero,
            (Minus | Digits, b'0'..=b'9') => Digits,
            (Zero | Digits, b'.') => Dot,
            (Dot | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Digits | Fraction, b'e' | b'E') => E,
            (E, b'+' | b'-') => Sign,
            (E | Sign | Exponent, b'0'..=b'9') => Exponent,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(
            self,
            Number::Zero | Number::Digits | Number::Fraction | Number::Exponent
        )
    }
}

impl Key {
    fn push(&mut self, part: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(self.len).zip(part) {
            *slot = *byte;
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, PartialEq, Eq, Clone)]
    struct Log(Vec<String>);

    impl Sight for Log {
        const LEVELS: u32 = 2;

        fn key(&mut self, level: u32, key: &[u8]) {
            self.0
                .push(format!("{level} {}", String::from_utf8_lossy(key)));
        }
        fn begin(&mut self, level: u32, _: usize, first: u8) {
            self.0.push(format!("{level} < {}", first as char));
        }
        fn end(&mut self, level: u32, _: usize) {
            self.0.push(format!("{level} >"));
        }
    }

    fn walked(parts: &[&[u8]]) -> (bool, Log) {
        let (mut walk, mut log) = (Walk::new(), Log::default());
        let ok = parts.iter().all(|p| walk.push(p, 0, &mut log).is_ok());
        (ok && walk.is_whole(), log)
    }

    const TEXTS: &[&str] = &[
        "{}",
        "[]",
        " {\"a\" : [1, -0.5e+10, {\"b\":null}] , \"c\\\"\\u00e9\":\"x\\n\\uD83D\\ude00é\"}\n",
        "17",
        "\"\"",
        "{\"a_key_that_is_longer_than_anything_that_a_reader_would_ever_ask_for_in_its_life\":true}",
        "{\"a\":[[[[]]]],\"b\":false}",
    ];

    #[test]
    fn whole_documents_are_whole_however_they_are_cut() {
        for text in TEXTS {
            let (whole, log) = walked(&[text.as_bytes()]);
            assert!(whole, "{text}");
            for cut in 0..=text.len() {
                let (a, b) = text.as_bytes().split_at(cut);
                assert_eq!(walked(&[a, b]), (true, log.clone()), "{text} at {cut}");
            }
        }
    }

    #[test]
    fn a_prefix_is_never_whole() {
        for text in TEXTS.iter().filter(|t| t.trim() != "17") {
            for cut in 0..text.trim_end().len() {
                assert!(!walked(&[&text.as_bytes()[..cut]]).0, "{text} at {cut}");
            }
        }
    }

    #[test]
    fn what_serde_json_refuses_is_refused_and_the_reverse() {
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\", "0", "1", "-", ".", "e", "+", "true",
            "nul", "l", " ", "\u{1}", "\"", "\\u00", "é", "\t",
        ];
        let mut seed = 1u64;
        for _ in 0..200_000 {
            let mut text = String::new();
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let mut dice = seed;
            for _ in 0..(seed >> 60) {
                dice = dice
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(seed | 1);
                text.push_str(pieces[(dice >> 33) as usize % pieces.len()]);
            }
            let ours = walked(&[text.as_bytes()]).0;
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            assert_eq!(ours, theirs, "{text:?}");
        }
    }

    #[test]
    fn keys_and_values_are_told_with_their_level() {
        let (_, log) = walked(&[br#"{"a":[1,{"deep":2}],"b":"x"}"#]);
        let told = [
            "0 < {", "1 a", "1 < [", "2 < 1", "2 >", "2 < {", "2 >", "1 >", "1 b", "1 < \"", "1 >",
            "0 >",
        ];
        assert_eq!(log.0, told);
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(walked(&[deep(127).as_bytes()]).0);
        assert!(!walked(&[deep(128).as_bytes()]).0);
    }
}
