//! `routes`: conditions, where they lead, and the pools that only routes lead to.

use http::HeaderName;

use super::Check;
use super::gateway::leads_on;
use super::models::Vendors;
use super::policy::Patch;
use super::providers::Providers;
use crate::config::file::Node;
use crate::config::gateway::{Balance, Endpoint, Glob, Keys, Model, Policy, Provider, Resume};
use crate::config::report::Problem;
use crate::config::routes::{BodyPath, Route, Target, When};
use crate::ir::Format;

/// What routes lead to; they add pools of their own.
pub(super) struct Pools<'a> {
    pub models: &'a mut Vec<Model>,
    pub providers: &'a mut Providers,
    pub preferred: Option<usize>,
    pub outer: Policy,
    /// Names of client keys.
    pub callers: Vec<String>,
}

impl Check<'_> {
    pub(super) fn routes(&mut self, node: Option<&Node>, mut pools: Pools<'_>) -> Vec<Route> {
        let items = node.map_or(&[][..], Node::items);
        let mut routes: Vec<Route> = Vec::new();
        // The first that every request meets: nothing comes after it.
        let mut last: Option<&Node> = None;
        for (at, item) in items.iter().enumerate().filter(|(_, item)| item.is_map()) {
            let route = self.route(at, item, &routes, &mut pools);
            if let Some(last) = last {
                let problem = Problem::warning(item.span, "no request comes to this route");
                self.push(problem.earlier(last.span, "every request meets this one"));
            } else if item
                .get("when")
                .is_none_or(|when| when.entries().is_empty())
            {
                last = Some(item);
            }
            routes.push(route);
        }
        routes
    }

    fn route(&mut self, at: usize, node: &Node, before: &[Route], pools: &mut Pools<'_>) -> Route {
        let name = node.get("name").and_then(|name| {
            let text = self.string(name)?;
            if before.iter().any(|other| *other.name == *text) {
                let text = format!("two routes are named `{text}`");
                self.push(Problem::error(name.span, text).label("the second"));
            }
            Some(text)
        });
        let mode = node.get("mode");
        let direct = match mode {
            Some(mode) => self.choice(mode, "mode", &[("convert", false), ("direct", true)]),
            None => Some(false),
        };
        let when = node.get("when").map(|when| self.when(when, &pools.callers));
        let target = self.target(node.get("use"), pools);
        if let Some(target_node) = node.get("use") {
            self.leads_to_the_enabled(target_node, &target, pools);
        } else if direct == Some(false) {
            let problem = Problem::error(node.span, "a route needs `use`, or `mode: direct`");
            self.push(problem.help("use: a model's name, or { provider: NAME, model: REAL-NAME }"));
        }
        let target = match node.get("keys") {
            Some(keys) => self.with_keys(node, keys, &target, pools),
            None => target,
        };
        Route {
            name: name.unwrap_or_else(|| format!("routes[{at}]")).into(),
            when: when.unwrap_or_default(),
            target,
            direct: direct.unwrap_or(false),
        }
    }

    /// Warns where nobody answers whom the route is for.
    fn leads_to_the_enabled(&mut self, node: &Node, target: &Target, pools: &Pools<'_>) {
        let on = |at: usize| pools.providers.list.get(at).is_none_or(|p| p.enabled);
        let leads = match target {
            Target::Asked => true,
            Target::Name(name) => pools.qualified(name).is_none_or(on),
            Target::Model(at) => pools.models.get(*at).is_none_or(|model| {
                let mut endpoints = model.endpoints.iter();
                let usable = endpoints.any(|endpoint| endpoint.enabled && on(endpoint.provider));
                model.enabled && (usable || !model.fallbacks.is_empty())
            }),
        };
        if !leads {
            let problem = Problem::warning(node.span, "this route leads only to what is disabled");
            self.push(problem.label("its requests get a 503"));
        }
    }

    fn when(&mut self, node: &Node, callers: &[String]) -> When {
        let mut whole = |key: &str, least| {
            node.get(key)
                .and_then(|node| self.integer(node, least, u64::MAX))
        };
        let (tokens_over, tokens_under) = (whole("tokens_over", 0), whole("tokens_under", 1));
        if let (Some(over), Some(under)) = (tokens_over, tokens_under)
            && over.saturating_add(1) >= under
        {
            let text = format!("no request has more than {over} and fewer than {under} tokens");
            self.push(Problem::error(node.span, text));
        }
        let mut flag = |key: &str| node.get(key).and_then(|node| self.boolean(node));
        let (tools, images, stream) = (flag("tools"), flag("images"), flag("stream"));
        When {
            models: self.patterns(node.get("model")),
            model_contains: self
                .words(node.get("model_contains"))
                .into_iter()
                .map(|(word, _)| word.to_lowercase())
                .collect(),
            headers: self.header_conditions(node.get("header")),
            client_keys: self.caller_conditions(node.get("client_key"), callers),
            formats: self.format_conditions(node.get("format")),
            tokens_over,
            tokens_under,
            tools,
            images,
            stream,
            body: self.body_conditions(node.get("body")),
        }
    }

    /// A single text, or a list of them, each with its node.
    fn words<'n>(&mut self, node: Option<&'n Node>) -> Vec<(String, &'n Node)> {
        let Some(node) = node else {
            return Vec::new();
        };
        if node.is_list() && node.items().is_empty() {
            self.push(
                Problem::error(node.span, "a list without an item: no request meets it")
                    .help("leave the condition out where every request is meant"),
            );
        }
        let one = std::slice::from_ref(node);
        let items = if node.is_list() { node.items() } else { one };
        items
            .iter()
            .filter_map(|item| self.string(item).map(|text| (text, item)))
            .collect()
    }

    fn patterns(&mut self, node: Option<&Node>) -> Vec<Glob> {
        let words = self.words(node).into_iter();
        words.map(|(word, _)| Glob::new(word)).collect()
    }

    /// A name must be somebody's; patterns may be nobody's yet.
    fn caller_conditions(&mut self, node: Option<&Node>, callers: &[String]) -> Vec<Glob> {
        let mut globs = Vec::new();
        for (word, item) in self.words(node) {
            let glob = Glob::new(word);
            if glob.is_literal() {
                self.lookup(glob.pattern(), item.span, "client key", callers);
            }
            globs.push(glob);
        }
        globs
    }

    fn format_conditions(&mut self, node: Option<&Node>) -> Vec<Format> {
        let words = Format::ALL.map(|format| (format.name(), format));
        let items: Vec<&Node> = self.words(node).into_iter().map(|(_, item)| item).collect();
        items
            .into_iter()
            .filter_map(|item| self.choice(item, "format", &words))
            .collect()
    }

    fn header_conditions(&mut self, node: Option<&Node>) -> Vec<(String, Vec<Glob>)> {
        let mut conditions: Vec<(String, Vec<Glob>)> = Vec::new();
        for entry in node.map_or(&[][..], Node::entries) {
            let name = entry.key.text.to_ascii_lowercase();
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                let text = format!("`{}` is no name of a header", entry.key.text);
                self.push(Problem::error(entry.key.span, text));
            }
            if conditions.iter().any(|(other, _)| *other == name) {
                let text = format!("the header `{name}` is given twice");
                self.push(Problem::error(entry.key.span, text).help("write its values as a list"));
            }
            conditions.push((name, self.patterns(Some(&entry.node))));
        }
        conditions
    }

    fn body_conditions(&mut self, node: Option<&Node>) -> Vec<(BodyPath, Vec<Glob>)> {
        let mut conditions = Vec::new();
        for entry in node.map_or(&[][..], Node::entries) {
            let values = self.patterns(Some(&entry.node));
            match BodyPath::parse(&entry.key.text) {
                Ok(path) => conditions.push((path, values)),
                Err(why) => {
                    let text = format!("the path `{}` {why}", entry.key.text);
                    self.push(
                        Problem::error(entry.key.span, text)
                            .help("for example metadata.user_id, messages[0].role, tools[*].name"),
                    );
                }
            }
        }
        conditions
    }

    fn target(&mut self, node: Option<&Node>, pools: &mut Pools<'_>) -> Target {
        let Some(node) = node else {
            return Target::Asked;
        };
        if node.is_map() {
            let names = pools.provider_names();
            let vendors = Vendors {
                providers: pools.providers,
                names: &names,
                outer: pools.outer,
            };
            return match self.endpoint(node, &vendors, Patch::default()) {
                Some(endpoint) => {
                    let model = pools.of_one(endpoint);
                    pools.add(model)
                }
                None => Target::Asked,
            };
        }
        let Some(name) = self.string(node) else {
            return Target::Asked;
        };
        if let Some(at) = pools.find(&name) {
            return Target::Model(at);
        }
        if !pools.leads(&name) {
            let known: Vec<String> = pools.names().map(str::to_owned).collect();
            self.lookup(&name, node.span, "model", &known);
        }
        Target::Name(name)
    }

    /// The same pool, asked with other keys.
    fn with_keys(
        &mut self,
        route: &Node,
        keys: &Node,
        target: &Target,
        pools: &mut Pools<'_>,
    ) -> Target {
        let of_model = match target {
            Target::Model(at) => pools.models.get(*at).cloned(),
            Target::Asked | Target::Name(_) => None,
        };
        let Some(model) = of_model else {
            if route.get("use").is_some_and(|target| !target.is_map()) {
                let problem = Problem::error(
                    keys.span,
                    "keys of its own need a model of this file, or an endpoint",
                );
                self.push(problem.help("use: { provider: NAME, model: REAL-NAME }"));
            } else if route.get("use").is_none() {
                self.push(Problem::error(keys.span, "keys of its own need `use`"));
            }
            return target.clone();
        };
        let own = self.keys_by_provider(keys, &model, pools);
        let model = pools.rekeyed(model, own);
        pools.add(model)
    }

    fn keys_by_provider(
        &mut self,
        node: &Node,
        model: &Model,
        pools: &Pools<'_>,
    ) -> Vec<(usize, Keys)> {
        let mut asked: Vec<usize> = model.endpoints.iter().map(|e| e.provider).collect();
        asked.sort_unstable();
        asked.dedup();
        if !node.is_map() {
            let [provider] = asked[..] else {
                let problem = Problem::error(
                    node.span,
                    format!("`{}` has endpoints of several providers", model.name),
                );
                self.push(problem.help("keys: { PROVIDER: [ … ] }"));
                return Vec::new();
            };
            return vec![(provider, self.keys(Some(node)))];
        }
        let names = pools.provider_names();
        let mut own = Vec::new();
        for entry in node.entries() {
            let keys = self.keys(Some(&entry.node));
            let Some(at) = self.lookup(&entry.key.text, entry.key.span, "provider", &names) else {
                continue;
            };
            if !asked.contains(&at) {
                let text = format!("`{}` has no endpoint in this pool", entry.key.text);
                self.push(Problem::warning(entry.key.span, text).label("its keys have no effect"));
            }
            own.push((at, keys));
        }
        own
    }
}

impl Pools<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        let models = self.models.iter().filter(|model| !model.of_route);
        models.map(|model| model.name.as_str())
    }

    fn provider_names(&self) -> Vec<String> {
        let declared = self.providers.list.iter().filter(|p| !p.of_route);
        declared.map(|provider| provider.name.clone()).collect()
    }

    fn find(&self, name: &str) -> Option<usize> {
        let is = |model: &Model| model.name == name && !model.of_route;
        self.models.iter().position(is)
    }

    /// Whose `PROVIDER/NAME` that is.
    fn qualified(&self, name: &str) -> Option<usize> {
        let declared = self.providers.list.iter().enumerate();
        let fits = |provider: &Provider| {
            let rest = name.strip_prefix(provider.name.as_str());
            !provider.of_route && rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let of = declared.filter(|(_, provider)| fits(provider));
        of.max_by_key(|(_, provider)| provider.name.len())
            .map(|(at, _)| at)
    }

    /// Whether a name that is no virtual model's leads somewhere all the same.
    fn leads(&self, name: &str) -> bool {
        self.preferred.is_some() || leads_on(name, self.models, &self.providers.list)
    }

    fn add(&mut self, model: Model) -> Target {
        self.models.push(model);
        Target::Model(self.models.len() - 1)
    }

    /// A pool of a single endpoint, named as clients could name it.
    fn of_one(&self, endpoint: Endpoint) -> Model {
        let provider = self.providers.list.get(endpoint.provider);
        let provider = provider.map_or("", |provider| provider.name.as_str());
        Model {
            name: format!("{provider}/{}", endpoint.model),
            aliases: Vec::new(),
            balance: Balance::RoundRobin,
            sticky: false,
            resume: Resume::Off,
            hedge: None,
            direct: false,
            provider_weights: Vec::new(),
            fallbacks: Vec::new(),
            enabled: true,
            policy: endpoint.policy,
            built_in: false,
            of_route: true,
            endpoints: vec![endpoint],
        }
    }

    /// The pool with these providers' keys in place of their own. Fallbacks are asked as ever.
    fn rekeyed(&mut self, model: Model, own: Vec<(usize, Keys)>) -> Model {
        let mut model = Model {
            aliases: Vec::new(),
            of_route: true,
            ..model
        };
        for (at, keys) in own {
            let Some(provider) = self.providers.list.get(at).cloned() else {
                continue;
            };
            let patch = self.providers.patches.get(at).copied().unwrap_or_default();
            let new = self.providers.list.len();
            self.providers.list.push(Provider {
                keys,
                expose: Vec::new(),
                health: None,
                of_route: true,
                ..provider
            });
            self.providers.patches.push(patch);
            let of_provider = model.endpoints.iter_mut().filter(|e| e.provider == at);
            of_provider.for_each(|endpoint| endpoint.provider = new);
            let weights = model.provider_weights.iter_mut();
            weights
                .filter(|(provider, _)| *provider == at)
                .for_each(|(provider, _)| *provider = new);
        }
        model
    }
}
