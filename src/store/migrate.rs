//! The schema, brought to what this binary knows. Only ever forward.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::fault::Fault;
use super::link::{Link, Value};
use crate::clock;

/// In their order; the first makes version 1. What was released is never changed again.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_records.sql"),
    include_str!("migrations/0002_objects.sql"),
    include_str!("migrations/0003_accounts.sql"),
    include_str!("migrations/0004_seal.sql"),
    include_str!("migrations/0005_refusals.sql"),
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_versions (
    version BIGINT NOT NULL PRIMARY KEY,
    applied_at BIGINT NOT NULL
)";

/// The version that this binary knows.
pub(super) fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Applies what is missing, all of it or nothing. Of several that start at once one does it; the others wait.
///
/// # Errors
/// [`Fault::Newer`]: the database was made by a later version. Else what the database says.
pub(super) async fn migrate(link: &mut Link) -> Result<(), Fault> {
    if version(link).await.is_ok_and(|version| version == known()) {
        return Ok(());
    }
    let dialect = link.dialect();
    for sql in dialect.begin_alone() {
        link.script(SqlStr::from_static(sql)).await?;
    }
    match apply(link).await {
        Ok(()) => Ok(link.script(SqlStr::from_static("COMMIT")).await?),
        Err(e) => {
            link.script(SqlStr::from_static("ROLLBACK")).await?;
            Err(e)
        }
    }
}

async fn apply(link: &mut Link) -> Result<(), Fault> {
    link.script(SqlStr::from_static(TABLE)).await?;
    let found = version(link).await?;
    if found > known() {
        return Err(Fault::Newer {
            found,
            known: known(),
        });
    }
    let applied_at = i64::try_from(clock::wall().as_secs()).unwrap_or(i64::MAX);
    for (version, text) in (1_i64..).zip(MIGRATIONS) {
        if version <= found {
            continue;
        }
        let sql = AssertSqlSafe(link.dialect().schema(text)).into_sql_str();
        link.script(sql).await?;
        let head = "INSERT INTO schema_versions (version, applied_at) VALUES";
        let sql = link.dialect().insert(head, 2, 1, "");
        let values = [Value::Int(version), Value::Int(applied_at)];
        link.run(sql, &values).await?;
        log::info!("the database's schema is version {version} now");
    }
    Ok(())
}

async fn version(link: &mut Link) -> Result<i64, Fault> {
    let sql = "SELECT COALESCE(MAX(version), 0) FROM schema_versions";
    let rows = link.rows(SqlStr::from_static(sql), &[]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))?)
}
