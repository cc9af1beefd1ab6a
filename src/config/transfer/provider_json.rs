//! S3's `provider.json`: models by name, each with its providers, and `_global` for what all have in common.
//!
//! A provider of theirs is an endpoint and its account; a used-up `rate_limit` and a failing provider mean what they mean
//! here. What they leave unsaid has their defaults: 3 retries, 60 seconds.

use serde_json::json;

use super::carry::{self, Cargo, Members, Pool};
use super::note::Notes;
use crate::config::file::{Entry, Node};
use crate::config::objects::Object;

/// Of a provider that says nothing, nor does `_global`.
const RETRY: u64 = 3;
const TIMEOUT: f64 = 60.0;

struct Reader<'a, 't> {
    notes: &'a mut Notes<'t>,
    cargo: Cargo,
    retry: u64,
    timeout: f64,
}

pub(super) fn read(root: &Node, notes: &mut Notes<'_>) -> Vec<Object> {
    let mut reader = Reader {
        notes,
        cargo: Cargo::default(),
        retry: RETRY,
        timeout: TIMEOUT,
    };
    if let Some(global) = root.get("_global") {
        reader.global(global);
    }
    let keyless = root
        .get("_global")
        .is_none_or(|global| global.entry("api_key").is_none());
    if keyless {
        reader.notes.changed(
            root.span,
            "no key is said, and anybody may call there: here it is as `auth` says",
        );
    }
    for entry in root
        .entries()
        .iter()
        .filter(|entry| entry.key.text != "_global")
    {
        reader.model(entry);
    }
    reader.cargo.objects()
}

impl Reader<'_, '_> {
    fn global(&mut self, node: &Node) {
        for Entry { key, node } in self.notes.entries(node) {
            match key.text.as_str() {
                "default_timeout" => {
                    self.timeout = self
                        .notes
                        .number(node)
                        .filter(|n| *n > 0.0)
                        .unwrap_or(TIMEOUT)
                }
                "default_retry" => self.retry = self.notes.whole(node, 0).unwrap_or(RETRY),
                "log_requests" => {
                    if self.notes.flag(node) == Some(false) {
                        self.cargo
                            .settings
                            .insert("log".to_owned(), json!({ "requests": false }));
                    }
                }
                "api_key" => match self.notes.text(node) {
                    Some(value) => self
                        .cargo
                        .client_keys
                        .push(json!({ "name": "gateway", "value": value })),
                    None => {
                        self.cargo.settings.insert("auth".to_owned(), json!("open"));
                        self.notes.changed(
                            key.span,
                            "an empty key: anybody may call, as before (`auth: open`)",
                        );
                    }
                },
                _ => self
                    .notes
                    .left_out(key.span, "there is no such setting here"),
            }
        }
    }

    fn model(&mut self, Entry { key, node }: &Entry) {
        if !carry::is_model_name(&key.text) {
            return self
                .notes
                .left_out(key.span, "no model can have this name here");
        }
        let mut pool = Pool {
            name: key.text.clone(),
            ..Pool::default()
        };
        if !node.is_map() {
            return self
                .notes
                .left_out(key.span, "a model is a mapping with `providers`");
        }
        for Entry { key, node } in self.notes.entries(node) {
            match key.text.as_str() {
                "providers" => {
                    let items = self.notes.items(node);
                    items.iter().for_each(|item| self.endpoint(item, &mut pool));
                }
                _ => self
                    .notes
                    .left_out(key.span, "there is no such setting of a model here"),
            }
        }
        if pool.endpoints.is_empty() {
            return self
                .notes
                .left_out(key.span, "a model without a provider cannot be asked");
        }
        // Theirs takes turns among all of one priority, by weight.
        pool.body.insert("balance".to_owned(), json!("weighted"));
        pool.lift("retries");
        pool.lift("timeouts");
        self.cargo.pools.push(pool);
    }

    fn endpoint(&mut self, node: &Node, pool: &mut Pool) {
        let mut endpoint = Members::new();
        let (mut name, mut base, mut api_key) = (None, None, None);
        let (mut retry, mut timeout) = (self.retry, self.timeout);
        let mut put = |key: &str, value| {
            endpoint.insert(key.to_owned(), value);
        };
        let mut model = pool.name.clone();
        for Entry { key, node } in self.notes.entries(node) {
            match key.text.as_str() {
                "name" => name = self.notes.text(node),
                "endpoint" => base = self.notes.text(node),
                "api_key" => api_key = self.notes.text(node),
                "model" => model = self.notes.text(node).unwrap_or(model),
                "priority" => put_whole(&mut put, "priority", self.notes.whole(node, 0)),
                "weight" => put_whole(&mut put, "weight", self.notes.whole(node, 1)),
                "retry" => retry = self.notes.whole(node, 0).unwrap_or(retry),
                "timeout" => {
                    timeout = self
                        .notes
                        .number(node)
                        .filter(|n| *n > 0.0)
                        .unwrap_or(timeout)
                }
                "max_context_length" => {
                    put_whole(&mut put, "max_context", self.notes.whole(node, 1))
                }
                "stream_support" => put_off(&mut put, "streaming", self.notes.flag(node)),
                "non_stream_support" => put_off(&mut put, "non_streaming", self.notes.flag(node)),
                "enabled" => put_off(&mut put, "enabled", self.notes.flag(node)),
                "rate_limit" => {
                    if let Some(quota) = self.quota(node) {
                        put("quota", quota.into());
                    }
                }
                // Beside the key: what it holds must not be said twice.
                "custom_headers" => {}
                _ => self
                    .notes
                    .left_out(key.span, "there is no such setting of an endpoint here"),
            }
        }
        let Some(base) = base else {
            return self
                .notes
                .left_out(node.span, "a provider without `endpoint` cannot be asked");
        };
        endpoint.insert("retries".to_owned(), json!(retry));
        let time = carry::seconds(timeout);
        endpoint.insert(
            "timeouts".to_owned(),
            json!({ "first_token": time, "response": time }),
        );
        if endpoint.contains_key("streaming") && endpoint.contains_key("non_streaming") {
            endpoint.remove("non_streaming");
            endpoint.insert("enabled".to_owned(), json!(false));
            self.notes.changed(
                node.span,
                "it takes neither streams nor anything else: disabled",
            );
        }
        let account = self.account(node, &base, api_key);
        let label = name
            .or_else(|| carry::label_of(&base))
            .unwrap_or_else(|| "provider".to_owned());
        let provider = self.cargo.provider_in(pool, &label, &account, &model);
        endpoint.insert("provider".to_owned(), json!(provider));
        endpoint.insert("model".to_owned(), json!(model));
        pool.endpoints.push(endpoint);
    }

    fn account(&mut self, node: &Node, base: &str, api_key: Option<String>) -> Members {
        let mut body = Members::new();
        body.insert("format".to_owned(), json!("openai_chat"));
        body.insert("base_url".to_owned(), json!(carry::base_of(base)));
        let carried: &[&str] = if api_key.is_some() {
            &["authorization"]
        } else {
            &[]
        };
        if let Some(api_key) = api_key {
            body.insert("keys".to_owned(), json!([api_key]));
        }
        if let Some(headers) = node.get("custom_headers") {
            let headers = self.notes.headers(headers, carried);
            if !headers.is_empty() {
                body.insert("headers".to_owned(), headers.into());
            }
        }
        body
    }

    fn quota(&mut self, node: &Node) -> Option<Members> {
        let mut quota = Members::new();
        let mut reset = None;
        for Entry { key, node } in self.notes.entries(node) {
            match key.text.as_str() {
                "requests_per_period" => {
                    put_into(&mut quota, "requests", self.notes.whole(node, 1))
                }
                "tokens_per_period" => put_into(&mut quota, "tokens", self.notes.whole(node, 1)),
                "period_cron" => reset = self.notes.text(node),
                _ => self
                    .notes
                    .left_out(key.span, "there is no such setting of a quota here"),
            }
        }
        if quota.is_empty() {
            return None;
        }
        // Every midnight is the default of both.
        if let Some(reset) = reset.filter(|reset| reset != "0 0 * * *") {
            quota.insert("reset".to_owned(), json!(reset));
        }
        Some(quota)
    }
}

fn put_whole(put: &mut impl FnMut(&str, serde_json::Value), key: &str, value: Option<u64>) {
    if let Some(value) = value {
        put(key, json!(value));
    }
}

/// What is on goes without saying.
fn put_off(put: &mut impl FnMut(&str, serde_json::Value), key: &str, value: Option<bool>) {
    if value == Some(false) {
        put(key, json!(false));
    }
}

fn put_into(members: &mut Members, key: &str, value: Option<u64>) {
    if let Some(value) = value {
        members.insert(key.to_owned(), json!(value));
    }
}
