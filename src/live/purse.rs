//! What client keys and tenants may use, shared by all requests: one short lock for each that has a limit, nothing for the
//! others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{self, Tick};
use crate::config::Allowance;
use crate::ledger::{
    Account, Amount, Booking, Claim, Exceeded, Past, Spent, Term, TermState, Used,
};

use super::era::Era;

/// Whose limits these are. By name, so that a key's value may change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    Key(String),
    Tenant(String),
}

impl Owner {
    /// `key` or `tenant`, for metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Owner::Key(_) => "key",
            Owner::Tenant(_) => "tenant",
        }
    }

    pub fn name(&self) -> &str {
        let (Owner::Key(name) | Owner::Tenant(name)) = self;
        name
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// A quota or a budget of somebody, as it is kept over restarts.
pub type TermName = (Owner, Term);

/// What one key or tenant may use and has used. The same object after every reload.
#[derive(Debug)]
pub struct Purse {
    owner: Owner,
    account: Mutex<Account>,
    era: Arc<Era>,
}

/// How a purse stands.
#[derive(Debug, Clone)]
pub struct PurseState {
    pub allowance: Allowance,
    /// Within the last 60 s: counted where there is a limit for either.
    pub requests: u64,
    pub tokens: u64,
    /// Calls under way.
    pub running: u64,
    pub terms: Vec<TermState>,
}

impl Purse {
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    pub fn read(&self, now: Tick) -> PurseState {
        let mut account = self.account.lock();
        let (requests, tokens, running) = account.lately(now);
        PurseState {
            allowance: account.allowance().clone(),
            requests,
            tokens,
            running,
            terms: account.terms(self.era.wall(now)),
        }
    }

    /// What is to be kept of its quotas and budgets, used and reserved, also of those that have no limit just now.
    pub fn kept(&self, now: Tick) -> Vec<(Term, Used, Amount)> {
        self.account.lock().kept(self.era.wall(now))
    }

    /// What is to be kept of its rate. `None`: it has none, and nothing counts of one that it had.
    pub fn past(&self, now: Tick) -> Option<Vec<Past>> {
        let mut account = self.account.lock();
        let past = account.past(now);
        (account.has_rate() || !past.is_empty()).then_some(past)
    }

    fn reserve(&self, claim: &Claim, now: Tick) -> Result<Booking, Exceeded> {
        let wall = self.era.wall(now);
        self.account.lock().reserve(claim, now, wall)
    }

    fn settle(&self, booking: Booking, spent: Spent) {
        self.account.lock().settle(booking, spent);
    }
}

/// What one request has reserved of its key and its tenant. Dropped without a word, it is given back.
#[derive(Debug)]
pub struct Grant {
    held: [Option<(Arc<Purse>, Booking)>; 2],
}

/// Who has refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub owner: Owner,
    pub exceeded: Exceeded,
}

impl Grant {
    /// Reserves of a key's purse and its tenant's: of both or of none. Their locks are taken one after the other.
    ///
    /// # Errors
    /// [`Refused`]: the first that has no room.
    pub fn take(purses: &[Arc<Purse>], claim: &Claim, now: Tick) -> Result<Grant, Refused> {
        let mut grant = Grant { held: [None, None] };
        for (slot, purse) in grant.held.iter_mut().zip(purses) {
            match purse.reserve(claim, now) {
                Ok(booking) => *slot = Some((purse.clone(), booking)),
                Err(exceeded) => {
                    return Err(Refused {
                        owner: purse.owner.clone(),
                        exceeded,
                    });
                }
            }
        }
        Ok(grant)
    }

    /// The request is over, and took so much.
    pub fn settle(mut self, spent: Spent) {
        self.close(spent);
    }

    fn close(&mut self, spent: Spent) {
        for slot in &mut self.held {
            if let Some((purse, booking)) = slot.take() {
                purse.settle(booking, spent);
            }
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.close(Spent::Nothing);
    }
}

/// Every purse that a configuration has, or that a call holds.
#[derive(Debug, Default)]
pub struct Purses {
    purses: Mutex<BTreeMap<Owner, Arc<Purse>>>,
    remembered: Mutex<Memory>,
    era: Arc<Era>,
}

/// What was used by those who have no purse: before the start, or before they were deleted. It is found by name, so that
/// to delete a key and to make it again is no way around its limits.
#[derive(Debug, Default)]
struct Memory {
    terms: BTreeMap<TermName, Used>,
    rates: BTreeMap<Owner, Vec<Past>>,
}

impl Memory {
    fn forget_what_is_over(&mut self, wall: Duration) {
        self.terms.retain(|_, used| !used.window.is_over(wall));
        self.rates.retain(|_, past| {
            past.retain(|sum| !sum.is_over(wall));
            !past.is_empty()
        });
    }
}

impl Purses {
    pub(super) fn new(era: Arc<Era>) -> Purses {
        Purses {
            era,
            ..Purses::default()
        }
    }

    /// By name.
    pub fn all(&self) -> Vec<Arc<Purse>> {
        self.purses.lock().values().cloned().collect()
    }

    pub fn find(&self, owner: &Owner) -> Option<Arc<Purse>> {
        self.purses.lock().get(owner).cloned()
    }

    /// Takes over what was used before the start.
    pub fn restore(
        &self,
        terms: impl IntoIterator<Item = (TermName, Used)>,
        rates: impl IntoIterator<Item = (Owner, Vec<Past>)>,
        now: Tick,
    ) {
        let mut remembered = self.remembered.lock();
        remembered.terms.extend(terms);
        remembered.rates.extend(rates);
        drop(remembered);
        for purse in self.all() {
            self.remind(&purse, now);
        }
    }

    /// Of no use so far, as far as its windows are not over.
    pub fn remembered(&self, now: Tick) -> Vec<(TermName, Used)> {
        let mut remembered = self.remembered.lock();
        remembered.forget_what_is_over(self.era.wall(now));
        let all = remembered.terms.iter();
        all.map(|(name, used)| (name.clone(), *used)).collect()
    }

    /// Of rates, as far as it counts.
    pub fn remembered_rates(&self, now: Tick) -> Vec<(Owner, Vec<Past>)> {
        let mut remembered = self.remembered.lock();
        remembered.forget_what_is_over(self.era.wall(now));
        let all = remembered.rates.iter();
        all.map(|(owner, past)| (owner.clone(), past.clone()))
            .collect()
    }

    /// Sets a quota's or a budget's counters to nothing, also where they are only remembered.
    pub fn reset(&self, name: &TermName, now: Tick) -> Option<Used> {
        let remembered = self.remembered.lock().terms.remove(name);
        let purse = self.find(&name.0);
        let wall = self.era.wall(now);
        let reset = purse.and_then(|purse| purse.account.lock().reset(name.1, wall));
        reset.or(remembered)
    }

    /// Lets the minute of a rate begin anew: the requests and tokens of the last one. `None`: there is no rate.
    pub fn reset_rate(&self, owner: &Owner, now: Tick) -> Option<(u64, u64)> {
        let remembered = self.remembered.lock().rates.remove(owner);
        let remembered = remembered.map(|past| {
            let sum = |of: fn(&Past) -> u64| past.iter().map(of).sum();
            (sum(|sum| sum.requests), sum(|sum| sum.tokens))
        });
        let reset = self
            .find(owner)
            .and_then(|purse| purse.account.lock().reset_rate(now));
        reset.or(remembered)
    }

    /// Puts purses away that no configuration and no call holds: what was used of them is remembered.
    pub fn put_away(&self, now: Tick) {
        // Nobody finds one meanwhile: every other reference comes from here.
        let mut purses = self.purses.lock();
        purses.retain(|owner, purse| {
            if Arc::strong_count(purse) > 1 {
                return true;
            }
            let (kept, past) = (purse.kept(now), purse.past(now));
            let mut remembered = self.remembered.lock();
            for (term, used, _) in kept {
                if used.amount != Amount::default() {
                    remembered.terms.insert((owner.clone(), term), used);
                }
            }
            if let Some(past) = past.filter(|past| !past.is_empty()) {
                remembered.rates.insert(owner.clone(), past);
            }
            false
        });
    }

    /// The purse of that name, with the limits of the configuration that asks for it. `None`: it has none, and never had.
    pub(super) fn purse(&self, owner: Owner, allowance: &Allowance) -> Option<Arc<Purse>> {
        let now = clock::now();
        self.era.begin(now);
        let wall = self.era.wall(now);
        let known = self.find(&owner);
        if allowance.is_unlimited() {
            // Counters without a limit are in nobody's way, and the next limit finds them.
            if let Some(purse) = known {
                purse.account.lock().follow(Allowance::default(), wall);
            }
            return None;
        }
        let purse = match known {
            Some(purse) => {
                purse.account.lock().follow(allowance.clone(), wall);
                purse
            }
            None => {
                let account = Mutex::new(Account::new(allowance.clone(), wall));
                let purse = Arc::new(Purse {
                    owner: owner.clone(),
                    account,
                    era: self.era.clone(),
                });
                self.purses.lock().insert(owner, purse.clone());
                purse
            }
        };
        self.remind(&purse, now);
        Some(purse)
    }

    /// Gives a purse what is remembered of the limits that it has.
    fn remind(&self, purse: &Purse, now: Tick) {
        let wall = self.era.wall(now);
        for (term, ..) in purse.kept(now) {
            let name = (purse.owner.clone(), term);
            let used = self.remembered.lock().terms.remove(&name);
            if let Some(used) = used {
                purse.account.lock().restore(term, used, wall);
            }
        }
        let past = self.remembered.lock().rates.remove(&purse.owner);
        if let Some(past) = past {
            purse.account.lock().restore_rate(&past, now, wall);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use jiff::tz::TimeZone;

    use super::*;
    use crate::config::{Calendar, Cron, Quota};
    use crate::ledger::{Amount, Limit, Output, Window};

    const NOON: Duration = Duration::from_secs(12 * 3600);

    fn allowance(requests: u64) -> Allowance {
        Allowance {
            concurrency: Some(6),
            quota: Some(Arc::new(Quota {
                requests: Some(requests),
                tokens: None,
                nano_usd: None,
                calendar: Calendar {
                    cron: Cron::daily(),
                    zone: TimeZone::UTC,
                },
            })),
            ..Allowance::default()
        }
    }

    fn noon() -> (Purses, Tick) {
        let purses = Purses::default();
        let now = Tick(1_000_000);
        purses.era.tell(now, NOON);
        (purses, now)
    }

    fn claim() -> Claim {
        Claim {
            input: 10,
            output: Output::Said(5),
            rates: None,
        }
    }

    fn key() -> Owner {
        Owner::Key("k".into())
    }

    const TOOK: Spent = Spent::Took {
        tokens: 3,
        nano_usd: None,
    };

    #[test]
    fn of_many_threads_no_more_get_in_than_either_limit_and_all_is_given_back() {
        let (purses, now) = noon();
        let key = purses.purse(key(), &allowance(1_000)).unwrap();
        let tenant = purses
            .purse(Owner::Tenant("t".into()), &allowance(500))
            .unwrap();
        let both = [key.clone(), tenant.clone()];
        let taken = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (both, taken) = (&both, &taken);
                scope.spawn(move || {
                    for n in 0..2_000 {
                        let Ok(grant) = Grant::take(both, &claim(), now) else {
                            continue;
                        };
                        assert!(both.iter().all(|purse| purse.read(now).running <= 6));
                        match (n + thread) % 3 {
                            0 => drop(grant),
                            1 => grant.settle(Spent::Nothing),
                            _ => {
                                grant.settle(TOOK);
                                taken.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                });
            }
        });
        let taken = taken.into_inner();
        assert_eq!(taken, 500);
        for purse in both {
            let state = purse.read(now);
            assert_eq!(state.running, 0);
            assert_eq!(state.terms[0].reserved, Amount::default());
            assert_eq!(state.terms[0].used.requests, taken);
            assert_eq!(state.terms[0].used.tokens, 3 * taken);
        }
    }

    #[test]
    fn whom_the_tenant_refuses_has_taken_nothing_of_the_key() {
        let (purses, now) = noon();
        let key = purses.purse(key(), &allowance(9)).unwrap();
        let tenant = purses
            .purse(Owner::Tenant("t".into()), &allowance(1))
            .unwrap();
        let both = [key.clone(), tenant];
        Grant::take(&both, &claim(), now).unwrap().settle(TOOK);
        let refused = Grant::take(&both, &claim(), now).unwrap_err();
        assert_eq!(refused.owner, Owner::Tenant("t".into()));
        assert_eq!(refused.exceeded.limit, Limit::Requests);
        assert_eq!(refused.exceeded.retry_after, Some(NOON));
        let state = key.read(now);
        assert_eq!((state.running, state.terms[0].reserved.requests), (0, 0));
    }

    #[test]
    fn a_reload_keeps_the_counters_and_a_key_without_limits_has_no_purse() {
        let (purses, now) = noon();
        assert!(purses.purse(key(), &Allowance::default()).is_none());
        let before = purses.purse(key(), &allowance(1)).unwrap();
        Grant::take(std::slice::from_ref(&before), &claim(), now)
            .unwrap()
            .settle(TOOK);
        assert!(purses.purse(key(), &Allowance::default()).is_none());
        let after = purses.purse(key(), &allowance(1)).unwrap();
        assert!(Arc::ptr_eq(&before, &after));
        assert!(Grant::take(&[after], &claim(), now).is_err());
    }

    #[test]
    fn what_was_used_before_the_start_counts_whenever_the_limit_comes() {
        let (purses, now) = noon();
        let window = Window {
            began: 0,
            ends: 86_400,
        };
        let amount = Amount {
            requests: 2,
            tokens: 9,
            nano_usd: 4,
        };
        let name = (key(), Term::Quota);
        purses.restore([(name.clone(), Used { window, amount })], [], now);
        assert_eq!(purses.remembered(now).len(), 1);
        let purse = purses.purse(key(), &allowance(2)).unwrap();
        assert!(purses.remembered(now).is_empty());
        assert_eq!(purse.read(now).terms[0].used, amount);
        assert!(Grant::take(std::slice::from_ref(&purse), &claim(), now).is_err());
        assert_eq!(purses.reset(&name, now).unwrap().amount, amount);
        assert!(Grant::take(&[purse], &claim(), now).is_ok());
    }

    #[test]
    fn who_is_deleted_is_put_away_and_made_again_finds_what_was_used() {
        let (purses, now) = noon();
        let limits = Allowance {
            rpm: Some(3),
            ..allowance(2)
        };
        let before = purses.purse(key(), &limits).unwrap();
        let under_way = Grant::take(std::slice::from_ref(&before), &claim(), now).unwrap();
        drop(before);
        purses.put_away(now);
        assert_eq!(purses.all().len(), 1, "a call holds it");
        under_way.settle(TOOK);
        purses.put_away(now);
        assert!(purses.all().is_empty());
        assert_eq!(purses.remembered(now)[0].1.amount.requests, 1);

        let again = purses.purse(key(), &limits).unwrap();
        assert!(purses.remembered(now).is_empty() && purses.remembered_rates(now).is_empty());
        let state = again.read(now);
        assert_eq!(
            (state.requests, state.tokens, state.terms[0].used.requests),
            (1, 3, 1)
        );
        drop(again);
        purses.put_away(now);
        assert!(purses.reset(&(key(), Term::Quota), now).is_some());
        assert_eq!(purses.reset_rate(&key(), now), Some((1, 3)));
        let anew = purses.purse(key(), &limits).unwrap().read(now);
        assert_eq!((anew.requests, anew.terms[0].used.requests), (0, 0));
    }

    #[test]
    fn what_is_put_away_is_remembered_for_as_long_as_it_counts() {
        let (purses, now) = noon();
        let limits = Allowance {
            rpm: Some(3),
            ..allowance(2)
        };
        let purse = purses.purse(key(), &limits).unwrap();
        Grant::take(&[purse], &claim(), now).unwrap().settle(TOOK);
        purses.put_away(now);
        let later = now + Duration::from_secs(80);
        assert_eq!(purses.remembered_rates(now).len(), 1);
        assert!(purses.remembered_rates(later).is_empty());
        assert_eq!(purses.remembered(later).len(), 1);
        let tomorrow = now + Duration::from_secs(86_400);
        assert!(purses.remembered(tomorrow).is_empty());
    }
}
