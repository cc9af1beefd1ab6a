//! Keeps the counters of quotas: once a second to the journal, outside of every request.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::journal::{Counters, Journal, Kept};
use crate::clock;
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
        let quotas = snapshot.registry().quotas();
        quotas.tell_time(now, wall);
        match journal.load() {
            Ok(loaded) if loaded.is_empty() => {}
            Ok(loaded) => {
                quotas.restore(
                    loaded.iter().map(|(name, kept)| (name.clone(), kept.used)),
                    now,
                );
                written = everything(quotas);
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
        let quotas = snapshot.registry().quotas();
        quotas.tell_time(now, wall);
        for meter in quotas.all() {
            for used in meter.take_ended(now) {
                tell_reset(meter.name(), used, "");
            }
        }
        let mut state = self.state.lock();
        let State {
            journal,
            written,
            failing,
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
}
