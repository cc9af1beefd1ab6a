//! Which endpoint has a conversation's prompt cache warm.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::clock::Tick;

/// Vendors keep a prompt cache for about that long.
const KEEP: Duration = Duration::from_secs(5 * 60);
/// Conversations per virtual model; the longest unused ones are forgotten first. About 3 MB when full.
const MOST: usize = 65_536;

#[derive(Debug, Clone, Copy)]
struct Binding {
    endpoint: u64,
    used: Tick,
}

/// Conversation to endpoint (its identity, so that it survives reloads), for 5 minutes after the last use.
///
/// `order` holds every binding once with the time of some use; a binding that was used since is put back with its newer
/// time when its turn comes. So a use costs one map access and nothing is scanned.
#[derive(Debug, Default)]
pub struct Sticky {
    bindings: FxHashMap<u64, Binding>,
    order: VecDeque<(u64, Tick)>,
}

impl Sticky {
    /// The endpoint that served this conversation within the last 5 minutes.
    pub fn find(&self, conversation: u64, now: Tick) -> Option<u64> {
        let binding = self.bindings.get(&conversation)?;
        (now.since(binding.used) < KEEP).then_some(binding.endpoint)
    }

    pub fn bind(&mut self, conversation: u64, endpoint: u64, now: Tick) {
        if self
            .bindings
            .insert(
                conversation,
                Binding {
                    endpoint,
                    used: now,
                },
            )
            .is_none()
        {
            self.order.push_back((conversation, now));
        }
        self.forget(now);
    }

    /// Drops what is over, and the longest unused where there are too many. Amortised: each binding is moved at most
    /// once per use.
    fn forget(&mut self, now: Tick) {
        while let Some(&(conversation, seen)) = self.order.front() {
            let crowded = self.bindings.len() > MOST;
            if !crowded && now.since(seen) < KEEP {
                return;
            }
            self.order.pop_front();
            match self.bindings.get(&conversation) {
                Some(binding) if binding.used > seen => {
                    self.order.push_back((conversation, binding.used))
                }
                _ => {
                    self.bindings.remove(&conversation);
                }
            }
        }
    }

    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }
}

/// Whether one more request keeps an endpoint within 1.25 times its fair share of the load, rounded up (consistent
/// hashing with bounded loads, Mirrokni et al.).
///
/// `load` and `total` are requests in flight without the new one, at the endpoint and in its whole tier.
pub fn within_bound(load: u64, total: u64, weight: u64, weights: u64) -> bool {
    let fair = 5 * (total + 1) * weight;
    load < fair.div_ceil(4 * weights.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    #[test]
    fn remembers_for_five_minutes_after_the_last_use() {
        let mut sticky = Sticky::default();
        sticky.bind(1, 10, at(1));
        assert_eq!(sticky.find(1, at(300)), Some(10));
        assert_eq!(sticky.find(1, at(301)), None);
        sticky.bind(1, 10, at(300));
        assert_eq!(sticky.find(1, at(599)), Some(10));
    }

    #[test]
    fn what_is_over_leaves_no_trace() {
        let mut sticky = Sticky::default();
        (0..1000).for_each(|n| sticky.bind(n, 1, at(1)));
        sticky.bind(0, 1, at(200));
        sticky.bind(5000, 1, at(400));
        assert_eq!(sticky.len(), 2);
        assert_eq!(sticky.order.len(), 2);
    }

    #[test]
    fn is_bounded_and_forgets_the_longest_unused() {
        let mut sticky = Sticky::default();
        for n in 0..3 * MOST as u64 {
            sticky.bind(n, 1, Tick(n));
            sticky.bind(7, 2, Tick(n));
        }
        assert!(sticky.len() <= MOST);
        assert!(sticky.order.len() <= MOST);
        assert_eq!(sticky.find(7, Tick(3 * MOST as u64)), Some(2));
        assert_eq!(sticky.find(8, Tick(3 * MOST as u64)), None);
    }

    #[test]
    fn the_bound_is_a_quarter_over_fair_rounded_up() {
        assert!(within_bound(0, 0, 1, 4), "an idle endpoint takes one");
        assert!(!within_bound(1, 1, 1, 4), "1.25 * 2 / 4 rounds up to 1");
        assert!(within_bound(24, 79, 1, 4), "1.25 * 80 / 4 = 25");
        assert!(!within_bound(25, 79, 1, 4));
        assert!(within_bound(100, 100, 3, 3), "alone it is always within");
    }
}
