use crate::ir::Usage;

use super::super::convert::input_total;
use super::super::json::Writer;
use super::super::members::{count, each_item, members};

/// Reads a `usageMetadata` object. The prompt's count includes cached tokens; what tools put into the prompt, and thoughts,
/// are counted apart. Audio is told by modality.
pub(super) fn read(usage: &[u8]) -> Usage {
    let Ok([prompt, cached, tools, candidates, thoughts]) = members(
        usage,
        [
            "promptTokenCount",
            "cachedContentTokenCount",
            "toolUsePromptTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
        ],
    ) else {
        return Usage::default();
    };
    let (cached, tools) = (count(cached), count(tools));
    let cached_audio = audio(usage, "cacheTokensDetails").unwrap_or(0);
    let heard = audio(usage, "promptTokensDetails").map(|n| n.saturating_sub(cached_audio));
    let spoken = audio(usage, "candidatesTokensDetails");
    let less = |from: u64, part: Option<u64>| from.saturating_sub(part.unwrap_or(0));
    Usage {
        input: count(prompt).map(|n| less(less(n, cached), heard) + tools.unwrap_or(0)),
        cache_read: cached,
        cache_write: None,
        output: count(candidates).map(|n| less(n, spoken)),
        reasoning: count(thoughts),
        audio: match (heard, spoken) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
        },
    }
}

/// Writes `usageMetadata`, in an object that is open, if anything is known. `has_spoken`: the answer holds audio, so that
/// audio tokens, which are one bucket here, are taken for the answer's; else for the prompt's.
pub(super) fn write(writer: &mut Writer<'_>, usage: &Usage, tier: Option<&str>, has_spoken: bool) {
    if !usage.is_known() && tier.is_none() {
        return;
    }
    let audio = usage.audio.unwrap_or(0);
    let (heard, spoken) = if has_spoken { (0, audio) } else { (audio, 0) };
    let with = |tokens: Option<u64>, audio: u64| match (tokens, audio) {
        (tokens, 0) => tokens,
        (tokens, audio) => Some(tokens.unwrap_or(0) + audio),
    };
    let prompt = with(input_total(usage), heard);
    let candidates = with(usage.output, spoken);
    writer.key("usageMetadata").open_object();
    for (key, tokens) in [
        ("promptTokenCount", prompt),
        ("candidatesTokenCount", candidates),
        ("thoughtsTokenCount", usage.reasoning),
        ("cachedContentTokenCount", usage.cache_read),
    ] {
        if let Some(tokens) = tokens {
            writer.key(key).number(tokens);
        }
    }
    if usage.is_known() {
        let total = [prompt, candidates, usage.reasoning];
        let total = total.into_iter().flatten().sum();
        writer.key("totalTokenCount").number(total);
    }
    for (key, tokens) in [
        ("promptTokensDetails", heard),
        ("candidatesTokensDetails", spoken),
    ] {
        if tokens > 0 {
            writer.key(key).open_list().open_object();
            writer.key("modality").text("AUDIO");
            writer.key("tokenCount").number(tokens);
            writer.close_object().close_list();
        }
    }
    if let Some(tier) = tier {
        writer.key("serviceTier").text(tier);
    }
    writer.close_object();
}

fn audio(usage: &[u8], name: &str) -> Option<u64> {
    let [details] = members(usage, [name]).ok()?;
    let mut tokens = None;
    each_item(details?, |item| {
        if let Ok([Some(b"\"AUDIO\""), number]) = members(item, ["modality", "tokenCount"]) {
            tokens = count(number);
        }
    })
    .ok()?;
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_disjoint() {
        let usage = read(
            br#"{"promptTokenCount":100,"cachedContentTokenCount":40,"toolUsePromptTokenCount":7,
                "candidatesTokenCount":20,"thoughtsTokenCount":30,"totalTokenCount":157,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":90},{"modality":"AUDIO","tokenCount":10}],
                "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":4}]}"#,
        );
        let expected = Usage {
            input: Some(61),
            cache_read: Some(40),
            cache_write: None,
            output: Some(20),
            reasoning: Some(30),
            audio: Some(6),
        };
        assert_eq!(usage, expected);
        assert!(!read(br#"{"trafficType":"ON_DEMAND"}"#).is_known());
    }
}
