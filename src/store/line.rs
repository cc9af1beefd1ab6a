//! What a line of the journal says, and of whom.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{Amount, Term, Used, Window};
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
}

/// What a journal says of one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub used: Used,
    pub reserved: Amount,
}

/// Counters by name.
pub type Counters = BTreeMap<Name, Kept>;

pub(super) fn lines(counters: &Counters, now: Duration) -> impl Iterator<Item = Line> {
    counters.iter().map(move |(name, kept)| Line {
        used: Some(Counted::of(kept)),
        ..Line::of(name, now)
    })
}

pub(super) fn print(lines: &[Line], out: &mut Vec<u8>) -> io::Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *out, line)?;
        out.push(b'\n');
    }
    Ok(())
}

impl Line {
    pub(super) fn of(name: &Name, now: Duration) -> Line {
        Line {
            at: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            of: Of::name(name),
            used: None,
            reset: false,
        }
    }

    pub(super) fn name(&self) -> Name {
        let term = |word| match word {
            Word::Quota => Term::Quota,
            Word::Budget => Term::Budget,
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
            Of::Key { key, limit } => Name::Term((Owner::Key(key), term(limit))),
            Of::Tenant { tenant, limit } => Name::Term((Owner::Tenant(tenant), term(limit))),
        }
    }
}

impl Of {
    fn name(name: &Name) -> Of {
        let word = |term: &Term| match term {
            Term::Quota => Word::Quota,
            Term::Budget => Word::Budget,
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
            Name::Term((Owner::Key(key), term)) => Of::Key {
                key,
                limit: word(&term),
            },
            Name::Term((Owner::Tenant(tenant), term)) => Of::Tenant {
                tenant,
                limit: word(&term),
            },
        }
    }
}

impl Counted {
    fn of(kept: &Kept) -> Counted {
        let Used { window, amount } = kept.used;
        Counted {
            since: window.began,
            until: window.ends,
            requests: amount.requests,
            tokens: amount.tokens,
            nano_usd: amount.nano_usd,
            reserved_requests: kept.reserved.requests,
            reserved_tokens: kept.reserved.tokens,
            reserved_nano_usd: kept.reserved.nano_usd,
        }
    }

    pub(super) fn kept(self) -> Kept {
        Kept {
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
