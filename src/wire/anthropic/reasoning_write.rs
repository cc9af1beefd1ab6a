//! Thinking: how much of it, and where the API has none.

use super::plan::{Message, Plan};
use super::tools_write::is_forced;
use crate::ir::{Body, Effort, Reasoning, Request, Role, Summary};
use crate::wire::convert::effort::{
    LEAST_BUDGET, below_cap, budget_asked, budget_of, effort_name, effort_of, is_beyond,
    round_asked,
};
use crate::wire::convert::{Losses, Traits};
use crate::wire::json::Writer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Nothing is said of it.
    Unsaid,
    Off,
    Adaptive,
    Budget(u64),
}

impl Thinking {
    pub(super) fn is_on(self) -> bool {
        matches!(self, Thinking::Adaptive | Thinking::Budget(_))
    }
}

/// What the vendor is asked for. Thinking gives way where the API refuses it beside something else that was asked for.
pub(super) fn decide(
    request: &Request<'_>,
    plan: &Plan<'_, '_>,
    traits: &Traits,
    losses: &mut Losses,
) -> Thinking {
    let reasoning = &request.reasoning;
    if is_beyond(reasoning, traits, losses) {
        return Thinking::Unsaid;
    }
    let thinking = match reasoning.is_on() {
        None => Thinking::Unsaid,
        Some(false) => Thinking::Off,
        Some(true) if traits.adaptive_thinking => Thinking::Adaptive,
        Some(true) => {
            let asked = budget_asked(reasoning).unwrap_or(budget_of(Effort::Medium));
            match below_cap(asked.max(LEAST_BUDGET), request) {
                budget if budget >= LEAST_BUDGET => Thinking::Budget(budget),
                _ => return without_room(reasoning, losses),
            }
        }
    };
    if !thinking.is_on() {
        lose_idle(reasoning, traits, losses);
        return thinking;
    }
    let gives_way = is_forced(request) && !request.tools.is_empty()
        || matches!(thinking, Thinking::Budget(_)) && lacks_thoughts(&plan.messages);
    if gives_way {
        lose_all(reasoning, traits, losses);
        return match thinking {
            // Where models decide for themselves, saying nothing leaves it to them.
            Thinking::Adaptive => Thinking::Unsaid,
            Thinking::Unsaid | Thinking::Off | Thinking::Budget(_) => Thinking::Off,
        };
    }
    lose_inexact(thinking, reasoning, losses);
    thinking
}

/// The client's cap is too low for any thinking that the API takes.
fn without_room(reasoning: &Reasoning<'_>, losses: &mut Losses) -> Thinking {
    let what = "thinking, for which there is no room below the most tokens";
    round_asked(reasoning, what, losses);
    if let Some(summary) = &reasoning.summary {
        losses.hint(summary.at, "summary of thinking");
    }
    Thinking::Off
}

/// A number that reaches the vendor as another one, or not at all.
fn lose_inexact(thinking: Thinking, reasoning: &Reasoning<'_>, losses: &mut Losses) {
    let Some(asked) = &reasoning.budget else {
        if let (Thinking::Budget(budget), Some(effort)) = (thinking, &reasoning.effort)
            && budget < budget_of(effort.value)
        {
            losses.round(effort.at, "effort, lowered below the most tokens");
        }
        return;
    };
    let told = match thinking {
        Thinking::Budget(budget) => budget,
        Thinking::Adaptive | Thinking::Off | Thinking::Unsaid => {
            effort_of(reasoning).map_or(0, budget_of)
        }
    };
    if told != asked.value {
        losses.round(asked.at, "budget of thinking");
    }
    if let (Thinking::Budget(_), Some(effort)) = (thinking, &reasoning.effort) {
        losses.round(effort.at, "effort");
    }
}

/// Whether the model goes on with a turn of its own that has no thoughts: the API refuses thinking then.
fn lacks_thoughts(messages: &[Message<'_, '_>]) -> bool {
    let Some(own) = messages
        .iter()
        .rposition(|message| message.role == Role::Assistant)
    else {
        return false;
    };
    let is_outcome = |message: &Message<'_, '_>| {
        let first = message.pieces.first();
        first.is_some_and(|piece| matches!(piece.part.body, Body::Outcome(_)))
    };
    let goes_on = match messages.get(own + 1) {
        None => true,
        Some(next) => is_outcome(next),
    };
    let first = messages.get(own).and_then(|message| message.pieces.first());
    goes_on && !first.is_some_and(|piece| matches!(piece.part.body, Body::Thinking(_)))
}

/// What is said of thinking that is off, or of which nothing else is said.
fn lose_idle(reasoning: &Reasoning<'_>, traits: &Traits, losses: &mut Losses) {
    match &reasoning.summary {
        // Nothing is shown of what is not thought.
        Some(summary) if summary.value != Summary::Hidden => {
            losses.hint(summary.at, "summary of thinking");
        }
        Some(_) | None => {}
    }
    if let Some(budget) = reasoning.budget.as_ref().filter(|budget| budget.value > 0) {
        losses.round(budget.at, "budget of thinking");
    }
    if let Some(effort) = reasoning.effort.as_ref()
        && effort.value != Effort::None
        && !traits.adaptive_thinking
    {
        losses.add(effort.at, "effort");
    }
}

fn lose_all(reasoning: &Reasoning<'_>, traits: &Traits, losses: &mut Losses) {
    let enabled = reasoning.enabled.as_ref().map(|said| said.at);
    let budget = reasoning.budget.as_ref().map(|said| said.at);
    let adaptive = reasoning.adaptive.as_ref().map(|said| said.at);
    let summary = reasoning.summary.as_ref().map(|said| said.at);
    // The effort is told apart from thinking.
    let effort = reasoning
        .effort
        .as_ref()
        .filter(|_| !traits.adaptive_thinking);
    let effort = effort.map(|said| said.at);
    for at in [enabled, budget, adaptive, summary, effort]
        .into_iter()
        .flatten()
    {
        losses.add(at, "thinking");
    }
}

/// Writes `thinking`.
pub(super) fn write(
    thinking: Thinking,
    reasoning: &Reasoning<'_>,
    losses: &mut Losses,
    out: &mut Writer<'_>,
) {
    let kind = match thinking {
        Thinking::Unsaid => return,
        Thinking::Off => "disabled",
        Thinking::Adaptive => "adaptive",
        Thinking::Budget(_) => "enabled",
    };
    out.key("thinking").open_object().key("type").text(kind);
    if let Thinking::Budget(budget) = thinking {
        out.key("budget_tokens").number(budget);
    }
    if let Some(summary) = reasoning.summary.as_ref().filter(|_| thinking.is_on()) {
        out.key("display").text(match &summary.value {
            Summary::Hidden => "omitted",
            Summary::Shown => "summarized",
            Summary::Named(_) => {
                losses.round(summary.at, "kind of summary");
                "summarized"
            }
        });
    }
    out.close_object();
}

/// The effort that `output_config` tells, of models that know it.
pub(super) fn effort(
    reasoning: &Reasoning<'_>,
    traits: &Traits,
    losses: &mut Losses,
) -> Option<&'static str> {
    if !traits.adaptive_thinking {
        return None;
    }
    let said = reasoning.effort.as_ref().map(|said| said.value);
    let wanted = said.or_else(|| effort_of(reasoning))?;
    if wanted == Effort::None {
        return None;
    }
    // No model of the API has an effort below `low`.
    let taken = traits.efforts.nearest(wanted.max(Effort::Low))?;
    if taken != wanted {
        round_asked(reasoning, "effort that the model does not take", losses);
    }
    Some(effort_name(taken))
}
