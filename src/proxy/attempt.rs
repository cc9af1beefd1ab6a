//! What one endpoint is asked: its way, its body, its order.

use std::sync::Arc;

use crate::clock::Tick;
use crate::ir::{Fault, FaultKind};
use crate::live::Pass;
use crate::proxy::Proxy;
use crate::proxy::arrival::Arrival;
use crate::proxy::bodies::{Bodies, Made, Variant};
use crate::proxy::exchange::{Miss, Order};
use crate::proxy::headers::{Converted, Outgoing};
use crate::proxy::intake::Call;
use crate::proxy::refusal::sentence;
use crate::proxy::telling::{Resumes, Teller};
use crate::proxy::way::Way;
use crate::route::{Attempt, Failure, Outcome, Seat};
use crate::wire::convert::{Manner, Unsayable};
use crate::wire::resume;

/// An attempt on its way, and when it began.
pub struct Running {
    pub attempt: Attempt<Pass>,
    pub started: Tick,
}

/// What an attempt asks, ready to be sent.
pub struct Prepared<'a> {
    way: Way<'a>,
    made: Arc<Made>,
    model: Arc<str>,
    timeouts: crate::config::Timeouts,
    /// Usage is asked for in a stream although the client did not.
    strip_usage: bool,
    /// Opaque state in the answer is to be remembered.
    watched: bool,
    deadline: Tick,
    resumes: Option<Resumes<'a>>,
}

/// Where an attempt is made.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub proxy: &'a Proxy,
    pub call: &'a Call,
    pub arrival: &'a Arrival,
    /// When content has to be there.
    pub deadline: Tick,
    pub resumes: Option<Resumes<'a>>,
}

impl<'a> Place<'a> {
    /// Makes the body for an endpoint.
    ///
    /// # Errors
    /// Nothing is sent: this endpoint cannot be asked that.
    pub fn prepare(
        &self,
        attempt: &Attempt<Pass>,
        seat: &Seat,
        bodies: &mut Bodies<'_>,
        variant: Variant<'_>,
    ) -> Result<Prepared<'a>, Box<Miss>> {
        let Some(way) = self.way(attempt, seat) else {
            // A pool that leads to a vendor without this format is the plan's mistake.
            return Err(unfit(Fault::new(
                FaultKind::Internal,
                502,
                "The endpoint does not speak this format.",
            )));
        };
        let made = bodies.for_way(&way, seat, variant, self.arrival);
        let made = made.map_err(|unsayable| unfit(unsayable_fault(&unsayable, &way)))?;
        if let Some(fault) = too_lossy(&made, &way, self.arrival) {
            return Err(unfit(fault));
        }
        Ok(Prepared {
            way,
            made,
            model: self.call.sent(seat).clone(),
            timeouts: seat.policy.timeouts,
            strip_usage: bodies.include_usage,
            watched: bodies.many || self.proxy.vault().is_used(),
            deadline: self.deadline,
            resumes: self.resumes,
        })
    }

    /// How an endpoint is asked. An answer that is gone on with is told anew, in whichever format it comes.
    pub fn way(&self, attempt: &Attempt<Pass>, seat: &Seat) -> Option<Way<'a>> {
        let chat_only = self.call.lane.standing(attempt.spot).is_chat_only();
        let mut way = Way::of(self.arrival, seat, self.call, chat_only)?;
        way.converts |= self.resumes.is_some();
        Some(way)
    }

    /// Whether the vendor is given the beginning of the answer.
    pub fn goes_on(&self) -> bool {
        self.resumes
            .is_some_and(|resumes| resumes.way == resume::Way::GoOn)
    }

    pub fn order<'o>(&self, prepared: &'o Prepared<'_>, attempt: &'o Attempt<Pass>) -> Order<'o>
    where
        'a: 'o,
    {
        let (call, arrival) = (self.call, self.arrival);
        let Prepared { way, made, .. } = prepared;
        let teller = Teller {
            call,
            arrival,
            issuer: way.line.issuer,
            model: &prepared.model,
            ready: made.ready.as_ref(),
            resumes: prepared.resumes,
            vectors: made.vectors.as_ref(),
        };
        Order {
            connector: self.proxy.connector(),
            outgoing: Outgoing {
                client: &call.forwarded,
                line: way.line,
                key: attempt.key,
                suffix: &made.suffix,
                query: made.query.as_deref(),
                content_type: call.form.as_ref(),
                converted: made.ready.as_ref().map(|ready| Converted {
                    headers: &ready.lowered.headers,
                    stream: way.manner == Manner::Stream,
                }),
            },
            body: &made.body,
            kind: way.kind,
            stream: way.manner == Manner::Stream,
            teller,
            rename: call.rename(arrival),
            watched: prepared.watched,
            reasoning: call.scan.reasoning,
            strip_usage: prepared.strip_usage,
            timeouts: prepared.timeouts,
            deadline: prepared.deadline,
            secrets: &way.vendor.secrets,
            pass: &attempt.pass,
        }
    }
}

/// Nothing was sent: this endpoint cannot be asked that.
fn unfit(fault: Fault) -> Box<Miss> {
    Box::new(Miss {
        outcome: Outcome::Failed(Failure::Unsayable),
        fault,
        status: None,
        request_id: None,
        cost: None,
    })
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
        "the endpoint speaks {}, which cannot say: {} (`strict` is on)",
        way.line.format,
        ready.lacking.join(", ")
    );
    let mut fault = Fault::new(FaultKind::InvalidRequest, 400, sentence(&text));
    fault.param = ready.lacking.first().cloned();
    Some(fault)
}
