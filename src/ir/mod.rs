//! The vocabulary that every room shares when it speaks of a conversation. Pure data.
//!
//! Start with [`Format`].
//!
//! Owns the names of the four formats, token usage in disjoint buckets, and what went wrong, as a value that any
//! format can say ([`Fault`]). Nothing here is `Serialize`: the shapes on the wire belong to `wire/`.

mod fault;
mod format;
mod usage;

pub use fault::{Fault, FaultKind};
pub use format::Format;
pub use usage::Usage;
