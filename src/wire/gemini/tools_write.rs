use crate::ir::{Function, Request, ServerTool, ServerToolKind, Tool, ToolChoice, ToolKind};
use crate::wire::convert::{Losses, Target};
use crate::wire::json::Writer;

use super::tools_read::is_ours;

/// Writes `tools` and `toolConfig`, where there is something to say.
pub(super) fn write(
    writer: &mut Writer<'_>,
    request: &Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
) {
    let functions: Vec<_> = request.tools.iter().filter_map(as_function).collect();
    let mut server = Vec::new();
    for tool in &request.tools {
        if let Some(cache) = &tool.cache {
            losses.add(cache.at, "cache mark");
        }
        match &tool.kind {
            ToolKind::Function(_) => {}
            ToolKind::Custom { .. } => losses.add(tool.at, "custom tool"),
            // Models before Gemini 3 refuse both kinds in one request. Those that the client waits for stay.
            ToolKind::Server(_) if !functions.is_empty() && !target.traits.thinking_level => {
                losses.add(tool.at, "server tool beside functions");
            }
            ToolKind::Server(known) => match json_of(known) {
                Some(json) => server.push((known, json)),
                None => losses.add(tool.at, "server tool"),
            },
        }
    }
    if !functions.is_empty() || !server.is_empty() {
        writer.key("tools").open_list();
        if !functions.is_empty() {
            writer.open_object().key("functionDeclarations").open_list();
            for (tool, function) in &functions {
                write_function(writer, tool, function, losses);
            }
            writer.close_list().close_object();
        }
        for (tool, json) in &server {
            writer.raw(json);
            lose_settings(tool, losses);
        }
        writer.close_list();
    }
    let is_mixed = !functions.is_empty() && !server.is_empty();
    write_config(writer, request, (!functions.is_empty(), is_mixed), losses);
}

fn as_function<'r, 'a>(tool: &'r Tool<'a>) -> Option<(&'r Tool<'a>, &'r Function<'a>)> {
    match &tool.kind {
        ToolKind::Function(function) => Some((tool, function)),
        ToolKind::Custom { .. } | ToolKind::Server(_) => None,
    }
}

fn write_function(
    writer: &mut Writer<'_>,
    tool: &Tool<'_>,
    function: &Function<'_>,
    losses: &mut Losses,
) {
    writer.open_object().key("name").text(&function.name);
    if let Some(description) = &function.description {
        writer.key("description").text(&description.value);
    }
    if let Some(schema) = &function.schema {
        let key = if function.gemini_dialect {
            "parameters"
        } else {
            "parametersJsonSchema"
        };
        writer.key(key).json(&schema.value);
    }
    writer.close_object();
    if let Some(strict) = function.strict.as_ref().filter(|strict| strict.value) {
        losses.add(strict.at, "strict schema of a function");
    }
    if let Some(namespace) = &function.namespace {
        let at = namespace
            .description
            .as_ref()
            .map_or(tool.at, |said| said.at);
        losses.add(at, "namespace");
    }
}

/// The tool as Gemini knows it; `None` where it has none of the kind.
fn json_of<'t>(tool: &'t ServerTool<'_>) -> Option<&'t str> {
    if is_ours(&tool.json.0) {
        return Some(&tool.json.0);
    }
    match tool.kind {
        ServerToolKind::WebSearch => Some("{\"googleSearch\":{}}"),
        ServerToolKind::WebFetch => Some("{\"urlContext\":{}}"),
        ServerToolKind::CodeExecution => Some("{\"codeExecution\":{}}"),
        ServerToolKind::Other => None,
    }
}

/// Which pages may be searched cannot be said: `excludeDomains` exists on Vertex only, and the Gemini API refuses it.
fn lose_settings(tool: &ServerTool<'_>, losses: &mut Losses) {
    if is_ours(&tool.json.0) {
        return;
    }
    for domains in [&tool.allowed_domains, &tool.blocked_domains] {
        losses.add_all(
            domains.as_ref().map(|said| said.at).as_slice(),
            "domains of a web search",
        );
    }
    losses.add_all(&tool.unsaid, "setting of a server tool");
}

/// `kinds`: whether there are functions, and whether there are tools of the vendor's beside them.
fn write_config(
    writer: &mut Writer<'_>,
    request: &Request<'_>,
    kinds: (bool, bool),
    losses: &mut Losses,
) {
    let (has_functions, is_mixed) = kinds;
    if let Some(parallel) = request.parallel.as_ref().filter(|said| !said.value) {
        losses.add(parallel.at, "one call at a time");
    }
    let mut choice = None;
    if let Some(said) = &request.choice {
        choice = mode_of(&said.value).filter(|_| has_functions);
        // Without functions the API refuses to be told how to call them.
        if choice.is_none() && !matches!(said.value, ToolChoice::Auto | ToolChoice::None) {
            losses.add(said.at, "tool choice");
        }
    }
    if choice.is_none() && !is_mixed {
        return;
    }
    writer.key("toolConfig").open_object();
    if let Some((mode, names)) = choice {
        writer.key("functionCallingConfig").open_object();
        writer.key("mode").text(mode);
        if !names.is_empty() {
            writer.key("allowedFunctionNames").open_list();
            for name in names {
                writer.text(name);
            }
            writer.close_list();
        }
        writer.close_object();
    }
    if is_mixed {
        // The API takes both kinds of tools in one request only from those who say so.
        writer.key("includeServerSideToolInvocations").bool(true);
    }
    writer.close_object();
}

fn mode_of<'c>(choice: &'c ToolChoice<'_>) -> Option<(&'static str, Vec<&'c str>)> {
    Some(match choice {
        ToolChoice::Auto => ("AUTO", Vec::new()),
        ToolChoice::None => ("NONE", Vec::new()),
        ToolChoice::Required => ("ANY", Vec::new()),
        ToolChoice::Named { name, .. } => ("ANY", vec![&**name]),
        ToolChoice::Among { names, required } => {
            // Where the model may also answer in words, only this mode takes names.
            let mode = if *required { "ANY" } else { "VALIDATED" };
            (mode, names.iter().map(|name| &**name).collect())
        }
        ToolChoice::Server(_) => return None,
    })
}
