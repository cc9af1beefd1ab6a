//! "Did you mean": the known word that a mistyped one is closest to.

/// The closest of `known`, if it is close enough to be what was meant.
///
/// Letter case and the difference between `-` and `_` count for nothing; then at most a third of the word may differ.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Edit distance is quadratic, and nobody mistypes a word of this length.
    if word.len() > 80 {
        return None;
    }
    let folded = fold(word);
    let allowed = (folded.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| *candidate != word && candidate.len() <= 80)
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &fold(candidate)),
                candidate,
            )
        })
        .filter(|(distance, candidate)| {
            *distance <= allowed && *distance < fold(candidate).chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` or `c` ``
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_different_word_is_not() {
        let known = ["timeouts", "retry", "base_url", "relay-a"];
        assert_eq!(closest("timeout", known), Some("timeouts"));
        assert_eq!(closest("retyr", known), Some("retry"));
        assert_eq!(closest("Base-URL", known), Some("base_url"));
        assert_eq!(closest("relay_a", known), Some("relay-a"));
        assert_eq!(closest("health", known), None);
        assert_eq!(closest(&"x".repeat(5000), known), None);
    }

    #[test]
    fn a_word_is_never_suggested_for_itself() {
        assert_eq!(closest("retry", ["retry"]), None);
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
