//! What a scan must find, found the slow way: in a tree that a JSON parser made.

use serde_json::{Map, Value};
use tidegate::ir::Format;
use tidegate::wire::scan::{Scan, StreamOptions};

/// The traits that a tree can tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traits {
    pub model: Option<String>,
    pub stream: bool,
    pub asked: bool,
    pub tools: bool,
    pub images: bool,
    pub prefill: bool,
    pub assistant_turn: bool,
    pub reasoning: bool,
    pub max_tokens: Option<u64>,
    pub messages: usize,
    pub session: Option<String>,
}

impl Traits {
    pub fn of(scan: &Scan) -> Traits {
        Traits {
            model: scan.model.as_ref().map(|model| model.value.clone()),
            stream: scan.stream,
            asked: matches!(scan.stream_options, StreamOptions::Said { asked: true, .. }),
            tools: scan.tools,
            images: scan.images,
            prefill: scan.prefill,
            assistant_turn: scan.assistant_turn,
            reasoning: scan.reasoning,
            max_tokens: scan.max_tokens,
            messages: scan.messages,
            session: scan.session.clone(),
        }
    }
}

/// What the model or the stream flag is refused for.
#[derive(Debug, PartialEq)]
pub enum Wrong {
    Model,
    Stream,
}

/// The traits of any request but conversations.
pub fn common(body: &Map<String, Value>) -> Result<Traits, Wrong> {
    let model = match body.get("model") {
        None => None,
        Some(Value::String(model)) => Some(model.clone()),
        Some(_) => return Err(Wrong::Model),
    };
    let stream = match body.get("stream") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(stream)) => *stream,
        Some(_) => return Err(Wrong::Stream),
    };
    let options = body.get("stream_options");
    let asked =
        options.and_then(|options| options.get("include_usage")) == Some(&Value::Bool(true));
    Ok(Traits {
        model,
        stream,
        asked,
        ..Traits::default()
    })
}

/// The traits of a conversation, and its bytes and tokens of media when it is written without white space.
pub fn conversation(body: &Map<String, Value>, format: Format) -> Result<(Traits, Media), Wrong> {
    let mut traits = common(body)?;
    let mut media = Media::default();
    let (turns, systems): (&str, &[&str]) = match format {
        Format::OpenaiChat => ("messages", &[]),
        Format::Anthropic => ("messages", &["system"]),
        Format::OpenaiResponses => ("input", &["instructions"]),
        Format::Gemini => ("contents", &["systemInstruction", "system_instruction"]),
    };
    for system in systems.iter().filter_map(|key| body.get(*key)) {
        media.add(Node::content(system, 1));
    }
    let turns = match body.get(turns) {
        Some(Value::Array(turns)) => turns.iter().collect(),
        Some(turn @ (Value::Object(_) | Value::String(_))) => vec![turn],
        _ => vec![],
    };
    traits.messages = turns.len();
    for turn in &turns {
        let node = match turn {
            Value::Object(turn) => Node::object(turn, 0),
            other => Node::content(other, 1),
        };
        let role = turn.get("role").and_then(Value::as_str);
        let assistant = matches!(role, Some("assistant" | "model"));
        traits.assistant_turn |= assistant || is_made_by_model(turn);
        traits.prefill = assistant;
        media.add(node);
    }
    traits.assistant_turn |= matches!(body.get("previous_response_id"), Some(Value::String(_)));
    traits.images = media.images;
    let is_list =
        |key: &str| matches!(body.get(key), Some(Value::Array(tools)) if !tools.is_empty());
    traits.tools = is_list("tools") || is_list("functions");
    traits.reasoning = reasoning(body);
    traits.max_tokens = max_tokens(body);
    traits.session = session(body);
    Ok((traits, media))
}

fn is_made_by_model(item: &Value) -> bool {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
    kind == "reasoning" || kind.ends_with("_call")
}

fn reasoning(body: &Map<String, Value>) -> bool {
    let said = |key: &str| body.get(key).and_then(Value::as_str);
    let on_unless_off = |value: Option<&Value>| {
        let Some(Value::Object(value)) = value else {
            return false;
        };
        let zero = |key: &str| {
            value
                .get(key)
                .is_some_and(|budget| budget.as_u64() == Some(0))
        };
        value.get("effort") != Some(&Value::from("none"))
            && value.get("enabled") != Some(&Value::Bool(false))
            && !zero("thinkingBudget")
            && !zero("thinking_budget")
    };
    let kind = body
        .get("thinking")
        .and_then(|thinking| thinking.get("type"))
        .and_then(Value::as_str);
    let mut asked = said("reasoning_effort").is_some_and(|effort| effort != "none")
        || on_unless_off(body.get("reasoning"))
        || matches!(kind, Some("enabled" | "adaptive"))
        || body.get("enable_thinking") == Some(&Value::Bool(true));
    for config in ["generationConfig", "generation_config"]
        .iter()
        .filter_map(|key| body.get(*key))
    {
        asked |= on_unless_off(config.get("thinkingConfig"))
            || on_unless_off(config.get("thinking_config"));
    }
    asked
}

fn max_tokens(body: &Map<String, Value>) -> Option<u64> {
    let mut given: Vec<&Value> = ["max_tokens", "max_completion_tokens", "max_output_tokens"]
        .iter()
        .filter_map(|key| body.get(*key))
        .collect();
    for config in ["generationConfig", "generation_config"]
        .iter()
        .filter_map(|key| body.get(*key))
    {
        given.extend(config.get("maxOutputTokens"));
        given.extend(config.get("max_output_tokens"));
    }
    given.into_iter().filter_map(count).max()
}

/// A whole number that is not negative.
fn count(value: &Value) -> Option<u64> {
    let float = || {
        value
            .as_f64()
            .filter(|n| n.is_sign_positive() && n.fract() == 0.0)
    };
    value.as_u64().or_else(|| float().map(|n| n as u64))
}

fn session(body: &Map<String, Value>) -> Option<String> {
    let key = body
        .get("prompt_cache_key")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let user = body
        .get("metadata")
        .and_then(|metadata| metadata.get("user_id"))
        .and_then(Value::as_str);
    let of_user = user.and_then(|user| match serde_json::from_str::<Value>(user) {
        Ok(Value::Object(user)) => Some(user.get("session_id")?.as_str()?.to_owned()),
        _ => Some(user.rsplit_once("session_")?.1.to_owned()),
    });
    let is_name = |name: &String| !name.is_empty();
    key.filter(is_name).or(of_user.filter(is_name))
}

/// Images and documents, and how much of a body they are.
#[derive(Debug, Default, Clone, Copy)]
pub struct Media {
    pub images: bool,
    pub bytes: usize,
    pub tokens: u64,
}

impl Media {
    fn add(&mut self, other: Media) {
        self.images |= other.images;
        self.bytes += other.bytes;
        self.tokens += other.tokens;
    }
}

/// Whether a source is text: it says so, or the source that it has itself.
fn is_text(source: &Map<String, Value>, level: usize) -> bool {
    let kind = source.get("type").and_then(Value::as_str);
    matches!(kind, Some("text" | "content"))
        || source
            .get("source")
            .and_then(Value::as_object)
            .is_some_and(|inner| level < 8 && is_text(inner, level + 1))
}

/// A message, a part or what a part wraps.
struct Node;

impl Node {
    fn content(value: &Value, level: usize) -> Media {
        let mut media = Media::default();
        match value {
            Value::Array(parts) if level < 8 => parts
                .iter()
                .for_each(|part| media.add(Node::content(part, level + 1))),
            Value::Object(part) if level < 8 => media = Node::object(part, level),
            _ => {}
        }
        media
    }

    fn object(node: &Map<String, Value>, level: usize) -> Media {
        let kind = |node: &Map<String, Value>| {
            node.get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (mut media, own) = (Media::default(), kind(node));
        let mut image = matches!(
            &*own,
            "image" | "image_url" | "input_image" | "computer_screenshot"
        );
        let mut document = matches!(
            &*own,
            "document"
                | "file"
                | "input_file"
                | "audio"
                | "input_audio"
                | "video_url"
                | "image_generation_call"
        );
        let mut textual = matches!(&*own, "text" | "content");
        for (key, value) in node {
            match &**key {
                "mimeType" | "mime_type" => {
                    let is_image = value
                        .as_str()
                        .is_some_and(|mime| mime.starts_with("image/"));
                    image |= is_image;
                    document |= !is_image;
                }
                "text" | "content" | "parts" | "output" | "inlineData" | "inline_data"
                | "fileData" | "file_data" | "functionResponse" | "function_response" => {
                    media.add(Node::content(value, level + 1))
                }
                "source" => {
                    if let (Value::Object(source), true) = (value, level < 8) {
                        media.add(Node::object(source, level + 1));
                        textual |= is_text(source, level + 1);
                    }
                }
                _ => {}
            }
        }
        let images = media.images || image;
        let bytes = serde_json::to_string(node).unwrap().len();
        match (image, document && !textual) {
            (true, _) => Media {
                images,
                bytes,
                tokens: 1_000,
            },
            (false, true) => Media {
                images,
                bytes,
                tokens: 2_000,
            },
            (false, false) => Media { images, ..media },
        }
    }
}
