//! What a request was, and what it cost. Pure.
//!
//! Start with [`Record`].
//!
//! Owns the [`Record`]: the one value that a finished request leaves behind, from which the access line and the metrics
//! are made; and the counters of an endpoint's quota ([`Tally`]: reserved before a call, settled after it) with the
//! [`Window`] from one reset to the next. Prices will stand here as well. Never reads a clock, never writes anywhere and
//! never locks: the counters that requests share are kept by `live/meter`.

mod record;
mod tally;
mod window;

pub use record::{AttemptRow, CandidateRow, Ending, Record};
pub use tally::{Amount, Reservation, Short, Tally, Used};
pub use window::Window;
