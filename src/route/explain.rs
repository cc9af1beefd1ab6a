//! Why a request went where it did, in words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Tick;

use super::health::HeldBy;
use super::needs::{Lack, Lacks};
use super::plan::Plan;
use super::trace::{Sight, Skipped};

/// How a request saw every endpoint of its pool: of a request that was made, or of one that might be
/// ([`foresee`](crate::live::foresee)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub pool: String,
    /// In the order of the pool: tier by tier, fallbacks last.
    pub candidates: Vec<Candidate>,
}

/// One endpoint of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub provider: Arc<str>,
    pub model: Arc<str>,
    /// Counts from 1, on over fallbacks.
    pub tier: u16,
    pub seen: Seen,
}

/// How the request saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It was asked, or would be, in these attempts (from 1).
    Asked(Vec<u32>),
    /// It cannot serve such a request at all.
    Incapable(Lacks),
    /// It was passed over, and for how much longer, where that is known.
    Skipped {
        why: Skipped,
        wait: Option<Duration>,
    },
    /// It was not its turn.
    NotReached,
}

impl Plan {
    /// The first that was asked has answered, and nobody was passed over: there is nothing to explain.
    pub fn is_plain(&self) -> bool {
        self.attempts() == 1 && self.skips().is_empty() && self.failed().is_empty()
    }

    /// How this request has seen its pool so far. `now`: what waits are counted from.
    pub fn explain(&self, now: Tick) -> Explanation {
        let candidate = |(spot, sight): (super::pool::Spot, Sight)| {
            let seat = self.pool.seat(spot);
            Candidate {
                provider: seat.provider_name.clone(),
                model: seat.model.clone(),
                tier: spot.stage + 1,
                seen: match sight {
                    Sight::Asked(attempts) => Seen::Asked(attempts),
                    Sight::Incapable(lacks) => Seen::Incapable(lacks),
                    Sight::Skipped { why, until } => Seen::Skipped {
                        why,
                        wait: until.map(|until| until.since(now)),
                    },
                    Sight::NotReached => Seen::NotReached,
                },
            }
        };
        Explanation {
            pool: self.pool.name.clone(),
            candidates: self.trace().into_iter().map(candidate).collect(),
        }
    }
}

impl Explanation {
    /// The endpoint that is asked first.
    pub fn first(&self) -> Option<&Candidate> {
        let first = |seen: &Seen| matches!(seen, Seen::Asked(attempts) if attempts.contains(&1));
        let mut candidates = self.candidates.iter();
        candidates.find(|candidate| first(&candidate.seen))
    }
}

/// One line an endpoint.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.pool)?;
        let name = |one: &Candidate| format!("{}/{}", one.provider, one.model);
        let width = self.candidates.iter().map(|one| name(one).chars().count());
        let width = width.max().unwrap_or(0);
        for one in &self.candidates {
            writeln!(f, "  tier {}  {:width$}  {}", one.tier, name(one), one.seen)?;
        }
        Ok(())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Asked(attempts) => {
                let numbers: Vec<String> = attempts.iter().map(u32::to_string).collect();
                let word = if numbers.len() == 1 {
                    "attempt"
                } else {
                    "attempts"
                };
                write!(f, "{word} {}", numbers.join(", "))
            }
            Seen::Incapable(lacks) => {
                let words: Vec<&str> = lacks.iter().map(Lack::words).collect();
                f.write_str(&words.join("; "))
            }
            Seen::Skipped { why, wait } => {
                f.write_str(why.words())?;
                match wait.filter(|wait| !wait.is_zero()) {
                    Some(wait) => write!(f, " for {:.1} s more", wait.as_secs_f64()),
                    None => Ok(()),
                }
            }
            Seen::NotReached => f.write_str("not its turn"),
        }
    }
}

impl Seen {
    /// All words of [`Seen::name`] and [`Seen::names`].
    pub const NAMES: [&str; 21] = [
        "asked",
        "not_reached",
        "cooling",
        "open",
        "probing",
        "keys",
        "limited",
        "quota",
        "spent",
        "crowded",
        "disabled",
        "format",
        "streaming",
        "non_streaming",
        "tools",
        "images",
        "prefill",
        "context",
        "credential",
        "whole_quota",
        "incapable",
    ];

    /// Each reason: whoever cannot serve may lack more than one thing.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Seen::Incapable(lacks) if lacks.iter().next().is_some() => {
                lacks.iter().map(Lack::name).collect()
            }
            seen => vec![seen.name()],
        }
    }

    /// The word in logs, rows and explanations: one of [`Seen::NAMES`].
    pub fn name(&self) -> &'static str {
        match self {
            Seen::Asked(_) => "asked",
            Seen::Incapable(lacks) => lacks.iter().next().map_or("incapable", Lack::name),
            Seen::Skipped { why, .. } => why.name(),
            Seen::NotReached => "not_reached",
        }
    }
}

impl Skipped {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Skipped::Held(HeldBy::Cooling) => "cooling after a failure",
            Skipped::Held(HeldBy::Open) => "breaker open after failures in a row",
            Skipped::Held(HeldBy::Probing) => "another request finds out whether it is back",
            Skipped::Held(HeldBy::Keys) => "all its keys are cooling",
            Skipped::Held(HeldBy::Limited) => "all its keys are cooling after a rate limit",
            Skipped::Held(HeldBy::Quota) => "its quota leaves nothing for this request",
            Skipped::Spent => "given up by this request",
            Skipped::Lacks(lack) => lack.words(),
            Skipped::Crowded => "the conversation's own, but over its share of the load",
        }
    }

    /// The word in logs.
    pub fn name(self) -> &'static str {
        match self {
            Skipped::Held(HeldBy::Cooling) => "cooling",
            Skipped::Held(HeldBy::Open) => "open",
            Skipped::Held(HeldBy::Probing) => "probing",
            Skipped::Held(HeldBy::Keys) => "keys",
            Skipped::Held(HeldBy::Limited) => "limited",
            Skipped::Held(HeldBy::Quota) => "quota",
            Skipped::Spent => "spent",
            Skipped::Lacks(lack) => lack.name(),
            Skipped::Crowded => "crowded",
        }
    }
}

impl Lack {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Lack::Disabled => "switched off",
            Lack::Format => "speaks no format that the request can be said in",
            Lack::Streaming => "takes no streams",
            Lack::NonStreaming => "takes streams only",
            Lack::Tools => "takes no tools",
            Lack::Images => "takes no images",
            Lack::Prefill => "does not go on with a begun answer",
            Lack::Context => "its context is too small",
            Lack::Credential => "the caller's credential went to another provider",
            Lack::Quota => "its whole quota is too small",
        }
    }

    /// The word in logs.
    pub fn name(self) -> &'static str {
        match self {
            Lack::Disabled => "disabled",
            Lack::Format => "format",
            Lack::Streaming => "streaming",
            Lack::NonStreaming => "non_streaming",
            Lack::Tools => "tools",
            Lack::Images => "images",
            Lack::Prefill => "prefill",
            Lack::Context => "context",
            Lack::Credential => "credential",
            Lack::Quota => "whole_quota",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_among_those_that_are_told() {
        let held = [
            HeldBy::Cooling,
            HeldBy::Open,
            HeldBy::Probing,
            HeldBy::Keys,
            HeldBy::Limited,
            HeldBy::Quota,
        ];
        let skipped = held.map(Skipped::Held).into_iter();
        let skipped = skipped.chain([Skipped::Spent, Skipped::Crowded]);
        let skipped: Vec<&str> = skipped.map(Skipped::name).collect();
        let lacks = Lack::ALL.map(Lack::name);
        for word in skipped.iter().chain(&lacks) {
            assert!(Seen::NAMES.contains(word), "{word}");
        }
        assert_eq!(skipped.len() + lacks.len() + 3, Seen::NAMES.len());
    }
}
