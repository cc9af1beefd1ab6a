use crate::ir::{Body, Part, Request, Role, Tier};
use crate::wire::convert::turns::messages;
use crate::wire::convert::{Lowered, Refused, Target};
use crate::wire::json::Writer;

use super::contents_write::{Content, Contents};
use super::{config_write, parts_write, tools_write};

/// Writes a request. What comes first changes least from turn to turn, so that prefixes stay cacheable.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    lowered: &mut Lowered,
) -> Result<(), Refused> {
    refuse_state(request)?;
    (lowered.suffix, lowered.query) = address(target);
    let (system, contents) = split(request);
    let Lowered { body, losses, .. } = lowered;
    let mut writer = Writer::new(body);
    writer.open_object();
    if !system.is_empty() {
        writer
            .key("systemInstruction")
            .open_object()
            .key("parts")
            .open_list();
        for part in &system {
            if let Some(cache) = &part.cache {
                losses.add(cache.at, "cache mark");
            }
            if let Body::Text(text) = &part.body {
                parts_write::text(&mut writer, &text.text, None);
            }
        }
        writer.close_list().close_object();
    }
    tools_write::write(&mut writer, request, target, losses);
    config_write::write(&mut writer, request, target, losses);
    if let Some(tier) = tier(request) {
        writer.key("serviceTier").text(tier);
    }
    lose_tags(request, losses);
    for turn in &request.turns {
        let said = [&turn.name, &turn.phase, &turn.id];
        for (said, what) in said.into_iter().zip(["name", "phase", "id of an item"]) {
            losses.add_all(said.as_ref().map(|said| said.at).as_slice(), what);
        }
    }
    writer.key("contents");
    Contents::new(request, target, losses).write(&mut writer, contents)?;
    writer.close_object();
    Ok(())
}

/// State that a vendor keeps cannot be said here: what it holds is part of the conversation.
fn refuse_state(request: &Request<'_>) -> Result<(), Refused> {
    let tags = &request.tags;
    if let Some(previous) = &tags.previous {
        let why = "an earlier answer that another vendor keeps cannot be gone on with";
        return Err(Refused::new(previous.at, why));
    }
    if let Some(state) = tags.stateful.first() {
        let why = format!("{} is kept by the vendor that made it", state.value);
        return Err(Refused::new(state.at, why));
    }
    match &tags.store {
        Some(store) if store.value => Err(Refused::new(
            store.at,
            "this vendor keeps no answers that could be gone on with: say false, or nothing",
        )),
        _ => Ok(()),
    }
}

/// The path below the version, and the query.
fn address(target: &Target<'_>) -> (String, Option<&'static str>) {
    let prefixes = ["models/", "tunedModels/"];
    let known = prefixes
        .iter()
        .find_map(|prefix| Some((*prefix, target.model.strip_prefix(prefix)?)));
    let (prefix, name) = known.unwrap_or(("models/", target.model));
    let mut suffix = format!("/{prefix}");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            suffix.push(char::from(byte));
        } else {
            suffix.push_str(&format!("%{byte:02X}"));
        }
    }
    if target.stream {
        suffix.push_str(":streamGenerateContent");
        (suffix, Some("alt=sse"))
    } else {
        suffix.push_str(":generateContent");
        (suffix, None)
    }
}

/// The system's prompt and the conversation. What stands before the first turn of somebody else is the prompt, as far as it
/// is text; a picture in it is said by the user. A later turn of the system's stays where it stood ([`Content`]).
fn split<'r, 'a>(request: &'r Request<'a>) -> (Vec<&'r Part<'a>>, Vec<Content<'r, 'a>>) {
    let (mut system, mut contents) = (Vec::new(), Vec::new());
    for (index, message) in messages(&request.turns).into_iter().enumerate() {
        let is_prompt = index == 0 && message.role == Role::System;
        for part in message.parts {
            match &part.body {
                Body::Text(text) if is_prompt => {
                    if !text.text.is_empty() {
                        system.push(part);
                    }
                }
                _ if is_prompt => Content::add(&mut contents, Role::User, part),
                _ => Content::add(&mut contents, message.role, part),
            }
        }
    }
    (system, contents)
}

fn tier(request: &Request<'_>) -> Option<&'static str> {
    match &request.tags.service_tier.as_ref()?.value {
        Tier::Standard => Some("standard"),
        Tier::Named(name) if name.eq_ignore_ascii_case("flex") => Some("flex"),
        Tier::Named(name) if name.eq_ignore_ascii_case("priority") => Some("priority"),
        // What the vendor chooses anyway.
        Tier::Auto | Tier::Named(_) => None,
    }
}

fn lose_tags(request: &Request<'_>, losses: &mut crate::wire::convert::Losses) {
    let tags = &request.tags;
    let texts = [
        (&tags.user, "user"),
        (&tags.safety_identifier, "safety identifier"),
        (&tags.prompt_cache_key, "prompt cache key"),
        (&tags.prompt_cache_retention, "prompt cache retention"),
        (&tags.verbosity, "verbosity"),
    ];
    for (said, what) in texts {
        losses.add_all(said.as_ref().map(|said| said.at).as_slice(), what);
    }
    let pieces = [
        (&tags.metadata, "metadata"),
        (&tags.audio, "audio settings"),
        (&tags.logit_bias, "logit bias"),
    ];
    for (said, what) in pieces {
        losses.add_all(said.as_ref().map(|said| said.at).as_slice(), what);
    }
    if let Some(said) = &tags.service_tier
        && matches!(said.value, Tier::Named(_))
        && tier(request).is_none()
    {
        losses.add(said.at, "service tier");
    }
    for include in &tags.include {
        // Signatures come with every answer, log probabilities are asked for among the settings.
        let is_given = matches!(
            &*include.value,
            "reasoning.encrypted_content" | config_write::INCLUDED_LOGPROBS
        );
        if !is_given {
            losses.add(include.at, "include");
        }
    }
    if let Some(cache) = &request.cache {
        losses.add(cache.at, "cache mark");
    }
}
