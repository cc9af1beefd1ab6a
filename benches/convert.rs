//! What a conversion costs: bytes per second of whole requests, events per second and allocations per event of streams, for
//! every pair of formats.
//!
//! `cargo bench --bench convert`. The requests are one agent's conversation of about 85 kB, said in each format; the
//! streams are one answer of 400 words and a call of a tool, said in each format, one event a chunk.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on has failed, and says what it counts"
)]
#![allow(unreachable_pub, reason = "a benchmark has no door")]

#[path = "bodies.rs"]
#[allow(dead_code, reason = "the scan's bench takes more of its shapes")]
mod bodies;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidegate::ir::{
    Arguments, At, Body, Call, Delta, Event, Format, Part, Start, Stop, StopReason, Text, Traits,
    Usage,
};
use tidegate::wire::convert::{
    CallNote, Course, Crossing, Issuer, Memory, Original, Ready, SealNote, Target, Telling,
    Transcode, lower,
};
use tidegate::wire::relay::{End, Progress};
use tidegate::wire::{Asked, codec};

const WORDS: usize = 400;

struct Nothing;

impl Memory for Nothing {
    fn seal(&self, _seal: &str) -> Option<SealNote> {
        None
    }

    fn call(&self, _id: &str) -> Option<CallNote> {
        None
    }
}

fn convert(from: Format, to: Format, body: &[u8]) -> Ready {
    let issuer = Issuer {
        vendor: 1,
        format: to,
    };
    let original = Original {
        format: from,
        asked: Asked {
            model: "tide",
            stream: true,
            completion: false,
        },
        body,
    };
    let target = Target {
        model: "tide-4",
        stream: true,
        traits: &Traits::default(),
    };
    let crossing = Crossing {
        from,
        to: issuer,
        memory: &Nothing,
        leave_out: false,
    };
    lower(original, &target, &crossing).unwrap()
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    let agent = bodies::agent(7, 85_000);
    for from in Format::ALL {
        let body = match from {
            Format::Anthropic => agent.clone(),
            other => convert(Format::Anthropic, other, &agent).lowered.body,
        };
        group.throughput(Throughput::Bytes(body.len() as u64));
        for to in Format::ALL {
            group.bench_function(BenchmarkId::new(from.name(), to.name()), |bench| {
                bench.iter(|| convert(from, to, black_box(&body)));
            });
        }
    }
    group.finish();
}

/// The answer, as the vocabulary tells it.
fn answer() -> Vec<Event<'static>> {
    let part = |body| Part::new(At::NOWHERE, body);
    let words = [
        " the",
        "Tide",
        " turns",
        ",",
        " at \"six\"",
        " o’clock",
        "\n\n",
    ];
    let mut events = vec![
        Event::Start(Start {
            id: "Bx0dY2mU1lqVx7rQ9sT4kEwZ".into(),
            model: "tide-4o-2024-08-06".into(),
            created: Some(1_759_436_804),
        }),
        Event::Open {
            choice: 0,
            part: part(Body::Text(Text::default())),
        },
    ];
    for n in 0..WORDS {
        events.push(Event::Delta {
            choice: 0,
            delta: Delta::Text(words[n % words.len()].into()),
        });
    }
    events.push(Event::Close { choice: 0 });
    let call = Call {
        id: "call_1".into(),
        name: "weather".into(),
        arguments: Arguments::default(),
        ..Call::default()
    };
    events.push(Event::Open {
        choice: 0,
        part: part(Body::Call(call)),
    });
    for piece in ["{\"city\":", "\"Kiel\",", "\"days\":3}"] {
        events.push(Event::Delta {
            choice: 0,
            delta: Delta::Arguments(piece.into()),
        });
    }
    events.push(Event::Close { choice: 0 });
    events.push(Event::Stop {
        choice: 0,
        stop: Stop::of(StopReason::ToolUse),
    });
    events.push(Event::Usage(Usage {
        input: Some(400),
        output: Some(410),
        ..Usage::default()
    }));
    events.push(Event::End);
    events
}

/// The answer as a vendor of the format streams it: one event a chunk.
fn stream(format: Format) -> Vec<Bytes> {
    let mut writer = codec(format).writer(Telling {
        seed: "seed".into(),
        usage: true,
        ..Telling::default()
    });
    let mut out = Vec::new();
    answer()
        .into_iter()
        .for_each(|event| writer.write(event, &mut out));
    let text = String::from_utf8(out).unwrap().replace("\r\n", "\n");
    text.split_inclusive("\n\n")
        .map(|event| Bytes::from(event.to_owned()))
        .collect()
}

fn transcode(from: Format, to: Format) -> Transcode {
    Transcode::stream(Course {
        from: Issuer {
            vendor: 1,
            format: from,
        },
        client: to,
        back: Default::default(),
        telling: Telling {
            seed: "seed".into(),
            usage: true,
            ..Telling::default()
        },
    })
}

fn run(mut transcode: Transcode, events: &[Bytes]) -> Vec<Bytes> {
    let mut out = Vec::with_capacity(events.len());
    for event in events {
        transcode.push(event.clone(), &mut out).unwrap();
    }
    transcode.finish(End::Clean, &mut out).unwrap();
    assert_eq!(transcode.progress(), Progress::Done);
    out
}

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream");
    for from in Format::ALL {
        let events = stream(from);
        group.throughput(Throughput::Elements(events.len() as u64));
        for to in Format::ALL {
            let counted = transcode(from, to);
            let count = allocation_counter::measure(|| {
                black_box(run(counted, &events));
            });
            println!(
                "{from} -> {to}: {} events, {:.2} allocations an event",
                events.len(),
                count.count_total as f64 / events.len() as f64
            );
            group.bench_function(BenchmarkId::new(from.name(), to.name()), |bench| {
                bench.iter_batched(
                    || transcode(from, to),
                    |transcode| run(transcode, black_box(&events)),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, requests, streams);
criterion_main!(benches);
