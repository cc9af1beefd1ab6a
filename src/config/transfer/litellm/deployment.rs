//! One item of `model_list`: an endpoint and the account that it belongs to.

use serde_json::{Value as Json, json};

use super::super::carry::{self, Members, Pool};
use super::super::tree;
use super::Proxy;
use super::vendors::{self, Found, Vendor};
use crate::config::file::{Entry, Node};
use crate::config::text::Span;

/// By what a deployment's share of the requests is reckoned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shares {
    pub weight: Option<f64>,
    pub rpm: Option<f64>,
    pub tpm: Option<f64>,
}

/// What `litellm_params` and `model_info` say, as far as it is known here.
#[derive(Default)]
struct Said {
    model: String,
    told: Option<String>,
    base: Option<String>,
    key: Option<String>,
    headers: Members,
    shares: Shares,
    endpoint: Members,
    timeout: Option<f64>,
    stream_timeout: Option<f64>,
    /// Members of every request.
    set: Vec<(String, Json, Span)>,
    price: Members,
    /// Of long inputs, over so many tokens.
    long: Members,
}

/// Their names of costs, of one token; and ours.
const COSTS: &[(&str, &str)] = &[
    ("input_cost_per_token", "input"),
    ("output_cost_per_token", "output"),
    ("cache_read_input_token_cost", "cached"),
    ("cache_creation_input_token_cost", "cache_write"),
    ("output_cost_per_reasoning_token", "reasoning"),
];
/// Of requests with a longer input.
const ABOVE: &str = "_above_200k_tokens";

/// What is said of every request, by format: theirs, and the member that leads there.
const SET: &[(&str, &str, &str)] = &[
    ("openai_chat", "temperature", "temperature"),
    ("openai_chat", "top_p", "top_p"),
    ("openai_chat", "max_tokens", "max_tokens"),
    (
        "openai_chat",
        "max_completion_tokens",
        "max_completion_tokens",
    ),
    ("openai_chat", "presence_penalty", "presence_penalty"),
    ("openai_chat", "frequency_penalty", "frequency_penalty"),
    ("openai_chat", "seed", "seed"),
    ("openai_chat", "stop", "stop"),
    ("openai_chat", "n", "n"),
    ("openai_chat", "user", "user"),
    ("openai_chat", "reasoning_effort", "reasoning_effort"),
    ("openai_chat", "verbosity", "verbosity"),
    ("openai_chat", "service_tier", "service_tier"),
    ("openai_chat", "parallel_tool_calls", "parallel_tool_calls"),
    ("openai_chat", "response_format", "response_format"),
    ("openai_chat", "logit_bias", "logit_bias"),
    ("anthropic", "temperature", "temperature"),
    ("anthropic", "top_p", "top_p"),
    ("anthropic", "top_k", "top_k"),
    ("anthropic", "max_tokens", "max_tokens"),
    ("anthropic", "thinking", "thinking"),
    ("gemini", "temperature", "generationConfig.temperature"),
    ("gemini", "top_p", "generationConfig.topP"),
    ("gemini", "top_k", "generationConfig.topK"),
    ("gemini", "max_tokens", "generationConfig.maxOutputTokens"),
    ("gemini", "seed", "generationConfig.seed"),
];

impl Proxy<'_, '_> {
    pub(super) fn deployment(&mut self, item: &Node) {
        let mut said = Said::default();
        let mut name = None;
        for Entry { key, node } in self.notes.entries(item) {
            match key.text.as_str() {
                "model_name" => name = self.notes.text(node),
                "litellm_params" => self.params(node, &mut said),
                "model_info" => {
                    for entry in self.notes.entries(node) {
                        self.info(entry, &mut said);
                    }
                }
                _ => self
                    .notes
                    .left_out(key.span, "there is no such setting of a deployment here"),
            }
        }
        let Some(name) = name else {
            return self.notes.left_out(
                item.span,
                "a deployment without `model_name` cannot be asked for",
            );
        };
        if said.model.is_empty() {
            return self.notes.left_out(
                item.span,
                "a deployment without `litellm_params.model` cannot be asked",
            );
        }
        let (vendor, model) =
            match vendors::find(&said.model, said.told.as_deref(), said.base.is_some()) {
                Found::Vendor(vendor, model) => (Some(vendor), model),
                Found::Compatible(model) => {
                    self.notes.changed(
                        item.span,
                        "nobody knows this vendor: taken for one that speaks OpenAI's format",
                    );
                    (None, model)
                }
                Found::Foreign(prefix) => {
                    let message =
                        format!("vendors like `{prefix}` are asked in a way that is not built");
                    return self.notes.left_out(item.span, message);
                }
            };
        self.endpoint(item, &name, (vendor, model), said);
    }

    fn endpoint(
        &mut self,
        item: &Node,
        name: &str,
        (vendor, model): (Option<&'static Vendor>, String),
        mut said: Said,
    ) {
        let format = vendor.map_or("openai_chat", |vendor| vendor.format);
        self.set(format, &mut said);
        let Some((wanted, account)) = self.account(item, vendor, &mut said) else {
            return;
        };
        if name.contains('*') {
            return self.wildcard(item, name, &model, (&wanted, account));
        }
        if !carry::is_model_name(name) {
            return self
                .notes
                .left_out(item.span, "no model can have this name here");
        }
        let at = self.pools.iter().position(|(pool, _)| pool.name == name);
        let at = at.unwrap_or_else(|| {
            let pool = Pool {
                name: name.to_owned(),
                ..Pool::default()
            };
            self.pools.push((pool, Vec::new()));
            self.pools.len() - 1
        });
        let Some((pool, shares)) = self.pools.get_mut(at) else {
            return;
        };
        let provider = self.cargo.provider_in(pool, &wanted, &account, &model);
        let mut endpoint = said.endpoint;
        endpoint.insert("provider".to_owned(), json!(provider));
        endpoint.insert("model".to_owned(), json!(model));
        if said.shares.weight == Some(0.0) {
            endpoint.insert("enabled".to_owned(), json!(false));
            self.notes.changed(item.span, "a weight of 0: disabled");
        }
        pool.endpoints.push(endpoint);
        shares.push(said.shares);
        self.price(item, &format!("{provider}/{model}"), said.price, said.long);
    }

    /// Names that go through as they are.
    fn wildcard(
        &mut self,
        item: &Node,
        name: &str,
        model: &str,
        (wanted, account): (&str, Members),
    ) {
        let provider = self.cargo.provider(wanted, account, 0);
        if name == format!("{provider}/*") && model == "*" {
            // `PROVIDER/NAME` is always asked for so.
            return;
        }
        if model.contains('*') && (name == "*" || name == model) {
            return self.cargo.expose(&provider, model);
        }
        self.notes.left_out(
            item.span,
            "only patterns that pass names on as they are have a counterpart: `expose` of a provider",
        );
    }

    fn params(&mut self, node: &Node, said: &mut Said) {
        let credential = node.get("litellm_credential_name").and_then(Node::text);
        let credential = credential.and_then(|name| self.credentials.get(name).copied());
        let of_credential = credential.map_or(&[][..], Node::entries);
        for entry in of_credential.iter().chain(self.notes.entries(node)) {
            self.param(entry, said);
        }
    }

    fn param(&mut self, Entry { key, node }: &Entry, said: &mut Said) {
        if node.is_null() || self.cost(key.text.as_str(), node, said) {
            return;
        }
        let name = key.text.as_str();
        match name {
            "model" => said.model = self.value(node).unwrap_or_default(),
            "custom_llm_provider" => said.told = self.value(node),
            "api_base" | "base_url" => said.base = self.value(node),
            "api_key" => said.key = self.value(node),
            "litellm_credential_name" => {
                if node
                    .text()
                    .is_none_or(|name| !self.credentials.contains_key(name))
                {
                    self.notes
                        .left_out(key.span, "no credential of this file has this name");
                }
            }
            "organization" => {
                if let Some(value) = self.value(node) {
                    said.headers
                        .insert("OpenAI-Organization".to_owned(), json!(value));
                }
            }
            "extra_headers" | "headers" => {
                let headers = self
                    .notes
                    .headers(node, &["authorization", "x-api-key", "x-goog-api-key"]);
                said.headers.extend(headers);
            }
            "rpm" => said.shares.rpm = self.notes.number(node),
            "tpm" => said.shares.tpm = self.notes.number(node),
            "weight" => said.shares.weight = self.notes.number(node),
            "timeout" => said.timeout = self.notes.number(node),
            "stream_timeout" => said.stream_timeout = self.notes.number(node),
            "order" => self.whole(node, "priority", said),
            "max_retries" | "num_retries" => self.whole(node, "retries", said),
            // What a format has no word for is left out and told, unless `strict` is said.
            "drop_params" if self.notes.flag(node) == Some(true) => {}
            "extra_body" => {
                for Entry { key, node } in self.notes.entries(node) {
                    said.set
                        .push((key.text.clone(), tree::json_under("set", node), key.span));
                }
            }
            _ if SET.iter().any(|(_, theirs, _)| *theirs == name) => {
                said.set
                    .push((name.to_owned(), tree::json_under("set", node), key.span));
            }
            _ => self
                .notes
                .left_out(key.span, "there is no such setting of an endpoint here"),
        }
        if matches!(name, "rpm" | "tpm") {
            self.notes
                .changed(key.span, "kept as a quota that is reset every minute");
            let ours = if name == "rpm" { "requests" } else { "tokens" };
            let quota = said
                .endpoint
                .entry("quota")
                .or_insert_with(|| json!({ "reset": "* * * * *" }));
            if let (Some(most), Some(quota)) = (self.notes.whole(node, 1), quota.as_object_mut()) {
                quota.insert(ours.to_owned(), json!(most));
            }
        }
    }

    fn whole(&mut self, node: &Node, ours: &str, said: &mut Said) {
        if let Some(value) = self.notes.whole(node, 0) {
            said.endpoint.insert(ours.to_owned(), json!(value));
        }
    }

    fn info(&mut self, Entry { key, node }: &Entry, said: &mut Said) {
        if node.is_null() || self.cost(key.text.as_str(), node, said) {
            return;
        }
        match key.text.as_str() {
            "max_input_tokens" => self.whole(node, "max_context", said),
            // The path of a request says what it is.
            "mode" => {}
            _ => self
                .notes
                .left_out(key.span, "there is no such thing to know of a model here"),
        }
    }

    /// A cost of a token, in USD a million.
    fn cost(&mut self, name: &str, node: &Node, said: &mut Said) -> bool {
        let base = name.strip_suffix(ABOVE);
        let Some((_, ours)) = COSTS
            .iter()
            .find(|(theirs, _)| *theirs == base.unwrap_or(name))
        else {
            return false;
        };
        if let Some(cost) = self.notes.number(node) {
            let million = format!("{:.6}", cost * 1e6);
            let million = million.trim_end_matches('0').trim_end_matches('.');
            let rate =
                million
                    .parse::<f64>()
                    .map_or(Json::Null, |rate| match rate.fract() == 0.0 {
                        true => json!(rate as u64),
                        false => json!(rate),
                    });
            let prices = if base.is_some() {
                &mut said.long
            } else {
                &mut said.price
            };
            prices.insert((*ours).to_owned(), rate);
        }
        true
    }

    fn price(&mut self, item: &Node, name: &str, mut price: Members, mut long: Members) {
        if price.is_empty() && long.is_empty() {
            return;
        }
        if !price.contains_key("input") {
            return self
                .notes
                .left_out(item.span, "a price needs what a token of input costs");
        }
        if let Some(input) = price.get("input").cloned().filter(|_| !long.is_empty()) {
            long.entry("input").or_insert(input);
            long.insert("over".to_owned(), json!(200_000));
            price.insert("long".to_owned(), long.into());
        }
        self.cargo.prices.insert(name.to_owned(), price.into());
    }

    /// The account of a deployment and what it would like to be called.
    fn account(
        &mut self,
        item: &Node,
        vendor: Option<&'static Vendor>,
        said: &mut Said,
    ) -> Option<(String, Members)> {
        let base = said.base.as_deref().map(|base| base_of(base, vendor));
        let official = vendor.and_then(|vendor| vendor.base);
        let Some(base) = base.or(official.map(str::to_owned)) else {
            self.notes.left_out(
                item.span,
                "where this vendor is reached has to be said: `api_base`",
            );
            return None;
        };
        let is_official = official == Some(base.as_str());
        let format = vendor.map_or("openai_chat", |vendor| vendor.format);
        let mut body = Members::new();
        // OpenAI itself speaks both; what is set in one format is no member of the other.
        let both = vendor.is_some_and(|vendor| vendor.prefix == "openai") && is_official;
        let format = match both && !said.endpoint.contains_key("set") {
            true => json!(["openai_chat", "openai_responses"]),
            false => json!(format),
        };
        body.insert("format".to_owned(), format);
        let variable = vendor.and_then(|vendor| vendor.key).filter(|_| is_official);
        let key = said
            .key
            .take()
            .or_else(|| variable.map(|name| format!("${{{name}}}")));
        if let Some(key) = key {
            body.insert("keys".to_owned(), json!([key]));
        }
        if !said.headers.is_empty() {
            body.insert(
                "headers".to_owned(),
                std::mem::take(&mut said.headers).into(),
            );
        }
        self.times(said);
        let own = vendor
            .filter(|_| is_official)
            .map(|vendor| vendor.prefix.to_owned());
        let wanted = own
            .or_else(|| carry::label_of(&base))
            .or_else(|| vendor.map(|vendor| vendor.prefix.to_owned()));
        body.insert("base_url".to_owned(), json!(base));
        Some((wanted.unwrap_or_else(|| "vendor".to_owned()), body))
    }

    fn times(&mut self, said: &mut Said) {
        let mut times = Members::new();
        let mut put = |key: &str, value: Option<f64>| {
            if let Some(value) = value.filter(|value| *value > 0.0) {
                times.insert(key.to_owned(), json!(carry::seconds(value)));
            }
        };
        put("first_token", said.stream_timeout.or(said.timeout));
        put("response", said.timeout);
        if !times.is_empty() {
            said.endpoint.insert("timeouts".to_owned(), times.into());
        }
    }

    /// What every request says.
    fn set(&mut self, format: &str, said: &mut Said) {
        let mut set = Members::new();
        for (name, value, span) in std::mem::take(&mut said.set) {
            let known = SET
                .iter()
                .find(|(of, theirs, _)| *of == format && *theirs == name);
            // What stands in `extra_body` goes as it is.
            let is_theirs = SET.iter().any(|(_, theirs, _)| *theirs == name);
            let ours = match (known, is_theirs) {
                (Some((_, _, ours)), _) => (*ours).to_owned(),
                (None, false) if !name.contains(['.', '[', ']']) => name,
                (None, _) => {
                    self.notes
                        .left_out(span, format!("the format {format} has another word for it"));
                    continue;
                }
            };
            self.notes.changed(
                span,
                "clients may not say it otherwise: `set` goes over what they say",
            );
            set.insert(ours, value);
        }
        if !set.is_empty() {
            said.endpoint.insert("set".to_owned(), set.into());
        }
    }
}

/// A base URL as ours are. Ollama's own door is beside its OpenAI one.
fn base_of(base: &str, vendor: Option<&Vendor>) -> String {
    let base = carry::base_of(base);
    match vendor.map(|vendor| vendor.prefix) {
        Some("ollama" | "ollama_chat") if !base.ends_with("/v1") => format!("{base}/v1"),
        _ => base,
    }
}

/// Shares of the requests: by weight, else by what each may take in a minute.
pub(super) fn weigh(pool: &mut Pool, shares: &[Shares]) {
    let by: [fn(&Shares) -> Option<f64>; 3] = [|s| s.weight, |s| s.rpm, |s| s.tpm];
    let Some(of) = by.iter().find(|of| {
        shares
            .iter()
            .any(|share| of(share).is_some_and(|n| n > 0.0))
    }) else {
        return;
    };
    let said: Vec<f64> = shares.iter().filter_map(of).filter(|n| *n > 0.0).collect();
    let least = said.iter().copied().fold(f64::INFINITY, f64::min);
    let all: Vec<f64> = shares
        .iter()
        .map(|share| of(share).filter(|n| *n > 0.0).unwrap_or(least))
        .collect();
    for (endpoint, weight) in pool.endpoints.iter_mut().zip(carry::whole_weights(&all)) {
        if shares.len() > 1 {
            endpoint.insert("weight".to_owned(), json!(weight));
        }
    }
}
