//! Finished requests for whoever watches: what has come since the last moment, summed up, and the newest of them. Nobody
//! watches: nothing is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustc_hash::FxHashMap;
use tokio::sync::broadcast;

use super::histogram::Histogram;
use super::row::{Row, Tokens};

/// Of so many batches a slow watcher loses none.
const BATCHES: usize = 64;
/// Of one batch's requests, the newest are passed on.
const NEWEST: usize = 20;

/// What came together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub requests: u64,
    /// Refused, or broken off.
    pub errors: u64,
    /// All buckets together.
    pub tokens: i64,
    /// 10^-9 USD, of those whose cost is known.
    pub cost: i64,
    /// Of some it is not.
    pub unpriced: bool,
    /// Until the first content.
    pub first: Histogram,
    /// By endpoint, in no order.
    pub endpoints: Vec<(Endpoint, Load)>,
    /// The newest, oldest of them first; none, where nobody watches all of them.
    pub newest: Vec<Row>,
    /// The newest that were refused or broken off, oldest of them first.
    pub failed: Vec<Row>,
}

/// An endpoint, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    pub provider: String,
    pub model: String,
}

/// What came to an endpoint.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// That it has answered, or was the last to be asked for.
    pub requests: u64,
    /// Of them refused, or broken off.
    pub errors: u64,
    pub attempts: u64,
    pub failed_attempts: u64,
    /// Of all its attempts.
    pub tokens: i64,
    /// From the begin of an attempt to its first content.
    pub first: Histogram,
}

impl Load {
    pub fn merge(&mut self, other: &Load) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.attempts += other.attempts;
        self.failed_attempts += other.failed_attempts;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.first.merge(&other.first);
    }
}

fn sum(tokens: &Tokens) -> i64 {
    let all = tokens.columns().into_iter().flatten();
    all.fold(0, i64::saturating_add)
}

/// What came to each endpoint, by its names.
#[derive(Default)]
struct Loads<'r>(FxHashMap<(&'r str, &'r str), Load>);

impl<'r> Loads<'r> {
    fn add(&mut self, row: &'r Row) {
        let decisive = row.decisive();
        for (at, attempt) in row.attempts.iter().enumerate() {
            let key = (&*attempt.provider, attempt.endpoint());
            let load = self.0.entry(key).or_default();
            load.attempts += 1;
            load.failed_attempts += u64::from(attempt.has_failed());
            load.tokens = load.tokens.saturating_add(sum(&attempt.tokens));
            if Some(at) == decisive {
                load.requests += 1;
                load.errors += u64::from(row.is_error());
            }
            if let Some(first) = attempt.first_us {
                load.first.add(first);
            }
        }
    }

    fn told(self) -> Vec<(Endpoint, Load)> {
        let all = self.0.into_iter().map(|((provider, model), load)| {
            let (provider, model) = (provider.to_owned(), model.to_owned());
            (Endpoint { provider, model }, load)
        });
        all.collect()
    }
}

/// Which requests a watcher is told one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    Newest,
    Failed,
}

/// Where batches are passed on.
#[derive(Clone)]
pub(super) struct Tail {
    batches: broadcast::Sender<Arc<Batch>>,
    /// So many watch for the newest requests.
    closely: Arc<AtomicUsize>,
}

impl Default for Tail {
    fn default() -> Tail {
        Tail {
            batches: broadcast::Sender::new(BATCHES),
            closely: Arc::default(),
        }
    }
}

/// What finishes, for one who watches.
pub struct Watch {
    batches: broadcast::Receiver<Arc<Batch>>,
    closely: Option<Arc<AtomicUsize>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(closely) = &self.closely {
            closely.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Watch {
    /// The next batch. `None`: there comes no more.
    pub async fn next(&mut self) -> Option<Arc<Batch>> {
        loop {
            match self.batches.recv().await {
                Ok(batch) => return Some(batch),
                // It was too slow for some; the next are told again.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Tail {
    pub(super) fn watch(&self, rows: Rows) -> Watch {
        let closely = (rows == Rows::Newest).then(|| self.closely.clone());
        if let Some(closely) = &closely {
            closely.fetch_add(1, Ordering::Relaxed);
        }
        Watch {
            batches: self.batches.subscribe(),
            closely,
        }
    }

    /// The same number of batches a second, however many requests there are.
    pub(super) fn tell(&self, rows: &[Row]) {
        if self.batches.receiver_count() == 0 || rows.is_empty() {
            return;
        }
        let mut batch = Batch::default();
        if self.closely.load(Ordering::Relaxed) > 0 {
            batch.newest = rows[rows.len().saturating_sub(NEWEST)..].to_vec();
        }
        let failed = rows.iter().rev().filter(|row| row.is_error());
        batch.failed = failed.take(NEWEST).cloned().collect();
        batch.failed.reverse();
        let mut loads = Loads::default();
        for row in rows {
            batch.requests += 1;
            batch.errors += u64::from(row.is_error());
            batch.tokens = batch.tokens.saturating_add(sum(&row.tokens));
            loads.add(row);
            batch.cost = batch.cost.saturating_add(row.cost.unwrap_or(0));
            batch.unpriced |= row.cost.is_none() && !row.attempts.is_empty();
            if let Some(first) = row.first_us {
                batch.first.add(first);
            }
        }
        batch.endpoints = loads.told();
        // The last watcher may have left just now.
        drop(self.batches.send(Arc::new(batch)));
    }
}
