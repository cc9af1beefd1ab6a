//! The vocabulary that every room shares when it speaks of a conversation. Pure data.
//!
//! Start with [`Request`], then [`Event`].
//!
//! Owns the names of the four formats; what a conversation is made of, apart from any format's spelling of it: requests
//! ([`Request`], turns of [`Part`]s), whole answers ([`Reply`]), answers in steps ([`Event`]), and how the two become each
//! other ([`Collector`], [`replay`]); token usage in disjoint buckets, and what went wrong, as a value that any format can
//! say ([`Fault`]). Texts borrow from the document that they were read from.
//!
//! Never does: JSON. Nothing here is `Serialize`: the shapes on the wire belong to `wire/`. What a format says and the
//! vocabulary has no word for is not here, but its place is (`unsaid`), so that the loss can be told.

mod collect;
mod efforts;
mod event;
mod fault;
mod format;
mod owned;
mod part;
mod reply;
mod request;
mod text;
mod traits;
mod usage;

pub use collect::{Collector, replay};
pub use efforts::Efforts;
pub use event::{Delta, Event};
pub use fault::{Fault, FaultKind};
pub use format::Format;
pub use part::{
    Arguments, Body, CacheMark, Call, Citation, Document, Foreign, Media, Outcome, Part, Source,
    Text, Thinking,
};
pub use reply::{Choice, Reply, Start, Stop, StopReason};
pub use request::{
    Effort, Function, Namespace, Output, Place, Reasoning, Request, Role, Sampling, ServerTool,
    ServerToolKind, Summary, Tags, Tier, Tool, ToolChoice, ToolKind, Turn,
};
pub use text::{At, Json, Said, Str};
pub use traits::{ReasoningHabit, Traits};
pub use usage::Usage;
