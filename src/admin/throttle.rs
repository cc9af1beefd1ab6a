//! Guessing takes time: who was wrong waits, longer each time; by address, and by account.
//!
//! An address waits up to a quarter of an hour. An account waits half a minute at most, whoever was wrong, so that nobody
//! can lock its owner out. An attempt counts as wrong from its beginning, so that many at once are not one.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Tick;

/// Wrong attempts that cost nothing.
const FREE: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_OF_ADDRESS: Duration = Duration::from_secs(900);
const LONGEST_OF_ACCOUNT: Duration = Duration::from_secs(30);
/// Who was not wrong for so long begins anew.
const FORGET: Duration = Duration::from_secs(3600);
/// Addresses, and accounts, that are remembered.
const MOST: usize = 4096;

#[derive(Default)]
pub(super) struct Throttle {
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    addresses: HashMap<IpAddr, Wrong>,
    accounts: HashMap<String, Wrong>,
    /// Who has presented wrong admin keys.
    bearers: HashMap<IpAddr, Wrong>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Wrong {
    times: u32,
    last: Tick,
    /// Not again before.
    until: Tick,
}

impl Throttle {
    /// Begins an attempt, which counts as wrong until it was [`right`](Self::right).
    ///
    /// # Errors
    /// How long to wait before the next.
    pub(super) fn attempt(
        &self,
        address: Option<IpAddr>,
        account: &str,
        now: Tick,
    ) -> Result<(), Duration> {
        let Past {
            addresses,
            accounts,
            ..
        } = &mut *self.past.lock();
        let address = address.map(network);
        let waits =
            |wrong: Option<&Wrong>| wrong.map_or(Duration::ZERO, |wrong| wrong.until.since(now));
        let wait = waits(address.and_then(|address| addresses.get(&address)));
        let wait = wait.max(waits(accounts.get(account)));
        if !wait.is_zero() {
            return Err(wait);
        }
        if let Some(address) = address {
            count(addresses, address, (LONGEST_OF_ADDRESS, now));
        }
        count(accounts, account.to_owned(), (LONGEST_OF_ACCOUNT, now));
        Ok(())
    }

    /// How long this address has to wait with its next admin key.
    pub(super) fn bearer_waits(&self, address: Option<IpAddr>, now: Tick) -> Option<Duration> {
        let past = self.past.lock();
        let wrong = past.bearers.get(&network(address?))?;
        Some(wrong.until.since(now)).filter(|wait| !wait.is_zero())
    }

    /// An admin key was wrong.
    pub(super) fn bearer_was_wrong(&self, address: Option<IpAddr>, now: Tick) {
        if let Some(address) = address {
            let bearers = &mut self.past.lock().bearers;
            count(bearers, network(address), (LONGEST_OF_ADDRESS, now));
        }
    }

    /// The attempt was right.
    pub(super) fn right(&self, address: Option<IpAddr>, account: &str) {
        let mut past = self.past.lock();
        past.accounts.remove(account);
        if let Some(address) = address {
            past.addresses.remove(&network(address));
        }
    }

    /// Nobody could say whether it was right.
    pub(super) fn undecided(&self, address: Option<IpAddr>, account: &str) {
        let mut past = self.past.lock();
        if let Some(wrong) = past.accounts.get_mut(account) {
            wrong.take_back();
        }
        if let Some(wrong) = address.and_then(|address| past.addresses.get_mut(&network(address))) {
            wrong.take_back();
        }
    }
}

impl Wrong {
    fn take_back(&mut self) {
        self.times = self.times.saturating_sub(1);
        self.until = self.last;
    }
}

/// Who has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let head = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(head))
        }
        v4 => v4,
    }
}

fn count<K: Eq + Hash + Clone>(
    all: &mut HashMap<K, Wrong>,
    key: K,
    (longest, now): (Duration, Tick),
) {
    if all.len() >= MOST && !all.contains_key(&key) {
        make_room(all, now);
    }
    let wrong = all.entry(key).or_default();
    if now.since(wrong.last) > FORGET {
        wrong.times = 0;
    }
    wrong.times += 1;
    wrong.last = now;
    let beyond = wrong.times.saturating_sub(FREE);
    if beyond > 0 {
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(beyond - 1).unwrap_or(u32::MAX));
        wrong.until = now + wait.min(longest);
    }
}

/// Forgets who was wrong long ago; else whoever has waited for the longest time.
fn make_room<K: Eq + Hash + Clone>(all: &mut HashMap<K, Wrong>, now: Tick) {
    all.retain(|_, wrong| now.since(wrong.last) <= FORGET);
    while all.len() >= MOST {
        let oldest = all.iter().min_by_key(|(_, wrong)| wrong.last);
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
            return;
        };
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(n: u8) -> Option<IpAddr> {
        Some(IpAddr::from([203, 0, 113, n]))
    }

    /// Attempts until one has to wait; how many.
    fn wrong(throttle: &Throttle, from: Option<IpAddr>, account: &str, now: Tick) -> u32 {
        (0..100)
            .find(|_| throttle.attempt(from, account, now).is_err())
            .unwrap()
    }

    #[test]
    fn who_is_wrong_again_and_again_waits_longer_each_time() {
        let (throttle, mut now) = (Throttle::default(), Tick(1));
        assert_eq!(wrong(&throttle, address(1), "admin", now), FREE + 1);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = throttle.attempt(address(1), "admin", now).unwrap_err();
            waits.push(wait.as_secs());
            now = now + wait;
            throttle.attempt(address(1), "admin", now).unwrap();
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    }

    #[test]
    fn nobody_is_locked_out_of_an_account_for_long_by_others() {
        let (throttle, mut now) = (Throttle::default(), Tick(1));
        for n in 0..100 {
            if let Err(wait) = throttle.attempt(address(n), "admin", now) {
                assert!(wait <= LONGEST_OF_ACCOUNT);
                now = now + wait;
                throttle.attempt(address(n), "admin", now).unwrap();
            }
        }
        let owner = throttle.attempt(address(200), "admin", now).unwrap_err();
        assert_eq!(owner, LONGEST_OF_ACCOUNT);
        assert!(throttle.attempt(address(200), "other", now).is_ok());
    }

    #[test]
    fn a_right_password_ends_it_and_time_forgives() {
        let (throttle, now) = (Throttle::default(), Tick(1));
        wrong(&throttle, address(1), "a", now);
        let later = now + FIRST_WAIT;
        throttle.attempt(address(1), "a", later).unwrap();
        throttle.right(address(1), "a");
        assert_eq!(wrong(&throttle, address(1), "a", later), FREE + 1);
        let much_later = later + FORGET + SECOND;
        assert_eq!(wrong(&throttle, address(1), "a", much_later), FREE + 1);
    }

    #[test]
    fn what_nobody_could_decide_does_not_count() {
        let (throttle, now) = (Throttle::default(), Tick(1));
        for _ in 0..100 {
            throttle.attempt(address(1), "a", now).unwrap();
            throttle.undecided(address(1), "a");
        }
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let (throttle, now) = (Throttle::default(), Tick(1));
        for n in 0..=FREE {
            let v6: IpAddr = format!("2001:db8::{n:x}").parse().unwrap();
            throttle.attempt(Some(v6), &n.to_string(), now).unwrap();
        }
        let last: IpAddr = "2001:db8::ffff".parse().unwrap();
        assert!(throttle.attempt(Some(last), "x", now).is_err());
        let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert!(throttle.attempt(Some(other), "y", now).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_the_newest_are_remembered() {
        let (throttle, mut now) = (Throttle::default(), Tick(1));
        for n in 0..u32::try_from(MOST).unwrap() * 2 {
            now = now + Duration::from_millis(1);
            let from = Some(IpAddr::from(n.to_be_bytes()));
            throttle.attempt(from, &n.to_string(), now).unwrap();
        }
        let past = throttle.past.lock();
        assert!(past.addresses.len() <= MOST && past.accounts.len() <= MOST);
        assert!(past.accounts.contains_key(&(MOST * 2 - 1).to_string()));
    }
}
