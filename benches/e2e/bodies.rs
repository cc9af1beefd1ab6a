use serde_json::{Value, json};

use super::cases::Kind;

/// A conversation as a coding agent has it, in Anthropic's shape: system blocks, 20 tools, turns that read and edit
/// source code (and so are full of escapes) until the body has about this many bytes.
pub(super) fn agent(bytes: usize) -> String {
    let mut text = Text::new(7);
    let cached = json!({"type": "ephemeral"});
    let system = json!([
        {"type": "text", "text": "You are a coding agent."},
        {"type": "text", "text": text.prose(6000), "cache_control": cached},
        {"type": "text", "text": text.prose(2000), "cache_control": cached}
    ]);
    let tools: Vec<Value> = (0..20)
        .map(|i| json!({"name": format!("tool_{i}"), "description": text.prose(900), "input_schema": schema()}))
        .collect();
    let mut turns =
        vec![json!({"role": "user", "content": [{"type": "text", "text": text.prose(400)}]})];
    let mut size = 9_000 + tools.iter().map(|t| t.to_string().len()).sum::<usize>();
    let mut i = 0;
    while size < bytes {
        let id = format!("toolu_{i:08}");
        let code = text.code((bytes - size).min(3_000));
        let input =
            json!({"file_path": format!("/src/room_{i}/mod.rs"), "new_string": text.code(300)});
        let call = json!({"type": "tool_use", "id": id, "name": format!("tool_{}", i % 20), "input": input});
        let said = json!({"type": "text", "text": text.prose(150)});
        let result = json!({"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": code}]});
        let turn = [
            json!({"role": "assistant", "content": [said, call]}),
            json!({"role": "user", "content": [result]}),
        ];
        size += turn.iter().map(|t| t.to_string().len() + 1).sum::<usize>();
        turns.extend(turn);
        i += 1;
    }
    object(&[
        ("model", json!(Kind::Messages.virtual_model())),
        ("messages", Value::from(turns)),
        ("system", system),
        ("tools", Value::from(tools)),
        (
            "metadata",
            json!({"user_id": "user_0123_account__session_4567"}),
        ),
        ("max_tokens", json!(32_000)),
    ])
}

/// The same in OpenAI's shape.
pub(super) fn agent_chat(bytes: usize) -> String {
    let mut text = Text::new(9);
    let function = |i, description: String| json!({"type": "function", "function": {"name": format!("tool_{i}"), "description": description, "parameters": schema()}});
    let tools: Vec<Value> = (0..20).map(|i| function(i, text.prose(900))).collect();
    let mut turns = vec![
        json!({"role": "system", "content": text.prose(8000)}),
        json!({"role": "user", "content": text.prose(400)}),
    ];
    let mut size = 9_000 + tools.iter().map(|t| t.to_string().len()).sum::<usize>();
    let mut i = 0;
    while size < bytes {
        let id = format!("call_{i:08}");
        let input =
            json!({"file_path": format!("/src/room_{i}/mod.rs"), "new_string": text.code(300)});
        let call = json!({"id": id, "type": "function", "function": {"name": format!("tool_{}", i % 20), "arguments": input.to_string()}});
        let code = text.code((bytes - size).min(3_000));
        let turn = [
            json!({"role": "assistant", "content": text.prose(150), "tool_calls": [call]}),
            json!({"role": "tool", "tool_call_id": id, "content": code}),
        ];
        size += turn.iter().map(|t| t.to_string().len() + 1).sum::<usize>();
        turns.extend(turn);
        i += 1;
    }
    object(&[
        ("model", json!(Kind::Chat.virtual_model())),
        ("messages", Value::from(turns)),
        ("tools", Value::from(tools)),
        ("max_tokens", json!(32_000)),
    ])
}

fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": false,
        "properties": {
            "file_path": {"type": "string", "description": "The absolute path to the file"},
            "new_string": {"type": "string", "description": "The text to replace it with"},
            "replace_all": {"type": "boolean", "default": false, "description": "Replace all occurrences"}
        },
        "required": ["file_path", "new_string"]
    })
}

/// Text that looks like what agents send, the same in every run.
pub(super) struct Text {
    state: u64,
}

impl Text {
    pub(super) fn new(seed: u64) -> Text {
        Text { state: seed }
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = (self.state >> 33) as usize % from.len();
        from[at]
    }

    fn fill(&mut self, bytes: usize, from: &[&str]) -> String {
        let mut text = String::new();
        while text.len() < bytes {
            text.push_str(self.pick(from));
        }
        text
    }

    pub(super) fn prose(&mut self, bytes: usize) -> String {
        let words = [
            "the ",
            "gateway ",
            "reads ",
            "every ",
            "request ",
            "before ",
            "it ",
            "chooses ",
            "an ",
            "endpoint ",
            "never ",
            "twice. ",
            "Use \"quotes\" ",
            "where needed.\n",
            "\n- ",
            "so that ",
            "it can fail over, ",
        ];
        self.fill(bytes, &words)
    }

    /// About one byte in eleven needs an escape, as in real source code.
    fn code(&mut self, bytes: usize) -> String {
        let lines = [
            "    let name = \"value\";\n",
            "\tif (!path.endsWith(\"\\n\")) {\n",
            "        return format!(\"{}\\t{}\", key, value);\n",
            "    }\n\n",
            "    // Gr\u{f6}\u{df}e \u{2192} size\n",
            "pub fn read(bytes: &[u8]) -> Result<Reply, Fault> {\n",
            "        \"model\": \"demo\", \"stream\": true,\n",
            "        .filter(|line| line.starts_with('\"'))\n",
        ];
        self.fill(bytes, &lines)
    }
}

/// Members in this order, which `serde_json` would not keep.
pub(super) fn object(members: &[(&str, Value)]) -> String {
    let members = members
        .iter()
        .map(|(k, v)| format!("{}:{v}", Value::from(*k)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// JSON made longer by white space before its last brace.
pub(super) fn padded(json: &str, bytes: usize) -> String {
    let missing = bytes.saturating_sub(json.len());
    let (inside, _) = json.rsplit_once('}').unwrap_or((json, ""));
    format!("{inside}{}}}", " ".repeat(missing))
}
