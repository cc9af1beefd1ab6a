use crate::ir::{Effort, Output, Part, Request, Role, Said, Summary, Tier, Turn};
use crate::wire::Asked;
use crate::wire::convert::effort::effort_named;
use crate::wire::json::{Kind, Misfit, Value};

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
            "input" => request.turns = input_read::read(value, &mut request.unsaid)?,
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
        "stream_options" => {
            let inner = said(value.want_object()?);
            request.unsaid.extend(inner.map(|(_, value)| value.at()));
        }
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
            "name" => named = Some(value.want_text()?),
            "description" => about = Some(value.want_said()?),
            // A schema may be `true` as well.
            "schema" if value.kind() == Kind::Bool => shape = Some(value.json()),
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
