//! Who writes records: a thread with a small runtime of its own, beside all requests.
//!
//! Five times a second, or when there are many, it takes what the outbox holds, and writes it in batches, each one
//! transaction. While the database is away, rows go to the spool, and from there into the database when it is back, in
//! their order, before anything newer. A write that takes long does not stop that: meanwhile what it writes and what the
//! outbox holds goes to the spool, so that a crash takes no more than the last moment.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::fault::{Fault, Remedy};
use super::insert::{Seen, Statements};
use super::link::{Address, Link};
use super::migrate::migrate;
use super::retention::{RetentionNow, Sweeper};
use super::row::Row;
use super::spool::Spool;
use super::standing::Standing;
use super::tail::Tail;
use crate::clock::{self, Tick};
use crate::ledger::Record;
use crate::live::Outbox;
use crate::telemetry::metrics;
use sqlx::SqlStr;

/// How long a row may wait for others.
const EVERY: Duration = Duration::from_millis(200);
/// Rows of one transaction.
const BATCH: usize = 512;
/// A database that says nothing for so long is away.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is written has so long before its rows go to the spool as well.
const LATE: Duration = Duration::from_millis(100);
/// Between two looks at what a gateway beside this one may have left.
const ADOPT_EVERY: Duration = Duration::from_secs(5);
/// Between two attempts at a database that is away.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    address: Address,
    statements: Statements,
    link: Option<Link>,
    desk: Desk,
    /// When a database that is away is tried again.
    try_at: Tick,
    /// When there is a look at what others have left.
    adopt_at: Tick,
    /// When it is looked at though there is nothing to write.
    look_at: Tick,
    standing: Standing,
    /// Said once, until it is back.
    away: bool,
    /// The last write may have come through without our knowing.
    unsure: bool,
    sweeper: Sweeper,
}

/// Where records come from, and where they wait.
struct Desk {
    outbox: Arc<Outbox>,
    tail: Tail,
    batch: Vec<Record>,
    open: bool,
    spool: Spool,
    /// Rows that are nowhere else yet, from the numbered one on: a write that takes long must not be all they have.
    hand: Option<(Arc<Vec<Row>>, usize)>,
    /// Brings the spool to the disk.
    syncing: Option<tokio::task::JoinHandle<()>>,
    /// Said once, until it works again.
    spool_fails: bool,
}

impl Writer {
    pub(super) fn new(
        address: Address,
        (outbox, tail, standing): (Arc<Outbox>, Tail, Standing),
        spool: Spool,
        retention: RetentionNow,
    ) -> Writer {
        Writer {
            statements: Statements::of(address.dialect()),
            sweeper: Sweeper::new(retention),
            address,
            link: None,
            desk: Desk {
                outbox,
                tail,
                batch: Vec::new(),
                open: true,
                spool,
                hand: None,
                syncing: None,
                spool_fails: false,
            },
            try_at: Tick::default(),
            adopt_at: Tick::default(),
            look_at: Tick::default(),
            standing,
            away: false,
            unsure: false,
        }
    }

    /// Writes until the outbox is closed and empty.
    pub(super) async fn run(mut self) {
        while self.desk.open {
            let rows = self.desk.take(EVERY);
            self.bring(rows).await;
            self.replay().await;
            self.desk.sync();
            self.look().await;
            // Also where nothing is to be written: what is old leaves a gateway that nobody asks, too.
            if self.connected().await
                && let Some(link) = &mut self.link
                && let Err(e) = self.desk.beside(self.sweeper.step(link)).await
            {
                self.gone(&e);
            }
            metrics::RECORD_SPOOL.set(i64::try_from(self.desk.spool.waiting()).unwrap_or(i64::MAX));
        }
        // The spool is the next process's only once nobody has it open.
        if let Some(task) = self.desk.syncing.take()
            && let Err(e) = task.await
        {
            log::error!("the spool was not brought to the disk: {e}");
        }
        // What the last look has found is written; what the database did not take is in the spool.
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    /// New rows, to the database or behind what waits for it.
    async fn bring(&mut self, rows: Vec<Row>) {
        let rows = Arc::new(rows);
        let mut from = 0;
        while let Some(now) = rows.get(from..rows.len().min(from + BATCH)) {
            if now.is_empty() {
                return;
            }
            self.desk.hand = Some((rows.clone(), from));
            let empty = self.desk.spool.is_empty();
            let written = empty && self.connected().await && self.write(now).await;
            if self.desk.hand.take().is_none() {
                // It took long. All of them are in the spool by now; those that are in the database as well count once.
                return;
            }
            if !written {
                self.desk.keep(rows.get(from..).unwrap_or_default());
                return;
            }
            from += now.len();
        }
    }

    /// What waits, to the database. Some of it: new rows are looked after in between.
    async fn replay(&mut self) {
        let now = clock::now();
        if now >= self.adopt_at {
            self.adopt_at = now + ADOPT_EVERY;
            if self.desk.spool.adopt() {
                let spool = self.desk.spool.path().display();
                log::info!("{spool} was left by another gateway; its records are taken over");
            }
        }
        while !self.desk.spool.is_empty() && self.connected().await {
            let (rows, until) = match self.desk.spool.next(BATCH) {
                Ok(next) => next,
                Err(e) => {
                    log::error!("cannot read {}: {e}", self.desk.spool.path().display());
                    return;
                }
            };
            self.unsure = true;
            if !rows.is_empty() && !self.write(&rows).await {
                return;
            }
            self.desk.spool.done(until);
            let rows = self.desk.take(Duration::ZERO);
            self.desk.keep(&rows);
        }
    }

    /// Whether the database is there, as far as we know. Asks for it anew at most once a second.
    async fn connected(&mut self) -> bool {
        if self.link.is_some() {
            return true;
        }
        if clock::now() < self.try_at {
            return false;
        }
        let address = self.address.clone();
        let opening = async move {
            let mut link = Link::open(&address).await?;
            migrate(&mut link).await?;
            Ok(link)
        };
        match self.desk.beside(opening).await {
            Ok(link) => {
                self.link = Some(link);
                if !self.away {
                    self.standing.set(true);
                }
                true
            }
            Err(e) => {
                self.gone(&e);
                false
            }
        }
    }

    /// Whether the rows are in the database, or have no hope to come there.
    async fn write(&mut self, rows: &[Row]) -> bool {
        for _ in 0..3 {
            let Err(e) = self.transaction(rows).await else {
                return true;
            };
            match e.remedy() {
                Remedy::Again => self.link = None,
                Remedy::Apart => return self.write_apart(rows).await,
                Remedy::Wait => {
                    self.gone(&e);
                    return false;
                }
            }
            if !self.connected().await {
                return false;
            }
        }
        self.try_at = clock::now() + AGAIN;
        self.link = None;
        false
    }

    /// Every row by itself: one that the database does not take must not take the others along.
    async fn write_apart(&mut self, rows: &[Row]) -> bool {
        for row in rows {
            self.link = None;
            if !self.connected().await {
                return false;
            }
            let Err(e) = self.transaction(std::slice::from_ref(row)).await else {
                continue;
            };
            if e.remedy() != Remedy::Apart {
                self.gone(&e);
                return false;
            }
            log::error!("the database does not take the record of {}: {e}", row.id);
            lose("refused", 1);
        }
        true
    }

    async fn transaction(&mut self, rows: &[Row]) -> Result<(), Fault> {
        let Some(link) = &mut self.link else {
            return Err(Fault::Silent(0));
        };
        let seen = if self.unsure {
            Seen::Perhaps
        } else {
            Seen::Never
        };
        // Until it is known to be in, it may be.
        self.unsure = true;
        let new = self
            .desk
            .beside(self.statements.write(link, rows, seen))
            .await?;
        self.unsure = false;
        self.taken();
        metrics::RECORDS_WRITTEN.inc_by(u64::try_from(new).unwrap_or(0));
        Ok(())
    }

    /// Where nothing waits that would tell: whether the database answers, and takes something after it was away.
    async fn look(&mut self) {
        let now = clock::now();
        if now < self.look_at || (self.away && !self.desk.spool.is_empty()) {
            return;
        }
        self.look_at = now + AGAIN;
        if !self.connected().await {
            return;
        }
        let Some(link) = &mut self.link else {
            return;
        };
        let sql = SqlStr::from_static(match self.away {
            true => "UPDATE schema_versions SET applied_at = applied_at WHERE version = 1",
            false => "SELECT 1",
        });
        let looking = async { Ok(link.script(sql).await?) };
        match self.desk.beside(looking).await {
            Ok(()) => self.taken(),
            Err(e) => self.gone(&e),
        }
    }

    /// The database has taken something.
    fn taken(&mut self) {
        if std::mem::take(&mut self.away) {
            log::info!("the database is back");
        }
        self.standing.set(true);
    }

    fn gone(&mut self, why: &Fault) {
        self.link = None;
        self.try_at = clock::now() + AGAIN;
        self.standing.set(false);
        if !std::mem::replace(&mut self.away, true) {
            let spool = self.desk.spool.path().display();
            log::error!("the database is away: {why}; records wait in {spool}");
        }
    }
}

impl Desk {
    /// What has finished since the last time.
    fn take(&mut self, wait: Duration) -> Vec<Row> {
        self.open &= self.outbox.take(&mut self.batch, wait);
        let lost = self.outbox.take_lost();
        if lost > 0 {
            log::error!("{lost} records are lost: there were more than could be kept");
            lose("full", lost);
        }
        let unread = self.spool.take_lost();
        if unread > 0 {
            lose("spool", unread);
        }
        let bodies = self.outbox.take_lost_bodies();
        if bodies > 0 {
            log::warn!(
                "the bodies of {bodies} requests are not kept: there were more than could be"
            );
            metrics::BODIES_LOST.inc_by(bodies);
        }
        let rows: Vec<Row> = self.batch.iter().map(Row::of).collect();
        self.tail.tell(&rows);
        self.batch.clear();
        rows
    }

    /// To the spool; where that fails, they are lost.
    fn keep(&mut self, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        match self.spool.append(rows) {
            Ok(()) => {
                if std::mem::take(&mut self.spool_fails) {
                    log::info!("{} is written again", self.spool.path().display());
                }
            }
            Err(e) => {
                lose("spool", u64::try_from(rows.len()).unwrap_or(0));
                if !std::mem::replace(&mut self.spool_fails, true) {
                    let path = self.spool.path().display();
                    log::error!(
                        "cannot write {path}: {e}; records are lost until it or the database can be written"
                    );
                }
            }
        }
    }

    /// Has the spool brought to the disk, beside everything else; one such at a time.
    fn sync(&mut self) {
        if self
            .syncing
            .as_ref()
            .is_some_and(|task| !task.is_finished())
        {
            return;
        }
        if let Some(file) = self.spool.unsynced() {
            let path = self.spool.path().to_owned();
            self.syncing = Some(tokio::task::spawn_blocking(move || {
                if let Err(e) = file.sync_data() {
                    log::error!("{} does not come to the disk: {e}", path.display());
                }
            }));
        }
    }

    /// What is in hand goes to the spool. Where that cannot be, it is not lost yet.
    fn secure(&mut self) {
        if let Some((rows, from)) = self.hand.take()
            && self
                .spool
                .append(rows.get(from..).unwrap_or_default())
                .is_err()
        {
            self.hand = Some((rows, from));
        }
    }

    /// Waits for the database, and lets no record wait for it longer than a moment.
    async fn beside<T>(
        &mut self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let mut work = pin!(work);
        let until = clock::now() + PATIENCE;
        while clock::now() < until {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(LATE) => {
                    self.secure();
                    let rows = self.take(Duration::ZERO);
                    self.keep(&rows);
                    self.sync();
                }
            }
        }
        Err(Fault::Silent(PATIENCE.as_secs()))
    }
}

fn lose(why: &str, records: u64) {
    metrics::RECORDS_LOST
        .with_label_values(&[why])
        .inc_by(records);
}
