//! `litellm_settings`, `router_settings` and `general_settings`: what holds for all groups.

use serde_json::{Value as Json, json};

use super::super::carry::{self, Members, Pool};
use super::Proxy;
use crate::config::file::{Entry, Node};
use crate::config::text::Span;

/// What is said of every group.
pub(super) struct Settings {
    balance: &'static str,
    retries: Option<u64>,
    retry_after: Option<f64>,
    timeout: Option<f64>,
    stream_timeout: Option<f64>,
    allowed_fails: Option<u64>,
    cooldown: Option<f64>,
    /// Another name, the group's, and where it is said.
    pub aliases: Vec<(String, String, Span)>,
    /// From, to.
    pub fallbacks: Vec<(String, String, Span)>,
    pub default_fallbacks: Vec<(String, Span)>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            // Theirs is a shuffle by weight.
            balance: "weighted",
            retries: None,
            retry_after: None,
            timeout: None,
            stream_timeout: None,
            allowed_fails: None,
            cooldown: None,
            aliases: Vec::new(),
            fallbacks: Vec::new(),
            default_fallbacks: Vec::new(),
        }
    }
}

impl Settings {
    /// Puts them into a group's body.
    pub(super) fn apply(&self, pool: &mut Pool) {
        let body = &mut pool.body;
        body.insert("balance".to_owned(), json!(self.balance));
        let mut put = |section: &str, key: &str, value: Option<Json>| {
            let Some(value) = value else { return };
            let members = body.entry(section).or_insert_with(|| Members::new().into());
            if let Some(members) = members.as_object_mut() {
                members.insert(key.to_owned(), value);
            }
        };
        let time = |value: f64| json!(carry::seconds(value));
        put("retry", "retries", self.retries.map(Json::from));
        if let Some(after) = self.retry_after.filter(|after| *after > 0.0) {
            put("retry", "base", Some(time(after)));
            // The wait doubles up to a bound that must not be below it.
            put("retry", "max", (after > 5.0).then(|| time(after)));
        }
        let first = self.stream_timeout.or(self.timeout);
        put(
            "timeouts",
            "first_token",
            first.filter(|n| *n > 0.0).map(time),
        );
        put(
            "timeouts",
            "response",
            self.timeout.filter(|n| *n > 0.0).map(time),
        );
        // All attempts together have 600 s where nothing is said.
        let long = self.timeout.filter(|n| *n > 600.0);
        put("timeouts", "total", long.map(time));
        put(
            "breaker",
            "failures",
            self.allowed_fails.map(|fails| json!(fails + 1)),
        );
        if let Some(cooldown) = self.cooldown.filter(|n| *n > 0.0) {
            put("cooldown", "base", (cooldown < 5.0).then(|| time(cooldown)));
            put("cooldown", "max", Some(time(cooldown)));
            put("breaker", "open_for", Some(time(cooldown)));
        }
    }
}

impl Proxy<'_, '_> {
    pub(super) fn setting(&mut self, section: &str, entry: &Entry) {
        let Entry { key, node } = entry;
        if node.is_null() {
            return;
        }
        match (section, key.text.as_str()) {
            ("general_settings", "master_key") => {
                if let Some(value) = self.value(node) {
                    self.cargo
                        .client_keys
                        .push(json!({ "name": "master", "value": value }));
                    self.notes.changed(key.span, "a client key here; what opens the admin side is ADMIN_KEY in the environment");
                }
            }
            ("general_settings", "database_url") => {
                self.notes.left_out(
                    key.span,
                    "which database is used is said by the file that the gateway starts with",
                );
            }
            ("general_settings", _) => self
                .notes
                .left_out(key.span, "there is no such setting here"),
            ("litellm_settings", "drop_params") => {
                if self.notes.flag(node) == Some(false) {
                    self.cargo.settings.insert("strict".to_owned(), json!(true));
                }
            }
            ("litellm_settings", "json_logs") => {
                if self.notes.flag(node) == Some(true) {
                    self.cargo
                        .settings
                        .insert("log".to_owned(), json!({ "format": "json" }));
                }
            }
            ("litellm_settings" | "router_settings", "set_verbose") => {
                if self.notes.flag(node) == Some(true) {
                    self.notes.left_out(
                        key.span,
                        "the environment says how much is logged: LOG_LEVEL=debug",
                    );
                }
            }
            _ => self.routing(entry),
        }
    }

    /// What may stand in either of two sections.
    fn routing(&mut self, Entry { key, node }: &Entry) {
        let settings = &mut self.settings;
        match key.text.as_str() {
            "routing_strategy" => self.strategy(node),
            "num_retries" | "max_retries" => settings.retries = self.notes.whole(node, 0),
            "retry_after" => settings.retry_after = self.notes.number(node),
            "request_timeout" | "timeout" => settings.timeout = self.notes.number(node),
            "stream_timeout" => settings.stream_timeout = self.notes.number(node),
            "allowed_fails" => {
                settings.allowed_fails = self.notes.whole(node, 0);
                self.notes.changed(
                    key.span,
                    "failures in a row are counted, not those of a minute",
                );
            }
            "cooldown_time" => {
                settings.cooldown = self.notes.number(node);
                self.notes
                    .changed(key.span, "cooldowns begin shorter and double up to it");
            }
            "fallbacks" => self.pairs(node),
            "context_window_fallbacks" => {
                self.pairs(node);
                self.notes.changed(
                    key.span,
                    "fallbacks are for every failure, not only of too long requests",
                );
            }
            "default_fallbacks" => {
                for item in self.notes.items(node) {
                    if let Some(name) = self.notes.text(item) {
                        self.settings.default_fallbacks.push((name, item.span));
                    }
                }
            }
            "model_group_alias" => {
                for entry in self.notes.entries(node) {
                    self.alias(entry);
                }
            }
            // Requests that are too long for an endpoint never go there.
            "enable_pre_call_checks" | "enable_pre_call_check"
                if self.notes.flag(node) == Some(true) => {}
            _ => self
                .notes
                .left_out(key.span, "there is no such setting here"),
        }
    }

    fn strategy(&mut self, node: &Node) {
        let balance = match self.notes.text(node).as_deref() {
            Some("simple-shuffle") | None => "weighted",
            Some("least-busy") => "least_busy",
            Some("latency-based-routing") => "fastest",
            Some(_) => {
                self.notes.changed(
                    node.span,
                    "there is no such strategy here: endpoints take turns by weight",
                );
                "weighted"
            }
        };
        self.settings.balance = balance;
    }

    /// `[ { from: [ to, … ] } ]`
    fn pairs(&mut self, node: &Node) {
        let items = self.notes.items(node).iter();
        let pairs: Vec<&Entry> = items.flat_map(|item| self.notes.entries(item)).collect();
        for Entry { key, node } in pairs {
            for item in self.notes.items(node) {
                let Some(to) = self.notes.text(item) else {
                    continue;
                };
                match key.text.as_str() {
                    "*" => self.settings.default_fallbacks.push((to, item.span)),
                    from => self
                        .settings
                        .fallbacks
                        .push((from.to_owned(), to, item.span)),
                }
            }
        }
    }

    fn alias(&mut self, Entry { key, node }: &Entry) {
        let target = node.get("model").unwrap_or(node);
        if let Some(target) = self.notes.text(target) {
            self.settings
                .aliases
                .push((key.text.clone(), target, key.span));
        }
        for Entry { key, node } in node.entries() {
            let fine = match key.text.as_str() {
                "model" => true,
                "hidden" => self.notes.flag(node) != Some(true),
                _ => false,
            };
            if !fine {
                self.notes
                    .left_out(key.span, "another name is shown as the name itself is");
            }
        }
    }
}
