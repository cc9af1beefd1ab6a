//! A request's record while it is written. Dropping it closes it: exactly one record a request, whatever happens.

use std::sync::Arc;

use crate::clock::{self, Tick};
use crate::ir::Usage;
use crate::ledger::{AttemptRow, Bodies, Ending, Record};
use crate::live::Grant;
use crate::proxy::till::{Till, count_attempt};
use crate::telemetry::metrics;

/// The status in the record of a request whose client went away before it got one.
pub const CLIENT_GONE: u16 = 499;

/// The open record of one request.
pub struct Tab {
    pub record: Record,
    arrived: Tick,
    till: Arc<Till>,
    /// What it has reserved of limits.
    grant: Option<Grant>,
    /// It was only asked what would become of it.
    hypothetical: bool,
}

impl Tab {
    /// Opens the record; counts the request as in flight.
    pub fn open(record: Record, arrived: Tick, till: Arc<Till>) -> Tab {
        metrics::IN_FLIGHT.inc();
        Tab {
            record,
            arrived,
            till,
            grant: None,
            hypothetical: false,
        }
    }

    /// What it may take of its caller's limits, until it is closed.
    pub fn hold(&mut self, grant: Grant) {
        self.grant = Some(grant);
    }

    /// It was no request: nothing is told, counted or kept of it.
    pub fn forget(&mut self) {
        self.grant = None;
        self.hypothetical = true;
    }

    pub fn is_hypothetical(&self) -> bool {
        self.hypothetical
    }

    pub fn attempt(&mut self, row: AttemptRow) {
        // What went well is counted with the request.
        if row.outcome != AttemptRow::OK {
            count_attempt(&row);
        }
        // Most requests have one, and a row is large.
        if self.record.attempts.is_empty() {
            self.record.attempts.reserve_exact(1);
        }
        self.record.attempts.push(row);
    }

    /// The first content goes to the client.
    pub fn first_content(&mut self, now: Tick) {
        self.record.first_content = Some(now.since(self.arrived));
    }

    /// Keeps what the client has asked, and what it will be answered.
    pub fn keep_bodies(&mut self, bodies: Bodies) {
        self.record.bodies = Some(Box::new(bodies));
    }

    /// Bytes that the client gets.
    pub fn answered(&mut self, bytes: &[u8]) {
        if let Some(bodies) = &mut self.record.bodies {
            bodies.answer(bytes);
        }
    }

    pub fn refused(&mut self, status: u16, bytes: u64) {
        self.record.status = status;
        self.record.ending = Ending::Refused;
        self.record.bytes_out = bytes;
    }

    /// Books what the vendor said. Where it said nothing, or broke off before it could say all, our estimate fills in,
    /// and the record says so.
    pub fn book(&mut self, said: Usage, estimate: Usage) {
        let whole = self.record.ending == Ending::Complete;
        self.record.usage_estimated = !whole || !said.is_known();
        self.record.usage = said;
        if self.record.usage_estimated {
            let usage = &mut self.record.usage;
            usage.input = usage.input.or(estimate.input);
            usage.output = usage.output.max(estimate.output);
        }
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.record.total = clock::now().since(self.arrived);
        if let Some(grant) = self.grant.take() {
            grant.settle(self.record.took());
        }
        if !self.hypothetical {
            self.till.put(self.record.take());
        }
        metrics::IN_FLIGHT.dec();
    }
}
