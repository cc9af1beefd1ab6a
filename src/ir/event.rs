use super::part::{Citation, Part};
use super::reply::{Start, Stop};
use super::text::{Json, Str};
use super::usage::Usage;

/// A step of an answer that comes in a stream.
///
/// The law of the order, for every choice by itself: `Open`, its `Delta`s, `Close`, and only then the next `Open`; `Stop`
/// once, after the last `Close`. `Start` comes before everything else, `End` after everything else. Choices may alternate. A
/// reader whose vendor interleaves parts puts them in this order, so that no writer has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    Start(Start<'a>),
    /// A part begins. What it brings with it already (the id and name of a call, a whole image, a redacted block) is in
    /// `part`; texts, thinking and arguments in it are empty and come as deltas.
    Open {
        choice: u32,
        part: Part<'a>,
    },
    /// More of the part that is open.
    Delta {
        choice: u32,
        delta: Delta<'a>,
    },
    /// The part is complete.
    Close {
        choice: u32,
    },
    /// The choice has ended.
    Stop {
        choice: u32,
        stop: Stop<'a>,
    },
    /// What the vendor has counted so far; later ones say more, bucket by bucket.
    Usage(Usage),
    /// The service tier that was used.
    Tier(Str<'a>),
    /// The vendor has said that the answer is whole.
    End,
}

/// More of a part. Each belongs to the kind of part whose name it bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta<'a> {
    Text(Str<'a>),
    Refusal(Str<'a>),
    Thinking(Str<'a>),
    /// A piece of the last summary of a thinking part (Responses).
    Summary(Str<'a>),
    /// Another summary begins.
    NextSummary,
    /// The opaque state of the part, whole; of a thinking part or any other.
    Seal(Str<'a>),
    /// A piece of a call's arguments, of whichever kind the call's are.
    Arguments(Str<'a>),
    Citation(Citation<'a>),
    /// Log probabilities of text that has come ([`super::Choice::logprobs`]).
    Logprobs(Vec<Json<'a>>),
    /// Base64 of an audio.
    Audio(Str<'a>),
    /// What is said in the audio.
    Transcript(Str<'a>),
}
