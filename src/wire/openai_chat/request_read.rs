//! Requests: the members beside the conversation. Whatever has no word in the vocabulary is noted by its place.

use crate::ir::{At, CacheMark, Json, Reasoning, Request, Said, Str, Summary, Tier};
use crate::wire::Asked;
use crate::wire::convert::effort::effort_named;
use crate::wire::json::{Kind, Misfit, Value};

use super::{message_read, tools_read};

pub(super) fn read<'a>(asked: Asked<'a>, body: Value<'_, 'a>) -> Result<Request<'a>, Misfit> {
    let mut request = Request {
        model: asked.model.into(),
        stream: asked.stream,
        ..Request::default()
    };
    for (key, value) in filled(body.want_object()?) {
        let known = read_conversation(&mut request, &key, value)?
            || read_sampling(&mut request, &key, value)?
            || read_reasoning(&mut request, &key, value)?
            || read_tags(&mut request, &key, value)?;
        if !known {
            request.unsaid.push(value.at());
        }
    }
    Ok(request)
}

/// The members that are not null: null is the same as absent.
pub(super) fn filled<'d, 'a>(
    value: Value<'d, 'a>,
) -> impl Iterator<Item = (Str<'a>, Value<'d, 'a>)> {
    value.members().filter(|(_, value)| !value.is_null())
}

fn read_conversation<'a>(
    request: &mut Request<'a>,
    key: &str,
    value: Value<'_, 'a>,
) -> Result<bool, Misfit> {
    match key {
        "model" => request.model = value.want_text()?,
        "stream" => request.stream |= value.want_bool()?.value,
        "messages" => request.turns = message_read::read(value, &mut request.unsaid)?,
        "tools" => tools_read::read_tools(request, value)?,
        "functions" => tools_read::read_functions(request, value)?,
        "tool_choice" => tools_read::read_choice(request, value)?,
        "function_call" => tools_read::read_function_call(request, value)?,
        "web_search_options" => tools_read::read_web_search(request, value)?,
        "response_format" => tools_read::read_output(request, value)?,
        "parallel_tool_calls" => request.parallel = Some(value.want_bool()?),
        "cache_control" => request.cache = Some(read_mark(value, &mut request.unsaid)?),
        "stream_options" => {
            for (key, value) in filled(value.want_object()?) {
                match &*key {
                    "include_usage" => request.tags.stream_usage = value.want_bool()?.value,
                    // How chunks are padded.
                    _ => request.hints.push(value.at()),
                }
            }
        }
        // What may make the answer come faster.
        "prediction" => request.hints.push(value.at()),
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn read_sampling<'a>(
    request: &mut Request<'a>,
    key: &str,
    value: Value<'_, 'a>,
) -> Result<bool, Misfit> {
    let sampling = &mut request.sampling;
    match key {
        "max_completion_tokens" => {
            let older = sampling.max_tokens.replace(value.want_count()?);
            request.unsaid.extend(older.map(|said| said.at));
        }
        // The older name of the same.
        "max_tokens" => {
            let count = value.want_count()?;
            match &sampling.max_tokens {
                Some(_) => request.unsaid.push(count.at),
                None => sampling.max_tokens = Some(count),
            }
        }
        "temperature" => sampling.temperature = Some(value.want_number()?),
        "top_p" => sampling.top_p = Some(value.want_number()?),
        "top_k" => sampling.top_k = Some(value.want_number()?),
        "min_p" => sampling.min_p = Some(value.want_number()?),
        "seed" => sampling.seed = Some(value.want_number()?),
        "presence_penalty" => sampling.presence_penalty = Some(value.want_number()?),
        "frequency_penalty" => sampling.frequency_penalty = Some(value.want_number()?),
        "n" => sampling.choices = Some(value.want_count()?),
        "logprobs" => sampling.logprobs = Some(value.want_bool()?),
        "top_logprobs" => sampling.top_logprobs = Some(value.want_count()?),
        "stop" if value.kind() == Kind::Text => sampling.stop.push(value.want_said()?),
        "stop" => {
            for item in value.want_list()?.items() {
                sampling.stop.push(item.want_said()?);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// How reasoning is asked for: OpenAI's way, and those of the vendors that are compatible with it.
fn read_reasoning<'a>(
    request: &mut Request<'a>,
    key: &str,
    value: Value<'_, 'a>,
) -> Result<bool, Misfit> {
    let Request {
        reasoning, unsaid, ..
    } = request;
    match key {
        "reasoning_effort" => read_effort(value, reasoning, unsaid)?,
        "enable_thinking" => reasoning.enabled = Some(value.want_bool()?),
        "thinking_budget" => reasoning.budget = Some(value.want_count()?),
        "thinking" => {
            for (key, value) in filled(value.want_object()?) {
                match &*key {
                    "type" => read_switch(value, reasoning, unsaid)?,
                    "budget_tokens" => reasoning.budget = Some(value.want_count()?),
                    _ => unsaid.push(value.at()),
                }
            }
        }
        "reasoning" => {
            for (key, value) in filled(value.want_object()?) {
                match &*key {
                    "effort" => read_effort(value, reasoning, unsaid)?,
                    "max_tokens" => reasoning.budget = Some(value.want_count()?),
                    "enabled" => reasoning.enabled = Some(value.want_bool()?),
                    "exclude" => {
                        let hidden = value.want_bool()?;
                        let summary = match hidden.value {
                            true => Summary::Hidden,
                            false => Summary::Shown,
                        };
                        reasoning.summary = Some(Said::new(hidden.at, summary));
                    }
                    _ => unsaid.push(value.at()),
                }
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn read_effort(
    value: Value<'_, '_>,
    reasoning: &mut Reasoning<'_>,
    unsaid: &mut Vec<At>,
) -> Result<(), Misfit> {
    match effort_named(&value.want_text()?) {
        Some(effort) => reasoning.effort = Some(Said::new(value.at(), effort)),
        None => unsaid.push(value.at()),
    }
    Ok(())
}

fn read_switch(
    value: Value<'_, '_>,
    reasoning: &mut Reasoning<'_>,
    unsaid: &mut Vec<At>,
) -> Result<(), Misfit> {
    match &*value.want_text()? {
        "enabled" => reasoning.enabled = Some(Said::new(value.at(), true)),
        "disabled" => reasoning.enabled = Some(Said::new(value.at(), false)),
        "auto" | "adaptive" => reasoning.adaptive = Some(Said::new(value.at(), ())),
        _ => unsaid.push(value.at()),
    }
    Ok(())
}

pub(super) fn read_tags<'a>(
    request: &mut Request<'a>,
    key: &str,
    value: Value<'_, 'a>,
) -> Result<bool, Misfit> {
    let tags = &mut request.tags;
    match key {
        "user" => tags.user = Some(value.want_said()?),
        "safety_identifier" => tags.safety_identifier = Some(value.want_said()?),
        "metadata" => tags.metadata = Some(value.want_json_object()?),
        "prompt_cache_key" => tags.prompt_cache_key = Some(value.want_said()?),
        "prompt_cache_retention" => tags.prompt_cache_retention = Some(value.want_said()?),
        "prompt_cache_options" => tags.prompt_cache_options = Some(value.want_json_object()?),
        "store" => tags.store = Some(value.want_bool()?),
        "verbosity" => tags.verbosity = Some(value.want_said()?),
        "audio" => tags.audio = Some(value.want_json_object()?),
        "logit_bias" => tags.logit_bias = Some(value.want_json_object()?),
        "service_tier" => {
            let tier = value.want_said()?;
            let named = match &*tier.value {
                "auto" => Tier::Auto,
                "default" => Tier::Standard,
                _ => Tier::Named(tier.value),
            };
            tags.service_tier = Some(Said::new(tier.at, named));
        }
        "modalities" => {
            let list = value.want_list()?.items().map(Value::want_text);
            let names: Vec<Str<'a>> = list.collect::<Result<_, _>>()?;
            tags.modalities = Some(Said::new(value.at(), names));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// A `cache_control`, as relays in front of Anthropic's models take it.
pub(super) fn read_mark<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<CacheMark<'a>, Misfit> {
    let mut mark = CacheMark {
        at: value.at(),
        ttl: None,
    };
    for (key, value) in filled(value.want_object()?) {
        match &*key {
            "type" if value.text().as_deref() == Some("ephemeral") => {}
            "ttl" => mark.ttl = Some(value.want_text()?),
            _ => unsaid.push(value.at()),
        }
    }
    Ok(mark)
}

/// A `prompt_cache_breakpoint`, as OpenAI takes it.
pub(super) fn read_breakpoint<'a>(
    value: Value<'_, 'a>,
    unsaid: &mut Vec<At>,
) -> Result<CacheMark<'a>, Misfit> {
    for (key, value) in filled(value.want_object()?) {
        if key != "mode" || value.text().as_deref() != Some("explicit") {
            unsaid.push(value.at());
        }
    }
    let at = value.at();
    Ok(CacheMark { at, ttl: None })
}

/// A string's text; of anything else its JSON.
pub(super) fn text_or_json<'a>(value: Value<'_, 'a>) -> Str<'a> {
    value.text().unwrap_or_else(|| {
        let Json(json) = value.json();
        json
    })
}

#[cfg(test)]
mod tests {
    use crate::ir::{Effort, Output, Summary, Tier};

    use super::super::proof::{hints, read, try_read, unsaid};

    #[test]
    fn null_is_the_same_as_absent() {
        let all = r#"{"model":"m","messages":[],"n":null,"stop":null,"tools":null,"tool_choice":null,"stream":null,
            "stream_options":null,"response_format":null,"metadata":null,"user":null,"whatever":null}"#;
        let bare = r#"{"model":"m","messages":[]}"#;
        assert_eq!(read(all), read(bare));
    }

    #[test]
    fn what_has_no_word_is_noted_by_its_place() {
        let text = r#"{"model":"m","messages":[],"prediction":{"type":"content"},"moderation":{},"stream_options":{"include_usage":true,
            "include_obfuscation":false},"prompt_cache_options":{},"service_tier":"flex","reasoning_effort":"huge","thinking":{"type":"on","x":1}}"#;
        let expected = [
            "moderation",
            "reasoning_effort",
            "thinking.type",
            "thinking.x",
        ];
        assert_eq!(unsaid(text), expected);
        let idle = ["prediction", "stream_options.include_obfuscation"];
        assert_eq!(hints(text), idle);
        let request = read(text);
        assert!(request.tags.stream_usage);
        let tier = request.tags.service_tier.unwrap().value;
        assert_eq!(tier, Tier::Named("flex".into()));
    }

    #[test]
    fn of_two_names_for_the_most_tokens_the_newer_counts() {
        for text in [
            r#"{"max_tokens":5,"max_completion_tokens":9}"#,
            r#"{"max_completion_tokens":9,"max_tokens":5}"#,
        ] {
            assert_eq!(read(text).sampling.max_tokens.unwrap().value, 9);
            assert_eq!(unsaid(text), ["max_tokens"]);
        }
        let alone = read(r#"{"max_tokens":5}"#);
        assert_eq!(alone.sampling.max_tokens.unwrap().value, 5);
    }

    #[test]
    fn stop_is_a_string_or_a_list() {
        let stops = |text| {
            let stops = read(text).sampling.stop;
            let texts = stops.into_iter().map(|said| said.value.into_owned());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(stops(r#"{"stop":"a"}"#), ["a"]);
        assert_eq!(stops(r#"{"stop":["a","b"]}"#), ["a", "b"]);
    }

    #[test]
    fn reasoning_is_asked_for_in_every_vendors_way() {
        let reasoning = |text: &'static str| read(text).reasoning;
        let effort = |text| reasoning(text).effort.unwrap().value;
        assert_eq!(effort(r#"{"reasoning_effort":"xhigh"}"#), Effort::XHigh);
        assert_eq!(effort(r#"{"reasoning":{"effort":"low"}}"#), Effort::Low);
        let budget = |text| reasoning(text).budget.unwrap().value;
        assert_eq!(budget(r#"{"reasoning":{"max_tokens":7}}"#), 7);
        assert_eq!(
            budget(r#"{"thinking":{"type":"enabled","budget_tokens":8}}"#),
            8
        );
        let qwen = r#"{"enable_thinking":true,"thinking_budget":9}"#;
        assert_eq!((budget(qwen), reasoning(qwen).is_on()), (9, Some(true)));
        for off in [
            r#"{"thinking":{"type":"disabled"}}"#,
            r#"{"enable_thinking":false}"#,
            r#"{"reasoning":{"enabled":false}}"#,
            r#"{"reasoning_effort":"none"}"#,
        ] {
            assert_eq!(reasoning(off).is_on(), Some(false), "{off}");
        }
        assert!(
            reasoning(r#"{"thinking":{"type":"auto"}}"#)
                .adaptive
                .is_some()
        );
        let hidden = reasoning(r#"{"reasoning":{"exclude":true}}"#);
        assert_eq!(hidden.summary.unwrap().value, Summary::Hidden);
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let request = read(r#"{"temperature":0.70,"seed":-1,"logit_bias":{"5": -100}}"#);
        assert_eq!(request.sampling.temperature.unwrap().value.0, "0.70");
        assert_eq!(request.sampling.seed.unwrap().value.0, "-1");
        assert_eq!(request.tags.logit_bias.unwrap().value.0, r#"{"5": -100}"#);
    }

    #[test]
    fn what_is_not_what_its_place_calls_for_is_a_misfit() {
        for text in [
            "[]",
            r#"{"model":1}"#,
            r#"{"messages":{}}"#,
            r#"{"messages":["hi"]}"#,
            r#"{"messages":[{"content":"hi"}]}"#,
            r#"{"messages":[{"role":"user","content":5}]}"#,
            r#"{"messages":[{"role":"user","content":[{"text":"a"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            r#"{"tools":[{"type":"function"}]}"#,
            r#"{"tools":[{"type":"function","function":{}}]}"#,
            r#"{"temperature":"hot"}"#,
            r#"{"n":-1}"#,
            r#"{"stop":[1]}"#,
            r#"{"response_format":{"type":"json_schema"}}"#,
        ] {
            assert!(try_read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_shape_of_the_answer_is_read_in_all_forms() {
        let output = |text: &'static str| read(text).output.map(|said| said.value);
        let text = output(r#"{"response_format":{"type":"text"}}"#);
        assert_eq!(text, Some(Output::Text));
        let object = output(r#"{"response_format":{"type":"json_object"}}"#);
        assert_eq!(object, Some(Output::JsonObject));
        let schema = r#"{"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type" : "object"},"strict":true}}}"#;
        let Some(Output::JsonSchema { schema, name, .. }) = output(schema) else {
            panic!();
        };
        assert_eq!(
            (&*schema.0, name.as_ref().map(|said| &*said.value)),
            (r#"{"type" : "object"}"#, Some("a"))
        );
        let other = r#"{"response_format":{"type":"grammar","grammar":"x"}}"#;
        assert_eq!(
            unsaid(other),
            ["response_format.type", "response_format.grammar"]
        );
    }
}
