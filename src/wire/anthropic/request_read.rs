use super::content_read::{cache_mark, content, said};
use super::tools_read;
use crate::ir::{At, Output, Reasoning, Request, Role, Said, Str, Summary, Tier, Turn};
use crate::wire::Asked;
use crate::wire::convert::effort::effort_named;
use crate::wire::json::{Misfit, Value};

pub(super) fn read<'a>(asked: Asked<'a>, body: Value<'_, 'a>) -> Result<Request<'a>, Misfit> {
    let mut request = Request {
        model: Str::Borrowed(asked.model),
        stream: asked.stream,
        ..Request::default()
    };
    let mut choice = None;
    for (key, value) in said(body.want_object()?) {
        match &*key {
            "model" => request.model = value.want_text()?,
            "stream" => request.stream = value.want_bool()?.value || asked.stream,
            "system" => system(value, &mut request)?,
            "messages" => messages(value, &mut request)?,
            "tools" => request.tools = tools_read::tools(value, &mut request.unsaid)?,
            "tool_choice" => choice = Some(value),
            "thinking" => thinking(value, &mut request)?,
            "output_config" => output_config(value, &mut request)?,
            // The name that `output_config.format` had before.
            "output_format" => output(value, &mut request)?,
            "metadata" => metadata(value, &mut request)?,
            "service_tier" => request.tags.service_tier = Some(tier(value)?),
            "cache_control" => request.cache = Some(cache_mark(value, &mut request.unsaid)?),
            // What may be left out of a conversation that grows too long: all of it is sent.
            "context_management" => request.hints.push(value.at()),
            _ if sampling(&key, value, &mut request)? => {}
            _ => request.unsaid.push(value.at()),
        }
    }
    if let Some(choice) = choice {
        tools_read::choice(choice, &mut request)?;
    }
    body.member("messages")
        .ok_or(body.misfit("an object with messages"))?;
    Ok(request)
}

/// Reads a member that says how to sample; `false`: it is none.
fn sampling<'a>(
    key: &str,
    value: Value<'_, 'a>,
    request: &mut Request<'a>,
) -> Result<bool, Misfit> {
    let sampling = &mut request.sampling;
    match key {
        "max_tokens" => sampling.max_tokens = Some(value.want_count()?),
        "temperature" => sampling.temperature = Some(value.want_number()?),
        "top_p" => sampling.top_p = Some(value.want_number()?),
        "top_k" => sampling.top_k = Some(value.want_number()?),
        "stop_sequences" => {
            let items = value.want_list()?.items();
            sampling.stop = items.map(Value::want_said).collect::<Result<_, _>>()?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The system prompt is the first turn, wherever it stands among the members.
fn system<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    let parts = content(value, &mut request.unsaid)?;
    let turn = Turn::new(value.at(), Role::System, parts);
    request.turns.insert(0, turn);
    Ok(())
}

fn messages<'a>(list: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    for message in list.want_list()?.items() {
        let turn = turn(message, &mut request.unsaid)?;
        request.turns.push(turn);
    }
    Ok(())
}

fn turn<'a>(message: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Turn<'a>, Misfit> {
    let role = message.want_object()?.member("role");
    let role = role.ok_or(message.misfit("a message with its role"))?;
    let mut turn = match &*role.want_text()? {
        "user" => Turn::new(message.at(), Role::User, Vec::new()),
        "assistant" => Turn::new(message.at(), Role::Assistant, Vec::new()),
        "system" => Turn::new(message.at(), Role::System, Vec::new()),
        _ => return Err(role.misfit("user, assistant or system")),
    };
    let mut has_content = false;
    for (key, value) in said(message) {
        match &*key {
            "role" => {}
            "content" => {
                turn.parts = content(value, unsaid)?;
                has_content = true;
            }
            _ => unsaid.push(value.at()),
        }
    }
    // A system message may have nothing but settings.
    if !has_content && turn.role != Role::System {
        return Err(message.misfit("a message with its content"));
    }
    Ok(turn)
}

fn thinking<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    let Request {
        reasoning, unsaid, ..
    } = request;
    for (key, member) in said(value.want_object()?) {
        match &*key {
            "type" => thinking_type(member, reasoning, unsaid)?,
            "budget_tokens" => reasoning.budget = Some(member.want_count()?),
            "display" => match &*member.want_text()? {
                "summarized" => {
                    reasoning.summary = Some(Said::new(member.at(), Summary::Shown));
                }
                "omitted" => reasoning.summary = Some(Said::new(member.at(), Summary::Hidden)),
                _ => unsaid.push(member.at()),
            },
            _ => unsaid.push(member.at()),
        }
    }
    Ok(())
}

fn thinking_type(
    kind: Value<'_, '_>,
    reasoning: &mut Reasoning<'_>,
    unsaid: &mut Vec<At>,
) -> Result<(), Misfit> {
    match &*kind.want_text()? {
        "enabled" => reasoning.enabled = Some(Said::new(kind.at(), true)),
        "disabled" => reasoning.enabled = Some(Said::new(kind.at(), false)),
        "adaptive" => reasoning.adaptive = Some(Said::new(kind.at(), ())),
        // `between_tools`, which no other format has.
        _ => unsaid.push(kind.at()),
    }
    Ok(())
}

fn output_config<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    for (key, member) in said(value.want_object()?) {
        match &*key {
            "effort" => match effort_named(&member.want_text()?) {
                Some(effort) => {
                    request.reasoning.effort = Some(Said::new(member.at(), effort));
                }
                None => request.unsaid.push(member.at()),
            },
            "format" => output(member, request)?,
            _ => request.unsaid.push(member.at()),
        }
    }
    Ok(())
}

fn output<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    let mut schema = None;
    let kind = value.want_object()?.member("type");
    let kind = kind.ok_or(value.misfit("a format with its type"))?;
    if kind.want_text()? != "json_schema" {
        request.unsaid.push(value.at());
        return Ok(());
    }
    for (key, member) in said(value) {
        match &*key {
            "type" => {}
            "schema" => schema = Some(member.want_json_object()?.value),
            _ => request.unsaid.push(member.at()),
        }
    }
    let schema = schema.ok_or(value.misfit("a format with its schema"))?;
    let output = Output::JsonSchema {
        name: None,
        description: None,
        schema,
        gemini_dialect: false,
        strict: None,
    };
    request.output = Some(Said::new(value.at(), output));
    Ok(())
}

fn metadata<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    for (key, member) in said(value.want_object()?) {
        match &*key {
            "user_id" => request.tags.user = Some(member.want_said()?),
            _ => request.hints.push(member.at()),
        }
    }
    Ok(())
}

fn tier<'a>(value: Value<'_, 'a>) -> Result<Said<Tier<'a>>, Misfit> {
    let name = value.want_text()?;
    let tier = match &*name {
        "auto" => Tier::Auto,
        "standard_only" => Tier::Standard,
        _ => Tier::Named(name),
    };
    Ok(Said::new(value.at(), tier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Body, Effort, Source, ToolChoice};
    use crate::wire::json::{Document, path_of};

    fn read_with<T>(
        body: &str,
        see: impl FnOnce(Result<Request<'_>, Misfit>, Value<'_, '_>) -> T,
    ) -> T {
        let mut document = Document::default();
        let root = document.read(body.as_bytes()).unwrap();
        see(read(Asked::default(), root), root)
    }

    #[test]
    fn the_system_prompt_is_the_first_turn_wherever_it_stands() {
        let body = r#"{"messages":[{"role":"user","content":"a"},{"role":"system","content":"s"}],"system":"lead"}"#;
        read_with(body, |request, _| {
            let roles: Vec<_> = request
                .unwrap()
                .turns
                .iter()
                .map(|turn| turn.role)
                .collect();
            assert_eq!(roles, [Role::System, Role::User, Role::System]);
        });
    }

    #[test]
    fn what_has_no_word_is_told_by_its_place() {
        let body = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","x":1,"citations":null}],"y":2}],
            "container":"c","top_k":null,"thinking":{"type":"adaptive","display":"updates"},
            "output_config":{"effort":"new","task_budget":{"total":5}},"metadata":{"z":3},"context_management":{"edits":[]},"tool_choice":{"type":"new","name":"n"},
            "tools":[{"name":"f","input_schema":{},"defer_loading":true}]}"#;
        read_with(body, |request, root| {
            let request = request.unwrap();
            assert!(request.reasoning.adaptive.is_some());
            let hints = request.hints.iter().map(|at| path_of(root, *at));
            assert_eq!(
                hints.collect::<Vec<_>>(),
                ["metadata.z", "context_management"]
            );
            let mut paths: Vec<_> = request.unsaid.iter().map(|at| path_of(root, *at)).collect();
            paths.sort_unstable();
            let expected = [
                "container",
                "messages[0].content[0].x",
                "messages[0].y",
                "output_config.effort",
                "output_config.task_budget",
                "thinking.display",
                "tool_choice.name",
                "tool_choice.type",
                "tools[0].defer_loading",
            ];
            assert_eq!(paths, expected);
        });
    }

    #[test]
    fn wrong_shapes_are_named() {
        for (body, path, wanted) in [
            ("[]", "", "an object"),
            (r#"{"model":"m"}"#, "", "an object with messages"),
            (r#"{"messages":{}}"#, "messages", "an array"),
            (
                r#"{"messages":[{"role":"tool","content":""}]}"#,
                "messages[0].role",
                "user, assistant or system",
            ),
            (
                r#"{"messages":[{"role":"user"}]}"#,
                "messages[0]",
                "a message with its content",
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#,
                "messages[0].content[0]",
                "a tool_result block with its tool_use_id",
            ),
            (
                r#"{"messages":[],"max_tokens":"5"}"#,
                "max_tokens",
                "a whole number, not negative",
            ),
        ] {
            read_with(body, |request, root| {
                let misfit = request.unwrap_err();
                assert_eq!(path_of(root, misfit.at), path, "{body}");
                assert_eq!(misfit.wanted, wanted, "{body}");
            });
        }
    }

    #[test]
    fn thinking_tools_and_documents_are_understood() {
        let body = r#"{"messages":[{"role":"user","content":[
            {"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"x"}]},
            {"type":"document","source":{"type":"new"}}]}],
            "tools":[{"type":"web_search_20250305","name":"web_search","max_uses":1}],
            "tool_choice":{"type":"tool","name":"web_search","disable_parallel_tool_use":true},
            "thinking":{"type":"enabled","budget_tokens":2000,"display":"omitted"},"output_config":{"effort":"high"}}"#;
        read_with(body, |request, root| {
            let request = request.unwrap();
            assert!(matches!(
                request.choice.unwrap().value,
                ToolChoice::Server(_)
            ));
            assert!(!request.parallel.unwrap().value);
            assert_eq!(request.reasoning.effort.unwrap().value, Effort::High);
            assert_eq!(request.reasoning.budget.unwrap().value, 2000);
            assert_eq!(request.reasoning.summary.unwrap().value, Summary::Hidden);
            let parts = &request.turns[0].parts;
            let Body::Document(document) = &parts[0].body else {
                panic!("{parts:?}");
            };
            assert!(matches!(&document.source, Source::Parts { parts } if parts.len() == 1));
            assert_eq!(document.context.as_ref().unwrap().value, "s");
            assert!(matches!(&parts[1].body, Body::Foreign(_)));
            let crate::ir::ToolKind::Server(server) = &request.tools[0].kind else {
                panic!("no server tool");
            };
            assert_eq!(path_of(root, server.limits[0]), "tools[0].max_uses");
        });
    }
}
