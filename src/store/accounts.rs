//! Who may enter the admin side: accounts with their passwords' hashes, and who is logged in.
//!
//! Every change is a transaction that nobody else's runs beside, on whichever node: so that a name is given once, and
//! the last admin cannot go; the audit log's line of it is written in the same. Times are arguments, in milliseconds since
//! the Unix epoch.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sqlx::{SqlSafeStr as _, SqlStr};

use super::Store;
use super::fault::Fault;
use super::link::{Found, Link, Value};
use super::objects::{Author, Note, write_note};

/// A database that says nothing for so long is away: to who reads, and to who writes.
const PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE_TO_WRITE: Duration = Duration::from_secs(5);
/// Sessions of one account; with more the oldest end.
const MOST_SESSIONS: i64 = 100;

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Changes everything.
    Admin,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Admin => "admin",
        }
    }

    /// What a later version calls otherwise may look, and no more.
    fn of_name(name: &str) -> Role {
        match name {
            "admin" => Role::Admin,
            _ => Role::Viewer,
        }
    }
}

/// An account as it is kept.
#[derive(Clone)]
pub struct Account {
    pub name: String,
    pub role: Role,
    /// Of the password, as a PHC string.
    pub hash: String,
    /// Of the variable that the password was last taken over from.
    pub told: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// Without the hashes.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, {})", self.name, self.role.name())
    }
}

/// Somebody who is logged in, with the role that the account has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub account: String,
    pub role: Role,
    pub created_at: i64,
    pub seen_at: i64,
}

/// What becomes otherwise with an account.
#[derive(Clone, Default)]
pub struct Amendment {
    pub role: Option<Role>,
    pub hash: Option<String>,
    pub told: Option<String>,
}

/// What has become of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amended {
    Done,
    /// There is no such account.
    Unknown,
    /// Nobody would be left who may change anything.
    LastAdmin,
}

const ACCOUNT: &str = "SELECT name, role, hash, told, created_at, updated_at FROM accounts";

impl Store {
    /// # Errors
    /// Those of the database.
    pub async fn accounts(&self) -> Result<Vec<Account>, Fault> {
        let sql = [ACCOUNT, " ORDER BY name"].concat();
        let rows = self.look(sql, &[]).await?;
        rows.iter().map(account).collect()
    }

    /// # Errors
    /// Those of the database.
    pub async fn account(&self, name: &str) -> Result<Option<Account>, Fault> {
        let sql = [ACCOUNT, " WHERE name = $1"].concat();
        let rows = self.look(sql, &[Value::Text(name)]).await?;
        rows.first().map(account).transpose()
    }

    /// Adds an account if there is none at all. Whether it was added: of several nodes that start together, by one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn found_accounts(&self, first: &Account, author: &Author) -> Result<bool, Fault> {
        let mut link = self.begun().await?;
        let added = match count(&mut link, "SELECT COUNT(*) FROM accounts").await {
            Ok(0) => insert(&mut link, first, author).await,
            Ok(_) => Ok(false),
            Err(e) => Err(e),
        };
        ended(link, added).await
    }

    /// Whether it was added: a name is given once.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn add_account(&self, account: &Account, author: &Author) -> Result<bool, Fault> {
        let mut link = self.begun().await?;
        let added = insert(&mut link, account, author).await;
        ended(link, added).await
    }

    /// Changes an account. With another password or role all its sessions end but `keep`, told by its hash.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn amend_account(
        &self,
        name: &str,
        amendment: &Amendment,
        keep: Option<&str>,
        (author, now): (&Author, i64),
    ) -> Result<Amended, Fault> {
        let mut link = self.begun().await?;
        let amended = amend(&mut link, name, amendment, (keep, author, now)).await;
        ended(link, amended).await
    }

    /// Deletes an account and its sessions.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete_account(&self, name: &str, author: &Author) -> Result<Amended, Fault> {
        let mut link = self.begun().await?;
        let deleted = delete(&mut link, name, author).await;
        ended(link, deleted).await
    }

    /// Logs an account in. `hash` is that of the session's token.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_session(&self, hash: &str, account: &str, now: i64) -> Result<(), Fault> {
        let mut link = self.begun().await?;
        let begun = begin(&mut link, hash, (account, now)).await;
        ended(link, begun).await
    }

    /// # Errors
    /// Those of the database.
    pub async fn session(&self, hash: &str) -> Result<Option<Session>, Fault> {
        let sql = "SELECT s.account, a.role, s.created_at, s.seen_at
             FROM sessions s JOIN accounts a ON a.name = s.account WHERE s.hash = $1";
        let rows = self.look(sql.to_owned(), &[Value::Text(hash)]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(Session {
            account: row.text(0)?,
            role: Role::of_name(&row.text(1)?),
            created_at: row.int(2)?,
            seen_at: row.int(3)?,
        }))
    }

    /// It is still used.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn touch_session(&self, hash: &str, now: i64) -> Result<(), Fault> {
        let sql = "UPDATE sessions SET seen_at = $1 WHERE hash = $2 AND seen_at < $3";
        let values = [Value::Int(now), Value::Text(hash), Value::Int(now)];
        self.one(sql, &values).await
    }

    /// # Errors
    /// Those of the database.
    pub async fn end_session(&self, hash: &str) -> Result<(), Fault> {
        let sql = "DELETE FROM sessions WHERE hash = $1";
        self.one(sql, &[Value::Text(hash)]).await
    }

    /// Ends the sessions that began, or were last used, before these times.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_old_sessions(&self, begun: i64, seen: i64) -> Result<(), Fault> {
        let sql = "DELETE FROM sessions WHERE created_at < $1 OR seen_at < $2";
        self.one(sql, &[Value::Int(begun), Value::Int(seen)]).await
    }

    async fn look(&self, sql: String, values: &[Value<'_>]) -> Result<Vec<Found>, Fault> {
        let sql = sqlx::AssertSqlSafe(sql).into_sql_str();
        let found = self.readers().rows(sql, values);
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => Ok(found?),
            Err(_) => Err(Fault::Silent(PATIENCE.as_secs())),
        }
    }

    async fn one(&self, sql: &'static str, values: &[Value<'_>]) -> Result<(), Fault> {
        let mut link = self.begun().await?;
        let done = run(&mut link, sql, values).await.map(drop);
        ended(link, done).await
    }

    /// A connection in a transaction of its own.
    async fn begun(&self) -> Result<Link, Fault> {
        let opening = async {
            let mut link = Link::open(&self.address).await?;
            for sql in link.dialect().begin_alone() {
                link.script(SqlStr::from_static(sql)).await?;
            }
            Ok(link)
        };
        match tokio::time::timeout(PATIENCE_TO_WRITE, opening).await {
            Ok(begun) => begun,
            Err(_) => Err(Fault::Silent(PATIENCE_TO_WRITE.as_secs())),
        }
    }
}

async fn ended<T>(mut link: Link, done: Result<T, Fault>) -> Result<T, Fault> {
    let end = match &done {
        Ok(_) => "COMMIT",
        Err(_) => "ROLLBACK",
    };
    let ended = link.script(SqlStr::from_static(end)).await;
    link.close().await;
    match (done, ended) {
        (Ok(done), Ok(())) => Ok(done),
        (Ok(_), Err(e)) => Err(e.into()),
        (Err(e), _) => Err(e),
    }
}

async fn run(link: &mut Link, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Fault> {
    Ok(link.run(SqlStr::from_static(sql), values).await?)
}

async fn count(link: &mut Link, sql: &'static str) -> Result<i64, Fault> {
    let rows = link.rows(SqlStr::from_static(sql), &[]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))?)
}

async fn insert(link: &mut Link, account: &Account, author: &Author) -> Result<bool, Fault> {
    let sql = "INSERT INTO accounts (name, role, hash, told, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING";
    let values = [
        Value::Text(&account.name),
        Value::Text(account.role.name()),
        Value::Text(&account.hash),
        Value::MaybeText(account.told.as_deref()),
        Value::Int(account.created_at),
        Value::Int(account.updated_at),
    ];
    if run(link, sql, &values).await? != 1 {
        return Ok(false);
    }
    let after = shown(account.role, false);
    write_note(
        link,
        &note("create", &account.name, None, Some(&after)),
        author,
    )
    .await?;
    Ok(true)
}

async fn amend(
    link: &mut Link,
    name: &str,
    amendment: &Amendment,
    (keep, author, now): (Option<&str>, &Author, i64),
) -> Result<Amended, Fault> {
    let Some(before) = role(link, name).await? else {
        return Ok(Amended::Unknown);
    };
    let after = amendment.role.unwrap_or(before);
    if before == Role::Admin && after != Role::Admin && is_last_admin(link).await? {
        return Ok(Amended::LastAdmin);
    }
    let sql = "UPDATE accounts SET role = $1, hash = COALESCE($2, hash), told = COALESCE($3, told),
         updated_at = $4 WHERE name = $5";
    let values = [
        Value::Text(after.name()),
        Value::MaybeText(amendment.hash.as_deref()),
        Value::MaybeText(amendment.told.as_deref()),
        Value::Int(now),
        Value::Text(name),
    ];
    run(link, sql, &values).await?;
    if amendment.hash.is_some() || after != before {
        let sql = "DELETE FROM sessions WHERE account = $1 AND hash <> $2";
        let values = [Value::Text(name), Value::Text(keep.unwrap_or(""))];
        run(link, sql, &values).await?;
    }
    let changed = amendment.hash.is_some();
    let (before, after) = (shown(before, false), shown(after, changed));
    let note = note("update", name, Some(&before), Some(&after));
    write_note(link, &note, author).await?;
    Ok(Amended::Done)
}

async fn delete(link: &mut Link, name: &str, author: &Author) -> Result<Amended, Fault> {
    let role = match role(link, name).await? {
        None => return Ok(Amended::Unknown),
        Some(Role::Admin) if is_last_admin(link).await? => return Ok(Amended::LastAdmin),
        Some(role) => role,
    };
    let of = [Value::Text(name)];
    run(link, "DELETE FROM accounts WHERE name = $1", &of).await?;
    run(link, "DELETE FROM sessions WHERE account = $1", &of).await?;
    let before = shown(role, false);
    write_note(link, &note("delete", name, Some(&before), None), author).await?;
    Ok(Amended::Done)
}

/// An account in the audit log.
fn shown(role: Role, new_password: bool) -> Json {
    match new_password {
        true => json!({ "role": role.name(), "password": "changed" }),
        false => json!({ "role": role.name() }),
    }
}

fn note<'a>(
    action: &'a str,
    name: &'a str,
    before: Option<&'a Json>,
    after: Option<&'a Json>,
) -> Note<'a> {
    Note {
        action,
        kind: Some("account"),
        name: Some(name),
        before,
        after,
    }
}

async fn begin(link: &mut Link, hash: &str, (account, now): (&str, i64)) -> Result<(), Fault> {
    let sql = "INSERT INTO sessions (hash, account, created_at, seen_at) VALUES ($1, $2, $3, $4)";
    let values = [
        Value::Text(hash),
        Value::Text(account),
        Value::Int(now),
        Value::Int(now),
    ];
    run(link, sql, &values).await?;
    let sql = "DELETE FROM sessions WHERE account = $1 AND hash NOT IN
         (SELECT hash FROM sessions WHERE account = $2 ORDER BY seen_at DESC, hash LIMIT $3)";
    let values = [
        Value::Text(account),
        Value::Text(account),
        Value::Int(MOST_SESSIONS),
    ];
    run(link, sql, &values).await?;
    Ok(())
}

async fn role(link: &mut Link, name: &str) -> Result<Option<Role>, Fault> {
    let sql = SqlStr::from_static("SELECT role FROM accounts WHERE name = $1");
    let rows = link.rows(sql, &[Value::Text(name)]).await?;
    let role = rows.first().map(|row| row.text(0)).transpose()?;
    Ok(role.as_deref().map(Role::of_name))
}

async fn is_last_admin(link: &mut Link) -> Result<bool, Fault> {
    let sql = "SELECT COUNT(*) FROM accounts WHERE role = 'admin'";
    Ok(count(link, sql).await? < 2)
}

fn account(row: &Found) -> Result<Account, Fault> {
    Ok(Account {
        name: row.text(0)?,
        role: Role::of_name(&row.text(1)?),
        hash: row.text(2)?,
        told: row.maybe_text(3)?,
        created_at: row.int(4)?,
        updated_at: row.int(5)?,
    })
}
