//! What is too old or too much leaves, and takes along what belongs to it; statistics stay for longer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tidegate::config::{Database, Retention};
use tidegate::id::RequestId;
use tidegate::ledger::{Bodies, Record};

use crate::body::{Kept, record};
use crate::postgres::Postgres;
use crate::{postgres, sqlite};

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

/// So long ago, with a body of so many bytes that no compression makes smaller.
fn aged(n: u64, age: Duration, bytes: usize) -> Record {
    let at = now() - age + Duration::from_millis(n);
    let body: Vec<u8> = (0..bytes).map(|_| fastrand::u8(..)).collect();
    Record {
        id: RequestId::made(at),
        at,
        bodies: Some(Box::new(Bodies::of(
            &body,
            bytes,
            Arc::default(),
            Vec::new(),
        ))),
        ..record(n)
    }
}

fn age(database: &Database) {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(database, dir.path());
    // When the second is there, the first look at what is too old is over.
    for n in 0..2 {
        kept.put(std::iter::once(aged(n, DAY * 31, 10)));
        kept.until("a row", || kept.found().len() > usize::try_from(n).unwrap());
    }
    kept.put((0..5).map(|n| aged(n, DAY * 401, 10)));
    let old = kept.put((0..1_200).map(|n| aged(n, DAY * 31, 10)));
    let new = kept.put((0..300).map(|n| aged(n, DAY * 29, 10)));
    kept.until("all rows", || kept.found().len() == 1_507);
    assert_eq!(kept.counted(now() - DAY * 500, now()), 1_507);
    assert!(kept.bodies(&old[0]).is_some());
    drop(kept);
    let month = Retention {
        days: 30,
        size: None,
    };
    let kept = Kept::open_for(database, dir.path(), month);
    kept.until("no more old rows", || kept.found().len() <= 300);
    assert_eq!(kept.found(), new);
    kept.until("no statistics of more than 400 days", || {
        kept.counted(now() - DAY * 500, now() - DAY * 399) == 0
    });
    assert_eq!(kept.counted(now() - DAY * 399, now()), 1_502);
    assert_eq!(kept.bodies(&old[0]), None);
    assert_eq!(kept.bodies(&old[1_199]), None);
}

fn size(database: &Database) {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(database, dir.path());
    let sent = kept.put((0..600).map(|n| aged(n, DAY, 16 << 10)));
    kept.until("all rows", || kept.found().len() == 600);
    drop(kept);
    // 600 bodies are 9.4 MiB; the rest of a row is 1 KiB or two.
    let small = Retention {
        days: 30,
        size: Some(4 << 20),
    };
    let kept = Kept::open_for(database, dir.path(), small);
    kept.until("fewer rows", || kept.found().len() < 260);
    let left = kept.found();
    assert!((100..260).contains(&left.len()), "{}", left.len());
    assert_eq!(left, sent[sent.len() - left.len()..], "the newest stay");
    assert_eq!(kept.bodies(&sent[0]), None);
    assert_eq!(
        kept.counted(now() - DAY * 2, now()),
        600,
        "all were counted"
    );
}

#[test]
fn what_is_too_old_leaves_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    age(&sqlite(dir.path()));
}

#[test]
fn what_is_too_old_leaves_postgresql() {
    let server = Postgres::start();
    age(&postgres(&server));
}

#[test]
fn what_is_too_much_leaves_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    size(&sqlite(dir.path()));
}

#[test]
fn what_is_too_much_leaves_postgresql() {
    let server = Postgres::start();
    size(&postgres(&server));
}
