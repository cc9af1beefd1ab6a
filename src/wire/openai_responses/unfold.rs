//! Items that only this format has, in the words that all formats have.
//!
//! What the client ran for the model is a call and its outcome: the tools `local_shell`, `shell`, `apply_patch` and
//! `computer` are the vendor's by name only. What the vendor ran by itself is told as lost. A compaction is the conversation
//! before it, which only its vendor can read.

use std::borrow::Cow;

use crate::ir::{Arguments, At, Body, Call, Media, Outcome, Part, Said, Source, Str};
use crate::wire::convert::Unfolded;
use crate::wire::json::Value;

use super::content_read::{plain, said, source};

pub(super) fn unfold(kind: &str, item: Value<'_, '_>) -> Unfolded {
    let known = match kind {
        "compaction" => return Unfolded::Needed("what it stands for only its own vendor can read"),
        "compaction_trigger" => return Unfolded::Needed("only its own vendor can compact"),
        "item_reference" => return Unfolded::Needed("this refers to what another vendor keeps"),
        "local_shell_call" => call("local_shell", "action", item),
        "shell_call" => call("shell", "action", item),
        "apply_patch_call" => call("apply_patch", "operation", item),
        "computer_call" => call("computer", "action", item),
        "local_shell_call_output"
        | "shell_call_output"
        | "apply_patch_call_output"
        | "computer_call_output" => outcome(item),
        "image_generation_call" => image(item),
        _ => None,
    };
    match known {
        Some((body, rest)) => Unfolded::Said(Box::new(body), rest),
        None => Unfolded::Lost,
    }
}

type Known = Option<(Body<'static>, Vec<At>)>;

fn call(name: &'static str, arguments: &str, item: Value<'_, '_>) -> Known {
    let mut call = Call {
        name: Cow::Borrowed(name),
        ..Call::default()
    };
    let mut rest = Vec::new();
    let mut asked = None;
    for (key, value) in said(item) {
        match &*key {
            "call_id" => call.id = own(value.text()?),
            "id" => {}
            "status" => status(value, &mut rest),
            // A computer is asked for one thing, or for several.
            "actions" => asked = Some(["{\"actions\":", value.raw(), "}"].concat()),
            key if key == arguments => asked = Some(value.raw().to_owned()),
            "pending_safety_checks" if value.items().next().is_none() => {}
            _ => rest.push(value.at()),
        }
    }
    call.arguments = Arguments::Json(Cow::Owned(asked?));
    (!call.id.is_empty()).then_some((Body::Call(call), rest))
}

fn outcome(item: Value<'_, '_>) -> Known {
    let mut outcome = Outcome::default();
    let (mut id, mut rest) = (None, Vec::new());
    for (key, value) in said(item) {
        match &*key {
            "call_id" => outcome.call = own(value.text()?),
            "id" => id = value.text(),
            "status" if value.text().as_deref() == Some("failed") => {
                outcome.failed = Some(Said::new(value.at(), true));
            }
            "status" => status(value, &mut rest),
            "output" => outcome.parts.push(output(value, &mut rest)),
            _ => rest.push(value.at()),
        }
    }
    // A local shell's output names its call so.
    if outcome.call.is_empty() {
        outcome.call = own(id?);
    }
    let is_named = !outcome.call.is_empty();
    is_named.then_some((Body::Outcome(outcome), rest))
}

/// A text, a screenshot, or else what it is as JSON.
fn output(value: Value<'_, '_>, rest: &mut Vec<At>) -> Part<'static> {
    if let Some(url) = value.member_text("image_url") {
        let others = said(value).filter(|(key, _)| key != "image_url");
        rest.extend(others.map(|(_, value)| value.at()));
        let image = Body::Image(Media::new(source(url)));
        return Part::new(At::NOWHERE, image).into_owned();
    }
    let words = value.text().unwrap_or(Cow::Borrowed(value.raw()));
    Part::new(At::NOWHERE, plain(own(words)))
}

/// A picture that the model made.
fn image(item: Value<'_, '_>) -> Known {
    let base64 = item.member_text("result")?;
    let format = item.member_text("output_format");
    let mime = ["image/", format.as_deref().unwrap_or("png")].concat();
    let known = ["id", "status", "result", "output_format"];
    let others = said(item).filter(|(key, _)| !known.contains(&&**key));
    let rest = others.map(|(_, value)| value.at()).collect();
    let source = Source::Inline {
        mime: Cow::Owned(mime),
        base64: own(base64),
    };
    Some((Body::Image(Media::new(source)), rest))
}

/// That an item is complete goes without saying.
fn status(value: Value<'_, '_>, rest: &mut Vec<At>) {
    if value.text().is_none_or(|status| status != "completed") {
        rest.push(value.at());
    }
}

fn own(text: Str<'_>) -> Str<'static> {
    Cow::Owned(text.into_owned())
}
