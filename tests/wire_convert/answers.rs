//! A recorded answer means the same in every format.

use serde_json::json;
use tidegate::ir::Format;
use tidegate::wire::convert::{Manner, answer};
use tidegate::wire::relay::End;

use super::laws::ground::{collected, converted, course};
use super::laws::meaning::{meaning, read};
use super::recorded::recorded;

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
                let (_, ended) = converted(recorded.format, to, &[body], End::Clean);
                if !recorded.stream || ended.is_ok() {
                    wrong.push(format!("{} -> {to}: cannot be read", recorded.id));
                }
            }
            continue;
        };
        for to in Format::ALL {
            let told = if recorded.stream {
                let (out, ended) = converted(recorded.format, to, &[body], End::Clean);
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
            let told = told.map(|mut told| {
                if original.spoken {
                    told.text = original.text.clone();
                    told.spoken = true;
                }
                told
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

#[test]
fn a_signature_of_a_text_is_told_as_lost_to_every_other_client() {
    let parts = json!([{"text": "hello", "thoughtSignature": "VEVYVFNJRw=="}]);
    let candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0,
        "finishReason": "STOP"});
    let body = json!({"candidates": [candidate], "modelVersion": "m", "responseId": "r"});
    for (to, lost) in [
        (Format::OpenaiChat, "signature of a text"),
        (Format::OpenaiResponses, "opaque state of a part"),
        (Format::Anthropic, "signature of what is no thinking"),
    ] {
        for manner in [Manner::Whole, Manner::Stream] {
            let body = body.to_string();
            let told = answer(course(Format::Gemini, to), body.as_bytes(), manner).unwrap();
            assert_eq!(told.dropped, [lost], "{to} {manner:?}");
        }
    }
}
