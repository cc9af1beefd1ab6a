//! Requests for vendors. The order is always the same: model, tools, what is asked of the answer, messages.

use crate::ir::{Effort, Json, Output, Reasoning, Request, Said, Str, Summary, Tags, Tier};
use crate::wire::convert::effort::{
    LEAST_BUDGET, below_cap, budget_asked, budget_of, effort_name, effort_taken, is_beyond,
};
use crate::wire::convert::{Lowered, ReasoningHabit, Refused, Target};
use crate::wire::json::Writer;

use super::out::Out;
use super::{message_write, tools_write};
use crate::wire::convert::schema;

/// OpenAI refuses longer ones, and so do others; Claude Code's are longer.
const MAX_USER: usize = 64;

pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    lowered: &mut Lowered,
) -> Result<(), Refused> {
    if let Some(previous) = &request.tags.previous {
        let why = "this vendor keeps no earlier answers; send the whole conversation";
        return Err(Refused::new(previous.at, why));
    }
    if let Some(state) = request.tags.stateful.first() {
        let why = format!("`{}` needs what its vendor has stored", state.value);
        return Err(Refused::new(state.at, why));
    }
    "/chat/completions".clone_into(&mut lowered.suffix);
    let mut writer = Writer::new(&mut lowered.body);
    let mut out = Out {
        writer: &mut writer,
        losses: &mut lowered.losses,
        traits: target.traits,
    };
    out.writer.open_object().key("model").text(target.model);
    tools_write::write(request, &mut out);
    write_output(request, &mut out);
    write_reasoning(request, &mut out);
    write_sampling(request, &mut out);
    write_tags(&request.tags, &mut out);
    write_voice(&request.tags, target.stream, &mut out);
    out.write_mark(request.cache.as_ref());
    if target.stream {
        out.writer.key("stream").bool(true);
        if target.traits.stream_usage {
            let options = out.writer.key("stream_options").open_object();
            options.key("include_usage").bool(true).close_object();
        }
    }
    message_write::write(request, &mut out)?;
    writer.close_object();
    Ok(())
}

fn write_output(request: &Request<'_>, out: &mut Out<'_, '_>) {
    let Some(output) = &request.output else {
        return;
    };
    let writer = out.writer.key("response_format").open_object().key("type");
    match &output.value {
        Output::Text => writer.text("text"),
        Output::JsonObject => writer.text("json_object"),
        Output::JsonSchema { strict, .. } if !out.traits.json_schema => {
            // The schema is told in words: see `message_write`.
            writer.text("json_object");
            out.lose(strict.as_ref(), "strict output");
            &mut *out.writer
        }
        Output::JsonSchema {
            name,
            description,
            schema,
            gemini_dialect,
            strict,
        } => {
            writer.text("json_schema").key("json_schema").open_object();
            // OpenAI wants a name; other formats have none.
            writer
                .key("name")
                .text(name.as_ref().map_or("answer", |said| &said.value));
            out.text("description", description.as_ref());
            out.writer.key("schema");
            write_schema(schema, *gemini_dialect, out);
            out.bool("strict", strict.as_ref());
            out.writer.close_object()
        }
    };
    out.writer.close_object();
}

pub(super) fn write_schema(schema: &Json<'_>, gemini_dialect: bool, out: &mut Out<'_, '_>) {
    match gemini_dialect {
        true => out.writer.raw(&schema::standard(schema)),
        false => out.writer.json(schema),
    };
}

fn write_reasoning(request: &Request<'_>, out: &mut Out<'_, '_>) {
    let reasoning = &request.reasoning;
    let on = reasoning.is_on();
    match out.traits.reasoning {
        ReasoningHabit::Effort if is_beyond(reasoning, out.traits, out.losses) => {}
        ReasoningHabit::Effort => {
            if let Some(effort) = effort_taken(reasoning, out.traits, out.losses) {
                out.writer.key("reasoning_effort").text(effort_name(effort));
                lose_budget(reasoning, effort, out);
            } else {
                // How much is the model's to decide then, as it is where nothing is said; but not all reason by themselves.
                out.round(reasoning.enabled.as_ref(), "reasoning of no effort");
                out.round(reasoning.adaptive.as_ref(), "reasoning of no effort");
            }
            out.hint(reasoning.summary.as_ref(), "shown reasoning");
        }
        ReasoningHabit::Thinking => {
            if let Some(on) = on {
                let kind = if on { "enabled" } else { "disabled" };
                let writer = out.writer.key("thinking").open_object();
                writer.key("type").text(kind).close_object();
            }
            round_amount(reasoning, out);
        }
        ReasoningHabit::EnableThinking => {
            if let Some(on) = on {
                out.writer.key("enable_thinking").bool(on);
            }
            if let Some(budget) = budget_asked(reasoning).filter(|budget| *budget > 0) {
                out.writer.key("thinking_budget").number(budget);
            }
            out.hint(reasoning.summary.as_ref(), "shown reasoning");
        }
        ReasoningHabit::Reasoning => write_reasoning_object(request, out),
        ReasoningHabit::Unsaid => {
            out.lose(reasoning.enabled.as_ref(), "reasoning");
            out.lose(reasoning.adaptive.as_ref(), "reasoning");
            let effort = reasoning.effort.as_ref();
            let budget = reasoning.budget.as_ref();
            out.lose(
                effort.filter(|said| said.value != Effort::None),
                "reasoning",
            );
            out.lose(budget.filter(|said| said.value > 0), "reasoning");
            out.hint(reasoning.summary.as_ref(), "shown reasoning");
        }
    }
}

/// How much reasoning, where it can only be switched.
fn round_amount(reasoning: &Reasoning<'_>, out: &mut Out<'_, '_>) {
    let effort = reasoning.effort.as_ref();
    let budget = reasoning.budget.as_ref();
    let some = |said: &&Said<Effort>| said.value != Effort::None;
    out.round(effort.filter(some), "reasoning effort");
    out.round(budget.filter(|said| said.value > 0), "reasoning budget");
    out.hint(reasoning.summary.as_ref(), "shown reasoning");
}

/// A budget that is not one of the table's becomes the effort below it: close to what was asked for, but not the same.
fn lose_budget(reasoning: &Reasoning<'_>, effort: Effort, out: &mut Out<'_, '_>) {
    let budget = reasoning.budget.as_ref();
    out.round(
        budget.filter(|said| effort != Effort::None && budget_of(effort) != said.value),
        "reasoning budget",
    );
}

fn write_reasoning_object(request: &Request<'_>, out: &mut Out<'_, '_>) {
    let reasoning = &request.reasoning;
    if reasoning.is_on().is_none() && reasoning.summary.is_none() {
        return;
    }
    out.writer.key("reasoning").open_object();
    match (&reasoning.budget, &reasoning.effort) {
        _ if reasoning.is_on() == Some(false) => {
            out.writer.key("enabled").bool(false);
        }
        // It takes one of the two.
        (_, Some(effort)) => {
            let name = effort_name(effort.value);
            out.writer.key("effort").text(name);
            lose_budget(reasoning, effort.value, out);
        }
        (Some(budget), None) => {
            let tokens = below_cap(budget.value, request);
            if tokens != budget.value {
                let what = "reasoning budget above the most tokens";
                out.losses.round(budget.at, what);
            }
            if tokens < budget.value.min(LEAST_BUDGET) {
                out.writer.key("enabled").bool(false);
            } else {
                out.writer.key("max_tokens").number(tokens);
            }
        }
        (None, None) if reasoning.is_on() == Some(true) => {
            out.writer.key("enabled").bool(true);
        }
        (None, None) => {}
    }
    if let Some(summary) = &reasoning.summary {
        match &summary.value {
            Summary::Hidden => {
                out.writer.key("exclude").bool(true);
            }
            Summary::Shown => {
                out.writer.key("exclude").bool(false);
            }
            Summary::Named(_) => out.losses.hint(summary.at, "shown reasoning"),
        }
    }
    out.writer.close_object();
}

fn write_sampling(request: &Request<'_>, out: &mut Out<'_, '_>) {
    let sampling = &request.sampling;
    if let Some(most) = &sampling.max_tokens {
        let key = match out.traits.max_completion_tokens {
            true => "max_completion_tokens",
            false => "max_tokens",
        };
        out.writer.key(key).number(most.value);
    }
    out.json("temperature", sampling.temperature.as_ref());
    out.json("top_p", sampling.top_p.as_ref());
    // Vendors that know them exist, but OpenAI refuses what it does not know.
    out.lose(sampling.top_k.as_ref(), "top_k");
    out.lose(sampling.min_p.as_ref(), "min_p");
    if !sampling.stop.is_empty() {
        let list = out.writer.key("stop").open_list();
        for stop in &sampling.stop {
            list.text(&stop.value);
        }
        list.close_list();
    }
    out.json("seed", sampling.seed.as_ref());
    out.json("presence_penalty", sampling.presence_penalty.as_ref());
    out.json("frequency_penalty", sampling.frequency_penalty.as_ref());
    out.number("n", sampling.choices.as_ref());
    let included = |said: &&Said<Str<'_>>| said.value == "message.output_text.logprobs";
    let by_include = request.tags.include.iter().any(|said| included(&said));
    // None of the likeliest, which Responses says of itself, asks for nothing.
    let top = sampling.top_logprobs.as_ref();
    let asks = by_include || top.is_some_and(|top| top.value > 0);
    match &sampling.logprobs {
        Some(said) => out.bool("logprobs", Some(said)),
        // Responses says it in other ways.
        None if asks => {
            out.writer.key("logprobs").bool(true);
        }
        None => {}
    }
    let is_asked = sampling.logprobs.as_ref().map_or(asks, |said| said.value);
    out.number("top_logprobs", top.filter(|top| is_asked || top.value > 0));
}

fn write_tags(tags: &Tags<'_>, out: &mut Out<'_, '_>) {
    match &tags.user {
        Some(user) if user.value.chars().count() > MAX_USER => {
            out.losses.hint(user.at, "a user id over 64 characters");
        }
        user => out.text("user", user.as_ref()),
    }
    out.text("safety_identifier", tags.safety_identifier.as_ref());
    out.bool("store", tags.store.as_ref());
    // "The 'metadata' parameter is only allowed when 'store' is enabled."
    match tags.store.as_ref().is_some_and(|store| store.value) {
        true => out.json("metadata", tags.metadata.as_ref()),
        false => out.hint(tags.metadata.as_ref(), "metadata"),
    }
    out.text("prompt_cache_key", tags.prompt_cache_key.as_ref());
    let retention = tags.prompt_cache_retention.as_ref();
    out.text("prompt_cache_retention", retention);
    let options = tags.prompt_cache_options.as_ref();
    match out.traits.cache_breakpoints {
        true => out.json("prompt_cache_options", options),
        false => out.hint(options, "prompt cache options"),
    }
    if let Some(tier) = &tags.service_tier {
        out.writer.key("service_tier").text(match &tier.value {
            Tier::Auto => "auto",
            Tier::Standard => "default",
            Tier::Named(name) => name,
        });
    }
    out.text("verbosity", tags.verbosity.as_ref());
    if let Some(modalities) = &tags.modalities {
        let list = out.writer.key("modalities").open_list();
        for modality in &modalities.value {
            list.text(modality);
        }
        list.close_list();
    }
    out.json("logit_bias", tags.logit_bias.as_ref());
    for include in &tags.include {
        match &*include.value {
            "message.output_text.logprobs" => {}
            // What a vendor of this format does not show cannot come back, and is not missed.
            "reasoning.encrypted_content" => out.losses.hint(include.at, "include"),
            _ => out.losses.add(include.at, "include"),
        }
    }
}

/// How an answer is spoken. OpenAI wants to be told; who asks in another format has no need to say it.
fn write_voice(tags: &Tags<'_>, stream: bool, out: &mut Out<'_, '_>) {
    let modalities = tags.modalities.as_ref().map(|said| said.value.as_slice());
    let is_spoken = modalities.is_some_and(|all| all.iter().any(|name| name == "audio"));
    match &tags.audio {
        None if is_spoken => {
            let audio = out.writer.key("audio").open_object();
            audio.key("voice").text("alloy");
            // Streams know no other.
            let format = if stream { "pcm16" } else { "wav" };
            audio.key("format").text(format).close_object();
        }
        audio => out.json("audio", audio.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::At;

    use crate::wire::convert::{Traits, Weight};

    use super::super::proof::{lost, read, try_write, write};
    use super::*;

    fn habit(reasoning: ReasoningHabit) -> Traits {
        Traits {
            reasoning,
            ..Traits::default()
        }
    }

    #[test]
    fn what_chat_says_of_itself_comes_out_as_it_was() {
        let text = r#"{"model":"target","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{}},"strict":true},"cache_control":{"type":"ephemeral"}}],"tool_choice":"required","parallel_tool_calls":true,"web_search_options":{"search_context_size":"low"},"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"type" : "object"},"strict":false}},"reasoning_effort":"low","max_tokens":9,"temperature":0.70,"top_p":1,"stop":["a"],"seed":-3,"presence_penalty":0.5,"frequency_penalty":-0.5,"n":2,"logprobs":true,"top_logprobs":3,"user":"u","safety_identifier":"s","store":true,"metadata":{"a":"b"},"prompt_cache_key":"k","prompt_cache_retention":"24h","service_tier":"flex","verbosity":"low","modalities":["text","audio"],"audio":{"voice":"v","format":"mp3"},"logit_bias":{"1":2},"cache_control":{"type":"ephemeral","ttl":"1h"},"stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;
        let request = read(text);
        assert_eq!(request.unsaid, [] as [At; 0]);
        let lowered = try_write(&request, &Traits::default()).unwrap();
        assert!(lowered.losses.is_empty(), "{:?}", lowered.losses);
        assert_eq!(lowered.suffix, "/chat/completions");
        let written: serde_json::Value = serde_json::from_slice(&lowered.body).unwrap();
        assert_eq!(
            written,
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
        let again = try_write(&request, &Traits::default()).unwrap();
        assert_eq!(again.body, lowered.body);
    }

    #[test]
    fn none_of_the_likeliest_tokens_asks_for_nothing() {
        let mut request = Request::default();
        request.sampling.top_logprobs = Some(Said::new(At(1), 0));
        let written = write(&request, &Traits::default());
        assert_eq!(written.get("logprobs"), None);
        assert_eq!(written.get("top_logprobs"), None);
        request.sampling.logprobs = Some(Said::new(At(2), true));
        let written = write(&request, &Traits::default());
        assert_eq!(written["logprobs"], true);
        assert_eq!(written["top_logprobs"], 0);
    }

    #[test]
    fn reasoning_is_asked_for_in_the_vendors_way() {
        use ReasoningHabit::{Effort, EnableThinking, Reasoning, Thinking, Unsaid};
        let low = r#"{"reasoning_effort":"low"}"#;
        let budget = r#"{"thinking_budget":10240}"#;
        let off = r#"{"enable_thinking":false}"#;
        let cases = [
            (Effort, low, r#"{"reasoning_effort":"low"}"#),
            (Effort, budget, r#"{"reasoning_effort":"medium"}"#),
            (Effort, off, r#"{"reasoning_effort":"none"}"#),
            (Thinking, low, r#"{"thinking":{"type":"enabled"}}"#),
            (Thinking, off, r#"{"thinking":{"type":"disabled"}}"#),
            (
                EnableThinking,
                low,
                r#"{"enable_thinking":true,"thinking_budget":4096}"#,
            ),
            (
                EnableThinking,
                budget,
                r#"{"enable_thinking":true,"thinking_budget":10240}"#,
            ),
            (EnableThinking, off, r#"{"enable_thinking":false}"#),
            (Reasoning, low, r#"{"reasoning":{"effort":"low"}}"#),
            (Reasoning, budget, r#"{"reasoning":{"max_tokens":10240}}"#),
            (Reasoning, off, r#"{"reasoning":{"enabled":false}}"#),
            (Unsaid, low, "{}"),
        ];
        for (reasoning, asked, expected) in cases {
            let request = read(asked);
            let mut written = write(&request, &habit(reasoning));
            let members = written.as_object_mut().unwrap();
            members.retain(|key, _| !matches!(&**key, "model" | "messages"));
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(written, expected, "{reasoning:?} {asked}");
        }
    }

    #[test]
    fn how_much_reasoning_is_not_lost_in_silence() {
        let losses = |text, reasoning| lost(&read(text), &habit(reasoning));
        let odd = r#"{"thinking_budget":5000}"#;
        assert_eq!(losses(odd, ReasoningHabit::Effort), ["reasoning budget"]);
        assert_eq!(losses(odd, ReasoningHabit::Thinking), ["reasoning budget"]);
        assert!(losses(odd, ReasoningHabit::EnableThinking).is_empty());
        let table = r#"{"thinking_budget":4096}"#;
        assert!(losses(table, ReasoningHabit::Effort).is_empty());
        let effort = r#"{"reasoning_effort":"high"}"#;
        assert_eq!(losses(effort, ReasoningHabit::Unsaid), ["reasoning"]);
        let free = r#"{"thinking":{"type":"adaptive"}}"#;
        let none = ["reasoning of no effort"];
        assert_eq!(losses(free, ReasoningHabit::Effort), none);
        assert!(losses(free, ReasoningHabit::Thinking).is_empty());
        let hidden = r#"{"reasoning":{"exclude":true}}"#;
        assert_eq!(losses(hidden, ReasoningHabit::Effort), ["shown reasoning"]);
        assert!(losses(hidden, ReasoningHabit::Reasoning).is_empty());
    }

    #[test]
    fn a_model_is_asked_for_reasoning_as_it_takes_it() {
        let asked = |model: &str, text| {
            let traits = Traits::default().of_model(model);
            let request = read(text);
            let written = write(&request, &traits);
            let effort = written.get("reasoning_effort").cloned();
            (effort, lost(&request, &traits).is_empty())
        };
        let off = r#"{"thinking":{"type":"disabled"}}"#;
        let high = r#"{"reasoning_effort":"high"}"#;
        let much = r#"{"thinking_budget":31999}"#;
        assert_eq!(asked("gpt-4o", off), (None, true));
        for wanted in [high, much] {
            assert_eq!(asked("gpt-4o", wanted), (None, false));
        }
        for (model, effort, is_exact) in [
            ("gpt-5", "minimal", false),
            ("o3", "low", false),
            ("gpt-5.1", "none", true),
            ("qwen3", "none", true),
        ] {
            let expected = (Some(effort.into()), is_exact);
            assert_eq!(asked(model, off), expected, "{model}");
            let expected = (Some("high".into()), true);
            assert_eq!(asked(model, high), expected, "{model}");
        }
        let rounded = try_write(&read(high), &Traits::default().of_model("gpt-4.1")).unwrap();
        let mut losses = rounded.losses.iter();
        assert!(losses.all(|loss| loss.weight == Weight::Rounded));
    }

    #[test]
    fn a_budget_that_is_among_the_most_tokens_stays_below_them() {
        for (most, expected) in [
            (100, serde_json::json!({"enabled": false})),
            (1_600, serde_json::json!({"max_tokens": 1200})),
            (2_001, serde_json::json!({"max_tokens": 2000})),
        ] {
            let text = format!(r#"{{"max_tokens":{most},"thinking_budget":2000}}"#);
            let written = write(&read(&text), &habit(ReasoningHabit::Reasoning));
            assert_eq!(written["max_tokens"], most);
            assert_eq!(written["reasoning"], expected);
        }
        let request = read(r#"{"max_tokens":100,"thinking_budget":2000}"#);
        let apart = write(&request, &habit(ReasoningHabit::EnableThinking));
        assert_eq!(apart["max_tokens"], 100);
        let traits = Traits {
            max_completion_tokens: true,
            ..Traits::default()
        };
        assert_eq!(write(&request, &traits)["max_completion_tokens"], 100);
    }

    #[test]
    fn what_openai_has_no_word_for_is_lost_and_said() {
        let request = read(
            r#"{"top_k":5,"min_p":0.1,"metadata":{"a":"b"},"tool_choice":"auto","parallel_tool_calls":true}"#,
        );
        let expected = [
            "tool_choice without tools",
            "parallel calls without tools",
            "top_k",
            "min_p",
            "metadata",
        ];
        assert_eq!(lost(&request, &Traits::default()), expected);
        let long = format!(r#"{{"user":"{}"}}"#, "u".repeat(65));
        let request = read(&long);
        assert_eq!(
            lost(&request, &Traits::default()),
            ["a user id over 64 characters"]
        );
        assert!(write(&request, &Traits::default()).get("user").is_none());
    }

    #[test]
    fn a_conversation_that_another_vendor_keeps_is_refused() {
        let mut request = read("{}");
        request.tags.previous = Some(Said::new(At(3), "resp_1".into()));
        let refused = try_write(&request, &Traits::default()).unwrap_err();
        assert_eq!(refused.at, At(3));
        let mut request = read("{}");
        request.tags.stateful = vec![Said::new(At(4), "cachedContent")];
        let refused = try_write(&request, &Traits::default()).unwrap_err();
        assert_eq!(refused.at, At(4));
    }

    #[test]
    fn log_probabilities_may_be_asked_for_in_other_ways() {
        let mut request = read("{}");
        let include = |text: &'static str| Said::new(At(1), text.into());
        request.tags.include = vec![
            include("message.output_text.logprobs"),
            include("reasoning.encrypted_content"),
        ];
        assert_eq!(write(&request, &Traits::default())["logprobs"], true);
        assert_eq!(lost(&request, &Traits::default()), ["include"]);
    }

    #[test]
    fn usage_is_asked_for_in_streams_where_the_vendor_knows_how() {
        let request = read(r#"{"stream":true}"#);
        let traits = Traits {
            stream_usage: false,
            ..Traits::default()
        };
        assert!(write(&request, &traits).get("stream_options").is_none());
        assert_eq!(write(&request, &traits)["stream"], true);
    }

    #[test]
    fn a_vendor_without_schemas_is_told_the_schema_in_words() {
        let traits = Traits {
            json_schema: false,
            ..Traits::default()
        };
        let request = read(
            r#"{"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},"messages":[{"role":"user","content":"hi"}]}"#,
        );
        let written = write(&request, &traits);
        assert_eq!(written["response_format"]["type"], "json_object");
        let words = written["messages"][0]["content"].as_str().unwrap();
        assert!(words.contains(r#"{"type":"object"}"#) && words.contains("JSON"));
        assert_eq!(written["messages"][1]["content"], "hi");
        assert_eq!(lost(&request, &traits), ["strict output"]);
    }

    #[test]
    fn marks_are_written_where_the_vendor_takes_them() {
        let text = r#"{"cache_control":{"type":"ephemeral"},"tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}],
            "messages":[{"role":"system","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]},
            {"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}]},
            {"role":"tool","tool_call_id":"c","content":"b","cache_control":{"type":"ephemeral"}}]}"#;
        let request = read(text);
        let written = write(&request, &Traits::default());
        let mark = serde_json::json!({"type": "ephemeral"});
        assert_eq!(written["cache_control"], mark);
        assert_eq!(written["tools"][0]["cache_control"], mark);
        for message in [0, 2] {
            assert_eq!(
                written["messages"][message]["content"][0]["cache_control"],
                mark
            );
        }
        assert_eq!(lost(&request, &Traits::default()), ["cache_control"]);
        let none = Traits {
            cache_control: false,
            ..Traits::default()
        };
        let written = try_write(&request, &none).unwrap();
        assert_eq!(written.losses.iter().count(), 5);
        assert!(
            !String::from_utf8(written.body)
                .unwrap()
                .contains("cache_control")
        );
    }

    #[test]
    fn a_spoken_answer_has_a_voice_and_a_format() {
        let asked = |stream: bool| {
            let mut request = read(r#"{"modalities":["audio"]}"#);
            request.stream = stream;
            write(&request, &Traits::default())["audio"].clone()
        };
        let voice = |format: &str| serde_json::json!({"voice": "alloy", "format": format});
        assert_eq!((asked(false), asked(true)), (voice("wav"), voice("pcm16")));
        let silent = read(r#"{"modalities":["text"]}"#);
        assert!(write(&silent, &Traits::default()).get("audio").is_none());
    }
}
