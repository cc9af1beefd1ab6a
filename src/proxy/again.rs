//! Reasons to ask the same endpoint once more, in another way. For the plan that is the same attempt, for the record it is
//! another one: the vendor was asked twice.

use crate::id::RequestId;
use crate::ir::FaultKind;
use crate::live::Pass;
use crate::proxy::exchange::Miss;
use crate::proxy::paths::CallKind;
use crate::proxy::serve::Course;
use crate::route::{Attempt, Failure, Outcome};
use crate::wire::error;

/// Why the same endpoint is asked once more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Without the opaque state of earlier turns, which it refuses.
    WithoutState,
    /// For a conversation: it has no path for completions.
    AsChat,
    /// Without the beginning of the answer, which it refuses.
    Anew,
}

impl Course<'_> {
    /// Whether an endpoint is to be asked once more in the same attempt, and how.
    pub(super) fn again(&self, attempt: &Attempt<Pass>, miss: &Miss) -> Option<Again> {
        let seat = self.plan.pool().seat(attempt.spot);
        let is_conversation = self.call.kind == CallKind::Conversation;
        let about_state = is_conversation
            && miss.status.is_some()
            && error::is_about_state(&miss.fault)
            && !self.without_state.contains(&seat.identity);
        if about_state {
            return Some(Again::WithoutState);
        }
        if self.is_chat_only(attempt, miss) {
            return Some(Again::AsChat);
        }
        let refuses = match miss.status {
            Some(status) => {
                (400..500).contains(&status) && miss.fault.kind == FaultKind::InvalidRequest
            }
            None => miss.outcome == Outcome::Failed(Failure::Unsayable),
        };
        (self.is_given_partial(seat) && refuses).then_some(Again::Anew)
    }

    pub(super) fn note(&mut self, again: Again, attempt: &Attempt<Pass>, id: RequestId) {
        let identity = self.plan.pool().seat(attempt.spot).identity;
        match again {
            Again::WithoutState => {
                log::info!(
                    "id={id} the vendor refuses the opaque state of earlier turns; asking without it"
                );
                self.without_state.push(identity);
            }
            // Remembered for the requests after this one, unless the conversation finds nothing either.
            Again::AsChat => {
                let standing = self.call.lane.standing(attempt.spot);
                let (provider, model) = (standing.provider(), standing.model());
                log::info!(
                    "id={id} {provider}/{model} has no path for completions; asking for a conversation"
                );
                standing.set_chat_only(true);
            }
            Again::Anew => {
                log::info!(
                    "id={id} the vendor does not go on with the beginning of an answer; asking anew"
                );
                self.anew.push(identity);
            }
        }
    }

    /// Whether the vendor has no path for completions.
    fn is_chat_only(&self, attempt: &Attempt<Pass>, miss: &Miss) -> bool {
        let seat = self.plan.pool().seat(attempt.spot);
        self.call.kind == CallKind::Completion
            && self.call.needs.convertible
            && seat.formats.contains(&self.call.format)
            && matches!(miss.status, Some(404 | 405))
            && !self.call.lane.standing(attempt.spot).is_chat_only()
    }
}
