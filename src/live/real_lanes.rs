use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::lane::Lane;

/// Pools made on the fly for real names, so that rotation and standings go on from request to request.
///
/// Anybody who may call can make up names, so there is a bound, and what is used again is kept before what was asked
/// once (second chance, by age).
#[derive(Debug, Default)]
pub(super) struct RealLanes(RwLock<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lanes: FxHashMap<String, Used>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Used {
    lane: Arc<Lane>,
    again: AtomicBool,
}

impl RealLanes {
    /// Bytes. No vendor has names near that.
    pub(super) const LONGEST_NAME: usize = 256;
    /// Some 2 KB each.
    const MOST: usize = 1024;

    pub(super) fn find(&self, name: &str) -> Option<Arc<Lane>> {
        let kept = self.0.read();
        let used = kept.lanes.get(name)?;
        used.again.store(true, Ordering::Relaxed);
        Some(used.lane.clone())
    }

    /// Keeps a new one, or finds that somebody else just did.
    pub(super) fn keep(&self, name: &str, lane: Arc<Lane>) -> Arc<Lane> {
        let mut kept = self.0.write();
        if let Some(used) = kept.lanes.get(name) {
            return used.lane.clone();
        }
        while kept.lanes.len() >= RealLanes::MOST {
            kept.drop_one();
        }
        kept.order.push_back(name.to_owned());
        kept.lanes.insert(
            name.to_owned(),
            Used {
                lane: lane.clone(),
                again: AtomicBool::new(false),
            },
        );
        lane
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.read().order.iter().cloned().collect()
    }
}

impl Kept {
    /// Ends: every name gets its second chance once.
    fn drop_one(&mut self) {
        while let Some(name) = self.order.pop_front() {
            let again = self
                .lanes
                .get(&name)
                .is_some_and(|used| used.again.swap(false, Ordering::Relaxed));
            if !again {
                self.lanes.remove(&name);
                return;
            }
            self.order.push_back(name);
        }
    }
}
