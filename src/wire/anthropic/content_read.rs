//! Content blocks of requests.

use crate::ir::{
    Arguments, At, Body, CacheMark, Call, Citation, Document, Foreign, Format, Media, Outcome,
    Part, Said, Source, Str, Text, Thinking,
};
use crate::wire::convert::Unfolded;
use crate::wire::json::{Kind, Misfit, Value};

/// The members that say something: null stands for nothing.
pub(super) fn said<'d, 'a>(
    object: Value<'d, 'a>,
) -> impl Iterator<Item = (Str<'a>, Value<'d, 'a>)> {
    object.members().filter(|(_, value)| !value.is_null())
}

/// The content of a message or of an outcome: a text, or blocks.
pub(super) fn content<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Vec<Part<'a>>, Misfit> {
    if let Some(text) = value.text() {
        return Ok(vec![text_part(value.at(), text)]);
    }
    if value.kind() != Kind::List {
        return Err(value.misfit("a string or an array of content blocks"));
    }
    value.items().map(|block| part(block, unsaid)).collect()
}

fn part<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    match &*need(block, "type", "a content block with its type")?.want_text()? {
        "text" => text(block, unsaid),
        "image" => image(block, unsaid),
        "document" => document(block, unsaid),
        "search_result" => search_result(block, unsaid),
        "thinking" => thinking(block, unsaid),
        "redacted_thinking" => redacted(block, unsaid),
        "tool_use" => call(block, unsaid),
        "tool_result" => outcome(block, unsaid),
        // Blocks of server tools, containers, compaction, and what will be invented.
        _ => Ok(foreign(block)),
    }
}

fn need<'d, 'a>(
    object: Value<'d, 'a>,
    key: &str,
    wanted: &'static str,
) -> Result<Value<'d, 'a>, Misfit> {
    let member = object.want_object()?.member(key);
    member.ok_or(object.misfit(wanted))
}

fn text_part(at: At, text: Str<'_>) -> Part<'_> {
    let citations = Vec::new();
    Part::new(at, Body::Text(Text { text, citations }))
}

pub(super) fn foreign<'a>(block: Value<'_, 'a>) -> Part<'a> {
    let foreign = Foreign {
        format: Format::Anthropic,
        kind: block.member_text("type").unwrap_or_default(),
        json: block.json(),
    };
    Part::new(block.at(), Body::Foreign(foreign))
}

fn text<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    let text = need(block, "text", "a text block with its text")?.want_text()?;
    let mut citations = Vec::new();
    let mut cache = None;
    for (key, value) in said(block) {
        match &*key {
            "type" | "text" => {}
            "citations" => {
                for item in value.want_list()?.items() {
                    citations.push(citation(item.want_object()?, unsaid));
                }
            }
            "cache_control" => cache = Some(cache_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    let mut part = Part::new(block.at(), Body::Text(Text { text, citations }));
    part.cache = cache;
    Ok(part)
}

/// What other formats have no word for in a citation (the indexes into the documents) is in `unsaid`; its own format gets
/// the whole.
pub(super) fn citation<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Citation<'a> {
    let mut citation = Citation {
        at: value.at(),
        origin: Some((Format::Anthropic, value.json())),
        ..Citation::default()
    };
    for (key, member) in said(value) {
        let text = member.text();
        match (&*key, text) {
            ("type", _) => {}
            // Ours, of a source that another format told.
            ("encrypted_index" | "cited_text", Some(text)) if text.is_empty() => {}
            ("cited_text", Some(text)) => citation.quote = Some(text),
            ("title" | "document_title", Some(text)) => citation.title = Some(text),
            ("url", Some(text)) => citation.url = Some(text),
            // A search result's source is any name; most are addresses.
            ("source", Some(text)) if text.starts_with("http") => citation.url = Some(text),
            _ => unsaid.push(member.at()),
        }
    }
    citation
}

/// Blocks that only this format has, in the words that all formats have. The summary of what was said before is text; what
/// stands for it but cannot be read, and files that wait for the vendor's code, are needed.
pub(super) fn unfold(kind: &str, block: Value<'_, '_>) -> Unfolded {
    match kind {
        "container_upload" => Unfolded::Needed("this is a file that another vendor keeps"),
        "compaction" => match block.member_text("content") {
            Some(summary) => {
                let others = said(block).filter(|(key, _)| !matches!(&**key, "type" | "content"));
                let rest = others.map(|(_, value)| value.at()).collect();
                let summary = text_part(block.at(), summary.into_owned().into()).body;
                Unfolded::Said(Box::new(summary), rest)
            }
            None if block.member("encrypted_content").is_some() => {
                Unfolded::Needed("what it stands for only its own vendor can read")
            }
            None => Unfolded::Lost,
        },
        _ => Unfolded::Lost,
    }
}

pub(super) fn cache_mark<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<CacheMark<'a>, Misfit> {
    let at = value.want_object()?.at();
    let mut ttl = None;
    for (key, member) in said(value) {
        match &*key {
            "type" if member.text().as_deref() == Some("ephemeral") => {}
            "ttl" => ttl = Some(member.want_text()?),
            _ => unsaid.push(member.at()),
        }
    }
    Ok(CacheMark { at, ttl })
}

fn image<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    let value = need(block, "source", "an image block with its source")?;
    let Some(source) = image_source(value, unsaid)? else {
        return Ok(foreign(block));
    };
    let mut part = Part::new(block.at(), Body::Image(Media::new(source)));
    for (key, value) in said(block) {
        match &*key {
            "type" | "source" => {}
            "cache_control" => part.cache = Some(cache_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    Ok(part)
}

/// `None`: of a type that nobody else knows.
fn image_source<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Option<Source<'a>>, Misfit> {
    let kind = need(value, "type", "a source with its type")?.want_text()?;
    let text = |key, wanted| need(value, key, wanted)?.want_text();
    let source = match &*kind {
        "base64" => Source::Inline {
            mime: text("media_type", "a source with its media_type")?,
            base64: text("data", "a source with its data")?,
        },
        "url" => Source::Url {
            url: text("url", "a source with its url")?,
            mime: None,
        },
        "file" => Source::File {
            id: text("file_id", "a source with its file_id")?,
            mime: None,
            format: Format::Anthropic,
        },
        _ => return Ok(None),
    };
    let known: &[&str] = match &*kind {
        "base64" => &["type", "media_type", "data"],
        "url" => &["type", "url"],
        _ => &["type", "file_id"],
    };
    push_others(value, known, unsaid);
    Ok(Some(source))
}

fn push_others(object: Value<'_, '_>, known: &[&str], unsaid: &mut Vec<At>) {
    let others = said(object).filter(|(key, _)| !known.contains(&&**key));
    unsaid.extend(others.map(|(_, value)| value.at()));
}

fn document<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    let value = need(block, "source", "a document block with its source")?;
    let Some(source) = document_source(value, unsaid)? else {
        return Ok(foreign(block));
    };
    let mut document = Document {
        source,
        title: None,
        context: None,
        cite: None,
    };
    let mut cache = None;
    for (key, value) in said(block) {
        match &*key {
            "type" | "source" => {}
            "title" => document.title = Some(value.want_said()?),
            "context" => document.context = Some(value.want_said()?),
            "citations" => document.cite = cite(value, unsaid)?,
            "cache_control" => cache = Some(cache_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    let mut part = Part::new(block.at(), Body::Document(document));
    part.cache = cache;
    Ok(part)
}

fn cite(value: Value<'_, '_>, unsaid: &mut Vec<At>) -> Result<Option<Said<bool>>, Misfit> {
    push_others(value.want_object()?, &["enabled"], unsaid);
    value.member("enabled").map(Value::want_bool).transpose()
}

fn document_source<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Option<Source<'a>>, Misfit> {
    let kind = need(value, "type", "a source with its type")?.want_text()?;
    Ok(Some(match &*kind {
        "text" => {
            push_others(value, &["type", "media_type", "data"], unsaid);
            let mime = value.member("media_type");
            let other = mime.filter(|mime| mime.text().as_deref() != Some("text/plain"));
            unsaid.extend(other.map(Value::at));
            let data = need(value, "data", "a source with its data")?;
            Source::Text {
                text: data.want_text()?,
            }
        }
        "content" => {
            push_others(value, &["type", "content"], unsaid);
            let inner = need(value, "content", "a source with its content")?;
            Source::Parts {
                parts: content(inner, unsaid)?,
            }
        }
        _ => match image_source(value, unsaid)? {
            // What stands at an address is a PDF: the API takes nothing else there.
            Some(Source::Url { url, .. }) => Source::Url {
                url,
                mime: Some(Str::Borrowed("application/pdf")),
            },
            Some(source) => source,
            None => return Ok(None),
        },
    }))
}

/// A search result of the client's is a document given as parts; where it comes from is its context.
fn search_result<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    let inner = need(block, "content", "a search_result block with its content")?;
    let mut document = Document {
        source: Source::Parts {
            parts: content(inner, unsaid)?,
        },
        title: None,
        context: None,
        cite: None,
    };
    let mut cache = None;
    for (key, value) in said(block) {
        match &*key {
            "type" | "content" => {}
            "title" => document.title = Some(value.want_said()?),
            "source" => document.context = Some(value.want_said()?),
            "citations" => document.cite = cite(value, unsaid)?,
            "cache_control" => cache = Some(cache_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    let mut part = Part::new(block.at(), Body::Document(document));
    part.cache = cache;
    Ok(part)
}

fn thinking<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    let mut thinking = Thinking::default();
    for (key, value) in said(block) {
        match &*key {
            "type" => {}
            "thinking" => thinking.text = value.want_text()?,
            // Some vendors' thinking is not signed; an empty signature is none.
            "signature" => {
                thinking.seal = Some(value.want_said()?).filter(|seal| !seal.value.is_empty());
            }
            _ => unsaid.push(value.at()),
        }
    }
    Ok(Part::new(block.at(), Body::Thinking(thinking)))
}

fn redacted<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    push_others(block, &["type", "data"], unsaid);
    let data = need(block, "data", "a redacted_thinking block with its data")?;
    let thinking = Thinking {
        seal: Some(data.want_said()?),
        redacted: true,
        ..Thinking::default()
    };
    Ok(Part::new(block.at(), Body::Thinking(thinking)))
}

fn call<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    let input = need(block, "input", "a tool_use block with its input")?.want_json_object()?;
    let call = Call {
        id: need(block, "id", "a tool_use block with its id")?.want_text()?,
        name: need(block, "name", "a tool_use block with its name")?.want_text()?,
        arguments: Arguments::Json(input.value.0),
        ..Call::default()
    };
    let mut part = Part::new(block.at(), Body::Call(call));
    for (key, value) in said(block) {
        match &*key {
            "type" | "id" | "name" | "input" => {}
            "caller" if is_direct(value) => {}
            "cache_control" => part.cache = Some(cache_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    Ok(part)
}

/// The model itself called, as everywhere else; not a program of it.
pub(super) fn is_direct(caller: Value<'_, '_>) -> bool {
    let mut members = said(caller);
    let is_type = |(key, value): (Str<'_>, Value<'_, '_>)| {
        key == "type" && value.text().as_deref() == Some("direct")
    };
    members.next().is_some_and(is_type) && members.next().is_none()
}

fn outcome<'a>(block: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Part<'a>, Misfit> {
    let id = need(
        block,
        "tool_use_id",
        "a tool_result block with its tool_use_id",
    )?;
    let mut outcome = Outcome {
        call: id.want_text()?,
        ..Outcome::default()
    };
    let mut cache = None;
    for (key, value) in said(block) {
        match &*key {
            "type" | "tool_use_id" => {}
            "content" => outcome.parts = content(value, unsaid)?,
            "is_error" => outcome.failed = Some(value.want_bool()?),
            "cache_control" => cache = Some(cache_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    let mut part = Part::new(block.at(), Body::Outcome(outcome));
    part.cache = cache;
    Ok(part)
}
