//! `timeouts`, `retry`, `cooldown`, `breaker`: what a level says, and how levels lie over one another.
//!
//! A level is read once into a [`Patch`], which knows only what was said there; patches are then laid over one another, innermost last.

use std::time::Duration;

use super::Check;
use super::units::show;
use crate::config::file::Node;
use crate::config::gateway::{Breaker, Cooldown, Policy, Retry, Timeouts};
use crate::config::report::Problem;

/// The shortest time that is one.
const SOME: Duration = Duration::from_millis(1);

/// What holds where nothing is said.
pub(in crate::config) const DEFAULT: Policy = Policy {
    timeouts: Timeouts {
        connect: Duration::from_secs(10),
        first_token: Duration::from_secs(60),
        response: Duration::from_secs(300),
        idle: Duration::from_secs(60),
        total: Duration::from_secs(600),
    },
    retry: Retry {
        retries: 2,
        base: Duration::from_millis(250),
        max: Duration::from_secs(5),
        max_attempts: 6,
        patience: Duration::from_millis(2500),
        budget: 0.2,
    },
    cooldown: Cooldown {
        base: Duration::from_secs(5),
        max: Duration::from_secs(60),
        probe_after: Duration::from_secs(10),
    },
    breaker: Breaker {
        failures: 5,
        open_for: Duration::from_secs(60),
    },
};

/// What one level says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::config) struct Patch {
    pub connect: Option<Duration>,
    pub first_token: Option<Duration>,
    pub response: Option<Duration>,
    pub idle: Option<Duration>,
    pub total: Option<Duration>,
    pub retries: Option<u32>,
    pub retry_base: Option<Duration>,
    pub retry_max: Option<Duration>,
    pub max_attempts: Option<u32>,
    pub patience: Option<Duration>,
    pub budget: Option<f64>,
    pub cooldown_base: Option<Duration>,
    pub cooldown_max: Option<Duration>,
    pub probe_after: Option<Duration>,
    pub failures: Option<u32>,
    pub open_for: Option<Duration>,
}

impl Patch {
    /// The policy of a level within `outer`.
    ///
    /// Where a level moves only one end of a range (`base` up to `max`) past the other, the other follows.
    pub(crate) fn over(&self, outer: Policy) -> Policy {
        let Policy {
            timeouts,
            retry,
            cooldown,
            breaker,
        } = outer;
        let (retry_base, retry_max) =
            range((self.retry_base, self.retry_max), (retry.base, retry.max));
        let (cooldown_base, cooldown_max) = range(
            (self.cooldown_base, self.cooldown_max),
            (cooldown.base, cooldown.max),
        );
        Policy {
            timeouts: Timeouts {
                connect: self.connect.unwrap_or(timeouts.connect),
                first_token: self.first_token.unwrap_or(timeouts.first_token),
                response: self.response.unwrap_or(timeouts.response),
                idle: self.idle.unwrap_or(timeouts.idle),
                total: self.total.unwrap_or(timeouts.total),
            },
            retry: Retry {
                retries: self.retries.unwrap_or(retry.retries),
                base: retry_base,
                max: retry_max,
                max_attempts: self.max_attempts.unwrap_or(retry.max_attempts),
                patience: self.patience.unwrap_or(retry.patience),
                budget: self.budget.unwrap_or(retry.budget),
            },
            cooldown: Cooldown {
                base: cooldown_base,
                max: cooldown_max,
                probe_after: self.probe_after.unwrap_or(cooldown.probe_after),
            },
            breaker: Breaker {
                failures: self.failures.unwrap_or(breaker.failures),
                open_for: self.open_for.unwrap_or(breaker.open_for),
            },
        }
    }
}

fn range(
    (base, max): (Option<Duration>, Option<Duration>),
    outer: (Duration, Duration),
) -> (Duration, Duration) {
    match (base, max) {
        (Some(base), None) => (base, outer.1.max(base)),
        (None, Some(max)) => (outer.0.min(max), max),
        (base, max) => (base.unwrap_or(outer.0), max.unwrap_or(outer.1)),
    }
}

impl Check<'_> {
    /// What a gateway, provider, model or endpoint says about its policy.
    pub(super) fn patch(&mut self, level: &Node) -> Patch {
        let (timeouts, retry) = (level.get("timeouts"), level.get("retry"));
        let (cooldown, breaker) = (level.get("cooldown"), level.get("breaker"));
        let patch = Patch {
            connect: self.time(timeouts, "connect", SOME),
            first_token: self.time(timeouts, "first_token", SOME),
            response: self.time(timeouts, "response", SOME),
            idle: self.time(timeouts, "idle", SOME),
            total: self.time(timeouts, "total", SOME),
            retries: self.count(retry, "retries", (0, 100)),
            retry_base: self.time(retry, "base", Duration::ZERO),
            retry_max: self.time(retry, "max", Duration::ZERO),
            max_attempts: self.count(retry, "max_attempts", (1, 1000)),
            patience: self.time(retry, "patience", Duration::ZERO),
            budget: retry
                .and_then(|retry| retry.get("budget"))
                .and_then(|node| self.share(node)),
            cooldown_base: self.time(cooldown, "base", Duration::ZERO),
            cooldown_max: self.time(cooldown, "max", Duration::ZERO),
            probe_after: self.time(cooldown, "probe_after", Duration::ZERO),
            failures: self.count(breaker, "failures", (1, 1_000_000)),
            open_for: self.time(breaker, "open_for", SOME),
        };
        self.ordered(retry, "base", "max");
        self.ordered(cooldown, "base", "max");
        patch
    }

    fn time(&mut self, section: Option<&Node>, key: &str, least: Duration) -> Option<Duration> {
        section?
            .get(key)
            .and_then(|node| self.duration(node, least))
    }

    fn count(
        &mut self,
        section: Option<&Node>,
        key: &str,
        (least, most): (u64, u64),
    ) -> Option<u32> {
        let number = section?
            .get(key)
            .and_then(|node| self.integer(node, least, most))?;
        u32::try_from(number).ok()
    }

    /// One duration of a section that may not be longer than another one of it.
    fn ordered(&mut self, section: Option<&Node>, short: &str, long: &str) {
        let read = |key: &str| {
            let node = section?.get(key)?;
            super::units::duration(node.text()?)
                .ok()
                .map(|duration| (node, duration))
        };
        if let (Some((node, a)), Some((other, b))) = (read(short), read(long))
            && a > b
        {
            let problem = Problem::error(
                node.span,
                format!(
                    "`{short}` ({}) is longer than `{long}` ({})",
                    show(a),
                    show(b)
                ),
            );
            self.push(problem.earlier(other.span, format!("`{long}` is set here")));
        }
    }

    /// Settings that bound a whole request say nothing at an endpoint, since a request has many.
    pub(super) fn endpoint_bounds(&mut self, endpoint: &Node) {
        const OF_REQUESTS: [(&str, &str); 4] = [
            ("timeouts", "total"),
            ("retry", "max_attempts"),
            ("retry", "patience"),
            ("retry", "budget"),
        ];
        for (section, key) in OF_REQUESTS {
            if let Some(entry) = endpoint.get(section).and_then(|section| section.entry(key)) {
                let problem = Problem::warning(
                    entry.key.span,
                    format!("`{section}.{key}` has no effect at an endpoint"),
                );
                self.push(problem.label("it bounds a whole request: set it at the model"));
            }
        }
    }

    /// Warns where an answer that may take `response` is ended by `total` before.
    pub(super) fn total_bound(&mut self, level: &Node, policy: Policy) {
        let Timeouts {
            response, total, ..
        } = policy.timeouts;
        if let Some(node) = level
            .get("timeouts")
            .and_then(|timeouts| timeouts.get("response"))
            && response > total
        {
            let message = format!(
                "`response` ({}) is longer than `total` ({})",
                show(response),
                show(total)
            );
            self.push(Problem::warning(node.span, message).label("`total` ends the request first"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_wins_setting_by_setting() {
        let outer = Patch {
            retries: Some(7),
            connect: Some(SOME),
            ..Patch::default()
        };
        let inner = Patch {
            retries: Some(1),
            ..Patch::default()
        };
        let policy = inner.over(outer.over(DEFAULT));
        assert_eq!((policy.retry.retries, policy.timeouts.connect), (1, SOME));
        assert_eq!(policy.breaker, DEFAULT.breaker);
    }

    #[test]
    fn one_end_of_a_range_takes_the_other_along() {
        let short = Patch {
            cooldown_max: Some(Duration::from_secs(2)),
            ..Patch::default()
        }
        .over(DEFAULT);
        assert_eq!(short.cooldown.base, Duration::from_secs(2));
        let long = Patch {
            retry_base: Some(Duration::from_secs(9)),
            ..Patch::default()
        }
        .over(DEFAULT);
        assert_eq!(long.retry.max, Duration::from_secs(9));
    }
}
