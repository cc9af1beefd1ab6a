use crate::wire::counting::Counting;

/// Source: `MessageCountTokensParams` of the official SDK. It refuses `max_tokens` and `stream`.
pub(super) const COUNTING: Counting = Counting {
    path: ("", "/count_tokens"),
    members: &[
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
    ],
    whole: None,
    object: None,
    total: "input_tokens",
};
