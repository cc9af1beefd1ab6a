//! What the clients' libraries ask of a stream, read in their way.

use serde_json::Value;
use tidegate::ir::Format;

/// An event as a client reads it.
struct Shown {
    name: Option<String>,
    data: Value,
}

/// The stream is made of whole events that the format's libraries put together without a complaint; `well`: it has ended
/// well, so all that it has begun is ended too.
pub fn is_well_formed(format: Format, stream: &[u8], well: bool) {
    let mut text = String::from_utf8(stream.to_vec()).unwrap();
    if format == Format::Gemini {
        // Gemini ends its lines so, and a JSON text holds none.
        text = text.replace("\r\n", "\n");
    }
    let text = text.as_str();
    let events = events(format, text);
    match format {
        Format::OpenaiChat => chat(&events, well, text),
        Format::OpenaiResponses => responses(&events, well, text),
        Format::Anthropic => anthropic(&events, well, text),
        Format::Gemini => gemini(&events, well, text),
    }
}

fn events(format: Format, text: &str) -> Vec<Shown> {
    assert!(text.is_empty() || text.ends_with("\n\n"), "no end: {text}");
    assert!(!text.contains('\r'), "carriage return: {text}");
    let mut found = Vec::new();
    let mut marked = false;
    for event in text.split("\n\n").filter(|event| !event.is_empty()) {
        assert!(!marked, "something behind the mark of the end: {text}");
        let mut shown = Shown {
            name: None,
            data: Value::Null,
        };
        for line in event.lines() {
            if let Some(name) = line.strip_prefix("event: ") {
                shown.name = Some(name.to_owned());
            } else if line == "data: [DONE]" && format == Format::OpenaiChat {
                marked = true;
            } else if let Some(data) = line.strip_prefix("data: ") {
                assert!(shown.data.is_null(), "data twice: {event}");
                shown.data = lenient(data);
                assert!(shown.data.is_object(), "no object: {event}");
            } else {
                assert!(line.starts_with(':'), "neither name nor data: {event}");
            }
        }
        if shown.data.is_object() {
            found.push(shown);
        }
    }
    found
}

/// The tree of a JSON text. What only a tree cannot hold (a number beyond all, half of a pair) is no mistake of the writer.
fn lenient(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn chat(events: &[Shown], well: bool, text: &str) {
    let is_error = |event: &Shown| event.data.get("error").is_some();
    let mut stopped = false;
    for event in events {
        assert!(event.name.is_none(), "{text}");
        if is_error(event) {
            continue;
        }
        assert_eq!(event.data["object"], "chat.completion.chunk", "{text}");
        assert_eq!(event.data["id"], events[0].data["id"], "{text}");
        let choices = event.data["choices"].as_array().unwrap();
        for choice in choices {
            assert!(
                choice["index"].is_u64() && choice["delta"].is_object(),
                "{text}"
            );
            stopped |= choice["finish_reason"].is_string();
        }
    }
    if well {
        assert!(stopped && text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    assert_eq!(well, !events.last().is_some_and(is_error), "{text}");
}

/// The library keeps a list of items and a list of parts in each, and writes what comes by their indexes.
fn responses(events: &[Shown], well: bool, text: &str) {
    let mut items: Vec<(usize, bool)> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        let data = &event.data;
        let kind = data["type"].as_str().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(event.name.as_deref(), Some(kind), "{text}");
        assert_eq!(data["sequence_number"], number, "{text}");
        if number == 0 && kind != "error" {
            assert_eq!(kind, "response.created", "{text}");
        }
        let index = data["output_index"].as_u64().map(|index| index as usize);
        let (Some(index), false) = (index, kind == "response.output_item.added") else {
            if index.is_some() {
                assert_eq!(index, Some(items.len()), "{text}");
                items.push((0, false));
            }
            continue;
        };
        let item = items.get_mut(index).unwrap_or_else(|| panic!("{text}"));
        assert!(!item.1, "{kind} behind its item's end: {text}");
        match (kind, data["content_index"].as_u64()) {
            ("response.output_item.done", _) => item.1 = true,
            ("response.content_part.added", Some(part)) => {
                assert_eq!(part, item.0 as u64, "{text}");
                item.0 += 1;
            }
            // What open models think has parts that nothing adds.
            (kind, Some(part)) if !kind.starts_with("response.reasoning_text") => {
                assert!(part < item.0 as u64, "{text}");
            }
            _ => {}
        }
    }
    let last = events.last().and_then(|event| event.data["type"].as_str());
    let is_end = matches!(last, Some("response.completed" | "response.incomplete"));
    assert_eq!(is_end, well, "{text}");
    if well {
        assert!(items.iter().all(|(_, done)| *done), "an open item: {text}");
        let output = &events[events.len() - 1].data["response"]["output"];
        assert_eq!(output.as_array().unwrap().len(), items.len(), "{text}");
    }
}

/// The library keeps a list of blocks, and writes what comes by its index.
fn anthropic(events: &[Shown], well: bool, text: &str) {
    let (mut blocks, mut open) = (0, None);
    for (number, event) in events.iter().enumerate() {
        let data = &event.data;
        let kind = data["type"].as_str().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(event.name.as_deref(), Some(kind), "{text}");
        assert_eq!(
            number == 0 && kind != "error",
            kind == "message_start",
            "{text}"
        );
        match kind {
            "content_block_start" => {
                assert_eq!(
                    (&data["index"], open),
                    (&Value::from(blocks), None),
                    "{text}"
                );
                open = Some(blocks);
                blocks += 1;
            }
            "content_block_delta" => assert_eq!(data["index"].as_u64(), open, "{text}"),
            "content_block_stop" => assert_eq!(data["index"].as_u64(), open.take(), "{text}"),
            "message_delta" => assert_eq!(open, None, "{text}"),
            "message_start" | "message_stop" | "ping" | "error" => {}
            other => panic!("{other}: {text}"),
        }
    }
    let last = |back: usize| {
        let event = events.len().checked_sub(back).and_then(|at| events.get(at));
        event.and_then(|event| event.data["type"].as_str())
    };
    assert_eq!(last(1) == Some("message_stop"), well, "{text}");
    assert_eq!(last(2) == Some("message_delta"), well, "{text}");
}

fn gemini(events: &[Shown], well: bool, text: &str) {
    let is_error = |event: &Shown| event.data.get("error").is_some();
    let is_stop = |event: &Shown| {
        let candidates = event.data["candidates"].as_array();
        let blocked = event.data["promptFeedback"]["blockReason"].is_string();
        blocked
            || candidates.is_some_and(|all| all.iter().any(|one| one["finishReason"].is_string()))
    };
    assert!(events.iter().all(|event| event.name.is_none()), "{text}");
    assert_eq!(well, !events.last().is_some_and(is_error), "{text}");
    assert!(!well || events.iter().any(is_stop), "{text}");
}
