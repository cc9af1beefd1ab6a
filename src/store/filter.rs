//! Which rows are asked for.

use std::borrow::Cow;
use std::time::Duration;

use super::histogram::class_name;
use super::link::Value;
use super::sums::SLOT;
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
    /// So many attempts were made, or more.
    pub attempts: Option<u16>,
    /// A conversion has lost something.
    pub losses: Option<bool>,
    /// Took so long, to the end of the answer, or longer.
    pub slower: Option<Duration>,
}

/// What `seen` is asked: values from one to the other, both with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facet<'a> {
    pub name: &'static str,
    pub first: Cow<'a, str>,
    pub last: Cow<'a, str>,
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
    pub(super) fn facets(&self) -> Vec<Facet<'_>> {
        let texts = [
            ("client_key", self.client_key.as_deref()),
            ("tenant", self.tenant.as_deref()),
            ("model", self.model.as_deref()),
            ("provider", self.provider.as_deref()),
            ("endpoint", self.endpoint.as_deref()),
            ("ending", self.ending.map(Ending::name)),
            ("format", self.format.map(Format::name)),
            ("stream", set(self.stream)),
            ("failover", set(self.failover)),
            ("again", set(self.attempts.map(|attempts| attempts > 1))),
            ("losses", set(self.losses)),
        ];
        let texts = texts.into_iter();
        let mut all: Vec<Facet<'_>> = texts
            .filter_map(|(name, text)| Some(Facet::of(name, text?)))
            .collect();
        all.extend(self.status.map(|status| {
            let (first, last) = match status {
                Status::Exactly(status) => (status, status),
                Status::Class(class) => (u16::from(class) * 100, u16::from(class) * 100 + 99),
            };
            Facet {
                name: "status",
                first: first.to_string().into(),
                last: last.to_string().into(),
            }
        }));
        all.extend(self.slower.map(|time| Facet {
            name: "total",
            first: class_name(micros(time)).into(),
            last: class_name(i64::MAX).into(),
        }));
        all
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
        all.extend(
            self.attempts
                .map(|attempts| (" AND attempts >= ", Value::Int(i64::from(attempts)))),
        );
        all.extend(
            self.slower
                .map(|time| (" AND total_us >= ", Value::Int(micros(time)))),
        );
        all
    }
}

impl<'a> Facet<'a> {
    fn of(name: &'static str, value: &'a str) -> Facet<'a> {
        Facet {
            name,
            first: value.into(),
            last: value.into(),
        }
    }
}

fn set(flag: Option<bool>) -> Option<&'static str> {
    flag.filter(|flag| *flag).map(|_| "1")
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
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
