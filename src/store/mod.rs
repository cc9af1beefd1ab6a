//! What is kept over restarts: the database of finished requests and their statistics, and the journal of quotas.
//!
//! Owns the database ([`Store`]): SQLite in the data directory, or PostgreSQL, with the same SQL on both (`dialect.rs` has
//! what differs, `link.rs` the two connections); its schema, only ever migrated forward (`migrate.rs`); the thread that
//! writes records (`writer.rs`) and the spool where they wait while the database is away (`DATA/records.spool`); what
//! leaves when it is old (`retention.rs`); the bodies of requests, apart (`bodies.rs`); and what can be asked (`pages.rs`,
//! `statistics.rs`, `key_statistics.rs`). Owns as well the journal of
//! quotas (`DATA/quotas.journal`): what was used of the quotas of endpoints, client keys and tenants, of their budgets, and of
//! their rates in the last minute, appended at most once a second ([`Keeper`]), read before the gateway listens, and open to a command that resets one by hand ([`Journal`]). Never: waited for by a
//! request. Where the disk is full or away, requests go on, and metrics count what was not written. A journal is one
//! gateway's: who starts beside its owner counts for itself, says so, and takes over when that one is gone. The database
//! may be shared; each has a spool of its own.
//!
//! Start with `row.rs` (what a record becomes), then `writer.rs` (who writes it, when); `journal.rs`, then `keeper.rs`.

mod accounts;
mod backup;
mod bodies;
mod cipher;
mod dialect;
mod fault;
mod filter;
mod histogram;
mod insert;
mod journal;
mod keeper;
mod key_statistics;
mod line;
mod link;
mod migrate;
mod objects;
mod pages;
mod private;
mod retention;
mod row;
mod seal;
mod spool;
mod standing;
mod statistics;
mod sums;
mod tail;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

pub use accounts::{Account, Amended, Amendment, Role, Session};
pub use backup::backup;
pub use bodies::Bodies;
pub use cipher::{Cipher, FILE as KEY_FILE, KeyError, OpenError, VARIABLE as KEY_VARIABLE};
pub use fault::Fault;
pub use filter::{Filter, Status};
pub use histogram::Histogram;
pub use journal::Journal;
pub use keeper::{Keeper, reset};
pub use key_statistics::KeyFigures;
pub use line::{Counters, Kept, Name};
pub use objects::{AuditQuestion, Author, Change, Entry, Note, Shelf, Stored};
pub use pages::{Export, LONGEST_PAGE, Page, Place};
pub use retention::RetentionNow;
pub use row::{Attempt, Candidate, Choice, Row, Tokens};
pub use seal::Settled;
pub use statistics::{By, Every, Figures, Question};
pub use tail::{Batch, Endpoint, Load, Rows, Watch};

use crate::config;
use crate::id::RequestId;
use crate::live::Outbox;
use link::{Address, Link, Readers};
use spool::Spool;
use standing::Standing;
use tail::Tail;
use writer::Writer;

/// A PostgreSQL to which no connection can be made for so long at a start is away: the gateway listens without it.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// One that says nothing for so long, too.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// The database.
pub struct Store {
    address: Address,
    data: PathBuf,
    /// Why it was not there at the start.
    away: Option<String>,
    /// Made in the process that asks: a connection does not survive a fork.
    readers: once_cell::sync::OnceCell<Readers>,
    outbox: Arc<Outbox>,
    tail: Tail,
    standing: Standing,
    ended: Arc<(Mutex<Ended>, Condvar)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    NotBegun,
    No,
    Yes,
}

impl Store {
    /// Looks at the database before anything else starts: makes it where it is not there, and brings its schema to what
    /// this binary knows. A PostgreSQL that is away comes later.
    ///
    /// # Errors
    /// It is of a newer version; the URL cannot be read; SQLite's file cannot be made or opened.
    pub fn open(database: &config::Database, data: PathBuf) -> Result<Store, Fault> {
        let address = Address::of(database)?;
        if let config::Database::Sqlite(path) = database
            && let Some(folder) = path.parent()
        {
            private::folder(folder).map_err(|e| Fault::Folder(folder.to_owned(), e))?;
            shut(path);
        }
        let runtime = runtime().map_err(sqlx::Error::Io)?;
        let away = match runtime.block_on(look(&address)) {
            Ok(()) => None,
            Err(e @ Fault::Newer { .. }) => return Err(e),
            Err(e) if matches!(address, Address::Sqlite(_)) => return Err(e),
            Err(e) => {
                log::error!("the database is away: {e}; it is tried again every second");
                Some(e.to_string())
            }
        };
        Ok(Store {
            standing: Standing::new(away.is_none()),
            address,
            data,
            away,
            readers: once_cell::sync::OnceCell::new(),
            outbox: Arc::default(),
            tail: Tail::default(),
            ended: Arc::new((Mutex::new(Ended::NotBegun), Condvar::new())),
        })
    }

    /// Where requests put their records.
    pub fn outbox(&self) -> Arc<Outbox> {
        self.outbox.clone()
    }

    /// What is finished from now on, some batches a second.
    pub fn watch(&self, rows: Rows) -> Watch {
        self.tail.watch(rows)
    }

    /// Whether it takes what it is given, as of the last time that it was given something, or looked at: each second.
    pub fn is_up(&self) -> bool {
        self.standing.is_up()
    }

    /// Starts the thread that writes.
    ///
    /// # Errors
    /// No thread or no runtime can be made.
    pub fn keep_writing(&self, retention: RetentionNow) -> std::io::Result<()> {
        let (address, outbox, data) =
            (self.address.clone(), self.outbox.clone(), self.data.clone());
        let (tail, standing) = (self.tail.clone(), self.standing.clone());
        let ended = self.ended.clone();
        *ended.0.lock() = Ended::No;
        let runtime = runtime()?;
        let thread = std::thread::Builder::new().name("records".to_owned());
        thread.spawn(move || {
            let writer = Writer::new(
                address,
                (outbox, tail, standing),
                Spool::below(&data),
                retention,
            );
            runtime.block_on(writer.run());
            *ended.0.lock() = Ended::Yes;
            ended.1.notify_all();
        })?;
        Ok(())
    }

    /// Writes what there is, and ends the thread. Waits at most so long; what the database does not take by then is in
    /// the spool, or comes there.
    pub fn finish(&self, patience: Duration) {
        self.outbox.close();
        let (ended, said) = &*self.ended;
        let mut ended = ended.lock();
        if *ended == Ended::No {
            said.wait_while_for(&mut ended, |ended| *ended == Ended::No, patience);
        }
    }

    /// Rows that fit, newest first; at most [`LONGEST_PAGE`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn requests(
        &self,
        filter: &Filter,
        place: Place,
        most: usize,
    ) -> Result<Page, Fault> {
        pages::page(self.readers(), filter, place, most).await
    }

    /// All rows that fit, a page at a time.
    pub fn export(self: &Arc<Store>, filter: Filter) -> Export {
        Export::of(self.clone(), filter)
    }

    /// One request.
    ///
    /// # Errors
    /// Those of the database, or this is no id.
    pub async fn request(&self, id: &str) -> Result<Option<Row>, Fault> {
        let id = RequestId::parse(id).ok_or_else(|| Fault::NoId(id.to_owned()))?;
        pages::one(self.readers(), id).await
    }

    /// What a request and its answer said, where that was kept.
    ///
    /// # Errors
    /// Those of the database, or this is no id.
    pub async fn bodies(&self, id: &str) -> Result<Option<Bodies>, Fault> {
        let id = RequestId::parse(id).ok_or_else(|| Fault::NoId(id.to_owned()))?;
        bodies::bodies(self.readers(), id).await
    }

    /// What became of the attempts with each key of each provider, in the hours in which a range of time since the Unix
    /// epoch lies.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn key_statistics(
        &self,
        from: Duration,
        until: Duration,
    ) -> Result<Vec<KeyFigures>, Fault> {
        let hours = statistics::hours(from, until);
        key_statistics::key_statistics(self.readers(), hours).await
    }

    /// Figures, ordered by when and by what they are of.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn statistics(&self, question: &Question) -> Result<Vec<Figures>, Fault> {
        statistics::statistics(self.readers(), question).await
    }

    /// Counts the changes of all objects.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn generation(&self) -> Result<i64, Fault> {
        objects::generation(self.readers()).await
    }

    /// All objects of the configuration that are kept here.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn shelf(&self, cipher: &Cipher) -> Result<Shelf, Fault> {
        objects::shelf(self.readers(), cipher).await
    }

    /// Looks whether the secrets are sealed with this gateway's key; where that is another of its keys than the first,
    /// seals them anew with the first. A database of this gateway alone gets a key where there is none.
    ///
    /// # Errors
    /// [`Fault::OtherKey`], [`Fault::NoKey`]: this gateway's keys are others. Else those of the database.
    pub async fn settle(&self, cipher: &Cipher) -> Result<Settled, Fault> {
        let mut link = Link::open(&self.address).await?;
        let settled = seal::settle(&mut link, cipher).await;
        link.close().await;
        if matches!(
            (&settled, &self.address),
            (Ok(Settled::Nothing), Address::Sqlite(_))
        ) {
            cipher.make().map_err(Fault::Keyless)?;
        }
        settled
    }

    /// The same, before there is a runtime.
    ///
    /// # Errors
    /// The same.
    pub fn settle_now(&self, cipher: &Cipher) -> Result<Settled, Fault> {
        self.there()?;
        let runtime = runtime().map_err(sqlx::Error::Io)?;
        runtime.block_on(async {
            let patience = tokio::time::timeout(START_PATIENCE, self.settle(cipher)).await;
            patience.unwrap_or_else(|_| Err(Fault::Silent(START_PATIENCE.as_secs())))
        })
    }

    /// Whether it was not there at the start.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    fn there(&self) -> Result<(), Fault> {
        match &self.away {
            Some(why) => Err(Fault::Away(why.clone())),
            None => Ok(()),
        }
    }

    /// All objects, before there is a runtime. Nobody waits for a database that was not there a moment ago.
    ///
    /// # Errors
    /// Those of the database.
    pub fn shelf_now(&self, cipher: &Cipher) -> Result<Shelf, Fault> {
        self.there()?;
        let runtime = runtime().map_err(sqlx::Error::Io)?;
        runtime.block_on(async {
            let readers = Readers::of(self.address.clone(), self.standing.clone());
            let reading = objects::shelf(&readers, cipher);
            let patience = tokio::time::timeout(START_PATIENCE, reading).await;
            patience.unwrap_or_else(|_| Err(Fault::Silent(START_PATIENCE.as_secs())))
        })
    }

    /// Changes objects that were read as `before`, all or none, and writes who did it. The generation after it.
    ///
    /// # Errors
    /// [`Fault::Overtaken`]: somebody else was faster; else those of the database.
    pub async fn change(
        &self,
        cipher: &Cipher,
        changes: (&[Change], &Shelf),
        author: &Author,
    ) -> Result<i64, Fault> {
        let mut link = Link::open(&self.address).await?;
        let changed = objects::change(&mut link, cipher, changes, author).await;
        link.close().await;
        changed
    }

    /// Writes into the audit log what is no change of an object.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn note(&self, note: &Note<'_>, author: &Author) -> Result<(), Fault> {
        let mut link = Link::open(&self.address).await?;
        let written = objects::write_note(&mut link, note, author).await;
        link.close().await;
        written
    }

    /// Lines of the audit log, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit(&self, question: &AuditQuestion, most: usize) -> Result<Vec<Entry>, Fault> {
        objects::audit(self.readers(), question, most.clamp(1, LONGEST_PAGE + 1)).await
    }

    fn readers(&self) -> &Readers {
        self.readers
            .get_or_init(|| Readers::of(self.address.clone(), self.standing.clone()))
    }
}

/// Makes SQLite's file for its owner alone, and shuts others out of those that are there. SQLite gives the files beside it
/// the same rights. A file that cannot be made is SQLite's to tell of.
fn shut(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    // Never opened where it is there: closing it would take SQLite's locks along.
    let made = private::open(options.write(true).create_new(true), path);
    if made.is_ok() {
        return;
    }
    private::shut(path);
    for beside in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        private::shut(Path::new(&name));
    }
}

async fn look(address: &Address) -> Result<(), Fault> {
    let looking = async {
        let patience = match address {
            Address::Sqlite(_) => START_PATIENCE,
            Address::Postgres(_) => CONNECT_PATIENCE,
        };
        let opening = tokio::time::timeout(patience, Link::open(address));
        let silent = |_| Fault::Silent(patience.as_secs());
        let mut link = opening.await.map_err(silent)??;
        migrate::migrate(&mut link).await?;
        link.close().await;
        Ok(())
    };
    match (address, tokio::time::timeout(START_PATIENCE, looking).await) {
        (_, Ok(looked)) => looked,
        (_, Err(_)) => Err(Fault::Silent(START_PATIENCE.as_secs())),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
