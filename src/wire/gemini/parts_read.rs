use std::borrow::Cow;

use crate::ir::{At, Body, Document, Foreign, Format, Json, Media, Part, Said, Source, Str};
use crate::wire::json::{Misfit, Value};

/// A part of a content, taken to pieces: which kind of data it holds, and what stands beside it.
#[derive(Debug, Clone)]
pub(super) struct Piece<'d, 'a> {
    pub(super) at: At,
    pub(super) data: Option<(Data, Value<'d, 'a>)>,
    pub(super) thought: bool,
    pub(super) seal: Option<Said<Str<'a>>>,
    /// How closely to look at the media.
    resolution: Option<Value<'d, 'a>>,
    /// What is said in the audio: of answers only.
    transcript: Option<Value<'d, 'a>>,
}

/// The kinds of data that a part can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    Text,
    Inline,
    File,
    Call,
    Response,
    /// What no other format has, by its key: code that was run, tools of the vendor's.
    Own(&'static str),
}

impl<'d, 'a> Piece<'d, 'a> {
    /// Reads what stands in a part, in camel case or in snake case, as the API does.
    ///
    /// # Errors
    /// [`Misfit`]: it is no object, or a member is of the wrong kind.
    pub(super) fn read(
        value: Value<'d, 'a>,
        unsaid: &mut Vec<At>,
    ) -> Result<Piece<'d, 'a>, Misfit> {
        let mut piece = Piece {
            at: value.at(),
            data: None,
            thought: false,
            seal: None,
            resolution: None,
            transcript: None,
        };
        for (key, member) in value.want_object()?.members() {
            if member.is_null() {
                continue;
            }
            let data = match &*key {
                "text" => Data::Text,
                "inlineData" | "inline_data" => Data::Inline,
                "fileData" | "file_data" => Data::File,
                "functionCall" | "function_call" => Data::Call,
                "functionResponse" | "function_response" => Data::Response,
                "executableCode" | "executable_code" => Data::Own("executableCode"),
                "codeExecutionResult" | "code_execution_result" => Data::Own("codeExecutionResult"),
                "toolCall" | "tool_call" => Data::Own("toolCall"),
                "toolResponse" | "tool_response" => Data::Own("toolResponse"),
                "thought" => {
                    piece.thought = member.want_bool()?.value;
                    continue;
                }
                "thoughtSignature" | "thought_signature" => {
                    piece.seal = Some(member.want_said()?).filter(|seal| !seal.value.is_empty());
                    continue;
                }
                "mediaResolution" | "media_resolution" => {
                    piece.resolution = Some(member);
                    continue;
                }
                key => {
                    if matches!(key, "audioTranscription" | "audio_transcription") {
                        piece.transcript = Some(member);
                    }
                    unsaid.push(member.at());
                    continue;
                }
            };
            piece.hold(data, member, unsaid);
        }
        Ok(piece)
    }

    /// A part holds one kind of data; an empty text beside another kind says nothing.
    fn hold(&mut self, data: Data, member: Value<'d, 'a>, unsaid: &mut Vec<At>) {
        let is_nothing = |data: Data, value: Value<'_, '_>| {
            data == Data::Text && value.text().is_some_and(|text| text.is_empty())
        };
        match self.data {
            Some(_) if is_nothing(data, member) => return,
            Some((held, value)) if !is_nothing(held, value) => unsaid.push(value.at()),
            _ => {}
        }
        self.data = Some((data, member));
    }

    /// The part that holds `body`, with the seal.
    pub(super) fn with(&self, body: Body<'a>) -> Part<'a> {
        Part {
            seal: self.seal.clone(),
            ..Part::new(self.at, body)
        }
    }

    /// What is in `inlineData` or `fileData`.
    ///
    /// # Errors
    /// [`Misfit`]: it is not made as it should be.
    pub(super) fn media(
        &self,
        value: Value<'d, 'a>,
        unsaid: &mut Vec<At>,
    ) -> Result<Body<'a>, Misfit> {
        let file = MediaFile::read(value, unsaid)?;
        let detail = self
            .resolution
            .and_then(|resolution| detail(resolution, unsaid));
        Ok(file.body(detail, unsaid))
    }

    /// The same of an answer, whose audio may come with its words.
    ///
    /// # Errors
    /// [`Misfit`]: it is not made as it should be.
    pub(super) fn told_media(
        &self,
        value: Value<'d, 'a>,
        unsaid: &mut Vec<At>,
    ) -> Result<Body<'a>, Misfit> {
        let mut body = self.media(value, unsaid)?;
        if let (Body::Audio(media), Some(transcript)) = (&mut body, self.transcript) {
            media.transcript = transcript.member_text("text");
            unsaid.retain(|at| *at != transcript.at());
        }
        Ok(body)
    }
}

/// What stands in a `Blob` or `FileData`.
struct MediaFile<'a> {
    mime: Option<Str<'a>>,
    name: Option<Said<Str<'a>>>,
    source: Source<'a>,
}

impl<'a> MediaFile<'a> {
    fn read(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<MediaFile<'a>, Misfit> {
        let (mut mime, mut name, mut data, mut uri) = (None, None, None, None);
        for (key, member) in value.want_object()?.members() {
            if member.is_null() {
                continue;
            }
            match &*key {
                "mimeType" | "mime_type" => mime = Some(member.want_text()?),
                "displayName" | "display_name" => name = Some(member.want_said()?),
                "data" => data = Some(member.want_text()?),
                "fileUri" | "file_uri" => uri = Some(member.want_text()?),
                _ => unsaid.push(member.at()),
            }
        }
        let source = match (data, uri) {
            (Some(data), _) => Source::Inline {
                mime: mime.clone().unwrap_or_default(),
                base64: standard_base64(data),
            },
            (None, Some(uri)) if is_stored(&uri) => Source::File {
                id: uri,
                mime: mime.clone(),
                format: Format::Gemini,
            },
            (None, Some(url)) => Source::Url {
                url,
                mime: mime.clone(),
            },
            (None, None) => return Err(value.misfit("an object with data or fileUri")),
        };
        Ok(MediaFile { mime, name, source })
    }

    /// The media type says what it is; without one, the end of the address.
    fn body(self, detail: Option<Said<Str<'a>>>, unsaid: &mut Vec<At>) -> Body<'a> {
        let guessed = match &self.source {
            Source::Url { url, .. } | Source::File { id: url, .. } => mime_of_address(url),
            Source::Inline { .. }
            | Source::Text { .. }
            | Source::Parts { .. }
            | Source::Earlier { .. } => None,
        };
        let mime = self.mime.as_deref().or(guessed).unwrap_or_default();
        let kind = mime.split('/').next().unwrap_or_default();
        if !matches!(kind, "image" | "audio" | "video") {
            unsaid.extend(detail.map(|detail| detail.at));
            return Body::Document(Document {
                source: self.source,
                title: self.name,
                context: None,
                cite: None,
            });
        }
        unsaid.extend(self.name.as_ref().map(|name| name.at));
        let kind: fn(Media<'a>) -> Body<'a> = match kind {
            "image" => Body::Image,
            "audio" => Body::Audio,
            _ => Body::Video,
        };
        kind(Media {
            detail,
            ..Media::new(self.source)
        })
    }
}

/// `mediaResolution`, as OpenAI says it. `{"level": "MEDIA_RESOLUTION_HIGH"}`, or the level alone.
fn detail<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Option<Said<Str<'a>>> {
    let mut level = Some(value).filter(|value| value.text().is_some());
    for (key, member) in value.members() {
        match &*key {
            _ if member.is_null() => {}
            "level" => level = Some(member),
            _ => unsaid.push(member.at()),
        }
    }
    let level = level?;
    let word = match level.text().unwrap_or_default().as_ref() {
        "MEDIA_RESOLUTION_LOW" => "low",
        "MEDIA_RESOLUTION_HIGH" => "high",
        "MEDIA_RESOLUTION_UNSPECIFIED" => "auto",
        _ => {
            unsaid.push(level.at());
            return None;
        }
    };
    Some(Said::new(level.at(), Cow::Borrowed(word)))
}

/// What only this format knows, without the seal, which is the part's.
pub(super) fn foreign<'a>(kind: &'static str, value: Value<'_, 'a>) -> Body<'a> {
    Body::Foreign(Foreign {
        format: Format::Gemini,
        kind: Cow::Borrowed(kind),
        json: Json(Cow::Owned(format!("{{\"{kind}\":{}}}", value.raw()))),
    })
}

/// Whether the address is of a file that Google keeps, which nobody else can read.
fn is_stored(uri: &str) -> bool {
    let is_web = uri.starts_with("https://") || uri.starts_with("http://");
    !is_web || uri.contains("://generativelanguage.googleapis.com/")
}

/// The media type that an address ends with, by its extension.
pub(super) fn mime_of_address(address: &str) -> Option<&'static str> {
    if is_youtube(address) {
        return Some("video/mp4");
    }
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit('.').next()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        _ => return None,
    })
}

/// Gemini takes videos of YouTube by their address.
pub(super) fn is_youtube(address: &str) -> bool {
    [
        "https://www.youtube.com/",
        "https://youtube.com/",
        "https://youtu.be/",
    ]
    .iter()
    .any(|start| address.starts_with(start))
}

/// Base64 in the alphabet that every vendor reads. Google's Python SDK writes the one for URLs, which is the same to Google.
fn standard_base64(text: Str<'_>) -> Str<'_> {
    let is_url_safe = |b: u8| matches!(b, b'-' | b'_');
    let is_known = |b: u8| b.is_ascii_alphanumeric() || is_url_safe(b) || b == b'=';
    let bytes = text.as_bytes();
    if !bytes.iter().copied().any(is_url_safe)
        || !bytes.len().is_multiple_of(4)
        || !bytes.iter().copied().all(is_known)
    {
        return text;
    }
    let swap = |c| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    };
    Cow::Owned(text.chars().map(swap).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Document as Text;

    fn body(part: &str) -> (Body<'static>, Vec<At>) {
        let mut document = Text::default();
        let value = document.read(part.as_bytes()).unwrap();
        let mut unsaid = Vec::new();
        let piece = Piece::read(value, &mut unsaid).unwrap();
        let (_, data) = piece.data.unwrap();
        let body = piece.media(data, &mut unsaid).unwrap();
        (body.into_owned(), unsaid)
    }

    #[test]
    fn the_media_type_says_what_data_is() {
        for (mime, is) in [
            ("image/png", 0),
            ("audio/wav", 1),
            ("video/mp4", 2),
            ("application/pdf", 3),
            ("text/plain", 3),
        ] {
            let (body, unsaid) = body(&format!(
                r#"{{"inlineData":{{"mimeType":"{mime}","data":"QUJD"}}}}"#
            ));
            let found = match body {
                Body::Image(_) => 0,
                Body::Audio(_) => 1,
                Body::Video(_) => 2,
                _ => 3,
            };
            assert_eq!(found, is, "{mime}");
            assert!(unsaid.is_empty());
        }
    }

    #[test]
    fn files_of_google_are_stored_and_addresses_are_not() {
        for (uri, stored) in [
            ("gs://bucket/a.png", true),
            ("files/abc", true),
            (
                "https://generativelanguage.googleapis.com/v1beta/files/a",
                true,
            ),
            ("https://example.com/a.png", false),
            ("https://www.youtube.com/watch?v=1", false),
        ] {
            let (body, _) = body(&format!(r#"{{"file_data":{{"file_uri":"{uri}"}}}}"#));
            let source = match body {
                Body::Image(media) | Body::Video(media) => media.source,
                Body::Document(document) => document.source,
                other => panic!("{other:?}"),
            };
            assert_eq!(matches!(source, Source::File { .. }), stored, "{uri}");
        }
    }

    #[test]
    fn base64_for_urls_becomes_the_standard_one() {
        assert_eq!(standard_base64("a-_=".into()), "a+/=");
        assert_eq!(standard_base64("no base64-".into()), "no base64-");
        assert_eq!(standard_base64("ab+/".into()), "ab+/");
    }

    #[test]
    fn a_resolution_is_a_detail_and_what_has_no_word_is_told() {
        let (Body::Image(media), unsaid) = body(
            r#"{"mediaResolution":{"level":"MEDIA_RESOLUTION_LOW"},"inlineData":{"mimeType":"image/png","data":"QUJD","displayName":"x"},"videoMetadata":{"fps":1}}"#,
        ) else {
            panic!("no image");
        };
        assert_eq!(media.detail.unwrap().value, "low");
        assert_eq!(unsaid.len(), 2);
    }
}
