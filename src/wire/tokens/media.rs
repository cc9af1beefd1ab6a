//! What pictures, sounds and documents cost. Estimates by the vendors' documented formulas, where a size can be told; flat
//! where it cannot.

use super::family::Family;
use super::vocabulary::as_u64;
use crate::ir::{Media, Source};

/// So much of a picture's base64 is looked into for its size.
const MOST_HEAD: usize = 256 << 10;
/// No vendor takes larger pictures, whatever their heads say.
const MOST_SIDE: u64 = 16_384;

/// A picture.
///
/// - OpenAI ("Images and vision", tile models): 85 for `detail: low`; else scaled into 2048 × 2048, then to a short side of
///   768, and 170 a tile of 512 × 512 over 85. Unknown size: 765, that of 1024 × 1024.
/// - Claude ("Vision"): width × height / 750, at most 1,600. Unknown size: 1,600.
/// - Gemini ("Understand and count tokens"): 258 if both sides are up to 384, else 258 a tile of 768 × 768; from Gemini 3
///   on 1,120 ("Media resolution").
pub(super) fn image(family: Family, image: &Media<'_>) -> u64 {
    let size = match &image.source {
        Source::Inline { base64, .. } => size(&decoded(base64, MOST_HEAD))
            .map(|(width, height)| (width.min(MOST_SIDE), height.min(MOST_SIDE))),
        Source::Url { .. }
        | Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => None,
    };
    let is_low = image
        .detail
        .as_ref()
        .is_some_and(|said| said.value == "low");
    match (family, size) {
        (Family::OpenAi | Family::OldOpenAi, _) if is_low => 85,
        (Family::OpenAi | Family::OldOpenAi, Some(size)) => tiles(size),
        (Family::OpenAi | Family::OldOpenAi, None) => 765,
        (Family::Claude | Family::NewClaude, Some((width, height))) => {
            (width * height).div_ceil(750).min(1600)
        }
        (Family::Claude | Family::NewClaude, None) => 1600,
        (Family::Gemini, Some((width, height))) if width > 384 || height > 384 => {
            258 * width.div_ceil(768) * height.div_ceil(768)
        }
        (Family::Gemini, _) => 258,
        (Family::NewGemini, _) => 1120,
    }
}

fn tiles((width, height): (u64, u64)) -> u64 {
    let (long, short) = (width.max(height).max(1), width.min(height).max(1));
    // Into the square first, then to the short side; neither makes a picture larger.
    let (long, short) = match long > 2048 {
        true => (2048, (short * 2048 / long).max(1)),
        false => (long, short),
    };
    let (long, short) = match short > 768 {
        true => (long * 768 / short, 768),
        false => (long, short),
    };
    85 + 170 * long.div_ceil(512) * short.div_ceil(512)
}

/// A sound. OpenAI counts 10 tokens a second, Gemini 32; the length is guessed from the bytes: 48 kB a second of WAV or raw
/// samples, else 16 kB.
pub(super) fn audio(family: Family, source: &Source<'_>) -> u64 {
    let Source::Inline { mime, base64 } = source else {
        return 0;
    };
    let is_raw = ["wav", "pcm", "l16"]
        .iter()
        .any(|kind| mime.to_ascii_lowercase().contains(kind));
    let a_second = if is_raw { 48_000 } else { 16_000 };
    let tokens = match family {
        Family::Gemini | Family::NewGemini => 32,
        Family::OpenAi | Family::OldOpenAi | Family::Claude | Family::NewClaude => 10,
    };
    (bytes(base64) * tokens).div_ceil(a_second)
}

/// A film: Gemini's 263 tokens a second with its sound, of 125 kB each; a minute where it is elsewhere.
pub(super) fn video(source: &Source<'_>) -> u64 {
    match source {
        Source::Inline { base64, .. } => (bytes(base64) * 263).div_ceil(125_000),
        Source::Url { .. }
        | Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => 60 * 263,
    }
}

/// A document of pages. A page costs Claude 1,500 to 3,000 tokens ("PDF support"), Gemini 258 ("Document understanding"),
/// from Gemini 3 on 1,120; OpenAI, who says nothing, 280 to 1,030 in the recorded traffic. Unknown length: ten pages.
pub(super) fn document(family: Family, source: &Source<'_>) -> u64 {
    let pages = match source {
        Source::Inline { base64, .. } => pages(base64),
        Source::Url { .. } | Source::File { .. } | Source::Earlier { .. } => 10,
        Source::Text { .. } | Source::Parts { .. } => 0,
    };
    let a_page = match family {
        Family::OpenAi | Family::OldOpenAi => 650,
        Family::Claude | Family::NewClaude => 2250,
        Family::Gemini => 258,
        Family::NewGemini => 1120,
    };
    pages * a_page
}

/// The pages of a PDF: its page objects where they can be seen, else one for 50 kB.
fn pages(base64: &str) -> u64 {
    let pdf = decoded(base64, usize::MAX);
    let is_page = |at: usize| {
        let rest = pdf.get(at + b"/Type".len()..).unwrap_or_default();
        let rest = rest.trim_ascii_start();
        rest.strip_prefix(b"/Page")
            .is_some_and(|rest| rest.first() != Some(&b's'))
    };
    let seen = memchr::memmem::find_iter(&pdf, b"/Type");
    match as_u64(seen.filter(|at| is_page(*at)).count()) {
        0 => as_u64(pdf.len()).div_ceil(50_000).max(1),
        pages => pages,
    }
}

fn bytes(base64: &str) -> u64 {
    as_u64(base64.len()) / 4 * 3
}

/// The bytes that up to `most` characters of base64 say; what is none ends it.
fn decoded(base64: &str, most: usize) -> Vec<u8> {
    let text = base64.as_bytes();
    let text = text.get(..most).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            byte if byte.is_ascii_whitespace() => continue,
            _ => break,
        };
        bits = bits << 6 | u32::from(sextet);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}

/// Width and height, as the head of a PNG, GIF, WebP or JPEG tells them.
fn size(image: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize, length: usize, is_little: bool| {
        let bytes = image.get(at..at + length)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match is_little {
            true => bytes.iter().rev().fold(0, add),
            false => bytes.iter().fold(0, add),
        })
    };
    let (big, little) = (|at, n| number(at, n, false), |at, n| number(at, n, true));
    if image.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((big(16, 4)?, big(20, 4)?));
    }
    if image.starts_with(b"GIF8") {
        return Some((little(6, 2)?, little(8, 2)?));
    }
    if image.starts_with(b"RIFF") {
        return match image.get(8..16)? {
            b"WEBPVP8 " => Some((little(26, 2)? & 0x3fff, little(28, 2)? & 0x3fff)),
            b"WEBPVP8X" => Some((little(24, 3)? + 1, little(27, 3)? + 1)),
            b"WEBPVP8L" => {
                let bits = little(21, 4)?;
                Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
            }
            _ => None,
        };
    }
    if !image.starts_with(b"\xff\xd8") {
        return None;
    }
    // JPEG: segment after segment, up to the one that begins a frame.
    let mut at = 2;
    loop {
        let marker = big(at, 2)?;
        match marker {
            0xffc4 | 0xffc8 | 0xffcc => {}
            0xffc0..=0xffcf => return Some((big(at + 7, 2)?, big(at + 5, 2)?)),
            0xff00.. => {}
            _ => return None,
        }
        at += 2 + usize::try_from(big(at + 2, 2)?).ok()?.max(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        [&head[..], &width.to_be_bytes(), &height.to_be_bytes()].concat()
    }

    #[test]
    fn sizes_are_read_from_the_heads_of_pictures() {
        assert_eq!(size(&png(166, 282)), Some((166, 282)));
        assert_eq!(size(b"GIF89a\x10\0\x20\0"), Some((16, 32)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\x01\x00\x02\x00";
        assert_eq!(size(jpeg), Some((512, 256)));
        let webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x01\0\xff\0\0";
        assert_eq!(size(webp), Some((512, 256)));
        for nothing in [
            &b""[..],
            b"\xff\xd8",
            b"\xff\xd8\0\0",
            b"RIFF",
            b"BM12",
            b"\x89PNG\r\n\x1a\n",
        ] {
            assert_eq!(size(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn tiles_are_counted_as_in_openais_examples() {
        assert_eq!(tiles((1024, 1024)), 765);
        assert_eq!(tiles((2048, 4096)), 1105);
        assert_eq!(tiles((100, 100)), 255);
        assert_eq!(tiles((0, 0)), 255);
        assert_eq!(tiles((u64::from(u32::MAX), 1)), 765);
    }

    #[test]
    fn pages_are_those_that_can_be_seen() {
        // "/Type /Pages /Type /Page /Type/Page"
        assert_eq!(pages("L1R5cGUgL1BhZ2VzIC9UeXBlIC9QYWdlIC9UeXBlL1BhZ2U="), 2);
        assert_eq!(pages(&"A".repeat(400_000)), 6);
        assert_eq!(pages(""), 1);
    }
}
