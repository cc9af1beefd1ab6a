//! A request for a vendor, its members in an order that keeps prefixes cacheable: what changes least comes first.

use super::content_write::Blocks;
use super::plan::{Form, Message, Piece, Plan, plan};
use super::reasoning_write::{self as reasoning, Thinking};
use super::schema::{self, Rules};
use super::settings_write as settings;
use super::tools_write;
use crate::ir::{Output, Request, Role, Said, Sampling};
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
    settings::refuse_stored(&request.tags)?;
    let plan = plan(&request.turns, target.traits, losses)?;
    let thinking = reasoning::decide(request, &plan, target.traits, losses);
    let mut blocks = Blocks {
        traits: target.traits,
        losses,
    };
    let out = &mut Writer::new(body);
    out.open_object().key("model").text(target.model);
    out.key("max_tokens");
    out.number(max_tokens(&request.sampling, thinking, target));
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
    settings::sampling(&request.sampling, thinking, target, blocks.losses, out);
    settings::tags(&request.tags, blocks.losses, out);
    messages(&plan, &mut blocks, out)?;
    out.close_object();
    Ok(())
}

/// The API wants it, and wants it above the budget of thinking. What the client has said is above it already.
fn max_tokens(sampling: &Sampling<'_>, thinking: Thinking, target: &Target<'_>) -> u64 {
    let said = sampling.max_tokens.as_ref();
    let most = said.map_or(target.traits.default_max_tokens, |said| said.value);
    match thinking {
        Thinking::Budget(budget) if most <= budget => {
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
    let effort = reasoning::effort(&request.reasoning, target.traits, losses);
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
    let own = schema::title(schema);
    if let Some(name) = name
        && own.is_some_and(|own| own != name.value)
    {
        losses.add(name.at, "name of the output's schema");
    }
    if !schema::write(schema, rules, out) {
        losses.add(output.at, "schema of the output");
    }
    out.close_object();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{
        Arguments, At, Body, Call, Effort, Format, Function, Json, Media, Outcome, Part, Reasoning,
        ServerTool, ServerToolKind, Source, Str, Text, Tool, ToolChoice, ToolKind, Turn,
    };
    use crate::wire::convert::Traits;

    fn said<T>(at: u32, value: T) -> Said<T> {
        Said::new(At(at), value)
    }

    fn turn(role: Role, body: Body<'static>) -> Turn<'static> {
        Turn::new(At(1), role, vec![Part::new(At(2), body)])
    }

    fn text(role: Role, text: &'static str) -> Turn<'static> {
        let text = text.into();
        let citations = Vec::new();
        turn(role, Body::Text(Text { text, citations }))
    }

    fn call() -> Turn<'static> {
        let call = Call {
            id: "c".into(),
            name: "f".into(),
            arguments: Arguments::Json("{}".into()),
            ..Call::default()
        };
        turn(Role::Assistant, Body::Call(call))
    }

    fn outcome() -> Turn<'static> {
        let outcome = Outcome {
            call: "c".into(),
            ..Outcome::default()
        };
        turn(Role::User, Body::Outcome(outcome))
    }

    fn tool(kind: ToolKind<'static>) -> Tool<'static> {
        let cache = None;
        Tool {
            at: At(3),
            kind,
            cache,
        }
    }

    fn function() -> Tool<'static> {
        tool(ToolKind::Function(Function {
            name: "f".into(),
            ..Function::default()
        }))
    }

    fn effort(effort: Effort) -> Reasoning<'static> {
        Reasoning {
            effort: Some(said(40, effort)),
            ..Reasoning::default()
        }
    }

    fn asked() -> Request<'static> {
        Request {
            turns: vec![text(Role::User, "hi")],
            ..Request::default()
        }
    }

    fn lower(request: &Request<'_>, traits: &Traits) -> Result<Lowered, Refused> {
        let mut lowered = Lowered::default();
        let target = Target {
            model: "claude",
            stream: false,
            traits,
        };
        write(request, &target, &mut lowered).map(|()| lowered)
    }

    /// The members between the first ones and `messages`, and the places of what was lost.
    fn settings(request: &Request<'_>, traits: &Traits) -> (String, Vec<u32>) {
        let lowered = lower(request, traits).unwrap();
        let body = String::from_utf8(lowered.body).unwrap();
        let inner = body.split_once("\"claude\",").unwrap().1;
        let inner = inner.split_once(",\"messages\":").unwrap().0;
        let places = lowered.losses.iter().map(|loss| loss.at.0).collect();
        (inner.to_owned(), places)
    }

    const ADAPTIVE: fn() -> Traits = || Traits {
        adaptive_thinking: true,
        ..Traits::default()
    };

    #[test]
    fn a_request_is_written_in_a_stable_order() {
        let mut request = asked();
        request.turns.insert(0, text(Role::Developer, "be kind"));
        request.tools.push(function());
        request.sampling.stop.push(said(9, "END".into()));
        request.tags.user = Some(said(8, "u".into()));
        let traits = Traits::default();
        let mut lowered = Lowered::default();
        let target = Target {
            model: "claude",
            stream: true,
            traits: &traits,
        };
        write(&request, &target, &mut lowered).unwrap();
        assert_eq!(
            String::from_utf8(lowered.body).unwrap(),
            concat!(
                r#"{"model":"claude","max_tokens":32000,"stream":true,"#,
                r#""system":[{"type":"text","text":"be kind"}],"#,
                r#""tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}],"#,
                r#""stop_sequences":["END"],"metadata":{"user_id":"u"},"#,
                r#""messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#
            )
        );
        assert_eq!(lowered.suffix, "/messages");
        assert_eq!(
            lowered.headers,
            [("anthropic-version", "2023-06-01".to_owned())]
        );
        assert!(lowered.losses.is_empty());
    }

    #[test]
    fn the_budget_stays_below_the_most_tokens() {
        let traits = Traits::default();
        let mut request = asked();
        request.reasoning = effort(Effort::High);
        let thinking = r#""thinking":{"type":"enabled","budget_tokens":24576}"#;
        let expected = format!(r#""max_tokens":32000,{thinking}"#);
        assert_eq!(settings(&request, &traits), (expected, vec![]));
        for (most, thinking) in [
            (50, r#"{"type":"disabled"}"#),
            (1_364, r#"{"type":"disabled"}"#),
            (1_366, r#"{"type":"enabled","budget_tokens":1025}"#),
            (8_192, r#"{"type":"enabled","budget_tokens":6144}"#),
        ] {
            request.sampling.max_tokens = Some(said(7, most));
            let expected = format!(r#""max_tokens":{most},"thinking":{thinking}"#);
            assert_eq!(settings(&request, &traits), (expected, vec![40]));
        }
        request.reasoning.budget = Some(said(6, 100));
        let (written, lost) = settings(&request, &traits);
        assert!(written.ends_with(r#""budget_tokens":1024}"#), "{written}");
        assert_eq!(lost, [6, 40]);
        request.reasoning = effort(Effort::Max);
        request.sampling.max_tokens = None;
        assert!(
            settings(&request, &traits)
                .0
                .starts_with(r#""max_tokens":64000"#)
        );
    }

    #[test]
    fn models_that_take_no_budget_are_told_the_effort() {
        let mut request = asked();
        request.reasoning = effort(Effort::Minimal);
        let expected =
            r#""max_tokens":32000,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}"#;
        assert_eq!(
            settings(&request, &ADAPTIVE()),
            (expected.to_owned(), vec![40])
        );
        request.reasoning = effort(Effort::XHigh);
        let (written, lost) = settings(&request, &ADAPTIVE().of_model("claude-opus-4-6"));
        assert!(written.ends_with(r#"{"effort":"high"}"#), "{written}");
        assert_eq!(lost, [40]);
        let (written, lost) = settings(&request, &ADAPTIVE().of_model("claude-opus-4-7"));
        assert!(written.ends_with(r#"{"effort":"xhigh"}"#), "{written}");
        assert!(lost.is_empty());
        let (written, lost) = settings(&request, &Traits::default().of_model("claude-3-5-haiku"));
        assert_eq!((&*written, lost), (r#""max_tokens":32000"#, vec![40]));
        request.reasoning = effort(Effort::None);
        let expected = r#""max_tokens":32000,"thinking":{"type":"disabled"}"#;
        assert_eq!(
            settings(&request, &ADAPTIVE()),
            (expected.to_owned(), vec![])
        );
    }

    #[test]
    fn thinking_gives_way_to_a_call_that_is_demanded() {
        let mut request = asked();
        request.tools.push(function());
        request.reasoning = effort(Effort::Low);
        request.choice = Some(said(5, ToolChoice::Required));
        let (written, lost) = settings(&request, &Traits::default());
        assert!(
            written.ends_with(r#""tool_choice":{"type":"any"},"thinking":{"type":"disabled"}"#)
        );
        assert_eq!(lost, [40]);
        let (written, lost) = settings(&request, &ADAPTIVE());
        let end = r#""tool_choice":{"type":"any"},"output_config":{"effort":"low"}"#;
        assert!(written.ends_with(end), "{written}");
        assert!(lost.is_empty());
    }

    #[test]
    fn thinking_gives_way_where_the_turn_that_goes_on_has_no_thoughts() {
        let mut request = asked();
        request.reasoning = effort(Effort::Low);
        request.turns.extend([call(), outcome()]);
        let (written, lost) = settings(&request, &Traits::default());
        assert!(written.ends_with(r#""thinking":{"type":"disabled"}"#));
        assert_eq!(lost, [40]);
        let thinking = crate::ir::Thinking {
            seal: Some(said(1, "s".into())),
            ..crate::ir::Thinking::default()
        };
        request
            .turns
            .insert(1, turn(Role::Assistant, Body::Thinking(thinking)));
        let (written, lost) = settings(&request, &Traits::default());
        assert!(written.contains("budget_tokens"));
        assert!(lost.is_empty());
    }

    #[test]
    fn thinking_without_its_signature_is_lost_and_with_it_alone_is_kept() {
        let mut thinking = crate::ir::Thinking {
            text: "why".into(),
            ..crate::ir::Thinking::default()
        };
        let mut request = asked();
        request.turns.push(text(Role::Assistant, "a"));
        let body = Body::Thinking(thinking.clone());
        request.turns.insert(1, turn(Role::Assistant, body));
        let lowered = lower(&request, &Traits::default()).unwrap();
        assert!(!String::from_utf8(lowered.body).unwrap().contains("why"));
        let what: Vec<_> = lowered.losses.iter().map(|loss| loss.what).collect();
        assert_eq!(what, ["thinking without its signature"]);
        thinking.text = "".into();
        thinking.seal = Some(said(1, "sig".into()));
        request.turns[1] = turn(Role::Assistant, Body::Thinking(thinking));
        let lowered = lower(&request, &Traits::default()).unwrap();
        let body = String::from_utf8(lowered.body).unwrap();
        assert!(body.contains(r#"[{"type":"thinking","thinking":"","signature":"sig"},"#));
    }

    #[test]
    fn beside_thinking_the_api_takes_few_numbers() {
        let number = |at, text: &'static str| Some(said(at, Json(text.into())));
        let mut request = asked();
        request.sampling.temperature = number(1, "1.5");
        request.sampling.top_k = number(3, "40");
        let (written, lost) = settings(&request, &Traits::default());
        assert_eq!(written, r#""max_tokens":32000,"temperature":1,"top_k":40"#);
        assert_eq!(lost, [1]);
        request.sampling.temperature = number(1, "0.30");
        request.sampling.top_p = number(2, "0.9");
        let (written, lost) = settings(&request, &Traits::default());
        assert!(written.contains(r#""temperature":0.30,"top_k""#));
        assert_eq!(lost, [2]);
        request.reasoning = effort(Effort::Low);
        let (written, lost) = settings(&request, &Traits::default());
        assert!(written.ends_with("4096}"));
        assert_eq!(lost, [1, 2, 3]);
    }

    #[test]
    fn what_says_nothing_is_no_loss() {
        let number = |text: &'static str| Some(said(1, Json(text.into())));
        let mut request = asked();
        request.sampling.temperature = number("0");
        request.sampling.top_p = number("1.0");
        request.sampling.presence_penalty = number("0");
        request.sampling.frequency_penalty = number("0.0");
        request.sampling.top_logprobs = Some(said(1, 0));
        request.tags.logit_bias = number("{}");
        let (written, lost) = settings(&request, &Traits::default());
        assert_eq!(written, r#""max_tokens":32000,"temperature":0"#);
        assert!(lost.is_empty(), "{lost:?}");
        // The API's own temperature gives way to what it takes only one of.
        request.sampling.temperature = number("1");
        request.sampling.top_p = number("0.95");
        let (written, lost) = settings(&request, &Traits::default());
        assert_eq!(written, r#""max_tokens":32000,"top_p":0.95"#);
        assert!(lost.is_empty(), "{lost:?}");
        let (written, lost) = settings(&request, &ADAPTIVE());
        assert_eq!(written, r#""max_tokens":32000"#);
        assert_eq!(lost, [1]);
    }

    #[test]
    fn tools_of_other_vendors_become_the_apis_own() {
        let server = |kind, json: &'static str| {
            tool(ToolKind::Server(ServerTool {
                kind,
                json: Json(json.into()),
                name: None,
                allowed_domains: Some(said(11, vec!["a.b".into()])),
                blocked_domains: None,
                place: None,
                context_size: None,
                max_uses: None,
                limits: Vec::new(),
                unsaid: vec![At(13)],
            }))
        };
        let mut request = asked();
        request.tools = vec![
            server(ServerToolKind::WebSearch, r#"{"type":"web_search"}"#),
            server(ServerToolKind::Other, r#"{"type":"file_search"}"#),
            server(
                ServerToolKind::Other,
                r#"{"type":"bash_20250124", "name":"bash"}"#,
            ),
        ];
        request.parallel = Some(said(14, false));
        let (written, lost) = settings(&request, &Traits::default());
        let expected = concat!(
            r#""max_tokens":32000,"tools":[{"type":"web_search_20250305","name":"web_search","#,
            r#""allowed_domains":["a.b"]},{"type":"bash_20250124", "name":"bash"}],"#,
            r#""tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#
        );
        assert_eq!(written, expected);
        assert_eq!(lost, [13, 3]);
    }

    #[test]
    fn a_search_whose_limits_cannot_be_said_is_left_out() {
        let asked_with = |set: &dyn Fn(&mut ServerTool<'static>)| {
            let mut server = ServerTool {
                kind: ServerToolKind::WebSearch,
                json: Json(r#"{"type":"web_search"}"#.into()),
                name: None,
                allowed_domains: None,
                blocked_domains: Some(said(12, vec!["c.d".into()])),
                place: None,
                context_size: None,
                max_uses: None,
                limits: Vec::new(),
                unsaid: Vec::new(),
            };
            set(&mut server);
            let mut request = asked();
            request.tools = vec![tool(ToolKind::Server(server))];
            settings(&request, &Traits::default())
        };
        let (written, lost) = asked_with(&|_| {});
        assert!(written.contains(r#""blocked_domains":["c.d"]"#));
        assert!(lost.is_empty(), "{lost:?}");
        // Those that may be searched and those that may not: the API takes one of the two.
        let (written, lost) =
            asked_with(&|server| server.allowed_domains = Some(said(11, vec!["a.b".into()])));
        assert!(!written.contains("tools"), "{written}");
        assert_eq!(lost, [3, 12]);
        let (written, lost) = asked_with(&|server| server.limits.push(At(13)));
        assert!(!written.contains("tools"), "{written}");
        assert_eq!(lost, [3, 13]);
    }

    #[test]
    fn a_schema_of_the_output_is_closed_and_named() {
        let mut request = asked();
        request.output = Some(said(
            20,
            Output::JsonSchema {
                name: Some(Said::new(At::NOWHERE, "n".into())),
                description: None,
                schema: Json(r#"{"type":"object","properties":{}}"#.into()),
                gemini_dialect: false,
                strict: None,
            },
        ));
        let (written, lost) = settings(&request, &Traits::default());
        let expected = r#""output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{},"title":"n","additionalProperties":false}}}"#;
        assert!(written.ends_with(expected), "{written}");
        assert!(lost.is_empty());
        let without = Traits {
            json_schema: false,
            ..Traits::default()
        };
        let lost = settings(&request, &without).1;
        assert_eq!(lost, [20]);
    }

    #[test]
    fn what_only_another_vendor_has_is_refused() {
        let file = Source::File {
            id: "file-1".into(),
            mime: None,
            format: Format::OpenaiChat,
        };
        let mut request = asked();
        let body = Body::Image(Media::new(file));
        request.turns.push(turn(Role::User, body));
        let refused = lower(&request, &Traits::default()).unwrap_err();
        assert_eq!(refused.at, At(2));
        let mut request = asked();
        request.tags.previous = Some(said(30, "resp_1".into()));
        assert_eq!(lower(&request, &Traits::default()).unwrap_err().at, At(30));
    }

    #[test]
    fn images_by_address_are_refused_where_the_vendor_takes_none() {
        let url: Str<'static> = "https://x/y.png".into();
        let image = Body::Image(Media::new(Source::Url { url, mime: None }));
        let mut request = asked();
        request.turns.push(turn(Role::User, image));
        assert!(lower(&request, &Traits::default()).is_ok());
        let without = Traits {
            url_images: false,
            ..Traits::default()
        };
        assert!(lower(&request, &without).is_err());
    }

    #[test]
    fn what_the_model_shall_go_on_with_is_kept_without_white_space_at_its_end() {
        let mut request = asked();
        let begun = text(Role::Assistant, "The answer is \n");
        request.turns.push(begun);
        let body = lower(&request, &Traits::default()).unwrap().body;
        let body = String::from_utf8(body).unwrap();
        assert!(body.ends_with(r#""text":"The answer is"}]}]}"#), "{body}");
    }
}
