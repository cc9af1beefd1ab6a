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

#[cfg(test)]
mod tests {
    use super::*;

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
