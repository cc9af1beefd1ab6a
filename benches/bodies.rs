//! Request bodies as clients write them, made up from a seed: the same seed, the same bytes.

use std::fmt::Write;

/// What code, tool output and prose in a conversation are made of: one byte in six or so is an escape or a bracket.
const WORDS: &[&str] = &[
    "the",
    "file",
    "function",
    "returns",
    "let",
    "value",
    "error",
    "\\n",
    "\\n    ",
    "\\\"name\\\"",
    "\\\\n",
    "if",
    "self.items",
    "=>",
    "{",
    "}",
    "[0]",
    "(x)",
    "\\t",
    "→",
    "über",
    "使用",
    "match",
    "None",
    "Some(v)",
    "and",
    "to",
    "request",
    "response",
    "is",
    "a",
    ",",
    ".",
    "test_case",
    "=",
    "==",
    "// comment",
    "\\u00e9",
    "0x1f",
    "import",
    "from",
];

/// Makes up text.
pub struct Source(u64);

impl Source {
    pub fn new(seed: u64) -> Source {
        Source(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn draw(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    /// About `len` bytes between quotes.
    fn text(&mut self, len: usize) -> String {
        let mut text = String::with_capacity(len + 16);
        while text.len() < len {
            text.push_str(WORDS[self.draw(WORDS.len())]);
            text.push(' ');
        }
        text
    }
}

/// One question of about 2 KB to OpenAI Chat.
pub fn small() -> Vec<u8> {
    let text = Source::new(1).text(1850);
    let system = r#"{"role":"system","content":"You are a helpful assistant."}"#;
    format!(
        r#"{{"model":"gpt-4o","stream":true,"messages":[{system},{{"role":"user","content":"{text}"}}],"temperature":0.7,"max_tokens":256}}"#
    )
    .into_bytes()
}

/// An agent's request to Anthropic of about `len` bytes: system blocks, 20 tools, and turns of thinking, tool calls and results.
pub fn agent(seed: u64, len: usize) -> Vec<u8> {
    let mut source = Source::new(seed);
    let mut body = String::with_capacity(len + 8192);
    body.push_str(r#"{"model":"claude-sonnet-4-5-20250929","max_tokens":32000,"stream":true,"thinking":{"type":"enabled","budget_tokens":31999},"#);
    body.push_str(r#""metadata":{"user_id":"user_1f3a_account__session_0b0e0d6e-8f1c-4e0f-9d0a-6a1b2c3d4e5f"},"system":["#);
    for len in [60, len / 25, len / 25] {
        let text = source.text(len);
        write!(
            body,
            r#"{{"type":"text","text":"{text}","cache_control":{{"type":"ephemeral"}}}},"#
        )
        .unwrap();
    }
    body.pop();
    body.push_str(r#"],"tools":["#);
    (0..20).for_each(|nth| tool(&mut body, &mut source, nth, (len / 85).min(2500)));
    body.pop();
    let (first, second) = (source.text(800), source.text(200));
    let parts =
        format!(r#"{{"type":"text","text":"{first}"}},{{"type":"text","text":"{second}"}}"#);
    write!(
        body,
        r#"],"messages":[{{"role":"user","content":[{parts}]}}"#
    )
    .unwrap();
    let mut nth = 0;
    while body.len() + 1200 < len {
        turn(&mut body, &mut source, nth);
        nth += 1;
    }
    body.push_str("]}");
    body.into_bytes()
}

fn tool(body: &mut String, source: &mut Source, nth: usize, len: usize) {
    let description = source.text(len);
    write!(body, r#"{{"name":"Tool{nth}","description":"{description}","input_schema":{{"type":"object","properties":{{"#).unwrap();
    for nth in 0..5 {
        let description = source.text(60);
        write!(body, r#""param_{nth}":{{"type":"string","description":"{description}","enum":["a","b","c"]}},"#).unwrap();
    }
    body.pop();
    body.push_str(r#"},"required":["param_0","param_1"],"additionalProperties":false,"$schema":"http://json-schema.org/draft-07/schema#"}},"#);
}

/// The assistant thinks, says something and calls a tool; the result comes back: short mostly, now and then a file.
fn turn(body: &mut String, source: &mut Source, nth: usize) {
    let len = 80 + source.draw(400);
    let (thinking, text) = (source.text(len), source.text(len / 2));
    let (path, edit) = (source.text(60), source.text(len));
    let signature = "EqoBCkgIARABGAIiQL".repeat(12);
    let thinking =
        format!(r#"{{"type":"thinking","thinking":"{thinking}","signature":"{signature}"}}"#);
    let text = format!(r#"{{"type":"text","text":"{text}"}}"#);
    let call = format!(
        r#"{{"type":"tool_use","id":"toolu_{nth:024}","name":"Tool3","input":{{"param_0":"{path}","param_1":"{edit}"}}}}"#
    );
    write!(
        body,
        r#",{{"role":"assistant","content":[{thinking},{text},{call}]}}"#
    )
    .unwrap();
    let len = 100 + source.draw(if nth.is_multiple_of(4) { 6000 } else { 800 });
    let result = source.text(len);
    let result = format!(
        r#"{{"tool_use_id":"toolu_{nth:024}","type":"tool_result","content":"{result}","is_error":false}}"#
    );
    write!(body, r#",{{"role":"user","content":[{result}]}}"#).unwrap();
}

/// A question about one picture of 1 MB.
pub fn image() -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut source = Source::new(3);
    let data: String = (0..1_000_000)
        .map(|_| char::from(DIGITS[source.draw(64)]))
        .collect();
    let image =
        format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}"#);
    format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":[{{"type":"text","text":"what is it?"}},{image}]}}]}}"#).into_bytes()
}

/// The same body on many lines, indented by four.
pub fn pretty(body: &[u8]) -> Vec<u8> {
    let (mut out, mut depth, mut inside, mut escaped) =
        (Vec::with_capacity(body.len() * 2), 0, false, false);
    for byte in body {
        if !inside && matches!(byte, b'}' | b']') {
            depth -= 1;
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', depth * 4));
        }
        out.push(*byte);
        inside ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        if !inside && matches!(byte, b'{' | b'[' | b',') {
            depth += usize::from(*byte != b',');
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', depth * 4));
        }
    }
    out
}
