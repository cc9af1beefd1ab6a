//! The scan and the splices over the bodies that clients send, beside what else could do a part of the work:
//! a walk that jumps from quote to quote by memchr (it only checks the nesting), and serde_json skipping everything.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on has failed"
)]
#![allow(unreachable_pub, reason = "a benchmark has no door")]

#[path = "bodies.rs"]
mod bodies;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::de::IgnoredAny;
use tidegate::ir::Format;
use tidegate::wire::same::{Edits, splice};
use tidegate::wire::scan::{Subject, scan};

const ANTHROPIC: Subject = Subject::Format(Format::Anthropic);
const CHAT: Subject = Subject::Format(Format::OpenaiChat);

fn shapes() -> Vec<(&'static str, Vec<u8>, Subject)> {
    let large = bodies::agent(7, 1_000_000);
    let pretty = bodies::pretty(&large);
    vec![
        ("2kb", bodies::small(), CHAT),
        ("85kb_agent", bodies::agent(7, 85_000), ANTHROPIC),
        ("1mb_agent", large, ANTHROPIC),
        ("1mb_agent_pretty", pretty, ANTHROPIC),
        ("1mb_image", bodies::image(), CHAT),
    ]
}

fn scanning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    for (name, body, subject) in shapes() {
        group.throughput(Throughput::Bytes(body.len() as u64));
        assert_eq!(
            scan(&body, subject).unwrap().messages > 0,
            nests_well(&body)
        );
        group.bench_function(BenchmarkId::new("tidegate", name), |bench| {
            bench.iter(|| scan(black_box(&body), subject))
        });
        group.bench_function(BenchmarkId::new("memchr_nesting", name), |bench| {
            bench.iter(|| nests_well(black_box(&body)))
        });
        group.bench_function(BenchmarkId::new("serde_json_ignored", name), |bench| {
            bench.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&body)));
        });
    }
    // One body again and again teaches the branch predictor its every turn; of many in turn it learns less.
    let many: Vec<Vec<u8>> = (0..64).map(|seed| bodies::agent(seed, 85_000)).collect();
    let len = many.iter().map(Vec::len).sum::<usize>() / many.len();
    group.throughput(Throughput::Bytes(len as u64));
    let mut turn = many.iter().cycle();
    group.bench_function(
        BenchmarkId::new("tidegate", "85kb_agent_64_in_turn"),
        |bench| {
            bench.iter(|| turn.next().map(|body| scan(black_box(body), ANTHROPIC)));
        },
    );
    group.finish();
}

fn splicing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("splice");
    let edits = Edits {
        model: Some("a-name-at-the-vendor"),
        include_usage: true,
    };
    for (name, body, subject) in shapes() {
        let body = Bytes::from(body);
        let scan = scan(&body, subject).unwrap();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bench| {
            bench.iter(|| splice(black_box(&body), &scan, edits))
        });
    }
    group.finish();
}

/// The rival: brackets one by one, strings by jumps to the next quote or backslash.
fn nests_well(body: &[u8]) -> bool {
    let (mut at, mut stack) = (0, Vec::with_capacity(64));
    while let Some(byte) = body.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => stack.push(byte + 2),
            b'}' | b']' if stack.pop() != Some(*byte) => return false,
            b'"' => loop {
                let Some(found) = memchr::memchr2(b'"', b'\\', &body[at..]) else {
                    return false;
                };
                let quote = body[at + found] == b'"';
                at += found + if quote { 1 } else { 2 };
                if quote {
                    break;
                }
            },
            _ => {}
        }
    }
    stack.is_empty()
}

criterion_group!(benches, scanning, splicing);
criterion_main!(benches);
