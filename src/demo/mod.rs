//! The built-in demo vendor: a real HTTP server that behaves as LLM vendors do, in this process or alone.
//!
//! Owns its own idea of the vendors' formats (it shares no code with `wire/`: it is what that is tested against), of
//! how they fail ([`Fault`]), and a ledger of what it was asked ([`Seen`]). It never looks at the gateway, its
//! configuration or its rooms but the clock, and nothing in it is random: the same request gets the same bytes.
//!
//! Start at [`Vendor`]: scripts say how the next requests are treated, the ledger says what came. `reception` reads
//! a request, `exchange` treats it: pick the step, ask the `dialect` of its path (a folder per format: `read` to a
//! conversation, `write` from an answer), `mind` for what to say, `answer` for what a step leaves of it; `body` gives
//! it out, `connection` ends it where a script wants that. A further format is a further folder with a `Dialect`.
//!
//! Run alone it is steered by the names of models, phrases in prompts and a small control API: [`HELP`].

mod answer;
mod anthropic;
mod body;
mod complaint;
mod connection;
mod control;
mod dialect;
mod exchange;
mod fault;
mod form;
mod gemini;
mod ledger;
mod magic;
mod mind;
mod openai_chat;
mod openai_responses;
mod reception;
mod script;
mod vendor;

pub use complaint::ErrorKind;
pub use connection::Socket;
pub use fault::{Break, Coding, Early, ErrorBody, Fault, Hollow, Place, Raw, Status, Step, Unread};
pub use ledger::{Ending, Seen};
pub use magic::HELP;
pub use script::Match;
pub use vendor::{Connection, Setup, Vendor, alone};
