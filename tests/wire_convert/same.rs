//! Words that mean the same to a target: changed into each other, they change nothing, and nothing is lost.

use serde_json::Value;
use tidegate::ir::Format;

/// Words that mean the same to that target: the path's end, and the words.
pub(crate) struct Same {
    to: &'static [Format],
    end: &'static str,
    words: &'static [&'static str],
    /// What must not be in the upstream request for it to be so; empty: it always is.
    without: &'static str,
    /// Why it is so.
    #[expect(dead_code, reason = "it is for whoever reads the list")]
    why: &'static str,
}

pub(crate) const SAME: &[Same] = &[
    Same {
        to: &[Format::Anthropic, Format::Gemini],
        end: "role",
        words: &["system", "developer"],
        without: "",
        why: "they know one kind of instructions",
    },
    Same {
        to: &[Format::Gemini],
        end: "effort",
        words: &["high", "xhigh", "max"],
        without: "",
        why: "its highest budget is that of `high`",
    },
    Same {
        to: &[Format::Anthropic, Format::Gemini],
        end: "strict",
        words: &["true", "false"],
        without: "",
        why: "an answer by a schema always keeps to it",
    },
    Same {
        to: &[
            Format::OpenaiChat,
            Format::OpenaiResponses,
            Format::Anthropic,
        ],
        end: "fileData.mimeType",
        words: &["image/png", "image/jpeg", "image/webp"],
        without: "",
        why: "an image by its address says itself what it is",
    },
    Same {
        to: &[Format::OpenaiResponses, Format::Anthropic, Format::Gemini],
        end: "tool_choice",
        words: &["any", "required"],
        without: "",
        why: "Mistral calls it so",
    },
    Same {
        to: &[Format::Anthropic],
        end: "tool_calls[].index",
        words: &["0", "1"],
        without: "",
        why: "where a call stands in its list is told by its place",
    },
    Same {
        to: &[Format::Gemini],
        end: "tool_choice",
        words: &["auto", "none"],
        without: "\"tools\"",
        why: "no tool is left to choose, which is told",
    },
];

/// The place of what says that both mean the same.
pub(crate) fn same(
    to: Format,
    upstream: &str,
    shape: &str,
    (was, new): (&Value, &Value),
) -> Option<usize> {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (was, new) = (word(was), word(new));
    let shape = shape.replace("file_data.mime_type", "fileData.mimeType");
    SAME.iter().position(|same| {
        let has = |word: &String| same.words.contains(&word.as_str());
        let is_so = same.without.is_empty() || !upstream.contains(same.without);
        same.to.contains(&to) && shape.ends_with(same.end) && has(&was) && has(&new) && is_so
    })
}
