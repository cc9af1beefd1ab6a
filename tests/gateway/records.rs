//! Finished requests are rows of the database, whatever becomes of it; and requests go on, whatever becomes of it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidegate::config::{Database, Secret};
use tidegate::demo::Step;
use tidegate::store::{Filter, Question, Row, Store};

use crate::harness::{Gateway, TestVendor, dead_addr, until};
use crate::pools::{Twist, Two, section};
use crate::postgres::Postgres;

/// What has to come comes within that, also on a machine that has other things to do.
const WHILE: Duration = Duration::from_secs(120);
/// Nobody waits for a database: a request that did would take as long as it is waited for.
const WITHOUT_WAITING: Duration = Duration::from_secs(8);

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
async fn what_a_stranger_chooses_is_bounded_in_rows_lines_and_metrics() {
    let two = Two::start(Twist::default()).await;
    let long = "z".repeat(200_000);
    let asked = [
        (long.clone(), 404),
        (format!("a/{long}"), 404),
        ("a/made-up-1\u{7}".to_owned(), 404),
        ("a/made-up-2".to_owned(), 404),
        ("a/demo-sonnet".to_owned(), 200),
    ];
    for (model, status) in &asked {
        assert_eq!(two.gateway.chat(model, false).await.status, *status);
    }
    let all = asked.len() as f64;
    until("all rows", WHILE, async || {
        let written = two.gateway.metric("tidegate_records_written_total", &[]);
        written.await == all
    })
    .await;
    let rows = rows(sqlite(&two.gateway), &two.gateway).await;
    for row in &rows {
        let asked = row.asked_model.as_deref().unwrap();
        assert!(asked.len() <= 256, "{}", asked.len());
    }
    assert!(rows[0].asked_model.as_deref().unwrap().ends_with("z…"));
    let endpoints: Vec<_> = rows[2..]
        .iter()
        .map(|row| row.endpoint().unwrap())
        .map(|attempt| (&*attempt.model, attempt.endpoint()))
        .collect();
    assert_eq!(
        endpoints,
        [
            ("made-up-1\u{7}", "(exposed)"),
            ("made-up-2", "(exposed)"),
            ("demo-sonnet", "demo-sonnet"),
        ]
    );
    let shown = two.gateway.get("/metrics").await.unwrap();
    let shown = shown.text();
    assert!(!shown.contains("made-up") && !shown.contains('\u{7}'));
    assert!(shown.contains("model=\"(exposed)\"") && shown.contains("model=\"demo-sonnet\""));
    assert!(two.gateway.stderr().lines().all(|line| line.len() < 4_000));
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

/// Calls by four clients at once, hardly with a pause: the ids of what was answered.
async fn load(gateway: &Gateway, time: Duration) -> Vec<String> {
    let begun = Instant::now();
    let client = async || {
        let mut asked = Vec::new();
        while begun.elapsed() < time {
            let answer = gateway.chat("m", false).await;
            assert_eq!(answer.status, 200);
            assert!(answer.total < WITHOUT_WAITING, "{:?}", answer.total);
            asked.push(answer.id().to_owned());
            // A few hundred a second are enough: it is not our own hunger that is tested.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        asked
    };
    let (a, b, c, d) = tokio::join!(client(), client(), client(), client());
    [a, b, c, d].concat()
}

async fn until_spool_is_empty(gateway: &Gateway) {
    let spool = gateway.dir().join("data/records.spool");
    until("an empty spool", WHILE, async || {
        std::fs::metadata(&spool).map_or(0, |meta| meta.len()) == 0
    })
    .await;
}

/// That statistics say what the rows say.
async fn sums_equal_rows(database: Database, gateway: &Gateway) {
    let rows = rows(database.clone(), gateway).await;
    let dir = gateway.dir();
    let opened = tokio::task::spawn_blocking(move || Store::open(&database, dir));
    let store = opened.await.unwrap().unwrap();
    let (from, until) = (Duration::ZERO, Duration::from_secs(1 << 33));
    let figures = store.statistics(&Question::of(from, until)).await.unwrap();
    let all = |of: fn(&Row) -> i64| rows.iter().map(of).sum::<i64>();
    assert_eq!(figures[0].requests, all(|_| 1));
    assert_eq!(figures[0].attempts, all(|row| row.attempts.len() as i64));
    let output = |row: &Row| row.attempts.iter().filter_map(|a| a.tokens.output).sum();
    assert_eq!(figures[0].tokens[3], all(output));
    assert_eq!(figures[0].total.count(), all(|_| 1));
    let keys = store.key_statistics(from, until).await.unwrap();
    let attempts: i64 = keys.iter().map(|key| key.attempts).sum();
    assert_eq!(attempts, all(|row| row.attempts.len() as i64));
}

/// How long this machine has kept somebody waiting for the processor and the disk: where others take them, nobody is in
/// time.
struct Stall(Arc<AtomicU64>);

impl Stall {
    fn watch() -> Stall {
        let most = Arc::new(AtomicU64::new(0));
        let weak = Arc::downgrade(&most);
        let mut file = tempfile::tempfile().unwrap();
        std::thread::spawn(move || {
            let nap = Duration::from_millis(20);
            while let Some(most) = weak.upgrade() {
                let began = Instant::now();
                std::thread::sleep(nap);
                file.write_all(&[0; 512]).unwrap();
                file.sync_data().unwrap();
                let late = began.elapsed().saturating_sub(nap);
                let late = u64::try_from(late.as_micros()).unwrap();
                most.fetch_max(late, Ordering::Relaxed);
            }
        });
        Stall(most)
    }

    fn most(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Ten times under load: nothing is missing that was answered more than a second before, nothing is there twice.
async fn killed_ten_times(database: impl Fn(&Gateway) -> Database, told: &str) {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&models(&vendor, told)).await;
    let mut answered = BTreeSet::new();
    for _ in 0..10 {
        // The writer waits for them a few times between an answer and its row.
        let stall = Stall::watch();
        let begun = Instant::now();
        let mut asked: Vec<(String, Instant)> = Vec::new();
        while begun.elapsed() < Duration::from_millis(1_700) {
            let some = load(&gateway, Duration::from_millis(100)).await;
            let now = Instant::now();
            asked.extend(some.into_iter().map(|id| (id, now)));
        }
        let killed = Instant::now();
        gateway.kill();
        let grace = Duration::from_secs(1) + stall.most() * 4;
        // What is in the spool comes with the next start.
        gateway.start_again().await;
        until_spool_is_empty(&gateway).await;
        let all = rows(database(&gateway), &gateway).await;
        let kept = ids(&all);
        assert_eq!(kept.len(), all.len(), "each once");
        let old: Vec<&String> = asked
            .iter()
            .filter(|(_, at)| killed - *at > grace)
            .map(|(id, _)| id)
            .collect();
        let missing = old.iter().filter(|id| !kept.contains(**id)).count();
        assert_eq!(missing, 0, "of {} within {grace:?}", old.len());
        answered.extend(asked.into_iter().map(|(id, _)| id));
        assert!(kept.is_subset(&answered), "nothing that nobody asked");
    }
    assert!(answered.len() > 100);
    sums_equal_rows(database(&gateway), &gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_takes_at_most_the_last_second_from_sqlite() {
    killed_ten_times(sqlite, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_takes_at_most_the_last_second_from_postgresql() {
    let server = Postgres::start();
    let url = server.url();
    let database = |_: &Gateway| Database::Postgres(Secret::new(url.clone()));
    killed_ten_times(database, &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_is_stopped_for_30_s_under_load_costs_no_request_and_no_row() {
    let mut server = Postgres::start();
    let database = Database::Postgres(Secret::new(server.url()));
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&models(&vendor, &server.url())).await;
    let mut asked = BTreeSet::new();
    for (stop, resume, seconds) in [(false, false, 2), (true, false, 30), (false, true, 3)] {
        if stop {
            server.stop();
        }
        if resume {
            server.resume();
        }
        let calls = load(&gateway, Duration::from_secs(seconds)).await;
        asked.extend(calls);
        let up = if stop { 0.0 } else { 1.0 };
        until("its state", WHILE, async || {
            gateway.metric("tidegate_record_store_up", &[]).await == up
        })
        .await;
        let ready = gateway.get("/ready").await.unwrap();
        assert_eq!(ready.status, 200);
    }
    let all = f64::from(u32::try_from(asked.len()).unwrap());
    until("all rows", WHILE, async || {
        gateway.metric("tidegate_records_written_total", &[]).await == all
    })
    .await;
    assert_eq!(ids(&rows(database.clone(), &gateway).await), asked);
    assert_eq!(
        gateway.metric("tidegate_record_spool_bytes", &[]).await,
        0.0
    );
    assert_eq!(
        gateway.metric("tidegate_records_lost_total", &[]).await,
        0.0
    );
    sums_equal_rows(database, &gateway).await;
}

/// On a disk that is soon full: every request is answered, and what is lost is counted, to the row.
async fn filled(database: impl Fn(&Gateway) -> Database, told: &str, mut server: Option<Postgres>) {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&models(&vendor, told)).await;
    gateway.kill();
    gateway.start_capped(256).await;
    if let Some(server) = &mut server {
        server.stop();
    }
    let begun = Instant::now();
    let mut asked = 0.0;
    let lost = async |gateway: &Gateway| {
        let why = [("why", "spool")];
        gateway.metric("tidegate_records_lost_total", &why).await
    };
    while lost(&gateway).await < 50.0 {
        assert!(begun.elapsed() < WHILE * 2, "the disk is never full");
        asked += load(&gateway, Duration::from_millis(500)).await.len() as f64;
    }
    // Until every record is somewhere.
    let spool = gateway.dir().join("data/records.spool");
    until("an account of all records", WHILE, async || {
        let written = gateway.metric("tidegate_records_written_total", &[]).await;
        let spooled = std::fs::read(&spool).unwrap();
        let waiting = memchr::memmem::find_iter(&spooled, b"{\"id\":\"").count() as f64;
        written + waiting + lost(&gateway).await == asked
    })
    .await;
    let left = asked - lost(&gateway).await;
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    if let Some(server) = &mut server {
        server.resume();
    }
    gateway.start_again().await;
    until_spool_is_empty(&gateway).await;
    assert_eq!(rows(database(&gateway), &gateway).await.len() as f64, left);
    sums_equal_rows(database(&gateway), &gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_under_sqlite_and_spool_costs_no_request_and_every_loss_is_counted() {
    filled(sqlite, "", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_under_the_spool_costs_no_request_and_every_loss_is_counted() {
    let server = Postgres::start();
    let url = server.url();
    let database = |_: &Gateway| Database::Postgres(Secret::new(url.clone()));
    filled(database, &url, Some(server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_neither_database_nor_spool_can_be_written_requests_go_on_and_the_loss_is_shown() {
    let vendor = TestVendor::start().await;
    let away = format!("postgres://nobody:not-to-be-shown@{}/x", dead_addr());
    let mut gateway = Gateway::start(&models(&vendor, "")).await;
    gateway.kill();
    // Nobody waits for the database to say who may call.
    gateway.rewrite(&format!("  auth: open\n{}", models(&vendor, &away)));
    std::fs::remove_file(gateway.dir().join("data/records.spool")).unwrap_or_default();
    symlink("/dev/full", gateway.dir().join("data/records.spool")).unwrap();
    gateway.start_again_unready().await;
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
