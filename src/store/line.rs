//! What a line of the journal says, and of whom.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{Amount, Past, Term, Used, Window};
use crate::live::{MeterName, Owner, TermName};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// When it was written, in seconds since the Unix epoch, as all times here.
    pub(super) at: i64,
    #[serde(flatten)]
    pub(super) of: Of,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) used: Option<Counted>,
    /// Of a rate: sums of ten seconds, each its end, requests and tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lately: Option<Vec<(i64, u64, u64)>>,
    /// Somebody has reset it by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) reset: bool,
}

/// Whose line it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Of {
    Endpoint {
        /// The virtual model.
        pool: String,
        provider: String,
        /// The upstream model.
        model: String,
    },
    Key {
        key: String,
        limit: Word,
    },
    Tenant {
        tenant: String,
        limit: Word,
    },
}

/// Of a client key or a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Quota,
    Budget,
    /// `rpm` and `tpm`.
    Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    since: i64,
    until: i64,
    requests: u64,
    tokens: u64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    nano_usd: u64,
    /// Under way when it was written; for people only.
    #[serde(default)]
    reserved_requests: u64,
    #[serde(default)]
    reserved_tokens: u64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    reserved_nano_usd: u64,
}

fn is_nothing(n: &u64) -> bool {
    *n == 0
}

/// What is counted under one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The quota of an endpoint.
    Endpoint(MeterName),
    /// The quota or the budget of a client key or a tenant.
    Term(TermName),
    /// The requests and tokens of the last minute of a client key or a tenant.
    Rate(Owner),
}

/// What a journal says under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Of a quota or a budget.
    Window {
        used: Used,
        /// Under way; for people only.
        reserved: Amount,
    },
    /// Of a rate. The oldest first.
    Rate(Vec<Past>),
}

impl Kept {
    /// As it is after a reset at that moment.
    pub(super) fn reset(&mut self, at: Duration) {
        match self {
            Kept::Rate(past) => past.clear(),
            Kept::Window { used, .. } => {
                used.amount = Amount::default();
                used.window.began = seconds(at);
            }
        }
    }

    /// Whether it is more than nothing, at that moment.
    pub(super) fn counts(&self, at: Duration) -> bool {
        match self {
            Kept::Rate(past) => past.iter().any(|sum| !sum.is_over(at)),
            Kept::Window { used, .. } => {
                used.amount != Amount::default() && !used.window.is_over(at)
            }
        }
    }
}

/// Counters by name.
pub type Counters = BTreeMap<Name, Kept>;

pub(super) fn lines(counters: &Counters, now: Duration) -> impl Iterator<Item = Line> {
    counters.iter().map(move |(name, kept)| {
        let line = Line::of(name, now);
        match kept {
            Kept::Window { used, reserved } => Line {
                used: Some(Counted::of(used, reserved)),
                ..line
            },
            Kept::Rate(past) => {
                let sums = past.iter();
                let sums = sums.map(|sum| (sum.until, sum.requests, sum.tokens));
                Line {
                    lately: Some(sums.collect()),
                    ..line
                }
            }
        }
    })
}

pub(super) fn print(lines: &[Line], out: &mut Vec<u8>) -> io::Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *out, line)?;
        out.push(b'\n');
    }
    Ok(())
}

fn seconds(moment: Duration) -> i64 {
    i64::try_from(moment.as_secs()).unwrap_or(i64::MAX)
}

impl Line {
    pub(super) fn of(name: &Name, now: Duration) -> Line {
        Line {
            at: seconds(now),
            of: Of::name(name),
            used: None,
            lately: None,
            reset: false,
        }
    }

    /// What it says, unless it only asks for something.
    pub(super) fn kept(&self) -> Option<Kept> {
        let rate = self.lately.as_ref().map(|sums| {
            let sum = |&(until, requests, tokens): &(i64, u64, u64)| Past {
                until,
                requests,
                tokens,
            };
            Kept::Rate(sums.iter().map(sum).collect())
        });
        rate.or_else(|| self.used.map(Counted::kept))
    }

    pub(super) fn name(&self) -> Name {
        let of = |owner: Owner, limit| match limit {
            Word::Quota => Name::Term((owner, Term::Quota)),
            Word::Budget => Name::Term((owner, Term::Budget)),
            Word::Rate => Name::Rate(owner),
        };
        match self.of.clone() {
            Of::Endpoint {
                pool,
                provider,
                model,
            } => Name::Endpoint(MeterName {
                pool,
                provider,
                model,
            }),
            Of::Key { key, limit } => of(Owner::Key(key), limit),
            Of::Tenant { tenant, limit } => of(Owner::Tenant(tenant), limit),
        }
    }
}

impl Of {
    fn name(name: &Name) -> Of {
        let of = |owner: Owner, limit| match owner {
            Owner::Key(key) => Of::Key { key, limit },
            Owner::Tenant(tenant) => Of::Tenant { tenant, limit },
        };
        match name.clone() {
            Name::Endpoint(MeterName {
                pool,
                provider,
                model,
            }) => Of::Endpoint {
                pool,
                provider,
                model,
            },
            Name::Term((owner, Term::Quota)) => of(owner, Word::Quota),
            Name::Term((owner, Term::Budget)) => of(owner, Word::Budget),
            Name::Rate(owner) => of(owner, Word::Rate),
        }
    }
}

impl Counted {
    fn of(used: &Used, reserved: &Amount) -> Counted {
        let Used { window, amount } = *used;
        Counted {
            since: window.began,
            until: window.ends,
            requests: amount.requests,
            tokens: amount.tokens,
            nano_usd: amount.nano_usd,
            reserved_requests: reserved.requests,
            reserved_tokens: reserved.tokens,
            reserved_nano_usd: reserved.nano_usd,
        }
    }

    fn kept(self) -> Kept {
        Kept::Window {
            used: Used {
                window: Window {
                    began: self.since,
                    ends: self.until,
                },
                amount: Amount {
                    requests: self.requests,
                    tokens: self.tokens,
                    nano_usd: self.nano_usd,
                },
            },
            reserved: Amount {
                requests: self.reserved_requests,
                tokens: self.reserved_tokens,
                nano_usd: self.reserved_nano_usd,
            },
        }
    }
}
