use crate::ir::Usage;
use crate::wire::convert::{input_total, output_total};
use crate::wire::json::Writer;

use super::super::members::{count, members};

/// Writes a `usage` object. The three sums are always there, and what OpenAI's clients look for within them.
pub(super) fn write(usage: &Usage, writer: &mut Writer<'_>) {
    let prompt = input_total(usage).unwrap_or(0);
    let completion = output_total(usage).unwrap_or(0);
    writer.open_object().key("prompt_tokens").number(prompt);
    writer.key("completion_tokens").number(completion);
    writer.key("total_tokens").number(prompt + completion);
    let ins = writer.key("prompt_tokens_details").open_object();
    ins.key("cached_tokens")
        .number(usage.cache_read.unwrap_or(0));
    if let Some(written) = usage.cache_write {
        ins.key("cache_write_tokens").number(written);
    }
    ins.key("audio_tokens")
        .number(usage.audio_input.unwrap_or(0));
    let outs = ins
        .close_object()
        .key("completion_tokens_details")
        .open_object();
    outs.key("reasoning_tokens")
        .number(usage.reasoning.unwrap_or(0));
    outs.key("audio_tokens")
        .number(usage.audio_output.unwrap_or(0));
    outs.close_object().close_object();
}

/// Reads a `usage` object. Prompt and completion counts include their details, so these are taken out of them.
///
/// Vendors put the cached tokens in five places; images and transcriptions call the counts `input_tokens` and
/// `output_tokens`; xAI leaves reasoning out of the completion, which only the total gives away.
pub(super) fn read(usage: &[u8]) -> Usage {
    let names = [
        "prompt_tokens",
        "input_tokens",
        "completion_tokens",
        "output_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "input_tokens_details",
        "completion_tokens_details",
        "output_tokens_details",
        // DeepSeek, Moonshot, Mistral, and relays in front of Anthropic say the cached tokens beside the prompt's.
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "num_cached_tokens",
        "cache_read_input_tokens",
    ];
    let Ok(found) = members(usage, names) else {
        return Usage::default();
    };
    let [
        prompt,
        input,
        completion,
        output,
        total,
        ins,
        ins2,
        outs,
        outs2,
        beside @ ..,
    ] = found;
    let prompt = count(prompt).or(count(input));
    let completion = count(completion).or(count(output));
    let ins = ins.or(ins2).map(Details::read).unwrap_or_default();
    let outs = outs.or(outs2).map(Details::read).unwrap_or_default();
    let within = |part: Option<u64>, whole: Option<u64>| part.map(|n| n.min(whole.unwrap_or(n)));
    let cached_beside = || beside.into_iter().find_map(count);
    let cached = within(ins.cached.or_else(cached_beside), prompt);
    // OpenRouter may tell the same tokens as read and as written.
    let written = within(ins.cache_write, prompt.map(|n| n - cached.unwrap_or(0)));

    let apart = match (count(total), prompt, completion, outs.reasoning) {
        (Some(total), Some(p), Some(c), Some(r)) => r > 0 && total == p + c + r,
        _ => false,
    };
    let reasoning = if apart {
        outs.reasoning
    } else {
        within(outs.reasoning, completion)
    };
    let included = reasoning.filter(|_| !apart);
    let less = |from: u64, parts: &[Option<u64>]| {
        parts
            .iter()
            .flatten()
            .fold(from, |n, part| n.saturating_sub(*part))
    };
    Usage {
        input: prompt.map(|n| less(n, &[cached, written, ins.audio])),
        cache_read: cached,
        cache_write: written,
        output: completion.map(|n| less(n, &[included, outs.audio])),
        reasoning,
        audio_input: ins.audio,
        audio_output: outs.audio,
    }
}

#[derive(Default)]
struct Details {
    cached: Option<u64>,
    cache_write: Option<u64>,
    audio: Option<u64>,
    reasoning: Option<u64>,
}

impl Details {
    fn read(details: &[u8]) -> Details {
        let names = [
            "cached_tokens",
            "cache_write_tokens",
            "audio_tokens",
            "reasoning_tokens",
        ];
        let Ok([cached, cache_write, audio, reasoning]) = members(details, names) else {
            return Details::default();
        };
        Details {
            cached: count(cached),
            cache_write: count(cache_write),
            audio: count(audio),
            reasoning: count(reasoning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(usage: &str) -> [Option<u64>; 6] {
        let usage = read(usage.as_bytes());
        [
            usage.input,
            usage.cache_read,
            usage.cache_write,
            usage.output,
            usage.reasoning,
            usage.audio(),
        ]
    }

    #[test]
    fn details_are_taken_out_of_their_sums() {
        let usage = r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10,"audio_tokens":5},
            "completion_tokens_details":{"reasoning_tokens":20,"audio_tokens":7,"accepted_prediction_tokens":0}}"#;
        assert_eq!(
            buckets(usage),
            [Some(25), Some(60), Some(10), Some(23), Some(20), Some(12)]
        );
    }

    #[test]
    fn what_the_vendor_does_not_say_stays_unknown() {
        let usage = r#"{"prompt_tokens":100,"total_tokens":100}"#;
        assert_eq!(buckets(usage), [Some(100), None, None, None, None, None]);
        assert!(!read(b"null").is_known());
        assert!(!read(b"{\"prompt_tokens\":null}").is_known());
    }

    #[test]
    fn cached_tokens_are_found_where_vendors_put_them() {
        for name in [
            "prompt_cache_hit_tokens",
            "cached_tokens",
            "num_cached_tokens",
        ] {
            let usage = format!(r#"{{"prompt_tokens":10,"completion_tokens":1,"{name}":4}}"#);
            assert_eq!(
                buckets(&usage),
                [Some(6), Some(4), None, Some(1), None, None]
            );
        }
    }

    #[test]
    fn reasoning_beside_the_completion_is_not_taken_out_of_it() {
        let usage = r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":315,"completion_tokens_details":{"reasoning_tokens":300}}"#;
        assert_eq!(
            buckets(usage),
            [Some(10), None, None, Some(5), Some(300), None]
        );
    }

    #[test]
    fn reasoning_is_never_more_than_the_completion_that_includes_it() {
        let usage = r#"{"prompt_tokens":43,"completion_tokens":10,"total_tokens":53,"completion_tokens_details":{"reasoning_tokens":11}}"#;
        assert_eq!(
            buckets(usage),
            [Some(43), None, None, Some(0), Some(10), None]
        );
    }

    #[test]
    fn a_token_is_not_read_from_and_written_to_the_cache_at_once() {
        let usage = r#"{"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":90,"cache_write_tokens":90}}"#;
        assert_eq!(
            buckets(usage),
            [Some(0), Some(90), Some(10), None, None, None]
        );
        assert_eq!(
            buckets(r#"{"prompt_tokens":5,"cached_tokens":9}"#)[..2],
            [Some(0), Some(5)]
        );
    }

    #[test]
    fn other_paths_call_the_counts_input_and_output() {
        let usage = read(br#"{"input_tokens":9,"output_tokens":4,"total_tokens":13}"#);
        assert_eq!((usage.input, usage.output), (Some(9), Some(4)));
    }
}
