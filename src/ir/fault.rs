use std::time::Duration;

/// What kind of thing went wrong, apart from any format's spelling of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request is wrong in itself (400, 422).
    InvalidRequest,
    /// No or a wrong credential (401).
    Authentication,
    /// The account has no money or quota left (402, OpenAI's `insufficient_quota`).
    Billing,
    /// The credential may not do this (403).
    Permission,
    /// No such model, path or object (404).
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// The body is too large (413).
    TooLarge,
    /// 415.
    UnsupportedMedia,
    /// Too many requests or tokens (429).
    RateLimit,
    /// The conversation does not fit the model's context (a 400 of its own kind).
    ContextLength,
    /// The vendor refuses the content (a 400 of its own kind).
    ContentPolicy,
    /// Something took too long (408, 504).
    Timeout,
    /// The vendor is overloaded (503, 529).
    Overloaded,
    /// Any other failure on the vendor's or our side (500, 502).
    Internal,
}

/// An error as a value: read from any vendor, written in any client's format.
///
/// `message` is for the caller and is already free of keys, hosts and raw bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// HTTP status for the client, as the vendor or we chose it.
    pub status: u16,
    pub message: String,
    /// The vendor's own type (`error.type`), where it survives in the client's format.
    pub type_name: Option<String>,
    /// OpenAI's `error.code`.
    pub code: Option<String>,
    /// OpenAI's `error.param`.
    pub param: Option<String>,
    /// When asking again makes sense.
    pub retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(kind: FaultKind, status: u16, message: impl Into<String>) -> Fault {
        Fault {
            kind,
            status,
            message: message.into(),
            type_name: None,
            code: None,
            param: None,
            retry_after: None,
        }
    }
}
