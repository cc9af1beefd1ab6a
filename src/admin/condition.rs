//! Conditions of a change (RFC 9110, section 13.1).

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};

use super::trouble::Trouble;
use crate::store::Stored;

/// What must be so of an object, or it is not changed.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// Its ETag is one of these (`If-Match`); `*`: it is there.
    pub matches: Option<String>,
    /// It is not there yet: it is to be made.
    pub is_new: bool,
    /// The same, as a condition (`If-None-Match: *`).
    pub none_matches: bool,
}

impl Condition {
    /// As a request says it.
    pub(super) fn of(headers: &HeaderMap) -> Condition {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Condition {
            matches: text(&IF_MATCH).map(str::to_owned),
            is_new: false,
            none_matches: text(&IF_NONE_MATCH).is_some_and(|told| told.trim() == "*"),
        }
    }

    pub(super) fn holds(&self, was: Option<&Stored>) -> Result<(), Trouble> {
        if self.is_new
            && let Some(was) = was
        {
            return Err(Trouble::Exists(was.kind, was.name.clone()));
        }
        if self.none_matches && was.is_some() {
            return Err(Trouble::IsThere);
        }
        match self.is_met_by(was.map(Stored::etag).as_deref()) {
            true => Ok(()),
            false => Err(Trouble::Changed),
        }
    }

    /// Whether `If-Match` holds for what has this ETag; `None`: for what is not there.
    pub(super) fn is_met_by(&self, etag: Option<&str>) -> bool {
        let Some(matches) = &self.matches else {
            return true;
        };
        etag.is_some_and(|etag| {
            let mut told = matches.split(',').map(str::trim);
            told.any(|told| told == "*" || told == etag)
        })
    }
}
