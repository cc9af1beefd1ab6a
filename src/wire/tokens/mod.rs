//! How many tokens a request has, where no vendor is asked: counted here.
//!
//! Owns the tokenizers ([`Tokenizers`], of tiktoken-rs), what each family of models counts beside the texts (`family`), and
//! the way through a request (`measure`): texts, calls and their outcomes, tools and schemas, pictures and documents
//! (`media`). Of OpenAI's models the texts are counted exactly; of all others the count is an estimate, whose figures
//! stand in `family` and are held against recorded traffic by `tests/wire_tokens.rs`.
//!
//! Never does: asking a vendor (`wire::counting` says how that is done), waiting, threads. It takes time in proportion to the
//! text, at most a second or two: whoever must not wait so long calls it elsewhere. Reading a vocabulary takes a fifth of a
//! second, once.
//!
//! Start with [`Tokenizers::count`].

mod family;
mod measure;
mod media;
mod schema;
mod vocabulary;

pub use vocabulary::Tokenizers;

use crate::ir::Request;
use family::Family;
use measure::Measure;

impl Tokenizers {
    /// The tokens of the whole input, as the vendor of `model` would count them; exact for nobody, near for most.
    pub fn count(&self, request: &Request<'_>, model: &str) -> u64 {
        let family = Family::of(model);
        Measure::new(self.counter(family.vocabulary()), family).request(request)
    }

    /// Whether [`count`](Tokenizers::count) can begin at once for this model; else it reads the vocabulary first.
    pub fn is_ready_for(&self, model: &str) -> bool {
        self.has(Family::of(model).vocabulary())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Format;
    use crate::wire::json::Document;
    use crate::wire::{Asked, codec};

    fn count(format: Format, model: &str, body: &serde_json::Value) -> u64 {
        let text = body.to_string();
        let mut document = Document::default();
        let root = document.read(text.as_bytes()).unwrap();
        let asked = Asked {
            model,
            ..Asked::default()
        };
        let request = codec(format).read_request(asked, root).unwrap();
        Tokenizers::default().count(&request, model)
    }

    #[test]
    fn a_conversation_costs_what_openai_says_that_it_costs() {
        // OpenAI Cookbook, "How to count tokens with tiktoken", section 6.
        let said = |name: &str, text: &str| serde_json::json!({ "role": "system", "name": name, "content": text });
        let body = serde_json::json!({ "messages": [
            { "role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English." },
            said("example_user", "New synergies will help drive top-line growth."),
            said("example_assistant", "Things working well together will increase revenue."),
            said("example_user", "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."),
            said("example_assistant", "Let's talk later when we're less busy about how to do better."),
            { "role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable." },
        ] });
        assert_eq!(count(Format::OpenaiChat, "gpt-4o", &body), 124);
        assert_eq!(count(Format::OpenaiChat, "gpt-4", &body), 129);
    }

    #[test]
    fn tools_cost_what_openai_says_that_they_cost() {
        // The same, section 7.
        let unit = serde_json::json!({ "type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"] });
        let place = serde_json::json!({ "type": "string", "description": "The city and state, e.g. San Francisco, CA" });
        let schema = serde_json::json!({ "type": "object", "properties": { "location": place, "unit": unit }, "required": ["location"] });
        let tool = serde_json::json!({ "type": "function", "function": { "name": "get_current_weather", "description": "Get the current weather in a given location", "parameters": schema } });
        let body = serde_json::json!({ "tools": [tool], "messages": [
            { "role": "system", "content": "You are a helpful assistant that can answer to questions about the weather." },
            { "role": "user", "content": "What's the weather like in San Francisco?" },
        ] });
        assert_eq!(count(Format::OpenaiChat, "gpt-4o", &body), 101);
        assert_eq!(count(Format::OpenaiChat, "gpt-4", &body), 105);
    }

    #[test]
    fn the_same_conversation_costs_the_same_in_every_format() {
        let text = "The quick brown fox jumps over the lazy dog.";
        let turn = serde_json::json!({ "role": "user", "content": text });
        let rows = [
            (
                Format::OpenaiChat,
                serde_json::json!({ "messages": [turn] }),
            ),
            (
                Format::OpenaiResponses,
                serde_json::json!({ "input": text }),
            ),
            (Format::Anthropic, serde_json::json!({ "messages": [turn] })),
            (
                Format::Gemini,
                serde_json::json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] }),
            ),
        ];
        for (format, body) in rows {
            assert_eq!(count(format, "gpt-4o", &body), 17, "{format}");
        }
    }

    #[test]
    fn what_was_thought_in_turns_that_are_over_costs_nothing() {
        let thinking = serde_json::json!({ "type": "thinking", "thinking": "hm ".repeat(500), "signature": "s" });
        let body = |last: &str| {
            serde_json::json!({ "messages": [
                { "role": "user", "content": "hello" },
                { "role": "assistant", "content": [thinking, { "type": "tool_use", "id": "c", "name": "f", "input": {} }] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c", "content": "x" }] },
                { "role": "assistant", "content": "yes" },
                { "role": last, "content": "and?" },
            ] })
        };
        let of = |last: &str| count(Format::Anthropic, "claude-sonnet-4-5", &body(last));
        assert!(of("user") < 100, "{}", of("user"));
        assert!(of("assistant") > 500, "{}", of("assistant"));
    }

    #[test]
    fn a_tokenizer_is_ready_once_it_has_counted() {
        let tokenizers = Tokenizers::default();
        assert!(!tokenizers.is_ready_for("gpt-4o"));
        tokenizers.count(&Request::default(), "gpt-4o");
        assert!(tokenizers.is_ready_for("claude-opus-4") && !tokenizers.is_ready_for("gpt-4"));
    }
}
