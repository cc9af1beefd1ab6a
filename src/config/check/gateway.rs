//! `gateway`: its sections in order, what stands above the file, and the names that hold it together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::Check;
use super::models::{Draft, Vendors};
use super::policy::DEFAULT;
use super::providers::Providers;
use super::routes::Pools;
use super::settings::Settings;
use crate::config::file::{Node, Value};
use crate::config::gateway::{
    AuthMode, Awaits, ClientKey, Database, Gateway, Limits, Listen, Log, LogFormat, Model, Policy,
    Provider, ReplyModel, Tenant,
};
use crate::config::load::Overrides;
use crate::config::report::{Place, Problem};
use crate::config::routes::Route;
use crate::config::text::{Origin, Span};

/// The port of a gateway that was told none.
const PORT: u16 = 8899;

/// Everything that is not in the file.
pub(in crate::config) struct Outside<'a> {
    pub overrides: &'a Overrides,
    /// Where the demo vendor listens, if it is to be used.
    pub demo: Option<SocketAddr>,
    pub awaits: Awaits,
}

/// A checked configuration.
pub(in crate::config) struct Meant {
    pub gateway: Gateway,
    pub pingora: Vec<(String, serde_json::Value)>,
    pub log_level: log::LevelFilter,
}

/// Everything that a client can ask for by some name.
struct Known<'a> {
    models: &'a [Model],
    providers: &'a Providers,
    routes: &'a [Route],
    preferred: Option<usize>,
}

impl Known<'_> {
    fn leads(&self, name: &str) -> bool {
        let is = |model: &Model| model.name == name && !model.of_route;
        self.preferred.is_some()
            || self.models.iter().any(is)
            || leads_on(name, self.models, &self.providers.list)
            || self.routes.iter().any(|route| route.when.names(name))
    }
}

/// Whether a name that is no virtual model's is another name of one, or a real name at one of the providers.
pub(super) fn leads_on(name: &str, models: &[Model], providers: &[Provider]) -> bool {
    let aliased = |model: &Model| model.aliases.iter().any(|alias| alias.matches(name));
    let has = |provider: &Provider| {
        let rest = name.strip_prefix(provider.name.as_str());
        rest.is_some_and(|rest| rest.starts_with('/'))
            || provider.expose.iter().any(|glob| glob.matches(name))
    };
    models.iter().any(aliased) || providers.iter().any(has)
}

impl Check<'_> {
    /// Reads everything. The result holds only if no error was reported. `root`: the file's tree, `None` without a file.
    pub(crate) fn gateway(&mut self, root: Option<&Node>, outside: &Outside<'_>) -> Meant {
        let empty = Node {
            span: Span::new(Origin::File, 0, 0),
            value: Value::Map(Vec::new()),
        };
        if let Some(root) = root {
            self.shape(root);
        }
        let pingora = root.map(|root| self.pingora(root)).unwrap_or_default();
        let node = root.and_then(|root| root.get("gateway")).unwrap_or(&empty);
        let settings = self.settings();
        let gateway = self.meant(node, &settings, outside);
        self.usable(&gateway, node);
        let log_level = outside.overrides.log_level.or(settings.log_level);
        Meant {
            gateway,
            pingora,
            log_level: log_level.unwrap_or(log::LevelFilter::Info),
        }
    }

    /// What stands under `gateway`.
    fn meant(&mut self, node: &Node, settings: &Settings, outside: &Outside<'_>) -> Gateway {
        let outer = settings.patch.over(self.patch(node).over(DEFAULT));
        self.total_bound(node, outer);
        let mut providers = self.all_providers(node, outer, outside.demo);
        let demo = providers.demo;
        let names = providers.list.iter().map(|provider| provider.name.clone());
        let names: Vec<String> = names.collect();
        let vendors = Vendors {
            providers: &providers,
            names: &names,
            outer,
        };
        let drafts = self.models(node.get("models"), &vendors);
        let preferred = self.preferred(node, settings, (&names, &providers.list));
        let built_in = self.built_in(&drafts, settings, &vendors, preferred);
        let mut models = self.linked(drafts, built_in);
        let default_model = self.default_model(node, &models);
        let pools = Pools {
            models: &mut models,
            providers: &mut providers,
            preferred,
            outer,
            callers: names_in(node.get("client_keys")),
        };
        let routes = self.routes(node.get("routes"), pools);
        let known = Known {
            models: &models,
            providers: &providers,
            routes: &routes,
            preferred,
        };
        let tenants = self.tenants(node.get("tenants"));
        let client_keys = self.callers(node.get("client_keys"), &known, &tenants);
        let (data, database, database_told) = self.kept(node);
        let (listen, admin_listen) = self.listen(node, settings, outside.overrides);
        Gateway {
            listen,
            admin_listen,
            auth: self.auth_mode(node.get("auth")).unwrap_or(AuthMode::Auto),
            trusted_proxies: self.trusted_proxies(node.get("trusted_proxies")),
            limits: self.limits(node.get("limits")),
            debug_headers: self.flag(node, "debug_headers", true),
            strict: self.flag(node, "strict", false),
            reply_model: self.reply_model(node.get("reply_model")),
            ping: self.ping(node.entry("ping").map(|entry| &entry.node)),
            cors_origins: self.cors(node.get("cors")),
            log: self.log(node.get("log")),
            admin_key: settings.admin_key.clone(),
            secret_key: settings.secret_key.clone(),
            admin_password: settings.admin_password.clone(),
            providers: providers.list,
            models,
            routes,
            default_model,
            preferred_provider: preferred,
            client_keys,
            tenants,
            prices: self.prices(node.get("prices")),
            data,
            database,
            database_told,
            demo,
            awaits: outside.awaits,
        }
    }

    /// Providers of the file; where it declares none, of the environment; of a database; and the demo vendor.
    fn all_providers(&mut self, node: &Node, outer: Policy, demo: Option<SocketAddr>) -> Providers {
        let declared = node.get("providers");
        let mut providers = Providers::default();
        // Where only a database declares some, those of the environment are there as well.
        if declared.is_none_or(|list| list.span.origin != Origin::File) {
            providers = self.vendor_providers(outer);
        }
        providers.extend(self.providers(declared, outer));
        if let Some(demo) = demo {
            self.add_demo(&mut providers, demo, outer);
        }
        providers
    }

    fn reply_model(&mut self, node: Option<&Node>) -> ReplyModel {
        const WORDS: [(&str, ReplyModel); 2] = [
            ("answered", ReplyModel::Answered),
            ("requested", ReplyModel::Requested),
        ];
        node.and_then(|node| self.choice(node, "name", &WORDS))
            .unwrap_or(ReplyModel::Answered)
    }

    fn preferred(
        &mut self,
        node: &Node,
        settings: &Settings,
        (names, providers): (&[String], &[Provider]),
    ) -> Option<usize> {
        let of_file = node
            .get("preferred_provider")
            .and_then(|node| self.string(node).map(|name| (name, Place::Text(node.span))));
        let (name, place) = settings.preferred.clone().or(of_file)?;
        let found = self.lookup(&name, place.clone(), "provider", names)?;
        if providers
            .get(found)
            .is_some_and(|provider| !provider.enabled)
        {
            let problem = Problem::warning(place, format!("`{name}` is disabled"));
            self.push(problem.label("names that nobody knows are a 404"));
        }
        Some(found)
    }

    /// All models, the file's first, with their fallbacks by index.
    fn linked(&mut self, drafts: Vec<Draft>, built_in: Vec<Model>) -> Vec<Model> {
        let of_file = drafts.iter().map(|draft| draft.model.name.clone());
        let names: Vec<String> = of_file
            .chain(built_in.iter().map(|model| model.name.clone()))
            .collect();
        let fallbacks = self.fallbacks(&drafts, &names);
        let linked = drafts
            .into_iter()
            .zip(fallbacks)
            .map(|(draft, fallbacks)| Model {
                fallbacks,
                ..draft.model
            });
        linked.chain(built_in).collect()
    }

    fn default_model(&mut self, node: &Node, models: &[Model]) -> Option<usize> {
        let node = node.get("default_model")?;
        let name = self.string(node)?;
        let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
        self.lookup(&name, node.span, "model", &names)
    }

    /// A name that a client key may call must lead somewhere; patterns may lead nowhere yet.
    fn callers(
        &mut self,
        node: Option<&Node>,
        known: &Known<'_>,
        tenants: &[Tenant],
    ) -> Vec<ClientKey> {
        let tenants: Vec<String> = tenants.iter().map(|tenant| tenant.name.clone()).collect();
        let keys = self.client_keys(node, &tenants);
        let names: Vec<String> = known
            .models
            .iter()
            .filter(|model| !model.of_route)
            .map(|model| model.name.clone())
            .collect();
        for (glob, span) in keys.iter().flat_map(|(_, globs)| globs) {
            if glob.is_literal() && !known.leads(glob.pattern()) {
                self.lookup(glob.pattern(), *span, "model", &names);
            }
        }
        keys.into_iter().map(|(key, _)| key).collect()
    }

    /// Where to listen: the file's addresses; host and port of the first of them from the environment or the command line; or `--listen` alone.
    /// And the admin side's own address.
    fn listen(
        &mut self,
        node: &Node,
        settings: &Settings,
        overrides: &Overrides,
    ) -> (Vec<Listen>, Option<Listen>) {
        let mut listeners = self.everybodys(node, settings, overrides);
        let own = node.get("admin").and_then(|admin| admin.get("listen"));
        let own = own.and_then(|node| self.listener(node));
        let is_own = own.is_some();
        listeners.extend(own.map(|(listen, span)| (listen, span.into())));
        self.apart(&listeners);
        let mut all: Vec<Listen> = listeners.into_iter().map(|(listen, _)| listen).collect();
        let own = if is_own { all.pop() } else { None };
        (all, own)
    }

    fn everybodys(
        &mut self,
        node: &Node,
        settings: &Settings,
        overrides: &Overrides,
    ) -> Vec<(Listen, Place)> {
        let mut listeners: Vec<(Listen, Place)> = match node.get("listen") {
            Some(node) => self
                .listeners(node)
                .into_iter()
                .map(|(listen, span)| (listen, span.into()))
                .collect(),
            None => Vec::new(),
        };
        if listeners.is_empty() {
            let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT);
            listeners.push((Listen { addr, tls: None }, Place::Whole));
        }
        if let Some((first, place)) = listeners.first_mut() {
            let host = overrides
                .host
                .map(|host| (host, Place::Flag("--host")))
                .or_else(|| settings.host.clone());
            let port = overrides
                .port
                .map(|port| (port, Place::Flag("--port")))
                .or_else(|| settings.port.clone());
            if let Some((host, from)) = host {
                first.addr.set_ip(host);
                *place = from;
            }
            if let Some((port, from)) = port {
                first.addr.set_port(port);
                *place = from;
            }
        }
        if !overrides.listen.is_empty() {
            let plain = |addr: &SocketAddr| {
                (
                    Listen {
                        addr: *addr,
                        tls: None,
                    },
                    Place::Flag("--listen"),
                )
            };
            listeners = overrides.listen.iter().map(plain).collect();
        }
        listeners
    }

    /// No two of them may collide.
    fn apart(&mut self, listeners: &[(Listen, Place)]) {
        for (at, (listen, place)) in listeners.iter().enumerate() {
            let mut before = listeners.iter().take(at);
            if let Some((other, moved)) = before.find(|(other, _)| collide(other.addr, listen.addr))
            {
                let message = format!(
                    "`{}` is taken by the listener `{}`",
                    listen.addr, other.addr
                );
                // What moved a listener onto another is to blame, not what the file says.
                let place = if matches!(moved, Place::Variable(_) | Place::Flag(_)) {
                    moved
                } else {
                    place
                };
                self.push(Problem::error(place.clone(), message));
            }
        }
    }

    fn limits(&mut self, node: Option<&Node>) -> Limits {
        const MOST: usize = 1 << 46;
        let get = |key| node.and_then(|node| node.get(key));
        let max_body = get("max_body").map_or(Some(32 << 20), |node| self.size(node, 1..=4 << 30));
        let in_flight = get("max_body_in_flight")
            .and_then(|node| self.size(node, 1..=MOST).map(|size| (node, size)));
        let body_read =
            get("body_read").and_then(|node| self.duration(node, Duration::from_millis(1)));
        if let (Some(max_body), Some((node, in_flight))) = (max_body, in_flight)
            && in_flight < max_body
        {
            let problem = Problem::error(node.span, "less than one body may be in flight");
            self.push(problem.label(format!("`max_body` is {max_body} bytes")));
        }
        let max_body = max_body.unwrap_or_default();
        let max_body_in_flight = in_flight.map_or((1 << 30).max(max_body), |(_, size)| size);
        Limits {
            max_body,
            max_body_in_flight,
            body_read: body_read.unwrap_or(Duration::from_secs(30)),
        }
    }

    /// The directory, the database, and whether that was told.
    fn kept(&mut self, node: &Node) -> (std::path::PathBuf, Database, bool) {
        let data = self.data(node.get("data"));
        let told = self.database(node.get("database"), &data);
        let is_told = told.is_some();
        let database = told.unwrap_or_else(|| Database::Sqlite(data.join("tidegate.db")));
        (data, database, is_told)
    }

    /// Where the database stands, too, unless it is told.
    fn data(&mut self, node: Option<&Node>) -> std::path::PathBuf {
        let told = node.and_then(|node| self.path(node));
        told.unwrap_or_else(|| self.base.join("data"))
    }

    /// `null` and `0` both mean never; an absent key means the default.
    fn ping(&mut self, node: Option<&Node>) -> Option<Duration> {
        let Some(node) = node else {
            return Some(Duration::from_secs(10));
        };
        if node.is_null() {
            return None;
        }
        self.duration(node, Duration::ZERO)
            .filter(|every| !every.is_zero())
    }

    fn log(&mut self, node: Option<&Node>) -> Log {
        let get = |key| node.and_then(|node| node.get(key));
        let format = get("format").and_then(|node| {
            self.choice(
                node,
                "format",
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )
        });
        Log {
            format: format.unwrap_or(LogFormat::Text),
            file: get("file").and_then(|node| self.path(node)),
            requests: node.is_none_or(|node| self.flag(node, "requests", true)),
            bodies: self.bodies(get("bodies")),
            retention: self.retention(get("retention")),
        }
    }

    /// A yes or no of an object.
    pub(super) fn flag(&mut self, object: &Node, key: &str, default: bool) -> bool {
        object
            .get(key)
            .and_then(|node| self.boolean(node))
            .unwrap_or(default)
    }

    /// Warns of what is allowed and useless.
    fn usable(&mut self, gateway: &Gateway, node: &Node) {
        if gateway.providers.is_empty() && !self.has_errors() {
            self.push(Problem::warning(
                Place::Whole,
                "there is no provider: no request can be answered",
            ));
        }
        let declared = node.get("client_keys").map_or(0, |keys| keys.items().len());
        let disabled = gateway
            .client_keys
            .iter()
            .filter(|key| !key.enabled)
            .count();
        let no_key = declared == disabled && gateway.admin_key.is_none();
        if let (AuthMode::Keys, true, Some(auth)) = (gateway.auth, no_key, node.get("auth")) {
            let problem = Problem::warning(auth.span, "nobody can call: no client key is enabled");
            self.push(problem.help("add one under `client_keys`, or set ADMIN_KEY"));
        }
    }
}

/// The names in a list of objects.
fn names_in(node: Option<&Node>) -> Vec<String> {
    let items = node.map_or(&[][..], Node::items).iter();
    items
        .filter_map(|item| item.get("name")?.text().map(str::to_owned))
        .collect()
}

/// Whether two addresses cannot both be listened on.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let wild = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && (a.ip() == b.ip() || (wild && a.is_ipv4() == b.is_ipv4()))
}
