//! Where finished requests are told: their metrics, their access lines, and the way to whoever keeps records.
//!
//! A request only puts its record into a list; a thread of its own tells all of them ten times a second, and sooner when
//! there are many. Who reads the metrics tells what waits first. What nobody tells in time is told by the request that
//! finds no room: nothing is lost here.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};

use crate::config::{Gateway, LogFormat};
use crate::ir::Usage;
use crate::ledger::{AttemptRow, Record};
use crate::live::Outbox;
use crate::telemetry::{Sink, access, metrics};

const EVERY: Duration = Duration::from_millis(100);
/// So many wake the teller: few enough that what they are written over is still in the processor's cache.
const WAKE_AT: usize = 64;
/// From so many on a request tells them itself.
const MOST: usize = 8192;
/// The same, in bytes of their bodies.
const WAKE_AT_BODIES: usize = 8 << 20;
const MOST_BODIES: usize = 64 << 20;

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

/// Finished records between their requests and those who are told of them. One for a data plane.
pub struct Till {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// The list that was told last, empty: its memory serves the next. One tells at a time, so that the order stays.
    told: Mutex<Vec<Record>>,
    log: ArcSwap<AccessLog>,
    outbox: Option<Arc<Outbox>>,
}

#[derive(Default)]
struct Waiting {
    records: Vec<Record>,
    /// Bytes of their bodies.
    bodies: usize,
}

impl Till {
    /// Records go on to `outbox`, where there is somebody who keeps them.
    pub fn new(log: AccessLog, outbox: Option<Arc<Outbox>>) -> Till {
        Till {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            told: Mutex::default(),
            log: ArcSwap::from_pointee(log),
            outbox,
        }
    }

    /// From now on lines go there.
    pub fn log_to(&self, log: AccessLog) {
        self.log.store(Arc::new(log));
    }

    /// Takes a finished record.
    pub fn put(&self, record: Record) {
        let bodies = record.bodies.as_ref().map_or(0, |bodies| bodies.held());
        let mut waiting = self.waiting.lock();
        let before = waiting.bodies;
        waiting.bodies += bodies;
        waiting.records.push(record);
        let (many, bodies) = (waiting.records.len(), waiting.bodies);
        drop(waiting);
        if many >= MOST || bodies >= MOST_BODIES {
            self.tell();
        } else if many == WAKE_AT || (before < WAKE_AT_BODIES && bodies >= WAKE_AT_BODIES) {
            self.wake.notify_one();
        }
    }

    /// Tells all there is, now and in this thread.
    pub fn tell(&self) {
        let mut records = self.told.lock();
        let waiting = mem::replace(
            &mut *self.waiting.lock(),
            Waiting {
                records: mem::take(&mut records),
                bodies: 0,
            },
        );
        *records = waiting.records;
        if records.is_empty() {
            return;
        }
        let log = self.log.load();
        let mut lines = Vec::with_capacity(if log.enabled { 512 * records.len() } else { 0 });
        for record in records.drain(..) {
            count(&record);
            if log.enabled {
                access::write_line(&mut lines, &record, log.format);
            }
            // What asks no vendor (our own pages, paths that nobody knows) is no row.
            if let Some(outbox) = &self.outbox
                && record.format.is_some()
            {
                outbox.push(record);
            }
        }
        if !lines.is_empty() {
            log.sink.lines(&lines);
        }
    }

    /// Starts the thread that tells. Until then only [`Till::tell`] does: a thread made before the process goes into the
    /// background would not be there afterwards.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn keep_telling(self: &Arc<Till>) -> io::Result<()> {
        let weak = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("records-told".to_owned());
        thread.spawn(move || {
            while let Some(till) = weak.upgrade() {
                till.wait();
                till.tell();
            }
        })?;
        Ok(())
    }

    fn wait(&self) {
        let mut waiting = self.waiting.lock();
        if waiting.records.len() < WAKE_AT && waiting.bodies < WAKE_AT_BODIES {
            self.wake.wait_for(&mut waiting, EVERY);
        }
    }
}

fn count(record: &Record) {
    for row in &record.attempts {
        // A failure was counted when it happened.
        if row.outcome == AttemptRow::OK {
            count_attempt(row);
        }
        count_input(row);
    }
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

/// An attempt that has ended.
pub(super) fn count_attempt(row: &AttemptRow) {
    metrics::ATTEMPTS
        .with_label_values(&[&*row.provider, &*row.endpoint, row.outcome])
        .inc();
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a metric is a float, and exact up to 2^53"
)]
fn usd(nano: u64) -> f64 {
    nano as f64 / 1e9
}

fn count_tokens(model: &str, usage: &Usage) {
    for (bucket, tokens) in access::buckets(usage) {
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
