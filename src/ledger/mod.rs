//! What a request was, and what it cost. Pure.
//!
//! Start with [`Record`].
//!
//! Owns the [`Record`]: the one value that a finished request leaves behind, from which the access line and the metrics
//! are made; what it said, where that is kept ([`Bodies`]); what it costs ([`cost`]); the counters of a quota ([`Tally`]: reserved before a call, settled after it) with
//! the [`Window`] from one reset to the next; and those of a client key or tenant ([`Account`]), with what was let in
//! within the last 60 s (`slide`). Never reads a clock, never writes anywhere and never locks: the counters that requests
//! share are kept by `live/meter` and `live/purse`.

mod account;
mod bodies;
mod cost;
mod past;
mod record;
mod refusal;
mod slide;
mod tally;
mod window;

pub use account::{Account, Booking, Claim, Exceeded, Limit, Output, Spent, Term, TermState};
pub use bodies::{Bodies, Body, Secrets};
pub use cost::{Usd, cost};

pub use past::Past;
pub use record::{AttemptRow, CandidateRow, Choice, Ending, Record, Timing, brief};
pub use refusal::RefusalCode;
pub use tally::{Amount, Reservation, Short, Take, Tally, Used};
pub use window::Window;
