//! Addresses of media that hold the media: `data:image/png;base64,…`.
//!
//! The readers know those of base64. What is left here is text with `%` escapes, which becomes base64, and what is no such
//! address at all: to a vendor it would be an address to fetch.

use super::loss::Refused;
use crate::ir::{At, Body, Format, Part, Request, Source, Str};

/// Makes the sources of all media such that every format can say them.
///
/// # Errors
/// [`Refused`]: an address is broken, or cannot be made for the target.
pub(super) fn settle(request: &mut Request<'_>, to: Format) -> Result<(), Refused> {
    let mut parts = request.turns.iter_mut().flat_map(|turn| &mut turn.parts);
    parts.try_for_each(|part| settle_part(part, to))
}

fn settle_part(part: &mut Part<'_>, to: Format) -> Result<(), Refused> {
    let source = match &mut part.body {
        Body::Image(media) | Body::Audio(media) | Body::Video(media) => &mut media.source,
        Body::Document(document) => &mut document.source,
        Body::Outcome(outcome) => {
            let mut parts = outcome.parts.iter_mut();
            return parts.try_for_each(|part| settle_part(part, to));
        }
        Body::Text(_) | Body::Refusal(_) | Body::Thinking(_) | Body::Call(_) | Body::Foreign(_) => {
            return Ok(());
        }
    };
    match source {
        Source::Url { url, .. } if is_data(url) => {
            *source = inline(url).ok_or(broken(part.at))?;
            check(source, part.at, to)
        }
        Source::Parts { parts } => {
            let mut parts = parts.iter_mut();
            parts.try_for_each(|part| settle_part(part, to))
        }
        Source::Inline { .. }
        | Source::Url { .. }
        | Source::File { .. }
        | Source::Text { .. }
        | Source::Earlier { .. } => check(source, part.at, to),
    }
}

/// A media type with a comma would end an address early.
fn check(source: &Source<'_>, at: At, to: Format) -> Result<(), Refused> {
    let has_addresses = matches!(to, Format::OpenaiChat | Format::OpenaiResponses);
    match source {
        Source::Inline { mime, .. } if has_addresses && mime.contains(',') => {
            let why = "its media type holds a comma, which no `data:` address can";
            Err(Refused::new(at, why))
        }
        Source::Inline { .. }
        | Source::Url { .. }
        | Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => Ok(()),
    }
}

fn broken(at: At) -> Refused {
    let why = "this is no `data:` address: a media type, `;base64`, a comma and the bytes in base64 are due";
    Refused::new(at, why)
}

fn is_data(url: &str) -> bool {
    url.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// The bytes that stand in an address which readers have not taken for one of base64.
fn inline(url: &str) -> Option<Source<'static>> {
    let (head, data) = url.get(5..)?.split_once(',')?;
    let mut parameters = head.split(';');
    let mime = parameters.next().filter(|mime| mime.contains('/'))?;
    let is_base64 = parameters.any(|parameter| parameter.trim().eq_ignore_ascii_case("base64"));
    let base64 = match is_base64 {
        true => data.to_owned(),
        false => encoded(&unescaped(data.as_bytes())?),
    };
    Some(Source::Inline {
        mime: Str::Owned(mime.trim().to_owned()),
        base64: Str::Owned(base64),
    })
}

/// Without its `%` escapes; `None`: one is broken.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push((high << 4 | low) as u8);
    }
    Some(bytes)
}

fn encoded(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize);
            let is_filled = place <= three.len();
            text.push(char::from(*digit.filter(|_| is_filled).unwrap_or(&b'=')));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_texts_become_base64() {
        for (url, expected) in [
            (
                "data:image/svg+xml,%3Csvg%2F%3E",
                Some(("image/svg+xml", "PHN2Zy8+")),
            ),
            (
                "data:image/svg+xml;utf8,<svg/>",
                Some(("image/svg+xml", "PHN2Zy8+")),
            ),
            (
                "data:text/plain;charset=utf-8,a",
                Some(("text/plain", "YQ==")),
            ),
            ("data:text/plain,ab", Some(("text/plain", "YWI="))),
            ("DATA:image/png; BASE64,QUJD", Some(("image/png", "QUJD"))),
            ("data:image/png;base64", None),
            ("data:image/png", None),
            ("data:,hello", None),
            ("data:image/svg+xml,%3", None),
            ("data:image/svg+xml,%zz", None),
        ] {
            assert!(is_data(url));
            let expected = expected.map(|(mime, base64)| Source::Inline {
                mime: mime.into(),
                base64: base64.into(),
            });
            assert_eq!(inline(url), expected, "{url}");
        }
        assert!(!is_data("https://a/data:") && !is_data("dat"));
    }
}
