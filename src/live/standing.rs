//! How every endpoint and every key stands, shared by all requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Tick;
use crate::config::{self, Policy};
use crate::route::{Blow, Ewma, Health, Held, HeldBy, KeyHealth, KeyMark, Look, Ticket, Verdict};

use super::marks::Marks;
use super::meter::{Hold, Pledge};

/// Counts every change between well and not well, of anybody: who has seen a number knows that nothing changed since.
#[derive(Debug, Clone, Default)]
pub(super) struct News(Arc<AtomicU64>);

impl News {
    pub(super) fn tell(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn number(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// One endpoint: health, requests in flight, pace. The same object in every pool that has the endpoint, and after every
/// reload.
#[derive(Debug)]
pub struct Standing {
    /// Says what `health` says, without its lock: the common path takes no lock.
    well: AtomicBool,
    in_flight: AtomicU32,
    health: Mutex<Health>,
    pace: Mutex<Ewma>,
    news: News,
    /// The vendor has said that it has no path for completions.
    chat_only: AtomicBool,
    provider: String,
    model: String,
}

/// For metrics and people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Well,
    /// Its deadline is over; one request at a time finds out.
    HalfOpen,
    Cooling {
        until: Tick,
    },
    Open {
        until: Tick,
    },
}

impl Standing {
    pub(super) fn new(provider: &str, model: &str, news: News) -> Standing {
        Standing {
            well: AtomicBool::new(true),
            in_flight: AtomicU32::new(0),
            health: Mutex::default(),
            pace: Mutex::default(),
            news,
            chat_only: AtomicBool::new(false),
            provider: provider.to_owned(),
            model: model.to_owned(),
        }
    }

    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The upstream model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether completions are known to be nothing that the endpoint can be asked.
    pub fn is_chat_only(&self) -> bool {
        self.chat_only.load(Ordering::Relaxed)
    }

    pub fn set_chat_only(&self, is: bool) {
        self.chat_only.store(is, Ordering::Relaxed);
    }

    pub fn is_well(&self) -> bool {
        self.well.load(Ordering::SeqCst)
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What one more request costs there, for `fastest`: microseconds of first-token time, times those who wait.
    pub fn cost(&self, now: Tick) -> f64 {
        self.pace.lock().cost(self.in_flight(), now)
    }

    pub fn state(&self, now: Tick) -> State {
        let health = self.health.lock();
        match health.held(now) {
            Some(Held {
                why: HeldBy::Open,
                until,
            }) => State::Open { until },
            Some(Held { until, .. }) => State::Cooling { until },
            None if health.is_well() => State::Well,
            None => State::HalfOpen,
        }
    }

    /// An active check of the vendor was answered well: ends cooldowns that came from not reaching it.
    pub fn reachable(&self, now: Tick) {
        if !self.is_well() {
            self.health.lock().reachable(now);
        }
    }

    pub(super) fn look(&self, now: Tick, policy: &Policy) -> Look {
        if self.is_well() {
            return Look::Free;
        }
        match self.health.lock().verdict(now, policy) {
            Verdict::Well => Look::Free,
            Verdict::Probe => Look::Probe,
            Verdict::Held(held) => Look::Held(held),
        }
    }

    /// Occupies it for one attempt. Exactly one caller at a time gets a probe.
    pub(super) fn enter(self: &Arc<Self>, now: Tick, policy: &Policy) -> Result<Pass, Held> {
        let ticket = if self.is_well() {
            None
        } else {
            self.claim(now, policy)?
        };
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(Pass {
            standing: self.clone(),
            ticket,
            hold: None,
            status: AtomicU16::new(0),
            resent: Mutex::default(),
            marks: Marks::default(),
        })
    }

    fn claim(&self, now: Tick, policy: &Policy) -> Result<Option<Ticket>, Held> {
        let mut health = self.health.lock();
        match health.verdict(now, policy) {
            Verdict::Well => Ok(None),
            Verdict::Probe => Ok(health.claim(now, policy)),
            Verdict::Held(held) => Err(held),
        }
    }

    pub(super) fn leave(&self, ticket: Ticket) {
        self.health.lock().release(ticket);
    }

    pub(super) fn answered(&self, probe: Option<Ticket>, first_token: Option<Duration>, now: Tick) {
        if let Some(first_token) = first_token {
            self.pace.lock().sample(first_token, now);
        }
        if !self.is_well() {
            self.change(|health| health.answered(probe));
        }
    }

    pub(super) fn slow(&self, waited: Duration, now: Tick) {
        self.pace.lock().at_least(waited, now);
    }

    pub(super) fn finished(&self, began: Tick) {
        self.change(|health| health.finished(began));
    }

    pub(super) fn failed(&self, blow: Blow, now: Tick, policy: &Policy) {
        if blow.counts {
            self.pace.lock().fail(now);
        }
        self.change(|health| health.fail(blow, now, policy));
    }

    /// The flag and the news follow while the lock is held: two changes at once cannot leave the flag behind.
    fn change(&self, with: impl FnOnce(&mut Health)) {
        let mut health = self.health.lock();
        with(&mut health);
        let well = health.is_well();
        if self.well.swap(well, Ordering::SeqCst) != well {
            self.news.tell();
        }
    }
}

/// Given back by being dropped: an endpoint's in-flight count, for a probe its probe slot, and what is reserved of its
/// quota where it has one.
#[derive(Debug)]
pub struct Pass {
    standing: Arc<Standing>,
    ticket: Option<Ticket>,
    hold: Option<Hold>,
    /// Under which the vendor has taken the call; 0: it has not.
    status: AtomicU16,
    /// How long each sending was under way that was made again.
    resent: Mutex<Vec<Duration>>,
    /// When in it what happened.
    pub marks: Marks,
}

impl Pass {
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    pub(super) fn holding(self: Pass, hold: Hold) -> Pass {
        let mut pass = self;
        pass.hold = Some(hold);
        pass
    }

    /// The vendor has taken the call (the head of a 2xx): it counts, whatever becomes of the answer.
    pub fn accepted(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
        if let Some(hold) = &self.hold {
            hold.accepted();
        }
    }

    /// Under which status the vendor has taken the call, if it has.
    pub fn taken(&self) -> Option<u16> {
        Some(self.status.load(Ordering::Relaxed)).filter(|status| *status > 0)
    }

    /// It was sent for so long over a connection that then ended without a word, and is sent once more.
    pub fn sent_again(&self, after: Duration) {
        self.resent.lock().push(after);
    }

    /// How long each of these took.
    pub fn take_resent(&self) -> Vec<Duration> {
        std::mem::take(&mut self.resent.lock())
    }

    /// The call is over, and took so many tokens.
    pub fn settle(&self, tokens: u64) {
        if let Some(hold) = &self.hold {
            hold.settle(tokens);
        }
    }

    /// The call is over, and nobody knows what it took: what was reserved is given back, unless the vendor has taken it.
    pub fn close(&self) {
        if let Some(hold) = &self.hold {
            hold.close();
        }
    }

    /// What is reserved, for somebody who will hear whether the vendor has taken the call: this attempt will not.
    /// `None` where nothing is, or that is known.
    pub fn hand_over(&self) -> Option<Pledge> {
        self.hold.as_ref()?.hand_over()
    }

    /// Whether the same attempt may ask once more.
    pub fn renew(&self, now: Tick) -> bool {
        self.status.store(0, Ordering::Relaxed);
        self.marks.clear();
        self.hold.as_ref().is_none_or(|hold| hold.renew(now))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.standing.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(ticket) = self.ticket {
            self.standing.leave(ticket);
        }
    }
}

/// One provider key for one upstream model.
#[derive(Debug)]
pub struct KeyStanding {
    /// Says what `health` says, without its lock.
    well: AtomicBool,
    health: Mutex<KeyHealth>,
    news: News,
    provider: String,
    model: String,
    masked: String,
}

impl KeyStanding {
    /// `masked`: how the key is shown.
    pub(super) fn new(provider: &str, model: &str, masked: String, news: News) -> KeyStanding {
        KeyStanding {
            well: AtomicBool::new(true),
            health: Mutex::default(),
            news,
            provider: provider.to_owned(),
            model: model.to_owned(),
            masked,
        }
    }

    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The upstream model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The key as it may be shown.
    pub fn masked(&self) -> &str {
        &self.masked
    }

    pub fn is_well(&self) -> bool {
        self.well.load(Ordering::SeqCst)
    }

    /// When it may be used again, if not now.
    pub fn held(&self, now: Tick) -> Option<Tick> {
        if self.is_well() {
            None
        } else {
            self.health.lock().held(now)
        }
    }

    /// Why the vendor refused it, until it takes it again.
    pub fn mark(&self) -> Option<KeyMark> {
        if self.is_well() {
            None
        } else {
            self.health.lock().mark()
        }
    }

    pub(super) fn answered(&self, began: Tick) {
        if !self.is_well() {
            self.change(|health| health.answered(began));
        }
    }

    pub(super) fn limited(
        &self,
        began: Tick,
        retry_after: Option<Duration>,
        now: Tick,
        policy: &config::Cooldown,
    ) {
        self.change(|health| health.limited(began, now, retry_after, policy));
    }

    pub(super) fn refused(&self, began: Tick, mark: KeyMark, now: Tick, policy: &config::Cooldown) {
        self.change(|health| health.refused(began, now, mark, policy));
    }

    fn change(&self, with: impl FnOnce(&mut KeyHealth)) {
        let mut health = self.health.lock();
        with(&mut health);
        let well = health.is_well();
        if self.well.swap(well, Ordering::SeqCst) != well {
            self.news.tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::route::Cause;
    use crate::route::fixture::policy;

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    fn cooling() -> Arc<Standing> {
        let standing = Arc::new(Standing::new("p", "m", News::default()));
        standing.failed(Blow::new(at(1), Cause::Answer), at(1), &policy());
        standing
    }

    #[test]
    fn of_many_threads_exactly_one_probes_at_a_time() {
        let standing = cooling();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let claims = AtomicUsize::new(0);
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..5_000 {
                        let Ok(pass) = standing.enter(at(20), &policy()) else {
                            continue;
                        };
                        assert!(pass.ticket().is_some());
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        claims.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(pass);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
        assert!(claims.into_inner() > 0);
        assert_eq!(standing.in_flight(), 0);
        assert!(
            standing.enter(at(20), &policy()).is_ok(),
            "the slot came back"
        );
    }

    #[test]
    fn a_dropped_pass_gives_back_slot_and_count() {
        let standing = cooling();
        let pass = standing.enter(at(20), &policy()).unwrap();
        assert_eq!(standing.in_flight(), 1);
        assert!(standing.enter(at(20), &policy()).is_err());
        drop(pass);
        assert_eq!(standing.in_flight(), 0);
        assert!(standing.enter(at(20), &policy()).is_ok());
    }

    #[test]
    fn an_answer_to_the_probe_lets_everybody_in_and_is_news() {
        let standing = cooling();
        let before = standing.news.number();
        let pass = standing.enter(at(20), &policy()).unwrap();
        standing.answered(pass.ticket(), Some(Duration::from_millis(300)), at(21));
        assert_eq!(standing.state(at(21)), State::Well);
        assert_eq!(standing.news.number(), before + 1);
        assert!(
            standing
                .enter(at(21), &policy())
                .is_ok_and(|pass| pass.ticket().is_none())
        );
    }

    #[test]
    fn failing_fast_is_not_fast() {
        let standing = cooling();
        assert!(standing.cost(at(1)) >= 1e6);
    }

    #[test]
    fn says_how_it_stands() {
        let standing = cooling();
        assert_eq!(standing.state(at(2)), State::Cooling { until: at(6) });
        assert_eq!(standing.state(at(6)), State::HalfOpen);
        (7..=10).for_each(|n| {
            standing.failed(Blow::new(at(n), Cause::Answer), at(n), &policy());
        });
        assert_eq!(standing.state(at(11)), State::Open { until: at(70) });
    }
}
