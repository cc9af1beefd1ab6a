//! The one value that a finished request leaves behind.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use crate::config::Price;
use crate::id::RequestId;
use crate::ir::{Format, Usage};

use super::account::Spent;
use super::bodies::Bodies;
use super::cost::cost;
use super::refusal::RefusalCode;

/// Bytes that a record keeps of a text which a stranger has chosen.
const LONGEST: usize = 256;

/// As much of a stranger's text as a record keeps; `…` stands for what is left out.
pub fn brief(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(LONGEST - '…'.len_utf8());
    Cow::Owned([text.get(..end).unwrap_or_default(), "…"].concat())
}

/// A finished request with everything that was tried for it.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: RequestId,
    /// When it arrived, since the Unix epoch.
    pub at: Duration,
    pub client: Option<IpAddr>,
    /// Name of the client key, where one was presented and asked for.
    pub client_key: Option<Arc<str>>,
    /// The tenant of that key.
    pub tenant: Option<Arc<str>>,
    /// Whose limit refused it (`key`, `tenant`), and which.
    pub limited: Option<(&'static str, &'static str)>,
    /// Why it was refused, in a word, where that was our doing.
    pub refusal: Option<RefusalCode>,
    pub method: Method,
    /// Without the query; [`brief`].
    pub path: String,
    pub format: Option<Format>,
    /// What the client asked for; [`brief`].
    pub asked_model: Option<Arc<str>>,
    /// The virtual model, or the exposed real name, that this became.
    pub model: Option<Arc<str>>,
    /// The route that decided so.
    pub route: Option<Arc<str>>,
    pub stream: bool,
    /// The status that the client got; 499 when it went away before one was sent.
    pub status: u16,
    pub ending: Ending,
    /// Body bytes from and to the client.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// From the arrival of the head.
    pub first_content: Option<Duration>,
    pub total: Duration,
    pub usage: Usage,
    /// The vendor did not say; the numbers are ours.
    pub usage_estimated: bool,
    pub attempts: Vec<AttemptRow>,
    /// What conversions have lost, as in `x-tidegate-dropped`.
    pub dropped: Option<String>,
    /// How every endpoint of the pool was seen, where that is more than "the first was asked and has answered".
    pub candidates: Vec<CandidateRow>,
    /// What was said, where that is kept.
    pub bodies: Option<Box<Bodies>>,
}

impl Record {
    /// The record itself, for whoever keeps it; its id and time stay. Copies no text.
    pub fn take(&mut self) -> Record {
        let empty = Record {
            id: self.id,
            at: self.at,
            client: None,
            client_key: None,
            tenant: None,
            limited: None,
            refusal: None,
            method: Method::GET,
            path: String::new(),
            format: None,
            asked_model: None,
            model: None,
            route: None,
            stream: false,
            status: 0,
            ending: self.ending,
            bytes_in: 0,
            bytes_out: 0,
            first_content: None,
            total: Duration::ZERO,
            usage: Usage::default(),
            usage_estimated: false,
            attempts: Vec::new(),
            dropped: None,
            candidates: Vec::new(),
            bodies: None,
        };
        std::mem::replace(self, empty)
    }

    /// What each attempt has used. `usage` is that of one of them: the one of which the client is told.
    pub fn spent(&self) -> impl Iterator<Item = Usage> {
        self.attempts.iter().map(|row| row.usage)
    }

    /// What all attempts have cost, in nanodollars. `None`: for some of it nobody knows a price.
    pub fn cost(&self) -> Option<u64> {
        let mut rows = self.attempts.iter().filter(|row| row.usage.total() > 0);
        rows.try_fold(0_u64, |sum, row| Some(sum.saturating_add(row.cost()?)))
    }

    /// What it takes of the limits of its key and its tenant: what its attempts have used. It counts as a request once a
    /// vendor has taken it, or was given up while one was at it.
    pub fn took(&self) -> Spent {
        let counts = |row: &AttemptRow| row.taken || row.usage.total() > 0;
        if !self.attempts.iter().any(counts) {
            return Spent::Nothing;
        }
        let tokens = self.spent().map(|usage| usage.total());
        Spent::Took {
            tokens: tokens.fold(0, u64::saturating_add),
            nano_usd: self.cost(),
        }
    }
}

/// How a request ended, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A whole answer.
    Complete,
    /// An error answer, ours or the vendor's.
    Refused,
    /// The answer broke off after it had begun; the client was told.
    Broken,
    /// The client went away.
    ClientGone,
}

impl Ending {
    pub fn name(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::Refused => "refused",
            Ending::Broken => "broken",
            Ending::ClientGone => "client_gone",
        }
    }
}

/// How a request saw one endpoint of its pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateRow {
    pub provider: Arc<str>,
    pub model: Arc<str>,
    /// Counts from 1, on over fallbacks.
    pub tier: u16,
    /// `asked`, `not_reached`, or why it was not asked: `cooling`, `tools`, …
    pub seen: &'static str,
    /// How much longer that was so when the request ended, where it was known.
    pub wait: Option<Duration>,
}

/// One attempt of a request.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    pub provider: Arc<str>,
    /// The model's name upstream; [`brief`].
    pub model: Arc<str>,
    /// The same as the configuration has it: no name that a client made up, which would be a series of its own.
    pub endpoint: Arc<str>,
    /// Which of the provider's keys, counted from 1; 0 with `passthrough`.
    pub key: usize,
    /// How that key is shown. `None`: the client's own, or none was sent.
    pub key_masked: Option<Arc<str>>,
    /// The vendor's status, where one came.
    pub status: Option<u16>,
    /// Why it ended: `ok`, `connect`, `status`, …; `resent`: over a connection that had served another request and ended
    /// without a word, so that it was sent once more. Whether the vendor had read it nobody knows.
    pub outcome: &'static str,
    pub choice: Choice,
    pub took: Duration,
    pub timing: Timing,
    /// The vendor has taken it: the head of a 2xx came, whatever became of the answer.
    pub taken: bool,
    /// What its tokens cost. `None`: nobody knows.
    pub price: Option<Arc<Price>>,
    /// What it used, apart from what the client is told. Nothing known where nothing was answered.
    pub usage: Usage,
    /// The vendor did not say; the numbers are ours.
    pub usage_estimated: bool,
}

/// Why an attempt was made, and why of this endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice {
    /// `first`, `retry`, `other_key`, `other_endpoint`, `hedge`, `resume`.
    pub purpose: &'static str,
    /// What has decided between the endpoints: a strategy (`round_robin`, `weighted`, `least_busy`, `fastest`), `alone`,
    /// `conversation`, `issuer`, `probe`, `again`.
    pub by: &'static str,
    /// How many it was chosen from.
    pub of: u16,
    /// From 1.
    pub tier: u16,
}

/// When in an attempt what happened, each since it began. `None`: it has not come to that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// When it began, since the request's arrival.
    pub began: Duration,
    /// How long it took to connect, where a connection was made.
    pub connect: Option<Duration>,
    /// A connection that had served another request was there.
    pub reused: bool,
    /// Until the head of the answer.
    pub head: Option<Duration>,
    /// Until there was something in it that the client may see.
    pub first: Option<Duration>,
}

impl AttemptRow {
    /// The outcome of one that went well.
    pub const OK: &str = "ok";

    /// In nanodollars. `None`: nobody knows a price.
    pub fn cost(&self) -> Option<u64> {
        cost(self.price.as_deref()?, &self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_stranger_has_chosen_a_record_keeps_so_much() {
        let whole = "é".repeat(LONGEST / 2);
        assert_eq!(brief(&whole), whole);
        let long = format!("x{whole}");
        let kept = brief(&long);
        assert!(kept.len() <= LONGEST && kept.len() > LONGEST - 6);
        assert!(kept.ends_with("é…") && long.starts_with(kept.trim_end_matches('…')));
    }
}
