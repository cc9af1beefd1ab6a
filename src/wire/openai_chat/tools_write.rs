//! Tools and the choice among them, as vendors want them.

use crate::ir::{
    Function, Json, Request, Said, ServerTool, ServerToolKind, Str, Tool, ToolChoice, ToolKind,
};
use crate::wire::convert::place;
use crate::wire::json::{Document, Kind, Value};

use super::out::Out;
use super::request_write::write_schema;

/// Arguments of a custom tool where there are none: its text under this name.
pub(super) const INPUT: &str = "input";
const INPUT_SCHEMA: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

pub(super) fn write(request: &Request<'_>, out: &mut Out<'_, '_>) {
    let has_tools = request.tools.iter().any(is_clients);
    if has_tools {
        out.writer.key("tools").open_list();
        for tool in &request.tools {
            write_tool(tool, out);
        }
        out.writer.close_list();
    }
    for tool in &request.tools {
        if let ToolKind::Server(server) = &tool.kind {
            write_server_tool(tool, server, out);
        }
    }
    // OpenAI refuses both where there are no tools.
    if !has_tools {
        let choice = request.choice.as_ref();
        let idle = |said: &&Said<ToolChoice<'_>>| {
            matches!(said.value, ToolChoice::Auto | ToolChoice::None)
        };
        out.hint(choice.filter(idle), "tool_choice without tools");
        let demanded = choice.filter(|said| !idle(said));
        out.lose(demanded, "tool_choice without tools");
        out.hint(request.parallel.as_ref(), "parallel calls without tools");
        return;
    }
    if let Some(choice) = &request.choice {
        write_choice(choice, request, out);
    }
    match out.traits.parallel_switch {
        true => out.bool("parallel_tool_calls", request.parallel.as_ref()),
        // They may be several where nothing is said.
        false => {
            let parallel = request.parallel.as_ref();
            out.lose(parallel.filter(|said| !said.value), "parallel calls");
        }
    }
}

fn is_clients(tool: &Tool<'_>) -> bool {
    !matches!(tool.kind, ToolKind::Server(_))
}

fn write_tool(tool: &Tool<'_>, out: &mut Out<'_, '_>) {
    match &tool.kind {
        ToolKind::Function(function) => {
            out.writer.open_object().key("type").text("function");
            write_function(function, out);
        }
        ToolKind::Custom {
            name,
            description,
            format,
            namespace: _,
        } => {
            let custom = Custom {
                name,
                description: description.as_ref(),
                format: format.as_ref(),
            };
            out.writer.open_object().key("type");
            match out.traits.custom_tools {
                true => custom.write(out),
                false => custom.write_as_function(out),
            }
        }
        ToolKind::Server(_) => return,
    }
    out.write_mark(tool.cache.as_ref());
    out.writer.close_object();
}

fn write_function(function: &Function<'_>, out: &mut Out<'_, '_>) {
    let writer = out.writer.key("function").open_object();
    writer.key("name").text(&function.name);
    if let Some(description) = &function.description {
        writer.key("description").text(&description.value);
    }
    if let Some(schema) = &function.schema {
        writer.key("parameters");
        write_parameters(&schema.value, function.gemini_dialect, out);
    }
    out.bool("strict", function.strict.as_ref());
    out.writer.close_object();
    // The name has been made one of its own by then.
    if let Some(namespace) = &function.namespace {
        let description = namespace.description.as_ref();
        out.lose(description, "description of a namespace");
    }
}

/// OpenAI refuses parameters that are no object, and an object without `properties`, even where there are none.
fn write_parameters(schema: &Json<'_>, gemini_dialect: bool, out: &mut Out<'_, '_>) {
    let mut document = Document::default();
    let read = document.read(schema.0.as_bytes()).ok();
    let lacking = read.filter(|schema| {
        let kind = schema.member("type");
        let is_object = |kind: Value<'_, '_>| {
            let name = kind.text();
            name.is_some_and(|name| name.eq_ignore_ascii_case("object"))
        };
        let is_empty = schema.kind() == Kind::Object && schema.members().next().is_none();
        let has_none = schema.member("properties").is_none();
        is_empty || (has_none && kind.is_some_and(is_object))
    });
    let Some(lacking) = lacking else {
        return write_schema(schema, gemini_dialect, out);
    };
    let writer = out.writer.open_object().key("type").text("object");
    writer.key("properties").open_object().close_object();
    for (key, value) in lacking.members() {
        if !matches!(&*key, "type" | "properties") {
            writer.any_key(&key).raw(value.raw());
        }
    }
    writer.close_object();
}

struct Custom<'r, 'a> {
    name: &'r str,
    description: Option<&'r Said<Str<'a>>>,
    format: Option<&'r Said<Json<'a>>>,
}

impl Custom<'_, '_> {
    fn write(&self, out: &mut Out<'_, '_>) {
        let writer = out.writer.text("custom").key("custom").open_object();
        writer.key("name").text(self.name);
        if let Some(description) = self.description {
            writer.key("description").text(&description.value);
        }
        if let Some(format) = self.format {
            writer.key("format");
            write_format(&format.value, out);
        }
        out.writer.close_object();
    }

    fn write_as_function(&self, out: &mut Out<'_, '_>) {
        let writer = out.writer.text("function").key("function").open_object();
        writer.key("name").text(self.name);
        if let Some(description) = self.description {
            writer.key("description").text(&description.value);
        }
        writer.key("parameters").raw(INPUT_SCHEMA).close_object();
        out.lose(self.format, "grammar of a custom tool");
    }
}

/// Responses writes a grammar beside its type, Chat in an object of its own.
fn write_format(format: &Json<'_>, out: &mut Out<'_, '_>) {
    let mut document = Document::default();
    let read = document.read(format.0.as_bytes()).ok();
    let is_flat = |kind: &str| kind == "grammar";
    let flat = read.filter(|format| {
        format.member_text("type").as_deref().is_some_and(is_flat)
            && format.member("grammar").is_none()
    });
    let Some(flat) = flat else {
        out.writer.json(format);
        return;
    };
    let writer = out.writer.open_object().key("type").text("grammar");
    writer.key("grammar").open_object();
    for (key, value) in flat.members().filter(|(key, _)| key != "type") {
        writer.any_key(&key).raw(value.raw());
    }
    writer.close_object().close_object();
}

/// OpenAI's Chat has one tool of its own, with a member of its own. Other formats' searches are sent to models that are
/// made for searching: all others refuse it.
fn write_server_tool(tool: &Tool<'_>, server: &ServerTool<'_>, out: &mut Out<'_, '_>) {
    if server.kind == ServerToolKind::WebSearch && is_chats(&server.json) {
        out.writer.key("web_search_options").json(&server.json);
        return;
    }
    let lost = server.limits_lost((false, false));
    let can = server.kind == ServerToolKind::WebSearch && out.traits.web_search_options;
    if can && lost.is_empty() {
        write_search(server, out);
    } else {
        if can {
            out.losses.add_all(&lost, "limit of a web search");
        }
        out.losses.add(tool.at, "a tool that the vendor runs");
    }
}

fn write_search(server: &ServerTool<'_>, out: &mut Out<'_, '_>) {
    out.losses
        .add_all(&server.unsaid, "setting of a web search");
    if let Some(most) = &server.max_uses {
        out.losses.add(most.at, "how often a tool may be called");
    }
    let writer = out.writer.key("web_search_options").open_object();
    if let Some(size) = &server.context_size {
        writer.key("search_context_size").text(&size.value);
    }
    if let Some(said) = &server.place {
        writer.key("user_location").open_object();
        writer.key("type").text("approximate");
        writer.key("approximate").open_object();
        place::write(&said.value, writer);
        writer.close_object().close_object();
    }
    writer.close_object();
}

/// Whether the settings of a search are written as Chat writes them: they have no type.
fn is_chats(json: &Json<'_>) -> bool {
    let mut document = Document::default();
    document.read(json.0.as_bytes()).is_ok_and(|settings| {
        let known = |key: &str| key == "search_context_size" || key == "user_location";
        settings.kind() == Kind::Object && settings.members().all(|(key, _)| known(&key))
    })
}

fn write_choice(choice: &Said<ToolChoice<'_>>, request: &Request<'_>, out: &mut Out<'_, '_>) {
    let key = "tool_choice";
    match &choice.value {
        ToolChoice::Auto => {
            out.writer.key(key).text("auto");
        }
        ToolChoice::None => {
            out.writer.key(key).text("none");
        }
        ToolChoice::Required => {
            out.writer.key(key).text("required");
        }
        ToolChoice::Named { name, custom } => {
            out.writer.key(key);
            write_named(name, *custom, out);
        }
        ToolChoice::Among { names, required } => match names.as_slice() {
            // The same, in words that more vendors know.
            [name] if *required => {
                out.writer.key(key);
                write_named(name, request.customs().contains(&**name), out);
            }
            names => {
                let writer = out.writer.key(key).open_object();
                writer.key("type").text("allowed_tools");
                let mode = if *required { "required" } else { "auto" };
                writer.key("allowed_tools").open_object();
                writer.key("mode").text(mode).key("tools").open_list();
                let customs = request.customs();
                for name in names {
                    write_named(name, customs.contains(&**name), out);
                }
                out.writer.close_list().close_object().close_object();
            }
        },
        ToolChoice::Server(_) => out
            .losses
            .add(choice.at, "the choice of a tool that the vendor runs"),
    }
}

fn write_named(name: &str, custom: bool, out: &mut Out<'_, '_>) {
    let kind = match custom && out.traits.custom_tools {
        true => "custom",
        false => "function",
    };
    let writer = out.writer.open_object().key("type").text(kind);
    writer.key(kind).open_object().key("name").text(name);
    writer.close_object().close_object();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::proof::{lost, read, write};
    use super::*;
    use crate::ir::At;
    use crate::wire::convert::Traits;

    fn with_tool(kind: ToolKind<'static>) -> Request<'static> {
        Request {
            tools: vec![Tool {
                at: At(1),
                kind,
                cache: None,
            }],
            ..Request::default()
        }
    }

    #[test]
    fn parameters_are_what_openai_takes() {
        for (schema, expected) in [
            (r#"{}"#, json!({"type": "object", "properties": {}})),
            (
                r#"{"type":"object","additionalProperties":false}"#,
                json!({"type": "object", "properties": {}, "additionalProperties": false}),
            ),
            (r#"{"anyOf":[]}"#, json!({"anyOf": []})),
        ] {
            let function = Function {
                name: "f".into(),
                schema: Some(Said::new(At(2), Json(schema.into()))),
                ..Function::default()
            };
            let written = write(&with_tool(ToolKind::Function(function)), &Traits::default());
            assert_eq!(written["tools"][0]["function"]["parameters"], expected);
        }
        let none = Function {
            name: "f".into(),
            ..Function::default()
        };
        let written = write(&with_tool(ToolKind::Function(none)), &Traits::default());
        assert_eq!(written["tools"][0]["function"], json!({"name": "f"}));
    }

    #[test]
    fn a_custom_tool_is_a_function_of_one_text_where_there_are_none() {
        let custom = || ToolKind::Custom {
            name: "c".into(),
            description: None,
            format: Some(Said::new(
                At(2),
                Json(r#"{"type":"grammar","syntax":"lark","definition":"x"}"#.into()),
            )),
            namespace: None,
        };
        let written = write(&with_tool(custom()), &Traits::default());
        let grammar = json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}});
        assert_eq!(written["tools"][0]["custom"]["format"], grammar);
        let without = Traits {
            custom_tools: false,
            ..Traits::default()
        };
        let written = write(&with_tool(custom()), &without);
        let parameters = &written["tools"][0]["function"]["parameters"];
        assert_eq!(parameters["required"], json!(["input"]));
        assert_eq!(
            lost(&with_tool(custom()), &without),
            ["grammar of a custom tool"]
        );
    }

    #[test]
    fn only_chats_own_search_is_asked_for() {
        let own = read(r#"{"web_search_options":{"search_context_size":"low"}}"#);
        let written = write(&own, &Traits::default());
        assert_eq!(
            written["web_search_options"],
            json!({"search_context_size": "low"})
        );
        let other = ServerTool {
            kind: ServerToolKind::WebSearch,
            json: Json(r#"{"type":"web_search_20250305","name":"web_search"}"#.into()),
            name: None,
            allowed_domains: None,
            blocked_domains: None,
            place: None,
            context_size: None,
            max_uses: None,
            limits: Vec::new(),
            unsaid: Vec::new(),
        };
        let other = with_tool(ToolKind::Server(other));
        assert!(write(&other, &Traits::default()).get("tools").is_none());
        assert_eq!(
            lost(&other, &Traits::default()),
            ["a tool that the vendor runs"]
        );
    }

    #[test]
    fn a_search_whose_limits_cannot_be_said_is_left_out() {
        let traits = Traits {
            web_search_options: true,
            ..Traits::default()
        };
        let search = |limits: Vec<At>| {
            with_tool(ToolKind::Server(ServerTool {
                kind: ServerToolKind::WebSearch,
                json: Json(r#"{"type":"web_search_20250305","name":"web_search"}"#.into()),
                name: None,
                allowed_domains: None,
                blocked_domains: None,
                place: None,
                context_size: None,
                max_uses: None,
                limits,
                unsaid: Vec::new(),
            }))
        };
        let free = write(&search(Vec::new()), &traits);
        assert_eq!(free["web_search_options"], json!({}));
        let bound = search(vec![At(5)]);
        let written = write(&bound, &traits);
        assert!(written.get("web_search_options").is_none(), "{written}");
        assert_eq!(
            lost(&bound, &traits),
            ["limit of a web search", "a tool that the vendor runs"]
        );
    }

    #[test]
    fn a_choice_among_one_is_the_choice_of_it() {
        let choose = |names: Vec<&'static str>, required| {
            let mut request = read(
                r#"{"tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"c"}}]}"#,
            );
            let names = names.into_iter().map(Into::into).collect();
            request.choice = Some(Said::new(At(1), ToolChoice::Among { names, required }));
            write(&request, &Traits::default())["tool_choice"].clone()
        };
        let custom = json!({"type": "custom", "custom": {"name": "c"}});
        let function = json!({"type": "function", "function": {"name": "f"}});
        assert_eq!(choose(vec!["c"], true), custom);
        let allowed = |mode, tools| json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}});
        assert_eq!(choose(vec!["f"], false), allowed("auto", vec![&function]));
        assert_eq!(
            choose(vec!["f", "c"], true),
            allowed("required", vec![&function, &custom])
        );
    }

    #[test]
    fn a_switch_that_the_vendor_does_not_know_is_not_written() {
        let request = read(
            r#"{"tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false}"#,
        );
        let traits = Traits {
            parallel_switch: false,
            ..Traits::default()
        };
        assert!(
            write(&request, &traits)
                .get("parallel_tool_calls")
                .is_none()
        );
        assert_eq!(lost(&request, &traits), ["parallel calls"]);
    }

    #[test]
    fn searches_are_asked_of_models_that_search() {
        let mut request = read(
            r#"{"web_search_options":{"search_context_size":"low","user_location":{"type":"approximate","approximate":{"city":"Rome"}}}}"#,
        );
        let ToolKind::Server(server) = &mut request.tools[0].kind else {
            panic!();
        };
        // As another format has written it.
        server.json = Json(r#"{"type":"web_search"}"#.into());
        let searches = Traits {
            web_search_options: true,
            ..Traits::default()
        };
        let place = json!({"type": "approximate", "approximate": {"city": "Rome"}});
        assert_eq!(
            write(&request, &searches)["web_search_options"],
            json!({"search_context_size": "low", "user_location": place})
        );
        let none = ["a tool that the vendor runs"];
        assert_eq!(lost(&request, &Traits::default()), none);
    }
}
