//! Whether an endpoint may be asked: its cooldown, its breaker, and the one request that may find out.

use crate::clock::Tick;
use crate::config::Policy;

use super::breaker::Breaker;
use super::cooldown::{Cause, Cooldown};

/// The state of one endpoint, shared by every pool that has it. Settings come with each call: two pools may have
/// different ones for the same endpoint.
///
/// *Well* → (failure) → *held* until a deadline → *half-open* until somebody proves it well → *well*. While half-open,
/// and while held from `probe_after` on, one live request at a time may try.
#[derive(Debug, Clone, Default)]
pub struct Health {
    cooldown: Cooldown,
    breaker: Breaker,
    /// Ticket of the request that is trying.
    probing: Option<Ticket>,
    tickets: u64,
}

/// Names one claim of the probe slot, so that a late release cannot free somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// May the endpoint be asked now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Well,
    /// One live request may try, and nobody does yet.
    Probe,
    Held(Held),
}

/// Why somebody is skipped for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub why: HeldBy,
    /// When asking makes sense again. For `Probing` the time of asking: it may end at any moment.
    pub until: Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeldBy {
    Cooling,
    Open,
    /// Half-open, and another request is finding out.
    Probing,
    /// Every key of the endpoint is cooling.
    Keys,
    /// The same, and one of them at least only since the vendor limits how often it may be used.
    Limited,
    /// Its quota leaves nothing for such a request, until it is reset or others give back what they have reserved.
    Quota,
}

/// What a failed request tells about an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blow {
    /// When the attempt began.
    pub began: Tick,
    pub cause: Cause,
    /// Whether the breaker counts it.
    pub counts: bool,
    /// When the vendor wants to be asked again, if it said so.
    pub told: Option<Tick>,
}

impl Blow {
    /// One that counts, of an attempt that began then.
    pub fn new(began: Tick, cause: Cause) -> Blow {
        Blow {
            began,
            cause,
            counts: true,
            told: None,
        }
    }
}

impl Health {
    pub fn verdict(&self, now: Tick, policy: &Policy) -> Verdict {
        if self.is_well() {
            return Verdict::Well;
        }
        let until = self.askable(policy);
        if now < until {
            return Verdict::Held(Held {
                why: self.why(now),
                until,
            });
        }
        match self.probing {
            None => Verdict::Probe,
            Some(_) => Verdict::Held(Held {
                why: HeldBy::Probing,
                until: now,
            }),
        }
    }

    /// Takes the probe slot. `None`: it is not to be had. The claim ends with [`release`](Health::release).
    pub fn claim(&mut self, now: Tick, policy: &Policy) -> Option<Ticket> {
        if self.verdict(now, policy) != Verdict::Probe {
            return None;
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.probing = Some(ticket);
        Some(ticket)
    }

    /// Gives the probe slot back, however the attempt went. Twice or too late does nothing.
    pub fn release(&mut self, ticket: Ticket) {
        if self.probing == Some(ticket) {
            self.probing = None;
        }
    }

    /// A request gave this endpoint up.
    pub fn fail(&mut self, blow: Blow, now: Tick, policy: &Policy) {
        self.cooldown
            .fail(blow.began, now, blow.cause, &policy.cooldown);
        if let Some(told) = blow.told {
            self.cooldown.tell(told);
        }
        if blow.counts {
            self.breaker.fail(blow.began, now, &policy.breaker);
        }
    }

    /// First content. Only of the probe does it prove anything: whoever else is in flight was let in before the failure.
    pub fn answered(&mut self, probe: Option<Ticket>) {
        if probe.is_some() && self.probing == probe {
            self.cooldown.prove();
            self.breaker.close();
            self.probing = None;
        }
    }

    /// A proper end of an attempt that began at `began`.
    pub fn finished(&mut self, began: Tick) {
        self.cooldown.finished(began);
        self.breaker.finished(began);
    }

    /// An active check was answered well.
    pub fn reachable(&mut self, now: Tick) {
        self.cooldown.reachable(now);
    }

    /// Neither cooling nor open nor half-open.
    pub fn is_well(&self) -> bool {
        self.cooldown.is_proven() && self.breaker.is_closed()
    }

    /// Whether a deadline still runs, and which; `None` when well or half-open. Unlike [`verdict`](Health::verdict)
    /// this does not know about early probes.
    pub fn held(&self, now: Tick) -> Option<Held> {
        let until = self.deadline();
        (now < until).then(|| Held {
            why: self.why(now),
            until,
        })
    }

    fn deadline(&self) -> Tick {
        self.cooldown.until().max(self.breaker.until())
    }

    /// When one live request may try: at the deadline, or `probe_after` after the latest failure, but not before the time
    /// that the vendor told.
    fn askable(&self, policy: &Policy) -> Tick {
        let failed = self.cooldown.since().max(self.breaker.since());
        let early = self.deadline().min(failed + policy.cooldown.probe_after);
        early.max(self.cooldown.told())
    }

    fn why(&self, now: Tick) -> HeldBy {
        if now < self.breaker.until() {
            HeldBy::Open
        } else {
            HeldBy::Cooling
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::route::fixture::policy;

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    fn fail(health: &mut Health, began: u64, now: u64) {
        let blow = Blow::new(at(began), Cause::Answer);
        health.fail(blow, at(now), &policy());
    }

    #[test]
    fn cools_then_lets_one_at_a_time_decide() {
        let mut health = Health::default();
        fail(&mut health, 100, 100);
        assert_eq!(
            health.verdict(at(104), &policy()),
            Verdict::Held(Held {
                why: HeldBy::Cooling,
                until: at(105)
            })
        );
        let ticket = health.claim(at(105), &policy()).unwrap();
        assert!(health.claim(at(105), &policy()).is_none());
        assert!(matches!(
            health.verdict(at(106), &policy()),
            Verdict::Held(Held {
                why: HeldBy::Probing,
                ..
            })
        ));
        health.release(ticket);
        let ticket = health.claim(at(106), &policy());
        assert!(ticket.is_some());
        health.answered(ticket);
        assert_eq!(health.verdict(at(107), &policy()), Verdict::Well);
    }

    #[test]
    fn a_failed_probe_cools_twice_as_long() {
        let mut health = Health::default();
        fail(&mut health, 100, 100);
        let ticket = health.claim(at(105), &policy()).unwrap();
        fail(&mut health, 105, 106);
        health.release(ticket);
        assert_eq!(
            health.held(at(107)),
            Some(Held {
                why: HeldBy::Cooling,
                until: at(116)
            })
        );
    }

    #[test]
    fn from_probe_after_on_one_may_try_before_the_deadline() {
        let mut health = Health::default();
        (1..=5).for_each(|n| fail(&mut health, n, n));
        assert_eq!(
            health.held(at(6)),
            Some(Held {
                why: HeldBy::Open,
                until: at(65)
            })
        );
        assert_eq!(
            health.verdict(at(14), &policy()),
            Verdict::Held(Held {
                why: HeldBy::Open,
                until: at(15)
            })
        );
        assert_eq!(health.verdict(at(15), &policy()), Verdict::Probe);
    }

    #[test]
    fn a_late_release_frees_nobody_elses_claim() {
        let mut health = Health::default();
        fail(&mut health, 1, 1);
        let first = health.claim(at(20), &policy()).unwrap();
        health.release(first);
        let _second = health.claim(at(20), &policy()).unwrap();
        health.release(first);
        assert!(health.claim(at(20), &policy()).is_none());
    }

    #[test]
    fn the_content_of_who_was_let_in_before_proves_nothing() {
        let mut health = Health::default();
        fail(&mut health, 1, 1);
        health.answered(None);
        assert!(!health.is_well());
        let probe = health.claim(at(20), &policy());
        health.answered(None);
        assert!(!health.is_well());
        health.answered(probe);
        assert!(health.is_well());
    }

    #[test]
    fn a_good_check_makes_half_open_what_was_not_reached() {
        let mut health = Health::default();
        let blow = Blow::new(at(1), Cause::Unreached);
        health.fail(blow, at(1), &policy());
        health.reachable(at(2));
        assert_eq!(health.verdict(at(2), &policy()), Verdict::Probe);
        assert!(!health.is_well());
    }

    #[test]
    fn what_the_vendor_told_is_kept_to_by_probes_and_checks() {
        let mut health = Health::default();
        let told = Blow {
            told: Some(at(31)),
            ..Blow::new(at(1), Cause::Answer)
        };
        health.fail(told, at(1), &policy());
        health.fail(Blow::new(at(2), Cause::Unreached), at(2), &policy());
        health.reachable(at(3));
        let held = Held {
            why: HeldBy::Cooling,
            until: at(31),
        };
        assert_eq!(health.verdict(at(30), &policy()), Verdict::Held(held));
        let probe = health.claim(at(31), &policy());
        assert!(probe.is_some());
        health.answered(probe);
        fail(&mut health, 40, 40);
        let of_its_own = health.held(at(41)).map(|held| held.until);
        assert_eq!(of_its_own, Some(at(60)), "it told nothing of this failure");
    }

    proptest! {
        /// Whatever happens, in whatever order: never two claims at once, and an endpoint that is left alone long
        /// enough can be asked again.
        #[test]
        fn one_claim_at_most_and_nobody_is_lost(ops in prop::collection::vec((0u8..6, 0u64..30), 1..200)) {
            let (mut health, mut now) = (Health::default(), at(1));
            let mut claims: Vec<(Ticket, Tick)> = Vec::new();
            for (op, secs) in ops {
                now = now + Duration::from_secs(secs);
                match op {
                    0 => fail(&mut health, now.0 / 1_000_000, now.0 / 1_000_000),
                    1 => if let Some(ticket) = health.claim(now, &policy()) { claims.push((ticket, now)) },
                    2 => if let Some((ticket, _)) = claims.pop() { health.release(ticket) },
                    3 => health.answered(claims.last().map(|(ticket, _)| *ticket)),
                    4 => health.reachable(now),
                    _ => health.finished(now),
                }
                let current = claims.iter().filter(|(ticket, _)| health.probing == Some(*ticket)).count();
                prop_assert!(current <= 1);
                prop_assert!(!health.is_well() || health.probing.is_none() || current == 1);
            }
            claims.into_iter().for_each(|(ticket, _)| health.release(ticket));
            let later = now + Duration::from_secs(61);
            prop_assert!(!matches!(health.verdict(later, &policy()), Verdict::Held(_)));
        }
    }
}
