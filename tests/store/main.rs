//! The database of records: one body, run on SQLite and on PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the clock"
)]

mod body;
mod objects;
mod postgres;
mod retention;

use std::path::Path;

use tidegate::config::{Database, Secret};

use crate::postgres::Postgres;

fn sqlite(dir: &Path) -> Database {
    Database::Sqlite(dir.join("tidegate.db"))
}

fn postgres(server: &Postgres) -> Database {
    Database::Postgres(Secret::new(server.url()))
}

#[test]
fn what_was_recorded_is_found_and_counted_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    body::all(&sqlite(dir.path()));
}

#[test]
fn what_was_recorded_is_found_and_counted_on_postgresql() {
    let server = Postgres::start();
    body::all(&postgres(&server));
}

#[test]
fn objects_are_kept_in_order_and_changed_by_one_at_a_time_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    objects::all(&sqlite(dir.path()));
}

#[test]
fn objects_are_kept_in_order_and_changed_by_one_at_a_time_on_postgresql() {
    let server = Postgres::start();
    objects::all(&postgres(&server));
}

#[test]
fn a_postgresql_that_goes_and_comes_loses_nothing() {
    let mut server = Postgres::start();
    let database = postgres(&server);
    let dir = tempfile::tempdir().unwrap();
    let kept = body::Kept::open(&database, dir.path());
    let mut sent = Vec::new();
    sent.extend(kept.send(0..700));
    kept.until_found(700);
    server.stop();
    sent.extend(kept.send(700..1_900));
    kept.until_spooled();
    // A gateway that starts meanwhile finds the spool, and adds to it.
    drop(kept);
    let kept = body::Kept::open(&database, dir.path());
    sent.extend(kept.send(1_900..2_400));
    server.resume();
    kept.until_found(2_400);
    assert_eq!(kept.found(), sent, "each once, in order");
    for n in [0, 1_000, 1_500, 2_350] {
        let (asked, answered) = kept.bodies(&sent[n]).unwrap();
        assert_eq!(asked, format!("asks {n} with [hidden]"));
        assert_eq!(answered, format!("answers {n}"));
    }
    kept.until_spool_is_empty();
}

#[test]
fn several_that_start_at_once_migrate_once() {
    let server = Postgres::start();
    let dir = tempfile::tempdir().unwrap();
    for database in [sqlite(dir.path()), postgres(&server)] {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let (database, data) = (database.clone(), dir.path().to_owned());
                std::thread::spawn(move || tidegate::store::Store::open(&database, data).map(drop))
            })
            .collect();
        for start in starts {
            start.join().unwrap().unwrap();
        }
    }
}
