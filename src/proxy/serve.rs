//! The walk of a call through its attempts, to exactly one answer.

use std::pin::pin;
use std::time::Duration;

use pingora_proxy::Session;

use crate::clock;
use crate::config::Resume;
use crate::ir::{Fault, FaultKind, Usage};
use crate::ledger::{AttemptRow, Ending};
use crate::live::Pass;
use crate::proxy::Proxy;
use crate::proxy::arrival::Arrival;
use crate::proxy::attempt::{Place, Running};
use crate::proxy::bodies::{Bodies, Variant};
use crate::proxy::counting::Tried;
use crate::proxy::exchange::{Miss, Reply};
use crate::proxy::hold::Resumes;
use crate::proxy::intake::Call;
use crate::proxy::paths::CallKind;
use crate::proxy::pump::{Along, Cut, PumpEnd, Shelf, pump, send_events};
use crate::proxy::race::Ended;
use crate::proxy::refusal::Refusal;
use crate::proxy::reply::Page;
use crate::proxy::tab::Tab;
use crate::proxy::waiting::{Gone, Waiting};
use crate::route::{Attempt, Failure, Outcome, Plan, Seat, Step, Stop, Why};
use crate::wire::error;
use crate::wire::resume::{Shown, Way};

/// How a call ended before anything was committed.
pub enum Unserved {
    ClientGone,
    /// No vendor has counted the tokens: our own count.
    Counted(Page),
    Refused {
        refusal: Refusal,
        /// A ping has committed the head: the error goes out as an event.
        committed: bool,
        sent: u64,
    },
}

/// Tries the call until an answer is committed and passed on, or there is nothing left to try.
///
/// # Errors
/// [`Unserved`].
pub async fn serve(
    proxy: &Proxy,
    session: &mut Session,
    arrival: &mut Arrival,
    call: &Call,
    tab: &mut Tab,
) -> Result<(), Unserved> {
    let mut course = Course {
        proxy,
        call,
        plan: Plan::new(call.lane.pool().clone(), call.needs.clone(), arrival.at),
        bodies: Bodies::new(call, proxy.vault()),
        without_state: Vec::new(),
        misses: Vec::new(),
        tried: Tried::default(),
        cuts: 0,
        partial: None,
        anew: Vec::new(),
    };
    let streams = call.stream && !call.array && call.kind == CallKind::Conversation;
    let every = arrival.wiring.snapshot.gateway.ping.filter(|_| streams);
    let mut waiting = Waiting::new(session, every);
    let resumes = streams && call.lane.pool().resume != Resume::Off;
    let mut shown = resumes.then(|| Box::new(Shown::new(call.format)));
    let mut cut: Option<Box<Cut>> = None;
    loop {
        let now = clock::now();
        match course.plan.next(&*call.lane, now, fastrand::u64(..)) {
            Step::Wait(pause) => {
                let paused = waiting
                    .during(&arrival.stamp, pin!(pingora::time::sleep(pause)))
                    .await;
                paused.map_err(|Gone| {
                    let now = clock::now();
                    course.plan.record(&*call.lane, &Outcome::ClientGone, now);
                    Unserved::ClientGone
                })?;
            }
            Step::Stop(stop) => {
                if let Some(cut) = cut {
                    let fault = course.best_fault(&stop);
                    return break_off(*cut, fault, &mut waiting, (arrival, tab)).await;
                }
                if course.may_count(&stop) {
                    return Err(course.count_here(waiting, arrival).await);
                }
                return Err(Unserved::Refused {
                    refusal: course.refusal(&stop),
                    committed: waiting.committed,
                    sent: waiting.sent,
                });
            }
            Step::Try(attempt) => {
                let running = Running {
                    attempt,
                    started: now,
                };
                let before = shown.as_deref().filter(|_| cut.is_some());
                let place = course.place(&running.attempt, arrival, before);
                let trying = course.try_out(running, &mut waiting, (place, tab));
                let Some(Ended { running, mut ended }) = trying.await? else {
                    continue;
                };
                while let Err(miss) = &ended
                    && let Some(again) = course.again(&running.attempt, miss)
                {
                    course.note(again, &running.attempt);
                    let place = course.place(&running.attempt, arrival, before);
                    let again = course.try_again(&running, &mut waiting, (place, tab));
                    ended = again.await?;
                }
                match ended {
                    Err(miss) if course.cannot_count(&miss) => {
                        // Which says nothing against the endpoint.
                        let outcome = Outcome::Failed(Failure::Unsayable);
                        course.missed(&running, Miss { outcome, ..miss }, tab);
                        return Err(course.count_here(waiting, arrival).await);
                    }
                    Err(miss) => course.missed(&running, miss, tab),
                    Ok(reply) => {
                        let place = course.place(&running.attempt, arrival, before);
                        let dropped = course.dropped(&running.attempt, &place);
                        let shown = shown.as_deref_mut();
                        let told = course.commit(
                            running,
                            (reply, dropped),
                            (&mut waiting, shown),
                            (arrival, tab),
                        );
                        cut = told.await?;
                        if cut.is_none() {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }
}

/// A call in the middle of its attempts.
pub(super) struct Course<'a> {
    pub proxy: &'a Proxy,
    pub call: &'a Call,
    pub plan: Plan,
    pub bodies: Bodies<'a>,
    /// By attempt number.
    pub misses: Vec<(u32, Miss)>,
    /// The endpoints, by identity, that have refused the opaque state in the request: they are asked once more, without it.
    pub without_state: Vec<u64>,
    pub tried: Tried,
    /// How often the answer has broken off.
    pub cuts: u32,
    /// What it had said by then, for an endpoint that goes on.
    pub partial: Option<String>,
    /// The endpoints, by identity, that have refused to go on with it: they are asked anew.
    pub anew: Vec<u64>,
}

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

impl<'a> Course<'a> {
    /// Where an attempt is made. `before`: what the client has of an answer that broke off.
    fn place<'p>(
        &self,
        attempt: &Attempt<Pass>,
        arrival: &'p Arrival,
        before: Option<&'p Shown>,
    ) -> Place<'p>
    where
        'a: 'p,
    {
        let seat = self.plan.pool().seat(attempt.spot);
        let goes_on = seat.capabilities.continues
            && self.plan.pool().resume == Resume::Prefill
            && self.partial.is_some()
            && !self.anew.contains(&seat.identity);
        let way = if goes_on { Way::GoOn } else { Way::Anew };
        Place {
            proxy: self.proxy,
            call: self.call,
            arrival,
            deadline: self.plan.deadline(),
            resumes: before.map(|shown| Resumes { shown, way }),
        }
    }

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
        let was_given = self.partial.is_some()
            && seat.capabilities.continues
            && self.plan.pool().resume == Resume::Prefill
            && !self.anew.contains(&seat.identity);
        let refuses = match miss.status {
            Some(status) => {
                (400..500).contains(&status) && miss.fault.kind == FaultKind::InvalidRequest
            }
            None => miss.outcome == Outcome::Failed(Failure::Unsayable),
        };
        (was_given && refuses).then_some(Again::Anew)
    }

    fn note(&mut self, again: Again, attempt: &Attempt<Pass>) {
        let identity = self.plan.pool().seat(attempt.spot).identity;
        match again {
            Again::WithoutState => {
                log::info!(
                    "the vendor refuses the opaque state of earlier turns; asking without it"
                );
                self.without_state.push(identity);
            }
            // Remembered for the requests after this one, unless the conversation finds nothing either.
            Again::AsChat => {
                let standing = self.call.lane.standing(attempt.spot);
                let (provider, model) = (standing.provider(), standing.model());
                log::info!(
                    "{provider}/{model} has no path for completions; asking for a conversation"
                );
                standing.set_chat_only(true);
            }
            Again::Anew => {
                log::info!(
                    "the vendor does not go on with the beginning of an answer; asking anew"
                );
                self.anew.push(identity);
            }
        }
    }

    /// Whether there is nobody at that endpoint to ask how many tokens a request has.
    fn cannot_count(&self, miss: &Miss) -> bool {
        self.call.kind == CallKind::Count && self.tried.cannot_count(miss)
    }

    /// Whether our own count is of more use than the error that the attempts have ended with.
    fn may_count(&self, stop: &Stop) -> bool {
        let best = |(number, _): &&(u32, Miss)| Some(*number) == stop.best;
        let best = self.misses.iter().find(best).map(|(_, miss)| &miss.fault);
        self.call.kind == CallKind::Count && self.tried.may_count(stop.why, best)
    }

    async fn count_here(&self, mut waiting: Waiting<'_>, arrival: &mut Arrival) -> Unserved {
        let model = self.tried.model(self.plan.pool());
        let counting = self.proxy.counter().page(self.call, &model);
        match waiting.during(&arrival.stamp, pin!(counting)).await {
            Err(Gone) => Unserved::ClientGone,
            Ok(Ok(page)) => {
                arrival.stamp.estimate = true;
                Unserved::Counted(page)
            }
            Ok(Err(fault)) => Unserved::Refused {
                refusal: Refusal::Failed {
                    fault,
                    retry_after: None,
                },
                committed: waiting.committed,
                sent: waiting.sent,
            },
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

    fn missed(&mut self, running: &Running, miss: Miss, tab: &mut Tab) {
        let now = clock::now();
        let Running { attempt, started } = running;
        let seat = self.plan.pool().seat(attempt.spot);
        if matches!(miss.status, Some(404 | 405)) {
            self.call.lane.standing(attempt.spot).set_chat_only(false);
        }
        let outcome = outcome_name(&miss.outcome);
        let row = row(seat, attempt, (miss.status, outcome), now.since(*started));
        tell_switch(attempt, &row);
        tab.attempt(row);
        self.plan.record(&*self.call.lane, &miss.outcome, now);
        self.misses.push((attempt.number, miss));
    }

    /// Passes a reply on to its end. `Some`: it broke off, and another is to go on with it.
    async fn commit(
        &mut self,
        running: Running,
        (reply, mut dropped): (Reply, Vec<String>),
        (waiting, shown): (&mut Waiting<'_>, Option<&mut Shown>),
        (arrival, tab): (&mut Arrival, &mut Tab),
    ) -> Result<Option<Box<Cut>>, Unserved> {
        let Running { attempt, started } = running;
        let pool = self.call.lane.pool().clone();
        let seat = pool.seat(attempt.spot);
        let (provider, model) = (seat.provider_name.clone(), seat.model.clone());
        log::debug!(
            "selected provider: {provider}/{model}, attempt {}",
            attempt.number
        );
        arrival.routed(&provider, &model);
        dropped.extend(reply.dropped.iter().cloned());
        if !dropped.is_empty() {
            log::info!("lost in conversion: {}", dropped.join(", "));
            arrival.dropped(&dropped);
        }
        let answered = Outcome::Answered {
            first_token: reply.first_token,
        };
        let status = reply.status;
        let now = clock::now();
        self.plan.record(&*self.call.lane, &answered, now);
        if self.cuts == 0 {
            tab.record.status = status;
            tab.first_content(now);
        }
        let wiring = arrival.wiring.clone();
        let vendor = wiring.vendor(seat.provider);
        let mut shown = shown;
        let along = Along {
            secrets: vendor.map_or(&[][..], |vendor| &vendor.secrets),
            shelf: Shelf {
                vault: self.proxy.vault(),
                scope: self.call.scope,
            },
            shown: shown.as_deref_mut(),
        };
        let before = waiting.sent;
        let pumped = pump(waiting, &arrival.stamp, reply, along).await;
        waiting.sent = pumped.bytes;
        if !pumped.dropped.is_empty() {
            log::info!("lost in conversion: {}", pumped.dropped.join(", "));
        }
        let (outcome, ending, cut) = match pumped.end {
            PumpEnd::Complete => (Outcome::Finished, Ending::Complete, None),
            PumpEnd::ClientGone => (Outcome::ClientGone, Ending::ClientGone, None),
            PumpEnd::Broken(failure) => (Outcome::Failed(failure), Ending::Broken, None),
            PumpEnd::Cut(failure, cut) => (Outcome::Failed(failure), Ending::Broken, Some(cut)),
        };
        let now = clock::now();
        self.plan.record(&*self.call.lane, &outcome, now);
        tab.record.ending = ending;
        tab.record.bytes_out = pumped.bytes;
        self.book(tab, pumped.usage, pumped.bytes - before.min(pumped.bytes));
        let name = outcome_name(&outcome);
        let mut row = row(seat, &attempt, (Some(status), name), now.since(started));
        row.usage = tab.record.usage;
        row.usage_estimated = tab.record.usage_estimated;
        if cut.is_some() {
            tell_switch(&attempt, &row);
        }
        tab.attempt(row);
        if pumped.malformed > 0 {
            let skipped = u64::from(pumped.malformed);
            crate::telemetry::metrics::MALFORMED_EVENTS
                .with_label_values(&[&*provider])
                .inc_by(skipped);
        }
        match (ending, cut) {
            (Ending::ClientGone, _) => Err(Unserved::ClientGone),
            (_, None) => Ok(None),
            (_, Some(cut)) => {
                let partial = shown.and_then(|shown| shown.partial());
                self.go_on(cut, partial, waiting, (arrival, tab)).await
            }
        }
    }

    /// The answer broke off. Whether another is to go on with it; else the client is told.
    async fn go_on(
        &mut self,
        cut: Box<Cut>,
        partial: Option<String>,
        waiting: &mut Waiting<'_>,
        (arrival, tab): (&Arrival, &mut Tab),
    ) -> Result<Option<Box<Cut>>, Unserved> {
        if !self.plan.resume(clock::now()) {
            let told = break_off(*cut, None, waiting, (arrival, tab));
            return told.await.map(|()| None);
        }
        self.cuts += 1;
        self.partial = partial;
        // Until somebody has gone on with it, it is the client that may go.
        tab.record.ending = Ending::ClientGone;
        waiting.rest();
        Ok(Some(cut))
    }

    /// What the request loses on its way to that endpoint.
    fn dropped(&mut self, attempt: &Attempt<Pass>, place: &Place<'_>) -> Vec<String> {
        let pool = self.call.lane.pool().clone();
        let seat = pool.seat(attempt.spot);
        let way = place.way(attempt, seat).filter(|way| way.converts);
        let made = way.and_then(|way| {
            let partial = self.partial.as_deref().filter(|_| place.goes_on());
            let variant = Variant {
                without_state: self.without_state.contains(&seat.identity),
                partial: partial.map(|partial| (self.cuts, partial)),
            };
            let made = self
                .bodies
                .for_way(&way, &seat.model, variant, place.arrival);
            made.ok()
        });
        let ready = made.as_ref().and_then(|made| made.ready.as_ref());
        ready.map_or_else(Vec::new, |ready| ready.dropped.clone())
    }

    /// Counting costs nothing.
    pub(super) fn book(&self, tab: &mut Tab, said: Usage, bytes_out: u64) {
        if self.call.kind != CallKind::Count {
            tab.book(said, self.estimate(bytes_out));
        }
    }

    /// Tokens where the vendor did not say: ours for the input; for the output four bytes of an answer each, or an
    /// event of a stream, which is some hundred bytes of frame around a token or a few.
    pub(super) fn estimate(&self, bytes_out: u64) -> Usage {
        let bytes_a_token = if self.call.stream { 160 } else { 4 };
        Usage {
            input: Some(self.call.scan.estimated_tokens),
            output: Some(bytes_out / bytes_a_token),
            ..Usage::default()
        }
    }

    /// The most useful of the errors.
    fn best_fault(&mut self, stop: &Stop) -> Option<Fault> {
        let best = stop.best?;
        let at = self.misses.iter().position(|(number, _)| *number == best)?;
        Some(self.misses.swap_remove(at).1.fault)
    }

    fn refusal(&mut self, stop: &Stop) -> Refusal {
        let model = self.plan.pool().name.clone();
        let best = self.best_fault(stop);
        match (stop.why, best) {
            (Why::Incapable(lacks), None) => Refusal::Incapable { model, lacks },
            (Why::Cooling, None) => Refusal::Cooling {
                model,
                retry_after: stop.retry_after,
            },
            (Why::OutOfTime, None) => Refusal::OutOfTime,
            (_, Some(fault)) => Refusal::Failed {
                fault,
                retry_after: stop.retry_after,
            },
            (why, None) => Refusal::Failed {
                fault: Fault::new(
                    FaultKind::Internal,
                    502,
                    format!("No endpoint of `{model}` answered ({why:?})."),
                ),
                retry_after: stop.retry_after,
            },
        }
    }
}

/// Nobody goes on with an answer that broke off: the client is told in its stream.
async fn break_off(
    mut cut: Cut,
    fault: Option<Fault>,
    waiting: &mut Waiting<'_>,
    (arrival, tab): (&Arrival, &mut Tab),
) -> Result<(), Unserved> {
    let fault = fault.unwrap_or(cut.fault);
    let mut event = Vec::with_capacity(256);
    cut.passage
        .write_fault(arrival.stamp.format, &fault, &mut event);
    waiting.sent += u64::try_from(event.len()).unwrap_or(0);
    tab.record.ending = Ending::Broken;
    tab.record.bytes_out = waiting.sent;
    let sent = send_events(waiting.session, None, event.into()).await;
    sent.map_err(|Gone| {
        tab.record.ending = Ending::ClientGone;
        Unserved::ClientGone
    })
}

fn tell_switch(attempt: &Attempt<Pass>, row: &AttemptRow) {
    log::info!(
        "switching provider: attempt {} at {}/{} ended with {} {}",
        attempt.number,
        row.provider,
        row.model,
        row.outcome,
        row.status
            .map(|status| status.to_string())
            .unwrap_or_default(),
    );
}

pub(super) fn row(
    seat: &Seat,
    attempt: &Attempt<Pass>,
    (status, outcome): (Option<u16>, &'static str),
    took: Duration,
) -> AttemptRow {
    AttemptRow {
        provider: seat.provider_name.clone(),
        model: seat.model.clone(),
        key: attempt.key.map_or(0, |key| key + 1),
        status,
        outcome,
        took,
        usage: Usage::default(),
        usage_estimated: false,
    }
}

/// For logs and metrics.
pub(super) fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered { .. } | Outcome::Finished => "ok",
        Outcome::OutOfTime => "out_of_time",
        Outcome::ClientGone => "client_gone",
        Outcome::Failed(failure) => match failure {
            Failure::Connect => "connect",
            Failure::ConnectTimeout => "connect_timeout",
            Failure::Tls => "tls",
            Failure::ResetBeforeHead => "reset",
            Failure::Status { .. } => "status",
            Failure::NoFirstToken => "no_first_token",
            Failure::Silence => "silence",
            Failure::EmptyAnswer => "empty",
            Failure::Truncated => "truncated",
            Failure::StreamError { .. } => "stream_error",
            Failure::CutAfterContent => "cut",
            Failure::StallAfterContent => "stall",
            Failure::Unsayable => "unsayable",
            Failure::OtherWords => "other_words",
        },
    }
}
