//! Bodies by hand: what each trait is found by.

use tidegate::ir::Format;
use tidegate::wire::scan::{Scan, ScanError, StreamOptions, Subject, scan};

fn chat(body: &str) -> Result<Scan, ScanError> {
    scan(body.as_bytes(), Subject::Format(Format::OpenaiChat))
}

fn of(format: Format, body: &str) -> Scan {
    scan(body.as_bytes(), Subject::Format(format)).unwrap()
}

#[test]
fn the_model_is_found_wherever_and_however_it_stands() {
    for (body, value, span) in [
        (r#"{"model":"gpt-4o"}"#, "gpt-4o", 9..17),
        (" {\n \"model\" :\t\"a b\" } ", "a b", 14..19),
        (r#"{"x":{"model":"no"},"model":"yes"}"#, "yes", 28..33),
        (
            r#"{"\u006d\u006F\u0064\u0065\u006C":"\u0061\/b"}"#,
            "a/b",
            34..45,
        ),
        (
            r#"{"text":"\"model\":\"no\"","model":"yes"}"#,
            "yes",
            35..40,
        ),
        (r#"{"model":""}"#, "", 9..11),
        (r#"{"model":"\\"}"#, "\\", 9..13),
    ] {
        let model = chat(body).unwrap().model.unwrap();
        assert_eq!((&*model.value, model.span), (value, span), "{body}");
    }
    assert_eq!(chat(r#"{"modal":"x"}"#).unwrap().model, None);
}

#[test]
fn a_model_or_stream_of_another_type_is_refused() {
    for value in ["null", "1", "true", "[\"m\"]", "{}"] {
        let body = format!("{{\"model\": {value}}}");
        assert_eq!(
            chat(&body),
            Err(ScanError::ModelNotAString { at: 10 }),
            "{value}"
        );
    }
    for value in ["1", "\"true\"", "True", "[]", "{\"a\":true}"] {
        let body = format!("{{\"stream\": {value}}}");
        assert_eq!(
            chat(&body),
            Err(ScanError::StreamNotABool { at: 11 }),
            "{value}"
        );
    }
    assert!(!chat(r#"{"stream":null}"#).unwrap().stream);
    assert!(chat(r#"{"stream":true}"#).unwrap().stream);
}

#[test]
fn a_model_that_spells_no_text_is_refused() {
    for value in ["\\ud800", "\\ud800\\ud800", "\\x", "\\u12", "a\nb", "\0"] {
        let body = format!("{{\"model\":\"{value}\"}}");
        assert_eq!(
            chat(&body),
            Err(ScanError::BrokenString { at: 9 }),
            "{value:?}"
        );
    }
    let error = scan(b"{\"model\":\"\xff\"}", Subject::Other);
    assert_eq!(error, Err(ScanError::BrokenString { at: 9 }));
}

#[test]
fn stream_options_are_found_in_every_state() {
    let options = |body: &str| chat(body).unwrap().stream_options;
    assert_eq!(options("{}"), StreamOptions::Absent);
    assert_eq!(
        options(r#"{"stream_options": null}"#),
        StreamOptions::Null(19..23)
    );
    assert_eq!(options(r#"{"stream_options":[]}"#), StreamOptions::Wrong);
    let (inside, empty) = (19, true);
    assert_eq!(
        options(r#"{"stream_options":{}}"#),
        StreamOptions::Unsaid { inside, empty }
    );
    let empty = false;
    assert_eq!(
        options(r#"{"stream_options":{"x":{"include_usage":true}}}"#),
        StreamOptions::Unsaid { inside, empty }
    );
    let (value, asked) = (35..39, true);
    assert_eq!(
        options(r#"{"stream_options":{"include_usage":true}}"#),
        StreamOptions::Said { value, asked }
    );
    let (value, asked) = (36..41, false);
    assert_eq!(
        options(r#"{"stream_options":{"include_usage": false}}"#),
        StreamOptions::Said { value, asked }
    );
}

const WITH_IMAGES: &[(Format, &str)] = &[
    (
        Format::OpenaiChat,
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
    ),
    (
        Format::OpenaiChat,
        r#"{"messages":[{"content":[{"image_url":{"url":"u"},"typ\u0065":"image\u005furl"}]}]}"#,
    ),
    (
        Format::Anthropic,
        r#"{"messages":[{"content":[{"type":"text"},{"type":"image","source":{"type":"base64"}}]}]}"#,
    ),
    (
        Format::Anthropic,
        r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{}}]}]}]}"#,
    ),
    (
        Format::OpenaiResponses,
        r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"u"}]}]}"#,
    ),
    (
        Format::OpenaiResponses,
        r#"{"input":[{"type":"function_call_output","output":[{"type":"input_image"}]}]}"#,
    ),
    (
        Format::OpenaiResponses,
        r#"{"input":[{"type":"computer_call_output","output":{"type":"computer_screenshot"}}]}"#,
    ),
    (
        Format::Gemini,
        r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]}]}"#,
    ),
    (
        Format::Gemini,
        r#"{"contents":[{"parts":[{"inline_data":{"data":"iVBO","mime_type":"image/png"}}]}]}"#,
    ),
    (
        Format::Gemini,
        r#"{"contents":[{"parts":[{"functionResponse":{"parts":[{"fileData":{"mimeType":"image/png"}}]}}]}]}"#,
    ),
];

const WITHOUT_IMAGES: &[(Format, &str)] = &[
    (
        Format::OpenaiChat,
        r#"{"messages":[{"role":"user","content":"{\"type\":\"image_url\"}"}]}"#,
    ),
    (
        Format::OpenaiChat,
        r#"{"messages":[{"content":[{"type":"text","text":"\"type\": \"image_url\""}]}]}"#,
    ),
    (
        Format::OpenaiChat,
        r#"{"messages":[{"tool_calls":[{"type":"image_url"}],"content":null}]}"#,
    ),
    (
        Format::OpenaiChat,
        r#"{"metadata":{"type":"image_url"},"tools":[{"type":"image"}],"messages":[]}"#,
    ),
    (
        Format::Anthropic,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{"type":"image"}}]}]}"#,
    ),
    (
        Format::Anthropic,
        r#"{"messages":[{"content":[{"type":"images"},{"type":["image"]},{"image":"type"}]}]}"#,
    ),
    (
        Format::Anthropic,
        r#"{"messages":[{"content":[{"type":"document","source":{"type":"base64","data":"JVBE"}}]}]}"#,
    ),
    (
        Format::Gemini,
        r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"iVBO"}}]}]}"#,
    ),
    (
        Format::Gemini,
        r#"{"contents":[{"parts":[{"functionCall":{"args":{"inlineData":{"mimeType":"image/png"}}}}]}]}"#,
    ),
];

#[test]
fn images_are_parts_of_messages_and_of_tool_results_and_nothing_else() {
    for (format, body) in WITH_IMAGES {
        assert!(of(*format, body).images, "{body}");
    }
    for (format, body) in WITHOUT_IMAGES {
        assert!(!of(*format, body).images, "{body}");
    }
}

#[test]
fn media_count_flat_and_text_by_its_bytes() {
    let data = "A".repeat(400_000);
    for (source, tokens) in [
        (
            format!(r#"{{"type":"image","source":{{"type":"base64","data":"{data}"}}}}"#),
            1_000,
        ),
        (
            format!(r#"{{"type":"document","source":{{"type":"base64","data":"{data}"}}}}"#),
            2_000,
        ),
        (
            format!(r#"{{"type":"document","source":{{"type":"text","data":"{data}"}}}}"#),
            100_000,
        ),
        (format!(r#"{{"type":"text","text":"{data}"}}"#), 100_000),
        (
            format!(
                r#"{{"type":"tool_result","content":[{{"type":"image","source":{{"data":"{data}"}}}}]}}"#
            ),
            1_000,
        ),
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":[{source}]}}]}}"#);
        let estimate = of(Format::Anthropic, &body).estimated_tokens;
        assert!(
            (tokens..tokens + 40).contains(&estimate),
            "{estimate} for {}",
            &source[..60]
        );
    }
}

#[test]
fn the_turns_say_whose_they_are() {
    let chat = |messages: &str| {
        let scan = of(Format::OpenaiChat, &format!(r#"{{"messages":{messages}}}"#));
        (scan.messages, scan.assistant_turn, scan.prefill)
    };
    assert_eq!(chat("[]"), (0, false, false));
    assert_eq!(
        chat(r#"[{"role":"user","content":"a"}]"#),
        (1, false, false)
    );
    assert_eq!(
        chat(r#"[{"role":"user"},{"role":"assistant"}]"#),
        (2, true, true)
    );
    assert_eq!(
        chat(r#"[{"role":"user"},{"content":"{","role":"\u0061ssistant"},{"role":"tool"}]"#),
        (3, true, false)
    );
    assert_eq!(
        chat(r#"[{"role":"user","content":{"role":"assistant"}}]"#),
        (1, false, false)
    );
    assert_eq!(chat(r#""hello""#), (1, false, false));
    assert_eq!(chat("null"), (0, false, false));

    let gemini = of(
        Format::Gemini,
        r#"{"contents":[{"parts":[{"text":"a"}]},{"role":"model","parts":[]}]}"#,
    );
    assert!(gemini.assistant_turn && gemini.prefill && gemini.messages == 2);
    let call = of(
        Format::OpenaiResponses,
        r#"{"input":[{"role":"user"},{"type":"function_call"}]}"#,
    );
    assert!(
        call.assistant_turn && !call.prefill,
        "a call has no role and is the model's"
    );
    let stored = of(
        Format::OpenaiResponses,
        r#"{"input":"go on","previous_response_id":"resp_1"}"#,
    );
    assert!(stored.assistant_turn && stored.messages == 1);
}

#[test]
fn reasoning_is_what_was_asked_for() {
    for (format, member, asked) in [
        (Format::OpenaiChat, r#""reasoning_effort":"low""#, true),
        (Format::OpenaiChat, r#""reasoning_effort":"none""#, false),
        (Format::OpenaiChat, r#""reasoning_effort":null"#, false),
        (Format::OpenaiChat, r#""enable_thinking":true"#, true),
        (Format::OpenaiChat, r#""enable_thinking":false"#, false),
        (
            Format::OpenaiChat,
            r#""reasoning":{"enabled":false}"#,
            false,
        ),
        (
            Format::OpenaiResponses,
            r#""reasoning":{"effort":"medium","summary":"auto"}"#,
            true,
        ),
        (
            Format::OpenaiResponses,
            r#""reasoning":{"effort":"none"}"#,
            false,
        ),
        (Format::OpenaiResponses, r#""reasoning":null"#, false),
        (
            Format::Anthropic,
            r#""thinking":{"type":"enabled","budget_tokens":1024}"#,
            true,
        ),
        (Format::Anthropic, r#""thinking":{"type":"adaptive"}"#, true),
        (
            Format::Anthropic,
            r#""thinking":{"type":"disabled"}"#,
            false,
        ),
        (
            Format::Gemini,
            r#""generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}"#,
            true,
        ),
        (
            Format::Gemini,
            r#""generationConfig":{"thinkingConfig":{"thinkingBudget":0}}"#,
            false,
        ),
        (
            Format::Gemini,
            r#""generationConfig":{"temperature":1}"#,
            false,
        ),
    ] {
        assert_eq!(
            of(format, &format!("{{{member}}}")).reasoning,
            asked,
            "{member}"
        );
    }
}

#[test]
fn limits_tools_and_sessions_are_read() {
    let read = |member: &str| chat(&format!("{{{member}}}")).unwrap();
    assert_eq!(read(r#""max_tokens":4096"#).max_tokens, Some(4096));
    assert_eq!(
        read(r#""max_tokens":16,"max_completion_tokens":32"#).max_tokens,
        Some(32)
    );
    for (many, read_as) in [
        ("1e3", 1_000),
        ("16.0", 16),
        ("99999999999999999999", u64::MAX),
        ("1e400", u64::MAX),
    ] {
        assert_eq!(
            read(&format!("\"max_tokens\":{many}")).max_tokens,
            Some(read_as),
            "{many}"
        );
    }
    for nothing in ["-1", "1.5", "-1e400", "\"16\"", "\"1e400\"", "null"] {
        assert_eq!(
            read(&format!("\"max_tokens\":{nothing}")).max_tokens,
            None,
            "{nothing}"
        );
    }
    let gemini = of(
        Format::Gemini,
        r#"{"generationConfig":{"maxOutputTokens":8}}"#,
    );
    assert_eq!(gemini.max_tokens, Some(8));

    for (member, tools) in [
        ("[{}]", true),
        ("[ ]", false),
        ("null", false),
        ("{\"a\":1}", false),
    ] {
        assert_eq!(
            read(&format!("\"tools\":{member}")).tools,
            tools,
            "{member}"
        );
    }
    for (member, session) in [
        (r#""prompt_cache_key":"k\u0031""#, Some("k1")),
        (r#""prompt_cache_key":"""#, None),
        (
            r#""metadata":{"user_id":"user_ab12_account__session_0b0e-6d"}"#,
            Some("0b0e-6d"),
        ),
        (
            r#""metadata":{"user_id":"{\"device_id\":\"d\",\"account_uuid\":\"\",\"session_id\":\"54c1\"}"}"#,
            Some("54c1"),
        ),
        (r#""metadata":{"user_id":"{\"device_id\":\"d\"}"}"#, None),
        (r#""metadata":{"user_id":"someone"}"#, None),
        (
            r#""metadata":{"user_id":"x_session_1"},"prompt_cache_key":"k""#,
            Some("k"),
        ),
    ] {
        assert_eq!(read(member).session.as_deref(), session, "{member}");
    }
    let long = "k".repeat(600);
    assert_eq!(
        read(&format!("\"prompt_cache_key\":\"{long}\"")).session,
        None
    );
}

#[test]
fn of_other_requests_only_model_stream_and_size_are_read() {
    let body = r#"{"model":"e","input":"abc","tools":[1],"max_tokens":3,"stream":true,"stream_options":{},"messages":{"role":"assistant"}}"#;
    let scan = scan(body.as_bytes(), Subject::Other).unwrap();
    assert_eq!(scan.model.unwrap().value, "e");
    assert_eq!(
        scan.stream_options,
        StreamOptions::Unsaid {
            inside: 86,
            empty: true
        }
    );
    assert_eq!(scan.estimated_tokens, body.len().div_ceil(4) as u64);
    assert!(scan.stream && !scan.tools && !scan.prefill && scan.max_tokens.is_none());
}
