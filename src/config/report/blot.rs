//! Blotting out what must not be shown: secrets that the configuration holds in plain text.

use crate::config::text::Span;

/// How the keys of well-known vendors begin: what a line shows where no tree says what is secret.
const KEY_PREFIXES: &[&str] = &[
    "sk-", "sk_", "pk-", "rk-", "AIza", "gsk_", "xai-", "pplx-", "hf_", "r8_", "nvapi-", "ghp_",
    "tgp_", "AKIA",
];

/// Words before a colon after which a secret follows.
const SECRET_KEYS: &[&str] = &[
    "key",
    "secret",
    "token",
    "password",
    "passwd",
    "value",
    "credential",
    // Its URL.
    "database",
];

/// Which bytes of `line` (which starts at `offset` of its text) are to be blotted out.
///
/// `certain` are the spans that are known to be secret. `guess` adds what looks like one, for a line that could not be understood.
pub(super) fn blots(
    line: &str,
    offset: usize,
    certain: &[Span],
    guess: bool,
) -> Vec<(usize, usize)> {
    let end = offset + line.len();
    let mut blots: Vec<(usize, usize)> = certain
        .iter()
        .filter(|span| span.start < end && span.end > offset)
        .map(|span| {
            (
                span.start.saturating_sub(offset),
                (span.end - offset).min(line.len()),
            )
        })
        .collect();
    blots.extend(words(line).filter(|(from, to)| line.get(*from..*to).is_some_and(looks_like_key)));
    if guess {
        blots.extend(after_secret_key(line));
    }
    blots
}

/// Whether what follows a key of this name is probably a secret.
pub(in crate::config) fn names_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    SECRET_KEYS.iter().any(|word| key.contains(word))
        || key.contains("auth")
        || key.contains("cookie")
}

fn looks_like_key(word: &str) -> bool {
    word.len() >= 12 && KEY_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

fn words(line: &str) -> impl Iterator<Item = (usize, usize)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/');
    let mut at = 0;
    line.split(move |c: char| !is_word(c)).map(move |word| {
        let from = at;
        // Every separator that is not a word character is one character: find where the next word starts.
        at += word.len()
            + line
                .get(at + word.len()..)
                .and_then(|rest| rest.chars().next())
                .map_or(0, char::len_utf8);
        (from, from + word.len())
    })
}

/// Everything after `key:` and the like, unless it only refers to a secret.
fn after_secret_key(line: &str) -> Option<(usize, usize)> {
    let colon = line.find(':')?;
    let key = line.get(..colon)?;
    let value = line.get(colon + 1..)?;
    let refers = value.contains("${") || value.contains("file:");
    if refers
        || value.trim().is_empty()
        || !SECRET_KEYS
            .iter()
            .any(|word| key.to_lowercase().contains(word))
    {
        return None;
    }
    let from = colon + 1 + value.len() - value.trim_start().len();
    Some((from, line.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::Origin;

    fn blotted(line: &str, certain: &[Span], guess: bool) -> String {
        let blots = blots(line, 0, certain, guess);
        line.char_indices()
            .map(|(at, c)| {
                if blots.iter().any(|(from, to)| (*from..*to).contains(&at)) {
                    '*'
                } else {
                    c
                }
            })
            .collect()
    }

    #[test]
    fn known_spans_and_vendor_keys_are_blotted_out() {
        let span = Span::new(Origin::File, 3, 6);
        assert_eq!(blotted("a: xyz # ü", &[span], false), "a: *** # ü");
        assert_eq!(
            blotted("ü: [sk-abcdefghijkl, gpt-4o]", &[], false),
            "ü: [***************, gpt-4o]"
        );
        assert_eq!(
            blotted("model: claude-sonnet-5", &[], true),
            "model: claude-sonnet-5"
        );
    }

    #[test]
    fn what_follows_a_secret_key_is_blotted_out_in_lines_that_were_not_understood() {
        assert_eq!(
            blotted("api_key: hunter2 [", &[], true),
            "api_key: *********"
        );
        assert_eq!(blotted("keys: [ \"${A}\"", &[], true), "keys: [ \"${A}\"");
    }
}
