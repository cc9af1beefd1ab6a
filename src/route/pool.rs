use std::sync::Arc;

use crate::config::{
    Balance, Capabilities, Endpoint, Gateway, Hedge, Keys, Model, PASSED, Policy, Price, Provider,
    Quota, Resume, Setting,
};
use crate::ir::Format;

use super::needs::{Lack, Lacks, Needs};
use super::pick::Weights;
use super::seats::Seats;

/// A pool as a request sees it: the tiers of a model, then those of its fallbacks, in the order in which they are tried.
#[derive(Debug)]
pub struct Pool {
    /// The virtual model, or the real name as it was asked for.
    pub name: String,
    pub stages: Vec<Arc<Stage>>,
    pub sticky: bool,
    pub resume: Resume,
    pub hedge: Option<Hedge>,
    /// Only endpoints of the client's format, and nothing converted.
    pub direct: bool,
    /// Bounds of a whole request: `max_attempts`, `patience`, `budget`, `total`.
    pub policy: Policy,
}

/// One tier of one model: the endpoints that share a priority, and how one is chosen among them.
#[derive(Debug, PartialEq)]
pub struct Stage {
    /// Whose tier this is: the pool's own name, or a fallback's.
    pub model: String,
    pub priority: u32,
    pub balance: Balance,
    /// Provider by provider.
    pub seats: Vec<Seat>,
    /// For the strategies.
    pub weights: Weights,
    able: Able,
}

/// One endpoint in a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    /// Index into `Gateway::providers`.
    pub provider: usize,
    pub provider_name: Arc<str>,
    /// The name sent upstream; [`PASSED`]: the one that was asked for.
    pub model: Arc<str>,
    /// The same for figures: [`MADE_UP`] of a name that a client has made up.
    pub label: Arc<str>,
    /// The same endpoint has the same identity in every pool and after every reload: a hash of provider name, base URL
    /// and upstream model.
    pub identity: u64,
    pub weight: u32,
    pub max_context: Option<u64>,
    pub quota: Option<Arc<Quota>>,
    /// `None`: nobody knows what it costs.
    pub price: Option<Arc<Price>>,
    pub policy: Policy,
    /// The client's own credential is sent on.
    pub passthrough: bool,
    /// `passthrough`: 0. Disabled keys are counted too, so that indexes are those of the configuration.
    pub keys: usize,
    /// What no request can change: disabled.
    pub enabled: bool,
    pub streaming: bool,
    pub non_streaming: bool,
    /// What the configuration says of every conversation that goes there.
    pub set: Arc<[Setting]>,
    pub capabilities: Capabilities,
    pub formats: Vec<Format>,
}

/// Where an endpoint sits in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    pub stage: u16,
    pub seat: u16,
}

impl Pool {
    /// The tiers of `model` itself, without its fallbacks.
    pub fn tiers(gateway: &Gateway, model: &Model) -> Vec<Arc<Stage>> {
        let mut priorities: Vec<u32> = model
            .endpoints
            .iter()
            .map(|endpoint| endpoint.priority)
            .collect();
        priorities.sort_unstable();
        priorities.dedup();
        let tier = |priority| {
            let mut endpoints: Vec<&Endpoint> = model
                .endpoints
                .iter()
                .filter(|e| e.priority == priority)
                .collect();
            endpoints.sort_by_key(|endpoint| endpoint.provider);
            Arc::new(Stage::new(gateway, model, &endpoints))
        };
        priorities.into_iter().map(tier).collect()
    }

    /// The models whose tiers make up the pool of model `index`: itself, then its fallbacks and theirs, each once, the
    /// nearest first. A model that is switched off is left out, with what only it leads to.
    pub fn lineage(gateway: &Gateway, index: usize) -> Vec<usize> {
        let mut line = vec![index];
        let mut at = 0;
        while let Some(model) = line.get(at).and_then(|model| gateway.models.get(*model)) {
            let enabled = |next: &&usize| {
                gateway
                    .models
                    .get(**next)
                    .is_some_and(|model| model.enabled)
            };
            for next in model.fallbacks.iter().filter(enabled) {
                if !line.contains(next) {
                    line.push(*next);
                }
            }
            at += 1;
        }
        line
    }

    pub fn seat(&self, spot: Spot) -> &Seat {
        &self.stages[usize::from(spot.stage)].seats[usize::from(spot.seat)]
    }

    /// All spots, in the order of the stages.
    pub fn spots(&self) -> impl Iterator<Item = Spot> {
        let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        self.stages
            .iter()
            .enumerate()
            .flat_map(move |(stage, tier)| {
                (0..tier.seats.len()).map(move |seat| Spot {
                    stage: number(stage),
                    seat: number(seat),
                })
            })
    }
}

impl Stage {
    /// Of endpoints that share a priority, provider by provider.
    fn new(gateway: &Gateway, model: &Model, endpoints: &[&Endpoint]) -> Stage {
        let seats: Vec<Seat> = endpoints
            .iter()
            .map(|endpoint| Seat {
                label: label(gateway, model, endpoint),
                price: price(gateway, model, endpoint),
                ..Seat::new(&gateway.providers[endpoint.provider], endpoint)
            })
            .collect();
        Stage {
            model: model.name.clone(),
            priority: endpoints.first().map_or(0, |endpoint| endpoint.priority),
            balance: model.balance,
            weights: weights(model, &seats),
            able: Able::new(&seats),
            seats,
        }
    }

    /// Whether a rotation over the other can go on over this one: same endpoints, strategy and weights.
    pub fn turns_like(&self, other: &Stage) -> bool {
        let identities = |stage: &Stage| {
            stage
                .seats
                .iter()
                .map(|seat| seat.identity)
                .collect::<Vec<_>>()
        };
        let same = self.model == other.model
            && self.priority == other.priority
            && self.balance == other.balance;
        same && self.weights == other.weights && identities(self) == identities(other)
    }

    /// The seats that can serve such a request at all, whoever is well.
    pub fn able(&self, needs: &Needs) -> Seats {
        let mut able = self.able.of(needs);
        if needs.estimated_tokens > self.able.least_context {
            for (at, seat) in self.seats.iter().enumerate() {
                if seat
                    .max_context
                    .is_some_and(|max| needs.estimated_tokens > max)
                {
                    able.remove(at);
                }
            }
        }
        for at in self.able.metered.iter() {
            if self.seats[at].is_too_small(needs) {
                able.remove(at);
            }
        }
        able
    }
}

/// What an endpoint costs: by provider and real name, else by the real name, else by the virtual model's. Which name goes
/// on where any does is known with the request only.
fn price(gateway: &Gateway, model: &Model, endpoint: &Endpoint) -> Option<Arc<Price>> {
    let prices = &gateway.prices;
    if endpoint.model == PASSED {
        return prices.find(&model.name).cloned();
    }
    let provider = gateway.providers.get(endpoint.provider)?;
    let at = [&*provider.name, "/", &*endpoint.model].concat();
    let found = [&*at, &endpoint.model, &model.name].map(|name| prices.find(name));
    found.into_iter().flatten().next().cloned()
}

/// What figures call the models that clients ask for by names of which nobody else has said anything: whoever may call
/// can make up any number of them.
pub const MADE_UP: &str = "(exposed)";

/// Only the pool of a real name can have a model that the configuration does not know.
fn label(gateway: &Gateway, model: &Model, endpoint: &Endpoint) -> Arc<str> {
    let Some(provider) = gateway.providers.get(endpoint.provider) else {
        return MADE_UP.into();
    };
    let mut endpoints = gateway.models.iter().flat_map(|model| &model.endpoints);
    let known = !model.built_in
        || is_listed(gateway, provider, &endpoint.model)
        || endpoints.any(|at| (at.provider, &at.model) == (endpoint.provider, &endpoint.model));
    if known { &*endpoint.model } else { MADE_UP }.into()
}

/// Whether a provider's `expose`, its list of models, or the prices name it (a pattern names none).
pub fn is_listed(gateway: &Gateway, provider: &Provider, model: &str) -> bool {
    let mut exposed = provider.expose.iter();
    let at = [&*provider.name, "/", model].concat();
    exposed.any(|glob| glob.is_literal() && glob.pattern() == model)
        || gateway.prices.names(model)
        || gateway.prices.names(&at)
}

/// Two levels only where the strategy has two.
fn weights(model: &Model, seats: &[Seat]) -> Weights {
    let mut providers: Vec<usize> = Vec::new();
    let mut weights = Weights::default();
    for seat in seats {
        if providers.last() != Some(&seat.provider)
            && (model.balance == Balance::RoundRobin || providers.is_empty())
        {
            providers.push(seat.provider);
            let own = model
                .provider_weights
                .iter()
                .find(|(provider, _)| *provider == seat.provider);
            weights.groups.push(own.map_or(1, |(_, weight)| *weight));
        }
        let group = u32::try_from(providers.len().saturating_sub(1)).unwrap_or(u32::MAX);
        weights.seats.push((seat.weight, group));
    }
    weights
}

impl Seat {
    fn new(provider: &Provider, endpoint: &Endpoint) -> Seat {
        let (keys, passthrough, usable) = match &provider.keys {
            Keys::Own(keys) => (keys.len(), false, keys.iter().any(|key| key.enabled)),
            Keys::Passthrough => (0, true, true),
        };
        Seat {
            provider: endpoint.provider,
            provider_name: provider.name.as_str().into(),
            model: endpoint.model.as_str().into(),
            label: endpoint.model.as_str().into(),
            identity: identity(provider, &endpoint.model),
            weight: endpoint.weight,
            max_context: endpoint.max_context,
            quota: endpoint.quota.clone().map(Arc::new),
            price: None,
            policy: endpoint.policy,
            passthrough,
            keys,
            enabled: endpoint.enabled && provider.enabled && usable,
            streaming: endpoint.streaming,
            non_streaming: endpoint.non_streaming,
            set: endpoint.set.clone(),
            capabilities: provider.capabilities,
            formats: provider.offers.iter().map(|offer| offer.format).collect(),
        }
    }

    /// Whether the name that was asked for goes on.
    pub fn passes(&self) -> bool {
        &*self.model == PASSED
    }

    /// The name that this endpoint is asked for, where a client asked for that one.
    pub fn sent<'s>(&'s self, asked: &'s Arc<str>) -> &'s Arc<str> {
        if self.passes() { asked } else { &self.model }
    }

    /// Everything that such a request needs and this endpoint has not.
    pub fn lacks(&self, needs: &Needs) -> Lacks {
        let mut lacks = Lacks::default();
        let mut need = |is: bool, has: bool, lack| {
            if is && !has {
                lacks.add(lack);
            }
        };
        need(true, self.enabled, Lack::Disabled);
        if !needs.convertible {
            let speaks = |format| self.formats.contains(&format);
            let has = speaks(needs.format) || needs.also.is_some_and(speaks);
            need(true, has, Lack::Format);
            need(needs.stream, self.streaming, Lack::Streaming);
            need(!needs.stream, self.non_streaming, Lack::NonStreaming);
        }
        need(needs.tools, self.capabilities.tools, Lack::Tools);
        need(needs.images, self.capabilities.images, Lack::Images);
        need(needs.prefill, self.capabilities.prefill, Lack::Prefill);
        need(
            true,
            self.max_context
                .is_none_or(|max| needs.estimated_tokens <= max),
            Lack::Context,
        );
        need(needs.draw.is_some(), !self.is_too_small(needs), Lack::Quota);
        lacks
    }

    /// Not even an untouched quota would do.
    fn is_too_small(&self, needs: &Needs) -> bool {
        let (Some(draw), Some(quota)) = (needs.draw, &self.quota) else {
            return false;
        };
        quota.tokens.is_some_and(|most| draw.tokens(quota) > most)
    }
}

/// What is the same for the same endpoint everywhere: `(provider name, base URL, upstream model)`, hashed.
pub fn identity(provider: &Provider, model: &str) -> u64 {
    let base = provider.offers.first().map(|offer| {
        let base = &offer.base;
        format!(
            "{}://{}:{}{}",
            if base.tls { "https" } else { "http" },
            base.host,
            base.port,
            base.path
        )
    });
    let whole = [provider.name.as_str(), base.as_deref().unwrap_or(""), model].join("\0");
    xxhash_rust::xxh3::xxh3_64(whole.as_bytes())
}

/// Who can do what, as sets, so that a request is matched with a stage in a few words of bit operations.
#[derive(Debug, PartialEq)]
struct Able {
    enabled: Seats,
    formats: [Seats; Format::ALL.len()],
    streaming: Seats,
    non_streaming: Seats,
    tools: Seats,
    images: Seats,
    prefill: Seats,
    /// Those that have a quota of tokens.
    metered: Seats,
    /// Smallest declared context; a request below it fits everywhere.
    least_context: u64,
}

impl Able {
    fn new(seats: &[Seat]) -> Able {
        let those = |can: &dyn Fn(&Seat) -> bool| {
            let mut able = Seats::none(seats.len());
            seats
                .iter()
                .enumerate()
                .filter(|(_, seat)| can(seat))
                .for_each(|(at, _)| able.insert(at));
            able
        };
        Able {
            enabled: those(&|seat| seat.enabled),
            formats: Format::ALL.map(|format| those(&|seat| seat.formats.contains(&format))),
            streaming: those(&|seat| seat.streaming),
            non_streaming: those(&|seat| seat.non_streaming),
            tools: those(&|seat| seat.capabilities.tools),
            images: those(&|seat| seat.capabilities.images),
            prefill: those(&|seat| seat.capabilities.prefill),
            metered: those(&|seat| seat.quota.as_ref().is_some_and(|q| q.tokens.is_some())),
            least_context: seats
                .iter()
                .filter_map(|seat| seat.max_context)
                .min()
                .unwrap_or(u64::MAX),
        }
    }

    fn of(&self, needs: &Needs) -> Seats {
        let mut able = self.enabled.clone();
        if !needs.convertible {
            let format = &self.formats[needs.format as usize];
            match needs.also {
                None => able.keep(format),
                Some(also) => {
                    let mut either = format.clone();
                    either.join(&self.formats[also as usize]);
                    able.keep(&either);
                }
            }
            able.keep(if needs.stream {
                &self.streaming
            } else {
                &self.non_streaming
            });
        }
        let wanted = [
            (needs.tools, &self.tools),
            (needs.images, &self.images),
            (needs.prefill, &self.prefill),
        ];
        wanted
            .into_iter()
            .filter(|(wanted, _)| *wanted)
            .for_each(|(_, have)| able.keep(have));
        able
    }
}
