use std::collections::HashSet;
use std::sync::OnceLock;

use tiktoken_rs::CoreBPE;

/// OpenAI's vocabularies that are in use. (Source: `tiktoken/model.py`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// GPT-4o and later, the o-series.
    O200k,
    /// GPT-4, GPT-3.5.
    Cl100k,
}

/// The vocabularies, each read when it is needed first and kept: 46 MB of memory and 0.2 s for `o200k_base`, 24 MB and
/// 0.06 s for `cl100k_base`. Their texts are part of the binary (3.6 and 1.7 MB).
#[derive(Default)]
pub struct Tokenizers {
    o200k: OnceLock<Option<CoreBPE>>,
    cl100k: OnceLock<Option<CoreBPE>>,
}

impl Tokenizers {
    pub(super) fn has(&self, vocabulary: Vocabulary) -> bool {
        self.slot(vocabulary).get().is_some()
    }

    /// A counter that has counted nothing yet. Reads the vocabulary, if nobody has.
    pub(super) fn counter(&self, vocabulary: Vocabulary) -> Counter<'_> {
        let read = || match vocabulary {
            Vocabulary::O200k => tiktoken_rs::o200k_base().ok(),
            Vocabulary::Cl100k => tiktoken_rs::cl100k_base().ok(),
        };
        Counter {
            bpe: self.slot(vocabulary).get_or_init(read).as_ref(),
            counted: Counted::default(),
        }
    }

    fn slot(&self, vocabulary: Vocabulary) -> &OnceLock<Option<CoreBPE>> {
        match vocabulary {
            Vocabulary::O200k => &self.o200k,
            Vocabulary::Cl100k => &self.cl100k,
        }
    }
}

/// Texts are counted in windows of this size. The library's regular expressions give up on a run of more than some hundred
/// thousand blanks, and a word without end takes time n log n.
const WINDOW: usize = 32 << 10;
/// How far back from a window's end a good place to cut is looked for.
const LOOK_BACK: usize = 1 << 10;
/// So many bytes of text are counted; of what comes behind it is assumed that it is like the rest. In a release build prose
/// takes 0.03 s a megabyte, and the costliest texts (blanks, one letter, random letters) 0.15 to 0.19 s: 1.5 s at most. No
/// model takes as much as this.
const MOST_COUNTED: u64 = 8 << 20;
/// Bytes of a token where no tokenizer says: the vendors' rule of thumb.
const USUAL_BYTES: u64 = 4;

/// Counts the texts of one request.
pub(super) struct Counter<'t> {
    bpe: Option<&'t CoreBPE>,
    counted: Counted,
}

#[derive(Default)]
struct Counted {
    bytes: u64,
    tokens: u64,
}

impl Counter<'_> {
    /// The tokens of a text by itself. What looks like a special token in it is text.
    pub(super) fn text(&mut self, text: &str) -> u64 {
        let mut tokens = 0;
        let mut rest = text;
        while !rest.is_empty() {
            if self.counted.bytes >= MOST_COUNTED {
                return tokens + self.assumed(rest.len());
            }
            let (window, behind) = rest.split_at(window(rest));
            tokens += self.window(window);
            rest = behind;
        }
        tokens
    }

    fn window(&mut self, window: &str) -> u64 {
        let encoded = self.bpe.map(|bpe| bpe.encode(window, &HashSet::new()));
        let tokens = match encoded {
            Some(Ok((tokens, _))) => as_u64(tokens.len()),
            Some(Err(_)) | None => as_u64(window.len()).div_ceil(USUAL_BYTES),
        };
        self.counted.bytes += as_u64(window.len());
        self.counted.tokens += tokens;
        tokens
    }

    fn assumed(&self, bytes: usize) -> u64 {
        as_u64(bytes) * self.counted.tokens / self.counted.bytes.max(1)
    }
}

/// Where the next window of a text ends: before a blank that follows a word, which is where a token begins anyway; else
/// wherever a character ends.
fn window(text: &str) -> usize {
    if text.len() <= WINDOW {
        return text.len();
    }
    let bytes = text.as_bytes();
    let from = WINDOW - LOOK_BACK;
    let tail = bytes.get(from..WINDOW).unwrap_or_default();
    let starts_word = |pair: &[u8]| matches!(pair, [before, b' '] if !before.is_ascii_whitespace());
    match tail.windows(2).rposition(starts_word) {
        Some(at) => from + at + 1,
        None => text.floor_char_boundary(WINDOW),
    }
}

pub(super) fn as_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str, vocabulary: Vocabulary) -> u64 {
        Tokenizers::default().counter(vocabulary).text(text)
    }

    #[test]
    fn texts_cost_what_openai_says_that_they_cost() {
        // OpenAI Cookbook, "How to count tokens with tiktoken", section 5.
        for (text, cl100k, o200k) in [
            ("", 0, 0),
            ("tiktoken is great!", 6, 6),
            ("antidisestablishmentarianism", 6, 6),
            ("2 + 2 = 4", 7, 7),
            ("お誕生日おめでとう", 9, 8),
        ] {
            assert_eq!(count(text, Vocabulary::Cl100k), cl100k, "{text}");
            assert_eq!(count(text, Vocabulary::O200k), o200k, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_special_token_is_text() {
        assert!(count("<|endoftext|>", Vocabulary::O200k) > 3);
    }

    #[test]
    fn a_text_in_windows_costs_what_it_costs_as_a_whole() {
        let text = "The quick brown fox jumps over the lazy dog, twice; 世界 and “quotes”.\n"
            .repeat(2_000);
        let bpe = tiktoken_rs::o200k_base().unwrap();
        let whole = as_u64(bpe.encode_ordinary(&text).len());
        assert!(text.len() > 4 * WINDOW);
        assert_eq!(count(&text, Vocabulary::O200k), whole);
    }

    #[test]
    fn a_window_ends_where_a_character_ends() {
        for text in [
            "a".repeat(WINDOW + 5),
            "世".repeat(WINDOW),
            " ".repeat(WINDOW * 2),
        ] {
            let end = window(&text);
            assert!(text.is_char_boundary(end) && end > WINDOW / 2 && end <= WINDOW);
        }
    }

    /// No assertion about time: machines differ. What is quadratic, or gives up, would not come to an end here.
    #[test]
    fn texts_made_to_be_hard_are_counted_all_the_same() {
        let tokenizers = Tokenizers::default();
        for piece in ["a", " ", "\n", "!", "\u{a0}", "A", "x ", "\u{301}", "\0"] {
            let text = piece.repeat((1 << 20) / piece.len());
            for vocabulary in [Vocabulary::O200k, Vocabulary::Cl100k] {
                let tokens = tokenizers.counter(vocabulary).text(&text);
                assert!(tokens > 1_000, "{piece:?}: {tokens}");
            }
        }
    }

    #[test]
    fn what_is_too_long_to_be_counted_is_assumed_to_be_like_the_rest() {
        let tokenizers = Tokenizers::default();
        let mut counter = tokenizers.counter(Vocabulary::O200k);
        let text = "word ".repeat(usize::try_from(MOST_COUNTED).unwrap() / 5 * 2);
        let tokens = counter.text(&text);
        let words = as_u64(text.len()) / 5;
        assert!(tokens.abs_diff(words) < words / 100, "{tokens} of {words}");
    }
}
