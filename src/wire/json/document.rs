use super::read::read;
use super::value::Value;

/// A JSON text and where its values stand. To be used again for the next text without allocating.
#[derive(Debug, Default)]
pub struct Document {
    nodes: Vec<Node>,
}

/// Where a value stands. The members of an object follow it as keys and values in turn, the items of an array likewise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The node after this value and all that is in it.
    pub(super) next: u32,
    pub(super) tag: Tag,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    False,
    True,
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    List,
    Object,
}

/// The text is not JSON from this byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON at byte {at}: {what}")]
pub struct NotJson {
    pub at: usize,
    pub what: &'static str,
}

impl Document {
    /// Reads a text. The document forgets the one before.
    ///
    /// # Errors
    /// [`NotJson`]: no UTF-8, no JSON, nested too deeply, or over four gigabytes.
    pub fn read<'d, 'a>(&'d mut self, text: &'a [u8]) -> Result<Value<'d, 'a>, NotJson> {
        let text = std::str::from_utf8(text).map_err(|error| NotJson {
            at: error.valid_up_to(),
            what: "the text is not UTF-8",
        })?;
        self.nodes.clear();
        read(text.as_bytes(), &mut self.nodes)?;
        Ok(Value::root(text, &self.nodes))
    }
}
