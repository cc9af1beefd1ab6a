use std::borrow::Cow;

use crate::ir::{At, Citation, Format, Json, Str};
use crate::wire::convert::Losses;
use crate::wire::json::{Document, Kind, Value, Writer};

/// The kinds of `groundingChunk`, and where each has its address.
const CHUNKS: [(&str, &str); 4] = [
    ("web", "uri"),
    ("retrievedContext", "uri"),
    ("maps", "uri"),
    ("image", "sourceUri"),
];

/// Reads a `groundingMetadata`: what `text` has from where. A source that supports no words in particular has no span.
pub(super) fn read_grounding(json: &str, text: &str) -> Vec<Citation<'static>> {
    let mut document = Document::default();
    let Ok(value) = document.read(json.as_bytes()) else {
        return Vec::new();
    };
    let items = |name| value.member(name).into_iter().flat_map(Value::items);
    let chunks: Vec<_> = items("groundingChunks").collect();
    let mut is_used = vec![false; chunks.len()];
    let mut citations = Vec::new();
    for support in items("groundingSupports") {
        let span = support
            .member("segment")
            .and_then(|segment| span(segment, text));
        let indices = support.member("groundingChunkIndices");
        for index in indices.into_iter().flat_map(Value::items) {
            let index = index
                .count()
                .and_then(|index| usize::try_from(index).ok())
                .unwrap_or(usize::MAX);
            let chunk = chunks.get(index);
            let Some(chunk) = chunk.filter(|chunk| chunk.kind() == Kind::Object) else {
                continue;
            };
            if let Some(is_used) = is_used.get_mut(index) {
                *is_used = true;
            }
            citations.push(cited(*chunk, span));
        }
    }
    for (chunk, is_used) in chunks.into_iter().zip(is_used) {
        if !is_used && chunk.kind() == Kind::Object {
            citations.push(cited(chunk, None));
        }
    }
    citations
}

fn cited(chunk: Value<'_, '_>, span: Option<(u64, u64)>) -> Citation<'static> {
    let kind = CHUNKS
        .iter()
        .find_map(|(kind, uri)| Some((chunk.member(kind)?, *uri)));
    let text = |name| {
        let text = kind.and_then(|(inside, _)| inside.member_text(name));
        text.map(|text| Cow::Owned(text.into_owned()))
    };
    Citation {
        url: kind.and_then(|(_, uri)| text(uri)),
        title: text("title"),
        quote: text("text"),
        span,
        origin: Some((Format::Gemini, Json(Cow::Owned(chunk.raw().to_owned())))),
        ..Citation::default()
    }
}

/// Reads a `citationMetadata`.
pub(super) fn read_citations(json: &str, text: &str) -> Vec<Citation<'static>> {
    let mut document = Document::default();
    let Ok(value) = document.read(json.as_bytes()) else {
        return Vec::new();
    };
    let list = value
        .member("citations")
        .or_else(|| value.member("citationSources"));
    let own = |text: Str<'_>| Cow::Owned(text.into_owned());
    list.into_iter()
        .flat_map(Value::items)
        .filter(|citation| citation.kind() == Kind::Object)
        .map(|citation| Citation {
            url: citation.member_text("uri").map(own),
            title: citation.member_text("title").map(own),
            span: span(citation, text),
            origin: Some((Format::Gemini, Json(Cow::Owned(citation.raw().to_owned())))),
            ..Citation::default()
        })
        .collect()
}

/// The characters of `text` that a segment covers. Segments count bytes, and not always from the beginning of this text:
/// where they repeat the words, the words decide.
fn span(segment: Value<'_, '_>, text: &str) -> Option<(u64, u64)> {
    let offset = |name| {
        let count = segment.member(name).and_then(Value::count);
        usize::try_from(count.unwrap_or(0)).ok()
    };
    let (start, end) = (offset("startIndex")?, offset("endIndex")?);
    let words = segment
        .member_text("text")
        .filter(|words| !words.is_empty());
    let covered = text.get(start..end).filter(|covered| !covered.is_empty());
    let (start, end) = match (covered, words) {
        (Some(_), None) => (start, end),
        (Some(covered), Some(words)) if covered == words => (start, end),
        (_, Some(words)) => {
            let start = text.find(&*words)?;
            (start, start + words.len())
        }
        (None, None) => return None,
    };
    let before = text.get(..start)?.chars().count() as u64;
    let inside = text.get(start..end)?.chars().count() as u64;
    Some((before, before + inside))
}

/// A text part of an answer with what it has from elsewhere.
pub(super) struct Cited<'c, 'a> {
    /// Which part of the content it is.
    pub(super) part: usize,
    pub(super) text: &'c str,
    pub(super) citations: &'c [Citation<'a>],
}

/// Writes `citationMetadata` and `groundingMetadata`, in a candidate that is open, where there is something to say.
pub(super) fn write<'c, 'a: 'c>(
    writer: &mut Writer<'_>,
    cited: impl Iterator<Item = Cited<'c, 'a>>,
    losses: &mut Losses,
) {
    let mut own = Vec::new();
    let mut chunks: Vec<String> = Vec::new();
    let mut supports: Vec<Support> = Vec::new();
    for part in cited {
        for citation in part.citations {
            let origin = citation.origin.as_ref();
            let origin = origin.filter(|(format, _)| *format == Format::Gemini);
            let origin = origin.map(|(_, json)| &*json.0);
            if let Some(origin) = origin.filter(|origin| !is_chunk(origin)) {
                own.push(origin);
                continue;
            }
            let chunk = origin.map_or_else(|| chunk(citation, losses), str::to_owned);
            let index = chunks.iter().position(|known| *known == chunk);
            let index = index.unwrap_or_else(|| {
                chunks.push(chunk);
                chunks.len() - 1
            });
            let Some(segment) = citation.span.and_then(|span| segment(&part, span)) else {
                continue;
            };
            match supports.last_mut() {
                Some(last) if last.segment == segment => last.chunks.push(index),
                _ => supports.push(Support {
                    segment,
                    chunks: vec![index],
                }),
            }
        }
    }
    if !own.is_empty() {
        writer.key("citationMetadata").open_object();
        writer.key("citations").open_list();
        for citation in own {
            writer.raw(citation);
        }
        writer.close_list().close_object();
    }
    if !chunks.is_empty() {
        write_grounding(writer, &chunks, &supports);
    }
}

struct Support {
    segment: String,
    chunks: Vec<usize>,
}

fn write_grounding(writer: &mut Writer<'_>, chunks: &[String], supports: &[Support]) {
    writer.key("groundingMetadata").open_object();
    writer.key("groundingChunks").open_list();
    for chunk in chunks {
        writer.raw(chunk);
    }
    writer.close_list();
    if !supports.is_empty() {
        writer.key("groundingSupports").open_list();
        for support in supports {
            writer.open_object().key("segment").raw(&support.segment);
            writer.key("groundingChunkIndices").open_list();
            for index in &support.chunks {
                writer.number(*index as u64);
            }
            writer.close_list().close_object();
        }
        writer.close_list();
    }
    writer.close_object();
}

/// Whether it is a chunk, also of a kind that is not known here; a `Citation` has its address and span in itself.
fn is_chunk(json: &str) -> bool {
    const OWN: [&str; 5] = ["startIndex", "endIndex", "uri", "title", "license"];
    let mut document = Document::default();
    let read = document.read(json.as_bytes());
    read.is_ok_and(|value| OWN.iter().all(|name| value.member(name).is_none()))
}

/// A source of another format's: a page of the web if it has an address, else something that was retrieved.
fn chunk(citation: &Citation<'_>, losses: &mut Losses) -> String {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.open_object();
    let fields = match &citation.url {
        Some(url) => {
            if citation.quote.is_some() {
                losses.add(At::NOWHERE, "words of a source");
            }
            writer.key("web").open_object();
            [("uri", Some(url)), ("title", citation.title.as_ref())]
        }
        None => {
            writer.key("retrievedContext").open_object();
            [
                ("title", citation.title.as_ref()),
                ("text", citation.quote.as_ref()),
            ]
        }
    };
    for (key, text) in fields {
        if let Some(text) = text {
            writer.key(key).text(text);
        }
    }
    writer.close_object().close_object();
    String::from_utf8(out).unwrap_or_default()
}

/// The segment of characters, in bytes.
fn segment(part: &Cited<'_, '_>, span: (u64, u64)) -> Option<String> {
    let byte = |character: u64| {
        let nth = usize::try_from(character).ok()?;
        let ends = part.text.char_indices().map(|(at, _)| at);
        ends.chain([part.text.len()]).nth(nth)
    };
    let (start, end) = (byte(span.0)?, byte(span.1)?);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.open_object();
    if part.part > 0 {
        writer.key("partIndex").number(part.part as u64);
    }
    if start > 0 {
        writer.key("startIndex").number(start as u64);
    }
    writer.key("endIndex").number(end as u64);
    writer.key("text").text(part.text.get(start..end)?);
    writer.close_object();
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "é is a letter. So is b.";
    const GROUNDING: &str = r#"{"groundingChunks":[{"web":{"uri":"https://a","title":"A"}},{"retrievedContext":{"text":"words"}},{"web":{"uri":"https://c"}}],"groundingSupports":[{"segment":{"endIndex":15,"text":"é is a letter."},"groundingChunkIndices":[0,1]},{"segment":{"startIndex":16,"endIndex":24,"text":"So is b."},"groundingChunkIndices":[1,9]}]}"#;

    #[test]
    fn bytes_become_characters_and_back() {
        let citations = read_grounding(GROUNDING, TEXT);
        let spans: Vec<_> = citations.iter().map(|citation| citation.span).collect();
        let expected = [Some((0, 14)), Some((0, 14)), Some((15, 23)), None];
        assert_eq!(spans, expected);
        assert_eq!(citations[0].url.as_deref(), Some("https://a"));
        assert_eq!(citations[1].quote.as_deref(), Some("words"));
        let mut out = Vec::new();
        let mut losses = Losses::default();
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        let cited = Cited {
            part: 0,
            text: TEXT,
            citations: &citations,
        };
        write(&mut writer, [cited].into_iter(), &mut losses);
        writer.close_object();
        let written = String::from_utf8(out).unwrap();
        let written = written
            .strip_prefix("{\"groundingMetadata\":")
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap();
        assert_eq!(read_grounding(written, TEXT), citations);
        assert!(losses.is_empty());
    }

    #[test]
    fn the_words_decide_where_the_bytes_are_wrong() {
        let grounding = GROUNDING.replace("\"startIndex\":16", "\"startIndex\":3");
        let citations = read_grounding(&grounding, TEXT);
        assert_eq!(citations[2].span, Some((15, 23)));
    }

    #[test]
    fn citations_of_quoted_sources_stay_what_they_are() {
        let json =
            r#"{"citations":[{"startIndex":0,"endIndex":2,"uri":"https://x","license":"mit"}]}"#;
        let citations = read_citations(json, TEXT);
        assert_eq!(citations[0].span, Some((0, 1)));
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        let cited = Cited {
            part: 0,
            text: TEXT,
            citations: &citations,
        };
        write(&mut writer, [cited].into_iter(), &mut Losses::default());
        writer.close_object();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("{{\"citationMetadata\":{json}}}")
        );
    }
}
