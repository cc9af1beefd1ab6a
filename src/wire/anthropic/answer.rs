//! What whole answers and streams to clients share: names, usage, and why it ended.

use crate::ir::{At, Stop, StopReason, Usage};
use crate::wire::convert::{Losses, output_total};
use crate::wire::json::Writer;

/// What is told when an answer ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// It calls a tool of the client's.
    pub(super) call: bool,
    /// It has words of refusal.
    pub(super) refusal: bool,
}

/// Writes `stop_reason` and what belongs to it.
pub(super) fn write_stop(
    stop: Option<&Stop<'_>>,
    seen: Seen,
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    let Some(stop) = stop else {
        out.key("stop_reason").null().key("stop_sequence").null();
        out.key("stop_details").null();
        return;
    };
    let reason = match stop.reason {
        // Clients run the tools only where the reason says so.
        StopReason::End | StopReason::ToolUse if seen.call => "tool_use",
        StopReason::End if seen.refusal => "refusal",
        StopReason::End => "end_turn",
        StopReason::Sequence => "stop_sequence",
        StopReason::Length => "max_tokens",
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal | StopReason::ContentFilter => "refusal",
        StopReason::Pause => "pause_turn",
        StopReason::MalformedCall => {
            losses.add(At::NOWHERE, "malformed call of a tool");
            broken_off(seen)
        }
        StopReason::Other => {
            losses.add(At::NOWHERE, "why the answer ended");
            broken_off(seen)
        }
    };
    out.key("stop_reason").text(reason).key("stop_sequence");
    match &stop.sequence {
        Some(sequence) => out.text(sequence),
        None => out.null(),
    };
    out.key("stop_details");
    match &stop.words {
        Some(words) if reason == "refusal" => {
            out.open_object().key("type").text("refusal");
            out.key("category").null();
            out.key("explanation").text(words).close_object();
        }
        words => {
            if words.is_some() {
                losses.add(At::NOWHERE, "words about the stop reason");
            }
            out.null();
        }
    }
}

/// The answer is not what it should have become: that of the good calls goes on, any other must not look whole.
fn broken_off(seen: Seen) -> &'static str {
    if seen.call { "tool_use" } else { "max_tokens" }
}

/// Writes the counts, as the inside of an object. What the vendor has not said counts as nothing: clients add these up.
pub(super) fn write_usage(usage: &Usage, out: &mut Writer<'_>) {
    let fresh = usage.input.unwrap_or(0) + usage.audio_input.unwrap_or(0);
    out.key("input_tokens").number(fresh);
    out.key("cache_creation_input_tokens");
    out.number(usage.cache_write.unwrap_or(0));
    out.key("cache_read_input_tokens");
    out.number(usage.cache_read.unwrap_or(0));
    out.key("output_tokens");
    out.number(output_total(usage).unwrap_or(0));
    if let Some(reasoning) = usage.reasoning {
        out.key("output_tokens_details").open_object();
        out.key("thinking_tokens").number(reasoning).close_object();
    }
}

/// The tier, in the words that the API has for it.
pub(super) fn write_tier(tier: Option<&str>, losses: &mut Losses, out: &mut Writer<'_>) {
    match tier {
        Some("standard" | "default") => {
            out.key("service_tier").text("standard");
        }
        Some(known @ ("priority" | "batch")) => {
            out.key("service_tier").text(known);
        }
        Some(_) => losses.add(At::NOWHERE, "service tier"),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply_write::{SIGNATURE, write};
    use super::super::stream_read::Reader;
    use super::super::stream_write::StreamWriter;
    use super::*;
    use crate::ir::{
        Arguments, Body, Call, Choice, Citation, Collector, Event, Part, Reply, Said, Start, Text,
        Thinking, replay,
    };
    use crate::wire::convert::Telling;
    use crate::wire::{EventReader, EventWriter};

    fn telling() -> Telling {
        Telling {
            model: "virtual".to_owned(),
            seed: "seed".to_owned(),
            ..Telling::default()
        }
    }

    fn written(reply: Reply<'_>) -> (String, Losses) {
        let mut writer = StreamWriter::new(telling());
        let mut out = Vec::new();
        replay(reply, &mut |event| writer.write(event, &mut out));
        (String::from_utf8(out).unwrap(), writer.losses().clone())
    }

    fn part(body: Body<'static>) -> Part<'static> {
        Part::new(At::NOWHERE, body)
    }

    fn answer(parts: Vec<Part<'static>>, reason: StopReason) -> Reply<'static> {
        let choice = Choice {
            parts,
            stop: Some(Stop::of(reason)),
            ..Choice::default()
        };
        Reply {
            start: Start {
                id: "chatcmpl-1".into(),
                model: "gpt".into(),
                created: None,
            },
            choices: vec![choice],
            usage: Usage {
                input: Some(10),
                cache_read: Some(2),
                output: Some(5),
                reasoning: Some(3),
                ..Usage::default()
            },
            ..Reply::default()
        }
    }

    fn text(text: &'static str) -> Part<'static> {
        part(Body::Text(Text {
            text: text.into(),
            citations: Vec::new(),
        }))
    }

    fn call(arguments: Arguments<'static>) -> Part<'static> {
        part(Body::Call(Call {
            id: "call_1".into(),
            name: "f".into(),
            arguments,
            ..Call::default()
        }))
    }

    #[test]
    fn a_stream_looks_as_the_apis_own() {
        let call = call(Arguments::Json("{\"x\":1}".into()));
        let (stream, losses) = written(answer(vec![text("hé\n"), call], StopReason::End));
        let expected = concat!(
            "event: message_start\n",
            r#"data: {"type":"message_start","message":{"model":"virtual","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":0}}}"#,
            "\n\nevent: content_block_start\n",
            r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            "\n\nevent: content_block_delta\n",
            r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hé\n"}}"#,
            "\n\nevent: content_block_stop\n",
            r#"data: {"type":"content_block_stop","index":0}"#,
            "\n\nevent: content_block_start\n",
            r#"data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_1","name":"f","input":{}}}"#,
            "\n\nevent: content_block_delta\n",
            r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}}"#,
            "\n\nevent: content_block_stop\n",
            r#"data: {"type":"content_block_stop","index":1}"#,
            "\n\nevent: message_delta\n",
            r#"data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":8,"output_tokens_details":{"thinking_tokens":3}}}"#,
            "\n\nevent: message_stop\n",
            r#"data: {"type":"message_stop"}"#,
            "\n\n",
        );
        assert_eq!(stream, expected);
        assert!(losses.is_empty());
    }

    /// What a client has of the stream, and of the whole answer.
    fn both(reply: &Reply<'static>) -> [Reply<'static>; 2] {
        let stream = written(reply.clone()).0;
        let mut streamed = Collector::default();
        let mut reader = Reader::new("s");
        for data in stream
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
        {
            let mut tell = |event: Event<'_>| streamed.push(event);
            reader.read(None, data.as_bytes(), &mut tell).unwrap();
        }
        let mut out = Vec::new();
        write(reply, &telling(), &mut out, &mut Losses::default());
        let mut document = crate::wire::json::Document::default();
        let root = document.read(&out).unwrap();
        let whole = super::super::reply_read::read(root, "s").unwrap();
        let mut told = Collector::default();
        replay(whole, &mut |event| told.push(event));
        [streamed.finish(), told.finish()]
    }

    #[test]
    fn a_stream_collected_is_the_whole_answer() {
        let thinking =
            |summaries: &[&'static str], text: &'static str, seal: Option<&'static str>| {
                part(Body::Thinking(Thinking {
                    text: text.into(),
                    summaries: summaries.iter().map(|&text| text.into()).collect(),
                    seal: seal.map(|seal| Said::new(At::NOWHERE, seal.into())),
                    ..Thinking::default()
                }))
            };
        let redacted = part(Body::Thinking(Thinking {
            seal: Some(Said::new(At::NOWHERE, "data".into())),
            redacted: true,
            ..Thinking::default()
        }));
        let parts = vec![
            thinking(&["a", "b"], "", Some("sig")),
            thinking(&["a"], "words", None),
            thinking(&[], "", Some("alone")),
            thinking(&[], "", None),
            redacted,
            text(""),
            text("t"),
            part(Body::Refusal("no".into())),
            call(Arguments::Free("line\n\"quoted\" \\ é".into())),
            call(Arguments::Json("".into())),
        ];
        let [streamed, whole] = both(&answer(parts, StopReason::Length));
        assert_eq!(streamed, whole);
        let shown: Vec<_> = whole.choices[0].parts.iter().collect();
        assert_eq!(shown.len(), 8);
        let Body::Thinking(first) = &shown[0].body else {
            panic!("{shown:?}");
        };
        assert_eq!(first.text, "a\n\nb");
        let Body::Call(free) = &shown[6].body else {
            panic!("{shown:?}");
        };
        let expected = r#"{"input":"line\n\"quoted\" \\ é"}"#;
        assert_eq!(free.arguments, Arguments::Json(expected.into()));
    }

    #[test]
    fn refusals_end_as_such_and_say_why() {
        let mut reply = answer(vec![text("I")], StopReason::ContentFilter);
        reply.choices[0].stop.as_mut().unwrap().words = Some("why".into());
        let [streamed, whole] = both(&reply);
        assert_eq!(streamed, whole);
        let stop = whole.choices[0].stop.clone().unwrap();
        assert_eq!(stop.reason, StopReason::Refusal);
        assert_eq!(stop.words.as_deref(), Some("why"));
        let refusal = part(Body::Refusal("no".into()));
        let [_, whole] = both(&answer(vec![refusal], StopReason::End));
        let stop = whole.choices[0].stop.clone().unwrap();
        assert_eq!(stop.reason, StopReason::Refusal);
    }

    #[test]
    fn what_broke_off_looks_whole_to_nobody_but_for_its_calls() {
        let call = || call(Arguments::Json("{}".into()));
        for reason in [StopReason::MalformedCall, StopReason::Other] {
            for (parts, expected) in [
                (vec![text("t")], StopReason::Length),
                (vec![text("t"), call()], StopReason::ToolUse),
            ] {
                let [streamed, whole] = both(&answer(parts, reason));
                assert_eq!(streamed, whole);
                let stop = whole.choices[0].stop.clone().unwrap();
                assert_eq!(stop.reason, expected, "{reason:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_said_is_told_as_lost() {
        let mut cited = Text {
            text: "t".into(),
            citations: vec![Citation::default()],
        };
        cited.citations[0].title = Some("nowhere".into());
        let mut sealed = call(Arguments::Json("{}".into()));
        sealed.seal = Some(Said::new(At::NOWHERE, "s".into()));
        let image = crate::ir::Media::new(crate::ir::Source::Inline {
            mime: "image/png".into(),
            base64: "AA".into(),
        });
        let parts = vec![part(Body::Text(cited)), sealed, part(Body::Image(image))];
        let mut reply = answer(parts, StopReason::End);
        reply.choices.push(Choice {
            index: 1,
            parts: vec![text("other")],
            ..Choice::default()
        });
        let mut losses = Losses::default();
        write(&reply, &telling(), &mut Vec::new(), &mut losses);
        let (stream, streams_losses) = written(reply);
        assert!(!stream.contains("other"));
        let words = |losses: &Losses| {
            let mut words: Vec<_> = losses.iter().map(|loss| loss.what).collect();
            words.sort_unstable();
            words
        };
        assert_eq!(words(&streams_losses), words(&losses));
        assert_eq!(
            words(&losses),
            [
                "choices but the first",
                "citation",
                "image of the answer",
                SIGNATURE
            ]
        );
    }

    #[test]
    fn sources_of_other_formats_are_told_without_an_index() {
        let page = Citation {
            url: Some("https://x".into()),
            title: Some("X".into()),
            ..Citation::default()
        };
        let cited = |text: &'static str| {
            let text = Text {
                text: text.into(),
                citations: vec![page.clone()],
            };
            answer(vec![part(Body::Text(text))], StopReason::End)
        };
        let [streamed, whole] = both(&cited("words"));
        assert_eq!(streamed, whole);
        let Body::Text(text) = &whole.choices[0].parts[0].body else {
            panic!();
        };
        let (_, json) = text.citations[0].origin.as_ref().unwrap();
        let expected = r#"{"type":"web_search_result_location","url":"https://x","title":"X","cited_text":"","encrypted_index":""}"#;
        assert_eq!(json.0, expected);
        // A block without words would be refused when it is sent back.
        let [streamed, whole] = both(&cited(""));
        assert_eq!(streamed, whole);
        assert!(whole.choices[0].parts.is_empty());
    }

    #[test]
    fn the_usual_tier_is_no_loss_when_it_comes_late() {
        for (tier, lost) in [("standard", 0), ("default", 0), ("priority", 1)] {
            let mut writer = StreamWriter::new(telling());
            let mut out = Vec::new();
            let part = part(Body::Text(Text::default()));
            writer.write(Event::Open { choice: 0, part }, &mut out);
            writer.write(Event::Tier(tier.into()), &mut out);
            assert_eq!(writer.losses().iter().count(), lost, "{tier}");
        }
    }
}
