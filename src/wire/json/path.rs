use super::value::Value;
use crate::ir::At;

/// The path of the value that stands at `at` in the document of `root`: `messages[2].content[0].text`.
pub fn path_of(root: Value<'_, '_>, at: At) -> String {
    paths_of(root, &[at]).pop().unwrap_or_default()
}

/// The paths of the values that stand at `places`, which rise. One walk, whatever their number.
pub fn paths_of(root: Value<'_, '_>, places: &[At]) -> Vec<String> {
    let mut found = Vec::with_capacity(places.len());
    walk(root.outermost(), "", places, &mut found);
    found
}

fn walk(value: Value<'_, '_>, path: &str, places: &[At], found: &mut Vec<String>) {
    let own = places.iter().take_while(|at| **at <= value.at()).count();
    let mut rest = places.get(own..).unwrap_or_default();
    // A place before its value is that of a key, or of white space: nobody notes such.
    if places
        .get(..own)
        .is_some_and(|own| own.last() == Some(&value.at()))
    {
        found.push(path.to_owned());
    }
    let mut go = |child: Value<'_, '_>, name: &dyn Fn() -> String, found: &mut Vec<String>| {
        let span = child.span();
        let inside = rest
            .iter()
            .take_while(|at| (at.0 as usize) < span.end)
            .count();
        let mine = rest.get(..inside).unwrap_or_default();
        rest = rest.get(inside..).unwrap_or_default();
        if !mine.is_empty() {
            walk(child, &name(), mine, found);
        }
        !rest.is_empty()
    };
    for (key, member) in value.members() {
        let named = || match path {
            "" => key.clone().into_owned(),
            path => [path, ".", &key].concat(),
        };
        if !go(member, &named, found) {
            return;
        }
    }
    for (index, item) in value.items().enumerate() {
        let named = || [path, "[", itoa::Buffer::new().format(index), "]"].concat();
        if !go(item, &named, found) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Document;

    #[test]
    fn a_value_is_named_by_what_leads_to_it() {
        let text = br#"{"model":"m","messages":[{"x":1},{"content":[{"text":"a"}]}],"top_k":5}"#;
        let mut document = Document::default();
        let root = document.read(text).unwrap();
        let content = root
            .member("messages")
            .unwrap()
            .items()
            .nth(1)
            .unwrap()
            .member("content")
            .unwrap();
        let text = content.items().next().unwrap().member("text").unwrap();
        assert_eq!(path_of(text, text.at()), "messages[1].content[0].text");
        assert_eq!(path_of(root, root.member("top_k").unwrap().at()), "top_k");
        assert_eq!(path_of(root, root.at()), "");
        let both = paths_of(root, &[text.at(), root.member("top_k").unwrap().at()]);
        assert_eq!(both, ["messages[1].content[0].text", "top_k"]);
    }
}
