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
//! A budget is the effort of the nearest row that is not above it, but at least minimal. A model is asked for the nearest
//! effort that it takes ([`Efforts`](crate::ir::Efforts)), and for nothing if it does not reason.
//!
//! All formats count reasoning among the most tokens of an answer, so that a client's cap is what it pays for at most: it
//! is never raised. A budget that does not fit below it comes down ([`below_cap`]), and where that leaves less than the
//! vendor takes, the model shall not reason.

use super::loss::Losses;
use crate::ir::{Effort, Reasoning, Request, Traits};

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

/// The most of a cap that is kept free for the answer where a budget comes down below it.
const ROOM: u64 = 4_096;

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

/// The effort that the model is asked for: the nearest that it takes. Tells of it if it is not what was asked for.
pub fn effort_taken(
    reasoning: &Reasoning<'_>,
    traits: &Traits,
    losses: &mut Losses,
) -> Option<Effort> {
    let wanted = effort_of(reasoning)?;
    let taken = traits.efforts.nearest(wanted)?;
    if taken != wanted {
        round_asked(reasoning, "effort that the model does not take", losses);
    }
    Some(taken)
}

/// Whether nothing is to be said of reasoning, because the model has none. Tells of it if some was asked for.
pub fn is_beyond(reasoning: &Reasoning<'_>, traits: &Traits, losses: &mut Losses) -> bool {
    if !traits.efforts.is_none() {
        return false;
    }
    if reasoning.is_on() == Some(true) {
        round_asked(reasoning, "reasoning of a model that has none", losses);
        if let Some(summary) = &reasoning.summary {
            losses.hint(summary.at, "shown reasoning");
        }
    }
    true
}

/// Tells that the nearest to what was asked for is done.
pub fn round_asked(reasoning: &Reasoning<'_>, what: &'static str, losses: &mut Losses) {
    let said = [
        reasoning.enabled.as_ref().map(|said| said.at),
        reasoning.effort.as_ref().map(|said| said.at),
        reasoning.budget.as_ref().map(|said| said.at),
        reasoning.adaptive.as_ref().map(|said| said.at),
    ];
    for at in said.into_iter().flatten() {
        losses.round(at, what);
    }
}

/// The budget, brought down if it does not fit below the most tokens of the answer: a quarter of them is kept for the
/// answer, but no more than [`ROOM`]. One that the client itself has said need only be smaller than they are.
pub fn below_cap(budget: u64, request: &Request<'_>) -> u64 {
    let Some(cap) = request.sampling.max_tokens.as_ref().map(|said| said.value) else {
        return budget;
    };
    if request.reasoning.budget.is_some() && budget < cap {
        return budget;
    }
    budget.min(cap - (cap / 4).min(ROOM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{At, Said};

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

    #[test]
    fn a_budget_leaves_room_for_an_answer_below_the_cap() {
        let mut request = Request::default();
        assert_eq!(below_cap(63_999, &request), 63_999);
        for (cap, from_effort, said) in [
            (0, 0, 0),
            (50, 38, 38),
            (1_366, 1_025, 1_025),
            (8_192, 6_144, 6_144),
            (25_000, 20_904, 24_576),
            (32_000, 24_576, 24_576),
        ] {
            request.sampling.max_tokens = Some(Said::new(At(1), cap));
            request.reasoning.budget = None;
            assert_eq!(below_cap(24_576, &request), from_effort, "{cap}");
            request.reasoning.budget = Some(Said::new(At(2), 24_576));
            assert_eq!(below_cap(24_576, &request), said, "{cap}");
        }
    }
}
