use std::borrow::Cow;

use crate::ir::{
    At, Function, Json, Request, Said, ServerTool, ServerToolKind, Str, Tool, ToolChoice, ToolKind,
};
use crate::wire::json::{Document, Misfit, Value};

use super::request_read::each;

/// Reads `tools`. Each entry holds functions, tools of the vendor's, or both.
pub(super) fn tools<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    for entry in each(value) {
        for (key, member) in entry.want_object()?.members() {
            if member.is_null() {
                continue;
            }
            if matches!(&*key, "functionDeclarations" | "function_declarations") {
                for declaration in each(member) {
                    let function = function(declaration, &mut request.unsaid)?;
                    request.tools.push(Tool {
                        at: declaration.at(),
                        kind: ToolKind::Function(function),
                        cache: None,
                    });
                }
                continue;
            }
            request.tools.push(Tool {
                at: member.at(),
                kind: ToolKind::Server(server_tool(&key, member)),
                cache: None,
            });
        }
    }
    Ok(())
}

fn function<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Function<'a>, Misfit> {
    let mut function = Function::default();
    for (key, member) in value.want_object()?.members() {
        match &*key {
            _ if member.is_null() => {}
            "name" => function.name = member.want_text()?,
            "description" => function.description = Some(member.want_said()?),
            "parameters" | "parametersJsonSchema" | "parameters_json_schema" => {
                if let Some(earlier) = &function.schema {
                    unsaid.push(earlier.at);
                }
                function.schema = Some(member.want_json_object()?);
                function.gemini_dialect = key == "parameters";
            }
            _ => unsaid.push(member.at()),
        }
    }
    if function.name.is_empty() {
        return Err(value.misfit("an object with a name"));
    }
    Ok(function)
}

/// The tools that Google runs, by their keys without underscores and capitals.
const SERVER_TOOLS: [&str; 12] = [
    "googlesearch",
    "googlesearchretrieval",
    "enterprisewebsearch",
    "urlcontext",
    "codeexecution",
    "googlemaps",
    "filesearch",
    "retrieval",
    "computeruse",
    "mcpservers",
    "parallelaisearch",
    "exaaisearch",
];

/// Whether a tool that was written as `json` is one of Gemini's: an object under its name.
pub(super) fn is_ours(json: &str) -> bool {
    let mut document = Document::default();
    document.read(json.as_bytes()).is_ok_and(|value| {
        let mut members = value.members();
        let is_known = members.next().is_some_and(|(key, _)| {
            SERVER_TOOLS.contains(&&*key.replace('_', "").to_ascii_lowercase())
        });
        is_known && members.next().is_none()
    })
}

fn server_tool<'a>(key: &str, value: Value<'_, 'a>) -> ServerTool<'a> {
    let kind = match key {
        "googleSearch"
        | "google_search"
        | "googleSearchRetrieval"
        | "google_search_retrieval"
        | "enterpriseWebSearch"
        | "enterprise_web_search" => ServerToolKind::WebSearch,
        "urlContext" | "url_context" => ServerToolKind::WebFetch,
        "codeExecution" | "code_execution" => ServerToolKind::CodeExecution,
        _ => ServerToolKind::Other,
    };
    let mut tool = ServerTool {
        kind,
        json: Json(Cow::Owned(format!("{{\"{key}\":{}}}", value.raw()))),
        name: None,
        allowed_domains: None,
        blocked_domains: None,
        place: None,
        context_size: None,
        limits: Vec::new(),
        unsaid: Vec::new(),
    };
    for (key, member) in value.members() {
        match &*key {
            _ if member.is_null() => {}
            "excludeDomains" | "exclude_domains" if kind == ServerToolKind::WebSearch => {
                let domains = member.items().filter_map(Value::text).collect();
                tool.blocked_domains = Some(Said::new(member.at(), domains));
            }
            "timeRangeFilter" | "time_range_filter" => tool.limits.push(member.at()),
            _ => tool.unsaid.push(member.at()),
        }
    }
    tool
}

/// Reads `toolConfig`.
pub(super) fn config<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    for (key, member) in value.want_object()?.members() {
        match &*key {
            _ if member.is_null() => {}
            "functionCallingConfig" | "function_calling_config" => calling(request, member)?,
            _ => request.unsaid.push(member.at()),
        }
    }
    Ok(())
}

fn calling<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    let (mut mode, mut names) = (None, Vec::new());
    for (key, member) in value.want_object()?.members() {
        match &*key {
            _ if member.is_null() => {}
            "mode" => mode = Some(member),
            "allowedFunctionNames" | "allowed_function_names" => {
                for name in each(member) {
                    names.push(name.want_text()?);
                }
            }
            _ => request.unsaid.push(member.at()),
        }
    }
    let at = mode
        .filter(|_| names.is_empty())
        .map_or(value.at(), Value::at);
    let word = mode.map(Value::want_text).transpose()?.unwrap_or_default();
    let word = word.to_ascii_uppercase();
    let choice = match word.as_str() {
        "ANY" => any(names),
        "NONE" => Some(ToolChoice::None),
        "" | "AUTO" | "MODE_UNSPECIFIED" | "VALIDATED" if !names.is_empty() => {
            Some(ToolChoice::Among {
                names,
                required: false,
            })
        }
        "AUTO" => Some(ToolChoice::Auto),
        // That what the model calls is checked against the schema has no word of its own.
        "VALIDATED" => {
            request.unsaid.push(at);
            Some(ToolChoice::Auto)
        }
        "" | "MODE_UNSPECIFIED" => None,
        _ => {
            request.unsaid.push(value.at());
            None
        }
    };
    request.choice = choice.map(|choice| Said::new(at, choice));
    Ok(())
}

fn any(mut names: Vec<Str<'_>>) -> Option<ToolChoice<'_>> {
    if names.len() > 1 {
        return Some(ToolChoice::Among {
            names,
            required: true,
        });
    }
    Some(match names.pop() {
        Some(name) => ToolChoice::Named {
            name,
            custom: false,
        },
        None => ToolChoice::Required,
    })
}
