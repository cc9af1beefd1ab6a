//! The admin side of a gateway process: who may enter, what every answer is like, and the way there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by panicking, looks at the clock, and has no outside"
)]

mod accounts;
mod answers;
mod away;
mod broken;
mod caller;
#[path = "../gateway/certs.rs"]
mod certs;
mod changing;
mod commands;
mod crowd;
mod document;
mod entering;
mod explaining;
mod hanging;
#[allow(dead_code, reason = "shared with the tests of the data plane")]
#[path = "../gateway/harness.rs"]
mod harness;
mod house;
mod life;
mod listener;
#[allow(dead_code, reason = "shared with the tests of the database")]
#[path = "../store/postgres.rs"]
mod postgres;
mod rows;
mod secrets;
mod together;
mod told;
mod way;
