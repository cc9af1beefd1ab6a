//! The admin side: what people and scripts see and change of a running gateway.
//!
//! Owns the shapes of its API. Never: reads or writes a request of the data plane, asks a database by itself (`store`), or
//! makes anything that the rest of the program needs.
//!
//! Start with `desk.rs` (where objects are changed) and `house.rs` (what the rest of the program does for this room).

mod desk;
mod house;
mod trouble;

pub use desk::{Condition, Desk, Done, Facts, View};
pub use house::{House, LeftOut, Refusal, Tried};
pub use trouble::{Flaw, Trouble};
