use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::clock::{self, Tick};
use crate::config::{ClientKey, Gateway, Glob, Model};
use crate::route::pick::Select;
use crate::route::{Pool, Resolved, Stage, Table, Unknown, permits, real_model};

use super::lane::{Arrange, Lane, LiveStage, Ring};
use super::meter::Meter;
use super::purse::{Owner, Purse};
use super::real_lanes::RealLanes;
use super::registry::Registry;

/// The configuration as of one moment, and everything derived from it. A request holds one `Arc<Snapshot>` to its end.
#[derive(Debug)]
pub struct Snapshot {
    pub gateway: Gateway,
    pub table: Table,
    registry: Arc<Registry>,
    arrange: Arrange,
    /// By provider.
    rings: Vec<Arc<Ring>>,
    /// By virtual model.
    lanes: Vec<Arc<Lane>>,
    real: RealLanes,
    /// By client key: its own, then its tenant's, as far as they have limits.
    purses: Vec<Vec<Arc<Purse>>>,
    /// Tenants, then client keys, that have limits. While it is in force, it holds them.
    limited: Vec<Arc<Purse>>,
}

impl Snapshot {
    fn new(
        gateway: Gateway,
        registry: Arc<Registry>,
        arrange: Arrange,
        before: Option<&Snapshot>,
    ) -> Snapshot {
        let mut snapshot = Snapshot {
            table: Table::new(&gateway),
            rings: gateway
                .providers
                .iter()
                .map(|provider| Arc::new(Ring::new(provider)))
                .collect(),
            gateway,
            registry,
            arrange,
            lanes: Vec::new(),
            real: RealLanes::default(),
            purses: Vec::new(),
            limited: Vec::new(),
        };
        snapshot.make_purses();
        snapshot.lanes = snapshot.virtual_lanes(before);
        for name in before.iter().flat_map(|before| before.real.names()) {
            // Made again here so that their standings live on; a name that now means something else, or nothing, is
            // simply not made.
            drop(snapshot.lane(&name));
        }
        snapshot
    }

    fn make_purses(&mut self) {
        let (gateway, purses) = (&self.gateway, self.registry.purses());
        let tenants = gateway.tenants.iter();
        let tenants = tenants
            .map(|tenant| purses.purse(Owner::Tenant(tenant.name.clone()), &tenant.allowance));
        let tenants: Vec<_> = tenants.collect();
        let own = |key: &ClientKey| purses.purse(Owner::Key(key.name.clone()), &key.allowance);
        let keys: Vec<_> = gateway.client_keys.iter().map(own).collect();
        let of = |(key, own): (&ClientKey, &Option<Arc<Purse>>)| {
            let tenant = key.tenant.and_then(|tenant| tenants.get(tenant).cloned());
            own.iter().cloned().chain(tenant.flatten()).collect()
        };
        self.purses = gateway.client_keys.iter().zip(&keys).map(of).collect();
        self.limited = tenants.into_iter().chain(keys).flatten().collect();
    }

    /// What a client key draws from, by its index: its own purse, then its tenant's. Empty: it has no limit at all.
    pub fn purses(&self, client_key: usize) -> &[Arc<Purse>] {
        self.purses.get(client_key).map_or(&[], Vec::as_slice)
    }

    /// The purses of this configuration, each once: tenants', then client keys'.
    pub fn limited(&self) -> &[Arc<Purse>] {
        &self.limited
    }

    fn virtual_lanes(&self, before: Option<&Snapshot>) -> Vec<Arc<Lane>> {
        let models = &self.gateway.models;
        let tiers: Vec<Vec<Arc<LiveStage>>> = models
            .iter()
            .map(|model| self.tiers(model, before))
            .collect();
        let lane = |(index, model): (usize, &Model)| {
            let line = Pool::lineage(&self.gateway, index);
            let stages = line
                .iter()
                .flat_map(|model| tiers[*model].iter().cloned())
                .collect();
            Arc::new(self.assemble(model, stages, None))
        };
        models.iter().enumerate().map(lane).collect()
    }

    fn tiers(&self, model: &Model, before: Option<&Snapshot>) -> Vec<Arc<LiveStage>> {
        let old = before.and_then(|before| {
            before
                .lanes
                .iter()
                .find(|lane| lane.pool().name == model.name)
        });
        let live = |stage: Arc<Stage>| {
            let same = old
                .iter()
                .flat_map(|lane| lane.stages())
                .find(|old| old.stage.turns_like(&stage));
            let going_on = same.map(|old| old.select.clone());
            Arc::new(self.live(&stage, going_on))
        };
        Pool::tiers(&self.gateway, model)
            .into_iter()
            .map(live)
            .collect()
    }

    /// `going_on`: the rotation of before the reload, where nothing changed that matters to it.
    fn live(&self, stage: &Arc<Stage>, going_on: Option<Arc<dyn Select>>) -> LiveStage {
        LiveStage::new(
            stage,
            &self.registry,
            (&self.gateway.providers, &self.rings),
            |standings| going_on.unwrap_or_else(|| (self.arrange)(stage, standings)),
        )
    }

    fn assemble(&self, model: &Model, stages: Vec<Arc<LiveStage>>, real: Option<String>) -> Lane {
        let pool = Pool {
            name: model.name.clone(),
            stages: stages.iter().map(|live| live.stage.clone()).collect(),
            sticky: model.sticky,
            resume: model.resume,
            hedge: model.hedge,
            direct: model.direct,
            policy: model.policy,
        };
        let course = self.registry.course(&pool.name);
        Lane::new(pool, stages, course, real)
    }

    /// The pool that a name stands for. `Err`: 404. `let lane = snapshot.lane(name)?;
    /// let mut plan = Plan::new(lane.pool().clone(), needs, now); plan.next(&*lane, now, dice)`.
    pub fn lane(&self, name: &str) -> Result<Arc<Lane>, Unknown> {
        if let Some(lane) = self.real.find(name) {
            return Ok(lane);
        }
        match self.table.resolve(name)? {
            Resolved::Virtual(index) => Ok(self.lanes[index].clone()),
            Resolved::Real { model, providers } => self.real_lane(name, &model, &providers),
        }
    }

    fn real_lane(&self, name: &str, real: &str, providers: &[usize]) -> Result<Arc<Lane>, Unknown> {
        if name.len() > RealLanes::LONGEST_NAME {
            return Err(Unknown::NoSuchModel);
        }
        let model = real_model(&self.gateway, name, real, providers).ok_or(Unknown::NoSuchModel)?;
        let stages = self.tiers(&model, None);
        let lane = Arc::new(self.assemble(&model, stages, Some(real.to_owned())));
        Ok(self.real.keep(name, lane))
    }

    /// A pool by the index of its model, also one that only a route leads to. `Err`: it is switched off.
    pub fn lane_of(&self, model: usize) -> Result<Arc<Lane>, Unknown> {
        let on = self.gateway.models.get(model).filter(|model| model.enabled);
        match on.and_then(|_| self.lanes.get(model)) {
            Some(lane) => Ok(lane.clone()),
            None => Err(Unknown::Disabled),
        }
    }

    /// Whether a client key's `models` let a request for that pool pass: they match the virtual model (not the alias
    /// that led to it), or the real name as it was asked for or as it is sent upstream.
    pub fn allows(&self, allowed: Option<&[Glob]>, lane: &Lane) -> bool {
        permits(allowed, &lane.pool().name)
            || lane.real().is_some_and(|real| permits(allowed, real))
    }

    /// The pools of the virtual models, by index; those that are switched off too.
    pub fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    /// The quotas of this configuration, each once.
    pub fn meters(&self) -> Vec<Arc<Meter>> {
        let stages = self.lanes.iter().flat_map(|lane| lane.stages());
        let mut meters: Vec<Arc<Meter>> =
            stages.flat_map(|stage| stage.meters()).cloned().collect();
        meters.sort_by(|a, b| a.name().cmp(b.name()));
        meters.dedup_by(|a, b| Arc::ptr_eq(a, b));
        meters
    }

    /// Every endpoint and key in use, for metrics.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// An active check of that provider was answered well.
    pub fn reachable(&self, provider: &str, now: Tick) {
        for standing in self
            .registry
            .endpoints()
            .iter()
            .filter(|standing| standing.provider() == provider)
        {
            standing.reachable(now);
        }
    }
}

/// Holds the current [`Snapshot`].
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Snapshot>,
}

impl Live {
    /// `Live::new(gateway, balance::selection::arrange)`.
    pub fn new(gateway: Gateway, arrange: Arrange) -> Live {
        let snapshot = Snapshot::new(gateway, Arc::default(), arrange, None);
        Live {
            current: ArcSwap::from_pointee(snapshot),
        }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Puts a new configuration in force. Standings go on by identity, rotations where nothing changed for them;
    /// requests in flight keep their snapshot.
    pub fn replace(&self, gateway: Gateway) {
        let before = self.current.load_full();
        let next = Snapshot::new(
            gateway,
            before.registry.clone(),
            before.arrange,
            Some(&before),
        );
        let stages = before.lanes.iter().flat_map(|lane| lane.stages());
        let unwell = stages.flat_map(|stage| stage.unwell());
        before.registry.remember(unwell, clock::now());
        self.current.store(Arc::new(next));
    }
}
