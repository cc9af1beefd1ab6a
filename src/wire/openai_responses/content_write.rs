//! What the client says in a message or an outcome: texts, images, files, audio.

use crate::ir::{Body, CacheMark, Document, Format, Media, Part, Role, Source};
use crate::wire::convert::Refused;

use super::input_write::Input;

impl Input<'_, '_, '_> {
    /// Whether the part is content of a message. What a message of this role cannot hold is lost here.
    pub(super) fn belongs_in_message(
        &mut self,
        part: &Part<'_>,
        role: Role,
    ) -> Result<bool, Refused> {
        let what = match &part.body {
            Body::Text(_) => return Ok(true),
            Body::Refusal(_) => return Ok(true),
            Body::Thinking(_) | Body::Call(_) | Body::Outcome(_) | Body::Foreign(_) => {
                return Ok(false);
            }
            Body::Image(media) => {
                self.reachable(part, &media.source)?;
                can_say(&media.source).then_some("image")
            }
            Body::Document(document) => {
                self.reachable(part, &document.source)?;
                Some("document")
            }
            Body::Audio(media) => {
                self.reachable(part, &media.source)?;
                audio_format(&media.source).map(|_| "audio")
            }
            Body::Video(media) => {
                self.reachable(part, &media.source)?;
                None
            }
        };
        let fits = what.is_some() && role != Role::Assistant;
        if !fits {
            self.losses.add(part.at, what.unwrap_or("medium"));
        }
        Ok(fits)
    }

    /// # Errors
    /// The vendor has no way to what is meant.
    fn reachable(&self, part: &Part<'_>, source: &Source<'_>) -> Result<(), Refused> {
        let own = |format: Format| match format {
            // They share their stored files.
            Format::OpenaiResponses | Format::OpenaiChat => true,
            Format::Anthropic | Format::Gemini => false,
        };
        let why = match source {
            Source::File { format, .. } if !own(*format) => "a file stored at another vendor",
            Source::Earlier { .. } => "an earlier answer that its vendor keeps",
            Source::Url { .. }
                if !self.target.traits.url_images && matches!(part.body, Body::Image(_)) =>
            {
                "an image by URL, which the provider does not take"
            }
            Source::File { .. }
            | Source::Url { .. }
            | Source::Inline { .. }
            | Source::Text { .. }
            | Source::Parts { .. } => return Ok(()),
        };
        Err(Refused::new(part.at, format!("this is {why}")))
    }

    /// A part of what the client says, in a message or an outcome. `mark`: the part's own, or that of an outcome.
    pub(super) fn content(
        &mut self,
        part: &Part<'_>,
        mark: Option<&CacheMark<'_>>,
    ) -> Result<(), Refused> {
        let mark = mark.filter(|_| self.takes_mark(part, Role::User));
        match &part.body {
            Body::Text(text) => {
                for citation in &text.citations {
                    self.losses.add(citation.at, "citation");
                }
                self.input_text(&text.text, mark);
            }
            Body::Refusal(words) => self.input_text(words, mark),
            Body::Image(media) => self.image(media, mark),
            Body::Document(document) => self.document(document, mark)?,
            Body::Audio(media) => self.audio(media),
            // They do not come here.
            Body::Video(_)
            | Body::Thinking(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
        Ok(())
    }

    /// Whether a mark of the prompt's cache on the part can be said, from GPT-5.6 on: on what is said to the model.
    pub(super) fn takes_mark(&self, part: &Part<'_>, role: Role) -> bool {
        let takes = match &part.body {
            Body::Text(_) | Body::Refusal(_) | Body::Image(_) => true,
            Body::Document(document) => match &document.source {
                Source::Parts { .. } => false,
                Source::Inline { .. }
                | Source::Url { .. }
                | Source::File { .. }
                | Source::Text { .. }
                | Source::Earlier { .. } => true,
            },
            Body::Audio(_)
            | Body::Video(_)
            | Body::Thinking(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => false,
        };
        takes && role != Role::Assistant && self.target.traits.cache_breakpoints
    }

    /// How long the cache keeps what is marked is said of the request as a whole, and is always the same.
    fn mark(&mut self, mark: Option<&CacheMark<'_>>) {
        let Some(mark) = mark else {
            return;
        };
        if mark.ttl.is_some() {
            self.losses.hint(mark.at, "how long a cache keeps it");
        }
        self.w.key("prompt_cache_breakpoint").open_object();
        self.w.key("mode").text("explicit").close_object();
    }

    fn input_text(&mut self, text: &str, mark: Option<&CacheMark<'_>>) {
        self.w.open_object().key("type").text("input_text");
        self.w.key("text").text(text);
        self.mark(mark);
        self.w.close_object();
    }

    fn image(&mut self, media: &Media<'_>, mark: Option<&CacheMark<'_>>) {
        let detail = media.detail.as_ref();
        self.w.open_object().key("type").text("input_image");
        self.w
            .key("detail")
            .text(detail.map_or("auto", |said| &*said.value));
        match &media.source {
            Source::Inline { mime, base64 } => {
                let url = ["data:", mime, ";base64,", base64];
                self.w.key("image_url").text_of(&url);
            }
            Source::Url { url, .. } => {
                self.w.key("image_url").text(url);
            }
            Source::File { id, .. } => {
                self.w.key("file_id").text(id);
            }
            Source::Text { .. } | Source::Parts { .. } | Source::Earlier { .. } => {}
        }
        self.mark(mark);
        self.w.close_object();
    }

    fn audio(&mut self, media: &Media<'_>) {
        let Some((format, base64)) = audio_format(&media.source) else {
            return;
        };
        self.w.open_object().key("type").text("input_audio");
        self.w.key("input_audio").open_object();
        self.w.key("data").text(base64);
        self.w.key("format").text(format);
        self.w.close_object().close_object();
    }

    /// A file, or what is in it where the format has no file for it: then its title and context come before as texts.
    fn document(
        &mut self,
        document: &Document<'_>,
        mark: Option<&CacheMark<'_>>,
    ) -> Result<(), Refused> {
        if let Some(said) = document.cite.as_ref().filter(|said| said.value) {
            self.losses.add(said.at, "citations of a document");
        }
        let title = document.title.as_ref().map(|said| &*said.value);
        let is_file = match &document.source {
            Source::Inline { .. } | Source::Url { .. } | Source::File { .. } => true,
            Source::Text { .. } | Source::Parts { .. } | Source::Earlier { .. } => false,
        };
        if let Some(title) = title.filter(|_| !is_file) {
            self.input_text(title, None);
        }
        if let Some(context) = &document.context {
            self.input_text(&context.value, None);
        }
        if is_file {
            self.file(&document.source, title, mark);
        }
        match &document.source {
            Source::Text { text } => self.input_text(text, mark),
            Source::Parts { parts } => {
                for part in parts {
                    self.lose_marks(part, Role::User);
                    if self.belongs_in_message(part, Role::User)? {
                        self.content(part, part.cache.as_ref())?;
                    } else {
                        self.losses.add(part.at, "part of a document");
                    }
                }
            }
            Source::Inline { .. }
            | Source::Url { .. }
            | Source::File { .. }
            | Source::Earlier { .. } => {}
        }
        Ok(())
    }

    fn file(&mut self, source: &Source<'_>, title: Option<&str>, mark: Option<&CacheMark<'_>>) {
        self.w.open_object().key("type").text("input_file");
        match source {
            Source::Inline { mime, base64 } => {
                // The API asks for a name beside the bytes.
                let name = match (title, &**mime) {
                    (Some(title), _) => title,
                    (None, "application/pdf") => "document.pdf",
                    (None, _) => "document.txt",
                };
                self.w.key("filename").text(name);
                let url = ["data:", mime, ";base64,", base64];
                self.w.key("file_data").text_of(&url);
            }
            Source::Url { url, .. } => {
                if let Some(title) = title {
                    self.w.key("filename").text(title);
                }
                self.w.key("file_url").text(url);
            }
            Source::File { id, .. } => {
                if let Some(title) = title {
                    self.w.key("filename").text(title);
                }
                self.w.key("file_id").text(id);
            }
            Source::Text { .. } | Source::Parts { .. } | Source::Earlier { .. } => {}
        }
        self.mark(mark);
        self.w.close_object();
    }
}

/// Whether an image can come from there.
fn can_say(source: &Source<'_>) -> bool {
    match source {
        Source::Inline { .. } | Source::Url { .. } | Source::File { .. } => true,
        Source::Text { .. } | Source::Parts { .. } | Source::Earlier { .. } => false,
    }
}

/// The name of an audio's format and its bytes, for those that the API knows.
fn audio_format<'s>(source: &'s Source<'_>) -> Option<(&'static str, &'s str)> {
    let Source::Inline { mime, base64 } = source else {
        return None;
    };
    let format = match &**mime {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        _ => return None,
    };
    Some((format, base64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ir::Document as File;
    use crate::ir::{At, Outcome};
    use crate::wire::convert::Traits;
    use crate::wire::openai_responses::tests::*;

    #[test]
    fn files_are_files_and_texts_are_texts() {
        let file = |source, title: Option<&'static str>| {
            part(Body::Document(File {
                source,
                title: title.and_then(|title| said(title.into())),
                context: None,
                cite: said(true),
            }))
        };
        let pdf = Source::Inline {
            mime: "application/pdf".into(),
            base64: "QQ==".into(),
        };
        let plain = Source::Text {
            text: "words".into(),
        };
        let request = turns(vec![turn(
            Role::User,
            vec![file(pdf, None), file(plain, Some("T"))],
        )]);
        let (body, losses) = lowered(&request);
        let expected = json!([
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,QQ=="},
            {"type": "input_text", "text": "T"},
            {"type": "input_text", "text": "words"},
        ]);
        assert_eq!(body["input"][0]["content"], expected);
        assert_eq!(losses, ["citations of a document"]);
    }

    #[test]
    fn marks_of_a_cache_stand_on_what_is_said_to_the_model() {
        let marked = |mut part: Part<'static>, ttl: Option<&'static str>| {
            let ttl = ttl.map(Into::into);
            part.cache = Some(CacheMark { at: At(7), ttl });
            part
        };
        let outcome = part(Body::Outcome(Outcome {
            call: "c".into(),
            parts: vec![text("out"), text("more")],
            ..Outcome::default()
        }));
        let request = turns(vec![
            turn(Role::System, vec![text("a"), marked(text("b"), Some("1h"))]),
            turn(Role::User, vec![marked(text("c"), None)]),
            turn(Role::Assistant, vec![marked(text("d"), None)]),
            turn(Role::User, vec![marked(outcome, None)]),
        ]);
        let takes = Traits {
            cache_breakpoints: true,
            ..Traits::default()
        };
        let (body, losses) = lower(&request, &takes).unwrap();
        let mark = json!({"mode": "explicit"});
        let marked = |words: &str| json!({"type": "input_text", "text": words, "prompt_cache_breakpoint": mark});
        let plain = |words: &str| json!({"type": "input_text", "text": words});
        assert!(body.get("instructions").is_none());
        let input = &body["input"];
        assert_eq!(input[0]["content"], json!([plain("a"), marked("b")]));
        assert_eq!(input[1]["content"], json!([marked("c")]));
        assert_eq!(input[2]["content"], "d");
        assert_eq!(input[3]["output"], json!([plain("out"), marked("more")]));
        assert_eq!(losses, ["how long a cache keeps it", "cache mark"]);
        let (body, losses) = lowered(&request);
        assert_eq!(body["instructions"], "a\n\nb");
        assert!(!body.to_string().contains("prompt_cache_breakpoint"));
        assert_eq!(losses, ["cache mark"]);
    }

    #[test]
    fn media_that_cannot_be_said_are_refused_where_nothing_else_is_said() {
        let video = || {
            part(Body::Video(Media::new(Source::Url {
                url: "u".into(),
                mime: None,
            })))
        };
        let beside = turns(vec![turn(Role::User, vec![video(), text("see")])]);
        assert_eq!(lowered(&beside).1, ["medium"]);
        let alone = turns(vec![turn(Role::User, vec![video()])]);
        let refused = lower(&alone, &Traits::default()).unwrap_err();
        assert!(refused.why.contains("nothing else"), "{}", refused.why);
    }
}
