use serde_json::{Map, Value, json};

use crate::demo::complaint::Complaint;
use crate::demo::mind::{Ask, Choice, Image, Reasoning, Role, Section, Tool, Turn, estimate};

/// Fields of other vendors that OpenAI refuses.
const FOREIGN: &[&str] = &[
    "system",
    "stop_sequences",
    "thinking",
    "top_k",
    "contents",
    "generationConfig",
];

/// Tokens that an image counts.
const IMAGE: u64 = 85;

type Object = Map<String, Value>;

pub(super) fn read(body: &Value) -> Result<Ask, Complaint> {
    let Some(request) = body.as_object() else {
        return Err(Complaint::invalid(
            "We could not parse the JSON body of your request.",
            "",
        ));
    };
    check(request)?;
    let messages = messages(request)?;
    let mut ask = Ask {
        model: text(request, "model").to_owned(),
        tools: tools(request),
        choice: choice(&body["tool_choice"]),
        parallel: body["parallel_tool_calls"] != false,
        max_tokens: body["max_completion_tokens"]
            .as_u64()
            .or(body["max_tokens"].as_u64()),
        stop: stops(&body["stop"]),
        reasoning: reasoning(request),
        schema: schema(&body["response_format"]),
        stream: body["stream"] == true,
        ..Ask::default()
    };
    if !ask.tools.is_empty() {
        ask.sections
            .push(section(estimate(&body["tools"].to_string()), false));
    }
    let mut called = Vec::new();
    for (i, message) in messages.iter().enumerate() {
        read_message(&mut ask, message, i, &mut called)?;
    }
    answered(&called, messages.len())?;
    Ok(ask)
}

fn section(tokens: u64, assistant: bool) -> Section {
    Section {
        tokens,
        marked: false,
        assistant,
    }
}

fn text<'a>(object: &'a Object, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn check(request: &Object) -> Result<(), Complaint> {
    if let Some(key) = FOREIGN.iter().find(|k| request.contains_key(**k)) {
        return Err(Complaint::invalid(
            format!("Unrecognized request argument supplied: {key}"),
            "",
        ));
    }
    if text(request, "model").is_empty() {
        return Err(Complaint::invalid("you must provide a model parameter", ""));
    }
    if request.contains_key("stream_options") && request.get("stream") != Some(&json!(true)) {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Complaint::invalid(message, "stream_options"));
    }
    Ok(())
}

fn messages(request: &Object) -> Result<&Vec<Value>, Complaint> {
    match request.get("messages") {
        None => Err(Complaint::invalid(
            "Missing required parameter: 'messages'.",
            "messages",
        )),
        Some(Value::Array(list)) if list.is_empty() => {
            let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty \
                           array instead.";
            Err(Complaint::invalid(message, "messages"))
        }
        Some(Value::Array(list)) => Ok(list),
        Some(_) => {
            let message = "Invalid type for 'messages': expected an array of objects.";
            Err(Complaint::invalid(message, "messages"))
        }
    }
}

fn read_message(
    ask: &mut Ask,
    message: &Value,
    at: usize,
    called: &mut Vec<String>,
) -> Result<(), Complaint> {
    let role = message["role"].as_str().unwrap_or_default();
    if role != "tool" {
        answered(called, at)?;
    }
    let tokens =
        4 + content_tokens(&message["content"]) + estimate(&message["tool_calls"].to_string());
    ask.sections.push(section(tokens, role == "assistant"));
    match role {
        "system" | "developer" => {}
        "user" => {
            let mut turn = Turn::new(Role::User);
            read_content(&mut turn, &message["content"], at)?;
            ask.turns.push(turn);
        }
        "assistant" => {
            let mut turn = Turn::new(Role::Assistant);
            read_content(&mut turn, &message["content"], at)?;
            let calls = message["tool_calls"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            turn.calls = calls.len();
            called.extend(
                calls
                    .iter()
                    .filter_map(|c| c["id"].as_str())
                    .map(str::to_owned),
            );
            ask.turns.push(turn);
        }
        "tool" => {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(place) = called.iter().position(|c| c == id) else {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message \
                               with 'tool_calls'.";
                return Err(Complaint::invalid(
                    message,
                    &format!("messages.[{at}].role"),
                ));
            };
            called.remove(place);
            let mut turn = Turn::new(Role::User);
            read_content(&mut turn, &message["content"], at)?;
            turn.results = vec![std::mem::take(&mut turn.text)];
            ask.turns.push(turn);
        }
        other => {
            let message = format!(
                "Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', \
                 and 'developer'."
            );
            return Err(Complaint::invalid(message, &format!("messages[{at}].role")));
        }
    }
    Ok(())
}

/// Every call must have its result before the conversation goes on.
fn answered(called: &[String], at: usize) -> Result<(), Complaint> {
    if called.is_empty() {
        return Ok(());
    }
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
        called.join(", ")
    );
    Err(Complaint::invalid(
        message,
        &format!("messages.[{at}].role"),
    ))
}

fn content_tokens(content: &Value) -> u64 {
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let counted = parts.iter().map(|part| match part["text"].as_str() {
        Some(text) => estimate(text),
        None => IMAGE,
    });
    estimate(content.as_str().unwrap_or_default()) + counted.sum::<u64>()
}

fn read_content(turn: &mut Turn, content: &Value, at: usize) -> Result<(), Complaint> {
    let parts = match content {
        Value::String(text) => {
            turn.say(text);
            return Ok(());
        }
        Value::Array(parts) => parts,
        Value::Null if turn.role == Role::Assistant => return Ok(()),
        _ => {
            let message =
                "Invalid type for 'messages': expected content as a string or an array of parts.";
            return Err(Complaint::invalid(
                message,
                &format!("messages.[{at}].content"),
            ));
        }
    };
    for part in parts {
        match part["type"].as_str().unwrap_or_default() {
            "text" => turn.say(part["text"].as_str().unwrap_or_default()),
            "refusal" => turn.say(part["refusal"].as_str().unwrap_or_default()),
            "image_url" => {
                let url = part["image_url"]["url"].as_str().unwrap_or_default();
                turn.images.push(image(url));
            }
            "input_audio" => turn.images.push(Image {
                media_type: format!(
                    "audio/{}",
                    part["input_audio"]["format"].as_str().unwrap_or("wav")
                ),
                bytes: part["input_audio"]["data"].as_str().map(decoded_len),
            }),
            "file" => turn.images.push(image(
                part["file"]["file_data"].as_str().unwrap_or_default(),
            )),
            other => {
                let message = format!(
                    "Invalid value: '{other}'. Supported values are: 'text', 'image_url', …"
                );
                return Err(Complaint::invalid(
                    message,
                    &format!("messages[{at}].content"),
                ));
            }
        }
    }
    Ok(())
}

/// The image at a URL or in a data URL.
pub(in crate::demo) fn image(url: &str) -> Image {
    let data = url
        .strip_prefix("data:")
        .and_then(|u| u.split_once(";base64,"));
    match data {
        Some((media_type, data)) => Image {
            media_type: media_type.to_owned(),
            bytes: Some(decoded_len(data)),
        },
        None => Image {
            media_type: "image".to_owned(),
            bytes: None,
        },
    }
}

/// Bytes behind this much base64.
fn decoded_len(data: &str) -> usize {
    data.trim_end_matches('=').len() * 3 / 4
}

fn tools(request: &Object) -> Vec<Tool> {
    let tools = request.get("tools").and_then(Value::as_array);
    let listed = tools
        .into_iter()
        .flatten()
        .filter_map(|t| tool(&t["function"], "parameters"));
    listed.collect()
}

/// A tool under its name, with the schema that stands under this key.
pub(in crate::demo) fn tool(function: &Value, schema: &str) -> Option<Tool> {
    Some(Tool {
        name: function["name"].as_str()?.to_owned(),
        schema: function[schema].clone(),
    })
}

fn choice(choice: &Value) -> Choice {
    match choice.as_str() {
        Some("none") => Choice::None,
        Some("required") => Choice::Any,
        Some(_) => Choice::Auto,
        None => match choice["function"]["name"].as_str() {
            Some(name) => Choice::Named(name.to_owned()),
            None => Choice::Auto,
        },
    }
}

fn stops(stop: &Value) -> Vec<String> {
    match stop {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn reasoning(request: &Object) -> Reasoning {
    let asked = !matches!(text(request, "reasoning_effort"), "" | "none" | "minimal");
    match text(request, "model").contains("reasoner") {
        true => Reasoning::Shown,
        false if asked => Reasoning::Hidden,
        false => Reasoning::Off,
    }
}

fn schema(format: &Value) -> Option<Value> {
    match format["type"].as_str()? {
        "json_schema" => Some(format["json_schema"]["schema"].clone()),
        "json_object" => Some(json!({"const": {"answer": "demo"}})),
        _ => None,
    }
}
