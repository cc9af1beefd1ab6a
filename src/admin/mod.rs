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
mod audit;
mod bodies;
mod call;
mod cascade;
mod channels;
mod condition;
mod desk;
mod docs;
mod door;
mod effective;
mod events;
mod figures;
mod first;
mod frame;
mod guard;
mod house;
mod input;
mod login;
mod mint;
mod objects;
mod openapi;
mod password;
mod plane;
mod playground;
mod problem;
mod providers;
mod reasons;
mod request_file;
mod requests;
mod routes;
mod secret;
mod seeds;
mod socket;
mod standings;
mod status;
mod throttle;
mod time;
mod transfer;
mod trouble;
mod ui;
mod vendors;
mod view;
mod visitor;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

pub use condition::Condition;
pub use desk::{Desk, Done, With};
pub use house::{House, LeftOut, Refusal, Refused, Tried};
pub use plane::Plane;
pub use problem::Flaw;
pub use reasons::Reason;
pub use socket::Sockets;
pub use trouble::Trouble;
pub use vendors::{Unreached, VendorPage, Vendors};
pub use view::{Facts, View};

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
    /// The database, and what opens its secrets. `None`: there is none, and nobody can log in.
    pub shelves: Option<(Arc<Store>, Arc<Cipher>)>,
    pub live: Arc<Live>,
    pub house: Arc<dyn House>,
    pub vendors: Arc<dyn Vendors>,
    /// Shows the password that a first start has made. Called at most once.
    pub show_password: Box<dyn Fn(&str) + Send + Sync>,
}

/// What every handler can reach.
pub(crate) struct Admin {
    live: Arc<Live>,
    store: Option<Arc<Store>>,
    desk: Option<Desk>,
    house: Arc<dyn House>,
    vendors: Arc<dyn Vendors>,
    plane: Option<Plane>,
    show_password: Box<dyn Fn(&str) + Send + Sync>,
    law: Law,
    token: LocalToken,
    passwords: Passwords,
    throttle: Throttle,
    applied: Applied,
    started: Tick,
    /// Changes when the process leaves: endless answers end then.
    #[allow(
        dead_code,
        reason = "the answers that have no end come with the events"
    )]
    leaving: watch::Receiver<bool>,
}

impl Admin {
    fn new(parts: Parts, plane: Option<Plane>, leaving: watch::Receiver<bool>) -> Admin {
        let house = parts.house;
        let desk = parts
            .shelves
            .as_ref()
            .map(|(store, cipher)| Desk::new(store.clone(), cipher.clone(), house.clone()));
        Admin {
            token: LocalToken::default(),
            live: parts.live,
            store: parts.shelves.map(|(store, _)| store),
            desk,
            house,
            vendors: parts.vendors,
            plane,
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

    /// Where objects are changed.
    ///
    /// # Errors
    /// There is no database to keep them.
    fn desk(&self) -> Result<&Desk, Problem> {
        self.store()?;
        self.desk.as_ref().ok_or_else(|| Trouble::Inside.into())
    }

    /// Where the data plane takes calls of ours.
    ///
    /// # Errors
    /// Nowhere.
    fn plane(&self) -> Result<&Plane, Problem> {
        let nowhere = || {
            let detail = "The data plane takes no calls from here: its socket could not be made.";
            Problem::new(Why::Unavailable, detail)
        };
        self.plane.as_ref().ok_or_else(nowhere)
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
    sockets: &Sockets,
    leaving: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = sockets.bind()?;
    let plane = sockets.plane.clone().map(Plane);
    let admin = Arc::new(Admin::new(parts, plane, leaving.clone()));
    if let Err(e) = admin.token.take(&admin.data()) {
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
    sockets.remove();
    served
}
