use serde_json::Value;

use crate::demo::answer::{Answer, Event, Part};
use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::{CREATED, Ids, quote};
use crate::demo::mind::{estimate, pieces};

/// OpenAI's paths with a model, beside conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) enum Side {
    Completions,
    Embeddings,
    Moderations,
    Rerank,
    /// Sounds: bytes in reply to JSON.
    Speech,
    /// Text in reply to a form.
    Transcriptions,
    /// A picture in reply to a form.
    Pictures,
}

impl Side {
    /// The one at this path behind the version.
    pub(in crate::demo) fn of(path: &str) -> Option<Side> {
        Some(match path {
            "completions" => Side::Completions,
            "embeddings" => Side::Embeddings,
            "moderations" => Side::Moderations,
            "rerank" => Side::Rerank,
            "audio/speech" => Side::Speech,
            "audio/transcriptions" | "audio/translations" => Side::Transcriptions,
            "images/edits" | "images/variations" => Side::Pictures,
            _ => return None,
        })
    }
}

/// Answers a request beside conversations. `body` is null where it is neither JSON nor a form.
pub(in crate::demo) fn answer(side: Side, body: &Value, ids: &Ids) -> Result<Answer, Complaint> {
    let Some(model) = body["model"].as_str().filter(|m| !m.is_empty()) else {
        return Err(Complaint::invalid("you must provide a model parameter", ""));
    };
    match side {
        Side::Completions => Ok(completion(body, model, ids)),
        Side::Embeddings => embeddings(body, model),
        Side::Moderations => Ok(moderation(body, model, ids)),
        Side::Rerank => rerank(body, model, ids),
        Side::Speech => Ok(speech(body)),
        Side::Transcriptions => transcription(body, model),
        Side::Pictures => picture(body),
    }
}

/// Says what came.
fn transcription(body: &Value, model: &str) -> Result<Answer, Complaint> {
    let text = format!("{model} heard {}.", file(body, "file")?);
    if body["stream"] != "true" {
        return Ok(Answer::json(format!(r#"{{"text":{}}}"#, quote(&text))));
    }
    let event = |part, data: String| Event {
        part,
        bytes: format!("data: {data}\n\n").into(),
    };
    let mut events: Vec<Event> = pieces(&text)
        .iter()
        .map(|piece| {
            format!(
                r#"{{"type":"transcript.text.delta","delta":{}}}"#,
                quote(piece)
            )
        })
        .map(|data| event(Part::Content, data))
        .collect();
    let done = format!(
        r#"{{"type":"transcript.text.done","text":{}}}"#,
        quote(&text)
    );
    events.push(event(Part::Finish, done));
    Ok(Answer::stream(events))
}

fn picture(body: &Value) -> Result<Answer, Complaint> {
    let about = quote(&file(body, "image")?);
    Ok(Answer::json(format!(
        r#"{{"created":{CREATED},"data":[{{"b64_json":"iVBORw0KGgo=","revised_prompt":{about}}}]}}"#
    )))
}

/// A file of a form in words.
fn file(body: &Value, name: &'static str) -> Result<String, Complaint> {
    let file = &body[name];
    let text = |key: &str| file[key].as_str().map(str::to_owned);
    match (text("filename"), text("sha256")) {
        (Some(filename), Some(hash)) => Ok(format!(
            "{filename} of {} bytes with SHA-256 {hash}",
            file["bytes"]
        )),
        _ => Err(Complaint::invalid("you must provide a file", name)),
    }
}

fn completion(body: &Value, model: &str, ids: &Ids) -> Answer {
    let prompt = texts(&body["prompt"]).join(" ");
    let mut said = pieces(&format!(" Hello from {model}. You wrote: {prompt}"));
    let limit = body["max_tokens"].as_u64().unwrap_or(16);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let finish = if said.len() > limit { "length" } else { "stop" };
    said.truncate(limit);
    let (id, model) = (ids.make("cmpl-", 0, 29), quote(model));
    let head =
        format!(r#""id":"{id}","object":"text_completion","created":{CREATED},"model":{model}"#);
    let usage = usage(estimate(&prompt), said.len() as u64);
    if body["stream"] != true {
        let text = quote(&said.concat());
        let choice =
            format!(r#"{{"text":{text},"index":0,"logprobs":null,"finish_reason":"{finish}"}}"#);
        return Answer::json(format!(
            "{{{head},\"choices\":[{choice}],\"usage\":{usage}}}\n"
        ));
    }
    let event = |part, data: String| Event {
        part,
        bytes: format!("data: {data}\n\n").into(),
    };
    let chunk = |part, text: &str, finish: &str| {
        let choice = format!(
            r#"{{"text":{},"index":0,"logprobs":null,"finish_reason":{finish}}}"#,
            quote(text)
        );
        event(part, format!(r#"{{{head},"choices":[{choice}]}}"#))
    };
    let mut events: Vec<Event> = said
        .iter()
        .map(|p| chunk(Part::Content, p, "null"))
        .collect();
    events.push(chunk(Part::Finish, "", &quote(finish)));
    if body["stream_options"]["include_usage"] == true {
        events.push(event(
            Part::Finish,
            format!(r#"{{{head},"choices":[],"usage":{usage}}}"#),
        ));
    }
    events.push(event(Part::Terminal, "[DONE]".to_owned()));
    Answer::stream(events)
}

fn usage(prompt: u64, completion: u64) -> String {
    let total = prompt + completion;
    format!(
        r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}}}"#
    )
}

/// A string, or the strings of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list
            .iter()
            .map(|v| v.as_str().map_or(v.to_string(), str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

fn embeddings(body: &Value, model: &str) -> Result<Answer, Complaint> {
    let inputs = texts(&body["input"]);
    if inputs.is_empty() {
        return Err(Complaint::invalid(
            "Missing required parameter: 'input'.",
            "input",
        ));
    }
    let size = body["dimensions"].as_u64().unwrap_or(8).clamp(1, 3072);
    let base64 = body["encoding_format"] == "base64";
    let items = inputs.iter().enumerate().map(|(i, text)| {
        let vector = vector(text, size);
        let vector = if base64 {
            quote(&encoded(&vector))
        } else {
            Value::from(vector).to_string()
        };
        format!(r#"{{"object":"embedding","index":{i},"embedding":{vector}}}"#)
    });
    let items: Vec<String> = items.collect();
    let tokens: u64 = inputs.iter().map(|t| estimate(t)).sum();
    Ok(Answer::json(format!(
        "{{\"object\":\"list\",\"data\":[{}],\"model\":{},\"usage\":{{\"prompt_tokens\":{tokens},\"total_tokens\":{tokens}}}}}\n",
        items.join(","),
        quote(model)
    )))
}

/// A vector of length one that depends on the text only.
pub(in crate::demo) fn vector(text: &str, size: u64) -> Vec<f32> {
    let each = 1.0 / (size as f32).sqrt();
    let sign = |i: u64| {
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), i);
        if hash & 1 == 0 { each } else { -each }
    };
    (0..size).map(sign).collect()
}

/// Little-endian floats in base64.
fn encoded(vector: &[f32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|f| f.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= group.len() {
                char::from(DIGITS[value])
            } else {
                '='
            });
        }
    }
    text
}

fn moderation(body: &Value, model: &str, ids: &Ids) -> Answer {
    let result = |text: &String| {
        let flagged = text.contains("violence");
        let score = if flagged { 0.98 } else { 0.0001 };
        format!(
            r#"{{"flagged":{flagged},"categories":{{"violence":{flagged},"harassment":false}},"category_scores":{{"violence":{score},"harassment":0.0001}}}}"#
        )
    };
    let results: Vec<String> = texts(&body["input"]).iter().map(result).collect();
    let (id, model) = (ids.make("modr-", 0, 24), quote(model));
    Answer::json(format!(
        "{{\"id\":\"{id}\",\"model\":{model},\"results\":[{}]}}\n",
        results.join(",")
    ))
}

fn rerank(body: &Value, model: &str, ids: &Ids) -> Result<Answer, Complaint> {
    let documents = texts(&body["documents"]);
    if documents.is_empty() {
        return Err(Complaint::invalid(
            "Missing required parameter: 'documents'.",
            "documents",
        ));
    }
    let result = |i: usize| {
        format!(
            r#"{{"index":{i},"relevance_score":{}}}"#,
            1.0 / (i + 1) as f32
        )
    };
    let results: Vec<String> = (0..documents.len()).map(result).collect();
    let (id, model) = (ids.make("rerank-", 0, 24), quote(model));
    Ok(Answer::json(format!(
        "{{\"id\":\"{id}\",\"model\":{model},\"results\":[{}]}}\n",
        results.join(",")
    )))
}

/// As many bytes of silence as the text has letters, under an MP3's type.
fn speech(body: &Value) -> Answer {
    let silence = vec![0u8; body["input"].as_str().map_or(0, str::len).max(1)];
    Answer {
        content_type: "audio/mpeg",
        payload: crate::demo::answer::Payload::Whole(silence.into()),
    }
}

/// The list of models, or the one that the path names.
pub(in crate::demo) fn models(names: &[String], one: Option<&str>) -> Result<Answer, Complaint> {
    let model = |name: &str| {
        let name = quote(name);
        format!(r#"{{"id":{name},"object":"model","created":{CREATED},"owned_by":"demo"}}"#)
    };
    if let Some(one) = one {
        let known = names.iter().any(|n| n == one);
        let missing = || Complaint::new(ErrorKind::ModelNotFound).about(one);
        return known.then(|| Answer::json(model(one))).ok_or_else(missing);
    }
    let list: Vec<String> = names.iter().map(|n| model(n)).collect();
    Ok(Answer::json(format!(
        "{{\"object\":\"list\",\"data\":[{}]}}\n",
        list.join(",")
    )))
}
