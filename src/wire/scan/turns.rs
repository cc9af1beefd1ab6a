use super::cursor::{Cursor, Result, Written};
use super::prefix::Prefix;

/// Parts within parts (an image in a tool's result in a message) are read down to here; no format nests them deeper.
const MAX_LEVEL: usize = 8;
/// What an image costs, whatever its size: between Gemini's 258 and Anthropic's 1,600 at most.
const IMAGE_TOKENS: u64 = 1_000;
/// The same for a document, a recording or a video: their bytes say little.
const DOCUMENT_TOKENS: u64 = 2_000;

/// What the messages of a conversation tell, in any format: a message is a node with a role, its parts are nodes with a type.
pub(super) struct Turns {
    pub(super) messages: usize,
    pub(super) images: bool,
    pub(super) assistant_turn: bool,
    /// Whose the last message is.
    pub(super) last: Role,
    pub(super) media: Media,
    pub(super) prefix: Prefix,
    /// Whose a message is that does not say it.
    unsaid: Role,
}

/// What is no text: bytes of the body that are not to be counted as such, and what they cost instead.
#[derive(Clone, Copy, Default)]
pub(super) struct Media {
    pub(super) bytes: usize,
    pub(super) tokens: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
    Other,
}

/// What the members of one object say about it. Of members that are given twice both are heard.
#[derive(Default)]
struct Node {
    role: Option<Role>,
    image: bool,
    document: bool,
    /// A text, or a document's source that is one.
    textual: bool,
    /// An item that the model made and that has no role (OpenAI Responses: calls and reasoning).
    made_by_model: bool,
}

impl Turns {
    /// `unsaid`: whose a message without a role is.
    pub(super) fn new(unsaid: Role) -> Turns {
        Turns {
            messages: 0,
            images: false,
            assistant_turn: false,
            last: Role::Other,
            media: Media::default(),
            prefix: Prefix::new(),
            unsaid,
        }
    }

    /// Reads the system prompt: a text, a list of parts, or (Gemini) a message.
    pub(super) fn read_system(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        self.prefix.begin_system();
        self.read_content(cursor, 1)?;
        self.prefix.pause();
        Ok(())
    }

    /// Reads the messages: a list of them, one alone, or (OpenAI Responses) the user's text.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        self.prefix.begin_turns();
        match cursor.peek() {
            Some(b'[') => {
                let mut member = cursor.enter()?;
                while cursor.next_item(&mut member)? {
                    self.read_message(cursor)?;
                }
            }
            Some(b'{') => self.read_message(cursor)?,
            Some(b'"') => {
                self.prefix.hear(cursor.string()?.raw);
                self.end_message(Role::User);
            }
            _ => {
                cursor.skip()?;
            }
        }
        self.prefix.pause();
        Ok(())
    }

    fn read_message(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let mut node = Node::default();
        match cursor.peek() {
            Some(b'{') => node = self.read_node(cursor, 0)?,
            _ => self.read_content(cursor, 1)?,
        }
        self.assistant_turn |= node.made_by_model;
        let unsaid = match node.made_by_model {
            true => Role::Other,
            false => self.unsaid,
        };
        self.end_message(node.role.unwrap_or(unsaid));
        Ok(())
    }

    fn end_message(&mut self, role: Role) {
        self.messages += 1;
        self.last = role;
        self.assistant_turn |= role == Role::Assistant;
        self.prefix.hear(role.name());
        if role == Role::User {
            self.prefix.complete();
        }
    }

    /// Reads a text, a list of parts, or one part.
    fn read_content(&mut self, cursor: &mut Cursor<'_>, level: usize) -> Result<()> {
        match cursor.peek() {
            Some(b'"') => self.prefix.hear(cursor.string()?.raw),
            Some(b'[') if level < MAX_LEVEL => {
                let mut member = cursor.enter()?;
                while cursor.next_item(&mut member)? {
                    self.read_content(cursor, level + 1)?;
                }
            }
            Some(b'{') if level < MAX_LEVEL => {
                self.read_node(cursor, level)?;
            }
            _ => {
                cursor.skip()?;
            }
        }
        Ok(())
    }

    /// Reads an object that is a message (level 0), a part, or what a part wraps.
    fn read_node(&mut self, cursor: &mut Cursor<'_>, level: usize) -> Result<Node> {
        let (start, before) = (cursor.at(), self.media);
        let mut node = Node::default();
        let mut member = cursor.enter()?;
        while let Some(key) = cursor.next_key(&mut member)? {
            self.read_member(cursor, &key, level, &mut node)?;
        }
        self.images |= node.image;
        if let Some(tokens) = node.media_tokens() {
            self.media = Media {
                bytes: before.bytes + (cursor.at() - start),
                tokens: before.tokens + tokens,
            };
        }
        Ok(node)
    }

    fn read_member(
        &mut self,
        cursor: &mut Cursor<'_>,
        key: &Written<'_>,
        level: usize,
        node: &mut Node,
    ) -> Result<()> {
        match &*key.name() {
            b"role" => node.role = cursor.string_value()?.map(|role| Role::named(&role.name())),
            b"type" => {
                if let Some(name) = cursor.string_value()? {
                    node.take_type(&name.name());
                }
            }
            b"mimeType" | b"mime_type" => {
                let mime = cursor.string_value()?;
                let image = mime.is_some_and(|mime| mime.name().starts_with(b"image/"));
                node.image |= image;
                node.document |= !image;
            }
            b"text" | b"content" | b"parts" | b"output" | b"inlineData" | b"inline_data"
            | b"fileData" | b"file_data" | b"functionResponse" | b"function_response" => {
                self.read_content(cursor, level + 1)?;
            }
            b"source" if cursor.peek() == Some(b'{') && level < MAX_LEVEL => {
                node.textual |= self.read_node(cursor, level + 1)?.textual;
            }
            b"cache_control" => {
                cursor.skip()?;
            }
            _ => {
                let written = cursor.written()?;
                // A message's own members (ids, status) may be made anew for every request.
                if level > 0 {
                    self.prefix.hear(written);
                }
            }
        }
        Ok(())
    }
}

impl Node {
    /// OpenAI's, Anthropic's and OpenAI Responses' types of messages, items, parts and sources.
    fn take_type(&mut self, name: &[u8]) {
        match name {
            b"text" | b"content" => self.textual = true,
            b"image" | b"image_url" | b"input_image" | b"computer_screenshot" => self.image = true,
            b"document" | b"file" | b"input_file" | b"audio" | b"input_audio" | b"video_url" => {
                self.document = true
            }
            b"image_generation_call" => (self.document, self.made_by_model) = (true, true),
            b"reasoning" => self.made_by_model = true,
            _ => self.made_by_model |= name.ends_with(b"_call"),
        }
    }

    fn media_tokens(&self) -> Option<u64> {
        match self {
            Node { image: true, .. } => Some(IMAGE_TOKENS),
            Node {
                document: true,
                textual: false,
                ..
            } => Some(DOCUMENT_TOKENS),
            _ => None,
        }
    }
}

impl Role {
    fn named(name: &[u8]) -> Role {
        match name {
            b"user" => Role::User,
            b"assistant" | b"model" => Role::Assistant,
            _ => Role::Other,
        }
    }

    fn name(self) -> &'static [u8] {
        match self {
            Role::User => b"user",
            Role::Assistant => b"assistant",
            Role::Other => b"other",
        }
    }
}
