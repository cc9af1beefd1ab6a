//! The database with many rows: what a record costs its writer, and how long the first page takes.
//!
//! `cargo run --release --example bench-store -- [ROWS] [postgres://…]`; without a URL SQLite in a temporary folder. Rows
//! lie over 30 days. Prints a line for every question, in milliseconds (the median and the slowest of five).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that people read"
)]

use std::time::{Duration, Instant};

use tidegate::config::{Database, Retention, Secret};
use tidegate::id::RequestId;
use tidegate::ir::{Format, Usage};
use tidegate::ledger::{AttemptRow, Choice, Ending, Record, Timing};
use tidegate::store::{By, Every, Filter, Place, Question, Status, Store};

const DAY: Duration = Duration::from_secs(86_400);
/// The end of the 30 days.
const END: Duration = Duration::from_secs(1_800_000_000 / 86_400 * 86_400);
const RETENTION: Retention = Retention {
    days: 36_500,
    size: None,
};

fn main() {
    let mut words = std::env::args().skip(1);
    let rows: u64 = words.next().map_or(500_000, |rows| rows.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let database = match words.next() {
        Some(url) => Database::Postgres(Secret::new(url)),
        None => Database::Sqlite(dir.path().join("tidegate.db")),
    };
    let store = Store::open(&database, dir.path().to_owned()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    write(&store, rows);
    if let Database::Sqlite(path) = &database {
        println!("{:>9} MB", std::fs::metadata(path).unwrap().len() >> 20);
    }
    for (name, filter) in questions() {
        measure(&runtime, &name, async || {
            store
                .requests(&filter, Place::Newest, 50)
                .await
                .unwrap()
                .rows
                .len()
        });
    }
    let month = |by: &[By], every| Question {
        by: by.to_vec(),
        every,
        ..Question::of(END - DAY * 30, END)
    };
    for (name, question) in [
        ("a month, total", month(&[], None)),
        ("a month by hour", month(&[], Some(Every::Hour))),
        (
            "a month by endpoint",
            month(&[By::Provider, By::Endpoint], None),
        ),
        ("a month by client key", month(&[By::ClientKey], None)),
    ] {
        measure(&runtime, name, async || {
            store.statistics(&question).await.unwrap().len()
        });
    }
}

/// As fast as the writer takes them, and what it takes for that.
fn write(store: &Store, rows: u64) {
    store.keep_writing(Box::new(|| RETENTION)).unwrap();
    let outbox = store.outbox();
    let (begun, mut pushed) = (Instant::now(), Duration::ZERO);
    let total = || {
        let written = tidegate::telemetry::metrics::RECORDS_WRITTEN.get();
        let lost = tidegate::telemetry::metrics::RECORDS_LOST
            .with_label_values(&["full"])
            .get();
        written + lost
    };
    let mut sent = 0;
    while sent < rows {
        let batch: Vec<Record> = (sent..rows.min(sent + 512))
            .map(|n| record(n, rows))
            .collect();
        sent += u64::try_from(batch.len()).unwrap();
        let push = Instant::now();
        batch.into_iter().for_each(|record| outbox.push(record));
        pushed += push.elapsed();
        while sent - total() > 1024 && begun.elapsed() < DAY {
            std::thread::yield_now();
        }
    }
    while total() < rows {
        std::thread::yield_now();
    }
    let cpu = writers_cpu();
    let per = |time: Duration| time.as_secs_f64() * 1e6 / rows as f64;
    println!("{rows} rows in {:.1} s", begun.elapsed().as_secs_f64());
    println!("{:>9.2} µs of CPU a record, writer", per(cpu));
    println!("{:>9.2} µs a record, request path", per(pushed));
}

/// CPU of the threads that write: ours, and SQLite's.
fn writers_cpu() -> Duration {
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let name = std::fs::read_to_string(task.join("comm")).unwrap();
        if name.starts_with("records") {
            let stat = std::fs::read_to_string(task.join("schedstat")).unwrap();
            let nanos: u64 = stat.split(' ').next().unwrap().parse().unwrap();
            println!("{:>9.2} s in thread {}", nanos as f64 / 1e9, name.trim());
            all += nanos;
        }
    }
    Duration::from_nanos(all)
}

fn measure(runtime: &tokio::runtime::Runtime, name: &str, ask: impl AsyncFn() -> usize) {
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..5 {
        let begun = Instant::now();
        found = runtime.block_on(ask());
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let first = times[0];
    times.sort_by(f64::total_cmp);
    println!(
        "{:>9.1} ms, first {first:.1}, slowest {:.1}: {name} ({found} rows)",
        times[2], times[4]
    );
}

/// Every single filter within a day, and rare values within all days.
fn questions() -> Vec<(String, Filter)> {
    let text = |text: &str| Some(text.to_owned());
    let mut all = Vec::new();
    let mut ask = |name: &str, daily: bool, change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        if daily {
            (filter.from, filter.until) = (Some(END - DAY * 15), Some(END - DAY * 14));
        }
        change(&mut filter);
        let when = if daily { "a day" } else { "ever" };
        all.push((format!("{when}, {name}"), filter));
    };
    for daily in [true, false] {
        ask("all", daily, &|_| ());
        ask("client key", daily, &|f| f.client_key = text("key-3"));
        ask("rare client key", daily, &|f| f.client_key = text("rare"));
        ask("client key of nobody", daily, &|f| {
            f.client_key = text("nobody")
        });
        ask("model", daily, &|f| f.model = text("opus"));
        ask("rare model", daily, &|f| f.model = text("rare"));
        ask("provider", daily, &|f| f.provider = text("relay-2"));
        ask("endpoint", daily, &|f| f.endpoint = text("model-5"));
        ask("5xx", daily, &|f| f.status = Some(Status::Class(5)));
        ask("slower than 10 s", daily, &|f| {
            f.slower = Some(Duration::from_secs(10));
        });
        ask("slower than a minute", daily, &|f| {
            f.slower = Some(Duration::from_secs(60));
        });
        ask("418", daily, &|f| f.status = Some(Status::Exactly(418)));
        ask("503, of 5xx that are 502", daily, &|f| {
            f.status = Some(Status::Exactly(503))
        });
        ask("broken", daily, &|f| f.ending = Some(Ending::Broken));
        ask("gemini", daily, &|f| f.format = Some(Format::Gemini));
        ask("streams", daily, &|f| f.stream = Some(true));
        ask("no streams", daily, &|f| f.stream = Some(false));
        ask("failover", daily, &|f| f.failover = Some(true));
        ask("losses", daily, &|f| f.losses = Some(true));
        ask("two never together", daily, &|f| {
            (f.format, f.status) = (Some(Format::Gemini), Some(Status::Class(5)));
        });
    }
    all
}

/// An attempt of the `n`th request.
fn attempt(dice: u64, provider: String, outcome: &'static str) -> AttemptRow {
    let name = |name: &str, of: u64| format!("{name}-{}", dice / 7 % of);
    AttemptRow {
        provider: provider.into(),
        model: name("model", 12).into(),
        endpoint: name("model", 12).into(),
        key: 1,
        key_masked: Some("sk-…key1".into()),
        status: Some(if outcome == "ok" { 200 } else { 500 }),
        outcome,
        choice: Choice {
            purpose: "first",
            by: "round_robin",
            of: 3,
            tier: 1,
        },
        took: Duration::from_millis(400 + dice % 9_000),
        timing: Timing {
            began: Duration::from_micros(300),
            connect: None,
            reused: true,
            head: Some(Duration::from_millis(200 + dice % 200)),
            first: Some(Duration::from_millis(300 + dice % 100)),
        },
        taken: true,
        price: None,
        usage: Usage {
            input: Some(1_000 + dice % 10_000),
            output: Some(dice % 900),
            ..Usage::default()
        },
        usage_estimated: false,
    }
}

/// The `n`th of so many: 40 keys, 4 models, 8 providers, 1 in 50 fails, 1 in 100 000 is rare.
fn record(n: u64, rows: u64) -> Record {
    let nanos = DAY.as_nanos() * 30 * u128::from(n) / u128::from(rows);
    let at = END - DAY * 30 + Duration::from_nanos(u64::try_from(nanos).unwrap());
    // Anything that is spread, and the same in every run.
    let dice = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let rare = n % 100_000 == 77_777;
    let fails = dice.is_multiple_of(50);
    let name = |name: &str, of: u64| format!("{name}-{}", dice / 7 % of);
    let mut attempts = vec![attempt(
        dice,
        name("relay", 8),
        if fails { "status" } else { "ok" },
    )];
    if dice.is_multiple_of(40) {
        attempts.insert(0, attempt(dice, "relay-bad".to_owned(), "status"));
    }
    let models = ["haiku", "sonnet", "opus", "gpt-4o"];
    let formats = [
        Format::OpenaiChat,
        Format::OpenaiResponses,
        Format::Anthropic,
        Format::Gemini,
    ];
    let which = usize::try_from(dice % 4).unwrap();
    let model = models[which];
    let (status, ending) = match (fails && which < 3, dice % 5_000) {
        (true, _) => (502, Ending::Refused),
        (false, 1) => (200, Ending::Broken),
        (false, _) => (200, Ending::Complete),
    };
    Record {
        id: RequestId::made(at),
        at,
        client: Some("10.1.2.3".parse().unwrap()),
        client_key: Some(if rare {
            "rare".into()
        } else {
            name("key", 40).into()
        }),
        tenant: Some(name("tenant", 5).into()),
        limited: None,
        refusal: None,
        method: http::Method::POST,
        path: "/v1/chat/completions".into(),
        format: Some(formats[which]),
        asked_model: Some(model.into()),
        model: Some(if rare { "rare" } else { model }.into()),
        route: None,
        stream: !dice.is_multiple_of(3),
        status,
        ending,
        bytes_in: 2_000,
        bytes_out: 4_000,
        first_content: Some(Duration::from_millis(200 + dice % 1_000)),
        total: Duration::from_millis(500 + dice % 10_000),
        usage: attempts[0].usage,
        usage_estimated: false,
        attempts,
        dropped: rare.then(|| "seed".to_owned()),
        candidates: Vec::new(),
        bodies: None,
    }
}
