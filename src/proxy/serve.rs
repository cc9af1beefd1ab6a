//! The walk of a call through its attempts, to exactly one answer.

use pingora::protocols::http::ServerSession;
use std::pin::pin;

use crate::clock::{self, Tick};
use crate::config::Resume;
use crate::ir::{Fault, FaultKind, Usage};
use crate::ledger::{AttemptRow, Choice, Ending, Timing};
use crate::live::Pass;
use crate::proxy::Proxy;
use crate::proxy::arrival::Arrival;
use crate::proxy::attempt::Running;
use crate::proxy::bodies::Bodies;
use crate::proxy::counting::Tried;
use crate::proxy::exchange::{Miss, Reply};
use crate::proxy::intake::{Call, shown};
use crate::proxy::notes::{
    listed, note_candidates, note_losses, tell_end, tell_refused_key, tell_switch,
};
use crate::proxy::paths::CallKind;
use crate::proxy::pump::{Along, Cut, PumpEnd, Pumped, Shelf, pump};
use crate::proxy::race::Ended;
use crate::proxy::refusal::Refusal;
use crate::proxy::reply::Page;
use crate::proxy::resume::break_off;
use crate::proxy::tab::Tab;
use crate::proxy::waiting::{Gone, Waiting};
use crate::proxy::way::issuers;
use crate::route::{Attempt, Failure, Needs, Outcome, Plan, Seat, Step, Stop, Why};
use crate::wire::resume::Shown;

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
    session: &mut ServerSession,
    arrival: &mut Arrival,
    call: &Call,
    tab: &mut Tab,
) -> Result<(), Unserved> {
    let needs = Needs {
        issuers: issuers(arrival, call, proxy.vault()),
        ..call.needs.clone()
    };
    let mut course = Course {
        proxy,
        call,
        arrived: arrival.at,
        plan: Plan::new(call.lane.pool().clone(), needs, arrival.at),
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
    let resumes = streams && call.lane.pool().resume != Resume::Off;
    let mut client = Client {
        waiting: Waiting::new(session, every),
        shown: resumes.then(|| Box::new(Shown::new(call.format))),
        cut: None,
    };
    let ended = course.walk(&mut client, (arrival, tab)).await;
    note_candidates(&course.plan, tab);
    ended
}

/// A client while its answer is made.
pub(super) struct Client<'s> {
    pub waiting: Waiting<'s>,
    /// What it has seen, of a stream that may be resumed.
    pub shown: Option<Box<Shown>>,
    /// Its answer has broken off, and somebody is to go on with it.
    pub cut: Option<Box<Cut>>,
}

/// A call in the middle of its attempts.
pub(super) struct Course<'a> {
    pub proxy: &'a Proxy,
    pub call: &'a Call,
    pub arrived: Tick,
    pub plan: Plan,
    pub bodies: Bodies<'a>,
    /// By attempt number.
    pub misses: Vec<(u32, Box<Miss>)>,
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

/// What is rare is boxed: a future is as large as the largest of what it may wait for, and is moved when it is made.
impl Course<'_> {
    async fn walk(
        &mut self,
        client: &mut Client<'_>,
        (arrival, tab): (&mut Arrival, &mut Tab),
    ) -> Result<(), Unserved> {
        loop {
            let now = clock::now();
            let lane = &*self.call.lane;
            match self.plan.next(lane, now, fastrand::u64(..)) {
                Step::Wait(pause) => {
                    let pausing = pin!(pingora::time::sleep(pause));
                    let paused = client.waiting.during(&arrival.stamp, pausing).await;
                    paused.map_err(|Gone| {
                        self.plan.record(lane, &Outcome::ClientGone, clock::now());
                        Unserved::ClientGone
                    })?;
                }
                Step::Stop(stop) => {
                    return Box::pin(self.stop(&stop, client, (arrival, tab))).await;
                }
                Step::Try(attempt) => {
                    tell_switch(arrival.stamp.id, &attempt, &self.plan);
                    let running = Running {
                        attempt,
                        started: now,
                    };
                    if self.attempt(running, client, (arrival, tab)).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Makes an attempt, and passes on what it brings. Whether the call is answered.
    async fn attempt(
        &mut self,
        running: Running,
        client: &mut Client<'_>,
        (arrival, tab): (&mut Arrival, &mut Tab),
    ) -> Result<bool, Unserved> {
        let before = client.shown.as_deref().filter(|_| client.cut.is_some());
        let waiting = &mut client.waiting;
        let place = self.place(&running.attempt, arrival, before);
        let tried = self.try_out(running, waiting, (place, tab)).await?;
        let Some(Ended {
            mut running,
            mut ended,
        }) = tried
        else {
            return Ok(false);
        };
        while let Err(miss) = &ended
            && let Some(again) = self.again(&running.attempt, miss)
            && running.attempt.pass.renew(clock::now())
        {
            if miss.status.is_some() {
                self.enter(&running.attempt, self.row_of_miss(&running, miss), tab);
                running.started = clock::now();
            }
            self.note(again, &running.attempt, arrival.stamp.id);
            let place = self.place(&running.attempt, arrival, before);
            ended = Box::pin(self.try_again(&running, waiting, (place, tab))).await?;
        }
        match ended {
            Err(mut miss) if self.cannot_count(&miss) => {
                // Which says nothing against the endpoint.
                miss.outcome = Outcome::Failed(Failure::Unsayable);
                self.missed(&running, miss, tab);
                Err(Box::pin(self.count_here(waiting, arrival)).await)
            }
            Err(miss) => {
                self.missed(&running, miss, tab);
                Ok(false)
            }
            Ok(reply) => self.commit(running, reply, client, (arrival, tab)).await,
        }
    }

    /// Nobody is left to ask.
    async fn stop(
        &mut self,
        stop: &Stop,
        client: &mut Client<'_>,
        (arrival, tab): (&mut Arrival, &mut Tab),
    ) -> Result<(), Unserved> {
        if let Some(cut) = client.cut.take() {
            let fault = self.best_miss(stop).map(|miss| miss.fault);
            return break_off(*cut, fault, &mut client.waiting, tab).await;
        }
        if self.may_count(stop) {
            return Err(self.count_here(&mut client.waiting, arrival).await);
        }
        Err(Unserved::Refused {
            refusal: self.refusal(stop, arrival),
            committed: client.waiting.committed,
            sent: client.waiting.sent,
        })
    }

    /// Whether there is nobody at that endpoint to ask how many tokens a request has.
    fn cannot_count(&self, miss: &Miss) -> bool {
        self.call.kind == CallKind::Count && self.tried.cannot_count(miss)
    }

    /// Whether our own count is of more use than the error that the attempts have ended with.
    fn may_count(&self, stop: &Stop) -> bool {
        let best = |(number, _): &&(u32, Box<Miss>)| Some(*number) == stop.best;
        let best = self.misses.iter().find(best).map(|(_, miss)| &miss.fault);
        self.call.kind == CallKind::Count && self.tried.may_count(stop.why, best)
    }

    async fn count_here(&self, waiting: &mut Waiting<'_>, arrival: &mut Arrival) -> Unserved {
        let model = self.tried.model(self.call);
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

    fn missed(&mut self, running: &Running, mut miss: Box<Miss>, tab: &mut Tab) {
        let attempt = &running.attempt;
        if matches!(miss.status, Some(404 | 405)) {
            self.call.lane.standing(attempt.spot).set_chat_only(false);
        }
        let row = self.row_of_miss(running, &miss);
        self.settle(attempt, &row);
        tell_end(tab.record.id, attempt, &row);
        tell_refused_key(&row, &mut miss);
        self.enter(attempt, row, tab);
        self.plan
            .record(&*self.call.lane, &miss.outcome, clock::now());
        self.misses.push((attempt.number, miss));
    }

    /// Passes a reply on to its end. Whether that is the end: if it broke off, another may go on with it.
    async fn commit(
        &mut self,
        running: Running,
        reply: Box<Reply>,
        client: &mut Client<'_>,
        (arrival, tab): (&mut Arrival, &mut Tab),
    ) -> Result<bool, Unserved> {
        let Running { attempt, started } = running;
        let pool = self.call.lane.pool().clone();
        let seat = pool.seat(attempt.spot);
        let model = self.call.sent(seat);
        arrival.routed(&seat.provider_name, model);
        tell_dropped(&reply.dropped, arrival, tab);
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
        let along = Along {
            secrets: vendor.map_or(&[][..], |vendor| &vendor.secrets),
            shelf: Shelf {
                vault: self.proxy.vault(),
                scope: self.call.scope,
            },
            shown: client.shown.as_deref_mut(),
            bodies: tab.record.bodies.as_deref_mut(),
        };
        let waiting = &mut client.waiting;
        let before = waiting.sent;
        let pumped = pump(waiting, &arrival.stamp, reply, along).await;
        waiting.sent = pumped.bytes;
        note_pumped(&pumped, seat, tab);
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
        self.book(tab, pumped.usage, pumped.bytes.saturating_sub(before));
        let name = outcome_name(&outcome);
        let mut row = self.row(&attempt, (Some(status), name), (started, now));
        row.usage = tab.record.usage;
        row.usage_estimated = tab.record.usage_estimated;
        attempt.pass.settle(row.usage.total());
        if cut.is_some() {
            tell_end(tab.record.id, &attempt, &row);
        }
        self.enter(&attempt, row, tab);
        match (ending, cut) {
            (Ending::ClientGone, _) => Err(Unserved::ClientGone),
            (_, None) => Ok(true),
            (_, Some(cut)) => Box::pin(self.go_on(cut, client, tab)).await,
        }
    }

    /// The row of an attempt that has ended.
    pub(super) fn row(
        &self,
        attempt: &Attempt<Pass>,
        (status, outcome): (Option<u16>, &'static str),
        (started, now): (Tick, Tick),
    ) -> AttemptRow {
        let seat = self.plan.pool().seat(attempt.spot);
        let taken = attempt.pass.taken();
        AttemptRow {
            provider: seat.provider_name.clone(),
            model: shown(self.call.sent(seat)),
            endpoint: seat.label.clone(),
            key: attempt.key.map_or(0, |key| key + 1),
            key_masked: attempt
                .key
                .and_then(|key| self.call.lane.masked(attempt.spot, key)),
            status: status.or(taken),
            outcome,
            choice: Choice {
                purpose: attempt.purpose.name(),
                by: attempt.chosen.by.name(),
                of: attempt.chosen.of,
                tier: attempt.spot.stage + 1,
            },
            took: now.since(started),
            timing: self.timing(attempt, started),
            taken: taken.is_some(),
            price: self.call.price(seat).cloned(),
            usage: Usage::default(),
            usage_estimated: false,
        }
    }

    fn timing(&self, attempt: &Attempt<Pass>, started: Tick) -> Timing {
        let marked = attempt.pass.marks.read();
        Timing {
            began: started.since(self.arrived),
            connect: marked.connect,
            reused: marked.reused,
            head: marked.head.map(|at| at.since(started)),
            first: marked.content.map(|at| at.since(started)),
        }
    }

    /// Puts an attempt into the record, and each time before that it was sent to no avail: the vendor may have seen all.
    pub(super) fn enter(&self, attempt: &Attempt<Pass>, mut row: AttemptRow, tab: &mut Tab) {
        for took in attempt.pass.take_resent() {
            row.took = row.took.saturating_sub(took);
            let began = row.timing.began;
            row.timing.began += took;
            row.timing.head = row.timing.head.map(|head| head.saturating_sub(took));
            row.timing.first = row.timing.first.map(|first| first.saturating_sub(took));
            tab.attempt(AttemptRow {
                status: None,
                outcome: "resent",
                took,
                timing: Timing {
                    began,
                    reused: true,
                    ..Timing::default()
                },
                taken: false,
                usage: Usage::default(),
                usage_estimated: false,
                ..row.clone()
            });
        }
        tab.attempt(row);
    }

    /// An attempt that brought nothing. What it cost all the same is ours to say, but for what the vendor had said.
    pub(super) fn row_of_miss(&self, running: &Running, miss: &Miss) -> AttemptRow {
        let Running { attempt, started } = running;
        let what = (miss.status, outcome_name(&miss.outcome));
        let mut row = self.row(attempt, what, (*started, clock::now()));
        let cost = miss.cost.as_ref();
        if let Some(cost) = cost.filter(|_| self.call.kind != CallKind::Count) {
            let estimate = self.estimate(cost.bytes);
            let output = cost.said.output.max(estimate.output);
            row.usage = Usage {
                input: cost.said.input.or(estimate.input),
                output: output.filter(|tokens| *tokens > 0),
                ..cost.said
            };
            row.usage_estimated = true;
        }
        row
    }

    /// An attempt that brought nothing is over.
    pub(super) fn settle(&self, attempt: &Attempt<Pass>, row: &AttemptRow) {
        match row.usage.is_known() {
            true => attempt.pass.settle(row.usage.total()),
            false => attempt.pass.close(),
        }
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
    fn best_miss(&mut self, stop: &Stop) -> Option<Box<Miss>> {
        let best = stop.best?;
        let at = self.misses.iter().position(|(number, _)| *number == best)?;
        Some(self.misses.swap_remove(at).1)
    }

    fn refusal(&mut self, stop: &Stop, arrival: &mut Arrival) -> Refusal {
        let model = self.plan.pool().name.clone();
        let mut failed = self.plan.failed().iter();
        if let Some(failed) = failed.find(|failed| Some(failed.number) == stop.best) {
            let seat = self.plan.seat(failed.ask.spot);
            arrival.routed(&seat.provider_name, self.call.sent(seat));
        }
        let best = self.best_miss(stop).map(|miss| {
            arrival.stamp.upstream_id = miss.request_id;
            miss.fault
        });
        match (stop.why, best) {
            (Why::Incapable(lacks), None) => Refusal::Incapable { model, lacks },
            (Why::Cooling, None) => Refusal::Cooling {
                model,
                retry_after: stop.retry_after,
            },
            (Why::Spent, None) => Refusal::Spent {
                model,
                retry_after: stop.retry_after,
            },
            (Why::Limited, None) => Refusal::Limited {
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

/// Says what was lost on the way there and, of an answer that is whole, on the way back.
fn tell_dropped(dropped: &[String], arrival: &mut Arrival, tab: &mut Tab) {
    if !dropped.is_empty() {
        let list = listed(dropped);
        arrival.dropped(&list);
        note_losses(tab, &list);
    }
}

fn note_pumped(pumped: &Pumped, seat: &Seat, tab: &mut Tab) {
    if !pumped.dropped.is_empty() {
        note_losses(tab, &listed(&pumped.dropped));
    }
    if pumped.malformed > 0 {
        crate::telemetry::metrics::MALFORMED_EVENTS
            .with_label_values(&[&*seat.provider_name])
            .inc_by(u64::from(pumped.malformed));
    }
}

/// For logs and metrics.
pub(super) fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered { .. } | Outcome::Finished => AttemptRow::OK,
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
