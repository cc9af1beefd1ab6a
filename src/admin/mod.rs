//! The admin side: what people and scripts see and change of a running gateway.
//!
//! Owns the shapes of its API. Never: reads or writes a request of the data plane, asks a database by itself (`store`), or
//! makes anything that the rest of the program needs.
//!
//! Start with `house.rs` (what the rest of the program does for this room).

mod house;

pub use house::{House, LeftOut, Refusal};
