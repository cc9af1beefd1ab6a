//! The content of a message: a text, or parts.

use crate::ir::{At, Body, Document, Format, Media, Part, Said, Source, Str, Text, Thinking};
use crate::wire::json::{Kind, Misfit, Value};

use super::media::{inline, mime_of_audio, source_of};
use super::request_read::{filled, read_breakpoint, read_mark};

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
            "prompt_cache_breakpoint" => mark = Some(read_breakpoint(value, unsaid)?),
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

#[cfg(test)]
mod tests {
    use super::super::proof::{read, unsaid};
    use super::*;

    fn parts(content: &str) -> Vec<Part<'static>> {
        let text = format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#);
        let mut request = read(&text);
        let turn = request.turns.remove(0);
        turn.parts.into_iter().map(Part::into_owned).collect()
    }

    fn bodies(content: &str) -> Vec<Body<'static>> {
        parts(content).into_iter().map(|part| part.body).collect()
    }

    fn inline(mime: &'static str) -> Source<'static> {
        Source::Inline {
            mime: mime.into(),
            base64: "QUJD".into(),
        }
    }

    #[test]
    fn a_string_is_one_text_and_an_empty_one_none() {
        let Body::Text(text) = &bodies(r#""a\nb""#)[0] else {
            panic!();
        };
        assert_eq!(text.text, "a\nb");
        assert!(bodies(r#""""#).is_empty() && bodies("null").is_empty() && bodies("[]").is_empty());
    }

    #[test]
    fn images_are_told_by_address_or_hold_their_bytes() {
        let images = bodies(
            r#"[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD","detail":"low"}},
                {"type":"image_url","image_url":"https://a/b.png"}]"#,
        );
        let [Body::Image(first), Body::Image(second)] = &images[..] else {
            panic!("{images:?}");
        };
        assert_eq!(first.source, inline("image/png"));
        assert_eq!(first.detail.as_ref().unwrap().value, "low");
        assert!(matches!(&second.source, Source::Url { url, .. } if url == "https://a/b.png"));
    }

    #[test]
    fn a_file_is_what_its_media_type_says() {
        let file = |data: &str| {
            let file =
                format!(r#"[{{"type":"file","file":{{"file_data":"{data}","filename":"f"}}}}]"#);
            bodies(&file).remove(0)
        };
        let Body::Document(pdf) = file("data:application/pdf;base64,QUJD") else {
            panic!();
        };
        assert_eq!(pdf.source, inline("application/pdf"));
        assert_eq!(pdf.title.unwrap().value, "f");
        assert!(matches!(file("data:image/png;base64,QUJD"), Body::Image(_)));
        assert!(matches!(file("data:audio/wav;base64,QUJD"), Body::Audio(_)));
        let Body::Document(bare) = file("QUJD") else {
            panic!();
        };
        assert_eq!(bare.source, inline("application/pdf"));
        let stored = bodies(r#"[{"type":"file","file":{"file_id":"file-1"}}]"#).remove(0);
        let Body::Document(stored) = stored else {
            panic!();
        };
        assert!(matches!(
            stored.source,
            Source::File {
                format: Format::OpenaiChat,
                ..
            }
        ));
    }

    #[test]
    fn audio_is_named_by_its_format() {
        let audio = r#"[{"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}}]"#;
        let Body::Audio(media) = bodies(audio).remove(0) else {
            panic!();
        };
        assert_eq!(media.source, inline("audio/mp3"));
        let qwen = r#"[{"type":"input_audio","input_audio":{"data":"data:;base64,QUJD"}}]"#;
        let Body::Audio(media) = bodies(qwen).remove(0) else {
            panic!();
        };
        assert_eq!(media.source, inline("audio/wav"));
    }

    #[test]
    fn parts_that_nobody_knows_are_noted_and_the_rest_stays() {
        let text = r#"{"messages":[{"role":"user","content":[{"type":"hologram","x":1},{"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"implicit"}},"b"]}]}"#;
        let expected = [
            "messages[0].content[0]",
            "messages[0].content[1].prompt_cache_breakpoint.mode",
        ];
        assert_eq!(unsaid(text), expected);
        assert_eq!(read(text).turns[0].parts.len(), 2);
    }

    #[test]
    fn a_mark_stands_on_its_part() {
        let parts = parts(
            r#"[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"5m"}},{"type":"text","text":"b"}]"#,
        );
        let marks: Vec<bool> = parts.iter().map(|part| part.cache.is_some()).collect();
        assert_eq!(marks, [true, false]);
    }

    #[test]
    fn thinking_among_the_content_is_thinking() {
        let thinking = bodies(
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
                {"type":"thinking","thinking":"c","signature":"s"}]"#,
        );
        let [Body::Thinking(first), Body::Thinking(second)] = &thinking[..] else {
            panic!("{thinking:?}");
        };
        assert_eq!((&*first.text, &*second.text), ("ab", "c"));
        assert_eq!(second.seal.as_ref().unwrap().value, "s");
    }
}
