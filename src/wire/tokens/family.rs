use super::vocabulary::Vocabulary;

/// Models that count alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// GPT-4o and later, the o-series; and every model that is not known.
    OpenAi,
    /// GPT-4, GPT-3.5.
    OldOpenAi,
    /// Up to Claude 4.6.
    Claude,
    /// Claude Opus 4.7 and what came after it.
    NewClaude,
    /// Up to Gemini 2.5.
    Gemini,
    /// From Gemini 3 on.
    NewGemini,
}

impl Family {
    pub(super) fn of(model: &str) -> Family {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.to_ascii_lowercase();
        let old = ["gpt-3.5", "gpt-35", "gpt-4-", "gpt-4:"];
        if name == "gpt-4" || old.iter().any(|prefix| name.starts_with(prefix)) {
            Family::OldOpenAi
        } else if let Some((_, rest)) = name.split_once("claude") {
            match version(rest) >= (4, 7) {
                true => Family::NewClaude,
                false => Family::Claude,
            }
        } else if let Some((_, rest)) = name.split_once("gemini") {
            match version(rest) >= (3, 0) {
                true => Family::NewGemini,
                false => Family::Gemini,
            }
        } else {
            Family::OpenAi
        }
    }

    pub(super) fn vocabulary(self) -> Vocabulary {
        match self {
            Family::OldOpenAi => Vocabulary::Cl100k,
            Family::OpenAi
            | Family::Claude
            | Family::NewClaude
            | Family::Gemini
            | Family::NewGemini => Vocabulary::O200k,
        }
    }

    /// What the family counts. Sources, and how far the counts of recorded traffic lie from what the vendors counted for it
    /// (`tests/wire_tokens.rs`: requests without media and tools of the vendor's, whose size no request tells):
    ///
    /// - OpenAI: 3 tokens a message and its role, 3 that begin the answer, tools by name, type and description (OpenAI Cookbook, "How
    ///   to count tokens with tiktoken"). Without tools within 2 tokens; with tools the median is 7 % off.
    /// - Claude: Anthropic gives no tokenizer. Texts of 200 to 2,900 tokens cost 1.14 to 1.16 times what they cost in
    ///   `o200k_base`, hence 1.15; since Opus 4.7 "approximately 30 percent more" ("Token counting" in its documentation),
    ///   hence 1.5. Tools bring a prompt of 346 tokens ("Tool use" there; recorded: 350 to 650). Within 4 % without tools.
    /// - Gemini: 1.00 times `o200k_base` at 2,165 tokens, within 2 tokens of its own `countTokens` at 12.
    pub(super) fn habits(self) -> Habits {
        let openai = Habits {
            per_mille: 1000,
            request: 3,
            turn: 4,
            call: 3,
            tools: 12,
            tool: 7,
            output: 4,
            thinking: 0,
            prose_schemas: true,
        };
        let claude = Habits {
            per_mille: 1150,
            request: 4,
            turn: 3,
            call: 4,
            tools: 346,
            tool: 20,
            output: 145,
            thinking: 28,
            prose_schemas: false,
        };
        let gemini = Habits {
            per_mille: 1000,
            request: 2,
            turn: 0,
            call: 4,
            tools: 0,
            tool: 0,
            output: 0,
            thinking: 0,
            prose_schemas: true,
        };
        match self {
            Family::OpenAi => openai,
            Family::OldOpenAi => Habits { tool: 10, ..openai },
            Family::Claude => claude,
            Family::NewClaude => Habits {
                per_mille: 1500,
                ..claude
            },
            Family::Gemini => gemini,
            Family::NewGemini => Habits {
                tool: 20,
                prose_schemas: false,
                ..gemini
            },
        }
    }
}

/// What a family counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// Tokens for a thousand of the vocabulary's.
    pub(super) per_mille: u64,
    /// Once a request.
    pub(super) request: u64,
    /// A message.
    pub(super) turn: u64,
    /// A call, and an outcome.
    pub(super) call: u64,
    /// Once, where there are tools.
    pub(super) tools: u64,
    /// A tool.
    pub(super) tool: u64,
    /// A schema of the answer.
    pub(super) output: u64,
    /// Reasoning that is asked for.
    pub(super) thinking: u64,
    /// The models see the schemas of tools in a short form, not as they are written.
    pub(super) prose_schemas: bool,
}

/// The first two numbers of a name: `-opus-4-6` is 4.6, `-3-5-sonnet-20241022` 3.5, `-2.5-pro` 2.5, `-sonnet-4-20250514` 4.0.
fn version(name: &str) -> (u32, u32) {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let mut numbers = words.skip_while(|word| word.parse::<u32>().is_err());
    let mut number = || {
        let number = numbers.next().and_then(|word| word.parse::<u32>().ok());
        number.filter(|number| *number < 1000).unwrap_or(0)
    };
    (number(), number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_their_names() {
        for (model, family) in [
            ("gpt-4o", Family::OpenAi),
            ("gpt-4.1-mini", Family::OpenAi),
            ("o3-mini", Family::OpenAi),
            ("openai/gpt-5.1", Family::OpenAi),
            ("llama-4-scout", Family::OpenAi),
            ("", Family::OpenAi),
            ("gpt-4", Family::OldOpenAi),
            ("gpt-4-turbo-2024-04-09", Family::OldOpenAi),
            ("gpt-3.5-turbo", Family::OldOpenAi),
            ("claude-3-5-sonnet-20241022", Family::Claude),
            ("claude-sonnet-4-20250514", Family::Claude),
            ("anthropic/claude-sonnet-4.6", Family::Claude),
            ("claude-opus-4-7", Family::NewClaude),
            ("claude-sonnet-5", Family::NewClaude),
            ("us.anthropic.claude-opus-4-8-v1:0", Family::NewClaude),
            ("models/gemini-2.5-flash", Family::Gemini),
            ("gemini-flash-latest", Family::Gemini),
            ("google/gemini-3-flash-preview", Family::NewGemini),
        ] {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
