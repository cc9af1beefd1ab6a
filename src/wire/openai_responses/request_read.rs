use crate::ir::{Effort, Output, Part, Request, Role, Said, Summary, Tier, Turn};
use crate::wire::Asked;
use crate::wire::convert::effort::effort_named;
use crate::wire::json::{Misfit, Value};

use super::content_read::{plain, said};
use super::{input_read, tools_read};

/// What the vocabulary has in `sampling.logprobs`, and this format in `include`.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

pub(super) fn read<'a>(asked: Asked<'a>, body: Value<'_, 'a>) -> Result<Request<'a>, Misfit> {
    let mut request = Request {
        model: asked.model.into(),
        stream: asked.stream,
        ..Request::default()
    };
    let mut instructions = None;
    for (key, value) in body.want_object()?.members() {
        if value.is_null() {
            continue;
        }
        match &*key {
            "model" => request.model = value.want_text()?,
            "stream" => request.stream = value.want_bool()?.value,
            "instructions" => instructions = Some(value.want_said()?),
            "input" => request.turns = input_read::read(value, &mut request)?,
            "tools" => request.tools = tools_read::read(value, &mut request.unsaid)?,
            "tool_choice" => tools_read::read_choice(value, &mut request)?,
            "parallel_tool_calls" => request.parallel = Some(value.want_bool()?),
            "reasoning" => reasoning(value, &mut request)?,
            "text" => text(value, &mut request)?,
            "include" => include(value, &mut request)?,
            "max_output_tokens" => request.sampling.max_tokens = Some(value.want_count()?),
            "temperature" => request.sampling.temperature = Some(value.want_number()?),
            "top_p" => request.sampling.top_p = Some(value.want_number()?),
            "top_logprobs" => request.sampling.top_logprobs = Some(value.want_count()?),
            key => tag(key, value, &mut request)?,
        }
    }
    if let Some(words) = instructions {
        let part = Part::new(words.at, plain(words.value));
        let turn = Turn::new(words.at, Role::System, vec![part]);
        request.turns.insert(0, turn);
    }
    Ok(request)
}

fn tag<'a>(key: &str, value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    let tags = &mut request.tags;
    match key {
        "user" => tags.user = Some(value.want_said()?),
        "safety_identifier" => tags.safety_identifier = Some(value.want_said()?),
        "metadata" => tags.metadata = Some(value.want_json_object()?),
        "prompt_cache_key" => tags.prompt_cache_key = Some(value.want_said()?),
        "prompt_cache_retention" => tags.prompt_cache_retention = Some(value.want_said()?),
        "previous_response_id" => tags.previous = Some(value.want_said()?),
        "store" => tags.store = Some(value.want_bool()?),
        "service_tier" => {
            let name = value.want_said()?;
            let tier = match &*name.value {
                "auto" => Tier::Auto,
                "default" => Tier::Standard,
                _ => Tier::Named(name.value),
            };
            tags.service_tier = Some(Said::new(name.at, tier));
        }
        "conversation" => stateful("conversation", value, request),
        "prompt" => stateful("prompt", value, request),
        "background" if value.want_bool()?.value => stateful("background", value, request),
        "background" => {}
        // How chunks are padded.
        "stream_options" => {
            let inner = said(value.want_object()?);
            request.hints.extend(inner.map(|(_, value)| value.at()));
        }
        "prompt_cache_options" => tags.prompt_cache_options = Some(value.want_json_object()?),
        // Notes for the vendor.
        "client_metadata" => request.hints.push(value.at()),
        // As it is without a word.
        "truncation" if value.text().is_some_and(|way| way == "disabled") => {}
        _ => request.unsaid.push(value.at()),
    }
    Ok(())
}

fn stateful(name: &'static str, value: Value<'_, '_>, request: &mut Request<'_>) {
    request.unsaid.push(value.at());
    request.tags.stateful.push(Said::new(value.at(), name));
}

fn include<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    for item in value.want_list()?.items() {
        let name = item.want_said()?;
        if name.value == LOGPROBS {
            request.sampling.logprobs = Some(Said::new(name.at, true));
        } else {
            request.tags.include.push(name);
        }
    }
    Ok(())
}

fn reasoning<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    // `generate_summary` is the old name of `summary`; where both stand the new one counts.
    let newer = value.want_object()?.member("summary").is_some();
    for (key, value) in said(value) {
        let known = match &*key {
            "effort" => effort(value)?.map(|effort| {
                request.reasoning.effort = Some(Said::new(value.at(), effort));
            }),
            "generate_summary" if newer => None,
            "summary" | "generate_summary" => summary(value)?.map(|summary| {
                request.reasoning.summary = Some(Said::new(value.at(), summary));
            }),
            _ => None,
        };
        if known.is_none() {
            request.unsaid.push(value.at());
        }
    }
    Ok(())
}

fn effort(value: Value<'_, '_>) -> Result<Option<Effort>, Misfit> {
    Ok(effort_named(&value.want_text()?))
}

fn summary<'a>(value: Value<'_, 'a>) -> Result<Option<Summary<'a>>, Misfit> {
    let name = value.want_text()?;
    Ok(match &*name {
        "auto" => Some(Summary::Shown),
        "concise" | "detailed" => Some(Summary::Named(name)),
        _ => None,
    })
}

fn text<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    for (key, value) in said(value.want_object()?) {
        match &*key {
            "verbosity" => request.tags.verbosity = Some(value.want_said()?),
            "format" => format(value, request)?,
            _ => request.unsaid.push(value.at()),
        }
    }
    Ok(())
}

fn format<'a>(value: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    let kind = value.want_object()?.member("type");
    let kind = kind.ok_or(value.misfit("an object with a type"))?;
    let output = match &*kind.want_text()? {
        "text" => Output::Text,
        "json_object" => Output::JsonObject,
        "json_schema" => return json_schema(value, request),
        _ => {
            request.unsaid.push(value.at());
            return Ok(());
        }
    };
    let others = said(value).map(|(_, value)| value.at());
    request.unsaid.extend(others);
    request.output = Some(Said::new(value.at(), output));
    Ok(())
}

fn json_schema<'a>(format: Value<'_, 'a>, request: &mut Request<'a>) -> Result<(), Misfit> {
    let (mut named, mut about, mut shape, mut strictly) = (None, None, None, None);
    for (key, value) in said(format) {
        match &*key {
            "name" => named = Some(value.want_said()?),
            "description" => about = Some(value.want_said()?),
            "schema" => shape = Some(value.want_json_object()?.value),
            "strict" => strictly = Some(value.want_bool()?),
            _ => request.unsaid.push(value.at()),
        }
    }
    let output = Output::JsonSchema {
        name: named,
        description: about,
        schema: shape.ok_or(format.misfit("an object with a schema"))?,
        gemini_dialect: false,
        strict: strictly,
    };
    request.output = Some(Said::new(format.at(), output));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Body, Effort, ServerToolKind, ToolChoice, ToolKind};
    use crate::wire::json::{Document, path_of};

    fn with<T>(text: &str, look: impl FnOnce(&Request<'_>, Vec<String>) -> T) -> T {
        let mut document = Document::default();
        let body = document.read(text.as_bytes()).unwrap();
        let request = read(Asked::default(), body).unwrap();
        let paths = request.unsaid.iter().map(|at| path_of(body, *at)).collect();
        look(&request, paths)
    }

    #[test]
    fn instructions_are_the_first_turn_wherever_they_stand() {
        let text = r#"{"input":"q","model":"m","stream":true,"instructions":"i"}"#;
        with(text, |request, unsaid| {
            assert_eq!(request.model, "m");
            assert!(request.stream && unsaid.is_empty());
            assert_eq!(request.turns[0].role, Role::System);
            assert!(
                matches!(&request.turns[0].parts[0].body, Body::Text(text) if text.text == "i")
            );
            assert_eq!(request.turns[1].role, Role::User);
        });
    }

    #[test]
    fn what_needs_stored_state_is_named() {
        let text = r#"{"model":"m","input":[],"conversation":{"id":"c"},"prompt":{"id":"p"},"background":true}"#;
        with(text, |request, unsaid| {
            let names: Vec<_> = request.tags.stateful.iter().map(|s| s.value).collect();
            assert_eq!(names, ["conversation", "prompt", "background"]);
            assert_eq!(unsaid, names);
        });
        with(
            r#"{"background":false,"conversation":null}"#,
            |request, unsaid| {
                assert!(request.tags.stateful.is_empty() && unsaid.is_empty());
            },
        );
    }

    #[test]
    fn settings_without_a_word_are_told_by_their_place() {
        let text = r#"{"max_tool_calls":3,"truncation":"auto","stream_options":{"include_obfuscation":false},
            "reasoning":{"effort":"turbo","summary":"auto","context":"all_turns","generate_summary":"detailed"},
            "text":{"format":{"type":"odd"},"verbosity":"low","z":1},"client_metadata":{"a":"b"},"moderation":null}"#;
        with(text, |request, unsaid| {
            let expected = [
                "max_tool_calls",
                "truncation",
                "reasoning.effort",
                "reasoning.context",
                "reasoning.generate_summary",
                "text.format",
                "text.z",
            ];
            assert_eq!(unsaid, expected);
            assert_eq!(request.hints.len(), 2, "padding, client_metadata");
            assert!(matches!(
                request.reasoning.summary.as_ref().unwrap().value,
                Summary::Shown
            ));
        });
    }

    #[test]
    fn reasoning_output_and_include_have_words() {
        let text = r#"{"reasoning":{"effort":"xhigh","generate_summary":"detailed"},"include":["reasoning.encrypted_content",
            "message.output_text.logprobs"],"top_logprobs":2,
            "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true,"description":null}}}"#;
        with(text, |request, unsaid| {
            assert!(unsaid.is_empty());
            assert_eq!(
                request.reasoning.effort.as_ref().unwrap().value,
                Effort::XHigh
            );
            assert_eq!(request.tags.include.len(), 1);
            assert!(request.sampling.logprobs.as_ref().unwrap().value);
            assert!(matches!(
                &request.output.as_ref().unwrap().value,
                Output::JsonSchema { name: Some(name), strict: Some(_), .. } if name.value == "n"
            ));
        });
    }

    #[test]
    fn tools_of_all_kinds_are_read() {
        let text = r#"{"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":null,"defer_loading":true},
            {"type":"custom","name":"c","format":{"type":"grammar","syntax":"lark","definition":"x"}},
            {"type":"namespace","name":"ns","description":"d","tools":[{"type":"function","name":"g"},{"type":"custom","name":"h"}]},
            {"type":"web_search","filters":{"allowed_domains":["a.b"]},"search_context_size":"low","external_web_access":true,
             "user_location":{"type":"approximate","country":"FR"},"max":1},
            {"type":"web_search","external_web_access":false,"filters":{"new":1}},
            {"type":"code_interpreter","container":"c"},{"type":"mcp","server_label":"l"}],
            "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"mcp","server_label":"l"}]}}"#;
        with(text, |request, unsaid| {
            assert_eq!(unsaid, ["tools[0].defer_loading", "tool_choice.tools[1]"]);
            let kinds: Vec<_> = request.tools.iter().map(|tool| &tool.kind).collect();
            let ToolKind::Function(g) = kinds[2] else {
                panic!()
            };
            assert_eq!(g.namespace.as_ref().unwrap().name, "ns");
            assert!(
                matches!(kinds[3], ToolKind::Custom { namespace: Some(space), .. } if space == "ns")
            );
            let ToolKind::Server(search) = kinds[4] else {
                panic!()
            };
            assert_eq!(search.kind, ServerToolKind::WebSearch);
            assert_eq!(search.allowed_domains.as_ref().unwrap().value, ["a.b"]);
            assert_eq!(search.context_size.as_ref().unwrap().value, "low");
            let place = search.place.as_ref().unwrap();
            assert_eq!(place.value.country.as_deref(), Some("FR"));
            assert_eq!((search.unsaid.len(), search.limits.len()), (1, 0));
            let ToolKind::Server(cached) = kinds[5] else {
                panic!()
            };
            assert_eq!((cached.unsaid.len(), cached.limits.len()), (0, 2));
            assert!(matches!(
                &request.choice.as_ref().unwrap().value,
                ToolChoice::Among { names, required: true } if *names == ["f"]
            ));
        });
    }
}
