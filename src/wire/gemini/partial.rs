use crate::wire::json::{Document, Value, Writer};

/// The most steps of a path, and the most places by which an index may run ahead: what is beyond is no argument.
const MOST: usize = 128;

/// Arguments of a call that come piece by piece (`partialArgs`), each with the path of its place
/// (`$.operations[0].action`, RFC 9535).
#[derive(Debug)]
pub(super) struct Partial {
    root: Node,
}

#[derive(Debug)]
enum Node {
    Nothing,
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    /// May still grow.
    Text(String),
    /// JSON as it was written.
    Raw(String),
}

enum Step {
    Key(String),
    Index(usize),
}

impl Partial {
    pub(super) fn new() -> Partial {
        Partial {
            root: Node::Object(Vec::new()),
        }
    }

    /// Takes over arguments that come whole.
    pub(super) fn take_whole(&mut self, args: Value<'_, '_>) {
        for (key, value) in args.members() {
            if let Some(place) = self.root.member(key.into_owned()) {
                place.set(value);
            }
        }
    }

    /// Takes a `PartialArg`.
    pub(super) fn take(&mut self, arg: Value<'_, '_>) {
        let (mut path, mut given) = (None, None);
        for (key, member) in arg.members() {
            match &*key {
                "nullValue" | "null_value" => given = Some(None),
                _ if member.is_null() => {}
                "jsonPath" | "json_path" => path = member.text(),
                "stringValue" | "string_value" | "numberValue" | "number_value" | "boolValue"
                | "bool_value" => given = Some(Some(member)),
                _ => {}
            }
        }
        let (Some(path), Some(given)) = (path, given) else {
            return;
        };
        let Some(place) = self.place(&path) else {
            return;
        };
        match given {
            None => *place = Node::Raw("null".to_owned()),
            Some(value) => place.set(value),
        }
    }

    fn place(&mut self, path: &str) -> Option<&mut Node> {
        let mut node = &mut self.root;
        for step in steps(path)? {
            node = match step {
                Step::Key(key) => node.member(key)?,
                Step::Index(index) => node.item(index)?,
            };
        }
        Some(node)
    }

    /// The arguments as an object.
    pub(super) fn json(&self) -> String {
        let mut out = Vec::new();
        self.root.write(&mut Writer::new(&mut out));
        String::from_utf8(out).unwrap_or_default()
    }
}

impl Node {
    /// A text is added to the text that is there; anything else takes its place.
    fn set(&mut self, value: Value<'_, '_>) {
        match (&mut *self, value.text()) {
            (Node::Text(text), Some(more)) => text.push_str(&more),
            (_, Some(text)) => *self = Node::Text(text.into_owned()),
            (_, None) => *self = Node::Raw(value.raw().to_owned()),
        }
    }

    fn member(&mut self, key: String) -> Option<&mut Node> {
        if let Node::Raw(raw) = self {
            *self = unfolded(raw);
        }
        if !matches!(self, Node::Object(_)) {
            *self = Node::Object(Vec::new());
        }
        let Node::Object(members) = self else {
            return None;
        };
        let at = members.iter().position(|(known, _)| *known == key);
        let at = at.unwrap_or_else(|| {
            members.push((key, Node::Nothing));
            members.len() - 1
        });
        members.get_mut(at).map(|(_, node)| node)
    }

    fn item(&mut self, index: usize) -> Option<&mut Node> {
        if let Node::Raw(raw) = self {
            *self = unfolded(raw);
        }
        if !matches!(self, Node::List(_)) {
            *self = Node::List(Vec::new());
        }
        let Node::List(items) = self else {
            return None;
        };
        if index > items.len() + MOST {
            return None;
        }
        while items.len() <= index {
            items.push(Node::Nothing);
        }
        items.get_mut(index)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Node::Nothing => {
                writer.null();
            }
            Node::Text(text) => {
                writer.text(text);
            }
            Node::Raw(raw) => {
                writer.raw(raw);
            }
            Node::Object(members) => {
                writer.open_object();
                for (key, value) in members {
                    value.write(writer.any_key(key));
                }
                writer.close_object();
            }
            Node::List(items) => {
                writer.open_list();
                for item in items {
                    item.write(writer);
                }
                writer.close_list();
            }
        }
    }
}

/// A value that came whole and into which more comes.
fn unfolded(raw: &str) -> Node {
    let mut document = Document::default();
    let Ok(value) = document.read(raw.as_bytes()) else {
        return Node::Nothing;
    };
    let node = |value: Value<'_, '_>| {
        let mut node = Node::Nothing;
        node.set(value);
        node
    };
    let items: Vec<_> = value.items().map(node).collect();
    if !items.is_empty() {
        return Node::List(items);
    }
    let members = value.members();
    Node::Object(
        members
            .map(|(key, value)| (key.into_owned(), node(value)))
            .collect(),
    )
}

/// The steps of a path; `None` where it is none of a single value.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == MOST {
            return None;
        }
        if let Some(inside) = rest.strip_prefix('[') {
            let quote = inside.chars().next()?;
            if matches!(quote, '\'' | '"') {
                let (key, after) = quoted(inside.get(1..)?, quote)?;
                rest = after.strip_prefix(']')?;
                steps.push(Step::Key(key));
            } else {
                let (index, after) = inside.split_once(']')?;
                rest = after;
                steps.push(Step::Index(index.trim().parse().ok()?));
            }
            continue;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(end)?;
        if key.is_empty() {
            return None;
        }
        steps.push(Step::Key(key.to_owned()));
        rest = after;
    }
    Some(steps)
}

/// A quoted key up to its closing quote, and what follows.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?.1),
            c if c == quote => return Some((key, text.get(at + 1..)?)),
            c => key.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(args: &[&str]) -> String {
        let mut partial = Partial::new();
        for arg in args {
            let mut document = Document::default();
            partial.take(document.read(arg.as_bytes()).unwrap());
        }
        partial.json()
    }

    #[test]
    fn pieces_find_their_places() {
        let json = object(&[
            r#"{"jsonPath":"$.ops[0].action","stringValue":"ad","willContinue":true}"#,
            r#"{"jsonPath":"$.ops[0].action","stringValue":"d"}"#,
            r#"{"jsonPath":"$.ops[0].price","numberValue":0.50}"#,
            r#"{"jsonPath":"$.ops[1]['a.b']","boolValue":true}"#,
            r#"{"jsonPath":"$[\"c\"]","nullValue":"NULL_VALUE"}"#,
            r#"{"jsonPath":"$.ops[9999999999]","stringValue":"x"}"#,
            r#"{"jsonPath":"$..","stringValue":"x"}"#,
        ]);
        assert_eq!(
            json,
            r#"{"ops":[{"action":"add","price":0.50},{"a.b":true}],"c":null}"#
        );
        assert_eq!(object(&[]), "{}");
    }

    #[test]
    fn more_may_come_into_what_came_whole() {
        let mut partial = Partial::new();
        let mut document = Document::default();
        partial.take_whole(document.read(br#"{"a":{"b":"x"},"l":["y"]}"#).unwrap());
        for arg in [
            r#"{"jsonPath":"$.a.b","stringValue":"z"}"#,
            r#"{"jsonPath":"$.l[1]","stringValue":"w"}"#,
        ] {
            let mut document = Document::default();
            partial.take(document.read(arg.as_bytes()).unwrap());
        }
        assert_eq!(partial.json(), r#"{"a":{"b":"xz"},"l":["y","w"]}"#);
    }
}
