//! Gemini: what it answers, calls and refuses, its other paths, and how each fault looks there.

use serde_json::{Value, json};

use crate::client::Reply;

mod answers;
mod calls;
mod faults;
mod refusals;
mod side;

const WHOLE: &str = "/v1beta/models/demo-large:generateContent";
const EVENTS: &str = "/v1beta/models/demo-large:streamGenerateContent?alt=sse";
const LIST: &str = "/v1beta/models/demo-large:streamGenerateContent";
const TEXTS: &str = "/candidates/0/content/parts/0/text";

fn ask(prompt: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]})
}

fn with(mut body: Value, more: Value) -> Value {
    let (Some(fields), Value::Object(more)) = (body.as_object_mut(), more) else {
        panic!("two objects")
    };
    fields.extend(more);
    body
}

fn configured(prompt: &str, config: Value) -> Value {
    let mut body = ask(prompt);
    body["generationConfig"] = config;
    body
}

fn thinking(prompt: &str) -> Value {
    configured(
        prompt,
        json!({"thinkingConfig": {"includeThoughts": true, "thinkingLevel": "HIGH"}}),
    )
}

fn tools() -> Value {
    let city =
        json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]});
    let command = json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
    json!({"tools": [{"functionDeclarations": [
        {"name": "weather", "parameters": city},
        {"name": "run_shell_command", "parametersJsonSchema": command},
        {"name": "clock"}
    ]}]})
}

fn parts(answer: &Value) -> &Value {
    &answer["candidates"][0]["content"]["parts"]
}

fn message(reply: &Reply) -> String {
    let error = &reply.json()["error"];
    error["message"].as_str().unwrap().to_owned()
}
