//! A value that must not be shown.

use std::fmt;

/// A key or password. `Debug` and `Display` mask it; only [`Secret::reveal`] gives it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `sk-…wxyz`: the first three and last four characters of a long secret, `…` of a short one.
    pub fn masked(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        let (Some(head), Some(tail)) = (
            chars.get(..3),
            chars.len().checked_sub(4).and_then(|n| chars.get(n..)),
        ) else {
            return "…".to_owned();
        };
        if chars.len() < 12 {
            return "…".to_owned();
        }
        format!(
            "{}…{}",
            head.iter().collect::<String>(),
            tail.iter().collect::<String>()
        )
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
