//! What it costs to pass a stream on in its own format, and to watch a reply: time per event and bytes per second.
//!
//! `cargo bench --bench sse`. The streams have 50 events and the sizes of real ones; they come one event a chunk, or all in
//! one.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on has failed"
)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tidegate::ir::Format;
use tidegate::wire::relay::{End, Relay, StreamKind};
use tidegate::wire::reply::ReplyTap;

const EVENTS: usize = 50;

/// A chat stream as OpenAI sends it when usage was asked for.
fn openai_chat() -> Vec<Bytes> {
    let chunk = |choices: &str, usage: &str, noise: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-Bx0dY2mU1lqVx7rQ9sT4kEwZ\",\"object\":\"chat.completion.chunk\",\"created\":1759436804,\
             \"model\":\"tide-4o-2024-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_cbf1785567\",\
             \"choices\":[{choices}],\"usage\":{usage},\"obfuscation\":\"{noise}\"}}\n\n"
        ))
    };
    let choice = |delta: &str, finish: &str| {
        format!("{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}")
    };
    let words = [
        " the",
        "Tide",
        " turns",
        ",",
        " at \\\"six\\\"",
        " o’clock",
        "\\n\\n",
    ];
    let mut events = vec![chunk(
        &choice(
            "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}",
            "null",
        ),
        "null",
        "zLrnbP",
    )];
    for i in 0..EVENTS - 4 {
        let delta = format!("{{\"content\":\"{}\"}}", words[i % words.len()]);
        events.push(chunk(&choice(&delta, "null"), "null", &"kVd15sHw"[..i % 8]));
    }
    events.push(chunk(&choice("{}", "\"stop\""), "null", "s19T"));
    events.push(chunk(
        "",
        "{\"prompt_tokens\":417,\"completion_tokens\":44,\"total_tokens\":461}",
        "yKNAZ",
    ));
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn anthropic() -> Vec<Bytes> {
    let event = |name: &str, data: &str| {
        Bytes::from(format!(
            "event: {name}\ndata: {{\"type\":\"{name}\"{data}}}\n\n"
        ))
    };
    let words = [
        "The tide",
        " turns at \\\"six\\\"",
        ", then",
        " o’clock",
        "\\n\\n",
    ];
    let mut events = vec![
        event(
            "message_start",
            ",\"message\":{\"id\":\"msg_01W3dKMcvSKRtieRtwbG1rnM\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"tide-sonnet\",\
             \"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":2697,\"output_tokens\":1}}",
        ),
        event(
            "content_block_start",
            ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}",
        ),
    ];
    for i in 0..EVENTS - 5 {
        let text = words[i % words.len()];
        let data = format!(
            ",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}{}",
            &"          "[..i % 10]
        );
        events.push(event("content_block_delta", &data));
    }
    events.push(event("content_block_stop", ",\"index\":0"));
    events.push(event(
        "message_delta",
        ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":153}",
    ));
    events.push(event("message_stop", ""));
    events
}

fn relay(format: Format, chunks: Vec<Bytes>, out: &mut Vec<Bytes>) -> Relay {
    let mut relay = Relay::new(format, StreamKind::Conversation, true);
    for chunk in chunks {
        relay.push(chunk, out).unwrap();
        out.clear();
    }
    relay.finish(End::Clean, out).unwrap();
    relay
}

fn streams(c: &mut Criterion) {
    for (format, events) in [
        (Format::OpenaiChat, openai_chat()),
        (Format::Anthropic, anthropic()),
    ] {
        assert_eq!(events.len(), EVENTS);
        let joined = vec![Bytes::from(events.concat())];
        let bytes = joined[0].len() as u64;
        let split = joined[0].chunks(1460).map(Bytes::copy_from_slice).collect();
        for (name, chunks) in [
            ("one event a chunk", events),
            ("all in one chunk", joined),
            ("segments of 1460", split),
        ] {
            let mut group = c.benchmark_group(format!("{format}, {name}"));
            group.throughput(Throughput::ElementsAndBytes {
                elements: EVENTS as u64,
                bytes,
            });
            let mut out = Vec::with_capacity(8);
            group.bench_function("50 events", |b| {
                b.iter_batched(
                    || chunks.clone(),
                    |chunks| relay(format, black_box(chunks), &mut out),
                    BatchSize::SmallInput,
                );
            });
            group.finish();
        }
    }
}

fn replies(c: &mut Criterion) {
    let text = "The tide turns at \\\"six\\\" o’clock.\\n".repeat(300_000);
    let vector = "-0.012345678,".repeat(800_000);
    let image = "iVBORw0KGgoAAAANSUhEUgAA".repeat(400_000);
    for (name, body) in [
        (
            "text with escapes",
            format!("{{\"choices\":[{{\"message\":{{\"content\":\"{text}\"}}}}],\"usage\":{{}}}}"),
        ),
        (
            "numbers",
            format!("{{\"data\":[{{\"embedding\":[{vector}0]}}],\"usage\":{{}}}}"),
        ),
        (
            "base64",
            format!("{{\"data\":[{{\"b64_json\":\"{image}\"}}],\"usage\":{{}}}}"),
        ),
    ] {
        let mut group = c.benchmark_group("reply of 10 MB");
        group.sample_size(20);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut tap = ReplyTap::new(Format::OpenaiChat);
                body.as_bytes()
                    .chunks(16 << 10)
                    .for_each(|part| tap.push(black_box(part)));
                assert!(tap.finish().whole);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, streams, replies);
criterion_main!(benches);
