//! What a batch of rows adds to the statistics, and to where values are seen.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::histogram::{Histogram, class_name};
use super::row::{Attempt, Row, Tokens};
use crate::ledger::AttemptRow;

/// Of an hour: a row of `rollups` stands under it. Ordered, so that two writers take rows in the same order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series<'a> {
    pub hour: i64,
    /// Model, provider, upstream model, client key, tenant, outcome. Empty where there is none.
    pub names: [&'a str; 6],
    /// Of the answer; 0 of an attempt that was passed over.
    pub status: i64,
}

/// Of an hour: provider, how the key is shown, and the vendor's status (0: none).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeySeries<'a> {
    pub hour: i64,
    pub provider: &'a str,
    pub key: &'a str,
    pub status: i64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeySum {
    pub attempts: i64,
    pub ok: i64,
    pub failed: i64,
    /// Milliseconds since the Unix epoch.
    pub last_at: i64,
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
pub(super) type Sighting<'a> = (&'static str, Cow<'a, str>, i64);

#[derive(Default)]
pub(super) struct Sums<'a> {
    pub series: BTreeMap<Series<'a>, Sum>,
    pub keys: BTreeMap<KeySeries<'a>, KeySum>,
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
            self.use_key(row, attempt);
            let outcome = match Some(at) == decisive {
                true => (row.outcome(), row.status),
                false => ("passed_over", 0),
            };
            let sum = self
                .series
                .entry(Series::of(row, Some(attempt), outcome))
                .or_default();
            sum.attempts += 1;
            sum.failed_attempts += i64::from(attempt.has_failed());
            sum.spend(&attempt.tokens);
        }
        let series = Series::of(row, row.endpoint(), (row.outcome(), row.status));
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

    fn use_key(&mut self, row: &'a Row, attempt: &'a Attempt) {
        let series = KeySeries {
            hour: row.at.div_euclid(HOUR),
            provider: &attempt.provider,
            key: attempt.key_masked.as_deref().unwrap_or_default(),
            status: attempt.status.map_or(0, i64::from),
        };
        let sum = self.keys.entry(series).or_default();
        sum.attempts += 1;
        sum.ok += i64::from(attempt.outcome == AttemptRow::OK);
        sum.failed += i64::from(attempt.has_failed());
        sum.last_at = sum.last_at.max(row.at);
    }

    fn see(&mut self, row: &'a Row) {
        let slot = row.at.div_euclid(SLOT);
        for (facet, value) in facets(row).into_iter().flatten() {
            *self.seen.entry((facet, value, slot)).or_default() += 1;
        }
    }
}

impl<'a> Series<'a> {
    fn of(
        row: &'a Row,
        endpoint: Option<&'a Attempt>,
        (outcome, status): (&'a str, i64),
    ) -> Series<'a> {
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
            status,
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
fn facets(row: &Row) -> [Option<(&'static str, Cow<'_, str>)>; 13] {
    let text = |name, text| Some((name, Cow::Borrowed(text)));
    let yes = |name, flag: bool| flag.then_some((name, Cow::Borrowed("1")));
    let endpoint = row.endpoint();
    [
        row.client_key
            .as_deref()
            .and_then(|name| text("client_key", name)),
        row.tenant.as_deref().and_then(|name| text("tenant", name)),
        row.model.as_deref().and_then(|name| text("model", name)),
        endpoint.and_then(|at| text("provider", &at.provider)),
        endpoint.and_then(|at| text("endpoint", at.endpoint())),
        Some(("status", Cow::Owned(row.status.to_string()))),
        text("ending", &row.ending),
        row.format.as_deref().and_then(|name| text("format", name)),
        yes("stream", row.stream),
        yes("failover", row.failed_over()),
        yes("again", row.attempts.len() > 1),
        yes("losses", row.dropped.is_some()),
        text("total", class_name(row.total_us)),
    ]
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
        let keys: Vec<_> = sums
            .keys
            .iter()
            .map(|(of, sum)| (of.provider, of.key, sum.attempts, sum.ok, sum.failed))
            .collect();
        assert_eq!(keys, [("a", "", 1, 0, 1), ("b", "", 2, 2, 0)]);
        assert_eq!(sums.seen[&("failover", "1".into(), 6)], 1);
        assert_eq!(sums.seen[&("provider", "b".into(), 6)], 2);
    }

    #[test]
    fn who_was_cancelled_has_not_failed_and_both_sums_say_so() {
        let outcomes = ["client_gone", "lost", "resent", "timeout", "ok"];
        let rows = [row(&outcomes.map(|outcome| ("a", outcome)), HOUR)];
        let sums = Sums::of(&rows);
        let failed: i64 = sums.series.values().map(|sum| sum.failed_attempts).sum();
        let keys: Vec<_> = sums.keys.values().map(|sum| (sum.ok, sum.failed)).collect();
        assert_eq!((failed, keys), (1, vec![(1, 1)]));
    }

    #[test]
    fn what_rows_have_spent_is_what_is_added_up() {
        let rows = [
            row(&[("a", "lost"), ("b", "ok")], HOUR),
            row(&[("b", "ok")], HOUR),
            row(&[], HOUR),
        ];
        let spent = rows.iter().filter_map(|row| row.spent().input);
        let sums = Sums::of(&rows);
        let summed: i64 = sums.series.values().map(|sum| sum.tokens[0]).sum();
        assert_eq!((spent.sum::<i64>(), summed), (37, 37));
        assert_eq!(rows[0].spent().output, None, "nobody has said");
    }

    #[test]
    fn one_endpoint_asked_twice_is_no_failover() {
        assert!(!row(&[("a", "status"), ("a", "ok")], 0).failed_over());
        let none: &[Attempt] = &[];
        assert_eq!(row(&[], 0).attempts, none);
    }
}
