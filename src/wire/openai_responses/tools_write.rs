//! Tools and the choice among them, as this format writes them.

use std::collections::BTreeMap;

use crate::ir::{
    Function, Json, Request, Said, ServerTool, ServerToolKind, Str, Tool, ToolChoice, ToolKind,
};
use crate::wire::convert::{Losses, place};
use crate::wire::json::{Document, Writer};

use super::schema;

/// Tools of the vendor's that are this format's own, by their `type`. Others are of another format.
const OWN: [&str; 16] = [
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "code_interpreter",
    "file_search",
    "computer",
    "computer_use",
    "computer_use_preview",
    "image_generation",
    "mcp",
    "local_shell",
    "shell",
    "apply_patch",
    "tool_search",
    "programmatic_tool_calling",
];

/// Writes `tools`, if there are any. Those of one namespace stand together, where its first one stood.
pub(super) fn write(request: &Request<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    if request.tools.is_empty() {
        return;
    }
    w.key("tools").open_list();
    let mut spaces: BTreeMap<&str, Vec<&Tool<'_>>> = BTreeMap::new();
    for tool in &request.tools {
        if let Some(space) = namespace_of(tool) {
            spaces.entry(space).or_default().push(tool);
        }
    }
    for tool in &request.tools {
        match namespace_of(tool) {
            None => write_tool(tool, w, losses),
            Some(space) => {
                if let Some(within) = spaces.remove(space) {
                    write_namespace(space, &within, w, losses);
                }
            }
        }
    }
    w.close_list();
}

fn namespace_of<'t>(tool: &'t Tool<'_>) -> Option<&'t str> {
    match &tool.kind {
        ToolKind::Function(function) => function.namespace.as_ref().map(|space| &*space.name),
        ToolKind::Custom { namespace, .. } => namespace.as_deref(),
        ToolKind::Server(_) => None,
    }
}

fn write_namespace(space: &str, within: &[&Tool<'_>], w: &mut Writer<'_>, losses: &mut Losses) {
    let about = within.iter().find_map(|tool| match &tool.kind {
        ToolKind::Function(function) => function.namespace.as_ref()?.description.as_ref(),
        ToolKind::Custom { .. } | ToolKind::Server(_) => None,
    });
    w.open_object().key("type").text("namespace");
    w.key("name").text(space);
    w.key("description")
        .text(about.map_or("", |said| &*said.value));
    w.key("tools").open_list();
    for tool in within {
        write_tool(tool, w, losses);
    }
    w.close_list().close_object();
}

fn write_tool(tool: &Tool<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    if let Some(mark) = &tool.cache {
        losses.hint(mark.at, "cache mark");
    }
    match &tool.kind {
        ToolKind::Function(function) => write_function(function, w),
        ToolKind::Custom {
            name,
            description,
            format,
            namespace: _,
        } => {
            w.open_object().key("type").text("custom");
            w.key("name").text(name);
            write_description(description.as_ref(), w);
            if let Some(format) = format {
                w.key("format").json(&format.value);
            }
            w.close_object();
        }
        ToolKind::Server(server) => {
            if !write_server(server, w, losses) {
                losses.add(tool.at, "server tool");
            }
        }
    }
}

fn write_description(description: Option<&Said<Str<'_>>>, w: &mut Writer<'_>) {
    if let Some(said) = description {
        w.key("description").text(&said.value);
    }
}

fn write_function(function: &Function<'_>, w: &mut Writer<'_>) {
    w.open_object().key("type").text("function");
    w.key("name").text(&function.name);
    write_description(function.description.as_ref(), w);
    w.key("parameters");
    match &function.schema {
        Some(said) => schema::write_arguments(&said.value, function.gemini_dialect, w),
        None => schema::write_arguments(&Json::EMPTY_OBJECT, false, w),
    }
    // Without a word this format means strict, the others do not.
    let strict = function.strict.as_ref().is_some_and(|said| said.value);
    w.key("strict").bool(strict).close_object();
}

/// Whether it could be said.
fn write_server(server: &ServerTool<'_>, w: &mut Writer<'_>, losses: &mut Losses) -> bool {
    if is_own(&server.json) {
        w.json(&server.json);
        return true;
    }
    let is_search = server.kind == ServerToolKind::WebSearch;
    let lost = server.limits_lost([is_search, false]);
    if !lost.is_empty() {
        losses.add_all(&lost, "limit of a server tool");
        return false;
    }
    match server.kind {
        ServerToolKind::WebSearch => {
            w.open_object().key("type").text("web_search");
            if let Some(domains) = &server.allowed_domains {
                w.key("filters").open_object();
                w.key("allowed_domains").open_list();
                for domain in &domains.value {
                    w.text(domain);
                }
                w.close_list().close_object();
            }
            if let Some(said) = &server.place {
                w.key("user_location").open_object();
                w.key("type").text("approximate");
                place::write(&said.value, w);
                w.close_object();
            }
            if let Some(said) = &server.context_size {
                w.key("search_context_size").text(&said.value);
            }
            w.close_object();
        }
        ServerToolKind::CodeExecution => {
            w.open_object().key("type").text("code_interpreter");
            w.key("container").open_object().key("type").text("auto");
            w.close_object().close_object();
        }
        ServerToolKind::WebFetch | ServerToolKind::Other => return false,
    }
    losses.add_all(&server.unsaid, "setting of a server tool");
    true
}

fn is_own(json: &Json<'_>) -> bool {
    let mut document = Document::default();
    let tool = document.read(json.0.as_bytes()).ok();
    let kind = tool.and_then(|tool| tool.member_text("type"));
    kind.is_some_and(|kind| OWN.contains(&&*kind))
}

/// Writes `tool_choice` and `parallel_tool_calls`.
pub(super) fn write_choice(request: &Request<'_>, w: &mut Writer<'_>, losses: &mut Losses) {
    if let Some(said) = &request.choice {
        match &said.value {
            ToolChoice::Auto => {
                w.key("tool_choice").text("auto");
            }
            ToolChoice::None => {
                w.key("tool_choice").text("none");
            }
            ToolChoice::Required => {
                w.key("tool_choice").text("required");
            }
            ToolChoice::Named { name, custom } => {
                w.key("tool_choice");
                write_name(name, *custom, w);
            }
            ToolChoice::Among { names, required } => {
                let mode = if *required { "required" } else { "auto" };
                w.key("tool_choice").open_object();
                w.key("type").text("allowed_tools").key("mode").text(mode);
                w.key("tools").open_list();
                let customs = request.customs();
                for name in names {
                    write_name(name, customs.contains(&**name), w);
                }
                w.close_list().close_object();
            }
            ToolChoice::Server(json) if is_own(json) => {
                w.key("tool_choice").json(json);
            }
            ToolChoice::Server(_) => losses.add(said.at, "choice of a server tool"),
        }
    }
    if let Some(said) = &request.parallel {
        w.key("parallel_tool_calls").bool(said.value);
    }
}

fn write_name(name: &str, custom: bool, w: &mut Writer<'_>) {
    let kind = if custom { "custom" } else { "function" };
    w.open_object().key("type").text(kind);
    w.key("name").text(name).close_object();
}
