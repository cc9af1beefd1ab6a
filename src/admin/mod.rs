//! The admin side: its API, who may enter, and its pages.
//!
//! An axum server on a Unix socket of this process, on a thread and a runtime of its own; the data plane proxies the admin
//! side's paths to it, and says in headers that nobody else can set who asks (`visitor`). It may be slow and wait for the
//! database: no request to a model waits for it. It never speaks to vendors itself but for what only an operator asks.
//!
//! Start with `routes` (what there is). A request walks `frame` (the headers of every answer) → `guard` (what the document
//! says of the operation, and who asks: `door`) → its handler, which takes the body and the query as `input` reads them.
//! What goes wrong is a [`Problem`](problem::Problem), and becomes an answer in `problem` alone. The document (`openapi`)
//! is made from the code and is the law: what it does not have is not served, nor is a parameter that it does not name.

mod accounts;
mod docs;
mod door;
mod first;
mod frame;
mod guard;
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
mod visitor;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

pub use socket::place;

use crate::clock::{self, Tick};
use crate::live::Live;
use crate::store::Store;
use first::Applied;
use guard::Law;
use password::Passwords;
use problem::{Problem, Why};
use secret::LocalToken;
use throttle::Throttle;

/// What the admin side stands on.
pub struct Parts {
    /// `None`: there is none, and nobody can log in.
    pub store: Option<Arc<Store>>,
    pub live: Arc<Live>,
    /// The built-in demo vendor is one of the providers.
    pub demo: bool,
    /// Shows the password that a first start has made. Called at most once.
    pub show_password: Box<dyn Fn(&str) + Send + Sync>,
}

/// What every handler can reach.
pub(crate) struct Admin {
    live: Arc<Live>,
    store: Option<Arc<Store>>,
    demo: bool,
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
        Admin {
            token: LocalToken::make(),
            live: parts.live,
            store: parts.store,
            demo: parts.demo,
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
        self.store.as_ref().ok_or_else(|| {
            Problem::new(
                Why::Unavailable,
                "This gateway has no database: the one in its data folder could not be opened.",
            )
        })
    }

    fn data(&self) -> PathBuf {
        self.live.snapshot().gateway.data.clone()
    }
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
