//! Statistics, from the sums by hour.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::dialect::Dialect;
use super::fault::Fault;
use super::histogram::{CLASSES, Histogram};
use super::insert::counted;
use super::link::{Found, Readers, Value};

/// What is added up, and of what.
#[derive(Debug, Clone)]
pub struct Question {
    /// Hours since the Unix epoch: the first, and the first that does not belong to it any more.
    pub hours: (i64, i64),
    pub by: By,
    pub model: Option<String>,
    pub provider: Option<String>,
    pub endpoint: Option<String>,
    pub client_key: Option<String>,
    pub tenant: Option<String>,
}

/// What figures are told apart by.
#[derive(Debug, Clone)]
pub enum By {
    /// Everything in one.
    Total,
    Hour,
    /// The days of a time zone.
    Day(TimeZone),
    Model,
    Provider,
    /// Provider and upstream model.
    Endpoint,
    ClientKey,
    Tenant,
    Outcome,
}

/// Of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The names of the group, as [`By`] has them; the start of an hour or day in RFC 3339; nothing of a total.
    pub of: Vec<String>,
    pub requests: i64,
    /// Refused or broken off.
    pub errors: i64,
    pub attempts: i64,
    pub failed_attempts: i64,
    /// What all attempts have used: input, cache read, cache write, output, reasoning, audio input, audio output.
    pub tokens: [i64; 7],
    /// 10^-9 USD; of the requests whose cost is known.
    pub cost: i64,
    /// Requests whose cost is not known.
    pub unpriced: i64,
    /// Until the first content.
    pub first: Histogram,
    /// Until the end.
    pub total: Histogram,
}

impl Question {
    /// Of the hours in which a range of time since the Unix epoch lies.
    pub fn of(from: Duration, until: Duration, by: By) -> Question {
        let hour = |at: Duration| i64::try_from(at.as_secs() / 3600).unwrap_or(i64::MAX);
        let last = until.saturating_sub(Duration::from_nanos(1));
        Question {
            hours: (hour(from), hour(last).saturating_add(1)),
            by,
            model: None,
            provider: None,
            endpoint: None,
            client_key: None,
            tenant: None,
        }
    }

    fn conditions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            (" AND model = ", &self.model),
            (" AND provider = ", &self.provider),
            (" AND endpoint = ", &self.endpoint),
            (" AND client_key = ", &self.client_key),
            (" AND tenant = ", &self.tenant),
        ];
        all.into_iter()
            .filter_map(|(sql, name)| Some((sql, name.as_deref()?)))
    }

    fn sql(&self, dialect: Dialect) -> SqlStr {
        let mut sql = "SELECT ".to_owned();
        let groups = self.by.columns();
        for group in groups {
            sql.push_str(group);
            sql.push_str(", ");
        }
        // PostgreSQL's sums are of a wider type than what they sum.
        let sums = counted();
        let sums = sums
            .iter()
            .map(|name| ["COALESCE(CAST(SUM(", name, ") AS BIGINT), 0)"].concat());
        sql.push_str(&sums.collect::<Vec<_>>().join(", "));
        sql.push_str(" FROM rollups WHERE hour >= ");
        dialect.place(&mut sql, 1);
        sql.push_str(" AND hour < ");
        dialect.place(&mut sql, 2);
        for (at, (condition, _)) in self.conditions().enumerate() {
            sql.push_str(condition);
            dialect.place(&mut sql, at + 3);
        }
        if !groups.is_empty() {
            let names = groups.join(", ");
            for part in [" GROUP BY ", &names, " ORDER BY ", &names] {
                sql.push_str(part);
            }
        }
        AssertSqlSafe(sql).into_sql_str()
    }
}

impl By {
    fn columns(&self) -> &'static [&'static str] {
        match self {
            By::Total => &[],
            By::Hour | By::Day(_) => &["hour"],
            By::Model => &["model"],
            By::Provider => &["provider"],
            By::Endpoint => &["provider", "endpoint"],
            By::ClientKey => &["client_key"],
            By::Tenant => &["tenant"],
            By::Outcome => &["outcome"],
        }
    }

    /// The names of a row's group.
    fn name(&self, found: &Found) -> Result<Vec<String>, sqlx::Error> {
        match self {
            By::Hour => Ok(vec![hour(found.int(0)?).to_string()]),
            By::Day(zone) => Ok(vec![day(found.int(0)?, zone)]),
            _ => (0..self.columns().len()).map(|at| found.text(at)).collect(),
        }
    }
}

pub(super) async fn statistics(
    readers: &Readers,
    question: &Question,
) -> Result<Vec<Figures>, Fault> {
    let (first, last) = question.hours;
    let mut values = vec![Value::Int(first), Value::Int(last)];
    values.extend(question.conditions().map(|(_, name)| Value::Text(name)));
    let found = readers
        .rows(question.sql(readers.dialect()), &values)
        .await?;
    // A day is many hours.
    let mut groups: BTreeMap<Vec<String>, Figures> = BTreeMap::new();
    for found in &found {
        let of = question.by.name(found)?;
        let figures = figures(found, of.clone(), question.by.columns().len())?;
        match groups.get_mut(&of) {
            Some(group) => group.add(&figures),
            None => drop(groups.insert(of, figures)),
        }
    }
    Ok(groups.into_values().collect())
}

fn figures(found: &Found, of: Vec<String>, from: usize) -> Result<Figures, sqlx::Error> {
    let mut next = from..;
    let mut int = || found.int(next.next().unwrap_or_default());
    let (requests, errors, attempts, failed_attempts) = (int()?, int()?, int()?, int()?);
    let mut tokens = [0; 7];
    for slot in &mut tokens {
        *slot = int()?;
    }
    let (cost, unpriced) = (int()?, int()?);
    let mut histograms = [Histogram([0; CLASSES]); 2];
    for slot in histograms.iter_mut().flat_map(|histogram| &mut histogram.0) {
        *slot = int()?;
    }
    let [first, total] = histograms;
    Ok(Figures {
        of,
        requests,
        errors,
        attempts,
        failed_attempts,
        tokens,
        cost,
        unpriced,
        first,
        total,
    })
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.attempts += other.attempts;
        self.failed_attempts += other.failed_attempts;
        self.tokens
            .iter_mut()
            .zip(other.tokens)
            .for_each(|(n, more)| *n += more);
        self.cost += other.cost;
        self.unpriced += other.unpriced;
        self.first.merge(&other.first);
        self.total.merge(&other.total);
    }
}

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_second(hour.saturating_mul(3600)).unwrap_or_default()
}

/// The start of the day that an hour begins in.
fn day(at: i64, zone: &TimeZone) -> String {
    let at = hour(at).to_zoned(zone.clone());
    let start = at.start_of_day().unwrap_or(at);
    start.timestamp().to_string()
}
