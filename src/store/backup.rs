//! A copy of SQLite's database as it is at one moment, while others read and write it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::SqlStr;

use super::link::{Address, Link, Value};
use super::{Fault, runtime};
use crate::config::Database;

/// Writes the copy to a file that is not there yet, which this user alone may read. It is whole, or it is not there.
///
/// # Errors
/// The file is there or cannot be made; the database cannot be read; it is no SQLite.
pub fn backup(database: &Database, to: &Path) -> Result<(), Fault> {
    let address = Address::of(database)?;
    let Database::Sqlite(from) = database else {
        let why = std::io::Error::from(std::io::ErrorKind::Unsupported);
        return Err(sqlx::Error::Io(why).into());
    };
    // Opening would make it.
    std::fs::metadata(from).map_err(sqlx::Error::Io)?;
    let name = to.to_str().ok_or_else(|| {
        let why = std::io::Error::from(std::io::ErrorKind::InvalidFilename);
        sqlx::Error::Io(why)
    })?;
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    // SQLite takes an empty file, and leaves its rights as they are.
    let made = options.open(to).map_err(sqlx::Error::Io)?;
    let copied = runtime()
        .map_err(sqlx::Error::Io)
        .map_err(Fault::from)
        .and_then(|runtime| runtime.block_on(copy(&address, name)))
        .and_then(|()| Ok(synced(&made).map_err(sqlx::Error::Io)?));
    if copied.is_err() {
        // What failed first is what is told.
        std::fs::remove_file(to).unwrap_or_default();
    }
    copied
}

fn synced(file: &File) -> std::io::Result<()> {
    file.sync_all()
}

async fn copy(address: &Address, to: &str) -> Result<(), Fault> {
    let mut link = Link::open(address).await?;
    let sql = SqlStr::from_static("VACUUM INTO ?");
    let copied = link.run(sql, &[Value::Text(to)]).await;
    link.close().await;
    copied?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::Store;

    #[test]
    fn a_copy_is_a_database_of_its_own_and_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("a.db"));
        let to = dir.path().join("b.db");
        assert!(backup(&database, &to).is_err(), "there is nothing yet");
        assert!(!to.exists() && !dir.path().join("a.db").exists());
        let _held = Store::open(&database, dir.path().into()).unwrap();
        backup(&database, &to).unwrap();
        let mode = std::fs::metadata(&to).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Store::open(&Database::Sqlite(to.clone()), dir.path().into()).unwrap();
        let before = std::fs::read(&to).unwrap();
        assert!(backup(&database, &to).is_err(), "it is there");
        assert_eq!(std::fs::read(&to).unwrap(), before);
    }
}
