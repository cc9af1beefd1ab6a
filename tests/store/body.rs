//! What holds on both databases.

use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tidegate::config::{Database, Retention};
use tidegate::id::RequestId;
use tidegate::ir::{Format, Usage};
use tidegate::ledger::{AttemptRow, CandidateRow, Ending, Record};
use tidegate::store::{By, Figures, Filter, Question, Status, Store};

/// Noon of a day long ago, so that nothing depends on when the test runs.
const NOON: Duration = Duration::from_secs(1_800_000_000 / 86_400 * 86_400 + 43_200);
const PATIENCE: Duration = Duration::from_secs(60);

/// A database that is written, and read.
pub(crate) struct Kept {
    store: Store,
    data: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.store.finish(PATIENCE);
    }
}

impl Kept {
    pub(crate) fn open(database: &Database, data: &Path) -> Kept {
        let store = Store::open(database, data.to_owned()).unwrap();
        // For as long as it takes: the rows are old.
        let retention = Retention {
            days: 36_500,
            size: None,
        };
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
        let outbox = self.store.outbox();
        let records = numbers.map(record);
        let sent = records.map(|record| {
            let id = record.id.as_str().to_owned();
            outbox.push(record);
            id
        });
        sent.collect()
    }

    fn page(
        &self,
        filter: &Filter,
        before: Option<RequestId>,
        most: usize,
    ) -> tidegate::store::Page {
        self.runtime
            .block_on(self.store.requests(filter, before, most))
            .unwrap()
    }

    fn figures(&self, by: By) -> Vec<Figures> {
        let question = Question::of(NOON, NOON + Duration::from_secs(86_400), by);
        self.runtime
            .block_on(self.store.statistics(&question))
            .unwrap()
    }

    /// All ids, oldest first.
    pub(crate) fn found(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut before = None;
        loop {
            let page = self.page(&Filter::default(), before, 1_000);
            all.extend(page.rows.into_iter().map(|row| row.id));
            before = page.next;
            if before.is_none() {
                all.reverse();
                return all;
            }
        }
    }

    pub(crate) fn until_found(&self, rows: i64) {
        self.until("the rows", || {
            let question = Question::of(NOON, NOON + Duration::from_secs(86_400), By::Total);
            let figures = self.runtime.block_on(self.store.statistics(&question));
            figures.is_ok_and(|figures| figures[0].requests == rows)
        });
    }

    fn spooled(&self) -> u64 {
        std::fs::metadata(self.data.join("records.spool")).map_or(0, |meta| meta.len())
    }

    pub(crate) fn until_spooled(&self) {
        self.until("the spool", || self.spooled() > 100_000);
    }

    pub(crate) fn until_spool_is_empty(&self) {
        self.until("an empty spool", || self.spooled() == 0);
    }

    fn until(&self, what: &str, done: impl Fn() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < PATIENCE, "{what} do not come");
            let pause = async { tokio::time::sleep(Duration::from_millis(10)).await };
            self.runtime.block_on(pause);
        }
    }
}

/// A second after the other; every seventh failed over, every tenth refused, the 500th of another key.
fn record(n: u64) -> Record {
    let at = NOON + Duration::from_secs(n);
    let attempt = |provider: &str, outcome: &'static str| AttemptRow {
        provider: provider.into(),
        model: "gpt".into(),
        endpoint: "gpt".into(),
        key: 1,
        key_masked: Some("sk-…key1".into()),
        status: Some(if outcome == "ok" { 200 } else { 500 }),
        outcome,
        took: Duration::from_millis(40),
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
        bodies: None,
    }
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
    let first = kept.page(&Filter::default(), None, 7);
    let ids: Vec<&String> = first.rows.iter().map(|row| &row.id).collect();
    assert_eq!(
        ids,
        sent.iter().rev().take(7).collect::<Vec<_>>(),
        "newest first"
    );
    let second = kept.page(&Filter::default(), first.next, 7);
    assert_eq!(second.rows[0].id, sent[1_200 - 8]);
    let range = Filter {
        from: Some(NOON + Duration::from_secs(10)),
        until: Some(NOON + Duration::from_secs(13)),
        ..Filter::default()
    };
    let page = kept.page(&range, None, 50);
    let ids: Vec<&String> = page.rows.iter().rev().map(|row| &row.id).collect();
    assert_eq!((ids, page.next), (sent[10..13].iter().collect(), None));
}

fn filters(kept: &Kept, sent: &[String]) {
    for (filter, fits) in questions() {
        let page = kept.page(&filter, None, 1_000);
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
    let [total] = &kept.figures(By::Total)[..] else {
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
    let told = |by| -> Vec<(String, i64)> {
        let figures = kept.figures(by).into_iter();
        figures.map(|of| (of.of.join("/"), of.requests)).collect()
    };
    let row = |name: &str, requests| (name.to_owned(), requests);
    assert_eq!(told(By::ClientKey), [row("rare", 1), row("usual", 1_199)]);
    assert_eq!(told(By::Provider), [row("a", 0), row("b", 1_200)]);
    assert_eq!(told(By::Endpoint), [row("a/gpt", 0), row("b/gpt", 1_200)]);
    assert_eq!(told(By::Model), [row("m", 1_200)]);
    let outcomes = [
        row("complete", 1_080),
        row("passed_over", 0),
        row("refused_4xx", 120),
    ];
    assert_eq!(told(By::Outcome), outcomes);
    assert_eq!(told(By::Hour), [row("2027-01-15T12:00:00Z", 1_200)]);
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    assert_eq!(told(By::Day(zone)), [row("2027-01-14T16:00:00Z", 1_200)]);
}
