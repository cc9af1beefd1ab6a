use serde_json::Value;

use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::Vendorship;
use crate::demo::mind::{Ask, Choice, Image, Reasoning, Role, Section, Tool, Turn, estimate};

/// Fields of other vendors that Anthropic refuses.
const FOREIGN: &[&str] = &[
    "max_completion_tokens",
    "stop",
    "stream_options",
    "response_format",
    "reasoning_effort",
    "frequency_penalty",
    "n",
    "contents",
];

/// Tokens that an image or document counts.
const IMAGE: u64 = 1600;

/// What a request is for: an answer needs more than a count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Answer,
    Count,
}

pub(super) fn read(
    body: &Value,
    vendor: &Vendorship<'_>,
    purpose: Purpose,
) -> Result<Ask, Complaint> {
    check(body, purpose)?;
    let thinking = Thinking::read(body)?;
    let mut ask = Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        tools: list(&body["tools"]).iter().filter_map(tool).collect(),
        choice: choice(&body["tool_choice"]),
        parallel: body["tool_choice"]["disable_parallel_tool_use"] != true,
        max_tokens: body["max_tokens"].as_u64(),
        stop: list(&body["stop_sequences"])
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        reasoning: if thinking.on {
            Reasoning::Shown
        } else {
            Reasoning::Off
        },
        schema: schema(body),
        stream: body["stream"] == true,
        ..Ask::default()
    };
    for tool in list(&body["tools"]) {
        ask.sections
            .push(section(estimate(&tool.to_string()), tool, false));
    }
    read_system(&mut ask, &body["system"])?;
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut reader = Reader {
        vendor,
        called: Vec::new(),
        at: 0,
    };
    for message in messages {
        reader.message(&mut ask, message)?;
        reader.at += 1;
    }
    reader.end()?;
    if thinking.demanded {
        thinking.check_tool_turn(messages)?;
    }
    Ok(ask)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn section(tokens: u64, block: &Value, assistant: bool) -> Section {
    Section {
        tokens,
        marked: block["cache_control"].is_object(),
        assistant,
    }
}

fn check(body: &Value, purpose: Purpose) -> Result<(), Complaint> {
    let Some(request) = body.as_object() else {
        return Err(Complaint::invalid("The request body is not valid JSON", ""));
    };
    if let Some(key) = FOREIGN.iter().find(|k| request.contains_key(**k)) {
        return Err(Complaint::invalid(
            format!("{key}: Extra inputs are not permitted"),
            key,
        ));
    }
    let mut required = vec!["model", "messages"];
    if purpose == Purpose::Answer {
        required.push("max_tokens");
    }
    if let Some(key) = required.into_iter().find(|k| !request.contains_key(*k)) {
        return Err(Complaint::invalid(format!("{key}: Field required"), key));
    }
    if list(&body["messages"]).is_empty() {
        return Err(Complaint::invalid(
            "messages: at least one message is required",
            "messages",
        ));
    }
    if purpose == Purpose::Answer && body["max_tokens"].as_u64().is_none_or(|n| n == 0) {
        let message = "max_tokens: Input should be greater than or equal to 1";
        return Err(Complaint::invalid(message, "max_tokens"));
    }
    Ok(())
}

/// What the request says about thinking.
struct Thinking {
    on: bool,
    /// Whether it must also show in the turns that come back. Where the model itself decides when to think
    /// (`adaptive`), no turn need have any.
    demanded: bool,
}

impl Thinking {
    fn read(body: &Value) -> Result<Thinking, Complaint> {
        let thinking = &body["thinking"];
        let budget = thinking["budget_tokens"].as_u64();
        if thinking["type"] == "enabled" {
            let Some(budget) = budget.filter(|b| *b >= 1024) else {
                let message =
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024";
                return Err(Complaint::invalid(message, "thinking"));
            };
            if body["max_tokens"].as_u64().is_some_and(|max| max <= budget) {
                let message = "`max_tokens` must be greater than `thinking.budget_tokens`.";
                return Err(Complaint::invalid(message, "max_tokens"));
            }
        }
        let on = matches!(
            thinking["type"].as_str(),
            Some("enabled" | "adaptive" | "between_tools")
        );
        let demanded = thinking["type"] == "enabled";
        Ok(Thinking { on, demanded })
    }

    /// With thinking demanded, a turn that called tools and waits for its answer must begin with its thinking.
    fn check_tool_turn(&self, messages: &[Value]) -> Result<(), Complaint> {
        let last = messages
            .iter()
            .enumerate()
            .rev()
            .find(|(_, m)| m["role"] == "assistant");
        let Some((at, turn)) = last else {
            return Ok(());
        };
        let blocks = list(&turn["content"]);
        let calls = blocks.iter().any(|b| b["type"] == "tool_use");
        let first = blocks
            .first()
            .and_then(|b| b["type"].as_str())
            .unwrap_or_default();
        if !calls || matches!(first, "thinking" | "redacted_thinking") {
            return Ok(());
        }
        let message = format!(
            "messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When \
             `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the \
             lastmost set of `tool_use` and `tool_result` blocks)."
        );
        Err(Complaint::invalid(message, "messages"))
    }
}

fn tool(tool: &Value) -> Option<Tool> {
    Some(Tool {
        name: tool["name"].as_str()?.to_owned(),
        schema: tool["input_schema"].clone(),
    })
}

fn choice(choice: &Value) -> Choice {
    match choice["type"].as_str() {
        Some("any") => Choice::Any,
        Some("none") => Choice::None,
        Some("tool") => Choice::Named(choice["name"].as_str().unwrap_or_default().to_owned()),
        _ => Choice::Auto,
    }
}

fn schema(body: &Value) -> Option<Value> {
    let formats = [&body["output_config"]["format"], &body["output_format"]];
    let format = formats.into_iter().find(|f| f["type"] == "json_schema")?;
    Some(format["schema"].clone())
}

fn read_system(ask: &mut Ask, system: &Value) -> Result<(), Complaint> {
    match system {
        Value::Null => {}
        Value::String(text) => ask
            .sections
            .push(section(estimate(text), &Value::Null, false)),
        Value::Array(blocks) => {
            let counted = blocks.iter().map(|b| section(block_tokens(b), b, false));
            ask.sections.extend(counted);
        }
        _ => {
            return Err(Complaint::invalid(
                "system: Input should be a valid list",
                "system",
            ));
        }
    }
    Ok(())
}

fn block_tokens(block: &Value) -> u64 {
    match block["type"].as_str().unwrap_or_default() {
        "text" => estimate(block["text"].as_str().unwrap_or_default()),
        "image" | "document" => IMAGE,
        "tool_result" => {
            8 + list(&block["content"])
                .iter()
                .map(block_tokens)
                .sum::<u64>()
                + estimate(block["content"].as_str().unwrap_or_default())
        }
        _ => estimate(&block.to_string()),
    }
}

struct Reader<'a> {
    vendor: &'a Vendorship<'a>,
    /// Calls of the assistant's turn just read, to be answered in the next one.
    called: Vec<String>,
    at: usize,
}

impl Reader<'_> {
    fn invalid(&self, message: &str) -> Complaint {
        Complaint::invalid(format!("messages.{}: {message}", self.at), "messages")
    }

    fn message(&mut self, ask: &mut Ask, message: &Value) -> Result<(), Complaint> {
        let role = match message["role"].as_str() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            // Instructions in mid-conversation say nothing that wants an answer.
            Some("system") => return Ok(()),
            _ => return Err(self.invalid("role: Input should be 'user' or 'assistant'")),
        };
        let mut turn = Turn::new(role);
        let assistant = role == Role::Assistant;
        match &message["content"] {
            Value::String(text) => {
                ask.sections
                    .push(section(4 + estimate(text), &Value::Null, assistant));
                turn.say(text);
            }
            Value::Array(blocks) => {
                let results = blocks.iter().filter_map(|b| b["tool_use_id"].as_str());
                self.answered(&results.collect::<Vec<_>>())?;
                for block in blocks {
                    ask.sections
                        .push(section(block_tokens(block), block, assistant));
                    self.block(&mut turn, block)?;
                }
            }
            _ => return Err(self.invalid("content: Input should be a valid list")),
        }
        if message["content"].is_string() {
            self.answered(&[])?;
        }
        if assistant {
            self.called = calls(&message["content"]);
            turn.calls = self.called.len();
        }
        ask.turns.push(turn);
        Ok(())
    }

    /// The turn after calls must bring a result for each, and none for anything else.
    fn answered(&mut self, results: &[&str]) -> Result<(), Complaint> {
        let called = std::mem::take(&mut self.called);
        if let Some(stray) = results.iter().find(|r| !called.iter().any(|c| c == *r)) {
            return Err(self.invalid(&format!(
                "unexpected `tool_use_id` found in `tool_result` blocks: {stray}. Each `tool_result` block must have \
                 a corresponding `tool_use` block in the previous message."
            )));
        }
        let missing: Vec<_> = called
            .iter()
            .filter(|c| !results.contains(&c.as_str()))
            .cloned()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(self.invalid(&format!(
            "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block \
             must have a corresponding `tool_result` block in the next message.",
            missing.join(", ")
        )))
    }

    fn end(&mut self) -> Result<(), Complaint> {
        self.answered(&[])
    }

    fn block(&self, turn: &mut Turn, block: &Value) -> Result<(), Complaint> {
        let text = |key: &str| block[key].as_str().unwrap_or_default();
        match text("type") {
            "text" => turn.say(text("text")),
            "image" | "document" => turn.images.push(image(&block["source"])),
            "tool_result" => turn.results.push(result(&block["content"])),
            "thinking" if !self.vendor.signed(text("thinking"), text("signature")) => {
                return Err(self.bad_signature("thinking"));
            }
            "redacted_thinking" if !self.vendor.signed("redacted", text("data")) => {
                return Err(self.bad_signature("redacted_thinking"));
            }
            "" => return Err(self.invalid("content.0.type: Field required")),
            _ => {}
        }
        Ok(())
    }

    fn bad_signature(&self, kind: &str) -> Complaint {
        Complaint {
            message: Some(format!(
                "messages.{}.content.0: Invalid `signature` in `{kind}` block",
                self.at
            )),
            ..Complaint::new(ErrorKind::BadSignature)
        }
    }
}

fn calls(content: &Value) -> Vec<String> {
    let calls = list(content).iter().filter(|b| b["type"] == "tool_use");
    calls
        .filter_map(|b| b["id"].as_str())
        .map(str::to_owned)
        .collect()
}

fn result(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        _ => {
            let texts: Vec<&str> = list(content)
                .iter()
                .filter_map(|b| b["text"].as_str())
                .collect();
            texts.join("\n")
        }
    }
}

fn image(source: &Value) -> Image {
    let base64 = source["data"]
        .as_str()
        .filter(|_| source["type"] == "base64");
    Image {
        media_type: source["media_type"].as_str().unwrap_or("image").to_owned(),
        bytes: base64.map(|data| data.trim_end_matches('=').len() * 3 / 4),
    }
}
