/// Compact JSON as Google's servers lay it out in an event: a space behind every colon.
pub(super) fn spaced(json: &str) -> String {
    laid_out(json, None)
}

/// Compact JSON as Google's servers lay it out in a body: two spaces a level, empty lists and objects closed up.
pub(super) fn indented(json: &str) -> String {
    laid_out(json, Some(0))
}

/// `level` is how deep the JSON stands, where every member gets a line of its own.
fn laid_out(json: &str, mut level: Option<usize>) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut quoted = Quoted::No;
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        let inside = quoted != Quoted::No;
        quoted = quoted.after(c);
        if inside {
            out.push(c);
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                let empty = characters.peek().is_some_and(|next| "}]".contains(*next));
                if empty {
                    out.extend(characters.next());
                } else {
                    level = level.map(|l| l + 1);
                    new_line(&mut out, level);
                }
            }
            '}' | ']' => {
                level = level.map(|l| l.saturating_sub(1));
                new_line(&mut out, level);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, level);
            }
            ':' => out.push_str(": "),
            _ => out.push(c),
        }
    }
    out
}

fn new_line(out: &mut String, level: Option<usize>) {
    if let Some(level) = level {
        out.push('\n');
        out.push_str(&"  ".repeat(level));
    }
}

/// Where in a string a character stands, if in one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    No,
    Yes,
    Escaped,
}

impl Quoted {
    fn after(self, c: char) -> Quoted {
        match (self, c) {
            (Quoted::No, '"') | (Quoted::Escaped, _) => Quoted::Yes,
            (Quoted::Yes, '\\') => Quoted::Escaped,
            (Quoted::Yes, '"') => Quoted::No,
            (state, _) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_added_outside_of_strings_only() {
        let json = r#"{"a":["x: {\"y\"}\\",1],"b":{},"c":[{"d":null}]}"#;
        let spaced_out = r#"{"a": ["x: {\"y\"}\\",1],"b": {},"c": [{"d": null}]}"#;
        assert_eq!(spaced(json), spaced_out);
        let lines = [
            "{",
            "  \"a\": [",
            r#"    "x: {\"y\"}\\","#,
            "    1",
            "  ],",
            "  \"b\": {},",
            "  \"c\": [",
            "    {",
            "      \"d\": null",
            "    }",
            "  ]",
            "}",
        ];
        assert_eq!(indented(json), lines.join("\n"));
    }
}
