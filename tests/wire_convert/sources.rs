//! Where an answer has something from: the places are right, and nothing empty is written for their sake.

use serde_json::{Value, json};
use tidegate::ir::Format;
use tidegate::wire::convert::{Manner, answer};
use tidegate::wire::relay::End;

use super::laws::ground::{collected, converted, course};
use super::laws::meaning::meaning;

/// Gemini's answer of these parts, whole, and as a stream of an event a part, the sources with the last.
fn gemini(parts: &[Value], grounding: &Value) -> [Vec<u8>; 2] {
    let object = |parts: &[Value], last: bool| {
        let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
        if last {
            candidate["finishReason"] = json!("STOP");
            candidate["groundingMetadata"] = grounding.clone();
        }
        json!({ "candidates": [candidate], "modelVersion": "g", "responseId": "r" })
    };
    let whole = object(parts, true).to_string().into_bytes();
    let mut stream = String::new();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        let object = object(std::slice::from_ref(part), last);
        stream.push_str(&format!("data: {object}\n\n"));
    }
    [whole, stream.into_bytes()]
}

fn cites(start: u64, words: &str) -> Value {
    let end = start + words.len() as u64;
    json!({
        "groundingChunks": [{ "web": { "uri": "https://a", "title": "A" } }],
        "groundingSupports": [{
            "segment": { "startIndex": start, "endIndex": end, "text": words },
            "groundingChunkIndices": [0],
        }],
    })
}

fn whole(to: Format, body: &[u8]) -> Value {
    let told = answer(course(Format::Gemini, to), body, Manner::Whole).unwrap();
    serde_json::from_slice(&told.body).unwrap()
}

fn streamed(to: Format, body: &[u8]) -> String {
    let (out, ended) = converted(Format::Gemini, to, &[body], End::Clean);
    ended.unwrap();
    String::from_utf8(out).unwrap()
}

/// The values of that key in the events, as they come.
fn told(stream: &str, key: &str) -> Vec<Value> {
    fn find(value: &Value, key: &str, found: &mut Vec<Value>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get(key).cloned());
                members.values().for_each(|value| find(value, key, found));
            }
            Value::Array(items) => items.iter().for_each(|value| find(value, key, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    for event in data.filter_map(|data| serde_json::from_str(data).ok()) {
        find(&event, key, &mut found);
    }
    found
}

fn place(annotation: &Value) -> [u64; 2] {
    let page = annotation.get("url_citation").unwrap_or(annotation);
    [&page["start_index"], &page["end_index"]].map(|index| index.as_u64().unwrap())
}

#[test]
fn sources_of_a_text_that_a_call_follows_stay_with_the_text() {
    let call = json!({ "functionCall": { "name": "f", "args": { "x": 1 } } });
    let picture = json!({ "inlineData": { "mimeType": "image/png", "data": "QUJD" } });
    for follows in [vec![call.clone()], vec![picture], vec![call.clone(), call]] {
        let mut parts = vec![json!({ "text": "say " }), json!({ "text": "hello" })];
        parts.extend(follows);
        let [body, stream] = gemini(&parts, &cites(4, "hello"));
        // Chat.
        let chat = whole(Format::OpenaiChat, &body);
        let notes = &chat["choices"][0]["message"]["annotations"];
        assert_eq!(place(&notes[0]), [4, 9]);
        let chat = streamed(Format::OpenaiChat, &stream);
        let notes = told(&chat, "annotations");
        assert_eq!((notes.len(), place(&notes[0][0])), (1, [4, 9]));
        // Responses.
        let responses = whole(Format::OpenaiResponses, &body);
        let output = responses["output"].as_array().unwrap();
        assert_eq!(output.len(), parts.len() - 1);
        assert_eq!(place(&output[0]["content"][0]["annotations"][0]), [4, 9]);
        let responses = streamed(Format::OpenaiResponses, &stream);
        let last = told(&responses, "response").pop().unwrap();
        let output = last["output"].as_array().unwrap();
        assert_eq!(output.len(), parts.len() - 1);
        assert_eq!(place(&output[0]["content"][0]["annotations"][0]), [4, 9]);
        assert_eq!(told(&responses, "annotation_index"), [json!(0)]);
        // The whole answer and the stream mean the same to every client.
        for to in Format::ALL {
            let told = answer(course(Format::Gemini, to), &body, Manner::Stream).unwrap();
            let told = collected(to, &told.body).map(|reply| meaning(&reply));
            let streamed = collected(to, streamed(to, &stream).as_bytes());
            assert_eq!(streamed.map(|reply| meaning(&reply)), told, "{to}");
        }
    }
}

#[test]
fn no_text_without_words_is_written_for_a_source() {
    let call = json!({ "functionCall": { "name": "f", "args": {} } });
    let thought = json!({ "text": "hm", "thought": true });
    let text = json!({ "text": "hello" });
    for parts in [
        vec![call.clone()],
        vec![text.clone(), call.clone()],
        vec![text.clone(), thought.clone(), call.clone()],
        vec![text.clone(), call.clone(), text, thought],
    ] {
        for grounding in [cites(0, "hello"), cites(70, "elsewhere")] {
            let [body, stream] = gemini(&parts, &grounding);
            let blocks = whole(Format::Anthropic, &body);
            let is_empty = |block: &Value| block["type"] == "text" && block["text"] == "";
            assert!(!blocks["content"].as_array().unwrap().iter().any(is_empty));
            let items = whole(Format::OpenaiResponses, &body);
            let is_nothing = |item: &Value| {
                let mut content = item["content"].as_array().into_iter().flatten();
                item["type"] == "message" && content.all(|part| part["text"] == "")
            };
            let nothing = items["output"].as_array().unwrap().iter().any(is_nothing);
            assert!(!nothing, "{items}");
            let anthropic = streamed(Format::Anthropic, &stream);
            let blocks = told(&anthropic, "content_block");
            let texts = blocks.iter().filter(|block| block["type"] == "text");
            let deltas = told(&anthropic, "delta");
            let said = deltas.iter().filter(|delta| delta["type"] == "text_delta");
            assert_eq!(texts.count(), said.count());
            let responses = streamed(Format::OpenaiResponses, &stream);
            let last = told(&responses, "response").pop().unwrap();
            let mut items = last["output"].as_array().unwrap().iter();
            assert!(!items.any(is_nothing), "{last}");
        }
    }
}

#[test]
fn a_source_that_comes_when_other_text_has_begun_is_still_placed_where_it_can_be() {
    let parts = [
        json!({ "text": "hello" }),
        json!({ "functionCall": { "name": "f", "args": {} } }),
        json!({ "text": "you" }),
    ];
    let [body, stream] = gemini(&parts, &cites(0, "hello"));
    let items = whole(Format::OpenaiResponses, &body);
    assert_eq!(
        place(&items["output"][0]["content"][0]["annotations"][0]),
        [0, 5]
    );
    assert_eq!(items["output"][2]["content"][0]["annotations"], json!([]));
    let chat = whole(Format::OpenaiChat, &body);
    let notes = &chat["choices"][0]["message"]["annotations"];
    assert_eq!(place(&notes[0]), [0, 5]);
    let notes = told(&streamed(Format::OpenaiChat, &stream), "annotations");
    assert_eq!((notes.len(), place(&notes[0][0])), (1, [0, 5]));
}

#[test]
fn a_source_of_a_whole_text_is_tied_to_it() {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "c",
        "content": [
            { "type": "text", "text": "so " },
            { "type": "text", "text": "hé", "citations": [{
                "type": "web_search_result_location", "url": "https://a", "title": "A",
                "cited_text": "w", "encrypted_index": "e",
            }] },
        ],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    });
    let body = body.to_string();
    for manner in [Manner::Whole, Manner::Stream] {
        let course = course(Format::Anthropic, Format::Gemini);
        let told = answer(course, body.as_bytes(), manner).unwrap();
        let text = String::from_utf8(told.body).unwrap();
        let supports = r#""groundingSupports":[{"segment":{"partIndex":1,"endIndex":3,"text":"hé"},"groundingChunkIndices":[0]}]"#;
        assert!(text.contains(supports), "{text}");
    }
}
