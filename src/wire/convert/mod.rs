//! From one format to another, over the vocabulary.
//!
//! Owns what all pairs of formats share: what the target can do ([`Traits`]), what was lost ([`Losses`]) or had to be
//! refused ([`Refused`]), the table between efforts and budgets of reasoning (`effort`), and the order of turns (`turns`).
//! The formats themselves are in their folders, behind [`super::Codec`]: four readers and four writers, never sixteen pairs.
//!
//! Start with [`Lowered`].

pub mod effort;
mod loss;
mod target;
pub mod turns;

pub use loss::{Loss, Losses, Refused};
pub use target::{Lowered, ReasoningHabit, Target, Telling, Traits, input_total, output_total};
