//! Which endpoint next, and when to stop. PURE: time and dice are arguments, the living state is behind [`Field`].
//!
//! Owns: routes ([`first_route`]), names to pools ([`Table`], [`Pool`]), choosing within a tier ([`pick`]), the state
//! machines of an endpoint's and a key's health ([`Health`], [`KeyHealth`]), the retry [`Budget`], stickiness, and what
//! follows from each outcome of an attempt ([`Plan`]). Never: a lock, a clock, a socket, a log line. The state that
//! requests share is kept by `live/`; the chosen strategy runs in `balance/selection`, over [`pick`]'s algorithms.
//!
//! Start with `plan.rs` (next and record), then `class.rs` (the table of outcomes), `after.rs` (what follows from each)
//! and `choose.rs` (one stage); `hedge.rs` has a second attempt beside a late one, and another after one that broke off.

mod after;
mod attempt;
mod backoff;
mod breaker;
mod budget;
mod choose;
mod class;
mod cooldown;
mod ewma;
mod explain;
mod field;
#[cfg(test)]
pub(crate) mod fixture;
mod health;
mod hedge;
mod key;
mod needs;
mod outcome;
pub mod pick;
mod plan;
mod pool;
mod rules;
mod seats;
mod sticky;
mod table;
mod trace;
mod wait;

pub use attempt::{Attempt, By, Chosen, Purpose, Step, Stop, Why};
pub use budget::Budget;
pub use cooldown::{Cause, LONGEST_TOLD};
pub use ewma::Ewma;
pub use explain::{Candidate, Explanation, Seen};
pub use field::{Ask, Entry, Field, Load, Look};
pub use health::{Blow, Health, Held, HeldBy, Ticket, Verdict};
pub use key::{KeyHealth, KeyMark};
pub use needs::{Draw, Lack, Lacks, Needs, PathKind};
pub use outcome::{Failure, Outcome};
pub use plan::Plan;
pub use pool::{MADE_UP, Pool, Seat, Spot, Stage, identity, is_listed};
pub use rules::{Facts, first as first_route};
pub use seats::Seats;
pub use sticky::{Sticky, within_bound};
pub use table::{Resolved, Table, Unknown, permits, real_model};
pub use trace::{Failed, Sight, Skip, Skipped};
