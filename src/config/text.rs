//! A source text, and where in it something stands.

/// Which of the texts of a [`Report`](super::Report) a span lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The configuration file.
    File,
    /// The `.env` file.
    Dotenv,
    /// One of the objects beside the file, by its place among them.
    Object(u32),
}

/// A range of bytes of a text. Both ends lie on character boundaries, or [`Text`] moves them there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub origin: Origin,
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(origin: Origin, start: usize, end: usize) -> Span {
        Span { origin, start, end }
    }

    pub fn contains(&self, offset: usize) -> bool {
        (self.start..self.end).contains(&offset)
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

/// A file's text under the name that the caller knows it by.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub name: String,
    pub origin: Origin,
    body: String,
    /// Byte offset at which each line starts.
    starts: Vec<usize>,
}

impl Text {
    /// The text of the configuration file.
    pub(super) fn new(name: impl Into<String>, body: impl Into<String>) -> Text {
        Text::of(Origin::File, name, body)
    }

    pub(super) fn of(origin: Origin, name: impl Into<String>, body: impl Into<String>) -> Text {
        let body = body.into();
        let breaks = body.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        Text {
            name: name.into(),
            origin,
            body,
            starts,
        }
    }

    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// The text of a span, empty where the span lies outside.
    pub(super) fn slice(&self, span: Span) -> &str {
        self.body.get(span.start..span.end).unwrap_or("")
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.line_start(line);
        let offset = self.body.floor_char_boundary(offset).max(start);
        let column = 1 + self.body.get(start..offset).unwrap_or("").chars().count();
        Position { line, column }
    }

    /// A line without its line break; empty beyond the end.
    pub(super) fn line(&self, line: usize) -> &str {
        let start = self.line_start(line);
        let end = self.starts.get(line).copied().unwrap_or(self.body.len());
        self.body
            .get(start..end)
            .unwrap_or("")
            .trim_end_matches(['\n', '\r'])
    }

    /// Byte offset of the first character of a line.
    pub(super) fn line_start(&self, line: usize) -> usize {
        let index = line.saturating_sub(1);
        self.starts.get(index).copied().unwrap_or(self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = Text::new("t", "a: ü b\r\nsecond\n");
        assert_eq!(text.position(0), Position { line: 1, column: 1 });
        assert_eq!(
            text.position("a: ü ".len()),
            Position { line: 1, column: 6 }
        );
        assert_eq!(
            text.position("a: ü b\r\n".len()),
            Position { line: 2, column: 1 }
        );
        assert_eq!(text.line(1), "a: ü b");
        assert_eq!(text.line(2), "second");
    }

    #[test]
    fn offsets_within_a_character_or_beyond_the_end_are_moved_to_a_boundary() {
        let text = Text::new("t", "ü");
        assert_eq!(text.position(1), Position { line: 1, column: 1 });
        assert_eq!(text.position(99), Position { line: 1, column: 2 });
        assert_eq!(text.line(7), "");
    }
}
