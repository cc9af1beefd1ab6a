//! An attempt up to its first content, and a second one beside it when its first token is late.
//!
//! Both run as futures of this task: the one that loses is dropped, which closes its connection or resets its stream.

use std::future::Future;
use std::pin::{Pin, pin};

use pingora::time::timeout;

use crate::clock;
use crate::ir::Usage;
use crate::ledger::AttemptRow;
use crate::proxy::attempt::{Place, Prepared, Running};
use crate::proxy::bodies::Variant;
use crate::proxy::exchange::{Miss, Reply};
use crate::proxy::paths::CallKind;
use crate::proxy::serve::{Course, Unserved};
use crate::proxy::tab::Tab;
use crate::proxy::waiting::{Gone, Waiting};
use crate::route::Outcome;

/// How an attempt ended, which may be another one than that which was begun with.
pub struct Ended {
    pub running: Running,
    pub ended: Result<Box<Reply>, Box<Miss>>,
}

/// Which of two attempts.
#[derive(Clone, Copy)]
enum Who {
    First,
    Second,
}

/// `None`: the failure of one is the end of both.
type Raced = Option<(Who, Result<Box<Reply>, Box<Miss>>)>;

impl Course<'_> {
    /// Runs an attempt up to its first content. `None`: two ran, and the failure of one has ended both; it is recorded.
    ///
    /// # Errors
    /// The client is gone.
    pub(super) async fn try_out(
        &mut self,
        running: Running,
        waiting: &mut Waiting<'_>,
        (place, tab): (Place<'_>, &mut Tab),
    ) -> Result<Option<Ended>, Unserved> {
        let mut rival = None;
        let raced = self
            .race(&running, &mut rival, waiting, (place, tab))
            .await?;
        Ok(match raced {
            Some((Who::First, ended)) => Some(Ended { running, ended }),
            Some((Who::Second, ended)) => rival.map(|running| Ended { running, ended }),
            None => None,
        })
    }

    /// Asks once more in the same attempt.
    ///
    /// # Errors
    /// The client is gone.
    pub(super) async fn try_again(
        &mut self,
        running: &Running,
        waiting: &mut Waiting<'_>,
        (place, tab): (Place<'_>, &mut Tab),
    ) -> Result<Result<Box<Reply>, Box<Miss>>, Unserved> {
        let prepared = match self.prepare(running, &place) {
            Ok(prepared) => prepared,
            Err(miss) => return Ok(Err(miss)),
        };
        let order = place.order(&prepared, &running.attempt);
        let asking = pin!(order.run());
        let ended = waiting.during(&place.arrival.stamp, asking).await;
        ended.map_err(|Gone| self.gone(&[running], tab))
    }

    async fn race(
        &mut self,
        first: &Running,
        rival: &mut Option<Running>,
        waiting: &mut Waiting<'_>,
        (place, tab): (Place<'_>, &mut Tab),
    ) -> Result<Raced, Unserved> {
        let prepared = match self.prepare(first, &place) {
            Ok(prepared) => prepared,
            Err(miss) => return Ok(Some((Who::First, Err(miss)))),
        };
        let order = place.order(&prepared, &first.attempt);
        let mut asking = pin!(order.run());
        let stamp = &place.arrival.stamp;
        // The first token is what is waited for, and not where reasoning was asked for: silence is normal there.
        let is_stream = self.call.stream
            && self.call.kind == CallKind::Conversation
            && !self.call.scan.reasoning;
        if let Some(after) = self.plan.hedges_after().filter(|_| is_stream) {
            let soon = pin!(timeout(after, asking.as_mut()));
            let soon = waiting.during(stamp, soon).await;
            if let Ok(ended) = soon.map_err(|Gone| self.gone(&[first], tab))? {
                return Ok(Some((Who::First, ended)));
            }
            let now = clock::now();
            let second = self.plan.hedge(&*self.call.lane, now, fastrand::u64(..));
            if let Some(attempt) = second {
                let started = now;
                let rival = &*rival.insert(Running { attempt, started });
                log::debug!(
                    "id={} the first token is late; asking another endpoint beside",
                    stamp.id
                );
                let beside = self.beside(asking, [first, rival], waiting, (place, tab));
                return Box::pin(beside).await;
            }
        }
        let ended = waiting.during(stamp, asking).await;
        let ended = ended.map_err(|Gone| self.gone(&[first], tab))?;
        Ok(Some((Who::First, ended)))
    }

    async fn beside(
        &mut self,
        mut asking: Pin<&mut impl Future<Output = Result<Box<Reply>, Box<Miss>>>>,
        [first, second]: [&Running; 2],
        waiting: &mut Waiting<'_>,
        (place, tab): (Place<'_>, &mut Tab),
    ) -> Result<Raced, Unserved> {
        let stamp = &place.arrival.stamp;
        let prepared = match self.prepare(second, &place) {
            Ok(prepared) => prepared,
            Err(miss) => {
                if !self.missed_beside(second, miss, tab) {
                    self.lost(first, tab);
                    return Ok(None);
                }
                let ended = waiting.during(stamp, asking).await;
                let ended = ended.map_err(|Gone| self.gone(&[first], tab))?;
                return Ok(Some((Who::First, ended)));
            }
        };
        let order = place.order(&prepared, &second.attempt);
        let mut other = pin!(order.run());
        let both = async {
            tokio::select! {
                biased;
                ended = asking.as_mut() => (Who::First, ended),
                ended = other.as_mut() => (Who::Second, ended),
            }
        };
        let raced = waiting.during(stamp, pin!(both)).await;
        let (who, ended) = raced.map_err(|Gone| self.gone(&[first, second], tab))?;
        let (done, left) = match who {
            Who::First => (first, second),
            Who::Second => (second, first),
        };
        let miss = match ended {
            // Also one that is to be asked again speaks to us.
            Err(miss) if self.again(&done.attempt, &miss).is_none() => miss,
            ended => {
                let now = clock::now();
                self.plan.won(&*self.call.lane, done.attempt.number, now);
                self.lost(left, tab);
                return Ok(Some((who, ended)));
            }
        };
        if !self.missed_beside(done, miss, tab) {
            self.lost(left, tab);
            return Ok(None);
        }
        let (who, ended) = match who {
            Who::First => (Who::Second, waiting.during(stamp, other).await),
            Who::Second => (Who::First, waiting.during(stamp, asking).await),
        };
        let ended = ended.map_err(|Gone| self.gone(&[left], tab))?;
        Ok(Some((who, ended)))
    }

    fn prepare<'p>(
        &mut self,
        running: &Running,
        place: &Place<'p>,
    ) -> Result<Prepared<'p>, Box<Miss>> {
        let attempt = &running.attempt;
        let pool = self.call.lane.pool().clone();
        let seat = pool.seat(attempt.spot);
        self.tried
            .note(self.call.sent(seat), place.way(attempt, seat).as_ref());
        let partial = self.partial.as_deref().filter(|_| place.goes_on());
        let variant = Variant {
            without_state: self.without_state.contains(&seat.identity),
            partial: partial.map(|partial| (self.cuts, partial)),
        };
        place.prepare(attempt, seat, &mut self.bodies, variant)
    }

    /// One of two has failed. Whether the other goes on.
    fn missed_beside(&mut self, running: &Running, miss: Box<Miss>, tab: &mut Tab) -> bool {
        let attempt = &running.attempt;
        let row = self.row_of_miss(running, &miss);
        self.settle(attempt, &row);
        self.enter(attempt, row, tab);
        let told = (&miss.outcome, clock::now());
        let goes_on = self
            .plan
            .record_beside(&*self.call.lane, attempt.number, told);
        self.misses.push((attempt.number, miss));
        goes_on
    }

    /// The other spoke first, or ended both: this one is cancelled.
    fn lost(&self, running: &Running, tab: &mut Tab) {
        self.enter(
            &running.attempt,
            self.row_of_cancelled(running, "lost"),
            tab,
        );
    }

    /// What it cost by then nobody says.
    fn row_of_cancelled(&self, running: &Running, why: &'static str) -> AttemptRow {
        let Running { attempt, started } = running;
        let mut row = self.row(attempt, (None, why), (*started, clock::now()));
        if self.call.kind != CallKind::Count {
            row.usage = Usage {
                output: None,
                ..self.estimate(0)
            };
            row.usage_estimated = true;
        }
        row
    }

    fn gone(&mut self, running: &[&Running], tab: &mut Tab) -> Unserved {
        for running in running {
            let row = self.row_of_cancelled(running, "client_gone");
            self.enter(&running.attempt, row, tab);
        }
        self.plan
            .record(&*self.call.lane, &Outcome::ClientGone, clock::now());
        // What was answered before is booked already.
        if self.cuts == 0 {
            self.book(tab, Usage::default(), 0);
        }
        Unserved::ClientGone
    }
}
