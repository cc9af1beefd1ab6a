//! The items of an answer, as this format writes them: by the writer of whole answers and by that of streams, so that both
//! say the same.

use std::borrow::Cow;
use std::ops::Range;

use crate::ir::{Arguments, Call, Citation, Json, Media, Source};
use crate::wire::convert::{self, Losses};
use crate::wire::json::{Document, Writer};

use super::annotation;

/// The finished items of an answer, and the message that is being written.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// What stands in `output`, without the brackets.
    json: Vec<u8>,
    /// How many items are finished: the index of the one that comes.
    count: u64,
    /// Text and refusals that follow each other are the parts of one message.
    message: Option<Message>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    /// What stands in `content`, without the brackets.
    pub(super) content: Vec<u8>,
    pub(super) parts: u64,
}

impl Output {
    /// With items that are finished, and a message that is not.
    pub(super) fn at((json, count): (Vec<u8>, u64), message: Option<Message>) -> Output {
        Output {
            json,
            count,
            message,
        }
    }

    /// The index of the item that is being written.
    pub(super) fn index(&self) -> u64 {
        self.count
    }

    pub(super) fn json(&self) -> &str {
        std::str::from_utf8(&self.json).unwrap_or_default()
    }

    /// The id of the item that is being written.
    pub(super) fn id(&self, prefix: &str, seed: &str) -> String {
        let mut number = itoa::Buffer::new();
        [prefix, seed, "_", number.format(self.count)].concat()
    }

    pub(super) fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// Opens a message. Nothing if one is open.
    pub(super) fn open_message(&mut self, seed: &str) {
        if self.message.is_none() {
            self.message = Some(Message {
                id: self.id("msg_", seed),
                content: Vec::new(),
                parts: 0,
            });
        }
    }

    /// Adds a part to the open message, and gives it as it was written.
    pub(super) fn add_part(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> &str {
        let Some(message) = &mut self.message else {
            return "";
        };
        message.parts += 1;
        let range = add(&mut message.content, write);
        text_in(&message.content, range)
    }

    /// Finishes the open message, and gives it as it was written.
    pub(super) fn close_message(&mut self, status: &str) -> Option<&str> {
        let message = self.message.take()?;
        Some(self.add_item(|w| {
            let content = std::str::from_utf8(&message.content).unwrap_or_default();
            write_message(&message.id, status, content, w);
        }))
    }

    /// Adds a whole item, and gives it as it was written.
    pub(super) fn add_item(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> &str {
        self.count += 1;
        let range = add(&mut self.json, write);
        text_in(&self.json, range)
    }
}

fn add(json: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) -> Range<usize> {
    if !json.is_empty() {
        json.push(b',');
    }
    let start = json.len();
    write(&mut Writer::new(json));
    start..json.len()
}

fn text_in(json: &[u8], range: Range<usize>) -> &str {
    let bytes = json.get(range).unwrap_or_default();
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// `content`: what stands in the list.
pub(super) fn write_message(id: &str, status: &str, content: &str, w: &mut Writer<'_>) {
    w.open_object().key("id").text(id);
    w.key("type").text("message").key("status").text(status);
    w.key("role").text("assistant").key("content").open_list();
    if !content.is_empty() {
        w.raw(content);
    }
    w.close_list().close_object();
}

pub(super) fn write_text(
    text: &str,
    citations: &[Citation<'_>],
    logprobs: &[Json<'_>],
    w: &mut Writer<'_>,
    losses: &mut Losses,
) {
    w.open_object().key("type").text("output_text");
    w.key("annotations").open_list();
    for citation in citations {
        annotation::write(citation, text, w, losses);
    }
    w.close_list().key("logprobs");
    write_logprobs(logprobs, w);
    w.key("text").text(text).close_object();
}

pub(super) fn write_logprobs(logprobs: &[Json<'_>], w: &mut Writer<'_>) {
    w.open_list();
    for token in logprobs {
        w.raw(&one_line(&token.0));
    }
    w.close_list();
}

pub(super) fn write_refusal(words: &str, w: &mut Writer<'_>) {
    w.open_object().key("type").text("refusal");
    w.key("refusal").text(words).close_object();
}

/// What is shown of some reasoning.
#[derive(Debug, Default)]
pub(super) struct Shown<'s> {
    pub(super) summaries: &'s [Cow<'s, str>],
    /// `reasoning_text`; empty: none.
    pub(super) text: &'s str,
    pub(super) seal: Option<&'s str>,
}

pub(super) fn write_reasoning(id: &str, shown: &Shown<'_>, w: &mut Writer<'_>) {
    w.open_object().key("id").text(id);
    w.key("type").text("reasoning").key("summary").open_list();
    for words in shown.summaries {
        write_words("summary_text", words, w);
    }
    w.close_list();
    if !shown.text.is_empty() {
        w.key("content").open_list();
        write_words("reasoning_text", shown.text, w);
        w.close_list();
    }
    if let Some(seal) = shown.seal {
        w.key("encrypted_content").text(seal);
    }
    w.close_object();
}

/// A piece of reasoning.
pub(super) fn write_words(kind: &str, words: &str, w: &mut Writer<'_>) {
    w.open_object().key("type").text(kind);
    w.key("text").text(words).close_object();
}

/// `text`: what it is called with, as far as it came.
pub(super) fn write_call(id: &str, status: &str, call: &Call<'_>, text: &str, w: &mut Writer<'_>) {
    w.open_object().key("id").text(id).key("type");
    match call.arguments {
        Arguments::Json(_) => {
            w.text("function_call").key("status").text(status);
            w.key("arguments").text(text);
        }
        Arguments::Free(_) => {
            w.text("custom_tool_call").key("status").text(status);
            w.key("input").text(text);
        }
    }
    w.key("call_id").text(&call.id).key("name").text(&call.name);
    if let Some(space) = &call.namespace {
        w.key("namespace").text(&space.value);
    }
    w.close_object();
}

/// The prefix of the id of a call's item.
pub(super) fn call_prefix(call: &Call<'_>) -> &'static str {
    match call.arguments {
        Arguments::Json(_) => "fc_",
        Arguments::Free(_) => "ctc_",
    }
}

/// The status of a call: whether the model has finished it. Of free text nobody can tell.
pub(super) fn call_status(call: &Call<'_>, text: &str) -> &'static str {
    let is_whole = match call.arguments {
        Arguments::Json(_) => convert::arguments::object(text, &mut Document::default()).is_some(),
        Arguments::Free(_) => true,
    };
    if is_whole { "completed" } else { "incomplete" }
}

/// What a call without arguments is called with: clients read them as JSON.
pub(super) fn arguments<'t>(call: &Call<'_>, text: &'t str) -> &'t str {
    match call.arguments {
        Arguments::Json(_) if text.is_empty() => "{}",
        Arguments::Json(_) | Arguments::Free(_) => text,
    }
}

/// The bytes of an image that an answer holds: they are told as what the vendor's own tool for images makes.
pub(super) fn image_of<'m>(media: &'m Media<'_>) -> Option<(&'m str, &'m str)> {
    match &media.source {
        Source::Inline { mime, base64 } => Some((mime, base64)),
        Source::Url { .. }
        | Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => None,
    }
}

/// `image`: media type and base64; `None`: it is not there yet.
pub(super) fn write_image(id: &str, image: Option<(&str, &str)>, w: &mut Writer<'_>) {
    w.open_object().key("id").text(id);
    w.key("type").text("image_generation_call").key("status");
    match image {
        Some((mime, base64)) => {
            let format = mime.strip_prefix("image/").unwrap_or(mime);
            w.text("completed").key("output_format").text(format);
            w.key("result").text(base64);
        }
        None => {
            w.text("in_progress").key("result").null();
        }
    }
    w.close_object();
}

/// JSON as a line of a stream: line breaks in valid JSON stand between its values only.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) {
        return Cow::Owned(json.replace(['\n', '\r'], " "));
    }
    Cow::Borrowed(json)
}
