//! The words of the formats that stand for one of a few meanings, and what else they may be.

use tidegate::ir::Format;

use super::recorded::Recorded;

/// A word: whose format, the end of its path (indexes left out), and what it may be.
struct Word(&'static [Format], &'static str, &'static [&'static str]);

const CHAT: &[Format] = &[Format::OpenaiChat];
const RESPONSES: &[Format] = &[Format::OpenaiResponses];
const OPENAI: &[Format] = &[Format::OpenaiChat, Format::OpenaiResponses];
const ANTHROPIC: &[Format] = &[Format::Anthropic];
const GEMINI: &[Format] = &[Format::Gemini];
const ALL: &[Format] = &Format::ALL;

const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh"];
const SIZES: &[&str] = &["low", "medium", "high"];
const DETAILS: &[&str] = &["auto", "low", "high"];
const IMAGES: &[&str] = &["image/png", "image/jpeg", "image/webp"];
const SOUNDS: &[&str] = &["audio/wav", "audio/mpeg", "audio/flac"];
const VIDEOS: &[&str] = &["video/mp4", "video/webm"];
const DOCUMENTS: &[&str] = &["application/pdf", "text/plain", "text/html"];

/// The first that fits counts. What fits none is any text.
const WORDS: &[Word] = &[
    Word(
        CHAT,
        "messages[].role",
        &["system", "developer", "user", "assistant"],
    ),
    Word(
        RESPONSES,
        "input[].role",
        &["system", "developer", "user", "assistant"],
    ),
    Word(ANTHROPIC, "messages[].role", &["user", "assistant"]),
    Word(GEMINI, "contents[].role", &["user", "model"]),
    Word(OPENAI, "tool_choice", &["auto", "none", "required"]),
    Word(CHAT, "allowed_tools.mode", &["auto", "required"]),
    Word(RESPONSES, "tool_choice.mode", &["auto", "required"]),
    Word(ANTHROPIC, "tool_choice.type", &["auto", "any", "none"]),
    Word(
        GEMINI,
        "functionCallingConfig.mode",
        &["AUTO", "ANY", "NONE", "VALIDATED"],
    ),
    Word(CHAT, "reasoning_effort", EFFORTS),
    Word(OPENAI, "reasoning.effort", EFFORTS),
    Word(
        RESPONSES,
        "reasoning.summary",
        &["auto", "concise", "detailed"],
    ),
    Word(
        ANTHROPIC,
        "output_config.effort",
        &["low", "medium", "high", "xhigh", "max"],
    ),
    // The two others want a budget, or none.
    Word(ANTHROPIC, "thinking.type", &["disabled"]),
    Word(ANTHROPIC, "thinking.display", &["summarized", "omitted"]),
    Word(
        GEMINI,
        "thinkingConfig.thinkingLevel",
        &["MINIMAL", "LOW", "MEDIUM", "HIGH"],
    ),
    Word(OPENAI, "verbosity", SIZES),
    Word(
        CHAT,
        "response_format.type",
        &["text", "json_object", "json_schema"],
    ),
    Word(
        RESPONSES,
        "text.format.type",
        &["text", "json_object", "json_schema"],
    ),
    Word(
        GEMINI,
        "generationConfig.responseMimeType",
        &["text/plain", "application/json", "text/x.enum"],
    ),
    Word(CHAT, "modalities[]", &["text", "audio", "image"]),
    Word(
        GEMINI,
        "generationConfig.responseModalities[]",
        &["TEXT", "IMAGE", "AUDIO"],
    ),
    Word(CHAT, "audio.format", &["wav", "mp3", "opus"]),
    Word(CHAT, "input_audio.format", &["wav", "mp3"]),
    Word(CHAT, "image_url.detail", DETAILS),
    Word(RESPONSES, "detail", DETAILS),
    Word(
        GEMINI,
        "mediaResolution",
        &[
            "MEDIA_RESOLUTION_LOW",
            "MEDIA_RESOLUTION_MEDIUM",
            "MEDIA_RESOLUTION_HIGH",
        ],
    ),
    Word(
        OPENAI,
        "service_tier",
        &["auto", "default", "flex", "priority"],
    ),
    Word(ANTHROPIC, "service_tier", &["auto", "standard_only"]),
    Word(GEMINI, "serviceTier", &["standard", "flex", "priority"]),
    Word(RESPONSES, "truncation", &["auto", "disabled"]),
    Word(OPENAI, "prompt_cache_retention", &["in_memory", "24h"]),
    Word(ALL, "cache_control.ttl", &["5m", "1h"]),
    Word(OPENAI, "search_context_size", SIZES),
    Word(OPENAI, "syntax", &["lark", "regex"]),
    Word(
        RESPONSES,
        "include[]",
        &[
            "reasoning.encrypted_content",
            "message.output_text.logprobs",
            "code_interpreter_call.outputs",
            "web_search_call.action.sources",
        ],
    ),
    Word(
        RESPONSES,
        "status",
        &["completed", "incomplete", "in_progress"],
    ),
    Word(RESPONSES, "phase", &["commentary", "final_answer"]),
    Word(
        GEMINI,
        "category",
        &["HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH"],
    ),
    Word(
        GEMINI,
        "threshold",
        &["BLOCK_NONE", "BLOCK_ONLY_HIGH", "OFF"],
    ),
    Word(GEMINI, "behavior", &["BLOCKING", "NON_BLOCKING"]),
    Word(GEMINI, "scheduling", &["SILENT", "WHEN_IDLE", "INTERRUPT"]),
    Word(
        GEMINI,
        "executableCode.language",
        &["PYTHON", "LANGUAGE_UNSPECIFIED"],
    ),
    Word(GEMINI, "outcome", &["OUTCOME_OK", "OUTCOME_FAILED"]),
];

/// Media types by what stands there: bytes of one kind are not taken for another's.
const KINDS: &[(&str, &[&str])] = &[
    ("image/", IMAGES),
    ("audio/", SOUNDS),
    ("video/", VIDEOS),
    ("", DOCUMENTS),
];

/// Types of a schema's values; of what holds others the insides would have to change as well.
const TYPES: &[&str] = &["string", "integer", "number", "boolean"];
/// The same in Gemini's own dialect.
const OWN_TYPES: &[&str] = &["STRING", "INTEGER", "NUMBER", "BOOLEAN"];

/// What else the word at that path may be; nothing: it is a text like any other.
pub(crate) fn others(format: Format, shape: &str, value: &str) -> Option<Vec<&'static str>> {
    let name = shape.rsplit('.').next().unwrap_or_default();
    let all = if matches!(name, "mimeType" | "mime_type" | "media_type") {
        KINDS.iter().find(|(kind, _)| value.starts_with(kind))?.1
    } else {
        let shape = camel(format, shape);
        let ends = |end: &str| {
            shape
                .strip_suffix(end)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let word = WORDS
            .iter()
            .find(|Word(formats, end, _)| formats.contains(&format) && ends(end))?;
        word.2
    };
    let found = all.iter().copied().filter(|other| *other != value);
    Some(found.collect())
}

/// The same for a word in a schema.
pub(crate) fn other_types(value: &str) -> Vec<&'static str> {
    [TYPES, OWN_TYPES]
        .into_iter()
        .filter(|types| types.contains(&value))
        .flat_map(|types| types.iter().copied().filter(|other| *other != value))
        .collect()
}

/// Gemini's API takes both spellings of a name.
fn camel(format: Format, shape: &str) -> String {
    if format != Format::Gemini {
        return shape.to_owned();
    }
    let mut out = String::new();
    let mut upper = false;
    for c in shape.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                upper = false;
                out.extend(c.to_uppercase());
            }
            c => out.push(c),
        }
    }
    out
}

pub(crate) const EVERY_WORD_ID: &str = "every word";

/// A request with every word that the recorded traffic does not have.
pub(crate) const EVERY_WORD: [(Format, &str); 4] = [
    (
        Format::OpenaiChat,
        r#"{"model":"m","messages":[
            {"role":"developer","content":"Be brief."},
            {"role":"user","content":[{"type":"text","text":"What is it?"},
                {"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}},
                {"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]}],
            "reasoning_effort":"medium","verbosity":"high","service_tier":"priority","prompt_cache_retention":"24h",
            "modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},
            "web_search_options":{"search_context_size":"low"},"response_format":{"type":"text"},
            "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string","enum":["x","y"]}},"required":["a"]}}},
                {"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"x\""}}}}],
            "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}}"#,
    ),
    (
        Format::OpenaiResponses,
        r#"{"model":"m","input":[
            {"role":"system","content":"Be brief."},
            {"role":"user","content":[{"type":"input_text","text":"What is it?"},
                {"type":"input_image","image_url":"https://example.com/a.png","detail":"low"}]},
            {"type":"message","id":"msg_1","role":"assistant","status":"completed","phase":"commentary","content":[{"type":"output_text","text":"A cat."}]},
            {"role":"user","content":"Sure?"}],
            "reasoning":{"effort":"medium","summary":"concise"},"text":{"verbosity":"high","format":{"type":"json_object"}},
            "service_tier":"flex","truncation":"auto","prompt_cache_retention":"24h","store":false,
            "include":["reasoning.encrypted_content"],"tool_choice":"required",
            "tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}},
                {"type":"web_search","search_context_size":"low"},
                {"type":"custom","name":"c","format":{"type":"grammar","syntax":"regex","definition":"x"}}]}"#,
    ),
    (
        Format::Anthropic,
        r#"{"model":"m","max_tokens":9000,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
            "messages":[{"role":"user","content":[{"type":"text","text":"What is it?"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}},
                {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQ="}}]},
                {"role":"assistant","content":"A cat."},{"role":"user","content":"Sure?"}],
            "thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"medium"},"service_tier":"standard_only",
            "tools":[{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"boolean"}}}}],"tool_choice":{"type":"auto"}}"#,
    ),
    (
        Format::Gemini,
        r#"{"contents":[{"role":"user","parts":[{"text":"What is it?"},
                {"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="},"mediaResolution":{"level":"MEDIA_RESOLUTION_HIGH"}},
                {"inlineData":{"mimeType":"audio/wav","data":"UklGRg=="}}]},
                {"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{"a":"x"}}}]},
                {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":{"output":"y"},"scheduling":"SILENT"}}]}],
            "generationConfig":{"responseMimeType":"text/plain","responseModalities":["TEXT"],"mediaResolution":"MEDIA_RESOLUTION_LOW",
                "thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":true}},
            "serviceTier":"flex","safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],
            "tools":[{"functionDeclarations":[{"name":"f","behavior":"BLOCKING","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","enum":["x"]}}}}]}],
            "toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}"#,
    ),
];

/// The requests of the goldens, and those that have every word.
pub(crate) fn own() -> Vec<Recorded> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire_golden/requests");
    let mut found: Vec<Recorded> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let format = name.split('.').next().and_then(Format::from_name).unwrap();
            hand_written(&name, format, &std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.extend(
        EVERY_WORD
            .iter()
            .map(|(format, request)| hand_written(EVERY_WORD_ID, *format, request)),
    );
    found
}

fn hand_written(name: &str, format: Format, request: &str) -> Recorded {
    Recorded {
        id: name.to_owned(),
        format,
        path: "/models/m:generateContent".to_owned(),
        stream: false,
        request: serde_json::from_str(request).unwrap(),
        status: 200,
        response: String::new(),
    }
}
