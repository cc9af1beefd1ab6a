//! What is kept over restarts, on disk.
//!
//! Owns the journal of quotas (`DATA/quotas.journal`): what was used of the quotas of endpoints, client keys and tenants
//! and of their budgets, appended at most once a second ([`Keeper`]), read before the gateway listens, and open to a command that resets one by hand ([`Journal`]).
//! Never: waited for by a request. Where the disk is full or away, requests go on, and a metric counts what was not
//! written. A journal is one gateway's: who starts beside its owner counts for itself, says so, and takes over when that
//! one is gone.
//!
//! Start with `line.rs` (what a line says), then `journal.rs` (the file), `keeper.rs` (who writes them, when).

mod journal;
mod keeper;
mod line;

pub use journal::Journal;
pub use keeper::Keeper;
pub use line::{Counters, Kept, Name};
