//! Which rows are asked for.

use std::time::Duration;

use super::link::Value;
use super::sums::{SLOT, status_class};
use crate::id::RequestId;
use crate::ir::Format;
use crate::ledger::Ending;

/// All that is told must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Since the Unix epoch, to the millisecond; `from` belongs to it, `until` does not.
    pub from: Option<Duration>,
    pub until: Option<Duration>,
    pub client_key: Option<String>,
    pub tenant: Option<String>,
    pub model: Option<String>,
    /// Who has answered; where nobody has, who was asked last.
    pub provider: Option<String>,
    /// The upstream model there.
    pub endpoint: Option<String>,
    pub status: Option<Status>,
    pub ending: Option<Ending>,
    pub format: Option<Format>,
    pub stream: Option<bool>,
    /// More than one endpoint was asked.
    pub failover: Option<bool>,
    /// A conversion has lost something.
    pub losses: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Exactly(u16),
    /// 2, 4 or 5.
    Class(u8),
}

/// Ids from the first on, up to and without the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub RequestId, pub RequestId);

impl Filter {
    pub(super) fn span(&self) -> Span {
        let first = self
            .from
            .map_or(RequestId::first_of(Duration::ZERO), RequestId::first_of);
        Span(
            first,
            self.until.map_or(RequestId::LAST, RequestId::first_of),
        )
    }

    /// What `seen` knows of the values that are asked for. A flag that must not be set is not rare.
    pub(super) fn facets(&self) -> Vec<(&'static str, &str)> {
        let set = |name, flag: Option<bool>| (flag == Some(true)).then_some((name, "1"));
        let status = self.status.map(|status| match status {
            Status::Exactly(status) => status_class(i64::from(status)),
            Status::Class(class) => status_class(i64::from(class) * 100),
        });
        let all = [
            self.client_key.as_deref().map(|name| ("client_key", name)),
            self.tenant.as_deref().map(|name| ("tenant", name)),
            self.model.as_deref().map(|name| ("model", name)),
            self.provider.as_deref().map(|name| ("provider", name)),
            self.endpoint.as_deref().map(|name| ("endpoint", name)),
            status.map(|class| ("status", class)),
            self.ending.map(|ending| ("ending", ending.name())),
            self.format.map(|format| ("format", format.name())),
            set("stream", self.stream),
            set("failover", self.failover),
            set("losses", self.losses),
        ];
        all.into_iter().flatten().collect()
    }

    /// The conditions, but for the time: SQL up to a value, and the value.
    pub(super) fn conditions(&self) -> Vec<(&'static str, Value<'_>)> {
        let mut all = Vec::new();
        let texts = [
            (" AND client_key = ", self.client_key.as_deref()),
            (" AND tenant = ", self.tenant.as_deref()),
            (" AND model = ", self.model.as_deref()),
            (" AND provider = ", self.provider.as_deref()),
            (" AND endpoint = ", self.endpoint.as_deref()),
            (" AND ending = ", self.ending.map(Ending::name)),
            (" AND format = ", self.format.map(Format::name)),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(sql, text)| Some((sql, Value::Text(text?))));
        all.extend(texts);
        match self.status {
            None => {}
            Some(Status::Exactly(status)) => {
                all.push((" AND status = ", Value::Int(i64::from(status))));
            }
            Some(Status::Class(class)) => {
                let first = i64::from(class) * 100;
                all.push((" AND status >= ", Value::Int(first)));
                all.push((" AND status < ", Value::Int(first + 100)));
            }
        }
        let flags = [
            (" AND stream = ", self.stream),
            (" AND failover = ", self.failover),
            (" AND losses = ", self.losses),
        ];
        let flags = flags
            .into_iter()
            .filter_map(|(sql, flag)| Some((sql, Value::Flag(flag?))));
        all.extend(flags);
        all
    }
}

impl Span {
    /// What of it lies in ten minutes in a row, from slot to slot, both with it.
    pub(super) fn within(self, first: i64, last: i64) -> Span {
        let start = |slot: i64| {
            let millis = u64::try_from(slot.saturating_mul(SLOT)).unwrap_or(0);
            RequestId::first_of(Duration::from_millis(millis))
        };
        let (from, until) = (start(first), start(last.saturating_add(1)));
        let later = |a: RequestId, b: RequestId| if a.as_str() < b.as_str() { b } else { a };
        let earlier = |a: RequestId, b: RequestId| if a.as_str() < b.as_str() { a } else { b };
        Span(later(self.0, from), earlier(self.1, until))
    }

    pub(super) fn slots(self) -> (i64, i64) {
        let slot = |id: RequestId| {
            i64::try_from(id.millis())
                .unwrap_or(i64::MAX)
                .div_euclid(SLOT)
        };
        (slot(self.0), slot(self.1))
    }
}
