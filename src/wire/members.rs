use std::borrow::Cow;

use super::walk::{Broken, Sight, Walk};

/// Calls `see` with every member of the JSON object `json`: its key with escapes undone, and its value as written.
///
/// Vendors' values are taken as they come: a member of an unexpected type is no reason to lose the others. Of a key that
/// stands twice both are told, so that the later one can win, as it does in the clients' parsers.
pub(super) fn each_member<'a>(
    json: &'a [u8],
    mut see: impl FnMut(&str, &'a [u8]),
) -> Result<(), Broken> {
    object_spans(
        json,
        |key| Some(unescaped(key).into_owned()),
        |key, value| see(&key, value),
    )
}

/// Calls `see` with every item of the JSON array `json`.
pub(super) fn each_item<'a>(json: &'a [u8], mut see: impl FnMut(&'a [u8])) -> Result<(), Broken> {
    if first_byte(json) != Some(b'[') {
        return Err(Broken);
    }
    let mut spans = Spans {
        json,
        wanted: Some(()),
        start: 0,
        want: |_: &[u8]| Some(()),
        see: |(), item| {
            see(item);
            Some(())
        },
    };
    walk_whole(json, &mut spans)
}

/// The members of the object `json` that have these names, each `None` if it is missing. Of a key that stands twice the
/// later counts.
pub(super) fn members<'a, const N: usize>(
    json: &'a [u8],
    names: [&str; N],
) -> Result<[Option<&'a [u8]>; N], Broken> {
    let mut found = [None; N];
    let slot_of = |key: &[u8]| {
        let named = |key: &[u8]| names.iter().position(|name| name.as_bytes() == key);
        if key.contains(&b'\\') {
            named(unescaped(key).as_bytes())
        } else {
            named(key)
        }
    };
    object_spans(json, slot_of, |i, value| {
        if let Some(slot) = found.get_mut(i) {
            *slot = Some(value);
        }
    })?;
    Ok(found)
}

fn object_spans<'a, W>(
    json: &'a [u8],
    want: impl FnMut(&[u8]) -> Option<W>,
    mut see: impl FnMut(W, &'a [u8]),
) -> Result<(), Broken> {
    if first_byte(json) != Some(b'{') {
        return Err(Broken);
    }
    let mut spans = Spans {
        json,
        wanted: None,
        start: 0,
        want,
        see: |wanted, value| {
            see(wanted, value);
            None
        },
    };
    walk_whole(json, &mut spans)
}

/// The value of the string `json`, or `None` if it is anything else.
pub(super) fn text(json: &[u8]) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if !inner.contains(&b'\\') {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(json).ok().map(Cow::Owned)
}

/// A key that a [`Sight`] was told, with its escapes undone; empty if it is no text.
pub(super) fn unescaped(key: &[u8]) -> Cow<'_, str> {
    if key.contains(&b'\\') {
        let quoted = [b"\"", key, b"\""].concat();
        return Cow::Owned(serde_json::from_slice(&quoted).unwrap_or_default());
    }
    Cow::Borrowed(std::str::from_utf8(key).unwrap_or_default())
}

/// Whether the value says something: a string that is not empty, or an array or object that has members.
pub(super) fn is_filled(json: &[u8]) -> bool {
    let mut inner = json.iter().copied().filter(|b| !b.is_ascii_whitespace());
    match inner.next() {
        Some(b'"') => json.len() > 2,
        Some(b'[') => inner.next() != Some(b']'),
        Some(b'{') => inner.next() != Some(b'}'),
        _ => false,
    }
}

/// The value as a count: a number that is not negative, or `None` if it is anything else. Some vendors write `12.0`. No
/// count comes near the limit, so that sums of counts cannot overflow.
pub(super) fn count(json: Option<&[u8]>) -> Option<u64> {
    if let Some(digits) = json.filter(|json| matches!(json.len(), 1..=15)) {
        let add = |sum: u64, digit: &u8| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'));
            digit.map(|digit| sum * 10 + digit)
        };
        if let Some(count) = digits.iter().try_fold(0, add) {
            return Some(count);
        }
    }
    let number: serde_json::Number = serde_json::from_slice(json?).ok()?;
    let number = number.as_f64().filter(|n| (0.0..1e15).contains(n))?;
    Some(number as u64)
}

fn first_byte(json: &[u8]) -> Option<u8> {
    json.iter().copied().find(|b| !b.is_ascii_whitespace())
}

fn walk_whole<S: Sight>(json: &[u8], sight: &mut S) -> Result<(), Broken> {
    let mut walk = Walk::new();
    walk.push(json, 0, sight)?;
    if walk.is_whole() { Ok(()) } else { Err(Broken) }
}

/// Cuts the values at level 1 that are wanted out of a document.
struct Spans<'a, W, F, S> {
    json: &'a [u8],
    /// What the next value is wanted for.
    wanted: Option<W>,
    start: usize,
    /// Says by its key what a member is wanted for.
    want: F,
    /// Takes a value, and says what the next one is wanted for if it has no key.
    see: S,
}

impl<'a, W, F, S> Sight for Spans<'a, W, F, S>
where
    F: FnMut(&[u8]) -> Option<W>,
    S: FnMut(W, &'a [u8]) -> Option<W>,
{
    const LEVELS: u32 = 1;

    #[inline]
    fn key(&mut self, level: u32, key: &[u8]) {
        if level == 1 {
            self.wanted = (self.want)(key);
        }
    }

    #[inline]
    fn begin(&mut self, level: u32, at: usize, _: u8) {
        if level == 1 {
            self.start = at;
        }
    }

    #[inline]
    fn end(&mut self, level: u32, at: usize) {
        if level == 1
            && let Some(wanted) = self.wanted.take()
            && let Some(value) = self.json.get(self.start..at)
        {
            self.wanted = (self.see)(wanted, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_name_also_when_it_is_escaped() {
        let json = br#"{"a":1,"us\u0061ge":{"x":[1,2]},"b":"t"}"#;
        let found = members(json, ["usage", "b", "c"]);
        assert_eq!(
            found,
            Ok([Some(&br#"{"x":[1,2]}"#[..]), Some(b"\"t\""), None])
        );
    }

    #[test]
    fn the_later_of_two_equal_keys_counts() {
        assert_eq!(members(br#"{"a":1,"a":2}"#, ["a"]), Ok([Some(&b"2"[..])]));
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for json in ["", "[]", "1", "\"{}\"", "{\"a\":1", "{\"a\":1}}", "<html>"] {
            assert_eq!(members(json.as_bytes(), ["a"]), Err(Broken), "{json}");
        }
    }

    #[test]
    fn items_come_in_order() {
        let mut items = Vec::new();
        assert_eq!(
            each_item(b" [1, {\"a\":[2]} ,\"x\"]", |item| items.push(item)),
            Ok(())
        );
        assert_eq!(items, [&b"1"[..], b"{\"a\":[2]}", b"\"x\""]);
    }

    #[test]
    fn emptiness_is_told_from_contents() {
        for empty in ["null", "\"\"", "[]", "{ }", "[\n]", "0", "true", ""] {
            assert!(!is_filled(empty.as_bytes()), "{empty}");
        }
        for filled in ["\" \"", "[0]", "{\"a\":1}", "[ [] ]"] {
            assert!(is_filled(filled.as_bytes()), "{filled}");
        }
    }

    #[test]
    fn counts_are_numbers() {
        assert_eq!(count(Some(b"12")), Some(12));
        assert_eq!(count(Some(b"12.0")), Some(12));
        for other in ["-1", "null", "\"12\"", "{}", "1e99", "18446744073709551615"] {
            assert_eq!(count(Some(other.as_bytes())), None, "{other}");
        }
    }

    #[test]
    fn text_undoes_escapes() {
        assert_eq!(text(br#""a\nb""#).as_deref(), Some("a\nb"));
        assert_eq!(text(br#""ab""#).as_deref(), Some("ab"));
        assert_eq!(text(b"null"), None);
        assert_eq!(text(b"\"\xff\""), None);
    }
}
