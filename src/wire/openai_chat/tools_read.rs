//! Tools, the choice among them, and the shape of the answer, as requests say them.

use std::borrow::Cow;

use crate::ir::{
    At, Function, Json, Output, Request, Said, ServerTool, ServerToolKind, Str, Tool, ToolChoice,
    ToolKind,
};
use crate::wire::convert::place;
use crate::wire::json::{Kind, Misfit, Value, Writer};

use super::request_read::{filled, read_mark};

pub(super) fn read_tools<'a>(request: &mut Request<'a>, list: Value<'_, 'a>) -> Result<(), Misfit> {
    for value in list.want_list()?.items() {
        let tool = read_tool(value, &mut request.unsaid)?;
        request.tools.push(tool);
    }
    Ok(())
}

fn read_tool<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Tool<'a>, Misfit> {
    let kind = value.want_object()?.member_text("type");
    let inner = match kind.as_deref() {
        // Some clients forget the type.
        Some("function") | None => "function",
        Some("custom") => "custom",
        Some(other) => return Ok(server_tool(value, other)),
    };
    let mut tool = Tool {
        at: value.at(),
        kind: ToolKind::Function(Function::default()),
        cache: None,
    };
    let mut found = false;
    for (key, value) in filled(value) {
        match &*key {
            "type" => {}
            "function" if inner == "function" => {
                found = true;
                tool.kind = ToolKind::Function(read_function(value, unsaid)?);
            }
            "custom" if inner == "custom" => {
                found = true;
                tool.kind = read_custom(value, unsaid)?;
            }
            "cache_control" => tool.cache = Some(read_mark(value, unsaid)?),
            _ => unsaid.push(value.at()),
        }
    }
    match found {
        true => Ok(tool),
        false => Err(value.misfit("a tool with `function` or `custom`")),
    }
}

fn read_function<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Function<'a>, Misfit> {
    let mut function = Function::default();
    let mut named = false;
    for (key, value) in filled(value.want_object()?) {
        match &*key {
            "name" => {
                named = true;
                function.name = value.want_text()?;
            }
            "description" => function.description = Some(value.want_said()?),
            "parameters" => function.schema = Some(value.want_json_object()?),
            "strict" => function.strict = Some(value.want_bool()?),
            _ => unsaid.push(value.at()),
        }
    }
    match named {
        true => Ok(function),
        false => Err(value.misfit("a function with a name")),
    }
}

fn read_custom<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<ToolKind<'a>, Misfit> {
    let (mut name, mut description, mut format) = (None, None, None);
    for (key, value) in filled(value.want_object()?) {
        match &*key {
            "name" => name = Some(value.want_text()?),
            "description" => description = Some(value.want_said()?),
            "format" => {
                format = Some(Said::new(value.at(), flat_format(value.want_object()?)));
            }
            _ => unsaid.push(value.at()),
        }
    }
    Ok(ToolKind::Custom {
        name: name.ok_or(value.misfit("a custom tool with a name"))?,
        description,
        format,
        namespace: None,
    })
}

/// The format of a custom tool with its grammar beside the type, as Responses writes it: `{"type":"grammar","syntax":…,
/// "definition":…}`. Chat has an object of its own for the grammar.
fn flat_format<'a>(value: Value<'_, 'a>) -> Json<'a> {
    let Some(grammar) = value.member("grammar") else {
        return value.json();
    };
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.open_object();
    for (key, value) in value.members().filter(|(key, _)| key != "grammar") {
        writer.any_key(&key).raw(value.raw());
    }
    for (key, value) in grammar.members() {
        writer.any_key(&key).raw(value.raw());
    }
    writer.close_object();
    Json(Cow::Owned(String::from_utf8(out).unwrap_or_default()))
}

/// What keeps a search from doing more, as other formats call it.
const LIMITS: [&str; 5] = [
    "allowed_domains",
    "blocked_domains",
    "external_web_access",
    "filters",
    "max_uses",
];

/// A tool that the vendor runs: none of OpenAI's, but many of the vendors that are compatible with it have some.
fn server_tool<'a>(value: Value<'_, 'a>, kind: &str) -> Tool<'a> {
    let kind = match kind.starts_with("web_search") {
        true => ServerToolKind::WebSearch,
        false => ServerToolKind::Other,
    };
    let settings = filled(value).filter(|(key, _)| key != "type");
    let is_limit = |key: &str| LIMITS.contains(&key);
    let (limits, others): (Vec<_>, Vec<_>) = settings.partition(|(key, _)| is_limit(key));
    let places = |settings: Vec<(_, Value<'_, 'a>)>| -> Vec<At> {
        settings.into_iter().map(|(_, value)| value.at()).collect()
    };
    Tool {
        at: value.at(),
        kind: ToolKind::Server(ServerTool {
            kind,
            json: value.json(),
            name: None,
            allowed_domains: None,
            blocked_domains: None,
            place: None,
            context_size: None,
            limits: places(limits),
            unsaid: places(others),
        }),
        cache: None,
    }
}

/// `web_search_options`: the search that OpenAI's search models always do.
pub(super) fn read_web_search<'a>(
    request: &mut Request<'a>,
    value: Value<'_, 'a>,
) -> Result<(), Misfit> {
    let mut server = ServerTool {
        kind: ServerToolKind::WebSearch,
        json: value.json(),
        name: None,
        allowed_domains: None,
        blocked_domains: None,
        place: None,
        context_size: None,
        limits: Vec::new(),
        unsaid: Vec::new(),
    };
    for (key, member) in filled(value.want_object()?) {
        match &*key {
            "search_context_size" => server.context_size = Some(member.want_said()?),
            "user_location" => match member.member("approximate") {
                Some(place) => {
                    server.place = place::read(place, &mut server.unsaid);
                    let known = |key: &str| key == "approximate" || key == "type";
                    let others = filled(member).filter(|(key, _)| !known(key));
                    server.unsaid.extend(others.map(|(_, other)| other.at()));
                }
                None => server.unsaid.push(member.at()),
            },
            _ => server.unsaid.push(member.at()),
        }
    }
    request.tools.push(Tool {
        at: value.at(),
        kind: ToolKind::Server(server),
        cache: None,
    });
    Ok(())
}

/// `functions`, from before there were tools.
pub(super) fn read_functions<'a>(
    request: &mut Request<'a>,
    list: Value<'_, 'a>,
) -> Result<(), Misfit> {
    for value in list.want_list()?.items() {
        let function = read_function(value, &mut request.unsaid)?;
        request.tools.push(Tool {
            at: value.at(),
            kind: ToolKind::Function(function),
            cache: None,
        });
    }
    Ok(())
}

pub(super) fn read_choice<'a>(
    request: &mut Request<'a>,
    value: Value<'_, 'a>,
) -> Result<(), Misfit> {
    if value.kind() != Kind::Text {
        return read_choice_object(request, value.want_object()?);
    }
    match word(&value.want_text()?) {
        Some(choice) => choose(request, value, choice),
        None => request.unsaid.push(value.at()),
    }
    Ok(())
}

fn word<'a>(name: &str) -> Option<ToolChoice<'a>> {
    Some(match name {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        // Mistral's word.
        "required" | "any" => ToolChoice::Required,
        _ => return None,
    })
}

/// A request with both kinds of choice means the newer one.
fn choose<'a>(request: &mut Request<'a>, value: Value<'_, 'a>, choice: ToolChoice<'a>) {
    let older = request.choice.replace(Said::new(value.at(), choice));
    request.unsaid.extend(older.map(|said| said.at));
}

fn read_choice_object<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    let kind = value.member_text("type").unwrap_or("function".into());
    let known = |key: &str| ["type", "name", "function", "custom", "allowed_tools"].contains(&key);
    let unknown = filled(value).filter(|(key, _)| !known(key));
    request.unsaid.extend(unknown.map(|(_, value)| value.at()));
    let choice = match &*kind {
        "function" | "custom" => {
            let custom = kind == "custom";
            let tool = match custom {
                true => value.member("custom"),
                false => value.member("function"),
            };
            let tool = tool.unwrap_or(value);
            let name = tool
                .member_text("name")
                .ok_or(tool.misfit("a tool with a name"))?;
            ToolChoice::Named { name, custom }
        }
        "allowed_tools" => read_allowed(request, value.member("allowed_tools").unwrap_or(value))?,
        kind => word(kind).unwrap_or(ToolChoice::Server(value.json())),
    };
    choose(request, value, choice);
    Ok(())
}

fn read_allowed<'a>(
    request: &mut Request<'a>,
    value: Value<'_, 'a>,
) -> Result<ToolChoice<'a>, Misfit> {
    let (mut names, mut required) = (Vec::new(), false);
    for (key, value) in filled(value) {
        match &*key {
            "type" => {}
            "mode" => match &*value.want_text()? {
                "required" => required = true,
                "auto" => {}
                _ => request.unsaid.push(value.at()),
            },
            "tools" => {
                for item in value.want_list()?.items() {
                    let tool = item.member("function").or(item.member("custom"));
                    match tool.unwrap_or(item).member_text("name") {
                        Some(name) => names.push(name),
                        None => request.unsaid.push(item.at()),
                    }
                }
            }
            _ => request.unsaid.push(value.at()),
        }
    }
    Ok(ToolChoice::Among { names, required })
}

/// `function_call`, from before there were tools.
pub(super) fn read_function_call<'a>(
    request: &mut Request<'a>,
    value: Value<'_, 'a>,
) -> Result<(), Misfit> {
    if request.choice.is_some() {
        request.unsaid.push(value.at());
        return Ok(());
    }
    read_choice(request, value)
}

pub(super) fn read_output<'a>(
    request: &mut Request<'a>,
    value: Value<'_, 'a>,
) -> Result<(), Misfit> {
    let kind = value.want_object()?.member("type");
    let name: Option<Str<'a>> = kind.and_then(Value::text);
    let mut output = match name.as_deref() {
        Some("text") => Some(Output::Text),
        Some("json_object") => Some(Output::JsonObject),
        _ => None,
    };
    for (key, value) in filled(value) {
        match &*key {
            "type" if output.is_some() || name.as_deref() == Some("json_schema") => {}
            "json_schema" if name.as_deref() == Some("json_schema") => {
                output = Some(read_schema(value, &mut request.unsaid)?);
            }
            _ => request.unsaid.push(value.at()),
        }
    }
    if output.is_none() && name.as_deref() == Some("json_schema") {
        return Err(value.misfit("a format with a json_schema"));
    }
    request.output = output.map(|output| Said::new(value.at(), output));
    Ok(())
}

fn read_schema<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Output<'a>, Misfit> {
    let (mut name, mut description, mut strict) = (None, None, None);
    let mut schema = Json::EMPTY_OBJECT;
    for (key, value) in filled(value.want_object()?) {
        match &*key {
            "name" => name = Some(value.want_said()?),
            "description" => description = Some(value.want_said()?),
            "schema" => schema = value.want_json_object()?.value,
            "strict" => strict = Some(value.want_bool()?),
            _ => unsaid.push(value.at()),
        }
    }
    Ok(Output::JsonSchema {
        name,
        description,
        schema,
        gemini_dialect: false,
        strict,
    })
}

#[cfg(test)]
mod tests {
    use super::super::proof::{read, unsaid};
    use super::*;

    fn choice(text: &str) -> Option<ToolChoice<'static>> {
        let text = format!(r#"{{"tool_choice":{text}}}"#);
        let choice = read(&text).choice?.value;
        Some(match choice {
            ToolChoice::Auto => ToolChoice::Auto,
            ToolChoice::None => ToolChoice::None,
            ToolChoice::Required => ToolChoice::Required,
            ToolChoice::Named { name, custom } => ToolChoice::Named {
                name: name.into_owned().into(),
                custom,
            },
            ToolChoice::Among { names, required } => ToolChoice::Among {
                names: names.into_iter().map(|n| n.into_owned().into()).collect(),
                required,
            },
            ToolChoice::Server(json) => ToolChoice::Server(json.into_owned()),
        })
    }

    #[test]
    fn a_choice_of_tools_is_read_in_all_forms() {
        let named = |custom| ToolChoice::Named {
            name: "f".into(),
            custom,
        };
        let among = |required| ToolChoice::Among {
            names: vec!["f".into(), "g".into()],
            required,
        };
        let tools = r#"[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}}]"#;
        let allowed = |mode| {
            format!(
                r#"{{"type":"allowed_tools","allowed_tools":{{"mode":"{mode}","tools":{tools}}}}}"#
            )
        };
        for (text, expected) in [
            (r#""auto""#, ToolChoice::Auto),
            (r#""none""#, ToolChoice::None),
            (r#""required""#, ToolChoice::Required),
            (r#""any""#, ToolChoice::Required),
            (r#"{"type":"auto"}"#, ToolChoice::Auto),
            (
                r#"{"type":"function","function":{"name":"f"}}"#,
                named(false),
            ),
            (r#"{"function":{"name":"f"}}"#, named(false)),
            (r#"{"type":"custom","custom":{"name":"f"}}"#, named(true)),
            (&allowed("auto"), among(false)),
            (&allowed("required"), among(true)),
        ] {
            assert_eq!(choice(text), Some(expected), "{text}");
        }
        let server = choice(r#"{"type":"web_search"}"#);
        assert!(matches!(server, Some(ToolChoice::Server(_))));
        assert_eq!(unsaid(r#"{"tool_choice":"sometimes"}"#), ["tool_choice"]);
    }

    #[test]
    fn functions_from_before_there_were_tools_are_tools() {
        let old =
            read(r#"{"functions":[{"name":"f","parameters":{}}],"function_call":{"name":"f"}}"#);
        let ToolKind::Function(function) = &old.tools[0].kind else {
            panic!();
        };
        assert_eq!(function.name, "f");
        assert!(matches!(
            old.choice.unwrap().value,
            ToolChoice::Named { custom: false, .. }
        ));
    }

    #[test]
    fn the_grammar_of_a_custom_tool_stands_beside_its_type() {
        let request = read(
            r#"{"tools":[{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"x"}}}}]}"#,
        );
        let ToolKind::Custom { format, .. } = &request.tools[0].kind else {
            panic!();
        };
        assert_eq!(
            format.as_ref().unwrap().value.0,
            r#"{"type":"grammar","syntax":"lark","definition":"x"}"#
        );
    }

    #[test]
    fn tools_that_the_vendor_runs_are_known_with_their_settings() {
        let text = r#"{"web_search_options":{"search_context_size":"low","user_location":{"type":"approximate","approximate":{"city":"Rome"},"x":1}},"tools":[{"type":"code_interpreter","container":{}}]}"#;
        let request = read(text);
        let kinds = request.tools.iter().map(|tool| match &tool.kind {
            ToolKind::Server(server) => (server.kind, server.unsaid.len()),
            other => panic!("{other:?}"),
        });
        let expected = [(ServerToolKind::WebSearch, 1), (ServerToolKind::Other, 1)];
        assert_eq!(kinds.collect::<Vec<_>>(), expected);
        let ToolKind::Server(search) = &request.tools[0].kind else {
            panic!();
        };
        assert_eq!(search.context_size.as_ref().unwrap().value, "low");
        let place = &search.place.as_ref().unwrap().value;
        assert_eq!(place.city.as_deref(), Some("Rome"));
    }

    #[test]
    fn members_of_tools_without_a_word_are_noted() {
        let text = r#"{"tools":[{"type":"function","function":{"name":"f","examples":[]},"defer":true,"cache_control":{"type":"ephemeral","ttl":"1h","x":1}}]}"#;
        assert_eq!(
            unsaid(text),
            [
                "tools[0].function.examples",
                "tools[0].defer",
                "tools[0].cache_control.x"
            ]
        );
        let mark = read(text).tools[0].cache.clone().unwrap();
        assert_eq!(mark.ttl.as_deref(), Some("1h"));
    }
}
