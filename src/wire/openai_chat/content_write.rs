//! The content of a message: parts as they are said, then a string or a list of them.

use std::borrow::Cow;

use crate::ir::{Body, CacheMark, Document, Format, Media, Part, Source};
use crate::wire::convert::Refused;
use crate::wire::json::Writer;

use super::media::{audio_format, file_name};
use super::out::Out;

/// What a message says. Texts alone are written as one string, since many vendors know nothing else in most messages; with
/// anything else among them, or a mark on one, as a list.
#[derive(Debug)]
pub(super) struct Content<'r, 'a> {
    pieces: Vec<(Piece<'r, 'a>, Option<&'r CacheMark<'a>>)>,
    /// What stands between texts that become one.
    between: &'static str,
}

#[derive(Debug)]
pub(super) enum Piece<'r, 'a> {
    Words(&'r str),
    Image(&'r Media<'a>),
    Video(&'r Media<'a>),
    /// Base64, and the format as Chat names it.
    Audio(&'r str, &'r str),
    /// A file that the vendor keeps.
    Stored(&'r str),
    File {
        name: Option<&'r str>,
        mime: &'r str,
        base64: &'r str,
    },
}

impl Default for Content<'_, '_> {
    /// Texts of their own.
    fn default() -> Self {
        Content {
            pieces: Vec::new(),
            between: "\n",
        }
    }
}

impl<'r, 'a> Content<'r, 'a> {
    /// The model's words: what is in pieces was said in one go (Anthropic cuts a text at every citation).
    pub(super) fn spoken() -> Self {
        Content {
            between: "",
            ..Content::default()
        }
    }

    /// A system prompt: an empty line between its texts, as Responses' `instructions` have it.
    pub(super) fn prompt() -> Self {
        Content {
            between: "\n\n",
            ..Content::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn push(&mut self, piece: Piece<'r, 'a>, mark: Option<&'r CacheMark<'a>>) {
        self.pieces.push((piece, mark));
    }

    /// A mark on the whole message is one on the last piece.
    pub(super) fn mark(&mut self, mark: Option<&'r CacheMark<'a>>, out: &mut Out<'_, '_>) {
        let Some(mark) = mark else {
            return;
        };
        match self.pieces.last_mut() {
            Some((_, slot)) if slot.is_none() => *slot = Some(mark),
            _ => out.losses.hint(mark.at, "cache_control"),
        }
    }

    pub(super) fn add(&mut self, part: &'r Part<'a>, out: &mut Out<'_, '_>) -> Result<(), Refused> {
        let before = self.pieces.len();
        match &part.body {
            Body::Text(text) => {
                self.push(Piece::Words(&text.text), None);
                for citation in &text.citations {
                    out.losses.add(citation.at, "a citation");
                }
            }
            Body::Refusal(text) => self.push(Piece::Words(text), None),
            Body::Image(media) => self.add_image(media, part, out)?,
            Body::Audio(media) => self.add_audio(media, part, out)?,
            Body::Document(document) => self.add_document(document, part, out)?,
            Body::Video(media) if out.traits.videos && is_told(&media.source) => {
                self.push(Piece::Video(media), None);
                out.lose(media.detail.as_ref(), "detail of a video");
            }
            Body::Video(_) => {
                return Err(Refused::new(part.at, "this vendor takes no videos"));
            }
            Body::Foreign(_) => {
                out.losses.add(part.at, "a part of another format");
            }
            Body::Thinking(_) | Body::Call(_) | Body::Outcome(_) => {
                out.losses.add(part.at, "a part out of its place");
            }
        }
        out.lose(part.seal.as_ref(), "seal of a part");
        match self.pieces.len() > before {
            true => self.mark(part.cache.as_ref(), out),
            false => {
                if let Some(mark) = &part.cache {
                    out.losses.hint(mark.at, "cache_control");
                }
            }
        }
        Ok(())
    }

    fn add_image(
        &mut self,
        media: &'r Media<'a>,
        part: &Part<'_>,
        out: &Out<'_, '_>,
    ) -> Result<(), Refused> {
        let why = match &media.source {
            Source::Url { .. } if !out.traits.url_images => {
                "this vendor takes no images by their address; send the image itself"
            }
            Source::Inline { .. } | Source::Url { .. } => {
                self.push(Piece::Image(media), None);
                return Ok(());
            }
            Source::File { .. } | Source::Earlier { .. } => {
                "this image is kept by another vendor; send the image itself"
            }
            Source::Text { .. } | Source::Parts { .. } => "this is no image",
        };
        Err(Refused::new(part.at, why))
    }

    fn add_audio(
        &mut self,
        media: &'r Media<'a>,
        part: &Part<'_>,
        out: &mut Out<'_, '_>,
    ) -> Result<(), Refused> {
        match &media.source {
            Source::Inline { mime, base64 } => {
                self.push(Piece::Audio(base64, audio_format(mime)), None);
                out.lose(media.detail.as_ref(), "detail of an audio");
                Ok(())
            }
            Source::Url { .. }
            | Source::File { .. }
            | Source::Text { .. }
            | Source::Parts { .. }
            | Source::Earlier { .. } => {
                let why = "this vendor takes audio in the request alone; send the audio itself";
                Err(Refused::new(part.at, why))
            }
        }
    }

    fn add_document(
        &mut self,
        document: &'r Document<'a>,
        part: &Part<'_>,
        out: &mut Out<'_, '_>,
    ) -> Result<(), Refused> {
        let title = document.title.as_ref().map(|title| &*title.value);
        out.lose(document.cite.as_ref(), "citations of a document");
        // What is said about a document has no place of its own; it stands before it.
        let context = document.context.as_ref().map(|context| &*context.value);
        let is_text = matches!(document.source, Source::Text { .. } | Source::Parts { .. });
        let headings = [title.filter(|_| is_text), context];
        for words in headings.into_iter().flatten() {
            self.push(Piece::Words(words), None);
        }
        match &document.source {
            Source::Inline { mime, base64 } => {
                let name = title;
                self.push(Piece::File { name, mime, base64 }, None);
            }
            Source::Text { text } => self.push(Piece::Words(text), None),
            Source::Parts { parts } => {
                for part in parts {
                    self.add(part, out)?;
                }
            }
            Source::File { id, format, .. } if is_openais(*format) => {
                self.push(Piece::Stored(id), None);
                out.lose(document.title.as_ref(), "title of a stored file");
            }
            Source::File { .. } | Source::Earlier { .. } => {
                let why = "this file is kept by another vendor; send the file itself";
                return Err(Refused::new(part.at, why));
            }
            Source::Url { .. } => {
                let why = "this vendor takes no documents by their address; send the file itself";
                return Err(Refused::new(part.at, why));
            }
        }
        Ok(())
    }

    /// Writes it as the member `content`.
    pub(super) fn write(&self, out: &mut Out<'_, '_>) -> Result<(), Refused> {
        // OpenAI takes none on what the model has said.
        let is_spoken = self.between.is_empty();
        let writes_marks = out.traits.cache_control || (out.traits.cache_breakpoints && !is_spoken);
        let plain = self.pieces.iter().all(|(piece, mark)| {
            matches!(piece, Piece::Words(_)) && !(writes_marks && mark.is_some())
        });
        out.writer.key("content");
        if plain {
            out.writer.text(&self.joined());
            for mark in self.pieces.iter().filter_map(|(_, mark)| *mark) {
                out.losses.hint(mark.at, "cache_control");
            }
            return Ok(());
        }
        out.writer.open_list();
        for (piece, mark) in &self.pieces {
            out.writer.open_object().key("type");
            piece.write(out.writer);
            match is_spoken {
                true => out.write_mark(*mark),
                false => out.write_mark_of_part(*mark),
            }
            out.writer.close_object();
        }
        out.writer.close_list();
        Ok(())
    }

    fn joined(&self) -> Cow<'r, str> {
        let words = |piece: &Piece<'r, 'a>| match piece {
            Piece::Words(words) => Some(*words),
            Piece::Image(_)
            | Piece::Video(_)
            | Piece::Audio(..)
            | Piece::Stored(_)
            | Piece::File { .. } => None,
        };
        let mut all = self.pieces.iter().filter_map(|(piece, _)| words(piece));
        match (all.next(), self.pieces.len()) {
            (None, _) => Cow::Borrowed(""),
            (Some(only), 1) => Cow::Borrowed(only),
            (Some(first), _) => Cow::Owned(all.fold(first.to_owned(), |mut joined, more| {
                joined.push_str(self.between);
                joined.push_str(more);
                joined
            })),
        }
    }
}

/// Files that OpenAI keeps are the same for both of its formats.
fn is_openais(format: Format) -> bool {
    matches!(format, Format::OpenaiChat | Format::OpenaiResponses)
}

impl Piece<'_, '_> {
    /// From the type's value on.
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Piece::Words(words) => {
                writer.text("text").key("text").text(words);
            }
            Piece::Image(media) => {
                let image = writer.text("image_url").key("image_url").open_object();
                write_address(&media.source, image.key("url"));
                if let Some(detail) = &media.detail {
                    image.key("detail").text(&detail.value);
                }
                image.close_object();
            }
            Piece::Video(media) => {
                let video = writer.text("video_url").key("video_url").open_object();
                write_address(&media.source, video.key("url"));
                video.close_object();
            }
            Piece::Audio(base64, format) => {
                let audio = writer.text("input_audio").key("input_audio").open_object();
                audio.key("data").text(base64);
                audio.key("format").text(format).close_object();
            }
            Piece::Stored(id) => {
                let file = writer.text("file").key("file").open_object();
                file.key("file_id").text(id).close_object();
            }
            Piece::File { name, mime, base64 } => {
                let file = writer.text("file").key("file").open_object();
                file.key("filename").text(name.unwrap_or(file_name(mime)));
                file.key("file_data");
                file.text_of(&["data:", mime, ";base64,", base64]);
                file.close_object();
            }
        }
    }
}

/// Whether an address can say it.
fn is_told(source: &Source<'_>) -> bool {
    match source {
        Source::Inline { .. } | Source::Url { .. } => true,
        Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => false,
    }
}

fn write_address(source: &Source<'_>, writer: &mut Writer<'_>) {
    match source {
        Source::Inline { mime, base64 } => writer.text_of(&["data:", mime, ";base64,", base64]),
        Source::Url { url, .. } => writer.text(url),
        Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => writer.null(),
    };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Tree, json};

    use super::super::proof::{lost, try_write, write};
    use crate::ir::{
        At, Body, CacheMark, Citation, Document, Format, Media, Part, Request, Role, Said, Source,
        Text, Turn,
    };
    use crate::wire::convert::Traits;

    fn request(role: Role, bodies: Vec<Body<'static>>) -> Request<'static> {
        let parts = bodies.into_iter().map(|body| Part::new(At(1), body));
        Request {
            turns: vec![Turn::new(At(1), role, parts.collect())],
            ..Request::default()
        }
    }

    fn content(bodies: Vec<Body<'static>>) -> Tree {
        let written = write(&request(Role::User, bodies), &Traits::default());
        written["messages"][0]["content"].clone()
    }

    fn text(words: &'static str) -> Body<'static> {
        Body::Text(Text {
            text: words.into(),
            citations: Vec::new(),
        })
    }

    fn inline(mime: &'static str) -> Source<'static> {
        Source::Inline {
            mime: mime.into(),
            base64: "QUJD".into(),
        }
    }

    fn url() -> Source<'static> {
        Source::Url {
            url: "https://a/b".into(),
            mime: None,
        }
    }

    fn file(format: Format) -> Source<'static> {
        Source::File {
            id: "file-1".into(),
            mime: None,
            format,
        }
    }

    fn document(source: Source<'static>) -> Document<'static> {
        Document {
            source,
            title: Some(Said::new(At(2), "T".into())),
            context: Some(Said::new(At(3), "C".into())),
            cite: None,
        }
    }

    #[test]
    fn texts_alone_are_one_string() {
        assert_eq!(content(vec![text("a"), text("b")]), "a\nb");
        let spoken = request(Role::Assistant, vec![text("one "), text("sentence")]);
        let written = write(&spoken, &Traits::default());
        assert_eq!(written["messages"][0]["content"], "one sentence");
    }

    #[test]
    fn documents_are_files_or_what_they_say() {
        assert_eq!(
            content(vec![Body::Document(document(inline("application/pdf")))]),
            json!([
                {"type": "text", "text": "C"},
                {"type": "file", "file": {"filename": "T", "file_data": "data:application/pdf;base64,QUJD"}},
            ])
        );
        let words = Source::Text { text: "W".into() };
        assert_eq!(content(vec![Body::Document(document(words))]), "T\nC\nW");
        let parts = Source::Parts {
            parts: vec![
                Part::new(At(4), text("W")),
                Part::new(At(5), Body::Image(Media::new(url()))),
            ],
        };
        let written = content(vec![Body::Document(document(parts))]);
        assert_eq!(written.as_array().unwrap().len(), 4);
        let mut untitled = document(inline("application/pdf"));
        untitled.title = None;
        let written = content(vec![Body::Document(untitled)]);
        assert_eq!(written[1]["file"]["filename"], "document.pdf");
    }

    #[test]
    fn files_of_openais_are_known_by_their_id_and_others_refused() {
        let stored = content(vec![Body::Document(Document {
            context: None,
            ..document(file(Format::OpenaiResponses))
        })]);
        assert_eq!(
            stored,
            json!([{"type": "file", "file": {"file_id": "file-1"}}])
        );
        let traits = Traits::default();
        for body in [
            Body::Document(document(file(Format::Anthropic))),
            Body::Document(document(url())),
            Body::Image(Media::new(file(Format::Gemini))),
            Body::Audio(Media::new(url())),
            Body::Video(Media::new(inline("video/mp4"))),
        ] {
            let refused = try_write(&request(Role::User, vec![body]), &traits).unwrap_err();
            assert_eq!(refused.at, At(1));
        }
    }

    #[test]
    fn images_by_address_are_refused_where_the_vendor_takes_none() {
        let image = request(Role::User, vec![Body::Image(Media::new(url()))]);
        let none = Traits {
            url_images: false,
            ..Traits::default()
        };
        assert!(try_write(&image, &none).is_err());
        let written = write(&image, &Traits::default());
        let address = &written["messages"][0]["content"][0]["image_url"]["url"];
        assert_eq!(address, "https://a/b");
    }

    #[test]
    fn audio_is_named_by_its_format() {
        let audio = content(vec![Body::Audio(Media::new(inline("audio/mpeg")))]);
        let expected = json!({"data": "QUJD", "format": "mp3"});
        assert_eq!(audio[0]["input_audio"], expected);
    }

    #[test]
    fn citations_of_earlier_answers_are_lost_and_said() {
        let cited = Body::Text(Text {
            text: "a".into(),
            citations: vec![Citation::default()],
        });
        let request = request(Role::Assistant, vec![cited]);
        assert_eq!(lost(&request, &Traits::default()), ["a citation"]);
    }

    #[test]
    fn marks_of_a_cache_are_said_as_the_vendor_takes_them() {
        let marked = |role| {
            let mut request = request(role, vec![text("a")]);
            request.turns[0].parts[0].cache = Some(CacheMark {
                at: At(7),
                ttl: None,
            });
            request
        };
        let breakpoints = Traits {
            cache_control: false,
            cache_breakpoints: true,
            ..Traits::default()
        };
        let neither = Traits {
            cache_breakpoints: false,
            ..breakpoints.clone()
        };
        let content = |role, traits: &Traits| {
            let written = write(&marked(role), traits);
            written["messages"][0]["content"].clone()
        };
        let part = |key: &str, mark: Tree| json!([{"type": "text", "text": "a", key: mark}]);
        let explicit = part("prompt_cache_breakpoint", json!({"mode": "explicit"}));
        assert_eq!(content(Role::User, &breakpoints), explicit);
        assert_eq!(content(Role::System, &breakpoints), explicit);
        // OpenAI takes none on what the model has said.
        assert_eq!(content(Role::Assistant, &breakpoints), "a");
        let relays = part("cache_control", json!({"type": "ephemeral"}));
        assert_eq!(content(Role::User, &Traits::default()), relays);
        assert_eq!(content(Role::User, &neither), "a");
        assert_eq!(lost(&marked(Role::User), &neither), ["cache_control"]);
    }

    #[test]
    fn videos_go_to_vendors_that_know_them() {
        let video = request(
            Role::User,
            vec![Body::Video(Media::new(inline("video/mp4")))],
        );
        let takes = Traits {
            videos: true,
            ..Traits::default()
        };
        let url = json!({"url": "data:video/mp4;base64,QUJD"});
        assert_eq!(
            write(&video, &takes)["messages"][0]["content"],
            json!([{"type": "video_url", "video_url": url}])
        );
        assert!(try_write(&video, &Traits::default()).is_err());
    }
}
