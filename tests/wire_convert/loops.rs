//! Loops of tools, as agents make them: a question, a call, and its outcome sent back with all that the agent keeps of the
//! answer. Nothing that the answer hangs on may be lost in either request, so that `strict` lets both pass, and what the
//! vendor signed comes back to it.
//!
//! The requests have the members that Codex, Claude Code, Gemini CLI and opencode send, but for those that not every format
//! has a word for (`top_k`, `verbosity`, web searches).

use std::collections::HashMap;

use serde_json::{Value, json};
use tidegate::ir::{Format, Traits};
use tidegate::wire::Asked;
use tidegate::wire::convert::{
    CallNote, Course, Crossing, Issuer, Keepsake, Manner, Memory, Original, Ready, SealNote,
    Target, Telling, answer, lower,
};

/// What was kept of the answers.
#[derive(Default)]
struct Kept {
    seals: HashMap<String, SealNote>,
    calls: HashMap<String, CallNote>,
}

impl Kept {
    fn keep(&mut self, keepsakes: Vec<Keepsake>) {
        for keepsake in keepsakes {
            match keepsake {
                Keepsake::Seal { seal, note } => drop(self.seals.insert(seal, note)),
                Keepsake::Call { id, note } => drop(self.calls.insert(id, note)),
            }
        }
    }
}

impl Memory for Kept {
    fn seal(&self, seal: &str) -> Option<SealNote> {
        self.seals.get(seal).cloned()
    }

    fn call(&self, id: &str) -> Option<CallNote> {
        self.calls.get(id).cloned()
    }
}

const SCHEMA: &str = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"command":{"type":"string"}},"required":["command"],"additionalProperties":false}"#;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// The first request of an agent that speaks the format.
fn first(format: Format) -> Value {
    match format {
        Format::OpenaiResponses => json!({
            "model": "m", "stream": true, "store": false, "tool_choice": "auto", "parallel_tool_calls": true,
            "instructions": "You are Codex.",
            "input": [
                {"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "Skills."}]},
                {"type": "message", "id": "msg_2", "role": "user", "content": [{"type": "input_text", "text": "<environment_context/>"}]},
                {"type": "message", "id": "msg_3", "role": "user", "content": [{"type": "input_text", "text": "list"}]},
            ],
            "tools": [
                {"type": "function", "name": "run", "description": "Runs.", "strict": false, "parameters": schema()},
                {"type": "custom", "name": "apply_patch", "description": "Patches.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
                {"type": "namespace", "name": "agents", "description": "Others.", "tools": [
                    {"type": "function", "name": "ask", "description": "Asks.", "strict": false, "parameters": schema()},
                ]},
            ],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "01a1fcb9", "client_metadata": {"thread_id": "01a1fcb9"},
        }),
        Format::Anthropic => json!({
            "model": "m", "stream": true, "max_tokens": 32000,
            "system": [
                {"type": "text", "text": "You are Claude Code."},
                {"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            ],
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "<system-reminder/>"},
                {"type": "text", "text": "list", "cache_control": {"type": "ephemeral"}},
            ]}],
            "tools": [{"name": "run", "description": "Runs.", "input_schema": schema()}],
            "thinking": {"type": "enabled", "budget_tokens": 31999},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "metadata": {"user_id": "user_0123456789_account__session_01234567-89ab-cdef-0123-456789abcdef0"},
        }),
        Format::Gemini => json!({
            "contents": [{"role": "user", "parts": [{"text": "list"}]}],
            "systemInstruction": {"role": "user", "parts": [{"text": "You are Gemini CLI."}]},
            "tools": [{"functionDeclarations": [{"name": "run", "description": "Runs.", "parametersJsonSchema": schema()}]}],
            "generationConfig": {"temperature": 1, "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 8192}},
        }),
        Format::OpenaiChat => json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 32000,
            "messages": [
                {"role": "system", "content": "You are opencode."},
                {"role": "user", "content": "list"},
            ],
            "tools": [{"type": "function", "function": {"name": "run", "description": "Runs.", "parameters": schema()}}],
            "tool_choice": "auto", "reasoning_effort": "medium",
        }),
    }
}

/// The same with what the agent keeps of the answer, and the outcome of its call.
fn second(format: Format, answer: &Value) -> Value {
    let mut request = first(format);
    match format {
        Format::OpenaiResponses => {
            let input = request["input"].as_array_mut().unwrap();
            input.extend(answer["output"].as_array().unwrap().iter().cloned());
            let call = input.iter().find(|item| item["type"] == "function_call");
            let id = call.unwrap()["call_id"].clone();
            input.push(json!({"type": "function_call_output", "call_id": id, "output": "a.txt"}));
        }
        Format::Anthropic => {
            let content = answer["content"].as_array().unwrap();
            let call = content.iter().find(|block| block["type"] == "tool_use");
            let outcome = json!({
                "type": "tool_result", "tool_use_id": call.unwrap()["id"], "content": "no such file", "is_error": true,
                "cache_control": {"type": "ephemeral"},
            });
            let messages = request["messages"].as_array_mut().unwrap();
            messages.push(json!({"role": "assistant", "content": content}));
            messages.push(json!({"role": "user", "content": [outcome]}));
        }
        Format::Gemini => {
            let parts = answer["candidates"][0]["content"]["parts"].as_array();
            let said = parts.unwrap().iter().filter(|part| part["thought"] != true);
            let mut said: Vec<Value> = said.cloned().collect();
            let call = said
                .iter_mut()
                .find(|part| part["functionCall"].is_object());
            let call = call.unwrap();
            if call["thoughtSignature"].is_null() {
                call["thoughtSignature"] = "skip_thought_signature_validator".into();
            }
            let response = json!({"id": call["functionCall"]["id"], "name": "run", "response": {"output": "a.txt"}});
            let contents = request["contents"].as_array_mut().unwrap();
            contents.push(json!({"role": "model", "parts": said}));
            contents.push(json!({"role": "user", "parts": [{"functionResponse": response}]}));
        }
        Format::OpenaiChat => {
            let said = &answer["choices"][0]["message"];
            let call = &said["tool_calls"][0];
            let messages = request["messages"].as_array_mut().unwrap();
            messages.push(json!({
                "role": "assistant", "content": "", "reasoning_content": said["reasoning_content"],
                "tool_calls": [call],
            }));
            messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "a.txt"}));
        }
    }
    request
}

/// A vendor's answer: it has thought, and calls.
fn called(format: Format) -> Value {
    let arguments = r#"{"command":"ls"}"#;
    match format {
        Format::OpenaiChat => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": null, "reasoning_content": "Look.",
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "run", "arguments": arguments}}],
            }}],
        }),
        Format::OpenaiResponses => json!({
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": [
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look."}], "encrypted_content": "SEAL"},
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "run", "arguments": arguments, "status": "completed"},
            ],
        }),
        Format::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
            "content": [
                {"type": "thinking", "thinking": "Look.", "signature": "SEAL"},
                {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {"command": "ls"}},
            ],
        }),
        Format::Gemini => json!({
            "responseId": "1", "modelVersion": "m",
            "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
                {"text": "Look.", "thought": true},
                {"functionCall": {"id": "fc-1", "name": "run", "args": {"command": "ls"}}, "thoughtSignature": "SEAL"},
            ]}}],
        }),
    }
}

struct Way {
    from: Format,
    to: Format,
    model: &'static str,
    kept: Kept,
}

impl Way {
    fn ask(&self, request: &Value) -> Ready {
        let vendor = Issuer {
            vendor: 1,
            format: self.to,
        };
        let body = request.to_string();
        let original = Original {
            format: self.from,
            asked: Asked {
                model: if self.from == Format::Gemini { "m" } else { "" },
                stream: self.from == Format::Gemini,
                ..Asked::default()
            },
            body: body.as_bytes(),
        };
        let target = Target {
            model: self.model,
            stream: true,
            traits: &Traits::usual(self.to).of_model(self.model),
        };
        let crossing = Crossing {
            from: self.from,
            to: vendor,
            memory: &self.kept,
            leave_out: false,
        };
        let ready = lower(original, &target, &crossing);
        let ready = ready.unwrap_or_else(|refused| panic!("{self}: {refused}"));
        let none: [String; 0] = [];
        assert_eq!(ready.lacking, none, "{self}");
        ready
    }

    /// What the client gets of the vendor's answer.
    fn answer(&mut self, ready: Ready) -> Value {
        let course = Course {
            from: Issuer {
                vendor: 1,
                format: self.to,
            },
            client: self.from,
            back: ready.back,
            telling: Telling {
                seed: "seed".into(),
                ..Telling::default()
            },
        };
        let answer = answer(
            course,
            called(self.to).to_string().as_bytes(),
            Manner::Whole,
        )
        .unwrap();
        self.kept.keep(answer.keepsakes);
        serde_json::from_slice(&answer.body).unwrap()
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {} of {}", self.from, self.model, self.to)
    }
}

#[test]
fn a_loop_of_tools_lacks_nothing_on_any_way() {
    let vendors = [
        (Format::OpenaiChat, "gpt-5"),
        (Format::OpenaiChat, "gpt-5.6"),
        (Format::OpenaiResponses, "gpt-5"),
        (Format::OpenaiResponses, "gpt-5.6"),
        (Format::Anthropic, "claude-sonnet-4-5"),
        (Format::Anthropic, "claude-opus-4-7"),
        (Format::Gemini, "gemini-2.5-pro"),
        (Format::Gemini, "gemini-3-pro"),
    ];
    for from in Format::ALL {
        for (to, model) in vendors {
            if from == to {
                continue;
            }
            let kept = Kept::default();
            let mut way = Way {
                from,
                to,
                model,
                kept,
            };
            let ready = way.ask(&first(from));
            let answer = way.answer(ready);
            let again = way.ask(&second(from, &answer));
            let sent = String::from_utf8(again.lowered.body).unwrap();
            let comes_back = sent.contains("SEAL");
            assert_eq!(comes_back, to != Format::OpenaiChat, "{way}: {sent}");
            assert!(
                sent.contains("a.txt") || sent.contains("no such file"),
                "{way}: {sent}"
            );
        }
    }
}
