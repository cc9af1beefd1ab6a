//! Calls on providers beyond those of every object: what a vendor lists, whether it answers, and the keys one by one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Admin;
use super::condition::Condition;
use super::door::Viewer;
use super::input::Body;
use super::plane;
use super::problem::{Flaw, Problem, Why};
use super::reasons::Reason;
use super::time::whole_millis;
use super::trouble::Trouble;
use super::vendors::{self, Listed, NoList};
use crate::clock;
use crate::config::{Home, Keys, Kind, Provider, Secret, hidden};
use crate::ir::Format;
use crate::store::Change;

/// A vendor that is not a provider yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    /// With or without the version.
    #[schema(example = "https://api.example.com/v1")]
    base_url: String,
    /// Where the vendor asks for one.
    key: Option<String>,
    /// Only this one is tried.
    #[schema(example = "openai_chat")]
    format: Option<String>,
    /// Headers that the vendor wants besides.
    headers: Option<Map<String, Value>>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Probed {
    /// Those in which it lists its models, the likeliest first.
    formats: Vec<&'static str>,
    models: Vec<Listed>,
    /// Names on its list that no model can have here: with white space, with `*`, or longer than 128 bytes.
    unusable: Vec<String>,
    took_ms: u64,
}

/// What a provider lists.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pulled {
    models: Vec<Listed>,
    /// Names on its list that no model can have here: with white space, with `*`, or longer than 128 bytes.
    unusable: Vec<String>,
    /// Whether they are written to the provider as its `models`.
    saved: bool,
    took_ms: u64,
}

/// Which of a provider's models is asked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// Else one that a pool has, or that is listed.
    model: Option<String>,
}

/// How a provider has answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tested {
    ok: bool,
    model: String,
    /// What a client would have got.
    status: u16,
    took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Why not, in a word for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

/// The keys of a provider, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderKeys {
    items: Vec<ProviderKeyShown>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ProviderKeyShown {
    /// Its place, from 1.
    number: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "sk-…wxyz")]
    masked: Option<String>,
    weight: u32,
    enabled: bool,
}

/// A key that is added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    value: String,
    weight: Option<u32>,
}

/// See what a vendor lists, before it is a provider: its format is found out, and a wrong key is said to be wrong
#[utoipa::path(
    post,
    path = "/providers/probe",
    tag = "providers",
    request_body = Probe,
    responses((status = 200, description = "It lists models", body = Probed),
              (status = 422, description = "It does not, and why", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn probe(
    State(admin): State<Arc<Admin>>,
    Body(asked): Body<Probe>,
) -> Result<Json<Probed>, Problem> {
    let begun = clock::now();
    let formats = formats(&asked)?;
    let mut found: Vec<(Format, Vec<Listed>)> = Vec::new();
    let mut worst: Option<NoList> = None;
    for format in formats {
        let provider = made_up(&admin, &asked, format).await?;
        let Some(offer) = provider.offers.first() else {
            continue;
        };
        match vendors::list(&*admin.vendors, &provider, offer).await {
            Ok(models) => found.push((format, models)),
            Err(none @ NoList::Unreached(_)) => {
                worst = Some(none);
                break;
            }
            Err(none) if worst.as_ref().is_none_or(|w| w.weight() < none.weight()) => {
                worst = Some(none);
            }
            Err(_) => {}
        }
    }
    let models = found
        .iter()
        .map(|(_, models)| models)
        .max_by_key(|models| models.len());
    let Some(models) = models.cloned() else {
        let nothing = || Problem::new(Why::Invalid, "No format is left to try.");
        return Err(worst.map_or_else(nothing, |none| none.problem()));
    };
    let (models, unusable) = vendors::usable(models);
    Ok(Json(Probed {
        formats: found.iter().map(|(format, _)| format.name()).collect(),
        models,
        unusable,
        took_ms: whole_millis(clock::now().since(begun)),
    }))
}

/// The likeliest first.
fn formats(asked: &Probe) -> Result<Vec<Format>, Problem> {
    if let Some(name) = &asked.format {
        let format = Format::from_name(name).ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
            Problem::new(Why::Invalid, "There is no such format.").flaw(Flaw {
                field: Some("format".to_owned()),
                message: format!("expected one of {}", names.join(", ")),
                ..Flaw::default()
            })
        })?;
        return Ok(vec![format]);
    }
    let url = asked.base_url.to_ascii_lowercase();
    let mut formats = vec![Format::OpenaiChat, Format::Anthropic, Format::Gemini];
    let likely = |format: &Format| match format {
        Format::Anthropic => url.contains("anthropic") || url.contains("claude"),
        Format::Gemini => url.contains("googleapis") || url.contains("gemini"),
        Format::OpenaiChat | Format::OpenaiResponses => false,
    };
    formats.sort_by_key(|format| !likely(format));
    Ok(formats)
}

/// The provider that it would be: checked as any other, and in no configuration.
async fn made_up(admin: &Admin, asked: &Probe, format: Format) -> Result<Provider, Problem> {
    // No declared provider can have this name by chance.
    let name = "probe.invalid";
    let mut body = json!({ "name": name, "format": format.name(), "base_url": asked.base_url });
    if let Some(key) = &asked.key {
        body["keys"] = json!([key]);
    }
    if let Some(headers) = &asked.headers {
        body["headers"] = Value::Object(headers.clone());
    }
    let desk = admin.desk()?;
    let put = Change::Put {
        kind: Kind::Provider,
        name: name.to_owned(),
        body: hidden::hide(Kind::Provider, name, &body),
    };
    let tried = desk.try_on(&desk.shelf().await?, &[put]).await?;
    let found = tried
        .gateway
        .providers
        .into_iter()
        .find(|one| one.name == name);
    found.ok_or_else(|| Trouble::Inside.into())
}

/// Ask a provider for its models, and write them to it
///
/// A provider of the database gets them as its `models`; one of the file keeps what the file says.
#[utoipa::path(
    post,
    path = "/providers/{name}/pull",
    tag = "providers",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "What it lists", body = Pulled),
              (status = 422, description = "It lists nothing, and why", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn pull(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Viewer(who): Viewer,
) -> Result<Json<Pulled>, Problem> {
    let begun = clock::now();
    let provider = provider(&admin, &name)?;
    let mut models = Err(NoList::Other("the provider has no format".to_owned()));
    for offer in &provider.offers {
        models = vendors::list(&*admin.vendors, &provider, offer).await;
        if models.is_ok() {
            break;
        }
    }
    let (models, unusable) = vendors::usable(models.map_err(|none| none.problem())?);
    let desk = admin.desk()?;
    let view = desk.show(Kind::Provider, &name, false).await?;
    let saved = view.home == Home::Database;
    if saved {
        let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
        let patch = json!({ "models": ids });
        let any = Condition::default();
        desk.patch((Kind::Provider, &name), &patch, &any, &who.author())
            .await?;
    }
    Ok(Json(Pulled {
        models,
        unusable,
        saved,
        took_ms: whole_millis(clock::now().since(begun)),
    }))
}

/// The one that is in force.
fn provider(admin: &Admin, name: &str) -> Result<Provider, Problem> {
    let snapshot = admin.live.snapshot();
    let mut all = snapshot.gateway.declared_providers();
    let found = all.find(|provider| provider.name == name).cloned();
    found.ok_or_else(|| Trouble::NoObject(Kind::Provider, name.to_owned()).into())
}

/// Ask a provider something, through the data plane, as any client would
#[utoipa::path(
    post,
    path = "/providers/{name}/test",
    tag = "providers",
    params(("name" = String, Path, description = "Its name")),
    request_body = Test,
    responses((status = 200, description = "How it has answered", body = Tested))
)]
pub(super) async fn test(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Body(asked): Body<Test>,
) -> Result<Json<Tested>, Problem> {
    let provider = provider(&admin, &name)?;
    let models = match asked.model {
        Some(model) => vec![model],
        None => likely(&admin, &provider),
    };
    let mut tested = None;
    for model in models {
        let answer = tested_with(&admin, &name, model).await?;
        // Another may be one that chats; of a key or a vendor that fails it would say the same.
        let another = matches!(answer.status, 400 | 404);
        tested = Some(answer);
        if !another {
            break;
        }
    }
    tested.map(Json).ok_or_else(|| {
        Problem::new(
            Why::Invalid,
            "No model of this provider is known: pull its list, or say which is asked.",
        )
    })
}

async fn tested_with(admin: &Admin, name: &str, model: String) -> Result<Tested, Problem> {
    let begun = clock::now();
    let body = json!({
        "model": format!("{name}/{model}"),
        "max_tokens": 64,
        "messages": [{ "role": "user", "content": "Answer with the one word: ok" }],
    });
    let answer = plane::call(
        admin.plane()?,
        "/v1/chat/completions",
        body.to_string().into(),
    )
    .await
    .map_err(|e| {
        Problem::new(
            Why::Unavailable,
            format!("The data plane does not answer: {e}."),
        )
    })?;
    let took_ms = whole_millis(clock::now().since(begun));
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let ok = answer.status == 200;
    let text = |pointer: &str| {
        json.pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Ok(Tested {
        ok,
        model,
        status: answer.status,
        took_ms,
        answer: text("/choices/0/message/content"),
        reason: (!ok).then(|| reason(answer.status, text("/error/type").as_deref())),
        error: match ok {
            true => None,
            false => {
                Some(text("/error/message").unwrap_or_else(|| "no reason was told".to_owned()))
            }
        },
    })
}

/// What an error of the data plane says of the vendor.
fn reason(status: u16, kind: Option<&str>) -> Reason {
    match (status, kind) {
        (402, _) | (_, Some("insufficient_quota" | "billing_error")) => Reason::Unpaid,
        (401 | 403, _) | (_, Some("authentication_error" | "permission_error")) => {
            Reason::KeyRefused
        }
        (404, _) => Reason::UnknownModel,
        (429, _) => Reason::RateLimited,
        (408 | 504, _) => Reason::Timeout,
        (503 | 529, _) => Reason::Overloaded,
        (502, _) => Reason::Broken,
        _ => Reason::VendorError,
    }
}

/// Parts of the names of models that do something else than chat.
const NO_CHAT: [&str; 19] = [
    "embed",
    "tts",
    "whisper",
    "dall-e",
    "image",
    "moderation",
    "rerank",
    "audio",
    "speech",
    "transcri",
    "realtime",
    "davinci",
    "babbage",
    "instruct",
    "sora",
    "veo",
    "aqa",
    "ocr",
    "bge-",
];
/// So many are tried where nobody says which.
const MOST_TRIED: usize = 3;

/// Models that can be expected to chat: of pools first, then those that are spelled out; others only where there are none.
fn likely(admin: &Admin, provider: &Provider) -> Vec<String> {
    let snapshot = admin.live.snapshot();
    let gateway = &snapshot.gateway;
    let of_pools = gateway.models.iter().flat_map(|model| &model.endpoints);
    let of_pools = of_pools.filter(|endpoint| {
        let its = gateway.providers.get(endpoint.provider);
        its.is_some_and(|its| its.name == provider.name) && endpoint.model != crate::config::PASSED
    });
    let plain = provider.expose.iter().map(|glob| glob.pattern());
    let plain = plain.filter(|name| !name.contains('*'));
    let all = of_pools
        .map(|endpoint| endpoint.model.as_str())
        .chain(plain);
    let mut models: Vec<String> = Vec::new();
    for model in all {
        if !models.iter().any(|known| known == model) {
            models.push(model.to_owned());
        }
    }
    models.sort_by_key(|model| !may_chat(model));
    models.truncate(MOST_TRIED);
    models
}

fn may_chat(model: &str) -> bool {
    let name = model.to_ascii_lowercase();
    !NO_CHAT.iter().any(|part| name.contains(part))
}

/// The keys of a provider
#[utoipa::path(
    get,
    path = "/providers/{name}/keys",
    tag = "providers",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "Masked, in their order", body = ProviderKeys))
)]
pub(super) async fn keys(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Result<Json<ProviderKeys>, Problem> {
    shown_keys(&admin, &name).map(Json)
}

fn shown_keys(admin: &Admin, name: &str) -> Result<ProviderKeys, Problem> {
    let provider = provider(admin, name)?;
    let keys = match &provider.keys {
        Keys::Own(keys) => keys.as_slice(),
        Keys::Passthrough => &[],
    };
    let there = keys.iter().filter(|key| key.value.is_some());
    let items = (1..).zip(there).map(|(number, key)| ProviderKeyShown {
        number,
        masked: key.value.as_ref().map(Secret::masked),
        weight: key.weight,
        enabled: key.enabled,
    });
    Ok(ProviderKeys {
        items: items.collect(),
    })
}

/// Add a key to a provider
#[utoipa::path(
    post,
    path = "/providers/{name}/keys",
    tag = "providers",
    params(("name" = String, Path, description = "Its name")),
    request_body = NewKey,
    responses((status = 201, description = "All of its keys", body = ProviderKeys))
)]
pub(super) async fn add_key(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Viewer(who): Viewer,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<ProviderKeys>), Problem> {
    let desk = admin.desk()?;
    let key = match new.weight {
        None => json!(new.value),
        Some(weight) => json!({ "value": new.value, "weight": weight }),
    };
    let edit = |keys: &mut Vec<Value>| {
        keys.push(key.clone());
        true
    };
    desk.edit_keys(&name, edit, &who.author()).await?;
    Ok((StatusCode::CREATED, Json(shown_keys(&admin, &name)?)))
}

/// What changes of a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyPatch {
    /// Another value in its place.
    value: Option<String>,
    #[schema(minimum = 1)]
    weight: Option<u32>,
    enabled: Option<bool>,
}

impl KeyPatch {
    /// A key as the configuration says it: its value alone, or with more.
    fn apply(&self, key: &mut Value) {
        let mut members = match key.take() {
            Value::Object(members) => members,
            value => Map::from_iter([("value".to_owned(), value)]),
        };
        let said = [
            ("value", self.value.as_deref().map(Value::from)),
            ("weight", self.weight.map(Value::from)),
            ("enabled", self.enabled.map(Value::from)),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        }
        // What holds anyway is not said.
        if members.get("enabled") == Some(&Value::Bool(true)) {
            members.remove("enabled");
        }
        *key = match members.len() {
            1 => members.remove("value").unwrap_or_default(),
            _ => Value::Object(members),
        };
    }
}

/// Change one key of a provider
#[utoipa::path(
    patch,
    path = "/providers/{name}/keys/{number}",
    tag = "providers",
    params(("name" = String, Path, description = "Its name"),
           ("number" = usize, Path, description = "The place of the key, from 1")),
    request_body = KeyPatch,
    responses((status = 200, description = "All of its keys", body = ProviderKeys))
)]
pub(super) async fn patch_key(
    State(admin): State<Arc<Admin>>,
    Path((name, number)): Path<(String, usize)>,
    Viewer(who): Viewer,
    Body(patch): Body<KeyPatch>,
) -> Result<Json<ProviderKeys>, Problem> {
    let desk = admin.desk()?;
    let edit = |keys: &mut Vec<Value>| {
        let key = number.checked_sub(1).and_then(|at| keys.get_mut(at));
        let there = key.is_some();
        if let Some(key) = key {
            patch.apply(key);
        }
        there
    };
    desk.edit_keys(&name, edit, &who.author()).await?;
    shown_keys(&admin, &name).map(Json)
}

/// Take a key from a provider
#[utoipa::path(
    delete,
    path = "/providers/{name}/keys/{number}",
    tag = "providers",
    params(("name" = String, Path, description = "Its name"),
           ("number" = usize, Path, description = "The place of the key, from 1")),
    responses((status = 204, description = "It is gone"))
)]
pub(super) async fn delete_key(
    State(admin): State<Arc<Admin>>,
    Path((name, number)): Path<(String, usize)>,
    Viewer(who): Viewer,
) -> Result<StatusCode, Problem> {
    let desk = admin.desk()?;
    let edit = |keys: &mut Vec<Value>| match number.checked_sub(1).filter(|at| *at < keys.len()) {
        Some(at) => {
            keys.remove(at);
            true
        }
        None => false,
    };
    desk.edit_keys(&name, edit, &who.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}
