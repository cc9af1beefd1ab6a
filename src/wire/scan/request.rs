use super::cursor::{Cursor, Result};
use super::error::ScanError;
use super::keys::Keys;
use super::turns::{Role, Turns};
use super::{Scan, StreamOptions, Subject, Text, reasoning, session, text};
use crate::ir::Format;

/// Bytes of text that make a token, about.
const BYTES_PER_TOKEN: u64 = 4;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The walk over the members of the outermost object.
struct Request<'a> {
    cursor: Cursor<'a>,
    turns: Turns,
    scan: Scan,
    cache_key: Option<String>,
}

pub(super) fn read(body: &[u8], subject: Subject) -> Result<Scan> {
    if body.starts_with(BYTE_ORDER_MARK) {
        return Err(Box::new(ScanError::ByteOrderMark));
    }
    let places = match subject {
        Subject::Format(format) => Some(Places::of(format)),
        Subject::Other => None,
    };
    let mut request = Request::new(body, places.as_ref());
    match request.cursor.peek() {
        None => return Err(Box::new(ScanError::Empty)),
        Some(b'{') => request.read_members(places.as_ref())?,
        Some(_) => return Err(Box::new(ScanError::NotAnObject)),
    }
    if request.cursor.peek().is_some() {
        let at = request.cursor.at();
        return Err(Box::new(ScanError::TrailingData { at }));
    }
    Ok(request.finish(body.len()))
}

/// Where a format keeps its conversation.
struct Places {
    turns: &'static [u8],
    /// The system prompt, where it is apart from the turns.
    system: &'static [&'static [u8]],
    /// Whose a message without a role is.
    unsaid: Role,
}

impl Places {
    const fn of(format: Format) -> Places {
        let (turns, system, unsaid): (&[u8], &[&[u8]], Role) = match format {
            Format::OpenaiChat => (b"messages", &[], Role::Other),
            Format::OpenaiResponses => (b"input", &[b"instructions"], Role::Other),
            Format::Anthropic => (b"messages", &[b"system"], Role::Other),
            Format::Gemini => (
                b"contents",
                &[b"systemInstruction", b"system_instruction"],
                Role::User,
            ),
        };
        Places {
            turns,
            system,
            unsaid,
        }
    }
}

impl<'a> Request<'a> {
    fn new(body: &'a [u8], places: Option<&Places>) -> Request<'a> {
        Request {
            cursor: Cursor::new(body),
            turns: Turns::new(places.map_or(Role::Other, |places| places.unsaid)),
            scan: Scan::nothing(),
            cache_key: None,
        }
    }

    fn read_members(&mut self, places: Option<&Places>) -> Result<()> {
        let mut keys = Keys::default();
        let mut member = self.cursor.enter()?;
        self.scan.insert_at = self.cursor.at();
        while let Some(key) = self.cursor.next_key(&mut member)? {
            let at = key.at;
            let name = text::spelled(key.raw).ok_or(ScanError::BrokenString { at })?;
            if let Some(name) = keys.add(name.clone()) {
                let key = String::from_utf8_lossy(&name).into_owned();
                return Err(Box::new(ScanError::DuplicateKey { key, at }));
            }
            self.scan.empty = false;
            if self.read_common(&name)? {
                continue;
            }
            match places {
                Some(places) => self.read_conversation(&name, places)?,
                None => self.skip()?,
            }
        }
        Ok(())
    }

    /// What any request may have; false when the key is none of these.
    fn read_common(&mut self, name: &[u8]) -> Result<bool> {
        match name {
            b"model" => self.read_model()?,
            b"stream" => self.read_stream()?,
            b"stream_options" => self.read_stream_options()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_conversation(&mut self, name: &[u8], places: &Places) -> Result<()> {
        match name {
            _ if name == places.turns => self.turns.read(&mut self.cursor)?,
            _ if places.system.contains(&name) => self.turns.read_system(&mut self.cursor)?,
            b"generationConfig" | b"generation_config" => self.read_generation_config()?,
            b"tools" | b"functions" => self.read_tools()?,
            b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" => {
                self.read_max_tokens()?;
            }
            b"reasoning_effort" | b"reasoning" | b"thinking" | b"enable_thinking" => {
                self.scan.reasoning |= reasoning::asks(name, &mut self.cursor)?;
            }
            b"prompt_cache_key" => {
                let key = self.cursor.string_value()?;
                self.cache_key = key.and_then(|key| session::named(key.raw));
            }
            b"metadata" => self.read_metadata()?,
            b"previous_response_id" => {
                self.scan.assistant_turn |= self.cursor.string_value()?.is_some();
            }
            _ => self.skip()?,
        }
        Ok(())
    }

    fn skip(&mut self) -> Result<()> {
        self.cursor.skip().map(drop)
    }

    fn read_model(&mut self) -> Result<()> {
        self.cursor.peek();
        let at = self.cursor.at();
        let name = self
            .cursor
            .string_value()?
            .ok_or(ScanError::ModelNotAString { at })?;
        let value = text::text(name.raw).ok_or(ScanError::BrokenString { at })?;
        let span = at..self.cursor.at();
        self.scan.model = Some(Text { span, value });
        Ok(())
    }

    fn read_stream(&mut self) -> Result<()> {
        self.cursor.peek();
        let at = self.cursor.at();
        self.scan.stream = match self.cursor.written()? {
            b"true" => true,
            // Vendors' own clients send null for what was not set.
            b"false" | b"null" => false,
            _ => return Err(Box::new(ScanError::StreamNotABool { at })),
        };
        Ok(())
    }

    fn read_stream_options(&mut self) -> Result<()> {
        if self.cursor.peek() != Some(b'{') {
            let start = self.cursor.at();
            self.scan.stream_options = match self.cursor.written()? {
                b"null" => StreamOptions::Null(start..self.cursor.at()),
                _ => StreamOptions::Wrong,
            };
            return Ok(());
        }
        let mut member = self.cursor.enter()?;
        let inside = self.cursor.at();
        let (mut empty, mut said) = (true, None);
        while let Some(key) = self.cursor.next_key(&mut member)? {
            empty = false;
            let value = self.cursor.skip()?;
            if &*key.name() == b"include_usage" {
                said = Some(value);
            }
        }
        self.scan.stream_options = match said {
            Some(value) => StreamOptions::Said {
                asked: self.cursor.slice(&value) == b"true",
                value,
            },
            None => StreamOptions::Unsaid { inside, empty },
        };
        Ok(())
    }

    fn read_tools(&mut self) -> Result<()> {
        if self.cursor.peek() != Some(b'[') {
            return self.skip();
        }
        let mut member = self.cursor.enter()?;
        while self.cursor.next_item(&mut member)? {
            self.scan.tools = true;
            self.skip()?;
        }
        Ok(())
    }

    fn read_max_tokens(&mut self) -> Result<()> {
        let written = std::str::from_utf8(self.cursor.written()?).unwrap_or_default();
        self.scan.max_tokens = self.scan.max_tokens.max(count(written));
        Ok(())
    }

    fn read_generation_config(&mut self) -> Result<()> {
        let Some(mut member) = self.cursor.enter_object()? else {
            return Ok(());
        };
        while let Some(key) = self.cursor.next_key(&mut member)? {
            match &*key.name() {
                b"maxOutputTokens" | b"max_output_tokens" => self.read_max_tokens()?,
                name @ (b"thinkingConfig" | b"thinking_config") => {
                    self.scan.reasoning |= reasoning::asks(name, &mut self.cursor)?;
                }
                _ => self.skip()?,
            }
        }
        Ok(())
    }

    fn read_metadata(&mut self) -> Result<()> {
        let Some(mut member) = self.cursor.enter_object()? else {
            return Ok(());
        };
        while let Some(key) = self.cursor.next_key(&mut member)? {
            match &*key.name() {
                b"user_id" => {
                    let user = self.cursor.string_value()?;
                    self.scan.session = user.and_then(|user| session::of_user(user.raw));
                }
                _ => self.skip()?,
            }
        }
        Ok(())
    }

    fn finish(self, len: usize) -> Scan {
        let media = self.turns.media;
        let text = len.saturating_sub(media.bytes) as u64;
        Scan {
            images: self.turns.images,
            prefill: self.turns.last == Role::Assistant,
            assistant_turn: self.scan.assistant_turn || self.turns.assistant_turn,
            messages: self.turns.messages,
            estimated_tokens: text.div_ceil(BYTES_PER_TOKEN) + media.tokens,
            prefix_hash: self.turns.prefix.hash(),
            session: self.cache_key.or(self.scan.session),
            ..self.scan
        }
    }
}

impl Scan {
    /// Of a body that says nothing that a scan could find.
    pub fn nothing() -> Scan {
        Scan {
            model: None,
            stream: false,
            stream_options: StreamOptions::Absent,
            tools: false,
            images: false,
            prefill: false,
            assistant_turn: false,
            reasoning: false,
            max_tokens: None,
            messages: 0,
            estimated_tokens: 0,
            prefix_hash: None,
            session: None,
            insert_at: 0,
            empty: true,
        }
    }
}

/// A whole number that is not negative, however it is written. What is larger than any count is the largest.
fn count(written: &str) -> Option<u64> {
    if let Ok(count) = written.parse() {
        return Some(count);
    }
    let number: f64 = written.parse().ok()?;
    let is_count = written.starts_with(|c: char| c.is_ascii_digit())
        && (number.fract() == 0.0 || number.is_infinite());
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, not negative, and saturates"
    )]
    is_count.then_some(number as u64)
}
