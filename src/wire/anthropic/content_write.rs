//! Content blocks, as requests and answers have them.

use std::borrow::Cow;

use super::base64;
use super::plan::{Form, Piece, keeps};
use crate::ir::{
    Arguments, At, Body, CacheMark, Citation, Document as DocumentPart, Format, Json, Media,
    Outcome, Part, Role, Source, Str, Text, Thinking,
};
use crate::wire::convert::arguments::{self, WRAPPED};
use crate::wire::convert::{Losses, Refused, Traits};
use crate::wire::json::{Document, Writer};

/// What the blocks of a request are written with.
pub(super) struct Blocks<'w> {
    pub(super) traits: &'w Traits,
    pub(super) losses: &'w mut Losses,
}

impl Blocks<'_> {
    /// Writes a block of a message. Whoever calls has asked [`keeps`].
    pub(super) fn piece(
        &mut self,
        piece: Piece<'_, '_>,
        out: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        let part = piece.part;
        match &part.body {
            Body::Text(text) => self.text(part, text, piece.form, out),
            Body::Refusal(text) => self.words(part, text, piece.form, out),
            Body::Audio(media) => {
                let words = media.transcript.as_deref().unwrap_or_default();
                self.words(part, words, piece.form, out);
            }
            Body::Image(media) => self.image(part, media, out),
            Body::Document(document) => self.document(part, document, out)?,
            Body::Thinking(thinking) => {
                write_thinking(thinking, out);
                // The API takes no mark on thinking.
                self.lose_mark(part.cache.as_ref());
            }
            Body::Call(call) => {
                out.open_object().key("type").text("tool_use");
                out.key("id")
                    .text(&id(&call.id))
                    .key("name")
                    .text(&call.name);
                out.key("input");
                if !write_input(&call.arguments, out) {
                    self.losses.round(call.arguments_at, WRAPPED);
                    let (Arguments::Json(text) | Arguments::Free(text)) = &call.arguments;
                    wrap("arguments", text, out);
                }
                self.mark(part.cache.as_ref(), out);
                out.close_object();
                if let Some(namespace) = &call.namespace {
                    self.losses.add(namespace.at, "namespace");
                }
            }
            Body::Outcome(outcome) => self.outcome(part, outcome, out)?,
            Body::Foreign(foreign) => self.verbatim(&foreign.json, At::NOWHERE, out),
            // `keeps` lets none pass.
            Body::Video(_) => self.losses.add(part.at, "video"),
        }
        Ok(())
    }

    /// A value of this format's own, without its mark, which stands at `mark`, where the vendor refuses marks.
    pub(super) fn verbatim(&mut self, json: &Json<'_>, mark: At, out: &mut Writer<'_>) {
        if self.traits.cache_control || !json.0.contains("cache_control") {
            out.json(json);
            return;
        }
        let mut document = Document::default();
        let Ok(value) = document.read(json.0.as_bytes()) else {
            out.json(json);
            return;
        };
        out.open_object();
        for (key, member) in value.members() {
            if key == "cache_control" {
                self.losses.hint(mark, "cache_control");
            } else {
                out.any_key(&key).raw(member.raw());
            }
        }
        out.close_object();
    }

    /// Writes the mark, where the vendor takes marks.
    pub(super) fn mark(&mut self, mark: Option<&CacheMark<'_>>, out: &mut Writer<'_>) {
        let Some(cache) = mark.filter(|_| self.traits.cache_control) else {
            self.lose_mark(mark);
            return;
        };
        out.key("cache_control").open_object();
        out.key("type").text("ephemeral");
        if let Some(ttl) = &cache.ttl {
            out.key("ttl").text(ttl);
        }
        out.close_object();
    }

    pub(super) fn lose_mark(&mut self, mark: Option<&CacheMark<'_>>) {
        if let Some(mark) = mark {
            self.losses.hint(mark.at, "cache_control");
        }
    }

    fn text(&mut self, part: &Part<'_>, text: &Text<'_>, form: Form, out: &mut Writer<'_>) {
        out.open_object().key("type").text("text").key("text");
        write_words(&text.text, form, out);
        write_citations(&text.citations, self.losses, out);
        self.mark(part.cache.as_ref(), out);
        out.close_object();
    }

    fn words(&mut self, part: &Part<'_>, words: &str, form: Form, out: &mut Writer<'_>) {
        out.open_object().key("type").text("text").key("text");
        write_words(words, form, out);
        self.mark(part.cache.as_ref(), out);
        out.close_object();
    }

    fn image(&mut self, part: &Part<'_>, media: &Media<'_>, out: &mut Writer<'_>) {
        out.open_object().key("type").text("image").key("source");
        write_source(&media.source, out);
        self.mark(part.cache.as_ref(), out);
        out.close_object();
        if let Some(detail) = media.detail.as_ref().filter(|said| said.value != "auto") {
            self.losses.add(detail.at, "detail of an image");
        }
    }

    fn document(
        &mut self,
        part: &Part<'_>,
        document: &DocumentPart<'_>,
        out: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        out.open_object().key("type").text("document").key("source");
        if let Source::Parts { parts } = &document.source {
            out.open_object().key("type").text("content");
            out.key("content").open_list();
            self.inner(parts, out)?;
            out.close_list().close_object();
        } else {
            write_source(&document.source, out);
        }
        if let Some(title) = &document.title {
            out.key("title").text(&title.value);
        }
        if let Some(context) = &document.context {
            out.key("context").text(&context.value);
        }
        if let Some(cite) = &document.cite {
            out.key("citations").open_object();
            out.key("enabled").bool(cite.value).close_object();
        }
        self.mark(part.cache.as_ref(), out);
        out.close_object();
        Ok(())
    }

    fn outcome(
        &mut self,
        part: &Part<'_>,
        outcome: &Outcome<'_>,
        out: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        out.open_object().key("type").text("tool_result");
        out.key("tool_use_id").text(&id(&outcome.call));
        // An object is told as the text that it is written in.
        let object = outcome.object.as_ref().map(|object| &*object.0);
        let text = match object {
            Some(object) => Some(object).filter(|_| outcome.parts.is_empty()),
            None => plain(&outcome.parts),
        };
        if let Some(text) = text {
            out.key("content").text(text);
        } else if !outcome.parts.is_empty() {
            out.key("content").open_list();
            if let Some(object) = object {
                out.open_object().key("type").text("text");
                out.key("text").text(object).close_object();
            }
            self.inner(&outcome.parts, out)?;
            out.close_list();
        }
        if let Some(failed) = &outcome.failed {
            out.key("is_error").bool(failed.value);
        }
        self.mark(part.cache.as_ref(), out);
        out.close_object();
        Ok(())
    }

    /// The blocks within an outcome or a document.
    fn inner(&mut self, parts: &[Part<'_>], out: &mut Writer<'_>) -> Result<(), Refused> {
        for part in parts {
            if matches!(part.body, Body::Image(_)) && !self.traits.outcome_images {
                self.losses.add(part.at, "image in the outcome of a call");
            } else if keeps(part, Role::User, self.traits, self.losses)? {
                let form = Form::AsItIs;
                self.piece(Piece { part, form }, out)?;
            }
        }
        Ok(())
    }
}

/// The text of an outcome that is nothing else.
fn plain<'r>(parts: &'r [Part<'_>]) -> Option<&'r str> {
    let [part] = parts else {
        return None;
    };
    let Body::Text(text) = &part.body else {
        return None;
    };
    let is_bare = part.cache.is_none() && part.seal.is_none() && text.citations.is_empty();
    is_bare.then_some(&*text.text)
}

fn write_words(words: &str, form: Form, out: &mut Writer<'_>) {
    match form {
        Form::AsItIs => out.text(words),
        // Where the API has no place for a system prompt, the user says it, and says what it is.
        Form::Tagged => out.text_of(&["<system>\n", words, "\n</system>"]),
        Form::Trimmed => out.text(words.trim_end()),
    };
}

/// Citations of this format are written as they were. Those of others say too little: the API wants its own index to the
/// search result.
pub(super) fn write_citations(
    citations: &[Citation<'_>],
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    let mut is_open = false;
    for citation in citations {
        let Some(json) = own_citation(citation) else {
            losses.add(citation.at, "citation");
            continue;
        };
        if !is_open {
            out.key("citations").open_list();
            is_open = true;
        }
        out.json(json);
    }
    if is_open {
        out.close_list();
    }
}

/// Writes the citation of an answer. One of another format's is told as what was found on the web, without the index by
/// which the API knows its own: it would refuse it back (`wire::edit` takes it out of what is sent there).
pub(super) fn write_answers_citation(
    citation: &Citation<'_>,
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    if let Some(json) = own_citation(citation) {
        out.raw(&on_one_line(json));
        return;
    }
    if citation.span.is_some() {
        losses.add(At::NOWHERE, "which words a source is of");
    }
    out.open_object().key("type");
    out.text("web_search_result_location").key("url");
    out.text(citation.url.as_deref().unwrap_or_default());
    out.key("title");
    match &citation.title {
        Some(title) => out.text(title),
        None => out.null(),
    };
    out.key("cited_text");
    out.text(citation.quote.as_deref().unwrap_or_default());
    out.key("encrypted_index").text("").close_object();
}

/// Whether an answer can hold it: what is cited must have an address.
pub(super) fn is_sayable(citation: &Citation<'_>) -> bool {
    citation.url.is_some() || own_citation(citation).is_some()
}

/// What was written over several lines would break an event in two. Between strings a line feed says nothing.
pub(super) fn on_one_line<'r>(json: &'r Json<'_>) -> Cow<'r, str> {
    match json.0.contains(['\n', '\r']) {
        true => Cow::Owned(json.0.replace(['\n', '\r'], "")),
        false => Cow::Borrowed(&json.0),
    }
}

fn own_citation<'r, 'a>(citation: &'r Citation<'a>) -> Option<&'r Json<'a>> {
    match &citation.origin {
        Some((Format::Anthropic, json)) => Some(json),
        Some((Format::OpenaiChat | Format::OpenaiResponses | Format::Gemini, _)) | None => None,
    }
}

fn write_source(source: &Source<'_>, out: &mut Writer<'_>) {
    out.open_object().key("type");
    match source {
        Source::Inline { mime, base64 } => match plain_text(mime, base64) {
            Some(text) => write_plain(&text, out),
            None => {
                out.text("base64").key("media_type").text(mime);
                out.key("data").text(base64);
            }
        },
        Source::Url { url, .. } => {
            out.text("url").key("url").text(url);
        }
        Source::File { id, .. } | Source::Earlier { id, .. } => {
            out.text("file").key("file_id").text(id);
        }
        Source::Text { text } => write_plain(text, out),
        // Written by whoever writes blocks.
        Source::Parts { .. } => write_plain("", out),
    }
    out.close_object();
}

fn write_plain(text: &str, out: &mut Writer<'_>) {
    out.text("text").key("media_type").text("text/plain");
    out.key("data").text(text);
}

/// The API takes documents of text (sources of programs, JSON, tables) as plain text only.
fn plain_text(mime: &str, encoded: &str) -> Option<String> {
    let is_text = mime.starts_with("text/") || mime.starts_with("application/json");
    is_text.then(|| base64::text(encoded)).flatten()
}

/// A block of thinking, of requests and of answers.
pub(super) fn write_thinking(thinking: &Thinking<'_>, out: &mut Writer<'_>) {
    let seal = thinking.seal.as_ref();
    let seal = seal.map(|seal| &*seal.value).unwrap_or_default();
    out.open_object().key("type");
    if thinking.redacted {
        out.text("redacted_thinking").key("data").text(seal);
    } else {
        let words = words_of(thinking);
        out.text("thinking").key("thinking").text(&words);
        out.key("signature").text(seal);
    }
    out.close_object();
}

/// Summaries and words, a blank line between each two.
fn words_of<'r>(thinking: &'r Thinking<'_>) -> Cow<'r, str> {
    if thinking.summaries.is_empty() {
        return Cow::Borrowed(&thinking.text);
    }
    let text = Some(&thinking.text).filter(|text| !text.is_empty());
    let all: Vec<&str> = thinking
        .summaries
        .iter()
        .chain(text)
        .map(|text| &**text)
        .collect();
    Cow::Owned(all.join("\n\n"))
}

/// Writes the object that a tool is called with. Nothing is written if the arguments broke off, or are no object.
pub(super) fn write_input(arguments: &Arguments<'_>, out: &mut Writer<'_>) -> bool {
    match arguments {
        Arguments::Free(text) => wrap("input", text, out),
        Arguments::Json(text) => {
            let mut document = Document::default();
            let Some(object) = arguments::object(text, &mut document) else {
                return false;
            };
            out.raw(object);
        }
    }
    true
}

fn wrap(key: &'static str, text: &str, out: &mut Writer<'_>) {
    out.open_object().key(key).text(text).close_object();
}

/// The id of a call as the API takes it: letters, digits, `_`, `-`. Any other character becomes `_`, and a hash of the id
/// keeps apart what would become the same.
fn id<'r>(id: &'r Str<'_>) -> Cow<'r, str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !id.is_empty() && id.bytes().all(is_plain) {
        return Cow::Borrowed(id);
    }
    let mut plain = String::with_capacity(id.len() + 9);
    let fit = |c: char| {
        if is_plain(u8::try_from(c).unwrap_or(b'.')) {
            c
        } else {
            '_'
        }
    };
    plain.extend(id.chars().map(fit));
    // FNV-1a.
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    Cow::Owned(format!("{plain}_{hash:08x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(arguments: &Arguments<'_>) -> Option<String> {
        let mut out = Vec::new();
        let is_written = write_input(arguments, &mut Writer::new(&mut out));
        is_written.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_tool_is_called_with_an_object() {
        for (text, expected) in [
            ("", Some("{}")),
            (" {\"a\" : 1.0} ", Some("{\"a\" : 1.0}")),
            ("{\"a\":", None),
            ("[1]", None),
        ] {
            let written = input(&Arguments::Json(text.into()));
            assert_eq!(written.as_deref(), expected, "{text}");
        }
        let free = input(&Arguments::Free("x\"y".into()));
        assert_eq!(free.as_deref(), Some(r#"{"input":"x\"y"}"#));
    }

    #[test]
    fn ids_are_kept_where_the_api_takes_them() {
        assert_eq!(id(&"call_a-1".into()), "call_a-1");
        let odd = id(&"functions.f:0".into()).into_owned();
        assert!(odd.starts_with("functions_f_0_"), "{odd}");
        assert_ne!(odd, id(&"functions.f.0".into()));
        assert_eq!(id(&"".into()), "_811c9dc5");
    }
}
