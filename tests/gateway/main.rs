//! The gateway as a process: what the client gets, what the vendor gets, and what the record says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by panicking, looks at the clock, and has no outside"
)]

mod access;
mod bad_input;
mod beside;
mod bodies;
mod certs;
mod clients;
mod counting;
mod doors;
mod exchange;
mod faults;
mod formats;
mod forms;
mod given_up;
mod harness;
mod hedge;
mod journal;
mod kept;
mod limits;
mod manners;
mod names;
mod notes;
mod pools;
#[path = "../store/postgres.rs"]
mod postgres;
mod process;
mod provenance;
mod quotas;
mod records;
mod resume;
mod routes;
mod rows;
mod side_paths;
mod sixteen;
mod smoke;
mod storm;
mod streams;
mod tls;
mod unresumed;
