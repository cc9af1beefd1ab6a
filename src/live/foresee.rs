use std::time::Duration;

use crate::clock::Tick;
use crate::route::pick::{Judge, Moment};
use crate::route::{
    Ask, Blow, Draw, Entry, Explanation, Failure, Field, Held, KeyMark, Load, Look, Needs, Outcome,
    Plan, Seats, Spot, Step, Stop, Ticket, Why,
};

use super::lane::Lane;

/// What would become of a request that came now, endpoint after endpoint failing; nothing is asked, occupied or counted.
///
/// The decisions are those of real requests: it is their [`Plan`], over a pool that only looks. `dice` as for a request.
pub fn foresee(lane: &Lane, needs: Needs, now: Tick, dice: u64) -> (Explanation, Outlook) {
    let field = Onlooker { lane };
    let mut plan = Plan::new(lane.pool().clone(), needs, now);
    let unfit = Outcome::Failed(Failure::Unsayable);
    let mut first = true;
    let outlook = loop {
        match plan.next(&field, now, dice) {
            Step::Try(_) => {
                first = false;
                plan.record(&field, &unfit, now);
            }
            Step::Wait(wait) if first => break Outlook::Waits(wait),
            Step::Wait(_) => break Outlook::Asks,
            Step::Stop(_) if !first => break Outlook::Asks,
            Step::Stop(stop) => break Outlook::Refused(stop),
        }
    };
    (plan.explain(now), outlook)
}

/// What a request would meet with first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// An endpoint is asked: [`Explanation::first`].
    Asks,
    /// Everybody is cooling; whoever is back first is waited for that long.
    Waits(Duration),
    /// Nobody is asked.
    Refused(Stop),
}

/// A lane that is looked at and not touched.
struct Onlooker<'l> {
    lane: &'l Lane,
}

/// Writes down the order of a strategy, and sends everybody back: so nothing is charged to a rotation.
struct Order(Vec<usize>);

impl Judge for Order {
    fn fits(&mut self, seat: usize, among: &mut Seats) -> bool {
        self.0.push(seat);
        among.remove(seat);
        false
    }
}

impl Field for Onlooker<'_> {
    type Pass = ();

    fn suspects(&self, stage: u16, among: &mut Seats) -> Seats {
        self.lane.suspects(stage, among)
    }

    fn select(
        &self,
        stage: u16,
        among: &mut Seats,
        at: Moment,
        judge: &mut dyn Judge,
    ) -> Option<usize> {
        let mut order = Order(Vec::new());
        self.lane.select(stage, &mut among.clone(), at, &mut order);
        order.0.into_iter().find(|seat| judge.fits(*seat, among))
    }

    fn look(&self, spot: Spot, draw: Option<Draw>, now: Tick) -> Look {
        self.lane.look(spot, draw, now)
    }

    fn enter(&self, spot: Spot, draw: Option<Draw>, now: Tick) -> Result<Entry<()>, Held> {
        match self.lane.look(spot, draw, now) {
            Look::Held(held) => Err(held),
            Look::Free | Look::Probe => Ok(Entry {
                pass: (),
                probe: None,
            }),
        }
    }

    fn leave(&self, _spot: Spot, _ticket: Ticket) {}

    /// The first that is free: which of several it is says nothing.
    fn choose_key(
        &self,
        spot: Spot,
        barred: &dyn Fn(usize) -> bool,
        now: Tick,
    ) -> Result<usize, Option<Tick>> {
        let usable = |key: &usize| !barred(*key);
        let keys = || (0..self.lane.pool().seat(spot).keys).filter(usable);
        let held = |key: usize| self.lane.key_held(spot, key, now);
        match keys().find(|key| held(*key).is_none()) {
            Some(key) => Ok(key),
            None => Err(keys().filter_map(held).min()),
        }
    }

    fn key_held(&self, spot: Spot, key: usize, now: Tick) -> Option<Tick> {
        self.lane.key_held(spot, key, now)
    }

    fn load(&self, spot: Spot, among: &Seats) -> Load {
        self.lane.load(spot, among)
    }

    fn answered(&self, _ask: Ask, _first_token: Option<Duration>, _now: Tick) {}

    fn finished(&self, _ask: Ask) {}

    fn failed(&self, _spot: Spot, _blow: Blow, _now: Tick) {}

    fn key_limited(&self, _ask: Ask, _retry_after: Option<Duration>, _now: Tick) {}

    fn key_refused(&self, _ask: Ask, _mark: KeyMark, _now: Tick) {}

    fn count_request(&self, _now: Tick) {}

    fn take_retry(&self, _share: f64, _now: Tick) -> bool {
        false
    }

    fn take_hedge(&self, _share: f64, _now: Tick) -> bool {
        false
    }

    fn slow(&self, _ask: Ask, _waited: Duration, _now: Tick) {}

    fn bound(&self, conversation: u64, now: Tick) -> Option<u64> {
        self.lane.bound(conversation, now)
    }

    fn bind(&self, _conversation: u64, _identity: u64, _now: Tick) {}
}

impl std::fmt::Display for Outlook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outlook::Asks => f.write_str("an endpoint is asked at once"),
            Outlook::Waits(wait) => {
                write!(
                    f,
                    "the first to be back is waited for, {:.1} s",
                    wait.as_secs_f64()
                )
            }
            Outlook::Refused(Stop {
                why: Why::Incapable(_),
                ..
            }) => f.write_str("refused: no endpoint can serve it"),
            Outlook::Refused(stop) => match stop.retry_after {
                Some(back) => write!(
                    f,
                    "refused: nobody is there, the first is back in {:.1} s",
                    back.as_secs_f64()
                ),
                None => f.write_str("refused: nobody is there"),
            },
        }
    }
}
