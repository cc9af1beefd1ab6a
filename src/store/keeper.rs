//! Keeps the counters of quotas, budgets and rates: once a second to the journal, outside of every request.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::journal::{Journal, Owned};
use super::line::{Counters, Kept, Name};
use crate::clock::{self, Tick};
use crate::ledger::{Amount, Past, Usd, Used};
use crate::live::{Live, Registry};
use crate::telemetry::metrics;

const EVERY: Duration = Duration::from_secs(1);

/// Who writes the journal of this process.
pub struct Keeper {
    live: Arc<Live>,
    state: Mutex<State>,
}

struct State {
    journal: Journal,
    /// Only who owns it writes it.
    owned: Option<Owned>,
    /// As the journal has it; until it is owned, as it was when it was read.
    written: Counters,
    /// Said once, until it is otherwise.
    said: Said,
}

/// What was last said of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    /// It is another process's.
    Foreign,
    Failing,
}

impl Keeper {
    /// Puts back what was used before the start. What cannot be read is as if nothing had been used, and is said; so is
    /// what will not be kept.
    pub fn start(live: Arc<Live>, data: &Path) -> Keeper {
        let mut state = State {
            journal: Journal::below(data),
            owned: None,
            written: Counters::new(),
            said: Said::Nothing,
        };
        let (now, wall) = (clock::now(), clock::wall());
        let snapshot = live.snapshot();
        let registry = snapshot.registry();
        registry.quotas().tell_time(now, wall);
        let owns = state.own(registry);
        match state.journal.load() {
            Ok(loaded) => {
                restore(registry, loaded.clone(), now);
                state.written = loaded;
            }
            Err(e) => log::error!(
                "cannot read {}: {e}; quotas begin with nothing used",
                state.journal.path().display()
            ),
        }
        if owns && !state.written.is_empty() {
            state.written = everything(registry);
            if let Err(e) = state.journal.compact(&state.written, wall) {
                state.failed(&e);
            }
        }
        Keeper {
            live,
            state: Mutex::new(state),
        }
    }

    /// Writes what has changed, resets what somebody has asked for, and tells of windows that have ended.
    pub fn write(&self) {
        let (now, wall) = (clock::now(), clock::wall());
        let snapshot = self.live.snapshot();
        let registry = snapshot.registry();
        registry.quotas().tell_time(now, wall);
        registry.purses().put_away(now);
        for meter in registry.quotas().all() {
            for used in meter.take_ended(now) {
                tell_reset(&Name::Endpoint(meter.name().clone()), used, "");
            }
        }
        let mut state = self.state.lock();
        if state.owned.is_none() {
            if !state.own(registry) {
                return;
            }
            state.take_over(registry, now);
        }
        let State {
            journal, written, ..
        } = &mut *state;
        let changes = |asked: &[Name]| {
            for name in asked {
                reset(registry, name, now);
            }
            let mut changed = everything(registry);
            let gone = gone(written, &changed, wall);
            changed.retain(|name, kept| is_news(written.get(name), kept, wall));
            changed.extend(gone);
            changed
        };
        match journal.keep(changes, || everything(registry), wall) {
            Ok(changed) => {
                written.extend(changed);
                state.works();
            }
            Err(e) => state.failed(&e),
        }
    }

    /// Writes once a second, as long as the process lives: answers are counted while requests are drained, too.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            let keeper = self.clone();
            let writing = tokio::task::spawn_blocking(move || keeper.write());
            if writing.await.is_err() {
                log::error!("the journal of quotas failed inside");
            }
        }
    }
}

impl State {
    /// Whether the journal is this process's by now. Where there is nothing to keep it is nobody's.
    fn own(&mut self, registry: &Registry) -> bool {
        if everything(registry).is_empty() && !self.journal.path().exists() {
            return false;
        }
        match self.journal.own() {
            Ok(Some(owned)) => self.owned = Some(owned),
            Ok(None) => {
                if std::mem::replace(&mut self.said, Said::Foreign) != Said::Foreign {
                    let directory = self.journal.directory().display();
                    log::warn!(
                        "another gateway keeps its quotas in {directory}: here they are counted, but not kept over a \
                         restart, until that one is gone; `data` gives each a directory of its own"
                    );
                }
            }
            Err(e) => self.failed(&e),
        }
        self.owned.is_some()
    }

    /// What the owner before has counted since it was read here comes on top of what was counted here.
    fn take_over(&mut self, registry: &Registry, now: Tick) {
        match self.journal.load() {
            Ok(there) => {
                let more = there.iter().map(|(name, kept)| {
                    let read = self.written.get(name);
                    let known = read.filter(|_| is_counted(registry, name, now));
                    (name.clone(), beyond(kept, known))
                });
                restore(registry, more.collect(), now);
                self.written = there;
            }
            Err(e) => log::error!("cannot read {}: {e}", self.journal.path().display()),
        }
    }

    fn works(&mut self) {
        let path = self.journal.path().display();
        match std::mem::replace(&mut self.said, Said::Nothing) {
            Said::Nothing => {}
            Said::Foreign => log::info!("{path} is kept by this gateway now"),
            Said::Failing => log::info!("{path} is written again"),
        }
    }

    fn failed(&mut self, error: &std::io::Error) {
        metrics::QUOTA_JOURNAL_ERRORS.inc();
        if std::mem::replace(&mut self.said, Said::Failing) != Said::Failing {
            let path = self.journal.path().display();
            log::warn!(
                "cannot write {path}: {error}; what is used of quotas will not survive a restart"
            );
        }
    }
}

/// What was used beyond what is `known`, in the same windows.
fn beyond(kept: &Kept, known: Option<&Kept>) -> Kept {
    match (kept, known) {
        (Kept::Rate(past), Some(Kept::Rate(known))) => Kept::Rate(Past::beyond(past, known)),
        (
            Kept::Window { used, reserved },
            Some(Kept::Window {
                used: Used { window, amount },
                ..
            }),
        ) if window.ends == used.window.ends => Kept::Window {
            used: Used {
                amount: Amount {
                    requests: used.amount.requests.saturating_sub(amount.requests),
                    tokens: used.amount.tokens.saturating_sub(amount.tokens),
                    nano_usd: used.amount.nano_usd.saturating_sub(amount.nano_usd),
                },
                ..*used
            },
            reserved: *reserved,
        },
        _ => kept.clone(),
    }
}

/// What is written and counts still, though nobody has it any more: it was reset after its key was deleted.
fn gone(written: &Counters, all: &Counters, wall: Duration) -> Counters {
    let of = |(name, kept): (&Name, &Kept)| {
        if all.contains_key(name) || !kept.counts(wall) {
            return None;
        }
        let mut nothing = kept.clone();
        nothing.reset(wall);
        Some((name.clone(), nothing))
    };
    written.iter().filter_map(of).collect()
}

/// What was never used needs no line.
fn is_news(written: Option<&Kept>, kept: &Kept, wall: Duration) -> bool {
    match (written, kept) {
        (Some(Kept::Rate(written)), Kept::Rate(past)) => Past::is_news(written, past, wall),
        (Some(written), _) => written != kept,
        (None, Kept::Rate(past)) => !past.is_empty(),
        (None, Kept::Window { used, reserved }) => {
            used.amount != Amount::default() || *reserved != Amount::default()
        }
    }
}

/// Whether somebody counts under that name, or it is only remembered.
fn is_counted(registry: &Registry, name: &Name, now: Tick) -> bool {
    let purse = |owner| registry.purses().find(owner);
    match name {
        Name::Endpoint(name) => registry.quotas().find(name).is_some(),
        Name::Rate(owner) => purse(owner).is_some(),
        Name::Term((owner, term)) => {
            purse(owner).is_some_and(|purse| purse.kept(now).iter().any(|(kept, ..)| kept == term))
        }
    }
}

fn restore(registry: &Registry, all: Counters, now: Tick) {
    let (mut meters, mut terms, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for (name, kept) in all {
        match (name, kept) {
            (Name::Endpoint(name), Kept::Window { used, .. }) => meters.push((name, used)),
            (Name::Term(name), Kept::Window { used, .. }) => terms.push((name, used)),
            (Name::Rate(owner), Kept::Rate(past)) => rates.push((owner, past)),
            // A line that was written by hand.
            (Name::Endpoint(_) | Name::Term(_), Kept::Rate(_))
            | (Name::Rate(_), Kept::Window { .. }) => {}
        }
    }
    registry.quotas().restore(meters, now);
    registry.purses().restore(terms, rates, now);
}

fn everything(registry: &Registry) -> Counters {
    let now = clock::now();
    let (quotas, purses) = (registry.quotas(), registry.purses());
    let window = |used, reserved| Kept::Window { used, reserved };
    let unreserved = |used| window(used, Amount::default());
    let meters = quotas.remembered(now).into_iter();
    let meters = meters.map(|(name, used)| (Name::Endpoint(name), unreserved(used)));
    let terms = purses.remembered(now).into_iter();
    let terms = terms.map(|(name, used)| (Name::Term(name), unreserved(used)));
    let rates = purses.remembered_rates(now).into_iter();
    let rates = rates.map(|(owner, past)| (Name::Rate(owner), Kept::Rate(past)));
    let mut all: Counters = meters.chain(terms).chain(rates).collect();
    for meter in quotas.all() {
        let reading = meter.read(now);
        let used = Used {
            window: reading.window,
            amount: reading.used,
        };
        let name = Name::Endpoint(meter.name().clone());
        all.insert(name, window(used, reading.reserved));
    }
    for purse in purses.all() {
        for (term, used, reserved) in purse.kept(now) {
            let name = Name::Term((purse.owner().clone(), term));
            all.insert(name, window(used, reserved));
        }
        if let Some(past) = purse.past(now) {
            all.insert(Name::Rate(purse.owner().clone()), Kept::Rate(past));
        }
    }
    all
}

/// Resets by hand what is counted under a name, and tells it in the log. `false`: nothing is.
pub fn reset(registry: &Registry, name: &Name, now: Tick) -> bool {
    let used = match name {
        Name::Endpoint(name) => registry.quotas().reset(name, now),
        Name::Term(name) => registry.purses().reset(name, now),
        Name::Rate(owner) => {
            let reset = registry.purses().reset_rate(owner, now);
            if let Some((requests, tokens)) = reset {
                log::info!(
                    "reset usage by hand: rate of {owner}: {requests} requests and {tokens} tokens of the last minute"
                );
            }
            return reset.is_some();
        }
    };
    if let Some(used) = used {
        tell_reset(name, used, " by hand");
    }
    used.is_some()
}

/// S3's line.
fn tell_reset(name: &Name, used: Used, how: &str) {
    let Amount {
        requests,
        tokens,
        nano_usd,
    } = used.amount;
    let since = Timestamp::from_second(used.window.began).unwrap_or_default();
    match name {
        Name::Endpoint(name) => log::info!(
            "reset usage{how}: {name}: {requests} requests and {tokens} tokens since {since}"
        ),
        Name::Term((owner, term)) => log::info!(
            "reset usage{how}: {} of {owner}: {requests} requests, {tokens} tokens and {} USD since {since}",
            term.name(),
            Usd(nano_usd)
        ),
        // It has no window to tell of.
        Name::Rate(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Window;

    fn window(ends: i64, requests: u64) -> Kept {
        Kept::Window {
            used: Used {
                window: Window { began: 0, ends },
                amount: Amount {
                    requests,
                    tokens: 10 * requests,
                    nano_usd: 0,
                },
            },
            reserved: Amount::default(),
        }
    }

    fn rate(until: i64, requests: u64) -> Kept {
        Kept::Rate(vec![Past {
            until,
            requests,
            tokens: 0,
        }])
    }

    #[test]
    fn only_what_was_used_or_has_changed_is_written() {
        let news = |written: Option<&Kept>, kept: &Kept| {
            is_news(written, kept, Duration::from_secs(1_000))
        };
        let kept = |requests| window(9, requests);
        assert!(!news(None, &kept(0)) && news(None, &kept(1)));
        assert!(news(Some(&kept(1)), &kept(0)) && !news(Some(&kept(1)), &kept(1)));
        let none = Kept::Rate(Vec::new());
        assert!(!news(None, &none) && news(None, &rate(1_000, 1)));
        assert!(news(Some(&rate(1_000, 1)), &none), "reset");
        assert!(!news(Some(&rate(930, 1)), &none), "only old");
    }

    #[test]
    fn what_was_reset_and_is_nobodys_is_written_as_nothing() {
        let owner = |name: &str| crate::live::Owner::Key(name.to_owned());
        let quota = |name| Name::Term((owner(name), crate::ledger::Term::Quota));
        let written: Counters = [
            (quota("here"), window(2_000, 5)),
            (quota("gone"), window(2_000, 5)),
            (quota("old"), window(900, 5)),
            (Name::Rate(owner("gone")), rate(1_000, 1)),
            (Name::Rate(owner("old")), rate(900, 1)),
        ]
        .into();
        let all: Counters = [(quota("here"), window(2_000, 5))].into();
        let now = Duration::from_secs(1_000);
        let told = gone(&written, &all, now);
        let names: Vec<&Name> = told.keys().collect();
        assert_eq!(names, [&quota("gone"), &Name::Rate(owner("gone"))]);
        assert!(told.values().all(|kept| !kept.counts(now)));
    }

    #[test]
    fn who_takes_over_adds_what_the_other_has_counted_meanwhile() {
        let (three, seven) = (window(9, 3), window(9, 7));
        assert_eq!(beyond(&seven, Some(&three)), window(9, 4));
        assert_eq!(
            beyond(&window(9, 2), Some(&three)),
            window(9, 0),
            "reset by hand"
        );
        assert_eq!(beyond(&window(19, 2), Some(&three)), window(19, 2));
        assert_eq!(beyond(&window(9, 2), None), window(9, 2));
        assert_eq!(beyond(&rate(50, 5), Some(&rate(50, 2))), rate(50, 3));
        assert_eq!(beyond(&rate(60, 5), Some(&rate(50, 2))), rate(60, 5));
    }
}
