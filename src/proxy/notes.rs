//! What the walk of a call leaves behind beside its answer: in the log, with the request's id
//! wherever a line is about the request, and in its record.

use crate::clock::{self, Tick};
use crate::id::RequestId;
use crate::ir::FaultKind;
use crate::ledger::{AttemptRow, CandidateRow};
use crate::live::Pass;
use crate::proxy::exchange::Miss;
use crate::proxy::tab::Tab;
use crate::route::{Attempt, Plan, Purpose, Seen};

/// The longest list of losses: proxies in between refuse heads over 4 KiB.
const MOST_DROPPED: usize = 2048;

/// Another endpoint is asked than before.
pub(super) fn tell_switch(id: RequestId, attempt: &Attempt<Pass>, plan: &Plan) {
    let seat = plan.seat(attempt.spot);
    let (provider, model) = (&seat.provider_name, &seat.model);
    match attempt.purpose {
        Purpose::OtherEndpoint => {
            log::info!(
                "id={id} switching provider: attempt {} goes to {provider}/{model}",
                attempt.number
            );
        }
        _ => log::debug!(
            "id={id} selected provider: {provider}/{model}, attempt {}",
            attempt.number
        ),
    }
}

/// An attempt ended without an answer, or in the middle of it.
pub(super) fn tell_end(id: RequestId, attempt: &Attempt<Pass>, row: &AttemptRow) {
    let (number, provider, model, outcome) =
        (attempt.number, &row.provider, &row.model, row.outcome);
    match row.status.filter(|_| outcome == "status") {
        Some(status) => log::info!("id={id} attempt {number} at {provider}/{model}: {status}"),
        None => log::info!("id={id} attempt {number} at {provider}/{model}: {outcome}"),
    }
}

/// The vendor refuses a key of ours: somebody has to look after it, and it is not the caller.
pub(super) fn tell_refused_key(row: &AttemptRow, miss: &mut Miss) {
    let why = match miss.fault.kind {
        FaultKind::Authentication => "does not know it",
        FaultKind::Permission => "forbids it",
        FaultKind::Billing => "wants it paid",
        _ => return,
    };
    // The client's own, passed through.
    if row.key == 0 {
        return;
    }
    log::warn!(
        "key #{} of {} rests for {}: the vendor {why}",
        row.key,
        row.provider,
        row.model
    );
    if miss.fault.kind == FaultKind::Authentication {
        miss.fault.message = format!(
            "The provider refused the gateway's key: {}",
            miss.fault.message
        );
    }
}

/// Losses as one line of printable ASCII.
pub(super) fn listed(paths: &[impl AsRef<str>]) -> String {
    let mut list = String::new();
    for (at, path) in paths.iter().map(AsRef::as_ref).enumerate() {
        if list.len() + path.len() > MOST_DROPPED {
            list.push_str(&format!(", and {} more", paths.len() - at));
            break;
        }
        if at > 0 {
            list.push_str(", ");
        }
        // A key may hold what a header cannot.
        let plain = |c: char| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        };
        list.extend(path.chars().map(plain));
    }
    list
}

/// Puts losses into the record, behind those that are there already.
pub(super) fn note_losses(tab: &mut Tab, list: &str) {
    match &mut tab.record.dropped {
        Some(known) if known.len() < MOST_DROPPED => {
            known.push_str(", ");
            known.push_str(list);
        }
        Some(_) => {}
        none @ None => *none = Some(list.to_owned()),
    }
}

/// Puts into the record how the request saw its pool, unless all went well at once.
pub(super) fn note_candidates(plan: &Plan, tab: &mut Tab) {
    if !plan.is_plain() {
        tab.record.candidates = candidates(plan, clock::now());
    }
}

fn candidates(plan: &Plan, now: Tick) -> Vec<CandidateRow> {
    let explained = plan.explain(now);
    let row = |one: crate::route::Candidate| {
        let wait = match one.seen {
            Seen::Skipped { wait, .. } => wait,
            Seen::Asked(_) | Seen::Incapable(_) | Seen::NotReached => None,
        };
        CandidateRow {
            seen: one.seen.name(),
            provider: one.provider,
            model: one.model,
            tier: one.tier,
            wait,
        }
    };
    explained.candidates.into_iter().map(row).collect()
}
