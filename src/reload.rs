//! Hot reload: on a changed file and on SIGHUP. A broken configuration changes nothing and says why; requests in
//! flight keep theirs; counters, cooldowns and connections survive.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::balance::Hosts;
use crate::config::{self, Env, Loaded, Overrides, Source};
use crate::live::Live;
use crate::proxy::{AccessLog, Proxy, Wiring};
use crate::telemetry::{Sink, metrics};

/// How often the files are looked at. Content is compared, so that also mounted and linked files are noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a configuration is loaded from, the same at every reload.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub source: Source,
    pub env: Env,
    pub overrides: Overrides,
    pub demo: Option<std::net::SocketAddr>,
}

impl Inputs {
    /// Loads the configuration as it stands now.
    ///
    /// # Errors
    /// The report of everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, config::Report> {
        config::load(&self.source, &self.env, &self.overrides, self.demo)
    }
}

/// Puts changed configurations in force.
pub struct Reloader {
    inputs: Inputs,
    /// What the process was started with: some of it holds to its end.
    started: Loaded,
    state: Mutex<State>,
    live: Arc<Live>,
    hosts: Arc<Hosts>,
    proxy: Arc<Proxy>,
    sink: Sink,
}

struct State {
    loaded: Loaded,
    /// Hash of each watched file's content; `None`: unreadable.
    seen: BTreeMap<PathBuf, Option<u64>>,
}

impl Reloader {
    pub fn new(
        inputs: Inputs,
        loaded: Loaded,
        live: Arc<Live>,
        (hosts, proxy, sink): (Arc<Hosts>, Arc<Proxy>, Sink),
    ) -> Reloader {
        let seen = look(&loaded.files);
        Reloader {
            inputs,
            started: loaded.clone(),
            state: Mutex::new(State { loaded, seen }),
            live,
            hosts,
            proxy,
            sink,
        }
    }

    /// Reloads if a file has changed since the last look.
    fn look_again(&self) {
        let mut state = self.state.lock();
        let now = look(&state.loaded.files);
        if now != state.seen {
            state.seen = now;
            self.reload(&mut state);
        }
    }

    /// SIGHUP: log files are opened again, and the configuration is read whether it has changed or not.
    fn hang_up(&self) {
        if let Err(e) = self.sink.reopen() {
            log::error!("cannot reopen the log file: {e}");
        }
        let mut state = self.state.lock();
        self.reload(&mut state);
    }

    fn reload(&self, state: &mut State) {
        match self.apply(state) {
            Ok(()) => metrics::RELOADS.with_label_values(&["ok"]).inc(),
            Err(why) => {
                metrics::RELOADS.with_label_values(&["refused"]).inc();
                log::error!(
                    "the configuration is not reloaded, the old one stays in force:\n{why}"
                );
            }
        }
        state.seen = look(&state.loaded.files);
    }

    fn apply(&self, state: &mut State) -> Result<(), String> {
        let loaded = self.inputs.load().map_err(|report| report.to_string())?;
        let needs_restart = config::needs_restart(&self.started, &loaded);
        self.live.replace(loaded.gateway.clone());
        let wiring = Wiring::new(self.live.snapshot(), &self.hosts).inspect_err(|_| {
            self.live.replace(state.loaded.gateway.clone());
        })?;
        if loaded.gateway.log.file != state.loaded.gateway.log.file
            && let Err(e) = self.sink.redirect(loaded.gateway.log.file.clone())
        {
            log::error!("cannot open the new log file, the old one stays in use: {e}");
        }
        self.proxy
            .replace(wiring, AccessLog::of(&loaded.gateway, &self.sink));
        for warning in loaded.warnings.lines() {
            log::warn!("{warning}");
        }
        for what in needs_restart {
            log::warn!("`{what}` has changed and takes effect at the next start");
        }
        log::info!("configuration reloaded");
        state.loaded = loaded;
        Ok(())
    }
}

fn look(files: &[PathBuf]) -> BTreeMap<PathBuf, Option<u64>> {
    let hash = |path: &PathBuf| {
        std::fs::read(path)
            .ok()
            .map(|bytes| xxhash_rust::xxh3::xxh3_64(&bytes))
    };
    files
        .iter()
        .map(|path| (path.clone(), hash(path)))
        .collect()
}

/// Reloads when a file has changed and on SIGHUP, until `shutdown` changes.
pub async fn keep_reloading(reloader: &Arc<Reloader>, mut shutdown: watch::Receiver<bool>) {
    let mut hang_up = match signal(SignalKind::hangup()) {
        Ok(hang_up) => hang_up,
        Err(e) => return log::error!("SIGHUP cannot be heard: {e}"),
    };
    loop {
        tokio::select! {
            _ = hang_up.recv() => off_the_reactor(reloader, Reloader::hang_up).await,
            () = tokio::time::sleep(LOOK_EVERY) => off_the_reactor(reloader, Reloader::look_again).await,
            _ = shutdown.changed() => return,
        }
    }
}

async fn off_the_reactor(reloader: &Arc<Reloader>, work: fn(&Reloader)) {
    let reloader = reloader.clone();
    if tokio::task::spawn_blocking(move || work(&reloader))
        .await
        .is_err()
    {
        log::error!("a reload failed inside");
    }
}
