//! What happens, as it happens: server-sent events (WHATWG HTML, section 9.2) for a dashboard and a log's tail. The same
//! number of events a second, however many requests there are.

use std::collections::{BTreeMap, VecDeque};
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
use crate::store::{Batch, Endpoint, Histogram, Load};
use crate::telemetry::metrics;

const EVERY: Duration = Duration::from_secs(1);
/// Requests that are told of one second at most: the newest.
const NEWEST: usize = 20;
/// Endpoints that are told of one by one; the others are told as one.
const MOST_ENDPOINTS: usize = 50;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_p99_ms: Option<f64>,
    /// What came to each endpoint in this second, the busiest first; 50 at most.
    endpoints: Vec<EndpointSecond>,
    /// What came to all others together. Left out: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<OthersSecond>,
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

/// What came to an endpoint in a second.
#[derive(Debug, Serialize, ToSchema)]
struct EndpointSecond {
    provider: String,
    /// The upstream model.
    model: String,
    #[serde(flatten)]
    load: LoadShown,
}

/// What came to the less busy endpoints in a second.
#[derive(Debug, Serialize, ToSchema)]
struct OthersSecond {
    /// So many they are.
    endpoints: usize,
    #[serde(flatten)]
    load: LoadShown,
}

#[derive(Debug, Serialize, ToSchema)]
struct LoadShown {
    /// That it has answered, or was the last to be asked for.
    requests: u64,
    /// Of them refused, or broken off.
    errors: u64,
    attempts: u64,
    failed_attempts: u64,
    /// Of all its attempts, all buckets together.
    tokens: i64,
    /// From the begin of an attempt to its first content.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_p50_ms: Option<f64>,
}

impl LoadShown {
    fn of(load: &Load) -> LoadShown {
        LoadShown {
            requests: load.requests,
            errors: load.errors,
            attempts: load.attempts,
            failed_attempts: load.failed_attempts,
            tokens: load.tokens,
            first_content_p50_ms: load.first.permille(500).map(milliseconds),
        }
    }
}

/// The busiest, and all others as one.
fn busiest(loads: BTreeMap<Endpoint, Load>) -> (Vec<EndpointSecond>, Option<OthersSecond>) {
    let mut all: Vec<(Endpoint, Load)> = loads.into_iter().collect();
    all.sort_by_key(|(_, load)| std::cmp::Reverse((load.requests, load.attempts)));
    let rest = all.split_off(all.len().min(MOST_ENDPOINTS));
    let others = (!rest.is_empty()).then(|| {
        let mut sum = Load::default();
        rest.iter().for_each(|(_, load)| sum.merge(load));
        OthersSecond {
            endpoints: rest.len(),
            load: LoadShown::of(&sum),
        }
    });
    let shown = all.into_iter().map(|(endpoint, load)| EndpointSecond {
        provider: endpoint.provider,
        model: endpoint.model,
        load: LoadShown::of(&load),
    });
    (shown.collect(), others)
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
    loads: BTreeMap<Endpoint, Load>,
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
        for (endpoint, load) in &batch.endpoints {
            match self.loads.get_mut(endpoint) {
                Some(sum) => sum.merge(load),
                None => drop(self.loads.insert(endpoint.clone(), load.clone())),
            }
        }
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
        let (endpoints, others) = busiest(self.loads);
        let second = Second {
            at: rfc3339(now()),
            in_flight: metrics::IN_FLIGHT.get(),
            requests: self.requests,
            errors: self.errors,
            tokens: self.tokens,
            cost_usd: (self.cost != 0 || !self.unpriced).then(|| usd(self.cost)),
            first_content_p50_ms: millis(500),
            first_content_p95_ms: millis(950),
            first_content_p99_ms: millis(990),
            endpoints,
            others,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_endpoints_there_are_so_many_are_told_and_nothing_is_lost() {
        let load = |requests| Load {
            requests,
            attempts: requests,
            ..Load::default()
        };
        let endpoint = |n: u64| Endpoint {
            provider: "p".to_owned(),
            model: format!("m{n}"),
        };
        let (told, others) = busiest((0..60).map(|n| (endpoint(n), load(n))).collect());
        assert_eq!((told.len(), &*told[0].model), (MOST_ENDPOINTS, "m59"));
        let others = others.unwrap();
        assert_eq!(
            (others.endpoints, others.load.requests),
            (10, (0..10).sum())
        );
        let all: u64 = told.iter().map(|one| one.load.requests).sum();
        assert_eq!(all + others.load.requests, (0..60).sum::<u64>());
        let (told, others) = busiest((0..50).map(|n| (endpoint(n), load(n))).collect());
        assert_eq!((told.len(), others.is_none()), (50, true));
    }
}
