//! `providers`: vendor accounts.

use std::time::Duration;

use super::names::{NameOf, Names};
use super::policy::Patch;
use super::shape::is_per_format;
use super::{Check, url};
use crate::config::file::{Node, Value};
use crate::config::gateway::{
    ActiveHealth, BaseUrl, Capabilities, Glob, HttpVersions, Keys, Offer, Policy, Provider,
    ProviderKey, ProviderTls,
};
use crate::config::report::Problem;
use crate::config::text::Span;
use crate::ir::Format;

/// A weight beyond this is a slip, and sums of weights stay far from overflow.
pub(super) const MAX_WEIGHT: u64 = 1_000_000;

/// All providers, each with what it says about its policy.
#[derive(Default)]
pub(super) struct Providers {
    pub list: Vec<Provider>,
    pub patches: Vec<Patch>,
    /// Those that nobody declared: they come from the shipped table.
    pub shipped: Vec<usize>,
    /// One of them.
    pub demo: Option<usize>,
}

impl Providers {
    pub(super) fn add_shipped(&mut self, provider: Provider) {
        self.shipped.push(self.list.len());
        self.list.push(provider);
        self.patches.push(Patch::default());
    }

    /// Declared ones behind these.
    pub(super) fn extend(&mut self, declared: Providers) {
        self.list.extend(declared.list);
        self.patches.extend(declared.patches);
    }
}

/// Between two active checks of a vendor.
const LEAST_BETWEEN_CHECKS: Duration = Duration::from_millis(100);

impl Check<'_> {
    pub(super) fn providers(&mut self, node: Option<&Node>, outer: Policy) -> Providers {
        let mut names = Names::default();
        let mut providers = Providers::default();
        for item in node
            .map_or(&[][..], Node::items)
            .iter()
            .filter(|item| item.is_map())
        {
            let patch = self.patch(item);
            let policy = patch.over(outer);
            self.total_bound(item, policy);
            let provider = self.provider(item, policy, &mut names);
            providers.list.push(provider);
            providers.patches.push(patch);
        }
        providers
    }

    fn provider(&mut self, node: &Node, policy: Policy, names: &mut Names) -> Provider {
        let name = self.name(node, NameOf::Provider, names);
        let offers = self.offers(node);
        let keys = self.keys(node.get("keys"));
        let credentials: Vec<String> = match &keys {
            Keys::Own(keys) if keys.iter().all(|key| key.value.is_none()) => Vec::new(),
            _ => offers
                .iter()
                .map(|offer| offer.auth.header.clone())
                .collect(),
        };
        Provider {
            name,
            keys,
            headers: self.headers(node.get("headers"), &credentials),
            expose: self.exposed(node),
            health: self.health(node.get("health")),
            capabilities: self.capabilities(node.get("capabilities")),
            tls: self.provider_tls(node, &offers),
            enabled: self.flag(node, "enabled", true),
            of_route: false,
            offers,
            policy,
        }
    }

    /// What clients may use by its real name: what `expose` says, and of the models that the vendor lists those that go
    /// with it.
    fn exposed(&mut self, node: &Node) -> Vec<Glob> {
        let globs = |globs: Vec<(Glob, Span)>| globs.into_iter().map(|(glob, _)| glob);
        let mut exposed: Vec<Glob> = globs(self.globs(node.get("expose"), "name")).collect();
        let listed = globs(self.globs(node.get("models"), "model"));
        let goes = |listed: &Glob| {
            let mut all = exposed.iter();
            exposed.is_empty() || all.any(|glob| glob.matches(listed.pattern()))
        };
        let new = |listed: &Glob| exposed.iter().all(|glob| glob != listed);
        let more: Vec<Glob> = listed.filter(|one| goes(one) && new(one)).collect();
        exposed.extend(more);
        exposed
    }

    /// The formats of a provider, each with its URL and its credential header.
    fn offers(&mut self, node: &Node) -> Vec<Offer> {
        let formats = self.formats(node);
        let base = self.required(node, "base_url", "provider");
        let auth = node.get("auth");
        for (key, value) in [("base_url", base), ("auth", auth)] {
            self.same_formats(key, value, &formats);
        }
        if let (true, Some(base)) = (formats.is_empty(), base) {
            // The URL can be read all the same.
            self.base_url(base, Format::OpenaiChat);
        }
        self.idle_capabilities(node.get("capabilities"), &formats);
        let mut offers = Vec::new();
        for format in formats {
            let base = base.and_then(|base| self.base_url(base, format));
            let auth = auth.and_then(|auth| {
                if is_per_format(auth) {
                    auth.get(format.name())
                } else {
                    Some(auth)
                }
            });
            let auth = self.auth(auth, format);
            if let Some(base) = base {
                let traits = self.traits(node.get("capabilities"), &base.host, format);
                offers.push(Offer {
                    format,
                    base,
                    auth,
                    traits,
                });
            }
        }
        offers
    }

    fn formats(&mut self, node: &Node) -> Vec<Format> {
        const WORDS: [(&str, Format); 4] = [
            ("openai_chat", Format::OpenaiChat),
            ("openai_responses", Format::OpenaiResponses),
            ("anthropic", Format::Anthropic),
            ("gemini", Format::Gemini),
        ];
        let Some(node) = self.required(node, "format", "provider") else {
            return Vec::new();
        };
        if node.is_list() && node.items().is_empty() {
            self.push(Problem::error(
                node.span,
                "a provider needs at least one format",
            ));
        }
        let one = std::slice::from_ref(node);
        let mut formats = Vec::new();
        for item in if node.is_list() { node.items() } else { one } {
            let Some(format) = self.choice(item, "format", &WORDS) else {
                continue;
            };
            if formats.contains(&format) {
                self.push(Problem::error(
                    item.span,
                    format!("the format `{format}` is given twice"),
                ));
                continue;
            }
            formats.push(format);
        }
        formats
    }

    /// A map by format must name the provider's formats, and no others.
    fn same_formats(&mut self, key: &str, value: Option<&Node>, formats: &[Format]) {
        let Some(value) = value.filter(|value| is_per_format(value)) else {
            return;
        };
        for entry in value.entries() {
            if let Some(format) =
                Format::from_name(&entry.key.text).filter(|format| !formats.contains(format))
            {
                let problem = Problem::error(
                    entry.key.span,
                    format!("this provider does not speak `{format}`"),
                );
                self.push(problem.help("its formats are those under `format`"));
            }
        }
        for format in formats
            .iter()
            .filter(|format| key == "base_url" && value.get(format.name()).is_none())
        {
            self.push(Problem::error(
                value.span,
                format!("`base_url` says nothing for the format `{format}`"),
            ));
        }
    }

    /// The URL for one format. A URL that serves several is complained about once.
    fn base_url(&mut self, node: &Node, format: Format) -> Option<BaseUrl> {
        let node = if node.is_map() {
            node.get(format.name())?
        } else {
            node
        };
        let text = self.string(node)?;
        match url::base(text.trim(), format) {
            Ok(base) => Some(base),
            Err(fault) => {
                if text.contains(['@', '?']) {
                    // A password, or a key in a query.
                    self.secrets.push(node.span);
                }
                let problem = Problem::error(node.span, format!("this URL {}", fault.message));
                let problem = fault.help.into_iter().fold(problem, Problem::help);
                let again = self
                    .problems
                    .iter()
                    .any(|other| other.place == problem.place && other.message == problem.message);
                if !again {
                    self.push(problem);
                }
                None
            }
        }
    }

    pub(super) fn keys(&mut self, node: Option<&Node>) -> Keys {
        let none = ProviderKey {
            value: None,
            weight: 1,
            enabled: true,
        };
        let Some(node) = node else {
            return Keys::Own(vec![none]);
        };
        match &node.value {
            Value::Scalar(scalar) if scalar.text == "passthrough" => return Keys::Passthrough,
            Value::Scalar(_) => {
                let problem =
                    Problem::error(node.span, "`keys` is a list, or the word `passthrough`");
                self.push(problem.help("keys: [ \"${MY_KEY}\" ]"));
            }
            Value::List(items) if items.is_empty() => {
                let problem = Problem::error(node.span, "a list of keys without a key");
                self.push(problem.help("leave `keys` out where the vendor asks for none"));
            }
            _ => {}
        }
        let mut keys: Vec<ProviderKey> = Vec::new();
        for item in node.items() {
            let key = self.provider_key(item);
            if key.value.is_some() && keys.iter().any(|other| other.value == key.value) {
                self.push(
                    Problem::error(item.span, "this key stands in the list before")
                        .help("give it more `weight` instead"),
                );
            }
            keys.push(key);
        }
        if !keys.is_empty() && keys.iter().all(|key| !key.enabled) {
            self.push(Problem::warning(
                node.span,
                "no key of this provider is enabled",
            ));
        }
        Keys::Own(keys)
    }

    fn provider_key(&mut self, node: &Node) -> ProviderKey {
        if !node.is_map() {
            return ProviderKey {
                value: self.secret(node),
                weight: 1,
                enabled: true,
            };
        }
        let value = self
            .required(node, "value", "provider key")
            .and_then(|value| self.secret(value));
        ProviderKey {
            value,
            weight: self.weight(node, 1),
            enabled: self.flag(node, "enabled", true),
        }
    }

    /// `weight` of a key or an endpoint.
    pub(super) fn weight(&mut self, node: &Node, default: u32) -> u32 {
        let weight = node.get("weight").and_then(|weight| {
            if weight.text() == Some("0") {
                self.push(
                    Problem::error(weight.span, "a weight is at least 1")
                        .help("`enabled: false` takes it out"),
                );
                return None;
            }
            self.integer(weight, 1, MAX_WEIGHT)
        });
        weight
            .and_then(|weight| u32::try_from(weight).ok())
            .unwrap_or(default)
    }

    fn health(&mut self, node: Option<&Node>) -> Option<ActiveHealth> {
        let active = node?.get("active")?;
        let path = match active.get("path") {
            None => "/models".to_owned(),
            Some(node) => {
                let path = self.string(node)?;
                let plain = path
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'#');
                if !path.starts_with('/') || !plain {
                    self.push(
                        Problem::error(node.span, format!("`{path}` is not a path"))
                            .help("it begins with `/` and stands below the base URL: `/models`"),
                    );
                }
                path
            }
        };
        let every = active
            .get("every")
            .and_then(|every| self.duration(every, LEAST_BETWEEN_CHECKS));
        Some(ActiveHealth {
            path,
            every: every.unwrap_or(Duration::from_secs(30)),
        })
    }

    fn capabilities(&mut self, node: Option<&Node>) -> Capabilities {
        let mut flag = |key| node.is_none_or(|node| self.flag(node, key, true));
        Capabilities {
            tools: flag("tools"),
            images: flag("images"),
            prefill: flag("prefill"),
            continues: node.is_some_and(|node| self.flag(node, "prefill", false)),
        }
    }

    fn provider_tls(&mut self, provider: &Node, offers: &[Offer]) -> ProviderTls {
        const VERSIONS: [(&str, HttpVersions); 3] = [
            ("auto", HttpVersions::Auto),
            ("http1", HttpVersions::Http1),
            ("http2", HttpVersions::Http2),
        ];
        let tls = provider.get("tls");
        let ca = tls
            .and_then(|tls| tls.get("ca"))
            .and_then(|ca| self.pem(ca, "CERTIFICATE"));
        let server_name = tls.and_then(|tls| tls.get("server_name")).and_then(|node| {
            let name = self.string(node)?;
            if url::host_name(&name).is_err() {
                self.push(Problem::error(
                    node.span,
                    format!("`{name}` is not a host name"),
                ));
            }
            Some(name)
        });
        if let Some(tls) = tls
            && !offers.is_empty()
            && offers.iter().all(|offer| !offer.base.tls)
        {
            self.push(
                Problem::warning(tls.span, "`tls` has no effect")
                    .label("`base_url` begins with http://"),
            );
        }
        let http = provider
            .get("http")
            .and_then(|http| self.choice(http, "version of HTTP", &VERSIONS));
        ProviderTls {
            ca,
            server_name,
            http: http.unwrap_or(HttpVersions::Auto),
        }
    }
}
