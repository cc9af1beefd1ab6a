use crate::ir::{
    At, Function, Namespace, Request, Said, ServerTool, ServerToolKind, Str, Tool, ToolChoice,
    ToolKind,
};
use crate::wire::convert::place;
use crate::wire::json::{Kind, Misfit, Value};

use super::content_read::said;

pub(super) fn read<'a>(
    tools: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<Vec<Tool<'a>>, Misfit> {
    let mut list = Vec::new();
    for tool in tools.want_list()?.items() {
        if kind_of(tool)? == "namespace" {
            namespace(tool, &mut list, unsaid)?;
        } else {
            list.push(read_tool(tool, None, unsaid)?);
        }
    }
    Ok(list)
}

fn kind_of(tool: Value<'_, '_>) -> Result<String, Misfit> {
    let kind = tool.want_object()?.member("type");
    let kind = kind.ok_or(tool.misfit("an object with a type"))?;
    Ok(kind.want_text()?.into_owned())
}

fn read_tool<'a>(
    tool: Value<'_, 'a>,
    space: Option<&Namespace<'a>>,
    unsaid: &mut Vec<At>,
) -> Result<Tool<'a>, Misfit> {
    let kind = match kind_of(tool)?.as_str() {
        "function" => function(tool, space, unsaid)?,
        "custom" => custom(tool, space, unsaid)?,
        kind => ToolKind::Server(server(kind, tool)?),
    };
    Ok(Tool {
        at: tool.at(),
        kind,
        cache: None,
    })
}

fn namespace<'a>(
    value: Value<'_, 'a>,
    list: &mut Vec<Tool<'a>>,
    unsaid: &mut Vec<At>,
) -> Result<(), Misfit> {
    let (mut name, mut description, mut tools) = (None, None, None);
    for (key, value) in said(value) {
        match &*key {
            "name" => name = Some(value.want_text()?),
            "description" => description = Some(value.want_said()?),
            "tools" => tools = Some(value.want_list()?),
            _ => unsaid.push(value.at()),
        }
    }
    let space = Namespace {
        name: name.ok_or(value.misfit("a namespace with a name"))?,
        description,
    };
    let tools = tools.ok_or(value.misfit("a namespace with tools"))?;
    let before = list.len();
    for tool in tools.items() {
        list.push(read_tool(tool, Some(&space), unsaid)?);
    }
    // Words about the namespace go with its functions; where it has none, nobody has them.
    let holds = |tool: &Tool<'_>| matches!(tool.kind, ToolKind::Function(_));
    if !list.iter().skip(before).any(holds) {
        unsaid.extend(space.description.map(|said| said.at));
    }
    Ok(())
}

fn function<'a>(
    tool: Value<'_, 'a>,
    space: Option<&Namespace<'a>>,
    unsaid: &mut Vec<At>,
) -> Result<ToolKind<'a>, Misfit> {
    let mut function = Function {
        namespace: space.cloned(),
        ..Function::default()
    };
    let mut name = None;
    for (key, value) in said(tool) {
        match &*key {
            "name" => name = Some(value.want_text()?),
            "description" => function.description = Some(value.want_said()?),
            "parameters" => function.schema = Some(value.want_json_object()?),
            "strict" => function.strict = Some(value.want_bool()?),
            _ => unsaid.push(value.at()),
        }
    }
    function.name = name.ok_or(tool.misfit("a function with a name"))?;
    Ok(ToolKind::Function(function))
}

fn custom<'a>(
    tool: Value<'_, 'a>,
    space: Option<&Namespace<'a>>,
    unsaid: &mut Vec<At>,
) -> Result<ToolKind<'a>, Misfit> {
    let (mut name, mut about, mut format) = (None, None, None);
    for (key, value) in said(tool) {
        match &*key {
            "name" => name = Some(value.want_text()?),
            "description" => about = Some(value.want_said()?),
            "format" => format = Some(value.want_json_object()?),
            _ => unsaid.push(value.at()),
        }
    }
    Ok(ToolKind::Custom {
        name: name.ok_or(tool.misfit("a tool with a name"))?,
        description: about,
        format,
        namespace: space.map(|space| space.name.clone()),
    })
}

fn server<'a>(kind: &str, tool: Value<'_, 'a>) -> Result<ServerTool<'a>, Misfit> {
    let mut server = ServerTool {
        kind: match kind {
            "web_search"
            | "web_search_2025_08_26"
            | "web_search_preview"
            | "web_search_preview_2025_03_11" => ServerToolKind::WebSearch,
            "code_interpreter" => ServerToolKind::CodeExecution,
            _ => ServerToolKind::Other,
        },
        json: tool.json(),
        name: None,
        allowed_domains: None,
        blocked_domains: None,
        place: None,
        context_size: None,
        limits: Vec::new(),
        unsaid: Vec::new(),
    };
    let is_search = server.kind == ServerToolKind::WebSearch;
    for (key, value) in said(tool) {
        match &*key {
            "filters" if is_search => filters(value, &mut server)?,
            "user_location" if is_search => server.place = place::read(value, &mut server.unsaid),
            "search_context_size" if is_search => server.context_size = Some(value.want_said()?),
            // Other vendors know no other search than that of the live web.
            "external_web_access" if is_search && value.bool() == Some(true) => {}
            "external_web_access" if is_search => server.limits.push(value.at()),
            _ => server.unsaid.push(value.at()),
        }
    }
    Ok(server)
}

fn filters<'a>(value: Value<'_, 'a>, server: &mut ServerTool<'a>) -> Result<(), Misfit> {
    for (key, value) in said(value.want_object()?) {
        let slot = match &*key {
            "allowed_domains" => &mut server.allowed_domains,
            "blocked_domains" => &mut server.blocked_domains,
            _ => {
                server.limits.push(value.at());
                continue;
            }
        };
        let names = value.want_list()?.items().map(Value::want_text);
        let names: Result<Vec<_>, _> = names.collect();
        *slot = Some(Said::new(value.at(), names?));
    }
    Ok(())
}

pub(super) fn read_choice<'a>(
    value: Value<'_, 'a>,
    request: &mut Request<'a>,
) -> Result<(), Misfit> {
    let choice = if value.kind() == Kind::Text {
        match &*value.want_text()? {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => return Err(value.misfit("auto, none, required or an object")),
        }
    } else {
        let unsaid = &mut request.unsaid;
        match kind_of(value)?.as_str() {
            kind @ ("function" | "custom") => ToolChoice::Named {
                name: name_in(value, unsaid)?,
                custom: kind == "custom",
            },
            "allowed_tools" => among(value, unsaid)?,
            _ => ToolChoice::Server(value.json()),
        }
    };
    request.choice = Some(Said::new(value.at(), choice));
    Ok(())
}

fn name_in<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Str<'a>, Misfit> {
    let mut name = None;
    for (key, value) in said(value) {
        match &*key {
            "name" => name = Some(value.want_text()?),
            _ => unsaid.push(value.at()),
        }
    }
    name.ok_or(value.misfit("an object with a name"))
}

fn among<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<ToolChoice<'a>, Misfit> {
    let mut names = Vec::new();
    let mut required = false;
    for (key, value) in said(value) {
        match &*key {
            "mode" => match &*value.want_text()? {
                "auto" => {}
                "required" => required = true,
                _ => unsaid.push(value.at()),
            },
            "tools" => {
                for tool in value.want_list()?.items() {
                    match kind_of(tool)?.as_str() {
                        "function" | "custom" => names.push(name_in(tool, unsaid)?),
                        _ => unsaid.push(tool.at()),
                    }
                }
            }
            _ => unsaid.push(value.at()),
        }
    }
    Ok(ToolChoice::Among { names, required })
}
