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
    let may_call = !matches!(&request.choice, Some(said) if said.value == ToolChoice::None);
    for tool in &request.tools {
        if let Some(cache) = &tool.cache {
            losses.hint(cache.at, "cache mark");
        }
        match &tool.kind {
            ToolKind::Function(_) => {}
            ToolKind::Custom { .. } => losses.add(tool.at, "custom tool"),
            // No mode of the API's keeps the model from them.
            ToolKind::Server(_) if !may_call => {
                losses.round(tool.at, "server tool that may not be called");
            }
            // Models before Gemini 3 refuse both kinds in one request. Those that the client waits for stay.
            ToolKind::Server(_) if !functions.is_empty() && !target.traits.thinking_level => {
                losses.add(tool.at, "server tool beside functions");
            }
            ToolKind::Server(known) => match json_of(known) {
                Some(json) if !is_widened(known, losses) => server.push((known, json)),
                Some(_) | None => losses.add(tool.at, "server tool"),
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

/// Whether it could do more than it may, which is noted. Which pages may be searched cannot be said: `excludeDomains`
/// exists on Vertex only, and the Gemini API refuses it.
fn is_widened(tool: &ServerTool<'_>, losses: &mut Losses) -> bool {
    if is_ours(&tool.json.0) {
        return false;
    }
    let lost = tool.limits_lost((false, false));
    losses.add_all(&lost, "limit of a server tool");
    !lost.is_empty()
}

fn lose_settings(tool: &ServerTool<'_>, losses: &mut Losses) {
    if is_ours(&tool.json.0) {
        return;
    }
    if let Some(place) = &tool.place {
        losses.add(place.at, "where the user is");
    }
    if let Some(most) = &tool.max_uses {
        losses.add(most.at, "how often a tool may be called");
    }
    // The middle is what is done without a word.
    let size = tool.context_size.as_ref();
    if let Some(size) = size.filter(|size| size.value != "medium") {
        losses.add(size.at, "how much a search finds");
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
    let single = request.parallel.as_ref().filter(|said| !said.value);
    match single {
        Some(said) if has_functions => losses.add(said.at, "one call at a time"),
        Some(said) => losses.hint(said.at, "one call at a time"),
        None => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{At, Json, Said};
    use crate::wire::convert::Traits;

    fn body(request: &Request<'_>, traits: &Traits) -> (String, Vec<&'static str>) {
        let target = Target {
            model: "m",
            stream: false,
            traits,
        };
        let (mut out, mut losses) = (Vec::new(), Losses::default());
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        write(&mut writer, request, &target, &mut losses);
        writer.key("x").null().close_object();
        let losses = losses.iter().map(|loss| loss.what).collect();
        (String::from_utf8(out).unwrap(), losses)
    }

    fn tools(kinds: Vec<ToolKind<'static>>) -> Request<'static> {
        let tool = |kind| Tool {
            at: At(7),
            kind,
            cache: None,
        };
        Request {
            tools: kinds.into_iter().map(tool).collect(),
            ..Request::default()
        }
    }

    fn function(gemini_dialect: bool) -> ToolKind<'static> {
        ToolKind::Function(Function {
            name: "f".into(),
            schema: Some(Said::new(At(1), Json(r#"{"type": "object"}"#.into()))),
            gemini_dialect,
            ..Function::default()
        })
    }

    fn server(kind: ServerToolKind, json: &'static str) -> ToolKind<'static> {
        ToolKind::Server(ServerTool {
            kind,
            json: Json(json.into()),
            name: None,
            allowed_domains: None,
            blocked_domains: None,
            place: None,
            context_size: None,
            max_uses: None,
            limits: Vec::new(),
            unsaid: Vec::new(),
        })
    }

    #[test]
    fn schemas_stand_as_written_in_the_dialect_that_they_are_in() {
        let (body, _) = body(
            &tools(vec![function(false), function(true)]),
            &Traits::default(),
        );
        let expected = concat!(
            r#"{"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type": "object"}},"#,
            r#"{"name":"f","parameters":{"type": "object"}}]}],"x""#
        );
        assert!(body.starts_with(expected), "{body}");
    }

    #[test]
    fn a_search_whose_limits_cannot_be_said_is_left_out() {
        let limit = |set: fn(&mut ServerTool<'static>), json| {
            let mut tool = server(ServerToolKind::WebSearch, json);
            if let ToolKind::Server(server) = &mut tool {
                set(server);
            }
            body(&tools(vec![tool]), &Traits::default())
        };
        let sets: [fn(&mut ServerTool<'static>); 3] = [
            |tool| tool.allowed_domains = Some(Said::new(At(8), Vec::new())),
            |tool| tool.blocked_domains = Some(Said::new(At(9), Vec::new())),
            |tool| tool.limits.push(At(9)),
        ];
        for set in sets {
            let (written, losses) = limit(set, r#"{"type":"web_search"}"#);
            assert!(!written.contains("googleSearch"), "{written}");
            assert_eq!(losses, ["limit of a server tool", "server tool"]);
            let (written, losses) = limit(set, r#"{"googleSearch":{}}"#);
            assert!(written.contains("googleSearch"), "{written}");
            assert!(losses.is_empty(), "{losses:?}");
        }
    }

    #[test]
    fn tools_of_the_vendor_s_go_beside_functions_only_where_both_are_taken() {
        let search = || server(ServerToolKind::WebSearch, r#"{"type":"web_search"}"#);
        let chat = || server(ServerToolKind::WebSearch, r#"{"web_search_options":{}}"#);
        let own = || {
            server(
                ServerToolKind::Other,
                r#"{"googleMaps":{"enableWidget":true}}"#,
            )
        };
        let other = || server(ServerToolKind::Other, r#"{"type":"computer"}"#);
        let alone = tools(vec![search(), chat(), own(), other()]);
        let (written, losses) = body(&alone, &Traits::default());
        let expected = r#"{"tools":[{"googleSearch":{}},{"googleSearch":{}},{"googleMaps":{"enableWidget":true}}],"x""#;
        assert!(written.starts_with(expected), "{written}");
        assert_eq!(losses, ["server tool"]);
        let mixed = tools(vec![function(false), search()]);
        let (written, losses) = body(&mixed, &Traits::default());
        assert!(!written.contains("googleSearch"), "{written}");
        assert_eq!(losses, ["server tool beside functions"]);
        let level = Traits {
            thinking_level: true,
            ..Traits::default()
        };
        let (written, _) = body(&mixed, &level);
        let expected =
            r#",{"googleSearch":{}}],"toolConfig":{"includeServerSideToolInvocations":true}"#;
        assert!(written.contains(expected), "{written}");
    }

    #[test]
    fn tools_of_the_vendor_s_that_may_not_be_called_stay_away() {
        let mut request = tools(vec![
            function(false),
            server(ServerToolKind::WebSearch, r#"{"type":"web_search"}"#),
        ]);
        request.choice = Some(Said::new(At(3), ToolChoice::None));
        let level = Traits {
            thinking_level: true,
            ..Traits::default()
        };
        let (written, losses) = body(&request, &level);
        assert!(!written.contains("googleSearch"), "{written}");
        assert!(written.contains(r#""mode":"NONE""#), "{written}");
        assert_eq!(losses, ["server tool that may not be called"]);
    }

    #[test]
    fn tool_choices_are_modes() {
        for (choice, expected) in [
            (ToolChoice::Auto, r#"{"mode":"AUTO"}"#),
            (ToolChoice::None, r#"{"mode":"NONE"}"#),
            (ToolChoice::Required, r#"{"mode":"ANY"}"#),
            (
                ToolChoice::Named {
                    name: "f".into(),
                    custom: false,
                },
                r#"{"mode":"ANY","allowedFunctionNames":["f"]}"#,
            ),
            (
                ToolChoice::Among {
                    names: vec!["f".into(), "g".into()],
                    required: false,
                },
                r#"{"mode":"VALIDATED","allowedFunctionNames":["f","g"]}"#,
            ),
        ] {
            let mut request = tools(vec![function(false)]);
            request.choice = Some(Said::new(At(8), choice));
            let (written, losses) = body(&request, &Traits::default());
            let expected = format!("\"toolConfig\":{{\"functionCallingConfig\":{expected}}}");
            assert!(written.contains(&expected), "{written}");
            assert!(losses.is_empty());
            request.tools.clear();
            let (written, _) = body(&request, &Traits::default());
            assert!(!written.contains("toolConfig"), "{written}");
        }
    }
}
