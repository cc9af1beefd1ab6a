//! What is kept over restarts, on disk.
//!
//! Owns the journal of quotas (`DATA/quotas.journal`): what was used of every endpoint's quota, appended at most once a
//! second ([`Keeper`]), read before the gateway listens, and open to a command that resets one by hand ([`Journal`]).
//! Never: waited for by a request. Where the disk is full or away, requests go on, and a metric counts what was not
//! written. A journal is one gateway's: several processes do not share their counters.
//!
//! Start with `journal.rs` (the lines), then `keeper.rs` (who writes them, when).

mod cipher;
mod journal;
mod keeper;

pub use cipher::{Cipher, FILE as KEY_FILE, KeyError, OpenError, VARIABLE as KEY_VARIABLE};
pub use journal::{Counters, Journal, Kept};
pub use keeper::Keeper;
