use super::Effort::{self, High, Low, Max, Medium, Minimal, None as Off, XHigh};

/// The efforts of reasoning that a model takes; its vendor refuses the others with a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Efforts {
    /// Nothing is known of the model: it is asked for what the client asks for.
    #[default]
    Any,
    /// These, from the least to the most; none: the model does not reason, and refuses to be asked.
    Only(&'static [Effort]),
}

const NONE: Efforts = Efforts::Only(&[]);

impl Efforts {
    /// What the vendors' documents and error messages say of the model, by its name.
    pub fn of_model(model: &str) -> Efforts {
        let name = model.rsplit('/').next().unwrap_or(model);
        // Fine-tuned: `ft:gpt-4o-mini-2024-07-18:org::id`.
        let name = name.strip_prefix("ft:").unwrap_or(name);
        if let Some(rest) = name.strip_prefix("gpt-") {
            return of_gpt(rest);
        }
        if let Some(rest) = name.strip_prefix("gemini-") {
            return of_gemini(rest);
        }
        if let Some(rest) = name.strip_prefix("claude-") {
            return of_claude(rest);
        }
        if name.starts_with("chatgpt-") {
            return NONE;
        }
        if name.starts_with("codex-") {
            return Efforts::Only(&[Low, Medium, High]);
        }
        let is_o = |rest: &&str| rest.starts_with(|c: char| c.is_ascii_digit());
        match name.strip_prefix('o').filter(is_o) {
            Some(rest) if rest.starts_with("1-mini") || rest.starts_with("1-preview") => NONE,
            Some(rest) if rest.contains("deep-research") => Efforts::Only(&[Medium]),
            Some(_) => Efforts::Only(&[Low, Medium, High]),
            None => Efforts::Any,
        }
    }

    /// Whether the model does not reason.
    pub fn is_none(self) -> bool {
        self == NONE
    }

    pub fn takes(self, effort: Effort) -> bool {
        match self {
            Efforts::Any => true,
            Efforts::Only(list) => list.contains(&effort),
        }
    }

    /// The effort itself or the next above it that the model takes, but above `high` the next below it: the dearest are
    /// not come to by rounding. `None`: the model does not reason.
    pub fn nearest(self, wanted: Effort) -> Option<Effort> {
        let list = match self {
            Efforts::Any => return Some(wanted),
            Efforts::Only(list) => list,
        };
        if wanted == Off {
            return list.first().copied();
        }
        let mut above = list.iter().filter(|taken| **taken >= wanted);
        let below = list
            .iter()
            .rev()
            .find(|taken| **taken <= wanted && **taken != Off);
        let above = above.next();
        let nearest = if wanted > High {
            below.or(above)
        } else {
            above.or(below)
        };
        nearest.copied()
    }
}

/// `none` is taken from 5.1 on, in place of `minimal`; `xhigh` from 5.2 on and by `gpt-5.1-codex-max`; `max` from 5.6 on.
fn of_gpt(rest: &str) -> Efforts {
    if rest.starts_with("oss") {
        return Efforts::Only(&[Low, Medium, High]);
    }
    let has = |word| rest.split('-').any(|part| part == word);
    let Some(version) = version(rest) else {
        return Efforts::Any;
    };
    if version < (5, 0) || has("search") || version == (5, 0) && has("chat") {
        return NONE;
    }
    Efforts::Only(if has("chat") {
        &[Medium]
    } else if has("codex") {
        match version {
            (5, 1) if has("max") => &[Low, Medium, High, XHigh],
            version if version >= (5, 6) => &[Low, Medium, High, XHigh, Max],
            version if version >= (5, 2) => &[Low, Medium, High, XHigh],
            _ => &[Low, Medium, High],
        }
    } else if has("pro") {
        match version {
            version if version >= (5, 2) => &[Medium, High, XHigh],
            _ => &[High],
        }
    } else {
        match version {
            (5, 0) => &[Minimal, Low, Medium, High],
            (5, 1) => &[Off, Low, Medium, High],
            version if version >= (5, 6) => &[Off, Low, Medium, High, XHigh, Max],
            _ => &[Off, Low, Medium, High, XHigh],
        }
    })
}

/// Budgets before 3, of which 0 is refused by Pro; levels from then on, of which not all are taken.
fn of_gemini(rest: &str) -> Efforts {
    let Some(version) = version(rest) else {
        return Efforts::Any;
    };
    let is_pro = rest.split('-').any(|part| part == "pro");
    Efforts::Only(match version {
        version if version < (2, 5) => &[],
        version if version < (3, 0) && is_pro => &[Minimal, Low, Medium, High],
        version if version < (3, 0) => &[Off, Minimal, Low, Medium, High],
        (3, 0) if is_pro => &[Low, High],
        version if is_pro || version >= (3, 7) => &[Low, Medium, High],
        _ => &[Minimal, Low, Medium, High],
    })
}

/// Thinking came with 3.7, `output_config.effort` of these words with 4.6, `xhigh` with 4.7.
fn of_claude(rest: &str) -> Efforts {
    match claude_version(rest) {
        (0, 0) => Efforts::Any,
        version if version < (3, 7) => NONE,
        version if version < (4, 6) => Efforts::Any,
        version if version < (4, 7) => Efforts::Only(&[Off, Low, Medium, High, Max]),
        _ => Efforts::Only(&[Off, Low, Medium, High, XHigh, Max]),
    }
}

/// `opus-4-6`, `sonnet-5`; the older ones are `3-5-sonnet`. Zeros: no version is said.
pub(super) fn claude_version(rest: &str) -> (u32, u32) {
    let words = rest.split(['-', '@']);
    let mut numbers = words.skip_while(|word| word.parse::<u32>().is_err());
    let mut number = || numbers.next().and_then(|word| word.parse::<u32>().ok());
    let is_date = |n: &u32| *n > 1000;
    (
        number().unwrap_or(0),
        number().filter(|n| !is_date(n)).unwrap_or(0),
    )
}

/// `5.2-codex`, `4o-mini`, `3-pro-preview`.
fn version(rest: &str) -> Option<(u32, u32)> {
    let word = rest.split('-').next().unwrap_or_default();
    let mut numbers = word.split('.').map(|number| {
        let digits = number.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse::<u32>().ok())
    });
    let major = numbers.next().flatten()?;
    Some((major, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_asked_for_the_nearest_effort_that_it_takes() {
        let all = [Off, Minimal, Low, Medium, High, XHigh, Max];
        for (models, expected) in [
            (
                &["gpt-5", "openai/gpt-5-mini-2025-08-07"][..],
                [Minimal, Minimal, Low, Medium, High, High, High],
            ),
            (
                &["o3", "o4-mini", "o1", "gpt-5-codex", "gpt-oss-120b"],
                [Low, Low, Low, Medium, High, High, High],
            ),
            (
                &["gpt-5.1", "gpt-5.1-2025-11-13"],
                [Off, Low, Low, Medium, High, High, High],
            ),
            (
                &["gpt-5.2", "gpt-5.4-mini"],
                [Off, Low, Low, Medium, High, XHigh, XHigh],
            ),
            (
                &["gpt-5.6-terra", "gpt-6-luna"],
                [Off, Low, Low, Medium, High, XHigh, Max],
            ),
            (
                &["gpt-5.1-codex-max", "gpt-5.3-codex"],
                [Low, Low, Low, Medium, High, XHigh, XHigh],
            ),
            (&["gpt-5-pro"], [High; 7]),
            (&["gpt-5.2-chat-latest"], [Medium; 7]),
            (
                &["gemini-3-pro-preview"],
                [Low, Low, Low, High, High, High, High],
            ),
            (
                &["models/gemini-3.1-pro-preview", "gemini-3.7-flash"],
                [Low, Low, Low, Medium, High, High, High],
            ),
            (
                &["gemini-3-flash-preview", "gemini-3.5-flash"],
                [Minimal, Minimal, Low, Medium, High, High, High],
            ),
            (
                &["claude-opus-4-6", "claude-sonnet-4-6@20260101"],
                [Off, Low, Low, Medium, High, High, Max],
            ),
            (
                &["claude-opus-4-7", "claude-sonnet-5-5"],
                [Off, Low, Low, Medium, High, XHigh, Max],
            ),
            (&["qwen3-max", "glm-4.6", "my-gpt", "orca", "o"], all),
        ] {
            for model in models {
                let efforts = Efforts::of_model(model);
                let nearest = all.map(|effort| efforts.nearest(effort).unwrap());
                assert_eq!(nearest, expected, "{model}");
            }
        }
    }

    #[test]
    fn models_that_do_not_reason_are_known() {
        for model in [
            "gpt-4o",
            "openai/gpt-4.1-mini",
            "gpt-4-turbo",
            "gpt-3.5-turbo",
            "gpt-4.5-preview",
            "ft:gpt-4o-mini-2024-07-18:org::id",
            "chatgpt-4o-latest",
            "gpt-5-chat-latest",
            "gpt-5-search-api",
            "o1-mini",
            "claude-3-5-sonnet-20241022",
            "claude-3-haiku-20240307",
            "gemini-2.0-flash",
        ] {
            assert!(Efforts::of_model(model).is_none(), "{model}");
            assert_eq!(Efforts::of_model(model).nearest(High), None);
        }
        assert!(!Efforts::of_model("claude-3-7-sonnet-20250219").is_none());
    }
}
