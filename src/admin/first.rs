//! The first account, and what has to be looked after: `ADMIN_PASSWORD`, and sessions that are over.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::door::{IDLE, LONGEST, millis};
use super::problem::Problem;
use super::{Admin, secret, time};
use crate::config::Secret;
use crate::store::{Account, Amendment, Author, Role, Store};

/// The account that is always there at first.
pub(super) const ADMIN: &str = "admin";
/// Whose name what the gateway does by itself has.
pub(super) const GATEWAY: &str = "gateway";
/// How often the variable is looked at, which may change with the `.env` file, and a database that was away.
const EVERY: Duration = Duration::from_secs(2);
/// Looks between two sweeps of sessions.
const SWEEP: u32 = 1800;

/// What was done about the first account.
#[derive(Default)]
pub(super) struct Applied {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// There is an account.
    founded: bool,
    /// The variable's value that was taken over.
    password: Option<Secret>,
}

pub(super) async fn keep_house(admin: Arc<Admin>) {
    let Some(store) = admin.store.clone() else {
        return;
    };
    for look in 0_u32.. {
        if let Err(problem) = look_after(&admin, &store).await {
            log::debug!("admin: accounts are looked after later: {problem:?}");
        }
        if look % SWEEP == 0 {
            let now = time::now();
            let ended = store.end_old_sessions(now - millis(LONGEST), now - millis(IDLE));
            if let Err(e) = ended.await {
                log::debug!("admin: sessions that are over stay for now: {e}");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look_after(admin: &Admin, store: &Store) -> Result<(), Problem> {
    let told = admin.live.snapshot().gateway.admin_password.clone();
    match told {
        Some(told) => take_over(admin, store, told).await,
        None => found(admin, store).await,
    }
}

/// Where there is no account at all: one with a random password, which is shown once. Of several nodes one does it.
async fn found(admin: &Admin, store: &Store) -> Result<(), Problem> {
    if admin.applied.state.lock().founded {
        return Ok(());
    }
    if store.accounts().await?.is_empty() {
        let password = secret::password();
        let hash = admin.passwords.hash(password.clone()).await?;
        if store
            .found_accounts(&account(hash, None), &gateway())
            .await?
        {
            (admin.show_password)(&password);
            log::info!("the account `{ADMIN}` was made, with a random password");
        }
    }
    admin.applied.state.lock().founded = true;
    Ok(())
}

/// The variable's password, where it is another than the last that was taken over. One that was changed since stays.
async fn take_over(admin: &Admin, store: &Store, told: Secret) -> Result<(), Problem> {
    if admin.applied.state.lock().password.as_ref() == Some(&told) {
        return Ok(());
    }
    let password = || told.reveal().to_owned();
    let there = store.account(ADMIN).await?;
    let before = there.as_ref().and_then(|account| account.told.clone());
    let is_same = before.is_some() && admin.passwords.is(password(), before).await?;
    if !is_same {
        let hash = admin.passwords.hash(password()).await?;
        let amendment = Amendment {
            role: Some(Role::Admin),
            hash: Some(hash.clone()),
            told: Some(hash.clone()),
        };
        match there {
            None => {
                let account = account(hash.clone(), Some(hash));
                store.add_account(&account, &gateway()).await?;
            }
            Some(_) => {
                let by = (&gateway(), time::now());
                store.amend_account(ADMIN, &amendment, None, by).await?;
            }
        }
        log::info!("the password of the account `{ADMIN}` is that of ADMIN_PASSWORD now");
    } else {
        log::info!("the account `{ADMIN}` is there, and has taken ADMIN_PASSWORD over before");
    }
    let mut state = admin.applied.state.lock();
    state.password = Some(told);
    state.founded = true;
    Ok(())
}

/// Who does it: nobody has asked for it but whoever started the gateway.
fn gateway() -> Author {
    Author {
        account: GATEWAY.to_owned(),
        client: None,
    }
}

fn account(hash: String, told: Option<String>) -> Account {
    let now = time::now();
    Account {
        name: ADMIN.to_owned(),
        role: Role::Admin,
        hash,
        told,
        created_at: now,
        updated_at: now,
    }
}
