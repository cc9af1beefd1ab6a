//! What holds on both databases.

use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tidegate::config::{Database, Retention};
use tidegate::id::RequestId;
use tidegate::ir::{Format, Usage};
use tidegate::ledger::{
    AttemptRow, Bodies, CandidateRow, Choice, Ending, Record, RefusalCode, Secrets, Timing,
};
use tidegate::store::{By, Every, Figures, Filter, Page, Place, Question, Status, Store};

/// Noon of a day long ago, so that nothing depends on when the test runs.
const NOON: Duration = Duration::from_secs(1_800_000_000 / 86_400 * 86_400 + 43_200);
const DAY: Duration = Duration::from_secs(86_400);
const PATIENCE: Duration = Duration::from_secs(60);

/// A database that is written, and read.
pub(crate) struct Kept {
    store: Arc<Store>,
    data: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.store.finish(PATIENCE);
    }
}

impl Kept {
    /// Keeps rows for as long as it takes.
    pub(crate) fn open(database: &Database, data: &Path) -> Kept {
        let retention = Retention {
            days: 36_500,
            size: None,
        };
        Kept::open_for(database, data, retention)
    }

    pub(crate) fn open_for(database: &Database, data: &Path, retention: Retention) -> Kept {
        let store = Arc::new(Store::open(database, data.to_owned()).unwrap());
        store.keep_writing(Box::new(move || retention)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Kept {
            store,
            data: data.to_owned(),
            runtime: runtime.unwrap(),
        }
    }

    /// The ids, in the order of their making.
    pub(crate) fn send(&self, numbers: Range<u64>) -> Vec<String> {
        self.put(numbers.map(record))
    }

    pub(crate) fn put(&self, records: impl Iterator<Item = Record>) -> Vec<String> {
        let outbox = self.store.outbox();
        let sent = records.map(|record| {
            let id = record.id.as_str().to_owned();
            outbox.push(record);
            id
        });
        sent.collect()
    }

    fn page(&self, filter: &Filter, place: Place, most: usize) -> Page {
        let page = self.store.requests(filter, place, most);
        self.runtime.block_on(page).unwrap()
    }

    fn ask(&self, change: impl FnOnce(&mut Question)) -> Vec<Figures> {
        let mut question = day();
        change(&mut question);
        let figures = self.store.statistics(&question);
        self.runtime.block_on(figures).unwrap()
    }

    /// All ids, oldest first.
    pub(crate) fn found(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut export = self.store.export(Filter::default());
        loop {
            let rows = self.runtime.block_on(export.next()).unwrap();
            if rows.is_empty() {
                all.reverse();
                return all;
            }
            all.extend(rows.into_iter().map(|row| row.id));
        }
    }

    pub(crate) fn until_found(&self, rows: i64) {
        self.until("the rows", || {
            let figures = self.runtime.block_on(self.store.statistics(&day()));
            figures.is_ok_and(|figures| figures.first().map_or(0, |of| of.requests) == rows)
        });
    }

    pub(crate) fn is_up(&self) -> bool {
        self.store.is_up()
    }

    /// How long it takes to be told that a page cannot be had.
    pub(crate) fn refused_after(&self) -> Duration {
        let (begun, filter) = (Instant::now(), Filter::default());
        let page = self.store.requests(&filter, Place::Newest, 1);
        self.runtime.block_on(page).map(drop).unwrap_err();
        begun.elapsed()
    }

    /// Runs a statement beside the gateway.
    pub(crate) fn run(&self, sql: &'static str) {
        let path = self.data.join("tidegate.db");
        self.runtime.block_on(async {
            use sqlx::{Connection as _, Executor as _};
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let options = options.busy_timeout(PATIENCE);
            let mut link = sqlx::SqliteConnection::connect_with(&options)
                .await
                .unwrap();
            link.execute(sql).await.unwrap();
            link.close().await.unwrap();
        });
    }

    pub(crate) fn spooled(&self) -> u64 {
        std::fs::metadata(self.data.join("records.spool")).map_or(0, |meta| meta.len())
    }

    pub(crate) fn until_spooled(&self) {
        self.until("the spool", || self.spooled() > 100_000);
    }

    pub(crate) fn until_spool_is_empty(&self) {
        self.until("an empty spool", || self.spooled() == 0);
    }

    /// What was said, as text.
    pub(crate) fn bodies(&self, id: &str) -> Option<(String, String)> {
        let bodies = self.runtime.block_on(self.store.bodies(id)).unwrap()?;
        let text = |body: tidegate::ledger::Body| String::from_utf8_lossy(&body.bytes).into_owned();
        Some((text(bodies.request), text(bodies.response)))
    }

    /// Requests in the statistics of a range of time.
    pub(crate) fn counted(&self, from: Duration, until: Duration) -> i64 {
        let question = Question::of(from, until);
        let figures = self.runtime.block_on(self.store.statistics(&question));
        figures.unwrap().first().map_or(0, |of| of.requests)
    }

    pub(crate) fn until(&self, what: &str, done: impl Fn() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < PATIENCE, "{what} do not come");
            let pause = async { tokio::time::sleep(Duration::from_millis(10)).await };
            self.runtime.block_on(pause);
        }
    }
}

const TIMING: Timing = Timing {
    began: Duration::from_millis(2),
    connect: Some(Duration::from_millis(1)),
    reused: false,
    head: Some(Duration::from_millis(7)),
    first: None,
};

const CHOICE: Choice = Choice {
    purpose: "first",
    by: "round_robin",
    of: 2,
    tier: 1,
};

/// A second after the other; every seventh failed over, every tenth refused, the 500th of another key.
pub(crate) fn record(n: u64) -> Record {
    let at = NOON + Duration::from_secs(n);
    let attempt = |provider: &str, outcome: &'static str| AttemptRow {
        provider: provider.into(),
        model: "gpt".into(),
        endpoint: "gpt".into(),
        key: 1,
        key_masked: Some("sk-…key1".into()),
        status: Some(if outcome == "ok" { 200 } else { 500 }),
        outcome,
        choice: CHOICE,
        took: Duration::from_millis(40),
        timing: TIMING,
        taken: true,
        price: None,
        usage: Usage::default(),
        usage_estimated: false,
    };
    let usage = Usage {
        input: Some(3),
        output: Some(4),
        ..Usage::default()
    };
    let mut attempts = vec![AttemptRow {
        usage,
        ..attempt("b", "ok")
    }];
    if n.is_multiple_of(7) {
        attempts.insert(0, attempt("a", "status"));
    }
    let refused = n.is_multiple_of(10);
    Record {
        id: RequestId::made(at),
        at,
        client: Some(IpAddr::from([127, 0, 0, 1])),
        client_key: Some(if n == 500 { "rare" } else { "usual" }.into()),
        tenant: Some("search".into()),
        limited: refused.then_some(("key", "rpm")),
        refusal: refused.then_some(RefusalCode::LimitExceeded),
        method: http::Method::POST,
        path: "/v1/chat/completions".into(),
        format: Some(Format::OpenaiChat),
        asked_model: Some("m\0x".into()),
        model: Some("m".into()),
        route: None,
        stream: n.is_multiple_of(2),
        status: if refused { 429 } else { 200 },
        ending: if refused {
            Ending::Refused
        } else {
            Ending::Complete
        },
        bytes_in: 12,
        bytes_out: u64::MAX,
        first_content: Some(Duration::from_millis(100)),
        total: Duration::from_millis(n % 1000),
        usage,
        usage_estimated: n.is_multiple_of(3),
        attempts,
        dropped: (n == 501).then(|| "seed".to_owned()),
        candidates: vec![CandidateRow {
            provider: "c".into(),
            model: "gpt".into(),
            tier: 1,
            seen: "cooling",
            wait: Some(Duration::from_secs(1)),
        }],
        bodies: n.is_multiple_of(50).then(|| Box::new(said(n))),
    }
}

/// Of a client that has sent a vendor's key along.
fn said(n: u64) -> Bodies {
    let secrets = Arc::new(Secrets::of(["sk-a-key-of-a-vendor"]));
    let request = format!("asks {n} with sk-a-key-of-a-vendor");
    let mut bodies = Bodies::of(request.as_bytes(), 1024, secrets, Vec::new());
    bodies.answer(format!("answers {n}").as_bytes());
    bodies
}

pub(crate) fn all(database: &Database) {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(database, dir.path());
    let sent = kept.send(0..1_200);
    kept.until_found(1_200);
    assert_eq!(kept.found(), sent);
    pages(&kept, &sent);
    filters(&kept, &sent);
    one(&kept, &sent);
    figures(&kept);
    let again = Kept::open(database, dir.path());
    assert_eq!(again.found(), sent, "over a restart");
}

fn pages(kept: &Kept, sent: &[String]) {
    let first = kept.page(&Filter::default(), Place::Newest, 7);
    let ids: Vec<&String> = first.rows.iter().map(|row| &row.id).collect();
    assert_eq!(
        ids,
        sent.iter().rev().take(7).collect::<Vec<_>>(),
        "newest first"
    );
    let second = kept.page(&Filter::default(), Place::Before(first.next.unwrap()), 7);
    assert_eq!(second.rows[0].id, sent[1_200 - 8]);
    both_ways(kept, sent);
    let range = Filter {
        from: Some(NOON + Duration::from_secs(10)),
        until: Some(NOON + Duration::from_secs(13)),
        ..Filter::default()
    };
    let page = kept.page(&range, Place::Newest, 50);
    let ids: Vec<&String> = page.rows.iter().rev().map(|row| &row.id).collect();
    assert_eq!((ids, page.next), (sent[10..13].iter().collect(), None));
}

/// From any row back and forth: the same rows, without one left out or told twice.
fn both_ways(kept: &Kept, sent: &[String]) {
    let odd = Filter {
        stream: Some(false),
        ..Filter::default()
    };
    let fits: Vec<&String> = sent.iter().skip(1).step_by(2).collect();
    let ids = |page: &Page| {
        page.rows
            .iter()
            .map(|row| row.id.clone())
            .collect::<Vec<_>>()
    };
    let told = |of: &[&String]| of.iter().rev().map(|id| (*id).clone()).collect::<Vec<_>>();
    for at in [1, 300, 599] {
        let id = |n: usize| RequestId::parse(fits[n]).unwrap();
        let older = kept.page(&odd, Place::Before(id(at)), 50);
        assert_eq!(ids(&older), told(&fits[at.saturating_sub(50)..at]));
        assert_eq!(older.next, (at > 50).then(|| id(at - 50)));
        let newer = kept.page(&odd, Place::After(id(at)), 50);
        let last = fits.len().min(at + 51);
        assert_eq!(ids(&newer), told(&fits[at + 1..last]));
        assert_eq!(newer.next, (at < 500).then(|| id(at + 50)));
    }
}

fn filters(kept: &Kept, sent: &[String]) {
    for (filter, fits) in questions() {
        let page = kept.page(&filter, Place::Newest, 1_000);
        let found: Vec<String> = page.rows.into_iter().rev().map(|row| row.id).collect();
        let fitting = sent.iter().enumerate().filter(|(n, _)| fits(*n));
        let mut fitting: Vec<String> = fitting.map(|(_, id)| id.clone()).collect();
        fitting.drain(..fitting.len().saturating_sub(1_000));
        assert_eq!(found, fitting, "{filter:?}");
    }
}

/// Whether the record of that number is part of the answer.
type Fits = fn(usize) -> bool;

/// What is asked, and which of the records are the answer.
fn questions() -> Vec<(Filter, Fits)> {
    let text = |text: &str| Some(text.to_owned());
    let of = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    let chat = Some(Format::OpenaiChat);
    vec![
        (of(&|f| f.client_key = text("rare")), |n| n == 500),
        (of(&|f| f.client_key = text("nobody")), |_| false),
        (of(&|f| f.tenant = text("nobody")), |_| false),
        (of(&|f| f.model = text("m")), |_| true),
        (of(&|f| f.provider = text("b")), |_| true),
        (of(&|f| f.provider = text("a")), |_| false),
        (of(&|f| f.endpoint = text("gpt")), |_| true),
        (of(&|f| f.status = Some(Status::Class(4))), |n| {
            n.is_multiple_of(10)
        }),
        (of(&|f| f.status = Some(Status::Exactly(429))), |n| {
            n.is_multiple_of(10)
        }),
        (of(&|f| f.status = Some(Status::Exactly(400))), |_| false),
        (of(&|f| f.slower = Some(Duration::from_millis(990))), |n| {
            n % 1000 >= 990
        }),
        (of(&|f| f.slower = Some(Duration::from_secs(1))), |_| false),
        (of(&|f| f.ending = Some(Ending::Refused)), |n| {
            n.is_multiple_of(10)
        }),
        (of(&|f| f.stream = Some(true)), |n| n.is_multiple_of(2)),
        (of(&|f| f.stream = Some(false)), |n| n % 2 == 1),
        (of(&|f| f.failover = Some(true)), |n| n.is_multiple_of(7)),
        (of(&|f| f.failover = Some(false)), |n| n % 7 != 0),
        (of(&|f| f.losses = Some(true)), |n| n == 501),
        (of(&|f| (f.losses, f.format) = (Some(false), chat)), |n| {
            n != 501
        }),
        (
            of(&|f| (f.stream, f.failover) = (Some(false), Some(true))),
            |n| n % 14 == 7,
        ),
    ]
}

fn one(kept: &Kept, sent: &[String]) {
    let row = kept
        .runtime
        .block_on(kept.store.request(&sent[7]))
        .unwrap()
        .unwrap();
    assert_eq!(row.attempts.len(), 2);
    assert_eq!(
        (&*row.attempts[0].provider, &*row.attempts[0].outcome),
        ("a", "status")
    );
    assert_eq!(row.candidates[0].seen, "cooling");
    assert_eq!(
        row.asked_model.as_deref(),
        Some("m\u{fffd}x"),
        "no NUL in PostgreSQL's text"
    );
    assert_eq!((row.tokens.input, row.tokens.reasoning), (Some(3), None));
    assert_eq!(
        (row.bytes_in, row.bytes_out, row.first_us),
        (12, i64::MAX, Some(100_000))
    );
    assert_eq!(row.client.as_deref(), Some("127.0.0.1"));
    let told = ("asks 50 with [hidden]".to_owned(), "answers 50".to_owned());
    assert_eq!(kept.bodies(&sent[50]), Some(told));
    assert_eq!(kept.bodies(&sent[7]), None);
    let unknown = RequestId::made(NOON);
    assert_eq!(
        kept.runtime
            .block_on(kept.store.request(unknown.as_str()))
            .unwrap(),
        None
    );
    assert!(
        kept.runtime
            .block_on(kept.store.request("' OR 1=1"))
            .is_err()
    );
}

fn figures(kept: &Kept) {
    let [total] = &kept.ask(|_| ())[..] else {
        panic!("one total");
    };
    assert_eq!(
        (total.requests, total.errors, total.unpriced),
        (1_200, 120, 1_200)
    );
    assert_eq!(
        (total.tokens[0], total.tokens[3], total.tokens[4]),
        (3_600, 4_800, 0)
    );
    assert_eq!((total.attempts, total.failed_attempts), (1_200 + 172, 172));
    // 200 of them are twice as often as the others.
    let median = total.total.permille(500).unwrap().as_secs_f64();
    assert!((0.35..0.45).contains(&median), "{median}");
    assert_eq!(total.first.count(), 1_200);
    let told = |by: &[By]| -> Vec<(String, i64)> {
        let figures = kept.ask(|question| question.by = by.to_vec()).into_iter();
        figures.map(|of| (of.of.join("/"), of.requests)).collect()
    };
    let row = |name: &str, requests| (name.to_owned(), requests);
    assert_eq!(
        told(&[By::ClientKey]),
        [row("rare", 1), row("usual", 1_199)]
    );
    assert_eq!(told(&[By::Provider]), [row("a", 0), row("b", 1_200)]);
    assert_eq!(
        told(&[By::Provider, By::Endpoint]),
        [row("a/gpt", 0), row("b/gpt", 1_200)]
    );
    assert_eq!(told(&[By::Model]), [row("m", 1_200)]);
    assert_eq!(told(&[By::Tenant]), [row("search", 1_200)]);
    let outcomes = [
        row("complete", 1_080),
        row("passed_over", 0),
        row("refused_4xx", 120),
    ];
    assert_eq!(told(&[By::Outcome]), outcomes);
    let statuses = [row("0", 0), row("200", 1_080), row("429", 120)];
    assert_eq!(told(&[By::Status]), statuses);
    let only = kept.ask(|question| question.outcome = Some("refused_4xx".to_owned()));
    assert_eq!((only[0].requests, only[0].errors), (120, 120));
    let only = kept.ask(|question| question.status = Some(200));
    assert_eq!((only[0].requests, only[0].errors), (1_080, 0));
    series(kept);
    keys(kept);
}

fn series(kept: &Kept) {
    let told = |every: Every, by: &[By]| -> Vec<(String, String, i64)> {
        let figures = kept.ask(|question| {
            (question.every, question.by) = (Some(every), by.to_vec());
        });
        let told = figures.into_iter();
        told.map(|of| (of.begins.unwrap().to_string(), of.of.join("/"), of.requests))
            .collect()
    };
    let row = |begins: &str, name: &str, requests| (begins.to_owned(), name.to_owned(), requests);
    let hour = "2027-01-15T12:00:00Z";
    assert_eq!(told(Every::Hour, &[]), [row(hour, "", 1_200)]);
    assert_eq!(
        told(Every::Hour, &[By::Provider]),
        [row(hour, "a", 0), row(hour, "b", 1_200)]
    );
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    assert_eq!(
        told(Every::Day(zone), &[]),
        [row("2027-01-14T16:00:00Z", "", 1_200)]
    );
}

/// Every attempt with a key is counted with the status that it got.
fn keys(kept: &Kept) {
    let told = kept.store.key_statistics(NOON, NOON + DAY);
    let told = kept.runtime.block_on(told).unwrap();
    let [a, b] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((&*a.provider, &*a.key), ("a", "sk-…key1"));
    assert_eq!((a.attempts, a.ok, a.failed), (172, 0, 172));
    assert_eq!(a.statuses, [(500, 172)].into());
    assert_eq!(
        (&*b.provider, b.attempts, b.ok, b.failed),
        ("b", 1_200, 1_200, 0)
    );
    assert_eq!(b.statuses, [(200, 1_200)].into());
    let last = NOON + Duration::from_secs(1_199);
    assert_eq!(u128::try_from(b.last_at).unwrap(), last.as_millis());
    let before = kept.store.key_statistics(NOON - DAY, NOON);
    assert_eq!(kept.runtime.block_on(before).unwrap(), []);
}

fn day() -> Question {
    Question::of(NOON, NOON + DAY)
}
