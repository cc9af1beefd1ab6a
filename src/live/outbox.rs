//! Finished records on their way out of the requests.
//!
//! A request only puts its record into a list that has room for it already; whoever keeps records takes the whole list at
//! once and leaves an empty one. Nobody is woken for a record: the keeper comes five times a second, and sooner when
//! there are many. Where it does not come, records are counted as lost rather than memory filled.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::ledger::Record;

/// Records that wait at most: some seconds of a busy gateway.
const MOST: usize = 16_384;
/// So many wake the keeper.
const WAKE_AT: usize = 128;
/// Bytes of bodies that wait at most. So many of them wake the keeper, too.
const MOST_BODIES: usize = 64 << 20;
const WAKE_AT_BODIES: usize = 8 << 20;

/// Finished records between the requests that they are of and whoever keeps them. One for a process.
pub struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    lost: AtomicU64,
    lost_bodies: AtomicU64,
}

struct Waiting {
    records: Vec<Record>,
    /// Bytes of their bodies.
    bodies: usize,
    closing: bool,
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox {
            waiting: Mutex::new(Waiting {
                records: Vec::with_capacity(WAKE_AT),
                bodies: 0,
                closing: false,
            }),
            wake: Condvar::new(),
            lost: AtomicU64::new(0),
            lost_bodies: AtomicU64::new(0),
        }
    }
}

impl Outbox {
    /// Puts a record in. Waits for nobody.
    pub fn push(&self, mut record: Record) {
        let bodies = record.bodies.as_ref().map_or(0, |bodies| bodies.held());
        let mut waiting = self.waiting.lock();
        if waiting.records.len() >= MOST {
            drop(waiting);
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let before = waiting.bodies;
        if bodies > 0 && before + bodies > MOST_BODIES {
            record.bodies = None;
            self.lost_bodies.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.bodies += bodies;
        }
        let passed = before < WAKE_AT_BODIES && waiting.bodies >= WAKE_AT_BODIES;
        waiting.records.push(record);
        let wake = waiting.records.len() == WAKE_AT || passed;
        drop(waiting);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Takes all there is; `into` must be empty, and its memory serves the next records. Waits so long for many.
    /// `false`: the outbox is closing, and these are the last.
    pub fn take(&self, into: &mut Vec<Record>, wait: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        let few = waiting.records.len() < WAKE_AT && waiting.bodies < WAKE_AT_BODIES;
        if few && !waiting.closing && !wait.is_zero() {
            self.wake.wait_for(&mut waiting, wait);
        }
        waiting.bodies = 0;
        mem::swap(into, &mut waiting.records);
        !waiting.closing
    }

    /// The keeper shall write what is there, and end.
    pub fn close(&self) {
        self.waiting.lock().closing = true;
        self.wake.notify_all();
    }

    /// Records whose bodies found no room, since the last time.
    pub fn take_lost_bodies(&self) -> u64 {
        self.lost_bodies.swap(0, Ordering::Relaxed)
    }

    /// Records for which there was no room, since the last time.
    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RequestId;
    use crate::ir::Usage;
    use crate::ledger::{Bodies, Ending};
    use std::sync::Arc;

    fn record() -> Record {
        Record {
            id: RequestId::made(Duration::ZERO),
            at: Duration::ZERO,
            client: None,
            client_key: None,
            tenant: None,
            limited: None,
            refusal: None,
            method: http::Method::POST,
            path: "/".into(),
            format: None,
            asked_model: None,
            model: None,
            route: None,
            stream: false,
            status: 200,
            ending: Ending::Complete,
            bytes_in: 0,
            bytes_out: 0,
            first_content: None,
            total: Duration::ZERO,
            usage: Usage::default(),
            usage_estimated: false,
            attempts: Vec::new(),
            dropped: None,
            candidates: Vec::new(),
            bodies: None,
        }
    }

    #[test]
    fn bodies_fill_no_memory_and_cost_no_record() {
        let outbox = Outbox::default();
        for _ in 0..100 {
            let body = vec![b'x'; 1 << 20];
            let bodies = Bodies::of(&body, 4 << 20, Arc::default(), Vec::new());
            outbox.push(Record {
                bodies: Some(Box::new(bodies)),
                ..record()
            });
        }
        let mut taken = Vec::new();
        outbox.take(&mut taken, Duration::ZERO);
        let whole = taken.iter().filter(|record| record.bodies.is_some());
        assert_eq!((taken.len(), whole.count()), (100, 64));
        assert_eq!((outbox.take_lost(), outbox.take_lost_bodies()), (0, 36));
    }

    #[test]
    fn what_nobody_takes_is_counted_and_fills_no_memory() {
        let outbox = Outbox::default();
        for _ in 0..MOST + 3 {
            outbox.push(record());
        }
        let mut taken = Vec::new();
        assert!(outbox.take(&mut taken, Duration::from_secs(60)));
        assert_eq!(
            (taken.len(), outbox.take_lost(), outbox.take_lost()),
            (MOST, 3, 0)
        );
        taken.clear();
        outbox.close();
        outbox.push(record());
        assert!(!outbox.take(&mut taken, Duration::from_secs(60)));
        assert_eq!(taken.len(), 1);
    }
}
