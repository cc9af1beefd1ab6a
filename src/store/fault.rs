//! What goes wrong with a database, and whether it goes by.

use thiserror::Error;

use super::cipher::{FILE, KeyError, OpenError, VARIABLE};

/// Why the database did not do what it was asked for.
#[derive(Debug, Error)]
pub enum Fault {
    #[error(
        "the database is of a newer Tidegate: its schema is version {found}, this one knows {known}; start the newer one, or put back a backup from before"
    )]
    Newer { found: i64, known: i64 },
    #[error("its folder {} cannot be made: {_1}", .0.display())]
    Folder(std::path::PathBuf, std::io::Error),
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error("it did not answer within {0} s")]
    Silent(u64),
    #[error("{0}")]
    Away(String),
    #[error("`{0}` is no id of a request")]
    NoId(String),
    #[error("what is kept of {0} cannot be read")]
    Rotten(String),
    #[error("somebody else has changed objects meanwhile")]
    Overtaken,
    #[error("a secret cannot be sealed: {0}")]
    Unsealed(OpenError),
    #[error("a secret cannot be sealed: {0}")]
    Keyless(KeyError),
    #[error(
        "the secrets in the database are sealed with another key (id {theirs}) than this gateway's (id {ours}): give it that key, in {VARIABLE} \
         or as {FILE} in its data folder. If that key is lost, delete the objects whose secrets do not open; what is made after that is sealed with this one"
    )]
    OtherKey { theirs: String, ours: String },
    #[error(
        "the secrets in the database are sealed with a key (id {0}) that this gateway does not have: give it that key, in {VARIABLE} \
         or as {FILE} in its data folder. If it is lost, set {VARIABLE} to a new one (openssl rand -base64 32): what was sealed stays closed, and has to be said anew"
    )]
    NoKey(String),
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The database is away, full, or does not let us in: keep the rows until it is back.
    Wait,
    /// Two writers stood in each other's way: the same again.
    Again,
    /// It is there, and does not take this.
    Apart,
}

impl Fault {
    /// The database is there, and does not take what it was given.
    pub fn is_about_values(&self) -> bool {
        self.remedy() == Remedy::Apart
    }

    pub(super) fn remedy(&self) -> Remedy {
        let Fault::Database(sqlx::Error::Database(said)) = self else {
            return match self {
                Fault::Database(sqlx::Error::Encode(_)) => Remedy::Apart,
                _ => Remedy::Wait,
            };
        };
        let code = said.code().unwrap_or_default();
        if said
            .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
            .is_some()
        {
            return match &*code {
                "40001" | "40P01" => Remedy::Again,
                // Data exceptions and broken constraints are about a row; everything else about the database.
                code if code.starts_with("22") || code.starts_with("23") => Remedy::Apart,
                _ => Remedy::Wait,
            };
        }
        // SQLite's extended codes: the low byte is the kind. 19: constraint, 20: mismatch, 18: too big.
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(18..=20) => Remedy::Apart,
            _ => Remedy::Wait,
        }
    }
}
