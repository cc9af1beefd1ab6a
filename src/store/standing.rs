//! Whether the database takes what it is given, as far as the writer knows: one truth for the metric, for `/status`, and
//! for readers, who need not wait for what is known to be away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::telemetry::metrics;

/// Clones tell of the same database.
#[derive(Debug, Clone)]
pub(super) struct Standing(Arc<AtomicBool>);

impl Standing {
    pub(super) fn new(up: bool) -> Standing {
        let standing = Standing(Arc::default());
        standing.set(up);
        standing
    }

    pub(super) fn set(&self, up: bool) {
        self.0.store(up, Ordering::Relaxed);
        metrics::RECORD_STORE_UP.set(i64::from(up));
    }

    pub(super) fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
