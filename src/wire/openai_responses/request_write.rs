//! A request for a vendor of this format. The order is fixed: what stays the same from turn to turn comes first, `input`
//! last.
//!
//! The first turn, if it is a system prompt of texts alone, is `instructions`; other system prompts are messages where they
//! stood. Nothing is stored unless the client says so. Encrypted reasoning is asked for where the model may reason, since
//! without it the next turn could not go on from it; models that do not reason refuse to be asked.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_128;

use crate::ir::{Body, Output, Reasoning, Request, Role, Said, Str, Summary, Tags, Tier, Turn};
use crate::wire::convert::effort::{budget_of, effort_name, effort_of};
use crate::wire::convert::{Losses, Lowered, Refused, Target};
use crate::wire::json::Writer;

use super::request_read::LOGPROBS;
use super::{input_write, schema, tools_write};

const ENCRYPTED: &str = "reasoning.encrypted_content";

/// The fewest tokens of an answer that the API takes.
const LEAST_TOKENS: u64 = 16;

/// The longest id that the API takes: of a user, a cache key, a call.
const LONGEST_ID: usize = 64;

pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    lowered: &mut Lowered,
) -> Result<(), Refused> {
    if let Some(said) = request.tags.stateful.first() {
        let why = format!("`{}` needs what its vendor has stored", said.value);
        return Err(Refused::new(said.at, why));
    }
    lowered.suffix.push_str("/responses");
    let Lowered { body, losses, .. } = lowered;
    let mut writer = Writer::new(body);
    let w = &mut writer;
    w.open_object().key("model").text(target.model);
    let rest = match request.turns.split_first() {
        Some((first, rest)) if is_instructions(first) => {
            instructions(first, w, losses);
            rest
        }
        _ => &request.turns,
    };
    tools_write::write(request, w, losses);
    tools_write::write_choice(request, w, losses);
    text(request, target, w, losses);
    reasoning(&request.reasoning, w, losses);
    sampling(request, w, losses);
    include(request, target, w);
    tags(&request.tags, w, losses);
    w.key("stream").bool(target.stream);
    w.key("input").open_list();
    input_write::write(rest, target, w, losses)?;
    w.close_list().close_object();
    if let Some(mark) = &request.cache {
        losses.add(mark.at, "cache mark");
    }
    Ok(())
}

/// A message with an id, a phase or a name stays a message.
fn is_instructions(turn: &Turn<'_>) -> bool {
    let is_text = |body: &Body<'_>| matches!(body, Body::Text(text) if text.citations.is_empty());
    turn.role == Role::System
        && turn.id.is_none()
        && turn.phase.is_none()
        && turn.name.is_none()
        && !turn.parts.is_empty()
        && turn.parts.iter().all(|part| is_text(&part.body))
}

/// The texts with an empty line between them.
fn instructions(turn: &Turn<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    let mut pieces: Vec<&str> = Vec::with_capacity(turn.parts.len() * 2);
    for part in &turn.parts {
        input_write::lose_marks(part, losses);
        if let Body::Text(text) = &part.body {
            if !pieces.is_empty() {
                pieces.push("\n\n");
            }
            pieces.push(&text.text);
        }
    }
    w.key("instructions").text_of(&pieces);
}

fn text(request: &Request<'_>, target: &Target<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    let verbosity = request.tags.verbosity.as_ref();
    if request.output.is_none() && verbosity.is_none() {
        return;
    }
    w.key("text").open_object();
    if let Some(said) = &request.output {
        w.key("format").open_object().key("type");
        match &said.value {
            Output::Text => {
                w.text("text");
            }
            Output::JsonObject => {
                w.text("json_object");
            }
            Output::JsonSchema { .. } if !target.traits.json_schema => {
                w.text("json_object");
                losses.add(said.at, "schema of the answer");
            }
            Output::JsonSchema { .. } => json_schema(&said.value, w),
        }
        w.close_object();
    }
    if let Some(said) = verbosity {
        w.key("verbosity").text(&said.value);
    }
    w.close_object();
}

fn json_schema(output: &Output<'_>, w: &mut Writer<'_>) {
    let Output::JsonSchema {
        name,
        description,
        schema,
        gemini_dialect,
        strict,
    } = output
    else {
        return;
    };
    w.text("json_schema");
    // The API wants a name; one that says nothing, where there is none.
    w.key("name").text(name.as_deref().unwrap_or("answer"));
    if let Some(said) = description {
        w.key("description").text(&said.value);
    }
    w.key("schema");
    if *gemini_dialect {
        schema::write_gemini(schema, w);
    } else {
        w.json(schema);
    }
    if let Some(said) = strict {
        w.key("strict").bool(said.value);
    }
}

/// A budget becomes the effort of its row, and is lost as a number unless it is the row's own.
fn reasoning(reasoning: &Reasoning<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    let effort = effort_of(reasoning);
    if let Some(budget) = &reasoning.budget
        && effort.map(budget_of) != Some(budget.value)
    {
        losses.add(budget.at, "exact budget of reasoning");
    }
    // Formats that say budgets or switches show what was thought without being asked; this one must be asked.
    let shown_elsewhere = reasoning.is_on() == Some(true)
        && (reasoning.enabled.is_some()
            || reasoning.budget.is_some()
            || reasoning.adaptive.is_some());
    let summary = match reasoning.summary.as_ref().map(|said| &said.value) {
        Some(Summary::Hidden) => None,
        Some(Summary::Shown) => Some("auto"),
        Some(Summary::Named(name)) => Some(&**name),
        None => shown_elsewhere.then_some("auto"),
    };
    if effort.is_none() && summary.is_none() {
        return;
    }
    w.key("reasoning").open_object();
    if let Some(effort) = effort {
        w.key("effort").text(effort_name(effort));
    }
    if let Some(summary) = summary {
        w.key("summary").text(summary);
    }
    w.close_object();
}

fn sampling(request: &Request<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    if let Some(said) = &sampling.max_tokens {
        if said.value < LEAST_TOKENS {
            losses.add(said.at, "fewer tokens than the API takes");
        }
        let tokens = said.value.max(LEAST_TOKENS);
        w.key("max_output_tokens").number(tokens);
    }
    if let Some(said) = &sampling.temperature {
        w.key("temperature").json(&said.value);
    }
    if let Some(said) = &sampling.top_p {
        w.key("top_p").json(&said.value);
    }
    if let Some(said) = &sampling.top_logprobs {
        w.key("top_logprobs").number(said.value);
    }
    let numbers = [
        (&sampling.top_k, "top_k"),
        (&sampling.min_p, "min_p"),
        (&sampling.seed, "seed"),
        (&sampling.presence_penalty, "presence penalty"),
        (&sampling.frequency_penalty, "frequency penalty"),
        (&request.tags.logit_bias, "logit bias"),
    ];
    for (said, what) in numbers {
        if let Some(said) = said {
            losses.add(said.at, what);
        }
    }
    for stop in &sampling.stop {
        losses.add(stop.at, "stop sequence");
    }
    if let Some(said) = sampling.choices.as_ref().filter(|said| said.value != 1) {
        losses.add(said.at, "several answers");
    }
}

fn include(request: &Request<'_>, target: &Target<'_>, w: &mut Writer<'_>) {
    let mut all: Vec<&str> = Vec::new();
    let mut add = |name| {
        if !all.contains(&name) {
            all.push(name);
        }
    };
    for said in &request.tags.include {
        add(&*said.value);
    }
    if may_reason(request, target.model) {
        add(ENCRYPTED);
    }
    if request.sampling.logprobs.as_ref().is_some_and(|l| l.value) {
        add(LOGPROBS);
    }
    if all.is_empty() {
        return;
    }
    w.key("include").open_list();
    for name in all {
        w.text(name);
    }
    w.close_list();
}

/// Whether the answer may hold reasoning: it was asked for, there is some in the conversation, or the model is one that
/// reasons unasked. OpenAI refuses `reasoning.encrypted_content` for its models that cannot reason.
fn may_reason(request: &Request<'_>, model: &str) -> bool {
    if let Some(on) = request.reasoning.is_on() {
        return on;
    }
    let sealed =
        |body: &Body<'_>| matches!(body, Body::Thinking(thinking) if thinking.seal.is_some());
    let mut parts = request.turns.iter().flat_map(|turn| &turn.parts);
    if parts.any(|part| sealed(&part.body)) {
        return true;
    }
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_o = name
        .strip_prefix('o')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (is_o || name.starts_with("gpt-5") || name.contains("codex")) && !name.contains("chat")
}

fn tags(tags: &Tags<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    if let Some(said) = &tags.metadata {
        w.key("metadata").json(&said.value);
    }
    let ids = [
        ("user", &tags.user),
        ("safety_identifier", &tags.safety_identifier),
        ("prompt_cache_key", &tags.prompt_cache_key),
    ];
    for (key, said) in ids {
        if let Some(said) = said {
            w.key(key).text(&short(said, losses));
        }
    }
    if let Some(said) = &tags.prompt_cache_retention {
        w.key("prompt_cache_retention").text(&said.value);
    }
    if let Some(said) = &tags.service_tier {
        w.key("service_tier").text(match &said.value {
            Tier::Auto => "auto",
            Tier::Standard => "default",
            Tier::Named(name) => name,
        });
    }
    if let Some(said) = &tags.previous {
        w.key("previous_response_id").text(&said.value);
    }
    let store = tags.store.as_ref().is_some_and(|said| said.value);
    w.key("store").bool(store);
    if let Some(said) = &tags.modalities
        && said.value.iter().any(|name| name != "text")
    {
        losses.add(said.at, "answers other than text");
    }
    if let Some(said) = &tags.audio {
        losses.add(said.at, "spoken answer");
    }
}

/// An id as the API takes it. A longer one is told by its hash, which is as good to know somebody again.
fn short<'s>(said: &'s Said<Str<'_>>, losses: &mut Losses) -> Str<'s> {
    if said.value.len() > LONGEST_ID {
        losses.add(said.at, "id in full");
    }
    short_id("", &said.value)
}

/// The id, or if it is too long `prefix` and its hash.
pub(super) fn short_id<'s>(prefix: &str, id: &'s str) -> Str<'s> {
    if id.len() <= LONGEST_ID {
        return Cow::Borrowed(id);
    }
    Cow::Owned(format!("{prefix}{:032x}", xxh3_128(id.as_bytes())))
}
