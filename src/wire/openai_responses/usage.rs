use crate::ir::Usage;

use super::super::members::{count, members};

/// Reads a `usage` object. Input and output counts include their details, so these are taken out of them.
pub(super) fn read(usage: &[u8]) -> Usage {
    let names = [
        "input_tokens",
        "output_tokens",
        "input_tokens_details",
        "output_tokens_details",
    ];
    let Ok([input, output, ins, outs]) = members(usage, names) else {
        return Usage::default();
    };
    let (input, output) = (count(input), count(output));
    let [cached, written] = details(ins, ["cached_tokens", "cache_write_tokens"]);
    let [reasoning] = details(outs, ["reasoning_tokens"]);
    let within = |part: Option<u64>, whole: Option<u64>| part.map(|n| n.min(whole.unwrap_or(n)));
    let cached = within(cached, input);
    let written = within(written, input.map(|n| n - cached.unwrap_or(0)));
    let reasoning = within(reasoning, output);
    let less = |from: u64, part: Option<u64>| from.saturating_sub(part.unwrap_or(0));
    Usage {
        input: input.map(|n| less(less(n, cached), written)),
        cache_read: cached,
        cache_write: written,
        output: output.map(|n| less(n, reasoning)),
        reasoning,
        ..Usage::default()
    }
}

fn details<const N: usize>(json: Option<&[u8]>, names: [&str; N]) -> [Option<u64>; N] {
    match json.map(|json| members(json, names)) {
        Some(Ok(found)) => found.map(count),
        _ => [None; N],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_taken_out_of_their_sums() {
        let usage = read(
            br#"{"input_tokens":100,"input_tokens_details":{"cached_tokens":60,"cache_write_tokens":10},
                "output_tokens":50,"output_tokens_details":{"reasoning_tokens":20},"total_tokens":150}"#,
        );
        let expected = Usage {
            input: Some(30),
            cache_read: Some(60),
            cache_write: Some(10),
            output: Some(30),
            reasoning: Some(20),
            ..Usage::default()
        };
        assert_eq!(usage, expected);
        assert!(!read(b"null").is_known());
    }
}
