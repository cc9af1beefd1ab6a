//! Finished requests for whoever watches: what has come since the last moment, summed up, and the newest of them. Nobody
//! watches: nothing is made.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::histogram::Histogram;
use super::row::Row;

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
    /// The newest, oldest of them first.
    pub newest: Vec<Row>,
}

/// Where batches are passed on.
#[derive(Clone)]
pub(super) struct Tail(broadcast::Sender<Arc<Batch>>);

impl Default for Tail {
    fn default() -> Tail {
        Tail(broadcast::Sender::new(BATCHES))
    }
}

impl Tail {
    pub(super) fn watch(&self) -> broadcast::Receiver<Arc<Batch>> {
        self.0.subscribe()
    }

    /// The same number of batches a second, however many requests there are.
    pub(super) fn tell(&self, rows: &[Row]) {
        if self.0.receiver_count() == 0 || rows.is_empty() {
            return;
        }
        let mut batch = Batch {
            newest: rows[rows.len().saturating_sub(NEWEST)..].to_vec(),
            ..Batch::default()
        };
        for row in rows {
            batch.requests += 1;
            batch.errors += u64::from(row.is_error());
            let tokens = row.tokens.columns().into_iter().flatten();
            batch.tokens = tokens.fold(batch.tokens, i64::saturating_add);
            batch.cost = batch.cost.saturating_add(row.cost.unwrap_or(0));
            batch.unpriced |= row.cost.is_none();
            if let Some(first) = row.first_us {
                batch.first.add(first);
            }
        }
        // The last watcher may have left just now.
        drop(self.0.send(Arc::new(batch)));
    }
}
