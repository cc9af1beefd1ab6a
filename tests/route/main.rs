//! Choosing and failing over on made-up time: `route/`, `live/` and `balance::selection` together, without a socket.
//!
//! `harness` builds a house of vendors and drives requests through it; `rows` has every row of product §6's table,
//! `waits` who is waited for, `told` what a vendor's Retry-After does, `choosing` the strategies and stickiness,
//! `explaining` what is said of all this, `names` the resolution of names, `reloads` what survives one, `forgotten` what of a
//! model that is out of the file for a while, `quotas` what is used up, `hedging` two attempts for one answer, `properties`
//! the laws under random weather, `fairness` who gets how much, `threads` all of it at once, `simulation` hours of outages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod choosing;
mod explaining;
mod fairness;
mod forgotten;
mod harness;
mod hedging;
mod names;
mod properties;
mod quotas;
mod reloads;
mod rows;
mod simulation;
mod threads;
mod told;
mod waits;
