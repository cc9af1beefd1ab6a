//! Keeps the counters of quotas: once a second to the journal, outside of every request.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::journal::{Counters, Journal, Kept, Name};
use crate::clock;
use crate::ledger::{Amount, Usd, Used};
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
    /// As the journal has it.
    written: Counters,
    /// Said once, until it works again.
    failing: bool,
}

impl Keeper {
    /// Puts back what was used before the start. What cannot be read is as if nothing had been used, and is said.
    pub fn start(live: Arc<Live>, data: &Path) -> Keeper {
        let mut journal = Journal::below(data);
        let (now, wall) = (clock::now(), clock::wall());
        let mut written = Counters::new();
        let snapshot = live.snapshot();
        let registry = snapshot.registry();
        registry.quotas().tell_time(now, wall);
        match journal.load() {
            Ok(loaded) if loaded.is_empty() => {}
            Ok(loaded) => {
                restore(registry, loaded);
                written = everything(registry);
                if let Err(e) = journal.compact(&written, wall) {
                    complain(&journal, &e);
                }
            }
            Err(e) => log::error!(
                "cannot read {}: {e}; quotas begin with nothing used",
                journal.path().display()
            ),
        }
        let state = State {
            journal,
            written,
            failing: false,
        };
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
        for meter in registry.quotas().all() {
            for used in meter.take_ended(now) {
                tell_reset(&Name::Endpoint(meter.name().clone()), used, "");
            }
        }
        let mut state = self.state.lock();
        let State {
            journal,
            written,
            failing,
        } = &mut *state;
        let changes = |asked: &[Name]| {
            for name in asked {
                let used = match name {
                    Name::Endpoint(name) => registry.quotas().reset(name, now),
                    Name::Term(name) => registry.purses().reset(name, now),
                };
                if let Some(used) = used {
                    tell_reset(name, used, " by hand");
                }
            }
            let mut changed = everything(registry);
            changed.retain(|name, kept| is_news(written.get(name), kept));
            changed
        };
        match journal.keep(changes, || everything(registry), wall) {
            Ok(changed) => {
                if std::mem::take(failing) {
                    log::info!("{} is written again", journal.path().display());
                }
                written.extend(changed);
            }
            Err(e) => {
                metrics::QUOTA_JOURNAL_ERRORS.inc();
                if !std::mem::replace(failing, true) {
                    complain(journal, &e);
                }
            }
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

fn complain(journal: &Journal, error: &std::io::Error) {
    let path = journal.path().display();
    log::warn!("cannot write {path}: {error}; what is used of quotas will not survive a restart");
}

/// A quota that was never used needs no line.
fn is_news(written: Option<&Kept>, kept: &Kept) -> bool {
    match written {
        Some(written) => written != kept,
        None => kept.used.amount != Amount::default() || kept.reserved != Amount::default(),
    }
}

fn restore(registry: &Registry, loaded: Counters) {
    let now = clock::now();
    let (mut meters, mut terms) = (Vec::new(), Vec::new());
    for (name, kept) in loaded {
        match name {
            Name::Endpoint(name) => meters.push((name, kept.used)),
            Name::Term(name) => terms.push((name, kept.used)),
        }
    }
    registry.quotas().restore(meters, now);
    registry.purses().restore(terms, now);
}

fn everything(registry: &Registry) -> Counters {
    let now = clock::now();
    let (quotas, purses) = (registry.quotas(), registry.purses());
    let unreserved = |used| Kept {
        used,
        reserved: Amount::default(),
    };
    let meters = quotas.remembered(now).into_iter();
    let meters = meters.map(|(name, used)| (Name::Endpoint(name), unreserved(used)));
    let terms = purses.remembered(now).into_iter();
    let terms = terms.map(|(name, used)| (Name::Term(name), unreserved(used)));
    let mut all: Counters = meters.chain(terms).collect();
    for meter in quotas.all() {
        let reading = meter.read(now);
        let used = Used {
            window: reading.window,
            amount: reading.used,
        };
        let reserved = reading.reserved;
        let name = Name::Endpoint(meter.name().clone());
        all.insert(name, Kept { used, reserved });
    }
    for purse in purses.all() {
        for state in purse.read(now).terms {
            let used = Used {
                window: state.window,
                amount: state.used,
            };
            let reserved = state.reserved;
            let name = Name::Term((purse.owner().clone(), state.term));
            all.insert(name, Kept { used, reserved });
        }
    }
    all
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Window;

    #[test]
    fn only_what_was_used_or_has_changed_is_written() {
        let kept = |requests| Kept {
            used: Used {
                window: Window { began: 0, ends: 9 },
                amount: Amount {
                    requests,
                    tokens: 0,
                    nano_usd: 0,
                },
            },
            reserved: Amount::default(),
        };
        assert!(!is_news(None, &kept(0)) && is_news(None, &kept(1)));
        assert!(is_news(Some(&kept(1)), &kept(0)) && !is_news(Some(&kept(1)), &kept(1)));
    }
}
