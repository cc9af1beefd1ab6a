use crate::ir::{At, Citation, Format};
use crate::wire::convert::Losses;
use crate::wire::json::Writer;

use super::items::one_line;

/// Writes what a text has from somewhere. One of this format is written as it was; of others a page is told.
pub(super) fn write(citation: &Citation<'_>, text: &str, w: &mut Writer<'_>, losses: &mut Losses) {
    let at = citation.at;
    if let Some((Format::OpenaiResponses, json)) = &citation.origin {
        w.raw(&one_line(&json.0));
        return;
    }
    let Some(url) = &citation.url else {
        losses.add(at, "citation");
        return;
    };
    if citation.quote.is_some() {
        losses.add(at, "words of a source");
    }
    // Where the place is not known it is the whole text.
    let whole = || (0, text.chars().count() as u64);
    let (first, end) = citation.span.unwrap_or_else(whole);
    w.open_object().key("type").text("url_citation");
    w.key("start_index").number(first);
    w.key("end_index").number(end);
    w.key("url").text(url);
    w.key("title")
        .text(citation.title.as_deref().unwrap_or_default());
    w.close_object();
}

/// A citation of an answer: its place is in the vendor's document, which the client has not.
pub(super) fn without_place<'a>(mut citation: Citation<'a>) -> Citation<'a> {
    citation.at = At::NOWHERE;
    citation
}
