//! What a request was, and what it cost. Pure.
//!
//! Start with [`Record`].
//!
//! Owns the [`Record`]: the one value that a finished request leaves behind, from which the access line and the metrics
//! are made. Limits, windows and prices will stand here as well. Never reads a clock and never writes anywhere.

mod record;

pub use record::{AttemptRow, Ending, Record};
