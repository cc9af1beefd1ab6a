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
    let most = max_calls(request);
    w.key("tools").open_list();
    let mut spaces: BTreeMap<&str, Vec<&Tool<'_>>> = BTreeMap::new();
    for tool in &request.tools {
        if let Some(space) = namespace_of(tool) {
            spaces.entry(space).or_default().push(tool);
        }
    }
    for tool in &request.tools {
        match namespace_of(tool) {
            None => write_tool(tool, most, w, losses),
            Some(space) => {
                if let Some(within) = spaces.remove(space) {
                    write_namespace(space, &within, w, losses);
                }
            }
        }
    }
    w.close_list();
    if let Some(most) = most {
        w.key("max_tool_calls").number(most.value);
    }
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
        write_tool(tool, None, w, losses);
    }
    w.close_list().close_object();
}

/// `most`: how often the tool may be called, where that is said of the request.
fn write_tool(tool: &Tool<'_>, most: Option<&Said<u64>>, w: &mut Writer<'_>, losses: &mut Losses) {
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
            if !write_server(server, most, w, losses) {
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

/// How often the only tool of the vendor's may be called: the format counts the calls of all together.
fn max_calls<'r>(request: &'r Request<'_>) -> Option<&'r Said<u64>> {
    let mut servers = request.tools.iter().filter_map(|tool| match &tool.kind {
        ToolKind::Server(server) => Some(server),
        ToolKind::Function(_) | ToolKind::Custom { .. } => None,
    });
    let (Some(only), None) = (servers.next(), servers.next()) else {
        return None;
    };
    let most = only.max_uses.as_ref()?;
    let is_written =
        only.kind == ServerToolKind::WebSearch && only.limits_lost((true, false)).is_empty();
    is_written.then_some(most)
}

/// Whether it could be said.
fn write_server(
    server: &ServerTool<'_>,
    most: Option<&Said<u64>>,
    w: &mut Writer<'_>,
    losses: &mut Losses,
) -> bool {
    if is_own(&server.json) {
        w.json(&server.json);
        return true;
    }
    let is_search = server.kind == ServerToolKind::WebSearch;
    let lost = server.limits_lost((is_search, false));
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
    if let (Some(uses), None) = (&server.max_uses, most) {
        losses.add(uses.at, "how often a tool may be called");
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ir::{At, Json, Request, Said, Tool};
    use crate::wire::openai_responses::tests::lowered;

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
                max_uses: None,
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
            max_uses: None,
            limits,
            unsaid: Vec::new(),
        };
        let of_other = r#"{"type":"web_search_20250305","name":"web_search"}"#;
        let of_own = r#"{"type":"web_search","external_web_access":false}"#;
        let domains = || Some(Said::new(At(5), vec!["a.b".into()]));
        let with = |server| Tool {
            at: At(4),
            kind: ToolKind::Server(server),
            cache: None,
        };
        let lower = |server| {
            lowered(&Request {
                tools: vec![with(server)],
                ..Request::default()
            })
        };
        for (blocked, limits) in [(domains(), vec![]), (None, vec![At(5)])] {
            let (body, losses) = lower(search(of_other, blocked, limits));
            assert!(!body.to_string().contains("web_search"), "{body}");
            assert_eq!(losses, ["limit of a server tool", "server tool"]);
        }
        let mut seldom = search(of_other, None, vec![]);
        seldom.max_uses = Some(Said::new(At(6), 8));
        let (body, losses) = lower(seldom.clone());
        assert_eq!((&body["max_tool_calls"], losses.len()), (&json!(8), 0));
        assert_eq!(body["tools"][0]["type"], "web_search");
        // A number for all calls is none for this one's.
        let (body, losses) = lowered(&Request {
            tools: vec![with(seldom), with(search(of_own, None, vec![]))],
            ..Request::default()
        });
        assert_eq!(body["tools"].as_array().unwrap().len(), 2);
        assert_eq!(body.get("max_tool_calls"), None);
        assert_eq!(losses, ["how often a tool may be called"]);
        let (body, losses) = lower(search(of_own, None, vec![At(5)]));
        assert_eq!(body["tools"][0]["external_web_access"], false);
        assert_eq!(losses, [""; 0]);
    }
}
