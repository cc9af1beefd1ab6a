//! The tables, as the README has them.

use std::fmt::Write as _;

use tidegate::ir::{Effort, Format, ReasoningHabit, Traits};
use tidegate::wire::convert::effort::{budget_of, effort_name, level_of};

use super::convert::{self, Fate};
use super::features::{Feature, Kind};

/// Capabilities with which a vendor may be told more, as the configuration spells them.
fn capabilities(usual: &Traits) -> Vec<(&'static str, Traits)> {
    let with = |change: fn(&mut Traits)| {
        let mut traits = usual.clone();
        change(&mut traits);
        traits
    };
    vec![
        ("developer_role", with(|t| t.developer_role = true)),
        ("system_turns", with(|t| t.system_turns = true)),
        ("url_images", with(|t| t.url_images = true)),
        ("videos", with(|t| t.videos = true)),
        ("outcome_images", with(|t| t.outcome_images = true)),
        ("echo_reasoning", with(|t| t.echo_reasoning = true)),
        ("web_search_options", with(|t| t.web_search_options = true)),
        ("custom_tools", with(|t| t.custom_tools = true)),
        ("cache_control", with(|t| t.cache_control = true)),
        ("cache_breakpoints", with(|t| t.cache_breakpoints = true)),
        ("adaptive_thinking", with(|t| t.adaptive_thinking = true)),
        ("thinking_level", with(|t| t.thinking_level = true)),
        (
            "reasoning: thinking",
            with(|t| t.reasoning = ReasoningHabit::Thinking),
        ),
        (
            "reasoning: enable_thinking",
            with(|t| t.reasoning = ReasoningHabit::EnableThinking),
        ),
        (
            "reasoning: object",
            with(|t| t.reasoning = ReasoningHabit::Reasoning),
        ),
    ]
}

/// What a table says below itself, and what is wrong with it.
#[derive(Default)]
struct Notes {
    /// The capabilities that it speaks of, in the order of their first mention.
    names: Vec<&'static str>,
    wrong: Vec<String>,
}

impl Notes {
    fn fate(&mut self, fate: Result<Fate, String>) -> Fate {
        fate.unwrap_or_else(|wrong| {
            if !self.wrong.contains(&wrong) {
                self.wrong.push(wrong);
            }
            Fate::Dropped
        })
    }

    fn mark(&mut self, name: &'static str) -> String {
        let at = self.names.iter().position(|known| *known == name);
        let at = at.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        letter_above(at)
    }
}

fn letter_above(at: usize) -> String {
    let letters = [
        "ᵃ", "ᵇ", "ᶜ", "ᵈ", "ᵉ", "ᶠ", "ᵍ", "ʰ", "ⁱ", "ʲ", "ᵏ", "ˡ", "ᵐ", "ⁿ", "ᵒ", "ᵖ",
    ];
    letters[at].to_owned()
}

fn letter(format: Format) -> &'static str {
    match format {
        Format::OpenaiChat => "C",
        Format::OpenaiResponses => "R",
        Format::Anthropic => "A",
        Format::Gemini => "G",
    }
}

pub(crate) fn of(features: &[Feature], kind: Kind) -> String {
    let mut out = String::from("| | from | to Chat | to Responses | to Anthropic | to Gemini |\n");
    out += "|---|---|---|---|---|---|\n";
    let mut notes = Notes::default();
    let mut section = "";
    for feature in features {
        if feature.section != section {
            section = &feature.section;
            writeln!(out, "| **{section}** | | | | | |").unwrap();
        }
        let froms = Format::ALL.iter().copied();
        let froms: Vec<Format> = froms
            .filter(|from| feature.says.contains_key(from))
            .collect();
        let letters: Vec<_> = froms.iter().map(|from| letter(*from)).collect();
        write!(out, "| {} | {} |", feature.name, letters.join(" ")).unwrap();
        for to in Format::ALL {
            let cell = cell(feature, (&froms, to), kind, &mut notes);
            write!(out, " {cell}{}|", if cell.is_empty() { "" } else { " " }).unwrap();
        }
        out.push('\n');
    }
    assert!(notes.wrong.is_empty(), "{}", notes.wrong.join("\n"));
    for (index, name) in notes.names.iter().enumerate() {
        let lead = if index == 0 {
            "\nMore with a capability: "
        } else {
            ", "
        };
        write!(out, "{lead}{}&nbsp;`{name}`", letter_above(index)).unwrap();
    }
    if !notes.names.is_empty() {
        out += ".\n";
    }
    out
}

/// The sign for all who say it, or one for each group of them that fares differently.
fn cell(
    feature: &Feature,
    (froms, to): (&[Format], Format),
    kind: Kind,
    notes: &mut Notes,
) -> String {
    let mut groups: Vec<(String, Vec<&'static str>)> = Vec::new();
    for from in froms.iter().copied().filter(|from| *from != to) {
        let sign = match kind {
            Kind::Answer => {
                let fate = notes.fate(convert::reply(feature, (from, to)));
                fate.sign().to_owned()
            }
            Kind::Request => request_sign(feature, (from, to), notes),
        };
        match groups.iter_mut().find(|(known, _)| *known == sign) {
            Some((_, letters)) => letters.push(letter(from)),
            None => groups.push((sign, vec![letter(from)])),
        }
    }
    match groups.as_slice() {
        [] => String::new(),
        [(sign, _)] => sign.clone(),
        several => {
            let groups = several.iter();
            let groups = groups.map(|(sign, letters)| format!("{} {sign}", letters.join(" ")));
            groups.collect::<Vec<_>>().join(", ")
        }
    }
}

fn request_sign(feature: &Feature, way: (Format, Format), notes: &mut Notes) -> String {
    let usual = Traits::usual(way.1);
    let fate = notes.fate(convert::request(feature, way, &usual));
    let mut sign = fate.sign().to_owned();
    if fate == Fate::Carried {
        return sign;
    }
    let mut marks = Vec::new();
    for (name, traits) in capabilities(&usual) {
        if notes.fate(convert::request(feature, way, &traits)) > fate {
            marks.push(notes.mark(name));
        }
    }
    sign += &marks.concat();
    sign
}

/// The table between efforts, budgets and levels.
pub(crate) fn efforts() -> String {
    let mut out = String::from("| effort | budget in tokens | Gemini's level |\n|---|---|---|\n");
    for effort in [
        Effort::None,
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::XHigh,
        Effort::Max,
    ] {
        writeln!(
            out,
            "| {} | {} | {} |",
            effort_name(effort),
            thousands(budget_of(effort)),
            level_of(effort)
        )
        .unwrap();
    }
    out
}

fn thousands(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{thousands},{:03}", number % 1000),
    }
}
