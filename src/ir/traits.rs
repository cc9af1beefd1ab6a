use super::efforts::claude_version;
use super::{Efforts, Format};

/// What a provider can do and how it wants some things said, as far as vendors of one format differ. The table of known
/// vendors (`quirks.yaml`) and what a provider's `capabilities` say over it are the configuration's.
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
    /// Chat: `video_url`, which OpenAI's own does not know.
    pub videos: bool,
    /// Images in the outcomes of tools.
    pub outcome_images: bool,
    /// `cache_control` marks.
    pub cache_control: bool,
    /// OpenAI's formats: `prompt_cache_breakpoint` on parts (from GPT-5.6 on).
    pub cache_breakpoints: bool,
    /// Marks are cut out of bodies that go on as they are: the configuration says that the vendor refuses them.
    pub cuts_cache_control: bool,
    /// Chat: the model searches the web and takes `web_search_options` (OpenAI's search models; others refuse them).
    pub web_search_options: bool,
    /// `parallel_tool_calls` (Chat).
    pub parallel_switch: bool,
    /// Chat: `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Anthropic: `thinking.type: adaptive` and `output_config.effort`, for models that no longer take a budget.
    pub adaptive_thinking: bool,
    /// Anthropic: messages of the role `system` behind a user's (from Claude Opus 4.8 on; others refuse the role).
    pub system_turns: bool,
    /// Anthropic: `max_tokens` where the client does not say it.
    pub default_max_tokens: u64,
    /// Gemini: calls without a signature get the documented placeholder (from Gemini 3 on they are checked).
    pub call_signatures: bool,
    /// Gemini: `thinkingLevel` in place of `thinkingBudget` (from Gemini 3 on).
    pub thinking_level: bool,
    /// How much reasoning the model can be asked for.
    pub efforts: Efforts,
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
            videos: false,
            outcome_images: true,
            cache_control: true,
            cache_breakpoints: false,
            cuts_cache_control: false,
            web_search_options: false,
            parallel_switch: true,
            stream_usage: true,
            adaptive_thinking: false,
            system_turns: false,
            default_max_tokens: 32_000,
            thinking_level: false,
            call_signatures: true,
            efforts: Efforts::Any,
        }
    }
}

impl Traits {
    /// What a vendor of the format can be expected to take if nothing more is known of it.
    pub fn usual(format: Format) -> Traits {
        match format {
            // Most compatible servers know less than OpenAI's own.
            Format::OpenaiChat => Traits {
                developer_role: false,
                custom_tools: false,
                cache_control: false,
                ..Traits::default()
            },
            Format::OpenaiResponses => Traits {
                cache_control: false,
                ..Traits::default()
            },
            Format::Anthropic => Traits::default(),
            Format::Gemini => Traits {
                url_images: false,
                outcome_images: false,
                cache_control: false,
                ..Traits::default()
            },
        }
    }

    /// With what the model's name tells: generations of one vendor's models differ.
    pub fn of_model(&self, model: &str) -> Traits {
        let mut traits = self.clone();
        traits.efforts = Efforts::of_model(model);
        let name = model.rsplit('/').next().unwrap_or(model);
        if let Some(rest) = name.strip_prefix("claude-") {
            traits.adaptive_thinking |= claude_version(rest) >= (4, 6);
        }
        if let Some(rest) = name.strip_prefix("gpt-") {
            let version = rest.split('-').next().unwrap_or_default();
            let mut numbers = version.split('.').map(|word| word.parse::<u32>().ok());
            let mut number = || numbers.next().flatten().unwrap_or(0);
            traits.cache_breakpoints |= (number(), number()) >= (5, 6);
            let searches = name.contains("-search-preview") || name.contains("-search-api");
            traits.web_search_options |= searches;
        }
        if let Some(rest) = name.strip_prefix("gemini-") {
            let major = rest
                .split(['.', '-'])
                .next()
                .and_then(|word| word.parse::<u32>().ok());
            if major.is_some_and(|major| major < 3) {
                traits.call_signatures = false;
            }
            if major.is_some_and(|major| major >= 3) {
                traits.thinking_level = true;
                traits.outcome_images = true;
            }
        }
        traits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_of_models_are_told_by_their_names() {
        let of = |model: &str| Traits::usual(Format::Anthropic).of_model(model);
        for (model, adaptive) in [
            ("claude-opus-4-6", true),
            ("claude-sonnet-5-5", true),
            ("anthropic/claude-opus-4-7-20260301", true),
            ("claude-sonnet-4-5-20250929", false),
            ("claude-opus-4-20250514", false),
            ("claude-3-5-sonnet-20241022", false),
            ("gpt-5", false),
        ] {
            assert_eq!(of(model).adaptive_thinking, adaptive, "{model}");
        }
        for (model, marks) in [
            ("gpt-5.6", true),
            ("openai/gpt-5.6-mini-2026-08-01", true),
            ("gpt-6", true),
            ("gpt-5.5", false),
            ("gpt-5", false),
            ("gpt-4o", false),
            ("gpt-oss-120b", false),
        ] {
            assert_eq!(of(model).cache_breakpoints, marks, "{model}");
        }
        assert!(of("gpt-4o-mini-search-preview-2025-03-11").web_search_options);
        assert!(of("gpt-5-search-api").web_search_options);
        assert!(!of("gpt-5").web_search_options);
        for (model, level) in [
            ("gemini-3-pro-preview", true),
            ("models/gemini-3.5-flash", true),
            ("gemini-2.5-pro", false),
            ("gemini-flash-latest", false),
        ] {
            assert_eq!(of(model).thinking_level, level, "{model}");
        }
    }
}
