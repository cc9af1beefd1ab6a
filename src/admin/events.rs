//! What happens, as it happens: server-sent events (WHATWG HTML, section 9.2) for a dashboard and a log's tail. The same
//! number of events a second, however many requests there are.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use utoipa::ToSchema;

use super::Admin;
use super::figures::milliseconds;
use super::problem::Problem;
use super::requests::{Request, usd};
use super::time::{now, rfc3339};
use crate::live::Live;
use crate::store::{Batch, Histogram};
use crate::telemetry::metrics;

const EVERY: Duration = Duration::from_secs(1);
/// Requests that are told of one second at most: the newest.
const NEWEST: usize = 20;

/// What happened within a second: the event `stats`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Second {
    #[schema(format = DateTime)]
    at: String,
    /// Requests to models, as of now.
    in_flight: i64,
    /// That have ended.
    requests: u64,
    /// Of them refused, or broken off.
    errors: u64,
    /// All buckets together.
    tokens: i64,
    /// Of the requests whose cost is known. Left out: nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_p95_ms: Option<f64>,
    /// Endpoints that are not well.
    unwell: Vec<Unwell>,
}

/// An endpoint that is not well.
#[derive(Debug, Serialize, ToSchema)]
struct Unwell {
    provider: String,
    model: String,
    /// `half_open`, `cooling`, `open`
    state: &'static str,
}

struct Watcher {
    live: Arc<Live>,
    batches: broadcast::Receiver<Arc<Batch>>,
    leaving: watch::Receiver<bool>,
    tick: Interval,
    since: Sum,
    waiting: VecDeque<Event>,
}

#[derive(Default)]
struct Sum {
    requests: u64,
    errors: u64,
    tokens: i64,
    cost: i64,
    unpriced: bool,
    first: Histogram,
    newest: VecDeque<Request>,
}

impl Sum {
    fn add(&mut self, batch: &Batch) {
        self.requests += batch.requests;
        self.errors += batch.errors;
        self.tokens = self.tokens.saturating_add(batch.tokens);
        self.cost = self.cost.saturating_add(batch.cost);
        self.unpriced |= batch.unpriced;
        self.first.merge(&batch.first);
        for row in &batch.newest {
            if self.newest.len() == NEWEST {
                self.newest.pop_front();
            }
            self.newest.push_back(Request::of(row.clone()));
        }
    }

    fn told(self, live: &Live) -> VecDeque<Event> {
        let millis = |share| {
            let time: Option<Duration> = self.first.permille(share);
            time.map(milliseconds)
        };
        let second = Second {
            at: rfc3339(now()),
            in_flight: metrics::IN_FLIGHT.get(),
            requests: self.requests,
            errors: self.errors,
            tokens: self.tokens,
            cost_usd: (self.cost != 0 || !self.unpriced).then(|| usd(self.cost)),
            first_content_p50_ms: millis(500),
            first_content_p95_ms: millis(950),
            unwell: unwell(live),
        };
        let requests = self.newest.iter().map(|request| {
            let event = Event::default().event("request").id(request.id());
            json(event, request)
        });
        let stats = json(Event::default().event("stats"), &second);
        requests.chain([stats]).collect()
    }
}

fn json(event: Event, of: &impl Serialize) -> Event {
    event.data(serde_json::to_string(of).unwrap_or_default())
}

fn unwell(live: &Live) -> Vec<Unwell> {
    let now = crate::clock::now();
    let standings = live.snapshot().registry().endpoints();
    let unwell = standings.iter().filter(|standing| !standing.is_well());
    unwell
        .map(|standing| Unwell {
            provider: standing.provider().to_owned(),
            model: standing.model().to_owned(),
            state: super::standings::state(standing, now).0,
        })
        .collect()
}

/// What happens, as server-sent events
///
/// Each second one `stats`, and before it a `request` for each of the newest that have ended in it (at most 20). The
/// stream ends when the gateway leaves; whoever connects again goes on from then.
#[utoipa::path(
    get,
    path = "/events",
    tag = "gateway",
    responses((status = 200, description = "Events without an end; the data of `stats` is this, that of `request` as in `/requests/{id}`",
               body = Second, content_type = "text/event-stream"))
)]
pub(super) async fn events(
    State(admin): State<Arc<Admin>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let mut tick = interval_at(Instant::now() + EVERY, EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let watcher = Watcher {
        live: admin.live.clone(),
        batches: admin.store()?.watch(),
        leaving: admin.leaving.clone(),
        tick,
        since: Sum::default(),
        // Who connects knows at once that it is connected.
        waiting: Sum::default().told(&admin.live),
    };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl Watcher {
    /// `None`: the process leaves.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            tokio::select! {
                batch = self.batches.recv() => match batch {
                    Ok(batch) => self.since.add(&batch),
                    // It was too slow for some; the next are told again.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                _ = self.tick.tick() => {
                    self.waiting = std::mem::take(&mut self.since).told(&self.live);
                }
                _ = self.leaving.changed() => return None,
            }
        }
    }
}
