//! All that differs between the two databases.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// Of everybody who migrates one database: any number that nobody else uses. The letters of "tidegate".
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(8388344466104284261)";

impl Dialect {
    pub(super) fn is_postgres(self) -> bool {
        self == Dialect::Postgres
    }

    /// A migration in this dialect.
    pub(super) fn schema(self, text: &str) -> String {
        let (bytewise, clustered, bytes) = match self {
            // Rows stand in the tree of their key: a range of times is a range of pages.
            Dialect::Sqlite => ("", "WITHOUT ROWID", "BLOB"),
            Dialect::Postgres => ("COLLATE \"C\"", "", "BYTEA"),
        };
        text.replace("{bytewise}", bytewise)
            .replace("{clustered}", clustered)
            .replace("{bytes}", bytes)
    }

    /// Begins what only one process may do at a time.
    pub(super) fn begin_alone(self) -> [&'static str; 2] {
        match self {
            Dialect::Sqlite => ["BEGIN EXCLUSIVE", "SELECT 1"],
            Dialect::Postgres => ["BEGIN", MIGRATION_LOCK],
        }
    }

    /// Begins a transaction that writes. SQLite's other kind can fail in the middle, when somebody else has written.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        }
    }

    /// Bytes that the rows take. PostgreSQL's files do not become smaller when rows leave; so there it is the number of
    /// rows, as its statistics have it, times what the newest of them take, with their heads and keys.
    pub(super) fn size(self) -> &'static str {
        match self {
            Dialect::Sqlite => {
                "SELECT (c.page_count - f.freelist_count) * s.page_size
                 FROM pragma_page_count() c, pragma_freelist_count() f, pragma_page_size() s"
            }
            Dialect::Postgres => {
                "SELECT CAST(COALESCE((SELECT n_live_tup FROM pg_stat_user_tables
                     WHERE relid = CAST('requests' AS regclass)), 0) * (200
                 + COALESCE((SELECT AVG(pg_column_size(r.*))
                     FROM (SELECT * FROM requests ORDER BY id DESC LIMIT 1000) r), 0)
                 + COALESCE((SELECT AVG(pg_column_size(d.*))
                     FROM (SELECT * FROM request_details ORDER BY id DESC LIMIT 1000) d), 0))
                 + COALESCE((SELECT n_live_tup FROM pg_stat_user_tables
                     WHERE relid = CAST('request_bodies' AS regclass)), 0) * (60
                 + COALESCE((SELECT AVG(octet_length(b.request) + octet_length(b.response))
                     FROM (SELECT request, response FROM request_bodies ORDER BY id DESC LIMIT 1000) b), 0))
                 AS BIGINT)"
            }
        }
    }

    /// After rows have left. SQLite gives pages that are free back to the file system, some at a time. PostgreSQL does
    /// so by itself, but counts rows only once a second, and then again as much would leave.
    pub(super) fn settle(self) -> &'static str {
        match self {
            Dialect::Sqlite => "PRAGMA incremental_vacuum(256)",
            Dialect::Postgres => "SELECT pg_stat_force_next_flush()",
        }
    }

    /// `INSERT` of `rows` rows of `columns` values each. `head` goes up to `VALUES`, `tail` is what follows.
    pub(super) fn insert(self, head: &str, columns: usize, rows: usize, tail: &str) -> SqlStr {
        let mut sql = String::with_capacity(head.len() + tail.len() + rows * columns * 6);
        sql.push_str(head);
        for row in 0..rows {
            sql.push_str(if row == 0 { " (" } else { "), (" });
            for column in 0..columns {
                sql.push_str(if column == 0 { "" } else { ", " });
                self.place(&mut sql, row * columns + column + 1);
            }
        }
        sql.push_str(") ");
        sql.push_str(tail);
        AssertSqlSafe(sql).into_sql_str()
    }

    /// The place of the `n`th value, counted from 1. SQLite takes `$1` too, but then looks every name up in a list:
    /// a statement with a thousand of them would spend most of its time there. So its values are told in their order.
    pub(super) fn place(self, sql: &mut String, n: usize) {
        match self {
            Dialect::Sqlite => sql.push('?'),
            // Writing to a string cannot fail.
            Dialect::Postgres => write!(sql, "${n}").unwrap_or_default(),
        }
    }
}
