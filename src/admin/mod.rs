//! The admin side: its API, who may enter, and its pages.
//!
//! An axum server on a Unix socket of this process, on a thread and a runtime of its own; the data plane proxies the admin
//! side's paths to it, and says in headers that nobody else can set who asks (`visitor`). It may be slow and wait for the
//! database: no request to a model waits for it. It never speaks to vendors itself but for what only an operator asks.
//!
//! Owns the shapes of its API, and how objects are changed: `desk` (each change is tried on, written, put in force), with what
//! the rest of the program does for this room (`house`). Never: reads or writes a request of the data plane.
//!
//! Start with `routes` (what there is). A request walks `frame` (the headers of every answer) → `guard` (what the document
//! says of the operation, and who asks: `door`) → its handler, which takes the body and the query as `input` reads them.
//! What goes wrong is a [`Problem`](problem::Problem), and becomes an answer in `problem` alone. The document (`openapi`)
//! is made from the code and is the law: what it does not have is not served, nor is a parameter that it does not name.

mod accounts;
mod desk;
mod docs;
mod door;
mod first;
mod frame;
mod guard;
mod house;
mod input;
mod login;
mod openapi;
mod password;
mod problem;
mod routes;
mod secret;
mod socket;
mod status;
mod throttle;
mod time;
mod trouble;
mod visitor;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

pub use desk::{Condition, Desk, Done, Facts, View};
pub use house::{House, LeftOut, Refusal, Tried};
pub use socket::place;
pub use trouble::{Flaw, Trouble};

use crate::clock::{self, Tick};
use crate::live::Live;
use crate::store::{Cipher, Store};
use first::Applied;
use guard::Law;
use password::Passwords;
use problem::{Problem, Why};
use secret::LocalToken;
use throttle::Throttle;

/// What the admin side stands on.
pub struct Parts {
    /// The database, and what opens the secrets in it. `None`: there is none, and nobody can log in.
    pub kept: Option<(Arc<Store>, Arc<Cipher>)>,
    pub live: Arc<Live>,
    pub house: Arc<dyn House>,
    /// Shows the password that a first start has made. Called at most once.
    pub show_password: Box<dyn Fn(&str) + Send + Sync>,
}

/// What every handler can reach.
pub(crate) struct Admin {
    live: Arc<Live>,
    house: Arc<dyn House>,
    store: Option<Arc<Store>>,
    desk: Option<Desk>,
    show_password: Box<dyn Fn(&str) + Send + Sync>,
    law: Law,
    token: LocalToken,
    passwords: Passwords,
    throttle: Throttle,
    applied: Applied,
    started: Tick,
    /// Changes when the process leaves: endless answers end then.
    leaving: watch::Receiver<bool>,
}

impl Admin {
    fn new(parts: Parts, leaving: watch::Receiver<bool>) -> Admin {
        let house = parts.house;
        let desk = |(store, cipher): (_, _)| Desk::new(store, cipher, house.clone());
        Admin {
            store: parts.kept.as_ref().map(|(store, _)| store.clone()),
            desk: parts.kept.map(desk),
            house,
            token: LocalToken::make(),
            live: parts.live,
            show_password: parts.show_password,
            law: Law::of(&openapi::document()),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            applied: Applied::default(),
            started: clock::now(),
            leaving,
        }
    }

    /// The database.
    ///
    /// # Errors
    /// There is none.
    fn store(&self) -> Result<&Arc<Store>, Problem> {
        self.store.as_ref().ok_or_else(no_database)
    }

    /// Where objects are changed.
    ///
    /// # Errors
    /// There is no database.
    #[allow(dead_code, reason = "the calls about objects come with their files")]
    fn desk(&self) -> Result<&Desk, Problem> {
        self.desk.as_ref().ok_or_else(no_database)
    }

    fn data(&self) -> PathBuf {
        self.live.snapshot().gateway.data.clone()
    }
}

fn no_database() -> Problem {
    let detail = "This gateway has no database: the one in its data folder could not be opened.";
    Problem::new(Why::Unavailable, detail)
}

/// Serves the admin side on a socket, until the process leaves.
///
/// # Errors
/// The socket cannot be made.
pub async fn serve(
    parts: Parts,
    socket: &Path,
    leaving: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = socket::bind(socket)?;
    let admin = Arc::new(Admin::new(parts, leaving.clone()));
    if let Err(e) = admin.token.write(&admin.data()) {
        log::warn!("{e}; commands on this machine need ADMIN_KEY");
    }
    let house = tokio::spawn(first::keep_house(admin.clone()));
    let mut leaving = leaving;
    let left = async move {
        // Who closes it without a word has left, too.
        leaving.changed().await.unwrap_or_default();
    };
    let serving = axum::serve(listener, routes::router(admin.clone()));
    let served = serving.with_graceful_shutdown(left).await;
    house.abort();
    admin.token.remove(&admin.data());
    socket::remove(socket);
    served
}
