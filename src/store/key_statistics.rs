//! Statistics of providers' keys, from their sums by hour.

use std::collections::BTreeMap;

use sqlx::SqlStr;

use super::fault::Fault;
use super::link::{Readers, Value};

/// What became of the attempts with one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFigures {
    pub provider: String,
    /// How it is shown: `sk-…wxyz`. Empty: none of ours was sent.
    pub key: String,
    pub attempts: i64,
    pub ok: i64,
    /// Attempts that we ended ourselves are neither ok nor failed.
    pub failed: i64,
    /// Milliseconds since the Unix epoch: when the request arrived that used it last.
    pub last_at: i64,
    /// Attempts by the vendor's status; 0: none came.
    pub statuses: BTreeMap<i64, i64>,
}

/// Ordered by provider and key.
pub(super) async fn key_statistics(
    readers: &Readers,
    (first, last): (i64, i64),
) -> Result<Vec<KeyFigures>, Fault> {
    let sql =
        "SELECT provider, key, status, CAST(SUM(attempts) AS BIGINT), CAST(SUM(ok) AS BIGINT), \
                      CAST(SUM(failed) AS BIGINT), MAX(last_at)
               FROM key_sums WHERE hour >= $1 AND hour < $2
               GROUP BY provider, key, status ORDER BY provider, key, status";
    let values = [Value::Int(first), Value::Int(last)];
    let mut all: Vec<KeyFigures> = Vec::new();
    for found in readers.rows(SqlStr::from_static(sql), &values).await? {
        let (provider, key) = (found.text(0)?, found.text(1)?);
        let known = all
            .last()
            .is_some_and(|of| (&of.provider, &of.key) == (&provider, &key));
        if !known {
            all.push(KeyFigures {
                provider,
                key,
                ..KeyFigures::default()
            });
        }
        if let Some(of) = all.last_mut() {
            let attempts = found.int(3)?;
            of.attempts += attempts;
            of.ok += found.int(4)?;
            of.failed += found.int(5)?;
            of.last_at = of.last_at.max(found.int(6)?);
            of.statuses.insert(found.int(2)?, attempts);
        }
    }
    Ok(all)
}
