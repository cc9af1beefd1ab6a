//! A request's record while it is written. Dropping it closes it: exactly one record a request, whatever happens.

use std::sync::Arc;

use crate::clock::{self, Tick};
use crate::config::{Gateway, LogFormat};
use crate::ir::Usage;
use crate::ledger::{AttemptRow, Bodies, Ending, Record};
use crate::live::{Grant, Outbox};
use crate::telemetry::{Sink, access, metrics};

/// The status in the record of a request whose client went away before it got one.
pub const CLIENT_GONE: u16 = 499;

/// Where access lines go, and how.
#[derive(Clone)]
pub struct AccessLog {
    pub sink: Sink,
    pub format: LogFormat,
    pub enabled: bool,
}

impl AccessLog {
    /// The access log of a configuration.
    pub fn of(gateway: &Gateway, sink: &Sink) -> AccessLog {
        AccessLog {
            sink: sink.clone(),
            format: gateway.log.format,
            enabled: gateway.log.requests,
        }
    }
}

/// The open record of one request.
pub struct Tab {
    pub record: Record,
    arrived: Tick,
    log: AccessLog,
    outbox: Option<Arc<Outbox>>,
    /// What it has reserved of limits.
    grant: Option<Grant>,
    /// It was only asked what would become of it.
    hypothetical: bool,
}

impl Tab {
    /// Opens the record; counts the request as in flight.
    pub fn open(record: Record, arrived: Tick, log: AccessLog, outbox: Option<Arc<Outbox>>) -> Tab {
        metrics::IN_FLIGHT.inc();
        Tab {
            record,
            arrived,
            log,
            outbox,
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

    pub fn attempt(&mut self, row: AttemptRow) {
        metrics::ATTEMPTS
            .with_label_values(&[&*row.provider, &*row.endpoint, row.outcome])
            .inc();
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

    fn count(&self) {
        let record = &self.record;
        record.attempts.iter().for_each(count_input);
        let model = record.model.as_deref().unwrap_or("");
        let format = record.format.map_or("", |format| format.name());
        let mut status = itoa::Buffer::new();
        let status = status.format(record.status);
        metrics::REQUESTS
            .with_label_values(&[model, format, status, record.ending.name()])
            .inc();
        if record.model.is_none() {
            return;
        }
        metrics::DURATION
            .with_label_values(&[model])
            .observe(record.total.as_secs_f64());
        if let Some(first) = record.first_content {
            metrics::FIRST_CONTENT
                .with_label_values(&[model])
                .observe(first.as_secs_f64());
        }
        let mut spent = 0;
        for usage in record.spent() {
            spent += usage.total();
            count_tokens(model, &usage);
        }
        if let Some(nano) = record.cost().filter(|_| spent > 0) {
            metrics::COST.with_label_values(&[model]).inc_by(usd(nano));
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a metric is a float, and exact up to 2^53"
)]
fn usd(nano: u64) -> f64 {
    nano as f64 / 1e9
}

fn count_tokens(model: &str, usage: &Usage) {
    let buckets = [
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write", usage.cache_write),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("audio", usage.audio()),
    ];
    for (bucket, tokens) in buckets {
        if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
            metrics::TOKENS
                .with_label_values(&[model, bucket])
                .inc_by(tokens);
        }
    }
}

/// What the vendor said of the attempt's input.
fn count_input(row: &AttemptRow) {
    if row.usage_estimated {
        return;
    }
    let buckets = [
        ("input", row.usage.input),
        ("cache_read", row.usage.cache_read),
        ("cache_write", row.usage.cache_write),
    ];
    for (bucket, tokens) in buckets {
        if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
            metrics::ENDPOINT_INPUT
                .with_label_values(&[&*row.provider, &*row.endpoint, bucket])
                .inc_by(tokens);
        }
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.record.total = clock::now().since(self.arrived);
        if let Some(grant) = self.grant.take() {
            grant.settle(self.record.took());
        }
        metrics::IN_FLIGHT.dec();
        if self.hypothetical {
            return;
        }
        self.count();
        if self.log.enabled {
            let mut line = Vec::with_capacity(512);
            access::write_line(&mut line, &self.record, self.log.format);
            self.log.sink.line(&line);
        }
        // What asks no vendor (our own pages, paths that nobody knows) is no row.
        if let Some(outbox) = &self.outbox
            && self.record.format.is_some()
        {
            outbox.push(self.record.take());
        }
    }
}
