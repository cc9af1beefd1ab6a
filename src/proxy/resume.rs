//! An answer that broke off when its client had seen some of it, and the attempts of others to go on with it.
//!
//! What the client has seen is watched while it goes out ([`Shown`], only where the model resumes). At the break nothing is
//! told to the client: the plan says who is next, the client is pinged meanwhile, and the new attempt is held back like any
//! other until it has something new to say; then it is written into the same stream. Where nobody can, the machine that
//! wrote the stream so far ([`Cut`]) ends it with the error.

use crate::clock;
use crate::config::Resume;
use crate::ir::Fault;
use crate::ledger::Ending;
use crate::live::Pass;
use crate::proxy::arrival::Arrival;
use crate::proxy::attempt::Place;
use crate::proxy::pump::{Cut, send_events};
use crate::proxy::serve::{Client, Course, Unserved};
use crate::proxy::tab::Tab;
use crate::proxy::telling::Resumes;
use crate::proxy::waiting::{Gone, Waiting};
use crate::route::{Attempt, Seat};
use crate::wire::resume::{Shown, Way};

impl<'a> Course<'a> {
    /// Where an attempt is made. `before`: what the client has of an answer that broke off.
    pub(super) fn place<'p>(
        &self,
        attempt: &Attempt<Pass>,
        arrival: &'p Arrival,
        before: Option<&'p Shown>,
    ) -> Place<'p>
    where
        'a: 'p,
    {
        let seat = self.plan.pool().seat(attempt.spot);
        let way = if self.is_given_partial(seat) {
            Way::GoOn
        } else {
            Way::Anew
        };
        Place {
            proxy: self.proxy,
            call: self.call,
            arrival,
            deadline: self.plan.deadline(),
            resumes: before.map(|shown| Resumes { shown, way }),
        }
    }

    /// Whether an endpoint is given the beginning of the answer, to go on from there.
    pub(super) fn is_given_partial(&self, seat: &Seat) -> bool {
        seat.capabilities.continues
            && self.plan.pool().resume == Resume::Prefill
            && self.partial.is_some()
            && !self.anew.contains(&seat.identity)
    }

    /// The answer broke off. Whether that is the end, of which the client is told; else another is to go on with it.
    pub(super) async fn go_on(
        &mut self,
        cut: Box<Cut>,
        client: &mut Client<'_>,
        tab: &mut Tab,
    ) -> Result<bool, Unserved> {
        let waiting = &mut client.waiting;
        if !self.plan.resume(clock::now()) {
            let told = break_off(*cut, None, waiting, tab);
            return told.await.map(|()| true);
        }
        self.cuts += 1;
        self.partial = client.shown.as_ref().and_then(|shown| shown.partial());
        // Until somebody has gone on with it, it is the client that may go.
        tab.record.ending = Ending::ClientGone;
        waiting.rest();
        client.cut = Some(cut);
        Ok(false)
    }
}

/// Nobody goes on with an answer that broke off: the client is told in its stream.
pub(super) async fn break_off(
    mut cut: Cut,
    fault: Option<Fault>,
    waiting: &mut Waiting<'_>,
    tab: &mut Tab,
) -> Result<(), Unserved> {
    let fault = fault.unwrap_or(cut.fault);
    let mut event = Vec::with_capacity(256);
    cut.passage.write_fault(&fault, &mut event);
    tab.answered(&event);
    waiting.sent += u64::try_from(event.len()).unwrap_or(0);
    tab.record.ending = Ending::Broken;
    tab.record.bytes_out = waiting.sent;
    let sent = send_events(waiting.session, None, event.into()).await;
    sent.map_err(|Gone| {
        tab.record.ending = Ending::ClientGone;
        Unserved::ClientGone
    })
}
