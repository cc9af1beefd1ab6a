//! The walk of a call through its attempts, to exactly one answer.

use std::pin::pin;
use std::time::Duration;

use pingora_proxy::Session;

use crate::clock::{self, Tick};
use crate::ir::{Fault, FaultKind, Usage};
use crate::ledger::{AttemptRow, Ending};
use crate::live::Pass;
use crate::proxy::Proxy;
use crate::proxy::arrival::Arrival;
use crate::proxy::bodies::{Bodies, Made};
use crate::proxy::counting::Tried;
use crate::proxy::exchange::{Miss, Order, Reply};
use crate::proxy::headers::{Converted, Outgoing};
use crate::proxy::intake::Call;
use crate::proxy::paths::CallKind;
use crate::proxy::pump::{PumpEnd, Shelf, pump};
use crate::proxy::refusal::{Refusal, sentence};
use crate::proxy::reply::Page;
use crate::proxy::tab::Tab;
use crate::proxy::telling::Teller;
use crate::proxy::waiting::{Gone, Waiting};
use crate::proxy::way::{Way, issuers};
use crate::route::{Attempt, Failure, Needs, Outcome, Plan, Seat, Step, Stop, Why};
use crate::wire::convert::{Manner, Unsayable};
use crate::wire::error;

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
    let needs = Needs {
        issuers: issuers(arrival, call, proxy.vault()),
        ..call.needs.clone()
    };
    let mut course = Course {
        proxy,
        call,
        plan: Plan::new(call.lane.pool().clone(), needs, arrival.at),
        bodies: Bodies::new(call, proxy.vault()),
        without_state: Vec::new(),
        misses: Vec::new(),
        tried: Tried::default(),
    };
    let pings = call.stream && !call.array && call.kind == CallKind::Conversation;
    let every = arrival.wiring.snapshot.gateway.ping.filter(|_| pings);
    let mut waiting = Waiting::new(session, every);
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
                if course.may_count(&stop) {
                    return Err(course.count_here(waiting, arrival).await);
                }
                return Err(Unserved::Refused {
                    refusal: course.refusal(&stop, arrival),
                    committed: waiting.committed,
                    sent: waiting.sent,
                });
            }
            Step::Try(attempt) => {
                let trying = course.try_one((&attempt, now), &mut waiting, arrival, tab);
                let mut ended = trying.await?;
                let again = course.is_about_state(&attempt, &ended)
                    || course.is_chat_only(&attempt, &ended);
                if again && attempt.pass.renew(clock::now()) {
                    let again = course.try_one((&attempt, now), &mut waiting, arrival, tab);
                    ended = again.await?;
                }
                match ended {
                    Err(miss) if course.cannot_count(&miss) => {
                        // Which says nothing against the endpoint.
                        let outcome = Outcome::Failed(Failure::Unsayable);
                        course.missed(&attempt, Miss { outcome, ..miss }, now, tab);
                        return Err(course.count_here(waiting, arrival).await);
                    }
                    Err(miss) => course.missed(&attempt, miss, now, tab),
                    Ok(reply) => {
                        return course
                            .commit(attempt, reply, waiting, (arrival, tab, now))
                            .await;
                    }
                }
            }
        }
    }
}

/// A call in the middle of its attempts.
struct Course<'a> {
    proxy: &'a Proxy,
    call: &'a Call,
    plan: Plan,
    bodies: Bodies<'a>,
    /// By attempt number.
    misses: Vec<(u32, Miss)>,
    /// The endpoints, by identity, that have refused the opaque state in the request: they are asked once more, without it.
    without_state: Vec<u64>,
    tried: Tried,
}

impl Course<'_> {
    async fn try_one(
        &mut self,
        (attempt, started): (&Attempt<Pass>, Tick),
        waiting: &mut Waiting<'_>,
        arrival: &Arrival,
        tab: &mut Tab,
    ) -> Result<Result<Reply, Miss>, Unserved> {
        let pool = self.call.lane.pool().clone();
        let seat = pool.seat(attempt.spot);
        let chat_only = self.call.lane.standing(attempt.spot).is_chat_only();
        let way = Way::of(arrival, seat, self.call, chat_only);
        self.tried.note(&seat.model, way.as_ref());
        let Some(way) = way else {
            // A pool that leads to a vendor without this format is the plan's mistake.
            return Ok(Err(unfit(Fault::new(
                FaultKind::Internal,
                502,
                "The endpoint does not speak this format.",
            ))));
        };
        let without = self.without_state.contains(&seat.identity);
        let strip_usage = self.bodies.include_usage;
        let watched = self.bodies.many || self.proxy.vault().is_used();
        let made = match self.bodies.for_way(&way, seat, without, arrival) {
            Ok(made) => made,
            Err(unsayable) => return Ok(Err(unfit(unsayable_fault(&unsayable, &way)))),
        };
        if let Some(fault) = too_lossy(made, &way, arrival) {
            return Ok(Err(unfit(fault)));
        }
        let teller = Teller {
            call: self.call,
            arrival,
            issuer: way.line.issuer,
            model: &seat.model,
            ready: made.ready.as_ref(),
            vectors: made.vectors.as_ref(),
        };
        let order = Order {
            connector: self.proxy.connector(),
            outgoing: Outgoing {
                client: &self.call.forwarded,
                line: way.line,
                key: attempt.key,
                suffix: &made.suffix,
                query: made.query.as_deref(),
                content_type: self.call.form.as_ref(),
                converted: made.ready.as_ref().map(|ready| Converted {
                    headers: &ready.lowered.headers,
                    stream: way.manner == Manner::Stream,
                }),
            },
            body: &made.body,
            kind: way.kind,
            stream: way.manner == Manner::Stream,
            teller,
            rename: self.call.rename(arrival),
            watched,
            reasoning: self.call.scan.reasoning,
            strip_usage,
            timeouts: seat.policy.timeouts,
            deadline: self.plan.deadline(),
            secrets: &way.vendor.secrets,
            pass: &attempt.pass,
        };
        let ended = waiting.during(&arrival.stamp, pin!(order.run())).await;
        ended.map_err(|Gone| {
            let now = clock::now();
            let row = row(seat, attempt, (None, "client_gone"), now.since(started));
            self.plan
                .record(&*self.call.lane, &Outcome::ClientGone, now);
            tab.attempt(row);
            self.book(tab, Usage::default(), 0);
            Unserved::ClientGone
        })
    }

    /// Whether the vendor has refused opaque state in the request; then the same endpoint is asked once more, without.
    fn is_about_state(&mut self, attempt: &Attempt<Pass>, ended: &Result<Reply, Miss>) -> bool {
        let Err(miss) = ended else {
            return false;
        };
        let identity = self.plan.pool().seat(attempt.spot).identity;
        let is = self.call.kind == CallKind::Conversation
            && miss.status.is_some()
            && error::is_about_state(&miss.fault)
            && !self.without_state.contains(&identity);
        if is {
            log::info!("the vendor refuses the opaque state of earlier turns; asking without it");
            self.without_state.push(identity);
        }
        is
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

    /// Whether the vendor has no path for completions; then the same endpoint is asked once more, for a conversation. What
    /// was learnt so is remembered for the requests after this one, unless the conversation finds nothing either.
    fn is_chat_only(&self, attempt: &Attempt<Pass>, ended: &Result<Reply, Miss>) -> bool {
        let status = ended.as_ref().err().and_then(|miss| miss.status);
        let seat = self.plan.pool().seat(attempt.spot);
        let standing = self.call.lane.standing(attempt.spot);
        let is = self.call.kind == CallKind::Completion
            && self.call.needs.convertible
            && seat.formats.contains(&self.call.format)
            && matches!(status, Some(404 | 405))
            && !standing.is_chat_only();
        if is {
            let (provider, model) = (standing.provider(), standing.model());
            log::info!("{provider}/{model} has no path for completions; asking for a conversation");
            standing.set_chat_only(true);
        }
        is
    }

    fn missed(&mut self, attempt: &Attempt<Pass>, miss: Miss, started: Tick, tab: &mut Tab) {
        let now = clock::now();
        attempt.pass.close();
        let seat = self.plan.pool().seat(attempt.spot);
        if matches!(miss.status, Some(404 | 405)) {
            self.call.lane.standing(attempt.spot).set_chat_only(false);
        }
        let row = row(
            seat,
            attempt,
            (miss.status, outcome_name(&miss.outcome)),
            now.since(started),
        );
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
        tab.attempt(row);
        self.plan.record(&*self.call.lane, &miss.outcome, now);
        self.misses.push((attempt.number, miss));
    }

    async fn commit(
        mut self,
        attempt: Attempt<Pass>,
        reply: Reply,
        waiting: Waiting<'_>,
        (arrival, tab, started): (&mut Arrival, &mut Tab, Tick),
    ) -> Result<(), Unserved> {
        let pool = self.call.lane.pool().clone();
        let seat = pool.seat(attempt.spot);
        let (provider, model) = (seat.provider_name.clone(), seat.model.clone());
        log::debug!(
            "selected provider: {provider}/{model}, attempt {}",
            attempt.number
        );
        arrival.routed(&provider, &model);
        self.tell_dropped(&attempt, &reply, arrival);
        let answered = Outcome::Answered {
            first_token: reply.first_token,
        };
        let status = reply.status;
        let now = clock::now();
        self.plan.record(&*self.call.lane, &answered, now);
        tab.record.status = status;
        tab.first_content(now);
        let wiring = arrival.wiring.clone();
        let vendor = wiring.vendor(seat.provider);
        let secrets = vendor.map_or(&[][..], |vendor| &vendor.secrets);
        let shelf = Shelf {
            vault: self.proxy.vault(),
            scope: self.call.scope,
        };
        let pumped = pump(waiting, &arrival.stamp, reply, secrets, shelf).await;
        if !pumped.dropped.is_empty() {
            log::info!("lost in conversion: {}", pumped.dropped.join(", "));
        }
        let (outcome, ending, name) = match pumped.end {
            PumpEnd::Complete => (Outcome::Finished, Ending::Complete, "ok"),
            PumpEnd::ClientGone => (Outcome::ClientGone, Ending::ClientGone, "client_gone"),
            PumpEnd::Broken(failure) => {
                let outcome = Outcome::Failed(failure);
                let name = outcome_name(&outcome);
                (outcome, Ending::Broken, name)
            }
        };
        let now = clock::now();
        self.plan.record(&*self.call.lane, &outcome, now);
        tab.record.ending = ending;
        tab.record.bytes_out = pumped.bytes;
        self.book(tab, pumped.usage, pumped.bytes);
        attempt.pass.settle(tab.record.usage.total());
        tab.attempt(row(
            self.plan.pool().seat(attempt.spot),
            &attempt,
            (Some(status), name),
            now.since(started),
        ));
        if pumped.malformed > 0 {
            let skipped = u64::from(pumped.malformed);
            crate::telemetry::metrics::MALFORMED_EVENTS
                .with_label_values(&[&*provider])
                .inc_by(skipped);
        }
        match ending {
            Ending::ClientGone => Err(Unserved::ClientGone),
            _ => Ok(()),
        }
    }

    /// Says what was lost on the way there and, of an answer that is whole, on the way back.
    fn tell_dropped(&mut self, attempt: &Attempt<Pass>, reply: &Reply, arrival: &mut Arrival) {
        let mut dropped = self.dropped(attempt, arrival);
        dropped.extend(reply.dropped.iter().cloned());
        if !dropped.is_empty() {
            log::info!("lost in conversion: {}", dropped.join(", "));
            arrival.dropped(&dropped);
        }
    }

    /// What the request lost on its way to that endpoint.
    fn dropped(&mut self, attempt: &Attempt<Pass>, arrival: &Arrival) -> Vec<String> {
        let pool = self.call.lane.pool().clone();
        let seat = pool.seat(attempt.spot);
        let without = self.without_state.contains(&seat.identity);
        let chat_only = self.call.lane.standing(attempt.spot).is_chat_only();
        let way = Way::of(arrival, seat, self.call, chat_only).filter(|way| way.converts);
        let made = way.and_then(|way| {
            let made = self.bodies.for_way(&way, seat, without, arrival);
            made.ok()?.ready.as_ref()
        });
        made.map_or_else(Vec::new, |ready| ready.dropped.clone())
    }

    /// Counting costs nothing.
    fn book(&self, tab: &mut Tab, said: Usage, bytes_out: u64) {
        if self.call.kind != CallKind::Count {
            tab.book(said, self.estimate(bytes_out));
        }
    }

    /// Tokens where the vendor did not say: ours for the input; for the output four bytes of an answer each, or an
    /// event of a stream, which is some hundred bytes of frame around a token or a few.
    fn estimate(&self, bytes_out: u64) -> Usage {
        let bytes_a_token = if self.call.stream { 160 } else { 4 };
        Usage {
            input: Some(self.call.scan.estimated_tokens),
            output: Some(bytes_out / bytes_a_token),
            ..Usage::default()
        }
    }

    fn refusal(&mut self, stop: &Stop, arrival: &mut Arrival) -> Refusal {
        let model = self.plan.pool().name.clone();
        let best = stop.best.and_then(|best| {
            let at = self.misses.iter().position(|(number, _)| *number == best)?;
            let (_, miss) = self.misses.swap_remove(at);
            arrival.stamp.upstream_id = miss.request_id;
            Some(miss.fault)
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

/// Nothing was sent: this endpoint cannot be asked that.
fn unfit(fault: Fault) -> Miss {
    Miss {
        outcome: Outcome::Failed(Failure::Unsayable),
        fault,
        status: None,
        request_id: None,
    }
}

fn unsayable_fault(unsayable: &Unsayable, way: &Way<'_>) -> Fault {
    let text = format!("{unsayable} (the endpoint speaks {})", way.line.format);
    about(&unsayable.path, &text)
}

/// A request that is wrong at that place.
pub(super) fn about(path: &str, text: &str) -> Fault {
    let mut fault = Fault::new(FaultKind::InvalidRequest, 400, sentence(text));
    fault.param = Some(path.to_owned()).filter(|path| !path.is_empty());
    fault
}

/// `strict`: a loss that may make it another answer is a refusal.
fn too_lossy(made: &Made, way: &Way<'_>, arrival: &Arrival) -> Option<Fault> {
    let ready = made.ready.as_ref()?;
    if ready.lacking.is_empty() {
        return None;
    }
    if !arrival.wiring.snapshot.gateway.strict {
        return None;
    }
    let text = format!(
        "the endpoint speaks {}, which cannot say: {}",
        way.line.format,
        ready.lacking.join(", ")
    );
    let mut fault = Fault::new(FaultKind::InvalidRequest, 400, sentence(&text));
    fault.param = ready.lacking.first().cloned();
    Some(fault)
}

fn row(
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
    }
}

/// For logs and metrics.
fn outcome_name(outcome: &Outcome) -> &'static str {
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
        },
    }
}
