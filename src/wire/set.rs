//! One value of a body set, put in or taken out, and not one byte else changed.
//!
//! For what an endpoint's configuration says of every request (`set`). Bodies go through here only where it says something.

use std::ops::Range;

use super::json::{Document, Kind, Value, Writer};

/// The body with `value` (JSON) at the place that `path` names by its members, made where it is not there; `None` takes it
/// out. A body that is no JSON object stays as it is.
pub fn set(body: &[u8], path: &[String], value: Option<&str>) -> Vec<u8> {
    let mut document = Document::default();
    let change = document
        .read(body)
        .ok()
        .and_then(|root| change(root, path, value));
    let mut out = Vec::with_capacity(body.len() + value.map_or(0, str::len) + 64);
    let Some((span, text)) = change else {
        out.extend_from_slice(body);
        return out;
    };
    out.extend_from_slice(body.get(..span.start).unwrap_or_default());
    out.extend_from_slice(&text);
    out.extend_from_slice(body.get(span.end..).unwrap_or_default());
    out
}

/// The span that gives way, and to what; `None` where nothing has to change.
fn change(
    root: Value<'_, '_>,
    path: &[String],
    value: Option<&str>,
) -> Option<(Range<usize>, Vec<u8>)> {
    let mut object = Some(root).filter(|root| root.kind() == Kind::Object)?;
    let mut steps = path;
    loop {
        let (name, rest) = steps.split_first()?;
        let Some((at, member)) = last_member(object, name) else {
            return value.map(|value| insertion(object, steps, value));
        };
        if !rest.is_empty() && member.kind() == Kind::Object {
            object = member;
            steps = rest;
            continue;
        }
        return match (value, rest) {
            (Some(value), _) => Some((member.span(), nested(rest, value))),
            (None, []) => Some((with_its_comma(&object.spans(), at)?, Vec::new())),
            // What stands there has no such member.
            (None, _) => None,
        };
    }
}

/// Of a key that stands twice the last one counts, as in the vendors' parsers.
fn last_member<'d, 'a>(object: Value<'d, 'a>, name: &str) -> Option<(usize, Value<'d, 'a>)> {
    let named = object
        .members()
        .enumerate()
        .filter(|(_, (key, _))| **key == *name);
    named.last().map(|(at, (_, member))| (at, member))
}

/// Behind the last member: what comes before it stays a prefix.
fn insertion(object: Value<'_, '_>, steps: &[String], value: &str) -> (Range<usize>, Vec<u8>) {
    let last = object.spans().last().map(|last| last.end);
    let at = last.unwrap_or(object.span().start + 1);
    let mut text = Vec::new();
    if last.is_some() {
        text.push(b',');
    }
    let member = nested(steps, value);
    // Without the braces of the outermost object.
    let inner = member.get(1..member.len().saturating_sub(1));
    text.extend_from_slice(inner.unwrap_or_default());
    (at..at, text)
}

/// The value within objects, one a step.
fn nested(steps: &[String], value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    for step in steps {
        writer.open_object().any_key(step);
    }
    writer.raw(value);
    for _ in steps {
        writer.close_object();
    }
    out
}

fn with_its_comma(spans: &[Range<usize>], at: usize) -> Option<Range<usize>> {
    let own = spans.get(at)?;
    if let Some(before) = at.checked_sub(1).and_then(|before| spans.get(before)) {
        return Some(before.end..own.end);
    }
    let end = spans.get(at + 1).map_or(own.end, |next| next.start);
    Some(own.start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Tree, json};

    use super::*;

    fn done(body: &str, path: &str, value: Option<&str>) -> String {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        String::from_utf8(set(body.as_bytes(), &path, value)).unwrap()
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        assert_eq!(
            done("{ \"a\" : 1.50 , \"b\":2}", "a", Some("0.2")),
            "{ \"a\" : 0.2 , \"b\":2}"
        );
        assert_eq!(
            done(r#"{"g":{"t":1,"k":[1]},"z":0}"#, "g.k", Some("null")),
            r#"{"g":{"t":1,"k":null},"z":0}"#
        );
    }

    #[test]
    fn a_value_is_put_in_behind_the_others() {
        assert_eq!(done("{}", "a", Some("1")), r#"{"a":1}"#);
        assert_eq!(done("{ }", "a.b", Some("1")), r#"{"a":{"b":1} }"#);
        assert_eq!(done(r#"{"x":1 }"#, "a", Some("[1]")), r#"{"x":1,"a":[1] }"#);
        assert_eq!(
            done(r#"{"g":{"t":1}}"#, "g.k.d", Some("2")),
            r#"{"g":{"t":1,"k":{"d":2}}}"#
        );
        assert_eq!(done(r#"{"g":null}"#, "g.k", Some("2")), r#"{"g":{"k":2}}"#);
    }

    #[test]
    fn a_value_is_taken_out_with_its_comma() {
        assert_eq!(
            done(r#"{"a":1,"b":2,"c":3}"#, "b", None),
            r#"{"a":1,"c":3}"#
        );
        assert_eq!(done(r#"{"a":1,"b":2}"#, "a", None), r#"{"b":2}"#);
        assert_eq!(done(r#"{"a":1,"b":2}"#, "b", None), r#"{"a":1}"#);
        assert_eq!(done(r#"{"a":{"b":2}}"#, "a.b", None), r#"{"a":{}}"#);
        assert_eq!(done(r#"{"a":1}"#, "a.b", None), r#"{"a":1}"#);
        assert_eq!(done(r#"{"a":1}"#, "z", None), r#"{"a":1}"#);
    }

    #[test]
    fn what_is_no_object_stays() {
        assert_eq!(done("[1]", "a", Some("1")), "[1]");
        assert_eq!(done("{", "a", Some("1")), "{");
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<i32>().prop_map(|n| json!(n)),
            "[a-c\"\\\\]{0,3}".prop_map(|s| json!(s))
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Tree::from),
                prop::collection::hash_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Tree::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same on a tree.
    fn told(tree: &mut Tree, path: &[String], value: Option<&Tree>) {
        let (Tree::Object(map), Some((name, rest))) = (tree, path.split_first()) else {
            return;
        };
        match (rest, value) {
            ([], Some(value)) => {
                map.insert(name.clone(), value.clone());
            }
            ([], None) => {
                map.remove(name);
            }
            (_, None) => {
                if let Some(inner) = map.get_mut(name) {
                    told(inner, rest, None);
                }
            }
            (_, Some(_)) => {
                let inner = map.entry(name.clone()).or_insert(json!({}));
                if !inner.is_object() {
                    *inner = json!({});
                }
                told(inner, rest, value);
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_as_on_a_tree(
            tree in trees(),
            path in prop::collection::vec("[a-c]", 1..4),
            value in prop::option::of(any::<u8>()),
            pretty in any::<bool>(),
        ) {
            let body = if pretty { format!("{tree:#}") } else { tree.to_string() };
            let json = value.map(|n| n.to_string());
            let after = set(body.as_bytes(), &path, json.as_deref());
            let mut expected = tree.clone();
            told(&mut expected, &path, value.map(|n| json!(n)).as_ref());
            prop_assert_eq!(serde_json::from_slice::<Tree>(&after).unwrap(), expected);
        }
    }
}
