//! A recorded answer means the same in every format.

use tidegate::ir::{Body, Format, Reply, StopReason};
use tidegate::wire::codec;
use tidegate::wire::convert::{Manner, answer};
use tidegate::wire::json::Document;

use tidegate::wire::relay::End;

use super::ground::{collected, course};
use super::recorded::recorded;

/// What an answer means, as far as every format can say it.
#[derive(Debug, PartialEq)]
pub(crate) struct Meaning {
    text: String,
    thinking: String,
    calls: Vec<(String, serde_json::Value)>,
    stop: Option<StopReason>,
    input: Option<u64>,
    output: Option<u64>,
    /// Part of it is sound, which not every format has.
    spoken: bool,
}

pub(crate) fn meaning(reply: &Reply<'_>) -> Meaning {
    let mut meaning = Meaning {
        text: String::new(),
        thinking: String::new(),
        calls: Vec::new(),
        stop: None,
        spoken: false,
        // Formats that must say a number say 0 where none is known.
        input: tidegate::wire::convert::input_total(&reply.usage).filter(|n| *n > 0),
        output: tidegate::wire::convert::output_total(&reply.usage).filter(|n| *n > 0),
    };
    let Some(choice) = reply.choices.first() else {
        return meaning;
    };
    for part in &choice.parts {
        match &part.body {
            Body::Text(text) => meaning.text.push_str(&text.text),
            Body::Refusal(text) => meaning.text.push_str(text),
            Body::Thinking(thinking) => {
                meaning.thinking.push_str(&thinking.text);
                meaning
                    .thinking
                    .extend(thinking.summaries.iter().map(|text| &**text));
            }
            Body::Call(call) => {
                let arguments = match &call.arguments {
                    tidegate::ir::Arguments::Json(text) | tidegate::ir::Arguments::Free(text) => {
                        text
                    }
                };
                let parsed = serde_json::from_str(arguments).unwrap_or(serde_json::Value::Null);
                let parsed = if parsed.is_null() {
                    serde_json::json!({})
                } else {
                    parsed
                };
                meaning.calls.push((call.name.clone().into_owned(), parsed));
            }
            Body::Audio(_) => meaning.spoken = true,
            Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
    }
    meaning.thinking.retain(|c| !c.is_whitespace());
    meaning.stop = choice.stop.as_ref().map(|stop| match stop.reason {
        StopReason::Sequence | StopReason::Pause | StopReason::Other => StopReason::End,
        StopReason::ContextFull => StopReason::Length,
        StopReason::ContentFilter | StopReason::MalformedCall => StopReason::Refusal,
        reason if !meaning.calls.is_empty() && reason == StopReason::End => StopReason::ToolUse,
        reason => reason,
    });
    meaning
}

fn read(format: Format, body: &[u8]) -> Option<Meaning> {
    let mut document = Document::default();
    let root = document.read(body).ok()?;
    Some(meaning(&codec(format).read_reply(root, "seed").ok()?))
}

#[test]
fn a_recorded_answer_means_the_same_in_every_format() {
    let mut wrong = Vec::new();
    for recorded in recorded().iter().filter(|recorded| recorded.status == 200) {
        let body = recorded.response.as_bytes();
        let original = if recorded.stream {
            collected(recorded.format, body).map(|reply| meaning(&reply))
        } else {
            read(recorded.format, body)
        };
        let Some(original) = original else {
            // A stream that says an error ends as one in every format.
            for to in Format::ALL {
                let (_, ended) = super::ground::converted(recorded.format, to, &[body], End::Clean);
                if !recorded.stream || ended.is_ok() {
                    wrong.push(format!("{} -> {to}: cannot be read", recorded.id));
                }
            }
            continue;
        };
        for to in Format::ALL {
            let told = if recorded.stream {
                let (out, ended) =
                    super::ground::converted(recorded.format, to, &[body], End::Clean);
                match ended {
                    Ok(()) => collected(to, &out).map(|reply| meaning(&reply)),
                    Err(fault) => {
                        wrong.push(format!("{} -> {to}: {}", recorded.id, fault.message));
                        continue;
                    }
                }
            } else {
                match answer(course(recorded.format, to), body, Manner::Whole) {
                    Ok(answer) => read(to, &answer.body),
                    Err(fault) => {
                        wrong.push(format!("{} -> {to}: {}", recorded.id, fault.message));
                        continue;
                    }
                }
            };
            let told = told.map(|told| match original.spoken {
                true => Meaning {
                    text: original.text.clone(),
                    spoken: true,
                    ..told
                },
                false => told,
            });
            if told.as_ref() != Some(&original) {
                wrong.push(format!(
                    "{} -> {to}:\n  {original:?}\n  {told:?}",
                    recorded.id
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn an_answer_told_as_a_stream_says_what_it_says_whole() {
    let mut wrong = Vec::new();
    for recorded in recorded()
        .iter()
        .filter(|recorded| recorded.status == 200 && !recorded.stream)
    {
        let body = recorded.response.as_bytes();
        for to in Format::ALL {
            let (Ok(whole), Ok(stream)) = (
                answer(course(recorded.format, to), body, Manner::Whole),
                answer(course(recorded.format, to), body, Manner::Stream),
            ) else {
                continue;
            };
            let streamed = collected(to, &stream.body).map(|reply| meaning(&reply));
            let whole = read(to, &whole.body);
            if whole.is_none() || whole != streamed {
                wrong.push(format!(
                    "{} -> {to}:\n  {whole:?}\n  {streamed:?}",
                    recorded.id
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
