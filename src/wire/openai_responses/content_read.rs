//! What stands in a message or in the outcome of a tool: texts, refusals, media. Annotations and data URLs are read here
//! for replies too.

use std::borrow::Cow;
use std::ops::Range;

use crate::ir::{
    At, Body, CacheMark, Citation, Document, Format, Media, Part, Said, Source, Str, Text,
};
use crate::wire::json::{Kind, Misfit, Value};

/// The members of an object that say something: neither null nor the `type`, which was looked at before.
pub(super) fn said<'d, 'a: 'd>(
    value: Value<'d, 'a>,
) -> impl Iterator<Item = (Str<'a>, Value<'d, 'a>)> {
    let members = value.members();
    members.filter(|(key, value)| key != "type" && !value.is_null())
}

pub(super) fn plain(words: Str<'_>) -> Body<'_> {
    Body::Text(Text {
        text: words,
        citations: Vec::new(),
    })
}

/// A string, or parts. An empty string is no part.
pub(super) fn read<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Vec<Part<'a>>, Misfit> {
    if let Some(words) = value.text() {
        let filled = !words.is_empty();
        let part = filled.then(|| Part::new(value.at(), plain(words)));
        return Ok(part.into_iter().collect());
    }
    if value.kind() != Kind::List {
        return Err(value.misfit("a string or an array"));
    }
    let mut parts = Vec::new();
    for item in value.items() {
        parts.extend(part(item, unsaid)?);
    }
    Ok(parts)
}

fn part<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Option<Part<'a>>, Misfit> {
    let kind = value.want_object()?.member("type");
    let kind = kind.ok_or(value.misfit("an object with a type"))?;
    let mut cache = None;
    let body = match &*kind.want_text()? {
        "input_text" | "output_text" | "text" => text(value, &mut cache, unsaid)?,
        "refusal" => refusal(value, unsaid)?,
        "input_image" => image(value, &mut cache, unsaid)?,
        "input_file" => file(value, &mut cache, unsaid)?,
        "input_audio" => audio(value, unsaid)?,
        _ => {
            unsaid.push(value.at());
            return Ok(None);
        }
    };
    Ok(Some(Part {
        cache,
        ..Part::new(value.at(), body)
    }))
}

fn text<'a>(
    value: Value<'_, 'a>,
    cache: &mut Option<CacheMark<'a>>,
    unsaid: &mut Vec<At>,
) -> Result<Body<'a>, Misfit> {
    let mut words = None;
    let mut citations = Vec::new();
    for (key, value) in said(value) {
        match &*key {
            "text" => words = Some(value.want_text()?),
            "annotations" => {
                let all = value.want_list()?.items();
                citations.extend(all.map(|value| citation(value, unsaid)));
            }
            "logprobs" if value.items().next().is_none() => {}
            "prompt_cache_breakpoint" => *cache = Some(breakpoint(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    let text = words.ok_or(value.misfit("an object with a text"))?;
    Ok(Body::Text(Text { text, citations }))
}

fn refusal<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Body<'a>, Misfit> {
    let mut words = None;
    for (key, value) in said(value) {
        match &*key {
            "refusal" => words = Some(value.want_text()?),
            _ => unsaid.push(value.at()),
        }
    }
    let words = words.ok_or(value.misfit("an object with a refusal"))?;
    Ok(Body::Refusal(words))
}

fn image<'a>(
    value: Value<'_, 'a>,
    cache: &mut Option<CacheMark<'a>>,
    unsaid: &mut Vec<At>,
) -> Result<Body<'a>, Misfit> {
    let (mut url, mut stored, mut detail) = (None, None, None);
    for (key, value) in said(value) {
        match &*key {
            "image_url" => url = Some(value.want_text()?),
            "file_id" => stored = Some(value.want_said()?),
            "detail" => detail = Some(value.want_said()?),
            "prompt_cache_breakpoint" => *cache = Some(breakpoint(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    let source = either(url.map(source), stored, unsaid);
    let source = source.ok_or(value.misfit("an object with an image_url or a file_id"))?;
    Ok(Body::Image(Media {
        detail,
        ..Media::new(source)
    }))
}

fn file<'a>(
    value: Value<'_, 'a>,
    cache: &mut Option<CacheMark<'a>>,
    unsaid: &mut Vec<At>,
) -> Result<Body<'a>, Misfit> {
    let (mut data, mut url, mut stored, mut title) = (None, None, None, None);
    for (key, value) in said(value) {
        match &*key {
            "file_data" => data = Some(value.want_text()?),
            "file_url" => url = Some(value.want_said()?),
            "file_id" => stored = Some(value.want_said()?),
            "filename" => title = Some(value.want_said()?),
            "prompt_cache_breakpoint" => *cache = Some(breakpoint(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    if data.is_some() {
        unsaid.extend(url.take().map(|said: Said<Str<'_>>| said.at));
    }
    let name = title
        .as_ref()
        .map_or("", |said: &Said<Str<'_>>| &*said.value);
    let given = data.map(|data| inline_file(data, name));
    let given = given.or(url.map(|url| source(url.value)));
    let source = either(given, stored, unsaid);
    let wanted = "an object with file_data, a file_url or a file_id";
    Ok(Body::Document(Document {
        source: source.ok_or(value.misfit(wanted))?,
        title,
        context: None,
        cite: None,
    }))
}

/// `file_data`: a data URL, or base64 alone; then the name tells what it is.
fn inline_file<'a>(data: Str<'a>, name: &str) -> Source<'a> {
    if data.starts_with("data:") {
        return source(data);
    }
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let mime = match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        // What such files mostly are.
        _ => "application/pdf",
    };
    Source::Inline {
        mime: mime.into(),
        base64: data,
    }
}

/// What is given goes before what is stored.
fn either<'a>(
    given: Option<Source<'a>>,
    stored: Option<Said<Str<'a>>>,
    unsaid: &mut Vec<At>,
) -> Option<Source<'a>> {
    if given.is_some() {
        unsaid.extend(stored.map(|said| said.at));
        return given;
    }
    stored.map(|said| Source::File {
        id: said.value,
        mime: None,
        format: Format::OpenaiResponses,
    })
}

fn audio<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Body<'a>, Misfit> {
    let (mut data, mut mime) = (None, None);
    for (key, value) in said(value) {
        if key != "input_audio" {
            unsaid.push(value.at());
            continue;
        }
        for (key, value) in said(value.want_object()?) {
            match &*key {
                "data" => data = Some(value.want_text()?),
                "format" => mime = Some(audio_mime(&value.want_text()?)),
                _ => unsaid.push(value.at()),
            }
        }
    }
    let wanted = value.misfit("an object with input_audio: data and format");
    let base64 = data.ok_or(wanted)?;
    let mime = mime.ok_or(wanted)?;
    Ok(Body::Audio(Media::new(Source::Inline { mime, base64 })))
}

fn audio_mime(format: &str) -> Str<'static> {
    match format {
        "mp3" => Cow::Borrowed("audio/mpeg"),
        "wav" => Cow::Borrowed("audio/wav"),
        other => Cow::Owned(["audio/", other].concat()),
    }
}

/// A mark that the prompt may be cached up to here.
fn breakpoint<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<CacheMark<'a>, Misfit> {
    for (key, member) in said(value.want_object()?) {
        if key != "mode" || member.text().is_none_or(|mode| mode != "explicit") {
            unsaid.push(member.at());
        }
    }
    let at = value.at();
    Ok(CacheMark { at, ttl: None })
}

/// Reads an annotation of a text. What only this format knows of it is in `origin`; its places go to `unsaid`.
pub(super) fn citation<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Citation<'a> {
    let mut citation = Citation {
        at: value.at(),
        origin: Some((Format::OpenaiResponses, value.json())),
        ..Citation::default()
    };
    let (mut first, mut end) = (None, None);
    for (key, value) in said(value) {
        match &*key {
            "url" => citation.url = value.text(),
            "title" | "filename" => citation.title = value.text(),
            "start_index" => first = value.count(),
            "end_index" => end = value.count(),
            _ => unsaid.push(value.at()),
        }
    }
    citation.span = first.zip(end);
    citation
}

/// What a URL of a medium points to: what is in it, if it is a data URL of base64.
pub(super) fn source(url: Str<'_>) -> Source<'_> {
    let inner = url.strip_prefix("data:");
    let mime = inner.and_then(|inner| inner.split_once(";base64,"));
    // The first comma ends the media type; before any other it is no base64.
    let mime = mime.filter(|(mime, _)| !mime.contains(','));
    let Some(mime_end) = mime.map(|(mime, _)| "data:".len() + mime.len()) else {
        return Source::Url { url, mime: None };
    };
    Source::Inline {
        mime: cut(&url, "data:".len()..mime_end),
        base64: cut(&url, mime_end + ";base64,".len()..url.len()),
    }
}

/// A piece of a text that borrows where the text does.
fn cut<'a>(text: &Str<'a>, range: Range<usize>) -> Str<'a> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Document as Json;

    fn parts(text: &str) -> (Vec<Part<'static>>, Vec<At>) {
        let mut json = Json::default();
        let mut unsaid = Vec::new();
        let parts = read(json.read(text.as_bytes()).unwrap(), &mut unsaid).unwrap();
        (parts.into_iter().map(Part::into_owned).collect(), unsaid)
    }

    #[test]
    fn a_data_url_is_what_is_in_it_and_any_other_a_place() {
        let inline = Source::Inline {
            mime: "image/png".into(),
            base64: "QUJD".into(),
        };
        assert_eq!(source("data:image/png;base64,QUJD".into()), inline);
        for other in ["https://h/i.png", "data:text/plain,abc", ""] {
            assert!(matches!(source(other.into()), Source::Url { url, .. } if url == other));
        }
    }

    #[test]
    fn files_are_known_by_their_data_url_or_their_name() {
        for (data, name, mime) in [
            ("data:text/csv;base64,QQ==", "x.pdf", "text/csv"),
            ("QQ==", "x.TXT", "text/plain"),
            ("QQ==", "x", "application/pdf"),
        ] {
            let found = inline_file(data.into(), name);
            let base64 = "QQ==".into();
            let mime = mime.into();
            assert_eq!(found, Source::Inline { mime, base64 });
        }
    }

    #[test]
    fn what_no_word_is_there_for_is_told_by_its_place() {
        let (parts, unsaid) = parts(
            r#"[{"type":"input_text","text":"a","x":1,"prompt_cache_breakpoint":{"mode":"explicit"}},
            {"type":"input_hologram","y":2},{"type":"input_image","image_url":"u","file_id":"f","detail":null},
            {"type":"input_audio","input_audio":{"data":"QQ==","format":"mp3"}}]"#,
        );
        assert_eq!(parts.len(), 3);
        assert!(parts[0].cache.is_some());
        assert_eq!(unsaid.len(), 3);
        let Body::Audio(audio) = &parts[2].body else {
            panic!("{parts:?}")
        };
        assert!(matches!(&audio.source, Source::Inline { mime, .. } if mime == "audio/mpeg"));
    }
}
