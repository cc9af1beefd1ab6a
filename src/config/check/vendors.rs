//! What exists without being declared: providers of vendors whose key the environment holds, the demo vendor, and the built-in models.
//!
//! The table is `vendors.yaml`, compiled in.

use std::net::SocketAddr;

use serde_json::{Map, Value as Json, json};

use super::models::{Draft, Vendors};
use super::providers::Providers;
use super::settings::Settings;
use super::{Check, headers, traits, url};
use crate::config::env::Env;
use crate::config::file::Node;
use crate::config::gateway::{
    Balance, Capabilities, Endpoint, Glob, HttpVersions, Keys, Model, Offer, Policy, Provider,
    ProviderKey, ProviderTls, Resume,
};
use crate::config::report::{Place, Problem};
use crate::config::secret::Secret;
use crate::config::text::Text;
use crate::config::yaml;
use crate::ir::Format;

const TABLE: &str = include_str!("../vendors.yaml");

/// What the built-in models are called before anybody renames them.
const TIERS: [&str; 3] = ["haiku", "sonnet", "opus"];

/// A vendor of the shipped table.
pub(in crate::config) struct Vendor {
    pub name: String,
    /// The variable that holds its key. `None`: the demo vendor.
    pub variable: Option<String>,
    /// Each with its base URL; the demo vendor's are known when it listens.
    formats: Vec<(Format, Option<String>)>,
    expose: Vec<Glob>,
    /// Models that fill haiku, sonnet and opus, the preferred first.
    tiers: [Vec<String>; 3],
}

/// The shipped table.
pub(in crate::config) fn shipped() -> Vec<Vendor> {
    let (root, _) = yaml::parse(&Text::new("vendors.yaml", TABLE));
    let list = root.as_ref().and_then(|root| root.get("vendors"));
    list.map_or(&[][..], Node::items)
        .iter()
        .filter_map(vendor)
        .collect()
}

fn vendor(node: &Node) -> Option<Vendor> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let list = |key: &str| -> Vec<String> {
        let items = node.get(key).map_or(&[][..], Node::items);
        items
            .iter()
            .filter_map(Node::text)
            .map(str::to_owned)
            .collect()
    };
    Some(Vendor {
        name: text("name")?,
        variable: text("key"),
        formats: list("format")
            .iter()
            .filter_map(|name| Format::from_name(name))
            .map(|format| (format, base_url(node, format)))
            .collect(),
        expose: list("expose").into_iter().map(Glob::new).collect(),
        tiers: TIERS.map(list),
    })
}

/// The URL of one format, or of all.
fn base_url(vendor: &Node, format: Format) -> Option<String> {
    let node = vendor.get("base_url")?;
    let node = node.get(format.name()).unwrap_or(node);
    node.text().map(str::to_owned)
}

impl Vendor {
    pub(crate) fn has_key(&self, env: &Env) -> bool {
        self.variable
            .as_ref()
            .is_some_and(|variable| env.setting(variable).is_some())
    }

    /// As the file would declare it. `None`: the demo vendor, which no file can.
    pub(in crate::config) fn declaration(&self) -> Option<Json> {
        let variable = self.variable.as_ref()?;
        let formats: Vec<&str> = self
            .formats
            .iter()
            .map(|(format, _)| format.name())
            .collect();
        let bases: Vec<&String> = self
            .formats
            .iter()
            .filter_map(|(_, base)| base.as_ref())
            .collect();
        let format = match formats[..] {
            [one] => json!(one),
            _ => json!(formats),
        };
        let base_url = match bases[..] {
            [one, ref rest @ ..] if rest.iter().all(|other| *other == one) => json!(one),
            _ => formats
                .iter()
                .zip(&bases)
                .map(|(format, base)| ((*format).to_owned(), json!(base)))
                .collect::<Map<_, _>>()
                .into(),
        };
        let expose: Vec<&str> = self.expose.iter().map(Glob::pattern).collect();
        Some(json!({
            "name": self.name, "format": format, "base_url": base_url,
            "keys": [format!("${{{variable}}}")], "expose": expose,
        }))
    }

    /// `at`: where it is, if the table does not say.
    fn provider(&self, at: &str, key: Option<Secret>, policy: Policy) -> Provider {
        let offer = |(format, own): &(Format, Option<String>)| {
            let base = url::base(own.as_deref().unwrap_or(at), *format).ok()?;
            Some(Offer {
                format: *format,
                traits: traits::known(&base.host, *format),
                base,
                auth: headers::usual_auth(*format),
            })
        };
        Provider {
            name: self.name.clone(),
            offers: self.formats.iter().filter_map(offer).collect(),
            keys: Keys::Own(vec![ProviderKey {
                value: key,
                weight: 1,
                enabled: true,
            }]),
            headers: Vec::new(),
            expose: self.expose.clone(),
            health: None,
            capabilities: Capabilities {
                tools: true,
                images: true,
                prefill: true,
                continues: false,
            },
            tls: ProviderTls {
                ca: None,
                server_name: None,
                http: HttpVersions::Auto,
            },
            enabled: true,
            of_route: false,
            policy,
        }
    }
}

impl Check<'_> {
    /// A provider for every vendor whose key the environment holds.
    pub(super) fn vendor_providers(&mut self, policy: Policy) -> Providers {
        let mut providers = Providers::default();
        for vendor in shipped().iter().filter(|vendor| vendor.has_key(self.env)) {
            let key = vendor
                .variable
                .as_deref()
                .and_then(|variable| self.key_variable(variable));
            if let Some(key) = key {
                providers.add_shipped(vendor.provider("", Some(key), policy));
            }
        }
        providers
    }

    pub(super) fn add_demo(&mut self, providers: &mut Providers, at: SocketAddr, policy: Policy) {
        let Some(demo) = demo() else { return };
        if providers
            .list
            .iter()
            .any(|provider| provider.name == demo.name)
        {
            let problem =
                Problem::warning(Place::Flag("--demo"), "the file declares a provider `demo`")
                    .label("the built-in one stays out");
            return self.push(problem);
        }
        providers.demo = Some(providers.list.len());
        providers.add_shipped(demo.provider(&format!("http://{at}"), None, policy));
    }

    /// `haiku`, `sonnet` and `opus`, where nothing else has the name and a vendor of the table has something to fill them with.
    pub(super) fn built_in(
        &mut self,
        drafts: &[Draft],
        settings: &Settings,
        vendors: &Vendors<'_>,
        preferred: Option<usize>,
    ) -> Vec<Model> {
        let mut models = Vec::new();
        for (tier, name) in settings.built_in.iter().enumerate() {
            let taken = drafts.iter().any(|draft| {
                draft.model.name == *name
                    || draft
                        .aliases
                        .iter()
                        .any(|(alias, _)| alias.pattern() == name)
            });
            let endpoints = fill(tier, vendors, preferred);
            if taken || endpoints.is_empty() {
                continue;
            }
            let pattern = TIERS.get(tier).map(|word| format!("claude-*{word}*"));
            let free = |pattern: &String| {
                !drafts.iter().any(|draft| {
                    draft
                        .aliases
                        .iter()
                        .any(|(alias, _)| alias.pattern() == pattern)
                })
            };
            models.push(Model {
                name: name.clone(),
                aliases: pattern.filter(free).into_iter().map(Glob::new).collect(),
                balance: Balance::RoundRobin,
                sticky: true,
                resume: Resume::Off,
                hedge: None,
                direct: false,
                provider_weights: Vec::new(),
                fallbacks: Vec::new(),
                endpoints,
                enabled: true,
                policy: vendors.outer,
                built_in: true,
                of_route: false,
            });
        }
        models
    }
}

/// The demo vendor of the table.
fn demo() -> Option<Vendor> {
    shipped()
        .into_iter()
        .find(|vendor| vendor.variable.is_none())
}

/// Endpoints for a built-in model. One tier a vendor and choice, so that another vendor is asked only when the one before cannot answer:
/// the demo vendor alone where it is in use, else the preferred provider, then the order of the table.
fn fill(tier: usize, vendors: &Vendors<'_>, preferred: Option<usize>) -> Vec<Endpoint> {
    let shipped = shipped();
    let named = |at: usize, vendor: &Vendor| {
        vendors
            .names
            .get(at)
            .is_some_and(|name| *name == vendor.name)
    };
    let provider_of = |vendor: &Vendor| {
        vendors
            .providers
            .shipped
            .iter()
            .copied()
            .find(|at| named(*at, vendor))
    };
    let mut usable: Vec<(usize, &Vendor)> = shipped
        .iter()
        .filter_map(|vendor| Some((provider_of(vendor)?, vendor)))
        .collect();
    if usable.iter().any(|(_, vendor)| vendor.variable.is_none()) {
        usable.retain(|(_, vendor)| vendor.variable.is_none());
    }
    usable.sort_by_key(|(at, _)| Some(*at) != preferred);
    let choices = usable.iter().flat_map(|(at, vendor)| {
        vendor
            .tiers
            .get(tier)
            .into_iter()
            .flatten()
            .map(|model| (*at, model))
    });
    let endpoint = |(priority, (provider, model)): (u32, (usize, &String))| Endpoint {
        provider,
        model: model.clone(),
        priority,
        weight: 10,
        max_context: None,
        streaming: true,
        non_streaming: true,
        quota: None,
        set: std::sync::Arc::default(),
        enabled: true,
        policy: vendors.outer,
    };
    (1..).zip(choices).map(endpoint).collect()
}
