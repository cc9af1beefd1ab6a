//! What a provider's vendor can do: usual for the format, the shipped quirks of known vendors, the provider's own word.

use super::Check;
use crate::config::file::Node;
use crate::config::report::Problem;
use crate::config::text::Text;
use crate::config::yaml;
use crate::ir::{Format, ReasoningHabit, Traits};

const QUIRKS: &str = include_str!("../quirks.yaml");

const HABITS: [(&str, ReasoningHabit); 5] = [
    ("effort", ReasoningHabit::Effort),
    ("thinking", ReasoningHabit::Thinking),
    ("enable_thinking", ReasoningHabit::EnableThinking),
    ("object", ReasoningHabit::Reasoning),
    ("unsaid", ReasoningHabit::Unsaid),
];

/// A switch of the traits, by its name in `capabilities`.
pub(super) type Switch = (&'static str, fn(&mut Traits) -> &mut bool);

pub(super) const SWITCHES: [Switch; 17] = [
    ("max_completion_tokens", |t| &mut t.max_completion_tokens),
    ("developer_role", |t| &mut t.developer_role),
    ("echo_reasoning", |t| &mut t.echo_reasoning),
    ("json_schema", |t| &mut t.json_schema),
    ("custom_tools", |t| &mut t.custom_tools),
    ("url_images", |t| &mut t.url_images),
    ("videos", |t| &mut t.videos),
    ("outcome_images", |t| &mut t.outcome_images),
    ("cache_control", |t| &mut t.cache_control),
    ("cache_breakpoints", |t| &mut t.cache_breakpoints),
    ("web_search_options", |t| &mut t.web_search_options),
    ("parallel_switch", |t| &mut t.parallel_switch),
    ("stream_usage", |t| &mut t.stream_usage),
    ("adaptive_thinking", |t| &mut t.adaptive_thinking),
    ("thinking_level", |t| &mut t.thinking_level),
    ("call_signatures", |t| &mut t.call_signatures),
    ("system_turns", |t| &mut t.system_turns),
];

/// What is known of a vendor before the configuration says more.
pub(super) fn known(host: &str, format: Format) -> Traits {
    let mut traits = Traits::usual(format);
    let (root, _) = yaml::parse(&Text::new("quirks.yaml", QUIRKS));
    let list = root.as_ref().and_then(|root| root.get("quirks"));
    let fits = |entry: &&Node| {
        let named = entry.get("host").and_then(Node::text).unwrap_or_default();
        host == named
            || host
                .strip_suffix(named)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    let entry = list.map_or(&[][..], Node::items).iter().find(fits);
    if let Some(quirks) = entry.and_then(|entry| entry.get(format.name())) {
        for entry in quirks.entries() {
            let word = entry.node.text().unwrap_or_default();
            set(&mut traits, &entry.key.text, word);
        }
    }
    traits
}

/// Whether the shipped table may say that.
fn set(traits: &mut Traits, name: &str, word: &str) -> bool {
    if name == "reasoning" {
        let habit = HABITS.iter().find(|(habit, _)| *habit == word);
        return habit.is_some_and(|(_, habit)| {
            traits.reasoning = *habit;
            true
        });
    }
    let switch = SWITCHES.iter().find(|(switch, _)| *switch == name);
    match (switch, word) {
        (Some((_, field)), "true" | "false") => {
            *field(traits) = word == "true";
            true
        }
        _ => false,
    }
}

const CHAT: Format = Format::OpenaiChat;
const RESPONSES: Format = Format::OpenaiResponses;

/// The capabilities that not every format has something to do with.
const OF_SOME: [(&str, &[Format]); 16] = [
    ("reasoning", &[CHAT]),
    ("max_completion_tokens", &[CHAT]),
    ("developer_role", &[CHAT]),
    ("echo_reasoning", &[CHAT]),
    ("videos", &[CHAT]),
    ("web_search_options", &[CHAT]),
    ("parallel_switch", &[CHAT]),
    ("stream_usage", &[CHAT]),
    ("custom_tools", &[CHAT, RESPONSES]),
    ("cache_breakpoints", &[CHAT, RESPONSES]),
    ("cache_control", &[CHAT, Format::Anthropic]),
    ("adaptive_thinking", &[Format::Anthropic]),
    ("system_turns", &[Format::Anthropic]),
    ("default_max_tokens", &[Format::Anthropic]),
    ("thinking_level", &[Format::Gemini]),
    ("call_signatures", &[Format::Gemini]),
];

impl Check<'_> {
    /// Warns of capabilities that no format of the provider has something to do with.
    pub(super) fn idle_capabilities(&mut self, said: Option<&Node>, formats: &[Format]) {
        for entry in said.map_or(&[][..], Node::entries) {
            let known = OF_SOME.iter().find(|(name, _)| *name == entry.key.text);
            let idle = known.filter(|(_, of)| !of.iter().any(|format| formats.contains(format)));
            let Some((name, of)) = idle.filter(|_| !formats.is_empty()) else {
                continue;
            };
            let names: Vec<_> = of.iter().map(|format| format!("`{format}`")).collect();
            self.push(
                Problem::warning(entry.key.span, format!("`{name}` has no effect")).label(format!(
                    "it is about {}, which this provider does not speak",
                    names.join(" and ")
                )),
            );
        }
    }

    /// The traits of one format of a provider.
    pub(super) fn traits(&mut self, said: Option<&Node>, host: &str, format: Format) -> Traits {
        let mut traits = known(host, format);
        let Some(said) = said else {
            return traits;
        };
        for (name, field) in SWITCHES {
            let usual = *field(&mut traits);
            *field(&mut traits) = self.flag(said, name, usual);
        }
        traits.cuts_cache_control = said.get("cache_control").is_some() && !traits.cache_control;
        if let Some(node) = said.get("reasoning")
            && let Some(habit) = self.choice(node, "habit", &HABITS)
        {
            traits.reasoning = habit;
        }
        if let Some(node) = said.get("default_max_tokens")
            && let Some(tokens) = self.integer(node, 1, 10_000_000)
        {
            traits.default_max_tokens = tokens;
        }
        traits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_says_only_what_there_is() {
        let (root, problems) = yaml::parse(&Text::new("quirks.yaml", QUIRKS));
        assert!(problems.is_empty(), "{problems:?}");
        let root = root.unwrap();
        let list = root.get("quirks").unwrap().items();
        assert!(list.len() > 5);
        for entry in list {
            for member in entry.entries() {
                if member.key.text == "host" {
                    continue;
                }
                let format = Format::from_name(&member.key.text).unwrap();
                for quirk in member.node.entries() {
                    let word = quirk.node.text().unwrap();
                    let mut traits = Traits::usual(format);
                    assert!(
                        set(&mut traits, &quirk.key.text, word),
                        "{} {word}",
                        quirk.key.text
                    );
                    assert_ne!(
                        traits,
                        Traits::usual(format),
                        "{} {word} is usual",
                        quirk.key.text
                    );
                }
            }
        }
    }

    #[test]
    fn a_vendor_is_known_by_its_host_and_what_is_below_it() {
        let chat = Format::OpenaiChat;
        assert!(known("api.openai.com", chat).max_completion_tokens);
        assert!(known("my.openai.azure.com", chat).custom_tools);
        assert_eq!(known("notapi.openai.com.evil", chat), Traits::usual(chat));
        assert_eq!(known("xz.ai", chat), Traits::usual(chat));
        assert_eq!(known("api.z.ai", chat).reasoning, ReasoningHabit::Thinking);
    }
}
