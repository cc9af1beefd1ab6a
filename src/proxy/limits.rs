//! What a request may take of its client key's limits and its tenant's: reserved here once the pool is known, settled when
//! its record is closed ([`Tab`](crate::proxy::tab::Tab)).
//!
//! A caller without limits costs a look at an empty list: no lock, no clock, no allocation. With limits it is one short
//! lock for the key and one for the tenant, at the beginning and at the end.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::config::{Price, Rate};
use crate::ir::{Fault, FaultKind as Kind};
use crate::ledger::{Claim, Exceeded, Limit, Output, Usd};
use crate::live::{Grant, Lane, Owner, Refused};
use crate::proxy::access::Who;
use crate::proxy::arrival::Arrival;
use crate::proxy::intake::Call;
use crate::proxy::refusal::{Refusal, sentence};
use crate::proxy::tab::Tab;
use crate::route::Draw;
use crate::telemetry::metrics;

/// What a name costs that goes on as it is to some endpoint of a pool.
pub fn price_of_passed(arrival: &Arrival, lane: &Lane, name: &str) -> Option<Arc<Price>> {
    let mut seats = lane.pool().stages.iter().flat_map(|stage| &stage.seats);
    let prices = &arrival.wiring.snapshot.gateway.prices;
    seats.find(|seat| seat.passes())?;
    prices.find(name).cloned()
}

/// Reserves what the call may take.
///
/// # Errors
/// [`Refusal::Exceeded`], [`Refusal::Unpriced`].
pub fn reserve(arrival: &Arrival, who: &Who, call: &Call, tab: &mut Tab) -> Result<(), Refusal> {
    let Who::Key(key) = who else {
        return Ok(());
    };
    let purses = arrival.wiring.snapshot.purses(key.index);
    // Nothing is taken by counting.
    let Some(draw) = call.needs.draw.filter(|_| !purses.is_empty()) else {
        return Ok(());
    };
    let rates = match key.has_budget {
        true => Some(rates(call, draw.input)?),
        false => None,
    };
    let claim = Claim {
        input: draw.input,
        output: match draw.output {
            Some(output) => Output::Said(output),
            None => Output::Guessed(Draw::USUAL_OUTPUT),
        },
        rates,
    };
    match Grant::take(purses, &claim, clock::now()) {
        Ok(grant) => {
            tab.hold(grant);
            Ok(())
        }
        Err(refused) => {
            let (kind, limit) = (refused.owner.kind(), name(refused.exceeded.limit));
            if !tab.is_hypothetical() {
                metrics::LIMIT_REFUSALS
                    .with_label_values(&[kind, limit])
                    .inc();
            }
            tab.record.limited = Some((kind, limit));
            Err(Refusal::Exceeded(Box::new(refused)))
        }
    }
}

/// The most that a token of input and of output may cost in that pool, whoever answers.
fn rates(call: &Call, input: u64) -> Result<(Rate, Rate), Refusal> {
    let pool = call.lane.pool();
    let seats = pool.stages.iter().flat_map(|stage| &stage.seats);
    let mut most = (0, 0);
    for seat in seats.filter(|seat| seat.enabled) {
        let Some(price) = call.price(seat) else {
            return Err(Refusal::Unpriced {
                model: pool.name.clone(),
                real: call.sent(seat).to_string(),
            });
        };
        let rates = price.rates(input);
        most.0 = rates.most_input().max(most.0);
        most.1 = rates.most_output().max(most.1);
    }
    Ok(most)
}

/// For logs and metrics.
pub fn name(limit: Limit) -> &'static str {
    match limit {
        Limit::Rpm => "rpm",
        Limit::Tpm => "tpm",
        Limit::Concurrency => "concurrency",
        Limit::Requests => "requests",
        Limit::Tokens => "tokens",
        Limit::Budget => "budget",
    }
}

/// What the client is told.
pub fn fault(refused: &Refused) -> Fault {
    let Refused { owner, exceeded } = refused;
    let owner = match owner {
        Owner::Key(name) => format!("the API key `{name}`"),
        Owner::Tenant(name) => format!("the tenant `{name}`"),
    };
    let Exceeded {
        limit, left, asked, ..
    } = *exceeded;
    let whole = whole(exceeded);
    let Some(retry_after) = exceeded.retry_after else {
        let may = match limit {
            Limit::Budget => format!("cost {} USD", Usd(asked)),
            _ => format!("take {asked} tokens"),
        };
        let text = format!(
            "this request may {may}, which is more than the whole {whole} of {owner}; allow a shorter answer"
        );
        return Fault::new(Kind::InvalidRequest, 400, sentence(&text));
    };
    let left = match limit {
        Limit::Concurrency => String::new(),
        Limit::Rpm | Limit::Requests => format!(": {left} left"),
        Limit::Tpm | Limit::Tokens => format!(": {left} left, and this request may take {asked}"),
        Limit::Budget => {
            let (left, asked) = (Usd(left), Usd(asked));
            format!(": {left} USD left, and this request may cost {asked} USD")
        }
    };
    let soon = waited(retry_after);
    let text = format!("{owner} has reached its {whole}{left}; try again in {soon}");
    Fault {
        retry_after: Some(retry_after),
        ..Fault::new(Kind::RateLimit, 429, sentence(&text))
    }
}

fn whole(exceeded: &Exceeded) -> String {
    let most = exceeded.most;
    match exceeded.limit {
        Limit::Rpm => format!("limit of {most} requests a minute"),
        Limit::Tpm => format!("limit of {most} tokens a minute"),
        Limit::Concurrency => format!("limit of {most} requests at once"),
        Limit::Requests => format!("quota of {most} requests"),
        Limit::Tokens => format!("quota of {most} tokens"),
        Limit::Budget => format!("budget of {} USD", Usd(most)),
    }
}

/// `40 s`, `12 minutes`, `5 hours`, `12 days`: rounded up.
fn waited(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match seconds {
        0..=120 => format!("{} s", seconds.max(1)),
        121..=7200 => format!("{} minutes", seconds.div_ceil(60)),
        7201..=172_800 => format!("{} hours", seconds.div_ceil(3600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(limit: Limit, (most, left, asked): (u64, u64, u64), retry_after: Option<u64>) -> Fault {
        fault(&Refused {
            owner: Owner::Key("ci".into()),
            exceeded: Exceeded {
                limit,
                most,
                left,
                asked,
                retry_after: retry_after.map(Duration::from_secs),
            },
        })
    }

    #[test]
    fn a_client_is_told_which_limit_of_whom_what_is_left_and_when() {
        let cases = [
            (
                told(Limit::Rpm, (60, 0, 1), Some(12)),
                "The API key `ci` has reached its limit of 60 requests a minute: 0 left; try again in 12 s.",
            ),
            (
                told(Limit::Tokens, (500, 20, 30), Some(5 * 3600)),
                "The API key `ci` has reached its quota of 500 tokens: 20 left, and this request may take 30; try again in 5 hours.",
            ),
            (
                told(
                    Limit::Budget,
                    (20_000_000_000, 1_500_000_000, 2_000_000_000),
                    Some(3 * 86_400),
                ),
                "The API key `ci` has reached its budget of 20 USD: 1.5 USD left, and this request may cost 2 USD; try again in 3 days.",
            ),
            (
                told(Limit::Concurrency, (8, 0, 1), Some(1)),
                "The API key `ci` has reached its limit of 8 requests at once; try again in 1 s.",
            ),
        ];
        for (fault, text) in cases {
            assert_eq!((fault.status, &*fault.message), (429, text));
            assert!(fault.retry_after.is_some());
        }
    }

    #[test]
    fn what_can_never_fit_is_not_to_be_tried_again() {
        let fault = told(Limit::Tpm, (1000, 1000, 4000), None);
        assert_eq!((fault.status, fault.retry_after), (400, None));
        assert_eq!(
            fault.message,
            "This request may take 4000 tokens, which is more than the whole limit of 1000 tokens a minute of the API key `ci`; allow a shorter answer."
        );
    }
}
