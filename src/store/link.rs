//! A connection to either database, with values and rows that are the same on both.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteArguments, SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments, ConnectOptions as _, Connection as _, Database, Encode, Executor as _, PgConnection,
    PgPool, Row as _, SqlStr, SqliteConnection, SqlitePool, Type,
};

use super::dialect::Dialect;
use super::standing::Standing;
use crate::config;

type Failed = sqlx::Error;

/// How long SQLite waits for a lock of somebody else's, and a reader for a connection.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How long a reader waits for PostgreSQL to let it in; and where it is known to be away.
const PATIENCE: Duration = Duration::from_secs(5);
const SHORT_PATIENCE: Duration = Duration::from_millis(500);
const READERS: u32 = 4;

/// Where the database is.
#[derive(Clone)]
pub(super) enum Address {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

impl Address {
    /// # Errors
    /// The URL cannot be read.
    pub(super) fn of(database: &config::Database) -> Result<Address, Failed> {
        match database {
            config::Database::Sqlite(path) => Ok(Address::Sqlite(sqlite(path))),
            config::Database::Postgres(url) => {
                let options = PgConnectOptions::from_str(url.reveal())?;
                let options = options
                    .application_name("tidegate")
                    .disable_statement_logging();
                Ok(Address::Postgres(options))
            }
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Address::Sqlite(_) => Dialect::Sqlite,
            Address::Postgres(_) => Dialect::Postgres,
        }
    }
}

fn sqlite(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        // With a WAL nothing breaks; what a power cut takes is the last moment's rows, which §7 allows.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(LOCK_PATIENCE)
        .pragma("cache_size", "-16384")
        .thread_name(|_| "records-db".to_owned())
        .disable_statement_logging()
}

/// A value of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Int(i64),
    MaybeInt(Option<i64>),
    Flag(bool),
    Bytes(&'a [u8]),
}

/// The writer's connection.
pub(super) enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Link {
    /// # Errors
    /// The database is not there, or does not let us in.
    pub(super) async fn open(address: &Address) -> Result<Link, Failed> {
        Ok(match address {
            Address::Sqlite(options) => Link::Sqlite(options.connect().await?),
            Address::Postgres(options) => Link::Postgres(options.connect().await?),
        })
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Link::Sqlite(_) => Dialect::Sqlite,
            Link::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs one statement; how many rows it has changed.
    pub(super) async fn run(&mut self, sql: SqlStr, values: &[Value<'_>]) -> Result<u64, Failed> {
        Ok(match self {
            Link::Sqlite(link) => {
                let values = arguments::<SqliteArguments>(values).map_err(Failed::Encode)?;
                let done = link.execute(sqlx::query_with(sql, values)).await?;
                done.rows_affected()
            }
            Link::Postgres(link) => {
                let values = arguments::<PgArguments>(values).map_err(Failed::Encode)?;
                let done = link.execute(sqlx::query_with(sql, values)).await?;
                done.rows_affected()
            }
        })
    }

    /// Runs statements without values, several at once.
    pub(super) async fn script(&mut self, sql: SqlStr) -> Result<(), Failed> {
        match self {
            Link::Sqlite(link) => link.execute(sqlx::raw_sql(sql)).await.map(drop),
            Link::Postgres(link) => link.execute(sqlx::raw_sql(sql)).await.map(drop),
        }
    }

    pub(super) async fn rows(
        &mut self,
        sql: SqlStr,
        values: &[Value<'_>],
    ) -> Result<Vec<Found>, Failed> {
        Ok(match self {
            Link::Sqlite(link) => {
                let values = arguments::<SqliteArguments>(values).map_err(Failed::Encode)?;
                let rows = link.fetch_all(sqlx::query_with(sql, values)).await?;
                rows.into_iter().map(Found::Sqlite).collect()
            }
            Link::Postgres(link) => {
                let values = arguments::<PgArguments>(values).map_err(Failed::Encode)?;
                let rows = link.fetch_all(sqlx::query_with(sql, values)).await?;
                rows.into_iter().map(Found::Postgres).collect()
            }
        })
    }

    /// Says good-bye. What fails now has no more consequence.
    pub(super) async fn close(self) {
        let ended = match self {
            Link::Sqlite(link) => link.close().await,
            Link::Postgres(link) => link.close().await,
        };
        if let Err(e) = ended {
            log::debug!("the database's connection has not ended well: {e}");
        }
    }
}

/// Connections that only read, opened as they are needed.
pub(super) struct Readers {
    pool: Pool,
    standing: Standing,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Readers {
    pub(super) fn of(address: Address, standing: Standing) -> Readers {
        let pool =
            match address {
                Address::Sqlite(options) => {
                    let pool = SqlitePoolOptions::new().max_connections(READERS);
                    let pool = pool.acquire_timeout(LOCK_PATIENCE);
                    Pool::Sqlite(pool.connect_lazy_with(
                        options.create_if_missing(false).pragma("query_only", "ON"),
                    ))
                }
                Address::Postgres(options) => {
                    let pool = PgPoolOptions::new().max_connections(READERS);
                    let pool = pool.acquire_timeout(PATIENCE);
                    Pool::Postgres(pool.connect_lazy_with(options))
                }
            };
        Readers { pool, standing }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.pool {
            Pool::Sqlite(_) => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Who is known not to take records may still be read (it is full, or read-only); a server that is gone is not waited
    /// for.
    pub(super) async fn rows(
        &self,
        sql: SqlStr,
        values: &[Value<'_>],
    ) -> Result<Vec<Found>, Failed> {
        Ok(match &self.pool {
            Pool::Sqlite(pool) => {
                let values = arguments::<SqliteArguments>(values).map_err(Failed::Encode)?;
                let rows = pool.fetch_all(sqlx::query_with(sql, values)).await?;
                rows.into_iter().map(Found::Sqlite).collect()
            }
            Pool::Postgres(pool) => {
                let values = arguments::<PgArguments>(values).map_err(Failed::Encode)?;
                let patience = match self.standing.is_up() {
                    true => PATIENCE,
                    false => SHORT_PATIENCE,
                };
                let link = tokio::time::timeout(patience, pool.acquire()).await;
                let mut link = link.map_err(|_| Failed::PoolTimedOut)??;
                let rows = link.fetch_all(sqlx::query_with(sql, values)).await?;
                rows.into_iter().map(Found::Postgres).collect()
            }
        })
    }
}

fn arguments<A: Arguments>(values: &[Value<'_>]) -> Result<A, BoxDynError>
where
    for<'t> &'t str: Encode<'t, A::Database> + Type<A::Database>,
    for<'t> Option<&'t str>: Encode<'t, A::Database>,
    for<'t> i64: Encode<'t, A::Database> + Type<A::Database>,
    for<'t> Option<i64>: Encode<'t, A::Database>,
    for<'t> &'t [u8]: Encode<'t, A::Database> + Type<A::Database>,
    for<'t> bool: Encode<'t, A::Database> + Type<A::Database>,
    A::Database: Database,
{
    let mut arguments = A::default();
    arguments.reserve(values.len(), values.len() * 16);
    for value in values {
        match *value {
            Value::Text(text) => arguments.add(text)?,
            Value::MaybeText(text) => arguments.add(text)?,
            Value::Int(n) => arguments.add(n)?,
            Value::MaybeInt(n) => arguments.add(n)?,
            Value::Flag(flag) => arguments.add(flag)?,
            Value::Bytes(bytes) => arguments.add(bytes)?,
        }
    }
    Ok(arguments)
}

/// A row that was found. Columns are told by their place.
pub(super) enum Found {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Found {
    pub(super) fn int(&self, at: usize) -> Result<i64, Failed> {
        match self {
            Found::Sqlite(row) => row.try_get(at),
            Found::Postgres(row) => row.try_get(at),
        }
    }

    pub(super) fn maybe_int(&self, at: usize) -> Result<Option<i64>, Failed> {
        match self {
            Found::Sqlite(row) => row.try_get(at),
            Found::Postgres(row) => row.try_get(at),
        }
    }

    pub(super) fn text(&self, at: usize) -> Result<String, Failed> {
        match self {
            Found::Sqlite(row) => row.try_get(at),
            Found::Postgres(row) => row.try_get(at),
        }
    }

    pub(super) fn maybe_text(&self, at: usize) -> Result<Option<String>, Failed> {
        match self {
            Found::Sqlite(row) => row.try_get(at),
            Found::Postgres(row) => row.try_get(at),
        }
    }

    pub(super) fn bytes(&self, at: usize) -> Result<Vec<u8>, Failed> {
        match self {
            Found::Sqlite(row) => row.try_get(at),
            Found::Postgres(row) => row.try_get(at),
        }
    }

    pub(super) fn flag(&self, at: usize) -> Result<bool, Failed> {
        match self {
            Found::Sqlite(row) => row.try_get(at),
            Found::Postgres(row) => row.try_get(at),
        }
    }
}
