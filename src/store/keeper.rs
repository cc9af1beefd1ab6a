//! Keeps the counters of quotas: once a second to the journal, outside of every request.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::journal::{Counters, Journal, Kept, Owned};
use crate::clock::{self, Tick};
use crate::ledger::{Amount, Used};
use crate::live::{Live, MeterName, Quotas};
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
        let quotas = snapshot.registry().quotas();
        quotas.tell_time(now, wall);
        let owns = state.own(quotas);
        match state.journal.load() {
            Ok(loaded) => {
                let used = loaded.iter().map(|(name, kept)| (name.clone(), kept.used));
                quotas.restore(used, now);
                state.written = loaded;
            }
            Err(e) => log::error!(
                "cannot read {}: {e}; quotas begin with nothing used",
                state.journal.path().display()
            ),
        }
        if owns && !state.written.is_empty() {
            state.written = everything(quotas);
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
        let quotas = snapshot.registry().quotas();
        quotas.tell_time(now, wall);
        for meter in quotas.all() {
            for used in meter.take_ended(now) {
                tell_reset(meter.name(), used, "");
            }
        }
        let mut state = self.state.lock();
        if state.owned.is_none() {
            if !state.own(quotas) {
                return;
            }
            state.take_over(quotas, now);
        }
        let State {
            journal, written, ..
        } = &mut *state;
        let changes = |asked: &[MeterName]| {
            for name in asked {
                if let Some(used) = quotas.reset(name, now) {
                    tell_reset(name, used, " by hand");
                }
            }
            let mut changed = everything(quotas);
            changed.retain(|name, kept| is_news(written.get(name), kept));
            changed
        };
        match journal.keep(changes, || everything(quotas), wall) {
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
    fn own(&mut self, quotas: &Quotas) -> bool {
        if quotas.all().is_empty() && !self.journal.path().exists() {
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
    fn take_over(&mut self, quotas: &Quotas, now: Tick) {
        match self.journal.load() {
            Ok(there) => {
                let more = there.iter().map(|(name, kept)| {
                    let read = self.written.get(name).map(|kept| kept.used);
                    let known = read.filter(|_| quotas.find(name).is_some());
                    (name.clone(), beyond(kept.used, known))
                });
                quotas.restore(more.collect::<Vec<_>>(), now);
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

/// What was used beyond what is `known`, in the same window.
fn beyond(used: Used, known: Option<Used>) -> Used {
    let known = known.filter(|known| known.window.ends == used.window.ends);
    let known = known.map_or(Amount::default(), |known| known.amount);
    Used {
        amount: Amount {
            requests: used.amount.requests.saturating_sub(known.requests),
            tokens: used.amount.tokens.saturating_sub(known.tokens),
        },
        ..used
    }
}

/// A quota that was never used needs no line.
fn is_news(written: Option<&Kept>, kept: &Kept) -> bool {
    match written {
        Some(written) => written != kept,
        None => kept.used.amount != Amount::default() || kept.reserved != Amount::default(),
    }
}

fn everything(quotas: &Quotas) -> Counters {
    let now = clock::now();
    let remembered = quotas.remembered(now).into_iter().map(|(name, used)| {
        let reserved = Amount::default();
        (name, Kept { used, reserved })
    });
    let metered = quotas.all().into_iter().map(|meter| {
        let reading = meter.read(now);
        let used = Used {
            window: reading.window,
            amount: reading.used,
        };
        let reserved = reading.reserved;
        (meter.name().clone(), Kept { used, reserved })
    });
    remembered.chain(metered).collect()
}

/// S3's line.
fn tell_reset(name: &MeterName, used: Used, how: &str) {
    let Amount { requests, tokens } = used.amount;
    let since = Timestamp::from_second(used.window.began).unwrap_or_default();
    log::info!("reset usage{how}: {name}: {requests} requests and {tokens} tokens since {since}");
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
                },
            },
            reserved: Amount::default(),
        };
        assert!(!is_news(None, &kept(0)) && is_news(None, &kept(1)));
        assert!(is_news(Some(&kept(1)), &kept(0)) && !is_news(Some(&kept(1)), &kept(1)));
    }

    #[test]
    fn who_takes_over_adds_what_the_other_has_counted_meanwhile() {
        let used = |ends, requests| Used {
            window: Window { began: 0, ends },
            amount: Amount {
                requests,
                tokens: 10 * requests,
            },
        };
        assert_eq!(beyond(used(9, 7), Some(used(9, 3))), used(9, 4));
        assert_eq!(
            beyond(used(9, 2), Some(used(9, 3))),
            used(9, 0),
            "reset by hand"
        );
        assert_eq!(beyond(used(19, 2), Some(used(9, 3))), used(19, 2));
        assert_eq!(beyond(used(9, 2), None), used(9, 2));
    }
}
