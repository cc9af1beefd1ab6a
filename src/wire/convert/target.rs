use super::loss::Losses;
use crate::ir::Usage;

/// Where a request goes: what its writer has to know beside the request.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The vendor's name of the model.
    pub model: &'a str,
    /// Whether the vendor is asked for a stream; not always what the client asked for.
    pub stream: bool,
    pub traits: &'a Traits,
}

/// What a provider can do and how it wants some things said, as far as vendors of one format differ. The table of known
/// vendors is the configuration's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    /// Chat: the most tokens of an answer are called `max_completion_tokens`, not `max_tokens`.
    pub max_completion_tokens: bool,
    /// Chat: the role `developer` is known; else it is `system`.
    pub developer_role: bool,
    /// Chat: how reasoning is asked for.
    pub reasoning: ReasoningHabit,
    /// Chat: reasoning is sent back with the assistant's turn, as `reasoning_content`.
    pub echo_reasoning: bool,
    /// `json_schema` output (Chat, Responses; Anthropic's `output_config.format`).
    pub json_schema: bool,
    /// Chat: custom tools (free text).
    pub custom_tools: bool,
    /// Images by URL.
    pub url_images: bool,
    /// Images in the outcomes of tools.
    pub outcome_images: bool,
    /// `cache_control` marks.
    pub cache_control: bool,
    /// `parallel_tool_calls` (Chat).
    pub parallel_switch: bool,
    /// Chat: `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Anthropic: `thinking.type: adaptive` and `output_config.effort`, for models that no longer take a budget.
    pub adaptive_thinking: bool,
    /// Anthropic: `max_tokens` where the client does not say it.
    pub default_max_tokens: u64,
    /// Gemini: `thinkingLevel` in place of `thinkingBudget` (from Gemini 3 on).
    pub thinking_level: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningHabit {
    /// `reasoning_effort` (OpenAI, and most others).
    Effort,
    /// `thinking: {"type": "enabled" | "disabled"}` (GLM, DeepSeek, Kimi, Doubao).
    Thinking,
    /// `enable_thinking` and `thinking_budget` (Qwen).
    EnableThinking,
    /// `reasoning: {"effort", "max_tokens"}` (OpenRouter).
    Reasoning,
    /// It cannot be asked for.
    Unsaid,
}

impl Default for Traits {
    /// A vendor that does all that its format has.
    fn default() -> Traits {
        Traits {
            max_completion_tokens: false,
            developer_role: true,
            reasoning: ReasoningHabit::Effort,
            echo_reasoning: false,
            json_schema: true,
            custom_tools: true,
            url_images: true,
            outcome_images: true,
            cache_control: true,
            parallel_switch: true,
            stream_usage: true,
            adaptive_thinking: false,
            default_max_tokens: 32_000,
            thinking_level: false,
        }
    }
}

/// A request in a vendor's format.
#[derive(Debug, Default)]
pub struct Lowered {
    /// Below the base URL's version: `/chat/completions`, `/models/gemini-pro:generateContent`.
    pub suffix: String,
    /// What the query must have: `alt=sse`.
    pub query: Option<&'static str>,
    /// Headers that the body calls for.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub losses: Losses,
}

/// What a writer of answers has to know beside the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telling {
    /// The model's name for the client; empty: the one that the vendor says.
    pub model: String,
    /// What ids are made from where the vendor gives none: unique to this answer, of letters and digits.
    pub seed: String,
    /// Seconds since the epoch, where the vendor does not say when the answer was made.
    pub now: u64,
    /// The client wants usage in its stream.
    pub usage: bool,
    /// What the format repeats of the request in its answers ([`Codec::echo`](crate::wire::Codec::echo)).
    pub echo: String,
    /// Gemini: the stream is one JSON array, as it is without `alt=sse`.
    pub array: bool,
}

impl Telling {
    /// The id of an answer as a client of the format expects it: `prefix`, and the vendor's own id without any prefix of
    /// its format.
    pub fn id(&self, prefix: &str, vendors: &str) -> String {
        const PREFIXES: [&str; 4] = ["chatcmpl-", "resp_", "msg_", "gen-"];
        let bare = PREFIXES
            .iter()
            .find_map(|known| vendors.strip_prefix(known))
            .unwrap_or(vendors);
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let own = if !bare.is_empty() && bare.len() <= 128 && bare.bytes().all(is_plain) {
            bare
        } else {
            &self.seed
        };
        [prefix, own].concat()
    }

    /// The model's name for the client.
    pub fn model<'a>(&'a self, vendors: &'a str) -> &'a str {
        if self.model.is_empty() {
            vendors
        } else {
            &self.model
        }
    }
}

/// All output tokens, as most vendors count them: reasoning and audio included.
pub fn output_total(usage: &Usage) -> Option<u64> {
    match (usage.output, usage.reasoning) {
        (None, None) => None,
        (output, reasoning) => Some(output.unwrap_or(0) + reasoning.unwrap_or(0)),
    }
}

/// All input tokens, read from and written to caches included.
pub fn input_total(usage: &Usage) -> Option<u64> {
    match (usage.input, usage.cache_read, usage.cache_write) {
        (None, None, None) => None,
        (input, read, write) => Some(input.unwrap_or(0) + read.unwrap_or(0) + write.unwrap_or(0)),
    }
}
