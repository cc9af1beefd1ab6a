//! Tools of requests, and which of them shall be called.

use super::content_read::{cache_mark, said};
use crate::ir::{
    At, Function, Request, Said, ServerTool, ServerToolKind, Str, Tool, ToolChoice, ToolKind,
};
use crate::wire::convert::place;
use crate::wire::json::{Misfit, Value};

pub(super) fn tools<'a>(
    list: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Vec<Tool<'a>>, Misfit> {
    let items = list.want_list()?.items();
    items.map(|tool| read(tool, unsaid)).collect()
}

fn read<'a>(tool: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Tool<'a>, Misfit> {
    let kind = tool.want_object()?.member("type");
    let kind = kind.map(Value::want_text).transpose()?;
    match kind.as_deref() {
        None | Some("custom") => function(tool, unsaid),
        Some(kind) => server_tool(tool, kind, unsaid),
    }
}

fn function<'a>(tool: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Tool<'a>, Misfit> {
    let name = tool
        .member("name")
        .ok_or(tool.misfit("a tool with its name"))?;
    let mut function = Function {
        name: name.want_text()?,
        ..Function::default()
    };
    let mut cache = None;
    for (key, value) in said(tool) {
        match &*key {
            "type" | "name" => {}
            "description" => function.description = Some(value.want_said()?),
            "input_schema" => function.schema = Some(value.want_json_object()?),
            "strict" => function.strict = Some(value.want_bool()?),
            "cache_control" => cache = Some(cache_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    Ok(Tool {
        at: tool.at(),
        kind: ToolKind::Function(function),
        cache,
    })
}

/// A tool with a version in its type: the vendor runs it, or has trained its models on it. The settings that other formats
/// lack are told by their places.
pub(super) fn server_tool<'a>(
    tool: Value<'_, 'a>,
    kind: &str,
    unsaid: &mut Vec<At>,
) -> Result<Tool<'a>, Misfit> {
    let (kind, usual_name) = match kind {
        _ if kind.starts_with("web_search_") => (ServerToolKind::WebSearch, "web_search"),
        _ if kind.starts_with("web_fetch_") => (ServerToolKind::WebFetch, "web_fetch"),
        _ if kind.starts_with("code_execution_") => {
            (ServerToolKind::CodeExecution, "code_execution")
        }
        _ => (ServerToolKind::Other, ""),
    };
    let mut server = ServerTool {
        kind,
        json: tool.json(),
        name: None,
        allowed_domains: None,
        blocked_domains: None,
        place: None,
        context_size: None,
        max_uses: None,
        limits: Vec::new(),
        unsaid: Vec::new(),
    };
    let mut cache = None;
    for (key, value) in said(tool) {
        match &*key {
            "type" => {}
            "name" => {
                let name = value.want_text()?;
                if name != usual_name {
                    server.unsaid.push(value.at());
                }
                server.name = Some(name);
            }
            "allowed_domains" => server.allowed_domains = Some(domains(value)?),
            "blocked_domains" => server.blocked_domains = Some(domains(value)?),
            "max_uses" => server.max_uses = Some(value.want_count()?),
            "max_content_tokens" => server.limits.push(value.at()),
            "user_location" => server.place = place::read(value, &mut server.unsaid),
            "cache_control" => cache = Some(cache_mark(value, unsaid)?),
            _ => server.unsaid.push(value.at()),
        }
    }
    Ok(Tool {
        at: tool.at(),
        kind: ToolKind::Server(server),
        cache,
    })
}

fn domains<'a>(list: Value<'_, 'a>) -> Result<Said<Vec<Str<'a>>>, Misfit> {
    let items = list.want_list()?.items();
    let domains: Result<_, _> = items.map(Value::want_text).collect();
    Ok(Said::new(list.at(), domains?))
}

/// Reads `tool_choice`. The tools must have been read: a server tool may be the one that is named.
pub(super) fn choice<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    let mut kind = None;
    let mut name = None;
    for (key, member) in said(value.want_object()?) {
        match &*key {
            "type" => kind = Some(member),
            "name" => name = Some(member),
            "disable_parallel_tool_use" => {
                let off = member.want_bool()?;
                request.parallel = Some(Said::new(off.at, !off.value));
            }
            _ => request.unsaid.push(member.at()),
        }
    }
    let kind = kind.ok_or(value.misfit("an object with a type"))?;
    let choice = match &*kind.want_text()? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => {
            let name = name
                .take()
                .ok_or(value.misfit("an object with the name of a tool"))?;
            named(value, name.want_text()?, &request.tools)
        }
        _ => {
            request.unsaid.push(kind.at());
            request.unsaid.extend(name.map(Value::at));
            return Ok(());
        }
    };
    request.unsaid.extend(name.map(Value::at));
    request.choice = Some(Said::new(value.at(), choice));
    Ok(())
}

fn named<'a>(value: Value<'_, 'a>, name: Str<'a>, tools: &[Tool<'a>]) -> ToolChoice<'a> {
    let is_server = tools.iter().any(|tool| match &tool.kind {
        ToolKind::Server(server) => server.name.as_ref() == Some(&name),
        ToolKind::Function(_) | ToolKind::Custom { .. } => false,
    });
    if is_server {
        return ToolChoice::Server(value.json());
    }
    ToolChoice::Named {
        name,
        custom: false,
    }
}
