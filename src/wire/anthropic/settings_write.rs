//! What is said beside the conversation: how to sample, and what the request is for.

use super::reasoning_write::Thinking;
use crate::ir::{At, Json, Said, Sampling, Tags, Tier};
use crate::wire::convert::{Losses, Refused, Target};
use crate::wire::json::Writer;

/// What only the vendor that has it can go on from, or keep.
pub(super) fn refuse_stored(tags: &Tags<'_>) -> Result<(), Refused> {
    if let Some(previous) = &tags.previous {
        let why = "an answer that is stored at another vendor cannot be continued";
        return Err(Refused::new(previous.at, why));
    }
    if let Some(state) = tags.stateful.first() {
        let why = format!("`{}` needs what its vendor has stored", state.value);
        return Err(Refused::new(state.at, why));
    }
    match &tags.store {
        Some(store) if store.value => {
            let why = "this vendor does not store answers";
            Err(Refused::new(store.at, why))
        }
        Some(_) | None => Ok(()),
    }
}

/// Numbers that say how to sample. The API refuses most of them beside thinking, and models that think by themselves
/// refuse them at all times; it takes one of `temperature` and `top_p`.
pub(super) fn sampling(
    sampling: &Sampling<'_>,
    thinking: Thinking,
    target: &Target<'_>,
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    let is_fixed = target.traits.adaptive_thinking;
    let is_bound = thinking.is_on() || is_fixed;
    let mut has_temperature = false;
    // What the API does where nothing is said.
    let is_default = |said: &&Said<Json<'_>>| number(&said.value) == 1.0;
    let top_p = sampling.top_p.as_ref().filter(|said| !is_default(said));
    let temperature = sampling.temperature.as_ref();
    if let Some(said) = temperature.filter(|said| !is_default(said) || top_p.is_none() && !is_fixed)
    {
        let value = number(&said.value);
        if is_bound && value != 1.0 {
            losses.add(said.at, "temperature");
        } else if value > 1.0 {
            // Others go up to 2.
            losses.round(said.at, "temperature above 1");
            out.key("temperature").number(1);
            has_temperature = true;
        } else {
            out.key("temperature").json(&said.value);
            has_temperature = true;
        }
    }
    if let Some(said) = top_p {
        let least = if is_bound { 0.95 } else { 0.0 };
        if has_temperature || is_fixed || number(&said.value) < least {
            losses.add(said.at, "top_p");
        } else {
            out.key("top_p").json(&said.value);
        }
    }
    if let Some(said) = &sampling.top_k {
        if is_bound {
            losses.add(said.at, "top_k");
        } else {
            out.key("top_k").json(&said.value);
        }
    }
    write_stops(sampling, losses, out);
    lose_sampling(sampling, losses);
}

fn number(json: &Json<'_>) -> f64 {
    json.0.parse().unwrap_or(f64::NAN)
}

/// The API refuses stop sequences of white space.
fn write_stops(sampling: &Sampling<'_>, losses: &mut Losses, out: &mut Writer<'_>) {
    let mut is_open = false;
    for stop in &sampling.stop {
        if stop.value.trim().is_empty() {
            losses.add(stop.at, "stop sequence of white space");
            continue;
        }
        if !is_open {
            out.key("stop_sequences").open_list();
            is_open = true;
        }
        out.text(&stop.value);
    }
    if is_open {
        out.close_list();
    }
}

/// What the API has no word for.
fn lose_sampling(sampling: &Sampling<'_>, losses: &mut Losses) {
    let at = |said: &Option<Said<Json<'_>>>| said.as_ref().map(|said| said.at);
    let telling = |said: &Option<Said<Json<'_>>>| {
        let said = said.as_ref().filter(|said| !said.value.says_nothing());
        said.map(|said| said.at)
    };
    let choices = sampling.choices.as_ref().filter(|said| said.value > 1);
    let logprobs = sampling.logprobs.as_ref().filter(|said| said.value);
    let top_logprobs = sampling.top_logprobs.as_ref();
    let top_logprobs = top_logprobs.filter(|said| said.value > 0);
    let lost = [
        telling(&sampling.min_p),
        at(&sampling.seed),
        telling(&sampling.presence_penalty),
        telling(&sampling.frequency_penalty),
        choices.map(|said| said.at),
        logprobs.map(|said| said.at),
        top_logprobs.map(|said| said.at),
    ];
    for at in lost.into_iter().flatten() {
        losses.add(at, "setting of sampling");
    }
}

pub(super) fn tags(tags: &Tags<'_>, losses: &mut Losses, out: &mut Writer<'_>) {
    if let Some(tier) = &tags.service_tier {
        match &tier.value {
            Tier::Auto => {
                out.key("service_tier").text("auto");
            }
            Tier::Standard => {
                out.key("service_tier").text("standard_only");
            }
            // What is paid for how fast an answer, which is the same.
            Tier::Named(_) => losses.hint(tier.at, "service tier"),
        }
    }
    // Both name the person behind the request, so that abuse can be told.
    let user = tags.user.as_ref().or(tags.safety_identifier.as_ref());
    if let Some(user) = user {
        out.key("metadata").open_object();
        out.key("user_id").text(&user.value).close_object();
    }
    lose_tags(tags, losses);
}

fn lose_tags(tags: &Tags<'_>, losses: &mut Losses) {
    fn at<T>(said: &Option<Said<T>>) -> Option<At> {
        said.as_ref().map(|said| said.at)
    }
    let second = tags
        .safety_identifier
        .as_ref()
        .filter(|_| tags.user.is_some());
    let modalities = tags.modalities.as_ref();
    let modalities = modalities.filter(|said| said.value.iter().any(|name| name != "text"));
    let hints = [
        second.map(|said| said.at),
        at(&tags.metadata),
        at(&tags.prompt_cache_key),
        at(&tags.prompt_cache_retention),
        at(&tags.prompt_cache_options),
    ];
    for at in hints.into_iter().flatten() {
        losses.hint(at, "what is said about the request");
    }
    let verbosity = tags.verbosity.as_ref();
    // The middle is what models give without a word.
    let verbosity = verbosity.filter(|said| said.value != "medium");
    let bias = tags.logit_bias.as_ref();
    let bias = bias.filter(|said| !said.value.says_nothing());
    let lost = [
        verbosity.map(|said| said.at),
        modalities.map(|said| said.at),
        at(&tags.audio),
        bias.map(|said| said.at),
    ];
    for at in lost.into_iter().flatten() {
        losses.add(at, "what is said about the request");
    }
    // Signatures come without being asked for.
    let others = tags.include.iter();
    for include in others.filter(|include| include.value != "reasoning.encrypted_content") {
        losses.add(include.at, "what the answer shall hold more");
    }
}
