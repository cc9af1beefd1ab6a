//! The quotas of endpoints, shared by all requests: a small lock for each endpoint that has one, nothing for the others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{self, Tick};
use crate::config::Quota;
use crate::ledger::{Amount, Reservation, Short, Tally, Used, Window};
use crate::route::{Draw, Held, HeldBy};

use super::era::Era;
use super::standing::News;

/// What others have reserved may be free again at any moment: one looks again after so long.
const SOON: Duration = Duration::from_millis(250);

/// Whose quota it is. By names, so that people can read and write it, and a key or an address may change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeterName {
    /// The virtual model.
    pub pool: String,
    pub provider: String,
    /// The upstream model.
    pub model: String,
}

impl fmt::Display for MeterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}/{}", self.pool, self.provider, self.model)
    }
}

/// The quota of one endpoint of a virtual model. The same object after every reload.
#[derive(Debug)]
pub struct Meter {
    name: MeterName,
    counts: Mutex<Counts>,
    /// Says that the counters leave nothing to anybody, without their lock.
    full: AtomicBool,
    news: News,
    era: Arc<Era>,
}

#[derive(Debug)]
struct Counts {
    quota: Quota,
    tally: Tally,
    /// What was used in windows that ended, until somebody tells it.
    over: Vec<Used>,
}

/// How a quota stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub quota: Quota,
    pub window: Window,
    pub used: Amount,
    pub reserved: Amount,
}

impl Meter {
    fn new(name: MeterName, quota: Quota, now: Tick, (news, era): (News, Arc<Era>)) -> Meter {
        let tally = Tally::new(&quota.calendar, era.wall(now));
        Meter {
            name,
            counts: Mutex::new(Counts {
                quota,
                tally,
                over: Vec::new(),
            }),
            full: AtomicBool::new(false),
            news,
            era,
        }
    }

    pub fn name(&self) -> &MeterName {
        &self.name
    }

    pub fn read(&self, now: Tick) -> Reading {
        self.with(now, |counts, _| Reading {
            quota: counts.quota.clone(),
            window: counts.tally.window(),
            used: counts.tally.used(),
            reserved: counts.tally.reserved(),
        })
    }

    /// Sets what was used to nothing, and says what it was.
    pub fn reset(&self, now: Tick) -> Used {
        self.with(now, |counts, wall| counts.tally.reset(wall))
    }

    /// What was used in windows that have ended since it was asked last.
    pub fn take_ended(&self, now: Tick) -> Vec<Used> {
        self.with(now, |counts, _| std::mem::take(&mut counts.over))
    }

    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    /// Whether such a call would be let in now.
    pub(super) fn look(&self, draw: Draw, now: Tick) -> Result<(), Held> {
        self.with(now, |counts, _| {
            let fits = counts.tally.fits(&counts.quota, draw.tokens(&counts.quota));
            fits.map_err(|short| self.held(short, &counts.tally, now))
        })
    }

    pub(super) fn reserve(self: &Arc<Self>, draw: Draw, now: Tick) -> Result<Hold, Held> {
        let reserved = self.with(now, |counts, _| {
            let tokens = draw.tokens(&counts.quota);
            let reserved = counts.tally.reserve(&counts.quota, tokens);
            reserved.map_err(|short| self.held(short, &counts.tally, now))
        });
        Ok(Hold {
            meter: self.clone(),
            draw,
            reservation: Mutex::new(Some(reserved?)),
        })
    }

    fn held(&self, short: Short, tally: &Tally, now: Tick) -> Held {
        let reset = self.era.tick(tally.window().ends);
        Held {
            why: HeldBy::Quota,
            until: match short {
                Short::Spent => reset,
                Short::Reserved => reset.min(now + SOON),
            },
        }
    }

    fn follow(&self, quota: &Quota, now: Tick) {
        self.with(now, |counts, wall| {
            if counts.quota.calendar != quota.calendar {
                counts.tally.reschedule(&quota.calendar, wall);
            }
            counts.quota = quota.clone();
        });
    }

    fn restore(&self, saved: Used, now: Tick) {
        self.with(now, |counts, wall| counts.tally.restore(saved, wall));
    }

    /// In the window of now. The flag and the news follow while the lock is held.
    fn with<T>(&self, now: Tick, act: impl FnOnce(&mut Counts, Duration) -> T) -> T {
        let wall = self.era.wall(now);
        let mut counts = self.counts.lock();
        let Counts { quota, tally, over } = &mut *counts;
        over.extend(tally.turn(&quota.calendar, wall));
        let done = act(&mut counts, wall);
        self.tell(&counts);
        done
    }

    fn change(&self, act: impl FnOnce(&mut Tally)) {
        let mut counts = self.counts.lock();
        act(&mut counts.tally);
        self.tell(&counts);
    }

    fn tell(&self, counts: &Counts) {
        let full = counts.tally.fits(&counts.quota, 0).is_err();
        if self.full.swap(full, Ordering::SeqCst) != full {
            self.news.tell();
        }
    }
}

/// What one attempt has reserved. Given back by being dropped: all of it where the vendor has not taken the call, else
/// it counts, with the tokens of its input.
#[derive(Debug)]
pub(super) struct Hold {
    meter: Arc<Meter>,
    draw: Draw,
    reservation: Mutex<Option<Reservation>>,
}

impl Hold {
    pub(super) fn accepted(&self) {
        if let Some(reservation) = &mut *self.reservation.lock() {
            self.meter.change(|tally| tally.accept(reservation));
        }
    }

    pub(super) fn settle(&self, tokens: u64) {
        if let Some(reservation) = self.reservation.lock().take() {
            self.meter.change(|tally| tally.settle(reservation, tokens));
        }
    }

    pub(super) fn close(&self) {
        let Some(reservation) = self.reservation.lock().take() else {
            return;
        };
        self.meter.change(|tally| {
            if reservation.is_accepted() {
                tally.settle(reservation, self.draw.input);
            } else {
                tally.release(reservation);
            }
        });
    }

    /// What is reserved and not known to be taken, as somebody else's.
    pub(super) fn hand_over(&self) -> Option<Pledge> {
        let mut own = self.reservation.lock();
        own.as_ref().filter(|own| !own.is_accepted())?;
        Some(Pledge(Hold {
            meter: self.meter.clone(),
            draw: self.draw,
            reservation: Mutex::new(own.take()),
        }))
    }

    /// Reserves once more, for the same attempt asking again.
    pub(super) fn renew(&self, now: Tick) -> bool {
        self.close();
        match self.meter.reserve(self.draw, now) {
            Ok(next) => {
                *self.reservation.lock() = next.reservation.lock().take();
                true
            }
            Err(_) => false,
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.close();
    }
}

/// What was reserved for a call that was given up before the vendor said whether it takes it. Given back by being dropped,
/// as that of the attempt would be.
#[derive(Debug)]
pub struct Pledge(Hold);

impl Pledge {
    /// The vendor has taken the call all the same.
    pub fn accepted(&self) {
        self.0.accepted();
    }
}

/// Every quota that a configuration of this process has had.
#[derive(Debug, Default)]
pub struct Quotas {
    meters: Mutex<BTreeMap<MeterName, Arc<Meter>>>,
    /// Of before the start, for endpoints that have no quota yet.
    remembered: Mutex<BTreeMap<MeterName, Used>>,
    era: Arc<Era>,
}

impl Quotas {
    pub(super) fn new(era: Arc<Era>) -> Quotas {
        Quotas {
            era,
            ..Quotas::default()
        }
    }

    /// Compares the clocks: the one on the wall may be set anew at any time.
    pub fn tell_time(&self, now: Tick, wall: Duration) {
        self.era.tell(now, wall);
    }

    /// Takes over what was used before the start.
    pub fn restore(&self, saved: impl IntoIterator<Item = (MeterName, Used)>, now: Tick) {
        for (name, used) in saved {
            match self.find(&name) {
                Some(meter) => meter.restore(used, now),
                None => {
                    self.remembered.lock().insert(name, used);
                }
            }
        }
    }

    /// Of before the start and of no use so far, as far as their windows are not over.
    pub fn remembered(&self, now: Tick) -> Vec<(MeterName, Used)> {
        let wall = self.era.wall(now);
        let mut remembered = self.remembered.lock();
        remembered.retain(|_, used| !used.window.is_over(wall));
        let all = remembered.iter();
        all.map(|(name, used)| (name.clone(), *used)).collect()
    }

    pub fn find(&self, name: &MeterName) -> Option<Arc<Meter>> {
        self.meters.lock().get(name).cloned()
    }

    /// By name.
    pub fn all(&self) -> Vec<Arc<Meter>> {
        self.meters.lock().values().cloned().collect()
    }

    /// Sets a quota's counters to nothing. What of it is only remembered is forgotten.
    pub fn reset(&self, name: &MeterName, now: Tick) -> Option<Used> {
        let remembered = self.remembered.lock().remove(name);
        let meter = self.find(name);
        meter.map(|meter| meter.reset(now)).or(remembered)
    }

    /// The meter of that name, with the limits of the configuration that asks for it.
    pub(super) fn meter(&self, name: MeterName, quota: &Quota, news: &News) -> Arc<Meter> {
        let now = clock::now();
        self.era.begin(now);
        if let Some(meter) = self.find(&name) {
            meter.follow(quota, now);
            return meter;
        }
        let shared = (news.clone(), self.era.clone());
        let meter = Arc::new(Meter::new(name.clone(), quota.clone(), now, shared));
        if let Some(used) = self.remembered.lock().remove(&name) {
            meter.restore(used, now);
        }
        self.meters.lock().insert(name, meter.clone());
        meter
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::config::{Calendar, Cron};

    fn quota(requests: u64) -> Quota {
        Quota {
            requests: Some(requests),
            tokens: None,
            nano_usd: None,
            calendar: Calendar {
                cron: Cron::daily(),
                zone: TimeZone::UTC,
            },
        }
    }

    fn name() -> MeterName {
        MeterName {
            pool: "m".into(),
            provider: "p".into(),
            model: "x".into(),
        }
    }

    const DRAW: Draw = Draw {
        input: 10,
        output: Some(5),
    };
    const NOON: Duration = Duration::from_secs(12 * 3600);

    /// At noon, on tick 1,000,000.
    fn noon() -> (Quotas, Tick) {
        let quotas = Quotas::default();
        let now = Tick(1_000_000);
        quotas.tell_time(now, NOON);
        (quotas, now)
    }

    fn meter(quotas: &Quotas, requests: u64) -> Arc<Meter> {
        quotas.meter(name(), &quota(requests), &News::default())
    }

    #[test]
    fn of_many_threads_no_more_get_in_than_the_limit_and_all_is_given_back() {
        let (quotas, now) = noon();
        let meter = meter(&quotas, 500);
        let accepted = AtomicI64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (meter, accepted) = (&meter, &accepted);
                scope.spawn(move || {
                    for n in 0..2_000 {
                        let Ok(hold) = meter.reserve(DRAW, now) else {
                            continue;
                        };
                        let used = meter.read(now).used.requests;
                        assert!(used <= 500);
                        match (n + thread) % 4 {
                            0 => drop(hold),
                            1 => {
                                hold.accepted();
                                accepted.fetch_add(1, Ordering::SeqCst);
                            }
                            2 => {
                                hold.settle(7);
                                accepted.fetch_add(1, Ordering::SeqCst);
                            }
                            _ => hold.close(),
                        }
                    }
                });
            }
        });
        let reading = meter.read(now);
        assert_eq!(reading.reserved, Amount::default());
        assert_eq!(
            i64::try_from(reading.used.requests),
            Ok(accepted.into_inner())
        );
        assert_eq!(reading.used.requests, 500);
        assert!(meter.is_full());
    }

    #[test]
    fn the_last_one_is_news_and_so_is_the_reset() {
        let (quotas, now) = noon();
        let meter = meter(&quotas, 1);
        let before = meter.news.number();
        let hold = meter.reserve(DRAW, now).unwrap();
        assert_eq!(meter.news.number(), before + 1);
        let held = meter.look(DRAW, now).unwrap_err();
        assert_eq!(held.until, now + SOON, "it may be given back");
        hold.settle(3);
        let held = meter.look(DRAW, now).unwrap_err();
        assert_eq!(held.until, now + NOON, "until midnight");
        assert_eq!(meter.news.number(), before + 1);
        assert_eq!(meter.look(DRAW, now + NOON), Ok(()));
        assert_eq!(meter.news.number(), before + 2);
        let ended = meter.take_ended(now + NOON);
        assert_eq!(ended.len(), 1);
        assert_eq!(
            ended[0].amount,
            Amount {
                requests: 1,
                tokens: 3,
                nano_usd: 0,
            }
        );
        assert!(meter.take_ended(now + NOON).is_empty());
    }

    #[test]
    fn what_is_handed_over_stays_reserved_and_counts_if_it_was_taken() {
        let (quotas, now) = noon();
        let meter = meter(&quotas, 2);
        let stands = || (meter.read(now).reserved.requests, meter.read(now).used);
        let hold = meter.reserve(DRAW, now).unwrap();
        let pledge = hold.hand_over().unwrap();
        assert!(hold.hand_over().is_none());
        drop(hold);
        assert_eq!(stands(), (1, Amount::default()));
        pledge.accepted();
        drop(pledge);
        let used = Amount {
            requests: 1,
            tokens: DRAW.input,
            nano_usd: 0,
        };
        assert_eq!(stands(), (0, used));

        let hold = meter.reserve(DRAW, now).unwrap();
        drop(hold.hand_over());
        hold.close();
        assert_eq!(stands(), (0, used));

        let hold = meter.reserve(DRAW, now).unwrap();
        hold.accepted();
        assert!(hold.hand_over().is_none(), "nothing is left to be known");
    }

    #[test]
    fn other_limits_change_no_counter() {
        let (quotas, now) = noon();
        let meter = meter(&quotas, 1);
        meter.reserve(DRAW, now).unwrap().settle(1);
        assert!(meter.is_full());
        let same = self::meter(&quotas, 2);
        assert!(Arc::ptr_eq(&meter, &same) && !meter.is_full());
        assert_eq!(meter.read(now).used.requests, 1);
        self::meter(&quotas, 1);
        assert!(meter.is_full());
    }

    #[test]
    fn what_was_used_before_the_start_counts_whenever_the_quota_comes() {
        let (quotas, now) = noon();
        let window = Window {
            began: 0,
            ends: 86_400,
        };
        let amount = Amount {
            requests: 2,
            tokens: 9,
            nano_usd: 0,
        };
        quotas.restore([(name(), Used { window, amount })], now);
        assert_eq!(quotas.remembered(now).len(), 1);
        let meter = meter(&quotas, 2);
        assert!(quotas.remembered(now).is_empty());
        assert_eq!(meter.read(now).used, amount);
        assert!(meter.reserve(DRAW, now).is_err());
        assert_eq!(quotas.reset(&name(), now).unwrap().amount, amount);
        assert!(meter.reserve(DRAW, now).is_ok());
    }

    #[test]
    fn an_attempt_that_asks_again_takes_another_one() {
        let (quotas, now) = noon();
        let meter = meter(&quotas, 2);
        let hold = meter.reserve(DRAW, now).unwrap();
        hold.accepted();
        assert!(hold.renew(now));
        hold.accepted();
        assert!(!hold.renew(now));
        drop(hold);
        let reading = meter.read(now);
        assert_eq!((reading.used.requests, reading.used.tokens), (2, 20));
        assert_eq!(reading.reserved, Amount::default());
    }
}
