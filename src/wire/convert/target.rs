use super::loss::Losses;
use crate::ir::{Traits, Usage};

/// Where a request goes: what its writer has to know beside the request.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The vendor's name of the model.
    pub model: &'a str,
    /// Whether the vendor is asked for a stream; not always what the client asked for.
    pub stream: bool,
    pub traits: &'a Traits,
}

/// A request in a vendor's format.
#[derive(Debug, Default)]
pub struct Lowered {
    /// Below the base URL's version: `/chat/completions`, `/models/gemini-pro:generateContent`.
    pub suffix: String,
    /// What the query must have: `alt=sse`.
    pub query: Option<&'static str>,
    /// Headers that the body calls for.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub losses: Losses,
}

/// What a writer of answers has to know beside the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telling {
    /// The model's name for the client; empty: the one that the vendor says.
    pub model: String,
    /// The name that the vendor was asked by, where its answer says none.
    pub upstream: String,
    /// What ids are made from where the vendor gives none: unique to this answer, of letters and digits.
    pub seed: String,
    /// Seconds since the epoch, where the vendor does not say when the answer was made.
    pub now: u64,
    /// The client wants usage in its stream.
    pub usage: bool,
    /// What the format repeats of the request in its answers ([`Codec::echo`](crate::wire::Codec::echo)).
    pub echo: String,
    /// Gemini: the stream is one JSON array, as it is without `alt=sse`.
    pub array: bool,
    /// OpenAI: the client has asked for the completion of a prompt.
    pub completion: bool,
}

impl Telling {
    /// The id of an answer as a client of the format expects it: `prefix`, and the vendor's own id without any prefix of
    /// its format.
    pub fn id(&self, prefix: &str, vendors: &str) -> String {
        const PREFIXES: [&str; 4] = ["chatcmpl-", "resp_", "msg_", "gen-"];
        let bare = PREFIXES
            .iter()
            .find_map(|known| vendors.strip_prefix(known))
            .unwrap_or(vendors);
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let own = if !bare.is_empty() && bare.len() <= 128 && bare.bytes().all(is_plain) {
            bare
        } else {
            &self.seed
        };
        [prefix, own].concat()
    }

    /// The model's name for the client.
    pub fn model<'a>(&'a self, vendors: &'a str) -> &'a str {
        let names = [&self.model, vendors, &self.upstream];
        let named = names.into_iter().find(|name| !name.is_empty());
        named.unwrap_or_default()
    }
}

/// All output tokens, as most vendors count them: reasoning and audio included.
pub fn output_total(usage: &Usage) -> Option<u64> {
    sum(&[usage.output, usage.reasoning, usage.audio_output])
}

/// All input tokens, audio and those read from and written to caches included.
pub fn input_total(usage: &Usage) -> Option<u64> {
    sum(&[
        usage.input,
        usage.audio_input,
        usage.cache_read,
        usage.cache_write,
    ])
}

/// What is known of it; `None`: nothing.
fn sum(buckets: &[Option<u64>]) -> Option<u64> {
    let is_known = buckets.iter().any(Option::is_some);
    is_known.then(|| buckets.iter().flatten().sum())
}
