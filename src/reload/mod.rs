//! Hot reload: on a changed file, on SIGHUP, and when objects of the database have changed. A broken configuration changes
//! nothing and says why; requests in flight keep theirs; counters, cooldowns and connections survive.
//!
//! Owns what is in force ([`Reloader`]), and does for the admin side what that asks for ([`House`]). Never: decides what a
//! configuration means (`config`), or writes objects (`admin`, through `store`).
//!
//! Start with [`Reloader`]; `objects.rs` says which objects of the database are in force.

mod objects;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::admin::{House, LeftOut, Refusal, Refused, Tried};
use crate::balance::Hosts;
use crate::clock;
use crate::config::transfer::{self, Exported, Secrets};
use crate::config::{self, Env, Kind, Loaded, Overrides, Source};
use crate::live::Live;
use crate::proxy::{AccessLog, Proxy, Wiring};
use crate::store::{Cipher, Fault, Settled, Shelf, Store};
use crate::telemetry::{Sink, metrics};

pub use objects::{Holds, Objects, beside};

/// How often the files are looked at. Content is compared, so that also mounted and linked files are noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a configuration is loaded from, the same at every reload, but for the objects of the database.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub source: Source,
    pub env: Env,
    pub overrides: Overrides,
    pub demo: Option<std::net::SocketAddr>,
}

impl Inputs {
    /// Loads the configuration as it stands now, without a database.
    ///
    /// # Errors
    /// The report of everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, config::Report> {
        config::load(&self.source, &self.env, &self.overrides, self.demo)
    }
}

/// The database's objects, and what opens their secrets.
#[derive(Clone)]
pub struct Shelves {
    pub store: Arc<Store>,
    pub cipher: Arc<Cipher>,
}

impl Shelves {
    /// All objects as they are now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(&self) -> Result<Shelf, Fault> {
        self.store.shelf(&self.cipher).await
    }
}

/// What is made of a configuration.
pub struct Works {
    pub live: Arc<Live>,
    pub hosts: Arc<Hosts>,
    pub proxy: Arc<Proxy>,
    pub sink: Sink,
}

/// Puts changed configurations in force.
pub struct Reloader {
    inputs: Inputs,
    /// What the process was started with: some of it holds to its end.
    started: Arc<Loaded>,
    state: Mutex<State>,
    /// What is in force, for whoever asks while another is put there.
    loaded: ArcSwap<Loaded>,
    /// What the files say now, where that is not in force.
    refused: ArcSwapOption<Refused>,
    shelves: Option<Shelves>,
    works: Works,
}

struct State {
    objects: Objects,
    left_out: Vec<LeftOut>,
    /// Hash of each watched file's content; `None`: unreadable.
    seen: BTreeMap<PathBuf, Option<u64>>,
}

impl Reloader {
    /// Beginning with what is in force: `holds`, made with `objects`.
    pub fn new(
        inputs: Inputs,
        (holds, objects): (Holds, Objects),
        shelves: Option<Shelves>,
        works: Works,
    ) -> Reloader {
        let Holds { loaded, left_out } = holds;
        let seen = look(&loaded.files);
        tell_left_out(&[], &left_out);
        Reloader {
            inputs,
            started: Arc::new(loaded.clone()),
            state: Mutex::new(State {
                objects,
                left_out,
                seen,
            }),
            loaded: ArcSwap::from_pointee(loaded),
            refused: ArcSwapOption::empty(),
            shelves,
            works,
        }
    }

    /// Reloads if a file has changed since the last look.
    fn look_again(&self) {
        let mut state = self.state.lock();
        let now = look(&self.loaded.load().files);
        if now != state.seen {
            state.seen = now;
            self.tell(self.files_again(&mut state));
        }
    }

    /// SIGHUP: log files are opened again, and the configuration is read whether it has changed or not.
    fn hang_up(&self) {
        if let Err(e) = self.works.sink.reopen() {
            log::error!("cannot reopen the log file: {e}");
        }
        self.tell(self.files_again(&mut self.state.lock()));
    }

    fn tell(&self, result: Result<Vec<String>, Refusal>) {
        if let Err(why) = result {
            log::error!("the configuration is not reloaded, the old one stays in force:\n{why}");
        }
    }

    fn files_again(&self, state: &mut State) -> Result<Vec<String>, Refusal> {
        let holds = objects::load(&self.inputs, &state.objects);
        let result = match holds {
            Ok(holds) => self.apply(state, holds),
            Err(report) => Err(Refusal::Wrong(Box::new(report))),
        };
        self.count(&result);
        self.remember(&result);
        state.seen = look(&self.loaded.load().files);
        result
    }

    /// Whoever comes later sees what is wrong, and since when.
    fn remember(&self, result: &Result<Vec<String>, Refusal>) {
        let lines = match result {
            Ok(_) => return self.refused.store(None),
            Err(Refusal::Wrong(report)) => report.lines(),
            Err(Refusal::Wiring(why)) => vec![why.clone()],
        };
        let before = self.refused.load_full();
        let at = before.map_or_else(clock::wall, |before| before.at);
        self.refused.store(Some(Arc::new(Refused { at, lines })));
    }

    /// What the files that are in force say by themselves.
    fn alone(&self) -> Result<Loaded, config::Report> {
        let mut inputs = self.inputs.clone();
        inputs.source.held = Some(self.loaded.load().held.clone());
        inputs.load()
    }

    fn count<T>(&self, result: &Result<T, Refusal>) {
        let how = if result.is_ok() { "ok" } else { "refused" };
        metrics::RELOADS.with_label_values(&[how]).inc();
    }

    fn apply(&self, state: &mut State, holds: Holds) -> Result<Vec<String>, Refusal> {
        let Holds { loaded, left_out } = holds;
        let before = self.loaded.load_full();
        let Works {
            live,
            hosts,
            proxy,
            sink,
        } = &self.works;
        let needs_restart = config::needs_restart(&self.started, &loaded);
        live.replace(loaded.gateway.clone());
        let wiring = Wiring::new(live.snapshot(), hosts).map_err(|e| {
            live.replace(before.gateway.clone());
            Refusal::Wiring(e)
        })?;
        if loaded.gateway.log.file != before.gateway.log.file
            && let Err(e) = sink.redirect(loaded.gateway.log.file.clone())
        {
            log::error!("cannot open the new log file, the old one stays in use: {e}");
        }
        proxy.replace(wiring, AccessLog::of(&loaded.gateway, sink));
        for warning in loaded.warnings.lines() {
            log::warn!("{warning}");
        }
        for what in &needs_restart {
            log::warn!("`{what}` has changed and takes effect at the next start");
        }
        log::info!("configuration reloaded");
        tell_left_out(&state.left_out, &left_out);
        state.left_out = left_out;
        self.loaded.store(Arc::new(loaded));
        Ok(needs_restart)
    }

    /// Reads the objects again if somebody has changed them: another node, or a database that was away.
    async fn look_at_shelves(self: &Arc<Self>) {
        let Some(shelves) = &self.shelves else {
            return;
        };
        let (known, first) = {
            let state = self.state.lock();
            (state.objects.generation, state.objects.awaited)
        };
        // A database that is away is said to be by whoever writes records.
        if shelves.store.generation().await.unwrap_or(known) == known {
            return;
        }
        if first {
            match shelves.store.settle(&shelves.cipher).await {
                Err(e @ (Fault::OtherKey { .. } | Fault::NoKey(_))) => log::error!("{e}"),
                Err(_) => return,
                Ok(settled) => tell_settled(settled),
            }
        }
        let Ok(shelf) = shelves.read().await else {
            return;
        };
        let this = self.clone();
        let put_on = move || {
            let result = this.put_on(&shelf);
            this.tell(result.map(|()| Vec::new()));
        };
        if tokio::task::spawn_blocking(put_on).await.is_err() {
            log::error!("a reload failed inside");
        }
    }
}

impl House for Reloader {
    fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    fn restart_needed(&self) -> Vec<String> {
        config::needs_restart(&self.started, &self.loaded.load())
    }

    fn started(&self) -> Arc<Loaded> {
        self.started.clone()
    }

    fn file(&self) -> Option<PathBuf> {
        let source = &self.inputs.source;
        source.file.as_ref().map(|file| source.base.join(file))
    }

    fn refused(&self) -> Option<Arc<Refused>> {
        self.refused.load_full()
    }

    fn has_variable(&self, name: &str) -> bool {
        let mut source = self.inputs.source.clone();
        source.held = Some(self.loaded.load().held.clone());
        config::has_variable(&source, &self.inputs.env, name)
    }

    fn left_out(&self) -> Vec<LeftOut> {
        self.state.lock().left_out.clone()
    }

    fn try_on(
        &self,
        all: &[config::Object],
        touched: &[(Kind, String)],
    ) -> Result<Tried, config::Report> {
        self.look_again();
        let left_out = self.left_out();
        let may_go = |kind: Kind, name: &str| {
            let touched = touched.iter().any(|(k, n)| *k == kind && n == name);
            let mut out = left_out.iter();
            !touched && out.any(|out| out.kind == kind && out.name == name)
        };
        let objects = Objects {
            all: all.to_vec(),
            ..Objects::default()
        };
        // Beside the files that are in force: whatever is wrong with them now keeps nobody from changing objects.
        let files = self.loaded();
        let holds = objects::try_beside(&self.inputs, &files, &objects, may_go)?;
        Ok(Tried {
            restart: config::needs_restart(&self.started, &holds.loaded),
            gateway: holds.loaded.gateway,
        })
    }

    fn put_on(&self, shelf: &Shelf) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if shelf.generation <= state.objects.generation {
            return Ok(());
        }
        let objects = Objects::of(shelf);
        // Whoever wrote them has tried them on, but maybe with another file than ours.
        let alone = self
            .alone()
            .map_err(|report| Refusal::Wrong(Box::new(report)))?;
        let holds = objects::beside(&self.inputs, alone, &objects);
        // Also where they cannot be put in force they are what the database has, and are tried with the next file.
        state.objects = objects;
        let result = self.apply(&mut state, holds).map(drop);
        self.count(&result);
        result
    }

    fn export(&self, secrets: Secrets) -> Result<Exported, config::Report> {
        let mut source = self.inputs.source.clone();
        source.held = Some(self.loaded.load().held.clone());
        let (objects, left_out) = {
            let state = self.state.lock();
            (state.objects.all.clone(), state.left_out.clone())
        };
        let in_force = |object: &config::Object| {
            let mut out = left_out.iter();
            out.all(|out| out.kind != object.kind || out.name != object.name)
        };
        source.objects = objects.into_iter().filter(in_force).collect();
        let exported = transfer::export(&source, &self.inputs.env, secrets)?;
        Ok(objects::told(exported, &left_out))
    }

    fn reload(&self) -> Result<Vec<String>, Refusal> {
        self.files_again(&mut self.state.lock())
    }
}

/// What has become of the sealed secrets.
pub fn tell_settled(settled: Settled) {
    if let Settled::Anew(objects) = settled {
        log::info!(
            "the secrets of {objects} objects are sealed with the first key now; older ones may go"
        );
    }
}

fn tell_left_out(before: &[LeftOut], now: &[LeftOut]) {
    for out in now.iter().filter(|out| !before.contains(out)) {
        let (kind, name, why) = (out.kind.name(), &out.name, &out.why);
        log::error!("{kind} `{name}` of the database is left out:\n{why}");
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
            () = tokio::time::sleep(LOOK_EVERY) => {
                off_the_reactor(reloader, Reloader::look_again).await;
                reloader.look_at_shelves().await;
            }
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
