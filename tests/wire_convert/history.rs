//! Earlier turns that only one format has a word for: what is content goes on, what stands for a conversation is refused,
//! and what a vendor did by itself is told.

use tidegate::ir::Format;
use tidegate::wire::Asked;
use tidegate::wire::convert::{Ready, Unsayable};

use super::laws::ground::lowered;

fn lower(from: Format, to: Format, body: &str) -> Result<Ready, Unsayable> {
    lowered(from, to, Asked::default(), body.as_bytes())
}

fn others(than: Format) -> impl Iterator<Item = Format> {
    Format::ALL.into_iter().filter(move |to| *to != than)
}

#[test]
fn a_piece_that_stands_for_a_conversation_is_refused_by_its_path() {
    let input = |item: &str| {
        format!(r#"{{"model":"m","input":[{{"role":"user","content":"hi"}},{item}]}}"#)
    };
    for item in [
        r#"{"type":"compaction","id":"cmp_1","encrypted_content":"X"}"#,
        r#"{"type":"compaction_trigger"}"#,
        r#"{"type":"item_reference","id":"msg_1"}"#,
        r#"{"id":"msg_1"}"#,
    ] {
        for to in others(Format::OpenaiResponses) {
            let refused = lower(Format::OpenaiResponses, to, &input(item)).unwrap_err();
            assert_eq!(refused.path, "input[1]", "{item} to {to}");
        }
    }
    let block = |block: &str| {
        format!(
            r#"{{"model":"m","max_tokens":99,"messages":[{{"role":"user","content":[{{"type":"text","text":"hi"}},{block}]}}]}}"#
        )
    };
    for piece in [
        r#"{"type":"container_upload","file_id":"file_1"}"#,
        r#"{"type":"compaction","content":null,"encrypted_content":"X"}"#,
    ] {
        for to in others(Format::Anthropic) {
            let refused = lower(Format::Anthropic, to, &block(piece)).unwrap_err();
            assert_eq!(refused.path, "messages[0].content[1]", "{piece} to {to}");
        }
    }
}

#[test]
fn a_summary_of_what_was_said_is_text() {
    let body = r#"{"model":"m","max_tokens":99,"messages":[{"role":"assistant","content":[{"type":"compaction","content":"SUMMARY","encrypted_content":"X","signature":"S"}]},{"role":"user","content":"go"}]}"#;
    for to in others(Format::Anthropic) {
        let ready = lower(Format::Anthropic, to, body).unwrap();
        let sent = String::from_utf8(ready.lowered.body).unwrap();
        assert!(sent.contains("SUMMARY"), "{to}: {sent}");
        let piece = "messages[0].content[0]";
        let expected = ["encrypted_content", "signature"].map(|key| format!("{piece}.{key}"));
        assert_eq!(ready.dropped, expected, "{to}");
    }
}

/// A call and its output, as Responses has them; words of the call's arguments and of what came of it.
const WORK: [[&str; 4]; 5] = [
    [
        r#"{"type":"local_shell_call","id":"i1","call_id":"c1","status":"completed","action":{"type":"exec","command":["ls","-l"],"env":{}}}"#,
        r#"{"type":"local_shell_call_output","id":"c1","output":"OUTPUT"}"#,
        "-l",
        "OUTPUT",
    ],
    [
        r#"{"type":"shell_call","call_id":"c1","status":"completed","action":{"commands":["make"],"timeout_ms":5}}"#,
        r#"{"type":"shell_call_output","call_id":"c1","output":[{"stdout":"OUTPUT","stderr":"","outcome":{"type":"exit","exit_code":0}}]}"#,
        "make",
        "OUTPUT",
    ],
    [
        r#"{"type":"apply_patch_call","call_id":"c1","status":"completed","operation":{"type":"create_file","path":"NEW","diff":"+x"}}"#,
        r#"{"type":"apply_patch_call_output","call_id":"c1","status":"failed","output":"OUTPUT"}"#,
        "NEW",
        "OUTPUT",
    ],
    [
        r#"{"type":"computer_call","id":"i1","call_id":"c1","status":"completed","action":{"type":"type","text":"TYPED"},"pending_safety_checks":[]}"#,
        r#"{"type":"computer_call_output","call_id":"c1","output":{"type":"computer_screenshot","image_url":"data:image/png;base64,QUJD"}}"#,
        "TYPED",
        "QUJD",
    ],
    [
        r#"{"type":"computer_call","id":"i1","call_id":"c1","status":"completed","actions":[{"type":"type","text":"TYPED"}],"pending_safety_checks":[]}"#,
        r#"{"type":"computer_call_output","call_id":"c1","output":{"type":"computer_screenshot","image_url":"data:image/png;base64,QUJD"}}"#,
        "TYPED",
        "QUJD",
    ],
];

#[test]
fn what_the_client_ran_for_the_model_is_a_call_and_its_outcome() {
    for [call, output, argument, outcome] in WORK {
        let body = format!(
            r#"{{"model":"m","input":[{{"role":"user","content":"hi"}},{call},{output}]}}"#
        );
        for to in others(Format::OpenaiResponses) {
            let ready = lower(Format::OpenaiResponses, to, &body).unwrap();
            let sent = String::from_utf8(ready.lowered.body).unwrap();
            let (asked, told) = (sent.find(argument), sent.find(outcome));
            assert!(asked.is_some() && asked < told, "{to}: {sent}");
            let content = |path: &&String| !path.ends_with(".id") && !path.ends_with(".status");
            let lost: Vec<_> = ready.dropped.iter().filter(content).collect();
            assert!(lost.is_empty(), "{to}: {lost:?}");
        }
    }
}

#[test]
fn what_is_odd_in_such_work_is_told_by_its_place() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"hi"},
        {"type":"shell_call","call_id":"c1","status":"incomplete","action":{},"odd":{"a":1}},
        {"type":"shell_call_output","output":[]},
        {"type":"mcp_call","id":"m","name":"n","server_label":"s","arguments":"{}","output":"x"}]}"#;
    let ready = lower(Format::OpenaiResponses, Format::OpenaiChat, body).unwrap();
    let expected = ["input[1].status", "input[1].odd", "input[2]", "input[3]"];
    assert_eq!(ready.dropped, expected);
}

#[test]
fn an_address_that_holds_a_picture_is_its_bytes_or_a_mistake() {
    let chat = |url: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"text","text":"hi"}},{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
        )
    };
    let responses = |url: &str| {
        format!(
            r#"{{"model":"m","input":[{{"role":"user","content":[{{"type":"input_text","text":"hi"}},{{"type":"input_image","image_url":"{url}"}}]}}]}}"#
        )
    };
    let anthropic = |url: &str| {
        format!(
            r#"{{"model":"m","max_tokens":99,"messages":[{{"role":"user","content":[{{"type":"text","text":"hi"}},{{"type":"image","source":{{"type":"url","url":"{url}"}}}}]}}]}}"#
        )
    };
    let broken = [
        "data:image/png;base64",
        "data:image/png",
        "data:image/svg+xml,%3",
    ];
    let escaped = [
        "data:image/svg+xml,%3Csvg%2F%3E",
        "data:image/svg+xml;utf8,<svg/>",
    ];
    for to in Format::ALL {
        for url in broken {
            for (from, body, path) in [
                (Format::OpenaiChat, chat(url), "messages[0].content[1]"),
                (
                    Format::OpenaiResponses,
                    responses(url),
                    "input[0].content[1]",
                ),
                (Format::Anthropic, anthropic(url), "messages[0].content[1]"),
            ] {
                let refused = lower(from, to, &body).unwrap_err();
                assert_eq!(refused.path, path, "{from} to {to}: {url}");
            }
        }
        for url in escaped {
            for (from, body) in [
                (Format::OpenaiChat, chat(url)),
                (Format::OpenaiResponses, responses(url)),
                (Format::Anthropic, anthropic(url)),
            ] {
                let ready = lower(from, to, &body).unwrap();
                let sent = String::from_utf8(ready.lowered.body).unwrap();
                assert!(sent.contains("PHN2Zy8+"), "{from} to {to}: {sent}");
            }
        }
    }
}

#[test]
fn an_outcome_stands_behind_its_call_and_one_of_no_call_where_it_stood() {
    let call = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
    let outcome = |id: &str, words: &str| {
        format!(r#"{{"role":"tool","tool_call_id":"{id}","content":"{words}"}}"#)
    };
    let user = |words: &str| format!(r#"{{"role":"user","content":"{words}"}}"#);
    for (messages, order) in [
        (
            vec![user("Q1"), call.to_owned(), user("Q2"), outcome("c1", "O1")],
            ["O1", "Q2"],
        ),
        (
            vec![user("Q1"), call.to_owned(), user("Q2"), outcome("c9", "O1")],
            ["Q2", "O1"],
        ),
        (
            vec![
                user("Q2"),
                outcome("c1", "O1"),
                call.to_owned(),
                outcome("c1", "O2"),
            ],
            ["Q2", "O1"],
        ),
        (vec![user("Q2"), outcome("c9", "O1")], ["Q2", "O1"]),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{}]}}"#, messages.join(","));
        for to in others(Format::OpenaiResponses) {
            let ready = lower(Format::OpenaiChat, to, &body).unwrap();
            let sent = String::from_utf8(ready.lowered.body).unwrap();
            let [first, second] = order.map(|words| sent.find(words).unwrap());
            assert!(first < second, "{to}: {order:?} in {sent}");
        }
    }
}

#[test]
fn a_key_that_is_given_twice_is_a_mistake_but_not_in_what_passes_as_it_is() {
    for (from, body, path) in [
        (
            Format::OpenaiChat,
            r#"{"model":"m","messages":[{"role":"user","content":"FIRST","content":"SECOND"}]}"#,
            "messages[0].content",
        ),
        (
            Format::Anthropic,
            r#"{"model":"m","max_tokens":99,"messages":[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}]}"#,
            "messages[0].content[0].text",
        ),
        (
            Format::Gemini,
            r#"{"contents":[{"parts":[{"text":"a"}],"parts":[{"text":"b"}]}]}"#,
            "contents[0].parts",
        ),
        (
            Format::OpenaiResponses,
            r#"{"model":"m","input":"hi","reasoning":{"effort":"low","effort":"high"}}"#,
            "reasoning.effort",
        ),
    ] {
        for to in others(from) {
            let refused = lower(from, to, body).unwrap_err();
            assert_eq!(refused.path, path, "{from} to {to}");
        }
    }
    let tool = r#"{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"q":1,"q":2}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"x"}]}],"tools":[{"name":"f","input_schema":{"type":"object","title":"a","title":"b"}}]}"#;
    for to in others(Format::Anthropic) {
        assert!(lower(Format::Anthropic, to, tool).is_ok(), "{to}");
    }
}

#[test]
fn what_is_odd_is_told_or_a_mistake() {
    let chat = |rest: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{rest}}}"#)
    };
    let message = |rest: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":"yes",{rest}}}]}}"#
        )
    };
    let custom = |format: &str| {
        chat(&format!(
            r#""tools":[{{"type":"custom","custom":{{"name":"f","format":{format}}}}}]"#
        ))
    };
    let path = "tools[0].custom.format";
    for (body, to, path) in [
        (custom(r#"{"type":"odd"}"#), Format::Anthropic, path),
        (custom(r#"{"type":5}"#), Format::Gemini, path),
        (
            custom(r#"{"type":"grammar","grammar":{"syntax":"lark"}}"#),
            Format::Anthropic,
            path,
        ),
        (
            custom(r#"{"type":"grammar","grammar":{"syntax":"lark","definition":"d","odd":1}}"#),
            Format::Gemini,
            path,
        ),
        (
            chat(r#""modalities":["text","smell"]"#),
            Format::Gemini,
            "modalities",
        ),
        (
            message(
                r#""tool_calls":[{"id":"c","type":"odd","function":{"name":"f","arguments":"{}"}}]"#,
            ),
            Format::Anthropic,
            "messages[1].tool_calls[0].type",
        ),
    ] {
        let ready = lower(Format::OpenaiChat, to, &body).unwrap();
        assert!(
            ready.dropped.iter().any(|dropped| dropped == path),
            "{:?}: {body}",
            ready.dropped
        );
    }
    let good = custom(r#"{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}"#);
    assert!(
        !lower(Format::OpenaiChat, Format::Anthropic, &good)
            .unwrap()
            .dropped
            .contains(&path.to_owned())
    );
    for (body, path) in [
        (message(r#""annotations":5"#), "messages[1].annotations"),
        (
            message(
                r#""tool_calls":[{"id":"c","type":5,"function":{"name":"f","arguments":"{}"}}]"#,
            ),
            "messages[1].tool_calls[0].type",
        ),
    ] {
        let refused = lower(Format::OpenaiChat, Format::Anthropic, &body).unwrap_err();
        assert_eq!(refused.path, path);
    }
}

#[test]
fn an_empty_line_stands_between_the_texts_of_a_system_prompt() {
    let body = r#"{"model":"m","max_tokens":99,"system":[{"type":"text","text":"ONE"},{"type":"text","text":"TWO"}],"messages":[{"role":"user","content":"hi"}]}"#;
    for to in [Format::OpenaiChat, Format::OpenaiResponses] {
        let ready = lower(Format::Anthropic, to, body).unwrap();
        let sent = String::from_utf8(ready.lowered.body).unwrap();
        assert!(sent.contains(r#""ONE\n\nTWO""#), "{to}: {sent}");
    }
}

#[test]
fn outcomes_stand_right_behind_the_message_with_their_calls_in_chat() {
    let said = |text: &str| {
        format!(
            r#"{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{text}"}}]}}"#
        )
    };
    let body = format!(
        r#"{{"model":"m","input":[{{"role":"user","content":"go"}},{},{{"type":"function_call","call_id":"c1","name":"f","arguments":"{{}}"}},{},{{"type":"function_call","call_id":"c2","name":"f","arguments":"{{}}"}},{{"type":"function_call_output","call_id":"c1","output":"r1"}},{{"type":"function_call_output","call_id":"c2","output":"r2"}},{{"role":"user","content":"more"}}]}}"#,
        said("before"),
        said("after")
    );
    let ready = lower(Format::OpenaiResponses, Format::OpenaiChat, &body).unwrap();
    assert!(ready.dropped.is_empty(), "{:?}", ready.dropped);
    let sent: serde_json::Value = serde_json::from_slice(&ready.lowered.body).unwrap();
    let roles: Vec<&str> = sent["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user"]);
    let message = &sent["messages"][1];
    assert_eq!(message["content"], "before\n\nafter");
    let ids: Vec<&str> = message["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["c1", "c2"]);
}

#[test]
fn turns_of_the_assistant_without_calls_stay_apart_in_chat() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"go"},{"role":"assistant","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"more"}]}"#;
    let ready = lower(Format::OpenaiResponses, Format::OpenaiChat, body).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&ready.lowered.body).unwrap();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 4);
}

#[test]
fn storing_for_a_later_turn_is_refused_where_none_can_be_built_on_it() {
    let body = r#"{"model":"m","input":"x","store":true}"#;
    for to in [Format::OpenaiChat, Format::Anthropic, Format::Gemini] {
        let refused = lower(Format::OpenaiResponses, to, body).unwrap_err();
        assert_eq!(refused.path, "store", "{to}");
        let without = body.replace("true", "false");
        assert!(lower(Format::OpenaiResponses, to, &without).is_ok(), "{to}");
    }
    // Chat's is a copy for the account's owner.
    let body = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"store":true}"#;
    for to in [Format::OpenaiResponses, Format::Anthropic, Format::Gemini] {
        assert!(lower(Format::OpenaiChat, to, body).is_ok(), "{to}");
    }
}
