//! A whole answer of a vendor, and the pieces of its items, which streams hold too. Read leniently: an odd member is no
//! reason to lose the others.

use crate::ir::{
    Arguments, At, Body, Call, Choice, Foreign, Format, Json, Media, Part, Reply, Said, Source,
    Start, Stop, StopReason, Str, Text, Thinking,
};
use crate::wire::json::{Kind, Misfit, Value};

use super::content_read::citation;
use super::input_read::add_reasoning;
use super::usage;

pub(super) fn read<'a>(body: Value<'_, 'a>, seed: &str) -> Result<Reply<'a>, Misfit> {
    let output = body.want_object()?.member("output");
    let wanted = body.misfit("an object with an output");
    let output = output.ok_or(wanted)?.want_list()?;
    if let Some(error) = body.member("error") {
        return Err(error.misfit("no error"));
    }
    let mut choice = Choice::default();
    let mut unsaid = Vec::new();
    for (number, item) in output.items().enumerate() {
        add_item(item, seed, number, &mut choice, &mut unsaid);
    }
    let calls = choice.parts.iter();
    let calls = calls
        .into_iter()
        .any(|part| matches!(part.body, Body::Call(_)));
    choice.stop = stop(body, calls);
    Ok(Reply {
        start: start(body),
        choices: vec![choice],
        usage: usage_of(body),
        tier: body.member_text("service_tier"),
        unsaid,
    })
}

pub(super) fn start<'a>(response: Value<'_, 'a>) -> Start<'a> {
    let created = response.member("created_at");
    Start {
        id: response.member_text("id").unwrap_or_default(),
        model: response.member_text("model").unwrap_or_default(),
        created: created.and_then(whole_seconds),
    }
}

/// Some write `1741476777.0`, some with a fraction.
fn whole_seconds(value: Value<'_, '_>) -> Option<u64> {
    value.count().or_else(|| {
        let seconds: f64 = value.raw().parse().ok()?;
        (0.0..9e15).contains(&seconds).then_some(seconds as u64)
    })
}

pub(super) fn usage_of(response: Value<'_, '_>) -> crate::ir::Usage {
    let counts = response.member("usage");
    counts.map_or_else(Default::default, |counts| {
        usage::read(counts.raw().as_bytes())
    })
}

/// Why the answer ended. `None`: it has not.
pub(super) fn stop(response: Value<'_, '_>, calls: bool) -> Option<Stop<'static>> {
    let reason = || {
        let details = response.member("incomplete_details")?;
        details.member_text("reason")
    };
    let usual = if calls {
        StopReason::ToolUse
    } else if refuses(response) {
        StopReason::Refusal
    } else {
        StopReason::End
    };
    let reason = match response.member_text("status").as_deref() {
        Some("in_progress" | "queued") => return None,
        Some("incomplete") => match reason().as_deref() {
            Some("max_output_tokens" | "max_tokens") => StopReason::Length,
            Some("content_filter") => StopReason::ContentFilter,
            _ => StopReason::Other,
        },
        Some("cancelled") => StopReason::Other,
        _ => usual,
    };
    Some(Stop::of(reason))
}

/// Whether the model's words are a refusal.
fn refuses(response: Value<'_, '_>) -> bool {
    let items = response.member("output").into_iter().flat_map(Value::items);
    let mut parts =
        items.flat_map(|item| item.member("content").into_iter().flat_map(Value::items));
    parts.any(|part| part.member_text("type").as_deref() == Some("refusal"))
}

fn add_item<'a>(
    item: Value<'_, 'a>,
    seed: &str,
    number: usize,
    choice: &mut Choice<'a>,
    unsaid: &mut Vec<At>,
) {
    unsaid.extend(item.member("phase").map(Value::at));
    unsaid.extend(item.member("caller").map(Value::at));
    match ItemKind::of(item) {
        ItemKind::Message => {
            for part in item.member("content").into_iter().flat_map(Value::items) {
                match content(part, unsaid) {
                    Some((part, logprobs)) => {
                        choice.parts.push(part);
                        choice.logprobs.extend(logprobs);
                    }
                    None => unsaid.push(part.at()),
                }
            }
        }
        ItemKind::Reasoning => {
            let body = Body::Thinking(thinking(item));
            choice.parts.push(Part::new(item.at(), body));
        }
        ItemKind::Call => {
            let body = Body::Call(call(item, seed, number));
            choice.parts.push(Part::new(item.at(), body));
        }
        ItemKind::Other => choice.parts.push(other(item, unsaid)),
    }
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Message,
    Reasoning,
    Call,
    /// Of a tool that the vendor runs.
    Other,
}

impl ItemKind {
    pub(super) fn of(item: Value<'_, '_>) -> ItemKind {
        match item.member_text("type").as_deref() {
            Some("message") => ItemKind::Message,
            Some("reasoning") => ItemKind::Reasoning,
            Some("function_call" | "custom_tool_call") => ItemKind::Call,
            _ => ItemKind::Other,
        }
    }
}

/// A part of a message, and the log probabilities of its tokens.
pub(super) fn content<'a>(
    part: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Option<(Part<'a>, Vec<Json<'a>>)> {
    let body = match part.member_text("type").as_deref() {
        Some("output_text" | "text") => {
            let annotations = part.member("annotations").into_iter();
            let annotations = annotations.flat_map(Value::items);
            Body::Text(Text {
                text: part.member_text("text").unwrap_or_default(),
                citations: annotations.map(|value| citation(value, unsaid)).collect(),
            })
        }
        Some("refusal") => Body::Refusal(part.member_text("refusal").unwrap_or_default()),
        _ => return None,
    };
    Some((Part::new(part.at(), body), logprobs(part).collect()))
}

pub(super) fn logprobs<'d, 'a: 'd>(holder: Value<'d, 'a>) -> impl Iterator<Item = Json<'a>> {
    let tokens = holder.member("logprobs").into_iter();
    tokens.flat_map(Value::items).map(Value::json)
}

pub(super) fn thinking<'a>(item: Value<'_, 'a>) -> Thinking<'a> {
    let mut thinking = Thinking {
        summaries: pieces(item, "summary").collect(),
        seal: seal(item),
        id: item.member_text("id"),
        ..Thinking::default()
    };
    for words in pieces(item, "content") {
        add_reasoning(&mut thinking.text, words);
    }
    thinking
}

/// The texts of a list of pieces of reasoning.
pub(super) fn pieces<'d, 'a: 'd>(
    item: Value<'d, 'a>,
    list: &str,
) -> impl Iterator<Item = Str<'a>> + use<'d, 'a> {
    let pieces = item.member(list).into_iter().flat_map(Value::items);
    pieces.map(|piece| piece.member_text("text").unwrap_or_default())
}

pub(super) fn seal<'a>(item: Value<'_, 'a>) -> Option<Said<Str<'a>>> {
    let seal = item.member("encrypted_content")?;
    let text = seal.text().filter(|text| !text.is_empty())?;
    Some(Said::new(seal.at(), text))
}

/// A call. `number`: of the item, for an id where the vendor gives none.
pub(super) fn call<'a>(item: Value<'_, 'a>, seed: &str, number: usize) -> Call<'a> {
    let is_free = item.member_text("type").as_deref() == Some("custom_tool_call");
    let id = item.member_text("call_id").filter(|id| !id.is_empty());
    let space = item.member("namespace").and_then(|v| v.want_said().ok());
    Call {
        id: id.unwrap_or_else(|| format!("call_{seed}_{number}").into()),
        name: item.member_text("name").unwrap_or_default(),
        namespace: space,
        arguments: if is_free {
            Arguments::Free(given(item, "input"))
        } else {
            Arguments::Json(given(item, "arguments"))
        },
        arguments_at: At::NOWHERE,
        item: item.member_text("id").filter(|id| !id.is_empty()),
    }
}

/// A string; some write the object itself.
pub(super) fn given<'a>(item: Value<'_, 'a>, name: &str) -> Str<'a> {
    let value = item.member(name);
    let text = value.and_then(|value| match value.kind() {
        Kind::Text => value.text(),
        Kind::Object => Some(value.raw().into()),
        Kind::Null | Kind::Bool | Kind::Number | Kind::List => None,
    });
    text.unwrap_or_default()
}

/// What a tool of the vendor's did: an image, where it made one; else what only this format knows.
pub(super) fn other<'a>(item: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Part<'a> {
    let is_image = item.member_text("type").as_deref() == Some("image_generation_call");
    let made = item.member_text("result").filter(|made| !made.is_empty());
    let Some(base64) = made.filter(|_| is_image) else {
        return foreign(item);
    };
    // What the vendor made of the words that asked for it.
    let words = item.member("revised_prompt");
    unsaid.extend(words.filter(|words| words.text().is_some()).map(Value::at));
    let format = item.member_text("output_format");
    let mime = match format.as_deref() {
        Some(format) => format!("image/{format}").into(),
        None => kind_of(&base64).into(),
    };
    let mut media = Media::new(Source::Inline { mime, base64 });
    media.origin = Some((Format::OpenaiResponses, item.json()));
    Part::new(item.at(), Body::Image(media))
}

/// The media type of an image by the first of its bytes.
fn kind_of(base64: &str) -> &'static str {
    match base64.get(..4) {
        Some("/9j/") => "image/jpeg",
        Some("UklG") => "image/webp",
        _ => "image/png",
    }
}

fn foreign<'a>(item: Value<'_, 'a>) -> Part<'a> {
    let body = Body::Foreign(Foreign {
        format: Format::OpenaiResponses,
        kind: item.member_text("type").unwrap_or_default(),
        json: item.json(),
    });
    Part::new(item.at(), body)
}
