//! Old rows leave, a few at a time, between the writes.

use std::time::Duration;

use sqlx::SqlStr;

use super::fault::Fault;
use super::link::{Link, Value};
use super::sums::SLOT;
use crate::clock::{self, Tick};
use crate::config::Retention;
use crate::id::RequestId;

/// Rows of one step, of those that are too old.
const STEP: i64 = 500;
/// The same where there is too much, and nobody knows how much of it a row is.
const SMALL_STEP: i64 = 64;
/// Steps between two writes.
const STEPS: usize = 8;
/// How often there is a look at whether something is too old, or too much.
const EVERY: Duration = Duration::from_secs(10);
/// Statistics are small, and kept for longer than the rows that they were made of.
const ROLLUPS: Duration = Duration::from_secs(400 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);

/// How long rows are kept, whenever it is asked.
pub type RetentionNow = Box<dyn Fn() -> Retention + Send>;

pub(super) struct Sweeper {
    /// As the configuration in force has it.
    retention: RetentionNow,
    look_at: Tick,
    /// When statistics and sightings are looked at.
    sums_at: Tick,
}

impl Sweeper {
    pub(super) fn new(retention: RetentionNow) -> Sweeper {
        Sweeper {
            retention,
            look_at: Tick::default(),
            sums_at: Tick::default(),
        }
    }

    /// Does a little, if there is something to do.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) async fn step(&mut self, link: &mut Link) -> Result<(), Fault> {
        let now = clock::now();
        if now < self.look_at {
            return Ok(());
        }
        let retention = (self.retention)();
        let mut more = true;
        for _ in 0..STEPS {
            more = more && sweep(link, retention, clock::wall()).await?;
        }
        if !more {
            self.look_at = now + EVERY;
            if now >= self.sums_at {
                sweep_sums(link, retention, clock::wall()).await?;
                self.sums_at = now + Duration::from_secs(3600);
            }
        }
        Ok(())
    }
}

/// Deletes the oldest rows if they are too old or there is too much. Whether there is more to do.
pub(super) async fn sweep(
    link: &mut Link,
    retention: Retention,
    now: Duration,
) -> Result<bool, Fault> {
    let cutoff = RequestId::first_of(now.saturating_sub(DAY * retention.days));
    let size = link.dialect().size();
    let size = link.rows(SqlStr::from_static(size), &[]).await?;
    let size = size.first().map_or(Ok(0), |row| row.int(0))?;
    let too_much = retention
        .size
        .is_some_and(|most| u64::try_from(size).unwrap_or(0) > most);
    let (bound, step) = match too_much {
        true => (RequestId::LAST, SMALL_STEP),
        false => (cutoff, STEP),
    };
    let sql = "SELECT id FROM requests WHERE id < $1 ORDER BY id LIMIT $2";
    let values = [Value::Text(bound.as_str()), Value::Int(step)];
    let old = link.rows(SqlStr::from_static(sql), &values).await?;
    let Some(last) = old.last() else {
        return Ok(false);
    };
    let last = last.text(0)?;
    let values = [Value::Text(&last)];
    // Details go first: a row without them would be half a row.
    for sql in [
        "DELETE FROM request_bodies WHERE id <= $1",
        "DELETE FROM request_details WHERE id <= $1",
        "DELETE FROM requests WHERE id <= $1",
    ] {
        link.run(SqlStr::from_static(sql), &values).await?;
    }
    // PostgreSQL before 15 knows no such thing: then a little more leaves than must.
    let settled = link.script(SqlStr::from_static(link.dialect().settle()));
    if let Err(e) = settled.await {
        log::debug!("after old rows have left: {e}");
    }
    Ok(i64::try_from(old.len()).unwrap_or(0) >= step)
}

/// Deletes statistics that are too old, and sightings of rows that are gone.
pub(super) async fn sweep_sums(
    link: &mut Link,
    retention: Retention,
    now: Duration,
) -> Result<(), Fault> {
    let millis = |at: Duration| i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let rows = millis(now.saturating_sub(DAY * retention.days));
    let hours = millis(now.saturating_sub(ROLLUPS)) / 3_600_000;
    for (sql, before) in [
        ("DELETE FROM seen WHERE slot < $1", rows / SLOT),
        ("DELETE FROM rollups WHERE hour < $1", hours),
        ("DELETE FROM key_sums WHERE hour < $1", hours),
    ] {
        link.run(SqlStr::from_static(sql), &[Value::Int(before)])
            .await?;
    }
    Ok(())
}
