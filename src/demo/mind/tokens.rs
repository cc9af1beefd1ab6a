use super::{Ask, Thought};

/// Letters of a word that make one piece.
const PIECE: usize = 12;

/// The smallest prefix that a vendor caches.
const CACHEABLE: u64 = 1024;

/// Tokens of a text, by the vendors' rule of thumb: four bytes each.
pub(in crate::demo) fn estimate(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// Cuts a text into pieces of about one token: a word with the space before it, long words in parts.
pub(in crate::demo) fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut letters = 0;
    for c in text.chars() {
        let starts_word = c.is_whitespace() && letters > 0;
        match pieces
            .last_mut()
            .filter(|_| !starts_word && letters < PIECE)
        {
            Some(piece) => piece.push(c),
            None => {
                pieces.push(c.to_string());
                letters = 0;
            }
        }
        letters += usize::from(!c.is_whitespace());
    }
    pieces
}

/// How a vendor's prompt cache decides what is kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::demo) enum Caching {
    /// Every prefix, in steps of 128 tokens (OpenAI).
    Automatic,
    /// What stands before the client's breakpoints (Anthropic).
    Marked,
}

/// Tokens of one exchange in disjoint buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) struct Spent {
    pub(in crate::demo) input: u64,
    pub(in crate::demo) cache_read: u64,
    pub(in crate::demo) cache_write: u64,
    pub(in crate::demo) output: u64,
    pub(in crate::demo) reasoning: u64,
}

impl Spent {
    /// Counts as if the vendor had a cache that remembers every earlier turn of this conversation: what stood before
    /// the assistant's last turn was seen before. Nothing is remembered, so that the same request costs the same.
    pub(in crate::demo) fn count(ask: &Ask, thought: &Thought, caching: Caching) -> Spent {
        let total = ask.prompt_tokens();
        let last = ask.sections.iter().rposition(|s| s.assistant).unwrap_or(0);
        let known = ask.sum(last);
        let (cache_read, cache_write) = match caching {
            Caching::Automatic if known >= CACHEABLE => (known - known % 128, 0),
            Caching::Automatic => (0, 0),
            Caching::Marked => {
                let marked = ask
                    .sections
                    .iter()
                    .rposition(|s| s.marked)
                    .map_or(0, |i| i + 1);
                let kept = Some(ask.sum(marked))
                    .filter(|n| *n >= CACHEABLE)
                    .unwrap_or(0);
                let read = known.min(kept);
                (read, kept - read)
            }
        };
        let (reasoning, output) = thought.spent();
        Spent {
            input: total - cache_read - cache_write,
            cache_read,
            cache_write,
            output,
            reasoning,
        }
    }
}

impl Ask {
    /// Tokens of the whole prompt.
    pub(in crate::demo) fn prompt_tokens(&self) -> u64 {
        self.sum(self.sections.len())
    }

    fn sum(&self, sections: usize) -> u64 {
        self.sections.iter().take(sections).map(|s| s.tokens).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Section;
    use super::*;

    #[test]
    fn pieces_put_together_are_the_text() {
        for text in [
            "",
            "a",
            " a  b ",
            "Grüße, 世界 and “quotes”",
            "supercalifragilisticexpialidocious!",
        ] {
            assert_eq!(pieces(text).concat(), text);
        }
        assert_eq!(pieces("one two  three"), ["one", " two", "  three"]);
        assert!(pieces("supercalifragilisticexpialidocious").len() > 1);
    }

    #[test]
    fn later_turns_read_what_earlier_turns_wrote() {
        let section = |tokens, marked, assistant| Section {
            tokens,
            marked,
            assistant,
        };
        let mut ask = Ask {
            sections: vec![section(2000, true, false), section(500, true, false)],
            ..Ask::default()
        };
        let first = Spent::count(&ask, &Thought::default(), Caching::Marked);
        assert_eq!(
            (first.input, first.cache_read, first.cache_write),
            (0, 0, 2500)
        );
        ask.sections.push(section(100, false, true));
        ask.sections.push(section(50, true, false));
        let second = Spent::count(&ask, &Thought::default(), Caching::Marked);
        assert_eq!(
            (second.input, second.cache_read, second.cache_write),
            (0, 2500, 150)
        );
        let automatic = Spent::count(&ask, &Thought::default(), Caching::Automatic);
        assert_eq!((automatic.input, automatic.cache_read), (2650 - 2432, 2432));
    }
}
