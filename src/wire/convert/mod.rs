//! From one format to another, over the vocabulary.
//!
//! Owns what all pairs of formats share: what the target can do ([`Traits`]), what was lost ([`Losses`]) or had to be
//! refused ([`Refused`]), the table between efforts and budgets of reasoning (`effort`), the order of turns (`turns`), names
//! and kinds of tools that a target cannot say (`adapt`), opaque state and whose it is (`seals`), how many marks of a
//! prompt's cache are taken (`marks`), pieces that only one format knows (`unfold`), addresses that hold their media
//! (`address`), the object that a tool is called with (`arguments`), schemas in Gemini's dialect (`schema`), where a web search is asked from (`place`); and the ways themselves:
//! [`lower`] a request, [`answer`] with a whole reply, [`Transcode`] a stream. The formats are in their folders, behind
//! [`super::Codec`]: four readers and four writers, never sixteen pairs.
//!
//! Start with [`lower`].

mod adapt;
mod address;
pub mod arguments;
pub mod effort;
mod loss;
mod marks;
pub mod place;
pub mod schema;
mod seals;
mod target;
mod transcode;
pub mod turns;
mod unfold;
mod whole;

pub use adapt::Adaptation;
pub use loss::{Loss, Losses, Refused, Weight};
pub use seals::{CallNote, Crossing, Issuer, Keepsake, Memory, SealNote};
pub use target::{Lowered, Target, Telling, input_total, output_total};

pub use crate::ir::{ReasoningHabit, Traits};
pub use transcode::{Course, Transcode};
pub use unfold::Unfolded;
pub use whole::{Answer, Manner, Original, Ready, Unsayable, answer, lower, lower_with, retell};
