//! What a request may consist of: every message with its fields, after `google.ai.generativelanguage.v1beta` and the
//! types of the google-genai SDK.

use serde_json::{Map, Value};

use super::shape::Kind::{
    Bytes, Free, Integer, Many, Named, Number, One, Record, Text, Texts, Truth,
};
use crate::demo::complaint::Complaint;

/// A message and its fields, in camelCase.
pub(super) struct Shape {
    name: &'static str,
    fields: &'static [(&'static str, Kind)],
}

enum Kind {
    Text,
    Texts,
    Bytes,
    Integer,
    Number,
    Truth,
    /// Anything.
    Free,
    /// Any object.
    Record,
    One(&'static Shape),
    /// A list; a single object is a list of one.
    Many(&'static Shape),
    /// Objects under names of the client's choice.
    Named(&'static Shape),
}

pub(super) static GENERATE: Shape = Shape {
    name: "GenerateContentRequest",
    fields: &[
        ("model", Text),
        ("contents", Many(&CONTENT)),
        ("systemInstruction", One(&CONTENT)),
        ("tools", Many(&TOOL)),
        ("toolConfig", One(&TOOL_CONFIG)),
        ("safetySettings", Free),
        ("generationConfig", One(&GENERATION_CONFIG)),
        ("cachedContent", Text),
        ("serviceTier", Text),
        ("store", Truth),
        ("labels", Record),
    ],
};

pub(super) static COUNT: Shape = Shape {
    name: "CountTokensRequest",
    fields: &[
        ("model", Text),
        ("contents", Many(&CONTENT)),
        ("generateContentRequest", One(&GENERATE)),
    ],
};

pub(super) static EMBED: Shape = Shape {
    name: "EmbedContentRequest",
    fields: &[
        ("model", Text),
        ("content", One(&CONTENT)),
        ("taskType", Text),
        ("title", Text),
        ("outputDimensionality", Integer),
    ],
};

pub(super) static EMBED_BATCH: Shape = Shape {
    name: "BatchEmbedContentsRequest",
    fields: &[("model", Text), ("requests", Many(&EMBED))],
};

static CONTENT: Shape = Shape {
    name: "Content",
    fields: &[("role", Text), ("parts", Many(&PART))],
};

static PART: Shape = Shape {
    name: "Part",
    fields: &[
        ("text", Text),
        ("thought", Truth),
        ("thoughtSignature", Bytes),
        ("inlineData", One(&BLOB)),
        ("fileData", One(&FILE)),
        ("functionCall", One(&CALL)),
        ("functionResponse", One(&RESPONSE)),
        ("executableCode", Record),
        ("codeExecutionResult", Record),
        ("toolCall", Record),
        ("toolResponse", Record),
        ("videoMetadata", Record),
        ("mediaResolution", Record),
        ("partMetadata", Record),
    ],
};

static BLOB: Shape = Shape {
    name: "Blob",
    fields: &[("mimeType", Text), ("data", Bytes), ("displayName", Text)],
};

static FILE: Shape = Shape {
    name: "FileData",
    fields: &[("mimeType", Text), ("fileUri", Text), ("displayName", Text)],
};

static CALL: Shape = Shape {
    name: "FunctionCall",
    fields: &[("id", Text), ("name", Text), ("args", Record)],
};

static RESPONSE: Shape = Shape {
    name: "FunctionResponse",
    fields: &[
        ("id", Text),
        ("name", Text),
        ("response", Record),
        ("parts", Many(&PART)),
        ("willContinue", Truth),
        ("scheduling", Text),
    ],
};

static TOOL: Shape = Shape {
    name: "Tool",
    fields: &[
        ("functionDeclarations", Many(&DECLARATION)),
        ("googleSearch", Record),
        ("googleSearchRetrieval", Record),
        ("googleMaps", Record),
        ("codeExecution", Record),
        ("urlContext", Record),
        ("computerUse", Record),
        ("fileSearch", Record),
        ("mcpServers", Free),
    ],
};

static DECLARATION: Shape = Shape {
    name: "FunctionDeclaration",
    fields: &[
        ("name", Text),
        ("description", Text),
        ("behavior", Text),
        ("parameters", One(&SCHEMA)),
        ("parametersJsonSchema", Free),
        ("response", One(&SCHEMA)),
        ("responseJsonSchema", Free),
    ],
};

/// A part of OpenAPI's schemas: what JSON schemas have besides is refused.
static SCHEMA: Shape = Shape {
    name: "Schema",
    fields: &[
        ("type", Text),
        ("format", Text),
        ("title", Text),
        ("description", Text),
        ("nullable", Truth),
        ("enum", Texts),
        ("items", One(&SCHEMA)),
        ("minItems", Integer),
        ("maxItems", Integer),
        ("properties", Named(&SCHEMA)),
        ("required", Texts),
        ("minProperties", Integer),
        ("maxProperties", Integer),
        ("propertyOrdering", Texts),
        ("minimum", Number),
        ("maximum", Number),
        ("minLength", Integer),
        ("maxLength", Integer),
        ("pattern", Text),
        ("anyOf", Many(&SCHEMA)),
        ("default", Free),
        ("example", Free),
    ],
};

static TOOL_CONFIG: Shape = Shape {
    name: "ToolConfig",
    fields: &[
        ("functionCallingConfig", One(&CALLING_CONFIG)),
        ("retrievalConfig", Record),
        ("includeServerSideToolInvocations", Truth),
    ],
};

static CALLING_CONFIG: Shape = Shape {
    name: "FunctionCallingConfig",
    fields: &[("mode", Text), ("allowedFunctionNames", Texts)],
};

static GENERATION_CONFIG: Shape = Shape {
    name: "GenerationConfig",
    fields: &[
        ("candidateCount", Integer),
        ("stopSequences", Texts),
        ("maxOutputTokens", Integer),
        ("temperature", Number),
        ("topP", Number),
        ("topK", Number),
        ("seed", Integer),
        ("presencePenalty", Number),
        ("frequencyPenalty", Number),
        ("responseMimeType", Text),
        ("responseSchema", One(&SCHEMA)),
        ("responseJsonSchema", Free),
        ("responseFormat", Free),
        ("responseModalities", Texts),
        ("responseLogprobs", Truth),
        ("logprobs", Integer),
        ("thinkingConfig", One(&THINKING)),
        ("mediaResolution", Text),
        ("speechConfig", Record),
        ("imageConfig", Record),
        ("audioTranscriptionConfig", Record),
        ("translationConfig", Record),
        ("enableEnhancedCivicAnswers", Truth),
    ],
};

static THINKING: Shape = Shape {
    name: "ThinkingConfig",
    fields: &[
        ("includeThoughts", Truth),
        ("thinkingBudget", Integer),
        ("thinkingLevel", Text),
    ],
};

/// The request with every name in camelCase and without nulls, if it has this shape.
pub(super) fn shaped(body: &Value, shape: &Shape) -> Result<Value, Complaint> {
    let Some(object) = body.as_object() else {
        let message = "Invalid JSON payload received. Expected an object.";
        return Err(Complaint::invalid(message, ""));
    };
    let mut wrong = Vec::new();
    let request = message(object, shape, "", &mut wrong);
    let Some(Wrong { at, .. }) = wrong.first() else {
        return Ok(request);
    };
    let says: Vec<&str> = wrong.iter().map(|w| w.says.as_str()).collect();
    Err(Complaint {
        param: Some(at.clone()),
        ..Complaint::invalid(says.join("\n"), "")
    })
}

/// `maxOutputTokens` as `max_output_tokens`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

struct Wrong {
    at: String,
    says: String,
}

impl Wrong {
    /// There is no such field in what stands at this place.
    fn unknown(name: &str, at: &str, why: &str) -> Wrong {
        let place = match at {
            "" => String::new(),
            _ => format!(" at '{at}'"),
        };
        Wrong {
            at: at.to_owned(),
            says: format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: {why}"),
        }
    }

    fn value(value: &Value, at: &str, kind: &str) -> Wrong {
        Wrong {
            at: at.to_owned(),
            says: format!("Invalid value at '{at}' ({kind}), {value}"),
        }
    }
}

fn message(object: &Map<String, Value>, shape: &Shape, at: &str, wrong: &mut Vec<Wrong>) -> Value {
    let mut request = Map::new();
    for (name, given) in object {
        let field = shape
            .fields
            .iter()
            .find(|(camel, _)| camel == name || snake(camel) == *name);
        let Some((camel, kind)) = field else {
            wrong.push(Wrong::unknown(name, at, "Cannot find field."));
            continue;
        };
        if given.is_null() {
            continue;
        }
        if given.is_array() && kind.is_single() {
            let why = "Proto field is not repeating, cannot start list.";
            wrong.push(Wrong::unknown(name, at, why));
            continue;
        }
        let dot = if at.is_empty() { "" } else { "." };
        let place = format!("{at}{dot}{}", snake(camel));
        request.insert((*camel).to_owned(), kind.field(given, &place, wrong));
    }
    Value::Object(request)
}

impl Kind {
    fn is_single(&self) -> bool {
        !matches!(self, Free | Texts | Many(_))
    }

    fn field(&self, given: &Value, at: &str, wrong: &mut Vec<Wrong>) -> Value {
        match self {
            One(shape) => one(given, shape, at, wrong),
            Many(shape) => {
                let element = |(i, value)| one(value, shape, &format!("{at}[{i}]"), &mut *wrong);
                let list = match given {
                    Value::Array(list) => list.as_slice(),
                    single => std::slice::from_ref(single),
                };
                Value::Array(list.iter().enumerate().map(element).collect())
            }
            Named(shape) => {
                let Some(object) = given.as_object() else {
                    wrong.push(Wrong::value(given, at, "Map"));
                    return Value::Null;
                };
                let member = |(i, (name, value)): (usize, (&String, &Value))| {
                    let place = format!("{at}[{i}].value");
                    (name.clone(), one(value, shape, &place, &mut *wrong))
                };
                Value::Object(object.iter().enumerate().map(member).collect())
            }
            plain => {
                if let Some(name) = plain.mistaken(given) {
                    wrong.push(Wrong::value(given, at, name));
                }
                given.clone()
            }
        }
    }

    /// The name of the type that the value should have and has not. Numbers may come as strings.
    fn mistaken(&self, given: &Value) -> Option<&'static str> {
        let text = given.as_str();
        let (right, name) = match self {
            Text => (given.is_string(), "TYPE_STRING"),
            Texts => {
                let list = given.as_array();
                let right = list.is_some_and(|l| l.iter().all(Value::is_string));
                (right, "TYPE_STRING")
            }
            Bytes => (text.is_some_and(is_base64), "TYPE_BYTES"),
            Integer => {
                let whole = given.as_f64().is_some_and(|n| n.fract() == 0.0);
                let spelled = text.is_some_and(|t| t.parse::<i64>().is_ok());
                (whole || spelled, "TYPE_INT32")
            }
            Number => {
                let spelled = text.is_some_and(|t| t.parse::<f64>().is_ok());
                (given.is_number() || spelled, "TYPE_DOUBLE")
            }
            Truth => (given.is_boolean(), "TYPE_BOOL"),
            Record => (
                given.is_object(),
                "type.googleapis.com/google.protobuf.Struct",
            ),
            Free | One(_) | Many(_) | Named(_) => return None,
        };
        (!right).then_some(name)
    }
}

fn one(given: &Value, shape: &Shape, at: &str, wrong: &mut Vec<Wrong>) -> Value {
    let Some(object) = given.as_object() else {
        let name = format!(
            "type.googleapis.com/google.ai.generativelanguage.v1beta.{}",
            shape.name
        );
        wrong.push(Wrong::value(given, at, &name));
        return Value::Null;
    };
    message(object, shape, at, wrong)
}

/// In either alphabet, padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let known = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
    digits.bytes().all(known) && digits.len() % 4 != 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(body: &Value) -> String {
        shaped(body, &GENERATE).unwrap_err().message.unwrap()
    }

    #[test]
    fn either_spelling_is_read_and_only_names_of_the_api_change() {
        let body = json!({
            "system_instruction": {"parts": {"text": "x"}}, "cached_content": null,
            "contents": [{"parts": [{"function_call": {"name": "f", "args": {"max_items": {"a_b": 1}}}}]}]
        });
        let read = shaped(&body, &GENERATE).unwrap();
        assert_eq!(
            read,
            json!({
                "systemInstruction": {"parts": [{"text": "x"}]},
                "contents": [{"parts": [{"functionCall": {"name": "f", "args": {"max_items": {"a_b": 1}}}}]}]
            })
        );
    }

    #[test]
    fn what_the_api_does_not_know_is_named_with_its_place() {
        let schema = json!({"type": ["string", "null"], "properties": {"a": {"const": 1}}});
        let body = json!({"messages": [], "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]});
        let place = "tools[0].function_declarations[0].parameters";
        assert_eq!(
            says(&body).lines().collect::<Vec<_>>(),
            [
                r#"Invalid JSON payload received. Unknown name "messages": Cannot find field."#
                    .to_owned(),
                format!(
                    r#"Invalid JSON payload received. Unknown name "const" at '{place}.properties[0].value': Cannot find field."#
                ),
                format!(
                    r#"Invalid JSON payload received. Unknown name "type" at '{place}': Proto field is not repeating, cannot start list."#
                ),
            ]
        );
    }

    #[test]
    fn values_have_the_types_of_their_fields() {
        for (body, expected) in [
            (
                json!({"generationConfig": {"maxOutputTokens": "many"}}),
                r#"Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), "many""#,
            ),
            (
                json!({"contents": [{"parts": [{"inlineData": {"data": "§"}}]}]}),
                r#"Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), "§""#,
            ),
            (
                json!({"systemInstruction": "x"}),
                r#"Invalid value at 'system_instruction' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), "x""#,
            ),
        ] {
            assert_eq!(says(&body), expected);
        }
        let spelled =
            json!({"generationConfig": {"maxOutputTokens": "5", "topK": 40.0, "seed": 7.0}});
        assert!(shaped(&spelled, &GENERATE).is_ok());
    }
}
