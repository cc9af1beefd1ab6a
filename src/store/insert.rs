//! Rows into the database: a batch is one transaction.

use std::collections::{HashMap, HashSet};

use sqlx::SqlStr;

use super::dialect::Dialect;
use super::fault::Fault;
use super::histogram::CLASSES;
use super::link::{Link, Value};
use super::row::Row;
use super::sums::{Series, Sum, Sums};

/// So many rows a statement: as many of the first as fit, and so on.
const STEPS: [usize; 3] = [64, 8, 1];

const REQUESTS: &str = "INSERT INTO requests (id, at, client_key, tenant, model, provider, endpoint, status, ending, \
     format, stream, attempts, failover, losses, first_us, total_us, input, cache_read, cache_write, output, \
     reasoning, audio_input, audio_output, estimated, cost) VALUES";
const REQUEST_COLUMNS: usize = 25;

const DETAILS: &str = "INSERT INTO request_details (id, method, path, client, route, asked_model, bytes_in, bytes_out, \
     dropped, limited, refusal, attempted, candidates) VALUES";
const DETAIL_COLUMNS: usize = 13;

const BODIES: &str =
    "INSERT INTO request_bodies (id, request, response, request_cut, response_cut) VALUES";
const BODIES_COLUMNS: usize = 5;

const KEYS: &str =
    "INSERT INTO key_sums (hour, provider, key, status, attempts, ok, failed, last_at) VALUES";
const KEYS_COLUMNS: usize = 8;
/// The greater of two: the two databases have no function in common for that.
const KEYS_AGAIN: &str = "ON CONFLICT (hour, provider, key, status) DO UPDATE SET \
     attempts = key_sums.attempts + excluded.attempts, ok = key_sums.ok + excluded.ok, \
     failed = key_sums.failed + excluded.failed, last_at = CASE WHEN excluded.last_at > key_sums.last_at \
     THEN excluded.last_at ELSE key_sums.last_at END";

const SEEN: &str = "INSERT INTO seen (facet, value, slot, requests) VALUES";
const SEEN_COLUMNS: usize = 4;
const SEEN_AGAIN: &str =
    "ON CONFLICT (facet, value, slot) DO UPDATE SET requests = seen.requests + excluded.requests";

/// What `rollups` counts, between its key and the histograms.
pub(super) const COUNTS: [&str; 13] = [
    "requests",
    "errors",
    "attempts",
    "failed_attempts",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "audio_input",
    "audio_output",
    "cost",
    "unpriced",
];
const SERIES: &str = "hour, model, provider, endpoint, client_key, tenant, outcome, status";
const SERIES_COLUMNS: usize = 8;
const ROLLUP_COLUMNS: usize = SERIES_COLUMNS + COUNTS.len() + 2 * CLASSES;

/// Whether some of the rows may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Never,
    /// They have been tried before, or come from the spool.
    Perhaps,
}

/// The statements, made once.
pub(super) struct Statements {
    dialect: Dialect,
    bulk: HashMap<(&'static str, usize), SqlStr>,
    rollup: SqlStr,
}

impl Statements {
    pub(super) fn of(dialect: Dialect) -> Statements {
        let tables = [
            (REQUESTS, REQUEST_COLUMNS, ""),
            (DETAILS, DETAIL_COLUMNS, ""),
            (BODIES, BODIES_COLUMNS, ""),
            (KEYS, KEYS_COLUMNS, KEYS_AGAIN),
            (SEEN, SEEN_COLUMNS, SEEN_AGAIN),
        ];
        let bulk = tables.iter().flat_map(|&(head, columns, tail)| {
            STEPS.map(|rows| ((head, rows), dialect.insert(head, columns, rows, tail)))
        });
        Statements {
            dialect,
            bulk: bulk.collect(),
            rollup: rollup(dialect),
        }
    }

    /// Writes the rows, and adds them to the statistics: all or nothing. How many of them were new.
    ///
    /// # Errors
    /// Whatever fails. The connection is in no known state then.
    pub(super) async fn write(
        &self,
        link: &mut Link,
        rows: &[Row],
        seen: Seen,
    ) -> Result<usize, Fault> {
        link.script(SqlStr::from_static(self.dialect.begin()))
            .await?;
        let known = match seen {
            Seen::Never => HashSet::new(),
            Seen::Perhaps => self.known(link, rows).await?,
        };
        let mut fresh: Vec<&Row> = Vec::with_capacity(rows.len());
        fresh.extend(rows.iter().filter(|row| !known.contains(&row.id)));
        self.insert(link, (REQUESTS, REQUEST_COLUMNS), &fresh, |row, out| {
            requests(row, out)
        })
        .await?;
        let json: Vec<(&Row, String, String)> = fresh
            .iter()
            .map(|row| (*row, json(&row.attempts), json(&row.candidates)))
            .collect();
        self.insert(link, (DETAILS, DETAIL_COLUMNS), &json, |row, out| {
            details(row, out)
        })
        .await?;
        let said = fresh
            .iter()
            .filter_map(|row| Some((&*row.id, row.bodies.as_ref()?)));
        let said: Vec<_> = said.collect();
        self.insert(link, (BODIES, BODIES_COLUMNS), &said, |(id, said), out| {
            said.values(id, out);
        })
        .await?;
        self.add_up(link, Sums::of(fresh.iter().copied())).await?;
        link.script(SqlStr::from_static("COMMIT")).await?;
        Ok(fresh.len())
    }

    async fn add_up(&self, link: &mut Link, sums: Sums<'_>) -> Result<(), Fault> {
        for (series, sum) in &sums.series {
            link.run(self.rollup.clone(), &totals(series, sum)).await?;
        }
        let keys: Vec<_> = sums.keys.into_iter().collect();
        self.insert(link, (KEYS, KEYS_COLUMNS), &keys, |(of, sum), out| {
            out.extend([
                Value::Int(of.hour),
                Value::Text(of.provider),
                Value::Text(of.key),
                Value::Int(of.status),
            ]);
            out.extend([sum.attempts, sum.ok, sum.failed, sum.last_at].map(Value::Int));
        })
        .await?;
        let seen: Vec<_> = sums.seen.into_iter().collect();
        self.insert(
            link,
            (SEEN, SEEN_COLUMNS),
            &seen,
            |((facet, value, slot), n), out| {
                out.extend([
                    Value::Text(facet),
                    Value::Text(value),
                    Value::Int(*slot),
                    Value::Int(*n),
                ]);
            },
        )
        .await
    }

    /// Which of the rows are there. Ids are this process's own: nobody adds one of them meanwhile.
    async fn known(&self, link: &mut Link, rows: &[Row]) -> Result<HashSet<String>, Fault> {
        let ids = rows.iter().map(|row| row.id.as_str());
        let (Some(first), Some(last)) = (ids.clone().min(), ids.max()) else {
            return Ok(HashSet::new());
        };
        let sql = SqlStr::from_static("SELECT id FROM requests WHERE id >= $1 AND id <= $2");
        let found = link
            .rows(sql, &[Value::Text(first), Value::Text(last)])
            .await?;
        Ok(found
            .iter()
            .map(|row| row.text(0))
            .collect::<Result<_, _>>()?)
    }

    async fn insert<'a, T>(
        &self,
        link: &mut Link,
        (head, columns): (&'static str, usize),
        mut rows: &'a [T],
        values: impl Fn(&'a T, &mut Vec<Value<'a>>),
    ) -> Result<(), Fault> {
        let mut all = Vec::with_capacity(columns * rows.len().min(STEPS[0]));
        for step in STEPS {
            while let Some((now, rest)) = rows.split_at_checked(step) {
                all.clear();
                now.iter().for_each(|row| values(row, &mut all));
                if let Some(sql) = self.bulk.get(&(head, step)) {
                    link.run(sql.clone(), &all).await?;
                }
                rows = rest;
            }
        }
        Ok(())
    }
}

fn requests<'a>(row: &&'a Row, out: &mut Vec<Value<'a>>) {
    let endpoint = row.endpoint();
    let text = |text: &'a Option<String>| Value::MaybeText(text.as_deref());
    out.extend([
        Value::Text(&row.id),
        Value::Int(row.at),
        text(&row.client_key),
        text(&row.tenant),
        text(&row.model),
        Value::MaybeText(endpoint.map(|at| &*at.provider)),
        Value::MaybeText(endpoint.map(|at| at.endpoint())),
        Value::Int(row.status),
        Value::Text(&row.ending),
        text(&row.format),
        Value::Flag(row.stream),
        Value::Int(i64::try_from(row.attempts.len()).unwrap_or(i64::MAX)),
        Value::Flag(row.failed_over()),
        Value::Flag(row.dropped.is_some()),
        Value::MaybeInt(row.first_us),
        Value::Int(row.total_us),
    ]);
    out.extend(row.tokens.columns().map(Value::MaybeInt));
    out.extend([Value::Flag(row.estimated), Value::MaybeInt(row.cost)]);
}

fn details<'a>(
    (row, attempted, candidates): &'a (&'a Row, String, String),
    out: &mut Vec<Value<'a>>,
) {
    let text = |text: &'a Option<String>| Value::MaybeText(text.as_deref());
    out.extend([
        Value::Text(&row.id),
        Value::Text(&row.method),
        Value::Text(&row.path),
        text(&row.client),
        text(&row.route),
        text(&row.asked_model),
        Value::Int(row.bytes_in),
        Value::Int(row.bytes_out),
        text(&row.dropped),
        text(&row.limited),
        text(&row.refusal),
        Value::Text(attempted),
        Value::Text(candidates),
    ]);
}

/// Shapes of our own: they are always JSON.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn totals<'a>(series: &Series<'a>, sum: &Sum) -> Vec<Value<'a>> {
    let mut values = Vec::with_capacity(ROLLUP_COLUMNS);
    values.push(Value::Int(series.hour));
    values.extend(series.names.map(Value::Text));
    values.push(Value::Int(series.status));
    values.extend([sum.requests, sum.errors, sum.attempts, sum.failed_attempts].map(Value::Int));
    values.extend(sum.tokens.map(Value::Int));
    values.extend([sum.cost, sum.unpriced].map(Value::Int));
    values.extend(sum.first.0.map(Value::Int));
    values.extend(sum.total.0.map(Value::Int));
    values
}

/// All that is counted in `rollups`, in the order of its values.
pub(super) fn counted() -> Vec<String> {
    let classes =
        |name: &'static str| (0..CLASSES).map(move |class| [name, &class.to_string()].concat());
    let counts = COUNTS.iter().map(|name| (*name).to_owned());
    counts
        .chain(classes("first_"))
        .chain(classes("total_"))
        .collect()
}

fn rollup(dialect: Dialect) -> SqlStr {
    let names = counted();
    let head = [
        "INSERT INTO rollups (",
        SERIES,
        ", ",
        &names.join(", "),
        ") VALUES",
    ]
    .concat();
    let add = |name: &String| [name, " = rollups.", name, " + excluded.", name].concat();
    let adds: Vec<String> = names.iter().map(add).collect();
    let tail = [
        "ON CONFLICT (",
        SERIES,
        ") DO UPDATE SET ",
        &adds.join(", "),
    ]
    .concat();
    dialect.insert(&head, ROLLUP_COLUMNS, 1, &tail)
}
