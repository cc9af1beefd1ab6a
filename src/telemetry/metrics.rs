//! Prometheus metrics. Names carry their unit; labels are bounded by the configuration, never by what strangers send.

use once_cell::sync::Lazy;
use prometheus::core::Collector;
use prometheus::{
    CounterVec, Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, Opts, Registry, TextEncoder,
};

static REGISTRY: Lazy<Registry> = Lazy::new(Registry::new);

/// Seconds: from a fast cached answer to the longest reasoning.
const SECONDS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0,
];

/// Requests, by virtual model, client format, status and ending.
pub static REQUESTS: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_requests_total",
        "Requests answered, by virtual model, client format, status and ending.",
        &["model", "format", "status", "ending"],
    )
});

/// Attempts, by provider, upstream model and outcome.
pub static ATTEMPTS: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_attempts_total",
        "Attempts at endpoints, by provider, upstream model and outcome.",
        &["provider", "model", "outcome"],
    )
});

/// From a request's arrival to the first content sent to the client.
pub static FIRST_CONTENT: Lazy<HistogramVec> = Lazy::new(|| {
    histograms(
        "tidegate_first_token_seconds",
        "Time from a request's arrival to its first content.",
        &["model"],
    )
});

/// From a request's arrival to the end of its answer.
pub static DURATION: Lazy<HistogramVec> = Lazy::new(|| {
    histograms(
        "tidegate_request_seconds",
        "Time from a request's arrival to the end of its answer.",
        &["model"],
    )
});

/// Tokens by virtual model and bucket.
pub static TOKENS: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_tokens_total",
        "Tokens by virtual model and bucket (input, cache_read, cache_write, output, reasoning, audio).",
        &["model", "bucket"],
    )
});

/// Input tokens by endpoint and bucket: what share of them a prompt cache has served.
pub static ENDPOINT_INPUT: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_endpoint_input_tokens_total",
        "Input tokens by endpoint and bucket: input (not cached), cache_read, cache_write.",
        &["provider", "model", "bucket"],
    )
});

/// Requests being served.
pub static IN_FLIGHT: Lazy<IntGauge> =
    Lazy::new(|| gauge("tidegate_requests_in_flight", "Requests being served now."));

/// Bytes of request bodies that are held.
pub static BODY_BYTES: Lazy<IntGauge> = Lazy::new(|| {
    gauge(
        "tidegate_body_bytes_in_flight",
        "Bytes of request bodies held now.",
    )
});

/// Bytes of request bodies that are in files.
pub static SPOOLED_BYTES: Lazy<IntGauge> = Lazy::new(|| {
    gauge(
        "tidegate_body_bytes_spooled",
        "Bytes of request bodies in temporary files now.",
    )
});

/// Tasks alive on the serving runtime.
pub static TASKS: Lazy<IntGauge> = Lazy::new(|| {
    gauge(
        "tidegate_tasks",
        "Tasks alive on the runtime that serves requests.",
    )
});

/// Endpoint state.
pub static ENDPOINT_STATE: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_endpoint_state",
        "State of an endpoint: 0 ready, 1 half-open, 2 cooling, 3 breaker open.",
        &["provider", "model"],
    )
});

/// Key state.
pub static KEY_STATE: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_key_state",
        "State of a provider key for an upstream model: 0 ready, 1 cooling after 429, 2 refused (401, 402, 403).",
        &["provider", "model", "key"],
    )
});

/// Quotas of endpoints, by virtual model, provider, upstream model and what is limited.
pub static QUOTA_USED: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_endpoint_quota_used",
        "Requests and tokens used of an endpoint's quota since its last reset.",
        &QUOTA,
    )
});

/// What attempts under way may still use.
pub static QUOTA_RESERVED: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_endpoint_quota_reserved",
        "Requests and tokens of an endpoint's quota that attempts under way have reserved.",
        &QUOTA,
    )
});

/// Not there where there is no limit.
pub static QUOTA_LIMIT: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_endpoint_quota_limit",
        "Requests and tokens that an endpoint's quota has from one reset to the next.",
        &QUOTA,
    )
});

/// When quotas begin anew.
pub static QUOTA_RESET: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_endpoint_quota_reset_timestamp_seconds",
        "When an endpoint's quota is reset, in seconds since the Unix epoch.",
        &["pool", "provider", "model"],
    )
});

const QUOTA: [&str; 4] = ["pool", "provider", "model", "of"];

/// What answers have cost, where there is a price.
pub static COST: Lazy<CounterVec> = Lazy::new(|| {
    registered(CounterVec::new(
        Opts::new(
            "tidegate_cost_usd_total",
            "What answers have cost in USD, by virtual model; those without a known price are not in it.",
        ),
        &["model"],
    ))
});

/// Requests that a limit has refused, by whose it is and which.
pub static LIMIT_REFUSALS: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_limit_refusals_total",
        "Requests refused by a limit of their client key or tenant, by whose it is (key, tenant) and which.",
        &["owner", "limit"],
    )
});

/// Limits of client keys and tenants. rpm and tpm: within the last 60 s.
pub static LIMIT_USED: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_limit_used",
        "What is used of a limit of a client key or tenant (budget in USD).",
        &LIMIT,
    )
});

/// What requests under way may still use.
pub static LIMIT_RESERVED: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_limit_reserved",
        "What requests under way have reserved of a quota or budget of a client key or tenant.",
        &LIMIT,
    )
});

/// Not there where there is no limit.
pub static LIMIT_MOST: Lazy<GaugeVec> = Lazy::new(|| {
    gauges(
        "tidegate_limit_most",
        "The limit of a client key or tenant itself (budget in USD).",
        &LIMIT,
    )
});

const LIMIT: [&str; 3] = ["owner", "name", "limit"];

/// Writes that failed.
pub static QUOTA_JOURNAL_ERRORS: Lazy<IntCounter> = Lazy::new(|| {
    let made = IntCounter::new(
        "tidegate_quota_journal_errors_total",
        "Times that the journal of quotas could not be written.",
    );
    registered(made)
});

/// Single malformed events that vendors sent and that were skipped or passed on unread.
pub static MALFORMED_EVENTS: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_malformed_events_total",
        "Malformed stream events from vendors.",
        &["provider"],
    )
});

/// Configuration reloads, by result.
pub static RELOADS: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_reloads_total",
        "Configuration reloads, by result.",
        &["result"],
    )
});

/// Records of requests that are in the database.
pub static RECORDS_WRITTEN: Lazy<IntCounter> = Lazy::new(|| {
    let made = IntCounter::new(
        "tidegate_records_written_total",
        "Records of requests written to the database.",
    );
    registered(made)
});

/// Records that are in no database and in no spool, by why: `full` (more came than could be kept), `spool` (the spool
/// could not be written, or not be read again), `refused` (the database did not take it).
pub static RECORDS_LOST: Lazy<IntCounterVec> = Lazy::new(|| {
    counters(
        "tidegate_records_lost_total",
        "Records of requests that were lost, by why: full, spool, refused.",
        &["why"],
    )
});

/// Records without the bodies that were to be kept with them: more came than could be held.
pub static BODIES_LOST: Lazy<IntCounter> = Lazy::new(|| {
    let made = IntCounter::new(
        "tidegate_record_bodies_lost_total",
        "Records whose bodies were to be kept and are not, because too many came.",
    );
    registered(made)
});

/// What waits for the database.
pub static RECORD_SPOOL: Lazy<IntGauge> = Lazy::new(|| {
    gauge(
        "tidegate_record_spool_bytes",
        "Bytes of records that wait on disk for the database.",
    )
});

/// Whether the database takes records.
pub static RECORD_STORE_UP: Lazy<IntGauge> = Lazy::new(|| {
    gauge(
        "tidegate_record_store_up",
        "Whether the database takes records: 1, or 0 while it is away.",
    )
});

/// Lines that could not be written.
pub static LOG_LINES_DROPPED: Lazy<IntCounter> = Lazy::new(|| {
    let made = IntCounter::new(
        "tidegate_log_lines_dropped_total",
        "Log lines that could not be written.",
    );
    registered(made)
});

/// Everything in the Prometheus text format.
pub fn render() -> Vec<u8> {
    let mut out = Vec::with_capacity(8 << 10);
    if let Err(e) = TextEncoder::new().encode(&REGISTRY.gather(), &mut out) {
        log::error!("cannot render metrics: {e}");
    }
    out
}

fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    registered(GaugeVec::new(Opts::new(name, help), labels))
}

fn histograms(name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    registered(HistogramVec::new(opts, labels))
}

fn gauge(name: &str, help: &str) -> IntGauge {
    registered(IntGauge::new(name, help))
}

/// Names and labels are literals of this file: a wrong one is a mistake that the first test run shows.
#[allow(
    clippy::expect_used,
    reason = "only literals of this file decide; every test renders them"
)]
fn registered<C: Collector + Clone + 'static>(made: prometheus::Result<C>) -> C {
    let metric = made.expect("a valid metric");
    REGISTRY
        .register(Box::new(metric.clone()))
        .expect("a metric registered once");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_rendered() {
        REQUESTS
            .with_label_values(&["sonnet", "anthropic", "200", "complete"])
            .inc();
        IN_FLIGHT.set(0);
        let text = String::from_utf8(render()).unwrap();
        assert!(
            text.contains("tidegate_requests_total{ending=\"complete\",format=\"anthropic\""),
            "{text}"
        );
        assert!(text.contains("tidegate_requests_in_flight 0"));
    }
}
