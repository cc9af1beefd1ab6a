use std::borrow::Cow;
use std::fmt::Write as _;

use crate::ir::{At, Body, Citation, Document, Format, Json, Media, Part, Source, Start, Stop};
use crate::wire::convert::arguments::CUT;
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::{self, Writer};

use super::contents_write::thinking_text;
use super::parts_write::Args;
use super::sources::{self, Cited};
use super::{logprobs, parts_write, stop};

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Yes,
    /// There was nothing to write.
    Nothing,
    /// It is a call that broke off, or that cannot be read.
    Cut,
}

impl Written {
    fn of(is_written: bool) -> Written {
        match is_written {
            true => Written::Yes,
            false => Written::Nothing,
        }
    }
}

/// Writes a part of an answer whole.
pub(super) fn part(
    writer: &mut Writer<'_>,
    part: &Part<'_>,
    losses: &mut Losses,
    document: &mut json::Document,
) -> Written {
    let seal = part.seal.as_ref();
    let seal = seal.and_then(|seal| signature(&seal.value, losses));
    let seal = seal.as_deref();
    match &part.body {
        Body::Text(text) if text.text.is_empty() && seal.is_none() => return Written::Nothing,
        Body::Text(text) => parts_write::text(writer, &text.text, seal),
        Body::Refusal(text) => parts_write::text(writer, text, seal),
        Body::Thinking(thinking) => {
            let text = thinking_text(&thinking.summaries, &thinking.text);
            let seal = thinking.seal.as_ref();
            let seal = seal.and_then(|seal| signature(&seal.value, losses));
            if text.is_empty() && seal.is_none() {
                return Written::Nothing;
            }
            parts_write::thought(writer, &text, seal.as_deref());
        }
        Body::Call(call) => {
            if call.namespace.is_some() {
                losses.add(At::NOWHERE, "namespace of a call");
            }
            // The API leaves such a call out too.
            let Some(args) = Args::of(call, document) else {
                losses.add(At::NOWHERE, CUT);
                return Written::Cut;
            };
            parts_write::call(writer, call, &args, seal);
        }
        Body::Image(media) | Body::Video(media) | Body::Audio(media) => {
            return Written::of(self::media(writer, media, seal, losses));
        }
        Body::Document(document) => {
            return Written::of(self::document(writer, document, seal, losses));
        }
        Body::Foreign(foreign) if foreign.format == Format::Gemini => {
            parts_write::foreign(writer, &foreign.json, seal);
        }
        Body::Foreign(_) => {
            losses.add(At::NOWHERE, "step of a server tool");
            return Written::Nothing;
        }
        Body::Outcome(_) => {
            losses.add(At::NOWHERE, "outcome of a call");
            return Written::Nothing;
        }
    }
    Written::Yes
}

fn media(
    writer: &mut Writer<'_>,
    media: &Media<'_>,
    seal: Option<&str>,
    losses: &mut Losses,
) -> bool {
    if media.id.is_some() {
        losses.add(At::NOWHERE, "id of an audio");
    }
    if !is_data(&media.source) {
        losses.add(At::NOWHERE, "media that is elsewhere, or no base64");
        return false;
    }
    writer.open_object();
    source(writer, &media.source);
    parts_write::transcript(writer, media);
    parts_write::close(writer, seal);
    true
}

fn document(
    writer: &mut Writer<'_>,
    document: &Document<'_>,
    seal: Option<&str>,
    losses: &mut Losses,
) -> bool {
    if document.title.is_some() || document.context.is_some() {
        losses.add(At::NOWHERE, "title of a document");
    }
    if !is_data(&document.source) {
        losses.add(At::NOWHERE, "document that another vendor keeps");
        return false;
    }
    writer.open_object();
    source(writer, &document.source);
    parts_write::close(writer, seal);
    true
}

/// A seal as Google's SDKs read it: they break on an answer whose signature is no base64 with its padding, and other vendors
/// seal as they like. The vault knows it by either spelling.
fn signature<'s>(seal: &'s str, losses: &mut Losses) -> Option<Cow<'s, str>> {
    let bare = seal.trim_end_matches('=');
    if bare.is_empty() || !is_base64(bare) {
        losses.add(At::NOWHERE, "signature that is no base64");
        return None;
    }
    let padding = (4 - bare.len() % 4) % 4;
    Some(match seal.len() == bare.len() + padding {
        true => Cow::Borrowed(seal),
        false => Cow::Owned([bare, &"=="[..padding]].concat()),
    })
}

/// In either alphabet (RFC 4648, sections 4 and 5), its padding taken off.
fn is_base64(bare: &str) -> bool {
    let all = |joints: &[u8]| {
        bare.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || joints.contains(&byte))
    };
    bare.len() % 4 != 1 && (all(b"+/") || all(b"-_"))
}

/// Google's SDKs break on an answer whose data is no base64.
fn is_data(source: &Source<'_>) -> bool {
    match source {
        Source::Inline { base64, .. } => is_base64(base64.trim_end_matches('=')),
        Source::Url { .. } | Source::Text { .. } => true,
        Source::File { format, .. } => *format == Format::Gemini,
        Source::Parts { .. } | Source::Earlier { .. } => false,
    }
}

fn source(writer: &mut Writer<'_>, source: &Source<'_>) {
    match source {
        Source::Inline { mime, base64 } => parts_write::inline(writer, mime, base64),
        Source::Url { url, mime } | Source::File { id: url, mime, .. } => {
            parts_write::file(writer, url, mime.as_deref());
        }
        Source::Text { text } => {
            writer.key("text").text(text);
        }
        Source::Parts { .. } | Source::Earlier { .. } => {}
    }
}

/// What is told of a choice beside its parts.
#[derive(Debug, Default)]
pub(super) struct Ending<'e> {
    pub(super) stop: Option<Stop<'e>>,
    pub(super) held: stop::Held,
    /// Texts that cite: which part of the content, and the words.
    pub(super) cited: Vec<(usize, String, Vec<Citation<'e>>)>,
    pub(super) logprobs: Vec<Json<'e>>,
}

impl Ending<'_> {
    /// Writes it in a candidate that is open.
    pub(super) fn write(&self, writer: &mut Writer<'_>, losses: &mut Losses) {
        if let Some(stop) = &self.stop {
            if stop.sequence.is_some() {
                losses.add(At::NOWHERE, "stop sequence that was met");
            }
            let (reason, message) = stop::write(stop, self.held);
            writer.key("finishReason").text(reason);
            if let Some(message) = message {
                writer.key("finishMessage").text(message);
            }
        }
        let cited = self.cited.iter().map(|(part, text, citations)| Cited {
            part: *part,
            text,
            citations,
        });
        sources::write(writer, cited, losses);
        logprobs::write(writer, &self.logprobs);
    }
}

/// Writes `promptFeedback`, in an object that is open: no candidate came.
pub(super) fn write_block(writer: &mut Writer<'_>, block: (&'static str, Option<&str>)) {
    let (reason, message) = block;
    writer.key("promptFeedback").open_object();
    writer.key("blockReason").text(reason);
    if let Some(message) = message {
        writer.key("blockReasonMessage").text(message);
    }
    writer.close_object();
}

/// What every object of an answer says of it, in an object that is open.
pub(super) fn write_start(writer: &mut Writer<'_>, start: &Start<'_>, telling: &Telling) {
    writer
        .key("modelVersion")
        .text(telling.model(&start.model))
        .key("responseId")
        .text(&telling.id("", &start.id));
    if let Some(created) = start.created {
        writer.key("createTime").text(&time(created));
    }
}

/// RFC 3339, from seconds since the epoch.
fn time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The civil calendar: years begin in March, so that the leap day is their last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + era * 400 + carry;
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    let mut text = String::with_capacity(20);
    let _fits = write!(
        text,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_google_writes_them() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_779_202_782), "2026-05-19T14:59:42Z");
        assert_eq!(time(1_709_251_199), "2024-02-29T23:59:59Z");
    }

    #[test]
    fn a_signature_is_told_as_base64_or_not_at_all() {
        for (seal, told) in [
            ("c2Vh", Some("c2Vh")),
            ("c2VhbA==", Some("c2VhbA==")),
            ("c2VhbA", Some("c2VhbA==")),
            ("c2V-_w8", Some("c2V-_w8=")),
            ("c2Vhb", None),
            ("c+V-", None),
            ("sig of mine", None),
            ("", None),
        ] {
            let mut losses = Losses::default();
            assert_eq!(signature(seal, &mut losses).as_deref(), told, "{seal}");
            assert_eq!(losses.is_empty(), told.is_some(), "{seal}");
        }
    }
}
