use super::part::Part;
use super::text::{At, Json, Str};
use super::usage::Usage;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply<'a> {
    pub start: Start<'a>,
    /// By rising index; most answers have one.
    pub choices: Vec<Choice<'a>>,
    pub usage: Usage,
    /// The service tier that was used, as the vendor says it.
    pub tier: Option<Str<'a>>,
    /// What the vocabulary has no word for.
    pub unsaid: Vec<At>,
}

/// What is known of an answer when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start<'a> {
    /// The vendor's id of the answer; empty where it gives none.
    pub id: Str<'a>,
    /// The model that answers, as the vendor says it; empty where it does not.
    pub model: Str<'a>,
    /// Seconds since the epoch.
    pub created: Option<u64>,
}

/// One of the answers to a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice<'a> {
    pub index: u32,
    pub parts: Vec<Part<'a>>,
    pub stop: Option<Stop<'a>>,
    /// Log probabilities of the text's tokens, each as OpenAI writes one (`{"token":…,"logprob":…,"bytes":…,
    /// "top_logprobs":…}`).
    pub logprobs: Vec<Json<'a>>,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop<'a> {
    pub reason: StopReason,
    /// The stop sequence that was met, where the vendor says which.
    pub sequence: Option<Str<'a>>,
    /// What the vendor says beside the reason: words of a refusal, a block reason.
    pub words: Option<Str<'a>>,
}

impl Stop<'_> {
    pub const fn of(reason: StopReason) -> Stop<'static> {
        Stop {
            reason,
            sequence: None,
            words: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The model was done.
    End,
    /// A stop sequence was met.
    Sequence,
    /// `max_tokens`.
    Length,
    /// The context is full (Anthropic's `model_context_window_exceeded`).
    ContextFull,
    /// Tools are called.
    ToolUse,
    /// The model refuses (Anthropic's `refusal`).
    Refusal,
    /// A filter of the vendor's cut or blocked the answer or the prompt.
    ContentFilter,
    /// The vendor paused a long turn; asked again with this answer it goes on (Anthropic's `pause_turn`).
    Pause,
    /// The model wrote a call that cannot be read (Gemini's `MALFORMED_FUNCTION_CALL`).
    MalformedCall,
    /// Any other.
    Other,
}
