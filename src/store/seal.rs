//! Which key the secrets of the database are sealed with. The database knows its id: who has another one is told so, and
//! seals nothing beside what it cannot open.

use sqlx::SqlStr;

use super::cipher::{Cipher, key_id};
use super::fault::Fault;
use super::link::{Link, Value};

const KEY_ID: &str = "SELECT key_id FROM seals WHERE name = 'objects'";
const SEALED: &str = "SELECT kind, name, sealed FROM objects WHERE sealed IS NOT NULL";
/// Nobody else changes objects until this is done.
const HOLD: &str = "UPDATE generations SET number = number WHERE name = 'objects'";
const COUNT: &str = "UPDATE generations SET number = number + 1 WHERE name = 'objects'";

/// Whether this gateway's key is the database's. Where it is not the first of its keys, everything is sealed anew with that.
///
/// # Errors
/// [`Fault::OtherKey`], [`Fault::NoKey`]; else those of the database.
pub(super) async fn settle(link: &mut Link, cipher: &Cipher) -> Result<Settled, Fault> {
    let begin = link.dialect().begin();
    link.script(SqlStr::from_static(begin)).await?;
    match settled(link, cipher).await {
        Ok(settled) => {
            link.script(SqlStr::from_static("COMMIT")).await?;
            Ok(settled)
        }
        Err(e) => {
            link.script(SqlStr::from_static("ROLLBACK")).await?;
            Err(e)
        }
    }
}

/// What was found, or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Nothing is sealed yet.
    Nothing,
    /// Sealed with this gateway's key.
    Ours,
    /// So many objects were sealed anew.
    Anew(usize),
}

async fn settled(link: &mut Link, cipher: &Cipher) -> Result<Settled, Fault> {
    link.script(SqlStr::from_static(HOLD)).await?;
    let told = told(link).await?;
    let sealed = sealed(link).await?;
    let ids = sealed.iter().filter_map(|(.., text)| key_id(text));
    let mut ids = ids.chain(told.as_deref());
    if let Some(theirs) = ids.find(|id| !cipher.knows(id)) {
        return Err(strange(theirs, cipher));
    }
    let Some(ours) = cipher.id() else {
        return Ok(Settled::Nothing);
    };
    let old = sealed.iter().filter(|(.., text)| cipher.is_old(text));
    let mut anew = 0;
    for (kind, name, text) in old {
        let place = format!("{kind}/{name}");
        // What was tampered with stays as it is: it is said where the object is read.
        let Ok(secret) = cipher.open(&place, text) else {
            continue;
        };
        let text = cipher.seal(&place, &secret).map_err(Fault::Unsealed)?;
        let sql = match link.dialect().is_postgres() {
            true => "UPDATE objects SET sealed = $1 WHERE kind = $2 AND name = $3",
            false => "UPDATE objects SET sealed = ? WHERE kind = ? AND name = ?",
        };
        let values = [Value::Text(&text), Value::Text(kind), Value::Text(name)];
        link.run(SqlStr::from_static(sql), &values).await?;
        anew += 1;
    }
    if anew > 0 {
        link.script(SqlStr::from_static(COUNT)).await?;
    }
    if !sealed.is_empty() && told.as_deref() != Some(ours) {
        tell(link, ours).await?;
    }
    Ok(match (anew, sealed.is_empty()) {
        (0, true) => Settled::Nothing,
        (0, false) => Settled::Ours,
        (anew, _) => Settled::Anew(anew),
    })
}

/// Before anything is sealed, in the transaction that does: a key is made where there is none. Where nothing that another
/// key has sealed is left, ours is the database's from now on.
///
/// # Errors
/// [`Fault::OtherKey`], [`Fault::NoKey`]; else those of the database.
pub(super) async fn claim(link: &mut Link, cipher: &Cipher) -> Result<(), Fault> {
    let told = told(link).await?;
    if let (Some(told), Some(ours)) = (&told, cipher.id())
        && told == ours
    {
        return Ok(());
    }
    let sealed = sealed(link).await?;
    let mut ids = sealed.iter().filter_map(|(.., text)| key_id(text));
    if let Some(theirs) = ids.find(|id| !cipher.knows(id)) {
        return Err(strange(theirs, cipher));
    }
    if cipher.id().is_none() {
        if let Some(theirs) = told {
            return Err(strange(&theirs, cipher));
        }
        cipher.make().map_err(Fault::Keyless)?;
    }
    match cipher.id() {
        Some(ours) => tell(link, ours).await,
        None => Ok(()),
    }
}

fn strange(theirs: &str, cipher: &Cipher) -> Fault {
    match cipher.id() {
        None => Fault::NoKey(theirs.to_owned()),
        Some(ours) => Fault::OtherKey {
            theirs: theirs.to_owned(),
            ours: ours.to_owned(),
        },
    }
}

async fn told(link: &mut Link) -> Result<Option<String>, Fault> {
    let rows = link.rows(SqlStr::from_static(KEY_ID), &[]).await?;
    Ok(rows.first().map(|row| row.text(0)).transpose()?)
}

async fn sealed(link: &mut Link) -> Result<Vec<(String, String, String)>, Fault> {
    let rows = link.rows(SqlStr::from_static(SEALED), &[]).await?;
    let all = rows
        .iter()
        .map(|row| Ok::<_, sqlx::Error>((row.text(0)?, row.text(1)?, row.text(2)?)));
    Ok(all.collect::<Result<_, _>>()?)
}

async fn tell(link: &mut Link, ours: &str) -> Result<(), Fault> {
    let head = "INSERT INTO seals (name, key_id) VALUES";
    let tail = "ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id";
    let sql = link.dialect().insert(head, 2, 1, tail);
    let values = [Value::Text("objects"), Value::Text(ours)];
    link.run(sql, &values).await?;
    Ok(())
}
