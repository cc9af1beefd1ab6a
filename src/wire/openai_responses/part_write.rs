//! The parts of an answer in a stream for a client: how each opens and closes.

use crate::ir::{Arguments, At, Body, Call, Format, Json, Media, Part};
use crate::wire::convert::Losses;
use crate::wire::json::Writer;

use super::annotation;
use super::items;
use super::reply_write::{AUDIO, SEAL};
use super::stream_write::{Open, StreamWriter, own_citation};
use super::thinking_write::Thinking;

impl StreamWriter {
    pub(super) fn open_part(&mut self, part: Part<'_>, out: &mut Vec<u8>) {
        self.close_part(out);
        if part.seal.is_some() {
            self.losses.add(At::NOWHERE, SEAL);
        }
        match part.body {
            Body::Text(text) => {
                self.open = Open::NewText;
                self.citations
                    .extend(text.citations.into_iter().map(own_citation));
                self.say(&text.text, out);
            }
            Body::Refusal(words) => {
                self.open_content(Open::Refusal, out);
                self.say(&words, out);
            }
            Body::Audio(media) => {
                self.losses.add(At::NOWHERE, AUDIO);
                self.open_content(Open::Text, out);
                self.say(media.transcript.as_deref().unwrap_or_default(), out);
            }
            Body::Thinking(thinking) => {
                let mut open = self.open_thinking(thinking.id.as_deref(), out);
                open.open(thinking, &mut self.wire, out);
                self.open = Open::Thinking(open);
            }
            Body::Call(call) => self.open_call(call, out),
            Body::Image(media) => match &media.origin {
                Some((Format::OpenaiResponses, json)) => self.own(json, out),
                Some((Format::OpenaiChat | Format::Anthropic | Format::Gemini, _)) | None => {
                    self.image(&media, out);
                }
            },
            Body::Foreign(foreign) if foreign.format == Format::OpenaiResponses => {
                self.own(&foreign.json, out);
            }
            Body::Foreign(_) => self.lose("piece of a server tool"),
            Body::Document(_) | Body::Video(_) | Body::Outcome(_) => self.lose("medium"),
        }
    }

    /// An item of this format, as it was.
    fn own(&mut self, json: &Json<'_>, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let json = items::one_line(&json.0);
        let write = |w: &mut Writer<'_>| {
            w.raw(&json);
        };
        self.added(out, write);
        self.item(out, write);
        self.open = Open::Silent;
    }

    fn lose(&mut self, what: &'static str) {
        self.losses.add(At::NOWHERE, what);
        self.open = Open::Silent;
    }

    /// A part of a message, which is opened for it if none is.
    pub(super) fn open_content(&mut self, open: Open, out: &mut Vec<u8>) {
        if self.output.message().is_none() {
            let index = self.output.index();
            self.output.open_message(&self.telling.seed);
            let id = self.output.message().map_or("", |message| &message.id);
            self.wire.set_place(id, index);
            self.wire.event("response.output_item.added", out, |w| {
                w.key("output_index").number(index).key("item");
                items::write_message(id, "in_progress", "", w);
            });
        }
        let content = self.output.message().map_or(0, |message| message.parts);
        self.wire.set_content(content);
        self.wire
            .item_event("response.content_part.added", out, |w| {
                w.key("part");
                match open {
                    Open::Refusal => items::write_refusal("", w),
                    Open::Nothing
                    | Open::NewText
                    | Open::Text
                    | Open::Thinking(_)
                    | Open::Call { .. }
                    | Open::Silent => {
                        items::write_text("", &[], &[], w, &mut Losses::default());
                    }
                }
            });
        self.open = open;
    }

    fn open_thinking(&mut self, known: Option<&str>, out: &mut Vec<u8>) -> Thinking {
        self.close_message("completed", out);
        let id = self.id(known, "rs_");
        let thinking = Thinking::new(id);
        self.added(out, |w| {
            items::write_reasoning(&thinking.id, &items::Shown::default(), w);
        });
        self.wire.set_place(&thinking.id, self.output.index());
        thinking
    }

    fn open_call(&mut self, call: Call<'_>, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let Body::Call(mut call) = Body::Call(call).into_owned() else {
            return;
        };
        let id = self.id(call.item.as_deref(), items::call_prefix(&call));
        self.added(out, |w| {
            items::write_call(&id, "in_progress", &call, "", w);
        });
        self.wire.set_place(&id, self.output.index());
        let said = match &mut call.arguments {
            Arguments::Json(text) | Arguments::Free(text) => std::mem::take(text),
        };
        self.open = Open::Call { id, call };
        self.say(&said, out);
    }

    fn image(&mut self, media: &Media<'_>, out: &mut Vec<u8>) {
        self.close_message("completed", out);
        let Some(image) = items::image_of(media) else {
            return self.lose("image");
        };
        let id = self.id(None, "ig_");
        self.added(out, |w| items::write_image(&id, None, w));
        self.item(out, |w| items::write_image(&id, Some(image), w));
        self.open = Open::Silent;
    }

    fn id(&self, known: Option<&str>, prefix: &str) -> String {
        match known.filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => self.output.id(prefix, &self.telling.seed),
        }
    }

    /// An item begins.
    fn added(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        let index = self.output.index();
        self.wire.event("response.output_item.added", out, |w| {
            w.key("output_index").number(index).key("item");
            write(w);
        });
    }

    /// An item is finished.
    fn item(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        let index = self.output.index();
        let json = self.output.add_item(write);
        self.wire.event("response.output_item.done", out, |w| {
            w.key("output_index").number(index).key("item").raw(json);
        });
    }

    pub(super) fn close_part(&mut self, out: &mut Vec<u8>) {
        if let Open::Call { call, .. } = &self.open
            && self.text.is_empty()
        {
            let nothing = items::arguments(call, "");
            self.say(nothing, out);
        }
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::Silent => {}
            Open::NewText => {
                for _too_late in self.citations.drain(..) {
                    self.losses.add(At::NOWHERE, "citation");
                }
            }
            Open::Text => self.close_text(out),
            Open::Refusal => {
                let text = std::mem::take(&mut self.text);
                self.refused = true;
                self.wire.item_event("response.refusal.done", out, |w| {
                    w.key("refusal").text(&text);
                });
                self.part_done(out, |w| items::write_refusal(&text, w));
            }
            Open::Thinking(mut thinking) => {
                thinking.close(&mut self.wire, out);
                self.item(out, |w| {
                    items::write_reasoning(&thinking.id, &thinking.shown(), w);
                });
            }
            Open::Call { id, call } => self.close_call(&id, &call, out),
        }
        self.text.clear();
    }

    fn close_text(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.text);
        let citations = std::mem::take(&mut self.citations);
        let logprobs = std::mem::take(&mut self.logprobs);
        let mut index = 0;
        for citation in &citations {
            let mut json = Vec::new();
            let mut w = Writer::new(&mut json);
            annotation::write(citation, &text, &mut w, &mut self.losses);
            if json.is_empty() {
                continue;
            }
            let json = std::str::from_utf8(&json).unwrap_or_default();
            let name = "response.output_text.annotation.added";
            self.wire.item_event(name, out, |w| {
                w.key("annotation_index").number(index);
                w.key("annotation").raw(json);
            });
            index += 1;
        }
        self.wire.item_event("response.output_text.done", out, |w| {
            w.key("text").text(&text).key("logprobs");
            items::write_logprobs(&logprobs, w);
        });
        let mut losses = std::mem::take(&mut self.losses);
        self.part_done(out, |w| {
            items::write_text(&text, &citations, &logprobs, w, &mut losses);
        });
        self.losses = losses;
        // Its room is for the next part.
        self.text = text;
    }

    fn part_done(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        let json = self.output.add_part(write);
        self.wire
            .item_event("response.content_part.done", out, |w| {
                w.key("part").raw(json);
            });
    }

    fn close_call(&mut self, id: &str, call: &Call<'_>, out: &mut Vec<u8>) {
        let said = std::mem::take(&mut self.text);
        let name = match call.arguments {
            Arguments::Json(_) => "response.function_call_arguments.done",
            Arguments::Free(_) => "response.custom_tool_call_input.done",
        };
        self.wire.item_event(name, out, |w| {
            match call.arguments {
                Arguments::Json(_) => w.key("name").text(&call.name).key("arguments"),
                Arguments::Free(_) => w.key("input"),
            };
            w.text(&said);
        });
        self.item(out, |w| {
            items::write_call(id, items::call_status(call, &said), call, &said, w);
        });
        self.text = said;
    }

    pub(super) fn close_message(&mut self, status: &str, out: &mut Vec<u8>) {
        let index = self.output.index();
        if let Some(json) = self.output.close_message(status) {
            self.wire.event("response.output_item.done", out, |w| {
                w.key("output_index").number(index).key("item").raw(json);
            });
        }
    }
}
