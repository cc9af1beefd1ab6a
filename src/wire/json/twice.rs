use super::value::{Kind, Value};
use crate::ir::{At, Str};

/// Keys that are compared one by one; more of them are put in order first, so that nothing costs a square.
const FEW: usize = 12;

/// Where a key stands a second time in its object: the place of what it has there. Objects that stand under one of the keys
/// `raw` pass as they are, with all that is in them, and are not looked into.
pub fn given_twice(root: Value<'_, '_>, raw: &[&str]) -> Option<At> {
    let mut due = vec![root.outermost()];
    let mut keys = Vec::new();
    let mut found: Option<At> = None;
    while let Some(value) = due.pop() {
        let is_nested = |value: &Value<'_, '_>| matches!(value.kind(), Kind::List | Kind::Object);
        if value.kind() == Kind::List {
            due.extend(value.items().filter(is_nested));
            continue;
        }
        keys.clear();
        for (key, member) in value.members() {
            let passes = member.kind() == Kind::Object && raw.contains(&&*key);
            if is_nested(&member) && !passes {
                due.push(member);
            }
            keys.push((key, member.at()));
        }
        if let Some(at) = twice(&mut keys) {
            found = Some(found.map_or(at, |first| first.min(at)));
        }
    }
    found
}

fn twice(keys: &mut [(Str<'_>, At)]) -> Option<At> {
    if keys.len() <= FEW {
        let mut rest = &*keys;
        while let Some(((key, _), after)) = rest.split_first() {
            if let Some((_, at)) = after.iter().find(|(other, _)| other == key) {
                return Some(*at);
            }
            rest = after;
        }
        return None;
    }
    keys.sort_unstable();
    let pairs = keys.windows(2).filter_map(|pair| match pair {
        [(one, _), (two, at)] if one == two => Some(*at),
        _ => None,
    });
    pairs.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{Document, path_of};

    fn path(text: &str) -> Option<String> {
        let mut document = Document::default();
        let root = document.read(text.as_bytes()).unwrap();
        given_twice(root, &["schema"]).map(|at| path_of(root, at))
    }

    #[test]
    fn a_key_that_stands_twice_is_named_by_its_path() {
        let many: String = (0..50).map(|n| format!("\"k{n}\":{n},")).collect();
        for (text, expected) in [
            (
                r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#.to_owned(),
                None,
            ),
            (
                r#"{"a":[1,{"b":1,"c":2,"b":3}]}"#.to_owned(),
                Some("a[1].b"),
            ),
            (r#"{"a":{"b":1,"\u0062":3}}"#.to_owned(), Some("a.b")),
            (
                r#"{"schema":{"b":1,"b":3},"d":{"schema":{"x":[{"b":1,"b":2}]}}}"#.to_owned(),
                None,
            ),
            (
                r#"{"schema":[{"b":1,"b":3}]}"#.to_owned(),
                Some("schema[0].b"),
            ),
            (format!("{{\"a\":{{{many}\"z\":1}}}}"), None),
            (format!("{{\"a\":{{{many}\"k7\":1}}}}"), Some("a.k7")),
            (
                r#"{"a":{"x":1,"x":2},"b":{"y":1,"y":2}}"#.to_owned(),
                Some("a.x"),
            ),
            (r#"[[]]"#.to_owned(), None),
        ] {
            assert_eq!(path(&text).as_deref(), expected, "{text}");
        }
    }
}
