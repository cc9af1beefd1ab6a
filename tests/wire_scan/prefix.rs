//! What identifies a conversation: the same in all its turns, another one in another conversation.

use serde_json::{Value, json};
use tidegate::ir::Format;
use tidegate::wire::scan::{Subject, scan};

fn hash(format: Format, body: &Value) -> Option<u64> {
    let body = serde_json::to_vec(body).unwrap();
    scan(&body, Subject::Format(format)).unwrap().prefix_hash
}

/// A conversation as it grows, turn by turn.
fn turns(format: Format) -> Vec<Value> {
    let (system, user, more) = ("You are helpful.", "What is 2+2?", "And twice that?");
    match format {
        Format::OpenaiChat => vec![
            json!({"model": "a", "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}]}),
            json!({"model": "b", "messages": [{"role": "system", "content": system}, {"role": "user", "content": user},
                {"role": "assistant", "content": "4"}, {"role": "user", "content": more}], "temperature": 1}),
        ],
        Format::Anthropic => vec![
            json!({"system": system, "messages": [{"role": "user", "content": user}]}),
            json!({"system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
                "messages": [{"role": "user", "content": [{"cache_control": {"type": "ephemeral"}, "type": "text", "text": user}]},
                {"role": "assistant", "content": [{"type": "text", "text": "4"}]}, {"role": "user", "content": more}]}),
        ],
        Format::OpenaiResponses => vec![
            json!({"instructions": system, "input": user}),
            json!({"instructions": system, "input": [{"role": "user", "content": user, "id": "msg_1"}, {"type": "reasoning"}]}),
            json!({"instructions": system, "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": user}]},
                {"role": "assistant", "content": "4"}, {"role": "user", "content": more}]}),
        ],
        Format::Gemini => vec![
            json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": [{"parts": [{"text": user}]}]}),
            json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": [{"role": "user", "parts": [{"text": user}]},
                {"role": "model", "parts": [{"text": "4"}]}]}),
        ],
    }
}

#[test]
fn later_turns_of_a_conversation_have_the_hash_of_the_first() {
    for format in Format::ALL {
        let hashes: Vec<_> = turns(format)
            .iter()
            .map(|turn| hash(format, turn))
            .collect();
        assert!(hashes[0].is_some(), "{format}");
        assert!(
            hashes.windows(2).all(|pair| pair[0] == pair[1]),
            "{format}: {hashes:x?}"
        );
    }
}

#[test]
fn another_system_prompt_or_another_first_turn_is_another_conversation() {
    for format in Format::ALL {
        let first = serde_json::to_string(&turns(format)[0]).unwrap();
        let mut hashes = vec![hash(format, &serde_json::from_str(&first).unwrap())];
        for (from, to) in [
            ("helpful", "helpfui"),
            ("2+2", "2+3"),
            ("\"user\"", "\"assistant\""),
        ] {
            let changed = first.replace(from, to);
            if changed != first {
                hashes.push(hash(format, &serde_json::from_str(&changed).unwrap()));
            }
        }
        let all = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all, "{format}");
    }
}

#[test]
fn the_system_prompt_counts_the_same_before_and_after_the_messages() {
    let of = |body: &str| {
        scan(body.as_bytes(), Subject::Format(Format::Anthropic))
            .unwrap()
            .prefix_hash
    };
    let before = of(r#"{"system":"s","messages":[{"role":"user","content":"u"}]}"#);
    let after = of(r#"{"messages":[{"content":"u","role":"user"}],"max_tokens":5,"system":"s"}"#);
    let swapped = of(r#"{"system":"u","messages":[{"role":"user","content":"s"}]}"#);
    let without = of(r#"{"messages":[{"role":"user","content":"u"}]}"#);
    assert_eq!(before, after);
    assert!(before != swapped && before != without);
}

#[test]
fn the_line_that_claude_code_changes_in_every_request_does_not_count() {
    let request = |nonce: &str| {
        let line = format!(
            "x-anthropic-billing-header: cc_version=2.1.37.0d9; cc_entrypoint=cli; cch={nonce};"
        );
        let apart = json!({"system": [{"type": "text", "text": line}, {"type": "text", "text": "You are"}],
            "messages": [{"role": "user", "content": "hey"}]});
        let within = json!({"system": format!("{line}\nYou are"), "messages": [{"role": "user", "content": "hey"}]});
        [
            hash(Format::Anthropic, &apart),
            hash(Format::Anthropic, &within),
        ]
    };
    assert_eq!(request("fa690"), request("0aaa9"));
}

#[test]
fn an_image_in_the_first_turn_counts_and_without_a_turn_of_the_user_there_is_no_hash() {
    let with = |data: &str| {
        let image = json!({"type": "image", "source": {"type": "base64", "data": data}});
        hash(
            Format::Anthropic,
            &json!({"messages": [{"role": "user", "content": [image]}]}),
        )
    };
    assert_ne!(with("AAAA"), with("AAAB"));
    assert_eq!(
        hash(Format::Anthropic, &json!({"system": "s", "messages": []})),
        None
    );
    assert_eq!(
        hash(
            Format::OpenaiChat,
            &json!({"messages": [{"role": "system", "content": "s"}]})
        ),
        None
    );
    assert_eq!(
        hash(Format::Anthropic, &json!({"messages": "u"})),
        hash(
            Format::Anthropic,
            &json!({"messages": [{"role": "user", "content": "u"}]})
        )
    );
}

#[test]
fn a_long_text_is_told_apart_by_its_ends_and_its_length() {
    let of = |text: String| {
        hash(
            Format::OpenaiChat,
            &json!({"messages": [{"role": "user", "content": text}]}),
        )
    };
    let long = "x".repeat(200_000);
    let base = of(long.clone());
    assert_eq!(base, of(long.clone()));
    assert_ne!(base, of(format!("{long}x")));
    assert_ne!(base, of(format!("y{}", &long[1..])));
    assert_ne!(base, of(format!("{}y", &long[1..])));
}
