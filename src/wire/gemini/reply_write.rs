use crate::ir::{Body, Choice, Reply};
use crate::wire::convert::{Losses, Telling};
use crate::wire::json::{Document, Writer};

use super::answer_write::{self, Ending};
use super::{stop, usage};

/// Writes a whole answer.
pub(super) fn write(reply: &Reply<'_>, telling: &Telling, out: &mut Vec<u8>, losses: &mut Losses) {
    let mut writer = Writer::new(out);
    let mut document = Document::default();
    let mut has_spoken = false;
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
            let mut parts = choice.parts.iter();
            has_spoken |= parts.any(|part| matches!(part.body, Body::Audio(_)));
            write_choice(&mut writer, choice, losses, &mut document);
        }
        writer.close_list();
    }
    usage::write(&mut writer, &reply.usage, reply.tier.as_deref(), has_spoken);
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
            Body::Refusal(_) => ending.has_refused = true,
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
        parts += usize::from(answer_write::part(writer, part, losses, document));
    }
    writer.close_list().key("role").text("model").close_object();
    ending.write(writer, losses);
    writer
        .key("index")
        .number(u64::from(choice.index))
        .close_object();
}
