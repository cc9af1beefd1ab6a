use crate::ir::{Body, Outcome, Part, Source};
use crate::wire::convert::Refused;
use crate::wire::json::{Document, Kind, Writer};

use super::contents_write::Contents;
use super::parts_write;

impl Contents<'_> {
    /// A `functionResponse`. Media that cannot stand in it are put to `media`: they follow the last response.
    pub(super) fn outcome<'p>(
        &mut self,
        writer: &mut Writer<'_>,
        part: &'p Part<'p>,
        outcome: &'p Outcome<'p>,
        media: &mut Vec<&'p Part<'p>>,
    ) -> Result<(), Refused> {
        self.lose_cache(part);
        let mut inside = Inside::default();
        for part in &outcome.parts {
            self.sort(part, &mut inside);
        }
        writer.open_object().key("functionResponse").open_object();
        writer.key("id").text(&outcome.call);
        // The API wants a name. A call that is not in the conversation has none but its id.
        let name = outcome.name.as_deref().unwrap_or(&outcome.call);
        writer.key("name").text(name);
        writer.key("response");
        self.response(writer, outcome, &inside);
        if self.target.traits.outcome_images && !inside.media.is_empty() {
            writer.key("parts").open_list();
            for part in inside.media {
                self.response_part(writer, part)?;
            }
            writer.close_list();
        } else {
            media.append(&mut inside.media);
        }
        writer.close_object();
        let seal = part.seal.as_ref().map(|seal| &*seal.value);
        parts_write::close(writer, seal);
        Ok(())
    }

    fn sort<'p>(&mut self, part: &'p Part<'p>, inside: &mut Inside<'p>) {
        match &part.body {
            Body::Text(text) => {
                for citation in &text.citations {
                    self.losses.add(citation.at, "citation");
                }
                inside.texts.push(&text.text);
            }
            Body::Refusal(text) => inside.texts.push(text),
            Body::Image(_) | Body::Audio(_) | Body::Video(_) => {
                inside.media.push(part);
                return;
            }
            Body::Document(document) => {
                for text in [&document.title, &document.context].into_iter().flatten() {
                    inside.texts.push(&text.value);
                }
                self.lose_cite(document);
                match &document.source {
                    Source::Text { text } => inside.texts.push(text),
                    Source::Parts { parts } => {
                        for part in parts {
                            self.sort(part, inside);
                        }
                    }
                    Source::Inline { .. }
                    | Source::Url { .. }
                    | Source::File { .. }
                    | Source::Earlier { .. } => {
                        inside.media.push(part);
                        return;
                    }
                }
            }
            Body::Thinking(_) | Body::Call(_) | Body::Outcome(_) | Body::Foreign(_) => {
                self.losses.add(part.at, "part of an outcome");
            }
        }
        self.lose_cache(part);
    }

    /// `response` is an object: the text is under `output`, or under `error` where the call failed, as the API documents.
    fn response(&mut self, writer: &mut Writer<'_>, outcome: &Outcome<'_>, inside: &Inside<'_>) {
        let has_failed = outcome.failed.as_ref().is_some_and(|failed| failed.value);
        let key = if has_failed { "error" } else { "output" };
        let object = outcome.object.as_ref().map(|object| &*object.0);
        if let Some(object) = object.filter(|object| self.is_object(object)) {
            if !has_failed || says_error(object) {
                writer.raw(object.trim());
            } else {
                writer.open_object().key(key).raw(object).close_object();
            }
            return;
        }
        writer.open_object();
        let text = inside.texts.join("\n");
        // Media alone are the outcome then.
        if has_failed || !text.is_empty() || inside.media.is_empty() {
            writer.key(key).text(&text);
        }
        writer.close_object();
    }

    fn response_part(&mut self, writer: &mut Writer<'_>, part: &Part<'_>) -> Result<(), Refused> {
        self.lose_cache(part);
        let (source, usual) = match &part.body {
            Body::Image(media) => (&media.source, "image/jpeg"),
            Body::Audio(media) => (&media.source, "audio/mpeg"),
            Body::Video(media) => (&media.source, "video/mp4"),
            Body::Document(document) => (&document.source, "application/pdf"),
            // Nothing else was sorted out as media.
            Body::Text(_)
            | Body::Refusal(_)
            | Body::Thinking(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => return Ok(()),
        };
        if let Body::Image(media) | Body::Video(media) = &part.body
            && let Some(detail) = media
                .detail
                .as_ref()
                .filter(|detail| detail.value != "auto")
        {
            self.losses.add(detail.at, "detail");
        }
        writer.open_object();
        self.source(writer, part, source, usual)?;
        writer.close_object();
        Ok(())
    }
}

/// What an outcome is made of.
#[derive(Default)]
struct Inside<'p> {
    texts: Vec<&'p str>,
    media: Vec<&'p Part<'p>>,
}

fn says_error(object: &str) -> bool {
    let mut document = Document::default();
    let read = document.read(object.as_bytes());
    read.is_ok_and(|value| value.kind() == Kind::Object && value.member("error").is_some())
}
