//! A request for a vendor, its members in an order that keeps prefixes cacheable: what changes least comes first.

use super::content_write::Blocks;
use super::plan::{Form, Message, Piece, Plan, plan};
use super::reasoning_write::{self as reasoning, Thinking};
use super::schema::{self, Rules};
use super::tools_write;
use crate::ir::{At, Json, Output, Request, Role, Said, Sampling, Tags, Tier};
use crate::wire::convert::{Losses, Lowered, Refused, Target};
use crate::wire::json::Writer;

/// More tokens than this no answer is given of our own accord: there are models that take no more.
const MOST_TOKENS: u64 = 64_000;

/// What stands in for a user who has said nothing: the API wants a user to begin, and text in every message.
const NOTHING_SAID: &str = ".";

pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    lowered: &mut Lowered,
) -> Result<(), Refused> {
    lowered.suffix.push_str("/messages");
    let version = ("anthropic-version", "2023-06-01".to_owned());
    lowered.headers.push(version);
    let Lowered { body, losses, .. } = lowered;
    refuse_stored(&request.tags)?;
    let plan = plan(&request.turns, target.traits, losses)?;
    let thinking = reasoning::decide(request, &plan, target.traits, losses);
    let mut blocks = Blocks {
        traits: target.traits,
        losses,
    };
    let out = &mut Writer::new(body);
    out.open_object().key("model").text(target.model);
    out.key("max_tokens");
    out.number(max_tokens(
        &request.sampling,
        thinking,
        target,
        blocks.losses,
    ));
    if target.stream {
        out.key("stream").bool(true);
    }
    blocks.mark(request.cache.as_ref(), out);
    if !plan.system.is_empty() {
        out.key("system").open_list();
        for part in &plan.system {
            let form = Form::AsItIs;
            blocks.piece(Piece { part, form }, out)?;
        }
        out.close_list();
    }
    let any_tools = tools_write::tools(&request.tools, &mut blocks, out);
    tools_write::choice(request, any_tools, &mut blocks, out);
    reasoning::write(thinking, &request.reasoning, blocks.losses, out);
    output_config(request, target, blocks.losses, out);
    sampling(&request.sampling, thinking, target, blocks.losses, out);
    tags(&request.tags, blocks.losses, out);
    messages(&plan, &mut blocks, out)?;
    out.close_object();
    Ok(())
}

/// What only the vendor that has it can go on from, or keep.
fn refuse_stored(tags: &Tags<'_>) -> Result<(), Refused> {
    if let Some(previous) = &tags.previous {
        let why = "an answer that is stored at another vendor cannot be continued";
        return Err(Refused::new(previous.at, why));
    }
    match &tags.store {
        Some(store) if store.value => {
            let why = "this vendor does not store answers";
            Err(Refused::new(store.at, why))
        }
        Some(_) | None => Ok(()),
    }
}

/// The API wants it, and wants it above the budget of thinking.
fn max_tokens(
    sampling: &Sampling<'_>,
    thinking: Thinking,
    target: &Target<'_>,
    losses: &mut Losses,
) -> u64 {
    let said = sampling.max_tokens.as_ref();
    let most = said.map_or(target.traits.default_max_tokens, |said| said.value);
    match thinking {
        Thinking::Budget(budget) if most <= budget => {
            if let Some(said) = said {
                losses.add(said.at, "max_tokens below the budget of thinking");
            }
            let raised = budget.saturating_add(most).min(MOST_TOKENS);
            raised.max(budget.saturating_add(1))
        }
        Thinking::Budget(_) | Thinking::Adaptive | Thinking::Off | Thinking::Unsaid => most,
    }
}

fn output_config(
    request: &Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    let effort = reasoning::effort(&request.reasoning, target.traits);
    let output = request.output.as_ref();
    let schema = output.filter(|output| match output.value {
        Output::Text => false,
        Output::JsonObject => {
            losses.add(output.at, "output of any JSON object");
            false
        }
        Output::JsonSchema { .. } if !target.traits.json_schema => {
            losses.add(output.at, "output by a schema");
            false
        }
        Output::JsonSchema { .. } => true,
    });
    if effort.is_none() && schema.is_none() {
        return;
    }
    out.key("output_config").open_object();
    if let Some(effort) = effort {
        out.key("effort").text(effort);
    }
    if let Some(output) = schema {
        write_format(output, losses, out);
    }
    out.close_object();
}

fn write_format(output: &Said<Output<'_>>, losses: &mut Losses, out: &mut Writer<'_>) {
    let Output::JsonSchema {
        name,
        description,
        schema,
        gemini_dialect,
        strict: _,
    } = &output.value
    else {
        return;
    };
    out.key("format").open_object();
    out.key("type").text("json_schema").key("schema");
    let rules = Rules {
        gemini_dialect: *gemini_dialect,
        closed: true,
        object: false,
        title: name.as_ref(),
        description: description.as_ref(),
    };
    if !schema::write(schema, rules, out) {
        losses.add(output.at, "schema of the output");
    }
    out.close_object();
}

/// Numbers that say how to sample. The API refuses most of them beside thinking, and models that think by themselves
/// refuse them at all times; it takes one of `temperature` and `top_p`.
fn sampling(
    sampling: &Sampling<'_>,
    thinking: Thinking,
    target: &Target<'_>,
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    let is_bound = thinking.is_on() || target.traits.adaptive_thinking;
    let mut has_temperature = false;
    if let Some(said) = &sampling.temperature {
        let value = number(&said.value);
        if is_bound && value != 1.0 {
            losses.add(said.at, "temperature");
        } else if value > 1.0 {
            // Others go up to 2.
            losses.add(said.at, "temperature above 1");
            out.key("temperature").number(1);
            has_temperature = true;
        } else {
            out.key("temperature").json(&said.value);
            has_temperature = true;
        }
    }
    if let Some(said) = &sampling.top_p {
        let least = if is_bound { 0.95 } else { 0.0 };
        if has_temperature || number(&said.value) < least {
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
    let choices = sampling.choices.as_ref().filter(|said| said.value > 1);
    let logprobs = sampling.logprobs.as_ref().filter(|said| said.value);
    let top_logprobs = sampling.top_logprobs.as_ref();
    let lost = [
        at(&sampling.min_p),
        at(&sampling.seed),
        at(&sampling.presence_penalty),
        at(&sampling.frequency_penalty),
        choices.map(|said| said.at),
        logprobs.map(|said| said.at),
        top_logprobs.map(|said| said.at),
    ];
    for at in lost.into_iter().flatten() {
        losses.add(at, "setting of sampling");
    }
}

fn tags(tags: &Tags<'_>, losses: &mut Losses, out: &mut Writer<'_>) {
    if let Some(tier) = &tags.service_tier {
        match &tier.value {
            Tier::Auto => {
                out.key("service_tier").text("auto");
            }
            Tier::Standard => {
                out.key("service_tier").text("standard_only");
            }
            Tier::Named(_) => losses.add(tier.at, "service tier"),
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
    let lost = [
        second.map(|said| said.at),
        at(&tags.metadata),
        at(&tags.prompt_cache_key),
        at(&tags.prompt_cache_retention),
        at(&tags.verbosity),
        modalities.map(|said| said.at),
        at(&tags.audio),
        at(&tags.logit_bias),
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

fn messages(
    plan: &Plan<'_, '_>,
    blocks: &mut Blocks<'_>,
    out: &mut Writer<'_>,
) -> Result<(), Refused> {
    out.key("messages").open_list();
    for message in &plan.messages {
        write_message(message, blocks, out)?;
    }
    out.close_list();
    Ok(())
}

fn write_message(
    message: &Message<'_, '_>,
    blocks: &mut Blocks<'_>,
    out: &mut Writer<'_>,
) -> Result<(), Refused> {
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    out.open_object().key("role").text(role);
    if message.pieces.is_empty() {
        out.key("content").text(NOTHING_SAID).close_object();
        return Ok(());
    }
    out.key("content").open_list();
    for piece in &message.pieces {
        blocks.piece(*piece, out)?;
    }
    out.close_list().close_object();
    Ok(())
}
