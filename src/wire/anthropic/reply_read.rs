//! Answers of vendors, read leniently: an odd member is no reason to lose the rest.

use super::content_read::{citation, foreign, is_direct, said};
use super::usage;
use crate::ir::{
    Arguments, At, Body, Call, Choice, Citation, Part, Reply, Said, Start, Stop, StopReason, Str,
    Text, Thinking,
};
use crate::wire::json::{Kind, Misfit, Value};

pub(super) fn read<'a>(body: Value<'_, 'a>, seed: &str) -> Result<Reply<'a>, Misfit> {
    let content = body.want_object()?.member("content");
    let content = content.ok_or(body.misfit("a message with its content"))?;
    let mut reply = Reply {
        start: start(body),
        ..Reply::default()
    };
    let mut choice = Choice::default();
    match content.text() {
        Some(text) => choice.parts.push(text_part(text)),
        None => {
            for (index, block) in content.want_list()?.items().enumerate() {
                choice.parts.push(part(block, seed, index));
                push_unsaid(block, &mut reply.unsaid);
            }
        }
    }
    choice.stop = stop(body);
    reply.choices.push(choice);
    for (key, value) in said(body) {
        match &*key {
            "id" | "type" | "role" | "model" | "content" => {}
            "stop_reason" | "stop_sequence" | "stop_details" => {}
            "usage" => {
                reply.usage = usage::read(value.raw().as_bytes());
                reply.tier = value.member_text("service_tier");
            }
            _ if is_hollow(value) => {}
            _ => reply.unsaid.push(value.at()),
        }
    }
    Ok(reply)
}

fn is_hollow(value: Value<'_, '_>) -> bool {
    let is_list = value.kind() == Kind::List;
    is_list && value.items().next().is_none()
}

/// What the vocabulary has no word for in a call.
fn push_unsaid(block: Value<'_, '_>, unsaid: &mut Vec<At>) {
    if block.member_text("type").as_deref() != Some("tool_use") {
        return;
    }
    for (key, value) in said(block) {
        match &*key {
            "type" | "id" | "name" | "input" => {}
            "caller" if is_direct(value) => {}
            _ => unsaid.push(value.at()),
        }
    }
}

/// What is known when the answer begins.
pub(super) fn start<'a>(message: Value<'_, 'a>) -> Start<'a> {
    Start {
        id: message.member_text("id").unwrap_or_default(),
        model: message.member_text("model").unwrap_or_default(),
        created: None,
    }
}

/// Why the answer ended, of a message or of the `delta` that ends a stream.
pub(super) fn stop<'a>(message: Value<'_, 'a>) -> Option<Stop<'a>> {
    let name = message.member_text("stop_reason")?;
    let reason = match &*name {
        "end_turn" => StopReason::End,
        "max_tokens" => StopReason::Length,
        "stop_sequence" => StopReason::Sequence,
        "tool_use" => StopReason::ToolUse,
        // After a compaction the model goes on when it is asked again, as after a pause.
        "pause_turn" | "compaction" => StopReason::Pause,
        "refusal" => StopReason::Refusal,
        "model_context_window_exceeded" => StopReason::ContextFull,
        _ => StopReason::Other,
    };
    let details = message.member("stop_details");
    let detail = |key| details.and_then(|details| details.member_text(key));
    let words = detail("explanation").or_else(|| detail("category"));
    let sequence = message.member_text("stop_sequence");
    if reason == StopReason::Other {
        let words = words.or(Some(name));
        return Some(Stop {
            reason,
            sequence,
            words,
        });
    }
    Some(Stop {
        reason,
        sequence,
        words,
    })
}

fn nowhere(body: Body<'_>) -> Part<'_> {
    Part::new(At::NOWHERE, body)
}

fn text_part(text: Str<'_>) -> Part<'_> {
    let citations = Vec::new();
    nowhere(Body::Text(Text { text, citations }))
}

/// A block of an answer, the `index`th. Where a call has no id it gets one.
pub(super) fn part<'a>(block: Value<'_, 'a>, seed: &str, index: usize) -> Part<'a> {
    let text = |key| block.member_text(key).unwrap_or_default();
    match &*text("type") {
        "text" => {
            let list = block.member("citations");
            let citations = list.into_iter().flat_map(Value::items).map(cited).collect();
            let text = text("text");
            nowhere(Body::Text(Text { text, citations }))
        }
        "thinking" => nowhere(Body::Thinking(Thinking {
            text: text("thinking"),
            seal: seal(block, "signature"),
            ..Thinking::default()
        })),
        "redacted_thinking" => nowhere(Body::Thinking(Thinking {
            seal: seal(block, "data"),
            redacted: true,
            ..Thinking::default()
        })),
        "tool_use" => {
            let input = block.member("input").map(Value::raw);
            let id = match text("id") {
                id if id.is_empty() => ["toolu_", seed, "_", itoa::Buffer::new().format(index)]
                    .concat()
                    .into(),
                id => id,
            };
            nowhere(Body::Call(Call {
                id,
                name: text("name"),
                arguments: Arguments::Json(Str::Borrowed(input.unwrap_or_default())),
                ..Call::default()
            }))
        }
        _ => {
            let mut part = foreign(block);
            part.at = At::NOWHERE;
            part
        }
    }
}

/// A citation of an answer: its own format has it whole, so nothing of it is unsaid.
pub(super) fn cited<'a>(value: Value<'_, 'a>) -> Citation<'a> {
    let mut citation = citation(value, &mut Vec::new());
    citation.at = At::NOWHERE;
    citation
}

fn seal<'a>(block: Value<'_, 'a>, key: &str) -> Option<Said<Str<'a>>> {
    let seal = block.member_text(key).filter(|seal| !seal.is_empty());
    seal.map(|seal| Said::new(At::NOWHERE, seal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{Document, path_of};

    fn read_with<T>(
        body: &str,
        see: impl FnOnce(Result<Reply<'_>, Misfit>, Value<'_, '_>) -> T,
    ) -> T {
        let mut document = Document::default();
        let root = document.read(body.as_bytes()).unwrap();
        see(read(root, "seed"), root)
    }

    #[test]
    fn odd_members_do_not_lose_the_rest() {
        let body =
            r#"{"id":7,"content":[{"type":"text"},{"type":"tool_use","name":"f"}],"usage":[]}"#;
        read_with(body, |reply, _| {
            let parts = &reply.unwrap().choices[0].parts;
            assert!(matches!(&parts[0].body, Body::Text(text) if text.text.is_empty()));
            assert!(matches!(&parts[1].body, Body::Call(call) if call.id == "toolu_seed_1"));
        });
        read_with(r#"{"content":"plain"}"#, |reply, _| {
            let reply = reply.unwrap();
            assert!(
                matches!(&reply.choices[0].parts[0].body, Body::Text(text) if text.text == "plain")
            );
        });
        read_with(r#"{"error":{}}"#, |reply, _| assert!(reply.is_err()));
    }

    #[test]
    fn what_has_no_word_is_told_by_its_place() {
        let body = r#"{"content":[{"type":"tool_use","id":"t","name":"f","input":{},"caller":{"type":"direct"},"toolset_name":"x"}],
            "container":{"id":"c"},"diagnostics":null,"context_management":[],"stop_reason":"end_turn"}"#;
        read_with(body, |reply, root| {
            let unsaid = reply.unwrap().unsaid;
            let paths: Vec<_> = unsaid.iter().map(|at| path_of(root, *at)).collect();
            assert_eq!(paths, ["content[0].toolset_name", "container"]);
        });
    }

    #[test]
    fn reasons_are_understood() {
        for (reason, expected) in [
            ("end_turn", StopReason::End),
            ("max_tokens", StopReason::Length),
            ("tool_use", StopReason::ToolUse),
            ("pause_turn", StopReason::Pause),
            ("refusal", StopReason::Refusal),
            ("model_context_window_exceeded", StopReason::ContextFull),
            ("something_new", StopReason::Other),
        ] {
            let body = format!(r#"{{"content":[],"stop_reason":"{reason}"}}"#);
            read_with(&body, |reply, _| {
                let stop = reply.unwrap().choices.remove(0).stop.unwrap();
                assert_eq!(stop.reason, expected);
            });
        }
    }
}
