//! Answers to legacy completions: `text_completion` objects, whole or in a stream.
//!
//! What the model says in words is the text, a refusal too. Reasoning and calls have no place and are told as lost.

use crate::ir::{
    At, Body, Choice, Delta, Event, Fault, Json, Part, Reply, Start, Stop, StopReason, Str, Usage,
};
use crate::wire::EventWriter;
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::{Document, Value, Writer};

use super::fault;
use super::usage;

/// No vendor gives more choices.
const MAX_CHOICE: u32 = 127;

pub(super) fn write(reply: &Reply<'_>, telling: &Telling, out: &mut Vec<u8>, losses: &mut Losses) {
    let writer = &mut Writer::new(out);
    write_head(&reply.start, telling, writer);
    writer.key("choices").open_list();
    for choice in &reply.choices {
        let mut text = String::new();
        for part in &choice.parts {
            match words_of(part) {
                Some(words) => text.push_str(words),
                None => losses.add(At::NOWHERE, lost(part)),
            }
        }
        writer.open_object().key("text").text(&text);
        writer.key("index").number(choice.index.into());
        write_logprobs(choice, writer.key("logprobs"));
        let reason = reason_of(choice.stop.as_ref(), losses);
        writer.key("finish_reason").text(reason).close_object();
    }
    writer.close_list();
    if reply.usage.is_known() {
        usage::write(&reply.usage, writer.key("usage"));
    }
    writer.close_object();
}

/// Opens the object, up to its choices.
fn write_head(start: &Start<'_>, telling: &Telling, writer: &mut Writer<'_>) {
    let id = telling.id("cmpl-", &start.id);
    writer.open_object().key("id").text(&id);
    writer.key("object").text("text_completion");
    let created = start.created.unwrap_or(telling.now);
    writer.key("created").number(created);
    let model = telling.model(&start.model);
    writer.key("model").text(model);
}

/// What is said in words, if it is words that an answer says.
fn words_of<'p>(part: &'p Part<'_>) -> Option<&'p str> {
    match &part.body {
        Body::Text(text) => Some(&text.text),
        Body::Refusal(text) => Some(text),
        Body::Image(_)
        | Body::Audio(_)
        | Body::Video(_)
        | Body::Document(_)
        | Body::Thinking(_)
        | Body::Call(_)
        | Body::Outcome(_)
        | Body::Foreign(_) => None,
    }
}

/// The name of what a completion cannot hold.
fn lost(part: &Part<'_>) -> &'static str {
    match &part.body {
        Body::Thinking(_) => "reasoning in an answer",
        Body::Call(_) => "a call in an answer",
        Body::Image(_) | Body::Audio(_) | Body::Video(_) | Body::Document(_) => {
            "media in an answer"
        }
        Body::Outcome(_) | Body::Foreign(_) | Body::Text(_) | Body::Refusal(_) => {
            "a part of another format"
        }
    }
}

fn reason_of(stop: Option<&Stop<'_>>, losses: &mut Losses) -> &'static str {
    let Some(stop) = stop else {
        return "stop";
    };
    if stop.sequence.is_some() {
        losses.add(At::NOWHERE, "the stop sequence that was met");
    }
    if stop.words.as_deref().is_some_and(|words| !words.is_empty()) {
        losses.add(At::NOWHERE, "the vendor's words about the end");
    }
    match stop.reason {
        StopReason::Length
        | StopReason::ContextFull
        | StopReason::MalformedCall
        | StopReason::Other => "length",
        StopReason::ContentFilter | StopReason::Refusal => "content_filter",
        StopReason::End | StopReason::Sequence | StopReason::ToolUse | StopReason::Pause => "stop",
    }
}

fn write_logprobs(choice: &Choice<'_>, writer: &mut Writer<'_>) {
    match choice.logprobs.is_empty() {
        true => writer.null(),
        false => write_tokens(&choice.logprobs, &mut 0, writer),
    };
}

/// Tokens as completions list them: four lists side by side. `offset`: characters of text before the first of them.
fn write_tokens<'w, 'o>(
    tokens: &[Json<'_>],
    offset: &mut u64,
    writer: &'w mut Writer<'o>,
) -> &'w mut Writer<'o> {
    let mut documents: Vec<Document> = Vec::new();
    documents.resize_with(tokens.len(), Document::default);
    let read = documents.iter_mut().zip(tokens);
    let read = read.filter_map(|(document, token)| document.read(token.0.as_bytes()).ok());
    let read: Vec<Value<'_, '_>> = read.collect();
    writer.open_object().key("tokens").open_list();
    for &token in &read {
        writer.text(&name(token));
    }
    writer.close_list().key("token_logprobs").open_list();
    for &token in &read {
        writer.raw(logprob(token));
    }
    writer.close_list().key("top_logprobs").open_list();
    for &token in &read {
        writer.open_object();
        let others = token.member("top_logprobs").into_iter();
        for other in others.flat_map(Value::items) {
            writer.any_key(&name(other)).raw(logprob(other));
        }
        writer.close_object();
    }
    writer.close_list().key("text_offset").open_list();
    for &token in &read {
        writer.number(*offset);
        *offset += name(token).chars().count() as u64;
    }
    writer.close_list().close_object()
}

fn name<'a>(token: Value<'_, 'a>) -> Str<'a> {
    token.member_text("token").unwrap_or_default()
}

fn logprob<'a>(token: Value<'_, 'a>) -> &'a str {
    token.member("logprob").map_or("null", Value::raw)
}

/// A completion in chunks.
pub(super) struct StreamWriter {
    telling: Telling,
    /// A chunk up to its choices.
    head: Vec<u8>,
    /// By choice: characters of the tokens that were told with their probabilities.
    offsets: Vec<u64>,
    usage: Usage,
    ended: bool,
    losses: Losses,
}

impl StreamWriter {
    pub(super) fn new(telling: Telling) -> StreamWriter {
        let mut writer = StreamWriter {
            telling,
            head: Vec::new(),
            offsets: Vec::new(),
            usage: Usage::default(),
            ended: false,
            losses: Losses::default(),
        };
        writer.start(&Start::default());
        writer
    }

    fn start(&mut self, start: &Start<'_>) {
        self.head.clear();
        self.head.extend_from_slice(b"data: ");
        write_head(start, &self.telling, &mut Writer::new(&mut self.head));
        self.head.extend_from_slice(b",\"choices\":[");
    }

    /// A chunk of one choice.
    fn chunk(&self, choice: u32, said: Said<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        let mut writer = Writer::new(out);
        writer.open_object().key("text").text(said.text);
        writer.key("index").number(choice.into());
        writer.key("logprobs");
        match said.logprobs {
            Some(logprobs) => writer.raw(logprobs),
            None => writer.null(),
        };
        writer.key("finish_reason");
        match said.finish {
            Some(reason) => writer.text(reason),
            None => writer.null(),
        };
        writer.close_object();
        out.extend_from_slice(match self.telling.usage {
            true => b"],\"usage\":null}\n\n",
            false => b"]}\n\n",
        });
    }

    fn tokens(&mut self, choice: u32, tokens: &[Json<'_>], out: &mut Vec<u8>) {
        let at = choice.min(MAX_CHOICE) as usize;
        if self.offsets.len() <= at {
            self.offsets.resize(at + 1, 0);
        }
        let Some(offset) = self.offsets.get_mut(at) else {
            return;
        };
        let mut written = Vec::new();
        write_tokens(tokens, offset, &mut Writer::new(&mut written));
        let said = Said {
            logprobs: std::str::from_utf8(&written).ok(),
            ..Said::default()
        };
        self.chunk(choice, said, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.telling.usage && self.usage.is_known() {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            usage::write(&self.usage, &mut Writer::new(out));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }
}

/// What a chunk says.
#[derive(Debug, Default, Clone, Copy)]
struct Said<'s> {
    text: &'s str,
    /// As JSON.
    logprobs: Option<&'s str>,
    finish: Option<&'static str>,
}

impl EventWriter for StreamWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start),
            Event::Open { part, .. } => {
                if words_of(&part).is_none() {
                    self.losses.add(At::NOWHERE, lost(&part));
                }
            }
            Event::Delta { choice, delta } => match delta {
                Delta::Text(text) | Delta::Refusal(text) => {
                    if !text.is_empty() {
                        let said = Said {
                            text: &text,
                            ..Said::default()
                        };
                        self.chunk(choice, said, out);
                    }
                }
                Delta::Logprobs(tokens) => self.tokens(choice, &tokens, out),
                Delta::Citation(_) => self.losses.add(At::NOWHERE, "a citation"),
                // Of parts that were told as lost when they began; seals have no place here.
                Delta::Thinking(_)
                | Delta::Summary(_)
                | Delta::NextSummary
                | Delta::Seal(_)
                | Delta::Arguments(_)
                | Delta::Audio(_)
                | Delta::Transcript(_) => {}
            },
            Event::Stop { choice, stop } => {
                let said = Said {
                    finish: Some(reason_of(Some(&stop), &mut self.losses)),
                    ..Said::default()
                };
                self.chunk(choice, said, out);
            }
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Close { .. } | Event::Tier(_) => {}
            Event::End => self.end(out),
        }
    }

    fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.ended, true) {
            fault::write_event(fault, out);
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Text, Thinking, replay};

    fn reply(logprobs: bool) -> Reply<'static> {
        let token = |token: &str, logprob: &str| {
            let other = r#"{"token":"z","logprob":-9,"bytes":null}"#;
            let text = format!(
                "{{\"token\":\"{token}\",\"logprob\":{logprob},\"bytes\":null,\"top_logprobs\":[{other}]}}"
            );
            Json(text.into())
        };
        let part = |body| Part::new(At::NOWHERE, body);
        Reply {
            start: Start {
                id: "chatcmpl-7".into(),
                model: "m".into(),
                created: Some(5),
            },
            choices: vec![Choice {
                index: 0,
                parts: vec![
                    part(Body::Thinking(Thinking {
                        text: "hm".into(),
                        ..Thinking::default()
                    })),
                    part(Body::Text(Text {
                        text: "é b".into(),
                        ..Text::default()
                    })),
                ],
                stop: Some(Stop::of(StopReason::Length)),
                logprobs: match logprobs {
                    true => vec![token("é", "-0.50"), token(" b", "-1")],
                    false => Vec::new(),
                },
            }],
            usage: Usage {
                input: Some(3),
                output: Some(2),
                ..Usage::default()
            },
            ..Reply::default()
        }
    }

    fn json(text: &[u8]) -> serde_json::Value {
        serde_json::from_slice(text).unwrap()
    }

    const LOGPROBS: &str = r#"{"tokens":["é"," b"],"token_logprobs":[-0.50,-1],"top_logprobs":[{"z":-9},{"z":-9}],"text_offset":[0,1]}"#;

    #[test]
    fn a_whole_answer_is_a_text_completion() {
        let mut out = Vec::new();
        let mut losses = Losses::default();
        write(&reply(true), &Telling::default(), &mut out, &mut losses);
        let said = json(&out);
        assert_eq!(
            (
                &said["id"],
                &said["object"],
                &said["created"],
                &said["model"]
            ),
            (
                &"cmpl-7".into(),
                &"text_completion".into(),
                &5.into(),
                &"m".into()
            )
        );
        let choice = &said["choices"][0];
        assert_eq!(choice["text"], "é b");
        assert_eq!(choice["finish_reason"], "length");
        assert_eq!(choice["logprobs"], json(LOGPROBS.as_bytes()));
        assert_eq!(said["usage"]["total_tokens"], 5);
        let lost: Vec<_> = losses.iter().map(|loss| loss.what).collect();
        assert_eq!(lost, ["reasoning in an answer"]);
    }

    /// `full`: usage and probabilities are wanted.
    fn streamed(full: bool) -> (String, StreamWriter) {
        let telling = Telling {
            usage: full,
            ..Telling::default()
        };
        let mut writer = StreamWriter::new(telling);
        let mut out = Vec::new();
        replay(reply(full), &mut |event| writer.write(event, &mut out));
        (String::from_utf8(out).unwrap(), writer)
    }

    #[test]
    fn a_stream_tells_text_the_reason_and_usage_only_where_it_was_asked_for() {
        let head = r#"data: {"id":"cmpl-7","object":"text_completion","created":5,"model":"m","choices":["#;
        let (bare, writer) = streamed(false);
        assert_eq!(
            bare,
            [
                head,
                r#"{"text":"é b","index":0,"logprobs":null,"finish_reason":null}]}"#,
                "\n\n",
                head,
                r#"{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]}"#,
                "\n\ndata: [DONE]\n\n",
            ]
            .concat()
        );
        assert_eq!(writer.losses().iter().count(), 1);
        let (full, _) = streamed(true);
        let events: Vec<&str> = full.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 5);
        assert!(events[0].ends_with(r#"],"usage":null}"#));
        let told = json(events[1].strip_prefix("data: ").unwrap().as_bytes());
        assert_eq!(told["choices"][0]["logprobs"], json(LOGPROBS.as_bytes()));
        let last = json(events[3].strip_prefix("data: ").unwrap().as_bytes());
        assert_eq!(last["choices"], json(b"[]"));
        assert_eq!(last["usage"]["prompt_tokens"], 3);
    }

    #[test]
    fn nothing_follows_an_error() {
        let mut writer = StreamWriter::new(Telling::default());
        let mut out = Vec::new();
        let fault = Fault::new(crate::ir::FaultKind::Internal, 502, "broken");
        writer.write_fault(&fault, &mut out);
        let length = out.len();
        assert!(length > 0);
        writer.write(Event::End, &mut out);
        assert_eq!(out.len(), length);
    }
}
