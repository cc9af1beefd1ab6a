//! What is true now, shared by all requests and surviving reloads. Locks and atomics, no I/O.
//!
//! Owns: the snapshot of configuration and pools that a request holds on to ([`Snapshot`]), the standing of every
//! endpoint and key ([`Standing`], [`KeyStanding`]), the quotas of endpoints ([`Meter`]), what client keys and tenants may
//! use ([`Purse`]), the pools of real names, made on the fly, the vault of opaque state that clients' formats cannot hold
//! ([`Vault`]), and the records that wait to be kept ([`Outbox`]); and what would become of a
//! request ([`foresee`]). Never: decides anything (that is `route/`, whose state machines are kept here behind tiny
//! locks); holds a lock across an await (nothing here is async). Locks are taken one at a time, or in the order rotation,
//! standing, quota; those of purses alone, or after that of their list, which no request takes.
//!
//! Start with `snapshot.rs`, then `lane.rs` (what a plan sees).

mod era;
mod foresee;
mod lane;
mod marks;
mod meter;
mod outbox;
mod purse;
mod real_lanes;
mod registry;
mod snapshot;
mod standing;
mod vault;

pub use foresee::{Outlook, foresee};
pub use lane::{Arrange, Lane};
pub use marks::{Marked, Marks};
pub use meter::{Meter, MeterName, Pledge, Quotas, Reading};
pub use outbox::Outbox;
pub use purse::{Grant, Owner, Purse, PurseState, Purses, Refused, TermName};
pub use registry::Registry;
pub use snapshot::{Live, Snapshot};
pub use standing::{KeyStanding, Pass, Standing, State};
pub use vault::{Remembered, Vault};
