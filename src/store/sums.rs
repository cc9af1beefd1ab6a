//! What a batch of rows adds to the statistics, and to where values are seen.

use std::collections::BTreeMap;

use super::histogram::Histogram;
use super::row::{Attempt, Row, Tokens};

/// Of an hour: a row of `rollups` stands under it. Ordered, so that two writers take rows in the same order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series<'a> {
    pub hour: i64,
    /// Model, provider, upstream model, client key, tenant, outcome. Empty where there is none.
    pub names: [&'a str; 6],
}

#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub requests: i64,
    pub errors: i64,
    pub attempts: i64,
    pub failed_attempts: i64,
    pub tokens: [i64; 7],
    pub cost: i64,
    /// Requests whose cost is not known.
    pub unpriced: i64,
    pub first: Histogram,
    pub total: Histogram,
}

/// A facet, its value, and the ten minutes in which it was seen.
pub(super) type Sighting<'a> = (&'static str, &'a str, i64);

#[derive(Default)]
pub(super) struct Sums<'a> {
    pub series: BTreeMap<Series<'a>, Sum>,
    pub seen: BTreeMap<Sighting<'a>, i64>,
}

/// Milliseconds of a [`Sighting`]'s slot.
pub(super) const SLOT: i64 = 600_000;
const HOUR: i64 = 3_600_000;

impl<'a> Sums<'a> {
    pub(super) fn of(rows: impl IntoIterator<Item = &'a Row>) -> Sums<'a> {
        let mut sums = Sums::default();
        for row in rows {
            sums.add(row);
            sums.see(row);
        }
        sums
    }

    fn add(&mut self, row: &'a Row) {
        let decisive = row.decisive();
        for (at, attempt) in row.attempts.iter().enumerate() {
            let outcome = match Some(at) == decisive {
                true => row.outcome(),
                false => "passed_over",
            };
            let sum = self
                .series
                .entry(Series::of(row, Some(attempt), outcome))
                .or_default();
            sum.attempts += 1;
            sum.failed_attempts += i64::from(attempt.outcome != "ok");
            sum.spend(&attempt.tokens);
        }
        let series = Series::of(row, row.endpoint(), row.outcome());
        let sum = self.series.entry(series).or_default();
        sum.requests += 1;
        sum.errors += i64::from(row.is_error());
        if row.attempts.is_empty() {
            sum.spend(&row.tokens);
        }
        match row.cost {
            Some(cost) => sum.cost = sum.cost.saturating_add(cost),
            None => sum.unpriced += 1,
        }
        if let Some(first) = row.first_us {
            sum.first.add(first);
        }
        sum.total.add(row.total_us);
    }

    fn see(&mut self, row: &'a Row) {
        let slot = row.at.div_euclid(SLOT);
        for (facet, value) in facets(row).into_iter().flatten() {
            *self.seen.entry((facet, value, slot)).or_default() += 1;
        }
    }
}

impl<'a> Series<'a> {
    fn of(row: &'a Row, endpoint: Option<&'a Attempt>, outcome: &'a str) -> Series<'a> {
        let endpoint = endpoint.map(|at| (&*at.provider, at.endpoint()));
        let (provider, endpoint) = endpoint.unwrap_or_default();
        Series {
            hour: row.at.div_euclid(HOUR),
            names: [
                row.model.as_deref().unwrap_or_default(),
                provider,
                endpoint,
                row.client_key.as_deref().unwrap_or_default(),
                row.tenant.as_deref().unwrap_or_default(),
                outcome,
            ],
        }
    }
}

impl Sum {
    fn spend(&mut self, tokens: &Tokens) {
        for (sum, tokens) in self.tokens.iter_mut().zip(tokens.columns()) {
            *sum = sum.saturating_add(tokens.unwrap_or(0));
        }
    }
}

/// What rows can be found by, but for their time: the column's name and the value.
fn facets(row: &Row) -> [Option<(&'static str, &str)>; 11] {
    let yes = |name, flag: bool| flag.then_some((name, "1"));
    let endpoint = row.endpoint();
    [
        row.client_key.as_deref().map(|name| ("client_key", name)),
        row.tenant.as_deref().map(|name| ("tenant", name)),
        row.model.as_deref().map(|name| ("model", name)),
        endpoint.map(|at| ("provider", &*at.provider)),
        endpoint.map(|at| ("endpoint", at.endpoint())),
        Some(("status", status_class(row.status))),
        Some(("ending", &*row.ending)),
        row.format.as_deref().map(|name| ("format", name)),
        yes("stream", row.stream),
        yes("failover", row.failed_over()),
        yes("losses", row.dropped.is_some()),
    ]
}

pub(super) fn status_class(status: i64) -> &'static str {
    match status {
        200..=299 => "2xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attempts: &[(&str, &str)], at: i64) -> Row {
        let attempts: Vec<serde_json::Value> = attempts
            .iter()
            .map(|(provider, outcome)| {
                serde_json::json!({ "provider": provider, "model": "x", "key": 1, "outcome": outcome,
                                    "took_us": 1, "input": 10 })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "id": "a", "at": at, "status": 200, "ending": "complete", "stream": true, "total_us": 9000,
            "tokens": { "input": 7 }, "method": "POST", "path": "/", "bytes_in": 0, "bytes_out": 0,
            "attempts": attempts, "model": "m",
        }))
        .unwrap()
    }

    #[test]
    fn what_was_passed_over_is_spent_where_it_was_spent() {
        let rows = [
            row(&[("a", "status"), ("b", "ok")], HOUR),
            row(&[("b", "ok")], HOUR + 1),
        ];
        let sums = Sums::of(&rows);
        let told: Vec<_> = sums
            .series
            .iter()
            .map(|(s, sum)| {
                (
                    s.names[1],
                    s.names[5],
                    sum.requests,
                    sum.attempts,
                    sum.tokens[0],
                )
            })
            .collect();
        assert_eq!(
            told,
            [("a", "passed_over", 0, 1, 10), ("b", "complete", 2, 2, 20)]
        );
        assert_eq!(sums.seen[&("failover", "1", 6)], 1);
        assert_eq!(sums.seen[&("provider", "b", 6)], 2);
    }

    #[test]
    fn one_endpoint_asked_twice_is_no_failover() {
        assert!(!row(&[("a", "status"), ("a", "ok")], 0).failed_over());
        let none: &[Attempt] = &[];
        assert_eq!(row(&[], 0).attempts, none);
    }
}
