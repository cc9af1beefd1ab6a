use std::time::Duration;

use crate::config::Balance;

use super::needs::Lacks;
use super::pool::Spot;

/// What to do next.
#[derive(Debug)]
pub enum Step<P> {
    /// Ask this endpoint with this key, tell [`Plan::record`](super::Plan::record) how it went, then (unless answered)
    /// call `next` again.
    Try(Attempt<P>),
    /// Wait that long (a backoff, or for somebody to come back), then call `next` again.
    Wait(Duration),
    /// Nothing more to do.
    Stop(Stop),
}

/// One try of one endpoint with one key.
#[derive(Debug)]
pub struct Attempt<P> {
    /// Counts from 1.
    pub number: u32,
    /// `plan.pool().seat(spot)` says provider, upstream model and policy.
    pub spot: Spot,
    /// Index into the provider's `Keys::Own`; `None` for `passthrough`.
    pub key: Option<usize>,
    pub purpose: Purpose,
    pub chosen: Chosen,
    /// This request decides for all whether the endpoint is well again.
    pub probe: bool,
    /// Keep it until the last byte of the answer went on, then drop it (also when the client goes away).
    pub pass: P,
}

/// Why there is this attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    First,
    /// The same endpoint and key again, after a backoff or a wait.
    Retry,
    /// The same endpoint with another key.
    OtherKey,
    OtherEndpoint,
    /// Another endpoint beside the first, whose first token is late.
    Hedge,
    /// Another endpoint goes on with an answer that broke off.
    Resume,
}

impl Purpose {
    /// The word in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::First => "first",
            Purpose::Retry => "retry",
            Purpose::OtherKey => "other_key",
            Purpose::OtherEndpoint => "other_endpoint",
            Purpose::Hedge => "hedge",
            Purpose::Resume => "resume",
        }
    }
}

/// Why it was this endpoint of its tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub by: By,
    /// How many it was chosen from: who could serve the request, was well, and had not failed in it.
    pub of: u16,
}

/// What has decided between endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// There was no other.
    Alone,
    /// It issued the opaque state that the request holds.
    Issuer,
    /// The conversation's prompt cache is warm there.
    Conversation,
    /// It was held back, and has to be tried out.
    Probe,
    Strategy(Balance),
    /// It was asked before: a retry, or another of its keys.
    Again,
}

impl By {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            By::Alone => "alone",
            By::Issuer => "issuer",
            By::Conversation => "conversation",
            By::Probe => "probe",
            By::Strategy(Balance::RoundRobin) => "round_robin",
            By::Strategy(Balance::Weighted) => "weighted",
            By::Strategy(Balance::LeastBusy) => "least_busy",
            By::Strategy(Balance::Fastest) => "fastest",
            By::Again => "again",
        }
    }
}

/// Why there is no further attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub why: Why,
    /// The attempt (its number) whose error tells the client most; `None` where nothing was tried. Ranked: context
    /// length, other client errors, 429 with and without a time, errors that the vendor put in words, timeouts,
    /// truncated answers, unreachable vendors, 404, refused keys; among equals the latest.
    pub best: Option<u32>,
    /// When somebody able is back, for `Retry-After`; `None` where nobody cools.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The error of attempt `best` is the client's own affair: it goes to the client as it is.
    Answer,
    /// No endpoint of the pool can do what the request needs; nothing was tried. Says what those lack that lack least.
    Incapable(Lacks),
    /// Everybody able is cooling or open; nothing was tried. 503 with Retry-After.
    Cooling,
    /// The quota of everybody able is used up; nothing was tried. 429 with Retry-After.
    Spent,
    /// The vendors limit how often the keys of everybody able may be used, or the quota is used up; nothing was tried.
    /// 429 with Retry-After.
    Limited,
    /// Everybody able was tried or is cooling: the error of `best`, else 502.
    Failed,
    /// `max_attempts` is used up: as `Failed`.
    Attempts,
    /// `total` is over: 504, or the error of `best`.
    OutOfTime,
    /// An attempt was committed (`Answered`), or the client is gone: nothing follows, unless
    /// [`Plan::resume`](super::Plan::resume) has an answer gone on with.
    Over,
}
