//! What a vendor lists, and how that is told. The page itself is fetched by who knows how to reach vendors ([`Vendors`]).

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::{Problem, Why};
use super::reasons::Reason;
use crate::config::{self, Keys, Offer, Provider};
use crate::ir::Format;
use crate::ledger::brief;

/// Pages of a list at most: nobody has more models.
const MOST_PAGES: usize = 20;
const MOST_MODELS: usize = 10_000;
/// Of a vendor's own words.
const LONGEST_WORDS: usize = 300;

/// A page of a vendor.
#[derive(Debug)]
pub struct VendorPage {
    pub status: u16,
    pub body: Vec<u8>,
}

/// A vendor that is not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    pub why: Reason,
    pub words: String,
}

/// Reaches vendors.
#[async_trait]
pub trait Vendors: Send + Sync {
    /// Asks for a page below the offer's base URL.
    ///
    /// # Errors
    /// Why there is no answer.
    async fn page(
        &self,
        provider: &Provider,
        offer: &Offer,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<VendorPage, Unreached>;
}

/// A model that a vendor lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Listed {
    #[schema(example = "gpt-4o")]
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tokens of input, where the vendor says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_context: Option<u64>,
}

/// Those that an endpoint can have, and the names of the others.
pub(super) fn usable(listed: Vec<Listed>) -> (Vec<Listed>, Vec<String>) {
    let (good, bad): (Vec<Listed>, Vec<Listed>) = listed
        .into_iter()
        .partition(|model| config::is_model_name(&model.id));
    let names = bad.iter().map(|model| brief(&model.id).into_owned());
    (good, names.collect())
}

/// Why there is no list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoList {
    /// Nobody answers there.
    Unreached(Unreached),
    /// 401 or 403: the key is not taken. With the vendor's words.
    Refused(u16, String),
    /// Another status.
    Status(u16, String),
    /// It answers, and not with a list of models.
    Other(String),
}

impl std::fmt::Display for NoList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |words: &String| match words.as_str() {
            "" => String::new(),
            words => format!(": {words}"),
        };
        match self {
            NoList::Unreached(none) => write!(f, "The vendor is not reached: {}.", none.words),
            NoList::Refused(status, words) => {
                write!(f, "The vendor refuses the key ({status}{}).", said(words))
            }
            NoList::Status(404, _) => f.write_str(
                "The vendor has no list of models there (404): is the base URL right? Models can be named by hand as well.",
            ),
            NoList::Status(status, words) => {
                write!(f, "The vendor answers with an error ({status}{}).", said(words))
            }
            NoList::Other(why) => write!(f, "What answers there is no list of models: {why}."),
        }
    }
}

impl NoList {
    /// As a problem: with its reason, and with what the vendor has said.
    pub(super) fn problem(&self) -> Problem {
        let problem = Problem::new(Why::Invalid, self.to_string());
        match self {
            NoList::Unreached(none) => problem.because(none.why, None, &none.words),
            NoList::Refused(status, words) => {
                problem.because(Reason::KeyRefused, Some(*status), words)
            }
            NoList::Status(404, words) => problem.because(Reason::NoListThere, Some(404), words),
            NoList::Status(status, words) => {
                let reason = match status {
                    402 => Reason::Unpaid,
                    429 => Reason::RateLimited,
                    503 | 529 => Reason::Overloaded,
                    _ => Reason::VendorError,
                };
                problem.because(reason, Some(*status), words)
            }
            NoList::Other(why) => problem.because(Reason::NotAList, None, why),
        }
    }

    /// Which of several says most.
    pub(super) fn weight(&self) -> u8 {
        match self {
            NoList::Refused(..) => 3,
            NoList::Status(404, _) | NoList::Other(_) => 1,
            NoList::Status(..) => 2,
            NoList::Unreached(_) => 0,
        }
    }
}

/// All models that a vendor lists.
pub(super) async fn list(
    vendors: &dyn Vendors,
    provider: &Provider,
    offer: &Offer,
) -> Result<Vec<Listed>, NoList> {
    let key = key_of(provider);
    let headers = headers(provider, offer, key);
    let mut models: Vec<Listed> = Vec::new();
    let mut next = None;
    for _ in 0..MOST_PAGES {
        let path = path(offer.format, next.as_deref());
        let page = vendors.page(provider, offer, &path, &headers).await;
        let page = page.map_err(NoList::Unreached)?;
        let scrub = |text: String| match key {
            Some(key) if key.len() >= 4 => text.replace(key, "…"),
            _ => text,
        };
        match page.status {
            200..=299 => {}
            status @ (401 | 403) => return Err(NoList::Refused(status, scrub(words(&page.body)))),
            status => return Err(NoList::Status(status, scrub(words(&page.body)))),
        }
        let (more, after) = read(&page.body).map_err(NoList::Other)?;
        let none = more.is_empty();
        models.extend(more);
        next = after;
        if next.is_none() || none || models.len() > MOST_MODELS {
            break;
        }
    }
    models.truncate(MOST_MODELS);
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models.dedup_by(|a, b| a.id == b.id);
    Ok(models)
}

/// The first key that may be used.
fn key_of(provider: &Provider) -> Option<&str> {
    let Keys::Own(keys) = &provider.keys else {
        return None;
    };
    let key = keys.iter().find(|key| key.enabled)?;
    key.value.as_ref().map(crate::config::Secret::reveal)
}

fn headers(provider: &Provider, offer: &Offer, key: Option<&str>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if let Some(key) = key {
        let auth = &offer.auth;
        let value = [&auth.prefix, key, &auth.suffix].concat();
        headers.push((auth.header.clone(), value));
    }
    if offer.format == Format::Anthropic {
        headers.push(("anthropic-version".to_owned(), "2023-06-01".to_owned()));
    }
    headers.extend(provider.headers.iter().cloned());
    headers
}

fn path(format: Format, next: Option<&str>) -> String {
    match (format, next) {
        (Format::OpenaiChat | Format::OpenaiResponses, _) => "/models".to_owned(),
        (Format::Anthropic, None) => "/models?limit=1000".to_owned(),
        (Format::Anthropic, Some(after)) => format!("/models?limit=1000&after_id={}", bare(after)),
        (Format::Gemini, None) => "/models?pageSize=1000".to_owned(),
        (Format::Gemini, Some(token)) => format!("/models?pageSize=1000&pageToken={}", bare(token)),
    }
}

/// What a vendor tells goes back to it in a query.
fn bare(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// A list in any vendor's shape, and what leads to its next page.
fn read(body: &[u8]) -> Result<(Vec<Listed>, Option<String>), String> {
    let json: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON".to_owned())?;
    let items = match &json {
        Value::Array(items) => items,
        Value::Object(members) => {
            let list = ["data", "models"]
                .iter()
                .find_map(|name| members.get(*name));
            let list = list.and_then(Value::as_array);
            list.ok_or("it has neither `data` nor `models`")?
        }
        _ => return Err("it is neither a list nor an object".to_owned()),
    };
    let models = items.iter().filter_map(listed).collect();
    let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    let more = json.get("has_more").and_then(Value::as_bool) == Some(true);
    let next = match more {
        true => text("last_id"),
        false => text("nextPageToken").filter(|token| !token.is_empty()),
    };
    Ok((models, next))
}

fn listed(item: &Value) -> Option<Listed> {
    if let Value::String(id) = item {
        return Some(Listed {
            id: id.clone(),
            name: None,
            max_context: None,
        });
    }
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let id = text("id").or_else(|| text("name"))?;
    let id = id.strip_prefix("models/").unwrap_or(id);
    let number = |name: &str| item.get(name).and_then(Value::as_u64);
    let context = [
        "inputTokenLimit",
        "max_input_tokens",
        "context_length",
        "context_window",
    ];
    let name = text("display_name").or_else(|| text("displayName"));
    (!id.is_empty()).then(|| Listed {
        id: id.to_owned(),
        name: name.filter(|name| *name != id).map(str::to_owned),
        max_context: context.iter().find_map(|name| number(name)),
    })
}

/// What a vendor says about an error, shortened.
fn words(body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = json.get("error").unwrap_or(&json);
    let said = error
        .get("message")
        .or_else(|| error.get("msg"))
        .unwrap_or(error);
    let said = said.as_str().unwrap_or("");
    let line: String = said.chars().take(LONGEST_WORDS).collect();
    line.trim().trim_end_matches('.').replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids(body: &str) -> (Vec<String>, Option<String>) {
        let (models, next) = read(body.as_bytes()).unwrap();
        (models.into_iter().map(|model| model.id).collect(), next)
    }

    #[test]
    fn names_that_no_endpoint_can_have_are_apart_and_bounded() {
        let long = "x".repeat(10_000);
        let list = json!({ "data": [
            { "id": "org/gpt-4o:free" }, { "id": "two words" }, { "id": "gpt-*" }, { "id": long },
        ] });
        let (models, _) = read(list.to_string().as_bytes()).unwrap();
        let (good, bad) = usable(models);
        assert_eq!(good.len(), 1);
        assert_eq!(good[0].id, "org/gpt-4o:free");
        assert_eq!(bad[..2], ["two words", "gpt-*"]);
        assert!(bad[2].len() < 300 && bad[2].ends_with('…'), "{}", bad[2]);
    }

    #[test]
    fn lists_are_read_in_every_vendors_shape() {
        let openai = r#"{"object":"list","data":[{"id":"gpt-4o","object":"model"},{"id":"o3"}]}"#;
        assert_eq!(ids(openai), (vec!["gpt-4o".into(), "o3".into()], None));
        let anthropic = r#"{"data":[{"type":"model","id":"claude","display_name":"Claude"}],"has_more":true,"last_id":"claude"}"#;
        assert_eq!(
            ids(anthropic),
            (vec!["claude".into()], Some("claude".into()))
        );
        let gemini = r#"{"models":[{"name":"models/gemini-pro","inputTokenLimit":1000}],"nextPageToken":"t="}"#;
        assert_eq!(ids(gemini), (vec!["gemini-pro".into()], Some("t=".into())));
        assert_eq!(
            path(Format::Gemini, Some("t=")),
            "/models?pageSize=1000&pageToken=t%3D"
        );
        assert_eq!(ids(r#"["a", {"name": "b"}, 3]"#).0, ["a", "b"]);
        let (models, _) = read(gemini.as_bytes()).unwrap();
        assert_eq!(models[0].max_context, Some(1000));
        for none in ["", "<html>", "3", r#"{"ok":true}"#] {
            assert!(read(none.as_bytes()).is_err(), "{none}");
        }
    }

    #[test]
    fn a_vendors_words_are_found_and_shortened() {
        assert_eq!(
            words(br#"{"error":{"message":"Incorrect API key."}}"#),
            "Incorrect API key"
        );
        assert_eq!(words(br#"{"message":"no\nway"}"#), "no way");
        assert_eq!(words(br#"{"error":"gone"}"#), "gone");
        assert_eq!(words(b"<html>"), "");
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(1000));
        assert_eq!(words(long.as_bytes()).len(), LONGEST_WORDS);
    }
}
