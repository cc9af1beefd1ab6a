//! Whole answers for clients, and what streams share with them.

use crate::ir::{
    Arguments, At, Body, Call, Choice, Citation, Media, Part, Reply, Source, Thinking,
};
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::Writer;

use super::ending::{End, SIGNATURE, Said};
use super::media::{can_show, write_images};
use super::usage;

/// What stands between two pieces of reasoning that become one text.
pub(super) const BREAK: &str = "\n\n";

pub(super) fn write(reply: &Reply<'_>, telling: &Telling, out: &mut Vec<u8>, losses: &mut Losses) {
    let writer = &mut Writer::new(out);
    let created = reply.start.created.unwrap_or(telling.now);
    let id = telling.id("chatcmpl-", &reply.start.id);
    writer.open_object().key("id").text(&id);
    writer.key("object").text("chat.completion");
    writer.key("created").number(created);
    let model = telling.model(&reply.start.model);
    writer.key("model").text(model);
    if let Some(tier) = reply
        .tier
        .as_deref()
        .and_then(|tier| tier_for(tier, losses))
    {
        writer.key("service_tier").text(tier);
    }
    writer.key("choices").open_list();
    for choice in &reply.choices {
        let mut message = Message::of(choice, losses);
        message.write(choice, &Ids { telling, created }, writer, losses);
    }
    writer.close_list();
    if reply.usage.is_known() {
        usage::write(&reply.usage, writer.key("usage"));
    }
    writer.close_object();
}

/// The characters of the whole text that a citation belongs to, in a text from `start` to `end`; all of them where the
/// text has no words, or where nothing is said.
pub(super) fn span_of(citation: &Citation<'_>, start: u64, end: u64) -> (u64, u64) {
    let start = if start == end { 0 } else { start };
    match citation.span {
        Some((first, last)) => (start + first, start + last),
        None => (start, end),
    }
}

/// What ids and times are made from.
pub(super) struct Ids<'t> {
    pub(super) telling: &'t Telling,
    pub(super) created: u64,
}

impl Ids<'_> {
    /// The id of a call that has none.
    pub(super) fn call(&self, index: u32, number: usize) -> String {
        format!("call_{}_{index}_{number}", self.telling.seed)
    }

    pub(super) fn write_audio_head(&self, media: &Media<'_>, writer: &mut Writer<'_>) {
        match &media.id {
            Some(id) => writer.key("id").text(id),
            None => writer.key("id").text_of(&["audio_", &self.telling.seed]),
        };
        // Clients want a time until which the vendor keeps it. It does not: it can be heard, but not referred to.
        writer.key("expires_at").number(self.created);
    }
}

/// OpenAI's names of tiers. Of others there is nothing that a client of this format could make.
pub(super) fn tier_for<'t>(tier: &'t str, losses: &mut Losses) -> Option<&'t str> {
    match tier {
        "auto" | "default" | "flex" | "scale" | "priority" | "fast" => Some(tier),
        "standard" => Some("default"),
        _ => {
            losses.add(At::NOWHERE, "service tier");
            None
        }
    }
}

/// An answer by kinds, as Chat keeps them apart.
#[derive(Default)]
struct Message<'r, 'a> {
    text: Option<String>,
    /// Of the text so far.
    characters: u64,
    refusal: Option<String>,
    reasoning: String,
    audio: Option<&'r Media<'a>>,
    images: Vec<&'r Media<'a>>,
    calls: Vec<&'r Call<'a>>,
    /// With the characters of the text that they belong to.
    citations: Vec<(&'r Citation<'a>, (u64, u64))>,
}

impl<'r, 'a> Message<'r, 'a> {
    fn of(choice: &'r Choice<'a>, losses: &mut Losses) -> Message<'r, 'a> {
        let mut message = Message::default();
        for part in &choice.parts {
            message.add(part, losses);
        }
        message
    }

    fn add(&mut self, part: &'r Part<'a>, losses: &mut Losses) {
        match &part.body {
            Body::Text(text) => {
                if part.seal.is_some() {
                    losses.add(At::NOWHERE, SIGNATURE);
                }
                let all = self.text.get_or_insert_default();
                all.push_str(&text.text);
                let start = self.characters;
                self.characters += characters(&text.text);
                let cited = text.citations.iter().map(|citation| {
                    let span = span_of(citation, start, self.characters);
                    (citation, span)
                });
                self.citations.extend(cited);
            }
            Body::Refusal(text) => self.refusal.get_or_insert_default().push_str(text),
            Body::Thinking(thinking) => self.add_thinking(thinking),
            Body::Call(call) => self.calls.push(call),
            Body::Audio(media) if self.audio.is_none() => self.audio = Some(media),
            Body::Image(media) if can_show(media) => self.images.push(media),
            body @ (Body::Audio(_)
            | Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_)
            | Body::Foreign(_)) => losses.add(At::NOWHERE, lost(body)),
        }
    }

    fn add_thinking(&mut self, thinking: &Thinking<'_>) {
        let summaries = thinking.summaries.iter().map(|summary| &**summary);
        for words in summaries.chain([&*thinking.text]) {
            if words.is_empty() {
                continue;
            }
            if !self.reasoning.is_empty() {
                self.reasoning.push_str(BREAK);
            }
            self.reasoning.push_str(words);
        }
    }

    fn write(
        &mut self,
        choice: &Choice<'_>,
        ids: &Ids<'_>,
        writer: &mut Writer<'_>,
        losses: &mut Losses,
    ) {
        let said = Said {
            called: !self.calls.is_empty(),
            refused: self.refusal.is_some(),
        };
        let end = End::of(choice.stop.as_ref(), said, losses);
        if let Some(words) = end.refusal {
            self.refusal = Some(words.to_owned());
        }
        writer.open_object();
        writer.key("index").number(choice.index.into());
        writer.key("message").open_object();
        writer.key("role").text("assistant").key("content");
        let heard = self.audio.is_some() || !self.images.is_empty();
        let bare = self.refusal.is_some() || said.called || heard;
        match &self.text {
            Some(text) => writer.text(text),
            None if bare => writer.null(),
            None => writer.text(""),
        };
        match &self.refusal {
            Some(refusal) => writer.key("refusal").text(refusal),
            None => writer.key("refusal").null(),
        };
        if !self.reasoning.is_empty() {
            writer.key("reasoning_content").text(&self.reasoning);
        }
        write_annotations(&self.citations, writer, losses);
        if let Some(media) = self.audio {
            write_audio(media, ids, writer.key("audio"));
        }
        if !self.images.is_empty() {
            write_images(&self.images, 0, writer);
        }
        if !self.calls.is_empty() {
            writer.key("tool_calls").open_list();
            for (number, call) in self.calls.iter().enumerate() {
                let made = || ids.call(choice.index, number);
                write_call(call, made, writer);
            }
            writer.close_list();
        }
        writer.close_object();
        self.write_logprobs(choice, writer);
        writer.key("finish_reason").text(end.reason).close_object();
    }

    fn write_logprobs(&self, choice: &Choice<'_>, writer: &mut Writer<'_>) {
        writer.key("logprobs");
        if choice.logprobs.is_empty() {
            writer.null();
            return;
        }
        // They are the refusal's only where there is nothing else.
        let (of, other) = match self.text.is_none() && self.refusal.is_some() {
            true => ("refusal", "content"),
            false => ("content", "refusal"),
        };
        writer.open_object().key(of).open_list();
        for token in &choice.logprobs {
            writer.json(token);
        }
        writer.close_list().key(other).null().close_object();
    }
}

pub(super) fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

/// The name of what an answer of this format cannot hold.
pub(super) fn lost(body: &Body<'_>) -> &'static str {
    match body {
        Body::Image(_) => "an image in an answer",
        Body::Audio(_) => "a second audio in an answer",
        Body::Video(_) => "a video in an answer",
        Body::Document(_) => "a document in an answer",
        Body::Outcome(_) => "the outcome of a call in an answer",
        Body::Foreign(_) => "a part of another format",
        Body::Text(_) | Body::Refusal(_) | Body::Thinking(_) | Body::Call(_) => "a part",
    }
}

/// Writes the member `annotations`, unless there is no page to name.
pub(super) fn write_annotations(
    citations: &[(&Citation<'_>, (u64, u64))],
    writer: &mut Writer<'_>,
    losses: &mut Losses,
) {
    let mut open = false;
    for (citation, (start, end)) in citations {
        let Some(url) = citation.url.as_deref() else {
            losses.add(At::NOWHERE, "a citation of no page");
            continue;
        };
        if citation.quote.is_some() {
            losses.add(At::NOWHERE, "the quote of a citation");
        }
        if !std::mem::replace(&mut open, true) {
            writer.key("annotations").open_list();
        }
        writer.open_object().key("type").text("url_citation");
        let page = writer.key("url_citation").open_object();
        page.key("end_index").number(*end);
        page.key("start_index").number(*start);
        let title = citation.title.as_deref().unwrap_or(url);
        page.key("title").text(title).key("url").text(url);
        page.close_object().close_object();
    }
    if open {
        writer.close_list();
    }
}

fn write_audio(media: &Media<'_>, ids: &Ids<'_>, writer: &mut Writer<'_>) {
    writer.open_object();
    ids.write_audio_head(media, writer);
    writer.key("data").text(base64_of(media));
    let transcript = media.transcript.as_deref().unwrap_or_default();
    writer.key("transcript").text(transcript).close_object();
}

pub(super) fn base64_of<'m>(media: &'m Media<'_>) -> &'m str {
    match &media.source {
        Source::Inline { base64, .. } => base64,
        Source::Url { .. }
        | Source::File { .. }
        | Source::Text { .. }
        | Source::Parts { .. }
        | Source::Earlier { .. } => "",
    }
}

fn write_call(call: &Call<'_>, made: impl Fn() -> String, writer: &mut Writer<'_>) {
    writer.open_object().key("id");
    match call.id.is_empty() {
        true => writer.text(&made()),
        false => writer.text(&call.id),
    };
    match &call.arguments {
        Arguments::Json(arguments) => {
            let function = writer.key("type").text("function").key("function");
            function.open_object().key("name").text(&call.name);
            let arguments = if arguments.is_empty() {
                "{}"
            } else {
                arguments
            };
            function.key("arguments").text(arguments);
        }
        Arguments::Free(input) => {
            let custom = writer.key("type").text("custom").key("custom");
            custom.open_object().key("name").text(&call.name);
            custom.key("input").text(input);
        }
    }
    writer.close_object().close_object();
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Tree, json};

    use super::super::proof::{events, hear, read_reply, write_reply, write_stream};
    use super::*;
    use crate::ir::{Json, Said as SaidAt, Start, Stop, StopReason, Text, Usage};

    fn part(body: Body<'static>) -> Part<'static> {
        Part::new(At::NOWHERE, body)
    }

    fn text(words: &'static str) -> Part<'static> {
        cited(words, Vec::new())
    }

    fn cited(words: &'static str, citations: Vec<Citation<'static>>) -> Part<'static> {
        part(Body::Text(Text {
            text: words.into(),
            citations,
        }))
    }

    fn call(id: &'static str, arguments: Arguments<'static>) -> Part<'static> {
        part(Body::Call(Call {
            id: id.into(),
            name: "f".into(),
            arguments,
            ..Call::default()
        }))
    }

    fn thinking(words: &'static str, summaries: &[&'static str]) -> Part<'static> {
        part(Body::Thinking(Thinking {
            text: words.into(),
            summaries: summaries.iter().map(|s| (*s).into()).collect(),
            ..Thinking::default()
        }))
    }

    fn answer(parts: Vec<Part<'static>>, stop: Stop<'static>) -> Reply<'static> {
        Reply {
            start: Start {
                id: "msg_1".into(),
                model: "m".into(),
                created: None,
            },
            choices: vec![Choice {
                index: 0,
                parts,
                stop: Some(stop),
                logprobs: Vec::new(),
            }],
            ..Reply::default()
        }
    }

    fn written(reply: &Reply<'_>) -> Tree {
        serde_json::from_str(&write_reply(reply).0).unwrap()
    }

    fn lost(reply: &Reply<'_>) -> Vec<&'static str> {
        let (_, whole) = write_reply(reply);
        let (_, stream) = write_stream(reply);
        let names = |losses: &Losses| losses.iter().map(|loss| loss.what).collect::<Vec<_>>();
        assert_eq!(names(&whole), names(&stream));
        names(&whole)
    }

    /// The same answer, whole and in chunks, must be read as the same.
    fn check_stream(reply: &Reply<'_>) {
        let (stream, _) = write_stream(reply);
        let (streamed, whole) = hear(events(&stream));
        assert!(whole, "{stream}");
        let mut read = read_reply(&write_reply(reply).0);
        read.unsaid.clear();
        assert_eq!(streamed, read, "{stream}");
    }

    #[test]
    fn an_answer_is_written_as_openai_writes_it() {
        let reply = Reply {
            usage: Usage {
                input: Some(10),
                cache_read: Some(4),
                cache_write: Some(2),
                output: Some(5),
                reasoning: Some(3),
                ..Usage::default()
            },
            tier: Some("standard".into()),
            ..answer(
                vec![thinking("hm", &[]), text("a"), text("b")],
                Stop::of(StopReason::End),
            )
        };
        assert_eq!(
            written(&reply),
            json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m", "service_tier": "default",
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": "ab", "refusal": null, "reasoning_content": "hm"},
                    "logprobs": null, "finish_reason": "stop",
                }],
                "usage": {
                    "prompt_tokens": 16, "completion_tokens": 8, "total_tokens": 24,
                    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
                },
            })
        );
        check_stream(&reply);
    }

    #[test]
    fn calls_have_ids_and_arguments() {
        let json = |text: &'static str| Arguments::Json(text.into());
        let reply = answer(
            vec![
                text("x"),
                call("toolu_1", json("")),
                call("", json("{\"a\":")),
                call("c", Arguments::Free("free".into())),
            ],
            Stop::of(StopReason::ToolUse),
        );
        assert_eq!(
            written(&reply)["choices"][0]["message"]["tool_calls"],
            json!([
                {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "call_seed_0_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}},
                {"id": "c", "type": "custom", "custom": {"name": "f", "input": "free"}},
            ])
        );
        assert_eq!(written(&reply)["choices"][0]["finish_reason"], "tool_calls");
        check_stream(&reply);
    }

    #[test]
    fn a_refusal_is_a_member_of_its_own() {
        let words = answer(
            vec![part(Body::Refusal("no".into()))],
            Stop::of(StopReason::Refusal),
        );
        let choice = written(&words)["choices"][0].clone();
        assert_eq!(
            choice["message"],
            json!({"role": "assistant", "content": null, "refusal": "no"})
        );
        assert_eq!(choice["finish_reason"], "stop");
        check_stream(&words);
        let stop = Stop {
            words: Some("because".into()),
            ..Stop::of(StopReason::Refusal)
        };
        let told = answer(Vec::new(), stop);
        let choice = written(&told)["choices"][0].clone();
        assert_eq!(choice["message"]["refusal"], "because");
        assert_eq!(choice["finish_reason"], "content_filter");
        check_stream(&told);
    }

    #[test]
    fn an_answer_of_nothing_has_an_empty_text() {
        for parts in [vec![], vec![text("")], vec![thinking("hm", &[])]] {
            let reply = answer(parts, Stop::of(StopReason::Length));
            assert_eq!(written(&reply)["choices"][0]["message"]["content"], "");
            assert!(write_stream(&reply).0.contains(r#""content":"""#));
            check_stream(&reply);
        }
    }

    #[test]
    fn citations_belong_to_characters_of_the_whole_text() {
        let page = |url: Option<&'static str>, span| Citation {
            url: url.map(Into::into),
            title: Some("t".into()),
            span,
            ..Citation::default()
        };
        let reply = answer(
            vec![
                cited("h\u{e9}", vec![page(Some("u"), None)]),
                cited(
                    "llo",
                    vec![
                        page(Some("v"), None),
                        page(Some("w"), Some((1, 2))),
                        page(None, None),
                    ],
                ),
            ],
            Stop::of(StopReason::End),
        );
        let annotations = &written(&reply)["choices"][0]["message"]["annotations"];
        let spans: Vec<Tree> = annotations
            .as_array()
            .unwrap()
            .iter()
            .map(|note| &note["url_citation"])
            .map(|page| json!([page["url"], page["start_index"], page["end_index"]]))
            .collect();
        assert_eq!(
            spans,
            [json!(["u", 0, 2]), json!(["v", 2, 5]), json!(["w", 3, 4])]
        );
        assert_eq!(lost(&reply), ["a citation of no page"]);
        let (stream, _) = write_stream(&reply);
        assert!(stream.contains(&annotations.to_string()[1..40]), "{stream}");
    }

    #[test]
    fn reasoning_of_several_pieces_is_one_text() {
        let parts = vec![thinking("a", &["s", "t"]), text("x"), thinking("", &["u"])];
        let reply = answer(parts, Stop::of(StopReason::End));
        let message = &written(&reply)["choices"][0]["message"];
        assert_eq!(message["reasoning_content"], "s\n\nt\n\na\n\nu");
        let sealed = part(Body::Thinking(Thinking {
            seal: Some(SaidAt::new(At::NOWHERE, "x".into())),
            redacted: true,
            ..Thinking::default()
        }));
        let reply = answer(vec![sealed, text("x")], Stop::of(StopReason::End));
        assert!(
            written(&reply)["choices"][0]["message"]
                .get("reasoning_content")
                .is_none()
        );
        check_stream(&reply);
    }

    #[test]
    fn log_probabilities_and_audio_come_with_their_answer() {
        let audio = part(Body::Audio(Media {
            source: Source::Inline {
                mime: "audio/wav".into(),
                base64: "UklGRg".into(),
            },
            detail: None,
            transcript: Some("hi".into()),
            id: None,
            origin: None,
        }));
        let mut reply = answer(vec![text("a"), audio], Stop::of(StopReason::End));
        reply.choices[0].logprobs = vec![Json(r#"{"token":"a"}"#.into())];
        reply.usage = Usage {
            input: Some(1),
            output: Some(2),
            audio_output: Some(4),
            ..Usage::default()
        };
        let tree = written(&reply);
        assert_eq!(
            tree["choices"][0]["logprobs"],
            json!({"content": [{"token": "a"}], "refusal": null})
        );
        let expected =
            json!({"id": "audio_seed", "expires_at": 7, "data": "UklGRg", "transcript": "hi"});
        assert_eq!(tree["choices"][0]["message"]["audio"], expected);
        assert_eq!(tree["usage"]["completion_tokens"], 6);
        check_stream(&reply);
    }

    #[test]
    fn what_an_answer_cannot_hold_is_lost_and_said() {
        let video = part(Body::Video(Media::new(Source::Url {
            url: "u".into(),
            mime: None,
        })));
        let mut reply = answer(vec![video, text("a")], Stop::of(StopReason::End));
        reply.tier = Some("batch".into());
        let (_, whole) = write_reply(&reply);
        let (_, stream) = write_stream(&reply);
        for losses in [whole, stream] {
            let mut names: Vec<_> = losses.iter().map(|loss| loss.what).collect();
            names.sort_unstable();
            assert_eq!(names, ["a video in an answer", "service tier"]);
        }
    }
}
