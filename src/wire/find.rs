//! Single values of a body, without a tree.
//!
//! For conditions on a request that name a place in it: each step reads the value that the step before found, once.

use std::borrow::Cow;

use super::members;

/// The member of that name, as written; `None` where there is none, or no object. Of a key that stands twice the later.
pub fn member<'j>(json: &'j [u8], name: &str) -> Option<&'j [u8]> {
    let [value] = members::members(json, [name]).ok()?;
    value
}

/// The items of a list, as written; none where there is no list.
pub fn items(json: &[u8]) -> Vec<&[u8]> {
    let mut items = Vec::new();
    match members::each_item(json, |item| items.push(item)) {
        Ok(()) => items,
        Err(_) => Vec::new(),
    }
}

/// The value to be compared with: a text's own characters, everything else as it is written. `None`: no text at all.
pub fn shown(json: &[u8]) -> Option<Cow<'_, str>> {
    if json.first() == Some(&b'"') {
        return members::text(json);
    }
    std::str::from_utf8(json).ok().map(Cow::Borrowed)
}

/// A number as people write it: `1` for `1.0`, `1000` for `1e3`. `None`: no number, or one that cannot be told apart from
/// its neighbours.
pub fn plain_number(json: &[u8]) -> Option<String> {
    const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    let is_number = matches!(json.first(), Some(b'-' | b'0'..=b'9'));
    let text = std::str::from_utf8(json).ok().filter(|_| is_number)?;
    let number: f64 = text.parse().ok()?;
    (number.abs() <= EXACT).then(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_told_in_one_way() {
        for (written, plain) in [
            ("1", Some("1")),
            ("1.0", Some("1")),
            ("1e3", Some("1000")),
            ("0.20", Some("0.2")),
            ("-2.50", Some("-2.5")),
            ("1e300", None),
            ("\"1.0\"", None),
            ("null", None),
        ] {
            assert_eq!(
                plain_number(written.as_bytes()).as_deref(),
                plain,
                "{written}"
            );
        }
    }

    const BODY: &[u8] =
        br#"{"metadata":{"a.b":"gold\u0021"},"list":[1, {"x":true} ,"t"],"n":1.50}"#;

    #[test]
    fn a_value_is_found_step_by_step() {
        let metadata = member(BODY, "metadata").unwrap();
        let gold = member(metadata, "a.b").and_then(shown);
        assert_eq!(gold.as_deref(), Some("gold!"));
        let list = items(member(BODY, "list").unwrap());
        assert_eq!(list, [&b"1"[..], br#"{"x":true}"#, br#""t""#]);
        assert_eq!(member(BODY, "n").and_then(shown).as_deref(), Some("1.50"));
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        assert!(member(BODY, "absent").is_none());
        assert!(member(b"[1]", "a").is_none());
        assert!(items(b"{}").is_empty());
        assert!(items(b"\"a\"").is_empty());
    }
}
