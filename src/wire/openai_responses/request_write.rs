//! A request for a vendor of this format. The order is fixed: what stays the same from turn to turn comes first, `input`
//! last.
//!
//! The first turn, if it is a system prompt of texts alone and has no marks of a cache, is `instructions`; other system prompts are messages where they
//! stood. Nothing is stored unless the client says so. Encrypted reasoning is asked for where the model may reason, since
//! without it the next turn could not go on from it; models that do not reason refuse to be asked.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_128;

use crate::ir::{Body, Output, Reasoning, Request, Role, Said, Str, Summary, Tags, Tier, Turn};
use crate::wire::convert::effort::{budget_of, effort_name, effort_of};
use crate::wire::convert::{Losses, Lowered, Refused, Target};
use crate::wire::json::Writer;

use super::request_read::LOGPROBS;
use super::{input_write, tools_write};
use crate::wire::convert::schema::standard;

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
        Some((first, rest)) if is_instructions(first, target) => {
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
    tags(&request.tags, target, w, losses);
    w.key("stream").bool(target.stream);
    w.key("input").open_list();
    input_write::write(rest, target, w, losses)?;
    w.close_list().close_object();
    if let Some(mark) = &request.cache {
        // OpenAI caches by itself.
        losses.hint(mark.at, "cache mark");
    }
    Ok(())
}

/// A message with an id, a phase, a name or a mark that can be said stays a message.
fn is_instructions(turn: &Turn<'_>, target: &Target<'_>) -> bool {
    let is_text = |body: &Body<'_>| matches!(body, Body::Text(text) if text.citations.is_empty());
    let marked = turn.parts.iter().any(|part| part.cache.is_some());
    !(marked && target.traits.cache_breakpoints)
        && turn.role == Role::System
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
    w.key("name")
        .text(name.as_ref().map_or("answer", |said| &said.value));
    if let Some(said) = description {
        w.key("description").text(&said.value);
    }
    w.key("schema");
    if *gemini_dialect {
        w.raw(&standard(schema));
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
        losses.round(budget.at, "exact budget of reasoning");
    }
    if let (None, Some(adaptive)) = (effort, &reasoning.adaptive) {
        // How much is the model's to decide where nothing is said.
        losses.round(adaptive.at, "reasoning of no effort");
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

fn tags(tags: &Tags<'_>, target: &Target<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
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
    match &tags.prompt_cache_options {
        Some(said) if target.traits.cache_breakpoints => {
            w.key("prompt_cache_options").json(&said.value);
        }
        Some(said) => losses.hint(said.at, "prompt cache options"),
        None => {}
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
        losses.hint(said.at, "id in full");
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ir::{
        At, Effort, Format, Function, Json, Media, ServerTool, ServerToolKind, Source, Tool,
        ToolKind,
    };
    use crate::wire::convert::Traits;
    use crate::wire::openai_responses::tests::{lower, lowered, part, said, text, turn, turns};

    #[test]
    fn the_first_system_prompt_is_instructions_and_others_stay_where_they_stood() {
        let request = turns(vec![
            turn(Role::System, vec![text("a"), text("b")]),
            turn(Role::User, vec![text("q")]),
            turn(Role::System, vec![text("c")]),
            turn(Role::Developer, vec![text("d"), text("e")]),
        ]);
        let (body, losses) = lowered(&request);
        assert!(losses.is_empty());
        assert_eq!(body["instructions"], "a\n\nb");
        let expected = json!([
            {"type": "message", "role": "user", "content": "q"},
            {"type": "message", "role": "system", "content": "c"},
            {"type": "message", "role": "developer", "content": [
                {"type": "input_text", "text": "d"}, {"type": "input_text", "text": "e"}]},
        ]);
        assert_eq!(body["input"], expected);
    }

    #[test]
    fn nothing_is_stored_unless_the_client_says_so_and_input_comes_last() {
        let mut request = turns(vec![turn(Role::User, vec![text("q")])]);
        let (body, _) = lowered(&request);
        assert_eq!(body["store"], false);
        assert_eq!(body["model"], "gpt-4.1");
        assert_eq!(body["stream"], true);
        assert!(body.get("include").is_none());
        request.tags.store = said(true);
        assert_eq!(lowered(&request).0["store"], true);
        let mut lowered = Lowered::default();
        let traits = Traits::default();
        let target = Target {
            model: "m",
            stream: false,
            traits: &traits,
        };
        write(&request, &target, &mut lowered).unwrap();
        assert!(lowered.body.ends_with(br#""content":"q"}]}"#));
    }

    #[test]
    fn encrypted_reasoning_is_asked_for_where_the_model_may_reason() {
        let mut request = Request::default();
        for (model, reasons) in [
            ("gpt-5.2", true),
            ("openai/o4-mini", true),
            ("gpt-5-chat-latest", false),
            ("gpt-4o", false),
            ("ollama", false),
        ] {
            assert_eq!(may_reason(&request, model), reasons, "{model}");
        }
        request.reasoning.effort = said(Effort::Low);
        assert!(may_reason(&request, "grok"));
        request.reasoning.effort = said(Effort::None);
        assert!(!may_reason(&request, "gpt-5"));
    }

    #[test]
    fn what_would_be_another_request_is_refused() {
        let image = |source| {
            turns(vec![turn(
                Role::User,
                vec![part(Body::Image(Media::new(source)))],
            )])
        };
        let url = image(Source::Url {
            url: "https://h/i.png".into(),
            mime: None,
        });
        assert!(lower(&url, &Traits::default()).is_ok());
        let no_urls = Traits {
            url_images: false,
            ..Traits::default()
        };
        assert!(lower(&url, &no_urls).is_err());
        let stored = image(Source::File {
            id: "file_1".into(),
            mime: None,
            format: Format::Anthropic,
        });
        assert!(lower(&stored, &Traits::default()).is_err());
        let mut stateful = Request::default();
        stateful
            .tags
            .stateful
            .push(Said::new(At(3), "conversation"));
        assert_eq!(lower(&stateful, &Traits::default()).unwrap_err().at, At(3));
    }

    #[test]
    fn a_function_is_strict_only_if_the_client_said_so() {
        let function = |strict| Tool {
            at: At::NOWHERE,
            kind: ToolKind::Function(Function {
                name: "f".into(),
                strict,
                ..Function::default()
            }),
            cache: None,
        };
        let request = Request {
            tools: vec![function(None), function(said(true))],
            ..Request::default()
        };
        let (body, _) = lowered(&request);
        assert_eq!(body["tools"][0]["strict"], false);
        assert_eq!(body["tools"][0]["parameters"]["type"], "object");
        assert_eq!(body["tools"][1]["strict"], true);
    }

    #[test]
    fn tools_of_other_vendors_are_told_by_what_they_do_or_lost() {
        let tool = |kind, json: &'static str| Tool {
            at: At::NOWHERE,
            kind: ToolKind::Server(ServerTool {
                kind,
                json: Json(json.into()),
                name: None,
                allowed_domains: (kind == ServerToolKind::WebSearch)
                    .then(|| Said::new(At(2), vec!["a.b".into()])),
                blocked_domains: None,
                place: None,
                context_size: None,
                limits: Vec::new(),
                unsaid: Vec::new(),
            }),
            cache: None,
        };
        let request = Request {
            tools: vec![
                tool(
                    ServerToolKind::WebSearch,
                    r#"{"type":"web_search_20250305","name":"web_search"}"#,
                ),
                tool(ServerToolKind::CodeExecution, r#"{"codeExecution":{}}"#),
                tool(
                    ServerToolKind::Other,
                    r#"{"type":"mcp","server_label":"l"}"#,
                ),
                tool(ServerToolKind::Other, r#"{"type":"bash_20250124"}"#),
            ],
            ..Request::default()
        };
        let (body, losses) = lowered(&request);
        let expected = json!([
            {"type": "web_search", "filters": {"allowed_domains": ["a.b"]}},
            {"type": "code_interpreter", "container": {"type": "auto"}},
            {"type": "mcp", "server_label": "l"},
        ]);
        assert_eq!(body["tools"], expected);
        assert_eq!(losses, ["server tool"]);
    }

    #[test]
    fn a_search_whose_limits_cannot_be_said_is_left_out() {
        let search = |json: &'static str, blocked: Option<_>, limits: Vec<At>| ServerTool {
            kind: ServerToolKind::WebSearch,
            json: Json(json.into()),
            name: None,
            allowed_domains: None,
            blocked_domains: blocked,
            place: None,
            context_size: None,
            limits,
            unsaid: Vec::new(),
        };
        let of_other = r#"{"type":"web_search_20250305","name":"web_search"}"#;
        let of_own = r#"{"type":"web_search","external_web_access":false}"#;
        let domains = || Some(Said::new(At(5), vec!["a.b".into()]));
        let lower = |server| {
            lowered(&Request {
                tools: vec![Tool {
                    at: At(4),
                    kind: ToolKind::Server(server),
                    cache: None,
                }],
                ..Request::default()
            })
        };
        for (blocked, limits) in [(domains(), vec![]), (None, vec![At(5)])] {
            let (body, losses) = lower(search(of_other, blocked, limits));
            assert!(!body.to_string().contains("web_search"), "{body}");
            assert_eq!(losses, ["limit of a server tool", "server tool"]);
        }
        let (body, losses) = lower(search(of_own, None, vec![At(5)]));
        assert_eq!(body["tools"][0]["external_web_access"], false);
        assert_eq!(losses, [""; 0]);
    }

    #[test]
    fn settings_that_the_format_has_not_are_lost_by_name() {
        let mut request = Request::default();
        let sampling = &mut request.sampling;
        sampling.stop = vec![Said::new(At(1), "x".into())];
        sampling.seed = said(Json("1".into()));
        sampling.choices = said(1);
        sampling.max_tokens = said(1);
        request.reasoning.budget = said(5_000);
        request.tags.user = said("u".repeat(65).into());
        let (body, losses) = lowered(&request);
        let expected = [
            "exact budget of reasoning",
            "fewer tokens than the API takes",
            "seed",
            "stop sequence",
            "id in full",
        ];
        assert_eq!(losses, expected);
        assert_eq!(
            body["reasoning"],
            json!({"effort": "low", "summary": "auto"})
        );
        assert_eq!(body["max_output_tokens"], LEAST_TOKENS);
        assert_eq!(body["user"].as_str().unwrap().len(), 32);
    }
}
