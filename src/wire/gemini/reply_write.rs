use crate::ir::{Body, Choice, Reply};
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::{Document, Writer};

use super::answer_write::{self, Ending, Written};
use super::{stop, usage};

/// Writes a whole answer.
pub(super) fn write(reply: &Reply<'_>, telling: &Telling, out: &mut Vec<u8>, losses: &mut Losses) {
    let mut writer = Writer::new(out);
    let mut document = Document::default();
    writer.open_object();
    let block = match reply.choices.as_slice() {
        [only] if only.parts.is_empty() => only.stop.as_ref().and_then(stop::block),
        _ => None,
    };
    if let Some(block) = block {
        answer_write::write_block(&mut writer, block);
    } else {
        writer.key("candidates").open_list();
        for choice in &reply.choices {
            write_choice(&mut writer, choice, losses, &mut document);
        }
        writer.close_list();
    }
    usage::write(&mut writer, &reply.usage, reply.tier.as_deref());
    answer_write::write_start(&mut writer, &reply.start, telling);
    writer.close_object();
}

fn write_choice(
    writer: &mut Writer<'_>,
    choice: &Choice<'_>,
    losses: &mut Losses,
    document: &mut Document,
) {
    let mut ending = Ending {
        stop: choice.stop.clone(),
        logprobs: choice.logprobs.clone(),
        ..Ending::default()
    };
    writer.open_object().key("content").open_object();
    writer.key("parts").open_list();
    let mut parts = 0;
    for part in &choice.parts {
        match &part.body {
            Body::Text(text) if !text.citations.is_empty() => {
                let cited = (parts, text.text.to_string(), text.citations.clone());
                ending.cited.push(cited);
            }
            Body::Refusal(_) => ending.held.refusal = true,
            Body::Text(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Thinking(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
        let written = answer_write::part(writer, part, losses, document);
        parts += usize::from(written == Written::Yes);
        ending.held.cut |= written == Written::Cut;
    }
    writer.close_list().key("role").text("model").close_object();
    ending.write(writer, losses);
    writer
        .key("index")
        .number(u64::from(choice.index))
        .close_object();
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ir::{
        Arguments, At, Call, Citation, Collector, Foreign, Format, Json, Part, Said, Start, Stop,
        StopReason, Text, Thinking, Usage, replay,
    };
    use crate::wire::gemini::reply_read;

    pub(in crate::wire::gemini) fn part(body: Body<'static>) -> Part<'static> {
        Part::new(At::NOWHERE, body)
    }

    pub(in crate::wire::gemini) fn sealed(body: Body<'static>) -> Part<'static> {
        Part {
            seal: Some(Said::new(At::NOWHERE, "c2Vh".into())),
            ..part(body)
        }
    }

    pub(in crate::wire::gemini) fn text(text: &'static str) -> Body<'static> {
        Body::Text(Text {
            text: text.into(),
            citations: Vec::new(),
        })
    }

    pub(in crate::wire::gemini) fn call(
        id: &'static str,
        arguments: &'static str,
    ) -> Body<'static> {
        Body::Call(Call {
            id: id.into(),
            name: "f".into(),
            arguments: Arguments::Json(arguments.into()),
            ..Call::default()
        })
    }

    pub(in crate::wire::gemini) fn answer() -> Reply<'static> {
        let cited = Body::Text(Text {
            text: "é is so".into(),
            citations: vec![Citation {
                url: Some("https://a".into()),
                title: Some("A".into()),
                span: Some((2, 7)),
                origin: Some((
                    Format::Gemini,
                    Json(r#"{"web":{"uri":"https://a","title":"A"}}"#.into()),
                )),
                ..Citation::default()
            }],
        });
        let thinking = Body::Thinking(Thinking {
            text: "one\n\ntwo".into(),
            seal: Some(Said::new(At::NOWHERE, "c2Vh".into())),
            ..Thinking::default()
        });
        let own = Body::Foreign(Foreign {
            format: Format::Gemini,
            kind: "executableCode".into(),
            json: Json(r#"{"executableCode":{"code":"1"}}"#.into()),
        });
        let token = r#"{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[]}"#;
        let choice = |index, parts, reason| Choice {
            index,
            parts,
            stop: Some(Stop::of(reason)),
            logprobs: vec![Json(token.into())],
        };
        let first = vec![
            part(thinking),
            sealed(own),
            sealed(call("a", r#"{"x": 1}"#)),
            part(call("b", "{}")),
            sealed(text("")),
            sealed(cited),
        ];
        Reply {
            start: Start {
                id: "r".into(),
                model: "m".into(),
                created: Some(5),
            },
            choices: vec![
                choice(0, first, StopReason::ToolUse),
                choice(2, vec![sealed(text("second"))], StopReason::Length),
            ],
            usage: Usage {
                input: Some(10),
                cache_read: Some(4),
                output: Some(5),
                reasoning: Some(6),
                ..Usage::default()
            },
            tier: Some("standard".into()),
            unsaid: Vec::new(),
        }
    }

    pub(in crate::wire::gemini) fn owned(reply: Reply<'_>) -> Reply<'static> {
        let mut collector = Collector::default();
        replay(reply, &mut |event| collector.push(event));
        collector.finish()
    }

    /// Without places, which differ by the document.
    pub(in crate::wire::gemini) fn placeless(mut reply: Reply<'static>) -> Reply<'static> {
        for part in reply
            .choices
            .iter_mut()
            .flat_map(|choice| &mut choice.parts)
        {
            part.at = At::NOWHERE;
            if let Some(seal) = &mut part.seal {
                seal.at = At::NOWHERE;
            }
        }
        reply
    }

    #[test]
    fn a_reply_is_read_as_it_was_written() {
        let (mut out, mut losses) = (Vec::new(), Losses::default());
        write(&answer(), &Telling::default(), &mut out, &mut losses);
        let mut document = Document::default();
        let whole = reply_read::read(document.read(&out).unwrap(), "seed").unwrap();
        assert_eq!(placeless(owned(whole)), answer());
        assert!(losses.is_empty());
    }
}
