use crate::ir::Usage;

use super::super::members::{count, members};

/// Reads a `usage` object. Its input counts are disjoint already; thinking is within the output. In a stream the counts are
/// cumulative and those of `message_delta` are the last word.
pub(super) fn read(usage: &[u8]) -> Usage {
    let names = [
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "output_tokens",
        "output_tokens_details",
    ];
    let Ok([input, cache_read, cache_write, output, details]) = members(usage, names) else {
        return Usage::default();
    };
    let thinking = match details.map(|json| members(json, ["thinking_tokens"])) {
        Some(Ok([thinking])) => count(thinking),
        _ => None,
    };
    let output = count(output);
    let reasoning = thinking.map(|n| n.min(output.unwrap_or(n)));
    Usage {
        input: count(input),
        cache_read: count(cache_read),
        cache_write: count(cache_write),
        output: output.map(|n| n.saturating_sub(reasoning.unwrap_or(0))),
        reasoning,
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_buckets_are_taken_as_they_are_and_thinking_out_of_the_output() {
        let usage = read(
            br#"{"input_tokens":5,"cache_creation_input_tokens":6,"cache_read_input_tokens":7,
                "cache_creation":{"ephemeral_5m_input_tokens":6},"output_tokens":30,
                "output_tokens_details":{"thinking_tokens":20},"service_tier":"standard"}"#,
        );
        let expected = Usage {
            input: Some(5),
            cache_read: Some(7),
            cache_write: Some(6),
            output: Some(10),
            reasoning: Some(20),
            ..Usage::default()
        };
        assert_eq!(usage, expected);
    }

    #[test]
    fn nulls_are_unknown() {
        let usage =
            read(br#"{"input_tokens":null,"cache_read_input_tokens":null,"output_tokens":3}"#);
        assert_eq!(
            (usage.input, usage.cache_read, usage.output),
            (None, None, Some(3))
        );
    }
}
