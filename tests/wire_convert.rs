//! Conversions between formats, by laws: nothing of a request is lost without a word, an answer means the same in every
//! format, a stream says what the whole answer says, and no bytes of strangers break anything.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; the recorded traffic is where the environment says"
)]

#[path = "wire_convert/answers.rs"]
mod answers;
#[path = "wire_convert/cut.rs"]
mod cut;
#[path = "wire_convert/history.rs"]
mod history;
#[path = "laws/mod.rs"]
mod laws;
#[path = "wire_convert/loops.rs"]
mod loops;
#[path = "wire_convert/recorded.rs"]
mod recorded;
#[path = "wire_convert/same.rs"]
mod same;
#[path = "wire_convert/sentinels.rs"]
mod sentinels;
#[path = "wire_convert/sizes.rs"]
mod sizes;
#[path = "wire_convert/sources.rs"]
mod sources;
#[path = "wire_convert/streams.rs"]
mod streams;
#[path = "wire_convert/words.rs"]
mod words;
