use std::borrow::Cow;
use std::collections::BTreeMap;

use super::characters::Characters;
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

/// The texts of an answer, one behind the other, which sources are said of.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// Where each begins, and which part of its content it is.
    begins: Vec<(usize, usize)>,
}

/// Segments repeat their words; that many bytes of them at most, since each may be of nearly all of a long text. The others
/// say only where they are.
const MOST_REPEATED: usize = 1 << 20;

/// Words that stand elsewhere than their source says are looked for this often: each time may go through all of the text.
const MOST_SEARCHES: usize = 1_000;

impl Texts {
    /// Another text begins, as this part of its content.
    pub(super) fn begin(&mut self, part: usize) {
        self.begins.push((self.all.len(), part));
    }

    pub(super) fn push(&mut self, text: &str) {
        self.all.push_str(text);
    }

    /// What all texts have from where, by a `citationMetadata` and a `groundingMetadata`.
    pub(super) fn cited(&self, [citations, grounding]: &Said) -> Vec<Citation<'static>> {
        let mut seeker = Seeker {
            texts: self,
            characters: Characters::of(&self.all),
            searches: 0,
        };
        let citations = citations.iter();
        let mut all: Vec<_> = citations
            .flat_map(|json| read_citations(json, &mut seeker))
            .collect();
        let grounding = grounding.iter();
        all.extend(grounding.flat_map(|json| read_grounding(json, &mut seeker)));
        all
    }

    /// The same where the last text is open: its own citations, and the rest, whose spans are of all texts. A source that
    /// supports no words in particular is its own.
    pub(super) fn cited_by_open(&self, said: &Said) -> [Vec<Citation<'static>>; 2] {
        let begin = self.begins.last().map_or(0, |(at, _)| *at);
        let begin = Characters::of(&self.all).before(begin);
        let is_own =
            |citation: &Citation<'_>| citation.span.is_none_or(|(first, _)| first >= begin);
        let (mut own, rest): (Vec<_>, Vec<_>) = self.cited(said).into_iter().partition(is_own);
        for (first, last) in own.iter_mut().filter_map(|citation| citation.span.as_mut()) {
            *first -= begin;
            *last -= begin;
        }
        [own, rest]
    }
}

/// A `citationMetadata` and a `groundingMetadata`, as written.
pub(super) type Said = [Option<String>; 2];

struct Seeker<'t> {
    texts: &'t Texts,
    characters: Characters<'t>,
    searches: usize,
}

impl Seeker<'_> {
    /// The characters of all texts that a segment covers. Segments count bytes, from the beginning of their part or of the
    /// whole, and not always rightly: where they repeat the words, the words decide.
    fn span(&mut self, segment: Value<'_, '_>) -> Option<(u64, u64)> {
        let count = |name| {
            let count = segment.member(name).and_then(Value::count);
            usize::try_from(count.unwrap_or(0)).ok()
        };
        let (start, end) = (count("startIndex")?, count("endIndex")?);
        let words = segment
            .member_text("text")
            .filter(|words| !words.is_empty());
        let all = &self.texts.all;
        let is_there = |base: usize| {
            let range = base.checked_add(start)?..base.checked_add(end)?;
            let covered = all.get(range.clone()).filter(|text| !text.is_empty())?;
            let fits = words.as_ref().is_none_or(|words| words == covered);
            fits.then_some(range)
        };
        let part = count("partIndex")?;
        let begins = &self.texts.begins;
        let named = begins.binary_search_by_key(&part, |(_, part)| *part);
        let named = named.ok().and_then(|at| begins.get(at));
        let last = begins.last().map_or(0, |(at, _)| *at);
        let found = named
            .and_then(|(at, _)| is_there(*at))
            .or_else(|| is_there(0))
            .or_else(|| is_there(last));
        let range = match (found, words) {
            (Some(range), _) => range,
            (None, Some(words)) if self.searches < MOST_SEARCHES => {
                self.searches += 1;
                let start = all.find(&*words)?;
                start..start + words.len()
            }
            (None, _) => return None,
        };
        let characters = &self.characters;
        Some((characters.before(range.start), characters.before(range.end)))
    }
}

/// A source that supports no words in particular has no span.
fn read_grounding(json: &str, seeker: &mut Seeker<'_>) -> Vec<Citation<'static>> {
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
            .and_then(|segment| seeker.span(segment));
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

fn read_citations(json: &str, seeker: &mut Seeker<'_>) -> Vec<Citation<'static>> {
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
            span: seeker.span(citation),
            origin: Some((Format::Gemini, Json(Cow::Owned(citation.raw().to_owned())))),
            ..Citation::default()
        })
        .collect()
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
    let mut indices: BTreeMap<String, usize> = BTreeMap::new();
    let mut supports: Vec<Support> = Vec::new();
    let mut repeats = Repeats(MOST_REPEATED);
    for part in cited {
        let characters = Characters::of(part.text);
        for citation in part.citations {
            let origin = citation.origin.as_ref();
            let origin = origin.filter(|(format, _)| *format == Format::Gemini);
            let origin = origin.map(|(_, json)| &*json.0);
            if let Some(origin) = origin.filter(|origin| !is_chunk(origin)) {
                own.push(origin);
                continue;
            }
            let chunk = origin.map_or_else(|| chunk(citation, losses), str::to_owned);
            let index = indices.get(&chunk).copied().unwrap_or_else(|| {
                chunks.push(chunk.clone());
                indices.insert(chunk, chunks.len() - 1);
                chunks.len() - 1
            });
            // Other formats' sources are of the whole text where they say nothing else.
            let of_all = (origin.is_none() && !part.text.is_empty()).then(|| characters.all());
            let of = citation.span.or(of_all).map(|span| (part.part, span));
            // Many sources of the same words: those are written once.
            if let Some(last) = supports.last_mut().filter(|last| Some(last.of) == of) {
                last.chunks.push(index);
                continue;
            }
            let segment = of.and_then(|(_, span)| repeats.segment(&part, &characters, span));
            let (Some(of), Some(segment)) = (of, segment) else {
                if citation.span.is_some() || origin.is_none() {
                    losses.add(At::NOWHERE, "which words a source is of");
                }
                continue;
            };
            supports.push(Support {
                of,
                segment,
                chunks: vec![index],
            });
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
    /// The part of the content, and the characters of it.
    of: (usize, (u64, u64)),
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

/// How many bytes of text segments may repeat.
struct Repeats(usize);

impl Repeats {
    /// The segment of characters, in bytes.
    fn segment(
        &mut self,
        part: &Cited<'_, '_>,
        characters: &Characters<'_>,
        span: (u64, u64),
    ) -> Option<String> {
        let (start, end) = (characters.byte(span.0)?, characters.byte(span.1)?);
        let words = part.text.get(start..end)?;
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
        if let Some(left) = self.0.checked_sub(words.len()) {
            self.0 = left;
            writer.key("text").text(words);
        }
        writer.close_object();
        String::from_utf8(out).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "é is a letter. So is b.";
    const GROUNDING: &str = r#"{"groundingChunks":[{"web":{"uri":"https://a","title":"A"}},{"retrievedContext":{"text":"words"}},{"web":{"uri":"https://c"}}],"groundingSupports":[{"segment":{"endIndex":15,"text":"é is a letter."},"groundingChunkIndices":[0,1]},{"segment":{"startIndex":16,"endIndex":24,"text":"So is b."},"groundingChunkIndices":[1,9]}]}"#;

    fn grounded(json: &str, text: &str) -> Vec<Citation<'static>> {
        let mut texts = Texts::default();
        texts.begin(0);
        texts.push(text);
        texts.cited(&[None, Some(json.to_owned())])
    }

    #[test]
    fn sources_find_the_text_that_they_are_of() {
        let support = |segment: &str| {
            format!(
                r#"{{"groundingChunks":[{{"web":{{"uri":"https://a"}}}}],"groundingSupports":[{{"segment":{segment},"groundingChunkIndices":[0]}}]}}"#
            )
        };
        let mut texts = Texts::default();
        texts.begin(0);
        texts.push("hello");
        texts.begin(2);
        texts.push("é hello you");
        for (segment, expected) in [
            // By the part, by the whole, by the words, and by the last text.
            (r#"{"endIndex":5,"text":"hello"}"#, (0, (0, 5))),
            (
                r#"{"partIndex":2,"startIndex":3,"endIndex":8,"text":"hello"}"#,
                (1, (2, 7)),
            ),
            (
                r#"{"startIndex":8,"endIndex":13,"text":"hello"}"#,
                (1, (2, 7)),
            ),
            (
                r#"{"startIndex":900,"endIndex":903,"text":"you"}"#,
                (1, (8, 11)),
            ),
            (
                r#"{"startIndex":3,"endIndex":12,"text":"hello you"}"#,
                (1, (2, 11)),
            ),
            (r#"{"partIndex":0,"endIndex":2}"#, (0, (0, 2))),
        ] {
            let [own, rest] = texts.cited_by_open(&[None, Some(support(segment))]);
            let found = match (&own[..], &rest[..]) {
                ([citation], []) => (1, citation.span.unwrap()),
                ([], [citation]) => (0, citation.span.unwrap()),
                other => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{segment}");
        }
    }

    #[test]
    fn bytes_become_characters_and_back() {
        let citations = grounded(GROUNDING, TEXT);
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
        assert_eq!(grounded(written, TEXT), citations);
        assert!(losses.is_empty());
    }

    #[test]
    fn the_words_decide_where_the_bytes_are_wrong() {
        let grounding = GROUNDING.replace("\"startIndex\":16", "\"startIndex\":3");
        let citations = grounded(&grounding, TEXT);
        assert_eq!(citations[2].span, Some((15, 23)));
    }

    #[test]
    fn citations_of_quoted_sources_stay_what_they_are() {
        let json =
            r#"{"citations":[{"startIndex":0,"endIndex":2,"uri":"https://x","license":"mit"}]}"#;
        let mut texts = Texts::default();
        texts.begin(0);
        texts.push(TEXT);
        let citations = texts.cited(&[Some(json.to_owned()), None]);
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

    #[test]
    fn words_are_repeated_up_to_a_bound_and_places_always() {
        let text = "é".repeat(MOST_REPEATED / 4);
        let length = text.chars().count() as u64;
        let citations: Vec<_> = (0..5)
            .map(|n| Citation {
                url: Some("https://a".into()),
                span: Some((n, length)),
                ..Citation::default()
            })
            .collect();
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        let part = Cited {
            part: 0,
            text: &text,
            citations: &citations,
        };
        let mut losses = Losses::default();
        writer.open_object();
        write(&mut writer, [part].into_iter(), &mut losses);
        writer.close_object();
        let said: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let supports = said["groundingMetadata"]["groundingSupports"].as_array();
        let supports = supports.unwrap();
        let with_words = supports
            .iter()
            .filter(|one| one["segment"]["text"].is_string());
        assert_eq!((supports.len(), with_words.count()), (5, 2));
        assert_eq!(supports[4]["segment"]["startIndex"], 8);
        assert!(losses.is_empty());
    }
}
