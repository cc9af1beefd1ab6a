use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Tick;
use crate::config::{Provider, ProviderKey};
use crate::route::{Budget, Seat, Sticky};

use super::era::Era;
use super::meter::{Meter, MeterName, Quotas};
use super::purse::Purses;
use super::standing::{KeyStanding, News, Standing};

/// Every standing that somebody uses, by identity. Survives reloads: a new snapshot finds here what the old one had.
///
/// It holds on to nothing but quotas and what was used of purses, and for a while to those of a configuration who were not well: what no snapshot uses
/// any more is forgotten, so that names made up by strangers leave no trace.
#[derive(Debug)]
pub struct Registry {
    pub(super) news: News,
    endpoints: Shelf<u64, Standing>,
    keys: Shelf<(u64, u64), KeyStanding>,
    courses: Shelf<String, Course>,
    quotas: Quotas,
    purses: Purses,
    /// By address.
    unwell: Mutex<HashMap<usize, (Tick, Unwell)>>,
}

impl Default for Registry {
    fn default() -> Registry {
        let era = Arc::<Era>::default();
        Registry {
            news: News::default(),
            endpoints: Shelf::default(),
            keys: Shelf::default(),
            courses: Shelf::default(),
            quotas: Quotas::new(era.clone()),
            purses: Purses::new(era),
            unwell: Mutex::default(),
        }
    }
}

/// How long it is remembered that somebody was not well whom a new configuration no longer has: people take a model out of
/// the file and put it back.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Somebody who was not well when the configuration was replaced.
#[derive(Debug, Clone)]
pub(super) enum Unwell {
    Endpoint(Arc<Standing>),
    Key(Arc<KeyStanding>),
}

/// What the requests of one pool share.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub budget: Mutex<Budget>,
    pub hedges: Mutex<Budget>,
    pub sticky: Mutex<Sticky>,
}

impl Unwell {
    fn address(&self) -> usize {
        match self {
            Unwell::Endpoint(endpoint) => Arc::as_ptr(endpoint).addr(),
            Unwell::Key(key) => Arc::as_ptr(key).addr(),
        }
    }
}

impl Registry {
    /// Every endpoint in use, in no order.
    pub fn endpoints(&self) -> Vec<Arc<Standing>> {
        self.in_use(self.endpoints.all())
    }

    /// Every key × model in use, in no order.
    pub fn keys(&self) -> Vec<Arc<KeyStanding>> {
        self.in_use(self.keys.all())
    }

    /// Without those who are only remembered.
    fn in_use<T>(&self, mut all: Vec<Arc<T>>) -> Vec<Arc<T>> {
        let unwell = self.unwell.lock();
        all.retain(|thing| {
            let remembered = unwell.contains_key(&Arc::as_ptr(thing).addr());
            // The one in hand, and the one that is remembered.
            Arc::strong_count(thing) > 1 + usize::from(remembered)
        });
        all
    }

    /// Remembers for a while who of a configuration that ends is not well.
    pub(super) fn remember(&self, those: impl Iterator<Item = Unwell>, now: Tick) {
        let mut unwell = self.unwell.lock();
        unwell.retain(|_, (until, _)| *until > now);
        let until = now + REMEMBERED;
        unwell.extend(those.map(|one| (one.address(), (until, one))));
    }

    /// Every quota, also of endpoints that have none any more.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Every purse, also of those that only a call under way holds.
    pub fn purses(&self) -> &Purses {
        &self.purses
    }

    /// What counts against the quota of an endpoint in a model's own tiers, if it has one.
    pub(super) fn meter(&self, pool: &str, seat: &Seat) -> Option<Arc<Meter>> {
        let quota = seat.quota.as_deref()?;
        let name = MeterName {
            pool: pool.to_owned(),
            provider: seat.provider_name.to_string(),
            model: seat.model.to_string(),
        };
        Some(self.quotas.meter(name, quota, &self.news))
    }

    pub(super) fn endpoint(&self, seat: &Seat) -> Arc<Standing> {
        let news = || self.news.clone();
        self.endpoints.find(seat.identity, || {
            Standing::new(&seat.provider_name, &seat.model, news())
        })
    }

    /// By provider name, key value and upstream model.
    pub(super) fn key(
        &self,
        provider: &Provider,
        key: &ProviderKey,
        seat: &Seat,
    ) -> Arc<KeyStanding> {
        let value = key.value.as_ref();
        let whole = [
            provider.name.as_str(),
            value.map_or("", |value| value.reveal()),
            &seat.model,
        ]
        .join("\0");
        let hash = xxhash_rust::xxh3::xxh3_128(whole.as_bytes());
        #[allow(clippy::cast_possible_truncation, reason = "the two halves of a hash")]
        let identity = ((hash >> 64) as u64, hash as u64);
        // With its place: short keys, and keys of one vendor, may look the same.
        let keys = provider.keys.own().iter();
        let place = keys.take_while(|other| !std::ptr::eq(*other, key)).count() + 1;
        let masked = value.map_or_else(String::new, |value| value.masked());
        let masked = format!("#{place} {masked}").trim_end().to_owned();
        self.keys.find(identity, || {
            KeyStanding::new(&provider.name, &seat.model, masked, self.news.clone())
        })
    }

    pub(super) fn course(&self, pool: &str) -> Arc<Course> {
        self.courses.find(pool.to_owned(), Course::default)
    }
}

/// Weak references by name, swept when they have doubled.
#[derive(Debug)]
struct Shelf<K, V>(Mutex<Kept<K, V>>);

#[derive(Debug)]
struct Kept<K, V> {
    things: HashMap<K, Weak<V>>,
    sweep_at: usize,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Shelf(Mutex::new(Kept {
            things: HashMap::new(),
            sweep_at: 64,
        }))
    }
}

impl<K: Eq + Hash, V> Shelf<K, V> {
    fn find(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut kept = self.0.lock();
        if let Some(thing) = kept.things.get(&key).and_then(Weak::upgrade) {
            return thing;
        }
        if kept.things.len() >= kept.sweep_at {
            kept.things.retain(|_, thing| thing.strong_count() > 0);
            kept.sweep_at = 64.max(2 * kept.things.len());
        }
        let thing = Arc::new(make());
        kept.things.insert(key, Arc::downgrade(&thing));
        thing
    }

    fn all(&self) -> Vec<Arc<V>> {
        self.0
            .lock()
            .things
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_in_use_and_forgets_the_rest() {
        let shelf: Shelf<u32, u32> = Shelf::default();
        let kept = shelf.find(0, || 7);
        (1..10_000).for_each(|n| drop(shelf.find(n, || n)));
        assert_eq!(*shelf.find(0, || 8), 7);
        assert!(shelf.0.lock().things.len() <= 130);
        assert_eq!(shelf.all(), [kept]);
    }
}
