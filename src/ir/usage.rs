/// Tokens of one answer, in disjoint buckets: no token is in two of them. `None` = the vendor did not say.
///
/// Vendors count differently (OpenAI's `prompt_tokens` includes cached ones, Anthropic's `input_tokens` does not);
/// whoever reads a reply brings its numbers to this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Input tokens that were neither read from nor written to a prompt cache, text and images, without audio.
    pub input: Option<u64>,
    /// Input tokens read from the vendor's prompt cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to the vendor's prompt cache.
    pub cache_write: Option<u64>,
    /// Output tokens without reasoning and audio.
    pub output: Option<u64>,
    /// Output tokens spent on reasoning, where the vendor tells them apart.
    pub reasoning: Option<u64>,
    /// Audio tokens of the input that were not read from a prompt cache.
    pub audio_input: Option<u64>,
    /// Audio tokens of the output.
    pub audio_output: Option<u64>,
}

impl Usage {
    /// Whether the vendor said anything at all.
    pub fn is_known(&self) -> bool {
        *self != Usage::default()
    }

    /// All tokens that are known.
    pub fn total(&self) -> u64 {
        let buckets = [
            self.input,
            self.cache_read,
            self.cache_write,
            self.output,
            self.reasoning,
            self.audio_input,
            self.audio_output,
        ];
        buckets.into_iter().flatten().fold(0, u64::saturating_add)
    }

    /// Audio tokens of input and output.
    pub fn audio(&self) -> Option<u64> {
        match (self.audio_input, self.audio_output) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0) + output.unwrap_or(0)),
        }
    }

    /// Both together: what nobody has said stays unknown.
    pub fn plus(self, other: Usage) -> Usage {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        Usage {
            input: sum(self.input, other.input),
            cache_read: sum(self.cache_read, other.cache_read),
            cache_write: sum(self.cache_write, other.cache_write),
            output: sum(self.output, other.output),
            reasoning: sum(self.reasoning, other.reasoning),
            audio_input: sum(self.audio_input, other.audio_input),
            audio_output: sum(self.audio_output, other.audio_output),
        }
    }

    /// Takes over every field that `later` knows: vendors repeat and refine their numbers within one stream.
    pub fn merge(&mut self, later: Usage) {
        let last = |slot: &mut Option<u64>, new: Option<u64>| *slot = new.or(*slot);
        last(&mut self.input, later.input);
        last(&mut self.cache_read, later.cache_read);
        last(&mut self.cache_write, later.cache_write);
        last(&mut self.output, later.output);
        last(&mut self.reasoning, later.reasoning);
        last(&mut self.audio_input, later.audio_input);
        last(&mut self.audio_output, later.audio_output);
    }
}
