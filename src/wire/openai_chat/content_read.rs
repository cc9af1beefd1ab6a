//! The content of a message: a text, or parts.

use crate::ir::{At, Body, Document, Format, Media, Part, Said, Source, Str, Text, Thinking};
use crate::wire::json::{Kind, Misfit, Value};

use super::media::{inline, mime_of_audio, source_of};
use super::request_read::{filled, read_mark};

/// An empty text is no part: an answer of calls alone has one beside them.
pub(super) fn read_content<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Vec<Part<'a>>, Misfit> {
    match value.kind() {
        Kind::Text => {
            let text = value.want_text()?;
            let part = (!text.is_empty()).then(|| text_part(value.at(), text));
            Ok(part.into_iter().collect())
        }
        Kind::List => {
            let mut parts = Vec::new();
            for item in value.items() {
                parts.extend(read_part(item, unsaid)?);
            }
            Ok(parts)
        }
        Kind::Null | Kind::Bool | Kind::Number | Kind::Object => {
            Err(value.misfit("a string or an array of parts"))
        }
    }
}

pub(super) fn text_part<'a>(at: At, text: Str<'a>) -> Part<'a> {
    let text = Text {
        text,
        citations: Vec::new(),
    };
    Part::new(at, Body::Text(text))
}

fn read_part<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Option<Part<'a>>, Misfit> {
    // Some clients put bare strings into the list.
    if value.kind() == Kind::Text {
        return Ok(Some(text_part(value.at(), value.want_text()?)));
    }
    let kind = value
        .want_object()?
        .member_text("type")
        .ok_or(value.misfit("a part with a type"))?;
    // The member that holds the part is named as its type.
    let (kind, key) = match &*kind {
        "text" | "input_text" | "output_text" => ("text", "text"),
        kind @ ("image_url" | "input_audio" | "file" | "video_url" | "refusal" | "thinking") => {
            (kind, kind)
        }
        _ => {
            unsaid.push(value.at());
            return Ok(None);
        }
    };
    let mut body = None;
    let mut mark = None;
    let mut seal = None;
    for (name, value) in filled(value) {
        match &*name {
            "type" => {}
            name if name == key => body = Some(read_body(kind, value, unsaid)?),
            "cache_control" => mark = Some(read_mark(value, unsaid)?),
            "signature" if kind == "thinking" => seal = Some(value.want_said()?),
            _ => unsaid.push(value.at()),
        }
    }
    let mut body = body.ok_or(value.misfit("a part with what its type says"))?;
    if let Body::Thinking(thinking) = &mut body {
        thinking.seal = seal;
    }
    let mut part = Part::new(value.at(), body);
    part.cache = mark;
    Ok(Some(part))
}

fn read_body<'a>(
    kind: &str,
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Body<'a>, Misfit> {
    Ok(match kind {
        "image_url" => Body::Image(read_address(value, unsaid)?),
        "video_url" => Body::Video(read_address(value, unsaid)?),
        "input_audio" => Body::Audio(read_audio(value, unsaid)?),
        "file" => read_file(value, unsaid)?,
        "refusal" => Body::Refusal(value.want_text()?),
        "thinking" => Body::Thinking(read_thinking(value, unsaid)?),
        _ => Body::Text(Text {
            text: value.want_text()?,
            citations: Vec::new(),
        }),
    })
}

/// `{"url":…,"detail":…}`; some clients write the address alone.
fn read_address<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Media<'a>, Misfit> {
    if value.kind() == Kind::Text {
        return Ok(Media::new(source_of(value.want_text()?)));
    }
    let (mut source, mut detail) = (None, None);
    for (key, value) in filled(value.want_object()?) {
        match &*key {
            "url" => source = Some(source_of(value.want_text()?)),
            "detail" => detail = Some(value.want_said()?),
            _ => unsaid.push(value.at()),
        }
    }
    let mut media = Media::new(source.ok_or(value.misfit("an object with a url"))?);
    media.detail = detail;
    Ok(media)
}

fn read_audio<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Media<'a>, Misfit> {
    let (mut data, mut format) = (None, None);
    for (key, value) in filled(value.want_object()?) {
        match &*key {
            "data" => data = Some(value.want_text()?),
            "format" => format = Some(value.want_text()?),
            _ => unsaid.push(value.at()),
        }
    }
    let data = data.ok_or(value.misfit("an audio with data"))?;
    let mime = mime_of_audio(format.as_deref().unwrap_or("wav"));
    // Qwen takes a data: address here.
    let mut base64 = data;
    if let Some(Source::Inline { base64: inner, .. }) = inline(&base64) {
        base64 = inner;
    }
    let mime = mime.into();
    Ok(Media::new(Source::Inline { mime, base64 }))
}

fn read_file<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Body<'a>, Misfit> {
    let (mut data, mut id, mut title) = (None, None, None);
    for (key, value) in filled(value.want_object()?) {
        match &*key {
            "file_data" => data = Some(value.want_said()?),
            "file_id" => id = Some(value.want_said()?),
            "filename" => title = Some(value.want_said()?),
            _ => unsaid.push(value.at()),
        }
    }
    let source = match (data, id) {
        (Some(data), id) => {
            unsaid.extend(id.map(|id| id.at));
            source_of_file(data.value)
        }
        (None, Some(id)) => Source::File {
            id: id.value,
            mime: None,
            format: Format::OpenaiChat,
        },
        (None, None) => return Err(value.misfit("a file with data or an id")),
    };
    Ok(body_of_file(source, title, unsaid))
}

/// OpenAI takes data: addresses. Others take bare base64 or an address on the web as well.
fn source_of_file(data: Str<'_>) -> Source<'_> {
    if data.starts_with("data:") || data.contains("://") {
        return source_of(data);
    }
    Source::Inline {
        mime: "application/pdf".into(),
        base64: data,
    }
}

/// A file is what its media type says: a picture in a file is a picture for every other format.
fn body_of_file<'a>(
    source: Source<'a>,
    title: Option<Said<Str<'a>>>,
    unsaid: &mut Vec<At>,
) -> Body<'a> {
    let mut media: Option<fn(Media<'a>) -> Body<'a>> = None;
    if let Source::Inline { mime, .. } = &source {
        media = match mime.split('/').next() {
            Some("image") => Some(Body::Image),
            Some("audio") => Some(Body::Audio),
            Some("video") => Some(Body::Video),
            _ => None,
        };
    }
    match media {
        Some(media) => {
            unsaid.extend(title.map(|title| title.at));
            media(Media::new(source))
        }
        None => Body::Document(Document {
            source,
            title,
            context: None,
            cite: None,
        }),
    }
}

/// Mistral's thinking: a list of texts. Relays in front of Anthropic write one text, with its signature beside it.
fn read_thinking<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Thinking<'a>, Misfit> {
    let mut thinking = Thinking::default();
    if value.kind() == Kind::Text {
        thinking.text = value.want_text()?;
        return Ok(thinking);
    }
    for item in value.want_list()?.items() {
        for (key, value) in filled(item) {
            match &*key {
                "type" => {}
                "text" => thinking.text.to_mut().push_str(&value.want_text()?),
                _ => unsaid.push(value.at()),
            }
        }
    }
    Ok(thinking)
}
