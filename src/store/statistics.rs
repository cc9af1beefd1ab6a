//! Statistics, from the sums by hour.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::dialect::Dialect;
use super::fault::Fault;
use super::histogram::{CLASSES, Histogram};
use super::insert::counted;
use super::link::{Found, Readers, Value};

/// What is added up, and how it is told apart. Sums are kept by hours of UTC: a range of time is the hours in it.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Hours since the Unix epoch: the first, and the first that does not belong to it any more.
    pub hours: (i64, i64),
    /// Nothing: everything in one.
    pub by: Vec<By>,
    /// A series: figures of every hour or day in which there was something.
    pub every: Option<Every>,
    pub model: Option<String>,
    pub provider: Option<String>,
    /// The upstream model.
    pub endpoint: Option<String>,
    pub client_key: Option<String>,
    pub tenant: Option<String>,
    /// As [`super::Row::outcome`].
    pub outcome: Option<String>,
    pub status: Option<u16>,
}

/// What figures are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Model,
    Provider,
    /// The upstream model.
    Endpoint,
    ClientKey,
    Tenant,
    /// As [`super::Row::outcome`]; `passed_over` are attempts that another one answered for.
    Outcome,
    /// The status that clients got; 0 are attempts that another one answered for.
    Status,
}

/// How long a step of a series is.
#[derive(Debug, Clone)]
pub enum Every {
    Hour,
    /// The days of a time zone: an hour belongs to the day that it begins in.
    Day(TimeZone),
}

/// Of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// When its hour or day began, of a series.
    pub begins: Option<Timestamp>,
    /// The names of the group, in the order of [`Question::by`]; empty where there is no name.
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
    pub fn of(from: Duration, until: Duration) -> Question {
        Question {
            hours: hours(from, until),
            ..Question::default()
        }
    }

    /// Of the day that a time since the Unix epoch lies in: the hours that begin in it.
    pub fn day(now: Duration, zone: &TimeZone) -> Question {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or_default();
        let now = now.to_zoned(zone.clone());
        let start = now.start_of_day().unwrap_or_else(|_| now.clone());
        let end = start.tomorrow().and_then(|day| day.start_of_day());
        let end = end.unwrap_or_else(|_| now.clone());
        let first_in = |at: &Zoned| {
            at.timestamp().as_second().div_euclid(3600)
                + i64::from(at.timestamp().as_second().rem_euclid(3600) > 0)
        };
        Question {
            hours: (first_in(&start), first_in(&end)),
            ..Question::default()
        }
    }

    fn conditions(&self) -> impl Iterator<Item = (&'static str, Value<'_>)> {
        let status = self.status.map(|status| Value::Int(status.into()));
        let all = [
            (" AND model = ", &self.model),
            (" AND provider = ", &self.provider),
            (" AND endpoint = ", &self.endpoint),
            (" AND client_key = ", &self.client_key),
            (" AND tenant = ", &self.tenant),
            (" AND outcome = ", &self.outcome),
        ];
        all.into_iter()
            .filter_map(|(sql, name)| Some((sql, Value::Text(name.as_deref()?))))
            .chain(status.map(|status| (" AND status = ", status)))
    }

    /// What is told apart in the database: days are hours there.
    fn groups(&self) -> Vec<&'static str> {
        let hour = self.every.iter().map(|_| "hour");
        hour.chain(self.by.iter().map(|by| by.column())).collect()
    }

    fn sql(&self, dialect: Dialect) -> SqlStr {
        let mut sql = "SELECT ".to_owned();
        let groups = self.groups();
        for group in &groups {
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
    fn column(self) -> &'static str {
        match self {
            By::Model => "model",
            By::Provider => "provider",
            By::Endpoint => "endpoint",
            By::ClientKey => "client_key",
            By::Tenant => "tenant",
            By::Outcome => "outcome",
            By::Status => "status",
        }
    }

    fn name(self, found: &Found, at: usize) -> Result<String, sqlx::Error> {
        match self {
            By::Status => Ok(found.int(at)?.to_string()),
            _ => found.text(at),
        }
    }
}

impl Every {
    fn begins(&self, at: i64) -> Timestamp {
        match self {
            Every::Hour => hour(at),
            Every::Day(zone) => day(at, zone),
        }
    }
}

pub(super) async fn statistics(
    readers: &Readers,
    question: &Question,
) -> Result<Vec<Figures>, Fault> {
    let (first, last) = question.hours;
    let mut values = vec![Value::Int(first), Value::Int(last)];
    values.extend(question.conditions().map(|(_, value)| value));
    let found = readers
        .rows(question.sql(readers.dialect()), &values)
        .await?;
    // A day is many hours.
    let mut groups: BTreeMap<(Option<Timestamp>, Vec<String>), Figures> = BTreeMap::new();
    for found in &found {
        let every = question.every.as_ref();
        let begins = every.map(|every| found.int(0).map(|hour| every.begins(hour)));
        let begins = begins.transpose()?;
        let names = question.by.iter().zip(usize::from(begins.is_some())..);
        let of = names.map(|(by, at)| by.name(found, at));
        let key = (begins, of.collect::<Result<Vec<_>, _>>()?);
        let figures = figures(found, key.clone(), question.groups().len())?;
        match groups.get_mut(&key) {
            Some(group) => group.add(&figures),
            None => drop(groups.insert(key, figures)),
        }
    }
    Ok(groups.into_values().collect())
}

fn figures(
    found: &Found,
    (begins, of): (Option<Timestamp>, Vec<String>),
    from: usize,
) -> Result<Figures, sqlx::Error> {
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
        begins,
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

/// The hours in which a range of time since the Unix epoch lies: the first, and the first behind it.
pub(super) fn hours(from: Duration, until: Duration) -> (i64, i64) {
    let hour = |at: Duration| i64::try_from(at.as_secs() / 3600).unwrap_or(i64::MAX);
    let last = until.saturating_sub(Duration::from_nanos(1));
    (hour(from), hour(last).saturating_add(1))
}

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_second(hour.saturating_mul(3600)).unwrap_or_default()
}

/// The start of the day that an hour begins in.
fn day(at: i64, zone: &TimeZone) -> Timestamp {
    let at = hour(at).to_zoned(zone.clone());
    let start = at.start_of_day().unwrap_or(at);
    start.timestamp()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_day_is_the_hours_that_begin_in_it() {
        let noon = Duration::from_secs(1_800_014_400);
        for (zone, first) in [("UTC", 0), ("Asia/Shanghai", -8), ("Asia/Kolkata", -5)] {
            let zone = TimeZone::get(zone).unwrap();
            let question = Question::day(noon, &zone);
            let midnight = 1_800_014_400 / 86_400 * 24;
            assert_eq!(question.hours, (midnight + first, midnight + first + 24));
            let (from, until) = question.hours;
            let every = Every::Day(zone);
            let days: BTreeSet<_> = (from..until).map(|hour| every.begins(hour)).collect();
            assert_eq!(days.len(), 1);
            let beside = [from - 1, until].map(|hour| every.begins(hour));
            assert!(beside.iter().all(|day| !days.contains(day)));
        }
    }
}
