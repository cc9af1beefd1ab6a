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
fn what_is_kept_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let modes = |only: &str| {
        let files = std::fs::read_dir(&data).unwrap().map(|file| file.unwrap());
        let files = files.filter(|file| file.file_name().to_str().unwrap().contains(only));
        let modes = files.map(|file| file.metadata().unwrap().permissions().mode() & 0o777);
        modes.collect::<Vec<_>>()
    };
    let kept = body::Kept::open(&sqlite(&data), &data);
    kept.run("ALTER TABLE requests RENAME TO elsewhere");
    kept.send(0..1_000);
    kept.until_spooled();
    assert_eq!(modes(""), vec![0o600; modes("").len()]);
    assert!(!modes("tidegate.db").is_empty() && modes("spool").len() == 1);
    let folder = std::fs::metadata(&data).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    drop(kept);
    // As an earlier version has left it.
    for file in std::fs::read_dir(&data).unwrap() {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.unwrap().path(), open).unwrap();
    }
    let kept = body::Kept::open(&sqlite(&data), &data);
    kept.run("ALTER TABLE elsewhere RENAME TO requests");
    kept.until_found(1_000);
    assert_eq!(modes(""), vec![0o600; modes("").len()]);
}

#[test]
fn it_is_back_once_it_has_taken_something() {
    let dir = tempfile::tempdir().unwrap();
    let kept = body::Kept::open(&sqlite(dir.path()), dir.path());
    let mut sent = kept.send(0..10);
    kept.until_found(10);
    assert!(kept.is_up());
    kept.run("ALTER TABLE requests RENAME TO elsewhere");
    for numbers in [10..20, 20..30] {
        let before = kept.spooled();
        sent.extend(kept.send(numbers));
        kept.until("the spool", || kept.spooled() > before);
        kept.until("the refusal", || !kept.is_up());
    }
    // It lets us in each second, and is not back for that.
    let begun = std::time::Instant::now();
    kept.until("some attempts", || {
        assert!(!kept.is_up());
        begun.elapsed() > std::time::Duration::from_millis(2_500)
    });
    kept.run("ALTER TABLE elsewhere RENAME TO requests");
    kept.until_found(30);
    assert_eq!(kept.found(), sent, "each once, in order");
    kept.until("its standing", || kept.is_up());
}

#[test]
fn nobody_waits_for_a_postgresql_that_is_known_to_be_away() {
    let mut server = Postgres::start();
    let dir = tempfile::tempdir().unwrap();
    let kept = body::Kept::open(&postgres(&server), dir.path());
    kept.send(0..10);
    kept.until_found(10);
    server.stop();
    kept.until("the writer's word", || !kept.is_up());
    let told = kept.refused_after();
    assert!(told < std::time::Duration::from_secs(4), "{told:?}");
    server.resume();
    kept.until("its standing", || kept.is_up());
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
