//! A recorded answer means the same in every format.

use tidegate::ir::Format;
use tidegate::wire::convert::{Manner, answer};
use tidegate::wire::relay::End;

use super::laws::ground::{collected, converted, course};
use super::laws::meaning::{Meaning, meaning, read};
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
