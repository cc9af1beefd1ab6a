use crate::wire::counting::Counting;

/// Source: `InputTokenCountParams` of the official SDK.
pub(super) const COUNTING: Counting = Counting {
    path: ("", "/input_tokens"),
    members: &[
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "truncation",
        "previous_response_id",
        "conversation",
    ],
    whole: None,
    object: Some("response.input_tokens"),
    total: "input_tokens",
};
