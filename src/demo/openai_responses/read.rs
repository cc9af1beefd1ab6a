use serde_json::{Value, json};

use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::Vendorship;
use crate::demo::mind::{Ask, Choice, Image, Reasoning, Role, Section, Tool, Turn, estimate};
use crate::demo::openai_chat;

/// Fields of other formats that this path refuses.
const FOREIGN: &[&str] = &[
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "system",
    "thinking",
    "response_format",
];

/// Fields that are about the answer: to count the input's tokens they are refused.
const ANSWERS: &[&str] = &[
    "include",
    "max_output_tokens",
    "metadata",
    "store",
    "stream",
    "temperature",
    "top_p",
    "user",
];

/// The request of `/responses/input_tokens`.
pub(super) fn read_count(body: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint> {
    if let Some(key) = ANSWERS.iter().find(|key| body.get(**key).is_some()) {
        let why = format!("Unknown parameter: '{key}'.");
        return Err(Complaint::invalid(why, key));
    }
    read(body, vendor)
}

pub(super) fn read(body: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint> {
    check(body)?;
    let tools = body["tools"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut ask = Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        tools: tools.iter().filter_map(tool).collect(),
        choice: choice(&body["tool_choice"]),
        parallel: body["parallel_tool_calls"] != false,
        max_tokens: body["max_output_tokens"].as_u64(),
        reasoning: reasoning(body),
        schema: schema(&body["text"]["format"]),
        stream: body["stream"] == true,
        ..Ask::default()
    };
    if !tools.is_empty() {
        ask.sections
            .push(section(estimate(&body["tools"].to_string()), false));
    }
    if let Some(instructions) = body["instructions"].as_str() {
        ask.sections.push(section(estimate(instructions), false));
    }
    match &body["input"] {
        Value::String(text) => {
            let mut turn = Turn::new(Role::User);
            turn.say(text);
            ask.sections.push(section(4 + estimate(text), false));
            ask.turns.push(turn);
        }
        Value::Array(items) => read_items(&mut ask, items, vendor)?,
        _ => {
            return Err(Complaint::invalid(
                "Missing required parameter: 'input'.",
                "input",
            ));
        }
    }
    Ok(ask)
}

fn section(tokens: u64, assistant: bool) -> Section {
    Section {
        tokens,
        marked: false,
        assistant,
    }
}

fn check(body: &Value) -> Result<(), Complaint> {
    let Some(request) = body.as_object() else {
        return Err(Complaint::invalid(
            "We could not parse the JSON body of your request.",
            "",
        ));
    };
    if let Some(key) = FOREIGN.iter().find(|k| request.contains_key(**k)) {
        return Err(Complaint::invalid(
            format!("Unknown parameter: '{key}'."),
            key,
        ));
    }
    if body["model"].as_str().unwrap_or_default().is_empty() {
        return Err(Complaint::invalid(
            "Missing required parameter: 'model'.",
            "model",
        ));
    }
    if let Some(id) = body["previous_response_id"].as_str() {
        let message = format!("Previous response with id '{id}' not found.");
        return Err(Complaint::invalid(message, "previous_response_id"));
    }
    Ok(())
}

fn tool(tool: &Value) -> Option<Tool> {
    match tool["type"].as_str() {
        Some("function") => openai_chat::tool(tool, "parameters"),
        _ => None,
    }
}

fn choice(choice: &Value) -> Choice {
    match choice.as_str() {
        Some("none") => Choice::None,
        Some("required") => Choice::Any,
        Some(_) => Choice::Auto,
        None => match choice["name"].as_str() {
            Some(name) => Choice::Named(name.to_owned()),
            None => Choice::Auto,
        },
    }
}

fn reasoning(body: &Value) -> Reasoning {
    let reasoning = &body["reasoning"];
    match reasoning["effort"].as_str() {
        _ if reasoning["summary"].is_string() => Reasoning::Shown,
        None | Some("none" | "minimal") => Reasoning::Off,
        Some(_) => Reasoning::Hidden,
    }
}

fn schema(format: &Value) -> Option<Value> {
    match format["type"].as_str()? {
        "json_schema" => Some(format["schema"].clone()),
        "json_object" => Some(json!({"const": {"answer": "demo"}})),
        _ => None,
    }
}

/// Items are finer than turns: what the assistant says and calls in one go is one turn.
fn read_items(ask: &mut Ask, items: &[Value], vendor: &Vendorship<'_>) -> Result<(), Complaint> {
    let mut called: Vec<&str> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let kind = item["type"].as_str().unwrap_or("message");
        let assistant =
            item["role"] == "assistant" || matches!(kind, "function_call" | "reasoning");
        ask.sections
            .push(section(4 + estimate(&item.to_string()), assistant));
        match kind {
            "message" => read_message(ask, item),
            "function_call" => {
                called.extend(item["call_id"].as_str());
                turn(ask, Role::Assistant).calls += 1;
            }
            "function_call_output" => {
                let id = item["call_id"].as_str().unwrap_or_default();
                if !called.contains(&id) {
                    let message =
                        format!("No tool call found for function call output with call_id {id}.");
                    return Err(Complaint::invalid(message, "input"));
                }
                let text = output(&item["output"]);
                turn(ask, Role::User).results.push(text);
            }
            "reasoning" => check_reasoning(item, at, vendor)?,
            _ => {}
        }
    }
    Ok(())
}

fn turn(ask: &mut Ask, role: Role) -> &mut Turn {
    let fits = ask.turns.last().is_some_and(|t| t.role == role);
    // A prompt behind a tool's result is a turn of its own.
    let same = fits
        && (role == Role::Assistant || ask.turns.last().is_some_and(|t| !t.results.is_empty()));
    if !same {
        ask.turns.push(Turn::new(role));
    }
    let last = ask.turns.len() - 1;
    &mut ask.turns[last]
}

fn read_message(ask: &mut Ask, item: &Value) {
    let role = match item["role"].as_str() {
        Some("assistant") => Role::Assistant,
        Some("user") => Role::User,
        _ => return,
    };
    let mut text = item["content"].as_str().unwrap_or_default().to_owned();
    let mut images = Vec::new();
    for part in item["content"].as_array().into_iter().flatten() {
        match part["type"].as_str().unwrap_or_default() {
            "input_image" => images.push(openai_chat::image(
                part["image_url"].as_str().unwrap_or_default(),
            )),
            "input_file" => images.push(openai_chat::image(
                part["file_data"].as_str().unwrap_or_default(),
            )),
            _ => {
                text.push_str(part["text"].as_str().unwrap_or_default());
                text.push('\n');
            }
        }
    }
    say(ask, role, text.trim_end(), images);
}

fn say(ask: &mut Ask, role: Role, text: &str, images: Vec<Image>) {
    let turn = match role {
        Role::Assistant => turn(ask, role),
        Role::User => {
            ask.turns.push(Turn::new(role));
            let last = ask.turns.len() - 1;
            &mut ask.turns[last]
        }
    };
    turn.say(text);
    turn.images.extend(images);
}

fn output(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        _ => {
            let parts = output.as_array().into_iter().flatten();
            parts
                .filter_map(|p| p["text"].as_str())
                .collect::<Vec<_>>()
                .join("\n")
        }
    }
}

fn check_reasoning(item: &Value, at: usize, vendor: &Vendorship<'_>) -> Result<(), Complaint> {
    let Some(sealed) = item["encrypted_content"].as_str() else {
        return Ok(());
    };
    if vendor.signed("reasoning", sealed) {
        return Ok(());
    }
    let id = item["id"].as_str().unwrap_or_default();
    Err(Complaint {
        message: Some(format!(
            "The encrypted content for item {id} could not be verified."
        )),
        param: Some(format!("input[{at}].encrypted_content")),
        ..Complaint::new(ErrorKind::BadSignature)
    })
}
