//! `models`: virtual models and their endpoints.

use std::time::Duration;

use super::Check;
use super::names::{NameOf, Names};
use super::policy::Patch;
use super::providers::{MAX_WEIGHT, Providers};
use super::units;
use crate::config::file::Node;
use crate::config::gateway::{Balance, Endpoint, Glob, Hedge, Model, PASSED, Policy, Resume};
use crate::config::report::Problem;
use crate::config::text::Span;

/// A model of the file, with what can only be settled when all models are known.
pub(super) struct Draft {
    pub model: Model,
    /// Where its name stands.
    pub span: Span,
    pub aliases: Vec<(Glob, Span)>,
    /// Names of other models.
    pub fallbacks: Vec<(String, Span)>,
}

/// What endpoints are checked against.
pub(super) struct Vendors<'a> {
    pub providers: &'a Providers,
    pub names: &'a [String],
    pub outer: Policy,
}

impl Check<'_> {
    pub(super) fn models(&mut self, node: Option<&Node>, vendors: &Vendors<'_>) -> Vec<Draft> {
        let mut names = Names::default();
        let items = node
            .map_or(&[][..], Node::items)
            .iter()
            .filter(|item| item.is_map());
        let drafts: Vec<Draft> = items
            .map(|item| self.model(item, vendors, &mut names))
            .collect();
        self.alias_clashes(&drafts);
        drafts
    }

    fn model(&mut self, node: &Node, vendors: &Vendors<'_>, names: &mut Names) -> Draft {
        const BALANCES: [(&str, Balance); 4] = [
            ("round_robin", Balance::RoundRobin),
            ("weighted", Balance::Weighted),
            ("least_busy", Balance::LeastBusy),
            ("fastest", Balance::Fastest),
        ];
        let name = self.name(node, NameOf::Model, names);
        let patch = self.patch(node);
        let policy = patch.over(vendors.outer);
        self.total_bound(node, policy);
        let aliases = self.globs(node.get("aliases"), "alias");
        let balance = node
            .get("balance")
            .and_then(|node| self.choice(node, "strategy", &BALANCES));
        let sticky = node
            .get("sticky")
            .and_then(|node| self.choice(node, "setting", &[("auto", true), ("off", false)]));
        let direct = node
            .get("mode")
            .and_then(|node| self.choice(node, "mode", &[("convert", false), ("direct", true)]));
        const RESUMES: [(&str, Resume); 3] = [
            ("off", Resume::Off),
            ("prefill", Resume::Prefill),
            ("restart", Resume::Restart),
        ];
        let resume = node
            .get("resume")
            .and_then(|node| self.choice(node, "way to resume", &RESUMES));
        let hedge = node
            .get("hedge")
            .and_then(|hedge| self.hedge(hedge, policy));
        let endpoints = self.endpoints(node, vendors, patch);
        let resume = resume.unwrap_or_default();
        if resume == Resume::Prefill {
            self.nobody_goes_on(node, vendors, &endpoints);
        }
        let model = Model {
            aliases: aliases.iter().map(|(glob, _)| glob.clone()).collect(),
            balance: balance.unwrap_or(Balance::RoundRobin),
            sticky: sticky.unwrap_or(true),
            resume,
            hedge,
            direct: direct.unwrap_or(false),
            provider_weights: self.provider_weights(
                node.get("provider_weights"),
                vendors,
                &endpoints,
            ),
            fallbacks: Vec::new(),
            enabled: self.flag(node, "enabled", true),
            policy,
            built_in: false,
            of_route: false,
            name,
            endpoints,
        };
        let fallbacks = node.get("fallbacks").map_or(&[][..], Node::items);
        let fallbacks = fallbacks
            .iter()
            .filter_map(|item| self.string(item).map(|name| (name, item.span)))
            .collect();
        Draft {
            model,
            span: node.get("name").map_or(node.span, |name| name.span),
            aliases,
            fallbacks,
        }
    }

    fn hedge(&mut self, node: &Node, policy: Policy) -> Option<Hedge> {
        let after = self.required(node, "after", "hedge")?;
        let budget = node.get("budget").and_then(|budget| self.share(budget));
        let span = after.span;
        let after = self.duration(after, Duration::from_millis(10))?;
        if after >= policy.timeouts.first_token {
            let first_token = units::show(policy.timeouts.first_token);
            self.push(
                Problem::warning(span, "no second endpoint will ever be asked")
                    .label(format!("`first_token` ends after {first_token}")),
            );
        }
        Some(Hedge {
            after,
            budget: budget.unwrap_or(0.05),
        })
    }

    /// A partial answer goes only to whom the file says that it may.
    fn nobody_goes_on(&mut self, model: &Node, vendors: &Vendors<'_>, endpoints: &[Endpoint]) {
        let goes_on = |endpoint: &Endpoint| {
            let provider = vendors.providers.list.get(endpoint.provider);
            provider.is_none_or(|provider| provider.capabilities.continues)
        };
        if let Some(node) = model.get("resume")
            && !endpoints.is_empty()
            && !endpoints.iter().any(goes_on)
        {
            self.push(
                Problem::warning(node.span, "nobody is known to go on from a partial answer")
                    .help("capabilities: { prefill: true } at a provider says that it does; the others are asked anew"),
            );
        }
    }

    fn endpoints(&mut self, model: &Node, vendors: &Vendors<'_>, of_model: Patch) -> Vec<Endpoint> {
        let Some(list) = self.required(model, "endpoints", "model") else {
            return Vec::new();
        };
        if list.is_list() && list.items().is_empty() {
            self.push(
                Problem::error(list.span, "a model without an endpoint")
                    .help("endpoints: [ { provider: NAME, model: REAL-NAME } ]; without `model` the name that was asked for goes on"),
            );
        }
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for item in list.items().iter().filter(|item| item.is_map()) {
            let Some(endpoint) = self.endpoint(item, vendors, of_model) else {
                continue;
            };
            let twin = endpoints
                .iter()
                .find(|other| other.provider == endpoint.provider && other.model == endpoint.model);
            if twin.is_some_and(|twin| twin.quota != endpoint.quota) {
                let problem = Problem::error(item.span, "one endpoint of a pool with two quotas");
                self.push(
                    problem.help("an endpoint that stands there twice has the same quota twice"),
                );
            } else if twin.is_some() {
                let problem = Problem::warning(
                    item.span,
                    format!(
                        "`{}` at this provider stands in this pool twice",
                        endpoint.model
                    ),
                );
                self.push(
                    problem
                        .help("both share one state: one of them with more `weight` does the same"),
                );
            }
            endpoints.push(endpoint);
        }
        let usable = |endpoint: &Endpoint| {
            endpoint.enabled
                && vendors
                    .providers
                    .list
                    .get(endpoint.provider)
                    .is_none_or(|p| p.enabled)
        };
        if !endpoints.is_empty() && !endpoints.iter().any(usable) {
            self.push(Problem::warning(
                list.span,
                "no endpoint of this model is enabled",
            ));
        }
        endpoints
    }

    /// `None` where the provider is unknown.
    pub(super) fn endpoint(
        &mut self,
        node: &Node,
        vendors: &Vendors<'_>,
        of_model: Patch,
    ) -> Option<Endpoint> {
        let provider = self
            .required(node, "provider", "endpoint")
            .and_then(|provider| {
                let name = self.string(provider)?;
                self.lookup(&name, provider.span, "provider", vendors.names)
            });
        let upstream = match node.get("model") {
            Some(model) => self.string(model),
            None => Some(PASSED.to_owned()),
        };
        let mut patch = self.patch(node);
        self.endpoint_bounds(node);
        patch.retries = self.endpoint_retries(node, patch.retries);
        let of_provider = provider
            .and_then(|at| vendors.providers.patches.get(at))
            .copied()
            .unwrap_or_default();
        let policy = patch.over(of_model.over(of_provider.over(vendors.outer)));
        let priority = node
            .get("priority")
            .and_then(|priority| self.integer(priority, 0, MAX_WEIGHT));
        let (streaming, non_streaming) = (
            self.flag(node, "streaming", true),
            self.flag(node, "non_streaming", true),
        );
        if !streaming && !non_streaming {
            self.push(Problem::error(
                node.span,
                "this endpoint takes neither streams nor non-streams",
            ));
        }
        Some(Endpoint {
            priority: priority
                .and_then(|priority| u32::try_from(priority).ok())
                .unwrap_or(1),
            weight: self.weight(node, 10),
            max_context: node
                .get("max_context")
                .and_then(|node| self.integer(node, 1, u64::MAX)),
            streaming,
            non_streaming,
            quota: self.quota(node.get("quota")),
            set: self.settings_of(node.get("set")),
            enabled: self.flag(node, "enabled", true),
            policy,
            provider: provider?,
            model: upstream?,
        })
    }

    /// `retries` may stand at an endpoint itself, as in other gateways; not both there and under `retry`.
    fn endpoint_retries(&mut self, node: &Node, of_patch: Option<u32>) -> Option<u32> {
        let Some(direct) = node.entry("retries").filter(|entry| !entry.node.is_null()) else {
            return of_patch;
        };
        if let Some(other) = node.get("retry").and_then(|retry| retry.entry("retries")) {
            let problem = Problem::error(
                direct.key.span,
                "`retries` and `retry.retries` are the same setting",
            );
            self.push(
                problem
                    .label("one of them is enough")
                    .earlier(other.key.span, "the other one"),
            );
        }
        self.integer(&direct.node, 0, 100)
            .and_then(|retries| u32::try_from(retries).ok())
    }

    fn provider_weights(
        &mut self,
        node: Option<&Node>,
        vendors: &Vendors<'_>,
        endpoints: &[Endpoint],
    ) -> Vec<(usize, u32)> {
        let mut weights = Vec::new();
        for entry in node.map_or(&[][..], Node::entries) {
            let weight = self
                .integer(&entry.node, 1, MAX_WEIGHT)
                .and_then(|weight| u32::try_from(weight).ok());
            let Some(provider) =
                self.lookup(&entry.key.text, entry.key.span, "provider", vendors.names)
            else {
                continue;
            };
            if endpoints
                .iter()
                .all(|endpoint| endpoint.provider != provider)
            {
                let message = format!("`{}` has no endpoint in this pool", entry.key.text);
                self.push(
                    Problem::warning(entry.key.span, message).label("its weight has no effect"),
                );
            }
            weights.extend(weight.map(|weight| (provider, weight)));
        }
        weights
    }

    /// An alias that another model has, or that is a model's name, would never be reached or would be two models at once.
    fn alias_clashes(&mut self, drafts: &[Draft]) {
        for (at, draft) in drafts.iter().enumerate() {
            for (alias, span) in &draft.aliases {
                if let Some(model) = drafts
                    .iter()
                    .find(|other| other.model.name == alias.pattern())
                {
                    let problem = Problem::error(
                        *span,
                        format!("the alias `{}` is the name of a model", alias.pattern()),
                    );
                    self.push(
                        problem
                            .label("names come before aliases")
                            .earlier(model.span, "this model"),
                    );
                }
                let earlier = drafts.get(..at).unwrap_or_default();
                let same = earlier
                    .iter()
                    .flat_map(|other| &other.aliases)
                    .find(|(other, _)| other == alias);
                if let Some((_, first)) = same {
                    let problem = Problem::error(
                        *span,
                        format!("two models have the alias `{}`", alias.pattern()),
                    );
                    self.push(problem.label("the second").earlier(*first, "the first"));
                }
            }
        }
    }

    /// Fallbacks by index, once all models are known; none may lead back.
    pub(super) fn fallbacks(&mut self, drafts: &[Draft], names: &[String]) -> Vec<Vec<usize>> {
        let mut all: Vec<Vec<usize>> = Vec::new();
        for draft in drafts {
            let mut own = Vec::new();
            for (name, span) in &draft.fallbacks {
                let Some(index) = self.lookup(name, *span, "model", names) else {
                    continue;
                };
                if own.contains(&index) {
                    self.push(Problem::error(
                        *span,
                        format!("the fallback `{name}` is given twice"),
                    ));
                    continue;
                }
                own.push(index);
            }
            all.push(own);
        }
        self.loops(drafts, &all, names);
        all
    }

    /// Reports every fallback that closes a circle, once, with the way round.
    fn loops(&mut self, drafts: &[Draft], fallbacks: &[Vec<usize>], names: &[String]) {
        // 0: not seen, 1: on the way, 2: done.
        let mut state = vec![0_u8; fallbacks.len()];
        for start in 0..fallbacks.len() {
            let mut way: Vec<(usize, usize)> = vec![(start, 0)];
            if state.get(start).copied() != Some(0) {
                continue;
            }
            while let Some((model, next)) = way.last().copied() {
                set(&mut state, model, 1);
                let Some(target) = fallbacks
                    .get(model)
                    .and_then(|list| list.get(next))
                    .copied()
                else {
                    set(&mut state, model, 2);
                    way.pop();
                    continue;
                };
                if let Some(last) = way.last_mut() {
                    last.1 += 1;
                }
                match state.get(target) {
                    Some(0) => way.push((target, 0)),
                    Some(1) => self.circle(drafts, &way, target, names),
                    _ => {}
                }
            }
        }
    }

    fn circle(
        &mut self,
        drafts: &[Draft],
        way: &[(usize, usize)],
        target: usize,
        names: &[String],
    ) {
        let Some((model, _)) = way.last() else { return };
        let target_name = names.get(target).map_or("", String::as_str);
        let span = drafts
            .get(*model)
            .and_then(|draft| draft.fallbacks.iter().find(|(name, _)| name == target_name));
        let Some((_, span)) = span else { return };
        let from = way
            .iter()
            .position(|(model, _)| *model == target)
            .unwrap_or(0);
        let round = way
            .iter()
            .skip(from)
            .map(|(model, _)| *model)
            .chain([target]);
        let round: Vec<&str> = round
            .filter_map(|model| names.get(model))
            .map(String::as_str)
            .collect();
        let label = if round.len() == 2 {
            "a model cannot fall back to itself".to_owned()
        } else {
            round.join(" → ")
        };
        self.push(
            Problem::error(
                *span,
                format!("the fallback `{target_name}` leads back to where it came from"),
            )
            .label(label),
        );
    }
}

fn set(state: &mut [u8], at: usize, value: u8) {
    if let Some(slot) = state.get_mut(at) {
        *slot = value;
    }
}
