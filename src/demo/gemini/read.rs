use std::collections::VecDeque;

use serde_json::Value;

use super::config::{self, Thinking};
use super::{shape, tools};
use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::Vendorship;
use crate::demo::mind::{Ask, Image, Role, Section, Turn, estimate};

/// Tokens that an image or another attachment counts.
const IMAGE: u64 = 258;

/// What stands in for a signature on calls that Gemini has not made itself, as its documents have it, plain and in base64.
const STAND_INS: [&str; 4] = [
    "skip_thought_signature_validator",
    "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I",
    "context_engineering_is_the_way_to_go",
    "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
];

pub(super) fn read(body: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint> {
    conversation(&shape::shaped(body, &shape::GENERATE)?, vendor)
}

/// The conversation in a request whose names are in camelCase.
pub(super) fn conversation(request: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint> {
    let settings = &request["generationConfig"];
    config::check(settings)?;
    if request["cachedContent"].is_string() {
        return Err(Complaint {
            message: Some("CachedContent not found (or permission denied)".to_owned()),
            ..Complaint::new(ErrorKind::Permission)
        });
    }
    let declared = tools::tools(request)?;
    let thinking = Thinking::read(&settings["thinkingConfig"])?;
    let mut ask = Ask {
        choice: tools::choice(request, &declared)?,
        tools: declared,
        parallel: true,
        max_tokens: whole(&settings["maxOutputTokens"]).and_then(|n| u64::try_from(n).ok()),
        stop: list(&settings["stopSequences"])
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        reasoning: thinking.reasoning,
        schema: config::schema(settings)?,
        ..Ask::default()
    };
    for tool in list(&request["tools"]) {
        ask.sections
            .push(section(estimate(&tool.to_string()), false));
    }
    if !request["systemInstruction"].is_null() {
        let tokens = parts(&request["systemInstruction"]).iter().map(tokens);
        ask.sections.push(section(tokens.sum(), false));
    }
    let contents = list(&request["contents"]);
    if contents.is_empty() {
        return Err(refused(
            "GenerateContentRequest.contents",
            "contents is not specified",
        ));
    }
    let mut reader = Reader {
        vendor,
        called: VecDeque::new(),
        at: 0,
    };
    for content in contents {
        reader.content(&mut ask, content)?;
        reader.at += 1;
    }
    if thinking.demanded {
        check_signatures(contents)?;
    }
    Ok(ask)
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn parts(content: &Value) -> &[Value] {
    list(&content["parts"])
}

/// A number that may have come as a string.
pub(super) fn whole(value: &Value) -> Option<i64> {
    let spelled = value.as_str().and_then(|t| t.parse().ok());
    let written = value.as_i64().or(value.as_f64().map(|n| n as i64));
    written.or(spelled)
}

/// Gemini's form of a complaint about one field.
pub(super) fn refused(at: &str, why: &str) -> Complaint {
    Complaint::invalid(format!("* {at}: {why}\n"), at)
}

fn section(tokens: u64, assistant: bool) -> Section {
    Section {
        tokens,
        marked: false,
        assistant,
    }
}

pub(super) fn tokens(part: &Value) -> u64 {
    match part["text"].as_str() {
        Some(text) => estimate(text),
        None if part.get("inlineData").is_some() || part.get("fileData").is_some() => IMAGE,
        None => 8 + estimate(&part.to_string()),
    }
}

/// In the turn under way, the first call of every answer must have its signature.
fn check_signatures(contents: &[Value]) -> Result<(), Complaint> {
    let is_prompt = |content: &Value| {
        content["role"] != "model" && parts(content).iter().any(|p| p["text"].is_string())
    };
    let from = contents.iter().rposition(is_prompt).unwrap_or(0);
    for (at, content) in contents.iter().enumerate().skip(from) {
        let first = parts(content)
            .iter()
            .find(|p| p["functionCall"].is_object());
        let Some(bare) = first.filter(|p| p["thoughtSignature"].is_null()) else {
            continue;
        };
        let message = format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
             correctly, and missing thought_signature may lead to degraded model performance. Additional data, \
             function call `default_api:{}` , position {}. Please refer to \
             https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
            bare["functionCall"]["name"].as_str().unwrap_or_default(),
            at + 1
        );
        return Err(Complaint::invalid(message, ""));
    }
    Ok(())
}

/// A call that waits for its response.
struct Called {
    name: String,
    id: Option<String>,
}

struct Reader<'a> {
    vendor: &'a Vendorship<'a>,
    called: VecDeque<Called>,
    at: usize,
}

impl Reader<'_> {
    fn content(&mut self, ask: &mut Ask, content: &Value) -> Result<(), Complaint> {
        let role = match content["role"].as_str() {
            None | Some("" | "user" | "function") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => {
                let message = "Please use a valid role: user, model.";
                return Err(Complaint::invalid(message, ""));
            }
        };
        let place = format!("GenerateContentRequest.contents[{}].parts", self.at);
        if parts(content).is_empty() {
            return Err(refused(&place, "contents.parts must not be empty."));
        }
        let mut turn = Turn::new(role);
        for (i, part) in parts(content).iter().enumerate() {
            self.part(&mut turn, part, &format!("{place}[{i}]"))?;
        }
        if role == Role::User {
            self.answered(parts(content))?;
        } else if turn.calls > 0 && ask.turns.is_empty() {
            let message = "Please ensure that function call turn comes immediately after a user turn or after a \
                           function response turn.";
            return Err(Complaint::invalid(message, ""));
        }
        let counted = 4 + parts(content).iter().map(tokens).sum::<u64>();
        ask.sections.push(section(counted, role == Role::Assistant));
        ask.turns.push(turn);
        Ok(())
    }

    fn part(&mut self, turn: &mut Turn, part: &Value, at: &str) -> Result<(), Complaint> {
        let data = [
            "text",
            "inlineData",
            "fileData",
            "functionCall",
            "functionResponse",
            "executableCode",
            "codeExecutionResult",
            "toolCall",
            "toolResponse",
        ];
        let mut set = data.into_iter().filter(|field| part.get(*field).is_some());
        let Some(field) = set.next() else {
            let why = "required oneof field 'data' must have one initialized field";
            return Err(refused(&format!("{at}.data"), why));
        };
        if set.next().is_some() {
            let message =
                format!("Invalid value at '{at}' (oneof), oneof field 'data' is already set.");
            return Err(Complaint::invalid(message, at));
        }
        self.check_signature(part)?;
        let value = &part[field];
        match field {
            "text" if part["thought"] == true => {}
            "text" => turn.say(value.as_str().unwrap_or_default()),
            "inlineData" | "fileData" => turn.images.push(attachment(value, at)?),
            "functionCall" => {
                let name = name(value, at, "function_call")?;
                let id = value["id"].as_str().map(str::to_owned);
                self.called.push_back(Called { name, id });
                turn.calls += 1;
            }
            "functionResponse" => {
                name(value, at, "function_response")?;
                turn.results.push(result(&value["response"]));
                for part in parts(value) {
                    let data = part.get("inlineData").or(part.get("fileData"));
                    turn.images
                        .extend(data.map(|d| attachment(d, at)).transpose()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A signature holds for a call of this name, or for text of any kind.
    fn check_signature(&self, part: &Value) -> Result<(), Complaint> {
        let Some(signature) = part["thoughtSignature"].as_str() else {
            return Ok(());
        };
        let signature = signature.trim_end_matches('=');
        let signed = match part["functionCall"]["name"].as_str() {
            Some(name) => self.vendor.signed(&signed_call(name), signature),
            None => self.vendor.signed(SIGNED_TEXT, signature),
        };
        if signed || STAND_INS.contains(&signature) {
            return Ok(());
        }
        Err(Complaint::new(ErrorKind::BadSignature))
    }

    /// The content behind calls must have a response for each, and no other content may have any.
    fn answered(&mut self, parts: &[Value]) -> Result<(), Complaint> {
        let responses: Vec<&Value> = parts
            .iter()
            .filter_map(|p| p.get("functionResponse"))
            .collect();
        let invalid = |message: &str| Err(Complaint::invalid(message, ""));
        if self.called.is_empty() && !responses.is_empty() {
            return invalid(
                "Please ensure that function response turn comes immediately after a function call turn.",
            );
        }
        if self.called.len() != responses.len() {
            return invalid(
                "Please ensure that the number of function response parts is equal to the number of function call \
                 parts of the function call turn.",
            );
        }
        for response in responses {
            let fits = |call: &Called| {
                let id = response["id"].as_str();
                let same = id.is_none() || call.id.is_none() || id == call.id.as_deref();
                same && response["name"] == *call.name
            };
            let Some(found) = self.called.iter().position(fits) else {
                return invalid(
                    "Please ensure that every function response has the name and the id of its function call.",
                );
            };
            self.called.remove(found);
        }
        Ok(())
    }
}

pub(super) const SIGNED_TEXT: &str = "text";

pub(super) fn signed_call(name: &str) -> String {
    format!("call {name}")
}

fn name(value: &Value, at: &str, kind: &str) -> Result<String, Complaint> {
    match value["name"].as_str() {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(refused(
            &format!("{at}.{kind}.name"),
            "Name cannot be empty.",
        )),
    }
}

/// What a tool gave back: the text, where it is one, however the client named it.
fn result(response: &Value) -> String {
    let members = response.as_object();
    let named = ["output", "result", "error"].into_iter();
    let known = named.filter_map(|key| response[key].as_str()).next();
    let only = members
        .filter(|m| m.len() == 1)
        .and_then(|m| m.values().next()?.as_str());
    known
        .or(only)
        .map_or_else(|| response.to_string(), str::to_owned)
}

fn attachment(data: &Value, at: &str) -> Result<Image, Complaint> {
    let base64 = data["data"].as_str();
    if base64.is_none() && data["fileUri"].as_str().unwrap_or_default().is_empty() {
        return Err(refused(
            &format!("{at}.data"),
            "data or file_uri must be set.",
        ));
    }
    let Some(media_type) = data["mimeType"].as_str().filter(|t| !t.is_empty()) else {
        return Err(refused(
            &format!("{at}.mime_type"),
            "mime_type must be set.",
        ));
    };
    Ok(Image {
        media_type: media_type.to_owned(),
        bytes: base64.map(|data| data.trim_end_matches('=').len() * 3 / 4),
    })
}
