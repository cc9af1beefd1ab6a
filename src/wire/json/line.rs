//! JSON on one line, as events of a stream need it.

use std::borrow::Cow;

use memchr::memchr2;

/// The text without line ends between its values. A text that has none is not copied.
pub fn on_one_line(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'\n', b'\r', text).is_none() {
        return Cow::Borrowed(text);
    }
    // In strings there are none: they are escaped there.
    let is_kept = |byte: &u8| !matches!(byte, b'\n' | b'\r');
    Cow::Owned(text.iter().copied().filter(is_kept).collect())
}

/// Escapes the characters of `out` from `from` on at which some clients end a line although no stream does: NEL, LINE
/// SEPARATOR and PARAGRAPH SEPARATOR (Google's Python SDK cuts streams by `str.splitlines`). They stand in strings alone.
pub fn escape_separators(out: &mut Vec<u8>, from: usize) {
    let tail = out.get(from..).unwrap_or_default();
    if memchr2(0xE2, 0xC2, tail).is_none() {
        return;
    }
    let mut escaped = Vec::with_capacity(tail.len() + 16);
    let mut rest = tail;
    while let Some((byte, after)) = rest.split_first() {
        let (bytes, length): (&[u8], usize) = match rest {
            [0xE2, 0x80, 0xA8, ..] => (b"\\u2028", 3),
            [0xE2, 0x80, 0xA9, ..] => (b"\\u2029", 3),
            [0xC2, 0x85, ..] => (b"\\u0085", 2),
            _ => (std::slice::from_ref(byte), 1),
        };
        escaped.extend_from_slice(bytes);
        rest = rest.get(length..).unwrap_or(after);
    }
    out.truncate(from);
    out.extend_from_slice(&escaped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_go_and_what_is_escaped_stays() {
        assert_eq!(
            &*on_one_line(b"{\r\n \"a\": \"b\\n\"\n}"),
            b"{ \"a\": \"b\\n\"}"
        );
        assert!(matches!(on_one_line(b"{}"), Cow::Borrowed(_)));
    }

    #[test]
    fn separators_are_escaped_and_other_characters_are_not() {
        let mut out = "\u{2028}|é“\u{2028}\u{2029}\u{85}…".as_bytes().to_vec();
        escape_separators(&mut out, 4);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\u{2028}|é“\\u2028\\u2029\\u0085…"
        );
    }
}
