use crate::ir::{Body, Call, Document, Foreign, Format, Media, Part, Role, Source, Str, Text};
use crate::wire::convert::arguments::WRAPPED;
use crate::wire::convert::turns::Called;
use crate::wire::convert::{Losses, Refused, Target};
use crate::wire::json::{self, Writer};

use super::parts_read::{is_youtube, mime_of_address};
use super::parts_write::{self, Args};

/// A content: a run of parts of one role.
pub(super) struct Content<'r, 'a> {
    is_model: bool,
    pieces: Vec<Piece<'r, 'a>>,
}

struct Piece<'r, 'a> {
    part: &'r Part<'a>,
    /// Said by the system in mid-conversation.
    of_system: bool,
}

impl<'r, 'a> Content<'r, 'a> {
    /// Adds a part to the last content, or to a new one where the role changes: the API wants the roles in turn. Empty
    /// texts, which it refuses, say nothing.
    pub(super) fn add(contents: &mut Vec<Content<'r, 'a>>, role: Role, part: &'r Part<'a>) {
        if let Body::Text(text) = &part.body
            && text.text.is_empty()
            && part.seal.is_none()
        {
            return;
        }
        let is_model = role == Role::Assistant;
        let piece = Piece {
            part,
            of_system: matches!(role, Role::System | Role::Developer),
        };
        match contents.last_mut() {
            Some(last) if last.is_model == is_model => last.pieces.push(piece),
            _ => contents.push(Content {
                is_model,
                pieces: vec![piece],
            }),
        }
    }

    fn has_call(&self) -> bool {
        let is_call = |piece: &Piece<'_, '_>| matches!(piece.part.body, Body::Call(_));
        self.pieces.iter().any(is_call)
    }
}

/// Writes the conversation.
pub(super) struct Contents<'r> {
    pub(super) target: &'r Target<'r>,
    pub(super) losses: &'r mut Losses,
    document: json::Document,
    /// The first call of a step has been written.
    is_signed: bool,
}

impl<'r> Contents<'r> {
    pub(super) fn new(target: &'r Target<'r>, losses: &'r mut Losses) -> Contents<'r> {
        Contents {
            target,
            losses,
            document: json::Document::default(),
            is_signed: false,
        }
    }

    pub(super) fn write(
        &mut self,
        writer: &mut Writer<'_>,
        mut contents: Vec<Content<'_, '_>>,
    ) -> Result<(), Refused> {
        for content in &mut contents {
            content.pieces.retain(|piece| self.is_said(piece.part));
        }
        contents.retain(|content| !content.pieces.is_empty());
        writer.open_list();
        // The API wants something to answer, and refuses calls that follow upon nothing.
        if contents
            .first()
            .is_none_or(|first| first.is_model && first.has_call())
        {
            writer.open_object().key("role").text("user");
            writer.key("parts").open_list();
            parts_write::text(writer, " ", None);
            writer.close_list().close_object();
        }
        let mut called = Called::default();
        let mut contents = contents.into_iter().peekable();
        while let Some(mut content) = contents.next() {
            // What was left out between two of one role has left them neighbours.
            while let Some(next) = contents.next_if(|next| next.is_model == content.is_model) {
                content.pieces.extend(next.pieces);
            }
            // The responses stand right behind their calls, whatever else was said meanwhile.
            if content.is_model {
                called.forget();
                called.hear(content.pieces.iter().map(|piece| piece.part));
            } else {
                let pieces = &mut content.pieces;
                pieces.sort_by_key(|piece| !called.answers(piece.part));
            }
            self.content(writer, &content)?;
        }
        writer.close_list();
        Ok(())
    }

    /// Thinking goes back only with the signature by which the vendor knows it.
    fn is_said(&mut self, part: &Part<'_>) -> bool {
        match &part.body {
            Body::Thinking(thinking) if thinking.seal.is_none() => {
                self.losses.hint(part.at, "reasoning of an earlier turn");
                false
            }
            Body::Foreign(foreign) if foreign.format != Format::Gemini => {
                self.losses.add(part.at, "what only its own format knows");
                false
            }
            Body::Foreign(_)
            | Body::Thinking(_)
            | Body::Text(_)
            | Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Call(_)
            | Body::Outcome(_) => true,
        }
    }

    fn content(
        &mut self,
        writer: &mut Writer<'_>,
        content: &Content<'_, '_>,
    ) -> Result<(), Refused> {
        self.is_signed = false;
        let role = if content.is_model { "model" } else { "user" };
        writer.open_object().key("role").text(role);
        writer.key("parts").open_list();
        let mut media = Vec::new();
        for piece in &content.pieces {
            if let Body::Outcome(outcome) = &piece.part.body {
                self.outcome(writer, piece.part, outcome, &mut media)?;
                continue;
            }
            for part in media.drain(..) {
                self.part(writer, part)?;
            }
            if let Body::Text(text) = &piece.part.body
                && piece.of_system
            {
                self.system_text(writer, piece.part, text);
            } else {
                self.part(writer, piece.part)?;
            }
        }
        for part in media {
            self.part(writer, part)?;
        }
        writer.close_list().close_object();
        Ok(())
    }

    /// Gemini knows the system only at the beginning. Its words keep their place; the marks around them say whose they are.
    fn system_text(&mut self, writer: &mut Writer<'_>, part: &Part<'_>, text: &Text<'_>) {
        self.lose_cache(part);
        writer.open_object().key("text");
        writer.text_of(&["<system>\n", &text.text, "\n</system>"]);
        writer.close_object();
    }

    pub(super) fn lose_cache(&mut self, part: &Part<'_>) {
        if let Some(cache) = &part.cache {
            self.losses.hint(cache.at, "cache mark");
        }
    }

    pub(super) fn part(&mut self, writer: &mut Writer<'_>, part: &Part<'_>) -> Result<(), Refused> {
        self.lose_cache(part);
        let seal = part.seal.as_ref().map(|seal| &*seal.value);
        match &part.body {
            Body::Text(text) => {
                for citation in &text.citations {
                    self.losses.add(citation.at, "citation");
                }
                parts_write::text(writer, &text.text, seal);
            }
            Body::Refusal(text) => parts_write::text(writer, text, seal),
            Body::Image(media) => self.media(writer, part, media, "image/jpeg")?,
            Body::Audio(media) => self.media(writer, part, media, "audio/mpeg")?,
            Body::Video(media) => self.media(writer, part, media, "video/mp4")?,
            Body::Document(document) => self.document(writer, part, document)?,
            Body::Thinking(thinking) => {
                let text = thinking_text(&thinking.summaries, &thinking.text);
                let seal = thinking.seal.as_ref().map(|seal| &*seal.value);
                parts_write::thought(writer, &text, seal);
            }
            Body::Call(call) => self.call(writer, call, seal),
            Body::Foreign(Foreign {
                format: Format::Gemini,
                json,
                ..
            }) => parts_write::foreign(writer, json, seal),
            // In a document that is made of parts.
            Body::Foreign(_) => self.losses.add(part.at, "what only its own format knows"),
            // Only an outcome within an outcome comes here.
            Body::Outcome(_) => self.losses.add(part.at, "outcome of a call"),
        }
        Ok(())
    }

    fn call(&mut self, writer: &mut Writer<'_>, call: &Call<'_>, seal: Option<&str>) {
        if let Some(namespace) = &call.namespace {
            self.losses.add(namespace.at, "namespace");
        }
        let needs_seal = self.target.traits.call_signatures && !self.is_signed;
        let seal = seal.or(needs_seal.then_some(parts_write::PLACEHOLDER));
        self.is_signed = true;
        let (args, is_wrapped) = Args::wrapped(call, &mut self.document);
        if is_wrapped {
            self.losses.round(call.arguments_at, WRAPPED);
        }
        parts_write::call(writer, call, &args, seal);
    }

    fn media(
        &mut self,
        writer: &mut Writer<'_>,
        part: &Part<'_>,
        media: &Media<'_>,
        usual: &'static str,
    ) -> Result<(), Refused> {
        if let (Source::Earlier { .. }, Some(words)) = (&media.source, &media.transcript) {
            self.losses.add(part.at, "audio of an earlier answer");
            parts_write::text(writer, words, None);
            return Ok(());
        }
        writer.open_object();
        self.source(writer, part, &media.source, usual)?;
        if let Some(detail) = &media.detail {
            // Part by part it is known from Gemini 3 on.
            let level = match &*detail.value {
                "low" => Some("MEDIA_RESOLUTION_LOW"),
                "high" => Some("MEDIA_RESOLUTION_HIGH"),
                _ => None,
            };
            let level = level.filter(|_| self.target.traits.thinking_level);
            if let Some(level) = level {
                writer.key("mediaResolution").open_object();
                writer.key("level").text(level).close_object();
            } else if detail.value != "auto" {
                self.losses.add(detail.at, "detail");
            }
        }
        let seal = part.seal.as_ref().map(|seal| &*seal.value);
        parts_write::close(writer, seal);
        Ok(())
    }

    /// `usual`: the media type of an address that neither says nor shows its own, since the API wants one.
    pub(super) fn source(
        &mut self,
        writer: &mut Writer<'_>,
        part: &Part<'_>,
        source: &Source<'_>,
        usual: &'static str,
    ) -> Result<(), Refused> {
        match source {
            Source::Inline { mime, base64 } => {
                let mime = if mime.is_empty() { usual } else { mime };
                parts_write::inline(writer, mime, base64);
            }
            Source::Url { url, mime } if is_youtube(url) => {
                parts_write::file(writer, url, mime.as_deref());
            }
            Source::Url { url, mime } if self.target.traits.url_images => {
                let shown = mime_of_address(url).unwrap_or(usual);
                parts_write::file(writer, url, Some(mime.as_deref().unwrap_or(shown)));
            }
            Source::Url { .. } => {
                let why = "this vendor reads no addresses: send the data itself";
                return Err(Refused::new(part.at, why));
            }
            Source::File {
                id,
                mime,
                format: Format::Gemini,
            } => parts_write::file(writer, id, mime.as_deref()),
            Source::File { .. } | Source::Earlier { .. } => {
                let why =
                    "a file that another vendor keeps cannot be read here: send the data itself";
                return Err(Refused::new(part.at, why));
            }
            // Only documents are of these, and they are no single part.
            Source::Text { text } => {
                writer.key("text").text(text);
            }
            Source::Parts { .. } => self.losses.add(part.at, "parts of a document"),
        }
        Ok(())
    }

    /// A document has no place for its title and context: they are texts before it.
    fn document(
        &mut self,
        writer: &mut Writer<'_>,
        part: &Part<'_>,
        document: &Document<'_>,
    ) -> Result<(), Refused> {
        for text in [&document.title, &document.context].into_iter().flatten() {
            if !text.value.is_empty() {
                parts_write::text(writer, &text.value, None);
            }
        }
        self.lose_cite(document);
        if let Source::Parts { parts } = &document.source {
            for part in parts {
                self.part(writer, part)?;
            }
            return Ok(());
        }
        writer.open_object();
        self.source(writer, part, &document.source, "application/pdf")?;
        let seal = part.seal.as_ref().map(|seal| &*seal.value);
        parts_write::close(writer, seal);
        Ok(())
    }

    pub(super) fn lose_cite(&mut self, document: &Document<'_>) {
        if let Some(cite) = document.cite.as_ref().filter(|cite| cite.value) {
            self.losses.add(cite.at, "citations of a document");
        }
    }

    pub(super) fn is_object(&mut self, text: &str) -> bool {
        parts_write::is_object(text, &mut self.document)
    }
}

/// What is shown of a thought: its summaries, then its words.
pub(super) fn thinking_text<'t>(summaries: &'t [Str<'_>], text: &'t str) -> Str<'t> {
    let texts = summaries.iter().map(|summary| &**summary).chain([text]);
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    match texts.as_slice() {
        [] => Str::Borrowed(""),
        [one] => Str::Borrowed(one),
        several => Str::Owned(several.join("\n\n")),
    }
}
