use std::time::Duration;

use crate::ir::FaultKind;

/// How an attempt went, as the exchange saw it; told to [`Plan::record`](super::Plan::record).
///
/// A good attempt is told twice: `Answered` when it is committed, `Finished` at its proper end. In between it may still
/// turn into `Failed(CutAfterContent | StallAfterContent)` or `ClientGone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// First content of a stream (or its proper end, where that comes first), or the head of a whole non-stream reply:
    /// the attempt is committed, there will be no other one. Ends cooldown and half-open.
    Answered {
        /// From the request sent to the first content; for a non-stream to its end.
        first_token: Duration,
    },
    /// The answer came to its proper end. Ends the row of failures. A non-stream may be told with this alone.
    Finished,
    Failed(Failure),
    /// `timeouts.total` ended the attempt before its own timeouts did: nobody is blamed.
    OutOfTime,
    /// The client went away: nothing cools, nothing counts.
    ClientGone,
}

/// Why an attempt gave no good answer. What follows from each is the table of [`class`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Refused, unreachable, no such host.
    Connect,
    ConnectTimeout,
    Tls,
    /// The connection ended after the request was (partly) sent and before a whole head. The reset of a *reused idle*
    /// connection is not told here: the exchange sends it once more at once, and the record has both.
    ResetBeforeHead,
    /// An error answer.
    Status {
        status: u16,
        kind: FaultKind,
        retry_after: Option<Duration>,
    },
    /// `first_token` (streams) or `response` (non-streams) passed without content.
    NoFirstToken,
    /// `idle` passed between two events, or the head did not come, before content.
    Silence,
    /// A 200 with nothing in it.
    EmptyAnswer,
    /// A 200 that ended before content, or a non-stream reply that is not whole.
    Truncated,
    /// A 200 whose stream (or JSON) says an error before content. As its kind.
    StreamError {
        kind: FaultKind,
        retry_after: Option<Duration>,
    },
    /// After content: the connection broke, the stream ended without a proper end, or said an error.
    CutAfterContent,
    /// After content: `idle` passed.
    StallAfterContent,
    /// It was to go on with an answer that broke off, and gave another one.
    OtherWords,
    /// Nothing was sent: the request says what this endpoint's format cannot say.
    Unsayable,
}
