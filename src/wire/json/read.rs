//! The one pass over a text: grammar checked, every value noted.

use super::document::{Node, NotJson, Tag};

/// As deep as same-format traffic may be.
const MAX_DEPTH: usize = crate::wire::scan::MAX_DEPTH;

pub(super) fn read(text: &[u8], nodes: &mut Vec<Node>) -> Result<(), NotJson> {
    if u32::try_from(text.len()).is_err() {
        return Err(NotJson {
            at: 0,
            what: "the text is over four gigabytes",
        });
    }
    let mut reader = Reader {
        text,
        at: 0,
        nodes,
        open: Vec::new(),
    };
    reader.document()
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    nodes: &'t mut Vec<Node>,
    /// The containers that are open: node, and the byte that closes it.
    open: Vec<(usize, u8)>,
}

type Result_ = Result<(), NotJson>;

impl Reader<'_> {
    fn document(&mut self) -> Result_ {
        self.value()?;
        while let Some((_, closer)) = self.open.last().copied() {
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.member(closer)?;
                }
                Some(byte) if byte == closer => self.close(),
                _ => return Err(self.wrong("a comma or the end of the object or array is due")),
            }
        }
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("something follows the value")),
        }
    }

    /// A value; of a container its first member too.
    fn value(&mut self) -> Result_ {
        loop {
            self.space();
            let start = self.at;
            match self.peek() {
                Some(b'"') => return self.string(),
                Some(b'{') => self.enter(Tag::Object, b'}')?,
                Some(b'[') => self.enter(Tag::List, b']')?,
                Some(b'-' | b'0'..=b'9') => return self.number(),
                Some(b't') => return self.literal(b"true", Tag::True, start),
                Some(b'f') => return self.literal(b"false", Tag::False, start),
                Some(b'n') => return self.literal(b"null", Tag::Null, start),
                _ => return Err(self.wrong("a value is due")),
            }
            self.space();
            match (self.peek(), self.open.last()) {
                (Some(byte), Some((_, closer))) if byte == *closer => {
                    self.close();
                    return Ok(());
                }
                (_, Some((_, b'}'))) => self.key()?,
                _ => {}
            }
        }
    }

    fn member(&mut self, closer: u8) -> Result_ {
        if closer == b'}' {
            self.space();
            self.key()?;
        }
        self.value()
    }

    fn key(&mut self) -> Result_ {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a key in quotes is due"));
        }
        self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.wrong("a colon is due"));
        }
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self, tag: Tag, closer: u8) -> Result_ {
        if self.open.len() == MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply"));
        }
        self.open.push((self.nodes.len(), closer));
        let start = self.at;
        self.at += 1;
        self.note(tag, start);
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        let next = to_u32(self.nodes.len());
        let end = to_u32(self.at);
        if let Some((at, _)) = self.open.pop()
            && let Some(node) = self.nodes.get_mut(at)
        {
            node.end = end;
            node.next = next;
        }
    }

    #[inline]
    fn note(&mut self, tag: Tag, start: usize) {
        let next = to_u32(self.nodes.len() + 1);
        self.nodes.push(Node {
            start: to_u32(start),
            end: to_u32(self.at),
            next,
            tag,
        });
    }

    fn literal(&mut self, word: &[u8], tag: Tag, start: usize) -> Result_ {
        if !self
            .text
            .get(start..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            return Err(self.wrong("a value is due"));
        }
        self.at += word.len();
        self.note(tag, start);
        Ok(())
    }

    fn number(&mut self) -> Result_ {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.note(Tag::Number, start);
        Ok(())
    }

    fn digits(&mut self) -> Result_ {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(self.wrong("a digit is due")),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    #[inline]
    fn string(&mut self) -> Result_ {
        let start = self.at;
        self.at += 1;
        let mut tag = Tag::Plain;
        loop {
            self.at += plain_run(self.text.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.note(tag, start);
                    return Ok(());
                }
                Some(b'\\') => {
                    tag = Tag::Escaped;
                    self.escape()?;
                }
                Some(_) => return Err(self.wrong("a control character in a string")),
                None => return Err(self.wrong("the string has no end")),
            }
        }
    }

    fn escape(&mut self) -> Result_ {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let length = match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|hex| hex.is_ascii_hexdigit()) => 6,
            _ => return Err(self.wrong("an unknown escape in a string")),
        };
        self.at += length;
        Ok(())
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[cold]
    fn wrong(&self, what: &'static str) -> NotJson {
        let what = if self.at < self.text.len() {
            what
        } else {
            "the text ends in the middle of a value"
        };
        NotJson { at: self.at, what }
    }
}

/// How many bytes from the first one on stand for themselves in a string: no quote, backslash or control character. Eight at
/// a time ("Bit Twiddling Hacks", determine if a word has a byte less than n).
#[inline]
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (eights, rest) = bytes.as_chunks::<8>();
    for (at, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let quotes = has_zero(word ^ (ONES * u64::from(b'"')));
        let slashes = has_zero(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        // A byte above the first that is found may be marked wrongly; the first one never is.
        let found = quotes | slashes | controls;
        if found != 0 {
            return at * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let is_plain = |byte: &&u8| **byte >= 0x20 && !matches!(byte, b'"' | b'\\');
    eights.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// The length was checked.
fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::wire::json::Document;

    fn is_json(text: &[u8]) -> bool {
        Document::default().read(text).is_ok()
    }

    #[test]
    fn what_is_json_is_read_and_nothing_else() {
        for good in [
            "{}",
            " [ ] ",
            "null",
            "-0.5e+10",
            "\"a\\u00e9\\n\"",
            "{\"a\":[1,{\"b\":null}],\"c\":true}",
            "[[],{},\"\"]",
            "0",
            "1E5",
        ] {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "{",
            "}",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "[1 2]",
            "01",
            "1.",
            "-",
            ".5",
            "+1",
            "1e",
            "tru",
            "nulls",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "[1]]",
            "{\"a\":1,}",
            "{,}",
            "'a'",
            "NaN",
        ] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
        assert!(!is_json(b"\"\xff\""));
        assert!(!is_json("[".repeat(100_000).as_bytes()));
    }

    proptest! {
        #[test]
        fn judges_as_serde_json_does(text in "[\\[\\]{}:,\"\\\\a0-9.eE+\\-tfn u\n]{0,24}") {
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(is_json(text.as_bytes()), theirs, "{}", text);
        }

        #[test]
        fn strings_end_where_they_end(text in "\\PC{0,40}") {
            let written = serde_json::to_string(&text).unwrap();
            let mut document = Document::default();
            let value = document.read(written.as_bytes()).unwrap();
            prop_assert_eq!(value.text().unwrap().into_owned(), text);
        }
    }
}
