use super::value::{Step, Value};
use crate::ir::At;

/// The path of the value that stands at `at` in the document of `root`: `messages[2].content[0].text`.
pub fn path_of(root: Value<'_, '_>, at: At) -> String {
    let mut path = String::new();
    for step in root.outermost().way_to(at) {
        match step {
            Step::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&key);
            }
            Step::Index(index) => {
                path.push('[');
                path.push_str(itoa::Buffer::new().format(index));
                path.push(']');
            }
        }
    }
    path
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
    }
}
