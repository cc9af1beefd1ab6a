//! Objects of the configuration that were made while the gateway ran, and the log of who has changed what.
//!
//! A body is kept as it may be shown; its secrets lie sealed beside it, bound to the object. Every change counts the
//! generation of all objects up, and holds only if nobody else has meanwhile: what was checked together is written
//! together, on whichever node.

use serde_json::Value as Json;
use sqlx::SqlStr;

use std::collections::BTreeMap;

use super::cipher::Cipher;
use super::fault::Fault;
use super::link::{Found, Link, Readers, Value};
use crate::clock;
use crate::config::hidden::{self, Hidden};
use crate::config::{Kind, Object};
use crate::id::RequestId;

/// An object as it is kept.
#[derive(Debug, Clone)]
pub struct Stored {
    pub kind: Kind,
    pub name: String,
    pub body: Hidden,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    pub updated_at: i64,
    /// Why its secrets cannot be had.
    pub locked: Option<String>,
}

impl Stored {
    /// Differs whenever anything of it does.
    pub fn etag(&self) -> String {
        format!("\"{}-{:x}\"", self.version, self.updated_at)
    }

    /// As the configuration takes it.
    pub fn object(&self) -> Object {
        Object {
            kind: self.kind,
            name: self.name.clone(),
            body: hidden::reveal(&self.body).to_string(),
        }
    }
}

/// All objects as they were at one moment.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    pub generation: i64,
    /// By kind, then in their order.
    pub objects: Vec<Stored>,
}

impl Shelf {
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Stored> {
        let mut all = self.objects.iter();
        all.find(|object| object.kind == kind && object.name == name)
    }

    /// The objects as these changes would leave them, but for those whose secrets cannot be had.
    pub fn after(&self, changes: &[Change]) -> Vec<Object> {
        let open = self.objects.iter().filter(|object| object.locked.is_none());
        let mut objects: Vec<Object> = open.map(Stored::object).collect();
        for change in changes {
            let at = |objects: &[Object], kind: Kind, name: &str| {
                let mut all = objects.iter();
                all.position(|object| object.kind == kind && object.name == name)
            };
            match change {
                Change::Put { kind, name, body } => {
                    let object = Object {
                        kind: *kind,
                        name: name.clone(),
                        body: hidden::reveal(body).to_string(),
                    };
                    match at(&objects, *kind, name).and_then(|at| objects.get_mut(at)) {
                        Some(was) => *was = object,
                        None => objects.push(object),
                    }
                }
                Change::Delete { kind, name } => {
                    objects.retain(|object| object.kind != *kind || object.name != *name);
                }
                Change::Order { kind, names } => {
                    let place = |object: &Object| {
                        let mut told = names.iter();
                        told.position(|name| object.kind == *kind && *name == object.name)
                            .unwrap_or(usize::MAX)
                    };
                    objects.sort_by_key(place);
                }
            }
        }
        objects
    }
}

/// What is done to one object.
#[derive(Debug, Clone)]
pub enum Change {
    /// Made, or said anew. It keeps its place; a new one comes last.
    Put {
        kind: Kind,
        name: String,
        body: Hidden,
    },
    Delete {
        kind: Kind,
        name: String,
    },
    /// These come first, in this order.
    Order {
        kind: Kind,
        names: Vec<String>,
    },
}

/// Who does it.
#[derive(Debug, Clone)]
pub struct Author {
    pub account: String,
    pub client: Option<String>,
}

/// A line of the audit log.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: String,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    pub account: String,
    pub client: Option<String>,
    pub action: String,
    pub kind: Option<String>,
    pub name: Option<String>,
    /// With secrets masked.
    pub before: Option<Json>,
    pub after: Option<Json>,
}

/// What is written into the audit log.
#[derive(Debug, Clone)]
pub struct Note<'a> {
    pub action: &'a str,
    pub kind: Option<&'a str>,
    pub name: Option<&'a str>,
    pub before: Option<&'a Json>,
    pub after: Option<&'a Json>,
}

const SELECT: &str = "SELECT kind, name, body, sealed, version, created_at, updated_at, place FROM objects \
     ORDER BY kind, place, name";
const GENERATION: &str = "SELECT number FROM generations WHERE name = 'objects'";

/// # Errors
/// Those of the database.
pub(super) async fn generation(readers: &Readers) -> Result<i64, Fault> {
    let rows = readers.rows(SqlStr::from_static(GENERATION), &[]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))?)
}

/// All objects. They are no older than the generation that is told.
///
/// # Errors
/// Those of the database.
pub(super) async fn shelf(readers: &Readers, cipher: &Cipher) -> Result<Shelf, Fault> {
    let generation = generation(readers).await?;
    let rows = readers.rows(SqlStr::from_static(SELECT), &[]).await?;
    let objects = rows
        .iter()
        .filter_map(|row| stored(row, cipher).transpose());
    Ok(Shelf {
        generation,
        objects: objects.collect::<Result<_, _>>()?,
    })
}

/// `None`: of a kind that a later version has added.
fn stored(row: &Found, cipher: &Cipher) -> Result<Option<Stored>, Fault> {
    let Some(kind) = Kind::of_name(&row.text(0)?) else {
        return Ok(None);
    };
    let name = row.text(1)?;
    let shown = serde_json::from_str(&row.text(2)?).unwrap_or(Json::Null);
    let (secrets, locked) = match row.maybe_text(3)? {
        None => (BTreeMap::new(), None),
        Some(sealed) => match cipher.open(&place_of(kind, &name), &sealed) {
            Ok(text) => (serde_json::from_str(&text).unwrap_or_default(), None),
            Err(e) => (BTreeMap::new(), Some(e.to_string())),
        },
    };
    Ok(Some(Stored {
        kind,
        name,
        body: Hidden { shown, secrets },
        version: row.int(4)?,
        created_at: row.int(5)?,
        updated_at: row.int(6)?,
        locked,
    }))
}

fn place_of(kind: Kind, name: &str) -> String {
    format!("{}/{name}", kind.name())
}

/// Does all of it, or nothing.
///
/// # Errors
/// [`Fault::Overtaken`]: somebody else has changed objects since `at`; else those of the database.
pub(super) async fn change(
    link: &mut Link,
    cipher: &Cipher,
    (changes, before): (&[Change], &Shelf),
    author: &Author,
) -> Result<i64, Fault> {
    let begin = link.dialect().begin();
    link.script(SqlStr::from_static(begin)).await?;
    match apply(link, cipher, (changes, before), author).await {
        Ok(generation) => {
            link.script(SqlStr::from_static("COMMIT")).await?;
            Ok(generation)
        }
        Err(e) => {
            link.script(SqlStr::from_static("ROLLBACK")).await?;
            Err(e)
        }
    }
}

async fn apply(
    link: &mut Link,
    cipher: &Cipher,
    (changes, before): (&[Change], &Shelf),
    author: &Author,
) -> Result<i64, Fault> {
    let sql = match link.dialect().is_postgres() {
        true => "UPDATE generations SET number = number + 1 WHERE name = 'objects' AND number = $1",
        false => "UPDATE generations SET number = number + 1 WHERE name = 'objects' AND number = ?",
    };
    let counted = link
        .run(SqlStr::from_static(sql), &[Value::Int(before.generation)])
        .await?;
    if counted == 0 {
        return Err(Fault::Overtaken);
    }
    for change in changes {
        match change {
            Change::Put { kind, name, body } => {
                put(link, cipher, (*kind, name, body), before).await?;
            }
            Change::Delete { kind, name } => delete(link, *kind, name).await?,
            Change::Order { kind, names } => order(link, *kind, names, before).await?,
        }
        note_change(link, change, before, author).await?;
    }
    Ok(before.generation + 1)
}

async fn put(
    link: &mut Link,
    cipher: &Cipher,
    (kind, name, body): (Kind, &str, &Hidden),
    before: &Shelf,
) -> Result<(), Fault> {
    let sealed = match body.secrets.is_empty() {
        true => None,
        false => {
            let text = serde_json::to_string(&body.secrets).unwrap_or_default();
            super::seal::claim(link, cipher).await?;
            let sealed = cipher.seal(&place_of(kind, name), &text);
            Some(sealed.map_err(Fault::Unsealed)?)
        }
    };
    let now = now();
    let shown = body.shown.to_string();
    let was = before.find(kind, name);
    let sql = last_place(link);
    let last = link.rows(sql, &[Value::Text(kind.name())]).await?;
    let last = last.first().map_or(Ok(0), |row| row.int(0))?;
    let values = [
        Value::Text(kind.name()),
        Value::Text(name),
        // Behind all that are there, and behind those of the same change.
        Value::Int(last.saturating_add(1)),
        Value::Text(&shown),
        Value::MaybeText(sealed.as_deref()),
        Value::Int(was.map_or(1, |was| was.version + 1)),
        Value::Int(was.map_or(now, |was| was.created_at)),
        Value::Int(now),
    ];
    let head = "INSERT INTO objects (kind, name, place, body, sealed, version, created_at, updated_at) VALUES";
    let tail = "ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, sealed = excluded.sealed, \
         version = excluded.version, updated_at = excluded.updated_at";
    let sql = link.dialect().insert(head, values.len(), 1, tail);
    link.run(sql, &values).await?;
    Ok(())
}

fn last_place(link: &Link) -> SqlStr {
    SqlStr::from_static(match link.dialect().is_postgres() {
        true => "SELECT COALESCE(MAX(place), 0) FROM objects WHERE kind = $1",
        false => "SELECT COALESCE(MAX(place), 0) FROM objects WHERE kind = ?",
    })
}

async fn delete(link: &mut Link, kind: Kind, name: &str) -> Result<(), Fault> {
    let sql = match link.dialect().is_postgres() {
        true => "DELETE FROM objects WHERE kind = $1 AND name = $2",
        false => "DELETE FROM objects WHERE kind = ? AND name = ?",
    };
    let values = [Value::Text(kind.name()), Value::Text(name)];
    link.run(SqlStr::from_static(sql), &values).await?;
    Ok(())
}

async fn order(link: &mut Link, kind: Kind, names: &[String], before: &Shelf) -> Result<(), Fault> {
    let sql = match link.dialect().is_postgres() {
        true => "UPDATE objects SET place = $1 WHERE kind = $2 AND name = $3",
        false => "UPDATE objects SET place = ? WHERE kind = ? AND name = ?",
    };
    let of_kind = before.objects.iter().filter(|object| object.kind == kind);
    let others = of_kind
        .map(|object| &object.name)
        .filter(|name| !names.contains(name));
    for (place, name) in (1..).zip(names.iter().chain(others)) {
        let values = [
            Value::Int(place),
            Value::Text(kind.name()),
            Value::Text(name),
        ];
        link.run(SqlStr::from_static(sql), &values).await?;
    }
    Ok(())
}

async fn note_change(
    link: &mut Link,
    change: &Change,
    before: &Shelf,
    author: &Author,
) -> Result<(), Fault> {
    let (kind, name) = match change {
        Change::Put { kind, name, .. } | Change::Delete { kind, name } => (*kind, Some(&**name)),
        Change::Order { kind, .. } => (*kind, None),
    };
    let was = name.and_then(|name| before.find(kind, name));
    let was = was.map(|was| &was.body.shown);
    let order = match change {
        Change::Order { names, .. } => Some(Json::from(names.clone())),
        _ => None,
    };
    let (action, after) = match change {
        Change::Put { body, .. } if was.is_none() => ("create", Some(&body.shown)),
        Change::Put { body, .. } => ("update", Some(&body.shown)),
        Change::Delete { .. } => ("delete", None),
        Change::Order { .. } => ("order", order.as_ref()),
    };
    let kind = Some(kind.name());
    let note = Note {
        action,
        kind,
        name,
        before: was,
        after,
    };
    write_note(link, &note, author).await
}

/// # Errors
/// Those of the database.
pub(super) async fn write_note(
    link: &mut Link,
    note: &Note<'_>,
    author: &Author,
) -> Result<(), Fault> {
    let id = RequestId::made(clock::wall());
    let json = |value: Option<&Json>| value.map(Json::to_string);
    let (before, after) = (json(note.before), json(note.after));
    let values = [
        Value::Text(id.as_str()),
        Value::Int(now()),
        Value::Text(&author.account),
        Value::MaybeText(author.client.as_deref()),
        Value::Text(note.action),
        Value::MaybeText(note.kind),
        Value::MaybeText(note.name),
        Value::MaybeText(before.as_deref()),
        Value::MaybeText(after.as_deref()),
    ];
    let head = "INSERT INTO audit (id, at, account, client, action, kind, name, before_it, after_it) VALUES";
    let sql = link.dialect().insert(head, values.len(), 1, "");
    link.run(sql, &values).await?;
    Ok(())
}

/// What the audit log is asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditQuestion {
    pub account: Option<String>,
    pub action: Option<String>,
    pub kind: Option<String>,
    pub name: Option<String>,
    /// Older than this id.
    pub before: Option<RequestId>,
}

/// Lines of the audit log that fit, newest first.
///
/// # Errors
/// Those of the database.
pub(super) async fn audit(
    readers: &Readers,
    question: &AuditQuestion,
    most: usize,
) -> Result<Vec<Entry>, Fault> {
    let dialect = readers.dialect();
    let mut sql = "SELECT id, at, account, client, action, kind, name, before_it, after_it \
         FROM audit WHERE id < "
        .to_owned();
    let last = question.before.unwrap_or(RequestId::LAST);
    let mut values = vec![Value::Text(last.as_str())];
    dialect.place(&mut sql, 1);
    for (column, value) in [
        (" AND account = ", &question.account),
        (" AND action = ", &question.action),
        (" AND kind = ", &question.kind),
        (" AND name = ", &question.name),
    ] {
        if let Some(value) = value {
            values.push(Value::Text(value));
            sql.push_str(column);
            dialect.place(&mut sql, values.len());
        }
    }
    values.push(Value::Int(i64::try_from(most).unwrap_or(i64::MAX)));
    sql.push_str(" ORDER BY id DESC LIMIT ");
    dialect.place(&mut sql, values.len());
    let sql = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(sql));
    let rows = readers.rows(sql, &values).await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Found) -> Result<Entry, Fault> {
    let json = |at| -> Result<Option<Json>, Fault> {
        let text = row.maybe_text(at)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    };
    Ok(Entry {
        id: row.text(0)?,
        at: row.int(1)?,
        account: row.text(2)?,
        client: row.maybe_text(3)?,
        action: row.text(4)?,
        kind: row.maybe_text(5)?,
        name: row.maybe_text(6)?,
        before: json(7)?,
        after: json(8)?,
    })
}

fn now() -> i64 {
    i64::try_from(clock::wall().as_millis()).unwrap_or(i64::MAX)
}
