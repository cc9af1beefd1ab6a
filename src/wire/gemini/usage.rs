use crate::ir::Usage;

use super::super::convert::input_total;
use super::super::json::{Value, Writer};
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
    let counts = Counts {
        prompt: count(prompt),
        cached: count(cached),
        tools: count(tools),
        candidates: count(candidates),
        thoughts: count(thoughts),
        heard: audio(usage, "promptTokensDetails"),
        heard_cached: audio(usage, "cacheTokensDetails"),
        spoken: audio(usage, "candidatesTokensDetails"),
    };
    counts.usage()
}

/// Reads a `usageMetadata` object of a document that is read already.
pub(super) fn of(usage: Value<'_, '_>) -> Usage {
    let mut counts = Counts::default();
    for (key, value) in usage.members() {
        match &*key {
            "promptTokenCount" => counts.prompt = value.count(),
            "cachedContentTokenCount" => counts.cached = value.count(),
            "toolUsePromptTokenCount" => counts.tools = value.count(),
            "candidatesTokenCount" => counts.candidates = value.count(),
            "thoughtsTokenCount" => counts.thoughts = value.count(),
            "promptTokensDetails" => counts.heard = audio_of(value),
            "cacheTokensDetails" => counts.heard_cached = audio_of(value),
            "candidatesTokensDetails" => counts.spoken = audio_of(value),
            _ => {}
        }
    }
    counts.usage()
}

/// What Gemini counts, where some counts include others.
#[derive(Debug, Default)]
struct Counts {
    prompt: Option<u64>,
    cached: Option<u64>,
    tools: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    /// Audio in the prompt, in what was cached of it, and in the answer.
    heard: Option<u64>,
    heard_cached: Option<u64>,
    spoken: Option<u64>,
}

impl Counts {
    fn usage(&self) -> Usage {
        let less = |from: u64, part: Option<u64>| from.saturating_sub(part.unwrap_or(0));
        let heard = self.heard.map(|heard| less(heard, self.heard_cached));
        let input = self
            .prompt
            .map(|prompt| less(less(prompt, self.cached), heard) + self.tools.unwrap_or(0));
        Usage {
            input,
            cache_read: self.cached,
            cache_write: None,
            output: self.candidates.map(|tokens| less(tokens, self.spoken)),
            reasoning: self.thoughts,
            audio_input: heard,
            audio_output: self.spoken,
        }
    }
}

fn audio_of(details: Value<'_, '_>) -> Option<u64> {
    let is_audio =
        |item: &Value<'_, '_>| item.member_text("modality").is_some_and(|m| m == "AUDIO");
    details
        .items()
        .find(is_audio)?
        .member("tokenCount")?
        .count()
}

/// Writes `usageMetadata`, in an object that is open, if anything is known.
pub(super) fn write(writer: &mut Writer<'_>, usage: &Usage, tier: Option<&str>) {
    if !usage.is_known() && tier.is_none() {
        return;
    }
    let prompt = input_total(usage);
    let candidates = match (usage.output, usage.audio_output) {
        (None, spoken) => spoken,
        (output, spoken) => output.map(|tokens| tokens + spoken.unwrap_or(0)),
    };
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
        ("promptTokensDetails", usage.audio_input),
        ("candidatesTokensDetails", usage.audio_output),
    ] {
        if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
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
    use crate::wire::json::Document;

    #[test]
    fn buckets_are_disjoint() {
        let text =
            br#"{"promptTokenCount":100,"cachedContentTokenCount":40,"toolUsePromptTokenCount":7,
                "candidatesTokenCount":20,"thoughtsTokenCount":30,"totalTokenCount":157,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":90},{"modality":"AUDIO","tokenCount":10}],
                "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":4}],
                "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":3}]}"#;
        let expected = Usage {
            input: Some(61),
            cache_read: Some(40),
            cache_write: None,
            output: Some(17),
            reasoning: Some(30),
            audio_input: Some(6),
            audio_output: Some(3),
        };
        assert_eq!(read(text), expected);
        assert_eq!(of(Document::default().read(text).unwrap()), expected);
        assert!(!read(br#"{"trafficType":"ON_DEMAND"}"#).is_known());
    }
}
