use std::borrow::Cow;

use crate::ir::{Source, Str};

/// The source that a `data:` address with base64 holds.
pub(super) fn inline<'a>(url: &Str<'a>) -> Option<Source<'a>> {
    Some(match url {
        Cow::Borrowed(text) => {
            let (mime, base64) = split(text)?;
            Source::Inline {
                mime: mime.into(),
                base64: base64.into(),
            }
        }
        Cow::Owned(text) => {
            let (mime, base64) = split(text)?;
            Source::Inline {
                mime: mime.to_owned().into(),
                base64: base64.to_owned().into(),
            }
        }
    })
}

/// What an address says: a source in the request, or one elsewhere.
pub(super) fn source_of(url: Str<'_>) -> Source<'_> {
    inline(&url).unwrap_or(Source::Url { url, mime: None })
}

fn split(url: &str) -> Option<(&str, &str)> {
    let (head, base64) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    Some((mime.split(';').next().unwrap_or_default(), base64))
}

/// The media type of an audio of that `format`.
pub(super) fn mime_of_audio(format: &str) -> String {
    ["audio/", format].concat()
}

/// The `format` of an audio of that media type. OpenAI takes `wav` and `mp3`, other vendors more.
pub(super) fn audio_format(mime: &str) -> &str {
    let mime = mime.split(';').next().unwrap_or(mime);
    match mime.strip_prefix("audio/").unwrap_or(mime) {
        "mpeg" | "mpga" => "mp3",
        "x-wav" | "wave" | "vnd.wave" => "wav",
        format => format,
    }
}

/// The name of a file that has none: OpenAI takes no file without.
pub(super) fn file_name(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "document.pdf",
        "text/plain" => "document.txt",
        "text/markdown" => "document.md",
        "text/html" => "document.html",
        "text/csv" => "document.csv",
        "application/json" => "document.json",
        _ => "document",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_addresses_are_sources_in_the_request() {
        let inline = |mime: &'static str, base64: &'static str| Source::Inline {
            mime: mime.into(),
            base64: base64.into(),
        };
        let read = |url: &'static str| source_of(url.into());
        assert_eq!(
            read("data:image/png;base64,QUJD"),
            inline("image/png", "QUJD")
        );
        assert_eq!(
            read("data:text/plain;charset=utf-8;base64,QQ=="),
            inline("text/plain", "QQ==")
        );
        for elsewhere in ["https://a/b,c;base64", "data:text/plain,hello", ""] {
            let url = elsewhere.into();
            assert_eq!(read(elsewhere), Source::Url { url, mime: None });
        }
        let owned = source_of(String::from("data:image/png;base64,QUJD").into());
        assert_eq!(owned, inline("image/png", "QUJD"));
    }

    #[test]
    fn formats_of_audio_survive_the_way_over_media_types() {
        for format in ["wav", "mp3", "flac", "pcm16"] {
            assert_eq!(audio_format(&mime_of_audio(format)), format);
        }
        assert_eq!(audio_format("audio/mpeg"), "mp3");
        assert_eq!(audio_format("audio/x-wav"), "wav");
    }
}
