use crate::wire::counting::Counting;

/// Source: `CountTokensRequest` and `GenerateContentRequest` in the API reference. Beside `contents` alone it takes a whole
/// request, which must say its model.
pub(super) const COUNTING: Counting = Counting {
    path: (":generateContent", ":countTokens"),
    members: &[
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        "safetySettings",
        "cachedContent",
    ],
    whole: Some(["generateContentRequest", "generate_content_request"]),
    object: None,
    total: "totalTokens",
};
