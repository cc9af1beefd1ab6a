use std::borrow::Cow;

use crate::ir::{Media, Source, Str};
use crate::wire::json::Writer;

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

/// Whether a client can be shown an image of an answer: it has its bytes or its address.
pub(super) fn can_show(media: &Media<'_>) -> bool {
    match &media.source {
        Source::Inline { mime, .. } => !mime.contains(','),
        Source::Url { .. } => true,
        Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => false,
    }
}

/// Writes the member `images` of an answer, in which the field shows what a model has drawn. OpenAI's own has none.
pub(super) fn write_images(images: &[&Media<'_>], first: u64, writer: &mut Writer<'_>) {
    writer.key("images").open_list();
    for (index, media) in (first..).zip(images) {
        writer.open_object().key("type").text("image_url");
        writer.key("image_url").open_object().key("url");
        match &media.source {
            Source::Inline { mime, base64 } => {
                writer.text_of(&["data:", mime, ";base64,", base64]);
            }
            Source::Url { url, .. } => {
                writer.text(url);
            }
            Source::File { .. }
            | Source::Text { .. }
            | Source::Parts { .. }
            | Source::Earlier { .. } => {
                writer.null();
            }
        }
        writer.close_object().key("index").number(index);
        writer.close_object();
    }
    writer.close_list();
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
    use serde_json::{Value as Tree, json};

    use super::super::proof::{events, read_reply, write_reply, write_stream};
    use super::*;
    use crate::ir::{At, Body, Choice, Part, Reply, Stop, StopReason, Text};

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

    #[test]
    fn images_that_the_model_draws_are_shown_as_the_field_does() {
        let image = |base64: &'static str| {
            let mime = "image/png".into();
            let base64 = base64.into();
            let media = Media::new(Source::Inline { mime, base64 });
            Part::new(At::NOWHERE, Body::Image(media))
        };
        let words = Text {
            text: "a".into(),
            ..Text::default()
        };
        let words = Part::new(At::NOWHERE, Body::Text(words));
        let reply = Reply {
            choices: vec![Choice {
                parts: vec![image("QUJD"), words, image("REVG")],
                stop: Some(Stop::of(StopReason::End)),
                ..Choice::default()
            }],
            ..Reply::default()
        };
        let shown = |base64: &str, index: u64| {
            let url = format!("data:image/png;base64,{base64}");
            json!({"type": "image_url", "image_url": {"url": url}, "index": index})
        };
        let (whole, losses) = write_reply(&reply);
        let tree: Tree = serde_json::from_str(&whole).unwrap();
        assert!(losses.is_empty());
        let message = &tree["choices"][0]["message"];
        let all = json!([shown("QUJD", 0), shown("REVG", 1)]);
        assert_eq!(
            (&message["content"], &message["images"]),
            (&json!("a"), &all)
        );
        let (stream, _) = write_stream(&reply);
        let chunks = events(&stream).filter_map(|data| serde_json::from_str::<Tree>(data).ok());
        let deltas: Vec<Tree> = chunks
            .map(|chunk| chunk["choices"][0]["delta"].clone())
            .collect();
        for image in [shown("QUJD", 0), shown("REVG", 1)] {
            assert!(deltas.contains(&json!({ "images": [image] })), "{stream}");
        }
        // Heard as they were told.
        assert_eq!(read_reply(&whole).choices[0].parts.len(), 3);
    }
}
