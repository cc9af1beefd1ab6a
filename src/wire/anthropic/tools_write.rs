//! Tools of requests, and which of them shall be called.

use std::collections::BTreeSet;

use super::content_write::Blocks;
use super::schema::{self, Rules};
use super::tools_read;
use crate::ir::{
    At, Function, Request, Said, ServerTool, ServerToolKind, Str, Tool, ToolChoice, ToolKind,
};
use crate::wire::convert::place;
use crate::wire::json::{Document, Writer};

/// What a custom tool (free text) takes.
const FREE_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// Writes `tools`; `false`: there are none.
pub(super) fn tools(tools: &[Tool<'_>], blocks: &mut Blocks<'_>, out: &mut Writer<'_>) -> bool {
    let mut any = false;
    for tool in tools {
        if !can(tool, blocks) {
            continue;
        }
        if !any {
            out.key("tools").open_list();
            any = true;
        }
        write(tool, blocks, out);
    }
    if any {
        out.close_list();
    }
    any
}

/// Whether the API has such a tool.
fn can(tool: &Tool<'_>, blocks: &mut Blocks<'_>) -> bool {
    let ToolKind::Server(server) = &tool.kind else {
        return true;
    };
    if is_own(server) {
        return true;
    }
    let lost = match server.kind {
        // The API takes one of the two.
        ServerToolKind::WebSearch | ServerToolKind::WebFetch => {
            server.limits_lost((true, server.allowed_domains.is_none()))
        }
        ServerToolKind::CodeExecution => server.limits_lost((false, false)),
        ServerToolKind::Other => {
            blocks.losses.add(tool.at, "tool of another vendor");
            return false;
        }
    };
    if !lost.is_empty() {
        blocks.losses.add(tool.at, "tool of another vendor");
        blocks.losses.add_all(&lost, "limit of a vendor's tool");
    }
    lost.is_empty()
}

fn write(tool: &Tool<'_>, blocks: &mut Blocks<'_>, out: &mut Writer<'_>) {
    match &tool.kind {
        ToolKind::Server(server) if is_own(server) => {
            // The mark is in it.
            let mark = tool.cache.as_ref().map_or(At::NOWHERE, |mark| mark.at);
            blocks.verbatim(&server.json, mark, out);
            return;
        }
        ToolKind::Server(server) => {
            out.open_object();
            server_tool(server, blocks, out);
        }
        ToolKind::Function(function) => {
            out.open_object();
            write_function(function, blocks, out);
        }
        ToolKind::Custom {
            name,
            description,
            format,
            namespace,
        } => {
            out.open_object().key("name").text(name);
            write_description(description.as_ref(), out);
            out.key("input_schema").raw(FREE_TEXT);
            if let Some(format) = format {
                blocks.losses.add(format.at, "grammar of a tool");
            }
            if namespace.is_some() {
                blocks.losses.add(At::NOWHERE, "namespace of a tool");
            }
        }
    }
    blocks.mark(tool.cache.as_ref(), out);
    out.close_object();
}

fn write_description(description: Option<&Said<Str<'_>>>, out: &mut Writer<'_>) {
    if let Some(description) = description {
        out.key("description").text(&description.value);
    }
}

fn write_function(function: &Function<'_>, blocks: &mut Blocks<'_>, out: &mut Writer<'_>) {
    out.key("name").text(&function.name);
    write_description(function.description.as_ref(), out);
    // Where there are structured outputs, there are strict tools.
    let is_strict = function.strict.as_ref().is_some_and(|strict| strict.value);
    let strict = function
        .strict
        .as_ref()
        .filter(|_| blocks.traits.json_schema);
    out.key("input_schema");
    match &function.schema {
        None => {
            out.raw(r#"{"type":"object","properties":{}}"#);
        }
        Some(json) => {
            let rules = Rules {
                gemini_dialect: function.gemini_dialect,
                closed: is_strict && strict.is_some(),
                object: true,
                ..Rules::default()
            };
            if !schema::write(&json.value, rules, out) {
                blocks.losses.add(json.at, "schema of a tool");
            }
        }
    }
    match (strict, &function.strict) {
        (Some(strict), _) => {
            out.key("strict").bool(strict.value);
        }
        (None, Some(strict)) if is_strict => blocks.losses.add(strict.at, "strict tool"),
        (None, _) => {}
    }
    if let Some(namespace) = &function.namespace {
        let at = namespace.description.as_ref().map(|words| words.at);
        blocks.losses.add(At::NOWHERE, "namespace of a tool");
        blocks.losses.add_all(at.as_slice(), "namespace of a tool");
    }
}

/// Whether the tool was written in this format: its type ends with a version, `_` and a date of eight digits, and it can be
/// read here.
fn is_own(server: &ServerTool<'_>) -> bool {
    let mut document = Document::default();
    let Ok(tool) = document.read(server.json.0.as_bytes()) else {
        return false;
    };
    let Some(kind) = tool.member_text("type") else {
        return false;
    };
    let is_dated = kind
        .rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()));
    let is_known = match &*kind {
        "mcp_toolset" => tool.member_text("mcp_server_name").is_some(),
        _ => is_dated && tool.member_text("name").is_some(),
    };
    is_known && tools_read::server_tool(tool, &kind, &mut Vec::new()).is_ok()
}

/// A tool that other vendors have too, in the version that every model takes (web search) or that needs no beta.
fn server_tool(server: &ServerTool<'_>, blocks: &mut Blocks<'_>, out: &mut Writer<'_>) {
    let (kind, name) = match server.kind {
        ServerToolKind::WebSearch => ("web_search_20250305", "web_search"),
        ServerToolKind::WebFetch => ("web_fetch_20260318", "web_fetch"),
        ServerToolKind::CodeExecution | ServerToolKind::Other => {
            ("code_execution_20260521", "code_execution")
        }
    };
    out.key("type").text(kind).key("name").text(name);
    // A tool that has none of the two has come here without any.
    if let Some(allowed) = &server.allowed_domains {
        write_domains("allowed_domains", allowed, out);
    }
    if let Some(blocked) = &server.blocked_domains {
        write_domains("blocked_domains", blocked, out);
    }
    if let Some(said) = &server.place {
        match server.kind {
            ServerToolKind::WebSearch => {
                out.key("user_location").open_object();
                out.key("type").text("approximate");
                place::write(&said.value, out);
                out.close_object();
            }
            ServerToolKind::WebFetch | ServerToolKind::CodeExecution | ServerToolKind::Other => {
                blocks.losses.add(said.at, "where the user is");
            }
        }
    }
    let losses = &mut *blocks.losses;
    // The middle is what is done without a word.
    let size = server.context_size.as_ref();
    if let Some(size) = size.filter(|size| size.value != "medium") {
        losses.add(size.at, "how much a search finds");
    }
    losses.add_all(&server.unsaid, "setting of a vendor's tool");
}

fn write_domains(key: &'static str, domains: &Said<Vec<Str<'_>>>, out: &mut Writer<'_>) {
    out.key(key).open_list();
    for domain in &domains.value {
        out.text(domain);
    }
    out.close_list();
}

/// Whether a call is demanded, with which the API refuses thinking.
pub(super) fn is_forced(request: &Request<'_>) -> bool {
    match request.choice.as_ref().map(|choice| &choice.value) {
        Some(ToolChoice::Required | ToolChoice::Named { .. } | ToolChoice::Server(_)) => true,
        Some(ToolChoice::Among { required, .. }) => *required,
        Some(ToolChoice::Auto | ToolChoice::None) | None => false,
    }
}

/// Writes `tool_choice`, for a request that has tools if `any`.
pub(super) fn choice(
    request: &Request<'_>,
    any: bool,
    blocks: &mut Blocks<'_>,
    out: &mut Writer<'_>,
) {
    let single = request.parallel.as_ref().filter(|said| !said.value);
    if !any {
        // The API refuses a choice among nothing.
        match &request.choice {
            Some(said) if matches!(said.value, ToolChoice::Auto | ToolChoice::None) => {
                blocks.losses.hint(said.at, "tool choice");
            }
            Some(said) => blocks.losses.add(said.at, "tool choice"),
            None => {}
        }
        if let Some(single) = single {
            blocks.losses.hint(single.at, "parallel calls");
        }
        return;
    }
    let (kind, name) = match request
        .choice
        .as_ref()
        .map(|choice| (choice.at, &choice.value))
    {
        None if single.is_none() => return,
        None | Some((_, ToolChoice::Auto)) => ("auto", None),
        Some((_, ToolChoice::None)) => ("none", None),
        Some((_, ToolChoice::Required)) => ("any", None),
        Some((_, ToolChoice::Named { name, .. })) => ("tool", Some(name)),
        Some((at, ToolChoice::Among { names, required })) => match &**names {
            [name] if *required => ("tool", Some(name)),
            _ => {
                let mut functions = request.tools.iter().filter_map(|tool| match &tool.kind {
                    ToolKind::Function(function) => Some(&function.name),
                    ToolKind::Custom { name, .. } => Some(name),
                    ToolKind::Server(_) => None,
                });
                let names: BTreeSet<&str> = names.iter().map(|name| &**name).collect();
                if !functions.all(|name| names.contains(&**name)) {
                    blocks.losses.add(at, "which tools may be called");
                }
                (if *required { "any" } else { "auto" }, None)
            }
        },
        Some((at, ToolChoice::Server(json))) => {
            if is_choice(&json.0) {
                // Whether calls may be parallel is said in it.
                out.key("tool_choice").json(json);
            } else {
                blocks.losses.add(at, "tool choice");
            }
            return;
        }
    };
    out.key("tool_choice").open_object().key("type").text(kind);
    if let Some(name) = name {
        out.key("name").text(name);
    }
    if single.is_some() && kind != "none" {
        out.key("disable_parallel_tool_use").bool(true);
    }
    out.close_object();
}

/// Whether it is a choice in this format.
fn is_choice(json: &str) -> bool {
    let mut document = Document::default();
    let choice = document.read(json.as_bytes());
    choice.is_ok_and(|choice| {
        choice.member_text("type").as_deref() == Some("tool")
            && choice.member_text("name").is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{CacheMark, Json};
    use crate::wire::convert::{Losses, Traits};

    fn tool() -> Tool<'static> {
        Tool {
            at: At(1),
            kind: ToolKind::Server(ServerTool {
                kind: ServerToolKind::Other,
                json: Json(r#"{"type":"bash_20250124","cache_control":{"type":"ephemeral"},"name":"bash"}"#.into()),
                name: None,
                allowed_domains: None,
                blocked_domains: None,
                place: None,
                context_size: None,
                max_uses: None,
                limits: Vec::new(),
                unsaid: Vec::new(),
            }),
            cache: Some(CacheMark {
                at: At(2),
                ttl: None,
            }),
        }
    }

    fn written(traits: &Traits, losses: &mut Losses) -> String {
        let mut out = Vec::new();
        let mut blocks = Blocks { traits, losses };
        tools(&[tool()], &mut blocks, &mut Writer::new(&mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_apis_own_tools_stay_as_they_were_written_but_for_marks_that_are_refused() {
        let mut losses = Losses::default();
        let own = written(&Traits::default(), &mut losses);
        let ToolKind::Server(server) = tool().kind else {
            panic!("no server tool");
        };
        assert_eq!(own, format!("\"tools\":[{}]", server.json.0));
        assert!(losses.is_empty());
        let without = Traits {
            cache_control: false,
            ..Traits::default()
        };
        let bare = written(&without, &mut losses);
        assert_eq!(bare, r#""tools":[{"type":"bash_20250124","name":"bash"}]"#);
        let places: Vec<_> = losses.iter().map(|loss| loss.at).collect();
        assert_eq!(places, [At(2)]);
    }

    #[test]
    fn a_choice_among_no_tools_is_lost() {
        let request = Request {
            choice: Some(Said::new(At(5), ToolChoice::Auto)),
            parallel: Some(Said::new(At(6), false)),
            ..Request::default()
        };
        let mut losses = Losses::default();
        let traits = &Traits::default();
        let mut out = Vec::new();
        let mut blocks = Blocks {
            traits,
            losses: &mut losses,
        };
        choice(&request, false, &mut blocks, &mut Writer::new(&mut out));
        assert!(out.is_empty());
        assert_eq!(losses.iter().count(), 2);
    }
}
