//! The demo vendor over real sockets: what it answers in each format, and how each fault looks to a client.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod anthropic;
mod client;
mod control;
mod faults;
mod gemini;
mod openai;
mod responses;
