//! Efforts, budgets and levels of reasoning: one table.
//!
//! | effort | budget in tokens | Gemini level |
//! |---|---|---|
//! | none | 0 | minimal |
//! | minimal | 1,024 | minimal |
//! | low | 4,096 | low |
//! | medium | 10,240 | medium |
//! | high | 24,576 | high |
//! | xhigh | 32,768 | high |
//! | max | 63,999 | high |
//!
//! A budget is the effort of the nearest row that is not above it, but at least minimal.

use crate::ir::{Effort, Reasoning};

const TABLE: [(Effort, u64, &str); 7] = [
    (Effort::None, 0, "minimal"),
    (Effort::Minimal, 1_024, "minimal"),
    (Effort::Low, 4_096, "low"),
    (Effort::Medium, 10_240, "medium"),
    (Effort::High, 24_576, "high"),
    (Effort::XHigh, 32_768, "high"),
    (Effort::Max, 63_999, "high"),
];

/// The least budget that Anthropic takes.
pub const LEAST_BUDGET: u64 = 1_024;

pub fn budget_of(effort: Effort) -> u64 {
    let row = TABLE.iter().find(|row| row.0 == effort);
    row.map_or(0, |row| row.1)
}

/// Gemini's `thinkingLevel`, in small letters.
pub fn level_of(effort: Effort) -> &'static str {
    let row = TABLE.iter().find(|row| row.0 == effort);
    row.map_or("medium", |row| row.2)
}

pub fn effort_of_budget(budget: u64) -> Effort {
    if budget == 0 {
        return Effort::None;
    }
    let row = TABLE.iter().rev().find(|row| row.1 <= budget);
    row.map_or(Effort::Minimal, |row| row.0.max(Effort::Minimal))
}

pub fn effort_named(name: &str) -> Option<Effort> {
    Some(match name {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

pub fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}

/// The effort that was asked for, in whatever way; `None`: nothing, or it is left to the model.
pub fn effort_of(reasoning: &Reasoning<'_>) -> Option<Effort> {
    if reasoning.is_on() == Some(false) {
        return Some(Effort::None);
    }
    let effort = reasoning.effort.as_ref().map(|said| said.value);
    let budget = reasoning.budget.as_ref().map(|said| said.value);
    effort.or(budget.map(effort_of_budget))
}

/// The budget that was asked for, in whatever way; `None`: nothing, or it is left to the model.
pub fn budget_asked(reasoning: &Reasoning<'_>) -> Option<u64> {
    if reasoning.is_on() == Some(false) {
        return Some(0);
    }
    let budget = reasoning.budget.as_ref().map(|said| said.value);
    budget.or(reasoning.effort.as_ref().map(|said| budget_of(said.value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_survives_the_way_over_a_budget() {
        for (effort, budget, _) in TABLE {
            assert_eq!(effort_of_budget(budget), effort);
            assert_eq!(effort_named(effort_name(effort)), Some(effort));
        }
        assert_eq!(effort_of_budget(1), Effort::Minimal);
        assert_eq!(effort_of_budget(9_000), Effort::Low);
        assert_eq!(effort_of_budget(1_000_000), Effort::Max);
    }
}
