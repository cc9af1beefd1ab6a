//! Calls on statistics: figures of a range of time, told apart by what is asked for, as one or as a series.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::input::{Asked, wrong_query};
use super::problem::Problem;
use super::requests::{millis, usd};
use super::time::{moment, rfc3339};
use crate::clock;
use crate::store::{By, Every, Figures, Histogram, Question, Store};
use crate::telemetry::metrics;

const DAY: Duration = Duration::from_secs(86_400);

/// Which figures.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// RFC 3339, or a time ago such as `1h`, `7d`; the hour that it is in is counted whole. 24 hours ago where nothing is said.
    #[param(example = "7d")]
    from: Option<String>,
    /// Now where nothing is said.
    until: Option<String>,
    /// What figures are told apart by, separated by commas: `model`, `provider`, `endpoint`, `client_key`, `tenant`, `outcome`, `status`
    #[param(example = "model,provider")]
    by: Option<String>,
    /// A series: of each `hour` or `day` in which there was something
    every: Option<String>,
    /// Whose days: `Europe/Berlin`; UTC where nothing is said.
    time_zone: Option<String>,
    model: Option<String>,
    provider: Option<String>,
    /// The upstream model.
    endpoint: Option<String>,
    client_key: Option<String>,
    tenant: Option<String>,
    outcome: Option<String>,
    status: Option<u16>,
}

/// Figures, ordered by when and by what they are of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statistics {
    items: Vec<Statistic>,
}

/// The figures of one group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statistic {
    /// When its hour or day began, of a series.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    begins: Option<String>,
    /// The names of the group; "" where there was none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    of: BTreeMap<&'static str, String>,
    requests: i64,
    /// Refused, or broken off.
    errors: i64,
    attempts: i64,
    failed_attempts: i64,
    tokens: Sums,
    /// Of the requests whose cost is known, in the group of who has answered. Left out: nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    /// Requests whose cost is not.
    unpriced: i64,
    /// Until the first content; estimates within classes that grow by 1.6.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_ms: Option<Percentiles>,
    /// Until the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_ms: Option<Percentiles>,
}

/// What all attempts have used; a token is in one of them.
#[derive(Debug, Serialize, ToSchema)]
struct Sums {
    input: i64,
    cache_read: i64,
    cache_write: i64,
    output: i64,
    reasoning: i64,
    audio_input: i64,
    audio_output: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Percentiles {
    p50: f64,
    p95: f64,
    p99: f64,
}

/// How much there was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Overview {
    /// Of all that is kept.
    total: Statistic,
    /// Since midnight of the gateway's time zone.
    today: Statistic,
    /// Of this hour and the one before.
    lately: Statistic,
    /// Requests to models, as of now.
    in_flight: i64,
}

impl Statistic {
    pub(super) fn of(figures: Figures, by: &[By]) -> Statistic {
        let [
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
            audio_input,
            audio_output,
        ] = figures.tokens;
        let cost = known_cost(&figures);
        Statistic {
            begins: figures
                .begins
                .map(|begins| rfc3339(begins.as_millisecond())),
            of: by.iter().map(|by| name(*by)).zip(figures.of).collect(),
            requests: figures.requests,
            errors: figures.errors,
            attempts: figures.attempts,
            failed_attempts: figures.failed_attempts,
            tokens: Sums {
                input,
                cache_read,
                cache_write,
                output,
                reasoning,
                audio_input,
                audio_output,
            },
            cost_usd: cost.map(usd),
            unpriced: figures.unpriced,
            first_content_ms: percentiles(&figures.first),
            total_ms: percentiles(&figures.total),
        }
    }
}

/// What is not known is never zero; nor is it what attempts have cost whose requests are in another group.
fn known_cost(of: &Figures) -> Option<i64> {
    let unknown = of.unpriced > 0 || (of.requests == 0 && of.attempts > 0);
    (of.cost != 0 || !unknown).then_some(of.cost)
}

fn percentiles(histogram: &Histogram) -> Option<Percentiles> {
    let at = |share| {
        let time = histogram.permille(share)?;
        Some(milliseconds(time))
    };
    Some(Percentiles {
        p50: at(500)?,
        p95: at(950)?,
        p99: at(990)?,
    })
}

/// Whole microseconds: what a float would add is no knowledge.
pub(super) fn milliseconds(time: Duration) -> f64 {
    millis(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

const NAMES: [(&str, By); 7] = [
    ("model", By::Model),
    ("provider", By::Provider),
    ("endpoint", By::Endpoint),
    ("client_key", By::ClientKey),
    ("tenant", By::Tenant),
    ("outcome", By::Outcome),
    ("status", By::Status),
];

fn name(by: By) -> &'static str {
    let found = NAMES.iter().find(|(_, one)| *one == by);
    found.map_or("", |(name, _)| name)
}

impl Which {
    fn question(&self) -> Result<Question, Problem> {
        let at = |field: &str, text: &Option<String>, default: Duration| match text {
            None => Ok(default),
            Some(text) => moment(text).map_err(|e| wrong_query(Some(field), e)),
        };
        let now = clock::wall();
        let from = at("from", &self.from, now.saturating_sub(DAY))?;
        let until = at("until", &self.until, now)?;
        Ok(Question {
            by: self.by()?,
            every: self.every()?,
            model: self.model.clone(),
            provider: self.provider.clone(),
            endpoint: self.endpoint.clone(),
            client_key: self.client_key.clone(),
            tenant: self.tenant.clone(),
            outcome: self.outcome.clone(),
            status: self.status,
            ..Question::of(from, until)
        })
    }

    fn by(&self) -> Result<Vec<By>, Problem> {
        let mut all = Vec::new();
        let told = self.by.as_deref().unwrap_or("").split(',').map(str::trim);
        for told in told.filter(|told| !told.is_empty()) {
            let found = NAMES.iter().find(|(name, _)| *name == told);
            let (_, by) = found.ok_or_else(|| {
                let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                wrong_query(Some("by"), format!("expected some of {}", names.join(", ")))
            })?;
            if !all.contains(by) {
                all.push(*by);
            }
        }
        Ok(all)
    }

    fn every(&self) -> Result<Option<Every>, Problem> {
        let zone = match &self.time_zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| {
                wrong_query(Some("time_zone"), "expected a name such as Europe/Berlin")
            })?,
        };
        match self.every.as_deref() {
            None => Ok(None),
            Some("hour") => Ok(Some(Every::Hour)),
            Some("day") => Ok(Some(Every::Day(zone))),
            Some(_) => Err(wrong_query(Some("every"), "expected hour or day")),
        }
    }
}

/// Figures of a range of time
#[utoipa::path(
    get,
    path = "/stats",
    tag = "statistics",
    params(Which),
    responses((status = 200, description = "One for each group in which there was something", body = Statistics))
)]
pub(super) async fn figures(
    State(admin): State<Arc<Admin>>,
    Asked(which): Asked<Which>,
) -> Result<Json<Statistics>, Problem> {
    let question = which.question()?;
    let figures = admin.store()?.statistics(&question).await?;
    let items = figures.into_iter();
    Ok(Json(Statistics {
        items: items
            .map(|figures| Statistic::of(figures, &question.by))
            .collect(),
    }))
}

/// How much there was, in all, today and lately
#[utoipa::path(
    get,
    path = "/stats/overview",
    tag = "statistics",
    responses((status = 200, description = "As of now, but for the last moment's records", body = Overview))
)]
pub(super) async fn overview(State(admin): State<Arc<Admin>>) -> Result<Json<Overview>, Problem> {
    let (store, now) = (admin.store()?, clock::wall());
    let hour = Duration::from_secs(3600);
    let zone = TimeZone::system();
    Ok(Json(Overview {
        total: one(store, Question::of(Duration::ZERO, now + hour)).await?,
        today: one(store, Question::day(now, &zone)).await?,
        lately: one(store, Question::of(now.saturating_sub(hour), now + hour)).await?,
        in_flight: metrics::IN_FLIGHT.get(),
    }))
}

/// Also where there was nothing.
async fn one(store: &Store, question: Question) -> Result<Statistic, Problem> {
    let mut figures = store.statistics(&question).await?;
    let figures = match figures.len() {
        0 => Figures::default(),
        _ => figures.swap_remove(0),
    };
    Ok(Statistic::of(figures, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_that_nobody_knows_is_not_zero() {
        let of = |requests, unpriced, cost| {
            let figures = Figures {
                requests,
                attempts: 2,
                unpriced,
                cost,
                ..Figures::default()
            };
            known_cost(&figures)
        };
        assert_eq!((of(2, 2, 0), of(2, 1, 0)), (None, None));
        assert_eq!((of(2, 1, 7), of(2, 0, 0)), (Some(7), Some(0)));
        assert_eq!(of(0, 0, 0), None, "passed over");
        assert_eq!(known_cost(&Figures::default()), Some(0));
    }

    #[test]
    fn milliseconds_are_told_to_the_microsecond() {
        assert_eq!(
            milliseconds(Duration::from_nanos(4_612_999_999)).to_string(),
            "4612.999"
        );
        assert_eq!(
            milliseconds(Duration::from_micros(4_613)).to_string(),
            "4.613"
        );
    }
}
