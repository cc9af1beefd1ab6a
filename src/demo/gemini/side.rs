use serde_json::Value;

use super::read::{conversation, list, parts, refused, tokens, whole};
use super::shape::{self, shaped};
use super::{Embed, whole as body_of};
use crate::demo::answer::Answer;
use crate::demo::complaint::{Complaint, ErrorKind};
use crate::demo::dialect::{Vendorship, quote};
use crate::demo::openai_chat;

/// The answer to `countTokens`: of contents alone, or of a whole request.
pub(super) fn count_tokens(body: &Value, vendor: &Vendorship<'_>) -> Result<Answer, Complaint> {
    let request = shaped(body, &shape::COUNT)?;
    let total = match &request["generateContentRequest"] {
        Value::Null => conversation(&request, vendor)?.prompt_tokens(),
        _ if !request["contents"].is_null() => {
            let why = "contents must not be set when generate_content_request is.";
            return Err(refused("CountTokensRequest.contents", why));
        }
        whole => conversation(whole, vendor)?.prompt_tokens(),
    };
    let answer = format!(
        r#"{{"totalTokens":{total},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{total}}}]}}"#
    );
    Ok(body_of(&answer))
}

/// Vectors for the contents of a request to this model.
pub(in crate::demo) fn embed(embed: Embed, body: &Value, model: &str) -> Result<Answer, Complaint> {
    match embed {
        Embed::One => {
            let request = shaped(body, &shape::EMBED)?;
            let values = values(&request, "EmbedContentRequest")?;
            let tokens = text_tokens(&request);
            Ok(body_of(&format!(
                r#"{{"embedding":{values},"usageMetadata":{{"promptTokenCount":{tokens}}}}}"#
            )))
        }
        Embed::Batch => {
            let request = shaped(body, &shape::EMBED_BATCH)?;
            let requests = list(&request["requests"]);
            if requests.is_empty() {
                let why = "requests is not specified";
                return Err(refused("BatchEmbedContentsRequest.requests", why));
            }
            let mut vectors = Vec::with_capacity(requests.len());
            for (i, request) in requests.iter().enumerate() {
                let at = format!("BatchEmbedContentsRequest.requests[{i}]");
                check_model(&request["model"], model, &at)?;
                vectors.push(values(request, &at)?);
            }
            let tokens: u64 = requests.iter().map(text_tokens).sum();
            Ok(body_of(&format!(
                r#"{{"embeddings":[{}],"usageMetadata":{{"promptTokenCount":{tokens}}}}}"#,
                vectors.join(",")
            )))
        }
    }
}

/// Every request of a batch names the model of the path.
fn check_model(given: &Value, model: &str, at: &str) -> Result<(), Complaint> {
    let at = format!("{at}.model");
    match given.as_str().and_then(|name| name.strip_prefix("models/")) {
        None => Err(refused(&at, "unexpected model name format")),
        Some(name) if name != model => Err(refused(
            &at,
            "must be the same model as in the path of the request",
        )),
        Some(_) => Ok(()),
    }
}

fn text_tokens(request: &Value) -> u64 {
    parts(&request["content"]).iter().map(tokens).sum()
}

fn values(request: &Value, at: &str) -> Result<String, Complaint> {
    let texts = parts(&request["content"]).iter();
    let texts: Vec<&str> = texts.filter_map(|p| p["text"].as_str()).collect();
    if texts.is_empty() {
        let at = format!("{at}.content");
        return Err(refused(&at, "content is empty"));
    }
    let size = whole(&request["outputDimensionality"]).unwrap_or(8);
    let Some(size) = u64::try_from(size).ok().filter(|n| (1..=3072).contains(n)) else {
        let at = format!("{at}.output_dimensionality");
        return Err(refused(&at, "must be in the range [1, 3072]."));
    };
    let vector = openai_chat::vector(&texts.join("\n"), size);
    Ok(format!(r#"{{"values":{}}}"#, Value::from(vector)))
}

/// The list of models in pages as the query wants them, or the one that the path names.
pub(super) fn models(
    names: &[String],
    one: Option<&str>,
    query: &str,
) -> Result<Answer, Complaint> {
    if let Some(one) = one {
        let known = names.iter().any(|n| n == one);
        let missing = || Complaint::new(ErrorKind::ModelNotFound).about(one);
        return known.then(|| body_of(&model(one))).ok_or_else(missing);
    }
    let number = |key: &str| {
        let mut given = query.split('&').filter_map(|p| p.split_once('='));
        let (_, value) = given.find(|(k, _)| *k == key)?;
        value.parse::<usize>().ok()
    };
    let size = number("pageSize").filter(|n| *n > 0).unwrap_or(50);
    let from = number("pageToken").unwrap_or(0);
    let page = names.iter().skip(from).take(size);
    let list: Vec<String> = page.map(|n| model(n)).collect();
    let next = from.saturating_add(size);
    let next = match next < names.len() {
        true => format!(r#","nextPageToken":"{next}""#),
        false => String::new(),
    };
    Ok(body_of(&format!(
        r#"{{"models":[{}]{next}}}"#,
        list.join(",")
    )))
}

fn model(name: &str) -> String {
    let methods = match name.contains("embedding") {
        true => r#""embedContent","countTokens""#,
        false => r#""generateContent","countTokens""#,
    };
    format!(
        concat!(
            r#"{{"name":{},"version":"001","displayName":{},"description":"A model of the demo vendor","#,
            r#""inputTokenLimit":1048576,"outputTokenLimit":65536,"supportedGenerationMethods":[{}],"#,
            r#""temperature":1,"topP":0.95,"topK":64,"maxTemperature":2,"thinking":true}}"#
        ),
        quote(&format!("models/{name}")),
        quote(name),
        methods,
    )
}
