use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::config::{Balance, Endpoint, Gateway, Glob, Model, Resume};

/// Names to pools: what product §2 calls name resolution (routes come before, later). Case-sensitive.
#[derive(Debug)]
pub struct Table {
    virtuals: FxHashMap<String, usize>,
    /// Virtual models that are switched off.
    disabled: FxHashMap<String, usize>,
    /// Real names spelled out in `expose`, and who has them.
    spelled: FxHashMap<String, Vec<usize>>,
    /// `(pattern, model)`, in the order of the configuration.
    aliases: Vec<(Glob, usize)>,
    /// `(pattern, provider)`: those of `expose` that are not plain names.
    globs: Vec<(Glob, usize)>,
    /// `(name, enabled)`, by index; those of routes come after them.
    providers: Vec<(String, bool)>,
    default_model: Option<usize>,
    preferred: Option<usize>,
    /// What `GET /v1/models` lists.
    names: Vec<String>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// A virtual model, by index into `Gateway::models`.
    Virtual(usize),
    /// A real name at these providers (indexes), the preferred one first.
    Real {
        model: String,
        providers: Vec<usize>,
    },
}

/// No model has that name: 404, with [`Table::names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    NoSuchModel,
    /// There is one (or a provider of it), but it is switched off.
    Disabled,
}

impl Table {
    pub fn new(gateway: &Gateway) -> Table {
        let on =
            |on: bool| move |(_, model): &(usize, &Model)| model.enabled == on && !model.of_route;
        let index = |(at, model): (usize, &Model)| (model.name.clone(), at);
        let models = || gateway.models.iter().enumerate();
        let mut table = Table {
            virtuals: models().filter(on(true)).map(index).collect(),
            disabled: models().filter(on(false)).map(index).collect(),
            spelled: FxHashMap::default(),
            aliases: models()
                .filter(on(true))
                .flat_map(|(at, model)| model.aliases.iter().map(move |alias| (alias.clone(), at)))
                .collect(),
            globs: Vec::new(),
            providers: gateway
                .providers
                .iter()
                .take_while(|provider| !provider.of_route)
                .map(|p| (p.name.clone(), p.enabled))
                .collect(),
            default_model: gateway
                .default_model
                .filter(|at| gateway.models.get(*at).is_some_and(|m| m.enabled)),
            preferred: gateway.preferred_provider,
            names: models()
                .filter(on(true))
                .map(|(_, model)| model.name.clone())
                .collect(),
        };
        table.expose(gateway);
        table
    }

    fn expose(&mut self, gateway: &Gateway) {
        for (at, provider) in gateway
            .providers
            .iter()
            .enumerate()
            .filter(|(_, provider)| provider.enabled)
        {
            for pattern in &provider.expose {
                if !pattern.is_literal() {
                    self.globs.push((pattern.clone(), at));
                    continue;
                }
                let name = pattern.pattern();
                if !self.names.iter().any(|known| known == name) {
                    self.names.push(name.to_owned());
                }
                self.spelled.entry(name.to_owned()).or_default().push(at);
            }
        }
    }

    /// Exact virtual name → real name spelled out in `expose`, or `provider/NAME` → alias, the longest literal part
    /// first → glob of `expose` → `default_model`, or the preferred provider with the name as it is.
    pub fn resolve(&self, name: &str) -> Result<Resolved, Unknown> {
        if let Some(at) = self.virtuals.get(name) {
            return Ok(Resolved::Virtual(*at));
        }
        if self.disabled.contains_key(name) {
            return Err(Unknown::Disabled);
        }
        if let Some(providers) = self.spelled.get(name) {
            return Ok(self.real(name, providers.iter().copied()));
        }
        if let Some((provider, model)) = self.qualified(name) {
            let enabled = self
                .providers
                .get(provider)
                .is_some_and(|(_, enabled)| *enabled);
            return if enabled {
                Ok(self.real(model, [provider]))
            } else {
                Err(Unknown::Disabled)
            };
        }
        if let Some(at) = self.alias(name) {
            return Ok(Resolved::Virtual(at));
        }
        let exposing: Vec<usize> = self
            .globs
            .iter()
            .filter(|(glob, _)| glob.matches(name))
            .map(|(_, p)| *p)
            .collect();
        if !exposing.is_empty() {
            return Ok(self.real(name, exposing));
        }
        self.otherwise(name)
    }

    fn otherwise(&self, name: &str) -> Result<Resolved, Unknown> {
        if let Some(at) = self.default_model {
            return Ok(Resolved::Virtual(at));
        }
        match self.preferred {
            Some(at)
                if self.providers.get(at).is_some_and(|(_, enabled)| *enabled)
                    && !name.is_empty() =>
            {
                Ok(self.real(name, [at]))
            }
            _ => Err(Unknown::NoSuchModel),
        }
    }

    /// `provider/NAME`. Provider and model names may have slashes themselves: the longest provider name wins.
    fn qualified<'n>(&self, name: &'n str) -> Option<(usize, &'n str)> {
        let fits = |(provider, _): &(String, bool)| {
            let rest = name.strip_prefix(provider.as_str())?.strip_prefix('/')?;
            (!rest.is_empty()).then_some(rest)
        };
        let candidates = self
            .providers
            .iter()
            .enumerate()
            .filter_map(|(at, provider)| Some((at, fits(provider)?)));
        candidates.min_by_key(|(_, rest)| rest.len())
    }

    fn alias(&self, name: &str) -> Option<usize> {
        let mut best: Option<(usize, bool, usize)> = None;
        for (glob, model) in self.aliases.iter().filter(|(glob, _)| glob.matches(name)) {
            let (length, literal) = (glob.literal_len(), glob.is_literal());
            if best.is_none_or(|(longest, exact, _)| (length, literal) > (longest, exact)) {
                best = Some((length, literal, *model));
            }
        }
        best.map(|(_, _, model)| model)
    }

    fn real(&self, model: &str, providers: impl IntoIterator<Item = usize>) -> Resolved {
        let mut providers: Vec<usize> = providers.into_iter().collect();
        providers.sort_by_key(|provider| (Some(*provider) != self.preferred, *provider));
        providers.dedup();
        Resolved::Real {
            model: model.to_owned(),
            providers,
        }
    }

    /// The names of `GET /v1/models`: enabled virtual models, then real names that are spelled out in `expose`,
    /// without doubles, in the order of the configuration; only those that `allowed` (a client key's `models`) lets
    /// through.
    pub fn names(&self, allowed: Option<&[Glob]>) -> Vec<&str> {
        self.names
            .iter()
            .map(String::as_str)
            .filter(|name| permits(allowed, name))
            .collect()
    }
}

/// Whether one of the globs matches; no globs at all permit everything.
pub fn permits(allowed: Option<&[Glob]>, name: &str) -> bool {
    allowed.is_none_or(|globs| globs.iter().any(|glob| glob.matches(name)))
}

/// The model that a real name stands for, as if the configuration had it: one endpoint a provider, the preferred
/// provider in a tier of its own before the others. `None`: no such provider.
pub fn real_model(
    gateway: &Gateway,
    asked: &str,
    model: &str,
    providers: &[usize],
) -> Option<Model> {
    let policy = gateway.providers.get(*providers.first()?)?.policy;
    let endpoint = |at: &usize| {
        let provider = gateway.providers.get(*at)?;
        Some(Endpoint {
            provider: *at,
            model: model.to_owned(),
            priority: if Some(*at) == gateway.preferred_provider {
                1
            } else {
                2
            },
            weight: 1,
            max_context: None,
            streaming: true,
            non_streaming: true,
            quota: None,
            set: Arc::default(),
            enabled: true,
            policy: provider.policy,
        })
    };
    Some(Model {
        name: asked.to_owned(),
        aliases: Vec::new(),
        balance: Balance::RoundRobin,
        sticky: true,
        resume: Resume::Off,
        hedge: None,
        direct: false,
        provider_weights: Vec::new(),
        fallbacks: Vec::new(),
        endpoints: providers.iter().filter_map(endpoint).collect(),
        enabled: true,
        policy,
        built_in: true,
        of_route: false,
    })
}
