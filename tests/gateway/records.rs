//! Finished requests are rows of the database, whatever becomes of it; and requests go on, whatever becomes of it.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate::config::{Database, Secret};
use tidegate::demo::Step;
use tidegate::store::{Filter, Row, Store};

use crate::harness::{Gateway, TestVendor, dead_addr, until};
use crate::pools::{Twist, Two, section};
use crate::postgres::Postgres;

const WHILE: Duration = Duration::from_secs(30);

fn models(vendor: &TestVendor, database: &str) -> String {
    let models = section(&vendor.base_url(), &vendor.base_url(), &Twist::default());
    match database {
        "" => models,
        database => format!("  database: \"{database}\"\n{models}"),
    }
}

fn sqlite(gateway: &Gateway) -> Database {
    Database::Sqlite(gateway.dir().join("data/tidegate.db"))
}

/// All rows, oldest first.
async fn rows(database: Database, gateway: &Gateway) -> Vec<Row> {
    let dir = gateway.dir();
    let opened = tokio::task::spawn_blocking(move || Store::open(&database, dir));
    let store = Arc::new(opened.await.unwrap().unwrap());
    let (mut all, mut export) = (Vec::new(), store.export(Filter::default()));
    loop {
        let rows = export.next().await.unwrap();
        if rows.is_empty() {
            all.reverse();
            return all;
        }
        all.extend(rows);
    }
}

fn ids(rows: &[Row]) -> BTreeSet<String> {
    rows.iter().map(|row| row.id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_row_with_its_attempts_and_our_own_pages_are_none() {
    let two = Two::start(Twist {
        endpoint_a: ", retries: 0",
        ..Twist::default()
    })
    .await;
    two.a.vendor.script("demo-sonnet", [Step::status(500)]);
    let answer = two.gateway.chat("m", false).await;
    let lost = two.gateway.chat("nobody", false).await;
    assert_eq!((answer.status.as_u16(), lost.status.as_u16()), (200, 404));
    two.gateway.get("/health").await.unwrap();
    two.gateway.get("/v1/models").await.unwrap();
    until("two rows", WHILE, async || {
        two.gateway
            .metric("tidegate_records_written_total", &[])
            .await
            == 2.0
    })
    .await;
    let rows = rows(sqlite(&two.gateway), &two.gateway).await;
    let [row, refused] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!(
        (&*row.id, row.status, &*row.ending),
        (answer.id(), 200, "complete")
    );
    assert_eq!(
        (row.model.as_deref(), row.format.as_deref()),
        (Some("m"), Some("openai_chat"))
    );
    let attempts: Vec<_> = row
        .attempts
        .iter()
        .map(|a| (&*a.provider, &*a.outcome, a.status))
        .collect();
    assert_eq!(
        attempts,
        [("a", "status", Some(500)), ("b", "ok", Some(200))]
    );
    assert!(row.failed_over() && row.tokens.output > Some(0) && row.first_us.is_some());
    assert_eq!(
        (refused.status, &*refused.ending, refused.attempts.len()),
        (404, "refused", 0)
    );
    assert_eq!(refused.asked_model.as_deref(), Some("nobody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_writes_the_last_rows() {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&models(&vendor, "")).await;
    let mut asked = BTreeSet::new();
    for _ in 0..40 {
        asked.insert(gateway.chat("m", false).await.id().to_owned());
    }
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    assert_eq!(ids(&rows(sqlite(&gateway), &gateway).await), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_takes_at_most_the_last_second() {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&models(&vendor, "")).await;
    for _ in 0..3 {
        let (begun, mut asked) = (Instant::now(), Vec::new());
        while begun.elapsed() < Duration::from_millis(1_800) {
            let id = gateway.chat("m", false).await.id().to_owned();
            asked.push((id, Instant::now()));
        }
        let killed = Instant::now();
        gateway.kill();
        let kept = ids(&rows(sqlite(&gateway), &gateway).await);
        let old = asked
            .iter()
            .filter(|(_, at)| killed - *at > Duration::from_secs(1));
        let missing: Vec<_> = old.clone().filter(|(id, _)| !kept.contains(id)).collect();
        assert!(old.count() > 10 && missing.is_empty(), "{missing:?}");
        gateway.start_again().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_is_stopped_under_load_costs_no_request_and_no_row() {
    let mut server = Postgres::start();
    let database = Database::Postgres(Secret::new(server.url()));
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&models(&vendor, &server.url())).await;
    let mut asked = BTreeSet::new();
    for (stop, resume) in [(false, false), (true, false), (false, true)] {
        if stop {
            server.stop();
        }
        if resume {
            server.resume();
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            let answer = gateway.chat("m", false).await;
            assert_eq!(answer.status, 200);
            assert!(answer.total < Duration::from_secs(2), "{:?}", answer.total);
            asked.insert(answer.id().to_owned());
        }
        let up = gateway.metric("tidegate_record_store_up", &[]).await;
        let ready = gateway.get("/ready").await.unwrap();
        assert_eq!(ready.status, 200);
        assert_eq!(up, if stop { 0.0 } else { 1.0 });
    }
    let all = f64::from(u32::try_from(asked.len()).unwrap());
    until("all rows", WHILE, async || {
        gateway.metric("tidegate_records_written_total", &[]).await == all
    })
    .await;
    assert_eq!(ids(&rows(database, &gateway).await), asked);
    assert_eq!(
        gateway.metric("tidegate_record_spool_bytes", &[]).await,
        0.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_neither_database_nor_spool_can_be_written_requests_go_on_and_the_loss_is_shown() {
    let vendor = TestVendor::start().await;
    let away = format!("postgres://nobody:not-to-be-shown@{}/x", dead_addr());
    let gateway = Gateway::start(&models(&vendor, &away)).await;
    std::fs::create_dir_all(gateway.dir().join("data")).unwrap();
    symlink("/dev/full", gateway.dir().join("data/records.spool")).unwrap();
    for _ in 0..5 {
        assert_eq!(gateway.chat("m", true).await.status, 200);
    }
    until("five lost rows", WHILE, async || {
        gateway
            .metric("tidegate_records_lost_total", &[("why", "spool")])
            .await
            == 5.0
    })
    .await;
    until("a line about it", WHILE, async || {
        gateway.stderr().contains("records are lost")
    })
    .await;
    assert!(!gateway.stderr().contains("not-to-be-shown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_asked_for_must_be_there_and_the_usual_one_may_be_missing() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&models(&vendor, "")).await;
    let file = gateway.dir().join("file");
    std::fs::write(&file, "").unwrap();
    let usual = format!("  data: \"{}\"\n{}", file.display(), models(&vendor, ""));
    let without = Gateway::start(&usual).await;
    assert_eq!(without.chat("m", false).await.status, 200);
    assert!(
        without.stderr().contains("no record of requests is kept"),
        "{}",
        without.stderr()
    );

    let told = models(&vendor, &format!("sqlite://{}/x.db", file.display()));
    let config = format!(
        "version: 1\ngateway:\n  listen: [ \"{}\" ]\n{told}",
        dead_addr()
    );
    std::fs::write(gateway.dir().join("told.yaml"), config).unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["--conf", "told.yaml"])
        .current_dir(gateway.dir())
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success());
    assert!(
        said.contains("cannot open the database") && said.contains("file/x.db"),
        "{said}"
    );
}
